/* SPDX-License-Identifier: MIT */
/*
 * The x86 instruction decoder: bytes to struct x86_insn, by the rows of insns_*.def.
 * Reference: Intel SDM vol. 2, chapter 2 and appendix A; order of faults vol. 3A section 6.9.
 *
 * One row describes one form of an instruction; those of MMX, SSE and x87 are made from
 * translator/simd_ops.def and x87_ops.def, the others are in insns_*.def:
 *     I(opcode, NAME, gen, op1, op2, op3, arg, flags, feature)
 *   opcode   in its map; NAME is the mnemonic; gen names the generator gen_<gen>()
 *   op1..3   operand codes of the SDM: E_v, G_b, I_z ... (x86_operand_code below), ___ for none
 *   arg      for the generator's own use (often an enum ir_op)
 *   flags    X86F_* (written without the prefix), RF()/WF()/UF(): EFLAGS read, written, undefined
 *   feature  X86_FEAT_*: the CPUID bit that makes it exist
 * Several rows may share an opcode when they differ in mandatory prefix, modrm.reg, modrm.mod,
 * modrm.rm or mode; the first that matches in table order counts. No row: #UD.
 */
#ifndef FRONTENDS_X86_DECODE_H
#define FRONTENDS_X86_DECODE_H

#include "frontends/x86/mode.h"
#include "translator/ir.h"

/* Operand codes: kind << 5 | type. */
enum x86_operand_kind {
    X86_K_NONE,
    X86_K_E,   /* modrm.rm: general register or memory */
    X86_K_M,   /* modrm.rm: memory only */
    X86_K_R,   /* modrm.rm: general register only */
    X86_K_G,   /* modrm.reg: general register */
    X86_K_S,   /* modrm.reg: segment register */
    X86_K_C,   /* modrm.reg: control register */
    X86_K_D,   /* modrm.reg: debug register */
    X86_K_P,   /* modrm.reg: MMX register */
    X86_K_Q,   /* modrm.rm: MMX register or memory */
    X86_K_N,   /* modrm.rm: MMX register only */
    X86_K_V,   /* modrm.reg: XMM register */
    X86_K_W,   /* modrm.rm: XMM register or memory */
    X86_K_U,   /* modrm.rm: XMM register only */
    X86_K_I,   /* immediate */
    X86_K_J,   /* relative branch offset */
    X86_K_O,   /* memory at an immediate offset (moffs) */
    X86_K_A,   /* immediate far pointer */
    X86_K_X,   /* memory at DS:rSI */
    X86_K_Y,   /* memory at ES:rDI */
    X86_K_Z,   /* general register in the low opcode bits */
    X86_K_rAX, /* fixed general registers */
    X86_K_rCX,
    X86_K_rDX,
    X86_K_ONE,  /* the constant 1 */
    X86_K_SREG, /* fixed segment register: type is its number */
    X86_K_XMM0, /* fixed XMM0 */
    X86_K_ST,   /* modrm.rm: x87 register ST(i) */
};
enum x86_operand_type {
    X86_T_none, /* no size, or one the generator knows (LEA, FXSAVE) */
    X86_T_b,
    X86_T_w,
    X86_T_d,
    X86_T_q,
    X86_T_x /* 16 bytes */,
    X86_T_t /* 10 bytes */,
    X86_T_v,  /* operand size */
    X86_T_z,  /* operand size, at most 4; an immediate is sign-extended to the operand size */
    X86_T_y,  /* 8 with REX.W, else 4 */
    X86_T_bs, /* immediate byte, sign-extended to the operand size */
    X86_T_p,  /* far pointer: operand size + 2 */
    X86_T_a,  /* two of the operand size (BOUND) */
    X86_T_s,  /* limit and base (LGDT) */
    X86_T_wr, /* word in memory, operand size in a register (SLDT, STR, SMSW, MOV from Sreg) */
    X86_T_bd, /* byte in memory, dword in a register (PINSRB) */
    X86_T_wd, /* word in memory, dword in a register */
    X86_T_2y, /* two of y (CMPXCHG8B/16B) */
};
#define X86_OPCODE(k, t) ((k) << 5 | (t))
#define X86_OPCODES_(k)                                                                            \
    k##_ = X86_OPCODE(X86_K_##k, X86_T_none), k##_b = X86_OPCODE(X86_K_##k, X86_T_b),              \
    k##_w = X86_OPCODE(X86_K_##k, X86_T_w), k##_d = X86_OPCODE(X86_K_##k, X86_T_d),                \
    k##_q = X86_OPCODE(X86_K_##k, X86_T_q), k##_x = X86_OPCODE(X86_K_##k, X86_T_x),                \
    k##_t = X86_OPCODE(X86_K_##k, X86_T_t), k##_v = X86_OPCODE(X86_K_##k, X86_T_v),                \
    k##_z = X86_OPCODE(X86_K_##k, X86_T_z), k##_y = X86_OPCODE(X86_K_##k, X86_T_y),                \
    k##_bs = X86_OPCODE(X86_K_##k, X86_T_bs), k##_p = X86_OPCODE(X86_K_##k, X86_T_p),              \
    k##_a = X86_OPCODE(X86_K_##k, X86_T_a), k##_s = X86_OPCODE(X86_K_##k, X86_T_s),                \
    k##_wr = X86_OPCODE(X86_K_##k, X86_T_wr), k##_2y = X86_OPCODE(X86_K_##k, X86_T_2y)
enum x86_operand_code {
    ___ = 0,
    X86_OPCODES_(E),
    X86_OPCODES_(M),
    X86_OPCODES_(R),
    X86_OPCODES_(G),
    X86_OPCODES_(S),
    X86_OPCODES_(C),
    X86_OPCODES_(D),
    X86_OPCODES_(P),
    X86_OPCODES_(Q),
    X86_OPCODES_(N),
    X86_OPCODES_(V),
    X86_OPCODES_(W),
    X86_OPCODES_(U),
    X86_OPCODES_(I),
    X86_OPCODES_(J),
    X86_OPCODES_(O),
    X86_OPCODES_(A),
    X86_OPCODES_(X),
    X86_OPCODES_(Y),
    X86_OPCODES_(Z),
    X86_OPCODES_(rAX),
    X86_OPCODES_(rCX),
    X86_OPCODES_(rDX),
    ONE = X86_OPCODE(X86_K_ONE, X86_T_b),
    XMM0 = X86_OPCODE(X86_K_XMM0, X86_T_x),
    ST_i = X86_OPCODE(X86_K_ST, X86_T_t),
    sES = X86_OPCODE(X86_K_SREG, X86_ES),
    sCS = X86_OPCODE(X86_K_SREG, X86_CS),
    sSS = X86_OPCODE(X86_K_SREG, X86_SS),
    sDS = X86_OPCODE(X86_K_SREG, X86_DS),
    sFS = X86_OPCODE(X86_K_SREG, X86_FS),
    sGS = X86_OPCODE(X86_K_SREG, X86_GS),
};
#undef X86_OPCODES_

/* Row flags. */
#define X86F_RF(m)   ((uint64_t)(m))                 /* arithmetic flags (enum ir_flag) read */
#define X86F_WF(m)   ((uint64_t)(m) << 6)            /* written */
#define X86F_UF(m)   ((uint64_t)(m) << 12)           /* undefined afterwards */
#define X86F_REG(n)  (BIT(18) | (uint64_t)(n) << 19) /* only with modrm.reg = n */
#define X86F_RM(n)   (BIT(22) | (uint64_t)(n) << 23) /* only with modrm.rm = n */
#define X86F_MOD_MEM BIT(26)                         /* only with a memory operand */
#define X86F_MOD_REG BIT(27)                         /* only with mod = 3 */
#define X86F_NP      BIT(28)                         /* only without 66, F3, F2 */
#define X86F_P66     BIT(29)                         /* only with 66 (and neither F3 nor F2) */
#define X86F_PF3     BIT(30)                         /* only with F3 */
#define X86F_PF2     BIT(31)                         /* only with F2 */
#define X86F_NO64    BIT(32)                         /* #UD in 64-bit mode */
#define X86F_ONLY64  BIT(33)                         /* exists in 64-bit mode only */
#define X86F_D64     BIT(34) /* in 64-bit mode the operand size is 8, or 2 with 66 */
#define X86F_F64     BIT(35) /* in 64-bit mode the operand size is 8 always */
#define X86F_LOCK    BIT(36) /* LOCK allowed with a memory destination */
#define X86F_CPL0    BIT(37) /* #GP(0) outside CPL 0 (vm86 is CPL 3) */
#define X86F_PROT    BIT(38) /* #UD in real mode and vm86 */
#define X86F_END     BIT(39) /* the generator ends the block */
#define X86F_MODRM   BIT(40) /* has modrm although no operand says so */
#define X86F_REP     BIT(41) /* REP / REPE / REPNE mean repetition */
#define X86F_IMM2    BIT(42) /* ENTER: a second immediate byte */
#define X86F_NOMOD   BIT(43) /* modrm.mod is ignored, rm is a register (MOV CR/DR) */
#define X86F_NOSEG                                                                                 \
    BIT(44) /* operand addresses no memory (LEA, INVLPG's offset still segmented: not set) */
#define X86F_TRAPS BIT(45) /* needs no privilege but is not run by the native test harness */
#define X86F_X87   BIT(46) /* arg is enum x87_op */
#define X86F_SIMD  BIT(47) /* arg is enum simd_op */

/* Features a row may need; which ones the CPU has: x86_cpu_features(). */
#define X86_FEATURES(F)                                                                            \
    F(BASE)                                                                                        \
    F(FPU) F(CMOV) F(CX8) F(CX16) F(FXSR) F(MMX) F(SSE) F(SSE2) F(SSE3) F(SSSE3) F(SSE41) F(SSE42) \
        F(POPCNT) F(MOVBE) F(CLFSH) F(SEP) F(SYSCALL) F(SYSCALL32) F(LAHF) F(RDTSCP) F(RDRAND) F(RDSEED)        \
            F(FSGSBASE) F(XSAVE) F(XSAVEOPT) F(INVPCID) F(SMAP) F(MONITOR) F(CLFLUSHOPT) F(RDPID)  \
                F(AES) F(PCLMUL) F(TSC) F(MSR) F(RDPMC) F(BMI1) F(LZCNT)
enum x86_feature {
#define X86_FEATURE_ENUM_(n) X86_FEAT_##n,
    X86_FEATURES(X86_FEATURE_ENUM_)
#undef X86_FEATURE_ENUM_
        X86_FEAT_COUNT
};

struct gen;
struct x86_row {
    const char *name;
    void (*gen)(struct gen *g);
    const char *gen_name;
    uint64_t flags;
    uint16_t op[3]; /* enum x86_operand_code */
    uint16_t arg;
    uint8_t map; /* enum x86_map */
    uint8_t opcode;
    uint8_t feature;
    uint8_t accept;            /* derived: prefixes it may have, outside and in 64-bit mode */
    uint8_t modrm, modrm_mask; /* derived: what modrm has to be, with mod 0 for memory */
};
enum x86_map { X86_MAP_1BYTE, X86_MAP_0F, X86_MAP_0F38, X86_MAP_0F3A, X86_MAP_COUNT };

enum x86_prefix {
    X86_P_LOCK = 1,
    X86_P_F3 = 2, /* the last of F3 and F2 counts: only one is set */
    X86_P_F2 = 4,
    X86_P_66 = 8,
    X86_P_67 = 16,
    X86_P_SEG = 32,
};

enum x86_value_kind {
    X86_OP_NONE,
    X86_OP_REG, /* general register; hi: AH, CH, DH, BH (reg 0..3) */
    X86_OP_MEM,
    X86_OP_IMM, /* imm, extended to the operand's size */
    X86_OP_REL, /* imm: displacement from the next instruction */
    X86_OP_FAR, /* imm: offset, imm2: selector */
    X86_OP_SREG,
    X86_OP_CR,
    X86_OP_DR,
    X86_OP_MMX,
    X86_OP_XMM,
    X86_OP_ST,
};
struct x86_operand {
    uint8_t kind; /* enum x86_value_kind */
    uint8_t size; /* bytes; 0: none or known to the generator */
    uint8_t reg;
    bool hi;
};

struct x86_insn {
    const struct x86_row *row;
    uint8_t len;
    uint8_t prefix; /* enum x86_prefix */
    uint8_t rex;    /* the byte, or 0 */
    uint8_t map, opcode;
    uint8_t modrm, mod, reg /* modrm.reg with REX.R */, rm /* modrm.rm with REX.B */;
    bool has_modrm, is_mem /* modrm or moffs, string: there is a memory operand */;
    uint8_t osize, asize; /* 2, 4, 8 */
    uint8_t seg;          /* enum x86_sreg of the memory operand, default or overridden */
    uint8_t seg_override; /* enum x86_sreg, or X86_SREG_COUNT */
    int8_t base, index;   /* enum x86_reg, -1: none */
    uint8_t scale;        /* 0..3 */
    bool rip_rel;
    int64_t disp;
    int64_t imm;
    uint16_t imm2;
    struct x86_operand op[3];
};

enum x86_decode_status {
    X86_DECODE_OK,
    X86_DECODE_UD,   /* #UD: insn.len bytes were looked at */
    X86_DECODE_LONG, /* more than 15 bytes: #GP(0) */
    X86_DECODE_MORE, /* needs a byte beyond those available */
};

/*
 * Decode at code (avail bytes of it). mode: X86_MODE_*; features: bit mask of enum x86_feature.
 * Privilege (CPL0) and the facts generators check (CR0.TS ...) are not looked at.
 */
enum x86_decode_status x86_decode(struct x86_insn *in, const uint8_t *code, unsigned avail,
                                  uint64_t mode, uint64_t features);

/* The rows, for tests and lists. */
const struct x86_row *x86_row_at(unsigned i); /* NULL beyond the last */

/* "add eax, ebx" style text of a decoded instruction, for logs without Capstone and for tests. */
void x86_insn_text(const struct x86_insn *in, uint64_t pc, char *buf, size_t size);

/* Feature mask of a CPU (from its model's CPUID). */
uint64_t x86_cpu_features(const struct x86_cpu *cpu);

#endif
