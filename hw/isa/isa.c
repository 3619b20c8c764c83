/* SPDX-License-Identifier: MIT */
/*
 * The ISA bus. Devices on one interrupt line (COM1 and COM3, as PCs have them) are ORed: boards with
 * open-collector drivers, as ISA Plug and Play calls for, not the original totem-pole ones.
 */
#include "hw/isa/isa.h"

#include "util/trace.h"

#include <stdio.h>

static void isa_address(const struct bus *bus, const struct device *dev, char *buf, size_t size)
{
    snprintf(buf, size, "%s-%u", dev->cls->name, dev->instance);
}

static const struct bus_ops isa_bus_ops = {
    .address = isa_address,
};

static void line_set(void *opaque, int input, int level)
{
    const struct isa_line *line = opaque;
    struct isa_bus *bus = line->bus;
    size_t n = (size_t)(line - bus->lines);
    uint8_t bit = (uint8_t)(1u << input);

    bus->levels[n] = (uint8_t)(level ? bus->levels[n] | bit : bus->levels[n] & ~bit);
    irq_set(bus->irqs[n], bus->levels[n] != 0);
}

void isa_bus_init(struct isa_bus *bus, struct device *parent, struct mem_region *memory,
                  struct mem_region *io)
{
    memset(bus, 0, sizeof(*bus));
    bus_init(&bus->bus, BUS_ISA, NULL, parent, &isa_bus_ops);
    for (unsigned n = 0; n < ISA_IRQ_COUNT; n++) {
        bus->lines[n].bus = bus;
        irq_init_array(bus->lines[n].inputs, ISA_SHARERS, line_set, &bus->lines[n]);
    }
    bus->memory = memory ? memory : as_memory.root;
    bus->io = io ? io : as_io.root;
}

void isa_bus_connect_irq(struct isa_bus *bus, unsigned n, struct irq *irq)
{
    assert(n < ISA_IRQ_COUNT);
    bus->irqs[n] = irq;
}

void isa_bus_set_dma(struct isa_bus *bus, const struct isa_dma_ops *ops, void *opaque)
{
    bus->dma = ops;
    bus->dma_opaque = opaque;
}

struct isa_bus *isa_device_bus(const struct isa_device *dev)
{
    return container_of(dev->dev.bus, struct isa_bus, bus);
}

/* The input a device has or gets; those that come too late share the last. */
static struct irq *input_of(struct isa_line *line, const struct isa_device *dev)
{
    unsigned i = 0;

    while (i < ISA_SHARERS - 1 && line->owners[i] && line->owners[i] != dev) {
        i++;
    }
    line->owners[i] = dev;
    return &line->inputs[i];
}

struct irq *isa_irq(struct isa_device *dev, unsigned n)
{
    struct isa_bus *bus = isa_device_bus(dev);

    if (n >= ISA_IRQ_COUNT)
        return NULL;
    bus->irqs_taken |= (uint16_t)(1u << n);
    return input_of(&bus->lines[n], dev);
}

void isa_register_ioport(struct isa_device *dev, struct mem_region *mr, uint16_t base)
{
    TRACE(isa_ioport, "%s at %#x", mr->name, base);
    mem_region_add(isa_device_bus(dev)->io, base, mr);
}

void isa_register_memory(struct isa_device *dev, struct mem_region *mr, uint32_t base)
{
    mem_region_add_overlap(isa_device_bus(dev)->memory, base, mr, 1);
}

void isa_unregister_ioport(struct isa_device *dev, struct mem_region *mr)
{
    if (mem_region_mapped(mr))
        mem_region_del(mr->parent, mr);
}

void isa_unregister_memory(struct isa_device *dev, struct mem_region *mr)
{
    if (mem_region_mapped(mr))
        mem_region_del(mr->parent, mr);
}

void isa_dma_request(struct isa_device *dev, unsigned channel, bool level)
{
    struct isa_bus *bus = isa_device_bus(dev);

    if (bus->dma)
        bus->dma->request(bus->dma_opaque, channel, level);
}

uint32_t isa_dma_transfer(struct isa_device *dev, unsigned channel, void *buf, uint32_t len,
                          bool to_memory, bool *tc)
{
    struct isa_bus *bus = isa_device_bus(dev);

    *tc = false;
    return bus->dma ? bus->dma->transfer(bus->dma_opaque, channel, buf, len, to_memory, tc) : 0;
}
