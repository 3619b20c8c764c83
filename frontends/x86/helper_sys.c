/* SPDX-License-Identifier: MIT */
/*
 * Helpers of the system instructions (helpers.def). Each raises before it changes anything; those
 * that transfer control set vcpu.pc, and their block ends with a full lookup.
 * `next` is the offset in CS of the following instruction.
 */
#include "frontends/x86/access.h"
#include "frontends/x86/helpers.h"
#include "frontends/x86/mode.h"
#include "frontends/x86/sys.h"
#include "frontends/x86/sys_args.h"
#include "translator/debug.h"
#include "translator/exec.h"

/* a = vector, b = error code. */
uint64_t helper_raise(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    x86_fault_error(X86_CPU(v), a, b);
}

/* --- segment registers ------------------------------------------------------------------ */

/* a = segment register, b = selector. SS leaves an interrupt shadow. */
uint64_t helper_load_seg(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);

    x86_load_seg(c, a, b);
    if (a == X86_SS) {
        c->intr_shadow = c->ss_shadow = true;
        x86_update_mode(c);
    }
    return 0;
}

uint64_t helper_lldt(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_load_ldt(X86_CPU(v), a);
    return 0;
}

uint64_t helper_ltr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_load_tr(X86_CPU(v), a);
    return 0;
}

/* What LAR, LSL, VERR and VERW ask: is the descriptor visible at CPL and RPL? */
static bool desc_visible(struct x86_cpu *c, uint16_t selector, struct x86_desc *d)
{
    unsigned type;

    if (!(selector & ~3) || !x86_desc_fetch(c, selector, d))
        return false;
    type = x86_desc_type(d);
    if ((type & (DT_S | DT_CODE | DT_CONFORM)) == (DT_S | DT_CODE | DT_CONFORM))
        return true;
    return x86_desc_dpl(d) >= c->cpl && x86_desc_dpl(d) >= (selector & 3u);
}

/* System types LAR and LSL accept, by mode: SDM vol. 2, tables of LAR and LSL. */
static bool type_has_rights(const struct x86_cpu *c, unsigned type)
{
    const uint32_t legacy = BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(9) | BIT(11) | BIT(12);
    const uint32_t ia32e = BIT(2) | BIT(9) | BIT(11) | BIT(12);

    return type & DT_S || ((x86_lma(c) ? ia32e : legacy) >> type & 1);
}

static bool type_has_limit(const struct x86_cpu *c, unsigned type)
{
    const uint32_t legacy = BIT(1) | BIT(2) | BIT(3) | BIT(9) | BIT(11);
    const uint32_t ia32e = BIT(2) | BIT(9) | BIT(11);

    return type & DT_S || ((x86_lma(c) ? ia32e : legacy) >> type & 1);
}

static uint64_t with_zf(uint32_t value)
{
    return value | (uint64_t)EFL_ZF << 32;
}

/* These return the value in the low half and ZF at its EFLAGS position in the upper half. */
uint64_t helper_lar(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    struct x86_desc d;

    if (!desc_visible(X86_CPU(v), a, &d) || !type_has_rights(X86_CPU(v), x86_desc_type(&d)))
        return 0;
    return with_zf(d.raw >> 32 & 0x00ffff00);
}

uint64_t helper_lsl(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    struct x86_desc d;

    if (!desc_visible(X86_CPU(v), a, &d) || !type_has_limit(X86_CPU(v), x86_desc_type(&d)))
        return 0;
    return with_zf(x86_desc_limit(&d));
}

/* b: is it VERW? */
uint64_t helper_verify(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    struct x86_desc d;
    unsigned type;

    if (!desc_visible(X86_CPU(v), a, &d) || !(x86_desc_type(&d) & DT_S))
        return 0;
    type = x86_desc_type(&d);
    if (b ? (type & (DT_CODE | DT_RW)) != DT_RW : (type & (DT_CODE | DT_RW)) == DT_CODE)
        return 0;
    return with_zf(0);
}

/* ARPL: a = destination, b = source. */
uint64_t helper_arpl(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    if ((a & 3) >= (b & 3))
        return a & 0xffff;
    return with_zf((a & 0xfffc) | (b & 3));
}

/* a = offset, b = segment register, c = result of helper_arpl(): its low word is stored if ZF. */
uint64_t helper_arpl_store(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    struct x86_cpu *cpu = X86_CPU(v);

    if (c >> 32)
        softtlb_store(v, x86_data_linear(cpu, (unsigned)b, a, 2, true), c & 0xffff, 2, x86_data_idx(cpu), 0);
    return 0;
}

/* a = enum x86_sysreg. */
uint64_t helper_get_sysreg(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);

    switch ((enum x86_sysreg)a) {
    case SYSREG_LDTR:
        return c->seg[X86_LDTR].selector;
    case SYSREG_TR:
        return c->seg[X86_TR].selector;
    case SYSREG_MSW:
        return c->cr0;
    case SYSREG_GDT_BASE:
        return c->gdtr.base;
    case SYSREG_GDT_LIMIT:
        return c->gdtr.limit;
    case SYSREG_IDT_BASE:
        return c->idtr.base;
    case SYSREG_IDT_LIMIT:
        return c->idtr.limit;
    }
    return 0;
}

/* a = 1: IDTR, 0: GDTR; b = base, c = limit. */
uint64_t helper_load_dtable(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    struct x86_cpu *cpu = X86_CPU(v);

    if (x86_code64(cpu) && !x86_canonical(b))
        x86_fault(cpu, X86_GP);
    *(a ? &cpu->idtr : &cpu->gdtr) = (struct x86_dtable){b, c & 0xffff};
    return 0;
}

/* --- control transfers -------------------------------------------------------------------- */

/* a = selector | operand size << 16, b = offset, c = next. */
uint64_t helper_jmp_far(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_far_jmp(X86_CPU(v), a, b, a >> 16, c);
    return 0;
}

uint64_t helper_call_far(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_far_call(X86_CPU(v), a, b, a >> 16, c);
    return 0;
}

/* a = operand size, b = bytes to pop. */
uint64_t helper_ret_far(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_far_ret(X86_CPU(v), a, b);
    return 0;
}

/* a = operand size, b = next. */
uint64_t helper_iret(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_iret(X86_CPU(v), a, b);
    return 0;
}

/* a = vector | INT n << 8, b = next. */
uint64_t helper_soft_int(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_software_int(X86_CPU(v), a & 0xff, a >> 8, b);
    return 0;
}

/* b = next. */
uint64_t helper_into(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    if (v->flags & EFL_OF)
        x86_software_int(X86_CPU(v), X86_OF, false, b);
    else
        x86_set_ip(X86_CPU(v), b);
    return 0;
}

/* --- SYSENTER, SYSEXIT (SYSCALL, SYSRET: leaf_sys.c) ------------------------------------------- */

uint64_t helper_sysenter(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);
    bool wide = x86_lma(c);

    if (!x86_pe(c) || !(c->sysenter_cs & 0xfffc))
        x86_fault(c, X86_GP);
    c->eflags &= ~(EFL_VM | EFL_IF | EFL_RF);
    x86_flat_code(c, c->sysenter_cs, 0, wide);
    x86_flat_stack(c, c->sysenter_cs + 8, 0);
    v->greg[X86_RSP] = wide ? c->sysenter_esp : (uint32_t)c->sysenter_esp;
    v->pc = wide ? c->sysenter_eip : (uint32_t)c->sysenter_eip;
    x86_update_mode(c);
    return 0;
}

/* a = operand size 64? */
uint64_t helper_sysexit(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);
    unsigned off = a ? 32 : 16;

    if (!x86_pe(c) || c->cpl || !(c->sysenter_cs & 0xfffc))
        x86_fault(c, X86_GP);
    if (a && (!x86_canonical(v->greg[X86_RCX]) || !x86_canonical(v->greg[X86_RDX])))
        x86_fault(c, X86_GP);
    x86_flat_code(c, c->sysenter_cs + off, 3, a);
    x86_flat_stack(c, c->sysenter_cs + off + 8, 3);
    v->greg[X86_RSP] = a ? v->greg[X86_RCX] : (uint32_t)v->greg[X86_RCX];
    v->pc = a ? v->greg[X86_RDX] : (uint32_t)v->greg[X86_RDX];
    x86_update_mode(c);
    x86_request_poll(c);
    return 0;
}

/* --- flags ------------------------------------------------------------------------------------ */

/* POPF in vm86 with IOPL < 3: with VME the 16-bit form sets VIF for IF. */
static void popf_vme(struct x86_cpu *c, uint32_t value, unsigned size)
{
    if (!(c->cr4 & CR4_VME) || size != 2 || (value & EFL_TF) || ((value & EFL_IF) && (c->eflags & EFL_VIP)))
        x86_fault(c, X86_GP);
    value = (value & ~EFL_VIF) | (value & EFL_IF ? EFL_VIF : 0);
    x86_set_eflags(c, value, EFL_ARITH | EFL_DF | EFL_NT | EFL_VIF);
}

/* In vm86. a = value popped, b = operand size. */
uint64_t helper_popf_vm86(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    if (x86_iopl(X86_CPU(v)) < 3)
        popf_vme(X86_CPU(v), a, b);
    else
        helper_popf(v, a, b, 0);
    return 0;
}

/* CLI and STI that IOPL forbids: VIF with VME or PVI, else #GP. a = set? */
uint64_t helper_virtual_if(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);
    bool virtual = x86_vm(c) ? c->cr4 & CR4_VME : c->cpl == 3 && (c->cr4 & CR4_PVI);

    if (!virtual || (a && (c->eflags & EFL_VIP)))
        x86_fault(c, X86_GP);
    c->eflags = a ? c->eflags | EFL_VIF : c->eflags & ~EFL_VIF;
    return 0;
}

/* --- control and debug registers ----------------------------------------------------------------- */

uint64_t x86_read_cr(const struct x86_cpu *c, unsigned n)
{
    switch (n) {
    case 0:
        return c->cr0;
    case 2:
        return c->cr2;
    case 3:
        return c->cr3;
    case 4:
        return c->cr4;
    default:
        return c->apic ? c->apic->get_tpr(c->apic_opaque) >> 4 : 0;
    }
}

uint64_t helper_read_cr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    return x86_read_cr(X86_CPU(v), (unsigned)a);
}

static void write_cr8(struct x86_cpu *c, uint64_t value)
{
    if (value >> 4)
        x86_fault(c, X86_GP);
    if (c->apic)
        c->apic->set_tpr(c->apic_opaque, value << 4);
    x86_request_poll(c);
}

uint64_t helper_write_cr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);

    switch (a) {
    case 0:
        x86_write_cr0(c, b);
        break;
    case 2:
        c->cr2 = b;
        break;
    case 3:
        x86_write_cr3(c, b);
        break;
    case 4:
        x86_write_cr4(c, b);
        break;
    default:
        write_cr8(c, b);
    }
    return 0;
}

/* LMSW can set PE but not clear it. */
uint64_t helper_lmsw(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);

    x86_write_cr0(c, (c->cr0 & ~14ull) | (a & 15));
    return 0;
}

uint64_t helper_clts(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);

    if (c->cr0 & CR0_TS)
        x86_write_cr0(c, c->cr0 & ~(uint64_t)CR0_TS);
    return 0;
}

/* DR4 and DR5 are DR6 and DR7 unless CR4.DE; general detect comes before privilege is all right. */
static unsigned check_dr(struct x86_cpu *c, unsigned n)
{
    if (n == 4 || n == 5) {
        if (c->cr4 & CR4_DE)
            x86_fault(c, X86_UD);
        n += 2;
    }
    if (c->cpl)
        x86_fault(c, X86_GP);
    if (c->dr[7] & BIT(13))
        x86_fault_debug(c, BIT(13));
    return n;
}

uint64_t helper_read_dr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    return X86_CPU(v)->dr[check_dr(X86_CPU(v), a)];
}

uint64_t helper_write_dr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_write_dr(X86_CPU(v), check_dr(X86_CPU(v), a), b);
    return 0;
}

uint64_t helper_xsetbv(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);

    if (!(c->cr4 & CR4_OSXSAVE))
        x86_fault(c, X86_UD);
    if (c->cpl)
        x86_fault(c, X86_GP);
    x86_write_xcr0(c, v->greg[X86_RCX], (uint32_t)v->greg[X86_RAX] | v->greg[X86_RDX] << 32);
    return 0;
}

/* --- TLB ------------------------------------------------------------------------------------------- */

uint64_t helper_invlpg(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_invlpg(X86_CPU(v), a);
    return 0;
}

/* a = type, b and c = the halves of the descriptor. */
uint64_t helper_invpcid(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_invpcid(X86_CPU(v), a, b, c);
    return 0;
}

/* --- MSRs, CPUID, time -------------------------------------------------------------------------------- */

static void put_edx_eax(struct vcpu *v, uint64_t value)
{
    v->greg[X86_RAX] = (uint32_t)value;
    v->greg[X86_RDX] = value >> 32;
}

uint64_t helper_rdmsr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    uint64_t value;

    if (x86_rdmsr(X86_CPU(v), v->greg[X86_RCX], &value))
        x86_fault(X86_CPU(v), X86_GP);
    put_edx_eax(v, value);
    return 0;
}

uint64_t helper_wrmsr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    uint64_t value = (uint32_t)v->greg[X86_RAX] | v->greg[X86_RDX] << 32;

    if (x86_wrmsr(X86_CPU(v), v->greg[X86_RCX], value))
        x86_fault(X86_CPU(v), X86_GP);
    x86_request_poll(X86_CPU(v));
    return 0;
}

uint64_t helper_cpuid(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    struct x86_cpuid_result r = x86_cpuid(X86_CPU(v), v->greg[X86_RAX], v->greg[X86_RCX]);

    v->greg[X86_RAX] = r.eax;
    v->greg[X86_RBX] = r.ebx;
    v->greg[X86_RCX] = r.ecx;
    v->greg[X86_RDX] = r.edx;
    return 0;
}

/* a: RDTSCP? */
uint64_t helper_rdtsc(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);

    if ((c->cr4 & CR4_TSD) && c->cpl)
        x86_fault(c, X86_GP);
    put_edx_eax(v, x86_anchor_tsc() + c->tsc_offset);
    if (a)
        v->greg[X86_RCX] = (uint32_t)c->tsc_aux;
    return 0;
}

uint64_t helper_rdpid(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    return (uint32_t)X86_CPU(v)->tsc_aux;
}

/* --- halting, SMM, steps ---------------------------------------------------------------------------------- */

uint64_t helper_hlt(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    v->halted = true;
    return 0;
}

uint64_t helper_rsm(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);

    if (!c->smm)
        x86_fault(c, X86_UD);
    x86_rsm(c);
    return 0;
}

/* Before an instruction in the TBV_DEBUG variant: a = its linear PC. */
uint64_t helper_code_breakpoint(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);
    uint32_t dr6;

    if (!c->ss_shadow && x86_code_breakpoint(c, a, &dr6))
        x86_fault_debug(c, dr6);
    return 0;
}

/* The same for a debugger's points; a = linear PC. */
uint64_t helper_debug_point(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    debug_code_point(v, a);
    return 0;
}

/*
 * An instruction of a reporting block has completed, vcpu.pc is the next one: end of an interrupt
 * shadow, RF, single-step trap. TF counts as it was before the instruction: in the running block's
 * mode.
 */
uint64_t helper_step_done(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);
    bool shadow = a & X86_MODE_SHADOW;

    if (shadow)
        c->intr_shadow = c->ss_shadow = false;
    if (a & X86_MODE_RF)
        c->eflags &= ~EFL_RF;
    if ((a & X86_MODE_TF) && !(c->debugctl & 2) && !c->no_step)
        c->db_pending |= BIT(14);
    c->no_step = false;
    x86_update_mode(c);
    x86_request_poll(c);
    return 0;
}
