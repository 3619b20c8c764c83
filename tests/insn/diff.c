/* SPDX-License-Identifier: MIT */
/*
 * Every row of the instruction tables that user code may run, with random operands and flags:
 * executed by the host's CPU and by the emulated one; registers, defined flags, x87, SSE, memory
 * and exceptions must be equal.
 *
 *     tests/insn/diff [-b interp|jit] [-n cases per row] [-s seed] [-r name or generator] [-m 16|32|64]
 *                     [-d log items] [-v]
 *
 * -m 16: 16- and 32-bit code, stacks and data in segments with bases, limits and types of their own.
 * -l length: only random sequences of that many instructions (without -l and -r some of 12 follow
 * the single ones).
 * Without -b both backends (those there are), each in 16, 32 and 64 bits, in processes of their own.
 */
#include "tests/insn/cases.h"
#include "tests/insn/host.h"
#include "tests/insn/machine.h"
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SHOWN 2 /* mismatches shown per row */

static struct options {
    const char *backend, *row;
    unsigned count, mode, length;
    uint64_t seed;
    bool verbose;
} opt = {.count = 12, .seed = 1};

struct row_result {
    unsigned long cases, wrong, undefined_flags;
};

static struct host host;
static unsigned bits;
static struct native_case before[NATIVE_BATCH]; /* as built: input data */
static struct x86_insn decoded[NATIVE_BATCH];

/* --- comparing ---------------------------------------------------------------------------------- */

static const char *const reg_names[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                        "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

struct report {
    char text[4096];
    size_t n;
};

static void printf_fmt(2, 3) say(struct report *r, const char *fmt, ...)
{
    va_list ap;

    if (r->n >= sizeof(r->text) - 256)
        return;
    va_start(ap, fmt);
    r->n += (size_t)vsnprintf(r->text + r->n, sizeof(r->text) - r->n, fmt, ap);
    va_end(ap);
}

static void compare_bytes(struct report *r, const char *what, const uint8_t *in,
                          const uint8_t *native, const uint8_t *ours, unsigned n)
{
    if (!memcmp(native, ours, n))
        return;
    say(r, "    %s in", what);
    for (unsigned i = 0; i < n; i++)
        say(r, " %02x", in[n - 1 - i]);
    say(r, "\n      native");
    for (unsigned i = 0; i < n; i++)
        say(r, " %02x", native[n - 1 - i]);
    say(r, "\n      ours  ");
    for (unsigned i = 0; i < n; i++)
        say(r, " %02x", ours[n - 1 - i]);
    say(r, "\n");
}

static void compare_fpu(struct report *r, const uint8_t *in, const uint8_t *native,
                        const uint8_t *ours)
{
    char name[16];

    compare_bytes(r, "fcw", in, native, ours, 2);
    compare_bytes(r, "fsw", in + 2, native + 2, ours + 2, 2);
    compare_bytes(r, "ftw", in + 4, native + 4, ours + 4, 1);
    compare_bytes(r, "mxcsr", in + 24, native + 24, ours + 24, 4);
    for (unsigned i = 0; i < 8; i++) {
        snprintf(name, sizeof(name), "st%u", i);
        compare_bytes(r, name, in + 32 + 16 * i, native + 32 + 16 * i, ours + 32 + 16 * i, 10);
    }
    for (unsigned i = 0; i < (bits == 64 ? 16u : 8u); i++) {
        snprintf(name, sizeof(name), "xmm%u", i);
        compare_bytes(r, name, in + 160 + 16 * i, native + 160 + 16 * i, ours + 160 + 16 * i, 16);
    }
}

static void compare_memory(struct report *r, const struct native_case *in,
                           const struct native_case *native, const struct native_case *ours)
{
    for (unsigned i = 0; i < NATIVE_RW_BYTES; i += 8) {
        char name[16];

        if (!memcmp(native->data + i, ours->data + i, 8))
            continue;
        snprintf(name, sizeof(name), "[%x]", NATIVE_DATA + i);
        compare_bytes(r, name, in->data + i, native->data + i, ours->data + i, 8);
    }
}

/* Long operands: in which order their pieces are touched is the processor's own affair. */
static bool in_pieces(const struct x86_insn *insn)
{
    static const char *const long_ops[] = {"fxsave", "fxrstor", "enter",
                                           "pusha",  "popa",    "maskmov"};

    for (unsigned i = 0; i < ARRAY_SIZE(long_ops); i++) {
        if (!strcmp(insn->row->gen_name, long_ops[i]))
            return true;
    }
    return insn->row->flags & X86F_X87 && insn->op[0].kind == X86_OP_MEM &&
           (!insn->op[0].size || insn->op[0].size == 10);
}

static bool page_fault_equal(const struct native_case *native, const struct native_case *ours,
                             const struct x86_insn *insn)
{
    bool repeated = insn->row->flags & X86F_REP && insn->prefix & (X86_P_F2 | X86_P_F3);

    if (in_pieces(insn) && !((native->error ^ ours->error) & 0x10))
        return true;
    return native->error == ours->error &&
           !((native->cr2 ^ ours->cr2) & ~(uint64_t)(repeated ? NATIVE_PAGE - 1 : 0));
}

static bool refused(unsigned vector)
{
    return vector == X86_SS_FAULT || vector == X86_GP || vector == X86_PF || vector == X86_AC;
}

static void compare_exception(struct report *r, const struct native_case *native,
                              const struct native_case *ours, const struct x86_insn *insn)
{
    bool same = native->vector == ours->vector;

    if (!same && in_pieces(insn) && refused(native->vector) && refused(ours->vector))
        return;
    if (same && native->vector == 14)
        same = page_fault_equal(native, ours, insn);
    if (same && native->vector == 13)
        same = native->error == ours->error;
    if (!same)
        say(r, "    exception: native %u error %x cr2 %llx, ours %u error %x cr2 %llx\n",
            native->vector, native->error, (unsigned long long)native->cr2, ours->vector,
            ours->error, (unsigned long long)ours->cr2);
}

/* Undefined flags that differ are counted only; ID and NT stay as an earlier case has left them. */
static void compare_flags(struct report *r, const struct native_case *in,
                          const struct native_case *native, const struct native_case *ours,
                          const struct x86_insn *insn, struct row_result *res)
{
    bool completed = native->out.rip != in->in.rip;
    uint32_t defined = completed ? case_defined_flags(in, insn) : UINT32_MAX;
    uint64_t diff = (native->out.flags ^ ours->out.flags) &
                    ~(uint64_t)(EFL_RF | EFL_IF | EFL_TF | EFL_ID | EFL_NT);

    if (diff & defined)
        say(r, "    flags in %llx native %llx ours %llx (wrong %llx)\n",
            (unsigned long long)in->in.flags, (unsigned long long)native->out.flags,
            (unsigned long long)ours->out.flags, (unsigned long long)(diff & defined));
    else if (diff)
        res->undefined_flags++;
}

/* Addresses where the native program has pages of its own (itself, stack, vDSO, shared memory). */
static bool host_address(uint64_t a)
{
    if (a >> 28 == NATIVE_SHARED >> 28)
        return true;
    return bits == 64 ? a >> 40 : a >> 28 == 15 || a >> 28 == 6;
}

/*
 * MASKMOV with an empty mask: faults or not, by the manual's leave; its alignment is not checked.
 * Alignment before canonical form. An address where
 * the host has pages of its own. A near jump to a non-canonical address faults at the target,
 * not at the jump (gen_flow.c). An x87 store that an unmasked exception suppresses touches no memory
 * on the CPU.
 */
static bool known_deviation(const struct native_case *native, const struct native_case *ours,
                            const struct x86_insn *insn)
{
    const char *gen = insn->row->gen_name;

    if (!strcmp(gen, "maskmov") && (native->vector == X86_PF || native->vector == X86_AC) &&
        ours->vector != X86_AC)
        return true;
    if (native->vector == X86_GP && ours->vector == X86_AC)
        return true;
    if (ours->vector == X86_PF && host_address(ours->cr2))
        return true;
    if (insn->row->flags & X86F_X87 && native->out.fx[2] & 0x80 && refused(ours->vector))
        return true;
    return native->vector == X86_GP &&
           (!strcmp(gen, "jmp_ind") || !strcmp(gen, "call_ind") || !strcmp(gen, "ret"));
}

/*
 * What a faulting instruction leaves behind differs in two harmless ways: the CPU has set TOP to 0
 * before a faulting store of an MMX register, and has stored a part of a long x87 operand.
 */
static bool mmx_store(const struct x86_insn *insn)
{
    return insn->op[0].kind == X86_OP_MEM && insn->op[1].kind == X86_OP_MMX;
}

static void compare_registers(struct report *r, const struct native_case *in,
                              const struct native_case *native, const struct native_case *ours)
{
    for (unsigned i = 0; i < (bits == 64 ? 16u : 8u); i++) {
        if (native->out.reg[i] != ours->out.reg[i])
            say(r, "    %s in %llx native %llx ours %llx\n", reg_names[i],
                (unsigned long long)in->in.reg[i], (unsigned long long)native->out.reg[i],
                (unsigned long long)ours->out.reg[i]);
    }
    if (native->out.rip != ours->out.rip)
        say(r, "    rip native %llx ours %llx\n", (unsigned long long)native->out.rip,
            (unsigned long long)ours->out.rip);
}

static void compare(struct report *r, const struct native_case *in, struct native_case *native,
                    const struct native_case *ours, const struct x86_insn *insn,
                    struct row_result *res)
{
    if (native->vector == X86_BP)
        native->out.rip--;
    if (known_deviation(native, ours, insn))
        return;
    compare_exception(r, native, ours, insn);
    compare_registers(r, in, native, ours);
    compare_flags(r, in, native, ours, insn, res);
    if (native->out.rip != in->in.rip || !mmx_store(insn))
        compare_fpu(r, in->in.fx, native->out.fx, ours->out.fx);
    if (native->out.rip != in->in.rip || !(insn->row->flags & X86F_X87))
        compare_memory(r, in, native, ours);
}

/* A sequence: the state at its end, or at the instruction that faulted. */
static void compare_sequence(struct report *r, const struct native_case *in,
                             struct native_case *native, const struct native_case *ours,
                             const struct case_sequence *seq)
{
    const struct x86_insn *insn;
    unsigned i = 0;
    uint64_t diff, undef;

    if (native->vector == X86_BP)
        native->out.rip--;
    while (i < seq->n && seq->at[i] != native->out.rip && seq->at[i] != ours->out.rip)
        i++;
    insn = &seq->insn[MIN(i, seq->n - 1)];
    if (known_deviation(native, ours, insn))
        return;
    compare_exception(r, native, ours, insn);
    compare_registers(r, in, native, ours);
    undef = seq->undef[i];
    if (seq->at[i] != native->out.rip) /* a jump has left from somewhere */
        for (unsigned k = 0; k < i; k++)
            undef |= seq->undef[k];
    diff = (native->out.flags ^ ours->out.flags) & (EFL_ARITH | EFL_DF) & ~undef;
    if (diff)
        say(r, "    flags native %llx ours %llx (wrong %llx)\n",
            (unsigned long long)native->out.flags, (unsigned long long)ours->out.flags,
            (unsigned long long)diff);
    if (i == seq->n || !mmx_store(insn))
        compare_fpu(r, in->in.fx, native->out.fx, ours->out.fx);
    if (i == seq->n || !(insn->row->flags & X86F_X87))
        compare_memory(r, in, native, ours);
}

static void show_sequence(const struct native_case *in, const struct native_case *native,
                          const struct case_sequence *seq, const struct report *r)
{
    char text[128];

    printf("  sequence, ended by vector %u at %llx, rsp %llx:\n", native->vector,
           (unsigned long long)native->out.rip, (unsigned long long)in->in.reg[X86_RSP]);
    for (unsigned i = 0; i < seq->n; i++) {
        x86_insn_text(&seq->insn[i], seq->at[i], text, sizeof(text));
        printf("    %x %-40s", seq->at[i], text);
        for (unsigned k = seq->at[i]; k < seq->at[i + 1]; k++)
            printf(" %02x", in->code[k - seq->at[0]]);
        printf("\n");
    }
    printf("%s", r->text);
}

static void show(const struct native_case *in, const struct x86_insn *insn, const struct report *r)
{
    char text[128], bytes[64];
    int n = 0;

    x86_insn_text(insn, in->in.rip, text, sizeof(text));
    for (unsigned i = 0; i < in->code_len; i++)
        n += snprintf(bytes + n, sizeof(bytes) - (size_t)n, "%02x ", in->code[i]);
    printf("  %u-bit %s: %s at %llx%s\n%s", bits, text, bytes, (unsigned long long)in->in.rip,
           in->flags & NATIVE_CODE_END ? " (end)" : "", r->text);
}

/* --- rows --------------------------------------------------------------------------------------------- */

static void run_batch(unsigned n, const struct x86_row *row, struct row_result *res)
{
    bool failed = false;

    for (unsigned i = 0; i < n; i++)
        before[i] = host.batch->cases[i];
    if (host_run(&host, n)) { /* once more, in case the machine was just too busy */
        for (unsigned i = 0; i < n; i++)
            host.batch->cases[i] = before[i];
        failed = host_run(&host, n);
    }
    if (failed) {
        printf("  %u-bit %s (%s): the native program died\n", bits, row->name, row->gen_name);
        res->wrong++;
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        static struct native_case ours;
        struct report r = {.n = 0};

        ours = before[i];
        machine_run(&ours);
        compare(&r, &before[i], &host.batch->cases[i], &ours, &decoded[i], res);
        res->cases++;
        if (r.n && res->wrong++ < MAX_SHOWN)
            show(&before[i], &decoded[i], &r);
    }
}

static void run_row(const struct x86_row *row, struct row_result *res)
{
    unsigned done = 0, attempts = 0;

    while (done < opt.count && attempts < opt.count * 40) {
        unsigned n = 0;

        while (n < NATIVE_BATCH && done + n < opt.count && attempts++ < opt.count * 40) {
            if (case_build(&host.batch->cases[n], row, bits, &decoded[n]))
                n++;
        }
        if (n)
            run_batch(n, row, res);
        done += n;
    }
}

static void run_sequences(struct row_result *res)
{
    static struct case_sequence seq[NATIVE_BATCH];
    static struct native_case ours;

    for (unsigned i = 0; i < NATIVE_BATCH; i++) {
        case_build_sequence(&host.batch->cases[i], opt.length, bits, machine_features(), &seq[i]);
        before[i] = host.batch->cases[i];
    }
    if (host_run(&host, NATIVE_BATCH))
        return; /* too busy, or a repetition without end */
    for (unsigned i = 0; i < NATIVE_BATCH; i++) {
        struct report r = {.n = 0};

        ours = before[i];
        machine_run(&ours);
        compare_sequence(&r, &before[i], &host.batch->cases[i], &ours, &seq[i]);
        res->cases++;
        if (r.n && res->wrong++ < 5)
            show_sequence(&before[i], &host.batch->cases[i], &seq[i], &r);
    }
}

static int run_all_sequences(const char *backend)
{
    struct row_result res = {0};

    case_seed(opt.seed);
    while (res.cases < opt.count)
        run_sequences(&res);
    printf("%s %u-bit: %lu sequences of %u, %lu wrong\n", backend, bits, res.cases, opt.length,
           res.wrong);
    host_stop(&host);
    return res.wrong > 0;
}

static bool selected(const struct x86_row *row)
{
    return !opt.row || !strcmp(opt.row, row->name) || !strcmp(opt.row, row->gen_name);
}

static int run_all(const char *backend, unsigned mode)
{
    struct row_result total = {0};
    unsigned rows = 0, wrong_rows = 0, empty = 0;
    const struct x86_row *row;

    bits = mode;
    if (host_start(&host, MAX(bits, 32u))) {
        printf("%s %u-bit: no native program, skipped\n", backend, bits);
        return 77;
    }
    machine_start(backend, MAX(bits, 32u), host.batch->cases[0].sel);
    if (opt.length)
        return run_all_sequences(backend);
    for (unsigned i = 0; (row = x86_row_at(i)); i++) {
        struct row_result res = {0};

        if (!case_runnable(row, bits) || !(machine_features() >> row->feature & 1) ||
            !selected(row))
            continue;
        case_seed(opt.seed * 100003 + i);
        run_row(row, &res);
        rows++;
        empty += !res.cases;
        if (!res.cases)
            printf("  %s (%s, opcode %02x): no case\n", row->name, row->gen_name, row->opcode);
        if (res.wrong || (opt.verbose && res.undefined_flags))
            printf("%s %u-bit %s (%s, map %u opcode %02x): %lu of %lu wrong, undefined flags "
                   "differ in %lu\n",
                   backend, bits, row->name, row->gen_name, row->map, row->opcode, res.wrong,
                   res.cases, res.undefined_flags);
        wrong_rows += res.wrong > 0;
        total.cases += res.cases;
        total.wrong += res.wrong;
        total.undefined_flags += res.undefined_flags;
    }
    printf("%s %u-bit: %u rows, %lu cases, %lu wrong in %u rows, undefined flags differ in %lu\n",
           backend, bits, rows, total.cases, total.wrong, wrong_rows, total.undefined_flags);
    host_stop(&host);
    return total.wrong || empty ? 1 : 0;
}

/* In a process of its own: a machine starts once. */
static int run_child(const char *backend, unsigned mode)
{
    pid_t pid;
    int status;

    fflush(stdout);
    pid = fork();
    if (!pid)
        exit(run_all(backend, mode));
    waitpid(pid, &status, 0);
    if (!WIFEXITED(status))
        printf("%s %u-bit: died of signal %d\n", backend, mode, WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Without -l: some sequences after the single instructions. */
static int run_sequence_child(const char *backend, unsigned mode)
{
    struct options saved = opt;
    int status;

    opt.length = 12;
    opt.count *= 60;
    status = run_child(backend, mode);
    opt = saved;
    return status;
}

static void parse(int argc, char **argv)
{
    uint32_t log;
    int ch;

    while ((ch = getopt(argc, argv, "b:n:s:r:m:l:d:v")) != -1) {
        switch (ch) {
        case 'b':
            opt.backend = optarg;
            break;
        case 'n':
            opt.count = (unsigned)atoi(optarg);
            break;
        case 's':
            opt.seed = strtoull(optarg, NULL, 0);
            break;
        case 'r':
            opt.row = optarg;
            break;
        case 'm':
            opt.mode = (unsigned)atoi(optarg);
            break;
        case 'l':
            opt.length = (unsigned)atoi(optarg);
            break;
        case 'd':
            if (log_parse_items(optarg, &log, NULL))
                exit(2);
            log_set_mask(log);
            break;
        case 'v':
            opt.verbose = true;
            break;
        default:
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    static const char *const backends[] = {"interp", "jit"};
    bool failed = false;

    parse(argc, argv);
    opt.length = MIN(opt.length, (unsigned)CASE_SEQUENCE);
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned mode = 16; mode <= 64; mode *= 2) {
            if ((opt.backend && strcmp(opt.backend, backends[i])) || (opt.mode && opt.mode != mode))
                continue;
            if (run_child(backends[i], mode) % 77)
                failed = true;
            if (!opt.length && !opt.row && mode > 16 && run_sequence_child(backends[i], mode) % 77)
                failed = true;
        }
    }
    return failed;
}
