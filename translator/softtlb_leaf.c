/* SPDX-License-Identifier: MIT */
/*
 * First-level refill from the second level. Compiled for general registers only: generated code
 * calls it with the guest's FP and SIMD state live in host registers.
 */
#include "translator/softtlb_l2.h"

static void map_set(uint64_t *map, unsigned i, bool on)
{
    uint64_t bit = 1ull << i % 64;

    map[i / 64] = on ? map[i / 64] | bit : map[i / 64] & ~bit;
}

/*
 * A write entry and `tracked` form a store-buffer pair: we publish the entry, then look at
 * `tracked`; whoever starts tracking sets it, then looks at the entries. One of us sees the other.
 */
void *softtlb_fill_l1(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, enum tlb_access a,
                      unsigned mmu_idx)
{
    struct softtlb_l2 *l2 = cpu->tlb2;
    struct softtlb_set *set = &cpu->tlb[mmu_idx];
    struct l1_map *map = a == TLB_WRITE ? &l2->wr[mmu_idx] : &l2->rd[mmu_idx];
    unsigned i = addr >> 12 & (SOFTTLB_ENTRIES - 1);
    struct softtlb_entry *l1 = a == TLB_WRITE ? &set->wr[i] : &set->rd[i];

    if (a == TLB_WRITE && __atomic_load_n(&l1->tag, __ATOMIC_RELAXED) != softtlb_empty_tag(i))
        __atomic_store_n(&l2->victims[l2->n_victims++ % SOFTTLB_VICTIMS], l1->host, __ATOMIC_RELAXED);
    __atomic_store_n(&l1->tag, softtlb_empty_tag(i), __ATOMIC_RELEASE);
    __atomic_store_n(&l1->host, (uintptr_t)e->host, __ATOMIC_RELEASE);
    __atomic_store_n(&l1->tag, e->tag & ~(uint64_t)(SOFTTLB_PAGE - 1), __ATOMIC_RELEASE);
    map_set(map->used, i, true);
    map_set(map->nonglobal, i, e->gen != l2->global_gen);
    if (a == TLB_WRITE) {
        full_fence();
        if (__atomic_load_n(&softtlb_tracked[e->ram >> 12], __ATOMIC_RELAXED)) {
            __atomic_store_n(&l1->tag, softtlb_empty_tag(i), __ATOMIC_RELAXED);
            return NULL;
        }
    }
    return e->host + (addr & (SOFTTLB_PAGE - 1));
}

void *softtlb_refill_leaf(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a,
                          unsigned mmu_idx)
{
    struct softtlb_l2 *l2 = cpu->tlb2;
    struct l2_entry *e = l2_slot(l2, addr, mmu_idx);

    if ((addr & (SOFTTLB_PAGE - 1)) + size > SOFTTLB_PAGE || !l2_match(l2, e, addr, mmu_idx))
        return NULL;
    if (!e->host || !(e->perms & (a == TLB_WRITE ? L2_WRITE : L2_READ)))
        return NULL;
    if (a == TLB_WRITE && (e->rom || __atomic_load_n(&softtlb_tracked[e->ram >> 12], __ATOMIC_RELAXED)))
        return NULL;
    return softtlb_fill_l1(cpu, e, addr, a, mmu_idx);
}
