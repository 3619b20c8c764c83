/* SPDX-License-Identifier: MIT */
/* Commands about character devices. */
#include "chardev/chardev.h"
#include "chardev/ringbuf.h"
#include "monitor/internal.h"
#include "util/opttext.h"

#define RINGBUF_READ_MAX MIB(64)

static const char *label_of(const struct chardev *chr)
{
    return chr->id ? chr->id : "(none)";
}

static void describe(struct chardev *chr, void *opaque)
{
    json_array_append_new(opaque, json_pack("{s:s, s:s, s:b}", "label", label_of(chr), "filename",
                                            chr->label, "frontend-open", chr->in_use));
}

json_t *qmp_query_chardev(struct monitor *m, json_t *args, struct error **err)
{
    json_t *list = json_array();

    chardev_for_each(describe, list);
    return list;
}

static void print_chardev(struct chardev *chr, void *opaque)
{
    mon_print(opaque, "%s: filename=%s\n", label_of(chr), chr->label);
}

void hmp_info_chardev(struct monitor *m, json_t *args)
{
    chardev_for_each(print_chardev, m);
}

static void describe_backend(const struct chardev_class *cls, void *opaque)
{
    json_array_append_new(opaque, json_pack("{s:s}", "name", cls->name));
}

json_t *qmp_query_chardev_backends(struct monitor *m, json_t *args, struct error **err)
{
    json_t *list = json_array();

    chardev_class_for_each(describe_backend, list);
    return list;
}

/* --- chardev-add, chardev-change --------------------------------------------------------------- */

/* A member of QMP's types and the option of -chardev that it is; all others have one name. */
struct renamed {
    const char *member, *option;
};

static const char *option_of(const struct renamed *table, const char *member)
{
    for (; table->member; table++) {
        if (!strcmp(table->member, member)) {
            return table->option;
        }
    }
    return member;
}

static void append_members(GString *text, json_t *object, const struct renamed *table)
{
    const char *key;
    json_t *v;

    json_object_foreach(object, key, v)
    {
        opttext_value(text, option_of(table, key), v);
    }
}

/* A SocketAddress among the members: {"type":..,"data":{..}}. */
static bool append_address(GString *text, const char *member, json_t *addr)
{
    static const struct renamed there[] = {{"str", "fd"}, {NULL, NULL}};
    static const struct renamed here[] = {{"host", "localaddr"},
                                          {"port", "localport"},
                                          {"path", "localaddr"},
                                          {"str", "fd"},
                                          {NULL, NULL}};
    bool local = !strcmp(member, "local");

    if (!local && strcmp(member, "addr") && strcmp(member, "remote")) {
        return false;
    }
    append_members(text, json_object_get(addr, "data"), local ? here : there);
    return true;
}

/* The option text of a ChardevBackend; id: NULL for none. */
static GString *backend_text(const char *id, json_t *backend)
{
    static const struct renamed names[] = {
        {"out", "path"}, {"in", "input-path"}, {"device", "path"}, {NULL, NULL}};
    const char *type = json_string_value(json_object_get(backend, "type")), *key;
    GString *text = g_string_new(!strcmp(type, "memory") ? "ringbuf" : type);
    json_t *v, *data = json_object_get(backend, "data");

    if (id) {
        opttext_string(text, "id", id);
    }
    /* In QMP a socket is a server unless told otherwise. */
    if (!strcmp(type, "socket") && !json_object_get(data, "server")) {
        opttext_string(text, "server", "on");
    }
    json_object_foreach(data, key, v)
    {
        if (!append_address(text, key, v)) {
            opttext_value(text, option_of(names, key), v);
        }
    }
    return text;
}

/* ChardevReturn */
static json_t *made(const struct chardev *chr)
{
    json_t *ret = qmp_empty();

    if (g_str_has_prefix(chr->label, "pty:")) {
        json_object_set_new(ret, "pty", json_string(chr->label + 4));
    }
    return ret;
}

json_t *qmp_chardev_add(struct monitor *m, json_t *args, struct error **err)
{
    GString *text = backend_text(arg_str(args, "id"), json_object_get(args, "backend"));
    struct chardev *chr = chardev_new_hot(text->str, err);

    g_string_free(text, TRUE);
    return chr ? made(chr) : NULL;
}

void hmp_chardev_add(struct monitor *m, json_t *args)
{
    struct error *err = NULL;

    if (!chardev_new_hot(arg_str(args, "options"), &err)) {
        mon_error(m, err);
    }
}

static struct chardev *change(const char *id, const char *text, struct error **err)
{
    struct chardev *old = chardev_find(id), *next;

    if (!old) {
        error_set(err, "Chardev '%s' does not exist", id);
        return NULL;
    }
    next = chardev_new_nameless(text, err);
    if (next && chardev_replace(old, next, err) < 0) {
        chardev_free(next);
        next = NULL;
    }
    return next;
}

json_t *qmp_chardev_change(struct monitor *m, json_t *args, struct error **err)
{
    GString *text = backend_text(NULL, json_object_get(args, "backend"));
    struct chardev *chr = change(arg_str(args, "id"), text->str, err);

    g_string_free(text, TRUE);
    return chr ? made(chr) : NULL;
}

void hmp_chardev_change(struct monitor *m, json_t *args)
{
    struct error *err = NULL;

    if (!change(arg_str(args, "id"), arg_str(args, "options"), &err)) {
        mon_error(m, err);
    }
}

static struct chardev *find(struct monitor *m, const char *id, const char *what, struct error **err)
{
    struct chardev *chr = chardev_find(id);

    if (!chr) {
        error_set(err, "%s '%s' not found", what, id);
    }
    return chr;
}

json_t *qmp_chardev_remove(struct monitor *m, json_t *args, struct error **err)
{
    struct chardev *chr = find(m, arg_str(args, "id"), "Chardev", err);

    if (!chr) {
        return NULL;
    }
    if (chr->in_use || chr->cls->attach) {
        error_set(err, "Chardev '%s' is busy", chr->id);
        return NULL;
    }
    chardev_free(chr);
    return qmp_empty();
}

json_t *qmp_chardev_send_break(struct monitor *m, json_t *args, struct error **err)
{
    struct chardev *chr = find(m, arg_str(args, "id"), "Chardev", err);

    if (!chr) {
        return NULL;
    }
    chardev_send_event(chr, CHARDEV_BREAK);
    return qmp_empty();
}

/* --- ring buffers ------------------------------------------------------------------------------- */

static struct chardev *find_ringbuf(struct monitor *m, json_t *args, struct error **err)
{
    struct chardev *chr = find(m, arg_str(args, "device"), "Device", err);

    if (chr && !chardev_is_ringbuf(chr)) {
        error_set(err, "%s is not a ringbuf device", chr->id);
        return NULL;
    }
    return chr;
}

static bool base64(json_t *args)
{
    const char *format = arg_str(args, "format");

    return format && !strcmp(format, "base64");
}

json_t *qmp_ringbuf_write(struct monitor *m, json_t *args, struct error **err)
{
    struct chardev *chr = find_ringbuf(m, args, err);
    const char *data = arg_str(args, "data");

    if (!chr) {
        return NULL;
    }
    if (base64(args)) {
        gsize len;
        guchar *raw = g_base64_decode(data, &len);
        chardev_write(chr, raw, len);
        g_free(raw);
    } else {
        chardev_write(chr, data, strlen(data));
    }
    return qmp_empty();
}

static json_t *text_of(const uint8_t *buf, size_t len, bool encode)
{
    if (encode) {
        char *text = g_base64_encode(buf, len);
        json_t *ret = json_string(text);
        g_free(text);
        return ret;
    }
    /* NULs would end the text: as QEMU, what is no UTF-8 is replaced */
    GString *clean = g_string_new(NULL);
    for (size_t i = 0; i < len; i++) {
        g_string_append_c(clean, buf[i] ? (char)buf[i] : '?');
    }
    char *valid = g_utf8_make_valid(clean->str, (gssize)clean->len);
    json_t *ret = json_string(valid);
    g_free(valid);
    g_string_free(clean, TRUE);
    return ret;
}

json_t *qmp_ringbuf_read(struct monitor *m, json_t *args, struct error **err)
{
    struct chardev *chr = find_ringbuf(m, args, err);
    int64_t size = arg_int(args, "size", 0);

    if (!chr) {
        return NULL;
    }
    if (size <= 0) {
        error_set(err, "size must be greater than zero");
        return NULL;
    }
    size_t room = MIN((uint64_t)size, RINGBUF_READ_MAX);
    uint8_t *buf = g_try_malloc(room);
    if (!buf) {
        error_set(err, "not enough memory for so much at once");
        return NULL;
    }
    size_t n = chardev_ringbuf_read(chr, buf, room);
    json_t *ret = text_of(buf, n, base64(args));
    g_free(buf);
    return ret;
}

void hmp_ringbuf_read(struct monitor *m, json_t *args)
{
    struct error *err = NULL;
    json_t *ret = qmp_call(m, m->running, args, &err);

    if (ret) {
        mon_print(m, "%s\n", json_string_value(ret));
        json_decref(ret);
    } else {
        mon_error(m, err);
    }
}
