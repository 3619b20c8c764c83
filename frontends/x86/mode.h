/* SPDX-License-Identifier: MIT */
/*
 * The mode bits of a block's key (tb_key.mode, x86_cpu.mode): everything in the CPU's state that
 * changes what the bytes of an instruction mean. x86_update_mode() (interrupt.c) computes them
 * whenever one of their inputs changes; the decoder and the generators read them.
 *
 * The instruction stream of a flat code segment (base 0, limit 4 GiB, or 64-bit) is keyed by its
 * physical address alone. Otherwise X86_MODE_CS_STATIC is set and the key also holds cs_base,
 * cs_limit and the linear pc, so that IP, its wrap and its limit are static.
 */
#ifndef FRONTENDS_X86_MODE_H
#define FRONTENDS_X86_MODE_H

#include "frontends/x86/cpu.h"

#define X86_MODE_CPL        BIT(0) /* two bits */
#define X86_MODE_CS64       BIT(2) /* 64-bit mode: EFER.LMA and CS.L */
#define X86_MODE_CS32       BIT(3) /* CS.D: 32-bit defaults */
#define X86_MODE_SS32       BIT(4) /* SS.B: the stack pointer is ESP (ignored with CS64) */
#define X86_MODE_PE         BIT(5) /* CR0.PE */
#define X86_MODE_VM         BIT(6) /* EFLAGS.VM */
#define X86_MODE_LMA        BIT(7) /* EFER.LMA */
#define X86_MODE_TS         BIT(8) /* CR0 */
#define X86_MODE_EM         BIT(9)
#define X86_MODE_MP         BIT(10)
#define X86_MODE_NE         BIT(11)
#define X86_MODE_OSFXSR     BIT(12) /* CR4 */
#define X86_MODE_OSXMMEXCPT BIT(13)
#define X86_MODE_OSXSAVE    BIT(14)
#define X86_MODE_TSD        BIT(15)
#define X86_MODE_PCE        BIT(16)
#define X86_MODE_DE         BIT(17)
#define X86_MODE_UMIP       BIT(18)
#define X86_MODE_FSGSBASE   BIT(19)
#define X86_MODE_VME        BIT(20)
#define X86_MODE_PVI        BIT(21)
#define X86_MODE_SMM        BIT(22)
#define X86_MODE_AC         BIT(23) /* alignment checks in effect: CR0.AM, EFLAGS.AC, CPL 3 */
#define X86_MODE_SMAP       BIT(24) /* CR4.SMAP and not EFLAGS.AC */
#define X86_MODE_TF         BIT(25)
#define X86_MODE_RF         BIT(26)
#define X86_MODE_IOPL       BIT(27) /* CPL <= IOPL (in vm86: IOPL = 3) */
#define X86_MODE_CS_STATIC  BIT(28) /* see above */
#define X86_MODE_CS_READ    BIT(29) /* CS may be read through an override */
#define X86_MODE_CS_WRITE   BIT(30) /* CS may be written (real mode, vm86) */
#define X86_MODE_FPU_EXACT                                                                         \
    BIT(31) /* an unmasked x87 exception is possible: use the exact variant */
#define X86_MODE_SHADOW                                                                            \
    BIT(32) /* interrupt shadow: one instruction, then poll (variant TBV_ONE_INSN) */

/* How accesses through ES, SS, DS, FS, GS are checked outside 64-bit mode (there: FLAT or BASE). */
enum x86_seg_mode {
    X86_SEG_FLAT,  /* base 0, limit 4 GiB, readable, writable */
    X86_SEG_BASE,  /* the same with a base */
    X86_SEG_LIMIT, /* expand-up, readable and writable: base, and greg[X86_GREG_SEG_LIMIT + n] */
    X86_SEG_CHECK, /* anything else: helper seg_check decides */
};
#define X86_MODE_SEG_SHIFT                                                                         \
    40 /* two bits each at + 2 * enum x86_sreg (CS and up to GS; CS unused) */

static inline unsigned x86_mode_cpl(uint64_t mode)
{
    return mode & 3;
}

static inline enum x86_seg_mode x86_mode_seg(uint64_t mode, enum x86_sreg s)
{
    return (enum x86_seg_mode)(mode >> (X86_MODE_SEG_SHIFT + 2 * s) & 3);
}

static inline uint64_t x86_mode_seg_bits(enum x86_sreg s, enum x86_seg_mode m)
{
    return (uint64_t)m << (X86_MODE_SEG_SHIFT + 2 * s);
}

/* Soft-TLB class of explicit data accesses. */
static inline enum softtlb_class x86_mode_tlb_class(uint64_t mode)
{
    if (x86_mode_cpl(mode) == 3)
        return TLB_USER;
    return mode & X86_MODE_SMAP ? TLB_KERNEL : TLB_KERNEL_AC;
}

#endif
