/* SPDX-License-Identifier: MIT */
/*
 * IDE: disks by PIO and DMA in all addressing modes, hostile descriptor tables, errors, resets,
 * the two drives of a cable, and ATAPI CD-ROMs with all their commands.
 */
#include "hw/ide/piix3_ide.h"

#include "block/block.h"
#include "hw/ide/ide.h"
#include "tests/dev/guestram.h"
#include "tests/dev/pcibus.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#define SLOT    PCI_DEVFN(1, 1)
#define BM      0xc000
#define SECTORS 20000u
#define CD_SIZE (300u * 2048)
#define TABLE   0x1000u
#define BUFFER  0x100000u

enum { DATA = 0x1f0, ERR, COUNT, LOW, MID, HIGH, DEV, CMD, CTL = 0x3f6, FEATURE = ERR, STS = CMD };

static struct test_pci pci;
static struct wire irq14, irq15;
static struct device *dev;
static char disk_path[64], cd_path[64];

/* --- set-up ----------------------------------------------------------------------------------- */

/* Every sector starts with its number; the rest follows from it. */
static void make_image(char path[64], const char *name, uint64_t size)
{
    snprintf(path, 64, "/tmp/doppel-ide-%s-XXXXXX", name);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    for (uint32_t i = 0; i < size / 512; i++) {
        uint32_t words[128];
        for (unsigned w = 0; w < 128; w++)
            words[w] = i + w * 0x10000;
        ck_assert_int_eq(write(fd, words, 512), 512);
    }
    close(fd);
}

static void add_drive(const char *format, const char *path)
{
    struct drive_options none = {.interface = DRIVE_IF_IDE, .bus = -1, .unit = -1, .index = -1};
    struct error *err = NULL;
    char *text = g_strdup_printf(format, path);

    ck_assert_msg(block_parse_drive(text, &none, &err) == 0, "%s", err ? error_msg(err) : "");
    g_free(text);
}

static void cleanup(void)
{
    g_unlink(disk_path);
    g_unlink(cd_path);
}

static void setup_with(const char *more)
{
    struct error *err = NULL;
    char *disk;

    memory_init();
    device_lock();
    clock_manual(true);
    guest_ram_init();
    test_pci_init(&pci);
    wire_init(&irq14);
    wire_init(&irq15);
    make_image(disk_path, "disk", SECTORS * 512);
    make_image(cd_path, "cd", CD_SIZE);
    disk = g_strdup_printf("file=%%s,format=raw,index=0,serial=S123%s", more);
    add_drive(disk, disk_path);
    g_free(disk);
    add_drive("file=%s,format=raw,index=2,media=cdrom", cd_path);
    dev = piix3_ide_create(&pci.bus, &irq14.irq, &irq15.irq, &err);
    ck_assert_msg(dev != NULL, "%s", err ? error_msg(err) : "");
    device_reset(dev, RESET_COLD);
    config_write(SLOT, 0x20, BM, 4);
    config_write(SLOT, PCI_COMMAND, 5, 2);
    atexit(cleanup);
}

static void setup(void)
{
    setup_with("");
}

static void finish(void)
{
    device_free(dev);
    block_cleanup();
    cleanup();
}

/* --- the driver's side ------------------------------------------------------------------------ */

static unsigned base = 0x1f0; /* of the channel in use */

static uint8_t get(unsigned reg)
{
    return inb((uint16_t)(reg >= CTL ? reg - 0x1f0 + base : reg - DATA + base));
}

static void put(unsigned reg, unsigned val)
{
    outb((uint16_t)(reg >= CTL ? reg - 0x1f0 + base : reg - DATA + base), (uint8_t)val);
}

/* Let the host's work end. */
static void settle(void)
{
    block_drain_all();
}

static void address28(uint32_t lba, unsigned count)
{
    put(COUNT, count);
    put(LOW, lba & 0xff);
    put(MID, lba >> 8 & 0xff);
    put(HIGH, lba >> 16 & 0xff);
    put(DEV, 0xe0 | lba >> 24);
}

static void address48(uint64_t lba, unsigned count)
{
    put(COUNT, count >> 8);
    put(LOW, lba >> 24 & 0xff);
    put(MID, lba >> 32 & 0xff);
    put(HIGH, lba >> 40 & 0xff);
    put(COUNT, count & 0xff);
    put(LOW, lba & 0xff);
    put(MID, lba >> 8 & 0xff);
    put(HIGH, lba >> 16 & 0xff);
    put(DEV, 0x40);
}

static void read_words(void *buf, unsigned bytes)
{
    uint8_t *p = buf;

    for (unsigned i = 0; i < bytes; i += 2)
        st_le16(p + i, (uint16_t)io_port_read((uint16_t)base, 2));
}

static void write_words(const void *buf, unsigned bytes)
{
    const uint8_t *p = buf;

    for (unsigned i = 0; i < bytes; i += 2)
        io_port_write((uint16_t)base, ld_le16(p + i), 2);
}

static void expect_sector(const void *buf, uint32_t lba)
{
    const uint8_t *p = buf;

    for (unsigned w = 0; w < 128; w++)
        ck_assert_uint_eq(ld_le32(p + w * 4), lba + w * 0x10000);
}

static void read_file(void *buf, uint32_t lba, unsigned sectors)
{
    int fd = open(disk_path, O_RDONLY);

    ck_assert_int_eq(pread(fd, buf, sectors * 512, (off_t)lba * 512), (ssize_t)(sectors * 512));
    close(fd);
}

/* --- disks by PIO ----------------------------------------------------------------------------- */

START_TEST(test_identify)
{
    uint16_t w[256];

    setup();
    ck_assert_uint_eq(get(ERR), 1);
    ck_assert_uint_eq(get(COUNT), 1);
    ck_assert_uint_eq(get(LOW), 1);
    ck_assert_uint_eq(get(MID), 0);
    ck_assert_uint_eq(get(STS), 0x50);
    put(CMD, 0xec);
    ck_assert_int_eq(irq14.level, 1);
    ck_assert_uint_eq(get(CTL), 0x58);
    ck_assert_int_eq(irq14.level, 1);
    ck_assert_uint_eq(get(STS), 0x58);
    ck_assert_int_eq(irq14.level, 0);
    read_words(w, 512);
    ck_assert_uint_eq(get(STS), 0x50);
    ck_assert_uint_eq(w[0], 0x40);
    ck_assert_uint_eq(w[60] | w[61] << 16, SECTORS);
    ck_assert_uint_eq(w[100] | w[101] << 16, SECTORS);
    ck_assert_uint_eq(w[1], SECTORS / 16 / 63);
    ck_assert_uint_eq(w[10], 'S' << 8 | '1');
    ck_assert_uint_eq(w[27], 'D' << 8 | 'O');
    put(CMD, 0xa1); /* not a CD-ROM */
    ck_assert_uint_eq(get(STS), 0x51);
    ck_assert_uint_eq(get(ERR), 4);
    finish();
}
END_TEST

START_TEST(test_pio_read)
{
    uint8_t buf[512 * 20];

    setup();
    address28(100, 3);
    put(CMD, 0x20);
    ck_assert_uint_eq(get(CTL), 0x80);
    for (uint32_t i = 0; i < 3; i++) {
        settle();
        ck_assert_int_eq(irq14.level, 1);
        ck_assert_uint_eq(get(STS), 0x58);
        read_words(buf, 512);
        expect_sector(buf, 100 + i);
    }
    ck_assert_int_eq(irq14.level, 0); /* none after the last block */
    ck_assert_uint_eq(get(STS), 0x50);
    ck_assert_uint_eq(io_port_read(DATA, 2), 0);
    /* CHS, 16 heads and 63 sectors: cylinder 2, head 3, sector 4 */
    put(COUNT, 1);
    put(LOW, 4);
    put(MID, 2);
    put(HIGH, 0);
    put(DEV, 0xa3);
    put(CMD, 0x20);
    settle();
    read_words(buf, 512);
    expect_sector(buf, (2 * 16 + 3) * 63 + 3);
    put(LOW, 0); /* no such sector */
    put(CMD, 0x20);
    ck_assert_uint_eq(get(STS), 0x51);
    ck_assert_uint_eq(get(ERR), 0x10);
    /* 48 bits, 32-bit data port */
    address48(SECTORS - 1, 1);
    put(CMD, 0x24);
    settle();
    for (unsigned i = 0; i < 512; i += 4)
        st_le32(buf + i, io_port_read(DATA, 4));
    expect_sector(buf, SECTORS - 1);
    /* string reads */
    address28(200, 2);
    put(CMD, 0x20);
    settle();
    get(STS);
    io_port_read_string(DATA, 4, buf, 100);
    io_port_read_string(DATA, 2, buf + 400, 56);
    expect_sector(buf, 200);
    ck_assert_uint_eq(get(STS), 0x58);
    io_port_read_string(DATA, 2, buf, 260); /* four of them too many */
    expect_sector(buf, 201);
    ck_assert_uint_eq(ld_le64(buf + 512), 0);
    ck_assert_uint_eq(get(STS), 0x50);
    io_port_read_string(0xffff, 4, buf, 2);
    /* multiple: blocks of 8, the last one shorter */
    put(COUNT, 8);
    put(CMD, 0xc6);
    ck_assert_uint_eq(get(STS), 0x50);
    address28(7, 20);
    put(CMD, 0xc4);
    settle();
    for (unsigned n = 0; n < 20; n += 8) {
        ck_assert_int_eq(irq14.level, 1);
        get(STS);
        read_words(buf + n * 512, MIN(8u, 20 - n) * 512);
    }
    ck_assert_uint_eq(get(STS), 0x50);
    for (uint32_t i = 0; i < 20; i++)
        expect_sector(buf + i * 512, 7 + i);
    put(COUNT, 3);
    put(CMD, 0xc6);
    ck_assert_uint_eq(get(STS), 0x51);
    put(COUNT, 0);
    put(CMD, 0xc6);
    put(CMD, 0xc4); /* not set */
    ck_assert_uint_eq(get(STS), 0x51);
    finish();
}
END_TEST

START_TEST(test_pio_long)
{
    static uint8_t buf[512 * 600];

    setup();
    address48(1000, 600); /* more than the drive's buffer */
    put(CMD, 0x24);
    for (unsigned i = 0; i < 600; i++) {
        settle();
        ck_assert_uint_eq(get(STS), 0x58);
        read_words(buf + i * 512, 512);
    }
    for (uint32_t i = 0; i < 600; i++)
        expect_sector(buf + i * 512, 1000 + i);
    ck_assert_uint_eq(get(STS), 0x50);
    address28(0, 0); /* 256 */
    put(CMD, 0x30);
    for (unsigned i = 0; i < 256; i++) {
        ck_assert_uint_eq(get(STS), 0x58);
        write_words(buf + i * 512, 512);
    }
    settle();
    ck_assert_uint_eq(get(STS), 0x50);
    read_file(buf, 0, 256);
    for (uint32_t i = 0; i < 256; i++)
        expect_sector(buf + i * 512, 1000 + i);
    finish();
}
END_TEST

START_TEST(test_pio_write)
{
    uint8_t buf[512 * 4], back[512 * 4];

    setup();
    for (unsigned i = 0; i < sizeof(buf); i++)
        buf[i] = (uint8_t)dev_random();
    address28(50, 2);
    put(CMD, 0x30);
    ck_assert_int_eq(irq14.level, 0); /* not before the first block */
    ck_assert_uint_eq(get(STS), 0x58);
    write_words(buf, 512);
    ck_assert_int_eq(irq14.level, 1);
    ck_assert_uint_eq(get(STS), 0x58);
    write_words(buf + 512, 512);
    settle();
    ck_assert_int_eq(irq14.level, 1);
    ck_assert_uint_eq(get(STS), 0x50);
    read_file(back, 50, 2);
    ck_assert_mem_eq(back, buf, 1024);
    put(COUNT, 4);
    put(CMD, 0xc6);
    address48(60, 4);
    put(CMD, 0xce); /* WRITE MULTIPLE FUA EXT */
    write_words(buf, sizeof(buf));
    settle();
    ck_assert_uint_eq(get(STS), 0x50);
    read_file(back, 60, 4);
    ck_assert_mem_eq(back, buf, sizeof(buf));
    put(FEATURE, 0x82); /* cache off: every write is flushed */
    put(CMD, 0xef);
    address28(51, 1);
    put(CMD, 0x30);
    write_words(buf, 512);
    settle();
    ck_assert_uint_eq(get(STS), 0x50);
    put(CMD, 0xe7);
    settle();
    ck_assert_uint_eq(get(STS), 0x50);
    finish();
}
END_TEST

START_TEST(test_bounds)
{
    static const struct {
        uint64_t lba;
        unsigned count;
        uint8_t cmd;
        bool lba48;
    } bad[] = {
        {SECTORS, 1, 0x20, false},        {SECTORS - 1, 2, 0x20, false},
        {SECTORS - 255, 0, 0x30, false},  {0xfffffff, 1, 0x20, false},
        {SECTORS, 1, 0xc8, false},        {0xffffffffffff, 1, 0x24, true},
        {SECTORS - 100, 101, 0x25, true}, {SECTORS - 1, 2, 0x40, false},
        {0xffffffffffff, 0, 0x35, true},  {SECTORS, 1, 0x42, true},
    };

    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        bad[i].lba48 ? address48(bad[i].lba, bad[i].count)
                     : address28((uint32_t)bad[i].lba, bad[i].count);
        put(CMD, bad[i].cmd);
        ck_assert_int_eq(irq14.level, 1);
        ck_assert_uint_eq(get(STS), 0x51);
        ck_assert_uint_eq(get(ERR), 0x10);
    }
    address28(SECTORS - 1, 1);
    put(CMD, 0x40);
    ck_assert_uint_eq(get(STS), 0x50);
    finish();
}
END_TEST

START_TEST(test_other_commands)
{
    uint16_t w[256];

    setup();
    put(DEV, 0x40);
    put(CMD, 0xf8); /* native max */
    ck_assert_uint_eq(get(LOW) | get(MID) << 8 | get(HIGH) << 16, SECTORS - 1);
    put(CMD, 0x27);
    put(CTL, 0x80); /* the previous contents */
    ck_assert_uint_eq(get(LOW), 0);
    put(CTL, 0);
    put(CMD, 0xe5);
    ck_assert_uint_eq(get(COUNT), 0xff);
    put(COUNT, 10);
    put(DEV, 0xa3); /* 4 heads, 10 sectors */
    put(CMD, 0x91);
    put(CMD, 0xec);
    read_words(w, 512);
    ck_assert_uint_eq(w[55], 4);
    ck_assert_uint_eq(w[56], 10);
    ck_assert_uint_eq(w[54], SECTORS / 40);
    put(COUNT, 0);
    put(CMD, 0x91);
    ck_assert_uint_eq(get(STS), 0x51);
    put(FEATURE, 3);
    put(COUNT, 0x45); /* UDMA 5 */
    put(CMD, 0xef);
    ck_assert_uint_eq(get(STS), 0x50);
    put(CMD, 0xec);
    read_words(w, 512);
    ck_assert_uint_eq(w[88] >> 8, 0x20);
    put(FEATURE, 3);
    put(COUNT, 0x46);
    put(CMD, 0xef);
    ck_assert_uint_eq(get(STS), 0x51);
    for (unsigned cmd = 0; cmd < 256; cmd++) { /* every code ends somehow */
        address28(1, 1);
        put(CMD, cmd);
        settle();
        ck_assert_uint_eq(get(STS) & 0x80, 0);
        put(CTL, 4);
        ck_assert_uint_eq(get(STS), 0x80);
        put(CTL, 0);
        ck_assert_uint_eq(get(STS), 0x50);
    }
    finish();
}
END_TEST

START_TEST(test_readonly)
{
    uint8_t buf[512] = {0};

    setup_with(",readonly=on");
    address28(1, 1);
    put(CMD, 0x30);
    write_words(buf, 512);
    settle();
    ck_assert_uint_eq(get(STS), 0x51);
    ck_assert_uint_eq(get(ERR), 4);
    read_file(buf, 1, 1);
    expect_sector(buf, 1);
    finish();
}
END_TEST

START_TEST(test_snapshot)
{
    uint8_t buf[512], ones[512];

    setup_with(",snapshot=on");
    memset(ones, 0x11, sizeof(ones));
    address28(3, 1);
    put(CMD, 0x30);
    write_words(ones, 512);
    settle();
    ck_assert_uint_eq(get(STS), 0x50);
    for (uint32_t i = 0; i < 9; i++) {
        address28(i, 1);
        put(CMD, 0x20);
        settle();
        read_words(buf, 512);
        if (i == 3)
            ck_assert_mem_eq(buf, ones, 512);
        else
            expect_sector(buf, i);
    }
    read_file(buf, 3, 1);
    expect_sector(buf, 3);
    finish();
}
END_TEST

/* --- two drives, interrupts, resets ----------------------------------------------------------- */

START_TEST(test_missing_drives)
{
    setup();
    put(DEV, 0xb0);
    ck_assert_uint_eq(get(STS), 0);
    put(CMD, 0xec);
    ck_assert_uint_eq(get(STS), 0);
    ck_assert_int_eq(irq14.level, 0);
    put(DEV, 0xa0);
    ck_assert_uint_eq(get(STS), 0x50);
    put(CMD, 0xec);
    ck_assert_int_eq(irq14.level, 1);
    put(DEV, 0xb0); /* the other drive has no interrupt */
    ck_assert_int_eq(irq14.level, 0);
    get(STS);
    put(DEV, 0xa0);
    ck_assert_int_eq(irq14.level, 1);
    put(CTL, 2); /* nIEN */
    ck_assert_int_eq(irq14.level, 0);
    put(CTL, 0);
    ck_assert_int_eq(irq14.level, 1);
    get(STS);
    put(DEV, 0xb0);
    put(CMD, 0x90); /* diagnostics: drive 0 answers */
    ck_assert_int_eq(irq14.level, 1);
    ck_assert_uint_eq(get(STS), 0x50);
    ck_assert_uint_eq(get(ERR), 1);
    finish();
}
END_TEST

START_TEST(test_reset_during_transfer)
{
    uint8_t buf[512];

    setup();
    for (unsigned i = 0; i < 50; i++) {
        address28(5, 200);
        put(CMD, 0x20);
        if (i % 3 == 0)
            settle();
        put(CTL, 4);
        ck_assert_uint_eq(get(STS), 0x80);
        if (i % 2)
            settle();
        ck_assert_uint_eq(get(STS), 0x80);
        ck_assert_uint_eq(io_port_read(DATA, 2), 0);
        put(CTL, 0);
        settle();
        ck_assert_uint_eq(get(STS), 0x50);
        ck_assert_uint_eq(get(ERR), 1);
        ck_assert_uint_eq(get(LOW), 1);
        ck_assert_int_eq(irq14.level, 0);
    }
    address28(5, 1);
    put(CMD, 0x30);
    write_words(buf, 100);
    device_reset(dev, RESET_COLD);
    config_write(SLOT, PCI_COMMAND, 5, 2);
    ck_assert_uint_eq(get(STS), 0x50);
    read_file(buf, 5, 1);
    expect_sector(buf, 5);
    finish();
}
END_TEST

/* --- DMA -------------------------------------------------------------------------------------- */

static void prd(unsigned i, uint32_t addr, uint32_t flags)
{
    st_le32(guest_mem(TABLE + i * 8), addr);
    st_le32(guest_mem(TABLE + i * 8 + 4), flags);
}

#define EOT 0x80000000u

/* Set up, start, wait; the bus-master status. */
static uint8_t run_dma(uint8_t cmd, bool to_memory)
{
    io_port_write(BM + 4, TABLE, 4);
    outb(BM + 2, 0x06);
    put(CMD, cmd);
    outb(BM, to_memory ? 9 : 1);
    settle();
    uint8_t status = inb(BM + 2);
    outb(BM, 0);
    return status;
}

START_TEST(test_dma)
{
    setup();
    prd(0, BUFFER, 512 * 3);
    prd(1, BUFFER + 0x10000, EOT | 512 * 5);
    address28(10, 8);
    ck_assert_uint_eq(run_dma(0xc8, true) & 7, 4);
    ck_assert_int_eq(irq14.level, 1);
    ck_assert_uint_eq(get(STS), 0x50);
    for (uint32_t i = 0; i < 8; i++)
        expect_sector(guest_mem(i < 3 ? BUFFER + i * 512 : BUFFER + 0x10000 + (i - 3) * 512),
                      10 + i);
    ck_assert_uint_eq(inb(BM + 2) & 4, 4);
    outb(BM + 2, 4);
    ck_assert_uint_eq(inb(BM + 2) & 4, 0);
    /* to the disk, from odd places: a sector cut into pieces */
    prd(0, BUFFER, 2);
    prd(1, BUFFER + 2, 510);
    prd(2, BUFFER + 512, EOT | 512);
    memset(guest_mem(BUFFER), 0xa5, 1024);
    address48(70, 2);
    ck_assert_uint_eq(run_dma(0x35, false) & 7, 4);
    ck_assert_uint_eq(get(STS), 0x50);
    uint8_t back[1024];
    read_file(back, 70, 2);
    ck_assert_mem_eq(back, guest_mem(BUFFER), 1024);
    /* the engine is running before the command comes; dirty bits are set */
    dirty_clear(DIRTY_VGA, guest_ram.ram, GUEST_RAM_SIZE);
    prd(0, BUFFER, EOT | 0); /* 64 KiB */
    io_port_write(BM + 4, TABLE, 4);
    outb(BM, 9);
    address28(0, 128);
    put(CMD, 0xc8);
    settle();
    ck_assert_uint_eq(inb(BM + 2) & 7, 4);
    ck_assert(dirty_test(DIRTY_VGA, guest_ram.ram + BUFFER, 0x10000));
    ck_assert(!dirty_test(DIRTY_VGA, guest_ram.ram + BUFFER + 0x10000, 0x1000));
    expect_sector(guest_mem(BUFFER + 127 * 512), 127);
    outb(BM, 0);
    finish();
}
END_TEST

START_TEST(test_dma_registers)
{
    setup();
    io_port_write(BM + 4, 0x12345677, 4);
    ck_assert_uint_eq(io_port_read(BM + 4, 4), 0x12345674);
    outb(BM + 5, 0xaa);
    ck_assert_uint_eq(io_port_read(BM + 4, 4), 0x1234aa74);
    io_port_write(BM + 6, 0x5566, 2);
    ck_assert_uint_eq(io_port_read(BM + 4, 4), 0x5566aa74);
    outb(BM, 0xf8);
    outb(BM + 2, 0x60);
    ck_assert_uint_eq(io_port_read(BM, 4), 0x00600008);
    ck_assert_uint_eq(io_port_read(BM + 8, 4), 0);
    config_write(SLOT, 0x40, 0, 4); /* decoding off */
    ck_assert_uint_eq(get(STS), 0xff);
    config_write(SLOT, 0x40, 0x80008000, 4);
    ck_assert_uint_eq(get(STS), 0x50);
    finish();
}
END_TEST

START_TEST(test_dma_hostile)
{
    setup();
    /* table too short: what there is room for is moved, then the command fails */
    prd(0, BUFFER, EOT | 512);
    address28(10, 8);
    ck_assert_uint_eq(run_dma(0xc8, true) & 5, 4);
    ck_assert_uint_eq(get(STS), 0x51);
    expect_sector(guest_mem(BUFFER), 10);
    /* half a sector */
    prd(0, BUFFER, EOT | 256);
    ck_assert_uint_eq(run_dma(0xc8, true) & 2, 2);
    ck_assert_uint_eq(get(STS), 0x51);
    /* table too long: the engine goes on waiting */
    prd(0, BUFFER, EOT | 0x2000);
    address28(10, 8);
    ck_assert_uint_eq(run_dma(0xc8, true) & 7, 5);
    ck_assert_uint_eq(get(STS), 0x50);
    ck_assert_uint_eq(inb(BM + 2) & 1, 0); /* stopped */
    /* wrong direction */
    ck_assert_uint_eq(run_dma(0xc8, false) & 2, 2);
    ck_assert_uint_eq(get(STS), 0x51);
    /* memory that is not there, at the end of RAM, at 4 GiB */
    static const uint32_t places[] = {0x80000000, GUEST_RAM_SIZE - 512, 0xfffffe00, 0xfffffffe};
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        prd(0, places[i], EOT | 4096);
        address28(10, 8);
        ck_assert_uint_eq(run_dma(0xc8, true) & 2, 2);
        ck_assert_uint_eq(get(STS), 0x51);
        ck_assert_uint_eq(get(ERR), 4);
    }
    /* the table itself is not there, or runs out of memory */
    io_port_write(BM + 4, 0x90000000, 4);
    put(CMD, 0xc8);
    outb(BM, 9);
    settle();
    ck_assert_uint_eq(inb(BM + 2) & 3, 2);
    outb(BM, 0);
    get(STS);
    memset(guest_mem(GUEST_RAM_SIZE - 16), 0, 16);
    st_le32(guest_mem(GUEST_RAM_SIZE - 12), 2);
    st_le32(guest_mem(GUEST_RAM_SIZE - 4), 2);
    io_port_write(BM + 4, GUEST_RAM_SIZE - 16, 4);
    put(CMD, 0xc8);
    outb(BM, 9);
    settle();
    ck_assert_uint_eq(inb(BM + 2) & 2, 2);
    outb(BM, 0);
    /* no end, two bytes each, over the table itself */
    for (unsigned i = 0; i < 8192; i++)
        prd(i, TABLE + i * 8, 2);
    address48(0, 65535 & 16383);
    ck_assert_uint_eq(run_dma(0x25, true) & 4, 4);
    get(STS);
    /* no bus master */
    config_write(SLOT, PCI_COMMAND, 1, 2);
    prd(0, BUFFER, EOT | 512);
    address28(10, 1);
    ck_assert_uint_eq(run_dma(0xc8, true) & 2, 2);
    ck_assert_uint_eq(get(STS), 0x51);
    finish();
}
END_TEST

START_TEST(test_dma_reset)
{
    setup();
    prd(0, BUFFER, EOT | 0);
    for (unsigned i = 0; i < 50; i++) {
        address28(0, 128);
        io_port_write(BM + 4, TABLE, 4);
        put(CMD, 0xc8);
        outb(BM, 9);
        if (i % 3 == 0) {
            put(CTL, 4);
            put(CTL, 0);
        } else if (i % 3 == 1) {
            outb(BM, 0);
        } else {
            device_reset(dev, RESET_COLD);
            config_write(SLOT, 0x20, BM, 4);
            config_write(SLOT, PCI_COMMAND, 5, 2);
        }
        settle();
        outb(BM, 0);
        ck_assert_uint_eq(get(STS) & 0xf9, 0x50);
    }
    dev_check_vmstate(dev);
    finish();
}
END_TEST

START_TEST(test_dma_into_a_hole)
{
    struct mem_region hole;

    setup();
    mem_region_init_container(&hole, "hole", 0x1000);
    mem_region_add_overlap(as_memory.root, BUFFER + 0x1000, &hole, 1);
    prd(0, BUFFER + 0xe00, EOT | 1024);
    address28(0, 2);
    run_dma(0xc8, true);
    ck_assert_uint_eq(get(STS) & 0x80, 0);
    mem_region_del(as_memory.root, &hole);
    mem_region_fini(&hole);
    finish();
}
END_TEST

/* --- ATAPI ------------------------------------------------------------------------------------ */

static uint8_t reply[1 << 20];

/* Run a packet by PIO; bytes of the reply, or -1 with the sense key in *error's high half. */
static int packet(const uint8_t *bytes, unsigned limit, uint8_t *error)
{
    unsigned n = 0;

    put(FEATURE, 0);
    put(MID, limit & 0xff);
    put(HIGH, limit >> 8);
    put(CMD, 0xa0);
    ck_assert_uint_eq(get(STS), 0x58);
    ck_assert_uint_eq(get(COUNT), 1);
    write_words(bytes, 12);
    for (;;) {
        settle();
        ck_assert_int_eq(irq15.level, 1);
        uint8_t status = get(STS);
        ck_assert_uint_eq(status & 0x80, 0);
        if (!(status & 8)) {
            ck_assert_uint_eq(get(COUNT), 3);
            *error = get(ERR);
            return status & 1 ? -1 : (int)n;
        }
        ck_assert_uint_eq(get(COUNT), 2);
        unsigned len = get(MID) | get(HIGH) << 8;
        ck_assert_uint_gt(len, 0);
        ck_assert_uint_le(len, limit && limit != 1 ? limit : 0xfffe);
        ck_assert_uint_le(n + len, sizeof(reply));
        read_words(reply + n, (len + 1) & ~1u);
        n += len;
    }
}

/* Shorthand: the bytes of a packet. */
#define PACKET(...) packet((const uint8_t[12]){__VA_ARGS__}, 0xfffe, &error)

static void setup_cd(void)
{
    uint8_t error;

    setup();
    base = 0x170;
    PACKET(0x03, 0, 0, 0, 18); /* takes the power-on attention */
    ck_assert_uint_eq(reply[2], 6);
    ck_assert_uint_eq(reply[12], 0x29);
}

/* Sense data of the last failure as key, code, qualifier. */
static uint32_t sense(void)
{
    uint8_t error;

    ck_assert_int_eq(PACKET(0x03, 0, 0, 0, 18), 18);
    return (uint32_t)reply[2] << 16 | reply[12] << 8 | reply[13];
}

START_TEST(test_atapi_signature)
{
    uint16_t w[256];
    uint8_t error;

    setup();
    base = 0x170;
    ck_assert_uint_eq(get(STS), 0);
    ck_assert_uint_eq(get(MID) | get(HIGH) << 8, 0xeb14);
    put(CMD, 0xec);
    ck_assert_uint_eq(get(STS), 0x51);
    ck_assert_uint_eq(get(MID) | get(HIGH) << 8, 0xeb14);
    put(CMD, 0xa1);
    read_words(w, 512);
    ck_assert_uint_eq(w[0], 0x85c0);
    put(MID, 0);
    put(CMD, 0x08);
    ck_assert_uint_eq(get(MID) | get(HIGH) << 8, 0xeb14);
    ck_assert_int_eq(PACKET(0x00), -1); /* attention: reset */
    ck_assert_uint_eq(error >> 4, 6);
    ck_assert_uint_eq(sense(), 0x062900);
    ck_assert_int_eq(PACKET(0x00), 0);
    ck_assert_uint_eq(sense(), 0);
    finish();
}
END_TEST

START_TEST(test_atapi_read)
{
    uint8_t error;

    setup_cd();
    ck_assert_int_eq(PACKET(0x25), 8);
    ck_assert_uint_eq(ld_be32(reply), 299);
    ck_assert_uint_eq(ld_be32(reply + 4), 2048);
    ck_assert_int_eq(PACKET(0x28, 0, 0, 0, 0, 10, 0, 0, 2), 4096);
    for (uint32_t i = 0; i < 8; i++)
        expect_sector(reply + i * 512, 40 + i);
    ck_assert_int_eq(PACKET(0xa8, 0, 0, 0, 0, 0, 0, 0, 0, 60), 60 * 2048);
    expect_sector(reply + 239 * 512, 239);
    ck_assert_int_eq(packet((uint8_t[12]){0x28, 0, 0, 0, 0, 1, 0, 0, 1}, 100, &error), 2048);
    expect_sector(reply, 4);
    ck_assert_int_eq(packet((uint8_t[12]){0x28, 0, 0, 0, 0, 1, 0, 0, 1}, 101, &error), 2048);
    ck_assert_int_eq(packet((uint8_t[12]){0x28, 0, 0, 0, 0, 1, 0, 0, 1}, 1, &error), 2048);
    ck_assert_int_eq(packet((uint8_t[12]){0x28, 0, 0, 0, 0, 1, 0, 0, 1}, 0, &error), 2048);
    ck_assert_int_eq(PACKET(0x28), 0); /* nothing */
    ck_assert_int_eq(PACKET(0x28, 0, 0, 0, 1, 44, 0, 0, 1), -1);
    ck_assert_uint_eq(sense(), 0x052100);
    ck_assert_int_eq(PACKET(0x28, 0, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff), -1);
    ck_assert_uint_eq(sense(), 0x052100);
    ck_assert_int_eq(PACKET(0xa8, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff), -1);
    /* READ CD: data, raw, nothing, something odd */
    ck_assert_int_eq(PACKET(0xbe, 0, 0, 0, 0, 3, 0, 0, 2, 0x10), 4096);
    expect_sector(reply, 12);
    ck_assert_int_eq(PACKET(0xbe, 0, 0, 0, 0, 3, 0, 0, 2, 0xf8), 2 * 2352);
    ck_assert_uint_eq(reply[0], 0);
    ck_assert_uint_eq(reply[1], 0xff);
    ck_assert_uint_eq(reply[2352 + 14], 0x04); /* frame, BCD */
    ck_assert_uint_eq(reply[2352 + 13], 0x02);
    ck_assert_uint_eq(reply[2352 + 15], 1);
    expect_sector(reply + 16, 12);
    expect_sector(reply + 2352 + 16, 16);
    ck_assert_int_eq(PACKET(0xbe, 0, 0, 0, 0, 3, 0, 0, 2, 0), 0);
    ck_assert_int_eq(PACKET(0xbe, 0, 0, 0, 0, 3, 0, 0, 2, 0x40), -1);
    ck_assert_int_eq(PACKET(0x2b, 0, 0, 0, 0, 9), 0);
    ck_assert_int_eq(PACKET(0x2b, 0, 0, 1, 0, 9), -1);
    finish();
}
END_TEST

START_TEST(test_atapi_information)
{
    uint8_t error;

    setup_cd();
    ck_assert_int_eq(PACKET(0x12, 0, 0, 0, 36), 36);
    ck_assert_uint_eq(reply[0], 5);
    ck_assert_mem_eq(reply + 8, "DOPPEL  DVD-ROM ", 16);
    ck_assert_int_eq(PACKET(0x12, 0, 0, 0, 5), 5);
    ck_assert_int_eq(PACKET(0x12, 1, 0, 0, 36), -1);
    ck_assert_int_eq(PACKET(0x43, 0, 0, 0, 0, 0, 0, 0, 100), 20);
    ck_assert_uint_eq(ld_be16(reply), 18);
    ck_assert_uint_eq(reply[6], 1);
    ck_assert_uint_eq(reply[14], 0xaa);
    ck_assert_uint_eq(ld_be32(reply + 16), 300);
    ck_assert_int_eq(PACKET(0x43, 2, 0, 0, 0, 0, 0xaa, 0, 100), 12);
    ck_assert_uint_eq(reply[9], 0);
    ck_assert_uint_eq(reply[10], 6);
    ck_assert_uint_eq(reply[11], 0); /* 450 frames */
    ck_assert_int_eq(PACKET(0x43, 0, 1, 0, 0, 0, 0, 0, 100), 12);
    ck_assert_int_eq(PACKET(0x43, 0, 0, 0, 0, 0, 5, 0, 100), -1);
    ck_assert_uint_eq(sense(), 0x052400);
    ck_assert_int_eq(PACKET(0x46, 0, 0, 0, 0, 0, 0, 0, 200), 40);
    ck_assert_uint_eq(ld_be16(reply + 6), 8);
    ck_assert_int_eq(PACKET(0x51, 0, 0, 0, 0, 0, 0, 0, 200), 34);
    ck_assert_int_eq(PACKET(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 200), 30);
    ck_assert_uint_eq(ld_be16(reply), 28);
    ck_assert_int_eq(PACKET(0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 200), 54);
    ck_assert_int_eq(PACKET(0x5a, 0, 0x6a, 0, 0, 0, 0, 0, 200), 30);
    ck_assert_uint_eq(reply[10], 0); /* changeable: nothing */
    ck_assert_int_eq(PACKET(0x5a, 0, 0xea, 0, 0, 0, 0, 0, 200), -1);
    ck_assert_uint_eq(sense(), 0x053900);
    ck_assert_int_eq(PACKET(0x5a, 0, 0x11, 0, 0, 0, 0, 0, 200), -1);
    ck_assert_int_eq(PACKET(0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 200), 8);
    ck_assert_int_eq(PACKET(0xad, 0, 0, 0, 0, 0, 0, 0, 8, 0), -1); /* a CD, no DVD */
    ck_assert_int_eq(PACKET(0xbb, 0, 0xff, 0xff), 0);
    ck_assert_int_eq(PACKET(0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8), -1);
    for (unsigned code = 0; code < 256; code++) { /* every code ends */
        uint8_t p[12] = {(uint8_t)code, 0, 0, 0, 0, 0, 0, 0, 1};
        if (code == 0x1b)
            continue;
        packet(p, 0xfffe, &error);
        PACKET(0x1e);
    }
    ck_assert_int_eq(PACKET(0x99), -1);
    ck_assert_uint_eq(sense(), 0x052000);
    finish();
}
END_TEST

START_TEST(test_atapi_media)
{
    struct error *err = NULL;
    struct block_device *blk;
    uint8_t error;

    setup_cd();
    blk = block_find_drive(DRIVE_IF_IDE, 1, 0);
    ck_assert_int_eq(PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), 8);
    ck_assert_uint_eq(reply[4], 0);
    ck_assert_uint_eq(reply[5], 2);
    PACKET(0x1e, 0, 0, 0, 1); /* lock */
    ck_assert_int_eq(PACKET(0x1b, 0, 0, 0, 2), -1);
    ck_assert_uint_eq(sense(), 0x055302);
    ck_assert_int_lt(block_eject(blk, false, &err), 0);
    error_free(err);
    err = NULL;
    ck_assert_int_eq(block_eject(blk, true, &err), 0);
    ck_assert_int_eq(PACKET(0x00), -1);
    ck_assert_uint_eq(error >> 4, 6);
    ck_assert_uint_eq(sense(), 0x062800);
    ck_assert_int_eq(PACKET(0x00), -1);
    ck_assert_uint_eq(sense(), 0x023a02); /* and the tray is open */
    ck_assert_int_eq(PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 1), -1);
    PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8);
    ck_assert_uint_eq(reply[4], 3); /* removed */
    ck_assert_uint_eq(reply[5], 1);
    PACKET(0x1e, 0, 0, 0, 0);
    ck_assert_int_eq(block_change(blk, cd_path, "raw", true, false, &err), 0);
    ck_assert_uint_eq(sense(), 0x062800); /* asking for it takes it */
    ck_assert_int_eq(PACKET(0x00), 0);
    PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8);
    ck_assert_uint_eq(reply[4], 2);
    ck_assert_int_eq(PACKET(0x1b, 0, 0, 0, 2), 0); /* eject */
    ck_assert_int_eq(PACKET(0x00), -1);
    ck_assert_uint_eq(sense(), 0x023a02);
    ck_assert_int_eq(PACKET(0x1b, 0, 0, 0, 3), 0); /* load */
    ck_assert_int_eq(PACKET(0x00), -1);
    ck_assert_uint_eq(sense(), 0x062800);
    ck_assert_int_eq(PACKET(0x00), 0);
    dev_check_vmstate(dev);
    finish();
}
END_TEST

/* A packet with DMA; the status register at the end. */
static uint8_t packet_dma(const uint8_t *bytes)
{
    put(FEATURE, 1);
    put(CMD, 0xa0);
    write_words(bytes, 12);
    io_port_write(BM + 12, TABLE, 4);
    outb(BM + 10, 6);
    outb(BM + 8, 9);
    settle();
    outb(BM + 8, 0);
    return get(STS);
}

START_TEST(test_atapi_dma)
{
    setup_cd();
    prd(0, BUFFER, 2048);
    prd(1, BUFFER + 0x8000, EOT | 6144);
    ck_assert_uint_eq(packet_dma((uint8_t[12]){0x28, 0, 0, 0, 0, 2, 0, 0, 4}), 0x50);
    expect_sector(guest_mem(BUFFER), 8);
    expect_sector(guest_mem(BUFFER + 0x8000), 12);
    ck_assert_uint_eq(inb(BM + 10) & 7, 4);
    prd(0, BUFFER, EOT | 36);
    ck_assert_uint_eq(packet_dma((uint8_t[12]){0x12, 0, 0, 0, 36}), 0x50);
    ck_assert_mem_eq(guest_mem(BUFFER + 8), "DOPPEL", 6);
    prd(0, BUFFER, EOT | 20); /* too short for the reply */
    ck_assert_uint_eq(packet_dma((uint8_t[12]){0x12, 0, 0, 0, 36}), 0x51);
    prd(0, BUFFER, EOT | 2048); /* and for the sectors */
    ck_assert_uint_eq(packet_dma((uint8_t[12]){0x28, 0, 0, 0, 0, 2, 0, 0, 4}), 0x51);
    prd(0, 0xf0000000, EOT | 2048); /* nowhere */
    ck_assert_uint_eq(packet_dma((uint8_t[12]){0x28, 0, 0, 0, 0, 2, 0, 0, 1}), 0x51);
    ck_assert_uint_eq(packet_dma((uint8_t[12]){0x12, 0, 0, 0, 36}), 0x51);
    ck_assert_uint_eq(packet_dma((uint8_t[12]){0xbe, 0, 0, 0, 0, 2, 0, 0, 1, 0xf8}), 0x51);
    finish();
}
END_TEST

/* --- anything --------------------------------------------------------------------------------- */

static void random_table(void)
{
    for (unsigned i = 0; i < 8; i++)
        prd(i, dev_random() % 4 ? dev_random() % (2 * GUEST_RAM_SIZE) : dev_random(),
            dev_random() & (dev_random() % 2 ? 0x8000ffff : 0x80001e00));
    io_port_write((uint16_t)(BM + 4 + 8 * (dev_random() & 1)),
                  dev_random() % 8 ? TABLE : dev_random(), 4);
}

START_TEST(test_fuzz)
{
    static const uint8_t commands[] = {0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0xc4, 0xc5,
                                       0xc6, 0xc8, 0xca, 0xa0, 0xa1, 0xec, 0xe7, 0x08, 0x90, 0x91};

    setup();
    for (unsigned i = 0; i < 1000; i++) {
        base = dev_random() % 2 ? 0x1f0 : 0x170;
        for (unsigned reg = FEATURE; reg <= DEV; reg++) {
            put(reg, dev_random() % 4 ? dev_random() % 4 : dev_random());
            if (dev_random() % 2)
                put(reg, dev_random() % 3 ? 0x40 : dev_random());
        }
        random_table();
        put(CMD, dev_random() % 8 ? commands[dev_random() % sizeof(commands)] : dev_random());
        outb((uint16_t)(BM + (base == 0x1f0 ? 0 : 8)), dev_random() % 16);
        if (dev_random() % 4)
            settle();
        for (unsigned n = dev_random() % 300; n > 0; n--) {
            static uint8_t string[1200];
            if (dev_random() % 8 == 0)
                io_port_read_string((uint16_t)(base + dev_random() % 8), 1u << dev_random() % 3,
                                    string, dev_random() % 300);
            else if (dev_random() & 1)
                io_port_read((uint16_t)base, 1u << dev_random() % 3);
            else
                io_port_write((uint16_t)base, dev_random() & 0x3f, 1u << dev_random() % 3);
        }
        dev_fuzz_ports((uint16_t)base, 8, 10);
        dev_fuzz_ports(BM, 16, 5);
        if (i % 64 == 0) {
            settle();
            put(CTL, dev_random());
            dev_fuzz_config(SLOT, 20);
            config_write(SLOT, 0x40, 0x80008000, 4);
            config_write(SLOT, 0x20, BM, 4);
            config_write(SLOT, PCI_COMMAND, 5, 2);
        }
        if (i % 250 == 0)
            dev_check_vmstate(dev);
    }
    settle();
    finish();
}
END_TEST

TEST_MAIN("ide", test_identify, test_pio_read, test_pio_long, test_pio_write, test_bounds,
          test_other_commands, test_readonly, test_snapshot, test_missing_drives,
          test_reset_during_transfer, test_dma, test_dma_registers, test_dma_hostile,
          test_dma_reset, test_dma_into_a_hole, test_atapi_signature, test_atapi_read,
          test_atapi_information, test_atapi_media, test_atapi_dma, test_fuzz)
