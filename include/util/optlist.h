/* SPDX-License-Identifier: MIT */
/*
 * Option texts of the kind "first,name=value,name=value": splitting, and setting the fields of a
 * struct by a table of what is allowed. A comma in a value is doubled. Names without a value are
 * booleans: "name" is name=on, "noname" is name=off.
 */
#ifndef UTIL_OPTLIST_H
#define UTIL_OPTLIST_H

#include "util/base.h"

struct error;

/* --- splitting -------------------------------------------------------------------------------- */

struct opt_pair {
    char *name;
    char *value; /* NULL: there was no '=' */
};

struct opt_list {
    struct opt_pair *pairs;
    unsigned count;
};

/* `first`: what the first part is a value of if it has no '=' ("type" of -machine); NULL: none. */
void opt_list_parse(struct opt_list *list, const char *text, const char *first);
void opt_list_free(struct opt_list *list);

/* The value of the last pair of that name; NULL if there is none. */
const char *opt_list_get(const struct opt_list *list, const char *name);

/* --- values ----------------------------------------------------------------------------------- */

/* on, yes, true, y or NULL; off, no, false, n. `name` is for the message. */
int opt_parse_bool(const char *name, const char *value, bool *out, struct error **err);

/* Decimal, 0x or octal, min <= value <= max. */
int opt_parse_u64(const char *name, const char *value, uint64_t min, uint64_t max, uint64_t *out,
                  struct error **err);

/* Bytes with an optional suffix B K M G T P E (and a fraction); without one times `unit`. */
int opt_parse_size(const char *name, const char *value, uint64_t unit, uint64_t *out,
                   struct error **err);

/* --- tables ----------------------------------------------------------------------------------- */

enum opt_type {
    OPT_END,
    OPT_STR,  /* const char *: into the list, valid as long as it is */
    OPT_BOOL, /* bool */
    OPT_INT,  /* int within min..max */
    OPT_U32,  /* uint32_t within min..max */
    OPT_SIZE, /* uint64_t bytes */
    OPT_ENUM, /* int: index into names */
};

struct opt_desc {
    const char *name;
    enum opt_type type;
    uint32_t offset;
    int64_t min, max;
    const char *const *names; /* ENUM: NULL-terminated */
    const char *help;
};

#define OPT_FIELD(S, f) .offset = offsetof(S, f)

/*
 * Sets what the list says in `state`. `what` names the option in messages ("-smp"). Unknown names
 * are an error with a suggestion.
 */
int opt_apply(const struct opt_list *list, const struct opt_desc *descs, void *state,
              const char *what, struct error **err);

/* ": did you mean 'x'?" or "", in a static buffer of the thread. */
const char *util_did_you_mean(const char *word, const char *const *candidates);

#endif
