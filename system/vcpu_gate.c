/* SPDX-License-Identifier: MIT */
/*
 * The gate in which vCPU threads park. It is guarded by the device lock, so
 * that whoever waits for the vCPUs gives up the lock that a vCPU on its way to
 * the gate may want.
 */
#include "system/runstate.h"

#include "hw/core/lock.h"
#include "system/cpu.h"
#include "system/gate.h"

#include <pthread.h>

#define GATE_VCPUS_MAX 1024

int vcpu_gate_flag = 1; /* closings, the initial one included; atomic */

static struct vcpu *joined[GATE_VCPUS_MAX];
static unsigned joined_count, parked_count;
static bool ending;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;  /* vCPUs wait here */
static pthread_cond_t arrived = PTHREAD_COND_INITIALIZER; /* closers wait here */
static int held; /* gate_hold() counts as one closing; atomic */
static void (*kick)(struct vcpu *vcpu) = vcpu_kick;
static struct vcpu *(*current)(void) = vcpu_current;

void gate_set_hooks(void (*kick_fn)(struct vcpu *vcpu), struct vcpu *(*current_fn)(void))
{
    kick = kick_fn;
    current = current_fn;
}

/* --- the vCPUs' side ------------------------------------------------------ */

void vcpu_gate_join(struct vcpu *vcpu)
{
    device_lock();
    assert(joined_count < GATE_VCPUS_MAX);
    joined[joined_count++] = vcpu;
    device_unlock();
}

static void park(void)
{
    parked_count++;
    pthread_cond_broadcast(&arrived);
    while (vcpu_gate_flag && !ending)
        device_lock_wait(&opened);
    parked_count--;
}

bool vcpu_gate_pass(struct vcpu *vcpu)
{
    bool go_on;

    if (likely(!__atomic_load_n(&vcpu_gate_flag, __ATOMIC_ACQUIRE)))
        return true;
    device_lock();
    if (vcpu_gate_flag && !ending)
        park();
    go_on = !ending;
    device_unlock();
    return go_on;
}

void vcpu_gate_leave(struct vcpu *vcpu)
{
    unsigned i = 0;

    device_lock();
    while (joined[i] != vcpu) {
        i++;
        assert(i < joined_count);
    }
    joined[i] = joined[--joined_count];
    pthread_cond_broadcast(&arrived);
    device_unlock();
}

/* --- the others ----------------------------------------------------------- */

static void kick_all(void)
{
    for (unsigned i = 0; i < joined_count; i++)
        kick(joined[i]);
}

void vcpu_gate_close(void)
{
    assert(device_locked());
    __atomic_add_fetch(&vcpu_gate_flag, 1, __ATOMIC_SEQ_CST);
    kick_all();
    while (parked_count < joined_count)
        device_lock_wait(&arrived);
}

void vcpu_gate_open(void)
{
    assert(device_locked() && vcpu_gate_flag > 0);
    if (__atomic_sub_fetch(&vcpu_gate_flag, 1, __ATOMIC_SEQ_CST) == 0)
        pthread_cond_broadcast(&opened);
}

void gate_hold(void)
{
    struct vcpu *self = current();

    if (!__atomic_exchange_n(&held, 1, __ATOMIC_SEQ_CST))
        __atomic_add_fetch(&vcpu_gate_flag, 1, __ATOMIC_SEQ_CST);
    if (self)
        kick(self);
}

void gate_release_held(void)
{
    if (__atomic_exchange_n(&held, 0, __ATOMIC_SEQ_CST))
        vcpu_gate_open();
}

void vcpu_gate_shutdown(void)
{
    assert(device_locked());
    ending = true;
    __atomic_add_fetch(&vcpu_gate_flag, 1, __ATOMIC_SEQ_CST);
    pthread_cond_broadcast(&opened);
    kick_all();
    while (joined_count)
        device_lock_wait(&arrived);
}
