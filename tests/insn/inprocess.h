/* SPDX-License-Identifier: MIT */
/*
 * Executing single instructions on the host's processor with a given register state: the
 * reference of the differential tests. 64-bit user mode; code must not use RSP or leave by a jump.
 */
#ifndef TESTS_INSN_INPROCESS_H
#define TESTS_INSN_INPROCESS_H

#include "util/base.h"

struct native_state {
    uint8_t fx[512] __attribute__((aligned(64))); /* FXSAVE64 layout */
    uint64_t greg[16];   /* RAX, RCX, RDX, RBX, -, RBP, RSI, RDI, R8 ..; RSP is not taken */
    uint64_t flags;      /* arithmetic flags */
    uint64_t fault_addr; /* of SIGSEGV */
    uint64_t fault_pc;   /* where an exception came, from the start of the code */
};

#define NATIVE_MEMORY                                                                              \
    8192 /* bytes of native_memory(), which is page aligned and followed by an unmapped page */

/* The first call installs signal handlers, which pass faults of other code on: start engines before. */
void native_init(struct native_state *s);
/* Run len bytes; returns 0 or the signal it raised (the state is that at the fault then). */
int native_run(struct native_state *s, const uint8_t *code, unsigned len);
uint8_t *native_memory(void);
bool native_has_feature(unsigned feature); /* enum simd_feature */

#endif
