/* SPDX-License-Identifier: MIT */
/*
 * Raising guest exceptions from C code (cpu.c). The faulting instruction is the one being
 * executed; control goes to the run loop, which delivers.
 */
#ifndef FRONTENDS_X86_FAULT_H
#define FRONTENDS_X86_FAULT_H

#include "frontends/x86/cpu.h"

/* A fault of the current instruction, with error code 0 (where the vector has one) or `error`. */
noreturn_fn void x86_raise(struct vcpu *v, enum x86_vector vector);
noreturn_fn void x86_raise_error(struct vcpu *v, enum x86_vector vector, uint32_t error);

/* The same by struct x86_cpu. */
noreturn_fn void x86_fault(struct x86_cpu *c, unsigned vector);
noreturn_fn void x86_fault_error(struct x86_cpu *c, unsigned vector, uint32_t error);

/* Do these vectors push an error code? */
static inline bool x86_vector_has_error(unsigned vector)
{
    return vector == X86_DF || (vector >= X86_TS && vector <= X86_PF) || vector == X86_AC || vector == X86_CP;
}

/* Chipset wires: FERR# of an unmasked x87 exception with CR0.NE clear; IGNNE#. */
void x86_set_ferr(bool asserted);
bool x86_ignne(void);

#endif
