/* SPDX-License-Identifier: MIT */
/*
 * MMX, SSE and x87 instructions, natively and by doppel (the backend named by DOPPEL_TEST_BACKEND,
 * else all in turn): every row of simd_ops.def and x87_ops.def with random registers, states and
 * memory operands in every position to a page's end. Registers, flags, FSW, tags, MXCSR, memory
 * and exceptions must be equal.
 */
#include "tests/test.h"
#include "tests/insn/emu.h"
#include "tests/insn/fpu_random.h"
#include "translator/simd_ops.h"
#include "translator/x87_ops.h"

#include <signal.h>
#include <stdio.h>

static unsigned rounds = 12; /* per row; DOPPEL_TEST_ROUNDS */

/* One test: state, memory image and code. */
struct fpu_case {
    const char *name;
    struct native_state in;
    uint8_t memory[NATIVE_MEMORY];
    unsigned operand; /* offset of the memory operand, from native_memory() */
    uint8_t code[256];
    unsigned len;
    struct {
        unsigned at, len;
    } skip[2]; /* bytes of memory that may differ: instruction pointers, XSTATE_BV */
    bool mmx;  /* goes to MMX state */
};

struct outcome {
    struct native_state out;
    uint8_t memory[NATIVE_MEMORY];
    int vector; /* -1: none */
};

/* --- running ---------------------------------------------------------------------------- */

static int vector_of_signal(int signo, const struct native_state *s)
{
    uint64_t page = (uintptr_t)native_memory() + NATIVE_MEMORY;

    switch (signo) {
    case 0:
        return -1;
    case SIGILL:
        return 6;
    case SIGFPE:
        return 0; /* which one is not told: #MF or #XM */
    default:
        return s->fault_addr >= page && s->fault_addr < page + 4096 ? 14 : 13;
    }
}

static void run_native(const struct fpu_case *c, struct outcome *o)
{
    o->out = c->in;
    o->out.greg[7] = (uintptr_t)native_memory() + c->operand;
    memcpy(native_memory(), c->memory, NATIVE_MEMORY);
    o->vector = vector_of_signal(native_run(&o->out, c->code, c->len), &o->out);
    memcpy(o->memory, native_memory(), NATIVE_MEMORY);
    o->out.greg[7] -= (uintptr_t)native_memory();
}

static void run_emulated(const struct fpu_case *c, struct outcome *o)
{
    o->out = c->in;
    o->out.greg[7] = EMU_DATA + c->operand;
    memcpy(emu_memory(), c->memory, NATIVE_MEMORY);
    o->vector = emu_run(&o->out, c->code, c->len);
    if (o->vector == 16 || o->vector == 19)
        o->vector = 0;
    memcpy(o->memory, emu_memory(), NATIVE_MEMORY);
    o->out.greg[7] -= EMU_DATA;
}

/* --- comparing --------------------------------------------------------------------------- */

static char report[4096];
static unsigned report_len;

static void differs(const char *what, unsigned n, const uint8_t *native, const uint8_t *emulated,
                    unsigned bytes)
{
    report_len += snprintf(report + report_len, sizeof(report) - report_len, "%s %u:", what, n);
    for (unsigned side = 0; side < 2; side++) {
        const uint8_t *p = side ? emulated : native;

        report_len += snprintf(report + report_len, sizeof(report) - report_len, " ");
        for (unsigned i = bytes; i-- > 0;)
            report_len += snprintf(report + report_len, sizeof(report) - report_len, "%02x", p[i]);
    }
    report_len += snprintf(report + report_len, sizeof(report) - report_len, "\n");
}

static void compare(const char *what, unsigned n, const void *a, const void *b, unsigned bytes)
{
    if (memcmp(a, b, bytes) && report_len < sizeof(report) / 2)
        differs(what, n, a, b, bytes);
}

static void compare_memory(const struct fpu_case *c, const uint8_t *a, const uint8_t *b,
                           bool faulted)
{
    for (unsigned i = 0; i < NATIVE_MEMORY; i++) {
        if (faulted && i - c->operand < 16)
            continue; /* the processor may have written a part, doppel never */
        if (i - c->skip[0].at >= c->skip[0].len && i - c->skip[1].at >= c->skip[1].len)
            compare("memory", i, a + i, b + i, 1);
    }
}

/* x87 register by physical number. */
static const uint8_t *physical(const uint8_t *fx, unsigned n)
{
    unsigned top = ld_le16(fx + 2) >> 11 & 7;

    return fx + 32 + 16 * ((n - top) & 7);
}

static void compare_outcomes(const struct fpu_case *c, const struct outcome *a,
                             const struct outcome *b)
{
    const uint8_t *x = a->out.fx, *y = b->out.fx;

    compare("vector", 0, &a->vector, &b->vector, 4);
    compare("fault at", 0, &a->out.fault_pc, &b->out.fault_pc, 8);
    compare("FCW", 0, x, y, 2);
    if (!(c->mmx && a->vector == 14)) {
        compare("FSW", 0, x + 2, y + 2, 2);
        compare("FTW", 0, x + 4, y + 4, 1);
    } /* else the processor is in MMX state already, doppel not yet */
    compare("MXCSR", 0, x + 24, y + 24, 4);
    for (unsigned i = 0; i < 8; i++)
        compare("R", i, physical(x, i), physical(y, i), 10);
    for (unsigned i = 0; i < 16; i++)
        compare("XMM", i, x + 160 + 16 * i, y + 160 + 16 * i, 16);
    for (unsigned i = 0; i < 16; i++) {
        if (i != 4)
            compare("greg", i, &a->out.greg[i], &b->out.greg[i], 8);
    }
    compare("flags", 0, &a->out.flags, &b->out.flags, 2);
    compare_memory(c, a->memory, b->memory, a->vector == 14);
}

static void check_case(const struct fpu_case *c)
{
    static struct outcome native, emulated;
    char bytes[3 * sizeof(c->code) + 1] = "";

    run_native(c, &native);
    run_emulated(c, &emulated);
    report_len = 0;
    compare_outcomes(c, &native, &emulated);
    for (unsigned i = 0; i < c->len; i++)
        snprintf(bytes + 3 * i, 4, "%02x ", c->code[i]);
    ck_assert_msg(!report_len, "%s: %s: operand at %#x, FCW %04x FSW %04x MXCSR %08x\n%s", c->name,
                  bytes, c->operand, ld_le16(c->in.fx), ld_le16(c->in.fx + 2),
                  ld_le32(c->in.fx + 24), report);
}

/* --- making cases ------------------------------------------------------------------------------ */

static void random_memory(struct fpu_case *c)
{
    for (unsigned i = 0; i < NATIVE_MEMORY; i += 8)
        st_le64(c->memory + i, i * 0x0101010101010101ull);
}

/* Where the operand lies: in a page, across two, up to the end of memory, beyond it. */
static unsigned random_place(unsigned bytes, unsigned align)
{
    switch (random_below(8)) {
    case 0:
        return 4096 - random_below(bytes + 1);
    case 1:
        return NATIVE_MEMORY - bytes;
    case 2:
        return NATIVE_MEMORY - bytes + 1 + random_below(bytes);
    case 3:
        return 64 + random_below(64);
    default:
        return ALIGN_DOWN(64 + random_below(2048), align);
    }
}

static void put(struct fpu_case *c, unsigned byte)
{
    c->code[c->len++] = byte;
}

static unsigned not_rsp_or_rdi(unsigned n)
{
    return (n & 15) == 4 || (n & 15) == 7 ? 2 : n & 15;
}

static bool is_general(unsigned role)
{
    return (role & V_CLASS) == SIMD_CLASS_G;
}

static void fill_vector_operand(struct fpu_case *c)
{
    uint8_t v[16];

    random_vector(v);
    for (unsigned i = 0; i < 16 && c->operand + i < NATIVE_MEMORY; i++)
        c->memory[c->operand + i] = v[i];
}

static void make_simd(struct fpu_case *c, const struct simd_row *r, bool unmask)
{
    bool mem = r->mem && (r->flags & V_MEMONLY || random_below(2)), rexw = random_below(2);
    unsigned limit = r->flags & V_NOMODRM ? 1 : 16, reg = random_below(limit);
    unsigned rm = random_below(limit);

    memset(c->code, 0, sizeof(c->code));
    c->name = r->name;
    memset(c->skip, 0, sizeof(c->skip));
    c->mmx = r->flags & V_MMX;
    random_state(&c->in, unmask);
    random_memory(c);
    c->operand = random_place(simd_mem_bytes(r, rexw) + 1, 16);
    if (r->flags & V_LENGTHS && random_below(2)) {
        c->in.greg[0] = random_below(40) - 20;
        c->in.greg[2] = random_below(40) - 20;
    }
    if ((r->reg & V_CLASS) == SIMD_CLASS_M)
        reg &= 7;
    if ((r->rm & V_CLASS) == SIMD_CLASS_M)
        rm &= 7;
    if (is_general(r->reg))
        reg = not_rsp_or_rdi(reg);
    if (is_general(r->rm))
        rm = not_rsp_or_rdi(rm);
    if (mem) {
        rm = 7;
        fill_vector_operand(c);
    }
    c->len = simd_encode(c->code, r, reg, rm, mem, rexw, random_u64());
}

static void check_simd_row(const struct simd_row *r)
{
    static struct fpu_case c;

    if (!native_has_feature(r->feature))
        return;
    for (unsigned i = 0; i < rounds; i++) {
        make_simd(&c, r, i % 4 == 3);
        check_case(&c);
    }
}

/* --- x87 ------------------------------------------------------------------------------------------ */

static void fill_x87_operand(struct fpu_case *c, unsigned bytes, bool bcd)
{
    uint8_t v[10];

    random_extended(v);
    if (bcd)
        random_bcd(v);
    else if (bytes == 4 && random_below(2))
        st_le32(v, random_float());
    else if (bytes == 8 && random_below(2))
        st_le64(v, random_double());
    else if (bytes <= 8)
        st_le64(v, random_integer());
    for (unsigned i = 0; i < bytes && c->operand + i < NATIVE_MEMORY; i++)
        c->memory[c->operand + i] = v[i];
}

static void put_x87(struct fpu_case *c, const struct x87_row *r)
{
    put(c, 0xd8 + r->op);
    if (r->count)
        put(c, r->modrm + random_below(r->count));
    else
        put(c, r->modrm | 7); /* [rdi] */
}

/* Bytes of a memory operand; of an environment in its 16-bit or 32-bit form. */
static unsigned x87_operand_bytes(const struct x87_row *r, bool short_form)
{
    if (r->count || r->bytes)
        return r->bytes;
    return (short_form ? 14 : 28) +
           (r == &x87_rows[X87_FNSAVE] || r == &x87_rows[X87_FRSTOR] ? 80 : 0);
}

static void fill_environment(struct fpu_case *c, unsigned bytes, bool short_form)
{
    unsigned word = short_form ? 2 : 4;
    uint8_t env[108];

    for (unsigned i = 0; i < sizeof(env); i += 4)
        st_le32(env + i, random_u64());
    st_le16(env + word, random_u64() & 0x7f7f);
    if (random_below(2))
        st_le16(env, 0x37f);
    for (unsigned i = 7 * word; i + 10 <= bytes; i += 10)
        random_extended(env + i);
    for (unsigned i = 0; i < bytes && c->operand + i < NATIVE_MEMORY; i++)
        c->memory[c->operand + i] = env[i];
}

static void make_x87(struct fpu_case *c, const struct x87_row *r, bool unmask)
{
    bool short_form = !r->count && !r->bytes && random_below(2);
    unsigned bytes = x87_operand_bytes(r, short_form);

    memset(c->code, 0, sizeof(c->code));
    c->name = r->name;
    c->len = 0;
    memset(c->skip, 0, sizeof(c->skip));
    random_state(&c->in, unmask);
    random_memory(c);
    c->operand =
        unmask ? 1024 : random_place(bytes + 1, 4); /* an error comes before a page fault */
    if (bytes && !r->bytes)
        fill_environment(c, bytes, short_form);
    else
        fill_x87_operand(c, bytes, r == &x87_rows[X87_FBLD]);
    if (short_form)
        put(c, 0x66);
    put_x87(c, r);
    if (r == &x87_rows[X87_FNSTENV] || r == &x87_rows[X87_FNSAVE]) {
        c->skip[0].at = c->operand + (short_form ? 6 : 12); /* FIP .. FDP: the code's own address */
        c->skip[0].len = short_form ? 6 : 12;
    }
    put(c, 0x9b);
    if (random_below(2)) /* FNSTSW AX, as programs do */
        put(c, 0xdf), put(c, 0xe0);
}

static void check_x87_row(const struct x87_row *r)
{
    static struct fpu_case c;

    for (unsigned i = 0; i < rounds; i++) {
        make_x87(&c, r, i % 4 == 3);
        check_case(&c);
    }
}

/* --- sequences ---------------------------------------------------------------------------------------- */

/* Some x87 instructions in a row: TOP, pending errors and the change of kinds of blocks. */
static void check_x87_sequence(bool unmask)
{
    static struct fpu_case c;

    memset(&c, 0, sizeof(c));
    c.name = "sequence";
    random_state(&c.in, unmask);
    random_memory(&c);
    c.operand = 1024;
    fill_x87_operand(&c, 10, random_below(2));
    for (unsigned i = 0; i < 8; i++) {
        const struct x87_row *r = &x87_rows[random_below(X87_COUNT)];

        if (r->count || r->bytes)
            put_x87(&c, r);
    }
    put(&c, 0x9b);
    check_case(&c);
}

/* Integer instructions that read and write flags and what SIMD results may be in. */
static void put_integer(struct fpu_case *c)
{
    static const uint8_t rows[][5] = {
        {3, 0x48, 0x11, 0xd1},       /* adc rcx, rdx */
        {3, 0x48, 0x39, 0xc8},       /* cmp rax, rcx */
        {3, 0x48, 0xff, 0xc2},       /* inc rdx */
        {1, 0x9f},                   /* lahf */
        {4, 0x4c, 0x89, 0x47, 0x20}, /* mov [rdi + 32], r8 */
        {3, 0x4c, 0x8b, 0x07},       /* mov r8, [rdi] */
    };
    const uint8_t *r = rows[random_below(ARRAY_SIZE(rows))];
    unsigned cond = random_below(16);

    switch (random_below(4)) {
    case 0: /* setcc bl */
        put(c, 0x0f), put(c, 0x90 | cond), put(c, 0xc3);
        break;
    case 1: /* cmovcc rbp, rdx */
        put(c, 0x48), put(c, 0x0f), put(c, 0x40 | cond), put(c, 0xea);
        break;
    case 2: /* jcc to the next instruction: a new block */
        put(c, 0x70 | cond), put(c, 0);
        break;
    default:
        for (unsigned i = 1; i <= r[0]; i++)
            put(c, r[i]);
        break;
    }
}

static void put_simd(struct fpu_case *c)
{
    const struct simd_row *r = &simd_rows[random_below(SIMD_COUNT)];
    bool mem = r->mem && (r->flags & V_MEMONLY || random_below(2)), rexw = random_below(2);
    unsigned reg = random_below(16), rm = random_below(16);

    if (!native_has_feature(r->feature))
        return;
    reg = (r->reg & V_CLASS) == SIMD_CLASS_M ? reg & 7
          : is_general(r->reg)               ? not_rsp_or_rdi(reg)
                                             : reg;
    rm = (r->rm & V_CLASS) == SIMD_CLASS_M ? rm & 7 : is_general(r->rm) ? not_rsp_or_rdi(rm) : rm;
    c->len += simd_encode(c->code + c->len, r, reg, mem ? 7 : rm, mem, rexw, random_u64());
}

/* SIMD, x87 and integer instructions in a row. */
static void check_mixed_sequence(bool unmask)
{
    static struct fpu_case c;

    memset(&c, 0, sizeof(c));
    c.name = "mixed";
    random_state(&c.in, unmask);
    random_memory(&c);
    c.operand = 1024;
    fill_vector_operand(&c);
    for (unsigned i = 0; i < 16; i++) {
        const struct x87_row *r = &x87_rows[random_below(X87_COUNT)];

        if (random_below(2))
            put_simd(&c);
        else if (random_below(4))
            put_integer(&c);
        else if (r->count || r->bytes)
            put_x87(&c, r);
    }
    check_case(&c);
}

/* --- instructions that are no rows ------------------------------------------------------------------- */

enum special_operand { S_RANDOM, S_MXCSR, S_FXSAVE, S_XSAVE, S_STRING };

static const struct special {
    const char *name;
    uint8_t code[5], len;
    uint16_t bytes, align;
    enum special_operand kind;
} specials[] = {
    {"LDMXCSR", {0x0f, 0xae, 0x17}, 3, 4, 1, S_MXCSR},
    {"STMXCSR", {0x0f, 0xae, 0x1f}, 3, 4, 1, S_RANDOM},
    {"FXSAVE", {0x0f, 0xae, 0x07}, 3, 512, 16, S_FXSAVE},
    {"FXSAVE64", {0x48, 0x0f, 0xae, 0x07}, 4, 512, 16, S_FXSAVE},
    {"FXRSTOR", {0x0f, 0xae, 0x0f}, 3, 512, 16, S_FXSAVE},
    {"FXRSTOR64", {0x48, 0x0f, 0xae, 0x0f}, 4, 512, 16, S_FXSAVE},
    {"XSAVE", {0x0f, 0xae, 0x27}, 3, 576, 64, S_XSAVE},
    {"XSAVE64", {0x48, 0x0f, 0xae, 0x27}, 4, 576, 64, S_XSAVE},
    {"XRSTOR", {0x0f, 0xae, 0x2f}, 3, 576, 64, S_XSAVE},
    {"XRSTOR64", {0x48, 0x0f, 0xae, 0x2f}, 4, 576, 64, S_XSAVE},
    {"MOVNTI", {0x0f, 0xc3, 0x0f}, 3, 4, 1, S_RANDOM},
    {"MOVNTI64", {0x48, 0x0f, 0xc3, 0x0f}, 4, 8, 1, S_RANDOM},
    {"MASKMOVQ", {0x0f, 0xf7, 0xd3}, 3, 8, 1, S_STRING},
    {"MASKMOVDQU", {0x66, 0x0f, 0xf7, 0xd3}, 4, 16, 1, S_STRING},
};

/* A save area that can be loaded, unless it has one thing wrong. */
static void fill_area(struct fpu_case *c, bool header)
{
    struct native_state s;
    uint8_t area[576] = {0};

    random_state(&s, random_below(4) == 0);
    memcpy(area, s.fx, 416);
    if (random_below(8) == 0)
        area[26] = 1; /* MXCSR */
    st_le64(area + 512, random_below(4));
    if (random_below(8) == 0) /* not what the host's further components or compacted form allow */
        area[random_below(2) ? 513 + random_below(7) : 528 + random_below(8)] = 0x80;
    for (unsigned i = 0; i < (header ? 576 : 512) && c->operand + i < NATIVE_MEMORY; i++)
        c->memory[c->operand + i] = area[i];
}

static void fill_special(struct fpu_case *c, const struct special *s)
{
    if (s->kind == S_MXCSR && c->operand + 4 <= NATIVE_MEMORY)
        st_le32(c->memory + c->operand, random_u64() & (random_below(4) ? 0xffff : 0x1ffff));
    if (s->kind < S_FXSAVE)
        return;
    if (s->kind == S_STRING) {
        fill_vector_operand(c);
        return;
    }
    fill_area(c, s->kind == S_XSAVE);
    c->skip[0].at = c->operand + 6; /* FOP, FIP, FDP */
    c->skip[0].len = 18;
    c->in.greg[0] = random_below(4);
    c->in.greg[2] = random_u64() << 32;
    if (s->kind == S_XSAVE) {
        c->skip[1].at = c->operand + 512;
        c->skip[1].len = 8;
    }
}

static void check_special(const struct special *s)
{
    static struct fpu_case c;

    for (unsigned i = 0; i < rounds; i++) {
        memset(c.code, 0, sizeof(c.code));
        memset(c.skip, 0, sizeof(c.skip));
        c.name = s->name;
        c.mmx = s->kind == S_STRING;
        random_state(&c.in, false);
        random_memory(&c);
        c.operand = random_place(s->bytes + 1, s->align);
        fill_special(&c, s);
        memcpy(c.code, s->code, s->len);
        c.len = s->len;
        check_case(&c);
    }
}

/* --- tests ------------------------------------------------------------------------------------------------ */

static const char *const backends[] = {"interp", "jit"};

static void start(int backend)
{
    const char *only = getenv("DOPPEL_TEST_BACKEND"), *n = getenv("DOPPEL_TEST_ROUNDS");
    const char *seed = getenv("DOPPEL_TEST_SEED");

    if (n)
        rounds = atoi(n);
    random_seed(seed ? strtoull(seed, NULL, 0) : 1);
    if ((only && strcmp(only, backends[backend])) || !emu_start(backends[backend]))
        exit(EXIT_SUCCESS);
}

START_TEST(test_simd)
{
    start(_i);
    for (unsigned i = 0; i < SIMD_COUNT; i++)
        check_simd_row(&simd_rows[i]);
}
END_TEST

START_TEST(test_x87)
{
    start(_i);
    for (unsigned i = 0; i < X87_COUNT; i++)
        check_x87_row(&x87_rows[i]);
}
END_TEST

START_TEST(test_sequences)
{
    start(_i);
    for (unsigned i = 0; i < rounds * 100; i++)
        check_x87_sequence(i % 2);
    for (unsigned i = 0; i < rounds * 100; i++)
        check_mixed_sequence(i % 8 == 0);
}
END_TEST

START_TEST(test_specials)
{
    start(_i);
    for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
        check_special(&specials[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fpu_diff");
    TCase *tcase = tcase_create("fpu_diff");
    SRunner *runner = srunner_create(suite);
    int failed, n = ARRAY_SIZE(backends);

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 0);
    tcase_add_loop_test(tcase, test_simd, 0, n);
    tcase_add_loop_test(tcase, test_x87, 0, n);
    tcase_add_loop_test(tcase, test_sequences, 0, n);
    tcase_add_loop_test(tcase, test_specials, 0, n);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
