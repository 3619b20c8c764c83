/* SPDX-License-Identifier: MIT */
/* Counts of executed blocks: see profile.h. */
#include "translator/profile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "translator/ir.h"

enum { HOT_BLOCKS = 20 };

static bool enabled;
static struct profile_cell *cells;

void profile_enable(void)
{
    enabled = true;
}

bool profile_enabled(void)
{
    return enabled;
}

/* Members of a window make no check: the window has made it. */
static void count_insn(struct profile_cell *cell, const struct ir_insn *in, const struct ir_block *b)
{
    cell->jumps += in->op == IR_exit_ind;
    if (!in->mem || in->op == IR_lea)
        return;
    cell->accesses += in->op != IR_window && in->op != IR_probe;
    cell->checks += !ir_in_window(in, b);
}

struct profile_cell *profile_new(uint64_t phys, const struct ir_block *b)
{
    struct profile_cell *cell = enabled ? calloc(1, sizeof(*cell)) : NULL;

    if (!cell)
        return NULL;
    cell->phys = phys;
    cell->insns = b->guest_insns;
    for (unsigned i = 0; i < b->n_insns; i++)
        count_insn(cell, &b->insns[i], b);
    cell->next = __atomic_load_n(&cells, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&cells, &cell->next, cell, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
    return cell;
}

static uint64_t weight(const struct profile_cell *cell)
{
    return __atomic_load_n(&cell->runs, __ATOMIC_RELAXED) * cell->insns;
}

/* Sorted, the hottest first. */
static void keep_hot(const struct profile_cell **hot, const struct profile_cell *cell)
{
    for (unsigned i = 0; i < HOT_BLOCKS && cell; i++) {
        if (!hot[i] || weight(cell) > weight(hot[i])) {
            const struct profile_cell *colder = hot[i];
            hot[i] = cell;
            cell = colder;
        }
    }
}

void profile_print(void (*print)(void *arg, const char *name, uint64_t value), void *arg)
{
    const struct profile_cell *hot[HOT_BLOCKS] = {NULL};
    uint64_t runs = 0, insns = 0, accesses = 0, checks = 0, jumps = 0;
    char name[64];

    if (!enabled)
        return;
    for (const struct profile_cell *c = __atomic_load_n(&cells, __ATOMIC_ACQUIRE); c; c = c->next) {
        uint64_t n = __atomic_load_n(&c->runs, __ATOMIC_RELAXED);
        runs += n;
        insns += n * c->insns;
        accesses += n * c->accesses;
        checks += n * c->checks;
        jumps += n * c->jumps;
        if (n)
            keep_hot(hot, c);
    }
    print(arg, "blocks run", runs);
    print(arg, "guest instructions run", insns);
    print(arg, "memory accesses", accesses);
    print(arg, "TLB checks", checks);
    print(arg, "indirect jumps", jumps);
    for (unsigned i = 0; i < HOT_BLOCKS && hot[i]; i++) {
        snprintf(name, sizeof(name), "runs of %#" PRIx64 ", %u instructions", hot[i]->phys, hot[i]->insns);
        print(arg, name, hot[i]->runs);
    }
}
