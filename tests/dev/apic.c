/* SPDX-License-Identifier: MIT */
/*
 * Local APICs: registers, priorities, IPIs, timer, LINT pins, messages, modes; and
 * two threads that interrupt each other.
 */
#include "tests/dev/dev.h"
#include "tests/dev/fake_cpu.h"

#include "hw/core/msi.h"
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"

#include <pthread.h>

#define CPUS 3
#define BASE 0xfee00000u

#define ID      0x020
#define VERSION 0x030
#define TPR     0x080
#define PPR     0x0a0
#define EOI     0x0b0
#define LDR     0x0d0
#define DFR     0x0e0
#define SVR     0x0f0
#define ISR     0x100
#define TMR     0x180
#define IRR     0x200
#define ESR     0x280
#define ICR     0x300
#define ICR2    0x310
#define LVT_T   0x320
#define LINT0   0x350
#define LINT1   0x360
#define LVT_E   0x370
#define TMICT   0x380
#define TMCCT   0x390
#define TDCR    0x3e0

#define MASKED 0x10000

static struct isa_bus isa;
static struct device *apics[CPUS], *pic;
static uint64_t window = BASE;
static bool with_x2apic = true;

static uint32_t rd(unsigned cpu, unsigned reg)
{
    fake_current = &fake_cpus[cpu];
    return addr_space_ldl_le(&as_memory, window + reg);
}

static void wr(unsigned cpu, unsigned reg, uint32_t val)
{
    fake_current = &fake_cpus[cpu];
    addr_space_stl_le(&as_memory, window + reg, val);
}

static void icr(unsigned cpu, uint32_t dest, uint32_t low)
{
    wr(cpu, ICR2, dest << 24);
    wr(cpu, ICR, low);
}

static int set_base(unsigned cpu, uint64_t val)
{
    fake_current = &fake_cpus[cpu];
    return fake_cpus[cpu].ops->set_base(fake_cpus[cpu].apic, val);
}

static uint64_t get_base(unsigned cpu)
{
    return fake_cpus[cpu].ops->get_base(fake_cpus[cpu].apic);
}

static int wrmsr(unsigned cpu, uint32_t msr, uint64_t val)
{
    return fake_cpus[cpu].ops->msr_write(fake_cpus[cpu].apic, msr, val);
}

static int rdmsr(unsigned cpu, uint32_t msr, uint64_t *val)
{
    return fake_cpus[cpu].ops->msr_read(fake_cpus[cpu].apic, msr, val);
}

/* CPU n has APIC id n + 1. */
static void setup(void)
{
    dev_setup(&isa);
    for (unsigned i = 0; i < CPUS; i++) {
        apics[i] = dev_new("apic");
        device_set_u64(apics[i], "cpu", i);
        device_set_u64(apics[i], "id", i + 1);
        device_set_u64(apics[i], "x2apic", with_x2apic);
        dev_realize(apics[i]);
    }
    pic = dev_new("isa-i8259");
    i8259_set_output(pic, apic_bus_lint(0));
    dev_realize(pic);
    apic_bus_set_pic(pic);
    for (unsigned i = 0; i < CPUS; i++) {
        wr(i, SVR, 0x1ff);
        wr(i, LDR, 1u << (24 + i));
    }
}

static void end_service(unsigned cpu)
{
    wr(cpu, EOI, 0);
}

START_TEST(test_reset_values)
{
    static const struct {
        unsigned reg;
        uint32_t val;
    } rows[] = {
        {ID, 0x02000000}, {VERSION, 0x00050014},
        {TPR, 0},         {PPR, 0},
        {LDR, 0},         {DFR, 0xffffffff},
        {SVR, 0xff},      {ISR, 0},
        {IRR + 0x70, 0},  {TMR, 0},
        {ESR, 0},         {ICR, 0},
        {ICR2, 0},        {LVT_T, MASKED},
        {LINT0, MASKED},  {LINT1, MASKED},
        {LVT_E, MASKED},  {TMICT, 0},
        {TMCCT, 0},       {TDCR, 0},
    };

    setup();
    device_reset(apics[1], RESET_COLD);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_msg(rd(1, rows[i].reg) == rows[i].val, "register %#x is %#x", rows[i].reg,
                      rd(1, rows[i].reg));
    ck_assert_uint_eq(get_base(0), BASE | 0x900);
    ck_assert_uint_eq(get_base(1), BASE | 0x800);
    /* switched off by software: LVT stays masked, nothing is accepted */
    wr(1, LINT0, 0x700);
    ck_assert_uint_eq(rd(1, LINT0), 0x700 | MASKED);
    icr(0, 2, 0x40);
    ck_assert_int_eq(fake_ack(1), -1);
    ck_assert_uint_eq(apic_id(apics[1]), 2);
    dev_check_vmstate(apics[1]);
}
END_TEST

START_TEST(test_masks)
{
    static const struct {
        unsigned reg;
        uint32_t val;
    } rows[] = {
        {ID, 0x01000000}, {TPR, 0xff},      {LDR, 0xff000000}, {DFR, 0xffffffff},
        {SVR, 0x3ff},     {LVT_T, 0x700ff}, {0x330, 0x107ff},  {0x340, 0x107ff},
        {LINT0, 0x1a7ff}, {LINT1, 0x1a7ff}, {LVT_E, 0x100ff},  {ICR2, 0xff000000},
        {TDCR, 0xb},
    };

    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        wr(0, rows[i].reg, 0xffffffff);
        ck_assert_msg(rd(0, rows[i].reg) == rows[i].val, "register %#x is %#x", rows[i].reg,
                      rd(0, rows[i].reg));
    }
    fake_current = &fake_cpus[0];
    ck_assert_uint_eq(addr_space_lduw_le(&as_memory, BASE + SVR), 0x3ff);
    ck_assert_uint_eq(addr_space_ldub(&as_memory, BASE + SVR + 1), 3);
    addr_space_stb(&as_memory, BASE + SVR, 0);
    ck_assert_uint_eq(rd(0, SVR), 0x3ff);
    ck_assert_uint_eq(rd(0, SVR + 4), 0);
}
END_TEST

START_TEST(test_priorities)
{
    setup();
    icr(0, 1, 0x45);
    icr(0, 1, 0x47);
    icr(0, 1, 0x91);
    ck_assert_uint_eq(rd(0, IRR + 0x20), 0xa0);
    ck_assert_int_eq(fake_ack(0), 0x91);
    ck_assert_uint_eq(rd(0, ISR + 0x40), 0x20000);
    ck_assert_uint_eq(rd(0, PPR), 0x90);
    ck_assert_int_eq(fake_ack(0), -1);
    icr(0, 1, 0x92); /* same class: waits */
    ck_assert_int_eq(fake_ack(0), -1);
    icr(0, 1, 0xa0);
    ck_assert_int_eq(fake_ack(0), 0xa0);
    end_service(0);
    ck_assert_int_eq(fake_ack(0), -1);
    end_service(0);
    ck_assert_int_eq(fake_ack(0), 0x92);
    end_service(0);
    ck_assert_int_eq(fake_ack(0), 0x47);
    wr(0, TPR, 0x50);
    ck_assert_uint_eq(rd(0, PPR), 0x50);
    end_service(0);
    ck_assert_int_eq(fake_ack(0), -1);
    fake_cpus[0].ops->set_tpr(fake_cpus[0].apic, 0x3f);
    ck_assert_uint_eq(fake_cpus[0].ops->get_tpr(fake_cpus[0].apic), 0x3f);
    ck_assert_int_eq(fake_ack(0), 0x45);
    end_service(0);
    end_service(0); /* one too many */
    ck_assert_uint_eq(fake_cpus[0].events, 0);
    dev_check_vmstate(apics[0]);
}
END_TEST

/* Sender, destination, ICR; then the vectors CPUs 0, 1, 2 get (0: none). */
START_TEST(test_ipi)
{
    static const struct {
        unsigned from;
        uint32_t dest, low;
        int got[CPUS];
    } rows[] = {
        {0, 2, 0x00040, {0, 0x40, 0}},    {2, 1, 0x04041, {0x41, 0, 0}},
        {0, 9, 0x00042, {0, 0, 0}},       {1, 0xff, 0x00043, {0x43, 0x43, 0x43}},
        {0, 3, 0x00844, {0x44, 0x44, 0}}, {0, 0xff, 0x00845, {0x45, 0x45, 0x45}},
        {1, 0, 0x40046, {0, 0x46, 0}},    {1, 0, 0x80047, {0x47, 0x47, 0x47}},
        {1, 0, 0xc0048, {0x48, 0, 0x48}}, {0, 0, 0x00849, {0, 0, 0}},
        {0, 2, 0x00650, {0, 0, 0}},       /* SIPI */ {0, 2, 0x0000f, {0, 0, 0}}, /* bad vector */
        {0, 2, 0x00340, {0, 0, 0}},                                              /* remote read */
    };

    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        icr(rows[i].from, rows[i].dest, rows[i].low);
        for (unsigned cpu = 0; cpu < CPUS; cpu++) {
            int got = fake_ack(cpu);

            ck_assert_msg(got == (rows[i].got[cpu] ? rows[i].got[cpu] : -1),
                          "row %u CPU %u: vector %#x", i, cpu, got);
            end_service(cpu);
        }
    }
    ck_assert_uint_eq(fake_cpus[1].events, VCPU_EV_SIPI);
    ck_assert_uint_eq(fake_cpus[1].ops->sipi_vector(fake_cpus[1].apic), 0x50);
}
END_TEST

START_TEST(test_events)
{
    static const struct {
        uint32_t low, events;
    } rows[] = {
        {0x00200, VCPU_EV_SMI},  {0x00400, VCPU_EV_NMI}, {0x00500, VCPU_EV_INIT},
        {0x0c500, VCPU_EV_INIT}, {0x08500, 0},           {0x00612, VCPU_EV_SIPI},
    };

    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_cpus[2].events = 0;
        icr(0, 3, rows[i].low);
        ck_assert_msg(fake_cpus[2].events == rows[i].events, "row %u", i);
    }
    fake_cpus[0].events = 0;
    icr(0, 0, 0xc0400);
    ck_assert_uint_eq(fake_cpus[0].events, 0);
    /* INIT keeps id and base, nothing else */
    wr(2, TPR, 0x20);
    fake_cpus[2].ops->init(fake_cpus[2].apic);
    ck_assert_uint_eq(rd(2, SVR), 0xff);
    ck_assert_uint_eq(rd(2, TPR), 0);
    ck_assert_uint_eq(rd(2, ID), 0x03000000);
    ck_assert_uint_eq(get_base(2), BASE | 0x800);
}
END_TEST

START_TEST(test_cluster)
{
    setup();
    for (unsigned i = 0; i < CPUS; i++)
        wr(i, DFR, 0x0fffffff);
    wr(0, LDR, 0x11000000);
    wr(1, LDR, 0x12000000);
    wr(2, LDR, 0x21000000);
    icr(0, 0x13, 0x840);
    icr(0, 0x21, 0x850);
    icr(0, 0xf1, 0x860);
    ck_assert_int_eq(fake_ack(0), 0x60);
    ck_assert_int_eq(fake_ack(1), 0x40);
    ck_assert_int_eq(fake_ack(2), 0x60);
    end_service(0);
    end_service(2);
    ck_assert_int_eq(fake_ack(0), 0x40);
    ck_assert_int_eq(fake_ack(2), 0x50);
}
END_TEST

START_TEST(test_lowest_priority)
{
    unsigned hits[CPUS] = {0};

    setup();
    wr(0, TPR, 0x80);
    for (unsigned i = 0; i < 100; i++) {
        icr(0, 0xff, 0x940);
        for (unsigned cpu = 0; cpu < CPUS; cpu++) {
            hits[cpu] += fake_ack(cpu) == 0x40;
            end_service(cpu);
        }
    }
    ck_assert_uint_eq(hits[0], 0);
    ck_assert_uint_eq(hits[1] + hits[2], 100);
    ck_assert_uint_ge(hits[1], 30);
    ck_assert_uint_ge(hits[2], 30);
}
END_TEST

START_TEST(test_errors)
{
    setup();
    wr(0, LVT_E, 0xee);
    icr(0, 2, 0x05);
    ck_assert_int_eq(fake_ack(0), 0xee);
    end_service(0);
    ck_assert_uint_eq(rd(0, ESR), 0);
    wr(0, ESR, 0);
    ck_assert_uint_eq(rd(0, ESR), 0x20);
    wr(0, ESR, 0);
    ck_assert_uint_eq(rd(0, ESR), 0);
    rd(0, 0x3c0);
    wr(0, 0x3f0, 1);
    wr(0, ESR, 0);
    ck_assert_uint_eq(rd(0, ESR), 0x80);
    msi_send(BASE | 2 << 12, 0x0001);
    wr(1, ESR, 0);
    ck_assert_uint_eq(rd(1, ESR), 0x40);
    /* an error entry with a bad vector of its own */
    wr(0, LVT_E, 0x03);
    rd(0, 0x3c0);
    wr(0, ESR, 0);
    ck_assert_uint_eq(rd(0, ESR), 0xc0);
}
END_TEST

static void run_timers(int64_t ns)
{
    clock_step(ns);
}

START_TEST(test_timer_one_shot)
{
    setup();
    wr(0, TDCR, 0xb); /* by 1 */
    wr(0, LVT_T, 0x60);
    wr(0, TMICT, 1000);
    run_timers(400);
    ck_assert_uint_eq(rd(0, TMCCT), 600);
    ck_assert_int_eq(fake_ack(0), -1);
    run_timers(599);
    ck_assert_int_eq(fake_ack(0), -1);
    run_timers(1);
    ck_assert_int_eq(fake_ack(0), 0x60);
    end_service(0);
    ck_assert_uint_eq(rd(0, TMCCT), 0);
    run_timers(100000);
    ck_assert_int_eq(fake_ack(0), -1);
    wr(0, TDCR, 0x3); /* by 16 */
    wr(0, TMICT, 1000);
    run_timers(15999);
    ck_assert_uint_eq(rd(0, TMCCT), 1);
    ck_assert_int_eq(fake_ack(0), -1);
    dev_check_vmstate(apics[0]);
    run_timers(1);
    ck_assert_int_eq(fake_ack(0), 0x60);
    end_service(0);
    /* stopped by a count of 0; masked; unmasked too late */
    wr(0, TMICT, 1000);
    wr(0, TMICT, 0);
    run_timers(100000);
    wr(0, LVT_T, 0x60 | MASKED);
    wr(0, TMICT, 10);
    run_timers(100000);
    wr(0, LVT_T, 0x60);
    run_timers(100000);
    ck_assert_int_eq(fake_ack(0), -1);
    /* a vector that is none */
    wr(0, LVT_T, 0x06);
    wr(0, TMICT, 10);
    run_timers(1000);
    wr(0, ESR, 0);
    ck_assert_uint_eq(rd(0, ESR), 0x40);
}
END_TEST

START_TEST(test_timer_periodic)
{
    unsigned got = 0;

    setup();
    wr(1, TDCR, 0xb);
    wr(1, LVT_T, 0x20061);
    wr(1, TMICT, 1000000);
    for (unsigned i = 0; i < 100; i++) {
        run_timers(500000);
        got += fake_ack(1) == 0x61;
        end_service(1);
    }
    ck_assert_uint_eq(got, 50);
    run_timers(1);
    ck_assert_uint_eq(rd(1, TMCCT), 999999);
    /* slower from the middle on */
    run_timers(499999);
    wr(1, TDCR, 0);
    ck_assert_uint_eq(rd(1, TMCCT), 500000);
    run_timers(999999);
    ck_assert_int_eq(fake_ack(1), -1);
    run_timers(1);
    ck_assert_int_eq(fake_ack(1), 0x61);
    end_service(1);
    dev_check_vmstate(apics[1]);
    /* faster than anybody could serve it */
    wr(1, TMICT, 1);
    run_timers(1000000);
    ck_assert_int_eq(fake_ack(1), 0x61);
}
END_TEST

/* The count survives changes of the mode. */
START_TEST(test_timer_modes)
{
    setup();
    wr(0, TDCR, 0xb);
    wr(0, TMICT, 10000);
    wr(0, LVT_T, 0x20061);
    ck_assert_uint_eq(rd(0, TMICT), 10000);
    run_timers(26000);
    ck_assert_uint_eq(rd(0, TMCCT), 4000);
    wr(0, LVT_T, 0x61);
    ck_assert_uint_eq(rd(0, TMCCT), 4000);
    ck_assert_int_eq(fake_ack(0), 0x61);
    end_service(0);
    run_timers(3999);
    ck_assert_int_eq(fake_ack(0), -1);
    run_timers(1);
    ck_assert_int_eq(fake_ack(0), 0x61);
    end_service(0);
    ck_assert_uint_eq(rd(0, TMCCT), 0);
    /* it is over for the periodic mode too, until it is set */
    wr(0, LVT_T, 0x20061);
    run_timers(12345);
    ck_assert_uint_eq(rd(0, TMCCT), 0);
    ck_assert_int_eq(fake_ack(0), -1);
    dev_check_vmstate(apics[0]);
    wr(0, LVT_T, 0x61);
    wr(0, TMICT, 10000);
    run_timers(6000);
    wr(0, LVT_T, 0x20061);
    ck_assert_uint_eq(rd(0, TMCCT), 4000);
    run_timers(5000);
    ck_assert_uint_eq(rd(0, TMCCT), 9000);
}
END_TEST

START_TEST(test_timer_deadline)
{
    uint64_t val;

    setup();
    ck_assert_int_eq(wrmsr(0, 0x6e0, 5000), 0);
    ck_assert_int_eq(rdmsr(0, 0x6e0, &val), 0);
    ck_assert_uint_eq(val, 0); /* not in this mode */
    wr(0, LVT_T, 0x40062);
    ck_assert_int_eq(wrmsr(0, 0x6e0, 5000), 0);
    wr(0, TMICT, 77);
    ck_assert_uint_eq(rd(0, TMICT), 0);
    rdmsr(0, 0x6e0, &val);
    ck_assert_uint_eq(val, 5000);
    run_timers(2499);
    ck_assert_int_eq(fake_ack(0), -1);
    dev_check_vmstate(apics[0]);
    run_timers(1);
    ck_assert_int_eq(fake_ack(0), 0x62);
    end_service(0);
    rdmsr(0, 0x6e0, &val);
    ck_assert_uint_eq(val, 0);
    wrmsr(0, 0x6e0, 1); /* in the past: at once */
    ck_assert_int_eq(fake_ack(0), 0x62);
    end_service(0);
    wrmsr(0, 0x6e0, 1000000);
    wr(0, LVT_T, 0x00062); /* another mode disarms it */
    run_timers(1000000);
    ck_assert_int_eq(fake_ack(0), -1);
}
END_TEST

static void init_pic(void)
{
    outb(0x20, 0x11);
    outb(0x21, 0x30);
    outb(0x21, 0x04);
    outb(0x21, 0x01);
}

START_TEST(test_lint0)
{
    setup();
    init_pic();
    irq_raise(i8259_input(pic, 1));
    ck_assert_int_eq(fake_ack(0), -1); /* masked */
    apic_set_virtual_wire(apics[0]);
    ck_assert_int_eq(fake_ack(1), -1);
    ck_assert_int_eq(fake_ack(0), 0x31);
    ck_assert_uint_eq(rd(0, ISR + 0x10), 0); /* not the APIC's */
    outb(0x20, 0x20);
    irq_raise(i8259_input(pic, 3));
    irq_lower(i8259_input(pic, 3));
    ck_assert_int_eq(fake_ack(0), -1);
    /* fixed and level-triggered: waits for the EOI */
    wr(0, LINT0, 0x8044);
    irq_raise(i8259_input(pic, 3));
    ck_assert_int_eq(fake_ack(0), 0x44);
    ck_assert_uint_eq(rd(0, LINT0), 0xc044);
    ck_assert_uint_eq(rd(0, TMR + 0x20), 0x10);
    end_service(0);
    ck_assert_int_eq(fake_ack(0), 0x44);
    irq_lower(i8259_input(pic, 3));
    end_service(0);
    ck_assert_int_eq(fake_ack(0), -1);
    ck_assert_uint_eq(rd(0, LINT0), 0x8044);
    /* fixed and edge-triggered */
    wr(0, LINT0, 0x45);
    irq_raise(i8259_input(pic, 3));
    ck_assert_int_eq(fake_ack(0), 0x45);
    end_service(0);
    ck_assert_int_eq(fake_ack(0), -1);
    dev_check_vmstate(pic);
}
END_TEST

START_TEST(test_lint1)
{
    setup();
    irq_pulse(apic_bus_lint(1));
    ck_assert_uint_eq(fake_cpus[0].events, 0);
    wr(0, LINT1, 0x400);
    irq_pulse(apic_bus_lint(1));
    ck_assert_uint_eq(fake_cpus[0].events, VCPU_EV_NMI);
    ck_assert_uint_eq(fake_cpus[1].events, 0);
}
END_TEST

START_TEST(test_messages)
{
    setup();
    msi_send(BASE | 2 << 12, 0x4055);
    ck_assert_int_eq(fake_ack(1), 0x55);
    end_service(1);
    msi_send(BASE | 0xc | 6 << 12, 0x0156); /* logical, lowest priority */
    ck_assert_int_eq(fake_ack(0), -1);
    ck_assert_int_ne(fake_ack(1) & fake_ack(2), 0);
    end_service(1);
    end_service(2);
    msi_send(BASE | 0xff << 12, 0x57);
    for (unsigned i = 0; i < CPUS; i++)
        ck_assert_int_eq(fake_ack(i), 0x57);
    msi_send(BASE | 1 << 12, 0x400);
    ck_assert_uint_eq(fake_cpus[0].events & VCPU_EV_NMI, VCPU_EV_NMI);
    msi_send(BASE | 1 << 12, 0x8058); /* level de-assert */
    msi_send(BASE | 1 << 12, 0x600);
    /* by a write to memory of somebody who is no CPU */
    end_service(2);
    fake_current = NULL;
    addr_space_stl_le(&as_memory, BASE | 3 << 12, 0x59);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, BASE), 0xffffffff);
    ck_assert_int_eq(fake_ack(2), 0x59);
    /* ExtINT: the 8259s give the vector */
    init_pic();
    irq_raise(i8259_input(pic, 4));
    msi_send(BASE | 2 << 12, 0x700);
    ck_assert_int_eq(fake_ack(1), 0x34);
    ck_assert_int_eq(fake_ack(1), -1);
}
END_TEST

START_TEST(test_base)
{
    setup();
    ck_assert_int_eq(set_base(1, BASE | 0x801), -1);
    ck_assert_int_eq(set_base(1, BASE | 0x400), -1);
    ck_assert_int_eq(set_base(1, 1ull << 52 | 0x800), -1);
    /* moved: its own registers there, nothing here, others unchanged */
    ck_assert_int_eq(set_base(1, 0x12345800), 0);
    ck_assert_uint_eq(rd(1, VERSION), 0xffffffff);
    ck_assert_uint_eq(rd(0, VERSION), 0x00050014);
    window = 0x12345000;
    ck_assert_uint_eq(rd(1, ID), 0x02000000);
    wr(1, TPR, 0x10);
    ck_assert_uint_eq(rd(0, ID), 0xffffffff);
    ck_assert_int_eq(set_base(0, 0x12345900), 0);
    ck_assert_uint_eq(rd(0, ID), 0x01000000);
    ck_assert_uint_eq(rd(1, TPR), 0x10);
    dev_check_vmstate(apics[1]);
    /* off: interrupts come from the 8259s past it */
    window = BASE;
    ck_assert_int_eq(set_base(0, BASE | 0x100), 0);
    ck_assert_uint_eq(rd(0, ID), 0xffffffff);
    icr(1, 1, 0x66);
    init_pic();
    irq_raise(i8259_input(pic, 0));
    ck_assert_int_eq(fake_ack(0), 0x30);
    irq_pulse(apic_bus_lint(1));
    ck_assert_uint_eq(fake_cpus[0].events & VCPU_EV_NMI, VCPU_EV_NMI);
    ck_assert_int_eq(set_base(0, BASE | 0x900), 0);
    ck_assert_uint_eq(rd(0, SVR), 0xff);
}
END_TEST

START_TEST(test_no_x2apic)
{
    uint64_t val;

    with_x2apic = false;
    setup();
    ck_assert_int_eq(set_base(0, BASE | 0xd00), -1);
    ck_assert_int_eq(set_base(0, BASE | 0x900), 0);
    ck_assert_int_eq(rdmsr(0, 0x802, &val), -1);
}
END_TEST

START_TEST(test_x2apic)
{
    static const struct {
        uint32_t msr;
        uint64_t val;
        int ret;
    } rows[] = {
        {0x802, 1, -1},     {0x803, 1, -1},      {0x808, 0x20, 0},   {0x808, 0x100, -1},
        {0x80a, 0, -1},     {0x80b, 0, 0},       {0x80b, 1, -1},     {0x80d, 0, -1},
        {0x80e, 0, -1},     {0x80f, 0x1ff, 0},   {0x80f, 0x400, -1}, {0x810, 0, -1},
        {0x828, 0, 0},      {0x828, 1, -1},      {0x831, 0, -1},     {0x832, 0x40, 0},
        {0x832, 0x800, -1}, {0x835, 0x10000, 0}, {0x838, 5, 0},      {0x838, 1ull << 32, -1},
        {0x83e, 0xb, 0},    {0x83e, 4, -1},      {0x83f, 0x40, 0},   {0x840, 0, -1},
        {0x7ff, 0, -1},     {0x82f, 0, -1},
    };
    uint64_t val;

    setup();
    ck_assert_int_eq(rdmsr(0, 0x802, &val), -1);
    for (unsigned i = 0; i < CPUS; i++)
        ck_assert_int_eq(set_base(i, BASE | 0xc00), 0);
    ck_assert_uint_eq(rd(0, VERSION), 0xffffffff);
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_msg(wrmsr(1, rows[i].msr, rows[i].val) == rows[i].ret, "row %u", i);
    ck_assert_int_eq(rdmsr(1, 0x802, &val), 0);
    ck_assert_uint_eq(val, 2);
    ck_assert_int_eq(rdmsr(1, 0x80d, &val), 0);
    ck_assert_uint_eq(val, 4);
    ck_assert_int_eq(rdmsr(1, 0x80e, &val), -1);
    ck_assert_int_eq(rdmsr(1, 0x831, &val), -1);
    ck_assert_int_eq(rdmsr(1, 0x83f, &val), -1);
    ck_assert_int_eq(fake_ack(1), 0x40);
    wrmsr(1, 0x80b, 0);
    wrmsr(0, 0x830, 2ull << 32 | 0x41);
    ck_assert_int_eq(rdmsr(0, 0x830, &val), 0);
    ck_assert_uint_eq(val, 2ull << 32 | 0x41);
    ck_assert_int_eq(fake_ack(1), 0x41);
    wrmsr(1, 0x80b, 0);
    wrmsr(0, 0x830, 0xcull << 32 | 0x842); /* logical: CPUs 1 and 2 */
    ck_assert_int_eq(fake_ack(0), -1);
    ck_assert_int_eq(fake_ack(1), 0x42);
    ck_assert_int_eq(fake_ack(2), 0x42);
    wrmsr(0, 0x830, 0xffffffffull << 32 | 0x50);
    ck_assert_int_eq(fake_ack(0), 0x50);
    ck_assert_int_eq(fake_ack(1), 0x50);
    wrmsr(0, 0x830, 0xffull << 32 | 0x60); /* no broadcast here */
    ck_assert_int_eq(fake_ack(0), -1);
    dev_check_vmstate(apics[1]);
    /* only through off back to xAPIC, and not from off to here */
    ck_assert_int_eq(set_base(1, BASE | 0x800), -1);
    ck_assert_int_eq(set_base(1, BASE), 0);
    ck_assert_int_eq(set_base(1, BASE | 0xc00), -1);
    ck_assert_int_eq(set_base(1, BASE | 0x800), 0);
    ck_assert_uint_eq(rd(1, ID), 0x02000000);
}
END_TEST

/* --- two threads ---------------------------------------------------------- */

#define ROUNDS 2000

/* Interrupt the other CPU and oneself, never with two vectors of the other's
 * outstanding; take whatever comes meanwhile. */
static void *cpu_thread(void *arg)
{
    unsigned cpu = (unsigned)(uintptr_t)arg, sent = 0, got = 0;

    fake_current = &fake_cpus[cpu];
    while (got < ROUNDS || sent < ROUNDS) {
        if (sent <= got && sent < ROUNDS) {
            icr(cpu, 2 - cpu, 0x40 + sent % 8 * 16);
            icr(cpu, 0, 0x400f1 - (sent & 1));
            sent++;
        }
        for (int v; (v = fake_ack(cpu)) >= 0; end_service(cpu))
            got += v < 0xf0;
        wr(cpu, TPR, sent & 0x1f);
        wr(cpu, LDR, sent << 24);
        rd(cpu, TMCCT);
        wr(cpu, ESR, 0);
    }
    return (void *)(uintptr_t)got;
}

START_TEST(test_threads)
{
    pthread_t thread[2];
    void *got;

    setup();
    device_unlock();
    for (uintptr_t i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, cpu_thread, (void *)i);
    for (unsigned i = 0; i < 1000; i++) {
        device_lock();
        irq_pulse(apic_bus_lint(1));
        device_unlock();
        msi_send(BASE | 0xff << 12, 0xf8);
        msi_send(BASE | 4 | 0x55 << 12, 0x1f9);
        msi_send(BASE | 1 << 12, 0x01);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(thread[i], &got);
        ck_assert_uint_eq((uintptr_t)got, ROUNDS);
    }
    device_lock();
}
END_TEST

START_TEST(test_fuzz)
{
    setup();
    init_pic();
    for (unsigned i = 0; i < 50000; i++) {
        unsigned cpu = dev_random() % CPUS;

        fake_current = &fake_cpus[cpu];
        switch (dev_random() % 8) {
        case 0:
            addr_space_ldq_le(&as_memory, window + dev_random() % 0x1000);
            break;
        case 1:
            addr_space_ldub(&as_memory, window + dev_random() % 0x2000);
            break;
        case 2:
        case 3:
            wr(cpu, dev_random() % 64 * 16, dev_random());
            break;
        case 4:
            msi_send(BASE | (dev_random() & 0xffffc), dev_random());
            break;
        case 5:
            fake_ack(cpu);
            end_service(cpu);
            break;
        case 6:
            irq_set(i8259_input(pic, dev_random() % 8), dev_random() & 1);
            wrmsr(cpu, 0x800 + dev_random() % 64, dev_random() & dev_random());
            break;
        default:
            if (dev_random() % 16 == 0)
                set_base(cpu, (dev_random() & 3 ? BASE : 0x40000000) | (dev_random() & 0xd00));
            clock_step(dev_random() % 100000);
            break;
        }
    }
    for (unsigned i = 0; i < CPUS; i++) {
        char *text = apic_describe(apics[i]);

        ck_assert_ptr_nonnull(strstr(text, "lvt"));
        g_free(text);
        dev_check_vmstate(apics[i]);
        device_free(apics[i]);
    }
}
END_TEST

TEST_MAIN("apic", test_reset_values, test_masks, test_priorities, test_ipi, test_events,
          test_cluster, test_lowest_priority, test_errors, test_timer_one_shot, test_timer_periodic,
          test_timer_modes, test_timer_deadline, test_lint0, test_lint1, test_messages, test_base,
          test_no_x2apic, test_x2apic, test_threads, test_fuzz)
