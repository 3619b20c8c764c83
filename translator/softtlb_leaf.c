/* SPDX-License-Identifier: MIT */
/*
 * First-level refill from the second level, and devices that do without the FP state. Compiled for
 * general registers only: generated code calls it with the guest's FP and SIMD state live in host
 * registers.
 */
#include "translator/softtlb_l2.h"

#include "hw/core/memory.h"

static void map_set(uint64_t *map, unsigned i, bool on)
{
    uint64_t bit = 1ull << i % 64;

    map[i / 64] = on ? map[i / 64] | bit : map[i / 64] & ~bit;
}

bool softtlb_untrack(ram_addr_t page)
{
    uint32_t *tracked = &softtlb_tracked[page >> 12];
    uint32_t seen = __atomic_load_n(tracked, __ATOMIC_SEQ_CST);

    if (!seen)
        return true;
    return dirty_mark_leaf(page, 1) && !dirty_tracked(page) &&
           __atomic_compare_exchange_n(tracked, &seen, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
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

    if (a == TLB_WRITE && !softtlb_untrack(e->ram))
        return NULL;
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

const struct l2_entry *softtlb_find_leaf(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a,
                                         unsigned mmu_idx)
{
    const struct softtlb_l2 *l2 = cpu->tlb2;
    const struct l2_entry *e = l2_slot(cpu->tlb2, addr, mmu_idx);

    if ((addr & (SOFTTLB_PAGE - 1)) + size > SOFTTLB_PAGE || !l2_match(l2, e, addr, mmu_idx))
        return NULL;
    return e->perms & (a == TLB_WRITE ? L2_WRITE : L2_READ) ? e : NULL;
}

void *softtlb_map_leaf(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, enum tlb_access a, unsigned mmu_idx)
{
    if (!e->host || (a == TLB_WRITE && e->rom))
        return NULL;
    return softtlb_fill_l1(cpu, e, addr, a, mmu_idx);
}

void *softtlb_refill_leaf(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a,
                          unsigned mmu_idx)
{
    const struct l2_entry *e = softtlb_find_leaf(cpu, addr, size, a, mmu_idx);

    return e ? softtlb_map_leaf(cpu, e, addr, a, mmu_idx) : NULL;
}

bool softtlb_device_leaf(const struct l2_entry *e)
{
    return e->device && e->device->ops->read_leaf && e->views == __atomic_load_n(&mem_generation, __ATOMIC_SEQ_CST);
}

bool softtlb_load_leaf(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, uint64_t *val, unsigned size)
{
    uint64_t off = e->device_off + (addr & (SOFTTLB_PAGE - 1));

    if (!softtlb_device_leaf(e) || !e->device->ops->read_leaf(e->device->opaque, off, size, val))
        return false;
    cpu->tlb2->stats.mmio++;
    return true;
}

bool softtlb_store_leaf(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, uint64_t val, unsigned size)
{
    uint64_t off = e->device_off + (addr & (SOFTTLB_PAGE - 1));

    if (!softtlb_device_leaf(e) ||
        !e->device->ops->write_leaf(e->device->opaque, off, val & mask64(size * 8), size))
        return false;
    cpu->tlb2->stats.mmio++;
    return true;
}
