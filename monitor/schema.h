/* SPDX-License-Identifier: MIT */
/*
 * The types of types.def at run time: checking values, and describing them for query-qmp-schema
 * and the manual.
 */
#ifndef MONITOR_SCHEMA_H
#define MONITOR_SCHEMA_H

#include "util/base.h"

#include <jansson.h>

struct error;

enum schema_kind { SCHEMA_ENUM, SCHEMA_STRUCT, SCHEMA_UNION, SCHEMA_ALTERNATE };

struct schema_type {
    const char *name;
    enum schema_kind kind;
    const char *members; /* or the values of an enum, the branches of an alternate */
    const char *tag, *variants;
    bool derived; /* from another table */
};

struct schema_event {
    const char *name, *members;
    unsigned rate_ms;
    const char *help;
};

/* The rows of types.def and what other tables say; NULL behind the last. */
const struct schema_type *schema_type_at(unsigned i);

/* A NULL name ends them. */
extern const struct schema_event schema_events[];

/* One "name:type" of a list of members. */
struct schema_member {
    char name[64], type[64]; /* type without the brackets of a list */
    bool optional, list;
};

/* Takes the next member off *list; false at the end. *open: the list ends with "...". */
bool schema_next(const char **list, struct schema_member *m, bool *open);

const struct schema_type *schema_find(const char *name);
const struct schema_event *schema_find_event(const char *name);

/* Is the value an object of these members (or of this struct or union), and no others? -EINVAL with err as QEMU words it. */
int schema_check(const char *members, json_t *value, struct error **err);

/* The position of a value among those of an enum, -1: it is none of them. */
int schema_enum_index(const char *enum_name, const char *value);

/* query-qmp-schema. */
json_t *schema_describe(void);

#endif
