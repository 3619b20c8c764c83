/* SPDX-License-Identifier: MIT */
/*
 * Counts of executed blocks (-accel jit,profile=on): how often each ran, and from that how many
 * memory accesses, TLB checks and indirect jumps generated code made. Off, nothing is counted and
 * no code is generated for it.
 *
 * A cell belongs to one translation and lives as long as the process, so that what blocks did before
 * they were thrown away counts, too. A block left in the middle counts as a whole.
 */
#ifndef TRANSLATOR_PROFILE_H
#define TRANSLATOR_PROFILE_H

#include "util/base.h"

struct ir_block;

struct profile_cell {
    uint64_t runs; /* generated code adds, atomically */
    struct profile_cell *next;
    uint64_t phys; /* RAM address of the block */
    uint32_t insns, accesses, checks, jumps;
};

/* Before blocks are made. */
void profile_enable(void);
bool profile_enabled(void);
/* For a block about to be made of `b`, any thread. NULL: out of memory, or not enabled. */
struct profile_cell *profile_new(uint64_t phys, const struct ir_block *b);
/* Totals and the hottest blocks as lines "name value"; nothing when not enabled. */
void profile_print(void (*print)(void *arg, const char *name, uint64_t value), void *arg);

#endif
