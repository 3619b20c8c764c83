/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switches between 16- and 32-bit TSSs, by JMP, CALL, INT, IRET and task gates.
 * Reference: Intel SDM vol. 3A, chapter 7 (7.3: order of the steps, table 7-1: checks). Everything
 * that can fault in the context of the old task comes first; after the commit point faults belong
 * to the new task, whose segment registers then hold selectors that are not usable yet.
 */
#include "frontends/x86/sys.h"
#include "frontends/x86/mode.h"
#include "translator/exec.h"
#include "util/log.h"

/* Where the fields lie; loads and stores are by the TSS's word size. */
struct tss_layout {
    unsigned size;  /* of ordinary fields */
    unsigned limit; /* smallest legal */
    uint8_t ip, flags, regs, segs, ldt;
    unsigned n_segs;
};
static const struct tss_layout tss16 = {2, 0x2b, 14, 16, 18, 34, 42, 4};
static const struct tss_layout tss32 = {4, 0x67, 32, 36, 40, 72, 96, 6};
enum { TSS_CR3 = 28, TSS_T = 100, TSS_BYTES = 104 };

static const struct tss_layout *layout_of(unsigned type)
{
    return type & 8 ? &tss32 : &tss16;
}

static uint32_t get_field(const struct tss_layout *l, const uint8_t *tss, unsigned off)
{
    return l->size == 4 ? ld_le32(tss + off) : ld_le16(tss + off);
}

static void put_field(const struct tss_layout *l, uint8_t *tss, unsigned off, uint32_t v)
{
    if (l->size == 4)
        st_le32(tss + off, v);
    else
        st_le16(tss + off, v);
}

/* Segment order in a TSS is that of enum x86_sreg: ES CS SS DS FS GS. */
static void save_old(struct x86_cpu *c, uint64_t next, uint32_t flags)
{
    const struct x86_seg *tr = &c->seg[X86_TR];
    const struct tss_layout *l = layout_of(tr->attr & SEG_TYPE);
    uint8_t image[TSS_BYTES];
    unsigned start = l->ip, end = l->segs + l->n_segs * l->size;
    unsigned idx = x86_sys_idx(c);
    gva_t addr = x86_linear(c, tr->base + start);

    softtlb_read(&c->v, addr, image + start, end - start, idx, 0);
    put_field(l, image, l->ip, next);
    put_field(l, image, l->flags, flags);
    for (unsigned i = 0; i < 8; i++)
        put_field(l, image, l->regs + i * l->size, c->v.greg[i]);
    for (unsigned i = 0; i < l->n_segs; i++)
        st_le16(image + l->segs + i * l->size, c->seg[i].selector);
    softtlb_write(&c->v, addr, image + start, end - start, idx, 0);
}

/* Raise here, in the old task, what the writes of the switch would. */
static void probe_range(struct x86_cpu *c, gva_t addr, unsigned len)
{
    unsigned idx = x86_sys_idx(c);

    softtlb_probe(&c->v, x86_linear(c, addr), 1, TLB_WRITE, idx, 0);
    softtlb_probe(&c->v, x86_linear(c, addr + len - 1), 1, TLB_WRITE, idx, 0);
}

static void probe_old(struct x86_cpu *c)
{
    const struct x86_seg *tr = &c->seg[X86_TR];
    const struct tss_layout *l = layout_of(tr->attr & SEG_TYPE);

    if (tr->limit < l->limit)
        x86_fault_error(c, X86_TS, tr->selector & ~3);
    probe_range(c, tr->base, l->limit + 1);
    probe_range(c, c->gdtr.base + (tr->selector & 0xfff8), 8);
}

/* --- after the commit point: the new task's context --------------------------------- */

static void load_ldt(struct x86_cpu *c, uint16_t selector)
{
    uint16_t error = selector & ~3;
    struct x86_desc d;

    x86_seg_put(c, X86_LDTR, selector, 0, 0, SEG_UNUSABLE);
    if (!error)
        return;
    if ((selector & 4) || !x86_desc_fetch(c, selector, &d) || x86_desc_type(&d) != DT_LDT || !x86_desc_present(&d))
        x86_fault_error(c, X86_TS, error);
    x86_seg_put_desc(c, X86_LDTR, selector, &d);
}

static void load_cs(struct x86_cpu *c, uint16_t selector)
{
    uint16_t error = selector & ~3;
    unsigned type, dpl, rpl = selector & 3;
    struct x86_desc d;

    if (!error || !x86_desc_fetch(c, selector, &d))
        x86_fault_error(c, X86_TS, error);
    type = x86_desc_type(&d);
    dpl = x86_desc_dpl(&d);
    if ((type & (DT_S | DT_CODE)) != (DT_S | DT_CODE) || (type & DT_CONFORM ? dpl > rpl : dpl != rpl))
        x86_fault_error(c, X86_TS, error);
    if (!x86_desc_present(&d))
        x86_fault_error(c, X86_NP, error);
    x86_desc_set_accessed(c, &d);
    x86_set_code(c, &d, rpl);
}

static void load_ss(struct x86_cpu *c, uint16_t selector)
{
    struct x86_desc d;

    x86_check_ss(c, selector, c->cpl, X86_TS, &d);
    x86_desc_set_accessed(c, &d);
    x86_seg_put_desc(c, X86_SS, selector, &d);
}

static void load_data(struct x86_cpu *c, unsigned s, uint16_t selector)
{
    uint16_t error = selector & ~3;
    unsigned type, dpl;
    struct x86_desc d;

    if (!error)
        return;
    if (!x86_desc_fetch(c, selector, &d))
        x86_fault_error(c, X86_TS, error);
    type = x86_desc_type(&d);
    dpl = x86_desc_dpl(&d);
    if (!(type & DT_S) || (type & (DT_CODE | DT_RW)) == DT_CODE)
        x86_fault_error(c, X86_TS, error);
    if ((type & (DT_CODE | DT_CONFORM)) != (DT_CODE | DT_CONFORM) && ((selector & 3u) > dpl || c->cpl > dpl))
        x86_fault_error(c, X86_TS, error);
    if (!x86_desc_present(&d))
        x86_fault_error(c, X86_NP, error);
    x86_desc_set_accessed(c, &d);
    x86_seg_put_desc(c, s, selector, &d);
}

/* Selectors are visible at once, descriptors only after their checks. */
static void put_selectors(struct x86_cpu *c, const uint16_t *sel)
{
    for (unsigned s = X86_ES; s <= X86_GS; s++) {
        if (c->eflags & EFL_VM)
            x86_seg_put_vm86(c, s, sel[s]);
        else
            x86_seg_put_null(c, s, sel[s]);
    }
}

static void load_segments(struct x86_cpu *c, const uint16_t *sel)
{
    static const uint8_t data[] = {X86_DS, X86_ES, X86_FS, X86_GS};

    if (c->eflags & EFL_VM)
        return;
    load_cs(c, sel[X86_CS]);
    load_ss(c, sel[X86_SS]);
    for (unsigned i = 0; i < ARRAY_SIZE(data); i++)
        load_data(c, data[i], sel[data[i]]);
}

static void load_registers(struct x86_cpu *c, const struct tss_layout *l, const uint8_t *tss, bool nested)
{
    uint32_t flags = get_field(l, tss, l->flags) & (EFL_ARITH | EFL_TF | EFL_IF | EFL_DF | EFL_IOPL | EFL_NT |
                                                    EFL_RF | EFL_VM | EFL_AC | EFL_VIF | EFL_VIP | EFL_ID);

    for (unsigned i = 0; i < 8; i++)
        c->v.greg[i] = get_field(l, tss, l->regs + i * l->size) | (l->size == 2 ? 0xffff0000u : 0);
    x86_put_eflags(c, flags | (nested ? EFL_NT : 0));
}

/* Everything read from the new TSS takes effect. */
static void enter_task(struct x86_cpu *c, const struct tss_layout *l, const uint8_t *tss, bool nested)
{
    uint32_t ip = get_field(l, tss, l->ip);
    uint16_t sel[6] = {0};

    for (unsigned i = 0; i < l->n_segs; i++)
        sel[i] = ld_le16(tss + l->segs + i * l->size);
    load_registers(c, l, tss, nested);
    c->dr[7] &= ~0x155ull; /* L0..L3, LE */
    c->cr0 |= CR0_TS;
    x86_control_changed(c);
    c->cpl = c->eflags & EFL_VM ? 3 : sel[X86_CS] & 3;
    put_selectors(c, sel);
    c->v.pc = ip; /* until CS is loaded: what a fault of these loads pushes */
    x86_update_mode(c);
    load_ldt(c, ld_le16(tss + l->ldt));
    load_segments(c, sel);
    x86_set_ip(c, ip);
    x86_update_mode(c);
    if (ip > c->seg[X86_CS].limit)
        x86_fault(c, X86_GP);
    if (l->size == 4 && (tss[TSS_T] & 1)) {
        c->db_pending |= BIT(15); /* BT */
        vcpu_poll_request(&c->v);
    }
    x86_request_poll(c);
}

static void switch_cr3(struct x86_cpu *c, const struct tss_layout *l, const uint8_t *tss)
{
    uint32_t cr3;

    if (l->size == 2 || !(c->cr0 & CR0_PG))
        return;
    cr3 = ld_le32(tss + TSS_CR3);
    if ((c->cr4 & CR4_PAE) && !x86_load_pdptes(c, cr3))
        x86_fault(c, X86_GP);
    if (cr3 != c->cr3)
        x86_set_cr3_task(c, cr3);
}

/* `d` is present, of the right type and busy state; its descriptor is in the GDT. */
void x86_task_switch(struct x86_cpu *c, const struct x86_desc *d, enum x86_task_cause why, uint64_t next, uint32_t flags)
{
    const struct tss_layout *l = layout_of(x86_desc_type(d));
    uint16_t old = c->seg[X86_TR].selector;
    bool nest = why == TASK_CALL || why == TASK_INT;
    gva_t base = x86_desc_base(d);
    uint8_t tss[TSS_BYTES] = {0};

    if (log_enabled(LOG_PCALL))
        log_printf("task switch %04x -> %04x, cause %d\n", old, d->selector, why);
    if (x86_desc_limit(d) < l->limit)
        x86_fault_error(c, X86_TS, d->selector & ~3);
    softtlb_read(&c->v, x86_linear(c, base), tss, l->limit + 1, x86_sys_idx(c), 0);
    probe_old(c);
    probe_range(c, d->addr, 8);
    if (nest)
        probe_range(c, base, 2);

    x86_commit(c);
    save_old(c, next, flags);
    if (nest)
        x86_sys_store(c, base, old, 2);
    else
        x86_desc_set_busy(c, old, false);
    if (why != TASK_IRET)
        x86_desc_set_busy(c, d->selector, true);
    x86_seg_put_desc(c, X86_TR, d->selector, d);
    c->seg[X86_TR].attr |= 2;
    switch_cr3(c, l, tss);
    enter_task(c, l, tss, nest);
}

/* The TSS a task gate names. */
void x86_task_gate(struct x86_cpu *c, uint16_t selector, enum x86_task_cause why, uint64_t next, uint32_t flags)
{
    uint16_t error = selector & ~3;
    struct x86_desc d;

    if ((selector & 4) || !error || !x86_desc_fetch(c, selector, &d))
        x86_fault_error(c, X86_GP, error);
    if (x86_desc_type(&d) != DT_TSS16 && x86_desc_type(&d) != DT_TSS32)
        x86_fault_error(c, X86_GP, error);
    if (!x86_desc_present(&d))
        x86_fault_error(c, X86_NP, error);
    x86_task_switch(c, &d, why, next, flags);
}
