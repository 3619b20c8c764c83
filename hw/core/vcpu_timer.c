/* SPDX-License-Identifier: MIT */
/*
 * The timers of vCPUs: one queue per vCPU, and one thread that waits for all
 * their timerfds and kicks the vCPU whose deadline has passed.
 */
#include "hw/core/clock.h"

#include "hw/core/timerq.h"
#include "system/cpu.h"
#include "util/base.h"
#include "util/error.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>

#define VCPU_QUEUES_MAX 1024

static struct timer_queue *vcpu_queues[VCPU_QUEUES_MAX]; /* by index; atomic */
static pthread_mutex_t create_lock = PTHREAD_MUTEX_INITIALIZER;
static int epoll_fd = -1;

static void kick_vcpu(void *opaque)
{
    vcpu_kick(opaque);
}

static void fired(unsigned index)
{
    struct timer_queue *q = __atomic_load_n(&vcpu_queues[index], __ATOMIC_ACQUIRE);
    struct vcpu *vcpu = vcpu_get(index);

    timer_queue_fd_fired(q);
    if (vcpu)
        vcpu_kick(vcpu);
}

static void *watcher(void *arg)
{
    struct epoll_event events[16];
    int n;

    for (;;) {
        n = epoll_wait(epoll_fd, events, ARRAY_SIZE(events), -1);
        for (int i = 0; i < n; i++)
            fired(events[i].data.u32);
    }
    return NULL;
}

static void start_watcher(void)
{
    sigset_t all, old;
    pthread_t thread;
    int ret;

    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    ret = epoll_fd < 0 ? errno : pthread_create(&thread, NULL, watcher, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (ret) {
        error_report("cannot start the timer thread: %s", strerror(ret));
        exit(EXIT_FAILURE);
    }
    pthread_setname_np(thread, "timer-watch");
    pthread_detach(thread);
}

static struct timer_queue *create_queue(struct vcpu *vcpu)
{
    unsigned index = vcpu_index(vcpu);
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = index};
    struct timer_queue *q = timer_queue_new(CLK_VIRTUAL, kick_vcpu, vcpu);

    if (epoll_fd < 0)
        start_watcher();
    __atomic_store_n(&vcpu_queues[index], q, __ATOMIC_RELEASE);
    if (timer_queue_fd(q) < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_queue_fd(q), &ev) < 0) {
        error_report("cannot make a timer for CPU %u: %s", index, strerror(errno));
        exit(EXIT_FAILURE);
    }
    return q;
}

static struct timer_queue *queue_of(struct vcpu *vcpu)
{
    unsigned index = vcpu_index(vcpu);

    assert(index < VCPU_QUEUES_MAX);
    return __atomic_load_n(&vcpu_queues[index], __ATOMIC_ACQUIRE);
}

void timer_init_vcpu(struct timer *t, struct vcpu *vcpu, void (*cb)(void *opaque), void *opaque)
{
    struct timer_queue *q;

    pthread_mutex_lock(&create_lock);
    q = queue_of(vcpu);
    if (!q)
        q = create_queue(vcpu);
    pthread_mutex_unlock(&create_lock);
    timer_init_queue(t, q, cb, opaque);
}

void vcpu_timers_run(struct vcpu *vcpu)
{
    struct timer_queue *q = queue_of(vcpu);

    if (q)
        timer_queue_run(q);
}

int64_t vcpu_timers_deadline(struct vcpu *vcpu)
{
    struct timer_queue *q = queue_of(vcpu);

    return q ? timer_queue_deadline(q) : TIMER_NEVER;
}

void vcpu_timers_watch(struct vcpu *vcpu, bool executing)
{
    struct timer_queue *q = queue_of(vcpu);

    if (q)
        timer_queue_watch(q, executing);
}
