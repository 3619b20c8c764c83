/* SPDX-License-Identifier: MIT */
/*
 * A toy guest for testing the translator without x86: byte-coded, 8 registers, flags, identity
 * mapped memory with a settable hole, one page size.
 *
 *   01 r imm32      r = imm               08 s b disp32  memory64[b + disp] = s
 *   02 d s          d += s, all flags     09             halt: leave the run loop
 *   03 a b          compare               0a r           r -= 1, flags but C
 *   04 cond rel8    jump if               0b n           call toy helper n
 *   05 rel32        jump                  0c s b         locked: memory64[b] += s
 *   06 r            jump to r             0d d s         d /= s (unsigned 64 by 64)
 *   07 d b disp32   d = memory64[b+disp]  0e s b disp32  memory8[b + disp] = s
 *   0f d s          xmm d += xmm s (doubles)
 * Anything else raises exception 6. Relative jumps count from the end of the instruction.
 */
#ifndef TESTS_IR_TOY_H
#define TESTS_IR_TOY_H

#include "translator/backend.h"
#include "translator/exec.h"
#include "translator/frontend.h"
#include "translator/vcpu.h"

enum { TOY_REGS = 8 };

struct toy_cpu {
    struct vcpu v;
    int exception; /* last one delivered; -1: none */
    int pending;
    uint64_t exc_pc, exc_addr;
    unsigned delivered;
    uint64_t handler; /* where exceptions go; 0: stop */
    uint64_t hole, hole_end; /* no page is present here */
    bool stop;
    unsigned helper_calls;
    uint64_t mode;
};
#define TOY(cpu) ((struct toy_cpu *)(cpu))

extern const struct frontend_ops toy_frontend;
extern const struct frontend_ops *toy_guest; /* the one toy_start() uses; another guest may take its place */

/* Set up memory (16 MiB at 0, an I/O register of 4 KiB behind it), executor and one vCPU. */
struct toy_cpu *toy_start(const struct backend_ops *be, size_t code_size, unsigned cpus);
void toy_stop(void);
struct toy_cpu *toy_cpu(unsigned n);
#define TOY_RAM  MIB(16)
#define TOY_MMIO TOY_RAM
extern uint64_t toy_mmio_value;
extern unsigned toy_mmio_writes;

/* Run from pc until halt. */
void toy_run(struct toy_cpu *c, uint64_t pc);

/* A little assembler: each appends at *p. */
struct toy_asm {
    uint64_t at;
};
void toy_mov(struct toy_asm *a, unsigned r, uint32_t imm);
void toy_op2(struct toy_asm *a, unsigned op, unsigned x, unsigned y);
void toy_op1(struct toy_asm *a, unsigned op, unsigned x);
void toy_mem(struct toy_asm *a, unsigned op, unsigned r, unsigned base, uint32_t disp);
void toy_jcc(struct toy_asm *a, enum ir_cond c, uint64_t target);
void toy_jmp(struct toy_asm *a, uint64_t target);
void toy_halt(struct toy_asm *a);

#endif
