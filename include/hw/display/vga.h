/* SPDX-License-Identifier: MIT */
/*
 * A VGA with the Bochs DISPI extension: the chip, without a bus. The bus's wrapper maps the
 * regions; the ports' handlers are also reachable through vga_port_read/write for adapters that
 * mirror them in memory.
 */
#ifndef HW_DISPLAY_VGA_H
#define HW_DISPLAY_VGA_H

#include "hw/core/memory.h"
#include "hw/display/source.h"

struct device;
struct error;
struct pci_device;
struct vmstate;

#define VGA_SEQ_COUNT   5
#define VGA_GC_COUNT    9
#define VGA_CRTC_COUNT  25
#define VGA_ATTR_COUNT  21
#define VGA_DISPI_COUNT 11

#define VGA_WINDOW_BASE 0xa0000u
#define VGA_WINDOW_SIZE 0x20000u
#define VGA_PORTS_MONO  0x3b0 /* 12 ports */
#define VGA_PORTS       0x3c0 /* 32 ports */
#define VGA_PORTS_DISPI 0x1ce /* 4 ports */

/* What the CPU sees between A0000h and BFFFFh. */
struct vga_window {
    uint32_t base, size; /* in the window region */
    uint32_t bank[2];    /* added to addresses in each half, which count from `base` on */
    bool direct;         /* video memory itself, not through the graphics controller */
    bool wide;           /* planes may be longer than 64 KiB */
};

struct vga;

/* What a chip has beyond the VGA. */
struct vga_ext {
    /* Ports as 3C0h to 3DFh, before the VGA looks at them. true: that was all. */
    bool (*port_read)(struct vga *s, unsigned port, uint8_t *val);
    bool (*port_write)(struct vga *s, unsigned port, uint8_t val);
    /* Change what the VGA would show; and map more, after it is shown. */
    void (*window)(const struct vga *s, struct vga_window *w);
    void (*mapped)(struct vga *s);
};

struct vga {
    /* Property, a power of two. */
    uint32_t vram_mb;

    uint8_t misc, feature, enable;
    uint8_t seq_index, seq[VGA_SEQ_COUNT];
    uint8_t gc_index, gc[VGA_GC_COUNT];
    uint8_t crtc_index, crtc[VGA_CRTC_COUNT];
    uint8_t attr_index, attr[VGA_ATTR_COUNT];
    bool attr_data; /* the flip-flop: the next write to 3C0h is data */
    uint8_t dac_mask, dac_index, dac_step;
    bool dac_reading;
    uint8_t dac_partial[3];
    uint8_t dac[768];
    uint32_t latch; /* plane p in byte p */
    uint16_t dispi_index, dispi[VGA_DISPI_COUNT];

    uint32_t vram_size;        /* derived from the property */
    uint8_t *memory;           /* derived: where vram is */
    struct vga_window current; /* derived: what the window regions show */
    const struct vga_ext *ext; /* NULL, or set before vga_init(): such a chip has no DISPI */

    struct mem_region vram;
    struct mem_region window;    /* A0000h: holds the next ones */
    struct mem_region planar;    /* accesses through the graphics controller */
    struct mem_region direct[2]; /* aliases of vram, a half of the window each */
    struct mem_region mono_io, vga_io, dispi_io;
    struct display_source source;
};

extern const struct vmstate vga_vmstate;

/* vram_mb is set. 0 or -errno. */
int vga_init(struct vga *s, struct error **err);
void vga_fini(struct vga *s);
void vga_reset(struct vga *s);

/* One byte at a legacy port, 3B0h to 3DFh. */
uint8_t vga_port_read(struct vga *s, unsigned port);
void vga_port_write(struct vga *s, unsigned port, uint8_t val);

/* DISPI registers by number. */
uint16_t vga_dispi_read(struct vga *s, unsigned index);
void vga_dispi_write(struct vga *s, unsigned index, uint16_t val);

/* A chip on a PCI function. */
struct vga_bus {
    struct vga *vga;
    struct pci_device *pci;
    const uint8_t *edid;    /* EDID_SIZE bytes to be read from mmio; NULL: none */
    bool legacy;            /* the function is a VGA: ports and A0000h are its */
    struct mem_region mmio; /* 4 KiB of registers, for the function to show in a BAR */
};

/* Map the legacy addresses; the chip is initialized. All three live as long as the function. */
void vga_bus_init(struct vga_bus *s, struct vga *vga, struct pci_device *pci, const uint8_t *edid);
void vga_bus_fini(struct vga_bus *s);
/* The command register may have changed: by the guest, by reset, or it was loaded. */
void vga_bus_update(struct vga_bus *s);

/* The chip of a "VGA" device. */
struct vga *vga_pci_chip(struct device *dev);

#endif
