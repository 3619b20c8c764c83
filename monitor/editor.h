/* SPDX-License-Identifier: MIT */
/*
 * Line editing for any byte stream with a terminal at its other end: cursor keys, history,
 * completion. One per monitor, so that it works through sockets, ptys and multiplexers too.
 */
#ifndef MONITOR_EDITOR_H
#define MONITOR_EDITOR_H

#include "util/base.h"

#include <glib.h>

#define EDITOR_LINE_MAX    4096u
#define EDITOR_HISTORY_MAX 64u

struct editor;

struct editor_ops {
    void (*output)(void *opaque, const char *text, size_t len);
    void (*line)(void *opaque, const char *line); /* Enter was pressed */
    /* Candidates (g_malloc'ed strings) for the word that ends at pos; *start: where it begins. */
    void (*complete)(void *opaque, const char *line, size_t pos, GPtrArray *out, size_t *start);
};

struct editor *editor_new(const struct editor_ops *ops, void *opaque, const char *prompt);
void editor_free(struct editor *e);

void editor_set_echo(struct editor *e, bool on);
/* A new line: print the prompt. */
void editor_prompt(struct editor *e);
/* Forget what has been typed (the other end has gone). */
void editor_reset(struct editor *e);
void editor_input(struct editor *e, uint8_t byte);
/* The i'th line of the history, the oldest is 0; NULL after the last. */
const char *editor_history(const struct editor *e, unsigned i);

#endif
