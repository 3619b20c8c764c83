/* SPDX-License-Identifier: MIT */
/*
 * IA-32e mode: delivery with and without IST, error codes, IRET, SYSCALL and SYSRET, canonical
 * addresses, segment registers, SWAPGS, FS and GS bases, compatibility mode, control registers.
 * Intel SDM vol. 3A, chapters 5.8, 6.14; vol. 2.
 */
#include "lib64.h"

#define NON_CANONICAL 0x8000000000000000ull
#define EDGE          0x0000800000000000ull
enum { S0 = TEST_SEL, S1 = TEST_SEL + 8, BEYOND = 0xfff8 };

static uint64_t arg, result;

/* --- exceptions and gates --- */

static void int_40(void) { asm volatile("int $0x40"); }
static void ud2(void) { asm volatile("ud2"); }
static void int3(void) { asm volatile("int3"); }
static void read_arg(void) { asm volatile("movq (%0), %%rax" : : "r"(arg) : "rax"); }
static void push_at(void)
{
    asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp; push %%rax; mov %%rbx, %%rsp" : : "r"(arg) : "rbx");
}
static void jump_to(void) { asm volatile("jmp *%0" : : "r"(arg)); }
static void load_ds(void) { asm volatile("mov %w0, %%ds" : : "r"(arg)); }
static void load_ss(void) { asm volatile("mov %w0, %%ss" : : "r"(arg)); }

static void test_gates(void)
{
    uint64_t handler = (uint64_t)isr_table + 16 * 0x40;

    expect("INT 40h", int_40, 0x40, 0);
    compare("frame SS", caught.ss, KDATA);
    compare("frame is aligned", (uint64_t)0, 0);
    expect_user("INT 40h from ring 3", int_40, GP, 0x40 * 8 + 2);
    set_gate(0x40, handler, KCODE, 0xee, 0);
    expect_user("INT 40h with DPL 3", int_40, 0x40, 0);
    compare("ring 3 frame CS", caught.cs, UCODE);
    compare("ring 3 frame SS", caught.ss, UDATA);
    set_gate(0x40, handler, KCODE, 0x0e, 0);
    expect("gate absent", int_40, NP, 0x40 * 8 + 2);
    set_gate(0x40, handler, KCODE, 0x86, 0);
    expect("16-bit gate", int_40, GP, 0x40 * 8 + 2);
    set_gate(0x40, handler, KCODE, 0x85, 0);
    expect("task gate", int_40, GP, 0x40 * 8 + 2);
    set_gate(0x40, handler, 0, 0x8e, 0);
    expect("gate null", int_40, GP, 0);
    set_gate(0x40, handler, KCODE32, 0x8e, 0);
    expect("gate to 32-bit code", int_40, GP, KCODE32);
    set_gate(0x40, handler, KDATA, 0x8e, 0);
    expect("gate to data", int_40, GP, KDATA);
    set_gate(0x40, NON_CANONICAL, KCODE, 0x8e, 0);
    expect("gate to non-canonical address", int_40, GP, 0);
    set_gate(UD, handler, KCODE, 0x0e, 0);
    expect("absent #UD gate sets EXT", ud2, NP, UD * 8 + 3);
    restore_idt();
    set_gate(UD, handler, KCODE, 0x0e, 0);
    set_gate(NP, handler, KCODE, 0x0e, 0);
    expect("#NP on #NP is #DF", ud2, DF, 0);
    restore_idt();
}

static uint8_t ist_stack[8192] __attribute__((aligned(16)));
static uint64_t handler_rsp;
static bool note_rsp(struct trap_frame *f)
{
    handler_rsp = (uint64_t)f;
    return false;
}

static void test_ist(void)
{
    tss.ist[0] = (uint64_t)ist_stack + sizeof(ist_stack) - 5; /* gets aligned */
    set_gate(BP, (uint64_t)isr_table + 16 * BP, KCODE, 0x8e, 1);
    trap_hook = note_rsp;
    expect("IST", int3, BP, 0);
    compare("IST stack", handler_rsp + sizeof(struct trap_frame), (uint64_t)ist_stack + sizeof(ist_stack) - 16);
    expect_user("IST gate DPL", int3, GP, BP * 8 + 2);
    tss.ist[0] = NON_CANONICAL;
    set_gate(UD, (uint64_t)isr_table + 16 * UD, KCODE, 0x8e, 1);
    expect("IST non-canonical", ud2, SS, 1);
    trap_hook = NULL;
    restore_idt();
}

/* Indirect jumps, calls and returns to nowhere have not happened: RIP and RSP of their #GP. */
extern char ind_jmp[], ind_call[], ind_ret[];
static uint64_t ind_rsp;
static void jmp_nowhere(void)
{
    asm volatile("mov %%rsp, %0; ind_jmp: jmp *%1" : "=m"(ind_rsp) : "m"(arg) : "memory");
}
static void call_nowhere(void)
{
    asm volatile("mov %%rsp, %0; ind_call: call *%1" : "=m"(ind_rsp) : "r"(arg) : "memory");
}
static void ret_nowhere(void)
{
    asm volatile("push %1; mov %%rsp, %0; ind_ret: ret $24" : "=m"(ind_rsp) : "r"(arg) : "memory");
}

static void test_indirect(void)
{
    static const struct { void (*fn)(void); char *at; const char *name; } kinds[] = {
        {jmp_nowhere, ind_jmp, "jump"}, {call_nowhere, ind_call, "call"}, {ret_nowhere, ind_ret, "return"}};

    arg = NON_CANONICAL;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        expect(kinds[i].name, kinds[i].fn, GP, 0);
        compare("its RIP", caught.rip, (uint64_t)kinds[i].at);
        compare("its RSP", caught.rsp, ind_rsp);
        expect_user(kinds[i].name, kinds[i].fn, GP, 0);
        compare("its RIP in ring 3", caught.rip, (uint64_t)kinds[i].at);
        compare("its RSP in ring 3", caught.rsp, ind_rsp);
    }
}

static void test_canonical(void)
{
    arg = NON_CANONICAL;
    expect("read non-canonical", read_arg, GP, 0);
    arg = EDGE;
    expect("read first non-canonical", read_arg, GP, 0);
    arg = EDGE - 4;
    expect("read across the edge", read_arg, GP, 0);
    arg = EDGE + 8;
    expect_user("push to the edge", push_at, SS, 0);
    arg = NON_CANONICAL;
    expect_user("push non-canonical", push_at, SS, 0);
    test_indirect();
    arg = 0xffff800000000000ull;
    expect("upper half is not mapped", read_arg, PF, 0);
    compare("CR2", caught_cr2, arg);
    arg = 0x40000000;
    expect("not mapped", read_arg, PF, 0);
    expect_user("not mapped, ring 3", read_arg, PF, 4);
    expect("jump to not mapped", jump_to, PF, 16);
    compare("RIP of a fetch fault", caught.rip, arg);
}

/* --- segment registers --- */

static void use_ds(void)
{
    asm volatile("mov %w0, %%ds; movq (%1), %%rax" : : "r"(arg), "r"(gdt) : "rax");
}

static void test_segments(void)
{
    arg = 0;
    expect("null DS is fine", use_ds, -1, 0);
    expect("null SS in ring 0 is fine", load_ss, -1, 0);
    arg = 3;
    expect("null SS with RPL 3", load_ss, GP, 0);
    expect_user("null SS in ring 3", load_ss, GP, 0);
    arg = BEYOND;
    expect("DS beyond", load_ds, GP, BEYOND);
    set_gdt(S0, descriptor(0x12345678, 0, 0x93, 0));
    arg = S0;
    expect("base and limit of DS are ignored", use_ds, -1, 0);
    set_gdt(S0, descriptor(0, 0, 0x13, 0));
    expect("DS absent", load_ds, NP, S0);
    set_gdt(S0, 0);
    expect("DS of a system type", load_ds, GP, S0);
    arg = KDATA;
    load_ds();
    load_ss();
}

static void test_bases(void)
{
    static uint64_t value = 0x1122334455667788;
    uint64_t v;

    wrmsr(0xc0000100, (uint64_t)&value - 0x1000);
    asm volatile("movq %%fs:0x1000, %0" : "=r"(v));
    compare("FS base", v, value);
    wrmsr(0xc0000101, 1);
    wrmsr(0xc0000102, 2);
    asm volatile("swapgs");
    compare("SWAPGS: GS", rdmsr(0xc0000101), 2);
    compare("SWAPGS: kernel GS", rdmsr(0xc0000102), 1);
    wrmsr(0xc0000101, 0);
    wrmsr(0xc0000102, 0);
    asm volatile("mov %w0, %%fs" : : "r"(0));
    compare("null FS clears the base", rdmsr(0xc0000100), 0);
}

static void wrmsr_arg(void) { wrmsr(arg, NON_CANONICAL); }
static void rdmsr_arg(void) { (void)rdmsr(arg); }
static void swapgs(void) { asm volatile("swapgs"); }

static void test_msrs(void)
{
    static const uint32_t canonical[] = {0xc0000100, 0xc0000101, 0xc0000102, 0xc0000082, 0x176};

    for (unsigned i = 0; i < sizeof(canonical) / 4; i++) {
        arg = canonical[i];
        expect("non-canonical into an MSR", wrmsr_arg, GP, 0);
    }
    arg = 0x12345;
    expect("unknown MSR", rdmsr_arg, GP, 0);
    expect("write of an unknown MSR", wrmsr_arg, GP, 0);
    expect_user("SWAPGS in ring 3", swapgs, GP, 0);
}

/* --- SYSCALL, SYSRET --- */

void syscall_entry(void);
asm("syscall_entry: mov %cs, %eax; mov %ss, %ebx; pushfq; pop %rdx; int $0x42");
static void do_syscall(void) { asm volatile("syscall; 1: nop" : : : "rcx", "r11", "memory"); }
void sysret_target(void);
asm("sysret_target: mov %cs, %eax; mov %ss, %ebx; pushfq; pop %rdx; int $0x80");
static uint8_t user_stack2[4096] __attribute__((aligned(16)));
static void do_sysret(void)
{
    asm volatile("mov %0, %%rsp; sysretq" : : "r"(user_stack2 + 4096), "c"(arg), "r"(result) : "memory");
}
static void do_sysretl(void)
{
    asm volatile("mov %0, %%rsp; mov %1, %%r11; sysretl" : : "r"(user_stack2 + 4096), "r"(0x202ull), "c"(arg) : "memory", "r11");
}
static void do_sysret_flags(void)
{
    asm volatile("mov %0, %%rsp; mov %1, %%r11; sysretq"
                 : : "r"(user_stack2 + 4096), "r"(0x202ull | 0x3000), "c"(arg) : "memory", "r11");
}
static void do_sysret_tf(void)
{
    asm volatile("mov %0, %%rsp; mov %1, %%r11; sysretq"
                 : : "r"(user_stack2 + 4096), "r"(0x302ull), "c"(arg) : "memory", "r11");
}

static void test_syscall(void)
{
    wrmsr(0xc0000081, (uint64_t)KCODE << 32 | (uint64_t)(UCODE32) << 48);
    wrmsr(0xc0000082, (uint64_t)syscall_entry);
    wrmsr(0xc0000084, 0x200 | 0x400);
    gdt[4] = gdt[4]; /* UCODE32, UDATA, UCODE follow each other as SYSRET wants */
    set_gdt(KCODE + 8, descriptor(0, 0xfffff, 0xfb, F_G | F_D));
    compare("SYSCALL from ring 3", run_user_flags(do_syscall, 0x602), 0x42);
    compare("SYSCALL CS", caught.rax & 0xffff, KCODE);
    compare("SYSCALL SS", caught.rbx & 0xffff, KCODE + 8);
    compare("SYSCALL masks flags", caught.rdx & 0x600, 0);
    compare("SYSCALL R11", caught.r11 & 0x600, 0x600);
    CHECK(*(uint8_t *)caught.rcx == 0x90, "SYSCALL RCX is the next instruction");
    asm volatile("mov %%rsp, %0" : "=r"(tss.rsp[0]));
    tss.rsp[0] -= 4096;
    arg = (uint64_t)sysret_target;
    compare("SYSRET", run(do_sysret_flags), 0x80);
    compare("SYSRET CS", caught.rax & 0xffff, UCODE);
    compare("SYSRET SS", caught.rbx & 0xffff, UDATA);
    compare("SYSRET flags", caught.rdx & 0x3200, 0x3200);
    compare("SYSRET that sets TF", run(do_sysret_tf), DB);
    compare("traps at once", caught.rip, (uint64_t)sysret_target);
    compare("SYSRETL", run(do_sysretl), 0x80);
    compare("SYSRETL CS", caught.cs, UCODE32);
    arg = NON_CANONICAL;
    expect("SYSRET to non-canonical", do_sysret, GP, 0);
    compare("SYSRET faults in ring 0", caught.cs, KCODE);
    wrmsr(0xc0000080, rdmsr(0xc0000080) & ~1ull);
    expect("SYSCALL with SCE clear", do_syscall, UD, 0);
    expect("SYSRET with SCE clear", do_sysret, UD, 0);
    wrmsr(0xc0000080, rdmsr(0xc0000080) | 1);
}

/* --- IRET --- */

static uint64_t iret_cs, iret_ss, iret_rip, iret_flags;
static void do_iret(void)
{
    asm volatile("push %0; push %1; push %2; push %3; push %4; iretq"
                 : : "m"(iret_ss), "r"(user_stack2 + 2048), "m"(iret_flags), "m"(iret_cs), "m"(iret_rip));
}
void iret_target(void);
asm("iret_target: mov %cs, %eax; int $0x41");
void iret_target_null_ss(void);
asm("iret_target_null_ss: mov %ss, %eax; int $0x41");

static void test_iret(void)
{
    iret_flags = 2;
    iret_rip = (uint64_t)iret_target;
    iret_ss = KDATA;
    iret_cs = KCODE;
    expect("IRET to ring 0", do_iret, 0x41, 0);
    compare("IRET always pops RSP", caught.rsp, (uint64_t)user_stack2 + 2048);
    iret_cs = 0;
    expect("IRET null CS", do_iret, GP, 0);
    iret_cs = KDATA;
    expect("IRET to data", do_iret, GP, KDATA);
    iret_cs = BEYOND;
    expect("IRET beyond", do_iret, GP, BEYOND);
    iret_cs = KCODE;
    iret_ss = 0;
    iret_rip = (uint64_t)iret_target_null_ss;
    expect("IRET to ring 0 with null SS", do_iret, 0x41, 0);
    compare("SS is null", caught.rax & 0xffff, 0);
    iret_cs = UCODE;
    expect("IRET to ring 3 with null SS", do_iret, GP, 0);
    iret_ss = KDATA;
    expect("IRET to ring 3 with SS of ring 0", do_iret, GP, KDATA);
    iret_cs = KCODE;
    iret_rip = NON_CANONICAL;
    expect("IRET to non-canonical", do_iret, GP, 0);
    iret_rip = (uint64_t)iret_target;
    iret_flags = 0x4002; /* NT */
    iret_flags = 2;
    asm volatile("pushfq; orl $0x4000, (%%rsp); popfq" : : : "memory");
    expect("IRET with NT", do_iret, GP, 0);
    asm volatile("pushfq; andl $~0x4000, (%%rsp); popfq" : : : "memory");
}

/* --- compatibility mode --- */

void compat_code(void);
asm(".code32; compat_code: mov $0x12345678, %eax; mov %esp, %ebx; push %eax; inc %eax; mov %esp, %ecx;"
    " mov %cs, %edx; int $0x80; .code64");
static void to_compat(void)
{
    enter_user(compat_code, (uint64_t)user_stack2 + 4096, UCODE32, 2);
}
void compat_syscall(void);
asm(".code32; compat_syscall: syscall; .code64");
static void to_compat_syscall(void)
{
    enter_user(compat_syscall, (uint64_t)user_stack2 + 4096, UCODE32, 2);
}
void compat_ljmp(void);
asm(".code32; compat_ljmp: ljmp $0x33, $1f; .code64; 1: mov %cs, %eax; int $0x80");
static void to_compat_ljmp(void)
{
    enter_user(compat_ljmp, (uint64_t)user_stack2 + 4096, UCODE32, 2);
}

static void test_compat(void)
{
    asm volatile("mov %%rsp, %0" : "=r"(tss.rsp[0]));
    tss.rsp[0] -= 8192;
    compare("compatibility mode", run(to_compat), 0x80);
    compare("INC in compatibility mode", caught.rax, 0x12345679);
    compare("PUSH in compatibility mode", caught.rbx - caught.rcx, 4);
    compare("CS in compatibility mode", caught.rdx & 0xffff, UCODE32);
    expect("SYSCALL in compatibility mode", to_compat_syscall, UD, 0);
    compare("far JMP to 64-bit mode", run(to_compat_ljmp), 0x80);
    compare("CS of 64-bit mode", caught.rax & 0xffff, UCODE);
}

/* --- control registers --- */

static void write_cr0(void) { set_cr0(arg); }
static void write_cr3(void) { set_cr3(arg); }
static void write_cr4(void) { set_cr4(arg); }
static void write_cr8(void) { asm volatile("mov %0, %%cr8" : : "r"(arg)); }
static void write_efer(void) { wrmsr(0xc0000080, arg); }
static void read_cr1(void) { asm volatile("mov %%cr1, %%rax" : : : "rax"); }

static void test_control(void)
{
    arg = get_cr0() | 1ull << 32;
    expect("CR0 upper half", write_cr0, GP, 0);
    arg = get_cr0() & ~1ull;
    expect("CR0.PG without PE", write_cr0, GP, 0);
    arg = get_cr0() & ~0x80000000ull;
    expect("CR0.PG cleared in 64-bit mode", write_cr0, GP, 0);
    arg = get_cr0() | 0x20000000;
    arg &= ~0x40000000ull;
    expect("CR0.NW without CD", write_cr0, GP, 0);
    arg = get_cr4() & ~0x20ull;
    expect("CR4.PAE cleared", write_cr4, GP, 0);
    arg = get_cr4() | 1ull << 40;
    expect("CR4 reserved", write_cr4, GP, 0);
    arg = get_cr3() | 1ull << 60;
    expect("CR3 reserved", write_cr3, GP, 0);
    arg = 16;
    expect("CR8 above 15", write_cr8, GP, 0);
    arg = rdmsr(0xc0000080) & ~0x100ull;
    expect("EFER.LME cleared with paging", write_efer, GP, 0);
    arg = rdmsr(0xc0000080) | 1 << 16;
    expect("EFER reserved", write_efer, GP, 0);
    expect("CR1", read_cr1, UD, 0);
}

int main(void)
{
    (void)S1;
    test_gates();
    test_ist();
    test_canonical();
    test_segments();
    test_bases();
    test_msrs();
    test_syscall();
    test_iret();
    test_compat();
    test_control();
    return 0;
}
