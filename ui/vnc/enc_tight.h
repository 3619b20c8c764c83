/* SPDX-License-Identifier: MIT */
/* The parts of the Tight encodings: splitting (enc_split.c), pieces (enc_tight.c), JPEG, PNG. */
#ifndef UI_VNC_ENC_TIGHT_H
#define UI_VNC_ENC_TIGHT_H

#include "ui/vnc/enc_palette.h"

/*
 * What a piece must have to be sent as JPEG: the headers of smaller ones eat the gain. Where the
 * server says what quality it takes bytes count, and exact pieces of film are many.
 */
static inline unsigned enc_jpeg_pixels(const struct vnc_encoder *e)
{
    return e->adapt_quality >= 0 ? 1024 : 8192;
}

static inline unsigned enc_jpeg_side(const struct vnc_encoder *e)
{
    return e->adapt_quality >= 0 ? 4 : 8;
}

/*
 * Append a piece (at most ENC_AREA_WIDTH wide and ENC_AREA_PIXELS large) as one rectangle; `solid`
 * says it is known to be of one colour and may be taller. Returns 1.
 */
unsigned enc_tight_piece(struct vnc_encoder *e, const struct vnc_image *img,
                         const struct vnc_rect *r, GByteArray *out);
unsigned enc_tight_solid(struct vnc_encoder *e, const struct vnc_image *img,
                         const struct vnc_rect *r, GByteArray *out);

/* Append the length (up to 22 bits) of what follows at `at`, in front of it. */
void enc_tight_length(GByteArray *out, guint at);

/*
 * Append the source pixels as a picture; false: it could not be made and nothing was appended. The
 * palette, if any, has all their colours.
 */
bool enc_jpeg(struct vnc_encoder *e, const struct enc_area *source, int quality, GByteArray *out);
void enc_jpeg_fini(struct vnc_encoder *e);
bool enc_png(struct vnc_encoder *e, const struct enc_area *source, const struct enc_palette *p,
             GByteArray *out);

#endif
