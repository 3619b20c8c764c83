/* SPDX-License-Identifier: MIT */
/*
 * Rows of a linker section: an array of pointers to constant structs that start with
 * `const char *name`, which is how kinds of things (formats, backends, objects) register.
 */
#ifndef UTIL_ROWS_H
#define UTIL_ROWS_H

#include "util/base.h"

struct error;

/*
 * The row of that name in [start, stop); NULL with err set: "unknown WHAT 'name'" and what may have
 * been meant. A NULL name is one of no row.
 */
const void *rows_find(const void *start, const void *stop, const char *name, const char *what,
                      struct error **err);

#endif
