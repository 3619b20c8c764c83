/* SPDX-License-Identifier: MIT */
/* Character devices from text: -chardev's "backend,name=value" and the short forms of -serial. */
#include <errno.h>
#include <stdlib.h>

#include "chardev/chardev.h"
#include "util/error.h"

static int parse_bool(const char *name, const char *value, bool *out, struct error **err)
{
    if (!value || !strcmp(value, "on") || !strcmp(value, "yes") || !strcmp(value, "true")) {
        *out = true;
    } else if (!strcmp(value, "off") || !strcmp(value, "no") || !strcmp(value, "false")) {
        *out = false;
    } else {
        error_set(err, "chardev option '%s' takes on or off, not '%s'", name, value);
        return -EINVAL;
    }
    return 0;
}

static int parse_size(const char *name, const char *value, uint32_t *out, struct error **err)
{
    char *end;
    unsigned long v = value ? strtoul(value, &end, 0) : 0;

    if (!value || end == value || *end || !is_pow2(v) || v > MIB(64)) {
        error_set(err, "chardev option '%s' takes a power of two up to 64 MiB", name);
        return -EINVAL;
    }
    *out = (uint32_t)v;
    return 0;
}

static int set_option(struct chardev_opts *o, const char *name, const char *value,
                      struct error **err)
{
    static const char *const names[] = {"id", "path", "mux", "append", "signal", "size", NULL};

    if (!strcmp(name, "id")) {
        o->id = value;
    } else if (!strcmp(name, "path")) {
        o->path = value;
    } else if (!strcmp(name, "mux")) {
        return parse_bool(name, value, &o->mux, err);
    } else if (!strcmp(name, "append")) {
        return parse_bool(name, value, &o->append, err);
    } else if (!strcmp(name, "signal")) {
        return parse_bool(name, value, &o->signal, err);
    } else if (!strcmp(name, "size")) {
        return parse_size(name, value, &o->size, err);
    } else {
        const char *like = util_suggest(name, names);
        error_set(err, "unknown chardev option '%s'%s%s%s", name, like ? " (did you mean '" : "",
                  like ? like : "", like ? "'?)" : "");
        return -EINVAL;
    }
    return 0;
}

/* A mux takes the id; what it shares becomes anonymous. */
static struct chardev *create_with_mux(const char *backend, struct chardev_opts *opts,
                                       struct error **err)
{
    struct chardev_opts mux = {.id = opts->id, .mux = true, .monitor = opts->monitor};

    opts->id = NULL;
    mux.base = chardev_create(backend, opts, err);
    return mux.base ? chardev_create("mux", &mux, err) : NULL;
}

static struct chardev *create(const char *backend, struct chardev_opts *opts, struct error **err)
{
    return opts->mux ? create_with_mux(backend, opts, err) : chardev_create(backend, opts, err);
}

struct chardev *chardev_new(const char *text, struct error **err)
{
    struct chardev *chr = NULL;
    struct chardev_opts opts = {.size = 65536};
    char **parts = g_strsplit(text, ",", -1);
    bool ok = true;

    for (unsigned i = 1; parts[0] && parts[i] && ok; i++) {
        char *value = strchr(parts[i], '=');
        if (value) {
            *value++ = 0;
        }
        ok = set_option(&opts, parts[i], value, err) == 0;
    }
    if (ok && !opts.id) {
        error_set(err, "a chardev needs an id: -chardev %s,id=NAME", text);
        ok = false;
    }
    if (ok) {
        chr = create(parts[0] ? parts[0] : "", &opts, err);
    }
    g_strfreev(parts);
    return chr;
}

/* A chardev given by id is shared when it is a mux; chardev_attach() refuses the rest. */
static struct chardev *by_id(const char *id, struct error **err)
{
    struct chardev *chr = chardev_find(id);

    if (!chr) {
        error_set(err, "there is no chardev '%s'", id);
    }
    return chr;
}

struct chardev *chardev_new_short(const char *text, const char *id, struct error **err)
{
    struct chardev_opts opts = {.id = id, .size = 65536, .signal = false};

    if (!strcmp(text, "none")) {
        return NULL;
    }
    if (g_str_has_prefix(text, "chardev:")) {
        return by_id(text + strlen("chardev:"), err);
    }
    if (g_str_has_prefix(text, "mon:")) {
        opts.mux = opts.monitor = true;
        text += strlen("mon:");
    }
    char *backend = g_strdup(text);
    char *path = strchr(backend, ':');
    if (path) {
        *path++ = 0;
        opts.path = path;
    }
    struct chardev *chr = create(backend, &opts, err);
    g_free(backend);
    return chr;
}
