/* SPDX-License-Identifier: MIT */
/* Random cases for a row of the instruction tables. */
#ifndef TESTS_INSN_CASES_H
#define TESTS_INSN_CASES_H

#include "frontends/x86/decode.h"
#include "tests/insn/native.h"

uint64_t case_rng(void);
void case_seed(uint64_t seed);

/* May user code run this row natively, with results that are the same on every CPU? */
bool case_runnable(const struct x86_row *row, unsigned bits);
/* Build a case; false: this attempt gave no valid encoding of the row. *in: how it decodes. */
bool case_build(struct native_case *c, const struct x86_row *row, unsigned bits,
                struct x86_insn *in);
/* EFLAGS bits the case leaves defined when it completes. */
uint32_t case_defined_flags(const struct native_case *c, const struct x86_insn *in);

/*
 * A case of several instructions without branches; memory operands at constant addresses or on the
 * stack. undef[i]: EFLAGS bits the manual leaves undefined before instruction i.
 */
#define CASE_SEQUENCE 24
struct case_sequence {
    unsigned n;
    uint32_t at[CASE_SEQUENCE + 1]; /* rip of each, and of the end */
    uint32_t undef[CASE_SEQUENCE + 1];
    struct x86_insn insn[CASE_SEQUENCE];
};
/* length: 1 to CASE_SEQUENCE instructions; features: enum x86_feature mask. */
void case_build_sequence(struct native_case *c, unsigned length, unsigned bits, uint64_t features,
                         struct case_sequence *seq);

#endif
