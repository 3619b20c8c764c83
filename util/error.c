/* SPDX-License-Identifier: MIT */
/*
 * Error objects, messages on standard error, and "did you mean" suggestions.
 */
#include "util/base.h"
#include "util/error.h"

#include <glib.h>
#include <stdarg.h>
#include <stdio.h>

struct error {
    char *msg;
};

static void error_set_text(struct error **err, char *text)
{
    if (!err) {
        g_free(text);
        return;
    }
    assert(!*err);
    *err = g_new(struct error, 1);
    (*err)->msg = text;
}

void error_set(struct error **err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    error_set_text(err, g_strdup_vprintf(fmt, ap));
    va_end(ap);
}

int error_set_errno(struct error **err, int errnum, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    error_set_text(err, g_strdup_printf("%s: %s", text, g_strerror(errnum)));
    g_free(text);
    return -errnum;
}

void error_prepend(struct error **err, const char *fmt, ...)
{
    va_list ap;
    char *front, *joined;

    if (!err || !*err)
        return;
    va_start(ap, fmt);
    front = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    joined = g_strconcat(front, (*err)->msg, NULL);
    g_free(front);
    g_free((*err)->msg);
    (*err)->msg = joined;
}

void error_propagate(struct error **to, struct error *from)
{
    if (!from)
        return;
    if (!to) {
        error_free(from);
        return;
    }
    assert(!*to);
    *to = from;
}

const char *error_msg(const struct error *err)
{
    return err->msg;
}

void error_free(struct error *err)
{
    if (!err)
        return;
    g_free(err->msg);
    g_free(err);
}

static struct error_style report_style;
static const char *guest_name;

void error_set_style(const struct error_style *style)
{
    report_style = *style;
}

void error_set_guest_name(const char *name)
{
    guest_name = name;
}

static char *report_front(void)
{
    GString *front = g_string_new(NULL);

    if (report_style.timestamp) {
        GDateTime *now = g_date_time_new_now_utc();
        char *text = g_date_time_format(now, "%FT%T");
        g_string_append_printf(front, "%s.%06dZ ", text, g_date_time_get_microsecond(now));
        g_free(text);
        g_date_time_unref(now);
    }
    if (report_style.guest_name && guest_name)
        g_string_append_printf(front, "%s ", guest_name);
    return g_string_free(front, FALSE);
}

/* One write per message, so that lines of two threads do not mix. */
static void print_message(const char *kind, const char *fmt, va_list ap)
{
    char *text = g_strdup_vprintf(fmt, ap);

    char *front = report_front();

    fprintf(stderr, "%sdoppel: %s%s\n", front, kind, text);
    g_free(front);
    g_free(text);
}

void error_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_message("", fmt, ap);
    va_end(ap);
}

void warn_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_message("warning: ", fmt, ap);
    va_end(ap);
}

void info_report(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_message("", fmt, ap);
    va_end(ap);
}

void error_report_free(struct error *err)
{
    error_report("%s", error_msg(err));
    error_free(err);
}

#define SUGGEST_MAX_LEN 63

/* Edits (insert, delete, replace) that turn a into b; lengths are bounded by the caller. */
static unsigned edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned row[SUGGEST_MAX_LEN + 1];

    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned replace = diagonal + (g_ascii_tolower(a[i - 1]) != g_ascii_tolower(b[j - 1]));
            unsigned shift = MIN(row[j], row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = MIN(replace, shift);
        }
    }
    return row[b_len];
}

const char *util_suggest(const char *word, const char *const *candidates)
{
    size_t word_len = strlen(word);
    const char *best = NULL;
    unsigned best_distance = word_len / 3 + 2; /* must be below: a typo or two */

    if (word_len > SUGGEST_MAX_LEN)
        return NULL;
    for (; *candidates; candidates++) {
        size_t len = strlen(*candidates);
        unsigned distance;

        if (len > SUGGEST_MAX_LEN)
            continue;
        distance = edit_distance(word, word_len, *candidates, len);
        if (distance < best_distance && distance < len) {
            best = *candidates;
            best_distance = distance;
        }
    }
    return best;
}
