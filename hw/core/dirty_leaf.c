/* SPDX-License-Identifier: MIT */
/*
 * Dirty bits for code that is called with the guest's FP and SIMD state in the host's registers.
 * Compiled for general registers only. See dirty.c for the order of things.
 */
#include "hw/core/memory_int.h"

#define WORD_BITS 64

static uint64_t *word_of(enum dirty_client client, uint64_t page)
{
    return &dirty_bitmaps[client][page / WORD_BITS];
}

static bool is_dirty(enum dirty_client client, uint64_t page)
{
    return __atomic_load_n(word_of(client, page), __ATOMIC_SEQ_CST) >> page % WORD_BITS & 1;
}

bool dirty_tracked(ram_addr_t addr)
{
    uint64_t page = addr >> RAM_PAGE_BITS;
    bool all = page < dirty_page_count;

    for (unsigned c = 0; c < DIRTY_COUNT && all; c++)
        all = is_dirty(c, page);
    return !all;
}

static void set_dirty(enum dirty_client client, uint64_t page)
{
    if (!is_dirty(client, page))
        __atomic_fetch_or(word_of(client, page), BIT(page % WORD_BITS), __ATOMIC_SEQ_CST);
}

static bool mark_page(uint64_t page)
{
    if (page >= dirty_page_count || !is_dirty(DIRTY_CODE, page))
        return false;
    set_dirty(DIRTY_VGA, page);
    set_dirty(DIRTY_MIGRATION, page);
    return true;
}

bool dirty_mark_leaf(ram_addr_t addr, uint64_t len)
{
    full_fence();
    for (uint64_t page = addr >> RAM_PAGE_BITS; page <= (addr + len - 1) >> RAM_PAGE_BITS; page++)
        if (!mark_page(page))
            return false;
    return true;
}
