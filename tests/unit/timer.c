/* SPDX-License-Identifier: MIT */
/*
 * Clocks and timers: order, re-arming, the manual clock, the host's timers
 * through the main loop, vCPU queues.
 */
#include "tests/test.h"

#include "hw/core/clock.h"
#include "hw/core/lock.h"
#include "hw/core/timerq.h"
#include "system/mainloop.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

struct rec {
    struct timer t;
    char name;
    int64_t period;
    int64_t at;
    unsigned fired;
};

static char order[64];
static unsigned order_len;

static void fire(void *opaque)
{
    struct rec *r = opaque;

    r->fired++;
    r->at = clock_now(CLK_VIRTUAL);
    if (order_len < sizeof(order) - 1)
        order[order_len++] = r->name;
    if (r->period)
        timer_arm(&r->t, r->at + r->period);
}

START_TEST(test_manual)
{
    struct rec a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c', .period = 30};

    device_lock();
    clock_manual(true);
    ck_assert_int_eq(clock_now(CLK_VIRTUAL), 0);
    timer_init(&a.t, CLK_VIRTUAL, fire, &a);
    timer_init(&b.t, CLK_VIRTUAL, fire, &b);
    timer_init(&c.t, CLK_VIRTUAL, fire, &c);
    timer_arm(&b.t, 50);
    timer_arm(&a.t, 50);
    timer_arm(&c.t, 30);
    ck_assert(timer_pending(&a.t));
    ck_assert_int_eq(timer_expire_ns(&b.t), 50);
    clock_step(49);
    ck_assert_str_eq(order, "c");
    ck_assert_int_eq(c.at, 30);
    clock_step(41);
    ck_assert_str_eq(order, "cbacc"); /* equal deadlines in the order of arming */
    ck_assert_int_eq(c.at, 90);
    ck_assert(!timer_pending(&a.t));
    ck_assert_int_eq(timer_expire_ns(&a.t), TIMER_NEVER);
    timer_arm(&a.t, 1000);
    timer_arm(&a.t, 95);
    timer_arm(&b.t, 96);
    timer_cancel(&b.t);
    timer_cancel(&b.t);
    clock_step(10);
    ck_assert_str_eq(order, "cbacca");
    ck_assert_int_eq(a.at, 95);
    timer_fini(&a.t);
    timer_fini(&b.t);
    timer_fini(&c.t);
}
END_TEST

START_TEST(test_heap)
{
    enum { N = 500 };
    static struct rec recs[N];
    int64_t last = 0;
    uint32_t x = 12345;

    device_lock();
    clock_manual(true);
    for (unsigned i = 0; i < N; i++) {
        x = x * 1103515245 + 12345;
        timer_init(&recs[i].t, CLK_VIRTUAL, fire, &recs[i]);
        timer_arm(&recs[i].t, 1 + (x >> 8) % 10000);
    }
    for (unsigned i = 0; i < N; i += 3)
        timer_cancel(&recs[i].t);
    for (unsigned i = 1; i < N; i += 3)
        timer_arm(&recs[i].t, recs[i].t.expire / 2);
    for (unsigned i = 0; i < N; i++)
        recs[i].at = timer_expire_ns(&recs[i].t);
    for (int step = 0; step < 100; step++) {
        int64_t now = clock_now(CLK_VIRTUAL);

        ck_assert_int_ge(now, last);
        last = now;
        clock_step(101);
    }
    for (unsigned i = 0; i < N; i++)
        ck_assert_uint_eq(recs[i].fired, i % 3 != 0);
}
END_TEST

START_TEST(test_mainloop)
{
    struct rec a = {.name = 'a'}, b = {.name = 'b'};
    int64_t start;

    device_lock();
    ck_assert_int_eq(mainloop_init(NULL), 0);
    timer_init(&a.t, CLK_VIRTUAL, fire, &a);
    timer_init(&b.t, CLK_REALTIME, fire, &b);
    timer_arm(&a.t, 2 * NS_PER_MS);
    start = clock_now(CLK_REALTIME);
    timer_arm(&b.t, start + 10 * NS_PER_MS);
    while (!b.fired)
        mainloop_iterate(true);
    ck_assert_int_ge(clock_now(CLK_REALTIME), start + 10 * NS_PER_MS);
    ck_assert_uint_eq(a.fired, 0); /* the virtual clock stands */
    ck_assert_int_eq(clock_now(CLK_VIRTUAL), 0);
    clock_virtual_start();
    while (!a.fired)
        mainloop_iterate(true);
    ck_assert_int_ge(a.at, 2 * NS_PER_MS);
    clock_virtual_stop();
    start = clock_now(CLK_VIRTUAL);
    usleep(2000);
    ck_assert_int_eq(clock_now(CLK_VIRTUAL), start);
    clock_virtual_set(start + 5 * NS_PER_SEC);
    clock_virtual_start();
    ck_assert_int_ge(clock_now(CLK_VIRTUAL), start + 5 * NS_PER_SEC);
    mainloop_fini();
}
END_TEST

static void count_call(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void reschedule(void *opaque)
{
    struct deferred *d = opaque;

    order_len++;
    if (order_len < 3)
        deferred_schedule(d);
}

static void *schedule_thread(void *opaque)
{
    deferred_schedule(opaque);
    return NULL;
}

START_TEST(test_deferred)
{
    struct deferred a, b, again;
    unsigned calls = 0;
    pthread_t thread;

    device_lock();
    ck_assert_int_eq(mainloop_init(NULL), 0);
    deferred_init(&a, count_call, &calls);
    deferred_init(&b, count_call, &calls);
    deferred_init(&again, reschedule, &again);
    deferred_schedule(&a);
    deferred_schedule(&a);
    deferred_schedule(&b);
    deferred_cancel(&b);
    deferred_schedule(&again);
    mainloop_iterate(false);
    ck_assert_uint_eq(calls, 1);
    ck_assert_uint_eq(order_len, 1);
    mainloop_iterate(true);
    ck_assert_uint_eq(order_len, 2);
    mainloop_iterate(true);
    ck_assert_uint_eq(order_len, 3);
    pthread_create(&thread, NULL, schedule_thread, &a);
    while (calls < 2)
        mainloop_iterate(true);
    pthread_join(thread, NULL);
    mainloop_fini();
}
END_TEST

struct pipe_end {
    struct fd_watch *w;
    int fd;
    unsigned events;
};

static void pipe_ready(void *opaque, unsigned events)
{
    struct pipe_end *p = opaque;
    char c;

    p->events |= events;
    if ((events & FD_READ) && read(p->fd, &c, 1) <= 0)
        p->events |= FD_HUP;
    if (p->events & FD_HUP) {
        fd_watch_free(p->w);
        p->w = NULL;
    }
}

START_TEST(test_fd)
{
    struct pipe_end p = {0};
    int fds[2];

    device_lock();
    ck_assert_int_eq(mainloop_init(NULL), 0);
    ck_assert_int_eq(pipe(fds), 0);
    p.fd = fds[0];
    p.w = fd_watch_new(fds[0], 0, pipe_ready, &p);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    mainloop_iterate(false);
    ck_assert_uint_eq(p.events, 0);
    fd_watch_set(p.w, FD_READ);
    mainloop_iterate(true);
    ck_assert_uint_eq(p.events, FD_READ);
    close(fds[1]);
    while (p.w)
        mainloop_iterate(true);
    close(fds[0]);
    mainloop_fini();
}
END_TEST

/* --- queues of vCPUs ------------------------------------------------------ */

static int kicks;

static void kick(void *opaque)
{
    __atomic_add_fetch(&kicks, 1, __ATOMIC_SEQ_CST);
}

static void *arm_thread(void *opaque)
{
    struct rec *r = opaque;

    timer_arm(&r->t, clock_now(CLK_VIRTUAL) + NS_PER_MS);
    return NULL;
}

static bool readable(struct timer_queue *q, int ms)
{
    struct pollfd p = {.fd = timer_queue_fd(q), .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

START_TEST(test_queue)
{
    struct timer_queue *q = timer_queue_new(CLK_VIRTUAL, kick, NULL);
    struct rec a = {.name = 'a'};
    pthread_t thread;

    device_lock();
    clock_virtual_start();
    timer_init_queue(&a.t, q, fire, &a);
    timer_arm(&a.t, NS_PER_SEC * 1000);
    ck_assert_int_eq(timer_queue_deadline(q), NS_PER_SEC * 1000);
    timer_queue_run(q);
    timer_arm(&a.t, 1);
    ck_assert(readable(q, 1000));
    timer_queue_fd_fired(q);
    timer_queue_run(q);
    ck_assert_uint_eq(a.fired, 1);
    kicks = 0;
    timer_arm(&a.t, clock_now(CLK_VIRTUAL) + NS_PER_SEC); /* own thread: no kick */
    ck_assert_int_eq(kicks, 0);
    pthread_create(&thread, NULL, arm_thread, &a);
    pthread_join(thread, NULL);
    ck_assert_int_eq(kicks, 1);
    timer_queue_watch(q, false); /* asleep: the descriptor keeps quiet */
    ck_assert(!readable(q, 20));
    ck_assert_int_le(timer_queue_deadline(q), clock_now(CLK_VIRTUAL));
    timer_queue_watch(q, true);
    ck_assert(readable(q, 1000));
    timer_queue_run(q);
    ck_assert_uint_eq(a.fired, 2);
    timer_fini(&a.t);
    timer_queue_free(q);
    clock_virtual_stop();
}
END_TEST

static void *clock_reader(void *opaque)
{
    int64_t last = 0, now;

    while (!__atomic_load_n((int *)opaque, __ATOMIC_RELAXED)) {
        now = clock_now(CLK_VIRTUAL);
        ck_assert_int_ge(now, last);
        last = now;
    }
    return NULL;
}

START_TEST(test_monotonic)
{
    pthread_t thread;
    int stop = 0;

    device_lock();
    pthread_create(&thread, NULL, clock_reader, &stop);
    for (unsigned i = 0; i < 2000; i++) {
        clock_virtual_start();
        clock_virtual_stop();
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(test_ticks)
{
    ck_assert_uint_eq(clock_ns_to_ticks(NS_PER_SEC, 1193182), 1193182);
    ck_assert_uint_eq(clock_ns_to_ticks(-5, 1000), 0);
    ck_assert_uint_eq(clock_ns_to_ticks(INT64_MAX, 1500000000ull), 13835058055282163710ull);
    for (uint64_t t = 0; t < 100000; t += 17) {
        int64_t ns = clock_ticks_to_ns(t, 3579545);

        ck_assert_uint_eq(clock_ns_to_ticks(ns, 3579545), t);
        if (t)
            ck_assert_uint_eq(clock_ns_to_ticks(ns - 1, 3579545), t - 1);
    }
}
END_TEST

TEST_MAIN("timer", test_manual, test_heap, test_mainloop, test_deferred, test_fd, test_queue,
          test_monotonic, test_ticks)
