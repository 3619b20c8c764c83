/* SPDX-License-Identifier: MIT */
/*
 * Host faults in generated code: polls (a load through vcpu.poll_ptr when it is NULL), and the
 * guest's own faults that the host's processor finds: #DE, misaligned SSE operands, unmasked SIMD
 * exceptions. The handler notes where it was and lets the thread go on in stubs.fault, which
 * leaves translated code with all state in vcpu; the rest happens outside the handler.
 */
#include "backends/x86_64/jit.h"
#include "translator/exec.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define ALT_STACK (128 * 1024)

static const int signals[] = {SIGSEGV, SIGFPE, SIGBUS};
static struct sigaction old_actions[ARRAY_SIZE(signals)];
static __thread void *alt_stack;

static const struct sigaction *old_action(int signo)
{
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        if (signals[i] == signo)
            return &old_actions[i];
    return &old_actions[0];
}

/* Not ours: as if we had no handler. */
static void pass_on(int signo, siginfo_t *info, void *context)
{
    const struct sigaction *old = old_action(signo);

    if (old->sa_flags & SA_SIGINFO && old->sa_sigaction) {
        old->sa_sigaction(signo, info, context);
        return;
    }
    sigaction(signo, old, NULL);
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    greg_t *r = uc->uc_mcontext.gregs;
    struct vcpu *cpu = (struct vcpu *)(uintptr_t)r[REG_RSP];

    if (!tb_code_contains((const void *)(uintptr_t)r[REG_RIP]) ||
        !tb_find_host((const void *)(uintptr_t)r[REG_RIP])) {
        pass_on(signo, info, context);
        return;
    }
    cpu->host_ra = (uint64_t)r[REG_RIP] + 1;
    cpu->spill[SPILL_EFLAGS] = (uint64_t)r[REG_EFL];
    cpu->spill[SPILL_SIGNO] = (uint64_t)(uint32_t)signo << 32 | (uint32_t)info->si_code;
    r[REG_RIP] = (greg_t)(uintptr_t)stubs.fault;
}

static bool is_poll(const uint8_t *p)
{
    return p[0] == 0x45 && p[1] == 0x8b && (p[2] == 0x00 || p[2] == 0x09 || p[2] == 0x12);
}

enum exec_exit jit_after_fault(struct vcpu *cpu)
{
    uint64_t where = cpu->spill[SPILL_SIGNO];
    const uint8_t *at = (const uint8_t *)(uintptr_t)(cpu->host_ra - 1);
    struct side_entry s = {0};
    uint32_t in_host;

    if (!jit_side_entry(cpu, &s))
        abort();
    in_host = ir_flags_to_eflags(s.host_flags);
    cpu->flags = (cpu->flags & ~(uint64_t)in_host) | (cpu->spill[SPILL_EFLAGS] & in_host);
    if (where >> 32 == SIGSEGV && is_poll(at)) {
        cpu->host_ra = 0;
        return EXEC_POLL;
    }
    exec_host_fault(cpu, (int)(where >> 32), (int)(uint32_t)where);
}

int jit_signals_thread_init(void)
{
    stack_t ss = {.ss_size = ALT_STACK};

    if (likely(alt_stack))
        return 0;
    alt_stack = mmap(NULL, ALT_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    assert(alt_stack != MAP_FAILED);
    ss.ss_sp = alt_stack;
    return sigaltstack(&ss, NULL);
}

int jit_signals_init(void)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigemptyset(&sa.sa_mask);
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        if (sigaction(signals[i], &sa, &old_actions[i]))
            return -1;
    return 0;
}

void jit_signals_fini(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &old_actions[i], NULL);
}
