/* SPDX-License-Identifier: MIT */
/*
 * "VGA": the VGA as a PCI adapter (1234:1111). BAR 0 is video memory, BAR 2 the registers in memory
 * (vga_bus.c). "secondary-vga" is the same without legacy addresses, so that there may be many.
 */
#include "hw/display/edid.h"
#include "hw/display/vga.h"

#include "hw/core/vmstate.h"
#include "hw/pci/pci.h"
#include "ui/display.h"
#include "util/error.h"

#define SIDE_MIN 64u /* pixels: what an EDID can say */
#define SIDE_MAX 4095u

struct vga_pci {
    struct pci_device pci;
    struct vga vga;
    struct vga_bus decode;
    struct display *display;
    struct display_source_ops ops; /* the chip's, and suggest_size */
    uint8_t edid[EDID_SIZE];
    bool edid_on; /* properties */
    uint32_t xres, yres;
};

/* --- the monitor ------------------------------------------------------------------------------ */

/* A driver that looks at the EDID again finds the window's size preferred. */
static void suggest_size(void *opaque, unsigned width, unsigned height)
{
    struct vga_pci *s = container_of(opaque, struct vga_pci, vga);
    bool given = width && height;

    width = given ? MIN(MAX(width, SIDE_MIN), SIDE_MAX) : s->xres;
    height = given ? MIN(MAX(height, SIDE_MIN), SIDE_MAX) : s->yres;
    edid_make(s->edid, width, height);
}

static void show(struct vga_pci *s)
{
    struct display_source source = s->vga.source;

    s->ops = *source.ops;
    s->ops.suggest_size = s->edid_on ? suggest_size : NULL;
    source.ops = &s->ops;
    s->display = display_register(&source, &s->pci.dev, 0);
}

/* --- life ------------------------------------------------------------------------------------- */

static void vga_pci_config_written(struct pci_device *pci, unsigned off, unsigned size,
                                   uint32_t old)
{
    if (off <= PCI_COMMAND) {
        vga_bus_update(&container_of(pci, struct vga_pci, pci)->decode);
    }
}

static void vga_pci_reset(struct device *dev, enum reset_kind kind)
{
    struct vga_pci *s = container_of(dev, struct vga_pci, pci.dev);

    vga_reset(&s->vga);
    vga_bus_update(&s->decode);
}

static int vga_pci_realize(struct device *dev, struct error **err)
{
    struct vga_pci *s = container_of(dev, struct vga_pci, pci.dev);
    int ret = vga_init(&s->vga, err);

    if (ret < 0) {
        return ret;
    }
    edid_make(s->edid, s->xres, s->yres);
    pci_register_bar(&s->pci, 0, PCI_BAR_MEM32 | PCI_BAR_PREFETCH, &s->vga.vram);
    vga_bus_init(&s->decode, &s->vga, &s->pci, s->edid_on ? s->edid : NULL);
    pci_register_bar(&s->pci, 2, PCI_BAR_MEM32, &s->decode.mmio);
    show(s);
    return 0;
}

static void vga_pci_unrealize(struct device *dev)
{
    struct vga_pci *s = container_of(dev, struct vga_pci, pci.dev);

    display_unregister(s->display);
    vga_bus_fini(&s->decode);
    vga_fini(&s->vga);
}

struct vga *vga_pci_chip(struct device *dev)
{
    return &container_of(dev, struct vga_pci, pci.dev)->vga;
}

static int vga_pci_post_load(void *state, unsigned version, struct error **err)
{
    vga_bus_update(&((struct vga_pci *)state)->decode);
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
    PROP_U32("xres", struct vga_pci, xres, 1280, SIDE_MIN, SIDE_MAX, "width the monitor prefers"),
    PROP_U32("yres", struct vga_pci, yres, 800, SIDE_MIN, SIDE_MAX, "height the monitor prefers"),
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

#define VGA_PCI_DEVICE(ident, model, info, hot, text)                                              \
    DEVICE_DEFINE(ident, .name = model, .bus = BUS_PCI, .help = text, .pci = info,                 \
                  .hotpluggable = hot, .state_size = sizeof(struct vga_pci),                       \
                  .props = vga_pci_props, .vmstate = &vga_pci_vmstate, .realize = vga_pci_realize, \
                  .unrealize = vga_pci_unrealize, .reset = vga_pci_reset)

static const struct pci_info secondary_vga_info = {
    .vendor = PCI_VENDOR_QEMU,
    .device = 0x1111,
    .revision = 2,
    .class_code = PCI_CLASS_DISPLAY_OTHER,
    .config_written = vga_pci_config_written,
};

VGA_PCI_DEVICE(vga_pci, "VGA", &vga_pci_info, false, "VGA with Bochs VBE extensions");
VGA_PCI_DEVICE(secondary_vga, "secondary-vga", &secondary_vga_info, true,
               "the same without legacy addresses, for further screens");
