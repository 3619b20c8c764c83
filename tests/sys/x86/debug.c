/* SPDX-License-Identifier: MIT */
/*
 * Debug exceptions: single step, instruction, data and I/O breakpoints, RF, general detect, DR4 and
 * DR5, the shadow of MOV SS and STI; NMI where the machine offers the event port (F5h).
 * Intel SDM vol. 3B, chapter 18; vol. 3A, 6.8.
 */
#include "lib.h"

static inline void set_dr6(uint32_t v) { asm volatile("mov %0, %%dr6" : : "r"(v)); }
static inline uint32_t get_dr6(void) { uint32_t v; asm volatile("mov %%dr6, %0" : "=r"(v)); return v; }
static inline void set_dr7(uint32_t v) { asm volatile("mov %0, %%dr7" : : "r"(v)); }
static inline void set_dr0(uint32_t v) { asm volatile("mov %0, %%dr0" : : "r"(v)); }
static inline void set_dr1(uint32_t v) { asm volatile("mov %0, %%dr1" : : "r"(v)); }

/* All #DB are counted; the places of the first ones are kept. */
static unsigned hits;
static uint32_t hit_ip[16], hit_dr6[16], hit_flags[16];
static bool set_rf;
static bool on_db(struct trap_frame *f)
{
    if (f->vector != DB)
        return false;
    if (hits < 16) {
        hit_ip[hits] = f->eip;
        hit_dr6[hits] = get_dr6();
        hit_flags[hits] = f->eflags;
    }
    hits++;
    set_dr6(0);
    if (set_rf)
        f->eflags |= 0x10000;
    return true;
}

static void start(void)
{
    hits = 0;
    set_dr6(0);
    trap_hook = on_db;
}

extern char step_1[], step_2[], step_3[], ss_1[], ss_2[], bp_1[], bp_2[], data_1[], io_1[];

static __attribute__((noinline)) void single_step(void)
{
    asm volatile("pushf; orl $0x100, (%%esp); popf; step_1: nop; step_2: xor %%eax, %%eax; step_3:"
                 "pushf; andl $~0x100, (%%esp); popf; nop" : : : "eax");
}

static void test_step(void)
{
    start();
    single_step();
    CHECK(hits >= 4, "single steps");
    compare("no trap after the POPF that sets TF", hit_ip[0], (uint32_t)step_2);
    compare("second step", hit_ip[1], (uint32_t)step_3);
    compare("DR6.BS", hit_dr6[0] & 0xf00f, 0x4000);
    compare("TF in the frame", hit_flags[0] & 0x100, 0x100);
    compare("the POPF that clears TF traps too", hits, 5);
}

extern char int_1[];
static unsigned soft_ints;
static bool on_db_or_int(struct trap_frame *f)
{
    if (f->vector != 0x51)
        return on_db(f);
    soft_ints++;
    return true;
}

static __attribute__((noinline)) void step_over_int(void)
{
    asm volatile("pushf; orl $0x100, (%%esp); popf; int $0x51; nop; int_1: nop;"
                 "pushf; andl $~0x100, (%%esp); popf" : : : "memory");
}

static void test_int(void)
{
    start();
    trap_hook = on_db_or_int;
    step_over_int();
    compare("INT ran", soft_ints, 1);
    compare("INT is not stepped, what follows its IRET is", hit_ip[0], (uint32_t)int_1);
}

static __attribute__((noinline)) void step_over_ss(void)
{
    asm volatile("mov %%ss, %%ecx; pushf; orl $0x100, (%%esp); popf; ss_1: mov %%ecx, %%ss; nop; ss_2: nop;"
                 "pushf; andl $~0x100, (%%esp); popf" : : : "ecx");
}

static void test_ss_shadow(void)
{
    start();
    step_over_ss();
    compare("MOV SS holds the trap back", hit_ip[0], (uint32_t)ss_2);
}

extern char icebp_1[], icebp_2[], stepped_1[], stepped_2[];

/* The step of MOV SS is lost in the #DB of INT1, which has no bit of its own. */
static __attribute__((noinline)) void icebp_after_ss(void)
{
    asm volatile("mov %%ss, %%ecx; pushf; orl $0x100, (%%esp); popf; mov %%ecx, %%ss; .byte 0xf1; icebp_1: nop;"
                 "icebp_2: pushf; andl $~0x100, (%%esp); popf" : : : "ecx");
}

static void test_icebp(void)
{
    static uint32_t selector = KDATA;

    start();
    icebp_after_ss();
    compare("MOV SS, INT1 with TF: trap behind INT1", hit_ip[0], (uint32_t)icebp_1);
    compare("MOV SS, INT1 with TF: DR6", hit_dr6[0] & 0xf00f, 0);
    compare("MOV SS, INT1 with TF: next step", hit_ip[1], (uint32_t)icebp_2);
    start();
    set_dr0((uint32_t)&selector);
    set_dr7(0x000f0402); /* 4 bytes, reads too */
    asm volatile("mov %0, %%ss; .byte 0xf1" : : "m"(selector));
    set_dr7(0x400);
    compare("MOV SS hits a data breakpoint, INT1: one #DB", hits, 1);
    compare("MOV SS hits a data breakpoint, INT1: DR6", hit_dr6[0] & 0xf00f, 1);
}

/* Only MOV SS holds debug traps back. */
static __attribute__((noinline)) void test_sti_step(void)
{
    start();
    asm volatile("cli; pushf; orl $0x100, (%%esp); popf; sti; stepped_1: cli; stepped_2: pushf; andl $~0x100, (%%esp); popf"
                 : : : "memory");
    compare("STI is stepped", hit_ip[0], (uint32_t)stepped_1);
    compare("the instruction after STI is stepped", hit_ip[1], (uint32_t)stepped_2);
}

static __attribute__((noinline)) void code_bp(void);
static void test_stale_dr6(void)
{
    start();
    set_rf = true;
    set_dr0((uint32_t)bp_1);
    set_dr7(0x401);
    set_dr6(0x4006);
    code_bp();
    compare("a breakpoint clears the others' bits, not BS", hit_dr6[0] & 0xf00f, 0x4001);
    set_dr7(0x400);
    set_rf = false;
}

static __attribute__((noinline)) void code_bp(void)
{
    asm volatile("nop; bp_1: nop; bp_2: nop");
}

static void test_code(void)
{
    start();
    set_rf = true;
    set_dr0((uint32_t)bp_1);
    set_dr7(0x401);
    code_bp();
    compare("instruction breakpoint", hits, 1);
    compare("it is a fault", hit_ip[0], (uint32_t)bp_1);
    compare("DR6.B0", hit_dr6[0] & 0xf00f, 1);
    compare("RF is not set by the breakpoint itself", hit_flags[0] & 0x10000, 0);
    set_dr1((uint32_t)bp_2);
    set_dr7(0x405);
    start();
    code_bp();
    compare("two breakpoints", hits, 2);
    compare("DR6.B1", hit_dr6[1] & 0xf00f, 2);
    set_dr7(0x400);
    start();
    code_bp();
    compare("disabled", hits, 0);
    set_rf = false;
}

static uint32_t watched[4] __attribute__((aligned(16)));
static volatile uint32_t sink;

static __attribute__((noinline)) void write_watched(void)
{
    asm volatile("movl $5, %0; data_1: nop" : "=m"(watched[1]));
}
static __attribute__((noinline)) void write_below(void)
{
    asm volatile("movl $5, %0; nop" : : "m"(*(uint32_t *)((char *)watched + 1)));
}

static void test_data(void)
{
    set_dr0((uint32_t)&watched[1]);
    set_dr7(0x401 | 1 << 16 | 3 << 18); /* 4 bytes, writes */
    start();
    write_watched();
    compare("write watch", hits, 1);
    compare("it is a trap", hit_ip[0], (uint32_t)data_1);
    compare("DR6.B0 of a write", hit_dr6[0] & 0xf00f, 1);
    start();
    sink = *(volatile uint32_t *)&watched[1];
    compare("reads do not count", hits, 0);
    watched[0] = 1;
    watched[2] = 1;
    compare("neighbours do not count", hits, 0);
    write_below();
    compare("overlapping write", hits, 1);
    set_dr7(0x401 | 3 << 16 | 3 << 18);
    start();
    sink = *(volatile uint32_t *)&watched[1];
    compare("read and write watch", hits, 1);
    asm volatile("lock incl %0; nop" : "+m"(watched[1]));
    compare("locked access", hits, 2);
    asm volatile("push %0; pop %0" : "+m"(watched[1]));
    compare("PUSH and POP", hits, 4);
    set_dr7(0x401 | 1 << 16);
    start();
    ((volatile uint8_t *)watched)[5] = 1;
    compare("1 byte watch, next byte", hits, 0);
    ((volatile uint8_t *)watched)[4] = 1;
    compare("1 byte watch", hits, 1);
    set_dr7(0x400);
}

static __attribute__((noinline)) void test_io(void)
{
    set_cr4(get_cr4() | 8);
    set_dr0(0x402);
    set_dr7(0x401 | 2 << 16);
    start();
    asm volatile("inb %w0, %%al; io_1: nop" : : "d"(0x402) : "eax");
    compare("I/O breakpoint", hits, 1);
    compare("it is a trap, too", hit_ip[0], (uint32_t)io_1);
    set_dr7(0x400);
    set_cr4(get_cr4() & ~8u);
}

static void read_dr4(void) { asm volatile("mov %%dr4, %%eax" : : : "eax"); }
static void read_dr0(void) { asm volatile("mov %%dr0, %%eax" : : : "eax"); }

static void test_registers(void)
{
    trap_hook = NULL;
    expect("DR4 with DE clear", read_dr4, -1, 0);
    set_cr4(get_cr4() | 8);
    expect("DR4 with DE set", read_dr4, UD, 0);
    set_cr4(get_cr4() & ~8u);
    expect_user("DR0 in ring 3", read_dr0, GP, 0);
    set_dr6(0);
    set_dr7(0x2400);
    expect("general detect", read_dr0, DB, 0);
    compare("DR6.BD", get_dr6() & 0xf00f, 0x2000);
    compare("DR6 fixed bits", get_dr6() & ~0xf00fu, 0xffff0ff0);
    set_dr7(0);
    uint32_t v;
    asm volatile("mov %%dr7, %0" : "=r"(v));
    compare("DR7 fixed bits", v, 0x400);
}

/* --- interrupts from the event port --- */

static unsigned nmis, intrs;
static uint32_t event_ip[16];
static bool on_event(struct trap_frame *f)
{
    if (f->vector == NMI)
        event_ip[nmis++] = f->eip;
    else if (f->vector == 0x50)
        event_ip[4 + intrs++] = f->eip;
    else
        return false;
    return true;
}

extern char sti_1[], sti_2[], intr_cli[];

static __attribute__((noinline)) void test_events(void)
{
    trap_hook = on_event;
    outb(0xf5, 1);
    asm volatile("nop");
    if (!nmis) {
        print("no event port\n");
        return;
    }
    compare("NMI", nmis, 1);
    outb(0xf6, 0x50);
    outb(0xf5, 4);
    asm volatile("nop; nop");
    compare("INTR with IF clear", intrs, 0);
    asm volatile("sti; sti_1: nop; sti_2: nop; cli");
    compare("INTR after STI", intrs, 1);
    compare("one instruction later", event_ip[4], (uint32_t)sti_2);
    outb(0xf5, 4);
    asm volatile("sti; cli; nop");
    compare("STI CLI lets nothing through", intrs, 1);
    asm volatile("sti; nop; cli");
    compare("STI NOP CLI does", intrs, 2);
    outb(0xf5, 4);
    asm volatile("sti; jmp 1f; 1: cli");
    compare("STI JMP CLI does", intrs, 3);
    outb(0xf5, 4);
    asm volatile("sti; hlt; cli");
    compare("STI HLT wakes", intrs, 4);
    outb(0xf5, 4);
    asm volatile("pushf; orl $0x200, (%%esp); popf; nop; cli" : : : "memory");
    compare("POPF lets it in at once", intrs, 5);
}

int main(void)
{
    test_step();
    test_int();
    test_ss_shadow();
    test_icebp();
    test_sti_step();
    test_code();
    test_stale_dr6();
    test_data();
    test_io();
    test_registers();
    test_events();
    return 0;
}
