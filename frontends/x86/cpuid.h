/* SPDX-License-Identifier: MIT */
/*
 * CPU models and their CPUID: -cpu NAME[,+feature,-feature,feature=on|off,...]. Feature bits only
 * tell of what is implemented (cpuid.def).
 *
 * Policy: the hypervisor bit is set (leaf 40000000h says who) so that guests know their CPUs may be
 * descheduled; -cpu NAME,-hypervisor clears it. IA32_ARCH_CAPABILITIES denies the data-leak flaws
 * (translated code has no speculation a guest could watch), so that kernels leave their
 * mitigations off.
 */
#ifndef FRONTENDS_X86_CPUID_H
#define FRONTENDS_X86_CPUID_H

#include "frontends/x86/cpu.h"

struct error;

/* The TSC ticks with the virtual clock; a multiple of VCPU_CRYSTAL_HZ. */
#define X86_TSC_HZ 1000000000u

/* Registers that hold feature bits. */
enum x86_cpuid_word { X86_W_1_EDX, X86_W_1_ECX, X86_W_6_EAX, X86_W_7_EBX, X86_W_7_ECX, X86_W_7_EDX, X86_W_72_EDX, X86_W_D1_EAX,
                      X86_W_81_ECX, X86_W_81_EDX, X86_W_87_EDX, X86_W_COUNT };

struct x86_topology {
    unsigned sockets, dies, cores, threads;
};

/* One configured model, shared by all CPUs of a machine. */
struct x86_model {
    char vendor[13];
    char id[49];
    uint32_t signature; /* CPUID.1.EAX */
    uint32_t level, xlevel;
    uint32_t words[X86_W_COUNT];
    uint64_t features;  /* enum x86_feature mask for the decoder */
    uint8_t phys_bits;
    struct x86_topology topology;
};

/* Parse the argument of -cpu (NULL: the default, max). 0 or -errno. */
int x86_model_parse(struct x86_model *m, const char *spec, struct error **err);
/* Print the models and the features, for -cpu help. */
void x86_model_help(void);
void x86_model_for_each_feature(const struct x86_model *m,
                                void (*fn)(const char *name, bool on, void *opaque), void *opaque);
/* The names of the models, NULL after the last. */
const char *x86_model_name(unsigned i);
/* APIC id of CPU `index` in this topology: fields of whole bits, as CPUID leaf 0Bh describes them. */
uint32_t x86_apic_id(const struct x86_topology *t, unsigned index);

bool x86_model_bit(const struct x86_model *m, uint32_t leaf, unsigned reg, unsigned bit);
/* reg: 0 EAX, 1 EBX, 2 ECX, 3 EDX */
static inline bool x86_cpuid_bit(const struct x86_cpu *c, uint32_t leaf, unsigned reg, unsigned bit)
{
    return x86_model_bit(c->model, leaf, reg, bit);
}
static inline unsigned x86_phys_bits(const struct x86_cpu *c)
{
    return c->model->phys_bits;
}
static inline bool x86_is_amd(const struct x86_cpu *c)
{
    return c->model->vendor[0] == 'A';
}
static inline uint64_t x86_xcr0_allowed(const struct x86_cpu *c)
{
    return x86_cpuid_bit(c, 1, 2, 26) ? 3 : 1;
}

#endif
