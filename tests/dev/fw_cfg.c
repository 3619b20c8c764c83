/* SPDX-License-Identifier: MIT */
/* fw_cfg: ports, directory, DMA as drivers use it and as they must not. */
#include "hw/nvram/fw_cfg.h"

#include "tests/dev/guestram.h"
#include "tests/dev/pcibus.h"

#define SELECT 0x510
#define DATA   0x511
#define DMA    0x514
#define REQ    0x2000u
#define BUF    0x10000u

static struct isa_bus isa;
static struct device *dev;

static void setup(void)
{
    uint8_t blob[100];

    dev_setup(&isa);
    guest_ram_init();
    dev = dev_make("fw_cfg");
    for (unsigned i = 0; i < sizeof(blob); i++)
        blob[i] = (uint8_t)(i + 1);
    fw_cfg_add_u16(dev, FW_CFG_NB_CPUS, 0x1234);
    fw_cfg_add_u32(dev, FW_CFG_KERNEL_SIZE, 0x12345678);
    fw_cfg_add_u64(dev, FW_CFG_RAM_SIZE, 0x1122334455667788);
    fw_cfg_add_string(dev, FW_CFG_CMDLINE_DATA, "quiet");
    fw_cfg_add(dev, FW_CFG_IRQ0_OVERRIDE, "\1", 1);
    fw_cfg_add_file(dev, "etc/zebra", "zz", 2);
    fw_cfg_add_file(dev, "etc/blob", blob, sizeof(blob));
    fw_cfg_add_file(dev, "bootorder", "", 0);
}

static void select_item(uint16_t key)
{
    io_port_write(SELECT, key, 2);
}

static void expect_bytes(const void *data, unsigned len)
{
    const uint8_t *p = data;

    for (unsigned i = 0; i < len; i++)
        ck_assert_uint_eq(inb(DATA), p[i]);
}

/* The key and size of a file, by the directory. */
static uint16_t find(const char *name, uint32_t *size)
{
    uint8_t head[4], entry[64];
    uint16_t key = 0;

    select_item(FW_CFG_FILE_DIR);
    for (unsigned i = 0; i < 4; i++)
        head[i] = inb(DATA);
    for (unsigned n = ld_be32(head); n > 0; n--) {
        for (unsigned i = 0; i < 64; i++)
            entry[i] = inb(DATA);
        if (!strcmp((char *)entry + 8, name)) {
            *size = ld_be32(entry);
            key = ld_be16(entry + 4);
        }
    }
    return key;
}

START_TEST(test_ports)
{
    uint32_t size = 0;

    setup();
    expect_bytes("QEMU", 4);
    ck_assert_uint_eq(inb(DATA), 0); /* behind the end */
    select_item(FW_CFG_ID);
    expect_bytes("\3\0\0\0", 4);
    select_item(FW_CFG_NB_CPUS);
    expect_bytes("\x34\x12", 2);
    select_item(FW_CFG_RAM_SIZE);
    expect_bytes("\x88\x77\x66\x55\x44\x33\x22\x11", 8);
    select_item(FW_CFG_CMDLINE_DATA);
    expect_bytes("quiet", 6);
    select_item(FW_CFG_IRQ0_OVERRIDE);
    expect_bytes("\1", 2);
    select_item(0x3fff); /* nothing there */
    expect_bytes("\0\0", 2);
    select_item(0xffff);
    expect_bytes("\0\0", 2);
    ck_assert_uint_eq(find("etc/zebra", &size), 0x20); /* keys stay as given */
    ck_assert_uint_eq(size, 2);
    ck_assert_uint_eq(find("etc/blob", &size), 0x21);
    ck_assert_uint_eq(size, 100);
    ck_assert_uint_eq(find("bootorder", &size), 0x22);
    ck_assert_uint_eq(size, 0);
    ck_assert_uint_eq(find("etc/none", &size), 0);
    fw_cfg_add_file(dev, "etc/zebra", "longer", 6); /* replaced */
    ck_assert_uint_eq(find("etc/zebra", &size), 0x20);
    ck_assert_uint_eq(size, 6);
    select_item(0x20);
    expect_bytes("longer", 7);
    select_item(0x21);
    expect_bytes("\1\2\3", 3);
    dev_check_vmstate(dev);
    expect_bytes("\4\5", 2);
    outb(DATA, 0); /* writes have no effect */
    expect_bytes("\6", 1);
    device_free(dev);
}
END_TEST

/* The result word. */
static uint32_t dma(uint32_t control, uint32_t len, uint64_t addr)
{
    st_be32(guest_mem(REQ), control);
    st_be32(guest_mem(REQ + 4), len);
    st_be64(guest_mem(REQ + 8), addr);
    io_port_write(DMA, 0, 4);
    io_port_write(DMA + 4, bswap32(REQ), 4);
    return ld_be32(guest_mem(REQ));
}

#define SELECT_KEY(key) ((uint32_t)(key) << 16 | 8)

START_TEST(test_dma)
{
    setup();
    ck_assert_uint_eq(io_port_read(DMA, 4), bswap32(0x51454d55));
    ck_assert_uint_eq(io_port_read(DMA + 4, 4), bswap32(0x20434647));
    ck_assert_uint_eq(inb(DMA), 'Q');
    ck_assert_uint_eq(dma(SELECT_KEY(0x21) | 2, 10, BUF), 0);
    for (unsigned i = 0; i < 10; i++)
        ck_assert_uint_eq(*guest_mem(BUF + i), i + 1);
    ck_assert_uint_eq(dma(4, 5, 0), 0); /* skip */
    ck_assert_uint_eq(dma(2, 1, BUF), 0);
    ck_assert_uint_eq(*guest_mem(BUF), 16);
    memset(guest_mem(BUF), 0xee, 200);
    ck_assert_uint_eq(dma(2, 100, BUF), 0); /* zeros behind the end */
    ck_assert_uint_eq(*guest_mem(BUF + 83), 100);
    ck_assert_uint_eq(*guest_mem(BUF + 84), 0);
    ck_assert_uint_eq(*guest_mem(BUF + 99), 0);
    ck_assert_uint_eq(*guest_mem(BUF + 100), 0xee);
    ck_assert_uint_eq(dma(SELECT_KEY(0x7777) | 2, 4, BUF), 0); /* no such item */
    ck_assert_uint_eq(ld_le32(guest_mem(BUF)), 0);
    ck_assert_uint_eq(dma(SELECT_KEY(0x21), 0, 0), 0);
    ck_assert_uint_eq(inb(DATA), 1);
    device_free(dev);
}
END_TEST

START_TEST(test_hostile)
{
    uint8_t before[16];

    setup();
    ck_assert_uint_eq(dma(SELECT_KEY(0x21) | 0x10, 4, BUF), 1); /* write */
    ck_assert_uint_eq(dma(SELECT_KEY(0x21) | 2, 100, GUEST_RAM_SIZE - 50), 1);
    ck_assert_uint_eq(dma(SELECT_KEY(0x21) | 2, 100, UINT64_MAX - 50), 1);
    ck_assert_uint_eq(dma(SELECT_KEY(0x21) | 2, 16, BIT(52)), 1);
    ck_assert_uint_eq(dma(4, UINT32_MAX, 0), 0);
    ck_assert_uint_eq(inb(DATA), 0);
    ck_assert_uint_eq(dma(2, 0, 0), 0);
    ck_assert_uint_eq(dma(SELECT_KEY(0x21) | 2, 16, REQ), 0); /* over the request itself */
    ck_assert_uint_eq(ld_be32(guest_mem(REQ + 4)), 0x05060708);
    /* a request at the end of memory, and where there is none */
    memcpy(before, guest_mem(GUEST_RAM_SIZE - 16), 16);
    io_port_write(DMA + 4, bswap32(GUEST_RAM_SIZE - 8), 4);
    io_port_write(DMA, 0xffffffff, 4);
    io_port_write(DMA + 4, 0xffffffff, 4);
    io_port_write(DMA + 4, bswap32(0xf0000000), 4);
    outb(DMA + 4, 0); /* too narrow: ignored */
    io_port_write(DMA + 5, 0, 2);
    ck_assert_mem_eq(before, guest_mem(GUEST_RAM_SIZE - 16), 8);
    device_free(dev);
}
END_TEST

START_TEST(test_fuzz)
{
    setup();
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t control =
            dev_random() % 32 | (dev_random() % 4 ? dev_random() % 0x30 : dev_random()) << 16;
        uint64_t addr = dev_random() % 4 ? dev_random() % GUEST_RAM_SIZE
                                         : (uint64_t)dev_random() << 32 | dev_random();

        dma(control, dev_random() % (dev_random() % 64 ? 300 : 1 << 22), addr);
        dev_fuzz_ports(SELECT, 12, 2);
    }
    dev_check_vmstate(dev);
    device_free(dev);
}
END_TEST

TEST_MAIN("fw_cfg", test_ports, test_dma, test_hostile, test_fuzz)
