/* SPDX-License-Identifier: MIT */
/*
 * Input events on their way from a user (VNC client, window, monitor) to the guest's input devices,
 * and back: keyboard LEDs, and whether the pointer in use takes places or movements.
 *
 * Keys are Linux input event codes (linux/input-event-codes.h). Everything here, callbacks too,
 * needs the device lock; any thread may hold it. Nothing grows with the number of events: devices
 * queue a bounded number of them (ui/input_queue.h), and whatever is lost then, a key that has been
 * released is up for the guest in the end.
 */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include "util/base.h"

#include <sys/queue.h>

enum input_button {
    INPUT_LEFT = 1,
    INPUT_RIGHT = 2,
    INPUT_MIDDLE = 4,
    INPUT_SIDE = 8,   /* "back" */
    INPUT_EXTRA = 16, /* "forward" */
    INPUT_BUTTONS = 31
};

enum input_led { INPUT_LED_SCROLL = 1, INPUT_LED_NUM = 2, INPUT_LED_CAPS = 4, INPUT_LEDS = 7 };

#define INPUT_ABS_MAX   32767u /* the right and the lower edge of the screen */
#define INPUT_KEY_COUNT 0x300u /* codes are smaller; others are dropped */

/* --- sets of keys --------------------------------------------------------------------------------- */

struct input_keys {
    uint32_t bits[INPUT_KEY_COUNT / 32];
};

static inline bool input_keys_has(const struct input_keys *k, unsigned code)
{
    return code < INPUT_KEY_COUNT && (k->bits[code / 32] >> code % 32 & 1);
}

static inline void input_keys_set(struct input_keys *k, unsigned code, bool on)
{
    if (code < INPUT_KEY_COUNT) {
        k->bits[code / 32] = (k->bits[code / 32] & ~(1u << code % 32)) | (uint32_t)on << code % 32;
    }
}

/* The lowest one, INPUT_KEY_COUNT if there is none. */
unsigned input_keys_first(const struct input_keys *k);

/* --- devices -------------------------------------------------------------------------------------- */

/* A guest device that takes events; of those that take a kind of event the first in the list gets
 * it. A callback may be NULL: the device takes no such events. */
struct input_handler {
    const char *name;
    void (*key)(void *opaque, unsigned code, bool down); /* down again: the user's repeat */
    void (*move)(void *opaque, int dx, int dy);          /* right and down are positive */
    void (*wheel)(void *opaque, int dz, int dw);         /* notches; down and right are positive */
    void (*move_to)(void *opaque, unsigned x, unsigned y); /* 0..INPUT_ABS_MAX */
    void (*buttons)(void *opaque, unsigned buttons);       /* all of INPUT_* that are down */
    void *opaque;
    unsigned leds; /* kept by input_set_leds() */
    TAILQ_ENTRY(input_handler) link;
};

void input_register(struct input_handler *h);      /* first: gets the events from now on */
void input_register_idle(struct input_handler *h); /* last: no driver of the guest reads it yet */
void input_unregister(struct input_handler *h);

/* To the front of the list (a driver has begun to read it, or the user wants this one), and to its
 * end. What is held down on the device that loses its place is released there. */
void input_activate(struct input_handler *h);
void input_deactivate(struct input_handler *h);

/* The guest has set the keyboard's LEDs: INPUT_LED_*. */
void input_set_leds(struct input_handler *h, unsigned leds);

/* Every device, the one that gets the events first. */
void input_for_each(void (*fn)(struct input_handler *h, void *opaque), void *opaque);

/* --- from users ----------------------------------------------------------------------------------- */

/* One who sends events: a VNC client, a window. What it holds down is released when it goes, unless
 * another one holds it too. */
struct input_source {
    struct input_keys keys;
    unsigned buttons;
    TAILQ_ENTRY(input_source) link;
};

void input_source_init(struct input_source *s);
void input_source_fini(struct input_source *s);

/* It has lost the focus: everything up. */
void input_source_release(struct input_source *s);

/* A key that is down already: the user's keyboard repeats it. One that is not down cannot be
 * released. */
void input_source_key(struct input_source *s, unsigned code, bool down);
/* All that are down, INPUT_LEFT ... */
void input_source_buttons(struct input_source *s, unsigned buttons);

/* From the monitor, which is a source of its own. */
void input_send_key(unsigned code, bool down);
void input_send_buttons(unsigned buttons);

/* Movements belong to nobody. Without a device that wants it an event is dropped. */
void input_send_move(int dx, int dy, int dz); /* dz as of input_send_wheel() */
void input_send_wheel(int dz, int dw);        /* notches down, notches to the right */
void input_send_move_to(unsigned x, unsigned y);

/* The place, 0..INPUT_ABS_MAX, of a pixel of a picture so wide or high; the nearest pixel if it has
 * no such pixel. Rounded up: a guest that makes pixels of places again, be it by times size / 32768
 * or by times (size - 1) / 32767, rounds down. Any thread, without the lock. */
unsigned input_place(int64_t pixel, unsigned size);

/* --- what users want to know ---------------------------------------------------------------------- */

/* Does the pointer in use take places (input_send_move_to) rather than movements? */
bool input_is_absolute(void);

/* LEDs of the keyboard in use, INPUT_LED_*; 0 without a keyboard. */
unsigned input_leds(void);

/* Called when one of them has changed; must not send events. Either may be NULL. */
struct input_listener {
    void (*mode)(void *opaque, bool absolute);
    void (*leds)(void *opaque, unsigned leds);
    void *opaque;
    TAILQ_ENTRY(input_listener) link;
};
void input_listen(struct input_listener *l);
void input_unlisten(struct input_listener *l);

#endif
