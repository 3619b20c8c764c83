/* SPDX-License-Identifier: MIT */
/*
 * Bare-metal guest: reads and writes ports while an interrupt or NMI waits that may not be taken, as
 * drivers with interrupts off do, then lets it come in each way there is. Run on the pc machine by
 * tests/sys/x86/polls, which looks at what the waiting has cost.
 */
#include "lib.h"

#define APIC 0xfee00000u
enum { APIC_SVR = 0xf0, APIC_ICR = 0x300, APIC_ICR2 = 0x310, APIC_LINT0 = 0x350 };
enum { TIMER_VECTOR = 0x20, ROUNDS = 50000 };

static volatile unsigned timers, nmis, inside;
static volatile uint32_t timer_at;

static void apic_w(unsigned reg, uint32_t v)
{
    *(volatile uint32_t *)(APIC + reg) = v;
}

static void send_nmi(void)
{
    apic_w(APIC_ICR2, 0);
    apic_w(APIC_ICR, 0x4400);
}

/* The loops whose polls are counted. */
static void use_ports(void)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        inb(0x61);
    for (unsigned i = 0; i < ROUNDS; i++)
        outb(0x80, (uint8_t)i);
}

static bool interrupt(struct trap_frame *f)
{
    if (f->vector == TIMER_VECTOR) {
        timers++;
        timer_at = f->eip;
        outb(0x20, 0x20);
    } else if (f->vector == NMI) {
        if (++nmis == 1) {
            send_nmi();
            use_ports();
            inside = nmis;
        }
    } else {
        return false;
    }
    return true;
}

static void pic_init(void)
{
    outb(0x20, 0x11);
    outb(0x21, TIMER_VECTOR);
    outb(0x21, 0x04);
    outb(0x21, 0x01);
    outb(0x21, 0xfe);
}

/* One shot of channel 0, and wait until it is asked for. */
static void request(void)
{
    outb(0x43, 0x30);
    outb(0x40, 100);
    outb(0x40, 0);
    outb(0x20, 0x0a);
    while (!(inb(0x20) & 1))
        asm volatile("pause");
    timers = 0;
}

static void by_sti(void)
{
    asm volatile("sti; nop; nop; cli" : : : "memory");
}

static void by_popf(void)
{
    asm volatile("pushf; orl $0x200, (%%esp); popf; nop; cli" : : : "memory");
}

static void by_iret(void)
{
    asm volatile("pushf; orl $0x200, (%%esp); push %%cs; push $1f; iret; 1: nop; cli" : : : "memory");
}

static void by_hlt(void)
{
    asm volatile("sti; hlt; cli" : : : "memory");
}

static void test_interrupts(void)
{
    static const struct {
        const char *name;
        void (*open)(void);
    } ways[] = {{"STI", by_sti}, {"POPF", by_popf}, {"IRET", by_iret}, {"STI, HLT", by_hlt}};

    for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        request();
        use_ports();
        compare("none while IF is clear", timers, 0);
        ways[i].open();
        compare(ways[i].name, timers, 1);
    }
}

/* A store to the code it is in starts again, which is no place for an interrupt. */
static void test_shadow(void)
{
    uint32_t behind;

    request();
    asm volatile("jmp 1f; 1: nop; movl $2f, %0; sti; movb $0x90, 1b; 2: nop; cli" : "=&r"(behind) : : "memory");
    compare("STI's shadow", timer_at, behind);
}

static void test_nmi(void)
{
    nmis = 0;
    send_nmi();
    while (nmis < 2)
        asm volatile("pause");
    compare("the second NMI waits for the first one's IRET", inside, 1);
}

/* The NMI's handler is a task, whose IRET lets in the next one. */
static void nmi_task(void)
{
    for (;;) {
        nmis++;
        asm volatile("clts; iret");
    }
}

static unsigned nmis_after_one(void)
{
    nmis = 0;
    send_nmi();
    for (unsigned i = 0; i < ROUNDS && !nmis; i++)
        asm volatile("pause");
    return nmis;
}

static void test_nmi_task(void)
{
    static uint8_t stack[1024];
    static struct tss32 task = {.eflags = 2, .es = KDATA, .cs = KCODE, .ss = KDATA, .ds = KDATA, .fs = KDATA,
                                .gs = KDATA, .iomap = 104};

    task.eip = (uint32_t)nmi_task;
    task.esp = (uint32_t)stack + sizeof(stack);
    task.cr3 = get_cr3();
    set_gdt(TEST_SEL, descriptor((uint32_t)&task, 103, 0x89, 0));
    set_idt(NMI, gate(0, TEST_SEL, 0x85, 0));
    compare("an NMI by a task gate", nmis_after_one(), 1);
    compare("another one after its IRET", nmis_after_one(), 1);
    restore_idt();
    asm volatile("clts");
}

int main(void)
{
    trap_hook = interrupt;
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
    apic_w(APIC_SVR, 0x1ff);
    apic_w(APIC_LINT0, 0x700);
    pic_init();
    test_interrupts();
    test_shadow();
    test_nmi();
    test_nmi_task();
    return 0;
}
