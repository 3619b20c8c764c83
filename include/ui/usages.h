/* SPDX-License-Identifier: MIT */
/* Keys by their numbers on USB keyboards (HID Usage Tables 1.12, page 7). Any thread. */
#ifndef UI_USAGES_H
#define UI_USAGES_H

#include "util/base.h"

/* linux/input-event-codes.h to usage; 0: a keyboard has no such key. */
unsigned usage_of_key(unsigned code);

/* The other way; 0 (KEY_RESERVED): there is no such key. */
unsigned usage_to_key(unsigned usage);

#endif
