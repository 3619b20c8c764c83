/* SPDX-License-Identifier: MIT */
/*
 * -drive and its short forms: "file=x,if=ide,index=0,..." to a block device in its place.
 * A comma in a file name is doubled.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "block/block.h"
#include "util/error.h"

static const struct {
    const char *name;
    int units; /* per bus; 0: no buses, index is the unit */
    int max;   /* indexes */
} interfaces[DRIVE_IF_COUNT] = {
    [DRIVE_IF_NONE] = {"none", 0, 0},      [DRIVE_IF_IDE] = {"ide", 2, 4},
    [DRIVE_IF_FLOPPY] = {"floppy", 0, 2},  [DRIVE_IF_VIRTIO] = {"virtio", 0, 64},
    [DRIVE_IF_SCSI] = {"scsi", 7, 7 * 32},
};

static int set_interface(struct drive_options *o, const char *value, struct error **err)
{
    const char *names[DRIVE_IF_COUNT + 1] = {NULL};

    for (int i = 0; i < DRIVE_IF_COUNT; i++) {
        if (!strcmp(interfaces[i].name, value)) {
            o->interface = (enum drive_interface)i;
            return 0;
        }
        names[i] = interfaces[i].name;
    }
    const char *like = util_suggest(value, names);
    error_set(err, "unknown drive interface if=%s%s%s%s", value, like ? " (did you mean '" : "",
              like ? like : "", like ? "'?)" : "");
    return -EINVAL;
}

static int set_bool(bool *out, const char *name, const char *value, struct error **err)
{
    if (!strcmp(value, "on") || !strcmp(value, "yes")) {
        *out = true;
    } else if (!strcmp(value, "off") || !strcmp(value, "no")) {
        *out = false;
    } else {
        error_set(err, "drive option %s takes on or off, not '%s'", name, value);
        return -EINVAL;
    }
    return 0;
}

static int set_number(int *out, const char *name, const char *value, struct error **err)
{
    char *end;
    long v = strtol(value, &end, 0);

    if (end == value || *end || v < 0 || v > 1023) {
        error_set(err, "drive option %s takes a number from 0, not '%s'", name, value);
        return -EINVAL;
    }
    *out = (int)v;
    return 0;
}

static int set_media(struct drive_options *o, const char *value, struct error **err)
{
    if (strcmp(value, "disk") && strcmp(value, "cdrom")) {
        error_set(err, "drive option media takes disk or cdrom, not '%s'", value);
        return -EINVAL;
    }
    o->cdrom = !strcmp(value, "cdrom");
    return 0;
}

/* The host's page cache is always used: none and directsync differ in flushing only. */
static int set_cache(struct drive_options *o, const char *value, struct error **err)
{
    static const struct {
        const char *name;
        bool write_through, no_flush;
    } modes[] = {
        {"writeback", false, false}, {"writethrough", true, false}, {"none", false, false},
        {"directsync", true, false}, {"unsafe", false, true},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
        if (!strcmp(modes[i].name, value)) {
            o->write_through = modes[i].write_through;
            o->no_flush = modes[i].no_flush;
            return 0;
        }
    }
    error_set(err, "unknown cache mode '%s' (writeback, writethrough, none, directsync, unsafe)",
              value);
    return -EINVAL;
}

static int set_option(struct drive_options *o, const char *name, const char *value,
                      struct error **err)
{
    static const char *const names[] = {"file",      "format",   "id",    "serial", "if",
                                        "bus",       "unit",     "index", "media",  "readonly",
                                        "read-only", "snapshot", "cache", NULL};
    const struct {
        const char *name;
        const char **field;
    } strings[] = {
        {"file", &o->file}, {"format", &o->format}, {"id", &o->id}, {"serial", &o->serial}};
    const struct {
        const char *name;
        int *field;
    } numbers[] = {{"bus", &o->bus}, {"unit", &o->unit}, {"index", &o->index}};

    for (unsigned i = 0; i < ARRAY_SIZE(strings); i++) {
        if (!strcmp(name, strings[i].name)) {
            *strings[i].field = value;
            return 0;
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(numbers); i++) {
        if (!strcmp(name, numbers[i].name)) {
            return set_number(numbers[i].field, name, value, err);
        }
    }
    if (!strcmp(name, "if")) {
        return set_interface(o, value, err);
    }
    if (!strcmp(name, "media")) {
        return set_media(o, value, err);
    }
    if (!strcmp(name, "cache")) {
        return set_cache(o, value, err);
    }
    if (!strcmp(name, "readonly") || !strcmp(name, "read-only")) {
        return set_bool(&o->readonly, name, value, err);
    }
    if (!strcmp(name, "snapshot")) {
        return set_bool(&o->snapshot, name, value, err);
    }
    const char *like = util_suggest(name, names);
    error_set(err, "unknown drive option '%s'%s%s%s", name, like ? " (did you mean '" : "",
              like ? like : "", like ? "'?)" : "");
    return -EINVAL;
}

/* First free place of the interface from `from` on; -1 if all are taken. */
static int free_index(const struct drive_options *o, int from)
{
    int units = interfaces[o->interface].units;

    for (int i = from; i < interfaces[o->interface].max; i++) {
        int bus = units ? i / units : 0, unit = units ? i % units : i;
        if (!block_find_drive(o->interface, bus, unit)) {
            return i;
        }
    }
    return -1;
}

/* index, or bus and unit, or the next free place (a CD-ROM prefers the second IDE bus). */
static int place(struct drive_options *o, struct error **err)
{
    const char *name = interfaces[o->interface].name;
    int units = interfaces[o->interface].units;

    if (o->interface == DRIVE_IF_NONE) {
        return 0;
    }
    if (o->index >= 0 && (o->bus >= 0 || o->unit >= 0)) {
        error_set(err, "a drive takes either index or bus and unit");
        return -EINVAL;
    }
    if (o->bus >= 0 || o->unit >= 0) {
        o->index = MAX(o->bus, 0) * (units ? units : 1) + MAX(o->unit, 0);
    } else if (o->index < 0) {
        o->index = free_index(o, o->cdrom && o->interface == DRIVE_IF_IDE ? 2 : 0);
        if (o->index < 0) {
            o->index = free_index(o, 0);
        }
    }
    if (o->index < 0 || o->index >= interfaces[o->interface].max) {
        error_set(err, "there is no place for this drive: if=%s has %d", name,
                  interfaces[o->interface].max);
        return -EINVAL;
    }
    o->bus = units ? o->index / units : 0;
    o->unit = units ? o->index % units : o->index;
    if (block_find_drive(o->interface, o->bus, o->unit)) {
        error_set(err, "two drives have if=%s,index=%d", name, o->index);
        return -EEXIST;
    }
    return 0;
}

static int create(struct drive_options *o, struct error **err)
{
    static unsigned anonymous;
    char id[64];

    o->readonly |= o->cdrom;
    if (place(o, err) < 0) {
        return -EINVAL;
    }
    if (!o->id) {
        const char *kind = o->cdrom ? "cd" : o->interface == DRIVE_IF_FLOPPY ? "" : "hd";
        if (o->interface == DRIVE_IF_NONE) {
            snprintf(id, sizeof(id), "none%u", anonymous++);
        } else if (interfaces[o->interface].units) {
            snprintf(id, sizeof(id), "%s%d-%s%d", interfaces[o->interface].name, o->bus, kind,
                     o->unit);
        } else {
            snprintf(id, sizeof(id), "%s%d", interfaces[o->interface].name, o->index);
        }
        o->id = id;
    }
    return block_device_new(o, err) ? 0 : -EINVAL;
}

/* Cuts the next "name=value" off *text; ",," stands for a comma. */
static char *next_part(const char **text)
{
    GString *part = g_string_new(NULL);
    const char *p = *text;

    for (; *p && (*p != ',' || p[1] == ','); p++) {
        p += *p == ',';
        g_string_append_c(part, *p);
    }
    *text = *p ? p + 1 : p;
    return g_string_free(part, FALSE);
}

int block_parse_drive(const char *text, const struct drive_options *defaults, struct error **err)
{
    GPtrArray *parts = g_ptr_array_new_with_free_func(g_free);
    struct drive_options o = *defaults;
    int ret = 0;

    while (*text && ret == 0) {
        char *part = next_part(&text);
        char *value = strchr(part, '=');
        g_ptr_array_add(parts, part);
        if (value) {
            *value++ = 0;
            ret = set_option(&o, part, value, err);
        } else {
            error_set(err, "drive option '%s' needs a value", part);
            ret = -EINVAL;
        }
    }
    if (ret == 0) {
        ret = create(&o, err);
    }
    g_ptr_array_free(parts, TRUE);
    return ret;
}
