/* SPDX-License-Identifier: MIT */
/*
 * Types at run time. The error texts are those clients of QEMU know (docs/interop/qmp-spec of
 * QEMU leaves them open, but people read them).
 */
#include "monitor/schema.h"

#include <errno.h>
#include <glib.h>

#include "monitor/commands.h"
#include "monitor/keys.h"
#include "system/object.h"
#include "util/error.h"

static const struct schema_type written_types[] = {
#define ENUM(name, values)              {#name, SCHEMA_ENUM, values, NULL, NULL, false},
#define STRUCT(name, members)           {#name, SCHEMA_STRUCT, members, NULL, NULL, false},
#define UNION(name, members, tag, vars) {#name, SCHEMA_UNION, members, tag, vars, false},
#define ALTERNATE(name, types)          {#name, SCHEMA_ALTERNATE, types, NULL, NULL, false},
#define EVENT(name, members, rate, help)
#include "monitor/types.def"
#undef EVENT
#undef ENUM
#undef STRUCT
#undef UNION
#undef ALTERNATE
    {"QKeyCode", SCHEMA_ENUM, KEY_NAMES, NULL, NULL, false},
    {.name = NULL},
};

const struct schema_event schema_events[] = {
#define ENUM(name, values)
#define STRUCT(name, members)
#define UNION(name, members, tag, vars)
#define ALTERNATE(name, types)
#define EVENT(name, members, rate, help) {#name, members, rate, help},
#include "monitor/types.def"
#undef EVENT
#undef ENUM
#undef STRUCT
#undef UNION
#undef ALTERNATE
    {.name = NULL},
};

/* --- types made from tables elsewhere --------------------------------------------------------- */

static void append_object_struct(const struct object_class *cls, void *opaque)
{
    static const char *const types[] = {
        [OPT_STR] = "str", [OPT_BOOL] = "bool", [OPT_INT] = "int",
        [OPT_U32] = "int", [OPT_SIZE] = "size", [OPT_ENUM] = "str",
    };
    GString *members = g_string_new(NULL);

    for (const struct opt_desc *d = cls->descs; d && d->type != OPT_END; d++) {
        g_string_append_printf(members, "*%s:%s ", d->name, types[d->type]);
    }
    struct schema_type t = {.name = g_strdup_printf("%s-properties", cls->name),
                            .kind = SCHEMA_STRUCT,
                            .members = g_string_free(members, FALSE),
                            .derived = true};
    g_array_append_val(opaque, t);
}

static void append_object_name(const struct object_class *cls, void *opaque)
{
    g_string_append_printf(opaque, "%s ", cls->name);
}

static void append_object_variant(const struct object_class *cls, void *opaque)
{
    g_string_append_printf(opaque, "%s:%s-properties ", cls->name, cls->name);
}

static char *object_list(void (*fn)(const struct object_class *cls, void *opaque))
{
    GString *text = g_string_new(NULL);

    object_class_for_each(fn, text);
    return g_string_free(text, FALSE);
}

/* ObjectType and ObjectOptions: the classes of -object and their properties. */
static GArray *make_types(void)
{
    GArray *all = g_array_new(FALSE, FALSE, sizeof(struct schema_type));
    struct schema_type names = {.name = "ObjectType",
                                .kind = SCHEMA_ENUM,
                                .members = object_list(append_object_name),
                                .derived = true};
    struct schema_type options = {.name = "ObjectOptions",
                                  .kind = SCHEMA_UNION,
                                  .members = "qom-type:ObjectType id:str",
                                  .tag = "qom-type",
                                  .variants = object_list(append_object_variant),
                                  .derived = true};

    g_array_append_vals(all, written_types, ARRAY_SIZE(written_types) - 1);
    object_class_for_each(append_object_struct, all);
    g_array_append_val(all, names);
    g_array_append_val(all, options);
    return all;
}

const struct schema_type *schema_type_at(unsigned i)
{
    static GArray *all;

    if (!all) {
        all = make_types();
    }
    return i < all->len ? &g_array_index(all, struct schema_type, i) : NULL;
}

const struct schema_type *schema_find(const char *name)
{
    const struct schema_type *t;

    for (unsigned i = 0; (t = schema_type_at(i)); i++) {
        if (!strcmp(t->name, name)) {
            return t;
        }
    }
    return NULL;
}

const struct schema_event *schema_find_event(const char *name)
{
    for (const struct schema_event *e = schema_events; e->name; e++) {
        if (!strcmp(e->name, name)) {
            return e;
        }
    }
    return NULL;
}

/* --- lists in rows ---------------------------------------------------------------------------- */

/* The next blank-separated word: its length, 0 at the end. */
static size_t next_word(const char **list)
{
    *list += strspn(*list, " ");
    return strcspn(*list, " ");
}

bool schema_next(const char **list, struct schema_member *m, bool *open)
{
    size_t len = next_word(list);

    if (len == 3 && !strncmp(*list, "...", 3)) {
        *open = true;
        *list += len;
        len = next_word(list);
    }
    if (!len) {
        return false;
    }
    const char *word = *list, *colon = memchr(word, ':', len);
    *list += len;
    memset(m, 0, sizeof(*m));
    assert(colon);
    m->optional = *word == '*';
    word += m->optional;
    const char *type = colon + 1, *end = *list;
    m->list = *type == '[';
    type += m->list;
    end -= m->list;
    assert((size_t)(colon - word) < sizeof(m->name) && (size_t)(end - type) < sizeof(m->type));
    memcpy(m->name, word, (size_t)(colon - word));
    memcpy(m->type, type, (size_t)(end - type));
    return true;
}

int schema_enum_index(const char *enum_name, const char *value)
{
    const char *list = schema_find(enum_name)->members;
    size_t len, want = strlen(value);

    for (int i = 0; (len = next_word(&list)); i++, list += len) {
        if (len == want && !memcmp(list, value, len)) {
            return i;
        }
    }
    return -1;
}

/* --- checking --------------------------------------------------------------------------------- */

/* Where in the arguments we are, for messages: "keys[0].type". */
struct place {
    const struct place *above;
    const char *name;
    int index; /* -1: not in a list */
};

static void append_place(const struct place *p, GString *out)
{
    if (p->above) {
        append_place(p->above, out);
    }
    if (p->index >= 0) {
        g_string_append_printf(out, "[%d]", p->index);
    } else {
        g_string_append_printf(out, "%s%s", out->len ? "." : "", p->name);
    }
}

/* "Parameter 'keys[0].type' <problem>". */
static int refuse(const struct place *p, const char *problem, struct error **err)
{
    GString *where = g_string_new(NULL);

    append_place(p, where);
    error_set(err, "Parameter '%s' %s", where->str, problem);
    g_string_free(where, TRUE);
    return -EINVAL;
}

static int wrong_type(const struct place *p, const char *expected, struct error **err)
{
    GString *where = g_string_new(NULL);

    append_place(p, where);
    error_set(err, "Invalid parameter type for '%s', expected: %s", where->str, expected);
    g_string_free(where, TRUE);
    return -EINVAL;
}

static const struct builtin {
    const char *name, *json_type, *expected;
} builtins[] = {
    {"str", "string", "string"},    {"int", "int", "integer"},      {"size", "int", "integer"},
    {"number", "number", "number"}, {"bool", "boolean", "boolean"}, {"any", "value", ""},
    {"null", "null", "null"},
};

static const struct builtin *find_builtin(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(builtins); i++) {
        if (!strcmp(builtins[i].name, name)) {
            return &builtins[i];
        }
    }
    return NULL;
}

static bool builtin_matches(const char *name, const json_t *v)
{
    switch (*name) {
    case 's':
        return name[1] == 't' ? json_is_string(v)
                              : json_is_integer(v) && json_integer_value(v) >= 0;
    case 'i':
        return json_is_integer(v);
    case 'b':
        return json_is_boolean(v);
    case 'a':
        return true;
    default:
        return name[2] == 'm' ? json_is_number(v) : json_is_null(v);
    }
}

static int check_members(const char *members, const char *more, json_t *value,
                         const struct place *above, struct error **err);

/* A union's further members, by its tag. */
static const char *variant_members(const struct schema_type *t, json_t *value)
{
    const char *tag = json_string_value(json_object_get(value, t->tag)), *list = t->variants;
    struct schema_member m;
    bool open;

    while (tag && schema_next(&list, &m, &open)) {
        if (!strcmp(m.name, tag)) {
            return schema_find(m.type)->members;
        }
    }
    return "";
}

static int check_one(const char *type, json_t *value, const struct place *at, struct error **err);

static int check_alternate(const struct schema_type *t, json_t *value, const struct place *at,
                           struct error **err)
{
    const char *list = t->members;
    size_t len;

    for (; (len = next_word(&list)); list += len) {
        char *name = g_strndup(list, len);
        int ret = check_one(name, value, at, NULL);
        g_free(name);
        if (ret == 0) {
            return 0;
        }
    }
    return wrong_type(at, t->name, err);
}

static int check_one(const char *type, json_t *value, const struct place *at, struct error **err)
{
    const struct builtin *b = find_builtin(type);
    const struct schema_type *t = b ? NULL : schema_find(type);

    if (b) {
        return builtin_matches(type, value) ? 0 : wrong_type(at, b->expected, err);
    }
    assert(t);
    switch (t->kind) {
    case SCHEMA_ENUM:
        if (!json_is_string(value)) {
            return wrong_type(at, "string", err);
        }
        if (schema_enum_index(type, json_string_value(value)) < 0) {
            char *problem = g_strdup_printf("does not accept value '%s'", json_string_value(value));
            int ret = refuse(at, problem, err);
            g_free(problem);
            return ret;
        }
        return 0;
    case SCHEMA_ALTERNATE:
        return check_alternate(t, value, at, err);
    default:
        if (!json_is_object(value)) {
            return wrong_type(at, "object", err);
        }
        return check_members(t->members, t->tag ? variant_members(t, value) : "", value, at, err);
    }
}

static int check_member(const struct schema_member *m, json_t *value, const struct place *at,
                        struct error **err)
{
    json_t *element;
    size_t i;

    if (!m->list) {
        return check_one(m->type, value, at, err);
    }
    if (!json_is_array(value)) {
        return wrong_type(at, "array", err);
    }
    json_array_foreach(value, i, element)
    {
        struct place in = {at, NULL, (int)i};
        if (check_one(m->type, element, &in, err) < 0) {
            return -EINVAL;
        }
    }
    return 0;
}

static bool is_listed(const char *members, const char *key, bool *open)
{
    struct schema_member m;

    while (schema_next(&members, &m, open)) {
        if (!strcmp(m.name, key)) {
            return true;
        }
    }
    return false;
}

static int check_list(const char *members, json_t *value, const struct place *above,
                      struct error **err)
{
    struct schema_member m;
    bool open;

    while (schema_next(&members, &m, &open)) {
        struct place at = {above, m.name, -1};
        json_t *v = json_object_get(value, m.name);
        if (!v && !m.optional) {
            return refuse(&at, "is missing", err);
        }
        if (v && check_member(&m, v, &at, err) < 0) {
            return -EINVAL;
        }
    }
    return 0;
}

static int check_members(const char *members, const char *more, json_t *value,
                         const struct place *above, struct error **err)
{
    const char *key;
    json_t *unused;
    bool open = false;

    if (check_list(members, value, above, err) < 0 || check_list(more, value, above, err) < 0) {
        return -EINVAL;
    }
    json_object_foreach(value, key, unused)
    {
        struct place at = {above, key, -1};
        if (!is_listed(members, key, &open) && !is_listed(more, key, &open) && !open) {
            return refuse(&at, "is unexpected", err);
        }
    }
    return 0;
}

/* Instead of a list of members: the name of a type that has some. */
static bool is_type_name(const char *members)
{
    return g_ascii_isupper(*members) && !strchr(members, ':');
}

int schema_check(const char *members, json_t *value, struct error **err)
{
    if (is_type_name(members)) {
        const struct schema_type *t = schema_find(members);
        return check_members(t->members, t->tag ? variant_members(t, value) : "", value, NULL, err);
    }
    return check_members(members, "", value, NULL, err);
}

/* --- query-qmp-schema ------------------------------------------------------------------------- */

static json_t *entity(json_t *list, const char *name, const char *meta)
{
    json_t *e = json_pack("{s:s, s:s}", "name", name, "meta-type", meta);

    json_array_append_new(list, e);
    return e;
}

/* Names what a member is of; makes the entity of its list type if that is new. */
static char *type_reference(json_t *out, json_t *arrays, const struct schema_member *m)
{
    const char *element = !strcmp(m->type, "size") ? "int" : m->type;
    char *name = m->list ? g_strdup_printf("[%s]", element) : g_strdup(element);

    if (m->list && !json_object_get(arrays, name)) {
        json_object_set_new(arrays, name, json_true());
        json_object_set_new(entity(out, name, "array"), "element-type", json_string(element));
    }
    return name;
}

static json_t *describe_members(json_t *out, json_t *arrays, const char *members)
{
    json_t *list = json_array();
    struct schema_member m;
    bool open;

    while (schema_next(&members, &m, &open)) {
        char *type = type_reference(out, arrays, &m);
        json_t *member = json_pack("{s:s, s:s}", "name", m.name, "type", type);
        if (m.optional) {
            json_object_set_new(member, "default", json_null());
        }
        json_array_append_new(list, member);
        g_free(type);
    }
    return list;
}

static void describe_enum(json_t *e, const char *values)
{
    json_t *members = json_array(), *names = json_array();
    size_t len;

    for (; (len = next_word(&values)); values += len) {
        json_array_append_new(names, json_stringn(values, len));
        json_array_append_new(members, json_pack("{s:s%}", "name", values, len));
    }
    json_object_set_new(e, "members", members);
    json_object_set_new(e, "values", names);
}

static void describe_variants(json_t *e, const struct schema_type *t)
{
    json_t *list = json_array();
    const char *variants = t->variants;
    struct schema_member m;
    bool open;

    while (schema_next(&variants, &m, &open)) {
        json_array_append_new(list, json_pack("{s:s, s:s}", "case", m.name, "type", m.type));
    }
    json_object_set_new(e, "tag", json_string(t->tag));
    json_object_set_new(e, "variants", list);
}

static void describe_alternate(json_t *e, const char *types)
{
    json_t *members = json_array();
    size_t len;

    for (; (len = next_word(&types)); types += len) {
        json_array_append_new(members, json_pack("{s:s%}", "type", types, len));
    }
    json_object_set_new(e, "members", members);
}

static void describe_type(json_t *out, json_t *arrays, const struct schema_type *t)
{
    static const char *const meta[] = {"enum", "object", "object", "alternate"};
    json_t *e = entity(out, t->name, meta[t->kind]);

    if (t->kind == SCHEMA_ENUM) {
        describe_enum(e, t->members);
    } else if (t->kind == SCHEMA_ALTERNATE) {
        describe_alternate(e, t->members);
    } else {
        json_object_set_new(e, "members", describe_members(out, arrays, t->members));
        if (t->tag) {
            describe_variants(e, t);
        }
    }
}

/* The object of a command's arguments or an event's data: its name. Static buffer. */
static const char *describe_data(json_t *out, json_t *arrays, const char *name, const char *members)
{
    static char text[96];

    if (!*members || is_type_name(members)) {
        return *members ? members : "q_empty";
    }
    g_snprintf(text, sizeof(text), "q_obj_%s", name);
    json_object_set_new(entity(out, text, "object"), "members",
                        describe_members(out, arrays, members));
    return text;
}

static void describe_command(json_t *out, json_t *arrays, const struct command *c)
{
    json_t *e = entity(out, c->qmp, "command");
    struct schema_member ret = {.list = *c->returns == '['};

    json_object_set_new(e, "arg-type", json_string(describe_data(out, arrays, c->qmp, c->args)));
    g_strlcpy(ret.type, c->returns + ret.list, sizeof(ret.type));
    if (ret.list) {
        ret.type[strlen(ret.type) - 1] = 0;
    }
    char *name = *c->returns ? type_reference(out, arrays, &ret) : g_strdup("q_empty");
    json_object_set_new(e, "ret-type", json_string(name));
    json_object_set_new(e, "allow-oob", json_boolean(false));
    g_free(name);
}

json_t *schema_describe(void)
{
    json_t *out = json_array(), *arrays = json_object();

    for (unsigned i = 0; i < ARRAY_SIZE(builtins); i++) {
        if (strcmp(builtins[i].name, "size")) {
            json_object_set_new(entity(out, builtins[i].name, "builtin"), "json-type",
                                json_string(builtins[i].json_type));
        }
    }
    json_object_set_new(entity(out, "q_empty", "object"), "members", json_array());
    const struct schema_type *t;
    for (unsigned i = 0; (t = schema_type_at(i)); i++) {
        describe_type(out, arrays, t);
    }
    for (const struct command *c = commands; c->help; c++) {
        if (c->qmp) {
            describe_command(out, arrays, c);
        }
    }
    for (const struct schema_event *ev = schema_events; ev->name; ev++) {
        json_t *e = entity(out, ev->name, "event");
        json_object_set_new(e, "arg-type",
                            json_string(describe_data(out, arrays, ev->name, ev->members)));
    }
    json_decref(arrays);
    return out;
}
