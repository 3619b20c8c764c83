/* SPDX-License-Identifier: MIT */
/*
 * Run states, requests and the exit status.
 *
 * Requests are bits and small values behind a mutex of their own (any thread
 * may make them, with or without the device lock); the main loop takes them all
 * at once and carries them out in a fixed order.
 */
#include "system/runstate.h"

#include "hw/core/clock.h"
#include "hw/core/device.h"
#include "hw/core/lock.h"
#include "system/actions.h"
#include "system/gate.h"
#include "system/mainloop.h"
#include "util/mgmt_event.h"
#include "util/trace.h"

#include <pthread.h>

struct requests {
    enum shutdown_cause shutdown;
    enum reset_reason reset;
    enum wakeup_reason wakeup;
    enum runstate stop;
    uint32_t debug_exit;
    bool powerdown, suspend, panicked, has_wakeup, has_stop;
};

static pthread_mutex_t request_lock = PTHREAD_MUTEX_INITIALIZER;
static struct requests pending;
static uint32_t wakeup_enabled = ~0u;

static enum runstate state = RUNSTATE_PRELAUNCH; /* atomic */
static bool gate_shut = true; /* the machine is stopped: the gate's first closing */
static enum shutdown_cause final_cause;
static uint32_t final_debug_exit;

enum notifier_kind {
    NOTIFY_CHANGE,
    NOTIFY_POWERDOWN,
    NOTIFY_SUSPEND,
    NOTIFY_WAKEUP,
    NOTIFY_RESET,
    NOTIFY_SHUTDOWN,
    NOTIFY_COUNT,
};

static struct notifier_list notifiers[NOTIFY_COUNT] = {
    NOTIFIER_LIST_INIT(notifiers[NOTIFY_CHANGE]),  NOTIFIER_LIST_INIT(notifiers[NOTIFY_POWERDOWN]),
    NOTIFIER_LIST_INIT(notifiers[NOTIFY_SUSPEND]), NOTIFIER_LIST_INIT(notifiers[NOTIFY_WAKEUP]),
    NOTIFIER_LIST_INIT(notifiers[NOTIFY_RESET]),   NOTIFIER_LIST_INIT(notifiers[NOTIFY_SHUTDOWN]),
};

/* --- state ---------------------------------------------------------------- */

const char *runstate_name(enum runstate s)
{
    static const char *const names[RUNSTATE_COUNT] = {
        [RUNSTATE_PRELAUNCH] = "prelaunch",
        [RUNSTATE_RUNNING] = "running",
        [RUNSTATE_PAUSED] = "paused",
        [RUNSTATE_DEBUG] = "debug",
        [RUNSTATE_SUSPENDED] = "suspended",
        [RUNSTATE_SHUTDOWN] = "shutdown",
        [RUNSTATE_GUEST_PANICKED] = "guest-panicked",
        [RUNSTATE_IO_ERROR] = "io-error",
        [RUNSTATE_WATCHDOG] = "watchdog",
        [RUNSTATE_INTERNAL_ERROR] = "internal-error",
        [RUNSTATE_INMIGRATE] = "inmigrate",
        [RUNSTATE_SAVE] = "save-vm",
        [RUNSTATE_RESTORE] = "restore-vm",
    };

    return names[s];
}

enum runstate runstate_get(void)
{
    return __atomic_load_n(&state, __ATOMIC_ACQUIRE);
}

bool runstate_is_running(void)
{
    return runstate_get() == RUNSTATE_RUNNING;
}

/* Change state and tell. */
static void enter_state(enum runstate next)
{
    TRACE(runstate, "%s -> %s", runstate_name(state), runstate_name(next));
    __atomic_store_n(&state, next, __ATOMIC_RELEASE);
    notifier_notify(&notifiers[NOTIFY_CHANGE], &next);
}

static void release_vcpus(void)
{
    clock_virtual_start();
    if (gate_shut) {
        gate_shut = false;
        vcpu_gate_open();
    }
}

static void hold_vcpus(void)
{
    if (!gate_shut) {
        gate_shut = true;
        vcpu_gate_close();
    }
}

void vm_start(void)
{
    assert(device_locked());
    if (runstate_is_running())
        return;
    enter_state(RUNSTATE_RUNNING);
    release_vcpus();
    mgmt_event_plain("RESUME");
}

void vm_stop(enum runstate next)
{
    assert(device_locked() && next != RUNSTATE_RUNNING);
    bool was_running = runstate_is_running();

    hold_vcpus();
    if (runstate_get() == next)
        return;
    clock_virtual_stop();
    enter_state(next);
    if (was_running)
        mgmt_event_plain("STOP");
}

void vm_step(bool go)
{
    assert(device_locked());
    if (runstate_is_running())
        return;
    if (!go) {
        hold_vcpus();
    } else if (gate_shut) {
        gate_shut = false;
        vcpu_gate_open();
    }
}

/* --- requests ------------------------------------------------------------- */

/* Lock, change `pending`, wake the main loop. */
static struct requests *begin_request(void)
{
    pthread_mutex_lock(&request_lock);
    return &pending;
}

static void end_request(void)
{
    pthread_mutex_unlock(&request_lock);
    mainloop_wakeup();
}

/* The same for what the guest shall not outrun. */
static void end_final_request(void)
{
    gate_hold();
    end_request();
}

/* Let the vCPUs go unless there is another such request by now. */
static void release_held(void)
{
    pthread_mutex_lock(&request_lock);
    if (pending.shutdown == SHUTDOWN_NONE && pending.reset == RESET_REASON_NONE &&
        !pending.suspend && !pending.panicked)
        gate_release_held();
    pthread_mutex_unlock(&request_lock);
}

void runstate_request_reset(enum reset_reason reason)
{
    bool ends = action_get(ACTION_REBOOT) == REBOOT_SHUTDOWN && reason != RESET_REASON_WAKE &&
                reason != RESET_REASON_HOST;
    struct requests *r = begin_request();

    TRACE(request_reset, "reason %d", reason);
    if (!ends)
        r->reset = reason;
    else if (r->shutdown == SHUTDOWN_NONE)
        r->shutdown = SHUTDOWN_GUEST_RESET;
    end_final_request();
}

void runstate_request_shutdown(enum shutdown_cause cause)
{
    struct requests *r = begin_request();

    TRACE(request_shutdown, "cause %s", shutdown_cause_name(cause));
    if (r->shutdown == SHUTDOWN_NONE || cause == SHUTDOWN_INTERNAL_ERROR)
        r->shutdown = cause;
    end_final_request();
}

void runstate_request_debug_exit(uint32_t value)
{
    struct requests *r = begin_request();

    if (r->shutdown == SHUTDOWN_NONE) {
        r->shutdown = SHUTDOWN_DEBUG_EXIT;
        r->debug_exit = value;
    }
    end_final_request();
}

void runstate_request_powerdown(void)
{
    begin_request()->powerdown = true;
    end_request();
}

void runstate_request_panic(void)
{
    begin_request()->panicked = true;
    end_final_request();
}

void runstate_request_suspend(void)
{
    begin_request()->suspend = true;
    end_final_request();
}

void runstate_request_wakeup(enum wakeup_reason reason)
{
    struct requests *r = begin_request();

    if (wakeup_enabled & BIT(reason)) {
        r->has_wakeup = true;
        r->wakeup = reason;
    }
    end_request();
}

void runstate_wakeup_enable(enum wakeup_reason reason, bool enable)
{
    begin_request();
    wakeup_enabled =
        enable ? wakeup_enabled | (uint32_t)BIT(reason) : wakeup_enabled & ~(uint32_t)BIT(reason);
    end_request();
}

void runstate_request_stop(enum runstate next)
{
    struct requests *r = begin_request();

    r->has_stop = true;
    r->stop = next;
    end_request();
}

/* --- carrying them out ---------------------------------------------------- */

static enum reset_kind reset_kind_of(enum reset_reason reason)
{
    switch (reason) {
    case RESET_REASON_GUEST_WARM:
    case RESET_REASON_TRIPLE_FAULT:
        return RESET_WARM;
    case RESET_REASON_WAKE:
        return RESET_WAKE;
    default:
        return RESET_COLD;
    }
}

static void tell_reset(enum reset_reason reason)
{
    bool host = reason == RESET_REASON_HOST;

    if (reason != RESET_REASON_WAKE)
        mgmt_event("RESET", MGMT_BOOL("guest", !host),
                   MGMT_STR("reason", host ? "host-qmp-system-reset" : "guest-reset"));
}

static void do_reset(enum reset_reason reason)
{
    vcpu_gate_close();
    device_reset_all(reset_kind_of(reason));
    notifier_notify(&notifiers[NOTIFY_RESET], &reason);
    vcpu_gate_open();
    tell_reset(reason);
    /* What was over begins anew, when somebody says so. */
    if (runstate_get() == RUNSTATE_SHUTDOWN || runstate_get() == RUNSTATE_GUEST_PANICKED ||
        runstate_get() == RUNSTATE_INTERNAL_ERROR)
        enter_state(RUNSTATE_PRELAUNCH);
}

/* S3: the vCPUs rest, the clock and the wakeup devices go on. */
static void do_suspend(void)
{
    if (!runstate_is_running())
        return;
    hold_vcpus();
    enter_state(RUNSTATE_SUSPENDED);
    notifier_notify(&notifiers[NOTIFY_SUSPEND], NULL);
    mgmt_event_plain("SUSPEND");
}

static void do_wakeup(enum wakeup_reason reason)
{
    if (runstate_get() != RUNSTATE_SUSPENDED)
        return;
    notifier_notify(&notifiers[NOTIFY_WAKEUP], &reason);
    do_reset(RESET_REASON_WAKE);
    enter_state(RUNSTATE_RUNNING);
    release_vcpus();
    mgmt_event_plain("WAKEUP");
}

/* Guest-caused ends are held back by -no-shutdown. */
static bool held_back(enum shutdown_cause cause)
{
    bool pause = action_get(ACTION_SHUTDOWN) == SHUTDOWN_PAUSE;

    return pause && (cause == SHUTDOWN_GUEST_POWEROFF || cause == SHUTDOWN_GUEST_RESET ||
                     cause == SHUTDOWN_GUEST_PANIC);
}

/* The names clients know: ShutdownCause of monitor/types.def. */
static void tell_shutdown(enum shutdown_cause cause)
{
    static const struct {
        const char *reason;
        bool guest;
    } rows[SHUTDOWN_COUNT] = {
        [SHUTDOWN_NONE] = {"none", false},
        [SHUTDOWN_GUEST_POWEROFF] = {"guest-shutdown", true},
        [SHUTDOWN_GUEST_RESET] = {"guest-reset", true},
        [SHUTDOWN_GUEST_PANIC] = {"guest-panic", true},
        [SHUTDOWN_DEBUG_EXIT] = {"guest-shutdown", true},
        [SHUTDOWN_HOST_QUIT] = {"host-qmp-quit", false},
        [SHUTDOWN_HOST_SIGNAL] = {"host-signal", false},
        [SHUTDOWN_HOST_ERROR] = {"host-error", false},
        [SHUTDOWN_INTERNAL_ERROR] = {"host-error", false},
    };

    mgmt_event("SHUTDOWN", MGMT_BOOL("guest", rows[cause].guest),
               MGMT_STR("reason", rows[cause].reason));
}

static bool do_shutdown(const struct requests *r)
{
    enum shutdown_cause cause = r->shutdown;

    tell_shutdown(cause);
    if (held_back(cause)) {
        vm_stop(cause == SHUTDOWN_GUEST_PANIC ? RUNSTATE_GUEST_PANICKED : RUNSTATE_SHUTDOWN);
        return false;
    }
    final_cause = cause;
    final_debug_exit = r->debug_exit;
    notifier_notify(&notifiers[NOTIFY_SHUTDOWN], &cause);
    return true;
}

/* The guest has crashed and waits: go on as if nothing was, stand still, or end. */
static void do_panic(void)
{
    bool ends = action_get(ACTION_PANIC) == PANIC_EXIT_FAILURE ||
                (action_get(ACTION_PANIC) == PANIC_SHUTDOWN &&
                 action_get(ACTION_SHUTDOWN) == SHUTDOWN_POWEROFF);

    if (action_get(ACTION_PANIC) == PANIC_NONE) {
        mgmt_event("GUEST_PANICKED", MGMT_STR("action", "run"));
        return;
    }
    mgmt_event("GUEST_PANICKED", MGMT_STR("action", ends ? "poweroff" : "pause"));
    vm_stop(RUNSTATE_GUEST_PANICKED);
    if (ends)
        runstate_request_shutdown(SHUTDOWN_GUEST_PANIC);
}

static bool carry_out(const struct requests *r)
{
    if (r->has_stop)
        vm_stop(r->stop);
    if (r->panicked)
        do_panic();
    if (r->shutdown != SHUTDOWN_NONE && do_shutdown(r))
        return true;
    if (r->reset != RESET_REASON_NONE)
        do_reset(r->reset);
    if (r->suspend)
        do_suspend();
    if (r->has_wakeup)
        do_wakeup(r->wakeup);
    if (r->powerdown) {
        mgmt_event_plain("POWERDOWN");
        notifier_notify(&notifiers[NOTIFY_POWERDOWN], NULL);
    }
    return false;
}

bool runstate_process_requests(void)
{
    struct requests r;
    bool end;

    assert(device_locked());
    pthread_mutex_lock(&request_lock);
    r = pending;
    memset(&pending, 0, sizeof(pending));
    pthread_mutex_unlock(&request_lock);

    end = carry_out(&r);
    if (!end)
        release_held();
    return end;
}

/* --- the end -------------------------------------------------------------- */

static const struct {
    const char *name;
    int status;
} causes[SHUTDOWN_COUNT] = {
    [SHUTDOWN_NONE] = {"none", 0},
    [SHUTDOWN_GUEST_POWEROFF] = {"guest-shutdown", 0},
    [SHUTDOWN_GUEST_RESET] = {"guest-reset", 0},
    [SHUTDOWN_GUEST_PANIC] = {"guest-panic", 0},
    [SHUTDOWN_DEBUG_EXIT] = {"debug-exit", 0},
    [SHUTDOWN_HOST_QUIT] = {"host-quit", 0},
    [SHUTDOWN_HOST_SIGNAL] = {"host-signal", 0},
    [SHUTDOWN_HOST_ERROR] = {"host-error", EXIT_STATUS_ERROR},
    [SHUTDOWN_INTERNAL_ERROR] = {"internal-error", EXIT_STATUS_INTERNAL},
};

const char *shutdown_cause_name(enum shutdown_cause cause)
{
    return causes[cause].name;
}

enum shutdown_cause runstate_shutdown_cause(void)
{
    return final_cause;
}

int runstate_exit_status(void)
{
    if (final_cause == SHUTDOWN_DEBUG_EXIT)
        return (int)((final_debug_exit << 1 | 1) & 0xff);
    if (final_cause == SHUTDOWN_GUEST_PANIC && action_get(ACTION_PANIC) == PANIC_EXIT_FAILURE)
        return EXIT_STATUS_ERROR;
    return causes[final_cause].status;
}

/* --- notifiers ------------------------------------------------------------ */

void runstate_add_change_notifier(struct notifier *n)
{
    notifier_add(&notifiers[NOTIFY_CHANGE], n);
}

void runstate_add_powerdown_notifier(struct notifier *n)
{
    notifier_add(&notifiers[NOTIFY_POWERDOWN], n);
}

void runstate_add_suspend_notifier(struct notifier *n)
{
    notifier_add(&notifiers[NOTIFY_SUSPEND], n);
}

void runstate_add_wakeup_notifier(struct notifier *n)
{
    notifier_add(&notifiers[NOTIFY_WAKEUP], n);
}

void runstate_add_reset_notifier(struct notifier *n)
{
    notifier_add(&notifiers[NOTIFY_RESET], n);
}

void runstate_add_shutdown_notifier(struct notifier *n)
{
    notifier_add(&notifiers[NOTIFY_SHUTDOWN], n);
}

void runstate_remove_notifier(struct notifier *n)
{
    struct notifier *other;

    for (unsigned k = 0; k < NOTIFY_COUNT; k++) {
        TAILQ_FOREACH(other, &notifiers[k], link)
        {
            if (other == n) {
                notifier_remove(&notifiers[k], n);
                return;
            }
        }
    }
}
