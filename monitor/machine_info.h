/* SPDX-License-Identifier: MIT */
/* What the machine was built from, for commands that tell of it. */
#ifndef MONITOR_MACHINE_INFO_H
#define MONITOR_MACHINE_INFO_H

struct machine_class;
struct machine_config;

/* Never NULL once monitor_init() has run. */
const struct machine_config *monitor_machine_config(void);
const struct machine_class *monitor_machine(void);

#endif
