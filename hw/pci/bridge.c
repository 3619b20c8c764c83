/* SPDX-License-Identifier: MIT */
/*
 * PCI-to-PCI bridges: PCI-to-PCI Bridge Architecture 1.2. The windows are
 * aliases of what is behind the bridge, placed where base and limit say.
 *
 * Not modelled: ISA enable (a hole in every KiB of the I/O window), subtractive
 * decode, and parity and abort status.
 */
#include "hw/core/vmstate.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_int.h"

#define MEM_SPACE_SIZE (1ull << 52)

static struct pci_bridge *bridge_of(struct pci_device *pci)
{
    return container_of(pci, struct pci_bridge, pci);
}

/* Show [base, limit] of what is behind; nothing if limit lies below base. */
static void set_window(struct mem_region *win, bool enabled, uint64_t base, uint64_t limit)
{
    bool open = enabled && base <= limit && limit < MEM_SPACE_SIZE;

    mem_region_set_enabled(win, open);
    if (open) {
        mem_region_set_size(win, limit - base + 1);
        mem_region_set_alias_offset(win, base);
        mem_region_set_offset(win, base);
    }
}

static void update_memory(struct pci_bridge *b, bool on)
{
    const struct pci_device *pci = &b->pci;
    uint64_t base = (uint64_t)(pci_get_word(pci, PCI_MEMORY_BASE) & 0xfff0) << 16;
    uint64_t limit = (uint64_t)(pci_get_word(pci, PCI_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff;

    set_window(&b->win_memory, on, base, limit);
    base = (uint64_t)(pci_get_word(pci, PCI_PREF_BASE) & 0xfff0) << 16 |
           (uint64_t)pci_get_long(pci, PCI_PREF_BASE_UPPER) << 32;
    limit = (uint64_t)(pci_get_word(pci, PCI_PREF_LIMIT) & 0xfff0) << 16 | 0xfffff |
            (uint64_t)pci_get_long(pci, PCI_PREF_LIMIT_UPPER) << 32;
    set_window(&b->win_prefetch, on, base, limit);
}

static void update_windows(struct pci_bridge *b)
{
    const struct pci_device *pci = &b->pci;
    uint16_t cmd = pci_get_word(pci, PCI_COMMAND);
    bool vga = pci_get_word(pci, PCI_BRIDGE_CONTROL) & PCI_BRIDGE_VGA;
    uint64_t io_base = (uint64_t)(pci->config[PCI_IO_BASE] & 0xf0) << 8;
    uint64_t io_limit = (uint64_t)(pci->config[PCI_IO_LIMIT] & 0xf0) << 8 | 0xfff;

    mem_txn_begin();
    update_memory(b, cmd & PCI_COMMAND_MEMORY);
    set_window(&b->win_io, cmd & PCI_COMMAND_IO, io_base, io_limit);
    mem_region_set_enabled(&b->win_vga_memory, vga && (cmd & PCI_COMMAND_MEMORY));
    for (unsigned i = 0; i < 2; i++)
        mem_region_set_enabled(&b->win_vga_io[i], vga && (cmd & PCI_COMMAND_IO));
    mem_txn_commit();
}

static void add_window(struct mem_region *win, const char *name, struct mem_region *behind,
                       struct mem_region *before, uint64_t base, uint64_t size)
{
    mem_region_init_alias(win, name, behind, base, size);
    win->enabled = false;
    mem_region_add_overlap(before, base, win, 1);
}

void pci_bridge_init(struct pci_bridge *b, const char *bus_name)
{
    struct pci_bus *up = b->pci.bus;

    mem_region_init_container(&b->sec_memory, "pci-bridge-memory", MEM_SPACE_SIZE);
    mem_region_init_container(&b->sec_io, "pci-bridge-io", 0x10000);
    pci_bus_init(&b->secondary, bus_name, &b->pci.dev, &b->sec_memory, &b->sec_io);
    b->secondary.bridge = &b->pci;
    b->secondary.dma_as = up->dma_as;
    add_window(&b->win_memory, "pci-bridge-window", &b->sec_memory, up->memory, 0, 0);
    add_window(&b->win_prefetch, "pci-bridge-prefetch", &b->sec_memory, up->memory, 0, 0);
    add_window(&b->win_io, "pci-bridge-io-window", &b->sec_io, up->io, 0, 0);
    add_window(&b->win_vga_memory, "pci-bridge-vga", &b->sec_memory, up->memory, 0xa0000, 0x20000);
    add_window(&b->win_vga_io[0], "pci-bridge-vga-io", &b->sec_io, up->io, 0x3b0, 12);
    add_window(&b->win_vga_io[1], "pci-bridge-vga-io", &b->sec_io, up->io, 0x3c0, 32);
}

static void remove_window(struct mem_region *win)
{
    mem_region_del(win->parent, win);
    mem_region_fini(win);
}

void pci_bridge_fini(struct pci_bridge *b)
{
    remove_window(&b->win_memory);
    remove_window(&b->win_prefetch);
    remove_window(&b->win_io);
    remove_window(&b->win_vga_memory);
    remove_window(&b->win_vga_io[0]);
    remove_window(&b->win_vga_io[1]);
    pci_bus_fini(&b->secondary);
    mem_region_fini(&b->sec_memory);
    mem_region_fini(&b->sec_io);
}

void pci_bridge_reset(struct pci_bridge *b)
{
    update_windows(b);
}

void pci_bridge_config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old)
{
    struct pci_bridge *b = bridge_of(pci);

    if (pci_ranges_touch(off, size, PCI_COMMAND, 2) ||
        pci_ranges_touch(off, size, PCI_IO_BASE, PCI_CAPABILITY_LIST - PCI_IO_BASE) ||
        pci_ranges_touch(off, size, PCI_BRIDGE_CONTROL, 2))
        update_windows(b);
    if (pci_ranges_touch(off, size, PCI_BRIDGE_CONTROL, 1)) {
        unsigned shift = PCI_BRIDGE_CONTROL >= off ? (PCI_BRIDGE_CONTROL - off) * 8 : 0;
        bool was = old >> shift & PCI_BRIDGE_BUS_RESET;

        if (!was && (pci->config[PCI_BRIDGE_CONTROL] & PCI_BRIDGE_BUS_RESET))
            bus_reset(&b->secondary.bus, RESET_BUS);
    }
}

static int bridge_post_load(void *state, unsigned version, struct error **err)
{
    update_windows(state);
    return 0;
}

static const struct vm_field bridge_fields[] = {
    VM_STRUCT(struct pci_bridge, pci, &pci_device_vmstate),
    VM_END,
};

const struct vmstate pci_bridge_vmstate = {
    .name = "pci-bridge",
    .version = 1,
    .fields = bridge_fields,
    .post_load = bridge_post_load,
};
