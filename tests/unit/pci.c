/* SPDX-License-Identifier: MIT */
/*
 * PCI: addresses, configuration accesses, BARs, INTx routing, MSI, MSI-X, DMA
 * gate, bridges, reset, saved state.
 */
#include "tests/test.h"

#include "hw/core/lock.h"
#include "hw/core/msi.h"
#include "hw/core/vmstate.h"
#include "hw/pci/pci.h"
#include "util/error.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

struct card {
    struct pci_device pci;
    struct mem_region mem, io, big;
    unsigned written;
    uint32_t written_old;
    bool with_msix;
};

static uint64_t card_read(void *opaque, uint64_t off, unsigned size)
{
    return 0xc0 + off;
}

static void card_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
}

static const struct mem_ops card_ops = {.read = card_read, .write = card_write};

static void card_config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old)
{
    struct card *c = container_of(pci, struct card, pci);

    c->written = off;
    c->written_old = old;
}

static const struct pci_info card_pci = {
    .vendor = 0x8086,
    .device = 0x1234,
    .revision = 3,
    .class_code = PCI_CLASS_NETWORK_ETHERNET,
    .int_pin = 1,
    .config_written = card_config_written,
};

static int card_realize(struct device *dev, struct error **err)
{
    struct card *c = container_of(dev, struct card, pci.dev);
    int ret;

    mem_region_init_io(&c->mem, "card", 0x1000, &card_ops, c);
    mem_region_init_io(&c->io, "card-io", 0x20, &card_ops, c);
    mem_region_init_io(&c->big, "card-big", GIB(8), &card_ops, c);
    pci_register_bar(&c->pci, 0, PCI_BAR_MEM32, &c->mem);
    pci_register_bar(&c->pci, 1, PCI_BAR_IO, &c->io);
    pci_register_bar(&c->pci, 2, PCI_BAR_MEM64 | PCI_BAR_PREFETCH, &c->big);
    ret = pci_msi_init(&c->pci, 0, 4, true, true, err);
    if (ret >= 0 && c->with_msix)
        ret = pci_msix_init_bar(&c->pci, 70, 4, err);
    return ret < 0 ? ret : 0;
}

static void card_unrealize(struct device *dev)
{
    struct card *c = container_of(dev, struct card, pci.dev);

    mem_region_fini(&c->mem);
    mem_region_fini(&c->io);
    mem_region_fini(&c->big);
}

static const struct prop card_props[] = {
    PROP_BOOL("msix", struct card, with_msix, true, "have MSI-X"),
    PROP_END,
};

static const struct vm_field card_fields[] = {
    VM_STRUCT(struct card, pci, &pci_device_vmstate),
    VM_END,
};
static const struct vmstate card_vmstate = {.name = "card", .version = 1, .fields = card_fields};

DEVICE_DEFINE(card, .name = "test-card", .bus = BUS_PCI, .state_size = sizeof(struct card),
              .props = card_props, .pci = &card_pci, .vmstate = &card_vmstate,
              .realize = card_realize, .unrealize = card_unrealize);

/* A bridge. */
static const struct pci_info br_pci = {
    .vendor = 0x1b36,
    .device = 0x0001,
    .class_code = PCI_CLASS_BRIDGE_PCI,
    .header_type = PCI_HEADER_BRIDGE,
    .config_written = pci_bridge_config_written,
};

static int br_realize(struct device *dev, struct error **err)
{
    pci_bridge_init(container_of(dev, struct pci_bridge, pci.dev), NULL);
    return 0;
}

static void br_unrealize(struct device *dev)
{
    pci_bridge_fini(container_of(dev, struct pci_bridge, pci.dev));
}

static void br_reset(struct device *dev, enum reset_kind kind)
{
    pci_bridge_reset(container_of(dev, struct pci_bridge, pci.dev));
}

DEVICE_DEFINE(br, .name = "test-bridge", .bus = BUS_PCI, .state_size = sizeof(struct pci_bridge),
              .pci = &br_pci, .vmstate = &pci_bridge_vmstate, .realize = br_realize,
              .unrealize = br_unrealize, .reset = br_reset);

/* The machine. */
static struct pci_bus bus;
static struct pci_host host;
static int line_levels[4];
static uint64_t msi_addr;
static uint32_t msi_data;
static unsigned msi_count;

static void set_line(void *opaque, unsigned n, int level)
{
    line_levels[n] = level;
}

static const struct pci_intx_ops intx_ops = {.map = pci_intx_swizzle, .set = set_line};

static void got_msi(void *opaque, uint64_t addr, uint32_t data)
{
    msi_addr = addr;
    msi_data = data;
    msi_count++;
}

static void setup(void)
{
    device_lock();
    memory_init();
    pci_bus_init(&bus, "pci.0", NULL, NULL, NULL);
    pci_bus_set_intx(&bus, &intx_ops, NULL, 4);
    pci_host_init(&host, &bus, as_io.root);
    msi_set_handler(got_msi, NULL);
}

static struct device *make(const char *cls, const char *addr, struct bus *on, struct error **err)
{
    struct device *dev = device_new(cls, NULL, err);

    ck_assert_ptr_nonnull(dev);
    if (addr)
        ck_assert_int_eq(device_set_prop(dev, "addr", addr, err), 0);
    if (device_realize(dev, on, err) < 0) {
        device_free(dev);
        return NULL;
    }
    device_reset(dev, RESET_COLD);
    return dev;
}

static struct card *make_card(const char *addr)
{
    struct device *dev = make("test-card", addr, &bus.bus, NULL);

    ck_assert_ptr_nonnull(dev);
    return container_of(dev, struct card, pci.dev);
}

static void outl_config(unsigned bdf, unsigned off, uint32_t val, unsigned size)
{
    io_port_write(0xcf8, 0x80000000 | bdf << 8 | (off & ~3u), 4);
    io_port_write((uint16_t)(0xcfc + (off & 3)), val, size);
}

static uint32_t in_config(unsigned bdf, unsigned off, unsigned size)
{
    io_port_write(0xcf8, 0x80000000 | bdf << 8 | (off & ~3u), 4);
    return io_port_read((uint16_t)(0xcfc + (off & 3)), size);
}

static void expect_error(struct error **err, const char *part)
{
    ck_assert_ptr_nonnull(*err);
    ck_assert_msg(strstr(error_msg(*err), part) != NULL, "'%s' lacks '%s'", error_msg(*err), part);
    error_free(*err);
    *err = NULL;
}

START_TEST(test_config)
{
    struct card *c;

    setup();
    c = make_card("3");
    ck_assert_uint_eq(in_config(0x18, 0, 4), 0x12348086);
    ck_assert_uint_eq(in_config(0x18, 2, 2), 0x1234);
    ck_assert_uint_eq(in_config(0x18, 0x0b, 1), 0x02);
    ck_assert_uint_eq(in_config(0x18, PCI_SUBSYSTEM_VENDOR, 4), 0x11001af4);
    ck_assert_uint_eq(in_config(0x20, 0, 4), 0xffffffff);
    ck_assert_uint_eq(in_config(0x100, 0, 4), 0xffffffff);
    io_port_write(0xcf8, 0x00001800, 4); /* not enabled */
    ck_assert_uint_eq(io_port_read(0xcfc, 4), 0xffffffff);
    ck_assert_uint_eq(io_port_read(0xcf8, 4), 0x00001800);
    ck_assert_uint_eq(io_port_read(0xcf8, 1), 0xff);
    outl_config(0x18, 0, 0, 4);
    ck_assert_uint_eq(in_config(0x18, 0, 4), 0x12348086);
    outl_config(0x18, PCI_INTERRUPT_LINE, 0x0b, 1);
    ck_assert_uint_eq(in_config(0x18, PCI_INTERRUPT_LINE, 2), 0x010b);
    ck_assert_uint_eq(c->written, PCI_INTERRUPT_LINE);
    ck_assert_uint_eq(pci_config_read(&c->pci, 0xfe, 4), 0xffffffff);
    pci_config_write(&c->pci, 0xffff, 1, 4);
    device_reset(&c->pci.dev, RESET_COLD);
    ck_assert_uint_eq(in_config(0x18, PCI_INTERRUPT_LINE, 1), 0);
    device_free(&c->pci.dev);
    ck_assert_uint_eq(in_config(0x18, 0, 4), 0xffffffff);
}
END_TEST

START_TEST(test_addresses)
{
    struct error *err = NULL;
    struct device *a, *b;

    setup();
    bus.first_slot = 2;
    a = make("test-card", NULL, &bus.bus, &err);
    ck_assert_uint_eq(pci_device(a)->devfn, PCI_DEVFN(2, 0));
    ck_assert_ptr_null(make("test-card", "2", &bus.bus, &err));
    expect_error(&err, "is taken by 'test-card'");
    ck_assert_ptr_null(make("test-card", "2.1", &bus.bus, &err));
    expect_error(&err, "not multifunction");
    b = device_new("test-card", NULL, &err);
    ck_assert_int_lt(device_set_prop(b, "addr", "20", &err), 0);
    expect_error(&err, "PCI slot");
    ck_assert_int_lt(device_set_prop(b, "addr", "3.8", &err), 0);
    expect_error(&err, "PCI slot");
    ck_assert_int_eq(device_set_prop(b, "addr", "1f.2", &err), 0);
    ck_assert_int_eq(device_set_prop(b, "multifunction", "on", &err), 0);
    ck_assert_int_eq(device_realize(b, NULL, &err), 0);
    ck_assert_uint_eq(in_config(0xfa, PCI_HEADER_TYPE, 1), 0x80);
    device_free(b);
    device_free(a);
}
END_TEST

static struct mem_region *region_at(gpa_t gpa)
{
    struct mem_section s;

    mem_lookup(&as_memory, gpa, &s);
    return s.mr;
}

START_TEST(test_bars)
{
    struct card *c;

    setup();
    c = make_card("3");
    outl_config(0x18, 0x10, 0xffffffff, 4);
    outl_config(0x18, 0x14, 0xffffffff, 4);
    outl_config(0x18, 0x18, 0xffffffff, 4);
    outl_config(0x18, 0x1c, 0xffffffff, 4);
    ck_assert_uint_eq(in_config(0x18, 0x10, 4), 0xfffff000);
    ck_assert_uint_eq(in_config(0x18, 0x14, 4), 0xffffffe1);
    ck_assert_uint_eq(in_config(0x18, 0x18, 4), 0x0000000c);
    ck_assert_uint_eq(in_config(0x18, 0x1c, 4), 0xfffffffe);
    ck_assert_uint_eq(in_config(0x18, 0x24, 4), 0);
    outl_config(0x18, PCI_COMMAND, 3, 2); /* probes are not mapped */
    ck_assert_ptr_null(region_at(0xfffff000));
    outl_config(0x18, 0x10, 0xe0000abc, 4);
    outl_config(0x18, 0x14, 0xc000, 4);
    ck_assert_uint_eq(pci_bar_addr(&c->pci, 0), 0xe0000000);
    ck_assert_ptr_eq(region_at(0xe0000fff), &c->mem);
    ck_assert_uint_eq(io_port_read(0xc004, 1), 0xc4);
    outl_config(0x18, 0x18, 0, 4);
    outl_config(0x18, 0x1c, 0x10, 4);
    ck_assert_ptr_eq(region_at(0x1000000000), &c->big);
    outl_config(0x18, 0x1c, 0xfffffffe, 4); /* beyond what can be addressed */
    ck_assert_ptr_null(region_at(0x1000000000));
    ck_assert_uint_eq(pci_bar_addr(&c->pci, 2), PCI_BAR_UNMAPPED);
    outl_config(0x18, PCI_COMMAND, 2, 2);
    ck_assert_uint_eq(io_port_read(0xc004, 1), 0xff);
    device_reset(&c->pci.dev, RESET_COLD);
    ck_assert_ptr_null(region_at(0xe0000000));
    outl_config(0x18, 0x10, 0xd0000000, 4);
    outl_config(0x18, PCI_COMMAND, 7, 2);
    ck_assert_ptr_eq(region_at(0xd0000000), &c->mem);
    device_free(&c->pci.dev); /* while mapped */
    ck_assert_ptr_null(region_at(0xd0000000));
}
END_TEST

START_TEST(test_intx)
{
    struct card *a, *b;

    setup();
    a = make_card("3");
    b = make_card("7"); /* the same line */
    pci_set_irq(&a->pci, 1);
    irq_raise(pci_irq(&b->pci));
    ck_assert_int_eq(line_levels[3], 1);
    ck_assert(pci_bus_intx_level(&bus, 3));
    ck_assert_uint_eq(in_config(0x18, PCI_STATUS, 2) & PCI_STATUS_INTX, PCI_STATUS_INTX);
    pci_set_irq(&a->pci, 0);
    ck_assert_int_eq(line_levels[3], 1);
    outl_config(0x38, PCI_COMMAND, PCI_COMMAND_INTX_OFF, 2);
    ck_assert_int_eq(line_levels[3], 0);
    ck_assert_uint_eq(in_config(0x38, PCI_STATUS, 2) & PCI_STATUS_INTX, PCI_STATUS_INTX);
    outl_config(0x38, PCI_COMMAND, 0, 2);
    ck_assert_int_eq(line_levels[3], 1);
    device_free(&b->pci.dev); /* unplugged while asserting */
    ck_assert_int_eq(line_levels[3], 0);
    device_free(&a->pci.dev);
}
END_TEST

START_TEST(test_msi)
{
    struct card *c;
    unsigned cap;

    setup();
    c = make_card("3");
    cap = pci_find_capability(&c->pci, PCI_CAP_ID_MSI);
    ck_assert_uint_ge(cap, 0x40);
    ck_assert_uint_eq(in_config(0x18, cap + 2, 2), 0x0184);
    pci_msi_notify(&c->pci, 0);
    ck_assert_uint_eq(msi_count, 0);
    outl_config(0x18, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    outl_config(0x18, cap + 4, 0xfee01000, 4);
    outl_config(0x18, cap + 12, 0x4041, 2);
    outl_config(0x18, cap + 2, 0x0021, 2); /* four vectors */
    ck_assert(pci_msi_enabled(&c->pci));
    pci_msi_notify(&c->pci, 2);
    ck_assert_uint_eq(msi_addr, 0xfee01000);
    ck_assert_uint_eq(msi_data, 0x4042);
    outl_config(0x18, cap + 16, 0x4, 4);
    pci_msi_notify(&c->pci, 2);
    ck_assert_uint_eq(msi_count, 1);
    ck_assert_uint_eq(in_config(0x18, cap + 20, 4), 4);
    outl_config(0x18, cap + 16, 0, 4);
    ck_assert_uint_eq(msi_count, 2);
    ck_assert_uint_eq(in_config(0x18, cap + 20, 4), 0);
    outl_config(0x18, PCI_COMMAND, 0, 2); /* no bus master, no message */
    pci_msi_notify(&c->pci, 0);
    ck_assert_uint_eq(msi_count, 2);
    device_free(&c->pci.dev);
}
END_TEST

START_TEST(test_msix)
{
    struct error *err = NULL;
    struct card *c;
    unsigned cap;

    setup();
    c = make_card("3");
    cap = pci_find_capability(&c->pci, PCI_CAP_ID_MSIX);
    ck_assert_uint_eq(in_config(0x18, cap + 2, 2), 69);
    ck_assert_uint_eq(in_config(0x18, cap + 4, 4), 4);
    ck_assert_uint_eq(in_config(0x18, cap + 8, 4), 2048 | 4);
    outl_config(0x18, 0x20, 0xe0000000, 4);
    outl_config(0x18, PCI_COMMAND, 6, 2);
    outl_config(0x18, cap + 2, 0x8000, 2);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0xe000000c + 69 * 16), 1);
    addr_space_stl_le(&as_memory, 0xe0000000 + 69 * 16, 0xfee00000);
    addr_space_stl_le(&as_memory, 0xe0000008 + 69 * 16, 0x31);
    pci_msix_notify(&c->pci, 69);
    pci_msix_notify(&c->pci, 70); /* no such vector */
    ck_assert_uint_eq(msi_count, 0);
    ck_assert_uint_eq(addr_space_ldq_le(&as_memory, 0xe0000808), 1ull << 5);
    ck_assert_int_eq(vmstate_check(&c->pci.dev, &err), 0);
    ck_assert_uint_eq(addr_space_ldq_le(&as_memory, 0xe0000808), 1ull << 5);
    addr_space_stl_le(&as_memory, 0xe000000c + 69 * 16, 0);
    ck_assert_uint_eq(msi_count, 1);
    ck_assert_uint_eq(msi_data, 0x31);
    ck_assert_uint_eq(addr_space_ldq_le(&as_memory, 0xe0000808), 0);
    outl_config(0x18, cap + 2, 0xc000, 2); /* function mask */
    pci_msix_notify(&c->pci, 69);
    ck_assert_uint_eq(msi_count, 1);
    outl_config(0x18, cap + 2, 0x8000, 2);
    ck_assert_uint_eq(msi_count, 2);
    device_free(&c->pci.dev);
}
END_TEST

START_TEST(test_dma)
{
    struct mem_region ram;
    struct mem_mapping m;
    struct card *c;
    uint32_t v = 0;

    setup();
    ck_assert_int_eq(mem_region_init_ram(&ram, "ram", 0x10000, NULL), 0);
    mem_region_add(as_memory.root, 0, &ram);
    c = make_card("3");
    ck_assert_uint_eq(pci_dma_read(&c->pci, 0, &v, 4), MEM_RESULT_DECODE);
    ck_assert_uint_eq(v, 0xffffffff);
    ck_assert_uint_eq(pci_dma_write(&c->pci, 0, &v, 4), MEM_RESULT_DECODE);
    ck_assert_int_eq(pci_dma_map(&c->pci, 0, 4, true, &m), -EFAULT);
    outl_config(0x18, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    ck_assert_uint_eq(pci_dma_write(&c->pci, 0x100, "abcd", 4), 0);
    ck_assert_uint_eq(pci_dma_read(&c->pci, 0x100, &v, 4), 0);
    ck_assert_uint_eq(v, 0x64636261);
    device_free(&c->pci.dev);
    mem_region_del(as_memory.root, &ram);
    mem_region_fini(&ram);
}
END_TEST

START_TEST(test_bridge)
{
    struct error *err = NULL;
    struct device *dev;
    struct pci_bridge *b;
    struct card *c;

    setup();
    dev = make("test-bridge", "5", &bus.bus, &err);
    b = container_of(dev, struct pci_bridge, pci.dev);
    dev = make("test-card", "1", &b->secondary.bus, &err);
    c = container_of(dev, struct card, pci.dev);
    ck_assert_uint_eq(in_config(0x108, 0, 4), 0xffffffff);
    outl_config(0x28, PCI_PRIMARY_BUS, 0x00010100, 4);
    ck_assert_uint_eq(in_config(0x108, 0, 4), 0x12348086);
    outl_config(0x108, 0x10, 0xe0100000, 4);
    outl_config(0x108, 0x14, 0xd000, 4);
    outl_config(0x108, PCI_COMMAND, 7, 2);
    ck_assert_ptr_null(region_at(0xe0100000));
    outl_config(0x28, PCI_MEMORY_BASE, 0xe010e010, 4);
    outl_config(0x28, PCI_IO_BASE, 0xd0d0, 2);
    ck_assert_ptr_null(region_at(0xe0100000));
    ck_assert(!pci_bus_master(&c->pci));
    outl_config(0x28, PCI_COMMAND, 7, 2);
    ck_assert(pci_bus_master(&c->pci));
    ck_assert_ptr_eq(region_at(0xe0100000), &c->mem);
    ck_assert_uint_eq(io_port_read(0xd001, 1), 0xc1);
    pci_set_irq(&c->pci, 1); /* slot 1 INTA -> pin B at slot 5 -> line 2 */
    ck_assert_int_eq(line_levels[2], 1);
    ck_assert_int_eq(vmstate_check(&b->pci.dev, &err), 0);
    outl_config(0x28, PCI_BRIDGE_CONTROL, PCI_BRIDGE_BUS_RESET, 2);
    ck_assert_int_eq(line_levels[2], 0);
    ck_assert_uint_eq(in_config(0x108, PCI_COMMAND, 2), 0);
    device_free(&b->pci.dev); /* with what is behind it */
    ck_assert_ptr_null(bus.devices[0x28]);
}
END_TEST

START_TEST(test_state)
{
    struct error *err = NULL;
    struct vm_stream s, copy;
    struct card *c;
    uint32_t x = 7;

    setup();
    c = make_card("3");
    outl_config(0x18, 0x10, 0xe0000000, 4);
    outl_config(0x18, PCI_COMMAND, 7, 2);
    pci_set_irq(&c->pci, 1);
    if (vmstate_check(&c->pci.dev, &err) < 0)
        ck_abort_msg("%s", error_msg(err));
    ck_assert_ptr_eq(region_at(0xe0000000), &c->mem);
    ck_assert_int_eq(line_levels[3], 1);
    vm_stream_init(&s);
    device_save(&s, &c->pci.dev);
    for (unsigned round = 0; round < 3000; round++) {
        vm_stream_init_read(&copy, s.data, s.len);
        x = x * 1664525 + 1013904223;
        copy.data[(x >> 8) % copy.len] = (uint8_t)(x >> 3);
        device_load(&copy, &c->pci.dev, NULL);
        pci_config_read(&c->pci, (x >> 5) & 0xfff, 4);
        pci_msi_notify(&c->pci, x & 31);
        pci_msix_notify(&c->pci, x & 127);
        vm_stream_fini(&copy);
    }
    vm_stream_fini(&s);
    device_free(&c->pci.dev);
}
END_TEST

START_TEST(test_rom)
{
    struct error *err = NULL;
    struct device *dev;
    char path[] = "/tmp/doppel-rom-XXXXXX";
    int fd = mkstemp(path);

    setup();
    ck_assert_int_eq(write(fd, "\x55\xaa\x05rom", 6), 6);
    ck_assert_int_eq(ftruncate(fd, 2560), 0);
    close(fd);
    dev = device_new("test-card", NULL, &err);
    device_set_str(dev, "romfile", path);
    device_set_str(dev, "addr", "4");
    ck_assert_int_eq(device_realize(dev, NULL, &err), 0);
    device_reset(dev, RESET_COLD);
    outl_config(0x20, PCI_ROM_ADDRESS, 0xfffffffe, 4);
    ck_assert_uint_eq(in_config(0x20, PCI_ROM_ADDRESS, 4), 0xfffff000);
    outl_config(0x20, PCI_ROM_ADDRESS, 0xe0000000, 4);
    outl_config(0x20, PCI_COMMAND, 2, 2);
    ck_assert_ptr_null(region_at(0xe0000000));
    outl_config(0x20, PCI_ROM_ADDRESS, 0xe0000001, 4);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0xe0000000), 0x7205aa55);
    addr_space_stl_le(&as_memory, 0xe0000000, 0);
    ck_assert_uint_eq(addr_space_ldl_le(&as_memory, 0xe0000000), 0x7205aa55);
    device_free(dev);
    remove(path);
    dev = device_new("test-card", NULL, &err);
    device_set_str(dev, "romfile", path);
    ck_assert_int_lt(device_realize(dev, NULL, &err), 0);
    expect_error(&err, "not found");
    device_free(dev);
}
END_TEST

TEST_MAIN("pci", test_config, test_addresses, test_bars, test_intx, test_msi, test_msix, test_dma,
          test_bridge, test_state, test_rom)
