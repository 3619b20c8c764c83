/* SPDX-License-Identifier: MIT */
/*
 * Self- and cross-modifying code (SDM 3A 9.1.3, 12.6) and pages whose mapping
 * or protection another processor changes while they are in use (5.10.5).
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "torture.h"

typedef uint32_t function(void);

enum {
    CODE_PAGES = 4,
    CODE_BYTES = CODE_PAGES * PAGE,
    VERSION_BYTES = 16,
};

/* The same memory to write through and to execute from. */
struct code {
    uint8_t *write, *run;
};

static void serialize(void)
{
    uint32_t a = 0, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

static uint8_t *map(int fd, int protection)
{
    void *at = mmap(NULL, CODE_BYTES, protection, MAP_SHARED, fd, 0);

    if (at == MAP_FAILED) {
        perror("torture: mmap");
        exit(2);
    }
    return at;
}

static int new_file(void)
{
    int fd = memfd_create("torture", 0);

    if (fd < 0 || ftruncate(fd, CODE_BYTES)) {
        perror("torture: memfd");
        exit(2);
    }
    return fd;
}

/* Either two views of the pages or, if aliased is false, one for both. */
static struct code new_code(bool aliased)
{
    int fd = new_file();
    struct code code;

    code.run = map(fd, PROT_READ | PROT_EXEC | (aliased ? 0 : PROT_WRITE));
    code.write = aliased ? map(fd, PROT_READ | PROT_WRITE) : code.run;
    close(fd);
    memset(code.write, 0xcc, CODE_BYTES);
    return code;
}

static void free_code(struct code *code)
{
    munmap(code->run, CODE_BYTES);
    if (code->write != code->run)
        munmap(code->write, CODE_BYTES);
}

static function *function_at(const struct code *code, unsigned offset)
{
    return (function *)(void *)(code->run + offset);
}

/* --- functions to write ------------------------------------------------------------ */

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
    return at + sizeof(value);
}

static uint8_t *put_mov_eax(uint8_t *at, uint32_t value)
{
    *at++ = 0xb8;
    return put32(at, value);
}

static uint8_t *put_add_eax(uint8_t *at, uint32_t value)
{
    *at++ = 0x05;
    return put32(at, value);
}

/* A function that returns value, of a shape that depends on it: 6 to 13 bytes. */
static void write_function(uint8_t *at, uint32_t value)
{
    switch (value % 4) {
    case 0:
        at = put_mov_eax(at, value);
        break;
    case 1: /* jmp over two bytes that are never executed */
        *at++ = 0xeb;
        *at++ = 2;
        *at++ = 0x0f;
        *at++ = 0x0b;
        at = put_mov_eax(at, value);
        break;
    case 2:
        at = put_add_eax(put_mov_eax(at, value - 77), 77);
        break;
    case 3: /* xor %eax, %eax; add */
        *at++ = 0x31;
        *at++ = 0xc0;
        at = put_add_eax(at, value);
        break;
    }
    *at = 0xc3;
}

/* Where a function may lie: in a page, across lines, across pages. */
static const unsigned offsets[] = {0, 64 - 3, PAGE - 2, PAGE - 7, 2 * PAGE + 100};

/* --- cross-modifying code by the manual's protocol --------------------------------------- */

struct exchange {
    struct code code;
    unsigned offset;
    _Alignas(LINE) atomic_uint published;
    _Alignas(LINE) atomic_uint seen[MAX_WORKERS];
};

static bool all_have_seen(struct exchange *exchange, unsigned count, unsigned version)
{
    unsigned i;

    for (i = 1; i < count; i++)
        if (atomic_load(&exchange->seen[i]) != version)
            return false;
    return true;
}

static void modify(struct worker *worker, struct exchange *exchange)
{
    unsigned version, turns = 0;

    for (version = 1;; version++) {
        write_function(exchange->code.write + exchange->offset, version);
        atomic_store_explicit(&exchange->published, version, memory_order_release);
        while (!all_have_seen(exchange, worker->count, version)) {
            if (atomic_load(&stop))
                return;
            spin(&turns);
        }
        worker->done++;
    }
}

static void execute(struct worker *worker, struct exchange *exchange)
{
    unsigned version = 0, now, turns = 0;
    uint32_t got;

    while (!atomic_load(&stop)) {
        now = atomic_load_explicit(&exchange->published, memory_order_acquire);
        if (now == version) {
            spin(&turns);
            continue;
        }
        serialize();
        got = function_at(&exchange->code, exchange->offset)();
        if (got != now)
            fail("version %u executed, %u published", got, now);
        version = now;
        atomic_store(&exchange->seen[worker->index], version);
    }
}

static void exchange_body(struct worker *worker)
{
    if (worker->index == 0)
        modify(worker, worker->arg);
    else
        execute(worker, worker->arg);
}

static void reset_exchange(void *arg)
{
    struct exchange *exchange = arg;
    unsigned i;

    atomic_store(&exchange->published, 0);
    for (i = 0; i < MAX_WORKERS; i++)
        atomic_store(&exchange->seen[i], 0);
}

static void cross_modify(bool aliased)
{
    size_t i;

    for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        static struct exchange exchange;

        memset(&exchange, 0, sizeof(exchange));
        exchange.code = new_code(aliased);
        exchange.offset = offsets[i];
        if (!run_until_counted(worker_count, exchange_body, &exchange, reset_exchange))
            fail("no version was exchanged at %u", offsets[i]);
        free_code(&exchange.code);
    }
}

static void test_cross(void)
{
    cross_modify(false);
}

static void test_cross_aliased(void)
{
    cross_modify(true);
}

/* --- self-modifying code -------------------------------------------------------------- */

/*
 * All workers write and run functions of their own in the same pages, so that
 * each one's stores hit pages the others execute from. Through the address the
 * code runs at no serializing instruction is needed.
 */
static void self_body(struct worker *worker)
{
    const struct code *code = worker->arg;
    bool aliased = code->write != code->run;
    uint32_t version, got;
    unsigned at;

    for (version = worker->index; !atomic_load(&stop); version += 13) {
        at = PAGE - worker->count * VERSION_BYTES / 2 + worker->index * VERSION_BYTES;
        write_function(code->write + at, version);
        if (aliased)
            serialize();
        got = function_at(code, at)();
        if (got != version)
            fail("%u executed after %u was written", got, version);
        worker->done++;
    }
}

static void test_self(void)
{
    int aliased;

    for (aliased = 0; aliased < 2; aliased++) {
        struct code code = new_code(aliased);

        run_workers(worker_count, self_body, &code);
        free_code(&code);
    }
}

/*
 * movb %dil, 1f+1(%rip); 1: mov $0, %al; movzbl %al, %eax; ret
 * The store changes the very next instruction.
 */
static const uint8_t next_code[] = {0x40, 0x88, 0x3d, 0x01, 0x00, 0x00, 0x00,
                                    0xb0, 0x00, 0x0f, 0xb6, 0xc0, 0xc3};

static void next_body(struct worker *worker)
{
    const struct code *code = worker->arg;
    unsigned at = worker->index * 32;
    uint32_t (*next)(uint32_t) = (void *)(code->run + at);
    uint8_t value;

    memcpy(code->write + at, next_code, sizeof(next_code));
    for (value = 0; !atomic_load(&stop); value++) {
        uint32_t got = next(value);

        if (got != value)
            fail("the next instruction was %u, not %u", got, value);
        worker->done++;
    }
}

static void test_next(void)
{
    struct code code = new_code(false);

    run_workers(worker_count, next_body, &code);
    free_code(&code);
}

/* --- patching a place that is being executed ------------------------------------------------ */

enum { PATCH_A = 0x11111111, PATCH_B = 0x22222222, MOV_EAX_BYTES = 5, BREAKPOINT = 0xcc };

static uint8_t *patch_site;
static atomic_ullong traps_taken;

static bool sync_cores(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) == 0;
}

/* The breakpoint stands for the instruction with either operand. */
static void on_trap(int number, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

    if (registers[REG_RIP] != (greg_t)(uintptr_t)(patch_site + 1))
        _exit(3);
    registers[REG_RAX] = PATCH_A;
    registers[REG_RIP] += MOV_EAX_BYTES - 1;
    atomic_fetch_add(&traps_taken, 1);
}

/* Breakpoint first, then the tail, then the first byte; all cores after each. */
static void patch(uint8_t *at, uint32_t value)
{
    atomic_store((_Atomic uint8_t *)at, BREAKPOINT);
    sync_cores();
    put32(at + 1, value);
    sync_cores();
    atomic_store((_Atomic uint8_t *)at, 0xb8);
    sync_cores();
}

static void patch_body(struct worker *worker)
{
    const struct code *code = worker->arg;
    unsigned offset = patch_site - code->run, turn = 0;
    uint32_t got;

    while (!atomic_load(&stop)) {
        if (worker->index == 0) {
            patch(code->write + offset, turn++ % 2 ? PATCH_A : PATCH_B);
            worker->done++;
            continue;
        }
        got = function_at(code, offset)();
        if (got != PATCH_A && got != PATCH_B)
            fail("executed a mixture: %#x", got);
    }
}

static void set_handler(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

    sigaction(number, &action, NULL);
}

static void test_patching(void)
{
    size_t i;

    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0)) {
        skip("no membarrier that serializes");
        return;
    }
    set_handler(SIGTRAP, on_trap);
    for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        struct code code = new_code(i % 2);

        patch_site = code.run + offsets[i];
        put_mov_eax(code.write + offsets[i], PATCH_A)[0] = 0xc3;
        run_workers(worker_count, patch_body, &code);
        free_code(&code);
    }
    signal(SIGTRAP, SIG_DFL);
    note("breakpoints taken", atomic_load(&traps_taken));
}

/* --- pages replaced and protected under another processor's feet ------------------------------ */

enum { MAPPED_VERSIONS = 64 };

struct remap {
    int fd;
    _Alignas(LINE) atomic_uint version;
};

static uint8_t *fault_page;

/* Between the old page and the new one there may be none: try again. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    uintptr_t distance = (uintptr_t)info->si_addr - (uintptr_t)fault_page;

    if (distance >= PAGE)
        _exit(3);
}

static void remap_pages(struct worker *worker, struct remap *remap)
{
    unsigned version;

    for (version = 1; !atomic_load(&stop); version++) {
        if (mmap(fault_page, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, remap->fd,
                 version % MAPPED_VERSIONS * PAGE) == MAP_FAILED)
            fail("cannot map version %u", version);
        atomic_store(&remap->version, version);
        worker->done++;
    }
}

/* Is got the number of one of the pages mapped from `first` to `last`? */
static bool was_mapped(unsigned got, unsigned first, unsigned last)
{
    if (last - first >= MAPPED_VERSIONS)
        return got < MAPPED_VERSIONS;
    for (; first <= last; first++)
        if (got == first % MAPPED_VERSIONS)
            return true;
    return false;
}

/* The call finds the page that was announced before it, or a later one. */
static void remap_body(struct worker *worker)
{
    struct remap *remap = worker->arg;
    unsigned first, got, last;

    if (worker->index == 0) {
        remap_pages(worker, remap);
        return;
    }
    while (!atomic_load(&stop)) {
        first = atomic_load(&remap->version);
        got = ((function *)(void *)fault_page)();
        last = atomic_load(&remap->version) + 1;
        if (!was_mapped(got, first, last))
            fail("page %u called, %u to %u were mapped", got, first, last);
    }
}

/* All of one shape: a page may be replaced in the middle of its function. */
static void write_versions(int fd)
{
    uint8_t code[VERSION_BYTES] = {0};
    unsigned i;

    for (i = 0; i < MAPPED_VERSIONS; i++) {
        *put_mov_eax(code, i) = 0xc3;
        if (pwrite(fd, code, sizeof(code), i * PAGE) != sizeof(code)) {
            perror("torture: pwrite");
            exit(2);
        }
    }
}

static void reset_remap(void *arg)
{
    struct remap *remap = arg;

    atomic_store(&remap->version, 0);
}

static void test_remap(void)
{
    static struct remap remap;

    set_handler(SIGSEGV, on_fault);
    remap.fd = new_file();
    write_versions(remap.fd);
    fault_page = map(remap.fd, PROT_READ | PROT_EXEC);
    if (!run_until_counted(worker_count, remap_body, &remap, reset_remap))
        fail("nothing was mapped");
    munmap(fault_page, CODE_BYTES);
    close(remap.fd);
    signal(SIGSEGV, SIG_DFL);
}

/* After mprotect has returned no write may get through any more. */
static void protect_body(struct worker *worker)
{
    volatile uint64_t *page = worker->arg;
    uint64_t before;
    int i;

    while (!atomic_load(&stop)) {
        if (worker->index != 0) {
            page[worker->index * 8]++;
            continue;
        }
        mprotect((void *)page, PAGE, PROT_READ);
        before = page[8];
        for (i = 0; i < 200; i++)
            if (page[8] != before)
                fail("a write to a read-only page got through");
        mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE);
        sched_yield();
        worker->done++;
    }
    if (worker->index == 0)
        mprotect((void *)page, PAGE, PROT_READ | PROT_WRITE);
}

static void reset_protect(void *page)
{
    memset(page, 0, PAGE);
}

static void test_protect(void)
{
    int fd = new_file();

    fault_page = map(fd, PROT_READ | PROT_WRITE);
    set_handler(SIGSEGV, on_fault);
    if (!run_until_counted(worker_count, protect_body, fault_page, reset_protect))
        fail("nothing was protected");
    munmap(fault_page, CODE_BYTES);
    close(fd);
    signal(SIGSEGV, SIG_DFL);
}

const struct test code_tests[] = {
    {"cross-modifying code", test_cross},
    {"cross-modifying code by an alias", test_cross_aliased},
    {"self-modifying code", test_self},
    {"modified next instruction", test_next},
    {"patching by breakpoint", test_patching},
    {"code pages replaced", test_remap},
    {"pages protected", test_protect},
    {NULL, NULL},
};
