/* SPDX-License-Identifier: MIT */
/* Character devices from text: -chardev's "backend,name=value" and the short forms of -serial. */
#include "chardev/chardev.h"

#include <errno.h>

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
    return mux.base ? chardev_create("mux", &mux, err) : NULL;
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

static struct chardev *new_long(const char *text, bool hot, struct error **err)
{
    struct chardev_opts opts = defaults();
    struct chardev *chr = NULL;
    struct opt_list list;

    opts.hot = hot;
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

struct chardev *chardev_new(const char *text, struct error **err)
{
    return new_long(text, false, err);
}

struct chardev *chardev_new_hot(const char *text, struct error **err)
{
    return new_long(text, true, err);
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

/* Short forms of sockets: "NAME:WHERE,option=value...". */
static const struct {
    const char *prefix, *backend;
    int (*where)(char *text, struct chardev_opts *opts, struct error **err);
} sockets[] = {
    {"tcp:", "socket", with_host},
    {"telnet:", "socket", with_telnet},
    {"websocket:", "socket", with_websocket},
    {"udp:", "udp", with_datagrams},
    {"unix:", "socket", with_path},
};

static struct chardev *new_socket(unsigned form, const char *text, struct chardev_opts *opts,
                                  struct error **err)
{
    struct chardev *chr = NULL;
    struct opt_list list;

    opt_list_parse(&list, text + strlen(sockets[form].prefix), "where");
    char *where = list.count && !strcmp(list.pairs[0].name, "where") ? list.pairs[0].value : NULL;
    struct opt_list rest = {list.pairs + 1, list.count - (list.count > 0)};
    if (!where) {
        error_set(err, "'%s' says no address", text);
    } else if (sockets[form].where(where, opts, err) == 0 &&
               opt_apply(&rest, chardev_descs, opts, text, err) == 0) {
        chr = create(sockets[form].backend, opts, err);
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
    for (unsigned i = 0; i < ARRAY_SIZE(sockets); i++) {
        if (g_str_has_prefix(text, sockets[i].prefix)) {
            return new_socket(i, text, opts, err);
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
