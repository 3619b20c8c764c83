/* SPDX-License-Identifier: MIT */
/*
 * Starting the boot CPU somewhere else than at its reset vector: what a boot loader leaves behind
 * in 32-bit protected mode without paging, interrupts off; or in real mode. Implemented by the frontend.
 */
#ifndef SYSTEM_CPU_BOOT_H
#define SYSTEM_CPU_BOOT_H

#include "util/base.h"

struct cpu_boot_state {
    uint32_t eip, eax, ebx, ecx, edx, esi, edi, ebp, esp;
    uint32_t gdt_base;
    uint16_t gdt_limit;
    uint16_t cs,
        ds; /* selectors of flat 4 GiB code and data segments of the GDT; ds is SS and ES too */
    bool real_mode; /* only cs (a real-mode segment) and eip count */
};

/* Taken at every reset of the boot CPU from now on; NULL: the reset vector again. Firmware's part of
 * the CPU set-up (memory types) is done on all CPUs. Before vCPUs start, or while they are paused. */
void cpu_set_boot_state(const struct cpu_boot_state *state);

#endif
