/* SPDX-License-Identifier: MIT */
/*
 * A decoder of RFB rectangles that shares nothing with the encoder but RFC 6143: what a client does.
 * Anything a client could stumble over fails the test.
 */
#ifndef TESTS_UI_RFB_DECODE_H
#define TESTS_UI_RFB_DECODE_H

#include "util/base.h"

#include <zlib.h>

struct rfb_format {
    unsigned bits, depth;
    bool big_endian;
    unsigned max[3], shift[3];
};

struct rfb_decoder {
    struct rfb_format pf;
    unsigned width, height;
    uint32_t *pixels; /* of the client's format, as numbers */
    struct rfb_inflate {
        z_stream z;
        bool open;
    } tight[4], zlib, zrle;
    const uint8_t *p, *end; /* the input */
    /* If not NULL: called when fewer than n bytes of it are there; moves p and end. */
    void (*more)(struct rfb_decoder *d, size_t n);
    unsigned jpegs, fills, monos, indexed, gradients, pngs, copies; /* rectangles seen */
};

void rfb_init(struct rfb_decoder *d, const struct rfb_format *pf, unsigned width, unsigned height);
void rfb_fini(struct rfb_decoder *d);

/* Decode n rectangles, which must be all the data. */
void rfb_decode(struct rfb_decoder *d, const uint8_t *data, size_t size, unsigned n);

/* The next rectangle, of a stream (with `more`); false: LastRect. */
bool rfb_decode_rect(struct rfb_decoder *d);
/* The next n bytes of it, which are no rectangle; valid until the next call. */
const uint8_t *rfb_take(struct rfb_decoder *d, size_t n);

/* What this colour (00RRGGBB) is in a format. */
uint32_t rfb_pixel(const struct rfb_format *pf, uint32_t rgb);

#endif
