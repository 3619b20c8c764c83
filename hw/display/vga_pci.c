/* SPDX-License-Identifier: MIT */
/*
 * "VGA": the VGA as a PCI adapter (1234:1111). BAR 0 is video memory, BAR 2 holds the EDID, the VGA
 * ports (400h: 3C0h and up), the DISPI registers (500h) and the extension that names its size and
 * byte order (600h; only little endian here). The legacy ports and A0000h are decoded while the
 * command register allows ports and memory.
 */
#include "hw/display/edid.h"
#include "hw/display/vga.h"

#include "hw/core/vmstate.h"
#include "hw/pci/pci.h"
#include "ui/display.h"
#include "util/error.h"

#define MMIO_SIZE      0x1000
#define MMIO_PORTS     0x400 /* 3C0h to 3DFh */
#define MMIO_PORTS_END 0x420
#define MMIO_DISPI     0x500
#define MMIO_DISPI_END (MMIO_DISPI + 2 * VGA_DISPI_COUNT)
#define MMIO_EXT_SIZE  0x600
#define MMIO_EXT_ORDER 0x604
#define EXT_SIZE       8
#define ORDER_LITTLE   0x1e1e1e1eu

struct vga_pci {
    struct pci_device pci;
    struct vga vga;
    struct display *display;
    struct mem_region mmio;
    uint8_t edid[EDID_SIZE]; /* constant after realize */
    bool edid_on;            /* properties */
    uint32_t xres, yres;
};

/* --- BAR 2 ------------------------------------------------------------------------------------ */

static uint8_t mmio_read_byte(struct vga_pci *s, unsigned off)
{
    if (off < EDID_SIZE) {
        return s->edid_on ? s->edid[off] : 0;
    }
    if (off >= MMIO_PORTS && off < MMIO_PORTS_END) {
        return vga_port_read(&s->vga, VGA_PORTS + off - MMIO_PORTS);
    }
    if (off >= MMIO_DISPI && off < MMIO_DISPI_END) {
        return (uint8_t)(vga_dispi_read(&s->vga, (off - MMIO_DISPI) / 2) >> off % 2 * 8);
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
    struct vga_pci *s = opaque;

    if (off >= MMIO_DISPI && off < MMIO_DISPI_END) {
        for (unsigned i = 0; i + 2 <= size; i += 2) {
            vga_dispi_write(&s->vga, (unsigned)(off + i - MMIO_DISPI) / 2,
                            (uint16_t)(val >> i * 8));
        }
    } else if (off >= MMIO_PORTS && off < MMIO_PORTS_END) {
        for (unsigned i = 0; i < size; i++) {
            vga_port_write(&s->vga, VGA_PORTS + (unsigned)off + i - MMIO_PORTS,
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

/* --- life ------------------------------------------------------------------------------------- */

static void update_decoding(struct vga_pci *s)
{
    uint16_t command = pci_get_word(&s->pci, PCI_COMMAND);

    mem_txn_begin();
    mem_region_set_enabled(&s->vga.window, command & PCI_COMMAND_MEMORY);
    mem_region_set_enabled(&s->vga.mono_io, command & PCI_COMMAND_IO);
    mem_region_set_enabled(&s->vga.vga_io, command & PCI_COMMAND_IO);
    mem_region_set_enabled(&s->vga.dispi_io, command & PCI_COMMAND_IO);
    mem_txn_commit();
}

static void vga_pci_config_written(struct pci_device *pci, unsigned off, unsigned size,
                                   uint32_t old)
{
    if (off <= PCI_COMMAND) {
        update_decoding(container_of(pci, struct vga_pci, pci));
    }
}

static void vga_pci_reset(struct device *dev, enum reset_kind kind)
{
    struct vga_pci *s = container_of(dev, struct vga_pci, pci.dev);

    vga_reset(&s->vga);
    update_decoding(s);
}

static int vga_pci_realize(struct device *dev, struct error **err)
{
    struct vga_pci *s = container_of(dev, struct vga_pci, pci.dev);
    int ret = vga_init(&s->vga, err);

    if (ret < 0) {
        return ret;
    }
    edid_make(s->edid, s->xres, s->yres);
    mem_region_init_io(&s->mmio, "vga-mmio", MMIO_SIZE, &mmio_ops, s);
    pci_register_bar(&s->pci, 0, PCI_BAR_MEM32 | PCI_BAR_PREFETCH, &s->vga.vram);
    pci_register_bar(&s->pci, 2, PCI_BAR_MEM32, &s->mmio);
    mem_txn_begin();
    mem_region_add_overlap(s->pci.bus->memory, VGA_WINDOW_BASE, &s->vga.window, 1);
    mem_region_add(s->pci.bus->io, VGA_PORTS_MONO, &s->vga.mono_io);
    mem_region_add(s->pci.bus->io, VGA_PORTS, &s->vga.vga_io);
    mem_region_add(s->pci.bus->io, VGA_PORTS_DISPI, &s->vga.dispi_io);
    update_decoding(s);
    mem_txn_commit();
    s->display = display_register(&s->vga.source, dev, 0);
    return 0;
}

static void vga_pci_unrealize(struct device *dev)
{
    struct vga_pci *s = container_of(dev, struct vga_pci, pci.dev);

    display_unregister(s->display);
    mem_region_del(s->pci.bus->memory, &s->vga.window);
    mem_region_del(s->pci.bus->io, &s->vga.mono_io);
    mem_region_del(s->pci.bus->io, &s->vga.vga_io);
    mem_region_del(s->pci.bus->io, &s->vga.dispi_io);
    mem_region_fini(&s->mmio);
    vga_fini(&s->vga);
}

struct vga *vga_pci_chip(struct device *dev)
{
    return &container_of(dev, struct vga_pci, pci.dev)->vga;
}

static int vga_pci_post_load(void *state, unsigned version, struct error **err)
{
    update_decoding(state);
    return 0;
}

static const struct vmstate vga_pci_vmstate = {
    .name = "VGA",
    .version = 1,
    .post_load = vga_pci_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct vga_pci, pci, &pci_device_vmstate),
            VM_STRUCT(struct vga_pci, vga, &vga_vmstate),
            VM_END,
        },
};

static const struct prop vga_pci_props[] = {
    PROP_U32("vgamem_mb", struct vga_pci, vga.vram_mb, 16, 1, 256, "MiB of video memory"),
    PROP_BOOL("edid", struct vga_pci, edid_on, true, "describe a monitor to the guest"),
    PROP_U32("xres", struct vga_pci, xres, 1280, 64, 4095, "width the monitor prefers"),
    PROP_U32("yres", struct vga_pci, yres, 800, 64, 4095, "height the monitor prefers"),
    PROP_END,
};

static const struct pci_info vga_pci_info = {
    .vendor = PCI_VENDOR_QEMU,
    .device = 0x1111,
    .revision = 2,
    .class_code = PCI_CLASS_DISPLAY_VGA,
    .romfile = "vgabios-stdvga.bin",
    .config_written = vga_pci_config_written,
};

DEVICE_DEFINE(vga_pci, .name = "VGA", .bus = BUS_PCI, .help = "VGA with Bochs VBE extensions",
              .pci = &vga_pci_info, .state_size = sizeof(struct vga_pci), .props = vga_pci_props,
              .vmstate = &vga_pci_vmstate, .realize = vga_pci_realize,
              .unrealize = vga_pci_unrealize, .reset = vga_pci_reset);
