/* SPDX-License-Identifier: MIT */
/* What can stand where an argument of some type is wanted. */
#ifndef MONITOR_COMPLETE_H
#define MONITOR_COMPLETE_H

#include <glib.h>

/* Adds a copy unless it is there. */
void complete_add(GPtrArray *out, const char *word);

/* Adds what begins with `prefix` of a type of hmp.c. */
void complete_word(const char *type, const char *prefix, GPtrArray *out);

#endif
