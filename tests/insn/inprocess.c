/* SPDX-License-Identifier: MIT */
/*
 * Native execution of test instructions: a stub loads the state, runs the code, stores the state.
 * A signal handler takes the registers of the fault out of its context.
 */
#include "tests/insn/inprocess.h"

#include "translator/simd_ops.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf fault_exit;
static struct native_state *running;
static uint8_t *code_page, *memory;

#define ARITH_FLAGS 0x8d5u

static void take_context(struct native_state *s, const ucontext_t *uc)
{
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};

    for (unsigned i = 0; i < 16; i++) {
        if (i != 4)
            s->greg[i] = uc->uc_mcontext.gregs[order[i]];
    }
    s->flags = uc->uc_mcontext.gregs[REG_EFL] & ARITH_FLAGS;
    s->fault_pc = uc->uc_mcontext.gregs[REG_RIP] - (uintptr_t)code_page;
    memcpy(s->fx, uc->uc_mcontext.fpregs, 416);
}

static struct sigaction previous[NSIG];

static void on_fault(int signo, siginfo_t *info, void *context)
{
    if (!running && previous[signo].sa_flags & SA_SIGINFO) { /* an engine under test's */
        previous[signo].sa_sigaction(signo, info, context);
        return;
    }
    if (!running)
        abort();
    take_context(running, context);
    running->fault_addr = (uintptr_t)info->si_addr;
    siglongjmp(fault_exit, signo);
}

static void install(void)
{
    static const int signals[] = {SIGILL, SIGSEGV, SIGFPE, SIGBUS, SIGTRAP};
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &sa, &previous[signals[i]]);
    code_page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory = mmap(NULL, NATIVE_MEMORY + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
    if (code_page == MAP_FAILED || memory == MAP_FAILED)
        abort();
    mprotect(memory + NATIVE_MEMORY, 4096, PROT_NONE);
}

void native_init(struct native_state *s)
{
    if (!code_page)
        install();
    memset(s, 0, sizeof(*s));
    st_le16(s->fx, 0x37f);
    st_le32(s->fx + 24, 0x1f80);
    st_le32(s->fx + 28, 0xffff);
}

uint8_t *native_memory(void)
{
    return memory;
}

/*
 * native_enter(state, code): state and code in rdi and rsi. The code runs with everything but rsp
 * loaded; afterwards [rsp] is the state. rsp - 8 holds the return address of the called code.
 */
void native_enter(struct native_state *s, const uint8_t *code);
__asm__(".text\n"
        ".globl native_enter\n"
        ".type native_enter, @function\n"
        "native_enter:\n"
        "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "push %rsi\n"
        "push %rdi\n"
        "sub $8, %rsp\n"
        "fxrstor64 (%rdi)\n"
        "pushq 640(%rdi)\n"
        "popfq\n"
        "mov 512(%rdi), %rax; mov 520(%rdi), %rcx; mov 528(%rdi), %rdx; mov 536(%rdi), %rbx\n"
        "mov 552(%rdi), %rbp; mov 560(%rdi), %rsi\n"
        "mov 576(%rdi), %r8; mov 584(%rdi), %r9; mov 592(%rdi), %r10; mov 600(%rdi), %r11\n"
        "mov 608(%rdi), %r12; mov 616(%rdi), %r13; mov 624(%rdi), %r14; mov 632(%rdi), %r15\n"
        "mov 568(%rdi), %rdi\n"
        "call *16(%rsp)\n"
        "mov %rdi, (%rsp)\n"
        "mov 8(%rsp), %rdi\n"
        "mov %rax, 512(%rdi); mov %rcx, 520(%rdi); mov %rdx, 528(%rdi); mov %rbx, 536(%rdi)\n"
        "mov %rbp, 552(%rdi); mov %rsi, 560(%rdi)\n"
        "mov %r8, 576(%rdi); mov %r9, 584(%rdi); mov %r10, 592(%rdi); mov %r11, 600(%rdi)\n"
        "mov %r12, 608(%rdi); mov %r13, 616(%rdi); mov %r14, 624(%rdi); mov %r15, 632(%rdi)\n"
        "pushfq; popq 640(%rdi)\n"
        "mov (%rsp), %rax; mov %rax, 568(%rdi)\n"
        "fxsave64 (%rdi)\n"
        "fninit\n"
        "add $24, %rsp\n"
        "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "ret\n"
        ".size native_enter, .-native_enter\n");
_Static_assert(offsetof(struct native_state, greg) == 512 &&
                   offsetof(struct native_state, flags) == 640,
               "native_enter has these offsets");

/* The caller's own control words after any outcome. */
static void host_fpu(void)
{
    uint32_t mxcsr = 0x1f80;

    __asm__ volatile("fninit; ldmxcsr %0; cld" : : "m"(mxcsr));
}

int native_run(struct native_state *s, const uint8_t *code, unsigned len)
{
    int signo;

    memcpy(code_page, code, len);
    code_page[len] = 0xc3;
    s->fault_pc = 0;
    running = s;
    signo = sigsetjmp(fault_exit, 0);
    if (!signo)
        native_enter(s, code_page);
    running = NULL;
    host_fpu();
    s->flags &= ARITH_FLAGS;
    return signo;
}

bool native_has_feature(unsigned feature)
{
    return simd_host_has(feature);
}
