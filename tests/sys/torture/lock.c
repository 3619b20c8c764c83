/* SPDX-License-Identifier: MIT */
/*
 * Locked read-modify-write operations (SDM 3A 9.1.2): every instruction that
 * takes LOCK, in every size, on memory that is aligned, misaligned, crosses a
 * cache line and crosses a page. No update may be lost or seen in halves.
 */
#include <cpuid.h>
#include <stdlib.h>
#include <string.h>
#include "torture.h"

static _Alignas(PAGE) uint8_t arena[3 * PAGE];

/* --- operations whose sum is known ------------------------------------------ */

/* Adds scale * operand + bias to the size bytes at p. */
struct sum_op {
    const char *name;
    unsigned size;
    void (*apply)(void *p, uint64_t operand);
    int64_t scale, bias;
};

#define BINARY(op, sfx, type, before)                                                              \
    static void op##_##sfx(void *p, uint64_t operand)                                              \
    {                                                                                              \
        __asm__ volatile(before "lock " #op #sfx " %1, (%0)"                                       \
                         :                                                                         \
                         : "r"(p), "q"((type)operand)                                              \
                         : "memory", "cc");                                                        \
    }
#define UNARY(op, sfx, times)                                                                      \
    static void op##_##sfx(void *p, uint64_t operand)                                              \
    {                                                                                              \
        int i;                                                                                     \
                                                                                                   \
        for (i = 0; i < (times); i++)                                                              \
            __asm__ volatile("lock " #op #sfx " (%0)" : : "r"(p) : "memory", "cc");                \
    }
#define XADD(sfx, type)                                                                            \
    static void xadd_##sfx(void *p, uint64_t operand)                                              \
    {                                                                                              \
        type value = operand;                                                                      \
                                                                                                   \
        __asm__ volatile("lock xadd" #sfx " %1, (%0)" : : "r"(p), "q"(value) : "memory", "cc");    \
    }
#define CMPXCHG(sfx, type)                                                                         \
    static void cmpxchg_##sfx(void *p, uint64_t operand)                                           \
    {                                                                                              \
        type old = 0;                                                                              \
        bool done;                                                                                 \
                                                                                                   \
        do                                                                                         \
            __asm__ volatile("lock cmpxchg" #sfx " %3, (%2)"                                       \
                             : "+a"(old), "=@ccz"(done)                                            \
                             : "r"(p), "q"((type)(old + operand))                                  \
                             : "memory");                                                          \
        while (!done);                                                                             \
    }
#define EVERY_OP(sfx, type)                                                                        \
    BINARY(add, sfx, type, "")                                                                     \
    BINARY(sub, sfx, type, "")                                                                     \
    BINARY(adc, sfx, type, "stc\n\t")                                                              \
    BINARY(sbb, sfx, type, "stc\n\t")                                                              \
    UNARY(inc, sfx, 1)                                                                             \
    UNARY(dec, sfx, 1)                                                                             \
    UNARY(not, sfx, 2)                                                                             \
    UNARY(neg, sfx, 2)                                                                             \
    XADD(sfx, type)                                                                                \
    CMPXCHG(sfx, type)

EVERY_OP(b, uint8_t)
EVERY_OP(w, uint16_t)
EVERY_OP(l, uint32_t)
EVERY_OP(q, uint64_t)

/* clang-format off */
#define ROWS(sfx, size)                                                                            \
    {"add" #sfx, size, add_##sfx, 1, 0}, {"sub" #sfx, size, sub_##sfx, -1, 0},                     \
    {"adc" #sfx, size, adc_##sfx, 1, 1}, {"sbb" #sfx, size, sbb_##sfx, -1, -1},                    \
    {"inc" #sfx, size, inc_##sfx, 0, 1}, {"dec" #sfx, size, dec_##sfx, 0, -1},                     \
    {"xadd" #sfx, size, xadd_##sfx, 1, 0}, {"cmpxchg" #sfx, size, cmpxchg_##sfx, 1, 0}

#define PARITY_ROWS(sfx, size)                                                                     \
    {"not" #sfx, size, not_##sfx, 0, 0}, {"neg" #sfx, size, neg_##sfx, 0, 0}

static const struct sum_op sum_ops[] = {
    ROWS(b, 1), ROWS(w, 2), ROWS(l, 4), ROWS(q, 8),
}, parity_ops[] = {
    PARITY_ROWS(b, 1), PARITY_ROWS(w, 2), PARITY_ROWS(l, 4), PARITY_ROWS(q, 8),
};
/* clang-format on */

enum { OPERAND = 0x61 };

struct sum_case {
    const struct sum_op *op;
    uint8_t *place;
};

static void sum_body(struct worker *worker)
{
    const struct sum_case *what = worker->arg;

    while (!atomic_load(&stop)) {
        what->op->apply(what->place, OPERAND);
        worker->done++;
    }
}

static uint64_t load_sized(const uint8_t *place, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, place, size);
    return value;
}

static uint64_t truncate_to(uint64_t value, unsigned size)
{
    return size == 8 ? value : value & ((1ull << size * 8) - 1);
}

static void sum_one(const struct sum_op *op, uint8_t *place, const char *where)
{
    struct sum_case what = {op, place};
    uint64_t done, wanted, got;

    memset(place - 8, 0x5a, 24);
    memset(place, 0, op->size);
    done = run_workers(worker_count, sum_body, &what);
    wanted = truncate_to(done * (op->scale * OPERAND + op->bias), op->size);
    got = load_sized(place, op->size);
    if (got != wanted)
        fail("%s %s: %#llx after %llu, not %#llx", op->name, where, (unsigned long long)got,
             (unsigned long long)done, (unsigned long long)wanted);
    if (load_sized(place - 8, 8) != 0x5a5a5a5a5a5a5a5a || place[op->size] != 0x5a)
        fail("%s %s: wrote beside its operand", op->name, where);
}

/* The places an operand of this size can lie at. */
struct place {
    const char *name;
    unsigned align_to, before; /* ends `before` bytes beyond such a boundary */
};

static const struct place places[] = {{"aligned", PAGE, 0},
                                      {"misaligned", LINE, 0},
                                      {"across lines", LINE, 1},
                                      {"across pages", PAGE, 1}};

static uint8_t *place_of(const struct place *place, unsigned size, unsigned which)
{
    uint8_t *boundary = arena + PAGE + (place->align_to == LINE ? 5 * LINE : 0);

    if (place->before)
        return boundary - (size + 1) / 2;
    return boundary + (which == 1 ? 9 : 16);
}

static void sum_all(const struct sum_op *ops, size_t count)
{
    size_t i, p;

    for (i = 0; i < count; i++)
        for (p = 0; p < sizeof(places) / sizeof(places[0]); p++)
            sum_one(&ops[i], place_of(&places[p], ops[i].size, p), places[p].name);
}

static void test_sums(void)
{
    sum_all(sum_ops, sizeof(sum_ops) / sizeof(sum_ops[0]));
}

static void test_parity(void)
{
    sum_all(parity_ops, sizeof(parity_ops) / sizeof(parity_ops[0]));
}

/* --- bits ---------------------------------------------------------------------- */

/* Sets, flips and clears the worker's own bit; nobody else's may change it. */
struct bit_op {
    const char *name;
    void (*cycle)(void *p, unsigned bit, unsigned *wrong);
};

#define BIT(insn, sfx, type, before, wrong)                                                        \
    __asm__ volatile("lock " insn sfx " %2, (%1)"                                                  \
                     : "=@ccc"(carry)                                                              \
                     : "r"(p), "r"((type)bit)                                                      \
                     : "memory");                                                                  \
    *wrong += carry != (before)

#define BIT_CYCLE(sfx, type)                                                                       \
    static void bits_##sfx(void *p, unsigned bit, unsigned *wrong)                                 \
    {                                                                                              \
        bool carry;                                                                                \
                                                                                                   \
        BIT("bts", #sfx, type, false, wrong);                                                      \
        BIT("btc", #sfx, type, true, wrong);                                                       \
        BIT("btc", #sfx, type, false, wrong);                                                      \
        BIT("btr", #sfx, type, true, wrong);                                                       \
    }
BIT_CYCLE(w, uint16_t)
BIT_CYCLE(l, uint32_t)
BIT_CYCLE(q, uint64_t)

#define MASK_CYCLE(sfx, type)                                                                      \
    static void masks_##sfx(void *p, unsigned bit, unsigned *wrong)                                \
    {                                                                                              \
        type mask = (type)1 << bit, seen;                                                          \
                                                                                                   \
        __asm__ volatile("lock or" #sfx " %1, (%0)" : : "r"(p), "q"(mask) : "memory", "cc");       \
        memcpy(&seen, p, sizeof(seen));                                                            \
        *wrong += !(seen & mask);                                                                  \
        __asm__ volatile("lock xor" #sfx " %1, (%0)" : : "r"(p), "q"(mask) : "memory", "cc");      \
        memcpy(&seen, p, sizeof(seen));                                                            \
        *wrong += !!(seen & mask);                                                                 \
        __asm__ volatile("lock or" #sfx " %1, (%0)" : : "r"(p), "q"(mask) : "memory", "cc");       \
        mask = ~mask;                                                                              \
        __asm__ volatile("lock and" #sfx " %1, (%0)" : : "r"(p), "q"(mask) : "memory", "cc");      \
        memcpy(&seen, p, sizeof(seen));                                                            \
        *wrong += !!(seen & (type)~mask);                                                          \
    }
MASK_CYCLE(b, uint8_t)
MASK_CYCLE(w, uint16_t)
MASK_CYCLE(l, uint32_t)
MASK_CYCLE(q, uint64_t)

struct bit_case {
    const struct bit_op *op;
    uint8_t *place;
};

static void bit_body(struct worker *worker)
{
    const struct bit_case *what = worker->arg;
    unsigned wrong = 0;

    while (!atomic_load(&stop))
        what->op->cycle(what->place, worker->index, &wrong);
    worker->done = wrong;
}

static void test_bits(void)
{
    static const struct bit_op ops[] = {
        {"btsw", bits_w}, {"btsl", bits_l}, {"btsq", bits_q}, {"orb", masks_b},
        {"orw", masks_w}, {"orl", masks_l}, {"orq", masks_q},
    };
    static const unsigned size[] = {2, 4, 8, 1, 2, 4, 8};
    size_t i, p;

    for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        for (p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
            struct bit_case what = {&ops[i], place_of(&places[p], size[i], p)};
            uint64_t wrong;

            memset(what.place, 0, 8);
            wrong = run_workers(worker_count, bit_body, &what);
            if (wrong || load_sized(what.place, 8))
                fail("%s %s: %llu wrong", ops[i].name, places[p].name, (unsigned long long)wrong);
        }
}

/* --- XCHG: locked without the prefix -------------------------------------------- */

struct swap_op {
    const char *name;
    unsigned size;
    uint64_t (*swap)(void *p, uint64_t value);
};

#define XCHG(sfx, type)                                                                            \
    static uint64_t xchg_##sfx(void *p, uint64_t value)                                            \
    {                                                                                              \
        type held = value;                                                                         \
                                                                                                   \
        __asm__ volatile("xchg" #sfx " %0, (%1)" : "+q"(held) : "r"(p) : "memory");                \
        return held;                                                                               \
    }
XCHG(b, uint8_t)
XCHG(w, uint16_t)
XCHG(l, uint32_t)
XCHG(q, uint64_t)

struct swap_case {
    const struct swap_op *op;
    uint8_t *place;
};

/* A token whose halves would show if they came apart. */
static uint64_t token(unsigned i, unsigned size)
{
    return truncate_to(0x0101010101010101ull << i, size);
}

static void swap_body(struct worker *worker)
{
    const struct swap_case *what = worker->arg;
    uint64_t held = token(worker->index, what->op->size);

    while (!atomic_load(&stop))
        held = what->op->swap(what->place, held);
    worker->done = held;
}

/* The tokens are disjoint bits: their sum tells whether each is there once. */
static void test_xchg(void)
{
    static const struct swap_op ops[] = {
        {"xchgb", 1, xchg_b}, {"xchgw", 2, xchg_w}, {"xchgl", 4, xchg_l}, {"xchgq", 8, xchg_q}};
    unsigned workers = worker_count < 7 ? worker_count : 7, i;
    size_t o, p;

    for (o = 0; o < sizeof(ops) / sizeof(ops[0]); o++)
        for (p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
            struct swap_case what = {&ops[o], place_of(&places[p], ops[o].size, p)};
            uint64_t initial = token(7, ops[o].size), wanted = initial, got;

            for (i = 0; i < workers; i++)
                wanted += token(i, ops[o].size);
            memcpy(what.place, &initial, ops[o].size);
            got = run_workers(workers, swap_body, &what);
            got += load_sized(what.place, ops[o].size);
            if (got != wanted)
                fail("%s %s: tokens lost", ops[o].name, places[p].name);
        }
}

/* --- CMPXCHG8B, CMPXCHG16B --------------------------------------------------------- */

/* Adds one to both halves; false if they were not equal, which they always are. */
static bool step_8b(void *p)
{
    uint32_t low = 0, high = 0;
    bool done;

    do {
        __asm__ volatile("lock cmpxchg8b (%3)"
                         : "+a"(low), "+d"(high), "=@ccz"(done)
                         : "r"(p), "b"(low + 1), "c"(high + 1)
                         : "memory");
        if (low != high)
            return false;
    } while (!done);
    return true;
}

static bool step_16b(void *p)
{
    uint64_t low = 0, high = 0;
    bool done;

    do {
        __asm__ volatile("lock cmpxchg16b (%3)"
                         : "+a"(low), "+d"(high), "=@ccz"(done)
                         : "r"(p), "b"(low + 1), "c"(high + 1)
                         : "memory");
        if (low != high)
            return false;
    } while (!done);
    return true;
}

struct pair_case {
    bool (*step)(void *p);
    uint8_t *place;
};

static void pair_body(struct worker *worker)
{
    const struct pair_case *what = worker->arg;

    while (!atomic_load(&stop)) {
        if (!what->step(what->place)) {
            fail("halves differ");
            return;
        }
        worker->done++;
    }
}

static void pair_one(bool (*step)(void *p), uint8_t *place, unsigned half)
{
    struct pair_case what = {step, place};
    uint64_t done;

    memset(place, 0, 2 * half);
    done = run_workers(worker_count, pair_body, &what);
    if (load_sized(place, half) != truncate_to(done, half) ||
        load_sized(place + half, half) != truncate_to(done, half))
        fail("%llu steps, value %#llx", (unsigned long long)done,
             (unsigned long long)load_sized(place, half));
}

static void test_cmpxchg8b(void)
{
    size_t p;

    for (p = 0; p < sizeof(places) / sizeof(places[0]); p++)
        pair_one(step_8b, place_of(&places[p], 8, p), 4);
}

static void test_cmpxchg16b(void)
{
    unsigned a, b, c = 0, d;

    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_CMPXCHG16B)) {
        skip("the processor has none");
        return;
    }
    pair_one(step_16b, arena + PAGE, 8);
    pair_one(step_16b, arena + PAGE + LINE - 16, 8);
}

const struct test lock_tests[] = {
    {"locked sums", test_sums},
    {"locked parity", test_parity},
    {"locked bits", test_bits},
    {"xchg", test_xchg},
    {"cmpxchg8b", test_cmpxchg8b},
    {"cmpxchg16b", test_cmpxchg16b},
    {NULL, NULL},
};
