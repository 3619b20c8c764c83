/* SPDX-License-Identifier: MIT */
/*
 * What translating costs: the code of a file (default: of this program) is translated as 64-bit
 * guest code, one block after the other without running any, and each stage is timed.
 *
 *     build/bench/translate [ROUNDS [FILE]]
 *
 * ROUNDS 0 does it once without the clock, for valgrind --tool=callgrind. As a test it only says
 * that every block could be made.
 */
#include "frontends/x86/frontend.h"
#include "hw/core/memory.h"
#include "tests/insn/emu.h"
#include "translator/backend.h"
#include "translator/exec_state.h"
#include "translator/tb.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CODE_START = 0x50000, CODE_END = 0x100000, PAGE = SOFTTLB_PAGE };

extern const char __executable_start[], etext[];

struct totals {
    uint64_t blocks, insns, bytes, ir;
    uint64_t ns[3]; /* decoding and generating, the passes, emitting and publishing */
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static unsigned load_code(uint8_t *to, const char *file)
{
    size_t n = MIN((size_t)(etext - __executable_start), (size_t)(CODE_END - CODE_START));
    FILE *f;

    if (!file) {
        memcpy(to, __executable_start, n);
        return CODE_START + (unsigned)n;
    }
    f = fopen(file, "rb");
    if (!f) {
        perror(file);
        exit(EXIT_FAILURE);
    }
    n = fread(to, 1, CODE_END - CODE_START, f);
    fclose(f);
    return CODE_START + (unsigned)n;
}

/* One block at a guest address, which is a RAM address as well; the stages up to `stages`. */
static unsigned make(struct vcpu *cpu, struct tb_key *key, unsigned at, unsigned stages)
{
    struct ir_block *b = &cpu->exec->ir;
    unsigned avail = PAGE - at % PAGE;
    uint32_t gen = tb_page_open(cpu, at);

    key->phys = at;
    ir_block_reset(b);
    if (frontend->translate(cpu, key, ram_ptr(at), avail, NULL, b))
        return avail;
    if (stages > 1) {
        opt_windows(b);
        opt_flags(b);
    }
    if (stages > 2 && !tb_make(cpu, key, b, gen, 0))
        return 0;
    return MAX(b->guest_bytes, 1u);
}

static void sweep(struct vcpu *cpu, struct tb_key *key, unsigned end, unsigned stages,
                  struct totals *t)
{
    struct ir_block *b = &cpu->exec->ir;

    for (unsigned at = CODE_START, n; at < end; at += n) {
        n = make(cpu, key, at, stages);
        if (!t || n == PAGE - at % PAGE)
            continue;
        t->blocks += n > 0;
        t->insns += n ? b->guest_insns : 0;
        t->bytes += n ? b->guest_bytes : 0;
        t->ir += n ? b->n_insns : 0;
    }
}

static uint64_t timed(struct vcpu *cpu, struct tb_key *key, unsigned end, unsigned stages)
{
    uint64_t start = now_ns();

    sweep(cpu, key, end, stages, NULL);
    return now_ns() - start;
}

static void measure(struct vcpu *cpu, struct tb_key *key, unsigned end, struct totals *t)
{
    uint64_t before = 0;

    for (unsigned stages = 1; stages <= 3; stages++) {
        uint64_t ns = timed(cpu, key, end, stages);

        t->ns[stages - 1] = MIN(t->ns[stages - 1], ns - before);
        before = ns;
    }
    tb_flush_all(cpu);
}

static void print(const struct totals *t)
{
    struct tb_stats s;
    double insns = (double)MAX(t->insns, 1u);

    tb_get_stats(&s);
    printf("%llu blocks, %llu guest instructions, %llu bytes, %llu IR instructions\n",
           (unsigned long long)t->blocks, (unsigned long long)t->insns,
           (unsigned long long)t->bytes, (unsigned long long)t->ir);
    printf("host bytes per guest byte %.2f\n", (double)s.host_bytes / (double)MAX(s.guest_bytes, 1u));
    printf("metadata bytes per block %.1f\n", (double)s.data_bytes / (double)MAX(s.blocks, 1u));
    if (t->ns[0] < UINT64_MAX / 2)
        printf("ns per guest instruction: decode and generate %.1f, passes %.1f, emit %.1f, all %.1f\n",
               (double)t->ns[0] / insns, (double)t->ns[1] / insns, (double)t->ns[2] / insns,
               (double)(t->ns[0] + t->ns[1] + t->ns[2]) / insns);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 0) : 1;
    struct totals t = {.ns = {UINT64_MAX / 2, UINT64_MAX / 2, UINT64_MAX / 2}};
    struct tb_key key = {0};
    struct vcpu *cpu;
    unsigned end;

    if (!emu_start("jit"))
        return 77;
    cpu = &emu_cpu()->v;
    end = load_code(ram_ptr(CODE_START), argc > 2 ? argv[2] : NULL);
    frontend->get_mode(cpu, &key);
    sweep(cpu, &key, end, 3, &t);
    if (rounds)
        tb_flush_all(cpu);
    while (rounds--)
        measure(cpu, &key, end, &t);
    print(&t);
    return t.insns ? EXIT_SUCCESS : EXIT_FAILURE;
}
