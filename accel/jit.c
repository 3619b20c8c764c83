/* SPDX-License-Identifier: MIT */
/*
 * The accelerators that translate: jit (the host's code generator) and interp. One thread per
 * vCPU around exec_run(); the vCPU part of system/cpu.h.
 *
 * A vCPU that has nothing to do (HLT, waiting for SIPI) first spins for a moment, if that has paid
 * off lately, then sleeps until an event, a kick, or the deadline of its own timers.
 */
#include "accel/accel.h"

#include "hw/core/clock.h"
#include "hw/core/lock.h"
#include "system/cpu.h"
#include "system/cpu_inspect.h"
#include "system/runstate.h"
#include "translator/backend.h"
#include "translator/debug.h"
#include "translator/exec.h"
#include "translator/profile.h"
#include "util/error.h"
#include "util/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define SPIN_MIN_NS 1000
#define SPIN_MAX_NS 40000

#pragma weak backend_x86_64 /* hosts without it interpret */

struct work {
    void (*fn)(struct vcpu *cpu, void *arg);
    void *arg;
    bool done;
    struct work *next;
};

struct jit_vcpu {
    int tid;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t wake;     /* the vCPU sleeps here */
    pthread_cond_t finished; /* those who gave work wait here */
    struct work *work;       /* in order */
    bool sleeping;           /* with the lock; read by wakers under it */
    bool away;               /* in the gate or not running: others may act for it */
    unsigned borrowed;       /* others acting for it now */
    int64_t spin_ns;
};

static struct jit_vcpu *jit_of(struct vcpu *cpu)
{
    return cpu->accel;
}

/* --- system/cpu.h ----------------------------------------------------------------------- */

unsigned vcpu_count(void)
{
    return exec_vcpu_count();
}

struct vcpu *vcpu_get(unsigned index)
{
    return exec_vcpu(index);
}

struct vcpu *vcpu_current(void)
{
    return exec_current();
}

unsigned vcpu_index(const struct vcpu *cpu)
{
    return cpu->index;
}

/*
 * A processor takes an NMI within an instruction, so that of two in a row the second one waits until
 * the first one's handler returns. Here the first may still wait: then both do.
 */
static void add_events(struct vcpu *cpu, uint32_t events)
{
    uint32_t old = atomic_load(&cpu->events), new;

    do
        new = old | events | (old & events & VCPU_EV_NMI ? VCPU_EV_NMI2 : 0);
    while (!atomic_compare_exchange_weak(&cpu->events, &old, new));
}

void vcpu_raise_event(struct vcpu *cpu, uint32_t events)
{
    struct jit_vcpu *j = jit_of(cpu);

    add_events(cpu, events);
    vcpu_poll_request(cpu);
    if (cpu == exec_current() || !j)
        return;
    pthread_mutex_lock(&j->lock);
    if (j->sleeping)
        pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
}

void vcpu_lower_event(struct vcpu *cpu, uint32_t events)
{
    atomic_fetch_and(&cpu->events, ~events);
}

void vcpu_kick(struct vcpu *cpu)
{
    vcpu_raise_event(cpu, VCPU_EV_STOP);
}

int vcpu_thread_id(const struct vcpu *cpu)
{
    return __atomic_load_n(&((const struct jit_vcpu *)cpu->accel)->tid, __ATOMIC_RELAXED);
}

/* --- work from other threads --------------------------------------------------------------- */

static void run_work(struct vcpu *cpu)
{
    struct jit_vcpu *j = jit_of(cpu);
    struct work *w;

    pthread_mutex_lock(&j->lock);
    while ((w = j->work)) {
        j->work = w->next;
        pthread_mutex_unlock(&j->lock);
        w->fn(cpu, w->arg);
        pthread_mutex_lock(&j->lock);
        w->done = true;
        pthread_cond_broadcast(&j->finished);
    }
    pthread_mutex_unlock(&j->lock);
}

static void append_work(struct jit_vcpu *j, struct work *w)
{
    struct work **link = &j->work;

    while (*link)
        link = &(*link)->next;
    *link = w;
}

/* With the lock, given up meanwhile. */
static void act_for(struct vcpu *cpu, const struct work *w)
{
    struct jit_vcpu *j = jit_of(cpu);

    j->borrowed++;
    pthread_mutex_unlock(&j->lock);
    w->fn(cpu, w->arg);
    pthread_mutex_lock(&j->lock);
    j->borrowed--;
    pthread_cond_broadcast(&j->finished);
}

static void give_work(struct vcpu *cpu, struct work *w)
{
    struct jit_vcpu *j = jit_of(cpu);

    append_work(j, w);
    pthread_mutex_unlock(&j->lock);
    vcpu_kick(cpu);
    pthread_mutex_lock(&j->lock);
    while (!w->done)
        pthread_cond_wait(&j->finished, &j->lock);
}

/* The vCPU may need the device lock to get to its work, so the caller gives it up meanwhile. */
void vcpu_run_on(struct vcpu *cpu, void (*fn)(struct vcpu *cpu, void *arg), void *arg)
{
    struct jit_vcpu *j = jit_of(cpu);
    struct work w = {.fn = fn, .arg = arg};
    bool locked = device_locked();

    if (cpu == exec_current()) {
        fn(cpu, arg);
        return;
    }
    if (locked)
        device_unlock();
    pthread_mutex_lock(&j->lock);
    if (j->away)
        act_for(cpu, &w);
    else
        give_work(cpu, &w);
    pthread_mutex_unlock(&j->lock);
    if (locked)
        device_lock();
}

void cpus_pause(void)
{
    bool taken = device_lock_acquire();

    vcpu_gate_close();
    device_lock_restore(taken);
}

void cpus_resume(void)
{
    bool taken = device_lock_acquire();

    vcpu_gate_open();
    device_lock_restore(taken);
}

static void log_reset(struct vcpu *cpu)
{
    GString *text;

    if (!log_enabled(LOG_CPU_RESET))
        return;
    text = g_string_new(NULL);
    vcpu_describe(cpu, log_enabled(LOG_FPU), text);
    log_printf("reset of cpu %u\n%s", cpu->index, text->str);
    g_string_free(text, TRUE);
}

/* While they are paused. */
void cpus_reset(void)
{
    for (unsigned n = 0; n < exec_vcpu_count(); n++) {
        struct vcpu *cpu = exec_vcpu(n);

        atomic_fetch_and(&cpu->events, VCPU_EV_INTR | VCPU_EV_STOP);
        cpu->halted = false;
        frontend->reset(cpu);
        log_reset(cpu);
        vcpu_flush_everything(cpu);
        vcpu_context_changed(cpu);
        vcpu_poll_request(cpu);
    }
}

void cpus_raise_nmi(void)
{
    for (unsigned n = 0; n < exec_vcpu_count(); n++)
        vcpu_raise_event(exec_vcpu(n), VCPU_EV_NMI);
}

/* --- sleeping --------------------------------------------------------------------------------- */

static int64_t monotonic_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

static bool wanted(struct vcpu *cpu)
{
    return __atomic_load_n(&cpu->poll, __ATOMIC_SEQ_CST);
}

static bool timer_due(struct vcpu *cpu)
{
    int64_t deadline = vcpu_timers_deadline(cpu);

    return deadline != TIMER_NEVER && deadline <= clock_now(CLK_VIRTUAL);
}

/* True: something came while spinning. */
static bool spin(struct vcpu *cpu, int64_t ns)
{
    int64_t end = monotonic_ns() + ns;

    do {
        for (unsigned i = 0; i < 16; i++) {
            if (wanted(cpu))
                return true;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
        if (timer_due(cpu))
            return true;
    } while (monotonic_ns() < end);
    return false;
}

static void sleep_until(struct vcpu *cpu, int64_t wait_ns)
{
    struct jit_vcpu *j = jit_of(cpu);
    int64_t end = wait_ns == TIMER_NEVER ? TIMER_NEVER : monotonic_ns() + wait_ns;
    struct timespec t = {.tv_sec = end / NS_PER_SEC, .tv_nsec = end % NS_PER_SEC};

    pthread_mutex_lock(&j->lock);
    j->sleeping = true;
    while (!wanted(cpu)) {
        if (wait_ns == TIMER_NEVER)
            pthread_cond_wait(&j->wake, &j->lock);
        else if (pthread_cond_timedwait(&j->wake, &j->lock, &t) == ETIMEDOUT)
            break;
    }
    j->sleeping = false;
    pthread_mutex_unlock(&j->lock);
}

/* Spin longer after short rests, less after long ones. */
static void adapt_spin(struct jit_vcpu *j, int64_t rested)
{
    if (rested < SPIN_MAX_NS)
        j->spin_ns = MIN(j->spin_ns * 2, (int64_t)SPIN_MAX_NS);
    else
        j->spin_ns = MAX(j->spin_ns / 2, (int64_t)SPIN_MIN_NS);
}

static void rest(struct vcpu *cpu)
{
    struct jit_vcpu *j = jit_of(cpu);
    int64_t start = monotonic_ns(), deadline;

    if (!spin(cpu, j->spin_ns)) {
        vcpu_timers_watch(cpu, false);
        deadline = vcpu_timers_deadline(cpu);
        if (deadline != TIMER_NEVER)
            deadline = MAX(deadline - clock_now(CLK_VIRTUAL), (int64_t)0);
        if (deadline)
            sleep_until(cpu, deadline);
        vcpu_timers_watch(cpu, true);
    }
    adapt_spin(j, monotonic_ns() - start);
}

/* A debugger lets others run but not this one. */
static void hold(struct vcpu *cpu)
{
    struct jit_vcpu *j = jit_of(cpu);

    pthread_mutex_lock(&j->lock);
    j->sleeping = true;
    while (debug_held(cpu) && !vcpu_gate_closed() && !j->work)
        pthread_cond_wait(&j->wake, &j->lock);
    j->sleeping = false;
    pthread_mutex_unlock(&j->lock);
}

/* --- threads ---------------------------------------------------------------------------------- */

static bool pass_gate(struct vcpu *cpu)
{
    struct jit_vcpu *j = jit_of(cpu);
    bool go_on;

    if (!vcpu_gate_closed())
        return true;
    run_work(cpu);
    pthread_mutex_lock(&j->lock);
    j->away = true;
    pthread_mutex_unlock(&j->lock);
    go_on = vcpu_gate_pass(cpu);
    pthread_mutex_lock(&j->lock);
    while (j->borrowed)
        pthread_cond_wait(&j->finished, &j->lock);
    j->away = !go_on;
    pthread_mutex_unlock(&j->lock);
    return go_on;
}

static void *vcpu_thread(void *arg)
{
    struct vcpu *cpu = arg;
    char name[16];

    __atomic_store_n(&jit_of(cpu)->tid, gettid(), __ATOMIC_RELAXED);
    snprintf(name, sizeof(name), "vcpu %u", cpu->index % 1000);
    pthread_setname_np(pthread_self(), name);
    exec_set_current(cpu);
    vcpu_gate_join(cpu);
    while (pass_gate(cpu)) {
        atomic_fetch_and(&cpu->events, ~(uint32_t)(VCPU_EV_STOP | VCPU_EV_TIMER));
        if (vcpu_gate_closed())
            continue;
        run_work(cpu);
        vcpu_timers_run(cpu);
        if (unlikely(debug_held(cpu))) {
            hold(cpu);
            continue;
        }
        exec_run(cpu);
        if (unlikely(debug_held(cpu)))
            debug_report(cpu);
        else if (!wanted(cpu) && !(atomic_load(&cpu->events) & (VCPU_EV_STOP | VCPU_EV_TIMER)))
            rest(cpu);
    }
    run_work(cpu);
    vcpu_gate_leave(cpu);
    return NULL;
}

/* --- life --------------------------------------------------------------------------------------- */

static struct jit_vcpu *new_jit_vcpu(void)
{
    struct jit_vcpu *j = calloc(1, sizeof(*j));
    pthread_condattr_t attr;

    if (!j)
        return NULL;
    j->away = true;
    j->spin_ns = SPIN_MIN_NS;
    pthread_mutex_init(&j->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&j->wake, &attr);
    pthread_condattr_destroy(&attr);
    pthread_cond_init(&j->finished, NULL);
    return j;
}

static int create_vcpu(struct error **err)
{
    struct vcpu *cpu = vcpu_alloc(frontend->cpu_size);
    int ret;

    if (!cpu)
        return error_set_errno(err, ENOMEM, "cannot make a vCPU");
    cpu->accel = new_jit_vcpu();
    ret = cpu->accel ? exec_vcpu_init(cpu) : -ENOMEM;
    if (ret) {
        free(cpu->accel);
        vcpu_free(cpu, frontend->cpu_size);
        return error_set_errno(err, -ret, "cannot make a vCPU");
    }
    frontend->reset(cpu);
    vcpu_context_changed(cpu);
    return 0;
}

static int start(struct error **err)
{
    for (unsigned n = 0; n < exec_vcpu_count(); n++) {
        struct vcpu *cpu = exec_vcpu(n);
        int ret = pthread_create(&jit_of(cpu)->thread, NULL, vcpu_thread, cpu);

        if (ret)
            return error_set_errno(err, ret, "cannot start a vCPU's thread");
        jit_of(cpu)->started = true;
    }
    return 0;
}

/* A thread that has hardly begun still wants the lock, to find the gate shut for ever. */
static void wait_for_end(pthread_t thread)
{
    bool locked = device_locked();

    if (locked)
        device_unlock();
    pthread_join(thread, NULL);
    if (locked)
        device_lock();
}

static void free_vcpu(struct vcpu *cpu)
{
    struct jit_vcpu *j = jit_of(cpu);

    if (j->started)
        wait_for_end(j->thread);
    exec_vcpu_fini(cpu);
    pthread_mutex_destroy(&j->lock);
    pthread_cond_destroy(&j->wake);
    pthread_cond_destroy(&j->finished);
    free(j);
    vcpu_free(cpu, frontend->cpu_size);
}

static void stop(void)
{
    for (unsigned n = exec_vcpu_count(); n-- > 0;)
        free_vcpu(exec_vcpu(n));
    exec_stop();
}

static size_t code_size(const struct accel_config *config)
{
    return config->code_size ? config->code_size : TB_CODE_SIZE_DEFAULT;
}

static int init_interp(const struct accel_config *config, const struct frontend_ops *fe,
                       struct error **err)
{
    return exec_start(fe, &backend_interp, code_size(config), err);
}

static int init_jit(const struct accel_config *config, const struct frontend_ops *fe,
                    struct error **err)
{
    if (config->profile)
        profile_enable();
    return exec_start(fe, &backend_x86_64, code_size(config), err);
}

static bool jit_available(struct error **err)
{
    const struct backend_ops *volatile be = &backend_x86_64;

    if (be)
        return true;
    error_set(err, "there is no code generator for this host");
    return false;
}

const struct accel_ops accel_jit = {
    .name = "jit",
    .alias = "tcg",
    .help = "translator to host code; properties tb-size=MiB, profile=on|off",
    .available = jit_available,
    .init = init_jit,
    .create_vcpu = create_vcpu,
    .start = start,
    .stop = stop,
    .print_stats = exec_print_stats,
};

const struct accel_ops accel_interp = {
    .name = "interp",
    .help = "interpreter of the translator's intermediate code: slow, for tests",
    .init = init_interp,
    .create_vcpu = create_vcpu,
    .start = start,
    .stop = stop,
    .print_stats = exec_print_stats,
};
