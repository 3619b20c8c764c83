/* SPDX-License-Identifier: MIT */
/*
 * The CPU as a boot loader leaves it instead of as reset does (system/cpu_boot.h), and the models by
 * the machine's names for them (system/cpu_model.h).
 */
#include "system/cpu_boot.h"

#include <errno.h>

#include "frontends/x86/frontend.h"
#include "frontends/x86/sys.h"
#include "system/cpu_model.h"

/* Flat segments: present, accessed, 4 GiB, 32 bits. */
#define FLAT_CODE (SEG_G | SEG_DB | SEG_P | SEG_S | 0xb)
#define FLAT_DATA (SEG_G | SEG_DB | SEG_P | SEG_S | 0x3)
#define REAL_CODE (SEG_P | SEG_S | 0x3)

/* Variable and fixed ranges off, everything write-back: what kernels expect of firmware. */
#define MTRR_DEF_ENABLED_WB 0x806

static struct cpu_boot_state boot;
static bool booting;

void cpu_set_boot_state(const struct cpu_boot_state *state)
{
    booting = state != NULL;
    if (state) {
        boot = *state;
    }
}

static void load_segments(struct x86_cpu *c)
{
    static const uint8_t data[] = {X86_DS, X86_ES, X86_SS, X86_FS, X86_GS};

    c->gdtr = (struct x86_dtable){boot.gdt_base, boot.gdt_limit};
    x86_seg_put(c, X86_CS, boot.cs, 0, UINT32_MAX, FLAT_CODE);
    for (unsigned i = 0; i < ARRAY_SIZE(data); i++) {
        x86_seg_put(c, data[i], boot.ds, 0, UINT32_MAX, FLAT_DATA);
    }
}

void x86_apply_boot_state(struct x86_cpu *c)
{
    uint64_t *greg = c->v.greg;

    if (!booting) {
        return;
    }
    c->mtrr_def = MTRR_DEF_ENABLED_WB;
    if (!vcpu_is_bsp(&c->v)) {
        return;
    }
    if (boot.real_mode) {
        x86_seg_put(c, X86_CS, boot.cs, (uint64_t)boot.cs << 4, 0xffff, REAL_CODE);
        x86_set_ip(c, boot.eip);
        x86_control_changed(c);
        return;
    }
    c->cr0 = CR0_PE | CR0_ET;
    load_segments(c);
    greg[X86_RAX] = boot.eax;
    greg[X86_RBX] = boot.ebx;
    greg[X86_RCX] = boot.ecx;
    greg[X86_RDX] = boot.edx;
    greg[X86_RSI] = boot.esi;
    greg[X86_RDI] = boot.edi;
    greg[X86_RBP] = boot.ebp;
    greg[X86_RSP] = boot.esp;
    c->v.pc = boot.eip;
    x86_control_changed(c);
}

/* --- models ----------------------------------------------------------------------------- */

static struct x86_topology topology = {1, 1, 1, 1};

void cpu_model_help(void)
{
    x86_model_help();
}

void cpu_model_for_each(void (*fn)(const char *name, const char *alias_of, void *opaque),
                        void *opaque)
{
    const char *name;

    for (unsigned i = 0; (name = x86_model_name(i)); i++) {
        fn(name, NULL, opaque);
    }
    fn("host", "max", opaque);
}

int cpu_model_expand(const char *text, void (*fn)(const char *name, bool on, void *opaque),
                     void *opaque, struct error **err)
{
    struct x86_model model;

    if (x86_model_parse(&model, text, err) < 0) {
        return -EINVAL;
    }
    x86_model_for_each_feature(&model, fn, opaque);
    return 0;
}

int cpu_model_select(const char *text, struct error **err)
{
    struct x86_model model;

    if (x86_model_parse(&model, text, err) < 0) {
        return -EINVAL;
    }
    model.topology = topology;
    x86_set_model(&model);
    return 0;
}

void cpu_model_set_topology(uint32_t sockets, uint32_t dies, uint32_t cores, uint32_t threads)
{
    topology = (struct x86_topology){sockets, dies, cores, threads};
}

bool cpu_has_x2apic(void)
{
    return x86_model_bit(x86_get_model(), 1, 2, 21);
}

uint32_t cpu_apic_id(unsigned index)
{
    return x86_apic_id(&topology, index);
}
