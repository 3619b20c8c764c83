/* SPDX-License-Identifier: MIT */
/* The command line, parsed: what main builds the machine from. */
#ifndef SYSTEM_OPTIONS_H
#define SYSTEM_OPTIONS_H

#include "hw/machine/machine.h"
#include "monitor/monitor.h"
#include "util/base.h"
#include "util/optlist.h"

#include <glib.h>

/* Strings point into argv or into texts kept until the process ends. */
struct options {
    struct machine_config cfg;
    const char *machine; /* NULL: the default */
    const char *memory_backend; /* -machine memory-backend=; NULL: none */
    bool memory_given;          /* -m */
    GPtrArray *accels;   /* const char *: "jit", in the order to try */
    GPtrArray *nodes;    /* const char *: -blockdev */
    GPtrArray *drives;   /* struct drive_text * in the order given */
    GPtrArray *chardevs; /* const char * */
    GPtrArray *serials;  /* const char *, the short forms */
    GPtrArray *parallels;
    GPtrArray *monitors;  /* struct monitor_request * */
    GPtrArray *objects;       /* "type,id=ID,prop=value" */
    GPtrArray *devices;       /* const char *: "driver,prop=value" */
    GPtrArray *globals;       /* "driver.prop=value" */
    const char *debugcon;     /* short form */
    const char *firmware_log; /* short form: what firmware writes to its debug port */
    const char *gdb;          /* short form */
    bool start_stopped;       /* -S */
    bool snapshot; /* every drive */
    const char *display; /* of -display; NULL: not given */
    bool full_screen;
    bool daemonize;
    bool lock_memory; /* -overcommit mem-lock=on */
    GPtrArray *vncs; /* texts of -vnc */
    const char *pidfile;
};

/* One -monitor, -qmp, -qmp-pretty or -mon. */
struct monitor_request {
    const char *option;  /* for messages */
    const char *text;    /* a chardev's short form, or ... */
    const char *chardev; /* ... the id of one */
    struct monitor_options opts;
};

/* One -drive, or a short form of it: what the text does not say is said by kind. */
struct drive_request {
    const char *text;
    int index; /* -hda..-hdd: 0..3; -cdrom: 2; -drive: -1 */
    bool cdrom;
    bool is_file; /* text is a file name, not options */
};

/*
 * 0 and *o filled; -errno with err set. Help texts (-help, -version, -cpu help ...) are printed and
 * end the process with status 0.
 */
int options_parse(struct options *o, int argc, char **argv, struct error **err);

/* Every option; arg is NULL if it takes none, help may be NULL. */
void options_for_each(void (*fn)(const char *name, const char *arg, const char *help, void *opaque),
                      void *opaque);

/* The properties of -machine. */
void options_for_each_machine_prop(void (*fn)(const struct opt_desc *desc, void *opaque),
                                   void *opaque);

#endif
