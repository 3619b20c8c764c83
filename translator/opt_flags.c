/* SPDX-License-Identifier: MIT */
/*
 * One backward pass over a verified block: which of the flags an insn defines does anything
 * still read (flive), and which ops compute nothing that is used (turned into nothing)?
 *
 * Assumes: all flags are live where the block is left. A fault needs the flags as they were before
 * its guest instruction; that is a reader of its own kind (IR_FL_FAULT): the backend may serve it
 * from its side table instead of computing the flags, if the producer's inputs and result are
 * still there (IR_FL_INTACT). Preserves: order of insns, everything but flags and dead temporaries.
 *
 * IR_FL_FAULT is set for a producer if an op that may fault follows before all its flags have
 * been defined anew. IR_FL_INTACT says that none of the globals among its result and sources is
 * written, and no temporary is involved, between it and the last such op.
 */
#include "translator/ir.h"

enum { REMOVED = IR_OP_COUNT };

struct pass {
    struct ir_block *b;
    uint8_t live;          /* flags some insn below (or an exit) reads */
    uint8_t fault_live;    /* flags a fault below would need */
    uint64_t written;      /* globals written between here and the last fault below */
    bool fault_below;
    bool removed;
    uint8_t temp_used[IR_MAX_TEMPS / 8];
    uint8_t label_live[IR_MAX_LABELS];
    uint8_t label_fault[IR_MAX_LABELS];
};

static bool temp_is_used(const struct pass *p, ir_ref r)
{
    unsigned n = ir_ref_index(r);

    return p->temp_used[n / 8] >> n % 8 & 1;
}

static void use(struct pass *p, ir_ref r)
{
    unsigned n = ir_ref_index(r);

    if (ir_ref_class(r) == IR_CLASS_TEMP)
        p->temp_used[n / 8] |= 1u << n % 8;
}

static uint64_t global_bit(ir_ref r)
{
    unsigned class = ir_ref_class(r);

    return class == IR_CLASS_GLOBAL || class == IR_CLASS_HI ? BIT(MIN(ir_ref_index(r), 63u)) : 0;
}

/* Does the result of the op go nowhere? */
static bool result_dead(const struct pass *p, ir_ref r)
{
    return !r || (ir_ref_class(r) == IR_CLASS_TEMP && !temp_is_used(p, r));
}

static bool may_fault(const struct ir_insn *i, const struct ir_block *b)
{
    unsigned attrs = ir_op_info[i->op].attrs;

    if (i->op == IR_call)
        return b->helpers[i->aux].flags & HF_RAISE;
    if (i->op == IR_simd || i->op == IR_fpu)
        return true;
    if (ir_in_window(i, b))
        return false;
    return attrs & (IRA_LOADS | IRA_STORES | IRA_FAULTS);
}

/* Flags defined for certain: a variable count of 0 defines none. */
static unsigned surely_defined(const struct ir_insn *i, const struct ir_block *b)
{
    bool varcnt = ir_op_info[i->op].attrs & IRA_VARCNT;
    ir_ref count = i->src[i->op == IR_shld || i->op == IR_shrd ? 2 : 1];

    if (i->op == IR_rmw && i->aux >= IR_shl && i->aux <= IR_shrd) {
        varcnt = true;
        count = i->src[i->aux == IR_shld || i->aux == IR_shrd];
    }
    if (!varcnt)
        return i->fdef;
    if (ir_ref_class(count) != IR_CLASS_CONST)
        return 0;
    return ir_const_value(b, count) & (i->type == IR_I64 ? 63 : 31) ? i->fdef : 0;
}

/* Are the op's result and sources all globals (or constants) that keep their values? */
static bool intact(const struct pass *p, const struct ir_insn *i)
{
    uint64_t regs = 0;
    const ir_ref refs[] = {i->dst, i->dst2, i->src[0], i->src[1], i->src[2]};

    for (unsigned n = 0; n < ARRAY_SIZE(refs); n++) {
        if (ir_ref_class(refs[n]) == IR_CLASS_TEMP)
            return false;
        regs |= global_bit(refs[n]);
    }
    return !(regs & p->written) && !(ir_op_info[i->op].attrs & IRA_MEM);
}

static void define_flags(struct pass *p, struct ir_insn *i)
{
    unsigned sure;

    if (!i->fdef)
        return;
    i->flive = i->fdef & (p->live | p->fault_live);
    i->finfo = (i->fdef & p->live ? IR_FL_READ : 0) | (i->fdef & p->fault_live ? IR_FL_FAULT : 0);
    if (i->finfo & IR_FL_FAULT && intact(p, i))
        i->finfo |= IR_FL_INTACT;
    sure = surely_defined(i, p->b);
    p->live &= ~sure;
    p->fault_live &= ~sure;
    if (!p->fault_live)
        p->fault_below = false;
}

static bool removable(const struct pass *p, const struct ir_insn *i, unsigned attrs)
{
    if (attrs & (IRA_EFFECT | IRA_LOADS | IRA_STORES | IRA_FAULTS | IRA_SYNC | IRA_END))
        return false;
    return !i->flive && result_dead(p, i->dst) && result_dead(p, i->dst2);
}

static void use_sources(struct pass *p, const struct ir_insn *i)
{
    for (unsigned n = 0; n < ARRAY_SIZE(i->src); n++)
        use(p, i->src[n]);
    if (i->mem) {
        use(p, p->b->mems[i->mem - 1].base);
        use(p, p->b->mems[i->mem - 1].index);
    }
    if (i->op == IR_cmpxchg2) {
        use(p, i->dst);
        use(p, i->dst2);
    }
}

/* Where control flow comes together or parts. */
static void control(struct pass *p, const struct ir_insn *i, unsigned attrs)
{
    if (attrs & (IRA_END | IRA_LEAVES))
        p->live = OSZAPC;
    if (i->op == IR_label) {
        p->label_live[i->aux] = p->live;
        p->label_fault[i->aux] = p->fault_live;
    } else if (i->op == IR_skip_if || i->op == IR_skip_ifz) {
        p->live |= p->label_live[i->aux];
        if (p->label_fault[i->aux]) {
            p->fault_live |= p->label_fault[i->aux];
            p->fault_below = true;
            p->written = UINT64_MAX;
        }
    }
}

/* A fault needs all flags as they are before its instruction. */
static void meet_fault(struct pass *p)
{
    p->fault_live = OSZAPC;
    if (!p->fault_below)
        p->written = 0;
    p->fault_below = true;
}

static void note_writes(struct pass *p, const struct ir_insn *i)
{
    p->written |= global_bit(i->dst) | global_bit(i->dst2);
    if (i->op == IR_call && p->b->helpers[i->aux].flags & HF_WRITE_GLOBALS)
        p->written = UINT64_MAX;
}

/* Most insns go through here with no flags and no control flow: attrs says what there is to do. */
static void visit(struct pass *p, struct ir_insn *i)
{
    const struct ir_op_info *op = &ir_op_info[i->op];

    if (i->op == IR_insn)
        return;
    if (op->attrs & IRA_AUX)
        control(p, i, op->attrs);
    else if (op->attrs & IRA_END)
        p->live = OSZAPC;
    define_flags(p, i);
    if (removable(p, i, op->attrs)) {
        i->op = REMOVED;
        p->removed = true;
        return;
    }
    note_writes(p, i);
    if (op->fuse)
        p->live |= ir_insn_fuse(i, p->b);
    if (op->attrs & (IRA_LOADS | IRA_STORES | IRA_FAULTS) && may_fault(i, p->b))
        meet_fault(p);
    use_sources(p, i);
}

static void drop_removed(struct ir_block *b)
{
    unsigned out = 0;

    for (unsigned n = 0; n < b->n_insns; n++)
        if (b->insns[n].op != REMOVED)
            b->insns[out++] = b->insns[n];
    b->n_insns = out;
}

void opt_flags(struct ir_block *b)
{
    struct pass p;

    p.b = b;
    p.live = OSZAPC;
    p.fault_live = 0;
    p.written = 0;
    p.fault_below = false;
    p.removed = false;
    memset(p.temp_used, 0, (b->n_temps + 7) / 8);
    for (unsigned n = b->n_insns; n-- > 0;)
        visit(&p, &b->insns[n]);
    if (p.removed)
        drop_removed(b);
}
