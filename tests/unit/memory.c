/* SPDX-License-Identifier: MIT */
/*
 * Regions, flat views, accesses, DMA mappings, dirty bits, concurrent readers.
 */
#include "tests/test.h"

#include "hw/core/lock.h"
#include "hw/core/memory.h"
#include "util/error.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>

/* A device that remembers its accesses and answers with its offsets. */
struct probe {
    struct mem_region mr;
    struct {
        char op;
        uint64_t off, val;
        unsigned size;
    } log[64];
    unsigned count;
};

static void note(struct probe *p, char op, uint64_t off, uint64_t val, unsigned size)
{
    ck_assert_uint_lt(p->count, ARRAY_SIZE(p->log));
    p->log[p->count].op = op;
    p->log[p->count].off = off;
    p->log[p->count].val = val;
    p->log[p->count++].size = size;
}

/* Byte n of the device reads as 0x10 + n. */
static uint64_t probe_read(void *opaque, uint64_t off, unsigned size)
{
    uint64_t v = 0;

    note(opaque, 'r', off, 0, size);
    for (unsigned i = 0; i < size; i++)
        v |= ((0x10 + off + i) & 0xff) << (i * 8);
    return v;
}

static void probe_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    note(opaque, 'w', off, val, size);
}

static const struct mem_ops any_ops = {.read = probe_read, .write = probe_write};
static const struct mem_ops dword_ops = {
    .read = probe_read, .write = probe_write, .valid = {.min = 4, .max = 4}};
static const struct mem_ops byte_impl_ops = {
    .read = probe_read, .write = probe_write, .valid = {.min = 1, .max = 4}, .impl = {.max = 1}};
static const struct mem_ops wide_impl_ops = {
    .read = probe_read, .write = probe_write, .impl = {.min = 4, .max = 4}};
static const struct mem_ops unaligned_ops = {
    .read = probe_read, .write = probe_write, .valid = {.max = 8, .unaligned = true}};

static void probe_init(struct probe *p, const struct mem_ops *ops, uint64_t size)
{
    memset(p, 0, sizeof(*p));
    mem_region_init_io(&p->mr, "probe", size, ops, p);
}

static struct mem_region *root;

static void setup(void)
{
    device_lock();
    memory_init();
    root = as_memory.root;
}

static void check_log(struct probe *p, unsigned i, char op, uint64_t off, unsigned size)
{
    ck_assert_uint_lt(i, p->count);
    ck_assert_int_eq(p->log[i].op, op);
    ck_assert_uint_eq(p->log[i].off, off);
    ck_assert_uint_eq(p->log[i].size, size);
}

static struct mem_region *region_at(gpa_t gpa)
{
    struct mem_section s;

    mem_lookup(&as_memory, gpa, &s);
    return s.mr;
}

static void add_ram(struct mem_region *mr, const char *name, uint64_t size, gpa_t at, int prio)
{
    ck_assert_int_eq(mem_region_init_ram(mr, name, size, NULL), 0);
    mem_region_add_overlap(root, at, mr, prio);
}

START_TEST(test_overlap)
{
    struct mem_region low, high;
    struct mem_section s;

    setup();
    add_ram(&low, "low", 0x10000, 0, 0);
    add_ram(&high, "high", 0x1000, 0x4000, 1);
    ck_assert_ptr_eq(region_at(0x3fff), &low);
    ck_assert_ptr_eq(region_at(0x4000), &high);
    ck_assert_ptr_eq(region_at(0x4fff), &high);
    ck_assert(mem_lookup(&as_memory, 0x5000, &s));
    ck_assert_ptr_eq(s.mr, &low);
    ck_assert_uint_eq(s.offset, 0x5000);
    ck_assert_uint_eq(s.len, 0xb000);
    ck_assert_ptr_eq(s.host, ram_ptr(low.ram) + 0x5000);
    ck_assert_uint_eq(s.ram, low.ram + 0x5000);

    mem_region_set_enabled(&high, false);
    ck_assert_ptr_eq(region_at(0x4000), &low);
    mem_lookup(&as_memory, 0, &s);
    ck_assert_uint_eq(s.len, 0x10000);
    mem_region_set_enabled(&high, true);
    mem_region_set_priority(&high, -1);
    ck_assert_ptr_eq(region_at(0x4000), &low);
    mem_region_set_priority(&high, 0); /* the later one of equals */
    ck_assert_ptr_eq(region_at(0x4000), &high);
    mem_region_set_offset(&high, 0xf800);
    ck_assert_ptr_eq(region_at(0x4000), &low);
    ck_assert_ptr_eq(region_at(0x107ff), &high);
    ck_assert_ptr_null(region_at(0x10800));
    ck_assert(!mem_lookup(&as_memory, 0x10800, &s));
    ck_assert_uint_ge(s.len, 1);

    mem_region_del(root, &high);
    mem_region_fini(&high);
    mem_region_del(root, &low);
    mem_region_fini(&low);
    ck_assert_ptr_null(region_at(0));
    memory_fini();
    ram_fini();
}
END_TEST

START_TEST(test_alias)
{
    struct mem_region ram, shadow, inner;
    struct mem_section s;

    setup();
    add_ram(&ram, "ram", 0x100000, 0, 0);
    mem_region_init_alias(&shadow, "shadow", &ram, 0xf0000, 0x10000);
    mem_region_add_overlap(root, 0xfffff0000, &shadow, 1);
    ck_assert(mem_lookup(&as_memory, 0xfffff1234, &s));
    ck_assert_ptr_eq(s.mr, &ram);
    ck_assert_uint_eq(s.offset, 0xf1234);
    ck_assert_uint_eq(s.len, 0x10000 - 0x1234);
    mem_region_set_readonly(&shadow, true);
    mem_lookup(&as_memory, 0xfffff1234, &s);
    ck_assert_uint_eq(s.flags, MEM_SEC_READ_HOST | MEM_SEC_ROM);
    mem_lookup(&as_memory, 0xf1234, &s);
    ck_assert_uint_eq(s.flags, MEM_SEC_READ_HOST | MEM_SEC_WRITE_HOST);

    /* An alias of an alias, past the end of its target: a hole there. */
    mem_region_init_alias(&inner, "inner", &shadow, 0xf000, 0x2000);
    mem_region_add(root, 0x200000, &inner);
    mem_lookup(&as_memory, 0x200000, &s);
    ck_assert_uint_eq(s.offset, 0xff000);
    ck_assert_uint_eq(s.len, 0x1000);
    ck_assert_ptr_null(region_at(0x201000));
    ck_assert(s.flags & MEM_SEC_ROM);

    /* The SMM space shows system memory. */
    ck_assert(mem_lookup(&as_smm, 0x1000, &s));
    ck_assert_ptr_eq(s.mr, &ram);
    mem_region_del(root, &inner);
    mem_region_del(root, &shadow);
    mem_region_del(root, &ram);
    mem_region_fini(&inner);
    mem_region_fini(&shadow);
    mem_region_fini(&ram);
    memory_fini();
    ram_fini();
}
END_TEST

START_TEST(test_split)
{
    struct probe p;
    uint8_t buf[16];

    setup();
    probe_init(&p, &any_ops, 0x100);
    mem_region_add(root, 0x1000, &p.mr);
    ck_assert_uint_eq(addr_space_ldq_le(&as_memory, 0x1000), 0x1716151413121110);
    check_log(&p, 0, 'r', 0, 8);
    p.count = 0; /* misaligned: aligned pieces */
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0x1001), 0x14131211);
    check_log(&p, 0, 'r', 1, 1);
    check_log(&p, 1, 'r', 2, 2);
    check_log(&p, 2, 'r', 4, 1);
    p.count = 0; /* a long read ends in smaller pieces */
    ck_assert_uint_eq(addr_space_read(&as_memory, 0x1000, buf, 15), MEM_RESULT_OK);
    check_log(&p, 0, 'r', 0, 8);
    check_log(&p, 1, 'r', 8, 4);
    check_log(&p, 2, 'r', 12, 2);
    check_log(&p, 3, 'r', 14, 1);
    ck_assert_uint_eq(buf[14], 0x1e);
    p.count = 0;
    addr_space_stl_be(&as_memory, 0x1010, 0x11223344);
    check_log(&p, 0, 'w', 0x10, 4);
    ck_assert_uint_eq(p.log[0].val, 0x44332211);
    p.count = 0; /* over the end */
    ck_assert_uint_eq(addr_space_read(&as_memory, 0x10fc, buf, 8), MEM_RESULT_DECODE);
    check_log(&p, 0, 'r', 0xfc, 4);
    ck_assert_uint_eq(buf[3], 0x0f);
    ck_assert_uint_eq(buf[4], 0xff);
    mem_region_del(root, &p.mr);
    mem_region_fini(&p.mr);

    probe_init(&p, &dword_ops, 0x100);
    mem_region_add(root, 0x1000, &p.mr);
    addr_space_stq_le(&as_memory, 0x1008, 0x1122334455667788);
    check_log(&p, 0, 'w', 8, 4);
    check_log(&p, 1, 'w', 12, 4);
    ck_assert_uint_eq(p.log[1].val, 0x11223344);
    p.count = 0;
    ck_assert_uint_eq(addr_space_ldub(&as_memory, 0x1000), 0xff);
    ck_assert_uint_eq(addr_space_read(&as_memory, 0x1002, buf, 2), MEM_RESULT_ERROR);
    ck_assert_uint_eq(p.count, 0);
    mem_region_del(root, &p.mr);
    mem_region_fini(&p.mr);

    probe_init(&p, &byte_impl_ops, 0x100);
    mem_region_add(root, 0x1000, &p.mr);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0x1004), 0x17161514);
    ck_assert_uint_eq(p.count, 4);
    check_log(&p, 3, 'r', 7, 1);
    mem_region_del(root, &p.mr);
    mem_region_fini(&p.mr);

    probe_init(&p, &wide_impl_ops, 0x100);
    mem_region_add(root, 0x1000, &p.mr);
    ck_assert_uint_eq(addr_space_ldub(&as_memory, 0x1005), 0x15);
    check_log(&p, 0, 'r', 4, 4);
    p.count = 0;
    addr_space_stb(&as_memory, 0x1006, 0xaa);
    check_log(&p, 0, 'r', 4, 4);
    check_log(&p, 1, 'w', 4, 4);
    ck_assert_uint_eq(p.log[1].val, 0x17aa1514);
    mem_region_del(root, &p.mr);
    mem_region_fini(&p.mr);

    probe_init(&p, &unaligned_ops, 0x100);
    mem_region_add(root, 0x1000, &p.mr);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0x1003), 0x16151413);
    check_log(&p, 0, 'r', 3, 4);
    mem_region_del(root, &p.mr);
    mem_region_fini(&p.mr);
    memory_fini();
}
END_TEST

START_TEST(test_ports)
{
    struct probe conf, reset;

    setup();
    probe_init(&conf, &dword_ops, 4);
    probe_init(&reset, &any_ops, 1);
    mem_region_add(as_io.root, 0xcf8, &conf.mr);
    mem_region_add_overlap(as_io.root, 0xcf9, &reset.mr, 1);
    ck_assert_uint_eq(io_port_read(0xcf8, 4), 0x13121110); /* whole although CF9h is another's */
    check_log(&conf, 0, 'r', 0, 4);
    ck_assert_uint_eq(reset.count, 0);
    io_port_write(0xcf9, 6, 1);
    check_log(&reset, 0, 'w', 0, 1);
    ck_assert_uint_eq(io_port_read(0x80, 4), 0xffffffff);
    ck_assert_uint_eq(io_port_read(0x80, 2), 0xffff);
    ck_assert_uint_eq(io_port_read(0xffff, 4), 0xffffffff);
    io_port_write(0xfffe, 0x12345678, 4);
    mem_region_del(as_io.root, &conf.mr);
    mem_region_del(as_io.root, &reset.mr);
    mem_region_fini(&conf.mr);
    mem_region_fini(&reset.mr);
    memory_fini();
}
END_TEST

START_TEST(test_rom)
{
    struct mem_region rom, romd;
    struct probe p;
    struct mem_mapping m;

    setup();
    ck_assert_int_eq(mem_region_init_rom(&rom, "rom", 0x2000, NULL), 0);
    mem_region_add(root, 0x10000, &rom);
    ck_assert_uint_eq(addr_space_write_rom(&as_memory, 0x10ffe, "abcd", 4), 0);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0x10ffe), 0x64636261);
    addr_space_stl_le(&as_memory, 0x10ffe, 0);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0x10ffe), 0x64636261);
    ck_assert_int_eq(addr_space_map(&as_memory, 0x10ffe, 4, true, &m), 0);
    memcpy(m.host, "zzzz", 4);
    addr_space_unmap(&m, 4);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0x10ffe), 0x64636261);

    memset(&p, 0, sizeof(p));
    ck_assert_int_eq(mem_region_init_romd(&romd, "flash", 0x1000, &any_ops, &p, NULL), 0);
    mem_region_add(root, 0x20000, &romd);
    ck_assert_uint_eq(addr_space_ldub(&as_memory, 0x20000), 0);
    addr_space_stb(&as_memory, 0x20004, 0x70);
    check_log(&p, 0, 'w', 4, 1);
    mem_region_set_romd(&romd, false);
    ck_assert_uint_eq(addr_space_ldub(&as_memory, 0x20000), 0x10);
    mem_region_del(root, &rom);
    mem_region_del(root, &romd);
    mem_region_fini(&rom);
    mem_region_fini(&romd);
    memory_fini();
    ram_fini();
}
END_TEST

START_TEST(test_map)
{
    struct mem_region a, b;
    struct mem_mapping m;
    struct probe p;

    setup();
    add_ram(&a, "a", 0x2000, 0, 0);
    add_ram(&b, "b", 0x1000, 0x2000, 0);
    probe_init(&p, &any_ops, 0x100);
    mem_region_add(root, 0x3000, &p.mr);
    ck_assert_int_eq(addr_space_map(&as_memory, 0x1800, 0x1000, true, &m), 0);
    ck_assert_uint_eq(m.len, 0x800); /* up to the seam */
    ck_assert_ptr_eq(m.host, ram_ptr(a.ram) + 0x1800);
    addr_space_unmap(&m, 0x800);
    ck_assert_int_eq(addr_space_map(&as_memory, 0x3004, 8, false, &m), 0);
    ck_assert_uint_eq(m.len, 8);
    ck_assert_uint_eq(m.host[0], 0x14);
    addr_space_unmap(&m, 8);
    p.count = 0;
    ck_assert_int_eq(addr_space_map(&as_memory, 0x3008, 8, true, &m), 0);
    memset(m.host, 0x5a, 8);
    addr_space_unmap(&m, 4); /* only what was transferred arrives */
    ck_assert_uint_eq(p.count, 1);
    check_log(&p, 0, 'w', 8, 4);
    ck_assert_int_eq(addr_space_map(&as_memory, 0x9000, 8, true, &m), -EFAULT);
    ck_assert_int_eq(addr_space_map(&as_memory, UINT64_MAX, 8, true, &m), -EFAULT);
    ck_assert_int_eq(addr_space_map(&as_memory, 0, 0, true, &m), -EINVAL);
    /* Across the seam, and out of the end of the address space. */
    ck_assert_uint_eq(addr_space_set(&as_memory, 0x1ff0, 0x77, 0x20), 0);
    ck_assert_uint_eq(addr_space_ldub(&as_memory, 0x200f), 0x77);
    ck_assert_uint_eq(addr_space_ldub(&as_memory, 0x2010), 0);
    ck_assert_uint_eq(addr_space_write(&as_memory, UINT64_MAX - 1, "xyz", 3), MEM_RESULT_DECODE);
    mem_region_del(root, &a);
    mem_region_del(root, &b);
    mem_region_del(root, &p.mr);
    mem_region_fini(&a);
    mem_region_fini(&b);
    mem_region_fini(&p.mr);
    memory_fini();
    ram_fini();
}
END_TEST

/* A handler that reads its own region back by DMA. */
static uint64_t loop_read(void *opaque, uint64_t off, unsigned size)
{
    uint8_t byte;

    note(opaque, 'r', off, 0, size);
    ck_assert_uint_eq(addr_space_read(&as_memory, 0x1000, &byte, 1), MEM_RESULT_ERROR);
    ck_assert_uint_eq(byte, 0xff);
    return 0x42;
}

START_TEST(test_reentrance)
{
    static const struct mem_ops ops = {.read = loop_read};
    struct probe p;

    setup();
    memset(&p, 0, sizeof(p));
    mem_region_init_io(&p.mr, "loop", 0x10, &ops, &p);
    mem_region_add(root, 0x1000, &p.mr);
    ck_assert_uint_eq(addr_space_ldub(&as_memory, 0x1000), 0x42);
    ck_assert_uint_eq(p.count, 1);
    addr_space_stb(&as_memory, 0x1000, 1); /* no write handler: refused */
    mem_region_del(root, &p.mr);
    mem_region_fini(&p.mr);
    memory_fini();
}
END_TEST

static ram_addr_t code_addr;
static uint64_t code_len;
static unsigned cleared_calls;

static void code_written(ram_addr_t addr, uint64_t len)
{
    code_addr = addr;
    code_len = len;
}

static void dirty_cleared(struct mem_listener *l, ram_addr_t addr, uint64_t len)
{
    cleared_calls++;
}

START_TEST(test_dirty)
{
    struct mem_listener l = {.dirty_cleared = dirty_cleared};
    struct mem_region ram;
    unsigned long bits[4];
    ram_addr_t base;

    setup();
    add_ram(&ram, "ram", 0x100000, 0, 0);
    base = ram.ram;
    mem_listener_add(&l);
    mem_set_code_write_notifier(code_written);
    ck_assert(!dirty_tracked(base));
    dirty_clear(DIRTY_CODE, base + 0x3000, 1);
    ck_assert_uint_eq(cleared_calls, 1);
    ck_assert(dirty_tracked(base + 0x3fff));
    ck_assert(!dirty_tracked(base + 0x4000));
    addr_space_stb(&as_memory, 0x2fff, 1);
    ck_assert_uint_eq(code_len, 0);
    addr_space_set(&as_memory, 0x2ffe, 1, 4);
    ck_assert_uint_eq(code_addr, base + 0x2ffe);
    ck_assert_uint_eq(code_len, 4);
    dirty_set(DIRTY_CODE, base + 0x3000, 1);
    ck_assert(!dirty_tracked(base + 0x3000));

    dirty_clear(DIRTY_VGA, base, 0x100000);
    ck_assert(!dirty_test(DIRTY_VGA, base, 0x100000));
    addr_space_stb(&as_memory, 0x45000, 1);
    dirty_mark_cpu(base + 0x46fff, 2);
    ck_assert(dirty_test(DIRTY_VGA, base + 0x45000, 1));
    ck_assert(dirty_test_clear(DIRTY_VGA, base + 0x40000, 0x10000, bits));
    ck_assert_uint_eq(bits[0], 1ul << 5 | 1ul << 6 | 1ul << 7);
    ck_assert(!dirty_test_clear(DIRTY_VGA, base, 0x100000, NULL));
    ck_assert(dirty_mark_leaf(base + 0x51ffe, 4));
    ck_assert(dirty_test_clear(DIRTY_VGA, base + 0x40000, 0x20000, bits));
    ck_assert_uint_eq(bits[0], 3ul << 0x11);
    dirty_clear(DIRTY_CODE, base + 0x60000, 1);
    ck_assert(!dirty_mark_leaf(base + 0x60ffc, 4));
    ck_assert(dirty_mark_leaf(base + 0x61000, 4));
    ck_assert(!dirty_test(DIRTY_CODE, base + 0x60000, 1));
    dirty_set(DIRTY_CODE, base + 0x60000, 1);
    mem_listener_remove(&l);
    mem_set_code_write_notifier(NULL);
    mem_region_del(root, &ram);
    mem_region_fini(&ram);
    memory_fini();
    ram_fini();
}
END_TEST

START_TEST(test_ram_blocks)
{
    struct error *err = NULL;
    ram_addr_t a, b, c;

    ck_assert_int_eq(ram_init(MIB(8), NULL), 0);
    a = ram_alloc("a", MIB(2), NULL);
    b = ram_alloc("b", 100, NULL);
    c = ram_alloc("c", MIB(4), NULL);
    ck_assert_uint_eq(a, 0);
    ck_assert_uint_eq(c % MIB(2), 0);
    ck_assert_uint_eq(ram_alloc("d", MIB(4), &err), RAM_ADDR_NONE);
    ck_assert_ptr_nonnull(err);
    error_free(err);
    memset(ram_ptr(b), 0x55, 100);
    ram_free(b);
    ck_assert_uint_eq(ram_alloc("e", 4096, NULL), b);
    ck_assert_uint_eq(ram_ptr(b)[0], 0);
    ram_free(a);
    ram_free(b);
    ram_free(c);
    ram_fini();
    err = NULL;
    ck_assert_int_lt(ram_init(1ull << 60, &err), 0);
    ck_assert_ptr_nonnull(err);
    error_free(err);
    err = NULL;
    ck_assert_int_lt(ram_init(UINT64_MAX, &err), 0);
    error_free(err);
}
END_TEST

/* Readers look up while the map changes: never anything but the two answers. */
struct hammer {
    struct mem_region low, high;
    int stop;
};

static void *reader(void *opaque)
{
    struct hammer *h = opaque;
    struct mem_section s;

    while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED)) {
        ck_assert(mem_lookup(&as_memory, 0x4000, &s));
        ck_assert(s.mr == &h->low || s.mr == &h->high);
        ck_assert_uint_eq(s.len, s.mr == &h->low ? 0xc000 : 0x1000);
    }
    return NULL;
}

START_TEST(test_readers)
{
    struct hammer h = {.stop = 0};
    pthread_t threads[2];

    setup();
    add_ram(&h.low, "low", 0x10000, 0, 0);
    add_ram(&h.high, "high", 0x1000, 0x4000, 1);
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, reader, &h);
    for (unsigned i = 0; i < 2000; i++)
        mem_region_set_enabled(&h.high, i & 1);
    __atomic_store_n(&h.stop, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    mem_region_del(root, &h.low);
    mem_region_del(root, &h.high);
    mem_region_fini(&h.low);
    mem_region_fini(&h.high);
    memory_fini();
    ram_fini();
}
END_TEST

START_TEST(test_transaction)
{
    struct mem_region a, b;
    unsigned before;
    char *text;

    setup();
    before = addr_space_generation(&as_memory);
    mem_txn_begin();
    add_ram(&a, "a", 0x1000, 0, 0);
    add_ram(&b, "b", 0x1000, 0x1000, 0);
    ck_assert_ptr_null(region_at(0));
    mem_txn_commit();
    ck_assert_ptr_eq(region_at(0), &a);
    ck_assert_uint_ne(addr_space_generation(&as_memory), before);
    before = addr_space_generation(&as_memory);
    mem_region_set_readonly(&a, true);
    ck_assert_uint_ne(addr_space_generation(&as_memory), before);
    before = addr_space_generation(&as_memory);
    mem_region_set_readonly(&a, true); /* no change, no new view */
    ck_assert_uint_eq(addr_space_generation(&as_memory), before);
    text = mem_tree_describe(&as_memory);
    ck_assert_ptr_nonnull(strstr(text, "0000000000001000-0000000000001fff (prio 0, ram): b"));
    g_free(text);
    mem_region_del(root, &a);
    mem_region_del(root, &b);
    mem_region_fini(&a);
    mem_region_fini(&b);
    memory_fini();
    ram_fini();
}
END_TEST

TEST_MAIN("memory", test_overlap, test_alias, test_split, test_ports, test_rom, test_map,
          test_reentrance, test_dirty, test_ram_blocks, test_readers, test_transaction)
