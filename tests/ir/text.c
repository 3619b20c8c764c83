/* SPDX-License-Identifier: MIT */
/*
 * IR as text: printing and parsing round trips, what the verifier refuses, what the flag pass
 * finds, and blocks given as text run by the interpreter.
 */
#include "translator/ir.h"
#include "translator/vcpu.h"
#include "tests/test.h"
#include "util/error.h"

#include <stdio.h>

static const struct ir_global globals[] = {
    {"rax", offsetof(struct vcpu, greg[0]), IR_I64, 0}, {"rcx", offsetof(struct vcpu, greg[1]), IR_I64, 1},
    {"rdx", offsetof(struct vcpu, greg[2]), IR_I64, 2}, {"rbx", offsetof(struct vcpu, greg[3]), IR_I64, 3},
    {"fs_base", offsetof(struct vcpu, greg[4]), IR_I64, -1}, {"w", offsetof(struct vcpu, greg[5]), IR_I32, -1},
};

static const struct ir_helper helpers[] = {
    {"raise", NULL, HF_RAISE | HF_NORETURN},
    {"plain", NULL, HF_WRITE_GLOBALS},
    {"flags", NULL, HF_READ_FLAGS},
};

static struct ir_block b;

static void setup(void)
{
    ir_block_init(&b);
    b.globals = globals;
    b.n_globals = ARRAY_SIZE(globals);
    b.helpers = helpers;
    b.n_helpers = ARRAY_SIZE(helpers);
}

static void parse(const char *text)
{
    struct error *err = NULL;

    if (ir_parse(&b, text, &err))
        ck_abort_msg("%s in\n%s", error_msg(err), text);
}

#define HEAD "block mmu=0 pc=64\nexit0 off=16\ninsn.i64 aux=0x0 x=0,0,3,0\n"
#define TAIL "exit.i64 aux=0x0\n"
#define INSN "insn.i64 aux=0x4 x=0,0,3,0\n"
#define WINDOW "window.i64 t0:i64, [rbx + 0] aux=0x10\n" /* for reading 16 bytes */

static const char sample[] =
    "block mmu=1 pc=32\n"
    "exit0 off=-5 poll\n"
    "exit1 off=4096\n"
    "insn.i64 aux=0x10 x=0,0,3,0\n"
    "ld.i32 t0:i32, [rax + rcx*4 + -8]:a32:l32:seg=fs_base:stack\n"
    "ldzx.i32 t1:i32, [16] aux=0x0\n"
    "add.i32 t2:i32, t0, t1 {OSZAPC}\n"
    "mov.i8 rax.hi, $-3\n"
    "guard.i64.a rbx, $65535 aux=0xd0000\n"
    "rmw.i64 _, rbx, _, [rdx + 0] {OSZAPC} aux=0x8 lock # and\n"
    "simd.i64 _, _, _, [rbx + 0]:align aux=0x5 rex x=1,2,3,0\n"
    "call.i64 t3:i64, t2, _, $7 aux=0x1 # plain\n"
    "skip_if.i64.ne aux=0x0\n"
    "setcc.i8.le rcx\n"
    "label.i64 aux=0x0\n"
    "exit_if.i64.b aux=0x0\n"
    "exit.i64 aux=0x1\n";

START_TEST(test_round_trip)
{
    char *once, *twice;

    setup();
    parse(sample);
    once = ir_print(&b);
    parse(once);
    twice = ir_print(&b);
    ck_assert_str_eq(once, twice);
    ck_assert_str_eq(once, sample);
    free(once);
    free(twice);
    ir_block_fini(&b);
}
END_TEST

START_TEST(test_syntax_errors)
{
    static const char *const bad[] = {
        "nonsense.i32\n", "add.i33 rax, rax, rax\n", "add.i32 rax, rzz, rax\n", "add.i32 rax rax\n",
        "ld.i32 rax, [rax\n", "exit1 off=0\n", "exit.i64 aux=q\n", "mov.i64 rax, $99999999999999999999\n",
        "setcc.i8.xx rax\n", "mov.i64 rax, rcx {X}\n", "mov.i64 rax, rcx rubbish\n", "mov.i64 rax, t9999\n",
    };

    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct error *err = NULL;

        if (!ir_parse(&b, bad[i], &err))
            ck_abort_msg("accepted: %s", bad[i]);
        ck_assert_ptr_nonnull(strstr(error_msg(err), "line 1"));
        error_free(err);
    }
    ir_block_fini(&b);
}
END_TEST

static const struct {
    const char *text, *message;
} refused[] = {
    {HEAD "add.i64 rax, t0, rcx\n" TAIL, "no such temporary"},
    {HEAD "skip_if.i64.e aux=0\nmov.i64 t0:i64, rax\nlabel.i64 aux=0\nmov.i64 rax, t0\n" TAIL, "across a label"},
    {HEAD "mov.i64 t0:i64, rax\nmov.i64 t0:i64, rcx\n" TAIL, "defined twice"},
    {HEAD "mov.i32 t0:i32, rax\nadd.i64 rax, t0, rcx\n" TAIL, "wider than its temporary"},
    {HEAD "mov.i64 rax, w\n" TAIL, "wider than its global"},
    {HEAD "mov.i32 rax, rcx.hi\n" TAIL, "i8 operand only"},
    {HEAD "mov.i64 $3, rcx\n" TAIL, "neither global nor temporary"},
    {HEAD "mov.i64 rax, rcx\nld.i64 rcx, [rax + 0]\n" TAIL, "after its guest instruction has written"},
    {HEAD "add.i64 rax, rax, rcx {OSZAPC}\ncall.i64 _, _, _, _ aux=0\n" TAIL, "after its guest instruction has written"},
    {HEAD "not.i64 rax, rax {C}\n" TAIL, "flags its op cannot define"},
    {HEAD "mov.i64 rax, rcx\n", "only it, leaves"},
    {HEAD TAIL TAIL, "only it, leaves"},
    {HEAD "exit.i64 aux=3\n", "no such exit"},
    {HEAD "call.i64 _, _, _, _ aux=9\n" TAIL, "no such helper"},
    {HEAD "label.i64 aux=0\nskip_if.i64.e aux=0\n" TAIL, "label behind"},
    {HEAD "skip_if.i64.e aux=0\n" TAIL, "not placed"},
    {HEAD "rmw.i64 _, rax, _, [rax + 0] aux=0\n" TAIL, NULL},
    {HEAD "rmw.i64 _, rax, _, [rax + 0] aux=13\n" TAIL, "rmw does not have"},
    {HEAD "zext.i32 rax, rcx aux=2\n" TAIL, "not narrower"},
    {HEAD "ld.i64 rax, [rcx + 0]:a24\n" TAIL, "address size"},
    {HEAD "bswap.i16 rax, rax\n" TAIL, "needs i32 or i64"},
    {"block mmu=9 pc=64\nexit0 off=0\ninsn.i64 aux=0\n" TAIL, "access class"},
    {"block mmu=0 pc=64\nexit0 off=0\nmov.i64 rax, rcx\n" TAIL, "no guest instruction is open"},
    {HEAD "guard.i64.s rax, rcx aux=0\n" TAIL, "guard does not have"},
    {HEAD WINDOW "ld.i64 rax, [t0 + 8]:window\n" TAIL, NULL},
    {HEAD "ld.i64 t1:i64, [rdx + 0]\n" WINDOW TAIL, "start of its guest instruction"},
    {HEAD WINDOW "ld.i64 rax, [t0 + 9]:window\n" TAIL, "beyond its window"},
    {HEAD WINDOW "ld.i64 rax, [t0 + -1]:window\n" TAIL, "beyond its window"},
    {HEAD WINDOW "st.i64 rax, [t0 + 0]:window\n" TAIL, "window for reading"},
    {HEAD WINDOW "rmw.i64 _, rax, _, [t0 + 0]:window aux=0x8 lock\n" TAIL, "cannot be in a window"},
    {HEAD WINDOW "ld.i64 rax, [t0 + rcx*2 + 0]:window\n" TAIL, "more than a distance"},
    {HEAD WINDOW "call.i64 _, _, _, _ aux=1\n" INSN "ld.i64 rax, [t0 + 0]:window\n" TAIL, "no such window"},
    {HEAD "ld.i64 rax, [rbx + 0]:window\n" TAIL, "no such window"},
};

START_TEST(test_verifier)
{
    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
        struct error *err = NULL;
        int ret;

        parse(refused[i].text);
        ret = ir_verify(&b, &err);
        if (!refused[i].message != !ret)
            ck_abort_msg("verdict %d (%s) on\n%s", ret, err ? error_msg(err) : "", refused[i].text);
        if (ret && !strstr(error_msg(err), refused[i].message))
            ck_abort_msg("'%s', not '%s', on\n%s", error_msg(err), refused[i].message, refused[i].text);
        error_free(err);
    }
    ir_block_fini(&b);
}
END_TEST

/* --- the flag pass ----------------------------------------------------------------------- */

static void flags_of(const char *text)
{
    struct error *err = NULL;

    parse(text);
    if (ir_verify(&b, &err))
        ck_abort_msg("%s in\n%s", error_msg(err), text);
    opt_flags(&b);
    if (ir_verify(&b, &err))
        ck_abort_msg("after the pass: %s in\n%s", error_msg(err), text);
}

static const struct ir_insn *find(enum ir_op op, unsigned nth)
{
    for (unsigned i = 0; i < b.n_insns; i++)
        if (b.insns[i].op == op && !nth--)
            return &b.insns[i];
    ck_abort_msg("no %s", ir_op_info[op].name);
}

START_TEST(test_flags_dead)
{
    setup();
    flags_of(HEAD "add.i64 rax, rax, rcx {OSZAPC}\nsub.i64 rdx, rdx, rcx {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(find(IR_add, 0)->flive, 0);
    ck_assert_uint_eq(find(IR_sub, 0)->flive, OSZAPC);
    ck_assert_uint_eq(find(IR_sub, 0)->finfo, IR_FL_READ);
    /* INC keeps C */
    flags_of(HEAD "add.i64 rax, rax, rcx {OSZAPC}\nadd.i64 rdx, rdx, $1 {OSZAP}\n" TAIL);
    ck_assert_uint_eq(find(IR_add, 0)->flive, FC);
    /* a condition in between */
    flags_of(HEAD "cmp.i64 rax, rcx {OSZAPC}\nsetcc.i8.be rdx\ntest.i64 rax, rcx {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(find(IR_cmp, 0)->flive, FC | FZ);
    /* dead altogether, with what feeds it */
    flags_of(HEAD "lea.i64 t0:i64, [rax + 8]\ncmp.i64 t0, rcx {OSZAPC}\ntest.i64 rax, rcx {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(b.n_insns, 3);
    ir_block_fini(&b);
}
END_TEST

START_TEST(test_flags_counts)
{
    setup();
    /* a variable count may be 0, a constant one is known */
    flags_of(HEAD "cmp.i64 rax, rcx {OSZAPC}\nshl.i64 rdx, rdx, rcx {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(find(IR_cmp, 0)->flive, OSZAPC);
    flags_of(HEAD "cmp.i64 rax, rcx {OSZAPC}\nshl.i64 rdx, rdx, $3 {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(find(IR_shl, 0)->flive, OSZAPC);
    ck_assert_uint_eq(b.n_insns, 3);
    flags_of(HEAD "cmp.i64 rax, rcx {OSZAPC}\nrol.i64 rdx, rdx, $3 {OC}\n" TAIL);
    ck_assert_uint_eq(find(IR_cmp, 0)->flive, FS | FZ | FA | FP);
    flags_of(HEAD "cmp.i64 rax, rcx {OSZAPC}\nshl.i32 rdx, rdx, $32 {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(find(IR_cmp, 0)->flive, OSZAPC);
    ir_block_fini(&b);
}
END_TEST

START_TEST(test_flags_faults)
{
    setup();
    flags_of(HEAD "cmp.i64 rax, rcx {OSZAPC}\n" INSN "ld.i64 rdx, [rbx + 0]\n" INSN
                  "test.i64 rax, rax {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(find(IR_cmp, 0)->finfo, IR_FL_FAULT | IR_FL_INTACT);
    ck_assert_uint_eq(find(IR_cmp, 0)->flive, OSZAPC);
    ck_assert_uint_eq(find(IR_test, 0)->finfo, IR_FL_READ);
    /* an input is overwritten before the fault: not intact; after it: intact */
    flags_of(HEAD "cmp.i64 rax, rcx {OSZAPC}\n" INSN "mov.i64 rax, rbx\n" INSN "ld.i64 rdx, [rbx + 0]\n" INSN
                  "test.i64 rax, rax {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(find(IR_cmp, 0)->finfo, IR_FL_FAULT);
    flags_of(HEAD "cmp.i64 rax, rcx {OSZAPC}\n" INSN "ld.i64 rax, [rbx + 0]\n" INSN
                  "test.i64 rax, rax {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(find(IR_cmp, 0)->finfo, IR_FL_FAULT | IR_FL_INTACT);
    /* helpers: raising is a fault, reading the flags is reading */
    flags_of(HEAD "cmp.i64 rax, rcx {OSZAPC}\n" INSN "call.i64 _, _, _, _ aux=0\n" INSN
                  "test.i64 rax, rax {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(find(IR_cmp, 0)->finfo, IR_FL_FAULT | IR_FL_INTACT);
    flags_of(HEAD "cmp.i64 rax, rcx {OSZAPC}\n" INSN "call.i64 _, _, _, _ aux=2\n" INSN
                  "test.i64 rax, rax {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(find(IR_cmp, 0)->finfo, IR_FL_READ);
    /* a skipped writer may not count */
    flags_of(HEAD "cmp.i64 rax, rcx {OSZAPC}\n" INSN "skip_ifz.i64.e rdx aux=0\n"
                  "test.i64 rax, rax {OSZAPC}\nlabel.i64 aux=0\n" TAIL);
    ck_assert_uint_eq(find(IR_cmp, 0)->finfo, IR_FL_READ);
    ir_block_fini(&b);
}
END_TEST

/* --- windows ----------------------------------------------------------------------------------- */

static void windows_of(const char *text)
{
    struct error *err = NULL;

    parse(text);
    if (ir_verify(&b, &err))
        ck_abort_msg("%s in\n%s", error_msg(err), text);
    opt_windows(&b);
    if (ir_verify(&b, &err))
        ck_abort_msg("after the pass: %s in\n%s", error_msg(err), text);
}

static const struct {
    const char *before;
    const char *after; /* NULL: unchanged */
} windows[] = {
    /* a stack run: the constant is followed */
    {HEAD "st.i64 rax, [rbx + -8]\nadd.i64 rbx, rbx, $-8\n" INSN "st.i64 rcx, [rbx + -8]\nadd.i64 rbx, rbx, $-8\n" TAIL,
     HEAD "window.i64 t0:i64, [rbx + -16] aux=0x10010\nst.i64 rax, [t0 + 8]:window\nadd.i64 rbx, rbx, $-8\n" INSN
          "st.i64 rcx, [t0 + 0]:window\nadd.i64 rbx, rbx, $-8\n" TAIL},
    /* a copied register, an index, a segment */
    {HEAD "ld.i64 rax, [rbx + rcx*4 + 8]:seg=fs_base\n" INSN "mov.i64 rdx, rbx\n" INSN
          "ldzx.i64 rax, [rdx + rcx*4 + 1]:seg=fs_base aux=0x0\n" TAIL,
     HEAD "window.i64 t0:i64, [rbx + rcx*4 + 1]:seg=fs_base aux=0xf\nld.i64 rax, [t0 + 7]:window\n" INSN
          "mov.i64 rdx, rbx\n" INSN "ldzx.i64 rax, [t0 + 0]:window aux=0x0\n" TAIL},
    /* 32 bits: an add of 32 bits will do */
    {HEAD "ld.i32 rax, [rbx + 0]:a32:l32\nadd.i32 rbx, rbx, $4\n" INSN "ld.i32 rax, [rbx + 0]:a32:l32\n" TAIL,
     HEAD "window.i64 t0:i64, [rbx + 0]:a32:l32 aux=0x8\nld.i32 rax, [t0 + 0]:window\nadd.i32 rbx, rbx, $4\n" INSN
          "ld.i32 rax, [t0 + 4]:window\n" TAIL},
    {HEAD "ld.i32 rax, [rbx + 0]\nadd.i32 rbx, rbx, $4\n" INSN "ld.i32 rax, [rbx + 0]\n" TAIL, NULL},
    /* one access; two far apart; another register's value; another segment; an offset that wraps before it */
    {HEAD "ld.i64 rax, [rbx + 0]\n" TAIL, NULL},
    {HEAD "ld.i64 rax, [rbx + 0]\n" INSN "ld.i64 rax, [rbx + 400]\n" TAIL, NULL},
    {HEAD "ld.i64 rbx, [rbx + 0]\n" INSN "ld.i64 rax, [rbx + 0]\n" TAIL, NULL},
    {HEAD "ld.i64 rax, [rbx + 0]\n" INSN "ld.i64 rax, [rbx + 0]:seg=fs_base\n" TAIL, NULL},
    {HEAD "ld.i64 rax, [rbx + 0]:a32\n" INSN "ld.i64 rax, [rbx + 8]:a32\n" TAIL, NULL},
    {HEAD "ld.i64 rax, [rbx + 0]:a16:l32\n" INSN "ld.i64 rax, [rbx + 8]:a16:l32\n" TAIL, NULL},
    /* not across helpers and labels; not for locked ones */
    {HEAD "ld.i64 rax, [rbx + 0]\n" INSN "call.i64 _, _, _, _ aux=0x1 # plain\n" INSN "ld.i64 rax, [rbx + 8]\n" TAIL, NULL},
    {HEAD "call.i64 _, _, _, _ aux=0x1 # plain\nld.i64 t0:i64, [rbx + 0]\nst.i64 t0, [rbx + 8]\n" TAIL, NULL},
    {HEAD "ld.i64 rax, [rbx + 0]\n" INSN "skip_if.i64.e aux=0x0\nmov.i64 rax, rcx\nlabel.i64 aux=0x0\n" INSN
          "ld.i64 rax, [rbx + 8]\n" TAIL, NULL},
    {HEAD "ld.i64 rax, [rbx + 0]\n" INSN "rmw.i64 _, rax, _, [rbx + 8] {OSZAPC} aux=0x8 lock # and\n" TAIL, NULL},
    /* an address made in its own instruction cannot be had at its start, but joins */
    {HEAD "ld.i64 rdx, [rcx + 0]\nmov.i64 t0:i64, rdx\nmov.i64 rbx, t0\n" INSN "ld.i64 rax, [rbx + 0]\n" INSN
          "ld.i64 rdx, [rbx + 8]\n" TAIL,
     HEAD "ld.i64 rdx, [rcx + 0]\nmov.i64 t0:i64, rdx\nmov.i64 rbx, t0\n" INSN
          "window.i64 t1:i64, [rbx + 0] aux=0x10\nld.i64 rax, [t1 + 0]:window\n" INSN "ld.i64 rdx, [t1 + 8]:window\n" TAIL},
};

START_TEST(test_windows)
{
    setup();
    for (unsigned i = 0; i < ARRAY_SIZE(windows); i++) {
        char *text;

        windows_of(windows[i].before);
        text = ir_print(&b);
        ck_assert_str_eq(text, windows[i].after ? windows[i].after : windows[i].before);
        free(text);
    }
    ir_block_fini(&b);
}
END_TEST

START_TEST(test_windows_do_not_fault)
{
    setup();
    flags_of(HEAD WINDOW "cmp.i64 rax, rcx {OSZAPC}\n" INSN "ld.i64 rdx, [t0 + 0]:window\n" INSN
                  "test.i64 rax, rax {OSZAPC}\n" TAIL);
    ck_assert_uint_eq(find(IR_test, 0)->finfo, IR_FL_READ);
    ck_assert_uint_eq(b.n_insns, 7); /* the compare has gone */
    ir_block_fini(&b);
}
END_TEST

TEST_MAIN("text", test_round_trip, test_syntax_errors, test_verifier, test_flags_dead,
          test_flags_counts, test_flags_faults, test_windows, test_windows_do_not_fault)
