/* SPDX-License-Identifier: MIT */
/* The table of commands, made from commands.def. */
#include "monitor/commands.h"

const struct command commands[] = {
#define BOTH(qmp, args, ret, run, hmp, syntax, show, help)                                         \
    {qmp, args, ret, run, hmp, syntax, show, help},
#define QMP(qmp, args, ret, run, help) {qmp, args, ret, run, NULL, "", NULL, help},
#define HMP(hmp, syntax, show, help)   {NULL, "", "", NULL, hmp, syntax, show, help},
#include "monitor/commands.def"
#undef BOTH
#undef QMP
#undef HMP
    {.help = NULL},
};
