/* SPDX-License-Identifier: MIT */
/* CL-GD5446: registers, banks, write modes, cursor, and random BLTs against a model that does a byte
 * at a time. */
#include "hw/display/source.h"

#include "tests/dev/pcibus.h"
#include "ui/display.h"

#include <glib.h>

#define SLOT PCI_DEVFN(2, 0)
#define LFB  0xe0000000u
#define REGS 0xe4000000u
#define PORT (LFB + (uint32_t)MIB(16))

static struct test_pci pci;
static struct device *dev;
static uint8_t *vram;
static uint32_t size = (uint32_t)MIB(4);

static void seq(uint8_t index, uint8_t val)
{
    io_port_write(0x3c4, index | val << 8, 2);
}

static uint8_t seq_get(uint8_t index)
{
    outb(0x3c4, index);
    return inb(0x3c5);
}

static void gc(uint8_t index, uint8_t val)
{
    io_port_write(0x3ce, index | val << 8, 2);
}

static uint8_t gc_get(uint8_t index)
{
    outb(0x3ce, index);
    return inb(0x3cf);
}

static void crtc(uint8_t index, uint8_t val)
{
    io_port_write(0x3d4, index | val << 8, 2);
}

static void setup(void)
{
    struct mem_section sec;

    memory_init();
    device_lock();
    clock_manual(true);
    test_pci_init(&pci);
    dev = dev_new("cirrus-vga");
    device_set_str(dev, "addr", "2");
    device_set_str(dev, "romfile", "");
    device_set_str(dev, "vgamem_mb", size == MIB(4) ? "4" : "1");
    dev_realize(dev);
    config_write(SLOT, 0x10, LFB, 4);
    config_write(SLOT, 0x14, REGS, 4);
    config_write(SLOT, PCI_COMMAND, 3, 2);
    mem_lookup(&as_memory, LFB, &sec);
    vram = sec.host;
    outb(0x3c2, 0x67);
    seq(6, 0x12);
}

/* 640x480, 8 bits, and everything for the screen to be on. */
static void packed(uint8_t mode)
{
    seq(0, 3);
    seq(2, 0xf);
    seq(4, 0xe);
    seq(7, mode);
    gc(5, 0x40);
    gc(6, 5);
    gc(8, 0xff);
    crtc(0x11, 0);
    crtc(1, 79);
    crtc(7, 2);
    crtc(0x12, 0xdf);
    crtc(0x13, 80);
    inb(0x3da);
    outb(0x3c0, 0x20);
}

/* --- registers ------------------------------------------------------------------------------------ */

START_TEST(test_unlock)
{
    setup();
    ck_assert_uint_eq(config_read(SLOT, 0, 4), 0x00b81013);
    ck_assert_uint_eq(seq_get(6), 0x12);
    seq(6, 0);
    ck_assert_uint_eq(seq_get(6), 0x0f);
    seq(7, 0x11);
    gc(0x20, 5);
    crtc(0x1b, 0x22);
    ck_assert_uint_eq(seq_get(7), 0);
    ck_assert_uint_eq(gc_get(0x20), 0);
    ck_assert_uint_eq(inb(0x3d5), 0);
    seq(6, 0x92);
    seq(7, 0x11);
    crtc(0x1b, 0x22);
    ck_assert_uint_eq(seq_get(7), 0x11);
    ck_assert_uint_eq(inb(0x3d5), 0x22);
    outb(0x3d4, 0x27);
    ck_assert_uint_eq(inb(0x3d5), 0xb8);
    ck_assert_uint_eq(seq_get(0xf), 0x98);
    device_free(dev);
}
END_TEST

START_TEST(test_hidden_dac)
{
    setup();
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(inb(0x3c6), 0xff);
    outb(0x3c6, 0xc1);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(inb(0x3c6), 0xff);
    ck_assert_uint_eq(inb(0x3c6), 0xc1);
    inb(0x3c6);
    inb(0x3c8);
    outb(0x3c6, 0x7f); /* the mask */
    ck_assert_uint_eq(inb(0x3c6), 0x7f);
    device_free(dev);
}
END_TEST

START_TEST(test_banks)
{
    struct mem_section s;

    setup();
    packed(0x01);
    mem_lookup(&as_memory, 0xa0000, &s);
    ck_assert_ptr_eq(s.host, vram);
    gc(0xb, 0x20);
    gc(9, 3); /* of 16 KiB */
    mem_lookup(&as_memory, 0xa8000, &s);
    ck_assert_ptr_eq(s.host, vram + 0xc000 + 0x8000);
    gc(0xb, 0x21); /* two banks */
    gc(0xa, 1);
    mem_lookup(&as_memory, 0xa8000, &s);
    ck_assert_ptr_eq(s.host, vram + 0x4000);
    ck_assert_uint_eq(s.len, 0x8000);
    gc(0xb, 1);
    gc(0xa, 0xff);
    mem_lookup(&as_memory, 0xaffff, &s);
    ck_assert_ptr_eq(s.host, vram + 0xff000 + 0x7fff);
    gc(0xb, 5); /* write modes: not memory any more */
    gc(5, 0x44);
    gc(0xb, 6); /* eight pixels per address */
    gc(9, 0);
    gc(1, 0x35);
    gc(0, 0x17);
    memset(vram, 0xee, 64);
    addr_space_stb(&as_memory, 0xa0001, 0xa5);
    ck_assert_int_eq(memcmp(vram + 8, "\x35\xee\x35\xee\xee\x35\xee\x35", 8), 0);
    gc(5, 0x45);
    addr_space_stb(&as_memory, 0xa0002, 0x0f);
    ck_assert_int_eq(memcmp(vram + 16, "\x17\x17\x17\x17\x35\x35\x35\x35", 8), 0);
    gc(0xb, 0x16);
    gc(0x10, 1);
    gc(0x11, 2);
    addr_space_stb(&as_memory, 0xa0000, 0x80);
    ck_assert_int_eq(memcmp(vram, "\x35\x02\x17\x01\x17\x01", 6), 0);
    device_free(dev);
}
END_TEST

static struct display_frame frame;
static struct display_viewer *viewer;

static void look(void)
{
    display_begin(viewer, &frame);
    display_end(viewer);
}

START_TEST(test_modes)
{
    static const struct {
        uint8_t mode, dac;
        uint32_t looks;
    } modes[] = {{0x17, 0xc0, 0x5252bd}, {0x17, 0xc1, 0x2928bd}, {0x15, 0xc5, 0x345297}};

    setup();
    viewer = display_viewer_new(display_find(dev, 0));
    for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
        packed(modes[i].mode);
        for (unsigned n = 0; n < 4; n++)
            inb(0x3c6);
        outb(0x3c6, modes[i].dac);
        addr_space_stl_le(&as_memory, LFB, i == 2 ? 0x345297 : 0x2957);
        look();
        ck_assert_uint_eq(frame.width, 640);
        ck_assert_uint_eq(frame.height, 480);
        ck_assert_uint_eq(frame.pixels[0], modes[i].looks);
    }
    packed(0x19); /* 32 bits, from a start address on, of a pitch beyond eight bits */
    crtc(0x13, 0x40);
    crtc(0x1b, 0x11);
    crtc(0xc, 0x01);
    crtc(0xd, 0x02);
    addr_space_stl_le(&as_memory, LFB + 4 * 0x10102 + 0x140 * 8 * 3, 0xff123456);
    look();
    ck_assert_uint_eq(frame.pixels[640 * 3], 0x123456);
    display_viewer_free(viewer);
    device_free(dev);
}
END_TEST

START_TEST(test_cursor)
{
    setup();
    viewer = display_viewer_new(display_find(dev, 0));
    packed(0x01);
    memset(vram + size - 16384, 0, 16384);
    for (unsigned n = 0; n < 2; n++) {
        bool large = n;
        uint8_t *p = vram + size - 16384 + 4 * 256;
        p[0] = 0xf0;
        p[large ? 8 : 128] = 0x3c;
        seq(0x12, (large ? 4 : 0) | 2);
        outb(0x3c8, 0);
        for (unsigned i = 0; i < 3; i++)
            outb(0x3c9, 0);
        outb(0x3c8, 15);
        for (unsigned i = 0; i < 3; i++)
            outb(0x3c9, 0x3f);
        seq(0x12, (large ? 4 : 0) | 1);
        seq(0x13, 4);
        seq(0xb0, 10); /* 85 */
        seq(0x31, 20); /* 161 */
        look();
        const struct display_cursor *c = frame.cursor;
        ck_assert(c->visible);
        ck_assert_int_eq(c->x, 85);
        ck_assert_int_eq(c->y, 161);
        ck_assert_uint_eq(c->width, large ? 64 : 32);
        ck_assert_uint_eq(c->pixels[0], 0xff808080); /* inverts */
        ck_assert_uint_eq(c->pixels[2], 0xffffffff);
        ck_assert_uint_eq(c->pixels[4], 0xff000000);
        ck_assert_uint_eq(c->pixels[6], 0);
        uint32_t serial = c->serial;
        look();
        ck_assert_uint_eq(c->serial, serial);
        p[1] = 1;
        look();
        ck_assert_uint_ne(c->serial, serial);
        p[0] = p[1] = p[8] = p[128] = 0;
    }
    seq(0x12, 0);
    look();
    ck_assert(!frame.cursor->visible);
    display_viewer_free(viewer);
    device_free(dev);
}
END_TEST

/* --- BLTs --------------------------------------------------------------------------------------------- */

struct request {
    uint32_t width, height, dst, src, dst_pitch, src_pitch;
    uint8_t mode, ext, rop, skip;
    uint8_t fg[4], bg[4];
    uint16_t key, key_mask;
};

static uint8_t rop_of(uint8_t code, uint8_t s, uint8_t d)
{
    switch (code) {
    case 0x00:
        return 0;
    case 0x05:
        return s & d;
    case 0x09:
        return s & ~d;
    case 0x0b:
        return ~d;
    case 0x0d:
        return s;
    case 0x0e:
        return 0xff;
    case 0x50:
        return ~s & d;
    case 0x59:
        return s ^ d;
    case 0x6d:
        return s | d;
    case 0x90:
        return ~(s | d);
    case 0x95:
        return ~(s ^ d);
    case 0xad:
        return s | ~d;
    case 0xd0:
        return ~s;
    case 0xd6:
        return ~s | d;
    case 0xda:
        return ~(s & d);
    default:
        return d;
    }
}

static const uint8_t rop_codes[] = {0x00, 0x05, 0x06, 0x09, 0x0b, 0x0d, 0x0e, 0x50, 0x59,
                                    0x6d, 0x90, 0x95, 0xad, 0xd0, 0xd6, 0xda, 0x33};

/* The model: what the engine should have made of memory `m`; `cpu` are the bytes that were sent. */
struct model {
    const struct request *r;
    uint8_t *m;
    const uint8_t *cpu; /* NULL: from memory */
    uint8_t pattern[256];
    unsigned pixel, skip;
};

static bool model_bit(const struct model *t, uint32_t y, uint32_t n)
{
    const struct request *r = t->r;
    uint32_t pixels = (r->width + t->pixel - 1) / t->pixel, bytes = (pixels + 7) / 8;
    uint8_t byte;

    if (r->mode & 0x40) {
        byte = t->pattern[(y + r->src) % 8];
        n %= 8;
    } else if (t->cpu) {
        bytes = r->ext & 1 ? (bytes + 3) / 4 * 4 : bytes;
        byte = t->cpu[y * bytes + n / 8];
    } else {
        byte = t->m[(r->src + y * bytes + n / 8) & (size - 1)];
    }
    return byte >> (7 - n % 8) & 1;
}

/* Byte `i` of pixel `n`; false: the pixel is left alone. */
static bool model_source(const struct model *t, uint32_t y, uint32_t n, unsigned i, uint8_t *out)
{
    const struct request *r = t->r;
    uint32_t x = n * t->pixel + i, pitch = t->pixel == 3 ? 32 : 8 * t->pixel;

    if (r->mode & 0x80) {
        bool solid = r->ext & 4 && r->mode & 0x40 && !t->cpu;
        bool one = solid || model_bit(t, y, n), invert = r->mode & 8 && r->ext & 2 && !solid;
        *out = (invert ? !one : one) && !invert ? r->fg[i] : r->bg[i];
        if (invert)
            *out = r->bg[i];
        return solid || !(r->mode & 8) || one != invert;
    }
    if (r->mode & 0x40) {
        *out = t->pattern[(y + r->src) % 8 * pitch + x % (8 * t->pixel)];
    } else if (t->cpu) {
        *out = t->cpu[y * ((r->width + 3) & ~3u) + x];
    } else {
        *out = t->m[((r->mode & 1 ? r->src - y * r->src_pitch - (r->width - 1)
                                  : r->src + y * r->src_pitch) +
                     x) &
                    (size - 1)];
    }
    return true;
}

static void model_pixel(const struct model *t, uint32_t y, uint32_t n)
{
    const struct request *r = t->r;
    bool back = r->mode & 1 && !(r->mode & 0xc4);
    uint32_t base = back ? r->dst - y * r->dst_pitch - (r->width - 1) : r->dst + y * r->dst_pitch;
    uint8_t result[4], s = 0;
    uint32_t bytes = MIN(t->pixel, r->width - n * t->pixel);
    bool solid = r->ext & 4 && (r->mode & 0xc4) == 0xc0;

    for (unsigned j = 0; j < bytes; j++) {
        unsigned i = back && !(r->mode & 8) ? bytes - 1 - j : j;
        uint8_t *p = &t->m[(base + n * t->pixel + i) & (size - 1)];
        if (!model_source(t, y, n, i, &s))
            return;
        result[i] = rop_of(r->rop, s, *p);
        if (!(r->mode & 8) || r->mode & 0x80 || solid)
            *p = result[i];
    }
    if (!(r->mode & 8) || r->mode & 0x80)
        return;
    uint16_t got = (uint16_t)(result[0] | (bytes > 1 && t->pixel > 1 ? result[1] << 8 : 0));
    uint16_t care = (uint16_t)~r->key_mask & (t->pixel > 1 && bytes > 1 ? 0xffff : 0xff);
    if (t->pixel > 1 && bytes == 1)
        got |= 0, care = (uint16_t)~r->key_mask; /* the missing byte is 0 */
    if (!((got ^ r->key) & care))
        return;
    for (unsigned i = 0; i < bytes; i++)
        t->m[(base + n * t->pixel + i) & (size - 1)] = result[i];
}

static void model_run(struct model *t)
{
    const struct request *r = t->r;
    bool byte_wise = !(r->mode & 0xc0) && !(r->mode & 8);
    bool back = r->mode & 1 && !(r->mode & 0xc4);

    t->pixel = byte_wise ? 1 : (r->mode >> 4 & 3) + 1;
    t->skip = !(r->mode & 0xc0) ? 0 : t->pixel == 3 ? (r->skip & 31) / 3 : r->skip & 7;
    for (unsigned i = 0; i < sizeof(t->pattern); i++)
        t->pattern[i] = t->cpu ? t->cpu[i] : t->m[((r->src & ~7u) + i) & (size - 1)];
    for (uint32_t y = 0; y < r->height; y++) {
        uint32_t pixels = (r->width + t->pixel - 1) / t->pixel;
        for (uint32_t n = t->skip; n < pixels; n++)
            model_pixel(t, y, back ? pixels - 1 - n : n);
    }
}

static uint32_t random_range(uint32_t n)
{
    return dev_random() % n;
}

static void random_request(struct request *r)
{
    static const uint8_t modes[] = {0x00, 0x01, 0x08, 0x40, 0x80, 0x88, 0xc0, 0xc8,
                                    0x04, 0x84, 0x8c, 0xc4, 0x44, 0x0c, 0x48};

    *r = (struct request){
        .width = 1 + random_range(random_range(8) ? 90 : 8192),
        .height = 1 + random_range(12),
        .dst = random_range(size),
        .src = random_range(size),
        .dst_pitch = random_range(0x2000),
        .src_pitch = random_range(0x2000),
        .mode = (uint8_t)(modes[random_range(ARRAY_SIZE(modes))] | random_range(4) << 4),
        .ext = (uint8_t)random_range(8),
        .rop = rop_codes[random_range(ARRAY_SIZE(rop_codes))],
        .skip = (uint8_t)dev_random(),
        .key = (uint16_t)dev_random(),
        .key_mask = (uint16_t)(random_range(2) ? 0 : dev_random()),
    };
    st_le32(r->fg, dev_random());
    st_le32(r->bg, dev_random());
    if (random_range(4) == 0) /* at the end of memory */
        r->dst = (size - random_range(100)) & (size - 1);
    if (random_range(3) == 0 && !(r->mode & 0xc0)) /* overlapping itself */
        r->src = (r->dst + random_range(80) - 40) & (size - 1), r->src_pitch = r->dst_pitch;
}

/* Bits and patterns are read before a row or everything is drawn: keep them out of what is drawn. */
static bool fair(const struct request *r)
{
    uint32_t span = r->height * r->dst_pitch + r->width, source = r->mode & 0x40 ? 264 : 8192;

    return !(r->mode & 0xc0) || r->mode & 4 ||
           (((r->src - r->dst) & (size - 1)) >= span && ((r->dst - r->src) & (size - 1)) >= source);
}

static void program(const struct request *r)
{
    static const uint8_t fg[] = {1, 0x11, 0x13, 0x15}, bg[] = {0, 0x10, 0x12, 0x14};

    for (unsigned i = 0; i < 4; i++) {
        gc(fg[i], r->fg[i]);
        gc(bg[i], r->bg[i]);
    }
    const uint32_t words[] = {r->width - 1, r->height - 1, r->dst_pitch, r->src_pitch};
    for (uint8_t i = 0; i < 4; i++) {
        gc((uint8_t)(0x20 + 2 * i), (uint8_t)words[i]);
        gc((uint8_t)(0x21 + 2 * i), (uint8_t)(words[i] >> 8));
    }
    for (uint8_t i = 0; i < 3; i++) {
        gc(0x28 + i, (uint8_t)(r->dst >> 8 * i));
        gc(0x2c + i, (uint8_t)(r->src >> 8 * i));
    }
    gc(0x2f, r->skip);
    gc(0x30, r->mode);
    gc(0x32, r->rop);
    gc(0x33, r->ext);
    gc(0x34, (uint8_t)r->key);
    gc(0x35, (uint8_t)(r->key >> 8));
    gc(0x38, (uint8_t)r->key_mask);
    gc(0x39, (uint8_t)(r->key_mask >> 8));
}

/* Send random bytes until the engine has had enough; how many. */
static uint32_t feed(uint8_t *cpu, uint32_t max)
{
    static const gpa_t ports[] = {PORT, LFB + 0x1234, 0xa0000};
    uint32_t n = 0;

    while (gc_get(0x31) & 1) {
        uint32_t v = dev_random();
        ck_assert_uint_lt(n, max - 4);
        st_le32(cpu + n, v);
        if (random_range(2)) { /* only the port takes what is beyond the end */
            addr_space_stl_le(&as_memory, PORT, v);
            n += 4;
        } else {
            addr_space_stb(&as_memory, ports[random_range(3)], (uint8_t)v);
            n++;
        }
        if (random_range(500) == 0)
            gc(0x3f, 0);
    }
    return n;
}

static void randomize(uint8_t *m, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += 4)
        st_le32(m + i, dev_random() & (random_range(4) ? 0xffffffff : 0));
}

START_TEST(test_random_blts)
{
    size = (uint32_t)MIB(1);
    uint8_t *expected = g_malloc(size), *cpu = g_malloc0(MIB(1));
    struct request r;

    setup();
    packed(0x01);
    randomize(vram, size);
    memcpy(expected, vram, size);
    for (unsigned i = 0; i < 800; i++) {
        do
            random_request(&r);
        while (!fair(&r));
        program(&r);
        if (random_range(2)) {
            gc(0x31, 2);
        } else { /* by writing the last byte of the destination */
            gc(0x31, 0x80);
            gc(0x2a, (uint8_t)(r.dst >> 16));
            gc(0x31, 0);
        }
        bool system = r.mode & 4;
        if (system)
            feed(cpu, (uint32_t)MIB(1));
        ck_assert_uint_eq(gc_get(0x31) & 9, 0);
        struct model t = {.r = &r, .m = expected, .cpu = system ? cpu : NULL};
        model_run(&t);
        if (memcmp(vram, expected, size)) {
            uint32_t at = 0;
            while (vram[at] == expected[at])
                at++;
            ck_abort_msg("BLT %u: mode %02x ext %02x rop %02x skip %02x key %04x/%04x %ux%u dst "
                         "%x+%x src %x+%x: at %x "
                         "%02x, not %02x",
                         i, r.mode, r.ext, r.rop, r.skip, r.key, r.key_mask, r.width, r.height,
                         r.dst, r.dst_pitch, r.src, r.src_pitch, at, vram[at], expected[at]);
        }
    }
    g_free(expected);
    g_free(cpu);
    device_free(dev);
}
END_TEST

START_TEST(test_to_system)
{
    struct request r = {
        .width = 10, .height = 3, .src = size - 15, .src_pitch = 20, .mode = 2, .rop = 0x0d};

    setup();
    packed(0x01);
    randomize(vram, size);
    program(&r);
    gc(0x31, 2);
    for (uint32_t y = 0; y < 3; y++) {
        for (uint32_t x = 0; x < 12; x += 4) {
            ck_assert_uint_eq(gc_get(0x31) & 1, 1);
            uint32_t v = addr_space_ldl_le(&as_memory, PORT);
            for (unsigned i = 0; i < 4 && x + i < 10; i++)
                ck_assert_uint_eq(v >> 8 * i & 255, vram[(r.src + y * 20 + x + i) & (size - 1)]);
        }
    }
    ck_assert_uint_eq(gc_get(0x31) & 1, 0);
    r.mode = 6; /* both: nothing */
    program(&r);
    gc(0x31, 2);
    ck_assert_uint_eq(gc_get(0x31) & 1, 0);
    device_free(dev);
}
END_TEST

/* BLT registers in memory, at each of their places. */
START_TEST(test_memory_registers)
{
    gpa_t places[] = {REGS + 0x100, 0xb8000, LFB + size - 0x100};
    uint8_t config[] = {0, 4, 0x44};

    setup();
    packed(0x01);
    for (unsigned i = 0; i < 3; i++) {
        seq(0x17, config[i]);
        addr_space_stl_le(&as_memory, places[i] + 8, 0x00020003 + i);
        ck_assert_uint_eq(gc_get(0x20), 3 + i);
        ck_assert_uint_eq(gc_get(0x22), 2);
        addr_space_stl_le(&as_memory, places[i], 0x44332211);
        ck_assert_uint_eq(gc_get(0x14), 0x44);
        addr_space_stb(&as_memory, places[i] + 0x10, 0x40);
        addr_space_stw_le(&as_memory, places[i] + 0x11, 0x0102);
        addr_space_stl_le(&as_memory, places[i] + 4, 0x88776655);
        addr_space_stl_le(&as_memory, places[i] + 0xc, 0x00100010);
        addr_space_stw_le(&as_memory, places[i] + 0x18, 0xc0);
        addr_space_stb(&as_memory, places[i] + 0x1a, 0x0d);
        addr_space_stb(&as_memory, places[i] + 0x1b, 4);
        memset(vram + 0x10240, 0, 16);
        addr_space_stb(&as_memory, places[i] + 0x40, 2);
        ck_assert_uint_eq(vram[0x10240], 0x55);
        ck_assert_uint_eq(addr_space_ldub(&as_memory, places[i] + 0x40) & 1, 0);
    }
    device_free(dev);
}
END_TEST

START_TEST(test_reset_while_busy)
{
    struct request r = {.width = 100, .height = 100, .mode = 4, .rop = 0x0d, .dst_pitch = 100};

    setup();
    packed(0x01);
    program(&r);
    gc(0x31, 2);
    addr_space_stl_le(&as_memory, LFB, 1);
    ck_assert_uint_eq(gc_get(0x31) & 9, 9);
    dev_check_vmstate(dev); /* in the middle of a row */
    ck_assert_uint_eq(gc_get(0x31) & 9, 9);
    gc(0x31, 4);
    ck_assert_uint_eq(gc_get(0x31) & 9, 0);
    addr_space_stl_le(&as_memory, LFB + 8, 0x12345678);
    ck_assert_uint_eq(ld_le32(vram + 8), 0x12345678);
    device_free(dev);
}
END_TEST

TEST_MAIN("cirrus", test_unlock, test_hidden_dac, test_banks, test_modes, test_cursor,
          test_random_blts, test_to_system, test_memory_registers, test_reset_while_busy)
