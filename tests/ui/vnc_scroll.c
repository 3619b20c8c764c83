/* SPDX-License-Identifier: MIT */
/*
 * CopyRect: a text console, a page in a window, and what changes beside and in them, at random, seen by
 * clients of all encodings on fast and slow links; whenever the screen stands still each shows it,
 * pixel by pixel. -t SECONDS, -s SEED for longer.
 *
 * -b STEPS prints bytes and the server's time a step of a scrolling console, a moved window, a film,
 * without and with CopyRect.
 */
#include "tests/test.h"
#include "tests/ui/vnc_lab.h"

#include <glib.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/lib/fuzz.h"

#define WIDTH  720u
#define HEIGHT 400u
#define CELL_W 9u
#define CELL_H 16u

/* --- drawing -------------------------------------------------------------------------------------- */

static uint32_t *row(unsigned y)
{
    return lab_screen.pixels + (size_t)y * WIDTH;
}

struct area {
    unsigned x, y, w, h;
};

static void fill(const struct area *a, uint32_t value)
{
    for (unsigned y = a->y; y < a->y + a->h; y++) {
        for (unsigned x = a->x; x < a->x + a->w; x++) {
            row(y)[x] = value;
        }
    }
}

/* A glyph of noise, as dense as letters are. */
static void draw_glyph(unsigned x, unsigned y, uint32_t ink)
{
    for (unsigned k = 2; k < CELL_H - 3; k++) {
        uint64_t bits = fuzz_below(128) & fuzz_below(128);
        for (unsigned i = 0; i < 7; i++) {
            row(y + k)[x + 1 + i] = bits >> i & 1 ? ink : 0;
        }
    }
}

/* A line of text of random length, in an area. */
static void draw_line(const struct area *a, unsigned y)
{
    unsigned cells = a->w / CELL_W, n = (unsigned)fuzz_below(cells);

    fill(&(struct area){a->x, y, a->w, CELL_H}, 0);
    for (unsigned i = 0; i < n; i++) {
        if (fuzz_below(6)) {
            draw_glyph(a->x + i * CELL_W, y, fuzz_below(8) ? 0xaaaaaa : 0x55ff55);
        }
    }
}

static void draw_noise(const struct area *a)
{
    for (unsigned y = a->y; y < a->y + a->h; y++) {
        for (unsigned x = a->x; x < a->x + a->w; x++) {
            row(y)[x] = (uint32_t)fuzz_below(1 << 24);
        }
    }
}

/* By n lines, up or down; what appears is left as it was. */
static void move_area(const struct area *a, unsigned n, bool up)
{
    for (unsigned k = 0; k + n < a->h; k++) {
        unsigned to = up ? a->y + k : a->y + a->h - 1 - k;
        memmove(row(to) + a->x, row(up ? to + n : to - n) + a->x, a->w * sizeof(uint32_t));
    }
}

static struct area random_area(unsigned w_max, unsigned h_max)
{
    struct area a;

    a.w = 1 + (unsigned)fuzz_below(w_max);
    a.h = 1 + (unsigned)fuzz_below(h_max);
    a.x = (unsigned)fuzz_below(WIDTH - a.w);
    a.y = (unsigned)fuzz_below(HEIGHT - a.h);
    return a;
}

/* A window goes elsewhere; what was below it is plain. */
static void move_window(void)
{
    static struct area window = {100, 100, 230, 150};
    struct area to = random_area(1, 1);
    uint32_t *copy = g_new(uint32_t, (size_t)window.w * window.h);

    to = (struct area){to.x % (WIDTH - window.w), to.y % (HEIGHT - window.h), window.w, window.h};
    for (unsigned y = 0; y < window.h; y++) {
        memcpy(copy + y * window.w, row(window.y + y) + window.x, window.w * sizeof(*copy));
    }
    fill(&window, 0x204060);
    for (unsigned y = 0; y < window.h; y++) {
        memcpy(row(to.y + y) + to.x, copy + y * window.w, window.w * sizeof(*copy));
    }
    window = to;
    g_free(copy);
}

static void scroll_console(const struct area *a, unsigned lines)
{
    while (lines--) {
        move_area(a, CELL_H, true);
        draw_line(a, a->y + a->h - CELL_H);
    }
}

/* --- a random guest ------------------------------------------------------------------------------- */

static const struct area all = {0, 0, WIDTH, HEIGHT};

static void change_screen(void)
{
    static const struct area page = {200, 37, 403, 301};
    struct area a = random_area(300, 200);

    switch (fuzz_below(12)) {
    case 0:
        fill(&a, (uint32_t)fuzz_below(1 << 24));
        break;
    case 1:
        a = random_area(90, 90);
        draw_noise(&a);
        break;
    case 2:
        a = random_area(WIDTH, HEIGHT);
        move_area(&a, (unsigned)fuzz_below(40), fuzz_below(2));
        break;
    case 3:
    case 4:
        move_window();
        break;
    case 5:
    case 6:
        move_area(&page, 1 + (unsigned)fuzz_below(70), fuzz_below(2));
        break;
    default:
        scroll_console(&all, 1 + (unsigned)fuzz_below(3));
    }
}

/* --- clients -------------------------------------------------------------------------------------- */

enum { COPY = 1, LAST = -224, QUALITY_6 = -26 };

static const int32_t tight[] = {7, COPY, LAST, LAB_FENCE, LAB_CONTINUOUS, LAB_END};
static const int32_t tight_jpeg[] = {7, COPY, LAST, LAB_FENCE, LAB_CONTINUOUS, QUALITY_6, LAB_END};
static const int32_t zrle[] = {16, COPY, LAST, LAB_END};
static const int32_t hextile[] = {5, COPY, LAB_END};
static const int32_t zlib[] = {6, COPY, LAST, LAB_FENCE, LAB_END};
static const int32_t raw[] = {0, COPY, LAB_END};
static const int32_t without[] = {16, LAST, LAB_END};

static const struct lab_setup setups[] = {
    {tight, 0, 0, true, false, false, NULL},
    {tight, 100000, 8192, true, false, false, NULL},
    {tight_jpeg, 0, 0, false, false, false, NULL},
    {tight_jpeg, 150000, 65536, true, false, false, NULL},
    {zrle, 0, 0, false, false, false, NULL},
    {zrle, 60000, 4096, false, false, false, NULL},
    {hextile, 200000, 16384, false, false, false, NULL},
    {zlib, 150000, 4096, false, false, false, NULL},
    {raw, 0, 0, false, false, false, NULL},
    {without, 0, 0, false, false, false, NULL},
};

static void compare(struct lab_client *const *clients, unsigned long steps)
{
    for (unsigned i = 0; i < ARRAY_SIZE(setups); i++) {
        ck_assert_msg(lab_client_await_all(clients[i], 60), "client %u, after %lu steps", i, steps);
    }
}

START_TEST(test_random)
{
    struct lab_client *clients[ARRAY_SIZE(setups)];
    unsigned long steps = 0;

    lab_start(WIDTH, HEIGHT, ",lossy=on", NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(setups); i++) {
        clients[i] = lab_client_new(&setups[i]);
    }
    do {
        for (uint64_t n = 1 + fuzz_below(30); n; n--, steps++) {
            lab_draw();
            change_screen();
            lab_drawn(0, HEIGHT);
            g_usleep((gulong)fuzz_below(60) * 1000);
        }
        compare(clients, steps);
    } while (fuzz_goes_on());
    unsigned copies = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(setups); i++) {
        copies += clients[i]->d.copies;
        lab_client_free(clients[i]);
    }
    printf("%lu steps, %u copies\n", steps, copies);
    ck_assert_uint_gt(copies, 0);
    lab_stop();
}
END_TEST

/* --- what it saves -------------------------------------------------------------------------------- */

static unsigned table_lines; /* 0: no table */

struct cost {
    double bytes, ms; /* a line */
};

static void one_line(void)
{
    scroll_console(&all, 1);
}

/* A film: nothing that has moved. */
static void film(void)
{
    static const struct area a = {160, 96, 320, 240};

    draw_noise(&a);
}

static struct cost measure(const int32_t *encodings, void (*step)(void))
{
    struct lab_setup setup = {encodings, 0, 0, false, false, false, NULL};
    struct lab_client *c = lab_client_new(&setup);
    struct cost cost;

    ck_assert(lab_client_await_all(c, 20));
    double seconds = lab_server_seconds();
    uint64_t bytes = c->bytes;
    for (unsigned i = 0; i < table_lines; i++) {
        lab_draw();
        step();
        lab_drawn(0, HEIGHT);
        ck_assert(lab_client_await_all(c, 20));
    }
    cost.ms = 1e3 * (lab_server_seconds() - seconds) / table_lines;
    cost.bytes = (double)(c->bytes - bytes) / table_lines;
    lab_client_free(c);
    return cost;
}

static void print_table(void)
{
    static const struct {
        const char *name;
        int32_t number;
        void (*step)(void);
    } kinds[] = {{"console, Tight", 7, one_line},
                 {"console, ZRLE", 16, one_line},
                 {"console, Zlib", 6, one_line},
                 {"console, Hextile", 5, one_line},
                 {"console, Raw", 0, one_line},
                 {"window, Tight", 7, move_window},
                 {"window, ZRLE", 16, move_window},
                 {"film, Tight", 7, film},
                 {"film, Raw", 0, film}};

    lab_start(WIDTH, HEIGHT, "", NULL);
    lab_draw();
    scroll_console(&all, HEIGHT / CELL_H);
    lab_drawn(0, HEIGHT);
    printf("| a step of | bytes | ms | with CopyRect: bytes | ms |\n|---|---|---|---|---|\n");
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
        int32_t list[] = {kinds[i].number, LAST, LAB_END, LAB_END};
        struct cost plain = measure(list, kinds[i].step);
        list[2] = COPY;
        struct cost copied = measure(list, kinds[i].step);
        printf("| %s | %.0f | %.2f | %.0f | %.2f |\n", kinds[i].name, plain.bytes, plain.ms,
               copied.bytes, copied.ms);
    }
    lab_stop();
}

START_TEST(test_cost)
{
    if (table_lines) {
        print_table();
    }
}
END_TEST

int main(int argc, char **argv)
{
    bool table = argc == 3 && !strcmp(argv[1], "-b");
    const TTest *const tests[] = {table ? test_cost : test_random};

    table_lines = table ? (unsigned)strtoul(argv[2], NULL, 0) : 0;
    fuzz_begin(table ? 1 : argc, argv);
    return test_run_all("vnc_scroll", tests, ARRAY_SIZE(tests));
}
