/* SPDX-License-Identifier: MIT */
/*
 * The VNC thread: a main loop of its own, with watches on descriptors and timers. Whatever a client
 * or the network does happens here, never on the main thread.
 */
#ifndef UI_VNC_LOOP_H
#define UI_VNC_LOOP_H

#include "util/base.h"

#include <glib.h>

/* Start the thread, once. Main thread. */
void vnc_loop_start(void);
/* End it and wait for that. Main thread; gives up the device lock meanwhile. */
void vnc_loop_stop(void);

/* Run fn on the thread, soon. Any thread. */
void vnc_loop_call(void (*fn)(void *opaque), void *opaque);

/* Microseconds of a clock that never runs backwards. */
int64_t vnc_now(void);

/* --- the VNC thread only ------------------------------------------------------------------------- */

/* `events`, and what cb gets: G_IO_IN, G_IO_OUT; G_IO_HUP and G_IO_ERR come unasked. */
struct vnc_watch;
struct vnc_watch *vnc_watch_new(int fd, GIOCondition events,
                                void (*cb)(void *opaque, GIOCondition ready), void *opaque);
void vnc_watch_set(struct vnc_watch *w, GIOCondition events);
void vnc_watch_free(struct vnc_watch *w); /* also in its own callback; NULL is fine */

/* Embedded; all zero is a timer that is not armed. */
struct vnc_timer {
    GSource *source;
    void (*cb)(void *opaque);
    void *opaque;
};

void vnc_timer_arm(struct vnc_timer *t, int64_t when, void (*cb)(void *opaque), void *opaque);
bool vnc_timer_armed(const struct vnc_timer *t);
void vnc_timer_stop(struct vnc_timer *t);

#endif
