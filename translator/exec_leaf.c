/* SPDX-License-Identifier: MIT */
/*
 * Finding a block that exists. Compiled for general registers only: generated code calls it with
 * the guest's FP and SIMD state live in host registers.
 */
#include "translator/exec.h"
#include "translator/exec_state.h"

#define PAGE_MASK (~(uint64_t)(SOFTTLB_PAGE - 1))

static bool same_more(const struct tb_more *m, const struct tb_key *k)
{
    if (!m)
        return !(k->phys2 | k->pc | k->cs_base | k->cs_limit);
    return m->phys2 == k->phys2 && m->pc == k->pc && m->cs_base == k->cs_base &&
           m->cs_limit == k->cs_limit;
}

static bool has_key(const struct tb *tb, const struct tb_key *k)
{
    return tb->key.phys == k->phys && tb->key.mode == k->mode && tb->variant == k->variant &&
           same_more(tb_more(tb), k);
}

struct tb *tb_find(const struct tb_key *key)
{
    struct tb *tb = tb_ref_ptr(__atomic_load_n(&tb_hash_table[tb_hash(key)], __ATOMIC_ACQUIRE));

    while (tb && !has_key(tb, key))
        tb = tb_ref_ptr(__atomic_load_n(&tb->hash_next, __ATOMIC_ACQUIRE));
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

struct tb *exec_find_variant(struct vcpu *cpu, uint64_t pc, uint32_t variant)
{
    uint32_t saved = cpu->exec->key.variant;
    struct tb *tb;

    cpu->exec->key.variant |= variant;
    tb = exec_find_cached(cpu, pc);
    cpu->exec->key.variant = saved;
    return tb;
}

const void *exec_lookup_unshared(struct vcpu *cpu, uint64_t pc)
{
    struct tb *tb = exec_find_variant(cpu, pc, TBV_UNSHARED);

    return tb ? tb->code : NULL;
}

/*
 * The jump table knows a block for this PC from another context. Is it right for this one? Blocks
 * with more of a key are not worth it.
 */
static struct tb *revalidate(struct vcpu *cpu, uint64_t pc)
{
    const struct jmp_entry *j = &cpu->jmp[vcpu_jmp_index(pc)];
    const struct exec_state *x = cpu->exec;
    uint64_t page = pc & PAGE_MASK;
    const struct ctlb_entry *e = ctlb_slot(cpu, page);
    struct tb *tb = j->tb;

    if (j->pc != pc || !tb || e->page != page || e->ctx != cpu->ctx)
        return NULL;
    if (tb->key.phys != (e->ram << 12 | (pc & ~PAGE_MASK)) || tb->key.mode != x->key.mode || tb->more ||
        x->non_flat || x->key.cs_base || x->key.cs_limit || tb->variant != x->key.variant ||
        __atomic_load_n(&tb->invalid, __ATOMIC_ACQUIRE))
        return NULL;
    return tb;
}

const void *exec_lookup_leaf(struct vcpu *cpu, uint64_t pc)
{
    struct tb *tb = revalidate(cpu, pc);

    if (!tb)
        tb = exec_find_cached(cpu, pc);
    cpu->exec->stats.lookups++;
    if (!tb)
        return NULL;
    exec_fill_jmp(cpu, pc, tb);
    return tb->code;
}
