/* SPDX-License-Identifier: MIT */
/*
 * Generators of string instructions. A single iteration is inline; REP forms, and all of INS and
 * OUTS, are helpers (helper_string.c) that work in chunks of a page and return 0 when they want to
 * be started again, so that interrupts are taken between iterations.
 * Reference: Intel SDM vol. 1, 7.3.9; vol. 2, REP.
 */
#include "frontends/x86/gen.h"
#include "frontends/x86/mode.h"

#define REF_RSI IR_GLOBAL(X86_RSI)
#define REF_RDI IR_GLOBAL(X86_RDI)

static enum ir_type element(const struct gen *g)
{
    return g->in->op[0].kind == X86_OP_MEM ? gen_op_type(g, 0) : gen_op_type(g, 1);
}

static uint16_t source_mem(struct gen *g)
{
    return gen_mem_at(g, g->in->seg, REF_RSI, 0, 8 * g->in->asize, ir_type_bytes(element(g)),
                      GEN_READ);
}

static uint16_t dest_mem(struct gen *g, enum gen_access a)
{
    return gen_mem_at(g, X86_ES, REF_RDI, 0, 8 * g->in->asize, ir_type_bytes(element(g)), a);
}

/* reg += DF ? -size : size, in the width of the address size */
static void advance(struct gen *g, ir_ref reg)
{
    enum ir_type t = gen_type(g->in->asize);
    ir_ref step = IR_GLOBAL(X86_GREG_DF);

    if (element(g) != IR_I8)
        step = gen_tmp2(g, IR_shl, t, step, gen_const(g, element(g)));
    gen_op2(g, IR_add, t, reg, reg, step, 0);
}

static ir_ref string_arg(struct gen *g)
{
    struct x86_string s = {.size = (uint8_t)ir_type_bytes(element(g)),
                           .asize = g->in->asize,
                           .seg = g->in->seg,
                           .rep = g->in->prefix & (X86_P_F3 | X86_P_F2),
                           .one = g->stepping};

    return gen_const(g, (int64_t)x86_string_pack(s));
}

/* Is it a repetition (then the helper does it all)? */
static bool repeated(struct gen *g, enum x86_helper h)
{
    if (!(g->in->prefix & (X86_P_F3 | X86_P_F2)))
        return false;
    gen_restart_ifz(g, gen_helper_value(g, h, string_arg(g), IR_NONE, IR_NONE));
    return true;
}

/* The same, trying a leaf helper first; the other goes on where that gives up. */
static bool repeated_fast(struct gen *g, enum x86_helper leaf, enum x86_helper h)
{
    unsigned label;
    struct ir_insn *i;
    ir_ref done;

    if (g->stepping || !(g->in->prefix & (X86_P_F3 | X86_P_F2)))
        return repeated(g, h);
    done = gen_helper_value(g, leaf, string_arg(g), IR_NONE, IR_NONE);
    label = g->b->n_labels++;
    i = ir_emit(g->b, IR_skip_ifz, IR_I64);
    i->cond = IR_NE;
    i->src[0] = done;
    i->aux = label;
    repeated(g, h);
    ir_emit(g->b, IR_label, IR_I64)->aux = label;
    return true;
}

void gen_movs(struct gen *g)
{
    ir_ref v;

    if (repeated_fast(g, HLP_leaf_movs, HLP_rep_movs))
        return;
    v = gen_ld(g, element(g), source_mem(g));
    gen_st(g, element(g), dest_mem(g, GEN_WRITE), v);
    advance(g, REF_RSI);
    advance(g, REF_RDI);
}

void gen_stos(struct gen *g)
{
    if (repeated_fast(g, HLP_leaf_stos, HLP_rep_stos))
        return;
    gen_st(g, element(g), dest_mem(g, GEN_WRITE), IR_GLOBAL(X86_RAX));
    advance(g, REF_RDI);
}

void gen_lods(struct gen *g)
{
    ir_ref v;

    if (repeated(g, HLP_rep_lods))
        return;
    v = gen_ld(g, element(g), source_mem(g));
    gen_set(g, element(g), IR_GLOBAL(X86_RAX), v);
    advance(g, REF_RSI);
}

void gen_cmps(struct gen *g)
{
    ir_ref a, b;

    if (repeated(g, HLP_rep_cmps))
        return;
    b = gen_ld(g, element(g), dest_mem(g, GEN_READ)); /* hardware reads ES:rDI first */
    a = gen_ld(g, element(g), source_mem(g));
    gen_op2(g, IR_cmp, element(g), IR_NONE, a, b, OSZAPC);
    advance(g, REF_RSI);
    advance(g, REF_RDI);
}

void gen_scas(struct gen *g)
{
    ir_ref v;

    if (repeated(g, HLP_rep_scas))
        return;
    v = gen_ld(g, element(g), dest_mem(g, GEN_READ));
    gen_op2(g, IR_cmp, element(g), IR_NONE, IR_GLOBAL(X86_RAX), v, OSZAPC);
    advance(g, REF_RDI);
}

/* Port strings always go by the helper; a device may change the state of the CPU: look around after. */
static void port_string(struct gen *g, enum x86_helper h, unsigned size)
{
    struct x86_string s = {.size = (uint8_t)size,
                           .asize = g->in->asize,
                           .seg = g->in->seg,
                           .rep = g->in->prefix & (X86_P_F3 | X86_P_F2),
                           .one = g->stepping};
    ir_ref done =
        gen_helper_value(g, h, gen_const(g, (int64_t)x86_string_pack(s)), IR_NONE, IR_NONE);

    gen_restart_ifz(g, done);
    if (!g->ended)
        gen_exit_lookup_next(g);
}

void gen_ins(struct gen *g)
{
    port_string(g, HLP_rep_ins, g->in->op[0].size);
}

void gen_outs(struct gen *g)
{
    port_string(g, HLP_rep_outs, g->in->op[1].size);
}
