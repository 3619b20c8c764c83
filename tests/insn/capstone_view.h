/* SPDX-License-Identifier: MIT */
/* What Capstone says about an instruction, without its names (which clash with our decoder's). */
#ifndef TESTS_INSN_CAPSTONE_VIEW_H
#define TESTS_INSN_CAPSTONE_VIEW_H

#include "util/base.h"

enum cv_kind { CV_NONE, CV_REG, CV_MEM, CV_IMM };
struct cv_operand {
    enum cv_kind kind;
    char reg[8]; /* name */
    char seg[4], base[8], index[8];
    int scale;
    int64_t disp, imm;
    unsigned size;
};
struct cv_insn {
    unsigned len; /* 0: invalid */
    char text[224];
    unsigned count;
    struct cv_operand op[8];
};

int cv_init(void); /* -1: not configured */
/* at address 0 */
void cv_decode(const uint8_t *code, unsigned avail, unsigned bits, struct cv_insn *out);

#endif
