/* SPDX-License-Identifier: MIT */
/*
 * The soft TLB: guest linear page -> host page, per vCPU.
 *
 * First level: direct mapped, separate tables for reads and writes, one set per access class, the
 * class being static in a block (its key). Translated code does, inline:
 *     i = (addr >> 12) & (SOFTTLB_ENTRIES - 1)
 *     t = addr ^ entry[i].tag;  if (t > 4096 - size) slow path
 *     host = t + entry[i].host
 * A hit's t is the page offset, so one compare catches wrong page and page crossing. An empty
 * entry i holds softtlb_empty_tag(i), which cannot match any address that selects entry i.
 * Pages that need the slow path always (MMIO, watched, ROM/code/clean pages for writes) are
 * never put into the table concerned. A write entry exists only for pages whose PTE is dirty.
 *
 * Entries belong to their vCPU's thread; another thread may only ask for a flush by event, except
 * softtlb_remove_write() (code page made, dirty log cleared): atomic tag stores into remote write
 * entries, which the remote vCPU is sure to have seen once it has passed a poll (exec.h epoch).
 *
 * Second level: tagged by context (address space generation), larger; refilled without leaving
 * translated code (leaf C), then the frontend's page walk.
 */
#ifndef TRANSLATOR_SOFTTLB_H
#define TRANSLATOR_SOFTTLB_H

#include "util/base.h"
#include "util/types.h"

#include <string.h>

#define SOFTTLB_BITS 10
#define SOFTTLB_ENTRIES (1u << SOFTTLB_BITS)
#define SOFTTLB_PAGE 4096u

/* Access classes (mmu_idx). */
enum softtlb_class { TLB_USER, TLB_KERNEL, TLB_KERNEL_AC /* supervisor, user pages allowed (AC=1 or no SMAP) */, SOFTTLB_SETS };
enum tlb_access { TLB_READ, TLB_WRITE, TLB_FETCH };

struct softtlb_entry { uint64_t tag, host; };
struct softtlb_set { struct softtlb_entry rd[SOFTTLB_ENTRIES], wr[SOFTTLB_ENTRIES]; };
static inline uint64_t softtlb_empty_tag(unsigned i) { return (uint64_t)(i ^ 1) << 12; }

/* What a page walk found (filled by frontend_ops.walk). */
struct tlb_walk {
    gpa_t gpa;        /* physical address of the 4 KiB page */
    bool read, write, fetch; /* allowed for this class; write only when D is set */
    bool global;
    bool watched;     /* a debugger or debug register wants to hear of accesses: frontend_ops.watch */
    uint64_t span;    /* size of the mapping that holds it (4 KiB, 2 MiB, ...) */
};

struct vcpu;
struct softtlb_l2;

/* For functions that touch guest data: what several vCPUs race for is the guest's business. */
#define guest_race __attribute__((no_sanitize("thread"), no_sanitize("alignment")))

/* Between guest data and a buffer; the sanitizer looks into memcpy() wherever it is called. */
static inline guest_race void softtlb_copy(void *to, const void *from, unsigned len)
{
#if defined(__SANITIZE_THREAD__)
    uint8_t *d = to;
    const uint8_t *s = from;

    while (len--)
        *d++ = *s++;
#else
    memcpy(to, from, len);
#endif
}

/*
 * Accesses from C (helpers, and the slow path of translated code). They raise guest exceptions by
 * the frontend's walk (which does not return then), do MMIO, handle page crossing, code pages and
 * dirty tracking. `info`: SOFTTLB_INFO(size, class, mem flags).
 */
uint64_t softtlb_load(struct vcpu *cpu, gva_t addr, unsigned size, unsigned mmu_idx, unsigned memflags);
void softtlb_store(struct vcpu *cpu, gva_t addr, uint64_t val, unsigned size, unsigned mmu_idx, unsigned memflags);
/* bytes of any length, all pages probed before the first byte is written */
void softtlb_read(struct vcpu *cpu, gva_t addr, void *buf, unsigned len, unsigned mmu_idx, unsigned memflags);
void softtlb_write(struct vcpu *cpu, gva_t addr, const void *buf, unsigned len, unsigned mmu_idx, unsigned memflags);
/* Raise what the access would; returns the host address if [addr, addr+size) is plain RAM in one page and may be accessed directly, else NULL. */
void *softtlb_probe(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a, unsigned mmu_idx, unsigned memflags);
/* As a probe for writing, and leave the running block if the store would hit its own code. */
void softtlb_probe_store(struct vcpu *cpu, gva_t addr, unsigned len, unsigned mmu_idx, unsigned memflags);
/* First-level miss: refill and return the host address, or NULL when the access must go by softtlb_load/store. */
void *softtlb_refill(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a, unsigned mmu_idx, unsigned memflags);
/* The same for 1, 2, 4 or 8 bytes, or NULL when the access has been made. same_map: a store to a device, which may
   change what is mapped, starts again in a block without windows (exec_retry_unshared). */
void *softtlb_miss_load(struct vcpu *cpu, gva_t addr, uint64_t *val, unsigned size, unsigned mmu_idx, unsigned memflags);
void *softtlb_miss_store(struct vcpu *cpu, gva_t addr, uint64_t val, unsigned size, unsigned mmu_idx, unsigned memflags,
                         bool same_map);

/* For a window (opt_windows): the host address, or NULL; never raises, nor makes a page dirty. */
void *softtlb_refill_window(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a, unsigned mmu_idx);
/* Does a store, probed for already, go to a device? */
bool softtlb_is_io(struct vcpu *cpu, gva_t addr, unsigned size, unsigned mmu_idx, unsigned memflags);

/*
 * The part of softtlb_refill() for generated code with FP state live (general registers only):
 * second-level hit on plain RAM, else NULL. Never raises.
 */
void *softtlb_refill_leaf(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a, unsigned mmu_idx);
/*
 * The same in two steps: the second level's entry that allows an access within its page, or NULL;
 * then the host address, if it is RAM. Devices that do without the FP state (mem_ops.read_leaf) can be
 * loaded from and stored to; false: that has to be done by softtlb_load/store.
 */
struct l2_entry;
const struct l2_entry *softtlb_find_leaf(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a,
                                         unsigned mmu_idx);
void *softtlb_map_leaf(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, enum tlb_access a, unsigned mmu_idx);
bool softtlb_device_leaf(const struct l2_entry *e); /* is it one? */
bool softtlb_load_leaf(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, uint64_t *val, unsigned size);
bool softtlb_store_leaf(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, uint64_t val, unsigned size);


/*
 * An atomic access: the host address for the host's own locked instruction. NULL: the access
 * cannot be done so (it crosses a page or cache line, MMIO, code page) and the vCPU is in an
 * exclusive section, so do it with plain softtlb_load() and softtlb_store(). (The first time it
 * does not return: the guest instruction is undone and run again alone in such a section.)
 */
void *softtlb_atomic(struct vcpu *cpu, gva_t addr, unsigned size, unsigned mmu_idx, unsigned memflags);

/*
 * Address spaces (x86: PCID; always 0 without). Entries of other spaces survive a switch.
 * exec.h's vcpu_set_space() does this for data and code together.
 */
#define SOFTTLB_SPACES 4096
void softtlb_set_space(struct vcpu *cpu, unsigned space, bool flush);
void softtlb_flush_space(struct vcpu *cpu, unsigned space); /* its non-global entries */

/* Flushes, on the vCPU's own thread. Keep the code TLB and jump table in step (exec.h). */
void softtlb_flush_all(struct vcpu *cpu);            /* global pages too */
void softtlb_flush_nonglobal(struct vcpu *cpu);
void softtlb_flush_page(struct vcpu *cpu, gva_t addr);
int softtlb_init(struct vcpu *cpu);
void softtlb_fini(struct vcpu *cpu);

/* Once per process, after ram_init(); hears of dirty bits being cleared. */
int softtlb_global_init(void);
void softtlb_global_fini(void);
/* Send writes to these RAM pages the slow way from now on (until nobody tracks them: dirty bits). */
void softtlb_remove_write(ram_addr_t addr, uint64_t len);
/* Has this thread, since it last asked, removed an entry of another vCPU (which may still be
   using it until it is outside translated code: exec_grace())? */
bool softtlb_removed_remote(void);

struct softtlb_stats { uint64_t refills, walks, mmio, slow_stores, flushes; };
void softtlb_get_stats(struct vcpu *cpu, struct softtlb_stats *s);

#endif
