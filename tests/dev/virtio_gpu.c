/* SPDX-License-Identifier: MIT */
/*
 * The virtio GPU: commands and their answers, pictures and changes as a viewer sees them, monitors,
 * the pointer, limits, hostile commands, saved state, plugging; and the VGA of virtio-vga.
 */
#include "tests/dev/virtdrv.h"

#include "hw/acpi/pci_hotplug.h"
#include "hw/acpi/piix4_pm.h"
#include "ui/display.h"

#define V1     VIRTIO_F_VERSION_1
#define F_EDID BIT(1)

#define CMD  VDRV_DATA
#define RESP (VDRV_DATA + 0x10000)
#define BACK (VDRV_DATA + 0x100000)

enum { OK = 0x1100, OK_INFO, OK_EDID = 0x1104 };
enum { ERR_UNSPEC = 0x1200, ERR_MEMORY, ERR_SCANOUT, ERR_RESOURCE, ERR_PARAMETER = 0x1205 };

static struct vring ctrl, curs;
static struct display_viewer *viewer;

/* --- the driver ----------------------------------------------------------------------------------- */

static uint32_t submit(struct vring *r, uint32_t out, uint32_t in)
{
    struct vbuf bufs[] = {{CMD, out, false}, {RESP, in, true}};
    uint32_t len = 0;

    vring_add(r, bufs, in ? 2 : 1);
    vdrv_kick(r->index);
    vdrv_loop();
    ck_assert(vring_used(r, in ? 2 : 1, &len));
    ck_assert_uint_le(len, in);
    return len;
}

/* A command of 32-bit words behind its header: what it was answered. */
static uint32_t command_n(uint32_t type, const uint32_t *words, unsigned count)
{
    addr_space_set(&as_memory, CMD, 0, 24);
    addr_space_set(&as_memory, RESP, 0xee, 64);
    mem_put(CMD, type, 4);
    for (unsigned i = 0; i < count; i++)
        mem_put(CMD + 24 + 4 * i, words[i], 4);
    uint32_t len = submit(&ctrl, 24 + 4 * count, 2048);
    ck_assert_uint_ge(len, 24);
    return (uint32_t)mem_get(RESP, 4);
}
#define COMMAND(type, ...)                                                                         \
    command_n(type, (const uint32_t[]){__VA_ARGS__},                                               \
              sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))
#define CREATE(id, format, w, h)      COMMAND(0x101, id, format, w, h)
#define UNREF(id)                     COMMAND(0x102, id, 0)
#define SCANOUT(s, id, x, y, w, h)    COMMAND(0x103, x, y, w, h, s, id)
#define FLUSH(id, x, y, w, h)         COMMAND(0x104, x, y, w, h, id, 0)
#define TRANSFER(id, x, y, w, h, off) COMMAND(0x105, x, y, w, h, off, 0, id, 0)
#define ATTACH(id, gpa, len)          COMMAND(0x106, id, 1, (uint32_t)(gpa), 0, len, 0)
#define DETACH(id)                    COMMAND(0x107, id, 0)

#define CURSOR(type, s, x, y, id, hot_x, hot_y)                                                    \
    cursor_n((const uint32_t[]){type, 0, 0, 0, 0, 0, s, x, y, 0, id, hot_x, hot_y, 0})

static void cursor_n(const uint32_t words[14])
{
    for (unsigned i = 0; i < 14; i++)
        mem_put(CMD + 4 * i, words[i], 4);
    submit(&curs, 56, 0);
}

static void start(void)
{
    ck_assert(vdrv_settle(V1 | F_EDID));
    vring_init(&ctrl, 0, 64, 0);
    vring_init(&curs, 1, 16, 0);
    vdrv_go();
}

static struct device *make(const char *text)
{
    vdrv_setup();
    struct device *dev = vdrv_make(text);

    viewer = display_viewer_new(display_find(dev, 0));
    start();
    return dev;
}

static void finish(struct device *dev)
{
    device_free(dev);
    display_viewer_free(viewer);
}

/* Resource `id` of XRGB pixels at BACK, which count up from `first`. */
static void make_resource(uint32_t id, uint32_t w, uint32_t h, uint32_t first)
{
    ck_assert_uint_eq(CREATE(id, 2, w, h), OK);
    ck_assert_uint_eq(ATTACH(id, BACK, w * h * 4), OK);
    for (uint32_t i = 0; i < w * h; i++)
        st_le32(guest_mem(BACK) + 4 * i, first + i);
}

static uint32_t pixel(const struct display_frame *f, unsigned x, unsigned y)
{
    return f->pixels[y * f->width + x];
}

static unsigned count_changed(const struct display_frame *f)
{
    unsigned n = 0;

    for (unsigned y = 0; y < f->rows; y++)
        for (unsigned x = 0; x < f->columns; x++)
            n += display_tile_changed(f, x, y);
    return n;
}

/* --- pictures ------------------------------------------------------------------------------------- */

START_TEST(test_picture)
{
    struct device *dev = make("virtio-gpu-pci");
    struct display_frame f;

    ck_assert_uint_eq(config_read(VDRV_SLOT, 0, 4), 0x10501af4);
    ck_assert_uint_eq(config_read(VDRV_SLOT, 0x0a, 2), 0x0380);
    make_resource(1, 320, 200, 0x10000);
    ck_assert_uint_eq(SCANOUT(0, 1, 0, 0, 320, 200), OK);
    ck_assert_uint_eq(TRANSFER(1, 0, 0, 320, 200, 0), OK);
    ck_assert_uint_eq(FLUSH(1, 0, 0, 320, 200), OK);
    display_begin(viewer, &f);
    ck_assert_uint_eq(f.width, 320);
    ck_assert_uint_eq(f.height, 200);
    ck_assert(f.resized);
    for (unsigned y = 0; y < 200; y++)
        for (unsigned x = 0; x < 320; x++)
            ck_assert_uint_eq(pixel(&f, x, y), 0x10000 + y * 320 + x);
    display_end(viewer);

    /* Only what was transferred and flushed changes. */
    memset(guest_mem(BACK), 0x55, 320 * 200 * 4);
    ck_assert_uint_eq(TRANSFER(1, 100, 50, 8, 4, (50 * 320 + 100) * 4), OK);
    ck_assert_uint_eq(FLUSH(1, 100, 50, 8, 4), OK);
    display_begin(viewer, &f); /* the second look at pages under suspicion */
    ck_assert_uint_eq(pixel(&f, 100, 50), 0x555555);
    ck_assert_uint_eq(pixel(&f, 107, 53), 0x555555);
    ck_assert_uint_eq(pixel(&f, 108, 53), 0x10000 + 53 * 320 + 108);
    ck_assert_uint_eq(pixel(&f, 99, 50), 0x10000 + 50 * 320 + 99);
    ck_assert_uint_eq(count_changed(&f), 1);
    display_end(viewer);
    display_begin(viewer, &f);
    display_end(viewer);
    display_begin(viewer, &f);
    ck_assert(!f.any_changed);
    display_end(viewer);

    /* A part of a resource. */
    ck_assert_uint_eq(SCANOUT(0, 1, 96, 48, 64, 32), OK);
    display_begin(viewer, &f);
    ck_assert_uint_eq(f.width, 64);
    ck_assert_uint_eq(f.height, 32);
    ck_assert_uint_eq(pixel(&f, 4, 2), 0x555555);
    ck_assert_uint_eq(pixel(&f, 63, 31), 0x10000 + (48 + 31) * 320 + 96 + 63);
    display_end(viewer);

    /* Another resource, also where the first one was freed. */
    make_resource(2, 64, 32, 0x700000);
    ck_assert_uint_eq(TRANSFER(2, 0, 0, 64, 32, 0), OK);
    ck_assert_uint_eq(SCANOUT(0, 2, 0, 0, 64, 32), OK);
    ck_assert_uint_eq(UNREF(1), OK);
    display_begin(viewer, &f);
    ck_assert_uint_eq(pixel(&f, 63, 31), 0x700000 + 64 * 32 - 1);
    display_end(viewer);
    ck_assert_uint_eq(UNREF(2), OK);
    display_begin(viewer, &f);
    ck_assert_uint_eq(pixel(&f, 63, 31), 0);
    display_end(viewer);
    finish(dev);
}
END_TEST

START_TEST(test_formats)
{
    static const struct {
        uint32_t id;
        uint8_t red, green, blue; /* offsets in memory */
    } rows[] = {{1, 2, 1, 0},  {2, 2, 1, 0},  {3, 1, 2, 3},   {4, 1, 2, 3},
                {67, 0, 1, 2}, {68, 3, 2, 1}, {121, 3, 2, 1}, {134, 0, 1, 2}};
    struct device *dev = make("virtio-gpu-pci");
    struct display_frame f;

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        uint8_t *p = guest_mem(BACK);
        p[0] = 0x11, p[1] = 0x22, p[2] = 0x33, p[3] = 0x44;
        ck_assert_uint_eq(CREATE(7, rows[i].id, 1, 1), OK);
        ck_assert_uint_eq(ATTACH(7, BACK, 4), OK);
        ck_assert_uint_eq(TRANSFER(7, 0, 0, 1, 1, 0), OK);
        ck_assert_uint_eq(SCANOUT(0, 7, 0, 0, 1, 1), OK);
        display_begin(viewer, &f);
        ck_assert_uint_eq(pixel(&f, 0, 0),
                          p[rows[i].red] << 16 | p[rows[i].green] << 8 | p[rows[i].blue]);
        display_end(viewer);
        ck_assert_uint_eq(UNREF(7), OK);
    }
    finish(dev);
}
END_TEST

/* Pieces of all sizes, in any order, and rows that cross them. */
START_TEST(test_scattered_backing)
{
    enum { W = 50, H = 40, PIECES = 16, PIECE = W * H * 4 / PIECES };
    struct device *dev = make("virtio-gpu-pci");
    uint32_t words[2 + 4 * PIECES] = {3, PIECES};
    struct display_frame f;

    for (uint32_t i = 0; i < PIECES; i++) {
        gpa_t at = BACK + (PIECES - i) * 0x3000 + 4 * i;
        words[2 + 4 * i] = (uint32_t)at;
        words[4 + 4 * i] = PIECE;
        for (uint32_t p = 0; p < PIECE / 4; p++)
            st_le32(guest_mem(at) + 4 * p, i * PIECE / 4 + p);
    }
    ck_assert_uint_eq(CREATE(3, 2, W, H), OK);
    ck_assert_uint_eq(command_n(0x106, words, ARRAY_SIZE(words)), OK);
    ck_assert_uint_eq(TRANSFER(3, 0, 0, W, H, 0), OK);
    ck_assert_uint_eq(SCANOUT(0, 3, 0, 0, W, H), OK);
    display_begin(viewer, &f);
    for (unsigned i = 0; i < W * H; i++)
        ck_assert_uint_eq(f.pixels[i], i);
    display_end(viewer);
    memset(guest_mem(BACK), 0, 0x40000);
    ck_assert_uint_eq(TRANSFER(3, 3, 5, 40, 30, (5 * W + 3) * 4), OK);
    ck_assert_uint_eq(FLUSH(3, 3, 5, 40, 30), OK);
    display_begin(viewer, &f);
    for (unsigned y = 0; y < H; y++)
        for (unsigned x = 0; x < W; x++) {
            bool copied = x >= 3 && x < 43 && y >= 5 && y < 35;
            ck_assert_uint_eq(pixel(&f, x, y), copied ? 0 : y * W + x);
        }
    display_end(viewer);
    finish(dev);
}
END_TEST

/* One resource on two heads, and each has its own changes. */
START_TEST(test_heads)
{
    struct device *dev = make("virtio-gpu-pci,max_outputs=2");
    struct display_viewer *second = display_viewer_new(display_find(dev, 1));
    struct display_frame f;

    ck_assert_ptr_null(display_find(dev, 2));
    ck_assert_uint_eq(mem_get(vdrv_cap[CAP_DEVICE] + 8, 4), 2);
    make_resource(1, 64, 64, 0);
    ck_assert_uint_eq(SCANOUT(0, 1, 0, 0, 64, 64), OK);
    ck_assert_uint_eq(SCANOUT(1, 1, 32, 0, 32, 64), OK);
    ck_assert_uint_eq(TRANSFER(1, 0, 0, 64, 64, 0), OK);
    ck_assert_uint_eq(FLUSH(1, 0, 0, 64, 64), OK);
    for (unsigned i = 0; i < 3; i++) {
        display_begin(viewer, &f);
        display_end(viewer);
    }
    display_begin(second, &f);
    ck_assert_uint_eq(f.width, 32);
    ck_assert_uint_eq(pixel(&f, 0, 1), 64 + 32);
    display_end(second);

    /* Display info: the second monitor comes with its window. */
    ck_assert_uint_eq(COMMAND(0x100, 0), OK_INFO);
    ck_assert_uint_eq(mem_get(RESP + 24 + 8, 4), 1280);
    ck_assert_uint_eq(mem_get(RESP + 24 + 16, 4), 1);
    ck_assert_uint_eq(mem_get(RESP + 48 + 16, 4), 0);
    ck_assert(display_suggest_size(display_find(dev, 1), 800, 600));
    ck_assert_uint_eq(COMMAND(0x100, 0), OK_INFO);
    ck_assert_uint_eq(mem_get(RESP + 48 + 8, 4), 800);
    ck_assert_uint_eq(mem_get(RESP + 48 + 16, 4), 1);
    ck_assert(display_suggest_size(display_find(dev, 1), 0, 0));
    ck_assert(display_suggest_size(display_find(dev, 0), 0, 0));
    ck_assert_uint_eq(COMMAND(0x100, 0), OK_INFO);
    ck_assert_uint_eq(mem_get(RESP + 24 + 16, 4), 1); /* the first one stays */
    ck_assert_uint_eq(mem_get(RESP + 48 + 16, 4), 0);
    dev_check_vmstate(dev);
    finish(dev);
    display_begin(second, &f);
    ck_assert_uint_eq(pixel(&f, 0, 1), 0);
    display_end(second);
    display_viewer_free(second);
}
END_TEST

/* --- monitors ------------------------------------------------------------------------------------- */

START_TEST(test_resize)
{
    struct device *dev = make("virtio-gpu-pci,xres=1024,yres=768");
    uint8_t sum = 0;

    ck_assert_uint_eq(COMMAND(0x10a, 0, 0), OK_EDID);
    ck_assert_uint_eq(mem_get(RESP + 24, 4), 128);
    for (unsigned i = 0; i < 128; i++)
        sum = (uint8_t)(sum + *guest_mem(RESP + 32 + i));
    ck_assert_uint_eq(sum, 0);
    ck_assert_uint_eq(mem_get(RESP + 32 + 54 + 2, 1) | mem_get(RESP + 32 + 54 + 4, 1) >> 4 << 8,
                      1024);
    ck_assert_uint_eq(COMMAND(0x10a, 1, 0), ERR_PARAMETER);

    /* The driver hears of a window's size, and takes note. */
    isr_get();
    ck_assert(display_suggest_size(display_find(dev, 0), 1600, 900));
    ck_assert_uint_eq(isr_get() & 2, 2);
    ck_assert_uint_eq(mem_get(vdrv_cap[CAP_DEVICE], 4), 1);
    mem_put(vdrv_cap[CAP_DEVICE] + 4, 1, 4);
    ck_assert_uint_eq(mem_get(vdrv_cap[CAP_DEVICE], 4), 0);
    ck_assert(display_suggest_size(display_find(dev, 0), 1600, 900));
    ck_assert_uint_eq(mem_get(vdrv_cap[CAP_DEVICE], 4), 0); /* nothing new */
    ck_assert_uint_eq(COMMAND(0x100, 0), OK_INFO);
    ck_assert_uint_eq(mem_get(RESP + 24 + 8, 4), 1600);
    ck_assert_uint_eq(mem_get(RESP + 24 + 12, 4), 900);
    ck_assert_uint_eq(COMMAND(0x10a, 0, 0), OK_EDID);
    ck_assert_uint_eq(mem_get(RESP + 32 + 54 + 2, 1) | mem_get(RESP + 32 + 54 + 4, 1) >> 4 << 8,
                      1600);

    /* Sizes no EDID can say; and it stays through a reset. */
    ck_assert(display_suggest_size(display_find(dev, 0), 100000, 1));
    device_reset(dev, RESET_COLD);
    vdrv_map(VDRV_SLOT);
    start();
    ck_assert_uint_eq(COMMAND(0x100, 0), OK_INFO);
    ck_assert_uint_eq(mem_get(RESP + 24 + 8, 4), 4095);
    ck_assert_uint_eq(mem_get(RESP + 24 + 12, 4), 64);
    finish(dev);
}
END_TEST

START_TEST(test_cursor)
{
    struct device *dev = make("virtio-gpu-pci");
    struct display_frame f;

    make_resource(1, 64, 64, 0);
    ck_assert_uint_eq(SCANOUT(0, 1, 0, 0, 64, 64), OK);
    ck_assert_uint_eq(CREATE(2, 1, 64, 64), OK);
    ck_assert_uint_eq(ATTACH(2, BACK, 64 * 64 * 4), OK);
    ck_assert_uint_eq(TRANSFER(2, 0, 0, 64, 64, 0), OK);
    st_le32(guest_mem(BACK) + 4 * 65, 0x80123456);
    ck_assert_uint_eq(TRANSFER(2, 0, 0, 64, 64, 0), OK);
    CURSOR(0x300, 0, 10, 20, 2, 3, 4);
    display_begin(viewer, &f);
    ck_assert(f.cursor->visible);
    ck_assert_int_eq(f.cursor->x, 13); /* the hot spot */
    ck_assert_int_eq(f.cursor->y, 24);
    ck_assert_uint_eq(f.cursor->hot_x, 3);
    ck_assert_uint_eq(f.cursor->hot_y, 4);
    ck_assert_uint_eq(f.cursor->width, 64);
    ck_assert_uint_eq(f.cursor->pixels[65], 0x802468ab); /* divided by alpha again */
    uint32_t serial = f.cursor->serial;
    display_end(viewer);
    CURSOR(0x301, 0, 0xffffffff, 5, 0, 0, 0);
    display_begin(viewer, &f);
    ck_assert_uint_eq(f.cursor->serial, serial);
    ck_assert_int_eq(f.cursor->x, 2); /* the shape begins left of the picture */
    ck_assert_int_eq(f.cursor->y, 9);
    display_end(viewer);
    dev_check_vmstate(dev);
    vdrv_map(VDRV_SLOT);
    CURSOR(0x300, 0, 1, 1, 99, 0, 0);    /* no such resource: as before */
    CURSOR(0x300, 7, 1, 1, 2, 0, 0);     /* no such head */
    CURSOR(0x300, 0, 1, 1, 2, 700, 700); /* the hot spot is on it */
    display_begin(viewer, &f);
    ck_assert(f.cursor->visible);
    ck_assert_uint_eq(f.cursor->hot_x, 63);
    display_end(viewer);
    CURSOR(0x301, 0, 0x80000000, 0x7fffffff, 0, 0, 0);
    ck_assert_uint_eq(CREATE(3, 2, 64, 64), OK); /* B8G8R8X8: alpha all the same */
    ck_assert_uint_eq(ATTACH(3, BACK, 64 * 64 * 4), OK);
    ck_assert_uint_eq(TRANSFER(3, 0, 0, 64, 64, 0), OK);
    CURSOR(0x300, 0, 1, 1, 3, 0, 0);
    display_begin(viewer, &f);
    ck_assert_uint_eq(f.cursor->pixels[65], 0x802468ab);
    display_end(viewer);
    CURSOR(0x300, 0, 1, 1, 0, 0, 0);
    display_begin(viewer, &f);
    ck_assert(!f.cursor->visible);
    display_end(viewer);
    finish(dev);
}
END_TEST

/* --- errors and limits ---------------------------------------------------------------------------- */

START_TEST(test_errors)
{
    struct device *dev = make("virtio-gpu-pci,max_hostmem=1M");

    ck_assert_uint_eq(CREATE(0, 2, 8, 8), ERR_RESOURCE);
    ck_assert_uint_eq(CREATE(1, 5, 8, 8), ERR_PARAMETER);
    ck_assert_uint_eq(CREATE(1, 2, 0, 8), ERR_PARAMETER);
    ck_assert_uint_eq(CREATE(1, 2, 0x10000, 0x10000), ERR_MEMORY);
    ck_assert_uint_eq(CREATE(1, 2, 0xffffffff, 0xffffffff), ERR_MEMORY);
    ck_assert_uint_eq(CREATE(1, 2, 512, 513), ERR_MEMORY);
    ck_assert_uint_eq(CREATE(1, 2, 256, 256), OK);
    ck_assert_uint_eq(CREATE(1, 2, 8, 8), ERR_RESOURCE);
    ck_assert_uint_eq(COMMAND(0x101, 1, 2), ERR_PARAMETER); /* too short */
    ck_assert_uint_eq(SCANOUT(1, 1, 0, 0, 8, 8), ERR_SCANOUT);
    ck_assert_uint_eq(SCANOUT(0, 9, 0, 0, 8, 8), ERR_RESOURCE);
    ck_assert_uint_eq(SCANOUT(0, 1, 250, 0, 8, 8), ERR_PARAMETER);
    ck_assert_uint_eq(SCANOUT(0, 1, 0xfffffff0, 0, 0x20, 8), ERR_PARAMETER);
    ck_assert_uint_eq(SCANOUT(0, 1, 0, 0, 0, 8), ERR_PARAMETER);
    ck_assert_uint_eq(SCANOUT(0, 0, 0, 0, 0, 0), OK);
    ck_assert_uint_eq(TRANSFER(1, 0, 0, 8, 8, 0), ERR_RESOURCE); /* nothing behind it */
    ck_assert_uint_eq(DETACH(1), ERR_RESOURCE);
    ck_assert_uint_eq(ATTACH(9, BACK, 4096), ERR_RESOURCE);
    ck_assert_uint_eq(COMMAND(0x106, 1, 0), ERR_PARAMETER);
    ck_assert_uint_eq(COMMAND(0x106, 1, 2, 0, 0, 0, 0), ERR_PARAMETER); /* one of two */
    ck_assert_uint_eq(COMMAND(0x106, 1, 0xffffffff, 0, 0, 0, 0), ERR_PARAMETER);
    ck_assert_uint_eq(ATTACH(1, BACK, 4096), OK);
    ck_assert_uint_eq(ATTACH(1, BACK, 4096), ERR_UNSPEC);
    ck_assert_uint_eq(TRANSFER(1, 0, 0, 256, 4, 0), OK);
    ck_assert_uint_eq(TRANSFER(1, 0, 0, 256, 5, 0), ERR_PARAMETER); /* beyond the backing */
    ck_assert_uint_eq(TRANSFER(1, 0, 0, 257, 1, 0), ERR_PARAMETER);
    ck_assert_uint_eq(TRANSFER(1, 0, 0, 1, 1, 0xffffffff), ERR_PARAMETER);
    ck_assert_uint_eq(FLUSH(1, 0, 0, 257, 1), ERR_PARAMETER);
    ck_assert_uint_eq(FLUSH(2, 0, 0, 1, 1), ERR_RESOURCE);
    ck_assert_uint_eq(DETACH(1), OK);
    ck_assert_uint_eq(ATTACH(1, 0xfff00000, 4096), OK); /* no memory: found out when it is used */
    ck_assert_uint_eq(TRANSFER(1, 0, 0, 8, 1, 0), ERR_PARAMETER);
    ck_assert_uint_eq(UNREF(9), ERR_RESOURCE);
    ck_assert_uint_eq(COMMAND(0x200, 0), ERR_UNSPEC);
    ck_assert_uint_eq(COMMAND(0, 0), ERR_UNSPEC);

    /* A fence comes back. */
    addr_space_set(&as_memory, CMD, 0, 64);
    mem_put(CMD, 0x100, 4);
    mem_put(CMD + 4, 1, 4);
    mem_put(CMD + 8, 0x123456789abcdef0, 8);
    submit(&ctrl, 24, 2048);
    ck_assert_uint_eq(mem_get(RESP + 4, 4), 1);
    ck_assert_uint_eq(mem_get(RESP + 8, 8), 0x123456789abcdef0);

    /* An answer that does not fit is cut off; no command at all is one, too. */
    mem_put(RESP + 16, 0x77, 1);
    ck_assert_uint_eq(submit(&ctrl, 24, 16), 16);
    ck_assert_uint_eq(mem_get(RESP + 16, 1), 0x77);
    ck_assert_uint_eq(submit(&ctrl, 1, 0), 0);
    finish(dev);
}
END_TEST

/* However small resources are, there is an end. */
START_TEST(test_many_resources)
{
    struct device *dev = make("virtio-gpu-pci,max_hostmem=1M");
    uint32_t id = 1;

    while (CREATE(id * 7919 % 100003, 2, 1, 1) == OK)
        id++;
    ck_assert_uint_gt(id, 100);
    ck_assert_uint_le(id, 256);
    for (uint32_t i = 1; i < id; i += 2)
        ck_assert_uint_eq(UNREF(i * 7919 % 100003), OK);
    for (uint32_t i = 2; i < id; i += 2)
        ck_assert_uint_eq(UNREF(i * 7919 % 100003), OK);
    ck_assert_uint_eq(CREATE(1, 2, 1, 1), OK);
    finish(dev);
}
END_TEST

/* More than is done in one go: the rest follows by itself. */
START_TEST(test_long_work)
{
    struct device *dev = make("virtio-gpu-pci");
    uint32_t len, done = 0;

    ck_assert_uint_eq(CREATE(1, 2, 2048, 1024), OK);
    ck_assert_uint_eq(ATTACH(1, 0, 8 << 20), OK);
    const uint32_t words[] = {0x105, 0, 0, 0, 0, 0, 0, 0, 2048, 1024, 0, 0, 1, 0};
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        mem_put(CMD + 4 * i, words[i], 4);
    for (unsigned i = 0; i < 12; i++) {
        struct vbuf bufs[] = {{CMD, 56, false}, {RESP + 64 * i, 64, true}};
        vring_add(&ctrl, bufs, 2);
    }
    vdrv_kick(0);
    while (vring_used(&ctrl, 2, &len))
        done++;
    ck_assert_uint_lt(done, 12);
    vdrv_loop();
    while (vring_used(&ctrl, 2, &len))
        done++;
    ck_assert_uint_eq(done, 12);
    ck_assert_uint_eq(mem_get(RESP + 64 * 11, 4), OK);
    finish(dev);
}
END_TEST

/* --- life ----------------------------------------------------------------------------------------- */

START_TEST(test_saved_state)
{
    struct device *dev = make("virtio-gpu-pci,max_hostmem=1M");
    struct display_frame f;

    make_resource(5, 20, 10, 0x111100);
    ck_assert_uint_eq(TRANSFER(5, 0, 0, 20, 10, 0), OK);
    ck_assert_uint_eq(CREATE(9, 67, 3, 3), OK);
    ck_assert_uint_eq(SCANOUT(0, 5, 2, 2, 16, 8), OK);
    dev_check_vmstate(dev);
    vdrv_map(VDRV_SLOT);
    display_begin(viewer, &f);
    ck_assert_uint_eq(f.width, 16);
    ck_assert_uint_eq(pixel(&f, 0, 0), 0x111100 + 2 * 20 + 2);
    display_end(viewer);
    st_le32(guest_mem(BACK) + 4 * (2 * 20 + 2), 0x654321);
    ck_assert_uint_eq(TRANSFER(5, 0, 0, 20, 10, 0), OK); /* the backing is known still */
    ck_assert_uint_eq(FLUSH(5, 0, 0, 20, 10), OK);
    display_begin(viewer, &f);
    ck_assert_uint_eq(pixel(&f, 0, 0), 0x654321);
    display_end(viewer);
    ck_assert_uint_eq(CREATE(9, 2, 1, 1), ERR_RESOURCE);

    /* Reset by the driver: nothing is left. */
    common_put(0x14, 0, 1);
    start();
    ck_assert_uint_eq(UNREF(5), ERR_RESOURCE);
    display_begin(viewer, &f);
    ck_assert_uint_eq(pixel(&f, 0, 0), 0);
    display_end(viewer);
    finish(dev);
}
END_TEST

START_TEST(test_plugging)
{
    struct wire sci;
    struct display_frame f;

    vdrv_setup();
    wire_init(&sci);
    struct device *pm = piix4_pm_create(&vdrv_pci.bus, &sci.irq, NULL);
    device_reset(pm, RESET_COLD);
    device_hotplug_begin();
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_int_eq(device_add_text("virtio-gpu-pci,addr=4,id=v", NULL), 0);
        vdrv_map(VDRV_SLOT);
        viewer = display_viewer_new(display_find(device_find("v"), 0));
        start();
        make_resource(1, 32, 32, 1);
        ck_assert_uint_eq(TRANSFER(1, 0, 0, 32, 32, 0), OK);
        ck_assert_uint_eq(SCANOUT(0, 1, 0, 0, 32, 32), OK);
        display_begin(viewer, &f);
        ck_assert_uint_eq(pixel(&f, 31, 31), 1024);
        display_end(viewer);
        ck_assert_int_eq(device_del("v", NULL), 0);
        io_port_write(ACPI_PCI_HOTPLUG_BASE + 8, io_port_read(ACPI_PCI_HOTPLUG_BASE + 4, 4), 4);
        vdrv_loop();
        ck_assert_ptr_null(device_find("v"));
        display_begin(viewer, &f);
        ck_assert_uint_eq(pixel(&f, 31, 31), 0);
        display_end(viewer);
        display_viewer_free(viewer);
    }
    device_free(pm);
}
END_TEST

/* --- virtio-vga ----------------------------------------------------------------------------------- */

#define VGA_MMIO VDRV_BAR
#define VGA_VRAM 0xc0000000u

/* BAR 2 has the registers of both. */
static void map_vga(void)
{
    config_write(VDRV_SLOT, 0x10, VGA_VRAM, 4);
    config_write(VDRV_SLOT, 0x18, VGA_MMIO, 4);
    config_write(VDRV_SLOT, 0x1c, 0, 4);
    config_write(VDRV_SLOT, 0x20, VDRV_MSIX, 4);
    config_write(VDRV_SLOT, 0x04, 7, 2);
    for (unsigned off = 0; (off = find_cap(VDRV_SLOT, 9, off));) {
        unsigned type = config_read(VDRV_SLOT, off + 3, 1);
        ck_assert(type == CAP_WINDOW || config_read(VDRV_SLOT, off + 4, 1) == 2);
        vdrv_cap[type] = VDRV_BAR + config_read(VDRV_SLOT, off + 8, 4);
    }
}

START_TEST(test_vga)
{
    vdrv_setup();
    struct device *dev = vdrv_make("virtio-vga,xres=800,yres=600");
    struct display_frame f;

    map_vga();
    ck_assert_uint_eq(config_read(VDRV_SLOT, 0, 4), 0x10501af4);
    ck_assert_uint_eq(config_read(VDRV_SLOT, 0x0a, 2), 0x0300);
    ck_assert_uint_eq(mem_get(VGA_MMIO, 8), 0x00ffffffffffff00); /* EDID */
    viewer = display_viewer_new(display_find(dev, 0));

    /* A VESA mode through the registers in memory. */
    mem_put(VGA_MMIO + 0x500 + 2 * 1, 64, 2);
    mem_put(VGA_MMIO + 0x500 + 2 * 2, 32, 2);
    mem_put(VGA_MMIO + 0x500 + 2 * 3, 32, 2);
    mem_put(VGA_MMIO + 0x500 + 2 * 4, 0x41, 2);
    mem_put(VGA_VRAM + 4 * 65, 0xabcdef, 4);
    display_begin(viewer, &f);
    ck_assert_uint_eq(f.width, 64);
    ck_assert_uint_eq(pixel(&f, 1, 1), 0xabcdef);
    display_end(viewer);

    /* A driver takes over ... */
    start();
    display_begin(viewer, &f);
    ck_assert_uint_eq(f.width, 64);
    display_end(viewer);
    make_resource(1, 40, 30, 0x500);
    ck_assert_uint_eq(TRANSFER(1, 0, 0, 40, 30, 0), OK);
    ck_assert_uint_eq(SCANOUT(0, 1, 0, 0, 40, 30), OK);
    display_begin(viewer, &f);
    ck_assert_uint_eq(f.width, 40);
    ck_assert_uint_eq(pixel(&f, 1, 1), 0x500 + 41);
    display_end(viewer);
    dev_check_vmstate(dev);
    map_vga();
    display_begin(viewer, &f);
    ck_assert_uint_eq(f.width, 40);
    display_end(viewer);

    /* ... shows nothing, ... */
    ck_assert_uint_eq(SCANOUT(0, 0, 0, 0, 0, 0), OK);
    display_begin(viewer, &f);
    ck_assert_uint_eq(pixel(&f, 1, 1), 0);
    display_end(viewer);

    /* ... and goes. */
    common_put(0x14, 0, 1);
    display_begin(viewer, &f);
    ck_assert_uint_eq(f.width, 64);
    ck_assert_uint_eq(pixel(&f, 1, 1), 0xabcdef);
    display_end(viewer);
    finish(dev);
}
END_TEST

/* --- hostile drivers ------------------------------------------------------------------------------ */

static uint64_t random_state = 1;

static uint32_t random_word(void)
{
    static const uint32_t nice[] = {0, 1, 2, 3, 16, 64, 256, 4096, 0x7fffffff, 0xfffffff0};

    random_state = random_state * 6364136223846793005 + 1442695040888963407;
    uint32_t v = (uint32_t)(random_state >> 33);
    return v % 5 ? nice[v / 8 % ARRAY_SIZE(nice)] : v * 3;
}

START_TEST(test_random_commands)
{
    static const uint16_t types[] = {0x100, 0x101, 0x101, 0x102, 0x103, 0x104,
                                     0x105, 0x105, 0x106, 0x107, 0x10a};
    struct device *dev = make("virtio-gpu-pci,max_outputs=3,max_hostmem=4M");
    struct display_frame f;
    uint32_t words[12];

    for (unsigned i = 0; i < 20000; i++) {
        for (unsigned w = 0; w < ARRAY_SIZE(words); w++)
            words[w] = random_word();
        if (i % 4 == 0) {
            CURSOR(0x300 + words[0] % 2, words[1], words[2], words[3], words[4], words[5],
                   words[6]);
        }
        command_n(types[i % ARRAY_SIZE(types)], words, i % (ARRAY_SIZE(words) + 1));
        if (i % 50 == 0) {
            display_begin(viewer, &f);
            display_end(viewer);
        }
        if (i % 1000 == 0)
            display_suggest_size(display_find(dev, i / 1000 % 3), words[0], words[1]);
    }
    finish(dev);
}
END_TEST

TEST_MAIN("virtio_gpu", test_picture, test_formats, test_scattered_backing, test_heads, test_resize,
          test_cursor, test_errors, test_many_resources, test_long_work, test_saved_state,
          test_plugging, test_vga, test_random_commands)
