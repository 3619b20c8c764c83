/* SPDX-License-Identifier: MIT */
/* Option texts from JSON. */
#include "util/opttext.h"

#include <errno.h>

#include "util/error.h"

void opttext_string(GString *text, const char *name, const char *value)
{
    char **parts = g_strsplit(value, ",", -1);
    char *escaped = g_strjoinv(",,", parts);

    g_string_append_printf(text, ",%s=%s", name, escaped);
    g_free(escaped);
    g_strfreev(parts);
}

/* "name.key=value" for each. Depth: what the parser has let through. */
static void append_members(GString *text, const char *name, json_t *object)
{
    const char *key;
    json_t *v;

    json_object_foreach(object, key, v)
    {
        char *dotted = g_strdup_printf("%s.%s", name, key);
        opttext_value(text, dotted, v);
        g_free(dotted);
    }
}

/* "name.0=value" and so on. */
static void append_elements(GString *text, const char *name, json_t *array)
{
    json_t *v;
    size_t i;

    json_array_foreach(array, i, v)
    {
        char *dotted = g_strdup_printf("%s.%zu", name, i);
        opttext_value(text, dotted, v);
        g_free(dotted);
    }
}

void opttext_value(GString *text, const char *name, json_t *v)
{
    if (json_is_string(v)) {
        opttext_string(text, name, json_string_value(v));
    } else if (json_is_boolean(v)) {
        opttext_string(text, name, json_is_true(v) ? "on" : "off");
    } else if (json_is_integer(v)) {
        g_string_append_printf(text, ",%s=%" JSON_INTEGER_FORMAT, name, json_integer_value(v));
    } else if (json_is_real(v)) {
        char number[G_ASCII_DTOSTR_BUF_SIZE];
        opttext_string(text, name, g_ascii_dtostr(number, sizeof(number), json_real_value(v)));
    } else if (json_is_object(v)) {
        append_members(text, name, v);
    } else if (json_is_array(v)) {
        append_elements(text, name, v);
    }
}

void opttext_object(GString *text, json_t *object, const char *const *but)
{
    const char *key;
    json_t *v;

    json_object_foreach(object, key, v)
    {
        if (!but || !g_strv_contains(but, key)) {
            opttext_value(text, key, v);
        }
    }
}

char *opttext_of_json(const char *json, const char *const *first, struct error **err)
{
    json_error_t where;
    json_t *object = json_loads(json, JSON_REJECT_DUPLICATES, &where);

    if (!json_is_object(object)) {
        error_set(err, "JSON parse error, %s", object ? "not an object" : where.text);
        json_decref(object);
        return NULL;
    }
    GString *text = g_string_new(NULL);
    for (const char *const *name = first; *name; name++) {
        json_t *v = json_object_get(object, *name);
        if (v) {
            opttext_value(text, *name, v);
        }
    }
    opttext_object(text, object, first);
    g_string_erase(text, 0, text->len ? 1 : 0); /* the first comma */
    json_decref(object);
    return g_string_free(text, FALSE);
}
