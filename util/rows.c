/* SPDX-License-Identifier: MIT */
/* Rows of a linker section, by name (rows.h). */
#include "util/rows.h"

#include "util/error.h"
#include "util/optlist.h"

#define HINTS 64

struct row {
    const char *name;
};

const void *rows_find(const void *start, const void *stop, const char *name, const char *what,
                      struct error **err)
{
    const struct row *const *first = start, *const *end = stop;
    const char *names[HINTS] = {NULL};
    unsigned n = 0;

    name = name ? name : "";
    for (const struct row *const *p = first; p < end; p++) {
        if (!strcmp((*p)->name, name)) {
            return *p;
        }
        if (n < ARRAY_SIZE(names) - 1) {
            names[n++] = (*p)->name;
        }
    }
    error_set(err, "unknown %s '%s'%s", what, name, util_did_you_mean(name, names));
    return NULL;
}
