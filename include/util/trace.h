/* SPDX-License-Identifier: MIT */
/*
 * Trace events: TRACE(ide_cmd, "drive %u command %#x", unit, cmd).
 *
 * An event is enabled by a pattern (-trace 'ide_*'); a disabled one costs one
 * load and a predicted branch, its arguments are not evaluated. Lines go where
 * the debug log goes. Several places may share a name. The linker collects the
 * events, so `-trace help` lists them all.
 */
#ifndef UTIL_TRACE_H
#define UTIL_TRACE_H

#include "util/base.h"

#include <stdio.h>

struct error;

struct trace_point {
    const char *name;
    const char *fmt;
    bool on;
};

#define TRACE_SECTION "doppel_trace"

/* At statement level; the name is a plain identifier. */
#define TRACE(event, format, ...)                                                                  \
    do {                                                                                           \
        static struct trace_point trace_point_ = {#event, format, false};                          \
        static struct trace_point *const trace_entry_                                              \
            __attribute__((used, section(TRACE_SECTION))) = &trace_point_;                         \
        if (unlikely(__atomic_load_n(&trace_point_.on, __ATOMIC_RELAXED))) {                       \
            trace_emit(&trace_point_, format, ##__VA_ARGS__);                                      \
        }                                                                                          \
    } while (0)

/* "123.456789 ide_cmd drive 0 command 0xec" */
void trace_emit(const struct trace_point *tp, const char *fmt, ...) printf_fmt(2, 3) cold_fn;

/*
 * Turn on (or with a leading '-' off) the events that match a pattern of the
 * shell kind; several patterns with commas. -ENOENT with err and a suggestion if
 * one matches nothing.
 */
int trace_enable(const char *patterns, struct error **err);

/* Every event's name once, sorted; on: at any of its places. */
void trace_for_each(void (*fn)(const char *name, bool on, void *opaque), void *opaque);

/* Names and formats, one per line, sorted. */
void trace_list(FILE *out);

#endif
