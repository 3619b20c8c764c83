/* SPDX-License-Identifier: MIT */
/*
 * PS/2 keyboard: IBM PS/2 Hardware Interface Technical Reference (1991), "Keyboards". All three scan
 * code sets, the key modes of set 3.
 *
 * Not modelled: the keyboard's own clock of typematic repeat (the user's keyboard repeats, and its
 * repeats pass if the mode of the key lets them), the shifts around the grey keys while Shift or Num
 * Lock is on (software ignores them), line errors. Keys the host has no time for wait in a queue
 * that never loses a release; so there are no overrun codes.
 */
#include <linux/input-event-codes.h>

#include "hw/core/vmstate.h"
#include "hw/input/ps2_int.h"
#include "util/error.h"

/* --- scan codes ----------------------------------------------------------------------------------- */

/* Modes of set 3: what is sent besides the make code. */
enum { MODE_MAKE = 0, MODE_BREAK = 1, MODE_REPEAT = 2, MODE_ALL = 3 };

static const struct scancode {
    uint16_t set1, set2;
    uint8_t set3, mode;
} scancodes[] = {
#define KEY(name, one, two, three, mode) [KEY_##name] = {one, two, three, MODE_##mode},
#include "hw/input/scancodes.def"
#undef KEY
};

#define SEQUENCE_MAX 8

struct sequence {
    uint8_t len, bytes[SEQUENCE_MAX];
};

static void add(struct sequence *s, unsigned byte)
{
    s->bytes[s->len++] = (uint8_t)byte;
}

/* Make or break code of set 1 or 2. */
static void add_code(struct sequence *s, unsigned set, unsigned code, bool down)
{
    if (code > 0xff) {
        add(s, code >> 8);
    }
    if (set == 1) {
        add(s, (code & 0xff) | (down ? 0 : 0x80));
        return;
    }
    if (!down) {
        add(s, 0xf0);
    }
    add(s, code & 0xff);
}

static bool told(const struct ps2_keyboard *k, unsigned left, unsigned right)
{
    return input_keys_has(&k->keys.told, left) || input_keys_has(&k->keys.told, right);
}

/* PrintScreen brings a shift along, unless one is down, and is another key with Alt. */
enum { PRINT_SHIFTED = 0, PRINT_BARE = 1, PRINT_SYSRQ = 2 };

static void add_print(struct ps2_keyboard *k, struct sequence *s, bool down)
{
    static const struct {
        uint16_t shift, print, sysrq;
    } codes[] = {{0xe02a, 0xe037, 0x54}, {0xe012, 0xe07c, 0x84}};
    unsigned shift_code = codes[k->set - 1].shift, code = codes[k->set - 1].print;

    if (down) {
        bool shift = told(k, KEY_LEFTSHIFT, KEY_RIGHTSHIFT);
        bool ctrl = told(k, KEY_LEFTCTRL, KEY_RIGHTCTRL);
        k->print = told(k, KEY_LEFTALT, KEY_RIGHTALT) ? PRINT_SYSRQ
                   : shift || ctrl                    ? PRINT_BARE
                                                      : PRINT_SHIFTED;
    }
    if (k->print == PRINT_SHIFTED && down) {
        add_code(s, k->set, shift_code, true);
    }
    add_code(s, k->set, k->print == PRINT_SYSRQ ? codes[k->set - 1].sysrq : code, down);
    if (k->print == PRINT_SHIFTED && !down) {
        add_code(s, k->set, shift_code, false);
    }
}

/* Pause sends everything when it goes down; with Ctrl it is Break. */
static void add_pause(struct ps2_keyboard *k, struct sequence *s, bool down)
{
    static const struct sequence pause[] = {
        {6, {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5}},
        {8, {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77}},
    };
    static const uint16_t brk[] = {0xe046, 0xe07e};

    if (!down) {
        return;
    }
    if (told(k, KEY_LEFTCTRL, KEY_RIGHTCTRL)) {
        add_code(s, k->set, brk[k->set - 1], true);
        add_code(s, k->set, brk[k->set - 1], false);
    } else {
        *s = pause[k->set - 1];
    }
}

static void add_set3(struct ps2_keyboard *k, struct sequence *s, const struct input_key_event *e)
{
    uint8_t code = scancodes[e->code].set3, mode = k->modes[code];

    if (!code || (e->repeat && !(mode & MODE_REPEAT)) || (!e->down && !(mode & MODE_BREAK))) {
        return;
    }
    if (!e->down) {
        add(s, 0xf0);
    }
    add(s, code);
}

/* What a key sends; nothing if it is none of this keyboard. */
static struct sequence sequence_of(struct ps2_keyboard *k, const struct input_key_event *e)
{
    struct sequence s = {.len = 0};

    if (e->code >= ARRAY_SIZE(scancodes)) {
        return s;
    }
    unsigned code = k->set == 1 ? scancodes[e->code].set1 : scancodes[e->code].set2;
    if (k->set == 3) {
        add_set3(k, &s, e);
    } else if (e->code == KEY_PAUSE) {
        add_pause(k, &s, e->down && !e->repeat);
    } else if (e->code == KEY_SYSRQ) {
        add_print(k, &s, e->down);
    } else if (code) {
        add_code(&s, k->set, code, e->down);
    }
    return s;
}

/* --- keys ----------------------------------------------------------------------------------------- */

/* The next one when the one before has been taken; not in between a command and its parameter. */
static void send_key(struct ps2_keyboard *k)
{
    struct input_key_event e;

    while (!k->sending && k->scanning && !k->port.command && input_key_peek(&k->keys, &e)) {
        struct sequence s = sequence_of(k, &e);
        if (!ps2_port_append(&k->port, s.bytes, s.len)) {
            break;
        }
        k->sending = s.len;
        if (!s.len) {
            input_key_pop(&k->keys, &e);
        }
    }
}

/* A byte has been taken. */
static void refill(struct ps2_port *port)
{
    struct ps2_keyboard *k = container_of(port, struct ps2_keyboard, port);
    struct input_key_event e;

    if (port->count == 0) {
        if (k->sending) {
            input_key_pop(&k->keys, &e);
            k->sending = false;
        }
        send_key(k);
    }
}

static void pass_key(struct ps2_keyboard *k)
{
    send_key(k);
    if (k->port.count) {
        k->port.changed(k->port.opaque);
    }
}

static void key_event(void *opaque, unsigned key, bool down)
{
    struct ps2_keyboard *k = opaque;

    if ((k->scanning || !down) && input_key_push(&k->keys, key, down)) {
        pass_key(k);
    }
}

/* --- commands ------------------------------------------------------------------------------------- */

enum {
    KBD_SET_LEDS = 0xed,
    KBD_ECHO = 0xee,
    KBD_SCAN_SET = 0xf0,
    KBD_IDENTIFY = 0xf2,
    KBD_TYPEMATIC = 0xf3,
    KBD_ENABLE = 0xf4,
    KBD_DISABLE = 0xf5,
    KBD_DEFAULTS = 0xf6,
    KBD_ALL_REPEAT = 0xf7,
    KBD_ALL_BREAK = 0xf8,
    KBD_ALL_MAKE = 0xf9,
    KBD_ALL_ALL = 0xfa,
    KBD_KEY_REPEAT = 0xfb,
    KBD_KEY_BREAK = 0xfc,
    KBD_KEY_MAKE = 0xfd,
    KBD_RESEND = 0xfe,
    KBD_RESET = 0xff
};

static uint8_t mode_of(uint8_t command)
{
    switch (command) {
    case KBD_ALL_REPEAT:
    case KBD_KEY_REPEAT:
        return MODE_REPEAT;
    case KBD_ALL_BREAK:
    case KBD_KEY_BREAK:
        return MODE_BREAK;
    case KBD_ALL_ALL:
        return MODE_ALL;
    }
    return MODE_MAKE;
}

static void default_modes(struct ps2_keyboard *k)
{
    for (unsigned i = 0; i < ARRAY_SIZE(scancodes); i++) {
        if (scancodes[i].set3) {
            k->modes[scancodes[i].set3] = scancodes[i].mode;
        }
    }
}

static void drop_keys(struct ps2_keyboard *k)
{
    ps2_port_clear(&k->port);
    k->sending = false;
    input_key_queue_drop(&k->keys);
}

static void keyboard_defaults(struct ps2_keyboard *k, bool scanning)
{
    drop_keys(k);
    default_modes(k);
    k->set = 2;
    k->typematic = 0x2b;
    k->scanning = scanning;
}

static void set_leds(struct ps2_keyboard *k, uint8_t leds)
{
    k->leds = leds & INPUT_LEDS; /* the bits are the same */
    input_set_leds(&k->input, k->leds);
}

/* false: not a parameter of this command. */
static bool take_parameter(struct ps2_keyboard *k, uint8_t command, uint8_t byte)
{
    switch (command) {
    case KBD_SET_LEDS:
        set_leds(k, byte);
        return byte <= INPUT_LEDS;
    case KBD_TYPEMATIC:
        k->typematic = byte;
        return byte < 0x80;
    case KBD_SCAN_SET:
        k->set = byte && byte <= 3 ? byte : k->set;
        return byte <= 3;
    }
    if (byte < PS2_SET3_CODES) {
        k->modes[byte] = mode_of(command);
    }
    k->port.command = command; /* the list of keys ends with the next command */
    return byte && byte < PS2_SET3_CODES;
}

static void keyboard_parameter(struct ps2_keyboard *k, uint8_t byte)
{
    uint8_t command = k->port.command;

    k->port.command = 0;
    bool ok = take_parameter(k, command, byte);
    ps2_port_put(&k->port, ok ? PS2_ACK : PS2_RESEND);
    if (command == KBD_SCAN_SET && byte == 0) {
        ps2_port_put(&k->port, k->set);
    }
}

static void run_command(struct ps2_keyboard *k, uint8_t byte)
{
    switch (byte) {
    case KBD_SET_LEDS:
    case KBD_SCAN_SET:
    case KBD_TYPEMATIC:
    case KBD_KEY_REPEAT:
    case KBD_KEY_BREAK:
    case KBD_KEY_MAKE:
        k->port.command = byte;
        break;
    case KBD_ALL_REPEAT:
    case KBD_ALL_BREAK:
    case KBD_ALL_MAKE:
    case KBD_ALL_ALL:
        memset(k->modes, mode_of(byte), sizeof(k->modes));
        break;
    case KBD_IDENTIFY:
        ps2_port_put(&k->port, 0xab);
        ps2_port_put(&k->port, 0x83);
        break;
    case KBD_ENABLE:
        k->scanning = true;
        break;
    case KBD_RESET:
        input_key_queue_reset(&k->keys);
        set_leds(k, 0);
        ps2_port_put(&k->port, PS2_BAT_OK);
        break;
    }
}

static void keyboard_command(struct ps2_keyboard *k, uint8_t byte)
{
    if (byte == KBD_ECHO || byte == KBD_RESEND) {
        ps2_port_put(&k->port, byte == KBD_ECHO ? PS2_ECHO : k->port.last);
        return;
    }
    if (byte < KBD_SET_LEDS || byte == 0xef || byte == 0xf1) {
        ps2_port_put(&k->port, PS2_RESEND);
        return;
    }
    if (byte == KBD_DISABLE || byte == KBD_DEFAULTS || byte == KBD_RESET) {
        keyboard_defaults(k, byte == KBD_RESET || (byte == KBD_DEFAULTS && k->scanning));
    } else if (byte == KBD_ENABLE) {
        drop_keys(k);
    }
    ps2_port_put(&k->port, PS2_ACK);
    run_command(k, byte);
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
    pass_key(k);
}

/* --- life ----------------------------------------------------------------------------------------- */

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
    keyboard_defaults(k, true);
    input_key_queue_reset(&k->keys);
    set_leds(k, 0);
    k->print = PRINT_SHIFTED;
    k->port.command = k->port.last = 0;
}

void ps2_keyboard_init(struct ps2_keyboard *k, void (*changed)(void *opaque), void *opaque)
{
    k->port.changed = changed;
    k->port.refill = refill;
    k->port.opaque = opaque;
    k->input = (struct input_handler){.name = "PS/2 keyboard", .key = key_event, .opaque = k};
    input_register(&k->input);
}

void ps2_keyboard_fini(struct ps2_keyboard *k)
{
    input_unregister(&k->input);
}

static int keyboard_post_load(void *state, unsigned version, struct error **err)
{
    struct ps2_keyboard *k = state;

    if (k->set < 1 || k->set > 3) {
        error_set(err, "ps2-keyboard: scan code set %u", k->set);
        return -1;
    }
    set_leds(k, k->leds);
    return 0;
}

const struct vmstate ps2_keyboard_vmstate = {
    .name = "ps2-keyboard",
    .version = 2,
    .min_version = 2,
    .post_load = keyboard_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct ps2_keyboard, port, &ps2_port_vmstate),
            VM_BOOL(struct ps2_keyboard, scanning),
            VM_U8(struct ps2_keyboard, set),
            VM_U8(struct ps2_keyboard, leds),
            VM_U8(struct ps2_keyboard, typematic),
            VM_U8(struct ps2_keyboard, print),
            VM_BOOL(struct ps2_keyboard, sending),
            VM_BUFFER(struct ps2_keyboard, modes),
            VM_STRUCT(struct ps2_keyboard, keys, &input_key_queue_vmstate),
            VM_END,
        },
};
