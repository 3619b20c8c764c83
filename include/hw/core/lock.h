/* SPDX-License-Identifier: MIT */
/*
 * The device lock: the one lock that guards all device state, the region
 * tree and the machine's wiring.
 *
 * Who holds it: the core around every I/O handler (unless MEM_OPS_LOCKLESS),
 * every timer callback of the main loop, every fd and deferred callback of the
 * main loop, reset, save and load. Guest code and RAM accesses never take it.
 * It is not recursive: taking it twice is our bug and asserts. A condition
 * wait that releases it exists for the run state code only.
 */
#ifndef HW_CORE_LOCK_H
#define HW_CORE_LOCK_H

#include <pthread.h>
#include <stdbool.h>

/* Take the lock. Asserts that this thread does not hold it. */
void device_lock(void);

/* Release the lock. Asserts that this thread holds it. */
void device_unlock(void);

/* Does the calling thread hold the lock? */
bool device_locked(void);

/* Wait on `cond` with the lock released meanwhile; held again on return. */
void device_lock_wait(pthread_cond_t *cond);

/*
 * Take the lock unless this thread has it. Returns whether it was taken, to be
 * handed to device_lock_restore(). For code reached from both sides only
 * (I/O dispatch, requests); everything else knows what it holds.
 */
bool device_lock_acquire(void);
void device_lock_restore(bool taken);

#endif
