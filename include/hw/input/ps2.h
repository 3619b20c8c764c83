/* SPDX-License-Identifier: MIT */
/*
 * PS/2 keyboard and mouse, the devices at the end of the wires. The controller (i8042.c) embeds
 * them, hands over bytes the host writes, and takes bytes from their queues. Device lock held.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "ui/input.h"
#include "util/base.h"

#define PS2_QUEUE 32

struct vmstate;

/* Bytes on their way to the controller. Replies push out what a user did before. */
struct ps2_port {
    uint8_t queue[PS2_QUEUE];
    uint8_t head, count;
    uint8_t last;                  /* sent last, for Resend */
    uint8_t command;               /* waits for a parameter; 0: none */
    void (*changed)(void *opaque); /* the queue is not empty any more */
    void *opaque;
};

struct ps2_keyboard {
    struct ps2_port port;
    bool scanning;
    uint8_t set; /* scan code set: 1, 2 */
    uint8_t leds, typematic;
    struct input_handler input;
};

struct ps2_mouse {
    struct ps2_port port;
    bool reporting, remote, wrap, scaling2;
    uint8_t rate, resolution;
    uint8_t id;       /* 0; 3: wheel; 4: wheel and five buttons */
    uint8_t knock[3]; /* the last sample rates set: the way to other ids */
    uint8_t buttons, sent_buttons;
    int32_t dx, dy, dz; /* not yet reported */
    struct input_handler input;
};

void ps2_keyboard_init(struct ps2_keyboard *k, void (*changed)(void *opaque), void *opaque);
void ps2_keyboard_fini(struct ps2_keyboard *k);
void ps2_keyboard_reset(struct ps2_keyboard *k);
void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t byte);

void ps2_mouse_init(struct ps2_mouse *m, void (*changed)(void *opaque), void *opaque);
void ps2_mouse_fini(struct ps2_mouse *m);
void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_write(struct ps2_mouse *m, uint8_t byte);

/* The controller takes a byte; there is one if port.count is not 0. */
uint8_t ps2_take(struct ps2_port *port);

/* Called by the controller when the mouse's queue has been emptied: more movement may wait. */
void ps2_mouse_drained(struct ps2_mouse *m);

extern const struct vmstate ps2_keyboard_vmstate, ps2_mouse_vmstate;

#endif
