/* SPDX-License-Identifier: MIT */
/*
 * x86 CPU state: raising exceptions, mode bits of the block key, control registers, reset.
 * Reference: Intel SDM vol. 3A, 2.5 (control registers), 9.1 (reset), 9.8.5 (IA-32e activation),
 * 4.10.4 (what invalidates the TLB).
 */
#include "frontends/x86/sys.h"
#include "frontends/x86/cpuid.h"
#include "frontends/x86/fpu.h"
#include "frontends/x86/mode.h"
#include "translator/exec.h"
#include "util/log.h"

/* --- raising ------------------------------------------------------------------ */

void x86_fault_error(struct x86_cpu *c, unsigned vector, uint32_t error)
{
    const uint32_t with_ext = BIT(X86_TS) | BIT(X86_NP) | BIT(X86_SS_FAULT) | BIT(X86_GP);

    if (with_ext >> vector & 1)
        error |= c->ext;
    c->exc.vector = vector;
    c->exc.has_error = x86_vector_has_error(vector);
    c->exc.error = error;
    vcpu_unwind_exit(&c->v);
}

void x86_fault(struct x86_cpu *c, unsigned vector)
{
    x86_fault_error(c, vector, 0);
}

void x86_fault_page(struct x86_cpu *c, gva_t addr, uint32_t error)
{
    c->exc.cr2 = addr;
    x86_fault_error(c, X86_PF, error);
}

void x86_fault_debug(struct x86_cpu *c, uint32_t dr6)
{
    c->exc.dr6 = dr6;
    x86_fault_error(c, X86_DB, 0);
}

void x86_raise(struct vcpu *v, enum x86_vector vector)
{
    x86_fault_error(X86_CPU(v), vector, 0);
}

void x86_raise_error(struct vcpu *v, enum x86_vector vector, uint32_t error)
{
    x86_fault_error(X86_CPU(v), vector, error);
}

void x86_commit(struct x86_cpu *c)
{
    if (c->v.host_ra || c->v.cur_insn)
        vcpu_sync_state(&c->v);
    c->v.host_ra = 0;
    c->v.cur_insn = NULL;
}

uint64_t x86_sys_load(struct x86_cpu *c, gva_t addr, unsigned size)
{
    return softtlb_load(&c->v, x86_linear(c, addr), size, x86_sys_idx(c), 0);
}

void x86_sys_store(struct x86_cpu *c, gva_t addr, uint64_t v, unsigned size)
{
    softtlb_store(&c->v, x86_linear(c, addr), v, size, x86_sys_idx(c), 0);
}

/* --- mode bits ---------------------------------------------------------------- */

static uint64_t bit_if(uint64_t set, uint64_t bit)
{
    return set ? bit : 0;
}

/* The part that depends on control registers. */
static void derive_mode_cr(struct x86_cpu *c)
{
    uint64_t cr0 = c->cr0, cr4 = c->cr4;

    c->mode_cr = bit_if(cr0 & CR0_PE, X86_MODE_PE) | bit_if(cr0 & CR0_TS, X86_MODE_TS) |
                 bit_if(cr0 & CR0_EM, X86_MODE_EM) | bit_if(cr0 & CR0_MP, X86_MODE_MP) |
                 bit_if(cr0 & CR0_NE, X86_MODE_NE) | bit_if(x86_lma(c), X86_MODE_LMA) |
                 bit_if(cr4 & CR4_OSFXSR, X86_MODE_OSFXSR) | bit_if(cr4 & CR4_OSXMMEXCPT, X86_MODE_OSXMMEXCPT) |
                 bit_if(cr4 & CR4_OSXSAVE, X86_MODE_OSXSAVE) | bit_if(cr4 & CR4_TSD, X86_MODE_TSD) |
                 bit_if(cr4 & CR4_PCE, X86_MODE_PCE) | bit_if(cr4 & CR4_DE, X86_MODE_DE) |
                 bit_if(cr4 & CR4_UMIP, X86_MODE_UMIP) | bit_if(cr4 & CR4_FSGSBASE, X86_MODE_FSGSBASE) |
                 bit_if(cr4 & CR4_VME, X86_MODE_VME) | bit_if(cr4 & CR4_PVI, X86_MODE_PVI) |
                 bit_if(c->smm, X86_MODE_SMM);
}

void x86_set_eflags(struct x86_cpu *c, uint32_t value, uint32_t mask)
{
    x86_put_eflags(c, (x86_get_eflags(c) & ~mask) | (value & mask));
    x86_update_mode(c);
}

/* --- control registers -------------------------------------------------------- */

void x86_control_changed(struct x86_cpu *c)
{
    derive_mode_cr(c);
    x86_mmu_mode_changed(c);
    x86_update_mode(c);
}

static bool uses_pdptes(uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    return (cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LME);
}

static bool tss_is_16bit(const struct x86_cpu *c)
{
    return !(c->seg[X86_TR].attr & 8);
}

/* Is this value of CR0 allowed in the current state? */
static bool cr0_valid(const struct x86_cpu *c, uint64_t v)
{
    bool pg = v & CR0_PG, was_pg = c->cr0 & CR0_PG;

    if (v >> 32 || (pg && !(v & CR0_PE)) || ((v & CR0_NW) && !(v & CR0_CD)))
        return false;
    if (pg && !was_pg && (c->efer & EFER_LME))
        return (c->cr4 & CR4_PAE) && !(c->seg[X86_CS].attr & SEG_L) && !tss_is_16bit(c);
    if (!pg && was_pg)
        return !x86_code64(c) && !(c->cr4 & CR4_PCIDE);
    return true;
}

void x86_write_cr0(struct x86_cpu *c, uint64_t v)
{
    const uint64_t known = CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG;
    uint64_t change;

    if (!cr0_valid(c, v))
        x86_fault(c, X86_GP);
    v = (v & known) | CR0_ET;
    change = v ^ c->cr0;
    if (uses_pdptes(v, c->cr4, c->efer) && (change & (CR0_PG | CR0_CD | CR0_NW)) && !x86_load_pdptes(c, c->cr3))
        x86_fault(c, X86_GP);
    c->cr0 = v;
    if (change & CR0_PG) {
        if (v & CR0_PG)
            c->efer |= c->efer & EFER_LME ? EFER_LMA : 0;
        else
            c->efer &= ~(uint64_t)EFER_LMA;
    }
    if (change & CR0_PE)
        for (unsigned s = X86_ES; s <= X86_GS; s++)
            x86_seg_derive(c, s);
    if (change & (CR0_PG | CR0_WP))
        vcpu_flush_everything(&c->v);
    x86_control_changed(c);
}

void x86_set_cr3_task(struct x86_cpu *c, uint64_t v)
{
    c->cr3 = v;
    vcpu_set_space(&c->v, 0, true);
}

void x86_write_cr3(struct x86_cpu *c, uint64_t v)
{
    bool noflush = (c->cr4 & CR4_PCIDE) && v >> 63;

    if (c->cr4 & CR4_PCIDE)
        v &= ~BIT(63);
    if (!x86_lma(c))
        v = (uint32_t)v;
    if (v & ~mask64(x86_phys_bits(c)))
        x86_fault(c, X86_GP);
    if (uses_pdptes(c->cr0, c->cr4, c->efer) && !x86_load_pdptes(c, v))
        x86_fault(c, X86_GP);
    c->cr3 = v;
    vcpu_set_space(&c->v, c->cr4 & CR4_PCIDE ? v & 0xfff : 0, !noflush);
}

uint64_t x86_cr4_allowed(const struct x86_cpu *c)
{
    static const struct { uint32_t cr4; uint8_t leaf, reg, bit; } rows[] = {
        {CR4_VME | CR4_PVI, 1, 3, 1},  {CR4_TSD, 1, 3, 4},      {CR4_DE, 1, 3, 2},        {CR4_PSE, 1, 3, 3},
        {CR4_PAE, 1, 3, 6},            {CR4_MCE, 1, 3, 7},      {CR4_PGE, 1, 3, 13},      {CR4_OSFXSR, 1, 3, 24},
        {CR4_OSXMMEXCPT, 1, 3, 25},    {CR4_PCIDE, 1, 2, 17},   {CR4_OSXSAVE, 1, 2, 26},  {CR4_UMIP, 7, 2, 2},
        {CR4_FSGSBASE, 7, 1, 0},       {CR4_SMEP, 7, 1, 7},     {CR4_SMAP, 7, 1, 20},
    };
    uint64_t allowed = CR4_PCE;

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if (x86_cpuid_bit(c, rows[i].leaf, rows[i].reg, rows[i].bit))
            allowed |= rows[i].cr4;
    return allowed;
}

static bool cr4_valid(const struct x86_cpu *c, uint64_t v)
{
    uint64_t on = v & ~c->cr4;

    if (v & ~x86_cr4_allowed(c))
        return false;
    if (x86_lma(c) && !(v & CR4_PAE))
        return false;
    return !(on & CR4_PCIDE) || (x86_lma(c) && !(c->cr3 & 0xfff));
}

void x86_write_cr4(struct x86_cpu *c, uint64_t v)
{
    const uint64_t paging = CR4_PGE | CR4_PSE | CR4_PAE | CR4_SMEP | CR4_SMAP | CR4_PCIDE;
    uint64_t change = v ^ c->cr4;

    if (!cr4_valid(c, v))
        x86_fault(c, X86_GP);
    if (uses_pdptes(c->cr0, v, c->efer) && (change & (CR4_PGE | CR4_PSE | CR4_PAE | CR4_SMEP)) &&
        !x86_load_pdptes(c, c->cr3))
        x86_fault(c, X86_GP);
    c->cr4 = v;
    if (change & CR4_PCIDE)
        vcpu_set_space(&c->v, 0, true);
    if (change & paging)
        vcpu_flush_everything(&c->v);
    x86_control_changed(c);
}

void x86_write_efer(struct x86_cpu *c, uint64_t v)
{
    uint64_t allowed = EFER_LMA;
    uint64_t change;

    if (x86_cpuid_bit(c, 0x80000001, 3, 29))
        allowed |= EFER_LME;
    if (x86_cpuid_bit(c, 0x80000001, 3, 11))
        allowed |= EFER_SCE;
    if (x86_cpuid_bit(c, 0x80000001, 3, 20))
        allowed |= EFER_NXE;
    if (v & ~allowed)
        x86_fault(c, X86_GP);
    v = (v & ~(uint64_t)EFER_LMA) | (c->efer & EFER_LMA);
    change = v ^ c->efer;
    if ((change & EFER_LME) && (c->cr0 & CR0_PG))
        x86_fault(c, X86_GP);
    c->efer = v;
    if (change & EFER_NXE)
        vcpu_flush_everything(&c->v);
    x86_control_changed(c);
}

/* XSETBV. x87 state cannot be switched off; what CPUID leaf 0Dh lists may be on. */
void x86_write_xcr0(struct x86_cpu *c, uint32_t index, uint64_t v)
{
    if (index || !(v & 1) || (v & ~x86_xcr0_allowed(c)) || ((v & 4) && !(v & 2)))
        x86_fault(c, X86_GP);
    c->xcr0 = v;
    x86_control_changed(c);
}

/* --- reset -------------------------------------------------------------------- */

static void reset_segments(struct x86_cpu *c)
{
    for (unsigned s = X86_ES; s <= X86_GS; s++)
        x86_seg_put(c, s, 0, 0, 0xffff, SEG_P | SEG_S | 3);
    x86_seg_put(c, X86_CS, 0xf000, 0xffff0000, 0xffff, SEG_P | SEG_S | 3);
    x86_seg_put(c, X86_LDTR, 0, 0, 0xffff, SEG_P | DT_LDT);
    x86_seg_put(c, X86_TR, 0, 0, 0xffff, SEG_P | DT_TSS32_BUSY);
    c->gdtr = (struct x86_dtable){0, 0xffff};
    c->idtr = (struct x86_dtable){0, 0xffff};
}

/* What RESET and INIT have in common. SDM vol. 3A, table 9-1. */
static void reset_common(struct x86_cpu *c)
{
    memset(c->v.greg, 0, sizeof(uint64_t) * 16);
    c->v.greg[X86_RDX] = x86_cpuid(c, 1, 0).eax;
    x86_put_eflags(c, 2);
    c->cpl = 0;
    c->smm = false;
    c->efer = 0;
    c->cr2 = c->cr3 = c->cr4 = 0;
    memset(c->dr, 0, sizeof(c->dr));
    c->dr[6] = 0xffff0ff0;
    c->dr[7] = 0x400;
    c->debugctl = 0;
    reset_segments(c);
    c->intr_shadow = c->ss_shadow = c->nmi_blocked = c->nmi_in_smm = false;
    c->db_pending = 0;
    c->exc.vector = -1;
    c->delivering = -1;
    c->ext = 0;
    c->shutdown = false;
    c->v.pc = 0xfffffff0;
    c->v.halted = false;
    vcpu_flush_everything(&c->v);
    derive_mode_cr(c);
    x86_mmu_mode_changed(c);
    c->mode = ~0ull;
    x86_update_mode(c);
}

static void reset_msrs(struct x86_cpu *c)
{
    c->star = c->lstar = c->cstar = c->sfmask = c->kernel_gs_base = c->tsc_aux = 0;
    c->sysenter_cs = c->sysenter_esp = c->sysenter_eip = 0;
    c->pat = 0x0007040600070406ull;
    c->mtrr_def = 0;
    memset(c->mtrr_fixed, 0, sizeof(c->mtrr_fixed));
    memset(c->mtrr_base, 0, sizeof(c->mtrr_base));
    memset(c->mtrr_mask, 0, sizeof(c->mtrr_mask));
    c->misc_enable = 0x1801; /* fast strings, no BTS, no PEBS */
    c->tsc_offset = -x86_tsc_raw();
    c->tsc_deadline = c->tsc_adjust = c->bios_sign = c->feature_control = 0;
    c->mcg_status = 0;
    c->mcg_ctl = UINT64_MAX;
    memset(c->mce_banks, 0, sizeof(c->mce_banks));
    c->spec_ctrl = c->xss = 0;
    c->smbase = 0x30000;
}

void x86_cpu_reset(struct x86_cpu *c)
{
    c->cr0 = CR0_CD | CR0_NW | CR0_ET;
    c->xcr0 = 1;
    x86_fpu_reset(c);
    reset_msrs(c);
    c->a20_mask = x86_a20_mask();
    reset_common(c);
    if (!vcpu_is_bsp(&c->v)) {
        c->wait_sipi = true;
        c->v.halted = true;
    }
    x86_apply_boot_state(c);
}

void x86_cpu_init(struct x86_cpu *c)
{
    c->cr0 = (c->cr0 & (CR0_CD | CR0_NW)) | CR0_ET;
    reset_common(c);
    if (c->apic)
        c->apic->init(c->apic_opaque);
    c->wait_sipi = !vcpu_is_bsp(&c->v);
    c->v.halted = c->wait_sipi;
}

/* --- wires -------------------------------------------------------------------- */

static bool a20_enabled = true;

gpa_t x86_a20_mask(void)
{
    return __atomic_load_n(&a20_enabled, __ATOMIC_RELAXED) ? ~0ull : ~BIT(20);
}

void cpu_set_a20(bool enabled)
{
    if (__atomic_exchange_n(&a20_enabled, enabled, __ATOMIC_SEQ_CST) == enabled)
        return;
    for (unsigned i = 0; i < vcpu_count(); i++)
        vcpu_raise_event(vcpu_get(i), VCPU_EV_FLUSH);
}

void vcpu_set_apic(struct vcpu *cpu, const struct vcpu_apic_ops *ops, void *opaque)
{
    X86_CPU(cpu)->apic = ops;
    X86_CPU(cpu)->apic_opaque = opaque;
}

bool vcpu_is_bsp(const struct vcpu *cpu)
{
    return vcpu_index(cpu) == 0;
}

static void (*ferr_handler)(void *opaque, bool asserted);
static void *ferr_opaque;
static bool ignne;

void cpu_set_ferr_handler(void (*fn)(void *opaque, bool asserted), void *opaque)
{
    ferr_handler = fn;
    ferr_opaque = opaque;
}

void x86_set_ferr(bool asserted)
{
    if (ferr_handler)
        ferr_handler(ferr_opaque, asserted);
}

void cpu_set_ignne(bool asserted)
{
    __atomic_store_n(&ignne, asserted, __ATOMIC_RELAXED);
}

bool x86_ignne(void)
{
    return __atomic_load_n(&ignne, __ATOMIC_RELAXED);
}
