/* SPDX-License-Identifier: MIT */
/*
 * The QMP session: greeting, negotiation, commands, replies. As QEMU's docs/interop/qmp-spec has
 * it; commands run in order on the main thread, so the capability "oob" is not offered.
 */
#include "monitor/internal.h"

#include "monitor/schema.h"
#include "system/version.h"

/* The member is called "qemu", and clients compare it with the version that first had a command:
 * what we speak is the language of this one. */
#define SPOKEN_MAJOR 7
#define SPOKEN_MINOR 2

json_t *qmp_empty(void)
{
    return json_object();
}

void qmp_send(struct monitor *m, json_t *message)
{
    size_t flags = m->opts.pretty ? JSON_INDENT(4) : 0;
    char *text = json_dumps(message, flags | JSON_ENCODE_ANY);

    json_decref(message);
    if (text) { /* else out of memory */
        monitor_write(m, text, strlen(text));
        monitor_write(m, "\r\n", 2);
        free(text);
    }
}

static void send_error(struct monitor *m, const char *class, const char *text, json_t *id)
{
    /* What people and guests called things may be in it: make it valid UTF-8. */
    char *clean = g_utf8_make_valid(text, -1);
    json_t *reply = json_pack("{s:{s:s, s:s}}", "error", "class", class ? class : "GenericError",
                              "desc", clean);

    if (id) {
        json_object_set(reply, "id", id);
    }
    qmp_send(m, reply);
    g_free(clean);
}

/* --- commands ----------------------------------------------------------------------------------- */

static const struct command *find(const char *name)
{
    for (const struct command *c = commands; c->help; c++) {
        if (c->qmp && !strcmp(c->qmp, name)) {
            return c;
        }
    }
    return NULL;
}

json_t *qmp_call(struct monitor *m, const struct command *c, json_t *args, struct error **err)
{
    const struct command *outer = m->running;
    json_t *ret = NULL;

    m->error_class = NULL;
    if (schema_check(c->args, args, err) == 0) {
        m->running = c;
        ret = c->run(m, args, err);
        m->running = outer;
    }
    return ret;
}

/* NULL with err: the name cannot be executed now. */
static const struct command *command_now(struct monitor *m, const char *name, struct error **err)
{
    const struct command *c = find(name);
    bool negotiating = !strcmp(name, "qmp_capabilities");

    m->error_class = QERR_COMMAND_NOT_FOUND;
    if (!m->negotiated && !negotiating) {
        error_set(err,
                  c ? "Expecting capabilities negotiation with 'qmp_capabilities'"
                    : "The command %s has not been found",
                  name);
        return NULL;
    }
    if (m->negotiated && negotiating) {
        error_set(err, "Capabilities negotiation is already complete, command ignored");
        return NULL;
    }
    if (!c) {
        error_set(err, "The command %s has not been found", name);
    }
    return c;
}

static bool envelope_ok(json_t *request, struct error **err)
{
    json_t *execute = json_object_get(request, "execute"), *value;
    json_t *args = json_object_get(request, "arguments");
    const char *key;

    json_object_foreach(request, key, value)
    {
        if (strcmp(key, "execute") && strcmp(key, "arguments") && strcmp(key, "id")) {
            error_set(err, "QMP input member '%s' is unexpected", key);
            return false;
        }
    }
    if (!execute) {
        error_set(err, "QMP input lacks member 'execute'");
    } else if (!json_is_string(execute)) {
        error_set(err, "QMP input member 'execute' must be a string");
    } else if (args && !json_is_object(args)) {
        error_set(err, "QMP input member 'arguments' must be an object");
    } else {
        return true;
    }
    return false;
}

static json_t *execute(struct monitor *m, json_t *request, struct error **err)
{
    json_t *args = json_object_get(request, "arguments"), *none = NULL, *ret = NULL;

    m->error_class = NULL;
    if (!envelope_ok(request, err)) {
        return NULL;
    }
    const struct command *c =
        command_now(m, json_string_value(json_object_get(request, "execute")), err);
    if (c) {
        none = args ? NULL : json_object();
        ret = qmp_call(m, c, args ? args : none, err);
        json_decref(none);
    }
    return ret;
}

static void request(struct monitor *m, json_t *text)
{
    json_t *id = json_object_get(text, "id");
    struct error *err = NULL;

    if (!json_is_object(text)) {
        send_error(m, NULL, "QMP input must be a JSON object", NULL);
        return;
    }
    json_t *ret = execute(m, text, &err);
    if (ret) {
        json_t *reply = json_pack("{s:o}", "return", ret);
        if (id) {
            json_object_set(reply, "id", id);
        }
        qmp_send(m, reply);
    } else {
        send_error(m, m->error_class, error_msg(err), id);
        error_free(err);
    }
}

static void framed(void *opaque, const char *text, size_t len, const char *error)
{
    struct monitor *m = opaque;
    json_error_t where;

    if (error) {
        send_error(m, NULL, error, NULL);
        return;
    }
    json_t *parsed = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (parsed) {
        request(m, parsed);
        json_decref(parsed);
    } else {
        char *desc = g_strdup_printf("JSON parse error, %s", where.text);
        send_error(m, NULL, desc, NULL);
        g_free(desc);
    }
}

/* --- the session -------------------------------------------------------------------------------- */

void qmp_init(struct monitor *m)
{
    json_frame_init(&m->frame, framed, m);
}

void qmp_input(struct monitor *m, const uint8_t *buf, size_t len)
{
    json_frame_feed(&m->frame, buf, len);
}

json_t *qmp_query_version(struct monitor *m, json_t *args, struct error **err)
{
    return json_pack("{s:{s:i, s:i, s:i}, s:s}", "qemu", "major", SPOKEN_MAJOR, "minor",
                     SPOKEN_MINOR, "micro", 0, "package", "doppel-" DOPPEL_VERSION);
}

void qmp_open(struct monitor *m)
{
    m->negotiated = false;
    json_frame_reset(&m->frame);
    qmp_send(m, json_pack("{s:{s:o, s:[]}}", "QMP", "version", qmp_query_version(m, NULL, NULL),
                          "capabilities"));
}

json_t *qmp_qmp_capabilities(struct monitor *m, json_t *args, struct error **err)
{
    json_t *enable = json_object_get(args, "enable");

    if (json_array_size(enable)) {
        error_set(err, "This capability is not offered: %s",
                  json_string_value(json_array_get(enable, 0)));
        return NULL;
    }
    m->negotiated = true;
    return qmp_empty();
}

json_t *qmp_query_qmp_schema(struct monitor *m, json_t *args, struct error **err)
{
    return schema_describe();
}

json_t *qmp_query_commands(struct monitor *m, json_t *args, struct error **err)
{
    json_t *list = json_array();

    for (const struct command *c = commands; c->help; c++) {
        if (c->qmp) {
            json_array_append_new(list, json_pack("{s:s}", "name", c->qmp));
        }
    }
    return list;
}
