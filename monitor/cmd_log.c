/* SPDX-License-Identifier: MIT */
/* Commands about logs, trace events and the debugger. */
#include <fnmatch.h>

#include "gdbstub/gdbstub.h"
#include "monitor/internal.h"
#include "util/log.h"
#include "util/trace.h"

void hmp_log(struct monitor *m, json_t *args)
{
    struct error *err = NULL;
    uint32_t mask = 0;

    if (log_parse_items(arg_str(args, "items"), &mask, &err) < 0) {
        mon_error(m, err);
    } else {
        log_set_mask(mask);
    }
}

void hmp_gdbserver(struct monitor *m, json_t *args)
{
    const char *where = arg_str(args, "device");
    struct error *err = NULL;

    where = where ? where : "tcp::1234";
    if (gdbstub_start(where, &err) < 0) {
        mon_error(m, err);
    } else if (gdbstub_where()) {
        mon_print(m, "Waiting for a debugger on device '%s'\n", where);
    } else {
        mon_print(m, "Disabled gdbserver\n");
    }
}

void hmp_logfile(struct monitor *m, json_t *args)
{
    struct error *err = NULL;

    if (log_set_file(arg_str(args, "filename"), &err) < 0) {
        mon_error(m, err);
    }
}

struct matching {
    json_t *list;
    const char *pattern;
};

static void describe_event(const char *name, bool on, void *opaque)
{
    struct matching *q = opaque;

    if (fnmatch(q->pattern, name, 0) == 0) {
        json_array_append_new(q->list, json_pack("{s:s, s:s, s:b}", "name", name, "state",
                                                 on ? "enabled" : "disabled", "vcpu", 0));
    }
}

static json_t *matching_events(const char *pattern)
{
    struct matching q = {json_array(), pattern};

    trace_for_each(describe_event, &q);
    return q.list;
}

json_t *qmp_trace_event_get_state(struct monitor *m, json_t *args, struct error **err)
{
    const char *name = arg_str(args, "name");
    json_t *list = matching_events(name);

    if (!json_array_size(list) && !strpbrk(name, "*?[")) {
        error_set(err, "unknown event \"%s\"", name);
        json_decref(list);
        return NULL;
    }
    return list;
}

json_t *qmp_trace_event_set_state(struct monitor *m, json_t *args, struct error **err)
{
    bool on = arg_bool(args, "enable", true);
    json_t *list = qmp_trace_event_get_state(m, args, err), *row;
    size_t i;

    if (!list) {
        return NULL;
    }
    json_array_foreach(list, i, row)
    {
        char *pattern =
            g_strdup_printf("%s%s", on ? "" : "-", json_string_value(json_object_get(row, "name")));
        trace_enable(pattern, NULL);
        g_free(pattern);
    }
    json_decref(list);
    return qmp_empty();
}

void hmp_info_trace_events(struct monitor *m, json_t *args)
{
    const char *pattern = arg_str(args, "name");
    json_t *list = matching_events(pattern ? pattern : "*"), *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        mon_print(m, "%s : state %d\n", json_string_value(json_object_get(row, "name")),
                  !strcmp(json_string_value(json_object_get(row, "state")), "enabled"));
    }
    json_decref(list);
}
