/* SPDX-License-Identifier: MIT */
/*
 * What an element of a virtqueue costs the device: virtqueue_pop() and virtqueue_push(), without the
 * driver's part.
 *
 *     build/bench/virtqueue [ROUNDS]
 *
 * A round is a ring full of elements of each kind. As a test it only says that all came and went.
 */
#include "hw/virtio/virtio_pci.h"
#include "tests/dev/virtdrv.h"

#include <stdio.h>
#include <time.h>

#define RING_SIZE 128u
#define DEFLATE   1u /* a queue whose handler is not called here: nobody kicks */

static unsigned runs = 20;

static const struct {
    const char *name;
    uint64_t features;
    bool indirect;
    unsigned parts;
} kinds[] = {
    {"split, 1 buffer", 0, false, 1},
    {"split, 3 buffers", 0, false, 3},
    {"split, 3 indirect", VIRTIO_F_INDIRECT_DESC, true, 3},
    {"split, 18 indirect", VIRTIO_F_INDIRECT_DESC, true, 18},
    {"packed, 1 buffer", VIRTIO_F_RING_PACKED, false, 1},
    {"packed, 3 buffers", VIRTIO_F_RING_PACKED, false, 3},
    {"packed, 3 indirect", VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC, true, 3},
    {"packed, 18 indirect", VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC, true, 18},
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static unsigned fill(struct vring *ring, unsigned parts)
{
    unsigned count = ring->indirect ? RING_SIZE : RING_SIZE / parts;
    struct vbuf bufs[18];

    for (unsigned i = 0; i < parts; i++)
        bufs[i] = (struct vbuf){VDRV_DATA + i * 0x1000, 512, i > 0};
    for (unsigned i = 0; i < count; i++)
        vring_add(ring, bufs, parts);
    return count;
}

static uint64_t drain(struct virtqueue *vq, unsigned count)
{
    uint64_t start = now_ns();
    struct virtq_elem *elem;
    unsigned n = 0;

    for (; (elem = virtqueue_pop(vq)); n++)
        virtqueue_push(vq, elem, elem->in_len);
    uint64_t spent = now_ns() - start;
    ck_assert_uint_eq(n, count);
    return spent;
}

static double measure(unsigned kind)
{
    struct device *dev = vdrv_make("virtio-balloon-pci,packed=on");
    struct virtio_pci *proxy = container_of(dev, struct virtio_pci, pci.dev);
    uint64_t best = UINT64_MAX;
    struct vring ring;
    unsigned count = 0;
    uint32_t len;

    ck_assert(vdrv_settle(VIRTIO_F_VERSION_1 | kinds[kind].features));
    vring_init(&ring, DEFLATE, RING_SIZE, kinds[kind].features);
    ring.indirect = kinds[kind].indirect;
    vdrv_go();
    for (unsigned i = 0; i < runs; i++) {
        count = fill(&ring, kinds[kind].parts);
        uint64_t spent = drain(&proxy->dev->queues[DEFLATE], count);
        best = MIN(best, spent);
        while (vring_used(&ring, kinds[kind].parts, &len)) {
        }
    }
    device_free(dev);
    return (double)best / count;
}

START_TEST(test_elements)
{
    vdrv_setup();
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        printf("%-20s %8.1f ns\n", kinds[i].name, measure(i));
}
END_TEST

int main(int argc, char **argv)
{
    const TTest *const tests[] = {test_elements};

    runs = argc > 1 ? MAX((unsigned)strtoul(argv[1], NULL, 0), 1u) : runs;
    setenv("CK_FORK", "no", 1);
    return test_run_all("virtqueue", tests, 1);
}
