/* SPDX-License-Identifier: MIT */
/*
 * A virtual CPU as devices, machines, the monitor and the debugger see it. Nothing here knows the
 * translator; implemented by accel/ (threads) and frontends/x86 (state).
 *
 * Threads: every function may be called from any thread unless it says otherwise.
 */
#ifndef SYSTEM_CPU_H
#define SYSTEM_CPU_H

#include "util/base.h"
#include "util/types.h"

struct vcpu;
struct addr_space;

unsigned vcpu_count(void);
struct vcpu *vcpu_get(unsigned index); /* NULL if there is none */
struct vcpu *vcpu_current(void);       /* the calling thread's, or NULL */
unsigned vcpu_index(const struct vcpu *cpu);
int vcpu_thread_id(const struct vcpu *cpu); /* of the host, 0 before it runs */

/* Make the vCPU leave translated code or sleep soon and look at its events, timers and requests. */
void vcpu_kick(struct vcpu *cpu);

/*
 * Events, level (stay until lowered: INTR) or edge (cleared when taken: the others).
 * INTR: the local APIC (or the PIC through it) has something to deliver; cpu asks vcpu_apic_ops.ack.
 */
enum vcpu_event {
    VCPU_EV_INTR = 1u << 0,
    VCPU_EV_NMI = 1u << 1,
    VCPU_EV_SMI = 1u << 2,
    VCPU_EV_INIT = 1u << 3,
    VCPU_EV_SIPI = 1u << 4, /* vector by vcpu_apic_ops.sipi_vector */
    VCPU_EV_MCE = 1u << 5,
    VCPU_EV_NMI2 = 1u << 6, /* with NMI: another came before that was taken; only vcpu_raise_event() sets it */
    VCPU_EV_FLUSH = 1u << 8,  /* flush the soft TLB (memory map or A20 changed) */
    VCPU_EV_STOP = 1u << 9,   /* leave the run loop: pause, reset, work queued */
    VCPU_EV_TIMER = 1u << 10, /* a vCPU timer is due */
};
void vcpu_raise_event(struct vcpu *cpu, uint32_t events); /* sets and kicks */
void vcpu_lower_event(struct vcpu *cpu, uint32_t events);

/*
 * The local APIC of a vCPU, registered by its device at realize. Called on the vCPU's own thread
 * without the device lock unless noted.
 */
struct vcpu_apic_ops {
    int (*ack)(void *opaque);                  /* highest deliverable vector, moves IRR to ISR (or asks the PIC); -1: none */
    bool (*pending)(void *opaque);             /* would ack give a vector, at the current TPR */
    uint8_t (*get_tpr)(void *opaque);          /* CR8 = TPR >> 4 */
    void (*set_tpr)(void *opaque, uint8_t tpr);
    uint64_t (*get_base)(void *opaque);        /* IA32_APIC_BASE */
    int (*set_base)(void *opaque, uint64_t v); /* 0, or -1: #GP */
    int (*msr_read)(void *opaque, uint32_t msr, uint64_t *v); /* 6E0h (TSC deadline) and x2APIC MSRs 800h..8FFh; -1: #GP */
    int (*msr_write)(void *opaque, uint32_t msr, uint64_t v);
    uint8_t (*sipi_vector)(void *opaque);
    void (*init)(void *opaque);                /* INIT reached the CPU: reset all but ID and base */
};
void vcpu_set_apic(struct vcpu *cpu, const struct vcpu_apic_ops *ops, void *opaque);
bool vcpu_is_bsp(const struct vcpu *cpu);

/*
 * The core crystal clock: what the local APIC timer counts, and what CPUID leaf 15h says (ECX), by
 * which kernels set that timer without calibrating it.
 */
#define VCPU_CRYSTAL_HZ 1000000000u

/*
 * The CLK_VIRTUAL time at which the vCPU's TSC reaches `tsc` (TIMER_NEVER if not in this life; in
 * the past if it has). On the vCPU's thread. Who changes the TSC writes the deadline MSR back.
 */
int64_t vcpu_tsc_to_ns(const struct vcpu *cpu, uint64_t tsc);

/* Chipset wires into all CPUs. */
void cpu_set_a20(bool enabled);                       /* A20M# */
void cpu_set_ferr_handler(void (*fn)(void *opaque, bool asserted), void *opaque); /* FERR# -> IRQ13; called with the device lock */
void cpu_set_ignne(bool asserted);
/* Address spaces the CPUs see outside and inside SMM, and the I/O port space. Before vCPUs start. */
void cpu_set_address_spaces(struct addr_space *mem, struct addr_space *smm_mem, struct addr_space *io);

/* Run on the vCPU's thread when it is outside translated code, and wait for it. */
void vcpu_run_on(struct vcpu *cpu, void (*fn)(struct vcpu *cpu, void *arg), void *arg);

/* All vCPUs: stop (returns when all are out of guest code), go on, reset. Main thread. */
void cpus_pause(void);
void cpus_resume(void);
void cpus_reset(void);

/* An NMI for every one. Device lock held. */
void cpus_raise_nmi(void);

#endif
