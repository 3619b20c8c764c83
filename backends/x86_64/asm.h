/* SPDX-License-Identifier: MIT */
/*
 * Encoder of the host's instructions: operands, prefixes, ModRM (Intel SDM vol. 2, chapter 2).
 * Knows nothing of the IR. Overflow of the buffer is noted (asm_full), not written.
 */
#ifndef BACKENDS_X86_64_ASM_H
#define BACKENDS_X86_64_ASM_H

#include "util/base.h"

enum host_reg {
    RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI,
    R8, R9, R10, R11, R12, R13, R14, R15,
    NOREG = 16, /* encodes without a REX bit */
};

/* Operand size, numbered as enum ir_type. */
enum asm_size { S8, S16, S32, S64 };

/* OPND_HI: bits 15..8 of RAX..RBX. */
enum opnd_kind { OPND_NONE, OPND_REG, OPND_HI, OPND_MEM, OPND_IMM };
struct opnd {
    uint8_t kind;
    uint8_t reg;   /* REG, HI; MEM: base or NOREG */
    uint8_t index; /* MEM: index or NOREG */
    uint8_t scale;
    union {
        int32_t disp;
        int64_t imm;
    };
};

/*
 * Opcode word: opcode byte, map, mandatory prefix. BYTE: the opcode's bit 0 is clear for 8-bit
 * operands (the usual pairs). W64: 64-bit operand size without REX.W (push, indirect jmp).
 */
enum asm_opcode_bits {
    M0F = 1 << 8, M0F38 = 2 << 8, M0F3A = 3 << 8, MAP = 3 << 8,
    P66 = 1 << 10, PF3 = 2 << 10, PF2 = 3 << 10, PREFIX = 3 << 10,
    OPW = 1 << 12,  /* bit 0 says byte/word */
    DEF64 = 1 << 13,
    RM8 = 1 << 14,  /* the r/m operand is 8 bits wide, whatever the size (MOVZX) */
    REG8 = 1 << 15, /* the reg operand is */
    LOCKP = 1 << 16,
};

struct asm_buf {
    uint8_t *p, *start, *end;
    bool full;
};

static inline struct opnd opnd_reg(unsigned r)
{
    return (struct opnd){.kind = OPND_REG, .reg = (uint8_t)r, .index = NOREG};
}

static inline struct opnd opnd_imm(int64_t v)
{
    return (struct opnd){.kind = OPND_IMM, .reg = NOREG, .index = NOREG, .imm = v};
}

static inline struct opnd opnd_mem(unsigned base, int32_t disp)
{
    return (struct opnd){.kind = OPND_MEM, .reg = (uint8_t)base, .index = NOREG, .disp = disp};
}

static inline struct opnd opnd_memx(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
    return (struct opnd){.kind = OPND_MEM, .reg = (uint8_t)base, .index = (uint8_t)index,
                         .scale = (uint8_t)scale, .disp = disp};
}

static inline bool opnd_is_reg(const struct opnd *o, unsigned r)
{
    return o->kind == OPND_REG && o->reg == r;
}

static inline bool opnd_equal(const struct opnd *a, const struct opnd *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == OPND_IMM)
        return a->imm == b->imm;
    return a->reg == b->reg &&
           (a->kind != OPND_MEM || (a->index == b->index && a->scale == b->scale && a->disp == b->disp));
}

/* Does the operand's value or address depend on register r? */
static inline bool opnd_uses(const struct opnd *o, unsigned r)
{
    switch (o->kind) {
    case OPND_REG:
    case OPND_HI:
        return o->reg == r;
    case OPND_MEM:
        return o->reg == r || o->index == r;
    default:
        return false;
    }
}

/* Must an instruction with this operand (of this size) carry a REX prefix? */
static inline bool opnd_needs_rex(const struct opnd *o, enum asm_size s)
{
    switch (o->kind) {
    case OPND_REG:
        return o->reg >= 8 || (s == S8 && o->reg >= 4);
    case OPND_MEM:
        return (o->reg >= 8 && o->reg != NOREG) || (o->index >= 8 && o->index != NOREG);
    default:
        return false;
    }
}

static inline void asm_byte(struct asm_buf *a, unsigned v)
{
    if (unlikely(a->p >= a->end)) {
        a->full = true;
        return;
    }
    *a->p++ = (uint8_t)v;
}

static inline void asm_imm(struct asm_buf *a, int64_t v, unsigned bytes)
{
    if (unlikely((size_t)(a->end - a->p) < bytes)) {
        a->full = true;
        return;
    }
    memcpy(a->p, &v, bytes);
    a->p += bytes;
}

/* bytes nobody executes */
static inline void asm_pad(struct asm_buf *a, unsigned n)
{
    while (n--)
        asm_byte(a, 0xcc);
}

static inline uint32_t asm_off(const struct asm_buf *a)
{
    return (uint32_t)(a->p - a->start);
}

/* op reg, r/m (or with an opcode extension as reg). tail: immediate bytes that follow (for RIP-relative, unused otherwise). */
void asm_op(struct asm_buf *a, unsigned op, enum asm_size s, const struct opnd *reg, const struct opnd *rm);
void asm_ext(struct asm_buf *a, unsigned op, enum asm_size s, unsigned ext, const struct opnd *rm);

/* ALU group: add or adc sbb and sub xor cmp = 0..7. Operands any legal x86 pair. */
enum asm_alu { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
void asm_alu(struct asm_buf *a, enum asm_alu op, enum asm_size s, const struct opnd *d, const struct opnd *b, bool lock);
void asm_alu_ri(struct asm_buf *a, enum asm_alu op, enum asm_size s, unsigned r, int32_t imm);
void asm_test(struct asm_buf *a, enum asm_size s, const struct opnd *x, const struct opnd *y);
/* mov; an immediate into a register takes the shortest form that leaves the flags alone */
void asm_mov(struct asm_buf *a, enum asm_size s, const struct opnd *d, const struct opnd *b);
void asm_mov_rr(struct asm_buf *a, enum asm_size s, unsigned d, unsigned b);
void asm_lea(struct asm_buf *a, enum asm_size s, unsigned d, const struct opnd *m);
/* shift group: rol ror rcl rcr shl shr - sar = 0..7; by CL or an immediate */
enum asm_shift { SH_ROL, SH_ROR, SH_RCL, SH_RCR, SH_SHL, SH_SHR, SH_SAR = 7 };
void asm_shift_i(struct asm_buf *a, enum asm_shift op, enum asm_size s, const struct opnd *d, unsigned count);
void asm_shift_cl(struct asm_buf *a, enum asm_shift op, enum asm_size s, const struct opnd *d);
/* movzx/movsx: d of size s from an operand of size from (S32 -> S64 too) */
void asm_extend(struct asm_buf *a, bool sign, enum asm_size s, unsigned d, enum asm_size from, const struct opnd *b);

/* rorx (BMI2): rotate right without flags */
void asm_rorx(struct asm_buf *a, enum asm_size s, unsigned d, const struct opnd *b, unsigned count);

/* Branches: rel32 to a known address, or to be bound: return the offset of the rel32 field. */
uint32_t asm_jcc_fwd(struct asm_buf *a, unsigned cond);
uint32_t asm_jmp_fwd(struct asm_buf *a);
uint32_t asm_jcc_short(struct asm_buf *a, unsigned cond); /* returns the offset of the rel8 field */
void asm_bind32(struct asm_buf *a, uint32_t field);       /* to here */
void asm_bind8(struct asm_buf *a, uint32_t field);
/* Targets are addresses in the view the code runs in; `rx` is a->start there. */
void asm_branch_to(struct asm_buf *a, unsigned opcode, const uint8_t *rx, const void *target);
enum { ASM_CALL = 0xe8, ASM_JMP = 0xe9, ASM_JCC = M0F | 0x80 };
/* Backward or forward inside the buffer, known offset. */
void asm_jmp_off(struct asm_buf *a, uint32_t off);

#endif
