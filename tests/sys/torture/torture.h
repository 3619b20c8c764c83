/* SPDX-License-Identifier: MIT */
/* What the parts of the torture program share; see torture.c. */
#ifndef TORTURE_H
#define TORTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MAX_WORKERS = 8,
    LINE = 64,
    PAGE = 4096,
};

struct worker {
    unsigned index, count;
    void *arg;
    uint64_t done; /* what the worker has counted, for the caller to add up */
};

struct test {
    const char *name;
    void (*run)(void);
};

extern const struct test lock_tests[], order_tests[], code_tests[];

extern unsigned worker_count; /* at least 2 */
extern unsigned case_ms;      /* how long one case runs */
extern atomic_bool stop;      /* the case's time is over */

/* Run body in count threads spread over the CPUs; returns what they counted. */
uint64_t run_workers(unsigned count, void (*body)(struct worker *), void *arg);

/* The same, longer and longer until something was counted: on a busy host a
 * processor of the guest may not get its turn in time. */
uint64_t run_until_counted(unsigned count, void (*body)(struct worker *), void *arg,
                           void (*reset)(void *arg));

void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void skip(const char *why);
void note(const char *what, uint64_t number);

/* One turn of a spin loop: on fewer CPUs than threads the other must get on. */
void spin(unsigned *turns);

/* All workers of the case meet; false if the case is over instead. */
bool meet(struct worker *worker);

#endif
