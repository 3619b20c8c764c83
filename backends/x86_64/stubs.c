/* SPDX-License-Identifier: MIT */
/*
 * Code shared by all blocks, made once.
 *
 * In generated code rsp is the struct vcpu, guest registers are in their pins and the guest's FP
 * state is live. Calls of C functions are of three kinds. All store the registers to the vcpu.
 * Leaf: on the stack below the vcpu, for code of general registers only, FP state stays live.
 * Light: on the C stack, saving what C code uses, the XMM registers and MXCSR. Full: with all FP
 * state in vcpu.fx. x87 state is reset by FNINIT, never by a waiting instruction: the guest's may
 * have an exception pending.
 */
#include "backends/x86_64/stubs.h"

#include "backends/x86_64/host.h"
#include "backends/x86_64/jit.h"
#include "translator/exec.h"
#include "util/error.h"

#include <errno.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define LEAF_CALLS 0
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LEAF_CALLS 0
#endif
#endif
#ifndef LEAF_CALLS
#define LEAF_CALLS 1
#endif

#define MAX_HELPERS 512
enum { SLOW_PAIRS = SCRATCHES * SCRATCHES, SLOW_SLOTS = 4096, HELPER_STUB = 10 /* bytes */ };

struct stubs stubs;
const struct ir_helper *stub_helper_table;
static struct asm_buf a;
static const uint8_t *rx;
static int32_t pin_offset[PINS];
static const uint8_t *common_full, *common_light, *common_leaf, *slow_common[2][SLOW_PAIRS];
static const uint8_t *helper_stub[MAX_HELPERS];
static struct {
    uint64_t key;
    const uint8_t *code;
} slow_stub[SLOW_SLOTS];

static const uint8_t *here(void)
{
    asm_pad(&a, -asm_off(&a) & 15);
    return rx + asm_off(&a);
}

/* --- pieces ------------------------------------------------------------------------------ */

static void mov_rr(unsigned d, unsigned s)
{
    asm_mov_rr(&a, S64, d, s);
}

static void load(unsigned r, unsigned base, int32_t off)
{
    struct opnd d = opnd_reg(r), m = opnd_mem(base, off);

    asm_mov(&a, S64, &d, &m);
}

static void store(unsigned base, int32_t off, unsigned r)
{
    struct opnd d = opnd_reg(r), m = opnd_mem(base, off);

    asm_mov(&a, S64, &m, &d);
}

static void store_imm(enum asm_size s, unsigned base, int32_t off, int32_t v)
{
    struct opnd m = opnd_mem(base, off), c = opnd_imm(v);

    asm_mov(&a, s, &m, &c);
}

static void load_imm(unsigned r, const void *p)
{
    struct opnd d = opnd_reg(r), c = opnd_imm((int64_t)(uintptr_t)p);

    asm_mov(&a, S64, &d, &c);
}

static void lea(unsigned r, unsigned base, int32_t off)
{
    struct opnd m = opnd_mem(base, off);

    asm_lea(&a, S64, r, &m);
}

static void push(unsigned r)
{
    if (r & 8)
        asm_byte(&a, 0x41);
    asm_byte(&a, 0x50 | (r & 7));
}

static void pop(unsigned r)
{
    if (r & 8)
        asm_byte(&a, 0x41);
    asm_byte(&a, 0x58 | (r & 7));
}

static void ret(void)
{
    asm_byte(&a, 0xc3);
}

static void call_c(const void *fn)
{
    struct opnd rax = opnd_reg(RAX);

    load_imm(RAX, fn);
    asm_ext(&a, 0xff | DEF64, S64, 2, &rax);
}

/* fxsave64, fxrstor64, ldmxcsr, stmxcsr */
static void fp_memory(unsigned ext, enum asm_size s, unsigned base, int32_t off)
{
    struct opnd m = opnd_mem(base, off);

    asm_ext(&a, M0F | 0xae, s, ext, &m);
}

static void fxsave(unsigned base, int32_t off)
{
    fp_memory(0, S64, base, off);
}

static void fxrstor(unsigned base, int32_t off)
{
    fp_memory(1, S64, base, off);
}

/* rsp is the C frame made by enter. */
static void host_fp(void)
{
    struct opnd m = opnd_mem(RSP, 4);

    asm_byte(&a, 0xdb); /* fninit */
    asm_byte(&a, 0xe3);
    asm_ext(&a, 0xd9, S32, 5, &m); /* fldcw */
    fp_memory(2, S32, RSP, 0);
}

/* Does a C function keep the register? */
static bool callee_saved(unsigned r)
{
    return r == RBX || r == RBP || r >= R12;
}

enum { PINS_ALL, PINS_CALLER, PINS_CALLEE };

static bool pin_selected(unsigned i, int which)
{
    return pin_offset[i] >= 0 && (which == PINS_ALL || callee_saved(pin_reg[i]) == (which == PINS_CALLEE));
}

static void store_pins(unsigned base, int32_t delta, int which)
{
    for (unsigned i = 0; i < PINS; i++)
        if (pin_selected(i, which))
            store(base, delta + pin_offset[i], pin_reg[i]);
}

/* The base register, if pinned itself, comes last. */
static void load_pins(unsigned base, int32_t delta, int which)
{
    for (unsigned i = 0; i < PINS; i++)
        if (pin_selected(i, which) && pin_reg[i] != base)
            load(pin_reg[i], base, delta + pin_offset[i]);
    for (unsigned i = 0; i < PINS; i++)
        if (pin_selected(i, which) && pin_reg[i] == base)
            load(pin_reg[i], base, delta + pin_offset[i]);
}

enum { FX_FCW = 0, FX_FSW = 2, FX_MXCSR = 24, FX_XMM = 160 };

static int32_t fx_off(int32_t off)
{
    return VCPU_OFF(fx) + off;
}

static void move_xmm(unsigned base, bool save)
{
    for (unsigned i = 0; i < 16; i++) {
        struct opnd x = opnd_reg(i), m = opnd_mem(base, fx_off(FX_XMM + 16 * (int32_t)i));
        asm_op(&a, M0F | (save ? 0x29 : 0x28), S32, &x, &m); /* movaps */
    }
}

static void fnst(unsigned opcode, unsigned base, int32_t off)
{
    struct opnd m = opnd_mem(base, off);

    asm_ext(&a, opcode, S32, 7, &m);
}

/*
 * From rdi = vcpu with registers stored to the C stack; r12 = vcpu. C code gets the XMM registers
 * and the host's MXCSR (loaded only if the guest's differs in more than its status bits), the x87
 * registers stay: no C function of ours uses them. vcpu.fx then holds the XMM registers, MXCSR and
 * the x87 control and status words; jit_unwind() saves the rest if the call does not return.
 */
static void to_host(void)
{
    struct opnd rax = opnd_reg(RAX), mask = opnd_imm(0xffc0), usual = opnd_imm(0x1f80);
    uint32_t same;

    mov_rr(R12, RDI);
    move_xmm(RDI, true);
    fp_memory(3, S32, RDI, fx_off(FX_MXCSR));
    fnst(0xd9, RDI, fx_off(FX_FCW));
    fnst(0xdd, RDI, fx_off(FX_FSW));
    store_imm(S64, RDI, SPILL_OFF(SPILL_LIVE), JIT_X87_LIVE);
    load(RSP, RDI, VCPU_OFF(host_sp));
    struct opnd m = opnd_mem(RDI, fx_off(FX_MXCSR));
    asm_mov(&a, S32, &rax, &m);
    asm_alu(&a, ALU_AND, S32, &rax, &mask, false);
    asm_alu(&a, ALU_CMP, S32, &rax, &usual, false);
    same = asm_jcc_short(&a, IR_E);
    fp_memory(2, S32, RSP, 0);
    asm_bind8(&a, same);
}

/* Back: rsp = vcpu + off. */
static void from_host(int32_t off)
{
    fp_memory(2, S32, R12, fx_off(FX_MXCSR));
    move_xmm(R12, false);
    store_imm(S64, R12, SPILL_OFF(SPILL_LIVE), 0);
    lea(RSP, R12, off);
}

/* The same with all FP state in vcpu.fx, for helpers that look at it. */
static void to_host_fp(void)
{
    mov_rr(R12, RDI);
    fxsave(RDI, VCPU_OFF(fx));
    load(RSP, RDI, VCPU_OFF(host_sp));
    host_fp();
}

static void from_host_fp(int32_t off)
{
    fxrstor(R12, VCPU_OFF(fx));
    lea(RSP, R12, off);
}

static void clear_host_ra(unsigned base)
{
    store_imm(S64, base, VCPU_OFF(host_ra), 0);
}

/* --- entering and leaving ------------------------------------------------------------------- */

static const uint8_t saved[] = {RBX, RBP, R12, R13, R14, R15};
enum { FRAME = 24 };

static void make_enter(void)
{
    struct opnd m = opnd_mem(RSP, 4), r10 = opnd_reg(R10);

    stubs.enter = (enum jit_exit (*)(struct vcpu *, const void *))(uintptr_t)here();
    for (unsigned i = 0; i < ARRAY_SIZE(saved); i++)
        push(saved[i]);
    lea(RSP, RSP, -FRAME);
    fp_memory(3, S32, RSP, 0);
    asm_ext(&a, 0xd9, S32, 7, &m); /* fnstcw */
    store(RDI, VCPU_OFF(host_sp), RSP);
    fxrstor(RDI, VCPU_OFF(fx));
    mov_rr(RSP, RDI);
    mov_rr(R10, RSI);
    load_pins(RSP, 0, PINS_ALL);
    asm_ext(&a, 0xff | DEF64, S64, 4, &r10);
}

static const uint8_t *make_leave_common(void)
{
    const uint8_t *p = here();

    store_pins(RSP, 0, PINS_ALL);
    fxsave(RSP, VCPU_OFF(fx));
    mov_rr(RDI, RSP);
    load(RSP, RDI, VCPU_OFF(host_sp));
    host_fp();
    asm_mov_rr(&a, S32, RAX, R8);
    lea(RSP, RSP, FRAME);
    for (unsigned i = ARRAY_SIZE(saved); i-- > 0;)
        pop(saved[i]);
    ret();
    return p;
}

static void leave_with(unsigned why, const uint8_t *common)
{
    struct opnd r8 = opnd_reg(R8), c = opnd_imm(why);

    asm_mov(&a, S32, &r8, &c);
    asm_branch_to(&a, ASM_JMP, rx, common);
}

/* Entered by call: the return address names the place. */
static const uint8_t *make_leave_from(unsigned why, const uint8_t *common)
{
    const uint8_t *p = here();

    pop(R8);
    store(RSP, VCPU_OFF(host_ra), R8);
    leave_with(why, common);
    return p;
}

static const uint8_t *make_leave(unsigned why, const uint8_t *common)
{
    const uint8_t *p = here();

    leave_with(why, common);
    return p;
}

/* The place is wanted if the target turns out not to be canonical. */
static void make_lookup_from(void)
{
    struct opnd r10 = opnd_reg(R10), from = opnd_mem(R10, 0), m = opnd_mem(RSP, VCPU_OFF(ind_from));

    stubs.lookup_from = here();
    pop(R10);
    asm_mov(&a, S32, &r10, &from);
    asm_mov(&a, S32, &m, &r10);
    store(RSP, VCPU_OFF(ind_pc), R8);
    asm_branch_to(&a, ASM_JMP, rx, stubs.lookup);
}

/* r8 = target PC: the block cache, with general registers only, else leave with vcpu.pc = r8. */
static void make_lookup(const uint8_t *common)
{
    struct opnd m = opnd_mem(RSP, VCPU_OFF(live_ctx)), zero = opnd_imm(0), rax = opnd_reg(RAX), r10 = opnd_reg(R10);
    uint32_t out1, out2;

    stubs.lookup = here();
    store(RSP, VCPU_OFF(pc), R8);
    if (LEAF_CALLS) {
        asm_alu(&a, ALU_CMP, S64, &m, &zero, false);
        out1 = asm_jcc_fwd(&a, IR_E);
        store_pins(RSP, 0, PINS_CALLER);
        mov_rr(RDI, RSP);
        mov_rr(RSI, R8);
        call_c((const void *)(uintptr_t)exec_lookup_leaf);
        asm_test(&a, S64, &rax, &rax);
        mov_rr(R10, RAX);
        load(R8, RSP, VCPU_OFF(pc));
        load_pins(RSP, 0, PINS_CALLER);
        out2 = asm_jcc_fwd(&a, IR_E);
        asm_alu_ri(&a, ALU_AND, S64, R8, -(int32_t)SOFTTLB_PAGE);
        store(RSP, VCPU_OFF(pc_page), R8);
        asm_ext(&a, 0xff | DEF64, S64, 4, &r10);
        asm_bind32(&a, out1);
        asm_bind32(&a, out2);
    }
    leave_with(JIT_LOOKUP, common);
}

/* r8 = target PC: the jump table, as jump_table() of emit_ctl.c has it inline; then the block cache. */
static void make_jump_table(void)
{
    struct opnd r8 = opnd_reg(R8), r9 = opnd_reg(R9), r10 = opnd_reg(R10), m;
    int32_t table = VCPU_OFF(jmp);
    uint32_t other_pc, other_ctx;

    mov_rr(R9, R8);
    asm_shift_i(&a, SH_SHR, S64, &r9, VCPU_JMP_BITS);
    asm_alu(&a, ALU_XOR, S32, &r9, &r8, false);
    asm_alu_ri(&a, ALU_AND, S32, R9, (1 << VCPU_JMP_BITS) - 1);
    _Static_assert(sizeof(struct jmp_entry) == 32, "shift");
    asm_shift_i(&a, SH_SHL, S32, &r9, 5);
    m = opnd_memx(RSP, R9, 0, table + (int32_t)offsetof(struct jmp_entry, pc));
    asm_alu(&a, ALU_CMP, S64, &r8, &m, false);
    other_pc = asm_jcc_fwd(&a, IR_NE);
    load(R10, RSP, VCPU_OFF(live_ctx));
    m = opnd_memx(RSP, R9, 0, table + (int32_t)offsetof(struct jmp_entry, ctx));
    asm_alu(&a, ALU_CMP, S64, &r10, &m, false);
    other_ctx = asm_jcc_fwd(&a, IR_NE);
    asm_alu_ri(&a, ALU_AND, S64, R8, -(int32_t)SOFTTLB_PAGE);
    store(RSP, VCPU_OFF(pc_page), R8);
    m = opnd_memx(RSP, R9, 0, table + (int32_t)offsetof(struct jmp_entry, code));
    asm_ext(&a, 0xff | DEF64, S64, 4, &m);
    asm_bind32(&a, other_pc);
    asm_bind32(&a, other_ctx);
    asm_branch_to(&a, ASM_JMP, rx, stubs.lookup);
}

/* The mode may be another one by now: it is in the context id. */
static void make_lookup_key(void)
{
    stubs.lookup_key = here();
    load(R8, RSP, VCPU_OFF(pc));
    make_jump_table();
}

/* An in-page edge that is never linked. Behind the call: offset from pc_page (4 bytes), then 1 if PCs
 * have 32 bits. */
static void make_edge_table(void)
{
    struct opnd off = opnd_mem(R10, 0), wide = opnd_mem(R10, 4), page = opnd_mem(RSP, VCPU_OFF(pc_page));
    struct opnd r8 = opnd_reg(R8), zero = opnd_imm(0);
    uint32_t all;

    stubs.edge_table = here();
    pop(R10);
    asm_extend(&a, true, S64, R8, S32, &off);
    asm_alu(&a, ALU_ADD, S64, &r8, &page, false);
    asm_alu(&a, ALU_CMP, S8, &wide, &zero, false);
    all = asm_jcc_fwd(&a, IR_E);
    asm_mov_rr(&a, S32, R8, R8);
    asm_bind32(&a, all);
    make_jump_table();
}

/*
 * Called in front of a block's entry by edges from other pages: r8 = linear page, r9 = RAM page of
 * the block. Go on if the code TLB says that they belong together now; its context id polls.
 */
static void make_page_check(const uint8_t *common)
{
    int32_t table = VCPU_OFF(ctlb) + 8;
    struct opnd r8 = opnd_reg(R8), r9 = opnd_reg(R9), r10 = opnd_reg(R10), m;
    uint32_t miss[3];

    stubs.page_check = here();
    mov_rr(R10, R8);
    _Static_assert(sizeof(struct ctlb_entry) == 32, "shift");
    asm_shift_i(&a, SH_SHR, S64, &r10, 12 - 5);
    asm_alu_ri(&a, ALU_AND, S32, R10, ((1 << VCPU_CTLB_BITS) - 1) << 5);
    m = opnd_memx(RSP, R10, 0, table + (int32_t)offsetof(struct ctlb_entry, page));
    asm_alu(&a, ALU_CMP, S64, &r8, &m, false);
    miss[0] = asm_jcc_fwd(&a, IR_NE);
    m = opnd_memx(RSP, R10, 0, table + (int32_t)offsetof(struct ctlb_entry, ram));
    asm_alu(&a, ALU_CMP, S64, &r9, &m, false);
    miss[1] = asm_jcc_fwd(&a, IR_NE);
    load(R9, RSP, 8 + VCPU_OFF(live_ctx));
    m = opnd_memx(RSP, R10, 0, table + (int32_t)offsetof(struct ctlb_entry, ctx));
    asm_alu(&a, ALU_CMP, S64, &r9, &m, false);
    miss[2] = asm_jcc_fwd(&a, IR_NE);
    store(RSP, 8 + VCPU_OFF(pc_page), R8);
    ret();
    for (unsigned i = 0; i < 3; i++)
        asm_bind32(&a, miss[i]);
    store(RSP, 8 + VCPU_OFF(pc_page), R8);
    pop(R8);
    store(RSP, VCPU_OFF(host_ra), R8);
    leave_with(JIT_OTHER_PAGE, common);
}

/* --- calls of helpers ------------------------------------------------------------------------ */

/* Arguments in r8, r9, r10 to where C has them, the helper's number in rbx; calls it. */
static void call_helper(void)
{
    struct opnd m = opnd_memx(RAX, RBX, 3, offsetof(struct ir_helper, fn));
    struct opnd three = opnd_memx(RBX, RBX, 1, 0);

    _Static_assert(sizeof(struct ir_helper) == 24, "index by lea and scale");
    mov_rr(RSI, R8);
    mov_rr(RDX, R9);
    mov_rr(RCX, R10);
    load_imm(RAX, &stub_helper_table);
    load(RAX, RAX, 0);
    asm_lea(&a, S64, RBX, &three);
    asm_ext(&a, 0xff | DEF64, S64, 2, &m);
    mov_rr(R8, RAX);
}

/* At [rsp]: helper number, return address; rsp + 16 is the vcpu. */
static const uint8_t *make_common(bool fp)
{
    const uint8_t *p = here();

    store_pins(RSP, 16, PINS_ALL);
    lea(RDI, RSP, 16);
    load(RAX, RSP, 8);
    store(RDI, VCPU_OFF(host_ra), RAX);
    pop(RBX);
    if (fp)
        to_host_fp();
    else
        to_host();
    call_helper();
    clear_host_ra(R12);
    if (fp)
        from_host_fp(-8);
    else
        from_host(-8);
    load_pins(RSP, 8, PINS_ALL);
    ret();
    return p;
}

static void make_common_leaf(void)
{
    common_leaf = here();
    store_pins(RSP, 16, PINS_ALL);
    lea(RDI, RSP, 16);
    load(RAX, RSP, 8);
    store(RDI, VCPU_OFF(host_ra), RAX);
    load(RBX, RSP, 0);
    store_imm(S64, RDI, SPILL_OFF(SPILL_LIVE), JIT_FP_LIVE);
    call_helper();
    pop(RBX);
    store_imm(S64, RSP, 8 + SPILL_OFF(SPILL_LIVE), 0);
    store_imm(S64, RSP, 8 + VCPU_OFF(host_ra), 0);
    load_pins(RSP, 8, PINS_ALL);
    ret();
}

static bool room(void)
{
    return !a.full && (size_t)(a.end - a.p) > 64;
}

/* What leaf helpers call may be instrumented, using XMM registers; those for live FP state call nothing. */
static const uint8_t *common_for(uint32_t flags)
{
    bool leaf = (flags & HF_LEAF) && (LEAF_CALLS || (flags & HF_FP));

    return leaf ? common_leaf : flags & HF_FP ? common_full : common_light;
}

const uint8_t *stub_helper(unsigned n, const struct ir_helper *table)
{
    stub_helper_table = table;
    if (n >= MAX_HELPERS || (!helper_stub[n] && !room()))
        return NULL;
    if (!helper_stub[n]) {
        helper_stub[n] = rx + asm_off(&a);
        asm_byte(&a, 0x68); /* push imm32 */
        asm_imm(&a, n, 4);
        asm_branch_to(&a, ASM_JMP, rx, common_for(table[n].flags));
    }
    return helper_stub[n];
}

/* --- memory ------------------------------------------------------------------------------------- */

static unsigned third_scratch(unsigned x, unsigned y)
{
    for (unsigned i = 0; i < SCRATCHES; i++)
        if (scratch_reg[i] != x && scratch_reg[i] != y)
            return scratch_reg[i];
    return NOREG;
}

/* rdx, if not 0, is the block to go on in instead of returning. */
static void leave_window(void)
{
    struct opnd rdx = opnd_reg(RDX), m = opnd_mem(RSP, SPILL_OFF(SPILL_SCRATCH));
    uint32_t none;

    asm_test(&a, S64, &rdx, &rdx);
    none = asm_jcc_fwd(&a, IR_E);
    lea(RSP, RSP, 8);
    store(RSP, SPILL_OFF(SPILL_SCRATCH), RDX);
    load_pins(RSP, 0, PINS_CALLER);
    asm_ext(&a, 0xff | DEF64, S64, 4, &m);
    asm_bind32(&a, none);
}

/*
 * Address and info are in vcpu.spill; rsp + 8 is the vcpu. Result: host address in `addr`, `index` 0.
 */
static void make_slow_common(unsigned addr, unsigned index, bool window)
{
    unsigned third = third_scratch(addr, index);
    struct opnd rax = opnd_reg(RAX), ri = opnd_reg(index), zero = opnd_imm(0);
    uint32_t slow = 0, done = 0;

    store(RSP, 8 + SPILL_OFF(SPILL_SCRATCH), third);
    store_pins(RSP, 8, PINS_CALLER);
    if (LEAF_CALLS) {
        lea(RDI, RSP, 8);
        push(RAX);
        call_c(window ? (const void *)(uintptr_t)jit_window_leaf : (const void *)(uintptr_t)jit_slow_leaf);
        lea(RSP, RSP, 8);
        asm_test(&a, S64, &rax, &rax);
        slow = asm_jcc_fwd(&a, IR_E);
        mov_rr(addr, RAX);
        done = asm_jmp_fwd(&a);
        asm_bind32(&a, slow);
        if (window)
            leave_window();
    }
    store_pins(RSP, 8, PINS_CALLEE);
    lea(RDI, RSP, 8);
    load(RAX, RSP, 0);
    store(RDI, VCPU_OFF(host_ra), RAX);
    to_host();
    call_c(window ? (const void *)(uintptr_t)jit_window_full : (const void *)(uintptr_t)jit_slow_full);
    mov_rr(addr, RAX);
    clear_host_ra(R12);
    from_host(-8);
    load_pins(RSP, 8, PINS_CALLEE);
    if (LEAF_CALLS)
        asm_bind32(&a, done);
    load_pins(RSP, 8, PINS_CALLER);
    load(third, RSP, 8 + SPILL_OFF(SPILL_SCRATCH));
    asm_mov(&a, S32, &ri, &zero);
    ret();
}

static unsigned pair_number(unsigned addr, unsigned index)
{
    return (addr - R8) * SCRATCHES + (index - R8);
}

static void make_slow_commons(void)
{
    for (unsigned x = 0; x < SCRATCHES; x++)
        for (unsigned y = 0; y < SCRATCHES; y++) {
            if (x == y)
                continue;
            for (unsigned w = 0; w < 2; w++) {
                slow_common[w][x * SCRATCHES + y] = here();
                make_slow_common(scratch_reg[x], scratch_reg[y], w);
            }
        }
}

const uint8_t *stub_slow_common(unsigned addr, unsigned index, uint32_t info)
{
    return slow_common[!!(acc_flags(info) & ACC_WINDOW)][pair_number(addr, index)];
}

/* On entry `addr` is the address xor the entry's tag, `index` the entry's offset. */
static void make_slow(unsigned addr, unsigned index, uint32_t info)
{
    int32_t table = mem_tlb_offset(acc_class(info), acc_flags(info) & ACC_WRITE);
    struct opnd r = opnd_reg(addr), tag = opnd_memx(RSP, index, 0, 8 + table);

    asm_alu(&a, ALU_XOR, S64, &r, &tag, false);
    store(RSP, 8 + SPILL_OFF(SPILL_ADDR), addr);
    /* As wide as it is read: a narrower store is not forwarded, and the read waits for all stores. */
    store_imm(S64, RSP, 8 + SPILL_OFF(SPILL_INFO), (int32_t)info);
    asm_branch_to(&a, ASM_JMP, rx, stub_slow_common(addr, index, info));
}

/* Those of helpers must fit later: blocks can do without the others. */
static bool room_for_slow(void)
{
    return !a.full && (size_t)(a.end - a.p) > 64 + HELPER_STUB * MAX_HELPERS;
}

const uint8_t *stub_slow(unsigned addr, unsigned index, uint32_t info)
{
    uint64_t key = info | (uint64_t)(pair_number(addr, index) + 1) << 32;
    unsigned h = (key * 0x9e3779b97f4a7c15u >> 40) % SLOW_SLOTS;

    for (unsigned n = 0; n < SLOW_SLOTS; n++, h = (h + 1) % SLOW_SLOTS) {
        if (slow_stub[h].key == key)
            return slow_stub[h].code;
        if (!slow_stub[h].key)
            break;
    }
    if (slow_stub[h].key || !room_for_slow())
        return NULL;
    slow_stub[h].key = key;
    slow_stub[h].code = rx + asm_off(&a);
    make_slow(addr, index, info);
    return slow_stub[h].code;
}

/* Keeps everything, flags too. After pushfq rsp + 16 is the vcpu. */
static void make_commit(void)
{
    struct opnd rax = opnd_reg(RAX);
    uint32_t done = 0;

    stubs.commit = here();
    asm_byte(&a, 0x9c);
    store_pins(RSP, 16, PINS_CALLER);
    for (unsigned i = 0; i < SCRATCHES; i++)
        store(RSP, 16 + SPILL_OFF(SPILL_SCRATCH + (int)i), scratch_reg[i]);
    if (LEAF_CALLS) {
        lea(RDI, RSP, 16);
        call_c((const void *)(uintptr_t)jit_commit_leaf);
        asm_test(&a, S64, &rax, &rax);
        done = asm_jcc_fwd(&a, IR_NE);
    }
    store_pins(RSP, 16, PINS_CALLEE);
    lea(RDI, RSP, 16);
    load(RAX, RSP, 8);
    store(RDI, VCPU_OFF(host_ra), RAX);
    to_host();
    call_c((const void *)(uintptr_t)jit_slow_commit);
    clear_host_ra(R12);
    from_host(-16);
    load_pins(RSP, 16, PINS_CALLEE);
    if (LEAF_CALLS)
        asm_bind32(&a, done);
    for (unsigned i = 0; i < SCRATCHES; i++)
        load(scratch_reg[i], RSP, 16 + SPILL_OFF(SPILL_SCRATCH + (int)i));
    load_pins(RSP, 16, PINS_CALLER);
    asm_byte(&a, 0x9d);
    ret();
}

/* --- all of them --------------------------------------------------------------------------------- */

static void find_pins(void)
{
    for (unsigned i = 0; i < PINS; i++)
        pin_offset[i] = -1;
    for (unsigned n = 0; n < frontend->n_globals; n++) {
        const struct ir_global *g = &frontend->globals[n];
        if (g->pin >= 0 && g->pin < PINS) {
            assert(g->type == IR_I64 && pin_offset[g->pin] < 0);
            pin_offset[g->pin] = (int32_t)g->offset;
        }
    }
}

int stubs_init(const struct code_span *span, struct error **err)
{
    const uint8_t *common;

    a = (struct asm_buf){span->rw, span->rw, span->rw + span->room, false};
    rx = span->rx;
    memset(helper_stub, 0, sizeof(helper_stub));
    memset(slow_stub, 0, sizeof(slow_stub));
    find_pins();
    make_enter();
    common = make_leave_common();
    stubs.edge = make_leave_from(JIT_EDGE, common);
    stubs.stale = make_leave_from(JIT_STALE, common);
    stubs.leave = make_leave(JIT_LOOP, common);
    stubs.fault = make_leave(JIT_FAULT, common);
    make_lookup(common);
    make_lookup_from();
    make_lookup_key();
    make_edge_table();
    make_page_check(common);
    common_full = make_common(true);
    common_light = make_common(false);
    make_common_leaf();
    make_slow_commons();
    make_commit();
    if (!room()) {
        error_set(err, "no room for the translator's stubs");
        return -ENOSPC;
    }
    return (int)span->room; /* more are made as blocks need them */
}
