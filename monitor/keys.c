/* SPDX-License-Identifier: MIT */
/* The table of keys. */
#include "monitor/keys.h"

#include <linux/input-event-codes.h>

const struct key_row key_rows[] = {
#define KEY(name, code) {name, code},
#include "monitor/keys.def"
#undef KEY
    {.name = NULL},
};

unsigned key_by_name(const char *name, size_t len)
{
    for (const struct key_row *k = key_rows; k->name; k++) {
        if (strlen(k->name) == len && !memcmp(k->name, name, len)) {
            return k->code;
        }
    }
    return 0;
}
