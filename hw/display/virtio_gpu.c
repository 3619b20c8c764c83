/* SPDX-License-Identifier: MIT */
/*
 * Virtio GPU (VIRTIO 1.2, 5.7), 2D: configuration space, life, saved state, and "virtio-gpu-pci".
 *
 * Not modelled: 3D (VIRGL, contexts), blob resources, resource UUIDs.
 */
#include "hw/display/virtio_gpu.h"

#include "hw/core/vmstate.h"
#include "util/error.h"

#include <errno.h>

/* Configuration space (5.7.4) */
#define CONFIG_EVENTS_READ  0
#define CONFIG_EVENTS_CLEAR 4
#define CONFIG_NUM_SCANOUTS 8
#define CONFIG_SIZE         16

#define CONTROL_QUEUE_SIZE 256
#define CURSOR_QUEUE_SIZE  16

static struct virtio_gpu *gpu_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_gpu, dev);
}

/* --- configuration space ------------------------------------------------------------------------ */

static void get_config(struct virtio_device *dev, uint8_t *buf)
{
    const struct virtio_gpu *g = gpu_of(dev);

    st_le32(buf + CONFIG_EVENTS_READ, g->events);
    st_le32(buf + CONFIG_NUM_SCANOUTS, g->scanout_count);
}

static void set_config(struct virtio_device *dev, const uint8_t *buf)
{
    gpu_of(dev)->events &= ~ld_le32(buf + CONFIG_EVENTS_CLEAR);
}

/* --- life --------------------------------------------------------------------------------------- */

static void stop(struct virtio_device *dev)
{
    struct virtio_gpu *g = gpu_of(dev);

    deferred_cancel(&g->resume);
    gpu_scanouts_reset(g);
    gpu_resource_free_all(g);
    g->events = 0;
}

static void resume(void *opaque)
{
    gpu_work_control(opaque);
}

/* The rings are looked at when the machine is whole. */
static int loaded(struct virtio_device *dev, struct error **err)
{
    deferred_schedule(&gpu_of(dev)->resume);
    return 0;
}

static const struct virtio_ops gpu_ops = {.name = "virtio-gpu",
                                          .id = VIRTIO_ID_GPU,
                                          .config_size = CONFIG_SIZE,
                                          .get_config = get_config,
                                          .set_config = set_config,
                                          .stop = stop,
                                          .loaded = loaded};

static void control_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    gpu_work_control(gpu_of(dev));
}

static void cursor_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    gpu_work_cursor(gpu_of(dev));
}

void virtio_gpu_init(struct virtio_gpu *g)
{
    virtio_init(&g->dev, &gpu_ops, g->edid ? GPU_F_EDID : 0);
    g->control = virtio_add_queue(&g->dev, CONTROL_QUEUE_SIZE, control_kicked);
    g->cursor = virtio_add_queue(&g->dev, CURSOR_QUEUE_SIZE, cursor_kicked);
    deferred_init(&g->resume, resume, g);
}

void virtio_gpu_start(struct virtio_gpu *g, struct device *dev)
{
    g->scanout_count = g->prop_outputs;
    gpu_scanouts_init(g, dev);
}

void virtio_gpu_fini(struct virtio_gpu *g)
{
    virtio_fini(&g->dev);
    gpu_scanouts_fini(g);
}

/* --- saved state -------------------------------------------------------------------------------- */

static void gpu_pre_save(void *state)
{
    struct virtio_gpu *g = state;

    g->saved_scanouts = g->scanout_count;
}

static int gpu_pre_load(void *state, struct error **err)
{
    gpu_scanouts_reset(state);
    gpu_resource_free_all(state);
    return 0;
}

static int gpu_post_load(void *state, unsigned version, struct error **err)
{
    struct virtio_gpu *g = state;

    if (g->saved_scanouts != g->scanout_count) {
        error_set(err, "virtio-gpu: another max_outputs than saved");
        return -EINVAL;
    }
    for (unsigned i = 0; i < g->scanout_count; i++) {
        gpu_scanout_loaded(&g->scanouts[i]);
    }
    return gpu_resources_check(g, err);
}

const struct vmstate virtio_gpu_vmstate = {
    .name = "virtio-gpu",
    .version = 1,
    .pre_save = gpu_pre_save,
    .pre_load = gpu_pre_load,
    .post_load = gpu_post_load,
    .fields =
        (const struct vm_field[]){
            VM_U32(struct virtio_gpu, events),
            VM_BOOL(struct virtio_gpu, enabled),
            VM_U32(struct virtio_gpu, resource_count),
            VM_STRUCT_ALLOC(struct virtio_gpu, resources, resource_count, GPU_RESOURCES_MAX,
                            &gpu_resource_vmstate),
            VM_U32(struct virtio_gpu, saved_scanouts),
            VM_STRUCT_VARRAY(struct virtio_gpu, scanouts, saved_scanouts, &gpu_scanout_vmstate),
            VM_STRUCT(struct virtio_gpu, dev, &virtio_vmstate),
            VM_END,
        },
};

/* --- virtio-gpu-pci ----------------------------------------------------------------------------- */

struct virtio_gpu_pci {
    struct virtio_pci proxy;
    struct virtio_gpu gpu;
};

static int gpu_pci_realize(struct device *dev, struct error **err)
{
    struct virtio_gpu_pci *s = container_of(dev, struct virtio_gpu_pci, proxy.pci.dev);

    virtio_gpu_init(&s->gpu);
    int ret = virtio_pci_realize(&s->proxy, &s->gpu.dev, err);
    if (ret == 0) {
        virtio_gpu_start(&s->gpu, dev);
    }
    return ret;
}

static void gpu_pci_unrealize(struct device *dev)
{
    struct virtio_gpu_pci *s = container_of(dev, struct virtio_gpu_pci, proxy.pci.dev);

    virtio_gpu_fini(&s->gpu);
    virtio_pci_unrealize(&s->proxy);
}

static void gpu_pci_reset(struct device *dev, enum reset_kind kind)
{
    struct virtio_gpu_pci *s = container_of(dev, struct virtio_gpu_pci, proxy.pci.dev);

    virtio_reset(&s->gpu.dev);
    virtio_pci_reset(&s->proxy);
}

static const struct prop gpu_pci_props[] = {
    VIRTIO_GPU_PROPS(struct virtio_gpu_pci),
    VIRTIO_PCI_PROPS(struct virtio_gpu_pci),
    PROP_END,
};

static const struct vmstate gpu_pci_vmstate = {
    .name = "virtio-gpu-pci",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct virtio_gpu_pci, proxy, &virtio_pci_vmstate),
            VM_STRUCT(struct virtio_gpu_pci, gpu, &virtio_gpu_vmstate),
            VM_END,
        },
};

static const struct pci_info gpu_pci_info = VIRTIO_PCI_INFO(PCI_CLASS_DISPLAY_OTHER);

DEVICE_DEFINE(virtio_gpu_pci, .name = "virtio-gpu-pci", .alias = "virtio-gpu", .bus = BUS_PCI,
              .help = "display without a VGA", .hotpluggable = true, .pci = &gpu_pci_info,
              .state_size = sizeof(struct virtio_gpu_pci), .props = gpu_pci_props,
              .vmstate = &gpu_pci_vmstate, .realize = gpu_pci_realize,
              .unrealize = gpu_pci_unrealize, .reset = gpu_pci_reset);
