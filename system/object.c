/* SPDX-License-Identifier: MIT */
/* -object, object_add, object_del. */
#include "system/object.h"

#include <errno.h>

#include "hw/core/device.h"
#include "util/error.h"
#include "util/rows.h"

extern const struct object_class *const __start_doppel_objects[];
extern const struct object_class *const __stop_doppel_objects[];

static TAILQ_HEAD(, object) objects = TAILQ_HEAD_INITIALIZER(objects);

#define FOR_EACH_CLASS(p)                                                                          \
    for (const struct object_class *const *p = __start_doppel_objects; p < __stop_doppel_objects;  \
         p++)

static const struct object_class *class_find(const char *name, struct error **err)
{
    return rows_find(__start_doppel_objects, __stop_doppel_objects, name, "object type", err);
}

const struct object_class *object_class_find(const char *name)
{
    return class_find(name, NULL);
}

void object_class_for_each(void (*fn)(const struct object_class *cls, void *opaque), void *opaque)
{
    FOR_EACH_CLASS(p)
    {
        fn(*p, opaque);
    }
}

/* --- finding ---------------------------------------------------------------------------------- */

struct object *object_find(const char *id)
{
    struct object *obj;

    TAILQ_FOREACH(obj, &objects, link)
    {
        if (!strcmp(obj->id, id)) {
            return obj;
        }
    }
    return NULL;
}

bool object_is(const struct object *obj, const char *kind)
{
    return !strcmp(obj->cls->kind, kind);
}

void object_for_each(void (*fn)(struct object *obj, void *opaque), void *opaque)
{
    struct object *obj, *next;

    for (obj = TAILQ_FIRST(&objects); obj; obj = next) {
        next = TAILQ_NEXT(obj, link);
        fn(obj, opaque);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

/* A copy without what names the object. */
static void copy_props(struct opt_list *to, const struct opt_list *from)
{
    to->pairs = g_new0(struct opt_pair, from->count + 1);
    for (unsigned i = 0; i < from->count; i++) {
        const struct opt_pair *pair = &from->pairs[i];
        if (strcmp(pair->name, "qom-type") && strcmp(pair->name, "id")) {
            to->pairs[to->count++] = (struct opt_pair){g_strdup(pair->name), g_strdup(pair->value)};
        }
    }
}

static struct object *make(const struct object_class *cls, const struct opt_list *opts,
                           struct error **err)
{
    static const struct opt_desc none[] = {{.type = OPT_END}};
    struct object *obj = g_malloc0(cls->state_size);

    obj->cls = cls;
    copy_props(&obj->opts, opts);
    if (cls->init) {
        cls->init(obj);
    }
    if (opt_apply(&obj->opts, cls->descs ? cls->descs : none, obj, cls->name, err) < 0 ||
        (cls->open && cls->open(obj, err) < 0)) {
        opt_list_free(&obj->opts);
        g_free(obj);
        return NULL;
    }
    return obj;
}

struct object *object_new(const char *type, struct error **err)
{
    const struct object_class *cls = class_find(type, err);
    struct opt_list none = {NULL, 0};

    return cls ? make(cls, &none, err) : NULL;
}

void object_free(struct object *obj)
{
    if (obj->id) {
        TAILQ_REMOVE(&objects, obj, link);
    }
    if (obj->cls->close) {
        obj->cls->close(obj);
    }
    opt_list_free(&obj->opts);
    g_free(obj->id);
    g_free(obj);
}

int object_add(const struct opt_list *opts, struct error **err)
{
    const char *type = opt_list_get(opts, "qom-type"), *id = opt_list_get(opts, "id");
    const struct object_class *cls = type ? class_find(type, err) : NULL;

    if (!type || !id || !*id) {
        if (!type || cls) {
            error_set(err, "an object needs a type and an id");
        }
        return -EINVAL;
    }
    if (!cls) {
        return -ENOENT;
    }
    if (object_find(id)) {
        error_set(err, "there is an object '%s' already", id);
        return -EEXIST;
    }
    struct object *obj = make(cls, opts, err);
    if (!obj) {
        return -EINVAL;
    }
    obj->id = g_strdup(id);
    TAILQ_INSERT_TAIL(&objects, obj, link);
    return 0;
}

int object_add_text(const char *text, struct error **err)
{
    struct opt_list opts;

    opt_list_parse(&opts, text, "qom-type");
    int ret = object_add(&opts, err);
    opt_list_free(&opts);
    return ret;
}

int object_del(const char *id, struct error **err)
{
    struct object *obj = object_find(id);

    if (!obj) {
        error_set(err, "there is no object '%s'", id);
        return -ENOENT;
    }
    if (obj->users) {
        error_set(err, "object '%s' is in use", id);
        return -EBUSY;
    }
    object_free(obj);
    return 0;
}

/* --- help ------------------------------------------------------------------------------------- */

void object_help(GString *out)
{
    FOR_EACH_CLASS(p)
    {
        g_string_append_printf(out, "%-20s %s\n", (*p)->name, (*p)->help);
    }
}

int object_help_props(const char *type, GString *out, struct error **err)
{
    const struct object_class *cls = class_find(type, err);

    if (!cls) {
        return -ENOENT;
    }
    g_string_append_printf(out, "%s: %s\n", cls->name, cls->help);
    for (const struct opt_desc *d = cls->descs; d && d->type != OPT_END; d++) {
        g_string_append_printf(out, "  %-20s %s\n", d->name, d->help ? d->help : "");
    }
    return 0;
}

static bool asks_for_help(const char *word)
{
    return !strcmp(word, "help") || !strcmp(word, "?");
}

int object_help_for(const char *text, GString *out, struct error **err)
{
    struct opt_list opts;
    int ret = 0;

    opt_list_parse(&opts, text, "qom-type");
    const char *type = opt_list_get(&opts, "qom-type");
    if (type && asks_for_help(type)) {
        object_help(out);
        ret = 1;
    }
    for (unsigned i = 0; i < opts.count && ret == 0; i++) {
        if (asks_for_help(opts.pairs[i].name)) {
            ret = object_help_props(type, out, err);
            ret = ret < 0 ? ret : 1;
        }
    }
    opt_list_free(&opts);
    return ret;
}

/* --- properties of devices -------------------------------------------------------------------- */

static int resolve(struct device *dev, const char *name, void **out, struct error **err)
{
    struct object *obj = object_find(name);

    if (!obj) {
        error_set(err, "there is no object '%s'", name);
        return -ENOENT;
    }
    obj->users++;
    *out = obj;
    return 0;
}

static void release(struct device *dev, void *object)
{
    ((struct object *)object)->users--;
}

static const char *object_name(const void *object)
{
    const struct object *obj = object;

    return obj->id ? obj->id : "";
}

void object_init(void)
{
    static const struct prop_resolver resolver = {resolve, release, object_name};

    prop_set_resolver(PROP_TYPE_OBJECT, &resolver);
}
