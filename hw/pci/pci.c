/* SPDX-License-Identifier: MIT */
/*
 * PCI functions and buses: plugging, the header, INTx, DMA, reset, saved state.
 */
#include "hw/pci/pci.h"

#include "hw/core/hotplug.h"
#include "hw/core/vmstate.h"
#include "hw/pci/pci_int.h"
#include "util/datafile.h"
#include "util/error.h"
#include "util/trace.h"

#include <errno.h>
#include <stdio.h>

#define ROM_SIZE_MAX MIB(16)

/* --- the header ----------------------------------------------------------- */

static void init_ids(struct pci_device *pci)
{
    const struct pci_info *info = pci->info;
    uint8_t multi = pci->prop_multifunction ? PCI_HEADER_MULTI : 0;

    pci_put_word(pci, PCI_VENDOR_ID, info->vendor);
    pci_put_word(pci, PCI_DEVICE_ID, info->device);
    pci->config[PCI_REVISION] = info->revision;
    pci->config[PCI_CLASS_PROG] = (uint8_t)info->class_code;
    pci_put_word(pci, PCI_CLASS_DEVICE, (uint16_t)(info->class_code >> 8));
    pci->config[PCI_HEADER_TYPE] = info->header_type | multi;
    pci->config[PCI_INTERRUPT_PIN] = info->int_pin;
}

static void init_subsystem(struct pci_device *pci)
{
    const struct pci_info *info = pci->info;

    if (info->header_type != PCI_HEADER_NORMAL || info->no_subsystem)
        return;
    pci_put_word(pci, PCI_SUBSYSTEM_VENDOR,
                 info->subsystem_vendor ? info->subsystem_vendor : PCI_SUBSYSTEM_VENDOR_DEFAULT);
    pci_put_word(pci, PCI_SUBSYSTEM_ID,
                 info->subsystem_id ? info->subsystem_id : PCI_SUBSYSTEM_ID_DEFAULT);
}

static void init_masks(struct pci_device *pci)
{
    st_le16(pci->wmask + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                          PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
                                          PCI_COMMAND_INTX_OFF);
    st_le16(pci->w1cmask + PCI_STATUS, PCI_STATUS_W1C);
    pci->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
    pci->wmask[PCI_LATENCY_TIMER] = 0xff;
    pci->wmask[PCI_INTERRUPT_LINE] = 0xff;
}

static void init_bridge_masks(struct pci_device *pci)
{
    static const struct {
        uint8_t off, size;
        uint32_t mask;
    } rows[] = {
        {PCI_PRIMARY_BUS, 4, 0xffffffff},     {PCI_IO_BASE, 2, 0xf0f0},
        {PCI_MEMORY_BASE, 4, 0xfff0fff0},     {PCI_PREF_BASE, 4, 0xfff0fff0},
        {PCI_PREF_BASE_UPPER, 4, 0xffffffff}, {PCI_PREF_LIMIT_UPPER, 4, 0xffffffff},
        {PCI_BRIDGE_CONTROL, 2, 0x006f},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        for (unsigned b = 0; b < rows[i].size; b++)
            pci->wmask[rows[i].off + b] = (uint8_t)(rows[i].mask >> (b * 8));
    }
    st_le16(pci->w1cmask + PCI_SEC_STATUS, PCI_STATUS_W1C);
    pci_put_word(pci, PCI_PREF_BASE, 0x0001); /* 64-bit prefetchable window */
    pci_put_word(pci, PCI_PREF_LIMIT, 0x0001);
}

/* All four arrays have the size of the largest space: loading a saved state
 * stays inside whatever it claims. */
static void init_config(struct pci_device *pci)
{
    pci->config = g_malloc0(PCIE_CONFIG_SIZE);
    pci->wmask = g_malloc0(PCIE_CONFIG_SIZE);
    pci->w1cmask = g_malloc0(PCIE_CONFIG_SIZE);
    pci->reset_config = g_malloc0(PCIE_CONFIG_SIZE);
    pci->config_size = pci->info->express ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
    pci->cap_free = 0x40;
    init_ids(pci);
    init_subsystem(pci);
    init_masks(pci);
    if (pci->info->header_type == PCI_HEADER_BRIDGE)
        init_bridge_masks(pci);
}

static void free_config(struct pci_device *pci)
{
    g_free(pci->config);
    g_free(pci->wmask);
    g_free(pci->w1cmask);
    g_free(pci->reset_config);
    pci->config = pci->wmask = pci->w1cmask = pci->reset_config = NULL;
}

/* --- capabilities --------------------------------------------------------- */

int pci_add_capability(struct pci_device *pci, uint8_t id, unsigned off, unsigned size,
                       struct error **err)
{
    if (!off) {
        off = pci->cap_free;
        pci->cap_free = (uint8_t)ALIGN_UP(off + size, 4u);
    }
    if (off < 0x40 || off + size > PCI_CONFIG_SIZE || !IS_ALIGNED(off, 4u)) {
        error_set(err, "no room for PCI capability %#x", id);
        return -ENOSPC;
    }
    pci->config[off] = id;
    pci->config[off + 1] = pci->config[PCI_CAPABILITY_LIST];
    pci->config[PCI_CAPABILITY_LIST] = (uint8_t)off;
    pci->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    return (int)off;
}

unsigned pci_find_capability(const struct pci_device *pci, uint8_t id)
{
    unsigned off = pci->config[PCI_CAPABILITY_LIST];

    for (unsigned n = 0; off >= 0x40 && n < 48; n++) {
        if (pci->config[off] == id)
            return off;
        off = pci->config[off + 1] & ~3u;
    }
    return 0;
}

/* --- INTx ----------------------------------------------------------------- */

unsigned pci_intx_swizzle(void *opaque, const struct pci_device *pci, unsigned pin)
{
    return (PCI_SLOT(pci->devfn) + pin) & 3;
}

/* One pin less or more asserts the line it is wired to at the root. */
static void route_intx(const struct pci_device *pci, unsigned pin, int change)
{
    struct pci_bus *bus = pci->bus;
    unsigned line;

    while (bus->bridge) {
        pin = pci_intx_swizzle(NULL, pci, pin);
        pci = bus->bridge;
        bus = pci->bus;
    }
    if (!bus->intx)
        return;
    line = bus->intx->map(bus->intx_opaque, pci, pin);
    if (line >= bus->intx_lines)
        return;
    bus->intx_count[line] = (uint16_t)(bus->intx_count[line] + change);
    if (bus->intx_count[line] == (change > 0 ? 1 : 0))
        bus->intx->set(bus->intx_opaque, line, change > 0);
}

void pci_update_intx(struct pci_device *pci)
{
    uint8_t pin = pci->config[PCI_INTERRUPT_PIN];
    bool drive = pci->intx_level && pin >= 1 && pin <= 4 &&
                 !(pci_get_word(pci, PCI_COMMAND) & PCI_COMMAND_INTX_OFF);

    if (pci->intx_level)
        pci->config[PCI_STATUS] |= PCI_STATUS_INTX;
    else
        pci->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTX;
    if (drive == pci->intx_driven)
        return;
    pci->intx_driven = drive;
    route_intx(pci, pin - 1u, drive ? 1 : -1);
}

void pci_set_irq(struct pci_device *pci, int level)
{
    if (pci->intx_level == (level != 0))
        return;
    TRACE(pci_irq, "%s %02x.%x level %d", pci->dev.cls->name, PCI_SLOT(pci->devfn),
          PCI_FUNC(pci->devfn), level != 0);
    pci->intx_level = level != 0;
    pci_update_intx(pci);
}

static void intx_wire(void *opaque, int n, int level)
{
    pci_set_irq(opaque, level);
}

void pci_bus_set_intx(struct pci_bus *bus, const struct pci_intx_ops *ops, void *opaque,
                      unsigned lines)
{
    assert(lines <= PCI_INTX_LINES_MAX);
    bus->intx = ops;
    bus->intx_opaque = opaque;
    bus->intx_lines = lines;
}

bool pci_bus_intx_level(const struct pci_bus *bus, unsigned line)
{
    return line < bus->intx_lines && bus->intx_count[line] != 0;
}

/* --- DMA ------------------------------------------------------------------ */

bool pci_bus_master(const struct pci_device *pci)
{
    for (; pci; pci = pci->bus->bridge) {
        if (!(__atomic_load_n(&pci->config[PCI_COMMAND], __ATOMIC_RELAXED) & PCI_COMMAND_MASTER))
            return false;
    }
    return true;
}

unsigned pci_dma_read(struct pci_device *pci, gpa_t gpa, void *buf, uint64_t len)
{
    if (pci_bus_master(pci))
        return addr_space_read(pci->dma_as, gpa, buf, len);
    memset(buf, 0xff, len);
    return MEM_RESULT_DECODE;
}

unsigned pci_dma_write(struct pci_device *pci, gpa_t gpa, const void *buf, uint64_t len)
{
    return pci_bus_master(pci) ? addr_space_write(pci->dma_as, gpa, buf, len) : MEM_RESULT_DECODE;
}

int pci_dma_map(struct pci_device *pci, gpa_t gpa, uint64_t len, bool write, struct mem_mapping *m)
{
    return pci_bus_master(pci) ? addr_space_map(pci->dma_as, gpa, len, write, m) : -EFAULT;
}

void pci_dma_unmap(struct pci_device *pci, struct mem_mapping *m, uint64_t accessed)
{
    addr_space_unmap(m, accessed);
}

/* --- option ROM ----------------------------------------------------------- */

static uint64_t rom_bar_size(size_t size)
{
    uint64_t bar = 2048;

    while (bar < size)
        bar *= 2;
    return bar;
}

static int add_rom(struct pci_device *pci, struct error **err)
{
    const char *file = pci->prop_romfile ? pci->prop_romfile : pci->info->romfile;
    uint8_t *data;
    size_t size;
    int ret;

    if (!file || !*file || !pci->prop_rombar)
        return 0;
    data = datafile_load(file, ROM_SIZE_MAX, &size, err);
    if (!data)
        return -ENOENT;
    ret = mem_region_init_rom(&pci->rom, "pci-rom", rom_bar_size(size), err);
    if (!ret) {
        memcpy(ram_ptr(pci->rom.ram), data, size);
        pci->has_rom = true;
        pci_register_bar(pci, PCI_BAR_ROM, PCI_BAR_MEM32, &pci->rom);
    }
    g_free(data);
    return ret;
}

static void free_rom(struct pci_device *pci)
{
    if (pci->has_rom)
        mem_region_fini(&pci->rom);
    pci->has_rom = false;
}

/* --- plugging ------------------------------------------------------------- */

static bool slot_empty(const struct pci_bus *bus, unsigned slot)
{
    for (unsigned fn = 0; fn < 8; fn++) {
        if (bus->devices[PCI_DEVFN(slot, fn)])
            return false;
    }
    return true;
}

static int auto_address(const struct pci_bus *bus, struct error **err)
{
    for (unsigned slot = bus->first_slot; slot < 32; slot++) {
        if (slot_empty(bus, slot))
            return PCI_DEVFN(slot, 0);
    }
    error_set(err, "bus '%s' has no free slot", bus->bus.name);
    return -ENOSPC;
}

/* A function other than 0 needs a function 0 that says there are more. */
static int check_first_function(const struct pci_bus *bus, const struct pci_device *pci,
                                unsigned slot, struct error **err)
{
    if (pci->prop_multifunction || pci->dev.cls->pci->multifunction)
        return 0;
    for (unsigned fn = 1; fn < 8; fn++) {
        if (bus->devices[PCI_DEVFN(slot, fn)]) {
            error_set(err, "slot %x has further functions: function 0 needs multifunction=on",
                      slot);
            return -EINVAL;
        }
    }
    return 0;
}

static int check_function(const struct pci_bus *bus, const struct pci_device *pci, int devfn,
                          struct error **err)
{
    const struct pci_device *first = bus->devices[PCI_DEVFN(PCI_SLOT(devfn), 0)];

    if (bus->devices[devfn]) {
        error_set(err, "slot %x function %x of bus '%s' is taken by '%s'", PCI_SLOT(devfn),
                  PCI_FUNC(devfn), bus->bus.name, bus->devices[devfn]->dev.cls->name);
        return -EBUSY;
    }
    if (PCI_FUNC(devfn) && first && !(first->config[PCI_HEADER_TYPE] & PCI_HEADER_MULTI)) {
        error_set(err, "slot %x: function 0 ('%s') is not multifunction", PCI_SLOT(devfn),
                  first->dev.cls->name);
        return -EINVAL;
    }
    return PCI_FUNC(devfn) ? 0 : check_first_function(bus, pci, PCI_SLOT(devfn), err);
}

static int pci_plug(struct bus *b, struct device *dev, struct error **err)
{
    struct pci_bus *bus = container_of(b, struct pci_bus, bus);
    struct pci_device *pci = pci_device(dev);
    int devfn = pci->prop_addr >= 0 ? pci->prop_addr : auto_address(bus, err);
    int ret = devfn < 0 ? devfn : check_function(bus, pci, devfn, err);

    assert(dev->cls->pci);
    if (ret < 0)
        return ret;
    pci->info = dev->cls->pci;
    pci->prop_multifunction |= pci->info->multifunction;
    pci->bus = bus;
    pci->devfn = (uint8_t)devfn;
    pci->dma_as = bus->dma_as;
    irq_init(&pci->intx, intx_wire, pci, 0);
    init_config(pci);
    bus->devices[devfn] = pci;
    return 0;
}

static int pci_plugged(struct bus *b, struct device *dev, struct error **err)
{
    struct pci_device *pci = pci_device(dev);
    struct pci_bus *bus = pci->bus;
    int ret = add_rom(pci, err);

    if (ret < 0)
        return ret;
    memcpy(pci->reset_config, pci->config, PCIE_CONFIG_SIZE);
    if (dev->hotplugged && bus->hotplug && bus->hotplug->plugged)
        ret = bus->hotplug->plugged(bus->hotplug_opaque, pci, err);
    return ret;
}

static void pci_unplugging(struct bus *b, struct device *dev)
{
    struct pci_device *pci = pci_device(dev);

    pci_set_irq(pci, 0);
    pci_unmap_bars(pci);
}

static void pci_unplug(struct bus *b, struct device *dev)
{
    struct pci_device *pci = pci_device(dev);

    pci_set_irq(pci, 0);
    pci_msix_free(pci);
    free_rom(pci);
    memset(pci->bars, 0, sizeof(pci->bars));
    pci->bus->devices[pci->devfn] = NULL;
    free_config(pci);
}

static void pci_reset(struct bus *b, struct device *dev, enum reset_kind kind)
{
    struct pci_device *pci = pci_device(dev);

    pci_set_irq(pci, 0);
    if (kind != RESET_WAKE || !pci->info->suspend_power) {
        memcpy(pci->config, pci->reset_config, pci->config_size);
    }
    pci_msix_reset(pci);
    pci_update_mappings(pci);
}

static void pci_address(const struct bus *bus, const struct device *dev, char *buf, size_t size)
{
    const struct pci_device *pci = container_of(dev, struct pci_device, dev);

    snprintf(buf, size, "%02x.%x", PCI_SLOT(pci->devfn), PCI_FUNC(pci->devfn));
}

void pci_eject(struct pci_device *pci)
{
    pci->ejected = true;
    pci_set_irq(pci, 0);
    __atomic_store_n(&pci->config[PCI_COMMAND], 0, __ATOMIC_RELAXED);
    pci_unmap_bars(pci);
    device_unplug_finish(&pci->dev);
}

static int pci_unplug_request(struct bus *b, struct device *dev, struct error **err)
{
    struct pci_bus *bus = container_of(b, struct pci_bus, bus);

    if (!bus->hotplug) {
        error_set(err, "bus '%s' has no hot-plug controller", b->name);
        return -EBUSY;
    }
    return bus->hotplug->unplug_request(bus->hotplug_opaque, pci_device(dev), err);
}

static const struct bus_ops pci_bus_ops = {
    .plug = pci_plug,
    .plugged = pci_plugged,
    .unplugging = pci_unplugging,
    .unplug = pci_unplug,
    .reset = pci_reset,
    .address = pci_address,
    .unplug_request = pci_unplug_request,
};

static const struct prop pci_props[] = {
    PROP_PCI_ADDR("addr", struct pci_device, prop_addr, "slot and function"),
    PROP_BOOL("multifunction", struct pci_device, prop_multifunction, false,
              "function 0 of several"),
    PROP_STR("romfile", struct pci_device, prop_romfile, NULL, "option ROM, empty for none"),
    PROP_BOOL("rombar", struct pci_device, prop_rombar, true, "show the option ROM in a BAR"),
    PROP_END,
};

BUS_PROPS_DEFINE(pci, BUS_PCI, pci_props);

/* --- buses ---------------------------------------------------------------- */

void pci_bus_init(struct pci_bus *bus, const char *name, struct device *parent,
                  struct mem_region *memory, struct mem_region *io)
{
    memset(bus, 0, sizeof(*bus));
    bus_init(&bus->bus, BUS_PCI, name, parent, &pci_bus_ops);
    bus->memory = memory ? memory : as_memory.root;
    bus->io = io ? io : as_io.root;
    bus->dma_as = &as_memory;
}

void pci_bus_fini(struct pci_bus *bus)
{
    bus_fini(&bus->bus);
}

void pci_bus_set_hotplug(struct pci_bus *bus, const struct pci_hotplug_ops *ops, void *opaque)
{
    bus->hotplug = ops;
    bus->hotplug_opaque = opaque;
    bus->bus.hotpluggable = ops != NULL;
}

unsigned pci_bus_number(const struct pci_bus *bus)
{
    return bus->bridge ? bus->bridge->config[PCI_SECONDARY_BUS] : bus->number;
}

void pci_bus_for_each(struct pci_bus *bus, void (*fn)(struct pci_device *pci, void *opaque),
                      void *opaque)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (bus->devices[devfn])
            fn(bus->devices[devfn], opaque);
    }
}

static bool is_bridge(const struct pci_device *pci)
{
    return pci && pci->info->header_type == PCI_HEADER_BRIDGE;
}

struct pci_device *pci_find(struct pci_bus *root, unsigned number, uint8_t devfn)
{
    if (number == pci_bus_number(root)) {
        struct pci_device *pci = root->devices[devfn];

        return pci && !pci->ejected ? pci : NULL;
    }
    for (unsigned i = 0; i < 256; i++) {
        struct pci_device *pci = root->devices[i];

        if (is_bridge(pci) && number >= pci->config[PCI_SECONDARY_BUS] &&
            number <= pci->config[PCI_SUBORDINATE_BUS] && pci->config[PCI_SECONDARY_BUS])
            return pci_find(&container_of(pci, struct pci_bridge, pci)->secondary, number, devfn);
    }
    return NULL;
}

/* --- saved state ---------------------------------------------------------- */

static bool has_msix(const void *state)
{
    return ((const struct pci_device *)state)->msix != NULL;
}

static int pci_post_load(void *state, unsigned version, struct error **err)
{
    struct pci_device *pci = state;

    if (pci->config_size != (pci->info->express ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE)) {
        error_set(err, "PCI configuration space of another size");
        pci->config_size = PCI_CONFIG_SIZE;
        return -EINVAL;
    }
    pci->intx_level &= 1;
    pci_update_mappings(pci);
    pci_update_intx(pci);
    return 0;
}

static const struct vm_field pci_device_fields[] = {
    VM_U32(struct pci_device, config_size),
    VM_VBUFFER(struct pci_device, config, config_size, PCIE_CONFIG_SIZE),
    VM_U8(struct pci_device, intx_level),
    {.name = "msix",
     .kind = VM_KIND_PTR,
     .offset = offsetof(struct pci_device, msix),
     .elem_size = sizeof(void *),
     .count = 1,
     .sub = &pci_msix_vmstate,
     .exists = has_msix},
    VM_END,
};

const struct vmstate pci_device_vmstate = {
    .name = "pci-device",
    .version = 1,
    .fields = pci_device_fields,
    .post_load = pci_post_load,
};
