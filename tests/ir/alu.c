/* SPDX-License-Identifier: MIT */
/*
 * The interpreter's arithmetic against the host's instructions: results and all six flags, on
 * corner values and random ones. Only on x86-64 hosts. Flags the manual leaves undefined are
 * compared too where the interpreter follows Intel processors (see the masks in the table).
 */
#include "backends/interp/interp.h"
#include "tests/test.h"

#include <stdio.h>

enum { CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, OF = 0x800, ALL = 0x8d5 };

#if defined(__x86_64__)

#define N_VALUES 24
static uint64_t values[N_VALUES];

static uint64_t rnd(void)
{
    static uint64_t s = 88172645463325252u;

    s ^= s << 13;
    s ^= s >> 7;
    s ^= s << 17;
    return s;
}

static void make_values(void)
{
    static const uint64_t fixed[] = {0, 1, 2, 0x0f, 0x10, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000,
                                     0xffff, 0x7fffffff, 0x80000000, 0xffffffff, INT64_MAX,
                                     BIT(63), UINT64_MAX};

    for (unsigned i = 0; i < N_VALUES; i++)
        values[i] = i < ARRAY_SIZE(fixed) ? fixed[i] : rnd();
}

/* One native execution: a op b (c for double shifts), flags in and out. */
typedef void native_fn(uint64_t *a, uint64_t b, uint64_t c, uint64_t *flags);

#define NATIVE(name, text)                                                                         \
    static void name(uint64_t *a, uint64_t b, uint64_t c, uint64_t *flags)                         \
    {                                                                                              \
        uint64_t x = *a, f = *flags;                                                               \
                                                                                                   \
        __asm__ volatile("push %1; popfq; " text "; pushfq; pop %1"                                \
                         : "+a"(x), "+r"(f)                                                        \
                         : "d"(b), "c"(c)                                                          \
                         : "cc", "memory");                                                        \
        *a = x;                                                                                    \
        *flags = f;                                                                                \
    }
#define NATIVE4(op, a8, a16, a32, a64)                                                             \
    NATIVE(op##_8, a8) NATIVE(op##_16, a16) NATIVE(op##_32, a32) NATIVE(op##_64, a64)
#define BINARY(op, insn)                                                                           \
    NATIVE4(op, insn " %%dl, %%al", insn " %%dx, %%ax", insn " %%edx, %%eax", insn " %%rdx, %%rax")
#define UNARY(op, insn) NATIVE4(op, insn " %%al", insn " %%ax", insn " %%eax", insn " %%rax")
#define SHIFT(op, insn)                                                                            \
    NATIVE4(op, "mov %%edx, %%ecx; " insn " %%cl, %%al", "mov %%edx, %%ecx; " insn " %%cl, %%ax",  \
            "mov %%edx, %%ecx; " insn " %%cl, %%eax", "mov %%edx, %%ecx; " insn " %%cl, %%rax")
#define WIDE(op, insn)                                                                             \
    NATIVE4(op, "", insn " %%dx, %%ax", insn " %%edx, %%eax", insn " %%rdx, %%rax")
#define DOUBLE(op, insn)                                                                           \
    NATIVE4(op, "", insn " %%cl, %%dx, %%ax", insn " %%cl, %%edx, %%eax", insn " %%cl, %%rdx, %%rax")
/* bsf and bsr keep the destination if the source is 0: a is the source, b the destination. */
#define SCAN(op, insn)                                                                             \
    NATIVE4(op, "", insn " %%ax, %%dx; mov %%dx, %%ax", insn " %%eax, %%edx; mov %%edx, %%eax",    \
            insn " %%rax, %%rdx; mov %%rdx, %%rax")

BINARY(add, "add") BINARY(adc, "adc") BINARY(sub, "sub") BINARY(sbb, "sbb")
BINARY(and, "and") BINARY(or, "or") BINARY(xor, "xor") BINARY(cmp, "cmp") BINARY(test, "test")
UNARY(not, "not") UNARY(neg, "neg")
SHIFT(shl, "shl") SHIFT(shr, "shr") SHIFT(sar, "sar") SHIFT(rol, "rol") SHIFT(ror, "ror")
SHIFT(rcl, "rcl") SHIFT(rcr, "rcr")
DOUBLE(shld, "shld") DOUBLE(shrd, "shrd")
WIDE(bt, "bt") WIDE(bts, "bts") WIDE(btr, "btr") WIDE(btc, "btc") WIDE(mul, "imul")
SCAN(bsf, "bsf") SCAN(bsr, "bsr")
NATIVE4(popcnt, "", "popcnt %%ax, %%ax", "popcnt %%eax, %%eax", "popcnt %%rax, %%rax")
NATIVE4(bswap, "", "", "bswap %%eax", "bswap %%rax")

struct alu_case {
    enum ir_op op;
    unsigned first_type;
    uint32_t mask; /* flags compared */
    native_fn *fn[4];
};

#define CASE(op, first, mask) {IR_##op, first, mask, {op##_8, op##_16, op##_32, op##_64}}
static const struct alu_case cases[] = {
    CASE(add, IR_I8, ALL),          CASE(adc, IR_I8, ALL),          CASE(sub, IR_I8, ALL),
    CASE(sbb, IR_I8, ALL),          CASE(and, IR_I8, ALL),          CASE(or, IR_I8, ALL),
    CASE(xor, IR_I8, ALL),          CASE(cmp, IR_I8, ALL),          CASE(test, IR_I8, ALL),
    CASE(not, IR_I8, ALL),          CASE(neg, IR_I8, ALL),          CASE(shl, IR_I8, ALL & ~AF),
    CASE(shr, IR_I8, ALL & ~AF),    CASE(sar, IR_I8, ALL & ~AF),    CASE(rol, IR_I8, ALL),
    CASE(ror, IR_I8, ALL),          CASE(rcl, IR_I8, ALL),          CASE(rcr, IR_I8, ALL),
    CASE(shld, IR_I32, ALL & ~AF),  CASE(shrd, IR_I32, ALL & ~AF),  CASE(bt, IR_I16, ALL),
    CASE(bts, IR_I16, ALL),         CASE(btr, IR_I16, ALL),         CASE(btc, IR_I16, ALL),
    CASE(mul, IR_I16, CF | OF),     CASE(bsf, IR_I16, ZF),          CASE(bsr, IR_I16, ZF),
    CASE(popcnt, IR_I16, ALL),      CASE(bswap, IR_I32, ALL),
};

static unsigned shift_count(enum ir_type t, uint64_t b)
{
    return b & (t == IR_I64 ? 63 : 31);
}

/* Undefined by the manual in ways that are not worth following. */
static uint32_t ignored(const struct alu_case *k, enum ir_type t, uint64_t b, uint64_t c)
{
    bool dbl = k->op == IR_shld || k->op == IR_shrd;
    unsigned n = shift_count(t, dbl ? c : b), bits = ir_type_bits(t);

    if (k->op < IR_shl || k->op > IR_shrd)
        return 0;
    if (n == 0)
        return 0;
    if (k->op <= IR_sar)
        return AF | (n > bits ? CF : 0) | (n > 1 ? OF : 0);
    return n > 1 ? OF : 0;
}

static void check_one(const struct alu_case *k, enum ir_type t, uint64_t a, uint64_t b, uint64_t c,
                      uint32_t before)
{
    uint64_t native = a, native_flags = before | 2, res;
    uint32_t flags = before, mask = k->mask & ~ignored(k, t, b, c);
    bool changed;

    k->fn[t](&native, b, c, &native_flags);
    changed = interp_alu(k->op, t, a, b, c, &res, &flags);
    if (!changed)
        flags = before;
    if (k->op == IR_cmp || k->op == IR_test || k->op == IR_bt)
        native = res;
    if (((native ^ res) & interp_mask(t)) || ((native_flags ^ flags) & mask))
        ck_abort_msg("%s i%u a=%llx b=%llx c=%llx before=%x: host %llx %x, interpreter %llx %x",
                     ir_op_info[k->op].name, ir_type_bits(t), (unsigned long long)a,
                     (unsigned long long)b, (unsigned long long)c, before,
                     (unsigned long long)(native & interp_mask(t)), (unsigned)native_flags & ALL,
                     (unsigned long long)res, flags & ALL);
}

START_TEST(test_alu_native)
{
    make_values();
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++)
        for (unsigned t = cases[n].first_type; t <= IR_I64; t++)
            for (unsigned i = 0; i < N_VALUES * N_VALUES; i++) {
                uint64_t a = values[i % N_VALUES], b = values[i / N_VALUES], c = rnd();

                check_one(&cases[n], t, a, b, c, 0);
                check_one(&cases[n], t, a, b, c, ALL);
                check_one(&cases[n], t, a, rnd(), c, rnd() & ALL);
            }
}
END_TEST

#define WIDE_OP(name, text)                                                                        \
    static void name(uint64_t *lo, uint64_t *hi, uint64_t x)                                       \
    {                                                                                              \
        uint64_t a = *lo, d = *hi;                                                                 \
                                                                                                   \
        __asm__ volatile(text : "+a"(a), "+d"(d) : "c"(x) : "cc");                                 \
        *lo = a;                                                                                   \
        *hi = d;                                                                                   \
    }
WIDE_OP(mulu64, "mul %%rcx") WIDE_OP(muls64, "imul %%rcx")
WIDE_OP(mulu32, "mul %%ecx") WIDE_OP(muls32, "imul %%ecx")
WIDE_OP(divu32, "div %%ecx") WIDE_OP(divs32, "idiv %%ecx")
WIDE_OP(divu64, "div %%rcx") WIDE_OP(divs64, "idiv %%rcx")

START_TEST(test_mul_native)
{
    static void (*const fn[2][2])(uint64_t *, uint64_t *, uint64_t) = {{mulu32, mulu64},
                                                                       {muls32, muls64}};

    make_values();
    for (unsigned i = 0; i < N_VALUES * N_VALUES * 4; i++) {
        uint64_t a = values[i / 4 % N_VALUES], b = values[i / 4 / N_VALUES], lo, hi, nlo = a, nhi = 0;
        enum ir_type t = i & 1 ? IR_I64 : IR_I32;
        uint32_t flags;

        interp_mul(t, i & 2, a, b, &lo, &hi, &flags);
        fn[i >> 1 & 1][i & 1](&nlo, &nhi, b);
        ck_assert_uint_eq(lo, nlo & interp_mask(t));
        ck_assert_uint_eq(hi, nhi & interp_mask(t));
    }
}
END_TEST

static void check_div(bool is_signed, enum ir_type t, uint64_t q, uint64_t r, uint64_t d)
{
    static void (*const fn[2][2])(uint64_t *, uint64_t *, uint64_t) = {{divu32, divu64},
                                                                       {divs32, divs64}};
    uint64_t lo, hi, iq, ir, nlo, nhi;
    uint32_t flags;
    unsigned __int128 n;

    /* n = q * d + r fits when the interpreter says so: then ask the host. */
    interp_mul(t, is_signed, q, d, &lo, &hi, &flags);
    n = (unsigned __int128)hi << ir_type_bits(t) | lo;
    n += r;
    lo = (uint64_t)n & interp_mask(t);
    hi = (uint64_t)(n >> ir_type_bits(t)) & interp_mask(t);
    if (!interp_div(t, is_signed, lo, hi, d, &iq, &ir))
        return;
    nlo = lo;
    nhi = hi;
    fn[is_signed][t == IR_I64](&nlo, &nhi, d);
    ck_assert_uint_eq(iq, nlo & interp_mask(t));
    ck_assert_uint_eq(ir, nhi & interp_mask(t));
}

START_TEST(test_div_native)
{
    make_values();
    for (unsigned i = 0; i < N_VALUES * N_VALUES * N_VALUES; i++)
        for (unsigned k = 0; k < 4; k++)
            check_div(k & 1, k & 2 ? IR_I64 : IR_I32, values[i % N_VALUES],
                      values[i / N_VALUES % N_VALUES], values[i / N_VALUES / N_VALUES]);
}
END_TEST

START_TEST(test_crc32c_native)
{
    for (unsigned i = 0; i < 10000; i++) {
        uint32_t crc = rnd(), native = crc;
        uint64_t v = rnd(), wide = crc;

        __asm__("crc32b %b1, %0" : "+r"(native) : "r"(v));
        ck_assert_uint_eq(interp_crc32c(crc, v, 1), native);
        __asm__("crc32q %1, %0" : "+r"(wide) : "r"(v));
        ck_assert_uint_eq(interp_crc32c(crc, v, 8), (uint32_t)wide);
    }
}
END_TEST

#else

START_TEST(test_alu_native)
{
}
END_TEST
START_TEST(test_mul_native)
{
}
END_TEST
START_TEST(test_div_native)
{
}
END_TEST
START_TEST(test_crc32c_native)
{
}
END_TEST

#endif

/* Where a quotient stops fitting, which a host would answer with a fault. */
START_TEST(test_div_overflow)
{
    uint64_t q, r;

    ck_assert(!interp_div(IR_I8, false, 0x100, 0, 0, &q, &r));
    ck_assert(!interp_div(IR_I8, false, 0x100, 0, 1, &q, &r));
    ck_assert(interp_div(IR_I8, false, 0xff, 0, 1, &q, &r) && q == 0xff && r == 0);
    ck_assert(!interp_div(IR_I8, true, 0x80, 0, 1, &q, &r));
    ck_assert(interp_div(IR_I8, true, 0xff80, 0, 1, &q, &r) && q == 0x80);
    ck_assert(!interp_div(IR_I8, true, 0xff80, 0, 0xff, &q, &r));
    ck_assert(!interp_div(IR_I32, true, 0x80000000, 0xffffffff, 0xffffffff, &q, &r));
    ck_assert(!interp_div(IR_I64, true, BIT(63), UINT64_MAX, UINT64_MAX, &q, &r));
    ck_assert(!interp_div(IR_I64, true, 0, BIT(63), UINT64_MAX, &q, &r));
    ck_assert(!interp_div(IR_I64, false, 0, 1, 1, &q, &r));
    ck_assert(interp_div(IR_I64, false, UINT64_MAX, 0, 1, &q, &r) && q == UINT64_MAX);
    ck_assert(interp_div(IR_I64, true, BIT(63), UINT64_MAX, 1, &q, &r) && q == BIT(63));
}
END_TEST

START_TEST(test_conditions)
{
    static const uint32_t rows[] = {0, CF, ZF, SF, OF, SF | OF, PF, ALL};

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        for (unsigned c = 0; c < 16; c += 2)
            ck_assert_int_ne(interp_cond(rows[i], c), interp_cond(rows[i], c + 1));
    ck_assert(interp_cond(OF, IR_O) && interp_cond(CF, IR_B) && interp_cond(ZF, IR_E));
    ck_assert(interp_cond(CF, IR_BE) && interp_cond(ZF, IR_BE) && interp_cond(0, IR_A));
    ck_assert(interp_cond(SF, IR_S) && interp_cond(PF, IR_P) && interp_cond(SF, IR_L));
    ck_assert(interp_cond(SF | OF, IR_GE) && interp_cond(OF, IR_L) && interp_cond(ZF, IR_LE));
    ck_assert(interp_cond(SF | OF, IR_G) && !interp_cond(SF | OF | ZF, IR_G));
}
END_TEST

TEST_MAIN("alu", test_alu_native, test_mul_native, test_div_native, test_crc32c_native,
          test_div_overflow, test_conditions)
