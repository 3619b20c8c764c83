/* SPDX-License-Identifier: MIT */
/*
 * FP and SIMD instructions where native execution in user mode has no answer: CR0 and CR4 decide
 * whether they run (SDM vol. 3A, 2.5, table 2-2; 14.1), pending x87 errors (#MF, FERR#), the last
 * instruction pointer, the environment in real-mode form.
 */
#include "tests/test.h"
#include "frontends/x86/fpu.h"
#include "frontends/x86/helpers.h"
#include "frontends/x86/sys.h"
#include "system/cpu.h"
#include "tests/insn/emu.h"

#define CR0_BASE (CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG)
#define CR4_BASE (CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE)

enum { NONE = -1, UD = 6, NM = 7, GP = 13, MF = 16, XM = 19 };

static const char *const backends[] = {"interp", "jit"};

static void start(int backend)
{
    const char *only = getenv("DOPPEL_TEST_BACKEND");

    if ((only && strcmp(only, backends[backend])) || !emu_start(backends[backend]))
        exit(EXIT_SUCCESS);
}

static int run(struct native_state *s, const uint8_t *code, unsigned len)
{
    s->greg[X86_RDI] = EMU_DATA + 1024;
    return emu_run(s, code, len);
}

/* --- who may run when ----------------------------------------------------------------------- */

static const struct mode_row {
    const char *name;
    uint8_t code[8], len;
    int base, ts, ts_mp, em, no_osfxsr, no_osxsave;
} mode_rows[] = {
    /*                                               base  TS    TS+MP EM    -OSFXSR -OSXSAVE */
    {"addps", {0x0f, 0x58, 0xc1}, 3, NONE, NM, NM, UD, UD, NONE},
    {"movaps load", {0x0f, 0x28, 0x07}, 3, NONE, NM, NM, UD, UD, NONE},
    {"pcmpistri", {0x66, 0x0f, 0x3a, 0x63, 0xc1, 0}, 6, NONE, NM, NM, UD, UD, NONE},
    {"cvtpi2ps", {0x0f, 0x2a, 0xc1}, 3, NONE, NM, NM, UD, UD, NONE},
    {"paddb mm", {0x0f, 0xfc, 0xc1}, 3, NONE, NM, NM, UD, NONE, NONE},
    {"pshufb mm", {0x0f, 0x38, 0x00, 0xc1}, 4, NONE, NM, NM, UD, NONE, NONE},
    {"maskmovq", {0x0f, 0xf7, 0xc1}, 3, NONE, NM, NM, UD, NONE, NONE},
    {"maskmovdqu", {0x66, 0x0f, 0xf7, 0xc1}, 4, NONE, NM, NM, UD, UD, NONE},
    {"emms", {0x0f, 0x77}, 2, NONE, NM, NM, UD, NONE, NONE},
    {"movnti", {0x0f, 0xc3, 0x07}, 3, NONE, NONE, NONE, NONE, NONE, NONE},
    {"sfence", {0x0f, 0xae, 0xf8}, 3, NONE, NONE, NONE, NONE, NONE, NONE},
    {"prefetcht0", {0x0f, 0x18, 0x0f}, 3, NONE, NONE, NONE, NONE, NONE, NONE},
    {"crc32", {0xf2, 0x0f, 0x38, 0xf1, 0xc1}, 5, NONE, NONE, NONE, NONE, NONE, NONE},
    {"ldmxcsr", {0x0f, 0xae, 0x17}, 3, NONE, NM, NM, UD, UD, NONE},
    {"stmxcsr", {0x0f, 0xae, 0x1f}, 3, NONE, NM, NM, UD, UD, NONE},
    {"fxsave", {0x0f, 0xae, 0x07}, 3, NONE, NM, NM, NM, NONE, NONE},
    {"xsave", {0x0f, 0xae, 0x27}, 3, NONE, NM, NM, NONE, NONE, UD},
    {"xrstor", {0x0f, 0xae, 0x2f}, 3, NONE, NM, NM, NONE, NONE, UD},
    {"xgetbv", {0x0f, 0x01, 0xd0}, 3, NONE, NONE, NONE, NONE, NONE, UD},
    {"fadd", {0xd8, 0xc1}, 2, NONE, NM, NM, NM, NONE, NONE},
    {"fld", {0xd9, 0x07}, 2, NONE, NM, NM, NM, NONE, NONE},
    {"fnstsw", {0xdf, 0xe0}, 2, NONE, NM, NM, NM, NONE, NONE},
    {"fnstcw", {0xd9, 0x3f}, 2, NONE, NM, NM, NM, NONE, NONE},
    {"fninit", {0xdb, 0xe3}, 2, NONE, NM, NM, NM, NONE, NONE},
    {"fldcw", {0xd9, 0x2f}, 2, NONE, NM, NM, NM, NONE, NONE},
    {"fnsave", {0xdd, 0x37}, 2, NONE, NM, NM, NM, NONE, NONE},
    {"fwait", {0x9b}, 1, NONE, NONE, NM, NONE, NONE, NONE},
    {"lock addps", {0xf0, 0x0f, 0x58, 0x07}, 4, UD, UD, UD, UD, UD, UD},
};

static void check_mode(const struct mode_row *r, uint64_t cr0, uint64_t cr4, int expected)
{
    struct native_state s;
    int vector;

    native_init(&s);
    memset(emu_memory(), 0, NATIVE_MEMORY);
    st_le16(emu_memory() + 1024, 0x37f);
    emu_set_control(CR0_BASE | cr0, CR4_BASE & ~cr4);
    vector = run(&s, r->code, r->len);
    ck_assert_msg(vector == expected, "%s, CR0 + %llx, CR4 - %llx: vector %d, not %d", r->name,
                  (unsigned long long)cr0, (unsigned long long)cr4, vector, expected);
}

START_TEST(test_modes)
{
    start(_i);
    for (size_t i = 0; i < ARRAY_SIZE(mode_rows); i++) {
        const struct mode_row *r = &mode_rows[i];

        check_mode(r, 0, 0, r->base);
        check_mode(r, CR0_TS, 0, r->ts);
        check_mode(r, CR0_TS | CR0_MP, 0, r->ts_mp);
        check_mode(r, CR0_EM, 0, r->em);
        check_mode(r, 0, CR4_OSFXSR, r->no_osfxsr);
        check_mode(r, 0, CR4_OSXSAVE, r->no_osxsave);
    }
}
END_TEST

START_TEST(test_simd_exception)
{
    static const uint8_t divps[] = {0x0f, 0x5e, 0xc1};
    struct native_state s;

    start(_i);
    for (unsigned xmmexcpt = 0; xmmexcpt < 2; xmmexcpt++) {
        native_init(&s);
        st_le32(s.fx + FX_MXCSR, MXCSR_INIT & ~0x200); /* division by zero */
        st_le32(s.fx + FX_XMM, 0x3f800000);
        emu_set_control(CR0_BASE, CR4_BASE & ~(xmmexcpt ? 0 : CR4_OSXMMEXCPT));
        ck_assert_int_eq(run(&s, divps, sizeof(divps)), xmmexcpt ? XM : UD);
        ck_assert_uint_eq(ld_le32(s.fx + FX_MXCSR) & 0x3f, 4 | 1); /* 0/0 in the other lanes */
        ck_assert_uint_eq(ld_le32(s.fx + FX_XMM), 0x3f800000);
    }
}
END_TEST

/* --- pending x87 errors ------------------------------------------------------------------------- */

/* 1 / 0 unmasked, then something. */
static int after_error(struct native_state *s, const uint8_t *insn, unsigned len)
{
    static const uint8_t divide[] = {0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9}; /* fld1; fldz; fdivp */
    uint8_t code[32];

    native_init(s);
    st_le16(s->fx, 0x37b);
    memcpy(code, divide, sizeof(divide));
    memcpy(code + sizeof(divide), insn, len);
    return run(s, code, sizeof(divide) + len);
}

START_TEST(test_pending)
{
    static const struct {
        uint8_t code[4], len;
        int vector;
    } rows[] = {
        {{0x90}, 1, NONE},
        {{0x9b}, 1, MF},
        {{0xd9, 0xe8}, 2, MF},
        {{0xd9, 0xd0}, 2, MF},
        {{0xdf, 0xe0}, 2, NONE},
        {{0xdb, 0xe2}, 2, NONE},
        {{0xdb, 0xe3}, 2, NONE},
        {{0xd9, 0x37}, 2, NONE},
        {{0xdd, 0x37}, 2, NONE},
        {{0xd9, 0x3f}, 2, NONE},
        {{0xdd, 0x3f}, 2, NONE},
        {{0xd9, 0x2f}, 2, MF},
        {{0xd9, 0x27}, 2, MF},
        {{0xdd, 0x27}, 2, MF},
        {{0x0f, 0xfc, 0xc1}, 3, MF},
        {{0x0f, 0x77}, 2, MF},
        {{0x0f, 0xae, 0x07}, 3, NONE},
        {{0x0f, 0x58, 0xc1}, 3, NONE},
    };
    struct native_state s;

    start(_i);
    emu_set_control(CR0_BASE, CR4_BASE);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int vector = after_error(&s, rows[i].code, rows[i].len);

        ck_assert_msg(vector == rows[i].vector, "%02x %02x: vector %d", rows[i].code[0],
                      rows[i].code[1], vector);
        if (vector == MF)
            ck_assert_uint_eq(s.fault_pc, 6);
    }
}
END_TEST

static unsigned ferr_raised, ferr_lowered;

static void on_ferr(void *opaque, bool asserted)
{
    if (asserted)
        ferr_raised++;
    else
        ferr_lowered++;
}

/* CR0.NE = 0: FERR# and standstill; with IGNNE# the instruction runs. */
START_TEST(test_ferr)
{
    static const uint8_t fld1[] = {0xd9, 0xe8}, fnclex[] = {0xdb, 0xe2};
    struct native_state s;

    start(_i);
    emu_set_control(CR0_BASE & ~(uint64_t)CR0_NE, CR4_BASE);
    cpu_set_ferr_handler(on_ferr, NULL);
    ck_assert_int_eq(after_error(&s, fld1, 2), NONE);
    ck_assert_uint_eq(ferr_raised, 1);
    ck_assert_uint_eq(emu_cpu()->v.pc & 0xfff, 6);
    cpu_set_ignne(true);
    ck_assert_int_eq(after_error(&s, fld1, 2), NONE);
    ck_assert_uint_eq(ferr_raised, 1);
    ck_assert_uint_eq(emu_cpu()->v.pc & 0xfff, 9);
    cpu_set_ignne(false);
    ck_assert_int_eq(after_error(&s, fnclex, 2), NONE);
    ck_assert_uint_eq(ferr_lowered, 1);
}
END_TEST

/* --- last instruction ------------------------------------------------------------------------------ */

START_TEST(test_fip)
{
    static const struct {
        uint8_t code[12], len;
        int vector;
        unsigned fip;
    } rows[] = {
        {{0xd9, 0xe8, 0xd9, 0xeb, 0xde, 0xc1, 0x90}, 7, NONE, 4},
        {{0xd9, 0xe8, 0xeb, 0x00, 0x90, 0xdf, 0xe0}, 7, NONE, 0},
        {{0x90, 0xd9, 0xe8, 0xd9, 0x1f, 0xdd, 0x3f, 0xd9, 0x3f}, 9, NONE, 3},
        {{0x90, 0xd9, 0xe8, 0xd9, 0xeb, 0xd9, 0x04, 0x25, 0, 0x20, 0x03, 0}, 12, 14, 3},
        {{0x90, 0xd9, 0xe8, 0x0f, 0x0b}, 5, UD, 1},
        {{0x90, 0xd9, 0xe8, 0x9b, 0xdb, 0xe2}, 6, NONE, 1},
        {{0x0f, 0xfc, 0xc1, 0xd9, 0xe8, 0x0f, 0x77}, 7, NONE, 3},
    };
    struct native_state s;

    start(_i);
    emu_set_control(CR0_BASE, CR4_BASE);
    for (unsigned exact = 0; exact < 2; exact++) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            native_init(&s);
            st_le16(s.fx, exact ? 0x37b : 0x37f);
            ck_assert_int_eq(run(&s, rows[i].code, rows[i].len), rows[i].vector);
            ck_assert_msg((x86_fpu_ip(emu_cpu()) & 0xfff) == rows[i].fip, "row %zu: FIP %llx", i,
                          (unsigned long long)x86_fpu_ip(emu_cpu()));
        }
    }
}
END_TEST

/* FOP and FDP: of the last unmasked error. */
START_TEST(test_fdp)
{
    static const uint8_t code[] = {0xd9, 0xe8, 0xdc, 0x77,
                                   0x08, 0xd9, 0x37}; /* fld1; fdiv [rdi + 8]; fnstenv */
    const uint8_t *env;
    struct native_state s;

    start(_i);
    emu_set_control(CR0_BASE, CR4_BASE);
    env = emu_memory() + 1024;
    memset(emu_memory(), 0, NATIVE_MEMORY);
    native_init(&s);
    ck_assert_int_eq(run(&s, code, sizeof(code)), NONE);
    ck_assert_uint_eq(ld_le32(env + 16), 0);
    ck_assert_uint_eq(ld_le32(env + 20), 0);
    memset(emu_memory(), 0, NATIVE_MEMORY);
    native_init(&s);
    st_le16(s.fx, 0x37b);
    ck_assert_int_eq(run(&s, code, sizeof(code)), NONE);
    ck_assert_uint_eq(ld_le32(env + 16), 0x477 << 16);
    ck_assert_uint_eq(ld_le32(env + 20), EMU_DATA + 1024 + 8);
    ck_assert_uint_eq(ld_le16(s.fx), 0x37f);
}
END_TEST

/* The real-mode forms of the environment hold linear addresses in pieces (SDM vol. 1, 8.1.10). */
START_TEST(test_real_environment)
{
    static const uint16_t form16[] = {0x37f, 0, 0xffff, 0x2345, 0x1123, 0x789a, 0x6000};
    static const uint32_t form32[] = {0xffff037f, 0xffff0000, 0xffffffff, 0xffff2345,
                                      0x00001123, 0xffff789a, 0x00006000};
    struct x86_cpu *c;

    start(_i);
    c = emu_cpu();
    x86_fpu_init(c);
    x86_fpu_changed(c);
    for (unsigned form = FENV_REAL; form <= (FENV_REAL | FENV_32); form++) {
        const void *image = form & FENV_32 ? (const void *)form32 : form16;
        unsigned len = form & FENV_32 ? 28 : 14;

        c->fpu_ip = 0x12340;
        c->fpu_ip_off = 5;
        c->fpu_op = 0x123;
        c->fpu_dp = 0x6789a;
        helper_fnstenv(&c->v, EMU_DATA, form, 0);
        ck_assert_mem_eq(emu_memory(), image, len);
        x86_fpu_init(c);
        helper_fldenv(&c->v, EMU_DATA, form, 0);
        ck_assert_uint_eq(x86_fpu_ip(c), 0x12345);
        ck_assert_uint_eq(c->fpu_dp, 0x6789a);
        ck_assert_uint_eq(c->fpu_op, 0x123);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fpu_modes");
    TCase *tcase = tcase_create("fpu_modes");
    SRunner *runner = srunner_create(suite);
    int failed, n = ARRAY_SIZE(backends);

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, test_modes, 0, n);
    tcase_add_loop_test(tcase, test_simd_exception, 0, n);
    tcase_add_loop_test(tcase, test_pending, 0, n);
    tcase_add_loop_test(tcase, test_ferr, 0, n);
    tcase_add_loop_test(tcase, test_fip, 0, n);
    tcase_add_loop_test(tcase, test_fdp, 0, n);
    tcase_add_loop_test(tcase, test_real_environment, 0, n);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
