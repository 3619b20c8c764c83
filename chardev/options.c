/* SPDX-License-Identifier: MIT */
/* Character devices from text: -chardev's "backend,name=value" and the short forms of -serial. */
#include "chardev/chardev.h"

#include <errno.h>
#include <stdio.h>

#include "util/error.h"
#include "util/optlist.h"

static const struct opt_desc chardev_descs[] = {
    {"backend", OPT_STR, OPT_FIELD(struct chardev_opts, backend)},
    {"id", OPT_STR, OPT_FIELD(struct chardev_opts, id)},
    {"path", OPT_STR, OPT_FIELD(struct chardev_opts, path)},
    {"input-path", OPT_STR, OPT_FIELD(struct chardev_opts, input_path)},
    {"logfile", OPT_STR, OPT_FIELD(struct chardev_opts, logfile)},
    {"logappend", OPT_BOOL, OPT_FIELD(struct chardev_opts, log_append)},
    {"chardev", OPT_STR, OPT_FIELD(struct chardev_opts, base_id)},
    {"mux", OPT_BOOL, OPT_FIELD(struct chardev_opts, mux)},
    {"append", OPT_BOOL, OPT_FIELD(struct chardev_opts, append)},
    {"signal", OPT_BOOL, OPT_FIELD(struct chardev_opts, signal)},
    {"size", OPT_SIZE, OPT_FIELD(struct chardev_opts, size)},
    {"width", OPT_U32, OPT_FIELD(struct chardev_opts, width), 1, 16384},
    {"height", OPT_U32, OPT_FIELD(struct chardev_opts, height), 1, 16384},
    {"cols", OPT_U32, OPT_FIELD(struct chardev_opts, cols), 1, 1024},
    {"rows", OPT_U32, OPT_FIELD(struct chardev_opts, rows), 1, 1024},
    {"host", OPT_STR, OPT_FIELD(struct chardev_opts, host)},
    {"port", OPT_STR, OPT_FIELD(struct chardev_opts, port)},
    {"to", OPT_U32, OPT_FIELD(struct chardev_opts, to), 1, 65535},
    {"fd", OPT_STR, OPT_FIELD(struct chardev_opts, fd)},
    {"ipv4", OPT_BOOL, OPT_FIELD(struct chardev_opts, ipv4)},
    {"ipv6", OPT_BOOL, OPT_FIELD(struct chardev_opts, ipv6)},
    {"abstract", OPT_BOOL, OPT_FIELD(struct chardev_opts, abstract)},
    {"tight", OPT_BOOL, OPT_FIELD(struct chardev_opts, tight)},
    {"server", OPT_BOOL, OPT_FIELD(struct chardev_opts, server)},
    {"wait", OPT_BOOL, OPT_FIELD(struct chardev_opts, wait)},
    {"nodelay", OPT_BOOL, OPT_FIELD(struct chardev_opts, nodelay)},
    {"telnet", OPT_BOOL, OPT_FIELD(struct chardev_opts, telnet)},
    {"websocket", OPT_BOOL, OPT_FIELD(struct chardev_opts, websocket)},
    {"tls-creds", OPT_STR, OPT_FIELD(struct chardev_opts, tls_creds)},
    {"localaddr", OPT_STR, OPT_FIELD(struct chardev_opts, localaddr)},
    {"localport", OPT_STR, OPT_FIELD(struct chardev_opts, localport)},
    {"reconnect", OPT_U32, OPT_FIELD(struct chardev_opts, reconnect), 0, 86400},
    {"reconnect-ms", OPT_U32, OPT_FIELD(struct chardev_opts, reconnect_ms), 0, 86400000},
    {.type = OPT_END},
};

/* A mux takes the id; what it shares becomes anonymous. */
static struct chardev *create_with_mux(const char *backend, struct chardev_opts *opts,
                                       struct error **err)
{
    struct chardev_opts mux = {.id = opts->id, .mux = true, .monitor = opts->monitor};

    opts->id = NULL;
    mux.base = chardev_create(backend, opts, err);
    struct chardev *chr = mux.base ? chardev_create("mux", &mux, err) : NULL;
    if (mux.base && !chr) {
        chardev_free(mux.base);
    }
    return chr;
}

static struct chardev *create(const char *backend, struct chardev_opts *opts, struct error **err)
{
    return opts->mux ? create_with_mux(backend, opts, err) : chardev_create(backend, opts, err);
}

/* What options are before the text is looked at. */
static struct chardev_opts defaults(void)
{
    return (struct chardev_opts){.size = KIB(64), .wait = true, .tight = true};
}

/* Options not in the text are as in `opts`. */
static struct chardev *new_long(const char *text, struct chardev_opts opts, bool needs_id,
                                struct error **err)
{
    struct chardev *chr = NULL;
    struct opt_list list;

    opt_list_parse(&list, text, "backend");
    if (opt_apply(&list, chardev_descs, &opts, "-chardev", err) == 0) {
        if ((!opts.id && needs_id) || !opts.backend) {
            error_set(err, "-chardev needs a backend and an id: -chardev BACKEND,id=NAME");
        } else {
            chr = create(opts.backend, &opts, err);
        }
    }
    opt_list_free(&list);
    return chr;
}

struct chardev *chardev_new(const char *text, struct error **err)
{
    return new_long(text, defaults(), true, err);
}

static struct chardev_opts hot_defaults(void)
{
    struct chardev_opts opts = defaults();

    opts.hot = true;
    return opts;
}

struct chardev *chardev_new_hot(const char *text, struct error **err)
{
    return new_long(text, hot_defaults(), true, err);
}

struct chardev *chardev_new_nameless(const char *text, struct error **err)
{
    return new_long(text, hot_defaults(), false, err);
}

/* --- short forms ------------------------------------------------------------------------------ */

/* A chardev given by id is shared when it is a mux; chardev_attach() refuses the rest. */
static struct chardev *by_id(const char *id, struct error **err)
{
    struct chardev *chr = chardev_find(id);

    if (!chr) {
        error_set(err, "there is no chardev '%s'", id);
    }
    return chr;
}

/* "HOST:PORT", "[V6]:PORT", ":PORT" in `text`, which is split up. */
static int split_host(char *text, struct chardev_opts *opts, struct error **err)
{
    char *colon = strrchr(text, ':'), *bracket = strchr(text, ']');

    if (!colon || (*text == '[' && (!bracket || bracket + 1 != colon))) {
        error_set(err, "'%s' is not of the form HOST:PORT", text);
        return -EINVAL;
    }
    *colon = 0;
    opts->port = colon + 1;
    opts->host = text;
    if (*text == '[') {
        *bracket = 0;
        opts->host = text + 1;
    }
    return 0;
}

static int with_host(char *text, struct chardev_opts *opts, struct error **err)
{
    opts->nodelay = true;
    return split_host(text, opts, err);
}

static int with_telnet(char *text, struct chardev_opts *opts, struct error **err)
{
    opts->telnet = opts->server = true;
    return split_host(text, opts, err);
}

static int with_websocket(char *text, struct chardev_opts *opts, struct error **err)
{
    opts->websocket = opts->server = true;
    return split_host(text, opts, err);
}

/* "HOST:PORT@LOCALHOST:LOCALPORT", the second half optional. */
static int with_datagrams(char *text, struct chardev_opts *opts, struct error **err)
{
    struct chardev_opts local = {.host = NULL};
    char *at = strchr(text, '@');

    if (at) {
        *at = 0;
        if (split_host(at + 1, &local, err) < 0) {
            return -EINVAL;
        }
        opts->localaddr = *local.host ? local.host : NULL;
        opts->localport = local.port;
    }
    return split_host(text, opts, err);
}

static int with_path(char *text, struct chardev_opts *opts, struct error **err)
{
    opts->path = text;
    return 0;
}

/* "WIDTHxHEIGHT" in pixels or "COLSCxROWSC" in characters. */
static int with_size(char *text, struct chardev_opts *opts, struct error **err)
{
    unsigned w, h;
    int end = 0;

    if (sscanf(text, "%4uCx%4uC%n", &w, &h, &end) == 2 && end && !text[end]) {
        opts->cols = w;
        opts->rows = h;
    } else if (sscanf(text, "%5ux%5u%n", &w, &h, &end) == 2 && end && !text[end]) {
        opts->width = w;
        opts->height = h;
    } else {
        error_set(err, "vc:%s: a size is 80Cx24C or 640x480", text);
        return -EINVAL;
    }
    return 0;
}

/* Short forms with more than a path: "NAME:WHERE,option=value...". */
static const struct {
    const char *prefix, *backend;
    int (*where)(char *text, struct chardev_opts *opts, struct error **err);
} forms[] = {
    {"tcp:", "socket", with_host},
    {"telnet:", "socket", with_telnet},
    {"websocket:", "socket", with_websocket},
    {"udp:", "udp", with_datagrams},
    {"unix:", "socket", with_path},
    {"vc:", "vc", with_size},
};

static struct chardev *new_by_form(unsigned form, const char *text, struct chardev_opts *opts,
                                   struct error **err)
{
    struct chardev *chr = NULL;
    struct opt_list list;

    opt_list_parse(&list, text + strlen(forms[form].prefix), "where");
    char *where = list.count && !strcmp(list.pairs[0].name, "where") ? list.pairs[0].value : NULL;
    struct opt_list rest = {list.pairs + 1, list.count - (list.count > 0)};
    if (!where) {
        error_set(err, "'%s' says no address", text);
    } else if (forms[form].where(where, opts, err) == 0 &&
               opt_apply(&rest, chardev_descs, opts, text, err) == 0) {
        chr = create(forms[form].backend, opts, err);
    }
    opt_list_free(&list);
    return chr;
}

/* "BACKEND" or "BACKEND:PATH". */
static struct chardev *new_plain(const char *text, struct chardev_opts *opts, struct error **err)
{
    char *backend = g_strdup(text), *path = strchr(backend, ':');

    if (path) {
        *path++ = 0;
        opts->path = path;
    }
    struct chardev *chr = create(backend, opts, err);
    g_free(backend);
    return chr;
}

static struct chardev *new_short(const char *text, struct chardev_opts *opts, struct error **err)
{
    if (!strcmp(text, "none")) {
        return NULL;
    }
    if (g_str_has_prefix(text, "chardev:")) {
        return by_id(text + strlen("chardev:"), err);
    }
    if (g_str_has_prefix(text, "mon:")) {
        opts->mux = opts->monitor = true;
        text += strlen("mon:");
    }
    for (unsigned i = 0; i < ARRAY_SIZE(forms); i++) {
        if (g_str_has_prefix(text, forms[i].prefix)) {
            return new_by_form(i, text, opts, err);
        }
    }
    return new_plain(text, opts, err);
}

struct chardev *chardev_new_short(const char *text, const char *id, struct error **err)
{
    struct chardev_opts opts = defaults();

    opts.id = id;
    return new_short(text, &opts, err);
}

struct chardev *chardev_new_service(const char *text, const char *id, struct error **err)
{
    struct chardev_opts opts = defaults();

    opts.id = id;
    opts.server = true;
    opts.wait = false;
    return new_short(text, &opts, err);
}
