/* SPDX-License-Identifier: MIT */
/*
 * A virtio driver for tests, over the modern interface: it finds the structures by their
 * capabilities, settles features, and works rings of both formats in guest memory.
 */
#ifndef TESTS_DEV_VIRTDRV_H
#define TESTS_DEV_VIRTDRV_H

#include "chardev/chardev.h"
#include "hw/core/hotplug.h"
#include "hw/core/msi.h"
#include "hw/virtio/virtio.h"
#include "system/mainloop.h"
#include "system/object.h"
#include "tests/dev/guestram.h"
#include "tests/dev/pcibus.h"

#define VDRV_BAR   0xe0000000u
#define VDRV_MSIX  0xd0000000u
#define VDRV_IO    0xc000u
#define VDRV_RINGS 0x100000u /* 64 KiB each, from here on */
#define VDRV_DATA  0x800000u
#define VDRV_SLOT  PCI_DEVFN(4, 0)

enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_WINDOW };

static struct test_pci vdrv_pci;
static gpa_t vdrv_cap[6]; /* where the structures are */
static unsigned vdrv_msis;
static uint32_t vdrv_msi_data;

struct vring {
    unsigned index, num;
    bool packed, indirect;
    gpa_t desc, driver, device;
    uint16_t avail, used; /* split: counters; packed: positions */
    bool avail_wrap, used_wrap;
    uint16_t next; /* descriptor to use next */
};

struct vbuf {
    gpa_t gpa;
    uint32_t len;
    bool write;
};

static inline void vdrv_got_msi(void *opaque, uint64_t addr, uint32_t data)
{
    vdrv_msis++;
    vdrv_msi_data = data;
}

static inline void vdrv_setup(void)
{
    ck_assert_int_eq(mainloop_init(NULL), 0);
    memory_init();
    device_lock();
    clock_manual(true);
    guest_ram_init();
    ram_set_guest_size(GUEST_RAM_SIZE);
    test_pci_init(&vdrv_pci);
    object_init();
    chardev_init();
    msi_set_handler(vdrv_got_msi, NULL);
}

/* --- memory and registers ----------------------------------------------------------------------- */

static inline uint64_t mem_get(gpa_t gpa, unsigned size)
{
    uint8_t buf[8] = {0};

    addr_space_read(&as_memory, gpa, buf, size);
    return ld_le64(buf);
}

static inline void mem_put(gpa_t gpa, uint64_t val, unsigned size)
{
    uint8_t buf[8];

    st_le64(buf, val);
    addr_space_write(&as_memory, gpa, buf, size);
}

static inline uint64_t common_get(unsigned reg, unsigned size)
{
    return mem_get(vdrv_cap[CAP_COMMON] + reg, size);
}

static inline void common_put(unsigned reg, uint64_t val, unsigned size)
{
    mem_put(vdrv_cap[CAP_COMMON] + reg, val, size);
}

static inline uint8_t isr_get(void)
{
    return (uint8_t)mem_get(vdrv_cap[CAP_ISR], 1);
}

static inline unsigned find_cap(uint8_t devfn, uint8_t id, unsigned after)
{
    unsigned off = config_read(devfn, after ? after + 1 : 0x34, 1);

    while (off && config_read(devfn, off, 1) != id)
        off = config_read(devfn, off + 1, 1);
    return off;
}

/* Where firmware would put the BARs; MSI-X is left off. */
static inline void vdrv_map(uint8_t devfn)
{
    config_write(devfn, 0x10, VDRV_IO, 4);
    config_write(devfn, 0x14, VDRV_MSIX, 4);
    config_write(devfn, 0x20, VDRV_BAR, 4);
    config_write(devfn, 0x24, 0, 4);
    config_write(devfn, 0x04, 7, 2);
    memset(vdrv_cap, 0, sizeof(vdrv_cap));
    for (unsigned off = 0; (off = find_cap(devfn, 9, off));) {
        unsigned type = config_read(devfn, off + 3, 1);
        ck_assert_uint_lt(type, 6);
        vdrv_cap[type] = type == CAP_WINDOW ? off : VDRV_BAR + config_read(devfn, off + 8, 4);
    }
}

static inline struct device *vdrv_make(const char *text)
{
    struct error *err = NULL;
    char *full = g_strdup_printf("%s,addr=4,id=v", text);
    int ret = device_add_text(full, &err);

    ck_assert_msg(ret == 0, "%s: %s", text, err ? error_msg(err) : "");
    g_free(full);
    device_reset(device_find("v"), RESET_COLD);
    vdrv_map(VDRV_SLOT);
    return device_find("v");
}

/* --- initialisation (3.1.1) --------------------------------------------------------------------- */

static inline uint64_t vdrv_offered(void)
{
    uint64_t f;

    common_put(0x00, 0, 4);
    f = common_get(0x04, 4);
    common_put(0x00, 1, 4);
    return f | common_get(0x04, 4) << 32;
}

static inline void vdrv_accept(uint64_t features)
{
    common_put(0x08, 0, 4);
    common_put(0x0c, (uint32_t)features, 4);
    common_put(0x08, 1, 4);
    common_put(0x0c, features >> 32, 4);
}

/* Up to FEATURES_OK; whether the device agrees. */
static inline bool vdrv_settle(uint64_t features)
{
    common_put(0x14, 0, 1);
    common_put(0x14, 3, 1);
    vdrv_accept(features);
    common_put(0x14, 0xb, 1);
    return common_get(0x14, 1) & 8;
}

static inline void vdrv_go(void)
{
    common_put(0x14, 0xf, 1);
    ck_assert_uint_eq(common_get(0x14, 1), 0xf);
}

static inline void vring_init(struct vring *r, unsigned index, unsigned num, uint64_t features)
{
    gpa_t base = VDRV_RINGS + index * 0x10000ull;

    *r = (struct vring){.index = index,
                        .num = num,
                        .packed = features & VIRTIO_F_RING_PACKED,
                        .desc = base,
                        .driver = base + 0x8000,
                        .device = base + 0xc000,
                        .avail_wrap = true,
                        .used_wrap = true};
    addr_space_set(&as_memory, base, 0, 0x10000);
    common_put(0x16, index, 2);
    common_put(0x18, num, 2);
    common_put(0x20, r->desc, 8);
    common_put(0x28, (uint32_t)r->driver, 4); /* halves are fine, too */
    common_put(0x2c, r->driver >> 32, 4);
    common_put(0x30, r->device, 8);
    common_put(0x1c, 1, 2);
    ck_assert_uint_eq(common_get(0x1c, 2), 1);
}

static inline void vdrv_kick(unsigned queue)
{
    mem_put(vdrv_cap[CAP_NOTIFY] + 4ull * queue, queue, 2);
}

/* --- rings -------------------------------------------------------------------------------------- */

static inline void put_desc(gpa_t at, const struct vbuf *b, uint16_t w12, uint16_t w14)
{
    mem_put(at, b->gpa, 8);
    mem_put(at + 8, b->len, 4);
    mem_put(at + 12, w12, 2);
    mem_put(at + 14, w14, 2);
}

static inline void split_add(struct vring *r, const struct vbuf *bufs, unsigned count)
{
    uint16_t head = r->next;

    for (unsigned i = 0; i < count; i++) {
        uint16_t d = r->next, flags = (uint16_t)((i + 1 < count ? 1 : 0) | (bufs[i].write ? 2 : 0));

        r->next = (uint16_t)((r->next + 1) % r->num);
        put_desc(r->desc + 16ull * d, &bufs[i], flags, r->next);
    }
    mem_put(r->driver + 4 + 2ull * (r->avail % r->num), head, 2);
    r->avail++;
    mem_put(r->driver + 2, r->avail, 2);
}

static inline void packed_add(struct vring *r, const struct vbuf *bufs, unsigned count)
{
    gpa_t head_flags = 0;
    uint16_t head_value = 0;

    for (unsigned i = 0; i < count; i++) {
        gpa_t at = r->desc + 16ull * r->avail;
        uint16_t flags = (uint16_t)((i + 1 < count ? 1 : 0) | (bufs[i].write ? 2 : 0) |
                                    (r->avail_wrap ? 0x0080 : 0x8000));

        put_desc(at, &bufs[i], (uint16_t)(r->next & 0x7fff),
                 i ? flags : (uint16_t)mem_get(at + 14, 2));
        if (!i) {
            head_flags = at + 14;
            head_value = flags;
        }
        if (++r->avail == r->num) {
            r->avail = 0;
            r->avail_wrap = !r->avail_wrap;
        }
    }
    r->next++;
    mem_put(head_flags, head_value, 2);
}

/* A table in memory instead of the chain; the tables lie behind the data. */
static inline void indirect_add(struct vring *r, const struct vbuf *bufs, unsigned count)
{
    gpa_t table = VDRV_DATA + 0x400000 + (r->next % 256u) * 0x400ull;
    struct vbuf one = {table, 16 * count, false};

    for (unsigned i = 0; i < count; i++) {
        uint16_t next = i + 1 < count ? 1 : 0, flags = (uint16_t)(next | (bufs[i].write ? 2 : 0));
        uint16_t w12 = r->packed ? 0 : flags, w14 = r->packed ? flags & 2 : (uint16_t)(i + 1);
        put_desc(table + 16ull * i, &bufs[i], w12, w14);
    }
    if (r->packed) {
        gpa_t at = r->desc + 16ull * r->avail;
        packed_add(r, &one, 1);
        mem_put(at + 14, mem_get(at + 14, 2) | 4, 2);
    } else {
        gpa_t at = r->desc + 16ull * r->next;
        split_add(r, &one, 1);
        mem_put(at + 12, 4, 2);
    }
}

static inline void vring_add(struct vring *r, const struct vbuf *bufs, unsigned count)
{
    if (r->indirect)
        indirect_add(r, bufs, count);
    else if (r->packed)
        packed_add(r, bufs, count);
    else
        split_add(r, bufs, count);
}

/* The next used buffer of `count` descriptors; false: none. */
static inline bool vring_used(struct vring *r, unsigned count, uint32_t *len)
{
    if (!r->packed) {
        if ((uint16_t)mem_get(r->device + 2, 2) == r->used)
            return false;
        *len = (uint32_t)mem_get(r->device + 4 + 8ull * (r->used % r->num) + 4, 4);
        r->used++;
        return true;
    }
    uint16_t flags = (uint16_t)mem_get(r->desc + 16ull * r->used + 14, 2);
    if (!!(flags & 0x80) != r->used_wrap || !!(flags & 0x8000) != r->used_wrap)
        return false;
    *len = (uint32_t)mem_get(r->desc + 16ull * r->used + 8, 4);
    r->used = (uint16_t)(r->used + (r->indirect ? 1 : count));
    if (r->used >= r->num) {
        r->used = (uint16_t)(r->used - r->num);
        r->used_wrap = !r->used_wrap;
    }
    return true;
}

static inline void vdrv_loop(void)
{
    for (unsigned i = 0; i < 4; i++)
        mainloop_iterate(false);
}

#endif
