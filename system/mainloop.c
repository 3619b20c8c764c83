/* SPDX-License-Identifier: MIT */
/*
 * The main loop: glib's default context with a poll function that gives up the
 * device lock, an eventfd for wakeups, and the timer queues of the three clocks
 * as sources.
 */
#include "system/mainloop.h"

#include "hw/core/lock.h"
#include "hw/core/timerq.h"
#include "system/runstate.h"
#include "util/error.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static pthread_t main_thread;
static bool initialized;
static int wake_fd = -1;
static struct fd_watch *wake_watch;
static struct fd_watch *timer_watches[CLK_COUNT];

bool mainloop_thread(void)
{
    return initialized && pthread_equal(main_thread, pthread_self());
}

/* --- file descriptors ----------------------------------------------------- */

struct fd_watch {
    GSource source; /* first */
    gpointer tag;
    void (*cb)(void *opaque, unsigned events);
    void *opaque;
};

static GIOCondition to_glib(unsigned events)
{
    GIOCondition cond = 0;

    if (events & FD_READ)
        cond |= G_IO_IN | G_IO_PRI;
    if (events & FD_WRITE)
        cond |= G_IO_OUT;
    return cond ? cond | G_IO_HUP | G_IO_ERR : 0;
}

static unsigned from_glib(GIOCondition cond)
{
    unsigned events = 0;

    if (cond & (G_IO_IN | G_IO_PRI))
        events |= FD_READ;
    if (cond & G_IO_OUT)
        events |= FD_WRITE;
    if (cond & (G_IO_HUP | G_IO_ERR | G_IO_NVAL))
        events |= FD_HUP;
    return events;
}

static gboolean watch_check(GSource *source)
{
    struct fd_watch *w = (struct fd_watch *)source;

    return w->tag && g_source_query_unix_fd(source, w->tag) != 0;
}

static gboolean watch_dispatch(GSource *source, GSourceFunc unused, gpointer data)
{
    struct fd_watch *w = (struct fd_watch *)source;
    unsigned events = from_glib(g_source_query_unix_fd(source, w->tag));

    if (events)
        w->cb(w->opaque, events);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs watch_funcs = {
    .check = watch_check,
    .dispatch = watch_dispatch,
};

struct fd_watch *fd_watch_new(int fd, unsigned events, void (*cb)(void *opaque, unsigned events),
                              void *opaque)
{
    GSource *source = g_source_new(&watch_funcs, sizeof(struct fd_watch));
    struct fd_watch *w = (struct fd_watch *)source;

    w->cb = cb;
    w->opaque = opaque;
    w->tag = g_source_add_unix_fd(source, fd, to_glib(events));
    /* The loop is not run by what it calls, and seeing to that would wake it twice per event. */
    g_source_set_can_recurse(source, TRUE);
    g_source_attach(source, NULL);
    return w;
}

void fd_watch_set(struct fd_watch *w, unsigned events)
{
    g_source_modify_unix_fd(&w->source, w->tag, to_glib(events));
}

void fd_watch_free(struct fd_watch *w)
{
    if (!w)
        return;
    g_source_destroy(&w->source);
    g_source_unref(&w->source);
}

/* --- deferred calls ------------------------------------------------------- */

static pthread_mutex_t deferred_lock = PTHREAD_MUTEX_INITIALIZER;
static struct deferred *deferred_first, **deferred_last = &deferred_first;

void deferred_init(struct deferred *d, void (*cb)(void *opaque), void *opaque)
{
    memset(d, 0, sizeof(*d));
    d->cb = cb;
    d->opaque = opaque;
}

void deferred_schedule(struct deferred *d)
{
    bool wake = false;

    pthread_mutex_lock(&deferred_lock);
    if (!d->scheduled) {
        d->scheduled = true;
        d->next = NULL;
        *deferred_last = d;
        deferred_last = &d->next;
        wake = true;
    }
    pthread_mutex_unlock(&deferred_lock);
    if (wake)
        mainloop_wakeup();
}

void deferred_cancel(struct deferred *d)
{
    struct deferred **p;

    pthread_mutex_lock(&deferred_lock);
    if (d->scheduled) {
        for (p = &deferred_first; *p != d; p = &(*p)->next)
            ;
        *p = d->next;
        if (!*p)
            deferred_last = p;
        d->scheduled = false;
    }
    pthread_mutex_unlock(&deferred_lock);
}

static struct deferred *take_deferred(void)
{
    struct deferred *d;

    pthread_mutex_lock(&deferred_lock);
    d = deferred_first;
    if (d) {
        deferred_first = d->next;
        if (!deferred_first)
            deferred_last = &deferred_first;
        d->scheduled = false;
    }
    pthread_mutex_unlock(&deferred_lock);
    return d;
}

/* Those that are there now; what they schedule waits for the next round. */
static void run_deferred(void)
{
    struct deferred *d, *last;

    pthread_mutex_lock(&deferred_lock);
    last = deferred_first ? container_of(deferred_last, struct deferred, next) : NULL;
    pthread_mutex_unlock(&deferred_lock);
    while (last && (d = take_deferred())) {
        d->cb(d->opaque);
        if (d == last)
            break;
    }
}

/* --- wakeup and timers ---------------------------------------------------- */

void mainloop_wakeup(void)
{
    uint64_t one = 1;

    if (wake_fd >= 0 && write(wake_fd, &one, sizeof(one)) < 0)
        assert(errno == EAGAIN || errno == EINTR);
}

static void woken(void *opaque, unsigned events)
{
    uint64_t count;

    if (read(wake_fd, &count, sizeof(count)) < 0)
        assert(errno == EAGAIN || errno == EINTR);
}

static void timers_due(void *opaque, unsigned events)
{
    struct timer_queue *q = opaque;

    timer_queue_fd_fired(q);
    timer_queue_run(q);
}

/* Poll without the lock: the time when vCPUs get at the devices. */
static gint poll_unlocked(GPollFD *fds, guint count, gint timeout)
{
    gint ret;
    int saved;

    if (timeout == 0)
        return g_poll(fds, count, 0);
    device_unlock();
    ret = g_poll(fds, count, timeout);
    saved = errno;
    device_lock();
    errno = saved;
    return ret;
}

int mainloop_init(struct error **err)
{
    assert(!initialized);
    wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_fd < 0)
        return error_set_errno(err, errno, "cannot make an eventfd");
    for (unsigned c = 0; c < CLK_COUNT; c++) {
        struct timer_queue *q = timer_queue_main(c);

        if (timer_queue_fd(q) < 0)
            return error_set_errno(err, errno, "cannot make a timer");
        timer_watches[c] = fd_watch_new(timer_queue_fd(q), FD_READ, timers_due, q);
    }
    wake_watch = fd_watch_new(wake_fd, FD_READ, woken, NULL);
    g_main_context_set_poll_func(NULL, poll_unlocked);
    main_thread = pthread_self();
    initialized = true;
    return 0;
}

void mainloop_fini(void)
{
    g_main_context_set_poll_func(NULL, NULL);
    for (unsigned c = 0; c < CLK_COUNT; c++) {
        fd_watch_free(timer_watches[c]);
        timer_watches[c] = NULL;
    }
    fd_watch_free(wake_watch);
    wake_watch = NULL;
    close(wake_fd);
    wake_fd = -1;
    initialized = false;
}

/* --- running -------------------------------------------------------------- */

void mainloop_iterate(bool wait)
{
    assert(device_locked());
    g_main_context_iteration(NULL, wait);
    run_deferred();
}

void mainloop_run(void)
{
    assert(mainloop_thread());
    while (!runstate_process_requests())
        mainloop_iterate(true);
}
