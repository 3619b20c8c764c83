/* SPDX-License-Identifier: MIT */
/*
 * Generators of the x87 instructions (opcodes D8..DF and FWAIT). What an opcode is says
 * translator/x87_ops.def; most are one IR fpu op, executed on the guest's x87 registers with the
 * guest's control word. Reference: Intel SDM vol. 1, chapter 8; vol. 3A, 2.5 (EM, TS, MP, NE).
 *
 * Two kinds of blocks (X86_MODE_FPU_EXACT):
 *   normal  all exceptions are masked, so none is ever pending. FLDCW leaves for the exact kind
 *           when it would unmask one.
 *   exact   every waiting instruction first looks at FSW.ES, every instruction afterwards notes
 *           operand address and opcode if it has caused an error.
 *
 * FIP: fpu_ip + fpu_ip_off is the last instruction but control ones. The offset is one store,
 * which waits in struct gen while only x87 register instructions follow, as they cannot fault;
 * the base is stored once per block.
 */
#include "frontends/x86/fpu.h"
#include "frontends/x86/gen.h"
#include "translator/x87_ops.h"

/* --- FIP -------------------------------------------------------------------------------- */

void gen_x87_flush(struct gen *g)
{
    bool linear = !(g->mode & X86_MODE_PE) || g->mode & X86_MODE_VM;
    int64_t base = linear ? 0 : g->key->cs_base;

    if (!g->x87_pending)
        return;
    g->x87_pending = false;
    if (!g->x87_based && base)
        ir_op2(g->b, IR_sub, IR_I64, IR_GLOBAL(X86_G_FPU_IP), IR_GLOBAL(X86_G_PC_PAGE),
               gen_const(g, base));
    else if (!g->x87_based)
        gen_set(g, IR_I64, IR_GLOBAL(X86_G_FPU_IP), IR_GLOBAL(X86_G_PC_PAGE));
    g->x87_based = true;
    gen_set(g, IR_I32, IR_GLOBAL(X86_G_FPU_IP_OFF), gen_const(g, (int32_t)g->x87_off));
}

static void note_instruction(struct gen *g)
{
    g->x87_pending = true;
    g->x87_off = g->off;
}

static void clear_pointers(struct gen *g)
{
    g->x87_pending = false;
    g->x87_based = false;
    gen_set(g, IR_I64, IR_GLOBAL(X86_G_FPU_IP), gen_const(g, 0));
    gen_set(g, IR_I32, IR_GLOBAL(X86_G_FPU_IP_OFF), gen_const(g, 0));
    gen_set(g, IR_I64, IR_GLOBAL(X86_G_FPU_DP), gen_const(g, 0));
    gen_set(g, IR_I16, IR_GLOBAL(X86_G_FPU_OP), gen_const(g, 0));
}

/* Does the instruction leave a pending FIP store alone: an x87 register form, which cannot fault? */
bool gen_x87_keeps_pending(const struct gen *g)
{
    const struct x86_insn *in = g->in;

    return in->map == X86_MAP_1BYTE && (in->opcode & 0xf8) == 0xd8 && in->mod == 3 &&
           !(g->mode & X86_MODE_FPU_EXACT);
}

/* --- exact blocks -------------------------------------------------------------------------- */

static bool exact(const struct gen *g)
{
    return g->mode & X86_MODE_FPU_EXACT;
}

/* FSW as an I16 temporary: FNSTSW with a register result. */
static ir_ref status_word(struct gen *g)
{
    ir_ref t = ir_temp(g->b, IR_I16);
    struct ir_insn *i = ir_emit(g->b, IR_fpu, IR_I16);

    i->aux = 0xdfe0;
    i->dst = t;
    return t;
}

/* Before a waiting instruction: raise what is pending. */
void gen_x87_wait(struct gen *g)
{
    ir_ref sw;

    if (!exact(g))
        return;
    sw = status_word(g);
    if (g->mode & X86_MODE_NE) {
        sw = gen_tmp2(g, IR_and, IR_I16, sw, gen_const(g, FPU_SW_ES));
        gen_guard(g, IR_NE, IR_I16, sw, gen_const(g, 0), X86_MF);
    } else {
        gen_helper(g, HLP_fpu_ferr, gen_zext(g, IR_I64, sw, IR_I16), IR_NONE, IR_NONE);
    }
}

/* After a waiting instruction that has no after_exact(). */
void gen_x87_waited(struct gen *g)
{
    if (exact(g) && !(g->mode & X86_MODE_NE))
        gen_helper(g, HLP_fpu_resume, IR_NONE, IR_NONE, IR_NONE);
}

/* The operand's address as FDP has it: offset, or linear in real mode. */
static ir_ref operand_address(struct gen *g)
{
    ir_ref ea = gen_ea_value(g);

    if (g->mode & X86_MODE_PE && !(g->mode & X86_MODE_VM))
        return ea;
    return gen_tmp2(g, IR_add, IR_I64, ea, IR_GLOBAL(X86_GREG_SEG_BASE + g->in->seg));
}

/*
 * Note the error an instruction has caused. The test for one is inline, but where the flags are
 * written already (then the FNSTSW would come too late) or FERR# may have to be looked after.
 */
static void after_exact(struct gen *g, const struct x87_row *row, ir_ref address)
{
    bool always = row->flags & FX_FDEF || !(g->mode & X86_MODE_NE);
    uint32_t fop = (g->in->opcode & 7) << 8 | g->in->modrm | (address ? BIT(16) : 0);
    unsigned label = 0;

    if (!always) {
        ir_ref error = gen_tmp2(g, IR_and, IR_I16, status_word(g), gen_const(g, FPU_SW_ES));
        struct ir_insn *i = ir_emit(g->b, IR_skip_ifz, IR_I16);

        label = g->b->n_labels++;
        i->cond = IR_E;
        i->src[0] = error;
        i->aux = label;
    }
    gen_helper(g, HLP_fpu_after, gen_const(g, fop), address, IR_NONE);
    if (!always)
        ir_emit(g->b, IR_label, IR_I64)->aux = label;
    gen_x87_flush(g);
}

/* --- instructions that are not one fpu op ----------------------------------------------------- */

static unsigned env_form(const struct gen *g)
{
    bool real = !(g->mode & X86_MODE_PE) || g->mode & X86_MODE_VM;

    return (g->in->osize != 2 ? FENV_32 : 0) | (real ? FENV_REAL : 0);
}

/* FNSTENV, FLDENV, FNSAVE, FRSTOR: whether they change the mode only the helper knows. */
static void gen_environment(struct gen *g, enum x86_helper helper, unsigned regs,
                            enum gen_access access)
{
    unsigned form = env_form(g);
    unsigned size = (form & FENV_32 ? 28 : 14) + regs;

    gen_helper(g, helper, gen_linear(g, size, access), gen_const(g, form), IR_NONE);
    g->x87_based = false;
    if (access == GEN_READ || exact(g))
        gen_exit_lookup_next(g);
}

static void gen_fldcw(struct gen *g)
{
    ir_ref cw = gen_ld(g, IR_I16, gen_mem(g, 0, 2, GEN_READ)), masks;
    struct ir_insn *i;

    if (exact(g)) {
        gen_helper(g, HLP_fldcw_exact, gen_zext(g, IR_I64, cw, IR_I16), IR_NONE, IR_NONE);
        gen_exit_lookup_next(g);
        return;
    }
    masks = gen_tmp2(g, IR_and, IR_I16, cw, gen_const(g, FPU_CW_EXC));
    i = ir_emit(g->b, IR_guard, IR_I16);
    i->cond = IR_NE;
    i->src[0] = masks;
    i->src[1] = ir_const(g->b, FPU_CW_EXC);
    i->aux = HLP_fpu_go_exact;
    gen_helper(g, HLP_fldcw, gen_zext(g, IR_I64, cw, IR_I16), IR_NONE, IR_NONE);
}

static void gen_special(struct gen *g, enum x87_op op)
{
    switch (op) {
    case X87_FNSTENV:
        gen_environment(g, HLP_fnstenv, 0, GEN_WRITE);
        break;
    case X87_FLDENV:
        gen_environment(g, HLP_fldenv, 0, GEN_READ);
        break;
    case X87_FNSAVE:
        gen_environment(g, HLP_fnsave, 80, GEN_WRITE);
        break;
    case X87_FRSTOR:
        gen_environment(g, HLP_frstor, 80, GEN_READ);
        break;
    default:
        gen_fldcw(g);
        break;
    }
}

/* --- the rest ------------------------------------------------------------------------------------ */

static unsigned fcmov_flags(uint8_t modrm)
{
    static const uint8_t flags[4] = {FC, FZ, FC | FZ, FP};

    return flags[modrm >> 3 & 3];
}

/* One fpu op. */
static void emit_fpu(struct gen *g, const struct x87_row *row)
{
    const struct x86_insn *in = g->in;
    uint16_t mem = 0;
    struct ir_insn *i;

    if (row->bytes)
        mem = gen_mem(g, 0, row->bytes, row->flags & FX_STORE ? GEN_WRITE : GEN_READ);
    i = ir_emit(g->b, IR_fpu, row->flags & FX_AX ? IR_I16 : IR_I64);
    i->aux = in->opcode << 8 | in->modrm;
    if (mem) {
        i->mem = mem;
        i->irf = IRF_MEM;
    }
    if (row->flags & FX_AX)
        i->dst = gen_reg(X86_RAX);
    if (row->flags & FX_FDEF)
        i->fdef = OSZAPC;
    if (row->flags & FX_FUSE)
        i->fuse = fcmov_flags(in->modrm);
}

static void gen_plain(struct gen *g, const struct x87_row *row)
{
    ir_ref address = IR_NONE;

    if (exact(g) && row->bytes && !(row->flags & FX_CONTROL))
        address = operand_address(g);
    emit_fpu(g, row);
    if (exact(g) && row == &x87_rows[X87_FNCLEX])
        gen_helper(g, HLP_fpu_settled, IR_NONE, IR_NONE, IR_NONE);
    if (row->flags & FX_CONTROL)
        return;
    note_instruction(g);
    if (exact(g))
        after_exact(g, row, address);
}

static void gen_fninit(struct gen *g, const struct x87_row *row)
{
    emit_fpu(g, row);
    clear_pointers(g);
    if (!exact(g))
        return;
    gen_helper(g, HLP_fpu_settled, IR_NONE, IR_NONE, IR_NONE);
    gen_exit_lookup_next(g);
}

void gen_fpu(struct gen *g)
{
    int op = x87_find(g->in->opcode, g->in->modrm);

    if (op < 0) {
        gen_raise(g, X86_UD);
        return;
    }
    if (g->mode & (X86_MODE_EM | X86_MODE_TS)) {
        gen_raise(g, X86_NM);
        return;
    }
    if (!(x87_rows[op].flags & FX_NOWAIT))
        gen_x87_wait(g);
    if (x87_rows[op].flags & FX_HELPER)
        gen_special(g, op);
    else if (op == X87_FNINIT)
        gen_fninit(g, &x87_rows[op]);
    else
        gen_plain(g, &x87_rows[op]);
}

void gen_fwait(struct gen *g)
{
    if ((g->mode & (X86_MODE_MP | X86_MODE_TS)) == (X86_MODE_MP | X86_MODE_TS)) {
        gen_raise(g, X86_NM);
    } else {
        gen_x87_wait(g);
        gen_x87_waited(g);
    }
}
