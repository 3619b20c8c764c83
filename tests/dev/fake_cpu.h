/* SPDX-License-Identifier: MIT */
/*
 * CPUs for tests of interrupt controllers: the linker sends the calls of
 * system/cpu.h here (ldflags in build.mk).
 */
#ifndef TESTS_DEV_FAKE_CPU_H
#define TESTS_DEV_FAKE_CPU_H

#include "hw/core/clock.h"
#include "system/cpu.h"
#include "util/base.h"

#define FAKE_CPUS 4

struct fake_cpu {
    uint32_t events;
    const struct vcpu_apic_ops *ops;
    void *apic;
};

static struct fake_cpu fake_cpus[FAKE_CPUS];
static __thread struct fake_cpu *fake_current;

/* The names the linker makes have no prototypes anywhere else. */
struct vcpu *__wrap_vcpu_get(unsigned index);
struct vcpu *__wrap_vcpu_current(void);
unsigned __wrap_vcpu_index(const struct vcpu *cpu);
unsigned __wrap_vcpu_count(void);
void __wrap_vcpu_kick(struct vcpu *cpu);
void __wrap_vcpu_raise_event(struct vcpu *cpu, uint32_t events);
void __wrap_vcpu_lower_event(struct vcpu *cpu, uint32_t events);
void __wrap_vcpu_set_apic(struct vcpu *cpu, const struct vcpu_apic_ops *ops, void *opaque);
bool __wrap_vcpu_is_bsp(const struct vcpu *cpu);
int64_t __wrap_vcpu_tsc_to_ns(const struct vcpu *cpu, uint64_t tsc);

static inline struct fake_cpu *fake_of(const struct vcpu *cpu)
{
    return (struct fake_cpu *)(uintptr_t)cpu;
}

struct vcpu *__wrap_vcpu_get(unsigned index)
{
    return index < FAKE_CPUS ? (struct vcpu *)&fake_cpus[index] : NULL;
}

struct vcpu *__wrap_vcpu_current(void)
{
    return (struct vcpu *)fake_current;
}

unsigned __wrap_vcpu_index(const struct vcpu *cpu)
{
    return (unsigned)(fake_of(cpu) - fake_cpus);
}

unsigned __wrap_vcpu_count(void)
{
    return FAKE_CPUS;
}

void __wrap_vcpu_kick(struct vcpu *cpu)
{
}

void __wrap_vcpu_raise_event(struct vcpu *cpu, uint32_t events)
{
    __atomic_fetch_or(&fake_of(cpu)->events, events, __ATOMIC_SEQ_CST);
}

void __wrap_vcpu_lower_event(struct vcpu *cpu, uint32_t events)
{
    __atomic_fetch_and(&fake_of(cpu)->events, ~events, __ATOMIC_SEQ_CST);
}

void __wrap_vcpu_set_apic(struct vcpu *cpu, const struct vcpu_apic_ops *ops, void *opaque)
{
    fake_of(cpu)->ops = ops;
    fake_of(cpu)->apic = opaque;
}

bool __wrap_vcpu_is_bsp(const struct vcpu *cpu)
{
    return __wrap_vcpu_index(cpu) == 0;
}

/* A TSC of 2 GHz. */
int64_t __wrap_vcpu_tsc_to_ns(const struct vcpu *cpu, uint64_t tsc)
{
    return (int64_t)(tsc / 2);
}

/* What a run loop does: the vector taken now, or -1. */
static inline int fake_ack(unsigned index)
{
    struct fake_cpu *cpu = &fake_cpus[index];

    if (!(__atomic_load_n(&cpu->events, __ATOMIC_SEQ_CST) & VCPU_EV_INTR) ||
        !cpu->ops->pending(cpu->apic))
        return -1;
    return cpu->ops->ack(cpu->apic);
}

#endif
