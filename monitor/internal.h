/* SPDX-License-Identifier: MIT */
/* What the files of the monitor share. Main thread, device lock held. */
#ifndef MONITOR_INTERNAL_H
#define MONITOR_INTERNAL_H

#include "util/base.h"

#include <glib.h>
#include <jansson.h>
#include <sys/queue.h>

#include "hw/core/device.h"
#include "monitor/commands.h"
#include "monitor/editor.h"
#include "monitor/json_frame.h"
#include "monitor/monitor.h"
#include "util/error.h"

struct chardev;
struct timer;
struct vcpu;

struct monitor {
    struct chardev *chr; /* NULL: human-monitor-command's, whose output is `captured` */
    struct monitor_options opts;
    bool open;       /* somebody is at the other end */
    GByteArray *out; /* what the chardev could not take yet */
    GString *captured;
    unsigned cpu; /* the text monitor's current one */
    const char *error_class;
    const struct command *running;
    /* QMP */
    struct json_frame frame;
    bool negotiated;
    /* text */
    struct editor *editor;
    struct pager *pager;
    TAILQ_ENTRY(monitor) link;
};

TAILQ_HEAD(monitor_list, monitor);
extern struct monitor_list monitors;

/* --- output (monitor.c) ------------------------------------------------------------------------- */

void monitor_write(struct monitor *m, const char *text, size_t len);
/* Is there so much unread output that no more should be made? */
bool monitor_choked(const struct monitor *m);

/* Text; "\n" becomes what a terminal wants. Goes through the pager. */
void mon_print(struct monitor *m, const char *fmt, ...) printf_fmt(2, 3);
void mon_puts(struct monitor *m, const char *text);
void mon_error(struct monitor *m, struct error *err); /* prints and frees */

/* --- QMP (qmp.c, events.c) ---------------------------------------------------------------------- */

/* QEMU's error classes; without one it is GenericError. */
#define QERR_COMMAND_NOT_FOUND "CommandNotFound"
#define QERR_DEVICE_NOT_FOUND  "DeviceNotFound"
#define QERR_DEVICE_NOT_ACTIVE "DeviceNotActive"
#define QERR_KVM_MISSING       "KVMMissingCap"

void qmp_open(struct monitor *m);
void qmp_input(struct monitor *m, const uint8_t *buf, size_t len);
void qmp_init(struct monitor *m);
void qmp_send(struct monitor *m, json_t *message); /* takes the reference */
/* Checks the arguments and runs the row's function. */
json_t *qmp_call(struct monitor *m, const struct command *c, json_t *args, struct error **err);
json_t *qmp_empty(void);

void events_init(void);
void events_flush(void); /* what waits for its time is sent now */
void device_events_init(void);
/* Properties of the balloon device that are no class properties; NULL, false: none of that name. */
struct device;
json_t *balloon_property(const struct device *dev, const char *name);
bool balloon_set_property(const struct device *dev, const char *name, const json_t *value,
                          struct error **err);
void event_send(const char *event, json_t *data); /* takes the reference */

/* --- text (hmp.c) ------------------------------------------------------------------------------- */

void hmp_line(struct monitor *m, const char *line);
void hmp_complete(struct monitor *m, const char *line, size_t pos, GPtrArray *out, size_t *start);
void hmp_usage(const struct command *c, GString *out);
bool hmp_name_matches(const char *names, const char *word, size_t len);

/* --- arguments ------------------------------------------------------------------------------------ */

static inline const char *arg_str(json_t *args, const char *name)
{
    return json_string_value(json_object_get(args, name));
}
static inline bool arg_has(json_t *args, const char *name)
{
    return json_object_get(args, name) != NULL;
}
static inline int64_t arg_int(json_t *args, const char *name, int64_t otherwise)
{
    json_t *v = json_object_get(args, name);
    return v ? json_integer_value(v) : otherwise;
}
static inline bool arg_bool(json_t *args, const char *name, bool otherwise)
{
    json_t *v = json_object_get(args, name);
    return v ? json_is_true(v) : otherwise;
}

/* --- CPUs (cmd_cpu.c) ----------------------------------------------------------------------------- */

/* The text monitor's CPU. */
struct vcpu *monitor_vcpu(struct monitor *m);
/* An expression of numbers and $registers; -EINVAL with err. *text moves behind it. */
int expr_parse(struct monitor *m, const char **text, int64_t *value, struct error **err);

/* --- properties (cmd_types.c) --------------------------------------------------------------------- */

bool prop_is_number(enum prop_type type);
void append_prop(const struct prop *p, void *list); /* an ObjectPropertyInfo to a JSON array */
struct opt_desc;
void append_option(const struct opt_desc *d, void *list); /* the same */

/* --- objects (cmd_object.c) --------------------------------------------------------------------- */

struct object;
void object_list_props(const struct object *obj, json_t *list);
json_t *object_get_prop(const struct object *obj, const char *name); /* NULL: it has none of that name */

#endif
