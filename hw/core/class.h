/* SPDX-License-Identifier: MIT */
/*
 * Device classes and -global, as far as device.c needs them.
 */
#ifndef HW_CORE_CLASS_H
#define HW_CORE_CLASS_H

#include "hw/core/device.h"

/* Own properties first, then those of the bus type. */
const struct prop *class_find_prop(const struct device_class *cls, const char *name);
void class_for_each_prop(const struct device_class *cls,
                         void (*fn)(const struct prop *p, void *opaque), void *opaque);

/* Set err with a suggestion; return -ENOENT. */
int class_unknown(const char *name, struct error **err);
int class_unknown_prop(const struct device_class *cls, const char *prop, struct error **err);

int class_apply_globals(struct device *dev, struct error **err);

/* hotplug.c: it is being freed otherwise. */
void device_forget_leaving(struct device *dev);

#endif
