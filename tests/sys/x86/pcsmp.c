/* SPDX-License-Identifier: MIT */
/*
 * Bare-metal guest: the local APIC's x2APIC mode, and NMIs of two CPUs at once. Run by
 * tests/sys/x86/pcdev on the pc machine with three CPUs. Intel SDM vol. 3A, 11.12 and 6.7.1.
 */
#include "lib.h"

#define APIC 0xfee00000u
enum { APIC_VER = 0x30, APIC_SVR = 0xf0, APIC_ICR = 0x300, APIC_ICR2 = 0x310, APIC_LINT0 = 0x350 };
enum { MSR_APIC_BASE = 0x1b, ON = 0x800, X2 = 0x400 };
enum { X2_ID = 0x802, X2_TPR = 0x808, X2_EOI = 0x80b, X2_LDR = 0x80d, X2_DFR = 0x80e, X2_SVR = 0x80f,
       X2_ISR2 = 0x812, X2_ICR = 0x830, X2_ICR2 = 0x831, X2_TIMER = 0x832, X2_SELF = 0x83f };

static volatile unsigned hits[256];

static uint32_t apic(unsigned reg)
{
    return *(volatile uint32_t *)(APIC + reg);
}

static void apic_w(unsigned reg, uint32_t v)
{
    *(volatile uint32_t *)(APIC + reg) = v;
}

static bool in_x2apic(void)
{
    return rdmsr(MSR_APIC_BASE) & X2;
}

static bool interrupt(struct trap_frame *f)
{
    if (f->vector < 32 && f->vector != NMI)
        return false;
    hits[f->vector]++;
    if (f->vector == NMI)
        return true;
    if (in_x2apic())
        wrmsr(X2_EOI, 0);
    else
        apic_w(0xb0, 0);
    return true;
}

static void cpuid(uint32_t leaf, uint32_t r[4])
{
    asm volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

/* --- x2APIC mode ---------------------------------------------------------- */

static uint32_t msr;
static uint64_t value;

static void do_rdmsr(void)
{
    rdmsr(msr);
}

static void do_wrmsr(void)
{
    wrmsr(msr, value);
}

static void refused(const char *name, uint32_t n, uint64_t v)
{
    msr = n;
    value = v;
    expect(name, do_wrmsr, GP, 0);
}

static void unreadable(const char *name, uint32_t n)
{
    msr = n;
    expect(name, do_rdmsr, GP, 0);
}

static void test_modes(uint64_t base)
{
    uint64_t off = base & ~(uint64_t)(ON | X2);

    unreadable("no MSRs in xAPIC mode", X2_ID);
    refused("EXTD without EN", MSR_APIC_BASE, off | X2);
    wrmsr(MSR_APIC_BASE, off);
    refused("off to x2APIC", MSR_APIC_BASE, off | ON | X2);
    refused("off to EXTD", MSR_APIC_BASE, off | X2);
    wrmsr(MSR_APIC_BASE, off | ON);
    wrmsr(MSR_APIC_BASE, off | ON | X2);
    refused("x2APIC to xAPIC", MSR_APIC_BASE, off | ON);
    refused("x2APIC to EXTD", MSR_APIC_BASE, off | X2);
}

static void test_registers(void)
{
    uint32_t r[4];

    cpuid(0xb, r);
    compare("id", rdmsr(X2_ID), r[3]);
    compare("logical id", rdmsr(X2_LDR), (r[3] >> 4) << 16 | 1u << (r[3] & 15));
    compare("nothing at the old place", apic(APIC_VER), 0xffffffff);
    refused("id is read-only", X2_ID, 0);
    unreadable("no DFR", X2_DFR);
    unreadable("no upper half of the ICR", X2_ICR2);
    unreadable("EOI is write-only", X2_EOI);
    refused("EOI takes 0", X2_EOI, 1);
    refused("reserved bits of TPR", X2_TPR, 0x100);
    refused("reserved bits of the upper half", X2_TIMER, 0x100010000ull);
    wrmsr(X2_TPR, 0x20);
    compare("TPR", rdmsr(X2_TPR), 0x20);
    wrmsr(X2_TPR, 0);
}

static void send(const char *name, uint32_t n, uint64_t v, unsigned vector)
{
    hits[vector] = 0;
    wrmsr(n, v);
    asm volatile("sti; nop; nop; cli");
    compare(name, hits[vector], 1);
}

static void test_x2apic(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    uint32_t r[4];

    cpuid(1, r);
    if (!(r[2] & 1u << 21))
        return;
    test_modes(base);
    wrmsr(X2_SVR, 0x1ff);
    test_registers();
    send("SELF IPI", X2_SELF, 0x61, 0x61);
    send("shorthand self", X2_ICR, 0x40062, 0x62);
    send("physical", X2_ICR, rdmsr(X2_ID) << 32 | 0x63, 0x63);
    send("logical", X2_ICR, rdmsr(X2_LDR) << 32 | 0x864, 0x64);
    send("to all", X2_ICR, 0xffffffff00000065ull, 0x65);
    compare("in-service registers are empty", rdmsr(X2_ISR2), 0);
    wrmsr(MSR_APIC_BASE, base & ~(uint64_t)(ON | X2));
    wrmsr(MSR_APIC_BASE, base);
    compare("as after a reset", apic(APIC_SVR), 0xff);
    apic_w(APIC_SVR, 0x1ff);
}

/* --- NMIs ------------------------------------------------------------------ */

#define ROUNDS 2000
static volatile unsigned turn;
volatile unsigned senders;
char sender_stack[4096] __attribute__((aligned(16)));
static struct { uint16_t limit; uint32_t base; } __attribute__((packed)) gdtr = {sizeof(gdt) - 1, (uint32_t)gdt};

/* At 8000h in real mode: to flat 32-bit code. */
extern char sender_start[], sender_end[];
asm(".code16\n"
    "sender_start: cli; xorw %ax, %ax; movw %ax, %ds; lgdtl 0x7000\n"
    "movl %cr0, %eax; orb $1, %al; movl %eax, %cr0; ljmpl $8, $sender_entry\n"
    "sender_end: .code32\n"
    "sender_entry: movw $16, %ax; movw %ax, %ds; movw %ax, %es; movw %ax, %ss\n"
    "movl $1, %eax; lock xaddl %eax, senders; testl %eax, %eax; jnz 1f\n"
    "movl $sender_stack + 4096, %esp; call sender\n"
    "1: cli; hlt; jmp 1b\n");

/* For each turn an NMI to CPU 0, then an interrupt that says so. */
void sender(void);
void sender(void)
{
    for (unsigned i = 1; i <= ROUNDS; i++) {
        while (turn != i)
            asm volatile("pause");
        apic_w(APIC_ICR2, 0);
        apic_w(APIC_ICR, 0x4400);
        apic_w(APIC_ICR, 0x4071);
    }
}

static void start_senders(void)
{
    for (char *from = sender_start, *to = (char *)0x8000; from < sender_end; from++, to++)
        *(volatile char *)to = *from;
    *(volatile uint16_t *)0x7000 = gdtr.limit;
    *(volatile uint32_t *)0x7002 = gdtr.base;
    apic_w(APIC_ICR, 0xc4500);
    for (volatile unsigned i = 0; i < 100000; i++)
        ;
    apic_w(APIC_ICR, 0xc4608);
    while (senders < 2)
        asm volatile("pause");
}

/* Its own NMI and the other CPU's: the one that comes second waits, neither is lost. */
static void test_nmi(void)
{
    unsigned wrong = 0;

    start_senders();
    for (unsigned i = 1; i <= ROUNDS; i++) {
        hits[NMI] = hits[0x71] = 0;
        turn = i;
        apic_w(APIC_ICR2, 0);
        apic_w(APIC_ICR, 0x4400);
        while (!hits[0x71])
            asm volatile("sti; pause; cli");
        wrong += hits[NMI] != 2;
    }
    compare("rounds without two NMIs", wrong, 0);
}

/* In the handler's time any number of NMIs makes one. */
static bool nmi_storm(struct trap_frame *f)
{
    if (f->vector != NMI)
        return interrupt(f);
    if (++hits[NMI] == 1) {
        for (unsigned i = 0; i < 10; i++)
            apic_w(APIC_ICR, 0x4400);
    }
    return true;
}

static void test_nmi_latch(void)
{
    hits[NMI] = 0;
    trap_hook = nmi_storm;
    asm volatile("" : : : "memory");
    apic_w(APIC_ICR2, 0);
    apic_w(APIC_ICR, 0x4400);
    for (volatile unsigned i = 0; i < 1000; i++)
        ;
    asm volatile("" : : : "memory");
    trap_hook = interrupt;
    compare("NMIs while one is handled", hits[NMI], 2);
}

int main(void)
{
    trap_hook = interrupt;
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
    apic_w(APIC_SVR, 0x1ff);
    test_x2apic();
    test_nmi_latch();
    test_nmi();
    return 0;
}
