/* SPDX-License-Identifier: MIT */
/*
 * Virtio: the PCI transport (modern, legacy, window), rings of both formats with every feature,
 * interrupts, hostile rings, saved state; the devices' own work is in virtio_devices.c.
 */
#include "tests/dev/virtdrv.h"

#include <stdlib.h>

#define V1 VIRTIO_F_VERSION_1

static struct vring ring;

/* An entropy device with one ring. */
static struct device *make_rng(const char *options, uint64_t features, unsigned num)
{
    char *text = g_strdup_printf("virtio-rng-pci%s", options);
    struct device *dev = vdrv_make(text);

    g_free(text);
    ck_assert(vdrv_settle(V1 | features));
    vring_init(&ring, 0, num, features);
    vdrv_go();
    return dev;
}

static void add_in(gpa_t gpa, uint32_t len)
{
    struct vbuf b = {gpa, len, true};

    vring_add(&ring, &b, 1);
}

START_TEST(test_identity)
{
    static const struct {
        const char *text;
        uint16_t device, subsystem;
        uint8_t revision;
        bool legacy, modern;
    } rows[] = {
        {"virtio-rng-pci", 0x1005, 4, 0, true, true},
        {"virtio-rng", 0x1005, 4, 0, true, true},
        {"virtio-rng-pci-transitional", 0x1005, 4, 0, true, true},
        {"virtio-rng-pci,disable-legacy=on", 0x1044, 0x1100, 1, false, true},
        {"virtio-rng-pci-non-transitional", 0x1044, 0x1100, 1, false, true},
        {"virtio-rng-pci,disable-modern=on", 0x1005, 4, 0, true, false},
        {"virtio-balloon-pci", 0x1002, 5, 0, true, true},
        {"virtio-serial-pci,disable-legacy=on", 0x1043, 0x1100, 1, false, true},
        {"virtio-rng-pci,vectors=0", 0x1005, 4, 0, true, true},
    };

    vdrv_setup();
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct device *dev = vdrv_make(rows[i].text);

        ck_assert_uint_eq(config_read(VDRV_SLOT, 0, 2), 0x1af4);
        ck_assert_uint_eq(config_read(VDRV_SLOT, 2, 2), rows[i].device);
        ck_assert_uint_eq(config_read(VDRV_SLOT, 8, 1), rows[i].revision);
        ck_assert_uint_eq(config_read(VDRV_SLOT, 0x2e, 2), rows[i].subsystem);
        ck_assert_uint_eq(config_read(VDRV_SLOT, 0x10, 4), rows[i].legacy ? VDRV_IO | 1 : 0);
        ck_assert_uint_eq(vdrv_cap[CAP_COMMON], rows[i].modern ? VDRV_BAR : 0);
        ck_assert(!!vdrv_cap[CAP_NOTIFY] == rows[i].modern);
        ck_assert(!!find_cap(VDRV_SLOT, 0x11, 0) == !strstr(rows[i].text, "vectors=0"));
        dev_check_vmstate(dev);
        device_free(dev);
    }
}
END_TEST

START_TEST(test_refused)
{
    static const char *const bad[] = {
        "virtio-rng-pci,disable-legacy=on,disable-modern=on",
        "virtio-rng-pci,disable-modern=on,packed=on",
        "virtio-rng-pci,rng=nothing",
        "virtio-rng-pci,max-bytes=0",
        "virtio-rng-pci,disable-legacy=perhaps",
        "virtio-serial-pci,max_ports=32",
        "virtserialport",
    };

    vdrv_setup();
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        struct error *err = NULL;
        ck_assert_int_lt(device_add_text(bad[i], &err), 0);
        ck_assert_ptr_nonnull(err);
        error_free(err);
    }
}
END_TEST

START_TEST(test_status)
{
    vdrv_setup();
    struct device *dev = vdrv_make("virtio-rng-pci");
    ck_assert_uint_eq(vdrv_offered(),
                      V1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_RING_RESET);
    ck_assert(!vdrv_settle(0));                         /* not modern */
    ck_assert(!vdrv_settle(V1 | VIRTIO_F_RING_PACKED)); /* not offered */
    ck_assert(!vdrv_settle(V1 | BIT(3)));
    ck_assert(vdrv_settle(V1));
    vdrv_accept(V1 | VIRTIO_F_EVENT_IDX); /* too late */
    common_put(0x08, 0, 4);
    ck_assert_uint_eq(common_get(0x12, 2), 1); /* one queue */
    common_put(0x16, 1, 2);
    ck_assert_uint_eq(common_get(0x18, 2), 0);
    common_put(0x16, 0, 2);
    ck_assert_uint_eq(common_get(0x18, 2), 8);
    common_put(0x18, 3, 2); /* no power of two */
    common_put(0x1c, 1, 2);
    ck_assert_uint_eq(common_get(0x1c, 2), 0);
    ck_assert_uint_eq(common_get(0x14, 1), 0x4b); /* needs reset */
    ck_assert_uint_eq(isr_get(), 2);
    common_put(0x14, 0, 1);
    ck_assert_uint_eq(common_get(0x14, 1), 0);
    ck_assert_uint_eq(common_get(0x18, 2), 8);
    common_put(0x10, 1, 2); /* vectors: two there are */
    ck_assert_uint_eq(common_get(0x10, 2), 1);
    common_put(0x10, 2, 2);
    ck_assert_uint_eq(common_get(0x10, 2), 0xffff);
    device_free(dev);
}
END_TEST

/* Buffers of random sizes in random portions, a few times round the ring. */
static void exercise(unsigned num, unsigned parts)
{
    struct vbuf bufs[4];
    uint32_t len;

    for (unsigned round = 0; round < 400; round++) {
        unsigned batch = 1 + dev_random() % MAX(num / (ring.indirect ? 1 : parts), 1u);
        uint64_t added = 0, got = 0;
        for (unsigned b = 0; b < batch; b++) {
            for (unsigned i = 0; i < parts; i++) {
                uint32_t size = dev_random() % 64;
                bufs[i] = (struct vbuf){VDRV_DATA + b * 0x1000 + i * 0x100, size, true};
                added += size;
                addr_space_set(&as_memory, bufs[i].gpa, 0, 0x100);
            }
            vring_add(&ring, bufs, parts);
        }
        vdrv_kick(0);
        vdrv_loop();
        for (unsigned b = 0; b < batch; b++) {
            ck_assert_msg(vring_used(&ring, parts, &len), "round %u buffer %u", round, b);
            got += len;
        }
        ck_assert(!vring_used(&ring, parts, &len));
        ck_assert_uint_eq(got, added);
        ck_assert_uint_eq(common_get(0x14, 1), 0xf);
    }
}

START_TEST(test_rings)
{
    static const uint64_t features[] = {0, VIRTIO_F_EVENT_IDX, VIRTIO_F_RING_PACKED,
                                        VIRTIO_F_RING_PACKED | VIRTIO_F_EVENT_IDX,
                                        VIRTIO_F_IN_ORDER | VIRTIO_F_RING_PACKED};

    vdrv_setup();
    for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
        for (unsigned parts = 1; parts <= 3; parts++) {
            for (unsigned indirect = 0; indirect < 2; indirect++) {
                unsigned num = features[i] & VIRTIO_F_RING_PACKED ? 7 : 8;
                struct device *dev =
                    make_rng(",packed=on,in_order=on",
                             features[i] | (indirect ? VIRTIO_F_INDIRECT_DESC : 0), num);
                ring.indirect = indirect;
                exercise(num, parts);
                dev_check_vmstate(dev);
                device_free(dev);
            }
        }
    }
}
END_TEST

START_TEST(test_interrupts)
{
    vdrv_setup();
    struct device *dev = make_rng("", 0, 8);
    uint32_t len;

    add_in(VDRV_DATA, 16);
    vdrv_kick(0);
    vdrv_loop();
    ck_assert_int_eq(vdrv_pci.lines[0], 1);
    ck_assert_uint_eq(isr_get(), 1);
    ck_assert_int_eq(vdrv_pci.lines[0], 0);
    ck_assert_uint_eq(isr_get(), 0);
    mem_put(ring.driver, 1, 2); /* no interrupts, please */
    add_in(VDRV_DATA, 16);
    vdrv_kick(0);
    vdrv_loop();
    ck_assert_int_eq(vdrv_pci.lines[0], 0);
    ck_assert(vring_used(&ring, 1, &len) && vring_used(&ring, 1, &len));
    device_free(dev);
}
END_TEST

START_TEST(test_event_idx)
{
    vdrv_setup();
    struct device *dev = make_rng("", VIRTIO_F_EVENT_IDX, 8);

    mem_put(ring.driver + 4 + 16, 2, 2); /* after the third */
    for (unsigned i = 0; i < 4; i++) {
        add_in(VDRV_DATA, 8);
        vdrv_kick(0);
        vdrv_loop();
        ck_assert_uint_eq(isr_get(), i == 0 || i == 2);             /* the first one always */
        ck_assert_uint_eq(mem_get(ring.device + 4 + 64, 2), i + 1); /* where to kick next */
    }
    device_free(dev);

    /* Packed: by position and turn. */
    dev = make_rng(",packed=on", VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED, 8);
    mem_put(ring.driver, 0x8000 | 3, 2);
    mem_put(ring.driver + 2, 2, 2);
    for (unsigned i = 0; i < 10; i++) {
        add_in(VDRV_DATA, 8);
        vdrv_kick(0);
        vdrv_loop();
        ck_assert_uint_eq(isr_get(), i == 0 || i == 3 || i == 7); /* a new turn: always */
        ck_assert_uint_eq(mem_get(ring.device, 2), i < 7 ? 0x8000 | (i + 1) : i - 7);
        ck_assert_uint_eq(mem_get(ring.device + 2, 2), 2);
    }
    mem_put(ring.driver + 2, 1, 2); /* none */
    add_in(VDRV_DATA, 8);
    vdrv_kick(0);
    vdrv_loop();
    ck_assert_uint_eq(isr_get(), 0);
    device_free(dev);
}
END_TEST

START_TEST(test_msix)
{
    vdrv_setup();
    struct device *dev = vdrv_make("virtio-rng-pci");
    unsigned cap = find_cap(VDRV_SLOT, 0x11, 0);

    ck_assert(vdrv_settle(V1));
    config_write(VDRV_SLOT, cap + 2, 0x8000, 2);
    for (unsigned v = 0; v < 2; v++) {
        mem_put(VDRV_MSIX + 16 * v, 0xfee00000, 4);
        mem_put(VDRV_MSIX + 16 * v + 8, 0x40 + v, 4);
        mem_put(VDRV_MSIX + 16 * v + 12, 0, 4);
    }
    common_put(0x16, 0, 2);
    common_put(0x1a, 1, 2);
    ck_assert_uint_eq(common_get(0x1a, 2), 1);
    vring_init(&ring, 0, 8, V1);
    vdrv_go();
    add_in(VDRV_DATA, 16);
    vdrv_kick(0);
    vdrv_loop();
    ck_assert_uint_eq(vdrv_msis, 1);
    ck_assert_uint_eq(vdrv_msi_data, 0x41);
    ck_assert_int_eq(vdrv_pci.lines[0], 0);
    mem_put(VDRV_MSIX + 16 + 12, 1, 4); /* masked: pending */
    add_in(VDRV_DATA, 16);
    vdrv_kick(0);
    vdrv_loop();
    ck_assert_uint_eq(vdrv_msis, 1);
    mem_put(VDRV_MSIX + 16 + 12, 0, 4);
    ck_assert_uint_eq(vdrv_msis, 2);
    dev_check_vmstate(dev);
    device_free(dev);
}
END_TEST

START_TEST(test_legacy)
{
    vdrv_setup();
    struct device *dev = vdrv_make("virtio-rng-pci,disable-modern=on");
    uint32_t len;

    config_write(VDRV_SLOT, 4, 1, 2); /* no bus master: old drivers forgot */
    ck_assert_uint_eq(io_port_read(VDRV_IO, 4),
                      VIRTIO_F_ANY_LAYOUT | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC);
    outb(VDRV_IO + 0x12, 3);
    io_port_write(VDRV_IO + 4, 0, 4);
    io_port_write(VDRV_IO + 0x0e, 0, 2);
    ck_assert_uint_eq(io_port_read(VDRV_IO + 0x0c, 2), 8);
    io_port_write(VDRV_IO + 8, VDRV_RINGS >> 12, 4);
    ck_assert_uint_eq(io_port_read(VDRV_IO + 8, 4), VDRV_RINGS >> 12);
    ring = (struct vring){
        .num = 8, .desc = VDRV_RINGS, .driver = VDRV_RINGS + 128, .device = VDRV_RINGS + 0x1000};
    add_in(VDRV_DATA, 32);
    outb(VDRV_IO + 0x12, 7); /* which is noticed without a kick */
    vdrv_loop();
    ck_assert(vring_used(&ring, 1, &len));
    ck_assert_uint_eq(len, 32);
    ck_assert_int_eq(vdrv_pci.lines[0], 1);
    ck_assert_uint_eq(inb(VDRV_IO + 0x13), 1);
    ck_assert_int_eq(vdrv_pci.lines[0], 0);
    add_in(VDRV_DATA, 8);
    io_port_write(VDRV_IO + 0x10, 0, 2);
    vdrv_loop();
    ck_assert(vring_used(&ring, 1, &len));
    dev_check_vmstate(dev);
    outb(VDRV_IO + 0x12, 0);
    ck_assert_uint_eq(io_port_read(VDRV_IO + 8, 4), 0);
    device_free(dev);
}
END_TEST

static void window(uint8_t bar, uint32_t off, uint32_t len)
{
    unsigned cap = (unsigned)vdrv_cap[CAP_WINDOW];

    config_write(VDRV_SLOT, cap + 4, bar, 1);
    config_write(VDRV_SLOT, cap + 8, off, 4);
    config_write(VDRV_SLOT, cap + 12, len, 4);
}

START_TEST(test_window)
{
    vdrv_setup();
    struct device *dev = vdrv_make("virtio-balloon-pci");
    unsigned data = (unsigned)vdrv_cap[CAP_WINDOW] + 16;

    config_write(VDRV_SLOT, 4, 0, 2); /* no BAR is mapped */
    window(4, 0x14, 1);
    config_write(VDRV_SLOT, data, 3, 1);
    ck_assert_uint_eq(config_read(VDRV_SLOT, data, 1), 3);
    window(4, 0x18, 2);
    ck_assert_uint_eq(config_read(VDRV_SLOT, data, 2), 128);
    window(4, 0x2004, 4); /* the balloon's size */
    config_write(VDRV_SLOT, data, 77, 4);
    ck_assert_uint_eq(config_read(VDRV_SLOT, data, 4), 77);
    window(0, 0x12, 1);
    ck_assert_uint_eq(config_read(VDRV_SLOT, data, 1), 3);
    static const uint32_t bad[][3] = {{4, 0x4000, 4},     {4, 0x1fff, 4},   {4, 2, 4}, {4, 0, 3},
                                      {4, 0, 0},          {4, 0, 1u << 31}, {1, 0, 4}, {7, 0, 4},
                                      {4, 0xfffffffc, 4}, {0, 0x1000, 4}};
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        window((uint8_t)bad[i][0], bad[i][1], bad[i][2]);
        config_write(VDRV_SLOT, data, dev_random(), 4);
        config_read(VDRV_SLOT, data, 4);
    }
    device_free(dev);
}
END_TEST

/* --- what no driver does -------------------------------------------------------------------------- */

/* After add_in() of one buffer: spoil something, then kick. */
static void far_buffer(void)
{
    mem_put(ring.desc, 0x123456789000, 8);
}
static void wrapping_buffer(void)
{
    mem_put(ring.desc, UINT64_MAX - 7, 8);
}
static void long_buffer(void)
{
    mem_put(ring.desc + 8, UINT32_MAX, 4);
}
static void register_buffer(void)
{
    mem_put(ring.desc, VDRV_BAR, 8);
}
static void bad_head(void)
{
    mem_put(ring.driver + 4, 8, 2);
}
static void bad_next(void)
{
    mem_put(ring.desc + 12, 1 | 2, 2);
    mem_put(ring.desc + 14, 0xffff, 2);
}
static void endless_chain(void)
{
    mem_put(ring.desc + 12, 1 | 2, 2);
    mem_put(ring.desc + 14, 0, 2);
}
static void too_many(void)
{
    mem_put(ring.driver + 2, 0x4000, 2);
}
static void unwanted_indirect(void)
{
    mem_put(ring.desc + 12, 4, 2);
}
static void read_after_write(void)
{
    mem_put(ring.desc + 12, 1 | 2, 2);
    mem_put(ring.desc + 14, 1, 2);
    put_desc(ring.desc + 16, &(struct vbuf){VDRV_DATA, 8, false}, 0, 0);
}
static void table_of_odd_size(void)
{
    mem_put(ring.desc + 8, 24, 4);
    mem_put(ring.desc + 12, 4, 2);
}
static void empty_table(void)
{
    mem_put(ring.desc + 8, 0, 4);
    mem_put(ring.desc + 12, 4, 2);
}
static void far_table(void)
{
    mem_put(ring.desc, 1ull << 60, 8);
    mem_put(ring.desc + 12, 4, 2);
}
static void table_with_next(void)
{
    mem_put(ring.desc + 12, 4 | 1, 2);
}
static void table_in_table(void)
{
    put_desc(VDRV_DATA, &(struct vbuf){VDRV_DATA, 16, false}, 4, 0);
    mem_put(ring.desc + 8, 16, 4);
    mem_put(ring.desc + 12, 4, 2);
}
static void table_without_end(void)
{
    for (unsigned i = 0; i < 64; i++)
        put_desc(VDRV_DATA + 16 * i, &(struct vbuf){VDRV_DATA, 16, true}, 1 | 2, (uint16_t)(i ^ 1));
    mem_put(ring.desc + 8, 1024, 4);
    mem_put(ring.desc + 12, 4, 2);
}
static void packed_without_end(void)
{
    for (unsigned i = 0; i < 8; i++)
        put_desc(ring.desc + 16 * i, &(struct vbuf){VDRV_DATA, 16, true}, 0, 0x80 | 1 | 2);
}
static void packed_table_odd(void)
{
    mem_put(ring.desc + 8, 17, 4);
    mem_put(ring.desc + 14, 0x80 | 4, 2);
}

START_TEST(test_hostile)
{
    static const struct {
        void (*spoil)(void);
        uint64_t features;
    } rows[] = {
        {far_buffer, 0},
        {wrapping_buffer, 0},
        {long_buffer, 0},
        {register_buffer, 0},
        {bad_head, 0},
        {bad_next, 0},
        {endless_chain, 0},
        {too_many, 0},
        {unwanted_indirect, 0},
        {read_after_write, 0},
        {table_of_odd_size, VIRTIO_F_INDIRECT_DESC},
        {empty_table, VIRTIO_F_INDIRECT_DESC},
        {far_table, VIRTIO_F_INDIRECT_DESC},
        {table_with_next, VIRTIO_F_INDIRECT_DESC},
        {table_in_table, VIRTIO_F_INDIRECT_DESC},
        {table_without_end, VIRTIO_F_INDIRECT_DESC},
        {far_buffer, VIRTIO_F_RING_PACKED},
        {wrapping_buffer, VIRTIO_F_RING_PACKED},
        {long_buffer, VIRTIO_F_RING_PACKED},
        {packed_without_end, VIRTIO_F_RING_PACKED},
        {packed_table_odd, VIRTIO_F_RING_PACKED | VIRTIO_F_INDIRECT_DESC},
    };

    vdrv_setup();
    struct device *dev = vdrv_make("virtio-rng-pci,packed=on");
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        ck_assert(vdrv_settle(V1 | rows[i].features));
        vring_init(&ring, 0, 8, rows[i].features);
        vdrv_go();
        add_in(VDRV_DATA, 16);
        rows[i].spoil();
        vdrv_kick(0);
        vdrv_loop();
        ck_assert_msg(common_get(0x14, 1) == 0x4f, "row %u: status %#x", i,
                      (unsigned)common_get(0x14, 1));
        ck_assert_uint_eq(isr_get() & 2, 2);
        vdrv_kick(0); /* nothing more until a reset */
        vdrv_loop();
        dev_check_vmstate(dev);
        vdrv_map(VDRV_SLOT);
    }
    device_free(dev);
}
END_TEST

/* Rings in places that are no memory, or that go away. */
START_TEST(test_hostile_rings)
{
    static const gpa_t places[] = {0x10000000, VDRV_BAR, GUEST_RAM_SIZE - 2, UINT64_MAX - 3,
                                   (gpa_t)1 << 63};

    vdrv_setup();
    struct device *dev = vdrv_make("virtio-rng-pci,packed=on");
    for (unsigned i = 0; i < 3 * ARRAY_SIZE(places); i++) {
        for (unsigned packed = 0; packed < 2; packed++) {
            uint64_t features = packed ? VIRTIO_F_RING_PACKED : 0;
            ck_assert(vdrv_settle(V1 | features));
            vring_init(&ring, 0, 8, features);
            vdrv_go();
            add_in(VDRV_DATA, 16);
            common_put(0x16, 0, 2);
            common_put(0x1c, 0, 2); /* no way back but reset */
            ck_assert_uint_eq(common_get(0x1c, 2), 1);
            ck_assert(vdrv_settle(V1 | features));
            common_put(0x18, 8, 2);
            common_put(0x20, i % 3 == 0 ? places[i / 3] : ring.desc, 8);
            common_put(0x28, i % 3 == 1 ? places[i / 3] : ring.driver, 8);
            common_put(0x30, i % 3 == 2 ? places[i / 3] : ring.device, 8);
            common_put(0x1c, 1, 2);
            common_put(0x14, 0xf, 1);
            vdrv_kick(0);
            vdrv_loop();
        }
    }
    vdrv_kick(9);
    device_free(dev);
}
END_TEST

/* Random accesses to all registers, rings of random contents. */
START_TEST(test_fuzz)
{
    static const char *const devices[] = {"virtio-rng-pci,packed=on",
                                          "virtio-serial-pci,packed=on,max_ports=3",
                                          "virtio-balloon-pci,free-page-reporting=on,packed=on"};

    vdrv_setup();
    for (unsigned i = 0; i < 300; i++) {
        struct device *dev = vdrv_make(devices[i % ARRAY_SIZE(devices)]);
        uint64_t features = vdrv_offered() & (dev_random() | (uint64_t)dev_random() << 32);
        if (vdrv_settle(features | V1)) {
            unsigned queues = (unsigned)common_get(0x12, 2);
            for (unsigned q = 0; q < queues; q++)
                vring_init(&ring, q, 8, features);
            vdrv_go();
            for (unsigned n = 0; n < 40; n++) {
                gpa_t at = VDRV_RINGS + dev_random() % (queues * 0x10000u);
                mem_put(at & ~0x3f00ull, dev_random() % 0x1000000, 1u << dev_random() % 4);
                vdrv_kick(dev_random() % (queues + 1));
                vdrv_loop();
            }
        }
        for (unsigned n = 0; n < 20; n++) {
            dev_fuzz_memory(VDRV_BAR, 0x4000, 20);
            dev_fuzz_memory(VDRV_MSIX, 0x1000, 5);
            dev_fuzz_ports(VDRV_IO, 64, 20);
            dev_fuzz_config(VDRV_SLOT, 5);
            config_write(VDRV_SLOT, 4, 7, 2);
        }
        dev_check_vmstate(dev);
        device_free(dev);
    }
}
END_TEST

/* 2.6.1: one queue starts anew, with buffers of the old one waiting. */
START_TEST(test_queue_reset)
{
    static const uint64_t formats[] = {0, VIRTIO_F_RING_PACKED};
    uint64_t features;

    vdrv_setup();
    for (unsigned i = 0; i < ARRAY_SIZE(formats); i++) {
        features = formats[i] | VIRTIO_F_RING_RESET;
        struct device *dev = make_rng(",packed=on", features, 8);
        exercise(8, 2);
        add_in(VDRV_DATA, 16); /* nobody kicks */
        common_put(0x16, 0, 2);
        common_put(0x3a, 0, 2);
        ck_assert_uint_eq(common_get(0x1c, 2), 1);
        common_put(0x3a, 1, 2);
        ck_assert_uint_eq(common_get(0x3a, 2), 0);
        ck_assert_uint_eq(common_get(0x1c, 2), 0);
        ck_assert_uint_eq(common_get(0x20, 8), 0);
        vdrv_kick(0);
        vdrv_loop();
        vring_init(&ring, 0, 4, features);
        exercise(4, 2);
        dev_check_vmstate(dev);
        ck_assert(vdrv_settle(V1)); /* not settled: nothing happens */
        vring_init(&ring, 0, 8, 0);
        common_put(0x3a, 1, 2);
        ck_assert_uint_eq(common_get(0x1c, 2), 1);
        device_free(dev);
    }
}
END_TEST

TEST_MAIN("virtio", test_identity, test_refused, test_status, test_rings, test_queue_reset,
          test_interrupts, test_event_idx, test_msix, test_legacy, test_window, test_hostile,
          test_hostile_rings, test_fuzz)
