/* SPDX-License-Identifier: MIT */
/*
 * SMP torture: does what several processors do to one memory keep the promises
 * of the Intel SDM, volume 3A, chapter 9 (locked operations, memory ordering,
 * cross-modifying code)? A Linux program for x86-64; all of it holds on real
 * processors.
 *
 *     gcc -O2 -pthread -o torture *.c && ./torture [MS [THREADS [NAME]]]
 *
 * Each case runs MS milliseconds (default 20), longer where the host throttles
 * locked operations that cross a cache line. Prints one line per test and
 * "torture: passed"; exit status 1 if a promise was broken.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "torture.h"

unsigned worker_count, case_ms = 20;
atomic_bool stop;

static const char *current;
static atomic_uint failures; /* of the current test */
static bool skipped;
static atomic_uint arrived, generation; /* meet() */

void fail(const char *format, ...)
{
    va_list args;

    if (atomic_fetch_add(&failures, 1) >= 5)
        return;
    va_start(args, format);
    printf("torture: FAIL %s: ", current);
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

void skip(const char *why)
{
    printf("torture: skip %s: %s\n", current, why);
    skipped = true;
}

void note(const char *what, uint64_t number)
{
    printf("torture:      %s: %s %llu\n", current, what, (unsigned long long)number);
}

void spin(unsigned *turns)
{
    if (++*turns % 2048 == 0)
        sched_yield();
    else
        __builtin_ia32_pause();
}

bool meet(struct worker *worker)
{
    unsigned now = atomic_load(&generation), turns = 0;

    if (atomic_fetch_add(&arrived, 1) + 1 == worker->count) {
        atomic_store(&arrived, 0);
        atomic_store(&generation, now + 1);
        return !atomic_load(&stop);
    }
    while (atomic_load(&generation) == now) {
        if (atomic_load(&stop))
            return false;
        spin(&turns);
    }
    return true;
}

struct start {
    struct worker worker;
    void (*body)(struct worker *);
    pthread_t thread;
};

static void *run_one(void *arg)
{
    struct start *start = arg;
    unsigned cpus = sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(start->worker.index % cpus, &set);
    sched_setaffinity(0, sizeof(set), &set);
    start->body(&start->worker);
    return NULL;
}

static void sleep_ms(unsigned ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&time, &time))
        ;
}

uint64_t run_workers(unsigned count, void (*body)(struct worker *), void *arg)
{
    struct start starts[MAX_WORKERS];
    uint64_t done = 0;
    unsigned i;

    atomic_store(&stop, false);
    atomic_store(&arrived, 0);
    for (i = 0; i < count; i++) {
        starts[i] = (struct start){{i, count, arg, 0}, body, 0};
        if (pthread_create(&starts[i].thread, NULL, run_one, &starts[i])) {
            perror("torture: pthread_create");
            exit(2);
        }
    }
    sleep_ms(case_ms);
    atomic_store(&stop, true);
    for (i = 0; i < count; i++) {
        pthread_join(starts[i].thread, NULL);
        done += starts[i].worker.done;
    }
    return done;
}

uint64_t run_until_counted(unsigned count, void (*body)(struct worker *), void *arg,
                           void (*reset)(void *arg))
{
    unsigned old_ms = case_ms, tries;
    uint64_t done = 0;

    for (tries = 0; tries < 10 && !done; tries++, case_ms *= 2) {
        reset(arg);
        done = run_workers(count, body, arg);
    }
    case_ms = old_ms;
    return done;
}

static bool run_test(const struct test *test)
{
    current = test->name;
    atomic_store(&failures, 0);
    skipped = false;
    test->run();
    if (failures)
        printf("torture: FAIL %s: %u wrong results\n", current, failures);
    else if (!skipped)
        printf("torture: ok   %s\n", current);
    fflush(stdout);
    return !failures;
}

static unsigned run_tests(const struct test *test, const char *only)
{
    unsigned failed = 0;

    for (; test->name; test++)
        if (!only || strstr(test->name, only))
            failed += !run_test(test);
    return failed;
}

static unsigned clamp(long value, long low, long high)
{
    return value < low ? low : value > high ? high : value;
}

int main(int argc, char **argv)
{
    const char *only = argc > 3 ? argv[3] : NULL;
    unsigned failed;

    if (argc > 1)
        case_ms = clamp(atol(argv[1]), 1, 1000000);
    worker_count = argc > 2 ? atol(argv[2]) : sysconf(_SC_NPROCESSORS_ONLN);
    worker_count = clamp(worker_count, 2, MAX_WORKERS);
    printf("torture: %u threads on %ld processors, %u ms a case\n", worker_count,
           sysconf(_SC_NPROCESSORS_ONLN), case_ms);
    failed = run_tests(lock_tests, only);
    failed += run_tests(order_tests, only);
    failed += run_tests(code_tests, only);
    printf(failed ? "torture: %u tests FAILED\n" : "torture: passed\n", failed);
    return failed ? 1 : 0;
}
