/* SPDX-License-Identifier: MIT */
/*
 * No client keeps an old picture for ever, nor is sent the same again and again: clients that ask for
 * the next update before they have this one, that name fences late, or that see a part of the screen.
 */
#include "tests/test.h"
#include "tests/ui/vnc_lab.h"

#include <glib.h>

#define WIDTH  1280u
#define HEIGHT 800u

enum { LAST = -224, QUALITY_6 = -26 };

static const int32_t raw[] = {0, LAST, LAB_END};
static const int32_t raw_fences[] = {0, LAST, LAB_FENCE, LAB_END};
static const int32_t tight[] = {7, LAST, LAB_END};
static const int32_t tight_jpeg[] = {7, LAST, QUALITY_6, LAB_END};

static uint32_t random_colour(void)
{
    static uint64_t state = 1;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 40);
}

static void draw_noise(unsigned width, unsigned height)
{
    lab_draw();
    lab_screen.width = width;
    lab_screen.height = height;
    for (size_t i = 0; i < (size_t)width * height; i++) {
        lab_screen.pixels[i] = random_colour();
    }
    lab_drawn(0, height);
}

static void see_changes(const struct lab_setup *setup)
{
    lab_start(WIDTH, HEIGHT, "", NULL);
    draw_noise(WIDTH, HEIGHT);
    struct lab_client *c = lab_client_new(setup);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_msg(lab_client_await_all(c, 10), "picture %u", i);
        draw_noise(WIDTH, HEIGHT);
    }
    ck_assert(lab_client_await_all(c, 10));
    lab_client_free(c);
    lab_stop();
}

START_TEST(test_ahead)
{
    static const struct lab_setup setup = {.encodings = tight, .ahead = true};

    see_changes(&setup);
}
END_TEST

START_TEST(test_late_fences)
{
    static const struct lab_setup setup = {.encodings = raw, .later = raw_fences};

    see_changes(&setup);
}
END_TEST

START_TEST(test_early_fences)
{
    static const struct lab_setup setup = {.encodings = raw_fences, .later = raw};

    see_changes(&setup);
}
END_TEST

static uint64_t bytes_of(struct lab_client *c)
{
    pthread_mutex_lock(&c->lock);
    uint64_t bytes = c->bytes;
    pthread_mutex_unlock(&c->lock);
    return bytes;
}

/* Of a screen that has become larger than it can take; its last tiles are cut off. */
START_TEST(test_part_of_screen)
{
    static const struct lab_setup setup = {.encodings = tight_jpeg};

    lab_start(WIDTH, HEIGHT, ",lossy=on", NULL);
    draw_noise(700, 410);
    struct lab_client *c = lab_client_new(&setup);
    ck_assert(lab_client_await_all(c, 10));
    draw_noise(WIDTH, HEIGHT);
    uint64_t before, bytes = bytes_of(c);
    unsigned quiet = 0;
    for (unsigned i = 0; i < 40 && quiet < 4; i++) {
        before = bytes;
        g_usleep(500000);
        bytes = bytes_of(c);
        quiet = bytes == before ? quiet + 1 : 0;
    }
    ck_assert_msg(quiet == 4, "%llu bytes in the last 500 ms", (unsigned long long)(bytes - before));
    lab_client_free(c);
    lab_stop();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_ahead, test_late_fences, test_early_fences,
                                  test_part_of_screen};

    return test_run_all("vnc_stale", tests, ARRAY_SIZE(tests));
}
