/* SPDX-License-Identifier: MIT */
/*
 * Slow path of memory accesses, in C. The stub has put the linear address and ACC_INFO into
 * vcpu.spill, and stored all guest registers; vcpu[-1] is the return address into the block.
 */
#include "backends/x86_64/jit.h"
#include "translator/exec.h"

/* A store to a device may change what is mapped where: not while a window is open. */
static void check_device_store(struct vcpu *cpu, uint64_t addr, uint32_t info)
{
    if (acc_flags(info) & ACC_SAME_MAP &&
        softtlb_is_io(cpu, addr, acc_bytes(info), acc_class(info), acc_memflags(info)))
        exec_retry_unshared(cpu);
}

static void load_bounce(struct vcpu *cpu, uint64_t addr, uint32_t info)
{
    unsigned n = acc_bytes(info);
    uint64_t v;

    assert(n <= sizeof(cpu->bounce));
    if (n <= 8 && is_pow2(n)) {
        v = softtlb_load(cpu, addr, n, acc_class(info), acc_memflags(info));
        memcpy(cpu->bounce, &v, 8);
    } else {
        softtlb_read(cpu, addr, cpu->bounce, n, acc_class(info), acc_memflags(info));
    }
}

/* A load of a value (not of a vector), or a plain store. */
static void *miss(struct vcpu *cpu, uint64_t addr, uint32_t info)
{
    unsigned n = acc_bytes(info), cls = acc_class(info), mf = acc_memflags(info), acc = acc_flags(info);
    uint64_t val;
    void *p;

    if (acc & ACC_VALUE) {
        p = softtlb_miss_store(cpu, addr, cpu->spill[SPILL_VALUE], n, cls, mf, acc & ACC_SAME_MAP);
        if (!p)
            jit_slow_skip(cpu);
    } else {
        p = softtlb_miss_load(cpu, addr, &val, n, cls, mf);
        if (!p)
            memcpy(cpu->bounce, &val, 8);
    }
    return p ? p : cpu->bounce;
}

void *jit_slow_full(struct vcpu *cpu)
{
    uint64_t addr = cpu->spill[SPILL_ADDR];
    uint32_t info = (uint32_t)cpu->spill[SPILL_INFO];
    unsigned n = acc_bytes(info), cls = acc_class(info), mf = acc_memflags(info), acc = acc_flags(info);
    enum tlb_access access = acc & ACC_WRITE ? TLB_WRITE : TLB_READ;
    void *p;

    if (acc & ACC_PROBE) {
        if (access == TLB_WRITE)
            softtlb_probe_store(cpu, addr, n, cls, mf);
        else
            softtlb_probe(cpu, addr, n, access, cls, mf);
        return cpu->bounce;
    }
    if (n <= 8 && is_pow2(n) && (acc & ACC_VALUE || access == TLB_READ))
        return miss(cpu, addr, info);
    p = acc & ACC_LOCK ? softtlb_atomic(cpu, addr, n, cls, mf) : softtlb_refill(cpu, addr, n, access, cls, mf);
    if (p)
        return p;
    if (access == TLB_READ) {
        load_bounce(cpu, addr, info);
        return cpu->bounce;
    }
    softtlb_probe_store(cpu, addr, n, cls, mf);
    check_device_store(cpu, addr, info);
    if (acc & ACC_READ)
        load_bounce(cpu, addr, info);
    jit_slow_skip(cpu);
    return cpu->bounce;
}

void *jit_window_full(struct vcpu *cpu)
{
    uint32_t info = (uint32_t)cpu->spill[SPILL_INFO];
    enum tlb_access a = acc_flags(info) & ACC_WRITE ? TLB_WRITE : TLB_READ;
    void *p = softtlb_refill_window(cpu, cpu->spill[SPILL_ADDR], acc_bytes(info), a, acc_class(info));

    if (!p)
        exec_retry_unshared(cpu);
    return p;
}

void jit_slow_commit(struct vcpu *cpu)
{
    uint64_t addr = cpu->spill[SPILL_ADDR], v;
    uint32_t info = (uint32_t)cpu->spill[SPILL_INFO];
    unsigned n = acc_bytes(info);

    memcpy(&v, cpu->bounce, 8);
    if (n <= 8 && is_pow2(n))
        softtlb_store(cpu, addr, v, n, acc_class(info), acc_memflags(info));
    else
        softtlb_write(cpu, addr, cpu->bounce, n, acc_class(info), acc_memflags(info));
}
