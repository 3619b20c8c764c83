/* SPDX-License-Identifier: MIT */
/*
 * Cuts a stream of bytes into JSON texts, with limits, so that the parser only ever sees a complete
 * text of bounded size and depth. After an error it finds the next text again.
 */
#ifndef MONITOR_JSON_FRAME_H
#define MONITOR_JSON_FRAME_H

#include "util/base.h"

#include <glib.h>

#define JSON_TEXT_MAX  MIB(16)
#define JSON_DEPTH_MAX 1024u
#define JSON_MARKS_MAX 500000u /* brackets, commas, colons: what makes a tree large */

struct json_frame {
    GByteArray *text;
    unsigned depth, marks;
    bool in_string, escaped;
    bool in_word;    /* a number or literal outside brackets */
    bool skipping;   /* after an error, until the line ends */
    bool at_bracket; /* ... or the next opening bracket */
    /* A complete text (error NULL), or what is wrong with what came. */
    void (*emit)(void *opaque, const char *text, size_t len, const char *error);
    void *opaque;
};

void json_frame_init(struct json_frame *f,
                     void (*emit)(void *opaque, const char *text, size_t len, const char *error),
                     void *opaque);
void json_frame_fini(struct json_frame *f);
void json_frame_reset(struct json_frame *f);
void json_frame_feed(struct json_frame *f, const uint8_t *buf, size_t len);

#endif
