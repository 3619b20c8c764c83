/* SPDX-License-Identifier: MIT */
/*
 * Text monitor: one command a line, from a table. Command names are QEMU's (HMP).
 */
#include "monitor/monitor.h"

#include <glib.h>
#include <inttypes.h>

#include "accel/accel.h"
#include "block/block.h"
#include "chardev/chardev.h"
#include "hw/core/device.h"
#include "hw/core/hotplug.h"
#include "hw/display/vga.h"
#include "system/runstate.h"
#include "system/version.h"
#include "util/error.h"
#include "util/optlist.h"

#define LINE_MAX_BYTES 4096

struct monitor {
    struct chardev *chr;
    GString *line;
};

struct command {
    const char *name, *args, *help;
    void (*run)(struct monitor *m, char **words); /* words[0]: first argument; NULL ends */
};

static const struct command commands[], info_commands[];

static void print(struct monitor *m, const char *fmt, ...) printf_fmt(2, 3);
static void print(struct monitor *m, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    char **lines = g_strsplit(text, "\n", -1);
    char *cooked = g_strjoinv("\r\n", lines);
    chardev_write(m->chr, cooked, strlen(cooked));
    g_free(cooked);
    g_strfreev(lines);
    g_free(text);
}

static void print_error(struct monitor *m, struct error *err)
{
    print(m, "Error: %s\n", error_msg(err));
    error_free(err);
}

/* --- commands --------------------------------------------------------------------------------- */

static void list(struct monitor *m, const struct command *table, const char *prefix)
{
    for (const struct command *c = table; c->name; c++) {
        print(m, "%s%s %s -- %s\n", prefix, c->name, c->args, c->help);
    }
}

static void cmd_help(struct monitor *m, char **words)
{
    list(m, commands, "");
    list(m, info_commands, "info ");
}

static void cmd_quit(struct monitor *m, char **words)
{
    runstate_request_shutdown(SHUTDOWN_HOST_QUIT);
}

static void cmd_stop(struct monitor *m, char **words)
{
    vm_stop(RUNSTATE_PAUSED);
}

static void cmd_cont(struct monitor *m, char **words)
{
    vm_start();
}

static void cmd_reset(struct monitor *m, char **words)
{
    runstate_request_reset(RESET_REASON_HOST);
}

static void cmd_powerdown(struct monitor *m, char **words)
{
    runstate_request_powerdown();
}

static void cmd_wakeup(struct monitor *m, char **words)
{
    runstate_request_wakeup(WAKEUP_OTHER);
}

static struct block_device *drive_named(struct monitor *m, const char *id)
{
    struct block_device *dev = id ? block_device_find(id) : NULL;

    if (!dev) {
        print(m, "Error: there is no drive '%s'; info block lists them\n", id ? id : "");
    }
    return dev;
}

static void cmd_eject(struct monitor *m, char **words)
{
    bool force = words[0] && !strcmp(words[0], "-f");
    struct block_device *dev = drive_named(m, words[force]);
    struct error *err = NULL;

    if (dev && block_eject(dev, force, &err) < 0) {
        print_error(m, err);
    }
}

static void cmd_change(struct monitor *m, char **words)
{
    struct block_device *dev = drive_named(m, words[0]);
    struct error *err = NULL;

    if (dev && !words[1]) {
        print(m, "Error: change needs a file\n");
    } else if (dev && block_insert(dev, words[1], words[2], false, &err) < 0) {
        print_error(m, err);
    }
}

static void cmd_device_add(struct monitor *m, char **words)
{
    struct error *err = NULL;

    if (device_add_text(words[0] ? words[0] : "", &err) < 0) {
        print_error(m, err);
    }
}

static void cmd_device_del(struct monitor *m, char **words)
{
    struct error *err = NULL;

    if (device_del(words[0] ? words[0] : "", &err) < 0) {
        print_error(m, err);
    }
}

static void info_version(struct monitor *m, char **words)
{
    print(m, "%s\n", DOPPEL_VERSION);
}

static void info_status(struct monitor *m, char **words)
{
    bool running = runstate_is_running();
    const char *name = runstate_name(runstate_get());

    print(m, "VM status: %s%s%s%s\n", running ? "running" : "paused", running ? "" : " (",
          running ? "" : name, running ? "" : ")");
}

static void info_qtree(struct monitor *m, char **words)
{
    GString *text = g_string_new(NULL);

    device_tree_describe(text);
    print(m, "%s", text->str);
    g_string_free(text, TRUE);
}

static void print_drive(struct block_device *dev, void *opaque)
{
    const struct block_stats *st = block_get_stats(dev);

    print(opaque,
          "%s: %s, %" PRIu64 " bytes%s, read %" PRIu64 " in %" PRIu64 ", written %" PRIu64
          " in %" PRIu64 "\n",
          block_id(dev), block_present(dev) ? "medium" : "no medium", block_length(dev),
          block_readonly(dev) ? " (ro)" : "", st->bytes[0], st->ops[0], st->bytes[1], st->ops[1]);
}

static void info_block(struct monitor *m, char **words)
{
    block_device_for_each(print_drive, m);
}

static void print_chardev(struct chardev *chr, void *opaque)
{
    print(opaque, "%s: filename=%s\n", chr->id ? chr->id : "(none)", chr->label);
}

static void info_chardev(struct monitor *m, char **words)
{
    chardev_for_each(print_chardev, m);
}

static void print_counter(void *arg, const char *name, uint64_t value)
{
    print(arg, "%-40s %" PRIu64 "\n", name, value);
}

static void info_jit(struct monitor *m, char **words)
{
    accel_print_stats(print_counter, m);
}

static bool is_vga(struct device *dev, void *opaque)
{
    return !strcmp(dev->cls->name, "VGA");
}

static void info_screen(struct monitor *m, char **words)
{
    struct device *dev = device_for_each(is_vga, NULL);
    char *text = dev ? vga_text_dump(vga_pci_chip(dev)) : NULL;

    print(m, "%s", text ? text : "The screen is not in text mode.\n");
    g_free(text);
}

static const struct command info_commands[] = {
    {"block", "", "drives and their media", info_block},
    {"chardev", "", "character devices", info_chardev},
    {"jit", "", "counters of the translator", info_jit},
    {"qtree", "", "devices and their properties", info_qtree},
    {"screen", "", "the text on the screen", info_screen},
    {"status", "", "running or paused", info_status},
    {"version", "", "of doppel", info_version},
    {.name = NULL},
};

static const struct command *find(const struct command *table, const char *name)
{
    for (; table->name; table++) {
        if (!strcmp(table->name, name)) {
            return table;
        }
    }
    return NULL;
}

static void unknown(struct monitor *m, const struct command *table, const char *name)
{
    const char *names[64] = {NULL};

    for (unsigned i = 0; table[i].name && i < ARRAY_SIZE(names) - 1; i++) {
        names[i] = table[i].name;
    }
    print(m, "unknown command: '%s'%s; help lists them\n", name, util_did_you_mean(name, names));
}

static void cmd_info(struct monitor *m, char **words)
{
    const struct command *c = words[0] ? find(info_commands, words[0]) : NULL;

    if (c) {
        c->run(m, words + 1);
    } else if (words[0]) {
        unknown(m, info_commands, words[0]);
    } else {
        list(m, info_commands, "info ");
    }
}

static const struct command commands[] = {
    {"change", "drive file [format]", "change a removable medium", cmd_change},
    {"cont", "", "go on", cmd_cont},
    {"c", "", "as cont", cmd_cont},
    {"device_add", "driver[,prop=value...]", "plug a device in", cmd_device_add},
    {"device_del", "id", "ask the guest to let go of a device", cmd_device_del},
    {"eject", "[-f] drive", "take a removable medium out", cmd_eject},
    {"help", "", "this list", cmd_help},
    {"?", "", "as help", cmd_help},
    {"info", "[subject]", "about the machine", cmd_info},
    {"quit", "", "end doppel", cmd_quit},
    {"q", "", "as quit", cmd_quit},
    {"stop", "", "pause the guest", cmd_stop},
    {"system_powerdown", "", "press the power button", cmd_powerdown},
    {"system_reset", "", "reset", cmd_reset},
    {"system_wakeup", "", "wake from suspend to RAM", cmd_wakeup},
    {.name = NULL},
};

/* --- lines ------------------------------------------------------------------------------------ */

static void prompt(struct monitor *m)
{
    print(m, "(doppel) ");
}

static void run_line(struct monitor *m)
{
    char **words = g_strsplit_set(g_strstrip(m->line->str), " \t", -1);
    unsigned n = 0;

    for (char **w = words; *w; w++) {
        if (**w) {
            words[n++] = *w;
        } else {
            g_free(*w);
        }
    }
    words[n] = NULL;
    if (n) {
        const struct command *c = find(commands, words[0]);
        if (c) {
            c->run(m, words + 1);
        } else {
            unknown(m, commands, words[0]);
        }
    }
    g_strfreev(words);
}

static void input_byte(struct monitor *m, uint8_t byte)
{
    if (byte == '\r' || byte == '\n') {
        print(m, "\n");
        run_line(m);
        g_string_truncate(m->line, 0);
        prompt(m);
    } else if (byte == 8 || byte == 127) {
        if (m->line->len) {
            g_string_truncate(m->line, m->line->len - 1);
            print(m, "\b \b");
        }
    } else if (byte >= ' ' && m->line->len < LINE_MAX_BYTES) {
        g_string_append_c(m->line, (char)byte);
        chardev_write(m->chr, &byte, 1);
    }
}

static void monitor_read(void *opaque, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        input_byte(opaque, buf[i]);
    }
}

static void monitor_event(void *opaque, enum chardev_event event)
{
    struct monitor *m = opaque;

    if (event == CHARDEV_FOCUS_IN || (event == CHARDEV_OPENED && !m->chr->wants_monitor)) {
        print(m, "%sdoppel %s monitor - type 'help' for more information\n",
              event == CHARDEV_FOCUS_IN ? "\n" : "", DOPPEL_VERSION);
        prompt(m);
    }
}

int monitor_new(struct chardev *chr, struct error **err)
{
    static const struct chardev_handlers handlers = {.read = monitor_read, .event = monitor_event};
    struct monitor *m = g_new0(struct monitor, 1);

    m->chr = chr;
    m->line = g_string_new(NULL);
    int ret = chardev_attach(chr, &handlers, m, err);
    if (ret < 0) {
        g_string_free(m->line, TRUE);
        g_free(m);
    }
    return ret;
}
