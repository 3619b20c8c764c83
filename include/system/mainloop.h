/* SPDX-License-Identifier: MIT */
/*
 * The main loop: glib's default context on the main thread. The device lock is
 * held except while it polls, so every callback (fd, timer, deferred call, any
 * GSource) runs with it.
 */
#ifndef SYSTEM_MAINLOOP_H
#define SYSTEM_MAINLOOP_H

#include "util/base.h"

struct error;

/* Once, on the main thread, before anything below. Does not take the lock. */
int mainloop_init(struct error **err);
void mainloop_fini(void);

/* Run until runstate_process_requests() says so. Device lock held. */
void mainloop_run(void);

/* One round; blocks if `wait`. For tests. Device lock held. */
void mainloop_iterate(bool wait);

/* Make the loop look at requests and sources again. Any thread. */
void mainloop_wakeup(void);

/* Is this the main thread? */
bool mainloop_thread(void);

/* --- file descriptors ----------------------------------------------------- */

#define FD_READ  (1u << 0)
#define FD_WRITE (1u << 1)
#define FD_HUP   (1u << 2) /* reported always */

/* Watch `fd`; cb gets what is ready. Device lock held. */
struct fd_watch;
struct fd_watch *fd_watch_new(int fd, unsigned events, void (*cb)(void *opaque, unsigned events),
                              void *opaque);
void fd_watch_set(struct fd_watch *w, unsigned events); /* 0: none for now */
void fd_watch_free(struct fd_watch *w);                 /* also in its own callback */

/* --- deferred calls ------------------------------------------------------- */

/*
 * Embedded. Scheduled from any thread, runs once on the main loop; scheduling a
 * scheduled one does nothing.
 */
struct deferred {
    void (*cb)(void *opaque);
    void *opaque;
    struct deferred *next;
    bool scheduled;
};

void deferred_init(struct deferred *d, void (*cb)(void *opaque), void *opaque);
void deferred_schedule(struct deferred *d);
void deferred_cancel(struct deferred *d); /* device lock held, or main thread */

#endif
