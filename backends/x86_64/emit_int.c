/* SPDX-License-Identifier: MIT */
/*
 * Integer operations: an IR op becomes its host instruction, with moves where the two-operand
 * form, fixed registers or AH..BH need them (Intel SDM vol. 2).
 */
#include "backends/x86_64/emit.h"
#include "backends/x86_64/forms.h"
#include "backends/x86_64/host.h"

typedef void encode_fn(struct asm_buf *a, unsigned arg, enum asm_size s, const struct opnd *d,
                       const struct opnd *b);

static enum asm_size insn_size(const struct emit *e)
{
    return (enum asm_size)e->in->type;
}

static bool flags_wanted(const struct emit *e)
{
    return e->in->fdef & e->live;
}

/* d = a, by moves; d is not a memory operand that must be widened */
static void set_dest(struct emit *e, const struct dest *d, const struct opnd *a)
{
    if (d->temp && d->loc.kind == OPND_REG) {
        emit_load(e, d->size, d->loc.reg, a);
    } else if (emit_pair_ok(d->size, &d->loc, a) && !(d->size == S64 && a->kind == OPND_IMM && d->loc.kind == OPND_MEM && a->imm != (int32_t)a->imm)) {
        if (!opnd_equal(&d->loc, a))
            asm_mov(&e->a, d->size, &d->loc, a);
    } else {
        unsigned w = emit_scratch(e);
        emit_load(e, d->size, w, a);
        emit_store(e, d->size, &d->loc, w);
        emit_scratch_free(e, w);
    }
}

static bool in_place(const struct dest *d)
{
    return !d->none && !(d->wide && d->loc.kind == OPND_MEM);
}

/* d = a op b by `enc d, b` (b NULL: one operand) */
static void two_operand(struct emit *e, encode_fn *enc, unsigned arg, const struct dest *d, struct opnd a, struct opnd b, bool commutes)
{
    enum asm_size s = d->size;

    if (commutes && !d->none && opnd_equal(&d->loc, &b)) {
        struct opnd t = a;
        a = b;
        b = t;
    }
    if (in_place(d) && opnd_equal(&d->loc, &a) && emit_pair_ok(s, &d->loc, &b)) {
        enc(&e->a, arg, s, &d->loc, &b);
        return;
    }
    if (in_place(d) && d->loc.kind == OPND_REG && !opnd_uses(&b, d->loc.reg) && emit_pair_ok(s, &d->loc, &b)) {
        set_dest(e, d, &a);
        enc(&e->a, arg, s, &d->loc, &b);
        return;
    }
    struct opnd w = opnd_reg(emit_scratch(e)), b2 = b;
    emit_load(e, s, w.reg, &a);
    if (!emit_pair_ok(s, &w, &b)) {
        b2 = opnd_reg(emit_scratch(e));
        emit_load(e, s, b2.reg, &b);
    }
    enc(&e->a, arg, s, &w, &b2);
    emit_dest_put(e, d, w.reg);
}

static void enc_alu(struct asm_buf *a, unsigned arg, enum asm_size s, const struct opnd *d, const struct opnd *b)
{
    asm_alu(a, (enum asm_alu)arg, s, d, b, false);
}

static void enc_unary(struct asm_buf *a, unsigned ext, enum asm_size s, const struct opnd *d, const struct opnd *b)
{
    (void)b;
    asm_ext(a, 0xf7 | OPW, s, ext, d);
}

static void enc_incdec(struct asm_buf *a, unsigned ext, enum asm_size s, const struct opnd *d, const struct opnd *b)
{
    (void)b;
    asm_ext(a, 0xff | OPW, s, ext, d);
}

/* add without flags as lea: different destination, or flags to be left alone */
static bool try_lea(struct emit *e, unsigned alu, const struct dest *d, const struct opnd *a, const struct opnd *b)
{
    struct opnd m;

    if (flags_wanted(e) || d->none || d->loc.kind != OPND_REG || d->size < S32 || a->kind != OPND_REG)
        return false;
    if (opnd_equal(&d->loc, a) && !(e->host & e->keep & ~e->img))
        return false;
    if (b->kind == OPND_IMM && (alu == ALU_ADD || b->imm != INT32_MIN))
        m = opnd_mem(a->reg, (int32_t)(alu == ALU_ADD ? b->imm : -b->imm));
    else if (b->kind == OPND_REG && alu == ALU_ADD)
        m = opnd_memx(a->reg, b->reg, 0, 0);
    else
        return false;
    asm_lea(&e->a, d->size, d->loc.reg, &m);
    return true;
}

/* add or sub of 1 that leaves the carry */
static bool try_incdec(struct emit *e, unsigned alu, const struct dest *d, const struct opnd *a, const struct opnd *b)
{
    if (e->in->fdef != OSZAP || b->kind != OPND_IMM || b->imm != 1)
        return false;
    if (e->live & FC)
        flags_want_carry(e);
    two_operand(e, enc_incdec, alu == ALU_SUB, d, *a, opnd_imm(0), false);
    flags_set(e, OSZAP, OSZAP);
    return true;
}

void emit_alu(struct emit *e, unsigned alu)
{
    struct opnd a = emit_src(e, 0), b = emit_src(e, 1);
    struct dest d = emit_dest_from(e, e->in->dst, insn_size(e), 0);
    bool commutes = alu == ALU_ADD || alu == ALU_ADC || alu == ALU_AND || alu == ALU_OR || alu == ALU_XOR;

    if ((alu == ALU_ADD || alu == ALU_SUB) && (try_lea(e, alu, &d, &a, &b) || try_incdec(e, alu, &d, &a, &b)))
        return;
    flags_keep(e, OSZAPC);
    if (alu == ALU_ADC || alu == ALU_SBB)
        flags_want_carry(e);
    two_operand(e, enc_alu, alu, &d, a, b, commutes);
    flags_set(e, e->in->fdef, OSZAPC);
}

/* two operands, either order for test */
void emit_compare_operands(struct emit *e, bool is_test)
{
    enum asm_size s = insn_size(e);
    struct opnd a = emit_src(e, 0), b = emit_src(e, 1);

    if (is_test && a.kind == OPND_IMM) {
        struct opnd t = a;
        a = b;
        b = t;
    }
    if (a.kind == OPND_IMM || !emit_pair_ok(s, &a, &b)) {
        unsigned w = emit_scratch(e);
        emit_load(e, s, w, &a);
        a = opnd_reg(w);
    }
    if (!emit_pair_ok(s, &a, &b)) {
        unsigned w = emit_scratch(e);
        emit_load(e, s, w, &b);
        b = opnd_reg(w);
    }
    if (is_test)
        asm_test(&e->a, s, &a, &b);
    else
        asm_alu(&e->a, ALU_CMP, s, &a, &b, false);
}

void emit_compare(struct emit *e, unsigned is_test)
{
    flags_keep(e, OSZAPC);
    emit_compare_operands(e, is_test);
    flags_set(e, e->in->fdef, OSZAPC);
}

void emit_unary(struct emit *e, unsigned ext)
{
    struct opnd a = emit_src(e, 0);
    struct dest d = emit_dest_from(e, e->in->dst, insn_size(e), 0);

    if (ext == 3) /* neg */
        flags_keep(e, OSZAPC);
    two_operand(e, enc_unary, ext, &d, a, opnd_imm(0), false);
    if (ext == 3)
        flags_set(e, e->in->fdef, OSZAPC);
}

void emit_mov(struct emit *e, unsigned arg)
{
    struct opnd a = emit_ref(e, e->in->src[0], insn_size(e));
    struct dest d = emit_dest_from(e, e->in->dst, insn_size(e), 0);

    (void)arg;
    if (!d.wide || d.loc.kind != OPND_MEM) {
        if (d.size == S32 && d.loc.kind == OPND_REG && opnd_equal(&d.loc, &a))
            asm_mov(&e->a, S32, &d.loc, &a);
        else
            set_dest(e, &d, &a);
        return;
    }
    if (a.kind == OPND_IMM && a.imm >= 0) {
        asm_mov(&e->a, S64, &d.loc, &a);
        return;
    }
    unsigned w = emit_scratch(e);
    emit_load(e, S32, w, &a);
    emit_dest_put(e, &d, w);
}

void emit_extend(struct emit *e, unsigned sign)
{
    enum asm_size s = insn_size(e), from = (enum asm_size)e->in->aux;
    struct opnd a = emit_src_rm(e, 0, from);
    struct dest d = emit_dest_from(e, e->in->dst, s, 0);
    bool direct = in_place(&d) && d.loc.kind == OPND_REG;
    unsigned r = direct ? d.loc.reg : emit_scratch(e);

    if (a.kind == OPND_HI && (r >= 8 || (s == S64 && sign))) {
        unsigned w = emit_scratch(e);
        emit_load(e, S8, w, &a);
        a = opnd_reg(w);
    }
    asm_extend(&e->a, sign, s, r, from, &a);
    if (!direct)
        emit_dest_put(e, &d, r);
}

/* The operand of an address computation as a register. */
static unsigned address_part(struct emit *e, ir_ref r, enum asm_size s)
{
    struct opnd o = emit_ref(e, r, s);

    if (o.kind == OPND_REG)
        return o.reg;
    unsigned w = emit_scratch(e);
    emit_load(e, s, w, &o);
    return w;
}

struct opnd emit_address(struct emit *e, const struct ir_mem *m)
{
    enum asm_size s = m->abits == 64 ? S64 : S32;
    unsigned base = m->base ? address_part(e, m->base, s) : NOREG;
    unsigned index = m->index ? address_part(e, m->index, s) : NOREG;

    if (base == NOREG && index != NOREG && m->scale == 0) {
        base = index;
        index = NOREG;
    }
    return opnd_memx(base, index, index == NOREG ? 0 : m->scale, m->disp);
}

void emit_lea(struct emit *e, unsigned arg)
{
    const struct ir_mem *m = &e->b->mems[e->in->mem - 1];
    enum asm_size s = insn_size(e), as = m->abits == 64 ? S64 : S32;
    struct opnd addr = emit_address(e, m);
    struct dest d = emit_dest(e, e->in->dst, s);
    bool direct = in_place(&d) && d.loc.kind == OPND_REG && s >= S32;
    unsigned r = direct ? d.loc.reg : emit_scratch(e);

    (void)arg;
    asm_lea(&e->a, s == S64 ? as : S32, r, &addr);
    if (m->abits == 16) {
        struct opnd o = opnd_reg(r);
        asm_extend(&e->a, false, S32, r, S16, &o);
    }
    if (!direct)
        emit_dest_put(e, &d, r);
}

void emit_bswap(struct emit *e, unsigned arg)
{
    enum asm_size s = insn_size(e);
    struct opnd a = emit_src(e, 0);
    struct dest d = emit_dest_from(e, e->in->dst, s, 0);
    bool direct = in_place(&d) && d.loc.kind == OPND_REG;
    unsigned r = direct ? d.loc.reg : emit_scratch(e);

    (void)arg;
    if (!opnd_is_reg(&a, r))
        emit_load(e, s, r, &a);
    if (s == S64 || r >= 8)
        asm_byte(&e->a, 0x40 | (s == S64) << 3 | r >> 3);
    asm_byte(&e->a, 0x0f);
    asm_byte(&e->a, 0xc8 | (r & 7));
    if (!direct)
        emit_dest_put(e, &d, r);
}

static void enc_imul(struct asm_buf *a, unsigned arg, enum asm_size s, const struct opnd *d, const struct opnd *b)
{
    (void)arg;
    asm_op(a, M0F | 0xaf, s, d, b);
}

/* imul r, r/m, imm */
static void imul_imm(struct emit *e, const struct dest *d, const struct opnd *a, int64_t v)
{
    bool direct = in_place(d) && d->loc.kind == OPND_REG;
    struct opnd r = opnd_reg(direct ? d->loc.reg : emit_scratch(e));
    bool small = v == (int8_t)v;

    asm_op(&e->a, small ? 0x6b : 0x69, d->size, &r, a);
    asm_imm(&e->a, v, small ? 1 : d->size == S16 ? 2 : 4);
    if (!direct)
        emit_dest_put(e, d, r.reg);
}

void emit_mul(struct emit *e, unsigned arg)
{
    struct opnd a = emit_src(e, 0), b = emit_src(e, 1);
    struct dest d = emit_dest_from(e, e->in->dst, insn_size(e), 0);

    (void)arg;
    flags_keep(e, OSZAPC);
    if (a.kind == OPND_IMM) {
        struct opnd t = a;
        a = b;
        b = t;
    }
    if (b.kind == OPND_IMM && a.kind != OPND_IMM && a.kind != OPND_HI) {
        imul_imm(e, &d, &a, b.imm);
    } else {
        struct dest reg = d;
        if (!in_place(&d) || d.loc.kind != OPND_REG)
            reg = (struct dest){.loc = opnd_reg(emit_scratch(e)), .size = d.size, .temp = true};
        if (b.kind == OPND_IMM) {
            struct opnd w = opnd_reg(emit_scratch(e));
            asm_mov(&e->a, S64, &w, &b);
            b = w;
        }
        two_operand(e, enc_imul, 0, &reg, a, b, true);
        if (!opnd_equal(&reg.loc, &d.loc))
            emit_dest_put(e, &d, reg.loc.reg);
    }
    flags_set(e, e->in->fdef, OSZAPC);
}

/* --- instructions with fixed registers ------------------------------------------ */

/* Operand b while rax and rdx have other contents: theirs are in memory. */
static struct opnd moved_operand(const struct opnd *b)
{
    if (b->kind != OPND_REG && b->kind != OPND_HI)
        return *b;
    if (b->reg != RAX && b->reg != RDX)
        return *b;
    return opnd_mem(RSP, SPILL_OFF(b->reg == RAX ? SPILL_SAVE0 : SPILL_SAVE1) + (b->kind == OPND_HI));
}

static void save_restore_fixed(struct emit *e, bool restore)
{
    for (unsigned i = 0; i < 2; i++) {
        struct opnd r = opnd_reg(i ? RDX : RAX), m = opnd_mem(RSP, SPILL_OFF(SPILL_SAVE0 + (int)i));
        asm_mov(&e->a, S64, restore ? &r : &m, restore ? &m : &r);
    }
}

static bool is_reg_ref(struct emit *e, ir_ref r, unsigned reg)
{
    struct opnd o;

    if (ir_ref_class(r) != IR_CLASS_GLOBAL)
        return false;
    o = emit_ref(e, r, S64);
    return opnd_is_reg(&o, reg);
}

static bool is_hi_ref(struct emit *e, ir_ref r, unsigned reg)
{
    struct opnd o;

    if (ir_ref_class(r) != IR_CLASS_HI)
        return false;
    o = emit_ref(e, r, S8);
    return o.kind == OPND_HI && o.reg == reg;
}

/* Results from rax and rdx (8 bits: ax, or al and ah) to where they belong. */
static void put_fixed(struct emit *e, enum asm_size s, bool div)
{
    struct opnd rax = opnd_reg(RAX), rdx = opnd_reg(RDX);
    unsigned w0 = emit_scratch(e), w1 = 0;
    bool two = e->in->dst2 != IR_NONE;
    struct dest d;

    asm_mov_rr(&e->a, S64, w0, rax.reg);
    if (two) {
        w1 = emit_scratch(e);
        if (s == S8 && div)
            rax.kind = OPND_HI;
        emit_load(e, s, w1, s == S8 && div ? &rax : &rdx);
    }
    save_restore_fixed(e, true);
    d = emit_dest(e, e->in->dst, s == S8 && !div ? S16 : s);
    emit_dest_put(e, &d, w0);
    if (two) {
        d = emit_dest(e, e->in->dst2, s);
        emit_dest_put(e, &d, w1);
    }
}

static bool mul_is_native(struct emit *e)
{
    const struct ir_insn *in = e->in;

    if (!is_reg_ref(e, in->src[0], RAX) || !is_reg_ref(e, in->dst, RAX))
        return false;
    return in->type == IR_I8 || is_reg_ref(e, in->dst2, RDX);
}

void emit_mul_wide(struct emit *e, unsigned ext)
{
    enum asm_size s = insn_size(e);
    struct opnd b = emit_src_rm(e, 1, s), a;

    flags_keep(e, OSZAPC);
    if (mul_is_native(e)) {
        asm_ext(&e->a, 0xf7 | OPW, s, ext, &b);
    } else {
        a = emit_src(e, 0);
        save_restore_fixed(e, false);
        emit_load(e, s, RAX, &a);
        b = moved_operand(&b);
        asm_ext(&e->a, 0xf7 | OPW, s, ext, &b);
        put_fixed(e, s, false);
    }
    flags_set(e, e->in->fdef, OSZAPC);
}

static bool div_is_native(struct emit *e)
{
    const struct ir_insn *in = e->in;

    if (!is_reg_ref(e, in->src[0], RAX) || !is_reg_ref(e, in->dst, RAX))
        return false;
    if (in->type == IR_I8)
        return is_hi_ref(e, in->dst2, RAX);
    return is_reg_ref(e, in->src[1], RDX) && is_reg_ref(e, in->dst2, RDX);
}

/* The host's own #DE is the guest's: the side table says where, and which flags are in EFLAGS. */
void emit_div(struct emit *e, unsigned ext)
{
    enum asm_size s = insn_size(e);
    struct opnd c = emit_src_rm(e, 2, s), a, b;

    flags_keep(e, OSZAPC);
    if (div_is_native(e)) {
        emit_insn_side(e, e->host);
        asm_ext(&e->a, 0xf7 | OPW, s, ext, &c);
    } else {
        a = emit_ref(e, e->in->src[0], s == S8 ? S16 : s);
        b = s == S8 ? opnd_imm(0) : emit_ref(e, e->in->src[1], s);
        save_restore_fixed(e, false);
        emit_insn_side(e, e->host);
        a = moved_operand(&a);
        b = moved_operand(&b);
        emit_load(e, s == S8 ? S16 : s, RAX, &a);
        if (s != S8)
            emit_load(e, s, RDX, &b);
        c = moved_operand(&c);
        asm_ext(&e->a, 0xf7 | OPW, s, ext, &c);
        put_fixed(e, s, true);
    }
    flags_set(e, e->in->fdef, OSZAPC);
}

/* --- bits ------------------------------------------------------------------------- */

/* bsf, bsr: the destination keeps its old value (b) if there is no bit, as processors do. */
void emit_bitscan(struct emit *e, unsigned opcode)
{
    enum asm_size s = insn_size(e);
    struct opnd a = emit_src_rm(e, 0, s), old = emit_src(e, 1);
    struct dest d = emit_dest(e, e->in->dst, s);
    bool direct = in_place(&d) && d.loc.kind == OPND_REG && (opnd_equal(&d.loc, &old) || !opnd_uses(&a, d.loc.reg));
    struct opnd r = direct ? d.loc : opnd_reg(emit_scratch(e));

    flags_keep(e, OSZAPC);
    if (!opnd_equal(&r, &old))
        emit_load(e, s, r.reg, &old);
    asm_op(&e->a, M0F | opcode, s, &r, &a);
    if (!direct)
        emit_dest_put(e, &d, r.reg);
    flags_set(e, e->in->fdef, OSZAPC);
}

void emit_popcnt(struct emit *e, unsigned arg)
{
    enum asm_size s = insn_size(e);
    struct opnd a = emit_src_rm(e, 0, s);
    struct dest d = emit_dest_from(e, e->in->dst, s, 0);
    bool direct = in_place(&d) && d.loc.kind == OPND_REG;
    struct opnd r = direct ? d.loc : opnd_reg(emit_scratch(e));

    (void)arg;
    flags_keep(e, OSZAPC);
    asm_op(&e->a, PF3 | M0F | 0xb8, s, &r, &a);
    if (!direct)
        emit_dest_put(e, &d, r.reg);
    flags_set(e, e->in->fdef, OSZAPC);
}

void emit_crc32(struct emit *e, unsigned arg)
{
    enum asm_size from = (enum asm_size)e->in->aux;
    struct opnd a = emit_src(e, 0), b = emit_src_rm(e, 1, from);
    struct dest d = emit_dest(e, e->in->dst, S32);
    bool direct = in_place(&d) && d.loc.kind == OPND_REG && !opnd_uses(&b, d.loc.reg);
    struct opnd r = direct ? d.loc : opnd_reg(emit_scratch(e));

    (void)arg;
    if (!opnd_equal(&r, &a))
        emit_load(e, S32, r.reg, &a);
    if (b.kind == OPND_HI && r.reg >= 8) {
        unsigned w = emit_scratch(e);
        emit_load(e, S8, w, &b);
        b = opnd_reg(w);
    }
    asm_op(&e->a, PF2 | M0F38 | (from == S8 ? 0xf0 | RM8 : 0xf1), from == S8 ? S32 : from, &r, &b);
    if (!direct)
        emit_dest_put(e, &d, r.reg);
}

static void enc_bit(struct asm_buf *a, unsigned op, enum asm_size s, const struct opnd *d, const struct opnd *b)
{
    if (b->kind == OPND_IMM) {
        asm_ext(a, M0F | 0xba, s, op, d);
        asm_byte(a, (unsigned)b->imm & ((8u << s) - 1));
    } else {
        asm_op(a, M0F | 0x83 | op << 3, s, b, d);
    }
}

/* bt bts btr btc = 4..7. A register bit number with a memory operand would address other words. */
void emit_bit(struct emit *e, unsigned op)
{
    enum asm_size s = insn_size(e);
    struct opnd a = emit_src_rm(e, 0, s), b = emit_src(e, 1);

    flags_keep(e, FC);
    if (b.kind != OPND_IMM && b.kind != OPND_REG) {
        unsigned w = emit_scratch(e);
        emit_load(e, s, w, &b);
        b = opnd_reg(w);
    }
    if (op == 4) {
        if (a.kind == OPND_MEM && b.kind != OPND_IMM) {
            unsigned w = emit_scratch(e);
            emit_load(e, s, w, &a);
            a = opnd_reg(w);
        }
        enc_bit(&e->a, op, s, &a, &b);
    } else {
        struct dest d = emit_dest_from(e, e->in->dst, s, 0);
        bool reg = d.loc.kind == OPND_REG || b.kind == OPND_IMM;
        struct dest w = d;
        if (!in_place(&d) || !reg)
            w = (struct dest){.loc = opnd_reg(emit_scratch(e)), .size = s, .temp = true};
        two_operand(e, enc_bit, op, &w, a, b, false);
        if (!opnd_equal(&w.loc, &d.loc))
            emit_dest_put(e, &d, w.loc.reg);
    }
    flags_set(e, e->in->fdef, FC);
}

/* --- flags as values ---------------------------------------------------------------- */

void emit_setcc(struct emit *e, unsigned arg)
{
    unsigned cc = flags_cond(e, e->in->cond);
    struct dest d = emit_dest(e, e->in->dst, S8);

    (void)arg;
    if (!d.none)
        asm_ext(&e->a, M0F | 0x90 | cc | RM8, S32, 0, &d.loc);
}

static void enc_cmov(struct asm_buf *a, unsigned cc, enum asm_size s, const struct opnd *d, const struct opnd *b)
{
    asm_op(a, M0F | 0x40 | cc, s, d, b);
}

/* cmov has no 8-bit form: such operands go by 32-bit scratch. */
static void select8(struct emit *e, unsigned cc, const struct dest *d, const struct opnd *a, const struct opnd *b)
{
    unsigned w = emit_scratch(e), v = emit_scratch(e);
    struct opnd ow = opnd_reg(w), ov = opnd_reg(v);

    emit_load(e, S8, w, b);
    emit_load(e, S8, v, a);
    enc_cmov(&e->a, cc, S32, &ow, &ov);
    emit_dest_put(e, d, w);
}

void emit_select(struct emit *e, unsigned arg)
{
    enum asm_size s = insn_size(e);
    unsigned cc = flags_cond(e, e->in->cond);
    struct opnd a = emit_src(e, 0), b = emit_src(e, 1);
    struct dest d = emit_dest(e, e->in->dst, s);

    (void)arg;
    if (s == S8) {
        select8(e, cc, &d, &a, &b);
        return;
    }
    if (!d.none && opnd_equal(&d.loc, &a) && !opnd_equal(&d.loc, &b)) {
        struct opnd t = a;
        a = b;
        b = t;
        cc ^= 1;
    }
    if (a.kind == OPND_IMM) {
        struct opnd w = opnd_reg(emit_scratch(e));
        asm_mov(&e->a, s == S64 ? S64 : S32, &w, &a);
        a = w;
    }
    struct dest w = d;
    if (!in_place(&d) || d.loc.kind != OPND_REG)
        w = (struct dest){.loc = opnd_reg(emit_scratch(e)), .size = s, .temp = true};
    two_operand(e, enc_cmov, cc, &w, b, a, false);
    if (!opnd_equal(&w.loc, &d.loc))
        emit_dest_put(e, &d, w.loc.reg);
}

static struct opnd flags_image(void)
{
    return opnd_mem(RSP, VCPU_OFF(flags));
}

void emit_getf(struct emit *e, unsigned arg)
{
    struct opnd m = flags_image(), mask = opnd_imm((int32_t)e->in->aux);
    struct dest d;
    unsigned w;

    (void)arg;
    flags_to_image(e, OSZAPC);
    d = emit_dest(e, e->in->dst, S32);
    w = emit_scratch(e);
    emit_load(e, S32, w, &m);
    struct opnd r = opnd_reg(w);
    flags_keep(e, OSZAPC);
    asm_alu(&e->a, ALU_AND, S32, &r, &mask, false);
    e->host = 0;
    emit_dest_put(e, &d, w);
}

/* image flags of fdef = bits of r; the others are in the image already */
static void merge_image(struct emit *e, const struct opnd *v)
{
    struct opnd m = flags_image();
    uint32_t mask = ir_flags_to_eflags(e->in->fdef);
    struct opnd set = opnd_imm((int32_t)mask), keep = opnd_imm((int32_t)~mask);

    if (v->kind == OPND_IMM) {
        struct opnd bits = opnd_imm((int32_t)((uint32_t)v->imm & mask));
        if (bits.imm != set.imm)
            asm_alu(&e->a, ALU_AND, S32, &m, &keep, false);
        if (bits.imm)
            asm_alu(&e->a, ALU_OR, S32, &m, &bits, false);
        return;
    }
    asm_alu(&e->a, ALU_AND, S32, &m, &keep, false);
    struct opnd w = opnd_reg(emit_scratch(e));
    emit_load(e, S32, w.reg, v);
    asm_alu(&e->a, ALU_AND, S32, &w, &set, false);
    asm_alu(&e->a, ALU_OR, S32, &m, &w, false);
}

static void set_flags_from(struct emit *e, struct opnd v)
{
    struct opnd m = flags_image();

    flags_to_image(e, e->keep);
    if (!(e->keep & ~e->in->fdef)) {
        if (v.kind == OPND_MEM || v.kind == OPND_HI) {
            struct opnd w = opnd_reg(emit_scratch(e));
            emit_load(e, S32, w.reg, &v);
            v = w;
        }
        asm_mov(&e->a, S32, &m, &v);
    } else {
        merge_image(e, &v);
    }
    e->host = 0;
    e->img |= e->in->fdef;
}

void emit_setf(struct emit *e, unsigned arg)
{
    (void)arg;
    set_flags_from(e, emit_ref(e, e->in->src[0], S32));
}

/* clc, stc, or any other set of constants */
void emit_fconst(struct emit *e, unsigned arg)
{
    bool carry = e->in->aux & 1;

    (void)arg;
    if (e->in->fdef == FC && e->host & e->keep) {
        asm_byte(&e->a, carry ? 0xf9 : 0xf8);
        flags_set(e, FC, FC);
        return;
    }
    set_flags_from(e, opnd_imm((int32_t)e->in->aux));
}

void emit_cmc(struct emit *e, unsigned arg)
{
    (void)arg;
    flags_want_carry(e);
    asm_byte(&e->a, 0xf5);
    flags_set(e, FC, FC);
}
