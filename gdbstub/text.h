/* SPDX-License-Identifier: MIT */
/* Reading and writing the hexadecimal texts packets are made of. */
#ifndef GDBSTUB_TEXT_H
#define GDBSTUB_TEXT_H

#include "util/base.h"

#include <glib.h>

/* A hexadecimal number of up to 64 bits at *p, which moves behind it; false: there is none. */
bool text_hex(const char **p, uint64_t *value);

/* *p moves behind the character c; false: there is another one. */
bool text_skip(const char **p, char c);

/* Two digits a byte. text_bytes(): how many bytes there were, at most max; stops at what is no digit. */
void text_put_bytes(GString *out, const void *bytes, size_t len);
size_t text_bytes(const char **p, uint8_t *bytes, size_t max);

#endif
