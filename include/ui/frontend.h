/* SPDX-License-Identifier: MIT */
/*
 * Front ends: what shows the screen to a user (-display). One runs at a time; VNC servers of -vnc
 * come besides it. Main thread, device lock held.
 */
#ifndef UI_FRONTEND_H
#define UI_FRONTEND_H

#include "util/base.h"

#include <glib.h>

struct error;

struct frontend_config {
    const char *name; /* of the guest; NULL: it has none */
    bool full_screen; /* -full-screen */
};

struct frontend {
    const char *name, *help;
    const char *missing; /* not built in: the package it wants; else NULL */
    bool terminal;       /* it takes the terminal doppel was started from */
    /* `options` is what follows the name and a comma, or ""; kept by the caller. The machine is
     * there, it does not run yet. 0 or -errno with err. */
    int (*start)(const struct frontend_config *config, const char *options, struct error **err);
    /* The process ends; gives up the device lock while it waits for its thread. NULL: nothing. */
    void (*stop)(void);
};

/* "NAME[,OPTIONS]": the front end, and its options. NULL with err (and a suggestion). */
const struct frontend *frontend_find(const char *text, const char **options, struct error **err);

/* -display help. */
void frontend_help(GString *out);

/*
 * Start the one that `text` names. NULL: the one for this host, a window if there is a window system
 * and else, if `alone` (the user has no other way to the guest), a VNC server for this machine, which
 * is said on standard error; or none.
 */
int frontend_start(const char *text, const struct frontend_config *config, bool alone,
                   struct error **err);
void frontend_stop(void);

/* The rows of the table that are elsewhere. */
extern const struct frontend sdl_frontend, curses_frontend;

#endif
