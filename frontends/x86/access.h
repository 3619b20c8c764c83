/* SPDX-License-Identifier: MIT */
/*
 * Data accesses of instructions done by helpers: segment checks and linear addresses, as
 * translated code does them inline. Raise #GP(0) or #SS(0) when refused.
 */
#ifndef FRONTENDS_X86_ACCESS_H
#define FRONTENDS_X86_ACCESS_H

#include "frontends/x86/mode.h"
#include "translator/ir.h"

/* Linear address of [off, off + size) in segment s, after its checks. */
gva_t x86_data_linear(struct x86_cpu *c, unsigned s, uint64_t off, unsigned size, bool write);
/* How many bytes from off on (going up) the segment allows without asking again; at least 0. */
uint64_t x86_data_room(struct x86_cpu *c, unsigned s, uint64_t off);

/* What alignment checks want of an access: SDM vol. 3A, table 6-7. */
static inline unsigned x86_alignment(unsigned size)
{
    switch (size) {
    case 2:
    case 4:
    case 8:
        return size;
    case 10: /* x87 extended */
        return 8;
    case 14: /* x87 environment and state, 16 and 32 bits */
    case 94:
        return 2;
    case 28:
    case 108:
        return 4;
    default:
        return 1;
    }
}

static inline unsigned x86_data_idx(const struct x86_cpu *c)
{
    return x86_mode_tlb_class(c->mode);
}
static inline unsigned x86_data_flags(unsigned s)
{
    return s == X86_SS ? IR_MEM_STACK : 0;
}

#endif
