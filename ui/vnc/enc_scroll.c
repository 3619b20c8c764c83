/* SPDX-License-Identifier: MIT */
/*
 * Finds what has scrolled up or down between two pictures, for CopyRect. Every row of the area is
 * hashed in both; rows whose hash occurs once in the old picture vote for the distance they have
 * moved; the longest run of rows that agree with the winner is compared for real.
 */
#include "ui/vnc/enc_int.h"

#define ROWS_MIN  32u        /* a shorter run is not worth a rectangle */
#define VOTES_MIN 4u         /* rows that moved and look like no other */
#define NO_ROW    UINT32_MAX /* an empty slot */
#define MORE_ROWS (1u << 31) /* of a slot: other rows look like this one */

/* Rows of the old picture by hash: open addressing, at least twice as many slots as rows. */
struct row_table {
    uint32_t *row;
    uint32_t mask;
};

struct search {
    const struct vnc_image *old, *img;
    struct vnc_rect area;
    uint64_t *was, *is; /* hashes of the rows of old and img */
};

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* Four lanes, for the multiplier's latency. */
static uint64_t hash_row(const uint32_t *px, unsigned n)
{
    uint64_t lane[4] = {1, 2, 3, 4}, v[4];
    unsigned i = 0;

    for (; i + 8 <= n; i += 8) {
        memcpy(v, px + i, sizeof(v));
        for (unsigned k = 0; k < 4; k++) {
            lane[k] = mix(lane[k], v[k]);
        }
    }
    for (; i < n; i++) {
        lane[0] = mix(lane[0], px[i]);
    }
    return mix(mix(mix(lane[0], lane[1]), lane[2]), lane[3]);
}

static const uint32_t *row_of(const struct vnc_image *img, const struct vnc_rect *area, unsigned y)
{
    return img->pixels + (area->y + y) * img->stride + area->x;
}

static uint32_t *find_slot(const struct row_table *t, const struct search *s, uint64_t hash)
{
    for (uint32_t i = (uint32_t)(hash >> 32);; i++) {
        uint32_t *slot = &t->row[i & t->mask];
        if (*slot == NO_ROW || s->was[*slot & ~MORE_ROWS] == hash) {
            return slot;
        }
    }
}

static void fill_table(struct row_table *t, const struct search *s)
{
    uint32_t size = 2;

    while (size < 2 * s->area.h) {
        size *= 2;
    }
    t->mask = size - 1;
    t->row = g_new(uint32_t, size);
    memset(t->row, 0xff, size * sizeof(*t->row));
    for (unsigned y = 0; y < s->area.h; y++) {
        uint32_t *slot = find_slot(t, s, s->was[y]);
        *slot = *slot == NO_ROW ? y : *slot | MORE_ROWS;
    }
}

/* How far most rows have moved: the old picture's row minus the new one's. 0: nobody knows. */
static int vote(const struct search *s)
{
    unsigned h = s->area.h, best = h;
    uint32_t *votes = g_new0(uint32_t, 2 * (size_t)h);
    struct row_table t;

    fill_table(&t, s);
    for (unsigned y = 0; y < h; y++) {
        uint32_t row = s->is[y] == s->was[y] ? NO_ROW : *find_slot(&t, s, s->is[y]);
        if (row < h) {
            unsigned at = h + row - y;
            votes[at]++;
            best = votes[at] > votes[best] ? at : best;
        }
    }
    int distance = votes[best] >= VOTES_MIN ? (int)best - (int)h : 0;
    g_free(votes);
    g_free(t.row);
    return distance;
}

static bool moved(const struct search *s, unsigned y, int distance)
{
    int64_t from = (int64_t)y + distance;

    return from >= 0 && from < s->area.h && s->is[y] == s->was[from];
}

/* The longest run of rows moved by `distance`, without rows at its ends that need no move. */
static void longest_run(const struct search *s, int distance, unsigned *first, unsigned *count)
{
    *first = *count = 0;
    for (unsigned y = 0; y < s->area.h; y++) {
        unsigned start = y;
        while (y < s->area.h && moved(s, y, distance)) {
            y++;
        }
        if (y - start > *count) {
            *first = start;
            *count = y - start;
        }
    }
    while (*count && s->is[*first] == s->was[*first]) {
        ++*first;
        --*count;
    }
    while (*count && s->is[*first + *count - 1] == s->was[*first + *count - 1]) {
        --*count;
    }
}

/* Hashes may lie. */
static bool really_moved(const struct search *s, unsigned first, unsigned count, int distance)
{
    for (unsigned y = first; y < first + count; y++) {
        const uint32_t *was = row_of(s->old, &s->area, (unsigned)((int)y + distance));
        if (memcmp(row_of(s->img, &s->area, y), was, s->area.w * sizeof(*was)) != 0) {
            return false;
        }
    }
    return true;
}

static bool search(const struct search *s, struct vnc_scroll *found)
{
    unsigned first, count;
    int distance = vote(s);

    if (!distance) {
        return false;
    }
    longest_run(s, distance, &first, &count);
    if (count < ROWS_MIN || !really_moved(s, first, count, distance)) {
        return false;
    }
    *found = (struct vnc_scroll){{s->area.x, s->area.y + first, s->area.w, count},
                                 s->area.x,
                                 (unsigned)((int)(s->area.y + first) + distance)};
    return true;
}

bool vnc_find_scroll(const struct vnc_image *old, const struct vnc_image *img,
                     const struct vnc_rect *area, struct vnc_scroll *found)
{
    struct search s = {old, img, *area, NULL, NULL};

    if (area->h < ROWS_MIN || !area->w || !range_fits(area->x, area->w, img->width) ||
        !range_fits(area->y, area->h, img->height) || old->width != img->width ||
        old->height != img->height) {
        return false;
    }
    s.was = g_new(uint64_t, 2 * (size_t)area->h);
    s.is = s.was + area->h;
    for (unsigned y = 0; y < area->h; y++) {
        s.was[y] = hash_row(row_of(old, area, y), area->w);
        s.is[y] = hash_row(row_of(img, area, y), area->w);
    }
    bool ok = search(&s, found);
    g_free(s.was);
    return ok;
}
