/* SPDX-License-Identifier: MIT */
/*
 * The FP and SIMD state of an x86 CPU in memory, and the x87 environment formats.
 *
 * FCW, FSW, tags, registers and MXCSR are in vcpu.fx (FXSAVE64 layout) whenever C code runs that
 * is no leaf helper; its FIP, FOP and FDP fields are the host's own and mean nothing. The guest's
 * are in struct x86_cpu. As on current processors (CPUID.7.0:EBX bits 6 and 13) FCS and FDS are
 * always 0 and FOP and FDP change only with an unmasked exception.
 * Reference: Intel SDM vol. 1, chapters 8, 10.5, 13; vol. 2, FXSAVE.
 */
#ifndef FRONTENDS_X86_FPU_H
#define FRONTENDS_X86_FPU_H

#include "frontends/x86/cpu.h"

/* Offsets in vcpu.fx. */
enum x86_fx_offset {
    FX_FCW = 0,
    FX_FSW = 2,
    FX_FTW = 4, /* bit n: physical register n is not empty */
    FX_FOP = 6,
    FX_FIP = 8,
    FX_FDP = 16,
    FX_MXCSR = 24,
    FX_MXCSR_MASK = 28,
    FX_ST = 32, /* ST(0).., 16 bytes each */
    FX_XMM = 160,
};

enum {
    FPU_CW_EXC = 0x3f,     /* exception masks */
    FPU_CW_FIXED = 0x40,   /* always 1 */
    FPU_CW_WRITE = 0x1f3f, /* bits that can be written */
    FPU_CW_INIT = 0x37f,
    FPU_SW_EXC = 0x3f,
    FPU_SW_ES = 0x80,
    FPU_SW_B = 0x8000,
    MXCSR_INIT = 0x1f80,
    MXCSR_VALID = 0xffff,
};

/* Forms of FNSTENV and its like (argument of the helpers). */
enum x86_fenv_form {
    FENV_32 = 1,   /* 32-bit operand size: 28 bytes, else 14 */
    FENV_REAL = 2, /* real mode or vm86: linear pointers */
};
/* Forms of FXSAVE, XSAVE and their like. */
enum x86_fxsave_form {
    FXF_REXW = 1, /* 64-bit FIP and FDP */
    FXF_XMM16 = 2, /* 64-bit mode: XMM8 to XMM15 too */
};

static inline unsigned x86_fpu_top(const struct vcpu *v)
{
    return ld_le16(v->fx + FX_FSW) >> 11 & 7;
}

static inline uint64_t x86_fpu_ip(const struct x86_cpu *c)
{
    return c->fpu_ip + (int64_t)c->fpu_ip_off;
}

/* The tag word of FNSTENV from what is in vcpu.fx, and back. */
uint16_t x86_fpu_full_tags(const struct vcpu *v);
uint8_t x86_fpu_short_tags(uint16_t tags);
/* FCW and FSW as a processor takes them: reserved bits, ES and B follow from the rest. */
void x86_fpu_set_control(struct vcpu *v, uint16_t cw, uint16_t sw);
/* FNINIT's state. */
void x86_fpu_init(struct x86_cpu *c);
/* State after RESET, which is not FNINIT's: all exceptions unmasked, all registers +0 and not empty. */
void x86_fpu_reset(struct x86_cpu *c);
/*
 * FCW or FSW in vcpu.fx have been changed by other means than translated code: choose between
 * normal and exact blocks again. Returns true if that changed the mode (x86_update_mode called).
 */
bool x86_fpu_changed(struct x86_cpu *c);

#endif
