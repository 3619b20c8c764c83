/* SPDX-License-Identifier: MIT */
/* Unsigned integers of 1, 2, 4 or 8 bytes in structs described by tables (properties, registers, saved state). */
#ifndef UTIL_UINT_H
#define UTIL_UINT_H

#include "util/base.h"

static inline uint64_t uint_load(const void *p, uint32_t size)
{
    switch (size) {
    case 1:
        return *(const uint8_t *)p;
    case 2:
        return *(const uint16_t *)p;
    case 4:
        return *(const uint32_t *)p;
    default:
        return *(const uint64_t *)p;
    }
}

static inline void uint_store(void *p, uint32_t size, uint64_t v)
{
    switch (size) {
    case 1:
        *(uint8_t *)p = (uint8_t)v;
        break;
    case 2:
        *(uint16_t *)p = (uint16_t)v;
        break;
    case 4:
        *(uint32_t *)p = (uint32_t)v;
        break;
    default:
        *(uint64_t *)p = v;
    }
}

#endif
