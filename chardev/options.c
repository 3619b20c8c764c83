/* SPDX-License-Identifier: MIT */
/* Character devices from text: -chardev's "backend,name=value" and the short forms of -serial. */
#include "chardev/chardev.h"
#include "util/error.h"
#include "util/optlist.h"

static const struct opt_desc chardev_descs[] = {
    {"backend", OPT_STR, OPT_FIELD(struct chardev_opts, backend)},
    {"id", OPT_STR, OPT_FIELD(struct chardev_opts, id)},
    {"path", OPT_STR, OPT_FIELD(struct chardev_opts, path)},
    {"mux", OPT_BOOL, OPT_FIELD(struct chardev_opts, mux)},
    {"append", OPT_BOOL, OPT_FIELD(struct chardev_opts, append)},
    {"signal", OPT_BOOL, OPT_FIELD(struct chardev_opts, signal)},
    {"size", OPT_SIZE, OPT_FIELD(struct chardev_opts, size)},
    {.type = OPT_END},
};

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
    struct chardev_opts opts = {.size = KIB(64)};
    struct chardev *chr = NULL;
    struct opt_list list;

    opt_list_parse(&list, text, "backend");
    if (opt_apply(&list, chardev_descs, &opts, "-chardev", err) == 0) {
        if (!opts.id || !opts.backend) {
            error_set(err, "-chardev needs a backend and an id: -chardev BACKEND,id=NAME");
        } else {
            chr = create(opts.backend, &opts, err);
        }
    }
    opt_list_free(&list);
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
    struct chardev_opts opts = {.id = id, .size = KIB(64)};

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
