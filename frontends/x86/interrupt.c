/* SPDX-License-Identifier: MIT */
/*
 * Interrupts and exceptions: what is taken when (x86_poll), and delivery in real mode, vm86,
 * protected mode (16- and 32-bit interrupt, trap and task gates) and IA-32e mode.
 * Reference: Intel SDM vol. 3A, chapter 6 and 21.3; vol. 2, INT n.
 *
 * While delivering, cpu.delivering holds the vector (EXTERNAL for interrupts) and cpu.ext the EXT
 * bit. A fault met on the way unwinds to the run loop, which calls x86_deliver() again; nothing has
 * been committed then, so RIP is still that of the first event.
 */
#include "frontends/x86/msr.h"
#include "frontends/x86/sys.h"
#include "frontends/x86/mode.h"
#include "system/runstate.h"
#include "translator/exec.h"
#include "util/log.h"

#include <signal.h>
#include <stdatomic.h>

enum { EXTERNAL = 256 }; /* cpu.delivering: an interrupt, in no exception class */

struct event {
    unsigned vector;
    enum x86_int_kind kind;
    bool has_error;
    uint32_t error;
    uint64_t ip;    /* to be pushed */
    uint32_t flags; /* to be pushed */
};

/* --- classes of exceptions: SDM table 6-4, 6-5 ---------------------------------- */

enum exception_class { BENIGN, CONTRIBUTORY, PAGE_FAULT, DOUBLE_FAULT };

static enum exception_class class_of(int vector)
{
    switch (vector) {
    case X86_DE:
    case X86_TS:
    case X86_NP:
    case X86_SS_FAULT:
    case X86_GP:
    case X86_CP:
        return CONTRIBUTORY;
    case X86_PF:
        return PAGE_FAULT;
    case X86_DF:
        return DOUBLE_FAULT;
    default:
        return BENIGN;
    }
}

/* Does `second`, met while delivering `first`, make a double fault (or, after one, shutdown)? */
static bool doubles(int first, int second)
{
    enum exception_class a = class_of(first), b = class_of(second);

    if (a == BENIGN || b == BENIGN)
        return false;
    return a != CONTRIBUTORY || b != PAGE_FAULT;
}

static bool is_fault(unsigned vector)
{
    const uint32_t faults = BIT(X86_DE) | BIT(X86_BR) | BIT(X86_UD) | BIT(X86_NM) | BIT(X86_TS) | BIT(X86_NP) |
                            BIT(X86_SS_FAULT) | BIT(X86_GP) | BIT(X86_PF) | BIT(X86_MF) | BIT(X86_AC) |
                            BIT(X86_XM) | BIT(X86_CP);

    return vector < 32 && (faults >> vector & 1);
}

/* --- IA-32e mode ----------------------------------------------------------------- */

struct gate {
    uint64_t off;
    uint16_t selector;
    unsigned type; /* DT_INT16 ... */
    unsigned ist;
};

/* What follows from privilege, for all gates. `error` is the gate's error code. */
static void check_gate(struct x86_cpu *c, const struct event *e, uint64_t raw, uint32_t error)
{
    if (e->kind == INT_SOFT && (raw >> 45 & 3) < c->cpl)
        x86_fault_error(c, X86_GP, error);
    if (!(raw >> 47 & 1))
        x86_fault_error(c, X86_NP, error);
}

static void read_gate_long(struct x86_cpu *c, const struct event *e, struct gate *g)
{
    uint32_t error = e->vector * 8 + 2;
    uint64_t raw, upper;

    if (e->vector * 16 + 15 > c->idtr.limit)
        x86_fault_error(c, X86_GP, error);
    raw = x86_sys_load(c, c->idtr.base + e->vector * 16, 8);
    upper = x86_sys_load(c, c->idtr.base + e->vector * 16 + 8, 8);
    g->type = raw >> 40 & 0x1f;
    if (g->type != DT_INT32 && g->type != DT_TRAP32)
        x86_fault_error(c, X86_GP, error);
    check_gate(c, e, raw, error);
    g->selector = raw >> 16;
    g->off = (raw & 0xffff) | (raw >> 32 & 0xffff0000u) | upper << 32;
    g->ist = raw >> 32 & 7;
}

/* The handler's code segment; returns the privilege it runs with. */
static unsigned read_handler(struct x86_cpu *c, const struct gate *g, struct x86_desc *d)
{
    uint16_t error = g->selector & ~3;
    unsigned type;

    if (!error)
        x86_fault(c, X86_GP);
    if (!x86_desc_fetch(c, g->selector, d))
        x86_fault_error(c, X86_GP, error);
    type = x86_desc_type(d);
    if ((type & (DT_S | DT_CODE)) != (DT_S | DT_CODE) || x86_desc_dpl(d) > c->cpl)
        x86_fault_error(c, X86_GP, error);
    if (x86_lma(c) && (x86_desc_attr(d) & (SEG_L | SEG_DB)) != SEG_L)
        x86_fault_error(c, X86_GP, error);
    if (!x86_desc_present(d))
        x86_fault_error(c, X86_NP, error);
    return type & DT_CONFORM ? c->cpl : x86_desc_dpl(d);
}

static uint64_t tss_long(struct x86_cpu *c, unsigned off)
{
    if (off + 7 > c->seg[X86_TR].limit)
        x86_fault_error(c, X86_TS, c->seg[X86_TR].selector & ~3);
    return x86_sys_load(c, c->seg[X86_TR].base + off, 8);
}

/* Write the frame (lowest address first) below `sp`; returns the new stack pointer. */
static uint64_t push_frame(struct x86_cpu *c, uint64_t sp, const uint64_t *frame, unsigned n, unsigned cpl)
{
    unsigned idx = x86_mmu_idx(c, cpl), bytes = n * 8;
    uint64_t *host;

    sp -= bytes;
    host = softtlb_probe(&c->v, sp, bytes, TLB_WRITE, idx, IR_MEM_STACK);
    if (unlikely(!host)) {
        softtlb_write(&c->v, sp, frame, bytes, idx, IR_MEM_STACK);
        return sp;
    }
    for (unsigned i = 0; i < n; i++)
        host[i] = frame[i];
    return sp;
}

static void clear_flags(struct x86_cpu *c, bool clear_if)
{
    c->eflags &= ~(EFL_TF | EFL_NT | EFL_RF | EFL_VM | (clear_if ? EFL_IF : 0));
}

static void deliver_long(struct x86_cpu *c, const struct event *e)
{
    uint64_t frame[6], sp = c->v.greg[X86_RSP];
    struct x86_desc d;
    struct gate g;
    unsigned cpl, n = 0;

    read_gate_long(c, e, &g);
    cpl = read_handler(c, &g, &d);
    if (g.ist)
        sp = tss_long(c, 28 + 8 * g.ist);
    else if (cpl < c->cpl)
        sp = tss_long(c, 4 + 8 * cpl);
    if (!x86_canonical(sp))
        x86_fault(c, X86_SS_FAULT);
    sp &= ~15ull;
    if (e->has_error)
        frame[n++] = e->error;
    frame[n++] = e->ip;
    frame[n++] = c->seg[X86_CS].selector;
    frame[n++] = e->flags;
    frame[n++] = c->v.greg[X86_RSP];
    frame[n++] = c->seg[X86_SS].selector;
    if (!x86_canonical(g.off))
        x86_fault(c, X86_GP);
    x86_desc_set_accessed(c, &d);
    sp = push_frame(c, sp, frame, n, cpl);

    if (cpl != c->cpl) {
        c->cpl = cpl;
        x86_seg_put_null(c, X86_SS, cpl);
    }
    x86_set_code(c, &d, cpl);
    c->v.greg[X86_RSP] = sp;
    clear_flags(c, g.type == DT_INT32);
    c->v.pc = g.off;
    x86_update_mode(c);
}

/* --- protected mode --------------------------------------------------------------- */

static void deliver_task(struct x86_cpu *c, const struct event *e, uint16_t tss)
{
    struct x86_stack s;
    unsigned size;

    x86_task_gate(c, tss, TASK_INT, e->ip, e->flags);
    if (!e->has_error)
        return;
    size = c->seg[X86_TR].attr & 8 ? 4 : 2;
    x86_stack_current(c, &s);
    x86_push(&s, e->error, size);
    x86_stack_commit(&s);
}

/* Reads the gate; false if it was a task gate, which has been dealt with. */
static bool read_gate_protected(struct x86_cpu *c, const struct event *e, struct gate *g)
{
    uint32_t error = e->vector * 8 + 2;
    uint64_t raw;

    if (e->vector * 8 + 7 > c->idtr.limit)
        x86_fault_error(c, X86_GP, error);
    raw = x86_sys_load(c, c->idtr.base + e->vector * 8, 8);
    g->type = raw >> 40 & 0x1f;
    switch (g->type) {
    case DT_TASK_GATE:
    case DT_INT16:
    case DT_TRAP16:
    case DT_INT32:
    case DT_TRAP32:
        break;
    default:
        x86_fault_error(c, X86_GP, error);
    }
    check_gate(c, e, raw, error);
    g->selector = raw >> 16;
    g->off = (raw & 0xffff) | (g->type & 8 ? raw >> 32 & 0xffff0000u : 0);
    if (g->type != DT_TASK_GATE)
        return true;
    deliver_task(c, e, g->selector);
    return false;
}

static void push_event(struct x86_cpu *c, struct x86_stack *s, const struct event *e, unsigned size)
{
    x86_push(s, e->flags, size);
    x86_push(s, c->seg[X86_CS].selector, size);
    x86_push(s, e->ip, size);
    if (e->has_error)
        x86_push(s, e->error, size);
}

static void enter_handler(struct x86_cpu *c, struct x86_desc *d, const struct gate *g, unsigned cpl)
{
    clear_flags(c, !(g->type & 1));
    x86_set_code(c, d, cpl);
    x86_set_ip(c, g->off);
    x86_update_mode(c);
}

static void deliver_inner(struct x86_cpu *c, const struct event *e, const struct gate *g, struct x86_desc *d)
{
    static const uint8_t vm_segs[] = {X86_GS, X86_FS, X86_DS, X86_ES};
    unsigned cpl = x86_desc_dpl(d), size = g->type & 8 ? 4 : 2;
    bool vm = x86_vm(c);
    uint16_t new_ss;
    uint64_t new_sp;
    struct x86_stack s;
    struct x86_desc ss_desc;
    struct x86_seg ss_seg;

    if (vm && cpl)
        x86_fault_error(c, X86_GP, g->selector & ~3);
    x86_tss_stack(c, cpl, &new_ss, &new_sp);
    x86_stack_switch(c, &s, &ss_desc, &ss_seg, new_ss, new_sp, cpl);
    x86_stack_probe_push(&s, ((vm ? 9 : 5) + e->has_error) * size);
    x86_check_ip(c, d, g->off, 0);
    x86_desc_set_accessed(c, &ss_desc);
    x86_desc_set_accessed(c, d);

    if (vm)
        for (unsigned i = 0; i < ARRAY_SIZE(vm_segs); i++)
            x86_push(&s, c->seg[vm_segs[i]].selector, size);
    x86_push(&s, c->seg[X86_SS].selector, size);
    x86_push(&s, c->v.greg[X86_RSP], size);
    push_event(c, &s, e, size);

    c->cpl = cpl;
    c->eflags &= ~EFL_VM;
    if (vm)
        for (unsigned i = 0; i < ARRAY_SIZE(vm_segs); i++)
            x86_seg_put_null(c, vm_segs[i], 0);
    x86_seg_put_desc(c, X86_SS, new_ss, &ss_desc);
    x86_stack_commit(&s);
    enter_handler(c, d, g, cpl);
}

static void deliver_same(struct x86_cpu *c, const struct event *e, const struct gate *g, struct x86_desc *d)
{
    unsigned size = g->type & 8 ? 4 : 2;
    struct x86_stack s;

    x86_stack_current(c, &s);
    x86_stack_probe_push(&s, (3 + e->has_error) * size);
    x86_check_ip(c, d, g->off, 0);
    x86_desc_set_accessed(c, d);
    push_event(c, &s, e, size);
    x86_stack_commit(&s);
    enter_handler(c, d, g, c->cpl);
}

static void deliver_protected(struct x86_cpu *c, const struct event *e)
{
    struct x86_desc d;
    struct gate g;
    unsigned cpl;

    if (!read_gate_protected(c, e, &g))
        return;
    cpl = read_handler(c, &g, &d);
    if (cpl < c->cpl)
        deliver_inner(c, e, &g, &d);
    else if (x86_vm(c))
        x86_fault_error(c, X86_GP, g.selector & ~3);
    else
        deliver_same(c, e, &g, &d);
}

/* --- real mode and the 8086 interrupt table of vm86 ---------------------------------- */

/* Through the table at `table`; `flags` are pushed. */
static void deliver_8086(struct x86_cpu *c, const struct event *e, gva_t table, uint32_t flags)
{
    struct x86_stack s;
    uint32_t vec;

    x86_stack_current(c, &s);
    x86_stack_probe_push(&s, 6);
    vec = softtlb_load(&c->v, x86_linear(c, table + e->vector * 4), 4, x86_mmu_idx(c, c->cpl), 0);
    x86_push(&s, flags, 2);
    x86_push(&s, c->seg[X86_CS].selector, 2);
    x86_push(&s, e->ip, 2);
    x86_stack_commit(&s);
    if (x86_vm(c))
        x86_seg_put_vm86(c, X86_CS, vec >> 16);
    else
        x86_seg_put_real(c, X86_CS, vec >> 16);
    x86_set_ip(c, vec & 0xffff);
}

static void deliver_real(struct x86_cpu *c, const struct event *e)
{
    if (e->vector * 4 + 3 > c->idtr.limit)
        x86_fault_error(c, X86_GP, e->vector * 8 + 2);
    deliver_8086(c, e, c->idtr.base, e->flags);
    c->eflags &= ~(EFL_IF | EFL_TF | EFL_AC | EFL_RF);
    x86_update_mode(c);
}

/* Bit of the software interrupt redirection bitmap, which lies below the I/O map. */
static bool redirected_to_idt(struct x86_cpu *c, unsigned vector)
{
    const struct x86_seg *tr = &c->seg[X86_TR];
    uint32_t off;

    if (!(tr->attr & 8) || tr->limit < 103)
        x86_fault(c, X86_GP);
    off = x86_sys_load(c, tr->base + 102, 2) + vector / 8;
    if (off < 32 || off - 32 > tr->limit)
        x86_fault(c, X86_GP);
    return x86_sys_load(c, tr->base + off - 32, 1) >> (vector & 7) & 1;
}

/* INT n in vm86: to the 8086 program itself (true), or through the IDT if IOPL allows. */
static bool vm86_int_n(struct x86_cpu *c, const struct event *e)
{
    bool vme = c->cr4 & CR4_VME;
    uint32_t flags = e->flags;

    if (!vme || redirected_to_idt(c, e->vector)) {
        if (x86_iopl(c) < 3)
            x86_fault(c, X86_GP);
        return false;
    }
    if (x86_iopl(c) < 3)
        flags = (flags & ~EFL_IF) | EFL_IOPL | (flags & EFL_VIF ? EFL_IF : 0);
    deliver_8086(c, e, 0, flags);
    c->eflags &= ~(EFL_TF | EFL_NT | EFL_RF | (x86_iopl(c) < 3 ? EFL_VIF : EFL_IF));
    x86_update_mode(c);
    return true;
}

/* --- one event ---------------------------------------------------------------------- */

static void deliver_event(struct x86_cpu *c, const struct event *e)
{
    if (log_enabled(LOG_INT))
        log_printf("int %02x kind %d error %04x cpl %d ip %04x:%llx pc %llx cr2 %llx\n", e->vector, e->kind,
                   e->has_error ? e->error : 0, c->cpl, c->seg[X86_CS].selector, (unsigned long long)e->ip,
                   (unsigned long long)c->v.pc, (unsigned long long)c->cr2);
    c->ext = e->kind != INT_SOFT;
    if (!x86_pe(c))
        deliver_real(c, e);
    else if (x86_lma(c))
        deliver_long(c, e);
    else
        deliver_protected(c, e);
    c->delivering = -1;
    c->ext = 0;
    c->intr_shadow = c->ss_shadow = false;
    c->v.halted = false;
}

static void enter_shutdown(struct x86_cpu *c)
{
    if (log_enabled(LOG_INT | LOG_CPU_RESET))
        log_printf("triple fault: pc %llx\n", (unsigned long long)c->v.pc);
    c->shutdown = true;
    c->v.halted = true;
    c->delivering = -1;
    c->ext = 0;
    runstate_request_reset(RESET_REASON_TRIPLE_FAULT);
}

/* B0 to B3 tell about this exception; the other bits stay until software clears them. */
static void debug_exception_state(struct x86_cpu *c)
{
    c->dr[6] = (c->dr[6] & ~0xfull) | c->exc.dr6;
    c->dr[7] &= ~BIT(13); /* GD */
    c->debugctl &= ~3ull; /* LBR, BTF */
    c->exc.dr6 = 0;
}

/* An exception recorded by the raising functions. */
void x86_deliver(struct vcpu *v)
{
    struct x86_cpu *c = X86_CPU(v);
    struct event e = {.kind = INT_HARD};

    if (c->exc.vector < 0)
        return;
    e.vector = c->exc.vector;
    e.has_error = c->exc.has_error;
    e.error = c->exc.error;
    c->exc.vector = -1;
    c->db_pending = 0;
    c->no_step = false;
    if (e.vector == X86_PF)
        c->cr2 = c->exc.cr2;
    if (c->delivering >= 0 && doubles(c->delivering, e.vector)) {
        if (c->delivering == X86_DF) {
            enter_shutdown(c);
            return;
        }
        e = (struct event){.vector = X86_DF, .kind = INT_HARD, .has_error = true};
    }
    if (e.vector == X86_DB)
        debug_exception_state(c);
    c->delivering = e.vector;
    e.ip = x86_get_ip(c);
    e.flags = x86_get_eflags(c);
    if (is_fault(e.vector))
        e.flags |= EFL_RF;
    deliver_event(c, &e);
    x86_request_poll(c);
}

/* Interrupts and #DB traps, at an instruction boundary. */
static void deliver_async(struct x86_cpu *c, unsigned vector)
{
    struct event e = {.vector = vector, .kind = INT_HARD, .ip = x86_get_ip(c), .flags = x86_get_eflags(c)};

    c->delivering = EXTERNAL;
    deliver_event(c, &e);
}

/* INT1 in the shadow of MOV SS: one #DB, which tells of MOV SS's data breakpoint but not of its step. */
static void merge_into_icebp(struct x86_cpu *c)
{
    c->exc.dr6 = c->db_pending & 0xf;
    c->db_pending = 0;
    if (c->exc.dr6)
        debug_exception_state(c);
}

/* INT n, INT3, INTO, INT1: `next` is the IP behind the instruction. */
void x86_software_int(struct x86_cpu *c, unsigned vector, bool int_n, uint64_t next)
{
    struct event e = {.vector = vector, .kind = INT_SOFT, .ip = next, .flags = x86_get_eflags(c)};

    if (vector == X86_DB && !int_n) {
        e.kind = INT_ICEBP;
        merge_into_icebp(c);
    }
    c->no_step = e.flags & EFL_TF;
    c->delivering = EXTERNAL;
    if (int_n && x86_pe(c) && x86_vm(c) && vm86_int_n(c, &e)) {
        c->delivering = -1;
        return;
    }
    deliver_event(c, &e);
}

/* --- what is taken when --------------------------------------------------------------- */

/* A20M#: the run loop has flushed for VCPU_EV_FLUSH, but with the mask as it was. */
static void take_a20(struct x86_cpu *c)
{
    if (c->a20_mask == x86_a20_mask())
        return;
    c->a20_mask = x86_a20_mask();
    vcpu_flush_everything(&c->v);
}

/* A start-up IPI: real mode at vector * 4 KiB. */
static void take_sipi(struct x86_cpu *c)
{
    vcpu_lower_event(&c->v, VCPU_EV_SIPI);
    if (!c->wait_sipi)
        return;
    c->wait_sipi = false;
    c->v.halted = false;
    x86_seg_put(c, X86_CS, c->apic->sipi_vector(c->apic_opaque) << 8, c->apic->sipi_vector(c->apic_opaque) << 12,
                0xffff, SEG_P | SEG_S | 3);
    x86_set_ip(c, 0);
    x86_update_mode(c);
}

static void take_db_trap(struct x86_cpu *c)
{
    c->exc.dr6 = c->db_pending;
    c->db_pending = 0;
    debug_exception_state(c);
    c->delivering = X86_DB;
    deliver_async(c, X86_DB);
}

/* A machine check while there is one, or that nobody is prepared for, ends it. SDM vol. 3B, 16.3.1.2. */
static void take_mce(struct x86_cpu *c)
{
    vcpu_lower_event(&c->v, VCPU_EV_MCE);
    if (!(c->cr4 & CR4_MCE) || (c->mcg_status & MCG_STATUS_MCIP)) {
        enter_shutdown(c);
        return;
    }
    c->mcg_status = c->mcg_pending | MCG_STATUS_MCIP;
    deliver_async(c, X86_MC);
}

/* Where two came, one waits on. */
static void take_nmi(struct x86_cpu *c)
{
    uint32_t ev = atomic_load(&c->v.events);

    while (!atomic_compare_exchange_weak(&c->v.events, &ev, ev & ~(ev & VCPU_EV_NMI2 ? VCPU_EV_NMI2 : VCPU_EV_NMI)))
        ;
    c->nmi_blocked = true;
    deliver_async(c, X86_NMI);
}

static void take_intr(struct x86_cpu *c)
{
    int vector = c->apic ? c->apic->ack(c->apic_opaque) : -1;

    if (vector >= 0)
        deliver_async(c, vector);
}

/* The highest of what waits and may be taken; true if something was. SDM table 6-2. */
static bool take_one(struct x86_cpu *c, uint32_t ev)
{
    if ((ev & VCPU_EV_INIT) && !c->smm) {
        vcpu_lower_event(&c->v, VCPU_EV_INIT);
        x86_cpu_init(c);
        return true;
    }
    if ((ev & VCPU_EV_SIPI) && !c->shutdown) {
        take_sipi(c);
        return true;
    }
    if (c->wait_sipi || c->shutdown)
        return false;
    if (c->v.debug.no_irq) /* a debugger steps: nothing from outside */
        ev = 0;
    if (ev & VCPU_EV_MCE) {
        take_mce(c);
        return true;
    }
    if ((ev & VCPU_EV_SMI) && !c->smm && !c->ss_shadow) {
        vcpu_lower_event(&c->v, VCPU_EV_SMI);
        x86_smm_enter(c);
        return true;
    }
    if (c->db_pending && !c->ss_shadow) { /* STI does not hold them back */
        take_db_trap(c);
        return true;
    }
    if (c->intr_shadow)
        return false;
    if ((ev & VCPU_EV_NMI) && !c->nmi_blocked) {
        take_nmi(c);
        return true;
    }
    if ((ev & VCPU_EV_INTR) && (c->eflags & EFL_IF)) {
        take_intr(c);
        return true;
    }
    return false;
}

bool x86_poll(struct vcpu *v)
{
    struct x86_cpu *c = X86_CPU(v);
    uint32_t ev = atomic_load(&v->events);

    take_a20(c);
    x86_undo_indirect(c); /* an interrupt now comes before it */
    if (take_one(c, ev))
        x86_request_poll(c);
    return !v->halted;
}

/* --- host faults in translated code ----------------------------------------------------- */

void x86_host_fault(struct vcpu *v, int signo, int code)
{
    struct x86_cpu *c = X86_CPU(v);
    unsigned vector = X86_GP; /* SIGSEGV: a misaligned 16-byte operand */

    if (signo == SIGFPE) {
        if (code == FPE_INTDIV || code == FPE_INTOVF)
            vector = X86_DE;
        else
            vector = c->cr4 & CR4_OSXMMEXCPT ? X86_XM : X86_UD;
    }
    c->exc.vector = vector;
    c->exc.has_error = x86_vector_has_error(vector);
    c->exc.error = 0;
}
