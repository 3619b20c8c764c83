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

static void emit_prefixes(struct asm_buf *a, unsigned op, enum asm_size s)
{
    static const uint8_t mandatory[] = {0, 0x66, 0xf3, 0xf2};

    if (op & LOCKP)
        asm_byte(a, 0xf0);
    if (s == S16)
        asm_byte(a, 0x66);
    if (op & PREFIX)
        asm_byte(a, mandatory[(op & PREFIX) / P66]);
}

static void emit_opcode(struct asm_buf *a, unsigned op, enum asm_size s)
{
    switch (op & MAP) {
    case M0F:
        asm_byte(a, 0x0f);
        break;
    case M0F38:
        asm_byte(a, 0x0f);
        asm_byte(a, 0x38);
        break;
    case M0F3A:
        asm_byte(a, 0x0f);
        asm_byte(a, 0x3a);
        break;
    }
    asm_byte(a, (op & 0xff) - (s == S8 && op & OPW));
}

static unsigned rex_of(unsigned op, enum asm_size s, unsigned reg, const struct opnd *rm)
{
    unsigned rex = 0;

    if (s == S64 && !(op & DEF64))
        rex |= 0x48;
    if (reg & 8)
        rex |= 0x44;
    if (rm->reg != NOREG && rm->reg & 8)
        rex |= 0x41;
    if (rm->kind == OPND_MEM && rm->index != NOREG && rm->index & 8)
        rex |= 0x42;
    return rex;
}

static void emit_mem(struct asm_buf *a, unsigned reg, const struct opnd *m)
{
    bool sib = m->index != NOREG || m->reg == NOREG || (m->reg & 7) == 4;
    unsigned mod = m->reg == NOREG ? 0 : m->disp == 0 && (m->reg & 7) != 5 ? 0 : fits8(m->disp) ? 1 : 2;

    asm_byte(a, mod << 6 | (reg & 7) << 3 | (sib ? 4 : m->reg & 7));
    if (sib)
        asm_byte(a, m->scale << 6 | (m->index == NOREG ? 4 : m->index & 7) << 3 |
                        (m->reg == NOREG ? 5 : m->reg & 7));
    if (mod == 1)
        asm_byte(a, (unsigned)m->disp);
    else if (mod == 2 || m->reg == NOREG)
        asm_imm(a, m->disp, 4);
}

/* reg: encoding 0..15 (a high byte is 4..7 without REX); rex: bits wanted besides. */
static void emit_form(struct asm_buf *a, unsigned op, enum asm_size s, unsigned reg, unsigned rex,
                      const struct opnd *rm)
{
    emit_prefixes(a, op, s);
    rex |= rex_of(op, s, reg, rm);
    if (rex)
        asm_byte(a, rex | 0x40);
    emit_opcode(a, op, s);
    if (rm->kind == OPND_MEM)
        emit_mem(a, reg, rm);
    else
        asm_byte(a, 0xc0 | (reg & 7) << 3 | (((rm->kind == OPND_HI) * 4 + rm->reg) & 7));
}

static unsigned rex_for_byte(const struct opnd *o, bool is8)
{
    return o->kind == OPND_REG && is8 && o->reg >= 4 ? 0x40 : 0;
}

void asm_op(struct asm_buf *a, unsigned op, enum asm_size s, const struct opnd *reg, const struct opnd *rm)
{
    bool s8 = s == S8 && op & OPW;
    unsigned rex = rex_for_byte(reg, s8 || op & REG8) | rex_for_byte(rm, s8 || op & RM8);

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
        emit_prefixes(a, 0, s);
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
    emit_prefixes(a, 0, s);
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
    unsigned rxb = (d & 8 ? 0 : 0x80) | (b->kind == OPND_MEM && b->index != NOREG && b->index & 8 ? 0 : 0x40) |
                   (b->reg & 8 ? 0 : 0x20);

    asm_byte(a, 0xc4);
    asm_byte(a, rxb | 3);
    asm_byte(a, (s == S64 ? 0x80 : 0) | 0x7b);
    asm_byte(a, 0xf0);
    if (b->kind == OPND_MEM)
        emit_mem(a, d, b);
    else
        asm_byte(a, 0xc0 | (d & 7) << 3 | (b->reg & 7));
    asm_byte(a, count);
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
