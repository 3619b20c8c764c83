/* SPDX-License-Identifier: MIT */
/*
 * Inside of the run loop: its per-vCPU state, shared by exec.c and exec_leaf.c.
 *
 * A context id is mode number << 48 | generation. Modes are numbered per vCPU; a mode that has,
 * since the last change of the address space, executed code from a non-global page takes the
 * generation of its space, others that of global pages, so that a kernel of global pages keeps its
 * id over switches. (What was recorded under the global generation is global for good.)
 */
#ifndef TRANSLATOR_EXEC_STATE_H
#define TRANSLATOR_EXEC_STATE_H

#include "translator/tb.h"
#include "translator/vcpu.h"

#define MODE_BITS   8
#define EXECUTED_BITS 16

struct exec_mode {
    uint64_t mode, cs_base;
    uint32_t cs_limit, variant;
    bool used;
    uint64_t nonglobal_in; /* the stay (below) in which it ran code of a non-global page */
};

struct exec_stats {
    uint64_t entries, lookups, code_walks, translated, translate_ns, unwinds, polls, one_insn, unshared;
    uint64_t uncached, contexts, renewals, page_renewals;
    uint64_t exits[4]; /* by enum exec_exit */
};

struct exec_state {
    uint64_t seq; /* odd: inside, i.e. in translated code or holding pointers to blocks (atomic) */
    struct tb_key key; /* mode part for vcpu.ctx */
    bool non_flat;     /* the key has the PC */
    /* --- */
    unsigned mode, space;
    uint64_t stay; /* number of the present stay in one address space, from 1 */
    uint64_t global_gen, min_gen; /* space generations below min_gen are void */
    struct exec_mode modes[1 << MODE_BITS];
    unsigned n_modes;
    /* Linear pages (hashed) whose translation the contexts rely on: not global, global. */
    uint64_t executed[2][1u << (EXECUTED_BITS - 6)];
    unsigned n_executed;
    uint64_t space_gens[SOFTTLB_SPACES];
    bool one_insn, unshared, exclusive_insn; /* how to run the next block */
    uint8_t retries;  /* in a row of one guest instruction */
    uint8_t not_made; /* blocks in a row that could not be made */
    bool exclusive;
    const void *unlinked; /* struct tb of the edge to be linked next, with its slot and page */
    unsigned unlinked_slot, unlinked_evict;
    uint64_t unlinked_page;
    struct ir_block ir;
    struct exec_stats stats;
};

static inline struct ctlb_entry *ctlb_slot(struct vcpu *cpu, uint64_t page)
{
    return &cpu->ctlb[page >> 12 & ((1u << VCPU_CTLB_BITS) - 1)];
}

/* The block at pc if the code TLB and the cache have it (general registers only). */
struct tb *exec_find_cached(struct vcpu *cpu, uint64_t pc);
/* The same for a variant of the mode (TBV_*). */
struct tb *exec_find_variant(struct vcpu *cpu, uint64_t pc, uint32_t variant);
/* Make the jump table know it. */
static inline void exec_fill_jmp(struct vcpu *cpu, uint64_t pc, struct tb *tb)
{
    struct jmp_entry *j = &cpu->jmp[vcpu_jmp_index(pc)];

    *j = (struct jmp_entry){.pc = pc, .ctx = cpu->ctx, .code = tb->code, .tb = tb};
}

/* exec_context.c */
uint64_t exec_new_gen(void);
void exec_set_ctx(struct vcpu *cpu); /* after a change of mode, space or generations */
void exec_renew_all(struct exec_state *x); /* void all generations */
/* Has the mode run code of a non-global page in this stay? */
static inline bool exec_nonglobal(const struct exec_state *x)
{
    return x->modes[x->mode].nonglobal_in == x->stay;
}

/*
 * The hash table of blocks. Those of one page are neighbours, for they are looked up one after the
 * other: when a process has been switched to or started, nearly all of its code is there already.
 */
#define TB_HASH_BITS 18
extern tb_ref *tb_hash_table;

static inline unsigned tb_hash(const struct tb_key *k)
{
    uint64_t h = (k->phys >> 12) * 0x9e3779b97f4a7c15u;

    h ^= (k->mode ^ k->cs_base << 7 ^ k->pc << 3) * 0xff51afd7ed558ccdu;
    h ^= (k->phys2 ^ (uint64_t)k->variant << 40 ^ k->cs_limit) * 0xc4ceb9fe1a85ec53u;
    h = (h ^ h >> 29) >> (64 - 29 - TB_HASH_BITS);
    return (h + (k->phys >> 3 & 511)) & ((1u << TB_HASH_BITS) - 1);
}

#endif
