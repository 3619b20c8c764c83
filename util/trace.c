/* SPDX-License-Identifier: MIT */
/*
 * Trace events: the points the linker has collected, switched by pattern.
 */
#include "util/trace.h"

#include "util/error.h"
#include "util/log.h"

#include <errno.h>
#include <fnmatch.h>
#include <glib.h>
#include <stdarg.h>
#include <time.h>

/* Set by the linker; absent if nothing is traced at all. */
extern struct trace_point *const __start_doppel_trace[] __attribute__((weak));
extern struct trace_point *const __stop_doppel_trace[] __attribute__((weak));

static size_t point_count(void)
{
    return (size_t)(__stop_doppel_trace - __start_doppel_trace);
}

void trace_emit(const struct trace_point *tp, const char *fmt, ...)
{
    struct timespec ts;
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    clock_gettime(CLOCK_MONOTONIC, &ts);
    log_printf("%lld.%06ld %s %s\n", (long long)ts.tv_sec, ts.tv_nsec / 1000, tp->name, text);
}

/* Returns how many points match. */
static unsigned switch_matching(const char *pattern, bool on)
{
    unsigned found = 0;

    for (size_t i = 0; i < point_count(); i++) {
        struct trace_point *tp = __start_doppel_trace[i];

        if (fnmatch(pattern, tp->name, 0) == 0) {
            __atomic_store_n(&tp->on, on, __ATOMIC_RELAXED);
            found++;
        }
    }
    return found;
}

static void set_unknown(struct error **err, const char *pattern)
{
    const char **names = g_new0(const char *, point_count() + 1);
    const char *hint;

    for (size_t i = 0; i < point_count(); i++)
        names[i] = __start_doppel_trace[i]->name;
    hint = util_suggest(pattern, names);
    g_free(names);
    if (hint)
        error_set(err, "no trace event matches '%s'; did you mean '%s'?", pattern, hint);
    else
        error_set(err, "no trace event matches '%s'", pattern);
}

int trace_enable(const char *patterns, struct error **err)
{
    char **list = g_strsplit(patterns, ",", -1);
    int ret = 0;

    for (char **p = list; *p && !ret; p++) {
        bool on = (*p)[0] != '-';
        const char *pattern = on ? *p : *p + 1;

        if (*pattern && !switch_matching(pattern, on)) {
            set_unknown(err, pattern);
            ret = -ENOENT;
        }
    }
    g_strfreev(list);
    return ret;
}

static int compare_points(const void *a, const void *b)
{
    const struct trace_point *const *pa = a, *const *pb = b;
    int order = strcmp((*pa)->name, (*pb)->name);

    return order ? order : strcmp((*pa)->fmt, (*pb)->fmt);
}

void trace_list(FILE *out)
{
    size_t count = point_count();
    struct trace_point **sorted = g_new(struct trace_point *, count + 1);

    for (size_t i = 0; i < count; i++)
        sorted[i] = __start_doppel_trace[i];
    qsort(sorted, count, sizeof(*sorted), compare_points);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%-24s %s\n", sorted[i]->name, sorted[i]->fmt);
    g_free(sorted);
}

void trace_for_each(void (*fn)(const char *name, bool on, void *opaque), void *opaque)
{
    size_t count = point_count();
    struct trace_point **sorted = g_new(struct trace_point *, count + 1);

    for (size_t i = 0; i < count; i++)
        sorted[i] = __start_doppel_trace[i];
    qsort(sorted, count, sizeof(*sorted), compare_points);
    for (size_t i = 0; i < count;) {
        const char *name = sorted[i]->name;
        bool on = false;

        for (; i < count && !strcmp(sorted[i]->name, name); i++)
            on |= __atomic_load_n(&sorted[i]->on, __ATOMIC_RELAXED);
        fn(name, on, opaque);
    }
    g_free(sorted);
}
