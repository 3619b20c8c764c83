/* SPDX-License-Identifier: MIT */
/*
 * Leaf helpers for the FP control registers: they run with the guest's FP state live in the host's
 * registers (HF_LEAF with HF_FP), so they are compiled for general registers only and touch
 * nothing else. Where there is no such host they work on vcpu.fx.
 */
#include "frontends/x86/fpu.h"
#include "frontends/x86/helpers.h"

#if defined(__x86_64__)

/* a: the new FCW, all exceptions masked. */
uint64_t helper_fldcw(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    uint16_t cw = a;

    __asm__ volatile("fldcw %0" : : "m"(cw));
    return 0;
}

/* a: the new MXCSR, without reserved bits. */
uint64_t helper_ldmxcsr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    uint32_t mxcsr = a;

    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
    return 0;
}

uint64_t helper_stmxcsr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    uint32_t mxcsr;

    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    return mxcsr;
}

#else

uint64_t helper_fldcw(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    st_le16(v->fx + FX_FCW, (a & FPU_CW_WRITE) | FPU_CW_FIXED);
    return 0;
}

uint64_t helper_ldmxcsr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    st_le32(v->fx + FX_MXCSR, a);
    return 0;
}

uint64_t helper_stmxcsr(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    return ld_le32(v->fx + FX_MXCSR);
}

#endif
