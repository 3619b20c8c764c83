/* SPDX-License-Identifier: MIT */
/*
 * Devices that come and go: -device, device_add and device_del.
 */
#include "hw/core/hotplug.h"

#include "hw/core/class.h"
#include "hw/core/lock.h"
#include "system/mainloop.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/trace.h"

#include <errno.h>

static bool machine_complete;
static struct notifier_list deleted_notifiers = NOTIFIER_LIST_INIT(deleted_notifiers);
static struct notifier_list refused_notifiers = NOTIFIER_LIST_INIT(refused_notifiers);
static TAILQ_HEAD(, device) leaving = TAILQ_HEAD_INITIALIZER(leaving);

void device_hotplug_begin(void)
{
    machine_complete = true;
}

bool bus_hotpluggable(const struct bus *bus)
{
    return bus->hotpluggable;
}

void device_add_deleted_notifier(struct notifier *n)
{
    notifier_add(&deleted_notifiers, n);
}

void device_remove_deleted_notifier(struct notifier *n)
{
    notifier_remove(&deleted_notifiers, n);
}

void device_add_refused_notifier(struct notifier *n)
{
    notifier_add(&refused_notifiers, n);
}

void device_remove_refused_notifier(struct notifier *n)
{
    notifier_remove(&refused_notifiers, n);
}

/* --- adding --------------------------------------------------------------- */

static int check_class(const char *driver, struct error **err)
{
    const struct device_class *cls = driver ? device_class_find(driver) : NULL;

    if (!driver) {
        error_set(err, "a device needs a driver");
        return -EINVAL;
    }
    if (!cls)
        return class_unknown(driver, err);
    if (cls->no_user) {
        error_set(err, "device '%s' is part of the machine, not to be added", driver);
        return -EINVAL;
    }
    if (machine_complete && !cls->hotpluggable) {
        error_set(err, "device '%s' cannot be added while the machine runs", driver);
        return -EBUSY;
    }
    return 0;
}

/* The bus a hot-plugged device goes to must be one that can take it. */
static int find_bus(const char *name, const struct device_class *cls, struct bus **bus,
                    struct error **err)
{
    *bus = name ? bus_find(name) : bus_find_type(cls->bus);
    if (name && !*bus) {
        error_set(err, "there is no bus '%s'", name);
        return -ENOENT;
    }
    if (machine_complete && *bus && !bus_hotpluggable(*bus)) {
        error_set(err, "bus '%s' takes no devices while the machine runs", (*bus)->name);
        return -EBUSY;
    }
    return 0;
}

static int set_props(struct device *dev, const struct opt_list *opts, struct error **err)
{
    static const char *const own[] = {"driver", "id", "bus", NULL};
    int ret = 0;

    for (unsigned i = 0; i < opts->count && ret == 0; i++) {
        const struct opt_pair *pair = &opts->pairs[i];

        if (!g_strv_contains(own, pair->name))
            ret = device_set_prop(dev, pair->name, pair->value ? pair->value : "on", err);
    }
    return ret;
}

int device_add(const struct opt_list *opts, struct error **err)
{
    const char *driver = opt_list_get(opts, "driver");
    struct device *dev;
    struct bus *bus;
    int ret = check_class(driver, err);

    if (ret < 0)
        return ret;
    ret = find_bus(opt_list_get(opts, "bus"), device_class_find(driver), &bus, err);
    if (ret < 0)
        return ret;
    dev = device_new(driver, opt_list_get(opts, "id"), err);
    if (!dev)
        return -EINVAL;
    dev->hotplugged = machine_complete;
    ret = set_props(dev, opts, err);
    if (ret == 0)
        ret = device_realize(dev, bus, err);
    if (ret < 0)
        device_free(dev);
    return ret;
}

int device_add_text(const char *text, struct error **err)
{
    struct opt_list opts;
    int ret;

    opt_list_parse(&opts, text, "driver");
    ret = device_add(&opts, err);
    opt_list_free(&opts);
    return ret;
}

/* --- removing ------------------------------------------------------------- */

int device_del(const char *id, struct error **err)
{
    struct device *dev = device_find(id);

    if (!dev) {
        error_set(err, "there is no device '%s'", id);
        return -ENOENT;
    }
    return device_unplug_request(dev, err);
}

struct deleted_list {
    GPtrArray *ids, *paths;
};

/* Children first, as they are freed. */
static void list_names(const struct device *dev, struct deleted_list *list)
{
    const struct device *child;
    const struct bus *bus;

    TAILQ_FOREACH(bus, &dev->buses, parent_link)
    {
        TAILQ_FOREACH(child, &bus->devices, bus_link)
        {
            list_names(child, list);
        }
    }
    g_ptr_array_add(list->ids, g_strdup(dev->id));
    g_ptr_array_add(list->paths, device_path(dev));
}

static void tell(const struct deleted_list *list)
{
    for (unsigned i = 0; i < list->ids->len; i++) {
        struct device_deleted gone = {g_ptr_array_index(list->ids, i),
                                      g_ptr_array_index(list->paths, i)};

        TRACE(device_deleted, "%s id %s", gone.path, gone.id ? gone.id : "-");
        notifier_notify(&deleted_notifiers, &gone);
    }
}

static void delete_device(struct device *dev)
{
    struct deleted_list list = {g_ptr_array_new_with_free_func(g_free),
                                g_ptr_array_new_with_free_func(g_free)};

    list_names(dev, &list);
    device_free(dev);
    tell(&list);
    g_ptr_array_free(list.ids, TRUE);
    g_ptr_array_free(list.paths, TRUE);
}

/* A vCPU may have the device's registers in its TLB until it has stood still once. */
static void delete_leaving(void *opaque)
{
    vcpu_gate_close();
    while (!TAILQ_EMPTY(&leaving))
        delete_device(TAILQ_FIRST(&leaving));
    vcpu_gate_open();
}

void device_unplug_finish(struct device *dev)
{
    static struct deferred later = {.cb = delete_leaving};

    assert(device_locked());
    if (dev->leaving)
        return;
    dev->leaving = true;
    TAILQ_INSERT_TAIL(&leaving, dev, leaving_link);
    deferred_schedule(&later);
}

void device_unplug_refused(struct device *dev)
{
    assert(device_locked());
    if (!dev->unplug_pending || dev->leaving)
        return;
    dev->unplug_pending = false;
    char *path = device_path(dev);
    struct device_deleted stays = {dev->id, path};
    TRACE(device_unplug_refused, "%s id %s", path, dev->id ? dev->id : "-");
    notifier_notify(&refused_notifiers, &stays);
    g_free(path);
}

void device_forget_leaving(struct device *dev)
{
    if (dev->leaving)
        TAILQ_REMOVE(&leaving, dev, leaving_link);
    dev->leaving = false;
}
