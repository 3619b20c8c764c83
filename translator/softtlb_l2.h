/* SPDX-License-Identifier: MIT */
/*
 * Inside of the soft TLB: its second level, shared by softtlb.c and softtlb_leaf.c.
 *
 * Generations name sets of entries: one for each address space, one for global pages. Flushing is
 * taking a new number. User-class entries are always those of their space, and spread by it.
 */
#ifndef TRANSLATOR_SOFTTLB_L2_H
#define TRANSLATOR_SOFTTLB_L2_H

#include "translator/vcpu.h"

#define L2_BITS    13
#define L2_ENTRIES (1u << L2_BITS)
/* A block writes through a window only so long that this many displaced entries hold it. */
#define SOFTTLB_VICTIMS 64
#define L1_WORDS   (SOFTTLB_ENTRIES / 64)

enum { L2_READ = 1, L2_WRITE = 2 };

struct l2_entry {
    uint64_t tag;  /* linear page | class; ~0: empty */
    uint64_t gen;  /* generation of its space, or of global pages */
    uint8_t *host; /* host page, NULL: MMIO, hole, page of pieces, watched */
    uint64_t ram;  /* RAM page of host */
    gpa_t gpa;
    uint8_t perms;     /* L2_* the guest's page tables allow now (write: and D is set) */
    uint8_t rom;       /* host memory that ignores writes */
    uint8_t watched;   /* treated as MMIO, accesses are reported */
    uint8_t span_bits; /* log2 of the guest's page size */
    unsigned views;    /* mem_generation as of the look at what is there */
    struct mem_region *device; /* MMIO: all of the page is its, in those views; or NULL */
    uint64_t device_off;             /* of the page in it */
};

/* First-level entries in use, and those of them that are not global. */
struct l1_map {
    uint64_t used[L1_WORDS], nonglobal[L1_WORDS];
};

struct softtlb_l2 {
    uint64_t global_gen, space_gen; /* now */
    unsigned space;
    bool large_overflow;
    struct l1_map rd[SOFTTLB_SETS], wr[SOFTTLB_SETS];
    uint64_t large[3][16]; /* hash sets of the large pages seen: up to 4 MiB, up to 1 GiB, beyond */
    /* Host pages of the first-level entries for writing that were displaced last: translated code
       may still be using them (opt_windows), so whoever removes entries looks here too. */
    uint64_t victims[SOFTTLB_VICTIMS];
    unsigned n_victims;
    struct softtlb_stats stats;
    uint64_t space_gens[SOFTTLB_SPACES]; /* 0: none yet */
    struct l2_entry entry[L2_ENTRIES];
};

/*
 * One word per RAM page: not 0, stores to it must take the slow path. Whoever tracks a page clears
 * dirty bits first, then puts a new number here; a store sets the bits first, then exchanges the
 * number that it has seen before for 0, or leaves it if it is another one by then.
 */
extern uint32_t *softtlb_tracked;
/* A store to the page is under way: may it, and later ones, go the fast way? False if the page has
   code, or is being tracked anew. */
bool softtlb_untrack(ram_addr_t page);

static inline struct l2_entry *l2_slot(struct softtlb_l2 *l2, gva_t addr, unsigned mmu_idx)
{
    uint64_t page = addr >> 12;
    uint64_t mix = page ^ page >> L2_BITS ^ (mmu_idx == TLB_USER ? l2->space * 0x4e5u : mmu_idx * 0x9d3u);

    return &l2->entry[mix & (L2_ENTRIES - 1)];
}

static inline bool l2_match(const struct softtlb_l2 *l2, const struct l2_entry *e, gva_t addr,
                            unsigned mmu_idx)
{
    return e->tag == ((addr & ~(uint64_t)(SOFTTLB_PAGE - 1)) | mmu_idx) &&
           (e->gen == l2->space_gen || e->gen == l2->global_gen);
}

/* Put a page into the first level; NULL if a store to it must go the slow way. */
void *softtlb_fill_l1(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, enum tlb_access a,
                      unsigned mmu_idx);

#endif
