/* SPDX-License-Identifier: MIT */
/*
 * PS/2 keyboard and mouse, the devices at the end of the wires. The controller (i8042.c) embeds
 * them, hands over bytes the host writes, and takes bytes from their queues. Device lock held.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "hw/core/clock.h"
#include "ui/input_queue.h"
#include "util/base.h"

#define PS2_QUEUE      32
#define PS2_SET3_CODES 0x90 /* codes of scan code set 3 are smaller */
#define PS2_PACKET     4

struct vmstate;

/* Bytes on their way to the controller. What the user does takes at most half of the queue, so that
 * there is room for replies. */
struct ps2_port {
    uint8_t queue[PS2_QUEUE];
    uint8_t head, count;
    uint8_t last;                          /* sent last, for Resend */
    uint8_t command;                       /* waits for a parameter; 0: none */
    void (*changed)(void *opaque);         /* the queue is not empty any more */
    void (*refill)(struct ps2_port *port); /* a byte has been taken; NULL: nothing to do */
    void *opaque;
};

struct ps2_keyboard {
    struct ps2_port port;
    bool scanning;
    uint8_t set; /* scan code set: 1, 2, 3 */
    uint8_t leds, typematic;
    uint8_t print;                 /* what the PrintScreen key was when it went down */
    bool sending;                  /* the oldest key is in the port's queue */
    uint8_t modes[PS2_SET3_CODES]; /* of the keys of set 3 */
    struct input_key_queue keys;
    struct input_handler input;
};

struct ps2_mouse {
    struct ps2_port port;
    bool reporting, remote, wrap, scaling2;
    bool pan;    /* horizontal wheel unlocked */
    bool failed; /* the last byte from the host was wrong */
    uint8_t rate, resolution;
    uint8_t id;                             /* 0; 3: wheel; 4: wheel and five buttons */
    uint8_t knock[3];                       /* the last sample rates set: the way to other ids */
    uint8_t packet[PS2_PACKET], packet_len; /* sent last, for Resend; 0: it was a byte */
    struct input_pointer_queue motion;
    struct timer pace; /* the next packet may go */
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
