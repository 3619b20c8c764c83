/* SPDX-License-Identifier: MIT */
/*
 * The device lock: a mutex and, per thread, whether it is held.
 */
#include "hw/core/lock.h"

#include "util/base.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread bool held;

void device_lock(void)
{
    assert(!held);
    pthread_mutex_lock(&mutex);
    held = true;
}

void device_unlock(void)
{
    assert(held);
    held = false;
    pthread_mutex_unlock(&mutex);
}

bool device_locked(void)
{
    return held;
}

void device_lock_wait(pthread_cond_t *cond)
{
    assert(held);
    held = false;
    pthread_cond_wait(cond, &mutex);
    held = true;
}

bool device_lock_acquire(void)
{
    if (held)
        return false;
    device_lock();
    return true;
}

void device_lock_restore(bool taken)
{
    if (taken)
        device_unlock();
}
