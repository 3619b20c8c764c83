/* SPDX-License-Identifier: MIT */
/*
 * An emulated CPU in user mode over the memory of native.h: runs a case as the host did. A single
 * vCPU of the x86 frontend in long mode with page tables, no devices; an exception ends the case.
 */
#ifndef TESTS_INSN_MACHINE_H
#define TESTS_INSN_MACHINE_H

#include "tests/insn/native.h"
#include "util/base.h"

/* backend: "interp" or "jit"; bits: 32 or 64. Once per process. */
void machine_start(const char *backend, unsigned bits, const uint16_t sel[6]);
uint64_t machine_features(void); /* enum x86_feature mask */
/* Run c->in with the memory of `data` and c->ro; fills out, vector, error, cr2, data of *c. */
void machine_run(struct native_case *c);

#endif
