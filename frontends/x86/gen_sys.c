/* SPDX-License-Identifier: MIT */
/*
 * Generators of system instructions. CLI, STI, SWAPGS and the FS/GS base instructions are inline;
 * the rest are helpers (helper_sys.c, io.c). What may change the mode, the address space or what
 * is deliverable ends its block with a full lookup, which polls.
 */
#include "frontends/x86/gen.h"
#include "frontends/x86/mode.h"
#include "frontends/x86/sys_args.h"

/* The offset in CS of the next instruction, for helpers. */
static ir_ref next_ip(struct gen *g)
{
    if (g->code64)
        return gen_ip(g, g->next, IR_I64);
    return gen_zext(g, IR_I64, gen_ip(g, g->next, IR_I32), IR_I32);
}

static ir_ref as64(struct gen *g, ir_ref value, enum ir_type t)
{
    return t == IR_I64 ? value : gen_zext(g, IR_I64, value, t);
}

static ir_ref operand64(struct gen *g, unsigned i)
{
    return as64(g, gen_load(g, i), gen_op_type(g, i));
}

static bool is_imm(const struct gen *g, unsigned i)
{
    return g->in->op[i].kind == X86_OP_IMM;
}

/* What follows up to end_unless() is left out if value == 0 (cond E) or not (cond NE). */
static void unless(struct gen *g, ir_ref value, enum ir_cond cond)
{
    struct ir_insn *i = ir_emit(g->b, IR_skip_ifz, IR_I64);

    i->cond = cond;
    i->src[0] = value;
    i->aux = g->b->n_labels;
}

static void end_unless(struct gen *g)
{
    ir_emit(g->b, IR_label, IR_I64)->aux = g->b->n_labels++;
}

/* CPL 0 is needed when CR4.UMIP is set. */
static bool refused_by_umip(struct gen *g)
{
    if (!g->cpl || !(g->mode & X86_MODE_UMIP))
        return false;
    gen_raise(g, X86_GP);
    return true;
}

/* --- segment registers ---------------------------------------------------------------- */

/* In 64-bit mode the segment registers but CS are no part of the mode; SS leaves a shadow. */
static bool ends_block(const struct gen *g, unsigned sreg)
{
    return !g->code64 || sreg == X86_SS;
}

static void load_sreg(struct gen *g, unsigned sreg, ir_ref selector)
{
    gen_helper(g, HLP_load_seg, gen_const(g, sreg), selector, IR_NONE);
}

void gen_mov_to_sreg(struct gen *g)
{
    unsigned sreg = g->in->op[0].reg;

    if (sreg > X86_GS || sreg == X86_CS) {
        gen_raise(g, X86_UD);
        return;
    }
    load_sreg(g, sreg, as64(g, gen_load(g, 1), IR_I16));
    if (ends_block(g, sreg))
        gen_exit_lookup_next(g);
}

/* Whatever the operand size, only the selector is read (and checked): as on Intel's processors. */
void gen_pop_sreg(struct gen *g)
{
    unsigned sreg = g->in->op[0].reg;
    ir_ref value = gen_ld(g, IR_I16, gen_stack_mem(g, 0, 2, GEN_READ));

    load_sreg(g, sreg, as64(g, value, IR_I16));
    gen_sp_add(g, g->in->osize);
    if (ends_block(g, sreg))
        gen_exit_lookup_next(g);
}

/* LDS and its like: offset, then selector; arg is the segment register. */
void gen_lxs(struct gen *g)
{
    unsigned sreg = g->in->row->arg;
    ir_ref off = gen_ld(g, g->type, gen_mem(g, 0, g->in->osize, GEN_READ));
    ir_ref sel = gen_ld(g, IR_I16, gen_mem(g, g->in->osize, 2, GEN_READ));

    load_sreg(g, sreg, as64(g, sel, IR_I16));
    gen_set(g, g->type, gen_reg_operand(g, 0), off);
    if (ends_block(g, sreg))
        gen_exit_lookup_next(g);
}

static void store_selector(struct gen *g, enum x86_sysreg which)
{
    ir_ref value;

    if (refused_by_umip(g))
        return;
    value = gen_helper_value(g, HLP_get_sysreg, gen_const(g, which), IR_NONE, IR_NONE);
    gen_store(g, 0, value);
}

void gen_sldt(struct gen *g)
{
    store_selector(g, SYSREG_LDTR);
}

void gen_str(struct gen *g)
{
    store_selector(g, SYSREG_TR);
}

void gen_smsw(struct gen *g)
{
    store_selector(g, SYSREG_MSW);
}

void gen_lldt(struct gen *g)
{
    gen_helper(g, HLP_lldt, operand64(g, 0), IR_NONE, IR_NONE);
}

void gen_ltr(struct gen *g)
{
    gen_helper(g, HLP_ltr, operand64(g, 0), IR_NONE, IR_NONE);
}

/* Set ZF from the upper half of a helper's result. */
static void set_zf(struct gen *g, ir_ref result)
{
    ir_ref zf = gen_tmp2(g, IR_shr, IR_I64, result, gen_const(g, 32));

    gen_op2(g, IR_setf, IR_I32, IR_NONE, zf, IR_NONE, FZ);
}

/* LAR, LSL: the destination only changes if ZF gets set. */
static void rights_or_limit(struct gen *g, enum x86_helper h)
{
    ir_ref result = gen_helper_value(g, h, as64(g, gen_load(g, 1), IR_I16), IR_NONE, IR_NONE);
    ir_ref reg = gen_reg_operand(g, 0), value, old;
    enum ir_type t = gen_op_type(g, 0);
    struct ir_insn *i;

    value = gen_zext(g, IR_I64, result, IR_I32);
    if (t == IR_I16) {
        value = gen_zext(g, IR_I64, result, IR_I16);
        old = gen_tmp2(g, IR_and, IR_I64, reg, gen_const(g, ~(int64_t)0xffff));
        value = gen_tmp2(g, IR_or, IR_I64, value, old);
    }
    set_zf(g, result);
    i = ir_emit(g->b, IR_select, IR_I64);
    i->cond = IR_E;
    i->fuse = FZ;
    i->dst = reg;
    i->src[0] = value;
    i->src[1] = reg;
}

void gen_lar(struct gen *g)
{
    rights_or_limit(g, HLP_lar);
}

void gen_lsl(struct gen *g)
{
    rights_or_limit(g, HLP_lsl);
}

static void verify(struct gen *g, bool write)
{
    set_zf(g, gen_helper_value(g, HLP_verify, operand64(g, 0), gen_const(g, write), IR_NONE));
}

void gen_verr(struct gen *g)
{
    verify(g, false);
}

void gen_verw(struct gen *g)
{
    verify(g, true);
}

/* Memory is only written if the RPL changes: a read-only segment or page is no fault then. */
void gen_arpl(struct gen *g)
{
    ir_ref dst = operand64(g, 0);
    ir_ref result = gen_helper_value(g, HLP_arpl, dst, operand64(g, 1), IR_NONE);

    if (g->in->op[0].kind == X86_OP_MEM)
        gen_helper(g, HLP_arpl_store, gen_ea_value(g), gen_const(g, g->in->seg), result);
    else
        gen_store(g, 0, result);
    set_zf(g, result);
}

static void store_dtable(struct gen *g, enum x86_sysreg base, enum x86_sysreg limit)
{
    enum ir_type t = g->code64 ? IR_I64 : IR_I32;
    ir_ref b, l;

    if (refused_by_umip(g))
        return;
    l = gen_helper_value(g, HLP_get_sysreg, gen_const(g, limit), IR_NONE, IR_NONE);
    b = gen_helper_value(g, HLP_get_sysreg, gen_const(g, base), IR_NONE, IR_NONE);
    gen_probe(g, gen_mem(g, 0, 2 + ir_type_bytes(t), GEN_WRITE), 2 + ir_type_bytes(t), GEN_WRITE);
    gen_st(g, IR_I16, gen_mem(g, 0, 2, GEN_WRITE), l);
    gen_st(g, t, gen_mem(g, 2, ir_type_bytes(t), GEN_WRITE), b);
}

void gen_sgdt(struct gen *g)
{
    store_dtable(g, SYSREG_GDT_BASE, SYSREG_GDT_LIMIT);
}

void gen_sidt(struct gen *g)
{
    store_dtable(g, SYSREG_IDT_BASE, SYSREG_IDT_LIMIT);
}

/* The 16-bit form loads 24 bits of base. */
static void load_dtable(struct gen *g, bool idt)
{
    enum ir_type t = g->code64 ? IR_I64 : IR_I32;
    ir_ref limit = as64(g, gen_ld(g, IR_I16, gen_mem(g, 0, 2, GEN_READ)), IR_I16);
    ir_ref base = as64(g, gen_ld(g, t, gen_mem(g, 2, ir_type_bytes(t), GEN_READ)), t);

    if (!g->code64 && g->in->osize == 2)
        base = gen_tmp2(g, IR_and, IR_I64, base, gen_const(g, 0xffffff));
    gen_helper(g, HLP_load_dtable, gen_const(g, idt), base, limit);
}

void gen_lgdt(struct gen *g)
{
    load_dtable(g, false);
}

void gen_lidt(struct gen *g)
{
    load_dtable(g, true);
}

/* --- transfers of control -------------------------------------------------------------- */

/* Far pointer operand, immediate or in memory. */
static void far_operand(struct gen *g, ir_ref *off, ir_ref *sel)
{
    unsigned size = g->in->osize;

    if (g->in->op[0].kind == X86_OP_FAR) {
        *off = gen_const(g, size == 2 ? g->in->imm & 0xffff : (int64_t)(uint32_t)g->in->imm);
        *sel = gen_const(g, g->in->imm2 | size << 16);
        return;
    }
    *off = as64(g, gen_ld(g, g->type, gen_mem(g, 0, size, GEN_READ)), g->type);
    *sel = as64(g, gen_ld(g, IR_I16, gen_mem(g, (int)size, 2, GEN_READ)), IR_I16);
    *sel = gen_tmp2(g, IR_or, IR_I64, *sel, gen_const(g, size << 16));
}

static void far_transfer(struct gen *g, enum x86_helper h)
{
    ir_ref off, sel;

    far_operand(g, &off, &sel);
    gen_helper(g, h, sel, off, next_ip(g));
    gen_exit_lookup(g);
}

void gen_jmpf(struct gen *g)
{
    far_transfer(g, HLP_jmp_far);
}

void gen_callf(struct gen *g)
{
    far_transfer(g, HLP_call_far);
}

void gen_retf(struct gen *g)
{
    unsigned pop = g->in->op[0].kind == X86_OP_IMM ? g->in->imm & 0xffff : 0;

    gen_helper(g, HLP_ret_far, gen_const(g, g->in->osize), gen_const(g, pop), IR_NONE);
    gen_exit_lookup(g);
}

void gen_iret(struct gen *g)
{
    bool quick = g->code64 && !g->cpl && g->in->osize == 8 && !g->stepping;

    if (quick)
        unless(g, gen_helper_value(g, HLP_iret_quick, IR_NONE, IR_NONE, IR_NONE), IR_NE);
    gen_helper(g, HLP_iret, gen_const(g, g->in->osize), next_ip(g), IR_NONE);
    if (quick)
        end_unless(g);
    gen_exit_lookup(g);
}

static void soft_int(struct gen *g, unsigned vector, bool int_n)
{
    gen_helper(g, HLP_soft_int, gen_const(g, vector | int_n << 8), next_ip(g), IR_NONE);
    gen_exit_lookup(g);
}

void gen_int(struct gen *g)
{
    soft_int(g, g->in->imm & 0xff, true);
}

void gen_int3(struct gen *g)
{
    soft_int(g, X86_BP, false);
}

void gen_int1(struct gen *g)
{
    soft_int(g, X86_DB, false);
}

void gen_into(struct gen *g)
{
    gen_helper(g, HLP_into, IR_NONE, next_ip(g), IR_NONE);
    gen_exit_lookup(g);
}

/* What the leaf helpers of SYSCALL and SYSRET refused. */
static void raise_refused(struct gen *g, ir_ref vector)
{
    unless(g, vector, IR_E);
    gen_helper(g, HLP_raise, vector, IR_NONE, IR_NONE);
    end_unless(g);
}

void gen_syscall(struct gen *g)
{
    raise_refused(g, gen_helper_value(g, HLP_syscall, next_ip(g), IR_NONE, IR_NONE));
    gen_exit_lookup(g);
}

void gen_sysret(struct gen *g)
{
    raise_refused(g, gen_helper_value(g, HLP_sysret, gen_const(g, g->in->osize == 8), IR_NONE, IR_NONE));
    gen_exit_lookup(g);
}

void gen_sysenter(struct gen *g)
{
    gen_helper(g, HLP_sysenter, IR_NONE, IR_NONE, IR_NONE);
    gen_exit_lookup(g);
}

void gen_sysexit(struct gen *g)
{
    gen_helper(g, HLP_sysexit, gen_const(g, g->in->osize == 8), IR_NONE, IR_NONE);
    gen_exit_lookup(g);
}

void gen_rsm(struct gen *g)
{
    gen_helper(g, HLP_rsm, IR_NONE, IR_NONE, IR_NONE);
    gen_exit_loop(g);
}

/* --- flags ------------------------------------------------------------------------------- */

void gen_popf(struct gen *g)
{
    ir_ref value = gen_ld(g, g->type, gen_stack_mem(g, 0, g->in->osize, GEN_READ));

    gen_helper(g, g->mode & X86_MODE_VM ? HLP_popf_vm86 : HLP_popf, as64(g, value, g->type), gen_const(g, g->in->osize), IR_NONE);
    gen_sp_add(g, g->in->osize);
    gen_exit_lookup_next(g);
}

void gen_cli(struct gen *g)
{
    if (!(g->mode & X86_MODE_IOPL)) {
        gen_helper(g, HLP_virtual_if, gen_const(g, 0), IR_NONE, IR_NONE);
        return;
    }
    gen_op2(g, IR_and, IR_I32, IR_GLOBAL(X86_G_EFLAGS), IR_GLOBAL(X86_G_EFLAGS), gen_const(g, ~(int64_t)EFL_IF), 0);
}

/* If events wait, have the next poll look at them. */
static void poll_if_pending(struct gen *g)
{
    unless(g, gen_zext(g, IR_I64, IR_GLOBAL(X86_G_EVENTS), IR_I32), IR_E);
    gen_helper(g, HLP_poll, IR_NONE, IR_NONE, IR_NONE);
    end_unless(g);
}

/* The next instruction belongs to the shadow: it follows in this block, which then ends with a poll. */
void gen_sti(struct gen *g)
{
    if (!(g->mode & X86_MODE_IOPL)) {
        gen_helper(g, HLP_virtual_if, gen_const(g, 1), IR_NONE, IR_NONE);
        return;
    }
    gen_op2(g, IR_or, IR_I32, IR_GLOBAL(X86_G_EFLAGS), IR_GLOBAL(X86_G_EFLAGS), gen_const(g, EFL_IF), 0);
    poll_if_pending(g);
    if (g->stepping)
        gen_leave_in_shadow(g);
    else
        g->shadow = true;
}

/* The shadow's instruction is not in this block. */
void gen_leave_in_shadow(struct gen *g)
{
    gen_helper(g, HLP_sti_shadow, IR_NONE, IR_NONE, IR_NONE);
    gen_exit_lookup_next(g);
}

static void set_ac(struct gen *g, bool set)
{
    if (g->cpl) {
        gen_raise(g, X86_UD);
        return;
    }
    gen_helper(g, HLP_set_ac, gen_const(g, set), IR_NONE, IR_NONE);
    gen_exit_lookup_next(g);
}

void gen_clac(struct gen *g)
{
    set_ac(g, false);
}

void gen_stac(struct gen *g)
{
    set_ac(g, true);
}

/* --- control and debug registers ------------------------------------------------------------ */

static bool valid_cr(const struct gen *g, unsigned n)
{
    return n == 0 || (n >= 2 && n <= 4) || (n == 8 && g->code64);
}

void gen_mov_from_cr(struct gen *g)
{
    unsigned n = g->in->op[1].reg;

    if (!valid_cr(g, n)) {
        gen_raise(g, X86_UD);
        return;
    }
    gen_store(g, 0, gen_helper_value(g, HLP_read_cr, gen_const(g, n), IR_NONE, IR_NONE));
}

void gen_mov_to_cr(struct gen *g)
{
    unsigned n = g->in->op[0].reg;

    if (!valid_cr(g, n)) {
        gen_raise(g, X86_UD);
        return;
    }
    gen_helper(g, HLP_write_cr, gen_const(g, n), operand64(g, 1), IR_NONE);
    gen_exit_lookup_next(g);
}

void gen_lmsw(struct gen *g)
{
    gen_helper(g, HLP_lmsw, operand64(g, 0), IR_NONE, IR_NONE);
    gen_exit_lookup_next(g);
}

void gen_clts(struct gen *g)
{
    gen_helper(g, HLP_clts, IR_NONE, IR_NONE, IR_NONE);
    gen_exit_lookup_next(g);
}

/* DR8 to DR15 do not exist. */
void gen_mov_from_dr(struct gen *g)
{
    if (g->in->op[1].reg > 7) {
        gen_raise(g, X86_UD);
        return;
    }
    gen_store(g, 0, gen_helper_value(g, HLP_read_dr, gen_const(g, g->in->op[1].reg), IR_NONE, IR_NONE));
}

void gen_mov_to_dr(struct gen *g)
{
    if (g->in->op[0].reg > 7) {
        gen_raise(g, X86_UD);
        return;
    }
    gen_helper(g, HLP_write_dr, gen_const(g, g->in->op[0].reg), operand64(g, 1), IR_NONE);
    gen_exit_lookup_next(g);
}

void gen_xsetbv(struct gen *g)
{
    gen_helper(g, HLP_xsetbv, IR_NONE, IR_NONE, IR_NONE);
    gen_exit_lookup_next(g);
}

/* --- GS and FS bases --------------------------------------------------------------------------- */

void gen_swapgs(struct gen *g)
{
    ir_ref gs = IR_GLOBAL(X86_GREG_SEG_BASE + X86_GS), old = ir_temp(g->b, IR_I64);

    gen_set(g, IR_I64, old, gs);
    gen_set(g, IR_I64, gs, IR_GLOBAL(X86_G_KERNEL_GS));
    gen_set(g, IR_I64, IR_GLOBAL(X86_G_KERNEL_GS), old);
}

static bool refused_fsgsbase(struct gen *g)
{
    if (g->mode & X86_MODE_FSGSBASE)
        return false;
    gen_raise(g, X86_UD);
    return true;
}

void gen_rdsegbase(struct gen *g)
{
    if (refused_fsgsbase(g))
        return;
    gen_store(g, 0, IR_GLOBAL(X86_GREG_SEG_BASE + g->in->row->arg));
}

void gen_wrsegbase(struct gen *g)
{
    ir_ref value, top;

    if (refused_fsgsbase(g))
        return;
    value = operand64(g, 0);
    if (g->in->osize == 8) { /* canonical? */
        top = gen_tmp2(g, IR_shl, IR_I64, value, gen_const(g, 16));
        top = gen_tmp2(g, IR_sar, IR_I64, top, gen_const(g, 16));
        gen_guard(g, IR_NE, IR_I64, top, value, X86_GP);
    }
    gen_set(g, IR_I64, IR_GLOBAL(X86_GREG_SEG_BASE + g->in->row->arg), value);
}

/* --- TLB and caches -------------------------------------------------------------------------------- */

void gen_invlpg(struct gen *g)
{
    gen_helper(g, HLP_invlpg, gen_linear(g, 0, GEN_READ), IR_NONE, IR_NONE);
    gen_exit_lookup_next(g);
}

void gen_invpcid(struct gen *g)
{
    ir_ref lo = gen_ld(g, IR_I64, gen_mem(g, 0, 16, GEN_READ));
    ir_ref hi = gen_ld(g, IR_I64, gen_mem(g, 8, 8, GEN_READ));

    gen_helper(g, HLP_invpcid, operand64(g, 0), lo, hi);
    gen_exit_lookup_next(g);
}

/* Caches are not modelled. */
void gen_invd(struct gen *g)
{
}

void gen_wbinvd(struct gen *g)
{
}

/* --- MSRs, CPUID, time --------------------------------------------------------------------------------- */

void gen_rdmsr(struct gen *g)
{
    gen_helper(g, HLP_rdmsr, IR_NONE, IR_NONE, IR_NONE);
}

void gen_wrmsr(struct gen *g)
{
    gen_helper(g, HLP_wrmsr, IR_NONE, IR_NONE, IR_NONE);
    gen_exit_lookup_next(g);
}

void gen_cpuid(struct gen *g)
{
    gen_helper(g, HLP_cpuid, IR_NONE, IR_NONE, IR_NONE);
}

static void rdtsc(struct gen *g, bool rdtscp)
{
    ir_ref arg = gen_const(g, rdtscp);
    bool quick = !g->cpl || !(g->mode & X86_MODE_TSD);

    if (quick)
        unless(g, gen_helper_value(g, HLP_rdtsc_quick, arg, IR_NONE, IR_NONE), IR_NE);
    gen_helper(g, HLP_rdtsc, arg, IR_NONE, IR_NONE);
    if (quick)
        end_unless(g);
}

void gen_rdtsc(struct gen *g)
{
    rdtsc(g, false);
}

void gen_rdtscp(struct gen *g)
{
    rdtsc(g, true);
}

void gen_rdpid(struct gen *g)
{
    gen_store(g, 0, gen_helper_value(g, HLP_rdpid, IR_NONE, IR_NONE, IR_NONE));
}

/* There are no performance counters, so no counter number is valid. */
void gen_rdpmc(struct gen *g)
{
    gen_raise(g, X86_GP);
}

/* --- I/O and halting --------------------------------------------------------------------------------------- */

void gen_in(struct gen *g)
{
    unsigned size = g->in->op[0].size;
    ir_ref port = is_imm(g, 1) ? gen_const(g, g->in->imm & 0xff) : operand64(g, 1);

    gen_store(g, 0, gen_helper_value(g, HLP_in, port, gen_const(g, size), IR_NONE));
}

void gen_out(struct gen *g)
{
    unsigned size = g->in->op[1].size;
    ir_ref port = is_imm(g, 0) ? gen_const(g, g->in->imm & 0xff) : operand64(g, 0);

    gen_helper(g, HLP_out, port, operand64(g, 1), gen_const(g, size));
    gen_exit_lookup_next(g);
}

void gen_hlt(struct gen *g)
{
    gen_helper(g, HLP_hlt, IR_NONE, IR_NONE, IR_NONE);
    gen_exit_loop_next(g);
}
