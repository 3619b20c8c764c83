/* SPDX-License-Identifier: MIT */
/* doppel's main: from the command line to a running machine, and to the exit status. */
#include <errno.h>
#include <glib-unix.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel/accel.h"
#include "block/block.h"
#include "chardev/chardev.h"
#include "frontends/x86/frontend.h"
#include "gdbstub/gdbstub.h"
#include "hw/core/device.h"
#include "hw/core/hotplug.h"
#include "hw/core/lock.h"
#include "hw/core/memory.h"
#include "hw/machine/machine.h"
#include "monitor/monitor.h"
#include "system/cpu.h"
#include "system/cpu_model.h"
#include "system/daemon.h"
#include "system/hostmem.h"
#include "system/mainloop.h"
#include "system/object.h"
#include "system/options.h"
#include "system/runstate.h"
#include "ui/frontend.h"
#include "ui/vnc.h"
#include "util/error.h"
#include "util/log.h"

/* --- consoles --------------------------------------------------------------------------------- */

static const char *text_at(const GPtrArray *list, unsigned i, const char *otherwise)
{
    return i < list->len ? g_ptr_array_index(list, i) : otherwise;
}

/* A short form, "none" is fine; false on error. */
static bool make_chardev(const char *text, const char *id, struct chardev **out, struct error **err)
{
    struct error *local = NULL;

    *out = text ? chardev_new_short(text, id, &local) : NULL;
    if (local) {
        error_propagate(err, local);
        return false;
    }
    return true;
}

/* Without -serial: the terminal for -nographic (shared with the monitor), else nothing. */
static int make_ports(struct options *o, struct error **err)
{
    const char *first = o->cfg.no_defaults ? NULL : o->cfg.nographic ? "mon:stdio" : "null";
    char id[32];

    if (o->serials->len > MACHINE_SERIAL_MAX || o->parallels->len > MACHINE_PARALLEL_MAX) {
        error_set(err, "there are at most %d serial and %d parallel ports", MACHINE_SERIAL_MAX,
                  MACHINE_PARALLEL_MAX);
        return -EINVAL;
    }
    for (unsigned i = 0; i < MACHINE_SERIAL_MAX; i++) {
        snprintf(id, sizeof(id), "serial%u", i);
        if (!make_chardev(text_at(o->serials, i, i ? NULL : first), id, &o->cfg.serial[i], err)) {
            error_prepend(err, "-serial: ");
            return -EINVAL;
        }
    }
    for (unsigned i = 0; i < MACHINE_PARALLEL_MAX; i++) {
        snprintf(id, sizeof(id), "parallel%u", i);
        if (!make_chardev(text_at(o->parallels, i, NULL), id, &o->cfg.parallel[i], err)) {
            error_prepend(err, "-parallel: ");
            return -EINVAL;
        }
    }
    if (!make_chardev(o->debugcon, "debugcon", &o->cfg.debugcon, err)) {
        error_prepend(err, "-debugcon: ");
        return -EINVAL;
    }
    return 0;
}

struct monitors {
    struct error **err;
    int ret;
};

static void add_mux_monitor(struct chardev *chr, void *opaque)
{
    static const struct monitor_options text = {.qmp = false};
    struct monitors *m = opaque;

    if (m->ret == 0 && chr->wants_monitor) {
        m->ret = monitor_new(chr, &text, m->err);
    }
}

/* -monitor, -qmp, -qmp-pretty: a chardev's short form. */
static int make_short_monitor(const struct monitor_request *r, unsigned n, struct error **err)
{
    struct chardev *chr;
    char id[32];

    snprintf(id, sizeof(id), "compat_monitor%u", n);
    if (!strcmp(r->text, "none")) {
        return 0;
    }
    chr = r->opts.qmp ? chardev_new_service(r->text, id, err) : chardev_new_short(r->text, id, err);
    /* "mon:..." has a monitor of its own. */
    return !chr ? -EINVAL : chr->wants_monitor ? 0 : monitor_new(chr, &r->opts, err);
}

/* -mon: the id of a chardev. */
static int make_monitor_on(const struct monitor_request *r, struct error **err)
{
    struct chardev *chr = chardev_find(r->chardev);

    if (!chr) {
        error_set(err, "there is no chardev '%s'", r->chardev);
        return -ENOENT;
    }
    return monitor_new(chr, &r->opts, err);
}

static int make_monitors(struct options *o, struct error **err)
{
    struct monitors m = {.err = err};

    for (unsigned i = 0; i < o->monitors->len && m.ret == 0; i++) {
        const struct monitor_request *r = g_ptr_array_index(o->monitors, i);
        m.ret = r->chardev ? make_monitor_on(r, err) : make_short_monitor(r, i, err);
        if (m.ret < 0) {
            error_prepend(err, "-%s: ", r->option);
        }
    }
    if (m.ret == 0) {
        chardev_for_each(add_mux_monitor, &m);
    }
    return m.ret;
}

static int make_chardevs(struct options *o, struct error **err)
{
    for (unsigned i = 0; i < o->chardevs->len; i++) {
        if (!chardev_new(g_ptr_array_index(o->chardevs, i), err)) {
            return -EINVAL;
        }
    }
    return make_ports(o, err);
}

/* --- drives ----------------------------------------------------------------------------------- */

static int make_nodes(struct options *o, struct error **err)
{
    for (unsigned i = 0; i < o->nodes->len; i++) {
        if (block_node_add(g_ptr_array_index(o->nodes, i), err) < 0) {
            error_prepend(err, "-blockdev: ");
            return -EINVAL;
        }
    }
    return 0;
}

static int make_drives(struct options *o, struct error **err)
{
    for (unsigned i = 0; i < o->drives->len; i++) {
        const struct drive_request *d = g_ptr_array_index(o->drives, i);
        struct drive_options opts = {.interface = DRIVE_IF_IDE,
                                     .bus = -1,
                                     .unit = -1,
                                     .index = d->index,
                                     .cdrom = d->cdrom,
                                     .snapshot = o->snapshot,
                                     .file = d->is_file ? d->text : NULL};
        if (block_parse_drive(d->is_file ? "" : d->text, &opts, err) < 0) {
            return -EINVAL;
        }
    }
    /* The CD-ROM drive every PC has, empty. */
    struct drive_options cd = {
        .interface = DRIVE_IF_IDE, .bus = 1, .unit = 0, .cdrom = true, .index = -1};
    if (!o->cfg.no_defaults && !block_find_drive(DRIVE_IF_IDE, 1, 0)) {
        return block_parse_drive("", &cd, err);
    }
    return 0;
}

static void find_unattached(struct block_device *dev, void *opaque)
{
    struct block_device **found = opaque;

    if (block_options(dev)->interface != DRIVE_IF_NONE && !block_attached(dev)) {
        *found = dev;
    }
}

/* A drive the guest will not see is a mistake, unless it waits for a -device. */
static int check_drives(struct error **err)
{
    struct block_device *dev = NULL;

    block_device_for_each(find_unattached, &dev);
    if (dev) {
        error_set(err, "-drive: the machine has no place for drive '%s' (if=%s)", block_id(dev),
                  drive_interface_name(block_options(dev)->interface));
        return -ENODEV;
    }
    return 0;
}

/* --- the machine ------------------------------------------------------------------------------ */

static int check_limits(const struct machine_class *m, const struct options *o, struct error **err)
{
    if (o->cfg.ram_size < m->min_ram || o->cfg.ram_size > m->max_ram) {
        error_set(err, "-m: machine %s takes from %" PRIu64 " MiB to %" PRIu64 " GiB of memory",
                  m->name, m->min_ram >> 20, m->max_ram >> 30);
        return -EINVAL;
    }
    if (o->cfg.smp.maxcpus > m->max_cpus) {
        error_set(err, "-smp: machine %s has at most %u CPUs", m->name, m->max_cpus);
        return -EINVAL;
    }
    return 0;
}

static int select_cpu(const struct machine_class *m, const struct options *o, struct error **err)
{
    cpu_model_set_topology(o->cfg.smp.sockets, o->cfg.smp.dies, o->cfg.smp.cores,
                           o->cfg.smp.threads);
    int ret = cpu_model_select(o->cfg.cpu ? o->cfg.cpu : m->default_cpu, err);
    if (ret < 0) {
        error_prepend(err, "-cpu: ");
    }
    return ret;
}

static int select_accel(const struct options *o, struct error **err)
{
    for (unsigned i = 0; i < o->accels->len; i++) {
        if (accel_add(g_ptr_array_index(o->accels, i), err) < 0) {
            return -EINVAL;
        }
    }
    return accel_choose(err);
}

/* After the devices. */
static void reset_cpus(struct reset_handler *h, enum reset_kind kind)
{
    cpus_reset();
}

static int start_gdbstub(const struct options *o, struct error **err)
{
    int ret;

    if (o->cfg.kernel) {
        gdbstub_set_program(o->cfg.kernel);
    }
    ret = o->gdb ? gdbstub_start(o->gdb, err) : 0;
    if (ret < 0) {
        error_prepend(err, "-gdb: ");
    }
    return ret;
}

static int start_vnc(const struct options *o, struct error **err)
{
    int ret = 0;

    vnc_set_name(o->cfg.name);
    for (unsigned i = 0; i < o->vncs->len && ret == 0; i++) {
        ret = vnc_add(g_ptr_array_index(o->vncs, i), err);
    }
    return ret;
}

static int make_objects(struct options *o, struct error **err)
{
    for (unsigned i = 0; i < o->objects->len; i++) {
        if (object_add_text(g_ptr_array_index(o->objects, i), err) < 0) {
            error_prepend(err, "-object: ");
            return -EINVAL;
        }
    }
    return 0;
}

/* -machine memory-backend=ID says how much there is, and must not disagree with -m. */
static int choose_memory(struct options *o, struct error **err)
{
    if (!o->memory_backend) {
        return 0;
    }
    o->cfg.memory_backend = hostmem_claim(o->memory_backend, err);
    if (!o->cfg.memory_backend) {
        return -ENOENT;
    }
    uint64_t size = hostmem_size(o->cfg.memory_backend);
    if (o->memory_given && size != o->cfg.ram_size) {
        error_set(err, "Machine memory size does not match the size of the memory backend");
        return -EINVAL;
    }
    o->cfg.ram_size = size;
    return 0;
}

/* Nothing was said about how to get at the guest. */
static bool alone(const struct options *o)
{
    return !o->serials->len && !o->monitors->len && !o->vncs->len && !o->daemonize &&
           !o->cfg.no_defaults;
}

static int start_frontends(const struct options *o, struct error **err)
{
    const struct frontend_config config = {o->cfg.name, o->full_screen};
    const char *text = o->display;
    int ret = start_vnc(o, err);

    if (!text && (o->cfg.nographic || o->daemonize)) {
        text = "none";
    }
    return ret < 0 ? ret : frontend_start(text, &config, alone(o), err);
}

static int build_machine(struct options *o, struct error **err)
{
    static struct reset_handler cpus = {.reset = reset_cpus};
    const struct machine_class *m = machine_find(o->machine, err);

    if (m) {
        o->cfg.no_defaults |= m->bare;
        monitor_init(&o->cfg, m);
    }
    if (!m || make_objects(o, err) < 0 || choose_memory(o, err) < 0 ||
        check_limits(m, o, err) < 0 || select_cpu(m, o, err) < 0 || select_accel(o, err) < 0) {
        return -EINVAL;
    }
    if (ram_init(o->cfg.ram_size + m->extra_ram, err) < 0) {
        error_prepend(err, "-m: ");
        return -ENOMEM;
    }
    ram_set_guest_size(o->cfg.ram_size);
    for (unsigned i = 0; i < o->globals->len; i++) {
        if (device_global_add(g_ptr_array_index(o->globals, i), err) < 0) {
            return -EINVAL;
        }
    }
    if (make_chardevs(o, err) < 0 || make_nodes(o, err) < 0 || make_drives(o, err) < 0 ||
        accel_create_vcpus(&x86_frontend, o->cfg.smp.cpus, err) < 0 || m->init(&o->cfg, err) < 0) {
        return -EINVAL;
    }
    for (unsigned i = 0; i < o->devices->len; i++) {
        if (device_add_text(g_ptr_array_index(o->devices, i), err) < 0) {
            error_prepend(err, "-device: ");
            return -EINVAL;
        }
    }
    if (check_drives(err) < 0) {
        return -EINVAL;
    }
    device_hotplug_begin();
    reset_handler_add(&cpus);
    if (make_monitors(o, err) < 0 || start_gdbstub(o, err) < 0 || start_frontends(o, err) < 0) {
        return -EINVAL;
    }
    return accel_start(err);
}

/* --- the process ------------------------------------------------------------------------------ */

static int write_pidfile(const char *path, struct error **err)
{
    FILE *f = path ? fopen(path, "w") : NULL;

    if (path && (!f || fprintf(f, "%d\n", (int)getpid()) < 0)) {
        error_set_errno(err, errno, "-pidfile %s", path);
        return -EINVAL;
    }
    if (f) {
        fclose(f);
    }
    return 0;
}

/* Before there is any: what comes is locked, too. */
static int lock_memory(const struct options *o, struct error **err)
{
    if (o->lock_memory && mlockall(MCL_CURRENT | MCL_FUTURE) < 0) {
        return error_set_errno(err, errno, "-overcommit mem-lock=on");
    }
    return 0;
}

static gboolean request_end(gpointer data)
{
    runstate_request_shutdown(SHUTDOWN_HOST_SIGNAL);
    return G_SOURCE_CONTINUE;
}

static void catch_signals(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};

    for (unsigned i = 0; i < ARRAY_SIZE(ends); i++) {
        g_unix_signal_add(ends[i], request_end, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write fails instead, and the guest hears of it */
}

static int run(struct options *o)
{
    device_reset_all(RESET_COLD);
    if (!o->start_stopped) {
        vm_start();
    }
    mainloop_run();
    return runstate_exit_status();
}

int main(int argc, char **argv)
{
    struct error *err = NULL;
    struct options o;
    int status = EXIT_STATUS_ERROR;

    if (options_parse(&o, argc, argv, &err) < 0) {
        error_report_free(err);
        return EXIT_STATUS_ERROR;
    }
    if ((o.daemonize && daemon_begin(&err) < 0) || mainloop_init(&err) < 0) {
        error_report_free(err);
        return EXIT_STATUS_ERROR;
    }
    catch_signals();
    device_lock();
    memory_init();
    object_init();
    chardev_init();
    block_init();
    if (lock_memory(&o, &err) < 0 || build_machine(&o, &err) < 0 ||
        write_pidfile(o.pidfile, &err) < 0 || daemon_ready(&err) < 0) {
        chardev_cleanup();
        error_report_free(err);
    } else {
        status = run(&o);
        monitor_flush();
        frontend_stop();
        vnc_cleanup();
        vcpu_gate_shutdown();
        accel_stop();
        block_cleanup();
        chardev_cleanup();
    }
    if (o.pidfile) {
        unlink(o.pidfile);
    }
    log_flush();
    /* Threads may still be in their last sleep: leave without tearing the world down. */
    fflush(NULL);
    _exit(status);
}
