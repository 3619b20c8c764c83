/* SPDX-License-Identifier: MIT */
/*
 * Descriptors and segment registers: fetching with all checks, loading, what translated code
 * needs to know of them, LDTR and TR.
 * Reference: Intel SDM vol. 3A, chapters 3 and 5; the order of checks is that of vol. 2, MOV, LDS,
 * LLDT, LTR.
 */
#include "frontends/x86/sys.h"
#include "frontends/x86/mode.h"
#include "translator/exec.h"

/* --- descriptors -------------------------------------------------------------- */

bool x86_desc_fetch(struct x86_cpu *c, uint16_t selector, struct x86_desc *d)
{
    uint64_t base = c->gdtr.base;
    uint32_t limit = c->gdtr.limit;
    unsigned off = selector & 0xfff8;

    if (selector & 4) {
        if (c->seg[X86_LDTR].attr & SEG_UNUSABLE)
            return false;
        base = c->seg[X86_LDTR].base;
        limit = c->seg[X86_LDTR].limit;
    }
    if (off + 7 > limit)
        return false;
    d->selector = selector;
    d->addr = x86_linear(c, base + off);
    d->raw = x86_sys_load(c, d->addr, 8);
    d->hi = 0;
    return true;
}

/* The second half of a 16-byte descriptor (IA-32e mode). #GP if it is outside or malformed. */
static void fetch_upper(struct x86_cpu *c, struct x86_desc *d, uint16_t error)
{
    uint32_t limit = d->selector & 4 ? c->seg[X86_LDTR].limit : c->gdtr.limit;
    uint64_t upper;

    if ((d->selector & 0xfff8u) + 15 > limit)
        x86_fault_error(c, X86_GP, error);
    upper = x86_sys_load(c, x86_linear(c, d->addr + 8), 8);
    if (upper >> 40 & 0x1f)
        x86_fault_error(c, X86_GP, error);
    d->hi = upper;
}

/* Or bits into byte 5 of the descriptor; other processors may do so at the same time. */
static void update_type(struct x86_cpu *c, gva_t desc, uint8_t set, uint8_t clear)
{
    gva_t addr = x86_linear(c, desc + 5);
    unsigned idx = x86_sys_idx(c);
    uint8_t *host = softtlb_probe(&c->v, addr, 1, TLB_WRITE, idx, 0);
    uint8_t v;

    if (!host) {
        v = softtlb_load(&c->v, addr, 1, idx, 0);
        softtlb_store(&c->v, addr, (v | set) & ~clear, 1, idx, 0);
        return;
    }
    if (set)
        __atomic_or_fetch(host, set, __ATOMIC_SEQ_CST);
    if (clear)
        __atomic_and_fetch(host, (uint8_t)~clear, __ATOMIC_SEQ_CST);
}

void x86_desc_set_accessed(struct x86_cpu *c, struct x86_desc *d)
{
    if (d->raw >> 40 & DT_ACCESSED)
        return;
    update_type(c, d->addr, DT_ACCESSED, 0);
    d->raw |= (uint64_t)DT_ACCESSED << 40;
}

void x86_desc_set_busy(struct x86_cpu *c, uint16_t tss_selector, bool busy)
{
    update_type(c, c->gdtr.base + (tss_selector & 0xfff8), busy ? 2 : 0, busy ? 0 : 2);
}

/* --- segment registers -------------------------------------------------------- */

void x86_seg_put_desc(struct x86_cpu *c, unsigned s, uint16_t selector, const struct x86_desc *d)
{
    x86_seg_put(c, s, selector, x86_desc_base(d), x86_desc_limit(d), x86_desc_attr(d));
}

void x86_seg_put_real(struct x86_cpu *c, unsigned s, uint16_t selector)
{
    const struct x86_seg *old = &c->seg[s];
    uint32_t attr = old->attr & SEG_UNUSABLE ? SEG_P | SEG_S | 3 : old->attr;
    uint32_t limit = old->attr & SEG_UNUSABLE ? 0xffff : old->limit;

    x86_seg_put(c, s, selector, (uint32_t)selector << 4, limit, attr);
}

void x86_seg_put_vm86(struct x86_cpu *c, unsigned s, uint16_t selector)
{
    x86_seg_put(c, s, selector, (uint32_t)selector << 4, 0xffff, SEG_P | SEG_DPL | SEG_S | 3);
}

void x86_set_code(struct x86_cpu *c, const struct x86_desc *d, unsigned cpl)
{
    x86_seg_put_desc(c, X86_CS, (d->selector & ~3) | cpl, d);
    c->cpl = cpl;
}

/* --- MOV to segment registers ------------------------------------------------- */

void x86_check_ss(struct x86_cpu *c, uint16_t selector, unsigned cpl, unsigned fault, struct x86_desc *d)
{
    uint16_t error = selector & ~3;
    unsigned type;

    if (!error)
        x86_fault_error(c, fault, 0);
    if (!x86_desc_fetch(c, selector, d))
        x86_fault_error(c, fault, error);
    type = x86_desc_type(d);
    if ((selector & 3) != cpl || (type & (DT_S | DT_CODE | DT_RW)) != (DT_S | DT_RW) || x86_desc_dpl(d) != cpl)
        x86_fault_error(c, fault, error);
    if (!x86_desc_present(d))
        x86_fault_error(c, X86_SS_FAULT, error);
}

static void load_ss(struct x86_cpu *c, uint16_t selector)
{
    struct x86_desc d;

    if (!(selector & ~3) && x86_code64(c) && c->cpl < 3 && (selector & 3) == c->cpl) {
        x86_seg_put_null(c, X86_SS, selector);
        return;
    }
    x86_check_ss(c, selector, c->cpl, X86_GP, &d);
    x86_desc_set_accessed(c, &d);
    x86_seg_put_desc(c, X86_SS, selector, &d);
}

static void load_data(struct x86_cpu *c, unsigned s, uint16_t selector)
{
    uint16_t error = selector & ~3;
    unsigned type, dpl;
    struct x86_desc d;

    if (!error) {
        x86_seg_put_null(c, s, selector);
        return;
    }
    if (!x86_desc_fetch(c, selector, &d))
        x86_fault_error(c, X86_GP, error);
    type = x86_desc_type(&d);
    dpl = x86_desc_dpl(&d);
    if (!(type & DT_S) || (type & (DT_CODE | DT_RW)) == DT_CODE)
        x86_fault_error(c, X86_GP, error);
    if ((type & (DT_CODE | DT_CONFORM)) != (DT_CODE | DT_CONFORM) && ((selector & 3u) > dpl || c->cpl > dpl))
        x86_fault_error(c, X86_GP, error);
    if (!x86_desc_present(&d))
        x86_fault_error(c, X86_NP, error);
    x86_desc_set_accessed(c, &d);
    x86_seg_put_desc(c, s, selector, &d);
}

void x86_load_seg(struct x86_cpu *c, unsigned s, uint16_t selector)
{
    if (!x86_pe(c))
        x86_seg_put_real(c, s, selector);
    else if (x86_vm(c))
        x86_seg_put_vm86(c, s, selector);
    else if (s == X86_SS)
        load_ss(c, selector);
    else
        load_data(c, s, selector);
    x86_update_mode(c);
}

void x86_drop_data_segs(struct x86_cpu *c, unsigned cpl)
{
    static const uint8_t segs[] = {X86_ES, X86_DS, X86_FS, X86_GS};

    for (unsigned i = 0; i < ARRAY_SIZE(segs); i++) {
        const struct x86_seg *seg = &c->seg[segs[i]];
        bool conforming = (seg->attr & (DT_CODE | DT_CONFORM)) == (DT_CODE | DT_CONFORM);

        if (seg->attr & SEG_UNUSABLE) /* null, perhaps with a base written by WRMSR */
            continue;
        if (!conforming && (seg->attr >> 5 & 3) < cpl)
            x86_seg_put_null(c, segs[i], 0);
    }
}

/* --- LDTR and TR -------------------------------------------------------------- */

void x86_load_ldt(struct x86_cpu *c, uint16_t selector)
{
    uint16_t error = selector & ~3;
    struct x86_desc d;

    if (!error) {
        x86_seg_put(c, X86_LDTR, selector, 0, 0, SEG_UNUSABLE);
        return;
    }
    if ((selector & 4) || !x86_desc_fetch(c, selector, &d) || x86_desc_type(&d) != DT_LDT)
        x86_fault_error(c, X86_GP, error);
    if (x86_lma(c))
        fetch_upper(c, &d, error);
    if (!x86_desc_present(&d))
        x86_fault_error(c, X86_NP, error);
    if (x86_lma(c) && !x86_canonical(x86_desc_base(&d)))
        x86_fault_error(c, X86_GP, error);
    x86_seg_put_desc(c, X86_LDTR, selector, &d);
}

void x86_load_tr(struct x86_cpu *c, uint16_t selector)
{
    uint16_t error = selector & ~3;
    struct x86_desc d;
    unsigned type;

    if (!error)
        x86_fault_error(c, X86_GP, 0);
    if ((selector & 4) || !x86_desc_fetch(c, selector, &d))
        x86_fault_error(c, X86_GP, error);
    type = x86_desc_type(&d);
    if (type != DT_TSS32 && (type != DT_TSS16 || x86_lma(c)))
        x86_fault_error(c, X86_GP, error);
    if (x86_lma(c))
        fetch_upper(c, &d, error);
    if (!x86_desc_present(&d))
        x86_fault_error(c, X86_NP, error);
    if (x86_lma(c) && !x86_canonical(x86_desc_base(&d)))
        x86_fault_error(c, X86_GP, error);
    x86_desc_set_busy(c, selector, true);
    d.raw |= 2ull << 40;
    x86_seg_put_desc(c, X86_TR, selector, &d);
}
