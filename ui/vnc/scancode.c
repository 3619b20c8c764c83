/* SPDX-License-Identifier: MIT */
/*
 * Scan codes of set 1 as QEMU's extended key events have them: those behind E0h have bit 7 set
 * (rfbproto, "QEMU Extended Key Event Message"). The first 88 are Linux's codes.
 */
#include "ui/vnc/internal.h"

#include <linux/input-event-codes.h>

#define SAME 88u /* up to here */

static const uint8_t others[256] = {
    [0x59] = KEY_KPEQUAL,
    [0x70] = KEY_KATAKANAHIRAGANA,
    [0x73] = KEY_RO,
    [0x76] = KEY_ZENKAKUHANKAKU,
    [0x77] = KEY_HIRAGANA,
    [0x78] = KEY_KATAKANA,
    [0x79] = KEY_HENKAN,
    [0x7b] = KEY_MUHENKAN,
    [0x7d] = KEY_YEN,
    [0x7e] = KEY_KPCOMMA,
    [0x80 | 0x10] = KEY_PREVIOUSSONG,
    [0x80 | 0x19] = KEY_NEXTSONG,
    [0x80 | 0x1c] = KEY_KPENTER,
    [0x80 | 0x1d] = KEY_RIGHTCTRL,
    [0x80 | 0x20] = KEY_MUTE,
    [0x80 | 0x21] = KEY_CALC,
    [0x80 | 0x22] = KEY_PLAYPAUSE,
    [0x80 | 0x24] = KEY_STOPCD,
    [0x80 | 0x2e] = KEY_VOLUMEDOWN,
    [0x80 | 0x30] = KEY_VOLUMEUP,
    [0x80 | 0x32] = KEY_HOMEPAGE,
    [0x80 | 0x35] = KEY_KPSLASH,
    [0x80 | 0x37] = KEY_SYSRQ,
    [0x80 | 0x38] = KEY_RIGHTALT,
    [0x80 | 0x46] = KEY_PAUSE,
    [0x80 | 0x47] = KEY_HOME,
    [0x80 | 0x48] = KEY_UP,
    [0x80 | 0x49] = KEY_PAGEUP,
    [0x80 | 0x4b] = KEY_LEFT,
    [0x80 | 0x4d] = KEY_RIGHT,
    [0x80 | 0x4f] = KEY_END,
    [0x80 | 0x50] = KEY_DOWN,
    [0x80 | 0x51] = KEY_PAGEDOWN,
    [0x80 | 0x52] = KEY_INSERT,
    [0x80 | 0x53] = KEY_DELETE,
    [0x80 | 0x5b] = KEY_LEFTMETA,
    [0x80 | 0x5c] = KEY_RIGHTMETA,
    [0x80 | 0x5d] = KEY_COMPOSE,
    [0x80 | 0x5e] = KEY_POWER,
    [0x80 | 0x5f] = KEY_SLEEP,
    [0x80 | 0x63] = KEY_WAKEUP,
    [0x80 | 0x65] = KEY_SEARCH,
    [0x80 | 0x66] = KEY_BOOKMARKS,
    [0x80 | 0x67] = KEY_REFRESH,
    [0x80 | 0x68] = KEY_STOP,
    [0x80 | 0x69] = KEY_FORWARD,
    [0x80 | 0x6a] = KEY_BACK,
    [0x80 | 0x6b] = KEY_COMPUTER,
    [0x80 | 0x6c] = KEY_MAIL,
};

unsigned vnc_scancode_to_key(uint32_t scancode)
{
    return scancode <= SAME ? scancode : scancode < ARRAY_SIZE(others) ? others[scancode] : 0;
}
