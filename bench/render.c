/* SPDX-License-Identifier: MIT */
/* What it costs to draw a whole frame of each kind of mode. Under make check a few frames only. */
#include "ui/render.h"

#include "tests/test.h"

#include <stdio.h>
#include <time.h>

#define MEMORY (16u << 20)

static uint8_t memory[MEMORY];
static uint32_t buf[1024 + RENDER_SLACK];

static const struct {
    const char *name;
    struct display_mode mode;
} modes[] = {
    {"text 80x25",
     {.kind = DISPLAY_TEXT,
      .width = 720,
      .height = 400,
      .columns = 80,
      .rows = 25,
      .cell_width = 9,
      .cell_height = 16,
      .depth = 4,
      .stride = 80,
      .word_mode = true,
      .plane_mask = 0xffff,
      .line_compare = 1023,
      .line_graphics = true,
      .cursor_first = 32}},
    {"planes 640x480x4",
     {.kind = DISPLAY_PLANAR,
      .width = 640,
      .height = 480,
      .cell_height = 1,
      .depth = 4,
      .stride = 80,
      .plane_mask = 0xffff,
      .line_compare = 1023}},
    {"mode 13h",
     {.kind = DISPLAY_PACKED,
      .width = 640,
      .height = 400,
      .cell_height = 2,
      .depth = 8,
      .stride = 80,
      .plane_mask = 0xffff,
      .line_compare = 1023,
      .double_dots = true}},
    {"1024x768x8",
     {.kind = DISPLAY_LINEAR, .width = 1024, .height = 768, .depth = 8, .stride = 1024}},
    {"1024x768x16",
     {.kind = DISPLAY_LINEAR, .width = 1024, .height = 768, .depth = 16, .stride = 2048}},
    {"1024x768x24",
     {.kind = DISPLAY_LINEAR,
      .width = 1024,
      .height = 768,
      .depth = 24,
      .stride = 3072,
      .red = 16,
      .green = 8}},
    {"1024x768x32",
     {.kind = DISPLAY_LINEAR,
      .width = 1024,
      .height = 768,
      .depth = 32,
      .stride = 4096,
      .red = 16,
      .green = 8}},
};

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static uint32_t draw_frame(const struct render *r)
{
    uint32_t sum = 0;

    for (unsigned y = 0; y < r->mode.height; y++) {
        sum += render_line(r, y, buf)[y % r->mode.width];
    }
    return sum;
}

START_TEST(test_frames)
{
    unsigned frames = getenv("BENCH") ? 500 : 3;
    static struct render r = {.memory = memory, .size = MEMORY};
    uint32_t sum = 0;

    for (unsigned i = 0; i < MEMORY; i++) {
        memory[i] = (uint8_t)(i * 2654435761u >> 24);
    }
    for (unsigned i = 0; i < 256; i++) {
        r.colours[i] = i * 0x010203;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
        double best = 1e9;
        r.mode = modes[i].mode;
        for (unsigned n = 0; n < frames; n++) {
            double start = now_ms();
            sum += draw_frame(&r);
            best = MIN(best, now_ms() - start);
        }
        printf("%-18s %6.3f ms a frame\n", modes[i].name, best);
    }
    ck_assert_uint_ne(sum, 0);
}
END_TEST

TEST_MAIN("bench/render", test_frames)
