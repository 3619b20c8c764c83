/* SPDX-License-Identifier: MIT */
/*
 * Random guests of the CL-GD5446: ports, BLT registers wherever they are, video memory through every
 * window, BLTs that the CPU feeds, a viewer that looks, snapshots in between.
 *
 *     build/tests/fuzz/cirrus [-t SECONDS] [-s SEED]
 *
 * A failed check or a report of AddressSanitizer or UBSan is a bug; the seed is named. -s with it
 * repeats the round.
 */
#include "tests/dev/pcibus.h"
#include "ui/display.h"

#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#define SLOT     PCI_DEVFN(2, 0)
#define LFB      0xe0000000u
#define REGS     0xe4000000u
#define ACCESSES 3000 /* of a round */

static unsigned seconds = 3;
static uint64_t seed = 1, state;
static struct test_pci pci;
static struct device *dev;
static struct display_viewer *viewer;

static uint32_t rnd(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16) % n;
}

static void setup(void)
{
    memory_init();
    device_lock();
    clock_manual(true);
    test_pci_init(&pci);
    dev = dev_new("cirrus-vga");
    device_set_str(dev, "addr", "2");
    device_set_str(dev, "romfile", "");
    dev_realize(dev);
    config_write(SLOT, 0x10, LFB, 4);
    config_write(SLOT, 0x14, REGS, 4);
    config_write(SLOT, PCI_COMMAND, 3, 2);
    viewer = display_viewer_new(display_find(dev, 0));
}

static void indexed(uint16_t port, uint8_t index)
{
    outb(port, index);
    outb(port + 1, (uint8_t)(rnd(4) ? rnd(256) : rnd(2) ? 0 : 0xff));
}

/* BLTs are seldom so large that they take long. */
static void keep_small(void)
{
    if (rnd(64)) {
        io_port_write(0x3ce, 0x0021, 2);
        io_port_write(0x3ce, 0x0023, 2);
    }
}

static void registers(void)
{
    keep_small();
    switch (rnd(6)) {
    case 0:
        indexed(0x3c4, (uint8_t)rnd(256));
        io_port_write(0x3c4, 0x1206, 2); /* unlocked again */
        break;
    case 1:
        indexed(0x3d4, (uint8_t)rnd(64));
        break;
    case 2:
        indexed(0x3ce, (uint8_t)rnd(64));
        break;
    case 3:
        outb((uint16_t)(0x3b0 + rnd(48)), (uint8_t)rnd(256));
        break;
    case 4:
        inb((uint16_t)(0x3b0 + rnd(48)));
        break;
    default:
        addr_space_stb(&as_memory, REGS + rnd(0x200), (uint8_t)rnd(256));
    }
}

/* All registers of a BLT, and its start. */
static void blt(void)
{
    io_port_write(0x3ce, 0x0431, 2); /* no start meanwhile */
    for (uint8_t i = 0x20; i < 0x3a; i++)
        if (i != 0x31)
            indexed(0x3ce, i);
    keep_small();
    io_port_write(0x3ce, 0x0031 | rnd(4) << 9 | rnd(2) << 15, 2);
}

static void memory(void)
{
    static const gpa_t places[] = {0xa0000, 0xb8000, LFB, LFB + MIB(4) - 300, LFB + MIB(16)};
    gpa_t gpa = places[rnd(ARRAY_SIZE(places))] + rnd(rnd(2) ? 0x100 : 0x20000);
    uint8_t buf[64];
    uint32_t n = 1 + rnd(sizeof(buf));

    for (uint32_t i = 0; i < n; i++)
        buf[i] = (uint8_t)rnd(256);
    if (rnd(3))
        addr_space_write(&as_memory, gpa, buf, n);
    else
        addr_space_read(&as_memory, gpa, buf, n);
}

static void look(void)
{
    struct display_frame f;
    uint32_t sum = 0;

    display_begin(viewer, &f);
    for (size_t i = 0; i < (size_t)f.width * f.height; i += 997)
        sum += f.pixels[i];
    if (f.cursor->visible)
        sum += f.cursor->pixels[f.cursor->width * f.cursor->height - 1];
    display_end(viewer);
    ck_assert_uint_ne(sum, 0xdeadbeef); /* read, not optimized away */
}

static void run_round(void)
{
    for (unsigned i = 0; i < ACCESSES; i++) {
        uint32_t what = rnd(1000);
        if (what < 500)
            registers();
        else if (what < 540)
            blt();
        else if (what < 996)
            memory();
        else if (what < 999)
            look();
        else
            dev_check_vmstate(dev);
    }
}

START_TEST(test_random)
{
    time_t end = time(NULL) + (time_t)seconds;
    unsigned long rounds = 0;

    setup();
    for (; time(NULL) < end; seed++, rounds++) {
        state = seed * 0x9e3779b97f4a7c15u;
        device_reset(dev, RESET_COLD);
        config_write(SLOT, 0x10, LFB, 4);
        config_write(SLOT, 0x14, REGS, 4);
        config_write(SLOT, PCI_COMMAND, 3, 2);
        outb(0x3c2, 0x67);
        run_round();
    }
    printf("cirrus: %lu rounds, up to seed %lu\n", rounds, (unsigned long)seed - 1);
    display_viewer_free(viewer);
    device_free(dev);
}
END_TEST

static void name_seed(int sig)
{
    fprintf(stderr, "cirrus: seed %lu\n", (unsigned long)seed);
}

/* Called by AddressSanitizer before it reports. */
void __asan_on_error(void);
void __asan_on_error(void)
{
    name_seed(0);
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (argv[i][1] == 't')
            seconds = (unsigned)strtoul(argv[i + 1], NULL, 0);
        else
            seed = strtoull(argv[i + 1], NULL, 0);
    }
    setenv("CK_FORK", "no", 1); /* one process, no time limit */
    signal(SIGABRT, name_seed);
    const TTest *const tests[] = {test_random};
    int status = test_run_all("fuzz/cirrus", tests, 1);
    if (status)
        name_seed(0);
    return status;
}
