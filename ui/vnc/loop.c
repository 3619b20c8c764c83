/* SPDX-License-Identifier: MIT */
/* The VNC thread's main loop (loop.h). */
#include "ui/vnc/loop.h"

#include <pthread.h>
#include <signal.h>

#include "hw/core/lock.h"

static GMainContext *context;
static GMainLoop *loop;
static pthread_t thread;

static void *run(void *unused)
{
    g_main_context_push_thread_default(context);
    g_main_loop_run(loop);
    g_main_context_pop_thread_default(context);
    return NULL;
}

void vnc_loop_start(void)
{
    sigset_t all, old;

    if (loop) {
        return;
    }
    context = g_main_context_new();
    loop = g_main_loop_new(context, FALSE);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    int ret = pthread_create(&thread, NULL, run, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    assert(ret == 0);
    pthread_setname_np(thread, "vnc");
}

static void quit(void *unused)
{
    g_main_loop_quit(loop);
}

void vnc_loop_stop(void)
{
    if (!loop) {
        return;
    }
    vnc_loop_call(quit, NULL);
    device_unlock(); /* the thread may wait for it */
    pthread_join(thread, NULL);
    device_lock();
    g_main_loop_unref(loop);
    g_main_context_unref(context);
    loop = NULL;
    context = NULL;
}

struct call {
    void (*fn)(void *opaque);
    void *opaque;
};

static gboolean do_call(gpointer data)
{
    struct call *c = data;

    c->fn(c->opaque);
    return G_SOURCE_REMOVE;
}

void vnc_loop_call(void (*fn)(void *opaque), void *opaque)
{
    if (!context) {
        return; /* the end: what comes late is of no use */
    }
    struct call *c = g_new(struct call, 1);
    GSource *source = g_idle_source_new();

    *c = (struct call){fn, opaque};
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, do_call, c, g_free);
    g_source_attach(source, context);
    g_source_unref(source);
}

int64_t vnc_now(void)
{
    return g_get_monotonic_time();
}

/* --- descriptors --------------------------------------------------------------------------------- */

struct vnc_watch {
    GSource source; /* first */
    gpointer tag;
    GIOCondition events;
    void (*cb)(void *opaque, GIOCondition ready);
    void *opaque;
};

static gboolean watch_check(GSource *source)
{
    struct vnc_watch *w = (struct vnc_watch *)source;

    return w->tag && g_source_query_unix_fd(source, w->tag);
}

static gboolean watch_dispatch(GSource *source, GSourceFunc unused, gpointer data)
{
    struct vnc_watch *w = (struct vnc_watch *)source;

    w->cb(w->opaque, g_source_query_unix_fd(source, w->tag));
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs watch_funcs = {.check = watch_check, .dispatch = watch_dispatch};

struct vnc_watch *vnc_watch_new(int fd, GIOCondition events,
                                void (*cb)(void *opaque, GIOCondition ready), void *opaque)
{
    GSource *source = g_source_new(&watch_funcs, sizeof(struct vnc_watch));
    struct vnc_watch *w = (struct vnc_watch *)source;

    w->cb = cb;
    w->opaque = opaque;
    w->events = events;
    w->tag = g_source_add_unix_fd(source, fd, events | G_IO_HUP | G_IO_ERR);
    g_source_set_can_recurse(source, TRUE); /* nobody does, and to see to it wakes the loop twice */
    g_source_attach(source, context);
    return w;
}

/* To change it costs some system calls: the loop is woken, even by its own thread. */
void vnc_watch_set(struct vnc_watch *w, GIOCondition events)
{
    if (events == w->events) {
        return;
    }
    w->events = events;
    g_source_modify_unix_fd(&w->source, w->tag, events | G_IO_HUP | G_IO_ERR);
}

void vnc_watch_free(struct vnc_watch *w)
{
    if (w) {
        g_source_destroy(&w->source);
        g_source_unref(&w->source);
    }
}

/* --- timers -------------------------------------------------------------------------------------- */

/* A time of our own, as a change of glib's wakes the loop. */
struct timer_source {
    GSource source; /* first */
    struct vnc_timer *timer;
    int64_t when; /* -1: not armed */
};

static gboolean timer_check(GSource *source)
{
    const struct timer_source *s = (struct timer_source *)source;

    return s->when >= 0 && s->when <= g_source_get_time(source);
}

static gboolean timer_prepare(GSource *source, gint *timeout)
{
    const struct timer_source *s = (struct timer_source *)source;
    int64_t left = MAX(s->when - g_source_get_time(source), (int64_t)0);

    *timeout = s->when < 0 ? -1 : (gint)MIN(DIV_ROUND_UP(left, 1000), (int64_t)INT_MAX);
    return timer_check(source);
}

static gboolean timer_dispatch(GSource *source, GSourceFunc unused, gpointer data)
{
    struct timer_source *s = (struct timer_source *)source;
    struct vnc_timer *t = s->timer;

    s->when = -1;
    t->cb(t->opaque);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_funcs = {
    .prepare = timer_prepare, .check = timer_check, .dispatch = timer_dispatch};

void vnc_timer_arm(struct vnc_timer *t, int64_t when, void (*cb)(void *opaque), void *opaque)
{
    t->cb = cb;
    t->opaque = opaque;
    if (!t->source) {
        t->source = g_source_new(&timer_funcs, sizeof(struct timer_source));
        ((struct timer_source *)t->source)->timer = t;
        g_source_attach(t->source, context);
    }
    ((struct timer_source *)t->source)->when = MAX(when, (int64_t)0);
}

bool vnc_timer_armed(const struct vnc_timer *t)
{
    return t->source && ((struct timer_source *)t->source)->when >= 0;
}

void vnc_timer_stop(struct vnc_timer *t)
{
    if (t->source) {
        g_source_destroy(t->source);
        g_source_unref(t->source);
        t->source = NULL;
    }
}
