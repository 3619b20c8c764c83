/* SPDX-License-Identifier: MIT */
/* EDID 1.4 of a monitor that does not exist. */
#ifndef HW_DISPLAY_EDID_H
#define HW_DISPLAY_EDID_H

#include "util/base.h"

#define EDID_SIZE 128

/* Fill `edid` for a monitor that prefers this size; both are at least 64 and below 4096. */
void edid_make(uint8_t edid[EDID_SIZE], unsigned width, unsigned height);

#endif
