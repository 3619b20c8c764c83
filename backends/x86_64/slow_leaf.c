/* SPDX-License-Identifier: MIT */
/*
 * The part of the slow path that runs with the guest's FP state live: compiled for general
 * registers only. A second-level hit on plain RAM, or NULL.
 */
#include "backends/x86_64/jit.h"
#include "translator/exec.h"

void *jit_slow_leaf(struct vcpu *cpu)
{
    uint64_t addr = cpu->spill[SPILL_ADDR];
    uint32_t info = (uint32_t)cpu->spill[SPILL_INFO];
    unsigned n = acc_bytes(info), acc = acc_flags(info);

    if (acc & ACC_LOCK && (addr & 63) + n > 64)
        return NULL;
    if (acc_memflags(info) & IR_MEM_ALIGN && addr & (n - 1))
        return NULL;
    return softtlb_refill_leaf(cpu, addr, n, acc & ACC_WRITE ? TLB_WRITE : TLB_READ, acc_class(info));
}

/* The code behind the call is `jmp back`, of 2 or 5 bytes. */
const uint8_t *jit_slow_behind(struct vcpu *cpu)
{
    const uint8_t *ra = (const uint8_t *)(uintptr_t)((uint64_t *)cpu)[-1];

    return ra + (*ra == 0xeb ? 2 : 5);
}

/*
 * A window: the second level knows its page, or the guest instruction starts again in the block
 * that has no windows, if there is one.
 */
struct window_way jit_window_leaf(struct vcpu *cpu)
{
    uint64_t addr = cpu->spill[SPILL_ADDR];
    uint32_t info = (uint32_t)cpu->spill[SPILL_INFO];
    unsigned n = acc_bytes(info);
    enum tlb_access a = acc_flags(info) & ACC_WRITE ? TLB_WRITE : TLB_READ;
    struct window_way way = {.host = softtlb_refill_leaf(cpu, addr, n, a, acc_class(info))};
    uint16_t off;

    if (way.host)
        return way;
    memcpy(&off, jit_slow_behind(cpu), 2);
    way.code = exec_lookup_unshared(cpu, cpu->pc_page + off);
    return way;
}
