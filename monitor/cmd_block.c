/* SPDX-License-Identifier: MIT */
/* Commands about drives. */
#include <inttypes.h>

#include "block/block.h"
#include "hw/core/device.h"
#include "monitor/internal.h"
#include "util/optlist.h"
#include "util/opttext.h"

struct by_owner {
    const char *name;
    struct block_device *found;
};

static void match_owner(struct block_device *dev, void *opaque)
{
    struct by_owner *by = opaque;
    char *owner = block_owner_name(dev);

    if (owner && !strcmp(owner, by->name)) {
        by->found = dev;
    }
    g_free(owner);
}

/* A drive by its name, or by the id or path of the device that uses it. */
static struct block_device *find_drive(struct monitor *m, const char *name, struct error **err)
{
    static const char peripheral[] = "/machine/peripheral/";
    struct by_owner by = {.name = name, .found = block_device_find(name)};

    if (g_str_has_prefix(name, peripheral)) {
        by.name += strlen(peripheral);
    }
    if (!by.found) {
        block_device_for_each(match_owner, &by);
    }
    if (!by.found) {
        m->error_class = QERR_DEVICE_NOT_FOUND;
        error_set(err, "Device '%s' not found", name);
    }
    return by.found;
}

/* By `device` or `id`; NULL with err. */
static struct block_device *drive_of(struct monitor *m, json_t *args, struct error **err)
{
    const char *device = arg_str(args, "device"), *id = arg_str(args, "id");

    if (!device == !id) {
        error_set(err, "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    return find_drive(m, device ? device : id, err);
}

/* --- media -------------------------------------------------------------------------------------- */

static json_t *done(int ret)
{
    return ret < 0 ? NULL : qmp_empty();
}

json_t *qmp_eject(struct monitor *m, json_t *args, struct error **err)
{
    struct block_device *dev = drive_of(m, args, err);

    return dev ? done(block_eject(dev, arg_bool(args, "force", false), err)) : NULL;
}

json_t *qmp_blockdev_open_tray(struct monitor *m, json_t *args, struct error **err)
{
    struct block_device *dev = drive_of(m, args, err);

    return dev ? done(block_open_tray(dev, arg_bool(args, "force", false), err)) : NULL;
}

json_t *qmp_blockdev_close_tray(struct monitor *m, json_t *args, struct error **err)
{
    struct block_device *dev = drive_of(m, args, err);

    return dev ? done(block_close_tray(dev, err)) : NULL;
}

json_t *qmp_blockdev_remove_medium(struct monitor *m, json_t *args, struct error **err)
{
    struct block_device *dev = drive_of(m, args, err);

    return dev ? done(block_remove_medium(dev, err)) : NULL;
}

static struct block_node *find_node(const char *name, struct error **err)
{
    struct block_node *node = block_node_find(name);

    if (!node) {
        error_set(err, "Cannot find device='' nor node-name='%s'", name);
    }
    return node;
}

json_t *qmp_blockdev_insert_medium(struct monitor *m, json_t *args, struct error **err)
{
    struct block_device *dev = drive_of(m, args, err);
    struct block_node *node = dev ? find_node(arg_str(args, "node-name"), err) : NULL;

    return node ? done(block_insert_node(dev, node, err)) : NULL;
}

json_t *qmp_blockdev_change_medium(struct monitor *m, json_t *args, struct error **err)
{
    struct block_device *dev = drive_of(m, args, err);
    const char *mode = arg_str(args, "read-only-mode");

    if (!dev) {
        return NULL;
    }
    bool readonly =
        mode && strcmp(mode, "retain") ? !strcmp(mode, "read-only") : block_readonly(dev);
    return done(block_change(dev, arg_str(args, "filename"), arg_str(args, "format"), readonly,
                             arg_bool(args, "force", false), err));
}

/* --- nodes and drives --------------------------------------------------------------------------- */

json_t *qmp_blockdev_add(struct monitor *m, json_t *args, struct error **err)
{
    GString *text = g_string_new(NULL);

    opttext_object(text, args, NULL);
    int ret = block_node_add(text->str + 1, err); /* behind the first comma */
    g_string_free(text, TRUE);
    return done(ret);
}

json_t *qmp_blockdev_del(struct monitor *m, json_t *args, struct error **err)
{
    return done(block_node_del(arg_str(args, "node-name"), err));
}

struct node_user {
    const struct block_node *node;
    struct block_device *found;
};

static void match_node(struct block_device *dev, void *opaque)
{
    struct node_user *u = opaque;

    if (block_node_of(dev) == u->node) {
        u->found = dev;
    }
}

/* The drive whose medium is to be resized: by its name, or by that of a node. */
static struct block_device *resized_drive(struct monitor *m, json_t *args, struct error **err)
{
    const char *device = arg_str(args, "device"), *name = arg_str(args, "node-name");

    if (!device == !name) {
        error_set(err, "Need exactly one of 'device' and 'node-name'");
        return NULL;
    }
    if (device) {
        return find_drive(m, device, err);
    }
    struct node_user u = {.node = find_node(name, err)};
    if (u.node) {
        block_device_for_each(match_node, &u);
        if (!u.found) {
            error_set(err, "No device uses node '%s'", name);
        }
    }
    return u.found;
}

json_t *qmp_block_resize(struct monitor *m, json_t *args, struct error **err)
{
    struct block_device *dev = resized_drive(m, args, err);
    int64_t size = arg_int(args, "size", 0);

    if (dev && size < 0) {
        error_set(err, "Parameter 'size' expects a >0 size");
        return NULL;
    }
    return dev ? done(block_resize(dev, (uint64_t)size, err)) : NULL;
}

void hmp_block_resize(struct monitor *m, json_t *args)
{
    struct error *err = NULL;
    uint64_t size;

    if (opt_parse_size("size", arg_str(args, "size"), MIB(1), &size, &err) < 0) {
        mon_error(m, err);
        return;
    }
    json_object_set_new(args, "size", json_integer((json_int_t)MIN(size, (uint64_t)INT64_MAX)));
    hmp_via_qmp(m, args);
}

static void commit_one(struct block_device *dev, void *opaque)
{
    struct error *err = NULL;

    if (block_has_overlay(dev) && block_commit(dev, &err) < 0) {
        mon_error(opaque, err);
    }
}

void hmp_commit(struct monitor *m, json_t *args)
{
    const char *name = arg_str(args, "device");
    struct error *err = NULL;

    if (!strcmp(name, "all")) {
        block_device_for_each(commit_one, m);
        return;
    }
    struct block_device *dev = find_drive(m, name, &err);
    if (!dev || block_commit(dev, &err) < 0) {
        mon_error(m, err);
    }
}

/* Only drives that wait for a device can come later. */
void hmp_drive_add(struct monitor *m, json_t *args)
{
    static const struct drive_options later = {
        .interface = DRIVE_IF_NONE, .bus = -1, .unit = -1, .index = -1};
    const char *text = arg_str(args, "options");
    struct error *err = NULL;

    if (strstr(text, "if=") && !strstr(text, "if=none")) {
        mon_puts(m, "Error: only drives with if=none can be added\n");
    } else if (block_parse_drive(text, &later, &err) < 0) {
        mon_error(m, err);
    } else {
        mon_puts(m, "OK\n");
    }
}

void hmp_drive_del(struct monitor *m, json_t *args)
{
    struct error *err = NULL;
    struct block_device *dev = find_drive(m, arg_str(args, "id"), &err);

    if (!dev) {
        mon_error(m, err);
    } else if (!*block_id(dev)) {
        mon_puts(m, "Error: the drive belongs to its device; device_del removes it\n");
    } else {
        block_device_drop(dev);
    }
}

/* --- query-block -------------------------------------------------------------------------------- */

struct medium_info {
    const char *file, *format, *node; /* node: NULL: none */
    uint64_t length;
    bool readonly, write_through, no_flush;
};

static json_t *describe_medium(const struct medium_info *i)
{
    json_t *image = json_pack("{s:s, s:s, s:I}", "filename", i->file, "format", i->format,
                              "virtual-size", (json_int_t)i->length);
    json_t *row = json_pack("{s:s, s:b, s:s, s:i, s:b, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:o, "
                     "s:{s:b, s:b, s:b}, s:i}",
                     "file", i->file, "ro", i->readonly, "drv", i->format, "backing_file_depth", 0, "encrypted", 0,
        "detect_zeroes", "off", "bps", 0, "bps_rd", 0, "bps_wr", 0, "iops", 0, "iops_rd", 0,
        "iops_wr", 0, "image", image, "cache", "writeback", !i->write_through, "direct", 0,
        "no-flush", i->no_flush, "write_threshold", 0);

    if (i->node) {
        json_object_set_new(row, "node-name", json_string(i->node));
    }
    return row;
}

static json_t *describe_inserted(struct block_device *dev)
{
    struct block_node *node = block_node_of(dev);
    struct block_node_info info = {.no_flush = block_options(dev)->no_flush};

    if (node) {
        block_node_describe(node, &info);
    }
    struct medium_info i = {
        .file = block_file(dev),
        .format = block_format(dev),
        .node = info.name,
        .length = block_length(dev),
        .readonly = block_readonly(dev),
        .write_through = block_options(dev)->write_through,
        .no_flush = info.no_flush,
    };
    return describe_medium(&i);
}

static void describe_drive(struct block_device *dev, void *opaque)
{
    json_t *row =
        json_pack("{s:s, s:s, s:b, s:b}", "device", block_id(dev), "type", "unknown", "removable",
                  block_removable(dev), "locked", block_locked(dev));
    char *owner = block_owner_name(dev);

    if (owner) {
        json_object_set_new(row, "qdev", json_string(owner));
        g_free(owner);
    }
    if (block_present(dev)) {
        json_object_set_new(row, "inserted", describe_inserted(dev));
        json_object_set_new(row, "io-status", json_string("ok"));
    }
    if (block_has_tray(dev)) {
        json_object_set_new(row, "tray_open", json_boolean(block_tray_open(dev)));
    }
    json_array_append_new(opaque, row);
}

json_t *qmp_query_block(struct monitor *m, json_t *args, struct error **err)
{
    json_t *list = json_array();

    block_device_for_each(describe_drive, list);
    return list;
}

static void describe_node(const struct block_node *node, void *opaque)
{
    struct node_user u = {.node = node};
    struct block_node_info info;

    block_node_describe(node, &info);
    block_device_for_each(match_node, &u);
    struct medium_info i = {
        .file = info.file,
        .format = info.driver,
        .node = info.name,
        .length = u.found ? block_length(u.found) : info.length,
        .readonly = u.found ? block_readonly(u.found) : info.readonly,
        .no_flush = info.no_flush,
    };
    json_array_append_new(opaque, describe_medium(&i));
}

json_t *qmp_query_named_block_nodes(struct monitor *m, json_t *args, struct error **err)
{
    json_t *list = json_array();

    block_node_for_each(describe_node, list);
    return list;
}

struct show_drive {
    struct monitor *m;
    const char *only;
};

static void print_drive(struct block_device *dev, void *opaque)
{
    struct show_drive *s = opaque;

    if (s->only && strcmp(s->only, block_name(dev))) {
        return;
    }
    if (!block_present(dev)) {
        mon_print(s->m, "%s: [not inserted]\n", block_name(dev));
    } else {
        mon_print(s->m, "%s: %s (%s%s)\n    Size:             %" PRIu64 " bytes\n", block_name(dev),
                  block_file(dev), block_format(dev), block_readonly(dev) ? ", read-only" : "",
                  block_length(dev));
    }
    if (block_has_tray(dev)) {
        mon_print(s->m, "    Removable device: %slocked, tray %s\n",
                  block_locked(dev) ? "" : "not ", block_tray_open(dev) ? "open" : "closed");
    }
    if (!block_attached(dev)) {
        mon_puts(s->m, "    No device uses it\n");
    }
}

void hmp_info_block(struct monitor *m, json_t *args)
{
    struct show_drive s = {m, arg_str(args, "device")};

    block_device_for_each(print_drive, &s);
}

/* --- query-blockstats --------------------------------------------------------------------------- */

/* As QEMU calls them, in the order of enum block_stat_kind. */
static const char *const stat_names[BLOCK_STAT_COUNT] = {"rd", "wr", "flush", "unmap"};

static void set_stat(json_t *stats, const char *before, const char *kind, const char *after,
                     uint64_t value)
{
    char *name = g_strconcat(before, kind, after, NULL);

    json_object_set_new(stats, name, json_integer((json_int_t)value));
    g_free(name);
}

static void describe_stats(struct block_device *dev, void *opaque)
{
    const struct block_stats *st = block_get_stats(dev);
    json_t *stats = json_pack("{s:I, s:b, s:b, s:[]}", "wr_highest_offset",
                              (json_int_t)st->write_end, "account_invalid", 1, "account_failed", 1,
                              "timed_stats");

    for (unsigned k = 0; k < BLOCK_STAT_COUNT; k++) {
        const struct block_stat *s = &st->of[k];
        set_stat(stats, "", stat_names[k], "_operations", s->ops);
        set_stat(stats, "", stat_names[k], "_total_time_ns", s->ns);
        set_stat(stats, "failed_", stat_names[k], "_operations", s->failed);
        set_stat(stats, "invalid_", stat_names[k], "_operations", s->invalid);
        if (k != BLOCK_STAT_FLUSH) {
            set_stat(stats, "", stat_names[k], "_bytes", s->bytes);
            set_stat(stats, "", stat_names[k], "_merged", 0); /* none are */
        }
    }
    json_t *row = json_pack("{s:s, s:o}", "device", block_id(dev), "stats", stats);
    char *owner = block_owner_name(dev);
    if (owner) {
        json_object_set_new(row, "qdev", json_string(owner));
    }
    if (block_node_of(dev)) {
        json_object_set_new(row, "node-name", json_string(block_node_name(block_node_of(dev))));
    }
    g_free(owner);
    json_array_append_new(opaque, row);
}

json_t *qmp_query_blockstats(struct monitor *m, json_t *args, struct error **err)
{
    json_t *list = json_array();

    block_device_for_each(describe_stats, list);
    return list;
}

static void print_stats(struct block_device *dev, void *opaque)
{
    const struct block_stats *st = block_get_stats(dev);

    mon_print(opaque, "%s:", block_name(dev));
    for (unsigned k = 0; k < BLOCK_STAT_COUNT; k++) {
        const struct block_stat *s = &st->of[k];
        if (k != BLOCK_STAT_FLUSH) {
            mon_print(opaque, " %s_bytes=%" PRIu64, stat_names[k], s->bytes);
        }
        mon_print(opaque, " %s_operations=%" PRIu64 " %s_total_time_ns=%" PRIu64, stat_names[k],
                  s->ops, stat_names[k], s->ns);
        if (s->failed + s->invalid) {
            mon_print(opaque, " failed_%s_operations=%" PRIu64 " invalid_%s_operations=%" PRIu64,
                      stat_names[k], s->failed, stat_names[k], s->invalid);
        }
    }
    mon_puts(opaque, "\n");
}

void hmp_info_blockstats(struct monitor *m, json_t *args)
{
    block_device_for_each(print_stats, m);
}
