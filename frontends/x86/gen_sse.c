/* SPDX-License-Identifier: MIT */
/*
 * Generators of MMX and SSE instructions. All that work on registers and at most one memory
 * operand are rows of translator/simd_ops.def and become one IR simd op; the others are here by
 * name. Reference: Intel SDM vol. 1, chapters 9 to 13; vol. 2; vol. 3A, 2.5 and 14.1 (conditions
 * for #UD and #NM); #XM (or #UD without CR4.OSXMMEXCPT) comes from the host's exception.
 */
#include "frontends/x86/fpu.h"
#include "frontends/x86/gen.h"
#include "translator/simd_ops.h"

/* May the instruction run in this mode? If not, its exception has been generated. */
static bool simd_usable(struct gen *g, bool xmm, bool mmx)
{
    if (g->mode & X86_MODE_EM || (xmm && !(g->mode & X86_MODE_OSFXSR))) {
        gen_raise(g, X86_UD);
        return false;
    }
    if (g->mode & X86_MODE_TS) {
        gen_raise(g, X86_NM);
        return false;
    }
    if (mmx)
        gen_x87_wait(g);
    return true;
}

/* --- rows of simd_ops.def ------------------------------------------------------------------- */

static bool is_general(unsigned role)
{
    return (role & V_CLASS) == SIMD_CLASS_G;
}

static uint16_t simd_memory(struct gen *g, const struct simd_row *r, bool rexw)
{
    unsigned bytes = simd_mem_bytes(r, rexw);
    uint16_t mem = gen_mem(g, 0, bytes, simd_is_store(r) ? GEN_WRITE : GEN_READ);

    if (r->flags & V_ALIGN)
        g->b->mems[mem - 1].flags |= IR_MEM_ALIGN;
    return mem;
}

/* Put the general-register operand n (numbered reg or rm) in place. */
static void general_operand(struct ir_insn *i, unsigned role, unsigned n)
{
    if (!is_general(role))
        return;
    if (role & V_WRITE)
        i->dst = gen_reg(n);
    else
        i->src[0] = gen_reg(n);
}

static uint8_t register_number(unsigned role, unsigned n)
{
    return (role & V_CLASS) == SIMD_CLASS_M ? n & 7 : n;
}

static void emit_simd(struct gen *g, enum simd_op op)
{
    const struct simd_row *r = &simd_rows[op];
    const struct x86_insn *in = g->in;
    bool rexw = in->rex & 8 && r->flags & (V_W64 | V_REG64);
    uint16_t mem = in->is_mem && r->mem ? simd_memory(g, r, rexw) : 0;
    struct ir_insn *i = ir_emit(g->b, IR_simd, rexw ? IR_I64 : IR_I32);

    i->aux = op;
    i->xreg = register_number(r->reg, in->reg);
    i->xrm = register_number(r->rm, in->rm);
    i->imm = in->imm;
    i->irf = (mem ? IRF_MEM : 0) | (rexw ? IRF_REX : 0);
    i->mem = mem;
    general_operand(i, r->reg, in->reg);
    if (!mem)
        general_operand(i, r->rm, in->rm);
    if (r->flags & V_LENGTHS) {
        i->src[0] = gen_reg(X86_RAX);
        i->src[1] = gen_reg(X86_RDX);
    }
    if (r->flags & V_INDEX) {
        i->type = IR_I32;
        i->dst = gen_reg(X86_RCX);
    }
    if (r->flags & V_FLAGS)
        i->fdef = OSZAPC;
}

/* CVTPI2PS and CVTPI2PD from memory touch no MMX register and leave the x87 state alone. */
static bool enters_mmx(const struct gen *g, const struct simd_row *r)
{
    if (g->in->is_mem && (r->reg & V_CLASS) == SIMD_CLASS_X)
        return false;
    return r->flags & V_MMX;
}

void gen_simd(struct gen *g)
{
    const struct simd_row *r = &simd_rows[g->in->row->arg];
    bool mmx = enters_mmx(g, r);

    if (!simd_usable(g, simd_uses_xmm(r), mmx))
        return;
    emit_simd(g, g->in->row->arg);
    if (mmx)
        gen_x87_waited(g);
}

/* --- MXCSR ------------------------------------------------------------------------------------- */

void gen_ldmxcsr(struct gen *g)
{
    ir_ref v, bad;

    if (!simd_usable(g, true, false))
        return;
    v = gen_ld(g, IR_I32, gen_mem(g, 0, 4, GEN_READ));
    bad = gen_tmp2(g, IR_and, IR_I32, v, gen_const(g, (int32_t)~MXCSR_VALID));
    gen_guard(g, IR_NE, IR_I32, bad, gen_const(g, 0), X86_GP);
    gen_helper(g, HLP_ldmxcsr, gen_zext(g, IR_I64, v, IR_I32), IR_NONE, IR_NONE);
}

void gen_stmxcsr(struct gen *g)
{
    ir_ref v;

    if (!simd_usable(g, true, false))
        return;
    v = gen_helper_value(g, HLP_stmxcsr, IR_NONE, IR_NONE, IR_NONE);
    gen_st(g, IR_I32, gen_mem(g, 0, 4, GEN_WRITE), v);
}

/* --- masked stores -------------------------------------------------------------------------------- */

/* Linear address of DS:rDI (segment overridable) after checks for `size` bytes. */
static ir_ref string_address(struct gen *g, unsigned size)
{
    unsigned abits = g->in->asize * 8;
    enum x86_sreg sreg = g->in->seg_override == X86_SREG_COUNT ? X86_DS : g->in->seg_override;
    uint16_t mem = gen_mem_at(g, sreg, gen_reg(X86_RDI), 0, abits, size, GEN_WRITE);
    struct ir_mem m = g->b->mems[mem - 1];
    ir_ref ea = ir_temp(g->b, IR_I64), seg = m.seg;
    struct ir_insn *i;

    m.seg = IR_NONE;
    i = ir_emit(g->b, IR_lea, IR_I64);
    i->dst = ea;
    i->mem = ir_mem_add(g->b, &m);
    if (!seg)
        return ea;
    ea = gen_tmp2(g, IR_add, IR_I64, ea, seg);
    return m.lbits == 32 ? gen_zext(g, IR_I64, ea, IR_I32) : ea;
}

void gen_maskmov(struct gen *g)
{
    const struct x86_insn *in = g->in;
    bool xmm = in->prefix & X86_P_66;
    uint32_t regs = xmm ? in->reg | in->rm << 8 | BIT(16) : (in->reg & 7) | (in->rm & 7) << 8;

    if (!simd_usable(g, xmm, !xmm))
        return;
    if (!xmm) { /* into MMX state: a harmless instruction which reads the mask */
        struct ir_insn *i = ir_emit(g->b, IR_simd, IR_I32);
        i->aux = SIMD_PMOVMSKB_M;
        i->xrm = in->rm & 7;
        i->dst = ir_temp(g->b, IR_I32);
    }
    gen_helper(g, HLP_maskmov, string_address(g, xmm ? 16 : 8), gen_const(g, regs), IR_NONE);
    if (!xmm)
        gen_x87_waited(g);
}

/* --- FXSAVE and XSAVE ---------------------------------------------------------------------------------- */

static ir_ref save_form(struct gen *g)
{
    return gen_const(g, (g->in->rex & 8 ? FXF_REXW : 0) | (g->code64 ? FXF_XMM16 : 0));
}

static void gen_save(struct gen *g, enum x86_helper helper, unsigned size, enum gen_access access)
{
    gen_helper(g, helper, gen_linear(g, size, access), save_form(g), IR_NONE);
    if (access == GEN_READ)
        gen_exit_lookup_next(g);
}

static void gen_fx(struct gen *g, enum x86_helper helper, enum gen_access access)
{
    if (g->mode & (X86_MODE_EM | X86_MODE_TS))
        gen_raise(g, X86_NM);
    else
        gen_save(g, helper, 512, access);
}

void gen_fxsave(struct gen *g)
{
    gen_fx(g, HLP_fxsave, GEN_WRITE);
}

void gen_fxrstor(struct gen *g)
{
    gen_fx(g, HLP_fxrstor, GEN_READ);
}

static void gen_xs(struct gen *g, enum x86_helper helper, enum gen_access access)
{
    if (!(g->mode & X86_MODE_OSXSAVE))
        gen_raise(g, X86_UD);
    else if (g->mode & X86_MODE_TS)
        gen_raise(g, X86_NM);
    else
        gen_save(g, helper, 576, access);
}

void gen_xsave(struct gen *g)
{
    gen_xs(g, HLP_xsave, GEN_WRITE);
}

/* What XSAVEOPT may leave out it need not. */
void gen_xsaveopt(struct gen *g)
{
    gen_xs(g, HLP_xsave, GEN_WRITE);
}

void gen_xrstor(struct gen *g)
{
    gen_xs(g, HLP_xrstor, GEN_READ);
}

void gen_xgetbv(struct gen *g)
{
    if (!(g->mode & X86_MODE_OSXSAVE)) {
        gen_raise(g, X86_UD);
        return;
    }
    gen_guard(g, IR_NE, IR_I32, gen_reg(X86_RCX), gen_const(g, 0), X86_GP);
    gen_set(g, IR_I32, gen_reg(X86_RAX), IR_GLOBAL(X86_G_XCR0));
    ir_op2(g->b, IR_shr, IR_I64, gen_reg(X86_RDX), IR_GLOBAL(X86_G_XCR0), gen_const(g, 32));
}
