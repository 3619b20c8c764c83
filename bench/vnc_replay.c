/* SPDX-License-Identifier: MIT */
/*
 * Turn a recorded session into what the guest of bench/vnc_guest replays:
 *     build/bench/vnc_replay DIRECTORY FILE
 * All numbers are 32 bits, little endian: width, height, number of pictures; per picture the number
 * of spans; per span where it starts (in pixels), its length, its pixels. A picture says what differs
 * from the one before; the first from black, and so does one that follows another size.
 */
#include <stdio.h>

#include "bench/vnc_pictures.h"

#define GAP 8u /* so many equal pixels end a span */

static void put(GByteArray *out, uint32_t v)
{
    uint8_t bytes[4];

    st_le32(bytes, v);
    g_byte_array_append(out, bytes, sizeof(bytes));
}

/* The end of the span that starts at i. */
static size_t span_end(const uint32_t *was, const uint32_t *is, size_t i, size_t size)
{
    size_t equal = 0;

    for (; i < size && equal < GAP; i++) {
        equal = was[i] == is[i] ? equal + 1 : 0;
    }
    return i - equal;
}

static void put_picture(const uint32_t *was, const uint32_t *is, size_t size, GByteArray *out)
{
    guint at = out->len;
    uint32_t spans = 0;

    put(out, 0);
    for (size_t i = 0; i < size; i++) {
        if (was[i] == is[i]) {
            continue;
        }
        size_t end = span_end(was, is, i, size);
        put(out, (uint32_t)i);
        put(out, (uint32_t)(end - i));
        for (; i < end; i++) {
            put(out, is[i]);
        }
        spans++;
    }
    st_le32(out->data + at, spans);
}

/* The session's size is that of its last picture; others are left out. */
static void put_session(const struct vnc_pictures *p, GByteArray *out)
{
    unsigned width = p->all[p->count - 1].width, height = p->all[p->count - 1].height, count = 0;
    size_t size = (size_t)width * height;
    const uint32_t *was = g_new0(uint32_t, size);

    put(out, width);
    put(out, height);
    put(out, 0);
    for (unsigned i = 0; i < p->count; i++) {
        if (p->all[i].width == width && p->all[i].height == height) {
            put_picture(was, p->all[i].pixels, size, out);
            was = p->all[i].pixels;
            count++;
        }
    }
    st_le32(out->data + 8, count);
}

int main(int argc, char **argv)
{
    GByteArray *out = g_byte_array_new();
    struct vnc_pictures p;
    GError *error = NULL;

    if (argc < 3) {
        printf("no recording was named\n");
        return 77;
    }
    if (!vnc_pictures_load(argv[1], &p)) {
        return 1;
    }
    put_session(&p, out);
    if (!g_file_set_contents(argv[2], (char *)out->data, out->len, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    return 0;
}
