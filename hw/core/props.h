/* SPDX-License-Identifier: MIT */
/*
 * Properties, as far as device.c needs them.
 */
#ifndef HW_CORE_PROPS_H
#define HW_CORE_PROPS_H

#include "hw/core/device.h"

/* For messages: "a number", "on or off". */
const char *prop_type_name(enum prop_type type);

void prop_set_default(struct device *dev, const struct prop *p);
int prop_parse(struct device *dev, const struct prop *p, const char *text, struct error **err);

/* To be freed by the caller; NULL for a string that is not set. */
char *prop_print(const struct device *dev, const struct prop *p);
void prop_release(struct device *dev, const struct prop *p);

/* Assert on values the property does not allow. */
void prop_store_u64(struct device *dev, const struct prop *p, uint64_t value);
void prop_store_ptr(struct device *dev, const struct prop *p, void *object);

/* One line of help. */
void prop_describe(const struct prop *p, GString *out);

#endif
