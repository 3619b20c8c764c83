/* SPDX-License-Identifier: MIT */
/*
 * Shifts and rotates. A count of zero leaves all flags: natural when they are all in the host's
 * EFLAGS, else a branch skips the instruction and the saving of its flags.
 */
#include "backends/x86_64/emit.h"
#include "backends/x86_64/forms.h"

struct shift {
    unsigned op;       /* enum asm_shift, or the opcode of SHLD/SHRD by immediate */
    bool dbl;
    enum asm_size s;
    struct opnd other; /* SHLD/SHRD: register shifted in */
};

static void encode_imm(struct emit *e, const struct shift *sh, const struct opnd *d, unsigned count)
{
    if (sh->dbl) {
        asm_op(&e->a, M0F | sh->op, sh->s, &sh->other, d);
        asm_byte(&e->a, count);
    } else {
        asm_shift_i(&e->a, (enum asm_shift)sh->op, sh->s, d, count);
    }
}

static void encode_cl(struct emit *e, const struct shift *sh, const struct opnd *d)
{
    if (sh->dbl)
        asm_op(&e->a, M0F | (sh->op + 1), sh->s, &sh->other, d);
    else
        asm_shift_cl(&e->a, (enum asm_shift)sh->op, sh->s, d);
}

static bool through_carry(const struct shift *sh)
{
    return !sh->dbl && (sh->op == SH_RCL || sh->op == SH_RCR);
}

static unsigned clobbers(const struct shift *sh)
{
    return !sh->dbl && sh->op <= SH_RCR ? FC | FO : OSZAPC;
}

/* The value to shift in a place the instruction can write: the destination itself, or a scratch. */
static struct opnd place_value(struct emit *e, const struct dest *d, const struct opnd *a, const struct opnd *avoid,
                               const struct opnd *avoid2)
{
    bool direct = !d->none && !(d->wide && d->loc.kind == OPND_MEM);

    if (direct && opnd_equal(&d->loc, a))
        return d->loc;
    if (direct && d->loc.kind == OPND_REG && !opnd_uses(avoid, d->loc.reg) &&
        !opnd_uses(avoid2, d->loc.reg) && (d->temp || emit_pair_ok(d->size, &d->loc, a))) {
        if (d->temp)
            emit_load(e, d->size, d->loc.reg, a);
        else
            asm_mov(&e->a, d->size, &d->loc, a);
        return d->loc;
    }
    struct opnd w = opnd_reg(emit_scratch(e));
    emit_load(e, d->size, w.reg, a);
    return w;
}

static void put_value(struct emit *e, const struct dest *d, const struct opnd *w)
{
    if (!d->none && !opnd_equal(&d->loc, w))
        emit_dest_put(e, d, w->reg);
}

static void shift_const(struct emit *e, const struct shift *sh, const struct dest *d, const struct opnd *a, unsigned count)
{
    struct opnd w;

    flags_keep(e, clobbers(sh));
    w = place_value(e, d, a, &sh->other, &sh->other);
    if (through_carry(sh))
        flags_want_carry(e);
    encode_imm(e, sh, &w, count);
    put_value(e, d, &w);
    flags_set(e, e->in->fdef, clobbers(sh));
}

/* Flags wanted, some of them in the image only: all go there, by a branch around for count zero. */
static void shift_guarded(struct emit *e, const struct shift *sh, const struct opnd *w)
{
    struct opnd bits = opnd_imm(sh->s == S64 ? 63 : 31), cl = opnd_reg(RCX), *count = &cl;
    uint32_t skip;

    flags_to_image(e, OSZAPC);
    e->merge_scratch = emit_scratch(e); /* nothing may be spilled in the branch */
    asm_test(&e->a, S8, count, &bits);
    e->host = 0;
    skip = asm_jcc_short(&e->a, IR_E);
    if (through_carry(sh))
        flags_want_carry(e);
    encode_cl(e, sh, w);
    e->host = e->in->fdef;
    e->img = OSZAPC & ~e->in->fdef;
    flags_to_image(e, OSZAPC);
    asm_bind8(&e->a, skip);
    e->host = 0;
    e->img = OSZAPC;
    emit_scratch_free(e, e->merge_scratch);
    e->merge_scratch = NOREG;
}

static void shift_by_cl(struct emit *e, const struct shift *sh, const struct dest *d, const struct opnd *w)
{
    bool wanted = e->in->fdef & e->live;

    if (d->wide && w->kind == OPND_REG)
        asm_mov(&e->a, S32, w, w);
    if (wanted)
        flags_to_image(e, clobbers(sh) & e->live & ~e->in->fdef);
    if (wanted && (e->live & ~e->host)) {
        shift_guarded(e, sh, w);
        return;
    }
    if (!wanted)
        flags_keep(e, clobbers(sh));
    if (through_carry(sh))
        flags_want_carry(e);
    encode_cl(e, sh, w);
    flags_set(e, wanted ? e->in->fdef & e->host : 0, clobbers(sh));
}

/* The count is elsewhere than in CL: bring it there for the moment. */
static void shift_moved(struct emit *e, struct shift *sh, const struct dest *d, const struct opnd *a, const struct opnd *count)
{
    struct opnd w = opnd_reg(emit_scratch(e)), c = opnd_reg(emit_scratch(e)), rcx = opnd_reg(RCX);

    emit_load(e, sh->s, w.reg, a);
    emit_load(e, S8, c.reg, count);
    asm_op(&e->a, 0x87, S64, &c, &rcx);
    if (sh->dbl && sh->other.reg == RCX)
        sh->other = c;
    shift_by_cl(e, sh, d, &w);
    asm_op(&e->a, 0x87, S64, &c, &rcx);
    emit_dest_put(e, d, w.reg);
}

static void shift_any(struct emit *e, struct shift *sh, unsigned count_src)
{
    struct opnd a = emit_src(e, 0), count = emit_src(e, count_src), w;
    struct dest d = emit_dest_from(e, e->in->dst, sh->s, 0);

    if (count.kind == OPND_IMM) {
        unsigned n = (unsigned)count.imm & (sh->s == S64 ? 63 : 31);
        if (n) {
            shift_const(e, sh, &d, &a, n);
            return;
        }
        w = place_value(e, &d, &a, &sh->other, &sh->other);
        if (d.wide && w.kind == OPND_REG)
            asm_mov(&e->a, S32, &w, &w);
        put_value(e, &d, &w);
    } else if (opnd_is_reg(&count, RCX)) {
        w = place_value(e, &d, &a, &sh->other, &count);
        shift_by_cl(e, sh, &d, &w);
        put_value(e, &d, &w);
    } else {
        shift_moved(e, sh, &d, &a, &count);
    }
}

/* Memory operand of a read-modify-write: flags are in the image. */
static void shift_memory(struct emit *e, struct shift *sh, const struct opnd *m, unsigned count_src)
{
    static const struct dest nowhere = {.none = true};
    struct opnd count = emit_src(e, count_src), c, rcx = opnd_reg(RCX);

    if (count.kind == OPND_IMM) {
        unsigned n = (unsigned)count.imm & (sh->s == S64 ? 63 : 31);
        if (!n)
            return;
        if (through_carry(sh))
            flags_want_carry(e);
        encode_imm(e, sh, m, n);
        flags_set(e, e->in->fdef, clobbers(sh));
        return;
    }
    if (opnd_is_reg(&count, RCX)) {
        shift_by_cl(e, sh, &nowhere, m);
        return;
    }
    c = opnd_reg(emit_scratch(e));
    emit_load(e, S8, c.reg, &count);
    asm_op(&e->a, 0x87, S64, &c, &rcx);
    if (sh->dbl && sh->other.reg == RCX)
        sh->other = c;
    shift_by_cl(e, sh, &nowhere, m);
    asm_op(&e->a, 0x87, S64, &c, &rcx);
}

void emit_shift_rmw(struct emit *e, unsigned ir_op, const struct opnd *m)
{
    static const uint8_t ops[] = {[IR_shl - IR_shl] = SH_SHL, [IR_shr - IR_shl] = SH_SHR, [IR_sar - IR_shl] = SH_SAR,
                                  [IR_rol - IR_shl] = SH_ROL, [IR_ror - IR_shl] = SH_ROR, [IR_rcl - IR_shl] = SH_RCL,
                                  [IR_rcr - IR_shl] = SH_RCR};
    struct shift sh = {.s = (enum asm_size)e->in->type};

    if (ir_op == IR_shld || ir_op == IR_shrd) {
        sh.dbl = true;
        sh.op = ir_op == IR_shld ? 0xa4 : 0xac;
        sh.other = opnd_reg(emit_src_reg(e, 0, sh.s));
        shift_memory(e, &sh, m, 1);
    } else {
        sh.op = ops[ir_op - IR_shl];
        shift_memory(e, &sh, m, 0);
    }
}

void emit_shift(struct emit *e, unsigned op)
{
    struct shift sh = {.op = op, .s = (enum asm_size)e->in->type};

    shift_any(e, &sh, 1);
}

void emit_shift_double(struct emit *e, unsigned opcode)
{
    struct shift sh = {.op = opcode, .dbl = true, .s = (enum asm_size)e->in->type};

    sh.other = opnd_reg(emit_src_reg(e, 1, sh.s));
    shift_any(e, &sh, 2);
}
