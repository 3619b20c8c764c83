/* SPDX-License-Identifier: MIT */
/* The pager. */
#include "monitor/pager.h"

#include <glib.h>

static const char more[] = "--More--", wipe[] = "\r        \r";

struct pager {
    void (*write)(void *opaque, const char *text, size_t len);
    unsigned (*rows)(void *opaque);
    void *opaque;
    int fixed_rows;  /* -1: ask rows() */
    unsigned budget; /* lines that may still be shown; 0 with paging: wait */
    bool paging, waiting;
    GString *held;
};

struct pager *pager_new(void (*write)(void *opaque, const char *text, size_t len),
                        unsigned (*rows)(void *opaque), void *opaque)
{
    struct pager *p = g_new0(struct pager, 1);

    *p = (struct pager){.write = write,
                        .rows = rows,
                        .opaque = opaque,
                        .fixed_rows = -1,
                        .held = g_string_new(NULL)};
    return p;
}

void pager_free(struct pager *p)
{
    g_string_free(p->held, TRUE);
    g_free(p);
}

void pager_reset(struct pager *p)
{
    p->paging = p->waiting = false;
    g_string_truncate(p->held, 0);
}

void pager_set_rows(struct pager *p, int rows)
{
    p->fixed_rows = rows;
}

static unsigned page_lines(struct pager *p)
{
    unsigned rows = p->fixed_rows >= 0 ? (unsigned)p->fixed_rows : p->rows(p->opaque);

    return rows > 1 ? rows - 1 : rows;
}

void pager_begin(struct pager *p)
{
    p->budget = page_lines(p);
    p->paging = p->budget != 0;
}

/* Shows what the budget allows of `held`; true if that was all. */
static bool show(struct pager *p)
{
    const char *text = p->held->str, *end = text + p->held->len, *at = text;

    while (at < end && p->budget) {
        const char *nl = memchr(at, '\n', (size_t)(end - at));
        at = nl ? nl + 1 : end;
        p->budget -= nl != NULL;
    }
    p->write(p->opaque, text, (size_t)(at - text));
    g_string_erase(p->held, 0, at - text);
    return p->held->len == 0;
}

void pager_write(struct pager *p, const char *text, size_t len)
{
    if (!p->paging) {
        p->write(p->opaque, text, len);
        return;
    }
    g_string_append_len(p->held, text, (gssize)len);
    if (!p->waiting && !show(p)) {
        p->write(p->opaque, more, sizeof(more) - 1);
        p->waiting = true;
    }
}

bool pager_end(struct pager *p)
{
    if (!p->waiting) {
        p->paging = false;
    }
    return !p->waiting;
}

bool pager_waiting(const struct pager *p)
{
    return p->waiting;
}

bool pager_key(struct pager *p, uint8_t key)
{
    bool drop = key == 'q' || key == 'Q' || key == 3;

    if (!drop && key != ' ' && key != '\r' && key != '\n') {
        return false;
    }
    p->write(p->opaque, wipe, sizeof(wipe) - 1);
    p->budget = key == ' ' ? MAX(page_lines(p), 1u) : 1;
    if (drop) {
        g_string_truncate(p->held, 0);
    } else if (!show(p)) {
        p->write(p->opaque, more, sizeof(more) - 1);
        return false;
    }
    pager_reset(p);
    return true;
}
