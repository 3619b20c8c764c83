/* SPDX-License-Identifier: MIT */
/* Hexadecimal texts (text.h). */
#include "gdbstub/text.h"

bool text_hex(const char **p, uint64_t *value)
{
    const char *start = *p;
    int digit;

    *value = 0;
    while ((digit = g_ascii_xdigit_value(**p)) >= 0) {
        if (*value >> 60) {
            return false;
        }
        *value = *value << 4 | (unsigned)digit;
        (*p)++;
    }
    return *p != start;
}

bool text_skip(const char **p, char c)
{
    if (**p != c) {
        return false;
    }
    (*p)++;
    return true;
}

void text_put_bytes(GString *out, const void *bytes, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *b = bytes;

    for (size_t i = 0; i < len; i++) {
        g_string_append_c(out, hex[b[i] >> 4]);
        g_string_append_c(out, hex[b[i] & 15]);
    }
}

size_t text_bytes(const char **p, uint8_t *bytes, size_t max)
{
    size_t n = 0;

    for (; n < max; n++, *p += 2) {
        int hi = g_ascii_xdigit_value((*p)[0]);
        int lo = hi < 0 ? -1 : g_ascii_xdigit_value((*p)[1]);
        if (lo < 0) {
            break;
        }
        bytes[n] = (uint8_t)(hi << 4 | lo);
    }
    return n;
}
