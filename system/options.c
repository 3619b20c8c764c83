/* SPDX-License-Identifier: MIT */
/*
 * The command line. Spellings and meanings are QEMU's; one table row per option, from which the
 * parser and -help derive. Options start with one or two dashes. A word without a dash is the
 * image of the first disk.
 */
#include "system/options.h"
#include "ui/frontend.h"
#include "ui/keymap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "accel/accel.h"
#include "chardev/chardev.h"
#include "hw/core/device.h"
#include "system/actions.h"
#include "system/cpu_model.h"
#include "system/fds.h"
#include "system/object.h"
#include "system/version.h"
#include "util/error.h"
#include "util/log.h"
#include "util/opttext.h"
#include "util/perfmap.h"
#include "util/trace.h"

struct option_row {
    const char *name;
    const char *arg; /* NULL: takes none */
    const char *help;
    int (*set)(struct options *o, const char *arg, struct error **err);
};

static const struct option_row rows[];

/* --- helpers ---------------------------------------------------------------------------------- */

static noreturn_fn void print_and_exit(GString *text)
{
    fputs(text->str, stdout);
    exit(0);
}

static bool asks_for_help(const char *arg)
{
    return !strcmp(arg, "help") || !strcmp(arg, "?");
}

static int append(GPtrArray *list, const char *text)
{
    g_ptr_array_add(list, (void *)(uintptr_t)text);
    return 0;
}

/* The same for what may be JSON: `first` is the member that says the kind. */
static int append_text(GPtrArray *list, const char *text, const char *first, struct error **err)
{
    const char *const names[] = {first, NULL};
    const char *plain = *text == '{' ? opttext_of_json(text, names, err) : text;

    return plain ? append(list, plain) : -EINVAL;
}

/* Lists of options are kept for good: fields point into them. */
static int apply(const char *text, const char *first, const struct opt_desc *descs, void *state,
                 const char *what, struct error **err)
{
    struct opt_list *list = g_new0(struct opt_list, 1);

    opt_list_parse(list, text, first);
    return opt_apply(list, descs, state, what, err);
}

/* --- machine, CPUs, memory -------------------------------------------------------------------- */

struct machine_text {
    const char *type, *accel, *memory;
    struct machine_config cfg;
};

static const char *const on_off_auto[] = {"on", "off", "auto", NULL};
static const struct opt_desc machine_descs[] = {
    {"type", OPT_STR, OPT_FIELD(struct machine_text, type)},
    {"accel", OPT_STR, OPT_FIELD(struct machine_text, accel)},
    {"memory-backend", OPT_STR, OPT_FIELD(struct machine_text, memory)},
    {"acpi", OPT_BOOL, OPT_FIELD(struct machine_text, cfg.acpi)},
    {"hpet", OPT_BOOL, OPT_FIELD(struct machine_text, cfg.hpet)},
    {"smm", OPT_BOOL, OPT_FIELD(struct machine_text, cfg.smm)},
    {"vmport", OPT_ENUM, OPT_FIELD(struct machine_text, cfg.vmport), .names = on_off_auto},
    {"usb", OPT_BOOL, OPT_FIELD(struct machine_text, cfg.usb)},
    {"dump-guest-core", OPT_BOOL, OPT_FIELD(struct machine_text, cfg.dump_guest_core)},
    {.type = OPT_END},
};

void options_for_each_machine_prop(void (*fn)(const struct opt_desc *desc, void *opaque), void *opaque)
{
    for (const struct opt_desc *d = machine_descs; d->type != OPT_END; d++) {
        fn(d, opaque);
    }
}

static int set_machine(struct options *o, const char *arg, struct error **err)
{
    struct machine_text t = {.cfg = o->cfg};

    if (asks_for_help(arg)) {
        GString *text = g_string_new("Machines:\n");
        machine_help(text);
        print_and_exit(text);
    }
    if (apply(arg, "type", machine_descs, &t, "-machine", err) < 0) {
        return -EINVAL;
    }
    o->cfg = t.cfg;
    o->machine = t.type ? t.type : o->machine;
    o->memory_backend = t.memory ? t.memory : o->memory_backend;
    if (t.accel) {
        append(o->accels, t.accel);
    }
    return o->machine && !machine_find(o->machine, err) ? -EINVAL : 0;
}

static noreturn_fn void print_accels(void)
{
    printf("Accelerators:\n");
    for (unsigned i = 0; accel_row(i); i++) {
        const struct accel_ops *a = accel_row(i);
        printf("%-8s %s%s%s%s\n", a->name, a->help, a->alias ? " (also: " : "",
               a->alias ? a->alias : "", a->alias ? ")" : "");
    }
    exit(0);
}

static int set_accel(struct options *o, const char *arg, struct error **err)
{
    if (asks_for_help(arg)) {
        print_accels();
    }
    return append(o->accels, arg);
}

static int set_enable_kvm(struct options *o, const char *arg, struct error **err)
{
    return append(o->accels, "kvm");
}

static int set_cpu(struct options *o, const char *arg, struct error **err)
{
    if (asks_for_help(arg)) {
        cpu_model_help();
        exit(0);
    }
    o->cfg.cpu = arg;
    return 0;
}

static int set_memory(struct options *o, const char *arg, struct error **err)
{
    struct opt_list list;
    int ret = 0;

    opt_list_parse(&list, arg, "size");
    for (unsigned i = 0; i < list.count && ret == 0; i++) {
        if (strcmp(list.pairs[i].name, "size")) {
            error_set(err, "-m: '%s' is not supported, memory cannot be added later",
                      list.pairs[i].name);
            ret = -EINVAL;
        } else {
            ret = opt_parse_size("-m", list.pairs[i].value, MIB(1), &o->cfg.ram_size, err);
        }
    }
    opt_list_free(&list);
    o->memory_given = true;
    if (ret == 0 && o->cfg.ram_size == 0) {
        error_set(err, "-m: a machine needs memory");
        ret = -EINVAL;
    }
    return ret;
}

/* What is not given: cores take what is missing, then sockets. Checked against each other. */
static int complete_smp(struct machine_config *cfg, struct error **err)
{
    __typeof__(cfg->smp) *s = &cfg->smp;
    uint32_t threads = MAX(s->threads, 1u), dies = MAX(s->dies, 1u);
    uint32_t total = s->maxcpus ? s->maxcpus : s->cpus;

    if (total) {
        uint32_t known = threads * dies * MAX(s->sockets, 1u) * MAX(s->cores, 1u);
        if (!s->cores) {
            s->cores = MAX(total / known, 1u);
        } else if (!s->sockets) {
            s->sockets = MAX(total / known, 1u);
        }
    }
    s->threads = threads;
    s->dies = dies;
    s->sockets = MAX(s->sockets, 1u);
    s->cores = MAX(s->cores, 1u);
    uint64_t product = (uint64_t)s->sockets * s->dies * s->cores * s->threads;
    s->maxcpus = s->maxcpus ? s->maxcpus : s->cpus ? s->cpus : (uint32_t)product;
    s->cpus = s->cpus ? s->cpus : s->maxcpus;
    if (product != s->maxcpus) {
        error_set(err, "-smp: sockets %u * dies %u * cores %u * threads %u is not maxcpus %u",
                  s->sockets, s->dies, s->cores, s->threads, s->maxcpus);
        return -EINVAL;
    }
    if (s->cpus > s->maxcpus) {
        error_set(err, "-smp: %u CPUs are more than maxcpus %u", s->cpus, s->maxcpus);
        return -EINVAL;
    }
    return 0;
}

static int set_smp(struct options *o, const char *arg, struct error **err)
{
    static const struct opt_desc descs[] = {
        {"cpus", OPT_U32, OPT_FIELD(struct machine_config, smp.cpus), 1, 4096},
        {"maxcpus", OPT_U32, OPT_FIELD(struct machine_config, smp.maxcpus), 1, 4096},
        {"sockets", OPT_U32, OPT_FIELD(struct machine_config, smp.sockets), 1, 4096},
        {"dies", OPT_U32, OPT_FIELD(struct machine_config, smp.dies), 1, 4096},
        {"cores", OPT_U32, OPT_FIELD(struct machine_config, smp.cores), 1, 4096},
        {"threads", OPT_U32, OPT_FIELD(struct machine_config, smp.threads), 1, 2},
        {.type = OPT_END},
    };

    memset(&o->cfg.smp, 0, sizeof(o->cfg.smp));
    int ret = apply(arg, "cpus", descs, &o->cfg, "-smp", err);
    return ret < 0 ? ret : complete_smp(&o->cfg, err);
}

static int set_name(struct options *o, const char *arg, struct error **err)
{
    struct name_text {
        const char *guest, *process;
        bool debug_threads;
    } t = {0};
    static const struct opt_desc descs[] = {
        {"guest", OPT_STR, OPT_FIELD(struct name_text, guest)},
        {"process", OPT_STR, OPT_FIELD(struct name_text, process)},
        {"debug-threads", OPT_BOOL, OPT_FIELD(struct name_text, debug_threads)},
        {.type = OPT_END},
    };

    int ret = apply(arg, "guest", descs, &t, "-name", err);
    o->cfg.name = t.guest;
    error_set_guest_name(t.guest);
    if (ret == 0 && t.process) {
        prctl(PR_SET_NAME, t.process);
    }
    return ret;
}

static int set_uuid(struct options *o, const char *arg, struct error **err)
{
    unsigned n = 0;

    for (const char *p = arg; *p && n < 33; p++) {
        int digit = g_ascii_xdigit_value(*p);
        bool dash_place = n == 8 || n == 12 || n == 16 || n == 20;
        if (digit >= 0 && n < 32) {
            o->cfg.uuid[n / 2] = (uint8_t)(o->cfg.uuid[n / 2] << 4 | digit);
            n++;
        } else if (*p != '-' || !dash_place) {
            n = 33;
        }
    }
    if (n != 32) {
        error_set(err, "-uuid: '%s' is not of the form 8-4-4-4-12 hexadecimal digits", arg);
        return -EINVAL;
    }
    o->cfg.uuid_given = true;
    return 0;
}

static int set_rtc(struct options *o, const char *arg, struct error **err)
{
    static const char *const clocks[] = {"host", "rt", "vm", NULL};
    static const char *const driftfixes[] = {"none", "slew", NULL};
    struct rtc_text {
        const char *base;
        int clock, driftfix;
    } t = {.base = "utc"};
    static const struct opt_desc descs[] = {
        {"base", OPT_STR, OPT_FIELD(struct rtc_text, base)},
        {"clock", OPT_ENUM, OPT_FIELD(struct rtc_text, clock), .names = clocks},
        {"driftfix", OPT_ENUM, OPT_FIELD(struct rtc_text, driftfix), .names = driftfixes},
        {.type = OPT_END},
    };

    if (apply(arg, NULL, descs, &t, "-rtc", err) < 0) {
        return -EINVAL;
    }
    if (t.driftfix) {
        error_set(err, "-rtc: driftfix=slew is not supported");
        return -EINVAL;
    }
    o->cfg.rtc_clock = clocks[t.clock];
    o->cfg.rtc_base = t.base;
    return 0;
}

/* --- boot ------------------------------------------------------------------------------------- */

/* a, b: floppies; c: first disk; d: CD-ROM; n to p: network cards. */
static int check_boot_order(const char *order, struct error **err)
{
    uint32_t seen = 0;

    for (const char *p = order; p && *p; p++) {
        if (*p < 'a' || *p > 'p' || (seen & 1u << (*p - 'a'))) {
            error_set(err, "-boot: '%s' is not a list of different letters from a to p", order);
            return -EINVAL;
        }
        seen |= 1u << (*p - 'a');
    }
    return 0;
}

static int set_boot(struct options *o, const char *arg, struct error **err)
{
    static const struct opt_desc descs[] = {
        {"order", OPT_STR, OPT_FIELD(struct machine_config, boot_order)},
        {"once", OPT_STR, OPT_FIELD(struct machine_config, boot_once)},
        {"menu", OPT_BOOL, OPT_FIELD(struct machine_config, boot_menu)},
        {"strict", OPT_BOOL, OPT_FIELD(struct machine_config, boot_strict)},
        {"splash-time", OPT_U32, OPT_FIELD(struct machine_config, splash_time), 0, 65535},
        {"reboot-timeout", OPT_U32, OPT_FIELD(struct machine_config, reboot_timeout), 0, 65535},
        {.type = OPT_END},
    };

    int ret = apply(arg, "order", descs, &o->cfg, "-boot", err);
    ret = ret < 0 ? ret : check_boot_order(o->cfg.boot_order, err);
    return ret < 0 ? ret : check_boot_order(o->cfg.boot_once, err);
}

#define STRING_OPTION(name, field)                                                                 \
    static int set_##name(struct options *o, const char *arg, struct error **err)                  \
    {                                                                                              \
        o->field = arg;                                                                            \
        return 0;                                                                                  \
    }
#define FLAG_OPTION(name, field, value)                                                            \
    static int set_##name(struct options *o, const char *arg, struct error **err)                  \
    {                                                                                              \
        o->field = value;                                                                          \
        return 0;                                                                                  \
    }
#define LIST_OPTION(name, list)                                                                    \
    static int set_##name(struct options *o, const char *arg, struct error **err)                  \
    {                                                                                              \
        return append(o->list, arg);                                                               \
    }

STRING_OPTION(kernel, cfg.kernel)
STRING_OPTION(initrd, cfg.initrd)
STRING_OPTION(append, cfg.append)
STRING_OPTION(bios, cfg.bios)
STRING_OPTION(debugcon, debugcon)
FLAG_OPTION(nographic, cfg.nographic, true)
FLAG_OPTION(nodefaults, cfg.no_defaults, true)
FLAG_OPTION(stopped, start_stopped, true)
FLAG_OPTION(usb, cfg.usb, true)
FLAG_OPTION(snapshot, snapshot, true)
FLAG_OPTION(daemonize, daemonize, true)
FLAG_OPTION(full_screen, full_screen, true)
FLAG_OPTION(no_acpi, cfg.acpi, false)
FLAG_OPTION(no_hpet, cfg.hpet, false)
STRING_OPTION(gdb, gdb)
FLAG_OPTION(gdb_default, gdb, "tcp::1234")
LIST_OPTION(vnc, vncs)
LIST_OPTION(serial, serials)
LIST_OPTION(parallel, parallels)

/* -action EVENT=ACTION,... */
static int set_action(struct options *o, const char *arg, struct error **err)
{
    struct opt_list list;
    int ret = 0;

    opt_list_parse(&list, arg, NULL);
    for (unsigned i = 0; i < list.count && ret == 0; i++) {
        const char *action = list.pairs[i].value;
        ret = action_set(list.pairs[i].name, action ? action : "", err);
    }
    opt_list_free(&list);
    if (ret < 0) {
        error_prepend(err, "-action: ");
    }
    return ret;
}

static int set_watchdog_action(struct options *o, const char *arg, struct error **err)
{
    return action_set("watchdog", arg, err);
}

static int set_no_reboot(struct options *o, const char *arg, struct error **err)
{
    return action_set("reboot", "shutdown", err);
}

static int set_no_shutdown(struct options *o, const char *arg, struct error **err)
{
    return action_set("shutdown", "pause", err);
}

static int add_monitor(struct options *o, const char *option, const char *text, bool qmp, bool pretty)
{
    struct monitor_request *r = g_new0(struct monitor_request, 1);

    *r = (struct monitor_request){
        .option = option, .text = text, .opts = {.qmp = qmp, .pretty = pretty}};
    g_ptr_array_add(o->monitors, r);
    return 0;
}

static int set_monitor(struct options *o, const char *arg, struct error **err)
{
    return add_monitor(o, "monitor", arg, false, false);
}

static int set_qmp(struct options *o, const char *arg, struct error **err)
{
    return add_monitor(o, "qmp", arg, true, false);
}

static int set_qmp_pretty(struct options *o, const char *arg, struct error **err)
{
    return add_monitor(o, "qmp-pretty", arg, true, true);
}

static int set_mon(struct options *o, const char *arg, struct error **err)
{
    static const char *const modes[] = {"readline", "control", NULL};
    struct mon_text {
        const char *chardev, *id; /* nothing refers to a monitor by its id */
        int mode;
        bool pretty;
    } t = {0};
    static const struct opt_desc descs[] = {
        {"chardev", OPT_STR, OPT_FIELD(struct mon_text, chardev)},
        {"id", OPT_STR, OPT_FIELD(struct mon_text, id)},
        {"mode", OPT_ENUM, OPT_FIELD(struct mon_text, mode), .names = modes},
        {"pretty", OPT_BOOL, OPT_FIELD(struct mon_text, pretty)},
        {.type = OPT_END},
    };

    if (apply(arg, "chardev", descs, &t, "-mon", err) < 0) {
        return -EINVAL;
    }
    if (!t.chardev) {
        error_set(err, "-mon needs a chardev: -mon chardev=ID[,mode=control]");
        return -EINVAL;
    }
    add_monitor(o, "mon", NULL, t.mode == 1, t.pretty);
    ((struct monitor_request *)g_ptr_array_index(o->monitors, o->monitors->len - 1))->chardev =
        t.chardev;
    return 0;
}

/* --- disks ------------------------------------------------------------------------------------ */

static int add_drive(struct options *o, const char *text, int index, bool cdrom, bool is_file)
{
    struct drive_request *d = g_new0(struct drive_request, 1);

    *d = (struct drive_request){text, index, cdrom, is_file};
    g_ptr_array_add(o->drives, d);
    return 0;
}

#define DISK_OPTION(name, index, cdrom)                                                            \
    static int set_##name(struct options *o, const char *arg, struct error **err)                  \
    {                                                                                              \
        return add_drive(o, arg, index, cdrom, true);                                              \
    }
DISK_OPTION(hda, 0, false)
DISK_OPTION(hdb, 1, false)
DISK_OPTION(hdc, 2, false)
DISK_OPTION(hdd, 3, false)
DISK_OPTION(cdrom, 2, true)

static int set_drive(struct options *o, const char *arg, struct error **err)
{
    return add_drive(o, arg, -1, false, false);
}

static int set_blockdev(struct options *o, const char *arg, struct error **err)
{
    return append_text(o->nodes, arg, "driver", err);
}

/* --- devices ---------------------------------------------------------------------------------- */

static int set_usbdevice(struct options *o, const char *arg, struct error **err)
{
    static const char *const names[] = {"tablet", "mouse", "keyboard", NULL};
    static const char *const drivers[] = {"usb-tablet", "usb-mouse", "usb-kbd"};

    if (asks_for_help(arg)) {
        print_and_exit(g_string_new("tablet    usb-tablet\nmouse     usb-mouse\nkeyboard  usb-kbd\n"));
    }
    for (unsigned i = 0; names[i]; i++) {
        if (!strcmp(arg, names[i])) {
            o->cfg.usb = true;
            return append(o->devices, drivers[i]);
        }
    }
    error_set(err, "-usbdevice: unknown device '%s'%s; -usbdevice help lists them", arg,
              util_did_you_mean(arg, names));
    return -EINVAL;
}

static int set_device(struct options *o, const char *arg, struct error **err)
{
    GString *text = g_string_new(NULL);
    struct opt_list list;
    int ret = 0;

    if (asks_for_help(arg)) {
        device_help_list(text);
        print_and_exit(text);
    }
    opt_list_parse(&list, arg, "driver");
    for (unsigned i = 0; i < list.count; i++) {
        if (asks_for_help(list.pairs[i].name)) {
            ret = device_help_props(opt_list_get(&list, "driver"), text, err);
            if (ret == 0) {
                print_and_exit(text);
            }
        }
    }
    opt_list_free(&list);
    g_string_free(text, TRUE);
    return ret < 0 ? ret : append_text(o->devices, arg, "driver", err);
}

static int set_object(struct options *o, const char *arg, struct error **err)
{
    GString *text = g_string_new(NULL);
    int ret = object_help_for(arg, text, err);

    if (ret > 0) {
        print_and_exit(text);
    }
    g_string_free(text, TRUE);
    return ret < 0 ? ret : append_text(o->objects, arg, "qom-type", err);
}

static int set_global(struct options *o, const char *arg, struct error **err)
{
    struct opt_list list;

    if (!strstr(arg, "driver=")) {
        return append(o->globals, arg);
    }
    opt_list_parse(&list, arg, NULL);
    const char *driver = opt_list_get(&list, "driver"), *prop = opt_list_get(&list, "property");
    const char *value = opt_list_get(&list, "value");
    if (!driver || !prop || !value) {
        error_set(err, "-global takes driver.property=value or driver=,property=,value=");
        opt_list_free(&list);
        return -EINVAL;
    }
    append(o->globals, g_strdup_printf("%s.%s=%s", driver, prop, value));
    opt_list_free(&list);
    return 0;
}

static int set_chardev(struct options *o, const char *arg, struct error **err)
{
    if (asks_for_help(arg)) {
        GString *text = g_string_new("Character device backends:\n");
        chardev_help(text);
        print_and_exit(text);
    }
    return append_text(o->chardevs, arg, "backend", err);
}

static int set_add_fd(struct options *o, const char *arg, struct error **err)
{
    struct add_fd {
        int fd;
        uint32_t set;
        const char *opaque;
    } a = {.fd = -1};
    static const struct opt_desc descs[] = {
        {"fd", OPT_INT, OPT_FIELD(struct add_fd, fd), 3, INT_MAX},
        {"set", OPT_U32, OPT_FIELD(struct add_fd, set), 0, INT_MAX},
        {"opaque", OPT_STR, OPT_FIELD(struct add_fd, opaque)},
        {.type = OPT_END},
    };

    if (apply(arg, NULL, descs, &a, "-add-fd", err) < 0) {
        return -EINVAL;
    }
    int fd = fcntl(a.fd, F_DUPFD_CLOEXEC, 3); /* the number stays good for another set */
    if (fd < 0) {
        return error_set_errno(err, errno, "-add-fd: fd=%d", a.fd);
    }
    fdset_add(a.set, fd, a.opaque);
    return 0;
}

static int set_vga(struct options *o, const char *arg, struct error **err)
{
    if (asks_for_help(arg)) {
        GString *text = g_string_new(NULL);
        for (const struct machine_card *c = machine_cards; c->name; c++) {
            g_string_append_printf(text, "%-8s %s\n", c->name, c->help);
        }
        print_and_exit(text);
    }
    o->cfg.vga = machine_find_card(arg, err);
    return o->cfg.vga ? 0 : -EINVAL;
}

static int set_keyboard(struct options *o, const char *arg, struct error **err)
{
    if (asks_for_help(arg)) {
        GString *text = g_string_new(NULL);
        keymap_help(text);
        print_and_exit(text);
    }
    return keymap_set(arg, err);
}

static int set_display(struct options *o, const char *arg, struct error **err)
{
    const char *options;

    if (asks_for_help(arg)) {
        GString *text = g_string_new(NULL);
        frontend_help(text);
        print_and_exit(text);
    }
    o->display = arg;
    return frontend_find(arg, &options, err) ? 0 : -EINVAL;
}

static int set_floppy(struct options *o, const char *arg, struct error **err)
{
    error_set(err, "there is no floppy drive for '%s': -hda boots most images of floppy disks, and so "
                   "does -kernel memdisk -initrd IMAGE", arg);
    return -EINVAL;
}

/* There is no network card yet, so that only "none" can be kept. */
static int set_net(struct options *o, const char *arg, struct error **err)
{
    if (strcmp(arg, "none")) {
        error_set(err, "-nic %s: there are no network cards yet, only none", arg);
        return -EINVAL;
    }
    return 0;
}

/* There are no sound devices yet: an audio backend that plays nothing is all they could use. */
static int set_audiodev(struct options *o, const char *arg, struct error **err)
{
    struct audio_text {
        const char *driver, *id;
    } t = {0};
    static const struct opt_desc descs[] = {
        {"driver", OPT_STR, OPT_FIELD(struct audio_text, driver)},
        {"id", OPT_STR, OPT_FIELD(struct audio_text, id)},
        {.type = OPT_END},
    };
    const char *const first[] = {"driver", NULL};
    const char *text = *arg == '{' ? opttext_of_json(arg, first, err) : arg;

    if (!text || apply(text, "driver", descs, &t, "-audiodev", err) < 0) {
        return -EINVAL;
    }
    if (!t.driver || strcmp(t.driver, "none")) {
        error_set(err, "-audiodev: only the driver none is available");
        return -EINVAL;
    }
    return 0;
}

/* --- logs ------------------------------------------------------------------------------------- */

static int set_log(struct options *o, const char *arg, struct error **err)
{
    uint32_t mask = 0;

    if (asks_for_help(arg)) {
        log_print_help();
        exit(0);
    }
    if (log_parse_items(arg, &mask, err) < 0) {
        return -EINVAL;
    }
    log_set_mask(log_mask | mask);
    return 0;
}

static int set_logfile(struct options *o, const char *arg, struct error **err)
{
    return log_set_file(arg, err);
}

static int set_filter(struct options *o, const char *arg, struct error **err)
{
    if (log_set_filter(arg, err) < 0) {
        error_prepend(err, "-dfilter: ");
        return -EINVAL;
    }
    return 0;
}

static int set_perfmap(struct options *o, const char *arg, struct error **err)
{
    return perfmap_open(err);
}

static int set_jitdump(struct options *o, const char *arg, struct error **err)
{
    return perfmap_open_dump(err);
}

static int set_symbols(struct options *o, const char *arg, struct error **err)
{
    if (guest_symbols_load(arg, err) < 0) {
        error_prepend(err, "-symbols: ");
        return -EINVAL;
    }
    return 0;
}

static int set_trace(struct options *o, const char *arg, struct error **err)
{
    if (asks_for_help(arg)) {
        trace_list(stdout);
        exit(0);
    }
    return trace_enable(g_str_has_prefix(arg, "enable=") ? arg + strlen("enable=") : arg, err);
}

/* --- the process ------------------------------------------------------------------------------ */

/* The working directory may have changed when the file is removed. */
static int set_pidfile(struct options *o, const char *arg, struct error **err)
{
    o->pidfile = g_canonicalize_filename(arg, NULL);
    return 0;
}

static int set_nothing(struct options *o, const char *arg, struct error **err)
{
    return 0;
}

static int set_overcommit(struct options *o, const char *arg, struct error **err)
{
    static const struct opt_desc descs[] = {
        {"mem-lock", OPT_BOOL, OPT_FIELD(struct options, lock_memory)},
        {.type = OPT_END},
    };

    return apply(arg, NULL, descs, o, "-overcommit", err);
}

static int set_msg(struct options *o, const char *arg, struct error **err)
{
    static const struct opt_desc descs[] = {
        {"timestamp", OPT_BOOL, OPT_FIELD(struct error_style, timestamp)},
        {"guest-name", OPT_BOOL, OPT_FIELD(struct error_style, guest_name)},
        {.type = OPT_END},
    };
    struct error_style style = {0};
    int ret = apply(arg, "timestamp", descs, &style, "-msg", err);

    if (ret == 0) {
        error_set_style(&style);
    }
    return ret;
}

/* --- files of options ------------------------------------------------------------------------- */

static int set_by_name(struct options *o, const char *name, const char *arg, struct error **err);

/* A section's keys become the text of the option it is called by. */
static int read_section(struct options *o, GKeyFile *file, const char *group, struct error **err)
{
    static const struct {
        const char *section, *option;
    } others[] = {{"memory", "m"}, {"smp-opts", "smp"}, {"boot-opts", "boot"}};
    char **words = g_strsplit(group, " ", 2);
    GString *text = g_string_new(NULL);
    const char *option = words[0];
    char *id = words[1] ? g_strstrip(g_strdelimit(words[1], "\"", ' ')) : NULL;
    char **keys = g_key_file_get_keys(file, group, NULL, NULL);

    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        option = strcmp(others[i].section, option) ? option : others[i].option;
    }
    /* What names the kind comes first; other orders do not matter. */
    for (int pass = 0; pass < 2; pass++) {
        for (char **k = keys; *k; k++) {
            bool kind = !strcmp(*k, "driver") || !strcmp(*k, "backend") || !strcmp(*k, "type");
            if (kind == (pass == 0)) {
                char *raw = g_key_file_get_value(file, group, *k, NULL);
                char *value = g_strstrip(raw);
                size_t len = strlen(value);
                if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
                    value[len - 1] = 0;
                    value++;
                }
                char **parts = g_strsplit(value, ",", -1);
                char *escaped = g_strjoinv(",,", parts);
                g_string_append_printf(text, "%s%s=%s", text->len ? "," : "", *k, escaped);
                g_free(escaped);
                g_strfreev(parts);
                g_free(raw);
            }
        }
    }
    if (id) {
        g_string_append_printf(text, "%sid=%s", text->len ? "," : "", id);
    }
    int ret = set_by_name(o, option, g_string_free(text, FALSE), err);
    g_strfreev(keys);
    g_strfreev(words);
    return ret;
}

static int set_readconfig(struct options *o, const char *arg, struct error **err)
{
    GKeyFile *file = g_key_file_new();
    GError *gerr = NULL;
    int ret = 0;

    if (!g_key_file_load_from_file(file, arg, G_KEY_FILE_NONE, &gerr)) {
        error_set(err, "-readconfig %s: %s", arg, gerr->message);
        g_error_free(gerr);
        g_key_file_free(file);
        return -EINVAL;
    }
    char **groups = g_key_file_get_groups(file, NULL);
    for (char **g = groups; *g && ret == 0; g++) {
        ret = read_section(o, file, *g, err);
        if (ret < 0) {
            error_prepend(err, "%s, section [%s]: ", arg, *g);
        }
    }
    g_strfreev(groups);
    g_key_file_free(file);
    return ret;
}

/* --- help ------------------------------------------------------------------------------------- */

static int print_version(struct options *o, const char *arg, struct error **err)
{
    printf("doppel version %s\n", DOPPEL_VERSION);
    exit(0);
}

/* Scripts look for the word QEMU here, and for the version in the fourth word of the first line. */
static int print_help(struct options *o, const char *arg, struct error **err)
{
    printf("doppel emulator version %s: runs an unmodified x86 operating system\n"
           "usage: doppel [options] [disk-image]     (options as QEMU spells them)\n\n",
           DOPPEL_VERSION);
    for (const struct option_row *r = rows; r->name; r++) {
        int n = printf("-%s%s%s", r->name, r->arg ? " " : "", r->arg ? r->arg : "");
        if (r->help) {
            printf("%s%*s%s", n > 26 ? "\n" : "", n > 26 ? 28 : 28 - n, "", r->help);
        }
        putchar('\n');
    }
    printf("\nWith -nographic: Ctrl-a x ends, Ctrl-a c switches to the monitor, Ctrl-a h helps.\n"
           "`help` as a value lists what there is: -device help, -cpu help, -machine help ...\n");
    exit(0);
}

/* clang-format off */
static const struct option_row rows[] = {
    {"m",          "SIZE",      "guest memory, in MiB unless it has a suffix (default 128M)", set_memory},
    {"smp",        "[cpus=]N[,maxcpus=,sockets=,dies=,cores=,threads=]", "virtual CPUs (default 1)", set_smp},
    {"cpu",        "MODEL[,+FEATURE...]", "CPU model and features", set_cpu},
    {"machine",    "[type=]NAME[,PROP=VALUE...]", "machine and its properties (acpi, hpet, smm, usb, vmport, accel)", set_machine},
    {"M",          "NAME",      "as -machine", set_machine},
    {"accel",      "NAME[:NAME...]", "how guest code is run: jit, interp (tcg is jit); the first available is taken", set_accel},
    {"enable-kvm", NULL,        "as -accel kvm, then what else is available", set_enable_kvm},
    {"hda",        "FILE",      "disk image of the first IDE drive", set_hda},
    {"hdb",        "FILE",      "... the second", set_hdb},
    {"hdc",        "FILE",      "... the third", set_hdc},
    {"hdd",        "FILE",      "... the fourth", set_hdd},
    {"fda",        "FILE",      "refused: there is no floppy drive", set_floppy},
    {"fdb",        "FILE",      "... nor a second", set_floppy},
    {"cdrom",      "FILE",      "CD-ROM image, as the third IDE drive", set_cdrom},
    {"drive",      "file=FILE[,if=,index=,media=,format=,readonly=,snapshot=,cache=,id=,serial=]", "a drive", set_drive},
    {"blockdev",   "DRIVER,node-name=NAME[,file.driver=file,file.filename=FILE]...", "a named image, which devices use by drive=NAME; JSON is fine", set_blockdev},
    {"snapshot",   NULL,        "forget what the guest writes to its drives", set_snapshot},
    {"boot",       "[order=]LETTERS[,once=,menu=,strict=,splash-time=,reboot-timeout=]", "boot order: c disk, d CD-ROM, n network", set_boot},
    {"kernel",     "FILE",      "boot this Linux (bzImage, PVH ELF) or multiboot kernel", set_kernel},
    {"initrd",     "FILE",      "its initial RAM disk; multiboot modules: FILE ARGS,FILE ARGS", set_initrd},
    {"append",     "TEXT",      "its command line", set_append},
    {"bios",       "FILE",      "firmware image", set_bios},
    {"serial",     "CHARDEV",   "serial port: stdio, mon:stdio, pty, vc, null, none, file:PATH, unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT, chardev:ID", set_serial},
    {"parallel",   "CHARDEV",   "parallel port", set_parallel},
    {"debugcon",   "CHARDEV",   "debug console at port E9h", set_debugcon},
    {"monitor",    "CHARDEV",   "text monitor", set_monitor},
    {"qmp",        "CHARDEV",   "JSON monitor for programs (QMP)", set_qmp},
    {"qmp-pretty", "CHARDEV",   "the same, indented", set_qmp_pretty},
    {"mon",        "[chardev=]ID[,mode=readline|control][,pretty=]", "a monitor, text or QMP, on a -chardev", set_mon},
    {"chardev",    "BACKEND,id=ID[,mux=on][,logfile=FILE][,path=PATH][,host=,port=,fd=,server=,wait=,telnet=,websocket=,reconnect=]", "a character device; -chardev help lists the kinds", set_chardev},
    {"add-fd",     "fd=FD,set=SET[,opaque=TEXT]", "an inherited file descriptor becomes the file /dev/fdset/SET", set_add_fd},
    {"gdb",        "CHARDEV",   "wait for a debugger: tcp::PORT, unix:PATH, stdio, chardev:ID, none", set_gdb},
    {"s",          NULL,        "as -gdb tcp::1234", set_gdb_default},
    {"nographic",  NULL,        "no display; serial port and monitor on this terminal", set_nographic},
    {"display",    "sdl|curses|vnc=ADDRESS|none[,...]", "how the screen is shown; not given: a window if there is a window system", set_display},
    {"k",          "LAYOUT",    "keyboard layout of the guest (de, fr-ch ...), for users whose keys are known by their characters", set_keyboard},
    {"full-screen", NULL,       "the window without a frame", set_full_screen},
    {"vnc",        "[HOST]:DISPLAY|unix:PATH|none[,password=on,password-secret=,tls-creds=,websocket=on|PORT,share=,to=,...]", "VNC server; without a HOST for this machine only; websocket=on: for browsers too (package novnc)", set_vnc},
    {"vga",        "CARD",      "graphics card", set_vga},
    {"audiodev",   "none,id=ID", "where sound goes", set_audiodev},
    {"nic",        "none",      "network card", set_net},
    {"net",        "none",      "as -nic", set_net},
    {"no-reboot",  NULL,        "end when the guest resets", set_no_reboot},
    {"no-shutdown", NULL,       "stop, but do not end when the guest powers off", set_no_shutdown},
    {"action",     "EVENT=ACTION,...", "what follows: reboot=reset|shutdown, shutdown=poweroff|pause, panic=shutdown|pause|exit-failure|none, watchdog=...", set_action},
    {"watchdog-action", "ACTION", "as -action watchdog=: reset, shutdown, poweroff, pause, debug, none, inject-nmi", set_watchdog_action},
    {"no-acpi",    NULL,        "as -machine acpi=off", set_no_acpi},
    {"no-hpet",    NULL,        "as -machine hpet=off", set_no_hpet},
    {"S",          NULL,        "do not start the CPUs; `cont` in the monitor does", set_stopped},
    {"rtc",        "[base=utc|localtime|DATE][,clock=host|rt|vm]", "time of the real-time clock", set_rtc},
    {"name",       "NAME",      "name of the guest", set_name},
    {"uuid",       "UUID",      "UUID of the machine", set_uuid},
    {"nodefaults", NULL,        "no devices but the board's own and those asked for", set_nodefaults},
    {"device",     "DRIVER[,PROP=VALUE...]", "add a device", set_device},
    {"usb",        NULL,        "as -machine usb=on: a USB controller", set_usb},
    {"usbdevice",  "tablet|mouse|keyboard", "a USB controller and this device on it", set_usbdevice},
    {"object",     "TYPE,id=ID[,PROP=VALUE...]", "make an object that devices refer to", set_object},
    {"global",     "DRIVER.PROP=VALUE", "default of a device property", set_global},
    {"readconfig", "FILE",      "options from a file", set_readconfig},
    {"no-user-config", NULL,    "accepted: there are no configuration files to leave out", set_nothing},
    {"daemonize",  NULL,        "go on in the background when the machine is there", set_daemonize},
    {"overcommit", "mem-lock=on|off", "keep all memory out of swap", set_overcommit},
    {"msg",        "[timestamp=on|off][,guest-name=on|off]", "what messages begin with", set_msg},
    {"pidfile",    "FILE",      "write the process id to FILE", set_pidfile},
    {"d",          "ITEM,...",  "what to log", set_log},
    {"D",          "FILE",      "where to (default: standard error)", set_logfile},
    {"dfilter",    "RANGE,...", "log code only at these linear addresses: START..LAST, START+BYTES, START-BYTES", set_filter},
    {"perfmap",    NULL,        "name translated code for perf, in /tmp/perf-PID.map", set_perfmap},
    {"jitdump",    NULL,        "dump translated code for perf inject --jit, in /tmp/jit-PID.dump", set_jitdump},
    {"symbols",    "FILE",      "the guest's symbols for -perfmap: ELF file or System.map", set_symbols},
    {"trace",      "PATTERN",   "trace events to log", set_trace},
    {"version",    NULL,        "print the version", print_version},
    {"help",       NULL,        "print this", print_help},
    {"h",          NULL,        NULL, print_help},
    {.name = NULL},
};
/* clang-format on */

/* --- parsing ---------------------------------------------------------------------------------- */

static const struct option_row *find_row(const char *name)
{
    for (const struct option_row *r = rows; r->name; r++) {
        if (!strcmp(r->name, name)) {
            return r;
        }
    }
    return NULL;
}

static int unknown_option(const char *name, struct error **err)
{
    const char *names[ARRAY_SIZE(rows)];

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        names[i] = rows[i].name;
    }
    error_set(err, "unknown option -%s%s; -help lists them", name, util_did_you_mean(name, names));
    return -EINVAL;
}

static int set_by_name(struct options *o, const char *name, const char *arg, struct error **err)
{
    const struct option_row *r = find_row(name);

    return r ? r->set(o, arg, err) : unknown_option(name, err);
}

static void set_defaults(struct options *o)
{
    *o = (struct options){
        .cfg =
            {
                .ram_size = MIB(128),
                .smp = {1, 1, 1, 1, 1, 1},
                .acpi = true,
                .smm = true,
                .hpet = true,
                .splash_time = UINT32_MAX,
                .reboot_timeout = UINT32_MAX,
                .rtc_base = "utc",
                .rtc_clock = "host",
            },
        .accels = g_ptr_array_new(),
        .nodes = g_ptr_array_new(),
        .drives = g_ptr_array_new(),
        .chardevs = g_ptr_array_new(),
        .serials = g_ptr_array_new(),
        .parallels = g_ptr_array_new(),
        .monitors = g_ptr_array_new(),
        .objects = g_ptr_array_new(),
        .devices = g_ptr_array_new(),
        .globals = g_ptr_array_new(),
        .vncs = g_ptr_array_new(),
    };
}

int options_parse(struct options *o, int argc, char **argv, struct error **err)
{
    set_defaults(o);
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *name = word + 1 + (word[0] == '-' && word[1] == '-');
        if (word[0] != '-') {
            add_drive(o, word, 0, false, true);
            continue;
        }
        const struct option_row *r = find_row(name);
        if (!r) {
            return unknown_option(name, err);
        }
        if (r->arg && i + 1 == argc) {
            error_set(err, "-%s needs a value: -%s %s", r->name, r->name, r->arg);
            return -EINVAL;
        }
        if (r->set(o, r->arg ? argv[++i] : NULL, err) < 0) {
            return -EINVAL;
        }
    }
    return 0;
}

void options_for_each(void (*fn)(const char *name, const char *arg, const char *help, void *opaque),
                      void *opaque)
{
    for (const struct option_row *r = rows; r->name; r++) {
        fn(r->name, r->arg, r->help, opaque);
    }
}
