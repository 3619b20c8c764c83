/* SPDX-License-Identifier: MIT */
/*
 * Small devices: ports 92h and EDh, debug exit and console, pvpanic, a watchdog, the two test
 * devices.
 */
#include "tests/dev/dev.h"

#include "chardev/chardev.h"
#include "chardev/ringbuf.h"
#include "hw/misc/fpu_error.h"
#include "hw/misc/port92.h"
#include "hw/pci/pci.h"
#include "system/cpu.h"
#include "system/runstate.h"

void __wrap_runstate_request_debug_exit(uint32_t value);
void __wrap_runstate_request_reset(enum reset_reason reason);
void __wrap_cpu_set_ignne(bool asserted);
void __wrap_runstate_request_panic(void);
void __wrap_watchdog_expired(void);

static struct isa_bus isa;
static int64_t exit_value = -1;
static unsigned resets;
static bool ignne;
static unsigned panics, barks;

void __wrap_runstate_request_debug_exit(uint32_t value)
{
    exit_value = value;
}

void __wrap_runstate_request_reset(enum reset_reason reason)
{
    resets += reason == RESET_REASON_GUEST_WARM;
}

void __wrap_cpu_set_ignne(bool asserted)
{
    ignne = asserted;
}

void __wrap_runstate_request_panic(void)
{
    panics++;
}

void __wrap_watchdog_expired(void)
{
    barks++;
}

START_TEST(test_fpu_error)
{
    struct device *dev;
    struct irq *ferr;
    struct wire irq13;

    dev_setup(&isa);
    wire_init(&irq13);
    dev = dev_make("isa-fpu-error");
    fpu_error_set_output(dev, &irq13.irq);
    ferr = fpu_error_input(dev);
    outb(0xf0, 0); /* without an error: nothing */
    ck_assert(!ignne);
    irq_raise(ferr);
    ck_assert_int_eq(irq13.level, 1);
    ck_assert(!ignne);
    outb(0xf0, 0);
    ck_assert_int_eq(irq13.level, 0);
    ck_assert(ignne);
    dev_check_vmstate(dev);
    ck_assert(ignne);
    irq_lower(ferr);
    ck_assert(!ignne);
    irq_raise(ferr);
    irq_lower(ferr); /* IRQ13 waits for its handler */
    ck_assert_int_eq(irq13.level, 1);
    ck_assert_uint_eq(irq13.rises, 2);
    outb(0xf0, 0);
    ck_assert_int_eq(irq13.level, 0);
    ck_assert(!ignne);
    ck_assert_uint_eq(inb(0xf0), 0xff);
    device_free(dev);
}
END_TEST

START_TEST(test_port92)
{
    struct device *dev;
    struct wire a20;

    dev_setup(&isa);
    wire_init(&a20);
    dev = dev_make("port92");
    port92_set_a20(dev, &a20.irq);
    ck_assert_uint_eq(inb(0x92), 0);
    outb(0x92, 0xfe);
    ck_assert_int_eq(a20.level, 1);
    ck_assert_uint_eq(inb(0x92), 0x02);
    dev_check_vmstate(dev);
    ck_assert_int_eq(a20.level, 1);
    outb(0x92, 0);
    ck_assert_int_eq(a20.level, 0);
    ck_assert_uint_eq(resets, 0);
    outb(0x92, 1);
    outb(0x92, 3);
    ck_assert_uint_eq(resets, 1);
    outb(0x92, 2);
    outb(0x92, 3);
    ck_assert_uint_eq(resets, 2);
    dev_fuzz_ports(0x90, 4, 1000);
    device_free(dev);
}
END_TEST

START_TEST(test_debug_exit)
{
    struct device *dev;

    dev_setup(&isa);
    dev = dev_new("isa-debug-exit");
    device_set_u64(dev, "iobase", 0xf4);
    device_set_u64(dev, "iosize", 4);
    dev_realize(dev);
    ck_assert_uint_eq(io_port_read(0xf4, 4), 0);
    ck_assert_int_eq(exit_value, -1);
    outb(0xf4, 0x31);
    ck_assert_int_eq(exit_value, 0x31);
    io_port_write(0xf4, 0xdeadbeef, 4);
    ck_assert_int_eq(exit_value, 0xdeadbeef);
    device_free(dev);
    dev = dev_make("isa-debug-exit");
    outb(0x502, 7);
    ck_assert_int_eq(exit_value, 7);
    device_free(dev);
}
END_TEST

START_TEST(test_debugcon)
{
    struct error *err = NULL;
    struct chardev *chr;
    struct device *dev;
    uint8_t got[16];

    dev_setup(&isa);
    chardev_init();
    chr = chardev_new("ringbuf,id=log,size=64", &err);
    ck_assert_ptr_nonnull(chr);
    dev = dev_new("isa-debugcon");
    ck_assert_int_eq(device_set_prop(dev, "chardev", "log", &err), 0);
    dev_realize(dev);
    ck_assert_uint_eq(inb(0xe9), 0xe9);
    for (const char *c = "hello"; *c; c++)
        outb(0xe9, (uint8_t)*c);
    ck_assert_uint_eq(chardev_ringbuf_read(chr, got, sizeof(got)), 5);
    ck_assert_mem_eq(got, "hello", 5);
    device_free(dev);
    dev = dev_new("isa-debugcon"); /* without one: text is lost */
    device_set_u64(dev, "iobase", 0x402);
    device_set_u64(dev, "readback", 0x55);
    dev_realize(dev);
    outb(0x402, 'x');
    ck_assert_uint_eq(inb(0x402), 0x55);
    device_free(dev);
}
END_TEST

START_TEST(test_post_port)
{
    struct device *dev;

    dev_setup(&isa);
    dev = dev_make("isa-post-port");
    outb(0xed, 0x5a);
    ck_assert_uint_eq(inb(0xed), 0x5a);
    dev_check_vmstate(dev);
    device_free(dev);
}
END_TEST

START_TEST(test_pc_testdev)
{
    struct device *dev;
    struct wire irq5;

    dev_setup(&isa);
    wire_init(&irq5);
    isa_bus_connect_irq(&isa, 5, &irq5.irq);
    dev = dev_make("pc-testdev");
    io_port_write(0xe0, 0x12345678, 4);
    outb(0xe1, 0xab);
    ck_assert_uint_eq(io_port_read(0xe0, 4), 0x1234ab78);
    ck_assert_uint_eq(io_port_read(0xe2, 2), 0x1234);
    io_port_write(0xe8, 0xcafe, 2);
    ck_assert_uint_eq(io_port_read(0xe8, 4), 0x1234cafe);
    io_port_write(0xe4, 0x1000, 4);
    outb(0x2005, 1);
    ck_assert_int_eq(irq5.level, 1);
    outb(0x2005, 0);
    ck_assert_int_eq(irq5.level, 0);
    outb(0x2017, 1);
    addr_space_stq_le(&as_memory, 0xff000000, 0x1122334455667788);
    ck_assert_uint_eq(addr_space_lduw_le(&as_memory, 0xff000003), 0x4455);
    addr_space_stl_le(&as_memory, 0xff00fffe, 0xaabbccdd);
    ck_assert_uint_eq(addr_space_lduw_le(&as_memory, 0xff00fffe), 0xccdd);
    dev_check_vmstate(dev);
    dev_fuzz_ports(0xe0, 12, 5000);
    dev_fuzz_ports(0x2000, 24, 5000);
    device_free(dev);
}
END_TEST

static void check_pci_test(struct addr_space *as, uint64_t base, const char *kind, unsigned half)
{
    static const uint8_t data[] = {0xce, 0xce, 0xfa};
    char name[32] = "";

    for (unsigned n = 0; n < 3; n++) {
        uint64_t at;

        addr_space_stb(as, base, (uint8_t)n);
        ck_assert_uint_eq(addr_space_ldub(as, base), n);
        ck_assert_uint_eq(addr_space_ldub(as, base + 1), 1);
        at = base + addr_space_ldl_le(as, base + 4);
        ck_assert_uint_eq(at, base + half + n);
        ck_assert_uint_eq(addr_space_ldl_le(as, base + 8), data[n]);
        ck_assert_uint_eq(addr_space_ldl_le(as, base + 12), 0);
        for (unsigned i = 0; i < 5; i++)
            addr_space_stb(as, at, data[n]);
        addr_space_stb(as, at, 0x11);
        addr_space_stb(as, at + 8, data[n]);
        ck_assert_uint_eq(addr_space_ldl_le(as, base + 12), n == 2 ? 5 : 6);
        addr_space_read(as, base + 16, name, sizeof(name) - 1);
        ck_assert(strncmp(name, kind, strlen(kind)) == 0);
    }
    addr_space_stb(as, base, 3);
    ck_assert_uint_eq(addr_space_ldub(as, base + 1), 0);
}

START_TEST(test_pci_testdev)
{
    static struct pci_bus bus;
    struct device *dev;
    struct pci_device *pci;

    dev_setup(&isa);
    pci_bus_init(&bus, NULL, NULL, NULL, NULL);
    dev = dev_new("pci-testdev");
    ck_assert_int_eq(device_set_prop(dev, "membar", "64K", NULL), 0);
    dev_realize(dev);
    pci = pci_device(dev);
    ck_assert_uint_eq(pci_config_read(pci, 0, 4), 0x00051b36);
    ck_assert_uint_eq(pci_config_read(pci, 0xb, 1), 0xff);
    pci_config_write(pci, 0x10, 0xe0000000, 4);
    pci_config_write(pci, 0x14, 0xc000, 4);
    pci_config_write(pci, 0x18, 0xe0100000, 4);
    pci_config_write(pci, PCI_COMMAND, 3, 2);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0xe0000000), 0); /* no test chosen */
    check_pci_test(&as_memory, 0xe0000000, "mmio-", 2048);
    check_pci_test(&as_io, 0xc000, "portio-", 128);
    addr_space_stl_le(&as_memory, 0xe0100000, 1);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0xe0100000), 0xffffffff);
    for (unsigned i = 0; i < 20000; i++) {
        addr_space_stl_le(&as_memory, 0xe0000000 + dev_random() % 0x1000, dev_random());
        addr_space_stb(&as_memory, 0xe0000000, dev_random() & 3);
        addr_space_ldl_le(&as_memory, 0xe0000000 + dev_random() % 0x1000);
        addr_space_ldl_le(&as_io, 0xc000 + dev_random() % 0x100);
    }
    dev_check_vmstate(dev);
    device_free(dev);
}
END_TEST

START_TEST(test_pvpanic)
{
    static struct pci_bus bus;
    struct device *dev;

    dev_setup(&isa);
    dev = dev_make("pvpanic");
    ck_assert_uint_eq(inb(0x505), 3);
    outb(0x505, 2);
    outb(0x505, 0xf8);
    ck_assert_uint_eq(panics, 0);
    outb(0x505, 1);
    ck_assert_uint_eq(panics, 1);
    device_free(dev);
    dev = dev_new("pvpanic");
    device_set_u64(dev, "ioport", 0x600);
    device_set_u64(dev, "events", 1);
    dev_realize(dev);
    ck_assert_uint_eq(inb(0x505), 0xff);
    ck_assert_uint_eq(inb(0x600), 1);
    device_free(dev);
    pci_bus_init(&bus, NULL, NULL, NULL, NULL);
    dev = dev_make("pvpanic-pci");
    ck_assert_uint_eq(pci_config_read(pci_device(dev), 0, 4), 0x00111b36);
    pci_config_write(pci_device(dev), 0x10, 0xe0000000, 4);
    pci_config_write(pci_device(dev), PCI_COMMAND, 2, 2);
    ck_assert_uint_eq(addr_space_ldub(&as_memory, 0xe0000000), 3);
    addr_space_stb(&as_memory, 0xe0000001, 1);
    ck_assert_uint_eq(panics, 1);
    addr_space_stb(&as_memory, 0xe0000000, 1);
    ck_assert_uint_eq(panics, 2);
    dev_check_vmstate(dev);
    device_free(dev);
}
END_TEST

START_TEST(test_ib700)
{
    struct device *dev;

    dev_setup(&isa);
    dev = dev_make("ib700");
    clock_step(100 * NS_PER_SEC);
    ck_assert_uint_eq(barks, 0);
    outb(0x443, 0); /* 30 seconds */
    clock_step(29 * NS_PER_SEC);
    outb(0x443, 0xfd); /* 4 */
    clock_step(3 * NS_PER_SEC);
    dev_check_vmstate(dev);
    ck_assert_uint_eq(barks, 0);
    clock_step(2 * NS_PER_SEC);
    ck_assert_uint_eq(barks, 1);
    outb(0x443, 14);
    outb(0x441, 0xa5);
    clock_step(100 * NS_PER_SEC);
    outb(0x443, 14);
    device_reset(dev, RESET_COLD);
    clock_step(100 * NS_PER_SEC);
    ck_assert_uint_eq(barks, 1);
    ck_assert_uint_eq(inb(0x441), 0xff);
    device_free(dev);
}
END_TEST

TEST_MAIN("misc", test_pvpanic, test_ib700, test_fpu_error, test_port92, test_debug_exit, test_debugcon, test_post_port,
          test_pc_testdev, test_pci_testdev)
