/* SPDX-License-Identifier: MIT */
/*
 * Helpers for what moves FP and SIMD state as a whole or may change the mode of translation:
 * FNSTENV, FLDENV, FNSAVE, FRSTOR, FXSAVE, FXRSTOR, XSAVE, XRSTOR, FLDCW with exceptions
 * unmasked, pending x87 errors (#MF, FERR#), MASKMOVQ and MASKMOVDQU.
 * Reference: Intel SDM vol. 1, 8.1.10 (environment), 8.7 and D.3 (FERR#), 10.5.1 (FXSAVE area),
 * 13.4 (XSAVE area), vol. 2.
 *
 * XSAVE knows components 0 and 1 (x87, SSE), counts both as always in use, and has no compacted
 * form (XSAVEC, XSAVES are not advertised).
 */
#include "frontends/x86/fault.h"
#include "frontends/x86/fpu.h"
#include "frontends/x86/mode.h"
#include "frontends/x86/helpers.h"
#include "frontends/x86/sys.h"
#include "translator/exec.h"

/* --- state ------------------------------------------------------------------------ */

void x86_fpu_set_control(struct vcpu *v, uint16_t cw, uint16_t sw)
{
    cw = (cw & FPU_CW_WRITE) | FPU_CW_FIXED;
    sw &= ~(FPU_SW_ES | FPU_SW_B);
    if (sw & ~cw & FPU_SW_EXC)
        sw |= FPU_SW_ES | FPU_SW_B;
    st_le16(v->fx + FX_FCW, cw);
    st_le16(v->fx + FX_FSW, sw);
}

static void set_pointers(struct x86_cpu *c, uint64_t ip, uint64_t dp, uint16_t op)
{
    c->fpu_ip = ip;
    c->fpu_ip_off = 0;
    c->fpu_dp = dp;
    c->fpu_op = op & 0x7ff;
}

void x86_fpu_init(struct x86_cpu *c)
{
    x86_fpu_set_control(&c->v, FPU_CW_INIT, 0);
    c->v.fx[FX_FTW] = 0;
    set_pointers(c, 0, 0, 0);
}

void x86_fpu_reset(struct x86_cpu *c)
{
    memset(c->v.fx, 0, sizeof(c->v.fx));
    x86_fpu_set_control(&c->v, 0, 0);
    c->v.fx[FX_FTW] = 0xff;
    st_le32(c->v.fx + FX_MXCSR, MXCSR_INIT);
    st_le32(c->v.fx + FX_MXCSR_MASK, MXCSR_VALID);
    set_pointers(c, 0, 0, 0);
    c->fpu_exact = true;
}

/* FERR# stays active as long as the error it told of. */
static void release_ferr(struct x86_cpu *c)
{
    if (!c->fpu_ferr || ld_le16(c->v.fx + FX_FSW) & FPU_SW_ES)
        return;
    c->fpu_ferr = false;
    x86_set_ferr(false);
}

bool x86_fpu_changed(struct x86_cpu *c)
{
    bool exact = ~ld_le16(c->v.fx + FX_FCW) & FPU_CW_EXC;

    c->fpu_ignored_cw = 0;
    release_ferr(c);
    if (exact == c->fpu_exact)
        return false;
    c->fpu_exact = exact;
    x86_update_mode(c);
    return true;
}

/* The registers by physical number while TOP changes: ST(i) is physical (TOP + i) & 7. */
static void set_top(struct vcpu *v, unsigned top)
{
    uint8_t old[8 * 16];
    unsigned shift = (top - x86_fpu_top(v)) & 7;
    uint16_t sw = ld_le16(v->fx + FX_FSW);

    memcpy(old, v->fx + FX_ST, sizeof(old));
    for (unsigned i = 0; i < 8; i++)
        memcpy(v->fx + FX_ST + 16 * i, old + 16 * ((i + shift) & 7), 16);
    st_le16(v->fx + FX_FSW, (sw & ~0x3800) | top << 11);
}

/* --- x87 environment ---------------------------------------------------------------- */

enum { TAG_VALID, TAG_ZERO, TAG_SPECIAL, TAG_EMPTY };

static unsigned register_tag(const uint8_t *st)
{
    uint64_t mantissa = ld_le64(st);
    unsigned exponent = ld_le16(st + 8) & 0x7fff;

    if (exponent == 0)
        return mantissa ? TAG_SPECIAL : TAG_ZERO;
    if (exponent == 0x7fff || !(mantissa >> 63))
        return TAG_SPECIAL;
    return TAG_VALID;
}

uint16_t x86_fpu_full_tags(const struct vcpu *v)
{
    unsigned top = x86_fpu_top(v), tag;
    uint16_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        tag = TAG_EMPTY;
        if (v->fx[FX_FTW] >> i & 1)
            tag = register_tag(v->fx + FX_ST + 16 * ((i - top) & 7));
        tags |= tag << (2 * i);
    }
    return tags;
}

uint8_t x86_fpu_short_tags(uint16_t tags)
{
    uint8_t ftw = 0;

    for (unsigned i = 0; i < 8; i++) {
        if ((tags >> (2 * i) & 3) != TAG_EMPTY)
            ftw |= 1 << i;
    }
    return ftw;
}

/* Fields of the environment by form: 16-bit words, or 32-bit words whose upper halves are ones. */
struct fenv_words {
    uint32_t w[7];
};

static void pointers_to_words(const struct x86_cpu *c, unsigned form, struct fenv_words *e)
{
    uint32_t ip = x86_fpu_ip(c), dp = c->fpu_dp;

    if (form == (FENV_32 | FENV_REAL)) {
        e->w[3] = 0xffff0000 | (ip & 0xffff);
        e->w[4] = (ip >> 16) << 12 | c->fpu_op;
        e->w[5] = 0xffff0000 | (dp & 0xffff);
        e->w[6] = (dp >> 16) << 12;
    } else if (form == FENV_32) {
        e->w[3] = ip;
        e->w[4] = (uint32_t)c->fpu_op << 16;
        e->w[5] = dp;
        e->w[6] = 0xffff0000;
    } else {
        e->w[3] = ip & 0xffff;
        e->w[4] = form & FENV_REAL ? (ip >> 16 & 0xf) << 12 | c->fpu_op : 0;
        e->w[5] = dp & 0xffff;
        e->w[6] = form & FENV_REAL ? (dp >> 16 & 0xf) << 12 : 0;
    }
}

static void pointers_from_words(struct x86_cpu *c, unsigned form, const struct fenv_words *e)
{
    const uint32_t *w = e->w;

    if (form & FENV_REAL)
        set_pointers(c, (w[3] & 0xffff) | (w[4] & 0x0ffff000) << 4,
                     (w[5] & 0xffff) | (w[6] & 0x0ffff000) << 4, w[4]);
    else
        set_pointers(c, w[3], w[5], form & FENV_32 ? w[4] >> 16 : 0);
}

static unsigned env_size(unsigned form)
{
    return form & FENV_32 ? 28 : 14;
}

static unsigned env_store(const struct x86_cpu *c, unsigned form, uint8_t *buf)
{
    struct fenv_words e;

    e.w[0] = 0xffff0000 | ld_le16(c->v.fx + FX_FCW);
    e.w[1] = 0xffff0000 | ld_le16(c->v.fx + FX_FSW);
    e.w[2] = 0xffff0000 | x86_fpu_full_tags(&c->v);
    pointers_to_words(c, form, &e);
    for (unsigned i = 0; i < 7; i++) {
        if (form & FENV_32)
            st_le32(buf + 4 * i, e.w[i]);
        else
            st_le16(buf + 2 * i, e.w[i]);
    }
    return env_size(form);
}

static unsigned env_load(struct x86_cpu *c, unsigned form, const uint8_t *buf)
{
    struct fenv_words e;

    for (unsigned i = 0; i < 7; i++)
        e.w[i] = form & FENV_32 ? ld_le32(buf + 4 * i) : ld_le16(buf + 2 * i);
    set_top(&c->v, e.w[1] >> 11 & 7);
    x86_fpu_set_control(&c->v, e.w[0], e.w[1]);
    c->v.fx[FX_FTW] = x86_fpu_short_tags(e.w[2]);
    pointers_from_words(c, form, &e);
    return env_size(form);
}

static unsigned data_idx(const struct vcpu *v)
{
    const struct x86_cpu *c = (const struct x86_cpu *)v;

    return x86_mmu_idx(c, c->cpl);
}

static void guest_write(struct vcpu *v, gva_t addr, const void *buf, unsigned len)
{
    void *host = softtlb_probe(v, addr, len, TLB_WRITE, data_idx(v), 0);

    if (host)
        softtlb_copy(host, buf, len);
    else
        softtlb_write(v, addr, buf, len, data_idx(v), 0);
}

static void guest_read(struct vcpu *v, gva_t addr, void *buf, unsigned len)
{
    const void *host = softtlb_probe(v, addr, len, TLB_READ, data_idx(v), 0);

    if (host)
        softtlb_copy(buf, host, len);
    else
        softtlb_read(v, addr, buf, len, data_idx(v), 0);
}

static void guest_probe_write(struct vcpu *v, gva_t addr, unsigned len)
{
    softtlb_probe(v, addr, len, TLB_WRITE, data_idx(v), 0);
}

/* a: linear address, b: enum x86_fenv_form. All exceptions are masked afterwards. */
uint64_t helper_fnstenv(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    uint8_t buf[28];
    unsigned len = env_store(X86_CPU(v), b, buf);

    guest_write(v, a, buf, len);
    x86_fpu_set_control(v, ld_le16(v->fx + FX_FCW) | FPU_CW_EXC, ld_le16(v->fx + FX_FSW));
    x86_fpu_changed(X86_CPU(v));
    return 0;
}

uint64_t helper_fldenv(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    uint8_t buf[28];

    guest_read(v, a, buf, env_size(b));
    env_load(X86_CPU(v), b, buf);
    x86_fpu_changed(X86_CPU(v));
    return 0;
}

/* The environment, then ST(0) to ST(7), 10 bytes each; FNINIT. */
uint64_t helper_fnsave(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    uint8_t buf[28 + 80];
    unsigned len = env_store(X86_CPU(v), b, buf);

    for (unsigned i = 0; i < 8; i++, len += 10)
        memcpy(buf + len, v->fx + FX_ST + 16 * i, 10);
    guest_write(v, a, buf, len);
    set_top(v, 0);
    x86_fpu_init(X86_CPU(v));
    x86_fpu_changed(X86_CPU(v));
    return 0;
}

uint64_t helper_frstor(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    uint8_t buf[28 + 80];
    unsigned len = env_size(b);

    guest_read(v, a, buf, len + 80);
    env_load(X86_CPU(v), b, buf);
    for (unsigned i = 0; i < 8; i++, len += 10)
        memcpy(v->fx + FX_ST + 16 * i, buf + len, 10);
    x86_fpu_changed(X86_CPU(v));
    return 0;
}

/* --- control word, pending errors ----------------------------------------------------- */

/*
 * FLDCW is about to unmask an exception in a block that relies on all being masked: change to
 * exact blocks and execute the instruction again.
 */
uint64_t helper_fpu_go_exact(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    vcpu_sync_state(v);
    X86_CPU(v)->fpu_exact = true;
    x86_update_mode(X86_CPU(v));
    vcpu_unwind_exit(v);
}

/* FLDCW in exact blocks. a: the new FCW. */
uint64_t helper_fldcw_exact(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_fpu_set_control(v, a, ld_le16(v->fx + FX_FSW));
    x86_fpu_changed(X86_CPU(v));
    return 0;
}

/* Translated code has executed FNINIT or FNCLEX in an exact block. */
uint64_t helper_fpu_settled(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_fpu_changed(X86_CPU(v));
    return 0;
}

/*
 * Before a waiting instruction in exact blocks with CR0.NE = 0; a: FSW. A pending error goes out
 * as FERR# and the processor stands still before the instruction until an interrupt comes. If the
 * chipset says IGNNE# the instruction is executed, with the error masked so that the host does
 * not see it; helper_fpu_after() or helper_fpu_resume() follow.
 */
uint64_t helper_fpu_ferr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    uint16_t cw = ld_le16(v->fx + FX_FCW);

    if (!(a & FPU_SW_ES))
        return 0;
    if (x86_ignne()) {
        X86_CPU(v)->fpu_ignored_cw = cw | BIT(16);
        x86_fpu_set_control(v, cw | FPU_CW_EXC, a);
        return 0;
    }
    vcpu_sync_state(v);
    X86_CPU(v)->fpu_ferr = true;
    x86_set_ferr(true);
    v->halted = true;
    vcpu_unwind_exit(v);
}

/* After an instruction that may have been executed with its error masked. */
uint64_t helper_fpu_resume(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    if (X86_CPU(v)->fpu_ignored_cw) {
        x86_fpu_set_control(v, X86_CPU(v)->fpu_ignored_cw, ld_le16(v->fx + FX_FSW));
        X86_CPU(v)->fpu_ignored_cw = 0;
    }
    return 0;
}

/* After an x87 instruction in an exact block. a: FOP, | BIT(16) if b is its operand's address. */
uint64_t helper_fpu_after(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    helper_fpu_resume(v, 0, 0, 0);
    if (!(ld_le16(v->fx + FX_FSW) & FPU_SW_ES))
        return 0;
    X86_CPU(v)->fpu_op = a & 0x7ff;
    if (a & BIT(16))
        X86_CPU(v)->fpu_dp = b;
    return 0;
}

/* --- FXSAVE ----------------------------------------------------------------------------- */

/* The last-instruction fields of an FXSAVE area. */
static void fx_put_pointers(const struct x86_cpu *c, unsigned form, uint8_t *area)
{
    uint64_t ip = x86_fpu_ip(c), dp = c->fpu_dp;

    st_le16(area + FX_FOP, c->fpu_op);
    st_le64(area + FX_FIP, form & FXF_REXW ? ip : (uint32_t)ip);
    st_le64(area + FX_FDP, form & FXF_REXW ? dp : (uint32_t)dp);
}

static void fx_get_pointers(struct x86_cpu *c, unsigned form, const uint8_t *area)
{
    uint64_t ip = ld_le64(area + FX_FIP), dp = ld_le64(area + FX_FDP);

    if (!(form & FXF_REXW)) {
        ip = (uint32_t)ip;
        dp = (uint32_t)dp;
    }
    set_pointers(c, ip, dp, ld_le16(area + FX_FOP));
}

static unsigned xmm_bytes(unsigned form)
{
    return form & FXF_XMM16 ? 256 : 128;
}

/* The defined part of an FXSAVE area; the rest of the array stays as it is. */
static void fx_build(const struct x86_cpu *c, unsigned form, uint8_t area[512])
{
    memcpy(area, c->v.fx, FX_XMM + xmm_bytes(form));
    area[5] = 0;
    fx_put_pointers(c, form, area);
    st_le32(area + FX_MXCSR_MASK, MXCSR_VALID);
}

static void fx_load_x87(struct x86_cpu *c, unsigned form, const uint8_t *area)
{
    for (unsigned i = 0; i < 8; i++)
        memcpy(c->v.fx + FX_ST + 16 * i, area + FX_ST + 16 * i, 10);
    x86_fpu_set_control(&c->v, ld_le16(area + FX_FCW), ld_le16(area + FX_FSW));
    c->v.fx[FX_FTW] = area[FX_FTW];
    fx_get_pointers(c, form, area);
}

static void fx_load_xmm(struct x86_cpu *c, unsigned form, const uint8_t *area)
{
    memcpy(c->v.fx + FX_XMM, area + FX_XMM, xmm_bytes(form));
}

/* FXSAVE, XSAVE and their like off their alignment: #AC where that is enabled. */
static noreturn_fn void raise_misaligned(struct vcpu *v)
{
    x86_raise(v, X86_CPU(v)->mode & X86_MODE_AC ? X86_AC : X86_GP);
}

/* a: linear address, b: enum x86_fxsave_form. */
uint64_t helper_fxsave(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    uint8_t area[512];

    if (a & 15)
        raise_misaligned(v);
    fx_build(X86_CPU(v), b, area);
    guest_probe_write(v, a, sizeof(area));
    guest_write(v, a, area, FX_XMM + xmm_bytes(b));
    return 0;
}

uint64_t helper_fxrstor(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    struct x86_cpu *cpu = X86_CPU(v);
    uint8_t area[512];

    if (a & 15)
        raise_misaligned(v);
    guest_read(v, a, area, sizeof(area));
    if (ld_le32(area + FX_MXCSR) & ~MXCSR_VALID)
        x86_raise(v, X86_GP);
    st_le32(v->fx + FX_MXCSR, ld_le32(area + FX_MXCSR));
    fx_load_x87(cpu, b, area);
    fx_load_xmm(cpu, b, area);
    x86_fpu_changed(cpu);
    return 0;
}

/* --- XSAVE -------------------------------------------------------------------------------- */

enum { XCOMP_X87 = 1, XCOMP_SSE = 2, XSAVE_HEADER = 512, XSAVE_BYTES = 576 };

static uint64_t requested_components(const struct x86_cpu *c)
{
    uint64_t mask = (uint32_t)c->v.greg[X86_RAX] | c->v.greg[X86_RDX] << 32;

    return mask & c->xcr0;
}

/* a: linear address, b: enum x86_fxsave_form. Requested components in EDX:EAX. */
uint64_t helper_xsave(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    struct x86_cpu *cpu = X86_CPU(v);
    uint64_t components = requested_components(cpu);
    uint8_t area[512], bv[8];

    if (a & 63)
        raise_misaligned(v);
    fx_build(cpu, b, area);
    guest_probe_write(v, a, XSAVE_BYTES);
    guest_read(v, a + XSAVE_HEADER, bv, 8);
    st_le64(bv, (ld_le64(bv) & ~components) | (components & (XCOMP_X87 | XCOMP_SSE)));
    if (components & XCOMP_X87) {
        guest_write(v, a, area, FX_MXCSR);
        guest_write(v, a + FX_ST, area + FX_ST, FX_XMM - FX_ST);
    }
    if (components & XCOMP_SSE) {
        guest_write(v, a + FX_MXCSR, area + FX_MXCSR, 8);
        guest_write(v, a + FX_XMM, area + FX_XMM, xmm_bytes(b));
    }
    guest_write(v, a + XSAVE_HEADER, bv, 8);
    return 0;
}

/* The header's rules for the standard form; a compacted form does not exist here. */
static bool xsave_header_valid(const struct x86_cpu *c, const uint8_t *header)
{
    return !(ld_le64(header) & ~c->xcr0) && !ld_le64(header + 8) && !ld_le64(header + 16);
}

uint64_t helper_xrstor(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    struct x86_cpu *cpu = X86_CPU(v);
    uint64_t components = requested_components(cpu), present;
    uint8_t area[XSAVE_BYTES];

    if (a & 63)
        raise_misaligned(v);
    guest_read(v, a, area, sizeof(area));
    if (!xsave_header_valid(cpu, area + XSAVE_HEADER) ||
        (components & XCOMP_SSE && ld_le32(area + FX_MXCSR) & ~MXCSR_VALID))
        x86_raise(v, X86_GP);
    present = components & ld_le64(area + XSAVE_HEADER);
    if (components & XCOMP_X87 && !(present & XCOMP_X87)) {
        memset(area, 0, FX_MXCSR);
        memset(area + FX_ST, 0, FX_XMM - FX_ST);
        st_le16(area + FX_FCW, FPU_CW_INIT);
    }
    if (!(present & XCOMP_SSE))
        memset(area + FX_XMM, 0, xmm_bytes(b));
    if (components & XCOMP_X87)
        fx_load_x87(cpu, b, area);
    if (components & XCOMP_SSE) {
        st_le32(v->fx + FX_MXCSR, ld_le32(area + FX_MXCSR));
        fx_load_xmm(cpu, b, area);
    }
    x86_fpu_changed(cpu);
    return 0;
}

/* --- byte-masked stores ---------------------------------------------------------------------- */

static bool byte_selected(const uint8_t *mask, unsigned i)
{
    return mask[i] >> 7;
}

/*
 * Bytes that are not selected are not written, but count for faults, as on Intel's processors.
 * a: linear address; b: number of the data register, | number of the mask register << 8, | BIT(16) if XMM.
 */
uint64_t helper_maskmov(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    bool xmm = b >> 16 & 1;
    unsigned n = xmm ? 16 : 8;
    const uint8_t *base = v->fx + (xmm ? FX_XMM : FX_ST);
    const uint8_t *data = base + 16 * (b & 15), *mask = base + 16 * (b >> 8 & 15);

    guest_probe_write(v, a, n);
    for (unsigned i = 0; i < n; i++) {
        if (byte_selected(mask, i))
            guest_write(v, x86_linear(X86_CPU(v), a + i), data + i, 1);
    }
    return 0;
}
