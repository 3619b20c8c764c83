/* SPDX-License-Identifier: MIT */
/* Keys by the names X gives what is printed on them (keysyms), as viewers over a network tell. */
#ifndef UI_KEYSYM_H
#define UI_KEYSYM_H

#include "util/base.h"

/*
 * The key (linux/input-event-codes.h) of a US keyboard that gives this keysym, with or without
 * Shift; 0: none does. Any thread.
 */
unsigned keysym_to_key(uint32_t keysym);

#endif
