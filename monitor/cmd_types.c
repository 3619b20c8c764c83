/* SPDX-License-Identifier: MIT */
/*
 * Commands about kinds of things: devices, objects, machines and CPU models, as the types of QEMU's
 * object model that they are ("pc-i440fx-1.0-machine", "max-x86_64-cpu"), and their properties.
 */
#include "accel/accel.h"
#include "hw/core/class.h"
#include "hw/core/device.h"
#include "hw/machine/machine.h"
#include "monitor/internal.h"
#include "system/cpu_model.h"
#include "system/object.h"
#include "system/options.h"

#define MACHINE_SUFFIX "-machine"
#define CPU_SUFFIX     "-x86_64-cpu"

/* --- properties --------------------------------------------------------------------------------- */

static const char *const prop_types[PROP_TYPE_COUNT] = {
    [PROP_TYPE_BOOL] = "bool",   [PROP_TYPE_U8] = "uint8",   [PROP_TYPE_U16] = "uint16",
    [PROP_TYPE_U32] = "uint32",  [PROP_TYPE_U64] = "uint64", [PROP_TYPE_S32] = "int32",
    [PROP_TYPE_SIZE] = "size",   [PROP_TYPE_STR] = "str",    [PROP_TYPE_ENUM] = "str",
    [PROP_TYPE_MACADDR] = "str", [PROP_TYPE_UUID] = "str",   [PROP_TYPE_PCI_ADDR] = "str",
    [PROP_TYPE_CHARDEV] = "str", [PROP_TYPE_DRIVE] = "str",  [PROP_TYPE_NETDEV] = "str",
    [PROP_TYPE_OBJECT] = "str",  [PROP_TYPE_LINK] = "str",
};

bool prop_is_number(enum prop_type type)
{
    return type >= PROP_TYPE_U8 && type <= PROP_TYPE_SIZE;
}

void append_prop(const struct prop *p, void *list)
{
    json_t *row = json_pack("{s:s, s:s}", "name", p->name, "type", prop_types[p->type]);

    if (p->help) {
        json_object_set_new(row, "description", json_string(p->help));
    }
    if (p->type == PROP_TYPE_BOOL) {
        json_object_set_new(row, "default-value", json_boolean(p->def));
    } else if (prop_is_number(p->type)) {
        json_object_set_new(row, "default-value", json_integer((json_int_t)p->def));
    }
    json_array_append_new(list, row);
}

void append_option(const struct opt_desc *d, void *list)
{
    static const char *const types[] = {
        [OPT_STR] = "string", [OPT_BOOL] = "bool", [OPT_INT] = "int",
        [OPT_U32] = "uint32", [OPT_SIZE] = "int",  [OPT_ENUM] = "str",
    };
    json_t *row = json_pack("{s:s, s:s}", "name", d->name, "type", types[d->type]);

    if (d->help) {
        json_object_set_new(row, "description", json_string(d->help));
    }
    json_array_append_new(list, row);
}

static void append_feature(const char *name, bool on, void *list)
{
    json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "name", name, "type", "bool",
                                          "default-value", on));
}

/* --- types -------------------------------------------------------------------------------------- */

/* The name before the suffix, or NULL; g_free(). */
static char *before(const char *name, const char *suffix)
{
    return g_str_has_suffix(name, suffix) ? g_strndup(name, strlen(name) - strlen(suffix)) : NULL;
}

static json_t *device_props(const char *name)
{
    const struct device_class *cls = device_class_find(name);
    json_t *list = cls ? json_array() : NULL;

    if (cls) {
        class_for_each_prop(cls, append_prop, list);
    }
    return list;
}

static json_t *object_props(const char *name)
{
    const struct object_class *cls = object_class_find(name);
    json_t *list = cls ? json_array() : NULL;

    for (const struct opt_desc *d = cls ? cls->descs : NULL; d && d->type != OPT_END; d++) {
        append_option(d, list);
    }
    return list;
}

static json_t *machine_props(const char *name)
{
    char *machine = before(name, MACHINE_SUFFIX);
    bool known = machine && machine_find(machine, NULL);
    json_t *list = known ? json_array() : NULL;

    if (known) {
        options_for_each_machine_prop(append_option, list);
    }
    g_free(machine);
    return list;
}

static json_t *cpu_props(const char *name)
{
    char *model = before(name, CPU_SUFFIX);
    json_t *list = json_array();

    if (!model || cpu_model_expand(model, append_feature, list, NULL) < 0) {
        json_decref(list);
        list = NULL;
    }
    g_free(model);
    return list;
}

static json_t *not_there(struct monitor *m, const char *what, const char *name, struct error **err)
{
    m->error_class = QERR_DEVICE_NOT_FOUND;
    error_set(err, "%s '%s' not found", what, name);
    return NULL;
}

json_t *qmp_device_list_properties(struct monitor *m, json_t *args, struct error **err)
{
    const char *name = arg_str(args, "typename");
    json_t *list = device_props(name);

    return list ? list : not_there(m, "Device", name, err);
}

json_t *qmp_qom_list_properties(struct monitor *m, json_t *args, struct error **err)
{
    static json_t *(*const kinds[])(const char *name) = {device_props, object_props, machine_props,
                                                         cpu_props};
    const char *name = arg_str(args, "typename");
    json_t *list = NULL;

    for (unsigned i = 0; i < ARRAY_SIZE(kinds) && !list; i++) {
        list = kinds[i](name);
    }
    return list ? list : not_there(m, "Class", name, err);
}

/* --- lists of types ----------------------------------------------------------------------------- */

struct type_list {
    json_t *out;
    const char *implements;
};

/* A type of this parent, which may have one itself. */
static void append_type(struct type_list *t, const char *name, const char *parent,
                        const char *grandparent)
{
    const char *want = t->implements;

    if (!want || !strcmp(want, name) || !strcmp(want, parent) ||
        (grandparent && !strcmp(want, grandparent))) {
        json_array_append_new(t->out, json_pack("{s:s, s:s}", "name", name, "parent", parent));
    }
}

static void append_device_type(const struct device_class *cls, void *opaque)
{
    char *parent = g_strdup_printf("%s-device", bus_type_name(cls->bus));

    append_type(opaque, cls->name, parent, "device");
    g_free(parent);
}

static void append_object_type(const struct object_class *cls, void *opaque)
{
    append_type(opaque, cls->name, "object", NULL);
}

static void append_machine_type(const struct machine_class *cls, void *opaque)
{
    char *name = g_strconcat(cls->name, MACHINE_SUFFIX, NULL);

    append_type(opaque, name, "machine", "object");
    g_free(name);
}

static void append_cpu_type(const char *model, const char *alias_of, void *opaque)
{
    char *name = g_strconcat(model, CPU_SUFFIX, NULL);

    append_type(opaque, name, "x86_64-cpu", "cpu");
    g_free(name);
}

/* By the name QEMU has for it, if it has one: jit is tcg. */
static void append_accel_types(struct type_list *t)
{
    const struct accel_ops *a;

    for (unsigned i = 0; (a = accel_row(i)); i++) {
        char *name = g_strconcat(a->alias ? a->alias : a->name, "-accel", NULL);
        append_type(t, name, "accel", "object");
        g_free(name);
    }
}

json_t *qmp_qom_list_types(struct monitor *m, json_t *args, struct error **err)
{
    struct type_list t = {json_array(), arg_str(args, "implements")};

    device_class_for_each(append_device_type, &t);
    object_class_for_each(append_object_type, &t);
    machine_for_each(append_machine_type, &t);
    cpu_model_for_each(append_cpu_type, &t);
    append_accel_types(&t);
    return t.out;
}

/* --- CPU models --------------------------------------------------------------------------------- */

static void set_feature(const char *name, bool on, void *props)
{
    json_object_set_new(props, name, json_boolean(on));
}

/* "model,feature=on,..." of a CpuModelInfo; NULL with err. */
static char *model_text(json_t *model, struct error **err)
{
    GString *text = g_string_new(arg_str(model, "name"));
    const char *key;
    json_t *v;

    json_object_foreach(json_object_get(model, "props"), key, v)
    {
        if (!json_is_boolean(v)) {
            error_set(err, "Invalid parameter type for 'model.props.%s', expected: boolean", key);
            g_string_free(text, TRUE);
            return NULL;
        }
        g_string_append_printf(text, ",%s=%s", key, json_is_true(v) ? "on" : "off");
    }
    return g_string_free(text, FALSE);
}

json_t *qmp_query_cpu_model_expansion(struct monitor *m, json_t *args, struct error **err)
{
    json_t *model = json_object_get(args, "model"), *props = json_object();
    int ret = -1;

    char *text = model_text(model, err);
    if (text) {
        ret = cpu_model_expand(text, set_feature, props, err);
        g_free(text);
    }
    if (ret < 0) {
        json_decref(props);
        return NULL;
    }
    /* What says every feature needs a name without any. */
    const char *name = strcmp(arg_str(args, "type"), "full") ? "base" : arg_str(model, "name");
    return json_pack("{s:{s:s, s:o}}", "model", "name", name, "props", props);
}
