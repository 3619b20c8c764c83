/* SPDX-License-Identifier: MIT */
/*
 * Device classes: what the linker has collected, their properties, help texts
 * and -global defaults.
 */
#include "hw/core/class.h"

#include "hw/core/props.h"
#include "util/error.h"

#include <errno.h>

/* Set by the linker; absent if the program has no device at all. */
extern const struct device_class *const __start_doppel_devices[] __attribute__((weak));
extern const struct device_class *const __stop_doppel_devices[] __attribute__((weak));
extern const struct bus_props *const __start_doppel_bus_props[] __attribute__((weak));
extern const struct bus_props *const __stop_doppel_bus_props[] __attribute__((weak));

struct global {
    const struct device_class *cls;
    const struct prop *prop;
    char *value;
    TAILQ_ENTRY(global) link;
};

static TAILQ_HEAD(, global) globals = TAILQ_HEAD_INITIALIZER(globals);

const char *bus_type_name(enum bus_type type)
{
    static const char *const names[BUS_TYPE_COUNT] = {
        [BUS_SYSTEM] = "system",     [BUS_ISA] = "isa",
        [BUS_PCI] = "pci",           [BUS_IDE] = "ide",
        [BUS_SMBUS] = "i2c",         [BUS_FLOPPY] = "floppy",
        [BUS_SCSI] = "scsi",         [BUS_USB] = "usb-bus",
        [BUS_VIRTIO] = "virtio-bus", [BUS_VIRTIO_SERIAL] = "virtio-serial-bus",
    };

    return names[type];
}

/* --- classes -------------------------------------------------------------- */

static size_t class_count(void)
{
    return (size_t)(__stop_doppel_devices - __start_doppel_devices);
}

const struct device_class *device_class_find(const char *name)
{
    for (size_t i = 0; i < class_count(); i++) {
        const struct device_class *cls = __start_doppel_devices[i];

        if (!strcmp(cls->name, name) || (cls->alias && !strcmp(cls->alias, name)))
            return cls;
    }
    return NULL;
}

static int compare_classes(const void *a, const void *b)
{
    const struct device_class *const *ca = a, *const *cb = b;

    if ((*ca)->bus != (*cb)->bus)
        return (*ca)->bus < (*cb)->bus ? -1 : 1;
    return strcmp((*ca)->name, (*cb)->name);
}

void device_class_for_each(void (*fn)(const struct device_class *cls, void *opaque), void *opaque)
{
    size_t count = class_count();
    const struct device_class **sorted = g_new(const struct device_class *, count + 1);

    for (size_t i = 0; i < count; i++)
        sorted[i] = __start_doppel_devices[i];
    qsort(sorted, count, sizeof(*sorted), compare_classes);
    for (size_t i = 0; i < count; i++)
        fn(sorted[i], opaque);
    g_free(sorted);
}

static void did_you_mean(GPtrArray *names, const char *word, struct error **err, const char *what)
{
    const char *hint;

    g_ptr_array_add(names, NULL);
    hint = util_suggest(word, (const char *const *)names->pdata);
    if (hint)
        error_set(err, "%s '%s'; did you mean '%s'?", what, word, hint);
    else
        error_set(err, "%s '%s'", what, word);
    g_ptr_array_free(names, TRUE);
}

int class_unknown(const char *name, struct error **err)
{
    GPtrArray *names = g_ptr_array_new();

    for (size_t i = 0; i < class_count(); i++)
        g_ptr_array_add(names, (void *)__start_doppel_devices[i]->name);
    did_you_mean(names, name, err, "there is no device");
    return -ENOENT;
}

/* --- properties ----------------------------------------------------------- */

static const struct prop *bus_type_props(enum bus_type type)
{
    size_t count = (size_t)(__stop_doppel_bus_props - __start_doppel_bus_props);

    for (size_t i = 0; i < count; i++) {
        if (__start_doppel_bus_props[i]->type == type)
            return __start_doppel_bus_props[i]->props;
    }
    return NULL;
}

static void for_each_in(const struct prop *p, void (*fn)(const struct prop *p, void *opaque),
                        void *opaque)
{
    for (; p && p->type != PROP_TYPE_END; p++)
        fn(p, opaque);
}

void class_for_each_prop(const struct device_class *cls,
                         void (*fn)(const struct prop *p, void *opaque), void *opaque)
{
    for_each_in(cls->props, fn, opaque);
    for_each_in(bus_type_props(cls->bus), fn, opaque);
}

static const struct prop *find_in(const struct prop *p, const char *name)
{
    for (; p && p->type != PROP_TYPE_END; p++) {
        if (!strcmp(p->name, name))
            return p;
    }
    return NULL;
}

const struct prop *class_find_prop(const struct device_class *cls, const char *name)
{
    const struct prop *p = find_in(cls->props, name);

    return p ? p : find_in(bus_type_props(cls->bus), name);
}

static void collect_name(const struct prop *p, void *opaque)
{
    g_ptr_array_add(opaque, (void *)p->name);
}

int class_unknown_prop(const struct device_class *cls, const char *prop, struct error **err)
{
    GPtrArray *names = g_ptr_array_new();
    char *what = g_strdup_printf("device '%s' has no property", cls->name);

    class_for_each_prop(cls, collect_name, names);
    did_you_mean(names, prop, err, what);
    g_free(what);
    return -ENOENT;
}

/* --- help ----------------------------------------------------------------- */

static void help_row(const struct device_class *cls, void *opaque)
{
    if (cls->no_user)
        return;
    g_string_append_printf(opaque, "name \"%s\", bus %s", cls->name, bus_type_name(cls->bus));
    if (cls->alias)
        g_string_append_printf(opaque, ", alias \"%s\"", cls->alias);
    if (cls->help)
        g_string_append_printf(opaque, ", desc \"%s\"", cls->help);
    g_string_append_c(opaque, '\n');
}

void device_help_list(GString *out)
{
    device_class_for_each(help_row, out);
}

static void help_prop(const struct prop *p, void *opaque)
{
    prop_describe(p, opaque);
}

int device_help_props(const char *name, GString *out, struct error **err)
{
    const struct device_class *cls = device_class_find(name);

    if (!cls)
        return class_unknown(name, err);
    g_string_append_printf(out, "%s: %s\n", cls->name, cls->help ? cls->help : "");
    class_for_each_prop(cls, help_prop, out);
    return 0;
}

/* --- -global -------------------------------------------------------------- */

static int add_global(const char *cls_name, const char *prop, const char *value, struct error **err)
{
    const struct device_class *cls = device_class_find(cls_name);
    const struct prop *p;
    struct global *g;

    if (!cls)
        return class_unknown(cls_name, err);
    p = class_find_prop(cls, prop);
    if (!p)
        return class_unknown_prop(cls, prop, err);
    g = g_new0(struct global, 1);
    g->cls = cls;
    g->prop = p;
    g->value = g_strdup(value);
    TAILQ_INSERT_TAIL(&globals, g, link);
    return 0;
}

int device_global_add(const char *text, struct error **err)
{
    const char *eq = strchr(text, '=');
    char *left = g_strndup(text, eq ? (size_t)(eq - text) : 0);
    char *dot = strrchr(left, '.');
    int ret = -EINVAL;

    if (!eq || !dot || dot == left || !dot[1]) {
        error_set(err, "-global wants DEVICE.PROPERTY=VALUE, not '%s'", text);
    } else {
        *dot = 0;
        ret = add_global(left, dot + 1, eq + 1, err);
    }
    g_free(left);
    return ret;
}

int class_apply_globals(struct device *dev, struct error **err)
{
    struct global *g;

    TAILQ_FOREACH(g, &globals, link)
    {
        int ret = g->cls == dev->cls ? prop_parse(dev, g->prop, g->value, err) : 0;

        if (ret < 0) {
            error_prepend(err, "-global %s.%s: ", g->cls->name, g->prop->name);
            return ret;
        }
    }
    return 0;
}
