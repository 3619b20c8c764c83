/* SPDX-License-Identifier: MIT */
/*
 * Helpers of integer instructions: decimal arithmetic, PUSHA, POPA, ENTER, RDRAND.
 * Reference: Intel SDM vol. 2. Flags the manual leaves undefined are as current Intel CPUs leave
 * them where that is known.
 */
#include "frontends/x86/access.h"
#include "frontends/x86/fault.h"
#include "frontends/x86/gen.h"

#include <sys/random.h>

/* --- decimal arithmetic --------------------------------------------------------- */

static uint32_t szp_flags(uint8_t al)
{
    return (al & 0x80 ? EFL_SF : 0) | (al ? 0 : EFL_ZF) | (__builtin_parity(al) ? 0 : EFL_PF);
}

/* DAA (add) and DAS */
static uint8_t decimal_adjust(uint8_t al, uint32_t *flags, bool add)
{
    uint8_t old = al, fix = 0;
    bool carry = false;

    if ((old & 15) > 9 || *flags & EFL_AF) {
        fix = 6;
        carry = *flags & EFL_CF || (add ? old > 0xff - 6 : old < 6);
        *flags |= EFL_AF;
    } else {
        *flags &= ~(uint32_t)EFL_AF;
    }
    if (old > 0x99 || *flags & EFL_CF) {
        fix += 0x60;
        carry = true;
    }
    al = (uint8_t)(add ? old + fix : old - fix);
    *flags = (*flags & EFL_AF) | (carry ? EFL_CF : 0) | szp_flags(al);
    return al;
}

/* AAA (add) and AAS */
static uint16_t ascii_adjust(uint16_t ax, uint32_t *flags, bool add)
{
    bool adjust = (ax & 15) > 9 || *flags & EFL_AF;

    if (adjust)
        ax = (uint16_t)(add ? ax + 0x106 : ax - 0x106);
    ax &= 0xff0f;
    *flags = (adjust ? EFL_AF | EFL_CF : 0) | szp_flags((uint8_t)ax);
    return ax;
}

/* a = AX, kind, imm; returns AX. */
uint64_t helper_decimal(struct vcpu *v, uint64_t a, uint64_t kind, uint64_t imm)
{
    uint32_t flags = (uint32_t)v->flags;
    uint16_t ax = (uint16_t)a;

    switch ((enum x86_decimal)kind) {
    case X86_DEC_DAA:
    case X86_DEC_DAS:
        ax = (uint16_t)((ax & 0xff00) | decimal_adjust((uint8_t)ax, &flags, kind == X86_DEC_DAA));
        break;
    case X86_DEC_AAA:
    case X86_DEC_AAS:
        ax = ascii_adjust(ax, &flags, kind == X86_DEC_AAA);
        break;
    case X86_DEC_AAM:
        if (!imm)
            x86_raise(v, X86_DE);
        ax = (uint16_t)((ax & 0xff) / imm << 8 | (ax & 0xff) % imm);
        flags = szp_flags((uint8_t)ax);
        break;
    case X86_DEC_AAD:
        ax = (uint8_t)((ax & 0xff) + (ax >> 8) * imm);
        flags = szp_flags((uint8_t)ax);
        break;
    }
    v->flags = flags;
    return ax;
}

/* --- stack frames ------------------------------------------------------------------- */

static uint64_t stack_mask(const struct x86_cpu *c)
{
    return c->mode & X86_MODE_CS64 ? UINT64_MAX : c->mode & X86_MODE_SS32 ? UINT32_MAX : 0xffff;
}

static void set_stack_register(struct x86_cpu *c, unsigned reg, uint64_t value)
{
    uint64_t mask = stack_mask(c), *r = &c->v.greg[reg];

    *r = mask == 0xffff ? deposit64(*r, 0, 16, value) : value & mask;
}

static gva_t stack_linear(struct x86_cpu *c, uint64_t off, unsigned size, bool write)
{
    return x86_data_linear(c, X86_SS, off & stack_mask(c), size, write);
}

static void stack_probe(struct x86_cpu *c, uint64_t off, unsigned size)
{
    softtlb_probe(&c->v, stack_linear(c, off, size, true), size, TLB_WRITE, x86_data_idx(c),
                  IR_MEM_STACK);
}

static void stack_store(struct x86_cpu *c, uint64_t off, unsigned size, uint64_t value)
{
    softtlb_store(&c->v, stack_linear(c, off, size, true), value, size, x86_data_idx(c),
                  IR_MEM_STACK);
}

static uint64_t stack_load(struct x86_cpu *c, uint64_t off, unsigned size)
{
    return softtlb_load(&c->v, stack_linear(c, off, size, false), size, x86_data_idx(c),
                        IR_MEM_STACK);
}

static void set_general(struct x86_cpu *c, unsigned reg, unsigned size, uint64_t value)
{
    uint64_t *r = &c->v.greg[reg];

    *r = size == 2 ? deposit64(*r, 0, 16, value) : size == 4 ? (uint32_t)value : value;
}

/* a = operand size */
uint64_t helper_pusha(struct vcpu *v, uint64_t a, uint64_t unused1, uint64_t unused2)
{
    struct x86_cpu *c = X86_CPU(v);
    uint64_t sp = v->greg[X86_RSP];
    unsigned size = (unsigned)a;

    for (unsigned i = 0; i < 8; i++)
        stack_probe(c, sp - (i + 1) * size, size);
    for (unsigned i = 0; i < 8; i++)
        stack_store(c, sp - (i + 1) * size, size, v->greg[i]);
    set_stack_register(c, X86_RSP, sp - 8 * size);
    return 0;
}

/*
 * a = operand size; the image of rSP is skipped. As on hardware a fault on the way leaves the
 * registers that have been loaded.
 */
uint64_t helper_popa(struct vcpu *v, uint64_t a, uint64_t unused1, uint64_t unused2)
{
    struct x86_cpu *c = X86_CPU(v);
    uint64_t sp = v->greg[X86_RSP];
    unsigned size = (unsigned)a;

    for (unsigned i = 0; i < 8; i++) {
        uint64_t value = stack_load(c, sp + i * size, size);

        if (7 - i != X86_RSP)
            set_general(c, 7 - i, size, value);
    }
    set_stack_register(c, X86_RSP, sp + 8 * size);
    return 0;
}

/*
 * a = operand size, frame = bytes of locals, level = 0..31. As on hardware only the registers are
 * committed last: what has been pushed when a fault comes stays in memory. The final stack pointer
 * must be good for a write, too.
 */
uint64_t helper_enter(struct vcpu *v, uint64_t a, uint64_t frame, uint64_t level)
{
    struct x86_cpu *c = X86_CPU(v);
    uint64_t sp = v->greg[X86_RSP], bp = v->greg[X86_RBP], frame_bp;
    unsigned size = (unsigned)a;

    sp -= size;
    stack_store(c, sp, size, bp);
    frame_bp = sp & stack_mask(c);
    for (unsigned i = 1; i < level; i++) {
        sp -= size;
        stack_store(c, sp, size, stack_load(c, bp - i * size, size));
    }
    if (level) {
        sp -= size;
        stack_store(c, sp, size, frame_bp);
    }
    sp -= frame;
    stack_probe(c, sp, size);
    set_stack_register(c, X86_RSP, sp);
    set_general(c, X86_RBP, size, frame_bp);
    return 0;
}

/* --- random numbers ------------------------------------------------------------------- */

/* 64 random bits; the host's generator does not block once it is seeded. */
uint64_t helper_rdrand(struct vcpu *v, uint64_t unused1, uint64_t unused2, uint64_t unused3)
{
    uint64_t r = 0;

    while (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
        ;
    return r;
}
