/* SPDX-License-Identifier: MIT */
/*
 * Is the machine running, and who wants it otherwise.
 *
 * Requests may come from any thread (not from signal handlers), with or without
 * the device lock; the main loop carries them out. After a request for reset,
 * shutdown or suspend made on a vCPU thread, that vCPU is kicked and parks at the
 * gate until the request has been served: it does not run past its own reset.
 * Only the main thread changes the state.
 *
 * vCPU threads pass a gate: they join it, look at it in their run loop, and park
 * in it while the machine is stopped or somebody works on vCPU state.
 */
#ifndef SYSTEM_RUNSTATE_H
#define SYSTEM_RUNSTATE_H

#include "hw/core/notifier.h"
#include "util/base.h"

struct vcpu;

/* --- states --------------------------------------------------------------- */

enum runstate {
    RUNSTATE_PRELAUNCH, /* built, not started yet (-S stays here) */
    RUNSTATE_RUNNING,
    RUNSTATE_PAUSED,         /* stopped by a user */
    RUNSTATE_DEBUG,          /* stopped by the gdb stub */
    RUNSTATE_SUSPENDED,      /* the guest sleeps in S3, its clock runs */
    RUNSTATE_SHUTDOWN,       /* off, kept by -no-shutdown */
    RUNSTATE_GUEST_PANICKED, /* stopped after a panic */
    RUNSTATE_IO_ERROR,       /* stopped by a disk error */
    RUNSTATE_WATCHDOG,       /* stopped when the watchdog expired */
    RUNSTATE_INTERNAL_ERROR, /* we cannot go on */
    RUNSTATE_INMIGRATE,      /* waiting for state to arrive */
    RUNSTATE_SAVE,           /* writing a snapshot */
    RUNSTATE_RESTORE,        /* loading one */
    RUNSTATE_COUNT,
};

/* "running", "paused" ... (QMP's names). */
const char *runstate_name(enum runstate state);

/* Any thread. */
enum runstate runstate_get(void);
bool runstate_is_running(void);

/* --- requests ------------------------------------------------------------- */

enum shutdown_cause {
    SHUTDOWN_NONE,
    SHUTDOWN_GUEST_POWEROFF, /* ACPI S5 and its like */
    SHUTDOWN_GUEST_RESET,    /* a reset with -no-reboot */
    SHUTDOWN_GUEST_PANIC,    /* the guest has told of its crash */
    SHUTDOWN_DEBUG_EXIT,     /* the debug-exit port */
    SHUTDOWN_HOST_QUIT,      /* monitor quit, Ctrl-a x, window closed */
    SHUTDOWN_HOST_SIGNAL,    /* SIGINT, SIGTERM, SIGHUP */
    SHUTDOWN_HOST_ERROR,     /* something failed that the user was told of */
    SHUTDOWN_INTERNAL_ERROR, /* our own bug */
    SHUTDOWN_COUNT,
};

enum reset_reason {
    RESET_REASON_NONE,
    RESET_REASON_GUEST,        /* CF9, ACPI reset register: cold */
    RESET_REASON_GUEST_WARM,   /* keyboard controller, port 92h */
    RESET_REASON_TRIPLE_FAULT, /* warm */
    RESET_REASON_WATCHDOG,
    RESET_REASON_HOST, /* monitor system_reset */
    RESET_REASON_WAKE, /* resume from S3 */
    RESET_REASON_COUNT,
};

void runstate_request_reset(enum reset_reason reason);
void runstate_request_shutdown(enum shutdown_cause cause);

/* Write of `value` to the debug-exit port: status (value << 1) | 1. */
void runstate_request_debug_exit(uint32_t value);

/* Press the power button (ACPI devices hear of it by the notifier). */
void runstate_request_powerdown(void);

/* The guest has crashed: what follows is the action for `panic` (system/actions.h). */
void runstate_request_panic(void);

/* The guest goes to S3; a wakeup ends it, if its reason is enabled. */
enum wakeup_reason {
    WAKEUP_RTC,
    WAKEUP_PM_TIMER,
    WAKEUP_POWER_BUTTON,
    WAKEUP_OTHER,
    WAKEUP_COUNT,
};
void runstate_request_suspend(void);
void runstate_request_wakeup(enum wakeup_reason reason);
void runstate_wakeup_enable(enum wakeup_reason reason, bool enable);

/* Stop, from any thread (vm_stop() is for the main thread). */
void runstate_request_stop(enum runstate state);

/* --- the main thread ------------------------------------------------------ */

/* With the device lock held. Stopping parks all vCPUs and stops the virtual
 * clock; both call the change notifiers. Idempotent. */
void vm_start(void);
void vm_stop(enum runstate state);

/* Let the vCPUs go while the machine counts as stopped and its clock stands (a debugger's step),
 * until they are taken back, or vm_start() or vm_stop() comes. */
void vm_step(bool go);

/*
 * Carry out what has been requested. Called by the main loop; true when the
 * process shall end.
 */
bool runstate_process_requests(void);

/*
 * The exit status: 0 guest power-off, quit, signal and reset with -no-reboot; 1 a crash
 * with -action panic=exit-failure; ((value << 1) | 1) & 0xff debug-exit; 1 host error; 70 internal error.
 */
#define EXIT_STATUS_ERROR    1
#define EXIT_STATUS_INTERNAL 70
int runstate_exit_status(void);
enum shutdown_cause runstate_shutdown_cause(void);
const char *shutdown_cause_name(enum shutdown_cause cause);

/* --- notifiers: main thread, device lock held ----------------------------- */

/* data: enum runstate *, the new state (running or not is in it). */
void runstate_add_change_notifier(struct notifier *n);
/* data: NULL. */
void runstate_add_powerdown_notifier(struct notifier *n);
void runstate_add_suspend_notifier(struct notifier *n);
/* data: enum wakeup_reason *. */
void runstate_add_wakeup_notifier(struct notifier *n);
/* data: enum reset_reason *; after devices and vCPUs have been reset. */
void runstate_add_reset_notifier(struct notifier *n);
/* data: enum shutdown_cause *; the process is about to end. */
void runstate_add_shutdown_notifier(struct notifier *n);
/* Off whatever list it is on. */
void runstate_remove_notifier(struct notifier *n);

/* --- the gate of the vCPU threads ----------------------------------------- */

/*
 * A vCPU thread, without the device lock:
 *
 *     vcpu_gate_join(vcpu);
 *     while (vcpu_gate_pass(vcpu))   // blocks while the machine stands
 *         run until kicked;
 *     vcpu_gate_leave(vcpu);
 *
 * vcpu_gate_pass() returns false when the thread shall end. Between two calls
 * vcpu_gate_closed() (one relaxed load) says that the vCPU should come back to
 * it soon; a vcpu_kick() follows every closing.
 */
void vcpu_gate_join(struct vcpu *vcpu);
bool vcpu_gate_pass(struct vcpu *vcpu);
void vcpu_gate_leave(struct vcpu *vcpu);

extern int vcpu_gate_flag;
static inline bool vcpu_gate_closed(void)
{
    return __atomic_load_n(&vcpu_gate_flag, __ATOMIC_RELAXED) != 0;
}

/*
 * Wait until every vCPU is parked (or keep them parked), to touch their state or
 * to take a device away. Nests. Device lock held (given up while waiting), not
 * on a vCPU thread.
 */
void vcpu_gate_close(void);
void vcpu_gate_open(void);

/* End all vCPU threads: vcpu_gate_pass() returns false from now on. Waits until
 * all that have joined have left. pthread_join() them without the device lock: a
 * thread that was about to join the gate wants it. */
void vcpu_gate_shutdown(void);

#endif
