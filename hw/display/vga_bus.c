/* SPDX-License-Identifier: MIT */
/*
 * What the VGAs on PCI functions have in common: the legacy ports and A0000h, decoded while the
 * command register allows ports and memory; and 4 KiB of registers in memory, which hold the EDID,
 * the VGA ports (400h: 3C0h and up), the DISPI registers (500h) and the extension that names its
 * size and byte order (600h; only little endian here).
 */
#include "hw/display/edid.h"
#include "hw/display/vga.h"
#include "hw/pci/pci.h"

#define MMIO_SIZE      0x1000
#define MMIO_PORTS     0x400 /* 3C0h to 3DFh */
#define MMIO_PORTS_END 0x420
#define MMIO_DISPI     0x500
#define MMIO_DISPI_END (MMIO_DISPI + 2 * VGA_DISPI_COUNT)
#define MMIO_EXT_SIZE  0x600
#define MMIO_EXT_ORDER 0x604
#define EXT_SIZE       8
#define ORDER_LITTLE   0x1e1e1e1eu

/* --- registers in memory ------------------------------------------------------------------------ */

static uint8_t mmio_read_byte(struct vga_bus *s, unsigned off)
{
    if (off < EDID_SIZE) {
        return s->edid ? s->edid[off] : 0;
    }
    if (off >= MMIO_PORTS && off < MMIO_PORTS_END) {
        return vga_port_read(s->vga, VGA_PORTS + off - MMIO_PORTS);
    }
    if (off >= MMIO_DISPI && off < MMIO_DISPI_END) {
        return (uint8_t)(vga_dispi_read(s->vga, (off - MMIO_DISPI) / 2) >> off % 2 * 8);
    }
    if (off >= MMIO_EXT_SIZE && off < MMIO_EXT_SIZE + EXT_SIZE) {
        uint64_t ext = EXT_SIZE | (uint64_t)ORDER_LITTLE << 32;
        return (uint8_t)(ext >> (off - MMIO_EXT_SIZE) * 8);
    }
    return off < MMIO_PORTS ? 0 : 0xff;
}

static uint64_t mmio_read(void *opaque, uint64_t off, unsigned size)
{
    uint64_t val = 0;

    for (unsigned i = 0; i < size; i++) {
        val |= (uint64_t)mmio_read_byte(opaque, (unsigned)off + i) << i * 8;
    }
    return val;
}

/* DISPI registers take whole words. */
static void mmio_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct vga_bus *s = opaque;

    if (off >= MMIO_DISPI && off < MMIO_DISPI_END) {
        for (unsigned i = 0; i + 2 <= size; i += 2) {
            vga_dispi_write(s->vga, (unsigned)(off + i - MMIO_DISPI) / 2, (uint16_t)(val >> i * 8));
        }
    } else if (off >= MMIO_PORTS && off < MMIO_PORTS_END) {
        for (unsigned i = 0; i < size; i++) {
            vga_port_write(s->vga, VGA_PORTS + (unsigned)off + i - MMIO_PORTS,
                           (uint8_t)(val >> i * 8));
        }
    }
}

static const struct mem_ops mmio_ops = {
    .read = mmio_read,
    .write = mmio_write,
    .valid = {1, 4, false},
    .impl = {1, 4, false},
};

/* --- legacy addresses ------------------------------------------------------------------------- */

/* The function's ports, and where they are. */
struct legacy_ports {
    struct mem_region *mr;
    unsigned port;
};

static unsigned legacy_ports(const struct vga_bus *s, struct legacy_ports ports[3])
{
    ports[0] = (struct legacy_ports){&s->vga->mono_io, VGA_PORTS_MONO};
    ports[1] = (struct legacy_ports){&s->vga->vga_io, VGA_PORTS};
    ports[2] = (struct legacy_ports){&s->vga->dispi_io, VGA_PORTS_DISPI};
    return !s->legacy ? 0 : s->vga->ext ? 2 : 3;
}

void vga_bus_update(struct vga_bus *s)
{
    uint16_t command = pci_get_word(s->pci, PCI_COMMAND);
    struct legacy_ports ports[3];
    unsigned n = legacy_ports(s, ports);

    mem_txn_begin();
    mem_region_set_enabled(&s->vga->window, command & PCI_COMMAND_MEMORY);
    for (unsigned i = 0; i < n; i++) {
        mem_region_set_enabled(ports[i].mr, command & PCI_COMMAND_IO);
    }
    mem_txn_commit();
}

void vga_bus_init(struct vga_bus *s, struct vga *vga, struct pci_device *pci, const uint8_t *edid)
{
    struct legacy_ports ports[3];

    *s = (struct vga_bus){.vga = vga, .pci = pci, .edid = edid};
    s->legacy = pci_get_long(pci, PCI_REVISION) >> 8 == PCI_CLASS_DISPLAY_VGA;
    mem_region_init_io(&s->mmio, "vga-mmio", MMIO_SIZE, &mmio_ops, s);
    mem_txn_begin();
    if (s->legacy) {
        mem_region_add_overlap(pci->bus->memory, VGA_WINDOW_BASE, &vga->window, 1);
    }
    for (unsigned i = 0, n = legacy_ports(s, ports); i < n; i++) {
        mem_region_add(pci->bus->io, ports[i].port, ports[i].mr);
    }
    vga_bus_update(s);
    mem_txn_commit();
}

void vga_bus_fini(struct vga_bus *s)
{
    struct legacy_ports ports[3];

    if (s->legacy) {
        mem_region_del(s->pci->bus->memory, &s->vga->window);
    }
    for (unsigned i = 0, n = legacy_ports(s, ports); i < n; i++) {
        mem_region_del(s->pci->bus->io, ports[i].mr);
    }
    mem_region_fini(&s->mmio);
}
