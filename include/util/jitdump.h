/* SPDX-License-Identifier: MIT */
/* A dump of translated code for Linux perf (/tmp/jit-PID.dump); perfmap_add() feeds it. */
#ifndef UTIL_JITDUMP_H
#define UTIL_JITDUMP_H

#include "util/base.h"

struct error;

/* Begin the dump, before threads start. 0 or -errno. */
int jitdump_open(struct error **err);
bool jitdump_enabled(void);

/* Code has been made. Any thread; only after jitdump_open(). What cannot be written is missing. */
void jitdump_add(const void *code, size_t size, const char *name);

#endif
