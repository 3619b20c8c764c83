/* SPDX-License-Identifier: MIT */
/* Keys by name. */
#ifndef MONITOR_KEYS_H
#define MONITOR_KEYS_H

#include "util/base.h"

struct key_row {
    const char *name;
    unsigned code;
};

/* A NULL name ends them. */
extern const struct key_row key_rows[];

/* All names in one string, blanks between. */
#define KEY(name, code) name " "
static const char key_names[] unused_var =
#include "monitor/keys.def"
    ;
#undef KEY
#define KEY_NAMES key_names

/* The Linux code, 0 if there is no such key. */
unsigned key_by_name(const char *name, size_t len);

#endif
