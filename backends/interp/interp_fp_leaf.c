/* SPDX-License-Identifier: MIT */
/*
 * Calls of leaf helpers that work on the live FP state (HF_LEAF with HF_FP). Compiled for general
 * registers only, so that nothing else touches that state.
 */
#include "backends/interp/interp.h"

uint64_t interp_fp_call(struct vcpu *cpu, ir_helper_fn fn, uint64_t a, uint64_t b, uint64_t c)
{
    uint8_t pointers[18]; /* FOP, FIP, FDP: the frontend's, not the host's */
    uint32_t mxcsr;
    uint16_t fcw;
    uint64_t res;

    for (unsigned n = 0; n < sizeof(pointers); n++)
        pointers[n] = cpu->fx[6 + n];
    __asm__ volatile("stmxcsr %0; fnstcw %1; fxrstor64 %2"
                     : "=m"(mxcsr), "=m"(fcw)
                     : "m"(cpu->fx)
                     : "memory");
    res = fn(cpu, a, b, c);
    __asm__ volatile("fxsave64 %0; fninit; fldcw %1; ldmxcsr %2"
                     : "=m"(cpu->fx)
                     : "m"(fcw), "m"(mxcsr)
                     : "memory");
    for (unsigned n = 0; n < sizeof(pointers); n++)
        cpu->fx[6 + n] = pointers[n];
    return res;
}
