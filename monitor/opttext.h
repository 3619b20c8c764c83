/* SPDX-License-Identifier: MIT */
/*
 * Option texts ("driver,name=value,...") made from JSON, for commands that do what an option does.
 */
#ifndef MONITOR_OPTTEXT_H
#define MONITOR_OPTTEXT_H

#include <glib.h>
#include <jansson.h>

/* Append ",name=value". */
void opttext_string(GString *text, const char *name, const char *value);
void opttext_value(GString *text, const char *name, json_t *value);
/* All members of an object but those named (a list that ends with NULL). */
void opttext_object(GString *text, json_t *object, const char *const *but);

#endif
