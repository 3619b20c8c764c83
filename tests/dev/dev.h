/* SPDX-License-Identifier: MIT */
/*
 * What device tests have in common: memory and an ISA bus, a virtual clock that
 * moves by clock_step() only, wires that remember, and random accesses.
 */
#ifndef TESTS_DEV_DEV_H
#define TESTS_DEV_DEV_H

#include "hw/core/clock.h"
#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/core/lock.h"
#include "hw/core/memory.h"
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "tests/test.h"
#include "util/error.h"

/* Takes the device lock and keeps it. */
static inline void dev_setup(struct isa_bus *isa)
{
    memory_init();
    device_lock();
    clock_manual(true);
    isa_bus_init(isa, NULL, NULL, NULL);
}

static inline struct device *dev_new(const char *name)
{
    struct error *err = NULL;
    struct device *dev = device_new(name, NULL, &err);

    ck_assert_msg(dev != NULL, "%s", err ? error_msg(err) : "no error");
    return dev;
}

static inline void dev_realize(struct device *dev)
{
    struct error *err = NULL;
    int ret = device_realize(dev, NULL, &err);

    ck_assert_msg(ret == 0, "%s", err ? error_msg(err) : "no error");
    device_reset(dev, RESET_COLD);
}

/* New, realized, reset. */
static inline struct device *dev_make(const char *name)
{
    struct device *dev = dev_new(name);

    dev_realize(dev);
    return dev;
}

/* Save, reset, load, save. */
static inline void dev_check_vmstate(struct device *dev)
{
    struct error *err = NULL;
    int ret = vmstate_check(dev, &err);

    ck_assert_msg(ret == 0, "%s", err ? error_msg(err) : "no error");
}

static inline uint8_t inb(uint16_t port)
{
    return (uint8_t)io_port_read(port, 1);
}

static inline void outb(uint16_t port, uint8_t val)
{
    io_port_write(port, val, 1);
}

/* The receiving end of an output. */
struct wire {
    struct irq irq;
    int level;
    unsigned rises;
};

static inline void wire_handler(void *opaque, int n, int level)
{
    struct wire *wire = opaque;

    wire->rises += level && !wire->level;
    wire->level = level;
}

static inline void wire_init(struct wire *wire)
{
    memset(wire, 0, sizeof(*wire));
    irq_init(&wire->irq, wire_handler, wire, 0);
}

/* xorshift; the same numbers in every run. */
static inline uint32_t dev_random(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 16);
}

/* `count` random accesses to ports base..base+len-1, time passing meanwhile. */
static inline void dev_fuzz_ports(uint16_t base, unsigned len, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint16_t port = (uint16_t)(base + dev_random() % len);
        unsigned size = 1u << dev_random() % 3;

        if (dev_random() & 1)
            io_port_write(port, dev_random() & (uint32_t)mask64(size * 8), size);
        else
            io_port_read(port, size);
        if (dev_random() % 4 == 0)
            clock_step(dev_random() % 1000000);
    }
}

#endif
