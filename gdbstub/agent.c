/* SPDX-License-Identifier: MIT */
/*
 * Agent expressions: the byte code in which the debugger sends the conditions of breakpoints. GDB
 * manual, appendix F. Runs on the vCPU's thread at the breakpoint. Without floating point and
 * tracing, which conditions do not use: such code fails, and the breakpoint stops the guest.
 */
#include "gdbstub/stub.h"

#define STACK_MAX 64
#define STEPS_MAX 10000 /* it can jump backwards */

struct agent {
    const struct agent_code *code;
    struct vcpu *cpu;
    const struct debug_description *desc;
    size_t pc;
    unsigned depth;
    bool failed;
    uint64_t stack[STACK_MAX];
};

enum agent_op {
    OP_ADD = 0x02,
    OP_SUB,
    OP_MUL,
    OP_DIV_SIGNED,
    OP_DIV_UNSIGNED,
    OP_REM_SIGNED,
    OP_REM_UNSIGNED,
    OP_LSH,
    OP_RSH_SIGNED,
    OP_RSH_UNSIGNED,
    OP_LOG_NOT = 0x0e,
    OP_BIT_AND,
    OP_BIT_OR,
    OP_BIT_XOR,
    OP_BIT_NOT,
    OP_EQUAL,
    OP_LESS_SIGNED,
    OP_LESS_UNSIGNED,
    OP_EXT,
    OP_REF8,
    OP_REF16,
    OP_REF32,
    OP_REF64,
    OP_IF_GOTO = 0x20,
    OP_GOTO,
    OP_CONST8,
    OP_CONST16,
    OP_CONST32,
    OP_CONST64,
    OP_REG,
    OP_END,
    OP_DUP,
    OP_POP,
    OP_ZERO_EXT,
    OP_SWAP,
    OP_PICK = 0x32,
    OP_ROT,
};

static uint64_t fail(struct agent *a)
{
    a->failed = true;
    return 0;
}

static void push(struct agent *a, uint64_t v)
{
    if (a->depth == STACK_MAX) {
        fail(a);
    } else {
        a->stack[a->depth++] = v;
    }
}

static uint64_t pop(struct agent *a)
{
    return a->depth ? a->stack[--a->depth] : fail(a);
}

/* An operand in the code, most significant byte first. */
static uint64_t operand(struct agent *a, unsigned bytes)
{
    uint64_t v = 0;

    if (a->code->len - a->pc < bytes) {
        return fail(a);
    }
    while (bytes--) {
        v = v << 8 | a->code->code[a->pc++];
    }
    return v;
}

static uint64_t divide(struct agent *a, enum agent_op op, uint64_t x, uint64_t y)
{
    bool is_signed = op == OP_DIV_SIGNED || op == OP_REM_SIGNED;
    int64_t sx = (int64_t)x, sy = (int64_t)y;

    if (!y || (is_signed && sx == INT64_MIN && sy == -1)) {
        return fail(a);
    }
    switch (op) {
    case OP_DIV_SIGNED:
        return (uint64_t)(sx / sy);
    case OP_REM_SIGNED:
        return (uint64_t)(sx % sy);
    case OP_DIV_UNSIGNED:
        return x / y;
    default:
        return x % y;
    }
}

static uint64_t shift(enum agent_op op, uint64_t x, uint64_t n)
{
    switch (op) {
    case OP_LSH:
        return n > 63 ? 0 : x << n;
    case OP_RSH_UNSIGNED:
        return n > 63 ? 0 : x >> n;
    default:
        return (uint64_t)((int64_t)x >> MIN(n, (uint64_t)63));
    }
}

/* Two operands. */
static uint64_t binary(struct agent *a, enum agent_op op, uint64_t x, uint64_t y)
{
    switch (op) {
    case OP_ADD:
        return x + y;
    case OP_SUB:
        return x - y;
    case OP_MUL:
        return x * y;
    case OP_BIT_AND:
        return x & y;
    case OP_BIT_OR:
        return x | y;
    case OP_BIT_XOR:
        return x ^ y;
    case OP_EQUAL:
        return x == y;
    case OP_LESS_SIGNED:
        return (int64_t)x < (int64_t)y;
    case OP_LESS_UNSIGNED:
        return x < y;
    case OP_LSH:
    case OP_RSH_SIGNED:
    case OP_RSH_UNSIGNED:
        return shift(op, x, y);
    default:
        return divide(a, op, x, y);
    }
}

static void run_binary(struct agent *a, enum agent_op op)
{
    uint64_t y = pop(a), x = pop(a);

    push(a, binary(a, op, x, y));
}

static void run_extend(struct agent *a, enum agent_op op)
{
    uint64_t bits = operand(a, 1), v = pop(a);

    if (bits == 0 || bits >= 64) {
        push(a, v);
    } else if (op == OP_ZERO_EXT) {
        push(a, v & mask64((unsigned)bits));
    } else {
        push(a, (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits)));
    }
}

static void run_ref(struct agent *a, unsigned bytes)
{
    uint8_t raw[8] = {0};

    if (debug_access_memory(a->cpu, pop(a), raw, bytes, false) != bytes) {
        fail(a);
    }
    push(a, ld_le64(raw));
}

static void run_reg(struct agent *a)
{
    uint64_t n = operand(a, 2);
    uint8_t raw[16] = {0};

    if (n >= a->desc->n_regs || a->desc->regs[n].bytes > 8) {
        fail(a);
        return;
    }
    debug_read_register(a->cpu, &a->desc->regs[n], raw);
    push(a, ld_le64(raw));
}

static void run_goto(struct agent *a, bool conditional)
{
    uint64_t to = operand(a, 2);

    if (!conditional || pop(a)) {
        a->pc = to;
    }
}

static void run_pick(struct agent *a)
{
    uint64_t n = operand(a, 1);

    push(a, n < a->depth ? a->stack[a->depth - 1 - n] : fail(a));
}

static void run_swap(struct agent *a)
{
    uint64_t y = pop(a), x = pop(a);

    push(a, y);
    push(a, x);
}

/* a b c becomes c a b (c was on top). */
static void run_rot(struct agent *a)
{
    uint64_t c = pop(a), b = pop(a), first = pop(a);

    push(a, c);
    push(a, first);
    push(a, b);
}

static void run_op(struct agent *a, enum agent_op op)
{
    switch (op) {
    case OP_LOG_NOT:
        push(a, !pop(a));
        break;
    case OP_BIT_NOT:
        push(a, ~pop(a));
        break;
    case OP_EXT:
    case OP_ZERO_EXT:
        run_extend(a, op);
        break;
    case OP_REF8:
    case OP_REF16:
    case OP_REF32:
    case OP_REF64:
        run_ref(a, 1u << (op - OP_REF8));
        break;
    case OP_IF_GOTO:
    case OP_GOTO:
        run_goto(a, op == OP_IF_GOTO);
        break;
    case OP_CONST8:
    case OP_CONST16:
    case OP_CONST32:
    case OP_CONST64:
        push(a, operand(a, 1u << (op - OP_CONST8)));
        break;
    case OP_REG:
        run_reg(a);
        break;
    case OP_DUP:
        push(a, a->depth ? a->stack[a->depth - 1] : fail(a));
        break;
    case OP_POP:
        pop(a);
        break;
    case OP_SWAP:
        run_swap(a);
        break;
    case OP_PICK:
        run_pick(a);
        break;
    case OP_ROT:
        run_rot(a);
        break;
    default:
        if (op < OP_ADD || op > OP_LESS_UNSIGNED || op == 0x0c || op == 0x0d) {
            fail(a);
        } else {
            run_binary(a, op);
        }
    }
}

bool agent_run(const struct agent_code *code, struct vcpu *cpu,
               const struct debug_description *desc, uint64_t *value)
{
    struct agent a = {.code = code, .cpu = cpu, .desc = desc};

    for (unsigned steps = 0; !a.failed; steps++) {
        if (steps == STEPS_MAX || a.pc >= code->len) {
            return false;
        }
        enum agent_op op = code->code[a.pc++];
        if (op == OP_END) {
            *value = pop(&a);
            break;
        }
        run_op(&a, op);
    }
    return !a.failed;
}
