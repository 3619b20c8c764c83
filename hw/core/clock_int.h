/* SPDX-License-Identifier: MIT */
/*
 * What clock.c, timer.c and the main loop share.
 */
#ifndef HW_CORE_CLOCK_INT_H
#define HW_CORE_CLOCK_INT_H

#include "hw/core/clock.h"

/* A deadline as the host's timers want it (monotonic, or wall clock for
 * CLK_HOST); TIMER_NEVER while the clock stands. */
int64_t clock_to_host(enum clock_id id, int64_t ns);

/* The virtual clock has been started, stopped or set. */
void timer_queues_rearm(void);

/* Earliest deadline of all queues of a clock; run what has expired. */
int64_t timer_queues_earliest(enum clock_id id);
void timer_queues_run(enum clock_id id);

#endif
