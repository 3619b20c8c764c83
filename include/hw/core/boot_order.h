/* SPDX-License-Identifier: MIT */
/*
 * Which devices firmware shall boot from: those with a property `bootindex`, the lowest first, by
 * their Open Firmware paths ("/pci@i0cf8/ide@1,1/drive@0/disk@0"). Device lock held.
 */
#ifndef HW_CORE_BOOT_ORDER_H
#define HW_CORE_BOOT_ORDER_H

#include "util/base.h"

#include <glib.h>

struct error;

#define BOOT_ORDER_FIRST (-1) /* before every index a user can give */

/* -EBUSY with err: another has that index. */
int boot_order_add(int32_t index, const char *path, struct error **err);
void boot_order_remove(const char *path);

/* Every path and a newline, in order. */
void boot_order_append(GString *out);

/* Who hands the list to firmware; called after every change. One. */
void boot_order_listen(void (*changed)(void));

#endif
