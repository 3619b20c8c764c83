/* SPDX-License-Identifier: MIT */
/*
 * Hardware task switches: JMP, CALL, IRET, task gates, interrupts by task gate, 16-bit TSSs, busy
 * bits, links, the T bit, and the faults before and after the commit point. Intel SDM vol. 3A,
 * chapter 7.
 */
#include "lib.h"

enum { TSS_B = TEST_SEL, TSS_C = TEST_SEL + 8, GATE = TEST_SEL + 16, TSS16 = TEST_SEL + 24, S0 = TEST_SEL + 32 };
#define BEYOND 0xfff8

static struct tss32 b, c;
static struct { uint16_t link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags, regs[8], es, cs, ss, ds, ldt; } tss16;
static uint8_t stack_b[4096], stack_c[4096];
static struct { uint32_t off; uint16_t sel; } __attribute__((packed)) target;
static volatile uint32_t visits, seen_flags, seen_tr, seen_cr0, seen_error;

static void reset_task(struct tss32 *t, void (*fn)(void), uint8_t *stack)
{
    *t = (struct tss32){.cr3 = get_cr3(), .eip = (uint32_t)fn, .eflags = 2, .esp = (uint32_t)stack + 4096,
                        .eax = 0x1234, .es = KDATA, .cs = KCODE, .ss = KDATA, .ds = KDATA, .fs = KDATA,
                        .gs = KDATA, .ss0 = KDATA, .esp0 = (uint32_t)stack + 2048, .iomap = 104};
}

static uint16_t get_tr(void)
{
    uint16_t v;
    asm volatile("str %0" : "=r"(v));
    return v;
}

static unsigned type_of(uint16_t sel)
{
    return gdt[sel / 8] >> 40 & 0x1f;
}

static void note(void)
{
    uint32_t f;

    asm volatile("pushf; pop %0" : "=r"(f));
    seen_flags = f;
    seen_tr = get_tr();
    seen_cr0 = get_cr0();
    visits++;
}

/* Task B: comes back by IRET for ever. */
static void task_b(void)
{
    for (;;) {
        note();
        asm volatile("clts; iret");
    }
}
/* Task C: jumps back. */
static void task_c(void)
{
    for (;;) {
        note();
        asm volatile("clts; ljmp %0, $0" : : "i"(TSS));
    }
}

static void call_far(void) { asm volatile("lcall *%0; clts" : : "m"(target) : "memory"); }
static void jmp_far(void) { asm volatile("ljmp *%0; clts" : : "m"(target) : "memory"); }
static void int_40(void) { asm volatile("int $0x40; clts" : : : "memory"); }

static void set_tss(uint16_t sel, struct tss32 *t, unsigned type, uint32_t limit)
{
    set_gdt(sel, descriptor((uint32_t)t, limit, type, 0));
}

static void test_call(void)
{
    uint32_t flags;

    reset_task(&b, task_b, stack_b);
    set_tss(TSS_B, &b, 0x89, 103);
    target.sel = TSS_B;
    visits = 0;
    expect("CALL to a TSS", call_far, -1, 0);
    compare("task ran", visits, 1);
    compare("nested task has NT", seen_flags & 0x4000, 0x4000);
    compare("TR of the task", seen_tr, TSS_B);
    compare("CR0.TS", seen_cr0 & 8, 8);
    compare("link", b.link, TSS);
    compare("TSS free again", type_of(TSS_B), 9);
    compare("own TSS busy", type_of(TSS), 11);
    asm volatile("pushf; pop %0" : "=r"(flags));
    compare("NT clear after IRET", flags & 0x4000, 0);
    compare("old task's CS saved", tss.cs, KCODE);
    compare("task's NT cleared in its TSS", b.eflags & 0x4000, 0);
    expect("CALL again", call_far, -1, 0);
    compare("task went on", visits, 2);
}

static void test_jmp(void)
{
    reset_task(&c, task_c, stack_c);
    set_tss(TSS_C, &c, 0x89, 103);
    target.sel = TSS_C;
    visits = 0;
    expect("JMP to a TSS", jmp_far, -1, 0);
    compare("task ran by JMP", visits, 1);
    compare("JMP leaves NT alone", seen_flags & 0x4000, 0);
    compare("TSS is free after JMP away", type_of(TSS_C), 9);
    compare("own TSS is busy after JMP back", type_of(TSS), 11);
}

static void test_gates(void)
{
    set_gdt(GATE, gate(0, TSS_B, 0x85, 0));
    target.sel = GATE;
    visits = 0;
    reset_task(&b, task_b, stack_b);
    expect("CALL through a task gate", call_far, -1, 0);
    compare("task ran through the gate", visits, 1);
    set_idt(0x40, gate(0, TSS_B, 0x85, 0));
    expect("INT through a task gate", int_40, -1, 0);
    compare("task ran by INT", visits, 2);
    expect_user("task gate with DPL 0 from ring 3", int_40, GP, 0x40 * 8 + 2);
    set_gdt(GATE, gate(0, TSS_B, 0x05, 0));
    expect("task gate absent", call_far, NP, GATE);
    set_gdt(GATE, gate(0, 0, 0x85, 0));
    expect("task gate to null", call_far, GP, 0);
    set_gdt(GATE, gate(0, KDATA, 0x85, 0));
    expect("task gate to data", call_far, GP, KDATA);
    set_gdt(GATE, gate(0, TSS, 0x85, 0));
    expect("task gate to a busy TSS", call_far, GP, TSS);
    set_gdt(GATE, gate(0, 4 | 8, 0x85, 0));
    expect("task gate to the LDT", call_far, GP, 4 | 8);
    restore_idt();
}

/* An exception with an error code by task gate: the code is on the new task's stack. */
static void gp_task(void);
static void load_bad(void) { asm volatile("mov %w0, %%fs; nop" : : "r"(BEYOND)); }
static void gp_task(void)
{
    uint32_t sp;

    asm volatile("mov %%esp, %0" : "=r"(sp));
    seen_error = *(volatile uint32_t *)((uint32_t)stack_b + 4096 - 4);
    tss.eip += 2; /* over the MOV */
    visits++;
    (void)sp;
    asm volatile("mov %0, %%esp; add $4, %%esp; clts; iret" : : "r"((uint32_t)stack_b + 4096 - 4));
}

static void test_fault_by_gate(void)
{
    reset_task(&b, gp_task, stack_b);
    set_idt(GP, gate(0, TSS_B, 0x85, 0));
    visits = 0;
    expect("#GP by task gate", load_bad, -1, 0);
    compare("#GP task ran", visits, 1);
    compare("#GP task's error code", seen_error, BEYOND);
    CHECK(tss.eflags & 0x10000, "RF in the saved EFLAGS");
    restore_idt();
}

static void test_faults_before(void)
{
    target.sel = TSS;
    expect("JMP to the busy own TSS", jmp_far, GP, TSS);
    target.sel = TSS_B;
    reset_task(&b, task_b, stack_b);
    set_tss(TSS_B, &b, 0x09, 103);
    expect("TSS absent", call_far, NP, TSS_B);
    set_tss(TSS_B, &b, 0x89, 102);
    expect("TSS too short", call_far, TS, TSS_B);
    set_tss(TSS_B, &b, 0x8b, 103);
    expect("TSS busy", call_far, GP, TSS_B);
    set_tss(TSS_B, &b, 0x89, 103);
    expect_user("TSS with DPL 0 from ring 3", call_far, GP, TSS_B);
    set_tss(TSS_B, &b, 0x89, 103);
    compare("TR unchanged", get_tr(), TSS);
}

/* A fault in the new task's context: the handler sees the new TR. Then back by hand. */
static uint16_t fault_tr;
static bool hook(struct trap_frame *f)
{
    (void)f;
    fault_tr = get_tr();
    return false;
}

static void back_home(void)
{
    set_tss(TSS, &tss, 0x89, sizeof(tss) - 1);
    asm volatile("pushf; andl $~0x4000, (%%esp); popf; ltr %w0; clts; lldt %w1" : : "r"(TSS), "r"(0));
    tss.ss0 = KDATA;
}

static void after(const char *name, int vector, uint32_t error)
{
    set_tss(TSS_B, &b, 0x89, 103);
    target.sel = TSS_B;
    fault_tr = 0;
    trap_hook = hook;
    expect(name, call_far, vector, error);
    trap_hook = NULL;
    compare(name, fault_tr, TSS_B);
    back_home();
    reset_task(&b, task_b, stack_b);
}

static void test_faults_after(void)
{
    reset_task(&b, task_b, stack_b);
    b.ds = BEYOND;
    after("new DS beyond", TS, BEYOND);
    b.ds = S0;
    set_gdt(S0, descriptor(0, 0xfffff, 0x13, F_G | F_D));
    after("new DS absent", NP, S0);
    b.es = KCODE;
    set_gdt(S0, descriptor(0, 0xfffff, 0x99, F_G | F_D));
    b.es = S0;
    after("new ES execute-only", TS, S0);
    b.eip = 0x10;
    b.cs = S0;
    set_gdt(S0, descriptor(0, 0xf, 0x9b, F_D));
    after("new EIP beyond the limit", GP, 0);
}

/* --- 16-bit TSS: the task runs in a 16-bit code segment --- */
void task16(void);
asm(".code16; task16: incw %ax; clts; iret; jmp task16; .code32");

static void test_16(void)
{
    uint32_t base = (uint32_t)task16 & ~0xfffu;

    set_gdt(S0, descriptor(base, 0xffff, 0x9b, 0));
    set_gdt(S0 + 8, descriptor((uint32_t)stack_b, 0xfff, 0x93, 0));
    tss16.ip = (uint32_t)task16 - base;
    tss16.cs = S0;
    tss16.ss = S0 + 8;
    tss16.regs[4] = 0xffe;
    tss16.regs[0] = 41;
    tss16.flags = 2;
    tss16.ds = tss16.es = KDATA;
    set_gdt(TSS16, descriptor((uint32_t)&tss16, sizeof(tss16) - 1, 0x81, 0));
    target.sel = TSS16;
    expect("CALL to a 16-bit TSS", call_far, -1, 0);
    compare("16-bit task's AX", tss16.regs[0], 42);
    compare("16-bit TSS's link", tss16.link, TSS);
    compare("16-bit TSS is free", type_of(TSS16), 1);
    set_gdt(TSS16, descriptor((uint32_t)&tss16, 0x2a, 0x81, 0));
    expect("16-bit TSS too short", call_far, TS, TSS16);
}

static void test_t_bit(void)
{
    uint32_t dr6;

    reset_task(&b, task_b, stack_b);
    set_tss(TSS_B, &b, 0x89, 103);
    b.t = 1;
    target.sel = TSS_B;
    asm volatile("mov %0, %%dr6" : : "r"(0));
    expect("T bit", call_far, DB, 0);
    compare("T bit traps before the first instruction", caught.eip, (uint32_t)task_b);
    asm volatile("mov %%dr6, %0" : "=r"(dr6));
    compare("DR6.BT", dr6 & 0x8000, 0x8000);
    back_home();
}

static void iret_nt(void) { asm volatile("pushf; orl $0x4000, (%%esp); popf; iret; clts" : : : "memory"); }

static void test_iret(void)
{
    tss.link = 0;
    expect("IRET to a null link", iret_nt, TS, 0);
    asm volatile("pushf; andl $~0x4000, (%%esp); popf" : : : "memory");
    tss.link = KDATA;
    expect("IRET to data", iret_nt, TS, KDATA);
    tss.link = TSS_B;
    set_tss(TSS_B, &b, 0x89, 103);
    expect("IRET to a TSS that is not busy", iret_nt, TS, TSS_B);
    set_tss(TSS_B, &b, 0x0b, 103);
    expect("IRET to an absent TSS", iret_nt, NP, TSS_B);
    asm volatile("pushf; andl $~0x4000, (%%esp); popf" : : : "memory");
}

int main(void)
{
    test_call();
    test_jmp();
    test_gates();
    test_fault_by_gate();
    test_faults_before();
    test_faults_after();
    test_16();
    test_t_bit();
    test_iret();
    return 0;
}
