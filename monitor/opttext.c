/* SPDX-License-Identifier: MIT */
/* Option texts from JSON. */
#include "monitor/opttext.h"

void opttext_string(GString *text, const char *name, const char *value)
{
    char **parts = g_strsplit(value, ",", -1);
    char *escaped = g_strjoinv(",,", parts);

    g_string_append_printf(text, ",%s=%s", name, escaped);
    g_free(escaped);
    g_strfreev(parts);
}

void opttext_value(GString *text, const char *name, json_t *v)
{
    if (json_is_string(v)) {
        opttext_string(text, name, json_string_value(v));
    } else if (json_is_boolean(v)) {
        opttext_string(text, name, json_is_true(v) ? "on" : "off");
    } else if (json_is_integer(v)) {
        g_string_append_printf(text, ",%s=%" JSON_INTEGER_FORMAT, name, json_integer_value(v));
    }
}

void opttext_object(GString *text, json_t *object, const char *const *but)
{
    const char *key;
    json_t *v;

    json_object_foreach(object, key, v)
    {
        if (!g_strv_contains(but, key)) {
            opttext_value(text, key, v);
        }
    }
}
