/* SPDX-License-Identifier: MIT */
/*
 * The command table (commands.def) at run time. A row may have a QMP side, a text (HMP) side, or
 * both; the schema, the parsers, help and the manual derive from it.
 */
#ifndef MONITOR_COMMANDS_H
#define MONITOR_COMMANDS_H

#include "util/base.h"

#include <jansson.h>

struct error;
struct monitor;

/* args: an object that has passed the check of the row's types. A new reference, or NULL with err
 * set. */
typedef json_t *qmp_run_fn(struct monitor *m, json_t *args, struct error **err);
/* args: what the row's syntax made of the line. Prints. */
typedef void hmp_run_fn(struct monitor *m, json_t *args);

struct command {
    const char *qmp; /* NULL: no QMP side */
    const char *args, *returns;
    qmp_run_fn *run;
    const char *hmp; /* "name" or "name|alias"; NULL: no text side */
    const char *syntax;
    hmp_run_fn *show;
    const char *help; /* NULL ends the table */
};

extern const struct command commands[];

/* Declares the functions of the rows. */
#define BOTH(qmp, args, ret, run, hmp, syntax, show, help)                                         \
    qmp_run_fn run;                                                                                \
    hmp_run_fn show;
#define QMP(qmp, args, ret, run, help) qmp_run_fn run;
#define HMP(hmp, syntax, show, help)   hmp_run_fn show;
#include "monitor/commands.def"
#undef BOTH
#undef QMP
#undef HMP

#endif
