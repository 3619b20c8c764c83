/* SPDX-License-Identifier: MIT */
/*
 * Generators of near control transfers: JMP, CALL, RET, Jcc, LOOP, JCXZ.
 * Reference: Intel SDM vol. 2; vol. 1, 6.4 (stack use).
 *
 * A near indirect transfer to a non-canonical address is #GP at the transfer (as on Intel's
 * processors): found when there is nothing to execute there, x86_undo_indirect().
 */
#include "frontends/x86/gen.h"
#include "frontends/x86/mode.h"

/* When a conditional branch is taken: flags, count register, or both. */
struct branch {
    bool has_cond;
    enum ir_cond cond;
    bool has_count;
    bool if_zero;    /* JCXZ: taken if rCX is 0; LOOP: if rCX - 1 is not 0 */
    bool decrements; /* LOOP */
};

/* --- where to ------------------------------------------------------------------------ */

/*
 * A direct target. Its IP is cut to the operand size; `valid` says whether it is within CS.
 * With a flat CS and 16 bits it depends on the page the block runs at: `dynamic`. So does one
 * that is as far away as a displacement reaches, which no exit has room for.
 */
struct target {
    int64_t off;
    bool valid, dynamic;
};

static struct target direct_target(struct gen *g)
{
    struct target t = {.off = g->next + g->in->imm, .valid = true};
    uint32_t ip;

    if (g->code64) {
        t.dynamic = t.off != (int32_t)t.off;
        return t;
    }
    if (!(g->mode & X86_MODE_CS_STATIC)) {
        t.dynamic = g->in->osize == 2;
        return t;
    }
    ip = gen_static_ip(g, t.off);
    if (g->in->osize == 2)
        ip &= 0xffff;
    t.off = gen_static_off(g, ip);
    t.valid = ip <= g->key->cs_limit;
    return t;
}

/* Linear PC of a target as a value; for a dynamic one of 16 bits CS is flat. */
static ir_ref target_pc(struct gen *g, struct target t)
{
    ir_ref pc = gen_linear_pc(g, t.off);

    return t.dynamic && !g->code64 ? gen_zext(g, IR_I64, pc, IR_I16) : pc;
}

static void exit_to_target(struct gen *g, struct target t, int32_t sp_change)
{
    if (t.dynamic)
        gen_exit_ind(g, target_pc(g, t), sp_change);
    else
        gen_exit_to(g, t.off);
}

/* --- conditional branches ------------------------------------------------------------------ */

static enum ir_type count_type(const struct gen *g)
{
    return gen_type(g->in->asize);
}

/* The value whose being zero or not decides, before the count register is written. */
static ir_ref count_value(struct gen *g, const struct branch *br)
{
    enum ir_type t = count_type(g);

    if (!br->decrements)
        return IR_GLOBAL(X86_RCX);
    return gen_tmp2(g, IR_sub, t, IR_GLOBAL(X86_RCX), gen_const(g, 1));
}

static void commit_count(struct gen *g, const struct branch *br)
{
    if (br->decrements)
        gen_op2(g, IR_sub, count_type(g), IR_GLOBAL(X86_RCX), IR_GLOBAL(X86_RCX), gen_const(g, 1),
                0);
}

/* skip to `label` if the branch is not taken */
static void skip_unless_taken(struct gen *g, const struct branch *br, unsigned label)
{
    struct ir_insn *i;

    if (br->has_count) {
        ir_ref v = count_value(g, br);

        i = ir_emit(g->b, IR_skip_ifz, count_type(g));
        i->cond = br->if_zero ? IR_NE : IR_E;
        i->src[0] = v;
        i->aux = label;
    }
    if (br->has_cond) {
        i = ir_emit(g->b, IR_skip_if, IR_I32);
        i->cond = br->cond ^ 1;
        i->aux = label;
    }
}

static void place_label(struct gen *g, unsigned label)
{
    ir_emit(g->b, IR_label, IR_I64)->aux = label;
}

/* A taken branch out of CS is #GP(0), before anything is written. */
static void raise_if_taken(struct gen *g, const struct branch *br)
{
    unsigned label = g->b->n_labels++;

    skip_unless_taken(g, br, label);
    gen_helper(g, HLP_raise, gen_const(g, X86_GP), gen_const(g, 0), IR_NONE);
    place_label(g, label);
}

/* Stepping, or a target computed at run time: select the PC, then leave. */
static void branch_by_pc(struct gen *g, const struct branch *br, struct target t)
{
    unsigned label = g->b->n_labels++;

    gen_set_pc(g, g->next);
    skip_unless_taken(g, br, label);
    gen_set(g, IR_I64, IR_GLOBAL(X86_G_PC), target_pc(g, t));
    place_label(g, label);
    commit_count(g, br);
    gen_exit_ind(g, IR_GLOBAL(X86_G_PC), 0);
}

static void exit_if_count(struct gen *g, enum ir_cond cond, ir_ref v, unsigned slot)
{
    struct ir_insn *i = ir_emit(g->b, IR_exit_ifz, count_type(g));

    i->cond = cond;
    i->src[0] = v;
    i->aux = slot;
}

static void branch_direct(struct gen *g, const struct branch *br, struct target t)
{
    struct ir_insn *i;

    if (br->has_count) {
        ir_ref v = count_value(g, br);
        enum ir_cond taken = br->if_zero ? IR_E : IR_NE;

        if (br->decrements)
            gen_set(g, count_type(g), IR_GLOBAL(X86_RCX), v);
        if (br->has_cond)
            exit_if_count(g, taken ^ 1, v, gen_exit_slot(g, g->next));
        else
            exit_if_count(g, taken, v, gen_exit_slot(g, t.off));
    }
    if (br->has_cond) {
        i = ir_emit(g->b, IR_exit_if, IR_I32);
        i->cond = (uint8_t)br->cond;
        i->aux = gen_exit_slot(g, t.off);
    }
    gen_exit_next(g);
}

static void branch(struct gen *g, const struct branch *br)
{
    struct target t = direct_target(g);

    if (!t.valid) {
        raise_if_taken(g, br);
        commit_count(g, br);
        gen_exit_next(g);
        return;
    }
    if (g->stepping || t.dynamic)
        branch_by_pc(g, br, t);
    else
        branch_direct(g, br, t);
}

void gen_jcc(struct gen *g)
{
    branch(g, &(struct branch){.has_cond = true, .cond = g->in->row->arg});
}

/* LOOP, LOOPE, LOOPNE: the count register is that of the address size */
void gen_loop(struct gen *g)
{
    unsigned cond = g->in->row->arg;

    branch(g, &(struct branch){.has_cond = cond != X86_LOOP_ALWAYS,
                               .cond = cond & 15,
                               .has_count = true,
                               .decrements = true});
}

void gen_jcxz(struct gen *g)
{
    branch(g, &(struct branch){.has_count = true, .if_zero = true});
}

/* --- JMP, CALL, RET --------------------------------------------------------------------------- */

void gen_jmp(struct gen *g)
{
    struct target t = direct_target(g);

    if (!t.valid)
        gen_raise_error(g, X86_GP, 0);
    else
        exit_to_target(g, t, 0);
}

void gen_jmp_ind(struct gen *g)
{
    gen_exit_ind(g, gen_ind_target(g, gen_load(g, 0), g->type), 0);
}

/* The return address is on the stack (though rSP does not say so) when the target is refused. */
static void store_return_address(struct gen *g)
{
    int size = g->in->osize;

    gen_st(g, g->type, gen_stack_mem(g, -size, (unsigned)size, GEN_WRITE),
           gen_ip(g, g->next, g->type));
}

void gen_call(struct gen *g)
{
    struct target t = direct_target(g);

    store_return_address(g);
    if (!t.valid) {
        gen_raise_error(g, X86_GP, 0);
        return;
    }
    gen_sp_add(g, -g->in->osize);
    exit_to_target(g, t, -g->in->osize);
}

void gen_call_ind(struct gen *g)
{
    ir_ref ip = gen_load(g, 0), pc;

    if (ir_ref_class(ip) == IR_CLASS_GLOBAL &&
        ir_ref_index(ip) == X86_RSP) { /* CALL rSP: the old value */
        ir_ref t = ir_temp(g->b, g->type);

        gen_set(g, g->type, t, ip);
        ip = t;
    }
    store_return_address(g);
    pc = gen_ind_target(g, ip, g->type);
    gen_sp_add(g, -g->in->osize);
    gen_exit_ind(g, pc, -g->in->osize);
}

void gen_ret(struct gen *g)
{
    int size = g->in->osize;
    ir_ref ip = gen_ld(g, g->type, gen_stack_mem(g, 0, (unsigned)size, GEN_READ));
    ir_ref pc = gen_ind_target(g, ip, g->type);

    gen_sp_add(g, size + (int)g->in->imm);
    gen_exit_ind(g, pc, size + (int)g->in->imm);
}
