/* SPDX-License-Identifier: MIT */
/*
 * Pictures as rectangles of a FramebufferUpdate: the encodings of RFC 6143 (section 7.7) and those
 * of the community's RFB document (rfbproto: Zlib, Tight, TightPNG, the alpha cursor).
 *
 * One encoder per client. It keeps what the client's decoder keeps (zlib streams) and what the
 * client asked for (pixel format, encodings, quality); whatever it appends to `out` must reach the
 * client, whole and in order, or the streams no longer match. The caller writes the message's
 * header: it knows the number of rectangles from what the calls return (a U16; see
 * VNC_ENCODE_RECTS_MAX).
 *
 * An update looks like this:
 *     vnc_encoder_frame(e, width, height, now);        // once, before the rectangles
 *     n += vnc_encode_copyrect(e, ...);                // first: it reads what the client shows
 *     n += vnc_encode(e, &image, x, y, w, h, out);     // per changed area, not overlapping
 *     while (quiet && vnc_encoder_lossy_area(e, now - 500, &r))
 *         n += vnc_encode_lossless(e, &image, r.x, r.y, r.w, r.h, out);
 *
 * Memory: an encoder allocates as its encodings need, at most VNC_ENCODER_MEMORY_MAX. What is
 * appended for a rectangle never exceeds VNC_ENCODE_BYTES_MAX of its size; callers that want less
 * at a time (to look at the socket in between) pass smaller rectangles.
 *
 * Threads: none inside; an encoder belongs to one thread at a time, different ones to any threads.
 * No locks needed. Nothing a client or a guest sends makes any of this fail or abort.
 */
#ifndef UI_VNC_ENC_H
#define UI_VNC_ENC_H

#include <glib.h>

#include "util/base.h"

/* --- pixel formats ------------------------------------------------------------------------------- */

struct vnc_pixel_format {
    uint8_t bits;  /* per pixel: 8, 16 or 32 */
    uint8_t depth; /* of these, useful ones */
    bool big_endian;
    bool true_colour; /* false: a client with a colour map; gets the map 332 and pixels of it */
    uint16_t max[3];  /* red, green, blue: 2^n - 1 ... */
    uint8_t shift[3]; /* ... and where it starts */
};

#define VNC_PIXEL_FORMAT_SIZE 16u /* bytes of a PIXEL_FORMAT on the wire */

/* What ServerInit says: 32 bits, depth 24, little endian, 00RRGGBB. */
extern const struct vnc_pixel_format vnc_pixel_format_native;

/*
 * From a SetPixelFormat; 2^n is taken for 2^n - 1. 0, or -EINVAL and *pf untouched: hang up, the
 * client cannot be served.
 */
int vnc_pixel_format_read(struct vnc_pixel_format *pf, const uint8_t wire[VNC_PIXEL_FORMAT_SIZE]);
/* For ServerInit. */
void vnc_pixel_format_write(const struct vnc_pixel_format *pf, uint8_t wire[VNC_PIXEL_FORMAT_SIZE]);

/* Append the SetColourMapEntries message that a format without true colour needs, once. */
void vnc_colour_map_write(GByteArray *out);

/* --- encoders ------------------------------------------------------------------------------------ */

struct vnc_encoder;

enum {
    VNC_ENCODING_RAW = 0,
    VNC_ENCODING_COPYRECT = 1,
    VNC_ENCODING_HEXTILE = 5,
    VNC_ENCODING_ZLIB = 6,
    VNC_ENCODING_TIGHT = 7,
    VNC_ENCODING_ZRLE = 16,
    VNC_ENCODING_QUALITY_0 = -32, /* to -23: JPEG quality levels 0 to 9 */
    VNC_ENCODING_LAST_RECT = -224,
    VNC_ENCODING_CURSOR = -239,
    VNC_ENCODING_COMPRESS_0 = -256, /* to -247: compression levels 0 to 9 */
    VNC_ENCODING_TIGHT_PNG = -260,
    VNC_ENCODING_CURSOR_ALPHA = -314
};

/* Rectangles one call of vnc_encode() returns at most. */
#define VNC_ENCODE_RECTS_MAX       16384u
/* Bytes one call appends at most, of a rectangle of w by h (64-bit arithmetic). */
#define VNC_ENCODE_BYTES_MAX(w, h) ((uint64_t)(w) * (h)*5 + 65536)
/* Bytes an encoder holds at most, for a picture of 16384 by 16384. */
#define VNC_ENCODER_MEMORY_MAX     MIB(8)

/* The native format, Raw, no JPEG, compression level 5. Never NULL. */
struct vnc_encoder *vnc_encoder_new(void);
void vnc_encoder_free(struct vnc_encoder *e); /* NULL is fine */

/* From SetPixelFormat; in force from the next rectangle on. */
void vnc_encoder_set_format(struct vnc_encoder *e, const struct vnc_pixel_format *pf);

/*
 * From SetEncodings, the whole list in host byte order. The first of Tight, TightPNG, ZRLE, Zlib,
 * Hextile and Raw that it names is used (the client's order is its preference); quality,
 * compression, CopyRect, LastRect and cursors are looked for anywhere; the rest is ignored.
 */
void vnc_encoder_set_encodings(struct vnc_encoder *e, const int32_t *encodings, size_t count);

/* May JPEG be used at all, where the client allows it (default yes; -vnc lossy=)? */
void vnc_encoder_allow_lossy(struct vnc_encoder *e, bool allow);

/*
 * For a server that adapts to the link: JPEG quality and compression level (0 to 9) instead of
 * the client's; -1 for the client's again. A quality is used only if the client named one.
 */
void vnc_encoder_adapt(struct vnc_encoder *e, int quality, int compression);

/* Did the client name this encoding (one of the enum) in its last list? */
bool vnc_encoder_has(const struct vnc_encoder *e, int32_t encoding);
/* The encoding vnc_encode() uses. */
int32_t vnc_encoder_encoding(const struct vnc_encoder *e);

/* --- rectangles ---------------------------------------------------------------------------------- */

struct vnc_rect {
    unsigned x, y, w, h;
};

/* A picture: row r starts at pixels + r * stride; 00RRGGBB; sides at most 16384. */
struct vnc_image {
    const uint32_t *pixels;
    size_t stride; /* in pixels */
    unsigned width, height;
};

/*
 * An update starts: of a picture of this size, at `now` milliseconds of a clock of the caller's
 * that never runs backwards. A new size forgets which areas were sent lossily.
 */
void vnc_encoder_frame(struct vnc_encoder *e, unsigned width, unsigned height, int64_t now);

/*
 * Append the area (clipped to the picture), as one or more rectangles with their headers; returns
 * how many. An empty area is none.
 */
unsigned vnc_encode(struct vnc_encoder *e, const struct vnc_image *img, unsigned x, unsigned y,
                    unsigned w, unsigned h, GByteArray *out);
/* The same, never with JPEG. */
unsigned vnc_encode_lossless(struct vnc_encoder *e, const struct vnc_image *img, unsigned x,
                             unsigned y, unsigned w, unsigned h, GByteArray *out);

/*
 * About how many bytes vnc_encode() may append for an area inside the picture, as a part of one of
 * `whole` pixels; seldom more.
 */
size_t vnc_encode_guess(const struct vnc_encoder *e, const struct vnc_image *img,
                        const struct vnc_rect *r, size_t whole);

/*
 * What the client shows at (from_x, from_y) is now also at dst (both inside the picture). Only if
 * vnc_encoder_has(e, VNC_ENCODING_COPYRECT); returns 1.
 */
unsigned vnc_encode_copyrect(struct vnc_encoder *e, const struct vnc_rect *dst, unsigned from_x,
                             unsigned from_y, GByteArray *out);

/*
 * The pointer's shape: AARRGGBB, not premultiplied, rows of w without gaps; 0 by 0 hides it. Sent
 * with alpha if the client can, else with a mask of what is at least half opaque. Returns 1, or 0
 * if the client takes no shapes.
 */
unsigned vnc_encode_cursor(struct vnc_encoder *e, const uint32_t *pixels, unsigned w, unsigned h,
                           unsigned hot_x, unsigned hot_y, GByteArray *out);

/* The end of a message that announced 65535 rectangles. Only if the client has LAST_RECT. */
unsigned vnc_encode_last_rect(struct vnc_encoder *e, GByteArray *out);

/* Append a rectangle's header: for the pseudo-encodings without data that are the server's own. */
void vnc_rect_header(GByteArray *out, unsigned x, unsigned y, unsigned w, unsigned h,
                     int32_t encoding);

/* --- changed tiles ------------------------------------------------------------------------------- */

/* Squares of a picture, of any size: bit y * columns + x is set if (x, y) has changed. */
struct vnc_tile_map {
    unsigned long *bits;
    unsigned columns;
};

/*
 * Take a rectangle that starts in row y of `in` (all in tiles) off the map, to be sent as one. It has
 * at most tiles_max tiles unless one row has more, and may have a few that were not changed. False:
 * the row has no changed tile left.
 */
bool vnc_take_tiles(const struct vnc_tile_map *m, const struct vnc_rect *in, unsigned y,
                    unsigned tiles_max, struct vnc_rect *taken);

/* --- areas sent lossily -------------------------------------------------------------------------- */

#define VNC_LOSSY_SIDE 64u /* pixels: they are counted in squares of this size */

/*
 * The next area that was last sent as JPEG, at or before `before` (vnc_encoder_frame()'s clock), to
 * be sent again with vnc_encode_lossless(), which takes it off the list. At most 256 by 256 pixels.
 * False: there is none.
 */
bool vnc_encoder_lossy_area(struct vnc_encoder *e, int64_t before, struct vnc_rect *r);

/* When the oldest of them was sent; INT64_MAX if there is none: for a timer. */
int64_t vnc_encoder_lossy_since(const struct vnc_encoder *e);

/* --- scrolling ----------------------------------------------------------------------------------- */

struct vnc_scroll {
    struct vnc_rect dst;     /* in the new picture ... */
    unsigned from_x, from_y; /* ... what was there in the old one */
};

/*
 * Has part of `area` moved up or down from the old picture (what the client shows) to the new one
 * (of the same size)? Looks for one vertical move of at least 32 rows; the caller sends it as a
 * CopyRect and then only what still differs. Costs a read of the area in both pictures.
 */
bool vnc_find_scroll(const struct vnc_image *old, const struct vnc_image *img,
                     const struct vnc_rect *area, struct vnc_scroll *s);

/*
 * The same for something that has moved in any direction: finds a rectangle of squares of 16 pixels
 * (or what there is of them at the picture's edges). The area begins with a whole square. Costs
 * about four times as much.
 */
bool vnc_find_move(const struct vnc_image *old, const struct vnc_image *img,
                   const struct vnc_rect *area, struct vnc_scroll *m);

#endif
