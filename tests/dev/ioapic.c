/* SPDX-License-Identifier: MIT */
/*
 * The IO-APIC and the routing of lines to it and the 8259s.
 */
#include "tests/dev/dev.h"
#include "tests/dev/fake_cpu.h"

#include "hw/intc/apic.h"
#include "hw/intc/gsi.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"

#define BASE   0xfec00000u
#define APIC   0xfee00000u
#define CPUS   2
#define MASKED 0x10000u
#define LEVEL  0x8000u
#define REMOTE 0x4000u

static struct isa_bus isa;
static struct device *apics[CPUS], *ioapic, *pic, *gsi;
static struct irq *line[GSI_COUNT];

static uint32_t rd(unsigned reg)
{
    addr_space_stb(&as_memory, BASE, (uint8_t)reg);
    return addr_space_ldl_le(&as_memory, BASE + 0x10);
}

static void wr(unsigned reg, uint32_t val)
{
    addr_space_stl_le(&as_memory, BASE, reg);
    addr_space_stl_le(&as_memory, BASE + 0x10, val);
}

static void route(unsigned pin, uint32_t low, uint32_t dest)
{
    wr(0x11 + pin * 2, dest << 24);
    wr(0x10 + pin * 2, low);
}

static void eoi(unsigned cpu)
{
    fake_current = &fake_cpus[cpu];
    addr_space_stl_le(&as_memory, APIC + 0xb0, 0);
}

static void setup(void)
{
    struct error *err = NULL;

    dev_setup(&isa);
    for (unsigned i = 0; i < CPUS; i++) {
        apics[i] = dev_new("apic");
        device_set_u64(apics[i], "cpu", i);
        device_set_u64(apics[i], "id", i);
        dev_realize(apics[i]);
        fake_current = &fake_cpus[i];
        addr_space_stl_le(&as_memory, APIC + 0xf0, 0x1ff);
        addr_space_stl_le(&as_memory, APIC + 0xd0, 1u << (24 + i));
    }
    ioapic = dev_make("ioapic");
    pic = dev_new("isa-i8259");
    i8259_set_output(pic, apic_bus_lint(0));
    dev_realize(pic);
    apic_bus_set_pic(pic);
    gsi = gsi_new(pic, ioapic, &err);
    ck_assert_ptr_nonnull(gsi);
    for (unsigned i = 0; i < GSI_COUNT; i++)
        line[i] = gsi_input(gsi, i);
}

START_TEST(test_registers)
{
    setup();
    ck_assert_uint_eq(rd(0), 0);
    ck_assert_uint_eq(rd(1), 0x00170020);
    for (unsigned pin = 0; pin < 24; pin++) {
        ck_assert_uint_eq(rd(0x10 + pin * 2), MASKED);
        wr(0x10 + pin * 2, 0xffffffff);
        wr(0x11 + pin * 2, 0xffffffff);
        ck_assert_uint_eq(rd(0x10 + pin * 2), 0x1afff);
        ck_assert_uint_eq(rd(0x11 + pin * 2), 0xff000000);
    }
    wr(0, 0xffffffff);
    ck_assert_uint_eq(rd(0), 0x0f000000);
    ck_assert_uint_eq(rd(2), 0x0f000000);
    wr(1, 0);
    wr(0x40, 0xffffffff);
    ck_assert_uint_eq(rd(0x40), 0);
    ck_assert_uint_eq(rd(0xff), 0);
    ck_assert_uint_eq(addr_space_ldub(&as_memory, BASE), 0xff);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, BASE + 0x20), 0);
    dev_check_vmstate(ioapic);
}
END_TEST

START_TEST(test_edge)
{
    setup();
    route(5, 0x45, 1);
    irq_raise(line[5]);
    ck_assert_int_eq(fake_ack(0), -1);
    ck_assert_int_eq(fake_ack(1), 0x45);
    eoi(1);
    irq_raise(line[5]);
    ck_assert_int_eq(fake_ack(1), -1);
    irq_lower(line[5]);
    irq_raise(line[5]);
    ck_assert_int_eq(fake_ack(1), 0x45);
    eoi(1);
    /* edges of a masked pin are lost */
    route(5, 0x45 | MASKED, 1);
    irq_pulse(line[5]);
    route(5, 0x45, 1);
    ck_assert_int_eq(fake_ack(1), -1);
}
END_TEST

START_TEST(test_level)
{
    setup();
    route(18, 0x51 | LEVEL, 0);
    irq_raise(line[18]);
    ck_assert_uint_eq(rd(0x10 + 36), 0x51 | LEVEL | REMOTE);
    ck_assert_int_eq(fake_ack(0), 0x51);
    ck_assert_int_eq(fake_ack(0), -1);
    eoi(0); /* still asserted: again */
    ck_assert_int_eq(fake_ack(0), 0x51);
    dev_check_vmstate(ioapic);
    dev_check_vmstate(gsi);
    irq_lower(line[18]);
    ck_assert_uint_eq(rd(0x10 + 36), 0x51 | LEVEL | REMOTE);
    eoi(0);
    ck_assert_uint_eq(rd(0x10 + 36), 0x51 | LEVEL);
    ck_assert_int_eq(fake_ack(0), -1);
    /* asserted while masked: kept */
    route(18, 0x51 | LEVEL | MASKED, 0);
    irq_raise(line[18]);
    ck_assert_int_eq(fake_ack(0), -1);
    route(18, 0x51 | LEVEL, 0);
    ck_assert_int_eq(fake_ack(0), 0x51);
    irq_lower(line[18]);
    /* its own EOI register; an EOI of another vector */
    addr_space_stl_le(&as_memory, BASE + 0x40, 0x52);
    ck_assert_uint_eq(rd(0x10 + 36), 0x51 | LEVEL | REMOTE);
    addr_space_stl_le(&as_memory, BASE + 0x40, 0x51);
    ck_assert_uint_eq(rd(0x10 + 36), 0x51 | LEVEL);
    eoi(0);
    /* nobody there to take it: it is tried again */
    route(18, 0x51 | LEVEL, 7);
    irq_raise(line[18]);
    ck_assert_uint_eq(rd(0x10 + 36), 0x51 | LEVEL);
    /* to edge and back forgets the remote IRR */
    route(18, 0x51 | LEVEL, 0);
    route(18, 0x51, 0);
    ck_assert_uint_eq(rd(0x10 + 36), 0x51);
}
END_TEST

/* A pin nobody calms down does not keep the CPU from everything else. */
START_TEST(test_storm)
{
    unsigned n = 0;

    setup();
    route(18, 0x51 | LEVEL, 0);
    irq_raise(line[18]);
    for (; fake_ack(0) == 0x51; n++)
        eoi(0);
    ck_assert_uint_eq(n, 10000);
    clock_step(10 * NS_PER_MS);
    ck_assert_int_eq(fake_ack(0), 0x51);
    irq_lower(line[18]);
    eoi(0);
    ck_assert_int_eq(fake_ack(0), -1);
}
END_TEST

START_TEST(test_destinations)
{
    static const struct {
        uint32_t low, dest;
        int got[CPUS];
    } rows[] = {
        {0x60, 0xff, {0x60, 0x60}}, {0x861, 2, {-1, 0x61}}, {0x862, 3, {0x62, 0x62}},
        {0x963, 2, {-1, 0x63}},     {0x163, 1, {-1, 0x63}}, {0x664, 0, {-1, -1}},
        {0x300, 0, {-1, -1}},       {0x05, 0, {-1, -1}},
    };

    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        route(7, rows[i].low, rows[i].dest);
        irq_pulse(line[7]);
        for (unsigned cpu = 0; cpu < CPUS; cpu++) {
            int got = fake_ack(cpu);

            ck_assert_msg(got == rows[i].got[cpu], "row %u CPU %u: %d", i, cpu, got);
            eoi(cpu);
        }
    }
    route(7, 0x400, 1);
    irq_pulse(line[7]);
    ck_assert_uint_eq(fake_cpus[1].events, VCPU_EV_NMI);
}
END_TEST

START_TEST(test_gsi)
{
    struct irq *other;

    setup();
    outb(0x20, 0x11);
    outb(0x21, 0x20);
    outb(0x21, 4);
    outb(0x21, 1);
    outb(0xa0, 0x11);
    outb(0xa1, 0x28);
    outb(0xa1, 2);
    outb(0xa1, 1);
    apic_set_virtual_wire(apics[0]);
    /* the timer is pin 2 here, input 0 there */
    route(2, 0x70, 1);
    irq_raise(line[0]);
    ck_assert_int_eq(fake_ack(0), 0x20);
    ck_assert_int_eq(fake_ack(1), 0x70);
    ck_assert_ptr_null(line[2]);
    ck_assert_ptr_null(gsi_input(gsi, 24));
    outb(0x20, 0x20);
    eoi(1);
    /* a shared line */
    route(11, 0x7b | LEVEL, 1);
    other = gsi_input(gsi, 11);
    ck_assert_ptr_ne(other, line[11]);
    irq_raise(line[11]);
    irq_raise(other);
    ck_assert_int_eq(fake_ack(1), 0x7b);
    irq_lower(line[11]);
    eoi(1);
    ck_assert_int_eq(fake_ack(1), 0x7b);
    irq_lower(other);
    eoi(1);
    ck_assert_int_eq(fake_ack(1), -1);
    for (unsigned i = 2; i < GSI_SOURCES; i++)
        ck_assert_ptr_nonnull(gsi_input(gsi, 11));
    ck_assert_ptr_null(gsi_input(gsi, 11));
}
END_TEST

START_TEST(test_fuzz)
{
    char *text;

    setup();
    for (unsigned i = 0; i < 50000; i++) {
        irq_set(line[dev_random() % GSI_COUNT], dev_random() & 1);
        wr(dev_random() & 0x7f, dev_random());
        rd(dev_random() & 0xff);
        addr_space_stl_le(&as_memory, BASE + (dev_random() & 0xffc), dev_random());
        addr_space_ldl_le(&as_memory, BASE + (dev_random() & 0xfff));
        fake_ack(i % CPUS);
        eoi(i % CPUS);
    }
    text = ioapic_describe(ioapic);
    ck_assert_ptr_nonnull(strstr(text, "pin 23"));
    g_free(text);
    dev_check_vmstate(ioapic);
    device_free(gsi);
    device_free(ioapic);
}
END_TEST

TEST_MAIN("ioapic", test_registers, test_edge, test_level, test_storm, test_destinations, test_gsi,
          test_fuzz)
