/* SPDX-License-Identifier: MIT */
/* The queue of bytes between a PS/2 device and its controller. */
#include <errno.h>

#include "hw/core/vmstate.h"
#include "hw/input/ps2_int.h"
#include "util/error.h"

#define USER_MAX (PS2_QUEUE / 2)

void ps2_port_clear(struct ps2_port *p)
{
    p->head = p->count = 0;
}

static void enqueue(struct ps2_port *p, uint8_t byte)
{
    p->queue[(p->head + p->count) % PS2_QUEUE] = byte;
    p->count++;
}

void ps2_port_put(struct ps2_port *p, uint8_t byte)
{
    if (p->count < PS2_QUEUE) {
        enqueue(p, byte);
        p->changed(p->opaque);
    }
}

bool ps2_port_append(struct ps2_port *p, const uint8_t *bytes, unsigned n)
{
    if (p->count + n > USER_MAX) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        enqueue(p, bytes[i]);
    }
    return true;
}

uint8_t ps2_take(struct ps2_port *p)
{
    p->last = p->queue[p->head];
    p->head = (p->head + 1) % PS2_QUEUE;
    p->count--;
    if (p->refill) {
        p->refill(p);
    }
    return p->last;
}

static int port_post_load(void *state, unsigned version, struct error **err)
{
    struct ps2_port *p = state;

    if (p->head >= PS2_QUEUE || p->count > PS2_QUEUE) {
        error_set(err, "ps2: queue position %u, count %u", p->head, p->count);
        return -EINVAL;
    }
    return 0;
}

const struct vmstate ps2_port_vmstate = {
    .name = "ps2-port",
    .version = 1,
    .post_load = port_post_load,
    .fields =
        (const struct vm_field[]){
            VM_BUFFER(struct ps2_port, queue),
            VM_U8(struct ps2_port, head),
            VM_U8(struct ps2_port, count),
            VM_U8(struct ps2_port, last),
            VM_U8(struct ps2_port, command),
            VM_END,
        },
};
