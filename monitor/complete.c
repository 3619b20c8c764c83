/* SPDX-License-Identifier: MIT */
/* Completion of arguments by type: one row each. */
#include "monitor/complete.h"

#include <sys/stat.h>

#include "block/block.h"
#include "chardev/chardev.h"
#include "hw/core/device.h"
#include "monitor/internal.h"
#include "monitor/keys.h"
#include "util/log.h"

struct completion {
    const char *prefix;
    GPtrArray *out;
};

void complete_add(GPtrArray *out, const char *word)
{
    for (unsigned i = 0; i < out->len; i++) {
        if (!strcmp(g_ptr_array_index(out, i), word)) {
            return;
        }
    }
    g_ptr_array_add(out, g_strdup(word));
}

static void offer(struct completion *c, const char *word)
{
    if (word && g_str_has_prefix(word, c->prefix)) {
        complete_add(c->out, word);
    }
}

static void offer_drive(struct block_device *dev, void *opaque)
{
    offer(opaque, block_id(dev));
}

static void drives(struct completion *c)
{
    block_device_for_each(offer_drive, c);
}

static void offer_chardev(struct chardev *chr, void *opaque)
{
    offer(opaque, chr->id);
}

static void chardevs(struct completion *c)
{
    chardev_for_each(offer_chardev, c);
}

static bool offer_device(struct device *dev, void *opaque)
{
    offer(opaque, dev->id);
    return false;
}

static void device_ids(struct completion *c)
{
    device_for_each(offer_device, c);
}

static void offer_class(const struct device_class *cls, void *opaque)
{
    if (!cls->no_user) {
        offer(opaque, cls->name);
    }
}

static void drivers(struct completion *c)
{
    device_class_for_each(offer_class, c);
}

/* The last of several keys joined by '-'. */
static void keys(struct completion *c)
{
    const char *dash = strrchr(c->prefix, '-');
    size_t kept = dash ? (size_t)(dash + 1 - c->prefix) : 0;

    for (const struct key_row *k = key_rows; k->name; k++) {
        char *word = g_strdup_printf("%.*s%s", (int)kept, c->prefix, k->name);
        offer(c, word);
        g_free(word);
    }
}

static void command_names(struct completion *c)
{
    for (const struct command *row = commands; row->help; row++) {
        if (row->hmp) {
            char *word = g_strndup(row->hmp, strcspn(row->hmp, "| "));
            offer(c, word);
            g_free(word);
        }
    }
}

static void files(struct completion *c)
{
    const char *slash = strrchr(c->prefix, '/');
    char *dir = slash ? g_strndup(c->prefix, (size_t)(slash + 1 - c->prefix)) : g_strdup("");
    GDir *d = g_dir_open(*dir ? dir : ".", 0, NULL);
    const char *name;

    while (d && (name = g_dir_read_name(d))) {
        char *path = g_strdup_printf("%s%s", dir, name);
        struct stat st;
        if (g_str_has_prefix(path, c->prefix) && stat(path, &st) == 0) {
            char *word = g_strdup_printf("%s%s", path, S_ISDIR(st.st_mode) ? "/" : "");
            offer(c, word);
            g_free(word);
        }
        g_free(path);
    }
    if (d) {
        g_dir_close(d);
    }
    g_free(dir);
}

static void on_off(struct completion *c)
{
    offer(c, "on");
    offer(c, "off");
}

static void log_items(struct completion *c)
{
#define OFFER(id, name, help) offer(c, name);
    LOG_ITEMS(OFFER)
#undef OFFER
    offer(c, "all");
    offer(c, "none");
}

static bool offer_path(struct device *dev, void *opaque)
{
    char *path = device_path(dev);

    offer(opaque, path);
    g_free(path);
    return false;
}

static void paths(struct completion *c)
{
    offer(c, "/machine");
    device_for_each(offer_path, c);
    device_ids(c);
}

static const struct {
    const char *type;
    void (*fill)(struct completion *c);
} rows[] = {
    {"block", drives},   {"chardev", chardevs}, {"device", device_ids},
    {"driver", drivers}, {"key", keys},         {"command", command_names},
    {"file", files},     {"bool", on_off},      {"log", log_items},
    {"qom", paths},
};

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void complete_word(const char *type, const char *prefix, GPtrArray *out)
{
    struct completion c = {prefix, out};

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (!strcmp(rows[i].type, type)) {
            rows[i].fill(&c);
        }
    }
    g_ptr_array_sort(out, by_name);
}
