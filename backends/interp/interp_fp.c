/* SPDX-License-Identifier: MIT */
/*
 * SIMD and x87 for the interpreter on x86-64 hosts: each such IR insn gets a small host function
 * ("thunk") in the code buffer that loads the guest's whole FP state from memory, executes the
 * instruction, and saves the state. Slow and exact. Encodings: Intel SDM vol. 2.
 *
 *     sub rsp, 16; stmxcsr [rsp]; fnstcw [rsp+4]
 *     fxrstor64 [rdi]; lea r8, args.mem; mov rax, args.gpr[0]; mov rdx, args.gpr[1]
 *     push args.flags; popfq
 *     the instruction: memory operand [r8], general register eax (PCMPxSTRI: result in ecx)
 *     pushfq; pop args.flags; mov args.out, rax or rcx
 *     fxsave64 [rdi]; xor eax, eax
 * out:ldmxcsr [rsp]; fninit; fldcw [rsp+4]; add rsp, 16; ret
 * bad:fxsave64 [rdi]; mov eax, 1; jmp out         SIGFPE at the instruction continues here
 */
#include "backends/interp/interp.h"

#include <errno.h>
#include <signal.h>
#include <ucontext.h>

#include "translator/exec.h"
#include "translator/simd_ops.h"
#include "translator/x87_ops.h"

#define THUNK_MAX 128

struct fp_args {
    uint64_t gpr[2], out, flags;
    uint8_t mem[32] __attribute__((aligned(32)));
};

enum { FX_FOP = 6, FX_MXCSR = 24, FX_SIZE = 512 };

static const uint8_t prologue[] = {
    0x48, 0x83, 0xec, 0x10,       /* sub rsp, 16 */
    0x0f, 0xae, 0x1c, 0x24,       /* stmxcsr [rsp] */
    0xd9, 0x7c, 0x24, 0x04,       /* fnstcw [rsp + 4] */
    0x48, 0x0f, 0xae, 0x0f,       /* fxrstor64 [rdi] */
    0x4c, 0x8d, 0x46, 0x20,       /* lea r8, [rsi + 32] */
    0x48, 0x8b, 0x06,             /* mov rax, [rsi] */
    0x48, 0x8b, 0x56, 0x08,       /* mov rdx, [rsi + 8] */
    0xff, 0x76, 0x18, 0x9d,       /* push [rsi + 24]; popfq */
};
static const uint8_t epilogue[] = {
    0x9c, 0x8f, 0x46, 0x18,       /* pushfq; pop [rsi + 24] */
    0x48, 0x89, 0x46, 0x10,       /* mov [rsi + 16], rax (or rcx) */
    0x48, 0x0f, 0xae, 0x07,       /* fxsave64 [rdi] */
    0x31, 0xc0,                   /* xor eax, eax */
    0x0f, 0xae, 0x14, 0x24,       /* out: ldmxcsr [rsp] */
    0xdb, 0xe3,                   /* fninit */
    0xd9, 0x6c, 0x24, 0x04,       /* fldcw [rsp + 4] */
    0x48, 0x83, 0xc4, 0x10, 0xc3, /* add rsp, 16; ret */
    0x48, 0x0f, 0xae, 0x07,       /* bad: fxsave64 [rdi] */
    0xb8, 0x01, 0x00, 0x00, 0x00, /* mov eax, 1 */
    0xeb, 0xe6,                   /* jmp out */
};
enum { EPILOGUE_OUT_REG = 6, EPILOGUE_BAD = 29 };
_Static_assert(sizeof(struct fp_args) == 64 && offsetof(struct fp_args, mem) == 32, "thunks know");

static __thread const uint8_t *bad_address;
static __thread int fault_code;
static struct sigaction old_action;

static void on_sigfpe(int signo, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;

    if (!bad_address) {
        sigaction(SIGFPE, &old_action, NULL);
        return;
    }
    fault_code = info->si_code;
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)bad_address;
}

void interp_fp_init(void)
{
    struct sigaction sa = {.sa_sigaction = on_sigfpe, .sa_flags = SA_SIGINFO | SA_NODEFER};

    sigaction(SIGFPE, &sa, &old_action);
}

void interp_fp_fini(void)
{
    sigaction(SIGFPE, &old_action, NULL);
}

/* --- making thunks --------------------------------------------------------------------- */

static unsigned encode_simd(uint8_t *p, const struct ir_insn *i)
{
    const struct simd_row *r = &simd_rows[i->aux];
    unsigned reg = (r->reg & V_CLASS) == SIMD_CLASS_G ? 0 : i->xreg;
    unsigned rm = (r->rm & V_CLASS) == SIMD_CLASS_G ? 0 : i->xrm;
    bool mem = i->irf & IRF_MEM;

    return simd_encode(p, r, reg, mem ? 8 : rm, mem, i->irf & IRF_REX, i->imm);
}

static unsigned encode_fpu(uint8_t *p, const struct ir_insn *i)
{
    unsigned n = 0;

    if (i->irf & IRF_MEM)
        p[n++] = 0x41;
    p[n++] = i->aux >> 8;
    p[n++] = i->irf & IRF_MEM ? i->aux & 0x38 : i->aux & 0xff;
    return n;
}

static bool result_in_ecx(const struct ir_insn *i)
{
    return i->op == IR_simd && simd_rows[i->aux].flags & V_INDEX;
}

int interp_fp_compile(const struct ir_insn *i, const struct code_span *to)
{
    uint8_t *p = to->rw;

    if (to->room < THUNK_MAX)
        return -ENOSPC;
    p++; /* the offset of the epilogue, below */
    memcpy(p, prologue, sizeof(prologue));
    p += sizeof(prologue);
    p += i->op == IR_simd ? encode_simd(p, i) : encode_fpu(p, i);
    *to->rw = p - to->rw;
    memcpy(p, epilogue, sizeof(epilogue));
    if (result_in_ecx(i))
        p[EPILOGUE_OUT_REG] = 0x4e;
    return p + sizeof(epilogue) - to->rw;
}

/* --- running them -------------------------------------------------------------------------- */

static unsigned mem_bytes(const struct ir_insn *i, bool *store)
{
    if (i->op == IR_simd) {
        const struct simd_row *r = &simd_rows[i->aux];

        *store = simd_is_store(r);
        return simd_mem_bytes(r, i->irf & IRF_REX);
    }
    int row = x87_find(i->aux >> 8, i->aux & 0x38);

    assert(row >= 0);
    *store = x87_rows[row].flags & FX_STORE;
    return x87_rows[row].bytes;
}

/* FIP, FDP and FOP are the frontend's; the thunk's own must not be seen. False: SIGFPE. */
static bool execute(uint8_t *fx, struct fp_args *args, const uint8_t *thunk)
{
    int (*fn)(void *fx, struct fp_args *args) = (int (*)(void *, struct fp_args *))(thunk + 1);
    uint8_t pointers[FX_MXCSR - FX_FOP];
    int bad;

    memcpy(pointers, fx + FX_FOP, sizeof(pointers));
    bad_address = thunk + *thunk + EPILOGUE_BAD;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    bad = fn(fx, args);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    bad_address = NULL;
    memcpy(fx + FX_FOP, pointers, sizeof(pointers));
    return !bad;
}

static enum ir_type result_type(const struct ir_insn *i)
{
    if (i->op == IR_fpu)
        return IR_I16;
    return i->irf & IRF_REX && simd_rows[i->aux].flags & (V_W64 | V_REG64) ? IR_I64 : IR_I32;
}

static void finish(struct interp_frame *f, const struct ir_insn *i, const struct fp_args *args)
{
    if (i->dst)
        interp_put(f, i->dst, result_type(i), args->out);
    if (i->fdef)
        interp_set_flags(f, i, args->flags);
}

/* State is changed in a copy until the store is known to have happened. */
static void run_store(struct interp_frame *f, const struct ir_insn *i, struct fp_args *args,
                      unsigned bytes, const uint8_t *thunk)
{
    uint8_t fx[FX_SIZE] __attribute__((aligned(64)));
    gva_t addr = interp_address(f, i);

    softtlb_probe(f->cpu, addr, bytes, TLB_WRITE, f->tb->mmu_idx, interp_memflags(f, i));
    if (i->op == IR_fpu && f->cpu->fx[0] != 0x7f) /* an unmasked exception suppresses the store */
        softtlb_read(f->cpu, addr, args->mem, bytes, f->tb->mmu_idx, interp_memflags(f, i));
    memcpy(fx, f->cpu->fx, sizeof(fx));
    if (!execute(fx, args, thunk)) {
        memcpy(f->cpu->fx, fx, sizeof(fx));
        exec_host_fault(f->cpu, SIGFPE, fault_code);
    }
    softtlb_write(f->cpu, addr, args->mem, bytes, f->tb->mmu_idx, interp_memflags(f, i));
    memcpy(f->cpu->fx, fx, sizeof(fx));
}

void interp_fp_run(struct interp_frame *f, const struct ir_insn *i, const uint8_t *thunk)
{
    struct fp_args args = {.flags = (f->cpu->flags & IR_EFLAGS_MASK) | 2};
    unsigned bytes = 0;
    bool store = false;

    args.gpr[0] = interp_get(f, i->src[0]);
    args.gpr[1] = interp_get(f, i->src[1]);
    if (i->irf & IRF_MEM)
        bytes = mem_bytes(i, &store);
    if (store) {
        run_store(f, i, &args, bytes, thunk);
        return;
    }
    if (bytes)
        softtlb_read(f->cpu, interp_address(f, i), args.mem, bytes, f->tb->mmu_idx,
                     interp_memflags(f, i));
    if (!execute(f->cpu->fx, &args, thunk))
        exec_host_fault(f->cpu, SIGFPE, fault_code);
    finish(f, i, &args);
}
