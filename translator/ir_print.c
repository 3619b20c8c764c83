/* SPDX-License-Identifier: MIT */
/*
 * The text form of IR, for logs and tests; ir_parse.c reads it back.
 *
 *   text    = header { exit } { insn }, one per line; "# ..." is a comment
 *   header  = "block mmu=" N " pc=" N
 *   exit    = "exit" N " off=" N [" poll"]
 *   insn    = name "." type { "." word } operand { ", " operand } { " " attribute }
 *   word    = condition (o no b ae ... g), for ops with one
 *   operand = global | global ".hi" | "t" N [":" type, where it is defined] | "$" N | "_" (none)
 *           | "[" [global | temp] [" + " (global | temp) "*" N] " + " N "]" { ":" mem attribute }
 *   mem attributes: a16 a32 a64 (address size), l32 (32-bit linear), seg=global, stack, align,
 *                   window
 *   attributes: {OSZAPC} flags defined, (..) flags read, aux=N, lock rex, x=reg,rm,imm,imm2,
 *           live{..} and info=N as found by opt_flags
 *
 * Operands come in the order dst, dst2, sources, memory; as many as the op's row says.
 */
#include "translator/ir.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const type_names[] = {"i8", "i16", "i32", "i64"};
static const char *const cond_names[] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                         "s", "ns", "p", "np", "l", "ge", "le", "g"};

static void print_ref(FILE *f, const struct ir_block *b, ir_ref r, bool def)
{
    unsigned n = ir_ref_index(r);

    switch (ir_ref_class(r)) {
    case IR_CLASS_GLOBAL:
    case IR_CLASS_HI:
        if (n < b->n_globals)
            fputs(b->globals[n].name, f);
        else
            fprintf(f, "g%u?", n);
        if (ir_ref_class(r) == IR_CLASS_HI)
            fputs(".hi", f);
        break;
    case IR_CLASS_CONST:
        fprintf(f, "$%lld", n < b->n_consts ? (long long)b->consts[n] : -1);
        break;
    case IR_CLASS_TEMP:
        fprintf(f, "t%u", n);
        if (def && n < b->n_temps)
            fprintf(f, ":%s", type_names[b->temp_types[n] & 3]);
        break;
    default:
        fputc('_', f);
    }
}

static void print_mem(FILE *f, const struct ir_block *b, unsigned mem)
{
    const struct ir_mem *m;

    if (!mem || mem > b->n_mems) {
        fputs("[?]", f);
        return;
    }
    m = &b->mems[mem - 1];
    fputc('[', f);
    if (m->base) {
        print_ref(f, b, m->base, false);
        fputs(" + ", f);
    }
    if (m->index) {
        print_ref(f, b, m->index, false);
        fprintf(f, "*%u + ", 1u << (m->scale & 3));
    }
    fprintf(f, "%d]", m->disp);
    if (m->abits != 64)
        fprintf(f, ":a%u", m->abits);
    if (m->lbits != 64)
        fprintf(f, ":l%u", m->lbits);
    if (m->seg) {
        fputs(":seg=", f);
        print_ref(f, b, m->seg, false);
    }
    if (m->flags & IR_MEM_STACK)
        fputs(":stack", f);
    if (m->flags & IR_MEM_ALIGN)
        fputs(":align", f);
    if (m->flags & IR_MEM_WINDOW)
        fputs(":window", f);
}

static void print_flags(FILE *f, unsigned flags)
{
    for (unsigned i = 6; i-- > 0;)
        if (flags & 1u << i)
            fputc("CPAZSO"[i], f);
}

static void print_operands(FILE *f, const struct ir_block *b, const struct ir_insn *i)
{
    const struct ir_op_info *op = &ir_op_info[i->op];
    const char *sep = " ";

    for (unsigned n = 0; n < op->dsts; n++, sep = ", ") {
        fputs(sep, f);
        print_ref(f, b, n ? i->dst2 : i->dst, true);
    }
    for (unsigned n = 0; n < op->srcs; n++, sep = ", ") {
        fputs(sep, f);
        print_ref(f, b, i->src[n], false);
    }
    if (op->attrs & IRA_MEM || i->irf & IRF_MEM) {
        fputs(sep, f);
        print_mem(f, b, i->mem);
    }
}

static void print_attributes(FILE *f, const struct ir_insn *i)
{
    if (i->fdef) {
        fputs(" {", f);
        print_flags(f, i->fdef);
        fputc('}', f);
    }
    if (i->fuse) {
        fputs(" (", f);
        print_flags(f, i->fuse);
        fputc(')', f);
    }
    if (ir_op_info[i->op].attrs & IRA_AUX)
        fprintf(f, " aux=0x%x", i->aux);
    if (i->irf & IRF_LOCK)
        fputs(" lock", f);
    if (i->irf & IRF_REX)
        fputs(" rex", f);
    if (i->xreg || i->xrm || i->imm || i->imm2)
        fprintf(f, " x=%u,%u,%u,%u", i->xreg, i->xrm, i->imm, i->imm2);
    if (i->flive) {
        fputs(" live{", f);
        print_flags(f, i->flive);
        fputc('}', f);
    }
    if (i->finfo)
        fprintf(f, " info=%u", i->finfo);
}

static void print_insn(FILE *f, const struct ir_block *b, const struct ir_insn *i)
{
    if (i->op >= IR_OP_COUNT) {
        fprintf(f, "op%u?\n", i->op);
        return;
    }
    fprintf(f, "%s.%s", ir_op_info[i->op].name, type_names[i->type & 3]);
    if (ir_op_info[i->op].attrs & IRA_COND)
        fprintf(f, ".%s", cond_names[i->cond & 15]);
    print_operands(f, b, i);
    print_attributes(f, i);
    if (i->op == IR_call && i->aux < b->n_helpers)
        fprintf(f, " # %s", b->helpers[i->aux].name);
    if (i->op == IR_rmw && i->aux < IR_OP_COUNT)
        fprintf(f, " # %s", ir_op_info[i->aux].name);
    fputc('\n', f);
}

char *ir_print(const struct ir_block *b)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    assert(f);
    fprintf(f, "block mmu=%u pc=%u\n", b->mmu_idx, b->pc_bits);
    for (unsigned n = 0; n < b->n_exits; n++)
        fprintf(f, "exit%u off=%lld%s\n", n, (long long)b->exits[n].off,
                b->exits[n].poll ? " poll" : "");
    for (unsigned n = 0; n < b->n_insns; n++)
        print_insn(f, b, &b->insns[n]);
    fclose(f);
    return text;
}
