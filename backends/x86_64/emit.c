/* SPDX-License-Identifier: MIT */
/*
 * The pass over a block: one backward scan finds when temporaries die and which flags are wanted
 * (by readers, and by everything that may fault or leave), then each insn is emitted by its row
 * of forms.def, then the code that is out of line.
 */
#include "backends/x86_64/emit.h"
#include "backends/x86_64/forms.h"
#include "backends/x86_64/jit.h"
#include "translator/profile.h"

#include <errno.h>

static const struct form {
    void (*emit)(struct emit *e, unsigned arg);
    unsigned arg;
} forms[IR_OP_COUNT] = {
#define FORM(op, fn, arg) [IR_##op] = {fn, arg},
#include "backends/x86_64/forms.def"
#undef FORM
};

/* --- scan ---------------------------------------------------------------------------- */

static void note_use(struct emit *e, ir_ref r, unsigned i)
{
    if (ir_ref_class(r) == IR_CLASS_TEMP && e->temp[ir_ref_index(r)].last < i)
        e->temp[ir_ref_index(r)].last = (uint16_t)i;
}

static void note_uses(struct emit *e, const struct ir_insn *in, unsigned i)
{
    if (IR_ANY_TEMP(in->dst | in->dst2 | in->src[0] | in->src[1] | in->src[2])) {
        note_use(e, in->dst, i);
        note_use(e, in->dst2, i);
        for (unsigned k = 0; k < 3; k++)
            note_use(e, in->src[k], i);
    }
    if (in->mem) {
        note_use(e, e->b->mems[in->mem - 1].base, i);
        note_use(e, e->b->mems[in->mem - 1].index, i);
    }
}

/* Flags certainly overwritten. */
static unsigned kills(const struct emit *e, const struct ir_insn *in)
{
    unsigned count = in->op == IR_shld || in->op == IR_shrd ? 2 : 1;

    if (in->op == IR_rmw) {
        bool dbl = in->aux == IR_shld || in->aux == IR_shrd;
        if (!(ir_op_info[in->aux].attrs & IRA_VARCNT))
            return in->fdef;
        count = dbl;
    } else if (!(ir_op_info[in->op].attrs & IRA_VARCNT)) {
        return in->fdef;
    }
    if (ir_ref_class(in->src[count]) != IR_CLASS_CONST)
        return 0;
    return emit_const(e, in->src[count]) & (in->type == IR_I64 ? 63 : 31) ? in->fdef : 0;
}

/* May the guest be seen at this insn: all flags must be right before it. */
static bool observes(const struct emit *e, const struct ir_insn *in)
{
    unsigned attrs = ir_op_info[in->op].attrs;

    if (in->op == IR_call)
        return e->b->helpers[in->aux].flags & (HF_RAISE | HF_READ_FLAGS);
    if (ir_in_window(in, e->b))
        return in->op == IR_simd;
    if (in->op == IR_fpu)
        return in->irf & IRF_MEM;
    return attrs & (IRA_LOADS | IRA_STORES | IRA_FAULTS | IRA_END | IRA_LEAVES);
}

static unsigned scan_control(struct emit *e, const struct ir_insn *in, unsigned i, unsigned live)
{
    if (in->op == IR_label)
        e->label_live[in->aux] = (uint8_t)live;
    else if (in->op == IR_skip_if || in->op == IR_skip_ifz)
        e->live_after[i] = (uint8_t)(live |= e->label_live[in->aux]);
    else if (in->op == IR_exit || in->op == IR_exit_if || in->op == IR_exit_ifz)
        e->uses[in->aux]++;
    return live;
}

static void scan(struct emit *e)
{
    unsigned live = OSZAPC;

    for (unsigned i = 0; i < e->b->n_temps; i++)
        e->temp[i] = (struct temp_loc){0};
    for (unsigned i = e->b->n_insns; i-- > 0;) {
        const struct ir_insn *in = &e->b->insns[i];

        e->live_after[i] = (uint8_t)live;
        note_uses(e, in, i);
        if (ir_op_info[in->op].attrs & IRA_AUX)
            live = scan_control(e, in, i, live);
        if (in->fdef)
            live &= ~kills(e, in);
        if (ir_op_info[in->op].fuse)
            live |= ir_insn_fuse(in, e->b);
        if (observes(e, in))
            live = OSZAPC;
    }
    e->live = (uint8_t)live;
}

/* --- emitting --------------------------------------------------------------------------- */

void emit_insn_side(struct emit *e, uint8_t host_flags)
{
    struct side_entry s = {asm_off(&e->a), e->pc, host_flags};

    side_add(&e->side, &s);
}

struct cold *emit_cold(struct emit *e, enum cold_kind kind, uint32_t field)
{
    struct cold *c = &e->cold[MIN(e->n_cold, COLD_MAX - 1u)];

    if (e->n_cold == COLD_MAX)
        e->a.full = true; /* so many accesses do not fit: the caller splits the block */
    else
        e->n_cold++;
    *c = (struct cold){.kind = (uint8_t)kind, .pc = e->pc, .n_fields = 1, .field = {field}};
    return c;
}

static bool changes_state(const struct ir_insn *in)
{
    unsigned c = ir_ref_class(in->dst), c2 = ir_ref_class(in->dst2);

    return in->fdef || c == IR_CLASS_GLOBAL || c == IR_CLASS_HI || c2 == IR_CLASS_GLOBAL || c2 == IR_CLASS_HI ||
           ir_op_info[in->op].attrs & IRA_STORES || in->op == IR_call || in->op == IR_simd || in->op == IR_fpu;
}

static void emit_one(struct emit *e, unsigned i)
{
    const struct ir_insn *in = &e->b->insns[i];

    e->i = i;
    e->in = in;
    e->live_before = e->live;
    e->live = e->live_after[i];
    e->keep = (uint8_t)(in->fdef ? e->live & ~kills(e, in) : e->live);
    forms[in->op].emit(e, forms[in->op].arg);
    emit_end_insn(e);
    if (!e->dirty)
        e->dirty = changes_state(in);
    jit_note_insn(asm_off(&e->a), i);
}

static void begin(struct emit *e, struct tb *tb, const struct ir_block *b, const struct code_span *to)
{
    e->a = (struct asm_buf){to->rw, to->rw, to->rw + to->room, false};
    e->rx = to->rx;
    e->b = b;
    e->tb = tb;
    e->host = 0;
    e->img = OSZAPC;
    e->pc = (int64_t)(tb->key.phys & (SOFTTLB_PAGE - 1));
    e->dirty = e->folding = e->windows = false;
    e->soft = 0;
    e->lock = e->fold_lock = 0;
    e->slots = 0;
    e->n_cold = e->n_borrowed = 0;
    e->merge_scratch = NOREG;
    for (unsigned i = 0; i < SCRATCHES; i++)
        e->owner[i] = OWNER_FREE;
    memset(e->uses, 0, sizeof(e->uses));
    memset(e->patch, 0, sizeof(e->patch));
    memset(e->stub_off, 0, sizeof(e->stub_off));
    memset(e->shared, 0, sizeof(e->shared));
    memset(e->label_fields, 0, sizeof(e->label_fields[0]) * b->n_labels);
}

/* The entry is aligned; what precedes it: jit.h. */
static void emit_entry(struct emit *e)
{
    struct opnd r9 = opnd_reg(R9), page = opnd_imm((uint32_t)(e->tb->key.phys >> 12));

    asm_pad(&e->a, -(unsigned)((uintptr_t)e->rx + ENTRY_STALE) & 15);
    asm_branch_to(&e->a, ASM_CALL, e->rx, stubs.stale);
    asm_mov(&e->a, S32, &r9, &page);
    asm_branch_to(&e->a, ASM_CALL, e->rx, stubs.page_check);
}

/* Flags are in the vcpu or dead here, and no scratch register is taken. */
static void emit_profile(struct emit *e)
{
    struct profile_cell *cell = profile_new(e->tb->key.phys, e->b);
    struct opnd r = opnd_reg(scratch_reg[0]), at = opnd_imm((int64_t)(uintptr_t)cell), one = opnd_imm(1);
    struct opnd runs = opnd_mem(scratch_reg[0], offsetof(struct profile_cell, runs));

    if (!cell)
        return;
    asm_mov(&e->a, S64, &r, &at);
    asm_alu(&e->a, ALU_ADD, S64, &runs, &one, true);
}

int emit_block(struct emit *e, struct tb *tb, const struct ir_block *b, const struct code_span *to, uint32_t *entry)
{
    begin(e, tb, b, to);
    scan(e);
    emit_entry(e);
    *entry = asm_off(&e->a);
    e->flags_dead = !e->live;
    if (e->flags_dead) { /* two bytes to be overwritten: see jit.h */
        asm_byte(&e->a, 0x66);
        asm_byte(&e->a, 0x90);
    }
    side_begin(&e->side, &(struct side_entry){.off = *entry, .pc = e->pc});
    if (profile_enabled())
        emit_profile(e);
    for (unsigned i = 0; i < b->n_insns && !e->a.full; i++)
        emit_one(e, i);
    emit_cold_code(e);
    return e->a.full || e->side.full ? -ENOSPC : (int)asm_off(&e->a);
}
