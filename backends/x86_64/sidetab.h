/* SPDX-License-Identifier: MIT */
/*
 * Side table of a block: host address -> guest PC and which flags are still in the host's EFLAGS.
 * Entries are (distance in host bytes, change of PC, flags) as variable-length numbers, in order
 * of host addresses; an entry holds up to the next one. What holds at the start is not in the
 * table: both sides know it.
 */
#ifndef BACKENDS_X86_64_SIDETAB_H
#define BACKENDS_X86_64_SIDETAB_H

#include "util/base.h"

struct side_entry {
    uint32_t off;       /* reading: from the block's entry */
    int64_t pc;         /* from vcpu.pc_page */
    uint8_t host_flags; /* IR flag mask */
};

struct side_writer {
    struct side_entry last;
    unsigned len;
    bool full;
    uint8_t buf[32768];
};

void side_begin(struct side_writer *w, const struct side_entry *start);
void side_add(struct side_writer *w, const struct side_entry *e); /* off not below the last one */
/* From the start's entry to the one that covers `off`. */
void side_find(const uint8_t *tab, unsigned len, uint32_t off, struct side_entry *e);

#endif
