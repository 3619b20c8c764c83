/* SPDX-License-Identifier: MIT */
/*
 * Machines: what the command line asks for, and the boards that can be built from it.
 *
 * A board registers by MACHINE_DEFINE. Its init makes memory and devices, with the vCPUs there
 * already; device lock held, main thread.
 */
#ifndef HW_MACHINE_MACHINE_H
#define HW_MACHINE_MACHINE_H

#include "util/base.h"

#include <glib.h>

struct chardev;
struct error;
struct object;

#define MACHINE_SERIAL_MAX   4
#define MACHINE_PARALLEL_MAX 3

struct machine_card;

struct machine_config {
    uint64_t ram_size; /* bytes */
    struct object *memory_backend; /* NULL: none chosen */
    struct {
        uint32_t cpus, maxcpus, sockets, dies, cores, threads; /* all set, product = maxcpus */
    } smp;
    const char *cpu; /* "model,+feature,..."; NULL: the machine's default */

    /* -machine properties */
    bool usb, acpi, smm, hpet, dump_guest_core;
    int vmport;

    /* boot */
    const char *kernel, *initrd, *append, *bios; /* NULL: not given */
    const char *boot_order;                      /* letters, e.g. "cad"; NULL: the default */
    const char *boot_once;                       /* for the first boot only */
    bool boot_menu, boot_strict;
    uint32_t splash_time, reboot_timeout; /* ms; UINT32_MAX: not given */

    struct chardev *serial[MACHINE_SERIAL_MAX];
    struct chardev *parallel[MACHINE_PARALLEL_MAX];
    struct chardev *debugcon; /* at port E9h */
    bool nographic;
    bool no_defaults; /* -nodefaults: no CD-ROM drive, VGA, serial port unless asked for */
    const struct machine_card *vga; /* NULL: the default */

    const char *name;
    uint8_t uuid[16];
    bool uuid_given;
    const char *rtc_base, *rtc_clock; /* as the RTC device takes them */
};

struct machine_class {
    const char *name;
    const char *alias;
    const char *help;
    bool is_default;
    bool bare; /* no devices by default */
    unsigned max_cpus;
    const char *default_cpu;
    const char *default_ram_id; /* of guest memory; NULL: has none */
    uint64_t min_ram, max_ram;
    /* Bytes of RAM address space beyond ram_size: ROMs, video memory. */
    uint64_t extra_ram;
    int (*init)(const struct machine_config *cfg, struct error **err);
    /* Boot order of the next resets, letters as of -boot order=; NULL: cannot be changed. */
    int (*set_boot_order)(const char *order, struct error **err);
};

#define MACHINE_SECTION "doppel_machines"
#define MACHINE_DEFINE(ident, ...)                                                                 \
    static const struct machine_class ident##_machine = {__VA_ARGS__};                             \
    static const struct machine_class *const ident##_entry                                         \
        __attribute__((used, section(MACHINE_SECTION))) = &ident##_machine

/* What -vga can name; the first one is the default. A row without a name ends the table. */
struct machine_card {
    const char *name, *help;
    const char *device; /* class; NULL: no card */
};
extern const struct machine_card machine_cards[];

/* NULL with err (and a suggestion) if there is none. */
const struct machine_card *machine_find_card(const char *name, struct error **err);

/* By name or alias, NULL for the default. NULL with err (and a suggestion) if there is none. */
const struct machine_class *machine_find(const char *name, struct error **err);
void machine_help(GString *out);
void machine_for_each(void (*fn)(const struct machine_class *cls, void *opaque), void *opaque);

#endif
