/* SPDX-License-Identifier: MIT */
/* Running cases on the host's CPU through tests/insn/native64 and native32. */
#ifndef TESTS_INSN_HOST_H
#define TESTS_INSN_HOST_H

#include "tests/insn/native.h"
#include "util/base.h"

struct host {
    unsigned bits;
    int pid, fd, to, from;
    struct native_batch *batch;
};

/* 0, or -1 when the program is missing or does not run (no 32-bit support). */
int host_start(struct host *h, unsigned bits);
void host_stop(struct host *h);
/* Run the first n cases of h->batch. -1: it died or hung; it has been started again. */
int host_run(struct host *h, unsigned n);

/*
 * How many bytes the CPU wants of an instruction, and whether they are #UD: the bytes are put
 * before a page that is not there, more of them until the fetch no longer fails. -1: cannot tell.
 */
struct host_length {
    unsigned len;
    bool undefined;
    bool too_long; /* #GP for more than 15 bytes */
};
int host_find_length(struct host *h, const uint8_t *code, unsigned guess, struct host_length *out);

#endif
