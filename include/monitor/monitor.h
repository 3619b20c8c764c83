/* SPDX-License-Identifier: MIT */
/*
 * Monitors: text for people (HMP), JSON for programs (QMP), each on a chardev. Main thread, device
 * lock held.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "util/base.h"

struct chardev;
struct error;
struct machine_class;
struct machine_config;

struct monitor_options {
    bool qmp;
    bool pretty;  /* QMP: indented */
    bool no_edit; /* text: do not echo and edit lines, the other end does */
};

/* Before the first monitor; what the commands tell of. Both stay the caller's and are kept. */
void monitor_init(const struct machine_config *cfg, const struct machine_class *machine);

/* A monitor on this chardev; -EBUSY with err if it is taken. */
int monitor_new(struct chardev *chr, const struct monitor_options *opts, struct error **err);

/* Runs one text command as if typed, for the gdb stub's `monitor`; what it prints, free with
 * g_free(). cpu: the one it is about. */
char *monitor_run_line(const char *line, unsigned cpu);

/* Hands out what is still to be said (the last events) before the process ends. */
void monitor_flush(void);

/* The manual's chapter of commands, from the table. Free with g_free(). */
char *monitor_manual(void);

#endif
