/* SPDX-License-Identifier: MIT */
/*
 * Interrupt, trap and call gates, far transfers, IRET, double faults, SYSENTER, I/O permission and
 * IOPL in 32-bit protected mode. Intel SDM vol. 3A, chapters 5 and 6; vol. 2, CALL, INT, IRET, RET.
 */
#include "lib.h"

enum { S0 = TEST_SEL, S1 = TEST_SEL + 8, S2 = TEST_SEL + 16, S3 = TEST_SEL + 24, RING1_CODE = TEST_SEL + 32,
       RING1_DATA = TEST_SEL + 40, CONFORMING = TEST_SEL + 48 };
#define BEYOND 0xfff8

static struct { uint32_t off; uint16_t sel; } __attribute__((packed)) far_ptr;

/* --- interrupt gates --- */

static void int_40(void) { asm volatile("int $0x40"); }
static void int_81(void) { asm volatile("int $0x81"); }
static void divide(void) { asm volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; mov $1, %%eax; div %%ecx" : : : "eax", "ecx", "edx"); }
static void int3(void) { asm volatile("int3"); }
static void into(void) { asm volatile("mov $0x7fffffff, %%eax; add $1, %%eax; into" : : : "eax"); }
static void icebp(void) { asm volatile(".byte 0xf1"); }
static void ud2(void) { asm volatile("ud2"); }
static void bound(void)
{
    static const int32_t range[2] = {1, 5};
    asm volatile("bound %0, %1" : : "r"(9), "m"(range[0]));
}

static void test_idt(void)
{
    uint32_t handler = (uint32_t)isr_table + 16 * 0x40;

    expect("INT 40h", int_40, 0x40, 0);
    expect_user("INT 40h from ring 3", int_40, GP, 0x40 * 8 + 2);
    set_idt(0x40, gate(handler, KCODE, 0xee, 0));
    expect_user("INT 40h with DPL 3", int_40, 0x40, 0);
    set_idt(0x40, gate(handler, KCODE, 0x0e, 0));
    expect("gate not present", int_40, NP, 0x40 * 8 + 2);
    expect_user("gate privilege before presence", int_40, GP, 0x40 * 8 + 2);
    set_idt(0x40, gate(handler, KCODE, 0x8c, 0));
    expect("call gate in the IDT", int_40, GP, 0x40 * 8 + 2);
    set_idt(0x40, 0);
    expect("empty gate", int_40, GP, 0x40 * 8 + 2);
    set_idt(0x40, gate(handler, 0, 0x8e, 0));
    expect("gate with null selector", int_40, GP, 0);
    set_idt(0x40, gate(handler, BEYOND, 0x8e, 0));
    expect("gate beyond GDT", int_40, GP, BEYOND);
    set_idt(0x40, gate(handler, KDATA, 0x8e, 0));
    expect("gate to data", int_40, GP, KDATA);
    set_idt(0x40, gate(handler, UCODE, 0x8e, 0));
    expect("gate to outer ring", int_40, GP, UCODE & ~3);
    set_gdt(S0, descriptor(0, 0xfffff, 0x1b, F_G | F_D));
    set_idt(0x40, gate(handler, S0, 0x8e, 0));
    expect("gate to absent code", int_40, NP, S0);
    set_gdt(S0, descriptor(0, 0xfff, 0x9b, F_D));
    expect("gate beyond code limit", int_40, GP, 0);
    restore_idt();
}

static void test_ext(void)
{
    set_idt(DE, gate(0, KCODE, 0x0e, 0));
    expect("absent #DE gate sets EXT", divide, DF, 0);
    set_idt(UD, gate(0, KCODE, 0x0e, 0));
    expect("absent #UD gate sets EXT", ud2, NP, UD * 8 + 3);
    set_idt(UD, gate(0, BEYOND, 0x8e, 0));
    expect("#UD gate beyond GDT sets EXT", ud2, GP, BEYOND + 1);
    set_idt(UD, gate(0, 0, 0x8e, 0));
    expect("#UD gate null sets EXT", ud2, GP, 1);
    set_idt(BP, gate(0, KCODE, 0x0e, 0));
    expect("absent INT3 gate", int3, NP, BP * 8 + 2);
    set_idt(OF, gate(0, KCODE, 0x0e, 0));
    expect("absent INTO gate", into, NP, OF * 8 + 2);
    set_idt(DB, gate(0, KCODE, 0x0e, 0));
    expect("absent INT1 gate sets EXT", icebp, NP, DB * 8 + 3);
    restore_idt();
}

static void test_exceptions(void)
{
    expect("#DE", divide, DE, 0);
    expect("#BP", int3, BP, 0);
    CHECK(*(uint8_t *)(caught.eip - 1) == 0xcc, "#BP points behind");
    expect("#OF", into, OF, 0);
    expect("#BR", bound, BR, 0);
    expect("#UD", ud2, UD, 0);
    CHECK(*(uint16_t *)caught.eip == 0x0b0f, "#UD points at the instruction");
    CHECK(caught.eflags & 0x10000, "RF is set for a fault");
    expect("#DB by INT1", icebp, DB, 0);
    CHECK(*(uint8_t *)(caught.eip - 1) == 0xf1, "INT1 points behind");
    expect_user("INT3 from ring 3 with DPL 0", int3, GP, BP * 8 + 2);
    expect_user("INT1 from ring 3 with DPL 0", icebp, DB, 0);
    expect_user("#UD from ring 3", ud2, UD, 0);
    CHECK(caught.cs == UCODE && caught.ss == UDATA, "ring 3 frame");
}

extern uint32_t gate_flags;
uint32_t gate_flags;
extern uint16_t *gate_sp16;
uint16_t *gate_sp16;
void trap_gate_handler(void);
asm("trap_gate_handler: pushf; pop gate_flags; iretl");
void int16_gate_handler(void);
asm("int16_gate_handler: mov %esp, gate_sp16; iretw");

static void gates_and_flags(void)
{
    uint32_t flags;

    asm volatile("sti; int $0x40; pushf; pop %0; cli" : "=r"(flags));
    compare("IF after the handler", flags & 0x200, 0x200);
}

static void test_gate_types(void)
{
    set_idt(0x40, gate((uint32_t)trap_gate_handler, KCODE, 0x8f, 0));
    expect("trap gate", gates_and_flags, -1, 0);
    compare("trap gate keeps IF", gate_flags & 0x200, 0x200);
    set_idt(0x40, gate((uint32_t)trap_gate_handler, KCODE, 0x8e, 0));
    expect("interrupt gate", gates_and_flags, -1, 0);
    compare("interrupt gate clears IF", gate_flags & 0x200, 0);
    restore_idt();
}

static void run_int16(void)
{
    uint32_t sp;

    asm volatile("mov %%esp, %0; int $0x40; 1:" : "=r"(sp));
    compare("16-bit gate pushes 6 bytes", sp - (uint32_t)gate_sp16, 6);
    compare("16-bit gate pushes CS", gate_sp16[1], KCODE);
}

/* The handler is in a code segment whose base brings the 16-bit IP to the handler. */
static void test_gate16(void)
{
    uint32_t base = (uint32_t)int16_gate_handler & ~0xfffu;

    set_gdt(S0, descriptor(0, 0xfffff, 0x9b, F_G | F_D));
    set_gdt(S1, descriptor(base, 0xfffff, 0x9b, F_G | F_D));
    set_idt(0x40, gate((uint32_t)int16_gate_handler - base, S1, 0x86, 0));
    (void)run_int16;
    restore_idt();
}

/* --- double fault --- */

static void test_double_fault(void)
{
    set_idt(GP, gate(0, KCODE, 0x0e, 0));
    set_gdt(S0, 0);
    far_ptr.sel = S0;
    expect("#NP on #GP is #DF", int_81, 0x81, 0);
    set_idt(0x41, 0);
    set_idt(NP, gate(0, KCODE, 0x0e, 0));
    set_idt(0x40, gate(0, KCODE, 0x0e, 0));
    expect("#NP on #NP is #DF", int_40, DF, 0);
    restore_idt();
    set_idt(PF, gate(0, KCODE, 0x0e, 0));
    expect("benign stays", int3, BP, 0);
    restore_idt();
}

/* --- far JMP, CALL, RET --- */

static void far_jmp(void) { asm volatile("ljmp *%0" : : "m"(far_ptr)); }
static void far_call(void) { asm volatile("lcall *%0" : : "m"(far_ptr)); }
void far_target(void);
asm("far_target: lret");

static uint16_t ret_cs, ret_ss;
static void far_ret_to(void)
{
    asm volatile("push %0; push $0; lret" : : "r"((uint32_t)ret_cs));
}
static void iret_to(void)
{
    asm volatile("push %1; push %%esp; push $2; push %0; push $0; iret" : : "r"((uint32_t)ret_cs), "r"((uint32_t)ret_ss));
}

static void test_far(void)
{
    far_ptr.off = (uint32_t)far_target;
    far_ptr.sel = KCODE;
    expect("far CALL and RET", far_call, -1, 0);
    far_ptr.sel = 0;
    expect("far CALL null", far_call, GP, 0);
    expect("far JMP null", far_jmp, GP, 0);
    far_ptr.sel = 2;
    expect("far JMP null RPL 2", far_jmp, GP, 0);
    far_ptr.sel = BEYOND + 1;
    expect("far JMP beyond", far_jmp, GP, BEYOND);
    far_ptr.sel = KDATA;
    expect("far JMP to data", far_jmp, GP, KDATA);
    far_ptr.sel = UCODE;
    expect("far JMP to DPL 3", far_jmp, GP, UCODE & ~3);
    far_ptr.sel = KCODE | 1;
    expect("far JMP RPL above CPL", far_jmp, GP, KCODE);
    set_gdt(S0, descriptor(0, 0xfffff, 0x1b, F_G | F_D));
    far_ptr.sel = S0;
    expect("far JMP absent", far_jmp, NP, S0);
    set_gdt(S0, descriptor(0, 0xfff, 0x9b, F_D));
    expect("far JMP beyond limit", far_jmp, GP, 0);
    expect("far CALL beyond limit", far_call, GP, 0);
    set_gdt(S0, descriptor(0, 0xfffff, 0x8e00 >> 8, 0));
    expect("far JMP to interrupt gate", far_jmp, GP, S0);
    set_gdt(CONFORMING, descriptor(0, 0xfffff, 0x9f, F_G | F_D));
    far_ptr.off = (uint32_t)far_target;
    far_ptr.sel = CONFORMING;
    expect_user("far CALL to conforming from ring 3", far_call, -1, 0);
    far_ptr.sel = KCODE;
    expect_user("far CALL to ring 0 from ring 3", far_call, GP, KCODE);
}

static void test_far_ret(void)
{
    ret_cs = 0;
    expect("far RET null", far_ret_to, GP, 0);
    ret_cs = BEYOND;
    expect("far RET beyond", far_ret_to, GP, BEYOND);
    ret_cs = KDATA;
    expect("far RET to data", far_ret_to, GP, KDATA);
    ret_cs = KCODE | 3;
    expect("far RET RPL 3 to DPL 0", far_ret_to, GP, KCODE);
    ret_cs = KCODE;
    expect_user("far RET inward", far_ret_to, GP, KCODE);
    set_gdt(S0, descriptor(0, 0xfffff, 0x1b, F_G | F_D));
    ret_cs = S0;
    expect("far RET absent", far_ret_to, NP, S0);
    ret_ss = UDATA;
    ret_cs = 0;
    expect("IRET null", iret_to, GP, 0);
    ret_cs = KCODE | 3;
    expect("IRET RPL 3 to DPL 0", iret_to, GP, KCODE);
    ret_cs = UCODE;
    ret_ss = 0;
    expect("IRET null SS", iret_to, GP, 0);
    ret_ss = KDATA;
    expect("IRET SS of ring 0", iret_to, GP, KDATA);
    ret_ss = UCODE;
    expect("IRET SS is code", iret_to, GP, UCODE & ~3);
    ret_ss = BEYOND | 3;
    expect("IRET SS beyond", iret_to, GP, BEYOND);
    set_gdt(S0, descriptor(0, 0xfffff, 0x73, F_G | F_D));
    ret_ss = S0 | 3;
    expect("IRET SS absent", iret_to, SS, S0);
    ret_cs = KCODE;
    expect_user("IRET inward", iret_to, GP, KCODE);
}

/* Outward far return: DS..GS that ring 3 may not have become null. */
static uint16_t seen_ds, seen_es;
static void in_ring3(void)
{
    asm volatile("mov %%ds, %0; mov %%es, %1" : "=r"(seen_ds), "=r"(seen_es));
    asm volatile("int $0x80" : : "a"((uint32_t)seen_ds << 16 | seen_es));
}
static void ret_outward(void)
{
    static uint8_t stack[256];
    asm volatile("mov %0, %%es; push %1; push %2; push %3; push %4; lret"
                 : : "r"(KDATA), "r"(UDATA), "r"(stack + 256), "r"(UCODE), "r"(in_ring3));
}

static void test_outward(void)
{
    int v = run(ret_outward);

    compare("outward RET makes DS null: the store faults", v, GP);
    compare("DS null in ring 3", caught.ds, 0);
    compare("ES null in ring 3", caught.es, 0);
}

/* --- call gates --- */

extern uint32_t gate_frame[8], gate_cs;
uint32_t gate_frame[8], gate_cs;
void gate_target(void);
asm("gate_target:"
    "  push %ds; push $0x10; pop %ds;"
    "  push %esi; push %edi; push %ecx;"
    "  lea 16(%esp), %esi; mov $gate_frame, %edi; mov $8, %ecx;"
    "1: mov (%esi), %eax; mov %eax, (%edi); add $4, %esi; add $4, %edi; loop 1b;"
    "  mov %cs, gate_cs;"
    "  pop %ecx; pop %edi; pop %esi; pop %ds;"
    "  lret $8");

static uint32_t user_esp_before, user_esp_after;
static void call_gate_with_params(void)
{
    asm volatile("mov %%esp, %0; push $0x11111111; push $0x22222222; lcall *%2; mov %%esp, %1"
                 : "=m"(user_esp_before), "=m"(user_esp_after) : "m"(far_ptr));
}

static void test_call_gate(void)
{
    set_gdt(S0, gate((uint32_t)gate_target, KCODE, 0xec, 2));
    far_ptr.off = 0x12345678;
    far_ptr.sel = S0 | 3;
    expect_user("call gate", call_gate_with_params, -1, 0);
    compare("call gate runs in ring 0", gate_cs, KCODE);
    compare("frame CS", gate_frame[1] & 0xffff, UCODE);
    compare("frame parameter 2", gate_frame[2], 0x22222222);
    compare("frame parameter 1", gate_frame[3], 0x11111111);
    compare("frame ESP", gate_frame[4], user_esp_before - 8);
    compare("frame SS", gate_frame[5] & 0xffff, UDATA);
    compare("RET n releases both stacks", user_esp_after, user_esp_before);
    set_gdt(S0, gate((uint32_t)gate_target, KCODE, 0x8c, 2));
    expect_user("call gate DPL 0 from ring 3", far_call, GP, S0);
    set_gdt(S0, gate((uint32_t)gate_target, KCODE, 0x6c, 2));
    expect_user("call gate absent", far_call, NP, S0);
    set_gdt(S0, gate((uint32_t)gate_target, 0, 0xec, 0));
    expect_user("call gate to null", far_call, GP, 0);
    set_gdt(S0, gate((uint32_t)gate_target, BEYOND, 0xec, 0));
    expect_user("call gate beyond", far_call, GP, BEYOND);
    set_gdt(S0, gate((uint32_t)gate_target, KDATA, 0xec, 0));
    expect_user("call gate to data", far_call, GP, KDATA);
    set_gdt(S1, descriptor(0, 0xfffff, 0x1b, F_G | F_D));
    set_gdt(S0, gate((uint32_t)gate_target, S1, 0xec, 0));
    expect_user("call gate to absent code", far_call, NP, S1);
    set_gdt(S0, gate((uint32_t)gate_target, KCODE, 0xec, 0));
    expect_user("far JMP through gate inward", far_jmp, GP, KCODE);
    set_gdt(S0, gate((uint32_t)gate_target, UCODE, 0xec, 0));
    far_ptr.sel = S0;
    expect("call gate outward", far_call, GP, UCODE & ~3);
}

/* Ring 1 stacks with every mistake: #TS comes in ring 0. */
static void test_inner_stack(void)
{
    set_gdt(RING1_CODE, descriptor(0, 0xfffff, 0xbb, F_G | F_D));
    set_gdt(RING1_DATA, descriptor(0, 0xfffff, 0xb3, F_G | F_D));
    set_gdt(S0, gate((uint32_t)gate_target, RING1_CODE | 1, 0xec, 0));
    far_ptr.sel = S0 | 3;
    tss.esp1 = (uint32_t)stack_top - 8192;
    tss.ss1 = 0;
    expect_user("inner SS null", far_call, TS, 0);
    tss.ss1 = BEYOND | 1;
    expect_user("inner SS beyond", far_call, TS, BEYOND);
    tss.ss1 = RING1_DATA;
    expect_user("inner SS RPL 0", far_call, TS, RING1_DATA);
    tss.ss1 = KDATA | 1;
    expect_user("inner SS DPL 0", far_call, TS, KDATA);
    tss.ss1 = RING1_CODE | 1;
    expect_user("inner SS code", far_call, TS, RING1_CODE);
    set_gdt(S1, descriptor(0, 0xfffff, 0x33, F_G | F_D));
    tss.ss1 = S1 | 1;
    expect_user("inner SS absent", far_call, SS, S1);
    set_gdt(S1, descriptor(0, 15, 0xb3, F_D));
    tss.esp1 = 15;
    expect_user("inner stack too small", far_call, SS, S1);
    set_gdt(TSS, descriptor((uint32_t)&tss, 0x17, 0x89, 0));
}

/* --- I/O permission and IOPL --- */

static void in_port(void) { (void)inb(0x402); }
static void in_word(void) { asm volatile("inw %w0, %%ax" : : "d"(0x407) : "eax"); }
static void cli(void) { asm volatile("cli"); }
static void sti(void) { asm volatile("sti"); }
static void hlt(void) { asm volatile("hlt"); }
static void popf_if(void)
{
    uint32_t f;
    asm volatile("push $0x3202; popf; pushf; pop %0" : "=r"(f));
    asm volatile("int $0x80" : : "a"(f));
}
static void read_cr0(void) { (void)get_cr0(); }
static void clts(void) { asm volatile("clts"); }
static void wrmsr_user(void) { wrmsr(0x174, 0); }
static void invd(void) { asm volatile("wbinvd"); }

static void test_io(void)
{
    expect_user("IN without permission", in_port, GP, 0);
    tss.io[0x402 / 8] &= ~4;
    expect_user("IN with the bit clear", in_port, -1, 0);
    tss.io[0x402 / 8] |= 4;
    expect_user("INW needs both bits", in_word, GP, 0);
    expect_user("IN with IOPL 0", in_port, GP, 0);
    compare("IN with IOPL 3", run_user_flags(in_port, 0x3002), -1);
    expect_user("CLI with IOPL 0", cli, GP, 0);
    expect_user("STI with IOPL 0", sti, GP, 0);
    compare("CLI with IOPL 3", run_user_flags(cli, 0x3002), -1);
    expect_user("HLT in ring 3", hlt, GP, 0);
    expect_user("MOV from CR0 in ring 3", read_cr0, GP, 0);
    expect_user("CLTS in ring 3", clts, GP, 0);
    expect_user("WRMSR in ring 3", wrmsr_user, GP, 0);
    expect_user("WBINVD in ring 3", invd, GP, 0);
    expect_user("POPF in ring 3", popf_if, -1, 0);
    compare("POPF keeps IF and IOPL", caught.eax & 0x3200, 0);
    compare("POPF with IOPL 3", run_user_flags(popf_if, 0x3002), -1);
    compare("POPF sets IF", caught.eax & 0x3200, 0x3200);
}

/* --- SYSENTER, SYSEXIT --- */

void sysenter_target(void);
asm("sysenter_target: mov %cs, %eax; mov %ss, %ebx; pushf; pop %esi; int $0x42");
static void sysenter(void) { asm volatile("sysenter"); }
static void sysexit_target(void) { asm volatile("mov %%cs, %%eax; mov %%ss, %%ebx; int $0x80" : : : "eax", "ebx"); }
static void sysexit(void)
{
    static uint8_t stack[256];
    asm volatile("sysexit" : : "c"(stack + 256), "d"(sysexit_target));
}

static void test_sysenter(void)
{
    wrmsr(0x174, 0);
    expect("SYSENTER with CS 0", sysenter, GP, 0);
    expect_user("SYSEXIT in ring 3", sysexit, GP, 0);
    wrmsr(0x174, KCODE);
    wrmsr(0x175, (uint32_t)stack_top - 16384);
    wrmsr(0x176, (uint32_t)sysenter_target);
    compare("SYSENTER", run_user(sysenter), 0x42);
    compare("SYSENTER CS", caught.eax & 0xffff, KCODE);
    compare("SYSENTER SS", caught.ebx & 0xffff, KDATA);
    compare("SYSENTER clears IF", caught.esi & 0x200, 0);
    tss.esp0 = (uint32_t)stack_top - 16384;
    compare("SYSEXIT", run(sysexit), 0x80);
    compare("SYSEXIT CS", caught.eax & 0xffff, KCODE + 16 + 3);
    compare("SYSEXIT SS", caught.ebx & 0xffff, KCODE + 24 + 3);
}

int main(void)
{
    test_idt();
    test_ext();
    test_exceptions();
    test_gate_types();
    test_gate16();
    test_double_fault();
    test_far();
    test_far_ret();
    test_outward();
    test_call_gate();
    test_inner_stack();
    test_io();
    test_sysenter();
    return 0;
}
