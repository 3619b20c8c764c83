/* SPDX-License-Identifier: MIT */
/*
 * PS/2 mouse: IBM PS/2 Hardware Interface Technical Reference (1991), "Auxiliary Device"; wheel and
 * five buttons as Microsoft's IntelliMouse and IntelliMouse Explorer, its horizontal wheel as
 * Explorer 4.0. Packets come no faster than the sample rate.
 *
 * Counters never overflow: what does not fit into a packet goes into the next one.
 *
 * Not modelled: the resolution has no effect on the counts, line errors.
 */
#include "hw/core/vmstate.h"
#include "hw/input/ps2_int.h"
#include "util/error.h"

/* --- packets -------------------------------------------------------------------------------------- */

enum { MOUSE_ALWAYS = 0x08, MOUSE_X_SIGN = 0x10, MOUSE_Y_SIGN = 0x20, MOUSE_PAN = 0x40 };

#define MOUSE_BUTTONS 7 /* in the first byte; the bits are those of INPUT_* */

/* Scaling 2:1, which is for movements reported without being asked for. */
static int32_t scale(int32_t v)
{
    static const uint8_t small[] = {0, 1, 1, 3, 6, 9};
    int32_t magnitude = v < 0 ? -v : v;

    magnitude = magnitude < (int32_t)ARRAY_SIZE(small) ? small[magnitude] : 2 * magnitude;
    return v < 0 ? -magnitude : magnitude;
}

static uint8_t fourth_byte(const struct ps2_mouse *m, const struct input_pointer_event *e)
{
    if (m->id == 3) {
        return (uint8_t)e->dz;
    }
    if (e->dw) {
        return MOUSE_PAN | ((uint8_t)-e->dw & 0x3f);
    }
    return (uint8_t)(((uint8_t)e->dz & 0x0f) | (e->buttons & (INPUT_SIDE | INPUT_EXTRA)) << 1);
}

static void put_packet(struct ps2_mouse *m, const struct input_pointer_event *e, bool scaled)
{
    int32_t dx = scaled ? scale(e->dx) : e->dx, dy = scaled ? scale(-e->dy) : -e->dy;
    uint8_t first = MOUSE_ALWAYS | (e->buttons & MOUSE_BUTTONS);

    first |= (dx < 0 ? MOUSE_X_SIGN : 0) | (dy < 0 ? MOUSE_Y_SIGN : 0);
    m->packet[0] = first;
    m->packet[1] = (uint8_t)dx;
    m->packet[2] = (uint8_t)dy;
    m->packet[3] = fourth_byte(m, e);
    m->packet_len = m->id ? 4 : 3;
    for (unsigned i = 0; i < m->packet_len; i++) {
        ps2_port_put(&m->port, m->packet[i]);
    }
}

/* Without a wheel its turns are lost; a packet has room for one of two. */
static void next_event(struct ps2_mouse *m, bool scaled, struct input_pointer_event *e)
{
    const struct input_pointer_limits limits = {scaled ? 127 : 255, m->id == 3 ? 127 : 7};

    input_pointer_pop(&m->motion, &limits, e);
    if (e->dw && e->dz) {
        input_pointer_wheel(&m->motion, 0, e->dw);
        e->dw = 0;
    }
}

static void send_report(struct ps2_mouse *m, bool scaled)
{
    struct input_pointer_event e;

    next_event(m, scaled, &e);
    put_packet(m, &e, scaled);
}

/* One packet at a time, so that fast movements add up instead of queueing. */
void ps2_mouse_drained(struct ps2_mouse *m)
{
    int64_t now = clock_now(CLK_VIRTUAL);

    if (m->reporting && !m->remote && !m->wrap && m->port.count == 0 && m->motion.count &&
        !timer_pending(&m->pace)) {
        timer_arm(&m->pace, now + NS_PER_SEC / m->rate);
        send_report(m, m->scaling2);
    }
}

static void pace_over(void *opaque)
{
    ps2_mouse_drained(opaque);
}

static bool counting(const struct ps2_mouse *m)
{
    return m->reporting || m->remote;
}

static void mouse_move(void *opaque, int dx, int dy)
{
    struct ps2_mouse *m = opaque;

    if (counting(m) && input_pointer_move(&m->motion, dx, dy)) {
        ps2_mouse_drained(m);
    }
}

static void mouse_wheel(void *opaque, int dz, int dw)
{
    struct ps2_mouse *m = opaque;

    if (counting(m) && m->id && input_pointer_wheel(&m->motion, dz, m->pan ? dw : 0)) {
        ps2_mouse_drained(m);
    }
}

static void mouse_buttons(void *opaque, unsigned buttons)
{
    struct ps2_mouse *m = opaque;

    if (input_pointer_buttons(&m->motion, buttons)) {
        ps2_mouse_drained(m);
    }
}

/* --- commands ------------------------------------------------------------------------------------- */

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
    input_pointer_queue_clear(&m->motion);
    memset(m->knock, 0, sizeof(m->knock));
}

static void reply(struct ps2_mouse *m, uint8_t byte)
{
    m->packet_len = 0;
    ps2_port_put(&m->port, byte);
}

/* A wrong byte: to be sent again; wrong again: an error. */
static void refuse(struct ps2_mouse *m)
{
    reply(m, m->failed ? PS2_ERROR : PS2_RESEND);
    m->failed = !m->failed;
}

static void acknowledge(struct ps2_mouse *m)
{
    m->failed = false;
    reply(m, PS2_ACK);
}

/* Three sample rates in a row unlock wheel, buttons, horizontal wheel. */
static void mouse_knock(struct ps2_mouse *m, uint8_t rate)
{
    static const struct {
        uint8_t rates[3], from, to;
        bool pan;
    } knocks[] = {
        {{200, 100, 80}, 0, 3, false}, {{200, 200, 80}, 3, 4, false}, {{200, 80, 40}, 4, 4, true}};

    memmove(m->knock, m->knock + 1, sizeof(m->knock) - 1);
    m->knock[2] = rate;
    for (unsigned i = 0; i < ARRAY_SIZE(knocks); i++) {
        if (!memcmp(m->knock, knocks[i].rates, sizeof(m->knock)) && m->id == knocks[i].from) {
            m->id = knocks[i].to;
            m->pan |= knocks[i].pan;
            break;
        }
    }
}

static bool valid_rate(uint8_t rate)
{
    static const uint8_t rates[] = {10, 20, 40, 60, 80, 100, 200};

    return memchr(rates, rate, sizeof(rates)) != NULL;
}

static void mouse_parameter(struct ps2_mouse *m, uint8_t byte)
{
    bool rate = m->port.command == MOUSE_SET_RATE;

    m->port.command = 0;
    if (rate ? !valid_rate(byte) : byte > 3) {
        refuse(m);
        return;
    }
    if (rate) {
        m->rate = byte;
        mouse_knock(m, byte);
    } else {
        m->resolution = byte;
    }
    acknowledge(m);
}

static void mouse_status(struct ps2_mouse *m)
{
    uint8_t buttons = m->motion.now.buttons, left = buttons & INPUT_LEFT ? 4 : 0;
    uint8_t middle = buttons & INPUT_MIDDLE ? 2 : 0, right = buttons & INPUT_RIGHT ? 1 : 0;

    reply(m,
          (uint8_t)(left | middle | right | m->scaling2 << 4 | m->reporting << 5 | m->remote << 6));
    reply(m, m->resolution);
    reply(m, m->rate);
}

static void resend(struct ps2_mouse *m)
{
    if (!m->packet_len) {
        ps2_port_put(&m->port, m->port.last);
        return;
    }
    ps2_port_clear(&m->port);
    for (unsigned i = 0; i < m->packet_len; i++) {
        ps2_port_put(&m->port, m->packet[i]);
    }
}

static void run_command(struct ps2_mouse *m, uint8_t byte)
{
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
        input_pointer_queue_clear(&m->motion);
        break;
    case MOUSE_POLL:
        send_report(m, false);
        break;
    case MOUSE_WRAP:
    case MOUSE_WRAP_OFF:
        m->wrap = byte == MOUSE_WRAP;
        break;
    case MOUSE_ID:
        reply(m, m->id);
        break;
    case MOUSE_ENABLE:
    case MOUSE_DISABLE:
        m->reporting = byte == MOUSE_ENABLE;
        input_pointer_queue_clear(&m->motion);
        break;
    case MOUSE_DEFAULTS:
        mouse_defaults(m);
        break;
    case MOUSE_RESET:
        mouse_defaults(m);
        m->id = 0;
        m->pan = false;
        reply(m, PS2_BAT_OK);
        reply(m, m->id);
        break;
    }
}

static bool is_command(uint8_t byte)
{
    return byte >= MOUSE_SCALING1 && byte != 0xed && byte != 0xef && byte != 0xf1 &&
           (byte <= MOUSE_DEFAULTS || byte == MOUSE_RESET);
}

static void mouse_command(struct ps2_mouse *m, uint8_t byte)
{
    if (byte == MOUSE_RESEND) {
        resend(m);
        return;
    }
    if (!is_command(byte)) {
        refuse(m);
        return;
    }
    ps2_port_clear(&m->port);
    acknowledge(m);
    run_command(m, byte);
}

void ps2_mouse_write(struct ps2_mouse *m, uint8_t byte)
{
    if (m->wrap && byte != MOUSE_WRAP_OFF && byte != MOUSE_RESET) {
        reply(m, byte);
    } else if (m->port.command && byte != MOUSE_RESET) {
        mouse_parameter(m, byte);
    } else {
        m->port.command = 0;
        mouse_command(m, byte);
    }
}

/* --- life ----------------------------------------------------------------------------------------- */

void ps2_mouse_reset(struct ps2_mouse *m)
{
    mouse_defaults(m);
    ps2_port_clear(&m->port);
    timer_cancel(&m->pace);
    m->port.command = m->port.last = m->id = m->packet_len = 0;
    m->pan = m->failed = false;
}

void ps2_mouse_init(struct ps2_mouse *m, void (*changed)(void *opaque), void *opaque)
{
    m->port.changed = changed;
    m->port.opaque = opaque;
    m->rate = 100;
    timer_init(&m->pace, CLK_VIRTUAL, pace_over, m);
    m->input = (struct input_handler){.name = "PS/2 mouse",
                                      .move = mouse_move,
                                      .wheel = mouse_wheel,
                                      .buttons = mouse_buttons,
                                      .opaque = m};
    input_register(&m->input);
}

void ps2_mouse_fini(struct ps2_mouse *m)
{
    input_unregister(&m->input);
    timer_fini(&m->pace);
}

static int mouse_post_load(void *state, unsigned version, struct error **err)
{
    struct ps2_mouse *m = state;

    if (!valid_rate(m->rate) || m->packet_len > PS2_PACKET) {
        error_set(err, "ps2-mouse: sample rate %u, packet of %u bytes", m->rate, m->packet_len);
        return -1;
    }
    return 0;
}

const struct vmstate ps2_mouse_vmstate = {
    .name = "ps2-mouse",
    .version = 2,
    .min_version = 2,
    .post_load = mouse_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct ps2_mouse, port, &ps2_port_vmstate),
            VM_BOOL(struct ps2_mouse, reporting),
            VM_BOOL(struct ps2_mouse, remote),
            VM_BOOL(struct ps2_mouse, wrap),
            VM_BOOL(struct ps2_mouse, scaling2),
            VM_BOOL(struct ps2_mouse, pan),
            VM_BOOL(struct ps2_mouse, failed),
            VM_U8(struct ps2_mouse, rate),
            VM_U8(struct ps2_mouse, resolution),
            VM_U8(struct ps2_mouse, id),
            VM_BUFFER(struct ps2_mouse, knock),
            VM_BUFFER(struct ps2_mouse, packet),
            VM_U8(struct ps2_mouse, packet_len),
            VM_STRUCT(struct ps2_mouse, motion, &input_pointer_queue_vmstate),
            VM_TIMER(struct ps2_mouse, pace),
            VM_END,
        },
};
