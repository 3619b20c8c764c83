/* SPDX-License-Identifier: MIT */
/*
 * The 8259A pair: initialisation, priorities, every kind of EOI, the modes.
 */
#include "tests/dev/dev.h"

#include "hw/intc/i8259.h"

#define NONE -1
#define SPUR 0x27

static struct isa_bus isa;
static struct device *pic;
static struct wire intr;

static void init_chips(uint8_t icw4_master, uint8_t icw4_slave)
{
    outb(0x20, 0x11);
    outb(0x21, 0x20);
    outb(0x21, 0x04);
    outb(0x21, icw4_master);
    outb(0xa0, 0x11);
    outb(0xa1, 0x28);
    outb(0xa1, 0x02);
    outb(0xa1, icw4_slave);
}

static void setup(void)
{
    dev_setup(&isa);
    wire_init(&intr);
    pic = dev_new("isa-i8259");
    i8259_set_output(pic, &intr.irq);
    dev_realize(pic);
}

enum step_kind {
    END,
    UP,    /* raise line a */
    DOWN,  /* lower line a */
    OUT,   /* port a, value b */
    IN,    /* port a reads b */
    ACK,   /* acknowledge gives vector a, NONE: INT is low */
    INIT,  /* ICWs with ICW4 a and b */
    LEVEL, /* INT is a */
};

struct step {
    enum step_kind kind;
    int a, b;
};

static void run_step(const struct step *s, unsigned row)
{
    switch (s->kind) {
    case UP:
    case DOWN:
        irq_set(i8259_input(pic, (unsigned)s->a), s->kind == UP);
        break;
    case OUT:
        outb((uint16_t)s->a, (uint8_t)s->b);
        break;
    case IN: {
        uint8_t got = inb((uint16_t)s->a);

        ck_assert_msg(got == s->b, "step %u: port %#x reads %#x, not %#x", row, s->a, got, s->b);
        break;
    }
    case ACK: {
        int got = intr.level ? i8259_ack(pic) : NONE;

        ck_assert_msg(got == s->a, "step %u: vector %#x, not %#x", row, got, s->a);
        break;
    }
    case INIT:
        init_chips((uint8_t)s->a, (uint8_t)s->b);
        break;
    case LEVEL:
        ck_assert_msg(intr.level == s->a, "step %u: INT is %d", row, intr.level);
        break;
    default:
        break;
    }
    ck_assert_int_eq(intr.level, i8259_pending(pic));
}

static void run(const struct step *steps)
{
    setup();
    for (unsigned i = 0; steps[i].kind != END; i++)
        run_step(&steps[i], i);
    dev_check_vmstate(pic);
}

START_TEST(test_reset)
{
    static const struct step steps[] = {
        {UP, 0, 0},
        {LEVEL, 0, 0},
        {IN, 0x21, 0xff},
        {IN, 0x20, 0x01},
        {IN, 0x4d0, 0},
        {IN, 0x4d1, 0},
        /* the edge sense circuits are reset by ICW1 */
        {INIT, 1, 1},
        {IN, 0x21, 0},
        {LEVEL, 0, 0},
        {DOWN, 0, 0},
        {UP, 0, 0},
        {ACK, 0x20, 0},
        {END, 0, 0},
    };

    run(steps);
    ck_assert_ptr_null(i8259_input(pic, 2));
    ck_assert_ptr_null(i8259_input(pic, 16));
}
END_TEST

START_TEST(test_priorities)
{
    static const struct step steps[] = {
        {INIT, 1, 1},
        {UP, 5, 0},
        {ACK, 0x25, 0},
        {ACK, NONE, 0},
        {IN, 0x20, 0}, /* the request has gone to ISR */
        {OUT, 0x20, 0x0b},
        {IN, 0x20, 0x20},
        {UP, 6, 0}, /* lower: waits */
        {ACK, NONE, 0},
        {UP, 1, 0}, /* higher: nests */
        {ACK, 0x21, 0},
        {IN, 0x20, 0x22},
        {OUT, 0x20, 0x20},
        {IN, 0x20, 0x20},
        {OUT, 0x20, 0x20},
        {ACK, 0x26, 0},
        {OUT, 0x20, 0x66}, /* specific EOI */
        {IN, 0x20, 0},
        {OUT, 0x20, 0x0a},
        /* masked requests are kept as long as the line stays */
        {OUT, 0x21, 0x08},
        {UP, 3, 0},
        {ACK, NONE, 0},
        {IN, 0x20, 0x08},
        {OUT, 0x21, 0},
        {ACK, 0x23, 0},
        {OUT, 0x20, 0x20},
        {ACK, NONE, 0}, /* no second edge */
        {END, 0, 0},
    };

    run(steps);
}
END_TEST

START_TEST(test_cascade)
{
    static const struct step steps[] = {
        {INIT, 1, 1},      {UP, 12, 0},       {IN, 0x20, 0x04},  {IN, 0xa0, 0x10},
        {ACK, 0x2c, 0},    {OUT, 0x20, 0x0b}, {OUT, 0xa0, 0x0b}, {IN, 0x20, 0x04},
        {IN, 0xa0, 0x10},  {UP, 3, 0}, /* below the slave */
        {ACK, NONE, 0},    {UP, 8, 0}, /* the master is busy with the slave: no nesting */
        {ACK, NONE, 0},    {UP, 1, 0},        {ACK, 0x21, 0},    {OUT, 0x20, 0x61},
        {OUT, 0x20, 0x62}, {ACK, 0x28, 0},    {OUT, 0xa0, 0x60}, {OUT, 0xa0, 0x64},
        {OUT, 0x20, 0x20}, {ACK, 0x23, 0},    {OUT, 0x20, 0x20}, {END, 0, 0},
    };

    run(steps);
}
END_TEST

START_TEST(test_special_fully_nested)
{
    static const struct step steps[] = {
        {INIT, 0x11, 1},   {UP, 12, 0},       {ACK, 0x2c, 0}, {UP, 9, 0},
        {ACK, 0x29, 0},                    /* nests */
        {UP, 14, 0},       {ACK, NONE, 0}, /* lower within the slave */
        {UP, 4, 0},        {ACK, NONE, 0}, /* lower in the master */
        {OUT, 0xa0, 0x61}, {OUT, 0xa0, 0x64}, {ACK, 0x2e, 0}, {OUT, 0xa0, 0x66},
        {OUT, 0x20, 0x62}, {ACK, 0x24, 0},    {END, 0, 0},
    };

    run(steps);
}
END_TEST

START_TEST(test_rotation)
{
    static const struct step
        steps[] =
            {
                {INIT, 1, 1},
                {UP, 4, 0},
                {ACK, 0x24, 0},
                {OUT, 0x20, 0xa0}, /* rotate on non-specific EOI: 4 is lowest, 5 highest */
                {UP, 0, 0},
                {DOWN, 4, 0},
                {UP, 4, 0},
                {UP, 6, 0},
                {ACK, 0x26, 0},
                {OUT, 0x20, 0xe6}, /* rotate on specific EOI: 7 is highest */
                {ACK, 0x20, 0},
                {ACK, NONE, 0},
                {OUT, 0x20, 0xc7}, /* set priority: 0 is highest again */
                {OUT, 0x20, 0x20},
                {ACK, 0x24, 0},
                {OUT, 0x20, 0x20},
                {OUT, 0x20, 0x40}, /* no operation */
                {END, 0, 0},
            };

    run(steps);
}
END_TEST

START_TEST(test_auto_eoi)
{
    static const struct step steps[] = {
        {INIT, 3, 3},      {UP, 3, 0},     {UP, 5, 0},        {ACK, 0x23, 0},    {ACK, 0x25, 0},
        {OUT, 0x20, 0x0b}, {IN, 0x20, 0},  {OUT, 0x20, 0x80}, /* rotate */
        {DOWN, 3, 0},      {UP, 3, 0},     {ACK, 0x23, 0},    {DOWN, 3, 0},      {UP, 3, 0},
        {UP, 4, 0},        {ACK, 0x24, 0}, {ACK, 0x23, 0},    {OUT, 0x20, 0x00}, {END, 0, 0},
    };

    run(steps);
}
END_TEST

START_TEST(test_special_mask)
{
    static const struct step steps[] = {
        {INIT, 1, 1},      {UP, 3, 0},        {ACK, 0x23, 0},
        {UP, 5, 0},        {ACK, NONE, 0},    {OUT, 0x21, 0x08},
        {ACK, NONE, 0},    {OUT, 0x20, 0x68}, /* set special mask */
        {ACK, 0x25, 0},    {OUT, 0x20, 0x20}, /* ends 5, not the masked 3 */
        {OUT, 0x20, 0x0b}, {IN, 0x20, 0x08},  {OUT, 0x20, 0x20},
        {IN, 0x20, 0x08},  {OUT, 0x20, 0x48}, /* clear it */
        {OUT, 0x20, 0x20}, {IN, 0x20, 0},     {END, 0, 0},
    };

    run(steps);
}
END_TEST

START_TEST(test_poll)
{
    static const struct step steps[] = {
        {INIT, 1, 1},      {OUT, 0x20, 0x0c}, {IN, 0x20, 0},     {UP, 6, 0},
        {OUT, 0x20, 0x0c}, {IN, 0x21, 0x86},  {LEVEL, 0, 0},     {IN, 0x21, 0x00},
        {OUT, 0x20, 0x0b}, {IN, 0x20, 0x40},  {OUT, 0x20, 0x20}, {IN, 0x20, 0},
        {UP, 15, 0},       {OUT, 0xa0, 0x0c}, {IN, 0xa0, 0x87},  {END, 0, 0},
    };

    run(steps);
}
END_TEST

START_TEST(test_level_and_edge)
{
    static const struct step steps[] = {
        {OUT, 0x4d0, 0xff},
        {OUT, 0x4d1, 0xff},
        {IN, 0x4d0, 0xf8},
        {IN, 0x4d1, 0xde},
        {INIT, 1, 1},
        {UP, 11, 0},
        {ACK, 0x2b, 0},
        {IN, 0xa0, 0x08}, /* still asserted */
        {OUT, 0xa0, 0x20},
        {OUT, 0x20, 0x20},
        {ACK, 0x2b, 0}, /* again */
        {DOWN, 11, 0},
        {OUT, 0xa0, 0x20},
        {OUT, 0x20, 0x20},
        {ACK, NONE, 0},
        /* an edge that goes before it is seen is no more */
        {UP, 1, 0},
        {LEVEL, 1, 0},
        {DOWN, 1, 0},
        {LEVEL, 0, 0},
        {END, 0, 0},
    };

    run(steps);
    ck_assert_int_eq(i8259_ack(pic), SPUR);
    outb(0x20, 0x0b);
    ck_assert_int_eq(inb(0x20), 0); /* spurious ones are not in service */
}
END_TEST

START_TEST(test_masked_slave)
{
    static const struct step steps[] = {
        {INIT, 1, 1},   {OUT, 0xa1, 0xff}, {UP, 10, 0},   {LEVEL, 0, 0},     {OUT, 0xa1, 0},
        {LEVEL, 1, 0},  {OUT, 0xa1, 0xff}, {LEVEL, 0, 0}, {OUT, 0x20, 0x0c}, {IN, 0x20, 0},
        {OUT, 0xa1, 0}, {ACK, 0x2a, 0},    {END, 0, 0},
    };

    run(steps);
}
END_TEST

/* 8080 mode: the second byte of the acknowledge is the low half of an address. */
START_TEST(test_8080)
{
    setup();
    outb(0x20, 0x16 | 0x20); /* interval 4, single, no ICW4 */
    outb(0x21, 0x12);
    irq_raise(i8259_input(pic, 3));
    ck_assert_int_eq(i8259_ack(pic), 0x20 | 3 << 2);
    outb(0x20, 0x52); /* interval 8 */
    outb(0x21, 0x12);
    irq_lower(i8259_input(pic, 3));
    irq_raise(i8259_input(pic, 3));
    ck_assert_int_eq(i8259_ack(pic), 0x40 | 3 << 3);
}
END_TEST

START_TEST(test_fuzz)
{
    setup();
    for (unsigned i = 0; i < 50000; i++) {
        static const uint16_t ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1};
        uint16_t port = ports[dev_random() % ARRAY_SIZE(ports)];

        irq_set(i8259_input(pic, dev_random() % 17), dev_random() & 1);
        if (dev_random() & 1)
            outb(port, (uint8_t)dev_random());
        else
            inb(port);
        if (dev_random() % 4 == 0)
            i8259_ack(pic);
        ck_assert_int_eq(intr.level, i8259_pending(pic));
    }
    dev_check_vmstate(pic);
    device_free(pic);
}
END_TEST

TEST_MAIN("i8259", test_reset, test_priorities, test_cascade, test_special_fully_nested,
          test_rotation, test_auto_eoi, test_special_mask, test_poll, test_level_and_edge,
          test_masked_slave, test_8080, test_fuzz)
