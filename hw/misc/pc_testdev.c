/* SPDX-License-Identifier: MIT */
/*
 * pc-testdev: ports and memory by which CPU test suites (kvm-unit-tests) try I/O
 * instructions and raise interrupt lines:
 *
 *   E0h..E3h       a dword that accesses of 1, 2 and 4 bytes read and write
 *   E4h..E7h       flush the page of a physical address: nothing to do here, as the
 *                  memory map has no state that could be stale
 *   E8h..EBh       the dword of E0h, on a device that takes bytes only
 *   2000h..2017h   drive interrupt line n (ISA lines) to the level written
 *   FF000000h      64 KiB of memory behind I/O handlers
 */
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"

#define TEST_LINES   24
#define TEST_IO_PORT 0xe0
#define TEST_FLUSH   0xe4
#define TEST_BYTES   0xe8
#define TEST_IRQ     0x2000
#define TEST_MEMORY  0xff000000u
#define TEST_MEM_LEN 0x10000

struct test_device {
    struct isa_device isa;
    uint32_t value;
    uint8_t memory[TEST_MEM_LEN];

    struct mem_region port, flush, bytes, irq, mmio; /* wiring */
};

static struct test_device *to_test_device(const struct device *dev)
{
    return container_of(dev, struct test_device, isa.dev);
}

static uint64_t port_read(void *opaque, uint64_t off, unsigned size)
{
    const struct test_device *s = opaque;

    return s->value >> off * 8 & mask64(size * 8);
}

static void port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct test_device *s = opaque;

    s->value = deposit32(s->value, (unsigned)off * 8, size * 8, (uint32_t)val);
}

static uint64_t nothing_read(void *opaque, uint64_t off, unsigned size)
{
    return 0;
}

static void nothing_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
}

static void line_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct test_device *s = opaque;

    irq_set(isa_irq(&s->isa, (unsigned)off), val != 0);
}

static uint64_t memory_read(void *opaque, uint64_t off, unsigned size)
{
    const struct test_device *s = opaque;
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++)
        val |= (uint64_t)s->memory[off + i] << i * 8;
    return val;
}

static void memory_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct test_device *s = opaque;

    for (unsigned i = 0; i < size; i++)
        s->memory[off + i] = (uint8_t)(val >> i * 8);
}

static const struct mem_ops port_ops = {port_read, port_write, .valid = {1, 4, false}};
static const struct mem_ops bytes_ops = {port_read, port_write, .valid = {1, 4, false},
                                         .impl = {1, 1, false}};
static const struct mem_ops flush_ops = {nothing_read, nothing_write, .valid = {4, 4, false}};
static const struct mem_ops line_ops = {nothing_read, line_write, .valid = {1, 1, false}};
static const struct mem_ops memory_ops = {memory_read, memory_write, .valid = {1, 8, false}};

static void test_device_reset(struct device *dev, enum reset_kind kind)
{
    struct test_device *s = to_test_device(dev);

    s->value = 0;
    memset(s->memory, 0, sizeof(s->memory));
}

static int test_device_realize(struct device *dev, struct error **err)
{
    struct test_device *s = to_test_device(dev);

    mem_region_init_io(&s->port, "testdev-port", 4, &port_ops, s);
    mem_region_init_io(&s->flush, "testdev-flush", 4, &flush_ops, s);
    mem_region_init_io(&s->bytes, "testdev-bytes", 4, &bytes_ops, s);
    mem_region_init_io(&s->irq, "testdev-irq", TEST_LINES, &line_ops, s);
    mem_region_init_io(&s->mmio, "testdev-memory", TEST_MEM_LEN, &memory_ops, s);
    isa_register_ioport(&s->isa, &s->port, TEST_IO_PORT);
    isa_register_ioport(&s->isa, &s->flush, TEST_FLUSH);
    isa_register_ioport(&s->isa, &s->bytes, TEST_BYTES);
    isa_register_ioport(&s->isa, &s->irq, TEST_IRQ);
    isa_register_memory(&s->isa, &s->mmio, TEST_MEMORY);
    return 0;
}

static void test_device_unrealize(struct device *dev)
{
    struct test_device *s = to_test_device(dev);
    struct mem_region *const ports[] = {&s->port, &s->flush, &s->bytes, &s->irq};

    for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
        isa_unregister_ioport(&s->isa, ports[i]);
        mem_region_fini(ports[i]);
    }
    isa_unregister_memory(&s->isa, &s->mmio);
    mem_region_fini(&s->mmio);
}

static const struct vm_field test_device_fields[] = {
    VM_U32(struct test_device, value),
    VM_BUFFER(struct test_device, memory),
    VM_END,
};
static const struct vmstate test_device_vmstate = {
    .name = "pc-testdev",
    .version = 1,
    .fields = test_device_fields,
};

DEVICE_DEFINE(test_device, .name = "pc-testdev", .help = "I/O for CPU test suites", .bus = BUS_ISA,
              .state_size = sizeof(struct test_device), .vmstate = &test_device_vmstate,
              .realize = test_device_realize, .unrealize = test_device_unrealize,
              .reset = test_device_reset);
