/* SPDX-License-Identifier: MIT */
/*
 * Epoch-based reclamation.
 *
 * Each thread that reads has a record with the epoch in which its outermost
 * read began, 0 when it does not read. A deferred object carries the epoch that
 * began when it was handed over; readers of a later epoch cannot have seen it.
 * The reader's store of its epoch and the writer's publication are both
 * sequentially consistent: either the writer sees the reader, or the reader
 * sees the new version.
 */
#include "hw/core/epoch.h"

#include "util/base.h"

#include <glib.h>
#include <pthread.h>

struct reader {
    uint64_t epoch; /* atomic */
    unsigned depth; /* its thread only */
    struct reader *next;
};

struct waiting {
    uint64_t epoch;
    void (*release)(void *data);
    void *data;
    struct waiting *next;
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct reader *readers;
static struct waiting *waiting;
static uint64_t current = 1;
static __thread struct reader *self;
static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

static void reader_unregister(void *data)
{
    struct reader *r = data, **p;

    pthread_mutex_lock(&list_lock);
    for (p = &readers; *p != r; p = &(*p)->next)
        ;
    *p = r->next;
    pthread_mutex_unlock(&list_lock);
    g_free(r);
    self = NULL;
}

static void make_exit_key(void)
{
    pthread_key_create(&exit_key, reader_unregister);
}

static cold_fn struct reader *reader_register(void)
{
    struct reader *r = g_new0(struct reader, 1);

    pthread_once(&exit_once, make_exit_key);
    pthread_setspecific(exit_key, r);
    pthread_mutex_lock(&list_lock);
    r->next = readers;
    readers = r;
    pthread_mutex_unlock(&list_lock);
    self = r;
    return r;
}

void epoch_read_begin(void)
{
    struct reader *r = self;

    if (unlikely(!r))
        r = reader_register();
    if (r->depth++ == 0)
        (void)__atomic_exchange_n(&r->epoch, __atomic_load_n(&current, __ATOMIC_SEQ_CST),
                                  __ATOMIC_SEQ_CST);
}

void epoch_read_end(void)
{
    struct reader *r = self;

    assert(r->depth > 0);
    if (--r->depth == 0)
        __atomic_store_n(&r->epoch, 0, __ATOMIC_RELEASE);
}

/* The oldest epoch somebody still reads in. */
static uint64_t oldest_active(void)
{
    uint64_t oldest = UINT64_MAX;

    for (struct reader *r = readers; r; r = r->next) {
        uint64_t e = __atomic_load_n(&r->epoch, __ATOMIC_SEQ_CST);

        if (e && e < oldest)
            oldest = e;
    }
    return oldest;
}

unsigned epoch_collect(void)
{
    struct waiting *done = NULL, **p = &waiting, *w;
    unsigned left = 0;
    uint64_t oldest;

    pthread_mutex_lock(&list_lock);
    oldest = oldest_active();
    while ((w = *p)) {
        if (w->epoch <= oldest) {
            *p = w->next;
            w->next = done;
            done = w;
        } else {
            p = &w->next;
            left++;
        }
    }
    pthread_mutex_unlock(&list_lock);
    while ((w = done)) {
        done = w->next;
        w->release(w->data);
        g_free(w);
    }
    return left;
}

void epoch_defer(void (*release)(void *data), void *data)
{
    struct waiting *w = g_new0(struct waiting, 1);

    w->release = release;
    w->data = data;
    w->epoch = __atomic_add_fetch(&current, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&list_lock);
    w->next = waiting;
    waiting = w;
    pthread_mutex_unlock(&list_lock);
    epoch_collect();
}
