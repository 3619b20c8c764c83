/* SPDX-License-Identifier: MIT */
/*
 * Timer queues: what stands behind the timers of hw/core/clock.h. Only the main
 * loop, the vCPU glue and tests make queues.
 *
 * A queue with a timerfd makes the descriptor readable when its earliest
 * deadline has passed and the queue is watched.
 */
#ifndef HW_CORE_TIMERQ_H
#define HW_CORE_TIMERQ_H

#include "hw/core/clock.h"

struct timer_queue;

/* `kick` (may be NULL) is called, from any thread, when a thread other than
 * the queue's arms an earlier deadline than there was. */
struct timer_queue *timer_queue_new(enum clock_id clock, void (*kick)(void *opaque), void *opaque);

/* No timer is left in it. */
void timer_queue_free(struct timer_queue *q);

/* A timer of this queue. */
void timer_init_queue(struct timer *t, struct timer_queue *q, void (*cb)(void *opaque),
                      void *opaque);

/* Run what has expired, on the queue's thread. */
void timer_queue_run(struct timer_queue *q);

/* Earliest deadline or TIMER_NEVER; lock-free. */
int64_t timer_queue_deadline(const struct timer_queue *q);

/* The timerfd, made on the first call; -1 if the host has none left. */
int timer_queue_fd(struct timer_queue *q);

/* Whether the timerfd shall fire; true at first. */
void timer_queue_watch(struct timer_queue *q, bool on);

/* Say that the timerfd was readable. */
void timer_queue_fd_fired(struct timer_queue *q);

/* The main loop's queue of a clock. */
struct timer_queue *timer_queue_main(enum clock_id clock);

#endif
