/* SPDX-License-Identifier: MIT */
/*
 * Translated blocks and their cache, shared by all vCPUs.
 *
 * Blocks are found by key without a lock (chained hash, insertions publish with release). A
 * block's key.phys and key.phys2 name bytes of host-backed guest memory by ram_addr_t, so that a
 * page shown at several physical addresses, or moved, is translated once.
 *
 * Code bits: every RAM page with translations has a struct with one bit per 64-byte line. Writers
 * that do not go through a first-level TLB entry call tb_invalidate_ram() after their write.
 *
 * Space: host code lives in one buffer of two views (writable, executable), cut into regions that
 * are filled in turn; metadata of a region's blocks (struct tb, side tables, edges) comes from
 * arenas that live and die with the region. When the buffer is full the oldest region is emptied
 * in an exclusive section (no vCPU in translated code), edges into it are cut, its memory reused.
 * An invalidated block keeps its memory until its region goes: its entry leads to a lookup.
 * Pointers to blocks are good while the vCPU is inside (exec_enter), or under the cache lock.
 */
#ifndef TRANSLATOR_TB_H
#define TRANSLATOR_TB_H

#include "translator/frontend.h"
#include "util/base.h"

struct error;

/*
 * Where a page-leaving edge goes in one context. A context id is one vCPU's alone, so that vCPU (the
 * owner) may change the words: no other one can find its own id here, before or after. Others
 * publish a new slot.
 */
struct tb_slot {
    uint64_t ctx;     /* vcpu.ctx ... */
    uint64_t page;    /* and vcpu.pc_page of the source block for which it is right */
    const void *code; /* the target's entry */
    struct tb *to;
    unsigned owner; /* vcpu.index */
};
extern struct tb_slot tb_slot_none; /* matches nothing: no context has its ctx, nor has live_ctx */

/*
 * Blocks and edges refer to each other by where they are in the arena of metadata, in units of
 * TB_REF_UNIT; 0 is none.
 */
typedef uint32_t tb_ref;
#define TB_REF_UNIT 8
extern uint8_t *tb_arena;

static inline void *tb_ref_ptr(tb_ref r)
{
    return r ? tb_arena + (size_t)r * TB_REF_UNIT : NULL;
}
static inline tb_ref tb_ref_to(const void *p)
{
    return p ? (tb_ref)((size_t)((const uint8_t *)p - tb_arena) / TB_REF_UNIT) : 0;
}

/* One direct exit of a block; kept out of the code buffer. */
struct tb_edge {
    tb_ref to;                  /* block it is linked to (atomic) */
    tb_ref next_in;             /* of the target's incoming edges */
    union {
        struct tb_slot *slot;   /* page-leaving edges: load once, compare both, jump (atomic) */
        uint32_t host[2];       /* of backends with links_pages: theirs */
    };
    int32_t off;                /* target PC - vcpu.pc_page */
    uint8_t index;              /* in from->edge[] */
    uint8_t relinks;
    bool by_table;              /* (atomic) never linked: goes by the jump table */
};

/* There are hundreds of thousands: every byte counts. */
struct tb {
    struct {
        gpa_t phys;
        uint64_t mode;
    } key; /* with variant, and struct tb_more where the rest is not zero */
    const void *code; /* host entry (executable view); the interpreter's blocks have none */
    uint32_t variant;
    tb_ref hash_next;
    tb_ref page_next;   /* on the list of its first page */
    tb_ref in;          /* edges linked here */
    uint32_t code_size; /* host bytes from code on */
    uint16_t data_size; /* the backend's own use */
    uint16_t guest_bytes;
    uint8_t guest_insns, n_exits, mmu_idx, pc_bits;
    uint8_t region;
    uint8_t host; /* the backend's own use */
    bool more;    /* has a struct tb_more */
    bool invalid; /* atomic; never entered from the run loop again */
    struct tb_edge edge[]; /* n_exits */
    /* then struct tb_more, then the backend's data */
};

/* What few blocks have: two pages, or a code segment that is not flat. */
struct tb_more {
    gpa_t phys2;
    uint64_t cs_base, pc;
    uint32_t cs_limit;
    tb_ref page_next; /* on the list of its second page */
};

static inline struct tb_more *tb_more(const struct tb *tb)
{
    return tb->more ? (struct tb_more *)(uintptr_t)&tb->edge[tb->n_exits] : NULL;
}

static inline gpa_t tb_phys2(const struct tb *tb)
{
    return tb->more ? tb_more(tb)->phys2 : 0;
}

/* What the backend's first tb_data_alloc() for the block returned. */
static inline void *tb_data(const struct tb *tb)
{
    return (uint8_t *)(uintptr_t)&tb->edge[tb->n_exits] + (tb->more ? sizeof(struct tb_more) : 0);
}

static inline struct tb *tb_edge_target(const struct tb_edge *e)
{
    return tb_ref_ptr(__atomic_load_n(&e->to, __ATOMIC_ACQUIRE));
}

/*
 * Is the edge linked to its target for good? Those to the last bytes of the page are not, since a
 * page-straddling instruction may start there: they count as leaving the page.
 */
#define TB_MAX_INSN 15 /* bytes of a guest instruction */
static inline bool tb_edge_in_page(const struct tb_edge *e)
{
    return e->off >= 0 && e->off <= (int32_t)SOFTTLB_PAGE - TB_MAX_INSN;
}

/* A piece of the code buffer: the same bytes at two addresses. */
struct code_span {
    uint8_t *rw;
    const uint8_t *rx;
    size_t room;
};

/*
 * A page-straddling instruction is a block of its own (key.phys2). It is right only where both
 * linear pages map so, which a jump-table entry or slot of its context vouches for. link() with
 * NULL: let the edge go by the jump table (its page has been mapped anew under the running block).
 */

/* Where a backend may put its stubs, before any block. */
struct code_span tb_code_stubs(void);
#define TB_CODE_SIZE_DEFAULT SIZE_MAX /* by the size of guest memory */
int tb_cache_init(size_t code_size, struct error **err);
void tb_cache_fini(void);

/* Executable address -> writable address of the same byte (backends patch jumps with it). */
uint8_t *tb_code_rw(const void *rx);
bool tb_code_contains(const void *rx);
/* The block whose code holds a host address, or NULL. Lock-free. */
struct tb *tb_find_host(const void *rx);

/* Lock-free lookup of a valid block. General registers only (leaf stubs call it). */
struct tb *tb_find(const struct tb_key *key);

/*
 * Make the block for a key from its IR and publish it. NULL: not now, since a page of it has been
 * written meanwhile, or room had to be made: look up and translate again. `gen1` and `gen2` are
 * what tb_page_open() gave for its pages before the code was read. From outside (exec_enter). A
 * key whose phys lies beyond RAM makes a block nobody will find again (code not in RAM).
 */
struct tb *tb_make(struct vcpu *cpu, const struct tb_key *key, const struct ir_block *b,
                   uint32_t gen1, uint32_t gen2);
/* Get ready to read a page as code: from its return no write to it goes unnoticed. */
uint32_t tb_page_open(struct vcpu *cpu, ram_addr_t page);
bool tb_page_has_code(ram_addr_t addr);

/* Zeroed memory for the block being compiled (from compile() only), aligned to 8. NULL: return
   -ENOSPC. */
void *tb_data_alloc(struct tb *tb, size_t size);

/* RAM was written: drop blocks that overlap. Any thread. */
void tb_invalidate_ram(ram_addr_t addr, uint64_t len);
/* Drop the blocks that have a byte at this offset of a page (a debugger's hook comes or goes). */
void tb_invalidate_offset(unsigned off);
/* Does the range hit bytes of this block? */
bool tb_overlaps(const struct tb *tb, ram_addr_t addr, uint64_t len);
/* Drop everything (exclusive section inside). */
void tb_flush_all(struct vcpu *cpu);

/* Link edge `slot` of `from`, just taken in vcpu.ctx and the linear page `page`, to `to`. */
void tb_link(struct vcpu *cpu, struct tb *from, unsigned slot, struct tb *to, uint64_t page);
/* Rises when memory of blocks is reused: struct tb pointers from before may be stale. */
unsigned tb_evict_count(void);

/* Totals for `info jit`. */
struct tb_stats {
    uint64_t blocks, guest_insns, guest_bytes, host_bytes, data_bytes, ir_insns;
    uint64_t invalidated, evicted_regions, flushes, live_blocks;
    uint64_t edges_linked, pages_linked;
    size_t code_size, code_used;
};
void tb_get_stats(struct tb_stats *s);

#endif
