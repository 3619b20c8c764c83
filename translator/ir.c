/* SPDX-License-Identifier: MIT */
/*
 * IR blocks: buffers that are kept between blocks, builders, and what derives from the rows of
 * ir_ops.def. Nothing here allocates once the buffers have grown to the largest block seen.
 */
#include "translator/ir.h"

#include <stdlib.h>

/* The names ir_ops.def uses for its attributes. */
enum {
    MEM = IRA_MEM,
    LOADS = IRA_LOADS,
    STORES = IRA_STORES,
    FAULTS = IRA_FAULTS,
    EFFECT = IRA_EFFECT,
    END = IRA_END,
    LEAVES = IRA_LEAVES,
    VARCNT = IRA_VARCNT,
    AUX = IRA_AUX,
    COND = IRA_COND,
    SYNC = IRA_SYNC,
    COMMUTES = IRA_COMMUTES,
};

const struct ir_op_info ir_op_info[IR_OP_COUNT] = {
#define OP(name, dsts, srcs, attrs, fdef, fuse, meaning)                                           \
    [IR_##name] = {#name, dsts, srcs, fdef, fuse, attrs},
#include "translator/ir_ops.def"
#undef OP
};

/* --- flags and conditions --------------------------------------------------- */

uint32_t ir_flags_to_eflags(unsigned flags)
{
    return (flags & FC) | (flags & FP) << 1 | (flags & FA) << 2 | (flags & FZ) << 3 |
           (flags & FS) << 3 | (flags & FO) << 6;
}

unsigned ir_cond_flags(enum ir_cond c)
{
    static const uint8_t flags[8] = {FO, FC, FZ, FC | FZ, FS, FP, FS | FO, FS | FO | FZ};

    return flags[c >> 1 & 7];
}

static unsigned eflags_to_ir_flags(uint32_t eflags)
{
    unsigned flags = 0;

    for (unsigned f = FC; f <= FO; f <<= 1)
        if (eflags & ir_flags_to_eflags(f))
            flags |= f;
    return flags;
}

static unsigned call_fuse(const struct ir_insn *i, const struct ir_block *b)
{
    if (i->aux >= b->n_helpers)
        return OSZAPC;
    return b->helpers[i->aux].flags & HF_READ_FLAGS ? OSZAPC : 0;
}

unsigned ir_insn_fuse(const struct ir_insn *i, const struct ir_block *b)
{
    switch (i->op) {
    case IR_getf:
        return eflags_to_ir_flags(i->aux);
    case IR_call:
        return call_fuse(i, b);
    case IR_rmw:
        return i->aux == IR_adc || i->aux == IR_sbb || i->aux == IR_rcl || i->aux == IR_rcr ? FC
                                                                                             : 0;
    case IR_fpu:
        return i->fuse;
    case IR_guard:
        return 0;
    default:
        break;
    }
    if (ir_op_info[i->op].attrs & IRA_COND && ir_op_info[i->op].fuse)
        return ir_cond_flags(i->cond);
    return ir_op_info[i->op].fuse;
}

/* --- types of operands -------------------------------------------------------- */

int ir_dst_type(const struct ir_insn *i, unsigned n)
{
    switch (i->op) {
    case IR_setcc:
        return IR_I8;
    case IR_getf:
        return IR_I32;
    case IR_crc32:
        return IR_I32;
    case IR_mulu:
    case IR_muls:
        return i->type == IR_I8 ? IR_I16 : i->type;
    case IR_call:
        return IR_I64;
    case IR_simd:
    case IR_fpu:
        return -1;
    default:
        return i->type;
    }
}

static int rmw_src_type(const struct ir_insn *i, unsigned n)
{
    switch (i->aux) {
    case IR_shl ... IR_rcr:
        return IR_I8;
    case IR_shld:
    case IR_shrd:
        return n == 1 ? (int)IR_I8 : i->type;
    default:
        return i->type;
    }
}

int ir_src_type(const struct ir_insn *i, unsigned n)
{
    switch (i->op) {
    case IR_zext:
    case IR_sext:
        return (int)i->aux;
    case IR_crc32:
        return n == 0 ? (int)IR_I32 : (int)i->aux;
    case IR_shl ... IR_rcr:
        return n == 1 ? (int)IR_I8 : i->type;
    case IR_shld:
    case IR_shrd:
        return n == 2 ? (int)IR_I8 : i->type;
    case IR_divu:
    case IR_divs:
        return i->type == IR_I8 && n == 0 ? (int)IR_I16 : i->type;
    case IR_setf:
        return IR_I32;
    case IR_rmw:
        return rmw_src_type(i, n);
    case IR_call:
    case IR_exit_ind:
        return IR_I64;
    case IR_simd:
    case IR_fpu:
        return -1;
    default:
        return i->type;
    }
}

/* --- blocks --------------------------------------------------------------------- */

static void *grow(void *buf, unsigned *cap, unsigned limit, size_t size)
{
    unsigned n = MIN(*cap ? *cap * 2 : 64u, limit);

    assert(*cap < limit);
    buf = realloc(buf, n * size);
    assert(buf);
    *cap = n;
    return buf;
}

void ir_block_init(struct ir_block *b)
{
    memset(b, 0, sizeof(*b));
}

void ir_block_reset(struct ir_block *b)
{
    b->n_insns = b->n_mems = b->n_consts = b->n_temps = b->n_exits = b->n_labels = 0;
    b->mmu_idx = 0;
    b->pc_bits = 64;
    b->guest_bytes = b->guest_insns = 0;
    memset(b->const_hash, 0, sizeof(b->const_hash));
}

void ir_block_fini(struct ir_block *b)
{
    free(b->insns);
    free(b->mems);
    free(b->consts);
    free(b->temp_types);
    memset(b, 0, sizeof(*b));
}

bool ir_block_full(const struct ir_block *b)
{
    return b->n_insns > IR_MAX_INSNS / 4 * 3 || b->n_mems > IR_MAX_MEMS / 4 * 3 ||
           b->n_consts > IR_MAX_CONSTS / 4 * 3 || b->n_temps > IR_MAX_TEMPS / 4 * 3 ||
           b->n_labels > IR_MAX_LABELS / 4 * 3 || b->n_exits > IR_MAX_EXITS / 2;
}

/* --- builders ------------------------------------------------------------------- */

struct ir_insn *ir_emit(struct ir_block *b, enum ir_op op, enum ir_type type)
{
    struct ir_insn *i;

    if (unlikely(b->n_insns == b->cap_insns))
        b->insns = grow(b->insns, &b->cap_insns, IR_MAX_INSNS, sizeof(*b->insns));
    i = &b->insns[b->n_insns++];
    *i = (struct ir_insn){.op = op, .type = type};
    return i;
}

ir_ref ir_temp(struct ir_block *b, enum ir_type type)
{
    if (unlikely(b->n_temps == b->cap_temps))
        b->temp_types = grow(b->temp_types, &b->cap_temps, IR_MAX_TEMPS, sizeof(*b->temp_types));
    b->temp_types[b->n_temps] = type;
    return IR_REF(IR_CLASS_TEMP, b->n_temps++);
}

ir_ref ir_const(struct ir_block *b, int64_t value)
{
    unsigned h = ((uint64_t)value * 0x9e3779b97f4a7c15u) >> 58;
    ir_ref r = b->const_hash[h];

    if (r && b->consts[ir_ref_index(r)] == value)
        return r;
    if (unlikely(b->n_consts == b->cap_consts))
        b->consts = grow(b->consts, &b->cap_consts, IR_MAX_CONSTS, sizeof(*b->consts));
    b->consts[b->n_consts] = value;
    r = IR_REF(IR_CLASS_CONST, b->n_consts++);
    b->const_hash[h] = r;
    return r;
}

int64_t ir_const_value(const struct ir_block *b, ir_ref r)
{
    assert(ir_ref_class(r) == IR_CLASS_CONST && ir_ref_index(r) < b->n_consts);
    return b->consts[ir_ref_index(r)];
}

uint16_t ir_mem_add(struct ir_block *b, const struct ir_mem *m)
{
    if (unlikely(b->n_mems == b->cap_mems))
        b->mems = grow(b->mems, &b->cap_mems, IR_MAX_MEMS, sizeof(*b->mems));
    b->mems[b->n_mems++] = *m;
    return b->n_mems;
}

unsigned ir_exit_add(struct ir_block *b, int64_t off, bool poll)
{
    assert(b->n_exits < IR_MAX_EXITS && off == (int32_t)off);
    b->exits[b->n_exits] = (struct ir_exit){.off = off, .poll = poll};
    return b->n_exits++;
}

void ir_op2(struct ir_block *b, enum ir_op op, enum ir_type t, ir_ref dst, ir_ref x, ir_ref y)
{
    struct ir_insn *i = ir_emit(b, op, t);

    i->dst = dst;
    i->src[0] = x;
    i->src[1] = y;
}

void ir_mov(struct ir_block *b, enum ir_type t, ir_ref dst, ir_ref src)
{
    struct ir_insn *i = ir_emit(b, IR_mov, t);

    i->dst = dst;
    i->src[0] = src;
}
