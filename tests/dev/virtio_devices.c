/* SPDX-License-Identifier: MIT */
/*
 * What the virtio devices do with their queues: entropy and its rate, consoles and ports with
 * flow control and hot-plug, the balloon; and all of them, and pci-serial, plugged and unplugged.
 */
#include "tests/dev/virtdrv.h"

#include "hw/acpi/pci_hotplug.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/virtio/balloon.h"
#include "tests/dev/fakechr.h"

#include <errno.h>

#define V1 VIRTIO_F_VERSION_1

static void give(struct vring *r, gpa_t gpa, uint32_t len, bool write)
{
    struct vbuf b = {gpa, len, write};

    vring_add(r, &b, 1);
    vdrv_kick(r->index);
    vdrv_loop();
}

/* --- entropy ------------------------------------------------------------------------------------ */

START_TEST(test_rng_rate)
{
    struct vring r;
    uint32_t len;
    unsigned got = 0;

    vdrv_setup();
    ck_assert_int_eq(object_add_text("rng-random,id=zero,filename=/dev/zero", NULL), 0);
    ck_assert_int_eq(object_add_text("rng-random,id=zero", NULL), -EEXIST);
    ck_assert_int_lt(object_add_text("rng-random,id=no,filename=/nothing", NULL), 0);
    struct device *dev = vdrv_make("virtio-rng-pci,rng=zero,max-bytes=100,period=1000");
    ck_assert_int_eq(object_del("zero", NULL), -EBUSY);
    ck_assert(vdrv_settle(V1));
    vring_init(&r, 0, 8, 0);
    vdrv_go();
    addr_space_set(&as_memory, VDRV_DATA, 0xaa, 256);
    for (unsigned i = 0; i < 4; i++)
        give(&r, VDRV_DATA + 64 * i, 64, true);
    while (vring_used(&r, 1, &len))
        got += len;
    ck_assert_uint_eq(got, 100);
    ck_assert_uint_eq(*guest_mem(VDRV_DATA + 99), 0);
    ck_assert_uint_eq(*guest_mem(VDRV_DATA + 255), 0xaa);
    dev_check_vmstate(dev);
    vdrv_map(VDRV_SLOT);
    clock_step(NS_PER_SEC / 2);
    vdrv_loop();
    ck_assert(!vring_used(&r, 1, &len));
    clock_step(NS_PER_SEC);
    vdrv_loop();
    while (vring_used(&r, 1, &len))
        got += len;
    ck_assert_uint_gt(got, 100);
    device_free(dev);
    ck_assert_int_eq(object_del("zero", NULL), 0);
    ck_assert_int_eq(object_del("zero", NULL), -ENOENT);
}
END_TEST

/* --- consoles ----------------------------------------------------------------------------------- */

enum { READY, ADD, REMOVE, PORT_READY, CONSOLE, RESIZE, OPEN, NAME };

static struct vring ctl_in, ctl_out, in1, out1, in0, out0;

static void control(uint32_t nr, uint16_t event, uint16_t value)
{
    uint32_t len;

    mem_put(VDRV_DATA, nr | (uint64_t)event << 32 | (uint64_t)value << 48, 8);
    give(&ctl_out, VDRV_DATA, 8, false);
    ck_assert(vring_used(&ctl_out, 1, &len));
}

static gpa_t control_slot(unsigned i)
{
    return VDRV_DATA + 0x1000 + (i % 8) * 0x100;
}

static unsigned control_seen, control_given;

static void give_control(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        give(&ctl_in, control_slot(control_given++), 64, true);
}

/* The next message from the device. */
static void expect_control(uint32_t nr, uint16_t event, uint16_t value)
{
    gpa_t at = control_slot(control_seen++);
    uint32_t len;

    ck_assert_msg(vring_used(&ctl_in, 1, &len), "no message, event %u of port %u expected", event,
                  nr);
    ck_assert_uint_ge(len, 8);
    ck_assert_uint_eq(mem_get(at, 4), nr);
    ck_assert_uint_eq(mem_get(at + 4, 2), event);
    ck_assert_uint_eq(mem_get(at + 6, 2), value);
}

static void expect_no_control(void)
{
    uint32_t len;

    ck_assert(!vring_used(&ctl_in, 1, &len));
}

static void serial_go(uint64_t features)
{
    ck_assert(vdrv_settle(V1 | BIT(1) | BIT(2) | features));
    vring_init(&in0, 0, 16, features);
    vring_init(&out0, 1, 16, features);
    vring_init(&ctl_in, 2, 16, features);
    vring_init(&ctl_out, 3, 16, features);
    vring_init(&in1, 4, 16, features);
    vring_init(&out1, 5, 16, features);
    vdrv_go();
    control_seen = control_given = 0;
}

static void add_port(const char *text)
{
    struct error *err = NULL;

    ck_assert_msg(device_add_text(text, &err) == 0, "%s", err ? error_msg(err) : "");
}

static void serial_test(uint64_t features)
{
    vdrv_setup();
    struct fake_chr *f0 = fake_chr_new("c0"), *f1 = fake_chr_new("c1");
    struct device *dev = vdrv_make("virtio-serial-pci,packed=on");
    uint32_t len;

    ck_assert_ptr_nonnull(bus_find("v.0"));
    add_port("virtconsole,chardev=c0");
    add_port("virtserialport,chardev=c1,name=org.test,id=p1");
    serial_go(features);
    ck_assert_uint_eq(mem_get(vdrv_cap[CAP_DEVICE] + 4, 4), 31);

    /* Messages wait for buffers. */
    control(0xffffffff, READY, 1);
    give_control(1);
    expect_control(0, ADD, 1);
    expect_no_control();
    give_control(6);
    expect_control(1, ADD, 1);
    control(0, PORT_READY, 1);
    expect_control(0, CONSOLE, 1);
    expect_control(0, OPEN, 1);
    control(1, PORT_READY, 1);
    expect_control(1, NAME, 1);
    ck_assert_str_eq((char *)guest_mem(control_slot(control_seen - 1) + 8), "org.test");
    expect_control(1, OPEN, 1);
    expect_no_control();

    /* Nothing is taken from the host before the guest has opened the port. */
    ck_assert_uint_eq(chardev_can_read(&f1->chr), 0);
    unsigned accepts = f1->accepts;
    control(1, OPEN, 1);
    ck_assert_uint_gt(f1->accepts, accepts);
    ck_assert_uint_eq(chardev_can_read(&f1->chr), 4096);
    fake_chr_send(f1, "hello");
    ck_assert_uint_eq(chardev_can_read(&f1->chr), 4091);
    dev_check_vmstate(device_find("p1"));
    give(&in1, VDRV_DATA + 0x2000, 3, true);
    ck_assert(vring_used(&in1, 1, &len) && len == 3);
    give(&in1, VDRV_DATA + 0x2003, 64, true);
    ck_assert(vring_used(&in1, 1, &len) && len == 2);
    ck_assert_int_eq(memcmp(guest_mem(VDRV_DATA + 0x2000), "hello", 5), 0);
    ck_assert_uint_eq(chardev_can_read(&f1->chr), 4096);

    /* Output that the host cannot take stays in the ring; none is lost and none comes twice. */
    memcpy(guest_mem(VDRV_DATA + 0x3000), "0123456789", 10);
    give(&out1, VDRV_DATA + 0x3000, 10, false);
    ck_assert_str_eq(f1->out->str, "0123456789");
    ck_assert(vring_used(&out1, 1, &len));
    fake_chr_stop(f1);
    give(&out1, VDRV_DATA + 0x3000, 10, false);
    give(&out1, VDRV_DATA + 0x3000, 4, false);
    ck_assert(!vring_used(&out1, 1, &len));
    control(1, OPEN, 0);
    g_string_truncate(f1->out, 0);
    fake_chr_go(f1);
    fake_chr_go(f1);
    ck_assert(vring_used(&out1, 1, &len) && vring_used(&out1, 1, &len));
    ck_assert_str_eq(f1->out->str + CHARDEV_QUEUE_MAX, "01234567890123");

    /* The host's end comes and goes. */
    give_control(4);
    chardev_send_event(&f1->chr, CHARDEV_CLOSED);
    expect_control(1, OPEN, 0);
    chardev_send_event(&f1->chr, CHARDEV_OPENED);
    expect_control(1, OPEN, 1);

    /* Emergency write. */
    mem_put(vdrv_cap[CAP_DEVICE] + 8, '!', 4);
    ck_assert_str_eq(f0->out->str, "!");

    /* A port goes, another one comes. */
    ck_assert_int_eq(device_del("p1", NULL), 0);
    vdrv_loop();
    ck_assert_ptr_null(device_find("p1"));
    expect_control(1, REMOVE, 1);
    control(1, OPEN, 1); /* of nothing */
    control(99, OPEN, 1);
    control(1, PORT_READY, 1);
    add_port("virtserialport,chardev=c1,id=p1");
    expect_control(1, ADD, 1);
    dev_check_vmstate(dev);
    vdrv_map(VDRV_SLOT);
    ck_assert_uint_eq(chardev_can_read(&f1->chr), 0);
    device_free(dev);
    chardev_free(&f0->chr);
    chardev_free(&f1->chr);
}

START_TEST(test_serial)
{
    serial_test(0);
}
END_TEST

START_TEST(test_serial_packed)
{
    serial_test(VIRTIO_F_RING_PACKED);
}
END_TEST

/* A guest that fills the ring all the time does not get all the time. */
static unsigned refills, refills_left;

static int refiller_open(struct chardev *chr, const struct chardev_opts *opts, struct error **err)
{
    chr->is_open = true;
    return 0;
}

static ssize_t refiller_write(struct chardev *chr, const uint8_t *buf, size_t len)
{
    struct vbuf b = {VDRV_DATA, 1, false};
    uint32_t used;

    if (refills_left) {
        refills++;
        refills_left--;
        vring_used(&out0, 1, &used);
        vring_add(&out0, &b, 1);
    }
    return (ssize_t)len;
}

CHARDEV_DEFINE(refiller, .name = "test-refiller", .help = "fills a ring again",
               .state_size = sizeof(struct chardev), .open = refiller_open,
               .write = refiller_write);

START_TEST(test_budget)
{
    struct chardev_opts opts = {.id = "c0"};
    struct vbuf b = {VDRV_DATA, 1, false};

    vdrv_setup();
    struct chardev *chr = chardev_create("test-refiller", &opts, NULL);
    struct device *dev = vdrv_make("virtio-serial-pci");
    add_port("virtconsole,chardev=c0");
    serial_go(0);
    refills_left = 1000;
    vring_add(&out0, &b, 1);
    vdrv_kick(out0.index);
    ck_assert_uint_eq(refills, 16); /* the size of the ring */
    for (unsigned i = 0; i < 100 && refills < 1000; i++)
        mainloop_iterate(false);
    ck_assert_uint_eq(refills, 1000);
    device_free(dev);
    chardev_free(chr);
}
END_TEST

START_TEST(test_ports)
{
    vdrv_setup();
    struct device *dev = vdrv_make("virtio-serial-pci,max_ports=3");
    add_port("virtserialport,id=a");
    add_port("virtserialport,id=b");
    ck_assert_int_lt(device_add_text("virtserialport", NULL), 0);
    ck_assert_int_lt(device_add_text("virtserialport,nr=0", NULL), 0);
    ck_assert_int_lt(device_add_text("virtserialport,nr=2", NULL), 0);
    ck_assert_int_lt(device_add_text("virtconsole,nr=3", NULL), 0);
    add_port("virtconsole,id=con");
    char *path = device_path(device_find("b"));
    ck_assert_str_eq(path, "/pci.0/04.0/v.0/2");
    g_free(path);
    device_free(dev);
    ck_assert_ptr_null(device_find("con"));
}
END_TEST

/* --- the balloon -------------------------------------------------------------------------------- */

START_TEST(test_balloon)
{
    struct vring inflate, deflate, stats, report;
    struct balloon_stats st;
    uint64_t bytes;
    uint32_t len;

    vdrv_setup();
    ck_assert_int_eq(balloon_query(&bytes, NULL), -ENODEV);
    struct device *dev = vdrv_make("virtio-balloon-pci,free-page-reporting=on,deflate-on-oom=on");
    ck_assert_int_lt(device_add_text("virtio-balloon-pci", NULL), 0);
    ck_assert_int_eq(balloon_query(&bytes, NULL), 0); /* no driver yet */
    ck_assert(vdrv_settle(V1 | BIT(1) | BIT(2) | BIT(5)));
    vring_init(&inflate, 0, 16, 0);
    vring_init(&deflate, 1, 16, 0);
    vring_init(&stats, 2, 16, 0);
    vring_init(&report, 3, 16, 0);
    vdrv_go();
    ck_assert_int_eq(balloon_query(&bytes, NULL), 0);
    ck_assert_uint_eq(bytes, GUEST_RAM_SIZE);

    /* Asked for 4 MiB, the guest gives 12. */
    ck_assert_int_lt(balloon_set_target(0, NULL), 0);
    ck_assert_int_eq(balloon_set_target(MIB(4), NULL), 0);
    ck_assert_uint_eq(isr_get(), 2);
    ck_assert_uint_eq(mem_get(vdrv_cap[CAP_DEVICE], 4), MIB(12) >> 12);
    addr_space_set(&as_memory, 0xc00000, 0x55, 0x8000);
    static const uint32_t pfns[] = {0xc02, 0xc01, 0xc00, 0xc05, 0xfffff, 0x10000000, 0xc05};
    for (unsigned i = 0; i < ARRAY_SIZE(pfns); i++)
        mem_put(VDRV_DATA + 4 * i, pfns[i], 4);
    give(&inflate, VDRV_DATA, sizeof(pfns) + 3, false);
    ck_assert(vring_used(&inflate, 1, &len));
    ck_assert_uint_eq(*guest_mem(0xc00000), 0);
    ck_assert_uint_eq(*guest_mem(0xc02fff), 0);
    ck_assert_uint_eq(*guest_mem(0xc03000), 0x55);
    ck_assert_uint_eq(*guest_mem(0xc05000), 0);
    ck_assert_uint_eq(*guest_mem(0xc06000), 0x55);
    mem_put(vdrv_cap[CAP_DEVICE] + 4, MIB(12) >> 12, 4);
    ck_assert_int_eq(balloon_query(&bytes, NULL), 0);
    ck_assert_uint_eq(bytes, MIB(4));
    give(&deflate, VDRV_DATA, 4, false);
    ck_assert(vring_used(&deflate, 1, &len));

    /* Reported pages, the edges of which are somebody else's. */
    give(&report, 0xc03800, 0x1900, true);
    ck_assert(vring_used(&report, 1, &len));
    ck_assert_uint_eq(*guest_mem(0xc03fff), 0x55);
    ck_assert_uint_eq(*guest_mem(0xc04000), 0);
    ck_assert_uint_eq(*guest_mem(0xc05000), 0);

    /* Statistics: one buffer goes to and fro. */
    mem_put(VDRV_DATA, 4, 2);
    mem_put(VDRV_DATA + 2, 12345, 8);
    mem_put(VDRV_DATA + 10, 77, 2);
    give(&stats, VDRV_DATA, 20, false);
    ck_assert_int_eq(balloon_get_stats(&st, NULL), 0);
    ck_assert_uint_eq(st.values[4], 12345);
    ck_assert_uint_eq(st.values[5], UINT64_MAX);
    ck_assert(!vring_used(&stats, 1, &len));
    ck_assert_int_eq(balloon_set_polling(2, NULL), 0);
    clock_step(2 * NS_PER_SEC);
    vdrv_loop();
    ck_assert(vring_used(&stats, 1, &len));
    dev_check_vmstate(dev);
    device_free(dev);
    ck_assert_int_eq(balloon_query(&bytes, NULL), -ENODEV);
}
END_TEST

/* --- coming and going --------------------------------------------------------------------------- */

static void plug_and_use(const char *text, unsigned round)
{
    add_port(text);
    vdrv_map(VDRV_SLOT);
    if (vdrv_cap[CAP_COMMON] && vdrv_settle(V1)) {
        struct vring r;
        vring_init(&r, 0, 8, 0);
        vdrv_go();
        for (unsigned i = 0; i < 3; i++)
            give(&r, VDRV_DATA, 64, true);
    } else {
        outb(VDRV_IO, 'x');
    }
    if (strstr(text, "serial-pci"))
        add_port("virtserialport,chardev=c1,id=p");
    if (round % 3 == 0)
        config_write(VDRV_SLOT, 4, 0, 2);
}

START_TEST(test_plugging)
{
    static const char *const texts[] = {
        "virtio-rng-pci,addr=4,id=v", "virtio-serial-pci,addr=4,id=v",
        "virtio-balloon-pci,addr=4,id=v,free-page-reporting=on",
        "pci-serial,addr=4,id=v,chardev=c1", "pci-serial-4x,addr=4,id=v,chardev1=c1,chardev4=c2"};
    struct wire sci;

    vdrv_setup();
    wire_init(&sci);
    struct device *pm = piix4_pm_create(&vdrv_pci.bus, &sci.irq, NULL);
    device_reset(pm, RESET_COLD);
    struct fake_chr *f1 = fake_chr_new("c1"), *f2 = fake_chr_new("c2");
    device_hotplug_begin();
    for (unsigned i = 0; i < 100; i++) {
        for (unsigned t = 0; t < ARRAY_SIZE(texts); t++) {
            plug_and_use(texts[t], i);
            ck_assert_int_eq(device_del("v", NULL), 0);
            io_port_write(ACPI_PCI_HOTPLUG_BASE + 8, io_port_read(ACPI_PCI_HOTPLUG_BASE + 4, 4), 4);
            /* A driver that has not noticed. */
            dev_fuzz_memory(VDRV_BAR, 0x4000, 4);
            dev_fuzz_ports(VDRV_IO, 32, 4);
            vdrv_loop();
            ck_assert_ptr_null(device_find("v"));
            ck_assert_ptr_null(device_find("p"));
        }
    }
    device_free(pm);
    chardev_free(&f1->chr);
    chardev_free(&f2->chr);
}
END_TEST

/* --- pci-serial --------------------------------------------------------------------------------- */

START_TEST(test_pci_serial)
{
    vdrv_setup();
    struct fake_chr *f1 = fake_chr_new("c1"), *f2 = fake_chr_new("c2");
    struct device *dev = vdrv_make("pci-serial-2x,chardev1=c1,chardev2=c2");

    ck_assert_uint_eq(config_read(VDRV_SLOT, 0, 4), 0x00031b36);
    outb(VDRV_IO, 'a');
    outb(VDRV_IO + 8, 'b');
    ck_assert_str_eq(f1->out->str, "a");
    ck_assert_str_eq(f2->out->str, "b");
    outb(VDRV_IO + 1, 1);
    outb(VDRV_IO + 9, 1);
    fake_chr_send(f1, "x");
    fake_chr_send(f2, "y");
    ck_assert_int_eq(vdrv_pci.lines[0], 1);
    ck_assert_uint_eq(inb(VDRV_IO), 'x');
    ck_assert_int_eq(vdrv_pci.lines[0], 1); /* the other one still */
    ck_assert_uint_eq(inb(VDRV_IO + 8), 'y');
    ck_assert_int_eq(vdrv_pci.lines[0], 0);
    dev_check_vmstate(dev);
    device_free(dev);
    chardev_free(&f1->chr);
    chardev_free(&f2->chr);
}
END_TEST

TEST_MAIN("virtio_devices", test_rng_rate, test_serial, test_serial_packed, test_budget, test_ports,
          test_balloon, test_plugging, test_pci_serial)
