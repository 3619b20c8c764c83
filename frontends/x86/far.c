/* SPDX-License-Identifier: MIT */
/*
 * Far transfers of control: JMP, CALL and RET to other segments, directly, through call gates of
 * 16, 32 and 64 bits, and to tasks; the stacks they use.
 * Reference: Intel SDM vol. 2 (CALL, JMP, RET), vol. 3A 5.8.
 */
#include "frontends/x86/sys.h"
#include "translator/exec.h"

/* --- stacks ------------------------------------------------------------------- */

void x86_stack_current(struct x86_cpu *c, struct x86_stack *s)
{
    const struct x86_seg *ss = &c->seg[X86_SS];
    bool wide = x86_code64(c);

    *s = (struct x86_stack){.c = c, .idx = x86_mmu_idx(c, c->cpl)};
    s->mask = wide ? UINT64_MAX : ss->attr & SEG_DB ? UINT32_MAX : 0xffff;
    s->sp = c->v.greg[X86_RSP] & s->mask;
    s->base = wide ? 0 : x86_seg_base(c, X86_SS);
    s->seg = wide ? NULL : ss;
}

/* Does [off, off + size) lie inside the (not unusable, writable) stack segment? */
static bool stack_holds(const struct x86_stack *s, uint32_t off, unsigned size)
{
    const struct x86_seg *seg = s->seg;
    uint32_t last = off + size - 1;

    if (!seg)
        return true;
    if (last < off && !(s->mask == UINT32_MAX && seg->limit == UINT32_MAX && !(seg->attr & DT_EXPAND_DOWN)))
        return false;
    if ((seg->attr & (DT_S | DT_CODE | DT_EXPAND_DOWN)) == (DT_S | DT_EXPAND_DOWN) && x86_pe(s->c) && !x86_vm(s->c)) {
        uint32_t top = seg->attr & SEG_DB ? UINT32_MAX : 0xffff;
        return off > seg->limit && last <= top;
    }
    return last <= seg->limit;
}

static gva_t stack_address(const struct x86_stack *s, uint64_t off, unsigned size)
{
    if (!stack_holds(s, off, size))
        x86_fault_error(s->c, X86_SS_FAULT, s->error);
    return x86_linear(s->c, s->base + off);
}

/* Raise now what pushing `bytes` bytes would. */
void x86_stack_probe_push(struct x86_stack *s, unsigned bytes)
{
    uint64_t low = (s->sp - bytes) & s->mask;
    gva_t addr;

    if (low + bytes - 1 > s->mask) { /* wraps: check both ends */
        stack_address(s, 0, 1);
        stack_address(s, s->mask, 1);
        return;
    }
    addr = stack_address(s, low, bytes);
    softtlb_probe(&s->c->v, addr, bytes, TLB_WRITE, s->idx, IR_MEM_STACK);
}

void x86_push(struct x86_stack *s, uint64_t v, unsigned size)
{
    s->sp = (s->sp - size) & s->mask;
    softtlb_store(&s->c->v, stack_address(s, s->sp, size), v, size, s->idx, IR_MEM_STACK);
}

uint64_t x86_pop(struct x86_stack *s, unsigned size)
{
    uint64_t v = softtlb_load(&s->c->v, stack_address(s, s->sp, size), size, s->idx, IR_MEM_STACK);

    s->sp = (s->sp + size) & s->mask;
    return v;
}

/* A selector in a slot of `size` bytes: only its 2 bytes are read. */
static uint16_t pop_selector(struct x86_stack *s, unsigned size)
{
    uint16_t v = (uint16_t)softtlb_load(&s->c->v, stack_address(s, s->sp, 2), 2, s->idx, IR_MEM_STACK);

    s->sp = (s->sp + size) & s->mask;
    return v;
}

void x86_stack_commit(struct x86_stack *s)
{
    uint64_t *rsp = &s->c->v.greg[X86_RSP];

    if (s->mask == 0xffff)
        *rsp = (*rsp & ~0xffffull) | s->sp;
    else
        *rsp = s->sp;
}

/* SS:(E)SP or RSP of ring `dpl` from the TSS. #TS if the TSS is too short. */
void x86_tss_stack(struct x86_cpu *c, unsigned dpl, uint16_t *ss, uint64_t *sp)
{
    const struct x86_seg *tr = &c->seg[X86_TR];
    unsigned off, size;

    if (x86_lma(c)) {
        off = 4 + 8 * dpl;
        size = 8;
    } else if (tr->attr & 8) {
        off = 4 + 8 * dpl;
        size = 6;
    } else {
        off = 2 + 4 * dpl;
        size = 4;
    }
    if (off + size - 1 > tr->limit)
        x86_fault_error(c, X86_TS, tr->selector & ~3);
    if (x86_lma(c)) {
        *ss = dpl;
        *sp = x86_sys_load(c, tr->base + off, 8);
        return;
    }
    size -= 2;
    *sp = x86_sys_load(c, tr->base + off, size);
    *ss = x86_sys_load(c, tr->base + off + size, 2);
}

/* --- instruction pointers ------------------------------------------------------- */

void x86_set_ip(struct x86_cpu *c, uint64_t ip)
{
    if (x86_code64(c))
        c->v.pc = ip;
    else
        c->v.pc = (uint32_t)(x86_seg_base(c, X86_CS) + (uint32_t)ip);
}

uint64_t x86_get_ip(const struct x86_cpu *c)
{
    if (x86_code64(c))
        return c->v.pc;
    return (uint32_t)(c->v.pc - x86_seg_base(c, X86_CS));
}

void x86_check_ip(struct x86_cpu *c, const struct x86_desc *cs, uint64_t ip, uint32_t error)
{
    bool wide = x86_lma(c) && (x86_desc_attr(cs) & SEG_L);

    if (wide ? !x86_canonical(ip) : (uint32_t)ip > x86_desc_limit(cs))
        x86_fault_error(c, X86_GP, error);
}

/* Truncate an offset to the operand size. */
static uint64_t truncate(uint64_t v, unsigned size)
{
    return size == 8 ? v : v & mask64(size * 8);
}

/* A code segment's L and D bits must not both be set in IA-32e mode. */
static bool bad_code_size(struct x86_cpu *c, const struct x86_desc *d)
{
    return x86_lma(c) && (x86_desc_attr(d) & (SEG_L | SEG_DB)) == (SEG_L | SEG_DB);
}

/* --- real mode and vm86 --------------------------------------------------------- */

static bool is_real(const struct x86_cpu *c)
{
    return !x86_protected(c);
}

static void set_real_cs(struct x86_cpu *c, uint16_t selector, uint64_t ip)
{
    if (x86_vm(c))
        x86_seg_put_vm86(c, X86_CS, selector);
    else
        x86_seg_put_real(c, X86_CS, selector);
    x86_set_ip(c, ip);
    x86_update_mode(c);
}

static void check_real_ip(struct x86_cpu *c, uint64_t ip)
{
    if ((uint32_t)ip > c->seg[X86_CS].limit)
        x86_fault(c, X86_GP);
}

static void call_real(struct x86_cpu *c, uint16_t selector, uint64_t off, unsigned size, uint64_t next)
{
    struct x86_stack s;

    x86_stack_current(c, &s);
    check_real_ip(c, off);
    x86_stack_probe_push(&s, 2 * size);
    x86_push(&s, c->seg[X86_CS].selector, size);
    x86_push(&s, next, size);
    x86_stack_commit(&s);
    set_real_cs(c, selector, off);
}

/* --- code segments and gates ------------------------------------------------------ */

/* Fetch the target descriptor of a far JMP or CALL: null and table checks. */
static void fetch_target(struct x86_cpu *c, uint16_t selector, struct x86_desc *d)
{
    if (!(selector & ~3))
        x86_fault(c, X86_GP);
    if (!x86_desc_fetch(c, selector, d))
        x86_fault_error(c, X86_GP, selector & ~3);
}

/* Direct JMP or CALL to a code segment: privilege, presence. The CPL does not change. */
static void check_code_target(struct x86_cpu *c, const struct x86_desc *d)
{
    uint16_t error = d->selector & ~3;
    unsigned dpl = x86_desc_dpl(d);

    if (bad_code_size(c, d))
        x86_fault_error(c, X86_GP, error);
    if (x86_desc_type(d) & DT_CONFORM) {
        if (dpl > c->cpl)
            x86_fault_error(c, X86_GP, error);
    } else if ((d->selector & 3) > c->cpl || dpl != c->cpl) {
        x86_fault_error(c, X86_GP, error);
    }
    if (!x86_desc_present(d))
        x86_fault_error(c, X86_NP, error);
}

static bool is_code(const struct x86_desc *d)
{
    return (x86_desc_type(d) & (DT_S | DT_CODE)) == (DT_S | DT_CODE);
}

struct call_gate {
    uint64_t off;
    uint16_t selector;
    unsigned params;
    unsigned size; /* of what is pushed: 2, 4, 8 */
};

/* Checks of the gate itself, then its contents. `d` is the gate. */
static void read_gate(struct x86_cpu *c, const struct x86_desc *d, struct call_gate *g)
{
    uint16_t error = d->selector & ~3;
    unsigned dpl = x86_desc_dpl(d);
    bool wide = x86_lma(c);
    uint64_t upper = 0;

    if (dpl < c->cpl || dpl < (d->selector & 3u))
        x86_fault_error(c, X86_GP, error);
    if (wide) {
        uint32_t limit = d->selector & 4 ? c->seg[X86_LDTR].limit : c->gdtr.limit;
        if ((d->selector & 0xfff8u) + 15 > limit)
            x86_fault_error(c, X86_GP, error);
        upper = x86_sys_load(c, x86_linear(c, d->addr + 8), 8);
        if (upper >> 40 & 0x1f)
            x86_fault_error(c, X86_GP, error);
    }
    if (!x86_desc_present(d))
        x86_fault_error(c, X86_NP, error);
    g->size = wide ? 8 : x86_desc_type(d) == DT_CALL32 ? 4 : 2;
    g->params = wide ? 0 : d->raw >> 32 & 31;
    g->selector = d->raw >> 16;
    g->off = (d->raw & 0xffff) | (d->raw >> 32 & 0xffff0000u) | (upper & UINT32_MAX) << 32;
    if (g->size == 2)
        g->off &= 0xffff;
}

/* The code segment a gate points to. */
static void read_gate_code(struct x86_cpu *c, const struct call_gate *g, bool jmp, struct x86_desc *d)
{
    uint16_t error = g->selector & ~3;
    unsigned dpl;

    if (!error)
        x86_fault(c, X86_GP);
    if (!x86_desc_fetch(c, g->selector, d))
        x86_fault_error(c, X86_GP, error);
    dpl = x86_desc_dpl(d);
    if (!is_code(d) || dpl > c->cpl)
        x86_fault_error(c, X86_GP, error);
    if (jmp && !(x86_desc_type(d) & DT_CONFORM) && dpl != c->cpl)
        x86_fault_error(c, X86_GP, error);
    if (x86_lma(c) && (x86_desc_attr(d) & (SEG_L | SEG_DB)) != SEG_L)
        x86_fault_error(c, X86_GP, error);
    if (!x86_desc_present(d))
        x86_fault_error(c, X86_NP, error);
}

static void enter_code(struct x86_cpu *c, struct x86_desc *d, unsigned cpl, uint64_t ip)
{
    x86_set_code(c, d, cpl);
    x86_set_ip(c, ip);
    x86_update_mode(c);
}

static bool is_call_gate(const struct x86_cpu *c, unsigned type)
{
    return type == DT_CALL32 || (type == DT_CALL16 && !x86_lma(c));
}

static bool is_free_tss(unsigned type)
{
    return type == DT_TSS16 || type == DT_TSS32;
}

/* TSS or task gate as the target of JMP or CALL. */
static void to_task(struct x86_cpu *c, struct x86_desc *d, enum x86_task_cause why, uint64_t next)
{
    uint16_t error = d->selector & ~3;
    unsigned type = x86_desc_type(d), dpl = x86_desc_dpl(d);

    if (x86_lma(c) || dpl < c->cpl || dpl < (d->selector & 3u))
        x86_fault_error(c, X86_GP, error);
    if (type == DT_TASK_GATE) {
        if (!x86_desc_present(d))
            x86_fault_error(c, X86_NP, error);
        x86_task_gate(c, d->raw >> 16, why, next, x86_get_eflags(c));
        return;
    }
    if (d->selector & 4)
        x86_fault_error(c, X86_GP, error);
    if (!x86_desc_present(d))
        x86_fault_error(c, X86_NP, error);
    x86_task_switch(c, d, why, next, x86_get_eflags(c));
}

/* --- JMP ------------------------------------------------------------------------ */

static void jmp_gate(struct x86_cpu *c, const struct x86_desc *gate)
{
    struct call_gate g;
    struct x86_desc d;

    read_gate(c, gate, &g);
    read_gate_code(c, &g, true, &d);
    x86_check_ip(c, &d, g.off, 0);
    x86_desc_set_accessed(c, &d);
    enter_code(c, &d, c->cpl, g.off);
}

void x86_far_jmp(struct x86_cpu *c, uint16_t selector, uint64_t off, unsigned size, uint64_t next)
{
    struct x86_desc d;
    unsigned type;

    off = truncate(off, size);
    if (is_real(c)) {
        check_real_ip(c, off);
        set_real_cs(c, selector, off);
        return;
    }
    fetch_target(c, selector, &d);
    type = x86_desc_type(&d);
    if (is_code(&d)) {
        check_code_target(c, &d);
        x86_check_ip(c, &d, off, 0);
        x86_desc_set_accessed(c, &d);
        enter_code(c, &d, c->cpl, off);
    } else if (is_call_gate(c, type)) {
        jmp_gate(c, &d);
    } else if (is_free_tss(type) || type == DT_TASK_GATE) {
        to_task(c, &d, TASK_JMP, next);
    } else {
        x86_fault_error(c, X86_GP, selector & ~3);
    }
}

/* --- CALL ------------------------------------------------------------------------ */

static void call_same(struct x86_cpu *c, struct x86_desc *d, uint64_t off, unsigned size, uint64_t next)
{
    struct x86_stack s;

    x86_stack_current(c, &s);
    x86_stack_probe_push(&s, 2 * size);
    x86_check_ip(c, d, off, 0);
    x86_desc_set_accessed(c, d);
    x86_push(&s, c->seg[X86_CS].selector, size);
    x86_push(&s, next, size);
    x86_stack_commit(&s);
    enter_code(c, d, c->cpl, off);
}

/* A new stack for ring `cpl` by selector `ss`; fills `s`. In 64-bit mode SS becomes null. */
void x86_stack_switch(struct x86_cpu *c, struct x86_stack *s, struct x86_desc *d, struct x86_seg *seg, uint16_t ss,
                      uint64_t sp, unsigned cpl)
{
    *s = (struct x86_stack){.c = c, .sp = sp, .mask = UINT64_MAX, .idx = x86_mmu_idx(c, cpl)};
    if (x86_lma(c))
        return;
    x86_check_ss(c, ss, cpl, X86_TS, d);
    *seg = (struct x86_seg){.selector = ss, .attr = x86_desc_attr(d), .limit = x86_desc_limit(d)};
    s->base = x86_desc_base(d);
    s->mask = seg->attr & SEG_DB ? UINT32_MAX : 0xffff;
    s->sp &= s->mask;
    s->seg = seg;
    s->error = ss & ~3;
}

/* Parameters of a call gate: copied from the old stack, which may fault, before anything is written. */
static void fetch_params(struct x86_cpu *c, const struct call_gate *g, uint32_t *params)
{
    struct x86_stack old;

    x86_stack_current(c, &old);
    for (unsigned i = 0; i < g->params; i++)
        params[i] = x86_pop(&old, g->size);
}

static void call_inner(struct x86_cpu *c, const struct call_gate *g, struct x86_desc *code, uint64_t next)
{
    unsigned cpl = x86_desc_dpl(code);
    uint16_t old_ss = c->seg[X86_SS].selector, new_ss;
    uint64_t old_sp = c->v.greg[X86_RSP], new_sp;
    uint32_t params[31];
    struct x86_stack s;
    struct x86_desc ss_desc;
    struct x86_seg ss_seg;

    x86_tss_stack(c, cpl, &new_ss, &new_sp);
    x86_stack_switch(c, &s, &ss_desc, &ss_seg, new_ss, new_sp, cpl);
    x86_stack_probe_push(&s, (4 + g->params) * g->size);
    x86_check_ip(c, code, g->off, 0);
    fetch_params(c, g, params);
    if (!x86_lma(c))
        x86_desc_set_accessed(c, &ss_desc);
    x86_desc_set_accessed(c, code);

    x86_push(&s, old_ss, g->size);
    x86_push(&s, old_sp, g->size);
    for (unsigned i = g->params; i-- > 0;)
        x86_push(&s, params[i], g->size);
    x86_push(&s, c->seg[X86_CS].selector, g->size);
    x86_push(&s, next, g->size);

    x86_set_code(c, code, cpl);
    if (x86_lma(c))
        x86_seg_put_null(c, X86_SS, cpl);
    else
        x86_seg_put_desc(c, X86_SS, new_ss, &ss_desc);
    x86_stack_commit(&s);
    x86_set_ip(c, g->off);
    x86_update_mode(c);
}

static void call_gate(struct x86_cpu *c, const struct x86_desc *gate, uint64_t next)
{
    struct call_gate g;
    struct x86_desc d;

    read_gate(c, gate, &g);
    read_gate_code(c, &g, false, &d);
    if (!(x86_desc_type(&d) & DT_CONFORM) && x86_desc_dpl(&d) < c->cpl)
        call_inner(c, &g, &d, next);
    else
        call_same(c, &d, g.off, g.size, next);
}

void x86_far_call(struct x86_cpu *c, uint16_t selector, uint64_t off, unsigned size, uint64_t next)
{
    struct x86_desc d;
    unsigned type;

    off = truncate(off, size);
    if (is_real(c)) {
        call_real(c, selector, off, size, next);
        return;
    }
    fetch_target(c, selector, &d);
    type = x86_desc_type(&d);
    if (is_code(&d)) {
        check_code_target(c, &d);
        call_same(c, &d, off, size, next);
    } else if (is_call_gate(c, type)) {
        call_gate(c, &d, next);
    } else if (is_free_tss(type) || type == DT_TASK_GATE) {
        to_task(c, &d, TASK_CALL, next);
    } else {
        x86_fault_error(c, X86_GP, selector & ~3);
    }
}

/* --- RET ------------------------------------------------------------------------- */

/* CS of a RET or IRET in protected mode: everything up to and including presence. */
static void check_return_cs(struct x86_cpu *c, uint16_t selector, struct x86_desc *d)
{
    uint16_t error = selector & ~3;
    unsigned rpl = selector & 3, dpl;

    if (!error)
        x86_fault(c, X86_GP);
    if (!x86_desc_fetch(c, selector, d))
        x86_fault_error(c, X86_GP, error);
    dpl = x86_desc_dpl(d);
    if (!is_code(d) || rpl < c->cpl || bad_code_size(c, d))
        x86_fault_error(c, X86_GP, error);
    if (x86_desc_type(d) & DT_CONFORM ? dpl > rpl : dpl != rpl)
        x86_fault_error(c, X86_GP, error);
    if (!x86_desc_present(d))
        x86_fault_error(c, X86_NP, error);
}

/* SS of a return to ring `rpl`: null is allowed for returns to 64-bit code outside ring 3. */
static bool check_return_ss(struct x86_cpu *c, uint16_t selector, unsigned rpl, const struct x86_desc *cs,
                            struct x86_desc *d)
{
    bool to64 = x86_lma(c) && (x86_desc_attr(cs) & SEG_L);

    if (!(selector & ~3) && to64 && rpl != 3 && (selector & 3) == rpl)
        return false;
    x86_check_ss(c, selector, rpl, X86_GP, d);
    return true;
}

static void put_return_ss(struct x86_cpu *c, uint16_t selector, bool valid, struct x86_desc *d)
{
    if (valid)
        x86_seg_put_desc(c, X86_SS, selector, d);
    else
        x86_seg_put_null(c, X86_SS, selector);
}

/* (E/R)SP after a return to an outer ring: by the width of the new stack. */
static void put_return_sp(struct x86_cpu *c, uint64_t sp)
{
    uint64_t *rsp = &c->v.greg[X86_RSP];

    if (x86_code64(c))
        *rsp = sp;
    else if (c->seg[X86_SS].attr & SEG_DB)
        *rsp = (uint32_t)sp;
    else
        *rsp = (*rsp & ~0xffffull) | (sp & 0xffff);
}

static void ret_real(struct x86_cpu *c, unsigned size, unsigned pop)
{
    struct x86_stack s;
    uint64_t ip;
    uint16_t cs;

    x86_stack_current(c, &s);
    ip = x86_pop(&s, size);
    cs = pop_selector(&s, size);
    check_real_ip(c, ip);
    s.sp = (s.sp + pop) & s.mask;
    x86_stack_commit(&s);
    set_real_cs(c, cs, ip);
}

static void ret_outer(struct x86_cpu *c, struct x86_stack *s, struct x86_desc *cs, uint64_t ip, unsigned size,
                      unsigned pop)
{
    unsigned rpl = cs->selector & 3;
    struct x86_desc ss;
    uint64_t sp;
    uint16_t sel;
    bool valid;

    s->sp = (s->sp + pop) & s->mask;
    sp = x86_pop(s, size);
    sel = pop_selector(s, size);
    valid = check_return_ss(c, sel, rpl, cs, &ss);
    x86_check_ip(c, cs, ip, 0);
    x86_desc_set_accessed(c, cs);
    if (valid)
        x86_desc_set_accessed(c, &ss);
    x86_set_code(c, cs, rpl);
    put_return_ss(c, sel, valid, &ss);
    put_return_sp(c, sp + pop);
    x86_drop_data_segs(c, rpl);
    x86_set_ip(c, ip);
    x86_update_mode(c);
}

void x86_far_ret(struct x86_cpu *c, unsigned size, unsigned pop)
{
    struct x86_stack s;
    struct x86_desc d;
    uint64_t ip;
    uint16_t cs;

    if (is_real(c)) {
        ret_real(c, size, pop);
        return;
    }
    x86_stack_current(c, &s);
    ip = x86_pop(&s, size);
    cs = pop_selector(&s, size);
    check_return_cs(c, cs, &d);
    if ((cs & 3) > c->cpl) {
        ret_outer(c, &s, &d, ip, size, pop);
        return;
    }
    x86_check_ip(c, &d, ip, 0);
    x86_desc_set_accessed(c, &d);
    s.sp = (s.sp + pop) & s.mask;
    x86_stack_commit(&s);
    enter_code(c, &d, c->cpl, ip);
}

/* --- IRET ------------------------------------------------------------------------ */

/* Flags IRET may change with operand size `size` at the current privilege. */
static uint32_t iret_mask(const struct x86_cpu *c, unsigned size)
{
    uint32_t mask = EFL_ARITH | EFL_TF | EFL_DF | EFL_NT;

    if (size != 2)
        mask |= EFL_RF | EFL_AC | EFL_ID;
    if (c->cpl <= x86_iopl(c))
        mask |= EFL_IF;
    if (c->cpl == 0)
        mask |= EFL_IOPL | (size != 2 ? EFL_VIF | EFL_VIP : 0);
    return mask;
}

/* RF matters to code breakpoints only; without any it is not kept, so that it costs no variant. */
static uint32_t drop_rf(const struct x86_cpu *c, uint32_t flags)
{
    return x86_breakpoints_on(c) ? flags : flags & ~EFL_RF;
}

static void iret_flags(struct x86_cpu *c, uint32_t flags, uint32_t mask)
{
    uint32_t old = x86_get_eflags(c);

    x86_put_eflags(c, drop_rf(c, (old & ~mask) | (flags & mask)));
}

static void iret_done(struct x86_cpu *c)
{
    x86_unblock_nmi(c);
    x86_update_mode(c);
    x86_request_poll(c);
}

static void iret_real(struct x86_cpu *c, unsigned size)
{
    struct x86_stack s;
    uint64_t ip;
    uint32_t flags, mask;
    uint16_t cs;

    x86_stack_current(c, &s);
    ip = x86_pop(&s, size);
    cs = x86_pop(&s, size);
    flags = x86_pop(&s, size);
    check_real_ip(c, ip);
    mask = EFL_ARITH | EFL_TF | EFL_IF | EFL_DF | EFL_IOPL | EFL_NT;
    if (size != 2)
        mask |= EFL_RF | EFL_AC | EFL_ID;
    x86_stack_commit(&s);
    iret_flags(c, flags, mask);
    set_real_cs(c, cs, ip);
    iret_done(c);
}

/* IRET in vm86: with IOPL 3 directly; else the 16-bit form works on VIF if CR4.VME is set. */
static void iret_vm86(struct x86_cpu *c, unsigned size)
{
    bool vme = c->cr4 & CR4_VME;
    uint32_t flags, mask = EFL_ARITH | EFL_TF | EFL_DF | EFL_NT;
    struct x86_stack s;
    uint64_t ip;
    uint16_t cs;

    if (x86_iopl(c) < 3 && (!vme || size != 2))
        x86_fault(c, X86_GP);
    x86_stack_current(c, &s);
    ip = x86_pop(&s, size);
    cs = x86_pop(&s, size);
    flags = x86_pop(&s, size);
    check_real_ip(c, ip);
    if (x86_iopl(c) == 3) {
        mask |= EFL_IF | (size != 2 ? EFL_RF | EFL_AC | EFL_ID : 0);
    } else {
        if ((flags & EFL_TF) || ((flags & EFL_IF) && (c->eflags & EFL_VIP)))
            x86_fault(c, X86_GP);
        flags = (flags & ~EFL_VIF) | (flags & EFL_IF ? EFL_VIF : 0);
        mask |= EFL_VIF;
    }
    x86_stack_commit(&s);
    iret_flags(c, flags, mask);
    set_real_cs(c, cs, ip);
    iret_done(c);
}

/* Ring 0 returns to vm86: the frame holds all segment registers. */
static void iret_to_vm86(struct x86_cpu *c, struct x86_stack *s, uint32_t ip, uint16_t cs, uint32_t flags)
{
    static const uint8_t order[] = {X86_SS, X86_ES, X86_DS, X86_FS, X86_GS};
    uint32_t sp = x86_pop(s, 4);
    uint16_t sel[5];

    for (unsigned i = 0; i < 5; i++)
        sel[i] = pop_selector(s, 4);
    if (ip > 0xffff)
        x86_fault(c, X86_GP);
    x86_put_eflags(c, drop_rf(c, flags & (EFL_ARITH | EFL_TF | EFL_IF | EFL_DF | EFL_IOPL | EFL_NT | EFL_RF | EFL_VM |
                                          EFL_AC | EFL_VIF | EFL_VIP | EFL_ID)));
    c->cpl = 3;
    x86_seg_put_vm86(c, X86_CS, cs);
    for (unsigned i = 0; i < 5; i++)
        x86_seg_put_vm86(c, order[i], sel[i]);
    c->v.greg[X86_RSP] = sp;
    x86_set_ip(c, ip);
    iret_done(c);
}

/* NT set: return to the task in the link field. */
static void iret_task(struct x86_cpu *c, uint64_t next)
{
    uint16_t link, error;
    struct x86_desc d;

    if (x86_lma(c))
        x86_fault(c, X86_GP);
    link = x86_sys_load(c, c->seg[X86_TR].base, 2);
    error = link & ~3;
    if ((link & 4) || !error || !x86_desc_fetch(c, link, &d))
        x86_fault_error(c, X86_TS, error);
    if (x86_desc_type(&d) != DT_TSS16_BUSY && x86_desc_type(&d) != DT_TSS32_BUSY)
        x86_fault_error(c, X86_TS, error);
    if (!x86_desc_present(&d))
        x86_fault_error(c, X86_NP, error);
    x86_unblock_nmi(c);
    x86_task_switch(c, &d, TASK_IRET, next, x86_get_eflags(c) & ~EFL_NT);
}

static void iret_outer(struct x86_cpu *c, struct x86_desc *cs, uint64_t ip, uint32_t flags, unsigned size,
                       uint64_t sp, uint16_t ss_sel)
{
    unsigned rpl = cs->selector & 3;
    uint32_t mask = iret_mask(c, size);
    bool outer = rpl > c->cpl;
    struct x86_desc ss;
    bool valid = check_return_ss(c, ss_sel, rpl, cs, &ss);

    x86_check_ip(c, cs, ip, 0);
    x86_desc_set_accessed(c, cs);
    if (valid)
        x86_desc_set_accessed(c, &ss);
    iret_flags(c, flags, mask);
    x86_set_code(c, cs, rpl);
    put_return_ss(c, ss_sel, valid, &ss);
    put_return_sp(c, sp);
    if (outer)
        x86_drop_data_segs(c, rpl);
    x86_set_ip(c, ip);
    iret_done(c);
}

static void iret_protected(struct x86_cpu *c, unsigned size)
{
    bool from64 = x86_code64(c);
    uint64_t ip, sp;
    struct x86_stack s;
    struct x86_desc d;
    uint32_t flags, mask;
    uint16_t cs;

    x86_stack_current(c, &s);
    ip = x86_pop(&s, size);
    cs = x86_pop(&s, size);
    flags = x86_pop(&s, size);
    if (size == 4 && (flags & EFL_VM) && c->cpl == 0 && !x86_lma(c)) {
        iret_to_vm86(c, &s, ip, cs, flags);
        return;
    }
    check_return_cs(c, cs, &d);
    if ((cs & 3) > c->cpl || from64) {
        sp = x86_pop(&s, size);
        iret_outer(c, &d, ip, flags, size, sp, pop_selector(&s, size));
        return;
    }
    x86_check_ip(c, &d, ip, 0);
    x86_desc_set_accessed(c, &d);
    mask = iret_mask(c, size);
    x86_stack_commit(&s);
    iret_flags(c, flags, mask);
    enter_code(c, &d, c->cpl, ip);
    iret_done(c);
}

void x86_iret(struct x86_cpu *c, unsigned size, uint64_t next)
{
    if (!x86_pe(c))
        iret_real(c, size);
    else if (x86_vm(c))
        iret_vm86(c, size);
    else if (c->eflags & EFL_NT)
        iret_task(c, next);
    else
        iret_protected(c, size);
}
