/* SPDX-License-Identifier: MIT */
/*
 * The vCPU gate, for its tests.
 */
#ifndef SYSTEM_GATE_H
#define SYSTEM_GATE_H

struct vcpu;

/* What is called instead of vcpu_kick(). */
void gate_set_kick(void (*fn)(struct vcpu *vcpu));

#endif
