/* SPDX-License-Identifier: MIT */
/* Going to the background (-daemonize) only when all is well. */
#ifndef SYSTEM_DAEMON_H
#define SYSTEM_DAEMON_H

#include "util/base.h"

struct error;

/*
 * Before any thread: goes on in a child of its own session, while the process that was started waits
 * for daemon_ready() and then exits with status 0, or with 1 if the child ends before.
 */
int daemon_begin(struct error **err);

/* Let go of the terminal, the working directory and the process that waits. Nothing without
 * daemon_begin(). */
int daemon_ready(struct error **err);

#endif
