/* SPDX-License-Identifier: MIT */
/*
 * Virtual-8086 mode: entry by IRET, frames of traps out of it, IOPL-sensitive instructions, limits,
 * I/O permission, what is #UD, and the virtual-mode extensions (CR4.VME). Intel SDM vol. 3B,
 * chapter 21.
 */
#include "lib.h"

enum { VM = 0x20000, IOPL3 = 0x3000, IF = 0x200, VIF = 0x80000, VIP = 0x100000, TF = 0x100 };
#define CODE 0x8000 /* linear and offset in segment 0 */

void enter_vm86(uint32_t cs, uint32_t ip, uint32_t sp, uint32_t flags) __attribute__((noreturn));
asm("enter_vm86: mov 4(%esp), %eax; mov 8(%esp), %ebx; mov 12(%esp), %ecx; mov 16(%esp), %edx;"
    " push $0x600; push $0x500; push $0x400; push $0x300; push $0x100; push %ecx; push %edx; push %eax; push %ebx; iretl");

static const uint8_t *code;
static unsigned code_len;
static uint32_t flags, start_cs, start_ip;

static void go(void)
{
    uint8_t *to = (uint8_t *)CODE;

    for (unsigned i = 0; i < 64; i++)
        to[i] = i < code_len ? code[i] : 0xf4; /* HLT */
    asm volatile("mov %%esp, %0" : "=m"(tss.esp0));
    tss.esp0 -= 256;
    enter_vm86(start_cs, start_ip, 0x200, flags | VM | 2);
}

/* Runs the bytes; every program ends with #GP at a HLT unless something else is expected. */
static int vm(const uint8_t *bytes, unsigned len, uint32_t f)
{
    code = bytes;
    code_len = len;
    flags = f;
    start_cs = 0;
    start_ip = CODE;
    return run(go);
}

static void check(const char *name, const uint8_t *bytes, unsigned len, uint32_t f, int vector, uint32_t error,
                  uint32_t ip)
{
    int got = vm(bytes, len, f);

    report(got == vector && caught.error == error && (caught.eip & 0xffff) == CODE + ip, name,
           "trap %x error %x ip %x, not %x %x %x", got, caught.error, caught.eip, vector, error, CODE + ip);
}
#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void test_basics(void)
{
    check("MOV AX", BYTES(0xb8, 0x34, 0x12), 0, GP, 0, 3);
    compare("AX", caught.eax & 0xffff, 0x1234);
    CHECK(caught.eflags & VM, "VM is in the pushed EFLAGS");
    compare("pushed CS", caught.cs & 0xffff, 0);
    compare("pushed SS", caught.ss & 0xffff, 0x100);
    compare("pushed ESP", caught.esp & 0xffff, 0x200);
    compare("pushed ES", caught.vm_es & 0xffff, 0x300);
    compare("pushed DS", caught.vm_ds & 0xffff, 0x400);
    compare("pushed FS", caught.vm_fs & 0xffff, 0x500);
    compare("pushed GS", caught.vm_gs & 0xffff, 0x600);
    compare("handler's FS is null", caught.fs & 0xffff, 0);
    compare("handler's GS is null", caught.gs & 0xffff, 0);
}

static void test_far_jump(void)
{
    static const uint8_t prog[] = {0xea, 0x08, 0x00, 0x00, 0x08, 0xf4, 0xf4, 0xf4, 0xb0, 0x55, 0xf4};

    compare("far JMP traps at the HLT", vm(prog, sizeof(prog), 0), GP);
    compare("CS after far JMP", caught.cs & 0xffff, 0x800);
    compare("IP after far JMP", caught.eip, 10);
    compare("AL after far JMP", caught.eax & 0xff, 0x55);
}

static void test_sensitive(void)
{
    check("CLI, IOPL 0", BYTES(0xfa), 0, GP, 0, 0);
    check("STI, IOPL 0", BYTES(0xfb), 0, GP, 0, 0);
    check("PUSHF, IOPL 0", BYTES(0x9c), 0, GP, 0, 0);
    check("POPF, IOPL 0", BYTES(0x9d), 0, GP, 0, 0);
    check("INT 40h, IOPL 0", BYTES(0xcd, 0x40), 0, GP, 0, 0);
    check("IRET, IOPL 0", BYTES(0xcf), 0, GP, 0, 0);
    check("CLI, IOPL 3", BYTES(0xfa), IOPL3 | IF, GP, 0, 1);
    compare("CLI clears IF", caught.eflags & IF, 0);
    check("STI, IOPL 3", BYTES(0xfb), IOPL3, GP, 0, 1);
    compare("STI sets IF", caught.eflags & IF, IF);
    check("PUSHF POP AX, IOPL 3", BYTES(0x9c, 0x58), IOPL3, GP, 0, 2);
    compare("PUSHF image", caught.eax & 0xf202, 0x3002);
    check("INT 40h with gate DPL 0", BYTES(0xcd, 0x40), IOPL3, GP, 0x40 * 8 + 2, 0);
    set_idt(0x40, gate((uint32_t)isr_table + 16 * 0x40, KCODE, 0xee, 0));
    check("INT 40h with gate DPL 3", BYTES(0xcd, 0x40), IOPL3, 0x40, 0, 2);
    check("INT3 with gate DPL 0", BYTES(0xcc), 0, GP, BP * 8 + 2, 0);
    restore_idt();
}

static void test_faults(void)
{
    check("LLDT", BYTES(0x0f, 0x00, 0xd0), 0, UD, 0, 0);
    check("ARPL", BYTES(0x63, 0xc0), 0, UD, 0, 0);
    check("LAR", BYTES(0x0f, 0x02, 0xc0), 0, UD, 0, 0);
    check("MOV CR0", BYTES(0x0f, 0x20, 0xc0), IOPL3, GP, 0, 0);
    check("word at FFFF", BYTES(0xa1, 0xff, 0xff), 0, GP, 0, 0);
    check("dword at 10000", BYTES(0x67, 0xa1, 0x00, 0x00, 0x01, 0x00), 0, GP, 0, 0);
    check("IN", BYTES(0xe4, 0x80), 0, GP, 0, 0);
    check("IN, IOPL 3", BYTES(0xe4, 0x80), IOPL3, GP, 0, 0);
    tss.io[0x80 / 8] = 0;
    check("IN with the bit clear", BYTES(0xe4, 0x80), 0, GP, 0, 2);
    tss.io[0x80 / 8] = 0xff;
    check("#UD", BYTES(0x0f, 0x0b), 0, UD, 0, 0);
    check("divide", BYTES(0x31, 0xc9, 0xf7, 0xf1), 0, DE, 0, 2);
}

static void set_vme(bool on)
{
    set_cr4(on ? get_cr4() | 1 : get_cr4() & ~1u);
}

static void test_vme(void)
{
    uint16_t *ivt = (uint16_t *)(0x41 * 4);

    set_vme(true);
    ivt[0] = CODE + 0x20;
    ivt[1] = 0;
    check("CLI with VME", BYTES(0xfa), VIF, GP, 0, 1);
    compare("CLI clears VIF", caught.eflags & (VIF | IF), 0);
    check("STI with VME", BYTES(0xfb), 0, GP, 0, 1);
    compare("STI sets VIF", caught.eflags & (VIF | IF), VIF);
    check("STI with VIP", BYTES(0xfb), VIP, GP, 0, 0);
    check("PUSHF with VME", BYTES(0x9c, 0x58), VIF, GP, 0, 2);
    compare("PUSHF shows VIF as IF, IOPL 3", caught.eax & 0x3200, 0x3200);
    check("POPF with VME", BYTES(0x68, 0x00, 0x02, 0x9d), 0, GP, 0, 4);
    compare("POPF sets VIF", caught.eflags & (VIF | IF), VIF);
    check("POPF with TF", BYTES(0x68, 0x00, 0x01, 0x9d), 0, GP, 0, 3);
    check("32-bit PUSHF with VME", BYTES(0x66, 0x9c), 0, GP, 0, 0);
    check("INT 41h goes to the 8086 table", BYTES(0xcd, 0x41), VIF, GP, 0, 0x20);
    compare("and clears VIF", caught.eflags & VIF, 0);
    compare("pushed IP", *(uint16_t *)(0x1000 + 0x200 - 6), CODE + 2);
    compare("pushed FLAGS", *(uint16_t *)(0x1000 + 0x200 - 2) & 0x3200, 0x3200);
    tss.redirect[0x41 / 8] |= 1 << (0x41 & 7);
    check("INT 41h with its bit set", BYTES(0xcd, 0x41), 0, GP, 0, 0);
    set_idt(0x41, gate((uint32_t)isr_table + 16 * 0x41, KCODE, 0xee, 0));
    check("INT 41h with its bit set, IOPL 3", BYTES(0xcd, 0x41), IOPL3, 0x41, 0, 2);
    tss.redirect[0x41 / 8] = 0;
    restore_idt();
    set_vme(false);
}

static void user_sti(void) { asm volatile("sti"); }
static void user_cli(void) { asm volatile("cli"); }

static void test_pvi(void)
{
    set_cr4(get_cr4() | 2);
    compare("STI with PVI", run_user_flags(user_sti, 2), -1);
    CHECK(caught.eflags & VIF, "STI sets VIF");
    compare("CLI with PVI", run_user_flags(user_cli, 2 | VIF), -1);
    compare("STI with PVI and VIP", run_user_flags(user_sti, 2 | VIP), GP);
    set_cr4(get_cr4() & ~2u);
}

int main(void)
{
    test_far_jump();
    test_basics();
    test_sensitive();
    test_faults();
    test_vme();
    test_pvi();
    return 0;
}
