/* SPDX-License-Identifier: MIT */
/*
 * Option texts ("driver,name=value,...") made from JSON: for commands that do what an option
 * does, and for options given as JSON.
 */
#ifndef UTIL_OPTTEXT_H
#define UTIL_OPTTEXT_H

#include <glib.h>
#include <jansson.h>

struct error;

/* Append ",name=value"; members of an object as ",name.member=value",
 * elements of a list as ",name.0=value"; null is left out. */
void opttext_string(GString *text, const char *name, const char *value);
void opttext_value(GString *text, const char *name, json_t *value);
/* All members of an object but those named (a list that ends with NULL; NULL: all). */
void opttext_object(GString *text, json_t *object, const char *const *but);

/*
 * The text of a JSON object in text form, free with g_free(); the members named in `first` (a list that
 * ends with NULL) lead. NULL with err set if it is none.
 */
char *opttext_of_json(const char *json, const char *const *first, struct error **err);

#endif
