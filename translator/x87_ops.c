/* SPDX-License-Identifier: MIT */
/*
 * Tables derived from x87_ops.def.
 */
#include "translator/x87_ops.h"

const struct x87_row x87_rows[X87_COUNT] = {
#define X87M(name, op, ext, bytes, flags)   [X87_##name] = {#name, op, (ext) << 3, 0, bytes, flags},
#define X87R(name, op, modrm, count, flags) [X87_##name] = {#name, op, modrm, count, 0, flags},
#include "translator/x87_ops.def"
#undef X87M
#undef X87R
};

/* Row + 1; an operation of two rows for one code does not compile (override-init). */
static const uint8_t x87_mem_index[8][8] = {
#define X87M(name, op, ext, ...) [op][ext] = X87_##name + 1,
#define X87R(...)
#include "translator/x87_ops.def"
#undef X87M
#undef X87R
};

static const uint8_t x87_reg_index[8][64] = {
#define X87M(...)
#define X87R(name, op, modrm, count, ...)                                                          \
    [op][(modrm)-0xc0 ...(modrm) - 0xc0 + (count)-1] = X87_##name + 1,
#include "translator/x87_ops.def"
#undef X87M
#undef X87R
};
_Static_assert(X87_COUNT < 256, "the index is a byte");

int x87_find(uint8_t opcode, uint8_t modrm)
{
    if ((opcode & 0xf8) != 0xd8)
        return -1;
    if (modrm < 0xc0)
        return x87_mem_index[opcode & 7][modrm >> 3 & 7] - 1;
    return x87_reg_index[opcode & 7][modrm - 0xc0] - 1;
}
