/* SPDX-License-Identifier: MIT */
/*
 * What the files behind hw/core/memory.h share.
 */
#ifndef HW_CORE_MEMORY_INT_H
#define HW_CORE_MEMORY_INT_H

#include "hw/core/memory.h"

/* A stretch of an address space shown by one region. */
struct flat_range {
    gpa_t start, last; /* inclusive */
    struct mem_region *mr;
    uint64_t offset; /* of start in mr */
    ram_addr_t ram;  /* of start, or RAM_ADDR_NONE */
    unsigned flags;  /* MEM_SEC_* */
};

/* Immutable once published. */
struct flat_view {
    unsigned count, size;
    uint64_t space_size;
    struct flat_range *ranges; /* by rising address, no overlap */
};

struct flat_view *flat_view_build(struct mem_region *root);
void flat_view_free(struct flat_view *view);
bool flat_view_equal(const struct flat_view *a, const struct flat_view *b);

/* The range that holds gpa, or NULL; then *next is the first one above it. */
const struct flat_range *flat_view_find(const struct flat_view *view, gpa_t gpa,
                                        const struct flat_range **next);

/* Bitmaps for `pages` pages, all dirty. -ENOMEM. */
int dirty_init(uint64_t pages);
void dirty_fini(void);
extern uint64_t *dirty_bitmaps[DIRTY_COUNT], dirty_page_count;

/* Registered listeners; the list changes at start-up and under the device lock. */
TAILQ_HEAD(mem_listener_list, mem_listener);
extern struct mem_listener_list mem_listeners;

#endif
