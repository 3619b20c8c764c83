/* SPDX-License-Identifier: MIT */
/* Option texts: splitting, values, and tables of what is allowed. */
#include "util/optlist.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/error.h"

const char *util_did_you_mean(const char *word, const char *const *candidates)
{
    static _Thread_local char text[96];
    const char *like = util_suggest(word, candidates);

    text[0] = 0;
    if (like) {
        snprintf(text, sizeof(text), " (did you mean '%s'?)", like);
    }
    return text;
}

/* --- splitting -------------------------------------------------------------------------------- */

/* Cuts the next part off *text; ",," stands for a comma. */
static char *next_part(const char **text)
{
    GString *part = g_string_new(NULL);
    const char *p = *text;

    for (; *p && (*p != ',' || p[1] == ','); p++) {
        p += *p == ',';
        g_string_append_c(part, *p);
    }
    *text = *p ? p + 1 : p;
    return g_string_free(part, FALSE);
}

static struct opt_pair split_pair(char *part, const char *first)
{
    char *eq = strchr(part, '=');

    if (!eq && first) {
        return (struct opt_pair){g_strdup(first), part};
    }
    struct opt_pair pair = {eq ? g_strndup(part, (gsize)(eq - part)) : g_strdup(part),
                            eq ? g_strdup(eq + 1) : NULL};
    g_free(part);
    return pair;
}

void opt_list_parse(struct opt_list *list, const char *text, const char *first)
{
    GArray *pairs = g_array_new(FALSE, FALSE, sizeof(struct opt_pair));

    while (*text) {
        struct opt_pair pair = split_pair(next_part(&text), pairs->len ? NULL : first);
        g_array_append_val(pairs, pair);
    }
    list->count = pairs->len;
    list->pairs = (struct opt_pair *)(void *)g_array_free(pairs, FALSE);
}

void opt_list_free(struct opt_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        g_free(list->pairs[i].name);
        g_free(list->pairs[i].value);
    }
    g_free(list->pairs);
    *list = (struct opt_list){0};
}

const char *opt_list_get(const struct opt_list *list, const char *name)
{
    for (unsigned i = list->count; i > 0; i--) {
        if (!strcmp(list->pairs[i - 1].name, name)) {
            return list->pairs[i - 1].value;
        }
    }
    return NULL;
}

/* --- values ----------------------------------------------------------------------------------- */

static bool is_one_of(const char *value, const char *const *words)
{
    for (; *words; words++) {
        if (!strcmp(value, *words)) {
            return true;
        }
    }
    return false;
}

int opt_parse_bool(const char *name, const char *value, bool *out, struct error **err)
{
    static const char *const yes[] = {"on", "yes", "true", "y", NULL};
    static const char *const no[] = {"off", "no", "false", "n", NULL};

    if (!value || is_one_of(value, yes)) {
        *out = true;
    } else if (is_one_of(value, no)) {
        *out = false;
    } else {
        error_set(err, "%s takes on or off, not '%s'", name, value);
        return -EINVAL;
    }
    return 0;
}

int opt_parse_u64(const char *name, const char *value, uint64_t min, uint64_t max, uint64_t *out,
                  struct error **err)
{
    char *end = NULL;

    errno = 0;
    uint64_t v = value && *value != '-' ? strtoull(value, &end, 0) : 0;
    if (!end || end == value || *end || errno || v < min || v > max) {
        error_set(err, "%s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'", name, min,
                  max, value ? value : "");
        return -EINVAL;
    }
    *out = v;
    return 0;
}

int opt_parse_size(const char *name, const char *value, uint64_t unit, uint64_t *out,
                   struct error **err)
{
    static const char suffixes[] = "BKMGTPE";
    char *end = NULL;
    double v = value && *value != '-' ? strtod(value, &end) : 0;

    if (end && end != value && *end) {
        const char *s = strchr(suffixes, g_ascii_toupper(*end));
        unit = s ? 1ull << (10 * (s - suffixes)) : 0;
        end++;
        end += unit && (*end == 'B' || *end == 'b');
    }
    if (!end || end == value || *end || !unit || !isfinite(v)) {
        error_set(err, "%s takes a size such as 512M or 2G, not '%s'", name, value ? value : "");
        return -EINVAL;
    }
    if (v * (double)unit >= 0x1p63) {
        error_set(err, "%s: '%s' is too large", name, value);
        return -EINVAL;
    }
    *out = (uint64_t)(v * (double)unit);
    return 0;
}

/* --- tables ----------------------------------------------------------------------------------- */

static int set_enum(const struct opt_desc *d, const char *value, int *out, const char *what,
                    struct error **err)
{
    for (int i = 0; value && d->names[i]; i++) {
        if (!strcmp(d->names[i], value)) {
            *out = i;
            return 0;
        }
    }
    char *all = g_strjoinv(", ", (char **)(uintptr_t)d->names);
    error_set(err, "%s: %s takes one of %s, not '%s'", what, d->name, all, value ? value : "");
    g_free(all);
    return -EINVAL;
}

static int set_field(const struct opt_desc *d, const char *value, void *field, const char *what,
                     struct error **err)
{
    char name[64];
    uint64_t v = 0;
    int ret = 0;

    snprintf(name, sizeof(name), "%s: %s", what, d->name);
    if (!value && d->type != OPT_BOOL) {
        error_set(err, "%s needs a value", name);
        return -EINVAL;
    }
    switch (d->type) {
    case OPT_STR:
        *(const char **)field = value;
        break;
    case OPT_BOOL:
        return opt_parse_bool(name, value, field, err);
    case OPT_INT:
    case OPT_U32:
        ret = opt_parse_u64(name, value, (uint64_t)d->min, (uint64_t)d->max, &v, err);
        *(uint32_t *)field = ret == 0 ? (uint32_t)v : *(uint32_t *)field;
        break;
    case OPT_SIZE:
        return opt_parse_size(name, value, 1, field, err);
    case OPT_ENUM:
        return set_enum(d, value, field, what, err);
    case OPT_END:
        break;
    }
    return ret;
}

static const struct opt_desc *find_desc(const struct opt_desc *descs, const char *name)
{
    for (; descs->type != OPT_END; descs++) {
        if (!strcmp(descs->name, name)) {
            return descs;
        }
    }
    return NULL;
}

static int unknown(const struct opt_desc *descs, const char *name, const char *what,
                   struct error **err)
{
    const char *names[64] = {NULL};

    for (unsigned i = 0; descs[i].type != OPT_END && i < ARRAY_SIZE(names) - 1; i++) {
        names[i] = descs[i].name;
    }
    error_set(err, "%s: unknown option '%s'%s", what, name, util_did_you_mean(name, names));
    return -EINVAL;
}

int opt_apply(const struct opt_list *list, const struct opt_desc *descs, void *state,
              const char *what, struct error **err)
{
    int ret = 0;

    for (unsigned i = 0; i < list->count && ret == 0; i++) {
        const char *name = list->pairs[i].name, *value = list->pairs[i].value;
        const struct opt_desc *d = find_desc(descs, name);
        if (!d && !value && g_str_has_prefix(name, "no")) {
            d = find_desc(descs, name + 2);
            value = d && d->type == OPT_BOOL ? "off" : NULL;
            d = value ? d : NULL;
        }
        ret = d ? set_field(d, value, (char *)state + d->offset, what, err)
                : unknown(descs, name, what, err);
    }
    return ret;
}
