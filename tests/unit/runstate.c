/* SPDX-License-Identifier: MIT */
/*
 * Run states, requests, exit status, the vCPU gate.
 */
#include "tests/test.h"

#include "hw/core/clock.h"
#include "hw/core/device.h"
#include "hw/core/lock.h"
#include "system/actions.h"
#include "system/gate.h"
#include "system/mainloop.h"
#include "system/runstate.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#define VCPUS 3

/* Stand-ins: their address is all the gate knows of a vCPU. */
static struct fake {
    pthread_t thread;
    unsigned long rounds; /* atomic */
    int inside;           /* atomic: runs guest code */
    int kicked;
} fakes[VCPUS];

static __thread struct vcpu *self;

static struct vcpu *current_fake(void)
{
    return self;
}

static void kick_fake(struct vcpu *vcpu)
{
    __atomic_store_n(&((struct fake *)vcpu)->kicked, 1, __ATOMIC_SEQ_CST);
}

static void *fake_loop(void *opaque)
{
    struct fake *f = opaque;
    struct vcpu *vcpu = opaque;

    self = vcpu;
    vcpu_gate_join(vcpu);
    while (vcpu_gate_pass(vcpu)) {
        __atomic_store_n(&f->inside, 1, __ATOMIC_SEQ_CST);
        while (!__atomic_exchange_n(&f->kicked, 0, __ATOMIC_SEQ_CST)) {
            __atomic_add_fetch(&f->rounds, 1, __ATOMIC_RELAXED);
            if (f->rounds % 8 == 0) { /* now and then an I/O access */
                device_lock();
                device_unlock();
            }
            usleep(10);
        }
        __atomic_store_n(&f->inside, 0, __ATOMIC_SEQ_CST);
    }
    vcpu_gate_leave(vcpu);
    return NULL;
}

static void setup(void)
{
    device_lock();
    gate_set_hooks(kick_fake, current_fake);
    ck_assert_int_eq(mainloop_init(NULL), 0);
}

static void start_fakes(void)
{
    for (unsigned i = 0; i < VCPUS; i++)
        pthread_create(&fakes[i].thread, NULL, fake_loop, &fakes[i]);
}

static void end_fakes(void)
{
    vcpu_gate_shutdown();
    device_unlock(); /* one that has not joined yet wants it */
    for (unsigned i = 0; i < VCPUS; i++)
        pthread_join(fakes[i].thread, NULL);
    device_lock();
}

/* Wait until vCPU 0 has run. */
static void see_running(void)
{
    unsigned long before = __atomic_load_n(&fakes[0].rounds, __ATOMIC_RELAXED);

    device_unlock();
    while (__atomic_load_n(&fakes[0].rounds, __ATOMIC_RELAXED) == before)
        usleep(10);
    device_lock();
}

static void check_parked(void)
{
    for (unsigned i = 0; i < VCPUS; i++)
        ck_assert_int_eq(__atomic_load_n(&fakes[i].inside, __ATOMIC_SEQ_CST), 0);
}

static enum runstate told;

static void state_changed(struct notifier *n, void *data)
{
    told = *(enum runstate *)data;
}

START_TEST(test_gate)
{
    struct notifier n = {.notify = state_changed};
    int64_t now;

    setup();
    runstate_add_change_notifier(&n);
    ck_assert_int_eq(runstate_get(), RUNSTATE_PRELAUNCH);
    start_fakes();
    check_parked();
    ck_assert_uint_eq(fakes[0].rounds, 0);
    for (unsigned i = 0; i < 20; i++) {
        vm_start();
        ck_assert_int_eq(told, RUNSTATE_RUNNING);
        see_running();
        vcpu_gate_close();
        check_parked();
        vcpu_gate_close(); /* nests */
        vcpu_gate_open();
        check_parked();
        vcpu_gate_open();
        see_running();
        vm_stop(RUNSTATE_PAUSED);
        check_parked();
        ck_assert_int_eq(told, RUNSTATE_PAUSED);
        now = clock_now(CLK_VIRTUAL);
        vcpu_gate_close();
        vcpu_gate_open();
        check_parked();
        ck_assert_int_eq(clock_now(CLK_VIRTUAL), now);
    }
    end_fakes();
    runstate_remove_notifier(&n);
    mainloop_fini();
}
END_TEST

static unsigned resets;
static enum reset_kind reset_seen;

static void count_reset(struct reset_handler *h, enum reset_kind kind)
{
    resets++;
    reset_seen = kind;
    check_parked();
}

static void *request_thread(void *opaque)
{
    runstate_request_reset(RESET_REASON_GUEST_WARM);
    return NULL;
}

START_TEST(test_reset)
{
    struct reset_handler h = {.reset = count_reset};
    pthread_t thread;

    setup();
    reset_handler_add(&h);
    start_fakes();
    vm_start();
    see_running();
    pthread_create(&thread, NULL, request_thread, NULL);
    while (!resets) {
        ck_assert(!runstate_process_requests());
        if (!resets)
            mainloop_iterate(true);
    }
    pthread_join(thread, NULL);
    ck_assert_int_eq(reset_seen, RESET_WARM);
    see_running();
    runstate_request_reset(RESET_REASON_HOST);
    ck_assert(!runstate_process_requests());
    ck_assert_int_eq(reset_seen, RESET_COLD);
    ck_assert_uint_eq(resets, 2);
    ck_assert_int_eq(action_set("reboot", "shutdown", NULL), 0);
    runstate_request_reset(RESET_REASON_TRIPLE_FAULT);
    ck_assert(runstate_process_requests());
    ck_assert_int_eq(runstate_shutdown_cause(), SHUTDOWN_GUEST_RESET);
    ck_assert_int_eq(runstate_exit_status(), 0);
    end_fakes();
    reset_handler_remove(&h);
    mainloop_fini();
}
END_TEST

/* A vCPU that asks for a reset does not run past it. */
static void *outrunner(void *opaque)
{
    struct fake *f = opaque;

    self = opaque;
    vcpu_gate_join(self);
    while (vcpu_gate_pass(self)) {
        runstate_request_reset(RESET_REASON_GUEST);
        ck_assert_int_eq(__atomic_exchange_n(&f->kicked, 0, __ATOMIC_SEQ_CST), 1);
        __atomic_add_fetch(&f->rounds, 1, __ATOMIC_SEQ_CST);
    }
    vcpu_gate_leave(self);
    return NULL;
}

START_TEST(test_hold)
{
    struct reset_handler h = {.reset = count_reset};

    setup();
    reset_handler_add(&h);
    pthread_create(&fakes[0].thread, NULL, outrunner, &fakes[0]);
    vm_start();
    for (unsigned i = 1; i <= 100; i++) {
        while (resets < i) {
            mainloop_iterate(true);
            runstate_process_requests();
        }
        ck_assert_uint_eq(fakes[0].rounds, i);
    }
    vcpu_gate_shutdown();
    device_unlock();
    pthread_join(fakes[0].thread, NULL);
    device_lock();
    reset_handler_remove(&h);
    mainloop_fini();
}
END_TEST

static unsigned powerdowns, suspends, wakeups;

static void count_powerdown(struct notifier *n, void *data)
{
    powerdowns++;
}

static void count_suspend(struct notifier *n, void *data)
{
    suspends++;
}

static void count_wakeup(struct notifier *n, void *data)
{
    wakeups++;
    ck_assert_int_eq(*(enum wakeup_reason *)data, WAKEUP_RTC);
}

START_TEST(test_suspend)
{
    struct notifier p = {.notify = count_powerdown}, s = {.notify = count_suspend},
                    w = {.notify = count_wakeup};
    int64_t now;

    setup();
    runstate_add_powerdown_notifier(&p);
    runstate_add_suspend_notifier(&s);
    runstate_add_wakeup_notifier(&w);
    start_fakes();
    vm_start();
    runstate_request_powerdown();
    runstate_request_wakeup(WAKEUP_RTC); /* nobody sleeps */
    ck_assert(!runstate_process_requests());
    ck_assert_uint_eq(powerdowns, 1);
    ck_assert_uint_eq(wakeups, 0);
    runstate_request_suspend();
    ck_assert(!runstate_process_requests());
    ck_assert_int_eq(runstate_get(), RUNSTATE_SUSPENDED);
    check_parked();
    now = clock_now(CLK_VIRTUAL);
    while (clock_now(CLK_VIRTUAL) == now)
        ;
    runstate_wakeup_enable(WAKEUP_OTHER, false);
    runstate_request_wakeup(WAKEUP_OTHER);
    ck_assert(!runstate_process_requests());
    ck_assert_int_eq(runstate_get(), RUNSTATE_SUSPENDED);
    runstate_request_wakeup(WAKEUP_RTC);
    ck_assert(!runstate_process_requests());
    ck_assert_uint_eq(wakeups, 1);
    see_running();
    runstate_request_stop(RUNSTATE_PAUSED);
    ck_assert(!runstate_process_requests());
    ck_assert_str_eq(runstate_name(runstate_get()), "paused");
    end_fakes();
    runstate_remove_notifier(&p);
    runstate_remove_notifier(&s);
    runstate_remove_notifier(&w);
    mainloop_fini();
}
END_TEST

START_TEST(test_exit)
{
    static const struct {
        enum shutdown_cause cause;
        int status;
    } rows[] = {
        {SHUTDOWN_GUEST_POWEROFF, 0}, {SHUTDOWN_GUEST_PANIC, 0}, {SHUTDOWN_HOST_QUIT, 0},
        {SHUTDOWN_HOST_SIGNAL, 0},    {SHUTDOWN_HOST_ERROR, 1},  {SHUTDOWN_INTERNAL_ERROR, 70},
    };

    setup();
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        runstate_request_shutdown(rows[i].cause);
        mainloop_run();
        ck_assert_int_eq(runstate_shutdown_cause(), rows[i].cause);
        ck_assert_int_eq(runstate_exit_status(), rows[i].status);
    }
    runstate_request_debug_exit(0x10);
    runstate_request_shutdown(SHUTDOWN_GUEST_POWEROFF); /* the first one counts */
    mainloop_run();
    ck_assert_int_eq(runstate_exit_status(), 0x21);
    ck_assert_int_eq(action_set("shutdown", "pause", NULL), 0);
    runstate_request_shutdown(SHUTDOWN_GUEST_POWEROFF);
    ck_assert(!runstate_process_requests());
    ck_assert_int_eq(runstate_get(), RUNSTATE_SHUTDOWN);
    runstate_request_shutdown(SHUTDOWN_HOST_QUIT);
    ck_assert(runstate_process_requests());
    mainloop_fini();
}
END_TEST

static void panic_with(const char *panic, const char *shutdown)
{
    ck_assert_int_eq(action_set("panic", panic, NULL), 0);
    ck_assert_int_eq(action_set("shutdown", shutdown, NULL), 0);
    vm_start();
    runstate_request_panic();
}

START_TEST(test_panic)
{
    setup();
    panic_with("none", "poweroff");
    ck_assert(!runstate_process_requests());
    ck_assert(runstate_is_running());
    panic_with("pause", "poweroff");
    ck_assert(!runstate_process_requests());
    ck_assert_int_eq(runstate_get(), RUNSTATE_GUEST_PANICKED);
    panic_with("shutdown", "pause");
    ck_assert(!runstate_process_requests());
    ck_assert_int_eq(runstate_get(), RUNSTATE_GUEST_PANICKED);
    panic_with("shutdown", "poweroff");
    mainloop_run();
    ck_assert_int_eq(runstate_shutdown_cause(), SHUTDOWN_GUEST_PANIC);
    ck_assert_int_eq(runstate_exit_status(), 0);
    panic_with("exit-failure", "poweroff");
    mainloop_run();
    ck_assert_int_eq(runstate_exit_status(), 1);
    ck_assert_int_eq(action_set("panic", "reset", NULL), -EINVAL);
    ck_assert_int_eq(action_set("reset", "shutdown", NULL), -EINVAL);
    mainloop_fini();
}
END_TEST

START_TEST(test_watchdog)
{
    static const char *const harmless[] = {"none", "debug"};

    setup();
    vm_start();
    for (size_t i = 0; i < ARRAY_SIZE(harmless); i++) {
        ck_assert_int_eq(action_set("watchdog", harmless[i], NULL), 0);
        watchdog_expired();
        ck_assert(!runstate_process_requests());
        ck_assert(runstate_is_running());
    }
    ck_assert_int_eq(action_set("watchdog", "pause", NULL), 0);
    watchdog_expired();
    ck_assert(!runstate_process_requests());
    ck_assert_int_eq(runstate_get(), RUNSTATE_WATCHDOG);
    ck_assert_int_eq(action_set("watchdog", "poweroff", NULL), 0);
    ck_assert_str_eq(action_name(ACTION_WATCHDOG), "poweroff");
    watchdog_expired();
    ck_assert(runstate_process_requests());
    mainloop_fini();
}
END_TEST

TEST_MAIN("runstate", test_gate, test_reset, test_hold, test_suspend, test_exit, test_panic,
          test_watchdog)
