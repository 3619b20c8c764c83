/* SPDX-License-Identifier: MIT */
/* EDID 1.4 (VESA E-EDID Standard, release A): one block, one detailed timing. */
#include "hw/display/edid.h"

#include "util/base.h"

#define BLANK_H   160 /* CVT reduced blanking */
#define FRONT_H   48
#define SYNC_H    32
#define BLANK_V   23
#define FRONT_V   3
#define SYNC_V    6
#define REFRESH   60
#define DPI       96
#define MM_PER_IN 254 / 10

/* Widths over 8 less 31, and 60 Hz with the aspect ratio: 1920x1080 1280x720 1440x900 1280x1024
 * 1024x768 800x600 640x480, then unused. */
static const uint8_t standard_timings[16] = {
    0xd1, 0xc0, 0x81, 0xc0, 0x95, 0x00, 0x81, 0x80, 0x61, 0x40, 0x45, 0x40, 0x31, 0x40, 0x01, 0x01,
};

/* sRGB. */
static const uint8_t chromaticity[10] = {
    0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54,
};

static void put_timing(uint8_t *d, unsigned w, unsigned h)
{
    unsigned clock = (w + BLANK_H) * (h + BLANK_V) * REFRESH / 10000;
    unsigned mm_w = w * MM_PER_IN / DPI, mm_h = h * MM_PER_IN / DPI;

    st_le16(d, (uint16_t)MIN(clock, 0xffffu));
    d[2] = (uint8_t)w;
    d[3] = BLANK_H;
    d[4] = (uint8_t)(w >> 8 << 4);
    d[5] = (uint8_t)h;
    d[6] = BLANK_V;
    d[7] = (uint8_t)(h >> 8 << 4);
    d[8] = FRONT_H;
    d[9] = SYNC_H;
    d[10] = FRONT_V << 4 | SYNC_V;
    d[12] = (uint8_t)mm_w;
    d[13] = (uint8_t)mm_h;
    d[14] = (uint8_t)((mm_w >> 8 << 4) | (mm_h >> 8 & 0xf));
    d[17] = 0x1a; /* digital, separate syncs: H positive, V negative */
}

/* Display descriptors: 0, 0, 0, tag, 0, data. */
static void put_text(uint8_t *d, uint8_t tag, const char *text)
{
    size_t n = strlen(text);

    d[3] = tag;
    memset(d + 5, ' ', 13);
    memcpy(d + 5, text, n);
    d[5 + n] = '\n';
}

static void put_ranges(uint8_t *d)
{
    static const uint8_t ranges[] = {50, 125, 30, 160, 255, 1, '\n', ' ', ' ', ' ', ' ', ' ', ' '};

    d[3] = 0xfd; /* 50 to 125 Hz, 30 to 160 kHz, 2550 MHz, no timing formula */
    memcpy(d + 5, ranges, sizeof(ranges));
}

void edid_make(uint8_t edid[EDID_SIZE], unsigned width, unsigned height)
{
    static const uint8_t head[] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
    uint8_t sum = 0;

    memset(edid, 0, EDID_SIZE);
    memcpy(edid, head, sizeof(head));
    st_be16(edid + 8, ('D' - 64) << 10 | ('P' - 64) << 5 | ('L' - 64));
    st_le16(edid + 10, 1);
    edid[16] = 1;           /* week */
    edid[17] = 2026 - 1990; /* year */
    edid[18] = 1;
    edid[19] = 4;
    edid[20] = 0xa5; /* digital, 8 bits per colour, DisplayPort */
    edid[21] = (uint8_t)MIN(width * MM_PER_IN / DPI / 10, 255u);
    edid[22] = (uint8_t)MIN(height * MM_PER_IN / DPI / 10, 255u);
    edid[23] = 120;  /* gamma 2.2 */
    edid[24] = 0x06; /* sRGB; the first timing is the preferred one */
    memcpy(edid + 25, chromaticity, sizeof(chromaticity));
    edid[35] = 0x21; /* 640x480, 800x600 at 60 Hz */
    edid[36] = 0x08; /* 1024x768 at 60 Hz */
    memcpy(edid + 38, standard_timings, sizeof(standard_timings));
    put_timing(edid + 54, width, height);
    put_ranges(edid + 72);
    put_text(edid + 90, 0xfc, "doppel");
    edid[111] = 0x10; /* the fourth descriptor is unused */
    for (unsigned i = 0; i < EDID_SIZE - 1; i++) {
        sum = (uint8_t)(sum + edid[i]);
    }
    edid[EDID_SIZE - 1] = (uint8_t)-sum;
}
