/* SPDX-License-Identifier: MIT */
/*
 * A monitor on a chardev: its life, its output, its pager.
 *
 * Output that the chardev does not take at once is kept here; a monitor with much of it takes no
 * more input until it has been read, so that a client that only writes costs bounded memory.
 */
#include "monitor/internal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "monitor/pager.h"
#include "system/version.h"

#define OUT_CHOKED KIB(256)

struct monitor_list monitors = TAILQ_HEAD_INITIALIZER(monitors);

/* --- output ------------------------------------------------------------------------------------- */

bool monitor_choked(const struct monitor *m)
{
    return m->out->len > OUT_CHOKED;
}

static void flush(struct monitor *m)
{
    bool was_choked = monitor_choked(m);

    while (m->out->len) {
        size_t n = chardev_write(m->chr, m->out->data, m->out->len);
        if (!n) {
            return;
        }
        g_byte_array_remove_range(m->out, 0, (guint)n);
    }
    if (was_choked) {
        chardev_accept_input(m->chr);
    }
}

void monitor_write(struct monitor *m, const char *text, size_t len)
{
    size_t done = 0;

    if (m->captured) {
        g_string_append_len(m->captured, text, (gssize)len);
        return;
    }
    if (!m->open) {
        return;
    }
    if (!m->out->len) {
        done = chardev_write(m->chr, text, len);
    }
    g_byte_array_append(m->out, (const guint8 *)text + done, (guint)(len - done));
}

/* Lines as a terminal wants them. */
static void write_cooked(void *opaque, const char *text, size_t len)
{
    const char *end = text + len;

    while (text < end) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));
        monitor_write(opaque, text, (size_t)((nl ? nl : end) - text));
        if (nl) {
            monitor_write(opaque, "\r\n", 2);
        }
        text = nl ? nl + 1 : end;
    }
}

void mon_puts(struct monitor *m, const char *text)
{
    if (m->captured) {
        write_cooked(m, text, strlen(text));
    } else {
        pager_write(m->pager, text, strlen(text));
    }
}

void mon_print(struct monitor *m, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    mon_puts(m, text);
    g_free(text);
}

void mon_error(struct monitor *m, struct error *err)
{
    mon_print(m, "Error: %s\n", error_msg(err));
    error_free(err);
}

/* --- text --------------------------------------------------------------------------------------- */

static void editor_output(void *opaque, const char *text, size_t len)
{
    monitor_write(opaque, text, len);
}

static void editor_line(void *opaque, const char *line)
{
    struct monitor *m = opaque;

    pager_begin(m->pager);
    hmp_line(m, line);
    if (pager_end(m->pager)) {
        editor_prompt(m->editor);
    }
}

static void editor_complete(void *opaque, const char *line, size_t pos, GPtrArray *out,
                            size_t *start)
{
    hmp_complete(opaque, line, pos, out, start);
}

static const struct editor_ops editor_ops = {
    .output = editor_output, .line = editor_line, .complete = editor_complete};

static void text_input(struct monitor *m, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (!pager_waiting(m->pager)) {
            editor_input(m->editor, buf[i]);
        } else if (pager_key(m->pager, buf[i])) {
            editor_prompt(m->editor);
        }
    }
}

/* Rows of the terminal the chardev is; 0: it is none that we know of. */
static unsigned terminal_rows(void *opaque)
{
    struct monitor *m = opaque;
    struct winsize size;
    bool ours = !strcmp(m->chr->label, "stdio") && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);

    return ours && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

static void greet(struct monitor *m, bool fresh_line)
{
    mon_print(m, "%sdoppel %s monitor - type 'help' for more information\n", fresh_line ? "\n" : "",
              DOPPEL_VERSION);
    editor_prompt(m->editor);
}

/* --- the chardev's side ------------------------------------------------------------------------- */

static size_t monitor_can_read(void *opaque)
{
    return monitor_choked(opaque) ? 0 : 4096;
}

static void monitor_read(void *opaque, const uint8_t *buf, size_t len)
{
    struct monitor *m = opaque;

    if (m->opts.qmp) {
        qmp_input(m, buf, len);
    } else {
        text_input(m, buf, len);
    }
}

static void monitor_writable(void *opaque)
{
    flush(opaque);
}

static void opened(struct monitor *m)
{
    m->open = true;
    g_byte_array_set_size(m->out, 0);
    if (m->opts.qmp) {
        qmp_open(m);
        return;
    }
    editor_reset(m->editor);
    pager_reset(m->pager);
    if (!m->chr->wants_monitor) {
        greet(m, false);
    }
}

static void monitor_event(void *opaque, enum chardev_event event)
{
    struct monitor *m = opaque;

    if (event == CHARDEV_OPENED) {
        opened(m);
    } else if (event == CHARDEV_CLOSED) {
        m->open = false;
        g_byte_array_set_size(m->out, 0);
    } else if (event == CHARDEV_FOCUS_IN && !m->opts.qmp) {
        m->open = true;
        greet(m, true);
    }
}

/* --- life --------------------------------------------------------------------------------------- */

static void release(struct monitor *m)
{
    if (m->opts.qmp) {
        json_frame_fini(&m->frame);
    } else {
        editor_free(m->editor);
        pager_free(m->pager);
    }
    g_byte_array_free(m->out, TRUE);
    g_free(m);
}

int monitor_new(struct chardev *chr, const struct monitor_options *opts, struct error **err)
{
    static const struct chardev_handlers handlers = {.can_read = monitor_can_read,
                                                     .read = monitor_read,
                                                     .event = monitor_event,
                                                     .writable = monitor_writable,
                                                     .lossless = true};
    struct monitor *m = g_new0(struct monitor, 1);

    m->chr = chr;
    m->opts = *opts;
    m->out = g_byte_array_new();
    if (opts->qmp) {
        qmp_init(m);
    } else {
        m->editor = editor_new(&editor_ops, m, "(doppel) ");
        editor_set_echo(m->editor, !opts->no_edit);
        m->pager = pager_new(write_cooked, terminal_rows, m);
    }
    int ret = chardev_attach(chr, &handlers, m, err);
    if (ret < 0) {
        release(m);
        return ret;
    }
    TAILQ_INSERT_TAIL(&monitors, m, link);
    return 0;
}

char *monitor_run_line(const char *line, unsigned cpu)
{
    struct monitor m = {.captured = g_string_new(NULL), .cpu = cpu};

    hmp_line(&m, line);
    return g_string_free(m.captured, FALSE);
}

void monitor_flush(void)
{
    struct monitor *m;

    events_flush();
    TAILQ_FOREACH(m, &monitors, link)
    {
        flush(m);
    }
}
