/* SPDX-License-Identifier: MIT */
/*
 * Inside of the interpreter backend: a block's copy of its IR, the frame of a run, the parts.
 */
#ifndef BACKENDS_INTERP_H
#define BACKENDS_INTERP_H

#include "translator/backend.h"
#include "translator/ir.h"
#include "translator/vcpu.h"

struct interp_block {
    struct ir_insn *insns; /* fuse of simd and fpu insns is kept; aux of skips is a position */
    struct ir_mem *mems;
    int64_t *consts;
    struct ir_exit *exits;
    const uint8_t **thunks; /* by insn, host code of simd and fpu insns; NULL if there are none */
    const struct ir_global *globals;
    const struct ir_helper *helpers;
    uint8_t *temp_types;
};

struct interp_frame {
    struct vcpu *cpu;
    struct tb *tb;
    const struct interp_block *b;
    uint64_t *temps;
};

static inline uint64_t interp_mask(enum ir_type t)
{
    return mask64(ir_type_bits(t));
}

uint64_t interp_get(struct interp_frame *f, ir_ref r);
void interp_put(struct interp_frame *f, ir_ref r, enum ir_type t, uint64_t val);
gva_t interp_address(struct interp_frame *f, const struct ir_insn *i);
unsigned interp_memflags(struct interp_frame *f, const struct ir_insn *i);
void interp_set_flags(struct interp_frame *f, const struct ir_insn *i, uint32_t eflags);
bool interp_cond(uint32_t eflags, enum ir_cond c);

/*
 * interp_alu.c: result of an arithmetic op on values of type t (upper bits ignored, and zero in
 * the result). *eflags holds the flags before, then those after; false: it has not changed any.
 */
bool interp_alu(enum ir_op op, enum ir_type t, uint64_t a, uint64_t b, uint64_t c, uint64_t *res,
                uint32_t *eflags);
/* hi:lo = a * b */
void interp_mul(enum ir_type t, bool is_signed, uint64_t a, uint64_t b, uint64_t *lo, uint64_t *hi,
                uint32_t *eflags);
/* False: divide error. */
bool interp_div(enum ir_type t, bool is_signed, uint64_t lo, uint64_t hi, uint64_t d, uint64_t *q,
                uint64_t *r);
uint32_t interp_crc32c(uint32_t crc, uint64_t val, unsigned bytes);

/* interp_mem.c */
void interp_load(struct interp_frame *f, const struct ir_insn *i);
void interp_store(struct interp_frame *f, const struct ir_insn *i);
void interp_rmw(struct interp_frame *f, const struct ir_insn *i);
void interp_cmpxchg(struct interp_frame *f, const struct ir_insn *i);
void interp_cmpxchg2(struct interp_frame *f, const struct ir_insn *i);

/* interp_fp.c: simd and fpu insns run on the host's own units, by thunks in the code buffer. */
void interp_fp_init(void);
void interp_fp_fini(void);
/* Bytes of the thunk for an insn, or -ENOSPC. */
int interp_fp_compile(const struct ir_insn *i, const struct code_span *to);
void interp_fp_run(struct interp_frame *f, const struct ir_insn *i, const uint8_t *thunk);
/* interp_fp_leaf.c: call a leaf helper with the guest's FP state in the host's registers. */
uint64_t interp_fp_call(struct vcpu *cpu, ir_helper_fn fn, uint64_t a, uint64_t b, uint64_t c);

#endif
