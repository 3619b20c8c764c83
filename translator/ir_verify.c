/* SPDX-License-Identifier: MIT */
/*
 * Checks a block against the rules of ir.h and ir_ops.def. Run on every block in debug builds
 * and in tests, after the frontend and after each pass. Finds our bugs, not the guest's.
 */
#include "translator/ir.h"

#include "translator/softtlb.h"
#include "util/error.h"

struct checker {
    const struct ir_block *b;
    unsigned pos;
    const struct ir_insn *i;
    const char *broken; /* the first rule broken */
    uint64_t defined[IR_MAX_TEMPS / 64]; /* ever */
    uint64_t usable[IR_MAX_TEMPS / 64];  /* since the last label */
    uint64_t labels[IR_MAX_LABELS / 64]; /* placed */
    uint64_t targets[IR_MAX_LABELS / 64]; /* jumped to */
    uint64_t windows[IR_MAX_TEMPS / 64]; /* temporaries that are open windows */
    uint32_t window_aux[IR_MAX_TEMPS];
    bool wrote; /* the guest instruction has written a global or flags */
    bool opened; /* an insn op has been seen */
};

static bool broken(struct checker *c, const char *rule)
{
    if (!c->broken)
        c->broken = rule;
    return false;
}

static bool bit_test(const uint64_t *bits, unsigned n)
{
    return bits[n / 64] >> n % 64 & 1;
}

static void bit_set(uint64_t *bits, unsigned n)
{
    bits[n / 64] |= BIT(n % 64);
}

/* --- operands ------------------------------------------------------------------- */

static void check_global(struct checker *c, ir_ref r, int type)
{
    unsigned n = ir_ref_index(r);

    if (n >= c->b->n_globals)
        broken(c, "no such global");
    else if (ir_ref_class(r) == IR_CLASS_HI && (type != IR_I8 && type >= 0))
        broken(c, "bits 15..8 of a global are an i8 operand only");
    else if (type >= 0 && type > (int)c->b->globals[n].type)
        broken(c, "operand is wider than its global");
}

static void check_temp_use(struct checker *c, unsigned n, int type)
{
    if (n >= c->b->n_temps)
        broken(c, "no such temporary");
    else if (!bit_test(c->usable, n))
        broken(c, "temporary used before its definition (or across a label)");
    else if (type >= 0 && type > (int)c->b->temp_types[n])
        broken(c, "operand is wider than its temporary");
}

static void check_use(struct checker *c, ir_ref r, int type, bool optional)
{
    switch (ir_ref_class(r)) {
    case IR_CLASS_NONE:
        if (!optional || r)
            broken(c, "operand missing");
        break;
    case IR_CLASS_GLOBAL:
    case IR_CLASS_HI:
        check_global(c, r, type);
        break;
    case IR_CLASS_CONST:
        if (ir_ref_index(r) >= c->b->n_consts)
            broken(c, "no such constant");
        break;
    case IR_CLASS_TEMP:
        check_temp_use(c, ir_ref_index(r), type);
        break;
    default:
        broken(c, "unknown class of operand");
    }
}

static void check_temp_def(struct checker *c, unsigned n, int type)
{
    if (n >= c->b->n_temps)
        broken(c, "no such temporary");
    else if (bit_test(c->defined, n))
        broken(c, "temporary defined twice");
    else if (type >= 0 && type != (int)c->b->temp_types[n])
        broken(c, "temporary is not of its definition's type");
    if (c->broken)
        return;
    bit_set(c->defined, n);
    bit_set(c->usable, n);
}

static void check_def(struct checker *c, ir_ref r, int type, bool optional)
{
    switch (ir_ref_class(r)) {
    case IR_CLASS_NONE:
        if (!optional || r)
            broken(c, "result missing");
        break;
    case IR_CLASS_GLOBAL:
    case IR_CLASS_HI:
        check_global(c, r, type);
        c->wrote = true;
        break;
    case IR_CLASS_TEMP:
        check_temp_def(c, ir_ref_index(r), type);
        break;
    default:
        broken(c, "result is neither global nor temporary");
    }
}

static int address_type(unsigned bits)
{
    return bits == 16 ? IR_I16 : bits == 32 ? IR_I32 : IR_I64;
}

/* Inside its window, which is still open, and allows it. */
static void check_member(struct checker *c, const struct ir_mem *m)
{
    unsigned n = ir_ref_index(m->base), bytes = ir_access_bytes(c->i);

    if (ir_ref_class(m->base) != IR_CLASS_TEMP || n >= c->b->n_temps || !bit_test(c->windows, n))
        broken(c, "no such window open");
    else if (m->index || m->seg || m->abits != 64)
        broken(c, "more than a distance in a window");
    else if (!bytes || c->i->irf & IRF_LOCK)
        broken(c, "access that cannot be in a window");
    else if (m->disp < 0 || (uint32_t)m->disp + bytes > (c->window_aux[n] & 0xffff))
        broken(c, "access beyond its window");
    else if (ir_access_writes(c->i) && !(c->window_aux[n] >> 16 & 1))
        broken(c, "write to a window for reading");
}

/* Windows come first in a guest instruction, so that it can be started again. */
static void check_window(struct checker *c)
{
    unsigned before = c->pos ? c->b->insns[c->pos - 1].op : IR_OP_COUNT, n = ir_ref_index(c->i->dst);

    if (before != IR_insn && before != IR_window)
        broken(c, "window is not at the start of its guest instruction");
    else if (ir_ref_class(c->i->dst) != IR_CLASS_TEMP || c->i->type != IR_I64)
        broken(c, "window is not an i64 temporary");
    else if (!(c->i->aux & 0xffff) || (c->i->aux & 0xffff) > SOFTTLB_PAGE)
        broken(c, "window of no bytes, or more than a page");
    if (c->broken || n >= IR_MAX_TEMPS)
        return;
    bit_set(c->windows, n);
    c->window_aux[n] = c->i->aux;
}

static void check_mem(struct checker *c)
{
    const struct ir_mem *m;

    if (!c->i->mem || c->i->mem > c->b->n_mems) {
        broken(c, "no such memory operand");
        return;
    }
    m = &c->b->mems[c->i->mem - 1];
    if (m->abits != 16 && m->abits != 32 && m->abits != 64)
        broken(c, "address size is not 16, 32 or 64");
    if (m->lbits != 32 && m->lbits != 64)
        broken(c, "linear address is not of 32 or 64 bits");
    if (m->scale > 3)
        broken(c, "scale above 3");
    check_use(c, m->base, address_type(m->abits), true);
    check_use(c, m->index, address_type(m->abits), true);
    if (ir_ref_class(m->base) == IR_CLASS_CONST || ir_ref_class(m->index) == IR_CLASS_CONST)
        broken(c, "constant as base or index");
    if (m->seg && ir_ref_class(m->seg) != IR_CLASS_GLOBAL)
        broken(c, "segment base is not a global");
    check_use(c, m->seg, IR_I64, true);
    if (m->flags & IR_MEM_WINDOW)
        check_member(c, m);
}

/* --- insns ------------------------------------------------------------------------ */

static bool dst_optional(const struct ir_insn *i, unsigned n)
{
    switch (i->op) {
    case IR_rmw:
    case IR_call:
    case IR_simd:
    case IR_fpu:
        return true;
    case IR_mulu:
    case IR_muls:
        return n == 1;
    case IR_divu:
    case IR_divs:
        return true;
    default:
        return false;
    }
}

static bool rmw_op_known(unsigned op)
{
    switch (op) {
    case IR_add ... IR_neg:
    case IR_shl ... IR_shrd:
    case IR_bts ... IR_btc:
    case IR_mov:
        return true;
    default:
        return false;
    }
}

static bool src_optional(const struct ir_insn *i, unsigned n)
{
    switch (i->op) {
    case IR_call:
    case IR_simd:
        return true;
    case IR_rmw:
        return n == 1 || i->aux == IR_not || i->aux == IR_neg;
    case IR_divu:
    case IR_divs:
        return n == 1 && i->type == IR_I8;
    default:
        return false;
    }
}

static void check_label_op(struct checker *c)
{
    unsigned n = c->i->aux;

    if (n >= c->b->n_labels || n >= IR_MAX_LABELS)
        broken(c, "no such label");
    else if (bit_test(c->labels, n))
        broken(c, c->i->op == IR_label ? "label placed twice" : "jump to a label behind");
    else if (c->i->op == IR_label)
        bit_set(c->labels, n);
    else
        bit_set(c->targets, n);
    if (c->i->op == IR_label) { /* no temporary lives across */
        memset(c->usable, 0, sizeof(c->usable));
        memset(c->windows, 0, sizeof(c->windows));
    }
}

static void check_aux(struct checker *c)
{
    const struct ir_insn *i = c->i;

    switch (i->op) {
    case IR_skip_if:
    case IR_skip_ifz:
    case IR_label:
        check_label_op(c);
        break;
    case IR_exit:
    case IR_exit_if:
    case IR_exit_ifz:
        if (i->aux >= c->b->n_exits)
            broken(c, "no such exit slot");
        break;
    case IR_call:
        if (i->aux >= c->b->n_helpers)
            broken(c, "no such helper");
        memset(c->windows, 0, sizeof(c->windows)); /* it may change what is mapped */
        break;
    case IR_window:
        check_window(c);
        break;
    case IR_guard:
        if ((i->aux & 0xffff) >= c->b->n_helpers)
            broken(c, "no such helper");
        break;
    case IR_rmw:
        if (!rmw_op_known(i->aux))
            broken(c, "operation that rmw does not have");
        break;
    case IR_zext:
    case IR_sext:
    case IR_ldzx:
    case IR_ldsx:
        if (i->aux >= i->type)
            broken(c, "extension from a type that is not narrower");
        break;
    case IR_crc32:
        if (i->aux > IR_I64)
            broken(c, "unknown type");
        break;
    default:
        break;
    }
}

static void check_type(struct checker *c)
{
    const struct ir_insn *i = c->i;

    if (i->type > IR_I64)
        broken(c, "unknown type");
    else if ((i->op == IR_bswap || i->op == IR_cmpxchg2) && i->type < IR_I32)
        broken(c, "operation needs i32 or i64");
    else if ((i->op == IR_shld || i->op == IR_shrd || i->op == IR_popcnt || i->op == IR_bsf ||
              i->op == IR_bsr || (i->op >= IR_bt && i->op <= IR_btc)) &&
             i->type == IR_I8)
        broken(c, "operation has no i8 form");
}

static void check_flags(struct checker *c)
{
    const struct ir_insn *i = c->i;
    const struct ir_op_info *op = &ir_op_info[i->op];

    if (i->fdef & ~op->fdef)
        broken(c, "defines flags its op cannot define");
    if (i->flive & ~i->fdef)
        broken(c, "live flags that are not defined");
    if (i->op == IR_guard && (i->cond == IR_O || i->cond == IR_NO || i->cond == IR_P ||
                              i->cond == IR_NP || i->cond == IR_S || i->cond == IR_NS))
        broken(c, "condition that guard does not have");
    if ((i->op == IR_skip_ifz || i->op == IR_exit_ifz) && i->cond != IR_E && i->cond != IR_NE)
        broken(c, "condition is not e or ne");
    if (i->cond > IR_G)
        broken(c, "unknown condition");
}

/* An op that can fault must come before everything its guest instruction writes. */
static void check_order(struct checker *c)
{
    const struct ir_insn *i = c->i;
    unsigned attrs = ir_op_info[i->op].attrs;
    bool faults = attrs & (IRA_LOADS | IRA_STORES | IRA_FAULTS) && !ir_in_window(i, c->b), tries = false;

    if (i->op == IR_insn) {
        c->opened = true;
        c->wrote = false;
    } else if (!c->opened && i->op != IR_label) {
        broken(c, "no guest instruction is open");
    }
    if (i->op == IR_call && i->aux < c->b->n_helpers) {
        faults = c->b->helpers[i->aux].flags & HF_RAISE;
        tries = c->b->helpers[i->aux].flags & HF_TRY;
    }
    if (faults && c->wrote)
        broken(c, "can fault after its guest instruction has written guest state");
    if (i->fdef && !tries)
        c->wrote = true;
}

static void check_insn(struct checker *c)
{
    const struct ir_insn *i = c->i;
    const struct ir_op_info *op;

    if (i->op >= IR_OP_COUNT) {
        broken(c, "unknown operation");
        return;
    }
    op = &ir_op_info[i->op];
    check_type(c);
    check_order(c);
    check_flags(c);
    for (unsigned n = 0; n < op->srcs; n++)
        check_use(c, i->src[n], ir_src_type(i, n), src_optional(i, n));
    for (unsigned n = op->srcs; n < ARRAY_SIZE(i->src); n++)
        if (i->src[n])
            broken(c, "more sources than the op has");
    if (op->attrs & IRA_MEM || i->irf & IRF_MEM)
        check_mem(c);
    else if (i->mem)
        broken(c, "memory operand on an op without");
    check_aux(c);
    if (op->dsts > 0)
        check_def(c, i->dst, ir_dst_type(i, 0), dst_optional(i, 0));
    if (op->dsts > 1)
        check_def(c, i->dst2, ir_dst_type(i, 1), dst_optional(i, 1));
    if ((op->dsts < 1 && i->dst) || (op->dsts < 2 && i->dst2))
        broken(c, "more results than the op has");
    if (!!(op->attrs & IRA_END) != (c->pos == c->b->n_insns - 1))
        broken(c, "the last insn, and only it, leaves unconditionally");
}

static void check_block(struct checker *c)
{
    const struct ir_block *b = c->b;

    if (!b->n_insns)
        broken(c, "no insns");
    if (b->mmu_idx >= SOFTTLB_SETS)
        broken(c, "no such access class");
    if (b->pc_bits != 32 && b->pc_bits != 64)
        broken(c, "PC is not of 32 or 64 bits");
    if (b->n_exits > IR_MAX_EXITS || b->n_temps > IR_MAX_TEMPS || b->n_labels > IR_MAX_LABELS)
        broken(c, "too many exits, temporaries or labels");
}

int ir_verify(const struct ir_block *b, struct error **err)
{
    struct checker c = {.b = b};

    check_block(&c);
    for (; !c.broken && c.pos < b->n_insns; c.pos++) {
        c.i = &b->insns[c.pos];
        check_insn(&c);
    }
    for (unsigned n = 0; !c.broken && n < b->n_labels; n++)
        if (bit_test(c.targets, n) && !bit_test(c.labels, n))
            broken(&c, "jump to a label that is not placed");
    if (!c.broken)
        return 0;
    error_set(err, "insn %u: %s", c.pos ? c.pos - 1 : 0, c.broken);
    return -1;
}
