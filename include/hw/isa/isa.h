/* SPDX-License-Identifier: MIT */
/*
 * The ISA bus: sixteen interrupt lines, eight DMA channels, ports and memory of
 * the low 16 MiB.
 *
 * The south bridge (or an ISA-only board) owns the struct isa_bus and connects
 * irqs; ISA devices embed struct isa_device first. Device lock held throughout.
 */
#ifndef HW_ISA_ISA_H
#define HW_ISA_ISA_H

#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/core/memory.h"

#define ISA_IRQ_COUNT 16

/* How the 8237s look to their users (hw/dma); see isa_bus_set_dma(). */
struct isa_dma_ops {
    /* Raise or drop a channel's request. */
    void (*request)(void *opaque, unsigned channel, bool level);
    /*
     * Move up to `len` bytes between memory and buf as the channel is
     * programmed; `to_memory` is what the device does. Returns the bytes moved
     * and sets *tc at terminal count.
     */
    uint32_t (*transfer)(void *opaque, unsigned channel, void *buf, uint32_t len, bool to_memory,
                         bool *tc);
};

/* A line is high while any of the devices on it drives it high. */
#define ISA_SHARERS 8

struct isa_line {
    struct irq inputs[ISA_SHARERS];
    const struct isa_device *owners[ISA_SHARERS]; /* of the inputs; NULL: free */
    struct isa_bus *bus;
};

struct isa_bus {
    struct bus bus;
    struct isa_line lines[ISA_IRQ_COUNT]; /* what devices drive ... */
    uint8_t levels[ISA_IRQ_COUNT];        /* ... a bit per input; the bridge saves it ... */
    struct irq *irqs[ISA_IRQ_COUNT];      /* ... and where it goes: NULL until connected */
    struct mem_region *memory;            /* where ISA memory is mapped */
    struct mem_region *io;                /* and ports */
    const struct isa_dma_ops *dma;
    void *dma_opaque;
    uint16_t irqs_taken; /* bit n: a device has claimed line n */
};

/* First member of every ISA device. */
struct isa_device {
    struct device dev;
};

/* `parent` is the bridge or NULL; memory and io may be NULL for the system's. */
void isa_bus_init(struct isa_bus *bus, struct device *parent, struct mem_region *memory,
                  struct mem_region *io);

/* Connect line n. */
void isa_bus_connect_irq(struct isa_bus *bus, unsigned n, struct irq *irq);
void isa_bus_set_dma(struct isa_bus *bus, const struct isa_dma_ops *ops, void *opaque);

/* The bus a realized (or being realized) device sits on. */
struct isa_bus *isa_device_bus(const struct isa_device *dev);

/*
 * The device's own input of line `n`; may be asked for before the line is connected, and again. n out
 * of range gives NULL, which irq_set() ignores.
 */
struct irq *isa_irq(struct isa_device *dev, unsigned n);

/* Show `mr` at port `base`, or at an address of ISA memory. */
void isa_register_ioport(struct isa_device *dev, struct mem_region *mr, uint16_t base);
void isa_register_memory(struct isa_device *dev, struct mem_region *mr, uint32_t base);

/* Remove it again (unrealize, or decode switched off). */
void isa_unregister_ioport(struct isa_device *dev, struct mem_region *mr);
void isa_unregister_memory(struct isa_device *dev, struct mem_region *mr);

/* DMA by channel; without a controller nothing moves. */
void isa_dma_request(struct isa_device *dev, unsigned channel, bool level);
uint32_t isa_dma_transfer(struct isa_device *dev, unsigned channel, void *buf, uint32_t len,
                          bool to_memory, bool *tc);

#endif
