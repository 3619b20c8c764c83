/* SPDX-License-Identifier: MIT */
/*
 * Real mode: segment limits, exceptions through the interrupt table without error codes, INT,
 * flags, IP at the end of the segment, big segments left from protected mode, A20 aside.
 * Intel SDM vol. 3B, chapter 21. Then system management mode where the machine has the event port
 * (F5h): entry state, the save map, SMBASE relocation, RSM; AMD APM vol. 2, chapter 10.
 */
#include "lib.h"

enum { BLOB = 0x7000, CODE = 0x8000, STACK = 0x6f00, CODE16 = TEST_SEL, DATA16 = TEST_SEL + 8, FLAT16 = TEST_SEL + 16 };

/* Copied to BLOB. 16-bit protected mode, then real mode at 0:8000; every vector comes back here. */
extern uint8_t blob_start[], blob_end[], blob_stubs[], blob_idtr[], blob_sel[], blob_ss_ax[];
extern uint16_t real_result[4];
uint16_t real_result[4]; /* vector, IP, CS, FLAGS */
uint32_t real_eax;
extern uint32_t real_eax, back_esp;
uint32_t back_esp;
void go_real(void);
asm(".text\n"
    "go_real: pushal; mov %esp, back_esp; ljmp $0x30, $0x7000\n"
    "back32: mov $16, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss; mov %eax, %fs; mov %eax, %gs;"
    " mov back_esp, %esp; popal; ret\n"
    ".code16\n"
    ".balign 16\nblob_start:\n"
    " .byte 0xb8\n" /* mov ax, selector */
    "blob_sel: .word 0x38\n"
    " mov %ax, %ds; mov %ax, %es; mov %ax, %ss; mov %ax, %fs; mov %ax, %gs\n"
    " mov %cr0, %eax; and $0xfe, %al; mov %eax, %cr0; ljmp $0, $(0x7000 + 1f - blob_start)\n"
    "1: xor %ax, %ax; mov %ax, %ds; mov %ax, %es; mov %ax, %fs; mov %ax, %gs; mov %ax, %ss; mov $0x6f00, %sp\n"
    " lidt %cs:(0x7000 + blob_idtr - blob_start); xor %eax, %eax; xor %ebp, %ebp; ljmp $0, $0x8000\n"
    "blob_idtr: .word 0x3ff; .long 0\n"
    "blob_common:\n"
    " mov %eax, %cs:(0x7000 + blob_eax - blob_start)\n"
    " popw %cs:(0x7000 + blob_data - blob_start); popw %cs:(0x7002 + blob_data - blob_start)\n"
    " popw %cs:(0x7004 + blob_data - blob_start); popw %cs:(0x7006 + blob_data - blob_start)\n"
    " mov %cr0, %eax; or $1, %al; mov %eax, %cr0; ljmpl $8, $back32\n"
    ".balign 4\n"
    "blob_eax: .long 0\n"
    "blob_data: .word 0, 0, 0, 0\n"
    ".balign 8\nblob_stubs:\n"
    " .set v, 0\n .rept 128\n pushw $v; jmp blob_common\n .balign 8\n .set v, v + 1\n .endr\n"
    "blob_end:\n"
    ".globl blob_eax, blob_data\n .code32\n");
extern uint8_t blob_eax[], blob_data[];

static uint32_t stub(unsigned v)
{
    return BLOB + (uint32_t)(blob_stubs - blob_start) + 8 * v;
}

static void copy(uint32_t to, const uint8_t *from, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        ((volatile uint8_t *)to)[i] = from[i];
}

/* Run bytes at 0:8000 (INT 7Fh behind them ends them); results in real_result. */
static void real(const uint8_t *bytes, unsigned n, uint16_t selector)
{
    struct { uint16_t limit; uint32_t base; } __attribute__((packed)) i = {sizeof(idt) - 1, (uint32_t)idt};

    copy(BLOB, blob_start, (unsigned)(blob_end - blob_start));
    copy(BLOB + (uint32_t)(blob_sel - blob_start), (uint8_t *)&selector, 2);
    copy(CODE, bytes, n);
    copy(CODE + n, (const uint8_t[]){0xcd, 0x7f}, 2);
    for (unsigned v = 0; v < 128; v++)
        ((volatile uint32_t *)0)[v] = stub(v);
    go_real();
    asm volatile("lidt %0" : : "m"(i));
    copy((uint32_t)real_result, (uint8_t *)(BLOB + (blob_data - blob_start)), 8);
    copy((uint32_t)&real_eax, (uint8_t *)(BLOB + (blob_eax - blob_start)), 4);
}

static void check(const char *name, const uint8_t *bytes, unsigned n, unsigned vector, unsigned ip)
{
    real(bytes, n, DATA16);
    report(real_result[0] == vector && real_result[1] == (uint16_t)(CODE + ip), name, "vector %x at %x, not %x at %x",
           (uint32_t)real_result[0], (uint32_t)real_result[1], vector, CODE + ip);
}
#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static void test_real(void)
{
    set_gdt(CODE16, descriptor(0, 0xffff, 0x9b, 0));
    set_gdt(DATA16, descriptor(0, 0xffff, 0x93, 0));
    set_gdt(FLAT16, descriptor(0, 0xfffff, 0x93, F_G));
    check("INT 7Fh", BYTES(0x90), 0x7f, 3);
    check("word at FFFF", BYTES(0xa1, 0xff, 0xff), GP, 0);
    check("dword at FFFE", BYTES(0x66, 0xa1, 0xfe, 0xff), GP, 0);
    check("byte at FFFF", BYTES(0xa0, 0xff, 0xff), 0x7f, 5);
    check("[BP] word at FFFF", BYTES(0xbd, 0xff, 0xff, 0x8b, 0x46, 0x00), SS, 3);
    check("32-bit address above FFFF", BYTES(0x67, 0xa0, 0x00, 0x00, 0x01, 0x00), GP, 0);
    check("16-bit addresses wrap", BYTES(0xbb, 0xff, 0xff, 0x8a, 0x47, 0x01), 0x7f, 8);
    check("#DE", BYTES(0x31, 0xc9, 0xf7, 0xf1), DE, 2);
    check("#UD", BYTES(0x0f, 0x0b), UD, 0);
    check("LLDT is #UD", BYTES(0x0f, 0x00, 0xd0), UD, 0);
    check("INT3", BYTES(0xcc), BP, 1);
    check("INTO", BYTES(0xb0, 0x7f, 0x04, 0x01, 0xce), OF, 5);
    check("MOV CR0", BYTES(0x0f, 0x20, 0xc0), 0x7f, 5);
    check("far JMP and back", BYTES(0xea, 0x06, 0x00, 0x00, 0x08, 0xf4, 0xb0, 0x55, 0xea, 0x0d, 0x80, 0x00, 0x00), 0x7f, 15);
    compare("AL after far JMP", real_eax & 0xff, 0x55);
    check("POPF sets IOPL and NT", BYTES(0x68, 0x02, 0x72, 0x9d, 0x9c, 0x58), 0x7f, 8);
    compare("PUSHF shows them", real_eax & 0x7200, 0x7200);
    check("INT clears IF", BYTES(0xfb), 0x7f, 3);
    compare("pushed FLAGS have IF", real_result[3] & 0x200, 0x200);
    check("jump to FFFF", BYTES(0xc6, 0x06, 0xff, 0xff, 0x90, 0xbb, 0xff, 0xff, 0xff, 0xe3), GP, 0x8000);
    compare("IP beyond the segment", real_result[1], 0);
    real(BYTES(0x67, 0x66, 0xa1, 0x00, 0x00, 0x10, 0x00), FLAT16);
    compare("big segments stay", real_result[0], 0x7f);
    compare("and read above 1 MiB", real_eax, *(uint32_t *)0x100000);
}

/* --- SMM --- */

extern uint8_t smi_start[], smi_end[];
asm(".code16\n"
    "smi_start:\n" /* CS base = SMBASE, DS base 0 */
    " mov %cs, %ax; mov %ax, %ds:0x9000; mov %cr0, %eax; mov %eax, %ds:0x9004\n"
    " mov %cs:0xfefc, %eax; mov %eax, %ds:0x9008\n"  /* revision */
    " mov %cs:0xff00, %eax; mov %eax, %ds:0x900c\n"  /* SMBASE, 64-bit map */
    " mov %cs:0xfff8, %eax; mov %eax, %ds:0x9010\n"  /* saved RAX */
    " movl $0x40000, %cs:0xff00\n"
    " incw %ds:0x9014; rsm\n"
    "smi_end:\n"
    ".code32\n");

static void test_smm(void)
{
    volatile uint32_t *out = (uint32_t *)0x9000;
    uint32_t eax = 0x12345678, cr0 = get_cr0();

    copy(0x38000, smi_start, (unsigned)(smi_end - smi_start));
    copy(0x48000, smi_start, (unsigned)(smi_end - smi_start));
    out[5] = 0;
    asm volatile("outb %%al, $0xf5" : : "a"(2));
    asm volatile("nop");
    if (!(out[5] & 0xffff)) {
        print("no event port\n");
        return;
    }
    compare("SMI taken once", out[5] & 0xffff, 1);
    compare("SMM CS", out[0] & 0xffff, 0x3000);
    compare("SMM CR0.PE", out[1] & 1, 0);
    compare("SMM revision", out[2], 0x20064);
    compare("SMBASE", out[3], 0x30000);
    compare("CR0 is back", get_cr0(), cr0);
    asm volatile("mov $2, %%al; outb %%al, $0xf5; nop" : "+a"(eax));
    compare("second SMI", out[5] & 0xffff, 2);
    compare("relocated", out[3], 0x40000);
    compare("saved RAX", out[4] & 0xff, 2);
    compare("upper RAX restored", eax & 0xffffff00, 0x12345600);
}

static void rsm(void) { asm volatile("rsm"); }

int main(void)
{
    test_real();
    test_smm();
    expect("RSM outside SMM", rsm, UD, 0);
    return 0;
}
