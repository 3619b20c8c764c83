/* SPDX-License-Identifier: MIT */
/* Encoder of the host's instructions, see asm.h. Intel SDM vol. 2, chapter 2 and appendix A. */
#include "backends/x86_64/asm.h"

static bool fits8(int64_t v)
{
    return v == (int8_t)v;
}

static bool fits32(int64_t v)
{
    return v == (int32_t)v;
}

/* All of an instruction but its immediate fits: its bytes are put without looking again. */
#define MAX_FORM 16

static uint8_t *put_prefixes(uint8_t *p, unsigned op, enum asm_size s)
{
    static const uint8_t mandatory[] = {0, 0x66, 0xf3, 0xf2};

    if (op & LOCKP)
        *p++ = 0xf0;
    if (s == S16)
        *p++ = 0x66;
    if (op & PREFIX)
        *p++ = mandatory[(op & PREFIX) / P66];
    return p;
}

static inline uint8_t *put_opcode(uint8_t *p, unsigned op, enum asm_size s)
{
    if (op & MAP) {
        *p++ = 0x0f;
        if ((op & MAP) != M0F)
            *p++ = (op & MAP) == M0F38 ? 0x38 : 0x3a;
    }
    *p++ = (uint8_t)((op & 0xff) - (s == S8 && op & OPW));
    return p;
}

/* NOREG has none of these bits. */
static inline unsigned rex_of(unsigned op, enum asm_size s, unsigned reg, const struct opnd *rm)
{
    unsigned bits = (s == S64 && !(op & DEF64)) << 3 | (reg >> 1 & 4) | (rm->index >> 2 & 2) |
                    (rm->reg >> 3 & 1);

    return bits ? bits | 0x40 : 0;
}

static inline uint8_t *put_disp32(uint8_t *p, int32_t disp)
{
    memcpy(p, &disp, 4);
    return p + 4;
}

static inline uint8_t *put_mem(uint8_t *p, unsigned reg, const struct opnd *m)
{
    bool sib = m->index != NOREG || m->reg == NOREG || (m->reg & 7) == 4;
    unsigned mod = m->reg == NOREG ? 0 : m->disp == 0 && (m->reg & 7) != 5 ? 0 : fits8(m->disp) ? 1 : 2;

    *p++ = (uint8_t)(mod << 6 | (reg & 7) << 3 | (sib ? 4 : m->reg & 7));
    if (sib)
        *p++ = (uint8_t)(m->scale << 6 | (m->index == NOREG ? 4 : m->index & 7) << 3 |
                         (m->reg == NOREG ? 5 : m->reg & 7));
    if (mod == 2 || m->reg == NOREG)
        return put_disp32(p, m->disp);
    if (mod == 1)
        *p++ = (uint8_t)m->disp;
    return p;
}

static inline bool has_room(struct asm_buf *a)
{
    if (likely(a->end - a->p >= MAX_FORM))
        return true;
    a->full = true;
    return false;
}

/* Everything before ModRM. */
static uint8_t *put_head(uint8_t *p, unsigned op, enum asm_size s, unsigned rex)
{
    p = put_prefixes(p, op, s);
    if (rex)
        *p++ = (uint8_t)rex;
    return put_opcode(p, op, s);
}

/* reg: encoding 0..15 (a high byte is 4..7 without REX); rex: bits wanted besides. */
static inline void emit_form(struct asm_buf *a, unsigned op, enum asm_size s, unsigned reg,
                             unsigned rex, const struct opnd *rm)
{
    uint8_t *p = a->p;

    if (!has_room(a))
        return;
    rex |= rex_of(op, s, reg, rm);
    if (likely(s >= S32 && !(op & ~(0xffu | OPW | DEF64)))) {
        *p = (uint8_t)rex;
        p += rex != 0;
        *p++ = (uint8_t)op;
    } else {
        p = put_head(p, op, s, rex);
    }
    if (rm->kind == OPND_MEM)
        p = put_mem(p, reg, rm);
    else
        *p++ = (uint8_t)(0xc0 | (reg & 7) << 3 | (((rm->kind == OPND_HI) * 4 + rm->reg) & 7));
    a->p = p;
}

/* A byte register above BL is one with any REX only. */
static inline unsigned rex_for_byte(const struct opnd *o, bool is8)
{
    return is8 && o->kind == OPND_REG && o->reg >= 4 ? 0x40 : 0;
}

void asm_op(struct asm_buf *a, unsigned op, enum asm_size s, const struct opnd *reg, const struct opnd *rm)
{
    unsigned rex = 0;

    if (s == S8 || op & (REG8 | RM8)) {
        bool s8 = s == S8 && op & OPW;

        rex = rex_for_byte(reg, s8 || op & REG8) | rex_for_byte(rm, s8 || op & RM8);
    }
    emit_form(a, op, s, reg->kind == OPND_HI ? reg->reg + 4u : reg->reg, rex, rm);
}

void asm_ext(struct asm_buf *a, unsigned op, enum asm_size s, unsigned ext, const struct opnd *rm)
{
    emit_form(a, op, s, ext, rex_for_byte(rm, (s == S8 && op & OPW) || op & RM8), rm);
}

static void alu_imm(struct asm_buf *a, enum asm_alu op, enum asm_size s, const struct opnd *d, int64_t v, unsigned lock)
{
    static const uint8_t bytes[] = {1, 2, 4, 4};

    if (s == S8)
        v = (int8_t)v;
    else if (s == S16)
        v = (int16_t)v;
    else if (s == S32)
        v = (int32_t)v;
    if (s != S8 && fits8(v)) {
        asm_ext(a, 0x83 | lock, s, op, d);
        asm_imm(a, v, 1);
    } else if (opnd_is_reg(d, RAX)) {
        if (s == S16)
            asm_byte(a, 0x66);
        if (s == S64)
            asm_byte(a, 0x48);
        asm_byte(a, op << 3 | 4 | (s != S8));
        asm_imm(a, v, bytes[s]);
    } else {
        asm_ext(a, 0x81 | OPW | lock, s, op, d);
        asm_imm(a, v, bytes[s]);
    }
}

void asm_alu(struct asm_buf *a, enum asm_alu op, enum asm_size s, const struct opnd *d, const struct opnd *b, bool lock)
{
    unsigned l = lock ? LOCKP : 0;

    if (b->kind == OPND_IMM)
        alu_imm(a, op, s, d, b->imm, l);
    else if (b->kind == OPND_MEM)
        asm_op(a, (op << 3 | 3) | OPW | l, s, d, b);
    else
        asm_op(a, (op << 3 | 1) | OPW | l, s, b, d);
}

void asm_alu_ri(struct asm_buf *a, enum asm_alu op, enum asm_size s, unsigned r, int32_t imm)
{
    struct opnd d = opnd_reg(r);

    alu_imm(a, op, s, &d, imm, 0);
}

void asm_test(struct asm_buf *a, enum asm_size s, const struct opnd *x, const struct opnd *y)
{
    static const uint8_t bytes[] = {1, 2, 4, 4};

    if (y->kind == OPND_IMM) {
        asm_ext(a, 0xf7 | OPW, s, 0, x);
        asm_imm(a, y->imm, bytes[s]);
    } else if (y->kind == OPND_MEM) {
        asm_op(a, 0x85 | OPW, s, x, y);
    } else {
        asm_op(a, 0x85 | OPW, s, y, x);
    }
}

static void mov_reg_imm(struct asm_buf *a, enum asm_size s, const struct opnd *d, int64_t v)
{
    if (s == S64 && (uint64_t)v <= UINT32_MAX)
        s = S32;
    if (s == S64 && fits32(v)) {
        asm_ext(a, 0xc7, S64, 0, d);
        asm_imm(a, v, 4);
        return;
    }
    if (s == S16)
        asm_byte(a, 0x66);
    unsigned rex = rex_of(0, s, 0, d) | rex_for_byte(d, s == S8);
    if (rex)
        asm_byte(a, rex | 0x40);
    asm_byte(a, (s == S8 ? 0xb0 : 0xb8) | (((d->kind == OPND_HI) * 4 + d->reg) & 7));
    asm_imm(a, v, 1u << s);
}

void asm_mov(struct asm_buf *a, enum asm_size s, const struct opnd *d, const struct opnd *b)
{
    static const uint8_t bytes[] = {1, 2, 4, 4};

    if (b->kind == OPND_IMM && d->kind != OPND_MEM) {
        mov_reg_imm(a, s, d, b->imm);
    } else if (b->kind == OPND_IMM) {
        asm_ext(a, 0xc7 | OPW, s, 0, d);
        asm_imm(a, b->imm, bytes[s]);
    } else if (b->kind == OPND_MEM) {
        asm_op(a, 0x8b | OPW, s, d, b);
    } else {
        asm_op(a, 0x89 | OPW, s, b, d);
    }
}

void asm_mov_rr(struct asm_buf *a, enum asm_size s, unsigned d, unsigned b)
{
    struct opnd od = opnd_reg(d), ob = opnd_reg(b);

    asm_op(a, 0x8b | OPW, s, &od, &ob);
}

void asm_lea(struct asm_buf *a, enum asm_size s, unsigned d, const struct opnd *m)
{
    struct opnd od = opnd_reg(d);

    asm_op(a, 0x8d, s, &od, m);
}

void asm_shift_i(struct asm_buf *a, enum asm_shift op, enum asm_size s, const struct opnd *d, unsigned count)
{
    if (count == 1) {
        asm_ext(a, 0xd1 | OPW, s, op, d);
    } else {
        asm_ext(a, 0xc1 | OPW, s, op, d);
        asm_imm(a, count, 1);
    }
}

void asm_shift_cl(struct asm_buf *a, enum asm_shift op, enum asm_size s, const struct opnd *d)
{
    asm_ext(a, 0xd3 | OPW, s, op, d);
}

void asm_extend(struct asm_buf *a, bool sign, enum asm_size s, unsigned d, enum asm_size from, const struct opnd *b)
{
    struct opnd od = opnd_reg(d);

    if (from == S32 && sign) {
        asm_op(a, 0x63, S64, &od, b);
    } else if (from == S32) {
        asm_op(a, 0x8b, S32, &od, b);
    } else {
        unsigned op = M0F | (sign ? 0xbf : 0xb7);
        asm_op(a, from == S8 ? (op - 1) | RM8 : op, sign || s == S16 ? s : S32, &od, b);
    }
}

/* VEX.LZ.F2.0F3A F0 /r ib, register source or [base + disp] memory */
void asm_rorx(struct asm_buf *a, enum asm_size s, unsigned d, const struct opnd *b, unsigned count)
{
    uint8_t *p = a->p;

    if (!has_room(a))
        return;
    *p++ = 0xc4;
    *p++ = (uint8_t)(0xe3 ^ ((d >> 3 & 1) << 7 | (b->index >> 3 & 1) << 6 | (b->reg >> 3 & 1) << 5));
    *p++ = s == S64 ? 0xfb : 0x7b;
    *p++ = 0xf0;
    if (b->kind == OPND_MEM)
        p = put_mem(p, d, b);
    else
        *p++ = (uint8_t)(0xc0 | (d & 7) << 3 | (b->reg & 7));
    *p++ = (uint8_t)count;
    a->p = p;
}

uint32_t asm_jcc_fwd(struct asm_buf *a, unsigned cond)
{
    asm_byte(a, 0x0f);
    asm_byte(a, 0x80 | cond);
    asm_imm(a, 0, 4);
    return asm_off(a) - 4;
}

uint32_t asm_jmp_fwd(struct asm_buf *a)
{
    asm_byte(a, 0xe9);
    asm_imm(a, 0, 4);
    return asm_off(a) - 4;
}

uint32_t asm_jcc_short(struct asm_buf *a, unsigned cond)
{
    asm_byte(a, 0x70 | cond);
    asm_byte(a, 0);
    return asm_off(a) - 1;
}

void asm_bind32(struct asm_buf *a, uint32_t field)
{
    uint32_t rel = asm_off(a) - (field + 4);

    if (!a->full)
        memcpy(a->start + field, &rel, 4);
}

void asm_bind8(struct asm_buf *a, uint32_t field)
{
    uint32_t rel = asm_off(a) - (field + 1);

    assert(a->full || rel < 128);
    if (!a->full)
        a->start[field] = (uint8_t)rel;
}

void asm_branch_to(struct asm_buf *a, unsigned opcode, const uint8_t *rx, const void *target)
{
    if (opcode & M0F)
        asm_byte(a, 0x0f);
    asm_byte(a, opcode & 0xff);
    int64_t rel = (const uint8_t *)target - (rx + asm_off(a) + 4);
    assert(fits32(rel));
    asm_imm(a, rel, 4);
}

void asm_jmp_off(struct asm_buf *a, uint32_t off)
{
    int64_t rel = (int64_t)off - (asm_off(a) + 2);

    if (fits8(rel)) {
        asm_byte(a, 0xeb);
        asm_imm(a, rel, 1);
    } else {
        asm_byte(a, 0xe9);
        asm_imm(a, rel - 3, 4);
    }
}
