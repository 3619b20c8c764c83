/* SPDX-License-Identifier: MIT */
/*
 * The debug log. stdio's own lock on the stream keeps lines whole; log_lock
 * takes the same (recursive) lock for longer dumps.
 */
#include "util/base.h"
#include "util/error.h"
#include "util/log.h"

#include <errno.h>
#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint32_t log_mask;

static FILE *log_stream; /* NULL: standard error */

static const struct {
    const char *name;
    const char *help;
} log_items[] = {
#define LOG_ROW_(id, name, help) {name, help},
    LOG_ITEMS(LOG_ROW_)
#undef LOG_ROW_
};

_Static_assert(LOG_BIT_COUNT <= 32, "log_mask has 32 bits");

static FILE *stream(void)
{
    return log_stream ? log_stream : stderr;
}

void log_set_mask(uint32_t mask)
{
    __atomic_store_n(&log_mask, mask, __ATOMIC_RELAXED);
}

static int parse_item(const char *word, uint32_t *mask, struct error **err)
{
    const char *names[ARRAY_SIZE(log_items) + 1] = {0};
    const char *near_name;

    if (!strcmp(word, "all")) {
        *mask |= mask64(LOG_BIT_COUNT) & ~LOG_NOCHAIN;
        return 0;
    }
    if (!strcmp(word, "none")) {
        *mask = 0;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(log_items); i++) {
        names[i] = log_items[i].name;
        if (!strcmp(word, log_items[i].name)) {
            *mask |= BIT(i);
            return 0;
        }
    }
    near_name = util_suggest(word, names);
    if (near_name)
        error_set(err, "unknown log item '%s' (did you mean '%s'?)", word, near_name);
    else
        error_set(err, "unknown log item '%s' (see -d help)", word);
    return -EINVAL;
}

int log_parse_items(const char *text, uint32_t *mask, struct error **err)
{
    char **words = g_strsplit(text, ",", -1);
    uint32_t result = 0;
    int ret = 0;

    for (char **w = words; *w && !ret; w++) {
        if (**w)
            ret = parse_item(*w, &result, err);
    }
    g_strfreev(words);
    if (!ret)
        *mask = result;
    return ret;
}

/* --- the filter ------------------------------------------------------------- */

#define FILTER_RANGES_MAX 64

static struct log_range {
    uint64_t first, last;
} filter[FILTER_RANGES_MAX];
static unsigned filter_count;

static bool parse_range(const char *text, struct log_range *r)
{
    char *end;
    uint64_t start, n;
    char op;

    errno = 0;
    start = strtoull(text, &end, 0);
    op = *end;
    if (end == text || (op != '.' && op != '+' && op != '-') || (op == '.' && end[1] != '.'))
        return false;
    text = end + (op == '.' ? 2 : 1);
    n = strtoull(text, &end, 0);
    if (end == text || *end || errno)
        return false;
    if (op == '.')
        *r = (struct log_range){start, n};
    else if (op == '+')
        *r = (struct log_range){start, start + n - 1};
    else
        *r = (struct log_range){start - n + 1, start};
    return (op == '.' || n) && r->first <= r->last;
}

int log_set_filter(const char *text, struct error **err)
{
    char **words = g_strsplit(text, ",", -1);
    unsigned n = 0;
    int ret = 0;

    for (char **w = words; *w && !ret; w++) {
        if (n == FILTER_RANGES_MAX || !parse_range(*w, &filter[n++])) {
            error_set(err, "'%s' is not a range START..LAST, START+BYTES or START-BYTES", *w);
            ret = -EINVAL;
        }
    }
    g_strfreev(words);
    filter_count = ret ? 0 : n;
    return ret;
}

bool log_in_filter(uint64_t pc)
{
    for (unsigned i = 0; i < filter_count; i++)
        if (pc >= filter[i].first && pc <= filter[i].last)
            return true;
    return !filter_count;
}

void log_print_help(void)
{
    printf("Log items (-d item,...):\n");
    for (size_t i = 0; i < ARRAY_SIZE(log_items); i++)
        printf("  %-14s %s\n", log_items[i].name, log_items[i].help);
    printf("  %-14s %s\n", "all", "all of them except nochain");
}

/* "%d" is replaced by the process id; any other % is taken literally. */
static char *expand_path(const char *path)
{
    const char *mark = strstr(path, "%d");

    if (!mark)
        return g_strdup(path);
    return g_strdup_printf("%.*s%d%s", (int)(mark - path), path, (int)getpid(), mark + 2);
}

int log_set_file(const char *path, struct error **err)
{
    FILE *file = NULL;

    if (path) {
        char *name = expand_path(path);
        file = fopen(name, "we");
        if (!file) {
            int ret = error_set_errno(err, errno, "cannot open log file '%s'", name);
            g_free(name);
            return ret;
        }
        g_free(name);
        setvbuf(file, NULL, _IOLBF, 0);
    }
    if (log_stream)
        fclose(log_stream);
    log_stream = file;
    return 0;
}

void log_printf(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stream(), fmt, ap);
    va_end(ap);
}

void log_line(const char *prefix, const char *fmt, ...)
{
    va_list ap;

    log_lock();
    fputs(prefix, stream());
    va_start(ap, fmt);
    vfprintf(stream(), fmt, ap);
    va_end(ap);
    fputc('\n', stream());
    log_unlock();
}

void log_lock(void)
{
    flockfile(stream());
}

void log_unlock(void)
{
    funlockfile(stream());
}

void log_flush(void)
{
    fflush(stream());
}
