/* SPDX-License-Identifier: MIT */
/*
 * What follows when the guest resets, powers off, crashes or lets its watchdog expire: QEMU's
 * -action and set-action, of which -no-reboot and -no-shutdown are short forms.
 */
#ifndef SYSTEM_ACTIONS_H
#define SYSTEM_ACTIONS_H

#include "util/base.h"

struct error;

enum action_event { ACTION_REBOOT, ACTION_SHUTDOWN, ACTION_PANIC, ACTION_WATCHDOG, ACTION_COUNT };

/* The first of each is the default. */
enum reboot_action { REBOOT_RESET, REBOOT_SHUTDOWN };
enum shutdown_action { SHUTDOWN_POWEROFF, SHUTDOWN_PAUSE };
enum panic_action { PANIC_SHUTDOWN, PANIC_PAUSE, PANIC_EXIT_FAILURE, PANIC_NONE };
enum watchdog_action {
    WATCHDOG_RESET,
    WATCHDOG_SHUTDOWN,
    WATCHDOG_POWEROFF,
    WATCHDOG_PAUSE,
    WATCHDOG_DEBUG,
    WATCHDOG_NONE,
    WATCHDOG_INJECT_NMI
};

/* By names ("panic", "pause"). -EINVAL with err, which says what there is. */
int action_set(const char *event, const char *action, struct error **err);

/* One of the event's enum. Any thread. */
int action_get(enum action_event event);

/* The name of what action_get() gives. */
const char *action_name(enum action_event event);

/* A watchdog has not been served in time. Device lock held. */
void watchdog_expired(void);

#endif
