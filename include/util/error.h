/* SPDX-License-Identifier: MIT */
/*
 * Errors a user sees. A function that can fail for a reason worth telling takes
 * a last argument `struct error **err`, returns -errno (or NULL/false), and has
 * set *err exactly then. err may be NULL when the caller does not want the text.
 */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

#include "util/base.h"

struct error;

/* Sets *err (which must be NULL); a NULL err is fine. One line, no newline. */
void error_set(struct error **err, const char *fmt, ...) printf_fmt(2, 3);

/* The same with ": " and the text of the errno value appended; returns -errnum. */
int error_set_errno(struct error **err, int errnum, const char *fmt, ...) printf_fmt(3, 4);

/* Puts text in front: error_prepend(err, "drive %d: ", i). */
void error_prepend(struct error **err, const char *fmt, ...) printf_fmt(2, 3);

/* Hands `from` on to `*to`; freed if to is NULL. from may be NULL (no error). */
void error_propagate(struct error **to, struct error *from);

const char *error_msg(const struct error *err);
void error_free(struct error *err);

/* "doppel: message" on standard error; error_report_free also frees err. */
void error_report(const char *fmt, ...) printf_fmt(1, 2);
void error_report_free(struct error *err);
void warn_report(const char *fmt, ...) printf_fmt(1, 2);
/* Something a user wants to know, in the same form. */
void info_report(const char *fmt, ...) printf_fmt(1, 2);

/* What reports begin with (-msg). The name is borrowed; NULL: none. */
struct error_style {
    bool timestamp;  /* UTC, ISO 8601 */
    bool guest_name; /* error_set_guest_name()'s */
};
void error_set_style(const struct error_style *style);
void error_set_guest_name(const char *name);

/*
 * The candidate (from a NULL-terminated list) a mistyped word was most likely
 * meant to be, or NULL if none is close.
 */
const char *util_suggest(const char *word, const char *const *candidates);

#endif
