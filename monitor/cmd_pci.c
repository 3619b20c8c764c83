/* SPDX-License-Identifier: MIT */
/* What is on the PCI buses: query-pci and info pci, the second from the first's reply. */
#include <inttypes.h>

#include "hw/pci/pci.h"
#include "monitor/internal.h"

/* Base class and sub class; PCI Code and ID Assignment 1.11. */
static const struct {
    uint16_t code;
    const char *name;
} class_names[] = {
    {0x0100, "SCSI controller"},     {0x0101, "IDE controller"},
    {0x0106, "SATA controller"},     {0x0108, "NVMe controller"},
    {0x0200, "Ethernet controller"}, {0x0300, "VGA controller"},
    {0x0380, "Display controller"},  {0x0401, "Audio controller"},
    {0x0403, "Audio controller"},    {0x0500, "RAM controller"},
    {0x0600, "Host bridge"},         {0x0601, "ISA bridge"},
    {0x0604, "PCI bridge"},          {0x0680, "Bridge"},
    {0x0700, "Serial port"},         {0x0780, "Communication controller"},
    {0x0c03, "USB controller"},      {0x0c05, "SMBus"},
};

static json_t *describe_class(const struct pci_device *pci)
{
    unsigned code = pci_get_word(pci, PCI_CLASS_DEVICE);
    json_t *info = json_pack("{s:i}", "class", (int)code);

    for (unsigned i = 0; i < ARRAY_SIZE(class_names); i++) {
        if (class_names[i].code == code) {
            json_object_set_new(info, "desc", json_string(class_names[i].name));
        }
    }
    return info;
}

static json_t *describe_regions(const struct pci_device *pci)
{
    json_t *list = json_array();

    for (int n = 0; n <= PCI_BAR_ROM; n++) {
        const struct pci_bar *bar = &pci->bars[n];
        if (!bar->mr || !bar->size) {
            continue;
        }
        bool io = bar->flags & PCI_BAR_IO;
        json_int_t addr = bar->addr == PCI_BAR_UNMAPPED ? -1 : (json_int_t)bar->addr;
        json_t *row = json_pack("{s:i, s:s, s:I, s:I}", "bar", n, "type", io ? "io" : "memory",
                                "address", addr, "size", (json_int_t)bar->size);
        if (!io) {
            json_object_set_new(row, "prefetch", json_boolean(bar->flags & PCI_BAR_PREFETCH));
            json_object_set_new(row, "mem_type_64", json_boolean(bar->flags & PCI_BAR_MEM64));
        }
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *range(uint64_t base, uint64_t limit)
{
    return json_pack("{s:I, s:I}", "base", (json_int_t)base, "limit", (json_int_t)limit);
}

struct secondary {
    unsigned number;
    json_t *devices;
};

static void describe_device(struct pci_device *pci, void *opaque);

static json_t *describe_bridge(struct pci_device *pci)
{
    struct pci_bridge *b = container_of(pci, struct pci_bridge, pci);
    const uint8_t *c = pci->config;
    struct secondary s = {c[PCI_SECONDARY_BUS], json_array()};

    pci_bus_for_each(&b->secondary, describe_device, &s);
    return json_pack(
        "{s:{s:i, s:i, s:i, s:o, s:o, s:o}, s:o}", "bus", "number", (int)c[PCI_PRIMARY_BUS],
        "secondary", (int)c[PCI_SECONDARY_BUS], "subordinate", (int)c[PCI_SUBORDINATE_BUS],
        "io_range", range((c[PCI_IO_BASE] & 0xf0u) << 8, (c[PCI_IO_LIMIT] & 0xf0u) << 8 | 0xfff),
        "memory_range",
        range((uint64_t)(pci_get_word(pci, PCI_MEMORY_BASE) & 0xfff0u) << 16,
              (uint64_t)(pci_get_word(pci, PCI_MEMORY_LIMIT) & 0xfff0u) << 16 | 0xfffff),
        "prefetchable_range",
        range((uint64_t)(pci_get_word(pci, PCI_PREF_BASE) & 0xfff0u) << 16,
              (uint64_t)(pci_get_word(pci, PCI_PREF_LIMIT) & 0xfff0u) << 16 | 0xfffff),
        "devices", s.devices);
}

static void describe_device(struct pci_device *pci, void *opaque)
{
    struct secondary *s = opaque;
    unsigned pin = pci->config[PCI_INTERRUPT_PIN];
    bool bridge = (pci->config[PCI_HEADER_TYPE] & 0x7f) == PCI_HEADER_BRIDGE;
    json_t *id = json_pack("{s:i, s:i}", "device", (int)pci_get_word(pci, PCI_DEVICE_ID), "vendor",
                           (int)pci_get_word(pci, PCI_VENDOR_ID));
    if (!bridge && pci_get_word(pci, PCI_SUBSYSTEM_VENDOR)) {
        json_object_set_new(id, "subsystem", json_integer(pci_get_word(pci, PCI_SUBSYSTEM_ID)));
        json_object_set_new(id, "subsystem-vendor",
                            json_integer(pci_get_word(pci, PCI_SUBSYSTEM_VENDOR)));
    }
    json_t *row =
        json_pack("{s:i, s:i, s:i, s:o, s:o, s:i, s:s, s:o}", "bus", (int)s->number, "slot",
                  (int)PCI_SLOT(pci->devfn), "function", (int)PCI_FUNC(pci->devfn), "class_info",
                  describe_class(pci), "id", id, "irq_pin", (int)pin, "qdev_id",
                  pci->dev.id ? pci->dev.id : "", "regions", describe_regions(pci));
    if (pin) {
        json_object_set_new(row, "irq", json_integer(pci->config[PCI_INTERRUPT_LINE]));
    }
    if (bridge) {
        json_object_set_new(row, "pci_bridge", describe_bridge(pci));
    }
    json_array_append_new(s->devices, row);
}

/* The root bus; a second root comes with a machine that has one. */
json_t *qmp_query_pci(struct monitor *m, json_t *args, struct error **err)
{
    struct bus *bus = bus_find_type(BUS_PCI);
    struct secondary s = {0, json_array()};

    if (!bus) {
        return s.devices;
    }
    struct pci_bus *root = container_of(bus, struct pci_bus, bus);
    s.number = pci_bus_number(root);
    pci_bus_for_each(root, describe_device, &s);
    return json_pack("[{s:i, s:o}]", "bus", (int)s.number, "devices", s.devices);
}

/* --- text --------------------------------------------------------------------------------------- */

static json_int_t number(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void print_regions(struct monitor *m, json_t *list)
{
    json_t *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        bool io = !strcmp(json_string_value(json_object_get(row, "type")), "io");
        bool wide = json_is_true(json_object_get(row, "mem_type_64"));
        json_int_t addr = number(row, "address"), size = number(row, "size");
        mon_print(m, "      BAR%" JSON_INTEGER_FORMAT ": ", number(row, "bar"));
        if (addr == -1) {
            mon_print(m, "%s, %#" PRIx64 " bytes, not mapped.\n", io ? "I/O" : "memory",
                      (uint64_t)size);
        } else {
            mon_print(m, "%s at %#" PRIx64 " [%#" PRIx64 "].\n",
                      io     ? "I/O"
                      : wide ? "64 bit memory"
                             : "32 bit memory",
                      (uint64_t)addr, (uint64_t)(addr + size - 1));
        }
    }
}

static void print_devices(struct monitor *m, json_t *list)
{
    json_t *row;
    size_t i;

    json_array_foreach(list, i, row)
    {
        json_t *class = json_object_get(row, "class_info"), *id = json_object_get(row, "id");
        json_t *desc = json_object_get(class, "desc"), *bridge = json_object_get(row, "pci_bridge");
        mon_print(m, "  Bus %2d, device %3d, function %d:\n", (int)number(row, "bus"),
                  (int)number(row, "slot"), (int)number(row, "function"));
        if (desc) {
            mon_print(m, "    %s", json_string_value(desc));
        } else {
            mon_print(m, "    Class %04x", (unsigned)number(class, "class"));
        }
        mon_print(m, ": PCI device %04x:%04x\n", (unsigned)number(id, "vendor"),
                  (unsigned)number(id, "device"));
        if (number(row, "irq_pin")) {
            mon_print(m, "      IRQ %d, pin %c\n", (int)number(row, "irq"),
                      (char)('A' + number(row, "irq_pin") - 1));
        }
        if (bridge) {
            json_t *bus = json_object_get(bridge, "bus");
            mon_print(m, "      BUS %d, secondary bus %d, subordinate bus %d\n",
                      (int)number(bus, "number"), (int)number(bus, "secondary"),
                      (int)number(bus, "subordinate"));
        }
        print_regions(m, json_object_get(row, "regions"));
        mon_print(m, "      id \"%s\"\n", json_string_value(json_object_get(row, "qdev_id")));
        if (bridge) {
            print_devices(m, json_object_get(bridge, "devices"));
        }
    }
}

void hmp_info_pci(struct monitor *m, json_t *args)
{
    json_t *buses = qmp_query_pci(m, args, NULL), *bus;
    size_t i;

    json_array_foreach(buses, i, bus)
    {
        print_devices(m, json_object_get(bus, "devices"));
    }
    json_decref(buses);
}
