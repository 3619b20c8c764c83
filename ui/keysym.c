/* SPDX-License-Identifier: MIT */
/*
 * Keysyms (X11's keysymdef.h; RFC 6143, 7.5.4) and the keys of a US keyboard that give them.
 */
#include "ui/keysym.h"

#include <linux/input-event-codes.h>

/* Latin-1, from space to tilde. */
/* clang-format off */
static const uint8_t printable[] = {
    KEY_SPACE, KEY_1, KEY_APOSTROPHE, KEY_3, KEY_4, KEY_5, KEY_7, KEY_APOSTROPHE, /* space to ' */
    KEY_9, KEY_0, KEY_8, KEY_EQUAL, KEY_COMMA, KEY_MINUS, KEY_DOT, KEY_SLASH,     /* ( to / */
    KEY_0, KEY_1, KEY_2, KEY_3, KEY_4, KEY_5, KEY_6, KEY_7, KEY_8, KEY_9,
    KEY_SEMICOLON, KEY_SEMICOLON, KEY_COMMA, KEY_EQUAL, KEY_DOT, KEY_SLASH, KEY_2, /* : to @ */
    KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G, KEY_H, KEY_I, KEY_J, KEY_K, KEY_L, KEY_M,
    KEY_N, KEY_O, KEY_P, KEY_Q, KEY_R, KEY_S, KEY_T, KEY_U, KEY_V, KEY_W, KEY_X, KEY_Y, KEY_Z,
    KEY_LEFTBRACE, KEY_BACKSLASH, KEY_RIGHTBRACE, KEY_6, KEY_MINUS, KEY_GRAVE, /* [ to ` */
    KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G, KEY_H, KEY_I, KEY_J, KEY_K, KEY_L, KEY_M,
    KEY_N, KEY_O, KEY_P, KEY_Q, KEY_R, KEY_S, KEY_T, KEY_U, KEY_V, KEY_W, KEY_X, KEY_Y, KEY_Z,
    KEY_LEFTBRACE, KEY_BACKSLASH, KEY_RIGHTBRACE, KEY_GRAVE, /* { to ~ */
};
/* clang-format on */

struct row {
    uint16_t keysym, code;
};

/* Sorted by keysym. */
static const struct row others[] = {
    {0xfe03, KEY_RIGHTALT}, /* ISO_Level3_Shift */
    {0xfe20, KEY_TAB},      /* ISO_Left_Tab: Shift and Tab */
    {0xff08, KEY_BACKSPACE},
    {0xff09, KEY_TAB},
    {0xff0a, KEY_ENTER}, /* Linefeed */
    {0xff0d, KEY_ENTER},
    {0xff13, KEY_PAUSE},
    {0xff14, KEY_SCROLLLOCK},
    {0xff15, KEY_SYSRQ},
    {0xff1b, KEY_ESC},
    {0xff20, KEY_COMPOSE}, /* Multi_key */
    {0xff22, KEY_MUHENKAN},
    {0xff23, KEY_HENKAN},
    {0xff27, KEY_KATAKANAHIRAGANA},
    {0xff50, KEY_HOME},
    {0xff51, KEY_LEFT},
    {0xff52, KEY_UP},
    {0xff53, KEY_RIGHT},
    {0xff54, KEY_DOWN},
    {0xff55, KEY_PAGEUP},
    {0xff56, KEY_PAGEDOWN},
    {0xff57, KEY_END},
    {0xff61, KEY_SYSRQ}, /* Print */
    {0xff63, KEY_INSERT},
    {0xff67, KEY_COMPOSE},  /* Menu */
    {0xff6b, KEY_PAUSE},    /* Break */
    {0xff7e, KEY_RIGHTALT}, /* Mode_switch */
    {0xff7f, KEY_NUMLOCK},
    {0xff80, KEY_SPACE}, /* KP_Space */
    {0xff89, KEY_TAB},
    {0xff8d, KEY_KPENTER},
    {0xff95, KEY_KP7}, /* Home, Left, Up ... of the keypad */
    {0xff96, KEY_KP4},
    {0xff97, KEY_KP8},
    {0xff98, KEY_KP6},
    {0xff99, KEY_KP2},
    {0xff9a, KEY_KP9},
    {0xff9b, KEY_KP3},
    {0xff9c, KEY_KP1},
    {0xff9d, KEY_KP5},
    {0xff9e, KEY_KP0},
    {0xff9f, KEY_KPDOT},
    {0xffaa, KEY_KPASTERISK},
    {0xffab, KEY_KPPLUS},
    {0xffac, KEY_KPCOMMA},
    {0xffad, KEY_KPMINUS},
    {0xffae, KEY_KPDOT},
    {0xffaf, KEY_KPSLASH},
    {0xffb0, KEY_KP0},
    {0xffb1, KEY_KP1},
    {0xffb2, KEY_KP2},
    {0xffb3, KEY_KP3},
    {0xffb4, KEY_KP4},
    {0xffb5, KEY_KP5},
    {0xffb6, KEY_KP6},
    {0xffb7, KEY_KP7},
    {0xffb8, KEY_KP8},
    {0xffb9, KEY_KP9},
    {0xffbd, KEY_KPEQUAL},
    {0xffbe, KEY_F1},
    {0xffbf, KEY_F2},
    {0xffc0, KEY_F3},
    {0xffc1, KEY_F4},
    {0xffc2, KEY_F5},
    {0xffc3, KEY_F6},
    {0xffc4, KEY_F7},
    {0xffc5, KEY_F8},
    {0xffc6, KEY_F9},
    {0xffc7, KEY_F10},
    {0xffc8, KEY_F11},
    {0xffc9, KEY_F12},
    {0xffe1, KEY_LEFTSHIFT},
    {0xffe2, KEY_RIGHTSHIFT},
    {0xffe3, KEY_LEFTCTRL},
    {0xffe4, KEY_RIGHTCTRL},
    {0xffe5, KEY_CAPSLOCK},
    {0xffe7, KEY_LEFTALT}, /* Meta */
    {0xffe8, KEY_RIGHTALT},
    {0xffe9, KEY_LEFTALT},
    {0xffea, KEY_RIGHTALT},
    {0xffeb, KEY_LEFTMETA}, /* Super */
    {0xffec, KEY_RIGHTMETA},
    {0xffed, KEY_LEFTMETA}, /* Hyper */
    {0xffee, KEY_RIGHTMETA},
    {0xffff, KEY_DELETE},
};

unsigned keysym_to_key(uint32_t keysym)
{
    size_t low = 0, high = ARRAY_SIZE(others);

    _Static_assert(sizeof(printable) == '~' - ' ' + 1, "a key for each of them");
    if (keysym - ' ' < sizeof(printable)) {
        return printable[keysym - ' '];
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (others[middle].keysym < keysym) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < ARRAY_SIZE(others) && others[low].keysym == keysym ? others[low].code : 0;
}
