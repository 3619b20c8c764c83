/* SPDX-License-Identifier: MIT */
/* The list of bootable devices, sorted. */
#include "hw/core/boot_order.h"

#include <errno.h>
#include <sys/queue.h>

#include "util/error.h"

struct boot_entry {
    int32_t index;
    char *path;
    TAILQ_ENTRY(boot_entry) link;
};

static TAILQ_HEAD(, boot_entry) entries = TAILQ_HEAD_INITIALIZER(entries);
static void (*listener)(void);

static void tell(void)
{
    if (listener) {
        listener();
    }
}

int boot_order_add(int32_t index, const char *path, struct error **err)
{
    struct boot_entry *next = TAILQ_FIRST(&entries);

    while (next && next->index < index) {
        next = TAILQ_NEXT(next, link);
    }
    if (next && next->index == index) {
        error_set(err, "The bootindex %d has already been used", (int)index);
        return -EBUSY;
    }
    struct boot_entry *e = g_new0(struct boot_entry, 1);
    e->index = index;
    e->path = g_strdup(path);
    if (next) {
        TAILQ_INSERT_BEFORE(next, e, link);
    } else {
        TAILQ_INSERT_TAIL(&entries, e, link);
    }
    tell();
    return 0;
}

void boot_order_remove(const char *path)
{
    struct boot_entry *e;

    TAILQ_FOREACH(e, &entries, link)
    {
        if (!strcmp(e->path, path)) {
            TAILQ_REMOVE(&entries, e, link);
            g_free(e->path);
            g_free(e);
            tell();
            return;
        }
    }
}

void boot_order_append(GString *out)
{
    struct boot_entry *e;

    TAILQ_FOREACH(e, &entries, link)
    {
        g_string_append_printf(out, "%s\n", e->path);
    }
}

void boot_order_listen(void (*changed)(void))
{
    listener = changed;
}
