/* SPDX-License-Identifier: MIT */
/*
 * How generated code uses the host's registers.
 *
 * rsp is the struct vcpu pointer (calls push below it); twelve registers hold the guest registers
 * with pin 0..11 (ir_global.pin), three are scratch. Slots 0..3 must be rax..rbx for IR_HI, and
 * x86's eight old registers but rsp map to themselves for the instructions with fixed registers.
 * The rest is chosen so that the guest's stack pointer (r13) costs no SIB byte as a base and
 * scratch is caller-saved.
 */
#ifndef BACKENDS_X86_64_REGS_H
#define BACKENDS_X86_64_REGS_H

#include "backends/x86_64/asm.h"
#include "translator/vcpu.h"

#define PINS 12
static const uint8_t pin_reg[PINS] = {RAX, RCX, RDX, RBX, R13, RBP, RSI, RDI, R12, R11, R14, R15};

#define SCRATCHES 3
static const uint8_t scratch_reg[SCRATCHES] = {R8, R9, R10};

#define VCPU_OFF(field) ((int32_t)offsetof(struct vcpu, field))

/* vcpu.spill: temporaries, then room for moving high bytes, then the stubs'. */
enum { SPILL_TEMPS = 16, SPILL_BYTE = 16, SPILL_SAVE0, SPILL_SAVE1, SPILL_BORROW, SPILL_ADDR = SPILL_BORROW + 4, SPILL_INFO, SPILL_VALUE, SPILL_SCRATCH, SPILL_LIVE = SPILL_SCRATCH + 3, SPILL_EFLAGS, SPILL_SIGNO, SPILL_COUNT };
/* spill[SPILL_LIVE]: FP state that is in the host's registers while C code runs. */
enum { JIT_NOT_LIVE, JIT_FP_LIVE, JIT_X87_LIVE };
_Static_assert(SPILL_COUNT <= sizeof_field(struct vcpu, spill) / 8, "room in vcpu.spill");
#define SPILL_OFF(n) (VCPU_OFF(spill) + 8 * (n))

_Static_assert(offsetof(struct vcpu, flags) == 0, "flags are saved by lea rsp,[rsp+8]; pushfq");

#endif
