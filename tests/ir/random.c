/* SPDX-License-Identifier: MIT */
/*
 * Random IR blocks, run by the interpreter and by the code generator: registers, flags, memory and
 * the exit taken must be equal. The blocks use every integer and memory op with every placement
 * of operands (register, memory-resident global, temporary, high byte, constant), partial flag
 * definitions, forward skips, several exits, helpers. Undefined flags are never defined.
 *
 * Every other block can be started at each of its instructions: no temporary lives across them, and
 * a pointer register makes many accesses near each other and near page ends, for opt_windows.
 */
#include "tests/ir/toy.h"
#include "tests/test.h"
#include "util/error.h"

#include <stdio.h>

#if defined(__x86_64__)

enum { BLOCKS = 6000, DATA = 0x100000, DATA_PAGES = 4, GLOBALS = 18 };

#define GREG(n, pin) {"r" #n, offsetof(struct vcpu, greg[n]), IR_I64, pin}
static const struct ir_global globals[GLOBALS] = {
    GREG(0, 0), GREG(1, 1), GREG(2, 2), GREG(3, 3), GREG(4, 4), GREG(5, 5), GREG(6, 6), GREG(7, 7),
    GREG(8, -1), GREG(9, -1), GREG(10, -1), GREG(11, -1), GREG(12, 8), GREG(13, 9), GREG(14, 10), GREG(15, 11),
    {"w32", offsetof(struct vcpu, greg[16]), IR_I32, -1}, {"w16", offsetof(struct vcpu, greg[17]), IR_I16, -1},
};

static uint64_t seed;
static uint64_t rnd(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * 0x2545f4914f6cdd1du;
}

static unsigned pick(unsigned n)
{
    return (unsigned)((rnd() >> 33) % n);
}

/* --- helpers ----------------------------------------------------------------------------- */

static uint64_t mix(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    cpu->greg[9] += a * 3;
    cpu->greg[2] ^= b;
    return a + (b << 1) + (c << 2);
}

static uint64_t mix_flags(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t r = (cpu->flags & IR_EFLAGS_MASK) + a;

    cpu->flags = r ^ b;
    return r;
}

static uint64_t halt(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    cpu->pc = a;
    cpu->halted = true;
    return 0;
}

static uint64_t give_up(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    TOY(cpu)->pending = (int)a;
    vcpu_unwind_exit(cpu);
}

static uint64_t pure(struct vcpu *cpu, uint64_t a, uint64_t b, uint64_t c)
{
    return a ^ b ^ c;
}

enum { H_MIX, H_MIX_FLAGS, H_HALT, H_FAIL, H_PURE };
static const struct ir_helper helpers[] = {
    {"mix", mix, HF_READ_GLOBALS | HF_WRITE_GLOBALS},
    {"mix_flags", mix_flags, HF_READ_FLAGS | HF_WRITE_FLAGS},
    {"halt", halt, 0},
    {"fail", give_up, HF_RAISE | HF_NORETURN},
    {"pure", pure, HF_PURE},
};

/* --- generating ---------------------------------------------------------------------------- */

static struct ir_block *b;
static ir_ref temps[64];
static unsigned n_temps;
static bool in_skip;
static bool restartable; /* the block */

enum { POINTER = 14 }; /* global that points to data in restartable blocks */

static void open_insn(void)
{
    struct ir_insn *i = ir_emit(b, IR_insn, IR_I64);

    if (restartable)
        n_temps = 0;

    i->aux = b->guest_insns++;
    i->imm = 1;
}

static ir_ref constant(enum ir_type t)
{
    static const int64_t corners[] = {0, 1, -1, 2, 0x7f, 0x80, -128, 0x7fff, 0x8000, INT32_MAX, INT32_MIN,
                                      0x80000000, INT64_MAX, INT64_MIN, 0x123456789abcdef};
    int64_t v = pick(3) ? corners[pick(ARRAY_SIZE(corners))] : (int64_t)rnd();
    unsigned bits = ir_type_bits(t);

    return ir_const(b, sextract64((uint64_t)v, 0, bits));
}

static ir_ref find_temp(enum ir_type t)
{
    for (unsigned tries = 0; tries < 6 && n_temps; tries++) {
        ir_ref r = temps[pick(n_temps)];
        if (b->temp_types[ir_ref_index(r)] == t)
            return r;
    }
    return IR_NONE;
}

static unsigned any_register(void)
{
    unsigned n = pick(16);

    return n == POINTER && restartable ? 13 : n;
}

static ir_ref global(enum ir_type t)
{
    if (t == IR_I8 && !pick(4))
        return IR_HI(pick(2) ? pick(4) : 8 + pick(4));
    if (t == IR_I32 && !pick(12))
        return IR_GLOBAL(16);
    if (t == IR_I16 && !pick(12))
        return IR_GLOBAL(17);
    return IR_GLOBAL(any_register());
}

static ir_ref source(enum ir_type t)
{
    ir_ref r = IR_NONE;

    if (pick(3) == 0)
        r = find_temp(t);
    if (r == IR_NONE && pick(4) == 0)
        r = constant(t);
    return r != IR_NONE ? r : global(t);
}

static ir_ref place(enum ir_type t)
{
    ir_ref r = find_temp(t);

    return r != IR_NONE && pick(2) ? r : global(t);
}

static ir_ref destination(enum ir_type t)
{
    ir_ref r;

    if (pick(3) || n_temps == ARRAY_SIZE(temps) || in_skip)
        return global(t);
    r = ir_temp(b, t);
    temps[n_temps++] = r;
    return r;
}

static ir_ref temp_of(enum ir_type t)
{
    return ir_temp(b, t);
}

static unsigned flags_of(unsigned defined)
{
    switch (pick(4)) {
    case 0:
        return 0;
    case 1:
        return defined & (unsigned)rnd();
    default:
        return defined;
    }
}

static enum ir_type any_type(void)
{
    return (enum ir_type)pick(4);
}

static enum ir_type wide_type(void)
{
    return (enum ir_type)(1 + pick(3));
}

static struct ir_insn *op2(enum ir_op op, enum ir_type t, unsigned fdef)
{
    ir_ref x = source(t), y = source(t), d;
    struct ir_insn *i;

    if (pick(3) == 0 && ir_ref_class(x) != IR_CLASS_CONST && ir_ref_class(x) != IR_CLASS_TEMP)
        d = x;
    else
        d = destination(t);
    i = ir_emit(b, op, t);
    i->dst = d;
    i->src[0] = x;
    i->src[1] = y;
    i->fdef = (uint8_t)fdef;
    return i;
}

static void gen_alu(void)
{
    static const uint8_t ops[] = {IR_add, IR_adc, IR_sub, IR_sbb, IR_and, IR_or, IR_xor};
    enum ir_op op = ops[pick(ARRAY_SIZE(ops))];
    bool logic = op == IR_and || op == IR_or || op == IR_xor;

    op2(op, any_type(), flags_of(logic ? OSZAPC & ~FA : OSZAPC));
}

static void gen_incdec(void)
{
    enum ir_type t = any_type();
    ir_ref x = place(t), one = ir_const(b, 1), d = pick(2) && ir_ref_class(x) != IR_CLASS_TEMP ? x : destination(t);
    struct ir_insn *i = ir_emit(b, pick(2) ? IR_add : IR_sub, t);

    i->dst = d;
    i->src[0] = x;
    i->src[1] = one;
    i->fdef = OSZAP;
}

static void gen_compare(void)
{
    enum ir_type t = any_type();
    bool test = pick(2);
    ir_ref x = source(t), y = source(t);
    struct ir_insn *i = ir_emit(b, test ? IR_test : IR_cmp, t);

    i->src[0] = x;
    i->src[1] = y;
    i->fdef = (uint8_t)flags_of(test ? OSZAPC & ~FA : OSZAPC);
}

static void gen_unary(void)
{
    static const uint8_t ops[] = {IR_not, IR_neg, IR_mov, IR_mov, IR_bswap, IR_popcnt};
    enum ir_op op = ops[pick(ARRAY_SIZE(ops))];
    enum ir_type t = op == IR_bswap ? IR_I32 + pick(2) : op == IR_popcnt ? wide_type() : any_type();
    ir_ref x = source(t), d = destination(t);
    struct ir_insn *i = ir_emit(b, op, t);

    i->dst = d;
    i->src[0] = x;
    i->fdef = (uint8_t)(op == IR_neg || op == IR_popcnt ? flags_of(OSZAPC) : 0);
}

static void gen_extend(void)
{
    enum ir_type from = (enum ir_type)pick(3), t = (enum ir_type)(from + 1 + pick(3 - from));
    ir_ref x = source(from), d = destination(t);
    struct ir_insn *i = ir_emit(b, pick(2) ? IR_zext : IR_sext, t);

    i->dst = d;
    i->src[0] = x;
    i->aux = from;
}

static void gen_shift(void)
{
    enum ir_op op = IR_shl + pick(IR_rcr - IR_shl + 1);
    enum ir_type t = any_type();
    ir_ref x = source(t), n, d;
    struct ir_insn *i;
    unsigned fl = op >= IR_rol ? FC : t < IR_I32 ? FS | FZ | FP : FC | FS | FZ | FP;

    switch (pick(4)) {
    case 0:
        n = IR_GLOBAL(1);
        break;
    case 1:
        n = source(IR_I8);
        break;
    default:
        n = ir_const(b, pick(40));
    }
    d = pick(2) && ir_ref_class(x) == IR_CLASS_GLOBAL ? x : destination(t);
    i = ir_emit(b, op, t);
    i->dst = d;
    i->src[0] = x;
    i->src[1] = n;
    i->fdef = (uint8_t)flags_of(fl);
}

static void gen_double_shift(void)
{
    enum ir_type t = IR_I32 + pick(2);
    ir_ref x = source(t), y = source(t), n = pick(3) ? ir_const(b, pick(70)) : pick(2) ? IR_GLOBAL(1) : source(IR_I8);
    ir_ref d = destination(t);
    struct ir_insn *i = ir_emit(b, pick(2) ? IR_shld : IR_shrd, t);

    i->dst = d;
    i->src[0] = x;
    i->src[1] = y;
    i->src[2] = n;
    i->fdef = (uint8_t)flags_of(FC | FS | FZ | FP);
}

static void gen_mul(void)
{
    enum ir_type t = any_type();
    ir_ref x, y, d, d2 = IR_NONE;
    bool native = pick(2);
    struct ir_insn *i;

    if (pick(2)) {
        op2(IR_mul, wide_type(), flags_of(FC | FO));
        return;
    }
    x = native ? IR_GLOBAL(0) : source(t);
    y = source(t);
    d = native ? IR_GLOBAL(0) : destination(t == IR_I8 ? IR_I16 : t);
    if (t != IR_I8)
        d2 = native ? IR_GLOBAL(2) : destination(t);
    if (d2 == d)
        d2 = IR_GLOBAL((ir_ref_index(d) + 1) & 15);
    i = ir_emit(b, pick(2) ? IR_mulu : IR_muls, t);
    i->dst = d;
    i->dst2 = d2;
    i->src[0] = x;
    i->src[1] = y;
    i->fdef = (uint8_t)flags_of(FC | FO);
}

static ir_ref masked(enum ir_type t, uint64_t and, uint64_t or)
{
    ir_ref x = source(t), r = temp_of(t), s = temp_of(t), ca = ir_const(b, (int64_t)and), co = ir_const(b, (int64_t)or);

    ir_op2(b, IR_and, t, r, x, ca);
    ir_op2(b, IR_or, t, s, r, co);
    return s;
}

static void gen_div(void)
{
    enum ir_type t = any_type();
    uint64_t positive = mask64(ir_type_bits(t) - 1);
    ir_ref lo = masked(t == IR_I8 ? IR_I16 : t, t == IR_I8 ? 0x7f : positive, 0), hi = ir_const(b, 0);
    bool native = pick(2);
    ir_ref c, d, d2;
    struct ir_insn *i;

    if (native) {
        ir_mov(b, t == IR_I8 ? IR_I16 : t, IR_GLOBAL(0), lo);
        ir_mov(b, IR_I64, IR_GLOBAL(2), hi);
        open_insn();
        lo = IR_GLOBAL(0);
        hi = IR_GLOBAL(2);
        d = IR_GLOBAL(0);
        d2 = t == IR_I8 ? IR_HI(0) : IR_GLOBAL(2);
        c = masked(t, positive >> 1, 1);
    } else {
        c = masked(t, positive >> 1, 1);
        d = destination(t);
        d2 = destination(t);
        if (d2 == d)
            d2 = IR_GLOBAL((ir_ref_index(d) + 1) & 15);
    }
    i = ir_emit(b, pick(2) ? IR_divu : IR_divs, t);
    i->dst = d;
    i->dst2 = d2;
    i->src[0] = lo;
    i->src[1] = t == IR_I8 ? IR_NONE : hi;
    i->src[2] = c;
}

static void gen_bits(void)
{
    enum ir_type t = wide_type();
    enum ir_op op;
    ir_ref x = source(t), y = source(t), d;
    struct ir_insn *i;

    switch (pick(3)) {
    case 0:
        op = IR_bt + pick(4);
        d = op == IR_bt ? IR_NONE : destination(t);
        i = ir_emit(b, op, t);
        i->fdef = (uint8_t)flags_of(FC);
        break;
    case 1:
        t = IR_I64; /* narrower: the upper half on a zero source differs between processors */
        x = source(t);
        y = source(t);
        d = destination(t);
        i = ir_emit(b, pick(2) ? IR_bsf : IR_bsr, t);
        i->fdef = (uint8_t)flags_of(FZ);
        break;
    default:
        t = any_type();
        x = source(IR_I32);
        y = source(t);
        d = destination(IR_I32);
        i = ir_emit(b, IR_crc32, IR_I32);
        i->aux = t;
    }
    i->dst = d;
    i->src[0] = x;
    i->src[1] = y;
}

static void gen_cond(void)
{
    enum ir_type t = any_type();
    ir_ref x = source(t), y = source(t), d;
    struct ir_insn *i;

    if (pick(2)) {
        d = destination(IR_I8);
        i = ir_emit(b, IR_setcc, IR_I8);
    } else {
        d = destination(t);
        i = ir_emit(b, IR_select, t);
        i->src[0] = x;
        i->src[1] = y;
    }
    i->dst = d;
    i->cond = (uint8_t)pick(16);
}

static void gen_flags(void)
{
    ir_ref x = source(IR_I32), d = destination(IR_I32);
    struct ir_insn *i;

    switch (pick(4)) {
    case 0:
        i = ir_emit(b, IR_getf, IR_I32);
        i->dst = d;
        i->aux = pick(2) ? IR_EFLAGS_MASK : IR_EFLAGS_MASK & (uint32_t)rnd();
        break;
    case 1:
        i = ir_emit(b, IR_setf, IR_I32);
        i->src[0] = x;
        i->fdef = (uint8_t)(pick(2) ? OSZAPC : pick(64));
        break;
    case 2:
        i = ir_emit(b, IR_cmc, IR_I32);
        i->fdef = FC;
        break;
    default:
        i = ir_emit(b, IR_fconst, IR_I32);
        i->fdef = (uint8_t)(pick(2) ? FC : pick(64));
        i->aux = IR_EFLAGS_MASK & (uint32_t)rnd();
    }
    if (i->op != IR_getf && ir_ref_class(d) == IR_CLASS_TEMP && d == temps[n_temps - 1])
        n_temps--; /* never defined */
}

static void gen_lea(void)
{
    static const uint8_t widths[] = {16, 32, 64};
    struct ir_mem m = {.base = pick(4) ? source(IR_I64) : IR_NONE, .index = pick(2) ? source(IR_I64) : IR_NONE};
    enum ir_type t = wide_type();
    ir_ref d = destination(t);
    struct ir_insn *i;

    if (ir_ref_class(m.base) == IR_CLASS_CONST)
        m.base = IR_GLOBAL(9);
    if (ir_ref_class(m.index) == IR_CLASS_CONST)
        m.index = IR_GLOBAL(12);
    if (ir_ref_class(m.base) == IR_CLASS_GLOBAL && ir_ref_index(m.base) > 15)
        m.base = IR_NONE;
    m.scale = (uint8_t)pick(4);
    m.disp = pick(3) ? (int32_t)rnd() : (int32_t)pick(100);
    m.abits = widths[pick(3)];
    m.lbits = 64;
    i = ir_emit(b, IR_lea, t);
    i->dst = d;
    i->mem = ir_mem_add(b, &m);
}

/* The pointer moves on, or to where most of what is near it is in one page, or not. */
static void move_pointer(void)
{
    static const int16_t near[] = {0, 0x400, 0xf80, 0xfc0, 0xff0, 0xffd};
    int64_t to = DATA + 4096 * (int64_t)pick(3) + near[pick(ARRAY_SIZE(near))];
    ir_ref c;

    if (!restartable)
        return;
    if (pick(3)) {
        c = ir_const(b, (int64_t)pick(64) - 32);
        ir_op2(b, pick(2) ? IR_add : IR_sub, IR_I64, IR_GLOBAL(POINTER), IR_GLOBAL(POINTER), c);
    } else {
        ir_mov(b, IR_I64, IR_GLOBAL(POINTER), ir_const(b, pick(20) ? to : (int64_t)TOY_MMIO - 64));
    }
}

static uint16_t pointed_at(unsigned bytes)
{
    struct ir_mem m = {.base = IR_GLOBAL(POINTER), .abits = 64, .lbits = 64, .disp = (int32_t)pick(96) - 16};

    if (bytes > 8) {
        m.base = IR_NONE;
        m.disp = DATA + 16 * (int32_t)pick(32);
    }
    if (!pick(4))
        m.abits = m.lbits = 32;
    return ir_mem_add(b, &m);
}

/* An address in the data pages (or the device), by registers that are made for it. */
static uint16_t memory(unsigned bytes, bool device_ok)
{
    if (restartable && device_ok && pick(4))
        return pointed_at(bytes);

    ir_ref t = masked(IR_I64, bytes > 8 ? 0x3ff0 : 0x3fff, 0), t2;
    struct ir_mem m = {.base = t, .abits = 64, .lbits = 64, .disp = DATA};

    if (device_ok && !pick(16)) {
        m.disp = (int32_t)TOY_MMIO;
        m.base = IR_NONE;
    } else if (!pick(3)) { /* base + index in globals */
        ir_mov(b, IR_I64, IR_GLOBAL(10), t);
        m.base = IR_GLOBAL(10);
        open_insn();
        t2 = masked(IR_I64, 0xf, 0);
        m.index = bytes > 8 ? IR_NONE : t2;
        m.scale = (uint8_t)pick(2);
    }
    if (!pick(4)) {
        m.abits = 32;
        m.lbits = pick(2) ? 32 : 64;
    }
    return ir_mem_add(b, &m);
}

static void gen_load(void)
{
    enum ir_type t = any_type(), from = t;
    unsigned kind = t > IR_I8 ? pick(3) : 0;
    uint16_t m;
    ir_ref d;
    struct ir_insn *i;

    if (kind)
        from = (enum ir_type)pick(t);
    m = memory(ir_type_bytes(from), true);
    d = destination(t);
    i = ir_emit(b, IR_ld + kind, t);
    i->dst = d;
    i->mem = m;
    i->aux = kind ? from : 0;
    if (!kind && ir_ref_class(d) == IR_CLASS_TEMP && !in_skip && pick(2)) { /* used at once, and only here */
        ir_ref y = source(t), d2 = global(t);
        if (ir_ref_class(y) == IR_CLASS_TEMP)
            y = global(t);
        struct ir_insn *u = ir_emit(b, IR_add + pick(3), t);
        bool first = pick(2);
        u->dst = d2;
        u->src[0] = first ? d : y;
        u->src[1] = first ? y : d;
        u->fdef = (uint8_t)flags_of(OSZAPC);
        n_temps--;
    }
}

static void gen_store(void)
{
    enum ir_type t = any_type();
    uint16_t m = memory(ir_type_bytes(t), true);
    ir_ref x = source(t);
    struct ir_insn *i = ir_emit(b, IR_st, t);

    i->mem = m;
    i->src[0] = x;
}

static unsigned rmw_flags(enum ir_op op, enum ir_type t)
{
    switch (op) {
    case IR_mov:
    case IR_not:
        return 0;
    case IR_and:
    case IR_or:
    case IR_xor:
        return OSZAPC & ~FA;
    case IR_bts:
    case IR_btr:
    case IR_btc:
    case IR_rol ... IR_rcr:
        return FC;
    case IR_shl ... IR_sar:
        return t < IR_I32 ? FS | FZ | FP : FC | FS | FZ | FP;
    default:
        return OSZAPC;
    }
}

static void gen_rmw(void)
{
    static const uint8_t ops[] = {IR_add, IR_adc, IR_sub, IR_sbb, IR_and, IR_or, IR_xor, IR_not, IR_neg, IR_shl,
                                  IR_shr, IR_sar, IR_rol, IR_ror, IR_rcl, IR_rcr, IR_bts, IR_btr, IR_btc, IR_mov};
    enum ir_op op = ops[pick(ARRAY_SIZE(ops))];
    bool shift = op >= IR_shl && op <= IR_rcr, bit = op >= IR_bts && op <= IR_btc, lock = pick(2) && !shift;
    enum ir_type t = bit ? wide_type() : any_type();
    uint16_t m = memory(ir_type_bytes(t), !lock && op != IR_mov);
    ir_ref x = shift ? pick(2) ? ir_const(b, pick(33)) : pick(2) ? IR_GLOBAL(1) : source(IR_I8) : source(t);
    ir_ref d = op == IR_mov || (op == IR_add && pick(2)) || (!lock && !pick(4)) ? destination(t) : IR_NONE;
    struct ir_insn *i;

    if (pick(3) == 0 && d != IR_NONE && ir_ref_class(x) == IR_CLASS_GLOBAL && ir_ref_class(d) == IR_CLASS_GLOBAL)
        d = x;
    i = ir_emit(b, IR_rmw, t);
    i->aux = op;
    i->mem = m;
    i->dst = d;
    i->src[0] = op == IR_not || op == IR_neg ? IR_NONE : x;
    i->irf = lock ? IRF_LOCK : 0;
    i->fdef = (uint8_t)flags_of(rmw_flags(op, t));
}

static void gen_cmpxchg(void)
{
    enum ir_type t = any_type();
    bool lock = pick(2), dbl = !pick(4);
    uint16_t m = memory(dbl ? 16 : ir_type_bytes(t), !lock && !dbl);
    ir_ref y = source(t), acc = t == IR_I32 || pick(3) ? IR_GLOBAL(0) : IR_GLOBAL(pick(16));
    struct ir_insn *i = ir_emit(b, dbl ? IR_cmpxchg2 : IR_cmpxchg, dbl ? IR_I32 + pick(2) : t);

    i->mem = m;
    i->dst = dbl ? IR_GLOBAL(0) : acc;
    i->dst2 = dbl ? IR_GLOBAL(2) : IR_NONE;
    i->src[0] = dbl ? IR_GLOBAL(3) : acc;
    i->src[1] = dbl ? IR_GLOBAL(1) : y;
    i->irf = lock ? IRF_LOCK : 0;
    i->fdef = (uint8_t)(dbl ? FZ : flags_of(OSZAPC));
}

static void gen_call(void)
{
    static const uint8_t which[] = {H_MIX, H_MIX_FLAGS, H_PURE};
    unsigned h = which[pick(3)];
    ir_ref x = source(IR_I64), y = source(IR_I64), z = pick(2) ? source(IR_I64) : IR_NONE;
    ir_ref d = pick(2) ? destination(IR_I64) : IR_NONE;
    struct ir_insn *i = ir_emit(b, IR_call, IR_I64);

    i->aux = h;
    i->dst = d;
    i->src[0] = x;
    i->src[1] = y;
    i->src[2] = z;
    i->fdef = h == H_MIX_FLAGS ? OSZAPC : 0;
}

static void gen_guard(void)
{
    static const uint8_t conds[] = {IR_B, IR_A, IR_L, IR_G, IR_E};
    enum ir_type t = any_type();
    ir_ref x = source(t), y = source(t);
    struct ir_insn *i = ir_emit(b, IR_guard, t);

    i->src[0] = x;
    i->src[1] = pick(8) ? x : y; /* mostly harmless */
    i->cond = conds[pick(4)];
    i->aux = H_FAIL | (1 + pick(50)) << 16;
}

static void gen_insn_ops(void);

static void gen_skip(void)
{
    unsigned label;
    ir_ref x = source(IR_I32);
    struct ir_insn *i;

    if (in_skip)
        return;
    in_skip = true;
    n_temps = 0;
    x = ir_ref_class(x) == IR_CLASS_TEMP ? IR_GLOBAL(5) : x;
    label = b->n_labels++;
    if (pick(2)) {
        i = ir_emit(b, IR_skip_if, IR_I32);
        i->cond = (uint8_t)pick(16);
    } else {
        i = ir_emit(b, IR_skip_ifz, IR_I32);
        i->src[0] = x;
        i->cond = (uint8_t)(IR_E + pick(2));
    }
    i->aux = label;
    for (unsigned n = 1 + pick(3); n; n--)
        gen_insn_ops();
    n_temps = 0;
    ir_emit(b, IR_label, IR_I32)->aux = label;
    in_skip = false;
}

static void gen_exit_if(void)
{
    ir_ref x = source(IR_I32);
    unsigned slot;
    struct ir_insn *i;

    if (b->n_exits >= 5 || in_skip)
        return;
    slot = b->n_exits && !pick(4) ? pick(b->n_exits) : ir_exit_add(b, (pick(8) ? 0 : 0x2000) + 0x800 + 16 * b->n_exits, pick(2));
    if (pick(2)) {
        i = ir_emit(b, IR_exit_if, IR_I32);
        i->cond = (uint8_t)pick(16);
    } else {
        i = ir_emit(b, IR_exit_ifz, IR_I32);
        i->src[0] = x;
        i->cond = (uint8_t)(IR_E + pick(2));
    }
    i->aux = slot;
}

static void gen_insn_ops(void)
{
    static void (*const gens[])(void) = {
        gen_alu, gen_alu, gen_alu, gen_incdec, gen_compare, gen_compare, gen_unary, gen_extend, gen_shift, gen_shift,
        gen_double_shift, gen_mul, gen_div, gen_bits, gen_cond, gen_cond, gen_flags, gen_lea, gen_load, gen_load,
        gen_store, gen_rmw, gen_rmw, gen_cmpxchg, gen_call, gen_guard, gen_skip, gen_exit_if,
        move_pointer,
    };

    open_insn();
    gens[pick(ARRAY_SIZE(gens))]();
}

static void gen_halt(uint64_t pc)
{
    ir_ref c = ir_const(b, (int64_t)pc);
    struct ir_insn *i = ir_emit(b, IR_call, IR_I64);

    i->aux = H_HALT;
    i->src[0] = c;
    ir_emit(b, IR_exit_loop, IR_I64);
}

static void gen_body(void)
{
    unsigned insns = 1 + pick(12);

    n_temps = 0;
    in_skip = false;
    for (unsigned n = 0; n < insns; n++) {
        for (unsigned k = 1 + pick(4); k; k--)
            gen_insn_ops();
        if (!pick(3))
            n_temps = 0;
    }
}

/* What half of the exits lead to: it overwrites the flags, then goes on to where they are seen. */
static void gen_killer(void)
{
    unsigned slot = ir_exit_add(b, 0xe00, false);
    struct ir_insn *i = ir_emit(b, IR_add, IR_I32);

    i->dst = i->src[0] = IR_GLOBAL(5);
    i->src[1] = IR_GLOBAL(9);
    i->fdef = OSZAPC;
    ir_emit(b, IR_exit, IR_I64)->aux = slot;
}

/* Drop what comes before the instruction at `off`. */
static void start_at(unsigned off)
{
    unsigned from = 0;

    while (b->insns[from].op != IR_insn || b->insns[from].aux != off)
        from++;
    b->n_insns -= from;
    memmove(b->insns, b->insns + from, b->n_insns * sizeof(*b->insns));
}

enum { BODY_END = 0x700 }; /* offsets below are those of the body's instructions */

static int translate(struct vcpu *cpu, const struct tb_key *key, const uint8_t *code, unsigned avail,
                     const uint8_t *code2, struct ir_block *block)
{
    unsigned off = key->phys & 0xfff;
    struct error *err = NULL;
    bool body;

    restartable = key->mode % 2;
    body = !off || (restartable && off < BODY_END);
    b = block;
    b->guest_bytes = b->guest_insns = 1;
    b->mmu_idx = TLB_USER;
    ir_emit(b, IR_insn, IR_I64)->aux = body ? 0 : off;
    seed = key->mode * 0x9e3779b97f4a7c15u + 1;
    if (body)
        gen_body();
    if (body && pick(2)) {
        ir_ref t = ir_const(b, 0x4900);
        ir_emit(b, IR_exit_ind, IR_I64)->src[0] = t;
    } else if (body) {
        unsigned slot = ir_exit_add(b, pick(2) ? 0xf00 : 0xd10, pick(2));
        ir_emit(b, IR_exit, IR_I64)->aux = slot;
    } else if (off >= 0x800 && off < 0xe00 && off & 16) {
        gen_killer();
    } else {
        gen_halt(off + (key->phys & 0x3000));
    }
    if (off && body)
        start_at(off);
    if (ir_verify(b, &err)) {
        char *text = ir_print(b);
        fprintf(stderr, "generator: %s\n%s\n", error_msg(err), text);
        abort();
    }
    return 0;
}

/* --- running ---------------------------------------------------------------------------------- */

struct outcome {
    uint64_t greg[18], flags, pc, mem, exc, exc_pc;
    unsigned writes;
};
static struct outcome *expected;

static uint64_t value(void)
{
    static const uint64_t corners[] = {0, 1, UINT64_MAX, 0x80, 0x7fffffff, 0x80000000, BIT(63), 0xff00ff00ff00ff00};

    return pick(2) ? rnd() : corners[pick(ARRAY_SIZE(corners))];
}

static uint8_t *data;

static void set_up(struct toy_cpu *c, unsigned n)
{
    seed = n * 0xd1342543de82ef95u + 77;
    for (unsigned i = 0; i < 16; i++)
        c->v.greg[i] = value();
    c->v.greg[16] = (uint32_t)value();
    c->v.greg[17] = (uint16_t)value();
    c->v.greg[POINTER] = DATA + 4096 * pick(3) + (pick(3) ? pick(4000) : 4096 - pick(100));
    c->v.flags = rnd() & IR_EFLAGS_MASK;
    for (unsigned i = 0; i < DATA_PAGES * 4096 + 64; i += 8)
        st_le64(data + i, i % 3 ? rnd() : 0);
    toy_mmio_value = 0x1122334455667788;
    toy_mmio_writes = 0;
    c->exception = -1;
    c->exc_pc = 0;
    c->mode = n;
}

static struct outcome take(struct toy_cpu *c)
{
    struct outcome o = {.flags = c->v.flags & IR_EFLAGS_MASK, .pc = c->v.pc & 0x7fff, .exc = (uint64_t)c->exception,
                        .exc_pc = c->exc_pc, .writes = toy_mmio_writes};

    memcpy(o.greg, c->v.greg, sizeof(o.greg));
    o.greg[16] &= UINT32_MAX;
    o.greg[17] &= UINT16_MAX;
    o.mem = toy_mmio_value;
    for (unsigned i = 0; i < DATA_PAGES * 4096 + 64; i += 8)
        o.mem = (o.mem ^ ld_le64(data + i)) * 0x100000001b3u + (o.mem >> 47);
    return o;
}

static struct frontend_ops guest;

/* Temporaries across instructions: no block may start inside another. */
static void get_mode(struct vcpu *cpu, struct tb_key *key)
{
    toy_frontend.get_mode(cpu, key);
    key->variant |= key->mode % 2 ? 0 : TBV_UNSHARED;
}

static struct toy_cpu *start(const struct backend_ops *be)
{
    struct toy_cpu *c;

    guest = toy_frontend;
    guest.globals = globals;
    guest.n_globals = ARRAY_SIZE(globals);
    guest.helpers = helpers;
    guest.n_helpers = ARRAY_SIZE(helpers);
    guest.translate = translate;
    guest.get_mode = get_mode;
    toy_guest = &guest;
    c = toy_start(be, MIB(2), 1);
    data = softtlb_refill(&c->v, DATA, 1, TLB_READ, TLB_USER, 0);
    return c;
}

static void show(unsigned n, const struct outcome *a, const struct outcome *z)
{
    static struct ir_block block;
    struct tb_key key = {.phys = 0x4000, .mode = n};
    char *text;

    ir_block_init(&block);
    block.globals = globals;
    block.n_globals = ARRAY_SIZE(globals);
    block.helpers = helpers;
    block.n_helpers = ARRAY_SIZE(helpers);
    ir_block_reset(&block);
    translate(NULL, &key, NULL, 0, NULL, &block);
    if (n % 2)
        opt_windows(&block);
    opt_flags(&block);
    text = ir_print(&block);
    printf("block %u\n%s\n", n, text);
    for (unsigned i = 0; i < ARRAY_SIZE(a->greg); i++)
        if (a->greg[i] != z->greg[i])
            printf("r%u: %llx, not %llx\n", i, (unsigned long long)z->greg[i], (unsigned long long)a->greg[i]);
    printf("flags %llx/%llx pc %llx/%llx mem %llx/%llx exc %d/%d at %llx/%llx writes %u/%u\n",
           (unsigned long long)z->flags, (unsigned long long)a->flags, (unsigned long long)z->pc,
           (unsigned long long)a->pc, (unsigned long long)z->mem, (unsigned long long)a->mem, (int)z->exc, (int)a->exc,
           (unsigned long long)z->exc_pc, (unsigned long long)a->exc_pc, z->writes, a->writes);
}

static void run_all(const struct backend_ops *be, struct outcome *out, unsigned first, unsigned count)
{
    struct toy_cpu *c = start(be);

    for (unsigned n = 0; n < count; n++) {
        for (unsigned again = 0; again < 2; again++) { /* the second time with edges linked */
            set_up(c, first + n);
            toy_run(c, 0x4000);
            out[2 * n + again] = take(c);
        }
    }
    toy_stop();
}

START_TEST(test_random)
{
    const char *only = getenv("IR_RANDOM"), *from = getenv("IR_RANDOM_FROM");
    unsigned first = (unsigned)atoi(only ? only : from ? from : "0"), count = only ? 1 : BLOCKS, bad = 0;
    struct outcome *got = calloc(count, 2 * sizeof(*got));

    expected = calloc(count, 2 * sizeof(*expected));
    run_all(&backend_interp, expected, first, count);
    run_all(&backend_x86_64, got, first, count);
    for (unsigned n = 0; n < 2 * count; n++)
        if (memcmp(&got[n], &expected[n], sizeof(*got)) && bad++ < 3)
            show(first + n / 2, &expected[n], &got[n]);
    ck_assert_uint_eq(bad, 0);
}
END_TEST

#else
START_TEST(test_random)
{
}
END_TEST
#endif

TEST_MAIN("random", test_random)
