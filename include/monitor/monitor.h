/* SPDX-License-Identifier: MIT */
/* The text monitor. Main thread, device lock held. */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "util/base.h"

struct chardev;
struct error;

/* A monitor on this chardev; -EBUSY with err if it is taken. */
int monitor_new(struct chardev *chr, struct error **err);

#endif
