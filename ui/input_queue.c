/* SPDX-License-Identifier: MIT */
/* Queues of keys and of pointer events, of fixed size, that end in the user's state. */
#include "ui/input_queue.h"

#include "hw/core/vmstate.h"
#include "util/error.h"

#include <errno.h>

/* --- keys ----------------------------------------------------------------------------------------- */

enum { EVENT_DOWN = 0x8000, EVENT_REPEAT = 0x4000, EVENT_CODE = 0x03ff };

void input_key_queue_reset(struct input_key_queue *q)
{
    *q = (struct input_key_queue){.count = 0};
}

void input_key_queue_drop(struct input_key_queue *q)
{
    q->head = q->count = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(q->told.bits); i++) {
        q->late.bits[i] = q->told.bits[i] & ~q->down.bits[i];
        q->down.bits[i] &= q->told.bits[i];
    }
}

static bool keys_blocked(const struct input_key_queue *q)
{
    return q->count == INPUT_KEY_QUEUE || input_keys_first(&q->late) < INPUT_KEY_COUNT;
}

static void append_key(struct input_key_queue *q, unsigned event)
{
    q->events[(q->head + q->count) % INPUT_KEY_QUEUE] = (uint16_t)event;
    q->count++;
}

static bool push_down(struct input_key_queue *q, unsigned code)
{
    bool repeat = input_keys_has(&q->down, code);

    if (keys_blocked(q)) {
        return false;
    }
    append_key(q, code | EVENT_DOWN | (repeat ? EVENT_REPEAT : 0));
    input_keys_set(&q->down, code, true);
    return true;
}

bool input_key_push(struct input_key_queue *q, unsigned code, bool down)
{
    if (code >= INPUT_KEY_COUNT || (!down && !input_keys_has(&q->down, code))) {
        return false;
    }
    if (down) {
        return push_down(q, code);
    }
    input_keys_set(&q->down, code, false);
    if (keys_blocked(q)) {
        input_keys_set(&q->late, code, true);
    } else {
        append_key(q, code);
    }
    return true;
}

bool input_key_peek(const struct input_key_queue *q, struct input_key_event *e)
{
    unsigned event = q->count ? q->events[q->head] : input_keys_first(&q->late);

    if (!q->count && event == INPUT_KEY_COUNT) {
        return false;
    }
    *e = (struct input_key_event){event & EVENT_CODE, event & EVENT_DOWN, event & EVENT_REPEAT};
    return true;
}

bool input_key_pop(struct input_key_queue *q, struct input_key_event *e)
{
    if (!input_key_peek(q, e)) {
        return false;
    }
    input_keys_set(&q->told, e->code, e->down);
    if (q->count) {
        q->head = (q->head + 1) % INPUT_KEY_QUEUE;
        q->count--;
    } else {
        input_keys_set(&q->late, e->code, false);
    }
    return true;
}

/* --- pointers ------------------------------------------------------------------------------------- */

void input_pointer_queue_clear(struct input_pointer_queue *q)
{
    q->head = q->count = 0;
    q->read = q->now;
}

static struct input_pointer_event *tail(struct input_pointer_queue *q)
{
    return &q->events[(q->head + q->count - 1) % INPUT_POINTER_QUEUE];
}

/* The event to which movements (or a click) are added. */
static struct input_pointer_event *open_event(struct input_pointer_queue *q, bool click)
{
    bool merge = q->count && !click && !tail(q)->click;

    if (!merge && q->count < INPUT_POINTER_QUEUE) {
        q->count++;
        *tail(q) = q->now;
        tail(q)->click = click;
    }
    return tail(q);
}

static void add(int32_t *total, int delta)
{
    int64_t sum = (int64_t)*total + delta;

    *total = (int32_t)MAX(-INPUT_MOVE_MAX, MIN(INPUT_MOVE_MAX, sum));
}

bool input_pointer_move(struct input_pointer_queue *q, int dx, int dy)
{
    if (!dx && !dy) {
        return false;
    }
    struct input_pointer_event *e = open_event(q, false);
    add(&e->dx, dx);
    add(&e->dy, dy);
    return true;
}

bool input_pointer_wheel(struct input_pointer_queue *q, int dz, int dw)
{
    if (!dz && !dw) {
        return false;
    }
    struct input_pointer_event *e = open_event(q, false);
    add(&e->dz, dz);
    add(&e->dw, dw);
    return true;
}

bool input_pointer_move_to(struct input_pointer_queue *q, unsigned x, unsigned y)
{
    if (x == q->now.x && y == q->now.y) {
        return false;
    }
    q->now.x = (uint16_t)x;
    q->now.y = (uint16_t)y;
    struct input_pointer_event *e = open_event(q, false);
    e->x = q->now.x;
    e->y = q->now.y;
    return true;
}

bool input_pointer_buttons(struct input_pointer_queue *q, unsigned buttons)
{
    buttons &= INPUT_BUTTONS;
    if (buttons == q->now.buttons) {
        return false;
    }
    q->now.buttons = (uint8_t)buttons;
    open_event(q, true)->buttons = q->now.buttons;
    return true;
}

static int32_t take(int32_t *total, int32_t limit)
{
    int32_t part = MAX(-limit, MIN(limit, *total));

    *total -= part;
    return part;
}

bool input_pointer_pop(struct input_pointer_queue *q, const struct input_pointer_limits *limits,
                       struct input_pointer_event *e)
{
    struct input_pointer_event *first = &q->events[q->head];

    if (!q->count) {
        *e = q->read;
        return false;
    }
    q->read.x = first->x;
    q->read.y = first->y;
    q->read.buttons = first->buttons;
    *e = q->read;
    e->dx = take(&first->dx, limits->move);
    e->dy = take(&first->dy, limits->move);
    e->dz = take(&first->dz, limits->wheel);
    e->dw = take(&first->dw, limits->wheel);
    if (!first->dx && !first->dy && !first->dz && !first->dw) {
        q->head = (q->head + 1) % INPUT_POINTER_QUEUE;
        q->count--;
    }
    return true;
}

/* --- saved state ---------------------------------------------------------------------------------- */

static int check_ring(const char *what, unsigned head, unsigned count, unsigned size,
                      struct error **err)
{
    if (head >= size || count > size) {
        error_set(err, "%s: position %u, count %u", what, head, count);
        return -EINVAL;
    }
    return 0;
}

static int key_queue_post_load(void *state, unsigned version, struct error **err)
{
    struct input_key_queue *q = state;

    return check_ring("queue of keys", q->head, q->count, INPUT_KEY_QUEUE, err);
}

static const struct vmstate keys_vmstate = {
    .name = "input-keys",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U32_ARRAY(struct input_keys, bits),
            VM_END,
        },
};

const struct vmstate input_key_queue_vmstate = {
    .name = "input-key-queue",
    .version = 1,
    .post_load = key_queue_post_load,
    .fields =
        (const struct vm_field[]){
            VM_U16_ARRAY(struct input_key_queue, events),
            VM_U8(struct input_key_queue, head),
            VM_U8(struct input_key_queue, count),
            VM_STRUCT(struct input_key_queue, told, &keys_vmstate),
            VM_STRUCT(struct input_key_queue, down, &keys_vmstate),
            VM_STRUCT(struct input_key_queue, late, &keys_vmstate),
            VM_END,
        },
};

static int pointer_queue_post_load(void *state, unsigned version, struct error **err)
{
    struct input_pointer_queue *q = state;

    return check_ring("queue of pointer events", q->head, q->count, INPUT_POINTER_QUEUE, err);
}

static const struct vmstate pointer_event_vmstate = {
    .name = "input-pointer-event",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_S32(struct input_pointer_event, dx),
            VM_S32(struct input_pointer_event, dy),
            VM_S32(struct input_pointer_event, dz),
            VM_S32(struct input_pointer_event, dw),
            VM_U16(struct input_pointer_event, x),
            VM_U16(struct input_pointer_event, y),
            VM_U8(struct input_pointer_event, buttons),
            VM_BOOL(struct input_pointer_event, click),
            VM_END,
        },
};

const struct vmstate input_pointer_queue_vmstate = {
    .name = "input-pointer-queue",
    .version = 1,
    .post_load = pointer_queue_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT_ARRAY(struct input_pointer_queue, events, &pointer_event_vmstate),
            VM_U8(struct input_pointer_queue, head),
            VM_U8(struct input_pointer_queue, count),
            VM_STRUCT(struct input_pointer_queue, now, &pointer_event_vmstate),
            VM_STRUCT(struct input_pointer_queue, read, &pointer_event_vmstate),
            VM_END,
        },
};
