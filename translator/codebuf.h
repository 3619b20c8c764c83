/* SPDX-License-Identifier: MIT */
/*
 * Inside of the block cache: the regions that hold host code and block metadata (codebuf.c).
 * All of it is called with the cache lock held unless it says otherwise.
 */
#ifndef TRANSLATOR_CODEBUF_H
#define TRANSLATOR_CODEBUF_H

#include "translator/tb.h"

#define CODE_REGIONS 8

struct code_region {
    const uint8_t *rx; /* NULL: backend without host code */
    size_t used, size;
    uint8_t *data; /* metadata arena */
    size_t data_used, data_size;
    tb_ref *tbs;      /* in the order of their code */
    uint32_t *starts; /* beside it: where the code starts, from rx */
    uint32_t *first;  /* by page of code: the first block that starts in it or later */
    unsigned n_first; /* pages that have one */
    unsigned n_tbs, max_tbs;
};

int codebuf_init(size_t code_size, struct error **err);
void codebuf_fini(void);
struct code_region *codebuf_region(unsigned i);
unsigned codebuf_current(void);
/* Before the regions are used: where stubs go, and how much of it has been used. */
struct code_span codebuf_stubs(void);

/* Free code space of the current region. */
struct code_span codebuf_span(void);
/* Metadata from a region's arena, zeroed; NULL: full. `spare`: the last part, kept for slots, too. */
void *codebuf_data(unsigned region, size_t size, bool spare);
/* Of the current region, without the spare part. */
size_t codebuf_data_room(void);
/* Back to an earlier state: a block that was not finished. */
void codebuf_data_reset(size_t used);
/* The block just compiled keeps `code` bytes. False: no room in the list. */
bool codebuf_add(struct tb *tb, size_t code);
/* Go on in the next region; it must be empty. */
void codebuf_advance(void);
/* Forget a region's contents, giving memory back to the host. */
void codebuf_empty(unsigned region);
/* Any thread inside (exec_enter): block by host address. */
struct tb *codebuf_find(const void *rx);

#endif
