/* SPDX-License-Identifier: MIT */
/*
 * Operands of the insn being emitted: globals in their registers or memory, temporaries in
 * scratch registers or spill slots, loads folded into their user. Nothing here touches flags.
 */
#include "backends/x86_64/emit.h"
#include "backends/x86_64/host.h"

enum { OWNER_FOLD = -3 };

int64_t emit_const(const struct emit *e, ir_ref r)
{
    return ir_const_value(e->b, r);
}

static unsigned scratch_index(unsigned reg)
{
    for (unsigned i = 0; i < SCRATCHES; i++)
        if (scratch_reg[i] == reg)
            return i;
    return SCRATCHES;
}

static struct opnd temp_opnd(struct emit *e, unsigned t)
{
    const struct temp_loc *l = &e->temp[t];

    switch (l->kind) {
    case TEMP_REG:
        e->lock |= (uint8_t)(1 << l->n);
        return opnd_reg(scratch_reg[l->n]);
    case TEMP_SLOT:
        return opnd_mem(RSP, SPILL_OFF(l->n));
    case TEMP_FOLD:
        return e->fold;
    }
    assert(!"temporary used before its definition");
    return (struct opnd){0};
}

static struct opnd global_opnd(const struct emit *e, unsigned n, bool hi)
{
    const struct ir_global *g = &e->b->globals[n];
    struct opnd o;

    if (g->pin < 0 || g->pin >= PINS)
        return opnd_mem(RSP, (int32_t)g->offset + hi);
    o = opnd_reg(pin_reg[g->pin]);
    if (hi)
        o.kind = OPND_HI;
    return o;
}

struct opnd emit_ref(struct emit *e, ir_ref r, enum asm_size s)
{
    switch (ir_ref_class(r)) {
    case IR_CLASS_GLOBAL:
        return global_opnd(e, ir_ref_index(r), false);
    case IR_CLASS_HI:
        return global_opnd(e, ir_ref_index(r), true);
    case IR_CLASS_CONST: {
        int64_t v = emit_const(e, r);
        return opnd_imm(s == S8 ? (int8_t)v : s == S16 ? (int16_t)v : s == S32 ? (int32_t)v : v);
    }
    case IR_CLASS_TEMP:
        return temp_opnd(e, ir_ref_index(r));
    }
    return (struct opnd){0};
}

static enum asm_size src_size(const struct emit *e, unsigned n)
{
    int t = ir_src_type(e->in, n);

    return t < 0 ? S64 : (enum asm_size)t;
}

/* An immediate that no instruction takes (64 bits) comes in a scratch. */
struct opnd emit_src(struct emit *e, unsigned n)
{
    enum asm_size s = src_size(e, n);
    struct opnd o = emit_ref(e, e->in->src[n], s);

    if (o.kind == OPND_IMM && o.imm != (int32_t)o.imm) {
        struct opnd r = opnd_reg(emit_scratch(e));
        asm_mov(&e->a, S64, &r, &o);
        return r;
    }
    return o;
}

struct opnd emit_src_rm(struct emit *e, unsigned n, enum asm_size s)
{
    struct opnd o = emit_ref(e, e->in->src[n], s);

    if (o.kind == OPND_IMM) {
        struct opnd r = opnd_reg(emit_scratch(e));
        asm_mov(&e->a, s < S32 ? S32 : s, &r, &o);
        return r;
    }
    return o;
}

unsigned emit_src_reg(struct emit *e, unsigned n, enum asm_size s)
{
    struct opnd o = emit_ref(e, e->in->src[n], s);
    unsigned r;

    if (o.kind == OPND_REG)
        return o.reg;
    r = emit_scratch(e);
    emit_load(e, s, r, &o);
    return r;
}

bool emit_dies(const struct emit *e, ir_ref r)
{
    return ir_ref_class(r) == IR_CLASS_TEMP && e->temp[ir_ref_index(r)].last <= e->i;
}

static void temp_free(struct emit *e, struct temp_loc *l)
{
    if (l->kind == TEMP_REG)
        e->owner[l->n] = OWNER_FREE;
    else if (l->kind == TEMP_SLOT)
        e->slots &= ~(1u << l->n);
    l->kind = TEMP_NONE;
}

static unsigned new_slot(struct emit *e)
{
    unsigned slot = (unsigned)__builtin_ctz(~e->slots);

    assert(slot < SPILL_TEMPS);
    e->slots |= 1u << slot;
    return slot;
}

static void spill(struct emit *e, unsigned i)
{
    struct temp_loc *l = &e->temp[e->owner[i]];
    unsigned slot = new_slot(e);
    struct opnd m = opnd_mem(RSP, SPILL_OFF((int)slot)), r = opnd_reg(scratch_reg[i]);

    asm_mov(&e->a, S64, &m, &r);
    l->kind = TEMP_SLOT;
    l->n = (uint8_t)slot;
    e->owner[i] = OWNER_FREE;
}

/* The scratch whose temporary is used last, or SCRATCHES. */
static unsigned spill_victim(const struct emit *e)
{
    unsigned best = SCRATCHES;

    for (unsigned i = 0; i < SCRATCHES; i++)
        if (e->owner[i] >= 0 && !(e->lock >> i & 1) &&
            (best == SCRATCHES || e->temp[e->owner[i]].last > e->temp[e->owner[best]].last))
            best = i;
    return best;
}

static bool insn_uses_reg(struct emit *e, unsigned reg)
{
    const ir_ref refs[] = {e->in->dst, e->in->dst2, e->in->src[0], e->in->src[1], e->in->src[2]};

    for (unsigned i = 0; i < ARRAY_SIZE(refs); i++) {
        unsigned c = ir_ref_class(refs[i]);
        if (c == IR_CLASS_GLOBAL || c == IR_CLASS_HI) {
            struct opnd o = global_opnd(e, ir_ref_index(refs[i]), false);
            if (o.kind == OPND_REG && o.reg == reg)
                return true;
        }
    }
    return false;
}

/* All scratches are in use by this very insn: take a guest register until its end. Only after
 * the insn's last op that may fault. */
static unsigned borrow(struct emit *e)
{
    static const uint8_t candidates[] = {R15, R14, R11, R12, RBP};

    for (unsigned i = 0; i < ARRAY_SIZE(candidates) && e->n_borrowed < ARRAY_SIZE(e->borrowed); i++) {
        unsigned r = candidates[i];
        bool taken = insn_uses_reg(e, r);
        for (unsigned k = 0; k < e->n_borrowed; k++)
            taken |= e->borrowed[k] == r;
        if (taken)
            continue;
        struct opnd m = opnd_mem(RSP, SPILL_OFF(SPILL_BORROW + (int)e->n_borrowed)), o = opnd_reg(r);
        asm_mov(&e->a, S64, &m, &o);
        e->borrowed[e->n_borrowed++] = (uint8_t)r;
        return r;
    }
    assert(!"out of registers");
    return R15;
}

static void return_borrowed(struct emit *e)
{
    while (e->n_borrowed) {
        e->n_borrowed--;
        struct opnd m = opnd_mem(RSP, SPILL_OFF(SPILL_BORROW + (int)e->n_borrowed));
        struct opnd o = opnd_reg(e->borrowed[e->n_borrowed]);
        asm_mov(&e->a, S64, &o, &m);
    }
}

/* A scratch nobody needs now, by spilling if need be; SCRATCHES: none. */
static unsigned free_scratch(struct emit *e)
{
    unsigned i;

    for (i = 0; i < SCRATCHES; i++)
        if (e->owner[i] == OWNER_FREE)
            return i;
    i = spill_victim(e);
    if (i < SCRATCHES)
        spill(e, i);
    return i;
}

unsigned emit_scratch(struct emit *e)
{
    unsigned i = free_scratch(e);

    if (i == SCRATCHES)
        return borrow(e);
    e->owner[i] = OWNER_INSN;
    return scratch_reg[i];
}

void emit_scratch_free(struct emit *e, unsigned reg)
{
    unsigned i = scratch_index(reg);

    if (i < SCRATCHES && e->owner[i] == OWNER_INSN)
        e->owner[i] = OWNER_FREE;
}

/* A byte register that needs REX cannot meet AH..BH in one instruction: go through memory. */
static void load_hi(struct emit *e, unsigned reg, const struct opnd *o)
{
    struct opnd m = opnd_mem(RSP, SPILL_OFF(SPILL_BYTE)), src = opnd_reg(o->reg), d = opnd_reg(reg);

    if (host_has_bmi2) {
        asm_rorx(&e->a, S32, reg, &src, 8);
        return;
    }
    asm_mov(&e->a, S8, &m, o);
    asm_mov(&e->a, S32, &d, &m);
}

void emit_load(struct emit *e, enum asm_size s, unsigned reg, const struct opnd *o)
{
    struct opnd d = opnd_reg(reg);

    if (o->kind == OPND_HI)
        load_hi(e, reg, o);
    else if (o->kind == OPND_MEM && s < S32)
        asm_extend(&e->a, false, S32, reg, s, o);
    else if (!opnd_is_reg(o, reg) || s == S32)
        asm_mov(&e->a, s < S32 ? S32 : s, &d, o);
}

void emit_store(struct emit *e, enum asm_size s, const struct opnd *d, unsigned reg)
{
    struct opnd r = opnd_reg(reg), m = opnd_mem(RSP, SPILL_OFF(SPILL_BYTE));

    if (d->kind == OPND_HI) {
        asm_mov(&e->a, S8, &m, &r);
        asm_mov(&e->a, S8, d, &m);
    } else if (!opnd_equal(d, &r)) {
        asm_mov(&e->a, s, d, &r);
    }
}

/* Give the temporary a scratch, or a slot if this insn's operands are in all of them. */
static struct opnd temp_define(struct emit *e, unsigned t)
{
    struct temp_loc *l = &e->temp[t];
    unsigned i = free_scratch(e);

    if (i == SCRATCHES) {
        l->kind = TEMP_SLOT;
        l->n = (uint8_t)new_slot(e);
        return opnd_mem(RSP, SPILL_OFF(l->n));
    }
    e->owner[i] = (int16_t)t;
    e->lock |= (uint8_t)(1 << i);
    l->kind = TEMP_REG;
    l->n = (uint8_t)i;
    return opnd_reg(scratch_reg[i]);
}

struct dest emit_dest(struct emit *e, ir_ref r, enum asm_size s)
{
    struct dest d = {.size = s};

    switch (ir_ref_class(r)) {
    case IR_CLASS_TEMP:
        d.loc = temp_define(e, ir_ref_index(r));
        d.temp = true;
        break;
    case IR_CLASS_GLOBAL:
    case IR_CLASS_HI:
        d.loc = emit_ref(e, r, s);
        d.wide = s == S32 && e->b->globals[ir_ref_index(r)].type == IR_I64;
        break;
    default:
        d.none = true;
    }
    return d;
}

struct dest emit_dest_from(struct emit *e, ir_ref r, enum asm_size s, unsigned n)
{
    ir_ref src = e->in->src[n];

    if (ir_ref_class(r) == IR_CLASS_TEMP && emit_dies(e, src) &&
        e->temp[ir_ref_index(src)].kind == TEMP_REG) {
        struct temp_loc *from = &e->temp[ir_ref_index(src)], *to = &e->temp[ir_ref_index(r)];
        *to = (struct temp_loc){.kind = TEMP_REG, .n = from->n, .last = to->last};
        from->kind = TEMP_NONE;
        e->owner[to->n] = (int16_t)ir_ref_index(r);
        return (struct dest){.loc = opnd_reg(scratch_reg[to->n]), .size = s, .temp = true};
    }
    return emit_dest(e, r, s);
}

void emit_dest_put(struct emit *e, const struct dest *d, unsigned reg)
{
    if (!d->none)
        emit_store(e, d->wide && d->loc.kind == OPND_MEM ? S64 : d->temp ? S64 : d->size,
                   &d->loc, reg);
}

/* May `op d, b` be encoded as it is? */
bool emit_pair_ok(enum asm_size s, const struct opnd *d, const struct opnd *b)
{
    if (d->kind == OPND_MEM && b->kind == OPND_MEM)
        return false;
    if (b->kind == OPND_IMM && b->imm != (int32_t)b->imm)
        return false;
    if (d->kind == OPND_HI)
        return !opnd_needs_rex(b, S8);
    return b->kind != OPND_HI || !opnd_needs_rex(d, S8);
}

static void end_temp(struct emit *e, ir_ref r)
{
    if (emit_dies(e, r))
        temp_free(e, &e->temp[ir_ref_index(r)]);
}

static void end_scratches(struct emit *e)
{
    for (unsigned i = 0; i < SCRATCHES; i++) {
        if (e->owner[i] == OWNER_FOLD)
            e->owner[i] = OWNER_FREE;
        if (e->owner[i] == OWNER_INSN)
            e->owner[i] = e->folding ? OWNER_FOLD : OWNER_FREE;
    }
    e->folding = false;
}

void emit_drop_scratches(struct emit *e)
{
    for (unsigned k = 0; k < 3; k++)
        end_temp(e, e->in->src[k]);
    end_scratches(e);
    e->lock = 0;
}

void emit_spill_for_call(struct emit *e)
{
    for (unsigned i = 0; i < SCRATCHES; i++)
        if (e->owner[i] >= 0 && e->temp[e->owner[i]].last > e->i)
            spill(e, i);
}

void emit_end_insn(struct emit *e)
{
    const struct ir_insn *in = e->in;

    return_borrowed(e);
    if (IR_ANY_TEMP(in->src[0] | in->src[1] | in->src[2])) {
        for (unsigned k = 0; k < 3; k++)
            end_temp(e, in->src[k]);
    }
    if (in->mem) {
        const struct ir_mem *m = &e->b->mems[in->mem - 1];
        end_temp(e, m->base);
        end_temp(e, m->index);
    }
    if (IR_ANY_TEMP(in->dst | in->dst2)) {
        end_temp(e, in->dst);
        end_temp(e, in->dst2);
    }
    end_scratches(e);
    e->lock = e->fold_lock;
    e->fold_lock = 0;
}
