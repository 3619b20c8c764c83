/* SPDX-License-Identifier: MIT */
/*
 * The stub's session: a debugger comes, sends packets, goes. Replies wait here when the debugger
 * does not read; meanwhile nothing more is read from it.
 */
#include "gdbstub/stub.h"

#include <errno.h>

#include "chardev/chardev.h"
#include "gdbstub/gdbstub.h"
#include "system/cpu.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/trace.h"

struct stub stub;

struct vcpu *stub_cpu(unsigned index)
{
    struct vcpu *cpu = vcpu_get(index);

    return cpu ? cpu : vcpu_get(0);
}

/* --- sending ---------------------------------------------------------------------------------- */

static void flush(void)
{
    size_t n = chardev_write(stub.chr, stub.out->data, stub.out->len);

    g_byte_array_remove_range(stub.out, 0, (guint)n);
}

static void send_bytes(const void *bytes, size_t len)
{
    if (!stub.connected) {
        return;
    }
    g_byte_array_append(stub.out, bytes, (guint)len);
    flush();
}

void stub_send(const void *data, size_t len)
{
    TRACE(gdb_reply, "%.*s", (int)MIN(len, (size_t)200), (const char *)data);
    g_byte_array_set_size(stub.last, 0);
    rsp_frame(stub.last, data, len);
    send_bytes(stub.last->data, stub.last->len);
}

void stub_send_reply(void)
{
    stub_send(stub.reply->str, stub.reply->len);
}

void stub_reply(const char *text)
{
    g_string_assign(stub.reply, text);
}

/* --- receiving -------------------------------------------------------------------------------- */

static void packet(void)
{
    TRACE(gdb_packet, "%.200s", stub.rsp.data);
    if (!stub.no_ack) {
        send_bytes("+", 1);
    }
    stub_handle(stub.rsp.data, stub.rsp.len);
}

static void interrupt(void)
{
    if (stub.running) {
        stub_pause();
        stub_send_stop(SIGNAL_INT);
    }
}

static void overlong(void)
{
    if (!stub.no_ack) {
        send_bytes("+", 1);
    }
    stub_reply("E07");
    stub_send_reply();
}

static void receive_byte(uint8_t byte)
{
    switch (rsp_feed(&stub.rsp, byte)) {
    case RSP_NOTHING:
    case RSP_ACK:
        break;
    case RSP_PACKET:
        packet();
        break;
    case RSP_OVERLONG:
        overlong();
        break;
    case RSP_BAD:
        if (!stub.no_ack) {
            send_bytes("-", 1);
        }
        break;
    case RSP_NAK:
        if (!stub.no_ack) {
            send_bytes(stub.last->data, stub.last->len);
        }
        break;
    case RSP_INTERRUPT:
        interrupt();
        break;
    }
}

static size_t can_read(void *opaque)
{
    return stub.out->len ? 0 : 4096;
}

static void read_bytes(void *opaque, const uint8_t *buf, size_t len)
{
    stub.reading = true;
    for (size_t i = 0; i < len && stub.connected; i++) {
        receive_byte(buf[i]);
    }
    stub.reading = false;
}

static void writable(void *opaque)
{
    flush();
    if (!stub.out->len) {
        chardev_accept_input(stub.chr);
    }
}

/* --- coming and going ------------------------------------------------------------------------- */

/* The machine stops for whoever comes, but for states in which no CPU runs anyway. */
static void opened(void)
{
    stub.connected = true;
    stub.no_ack = stub.swbreak = stub.hwbreak = stub.physical = stub.extended = false;
    stub.sstep = SSTEP_ENABLE | SSTEP_NOIRQ | SSTEP_NOTIMER;
    stub.g_cpu = stub.c_cpu = stub.list_cpu = 0;
    g_byte_array_set_size(stub.out, 0);
    g_byte_array_set_size(stub.last, 0);
    rsp_init(&stub.rsp);
    if (runstate_is_running()) {
        vm_stop(RUNSTATE_DEBUG);
    }
    stub.desc = stub_describe(stub_cpu(0));
    g_free(stub.xml);
    stub.xml = stub_target_xml(stub.desc);
}

/* A debugger that has gone without a word: what ran goes on, what stood stands. */
static void closed(void)
{
    bool ran = stub.running;

    if (!stub.connected) {
        return;
    }
    stub.connected = false;
    vcpu_gate_close();
    if (ran) {
        stub_pause();
    }
    stub_points_clear();
    if (ran) {
        stub_let_go();
    }
    vcpu_gate_open();
}

static void event(void *opaque, enum chardev_event event)
{
    if (event == CHARDEV_CLOSED) {
        closed();
    } else if (event == CHARDEV_OPENED) {
        closed();
        opened();
    }
}

static void after_reset(struct notifier *n, void *data)
{
    if (stub.reset_run && stub.connected) {
        stub.reset_run = false;
        stub_send_stop(SIGNAL_TRAP);
    }
}

/* The process ends: the last packet says so. */
static void at_end(struct notifier *n, void *data)
{
    char text[8];

    if (stub.connected && stub.running) {
        g_snprintf(text, sizeof(text), "W%02x", runstate_exit_status() & 0xff);
        stub_send(text, strlen(text));
        chardev_flush(stub.chr);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

const char *gdbstub_where(void)
{
    return stub.chr ? stub.chr->label : NULL;
}

static void wake(void *opaque)
{
    deferred_schedule(&stub.stopped);
}

static void end(void)
{
    struct chardev *chr = stub.chr;

    closed();
    debug_set_stop_handler(NULL, NULL);
    stub.chr = NULL;
    if (chr) {
        chardev_detach(chr, &stub);
        if (stub.own_chr) {
            chardev_free(chr);
        }
    }
}

static int listen_on(const char *where, struct error **err)
{
    static const struct chardev_handlers handlers = {
        .can_read = can_read,
        .read = read_bytes,
        .event = event,
        .writable = writable,
        .lossless = true,
    };
    struct error *local = NULL;
    struct chardev *chr = chardev_new_service(where, "gdb", &local);

    if (!chr) {
        error_propagate(err, local);
        return local ? -EINVAL : 0; /* "none" */
    }
    stub.chr = chr;
    stub.own_chr = !g_str_has_prefix(where, "chardev:");
    debug_set_stop_handler(wake, NULL);
    int ret = chardev_attach(chr, &handlers, &stub, err);
    if (ret < 0) {
        stub.chr = NULL;
        if (stub.own_chr) {
            chardev_free(chr);
        }
    }
    return ret;
}

static void move_on(void *opaque)
{
    char *where = stub.next_place;
    struct error *err = NULL;

    stub.next_place = NULL;
    end();
    if (listen_on(where, &err) < 0) {
        error_prepend(&err, "gdb stub: ");
        error_report_free(err);
    }
    g_free(where);
}

static void init_once(void)
{
    static bool done;

    if (done) {
        return;
    }
    done = true;
    stub.out = g_byte_array_new();
    stub.last = g_byte_array_new();
    stub.reply = g_string_new(NULL);
    deferred_init(&stub.stopped, stub_vcpu_stopped, NULL);
    deferred_init(&stub.move, move_on, NULL);
    stub.change.notify = stub_state_changed;
    stub.reset.notify = after_reset;
    stub.shutdown.notify = at_end;
    runstate_add_change_notifier(&stub.change);
    runstate_add_reset_notifier(&stub.reset);
    runstate_add_shutdown_notifier(&stub.shutdown);
}

int gdbstub_start(const char *where, struct error **err)
{
    static const char option[] = ",registers=";
    enum debug_width width = DEBUG_WIDTH_MODE;
    const char *at = g_strrstr(where, option);

    if (at && stub_parse_width(at + strlen(option), &width, err) < 0) {
        return -EINVAL;
    }
    init_once();
    stub.width = width;
    char *place = at ? g_strndup(where, (gsize)(at - where)) : g_strdup(where);
    if (stub.reading) { /* its own debugger wants it: the chardev is still in use */
        g_free(stub.next_place);
        stub.next_place = place;
        deferred_schedule(&stub.move);
        return 0;
    }
    end();
    int ret = listen_on(place, err);
    g_free(place);
    return ret;
}
