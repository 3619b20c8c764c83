/* SPDX-License-Identifier: MIT */
/* Commands about the VNC servers: who is there, and passwords. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "monitor/internal.h"
#include "ui/vnc.h"

/* --- what there is ------------------------------------------------------------------------------ */

static json_t *address_json(const struct vnc_address *a)
{
    return json_pack("{s:s, s:s, s:s, s:b}", "host", a->host, "service", a->service, "family",
                     a->family, "websocket", a->websocket);
}

static void set_text(json_t *object, const char *name, const char *text)
{
    if (text) {
        json_object_set_new(object, name, json_string(text));
    }
}

static json_t *last(json_t *list)
{
    return json_array_get(list, json_array_size(list) - 1);
}

static void add_server(void *opaque, const char *id, const char *auth, const char *vencrypt,
                       const char *display)
{
    json_t *s = json_pack("{s:s, s:[], s:[], s:s}", "id", id, "server", "clients", "auth", auth);

    set_text(s, "vencrypt", vencrypt);
    set_text(s, "display", display);
    json_array_append_new(opaque, s);
}

static void add_listener(void *opaque, const struct vnc_address *a, const char *auth,
                         const char *vencrypt)
{
    json_t *l = address_json(a);

    set_text(l, "auth", auth);
    set_text(l, "vencrypt", vencrypt);
    json_array_append_new(json_object_get(last(opaque), "server"), l);
}

static void add_client(void *opaque, const struct vnc_address *a, const char *x509_dname,
                       const char *sasl_username)
{
    json_t *c = address_json(a);

    set_text(c, "x509_dname", x509_dname);
    set_text(c, "sasl_username", sasl_username);
    json_array_append_new(json_object_get(last(opaque), "clients"), c);
}

json_t *qmp_query_vnc_servers(struct monitor *m, json_t *args, struct error **err)
{
    static const struct vnc_inspector fns = {add_server, add_listener, add_client};
    json_t *list = json_array();

    vnc_inspect(&fns, list);
    return list;
}

/* The first server, its first address. */
json_t *qmp_query_vnc(struct monitor *m, json_t *args, struct error **err)
{
    json_t *servers = qmp_query_vnc_servers(m, args, err), *first = json_array_get(servers, 0);
    json_t *out = json_pack("{s:b}", "enabled", first != NULL), *at, *auth;
    static const char *const names[] = {"host", "family", "service"};

    if (first) {
        json_object_set(out, "clients", json_object_get(first, "clients"));
        json_object_set(out, "auth", json_object_get(first, "auth"));
        at = json_array_get(json_object_get(first, "server"), 0);
        for (unsigned i = 0; at && i < ARRAY_SIZE(names); i++) {
            json_object_set(out, names[i], json_object_get(at, names[i]));
        }
        auth = json_object_get(first, "vencrypt");
        if (auth) {
            char *text = g_strdup_printf("vencrypt+%s", json_string_value(auth));
            for (char *p = text; *p; p++) {
                *p = *p == '-' ? '+' : *p;
            }
            json_object_set_new(out, "auth", json_string(text));
            g_free(text);
        }
    }
    json_decref(servers);
    return out;
}

/* --- info vnc ----------------------------------------------------------------------------------- */

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "none";
}

static void print_address(struct monitor *m, const char *what, json_t *a)
{
    bool v6 = !strcmp(text_of(a, "family"), "ipv6");

    mon_print(m, "  %s: %s%s%s:%s (%s%s)\n", what, v6 ? "[" : "", text_of(a, "host"), v6 ? "]" : "",
              text_of(a, "service"), text_of(a, "family"),
              json_is_true(json_object_get(a, "websocket")) ? ", WebSocket" : "");
}

static void print_server(struct monitor *m, json_t *s)
{
    json_t *a;
    size_t i;

    mon_print(m, "%s:\n", text_of(s, "id"));
    json_array_foreach(json_object_get(s, "server"), i, a)
    {
        print_address(m, "Server", a);
        mon_print(m, "    Auth: %s (Sub: %s)\n", text_of(a, "auth"), text_of(a, "vencrypt"));
    }
    json_array_foreach(json_object_get(s, "clients"), i, a)
    {
        print_address(m, "Client", a);
        mon_print(m, "    x509_dname: %s\n", text_of(a, "x509_dname"));
    }
    mon_print(m, "  Auth: %s (Sub: %s)\n", text_of(s, "auth"), text_of(s, "vencrypt"));
}

void hmp_info_vnc(struct monitor *m, json_t *args)
{
    json_t *list = qmp_query_vnc_servers(m, args, NULL), *s;
    size_t i;

    json_array_foreach(list, i, s)
    {
        print_server(m, s);
    }
    if (!json_array_size(list)) {
        mon_puts(m, "None\n");
    }
    json_decref(list);
}

/* --- passwords ---------------------------------------------------------------------------------- */

static json_t *done(int ret)
{
    return ret < 0 ? NULL : qmp_empty();
}

json_t *qmp_change_vnc_password(struct monitor *m, json_t *args, struct error **err)
{
    return done(vnc_set_password(NULL, arg_str(args, "password"), err));
}

static bool anybody_there(const char *id)
{
    json_t *list = qmp_query_vnc_servers(NULL, NULL, NULL), *s;
    bool any = false;
    size_t i;

    json_array_foreach(list, i, s)
    {
        if (!id || !strcmp(text_of(s, "id"), id)) {
            any |= json_array_size(json_object_get(s, "clients")) > 0;
        }
    }
    json_decref(list);
    return any;
}

json_t *qmp_set_password(struct monitor *m, json_t *args, struct error **err)
{
    const char *connected = arg_str(args, "connected"), *id = arg_str(args, "display");

    if (connected && !strcmp(connected, "fail") && anybody_there(id)) {
        error_set(err, "There are clients connected");
        return NULL;
    }
    int ret = vnc_set_password(id, arg_str(args, "password"), err);
    if (ret == 0 && connected && !strcmp(connected, "disconnect")) {
        ret = vnc_disconnect_all(id, err);
    }
    return done(ret);
}

/* "now", "never", "+SECONDS", seconds since 1970. */
static int parse_time(const char *text, int64_t *when, struct error **err)
{
    bool relative = *text == '+';
    char *end;

    if (!strcmp(text, "now") || !strcmp(text, "never")) {
        *when = !strcmp(text, "now") ? 0 : INT64_MAX;
        return 0;
    }
    errno = 0;
    unsigned long long n = strtoull(text + relative, &end, 10);
    if (*end || !g_ascii_isdigit(text[relative]) || errno || n > INT64_MAX / 2) {
        error_set(err, "time is now, never, +SECONDS or seconds since 1970, not '%s'", text);
        return -EINVAL;
    }
    *when = (int64_t)n + (relative ? (int64_t)time(NULL) : 0);
    return 0;
}

json_t *qmp_expire_password(struct monitor *m, json_t *args, struct error **err)
{
    int64_t when;

    if (parse_time(arg_str(args, "time"), &when, err) < 0) {
        return NULL;
    }
    return done(vnc_expire_password(arg_str(args, "display"), when, err));
}

/* "change vnc password WORD"; else it is about a drive. */
void hmp_change(struct monitor *m, json_t *args)
{
    const char *what = arg_str(args, "filename"), *word = arg_str(args, "format");
    struct error *err = NULL;

    if (strcmp(arg_str(args, "device"), "vnc")) {
        hmp_via_qmp(m, args);
        return;
    }
    if ((strcmp(what, "password") && strcmp(what, "passwd")) || !word) {
        mon_puts(m, "Error: it is: change vnc password WORD\n");
    } else if (vnc_set_password(NULL, word, &err) < 0) {
        mon_error(m, err);
    }
}
