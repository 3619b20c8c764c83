/* SPDX-License-Identifier: MIT */
/*
 * The system part of the x86 frontend among its own files: raising, modes, memory classes,
 * descriptors, transfers of control. All functions run on the vCPU's own thread.
 *
 * Functions that may raise do not return then: they record the exception in cpu.exc and unwind to
 * the run loop, which calls x86_deliver(). So nothing architectural is changed before the last
 * check of an instruction. x86_commit() ends that: afterwards the state in memory is the truth.
 */
#ifndef FRONTENDS_X86_SYS_H
#define FRONTENDS_X86_SYS_H

#include "frontends/x86/cpu.h"
#include "frontends/x86/fault.h"
#include "translator/frontend.h"

/* --- raising (cpu.c); fault.h has the forms for others --- */
noreturn_fn void x86_fault_page(struct x86_cpu *c, gva_t addr, uint32_t error);
noreturn_fn void x86_fault_debug(struct x86_cpu *c, uint32_t dr6);

/* The state in memory is made exact and authoritative: a raise from here on keeps what has been changed. */
void x86_commit(struct x86_cpu *c);

/* --- modes and control registers (cpu.c) --- */
void x86_update_mode(struct x86_cpu *c); /* after any change of CPL, CS, SS.B, CR0/4, EFER, VM, AC, TF, RF, flatness, SMM, DR7 */
void x86_get_mode(struct vcpu *v, struct tb_key *key);
void x86_control_changed(struct x86_cpu *c); /* after CR0, CR4, EFER, XCR0, SMM: derived bits and mode */
void x86_cpu_reset(struct x86_cpu *c);
void x86_apply_boot_state(struct x86_cpu *c); /* end of reset: what a loader wants instead (boot.c) */
void x86_cpu_init(struct x86_cpu *c); /* INIT: as reset but for FPU, caches, most MSRs */
uint64_t x86_read_cr(const struct x86_cpu *c, unsigned n); /* 0, 2, 3, 4, else 8 (helper_sys.c) */
void x86_write_cr0(struct x86_cpu *c, uint64_t v);
void x86_write_cr3(struct x86_cpu *c, uint64_t v);
void x86_write_cr4(struct x86_cpu *c, uint64_t v);
void x86_write_efer(struct x86_cpu *c, uint64_t v);
void x86_write_xcr0(struct x86_cpu *c, uint32_t index, uint64_t v);
void x86_set_eflags(struct x86_cpu *c, uint32_t value, uint32_t mask); /* with the mode consequences */
void x86_set_cr3_task(struct x86_cpu *c, uint64_t v); /* task switch: no checks left, flushes */
uint64_t x86_cr4_allowed(const struct x86_cpu *c);

/* Explicit accesses with privilege `cpl`; implicit supervisor accesses (descriptor tables, TSS). */
static inline unsigned x86_mmu_idx(const struct x86_cpu *c, unsigned cpl)
{
    if (cpl == 3)
        return TLB_USER;
    return (c->cr4 & CR4_SMAP) && !(c->eflags & EFL_AC) ? TLB_KERNEL : TLB_KERNEL_AC;
}
static inline unsigned x86_sys_idx(const struct x86_cpu *c)
{
    return c->cr4 & CR4_SMAP ? TLB_KERNEL : TLB_KERNEL_AC;
}
static inline bool x86_canonical(uint64_t a)
{
    return (uint64_t)((int64_t)(a << 16) >> 16) == a;
}
/* Linear addresses have 32 bits outside IA-32e mode. */
static inline gva_t x86_linear(const struct x86_cpu *c, uint64_t a)
{
    return x86_lma(c) ? a : (uint32_t)a;
}

/* Implicit supervisor accesses. */
uint64_t x86_sys_load(struct x86_cpu *c, gva_t addr, unsigned size);
void x86_sys_store(struct x86_cpu *c, gva_t addr, uint64_t v, unsigned size);

/* --- paging (mmu.c) --- */
int x86_walk(struct vcpu *v, gva_t addr, enum tlb_access a, unsigned mmu_idx, unsigned memflags,
             bool probe_only, struct tlb_walk *out);
void x86_check_crossing(struct vcpu *v, gva_t addr, unsigned size, unsigned memflags);
bool x86_load_pdptes(struct x86_cpu *c, uint64_t cr3); /* false: #GP (nothing changed) */
/* Where a linear address is, by the tables alone: no rights, no accessed bits; *left: bytes to the end
   of the page. False: nowhere. */
bool x86_undo_indirect(struct x86_cpu *c);
bool x86_walk_quiet(struct x86_cpu *c, gva_t addr, gpa_t *gpa, uint64_t *left);
void x86_mmu_mode_changed(struct x86_cpu *c);          /* CR0.PG/WP, CR4, EFER.NXE: derived bits */
void x86_invlpg(struct x86_cpu *c, gva_t addr);
void x86_invpcid(struct x86_cpu *c, uint64_t type, uint64_t pcid, gva_t addr);
struct addr_space *x86_as(struct vcpu *v);
extern struct addr_space *x86_as_mem, *x86_as_smm, *x86_as_io; /* cpu_set_address_spaces() */

/* --- descriptors and segment registers (seg.c) --- */
struct x86_desc {
    uint64_t raw;
    uint32_t hi;       /* upper 32 bits of the table, 16-byte system descriptors only */
    uint16_t selector;
    gva_t addr;        /* linear address of the entry */
};
static inline uint32_t x86_desc_attr(const struct x86_desc *d)
{
    return (d->raw >> 40) & SEG_ATTR_MASK;
}
static inline unsigned x86_desc_type(const struct x86_desc *d) /* S bit and type: 5 bits */
{
    return (d->raw >> 40) & 0x1f;
}
static inline unsigned x86_desc_dpl(const struct x86_desc *d)
{
    return (d->raw >> 45) & 3;
}
static inline bool x86_desc_present(const struct x86_desc *d)
{
    return (d->raw >> 47) & 1;
}
static inline uint64_t x86_desc_base(const struct x86_desc *d)
{
    return (d->raw >> 16 & 0xffffff) | (d->raw >> 56) << 24 | (uint64_t)d->hi << 32;
}
static inline uint32_t x86_desc_limit(const struct x86_desc *d)
{
    uint32_t limit = (d->raw & 0xffff) | (d->raw >> 32 & 0xf0000);

    return d->raw >> 55 & 1 ? limit << 12 | 0xfff : limit;
}

/* System descriptor types (S = 0) and classes of code and data (S = 1). */
enum { DT_TSS16 = 1, DT_LDT = 2, DT_TSS16_BUSY = 3, DT_CALL16 = 4, DT_TASK_GATE = 5, DT_INT16 = 6,
       DT_TRAP16 = 7, DT_TSS32 = 9, DT_TSS32_BUSY = 11, DT_CALL32 = 12, DT_INT32 = 14, DT_TRAP32 = 15 };
enum { DT_S = 0x10, DT_CODE = 8, DT_CONFORM = 4, DT_EXPAND_DOWN = 4, DT_RW = 2, DT_ACCESSED = 1 };

/* Fetch the entry of a selector that is not null; false: outside its table. */
bool x86_desc_fetch(struct x86_cpu *c, uint16_t selector, struct x86_desc *d);
void x86_desc_set_accessed(struct x86_cpu *c, struct x86_desc *d);
void x86_desc_set_busy(struct x86_cpu *c, uint16_t tss_selector, bool busy);

/* Put values into a segment register with all derived state; callers call x86_update_mode(). */
void x86_seg_put(struct x86_cpu *c, unsigned s, uint16_t selector, uint64_t base, uint32_t limit, uint32_t attr);
void x86_seg_put_desc(struct x86_cpu *c, unsigned s, uint16_t selector, const struct x86_desc *d);
void x86_seg_put_null(struct x86_cpu *c, unsigned s, uint16_t selector);
void x86_seg_put_real(struct x86_cpu *c, unsigned s, uint16_t selector); /* base = selector * 16, the rest kept */
void x86_seg_put_vm86(struct x86_cpu *c, unsigned s, uint16_t selector);
void x86_seg_derive(struct x86_cpu *c, unsigned s); /* limit as translated code sees it */

/* Flat code and stack as SYSCALL and its like load them. */
void x86_flat_code(struct x86_cpu *c, uint16_t selector, unsigned cpl, bool wide);
void x86_flat_stack(struct x86_cpu *c, uint16_t selector, unsigned cpl);

/* MOV, POP and LxS to a segment register other than CS, in any mode. */
void x86_load_seg(struct x86_cpu *c, unsigned s, uint16_t selector);
/* Checks for SS given the privilege it will run with; `fault` is #GP, or #TS for a switch of stacks. */
void x86_check_ss(struct x86_cpu *c, uint16_t selector, unsigned cpl, unsigned fault, struct x86_desc *d);
/* Data segments that the new (outer) privilege may not use become null (RET, IRET outward). */
void x86_drop_data_segs(struct x86_cpu *c, unsigned cpl);
void x86_set_code(struct x86_cpu *c, const struct x86_desc *d, unsigned cpl); /* CS and CPL; no mode update */
void x86_load_ldt(struct x86_cpu *c, uint16_t selector);
void x86_load_tr(struct x86_cpu *c, uint16_t selector);

/* --- stacks (far.c) --- */
struct x86_stack {
    struct x86_cpu *c;
    uint64_t base, sp, mask; /* mask: ffff, ffffffff or all ones */
    const struct x86_seg *seg; /* for the limit; NULL: 64-bit, none */
    unsigned idx;            /* access class */
    unsigned error;          /* error code of #SS */
};
void x86_stack_current(struct x86_cpu *c, struct x86_stack *s);
void x86_stack_probe_push(struct x86_stack *s, unsigned bytes);
void x86_push(struct x86_stack *s, uint64_t v, unsigned size);
uint64_t x86_pop(struct x86_stack *s, unsigned size);
void x86_stack_commit(struct x86_stack *s); /* writes (R/E)SP back */
/* The stack of an inner ring: selector checked with #TS, `seg` and `d` hold the new SS; nothing is committed.
   In IA-32e mode only sp counts and SS will be null. */
void x86_stack_switch(struct x86_cpu *c, struct x86_stack *s, struct x86_desc *d, struct x86_seg *seg, uint16_t ss,
                      uint64_t sp, unsigned cpl);
/* Stack pointer of an inner ring out of the TSS, without checks of the selector. */
void x86_tss_stack(struct x86_cpu *c, unsigned dpl, uint16_t *ss, uint64_t *sp);

/* --- far transfers (far.c); `size` is the operand size in bytes, `next` the following offset --- */
void x86_far_jmp(struct x86_cpu *c, uint16_t selector, uint64_t off, unsigned size, uint64_t next);
void x86_far_call(struct x86_cpu *c, uint16_t selector, uint64_t off, unsigned size, uint64_t next);
void x86_far_ret(struct x86_cpu *c, unsigned size, unsigned pop);
void x86_iret(struct x86_cpu *c, unsigned size, uint64_t next);
void x86_set_ip(struct x86_cpu *c, uint64_t ip); /* vcpu.pc from an offset in CS */
uint64_t x86_get_ip(const struct x86_cpu *c);    /* the offset in CS of vcpu.pc */
void x86_check_ip(struct x86_cpu *c, const struct x86_desc *cs, uint64_t ip, uint32_t error); /* #GP */

/* --- tasks (task.c); `next` and `flags` go into the old task's TSS --- */
enum x86_task_cause { TASK_JMP, TASK_CALL, TASK_INT, TASK_IRET };
void x86_task_switch(struct x86_cpu *c, const struct x86_desc *tss, enum x86_task_cause why, uint64_t next,
                     uint32_t flags);
void x86_task_gate(struct x86_cpu *c, uint16_t tss_selector, enum x86_task_cause why, uint64_t next, uint32_t flags);

/* --- interrupts (interrupt.c) --- */
enum x86_int_kind { INT_HARD /* external, exceptions */, INT_SOFT /* INT n, INT3, INTO */, INT_ICEBP };
void x86_deliver(struct vcpu *v);
bool x86_poll(struct vcpu *v);
void x86_software_int(struct x86_cpu *c, unsigned vector, bool int_n, uint64_t next);
void x86_host_fault(struct vcpu *v, int signo, int code);
void x86_unblock_nmi(struct x86_cpu *c);
void x86_request_poll(struct x86_cpu *c); /* if something waits that can be taken, look at it at the next poll */

/* --- I/O permission (io.c) --- */
void x86_check_io(struct x86_cpu *c, unsigned port, unsigned size);

/* --- debug registers (debug.c) --- */
bool x86_code_breakpoint(struct x86_cpu *c, gva_t pc, uint32_t *dr6);
void x86_watch(struct vcpu *v, gva_t addr, unsigned size, bool write);
void x86_io_breakpoint(struct x86_cpu *c, unsigned port, unsigned size);
void x86_write_dr(struct x86_cpu *c, unsigned n, uint64_t v);
bool x86_data_watched(const struct x86_cpu *c, gva_t page);
static inline bool x86_breakpoints_on(const struct x86_cpu *c)
{
    return c->dr[7] & 0xff;
}

/* --- SMM (smm.c) --- */
void x86_smm_enter(struct x86_cpu *c);
void x86_rsm(struct x86_cpu *c);

/* --- MSRs, CPUID (msr.c, cpuid.c) --- */
int x86_rdmsr(struct x86_cpu *c, uint32_t msr, uint64_t *v); /* -1: #GP */
int x86_wrmsr(struct x86_cpu *c, uint32_t msr, uint64_t v);
uint64_t x86_tsc(const struct x86_cpu *c);

/*
 * RDTSC without reading the host's clock each time: the last reading, when it is too old (in ticks
 * of the host), nanoseconds per tick in 2^-32. One for all vCPUs, since what one of them has read
 * no other may read less than later. seq is odd while it is being changed, and when it has changed
 * in between, what was read counts for nothing.
 */
struct x86_tsc_anchor {
    uint64_t seq, host, ns, span, ratio;
};
extern struct x86_tsc_anchor x86_tsc_anchor;

/* Read the clock, renew the anchor. Not before anything read by the anchor so far. */
uint64_t x86_anchor_tsc(void);
uint64_t x86_tsc_raw(void); /* without the CPU's offset */
gpa_t x86_a20_mask(void);
struct x86_cpuid_result { uint32_t eax, ebx, ecx, edx; };
struct x86_cpuid_result x86_cpuid(const struct x86_cpu *c, uint32_t leaf, uint32_t sub);

#endif
