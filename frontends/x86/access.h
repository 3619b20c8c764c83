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

static inline unsigned x86_data_idx(const struct x86_cpu *c)
{
    return x86_mode_tlb_class(c->mode);
}
static inline unsigned x86_data_flags(unsigned s)
{
    return s == X86_SS ? IR_MEM_STACK : 0;
}

#endif
