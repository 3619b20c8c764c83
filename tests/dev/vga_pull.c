/* SPDX-License-Identifier: MIT */
/*
 * A viewer on a thread of its own while a guest draws: what is seen at the end is what was drawn at
 * last, whatever came between. For MODE=tsan and MODE=asan above all.
 */
#include "hw/display/vga.h"

#include "tests/dev/pcibus.h"
#include "ui/display.h"

#include <pthread.h>

#define LFB    0xe0000000u
#define ROUNDS 400

static struct test_pci pci;
static struct device *dev;
static bool stop;

static void out16(uint16_t port, uint8_t index, uint8_t val)
{
    io_port_write(port, index | val << 8, 2);
}

static void dispi(uint16_t index, uint16_t val)
{
    io_port_write(0x1ce, index, 2);
    io_port_write(0x1cf, val, 2);
}

static void setup(const char *model)
{
    memory_init();
    device_lock();
    clock_manual(true);
    test_pci_init(&pci);
    dev = dev_new(model);
    device_set_str(dev, "addr", "2");
    device_set_str(dev, "romfile", "");
    dev_realize(dev);
    config_write(PCI_DEVFN(2, 0), 0x10, LFB, 4);
    config_write(PCI_DEVFN(2, 0), PCI_COMMAND, 3, 2);
    outb(0x3c2, 0x67);
    device_unlock();
}

static void *pull(void *opaque)
{
    struct display_viewer *v = opaque;
    struct display_frame f;

    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        display_begin(v, &f);
        ck_assert_uint_ge(f.columns * DISPLAY_TILE, f.width);
        display_end(v);
    }
    return NULL;
}

static struct display_viewer *viewer_new(void)
{
    device_lock();
    struct display_viewer *v = display_viewer_new(display_find(dev, 0));
    device_unlock();
    return v;
}

/* Planes in mode 12h's way. */
static void planar(void)
{
    device_lock();
    dispi(4, 0);
    out16(0x3c4, 0, 3);
    out16(0x3c4, 1, 1);
    out16(0x3c4, 2, 0xf);
    out16(0x3c4, 4, 6);
    out16(0x3ce, 6, 5);
    out16(0x3ce, 8, 0xff);
    out16(0x3d4, 0x11, 0);
    out16(0x3d4, 1, 79);
    out16(0x3d4, 7, 2);
    out16(0x3d4, 9, 0);
    out16(0x3d4, 0x12, 0xdf);
    out16(0x3d4, 0x13, 40);
    out16(0x3d4, 0x17, 0xe3);
    out16(0x3d4, 0x18, 0xff);
    outb(0x3c8, 0);
    for (unsigned i = 0; i < 48; i++)
        outb(0x3c9, (uint8_t)i);
    inb(0x3da);
    for (uint8_t i = 0; i < 16; i++) {
        outb(0x3c0, i);
        outb(0x3c0, i);
    }
    outb(0x3c0, 0x32);
    outb(0x3c0, 0x0f);
    device_unlock();
}

static void linear(unsigned width)
{
    device_lock();
    dispi(4, 0);
    dispi(1, (uint16_t)width);
    dispi(2, 480);
    dispi(3, 32);
    dispi(4, 0x41);
    device_unlock();
}

START_TEST(test_while_drawing)
{
    struct display_viewer *v[2];
    struct display_frame f;
    pthread_t threads[2];

    setup("VGA");
    for (unsigned i = 0; i < 2; i++) {
        v[i] = viewer_new();
        pthread_create(&threads[i], NULL, pull, v[i]);
    }
    for (unsigned n = 0; n < ROUNDS; n++) {
        if (n % 100 == 0)
            planar();
        if (n % 100 == 50)
            linear(n % 200 == 50 ? 640 : 800);
        for (unsigned i = 0; i < 64; i++)
            addr_space_stl_le(
                &as_memory, n % 100 < 50 ? 0xa0000 + n * 4 % 0x9000 + i * 4 : LFB + n * 256 + i * 4,
                n * 0x01010101u);
    }
    linear(640);
    for (unsigned i = 0; i < 640; i++)
        addr_space_stl_le(&as_memory, LFB + 2560 * 7 + i * 4, 0xff000000 | i);
    __atomic_store_n(&stop, true, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    display_begin(v[1], &f);
    ck_assert_uint_eq(f.width, 640);
    for (unsigned i = 0; i < 640; i++)
        ck_assert_uint_eq(f.pixels[640 * 7 + i], i);
    display_end(v[1]);
    device_lock();
    for (unsigned i = 0; i < 2; i++)
        display_viewer_free(v[i]);
    device_free(dev);
}
END_TEST

static void *store(void *opaque)
{
    for (unsigned n = 0; n < ROUNDS * 16; n++)
        addr_space_stl_le(&as_memory, 0xa0000 + n % 64 * 4,
                          addr_space_ldl_le(&as_memory, 0xa0000 + n % 32));
    return NULL;
}

/* Two CPUs draw at the same places while a third turns the registers. */
START_TEST(test_together)
{
    pthread_t threads[2];

    setup("VGA");
    planar();
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, store, NULL);
    for (unsigned n = 0; n < ROUNDS; n++) {
        device_lock();
        out16(0x3c4, 2, n & 15);
        out16(0x3ce, 3, n >> 4 & 0x1f);
        out16(0x3ce, 5, n & 3);
        out16(0x3ce, 8, n & 255);
        device_unlock();
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    device_lock();
    device_free(dev);
}
END_TEST

/* Two viewers are told of a change each, and only once. */
START_TEST(test_changes)
{
    struct display_viewer *v[2];
    struct display_frame f;

    setup("secondary-vga"); /* no ports: the registers are in memory */
    config_write(PCI_DEVFN(2, 0), 0x18, 0xe8000000, 4);
    config_write(PCI_DEVFN(2, 0), PCI_COMMAND, 3, 2);
    static const uint16_t regs[][2] = {{1, 640}, {2, 480}, {3, 32}, {4, 0x41}};
    for (unsigned i = 0; i < 4; i++)
        addr_space_stw_le(&as_memory, 0xe8000500 + 2 * regs[i][0], regs[i][1]);
    ck_assert_uint_eq(inb(0x3cc), 0xff);
    for (unsigned i = 0; i < 2; i++)
        v[i] = viewer_new();
    for (unsigned pass = 0; pass < 3; pass++) /* all; a page is suspected once more; nothing */
        for (unsigned i = 0; i < 2; i++) {
            display_begin(v[i], &f);
            ck_assert_int_eq(f.any_changed, pass == 0);
            ck_assert_int_eq(f.resized, pass == 0);
            display_end(v[i]);
        }
    addr_space_stl_le(&as_memory, LFB + 2560 * 100 + 4 * 200, 0x00ffffff);
    for (unsigned i = 0; i < 2; i++) {
        display_begin(v[i], &f);
        unsigned count = 0;
        for (unsigned y = 0; y < f.rows; y++)
            for (unsigned x = 0; x < f.columns; x++)
                count += display_tile_changed(&f, x, y);
        ck_assert_uint_eq(count, 1);
        ck_assert(display_tile_changed(&f, 200 / 16, 100 / 16));
        display_end(v[i]);
    }
    addr_space_stl_le(&as_memory, LFB + 2560 * 100 + 4 * 200, 0xaaffffff); /* looks the same */
    display_begin(v[0], &f);
    ck_assert(!f.any_changed);
    display_end(v[0]);
    device_lock();
    for (unsigned i = 0; i < 2; i++)
        display_viewer_free(v[i]);
    device_free(dev);
}
END_TEST

/* A change of one pixel in line 33 is one of its tile; the last one of a line may be narrow. */
START_TEST(test_tiles_of_a_line)
{
    static const unsigned widths[] = {640, 800, 808, 120, 1368};
    struct display_viewer *v;
    struct display_frame f;

    setup("VGA");
    v = viewer_new();
    for (unsigned i = 0; i < 5; i++) {
        linear(widths[i]);
        for (unsigned x = 0; x < widths[i]; x += x + 40 < widths[i] ? 37 : 1) {
            display_begin(v, &f);
            display_end(v);
            addr_space_stl_le(&as_memory, LFB + 4 * (33 * widths[i] + x), 0x55000001 + i);
            display_begin(v, &f);
            ck_assert_uint_eq(f.width, widths[i]);
            ck_assert_uint_eq(f.pixels[33 * widths[i] + x], 1 + i);
            for (unsigned k = 0; k < f.columns * f.rows; k++)
                ck_assert_int_eq(bits_test(f.changed, k), k == 2 * f.columns + x / 16);
            display_end(v);
        }
    }
    device_lock();
    display_viewer_free(v);
    device_free(dev);
}
END_TEST

/* The window's size is what the monitor prefers. */
START_TEST(test_suggested_size)
{
    static const unsigned sizes[][4] = {
        {1600, 900, 1600, 900}, {5000, 10, 4095, 64}, {0, 0, 1280, 800}};

    setup("VGA");
    config_write(PCI_DEVFN(2, 0), 0x18, 0xe8000000, 4);
    device_lock();
    struct display *d = display_find(dev, 0);
    for (unsigned i = 0; i < 3; i++) {
        uint8_t edid[128], sum = 0;
        ck_assert(display_suggest_size(d, sizes[i][0], sizes[i][1]));
        addr_space_read(&as_memory, 0xe8000000, edid, sizeof(edid));
        for (unsigned n = 0; n < sizeof(edid); n++)
            sum = (uint8_t)(sum + edid[n]);
        ck_assert_uint_eq(sum, 0);
        ck_assert_uint_eq(edid[56] | (edid[58] & 0xf0) << 4, sizes[i][2]);
        ck_assert_uint_eq(edid[59] | (edid[61] & 0xf0) << 4, sizes[i][3]);
    }
    device_free(dev);
}
END_TEST

TEST_MAIN("vga_pull", test_while_drawing, test_together, test_changes, test_tiles_of_a_line,
          test_suggested_size)
