/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files of the encoder (enc*.c), not for others.
 *
 * Encodings look at pixels as 32-bit values: equal values are equal pixels to the client. They are
 * either the source's own (00RRGGBB), where the client's format tells all of these apart, or
 * converted to the client's format: then the first bytes of a value in memory are what goes on the
 * wire. `enum enc_unit` says how a value becomes bytes.
 */
#ifndef UI_VNC_ENC_INT_H
#define UI_VNC_ENC_INT_H

#include <zlib.h>

#include "ui/vnc/enc.h"

/* How values are written. */
enum enc_unit {
    ENC_UNIT_1,     /* PIXEL: the first byte, */
    ENC_UNIT_2,     /* two, */
    ENC_UNIT_4,     /* all of them */
    ENC_UNIT_3LOW,  /* CPIXEL: bytes 0 to 2, */
    ENC_UNIT_3HIGH, /* 1 to 3 */
    ENC_UNIT_RGB    /* TPIXEL: of a source pixel, red first */
};

extern const uint8_t enc_unit_bytes[];

/*
 * To at most 16 bits by multiplication (enc_narrow.c): what is left of 16 bits after these factors
 * of a component's 256ths is rounded; then they are moved to their places and added up.
 */
struct enc_narrow {
    uint32_t scale[2]; /* of red << 16 | blue, and of green */
    unsigned fraction; /* bits */
    uint32_t place;    /* red << 16 | blue: factors */
    uint8_t green;     /* shift */
    bool swap;         /* the two bytes */
};

/* From source pixels to the client's. */
struct enc_convert {
    bool none;  /* the same */
    bool shift; /* 8 bits each: move them to pf.shift, */
    bool swap;  /* and into the other byte order; */
    uint8_t to[3];
    uint32_t part[3][256]; /* else the sum of these, */
    bool narrow;           /* which is the same as this */
    struct enc_narrow by;
};

/* An area of values: row r starts at px + r * stride. */
struct enc_area {
    const uint32_t *px;
    size_t stride;
    unsigned w, h;
};

/* Zlib streams of a client. */
enum enc_stream_id {
    ENC_STREAM_TIGHT_FULL, /* the first three are numbered so in the protocol */
    ENC_STREAM_TIGHT_MONO,
    ENC_STREAM_TIGHT_INDEXED,
    ENC_STREAM_ZLIB,
    ENC_STREAM_ZRLE,
    ENC_STREAMS
};

struct enc_stream {
    z_stream z;
    bool open;
    int level, strategy;
};

#define ENC_TILE        64u    /* ZRLE's, and what enc_lossy.c counts in */
#define ENC_AREA_PIXELS 65536u /* most that is converted at a time */
#define ENC_AREA_WIDTH  2048u

/* When parts of the picture were sent lossily, in squares of ENC_TILE; see enc_lossy.c. */
struct enc_lossy {
    unsigned width, height; /* of the picture */
    unsigned columns, rows;
    int64_t *since; /* INT64_MAX: it was not */
    unsigned count;
    int64_t now;
};

struct vnc_encoder {
    struct vnc_pixel_format pf; /* true colour, always */
    struct enc_convert convert;
    enum enc_unit unit;   /* PIXEL */
    enum enc_unit cpixel; /* CPIXEL of values */
    bool tpixel;          /* TPIXEL is of 3 bytes, from source pixels */

    int32_t encoding;
    bool copyrect, last_rect, cursor, cursor_alpha;
    bool allow_lossy;
    int quality, compression;             /* the client's; quality -1: none */
    int adapt_quality, adapt_compression; /* the server's, or -1 */

    struct enc_stream streams[ENC_STREAMS];
    struct enc_lossy lossy;
    uint32_t *values;  /* ENC_AREA_PIXELS of them */
    GByteArray *plain; /* what will be compressed */
    void *jpeg;        /* libturbojpeg's, or NULL */
    bool lossless;     /* while vnc_encode_lossless() runs */
};

/* enc_narrow.c */
/* False: this format is converted otherwise. `shift` and `max` as vnc_pixel_format has them. */
bool enc_narrow_prepare(struct enc_narrow *by, const struct vnc_pixel_format *pf);
/* As many pixels as go in fours; returns how many. */
size_t enc_narrow_row(const struct enc_narrow *by, const uint32_t *from, size_t n, uint32_t *to);

/* enc_pixel.c */
void enc_format_prepare(struct vnc_encoder *e, const struct vnc_pixel_format *pf);
/* n source pixels to values of the client's format. */
void enc_convert_row(const struct enc_convert *c, const uint32_t *from, size_t n, uint32_t *to);
/* Append values. */
void enc_put(enum enc_unit unit, const uint32_t *values, size_t n, GByteArray *out);
/* The part of the picture as values of the client's format. At most ENC_AREA_PIXELS; valid until the next call. */
struct enc_area enc_area_client(struct vnc_encoder *e, const struct vnc_image *img,
                                const struct vnc_rect *r);
/* The same as source pixels. */
struct enc_area enc_area_source(const struct vnc_image *img, const struct vnc_rect *r);
/* Append the area's values, row after row. */
void enc_put_area(enum enc_unit unit, const struct enc_area *a, GByteArray *out);
/* All of one value? */
bool enc_is_solid(const struct enc_area *a);

/* enc.c */
int enc_quality(const struct vnc_encoder *e);     /* 0 to 9, -1: no JPEG */
int enc_compression(const struct vnc_encoder *e); /* zlib's level, 1 to 9 */
/* Make room for n more bytes and return where they go. */
uint8_t *enc_grow(GByteArray *out, size_t n);
void enc_put_be16(GByteArray *out, uint16_t v);
void enc_put_be32(GByteArray *out, uint32_t v);

/* The encodings: append the rectangle (of any size, not empty), return the number of rectangles. */
unsigned enc_raw(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                 GByteArray *out);
unsigned enc_hextile(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                     GByteArray *out);
unsigned enc_zlib(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                  GByteArray *out);
unsigned enc_zrle(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                  GByteArray *out);
unsigned enc_tight(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                   GByteArray *out);

/* enc_lossy.c */
void enc_lossy_fini(struct enc_lossy *l);
void enc_lossy_frame(struct enc_lossy *l, unsigned width, unsigned height, int64_t now);
/* The area has been sent lossily, or exactly. */
void enc_lossy_mark(struct enc_lossy *l, const struct vnc_rect *r);
void enc_lossy_clear(struct enc_lossy *l, const struct vnc_rect *r);
void enc_lossy_copy(struct enc_lossy *l, const struct vnc_rect *dst, unsigned from_x,
                    unsigned from_y);

#endif
