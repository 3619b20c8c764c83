/* SPDX-License-Identifier: MIT */
/*
 * Which key of the guest's keyboard gives a character: for users whose keys are only known by what
 * they mean (keysyms of VNC clients, a terminal). The layout is that of -k; it has to be the one the
 * guest uses. Set on the main thread before there are users; then any thread.
 */
#ifndef UI_KEYMAP_H
#define UI_KEYMAP_H

#include "util/base.h"

#include <glib.h>

struct error;

enum keymap_modifier { KEYMAP_SHIFT = 1, KEYMAP_ALTGR = 2 };

struct keymap_key {
    unsigned code;      /* linux/input-event-codes.h */
    unsigned modifiers; /* KEYMAP_*, held while it is pressed */
};

/* A name as -k takes it: "de", "fr-ch" ..., or xkb's "layout" or "layout(variant)". */
int keymap_set(const char *name, struct error **err);

/* The names with a row of their own. */
void keymap_help(GString *out);

/* False: no key gives it. */
bool keymap_find(uint32_t keysym, struct keymap_key *key);

/* The same for a character. */
bool keymap_find_char(uint32_t unicode, struct keymap_key *key);

#endif
