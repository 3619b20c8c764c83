/* SPDX-License-Identifier: MIT */
/*
 * Bare-metal guest: the interrupt controllers and timers of a PC as software sees them, measured
 * against each other. Run by tests/sys/x86/pcdev on the pc machine with three CPUs; a real PC and
 * other emulators give the same answers.
 */
#include "lib.h"

#define APIC   0xfee00000u
#define IOAPIC 0xfec00000u
#define HPET   0xfed00000u

enum { APIC_ID = 0x20, APIC_VER = 0x30, APIC_TPR = 0x80, APIC_PPR = 0xa0, APIC_EOI = 0xb0, APIC_SVR = 0xf0,
       APIC_ISR = 0x100, APIC_IRR = 0x200, APIC_ESR = 0x280, APIC_ICR = 0x300, APIC_ICR2 = 0x310,
       APIC_TIMER = 0x320, APIC_LINT0 = 0x350, APIC_COUNT = 0x380, APIC_CURRENT = 0x390, APIC_DIVIDE = 0x3e0 };

#define MASKED 0x10000u
#define LEVEL_VECTOR 0x57
#define MSR_DEADLINE 0x6e0

static volatile unsigned hits[256]; /* by vector */
static volatile uint32_t mailbox;   /* what handlers saw */
static bool apic_eoi[256];          /* who wants to hear of the end */
static uint8_t order[64];
static volatile unsigned n_order;

/* --- access --- */

static uint32_t rd(uint32_t addr)
{
    return *(volatile uint32_t *)addr;
}

static void wr(uint32_t addr, uint32_t v)
{
    *(volatile uint32_t *)addr = v;
}

static uint32_t apic(unsigned reg)
{
    return rd(APIC + reg);
}

static void apic_w(unsigned reg, uint32_t v)
{
    wr(APIC + reg, v);
}

static uint32_t ioapic(unsigned reg)
{
    wr(IOAPIC, reg);
    return rd(IOAPIC + 0x10);
}

static void ioapic_w(unsigned reg, uint32_t v)
{
    wr(IOAPIC, reg);
    wr(IOAPIC + 0x10, v);
}

static void route(unsigned pin, uint32_t low)
{
    ioapic_w(0x11 + pin * 2, apic(APIC_ID));
    ioapic_w(0x10 + pin * 2, low);
}

static uint8_t cmos(unsigned reg)
{
    outb(0x70, reg);
    return inb(0x71);
}

static void cmos_w(unsigned reg, uint8_t v)
{
    outb(0x70, reg);
    outb(0x71, v);
}

static uint64_t rdtsc(void)
{
    uint64_t v;
    asm volatile("rdtsc" : "=A"(v));
    return v;
}

/* Time by the HPET, whose tick is 10 ns wherever this runs. */
static uint32_t now_us(void)
{
    return rd(HPET + 0xf0) / 100;
}

static void delay_us(uint32_t us)
{
    uint32_t start = now_us();

    while (now_us() - start < us)
        asm volatile("pause");
}

/* Interrupts on until `vector` has come `n` times or `us` have passed. */
static unsigned wait_hits(unsigned vector, unsigned n, uint32_t us)
{
    uint32_t start = now_us();

    hits[vector] = 0;
    asm volatile("sti");
    while (hits[vector] < n && now_us() - start < us)
        asm volatile("pause");
    asm volatile("cli");
    return hits[vector] < n ? hits[vector] : n; /* a host in a hurry delivers several at once */
}

static void pit(unsigned channel, unsigned mode, unsigned count)
{
    outb(0x43, channel << 6 | 0x30 | mode << 1);
    outb(0x40 + channel, count);
    outb(0x40 + channel, count >> 8);
}

/* IRQ13: port F0h lets the handler use waiting instructions before it clears the error. */
static void fpu_error(void)
{
    uint16_t status;

    outb(0xf0, 0);
    asm volatile("fstsw %0" : "=m"(status));
    mailbox = status;
    asm volatile("fnclex");
}

static bool interrupt(struct trap_frame *f)
{
    unsigned v = f->vector;

    if (v < 32 && v != NMI)
        return false;
    hits[v]++;
    if (n_order < sizeof(order))
        order[n_order++] = v;
    if (v == 0x28)
        mailbox = cmos(0x0c);
    if (v == 0x2d)
        fpu_error();
    if (v >= 0x28 && v < 0x30)
        outb(0xa0, 0x20);
    if (v >= 0x20 && v < 0x30)
        outb(0x20, 0x20);
    if (v == LEVEL_VECTOR && hits[v] == 5)
        pit(0, 0, 0); /* OUT0 falls */
    if (apic_eoi[v])
        apic_w(APIC_EOI, 0);
    return true;
}

/* a is within a fiftieth (and `slack`) of b. */
static void about(const char *name, uint32_t a, uint32_t b, uint32_t slack)
{
    report(a + b / 50 + slack >= b && a <= b + b / 50 + slack, name, "%d, not about %d", a, b);
}

/* Something took a us that takes b: it is never early, and late if the host is busy. */
static void took(const char *name, uint32_t a, uint32_t b)
{
    report(a + b / 50 + 5 >= b && a <= b * 100 + 1000000, name, "%d us, not %d", a, b);
}

/* --- 8259 and 8254 --- */

static void pic_init(void)
{
    outb(0x20, 0x11);
    outb(0x21, 0x20);
    outb(0x21, 0x04);
    outb(0x21, 0x01);
    outb(0xa0, 0x11);
    outb(0xa1, 0x28);
    outb(0xa1, 0x02);
    outb(0xa1, 0x01);
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

static unsigned pit_count(unsigned channel)
{
    unsigned low;

    outb(0x43, channel << 6);
    low = inb(0x40 + channel);
    return low | inb(0x40 + channel) << 8;
}

static void test_pit(void)
{
    uint32_t start, last, edges = 0;
    unsigned a, b;

    pit(2, 0, 0xffff);
    outb(0x61, (inb(0x61) & ~2) | 1);
    a = pit_count(2);
    start = now_us();
    delay_us(10000);
    b = pit_count(2);
    about("channel 2 counts 1.193 MHz", (a - b) & 0xffff, (now_us() - start) * 1193 / 1000, 50);
    outb(0x61, inb(0x61) & ~1);
    a = pit_count(2);
    delay_us(1000);
    compare("the gate stops it", pit_count(2), a);
    pit(2, 0, 5000);
    outb(0x61, inb(0x61) | 1);
    CHECK(!(inb(0x61) & 0x20), "OUT2 is low while it counts");
    delay_us(6000);
    CHECK(inb(0x61) & 0x20, "OUT2 is high afterwards");
    outb(0x43, 0xe8);
    compare("status of channel 2", inb(0x42) & 0xbf, 0xb0);
    start = now_us();
    last = inb(0x61) & 0x10;
    while (edges < 1000 && now_us() - start < 100000) {
        if ((inb(0x61) & 0x10) != last) {
            last ^= 0x10;
            edges++;
        }
    }
    CHECK(edges >= 100, "the refresh bit toggles");
}

/* IR0 in the request register, in good time. */
static bool wait_request(void)
{
    uint32_t start = now_us();

    outb(0x20, 0x0a);
    while (!(inb(0x20) & 1) && now_us() - start < 2000000)
        asm volatile("pause");
    return inb(0x20) & 1;
}

static void test_pic(void)
{
    uint32_t start;

    pit(0, 2, 1193);
    outb(0x21, 0xfe);
    start = now_us();
    compare("timer interrupts arrive", wait_hits(0x20, 50, 10000000), 50);
    took("at 1 kHz", now_us() - start, 49000);
    outb(0x21, 0xff);
    compare("not when masked", wait_hits(0x20, 1, 5000), 0);
    CHECK(wait_request(), "but requested");
    outb(0x21, 0xfe);
    compare("and kept", wait_hits(0x20, 1, 2000000), 1);
    outb(0x21, 0xff);
    /* one shot: mode 0 */
    pit(0, 0, 2000);
    outb(0x21, 0xfe);
    start = now_us();
    compare("one shot", wait_hits(0x20, 1, 2000000), 1);
    compare("is one", wait_hits(0x20, 1, 5000), 0);
    pit(0, 4, 2000);
    compare("strobe", wait_hits(0x20, 1, 2000000), 1);
    compare("once too", wait_hits(0x20, 1, 5000), 0);
    outb(0x21, 0xff);
    /* HLT wakes up, the poll command takes a request without INTA */
    pit(0, 0, 2000);
    outb(0x21, 0xfe);
    hits[0x20] = 0;
    asm volatile("sti; hlt; cli");
    compare("HLT ends with the interrupt", hits[0x20], 1);
    pit(0, 0, 100);
    wait_request();
    outb(0x20, 0x0c);
    compare("poll", inb(0x20), 0x80);
    outb(0x20, 0x0b);
    compare("in service", inb(0x20), 1);
    outb(0x20, 0x60);
    compare("specific EOI", inb(0x20), 0);
    outb(0x21, 0xff);
    outb(0x4d0, 0xff);
    compare("ELCR", inb(0x4d0), 0xf8);
    outb(0x4d0, 0);
}

/* --- RTC --- */

static void test_rtc(void)
{
    uint32_t start;
    uint8_t second;

    outb(0x21, 0xfb);
    outb(0xa1, 0xfe);
    cmos_w(0x0a, 0x26);
    cmos_w(0x0b, 0x02);
    cmos(0x0c);
    cmos_w(0x0b, 0x42);
    start = now_us();
    compare("periodic interrupts", wait_hits(0x28, 100, 10000000), 100);
    took("at 1024 Hz", now_us() - start, 96000);
    compare("register C", mailbox & 0xc0, 0xc0);
    cmos_w(0x0b, 0x12);
    cmos(0x0c);
    compare("update interrupt", wait_hits(0x28, 1, 2000000), 1);
    compare("register C of it", mailbox & 0x90, 0x90);
    second = cmos(0);
    start = now_us();
    compare("the next", wait_hits(0x28, 1, 2000000), 1);
    report(now_us() - start < 1200000, "within a second", "%d us", now_us() - start);
    CHECK(cmos(0) != second, "the seconds have moved");
    cmos_w(0x0b, 0x82);
    second = cmos(0);
    compare("SET stops updates", wait_hits(0x28, 1, 1100000), 0);
    compare("and the seconds", cmos(0), second);
    cmos_w(1, 0xff);
    cmos_w(3, 0xff);
    cmos_w(5, 0xff);
    cmos_w(0x0b, 0x22);
    cmos(0x0c);
    compare("alarm with wildcards", wait_hits(0x28, 1, 2000000), 1);
    compare("register C of an alarm", mailbox & 0xa0, 0xa0);
    cmos_w(0x0b, 0x02);
    cmos(0x0c);
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

static void cpuid(uint32_t leaf, uint32_t r[4])
{
    asm volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

/* --- FPU errors by interrupt --- */

static void test_fpu(void)
{
    static const uint16_t unmasked = 0x037b; /* all but division by zero */

    outb(0x21, 0xfb);
    outb(0xa1, 0xdf);
    set_cr0(get_cr0() & ~0x2eu); /* NE, TS, EM, MP */
    hits[0x2d] = 0;
    mailbox = 0;
    asm volatile("fninit; fldcw %0; fld1; fldz; sti; fdivrp; fwait; cli" : : "m"(unmasked));
    compare("IRQ13", hits[0x2d], 1);
    compare("status word", mailbox & 0x84, 0x84);
    asm volatile("fninit; fldcw %0; fld1; fldz; sti; fdivrp; fwait; cli" : : "m"(unmasked));
    compare("IRQ13 again", hits[0x2d], 2);
    asm volatile("fninit");
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

/* --- local APIC --- */

static void self_ipi(uint8_t vector)
{
    apic_w(APIC_ICR, 0x40000 | vector);
}

static void test_apic(void)
{
    uint32_t t;

    apic_w(APIC_SVR, 0x1ff);
    apic_w(APIC_ESR, 0);
    compare("version", apic(APIC_VER) & 0xff, 0x14);
    /* order of priority, not of arrival */
    n_order = 0;
    for (unsigned v = 0x51; v < 0xa0; v += 0x10) {
        apic_eoi[v] = true;
        self_ipi(v);
    }
    compare("requests wait", apic(APIC_IRR + 0x40), 0x20002);
    wait_hits(0x51, 1, 2000000);
    compare("all came", n_order, 5);
    compare("the highest first", order[0] << 8 | order[4], 0x9151);
    apic_w(APIC_TPR, 0x60);
    self_ipi(0x61);
    self_ipi(0x71);
    compare("TPR lets the higher through", wait_hits(0x71, 1, 2000000), 1);
    compare("holds the lower", wait_hits(0x61, 1, 1000), 0);
    compare("PPR", apic(APIC_PPR), 0x60);
    apic_w(APIC_TPR, 0);
    compare("which comes when TPR falls", wait_hits(0x61, 1, 2000000), 1);
    /* without an EOI */
    apic_eoi[0x81] = false;
    self_ipi(0x81);
    wait_hits(0x81, 1, 2000000);
    self_ipi(0x71);
    compare("in service holds lower ones", wait_hits(0x71, 1, 1000), 0);
    compare("ISR", apic(APIC_ISR + 0x40), 2);
    apic_w(APIC_EOI, 0);
    compare("until the EOI", wait_hits(0x71, 1, 2000000), 1);
    hits[NMI] = 0;
    apic_w(APIC_ICR2, apic(APIC_ID));
    apic_w(APIC_ICR, 0x4400);
    delay_us(10);
    compare("NMI", hits[NMI], 1);
    self_ipi(5);
    apic_w(APIC_ESR, 0);
    compare("illegal vector", apic(APIC_ESR) & 0x60, 0x20);
    apic_w(APIC_ESR, 0);
    /* timer */
    apic_eoi[0x41] = true;
    apic_w(APIC_DIVIDE, 0xb);
    apic_w(APIC_TIMER, MASKED | 0x41);
    apic_w(APIC_COUNT, 0xffffffff);
    delay_us(10000);
    t = (0xffffffff - apic(APIC_CURRENT)) / 10000; /* ticks per us */
    CHECK(t > 0, "the timer counts");
    apic_w(APIC_TIMER, 0x41);
    apic_w(APIC_COUNT, t * 5000);
    uint32_t start = now_us();
    compare("one shot timer", wait_hits(0x41, 1, 2000000), 1);
    took("after 5 ms", now_us() - start, 5000);
    compare("is over", apic(APIC_CURRENT), 0);
    apic_w(APIC_TIMER, 0x20041);
    apic_w(APIC_COUNT, t * 1000);
    start = now_us();
    compare("periodic timer", wait_hits(0x41, 50, 10000000), 50);
    took("every ms", now_us() - start, 49000);
    apic_w(APIC_COUNT, 0);
    wait_hits(0x41, 1, 100);
    compare("stopped", wait_hits(0x41, 1, 5000), 0);
    hits[0x41] = 0;
    apic_w(APIC_TIMER, 0x41);
    apic_w(APIC_COUNT, t * 2000);
    asm volatile("sti; hlt; cli");
    compare("the timer ends HLT", hits[0x41], 1);
}

static void test_deadline(void)
{
    uint32_t r[4], start;
    uint64_t tsc, per_us;

    cpuid(1, r);
    if (!(r[2] & 1u << 24))
        return;
    tsc = rdtsc();
    delay_us(10000);
    per_us = (uint32_t)(rdtsc() - tsc) / 10000;
    apic_w(APIC_TIMER, 0x40041);
    wrmsr(MSR_DEADLINE, rdtsc() + per_us * 5000);
    start = now_us();
    compare("TSC deadline", wait_hits(0x41, 1, 2000000), 1);
    took("deadline after 5 ms", now_us() - start, 5000);
    compare("deadline is over", (uint32_t)rdmsr(MSR_DEADLINE), 0);
    wrmsr(MSR_DEADLINE, 1);
    compare("deadline in the past", wait_hits(0x41, 1, 2000000), 1);
    apic_w(APIC_TIMER, MASKED);
}

/* Somewhere else, and off. */
static void test_apic_base(void)
{
    enum { ELSEWHERE = 0x40000000, MSR_APIC_BASE = 0x1b, ON = 0x800 };
    uint64_t base = rdmsr(MSR_APIC_BASE);
    uint32_t r[4];

    compare("base", base & ~0x100u, APIC | ON);
    wrmsr(MSR_APIC_BASE, ELSEWHERE | ON | (base & 0x100));
    compare("version elsewhere", rd(ELSEWHERE + APIC_VER) & 0xff, 0x14);
    compare("nothing at the old place", apic(APIC_VER), 0xffffffff);
    wr(ELSEWHERE + APIC_ICR, 0x40041);
    hits[0x41] = 0;
    asm volatile("sti; nop; nop; cli");
    wrmsr(MSR_APIC_BASE, base);
    asm volatile("sti; nop; nop; cli");
    compare("an IPI from there", hits[0x41], 1);
    wr(ELSEWHERE, 0);
    wrmsr(MSR_APIC_BASE, base & ~(uint64_t)ON);
    compare("nothing when it is off", apic(APIC_VER), 0xffffffff);
    cpuid(1, r);
    compare("nor in CPUID", r[3] >> 9 & 1, 0);
    pit(0, 0, 100);
    outb(0x21, 0xfe);
    compare("8259s reach the CPU directly", wait_hits(0x20, 1, 2000000), 1);
    outb(0x21, 0xff);
    wrmsr(MSR_APIC_BASE, base);
    compare("as after a reset", apic(APIC_SVR), 0xff);
    compare("LINT0 too", apic(APIC_LINT0), MASKED);
    apic_w(APIC_SVR, 0x1ff);
    apic_w(APIC_LINT0, 0x700);
}

/* --- IO-APIC --- */

static void test_ioapic(void)
{
    compare("pins", ioapic(1) >> 16 & 0xff, 23);
    apic_eoi[0x55] = true;
    pit(0, 2, 1193);
    route(2, 0x55);
    compare("timer on pin 2", wait_hits(0x55, 20, 10000000), 20);
    route(2, 0x55 | MASKED);
    wait_hits(0x55, 1, 3000);
    compare("masked pin", wait_hits(0x55, 1, 5000), 0);
    /* level: OUT stays high after a one shot, so it comes again after each EOI */
    apic_eoi[LEVEL_VECTOR] = true;
    route(2, LEVEL_VECTOR | 0x8000);
    pit(0, 0, 1000);
    compare("level comes again", wait_hits(LEVEL_VECTOR, 5, 2000000), 5);
    compare("while it is high", wait_hits(LEVEL_VECTOR, 1, 5000), 0);
    apic_eoi[LEVEL_VECTOR] = false;
    pit(0, 0, 1000);
    compare("and another time", wait_hits(LEVEL_VECTOR, 1, 2000000), 1);
    compare("but waits for the EOI", wait_hits(LEVEL_VECTOR, 1, 10000), 0);
    compare("remote IRR", ioapic(0x14) & 0x4000, 0x4000);
    pit(0, 0, 0);
    apic_w(APIC_EOI, 0);
    compare("gone with it", ioapic(0x14) & 0x4000, 0);
    route(2, MASKED);
    apic_eoi[0x55] = true;
    /* the RTC on pin 8 */
    cmos_w(0x0b, 0x42);
    route(8, 0x55);
    cmos(0x0c);
    compare("RTC on pin 8", wait_hits(0x55, 1, 2000000), 1);
    compare("no more before register C is read", wait_hits(0x55, 1, 5000), 0);
    cmos(0x0c);
    compare("then again", wait_hits(0x55, 1, 2000000), 1);
    cmos_w(0x0b, 0x02);
    cmos(0x0c);
    route(8, MASKED);
    /* 8259s through LINT0 */
    outb(0x21, 0xfe);
    apic_w(APIC_LINT0, 0x700);
    pit(0, 2, 1193);
    compare("ExtINT", wait_hits(0x20, 5, 2000000), 5);
    apic_w(APIC_LINT0, MASKED);
    compare("LINT0 masked", wait_hits(0x20, 1, 5000), 0);
    apic_w(APIC_LINT0, 0x700);
    outb(0x21, 0xff);
}

/* --- HPET --- */

static void test_hpet(void)
{
    uint32_t us, start;
    uint64_t tsc;

    apic_eoi[0x56] = true;
    tsc = rdtsc();
    us = now_us();
    delay_us(20000);
    CHECK(rdtsc() != tsc, "TSC runs");
    took("delays are honest", now_us() - us, 20000);
    /* legacy replacement: timer 0 on pin 2 instead of the PIT */
    pit(0, 2, 1193);
    wr(HPET + 0x100, 0x104);
    wr(HPET + 0x10, 3);
    route(2, 0x56);
    compare("legacy mode silences the PIT", wait_hits(0x56, 1, 10000), 0);
    wr(HPET + 0x108, rd(HPET + 0xf0) + 500000);
    start = now_us();
    compare("comparator 0", wait_hits(0x56, 1, 2000000), 1);
    took("after its 5 ms", now_us() - start, 4990);
    compare("once", wait_hits(0x56, 1, 10000), 0);
    wr(HPET + 0x100, 0x14c);
    wr(HPET + 0x108, rd(HPET + 0xf0) + 100000);
    wr(HPET + 0x108, 100000);
    start = now_us();
    compare("periodic", wait_hits(0x56, 50, 10000000), 50);
    took("each ms", now_us() - start, 49000);
    wr(HPET + 0x100, 0);
    wr(HPET + 0x10, 1);
    compare("the PIT is back", wait_hits(0x56, 5, 2000000), 5);
    route(2, MASKED);
}

/* --- other CPUs --- */

/* cli; lock incw [7000]; hlt; jmp $-1: with an NMI or SIPI it comes again */
static const uint8_t trampoline[] = {0xfa, 0xf0, 0xff, 0x06, 0x00, 0x70, 0xf4, 0xeb, 0xfd};

static uint16_t started(void)
{
    return *(volatile uint16_t *)0x7000;
}

static void to_others(uint32_t icr)
{
    apic_w(APIC_ICR, 0xc0000 | icr);
    delay_us(20000);
}

/* How many times the trampoline has run, when it should be `n`. */
static uint16_t wait_started(uint16_t n)
{
    uint32_t start = now_us();

    while (started() < n && now_us() - start < 10000000)
        asm volatile("pause");
    delay_us(20000);
    return started();
}

static void test_smp(void)
{
    for (unsigned i = 0; i < sizeof(trampoline); i++)
        ((volatile uint8_t *)0x8000)[i] = trampoline[i];
    *(volatile uint16_t *)0x7000 = 0;
    to_others(0x4500);
    to_others(0x4608);
    compare("INIT and SIPI start the others", wait_started(2), 2);
    to_others(0x4608);
    compare("a SIPI without INIT is ignored", wait_started(2), 2);
    to_others(0xc500);
    to_others(0x8500);
    to_others(0x4608);
    compare("INIT and SIPI again", wait_started(4), 4);
}

int main(void)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } tests[] = {
        {"8254", test_pit},   {"8259", test_pic},       {"RTC", test_rtc},   {"FPU errors", test_fpu},    {"local APIC", test_apic},
        {"TSC deadline", test_deadline}, {"APIC base", test_apic_base}, {"IO-APIC", test_ioapic}, {"HPET", test_hpet}, {"other CPUs", test_smp},
    };


    trap_hook = interrupt;
    wr(HPET + 0x10, 1);
    pic_init();
    apic_w(APIC_SVR, 0x1ff);
    apic_w(APIC_LINT0, 0x700); /* as firmware leaves it */
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        print("%s\n", tests[i].name);
        tests[i].fn();
    }
    return 0;
}
