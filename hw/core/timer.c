/* SPDX-License-Identifier: MIT */
/*
 * Timer queues: binary heaps of deadlines, each behind its own mutex, each with
 * a timerfd that is set to the earliest one.
 */
#include "hw/core/timerq.h"

#include "hw/core/clock_int.h"
#include "util/base.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <sys/queue.h>
#include <sys/timerfd.h>
#include <unistd.h>

struct timer_queue {
    pthread_mutex_t lock;
    enum clock_id clock;
    struct timer **heap; /* from index 1 */
    unsigned count, size;
    uint64_t next_seq;
    int64_t deadline; /* of heap[1]; atomic for readers without the lock */
    bool watched;
    int fd;
    int64_t fd_set; /* what the timerfd is set to, host time */
    bool has_runner;
    pthread_t runner; /* the thread that runs it */
    void (*kick)(void *opaque);
    void *kick_opaque;
    TAILQ_ENTRY(timer_queue) link;
};

static pthread_mutex_t queues_lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, timer_queue) queues = TAILQ_HEAD_INITIALIZER(queues);
static struct timer_queue *main_queues[CLK_COUNT];

/* --- the heap ------------------------------------------------------------- */

static bool before(const struct timer *a, const struct timer *b)
{
    return a->expire != b->expire ? a->expire < b->expire : a->seq < b->seq;
}

static void place(struct timer_queue *q, unsigned slot, struct timer *t)
{
    q->heap[slot] = t;
    t->slot = slot;
}

static void sift_up(struct timer_queue *q, unsigned slot, struct timer *t)
{
    while (slot > 1 && before(t, q->heap[slot / 2])) {
        place(q, slot, q->heap[slot / 2]);
        slot /= 2;
    }
    place(q, slot, t);
}

static void sift_down(struct timer_queue *q, unsigned slot, struct timer *t)
{
    unsigned child;

    while ((child = slot * 2) <= q->count) {
        if (child < q->count && before(q->heap[child + 1], q->heap[child]))
            child++;
        if (!before(q->heap[child], t))
            break;
        place(q, slot, q->heap[child]);
        slot = child;
    }
    place(q, slot, t);
}

static void heap_insert(struct timer_queue *q, struct timer *t)
{
    if (q->count + 2 > q->size) {
        q->size = MAX(16u, q->size * 2);
        q->heap = g_renew(struct timer *, q->heap, q->size);
    }
    q->count++;
    sift_up(q, q->count, t);
}

static void heap_remove(struct timer_queue *q, struct timer *t)
{
    unsigned slot = t->slot;
    struct timer *last = q->heap[q->count--];

    t->slot = 0;
    t->expire = TIMER_NEVER;
    if (last == t)
        return;
    if (slot > 1 && before(last, q->heap[slot / 2]))
        sift_up(q, slot, last);
    else
        sift_down(q, slot, last);
}

/* --- the timerfd ---------------------------------------------------------- */

static void set_fd(struct timer_queue *q, int64_t host)
{
    struct itimerspec its = {{0, 0}, {0, 0}};
    int flags = TFD_TIMER_ABSTIME;

    if (q->clock == CLK_HOST && host != TIMER_NEVER)
        flags |= TFD_TIMER_CANCEL_ON_SET; /* a clock that was set makes it readable */
    if (host != TIMER_NEVER) {
        host = MAX(host, (int64_t)1); /* zero would disarm */
        its.it_value.tv_sec = host / NS_PER_SEC;
        its.it_value.tv_nsec = host % NS_PER_SEC;
    }
    timerfd_settime(q->fd, flags, &its, NULL);
}

/* After any change of the heap, the clock or `watched`. */
static void update_locked(struct timer_queue *q)
{
    int64_t deadline = q->count ? q->heap[1]->expire : TIMER_NEVER;
    int64_t host = q->watched ? clock_to_host(q->clock, deadline) : TIMER_NEVER;

    __atomic_store_n(&q->deadline, deadline, __ATOMIC_RELEASE);
    if (q->fd >= 0 && host != q->fd_set) {
        q->fd_set = host;
        set_fd(q, host);
    }
}

int timer_queue_fd(struct timer_queue *q)
{
    pthread_mutex_lock(&q->lock);
    if (q->fd < 0) {
        q->fd = timerfd_create(q->clock == CLK_HOST ? CLOCK_REALTIME : CLOCK_MONOTONIC,
                               TFD_NONBLOCK | TFD_CLOEXEC);
        q->fd_set = TIMER_NEVER;
        update_locked(q);
    }
    pthread_mutex_unlock(&q->lock);
    return q->fd;
}

void timer_queue_fd_fired(struct timer_queue *q)
{
    uint64_t times;

    pthread_mutex_lock(&q->lock);
    if (read(q->fd, &times, sizeof(times)) > 0 || errno == ECANCELED)
        q->fd_set = TIMER_NEVER;
    pthread_mutex_unlock(&q->lock);
}

void timer_queue_watch(struct timer_queue *q, bool on)
{
    pthread_mutex_lock(&q->lock);
    if (q->watched != on) {
        q->watched = on;
        update_locked(q);
    }
    pthread_mutex_unlock(&q->lock);
}

/* --- queues --------------------------------------------------------------- */

struct timer_queue *timer_queue_new(enum clock_id clock, void (*kick)(void *opaque), void *opaque)
{
    struct timer_queue *q = g_new0(struct timer_queue, 1);

    pthread_mutex_init(&q->lock, NULL);
    q->clock = clock;
    q->deadline = TIMER_NEVER;
    q->fd_set = TIMER_NEVER;
    q->fd = -1;
    q->watched = true;
    q->kick = kick;
    q->kick_opaque = opaque;
    pthread_mutex_lock(&queues_lock);
    TAILQ_INSERT_TAIL(&queues, q, link);
    pthread_mutex_unlock(&queues_lock);
    return q;
}

void timer_queue_free(struct timer_queue *q)
{
    assert(q->count == 0);
    pthread_mutex_lock(&queues_lock);
    TAILQ_REMOVE(&queues, q, link);
    pthread_mutex_unlock(&queues_lock);
    if (q->fd >= 0)
        close(q->fd);
    pthread_mutex_destroy(&q->lock);
    g_free(q->heap);
    g_free(q);
}

struct timer_queue *timer_queue_main(enum clock_id clock)
{
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&once);
    if (!main_queues[clock])
        main_queues[clock] = timer_queue_new(clock, NULL, NULL);
    pthread_mutex_unlock(&once);
    return main_queues[clock];
}

int64_t timer_queue_deadline(const struct timer_queue *q)
{
    return __atomic_load_n(&q->deadline, __ATOMIC_ACQUIRE);
}

/* Take the first timer that has expired by `now` out, or NULL. */
static struct timer *take_expired(struct timer_queue *q, int64_t now)
{
    struct timer *t = NULL;

    if (q->count && q->heap[1]->expire <= now) {
        t = q->heap[1];
        heap_remove(q, t);
    }
    return t;
}

void timer_queue_run(struct timer_queue *q)
{
    int64_t now;
    struct timer *t;
    void (*cb)(void *opaque);
    void *opaque;

    if (timer_queue_deadline(q) == TIMER_NEVER)
        return;
    now = clock_now(q->clock);
    if (timer_queue_deadline(q) > now)
        return;
    pthread_mutex_lock(&q->lock);
    q->runner = pthread_self();
    q->has_runner = true;
    while ((t = take_expired(q, now))) {
        update_locked(q);
        cb = t->cb;
        opaque = t->opaque;
        pthread_mutex_unlock(&q->lock);
        cb(opaque);
        pthread_mutex_lock(&q->lock);
    }
    update_locked(q);
    pthread_mutex_unlock(&q->lock);
}

/* --- all queues ----------------------------------------------------------- */

void timer_queues_rearm(void)
{
    struct timer_queue *q;

    pthread_mutex_lock(&queues_lock);
    TAILQ_FOREACH(q, &queues, link)
    {
        pthread_mutex_lock(&q->lock);
        update_locked(q);
        pthread_mutex_unlock(&q->lock);
        if (q->kick)
            q->kick(q->kick_opaque);
    }
    pthread_mutex_unlock(&queues_lock);
}

int64_t timer_queues_earliest(enum clock_id id)
{
    int64_t earliest = TIMER_NEVER;
    struct timer_queue *q;

    pthread_mutex_lock(&queues_lock);
    TAILQ_FOREACH(q, &queues, link)
    {
        if (q->clock == id)
            earliest = MIN(earliest, timer_queue_deadline(q));
    }
    pthread_mutex_unlock(&queues_lock);
    return earliest;
}

/* The n-th queue of a clock: the list may change while callbacks run. */
static struct timer_queue *nth_queue(enum clock_id id, unsigned n)
{
    struct timer_queue *q;

    pthread_mutex_lock(&queues_lock);
    TAILQ_FOREACH(q, &queues, link)
    {
        if (q->clock == id && n-- == 0)
            break;
    }
    pthread_mutex_unlock(&queues_lock);
    return q;
}

void timer_queues_run(enum clock_id id)
{
    struct timer_queue *q;

    for (unsigned n = 0; (q = nth_queue(id, n)); n++)
        timer_queue_run(q);
}

/* --- timers --------------------------------------------------------------- */

void timer_init_queue(struct timer *t, struct timer_queue *q, void (*cb)(void *opaque),
                      void *opaque)
{
    memset(t, 0, sizeof(*t));
    t->expire = TIMER_NEVER;
    t->queue = q;
    t->cb = cb;
    t->opaque = opaque;
}

void timer_init(struct timer *t, enum clock_id clock, void (*cb)(void *opaque), void *opaque)
{
    timer_init_queue(t, timer_queue_main(clock), cb, opaque);
}

void timer_fini(struct timer *t)
{
    if (t->queue)
        timer_cancel(t);
    t->queue = NULL;
}

/* Is the calling thread one the queue need not be told of? */
static bool own_thread(const struct timer_queue *q)
{
    return q->has_runner && pthread_equal(q->runner, pthread_self());
}

void timer_arm(struct timer *t, int64_t ns)
{
    struct timer_queue *q = t->queue;
    int64_t old;
    bool kick;

    pthread_mutex_lock(&q->lock);
    old = q->deadline;
    if (t->slot)
        heap_remove(q, t);
    if (ns != TIMER_NEVER) {
        t->expire = ns;
        t->seq = q->next_seq++;
        heap_insert(q, t);
    }
    update_locked(q);
    kick = q->kick && q->deadline < old && !own_thread(q);
    pthread_mutex_unlock(&q->lock);
    if (kick)
        q->kick(q->kick_opaque);
}

void timer_cancel(struct timer *t)
{
    timer_arm(t, TIMER_NEVER);
}

bool timer_pending(const struct timer *t)
{
    return timer_expire_ns(t) != TIMER_NEVER;
}

int64_t timer_expire_ns(const struct timer *t)
{
    int64_t ns;

    if (!t->queue)
        return TIMER_NEVER;
    pthread_mutex_lock(&t->queue->lock);
    ns = t->expire;
    pthread_mutex_unlock(&t->queue->lock);
    return ns;
}
