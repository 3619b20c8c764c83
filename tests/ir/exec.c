/* SPDX-License-Identifier: MIT */
/*
 * Block cache, soft TLB and run loop with the toy guest: control flow and chaining, faults, code
 * that changes itself or is changed by others, page straddling, MMIO, atomics, eviction.
 */
#ifndef TEST_BACKEND /* exec_jit.c includes this file for another one */
#define TEST_BACKEND backend_interp
#define TEST_SMALL   0 /* code buffer for tests of eviction: none, the metadata fill up */
#endif
#include "tests/ir/toy.h"
#include "tests/test.h"

#include "hw/core/memory.h"
#include "system/cpu.h"

#include <pthread.h>
#include <signal.h>

static struct tb_stats stats(void)
{
    struct tb_stats s;

    tb_get_stats(&s);
    return s;
}

static uint64_t ram64(uint64_t addr)
{
    return addr_space_ldq_le(&as_memory, addr);
}

/* r0 = sum of r1 .. 1, then halt. */
static void put_sum(struct toy_asm *a, uint32_t n)
{
    uint64_t loop;

    toy_mov(a, 0, 0);
    toy_mov(a, 1, n);
    loop = a->at;
    toy_op2(a, 2, 0, 1);
    toy_op1(a, 0x0a, 1);
    toy_jcc(a, IR_NE, loop);
    toy_halt(a);
}

START_TEST(test_loop)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);
    struct toy_asm a = {0x1000};

    put_sum(&a, 1000);
    toy_run(c, 0x1000);
    ck_assert_uint_eq(c->v.greg[0], 500500);
    ck_assert_uint_eq(stats().blocks, 3);
    ck_assert_uint_eq(c->v.pc, a.at);
    toy_run(c, 0x1000);
    ck_assert_uint_eq(stats().blocks, 3);
    toy_stop();
}
END_TEST

/* The loop's halves lie in different pages: edges leave the page. */
START_TEST(test_cross_page)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);
    struct toy_asm a = {0x1000}, b = {0x5000};

    toy_mov(&a, 0, 0);
    toy_mov(&a, 1, 1000);
    toy_mov(&a, 2, 0x5000);
    toy_op2(&a, 2, 0, 1);
    toy_jmp(&a, 0x5000);
    toy_op1(&b, 0x0a, 1);
    toy_jcc(&b, IR_E, 0x5000 + 16);
    toy_jmp(&b, 0x1000 + 18);
    b.at = 0x5000 + 16;
    toy_halt(&b);
    toy_run(c, 0x1000);
    ck_assert_uint_eq(c->v.greg[0], 500500);
    ck_assert_uint_gt(stats().pages_linked, 0);
    toy_stop();
}
END_TEST

START_TEST(test_indirect)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);
    struct toy_asm a = {0x1000};
    uint64_t loop;

    toy_mov(&a, 0, 0);
    toy_mov(&a, 1, 100);
    toy_mov(&a, 2, 0x2000);
    loop = a.at;
    toy_mov(&a, 3, loop + 8);
    toy_op1(&a, 6, 2);
    toy_op1(&a, 0x0a, 1);
    toy_jcc(&a, IR_NE, loop);
    toy_halt(&a);
    a.at = 0x2000;
    toy_op2(&a, 2, 0, 1);
    toy_op1(&a, 6, 3);
    toy_run(c, 0x1000);
    ck_assert_uint_eq(c->v.greg[0], 5050);
    toy_stop();
}
END_TEST

START_TEST(test_faults)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);
    struct toy_asm a = {0x1000};
    uint64_t at;

    c->hole = 0x100000;
    c->hole_end = 0x101000;
    toy_mov(&a, 0, 5);
    toy_mov(&a, 1, 0x100000);
    at = a.at;
    toy_mem(&a, 7, 0, 1, 8);
    toy_run(c, 0x1000);
    ck_assert_int_eq(c->exception, 14);
    ck_assert_uint_eq(c->exc_pc, at);
    ck_assert_uint_eq(c->exc_addr, 0x100008);
    ck_assert_uint_eq(c->v.greg[0], 5);
    /* crossing into the hole: the address is that of the hole, nothing is written */
    a.at = at;
    toy_mem(&a, 8, 0, 1, -4);
    toy_run(c, 0x1000);
    ck_assert_uint_eq(c->exc_addr, 0x100000);
    ck_assert_uint_eq(c->exc_pc, at);
    ck_assert_uint_eq(ram64(0xffff8), 0);
    /* division by zero, and a jump into the hole */
    a.at = at;
    toy_mov(&a, 2, 0);
    toy_op2(&a, 0x0d, 0, 2);
    toy_run(c, 0x1000);
    ck_assert_int_eq(c->exception, 100 + SIGFPE);
    ck_assert_uint_eq(c->exc_pc, at + 6);
    a.at = at;
    toy_jmp(&a, 0x100010);
    toy_run(c, 0x1000);
    ck_assert_int_eq(c->exception, 14);
    ck_assert_uint_eq(c->exc_pc, 0x100010);
    toy_stop();
}
END_TEST

/* A store changes the immediate of the next instruction of its own block. */
START_TEST(test_own_code)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);
    struct toy_asm a = {0x1000};
    uint64_t store;

    toy_mov(&a, 0, 42);
    toy_mov(&a, 1, 0x1000);
    store = a.at;
    toy_mem(&a, 0x0e, 0, 1, 0);
    toy_mov(&a, 3, 7);
    toy_halt(&a);
    a.at = store; /* the byte of the second mov's immediate */
    toy_mem(&a, 0x0e, 0, 1, store - 0x1000 + 7 + 2);
    for (unsigned i = 0; i < 3; i++) {
        c->v.greg[3] = 0;
        addr_space_stb(&as_memory, store + 7 + 2, 7);
        toy_run(c, 0x1000);
        ck_assert_uint_eq(c->v.greg[3], 42);
    }
    ck_assert_uint_gt(stats().invalidated, 0);
    toy_stop();
}
END_TEST

/* Another block is changed; data beside code in one page is not code. */
START_TEST(test_other_code)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);
    struct toy_asm a = {0x1000}, b = {0x2000};
    uint64_t before;

    toy_mov(&b, 5, 1);
    toy_halt(&b);
    toy_run(c, 0x2000);
    ck_assert_uint_eq(c->v.greg[5], 1);
    toy_mov(&a, 0, 9);
    toy_mov(&a, 1, 0x2002);
    toy_mem(&a, 0x0e, 0, 1, 0);
    toy_jmp(&a, 0x2000);
    toy_run(c, 0x1000);
    ck_assert_uint_eq(c->v.greg[5], 9);
    before = stats().invalidated;
    b.at = 0x3000;
    toy_mov(&b, 0, 1);
    toy_mov(&b, 1, 0x3800);
    toy_mem(&b, 8, 0, 1, 0);
    toy_halt(&b);
    toy_run(c, 0x3000);
    toy_run(c, 0x3000);
    ck_assert_uint_eq(stats().invalidated, before);
    ck_assert_uint_eq(ram64(0x3800), 1);
    toy_stop();
}
END_TEST

/* DMA into code. */
START_TEST(test_dma)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);
    struct toy_asm a = {0x1000};

    put_sum(&a, 10);
    toy_run(c, 0x1000);
    ck_assert_uint_eq(c->v.greg[0], 55);
    a.at = 0x1000;
    put_sum(&a, 100);
    toy_run(c, 0x1000);
    ck_assert_uint_eq(c->v.greg[0], 5050);
    toy_stop();
}
END_TEST

/* An instruction over a page end; either page may change. */
START_TEST(test_straddle)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);
    struct toy_asm a = {0x1ff0};

    toy_jmp(&a, 0x1ffd);
    a.at = 0x1ffd;
    toy_mov(&a, 4, 0x11223344);
    toy_halt(&a);
    toy_run(c, 0x1ff0);
    ck_assert_uint_eq(c->v.greg[4], 0x11223344);
    addr_space_stb(&as_memory, 0x2001, 0x55);
    toy_run(c, 0x1ff0);
    ck_assert_uint_eq(c->v.greg[4], 0x11553344);
    addr_space_stb(&as_memory, 0x1fff, 0x66);
    toy_run(c, 0x1ff0);
    ck_assert_uint_eq(c->v.greg[4], 0x11553366);
    /* the second page is missing: the fault is there, the instruction here */
    addr_space_stb(&as_memory, 0x1fff, 0x77);
    c->hole = 0x2000;
    c->hole_end = 0x3000;
    vcpu_flush_everything(&c->v);
    toy_run(c, 0x1ff0);
    ck_assert_int_eq(c->exception, 14);
    ck_assert_uint_eq(c->exc_pc, 0x1ffd);
    ck_assert_uint_eq(c->exc_addr, 0x2000);
    toy_stop();
}
END_TEST

START_TEST(test_mmio)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);
    struct toy_asm a = {0x1000};

    toy_mmio_value = 0x1234;
    toy_mov(&a, 1, TOY_MMIO);
    toy_mem(&a, 7, 0, 1, 16);
    toy_mov(&a, 2, 0x99);
    toy_mem(&a, 8, 2, 1, 0);
    toy_mem(&a, 7, 3, 1, 0);
    toy_halt(&a);
    toy_run(c, 0x1000);
    ck_assert_uint_eq(c->v.greg[0], 0x1244);
    ck_assert_uint_eq(c->v.greg[3], 0x99);
    ck_assert_uint_eq(toy_mmio_writes, 1);
    toy_stop();
}
END_TEST

/* Code in a device: halt (9) is what it reads as. */
START_TEST(test_uncached)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);

    toy_mmio_value = 9;
    for (unsigned i = 0; i < 100; i++)
        toy_run(c, TOY_MMIO);
    ck_assert_int_eq(c->exception, -1);
    ck_assert_uint_eq(c->v.pc, TOY_MMIO + 1);
    toy_stop();
}
END_TEST

START_TEST(test_undefined)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);

    addr_space_stb(&as_memory, 0x1000, 0xee);
    toy_run(c, 0x1000);
    ck_assert_int_eq(c->exception, 6);
    ck_assert_uint_eq(c->exc_pc, 0x1000);
    toy_stop();
}
END_TEST

START_TEST(test_simd)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, MIB(1), 1);
    struct toy_asm a = {0x1000};
    double x[2] = {1.5, 2.5}, y[2] = {10, 20}, r[2];

    memcpy(c->v.fx + 160 + 16 * 3, x, 16);
    memcpy(c->v.fx + 160 + 16 * 9, y, 16);
    toy_op2(&a, 0x0f, 3, 9);
    toy_halt(&a);
    toy_run(c, 0x1000);
    memcpy(r, c->v.fx + 160 + 16 * 3, 16);
    ck_assert(r[0] == 11.5 && r[1] == 22.5);
    /* an unmasked exception: 1.5 + signalling NaN */
    st_le64(c->v.fx + 160 + 16 * 9, 0x7ff0000000000001);
    st_le32(c->v.fx + 24, 0x1f80 & ~0x80u);
    toy_run(c, 0x1000);
    ck_assert_int_eq(c->exception, 100 + SIGFPE);
    ck_assert_uint_eq(c->exc_pc, 0x1000);
    ck_assert_uint_eq(ld_le32(c->v.fx + 24) & 0x3f, 1);
    toy_stop();
}
END_TEST

/* More code than the cache holds, twice over. */
START_TEST(test_eviction)
{
    struct toy_cpu *c = toy_start(&TEST_BACKEND, TEST_SMALL, 1);
    struct toy_asm a = {0x10000};
    unsigned n = 0;

    for (; a.at < TOY_RAM / 16; n++) {
        toy_op1(&a, 0x0b, 1);
        toy_jmp(&a, a.at + 5 + 20);
        a.at += 20;
    }
    toy_halt(&a);
    for (unsigned i = 1; i <= 3; i++) {
        toy_run(c, 0x10000);
        ck_assert_uint_eq(c->helper_calls, i * n);
    }
    ck_assert_uint_gt(stats().evicted_regions, 3);
    toy_stop();
}
END_TEST

/* --- several vCPUs ------------------------------------------------------------------------- */

static void *run_thread(void *arg)
{
    toy_run(arg, 0x1000);
    return NULL;
}

static void run_both(void)
{
    pthread_t t[2];

    for (unsigned i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, run_thread, toy_cpu(i));
    for (unsigned i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
}

static void put_counter(struct toy_asm *a, uint64_t addr, uint32_t n)
{
    uint64_t loop;

    toy_mov(a, 0, 1);
    toy_mov(a, 1, addr);
    toy_mov(a, 2, n);
    loop = a->at;
    toy_op2(a, 0x0c, 0, 1);
    toy_op1(a, 0x0a, 2);
    toy_jcc(a, IR_NE, loop);
    toy_halt(a);
}

START_TEST(test_atomic)
{
    struct toy_asm a = {0x1000};

    toy_start(&TEST_BACKEND, MIB(1), 2);
    put_counter(&a, 0x8000, 50000);
    run_both();
    ck_assert_uint_eq(ram64(0x8000), 100000);
    a.at = 0x1000; /* over a page end: exclusive sections */
    put_counter(&a, 0x9ffc, 500);
    run_both();
    ck_assert_uint_eq(ram64(0x9ffc), 1000);
    a.at = 0x1000; /* over a cache line */
    put_counter(&a, 0xa03c, 500);
    run_both();
    ck_assert_uint_eq(ram64(0xa03c), 1000);
    toy_stop();
}
END_TEST

/* One vCPU rewrites the constant another adds; it must see it sooner or later, and never a mix. */
START_TEST(test_cross_modifying)
{
    struct toy_asm a = {0x1000}, b = {0x4000};
    uint64_t loop, val;

    toy_start(&TEST_BACKEND, MIB(1), 2);
    /* cpu 1: call the code at 4000h until its constant is 200 */
    toy_mov(&a, 3, 200);
    toy_mov(&a, 4, 0x4000);
    toy_mov(&a, 6, a.at + 6 + 2);
    loop = a.at;
    toy_op1(&a, 6, 4);
    toy_op2(&a, 3, 5, 3);
    toy_jcc(&a, IR_NE, loop);
    toy_halt(&a);
    toy_mov(&b, 5, 0);
    toy_op1(&b, 6, 6);
    /* cpu 0: count up to 200 in that constant's byte */
    a.at = 0x2000;
    toy_mov(&a, 0, 0);
    toy_mov(&a, 1, 0x4002);
    toy_mov(&a, 2, 1);
    toy_mov(&a, 3, 200);
    val = a.at;
    toy_op2(&a, 2, 0, 2);
    toy_mem(&a, 0x0e, 0, 1, 0);
    toy_op2(&a, 3, 0, 3);
    toy_jcc(&a, IR_NE, val);
    toy_halt(&a);
    pthread_t t;
    pthread_create(&t, NULL, run_thread, toy_cpu(1));
    toy_run(toy_cpu(0), 0x2000);
    pthread_join(t, NULL);
    ck_assert_uint_eq(toy_cpu(1)->v.greg[5], 200);
    toy_stop();
}
END_TEST

/* Both run through more code than fits, so that regions are emptied under the other. */
START_TEST(test_evict_both)
{
    struct toy_asm a = {0x1000};
    unsigned n = 0;

    toy_start(&TEST_BACKEND, TEST_SMALL, 2);
    toy_jmp(&a, 0x10000);
    for (a.at = 0x10000; a.at < TOY_RAM / 16; n++) {
        toy_op1(&a, 0x0b, 1);
        toy_jmp(&a, a.at + 5 + 20);
        a.at += 20;
    }
    toy_halt(&a);
    for (unsigned i = 1; i <= 3; i++) {
        run_both();
        ck_assert_uint_eq(toy_cpu(0)->helper_calls, i * n);
        ck_assert_uint_eq(toy_cpu(1)->helper_calls, i * n);
    }
    toy_stop();
}
END_TEST

TEST_MAIN("exec", test_loop, test_cross_page, test_indirect, test_faults, test_own_code,
          test_other_code, test_dma, test_straddle, test_mmio, test_uncached, test_undefined,
          test_simd, test_eviction, test_atomic, test_cross_modifying, test_evict_both)
