/* SPDX-License-Identifier: MIT */
/*
 * Commands about devices: plugging them, and the tree of objects by paths. The tree has the shape
 * QEMU's clients expect: /machine/peripheral/ID, /machine/unattached/device[N], /objects/ID.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hw/core/class.h"
#include "hw/core/device.h"
#include "hw/core/hotplug.h"
#include "hw/virtio/balloon.h"
#include "monitor/internal.h"
#include "system/object.h"
#include "util/opttext.h"

#define PERIPHERAL "/machine/peripheral"
#define UNATTACHED "/machine/unattached"
#define OBJECTS    "/objects"

/* --- plugging ----------------------------------------------------------------------------------- */

json_t *qmp_device_add(struct monitor *m, json_t *args, struct error **err)
{
    static const char *const first[] = {"driver", NULL};
    const char *driver = arg_str(args, "driver");

    if (!device_class_find(driver)) {
        error_set(err, "'%s' is not a valid device model name", driver);
        return NULL;
    }
    GString *text = g_string_new(driver);
    opttext_object(text, args, first);
    int ret = device_add_text(text->str, err);
    g_string_free(text, TRUE);
    return ret < 0 ? NULL : qmp_empty();
}

void hmp_device_add(struct monitor *m, json_t *args)
{
    const char *text = arg_str(args, "options");
    struct error *err = NULL;

    if (!strcmp(text, "help") || !strcmp(text, "?")) {
        GString *out = g_string_new(NULL);
        device_help_list(out);
        mon_puts(m, out->str);
        g_string_free(out, TRUE);
    } else if (device_add_text(text, &err) < 0) {
        mon_error(m, err);
    }
}

/* By id, or by a path of the tree. */
static struct device *find_device(const char *name);

json_t *qmp_device_del(struct monitor *m, json_t *args, struct error **err)
{
    const char *id = arg_str(args, "id");
    struct device *dev = find_device(id);

    if (!dev) {
        m->error_class = QERR_DEVICE_NOT_FOUND;
        error_set(err, "Device '%s' not found", id);
        return NULL;
    }
    return device_unplug_request(dev, err) < 0 ? NULL : qmp_empty();
}

/* --- the tree ------------------------------------------------------------------------------------ */

struct by_place {
    unsigned wanted, next;
    const char *path;
};

static bool is_at(struct device *dev, void *opaque)
{
    struct by_place *p = opaque;

    return !dev->id && p->next++ == p->wanted;
}

static bool has_path(struct device *dev, void *opaque)
{
    struct by_place *p = opaque;
    char *path = device_path(dev);
    bool found = !strcmp(path, p->path);

    g_free(path);
    return found;
}

static struct device *find_device(const char *name)
{
    struct by_place p = {.path = name};
    char end;

    if (g_str_has_prefix(name, PERIPHERAL "/")) {
        return device_find(name + strlen(PERIPHERAL "/"));
    }
    if (sscanf(name, UNATTACHED "/device[%u%c", &p.wanted, &end) == 2 && end == ']') {
        return device_for_each(is_at, &p);
    }
    return *name == '/' ? device_for_each(has_path, &p) : device_find(name);
}

static void add_child(json_t *list, const char *name, const char *type)
{
    char *child = g_strdup_printf("child<%s>", type);

    json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "type", child));
    g_free(child);
}

static json_t *new_list(void)
{
    json_t *list = json_array();

    json_array_append_new(list, json_pack("{s:s, s:s}", "name", "type", "type", "string"));
    return list;
}

static bool list_named(struct device *dev, void *opaque)
{
    if (dev->id) {
        add_child(opaque, dev->id, dev->cls->name);
    }
    return false;
}

static bool list_unnamed(struct device *dev, void *opaque)
{
    json_t *list = opaque;
    char name[32];

    if (!dev->id) {
        g_snprintf(name, sizeof(name), "device[%zu]", json_array_size(list) - 1);
        add_child(list, name, dev->cls->name);
    }
    return false;
}

static void list_object(struct object *obj, void *opaque)
{
    if (obj->id) {
        add_child(opaque, obj->id, obj->cls->name);
    }
}

static json_t *list_root(void)
{
    json_t *list = new_list();

    add_child(list, "machine", "machine");
    add_child(list, "objects", "container");
    return list;
}

static json_t *list_machine(void)
{
    json_t *list = new_list();

    add_child(list, "peripheral", "container");
    add_child(list, "unattached", "container");
    return list;
}

static json_t *list_peripheral(void)
{
    json_t *list = new_list();

    device_for_each(list_named, list);
    return list;
}

static json_t *list_unattached(void)
{
    json_t *list = new_list();

    device_for_each(list_unnamed, list);
    return list;
}

static json_t *list_objects(void)
{
    json_t *list = new_list();

    object_for_each(list_object, list);
    return list;
}

/* The inner nodes. */
static const struct node {
    const char *path, *type;
    json_t *(*list)(void);
} nodes[] = {
    {"/", "container", list_root},
    {"", "container", list_root},
    {"/machine", "machine", list_machine},
    {"/machine/", "machine", list_machine},
    {PERIPHERAL, "container", list_peripheral},
    {UNATTACHED, "container", list_unattached},
    {OBJECTS, "container", list_objects},
};

static const struct node *find_node(const char *path)
{
    for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++) {
        if (!strcmp(nodes[i].path, path)) {
            return &nodes[i];
        }
    }
    return NULL;
}

/* What is at a path. Everything has a type besides what is said here. */
struct place {
    const char *type;
    json_t *(*list)(const struct place *p);
    json_t *(*value)(const struct place *p, const char *name); /* NULL: there is no such property */
    const struct node *node;
    struct device *dev;
    struct object *obj;
};

static json_t *node_list(const struct place *p)
{
    return p->node->list();
}

static json_t *node_value(const struct place *p, const char *name)
{
    return NULL;
}

static json_t *object_list(const struct place *p)
{
    json_t *list = new_list();

    object_list_props(p->obj, list);
    return list;
}

static json_t *object_value(const struct place *p, const char *name)
{
    return object_get_prop(p->obj, name);
}

/* Things every device has besides the properties of its class. */
static const struct {
    const char *name, *type;
} common[] = {{"realized", "bool"}, {"hotplugged", "bool"}, {"parent_bus", "str"}};

static json_t *device_list(const struct place *p)
{
    json_t *list = new_list();

    for (unsigned i = 0; i < ARRAY_SIZE(common); i++) {
        json_array_append_new(
            list, json_pack("{s:s, s:s}", "name", common[i].name, "type", common[i].type));
    }
    class_for_each_prop(p->dev->cls, append_prop, list);
    return list;
}

static json_t *common_value(const struct device *dev, const char *name)
{
    if (!strcmp(name, "realized")) {
        return json_boolean(dev->realized);
    }
    if (!strcmp(name, "hotplugged")) {
        return json_boolean(dev->hotplugged);
    }
    if (!strcmp(name, "parent_bus")) {
        return json_string(dev->bus ? dev->bus->name : "");
    }
    return NULL;
}

static json_t *prop_value(const struct device *dev, const struct prop *p)
{
    char *text = device_get_prop(dev, p->name);
    json_t *v;

    if (p->type == PROP_TYPE_BOOL) {
        v = json_boolean(text && !strcmp(text, "on"));
    } else if (prop_is_number(p->type)) {
        v = json_integer((json_int_t)(p->type == PROP_TYPE_S32 ? strtoll(text, NULL, 0)
                                                               : (int64_t)strtoull(text, NULL, 0)));
    } else {
        v = json_string(text ? text : "");
    }
    g_free(text);
    return v;
}

static json_t *device_value(const struct place *place, const char *name)
{
    const struct prop *p = class_find_prop(place->dev->cls, name);
    json_t *v = balloon_property(place->dev, name);

    return v ? v : p ? prop_value(place->dev, p) : common_value(place->dev, name);
}

/* False with err set: there is nothing. */
static bool find_place(struct monitor *m, const char *path, struct place *p, struct error **err)
{
    *p = (struct place){.node = find_node(path)};
    if (p->node) {
        p->type = p->node->type;
        p->list = node_list;
        p->value = node_value;
        return true;
    }
    p->obj = g_str_has_prefix(path, OBJECTS "/") ? object_find(path + strlen(OBJECTS "/")) : NULL;
    if (p->obj) {
        p->type = p->obj->cls->name;
        p->list = object_list;
        p->value = object_value;
        return true;
    }
    p->dev = find_device(path);
    if (p->dev) {
        p->type = p->dev->cls->name;
        p->list = device_list;
        p->value = device_value;
        return true;
    }
    m->error_class = QERR_DEVICE_NOT_FOUND;
    error_set(err, "Device '%s' not found", path);
    return false;
}

static json_t *value_at(const struct place *p, const char *name)
{
    return strcmp(name, "type") ? p->value(p, name) : json_string(p->type);
}

json_t *qmp_qom_list(struct monitor *m, json_t *args, struct error **err)
{
    struct place p;

    return find_place(m, arg_str(args, "path"), &p, err) ? p.list(&p) : NULL;
}

json_t *qmp_qom_get(struct monitor *m, json_t *args, struct error **err)
{
    const char *name = arg_str(args, "property");
    struct place p;

    if (!find_place(m, arg_str(args, "path"), &p, err)) {
        return NULL;
    }
    json_t *v = value_at(&p, name);
    if (!v) {
        error_set(err, "Property '%s.%s' not found", p.type, name);
    }
    return v;
}

/* One of the device's class; most are fixed by now. */
static int change_prop(struct device *dev, const char *name, json_t *value, struct error **err)
{
    GString *text = g_string_new(NULL);
    char *plain = json_is_string(value) ? g_strdup(json_string_value(value)) : NULL;

    if (!plain) {
        opttext_value(text, "", value); /* ",=value" */
        plain = g_strdup(text->len > 2 ? text->str + 2 : "");
    }
    int ret = device_change_prop(dev, name, plain, err);
    g_string_free(text, TRUE);
    g_free(plain);
    return ret;
}

static void refuse_to_set(const struct place *p, const char *name, struct error **err)
{
    json_t *v = value_at(p, name);

    error_set(err, v ? "Property '%s.%s' is not writable" : "Property '%s.%s' not found", p->type,
              name);
    json_decref(v);
}

json_t *qmp_qom_set(struct monitor *m, json_t *args, struct error **err)
{
    const char *name = arg_str(args, "property");
    json_t *value = json_object_get(args, "value");
    struct error *local = NULL;
    struct place p;

    if (!find_place(m, arg_str(args, "path"), &p, err)) {
        return NULL;
    }
    if (!p.dev || (!balloon_set_property(p.dev, name, value, &local) &&
                   !class_find_prop(p.dev->cls, name))) {
        refuse_to_set(&p, name, err);
        return NULL;
    }
    if (!local && class_find_prop(p.dev->cls, name)) {
        change_prop(p.dev, name, value, &local);
    }
    if (local) {
        error_propagate(err, local);
        return NULL;
    }
    return qmp_empty();
}

void hmp_qom_list(struct monitor *m, json_t *args)
{
    struct error *err = NULL;
    json_t *path = json_pack("{s:s}", "path", arg_has(args, "path") ? arg_str(args, "path") : "/");
    json_t *list = qmp_call(m, m->running, path, &err), *row;
    size_t i;

    json_decref(path);
    if (!list) {
        mon_error(m, err);
        return;
    }
    json_array_foreach(list, i, row)
    {
        mon_print(m, "%s (%s)\n", json_string_value(json_object_get(row, "name")),
                  json_string_value(json_object_get(row, "type")));
    }
    json_decref(list);
}

void hmp_qom_get(struct monitor *m, json_t *args)
{
    struct error *err = NULL;
    json_t *v = qmp_call(m, m->running, args, &err);

    if (!v) {
        mon_error(m, err);
        return;
    }
    char *text = json_dumps(v, JSON_ENCODE_ANY);
    mon_print(m, "%s\n", text ? text : "");
    free(text);
    json_decref(v);
}

void hmp_info_qtree(struct monitor *m, json_t *args)
{
    GString *text = g_string_new(NULL);

    device_tree_describe(text);
    mon_puts(m, text->str);
    g_string_free(text, TRUE);
}

/* --- the balloon --------------------------------------------------------------------------------- */

json_t *qmp_balloon(struct monitor *m, json_t *args, struct error **err)
{
    int64_t value = arg_int(args, "value", 0);

    if (value <= 0) {
        error_set(err, "Parameter 'value' expects a size");
        return NULL;
    }
    int ret = balloon_set_target((uint64_t)value, err);
    m->error_class = ret == -ENODEV ? QERR_DEVICE_NOT_ACTIVE : NULL;
    return ret < 0 ? NULL : qmp_empty();
}

void hmp_balloon(struct monitor *m, json_t *args)
{
    int64_t mib = CLAMP(arg_int(args, "value", 0), -1, (int64_t)GIB(1024));

    json_object_set_new(args, "value", json_integer(mib * (1 << 20)));
    hmp_via_qmp(m, args);
}

json_t *qmp_query_balloon(struct monitor *m, json_t *args, struct error **err)
{
    uint64_t bytes = 0;
    int ret = balloon_query(&bytes, err);

    m->error_class = ret == -ENODEV ? QERR_DEVICE_NOT_ACTIVE : NULL;
    return ret < 0 ? NULL : json_pack("{s:I}", "actual", (json_int_t)bytes);
}

void hmp_info_balloon(struct monitor *m, json_t *args)
{
    struct error *err = NULL;
    uint64_t bytes = 0;

    if (balloon_query(&bytes, &err) < 0) {
        mon_error(m, err);
    } else {
        mon_print(m, "balloon: actual=%" PRIu64 "\n", bytes >> 20);
    }
}

static void balloon_changed(struct notifier *n, void *data)
{
    event_send("BALLOON_CHANGE", json_pack("{s:I}", "actual", (json_int_t) * (uint64_t *)data));
}

/* --- removal's end ------------------------------------------------------------------------------- */

static void tell(const char *event, const struct device_deleted *d)
{
    char *path = d->id ? g_strdup_printf(PERIPHERAL "/%s", d->id) : g_strdup(d->path);
    json_t *members = json_pack("{s:s}", "path", path);

    if (d->id) {
        json_object_set_new(members, "device", json_string(d->id));
    }
    event_send(event, members);
    g_free(path);
}

static void deleted(struct notifier *n, void *data)
{
    tell("DEVICE_DELETED", data);
}

static void refused(struct notifier *n, void *data)
{
    tell("DEVICE_UNPLUG_GUEST_ERROR", data);
}

void device_events_init(void)
{
    static struct notifier gone = {.notify = deleted}, stays = {.notify = refused};
    static struct notifier balloon = {.notify = balloon_changed};

    device_add_deleted_notifier(&gone);
    device_add_refused_notifier(&stays);
    balloon_add_change_notifier(&balloon);
}
