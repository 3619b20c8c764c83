/* SPDX-License-Identifier: MIT */
/*
 * Keyboard layouts by libxkbcommon: a layout is compiled once, and every character its keys give
 * (first group, with and without Shift and AltGr) is noted with its key. Keys without a character
 * are the same on all layouts (ui/keysym.h), as is all of a US keyboard.
 */
#include "ui/keymap.h"

#include "config.h"
#include "ui/keysym.h"
#include "ui/usages.h"
#include "util/error.h"
#include "util/optlist.h"

#include <errno.h>
#if CONFIG_XKB
#include <xkbcommon/xkbcommon.h>
#endif

#define UNICODE_KEYSYM 0x1000000u /* and the character */
#define NAMED_KEYSYMS  0xfe00u    /* keys that have names, from here to FFFFh; but for these: */
#define DEAD_KEYSYMS   0xfe50u
#define DEAD_LAST      0xfe93u

static GHashTable *table; /* keysym to struct keymap_key; NULL: US */

/* --- US ----------------------------------------------------------------------------------------- */

static bool find_us(uint32_t keysym, struct keymap_key *key)
{
    static const char shifted[] = "~!@#$%^&*()_+{}|:\"<>?ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    bool shift = keysym < 0x7f && keysym && strchr(shifted, (int)keysym);

    *key = (struct keymap_key){keysym_to_key(keysym), shift ? KEYMAP_SHIFT : 0};
    return key->code;
}

/* --- names -------------------------------------------------------------------------------------- */

struct layout {
    const char *name, *layout, *variant;
};

static const struct layout layouts[] = {
    {"ar", "ara", ""},   {"bepo", "fr", "bepo"}, {"cz", "cz", ""},    {"da", "dk", ""},
    {"de", "de", ""},    {"de-ch", "ch", ""},    {"en-gb", "gb", ""}, {"en-us", "us", ""},
    {"es", "es", ""},    {"et", "ee", ""},       {"fi", "fi", ""},    {"fo", "fo", ""},
    {"fr", "fr", ""},    {"fr-be", "be", ""},    {"fr-ca", "ca", ""}, {"fr-ch", "ch", "fr"},
    {"hr", "hr", ""},    {"hu", "hu", ""},       {"is", "is", ""},    {"it", "it", ""},
    {"ja", "jp", ""},    {"lt", "lt", ""},       {"lv", "lv", ""},    {"mk", "mk", ""},
    {"nl", "nl", ""},    {"no", "no", ""},       {"pl", "pl", ""},    {"pt", "pt", ""},
    {"pt-br", "br", ""}, {"ru", "ru", ""},       {"sl", "si", ""},    {"sv", "se", ""},
    {"th", "th", ""},    {"tr", "tr", ""},
};

void keymap_help(GString *out)
{
    for (unsigned i = 0; i < ARRAY_SIZE(layouts); i++) {
        g_string_append_printf(out, "%s%c", layouts[i].name, i % 12 == 11 ? '\n' : ' ');
    }
    g_string_append(out, "\nor a layout of xkeyboard-config: us(dvorak)\n");
}

static const struct layout *find_layout(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(layouts); i++) {
        if (!strcmp(layouts[i].name, name)) {
            return &layouts[i];
        }
    }
    return NULL;
}

#if CONFIG_XKB

/* --- compiling ---------------------------------------------------------------------------------- */

#define XKB_OFFSET 8 /* of keycodes to Linux's */

struct compiler {
    struct xkb_keymap *map;
    xkb_mod_mask_t shift, altgr;
};

static xkb_mod_mask_t modifier(struct xkb_keymap *map, const char *name)
{
    xkb_mod_index_t i = xkb_keymap_mod_get_index(map, name);

    return i == XKB_MOD_INVALID ? 0 : (xkb_mod_mask_t)1 << i;
}

/* What has to be held for a level of a key; false: something we cannot hold. */
static bool level_modifiers(const struct compiler *c, xkb_keycode_t key, xkb_level_index_t level,
                            unsigned *modifiers)
{
    xkb_mod_mask_t masks[8];
    size_t n = xkb_keymap_key_get_mods_for_level(c->map, key, 0, level, masks, ARRAY_SIZE(masks));

    for (size_t i = 0; i < n; i++) {
        if (!(masks[i] & ~(c->shift | c->altgr))) {
            *modifiers =
                (masks[i] & c->shift ? KEYMAP_SHIFT : 0) | (masks[i] & c->altgr ? KEYMAP_ALTGR : 0);
            return true;
        }
    }
    return false;
}

/* Of several ways to the same character the one with fewer modifiers. */
static void note(uint32_t keysym, struct keymap_key key)
{
    const struct keymap_key *old = g_hash_table_lookup(table, GUINT_TO_POINTER(keysym));

    if (keysym && (!old || key.modifiers < old->modifiers)) {
        g_hash_table_insert(table, GUINT_TO_POINTER(keysym), g_memdup2(&key, sizeof(key)));
    }
}

static void compile_key(struct xkb_keymap *map, xkb_keycode_t key, void *opaque)
{
    xkb_level_index_t levels = xkb_keymap_num_levels_for_key(map, key, 0);
    struct keymap_key k = {.code = key - XKB_OFFSET};
    const xkb_keysym_t *syms;

    if (!usage_of_key(k.code)) { /* xkb knows keys no PC has */
        return;
    }
    for (xkb_level_index_t level = 0; level < levels; level++) {
        int n = xkb_keymap_key_get_syms_by_level(map, key, 0, level, &syms);
        if (n == 1 && level_modifiers(opaque, key, level, &k.modifiers)) {
            note(syms[0], k);
        }
    }
}

/* A dead key stands for its accent where no other key does. */
static void add_accents(void)
{
    static const uint16_t accents[][2] = {
        {0xfe50, '`'}, {0xfe51, '\''}, {0xfe51, 0xb4}, {0xfe52, '^'},
        {0xfe53, '~'}, {0xfe57, 0xa8}, {0xfe57, '"'},  {0xfe5b, 0xb8},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(accents); i++) {
        const struct keymap_key *dead =
            g_hash_table_lookup(table, GUINT_TO_POINTER((guint)accents[i][0]));
        if (dead && !g_hash_table_contains(table, GUINT_TO_POINTER((guint)accents[i][1]))) {
            note(accents[i][1], *dead);
        }
    }
}

static bool compile(const char *layout, const char *variant)
{
    struct xkb_rule_names names = {
        .rules = "evdev", .model = "pc105", .layout = layout, .variant = variant, .options = ""};
    struct xkb_context *context = xkb_context_new(XKB_CONTEXT_NO_ENVIRONMENT_NAMES);
    struct compiler c = {NULL, 0, 0};

    if (context) {
        xkb_context_set_log_level(context, XKB_LOG_LEVEL_CRITICAL);
        c.map = xkb_keymap_new_from_names(context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
    }
    if (c.map) {
        c.shift = modifier(c.map, XKB_MOD_NAME_SHIFT);
        c.altgr = modifier(c.map, "Mod5");
        table = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        xkb_keymap_key_for_each(c.map, compile_key, &c);
        add_accents();
    }
    xkb_keymap_unref(c.map);
    xkb_context_unref(context);
    return table;
}

/* Characters have a number of their own and some an older one too. */
static uint32_t canonical(uint32_t keysym)
{
    return keysym > UNICODE_KEYSYM ? xkb_utf32_to_keysym(keysym - UNICODE_KEYSYM) : keysym;
}

static int set_layout(const char *name, const struct layout *l, struct error **err)
{
    char *layout = g_strdup(l ? l->layout : name), *variant = strchr(layout, '(');
    int ret = 0;

    if (variant) {
        *variant++ = '\0';
        variant[strcspn(variant, ")")] = '\0';
    }
    if (!compile(layout, l ? l->variant : variant ? variant : "")) {
        error_set(err, "-k %s: there is no such layout, or package xkb-data is missing", name);
        ret = -ENOENT;
    }
    g_free(layout);
    return ret;
}

#else

static uint32_t canonical(uint32_t keysym)
{
    return keysym > UNICODE_KEYSYM ? keysym - UNICODE_KEYSYM : keysym;
}

static int set_layout(const char *name, const struct layout *l, struct error **err)
{
    if (l && !strcmp(l->name, "en-us")) {
        return 0;
    }
    error_set(err, "-k %s: only en-us is built in (package libxkbcommon-dev was missing)", name);
    return -ENOENT;
}

#endif

/* --- finding ------------------------------------------------------------------------------------ */

int keymap_set(const char *name, struct error **err)
{
    if (table) {
        g_hash_table_unref(table);
        table = NULL;
    }
    return set_layout(name, find_layout(name), err);
}

static bool is_named(uint32_t keysym)
{
    return keysym >= NAMED_KEYSYMS && keysym <= 0xffff &&
           !(keysym >= DEAD_KEYSYMS && keysym <= DEAD_LAST);
}

bool keymap_find(uint32_t keysym, struct keymap_key *key)
{
    keysym = canonical(keysym);
    const struct keymap_key *k =
        table && !is_named(keysym) ? g_hash_table_lookup(table, GUINT_TO_POINTER(keysym)) : NULL;

    if (k) {
        *key = *k;
        return true;
    }
    return find_us(keysym, key);
}

bool keymap_find_char(uint32_t unicode, struct keymap_key *key)
{
    return keymap_find(unicode < 0x100 ? unicode : UNICODE_KEYSYM + unicode, key);
}
