/* SPDX-License-Identifier: MIT */
/*
 * Address types. They are all 64 bits wide; the name says which space a number
 * belongs to, and converting from one to another is always a named function.
 */
#ifndef UTIL_TYPES_H
#define UTIL_TYPES_H

#include <stdint.h>

/* Guest linear ("virtual") address: after segmentation, before paging. */
typedef uint64_t gva_t;

/* Guest-physical address: what the memory map and the bus decode. */
typedef uint64_t gpa_t;

/* Offset in guest RAM (all RAM blocks laid end to end, independent of where the
 * memory map shows them): names bytes for dirty tracking and migration. */
typedef uint64_t ram_addr_t;

#endif
