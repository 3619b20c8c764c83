/* SPDX-License-Identifier: MIT */
/*
 * Executes single instructions natively. Freestanding: no libc, no TLS, general registers only, so
 * that nothing of its own is in the way of the instruction under test. See native.h.
 *
 * Everything happens in a signal handler: it notes how the last case ended, puts the next case's
 * state into the signal frame and returns into it. A seccomp filter turns system calls made from
 * the code under test into SIGSYS.
 */
#include "tests/insn/native.h"

#include <stddef.h>

/* --- system calls --------------------------------------------------------------------- */

#ifdef __x86_64__
enum {
    SYS_read = 0,
    SYS_write = 1,
    SYS_mmap = 9,
    SYS_mprotect = 10,
    SYS_sigaction = 13,
    SYS_exit = 60,
    SYS_sigaltstack = 131,
    SYS_prctl = 157
};

static long syscall6(long n, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    long ret;

    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
}
#else
enum {
    SYS_read = 3,
    SYS_write = 4,
    SYS_mmap = 192,
    SYS_mprotect = 125,
    SYS_sigaction = 174,
    SYS_exit = 1,
    SYS_sigaltstack = 186,
    SYS_prctl = 172
};

static long syscall6(long n, long a, long b, long c, long d, long e, long f)
{
    long ret, args[2] = {a, f};

    __asm__ volatile("push %%ebx; push %%ebp; mov (%%ebx), %%ebp; push %%ebp; mov 4(%%ebx), %%ebp; "
                     "pop %%ebx; int $0x80; pop %%ebp; pop %%ebx"
                     : "=a"(ret)
                     : "a"(n), "b"(args), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return ret;
}
#endif

enum {
    PROT_NONE = 0,
    PROT_R = 1,
    PROT_RW = 3,
    PROT_RX = 5,
    MAP_SHARED = 1,
    MAP_PRIVATE = 2,
    MAP_FIXED = 0x10,
    MAP_ANON = 0x20,
    MAP_POPULATE = 0x8000
};

static void map(uint32_t addr, uint32_t size, int prot, int flags, int fd)
{
    if (syscall6(SYS_mmap, (long)addr, (long)size, prot, flags | MAP_FIXED | MAP_POPULATE, fd, 0) !=
        (long)addr)
        syscall6(SYS_exit, 2, 0, 0, 0, 0, 0);
}

static void protect(uint32_t addr, uint32_t size, int prot)
{
    if (syscall6(SYS_mprotect, (long)addr, (long)size, prot, 0, 0, 0))
        syscall6(SYS_exit, 3, 0, 0, 0, 0, 0);
}

void *memcpy(void *to, const void *from, size_t n)
{
    void *ret = to;

    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return ret;
}

void *memset(void *to, int value, size_t n)
{
    void *ret = to;

    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
    return ret;
}

/* --- the signal frame -------------------------------------------------------------------- */

struct stack_arg {
    void *sp;
    int flags;
    size_t size;
};

#ifdef __x86_64__
struct frame {
    unsigned long uc_flags;
    void *link;
    struct stack_arg stack;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip,
        eflags;
    uint16_t cs, gs, fs, ss;
    uint64_t err, trapno, oldmask, cr2;
    uint8_t *fpstate;
    uint64_t reserved[8];
};

static uint64_t *frame_reg(struct frame *f, unsigned i)
{
    uint64_t *const regs[16] = {&f->rax, &f->rcx, &f->rdx, &f->rbx, &f->rsp, &f->rbp,
                                &f->rsi, &f->rdi, &f->r8,  &f->r9,  &f->r10, &f->r11,
                                &f->r12, &f->r13, &f->r14, &f->r15};
    return regs[i];
}

enum { REGS = 16, FX_OFFSET = 0 };

static void put_legacy_fpu(uint8_t *fpstate, const uint8_t *fx)
{
    (void)fpstate;
    (void)fx;
}

static void put_selectors(struct frame *f, const uint16_t *sel)
{
    (void)f;
    (void)sel;
}

static void make_ldt(void)
{
}

static void frame_selectors(const struct frame *f, uint16_t *sel)
{
    sel[1] = f->cs;
    sel[2] = f->ss;
    __asm__("mov %%es, %0" : "=r"(sel[0]));
    __asm__("mov %%ds, %0" : "=r"(sel[3]));
    __asm__("mov %%fs, %0" : "=r"(sel[4]));
    __asm__("mov %%gs, %0" : "=r"(sel[5]));
}
#else
struct frame {
    unsigned long uc_flags;
    void *link;
    struct stack_arg stack;
    uint16_t gs, pad1, fs, pad2, es, pad3, ds, pad4;
    uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, rip;
    uint16_t cs, pad5;
    uint32_t eflags, rsp_at_signal;
    uint16_t ss, pad6;
    uint8_t *fpstate;
    uint32_t oldmask, cr2;
};

static uint32_t *frame_reg(struct frame *f, unsigned i)
{
    uint32_t *const regs[8] = {&f->eax, &f->ecx, &f->edx, &f->ebx,
                               &f->esp, &f->ebp, &f->esi, &f->edi};

    return regs[i];
}

enum { REGS = 8, FX_OFFSET = 112 };

/* Tag word of FSAVE from the abridged one: empty or not is all the kernel takes from it. */
static void put_legacy_fpu(uint8_t *fpstate, const uint8_t *fx)
{
    uint32_t *env = (uint32_t *)fpstate;
    uint32_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        if (!(fx[4] >> i & 1))
            tags |= 3u << 2 * i;
    }
    env[0] = 0xffff0000u | fx[0] | (uint32_t)fx[1] << 8;
    env[1] = 0xffff0000u | fx[2] | (uint32_t)fx[3] << 8;
    env[2] = 0xffff0000u | tags;
    env[3] = env[4] = env[5] = env[6] = 0; /* FIP, FOP, FDP */
    for (unsigned i = 0; i < 8; i++)
        memcpy(fpstate + 28 + 10 * i, fx + 32 + 16 * i, 10);
}

static void put_selectors(struct frame *f, const uint16_t *sel)
{
    f->es = sel[0];
    f->cs = sel[1];
    f->ss = sel[2];
    f->ds = sel[3];
    f->fs = sel[4];
    f->gs = sel[5];
}

static void make_ldt(void)
{
    enum { SYS_modify_ldt = 123 };
    struct {
        uint32_t entry, base, limit, flags;
    } seg[] = {
#define SEG(name, base, limit, big, kind, ro)                                                      \
    {NATIVE_SEG_##name, base, (limit) > 0xfffff ? (limit) >> 12 : (limit),                         \
     (big) | (kind) << 1 | (ro) << 3 | ((limit) > 0xfffff) << 4 | 0x40},
        NATIVE_SEGMENTS(SEG)
#undef SEG
    };

    for (unsigned i = 0; i < NATIVE_SEG_COUNT; i++)
        syscall6(SYS_modify_ldt, 0x11, (long)&seg[i], sizeof(seg[i]), 0, 0, 0);
}

static void frame_selectors(const struct frame *f, uint16_t *sel)
{
    sel[0] = f->es;
    sel[1] = f->cs;
    sel[2] = f->ss;
    sel[3] = f->ds;
    sel[4] = f->fs;
    sel[5] = f->gs;
}
#endif

/* --- cases ------------------------------------------------------------------------------------ */

static struct native_batch *const batch = (struct native_batch *)NATIVE_SHARED;
static uint32_t current; /* index of the running case; NONE before the first */
enum { NONE = NATIVE_BATCH + 1 };
static int second_page_there;
static uint16_t own_selectors[6];

static void wait_for_batch(void)
{
    char byte = 0;

    if (current != NONE)
        syscall6(SYS_write, 1, (long)&byte, 1, 0, 0, 0);
    if (syscall6(SYS_read, 0, (long)&byte, 1, 0, 0, 0) != 1)
        syscall6(SYS_exit, 0, 0, 0, 0, 0, 0);
    current = 0;
}

static void note_result(struct native_case *c, struct frame *f, int signo)
{
    for (unsigned i = 0; i < REGS; i++)
        c->out.reg[i] = *frame_reg(f, i);
    c->out.rip = f->rip;
    c->out.flags = f->eflags;
    memcpy(c->out.fx, f->fpstate + FX_OFFSET, 512);
    c->signo = (uint32_t)signo;
    c->vector = (uint32_t)f->trapno;
    c->error = (uint32_t)f->err;
    c->cr2 = f->cr2;
    frame_selectors(f, c->sel);
    if (!(c->flags & NATIVE_NO_DATA))
        memcpy(c->data, (void *)NATIVE_DATA, NATIVE_RW_BYTES);
}

static void put_code(const struct native_case *c)
{
    int there = !(c->flags & NATIVE_CODE_END);

    if (there != second_page_there)
        protect(NATIVE_CODE + NATIVE_PAGE, NATIVE_PAGE, there ? PROT_RX : PROT_NONE);
    second_page_there = there;
    protect(NATIVE_CODE, there ? 2 * NATIVE_PAGE : NATIVE_PAGE, PROT_RW);
    memset((void *)NATIVE_CODE, 0xcc, there ? 2 * NATIVE_PAGE : NATIVE_PAGE);
    memcpy((uint8_t *)NATIVE_CODE + c->code_at, c->code, c->code_len);
    protect(NATIVE_CODE, there ? 2 * NATIVE_PAGE : NATIVE_PAGE, PROT_RX);
}

static void put_fpu(const struct native_case *c, struct frame *f)
{
    uint64_t *xstate_bv = (uint64_t *)(f->fpstate + FX_OFFSET + 512);

    /* the last 48 bytes of the image are the kernel's */
    memcpy(f->fpstate + FX_OFFSET, c->in.fx, 464);
    *xstate_bv |= 3;
    put_legacy_fpu(f->fpstate, c->in.fx);
}

static void put_case(const struct native_case *c, struct frame *f)
{
    put_code(c);
    if (!(c->flags & NATIVE_NO_DATA)) {
        memcpy((void *)NATIVE_DATA, c->data, NATIVE_RW_BYTES);
        protect(NATIVE_DATA + NATIVE_RO_PAGE * NATIVE_PAGE, NATIVE_PAGE, PROT_RW);
        memcpy((uint8_t *)NATIVE_DATA + NATIVE_RO_PAGE * NATIVE_PAGE, c->ro, NATIVE_PAGE);
        protect(NATIVE_DATA + NATIVE_RO_PAGE * NATIVE_PAGE, NATIVE_PAGE, PROT_R);
    }
    for (unsigned i = 0; i < REGS; i++)
        *frame_reg(f, i) = c->in.reg[i];
    if (c->flags & NATIVE_LDT)
        put_selectors(f, c->sel);
    else
        put_selectors(f, own_selectors);
    f->rip = c->in.rip;
    f->eflags = c->in.flags;
    f->oldmask = 0;
    put_fpu(c, f);
}

__attribute__((used)) static void on_signal(int signo, void *info, struct frame *f)
{
    (void)info;
    if (current == NONE)
        frame_selectors(f, own_selectors);
    if (current < NATIVE_BATCH)
        note_result(&batch->cases[current++], f, signo);
    if (current >= batch->count)
        wait_for_batch();
    put_case(&batch->cases[current], f);
}

/* Entry of the handler: the kernel leaves EFLAGS.AC as the test had it. */
#ifdef __x86_64__
__asm__(".globl handler\nhandler: pushfq\n andl $~0x40000, (%rsp)\n popfq\n jmp on_signal\n"
        ".globl restorer\nrestorer: mov $15, %eax\n syscall\n"
        ".globl _start\n_start: xor %ebp, %ebp\n and $-16, %rsp\n call start\n");
#else
__asm__(".globl handler\nhandler: pushfl\n andl $~0x40000, (%esp)\n popfl\n jmp on_signal\n"
        ".globl restorer\nrestorer: mov $173, %eax\n int $0x80\n"
        ".globl _start\n_start: xor %ebp, %ebp\n and $-16, %esp\n call start\n");
#endif
void handler(void);
void restorer(void);

/* --- start --------------------------------------------------------------------------------------- */

struct sigaction_arg {
    void (*handler)(void);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};
enum { SA_SIGINFO = 4, SA_RESTORER = 0x04000000, SA_ONSTACK = 0x08000000, SA_NODEFER = 0x40000000 };

static void catch_signals(void)
{
    static uint8_t stack[65536] __attribute__((aligned(64)));
    static const int signals[] = {4, 5, 7, 8, 11, 31}; /* ILL TRAP BUS FPE SEGV SYS */
    struct stack_arg ss = {stack, 0, sizeof(stack)};
    struct sigaction_arg sa = {handler, SA_SIGINFO | SA_RESTORER | SA_ONSTACK | SA_NODEFER,
                               restorer, 0};

    syscall6(SYS_sigaltstack, (long)&ss, 0, 0, 0, 0, 0);
    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        syscall6(SYS_sigaction, signals[i], (long)&sa, 0, 8, 0, 0);
}

struct bpf_insn {
    uint16_t code;
    uint8_t jt, jf;
    uint32_t k;
};

/* System calls from the code under test trap; their return address is in its pages. */
static void confine(void)
{
    enum { LD = 0x20, JEQ = 0x15, JGE = 0x35, RET = 0x06, IP_LOW = 8, IP_HIGH = 12 };
    struct bpf_insn filter[] = {
        {LD, 0, 0, IP_HIGH},
        {JEQ, 0, 4, 0},
        {LD, 0, 0, IP_LOW},
        {JGE, 0, 2, NATIVE_CODE},
        {JGE, 1, 0, NATIVE_CODE + 3 * NATIVE_PAGE},
        {RET, 0, 0, 0x00030000u},
        {RET, 0, 0, 0x7fff0000u},
    };
    struct {
        uint16_t len;
        struct bpf_insn *filter;
    } prog = {7, filter};

    syscall6(SYS_prctl, 38, 1, 0, 0, 0, 0);           /* PR_SET_NO_NEW_PRIVS */
    syscall6(SYS_prctl, 22, 2, (long)&prog, 0, 0, 0); /* PR_SET_SECCOMP, filter */
}

__attribute__((used)) static void start(void)
{
    map(NATIVE_SHARED, (sizeof(struct native_batch) + NATIVE_PAGE - 1) & ~(NATIVE_PAGE - 1),
        PROT_RW, MAP_SHARED, NATIVE_FD);
    map(NATIVE_CODE, 2 * NATIVE_PAGE, PROT_RX, MAP_PRIVATE | MAP_ANON, -1);
    map(NATIVE_DATA, 5 * NATIVE_PAGE, PROT_RW, MAP_PRIVATE | MAP_ANON, -1);
    protect(NATIVE_DATA + 2 * NATIVE_PAGE, NATIVE_PAGE, PROT_NONE);
    protect(NATIVE_DATA + NATIVE_RO_PAGE * NATIVE_PAGE, NATIVE_PAGE, PROT_R);
    protect(NATIVE_DATA + 4 * NATIVE_PAGE, NATIVE_PAGE, PROT_NONE);
    second_page_there = 1;
    current = NONE;
    catch_signals();
    make_ldt();
    confine();
    __asm__ volatile("int3");
}
