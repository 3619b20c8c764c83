/* SPDX-License-Identifier: MIT */
/* Side tables, see sidetab.h. */
#include "backends/x86_64/sidetab.h"

static void put_varint(struct side_writer *w, uint64_t v)
{
    do {
        if (w->len == sizeof(w->buf)) {
            w->full = true;
            return;
        }
        w->buf[w->len++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        v >>= 7;
    } while (v);
}

static uint64_t get_varint(const uint8_t **p, const uint8_t *end)
{
    uint64_t v = 0;

    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        uint8_t c = *(*p)++;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            break;
    }
    return v;
}

void side_begin(struct side_writer *w, const struct side_entry *start)
{
    w->last = *start;
    w->len = 0;
    w->full = false;
}

/* Bit 0 of the distance: a flags byte follows. Distances of PC are zigzag-coded. */
void side_add(struct side_writer *w, const struct side_entry *e)
{
    int64_t dpc = (int64_t)((uint64_t)e->pc - (uint64_t)w->last.pc);
    bool flags = e->host_flags != w->last.host_flags;

    if (dpc == 0 && !flags)
        return;
    put_varint(w, (uint64_t)(e->off - w->last.off) << 1 | flags);
    put_varint(w, (uint64_t)dpc << 1 ^ (uint64_t)(dpc >> 63));
    if (flags)
        put_varint(w, e->host_flags);
    w->last = *e;
}

void side_find(const uint8_t *tab, unsigned len, uint32_t off, struct side_entry *e)
{
    const uint8_t *p = tab, *end = tab + len;

    while (p < end) {
        uint64_t d = get_varint(&p, end);
        uint64_t z = get_varint(&p, end);
        uint8_t flags = d & 1 ? (uint8_t)get_varint(&p, end) : e->host_flags;

        if (d >> 1 > off - e->off)
            return;
        e->off += (uint32_t)(d >> 1);
        e->pc = (int64_t)((uint64_t)e->pc + (z >> 1 ^ -(z & 1)));
        e->host_flags = flags;
    }
}
