/* SPDX-License-Identifier: MIT */
/*
 * Input events: from whoever the user acts on to the first device that takes the kind. What is held
 * down is counted here, so that neither a user who leaves nor a device that loses its place leaves a
 * key behind that nobody releases.
 */
#include "ui/input.h"

#include <strings.h>

static TAILQ_HEAD(handler_list, input_handler) handlers = TAILQ_HEAD_INITIALIZER(handlers);
static TAILQ_HEAD(, input_source) sources = TAILQ_HEAD_INITIALIZER(sources);
static TAILQ_HEAD(, input_listener) listeners = TAILQ_HEAD_INITIALIZER(listeners);

/* What the devices in use have been told. */
static struct input_handler *keyboard, *clicker;
static struct input_keys told_keys;
static unsigned told_buttons;

/* What the listeners have been told. */
static bool told_absolute;
static unsigned told_leds;

unsigned input_keys_first(const struct input_keys *k)
{
    for (unsigned i = 0; i < ARRAY_SIZE(k->bits); i++) {
        if (k->bits[i]) {
            return i * 32 + (unsigned)ffs((int)k->bits[i]) - 1;
        }
    }
    return INPUT_KEY_COUNT;
}

/* The first handler for which the condition on `h_` holds, or NULL. */
#define FIND_HANDLER(condition)                                                                    \
    ({                                                                                             \
        struct input_handler *h_;                                                                  \
        TAILQ_FOREACH(h_, &handlers, link)                                                         \
        {                                                                                          \
            if (condition) {                                                                       \
                break;                                                                             \
            }                                                                                      \
        }                                                                                          \
        h_;                                                                                        \
    })

/* --- changes of who is in use --------------------------------------------------------------------- */

bool input_is_absolute(void)
{
    const struct input_handler *h = FIND_HANDLER(h_->move || h_->move_to);

    return h && h->move_to;
}

unsigned input_leds(void)
{
    const struct input_handler *h = FIND_HANDLER(h_->key);

    return h ? h->leds : 0;
}

static void tell_listeners(void)
{
    bool mode = told_absolute != input_is_absolute(), leds = told_leds != input_leds();
    struct input_listener *l;

    told_absolute = input_is_absolute();
    told_leds = input_leds();
    TAILQ_FOREACH(l, &listeners, link)
    {
        if (mode && l->mode) {
            l->mode(l->opaque, told_absolute);
        }
        if (leds && l->leds) {
            l->leds(l->opaque, told_leds);
        }
    }
}

static void release_keys(void)
{
    unsigned code;

    while ((code = input_keys_first(&told_keys)) < INPUT_KEY_COUNT) {
        input_keys_set(&told_keys, code, false);
        keyboard->key(keyboard->opaque, code, false);
    }
}

static void release_buttons(void)
{
    if (told_buttons) {
        told_buttons = 0;
        clicker->buttons(clicker->opaque, 0);
    }
}

/* The list has changed: other devices may be first now. */
static void choose_devices(void)
{
    struct input_handler *keys = FIND_HANDLER(h_->key), *buttons = FIND_HANDLER(h_->buttons);

    if (keys != keyboard) {
        release_keys();
        keyboard = keys;
    }
    if (buttons != clicker) {
        release_buttons();
        clicker = buttons;
    }
    tell_listeners();
}

void input_register(struct input_handler *h)
{
    TAILQ_INSERT_HEAD(&handlers, h, link);
    choose_devices();
}

void input_register_idle(struct input_handler *h)
{
    TAILQ_INSERT_TAIL(&handlers, h, link);
    choose_devices();
}

/* It is going away and hears no more. */
void input_unregister(struct input_handler *h)
{
    TAILQ_REMOVE(&handlers, h, link);
    if (h == keyboard) {
        told_keys = (struct input_keys){{0}};
        keyboard = NULL;
    }
    if (h == clicker) {
        told_buttons = 0;
        clicker = NULL;
    }
    choose_devices();
}

void input_activate(struct input_handler *h)
{
    TAILQ_REMOVE(&handlers, h, link);
    input_register(h);
}

void input_deactivate(struct input_handler *h)
{
    TAILQ_REMOVE(&handlers, h, link);
    input_register_idle(h);
}

void input_for_each(void (*fn)(struct input_handler *h, void *opaque), void *opaque)
{
    struct input_handler *h;

    TAILQ_FOREACH(h, &handlers, link)
    {
        fn(h, opaque);
    }
}

void input_set_leds(struct input_handler *h, unsigned leds)
{
    h->leds = leds & INPUT_LEDS;
    tell_listeners();
}

void input_listen(struct input_listener *l)
{
    TAILQ_INSERT_TAIL(&listeners, l, link);
}

void input_unlisten(struct input_listener *l)
{
    TAILQ_REMOVE(&listeners, l, link);
}

/* --- keys and buttons ----------------------------------------------------------------------------- */

static bool someone_holds(unsigned code)
{
    struct input_source *s;

    TAILQ_FOREACH(s, &sources, link)
    {
        if (input_keys_has(&s->keys, code)) {
            return true;
        }
    }
    return false;
}

void input_source_key(struct input_source *s, unsigned code, bool down)
{
    if (code >= INPUT_KEY_COUNT) {
        return;
    }
    input_keys_set(&s->keys, code, down);
    if (!keyboard || (!down && (!input_keys_has(&told_keys, code) || someone_holds(code)))) {
        return;
    }
    input_keys_set(&told_keys, code, down);
    keyboard->key(keyboard->opaque, code, down);
}

void input_source_buttons(struct input_source *s, unsigned buttons)
{
    unsigned all = 0;

    s->buttons = buttons & INPUT_BUTTONS;
    TAILQ_FOREACH(s, &sources, link)
    {
        all |= s->buttons;
    }
    if (clicker && all != told_buttons) {
        told_buttons = all;
        clicker->buttons(clicker->opaque, all);
    }
}

void input_source_release(struct input_source *s)
{
    unsigned code;

    while ((code = input_keys_first(&s->keys)) < INPUT_KEY_COUNT) {
        input_source_key(s, code, false);
    }
    input_source_buttons(s, 0);
}

void input_source_init(struct input_source *s)
{
    *s = (struct input_source){0};
    TAILQ_INSERT_TAIL(&sources, s, link);
}

void input_source_fini(struct input_source *s)
{
    input_source_release(s);
    TAILQ_REMOVE(&sources, s, link);
}

/* --- the monitor ---------------------------------------------------------------------------------- */

static struct input_source *monitor(void)
{
    static struct input_source source;
    static bool initialized;

    if (!initialized) {
        input_source_init(&source);
        initialized = true;
    }
    return &source;
}

void input_send_key(unsigned code, bool down)
{
    input_source_key(monitor(), code, down);
}

void input_send_buttons(unsigned buttons)
{
    input_source_buttons(monitor(), buttons);
}

/* --- movements ------------------------------------------------------------------------------------ */

void input_send_move(int dx, int dy, int dz)
{
    struct input_handler *h = FIND_HANDLER(h_->move);

    if (h && (dx || dy)) {
        h->move(h->opaque, dx, dy);
    }
    if (dz) {
        input_send_wheel(dz, 0);
    }
}

void input_send_wheel(int dz, int dw)
{
    struct input_handler *h = FIND_HANDLER(h_->wheel);

    if (h) {
        h->wheel(h->opaque, dz, dw);
    }
}

unsigned input_place(int64_t pixel, unsigned size)
{
    uint64_t last = MAX(size, 2u) - 1;
    uint64_t at = MIN((uint64_t)MAX(pixel, 0), last);

    return (unsigned)((at * INPUT_ABS_MAX + last - 1) / last);
}

void input_send_move_to(unsigned x, unsigned y)
{
    struct input_handler *h = FIND_HANDLER(h_->move_to);

    if (h) {
        h->move_to(h->opaque, MIN(x, INPUT_ABS_MAX), MIN(y, INPUT_ABS_MAX));
    }
}
