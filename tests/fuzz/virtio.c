/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of the virtio devices: a stream of bytes is a hostile driver. It settles features,
 * sets rings up, spoils them, kicks, reads and writes all registers, and lets time, the host and
 * hot-plug do their part.
 *
 *     build/tests/fuzz/virtio [-t SECONDS] [-s SEED]    random streams; two seconds if not said
 *     build/tests/fuzz/virtio FILE...                   these streams
 *
 * Meant for MODE=asan. A stream that fails is named by its seed.
 */
#include "tests/dev/virtdrv.h"

#include "hw/acpi/pci_hotplug.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/virtio/balloon.h"
#include "tests/dev/fakechr.h"
#include "tests/fuzz/streams.h"
#include "ui/display.h"
#include "ui/input.h"

#define PAGES 0xc00000u /* which the balloon may take */

static struct fake_chr *host;
static struct wire sci;
static unsigned queues;

/* --- another CPU ------------------------------------------------------------------------------------ */

static uint64_t other_cpu; /* its state; 0: it does nothing */

static unsigned other_cpu_random(void)
{
    other_cpu = other_cpu * 6364136223846793005 + 1442695040888963407;
    return (unsigned)(other_cpu >> 33);
}

/*
 * Every look at guest memory goes through here (build.mk): before some of them another CPU changes a
 * byte of what is about to be read.
 */
bool __real_mem_lookup(struct addr_space *as, gpa_t gpa, struct mem_section *out);
bool __wrap_mem_lookup(struct addr_space *as, gpa_t gpa, struct mem_section *out);
bool __wrap_mem_lookup(struct addr_space *as, gpa_t gpa, struct mem_section *out)
{
    bool there = __real_mem_lookup(as, gpa, out);

    if (other_cpu && there && out->host && gpa >= VDRV_RINGS && gpa < GUEST_RAM_SIZE &&
        other_cpu_random() % 32 == 0)
        out->host[other_cpu_random() % MIN(out->len, (uint64_t)16)] ^=
            (uint8_t)(1u << other_cpu_random() % 8);
    return there;
}

/* Where the rings of a queue are. */
static void settle_queue(unsigned queue)
{
    gpa_t base = VDRV_RINGS + queue * 0x10000ull;

    common_put(0x16, queue, 2);
    common_put(0x18, 8, 2);
    common_put(0x20, base, 8);
    common_put(0x28, base + 0x8000, 8);
    common_put(0x30, base + 0xc000, 8);
    common_put(0x1c, 1, 2);
}

/* --- what the driver does ------------------------------------------------------------------------- */

static void do_ring_write(struct stream *s)
{
    unsigned queue = (unsigned)take(s, 1) % MAX(queues, 1u), area = (unsigned)take(s, 1) % 3;
    gpa_t at = VDRV_RINGS + queue * 0x10000ull + (area ? 0x4000 + area * 0x4000 : 0);

    mem_put(at + take(s, 1) % 160, take(s, 4), 1u << take(s, 1) % 4);
}

/* A chain that makes sense, mostly. */
static void do_descriptor(struct stream *s)
{
    unsigned queue = (unsigned)take(s, 1) % MAX(queues, 1u), slot = (unsigned)take(s, 1) % 8;
    struct vbuf b = {VDRV_DATA + take(s, 1) * 64, (uint32_t)take(s, 1), false};

    put_desc(VDRV_RINGS + queue * 0x10000ull + 16 * slot, &b, (uint16_t)take(s, 2),
             (uint16_t)take(s, 2));
}

static void do_available(struct stream *s)
{
    unsigned queue = (unsigned)take(s, 1) % MAX(queues, 1u);
    gpa_t avail = VDRV_RINGS + queue * 0x10000ull + 0x8000;

    mem_put(avail + 4 + 2 * (take(s, 1) % 8), take(s, 1) % 9, 2);
    mem_put(avail + 2, mem_get(avail + 2, 2) + take(s, 1) % 4, 2);
    vdrv_kick(queue);
}

/* Page numbers, and pages themselves: what the balloon takes. Behind the rings and tables. */
static void do_pages(struct stream *s)
{
    unsigned queue = (unsigned)take(s, 1) % MAX(queues, 1u), count = (unsigned)take(s, 1) % 16;
    bool report = take(s, 1) & 1;
    gpa_t desc = VDRV_RINGS + queue * 0x10000ull, avail = desc + 0x8000;
    struct vbuf b = {VDRV_DATA, 4 * count, false};

    if (report)
        b = (struct vbuf){PAGES + take(s, 1) * 0x800, (uint32_t)take(s, 2) * 16, true};
    for (unsigned i = 0; i < count; i++)
        mem_put(VDRV_DATA + 4ull * i, PAGES / 4096 + take(s, 1) % 128, 4);
    put_desc(desc, &b, b.write ? 2 : 0, 0);
    mem_put(avail + 4 + 2 * (mem_get(avail + 2, 2) % 8), 0, 2);
    mem_put(avail + 2, mem_get(avail + 2, 2) + 1, 2);
    vdrv_kick(queue);
}

static void do_queue_reset(struct stream *s)
{
    unsigned queue = (unsigned)take(s, 1) % MAX(queues, 1u);

    if (!vdrv_cap[CAP_COMMON])
        return;
    common_put(0x16, queue, 2);
    common_put(0x3a, 1, 2);
    if (take(s, 1) & 1)
        settle_queue(queue);
}

static void do_data(struct stream *s)
{
    mem_put(VDRV_DATA + take(s, 2) % 0x2000, take(s, 8), 8);
}

/* A command of a GPU with an answer; small numbers, so that some of it makes sense. */
static void do_gpu(struct stream *s)
{
    static const uint16_t types[] = {0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107, 0x10a};
    unsigned queue = (unsigned)take(s, 1) % 4 == 3;
    gpa_t base = VDRV_RINGS + queue * 0x10000ull, avail = base + 0x8000;
    struct vbuf out = {VDRV_DATA, 64, false}, in = {VDRV_DATA + 0x1000, 2048, true};

    addr_space_set(&as_memory, VDRV_DATA, 0, 24);
    mem_put(VDRV_DATA, queue ? 0x300 + take(s, 1) % 2 : types[take(s, 1) % ARRAY_SIZE(types)], 4);
    for (unsigned i = 0; i < 10; i++)
        mem_put(VDRV_DATA + 24 + 4 * i, take(s, 1) % 64, 4);
    put_desc(base, &out, 1, 1);
    put_desc(base + 16, &in, 2, 0);
    mem_put(avail + 4 + 2 * (mem_get(avail + 2, 2) % 8), 0, 2);
    mem_put(avail + 2, mem_get(avail + 2, 2) + 1, 2);
    vdrv_kick(queue);
}

static void do_look(struct stream *s)
{
    struct device *dev = device_find("v");
    struct display *d = dev ? display_find(dev, (unsigned)take(s, 1) % 2) : NULL;
    struct display_frame f;

    if (!d)
        return;
    struct display_viewer *v = display_viewer_new(d);
    display_begin(v, &f);
    display_end(v);
    display_viewer_free(v);
    display_suggest_size(d, (unsigned)take(s, 2), (unsigned)take(s, 2));
}

static void do_input(struct stream *s)
{
    input_send_key((unsigned)take(s, 2) % 0x310, take(s, 1) & 1);
    input_send_move((int8_t)take(s, 1), (int8_t)take(s, 1), 0);
    input_send_wheel((int8_t)take(s, 1), 0);
    input_send_move_to((unsigned)take(s, 2), (unsigned)take(s, 2));
    input_send_buttons((unsigned)take(s, 1) & INPUT_BUTTONS);
}

static void do_kick(struct stream *s)
{
    vdrv_kick((unsigned)take(s, 1));
}

static void do_common(struct stream *s)
{
    common_put((unsigned)take(s, 1) % 64, take(s, 4), 1u << take(s, 1) % 4);
}

static void do_memory(struct stream *s)
{
    gpa_t at = VDRV_BAR + take(s, 2) % 0x4000;
    unsigned size = 1u << take(s, 1) % 4;

    if (take(s, 1) & 1)
        mem_put(at, take(s, 4), size);
    else
        mem_get(at, size);
}

static void do_msix(struct stream *s)
{
    mem_put(VDRV_MSIX + take(s, 1) * 4, take(s, 4), 4);
}

static void do_legacy(struct stream *s)
{
    uint16_t port = (uint16_t)(VDRV_IO + take(s, 1) % 64);
    unsigned size = 1u << take(s, 1) % 3;

    if (take(s, 1) & 1)
        io_port_write(port, (uint32_t)take(s, 4), size);
    else
        io_port_read(port, size);
}

static void do_config(struct stream *s)
{
    unsigned size = 1u << take(s, 1) % 3, off = (unsigned)take(s, 1) & ~(size - 1);

    config_write(VDRV_SLOT, off, (uint32_t)take(s, 4), size);
    config_read(VDRV_SLOT, off, size);
}

static void do_settle(struct stream *s)
{
    uint64_t features = (vdrv_offered() & take(s, 8)) | VIRTIO_F_VERSION_1;

    if (!vdrv_cap[CAP_COMMON] || !vdrv_settle(features))
        return;
    queues = MIN((unsigned)common_get(0x12, 2), 8u);
    for (unsigned q = 0; q < queues; q++) {
        addr_space_set(&as_memory, VDRV_RINGS + q * 0x10000ull, 0, 0x100);
        settle_queue(q);
    }
    common_put(0x14, 0xf, 1);
}

static void do_map(struct stream *s)
{
    if (config_read(VDRV_SLOT, 0, 4) != UINT32_MAX)
        vdrv_map(VDRV_SLOT);
}

/* --- what the rest of the world does ---------------------------------------------------------------- */

static void do_time(struct stream *s)
{
    clock_step((int64_t)take(s, 1) * 100 * NS_PER_MS);
    vdrv_loop();
}

static void do_host(struct stream *s)
{
    static uint8_t text[256];
    size_t room = chardev_can_read(&host->chr);

    switch (take(s, 1) % 4) {
    case 0:
        chardev_input(&host->chr, text, MIN((size_t)take(s, 1), room));
        break;
    case 1:
        host->room = take(s, 1);
        break;
    case 2:
        host->room = SIZE_MAX;
        chardev_flush(&host->chr);
        break;
    default:
        chardev_send_event(&host->chr, take(s, 1) & 1 ? CHARDEV_OPENED : CHARDEV_CLOSED);
    }
    g_string_truncate(host->out, 0);
}

static void do_balloon(struct stream *s)
{
    struct balloon_stats stats;

    balloon_set_target(take(s, 3), NULL);
    balloon_set_polling((uint32_t)take(s, 1) % 4, NULL);
    balloon_get_stats(&stats, NULL);
}

static void do_port(struct stream *s)
{
    if (take(s, 1) & 1)
        device_add_text("virtserialport,chardev=host,name=fuzz,id=port", NULL);
    else
        device_del("port", NULL);
    vdrv_loop();
}

static void do_state(struct stream *s)
{
    struct device *dev = device_find("v");

    if (dev && !dev->leaving)
        dev_check_vmstate(dev);
}

static void do_reset(struct stream *s)
{
    device_reset_all(RESET_COLD);
}

static void (*const actions[])(struct stream *s) = {
    do_ring_write, do_descriptor,  do_available,  do_available, do_data,    do_kick,
    do_common,     do_memory,      do_msix,       do_legacy,    do_config,  do_settle,
    do_settle,     do_map,         do_time,       do_host,      do_balloon, do_port,
    do_state,      do_reset,       do_descriptor, do_gpu,       do_gpu,     do_look,
    do_pages,      do_queue_reset, do_input};

/* --- streams ---------------------------------------------------------------------------------------- */

static void setup_once(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    vdrv_setup();
    wire_init(&sci);
    device_reset(piix4_pm_create(&vdrv_pci.bus, &sci.irq, NULL), RESET_COLD);
    host = fake_chr_new("host");
    device_hotplug_begin();
}

static void remove_device(void)
{
    struct device *dev = device_find("v");

    if (dev && !dev->leaving) {
        device_del("v", NULL);
        io_port_write(ACPI_PCI_HOTPLUG_BASE + 16, 0, 4);
        io_port_write(ACPI_PCI_HOTPLUG_BASE + 8, 1u << PCI_SLOT(VDRV_SLOT), 4);
    }
    vdrv_loop();
    ck_assert_ptr_null(device_find("v"));
}

void stream_run(const uint8_t *data, size_t size)
{
    static const char *const devices[] = {
        "virtio-rng-pci,packed=on",
        "virtio-serial-pci,packed=on,max_ports=3,in_order=on",
        "virtio-balloon-pci,packed=on,free-page-reporting=on",
        "virtio-rng-pci,disable-modern=on,max-bytes=100,period=100",
        "virtio-serial-pci,disable-legacy=on",
        "virtio-balloon-pci,deflate-on-oom=on",
        "virtio-gpu-pci,packed=on,max_outputs=2,max_hostmem=2M",
        "virtio-gpu-pci,max_hostmem=1M",
        "virtio-keyboard-pci,packed=on",
        "virtio-mouse-pci",
        "virtio-tablet-pci",
    };
    struct stream s = {data, size};

    setup_once();
    queues = 0;
    char *text = g_strdup_printf("%s,addr=4,id=v", devices[take(&s, 1) % ARRAY_SIZE(devices)]);
    ck_assert_int_eq(device_add_text(text, NULL), 0);
    g_free(text);
    vdrv_map(VDRV_SLOT);
    do_settle(&s);
    other_cpu = take(&s, 1) & 1 ? take(&s, 4) : 0;
    while (s.len)
        actions[take(&s, 1) % ARRAY_SIZE(actions)](&s);
    other_cpu = 0;
    remove_device();
}

int main(int argc, char **argv)
{
    return streams_main("virtio", argc, argv);
}
