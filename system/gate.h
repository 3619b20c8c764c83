/* SPDX-License-Identifier: MIT */
/*
 * The vCPU gate, as far as only runstate.c and tests need it.
 */
#ifndef SYSTEM_GATE_H
#define SYSTEM_GATE_H

struct vcpu;

/*
 * A request that ends or restarts the guest has been made: vCPUs that look at
 * the gate park, the calling one comes to it at once, so that the guest does not
 * run on past its own reset. Any thread, any number of times; ended by one
 * gate_release_held() on the main thread with the device lock held.
 */
void gate_hold(void);
void gate_release_held(void);

/* For tests: what is called instead of vcpu_kick() and vcpu_current(). */
void gate_set_hooks(void (*kick)(struct vcpu *vcpu), struct vcpu *(*current)(void));

#endif
