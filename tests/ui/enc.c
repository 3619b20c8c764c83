/* SPDX-License-Identifier: MIT */
/*
 * The VNC encoder against an independent decoder: every encoding in every kind of pixel format, on
 * pictures of several characters and of awkward sizes, over many updates of one client.
 */
#include "tests/test.h"

#include <malloc.h>

#include "tests/ui/rfb_decode.h"

#include "config.h"
#include "ui/vnc/enc.h"

/* --- pictures ------------------------------------------------------------------------------------- */

static uint32_t random_state = 1;

static uint32_t random32(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

struct canvas {
    struct vnc_image img;
    uint32_t *px;
};

static uint32_t draw_noise(unsigned x, unsigned y)
{
    return random32() & 0xffffff;
}

static uint32_t draw_solid(unsigned x, unsigned y)
{
    return 0x336699;
}

static uint32_t draw_mono(unsigned x, unsigned y)
{
    return (x * 7 + y * y * 3) % 5 ? 0xffffff : 0x000080;
}

static uint32_t draw_few(unsigned x, unsigned y)
{
    return ((x / 5 * 31 + y / 3 * 17) % 14) * 0x0e1b07;
}

static uint32_t draw_many(unsigned x, unsigned y)
{
    return ((x / 3 * 29 + y / 2 * 13) % 200) * 0x010a03;
}

static uint32_t draw_smooth(unsigned x, unsigned y)
{
    unsigned r = (x + y) / 2 & 255, g = (x / 2 + 60) & 255, b = (y / 3 + 20) & 255;

    r = x / 2 % 512 < 256 ? r : 255 - r;
    return (r < 128 ? r : 255 - r) << 16 | (g < 128 ? g : 255 - g) << 8 | (b < 128 ? b : 255 - b);
}

/* Windows with text-like content on a plain ground: what screens are like. */
static uint32_t draw_desktop(unsigned x, unsigned y)
{
    if (x % 300 < 40 || y % 200 < 30) {
        return 0x808080;
    }
    if (x % 300 < 150) {
        return y % 16 > 4 && (x * x + y) % 3 == 0 ? 0x000000 : 0xf0f0f0;
    }
    return y % 200 < 90 ? draw_smooth(x, y) : draw_few(x, y);
}

/* Every pixel of an area its own colour: palettes overflow. */
static uint32_t draw_unique(unsigned x, unsigned y)
{
    return (x & 0xfff) << 12 | (y & 0xfff);
}

static uint32_t (*const drawings[])(unsigned x, unsigned y) = {
    draw_solid, draw_mono, draw_few, draw_many, draw_smooth, draw_desktop, draw_unique, draw_noise,
};

static void canvas_init(struct canvas *c, unsigned width, unsigned height)
{
    size_t stride = width + 5; /* rows have gaps */

    c->px = g_new0(uint32_t, stride * height);
    c->img = (struct vnc_image){c->px, stride, width, height};
}

static void canvas_fini(struct canvas *c)
{
    g_free(c->px);
}

static void canvas_draw(struct canvas *c, const struct vnc_rect *r,
                        uint32_t (*draw)(unsigned x, unsigned y))
{
    for (unsigned y = r->y; y < r->y + r->h; y++) {
        for (unsigned x = r->x; x < r->x + r->w; x++) {
            c->px[y * c->img.stride + x] = draw(x, y);
        }
    }
}

/* --- formats -------------------------------------------------------------------------------------- */

static const struct rfb_format formats[] = {
    {32, 24, false, {255, 255, 255}, {16, 8, 0}},  {32, 24, true, {255, 255, 255}, {16, 8, 0}},
    {32, 24, false, {255, 255, 255}, {0, 8, 16}},  {32, 24, true, {255, 255, 255}, {24, 16, 8}},
    {32, 24, false, {255, 255, 255}, {24, 16, 8}}, {32, 32, false, {255, 255, 255}, {16, 8, 0}},
    {32, 24, true, {255, 255, 255}, {0, 12, 24}},  {32, 30, false, {1023, 1023, 1023}, {20, 10, 0}},
    {32, 16, true, {31, 63, 31}, {11, 5, 0}},      {32, 18, false, {63, 63, 63}, {17, 9, 3}},
    {16, 16, false, {31, 63, 31}, {11, 5, 0}},     {16, 16, true, {31, 63, 31}, {11, 5, 0}},
    {16, 15, false, {31, 31, 31}, {0, 5, 10}},     {16, 12, true, {15, 15, 15}, {9, 4, 0}},
    {8, 8, false, {7, 7, 3}, {5, 2, 0}},           {8, 8, true, {7, 7, 3}, {0, 3, 6}},
    {8, 6, false, {3, 3, 3}, {4, 2, 0}},           {8, 3, false, {1, 1, 1}, {2, 1, 0}},
    {16, 16, true, {255, 15, 15}, {8, 4, 0}},      {16, 16, false, {1, 127, 255}, {15, 8, 0}},
    {16, 16, false, {31, 63, 31}, {2, 5, 0}}, /* which overlap */
};

static void format_wire(const struct rfb_format *f, bool true_colour, uint8_t wire[16])
{
    memset(wire, 0xa5, 16);
    wire[0] = (uint8_t)f->bits;
    wire[1] = (uint8_t)f->depth;
    wire[2] = f->big_endian;
    wire[3] = true_colour;
    for (unsigned c = 0; c < 3; c++) {
        st_be16(wire + 4 + 2 * c, (uint16_t)f->max[c]);
        wire[10 + c] = (uint8_t)f->shift[c];
    }
}

static void set_format(struct vnc_encoder *e, const struct rfb_format *f)
{
    struct vnc_pixel_format pf;
    uint8_t wire[16];

    format_wire(f, true, wire);
    ck_assert_int_eq(vnc_pixel_format_read(&pf, wire), 0);
    vnc_encoder_set_format(e, &pf);
}

START_TEST(test_formats)
{
    static const struct rfb_format bad[] = {{24, 24, false, {255, 255, 255}, {16, 8, 0}},
                                            {0, 24, false, {255, 255, 255}, {16, 8, 0}},
                                            {32, 0, false, {255, 255, 255}, {16, 8, 0}},
                                            {32, 33, false, {255, 255, 255}, {16, 8, 0}},
                                            {32, 24, false, {254, 255, 255}, {16, 8, 0}},
                                            {32, 24, false, {255, 255, 255}, {25, 8, 0}},
                                            {32, 24, false, {255, 255, 255}, {16, 8, 32}},
                                            {32, 24, false, {255, 255, 255}, {16, 255, 0}},
                                            {16, 16, false, {31, 63, 31}, {11, 5, 12}},
                                            {8, 8, false, {255, 7, 3}, {1, 2, 0}},
                                            {255, 255, false, {255, 255, 255}, {16, 8, 0}}};
    struct vnc_pixel_format pf = vnc_pixel_format_native;
    uint8_t wire[16], again[16];

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        format_wire(&bad[i], true, wire);
        ck_assert_int_ne(vnc_pixel_format_read(&pf, wire), 0);
        ck_assert_mem_eq(&pf, &vnc_pixel_format_native, sizeof(pf));
    }
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        format_wire(&formats[i], true, wire);
        ck_assert_int_eq(vnc_pixel_format_read(&pf, wire), 0);
        vnc_pixel_format_write(&pf, again);
        ck_assert_mem_eq(wire, again, 13);
    }
    format_wire(&(struct rfb_format){8, 8, false, {2, 4, 1}, {0, 1, 3}}, true, wire);
    ck_assert_int_eq(vnc_pixel_format_read(&pf, wire), 0); /* what some viewers mean by it */
    ck_assert_int_eq(pf.max[0], 1);
    ck_assert_int_eq(pf.max[1], 3);
    ck_assert_int_eq(pf.max[2], 1);
    format_wire(&formats[0], false, wire);
    ck_assert_int_ne(vnc_pixel_format_read(&pf, wire), 0); /* a map of 2^32 colours */
}
END_TEST

/* --- encodings against the decoder ------------------------------------------------------------------ */

static const int32_t encodings[] = {VNC_ENCODING_RAW,   VNC_ENCODING_HEXTILE,
                                    VNC_ENCODING_ZLIB,  VNC_ENCODING_ZRLE,
                                    VNC_ENCODING_TIGHT, VNC_ENCODING_TIGHT_PNG};

/* A client, the picture it looks at, and what it shows. */
struct session {
    struct canvas c;
    struct vnc_encoder *e;
    struct rfb_decoder d;
};

static void session_init(struct session *s, unsigned width, unsigned height,
                         const struct rfb_format *f, const int32_t *list, size_t count)
{
    canvas_init(&s->c, width, height);
    s->e = vnc_encoder_new();
    vnc_encoder_set_encodings(s->e, list, count);
    set_format(s->e, f);
    vnc_encoder_frame(s->e, width, height, 0);
    rfb_init(&s->d, f, width, height);
}

static void session_fini(struct session *s)
{
    ck_assert_uint_eq(s->d.gradients, 0); /* some clients lack it */
    rfb_fini(&s->d);
    vnc_encoder_free(s->e);
    canvas_fini(&s->c);
}

static size_t session_update(struct session *s, const struct vnc_rect *r, bool lossless)
{
    GByteArray *out = g_byte_array_new();
    unsigned n =
        (lossless ? vnc_encode_lossless : vnc_encode)(s->e, &s->c.img, r->x, r->y, r->w, r->h, out);
    size_t size = out->len;

    ck_assert_uint_le(n, VNC_ENCODE_RECTS_MAX);
    ck_assert_uint_le(size, VNC_ENCODE_BYTES_MAX(r->w, r->h));
    rfb_decode(&s->d, out->data, out->len, n);
    g_byte_array_free(out, TRUE);
    return size;
}

/* All the client shows against the picture: the largest difference of a colour's part. */
static unsigned session_difference(const struct session *s)
{
    unsigned worst = 0;

    for (unsigned y = 0; y < s->d.height; y++) {
        for (unsigned x = 0; x < s->d.width; x++) {
            uint32_t want = rfb_pixel(&s->d.pf, s->c.px[y * s->c.img.stride + x]);
            uint32_t got = s->d.pixels[(size_t)y * s->d.width + x];
            for (unsigned c = 0; c < 3 && want != got; c++) {
                int a = want >> s->d.pf.shift[c] & s->d.pf.max[c];
                int b = got >> s->d.pf.shift[c] & s->d.pf.max[c];
                worst = MAX(worst, (unsigned)abs(a - b));
            }
            worst = want == got ? worst : MAX(worst, 1u);
        }
    }
    return worst;
}

static struct vnc_rect random_rect(unsigned width, unsigned height)
{
    struct vnc_rect r = {random32() % width, random32() % height, 0, 0};

    r.w = 1 + random32() % (width - r.x);
    r.h = 1 + random32() % (height - r.y);
    return r;
}

/* Every drawing over the whole, then random ones on random parts, all through the same streams. */
static void check_encoding(int32_t encoding, const struct rfb_format *f, unsigned width,
                           unsigned height, unsigned updates)
{
    struct vnc_rect all = {0, 0, width, height};
    struct session s;

    session_init(&s, width, height, f, &encoding, 1);
    ck_assert_int_eq(vnc_encoder_encoding(s.e), encoding);
    for (size_t i = 0; i < ARRAY_SIZE(drawings); i++) {
        canvas_draw(&s.c, &all, drawings[i]);
        session_update(&s, &all, false);
        ck_assert_msg(session_difference(&s) == 0, "encoding %d, %u bits, shift %u, drawing %zu",
                      encoding, f->bits, f->shift[0], i);
    }
    for (unsigned i = 0; i < updates; i++) {
        struct vnc_rect r = random_rect(width, height);
        canvas_draw(&s.c, &r, drawings[random32() % ARRAY_SIZE(drawings)]);
        session_update(&s, &r, false);
        ck_assert_msg(session_difference(&s) == 0,
                      "encoding %d, %u bits, shift %u, rectangle %u,%u %u by %u", encoding, f->bits,
                      f->shift[0], r.x, r.y, r.w, r.h);
    }
    session_fini(&s);
}

START_TEST(test_all_formats)
{
    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(formats); k++) {
            check_encoding(encodings[i], &formats[k], 203, 130, 6);
        }
    }
}
END_TEST

START_TEST(test_sizes)
{
    static const struct {
        unsigned w, h;
    } sizes[] = {{1, 1},     {2, 1},    {1, 3},    {15, 17},  {16, 16},  {17, 33},
                 {63, 65},   {64, 64},  {65, 64},  {129, 1},  {257, 66}, {16384, 1},
                 {1, 16384}, {5000, 3}, {3, 5000}, {2049, 40}};

    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
        for (size_t k = 0; k < ARRAY_SIZE(sizes); k++) {
            check_encoding(encodings[i], &formats[k % 3], sizes[k].w, sizes[k].h, 4);
        }
    }
}
END_TEST

START_TEST(test_screen)
{
    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
        check_encoding(encodings[i], &formats[0], 1024, 768, 12);
    }
}
END_TEST

/* The client changes its mind about levels and formats; the streams go on. */
START_TEST(test_changes)
{
    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
        struct vnc_rect all = {0, 0, 320, 200};
        struct session s;
        session_init(&s, 320, 200, &formats[0], &encodings[i], 1);
        for (unsigned k = 0; k < 60; k++) {
            int32_t list[] = {VNC_ENCODING_COMPRESS_0 + (int32_t)(k * 7 % 10), 12345, encodings[i]};
            vnc_encoder_set_encodings(s.e, list, ARRAY_SIZE(list));
            s.d.pf = formats[k % ARRAY_SIZE(formats)];
            set_format(s.e, &s.d.pf);
            canvas_draw(&s.c, &all, drawings[k % ARRAY_SIZE(drawings)]);
            session_update(&s, &all, false);
            ck_assert_uint_eq(session_difference(&s), 0);
        }
        session_fini(&s);
    }
}
END_TEST

START_TEST(test_tight_forms)
{
    int32_t tight = VNC_ENCODING_TIGHT;
    struct vnc_rect all = {0, 0, 640, 480};
    struct session s;

    session_init(&s, 640, 480, &formats[0], &tight, 1);
    canvas_draw(&s.c, &all, draw_solid);
    ck_assert_uint_eq(session_update(&s, &all, false), 16);
    canvas_draw(&s.c, &all, draw_mono);
    session_update(&s, &all, false);
    ck_assert_uint_gt(s.d.monos, 0);
    canvas_draw(&s.c, &all, draw_many);
    session_update(&s, &all, false);
    ck_assert_uint_gt(s.d.indexed, 0);
    s.d.fills = 0;
    canvas_draw(&s.c, &all, draw_desktop);
    session_update(&s, &all, false);
    ck_assert_uint_gt(s.d.fills, 4);
    session_fini(&s);
}
END_TEST

/* Two neighbours are of one colour, which no others have. */
static uint32_t draw_pairs(unsigned x, unsigned y)
{
    return draw_unique(x / 2, y);
}

/* Two colours that clients of 16 bits do not tell apart. */
static uint32_t draw_alike(unsigned x, unsigned y)
{
    return x & 1 ? 0x336699 : 0x33669a;
}

static size_t draw_and_update(struct session *s, const struct vnc_rect *r,
                              uint32_t (*draw)(unsigned x, unsigned y))
{
    canvas_draw(&s->c, r, draw);
    size_t size = session_update(s, r, false);
    ck_assert_uint_eq(session_difference(s), 0);
    return size - 12;
}

/* How long tiles are, which tells how they were sent. */
START_TEST(test_hextile_forms)
{
    int32_t hextile = VNC_ENCODING_HEXTILE;
    struct vnc_rect tile = {0, 0, 16, 16}, two = {0, 0, 32, 16};
    struct session s;

    for (unsigned f = 0; f < 2; f++) { /* as the guest has pixels, and in another order */
        session_init(&s, 32, 16, &formats[3 * f], &hextile, 1);
        ck_assert_uint_eq(draw_and_update(&s, &two, draw_solid), 1 + 4 + 1);
        ck_assert_uint_eq(draw_and_update(&s, &tile, draw_unique), 1 + 4 * 256);
        ck_assert_uint_eq(draw_and_update(&s, &tile, draw_pairs), 1 + 4 + 1 + 127 * 6);
        ck_assert_uint_eq(draw_and_update(&s, &tile, draw_alike), 1 + 4 + 4 + 1 + 8 * 2);
        session_fini(&s);
    }
    session_init(&s, 32, 16, &formats[10], &hextile, 1);
    ck_assert_uint_eq(draw_and_update(&s, &two, draw_alike), 1 + 2 + 1);
    session_fini(&s);
}
END_TEST

/* --- lossy areas ------------------------------------------------------------------------------------ */

#if CONFIG_JPEG
static void refresh(struct session *s, int64_t before)
{
    struct vnc_rect r;

    while (vnc_encoder_lossy_area(s->e, before, &r)) {
        ck_assert(r.w && r.h && r.w <= 256 && r.h <= 256);
        session_update(s, &r, true);
    }
}

static void check_lossy(int32_t encoding, const struct rfb_format *f, unsigned tolerance)
{
    int32_t list[] = {encoding, VNC_ENCODING_QUALITY_0 + 9};
    struct vnc_rect all = {0, 0, 500, 301}, part = {70, 70, 200, 100};
    struct session s;

    session_init(&s, all.w, all.h, f, list, ARRAY_SIZE(list));
    canvas_draw(&s.c, &all, draw_unique);
    vnc_encoder_frame(s.e, all.w, all.h, 1000);
    session_update(&s, &all, false);
    ck_assert_uint_gt(s.d.jpegs, 0);
    ck_assert_uint_le(session_difference(&s), tolerance);
    ck_assert_int_eq(vnc_encoder_lossy_since(s.e), 1000);

    /* A part moves on; the rest gets old. */
    vnc_encoder_frame(s.e, all.w, all.h, 2000);
    session_update(&s, &part, false);
    refresh(&s, 1000);
    ck_assert_int_eq(vnc_encoder_lossy_since(s.e), 2000);
    refresh(&s, 2000);
    ck_assert_uint_eq(session_difference(&s), 0);
    ck_assert(vnc_encoder_lossy_since(s.e) == INT64_MAX);
    session_fini(&s);
}

START_TEST(test_lossy)
{
    check_lossy(VNC_ENCODING_TIGHT, &formats[0], 40);
    check_lossy(VNC_ENCODING_TIGHT, &formats[3], 40);
    check_lossy(VNC_ENCODING_TIGHT, &formats[10], 20);
    check_lossy(VNC_ENCODING_TIGHT_PNG, &formats[0], 40);
}
END_TEST

/* No JPEG when it was forbidden, not asked for, or for 8 bits. */
START_TEST(test_lossless)
{
    int32_t list[] = {VNC_ENCODING_TIGHT, VNC_ENCODING_QUALITY_0 + 1};
    struct vnc_rect all = {0, 0, 500, 301};

    for (unsigned k = 0; k < 3; k++) {
        struct session s;
        session_init(&s, all.w, all.h, &formats[k == 2 ? 14 : 0], list, k == 1 ? 1 : 2);
        vnc_encoder_allow_lossy(s.e, k != 0);
        vnc_encoder_adapt(s.e, 5, 3);
        canvas_draw(&s.c, &all, draw_unique);
        session_update(&s, &all, false);
        ck_assert_uint_eq(s.d.jpegs, 0);
        ck_assert_uint_eq(session_difference(&s), 0);
        session_fini(&s);
    }
}
END_TEST
#else
START_TEST(test_lossy)
{
}
END_TEST

START_TEST(test_lossless)
{
}
END_TEST
#endif

/* --- CopyRect and scrolling ------------------------------------------------------------------------- */

static uint32_t draw_text(unsigned x, unsigned y)
{
    uint32_t glyph = (x / 8 * 2654435761u + y / 16 * 2246822519u) >> 7;

    return y % 16 < 13 && glyph * (x % 8 + 8 * (y % 16) + 1) >> 11 & 1 ? 0xaaaaaa : 0;
}

static unsigned scroll_rows;

static uint32_t draw_scrolled(unsigned x, unsigned y)
{
    return draw_text(x, y + scroll_rows);
}

static void check_scroll(struct session *s, unsigned from, unsigned to, const struct vnc_rect *area)
{
    GByteArray *out = g_byte_array_new();
    struct canvas old;
    struct vnc_scroll found;

    canvas_init(&old, s->c.img.width, s->c.img.height);
    scroll_rows = from;
    canvas_draw(&old, area, draw_scrolled);
    canvas_draw(&s->c, area, draw_scrolled);
    session_update(s, area, false);
    scroll_rows = to;
    canvas_draw(&s->c, area, draw_scrolled);

    ck_assert(vnc_find_scroll(&old.img, &s->c.img, area, &found));
    ck_assert_int_eq((int)found.from_y - (int)found.dst.y, (int)to - (int)from);
    ck_assert_uint_ge(found.dst.h, area->h - 16 - (unsigned)abs((int)to - (int)from));
    unsigned n = vnc_encode_copyrect(s->e, &found.dst, found.dst.x, found.from_y, out);
    rfb_decode(&s->d, out->data, out->len, n);
    unsigned top = found.dst.y - area->y, bottom = area->h - top - found.dst.h;
    if (top) {
        session_update(s, &(struct vnc_rect){area->x, area->y, area->w, top}, false);
    }
    if (bottom) {
        session_update(s, &(struct vnc_rect){area->x, area->y + area->h - bottom, area->w, bottom},
                       false);
    }
    ck_assert_uint_eq(session_difference(s), 0);
    g_byte_array_free(out, TRUE);
    canvas_fini(&old);
}

START_TEST(test_scroll)
{
    int32_t list[] = {VNC_ENCODING_ZRLE, VNC_ENCODING_COPYRECT};
    struct vnc_rect area = {9, 7, 640, 400};
    struct session s;

    session_init(&s, 700, 420, &formats[0], list, 2);
    ck_assert(vnc_encoder_has(s.e, VNC_ENCODING_COPYRECT));
    check_scroll(&s, 100, 116, &area);
    check_scroll(&s, 100, 84, &area);
    check_scroll(&s, 0, 48, &area);
    check_scroll(&s, 51, 50, &area);
    ck_assert_uint_eq(s.d.copies, 4);
    session_fini(&s);
}
END_TEST

START_TEST(test_no_scroll)
{
    struct canvas a, b;
    struct vnc_rect all = {0, 0, 320, 200};
    struct vnc_scroll found;

    canvas_init(&a, all.w, all.h);
    canvas_init(&b, all.w, all.h);
    ck_assert(!vnc_find_scroll(&a.img, &b.img, &all, &found)); /* all the same */
    canvas_draw(&a, &all, draw_noise);
    canvas_draw(&b, &all, draw_noise);
    ck_assert(!vnc_find_scroll(&a.img, &b.img, &all, &found));
    canvas_draw(&b, &all, draw_solid);
    ck_assert(!vnc_find_scroll(&a.img, &b.img, &all, &found));
    all.w++;
    ck_assert(!vnc_find_scroll(&a.img, &b.img, &all, &found)); /* not inside */
    canvas_fini(&a);
    canvas_fini(&b);
}
END_TEST

START_TEST(test_copy_of_lossy)
{
#if CONFIG_JPEG
    int32_t list[] = {VNC_ENCODING_TIGHT, VNC_ENCODING_QUALITY_0 + 5, VNC_ENCODING_COPYRECT};
    struct vnc_rect left = {0, 0, 128, 128}, right = {128, 0, 128, 128}, r;
    GByteArray *out = g_byte_array_new();
    struct session s;

    session_init(&s, 256, 128, &formats[0], list, ARRAY_SIZE(list));
    canvas_draw(&s.c, &left, draw_unique);
    session_update(&s, &left, false);
    ck_assert_uint_eq(s.d.jpegs, 1);
    session_update(&s, &left, true);
    ck_assert(!vnc_encoder_lossy_area(s.e, INT64_MAX, &r));
    session_update(&s, &left, false);
    vnc_encode_copyrect(s.e, &right, 0, 0, out);
    session_update(&s, &left, true);
    ck_assert(vnc_encoder_lossy_area(s.e, INT64_MAX, &r));
    ck_assert_uint_eq(r.x, 128);
    vnc_encode_copyrect(s.e, &right, 0, 0, out);
    ck_assert(!vnc_encoder_lossy_area(s.e, INT64_MAX, &r));
    g_byte_array_free(out, TRUE);
    session_fini(&s);
#endif
}
END_TEST

/* --- changed tiles ---------------------------------------------------------------------------------- */

/* What was marked is taken, all of it, inside the bounds, in rectangles that are mostly marked. */
static void check_tiles(unsigned columns, unsigned rows, unsigned percent, unsigned tiles_max)
{
    unsigned long bits[64] = {0};
    struct vnc_tile_map m = {bits, columns};
    struct vnc_rect in = {columns / 4, rows / 4, columns - columns / 4, rows - rows / 4}, r;
    unsigned marked = 0, area = 0;

    for (unsigned i = 0; i < columns * rows; i++) {
        bool inside = i % columns >= in.x && i / columns >= in.y;
        if (inside && random32() % 100 < percent) {
            bits[i / 64] |= 1ul << i % 64;
            marked++;
        }
    }
    for (unsigned y = in.y; y < rows; y++) {
        while (vnc_take_tiles(&m, &in, y, tiles_max, &r)) {
            ck_assert(r.x >= in.x && r.y == y && r.w && r.h);
            ck_assert(r.x + r.w <= columns && r.y + r.h <= rows);
            ck_assert(r.h == 1 || r.w * r.h <= tiles_max);
            area += r.w * r.h;
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
        ck_assert_uint_eq(bits[i], 0);
    }
    ck_assert_uint_ge(area, marked);
    ck_assert_uint_le(area, marked * 3);
}

START_TEST(test_tiles)
{
    for (unsigned percent = 0; percent <= 100; percent += 5) {
        check_tiles(64, 64, percent, 100);
        check_tiles(1 + random32() % 64, 1 + random32() % 64, percent, 1 + random32() % 4096);
    }
}
END_TEST

/* --- the rest --------------------------------------------------------------------------------------- */

START_TEST(test_choice)
{
    int32_t list[] = {-1000, VNC_ENCODING_LAST_RECT, VNC_ENCODING_ZRLE, VNC_ENCODING_TIGHT, 0};
    struct vnc_encoder *e = vnc_encoder_new();

    ck_assert_int_eq(vnc_encoder_encoding(e), VNC_ENCODING_RAW);
    vnc_encoder_set_encodings(e, list, ARRAY_SIZE(list));
    ck_assert_int_eq(vnc_encoder_encoding(e), VNC_ENCODING_ZRLE);
    ck_assert(vnc_encoder_has(e, VNC_ENCODING_LAST_RECT));
    ck_assert(!vnc_encoder_has(e, VNC_ENCODING_CURSOR));
    vnc_encoder_free(e);
    vnc_encoder_free(NULL);
}
END_TEST

START_TEST(test_clipping)
{
    GByteArray *out = g_byte_array_new();
    struct vnc_encoder *e = vnc_encoder_new();
    struct canvas c;

    canvas_init(&c, 20, 10);
    ck_assert_uint_eq(vnc_encode(e, &c.img, 20, 0, 5, 5, out), 0);
    ck_assert_uint_eq(vnc_encode(e, &c.img, 0, 10, 5, 5, out), 0);
    ck_assert_uint_eq(vnc_encode(e, &c.img, 0, 0, 0, 5, out), 0);
    ck_assert_uint_eq(vnc_encode(e, &c.img, UINT32_MAX, UINT32_MAX, 5, 5, out), 0);
    ck_assert_uint_eq(out->len, 0);
    ck_assert_uint_eq(vnc_encode(e, &c.img, 18, 9, UINT32_MAX, UINT32_MAX, out), 1);
    ck_assert_uint_eq(out->len, 12 + 2 * 4);
    vnc_encoder_free(e);
    g_byte_array_free(out, TRUE);
    canvas_fini(&c);
}
END_TEST

START_TEST(test_cursor)
{
    static const uint32_t shape[9 * 2] = {0xff112233, 0x7f445566, 0x80aabbcc, 0,         0, 0,
                                          0,          0,          0xffffffff, 0xff000000};
    int32_t list[] = {VNC_ENCODING_CURSOR, VNC_ENCODING_CURSOR_ALPHA};
    GByteArray *out = g_byte_array_new();
    struct vnc_encoder *e = vnc_encoder_new();

    ck_assert_uint_eq(vnc_encode_cursor(e, shape, 9, 2, 1, 1, out), 0);
    vnc_encoder_set_encodings(e, list, 1);
    ck_assert_uint_eq(vnc_encode_cursor(e, shape, 9, 2, 1, 1, out), 1);
    ck_assert_uint_eq(out->len, 12 + 18 * 4 + 4);
    ck_assert_uint_eq(ld_be32(out->data + 8), (uint32_t)-239);
    ck_assert_mem_eq(out->data + 12, "\x33\x22\x11", 3);
    ck_assert_mem_eq(out->data + 12 + 72, "\xa0\x80\x80\x00", 4);
    g_byte_array_set_size(out, 0);
    vnc_encoder_set_encodings(e, list, 2);
    ck_assert_uint_eq(vnc_encode_cursor(e, shape, 9, 2, 1, 1, out), 1);
    ck_assert_uint_eq(out->len, 12 + 4 + 18 * 4);
    ck_assert_mem_eq(out->data + 16, "\x11\x22\x33\xff\x22\x2a\x33\x7f", 8);
    g_byte_array_set_size(out, 0);
    ck_assert_uint_eq(vnc_encode_cursor(e, NULL, 0, 0, 0, 0, out), 1);
    ck_assert_uint_eq(vnc_encode_last_rect(e, out), 1);
    ck_assert_uint_eq(out->len, 12 + 4 + 12);
    vnc_encoder_free(e);
    g_byte_array_free(out, TRUE);
}
END_TEST

START_TEST(test_colour_map)
{
    struct rfb_format f = {8, 8, false, {0, 0, 0}, {0, 0, 0}};
    GByteArray *out = g_byte_array_new();
    struct vnc_encoder *e = vnc_encoder_new();
    struct vnc_pixel_format pf;
    uint8_t wire[16];
    struct canvas c;

    format_wire(&f, false, wire);
    ck_assert_int_eq(vnc_pixel_format_read(&pf, wire), 0);
    vnc_encoder_set_format(e, &pf);
    vnc_colour_map_write(out);
    ck_assert_uint_eq(out->len, 6 + 256 * 6);
    ck_assert_mem_eq(out->data, "\1\0\0\0\1\0", 6);
    canvas_init(&c, 1, 1);
    c.px[0] = 0xff0000;
    vnc_encode(e, &c.img, 0, 0, 1, 1, out);
    unsigned index = out->data[out->len - 1];
    ck_assert_mem_eq(out->data + 6 + 6 * index, "\xff\xff\0\0\0\0", 6);
    vnc_encoder_free(e);
    g_byte_array_free(out, TRUE);
    canvas_fini(&c);
}
END_TEST

/* Thousands of updates later all that is held, the client's side included, is within the bound. */
START_TEST(test_memory)
{
    for (size_t i = 0; i < ARRAY_SIZE(encodings); i++) {
        int32_t list[] = {encodings[i], VNC_ENCODING_QUALITY_0 + 3};
        size_t before = mallinfo2().uordblks;
        struct session s;
        session_init(&s, 256, 256, &formats[0], list, 2);
        canvas_draw(&s.c, &(struct vnc_rect){0, 0, 256, 256}, draw_desktop);
        for (unsigned k = 0; k < 1500; k++) {
            struct vnc_rect r = random_rect(64, 64);
            session_update(&s, &r, k & 1);
        }
        ck_assert_uint_le(mallinfo2().uordblks - before, VNC_ENCODER_MEMORY_MAX);
        session_fini(&s);
    }
}
END_TEST

TEST_MAIN("vnc-enc", test_formats, test_choice, test_clipping, test_all_formats, test_sizes,
          test_screen, test_changes, test_tight_forms, test_hextile_forms, test_lossy,
          test_lossless, test_scroll, test_no_scroll, test_copy_of_lossy, test_tiles, test_cursor,
          test_colour_map, test_memory)
