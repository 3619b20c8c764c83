/* SPDX-License-Identifier: MIT */
/*
 * "virtio-vga": a VGA and a virtio GPU in one function (1af4:1050). The first head shows the VGA
 * until a virtio driver sets a scanout, and again after a reset. BAR 0 is video memory, BAR 2 the
 * VGA's registers in memory and from 4000h on the virtio structures, BAR 4 MSI-X: firmware finds
 * the VGA's parts where a "VGA" has them.
 */
#include "hw/display/virtio_gpu.h"

#include "hw/core/vmstate.h"
#include "hw/display/edid.h"
#include "hw/display/vga.h"

#define MMIO_BAR     2
#define MSIX_BAR     4
#define VIRTIO_START 0x4000

struct virtio_vga {
    struct virtio_pci proxy;
    struct virtio_gpu gpu;
    struct vga vga;
    struct vga_bus decode;
    uint8_t edid[EDID_SIZE]; /* constant after realize */
};

static struct virtio_vga *virtio_vga_of(struct device *dev)
{
    return container_of(dev, struct virtio_vga, proxy.pci.dev);
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old)
{
    if (off <= PCI_COMMAND) {
        vga_bus_update(&container_of(pci, struct virtio_vga, proxy.pci)->decode);
    }
    virtio_pci_config_written(pci, off, size, old);
}

static void virtio_vga_reset(struct device *dev, enum reset_kind kind)
{
    struct virtio_vga *s = virtio_vga_of(dev);

    virtio_reset(&s->gpu.dev);
    virtio_pci_reset(&s->proxy);
    vga_reset(&s->vga);
    vga_bus_update(&s->decode);
}

static int virtio_vga_realize(struct device *dev, struct error **err)
{
    struct virtio_vga *s = virtio_vga_of(dev);
    int ret = vga_init(&s->vga, err);

    if (ret < 0) {
        return ret;
    }
    virtio_gpu_init(&s->gpu);
    s->proxy.modern_bar = MMIO_BAR;
    s->proxy.msix_bar = MSIX_BAR;
    s->proxy.modern_start = VIRTIO_START;
    ret = virtio_pci_realize(&s->proxy, &s->gpu.dev, err);
    if (ret < 0) {
        vga_fini(&s->vga);
        return ret;
    }
    edid_make(s->edid, s->gpu.xres, s->gpu.yres);
    pci_register_bar(&s->proxy.pci, 0, PCI_BAR_MEM32 | PCI_BAR_PREFETCH, &s->vga.vram);
    vga_bus_init(&s->decode, &s->vga, &s->proxy.pci, s->gpu.edid ? s->edid : NULL);
    mem_region_add(&s->proxy.modern, 0, &s->decode.mmio);
    s->gpu.legacy = s->vga.source;
    virtio_gpu_start(&s->gpu, dev);
    return 0;
}

static void virtio_vga_unrealize(struct device *dev)
{
    struct virtio_vga *s = virtio_vga_of(dev);

    virtio_gpu_fini(&s->gpu);
    mem_region_del(&s->proxy.modern, &s->decode.mmio);
    vga_bus_fini(&s->decode);
    virtio_pci_unrealize(&s->proxy);
    vga_fini(&s->vga);
}

static int virtio_vga_post_load(void *state, unsigned version, struct error **err)
{
    vga_bus_update(&((struct virtio_vga *)state)->decode);
    return 0;
}

static const struct vmstate virtio_vga_vmstate = {
    .name = "virtio-vga",
    .version = 1,
    .post_load = virtio_vga_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct virtio_vga, proxy, &virtio_pci_vmstate),
            VM_STRUCT(struct virtio_vga, vga, &vga_vmstate),
            VM_STRUCT(struct virtio_vga, gpu, &virtio_gpu_vmstate),
            VM_END,
        },
};

static const struct prop virtio_vga_props[] = {
    PROP_U32("vgamem_mb", struct virtio_vga, vga.vram_mb, 8, 1, 256, "MiB of the VGA's memory"),
    VIRTIO_GPU_PROPS(struct virtio_vga),
    VIRTIO_PCI_PROPS(struct virtio_vga),
    PROP_END,
};

static const struct pci_info virtio_vga_info = {
    .vendor = PCI_VENDOR_VIRTIO,
    .class_code = PCI_CLASS_DISPLAY_VGA,
    .int_pin = 1,
    .romfile = "vgabios-virtio.bin",
    .config_read = virtio_pci_config_read,
    .config_written = config_written,
};

DEVICE_DEFINE(virtio_vga, .name = "virtio-vga", .bus = BUS_PCI,
              .help = "VGA that becomes a virtio display", .pci = &virtio_vga_info,
              .state_size = sizeof(struct virtio_vga), .props = virtio_vga_props,
              .vmstate = &virtio_vga_vmstate, .realize = virtio_vga_realize,
              .unrealize = virtio_vga_unrealize, .reset = virtio_vga_reset);
