/* SPDX-License-Identifier: MIT */
/* Indirect control flow: a byte-code interpreter, virtual calls, recursion. */
#include "bench.h"

const char bench_name[] = "indirect";

enum opcode { PUSH, ADD, XOR, MUL, DUP, SWAP, SHIFT, LOOP, END };
enum { SHAPES = 256, ROUNDS = 400 };

struct shape {
    uint64_t (*area)(const struct shape *shape);
    uint64_t width, height;
};

static struct shape shapes[SHAPES];

static uint64_t area_square(const struct shape *shape)
{
    return shape->width * shape->width;
}

static uint64_t area_rectangle(const struct shape *shape)
{
    return shape->width * shape->height;
}

static uint64_t area_triangle(const struct shape *shape)
{
    return shape->width * shape->height / 2;
}

static uint64_t area_frame(const struct shape *shape)
{
    return 2 * (shape->width + shape->height);
}

void bench_prepare(void)
{
    static uint64_t (*const kinds[])(const struct shape *) = {area_square, area_rectangle,
                                                              area_triangle, area_frame};
    uint64_t state = 5;
    int i;

    for (i = 0; i < SHAPES; i++) {
        shapes[i].area = kinds[bench_random(&state) % 4];
        shapes[i].width = bench_random(&state) % 1000;
        shapes[i].height = bench_random(&state) % 1000;
    }
}

/* One dispatch per instruction, by computed goto as interpreters do it. */
static uint64_t interpret(const uint8_t *code, uint64_t seed)
{
    static const void *const labels[] = {&&push, &&add,   &&xor,  &&mul, &&dup,
                                         &&swap, &&shift, &&loop, &&end};
    uint64_t stack[16] = {seed, seed + 1}, *top = stack + 1, swapped;
    const uint8_t *at = code;
    int rounds = ROUNDS;

#define NEXT goto *labels[*at++]
    NEXT;
push:
    *++top = *at++;
    NEXT;
add:
    top--;
    top[0] += top[1];
    NEXT;
    xor : top--;
    top[0] ^= top[1];
    NEXT;
mul:
    top--;
    top[0] *= top[1];
    NEXT;
dup:
    top[1] = top[0];
    top++;
    NEXT;
swap:
    swapped = top[0];
    top[0] = top[-1];
    top[-1] = swapped;
    NEXT;
shift:
    top[0] = top[0] >> 3 | top[0] << 61;
    NEXT;
loop:
    if (--rounds)
        at = code;
    NEXT;
end:
    return top[0] ^ top[-1];
#undef NEXT
}

static uint64_t fibonacci(unsigned n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

uint64_t bench_run(uint64_t iterations)
{
    /* Leaves as many operands as it found, two. */
    static const uint8_t code[] = {PUSH, 77,   ADD,   SWAP, PUSH, 3,   MUL,  DUP, SHIFT,
                                   ADD,  SWAP, SHIFT, PUSH, 201,  XOR, LOOP, END};
    uint64_t sum = 0;
    int i;

    while (iterations--) {
        sum = bench_mix(sum, interpret(code, iterations));
        for (i = 0; i < SHAPES; i++)
            sum += shapes[i].area(&shapes[i]);
        sum += fibonacci(12);
    }
    return sum;
}
