/* SPDX-License-Identifier: MIT */
/*
 * What fuzz targets have in common: repeatable random numbers, changed bytes, and the frame of the
 * program: [-t SECONDS] [-s SEED], two seconds and seed 1 if not said.
 */
#ifndef TESTS_LIB_FUZZ_H
#define TESTS_LIB_FUZZ_H

#include "util/base.h"

#include <glib.h>

/*
 * Reads -t and -s, starts the time and the random numbers; for targets that have a frame of their
 * own. check's, too, has one process and no time limit then.
 */
void fuzz_begin(int argc, char **argv);
bool fuzz_goes_on(void);

/* Below n, which is not 0. */
uint64_t fuzz_below(uint64_t n);

/* Up to `changes` times: a byte changed, removed, added, or a stretch doubled. */
void fuzz_mutate(GByteArray *bytes, unsigned changes);

/* Calls `round` until the time is over, in this process; the program's exit status. */
int fuzz_main(const char *name, int argc, char **argv, void (*round)(void));

#endif
