/* SPDX-License-Identifier: MIT */
/* Pointer chasing: a random cycle through 4 MiB, then small binary trees. */
#include "bench.h"

const char bench_name[] = "chase";

enum { NODES = 65536, KEYS = 4096 };

struct node {
    struct node *next;
    uint64_t value;
    char pad[48];
};

struct tree {
    struct tree *child[2];
    uint32_t key;
};

static struct node nodes[NODES];
static struct tree trees[KEYS];

static void make_cycle(void)
{
    static uint32_t order[NODES];
    uint64_t state = 7;
    uint32_t i;

    for (i = 0; i < NODES; i++)
        order[i] = i;
    for (i = NODES - 1; i > 0; i--) {
        uint32_t other = bench_random(&state) % (i + 1), swap = order[i];

        order[i] = order[other];
        order[other] = swap;
    }
    for (i = 0; i < NODES; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
        nodes[order[i]].value = i;
    }
}

static void make_tree(void)
{
    struct tree *root = NULL, **at;
    uint64_t state = 3;
    uint32_t i;

    for (i = 0; i < KEYS; i++) {
        trees[i].key = bench_random(&state);
        for (at = &root; *at; at = &(*at)->child[trees[i].key > (*at)->key])
            ;
        *at = &trees[i];
    }
}

void bench_prepare(void)
{
    make_cycle();
    make_tree();
}

static uint32_t depth_of(uint32_t key)
{
    const struct tree *at = &trees[0];
    uint32_t depth = 0;

    while (at && at->key != key) {
        at = at->child[key > at->key];
        depth++;
    }
    return depth;
}

uint64_t bench_run(uint64_t iterations)
{
    const struct node *at = &nodes[0];
    uint64_t sum = 0, i;

    while (iterations--) {
        for (i = 0; i < NODES; i++) {
            sum += at->value ^ i;
            at = at->next;
        }
        for (i = 0; i < KEYS; i++)
            sum += depth_of(trees[i].key);
    }
    return sum;
}
