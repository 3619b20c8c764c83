/* SPDX-License-Identifier: MIT */
/*
 * What a generator (gen_<name>(), one per kind of row of insns_*.def) works with: it appends the
 * IR of one decoded instruction to a block. The decoder has checked form, mode and feature;
 * translate.c has emitted `insn` and checked privilege (X86F_CPL0). A generator
 *   - computes first, commits registers and flags last (translator/ir.h has the rules),
 *   - probes all memory it writes in several pieces before the first write,
 *   - ends the block with one of the gen_exit functions if its row has X86F_END (it sets g->ended);
 *     a row without it may end the block too.
 * Falling out of a generator without g->ended goes on with the next instruction.
 */
#ifndef FRONTENDS_X86_GEN_H
#define FRONTENDS_X86_GEN_H

#include "frontends/x86/decode.h"
#include "frontends/x86/helpers.h"
#include "translator/frontend.h"
#include "translator/ir.h"

/* Guest registers as refs: IR_GLOBAL(X86_RSP), IR_GLOBAL(X86_GREG_DF), IR_GLOBAL(X86_G_PC): globals.def. */
extern const struct ir_global x86_globals[X86_G_COUNT];

struct gen {
    struct ir_block *b;
    const struct x86_insn *in;
    const struct tb_key *key;
    struct x86_cpu *cpu; /* for constant facts only (model); its state is not the block's */
    uint64_t mode;       /* X86_MODE_* */
    uint64_t features;   /* of the CPU: bit mask of enum x86_feature */
    bool code64;         /* 64-bit mode */
    bool stepping;       /* every instruction is a block and leaves to the run loop */
    bool reports;        /* and reports its end (step_done): single step, debug registers */
    uint8_t cpl;
    uint8_t mmu_idx;
    uint8_t sbits;     /* stack address size: 16, 32, 64 */
    enum ir_type type; /* operand size */
    int64_t off, next; /* this and the following instruction's PC, from pc_page */
    bool ended;
    bool shadow; /* this instruction follows STI: poll when it has been executed */
    bool x87_pending,
        x87_based;   /* FIP not stored yet / its base stored in this block (gen_x87.c) */
    int64_t x87_off; /* the pending FIP, from pc_page */
};

/* --- values --- */
static inline enum ir_type gen_type(unsigned bytes)
{
    return bytes == 1 ? IR_I8 : bytes == 2 ? IR_I16 : bytes == 4 ? IR_I32 : IR_I64;
}
static inline ir_ref gen_const(struct gen *g, int64_t v)
{
    return ir_const(g->b, v);
}
/* The general register n as a ref of any type (AH..BH: gen_operand). */
static inline ir_ref gen_reg(unsigned n)
{
    return IR_GLOBAL(n);
}
/* dst = a op b, into a new temporary or the given ref; without flags, or defining fdef. */
ir_ref gen_tmp2(struct gen *g, enum ir_op op, enum ir_type t, ir_ref a, ir_ref b);
struct ir_insn *gen_op2(struct gen *g, enum ir_op op, enum ir_type t, ir_ref dst, ir_ref a,
                        ir_ref b, unsigned fdef);
ir_ref gen_zext(struct gen *g, enum ir_type to, ir_ref a, enum ir_type from);
ir_ref gen_sext(struct gen *g, enum ir_type to, ir_ref a, enum ir_type from);
void gen_set(struct gen *g, enum ir_type t, ir_ref dst, ir_ref src);
/* Flags the row defines (written or undefined) and reads. */
unsigned gen_fdef(const struct gen *g);

/* --- operands 0..2 of the instruction --- */
enum ir_type gen_op_type(const struct gen *g, unsigned i);
static inline bool gen_op_is_mem(const struct gen *g, unsigned i)
{
    return g->in->op[i].kind == X86_OP_MEM;
}
ir_ref gen_load(struct gen *g, unsigned i); /* register, immediate or memory (then loaded) */
void gen_store(struct gen *g, unsigned i, ir_ref value); /* register or memory */
ir_ref gen_reg_operand(const struct gen *g,
                       unsigned i); /* a register operand's ref (IR_HI for AH..) */

/* --- memory --- */
enum gen_access {
    GEN_READ,
    GEN_WRITE /* also read-modify-write: only write permission is checked */
};
/*
 * The modrm/moffs memory operand, `disp` bytes further on, after segment checks for an access of
 * `size` bytes (0: none): value for ir_insn.mem. Each call emits the checks anew.
 */
uint16_t gen_mem(struct gen *g, int disp, unsigned size, enum gen_access a);
/* The same at base + disp (base an I64 view) in a segment with an address size of abits. */
uint16_t gen_mem_at(struct gen *g, enum x86_sreg seg, ir_ref base, int disp, unsigned abits,
                    unsigned size, enum gen_access a);
/* Effective address of the modrm operand without segment: as a mem operand for lea; as an I64 temporary. */
struct ir_mem gen_ea(struct gen *g);
ir_ref gen_ea_value(struct gen *g);
/* Linear address of the modrm operand as an I64 temporary, after segment checks: for helpers. */
ir_ref gen_linear(struct gen *g, unsigned size, enum gen_access a);
/* From a (changed) mem operand description. */
uint16_t gen_mem_finish(struct gen *g, struct ir_mem m, enum x86_sreg seg, unsigned size,
                        enum gen_access a);
ir_ref gen_ld(struct gen *g, enum ir_type t, uint16_t mem);
void gen_st(struct gen *g, enum ir_type t, uint16_t mem, ir_ref value);
void gen_probe(struct gen *g, uint16_t mem, unsigned size, enum gen_access a);
/* Memory flags for helpers that access memory themselves: linear width is 32 outside 64-bit mode. */
static inline unsigned gen_lbits(const struct gen *g)
{
    return g->code64 ? 64 : 32;
}

/* --- stack --- */
uint16_t gen_stack_mem(struct gen *g, int disp, unsigned size,
                       enum gen_access a); /* at [rSP + disp] */
void gen_sp_add(struct gen *g, int n);     /* rSP += n in the stack's width, no flags */
void gen_push_value(struct gen *g, enum ir_type t, ir_ref value);

/* --- helpers and exceptions --- */
void gen_helper(struct gen *g, enum x86_helper h, ir_ref a, ir_ref b,
                ir_ref c); /* IR_NONE for missing ones */
ir_ref gen_helper_value(struct gen *g, enum x86_helper h, ir_ref a, ir_ref b,
                        ir_ref c); /* I64 temporary */
/* Unconditional, ends the block. */
void gen_raise(struct gen *g, enum x86_vector vector);
void gen_raise_error(struct gen *g, enum x86_vector vector, unsigned error);
/* If cond(a, b) raise (error 0 where the vector has one). Guest flags untouched. */
void gen_guard(struct gen *g, enum ir_cond cond, enum ir_type t, ir_ref a, ir_ref b,
               enum x86_vector vector);

/* --- program counter --- */
/* IP of off (from pc_page) as a value of type t: what CALL pushes. */
ir_ref gen_ip(struct gen *g, int64_t off, enum ir_type t);
/* Linear PC at off, as an I64 ref. */
ir_ref gen_linear_pc(struct gen *g, int64_t off);
void gen_set_pc(struct gen *g, int64_t off); /* vcpu.pc = linear PC at off */

/* CS not flat (X86_MODE_CS_STATIC): IP of an offset from pc_page, and the reverse. */
uint32_t gen_static_ip(const struct gen *g, int64_t off);
int64_t gen_static_off(const struct gen *g, uint32_t ip);

/* --- ways out: all end the block --- */
unsigned gen_exit_slot(struct gen *g, int64_t off); /* for exit_if and exit_ifz, unless stepping */
void gen_exit_to(struct gen *g, int64_t off);       /* direct jump to off: no checks */
void gen_exit_next(struct gen *g);                  /* direct, to the next instruction */
/* Near indirect: the linear PC of the new IP (of type t) after the CS limit check; then, after commits, the exit. */
ir_ref gen_ind_target(struct gen *g, ir_ref ip, enum ir_type t);
void gen_exit_ind(struct gen *g, ir_ref pc, int32_t sp_change); /* what the instruction has added to rSP */
/* State other than PC may have changed (mode, interrupts): full lookup with poll. */
void gen_exit_lookup_next(struct gen *g); /* pc = next instruction */
void gen_exit_lookup(struct gen *g);      /* a helper has set vcpu.pc (linear) */
void gen_exit_loop_next(struct gen *g);   /* to the run loop, pc = next */
void gen_exit_loop(struct gen *g);
/* The block ends behind STI: the following one has the shadow's instruction (gen_sys.c). */
void gen_leave_in_shadow(struct gen *g);
/* Restart this instruction (REP interrupted) if value (I64) is 0. */
void gen_restart_ifz(struct gen *g, ir_ref value);

/* --- x87 (gen_x87.c) --- */
/* Store the pending FIP: before the `insn` op of an instruction unless gen_x87_keeps_pending(), and before leaving the block. */
void gen_x87_flush(struct gen *g);
bool gen_x87_keeps_pending(const struct gen *g);
void gen_x87_wait(struct gen *g);   /* of a waiting instruction: raise pending x87 errors */
void gen_x87_waited(struct gen *g); /* after one that is no x87 instruction */

/* --- one generator per row --- */
#define I(opcode, NAME, func, op1, op2, op3, arg, flags, feature) void gen_##func(struct gen *g);
#include "frontends/x86/insns_1byte.def"
#include "frontends/x86/insns_0f.def"
#include "frontends/x86/insns_0f38.def"
#undef I
void gen_simd(struct gen *g); /* rows of simd_ops.def: row->arg is enum simd_op */
void gen_fpu(struct gen *g);  /* rows of x87_ops.def: opcode and modrm are in g->in */

/* frontend_ops.translate */
int x86_translate(struct vcpu *v, const struct tb_key *key, const uint8_t *code, unsigned avail,
                  const uint8_t *code2, struct ir_block *b);
extern const struct ir_helper x86_helpers[];

/* --- packing of helper arguments, values of row->arg --- */
#define X86_LOOP_ALWAYS 16 /* LOOP: no condition besides the count */
enum x86_decimal { X86_DEC_DAA, X86_DEC_DAS, X86_DEC_AAA, X86_DEC_AAS, X86_DEC_AAM, X86_DEC_AAD };

/* seg_check's b */
#define X86_SEG_ACCESS(sreg, size, write) ((sreg) | (size) << 8 | (uint32_t)(write) << 31)

/* String helpers' a. */
struct x86_string {
    uint8_t size;  /* element: 1, 2, 4, 8 */
    uint8_t asize; /* 2, 4, 8 */
    uint8_t seg;   /* of the source */
    uint8_t rep;   /* 0, X86_P_F3, X86_P_F2 */
    bool one;      /* at most one element (stepping) */
};
static inline uint64_t x86_string_pack(struct x86_string s)
{
    return s.size | (uint64_t)s.asize << 8 | (uint64_t)s.seg << 16 | (uint64_t)s.rep << 24 |
           (uint64_t)s.one << 32;
}
static inline struct x86_string x86_string_unpack(uint64_t a)
{
    return (struct x86_string){(uint8_t)a, (uint8_t)(a >> 8), (uint8_t)(a >> 16),
                               (uint8_t)(a >> 24), a >> 32 & 1};
}

#endif
