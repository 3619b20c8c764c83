/* SPDX-License-Identifier: MIT */
/*
 * What somebody types is seen soon, however slow the link: a screen full of noise, in its middle a
 * small window, in that a square that every key gives another colour; links of 2 Mbit/s with little and with much room for what
 * waits (bufferbloat), clients of all kinds. Time is from the key sent to the end of the update that
 * shows it, or, for clients without fences, of the rectangle. The first keys are sent while the first picture is on its way.
 *
 * `-k KEYS` prints a table of all rows with so many keys each (docs/vnc.md); -r NAME: only rows whose
 * name contains it.
 */
#include "tests/test.h"
#include "tests/ui/vnc_lab.h"

#include <glib.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/lib/fuzz.h"

#define WIDTH      1280u
#define HEIGHT     800u
#define WINDOW_X   600u
#define WINDOW_Y   390u
#define WINDOW_W   80u
#define WINDOW_H   60u
#define SQUARE     20u
#define SQUARE_X   617u
#define SQUARE_Y   403u
#define FRAME_MS   40
#define MBIT_2     250000u
#define LITTLE     (8u << 10)
#define MUCH       (256u << 10)
#define CHECK_KEYS 9
#define BOUND      1.0 /* seconds; the aim is 0.3, on a host that has nothing else to do */

/* --- the guest ------------------------------------------------------------------------------------ */

static uint32_t *noise; /* twice what is shown */
static uint32_t colour; /* one of seven that are not mistaken for each other, nor for black */
static bool drawing;
static pthread_t artist;

static void fill(unsigned x, unsigned y, unsigned w, unsigned h, uint32_t value)
{
    for (unsigned k = 0; k < h; k++) {
        for (unsigned i = 0; i < w; i++) {
            lab_screen.pixels[(y + k) * WIDTH + x + i] = value;
        }
    }
}

static void draw_square(void)
{
    fill(SQUARE_X, SQUARE_Y, SQUARE, SQUARE, colour);
}

static uint32_t colour_after(uint32_t c)
{
    unsigned n = (c >> 23 & 1) << 2 | (c >> 15 & 1) << 1 | (c >> 7 & 1);

    n = n % 7 + 1;
    return (n >> 2) * 0xe00000 | (n >> 1 & 1) * 0xe000 | (n & 1) * 0xe0;
}

/* A key, in the guest. */
static void next_colour(void)
{
    colour = colour_after(colour);
    draw_square();
    lab_written(SQUARE_Y, SQUARE);
}

/* Pixels [x0, x1) of a line. */
static void copy_noise(const uint32_t *from, unsigned y, unsigned x0, unsigned x1)
{
    memcpy(lab_screen.pixels + y * WIDTH + x0, from + y * WIDTH + x0, (x1 - x0) * sizeof(*from));
}

/* Around the window: what is written for a moment only may be seen. */
static void draw_noise(void)
{
    const uint32_t *from = noise + fuzz_below((size_t)WIDTH * HEIGHT);

    lab_draw();
    for (unsigned y = 0; y < HEIGHT; y++) {
        bool beside = y >= WINDOW_Y && y < WINDOW_Y + WINDOW_H;
        copy_noise(from, y, 0, beside ? WINDOW_X : WIDTH);
        copy_noise(from, y, beside ? WINDOW_X + WINDOW_W : WIDTH, WIDTH);
    }
    lab_drawn(0, HEIGHT);
}

static void *run_artist(void *unused)
{
    while (__atomic_load_n(&drawing, __ATOMIC_RELAXED)) {
        draw_noise();
        g_usleep(FRAME_MS * 1000);
    }
    return NULL;
}

static void start_guest(void)
{
    noise = g_new(uint32_t, 2 * (size_t)WIDTH * HEIGHT);
    for (size_t i = 0; i < 2 * (size_t)WIDTH * HEIGHT; i++) {
        noise[i] = (uint32_t)fuzz_below(1 << 24);
    }
    lab_start(WIDTH, HEIGHT, ",lossy=on", next_colour);
    lab_draw();
    fill(WINDOW_X, WINDOW_Y, WINDOW_W, WINDOW_H, 0xffffff);
    lab_drawn(WINDOW_Y, WINDOW_H);
    drawing = true;
    ck_assert_int_eq(pthread_create(&artist, NULL, run_artist, NULL), 0);
}

static void stop_guest(void)
{
    __atomic_store_n(&drawing, false, __ATOMIC_RELAXED);
    pthread_join(artist, NULL);
    lab_stop();
    g_free(noise);
}

/* --- rows ----------------------------------------------------------------------------------------- */

static const struct row {
    const char *name;
    int32_t encodings[8];
    bool continuous;
    unsigned buffer;
    bool checked; /* by the test: its first picture does not take long */
} rows[] = {
    {"Tight, continuous", {7, -224, LAB_FENCE, LAB_CONTINUOUS, LAB_END}, true, LITTLE, false},
    {"Tight, continuous", {7, -224, LAB_FENCE, LAB_CONTINUOUS, LAB_END}, true, MUCH, true},
    {"Tight, fences", {7, -224, LAB_FENCE, LAB_END}, false, LITTLE, true},
    {"Tight, fences", {7, -224, LAB_FENCE, LAB_END}, false, MUCH, false},
    {"Tight", {7, -224, LAB_END}, false, LITTLE, true},
    {"Tight", {7, -224, LAB_END}, false, MUCH, false},
    {"Tight, JPEG, continuous",
     {7, -224, LAB_FENCE, LAB_CONTINUOUS, -26, LAB_END},
     true,
     LITTLE,
     false},
    {"Tight, JPEG, continuous",
     {7, -224, LAB_FENCE, LAB_CONTINUOUS, -26, LAB_END},
     true,
     MUCH,
     false},
    {"ZRLE, continuous", {16, -224, LAB_FENCE, LAB_CONTINUOUS, LAB_END}, true, LITTLE, false},
    {"ZRLE, continuous", {16, -224, LAB_FENCE, LAB_CONTINUOUS, LAB_END}, true, MUCH, true},
    {"ZRLE", {16, LAB_END}, false, LITTLE, false},
    {"ZRLE", {16, LAB_END}, false, MUCH, false},
    {"Hextile, continuous", {5, -224, LAB_FENCE, LAB_CONTINUOUS, LAB_END}, true, LITTLE, false},
    {"Hextile, continuous", {5, -224, LAB_FENCE, LAB_CONTINUOUS, LAB_END}, true, MUCH, false},
    {"Hextile", {5, LAB_END}, false, LITTLE, false},
    {"Hextile", {5, LAB_END}, false, MUCH, false},
    {"Raw, continuous", {0, -224, LAB_FENCE, LAB_CONTINUOUS, LAB_END}, true, LITTLE, false},
    {"Raw, continuous", {0, -224, LAB_FENCE, LAB_CONTINUOUS, LAB_END}, true, MUCH, true},
    {"Raw", {0, LAB_END}, false, LITTLE, false},
    {"Raw", {0, LAB_END}, false, MUCH, false},
};

struct result {
    double median, most, first; /* seconds */
    double late;                /* what the host has added to one of them, at the worst */
    double rate;                /* bytes a second while keys were pressed */
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double keystroke(struct lab_client *c)
{
    uint32_t next = colour_after(colour);
    double start = lab_now();

    lab_client_key(c);
    ck_assert(lab_client_await(c, SQUARE_X + SQUARE / 2, SQUARE_Y + SQUARE / 2, next, 60));
    return lab_now() - start;
}

static struct result measure(const struct row *row, unsigned keys)
{
    bool fences = row->encodings[2] == LAB_FENCE;
    struct lab_setup setup = {.encodings = row->encodings,
                               .rate = MBIT_2,
                               .buffer = row->buffer,
                               .continuous = row->continuous,
                               .shows_rectangles = !fences};
    struct lab_client *c = lab_client_new(&setup);
    double *times = g_new(double, keys), start = lab_now();
    struct result r;

    for (unsigned i = 0; i < keys; i++) {
        g_usleep((gulong)(50 + fuzz_below(200)) * 1000);
        times[i] = keystroke(c);
    }
    r.rate = (double)c->bytes / (lab_now() - start);
    r.late = lab_client_late(c);
    r.first = times[0];
    qsort(times + 1, keys - 1, sizeof(*times), compare);
    r.median = times[1 + (keys - 1) / 2];
    r.most = times[keys - 1];
    g_free(times);
    lab_client_free(c);
    return r;
}

static unsigned table_keys; /* 0: no table */
static const char *only;

static void print_table(void)
{
    printf("| client | room in the link | median | most | first key | host late | kB/s |\n"
           "|---|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (only && !strstr(rows[i].name, only)) {
            continue;
        }
        struct result r = measure(&rows[i], table_keys);
        printf("| %s | %u KiB | %.0f ms | %.0f ms | %.0f ms | %.0f ms | %.0f |\n", rows[i].name,
               rows[i].buffer >> 10, 1e3 * r.median, 1e3 * r.most, 1e3 * r.first, 1e3 * r.late,
               1e-3 * r.rate);
        fflush(stdout);
    }
}

/* A few kinds of clients, on links of both kinds. */
static void check_some(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].checked) {
            struct result r = measure(&rows[i], CHECK_KEYS);
            double most = MAX(r.most, r.first);
            ck_assert_msg(most < BOUND + 2 * r.late, "%s: %.0f ms", rows[i].name, 1e3 * most);
        }
    }
}

START_TEST(test_typing)
{
    start_guest();
    if (table_keys) {
        print_table();
    } else {
        check_some();
    }
    stop_guest();
}
END_TEST

int main(int argc, char **argv)
{
    for (int o; (o = getopt(argc, argv, "k:r:")) != -1;) {
        if (o == 'k') {
            table_keys = (unsigned)strtoul(optarg, NULL, 0);
        } else {
            only = optarg;
        }
    }
    fuzz_begin(1, argv);
    const TTest *const tests[] = {test_typing};
    return test_run_all("vnc_link", tests, ARRAY_SIZE(tests));
}
