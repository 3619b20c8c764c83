/* SPDX-License-Identifier: MIT */
/* Keyboard layouts: characters, their keys and modifiers; names; usages of USB keyboards. */
#include "ui/keymap.h"
#include "ui/usages.h"

#include "config.h"
#include "tests/test.h"
#include "util/error.h"

#include <linux/input-event-codes.h>

static void expect(uint32_t keysym, unsigned code, unsigned modifiers)
{
    struct keymap_key key = {0, 0};

    ck_assert_msg(keymap_find(keysym, &key), "no key for %#x", keysym);
    ck_assert_msg(key.code == code && key.modifiers == modifiers,
                  "keysym %#x: key %u with %u instead of %u with %u", keysym, key.code,
                  key.modifiers, code, modifiers);
}

START_TEST(test_us)
{
    struct keymap_key key;

    expect('a', KEY_A, 0);
    expect('A', KEY_A, KEYMAP_SHIFT);
    expect('/', KEY_SLASH, 0);
    expect('"', KEY_APOSTROPHE, KEYMAP_SHIFT);
    expect(' ', KEY_SPACE, 0);
    expect(0xff0d, KEY_ENTER, 0);
    expect(0xffe1, KEY_LEFTSHIFT, 0);
    ck_assert(!keymap_find(0xe4, &key));
    ck_assert(!keymap_find(0, &key));
    ck_assert(!keymap_find(0xffffffff, &key));
}
END_TEST

START_TEST(test_names)
{
    static const char *const names[] = {"ar",    "bepo",  "cz", "da", "de", "de-ch", "en-gb",
                                        "en-us", "es",    "et", "fi", "fo", "fr",    "fr-be",
                                        "fr-ca", "fr-ch", "hr", "hu", "is", "it",    "ja",
                                        "lt",    "lv",    "mk", "nl", "no", "pl",    "pt",
                                        "pt-br", "ru",    "sl", "sv", "th", "tr",    "us(dvorak)"};
    struct error *err = NULL;

    ck_assert_int_lt(keymap_set("nosuch", &err), 0);
    ck_assert_ptr_nonnull(strstr(error_msg(err), "nosuch"));
    error_free(err);
    ck_assert_int_eq(keymap_set("en-us", NULL), 0);
    expect('?', KEY_SLASH, KEYMAP_SHIFT);
    for (unsigned i = 0; CONFIG_XKB && i < ARRAY_SIZE(names); i++) {
        ck_assert_msg(keymap_set(names[i], NULL) == 0, "%s", names[i]);
        expect(0xff52, KEY_UP, 0); /* keys that are no characters stay where they are */
    }
}
END_TEST

#if CONFIG_XKB
START_TEST(test_german)
{
    struct keymap_key key;

    ck_assert_int_eq(keymap_set("de", NULL), 0);
    expect('z', KEY_Y, 0);
    expect('Y', KEY_Z, KEYMAP_SHIFT);
    expect('/', KEY_7, KEYMAP_SHIFT);
    expect('@', KEY_Q, KEYMAP_ALTGR);
    expect('{', KEY_7, KEYMAP_ALTGR);
    expect('<', KEY_102ND, 0);
    expect(0xe4, KEY_APOSTROPHE, 0);      /* a umlaut ... */
    expect(0x10000e4, KEY_APOSTROPHE, 0); /* ... by its other number */
    expect(0x20ac, KEY_E, KEYMAP_ALTGR);  /* Euro */
    expect(0x10020ac, KEY_E, KEYMAP_ALTGR);
    expect('^', KEY_GRAVE, 0); /* dead */
    expect(0xfe52, KEY_GRAVE, 0);
    ck_assert(keymap_find_char(0xdf, &key) && key.code == KEY_MINUS);
    ck_assert(keymap_find_char(0x20ac, &key) && key.code == KEY_E);
}
END_TEST

START_TEST(test_others)
{
    ck_assert_int_eq(keymap_set("fr", NULL), 0);
    expect('a', KEY_Q, 0);
    expect('2', KEY_2, KEYMAP_SHIFT);
    expect('.', KEY_COMMA, KEYMAP_SHIFT);
    ck_assert_int_eq(keymap_set("fr-ch", NULL), 0);
    expect('$', KEY_BACKSLASH, 0);
    ck_assert_int_eq(keymap_set("ru", NULL), 0);
    expect(0x6c6, KEY_A, 0); /* Cyrillic ef */
    expect('a', KEY_A, 0);   /* not on it: as on a US keyboard */
    ck_assert_int_eq(keymap_set("us(dvorak)", NULL), 0);
    expect('o', KEY_S, 0);
}
END_TEST
#endif

START_TEST(test_usages)
{
    ck_assert_uint_eq(usage_of_key(KEY_A), 0x04);
    ck_assert_uint_eq(usage_of_key(KEY_RIGHTMETA), 0xe7);
    ck_assert_uint_eq(usage_of_key(0x2ff), 0);
    ck_assert_uint_eq(usage_to_key(0), KEY_RESERVED);
    ck_assert_uint_eq(usage_to_key(0xff), KEY_RESERVED);
    for (unsigned code = 0; code < 256; code++) {
        if (usage_of_key(code))
            ck_assert_uint_eq(usage_to_key(usage_of_key(code)), code);
    }
}
END_TEST

#if CONFIG_XKB
TEST_MAIN("keymap", test_us, test_names, test_german, test_others, test_usages)
#else
TEST_MAIN("keymap", test_us, test_names, test_usages)
#endif
