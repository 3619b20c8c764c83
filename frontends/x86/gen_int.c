/* SPDX-License-Identifier: MIT */
/*
 * Generators of integer instructions: arithmetic, shifts, bits, moves, stack, flags.
 * Reference: Intel SDM vol. 2; where it leaves something open, what current Intel CPUs do
 * (tests/insn compares).
 */
#include "frontends/x86/gen.h"
#include "frontends/x86/mode.h"

#define REF_RAX IR_GLOBAL(X86_RAX)
#define REF_RCX IR_GLOBAL(X86_RCX)
#define REF_RDX IR_GLOBAL(X86_RDX)
#define REF_RBX IR_GLOBAL(X86_RBX)
#define REF_RSP IR_GLOBAL(X86_RSP)
#define REF_RBP IR_GLOBAL(X86_RBP)

static enum ir_op row_op(const struct gen *g)
{
    return (enum ir_op)g->in->row->arg;
}

/* memory (operand 0) = memory op a (, b): one indivisible access */
static struct ir_insn *emit_rmw(struct gen *g, enum ir_op op, ir_ref a, ir_ref b)
{
    uint16_t mem = gen_mem(g, 0, g->in->op[0].size, GEN_WRITE);
    struct ir_insn *i = gen_op2(g, IR_rmw, gen_op_type(g, 0), IR_NONE, a, b, gen_fdef(g));

    i->aux = op;
    i->mem = mem;
    i->irf = g->in->prefix & X86_P_LOCK || op == IR_mov ? IRF_LOCK : 0;
    return i;
}

/* --- arithmetic ------------------------------------------------------------------ */

void gen_alu(struct gen *g)
{
    ir_ref b = gen_load(g, 1), reg;

    if (gen_op_is_mem(g, 0)) {
        emit_rmw(g, row_op(g), b, IR_NONE);
        return;
    }
    reg = gen_reg_operand(g, 0);
    gen_op2(g, row_op(g), gen_op_type(g, 0), reg, reg, b, gen_fdef(g));
}

/* CMP and TEST */
void gen_cmp(struct gen *g)
{
    ir_ref a = gen_load(g, 0), b = gen_load(g, 1);

    gen_op2(g, row_op(g), gen_op_type(g, 0), IR_NONE, a, b, gen_fdef(g));
}

void gen_incdec(struct gen *g)
{
    ir_ref one = gen_const(g, 1), reg;

    if (gen_op_is_mem(g, 0)) {
        emit_rmw(g, row_op(g), one, IR_NONE);
        return;
    }
    reg = gen_reg_operand(g, 0);
    gen_op2(g, row_op(g), gen_op_type(g, 0), reg, reg, one, gen_fdef(g));
}

static void unary(struct gen *g)
{
    ir_ref reg;

    if (gen_op_is_mem(g, 0)) {
        emit_rmw(g, row_op(g), IR_NONE, IR_NONE);
        return;
    }
    reg = gen_reg_operand(g, 0);
    gen_op2(g, row_op(g), gen_op_type(g, 0), reg, reg, IR_NONE, gen_fdef(g));
}

void gen_not(struct gen *g)
{
    unary(g);
}

void gen_neg(struct gen *g)
{
    unary(g);
}

/* MUL, IMUL of one operand: rDX:rAX, or AX for bytes */
void gen_mul(struct gen *g)
{
    enum ir_type t = gen_op_type(g, 0);
    struct ir_insn *i = gen_op2(g, row_op(g), t, REF_RAX, REF_RAX, gen_load(g, 0), gen_fdef(g));

    if (t != IR_I8)
        i->dst2 = REF_RDX;
}

void gen_div(struct gen *g)
{
    enum ir_type t = gen_op_type(g, 0);
    ir_ref divisor = gen_load(g, 0);
    struct ir_insn *i = ir_emit(g->b, row_op(g), t);

    i->dst = REF_RAX;
    i->dst2 = t == IR_I8 ? IR_HI(X86_RAX) : REF_RDX;
    i->src[0] = REF_RAX;
    i->src[1] = t == IR_I8 ? IR_NONE : REF_RDX;
    i->src[2] = divisor;
    i->fdef = (uint8_t)gen_fdef(g);
}

/* IMUL of two or three operands */
void gen_imul(struct gen *g)
{
    ir_ref a = gen_load(g, 1), dst = gen_reg_operand(g, 0);
    ir_ref b = g->in->op[2].kind ? gen_load(g, 2) : dst;

    gen_op2(g, IR_mul, g->type, dst, a, b, gen_fdef(g));
}

/* A count operand: CL, or a constant reduced as the CPU does. */
static ir_ref shift_count(struct gen *g, unsigned i, enum ir_type t)
{
    if (g->in->op[i].kind == X86_OP_IMM)
        return gen_const(g, g->in->imm & (t == IR_I64 ? 63 : 31));
    return REF_RCX;
}

void gen_shift(struct gen *g)
{
    enum ir_type t = gen_op_type(g, 0);
    ir_ref count = shift_count(g, 1, t), reg;

    if (gen_op_is_mem(g, 0)) {
        emit_rmw(g, row_op(g), count, IR_NONE);
        return;
    }
    reg = gen_reg_operand(g, 0);
    gen_op2(g, row_op(g), t, reg, reg, count, gen_fdef(g));
}

void gen_shiftd(struct gen *g)
{
    enum ir_type t = gen_op_type(g, 0);
    ir_ref count = shift_count(g, 2, t), other = gen_reg_operand(g, 1), reg;

    if (gen_op_is_mem(g, 0)) {
        emit_rmw(g, row_op(g), other, count);
        return;
    }
    reg = gen_reg_operand(g, 0);
    gen_op2(g, row_op(g), t, reg, reg, other, gen_fdef(g))->src[2] = count;
}

void gen_decimal(struct gen *g)
{
    ir_ref imm = g->in->op[0].kind ? gen_const(g, g->in->imm) : IR_NONE;
    ir_ref ax = gen_helper_value(g, HLP_decimal, REF_RAX, gen_const(g, g->in->row->arg), imm);

    gen_set(g, IR_I16, REF_RAX, ax);
}

/* AL = CF ? FFh : 0 */
void gen_salc(struct gen *g)
{
    ir_ref cf = ir_temp(g->b, IR_I32);
    struct ir_insn *i = ir_emit(g->b, IR_getf, IR_I32);

    i->dst = cf;
    i->aux = EFL_CF;
    gen_op2(g, IR_sub, IR_I8, REF_RAX, gen_const(g, 0), cf, 0);
}

void gen_crc32(struct gen *g)
{
    ir_ref b = gen_load(g, 1), reg = gen_reg_operand(g, 0);

    gen_op2(g, IR_crc32, IR_I32, reg, reg, b, 0)->aux = gen_op_type(g, 1);
}

void gen_popcnt(struct gen *g)
{
    gen_op2(g, IR_popcnt, g->type, gen_reg_operand(g, 0), gen_load(g, 1), IR_NONE, gen_fdef(g));
}

/* BSF, BSR: the destination is kept if the source is 0, with 32 bits also its upper half. */
void gen_bitscan(struct gen *g)
{
    ir_ref a = gen_load(g, 1), reg = gen_reg_operand(g, 0);
    enum ir_type t = g->type;

    if (t == IR_I32 && g->code64) {
        t = IR_I64;
        a = gen_zext(g, IR_I64, a, IR_I32);
    }
    gen_op2(g, row_op(g), t, reg, a, reg, gen_fdef(g));
}

/* --- single bits -------------------------------------------------------------------- */

/* Memory operand of BT r/m, r: the signed bit offset selects an operand-sized unit. */
static uint16_t bit_mem(struct gen *g, enum gen_access a)
{
    unsigned log_bytes = g->type, size = g->in->op[0].size;
    struct ir_mem m = gen_ea(g);
    ir_ref unit = gen_sext(g, IR_I64, gen_reg_operand(g, 1), g->type);

    unit = gen_tmp2(g, IR_sar, IR_I64, unit, gen_const(g, log_bytes + 3));
    if (m.index) {
        m.base = gen_ea_value(g);
        m.disp = 0;
    }
    m.index = unit;
    m.scale = (uint8_t)log_bytes;
    return gen_mem_finish(g, m, g->in->seg, size, a);
}

static ir_ref bit_number(struct gen *g)
{
    if (g->in->op[1].kind == X86_OP_IMM)
        return gen_const(g, g->in->imm & (ir_type_bits(g->type) - 1));
    return gen_reg_operand(g, 1);
}

static void bit_memory(struct gen *g)
{
    enum ir_op op = row_op(g);
    enum gen_access a = op == IR_bt ? GEN_READ : GEN_WRITE;
    bool imm = g->in->op[1].kind == X86_OP_IMM;
    uint16_t mem = imm ? gen_mem(g, 0, g->in->op[0].size, a) : bit_mem(g, a);
    struct ir_insn *i;

    if (op == IR_bt) {
        gen_op2(g, IR_bt, g->type, IR_NONE, gen_ld(g, g->type, mem), bit_number(g), FC);
        return;
    }
    i = gen_op2(g, IR_rmw, g->type, IR_NONE, bit_number(g), IR_NONE, FC);
    i->aux = op;
    i->mem = mem;
    i->irf = g->in->prefix & X86_P_LOCK ? IRF_LOCK : 0;
}

/* BT, BTS, BTR, BTC change CF only; the manual leaves the others (but ZF) undefined. */
void gen_bit(struct gen *g)
{
    ir_ref reg;

    if (gen_op_is_mem(g, 0)) {
        bit_memory(g);
        return;
    }
    reg = gen_reg_operand(g, 0);
    gen_op2(g, row_op(g), g->type, row_op(g) == IR_bt ? IR_NONE : reg, reg, bit_number(g), FC);
}

/* --- moves ------------------------------------------------------------------------------ */

void gen_mov(struct gen *g)
{
    ir_ref reg;

    if (!gen_op_is_mem(g, 1) || g->in->op[0].kind != X86_OP_REG) {
        gen_store(g, 0, gen_load(g, 1));
        return;
    }
    reg = gen_reg_operand(g, 0);
    uint16_t mem = gen_mem(g, 0, g->in->op[1].size, GEN_READ);
    struct ir_insn *i = ir_emit(g->b, IR_ld, gen_op_type(g, 0));

    i->dst = reg;
    i->mem = mem;
}

/* MOVZX, MOVSX, MOVSXD: arg says which */
void gen_movx(struct gen *g)
{
    enum ir_type to = gen_op_type(g, 0), from = gen_op_type(g, 1);
    ir_ref reg = gen_reg_operand(g, 0);
    struct ir_insn *i;
    uint16_t mem;

    if (from == to) {
        gen_set(g, to, reg, gen_load(g, 1));
        return;
    }
    if (!gen_op_is_mem(g, 1)) {
        gen_op2(g, row_op(g), to, reg, gen_reg_operand(g, 1), IR_NONE, 0)->aux = from;
        return;
    }
    mem = gen_mem(g, 0, g->in->op[1].size, GEN_READ);
    i = ir_emit(g->b, row_op(g) == IR_zext ? IR_ldzx : IR_ldsx, to);
    i->dst = reg;
    i->mem = mem;
    i->aux = from;
}

/* Selectors: 16 bits to memory, zero-extended into a register. */
void gen_mov_from_sreg(struct gen *g)
{
    unsigned sreg = g->in->op[1].reg;
    ir_ref sel;

    if (sreg > X86_GS) {
        gen_raise(g, X86_UD);
        return;
    }
    sel = IR_GLOBAL(X86_G_SEL + sreg);
    if (gen_op_is_mem(g, 0))
        gen_st(g, IR_I16, gen_mem(g, 0, 2, GEN_WRITE), sel);
    else
        gen_set(g, gen_op_type(g, 0), gen_reg_operand(g, 0),
                gen_zext(g, gen_op_type(g, 0), sel, IR_I16));
}

void gen_xchg(struct gen *g)
{
    enum ir_type t = gen_op_type(g, 0);
    ir_ref b = gen_reg_operand(g, 1), a, old = ir_temp(g->b, t);

    if (gen_op_is_mem(g, 0)) {
        emit_rmw(g, IR_mov, b, IR_NONE)->dst = old;
        gen_set(g, t, b, old);
        return;
    }
    if (g->in->opcode == 0x90 && g->in->op[0].reg == X86_RAX)
        return; /* NOP: leaves the upper half of RAX alone */
    a = gen_reg_operand(g, 0);
    gen_set(g, t, old, a);
    gen_set(g, t, a, b);
    gen_set(g, t, b, old);
}

void gen_xadd(struct gen *g)
{
    enum ir_type t = gen_op_type(g, 0);
    ir_ref b = gen_reg_operand(g, 1), a, old = ir_temp(g->b, t), sum;

    if (gen_op_is_mem(g, 0)) {
        emit_rmw(g, IR_add, b, IR_NONE)->dst = old;
        gen_set(g, t, b, old);
        return;
    }
    a = gen_reg_operand(g, 0);
    sum = ir_temp(g->b, t);
    gen_set(g, t, old, a);
    gen_op2(g, IR_add, t, sum, a, b, OSZAPC);
    gen_set(g, t, b, old);
    gen_set(g, t, a, sum);
}

static struct ir_insn *emit_select(struct gen *g, enum ir_cond cond, enum ir_type t, ir_ref dst,
                                   ir_ref yes, ir_ref no)
{
    struct ir_insn *i = gen_op2(g, IR_select, t, dst, yes, no, 0);

    i->cond = cond;
    return i;
}

/* Register form: of accumulator and destination the one not replaced is not written at all, also
   not its upper half. */
static void cmpxchg_register(struct gen *g)
{
    enum ir_type t = gen_op_type(g, 0), wide = t == IR_I32 ? IR_I64 : t;
    ir_ref a = gen_reg_operand(g, 0), b = gen_reg_operand(g, 1);
    ir_ref acc = ir_temp(g->b, wide), dst = ir_temp(g->b, wide);
    ir_ref new_acc = gen_zext(g, wide, a, t), new_dst = gen_zext(g, wide, b, t);

    gen_op2(g, IR_cmp, t, IR_NONE, REF_RAX, a, OSZAPC);
    emit_select(g, IR_E, wide, dst, new_dst, a);
    emit_select(g, IR_E, wide, acc, REF_RAX, new_acc);
    gen_set(g, wide, REF_RAX, acc);
    gen_set(g, wide, a, dst);
}

void gen_cmpxchg(struct gen *g)
{
    uint16_t mem;
    struct ir_insn *i;

    if (!gen_op_is_mem(g, 0)) {
        cmpxchg_register(g);
        return;
    }
    mem = gen_mem(g, 0, g->in->op[0].size, GEN_WRITE);
    i = gen_op2(g, IR_cmpxchg, gen_op_type(g, 0), REF_RAX, REF_RAX, gen_reg_operand(g, 1), OSZAPC);
    i->mem = mem;
    i->irf = g->in->prefix & X86_P_LOCK ? IRF_LOCK : 0;
}

/* CMPXCHG8B, CMPXCHG16B (which wants its operand aligned) */
void gen_cmpxchg8b(struct gen *g)
{
    bool wide = g->in->osize == 8;
    struct ir_mem m = gen_ea(g);
    struct ir_insn *i;
    uint16_t mem;

    m.flags = wide ? IR_MEM_ALIGN : 0;
    mem = gen_mem_finish(g, m, g->in->seg, g->in->op[0].size, GEN_WRITE);
    i = gen_op2(g, IR_cmpxchg2, wide ? IR_I64 : IR_I32, REF_RAX, REF_RBX, REF_RCX, FZ);
    i->dst2 = REF_RDX;
    i->mem = mem;
    i->irf = g->in->prefix & X86_P_LOCK ? IRF_LOCK : 0;
}

void gen_lea(struct gen *g)
{
    struct ir_mem m = gen_ea(g);
    uint16_t mem = ir_mem_add(g->b, &m);
    struct ir_insn *i = ir_emit(g->b, IR_lea, g->type);

    i->dst = gen_reg_operand(g, 0);
    i->mem = mem;
}

/* CBW, CWDE, CDQE */
void gen_cbw(struct gen *g)
{
    gen_op2(g, IR_sext, g->type, REF_RAX, REF_RAX, IR_NONE, 0)->aux = g->type - 1;
}

/* CWD, CDQ, CQO */
void gen_cwd(struct gen *g)
{
    gen_op2(g, IR_sar, g->type, REF_RDX, REF_RAX, gen_const(g, ir_type_bits(g->type) - 1), 0);
}

void gen_bswap(struct gen *g)
{
    ir_ref reg = gen_reg_operand(g, 0);

    if (g->type == IR_I16) /* undefined by the manual; CPUs clear it */
        gen_set(g, IR_I16, reg, gen_const(g, 0));
    else
        gen_op2(g, IR_bswap, g->type, reg, reg, IR_NONE, 0);
}

void gen_movbe(struct gen *g)
{
    ir_ref a = gen_load(g, 1), t = ir_temp(g->b, g->type);

    if (g->type == IR_I16)
        gen_op2(g, IR_rol, IR_I16, t, a, gen_const(g, 8), 0);
    else
        gen_op2(g, IR_bswap, g->type, t, a, IR_NONE, 0);
    gen_store(g, 0, t);
}

void gen_xlat(struct gen *g)
{
    struct ir_mem m = {.base = REF_RBX,
                       .index = gen_zext(g, IR_I64, REF_RAX, IR_I8),
                       .abits = (uint8_t)(8 * g->in->asize),
                       .lbits = (uint8_t)gen_lbits(g)};
    enum x86_sreg seg = g->in->seg_override < X86_SREG_COUNT ? g->in->seg_override : X86_DS;
    uint16_t mem = gen_mem_finish(g, m, seg, 1, GEN_READ);
    struct ir_insn *i = ir_emit(g->b, IR_ld, IR_I8);

    i->dst = REF_RAX;
    i->mem = mem;
}

void gen_cmov(struct gen *g)
{
    ir_ref a = gen_load(g, 1), reg = gen_reg_operand(g, 0);

    emit_select(g, g->in->row->arg, g->type, reg, a, reg);
}

void gen_setcc(struct gen *g)
{
    ir_ref t = gen_op_is_mem(g, 0) ? ir_temp(g->b, IR_I8) : gen_reg_operand(g, 0);
    struct ir_insn *i = ir_emit(g->b, IR_setcc, IR_I8);

    i->dst = t;
    i->cond = (uint8_t)(g->in->row->arg);
    if (gen_op_is_mem(g, 0))
        gen_store(g, 0, t);
}

/* --- stack --------------------------------------------------------------------------------- */

void gen_push(struct gen *g)
{
    gen_push_value(g, g->type, gen_load(g, 0));
}

/* A 32-bit push of a selector writes 16 bits, as current Intel CPUs do. */
void gen_push_sreg(struct gen *g)
{
    ir_ref sel = IR_GLOBAL(X86_G_SEL + g->in->op[0].reg);
    int size = g->in->osize;

    if (size == 8) {
        gen_push_value(g, IR_I64, gen_zext(g, IR_I64, sel, IR_I16));
        return;
    }
    gen_st(g, IR_I16, gen_stack_mem(g, -size, 2, GEN_WRITE), sel);
    gen_sp_add(g, -size);
}

/* POP to memory computes its address with the incremented stack pointer. */
static void pop_memory(struct gen *g, ir_ref value)
{
    int moved = g->in->base == X86_RSP ? g->in->osize : 0;

    gen_st(g, g->type, gen_mem(g, moved, g->in->osize, GEN_WRITE), value);
    gen_sp_add(g, g->in->osize);
}

void gen_pop(struct gen *g)
{
    ir_ref value = gen_ld(g, g->type, gen_stack_mem(g, 0, g->in->osize, GEN_READ));

    if (gen_op_is_mem(g, 0)) {
        pop_memory(g, value);
        return;
    }
    gen_sp_add(g, g->in->osize);
    gen_store(g, 0, value);
}

void gen_pusha(struct gen *g)
{
    gen_helper(g, HLP_pusha, gen_const(g, g->in->osize), IR_NONE, IR_NONE);
}

void gen_popa(struct gen *g)
{
    gen_helper(g, HLP_popa, gen_const(g, g->in->osize), IR_NONE, IR_NONE);
}

void gen_enter(struct gen *g)
{
    gen_helper(g, HLP_enter, gen_const(g, g->in->osize), gen_const(g, g->in->imm),
               gen_const(g, g->in->imm2 & 31));
}

void gen_leave(struct gen *g)
{
    uint16_t mem = gen_mem_at(g, X86_SS, REF_RBP, 0, g->sbits, g->in->osize, GEN_READ);
    ir_ref value = gen_ld(g, g->type, mem);

    gen_op2(g, IR_add, gen_type(g->sbits / 8), REF_RSP, REF_RBP, gen_const(g, g->in->osize), 0);
    gen_set(g, g->type, REF_RBP, value);
}

/* --- flags ------------------------------------------------------------------------------------- */

void gen_cmc(struct gen *g)
{
    ir_emit(g->b, IR_cmc, IR_I32)->fdef = FC;
}

/* CLC, STC */
void gen_fconst(struct gen *g)
{
    struct ir_insn *i = ir_emit(g->b, IR_fconst, IR_I32);

    i->aux = g->in->row->arg;
    i->fdef = FC;
}

/* CLD, STD */
void gen_setdf(struct gen *g)
{
    gen_set(g, IR_I64, IR_GLOBAL(X86_GREG_DF), gen_const(g, g->in->row->arg ? -1 : 1));
}

static ir_ref get_flags(struct gen *g, uint32_t mask)
{
    ir_ref t = ir_temp(g->b, IR_I32);
    struct ir_insn *i = ir_emit(g->b, IR_getf, IR_I32);

    i->dst = t;
    i->aux = mask;
    return t;
}

void gen_lahf(struct gen *g)
{
    ir_ref t = get_flags(g, EFL_ARITH & 0xff);

    t = gen_tmp2(g, IR_or, IR_I32, t, gen_const(g, 2));
    gen_set(g, IR_I8, IR_HI(X86_RAX), t);
}

void gen_sahf(struct gen *g)
{
    ir_ref t = gen_zext(g, IR_I32, IR_HI(X86_RAX), IR_I8);

    gen_op2(g, IR_setf, IR_I32, IR_NONE, t, IR_NONE, FS | FZ | FA | FP | FC);
}

/* EFLAGS as PUSHF shows them: without VM and RF. */
static ir_ref flags_image(struct gen *g)
{
    ir_ref t = get_flags(g, EFL_ARITH), df, rest;

    rest = gen_tmp2(g, IR_and, IR_I32, IR_GLOBAL(X86_G_EFLAGS),
                    gen_const(g, ~(int64_t)(EFL_VM | EFL_RF | EFL_ARITH | EFL_DF)));
    t = gen_tmp2(g, IR_or, IR_I32, t, rest);
    df = gen_tmp2(g, IR_and, IR_I32, IR_GLOBAL(X86_GREG_DF), gen_const(g, EFL_DF)); /* 1 or -1 */
    t = gen_tmp2(g, IR_or, IR_I32, t, df);
    return gen_tmp2(g, IR_or, IR_I32, t, gen_const(g, 2));
}

/* vm86 with IOPL < 3: #GP, or with VME and 16 bits the image has VIF for IF and IOPL 3. */
static ir_ref vme_image(struct gen *g, ir_ref t)
{
    ir_ref vif = gen_tmp2(g, IR_and, IR_I32, IR_GLOBAL(X86_G_EFLAGS), gen_const(g, EFL_VIF));

    vif = gen_tmp2(g, IR_shr, IR_I32, vif, gen_const(g, 10)); /* VIF (19) to IF (9) */
    t = gen_tmp2(g, IR_and, IR_I32, t, gen_const(g, ~(int64_t)EFL_IF));
    t = gen_tmp2(g, IR_or, IR_I32, t, vif);
    return gen_tmp2(g, IR_or, IR_I32, t, gen_const(g, EFL_IOPL));
}

void gen_pushf(struct gen *g)
{
    bool trapped = g->mode & X86_MODE_VM && !(g->mode & X86_MODE_IOPL);
    ir_ref t;

    if (trapped && (!(g->mode & X86_MODE_VME) || g->in->osize != 2)) {
        gen_raise_error(g, X86_GP, 0);
        return;
    }
    t = flags_image(g);
    if (trapped)
        t = vme_image(g, t);
    if (g->type == IR_I64)
        t = gen_zext(g, IR_I64, t, IR_I32);
    gen_push_value(g, g->type, t);
}

/* --- others --------------------------------------------------------------------------------------- */

void gen_bound(struct gen *g)
{
    unsigned size = g->in->osize;
    ir_ref index = gen_reg_operand(g, 0);

    gen_guard(g, IR_L, g->type, index, gen_ld(g, g->type, gen_mem(g, 0, size, GEN_READ)), X86_BR);
    gen_guard(g, IR_G, g->type, index, gen_ld(g, g->type, gen_mem(g, (int)size, size, GEN_READ)),
              X86_BR);
}

void gen_rdrand(struct gen *g)
{
    ir_ref v = gen_helper_value(g, HLP_rdrand, IR_NONE, IR_NONE, IR_NONE);
    struct ir_insn *i;

    gen_store(g, 0, v);
    i = ir_emit(g->b, IR_fconst, IR_I32);
    i->aux = EFL_CF;
    i->fdef = OSZAPC;
}

void gen_nop(struct gen *g)
{
    (void)g;
}

void gen_pause(struct gen *g)
{
    (void)g;
}

void gen_fence(struct gen *g)
{
    ir_emit(g->b, IR_fence, IR_I64)->aux = g->in->row->arg;
}

/* CLFLUSH faults as a byte load does. */
void gen_clflush(struct gen *g)
{
    gen_probe(g, gen_mem(g, 0, 1, GEN_READ), 1, GEN_READ);
}

void gen_ud(struct gen *g)
{
    gen_raise(g, X86_UD);
}
