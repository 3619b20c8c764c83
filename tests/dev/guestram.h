/* SPDX-License-Identifier: MIT */
/* 16 MiB of RAM at 0 for device tests that do DMA. */
#ifndef TESTS_DEV_GUESTRAM_H
#define TESTS_DEV_GUESTRAM_H

#include "tests/dev/dev.h"

#define GUEST_RAM_SIZE MIB(16)

static struct mem_region guest_ram;

static inline void guest_ram_init(void)
{
    ck_assert_int_eq(mem_region_init_ram(&guest_ram, "ram", GUEST_RAM_SIZE, NULL), 0);
    mem_region_add(as_memory.root, 0, &guest_ram);
}

static inline uint8_t *guest_mem(gpa_t gpa)
{
    return ram_ptr(guest_ram.ram) + gpa;
}

#endif
