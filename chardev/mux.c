/* SPDX-License-Identifier: MIT */
/*
 * Multiplexer: several frontends (a serial port, a monitor) share one chardev. All may write; input
 * goes to the one in focus. Ctrl-a is the escape key: Ctrl-a h lists the commands.
 */
#include <errno.h>

#include "chardev/chardev.h"
#include "system/runstate.h"
#include "util/error.h"

#define MUX_FRONTENDS 4
#define MUX_BUFFER    256 /* input waiting for its frontend, bytes */
#define MUX_ESCAPE    0x01

struct mux_frontend {
    const struct chardev_handlers *handlers;
    void *opaque;
    uint8_t buf[MUX_BUFFER];
    unsigned head, count;
};

struct chardev_mux {
    struct chardev chr;
    struct chardev *base;
    struct mux_frontend fe[MUX_FRONTENDS];
    unsigned n, focus;
    bool escaped;
    bool timestamps, at_line_start;
    gint64 start;
};

static struct chardev_mux *mux_of(struct chardev *chr)
{
    return container_of(chr, struct chardev_mux, chr);
}

static void fe_event(struct mux_frontend *fe, enum chardev_event event)
{
    if (fe->handlers && fe->handlers->event) {
        fe->handlers->event(fe->opaque, event);
    }
}

static size_t fe_room(const struct mux_frontend *fe)
{
    if (!fe->handlers || !fe->handlers->read) {
        return 0;
    }
    return fe->handlers->can_read ? fe->handlers->can_read(fe->opaque) : MUX_BUFFER;
}

/* Hand over what waits, as far as the frontend takes it. */
static void fe_drain(struct mux_frontend *fe)
{
    while (fe->count && fe_room(fe)) {
        uint8_t byte = fe->buf[fe->head];
        fe->head = (fe->head + 1) % MUX_BUFFER;
        fe->count--;
        fe->handlers->read(fe->opaque, &byte, 1);
    }
}

static void fe_input(struct mux_frontend *fe, uint8_t byte)
{
    if (fe->handlers && fe->count < MUX_BUFFER) {
        fe->buf[(fe->head + fe->count) % MUX_BUFFER] = byte;
        fe->count++;
        fe_drain(fe);
    }
}

static void mux_set_focus(struct chardev_mux *m, unsigned focus)
{
    fe_event(&m->fe[m->focus], CHARDEV_FOCUS_OUT);
    m->focus = focus;
    fe_event(&m->fe[m->focus], CHARDEV_FOCUS_IN);
}

/* --- the escape commands -------------------------------------------------------------------- */

static void cmd_help(struct chardev_mux *m);

static void cmd_exit(struct chardev_mux *m)
{
    static const char text[] = "doppel: terminated\r\n";

    chardev_write(m->base, text, sizeof(text) - 1);
    runstate_request_shutdown(SHUTDOWN_HOST_QUIT);
}

static void cmd_break(struct chardev_mux *m)
{
    fe_event(&m->fe[m->focus], CHARDEV_BREAK);
}

static void cmd_switch(struct chardev_mux *m)
{
    if (m->n) {
        mux_set_focus(m, (m->focus + 1) % m->n);
    }
}

static void cmd_timestamps(struct chardev_mux *m)
{
    m->timestamps = !m->timestamps;
    m->start = g_get_monotonic_time();
    m->at_line_start = false;
}

static void cmd_send_escape(struct chardev_mux *m)
{
    fe_input(&m->fe[m->focus], MUX_ESCAPE);
}

static const struct {
    uint8_t key;
    const char *help;
    void (*run)(struct chardev_mux *m);
} commands[] = {
    {'h', "C-a h    print this help", cmd_help},
    {'?', NULL, cmd_help},
    {'x', "C-a x    exit doppel", cmd_exit},
    {'b', "C-a b    send a break (magic sysrq)", cmd_break},
    {'c', "C-a c    switch between console and monitor", cmd_switch},
    {'t', "C-a t    switch console time stamps on or off", cmd_timestamps},
    {MUX_ESCAPE, "C-a C-a  send C-a", cmd_send_escape},
};

static void cmd_help(struct chardev_mux *m)
{
    GString *text = g_string_new("\r\n");

    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (commands[i].help) {
            g_string_append_printf(text, "%s\r\n", commands[i].help);
        }
    }
    chardev_write(m->base, text->str, text->len);
    g_string_free(text, TRUE);
}

static void mux_byte(struct chardev_mux *m, uint8_t byte)
{
    if (!m->escaped) {
        m->escaped = byte == MUX_ESCAPE;
        if (!m->escaped) {
            fe_input(&m->fe[m->focus], byte);
        }
        return;
    }
    m->escaped = false;
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (commands[i].key == byte) {
            commands[i].run(m);
            return;
        }
    }
}

/* --- frontend of the base ------------------------------------------------------------------- */

static size_t base_can_read(void *opaque)
{
    struct chardev_mux *m = opaque;
    return MUX_BUFFER - m->fe[m->focus].count;
}

static void base_read(void *opaque, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        mux_byte(opaque, buf[i]);
    }
}

static void base_event(void *opaque, enum chardev_event event)
{
    struct chardev_mux *m = opaque;

    m->chr.is_open = event == CHARDEV_OPENED || (m->chr.is_open && event != CHARDEV_CLOSED);
    for (unsigned i = 0; i < m->n; i++) {
        fe_event(&m->fe[i], event);
    }
}

/* What the mux itself has queued goes first. */
static void base_writable(void *opaque)
{
    struct chardev_mux *m = opaque;

    if (!chardev_flush(&m->chr)) {
        return; /* the base is full again */
    }
    for (unsigned i = 0; i < m->n; i++) {
        if (m->fe[i].handlers->writable) {
            m->fe[i].handlers->writable(m->fe[i].opaque);
        }
    }
}

static const struct chardev_handlers base_handlers = {
    .can_read = base_can_read,
    .read = base_read,
    .event = base_event,
    .writable = base_writable,
    .lossless = true, /* the mux's own queue follows the rule of its base */
};

/* --- backend of its frontends --------------------------------------------------------------- */

static int mux_open(struct chardev *chr, const struct chardev_opts *opts, struct error **err)
{
    struct chardev_mux *m = mux_of(chr);

    m->base = opts->base ? opts->base : opts->base_id ? chardev_find(opts->base_id) : NULL;
    if (!m->base || m->base->cls == chr->cls) {
        error_set(err, "chardev mux: %s",
                  !opts->base_id ? "needs chardev="
                  : m->base      ? "a mux cannot share a mux"
                                 : "there is no such chardev");
        return -EINVAL;
    }
    chr->wants_monitor = opts->monitor;
    chr->lossy = m->base->lossy;
    g_free(chr->label);
    chr->label = g_strdup(m->base->label);
    return chardev_attach(m->base, &base_handlers, m, err);
}

static void mux_close(struct chardev *chr)
{
    chardev_detach(mux_of(chr)->base, mux_of(chr));
}

static int mux_attach(struct chardev *chr, const struct chardev_handlers *handlers, void *opaque,
                      struct error **err)
{
    struct chardev_mux *m = mux_of(chr);

    if (m->n == MUX_FRONTENDS) {
        error_set(err, "chardev '%s' has %d users already", chr->id ? chr->id : chr->label,
                  MUX_FRONTENDS);
        return -EBUSY;
    }
    struct mux_frontend *fe = &m->fe[m->n++];
    *fe = (struct mux_frontend){.handlers = handlers, .opaque = opaque};
    if (chr->is_open) {
        fe_event(fe, CHARDEV_OPENED);
    }
    if (m->n == 1) {
        mux_set_focus(m, 0);
    }
    return 0;
}

static void mux_detach(struct chardev *chr, void *opaque)
{
    struct chardev_mux *m = mux_of(chr);

    for (unsigned i = 0; i < m->n; i++) {
        if (m->fe[i].opaque == opaque) {
            memmove(&m->fe[i], &m->fe[i + 1], (m->n - i - 1) * sizeof(m->fe[0]));
            m->fe[--m->n] = (struct mux_frontend){0};
            m->focus -= m->focus > i;
            m->focus = m->focus >= m->n ? 0 : m->focus;
            return;
        }
    }
}

static void stamp_line(struct chardev_mux *m)
{
    char text[32];
    gint64 ms = (g_get_monotonic_time() - m->start) / 1000;
    int n = g_snprintf(text, sizeof(text), "[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000),
                       (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
    chardev_write(m->base, text, (size_t)n);
}

static ssize_t mux_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct chardev_mux *m = mux_of(chr);

    if (!m->timestamps) {
        return (ssize_t)chardev_write(m->base, buf, len);
    }
    for (size_t i = 0; i < len; i++) {
        if (m->at_line_start) {
            stamp_line(m);
            m->at_line_start = false;
        }
        if (!chardev_write(m->base, buf + i, 1)) {
            return (ssize_t)i;
        }
        m->at_line_start = buf[i] == '\n';
    }
    return (ssize_t)len;
}

static void mux_accept_input(struct chardev *chr)
{
    struct chardev_mux *m = mux_of(chr);

    fe_drain(&m->fe[m->focus]);
    chardev_accept_input(m->base);
}

static size_t mux_can_read(struct chardev *chr)
{
    return fe_room(&mux_of(chr)->fe[mux_of(chr)->focus]);
}

CHARDEV_DEFINE(chardev_mux, .name = "mux", .help = "shares one chardev; made by mux=on and mon:",
               .state_size = sizeof(struct chardev_mux), .open = mux_open, .close = mux_close,
               .write = mux_write, .accept_input = mux_accept_input, .attach = mux_attach,
               .detach = mux_detach, .can_read = mux_can_read);
