/* SPDX-License-Identifier: MIT */
/*
 * Input events on their way from a user (display, VNC, monitor's sendkey) to the guest's input
 * devices. Keys are Linux input event codes (linux/input-event-codes.h). Device lock held.
 */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include "util/base.h"

#include <sys/queue.h>

enum input_button {
    INPUT_LEFT = 1,
    INPUT_RIGHT = 2,
    INPUT_MIDDLE = 4,
    INPUT_SIDE = 8,
    INPUT_EXTRA = 16
};

/* A guest device that takes events; the one registered last gets them. */
struct input_handler {
    const char *name;
    void (*key)(void *opaque, unsigned code, bool down);   /* NULL: no keyboard */
    void (*move)(void *opaque, int dx, int dy, int dz);    /* NULL: no relative mouse */
    void (*move_to)(void *opaque, unsigned x, unsigned y); /* 0..32767; NULL: not absolute */
    void (*buttons)(void *opaque, unsigned buttons);       /* all of INPUT_* that are down */
    void *opaque;
    TAILQ_ENTRY(input_handler) link;
};

void input_register(struct input_handler *h);
void input_unregister(struct input_handler *h);

/* From the user. Without a device that wants it an event is dropped. */
void input_send_key(unsigned code, bool down);
void input_send_move(int dx, int dy, int dz);
void input_send_move_to(unsigned x, unsigned y);
void input_send_buttons(unsigned buttons);
bool input_is_absolute(void);

/* Every device, the one that gets the events first. */
void input_for_each(void (*fn)(struct input_handler *h, void *opaque), void *opaque);
/* From now on this one gets what it takes. */
void input_activate(struct input_handler *h);

#endif
