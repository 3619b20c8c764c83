/* SPDX-License-Identifier: MIT */
/*
 * The 8237A pair: registers, transfers in every direction and width, terminal
 * count, who may transfer.
 */
#include "tests/dev/dev.h"

#include "hw/dma/i8237.h"

static struct isa_bus isa;
static struct device *dma;
static struct mem_region ram;

static void setup(void)
{
    dev_setup(&isa);
    ck_assert_int_eq(mem_region_init_ram(&ram, "ram", 0x400000, NULL), 0);
    mem_region_add(as_memory.root, 0, &ram);
    dma = dev_make("i8237");
    i8237_set_cascade(dma);
}

static void program(unsigned ch, uint8_t mode, uint32_t addr, uint16_t count)
{
    static const uint8_t pages[] = {0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a};
    uint16_t base = ch < 4 ? 0x00 : 0xc0, step = ch < 4 ? 1 : 2;
    uint16_t a = (uint16_t)(base + ch % 4 * 2 * step);
    uint16_t offset = (uint16_t)(ch < 4 ? addr : addr >> 1);

    outb((uint16_t)(base + 12 * step), 0);
    outb((uint16_t)(base + 11 * step), (uint8_t)(mode | ch % 4));
    outb(a, (uint8_t)offset);
    outb(a, (uint8_t)(offset >> 8));
    outb((uint16_t)(a + step), (uint8_t)count);
    outb((uint16_t)(a + step), (uint8_t)(count >> 8));
    outb(pages[ch], (uint8_t)(addr >> 16));
    outb((uint16_t)(base + 10 * step), ch % 4);
}

static uint32_t transfer(unsigned ch, void *buf, uint32_t len, bool to_memory, bool want_tc)
{
    bool tc = !want_tc;
    uint32_t n = isa.dma->transfer(isa.dma_opaque, ch, buf, len, to_memory, &tc);

    ck_assert_int_eq(tc, want_tc);
    return n;
}

static uint16_t read16(uint16_t port)
{
    uint8_t low = inb(port);

    return (uint16_t)(low | inb(port) << 8);
}

START_TEST(test_to_memory)
{
    uint8_t got[16];

    setup();
    program(2, 0x44, 0x12345, 9);
    ck_assert_uint_eq(transfer(2, "abcdef", 4, true, false), 4);
    ck_assert_uint_eq(read16(4), 0x2349);
    ck_assert_uint_eq(read16(5), 5);
    ck_assert_uint_eq(inb(8), 0);
    ck_assert_uint_eq(transfer(2, "ABCDEFGHIJ", 10, true, true), 6);
    ck_assert_uint_eq(inb(8), 0x04);
    ck_assert_uint_eq(inb(8), 0);
    ck_assert_uint_eq(read16(5), 0xffff);
    addr_space_read(&as_memory, 0x12345, got, 11);
    ck_assert_mem_eq(got, "abcdABCDEF\0", 11);
    /* masked now */
    ck_assert_uint_eq(inb(15), 0xff);
    ck_assert_uint_eq(transfer(2, "x", 1, true, false), 0);
}
END_TEST

START_TEST(test_from_memory)
{
    uint8_t got[8] = {0};

    setup();
    addr_space_write(&as_memory, 0x3fffe, "abcdefgh", 8);
    addr_space_write(&as_memory, 0x30000, "xyz", 3);
    program(1, 0x48, 0x3fffe, 4);
    ck_assert_uint_eq(transfer(1, got, 8, false, true), 5);
    ck_assert_mem_eq(got, "abxyz\0", 6); /* the page does not count */
    /* going down */
    program(3, 0x68, 0x30002, 3);
    ck_assert_uint_eq(transfer(3, got, 4, false, true), 4);
    ck_assert_mem_eq(got, "zyxb", 3);
    /* the device wants the other direction; verify */
    program(3, 0x44, 0x30000, 99);
    ck_assert_uint_eq(transfer(3, got, 2, false, false), 2);
    ck_assert_uint_eq(got[0], 0xff);
    program(3, 0x40, 0x30000, 99);
    ck_assert_uint_eq(transfer(3, "QQ", 2, true, false), 2);
    ck_assert_uint_eq(addr_space_ldub(&as_memory, 0x30000), 'x');
    ck_assert_uint_eq(read16(7), 97);
}
END_TEST

START_TEST(test_words)
{
    uint8_t got[8] = {0};

    setup();
    program(5, 0x44, 0x35554, 3);
    ck_assert_uint_eq(transfer(5, "abcde", 5, true, false), 4);
    ck_assert_uint_eq(transfer(5, "efghij", 6, true, true), 4);
    addr_space_read(&as_memory, 0x35554, got, 8);
    ck_assert_mem_eq(got, "abcdefgh", 8);
    ck_assert_uint_eq(inb(0xd0), 0x02);
    program(6, 0x48, 0x3fffe, 1);
    addr_space_write(&as_memory, 0x3fffe, "12", 2);
    addr_space_write(&as_memory, 0x20000, "34", 2);
    ck_assert_uint_eq(transfer(6, got, 8, false, true), 4);
    ck_assert_mem_eq(got, "1234", 4);
    program(7, 0x68, 0x35556, 1);
    ck_assert_uint_eq(transfer(7, got, 8, false, true), 4);
    ck_assert_mem_eq(got, "cdab", 4);
}
END_TEST

START_TEST(test_auto_init)
{
    setup();
    program(1, 0x54, 0x1000, 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq(transfer(1, "abcdefgh", 8, true, true), 4);
        ck_assert_uint_eq(read16(2), 0x1000);
        ck_assert_uint_eq(read16(3), 3);
        ck_assert_uint_eq(inb(8), 2);
    }
}
END_TEST

START_TEST(test_who_may)
{
    setup();
    program(2, 0x44, 0x1000, 100);
    ck_assert_uint_eq(transfer(2, "a", 1, true, false), 1);
    outb(8, 0x04); /* controller disabled */
    ck_assert_uint_eq(transfer(2, "a", 1, true, false), 0);
    outb(8, 0x00);
    outb(10, 6); /* masked */
    ck_assert_uint_eq(transfer(2, "a", 1, true, false), 0);
    outb(14, 0);
    ck_assert_uint_eq(transfer(2, "a", 1, true, false), 1);
    outb(15, 0x04);
    ck_assert_uint_eq(transfer(2, "a", 1, true, false), 0);
    outb(15, 0x00);
    outb(0xd4, 4); /* the way through channel 4 */
    ck_assert_uint_eq(transfer(2, "a", 1, true, false), 0);
    outb(0xd4, 0);
    outb(0xd6, 0x40);
    ck_assert_uint_eq(transfer(2, "a", 1, true, false), 0);
    outb(0xd6, 0xc0);
    ck_assert_uint_eq(transfer(2, "a", 1, true, false), 1);
    outb(11, 0xc2); /* itself cascading */
    ck_assert_uint_eq(transfer(2, "a", 1, true, false), 0);
    ck_assert_uint_eq(transfer(4, "ab", 2, true, false), 0);
    ck_assert_uint_eq(transfer(8, "ab", 2, true, false), 0);
    ck_assert_uint_eq(transfer(0x80000002, "ab", 2, true, false), 0);
    isa.dma->request(isa.dma_opaque, 3, true);
    outb(9, 4);
    ck_assert_uint_eq(inb(8), 0x90);
    isa.dma->request(isa.dma_opaque, 3, false);
    outb(13, 0);
    ck_assert_uint_eq(inb(8), 0);
    ck_assert_uint_eq(inb(13), 0);
    ck_assert_uint_eq(inb(15), 0xff);
}
END_TEST

START_TEST(test_pages)
{
    setup();
    for (uint16_t port = 0x80; port < 0x90; port++)
        outb(port, (uint8_t)~port);
    for (uint16_t port = 0x80; port < 0x90; port++)
        ck_assert_uint_eq(inb(port), (uint8_t)~port);
    program(5, 0x44, 0x1000, 100);
    dev_check_vmstate(dma);
    device_reset(dma, RESET_COLD);
    ck_assert_uint_eq(inb(0x80), 0);
}
END_TEST

START_TEST(test_fuzz)
{
    static uint8_t buf[0x20000];
    bool tc;

    setup();
    for (unsigned i = 0; i < 20000; i++) {
        dev_fuzz_ports(0x00, 0x20, 4);
        dev_fuzz_ports(0xc0, 0x20, 4);
        dev_fuzz_ports(0x80, 0x10, 1);
        if (i % 16 == 0)
            isa.dma->transfer(isa.dma_opaque, dev_random() % 8, buf, dev_random() % sizeof(buf),
                              dev_random() & 1, &tc);
    }
    dev_check_vmstate(dma);
    device_free(dma);
}
END_TEST

TEST_MAIN("i8237", test_to_memory, test_from_memory, test_words, test_auto_init, test_who_may,
          test_pages, test_fuzz)
