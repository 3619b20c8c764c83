/* SPDX-License-Identifier: MIT */
/*
 * A map of translated code for Linux perf (/tmp/perf-PID.map), or a dump (util/jitdump.h), so that
 * its reports name guest code. Names come from symbols of the guest, if they have been read.
 */
#ifndef UTIL_PERFMAP_H
#define UTIL_PERFMAP_H

#include "util/base.h"

struct error;

extern bool perfmap_enabled; /* set before threads start */

/* Begin the map; the dump. 0 or -errno. */
int perfmap_open(struct error **err);
int perfmap_open_dump(struct error **err);

/* Host code for the guest's instruction at `pc`. Any thread. */
void perfmap_add(const void *code, size_t size, uint64_t pc);

/*
 * Symbols of the guest: an ELF file's symbol table, or a System.map ("address type name" lines).
 * Before threads start.
 */
int guest_symbols_load(const char *path, struct error **err);

/* The symbol that an address is in, and how far; NULL: none. */
const char *guest_symbol_at(uint64_t addr, uint64_t *off);

#endif
