/* SPDX-License-Identifier: MIT */
/* The table of actions, and carrying out that of a watchdog. */
#include "system/actions.h"

#include <errno.h>

#include "hw/core/lock.h"
#include "system/cpu.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/mgmt_event.h"
#include "util/optlist.h"

#define NAMES_MAX 8

static const struct {
    const char *event;
    const char *names[NAMES_MAX]; /* in the order of the enum; NULL ends them */
} events[ACTION_COUNT] = {
    [ACTION_REBOOT] = {"reboot", {"reset", "shutdown", NULL}},
    [ACTION_SHUTDOWN] = {"shutdown", {"poweroff", "pause", NULL}},
    [ACTION_PANIC] = {"panic", {"shutdown", "pause", "exit-failure", "none", NULL}},
    [ACTION_WATCHDOG] = {"watchdog",
                         {"reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi",
                          NULL}},
};

static int chosen[ACTION_COUNT]; /* atomic */

static int find_name(const char *const *names, const char *name)
{
    int i = 0;

    while (names[i] && strcmp(names[i], name)) {
        i++;
    }
    return names[i] ? i : -1;
}

int action_set(const char *event, const char *action, struct error **err)
{
    const char *known[ACTION_COUNT + 1] = {NULL};

    for (unsigned i = 0; i < ACTION_COUNT; i++) {
        known[i] = events[i].event;
    }
    int e = find_name(known, event);
    if (e < 0) {
        error_set(err, "there is no action for '%s'%s", event, util_did_you_mean(event, known));
        return -EINVAL;
    }
    int a = find_name(events[e].names, action);
    if (a < 0) {
        error_set(err, "'%s' is no action for %s%s", action, event,
                  util_did_you_mean(action, events[e].names));
        return -EINVAL;
    }
    __atomic_store_n(&chosen[e], a, __ATOMIC_RELAXED);
    return 0;
}

int action_get(enum action_event event)
{
    return __atomic_load_n(&chosen[event], __ATOMIC_RELAXED);
}

const char *action_name(enum action_event event)
{
    return events[event].names[action_get(event)];
}

/* --- the watchdog --------------------------------------------------------- */

void watchdog_expired(void)
{
    assert(device_locked());
    mgmt_event("WATCHDOG", MGMT_STR("action", action_name(ACTION_WATCHDOG)));
    switch ((enum watchdog_action)action_get(ACTION_WATCHDOG)) {
    case WATCHDOG_RESET:
        runstate_request_reset(RESET_REASON_WATCHDOG);
        break;
    case WATCHDOG_SHUTDOWN:
        runstate_request_powerdown();
        break;
    case WATCHDOG_POWEROFF:
        runstate_request_shutdown(SHUTDOWN_GUEST_POWEROFF);
        break;
    case WATCHDOG_PAUSE:
        runstate_request_stop(RUNSTATE_WATCHDOG);
        break;
    case WATCHDOG_DEBUG:
        warn_report("the guest's watchdog has expired");
        break;
    case WATCHDOG_INJECT_NMI:
        cpus_raise_nmi();
        break;
    case WATCHDOG_NONE:
        break;
    }
}
