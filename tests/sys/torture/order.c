/* SPDX-License-Identifier: MIT */
/*
 * Memory ordering (SDM 3A 9.2): mutual exclusion that rests on a fence, litmus
 * tests whose forbidden outcomes must not be seen, atomicity of plain accesses
 * within a cache line, a time-stamp counter that processors agree on.
 */
#include <string.h>
#include <x86intrin.h>
#include "torture.h"

static inline uint64_t load(const volatile uint64_t *p)
{
    return *p;
}

static inline void store(volatile uint64_t *p, uint64_t value)
{
    *p = value;
}

/* --- fences ------------------------------------------------------------------ */

struct fence {
    const char *name;
    void (*run)(void);
};

static void fence_mfence(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

static void fence_locked(void)
{
    uint32_t dummy = 0;

    __asm__ volatile("lock orl $0, %0" : "+m"(dummy) : : "memory", "cc");
}

static void fence_xchg(void)
{
    uint32_t dummy = 0, value = 1;

    __asm__ volatile("xchgl %0, %1" : "+r"(value), "+m"(dummy) : : "memory");
}

static void fence_cpuid(void)
{
    uint32_t a = 0, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

static const struct fence fences[] = {
    {"mfence", fence_mfence},
    {"locked or", fence_locked},
    {"xchg", fence_xchg},
    {"cpuid", fence_cpuid},
};

/* --- mutual exclusion ------------------------------------------------------------ */

struct exclusion {
    const struct fence *fence;
    _Alignas(LINE) volatile uint64_t flag[2][LINE / 8];
    _Alignas(LINE) volatile uint64_t turn;
    _Alignas(LINE) volatile uint64_t counter;
};

static void peterson_lock(struct exclusion *lock, unsigned me)
{
    unsigned turns = 0;

    store(&lock->flag[me][0], 1);
    store(&lock->turn, !me);
    lock->fence->run();
    while (load(&lock->flag[!me][0]) && load(&lock->turn) == !me)
        spin(&turns);
}

static void dekker_lock(struct exclusion *lock, unsigned me)
{
    unsigned turns = 0;

    store(&lock->flag[me][0], 1);
    lock->fence->run();
    while (load(&lock->flag[!me][0])) {
        if (load(&lock->turn) == me)
            continue;
        store(&lock->flag[me][0], 0);
        while (load(&lock->turn) != me)
            spin(&turns);
        store(&lock->flag[me][0], 1);
        lock->fence->run();
    }
}

static void peterson_body(struct worker *worker)
{
    struct exclusion *lock = worker->arg;

    while (!atomic_load(&stop)) {
        peterson_lock(lock, worker->index);
        store(&lock->counter, load(&lock->counter) + 1);
        store(&lock->flag[worker->index][0], 0);
        worker->done++;
    }
}

static void dekker_body(struct worker *worker)
{
    struct exclusion *lock = worker->arg;

    while (!atomic_load(&stop)) {
        dekker_lock(lock, worker->index);
        store(&lock->counter, load(&lock->counter) + 1);
        store(&lock->turn, !worker->index);
        store(&lock->flag[worker->index][0], 0);
        worker->done++;
    }
    /* Whoever leaves for good leaves the turn to the other. */
    store(&lock->turn, !worker->index);
}

static void exclude(void (*body)(struct worker *))
{
    static struct exclusion lock;
    size_t i;

    for (i = 0; i < sizeof(fences) / sizeof(fences[0]); i++) {
        uint64_t done;

        memset(&lock, 0, sizeof(lock));
        lock.fence = &fences[i];
        done = run_workers(2, body, &lock);
        if (lock.counter != done)
            fail("%s: %llu entries counted, %llu made", fences[i].name,
                 (unsigned long long)lock.counter, (unsigned long long)done);
    }
}

static void test_peterson(void)
{
    exclude(peterson_body);
}

static void test_dekker(void)
{
    exclude(dekker_body);
}

/* --- litmus tests ---------------------------------------------------------------- */

enum { INSTANCES = 512 };

/* Two shared variables and what the threads read, each in lines of their own. */
struct instance {
    _Alignas(LINE) volatile uint64_t x;
    _Alignas(LINE) volatile uint64_t y;
    _Alignas(LINE) volatile uint64_t r[4];
};

struct litmus {
    const char *name;
    unsigned threads;
    void (*body[4])(struct instance *i);
    bool (*outcome)(const struct instance *i);
    bool allowed; /* the outcome is counted, not an error */
};

/* clang-format off */
static void x_is_1(struct instance *i) { store(&i->x, 1); }
static void y_is_1(struct instance *i) { store(&i->y, 1); }
static void x1_y1(struct instance *i) { store(&i->x, 1); store(&i->y, 1); }
static void x1_y2(struct instance *i) { store(&i->x, 1); store(&i->y, 2); }
static void y1_x2(struct instance *i) { store(&i->y, 1); store(&i->x, 2); }
static void read_yx(struct instance *i) { i->r[0] = load(&i->y); i->r[1] = load(&i->x); }
static void read_xx(struct instance *i) { i->r[0] = load(&i->x); i->r[1] = load(&i->x); }
static void read_xy_2(struct instance *i) { i->r[2] = load(&i->x); i->r[3] = load(&i->y); }
static void copy_x_to_y(struct instance *i) { i->r[2] = load(&i->x); store(&i->y, i->r[2]); }
static void sb_0(struct instance *i) { store(&i->x, 1); i->r[0] = load(&i->y); }
static void sb_1(struct instance *i) { store(&i->y, 1); i->r[1] = load(&i->x); }
static void sb_fence_0(struct instance *i) { store(&i->x, 1); fence_mfence(); i->r[0] = load(&i->y); }
static void sb_fence_1(struct instance *i) { store(&i->y, 1); fence_mfence(); i->r[1] = load(&i->x); }
static void sb_lock_0(struct instance *i) { store(&i->x, 1); fence_locked(); i->r[0] = load(&i->y); }
static void sb_lock_1(struct instance *i) { store(&i->y, 1); fence_locked(); i->r[1] = load(&i->x); }
static void lb_0(struct instance *i) { i->r[0] = load(&i->x); store(&i->y, 1); }
static void lb_1(struct instance *i) { i->r[1] = load(&i->y); store(&i->x, 1); }

static bool both_0(const struct instance *i) { return !i->r[0] && !i->r[1]; }
static bool both_1(const struct instance *i) { return i->r[0] == 1 && i->r[1] == 1; }
static bool new_then_old(const struct instance *i) { return i->r[0] == 1 && i->r[1] == 0; }
static bool both_first(const struct instance *i) { return i->x == 1 && i->y == 1; }
static bool causality(const struct instance *i) { return i->r[2] == 1 && new_then_old(i); }
static bool two_orders(const struct instance *i)
{
    return new_then_old(i) && i->r[2] == 1 && i->r[3] == 0;
}

/* A string store may be seen element by element, but never out of order in these. */
static void xchg_x_y(struct instance *i)
{
    uint64_t one = 1;

    __asm__ volatile("xchgq %0, %1" : "+r"(one), "+m"(i->x) : : "memory");
    i->r[0] = load(&i->y);
}
static void xchg_y_x(struct instance *i)
{
    uint64_t one = 1;

    __asm__ volatile("xchgq %0, %1" : "+r"(one), "+m"(i->y) : : "memory");
    i->r[1] = load(&i->x);
}
static void byte_store(struct instance *i)
{
    store(&i->x, 1);
    *(volatile uint8_t *)&i->y = 1;
}

static const struct litmus litmuses[] = {
    {"store buffer", 2, {sb_0, sb_1}, both_0, true},
    {"store buffer with mfence", 2, {sb_fence_0, sb_fence_1}, both_0, false},
    {"store buffer with lock", 2, {sb_lock_0, sb_lock_1}, both_0, false},
    {"store buffer with xchg", 2, {xchg_x_y, xchg_y_x}, both_0, false},
    {"message passing", 2, {x1_y1, read_yx}, new_then_old, false},
    {"message passing by a byte", 2, {byte_store, read_yx}, new_then_old, false},
    {"load buffer", 2, {lb_0, lb_1}, both_1, false},
    {"two writes twice", 2, {x1_y2, y1_x2}, both_first, false},
    {"read twice", 2, {x_is_1, read_xx}, new_then_old, false},
    {"causality", 3, {x_is_1, copy_x_to_y, read_yx}, causality, false},
    {"independent reads", 4, {x_is_1, y_is_1, read_yx, read_xy_2}, two_orders, false},
};
/* clang-format on */

static struct instance instances[INSTANCES];

static uint64_t count_outcomes(const struct litmus *litmus)
{
    uint64_t seen = 0;
    unsigned i;

    for (i = 0; i < INSTANCES; i++)
        seen += litmus->outcome(&instances[i]);
    return seen;
}

/* Rounds: all do their part on every instance, then the first looks and clears. */
static void litmus_body(struct worker *worker)
{
    const struct litmus *litmus = worker->arg;
    unsigned i;

    while (meet(worker)) {
        for (i = 0; i < INSTANCES; i++)
            litmus->body[worker->index](&instances[i]);
        if (!meet(worker))
            return;
        if (worker->index == 0) {
            worker->done += count_outcomes(litmus);
            memset(instances, 0, sizeof(instances));
        }
    }
}

static void test_litmus(void)
{
    unsigned old_ms = case_ms;
    size_t i;

    case_ms *= 10;
    for (i = 0; i < sizeof(litmuses) / sizeof(litmuses[0]); i++) {
        const struct litmus *litmus = &litmuses[i];
        uint64_t seen;

        memset(instances, 0, sizeof(instances));
        seen = run_workers(litmus->threads, litmus_body, (void *)litmus);
        if (litmus->allowed)
            note("store buffering seen (allowed)", seen);
        else if (seen)
            fail("%s: forbidden outcome seen %llu times", litmus->name, (unsigned long long)seen);
    }
    case_ms = old_ms;
}

/* --- atomicity of plain accesses ---------------------------------------------------- */

struct tear {
    unsigned size;
    volatile uint8_t *place;
};

static _Alignas(LINE) uint8_t tear_line[2 * LINE];

#define TEAR(name, type)                                                                           \
    static void name##_write(volatile void *p, uint64_t value)                                     \
    {                                                                                              \
        type part = value;                                                                         \
                                                                                                   \
        __asm__ volatile("mov %1, %0" : "=m"(*(volatile uint8_t(*)[sizeof(type)])p) : "r"(part));  \
    }                                                                                              \
    static bool name##_whole(volatile void *p)                                                     \
    {                                                                                              \
        type seen;                                                                                 \
                                                                                                   \
        __asm__ volatile("mov %1, %0" : "=r"(seen) : "m"(*(volatile uint8_t(*)[sizeof(type)])p));  \
        return seen == 0 || seen == (type) ~(type)0;                                               \
    }
TEAR(word, uint16_t)
TEAR(dword, uint32_t)
TEAR(qword, uint64_t)

static void tear_write(const struct tear *tear, uint64_t value)
{
    if (tear->size == 2)
        word_write(tear->place, value);
    else if (tear->size == 4)
        dword_write(tear->place, value);
    else
        qword_write(tear->place, value);
}

static bool tear_whole(const struct tear *tear)
{
    if (tear->size == 2)
        return word_whole(tear->place);
    if (tear->size == 4)
        return dword_whole(tear->place);
    return qword_whole(tear->place);
}

static void tear_body(struct worker *worker)
{
    const struct tear *tear = worker->arg;
    uint64_t value = 0;

    while (!atomic_load(&stop)) {
        if (worker->index == 0)
            tear_write(tear, value = ~value);
        else
            worker->done += !tear_whole(tear);
    }
}

/* Any 2, 4 or 8 bytes within a cache line are read and written at once. */
static void test_tearing(void)
{
    static const unsigned offsets[] = {0, 1, 3, 5, 7, 13, 31, 55, 56};
    static const unsigned sizes[] = {2, 4, 8};
    size_t o, s;

    for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
        for (o = 0; o < sizeof(offsets) / sizeof(offsets[0]); o++) {
            struct tear tear = {sizes[s], tear_line + offsets[o]};
            uint64_t torn;

            memset(tear_line, 0, sizeof(tear_line));
            torn = run_workers(2, tear_body, &tear);
            if (torn)
                fail("%u bytes at %u: %llu torn reads", sizes[s], offsets[o],
                     (unsigned long long)torn);
        }
}

/* --- the time-stamp counter ------------------------------------------------------------ */

static _Alignas(LINE) volatile uint64_t last_stamp;

static uint64_t stamp(void)
{
    uint64_t now;

    _mm_lfence();
    now = __rdtsc();
    _mm_lfence();
    return now;
}

/* A stamp taken after having seen another one is not smaller. */
static void stamp_body(struct worker *worker)
{
    while (!atomic_load(&stop)) {
        uint64_t seen = load(&last_stamp), now = stamp();

        worker->done += now < seen;
        store(&last_stamp, now);
    }
}

static void test_stamps(void)
{
    unsigned old_ms = case_ms;
    uint64_t backwards;

    case_ms *= 10;
    backwards = run_workers(worker_count, stamp_body, NULL);
    if (backwards)
        fail("went backwards %llu times", (unsigned long long)backwards);
    case_ms = old_ms;
}

const struct test order_tests[] = {
    {"peterson", test_peterson}, {"dekker", test_dekker},     {"litmus", test_litmus},
    {"tearing", test_tearing},   {"time stamp", test_stamps}, {NULL, NULL},
};
