/* SPDX-License-Identifier: MIT */
/*
 * The part of the slow path that runs with the guest's FP state live: compiled for general
 * registers only. A second-level hit on plain RAM, or NULL.
 */
#include "backends/x86_64/jit.h"

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
