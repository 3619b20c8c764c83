/* SPDX-License-Identifier: MIT */
/*
 * -vnc: spellings and meanings are QEMU's, but that ":N" listens on loopback only: what is to be
 * reached from elsewhere names an address.
 */
#include "ui/vnc/options.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>

#include "util/error.h"

#define PORT_BASE    5900u /* of display 0 */
#define WS_PORT_BASE 5700u
#define CONNECTIONS  128u
#define KEY_DELAY_MS 10u

static const char *const shares[] = {"allow-exclusive", "force-shared", "ignore", NULL};

static const struct opt_desc descs[] = {
    {"vnc", OPT_STR, OPT_FIELD(struct vnc_options, address)},
    {"id", OPT_STR, OPT_FIELD(struct vnc_options, id)},
    {"password", OPT_BOOL, OPT_FIELD(struct vnc_options, password)},
    {"password-secret", OPT_STR, OPT_FIELD(struct vnc_options, password_secret)},
    {"tls-creds", OPT_STR, OPT_FIELD(struct vnc_options, tls_creds)},
    {"share", OPT_ENUM, OPT_FIELD(struct vnc_options, share), .names = shares},
    {"websocket", OPT_STR, OPT_FIELD(struct vnc_options, websocket)},
    {"to", OPT_U32, OPT_FIELD(struct vnc_options, to), 0, 65535},
    {"reverse", OPT_BOOL, OPT_FIELD(struct vnc_options, reverse)},
    {"ipv4", OPT_BOOL, OPT_FIELD(struct vnc_options, ipv4)},
    {"ipv6", OPT_BOOL, OPT_FIELD(struct vnc_options, ipv6)},
    {"lossy", OPT_BOOL, OPT_FIELD(struct vnc_options, lossy)},
    {"non-adaptive", OPT_BOOL, OPT_FIELD(struct vnc_options, non_adaptive)},
    {"connections", OPT_U32, OPT_FIELD(struct vnc_options, connections), 1, 1024},
    {"display", OPT_STR, OPT_FIELD(struct vnc_options, display)},
    {"head", OPT_U32, OPT_FIELD(struct vnc_options, head), 0, 255},
    {"key-delay-ms", OPT_U32, OPT_FIELD(struct vnc_options, key_delay_ms), 0, 1000},
    {"power-control", OPT_BOOL, OPT_FIELD(struct vnc_options, power_control)},
    {"audiodev", OPT_STR, OPT_FIELD(struct vnc_options, audiodev)},
    {.type = OPT_END},
};

/* "HOST:NUMBER" or "[V6]:NUMBER"; *host is to be freed. */
static bool split(const char *text, char **host, unsigned *number)
{
    const char *colon = strrchr(text, ':');
    char *end;

    if (!colon || !colon[1]) {
        return false;
    }
    unsigned long n = strtoul(colon + 1, &end, 10);
    if (*end || !g_ascii_isdigit(colon[1]) || n > 65535) {
        return false;
    }
    bool bracketed = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    *host = bracketed ? g_strndup(text + 1, (gsize)(colon - text - 2))
                      : g_strndup(text, (gsize)(colon - text));
    *number = (unsigned)n;
    return true;
}

static int parse_address(struct vnc_options *o, struct error **err)
{
    if (g_str_has_prefix(o->address, "unix:")) {
        o->path = g_strdup(o->address + 5);
        return 0;
    }
    if (!split(o->address, &o->host, &o->port)) {
        error_set(err, "'%s' is no address: [HOST]:DISPLAY, unix:PATH or none", o->address);
        return -EINVAL;
    }
    if (!o->reverse && o->port + o->to + PORT_BASE > 65535) {
        error_set(err, "there is no display %u: its port would be above 65535", o->port + o->to);
        return -EINVAL;
    }
    o->port += o->reverse ? 0 : PORT_BASE;
    return 0;
}

/* "on": a port made from the display's; a port; HOST:PORT. */
static int parse_websocket(struct vnc_options *o, struct error **err)
{
    const char *text = o->websocket;
    char *end;

    if (!text || !strcmp(text, "off") || !strcmp(text, "no")) {
        return 0;
    }
    if (!strcmp(text, "on") || !strcmp(text, "yes")) {
        o->ws_port = o->path || o->reverse ? 0 : o->port - PORT_BASE + WS_PORT_BASE;
    } else if (!split(text, &o->ws_host, &o->ws_port)) {
        unsigned long n = strtoul(text, &end, 10);
        o->ws_port = *end || n > 65535 ? 0 : (unsigned)n;
    }
    if (!o->ws_port) {
        error_set(err, "websocket=%s is no port", text);
        return -EINVAL;
    }
    return 0;
}

/* A name without a value means "on", also where others are possible. */
static void default_values(struct opt_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (!strcmp(list->pairs[i].name, "websocket") && !list->pairs[i].value) {
            list->pairs[i].value = g_strdup("on");
        }
    }
}

int vnc_options_parse(struct vnc_options *o, const char *text, struct error **err)
{
    *o = (struct vnc_options){.connections = CONNECTIONS, .key_delay_ms = KEY_DELAY_MS};
    opt_list_parse(&o->list, text, "vnc");
    default_values(&o->list);
    int ret = opt_apply(&o->list, descs, o, "-vnc", err);
    if (ret == 0 && !o->address) {
        error_set(err, "needs an address: [HOST]:DISPLAY, unix:PATH or none");
        ret = -EINVAL;
    }
    if (ret == 0 && strcmp(o->address, "none")) {
        ret = parse_address(o, err);
        ret = ret < 0 ? ret : parse_websocket(o, err);
    }
    if (ret < 0) {
        vnc_options_free(o);
    }
    return ret;
}

void vnc_options_free(struct vnc_options *o)
{
    opt_list_free(&o->list);
    g_free(o->path);
    g_free(o->host);
    g_free(o->ws_host);
    *o = (struct vnc_options){.port = 0};
}
