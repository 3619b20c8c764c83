/* SPDX-License-Identifier: MIT */
/*
 * The part of the slow path that runs with the guest's FP state live: compiled for general
 * registers only. A second-level hit on plain RAM, or a device that does without (mem_ops.read_leaf);
 * else NULL.
 */
#include "backends/x86_64/jit.h"
#include "translator/exec.h"

/* The code behind the call is `jmp back`, of 2 or 5 bytes. */
const uint8_t *jit_slow_behind(struct vcpu *cpu)
{
    const uint8_t *ra = (const uint8_t *)(uintptr_t)((uint64_t *)cpu)[-1];

    return ra + (*ra == 0xeb ? 2 : 5);
}

void jit_slow_skip(struct vcpu *cpu)
{
    ((uint64_t *)cpu)[-1] = (uintptr_t)jit_slow_behind(cpu);
}

static bool is_word(unsigned bytes)
{
    return bytes <= 8 && !(bytes & (bytes - 1));
}

/* A locked access goes to a device by itself only where nobody can come between. */
static bool may_access_device(unsigned n, unsigned acc)
{
    return is_word(n) && !(acc & ACC_PROBE) && (!(acc & ACC_LOCK) || exec_n_vcpus == 1);
}

/* For others than loads and plain stores the result is still to come: jit_commit_leaf(). */
static void *access_device(struct vcpu *cpu, const struct l2_entry *e, uint64_t addr, unsigned n, unsigned acc)
{
    uint64_t val = 0;
    bool done = softtlb_device_leaf(e);

    if (acc & ACC_VALUE)
        done = done && softtlb_store_leaf(cpu, e, addr, cpu->spill[SPILL_VALUE], n);
    else if (acc & ACC_READ)
        done = done && softtlb_load_leaf(cpu, e, addr, &val, n);
    if (!done)
        return NULL;
    *(uint64_t *)cpu->bounce = val;
    if (acc & ACC_WRITE)
        jit_slow_skip(cpu);
    return cpu->bounce;
}

void *jit_slow_leaf(struct vcpu *cpu)
{
    uint64_t addr = cpu->spill[SPILL_ADDR];
    uint32_t info = (uint32_t)cpu->spill[SPILL_INFO];
    unsigned n = acc_bytes(info), acc = acc_flags(info), cls = acc_class(info);
    enum tlb_access a = acc & ACC_WRITE ? TLB_WRITE : TLB_READ;
    const struct l2_entry *e = softtlb_find_leaf(cpu, addr, n, a, cls);
    void *host;

    if (!e || (acc & ACC_LOCK && (addr & 63) + n > 64))
        return NULL;
    if (acc_memflags(info) & IR_MEM_ALIGN && addr & (n - 1))
        return NULL;
    host = softtlb_map_leaf(cpu, e, addr, a, cls);
    return host || !may_access_device(n, acc) ? host : access_device(cpu, e, addr, n, acc);
}

uint64_t jit_commit_leaf(struct vcpu *cpu)
{
    uint64_t addr = cpu->spill[SPILL_ADDR];
    uint32_t info = (uint32_t)cpu->spill[SPILL_INFO];
    unsigned n = acc_bytes(info);
    const struct l2_entry *e = softtlb_find_leaf(cpu, addr, n, TLB_WRITE, acc_class(info));

    return e && is_word(n) && softtlb_store_leaf(cpu, e, addr, *(const uint64_t *)cpu->bounce, n);
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
