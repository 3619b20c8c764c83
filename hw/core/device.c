/* SPDX-License-Identifier: MIT */
/*
 * Device instances and buses: life cycle, tree, reset.
 */
#include "hw/core/device.h"

#include "hw/core/class.h"
#include "hw/core/clock.h"
#include "hw/core/lock.h"
#include "hw/core/props.h"
#include "hw/core/regs.h"
#include "util/error.h"
#include "util/trace.h"

#include <errno.h>

#define UNPLUG_PATIENCE_NS (5 * NS_PER_SEC)

static TAILQ_HEAD(, device) devices = TAILQ_HEAD_INITIALIZER(devices); /* realized */
static TAILQ_HEAD(, device) newborn = TAILQ_HEAD_INITIALIZER(newborn); /* not realized */
static TAILQ_HEAD(, bus) all_buses = TAILQ_HEAD_INITIALIZER(all_buses);
static TAILQ_HEAD(, reset_handler) reset_handlers = TAILQ_HEAD_INITIALIZER(reset_handlers);

/* --- buses ---------------------------------------------------------------- */

static const struct bus_ops no_ops;

static char *free_bus_name(enum bus_type type)
{
    for (unsigned i = 0;; i++) {
        char *name = g_strdup_printf("%s.%u", bus_type_name(type), i);

        if (!bus_find(name))
            return name;
        g_free(name);
    }
}

void bus_init(struct bus *bus, enum bus_type type, const char *name, struct device *parent,
              const struct bus_ops *ops)
{
    memset(bus, 0, sizeof(*bus));
    bus->type = type;
    bus->name = name ? g_strdup(name) : free_bus_name(type);
    bus->parent = parent;
    bus->ops = ops ? ops : &no_ops;
    TAILQ_INIT(&bus->devices);
    TAILQ_INSERT_TAIL(&all_buses, bus, link);
    if (parent)
        TAILQ_INSERT_TAIL(&parent->buses, bus, parent_link);
}

void bus_fini(struct bus *bus)
{
    assert(TAILQ_EMPTY(&bus->devices));
    if (bus->parent)
        TAILQ_REMOVE(&bus->parent->buses, bus, parent_link);
    TAILQ_REMOVE(&all_buses, bus, link);
    g_free(bus->name);
    bus->name = NULL;
}

struct bus *bus_find(const char *name)
{
    struct bus *bus;

    TAILQ_FOREACH(bus, &all_buses, link)
    {
        if (!strcmp(bus->name, name))
            return bus;
    }
    return NULL;
}

struct bus *bus_find_type(enum bus_type type)
{
    struct bus *bus;

    TAILQ_FOREACH(bus, &all_buses, link)
    {
        if (bus->type == type)
            return bus;
    }
    return NULL;
}

static unsigned bus_device_count(const struct bus *bus)
{
    const struct device *dev;
    unsigned count = 0;

    TAILQ_FOREACH(dev, &bus->devices, bus_link)
    {
        count++;
    }
    return count;
}

/* --- finding -------------------------------------------------------------- */

static struct device *find_newborn(const char *id)
{
    struct device *dev;

    TAILQ_FOREACH(dev, &newborn, link)
    {
        if (dev->id && !strcmp(dev->id, id))
            return dev;
    }
    return NULL;
}

struct device *device_find(const char *id)
{
    struct device *dev;

    TAILQ_FOREACH(dev, &devices, link)
    {
        if (dev->id && !strcmp(dev->id, id))
            return dev;
    }
    return NULL;
}

struct device *device_for_each(bool (*fn)(struct device *dev, void *opaque), void *opaque)
{
    struct device *dev, *next;

    for (dev = TAILQ_FIRST(&devices); dev; dev = next) {
        next = TAILQ_NEXT(dev, link);
        if (fn(dev, opaque))
            return dev;
    }
    return NULL;
}

static void bus_address(const struct device *dev, char *buf, size_t size)
{
    const struct bus *bus = dev->bus;

    if (bus && bus->ops->address)
        bus->ops->address(bus, dev, buf, size);
    else
        snprintf(buf, size, "%s-%u", dev->cls->name, dev->instance);
}

char *device_path(const struct device *dev)
{
    char address[64];
    char *path, *up = NULL;

    bus_address(dev, address, sizeof(address));
    if (dev->bus && dev->bus->parent)
        up = device_path(dev->bus->parent);
    path = g_strdup_printf("%s/%s/%s", up ? up : "", dev->bus ? dev->bus->name : "board", address);
    g_free(up);
    return path;
}

/* --- properties ----------------------------------------------------------- */

void device_set_u64(struct device *dev, const char *prop, uint64_t value)
{
    const struct prop *p = class_find_prop(dev->cls, prop);

    assert(p && !dev->realized);
    prop_store_u64(dev, p, value);
}

void device_set_str(struct device *dev, const char *prop, const char *value)
{
    struct error *err = NULL;

    if (device_set_prop(dev, prop, value, &err) < 0) {
        error_report_free(err);
        assert(!"the machine sets a property wrongly");
    }
}

void device_set_ptr(struct device *dev, const char *prop, void *object)
{
    const struct prop *p = class_find_prop(dev->cls, prop);

    assert(p && !dev->realized);
    prop_store_ptr(dev, p, object);
}

int device_set_prop(struct device *dev, const char *prop, const char *value, struct error **err)
{
    const struct prop *p = class_find_prop(dev->cls, prop);
    int ret;

    assert(!dev->realized);
    if (!p)
        return class_unknown_prop(dev->cls, prop, err);
    ret = prop_parse(dev, p, value, err);
    if (ret < 0)
        error_prepend(err, "device '%s': ", dev->cls->name);
    return ret;
}

int device_change_prop(struct device *dev, const char *prop, const char *value, struct error **err)
{
    const struct prop *p = class_find_prop(dev->cls, prop);

    assert(device_locked() && dev->realized);
    if (!p)
        return class_unknown_prop(dev->cls, prop, err);
    if (!p->changed) {
        error_set(err,
                  "Attempt to set property '%s' on device '%s' (type '%s') after it was realized",
                  prop, dev->id ? dev->id : "", dev->cls->name);
        return -EPERM;
    }
    char *old = prop_print(dev, p);
    int ret = prop_parse(dev, p, value, err);
    if (ret == 0) {
        ret = p->changed(dev, err);
        if (ret < 0) {
            prop_parse(dev, p, old, NULL);
            p->changed(dev, NULL);
        }
    }
    g_free(old);
    return ret;
}

char *device_get_prop(const struct device *dev, const char *prop)
{
    const struct prop *p = class_find_prop(dev->cls, prop);

    return p ? prop_print(dev, p) : NULL;
}

/* --- life cycle ----------------------------------------------------------- */

static bool id_valid(const char *id)
{
    if (!g_ascii_isalpha(*id))
        return false;
    for (; *id; id++) {
        if (!g_ascii_isalnum(*id) && !strchr("-._", *id))
            return false;
    }
    return true;
}

static int check_id(const char *id, struct error **err)
{
    if (!id_valid(id)) {
        error_set(err, "'%s' is no valid id (a letter, then letters, digits, '-', '.', '_')", id);
        return -EINVAL;
    }
    if (device_find(id) || find_newborn(id)) {
        error_set(err, "there is a device '%s' already", id);
        return -EEXIST;
    }
    return 0;
}

static void default_prop(const struct prop *p, void *opaque)
{
    prop_set_default(opaque, p);
}

static void release_prop(const struct prop *p, void *opaque)
{
    prop_release(opaque, p);
}

static unsigned next_instance(const struct device_class *cls)
{
    struct device *dev;
    unsigned next = 0;

    TAILQ_FOREACH(dev, &devices, link)
    {
        if (dev->cls == cls)
            next = MAX(next, dev->instance + 1);
    }
    TAILQ_FOREACH(dev, &newborn, link)
    {
        if (dev->cls == cls)
            next = MAX(next, dev->instance + 1);
    }
    return next;
}

struct device *device_new(const char *name, const char *id, struct error **err)
{
    const struct device_class *cls = device_class_find(name);
    struct device *dev;

    if (!cls) {
        class_unknown(name, err);
        return NULL;
    }
    if (id && check_id(id, err) < 0)
        return NULL;
    assert(cls->state_size >= sizeof(struct device));
    dev = g_malloc0(cls->state_size);
    dev->cls = cls;
    dev->id = g_strdup(id);
    dev->instance = next_instance(cls);
    TAILQ_INIT(&dev->buses);
    TAILQ_INSERT_TAIL(&newborn, dev, link);
    class_for_each_prop(cls, default_prop, dev);
    if (class_apply_globals(dev, err) < 0) {
        device_free(dev);
        return NULL;
    }
    return dev;
}

static int pick_bus(struct device *dev, struct bus **bus, struct error **err)
{
    enum bus_type type = dev->cls->bus;

    if (!*bus && type != BUS_SYSTEM) {
        *bus = bus_find_type(type);
        if (!*bus) {
            error_set(err, "device '%s' needs a bus of type %s and there is none", dev->cls->name,
                      bus_type_name(type));
            return -ENODEV;
        }
    }
    if (*bus && (*bus)->type != type) {
        error_set(err, "device '%s' does not fit on bus '%s'", dev->cls->name, (*bus)->name);
        return -EINVAL;
    }
    if (*bus && (*bus)->max_devices && bus_device_count(*bus) >= (*bus)->max_devices) {
        error_set(err, "bus '%s' is full", (*bus)->name);
        return -ENOSPC;
    }
    return 0;
}

static void take_down(struct device *dev, struct bus *bus)
{
    if (bus && bus->ops->unplugging)
        bus->ops->unplugging(bus, dev);
    if (dev->cls->unrealize)
        dev->cls->unrealize(dev);
}

/* Plug, realize, announce; undone in reverse on failure. */
static int bring_up(struct device *dev, struct bus *bus, struct error **err)
{
    int ret = 0;

    if (bus && bus->ops->plug)
        ret = bus->ops->plug(bus, dev, err);
    if (ret < 0)
        return ret;
    if (dev->cls->realize)
        ret = dev->cls->realize(dev, err);
    if (ret < 0)
        goto unplug;
    if (bus && bus->ops->plugged)
        ret = bus->ops->plugged(bus, dev, err);
    if (ret < 0)
        goto unrealize;
    return 0;

unrealize:
    take_down(dev, bus);
unplug:
    if (bus && bus->ops->unplug)
        bus->ops->unplug(bus, dev);
    return ret;
}

int device_realize(struct device *dev, struct bus *bus, struct error **err)
{
    int ret;

    assert(device_locked() && !dev->realized);
    assert(!CONFIG_DEBUG || !dev->cls->regs || reg_bank_valid(dev->cls->regs));
    ret = pick_bus(dev, &bus, err);
    if (ret < 0)
        return ret;
    TRACE(device_realize, "%s id %s", dev->cls->name, dev->id ? dev->id : "-");
    dev->bus = bus;
    ret = bring_up(dev, bus, err);
    if (ret < 0) {
        dev->bus = NULL;
        return ret;
    }
    TAILQ_REMOVE(&newborn, dev, link);
    TAILQ_INSERT_TAIL(&devices, dev, link);
    if (bus)
        TAILQ_INSERT_TAIL(&bus->devices, dev, bus_link);
    dev->realized = true;
    if (dev->hotplugged)
        device_reset(dev, RESET_COLD);
    return 0;
}

void device_unrealize(struct device *dev)
{
    struct bus *bus;

    assert(device_locked() && dev->realized);
    TRACE(device_unrealize, "%s id %s", dev->cls->name, dev->id ? dev->id : "-");
    TAILQ_FOREACH(bus, &dev->buses, parent_link)
    {
        while (!TAILQ_EMPTY(&bus->devices))
            device_free(TAILQ_LAST(&bus->devices, bus_devices));
    }
    dev->realized = false;
    if (dev->bus)
        TAILQ_REMOVE(&dev->bus->devices, dev, bus_link);
    TAILQ_REMOVE(&devices, dev, link);
    TAILQ_INSERT_TAIL(&newborn, dev, link);
    take_down(dev, dev->bus);
    if (dev->bus && dev->bus->ops->unplug)
        dev->bus->ops->unplug(dev->bus, dev);
    dev->bus = NULL;
}

void device_free(struct device *dev)
{
    if (dev->realized)
        device_unrealize(dev);
    device_forget_leaving(dev);
    TAILQ_REMOVE(&newborn, dev, link);
    class_for_each_prop(dev->cls, release_prop, dev);
    g_free(dev->id);
    g_free(dev);
}

/* A guest that does not answer (no driver yet) may be asked again after a while. */
static bool unplug_under_way(const struct device *dev)
{
    return dev->leaving || (dev->unplug_pending && clock_now(CLK_REALTIME) - dev->unplug_asked <
                                                       UNPLUG_PATIENCE_NS);
}

int device_unplug_request(struct device *dev, struct error **err)
{
    const struct bus *bus = dev->bus;
    int ret;

    if (!dev->cls->hotpluggable || !bus || !bus->hotpluggable || !bus->ops->unplug_request) {
        error_set(err, "device '%s' cannot be unplugged", dev->id ? dev->id : dev->cls->name);
        return -EBUSY;
    }
    if (unplug_under_way(dev)) {
        error_set(err, "device '%s' is being unplugged already",
                  dev->id ? dev->id : dev->cls->name);
        return -EBUSY;
    }
    dev->unplug_pending = true;
    dev->unplug_asked = clock_now(CLK_REALTIME);
    ret = bus->ops->unplug_request(dev->bus, dev, err);
    if (ret < 0)
        dev->unplug_pending = false;
    return ret;
}

/* --- reset ---------------------------------------------------------------- */

void reset_handler_add(struct reset_handler *h)
{
    TAILQ_INSERT_TAIL(&reset_handlers, h, link);
}

void reset_handler_remove(struct reset_handler *h)
{
    TAILQ_REMOVE(&reset_handlers, h, link);
}

/* The device alone. */
static void reset_one(struct device *dev, enum reset_kind kind)
{
    if (dev->bus && dev->bus->ops->reset)
        dev->bus->ops->reset(dev->bus, dev, kind);
    if (dev->cls->regs)
        reg_bank_reset(dev->cls->regs, dev);
    if (dev->cls->reset)
        dev->cls->reset(dev, kind);
}

void device_reset(struct device *dev, enum reset_kind kind)
{
    struct bus *bus;

    assert(device_locked());
    reset_one(dev, kind);
    TAILQ_FOREACH(bus, &dev->buses, parent_link)
    {
        bus_reset(bus, kind);
    }
}

void bus_reset(struct bus *bus, enum reset_kind kind)
{
    struct device *dev;

    TAILQ_FOREACH(dev, &bus->devices, bus_link)
    {
        device_reset(dev, kind);
    }
}

void device_reset_all(enum reset_kind kind)
{
    struct device *dev;
    struct reset_handler *h, *next;

    assert(device_locked());
    TAILQ_FOREACH(dev, &devices, link)
    {
        reset_one(dev, kind);
    }
    for (h = TAILQ_FIRST(&reset_handlers); h; h = next) {
        next = TAILQ_NEXT(h, link);
        h->reset(h, kind);
    }
}

/* --- description ---------------------------------------------------------- */

struct describe_ctx {
    const struct device *dev;
    GString *out;
    unsigned indent;
};

static void describe_prop(const struct prop *p, void *opaque)
{
    struct describe_ctx *ctx = opaque;
    char *value = prop_print(ctx->dev, p);

    g_string_append_printf(ctx->out, "%*s%s = %s\n", ctx->indent, "", p->name, value ? value : "");
    g_free(value);
}

static void describe_bus(const struct bus *bus, GString *out, unsigned indent);

static void describe_device(const struct device *dev, GString *out, unsigned indent)
{
    struct describe_ctx ctx = {dev, out, indent + 2};
    const struct bus *bus;
    char address[64];

    bus_address(dev, address, sizeof(address));
    g_string_append_printf(out, "%*sdev: %s, id \"%s\", addr %s\n", indent, "", dev->cls->name,
                           dev->id ? dev->id : "", address);
    class_for_each_prop(dev->cls, describe_prop, &ctx);
    TAILQ_FOREACH(bus, &dev->buses, parent_link)
    {
        describe_bus(bus, out, indent + 2);
    }
}

static void describe_bus(const struct bus *bus, GString *out, unsigned indent)
{
    const struct device *dev;

    g_string_append_printf(out, "%*sbus: %s\n%*stype %s\n", indent, "", bus->name, indent + 2, "",
                           bus_type_name(bus->type));
    TAILQ_FOREACH(dev, &bus->devices, bus_link)
    {
        describe_device(dev, out, indent + 2);
    }
}

void device_tree_describe(GString *out)
{
    const struct device *dev;
    const struct bus *bus;

    TAILQ_FOREACH(dev, &devices, link)
    {
        if (!dev->bus)
            describe_device(dev, out, 0);
    }
    TAILQ_FOREACH(bus, &all_buses, link)
    {
        if (!bus->parent)
            describe_bus(bus, out, 0);
    }
}
