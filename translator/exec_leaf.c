/* SPDX-License-Identifier: MIT */
/*
 * Finding a block that exists. Compiled for general registers only: generated code calls it with
 * the guest's FP and SIMD state live in host registers.
 */
#include "translator/exec.h"
#include "translator/exec_state.h"

#define PAGE_MASK (~(uint64_t)(SOFTTLB_PAGE - 1))

static bool same_key(const struct tb_key *a, const struct tb_key *b)
{
    return a->phys == b->phys && a->mode == b->mode && a->phys2 == b->phys2 && a->pc == b->pc &&
           a->cs_base == b->cs_base && a->cs_limit == b->cs_limit && a->variant == b->variant;
}

struct tb *tb_find(const struct tb_key *key)
{
    struct tb *tb = __atomic_load_n(&tb_hash_table[tb_hash(key)], __ATOMIC_ACQUIRE);

    while (tb && !same_key(&tb->key, key))
        tb = __atomic_load_n(&tb->hash_next, __ATOMIC_ACQUIRE);
    return tb;
}

struct tb *exec_find_cached(struct vcpu *cpu, uint64_t pc)
{
    struct exec_state *x = cpu->exec;
    uint64_t page = pc & PAGE_MASK;
    struct ctlb_entry *e = ctlb_slot(cpu, page);
    struct tb_key key = x->key;
    struct tb *tb;

    if (e->page != page || e->ctx != cpu->ctx)
        return NULL;
    key.phys = e->ram << 12 | (pc & ~PAGE_MASK);
    key.pc = x->non_flat ? pc : 0;
    tb = tb_find(&key);
    if (tb || (pc & ~PAGE_MASK) <= SOFTTLB_PAGE - TB_MAX_INSN)
        return tb;
    page += SOFTTLB_PAGE;
    e = ctlb_slot(cpu, page);
    if (e->page != page || e->ctx != cpu->ctx)
        return NULL;
    key.phys2 = e->ram << 12 | 1;
    return tb_find(&key);
}

const void *exec_lookup_leaf(struct vcpu *cpu, uint64_t pc)
{
    struct tb *tb = exec_find_cached(cpu, pc);

    cpu->exec->stats.lookups++;
    if (!tb)
        return NULL;
    exec_fill_jmp(cpu, pc, tb);
    return tb->code;
}
