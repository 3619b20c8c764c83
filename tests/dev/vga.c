/* SPDX-License-Identifier: MIT */
/* VGA: registers, write and read modes, the window, DISPI, EDID, text dump, random accesses. */
#include "hw/display/vga.h"
#include "ui/text.h"

#include "tests/dev/pcibus.h"

#include <glib.h>

#define SLOT PCI_DEVFN(2, 0)
#define LFB  0xe0000000u
#define MMIO 0xe2000000u

static struct test_pci pci;
static struct device *dev;
static struct vga *vga;

static void setup(void)
{
    memory_init();
    device_lock();
    clock_manual(true);
    test_pci_init(&pci);
    dev = dev_new("VGA");
    device_set_str(dev, "addr", "2");
    device_set_str(dev, "romfile", "");
    dev_realize(dev);
    vga = vga_pci_chip(dev);
    config_write(SLOT, 0x10, LFB, 4);
    config_write(SLOT, 0x18, MMIO, 4);
    config_write(SLOT, PCI_COMMAND, 3, 2);
}

static void seq(uint8_t index, uint8_t val)
{
    io_port_write(0x3c4, index | val << 8, 2);
}

static void gc(uint8_t index, uint8_t val)
{
    io_port_write(0x3ce, index | val << 8, 2);
}

static void crtc(uint8_t index, uint8_t val)
{
    io_port_write(0x3d4, index | val << 8, 2);
}

static void attr(uint8_t index, uint8_t val)
{
    inb(0x3da);
    outb(0x3c0, index);
    outb(0x3c0, val);
}

static void dispi(uint16_t index, uint16_t val)
{
    io_port_write(0x1ce, index, 2);
    io_port_write(0x1cf, val, 2);
}

static uint16_t dispi_get(uint16_t index)
{
    io_port_write(0x1ce, index, 2);
    return (uint16_t)io_port_read(0x1cf, 2);
}

static uint8_t peek(gpa_t a)
{
    return addr_space_ldub(&as_memory, a);
}

static void poke(gpa_t a, uint8_t v)
{
    addr_space_stb(&as_memory, a, v);
}

/* The planes at one address. */
static uint32_t planes(unsigned a)
{
    return ld_le32(ram_ptr(vga->vram.ram) + a * 4);
}

/* Planar graphics at A0000h. */
static void planar(void)
{
    outb(0x3c2, 0x67);
    seq(0, 3);
    seq(1, 1);
    seq(2, 0xf);
    seq(4, 6);
    gc(0, 0);
    gc(1, 0);
    gc(3, 0);
    gc(5, 0);
    gc(6, 5);
    gc(7, 0xf);
    gc(8, 0xff);
}

/* Mode 3, 80 x 25. */
static void text(void)
{
    static const uint8_t crtc_regs[] = {
        0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
        0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
    };

    outb(0x3c2, 0x67);
    seq(0, 3);
    seq(1, 0);
    seq(2, 3);
    seq(3, 0);
    seq(4, 2);
    gc(3, 0);
    gc(5, 0x10);
    gc(6, 0x0e);
    gc(8, 0xff);
    crtc(0x11, 0);
    for (uint8_t i = 0; i < sizeof(crtc_regs); i++)
        crtc(i, crtc_regs[i]);
    for (uint8_t i = 0; i < 16; i++)
        attr(i, i);
    attr(0x10, 0x0c);
    attr(0x12, 0xf);
    outb(0x3c0, 0x20);
}

static struct display_mode mode(void)
{
    struct display_mode m;

    vga->source.ops->mode(vga->source.opaque, &m);
    return m;
}

START_TEST(test_ids)
{
    setup();
    ck_assert_uint_eq(config_read(SLOT, 0, 4), 0x11111234);
    ck_assert_uint_eq(config_read(SLOT, 8, 4) >> 8, 0x030000);
    ck_assert_uint_eq(config_read(SLOT, 0x10, 4), LFB | 8);
    ck_assert_uint_eq(config_read(SLOT, 0x3d, 1), 0);
    config_write(SLOT, PCI_COMMAND, 0, 2);
    ck_assert_uint_eq(inb(0x3cc), 0xff);
    ck_assert_uint_eq(peek(0xa0000), 0xff);
    device_free(dev);
}
END_TEST

START_TEST(test_registers)
{
    static const uint8_t seq_masks[] = {3, 0x3d, 0xf, 0x3f, 0xe};

    setup();
    for (uint8_t i = 0; i < 5; i++) {
        seq(i, 0xff);
        outb(0x3c4, i);
        ck_assert_uint_eq(inb(0x3c5), seq_masks[i]);
    }
    outb(0x3c2, 0x01);
    ck_assert_uint_eq(inb(0x3cc), 0x01);
    ck_assert_uint_eq(inb(0x3b4), 0xff); /* colour: only 3Dxh answers */
    crtc(0x0c, 0x12);
    ck_assert_uint_eq(inb(0x3d5), 0x12);
    outb(0x3c2, 0x00);
    ck_assert_uint_eq(inb(0x3d5), 0xff);
    ck_assert_uint_eq(inb(0x3b5), 0x12);
    outb(0x3ba, 0x03);
    ck_assert_uint_eq(inb(0x3ca), 0x03);
    outb(0x3c2, 0x01);
    crtc(7, 0);
    crtc(0x11, 0x80); /* protect 0 to 7 */
    crtc(1, 0x55);
    ck_assert_uint_eq(inb(0x3d5), 0);
    crtc(7, 0xff);
    ck_assert_uint_eq(inb(0x3d5), 0x10);
    attr(0x10, 0xff);
    outb(0x3c0, 0x10);
    ck_assert_uint_eq(inb(0x3c1), 0xef);
    outb(0x3c4, 6);
    ck_assert_uint_eq(inb(0x3c5), 0);
    outb(0x3d4, 0x3f);
    ck_assert_uint_eq(inb(0x3d5), 0);
    device_free(dev);
}
END_TEST

START_TEST(test_dac)
{
    setup();
    outb(0x3c6, 0xff);
    outb(0x3c8, 0xfe);
    for (unsigned i = 0; i < 9; i++)
        outb(0x3c9, (uint8_t)(0x40 + i)); /* wraps to colour 0 */
    ck_assert_uint_eq(inb(0x3c7), 0);
    ck_assert_uint_eq(inb(0x3c8), 1);
    outb(0x3c7, 0xff);
    ck_assert_uint_eq(inb(0x3c7), 3);
    for (unsigned i = 3; i < 9; i++)
        ck_assert_uint_eq(inb(0x3c9), i);
    outb(0x3c8, 5);
    outb(0x3c9, 0x3f); /* incomplete: no change */
    outb(0x3c7, 5);
    ck_assert_uint_eq(inb(0x3c9), 0);
    dispi(4, 0x20); /* eight bits */
    outb(0x3c8, 7);
    for (unsigned i = 0; i < 3; i++)
        outb(0x3c9, 0xff);
    outb(0x3c7, 7);
    ck_assert_uint_eq(inb(0x3c9), 0xff);
    device_free(dev);
}
END_TEST

START_TEST(test_retrace)
{
    unsigned in_sync = 0, blank = 0, frames = 0;
    bool last = false;

    setup();
    text();
    for (unsigned i = 0; i < 100000; i++) { /* a second in steps of 10 us */
        uint8_t st = inb(0x3da);
        in_sync += st >> 3 & 1;
        blank += st & 1;
        frames += (st & 8) && !last;
        last = st & 8;
        ck_assert(!(st & 8) || (st & 1));
        clock_step(10000);
    }
    ck_assert_uint_ge(frames, 69);
    ck_assert_uint_le(frames, 71);
    ck_assert_uint_ge(in_sync, 400); /* 2 of 449 lines */
    ck_assert_uint_le(in_sync, 500);
    ck_assert_uint_gt(blank, 20000);
    ck_assert_uint_lt(blank, 40000);
    device_free(dev);
}
END_TEST

START_TEST(test_write_modes)
{
    setup();
    planar();
    poke(0xa0000, 0x81);
    ck_assert_uint_eq(planes(0), 0x81818181);
    seq(2, 0x5);
    poke(0xa0001, 0xff);
    ck_assert_uint_eq(planes(1), 0x00ff00ff);
    seq(2, 0xf);
    gc(1, 0x3); /* set/reset in planes 0, 1 */
    gc(0, 0x1);
    poke(0xa0002, 0x0f);
    ck_assert_uint_eq(planes(2), 0x0f0f00ff);
    gc(1, 0);
    gc(3, 4); /* rotate */
    poke(0xa0003, 0x12);
    ck_assert_uint_eq(planes(3), 0x21212121);
    peek(0xa0003);
    gc(3, 3 << 3); /* xor */
    poke(0xa0003, 0xff);
    ck_assert_uint_eq(planes(3), 0xdededede);
    gc(3, 1 << 3); /* and */
    peek(0xa0003);
    poke(0xa0003, 0xf0);
    ck_assert_uint_eq(planes(3), 0xd0d0d0d0);
    gc(3, 2 << 3); /* or */
    peek(0xa0003);
    poke(0xa0003, 0x0f);
    ck_assert_uint_eq(planes(3), 0xdfdfdfdf);
    gc(3, 0);
    gc(8, 0x0f); /* bit mask */
    peek(0xa0003);
    poke(0xa0003, 0);
    ck_assert_uint_eq(planes(3), 0xd0d0d0d0);
    gc(5, 1); /* latches */
    peek(0xa0001);
    poke(0xa0004, 0x55);
    ck_assert_uint_eq(planes(4), 0x00ff00ff);
    gc(5, 2);
    gc(8, 0xf0);
    peek(0xa0000); /* 81 */
    poke(0xa0005, 0x6);
    ck_assert_uint_eq(planes(5), 0x01f1f101);
    gc(5, 3);
    gc(8, 0x3c);
    gc(0, 0x9);
    peek(0xa0000);
    poke(0xa0006, 0xf0); /* mask 30 */
    ck_assert_uint_eq(planes(6), 0xb18181b1);
    device_free(dev);
}
END_TEST

START_TEST(test_read_modes)
{
    setup();
    planar();
    st_le32(ram_ptr(vga->vram.ram) + 40, 0x8040f001);
    for (uint8_t p = 0; p < 4; p++) {
        gc(4, p);
        ck_assert_uint_eq(peek(0xa000a), 0x8040f001 >> p * 8 & 0xff);
    }
    gc(5, 8); /* compare */
    gc(2, 0x2);
    ck_assert_uint_eq(peek(0xa000a), 0x30); /* planes 0100 -> bits where only plane 1 is set */
    gc(7, 0x2);
    ck_assert_uint_eq(peek(0xa000a), 0xf0);
    gc(7, 0);
    ck_assert_uint_eq(peek(0xa000a), 0xff);
    device_free(dev);
}
END_TEST

START_TEST(test_chain4_and_windows)
{
    struct mem_section s;

    setup();
    planar();
    seq(4, 0xe);
    mem_lookup(&as_memory, 0xa0000, &s);
    ck_assert_ptr_eq(s.mr, &vga->vram); /* direct */
    ck_assert_uint_eq(s.len, 0x10000);
    poke(0xa1235, 0x77);
    ck_assert_uint_eq(peek(LFB + 0x1235), 0x77);
    gc(8, 0x0f); /* not transparent any more */
    mem_lookup(&as_memory, 0xa0000, &s);
    ck_assert_ptr_eq(s.mr, &vga->planar);
    peek(0xa1234);
    poke(0xa1235, 0xaa);
    ck_assert_uint_eq(peek(LFB + 0x1235), 0x7a); /* half of it from the latch */
    gc(8, 0xff);
    seq(2, 0x1);
    poke(0xa1235, 0xbb); /* plane 1 is masked */
    ck_assert_uint_eq(peek(LFB + 0x1235), 0x7a);
    seq(2, 0xf);
    gc(6, 0x1); /* 128 KiB */
    mem_lookup(&as_memory, 0xbffff, &s);
    ck_assert_ptr_eq(s.mr, &vga->vram);
    gc(6, 0x8); /* B0000h */
    mem_lookup(&as_memory, 0xa0000, &s);
    ck_assert_ptr_null(s.mr);
    mem_lookup(&as_memory, 0xb0000, &s);
    ck_assert_uint_eq(s.len, 0x8000);
    gc(6, 0xc);
    mem_lookup(&as_memory, 0xb0000, &s);
    ck_assert_ptr_null(s.mr);
    poke(0xb8000, 0x42);
    ck_assert_uint_eq(peek(LFB), 0x42);
    device_free(dev);
}
END_TEST

START_TEST(test_odd_even)
{
    setup();
    text();
    poke(0xb8000, 'A');
    poke(0xb8001, 0x07);
    poke(0xb8002, 'B');
    ck_assert_uint_eq(planes(0), 0x0741);
    ck_assert_uint_eq(planes(2), 'B');
    ck_assert_uint_eq(peek(0xb8001), 7);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0xb8000), 'A' | 7 << 8 | 'B' << 16);
    addr_space_stq_le(&as_memory, 0xb8008, 0x1122334455667788);
    ck_assert_uint_eq(addr_space_ldq_le(&as_memory, 0xb8008), 0x1122334455667788);
    /* font upload: plane 2, sequential */
    seq(2, 4);
    seq(4, 7);
    gc(5, 0);
    gc(4, 2);
    gc(6, 4);
    poke(0xa0021, 0x3c);
    ck_assert_uint_eq(planes(0x21), 0x3c0000);
    ck_assert_uint_eq(peek(0xa0021), 0x3c);
    device_free(dev);
}
END_TEST

static void print(unsigned at, const char *str)
{
    for (unsigned i = 0; str[i]; i++) {
        poke(0xb8000 + (at + i) * 2, (uint8_t)str[i]);
        poke(0xb8001 + (at + i) * 2, 7);
    }
}

START_TEST(test_text_dump)
{
    struct display_mode m;
    char *dump;
    char **lines;

    setup();
    ck_assert_ptr_null(text_dump(&vga->source));
    text();
    print(0, "Hello,");
    print(80, "\xc9\xcd\xbb world");
    print(160 * 3, "x\xdb\x01\x7f\xff");
    m = mode();
    ck_assert_int_eq(m.kind, DISPLAY_TEXT);
    ck_assert_uint_eq(m.width, 720);
    ck_assert_uint_eq(m.height, 400);
    ck_assert_uint_eq(m.columns, 80);
    ck_assert_uint_eq(m.rows, 25);
    dump = text_dump(&vga->source);
    lines = g_strsplit(dump, "\n", -1);
    ck_assert_uint_eq(g_strv_length(lines), 26);
    ck_assert_str_eq(lines[0], "Hello,");
    ck_assert_str_eq(lines[1], "╔═╗ world");
    ck_assert_str_eq(lines[6], "x█☺⌂");
    g_strfreev(lines);
    g_free(dump);
    crtc(0xd, 80); /* scrolled by one row */
    dump = text_dump(&vga->source);
    ck_assert(g_str_has_prefix(dump, "╔═╗ world\n"));
    g_free(dump);
    device_free(dev);
}
END_TEST

START_TEST(test_dirty)
{
    unsigned long bits[64];
    const struct display_source *src;

    setup();
    text();
    src = &vga->source;
    src->ops->fetch_dirty(src->opaque, 0, vga->vram_size, NULL);
    ck_assert(!src->ops->fetch_dirty(src->opaque, 0, vga->vram_size, NULL));
    poke(0xb8000 + 0x800, 1); /* plane address 800h: byte 2000h */
    ck_assert(src->ops->fetch_dirty(src->opaque, 0, 0x10000, bits));
    ck_assert_uint_eq(bits[0], 1u << 2);
    poke(LFB + 0x5000, 1);
    ck_assert(src->ops->fetch_dirty(src->opaque, 0x5000, 1, NULL));
    ck_assert(!src->ops->fetch_dirty(src->opaque, vga->vram_size, 1, NULL));
    device_free(dev);
}
END_TEST

START_TEST(test_dispi)
{
    struct display_mode m;
    struct mem_section s;

    setup();
    ck_assert_uint_eq(dispi_get(0), 0xb0c5);
    dispi(0, 0xb0c2);
    ck_assert_uint_eq(dispi_get(0), 0xb0c2);
    dispi(0, 0x1234);
    ck_assert_uint_eq(dispi_get(0), 0xb0c2);
    ck_assert_uint_eq(dispi_get(10), 256);
    dispi(4, 2);
    ck_assert_uint_eq(dispi_get(1), 16000);
    ck_assert_uint_eq(dispi_get(3), 32);
    dispi(4, 0);
    dispi(1, 1024);
    dispi(2, 768);
    dispi(3, 32);
    poke(LFB + 100, 5);
    dispi(4, 0x41);
    ck_assert_uint_eq(peek(LFB + 100), 0); /* cleared */
    m = mode();
    ck_assert_int_eq(m.kind, DISPLAY_LINEAR);
    ck_assert_uint_eq(m.width, 1024);
    ck_assert_uint_eq(m.height, 768);
    ck_assert_uint_eq(m.stride, 4096);
    ck_assert_uint_eq(dispi_get(7), 4096);
    dispi(1, 640); /* locked while on */
    ck_assert_uint_eq(dispi_get(1), 1024);
    dispi(6, 2048);
    ck_assert_uint_eq(dispi_get(6), 2048);
    ck_assert_uint_eq(dispi_get(7), 2048);
    dispi(8, 5000);
    dispi(9, 5000);
    ck_assert_uint_eq(dispi_get(8), 1024);
    ck_assert_uint_eq(dispi_get(9), 2048 - 768);
    m = mode();
    ck_assert_int_eq(m.kind, DISPLAY_LINEAR);
    dispi(5, 3); /* bank */
    mem_lookup(&as_memory, 0xa0000, &s);
    ck_assert_ptr_eq(s.mr, &vga->vram);
    ck_assert_uint_eq(s.offset, 0x30000);
    dispi(5, 0x1003);
    mem_lookup(&as_memory, 0xa0000, &s);
    ck_assert_uint_eq(s.offset, 0x30000);
    poke(LFB + 200, 9);
    dispi(4, 0);
    dispi(4, 0xc1); /* no clear */
    ck_assert_uint_eq(peek(LFB + 200), 9);
    dispi(4, 0);
    dispi(1, 65535); /* larger than memory */
    dispi(2, 65535);
    dispi(4, 0x41);
    m = mode();
    ck_assert_int_eq(m.kind, DISPLAY_LINEAR);
    ck_assert_uint_le(m.stride * m.height, vga->vram_size);
    device_free(dev);
}
END_TEST

START_TEST(test_mmio)
{
    uint8_t edid[128], sum = 0;

    setup();
    addr_space_read(&as_memory, MMIO, edid, sizeof(edid));
    for (unsigned i = 0; i < sizeof(edid); i++)
        sum = (uint8_t)(sum + edid[i]);
    ck_assert_uint_eq(sum, 0);
    ck_assert_uint_eq(ld_be64(edid), 0x00ffffffffffff00);
    ck_assert_uint_eq(edid[54 + 2] | (edid[54 + 4] & 0xf0) << 4, 1280);
    ck_assert_uint_eq(edid[54 + 5] | (edid[54 + 7] & 0xf0) << 4, 800);
    ck_assert_uint_eq(addr_space_lduw_le(&as_memory, MMIO + 0x500), 0xb0c5);
    addr_space_stw_le(&as_memory, MMIO + 0x502, 800);
    ck_assert_uint_eq(dispi_get(1), 800);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, MMIO + 0x600), 8);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, MMIO + 0x604), 0x1e1e1e1e);
    poke(MMIO + 0x402, 0x67); /* 3C2h */
    ck_assert_uint_eq(inb(0x3cc), 0x67);
    ck_assert_uint_eq(peek(MMIO + 0x40c), 0x67);
    device_free(dev);
}
END_TEST

START_TEST(test_properties)
{
    struct error *err = NULL;
    struct device *other;

    setup();
    other = dev_new("VGA");
    device_set_str(other, "romfile", "");
    device_set_str(other, "vgamem_mb", "12");
    ck_assert_int_lt(device_realize(other, NULL, &err), 0);
    ck_assert(strstr(error_msg(err), "power of two") != NULL);
    error_free(err);
    device_free(other);
    device_free(dev);
}
END_TEST

static void check_source(void)
{
    struct display_mode m = mode();
    uint32_t colours[256];

    vga->source.ops->palette(vga->source.opaque, colours);
    g_free(text_dump(&vga->source));
    if (m.kind == DISPLAY_LINEAR)
        ck_assert_uint_le(m.start + m.stride * (m.height - 1) + m.width * ((m.depth + 7) / 8),
                          vga->vram_size);
}

START_TEST(test_fuzz)
{
    setup();
    for (unsigned i = 0; i < 400; i++) {
        if (i % 8 == 0)
            i % 16 ? text() : planar();
        dev_fuzz_ports(0x3b0, 0x30, 40);
        if (i % 3 == 0)
            for (unsigned n = 0; n < 20; n++)
                dispi((uint16_t)(dev_random() % 12), (uint16_t)dev_random());
        if (i % 5 == 0)
            dispi(4, 0);
        dev_fuzz_memory(0xa0000 - 16, 0x20020, 40);
        dev_fuzz_memory(MMIO, 0x1000, 10);
        check_source();
    }
    dev_fuzz_config(SLOT, 2000);
    dev_fuzz_memory(0xa0000, 0x20000, 100);
    dev_check_vmstate(dev);
    device_free(dev);
}
END_TEST

TEST_MAIN("vga", test_ids, test_registers, test_dac, test_retrace, test_write_modes,
          test_read_modes, test_chain4_and_windows, test_odd_even, test_text_dump, test_dirty,
          test_dispi, test_mmio, test_properties, test_fuzz)
