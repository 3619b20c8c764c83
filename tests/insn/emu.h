/* SPDX-License-Identifier: MIT */
/*
 * Executing test instructions by doppel: one vCPU with a little memory and an identity page table,
 * no machine. Code runs in 64-bit mode at CPL 0 with every exception handler a HLT.
 */
#ifndef TESTS_INSN_EMU_H
#define TESTS_INSN_EMU_H

#include "tests/insn/inprocess.h"

#define EMU_DATA                                                                                   \
    0x30000 /* linear address of emu_memory(): NATIVE_MEMORY bytes, then an unmapped page */

/* Once per process. False: there is no such backend (jit, interp) in this build. */
bool emu_start(const char *backend);
uint8_t *emu_memory(void);
/* Control registers for the runs that follow: emu_start() sets PE MP ET NE WP PG, PAE OSFXSR OSXMMEXCPT OSXSAVE. */
void emu_set_control(uint64_t cr0, uint64_t cr4);
struct x86_cpu *emu_cpu(void);
/* As native_run(), but returns the vector of the exception that ended it, or -1. */
int emu_run(struct native_state *s, const uint8_t *code, unsigned len);

#endif
