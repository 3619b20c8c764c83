/* SPDX-License-Identifier: MIT */
/*
 * PS/2 keyboard and mouse: IBM PS/2 Hardware Interface Technical Reference (1991), "Keyboards" and
 * "Auxiliary Device"; wheel and five buttons as Microsoft's IntelliMouse and Explorer.
 *
 * Not modelled: typematic repeat (the host's user interface repeats keys), scan code set 3 (asked
 * for, it is refused by a Resend), line errors.
 */
#include "hw/input/ps2.h"

#include <linux/input-event-codes.h>

#include "hw/core/vmstate.h"
#include "util/error.h"

enum { PS2_ACK = 0xfa, PS2_RESEND = 0xfe, PS2_BAT_OK = 0xaa, PS2_ECHO = 0xee, PS2_OVERRUN = 0xff };

/* --- queues ----------------------------------------------------------------------------------- */

static void port_clear(struct ps2_port *p)
{
    p->head = p->count = 0;
}

static bool port_room(const struct ps2_port *p, unsigned n)
{
    return p->count + n <= PS2_QUEUE;
}

static void port_put(struct ps2_port *p, uint8_t byte)
{
    if (port_room(p, 1)) {
        p->queue[(p->head + p->count) % PS2_QUEUE] = byte;
        p->count++;
        p->changed(p->opaque);
    }
}

uint8_t ps2_take(struct ps2_port *p)
{
    p->last = p->queue[p->head];
    p->head = (p->head + 1) % PS2_QUEUE;
    p->count--;
    return p->last;
}

/* --- scan codes ------------------------------------------------------------------------------- */

#define E0 0xe000u

/* Set 1 code of the keys whose event code is not that code itself (1 to 83 and a few more are). */
static const struct {
    uint16_t key, code;
} other_keys[] = {
    {KEY_102ND, 0x56},
    {KEY_F11, 0x57},
    {KEY_F12, 0x58},
    {KEY_RO, 0x73},
    {KEY_KATAKANAHIRAGANA, 0x70},
    {KEY_HENKAN, 0x79},
    {KEY_MUHENKAN, 0x7b},
    {KEY_YEN, 0x7d},
    {KEY_KPCOMMA, 0x7e},
    {KEY_KPENTER, E0 | 0x1c},
    {KEY_RIGHTCTRL, E0 | 0x1d},
    {KEY_KPSLASH, E0 | 0x35},
    {KEY_SYSRQ, E0 | 0x37},
    {KEY_RIGHTALT, E0 | 0x38},
    {KEY_HOME, E0 | 0x47},
    {KEY_UP, E0 | 0x48},
    {KEY_PAGEUP, E0 | 0x49},
    {KEY_LEFT, E0 | 0x4b},
    {KEY_RIGHT, E0 | 0x4d},
    {KEY_END, E0 | 0x4f},
    {KEY_DOWN, E0 | 0x50},
    {KEY_PAGEDOWN, E0 | 0x51},
    {KEY_INSERT, E0 | 0x52},
    {KEY_DELETE, E0 | 0x53},
    {KEY_LEFTMETA, E0 | 0x5b},
    {KEY_RIGHTMETA, E0 | 0x5c},
    {KEY_COMPOSE, E0 | 0x5d},
    {KEY_POWER, E0 | 0x5e},
    {KEY_SLEEP, E0 | 0x5f},
    {KEY_WAKEUP, E0 | 0x63},
    {KEY_MUTE, E0 | 0x20},
    {KEY_VOLUMEDOWN, E0 | 0x2e},
    {KEY_VOLUMEUP, E0 | 0x30},
    {KEY_CALC, E0 | 0x21},
    {KEY_PLAYPAUSE, E0 | 0x22},
    {KEY_STOPCD, E0 | 0x24},
    {KEY_PREVIOUSSONG, E0 | 0x10},
    {KEY_NEXTSONG, E0 | 0x19},
    {KEY_HOMEPAGE, E0 | 0x32},
    {KEY_MAIL, E0 | 0x6c},
    {KEY_MEDIA, E0 | 0x6d},
};

/* Set 2 code of each set 1 code: the inverse of the controller's translation. */
static const uint8_t set2_of_set1[0x80] = {
    0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d,
    0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b,
    0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
    0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03,
    0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69,
    0x72, 0x7a, 0x70, 0x71, 0x84, 0x60, 0x61, 0x78, 0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f,
    0x47, 0x4f, 0x56, 0x5e, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x57, 0x6f,
    0x13, 0x19, 0x39, 0x51, 0x53, 0x5c, 0x5f, 0x62, 0x63, 0x64, 0x65, 0x67, 0x68, 0x6a, 0x6d, 0x6e,
};

/* 0: not on this keyboard. */
static unsigned set1_code(unsigned key)
{
    if (key >= KEY_ESC && key <= KEY_KPDOT) {
        return key;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(other_keys); i++) {
        if (other_keys[i].key == key) {
            return other_keys[i].code;
        }
    }
    return 0;
}

static void send_key(struct ps2_keyboard *k, unsigned code, bool down)
{
    uint8_t low = code & 0x7f;

    if (!port_room(&k->port, 4)) {
        return; /* a real one puts an overrun code; nobody looks at it */
    }
    if (code & E0) {
        port_put(&k->port, 0xe0);
    }
    if (k->set == 1) {
        port_put(&k->port, low | (down ? 0 : 0x80));
        return;
    }
    if (!down) {
        port_put(&k->port, 0xf0);
    }
    port_put(&k->port, set2_of_set1[low]);
}

/* Pause has a make code only, and it is long. */
static void send_pause(struct ps2_keyboard *k)
{
    static const uint8_t set1[] = {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};
    static const uint8_t set2[] = {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77};
    const uint8_t *codes = k->set == 1 ? set1 : set2;
    unsigned n = k->set == 1 ? sizeof(set1) : sizeof(set2);

    for (unsigned i = 0; port_room(&k->port, n - i) && i < n; i++) {
        port_put(&k->port, codes[i]);
    }
}

static void key_event(void *opaque, unsigned key, bool down)
{
    struct ps2_keyboard *k = opaque;
    unsigned code = set1_code(key);

    if (!k->scanning) {
        return;
    }
    if (key == KEY_PAUSE && down) {
        send_pause(k);
    } else if (code) {
        send_key(k, code, down);
    }
}

/* --- keyboard commands ------------------------------------------------------------------------ */

enum {
    KBD_SET_LEDS = 0xed,
    KBD_ECHO = 0xee,
    KBD_SCAN_SET = 0xf0,
    KBD_IDENTIFY = 0xf2,
    KBD_TYPEMATIC = 0xf3,
    KBD_ENABLE = 0xf4,
    KBD_DISABLE = 0xf5,
    KBD_DEFAULTS = 0xf6,
    KBD_KEY_MODES_FIRST = 0xf7,
    KBD_KEY_MODES_LAST = 0xfd,
    KBD_RESEND = 0xfe,
    KBD_RESET = 0xff
};

static void keyboard_defaults(struct ps2_keyboard *k, bool scanning)
{
    port_clear(&k->port);
    k->set = 2;
    k->typematic = 0x2b;
    k->scanning = scanning;
}

static void keyboard_parameter(struct ps2_keyboard *k, uint8_t byte)
{
    uint8_t command = k->port.command;

    k->port.command = 0;
    switch (command) {
    case KBD_SET_LEDS:
        k->leds = byte & 7;
        break;
    case KBD_TYPEMATIC:
        k->typematic = byte & 0x7f;
        break;
    case KBD_SCAN_SET:
        if (byte > 2) {
            port_put(&k->port, PS2_RESEND);
            return;
        }
        port_put(&k->port, PS2_ACK);
        if (byte == 0) {
            port_put(&k->port, k->set);
        } else {
            k->set = byte;
        }
        return;
    }
    port_put(&k->port, PS2_ACK);
}

static void keyboard_command(struct ps2_keyboard *k, uint8_t byte)
{
    if (byte == KBD_ECHO || byte == KBD_RESEND) {
        port_put(&k->port, byte == KBD_ECHO ? PS2_ECHO : k->port.last);
        return;
    }
    if (byte < KBD_SET_LEDS || byte == 0xef || byte == 0xf1) {
        port_put(&k->port, PS2_RESEND);
        return;
    }
    if (byte == KBD_DISABLE || byte == KBD_DEFAULTS || byte == KBD_RESET) {
        keyboard_defaults(k, byte == KBD_RESET || (byte == KBD_DEFAULTS && k->scanning));
    }
    port_put(&k->port, PS2_ACK);
    switch (byte) {
    case KBD_SET_LEDS:
    case KBD_SCAN_SET:
    case KBD_TYPEMATIC:
        k->port.command = byte;
        break;
    case KBD_IDENTIFY:
        port_put(&k->port, 0xab);
        port_put(&k->port, 0x83);
        break;
    case KBD_ENABLE:
        k->scanning = true;
        break;
    case KBD_RESET:
        port_put(&k->port, PS2_BAT_OK);
        break;
    }
}

void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t byte)
{
    /* A command byte in the place of a parameter is a command. */
    if (k->port.command && byte < KBD_SET_LEDS) {
        keyboard_parameter(k, byte);
    } else {
        k->port.command = 0;
        keyboard_command(k, byte);
    }
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
    keyboard_defaults(k, true);
    k->leds = 0;
    k->port.command = k->port.last = 0;
}

void ps2_keyboard_init(struct ps2_keyboard *k, void (*changed)(void *opaque), void *opaque)
{
    k->port.changed = changed;
    k->port.opaque = opaque;
    k->input = (struct input_handler){.name = "PS/2 keyboard", .key = key_event, .opaque = k};
    input_register(&k->input);
}

void ps2_keyboard_fini(struct ps2_keyboard *k)
{
    input_unregister(&k->input);
}

/* --- mouse packets ---------------------------------------------------------------------------- */

enum {
    MOUSE_LEFT = 1,
    MOUSE_RIGHT = 2,
    MOUSE_MIDDLE = 4,
    MOUSE_ALWAYS = 8,
    MOUSE_X_SIGN = 0x10,
    MOUSE_Y_SIGN = 0x20
};

#define MOUSE_COUNT_MAX 0x10000

static int32_t take_delta(int32_t *total, int32_t min, int32_t max)
{
    int32_t v = MAX(min, MIN(max, *total));

    *total -= v;
    return v;
}

static void send_packet(struct ps2_mouse *m)
{
    int32_t dx = take_delta(&m->dx, -255, 255), dy = take_delta(&m->dy, -255, 255);
    uint8_t first = MOUSE_ALWAYS | (m->buttons & 7);

    first |= (dx < 0 ? MOUSE_X_SIGN : 0) | (dy < 0 ? MOUSE_Y_SIGN : 0);
    port_put(&m->port, first);
    port_put(&m->port, (uint8_t)dx);
    port_put(&m->port, (uint8_t)dy);
    if (m->id == 3) {
        port_put(&m->port, (uint8_t)take_delta(&m->dz, -128, 127));
    } else if (m->id == 4) {
        uint8_t z = (uint8_t)take_delta(&m->dz, -8, 7) & 0x0f;
        port_put(&m->port, z | (m->buttons & 0x18) << 1);
    } else {
        m->dz = 0;
    }
    m->sent_buttons = m->buttons;
}

static bool has_news(const struct ps2_mouse *m)
{
    return m->dx || m->dy || (m->dz && m->id) || m->buttons != m->sent_buttons;
}

/* One packet at a time, so that fast movements add up instead of queueing. */
void ps2_mouse_drained(struct ps2_mouse *m)
{
    if (m->reporting && !m->remote && !m->wrap && m->port.count == 0 && has_news(m)) {
        send_packet(m);
    }
}

/* Counters stop at a limit. */
static void add_delta(int32_t *total, int64_t delta)
{
    *total = (int32_t)MAX(-MOUSE_COUNT_MAX, MIN(MOUSE_COUNT_MAX, *total + delta));
}

static void mouse_move(void *opaque, int dx, int dy, int dz)
{
    struct ps2_mouse *m = opaque;

    add_delta(&m->dx, dx);
    add_delta(&m->dy, -(int64_t)dy); /* upwards is positive */
    add_delta(&m->dz, dz);
    ps2_mouse_drained(m);
}

/* INPUT_SIDE and INPUT_EXTRA are the bits of buttons 4 and 5. */
static void mouse_buttons(void *opaque, unsigned buttons)
{
    struct ps2_mouse *m = opaque;

    m->buttons = buttons & 0x1f;
    ps2_mouse_drained(m);
}

/* --- mouse commands --------------------------------------------------------------------------- */

enum {
    MOUSE_SCALING1 = 0xe6,
    MOUSE_SCALING2 = 0xe7,
    MOUSE_SET_RES = 0xe8,
    MOUSE_STATUS = 0xe9,
    MOUSE_STREAM = 0xea,
    MOUSE_POLL = 0xeb,
    MOUSE_WRAP_OFF = 0xec,
    MOUSE_WRAP = 0xee,
    MOUSE_REMOTE = 0xf0,
    MOUSE_ID = 0xf2,
    MOUSE_SET_RATE = 0xf3,
    MOUSE_ENABLE = 0xf4,
    MOUSE_DISABLE = 0xf5,
    MOUSE_DEFAULTS = 0xf6,
    MOUSE_RESEND = 0xfe,
    MOUSE_RESET = 0xff
};

static void mouse_defaults(struct ps2_mouse *m)
{
    m->rate = 100;
    m->resolution = 2;
    m->reporting = m->remote = m->wrap = m->scaling2 = false;
    m->dx = m->dy = m->dz = 0;
    memset(m->knock, 0, sizeof(m->knock));
}

/* Sample rates 200, 100, 80 and 200, 200, 80 in a row unlock wheel and buttons. */
static void mouse_knock(struct ps2_mouse *m, uint8_t rate)
{
    m->knock[0] = m->knock[1];
    m->knock[1] = m->knock[2];
    m->knock[2] = rate;
    if (m->knock[0] == 200 && m->knock[2] == 80) {
        if (m->knock[1] == 100) {
            m->id = 3;
        } else if (m->knock[1] == 200 && m->id == 3) {
            m->id = 4;
        }
    }
}

static void mouse_parameter(struct ps2_mouse *m, uint8_t byte)
{
    if (m->port.command == MOUSE_SET_RATE) {
        m->rate = byte;
        mouse_knock(m, byte);
    } else {
        m->resolution = byte & 3;
    }
    m->port.command = 0;
    port_put(&m->port, PS2_ACK);
}

static void mouse_status(struct ps2_mouse *m)
{
    uint8_t left = m->buttons & MOUSE_LEFT ? 4 : 0, right = m->buttons & MOUSE_RIGHT ? 1 : 0;
    uint8_t middle = m->buttons & MOUSE_MIDDLE ? 2 : 0;

    port_put(&m->port, (uint8_t)(left | right | middle | m->scaling2 << 4 | m->reporting << 5 |
                                 m->remote << 6));
    port_put(&m->port, m->resolution);
    port_put(&m->port, m->rate);
}

static void mouse_command(struct ps2_mouse *m, uint8_t byte)
{
    if (byte == MOUSE_RESEND) {
        port_put(&m->port, m->port.last);
        return;
    }
    if (byte < MOUSE_SCALING1 || byte == 0xed || byte == 0xef || byte == 0xf1 ||
        (byte > MOUSE_DEFAULTS && byte < MOUSE_RESEND)) {
        port_put(&m->port, PS2_RESEND);
        return;
    }
    port_clear(&m->port);
    port_put(&m->port, PS2_ACK);
    switch (byte) {
    case MOUSE_SCALING1:
    case MOUSE_SCALING2:
        m->scaling2 = byte == MOUSE_SCALING2;
        break;
    case MOUSE_SET_RES:
    case MOUSE_SET_RATE:
        m->port.command = byte;
        break;
    case MOUSE_STATUS:
        mouse_status(m);
        break;
    case MOUSE_STREAM:
    case MOUSE_REMOTE:
        m->remote = byte == MOUSE_REMOTE;
        break;
    case MOUSE_POLL:
        send_packet(m);
        break;
    case MOUSE_WRAP:
    case MOUSE_WRAP_OFF:
        m->wrap = byte == MOUSE_WRAP;
        break;
    case MOUSE_ID:
        port_put(&m->port, m->id);
        break;
    case MOUSE_ENABLE:
    case MOUSE_DISABLE:
        m->reporting = byte == MOUSE_ENABLE;
        m->dx = m->dy = m->dz = 0;
        break;
    case MOUSE_DEFAULTS:
        mouse_defaults(m);
        break;
    case MOUSE_RESET:
        mouse_defaults(m);
        m->id = 0;
        port_put(&m->port, PS2_BAT_OK);
        port_put(&m->port, m->id);
        break;
    }
}

void ps2_mouse_write(struct ps2_mouse *m, uint8_t byte)
{
    if (m->wrap && byte != MOUSE_WRAP_OFF && byte != MOUSE_RESET) {
        port_put(&m->port, byte);
    } else if (m->port.command) {
        mouse_parameter(m, byte);
    } else {
        mouse_command(m, byte);
    }
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
    mouse_defaults(m);
    port_clear(&m->port);
    m->port.command = m->port.last = m->id = 0;
    m->buttons = m->sent_buttons = 0;
}

void ps2_mouse_init(struct ps2_mouse *m, void (*changed)(void *opaque), void *opaque)
{
    m->port.changed = changed;
    m->port.opaque = opaque;
    m->input = (struct input_handler){
        .name = "PS/2 mouse", .move = mouse_move, .buttons = mouse_buttons, .opaque = m};
    input_register(&m->input);
}

void ps2_mouse_fini(struct ps2_mouse *m)
{
    input_unregister(&m->input);
}

/* --- saved state ------------------------------------------------------------------------------ */

static int port_post_load(void *state, unsigned version, struct error **err)
{
    struct ps2_port *p = state;

    if (p->head >= PS2_QUEUE || p->count > PS2_QUEUE) {
        error_set(err, "ps2: queue position %u, count %u", p->head, p->count);
        return -1;
    }
    return 0;
}

static const struct vmstate port_vmstate = {
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

const struct vmstate ps2_keyboard_vmstate = {
    .name = "ps2-keyboard",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct ps2_keyboard, port, &port_vmstate),
            VM_BOOL(struct ps2_keyboard, scanning),
            VM_U8(struct ps2_keyboard, set),
            VM_U8(struct ps2_keyboard, leds),
            VM_U8(struct ps2_keyboard, typematic),
            VM_END,
        },
};

const struct vmstate ps2_mouse_vmstate = {
    .name = "ps2-mouse",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct ps2_mouse, port, &port_vmstate),
            VM_BOOL(struct ps2_mouse, reporting),
            VM_BOOL(struct ps2_mouse, remote),
            VM_BOOL(struct ps2_mouse, wrap),
            VM_BOOL(struct ps2_mouse, scaling2),
            VM_U8(struct ps2_mouse, rate),
            VM_U8(struct ps2_mouse, resolution),
            VM_U8(struct ps2_mouse, id),
            VM_BUFFER(struct ps2_mouse, knock),
            VM_U8(struct ps2_mouse, buttons),
            VM_U8(struct ps2_mouse, sent_buttons),
            VM_S32(struct ps2_mouse, dx),
            VM_S32(struct ps2_mouse, dy),
            VM_S32(struct ps2_mouse, dz),
            VM_END,
        },
};
