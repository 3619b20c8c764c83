/* SPDX-License-Identifier: MIT */
/* Input events: from whoever the user acts on to the device that registered last for the kind. */
#include "ui/input.h"

static TAILQ_HEAD(handler_list, input_handler) handlers = TAILQ_HEAD_INITIALIZER(handlers);

void input_register(struct input_handler *h)
{
    TAILQ_INSERT_HEAD(&handlers, h, link);
}

void input_unregister(struct input_handler *h)
{
    TAILQ_REMOVE(&handlers, h, link);
}

/* The first handler that has the member. */
#define FIND_HANDLER(member)                                                                       \
    ({                                                                                             \
        struct input_handler *h_;                                                                  \
        TAILQ_FOREACH(h_, &handlers, link)                                                         \
        {                                                                                          \
            if (h_->member) {                                                                      \
                break;                                                                             \
            }                                                                                      \
        }                                                                                          \
        h_;                                                                                        \
    })

void input_send_key(unsigned code, bool down)
{
    struct input_handler *h = FIND_HANDLER(key);

    if (h) {
        h->key(h->opaque, code, down);
    }
}

void input_send_move(int dx, int dy, int dz)
{
    struct input_handler *h = FIND_HANDLER(move);

    if (h) {
        h->move(h->opaque, dx, dy, dz);
    }
}

void input_send_move_to(unsigned x, unsigned y)
{
    struct input_handler *h = FIND_HANDLER(move_to);

    if (h) {
        h->move_to(h->opaque, x, y);
    }
}

void input_send_buttons(unsigned buttons)
{
    struct input_handler *h = FIND_HANDLER(buttons);

    if (h) {
        h->buttons(h->opaque, buttons);
    }
}

bool input_is_absolute(void)
{
    return FIND_HANDLER(move_to) != NULL;
}

void input_for_each(void (*fn)(struct input_handler *h, void *opaque), void *opaque)
{
    struct input_handler *h;

    TAILQ_FOREACH(h, &handlers, link)
    {
        fn(h, opaque);
    }
}

void input_activate(struct input_handler *h)
{
    TAILQ_REMOVE(&handlers, h, link);
    TAILQ_INSERT_HEAD(&handlers, h, link);
}
