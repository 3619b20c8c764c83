/* SPDX-License-Identifier: MIT */
/* Commands about drives. */
#include <inttypes.h>

#include "block/block.h"
#include "hw/core/device.h"
#include "monitor/internal.h"

/* By `device` or `id`; NULL with err. */
static struct block_device *drive_of(struct monitor *m, json_t *args, struct error **err)
{
    const char *device = arg_str(args, "device"), *id = arg_str(args, "id");

    if (!device == !id) {
        error_set(err, "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    const char *name = device ? device : id;
    struct block_device *dev = block_device_find(name);
    if (!dev) {
        m->error_class = QERR_DEVICE_NOT_FOUND;
        error_set(err, "Device '%s' not found", name);
    }
    return dev;
}

static bool removable(const struct block_device *dev)
{
    return block_is_cdrom(dev) || block_options(dev)->interface == DRIVE_IF_FLOPPY;
}

static struct block_device *removable_drive(struct monitor *m, json_t *args, struct error **err)
{
    struct block_device *dev = drive_of(m, args, err);

    if (dev && !removable(dev)) {
        error_set(err, "Device '%s' is not removable", block_id(dev));
        return NULL;
    }
    return dev;
}

/* --- media -------------------------------------------------------------------------------------- */

static json_t *eject(struct block_device *dev, bool force, struct error **err)
{
    return dev && block_eject(dev, force, err) == 0 ? qmp_empty() : NULL;
}

json_t *qmp_eject(struct monitor *m, json_t *args, struct error **err)
{
    return eject(removable_drive(m, args, err), arg_bool(args, "force", false), err);
}

json_t *qmp_blockdev_remove_medium(struct monitor *m, json_t *args, struct error **err)
{
    return eject(removable_drive(m, args, err), true, err);
}

json_t *qmp_blockdev_change_medium(struct monitor *m, json_t *args, struct error **err)
{
    struct block_device *dev = removable_drive(m, args, err);
    const char *mode = arg_str(args, "read-only-mode");

    if (!dev) {
        return NULL;
    }
    bool readonly =
        mode && strcmp(mode, "retain") ? !strcmp(mode, "read-only") : block_readonly(dev);
    bool force = arg_bool(args, "force", false);
    if (!force && block_present(dev) && block_locked(dev)) {
        return eject(dev, false, err); /* tells the guest, and says so */
    }
    int ret = block_insert(dev, arg_str(args, "filename"), arg_str(args, "format"), readonly, err);
    return ret < 0 ? NULL : qmp_empty();
}

/* --- query-block -------------------------------------------------------------------------------- */

static json_t *describe_inserted(struct block_device *dev)
{
    const struct drive_options *o = block_options(dev);
    json_t *image = json_pack("{s:s, s:s, s:I}", "filename", block_file(dev), "format",
                              block_format(dev), "virtual-size", (json_int_t)block_length(dev));

    return json_pack("{s:s, s:b, s:s, s:i, s:b, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:o, "
                     "s:{s:b, s:b, s:b}, s:i}",
                     "file", block_file(dev), "ro", block_readonly(dev), "drv", block_format(dev),
                     "backing_file_depth", 0, "encrypted", 0, "detect_zeroes", "off", "bps", 0,
                     "bps_rd", 0, "bps_wr", 0, "iops", 0, "iops_rd", 0, "iops_wr", 0, "image",
                     image, "cache", "writeback", !o->write_through, "direct", 0, "no-flush",
                     o->no_flush, "write_threshold", 0);
}

static void describe_drive(struct block_device *dev, void *opaque)
{
    json_t *row = json_pack("{s:s, s:s, s:b, s:b}", "device", block_id(dev), "type", "unknown",
                            "removable", removable(dev), "locked", block_locked(dev));

    if (block_present(dev)) {
        json_object_set_new(row, "inserted", describe_inserted(dev));
        json_object_set_new(row, "io-status", json_string("ok"));
    }
    if (removable(dev)) {
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

struct show_drive {
    struct monitor *m;
    const char *only;
};

static void print_drive(struct block_device *dev, void *opaque)
{
    struct show_drive *s = opaque;

    if (s->only && strcmp(s->only, block_id(dev))) {
        return;
    }
    if (!block_present(dev)) {
        mon_print(s->m, "%s: [not inserted]\n", block_id(dev));
    } else {
        mon_print(s->m, "%s: %s (%s%s)\n    Size:             %" PRIu64 " bytes\n", block_id(dev),
                  block_file(dev), block_format(dev), block_readonly(dev) ? ", read-only" : "",
                  block_length(dev));
    }
    if (removable(dev)) {
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
    json_array_append_new(opaque, json_pack("{s:s, s:o}", "device", block_id(dev), "stats", stats));
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

    mon_print(opaque, "%s:", block_id(dev));
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
