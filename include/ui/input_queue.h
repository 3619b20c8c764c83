/* SPDX-License-Identifier: MIT */
/*
 * Queues of input events inside devices, for guests that read later than users type. Their size is
 * fixed. The device lock is held.
 */
#ifndef UI_INPUT_QUEUE_H
#define UI_INPUT_QUEUE_H

#include "ui/input.h"

struct vmstate;

/* --- keys ----------------------------------------------------------------------------------------- */

#define INPUT_KEY_QUEUE 64

/*
 * Keys in the order they were pressed and released. If the queue is full presses are lost; releases
 * never are: those that find no room come once the queue has been drained, and until then nothing
 * is pressed. Whoever has read everything has down what the user has down, or less.
 */
struct input_key_queue {
    uint16_t events[INPUT_KEY_QUEUE];
    uint8_t head, count;
    struct input_keys told; /* down for the reader */
    struct input_keys down; /* once everything has been read */
    struct input_keys late; /* to be released then */
};

struct input_key_event {
    unsigned code;
    bool down, repeat; /* repeat: it was down */
};

/* The reader takes every key for up. */
void input_key_queue_reset(struct input_key_queue *q);
/* The reader does not want to know: only releases of what it takes for down are left. */
void input_key_queue_drop(struct input_key_queue *q);

/* false: nothing to be told, or no room. */
bool input_key_push(struct input_key_queue *q, unsigned code, bool down);

/* The oldest event; false: there is none. The second only looks. */
bool input_key_pop(struct input_key_queue *q, struct input_key_event *e);
bool input_key_peek(const struct input_key_queue *q, struct input_key_event *e);

extern const struct vmstate input_key_queue_vmstate;

/* --- pointers ------------------------------------------------------------------------------------- */

#define INPUT_POINTER_QUEUE 16
#define INPUT_MOVE_MAX      0x10000 /* counts that add up in one event, wheel notches too */

/* Movements since the event before it, the place, and the buttons at its end. */
struct input_pointer_event {
    int32_t dx, dy, dz, dw;
    uint16_t x, y;
    uint8_t buttons;
    bool click; /* buttons have changed: later movements do not belong to it */
};

/* Movements add up as long as no button changes; if the queue is full clicks merge, too. */
struct input_pointer_queue {
    struct input_pointer_event events[INPUT_POINTER_QUEUE];
    uint8_t head, count;
    struct input_pointer_event now;  /* place and buttons after all of them */
    struct input_pointer_event read; /* ... and after those that have been read */
};

/* What one report can carry of movements and wheels; symmetrical. */
struct input_pointer_limits {
    int32_t move, wheel;
};

/* Forgets the way, not the place and the buttons it led to. */
void input_pointer_queue_clear(struct input_pointer_queue *q);

/* Pushing tells whether there is anything new. */
bool input_pointer_move(struct input_pointer_queue *q, int dx, int dy);
bool input_pointer_wheel(struct input_pointer_queue *q, int dz, int dw);
bool input_pointer_move_to(struct input_pointer_queue *q, unsigned x, unsigned y);
bool input_pointer_buttons(struct input_pointer_queue *q, unsigned buttons);

/*
 * As much of the oldest event as the limits allow; it comes again while something is left of it.
 * false: there is none, and *e has the last place and buttons and no movement.
 */
bool input_pointer_pop(struct input_pointer_queue *q, const struct input_pointer_limits *limits,
                       struct input_pointer_event *e);

extern const struct vmstate input_pointer_queue_vmstate;

#endif
