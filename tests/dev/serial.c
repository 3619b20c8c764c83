/* SPDX-License-Identifier: MIT */
/* isa-serial: registers, FIFOs, interrupts and their priorities, loopback, breaks, a slow host. */
#include "tests/dev/fakechr.h"

#define BASE 0x3f8

enum { RBR = BASE, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR, THR = RBR };

static struct isa_bus isa;
static struct wire irq4;
static struct fake_chr *chr;
static struct device *dev;

static void setup(void)
{
    dev_setup(&isa);
    wire_init(&irq4);
    isa_bus_connect_irq(&isa, 4, &irq4.irq);
    chr = fake_chr_new("s");
    dev = dev_new("isa-serial");
    device_set_ptr(dev, "chardev", &chr->chr);
    dev_realize(dev);
}

/* 115200 baud, 8N1: a character takes 86.8 us. */
static void fast(void)
{
    outb(LCR, 0x83);
    outb(RBR, 1);
    outb(IER, 0);
    outb(LCR, 0x03);
}

static void send(const char *text)
{
    fake_chr_send(chr, text);
}

START_TEST(test_registers)
{
    setup();
    ck_assert_uint_eq(inb(IER), 0);
    ck_assert_uint_eq(inb(IIR), 0x01);
    ck_assert_uint_eq(inb(LCR), 0);
    ck_assert_uint_eq(inb(MCR), 0);
    ck_assert_uint_eq(inb(LSR), 0x60);
    ck_assert_uint_eq(inb(MSR), 0xb0);
    outb(SCR, 0x5a);
    ck_assert_uint_eq(inb(SCR), 0x5a);
    outb(MCR, 0xff);
    ck_assert_uint_eq(inb(MCR), 0x1f);
    outb(MCR, 0);
    outb(IER, 0xff);
    ck_assert_uint_eq(inb(IER), 0x0f);
    outb(LSR, 0);
    ck_assert_uint_eq(inb(LSR), 0x60);
    outb(LCR, 0x80);
    outb(RBR, 0x34);
    outb(IER, 0x12);
    ck_assert_uint_eq(inb(RBR), 0x34);
    ck_assert_uint_eq(inb(IER), 0x12);
    outb(LCR, 0x7f);
    ck_assert_uint_eq(inb(LCR), 0x7f);
    ck_assert_uint_eq(inb(IER), 0x0f);
    outb(FCR, 0xc1);
    ck_assert_uint_eq(inb(IIR) & 0xf0, 0xc0);
    outb(FCR, 0xc0); /* without bit 0 the FIFOs go off */
    ck_assert_uint_eq(inb(IIR) & 0xf0, 0x00);
    device_reset(dev, RESET_COLD);
    ck_assert_uint_eq(inb(MCR), 0);
    ck_assert_uint_eq(inb(LSR), 0x60);
    device_free(dev);
}
END_TEST

START_TEST(test_receive_without_fifo)
{
    setup();
    outb(IER, 1);
    ck_assert_uint_eq(chardev_can_read(&chr->chr), 1);
    send("a");
    ck_assert_int_eq(irq4.level, 1);
    ck_assert_uint_eq(chardev_can_read(&chr->chr), 0);
    ck_assert_uint_eq(inb(IIR), 0x04);
    ck_assert_uint_eq(inb(LSR), 0x61);
    send("b"); /* overruns: the new byte replaces the old */
    ck_assert_uint_eq(inb(LSR), 0x63);
    ck_assert_uint_eq(inb(LSR), 0x61);
    ck_assert_uint_eq(inb(RBR), 'b');
    ck_assert_int_eq(irq4.level, 0);
    ck_assert_uint_eq(inb(LSR), 0x60);
    ck_assert_uint_eq(inb(RBR), 'b');
    ck_assert_uint_gt(chr->accepts, 0);
    device_free(dev);
}
END_TEST

START_TEST(test_fifo_levels)
{
    static const unsigned levels[] = {1, 4, 8, 14};

    setup();
    fast();
    outb(IER, 1);
    for (unsigned i = 0; i < 4; i++) {
        outb(FCR, (uint8_t)(i << 6 | 0x07));
        ck_assert_uint_eq(chardev_can_read(&chr->chr), 16);
        for (unsigned n = 1; n <= 16; n++) {
            send("x");
            ck_assert_int_eq(irq4.level, n >= levels[i]);
        }
        ck_assert_uint_eq(inb(IIR), 0xc4);
        ck_assert_uint_eq(chardev_can_read(&chr->chr), 0);
        for (unsigned n = 16; n-- > 0;) {
            inb(RBR);
            ck_assert_int_eq(irq4.level, n >= levels[i]);
        }
    }
    device_free(dev);
}
END_TEST

START_TEST(test_timeout)
{
    setup();
    fast();
    outb(IER, 1);
    outb(FCR, 0xc1);
    send("abc");
    ck_assert_int_eq(irq4.level, 0);
    clock_step(300000);
    send("d"); /* starts over */
    clock_step(300000);
    ck_assert_int_eq(irq4.level, 0);
    clock_step(50000);
    ck_assert_int_eq(irq4.level, 1);
    ck_assert_uint_eq(inb(IIR), 0xcc);
    send("e"); /* does not take it away */
    ck_assert_uint_eq(inb(IIR), 0xcc);
    ck_assert_uint_eq(inb(RBR), 'a');
    ck_assert_int_eq(irq4.level, 0);
    clock_step(400000);
    ck_assert_uint_eq(inb(IIR), 0xcc);
    for (unsigned i = 0; i < 4; i++)
        inb(RBR);
    clock_step(1000000);
    ck_assert_uint_eq(inb(IIR), 0xc1); /* empty: never */
    device_free(dev);
}
END_TEST

START_TEST(test_overrun_and_break)
{
    setup();
    outb(IER, 5);
    outb(FCR, 0x81);
    send("0123456789abcdef");
    send("X"); /* lost */
    ck_assert_uint_eq(inb(IIR), 0xc6);
    ck_assert_uint_eq(inb(LSR), 0x63);
    for (unsigned i = 0; i < 16; i++)
        ck_assert_uint_eq(inb(RBR), (uint8_t) "0123456789abcdef"[i]);
    send("y");
    chardev_send_event(&chr->chr, CHARDEV_BREAK);
    send("z");
    ck_assert_uint_eq(inb(LSR), 0xe1); /* further down */
    ck_assert_uint_eq(inb(RBR), 'y');
    ck_assert_uint_eq(inb(IIR), 0xc6);
    ck_assert_uint_eq(inb(LSR), 0xf1);
    ck_assert_uint_eq(inb(LSR), 0x61); /* seen */
    ck_assert_uint_eq(inb(RBR), 0);
    ck_assert_uint_eq(inb(RBR), 'z');
    ck_assert_uint_eq(inb(LSR), 0x60);
    device_free(dev);
}
END_TEST

START_TEST(test_transmit)
{
    unsigned rises;

    setup();
    outb(THR, 'A');
    ck_assert_str_eq(chr->out->str, "A");
    ck_assert_uint_eq(inb(LSR), 0x60);
    ck_assert_int_eq(irq4.level, 0);
    outb(IER, 2); /* empty already: at once */
    ck_assert_int_eq(irq4.level, 1);
    ck_assert_uint_eq(inb(IIR), 0x02);
    ck_assert_int_eq(irq4.level, 0);
    ck_assert_uint_eq(inb(IIR), 0x01);
    outb(IER, 2); /* on already: nothing new */
    ck_assert_int_eq(irq4.level, 0);
    outb(IER, 0);
    outb(IER, 2); /* switched on with an empty register: again at once */
    ck_assert_int_eq(irq4.level, 1);
    ck_assert_uint_eq(inb(IIR), 0x02);
    outb(THR, 'B');
    ck_assert_int_eq(irq4.level, 1);
    rises = irq4.rises;
    outb(THR, 'C'); /* without looking at IIR: an edge all the same */
    ck_assert_uint_eq(irq4.rises, rises + 1);
    outb(IER, 0);
    ck_assert_int_eq(irq4.level, 0);
    outb(IER, 2);
    ck_assert_int_eq(irq4.level, 1);
    ck_assert_str_eq(chr->out->str, "ABC");
    device_free(dev);
}
END_TEST

START_TEST(test_slow_host)
{
    setup();
    outb(FCR, 1);
    outb(IER, 2);
    inb(IIR);
    fake_chr_stop(chr);
    for (unsigned i = 0; i < 20; i++)
        outb(THR, (uint8_t)('a' + i));
    ck_assert_uint_eq(inb(LSR), 0x00);
    ck_assert_int_eq(irq4.level, 0);
    dev_check_vmstate(dev);
    g_string_truncate(chr->out, 0);
    fake_chr_go(chr);
    ck_assert_uint_eq(inb(LSR), 0x60);
    ck_assert_int_eq(irq4.level, 1);
    ck_assert_str_eq(chr->out->str + chr->out->len - 16, "abcdefghijklmnop");
    fake_chr_stop(chr);
    outb(THR, 'q');
    outb(FCR, 5); /* clears the transmitter */
    ck_assert_uint_eq(inb(LSR), 0x60);
    g_string_truncate(chr->out, 0);
    fake_chr_go(chr);
    ck_assert_ptr_null(strchr(chr->out->str, 'q'));
    device_free(dev);
}
END_TEST

START_TEST(test_loopback)
{
    setup();
    inb(MSR);
    outb(MCR, 0x10);
    ck_assert_uint_eq(inb(MSR), 0x0b); /* all inputs fell */
    ck_assert_uint_eq(inb(MSR), 0x00);
    outb(MCR, 0x1a);
    ck_assert_uint_eq(inb(MSR), 0x99); /* RTS to CTS, OUT2 to DCD */
    outb(MCR, 0x15);
    ck_assert_uint_eq(inb(MSR), 0x6b);
    outb(MCR, 0x11);
    ck_assert_uint_eq(inb(MSR), 0x24); /* the trailing edge of RI */
    outb(IER, 1);
    outb(THR, 0x55);
    ck_assert_uint_eq(chr->out->len, 0);
    ck_assert_int_eq(irq4.level, 1);
    ck_assert_uint_eq(chardev_can_read(&chr->chr), 0);
    ck_assert_uint_eq(inb(RBR), 0x55);
    outb(FCR, 1);
    for (unsigned i = 0; i < 17; i++)
        outb(THR, (uint8_t)i);
    ck_assert_uint_eq(inb(LSR), 0x63);
    chardev_send_event(&chr->chr, CHARDEV_BREAK); /* nobody hears */
    for (unsigned i = 0; i < 16; i++)
        ck_assert_uint_eq(inb(RBR), i);
    ck_assert_uint_eq(inb(LSR), 0x60);
    outb(IER, 8);
    outb(MCR, 0);
    ck_assert_int_eq(irq4.level, 1);
    ck_assert_uint_eq(inb(IIR), 0xc0);
    inb(MSR);
    ck_assert_int_eq(irq4.level, 0);
    device_free(dev);
}
END_TEST

START_TEST(test_priorities)
{
    setup();
    outb(IER, 0x0f);
    inb(IIR);
    outb(MCR, 0x10); /* modem status */
    outb(MCR, 0x00);
    send("a");
    send("b");
    outb(THR, 'x');
    ck_assert_uint_eq(inb(IIR), 0x06);
    inb(LSR);
    ck_assert_uint_eq(inb(IIR), 0x04);
    inb(RBR);
    ck_assert_uint_eq(inb(IIR), 0x02);
    ck_assert_uint_eq(inb(IIR), 0x00);
    inb(MSR);
    ck_assert_uint_eq(inb(IIR), 0x01);
    ck_assert_int_eq(irq4.level, 0);
    device_free(dev);
}
END_TEST

START_TEST(test_ports)
{
    struct error *err = NULL;
    struct device *d[3], *fifth;

    setup();
    for (unsigned i = 0; i < 3; i++)
        d[i] = dev_make("isa-serial");
    ck_assert_uint_eq(inb(0x2f8 + 5), 0x60);
    ck_assert_uint_eq(inb(0x3e8 + 5), 0x60);
    ck_assert_uint_eq(inb(0x2e8 + 5), 0x60);
    ck_assert_uint_eq(inb(0x2f8 + 6), 0); /* nobody connected */
    fifth = dev_new("isa-serial");
    ck_assert_int_lt(device_realize(fifth, NULL, &err), 0);
    ck_assert_str_eq(error_msg(err), "there are 4 serial ports at most");
    error_free(err);
    err = NULL;
    device_free(d[1]);
    device_set_ptr(fifth, "chardev", &chr->chr); /* COM1 has it */
    ck_assert_int_lt(device_realize(fifth, NULL, &err), 0);
    ck_assert_str_eq(error_msg(err), "chardev 's' is in use");
    error_free(err);
    device_free(fifth);
    fifth = dev_make("isa-serial"); /* gets COM3 */
    ck_assert_uint_eq(inb(0x3e8 + 5), 0x60);
    device_free(fifth);
    device_free(d[0]);
    device_free(d[2]);
    device_free(dev);
}
END_TEST

START_TEST(test_fuzz)
{
    setup();
    for (unsigned i = 0; i < 300; i++) {
        i % 3 ? fake_chr_go(chr) : fake_chr_stop(chr);
        for (unsigned n = 0; n < 20; n++) {
            size_t room = chardev_can_read(&chr->chr);
            ck_assert_uint_le(room, 16);
            chardev_input(&chr->chr, (const uint8_t *)"0123456789abcdefgh", dev_random() % 19);
            if (dev_random() % 4 == 0)
                chardev_send_event(&chr->chr, CHARDEV_BREAK);
            dev_fuzz_ports(BASE, 8, 20);
        }
        g_string_truncate(chr->out, 0);
    }
    dev_check_vmstate(dev);
    device_free(dev);
}
END_TEST

TEST_MAIN("serial", test_registers, test_receive_without_fifo, test_fifo_levels, test_timeout,
          test_overrun_and_break, test_transmit, test_slow_host, test_loopback, test_priorities,
          test_ports, test_fuzz)
