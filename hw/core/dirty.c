/* SPDX-License-Identifier: MIT */
/*
 * Dirty bits of RAM pages, one bitmap per client.
 *
 * Writers change memory first and set bits afterwards; clients clear bits
 * first, make the TLBs forget (listeners) and read afterwards. Setting looks
 * before it leaps: bits are set nearly always, and an atomic write would bounce
 * the cache line between vCPUs.
 */
#include "hw/core/memory_int.h"

#include <errno.h>
#include <stdlib.h>

#define WORD_BITS 64

uint64_t *dirty_bitmaps[DIRTY_COUNT];
uint64_t dirty_page_count;
static void (*code_write)(ram_addr_t addr, uint64_t len);

int dirty_init(uint64_t pages)
{
    uint64_t words = DIV_ROUND_UP(pages, WORD_BITS);

    dirty_page_count = pages;
    for (unsigned c = 0; c < DIRTY_COUNT; c++) {
        dirty_bitmaps[c] = malloc(words * sizeof(uint64_t));
        if (!dirty_bitmaps[c])
            return -ENOMEM;
        memset(dirty_bitmaps[c], 0xff, words * sizeof(uint64_t));
    }
    return 0;
}

void dirty_fini(void)
{
    for (unsigned c = 0; c < DIRTY_COUNT; c++) {
        free(dirty_bitmaps[c]);
        dirty_bitmaps[c] = NULL;
    }
    dirty_page_count = 0;
}

void mem_set_code_write_notifier(void (*cb)(ram_addr_t addr, uint64_t len))
{
    code_write = cb;
}

/* The pages of a byte range; `first` is advanced word by word by next_word(). */
struct page_span {
    uint64_t first, end;
};

static struct page_span span_of(ram_addr_t addr, uint64_t len)
{
    struct page_span s = {0, 0};

    if (len) {
        assert(range_fits(addr, len, dirty_page_count << RAM_PAGE_BITS));
        s.first = addr >> RAM_PAGE_BITS;
        s.end = ((addr + len - 1) >> RAM_PAGE_BITS) + 1;
    }
    return s;
}

/* The next word and the mask of the span's pages in it; false at the end. */
static bool next_word(struct page_span *s, uint64_t *word, uint64_t *mask)
{
    unsigned bit = s->first % WORD_BITS;
    uint64_t n = MIN((uint64_t)(WORD_BITS - bit), s->end - s->first);

    if (s->first >= s->end)
        return false;
    *word = s->first / WORD_BITS;
    *mask = mask64((unsigned)n) << bit;
    s->first += n;
    return true;
}

static void set_bits(enum dirty_client client, ram_addr_t addr, uint64_t len)
{
    struct page_span s = span_of(addr, len);
    uint64_t w, mask;

    while (next_word(&s, &w, &mask)) {
        uint64_t *p = &dirty_bitmaps[client][w];

        if ((__atomic_load_n(p, __ATOMIC_SEQ_CST) & mask) != mask)
            __atomic_fetch_or(p, mask, __ATOMIC_SEQ_CST);
    }
}

/*
 * The contents must be visible before the bits are looked at: a client that
 * clears a bit after our look would otherwise read the old contents and never
 * hear of the write.
 */
static void order_after_write(void)
{
    __sync_synchronize();
}

void dirty_set(enum dirty_client client, ram_addr_t addr, uint64_t len)
{
    order_after_write();
    set_bits(client, addr, len);
}

/* Is any page of the range clean? */
static bool any_clean(enum dirty_client client, ram_addr_t addr, uint64_t len)
{
    struct page_span s = span_of(addr, len);
    uint64_t w, mask;

    while (next_word(&s, &w, &mask)) {
        if ((__atomic_load_n(&dirty_bitmaps[client][w], __ATOMIC_SEQ_CST) & mask) != mask)
            return true;
    }
    return false;
}

bool dirty_test(enum dirty_client client, ram_addr_t addr, uint64_t len)
{
    struct page_span s = span_of(addr, len);
    uint64_t w, mask;

    while (next_word(&s, &w, &mask)) {
        if (__atomic_load_n(&dirty_bitmaps[client][w], __ATOMIC_SEQ_CST) & mask)
            return true;
    }
    return false;
}

void dirty_mark_cpu(ram_addr_t addr, uint64_t len)
{
    order_after_write();
    set_bits(DIRTY_VGA, addr, len);
    set_bits(DIRTY_MIGRATION, addr, len);
}

/* Most writes are small, and to pages all of whose bits are set. */
static bool all_dirty(ram_addr_t addr, uint64_t len)
{
    uint64_t page = addr >> RAM_PAGE_BITS, all = UINT64_MAX;

    if (len == 0 || (addr + len - 1) >> RAM_PAGE_BITS != page || page >= dirty_page_count)
        return false;
    for (unsigned c = 0; c < DIRTY_COUNT; c++)
        all &= __atomic_load_n(&dirty_bitmaps[c][page / WORD_BITS], __ATOMIC_SEQ_CST);
    return all >> page % WORD_BITS & 1;
}

void dirty_mark(ram_addr_t addr, uint64_t len)
{
    void (*cb)(ram_addr_t, uint64_t) = code_write;

    order_after_write();
    if (all_dirty(addr, len))
        return;
    dirty_mark_cpu(addr, len);
    if (cb && any_clean(DIRTY_CODE, addr, len))
        cb(addr, len);
}

static void tell_cleared(ram_addr_t addr, uint64_t len)
{
    struct mem_listener *l;

    TAILQ_FOREACH(l, &mem_listeners, link)
    {
        if (l->dirty_cleared)
            l->dirty_cleared(l, addr, len);
    }
}

/* One word's worth of result bits into a bitmap that starts at page `base`. */
static void store_bits(unsigned long *bits, uint64_t page, uint64_t base, uint64_t found)
{
    while (found) {
        uint64_t i = page + (unsigned)__builtin_ctzll(found) - base;

        bits[i / (8 * sizeof(*bits))] |= 1ul << (i % (8 * sizeof(*bits)));
        found &= found - 1;
    }
}

bool dirty_test_clear(enum dirty_client client, ram_addr_t addr, uint64_t len, unsigned long *bits)
{
    struct page_span s = span_of(addr, len);
    uint64_t base = s.first, w, mask, found;
    bool any = false;

    if (bits)
        memset(bits, 0, DIV_ROUND_UP(s.end - base, 8 * sizeof(*bits)) * sizeof(*bits));
    while (next_word(&s, &w, &mask)) {
        uint64_t *p = &dirty_bitmaps[client][w];

        if (!(__atomic_load_n(p, __ATOMIC_SEQ_CST) & mask))
            continue;
        found = __atomic_fetch_and(p, ~mask, __ATOMIC_SEQ_CST) & mask;
        any |= found != 0;
        if (bits)
            store_bits(bits, w * WORD_BITS, base, found);
    }
    if (any)
        tell_cleared(addr, len);
    return any;
}

void dirty_clear(enum dirty_client client, ram_addr_t addr, uint64_t len)
{
    dirty_test_clear(client, addr, len, NULL);
}
