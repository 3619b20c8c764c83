/* SPDX-License-Identifier: MIT */
/*
 * C view of x87_ops.def: what an x87 opcode with its modrm byte is.
 */
#ifndef TRANSLATOR_X87_OPS_H
#define TRANSLATOR_X87_OPS_H

#include "util/base.h"

enum x87_flags {
    FX_LOAD = 1, FX_STORE = 2, FX_CONTROL = 4, FX_NOWAIT = 8, FX_FDEF = 0x10, FX_FUSE = 0x20,
    FX_AX = 0x40, FX_HELPER = 0x80,
};

struct x87_row {
    const char *name;
    uint8_t op;    /* opcode - D8 */
    uint8_t modrm; /* first register form, or modrm.reg << 3 of the memory form */
    uint8_t bytes; /* memory operand */
    uint8_t flags; /* enum x87_flags */
};

/* The row of opcode D8..DF and modrm, or NULL: #UD. */
const struct x87_row *x87_find(uint8_t opcode, uint8_t modrm);
/* All rows, for tests. */
const struct x87_row *x87_row_at(unsigned i);

#endif
