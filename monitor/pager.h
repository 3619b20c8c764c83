/* SPDX-License-Identifier: MIT */
/*
 * Long output a page at a time: space shows the next page, Enter a line, q or Ctrl-C drops the
 * rest. Off where the size of the terminal is not known, until somebody says it.
 */
#ifndef MONITOR_PAGER_H
#define MONITOR_PAGER_H

#include "util/base.h"

struct pager;

struct pager *pager_new(void (*write)(void *opaque, const char *text, size_t len),
                        unsigned (*rows)(void *opaque), void *opaque);
void pager_free(struct pager *p);
void pager_reset(struct pager *p);
/* Rows of a page from now on, 0: no paging; -1: what the terminal has. */
void pager_set_rows(struct pager *p, int rows);

/* Around a command. End: true unless it waits for a key. */
void pager_begin(struct pager *p);
bool pager_end(struct pager *p);

void pager_write(struct pager *p, const char *text, size_t len);
bool pager_waiting(const struct pager *p);
/* A key while it waits; true when everything has been shown or dropped. */
bool pager_key(struct pager *p, uint8_t key);

#endif
