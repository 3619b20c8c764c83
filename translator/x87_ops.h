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

enum x87_op {
#define X87M(name, ...) X87_##name,
#define X87R(name, ...) X87_##name,
#include "translator/x87_ops.def"
#undef X87M
#undef X87R
    X87_COUNT
};

struct x87_row {
    const char *name;
    uint8_t op;    /* opcode - D8 */
    uint8_t modrm; /* first register form, or modrm.reg << 3 of the memory form */
    uint8_t count; /* register forms; 0: memory form */
    uint8_t bytes; /* memory operand */
    uint8_t flags; /* enum x87_flags */
};
extern const struct x87_row x87_rows[X87_COUNT];

/* The row (enum x87_op) of opcode D8..DF and modrm, or -1: #UD. */
int x87_find(uint8_t opcode, uint8_t modrm);

#endif
