/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers: RDMSR and WRMSR. Unknown ones and reserved bits give #GP, as on
 * hardware. Reference: Intel SDM vol. 4, vol. 3A 11.11 (MTRRs), 11.12 (PAT), chapter 15 (MCA).
 * MTRRs and PAT are kept but have no effect: all guest memory is write-back.
 */
#include "frontends/x86/sys.h"
#include "frontends/x86/cpuid.h"
#include "frontends/x86/msr.h"
#include "hw/core/clock.h"
#include "util/log.h"

#include <stddef.h>

/* How a plain register is checked when written. */
enum msr_check {
    MSR_ANY,
    MSR_MASK,      /* bits outside `mask` are reserved */
    MSR_CANONICAL,
    MSR_RO,        /* writes raise #GP */
    MSR_IGNORE,    /* writes have no effect, reads give the value in `mask` */
    MSR_CONST,     /* read-only, the value is in `mask` */
    MSR_COMMAND,   /* write-only, bits outside `mask` are reserved; writes have no effect */
};

/* A register that is just storage. feature: CPUID leaf, reg and bit it needs; leaf ~0: none. */
static const struct msr_row {
    uint32_t msr;
    uint32_t offset;
    uint8_t check;
    uint64_t mask;
    uint32_t leaf;
    uint8_t reg, bit;
} msr_rows[] = {
#define FIELD(f) offsetof(struct x86_cpu, f)
#define NEVER    ~0u, 0, 0
    {MSR_SYSENTER_CS, FIELD(sysenter_cs), MSR_MASK, 0xffffffff, 1, 3, 11},
    {MSR_SYSENTER_ESP, FIELD(sysenter_esp), MSR_CANONICAL, 0, 1, 3, 11},
    {MSR_SYSENTER_EIP, FIELD(sysenter_eip), MSR_CANONICAL, 0, 1, 3, 11},
    {MSR_STAR, FIELD(star), MSR_ANY, 0, 0x80000001, 3, 29},
    {MSR_LSTAR, FIELD(lstar), MSR_CANONICAL, 0, 0x80000001, 3, 29},
    {MSR_CSTAR, FIELD(cstar), MSR_CANONICAL, 0, 0x80000001, 3, 29},
    {MSR_FMASK, FIELD(sfmask), MSR_MASK, 0xffffffff, 0x80000001, 3, 29},
    {MSR_KERNEL_GS_BASE, FIELD(kernel_gs_base), MSR_CANONICAL, 0, 0x80000001, 3, 29},
    {MSR_TSC_AUX, FIELD(tsc_aux), MSR_MASK, 0xffffffff, 0x80000001, 3, 27},
    {MSR_FEATURE_CONTROL, FIELD(feature_control), MSR_MASK, 1, NEVER},
    {MSR_SPEC_CTRL, FIELD(spec_ctrl), MSR_MASK, 0x407, 7, 3, 26},
    {MSR_PRED_CMD, 0, MSR_COMMAND, 1, 7, 3, 26},
    {MSR_ARCH_CAPABILITIES, 0, MSR_CONST, X86_ARCH_CAPABILITIES, 7, 3, 29},
    {MSR_MISC_ENABLE, FIELD(misc_enable), MSR_MASK, 0x400c51889ull, NEVER},
    {MSR_MTRRCAP, 0, MSR_CONST, 0x508, 1, 3, 12},
    {MSR_MCG_CAP, 0, MSR_CONST, 0x100 | X86_MCE_BANKS, 1, 3, 14},
    {MSR_MCG_STATUS, FIELD(mcg_status), MSR_MASK, 7, 1, 3, 14},
    {MSR_MCG_CTL, FIELD(mcg_ctl), MSR_ANY, 0, 1, 3, 14},
    {MSR_DEBUGCTL, FIELD(debugctl), MSR_MASK, 3, NEVER},
    {MSR_PLATFORM_ID, 0, MSR_CONST, 0, NEVER},
    {MSR_EBL_CR_POWERON, 0, MSR_IGNORE, 0, NEVER},
    {MSR_BIOS_SIGN, FIELD(bios_sign), MSR_ANY, 0, NEVER},
    {MSR_BIOS_UPDT_TRIG, 0, MSR_IGNORE, 0, NEVER},
    {MSR_PLATFORM_INFO, 0, MSR_CONST, (uint64_t)(X86_TSC_HZ / 100000000) << 8, NEVER},
    {MSR_PERF_STATUS, 0, MSR_CONST, (uint64_t)(X86_TSC_HZ / 100000000) << 8, NEVER},
    {MSR_PERF_CTL, 0, MSR_IGNORE, 0, NEVER},
    {MSR_THERM_STATUS, 0, MSR_CONST, 0, NEVER},
    {MSR_LASTBRANCHFROMIP, 0, MSR_CONST, 0, NEVER},
    {MSR_LASTBRANCHTOIP, 0, MSR_CONST, 0, NEVER},
    {MSR_LASTINTFROMIP, 0, MSR_CONST, 0, NEVER},
    {MSR_LASTINTTOIP, 0, MSR_CONST, 0, NEVER},
#undef FIELD
#undef NEVER
};

static const struct msr_row *find_row(const struct x86_cpu *c, uint32_t msr)
{
    for (size_t i = 0; i < ARRAY_SIZE(msr_rows); i++) {
        const struct msr_row *r = &msr_rows[i];
        if (r->msr == msr)
            return r->leaf == ~0u || x86_cpuid_bit(c, r->leaf, r->reg, r->bit) ? r : NULL;
    }
    return NULL;
}

static uint64_t *row_field(struct x86_cpu *c, const struct msr_row *r)
{
    return (uint64_t *)((char *)c + r->offset);
}

static int read_row(struct x86_cpu *c, const struct msr_row *r, uint64_t *v)
{
    if (r->check == MSR_COMMAND)
        return -1;
    *v = r->check == MSR_CONST || r->check == MSR_IGNORE ? r->mask : *row_field(c, r);
    return 0;
}

static int write_row(struct x86_cpu *c, const struct msr_row *r, uint64_t v)
{
    switch (r->check) {
    case MSR_CONST:
    case MSR_RO:
        return -1;
    case MSR_IGNORE:
        return 0;
    case MSR_COMMAND:
        return v & ~r->mask ? -1 : 0;
    case MSR_MASK:
        if (v & ~r->mask)
            return -1;
        break;
    case MSR_CANONICAL:
        if (!x86_canonical(v))
            return -1;
        break;
    default:
        break;
    }
    *row_field(c, r) = v;
    return 0;
}

/* --- time ------------------------------------------------------------------------------ */

uint64_t x86_tsc_raw(void)
{
    int64_t ns = clock_now(CLK_VIRTUAL);

    return X86_TSC_HZ == NS_PER_SEC ? (uint64_t)ns : clock_ns_to_ticks(ns, X86_TSC_HZ);
}

#if defined __x86_64__
/* Nanoseconds per host tick as a fraction of 2^32, from two readings far enough apart; else 0. */
static uint64_t measure_host_ratio(uint64_t host, uint64_t ns)
{
    static uint64_t first_host, first_ns, ratio;
    uint64_t known = __atomic_load_n(&ratio, __ATOMIC_RELAXED);

    if (known)
        return known;
    if (!__atomic_load_n(&first_ns, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&first_host, host, __ATOMIC_RELAXED);
        __atomic_store_n(&first_ns, ns, __ATOMIC_RELEASE);
        return 0;
    }
    if (ns - first_ns < 50 * (uint64_t)NS_PER_MS || host <= first_host)
        return 0;
    known = ((unsigned __int128)(ns - first_ns) << 32) / (host - first_host);
    __atomic_store_n(&ratio, known, __ATOMIC_RELAXED);
    return known;
}

struct x86_tsc_anchor x86_tsc_anchor;

static uint64_t lock_anchor(struct x86_tsc_anchor *a)
{
    uint64_t seq;

    do
        seq = __atomic_load_n(&a->seq, __ATOMIC_RELAXED) & ~(uint64_t)1;
    while (!__atomic_compare_exchange_n(&a->seq, &seq, seq + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return seq;
}

/* What the old anchor says at this host time, or said last before it was too old. */
static uint64_t latest_by_anchor(const struct x86_tsc_anchor *a, uint64_t host)
{
    uint64_t passed = MIN(host - a->host, a->span);

    return a->ns + (passed * a->ratio >> 32);
}

/*
 * For the next 20 us helper_rdtsc_quick() goes on from here by the host's own counter, slower by
 * 1/4096 than that, so that the next reading of the clock hardly ever lies behind; where it does
 * (the thread was preempted between clock and counter), the old anchor's word counts. Unless the
 * clock was set back: then it is far behind.
 */
uint64_t x86_anchor_tsc(void)
{
    struct x86_tsc_anchor *a = &x86_tsc_anchor;
    uint64_t seq = lock_anchor(a), ns = x86_tsc_raw(), real = clock_now(CLK_REALTIME);
    uint64_t host = __builtin_ia32_rdtsc(), ratio = measure_host_ratio(host, real);
    uint64_t latest = latest_by_anchor(a, host);
    bool usable = ratio && X86_TSC_HZ == NS_PER_SEC && clock_virtual_running();

    if (latest > ns && latest - ns < NS_PER_MS)
        ns = latest;
    __atomic_store_n(&a->host, host, __ATOMIC_RELEASE);
    __atomic_store_n(&a->ns, ns, __ATOMIC_RELEASE);
    __atomic_store_n(&a->ratio, ratio - (ratio >> 12), __ATOMIC_RELEASE);
    __atomic_store_n(&a->span, usable ? (20 * (uint64_t)NS_PER_US << 32) / ratio : 0, __ATOMIC_RELEASE);
    __atomic_store_n(&a->seq, seq + 2, __ATOMIC_RELEASE);
    return ns;
}
#else
uint64_t x86_anchor_tsc(void)
{
    return x86_tsc_raw();
}
#endif

uint64_t x86_tsc(const struct x86_cpu *c)
{
    return x86_tsc_raw() + c->tsc_offset;
}

int64_t vcpu_tsc_to_ns(const struct vcpu *cpu, uint64_t tsc)
{
    uint64_t raw = tsc - X86_CPU(cpu)->tsc_offset, now = x86_tsc_raw();

    if ((int64_t)(raw - now) <= 0)
        return clock_now(CLK_VIRTUAL);
    if (raw >> 62)
        return TIMER_NEVER;
    return clock_ticks_to_ns(raw, X86_TSC_HZ);
}

/* The deadline timer is set by comparing with the TSC: set it anew. */
static void tsc_moved(struct x86_cpu *c)
{
    uint64_t deadline;

    if (c->apic && !c->apic->msr_read(c->apic_opaque, MSR_TSC_DEADLINE, &deadline) && deadline)
        c->apic->msr_write(c->apic_opaque, MSR_TSC_DEADLINE, deadline);
}

static int move_tsc(struct x86_cpu *c, uint64_t delta)
{
    c->tsc_offset += delta;
    c->tsc_adjust += delta;
    tsc_moved(c);
    return 0;
}

/* --- memory types ------------------------------------------------------------------------ */

static bool valid_memory_type(uint8_t type, bool pat)
{
    return type == 0 || type == 1 || (type >= 4 && type <= 6) || (pat && type == 7);
}

static bool valid_types(uint64_t v, bool pat)
{
    for (unsigned i = 0; i < 8; i++)
        if (!valid_memory_type(v >> (8 * i), pat))
            return false;
    return true;
}

/* MTRRphysBase and MTRRphysMask alternate from 200h on. */
static uint64_t *variable_mtrr(struct x86_cpu *c, uint32_t msr)
{
    unsigned n = (msr - MSR_MTRR_PHYSBASE0) / 2;

    return msr & 1 ? &c->mtrr_mask[n] : &c->mtrr_base[n];
}

static int write_variable_mtrr(struct x86_cpu *c, uint32_t msr, uint64_t v)
{
    uint64_t reserved = ~mask64(x86_phys_bits(c)) | (msr & 1 ? 0x7ff : 0xf00);

    if ((v & reserved) || (!(msr & 1) && !valid_memory_type(v, false)))
        return -1;
    *variable_mtrr(c, msr) = v;
    return 0;
}

static uint64_t *fixed_mtrr(struct x86_cpu *c, uint32_t msr)
{
    if (msr == 0x250)
        return &c->mtrr_fixed[0];
    if (msr == 0x258 || msr == 0x259)
        return &c->mtrr_fixed[1 + msr - 0x258];
    if (msr >= 0x268 && msr <= 0x26f)
        return &c->mtrr_fixed[3 + msr - 0x268];
    return NULL;
}

static bool is_variable_mtrr(const struct x86_cpu *c, uint32_t msr)
{
    return msr >= MSR_MTRR_PHYSBASE0 && msr < MSR_MTRR_PHYSBASE0 + 16 && x86_cpuid_bit(c, 1, 3, 12);
}

static int read_memory_type(struct x86_cpu *c, uint32_t msr, uint64_t *v)
{
    uint64_t *fixed = fixed_mtrr(c, msr);

    if (is_variable_mtrr(c, msr))
        *v = *variable_mtrr(c, msr);
    else if (fixed && x86_cpuid_bit(c, 1, 3, 12))
        *v = *fixed;
    else if (msr == MSR_MTRR_DEF_TYPE && x86_cpuid_bit(c, 1, 3, 12))
        *v = c->mtrr_def;
    else if (msr == MSR_PAT && x86_cpuid_bit(c, 1, 3, 16))
        *v = c->pat;
    else
        return -1;
    return 0;
}

static int write_memory_type(struct x86_cpu *c, uint32_t msr, uint64_t v)
{
    uint64_t *field = fixed_mtrr(c, msr);
    bool ok;

    if (is_variable_mtrr(c, msr))
        return write_variable_mtrr(c, msr, v);
    if (msr == MSR_PAT && x86_cpuid_bit(c, 1, 3, 16)) {
        field = &c->pat;
        ok = valid_types(v, true);
    } else if (!x86_cpuid_bit(c, 1, 3, 12)) {
        return -1;
    } else if (msr == MSR_MTRR_DEF_TYPE) {
        field = &c->mtrr_def;
        ok = !(v & ~0xcffull) && valid_memory_type(v, false);
    } else {
        ok = field && valid_types(v, false);
    }
    if (!ok)
        return -1;
    *field = v;
    return 0;
}

/* --- machine check ------------------------------------------------------------------------- */

static bool is_mce_bank(const struct x86_cpu *c, uint32_t msr)
{
    return msr >= MSR_MC0_CTL && msr < MSR_MC0_CTL + 4 * X86_MCE_BANKS && x86_cpuid_bit(c, 1, 3, 14);
}

/*
 * CTL takes all zeros or all ones (AMD: anything), STATUS can only be cleared. ADDR and MISC, which the
 * SDM lets software only clear too, take anything: test suites and error injectors store to them.
 */
static bool mce_write_valid(const struct x86_cpu *c, unsigned reg, uint64_t v)
{
    switch (reg) {
    case 0:
        return v == 0 || v == UINT64_MAX || x86_is_amd(c);
    case 1:
        return v == 0;
    default:
        return true;
    }
}

static int write_mce_bank(struct x86_cpu *c, uint32_t msr, uint64_t v)
{
    unsigned n = msr - MSR_MC0_CTL;

    if (!mce_write_valid(c, n & 3, v))
        return -1;
    c->mce_banks[n] = v;
    return 0;
}

/* --- segment bases -------------------------------------------------------------------------- */

static uint64_t *segment_base(struct x86_cpu *c, uint32_t msr)
{
    return &c->v.greg[X86_GREG_SEG_BASE + (msr == MSR_FS_BASE ? X86_FS : X86_GS)];
}

static bool has_long_mode(const struct x86_cpu *c)
{
    return x86_cpuid_bit(c, 0x80000001, 3, 29);
}

static int write_segment_base(struct x86_cpu *c, uint32_t msr, uint64_t v)
{
    if (!has_long_mode(c) || !x86_canonical(v))
        return -1;
    *segment_base(c, msr) = v;
    x86_seg_derive(c, msr == MSR_FS_BASE ? X86_FS : X86_GS);
    if (!x86_code64(c))
        x86_update_mode(c);
    return 0;
}

/* --- AMD ------------------------------------------------------------------------------------- */

/* Registers AMD's kernels look at; all read as zero and ignore writes. */
static bool is_amd_msr(const struct x86_cpu *c, uint32_t msr)
{
    static const uint32_t known[] = {0xc0010010, 0xc0010015, 0xc001001f, 0xc0010055, 0xc0010112, 0xc0010113,
                                     0xc0010114, 0xc0010117, 0xc0011023, 0xc0011029, 0xc001102a};

    if (!x86_is_amd(c))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (known[i] == msr)
            return true;
    return false;
}

/* --- all ------------------------------------------------------------------------------------- */

static bool is_apic_msr(uint32_t msr)
{
    return msr == MSR_TSC_DEADLINE || (msr >= 0x800 && msr <= 0x8ff);
}

static bool apic_msr_exists(const struct x86_cpu *c, uint32_t msr)
{
    return c->apic && (msr != MSR_TSC_DEADLINE || x86_cpuid_bit(c, 1, 2, 24));
}

static int read_other(struct x86_cpu *c, uint32_t msr, uint64_t *v)
{
    const struct msr_row *row = find_row(c, msr);

    if (row)
        return read_row(c, row, v);
    if (is_mce_bank(c, msr)) {
        *v = c->mce_banks[msr - MSR_MC0_CTL];
        return 0;
    }
    if (is_apic_msr(msr))
        return apic_msr_exists(c, msr) ? c->apic->msr_read(c->apic_opaque, msr, v) : -1;
    if (is_amd_msr(c, msr)) {
        *v = 0;
        return 0;
    }
    return read_memory_type(c, msr, v);
}

int x86_rdmsr(struct x86_cpu *c, uint32_t msr, uint64_t *v)
{
    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
        *v = *segment_base(c, msr);
        return has_long_mode(c) ? 0 : -1;
    case MSR_TSC:
        *v = x86_tsc(c);
        return 0;
    case MSR_TSC_ADJUST:
        *v = c->tsc_adjust;
        return x86_cpuid_bit(c, 7, 1, 1) ? 0 : -1;
    case MSR_EFER:
        *v = c->efer;
        return 0;
    case MSR_APIC_BASE:
        if (!c->apic)
            return -1;
        *v = c->apic->get_base(c->apic_opaque);
        return 0;
    default:
        return read_other(c, msr, v);
    }
}

static int write_other(struct x86_cpu *c, uint32_t msr, uint64_t v)
{
    const struct msr_row *row = find_row(c, msr);

    if (row)
        return write_row(c, row, v);
    if (is_mce_bank(c, msr))
        return write_mce_bank(c, msr, v);
    if (is_apic_msr(msr))
        return apic_msr_exists(c, msr) ? c->apic->msr_write(c->apic_opaque, msr, v) : -1;
    if (is_amd_msr(c, msr))
        return 0;
    return write_memory_type(c, msr, v);
}

int x86_wrmsr(struct x86_cpu *c, uint32_t msr, uint64_t v)
{
    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
        return write_segment_base(c, msr, v);
    case MSR_TSC:
        return move_tsc(c, v - x86_tsc(c));
    case MSR_TSC_ADJUST:
        return x86_cpuid_bit(c, 7, 1, 1) ? move_tsc(c, v - c->tsc_adjust) : -1;
    case MSR_EFER:
        x86_write_efer(c, v);
        return 0;
    case MSR_APIC_BASE:
        return c->apic && !(v & ~mask64(x86_phys_bits(c))) ? c->apic->set_base(c->apic_opaque, v) : -1;
    default:
        return write_other(c, msr, v);
    }
}
