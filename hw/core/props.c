/* SPDX-License-Identifier: MIT */
/*
 * Device properties: defaults, parsing, printing, help. One row of `types` per
 * property type.
 */
#include "hw/core/props.h"

#include "hw/core/device.h"
#include "util/error.h"
#include "util/uint.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>
#include <stdlib.h>

static const struct prop_resolver *resolvers[PROP_TYPE_COUNT];

void prop_set_resolver(enum prop_type type, const struct prop_resolver *resolver)
{
    assert(type < PROP_TYPE_COUNT);
    resolvers[type] = resolver;
}

static void *field(const struct device *dev, const struct prop *p)
{
    return (char *)dev + p->offset;
}

/* --- numbers -------------------------------------------------------------- */

static int bad_value(const struct prop *p, const char *text, struct error **err)
{
    error_set(err, "property '%s' wants %s, not '%s'", p->name, prop_type_name(p->type), text);
    return -EINVAL;
}

static bool in_range(const struct prop *p, uint64_t v)
{
    if (p->type == PROP_TYPE_S32)
        return (int64_t)v >= (int64_t)p->min && (int64_t)v <= (int64_t)p->max;
    return v >= p->min && v <= p->max;
}

static int out_of_range(const struct prop *p, const char *text, struct error **err)
{
    if (p->type == PROP_TYPE_S32)
        error_set(err, "property '%s' is %s but must be %" PRId64 " to %" PRId64, p->name, text,
                  (int64_t)p->min, (int64_t)p->max);
    else
        error_set(err, "property '%s' is %s but must be %" PRIu64 " to %" PRIu64, p->name, text,
                  p->min, p->max);
    return -ERANGE;
}

static int store_ranged(const struct prop *p, void *to, uint64_t v, const char *text,
                        struct error **err)
{
    if (!in_range(p, v))
        return out_of_range(p, text, err);
    uint_store(to, p->size, v);
    return 0;
}

static int parse_uint(struct device *dev, const struct prop *p, const char *text,
                      struct error **err)
{
    char *end;
    uint64_t v;

    errno = 0;
    v = strtoull(text, &end, 0);
    if (errno == ERANGE)
        return out_of_range(p, text, err);
    if (end == text || *end || strchr(text, '-'))
        return bad_value(p, text, err);
    return store_ranged(p, field(dev, p), v, text, err);
}

static int parse_s32(struct device *dev, const struct prop *p, const char *text, struct error **err)
{
    char *end;
    long long v;

    errno = 0;
    v = strtoll(text, &end, 0);
    if (errno == ERANGE)
        return out_of_range(p, text, err);
    if (end == text || *end)
        return bad_value(p, text, err);
    return store_ranged(p, field(dev, p), (uint64_t)v, text, err);
}

/* The binary shift a size suffix stands for, -1 for none known. */
static int suffix_shift(const char *suffix)
{
    static const char letters[] = "bkmgtp";
    const char *at;

    if (!*suffix)
        return 0;
    at = strchr(letters, g_ascii_tolower(*suffix));
    if (!at || (suffix[1] && g_ascii_strcasecmp(suffix + 1, "ib") != 0))
        return -1;
    return (int)(at - letters) * 10;
}

static int parse_size(struct device *dev, const struct prop *p, const char *text,
                      struct error **err)
{
    char *end;
    uint64_t v;
    int shift;

    errno = 0;
    v = strtoull(text, &end, 0);
    shift = suffix_shift(end);
    if (end == text || shift < 0 || strchr(text, '-'))
        return bad_value(p, text, err);
    if (errno == ERANGE || (v << shift) >> shift != v)
        return out_of_range(p, text, err);
    return store_ranged(p, field(dev, p), v << shift, text, err);
}

static char *print_uint(const struct device *dev, const struct prop *p)
{
    return g_strdup_printf("%" PRIu64, uint_load(field(dev, p), p->size));
}

static char *print_s32(const struct device *dev, const struct prop *p)
{
    return g_strdup_printf("%" PRId32, *(int32_t *)field(dev, p));
}

/* --- other types ---------------------------------------------------------- */

static int parse_bool(struct device *dev, const struct prop *p, const char *text,
                      struct error **err)
{
    static const char *const on[] = {"on", "true", "yes", "1", NULL};
    static const char *const off[] = {"off", "false", "no", "0", NULL};
    bool yes = g_strv_contains(on, text);

    if (!yes && !g_strv_contains(off, text))
        return bad_value(p, text, err);
    *(bool *)field(dev, p) = yes;
    return 0;
}

static char *print_bool(const struct device *dev, const struct prop *p)
{
    return g_strdup(*(bool *)field(dev, p) ? "on" : "off");
}

static int parse_str(struct device *dev, const struct prop *p, const char *text, struct error **err)
{
    char **to = field(dev, p);

    g_free(*to);
    *to = g_strdup(text);
    return 0;
}

static char *print_str(const struct device *dev, const struct prop *p)
{
    return g_strdup(*(char **)field(dev, p));
}

static void release_str(struct device *dev, const struct prop *p)
{
    char **s = field(dev, p);

    g_free(*s);
    *s = NULL;
}

static char *enum_values(const struct prop *p)
{
    GString *s = g_string_new(NULL);

    for (const struct prop_enum *e = p->names; e->name; e++)
        g_string_append_printf(s, "%s%s", s->len ? ", " : "", e->name);
    return g_string_free(s, FALSE);
}

static int parse_enum(struct device *dev, const struct prop *p, const char *text,
                      struct error **err)
{
    char *values;

    for (const struct prop_enum *e = p->names; e->name; e++) {
        if (!g_ascii_strcasecmp(e->name, text)) {
            *(int *)field(dev, p) = e->value;
            return 0;
        }
    }
    values = enum_values(p);
    error_set(err, "property '%s' wants one of %s, not '%s'", p->name, values, text);
    g_free(values);
    return -EINVAL;
}

static char *print_enum(const struct device *dev, const struct prop *p)
{
    int v = *(int *)field(dev, p);

    for (const struct prop_enum *e = p->names; e->name; e++) {
        if (e->value == v)
            return g_strdup(e->name);
    }
    return g_strdup_printf("%d", v);
}

/* Pairs of hex digits with separators wherever `dashes` has a bit. */
static bool parse_bytes(const char *text, uint8_t *out, unsigned count, uint32_t seps,
                        const char *sep_chars)
{
    for (unsigned i = 0; i < count; i++) {
        int hi = g_ascii_xdigit_value(text[0]), lo = hi < 0 ? -1 : g_ascii_xdigit_value(text[1]);

        if (lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
        text += 2;
        if (seps >> i & 1 && (!*text || !strchr(sep_chars, *text++)))
            return false;
    }
    return !*text;
}

static int parse_mac(struct device *dev, const struct prop *p, const char *text, struct error **err)
{
    uint8_t mac[6];

    if (!parse_bytes(text, mac, 6, 0x1f, ":-"))
        return bad_value(p, text, err);
    if (mac[0] & 1) {
        error_set(err, "property '%s': %s is a multicast address", p->name, text);
        return -EINVAL;
    }
    memcpy(field(dev, p), mac, sizeof(mac));
    return 0;
}

static char *print_mac(const struct device *dev, const struct prop *p)
{
    const uint8_t *m = field(dev, p);

    return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static int parse_uuid(struct device *dev, const struct prop *p, const char *text,
                      struct error **err)
{
    uint8_t uuid[16];

    if (!parse_bytes(text, uuid, 16, 1u << 3 | 1u << 5 | 1u << 7 | 1u << 9, "-"))
        return bad_value(p, text, err);
    memcpy(field(dev, p), uuid, sizeof(uuid));
    return 0;
}

static char *print_uuid(const struct device *dev, const struct prop *p)
{
    const uint8_t *u = field(dev, p);
    GString *s = g_string_new(NULL);

    for (unsigned i = 0; i < 16; i++)
        g_string_append_printf(s, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", u[i]);
    return g_string_free(s, FALSE);
}

/* "slot" or "slot.function", hexadecimal, with or without 0x. */
static int parse_pci_addr(struct device *dev, const struct prop *p, const char *text,
                          struct error **err)
{
    unsigned long slot, fn = 0;
    char *end;

    if (!g_ascii_isxdigit(*text))
        return bad_value(p, text, err);
    slot = strtoul(text, &end, 16);
    if (*end == '.' && g_ascii_isdigit(end[1]))
        fn = strtoul(end + 1, &end, 16);
    if (*end || slot > 31 || fn > 7)
        return bad_value(p, text, err);
    *(int32_t *)field(dev, p) = (int32_t)(slot << 3 | fn);
    return 0;
}

static char *print_pci_addr(const struct device *dev, const struct prop *p)
{
    int32_t v = *(int32_t *)field(dev, p);

    return v < 0 ? g_strdup("auto") : g_strdup_printf("%02x.%x", v >> 3, v & 7);
}

/* --- references ----------------------------------------------------------- */

static void release_object(struct device *dev, const struct prop *p)
{
    const struct prop_resolver *r = resolvers[p->type];
    void **to = field(dev, p);

    if (*to && r && r->release)
        r->release(dev, *to);
    *to = NULL;
}

static int parse_object(struct device *dev, const struct prop *p, const char *text,
                        struct error **err)
{
    const struct prop_resolver *r = resolvers[p->type];
    void *object = NULL;
    int ret;

    if (!r) {
        error_set(err, "property '%s': there is no %s '%s'", p->name, prop_type_name(p->type),
                  text);
        return -ENOENT;
    }
    ret = r->resolve(dev, text, &object, err);
    if (ret < 0)
        return ret;
    release_object(dev, p);
    *(void **)field(dev, p) = object;
    return 0;
}

static char *print_object(const struct device *dev, const struct prop *p)
{
    const struct prop_resolver *r = resolvers[p->type];
    const void *object = *(void **)field(dev, p);

    if (!object)
        return g_strdup("");
    return g_strdup(r && r->name ? r->name(object) : "(set)");
}

static int parse_link(struct device *dev, const struct prop *p, const char *text,
                      struct error **err)
{
    struct device *other = device_find(text);

    if (!other) {
        error_set(err, "property '%s': there is no device '%s'", p->name, text);
        return -ENOENT;
    }
    *(struct device **)field(dev, p) = other;
    return 0;
}

static char *print_link(const struct device *dev, const struct prop *p)
{
    const struct device *other = *(struct device **)field(dev, p);

    return g_strdup(other && other->id ? other->id : "");
}

/* --- the types ------------------------------------------------------------ */

static const struct prop_type_row {
    const char *name;
    uint32_t size; /* of the field */
    int (*parse)(struct device *dev, const struct prop *p, const char *text, struct error **err);
    char *(*print)(const struct device *dev, const struct prop *p);
    void (*release)(struct device *dev, const struct prop *p);
} types[PROP_TYPE_COUNT] = {
    [PROP_TYPE_BOOL] = {"on or off", sizeof(bool), parse_bool, print_bool, NULL},
    [PROP_TYPE_U8] = {"a number", 1, parse_uint, print_uint, NULL},
    [PROP_TYPE_U16] = {"a number", 2, parse_uint, print_uint, NULL},
    [PROP_TYPE_U32] = {"a number", 4, parse_uint, print_uint, NULL},
    [PROP_TYPE_U64] = {"a number", 8, parse_uint, print_uint, NULL},
    [PROP_TYPE_S32] = {"a number", 4, parse_s32, print_s32, NULL},
    [PROP_TYPE_SIZE] = {"a size", 8, parse_size, print_uint, NULL},
    [PROP_TYPE_STR] = {"text", sizeof(char *), parse_str, print_str, release_str},
    [PROP_TYPE_ENUM] = {"one of a list", sizeof(int), parse_enum, print_enum, NULL},
    [PROP_TYPE_MACADDR] = {"a MAC address", 6, parse_mac, print_mac, NULL},
    [PROP_TYPE_UUID] = {"a UUID", 16, parse_uuid, print_uuid, NULL},
    [PROP_TYPE_PCI_ADDR] = {"a PCI slot", 4, parse_pci_addr, print_pci_addr, NULL},
    [PROP_TYPE_CHARDEV] = {"chardev", sizeof(void *), parse_object, print_object, release_object},
    [PROP_TYPE_DRIVE] = {"drive", sizeof(void *), parse_object, print_object, release_object},
    [PROP_TYPE_NETDEV] = {"netdev", sizeof(void *), parse_object, print_object, release_object},
    [PROP_TYPE_OBJECT] = {"object", sizeof(void *), parse_object, print_object, release_object},
    [PROP_TYPE_LINK] = {"device", sizeof(void *), parse_link, print_link, NULL},
};

const char *prop_type_name(enum prop_type type)
{
    return types[type].name;
}

void prop_set_default(struct device *dev, const struct prop *p)
{
    assert(p->type < PROP_TYPE_COUNT && p->size == types[p->type].size);
    switch (p->type) {
    case PROP_TYPE_STR:
        *(char **)field(dev, p) = g_strdup(p->def_str);
        break;
    case PROP_TYPE_MACADDR:
    case PROP_TYPE_UUID:
        memset(field(dev, p), 0, p->size);
        break;
    default:
        uint_store(field(dev, p), p->size, p->def);
    }
}

int prop_parse(struct device *dev, const struct prop *p, const char *text, struct error **err)
{
    return types[p->type].parse(dev, p, text, err);
}

char *prop_print(const struct device *dev, const struct prop *p)
{
    return types[p->type].print(dev, p);
}

void prop_release(struct device *dev, const struct prop *p)
{
    if (types[p->type].release)
        types[p->type].release(dev, p);
}

void prop_store_u64(struct device *dev, const struct prop *p, uint64_t value)
{
    assert(p->type == PROP_TYPE_ENUM || p->type == PROP_TYPE_PCI_ADDR || in_range(p, value));
    uint_store(field(dev, p), p->size, value);
}

void prop_store_ptr(struct device *dev, const struct prop *p, void *object)
{
    assert(p->type >= PROP_TYPE_CHARDEV && p->type <= PROP_TYPE_LINK);
    prop_release(dev, p);
    *(void **)field(dev, p) = object;
}

/* "16550 port (0 to 65528, default 1016)" */
void prop_describe(const struct prop *p, GString *out)
{
    g_string_append_printf(out, "  %-20s %s", p->name, p->help ? p->help : "");
    switch (p->type) {
    case PROP_TYPE_BOOL:
        g_string_append_printf(out, " (on or off, default %s)", p->def ? "on" : "off");
        break;
    case PROP_TYPE_U8:
    case PROP_TYPE_U16:
    case PROP_TYPE_U32:
    case PROP_TYPE_U64:
    case PROP_TYPE_SIZE:
        g_string_append_printf(out, " (%" PRIu64 " to %" PRIu64 ", default %" PRIu64 ")", p->min,
                               p->max, p->def);
        break;
    case PROP_TYPE_S32:
        g_string_append_printf(out, " (%" PRId64 " to %" PRId64 ", default %" PRId64 ")",
                               (int64_t)p->min, (int64_t)p->max, (int64_t)p->def);
        break;
    case PROP_TYPE_STR:
        if (p->def_str)
            g_string_append_printf(out, " (default %s)", p->def_str);
        break;
    case PROP_TYPE_ENUM: {
        char *values = enum_values(p);

        g_string_append_printf(out, " (%s)", values);
        g_free(values);
        break;
    }
    default:
        g_string_append_printf(out, " (%s)", types[p->type].name);
    }
    g_string_append_c(out, '\n');
}
