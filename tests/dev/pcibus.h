/* SPDX-License-Identifier: MIT */
/* A root PCI bus for device tests, beside dev.h: configuration space through ports CF8h, CFCh. */
#ifndef TESTS_DEV_PCIBUS_H
#define TESTS_DEV_PCIBUS_H

#include "hw/pci/pci.h"
#include "tests/dev/dev.h"

struct test_pci {
    struct pci_bus bus;
    struct pci_host host;
    int lines[4];
};

static inline void test_pci_set_line(void *opaque, unsigned n, int level)
{
    ((struct test_pci *)opaque)->lines[n] = level;
}

static inline void test_pci_init(struct test_pci *t)
{
    static const struct pci_intx_ops intx = {.map = pci_intx_swizzle, .set = test_pci_set_line};

    pci_bus_init(&t->bus, "pci.0", NULL, NULL, NULL);
    pci_bus_set_intx(&t->bus, &intx, t, 4);
    pci_host_init(&t->host, &t->bus, as_io.root);
}

static inline void config_write(uint8_t devfn, unsigned off, uint32_t val, unsigned size)
{
    io_port_write(0xcf8, 0x80000000 | (uint32_t)devfn << 8 | (off & ~3u), 4);
    io_port_write((uint16_t)(0xcfc + (off & 3)), val, size);
}

static inline uint32_t config_read(uint8_t devfn, unsigned off, unsigned size)
{
    io_port_write(0xcf8, 0x80000000 | (uint32_t)devfn << 8 | (off & ~3u), 4);
    return io_port_read((uint16_t)(0xcfc + (off & 3)), size);
}

/* Random accesses to configuration space. */
static inline void dev_fuzz_config(uint8_t devfn, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned size = 1u << dev_random() % 3, off = dev_random() % 256 & ~(size - 1);

        if (dev_random() & 1)
            config_write(devfn, off, dev_random(), size);
        else
            config_read(devfn, off, size);
    }
}

/* Random accesses to memory. */
static inline void dev_fuzz_memory(gpa_t base, uint64_t len, unsigned count)
{
    uint8_t buf[16];

    for (unsigned i = 0; i < count; i++) {
        gpa_t gpa = base + dev_random() % len;
        unsigned size = dev_random() % 4 ? 1u << dev_random() % 4 : dev_random() % 17;

        for (unsigned j = 0; j < sizeof(buf); j++)
            buf[j] = (uint8_t)dev_random();
        if (dev_random() & 1)
            addr_space_write(&as_memory, gpa, buf, size);
        else
            addr_space_read(&as_memory, gpa, buf, size);
        if (dev_random() % 4 == 0)
            clock_step(dev_random() % 1000000);
    }
}

#endif
