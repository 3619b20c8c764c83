/* SPDX-License-Identifier: MIT */
/* Commands about objects (-object): making and deleting them, and what they are. */
#include "monitor/internal.h"
#include "system/object.h"
#include "util/opttext.h"

json_t *qmp_object_add(struct monitor *m, json_t *args, struct error **err)
{
    static const char *const first[] = {"qom-type", NULL};
    GString *text = g_string_new(arg_str(args, "qom-type"));

    opttext_object(text, args, first);
    int ret = object_add_text(text->str, err);
    g_string_free(text, TRUE);
    return ret < 0 ? NULL : qmp_empty();
}

void hmp_object_add(struct monitor *m, json_t *args)
{
    const char *options = arg_str(args, "options");
    GString *help = g_string_new(NULL);
    struct error *err = NULL;
    int ret = object_help_for(options, help, &err);

    if (ret == 0) {
        ret = object_add_text(options, &err);
    }
    if (ret < 0) {
        mon_error(m, err);
    }
    mon_puts(m, help->str);
    g_string_free(help, TRUE);
}

json_t *qmp_object_del(struct monitor *m, json_t *args, struct error **err)
{
    return object_del(arg_str(args, "id"), err) < 0 ? NULL : qmp_empty();
}

/* --- properties --------------------------------------------------------------------------------- */

void object_list_props(const struct object *obj, json_t *list)
{
    for (const struct opt_desc *d = obj->cls->descs; d && d->type != OPT_END; d++) {
        append_option(d, list);
    }
}

static json_t *value_of(const struct object *obj, const struct opt_desc *d)
{
    const void *field = (const char *)obj + d->offset;
    const char *text;

    switch (d->type) {
    case OPT_STR:
        text = *(const char *const *)field;
        return json_string(text ? text : "");
    case OPT_BOOL:
        return json_boolean(*(const bool *)field);
    case OPT_INT:
    case OPT_U32:
        return json_integer(*(const uint32_t *)field);
    case OPT_SIZE:
        return json_integer((json_int_t) * (const uint64_t *)field);
    case OPT_ENUM:
        return json_string(d->names[*(const int *)field]);
    case OPT_END:
        break;
    }
    return NULL;
}

json_t *object_get_prop(const struct object *obj, const char *name)
{
    for (const struct opt_desc *d = obj->cls->descs; d && d->type != OPT_END; d++) {
        if (!strcmp(d->name, name)) {
            return obj->cls->is_private ? json_string("") : value_of(obj, d);
        }
    }
    return NULL;
}
