/* SPDX-License-Identifier: MIT */
/* Disassembly of guest code, for -d in_asm, the monitor and tests. */
#ifndef FRONTENDS_X86_DISAS_H
#define FRONTENDS_X86_DISAS_H

#include "util/base.h"

/*
 * One instruction at code as text. mode: X86_MODE_CS64/CS32 count. Returns its length, 0 if it is
 * invalid or not complete. By Capstone if configured, else mnemonic and operand kinds of our rows.
 */
unsigned x86_disas(const uint8_t *code, unsigned avail, uint64_t pc, uint64_t mode, char *buf,
                   size_t size);

/* By Capstone alone (0 if it is not configured); bits: 16, 32, 64. */
unsigned x86_disas_capstone(const uint8_t *code, unsigned avail, uint64_t pc, unsigned bits,
                            char *buf, size_t size);

void x86_disas_log_block(uint64_t phys, uint64_t mode);
void x86_disas_log(const uint8_t *code, unsigned len, uint64_t pc, uint64_t mode);

#endif
