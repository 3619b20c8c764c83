/* SPDX-License-Identifier: MIT */
/*
 * What users type and point at, on its way to the guest. Each client has a bounded queue; it is not
 * read while that is full, so that a flood of events waits in the flooder's own network buffers.
 * The guest gets them in batches, in short sections with the device lock, keys apart by
 * key-delay-ms; movements that have not been sent yet are replaced by later ones.
 */
#include "ui/vnc/internal.h"

#include "hw/core/lock.h"
#include "system/runstate.h"
#include "ui/keymap.h"

#include <linux/input-event-codes.h>

#define BATCH      32u                   /* events of a section */
#define BATCH_US   5000                  /* between sections */
#define QUEUE_HIGH (VNC_EVENTS_MAX - 16) /* one message may add some */

/* RFB's mask of buttons (RFC 6143, 7.5.5); what turns is pressed for each notch. */
enum {
    RFB_LEFT = 1,
    RFB_MIDDLE = 2,
    RFB_RIGHT = 4,
    RFB_UP = 8,
    RFB_DOWN = 16,
    RFB_TURN_LEFT = 32,
    RFB_TURN_RIGHT = 64,
};

/* --- the guest's side ---------------------------------------------------------------------------- */

static unsigned guest_leds; /* atomic */
static bool guest_absolute; /* atomic */

unsigned vnc_input_leds(void)
{
    return __atomic_load_n(&guest_leds, __ATOMIC_RELAXED);
}

static void leds_changed(struct vnc_client *c)
{
    c->news |= VNC_NEWS_LEDS;
}

static void mode_changed(struct vnc_client *c)
{
    bool absolute = __atomic_load_n(&guest_absolute, __ATOMIC_RELAXED);

    if (c->input.absolute != absolute) {
        c->input.absolute = absolute;
        c->news |= VNC_NEWS_POINTER;
    }
}

static void tell_leds(void *unused)
{
    vnc_for_each_client(leds_changed);
}

static void tell_mode(void *unused)
{
    vnc_for_each_client(mode_changed);
}

static void hear_leds(void *opaque, unsigned leds)
{
    __atomic_store_n(&guest_leds, leds, __ATOMIC_RELAXED);
    vnc_loop_call(tell_leds, NULL);
}

static void hear_mode(void *opaque, bool absolute)
{
    __atomic_store_n(&guest_absolute, absolute, __ATOMIC_RELAXED);
    vnc_loop_call(tell_mode, NULL);
}

void vnc_input_listen(void)
{
    static struct input_listener listener = {.mode = hear_mode, .leds = hear_leds};

    guest_leds = input_leds();
    guest_absolute = input_is_absolute();
    input_listen(&listener);
}

void vnc_input_init(struct vnc_client *c)
{
    c->input.absolute = __atomic_load_n(&guest_absolute, __ATOMIC_RELAXED);
    device_lock();
    input_source_init(&c->input.source);
    device_unlock();
}

void vnc_input_fini(struct vnc_client *c)
{
    vnc_timer_stop(&c->input.timer);
    device_lock();
    input_source_fini(&c->input.source);
    device_unlock();
}

/* --- sending: device lock held ------------------------------------------------------------------- */

static void send_place(struct vnc_client *c, const struct vnc_event *e)
{
    struct vnc_input *in = &c->input;

    if (input_is_absolute()) {
        input_send_move_to(input_place(e->x, c->width), input_place(e->y, c->height));
    } else if (!in->absolute && (c->can & VNC_CAN_POINTER_CHANGE)) {
        /* the client has been told to send movements around 7FFFh */
        input_send_move(e->x - 0x7fff, e->y - 0x7fff, 0);
    } else if (in->placed) {
        input_send_move(e->x - in->x, e->y - in->y, 0);
    }
    in->x = e->x;
    in->y = e->y;
    in->placed = true;
}

static void send_wheel(unsigned pressed)
{
    int dz = !!(pressed & RFB_DOWN) - !!(pressed & RFB_UP);
    int dw = !!(pressed & RFB_TURN_RIGHT) - !!(pressed & RFB_TURN_LEFT);

    if (dz || dw) {
        input_send_wheel(dz, dw);
    }
}

static void send_pointer(struct vnc_client *c, const struct vnc_event *e)
{
    struct vnc_input *in = &c->input;

    send_place(c, e);
    send_wheel(e->buttons & ~in->buttons);
    in->buttons = e->buttons;
    input_source_buttons(&in->source, (e->buttons & RFB_LEFT ? INPUT_LEFT : 0) |
                                          (e->buttons & RFB_MIDDLE ? INPUT_MIDDLE : 0) |
                                          (e->buttons & RFB_RIGHT ? INPUT_RIGHT : 0));
}

static void send_event(struct vnc_client *c, const struct vnc_event *e)
{
    if (e->is_key) {
        input_source_key(&c->input.source, e->code, e->down);
    } else {
        send_pointer(c, e);
    }
}

static struct vnc_event *event_at(struct vnc_input *in, unsigned i)
{
    return &in->ring[(in->first + i) % VNC_EVENTS_MAX];
}

static void drop_first(struct vnc_input *in)
{
    in->first = (in->first + 1) % VNC_EVENTS_MAX;
    in->count--;
}

/* A stopped machine has no user. */
static bool guest_listens(void)
{
    return runstate_is_running() || runstate_get() == RUNSTATE_SUSPENDED;
}

static void flush(void *opaque)
{
    struct vnc_client *c = opaque;
    struct vnc_input *in = &c->input;
    int64_t now = vnc_now(), pause = BATCH_US;
    bool was_full = vnc_input_full(c), listens = guest_listens();

    device_lock();
    for (unsigned n = 0; n < BATCH && in->count && pause == BATCH_US; n++) {
        struct vnc_event e = *event_at(in, 0);
        drop_first(in);
        if (listens) {
            send_event(c, &e);
        }
        if (e.is_key && c->server->opts.key_delay_ms) {
            pause = c->server->opts.key_delay_ms * 1000;
        }
    }
    device_unlock();
    in->next = now + pause;
    if (in->count) {
        vnc_timer_arm(&in->timer, in->next, flush, c);
    }
    vnc_screen_input(c->server);
    if (was_full && !vnc_input_full(c)) {
        vnc_client_go_on_soon(c);
    }
}

/* --- receiving ----------------------------------------------------------------------------------- */

bool vnc_input_full(const struct vnc_client *c)
{
    return c->input.count >= QUEUE_HIGH;
}

/* Events of one read go together. */
static void add_event(struct vnc_client *c, const struct vnc_event *e)
{
    struct vnc_input *in = &c->input;

    if (in->count == VNC_EVENTS_MAX) {
        return;
    }
    in->count++;
    *event_at(in, in->count - 1) = *e;
    if (!vnc_timer_armed(&in->timer)) {
        vnc_timer_arm(&in->timer, MAX(in->next, vnc_now()), flush, c);
    }
}

void vnc_input_key(struct vnc_client *c, unsigned code, bool down)
{
    if (code) {
        add_event(c, &(struct vnc_event){.is_key = true, .down = down, .code = (uint16_t)code});
    }
}

/* Keys that choose between the characters of others. */
static const struct {
    uint16_t code;
    uint8_t modifier;
} modifiers[] = {
    {KEY_LEFTSHIFT, KEYMAP_SHIFT}, {KEY_RIGHTSHIFT, KEYMAP_SHIFT}, {KEY_RIGHTALT, KEYMAP_ALTGR}};

#define HELD_CAPS 0x80u

static void note_modifier(struct vnc_input *in, unsigned code, bool down)
{
    if (code == KEY_CAPSLOCK && down) {
        in->held ^= HELD_CAPS;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(modifiers); i++) {
        if (modifiers[i].code == code) {
            in->held = (uint8_t)(down ? in->held | 1u << i : in->held & ~(1u << i));
        }
    }
}

static bool is_letter(uint32_t keysym)
{
    return (keysym | 0x20) >= 'a' && (keysym | 0x20) <= 'z';
}

/* Those that must not be down for this key, and are; those that must, and are not. Letters are left
 * to Caps Lock if it is on: by its LED, or for guests that light none by how often it was pressed. */
static void wrong_modifiers(const struct vnc_input *in, uint32_t keysym,
                            const struct keymap_key *key, unsigned *extra, unsigned *missing)
{
    bool caps =
        is_letter(keysym) && ((vnc_input_leds() & INPUT_LED_CAPS) || (in->held & HELD_CAPS));
    unsigned held = 0;

    *extra = *missing = 0;
    if (keysym <= ' ' || (keysym >= 0xfe00 && keysym <= 0xffff) || caps) {
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(modifiers); i++) {
        bool wanted = (key->modifiers & modifiers[i].modifier) || is_letter(keysym);
        if (in->held >> i & 1) {
            held |= modifiers[i].modifier;
            *extra |= wanted ? 0 : 1u << i;
        }
    }
    *missing = key->modifiers & ~held;
}

static void press_modifiers(struct vnc_client *c, unsigned extra, unsigned missing, bool before)
{
    for (unsigned i = 0; i < ARRAY_SIZE(modifiers); i++) {
        if (extra >> i & 1) {
            vnc_input_key(c, modifiers[i].code, !before);
        } else if (missing & modifiers[i].modifier) {
            missing &= ~(unsigned)modifiers[i].modifier;
            vnc_input_key(c, modifiers[i].code, before);
        }
    }
}

/* A user with another layout than the guest's holds other modifiers for the same character. */
void vnc_input_keysym(struct vnc_client *c, uint32_t keysym, bool down)
{
    struct keymap_key key;
    unsigned extra = 0, missing = 0;

    if (!keymap_find(keysym, &key)) {
        return;
    }
    note_modifier(&c->input, key.code, down);
    if (down) {
        wrong_modifiers(&c->input, keysym, &key, &extra, &missing);
    }
    press_modifiers(c, extra, missing, true);
    vnc_input_key(c, key.code, down);
    press_modifiers(c, extra, missing, false);
}

/* Movements, relative ones too, may be lost on the way but for where they end. */
void vnc_input_pointer(struct vnc_client *c, unsigned buttons, unsigned x, unsigned y)
{
    struct vnc_event e = {.buttons = buttons, .x = (int)x, .y = (int)y};
    struct vnc_input *in = &c->input;
    bool relative = !in->absolute && (c->can & VNC_CAN_POINTER_CHANGE);
    struct vnc_event *last = in->count ? event_at(in, in->count - 1) : NULL;

    if (!last || last->is_key || last->buttons != buttons) {
        add_event(c, &e);
    } else if (relative) {
        last->x += e.x - 0x7fff;
        last->y += e.y - 0x7fff;
    } else {
        last->x = e.x;
        last->y = e.y;
    }
}
