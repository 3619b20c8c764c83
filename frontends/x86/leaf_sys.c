/* SPDX-License-Identifier: MIT */
/*
 * System code that generated code calls with the guest's FP and SIMD state live, compiled for
 * general registers only: mode bits and segment registers, SYSCALL and SYSRET, IRET in 64-bit
 * mode, POPF, STAC and CLAC, the shadow of STI. None of it raises: a helper that may returns the
 * vector to be raised or says that the full helper has to do the work.
 */
#include "frontends/x86/helpers.h"
#include "frontends/x86/mode.h"
#include "frontends/x86/sys.h"
#include "translator/exec.h"

/* --- mode bits of the block key ---------------------------------------------------------- */

static uint64_t bit_if(uint64_t set, uint64_t bit)
{
    return set ? bit : 0;
}

static uint64_t mode_of_code(struct x86_cpu *c)
{
    const struct x86_seg *cs = &c->seg[X86_CS];
    uint64_t m = bit_if(cs->attr & SEG_DB, X86_MODE_CS32) | bit_if(c->seg[X86_SS].attr & SEG_DB, X86_MODE_SS32);

    if (x86_seg_base(c, X86_CS) || cs->limit != UINT32_MAX)
        m |= X86_MODE_CS_STATIC;
    if (!x86_protected(c))
        return m | X86_MODE_CS_READ | X86_MODE_CS_WRITE;
    return m | bit_if(cs->attr & DT_RW, X86_MODE_CS_READ);
}

static uint64_t mode_of_eflags(const struct x86_cpu *c)
{
    uint32_t e = c->eflags;

    return bit_if(e & EFL_VM, X86_MODE_VM) | bit_if(e & EFL_TF, X86_MODE_TF) | bit_if(e & EFL_RF, X86_MODE_RF) |
           bit_if(c->cpl <= x86_iopl(c), X86_MODE_IOPL) |
           bit_if((e & EFL_AC) && c->cpl == 3 && (c->cr0 & CR0_AM), X86_MODE_AC) |
           bit_if(!(e & EFL_AC) && (c->cr4 & CR4_SMAP), X86_MODE_SMAP);
}

static uint32_t variant_of(const struct x86_cpu *c)
{
    return (c->eflags & EFL_TF ? TBV_SINGLE_STEP : 0) | (x86_breakpoints_on(c) ? TBV_DEBUG : 0) |
           (c->intr_shadow || (c->eflags & EFL_RF) ? TBV_ONE_INSN : 0);
}

void x86_update_mode(struct x86_cpu *c)
{
    const uint64_t seg64 = x86_mode_seg_bits(X86_FS, X86_SEG_BASE) | x86_mode_seg_bits(X86_GS, X86_SEG_BASE);
    uint64_t m = c->mode_cr | c->cpl | mode_of_eflags(c) | bit_if(c->intr_shadow, X86_MODE_SHADOW) |
                 bit_if(c->fpu_exact, X86_MODE_FPU_EXACT);
    uint64_t base = 0;
    uint32_t limit = 0, variant = variant_of(c);

    if (x86_code64(c)) {
        m |= X86_MODE_CS64 | seg64;
    } else {
        m |= mode_of_code(c) | c->mode_seg;
        if (m & X86_MODE_CS_STATIC) {
            base = x86_seg_base(c, X86_CS);
            limit = c->seg[X86_CS].limit;
        }
    }
    if (m == c->mode && base == c->mode_cs_base && limit == c->mode_cs_limit && variant == c->mode_variant)
        return;
    c->mode = m;
    c->mode_cs_base = base;
    c->mode_cs_limit = limit;
    c->mode_variant = variant;
    vcpu_context_changed(&c->v);
}

void x86_get_mode(struct vcpu *v, struct tb_key *key)
{
    const struct x86_cpu *c = X86_CPU(v);

    key->mode = c->mode;
    key->variant = c->mode_variant;
    key->cs_base = c->mode_cs_base;
    key->cs_limit = c->mode_cs_limit;
    key->pc = c->mode & X86_MODE_CS_STATIC ? 1 : 0; /* the PC belongs to the key */
}

/* --- segment registers --------------------------------------------------------------------- */

/* Expand-up data that may be read and written. */
static bool plain_data(const struct x86_cpu *c, uint32_t attr)
{
    if (attr & SEG_UNUSABLE)
        return false;
    if (!x86_protected(c))
        return true;
    return (attr & (DT_S | DT_CODE | DT_EXPAND_DOWN | DT_RW)) == (DT_S | DT_RW);
}

void x86_seg_derive(struct x86_cpu *c, unsigned s)
{
    const struct x86_seg *seg = &c->seg[s];
    enum x86_seg_mode m = X86_SEG_CHECK;

    if (s >= X86_LDTR)
        return;
    c->v.greg[X86_GREG_SEG_LIMIT + s] = seg->limit;
    if (s == X86_CS)
        return;
    if (plain_data(c, seg->attr)) {
        if (seg->limit != UINT32_MAX)
            m = X86_SEG_LIMIT;
        else
            m = x86_seg_base(c, s) ? X86_SEG_BASE : X86_SEG_FLAT;
    }
    c->mode_seg &= ~x86_mode_seg_bits(s, (enum x86_seg_mode)3);
    c->mode_seg |= x86_mode_seg_bits(s, m);
}

void x86_seg_put(struct x86_cpu *c, unsigned s, uint16_t selector, uint64_t base, uint32_t limit, uint32_t attr)
{
    c->seg[s] = (struct x86_seg){.selector = selector, .attr = attr, .limit = limit, .base = base};
    if (s < X86_LDTR)
        c->v.greg[X86_GREG_SEG_BASE + s] = base;
    x86_seg_derive(c, s);
}

/* A null selector: unusable. SS keeps the CPL as its DPL; in 64-bit mode all work regardless. */
void x86_seg_put_null(struct x86_cpu *c, unsigned s, uint16_t selector)
{
    uint32_t attr = SEG_UNUSABLE | (s == X86_SS ? (uint32_t)c->cpl << 5 | SEG_DB : 0);

    x86_seg_put(c, s, selector, 0, 0, attr);
}

void x86_flat_code(struct x86_cpu *c, uint16_t selector, unsigned cpl, bool wide)
{
    x86_seg_put(c, X86_CS, (selector & ~3) | cpl, 0, UINT32_MAX,
                SEG_G | (wide ? SEG_L : SEG_DB) | SEG_P | cpl << 5 | SEG_S | DT_CODE | DT_RW | DT_ACCESSED);
    c->cpl = cpl;
}

void x86_flat_stack(struct x86_cpu *c, uint16_t selector, unsigned cpl)
{
    x86_seg_put(c, X86_SS, (selector & ~3) | cpl, 0, UINT32_MAX,
                SEG_G | SEG_DB | SEG_P | cpl << 5 | SEG_S | DT_RW | DT_ACCESSED);
}

/* --- SYSCALL, SYSRET ------------------------------------------------------------------------- */

/* Outside IA-32e mode, which only AMD's processors allow: 32-bit code, the target in STAR. */
static void legacy_syscall(struct x86_cpu *c, uint32_t next)
{
    uint32_t flags = x86_get_eflags(c);

    c->v.greg[X86_RCX] = next;
    c->no_step = flags & EFL_TF;
    x86_put_eflags(c, flags & ~(EFL_RF | EFL_VM | EFL_IF));
    x86_flat_code(c, c->star >> 32, 0, false);
    x86_flat_stack(c, (c->star >> 32) + 8, 0);
    c->v.pc = (uint32_t)c->star;
    x86_update_mode(c);
}

static void long_syscall(struct x86_cpu *c, uint64_t next)
{
    uint32_t flags = x86_get_eflags(c);
    bool wide = x86_code64(c);

    c->v.greg[X86_RCX] = next;
    c->v.greg[X86_R11] = flags & ~EFL_RF;
    c->no_step = flags & c->sfmask & EFL_TF;
    x86_put_eflags(c, flags & ~c->sfmask & ~EFL_RF);
    x86_flat_code(c, c->star >> 32, 0, true);
    x86_flat_stack(c, (c->star >> 32) + 8, 0);
    c->v.pc = wide ? c->lstar : c->cstar;
    x86_update_mode(c);
}

/* a = next. Returns the vector to raise, or 0. */
uint64_t helper_syscall(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);

    if (!(c->efer & EFER_SCE))
        return X86_UD;
    if (c->efer & EFER_LMA)
        long_syscall(c, a);
    else
        legacy_syscall(c, a);
    return 0;
}

/* R11 has the flags in IA-32e mode only. */
static void sysret_flags(struct x86_cpu *c)
{
    const uint32_t keep = EFL_ARITH | EFL_TF | EFL_IF | EFL_DF | EFL_IOPL | EFL_NT | EFL_AC | EFL_VIF | EFL_VIP | EFL_ID;

    if (c->efer & EFER_LMA)
        x86_put_eflags(c, c->v.greg[X86_R11] & keep);
    else
        x86_put_eflags(c, x86_get_eflags(c) | EFL_IF);
}

/* a = operand size 64? As SYSCALL. Unlike IRET and POPF, setting TF traps at once. */
uint64_t helper_sysret(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);
    uint16_t base = c->star >> 48;

    if (!(c->efer & EFER_SCE))
        return X86_UD;
    if (!(c->cr0 & CR0_PE) || (a && !x86_canonical(v->greg[X86_RCX])))
        return X86_GP;
    sysret_flags(c);
    x86_flat_code(c, a ? base + 16 : base, 3, a);
    x86_flat_stack(c, base + 8, 3);
    v->pc = a ? v->greg[X86_RCX] : (uint32_t)v->greg[X86_RCX];
    if (x86_get_eflags(c) & EFL_TF)
        c->db_pending |= BIT(14);
    x86_update_mode(c);
    x86_request_poll(c);
    return 0;
}

/* --- flags ----------------------------------------------------------------------------------- */

/* Of several NMIs that came while they were blocked one is kept. */
void x86_unblock_nmi(struct x86_cpu *c)
{
    if (!c->nmi_blocked)
        return;
    c->nmi_blocked = false;
    __atomic_fetch_and((uint32_t *)&c->v.events, ~(uint32_t)VCPU_EV_NMI2, __ATOMIC_SEQ_CST);
}

/*
 * Events that could not be taken now. A poll for them would be a host fault for nothing, again and
 * again in a loop that reads a port; what ends their wait (STI, POPF, IRET, RSM) asks for one.
 */
static uint32_t held_back(const struct x86_cpu *c)
{
    return VCPU_EV_NMI2 | (c->eflags & EFL_IF ? 0 : VCPU_EV_INTR) | (c->nmi_blocked ? VCPU_EV_NMI : 0) |
           (c->smm ? VCPU_EV_SMI | VCPU_EV_INIT : 0);
}

void x86_request_poll(struct x86_cpu *c)
{
    uint32_t events = __atomic_load_n((uint32_t *)&c->v.events, __ATOMIC_RELAXED);

    if ((events && events & ~held_back(c)) || c->db_pending)
        vcpu_poll_request(&c->v);
}

static uint32_t popf_mask(const struct x86_cpu *c, unsigned size)
{
    uint32_t mask = EFL_ARITH | EFL_TF | EFL_DF | EFL_NT;

    if (size != 2)
        mask |= EFL_AC | EFL_ID;
    if (c->cpl <= x86_iopl(c))
        mask |= EFL_IF;
    if (c->cpl == 0)
        mask |= EFL_IOPL;
    return mask;
}

/* Outside vm86. a = value popped, b = operand size. */
uint64_t helper_popf(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);
    uint32_t mask = popf_mask(c, b) | EFL_RF;

    x86_put_eflags(c, (x86_get_eflags(c) & ~mask) | (a & mask & ~EFL_RF));
    x86_update_mode(c);
    x86_request_poll(c);
    return 0;
}

/* STI where the following instruction is in another block. */
uint64_t helper_sti_shadow(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);

    c->intr_shadow = true;
    x86_update_mode(c);
    return 0;
}

/* Interrupts may have become deliverable. */
uint64_t helper_poll(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_request_poll(X86_CPU(v));
    return 0;
}

/* STAC, CLAC: a = set? */
uint64_t helper_set_ac(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    struct x86_cpu *c = X86_CPU(v);

    c->eflags = a ? c->eflags | EFL_AC : c->eflags & ~EFL_AC;
    x86_update_mode(c);
    return 0;
}

/* --- RDTSC ------------------------------------------------------------------------------------- */

#if defined __x86_64__
/* The TSC from the last reading of the clock on by the host's counter; false: too long ago. */
static bool tsc_by_anchor(uint64_t *tsc)
{
    const struct x86_tsc_anchor *a = &x86_tsc_anchor;
    uint64_t seq = __atomic_load_n(&a->seq, __ATOMIC_ACQUIRE);
    uint64_t host = __atomic_load_n(&a->host, __ATOMIC_ACQUIRE);
    uint64_t ns = __atomic_load_n(&a->ns, __ATOMIC_ACQUIRE);
    uint64_t span = __atomic_load_n(&a->span, __ATOMIC_ACQUIRE);
    uint64_t ratio = __atomic_load_n(&a->ratio, __ATOMIC_ACQUIRE);
    uint64_t passed = __builtin_ia32_rdtsc() - host;

    *tsc = ns + (passed * ratio >> 32);
    return passed < span && !(seq & 1) && __atomic_load_n(&a->seq, __ATOMIC_ACQUIRE) == seq;
}
#endif

/* a: RDTSCP? False: let the full helper do it. */
uint64_t helper_rdtsc_quick(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
#if defined __x86_64__
    struct x86_cpu *c = X86_CPU(v);
    uint64_t tsc;

    if (!tsc_by_anchor(&tsc))
        return false;
    tsc += c->tsc_offset;
    v->greg[X86_RAX] = (uint32_t)tsc;
    v->greg[X86_RDX] = tsc >> 32;
    if (a)
        v->greg[X86_RCX] = (uint32_t)c->tsc_aux;
    return true;
#else
    return false;
#endif
}

/* --- IRET in 64-bit mode ------------------------------------------------------------------------- */

/* Host address of plain RAM the soft TLB knows, or NULL. */
static const void *known(struct vcpu *v, gva_t addr, unsigned size, unsigned idx)
{
    const struct softtlb_entry *e = &v->tlb[idx].rd[addr >> 12 & (SOFTTLB_ENTRIES - 1)];
    uint64_t t = addr ^ __atomic_load_n(&e->tag, __ATOMIC_RELAXED);

    if (likely(t <= SOFTTLB_PAGE - size))
        return (const void *)(uintptr_t)(t + e->host);
    return softtlb_refill_leaf(v, addr, size, TLB_READ, idx);
}

/* A GDT descriptor with accessed bit, present, of the wanted type and privilege; 0: let the full helper look. */
static uint64_t quick_descriptor(struct x86_cpu *c, uint16_t selector, unsigned type)
{
    const uint64_t *d;
    uint64_t want = SEG_P | SEG_S | (selector & 3u) << 5 | type;

    if ((selector & 4) || !(selector & 0xfff8) || (selector | 7u) > c->gdtr.limit)
        return 0;
    d = known(&c->v, c->gdtr.base + (selector & 0xfff8u), 8, x86_sys_idx(c));
    return d && (*d >> 40 & 0xff) == want ? *d : 0;
}

static void put_descriptor(struct x86_cpu *c, unsigned s, uint16_t selector, uint64_t raw)
{
    struct x86_desc d = {.raw = raw};

    x86_seg_put(c, s, selector, x86_desc_base(&d), x86_desc_limit(&d), x86_desc_attr(&d));
}

static bool usable_for_ring3(const struct x86_cpu *c, unsigned s)
{
    return (c->seg[s].attr & SEG_UNUSABLE) || (c->seg[s].attr >> 5 & 3) == 3;
}

/*
 * IRETQ of ring 0 with everything as usual: to 64-bit code of ring 0 or 3 by way of the GDT, no NT, no
 * breakpoints. Returns false for the full helper, which finds nothing changed.
 */
uint64_t helper_iret_quick(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    const uint32_t mask = EFL_ARITH | EFL_TF | EFL_DF | EFL_NT | EFL_RF | EFL_AC | EFL_ID | EFL_IF | EFL_IOPL |
                          EFL_VIF | EFL_VIP;
    struct x86_cpu *c = X86_CPU(v);
    const uint64_t *frame = known(v, v->greg[X86_RSP], 40, x86_mmu_idx(c, 0));
    uint64_t ip, cs, flags, sp, ss, code, data;
    unsigned cpl;
    bool null_ss;

    if (!frame || (c->eflags & EFL_NT) || x86_breakpoints_on(c))
        return false;
    ip = frame[0];
    cs = frame[1] & 0xffff;
    flags = frame[2];
    sp = frame[3];
    ss = frame[4] & 0xffff;
    cpl = cs & 3;
    code = quick_descriptor(c, cs, DT_CODE | DT_RW | DT_ACCESSED);
    null_ss = !ss && !cpl;
    data = null_ss ? 0 : quick_descriptor(c, ss, DT_RW | DT_ACCESSED);
    if (!code || (!data && !null_ss) || (code >> 53 & 3) != 1 || (ss & 3) != cpl || !x86_canonical(ip))
        return false;
    if (cpl && (cpl != 3 || !usable_for_ring3(c, X86_DS) || !usable_for_ring3(c, X86_ES) ||
                !usable_for_ring3(c, X86_FS) || !usable_for_ring3(c, X86_GS)))
        return false;
    x86_put_eflags(c, (x86_get_eflags(c) & ~mask) | (flags & mask & ~EFL_RF));
    c->cpl = cpl;
    put_descriptor(c, X86_CS, cs, code);
    if (null_ss)
        x86_seg_put_null(c, X86_SS, 0);
    else
        put_descriptor(c, X86_SS, ss, data);
    v->greg[X86_RSP] = sp;
    v->pc = ip;
    x86_unblock_nmi(c);
    x86_update_mode(c);
    x86_request_poll(c);
    return true;
}
