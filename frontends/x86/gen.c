/* SPDX-License-Identifier: MIT */
/*
 * What all generators share: operands, effective addresses and segment checks, stack, helpers and
 * exceptions, program counter, ways out of a block. Interface: gen.h. Reference: Intel SDM vol. 1,
 * 3.7 (addressing), vol. 3A, chapter 5 (segment checks).
 */
#include "frontends/x86/gen.h"
#include "frontends/x86/access.h"
#include "frontends/x86/mode.h"
#include "translator/simd_ops.h"

const struct ir_global x86_globals[X86_G_COUNT] = {
#define GLOBAL(number, text, field, type, pin)                                                     \
    [number] = {text, offsetof(struct x86_cpu, field), type, pin},
#include "frontends/x86/globals.def"
#undef GLOBAL
};

/* --- values ------------------------------------------------------------------------ */

struct ir_insn *gen_op2(struct gen *g, enum ir_op op, enum ir_type t, ir_ref dst, ir_ref a,
                        ir_ref b, unsigned fdef)
{
    struct ir_insn *i = ir_emit(g->b, op, t);

    i->dst = dst;
    i->src[0] = a;
    i->src[1] = b;
    i->fdef = (uint8_t)fdef;
    return i;
}

ir_ref gen_tmp2(struct gen *g, enum ir_op op, enum ir_type t, ir_ref a, ir_ref b)
{
    ir_ref dst = ir_temp(g->b, t);

    gen_op2(g, op, t, dst, a, b, 0);
    return dst;
}

static ir_ref extend(struct gen *g, enum ir_op op, enum ir_type to, ir_ref a, enum ir_type from)
{
    ir_ref dst = ir_temp(g->b, to);

    gen_op2(g, op, to, dst, a, IR_NONE, 0)->aux = from;
    return dst;
}

ir_ref gen_zext(struct gen *g, enum ir_type to, ir_ref a, enum ir_type from)
{
    return to == from ? a : extend(g, IR_zext, to, a, from);
}

ir_ref gen_sext(struct gen *g, enum ir_type to, ir_ref a, enum ir_type from)
{
    return to == from ? a : extend(g, IR_sext, to, a, from);
}

void gen_set(struct gen *g, enum ir_type t, ir_ref dst, ir_ref src)
{
    gen_op2(g, IR_mov, t, dst, src, IR_NONE, 0);
}

unsigned gen_fdef(const struct gen *g)
{
    return (unsigned)(g->in->row->flags >> 6 | g->in->row->flags >> 12) & OSZAPC;
}

/* --- operands ------------------------------------------------------------------------ */

enum ir_type gen_op_type(const struct gen *g, unsigned i)
{
    return gen_type(g->in->op[i].size);
}

ir_ref gen_reg_operand(const struct gen *g, unsigned i)
{
    const struct x86_operand *o = &g->in->op[i];

    return o->hi ? IR_HI(o->reg) : IR_GLOBAL(o->reg);
}

ir_ref gen_load(struct gen *g, unsigned i)
{
    const struct x86_operand *o = &g->in->op[i];

    switch (o->kind) {
    case X86_OP_REG:
        return gen_reg_operand(g, i);
    case X86_OP_IMM:
        return gen_const(g, g->in->imm);
    default:
        assert(o->kind == X86_OP_MEM);
        return gen_ld(g, gen_op_type(g, i), gen_mem(g, 0, o->size, GEN_READ));
    }
}

void gen_store(struct gen *g, unsigned i, ir_ref value)
{
    const struct x86_operand *o = &g->in->op[i];

    if (o->kind == X86_OP_REG)
        gen_set(g, gen_op_type(g, i), gen_reg_operand(g, i), value);
    else
        gen_st(g, gen_op_type(g, i), gen_mem(g, 0, o->size, GEN_WRITE), value);
}

/* --- memory ------------------------------------------------------------------------- */

/* The block's linear PC plus off, as a temporary. */
static ir_ref pc_page_plus(struct gen *g, int64_t off)
{
    struct ir_mem m = {
        .base = IR_GLOBAL(X86_G_PC_PAGE), .abits = 64, .lbits = 64, .disp = (int32_t)off};
    ir_ref t = ir_temp(g->b, IR_I64);

    if (off != (int32_t)off)
        return gen_tmp2(g, IR_add, IR_I64, IR_GLOBAL(X86_G_PC_PAGE), gen_const(g, off));
    ir_emit(g->b, IR_lea, IR_I64)->dst = t;
    g->b->insns[g->b->n_insns - 1].mem = ir_mem_add(g->b, &m);
    return t;
}

/* base + a constant that does not fit a mem operand's displacement */
static void fold_disp(struct gen *g, struct ir_mem *m, int64_t disp)
{
    if (disp == (int32_t)disp) {
        m->disp = (int32_t)disp;
    } else if (m->abits < 64) {
        m->disp = (int32_t)(uint32_t)disp; /* wraps to abits anyway */
    } else if (!m->base) {
        m->base = ir_temp(g->b, IR_I64);
        gen_set(g, IR_I64, m->base, gen_const(g, disp));
    } else {
        m->base = gen_tmp2(g, IR_add, IR_I64, m->base, gen_const(g, disp));
    }
}

struct ir_mem gen_ea(struct gen *g)
{
    const struct x86_insn *in = g->in;
    struct ir_mem m = {.abits = (uint8_t)(8 * in->asize), .lbits = (uint8_t)gen_lbits(g)};
    int64_t disp = in->disp;

    if (in->base >= 0)
        m.base = IR_GLOBAL(in->base);
    if (in->index >= 0) {
        m.index = IR_GLOBAL(in->index);
        m.scale = in->scale;
    }
    if (in->rip_rel) {
        m.base = IR_GLOBAL(X86_G_PC_PAGE);
        disp += g->next;
    }
    fold_disp(g, &m, disp);
    return m;
}

/* Offset of a mem operand without its segment, wrapped to the address size. */
static ir_ref mem_offset(struct gen *g, struct ir_mem m)
{
    ir_ref t = ir_temp(g->b, IR_I64);
    uint16_t mem;

    m.seg = IR_NONE;
    mem = ir_mem_add(g->b, &m);
    ir_emit(g->b, IR_lea, IR_I64)->dst = t;
    g->b->insns[g->b->n_insns - 1].mem = mem;
    return t;
}

ir_ref gen_ea_value(struct gen *g)
{
    return mem_offset(g, gen_ea(g));
}

static enum x86_vector seg_fault_vector(enum x86_sreg seg)
{
    return seg == X86_SS ? X86_SS_FAULT : X86_GP;
}

/* Let an X86_SEG_LIMIT or X86_SEG_CHECK segment refuse the access at `offset`. */
static void check_segment(struct gen *g, enum x86_seg_mode how, enum x86_sreg seg, ir_ref offset,
                          unsigned size, enum gen_access a)
{
    ir_ref last = offset;

    if (how == X86_SEG_CHECK) {
        gen_helper(g, HLP_seg_check, offset,
                   gen_const(g, X86_SEG_ACCESS(seg, size, a == GEN_WRITE)), IR_NONE);
        return;
    }
    if (size > 1)
        last = gen_tmp2(g, IR_add, IR_I64, offset, gen_const(g, size - 1));
    gen_guard(g, IR_G, IR_I64, last, IR_GLOBAL(X86_GREG_SEG_LIMIT + seg), seg_fault_vector(seg));
}

/* CS overrides: its base and limit are in the key. Writes are for real mode and vm86 only. */
static uint16_t code_segment_mem(struct gen *g, struct ir_mem m, unsigned size, enum gen_access a)
{
    ir_ref offset;

    if (!(g->mode & (a == GEN_WRITE ? X86_MODE_CS_WRITE : X86_MODE_CS_READ))) {
        gen_guard(g, IR_E, IR_I64, gen_const(g, 0), gen_const(g, 0), X86_GP);
        return ir_mem_add(g->b, &m);
    }
    if (!(g->mode & X86_MODE_CS_STATIC))
        return ir_mem_add(g->b, &m);
    offset = mem_offset(g, m);
    if (size && g->key->cs_limit != UINT32_MAX) {
        ir_ref last = gen_tmp2(g, IR_add, IR_I64, offset, gen_const(g, size - 1));

        gen_guard(g, IR_G, IR_I64, last, gen_const(g, g->key->cs_limit), X86_GP);
    }
    m = (struct ir_mem){.base = offset,
                        .seg = IR_GLOBAL(X86_GREG_SEG_BASE + X86_CS),
                        .abits = 64,
                        .lbits = 32,
                        .flags = m.flags};
    return ir_mem_add(g->b, &m);
}

/* Linear address of a finished mem operand, as an I64 temporary. */
static ir_ref mem_linear(struct gen *g, uint16_t mem)
{
    struct ir_mem m = g->b->mems[mem - 1];
    ir_ref t = mem_offset(g, m);

    if (!m.seg)
        return t;
    t = gen_tmp2(g, IR_add, IR_I64, t, m.seg);
    return g->code64 ? t : gen_zext(g, IR_I64, t, IR_I32);
}

/* #AC with alignment checks in effect (CR0.AM, EFLAGS.AC, CPL 3). */
static void check_alignment(struct gen *g, uint16_t mem, unsigned size)
{
    unsigned mask = x86_alignment(size) - 1;
    ir_ref low;

    if (!mask || g->b->mems[mem - 1].flags & IR_MEM_ALIGN)
        return;
    low = gen_tmp2(g, IR_and, IR_I64, mem_linear(g, mem), gen_const(g, mask));
    gen_guard(g, IR_NE, IR_I64, low, gen_const(g, 0), X86_AC);
}

static uint16_t segmented_mem(struct gen *g, struct ir_mem m, enum x86_sreg seg, unsigned size,
                              enum gen_access a)
{
    enum x86_seg_mode how = x86_mode_seg(g->mode, seg);

    if (seg == X86_SS)
        m.flags |= IR_MEM_STACK;
    if (g->code64) {
        if (seg >= X86_FS)
            m.seg = IR_GLOBAL(X86_GREG_SEG_BASE + seg);
        return ir_mem_add(g->b, &m);
    }
    if (seg == X86_CS)
        return code_segment_mem(g, m, size, a);
    if (how >= X86_SEG_LIMIT && size) {
        ir_ref offset = mem_offset(g, m);

        if (m.flags & IR_MEM_ALIGN && seg == X86_SS) { /* #GP comes before #SS */
            ir_ref low = gen_tmp2(g, IR_add, IR_I64, offset, IR_GLOBAL(X86_GREG_SEG_BASE + seg));

            low = gen_tmp2(g, IR_and, IR_I64, low, gen_const(g, size - 1));
            gen_guard(g, IR_NE, IR_I64, low, gen_const(g, 0), X86_GP);
        }
        check_segment(g, how, seg, offset, size, a);
        m = (struct ir_mem){.base = offset, .abits = 64, .lbits = 32, .flags = m.flags};
    }
    if (how != X86_SEG_FLAT)
        m.seg = IR_GLOBAL(X86_GREG_SEG_BASE + seg);
    return ir_mem_add(g->b, &m);
}

uint16_t gen_mem_finish(struct gen *g, struct ir_mem m, enum x86_sreg seg, unsigned size,
                        enum gen_access a)
{
    uint16_t mem = segmented_mem(g, m, seg, size, a);

    if (unlikely(g->mode & X86_MODE_AC))
        check_alignment(g, mem, size);
    return mem;
}

uint16_t gen_mem(struct gen *g, int disp, unsigned size, enum gen_access a)
{
    struct ir_mem m = gen_ea(g);

    if (g->in->row->flags & X86F_SIMD && simd_rows[g->in->row->arg].flags & V_ALIGN)
        m.flags = IR_MEM_ALIGN;
    if (disp)
        fold_disp(g, &m, (int64_t)m.disp + disp);
    return gen_mem_finish(g, m, g->in->seg, size, a);
}

uint16_t gen_mem_at(struct gen *g, enum x86_sreg seg, ir_ref base, int disp, unsigned abits,
                    unsigned size, enum gen_access a)
{
    struct ir_mem m = {
        .base = base, .abits = (uint8_t)abits, .lbits = (uint8_t)gen_lbits(g), .disp = disp};

    return gen_mem_finish(g, m, seg, size, a);
}

ir_ref gen_linear(struct gen *g, unsigned size, enum gen_access a)
{
    return mem_linear(g, gen_mem(g, 0, size, a));
}

ir_ref gen_ld(struct gen *g, enum ir_type t, uint16_t mem)
{
    ir_ref dst = ir_temp(g->b, t);
    struct ir_insn *i = ir_emit(g->b, IR_ld, t);

    i->dst = dst;
    i->mem = mem;
    return dst;
}

void gen_st(struct gen *g, enum ir_type t, uint16_t mem, ir_ref value)
{
    struct ir_insn *i = ir_emit(g->b, IR_st, t);

    i->src[0] = value;
    i->mem = mem;
}

void gen_probe(struct gen *g, uint16_t mem, unsigned size, enum gen_access a)
{
    struct ir_insn *i = ir_emit(g->b, IR_probe, IR_I8);

    i->mem = mem;
    i->aux = size | (a == GEN_WRITE ? 1u << 16 : 0);
}

/* --- stack ---------------------------------------------------------------------------- */

uint16_t gen_stack_mem(struct gen *g, int disp, unsigned size, enum gen_access a)
{
    return gen_mem_at(g, X86_SS, IR_GLOBAL(X86_RSP), disp, g->sbits, size, a);
}

void gen_sp_add(struct gen *g, int n)
{
    gen_op2(g, IR_add, gen_type(g->sbits / 8), IR_GLOBAL(X86_RSP), IR_GLOBAL(X86_RSP),
            gen_const(g, n), 0);
}

void gen_push_value(struct gen *g, enum ir_type t, ir_ref value)
{
    int size = (int)ir_type_bytes(t);

    gen_st(g, t, gen_stack_mem(g, -size, (unsigned)size, GEN_WRITE), value);
    gen_sp_add(g, -size);
}

/* --- helpers and exceptions -------------------------------------------------------------- */

static struct ir_insn *emit_call(struct gen *g, enum x86_helper h, ir_ref a, ir_ref b, ir_ref c)
{
    struct ir_insn *i = ir_emit(g->b, IR_call, IR_I64);
    uint32_t flags = g->b->helpers[h].flags;

    i->aux = h;
    i->src[0] = a;
    i->src[1] = b;
    i->src[2] = c;
    i->fdef = flags & HF_WRITE_FLAGS ? OSZAPC : 0;
    i->fuse = flags & HF_READ_FLAGS ? OSZAPC : 0;
    return i;
}

void gen_helper(struct gen *g, enum x86_helper h, ir_ref a, ir_ref b, ir_ref c)
{
    emit_call(g, h, a, b, c);
}

ir_ref gen_helper_value(struct gen *g, enum x86_helper h, ir_ref a, ir_ref b, ir_ref c)
{
    ir_ref dst = ir_temp(g->b, IR_I64);

    emit_call(g, h, a, b, c)->dst = dst;
    return dst;
}

void gen_raise_error(struct gen *g, enum x86_vector vector, unsigned error)
{
    gen_helper(g, HLP_raise, gen_const(g, vector), gen_const(g, error), IR_NONE);
    ir_emit(g->b, IR_exit_loop, IR_I64);
    g->ended = true;
}

void gen_raise(struct gen *g, enum x86_vector vector)
{
    gen_raise_error(g, vector, 0);
}

void gen_guard(struct gen *g, enum ir_cond cond, enum ir_type t, ir_ref a, ir_ref b,
               enum x86_vector vector)
{
    struct ir_insn *i = ir_emit(g->b, IR_guard, t);

    i->cond = cond;
    i->src[0] = a;
    i->src[1] = b;
    i->aux = HLP_raise | (uint32_t)vector << 16;
}

/* --- program counter ----------------------------------------------------------------------- */

static bool is_static(const struct gen *g)
{
    return g->mode & X86_MODE_CS_STATIC;
}

/* Linear address of off, when CS is not flat. */
static uint32_t static_linear(const struct gen *g, int64_t off)
{
    return (uint32_t)(ALIGN_DOWN(g->key->pc, SOFTTLB_PAGE) + (uint64_t)off);
}

uint32_t gen_static_ip(const struct gen *g, int64_t off)
{
    return static_linear(g, off) - (uint32_t)g->key->cs_base;
}

int64_t gen_static_off(const struct gen *g, uint32_t ip)
{
    return (int64_t)(uint32_t)(g->key->cs_base + ip) -
           (int64_t)ALIGN_DOWN(g->key->pc, SOFTTLB_PAGE);
}

ir_ref gen_ip(struct gen *g, int64_t off, enum ir_type t)
{
    if (is_static(g))
        return gen_const(g, gen_static_ip(g, off));
    return pc_page_plus(g, off);
}

ir_ref gen_linear_pc(struct gen *g, int64_t off)
{
    ir_ref pc;

    if (is_static(g))
        return gen_const(g, static_linear(g, off));
    pc = pc_page_plus(g, off);
    return g->code64 ? pc : gen_zext(g, IR_I64, pc, IR_I32);
}

void gen_set_pc(struct gen *g, int64_t off)
{
    gen_set(g, IR_I64, IR_GLOBAL(X86_G_PC), gen_linear_pc(g, off));
}

/* --- ways out ------------------------------------------------------------------------------ */

static void end(struct gen *g, enum ir_op op)
{
    ir_emit(g->b, op, IR_I64);
    g->ended = true;
}

/* vcpu.pc is the next instruction: report the end of this one. */
static void end_step(struct gen *g)
{
    if (g->reports)
        gen_helper(g, HLP_step_done, gen_const(g, (int64_t)g->mode), IR_NONE, IR_NONE);
    end(g, IR_exit_loop);
}

/* Backward jumps and jumps that leave the page poll, and what ends an interrupt shadow. */
unsigned gen_exit_slot(struct gen *g, int64_t off)
{
    bool leaves;

    if (!g->code64)
        off = (int32_t)off; /* EIP wraps */
    leaves = off < 0 || off >= (int64_t)SOFTTLB_PAGE;
    return ir_exit_add(g->b, off, leaves || off <= g->off || g->shadow);
}

void gen_exit_to(struct gen *g, int64_t off)
{
    gen_x87_flush(g);
    if (g->stepping) {
        gen_set_pc(g, off);
        end_step(g);
        return;
    }
    end(g, IR_exit);
    g->b->insns[g->b->n_insns - 1].aux = gen_exit_slot(g, off);
}

void gen_exit_next(struct gen *g)
{
    gen_exit_to(g, g->next);
}

void gen_exit_lookup(struct gen *g)
{
    if (g->stepping)
        end_step(g);
    else
        end(g, IR_exit_lookup);
}

void gen_exit_lookup_next(struct gen *g)
{
    gen_set_pc(g, g->next);
    gen_exit_lookup(g);
}

void gen_exit_loop(struct gen *g)
{
    if (g->stepping)
        end_step(g);
    else
        end(g, IR_exit_loop);
}

void gen_exit_loop_next(struct gen *g)
{
    gen_set_pc(g, g->next);
    gen_exit_loop(g);
}

ir_ref gen_ind_target(struct gen *g, ir_ref ip, enum ir_type t)
{
    ir_ref pc = gen_zext(g, IR_I64, ip, t);

    if (g->code64 && g->stepping) { /* the others: x86_undo_indirect() */
        ir_ref half = gen_tmp2(g, IR_sar, IR_I64, pc, gen_const(g, 47));

        half = gen_tmp2(g, IR_add, IR_I64, half, gen_const(g, 1));
        gen_guard(g, IR_A, IR_I64, half, gen_const(g, 1), X86_GP);
    }
    if (!is_static(g))
        return pc;
    if (g->key->cs_limit != UINT32_MAX)
        gen_guard(g, IR_A, IR_I64, pc, gen_const(g, g->key->cs_limit), X86_GP);
    if (!g->key->cs_base)
        return pc;
    pc = gen_tmp2(g, IR_add, IR_I32, pc, gen_const(g, (int32_t)g->key->cs_base));
    return gen_zext(g, IR_I64, pc, IR_I32);
}

void gen_exit_ind(struct gen *g, ir_ref pc, int32_t sp_change)
{
    if (g->stepping) {
        gen_set(g, IR_I64, IR_GLOBAL(X86_G_PC), pc);
        end_step(g);
        return;
    }
    end(g, IR_exit_ind);
    g->b->insns[g->b->n_insns - 1].src[0] = pc;
    g->b->insns[g->b->n_insns - 1].aux = (uint32_t)sp_change;
}

void gen_restart_ifz(struct gen *g, ir_ref value)
{
    struct ir_insn *i;
    unsigned slot;

    if (g->stepping) { /* PC = done ? next : this; the iteration counts as a step */
        ir_ref again = gen_linear_pc(g, g->off);
        unsigned label = g->b->n_labels++;

        gen_set(g, IR_I64, IR_GLOBAL(X86_G_PC), again);
        i = ir_emit(g->b, IR_skip_ifz, IR_I64);
        i->cond = IR_E;
        i->src[0] = value;
        i->aux = label;
        gen_set_pc(g, g->next);
        ir_emit(g->b, IR_label, IR_I64)->aux = label;
        end_step(g);
        return;
    }
    slot = ir_exit_add(g->b, g->off, true);
    i = ir_emit(g->b, IR_exit_ifz, IR_I64);
    i->cond = IR_E;
    i->src[0] = value;
    i->aux = slot;
}
