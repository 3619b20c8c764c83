/* SPDX-License-Identifier: MIT */
/*
 * The gdb stub: debugging the guest over GDB's remote serial protocol (docs/gdb.md). There is one
 * in the process. Main thread, device lock held.
 */
#ifndef GDBSTUB_GDBSTUB_H
#define GDBSTUB_GDBSTUB_H

#include "util/base.h"

struct error;

/*
 * Listen on a character device in short form ("tcp::1234", "unix:PATH", "chardev:ID", "stdio"),
 * instead of where it has listened until now; "none": nowhere. The machine stops when a debugger
 * connects. ",registers=16", "32", "64" or "auto" at the end: how wide they are for it.
 * Asked for by its own debugger it moves a moment later, and what is wrong then goes to stderr.
 */
int gdbstub_start(const char *where, struct error **err);

/*
 * The file the machine starts (-kernel). If it is a 32-bit ELF program a debugger that comes before
 * the CPU has a mode of its own gets the registers of 32 bits.
 */
void gdbstub_set_program(const char *path);

/* Where it listens, or NULL. */
const char *gdbstub_where(void);

#endif
