/* SPDX-License-Identifier: MIT */
/*
 * The intermediate representation between guests (frontends/) and hosts (backends/).
 *
 * A block is a linear list of insns for a straight run of guest instructions with a few exits.
 * Sources and results are refs: named globals (guest registers in struct vcpu or behind it),
 * single-assignment temporaries, constants. Semantics of each op: ir_ops.def.
 *
 * Rules the frontend keeps (checked by ir_verify):
 *  - a guest instruction opens with `insn`; everything it writes (globals, flags) it writes after
 *    its last op that can fault, except that a write may be by the faulting op itself;
 *  - an instruction of several stores probes all of them first (probe);
 *  - a temporary is defined once before use, and never lives across a label;
 *  - the last insn is END; labels are forward only.
 * Flags: an op with insn.fdef != 0 defines those flags, the others keep their value. Undefined
 * flags (by the manual) still count as defined: they take what the host leaves.
 */
#ifndef TRANSLATOR_IR_H
#define TRANSLATOR_IR_H

#include "util/base.h"
#include "util/types.h"

enum ir_type { IR_I8, IR_I16, IR_I32, IR_I64 };
static inline unsigned ir_type_bytes(enum ir_type t) { return 1u << t; }
static inline unsigned ir_type_bits(enum ir_type t) { return 8u << t; }

/* Flag masks of insn.fdef/fuse: IR order, not EFLAGS positions. */
enum ir_flag { FC = 1, FP = 2, FA = 4, FZ = 8, FS = 16, FO = 32, OSZAPC = 63, OSZAP = 62 };
#define IR_EFLAGS_MASK 0x8d5u /* CF PF AF ZF SF OF at their EFLAGS positions */
uint32_t ir_flags_to_eflags(unsigned flags); /* IR_FLAG mask -> EFLAGS mask */

/* Conditions: the numbering of x86 Jcc (SDM vol. 2, appendix B). cond ^ 1 negates. */
enum ir_cond {
    IR_O, IR_NO, IR_B, IR_AE, IR_E, IR_NE, IR_BE, IR_A,
    IR_S, IR_NS, IR_P, IR_NP, IR_L, IR_GE, IR_LE, IR_G,
};
unsigned ir_cond_flags(enum ir_cond c); /* flags a condition reads */

/*
 * Operand reference: 16 bits. 0 is "none". Class in the top bits.
 * IR_HI(g): bits 15..8 of global g, only as an I8 operand (AH, CH, DH, BH).
 */
typedef uint16_t ir_ref;
enum { IR_CLASS_NONE = 0, IR_CLASS_GLOBAL = 1, IR_CLASS_HI = 2, IR_CLASS_CONST = 3, IR_CLASS_TEMP = 4 };
#define IR_NONE ((ir_ref)0)
#define IR_REF(class, n) ((ir_ref)((class) << 12 | (n)))
#define IR_GLOBAL(n) IR_REF(IR_CLASS_GLOBAL, n)
#define IR_HI(n) IR_REF(IR_CLASS_HI, n)
static inline unsigned ir_ref_class(ir_ref r) { return r >> 12; }
/* Is one of them a temporary? No other class has its bit. */
#define IR_ANY_TEMP(refs) ((refs) >> 12 & IR_CLASS_TEMP)
static inline unsigned ir_ref_index(ir_ref r) { return r & 0xfff; }

/* A named guest register: at `offset` from struct vcpu, `type` wide. */
struct ir_global {
    const char *name;
    uint32_t offset;
    enum ir_type type;
    int8_t pin; /* host register slot, each used once; -1: stays in memory. The x86-64 backend has
                   12: 0..7 for the guest's rax rcx rdx rbx rsp rbp rsi rdi, 8..11 for the next
                   hottest (x86: r12..r15; compilers use r8..r11 much less) */
};

/* What a helper (C function called from translated code) may do. */
enum ir_helper_flags {
    HF_RAISE = 1,        /* may raise a guest exception: guest state must be exact at the call */
    HF_READ_GLOBALS = 2, /* reads globals through struct vcpu */
    HF_WRITE_GLOBALS = 4, /* writes globals (implies read) */
    HF_READ_FLAGS = 8,   /* reads vcpu.flags (the arithmetic flags' image) */
    HF_WRITE_FLAGS = 16, /* writes vcpu.flags */
    HF_FP = 32,          /* reads or writes the FP/SIMD state or MXCSR/FCW: in vcpu.fx (saved before, reloaded after);
                            with HF_LEAF: in the host registers, where the guest's is live during the call */
    HF_LEAF = 64,        /* compiled for general registers only: callable with FP state live */
    HF_NORETURN = 128,
    HF_PURE = 256,       /* result depends on arguments only; removable */
    HF_TRY = 512,        /* does everything or nothing: what follows for the second case may raise */
};
struct vcpu;
typedef uint64_t (*ir_helper_fn)(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c);
struct ir_helper {
    const char *name;
    ir_helper_fn fn;
    uint32_t flags;
};

/* Memory operand: linear = wrap(base + (index << scale) + disp, abits) + seg, wrapped to lbits. */
struct ir_mem {
    ir_ref base, index; /* I64 view of a global, temp of at least abits, or none */
    ir_ref seg;         /* global holding the segment base, or none (base 0) */
    uint8_t scale;      /* 0..3 */
    uint8_t abits;      /* 16, 32, 64: address size */
    uint8_t lbits;      /* 32 or 64: width of a linear address in this mode */
    uint8_t flags;      /* IR_MEM_* for the frontend's fault callback */
    int32_t disp;
};
enum { IR_MEM_STACK = 1 /* stack-segment access: non-canonical raises #SS */,
       IR_MEM_ALIGN = 2 /* must be naturally aligned to its size (#GP), e.g. MOVAPS */,
       IR_MEM_WINDOW = 4 /* base is the result of a window: cannot fault, but for alignment */ };

enum ir_op {
#define OP(name, ...) IR_##name,
#include "translator/ir_ops.def"
#undef OP
    IR_OP_COUNT
};

/* What an op's row says (the attrs of ir_ops.def), and more that derives from it. */
enum ir_attr {
    IRA_MEM = 1,
    IRA_LOADS = 2,
    IRA_STORES = 4,
    IRA_FAULTS = 8,
    IRA_EFFECT = 16,
    IRA_END = 32,
    IRA_LEAVES = 64,
    IRA_VARCNT = 128,
    IRA_AUX = 256,
    IRA_COND = 512,
    IRA_SYNC = 1024,
    IRA_COMMUTES = 2048,
};
struct ir_op_info {
    const char *name;
    uint8_t dsts, srcs, fdef, fuse;
    uint16_t attrs;
};
extern const struct ir_op_info ir_op_info[IR_OP_COUNT];

enum { IRF_LOCK = 1, IRF_MEM = 2 /* simd/fpu: has a memory operand */, IRF_REX = 4 /* simd: 64-bit general operand (REX.W) */ };
enum { IR_FENCE_LOAD = 1, IR_FENCE_STORE = 2 };

struct ir_insn {
    uint8_t op;   /* enum ir_op */
    uint8_t type; /* enum ir_type */
    uint8_t cond; /* enum ir_cond */
    uint8_t irf;  /* IRF_* */
    uint8_t fdef; /* flags defined (enum ir_flag mask) */
    uint8_t fuse; /* flags read */
    uint8_t flive; /* opt_flags: of fdef, those some later reader wants */
    uint8_t finfo; /* opt_flags: IR_FL_* */
    ir_ref dst, dst2;
    ir_ref src[3];
    uint16_t mem; /* index into block->mems + 1; 0: none */
    uint32_t aux;
    uint8_t xreg, xrm, imm; /* simd: modrm.reg and modrm.rm register numbers (0..15), immediate */
    uint8_t imm2;
};

/* A direct way out of a block. */
struct ir_exit {
    int64_t off; /* target PC - vcpu.pc_page (then wrapped to block->pc_bits), 32 bits signed; may be in another page */
    bool poll;   /* backward or leaving the page: poll for events before jumping */
};

#define IR_MAX_EXITS 8
#define IR_MAX_TEMPS 2048
#define IR_MAX_CONSTS 2048
#define IR_MAX_MEMS 2048
#define IR_MAX_INSNS 4096
#define IR_MAX_LABELS 512
struct ir_block {
    struct ir_insn *insns; unsigned n_insns, cap_insns;
    struct ir_mem *mems; unsigned n_mems, cap_mems;
    int64_t *consts; unsigned n_consts, cap_consts;
    enum ir_type *temp_types; unsigned n_temps, cap_temps;
    struct ir_exit exits[IR_MAX_EXITS]; unsigned n_exits;
    unsigned n_labels;
    uint8_t mmu_idx; /* soft-TLB set of all its accesses */
    uint8_t pc_bits; /* 32 or 64 */
    uint16_t guest_bytes, guest_insns;
    /* context for printing, verifying, emitting */
    const struct ir_global *globals; unsigned n_globals;
    const struct ir_helper *helpers; unsigned n_helpers;
    uint16_t const_hash[64]; /* ref last given to a constant of this hash */
};

void ir_block_init(struct ir_block *b); /* buffers are kept between blocks: reset, not freed */
void ir_block_reset(struct ir_block *b);
void ir_block_fini(struct ir_block *b);
/*
 * Must the frontend end the block before the next guest instruction? Any one guest instruction
 * may use up to a quarter of each limit; going beyond a limit is our bug and asserts.
 */
bool ir_block_full(const struct ir_block *b);

/* Builders. All return the insn just appended (valid until the next append). */
struct ir_insn *ir_emit(struct ir_block *b, enum ir_op op, enum ir_type type);
ir_ref ir_temp(struct ir_block *b, enum ir_type type);
ir_ref ir_const(struct ir_block *b, int64_t value); /* interned */
int64_t ir_const_value(const struct ir_block *b, ir_ref r);
uint16_t ir_mem_add(struct ir_block *b, const struct ir_mem *m); /* index + 1, for insn.mem */
unsigned ir_exit_add(struct ir_block *b, int64_t off, bool poll);
/* dst = op(a, b), no flags */
void ir_op2(struct ir_block *b, enum ir_op op, enum ir_type t, ir_ref dst, ir_ref x, ir_ref y);
void ir_mov(struct ir_block *b, enum ir_type t, ir_ref dst, ir_ref src);

/* Type an operand of an insn must have, or -1 if any will do (simd, fpu). */
int ir_dst_type(const struct ir_insn *i, unsigned n);
int ir_src_type(const struct ir_insn *i, unsigned n);
/* Flags an insn reads: of its row's fuse, what its op, condition or mask really needs. */
unsigned ir_insn_fuse(const struct ir_insn *i, const struct ir_block *b);

/* Text form, both ways: one insn per line, e.g. `add.i32 rax, rbx, t3 {OSZAPC}`; ir_print.c documents the grammar. */
char *ir_print(const struct ir_block *b); /* malloc'd */
struct error;
int ir_parse(struct ir_block *b, const char *text, struct error **err);
/* 0, or -1 with a message naming the insn and the broken rule. */
int ir_verify(const struct ir_block *b, struct error **err);

/*
 * opt_flags: one backward pass. Sets flive, removes dead flags and dead value ops, and says for
 * each flag producer what a fault before the flags' next definition will need (finfo).
 */
enum { IR_FL_READ = 1 /* some reader other than a fault wants flive */,
       IR_FL_FAULT = 2 /* a faulting op before the next full definition may need them */,
       IR_FL_INTACT = 4 /* the producer's register inputs and result are unmodified up to the last such fault */ };
void opt_flags(struct ir_block *b);

/* opt_windows: memory operands near each other get one check. Before opt_flags. */
void opt_windows(struct ir_block *b);
/* Bytes of a load, store, rmw, or simd or fpu memory operand (0: none), and whether it is written. */
unsigned ir_access_bytes(const struct ir_insn *i);
bool ir_access_writes(const struct ir_insn *i);
static inline bool ir_in_window(const struct ir_insn *i, const struct ir_block *b)
{
    return i->mem && b->mems[i->mem - 1].flags & IR_MEM_WINDOW;
}

#endif
