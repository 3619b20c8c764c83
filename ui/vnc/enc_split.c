/* SPDX-License-Identifier: MIT */
/*
 * Dividing a rectangle for Tight: large areas of one colour are found in steps of 8 pixels and sent
 * as such, for some 16 bytes each; what lies around them goes in pieces of bounded size.
 */
#include "ui/vnc/enc_tight.h"

#define STEP       8u
#define SPLITS_MAX 2048u /* see VNC_ENCODE_RECTS_MAX */

struct split {
    struct vnc_encoder *e;
    const struct vnc_image *img;
    GByteArray *out;
    unsigned solid_min; /* pixels of an area of one colour that is sent by itself */
    unsigned rects, splits;
};

/* Measured: every piece around the area has a header of its own, and those of PNG are large. */
static unsigned solid_min(const struct vnc_encoder *e)
{
    return e->encoding == VNC_ENCODING_TIGHT_PNG ? 8192 : 512;
}

/* Pieces of about the same height, as few as their bound allows. */
static void send_pieces(struct split *s, struct vnc_rect r)
{
    if (!r.w || !r.h) {
        return;
    }
    unsigned pieces = DIV_ROUND_UP(r.h, ENC_AREA_PIXELS / r.w), rows = DIV_ROUND_UP(r.h, pieces);
    for (unsigned y = 0; y < r.h; y += rows) {
        struct vnc_rect part = {r.x, r.y + y, r.w, MIN(rows, r.h - y)};
        s->rects += enc_tight_piece(s->e, s->img, &part, s->out);
    }
}

static bool solid(const struct split *s, unsigned x, unsigned y, unsigned w, unsigned h,
                  uint32_t value)
{
    struct vnc_rect r = {x, y, w, h};
    struct enc_area a = enc_area_source(s->img, &r);

    return a.px[0] == value && enc_is_solid(&a);
}

static uint32_t pixel(const struct split *s, unsigned x, unsigned y)
{
    return s->img->pixels[y * s->img->stride + x];
}

/*
 * The largest area of one colour found by going right, then down, from the square at (x, y), which
 * is of one colour; w and h at most those of `in`.
 */
static struct vnc_rect extend_steps(const struct split *s, const struct vnc_rect *in, unsigned x,
                                    unsigned y)
{
    uint32_t v = pixel(s, x, y);
    unsigned right = in->x + in->w, bottom = in->y + in->h, width = right - x;
    struct vnc_rect best = {x, y, 0, 0};

    for (unsigned at = y; at < bottom; at += STEP) {
        unsigned h = MIN(STEP, bottom - at), w = 0;
        while (w < width && solid(s, x + w, at, MIN(STEP, width - w), h, v)) {
            w += MIN(STEP, width - w);
        }
        if (!w) {
            break;
        }
        width = w;
        if ((size_t)width * (at + h - y) > (size_t)best.w * best.h) {
            best.w = width;
            best.h = at + h - y;
        }
    }
    return best;
}

/* By single rows and columns, to all sides inside `in`. */
static void extend_pixels(const struct split *s, const struct vnc_rect *in, struct vnc_rect *r)
{
    uint32_t v = pixel(s, r->x, r->y);

    while (r->y > in->y && solid(s, r->x, r->y - 1, r->w, 1, v)) {
        r->y--;
        r->h++;
    }
    while (r->y + r->h < in->y + in->h && solid(s, r->x, r->y + r->h, r->w, 1, v)) {
        r->h++;
    }
    while (r->x > in->x && solid(s, r->x - 1, r->y, 1, r->h, v)) {
        r->x--;
        r->w++;
    }
    while (r->x + r->w < in->x + in->w && solid(s, r->x + r->w, r->y, 1, r->h, v)) {
        r->w++;
    }
}

/* The first large area of one colour in `in`, row by row of squares. */
static bool find_solid(const struct split *s, const struct vnc_rect *in, struct vnc_rect *found)
{
    for (unsigned y = in->y; y < in->y + in->h; y += STEP) {
        unsigned h = MIN(STEP, in->y + in->h - y);
        for (unsigned x = in->x; x < in->x + in->w; x += STEP) {
            unsigned w = MIN(STEP, in->x + in->w - x);
            if (!solid(s, x, y, w, h, pixel(s, x, y))) {
                continue;
            }
            *found = extend_steps(s, in, x, y);
            if ((size_t)found->w * found->h >= s->solid_min) {
                extend_pixels(s, in, found);
                return true;
            }
        }
    }
    return false;
}

/* At most ENC_AREA_WIDTH wide. What is below an area found is the next round, sides recurse. */
static void send_rect(struct split *s, struct vnc_rect r)
{
    struct vnc_rect c;

    while ((size_t)r.w * r.h >= 2 * (size_t)s->solid_min && s->splits < SPLITS_MAX &&
           find_solid(s, &r, &c)) {
        s->splits++;
        send_pieces(s, (struct vnc_rect){r.x, r.y, r.w, c.y - r.y});
        s->rects += enc_tight_solid(s->e, s->img, &c, s->out);
        send_rect(s, (struct vnc_rect){r.x, c.y, c.x - r.x, c.h});
        send_rect(s, (struct vnc_rect){c.x + c.w, c.y, r.x + r.w - c.x - c.w, c.h});
        r.h = r.y + r.h - c.y - c.h;
        r.y = c.y + c.h;
    }
    send_pieces(s, r);
}

unsigned enc_tight(struct vnc_encoder *e, const struct vnc_image *img, const struct vnc_rect *r,
                   GByteArray *out)
{
    struct split s = {e, img, out, solid_min(e), 0, 0};

    for (unsigned x = 0; x < r->w; x += ENC_AREA_WIDTH) {
        send_rect(&s, (struct vnc_rect){r->x + x, r->y, MIN(ENC_AREA_WIDTH, r->w - x), r->h});
    }
    return s.rects;
}
