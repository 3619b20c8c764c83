/* SPDX-License-Identifier: MIT */
/*
 * Accelerators: what runs guest code. One table row each; -accel gives a list that is tried in
 * order, and the first one available is used. (Those known by name only say why they are not.)
 *
 * Order at start: accel_add() for each -accel, accel_choose(), accel_create_vcpus() when RAM has
 * been reserved (ram_init) and before devices are made, accel_start() when the machine is
 * complete. vCPU threads then wait in the gate (system/runstate.h) until the machine runs.
 */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include "util/base.h"

struct backend_ops;
struct error;
struct frontend_ops;
struct vcpu;

struct accel_config {
    uint64_t code_size; /* of the translation cache; tb-size=MiB; 0: by the size of memory */
    bool profile;       /* count executed blocks; profile=on */
};

struct accel_ops {
    const char *name;
    const char *alias; /* NULL: none */
    const char *help;
    /* NULL: always. Else false with the reason. */
    bool (*available)(struct error **err);
    int (*init)(const struct accel_config *config, const struct frontend_ops *frontend,
                struct error **err);
    int (*create_vcpu)(struct error **err);
    int (*start)(struct error **err);
    void (*stop)(void);
    void (*print_stats)(void (*print)(void *arg, const char *name, uint64_t value), void *arg);
};

/* "jit", "kvm:jit", "jit,tb-size=64", "help" is the caller's. -EINVAL with a suggestion. */
int accel_add(const char *text, struct error **err);
/* Take the first available of those added (default: jit, interp); one line for each that is not. */
int accel_choose(struct error **err);
/* Rows in order, NULL at the end: for -accel help. */
const struct accel_ops *accel_row(unsigned i);
const char *accel_name(void); /* of the chosen one */

int accel_create_vcpus(const struct frontend_ops *frontend, unsigned count, struct error **err);
int accel_start(struct error **err);
/* After vcpu_gate_shutdown(): join threads, free everything. */
void accel_stop(void);
/* `info jit`. */
void accel_print_stats(void (*print)(void *arg, const char *name, uint64_t value), void *arg);

extern const struct accel_ops accel_jit, accel_interp;

#endif
