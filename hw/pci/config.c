/* SPDX-License-Identifier: MIT */
/*
 * PCI configuration space accesses and what they move: BARs.
 *
 * A BAR of 0 or of all ones (a sizing probe) is not mapped, nor one that would
 * reach past its space.
 */
#include "hw/pci/pci.h"

#include "hw/pci/pci_int.h"
#include "util/trace.h"

#include <inttypes.h>

#define MEM_SPACE_END (1ull << 52)

static unsigned bar_offset(const struct pci_device *pci, unsigned n)
{
    if (n != PCI_BAR_ROM)
        return PCI_BASE_ADDRESS_0 + n * 4;
    return pci->info->header_type == PCI_HEADER_BRIDGE ? PCI_BRIDGE_ROM : PCI_ROM_ADDRESS;
}

static uint32_t bar_type_bits(unsigned flags)
{
    return (flags & PCI_BAR_IO ? PCI_BASE_IO : 0) | (flags & PCI_BAR_MEM64 ? PCI_BASE_MEM64 : 0) |
           (flags & PCI_BAR_PREFETCH ? PCI_BASE_PREFETCH : 0);
}

void pci_register_bar(struct pci_device *pci, unsigned n, unsigned flags, struct mem_region *mr)
{
    unsigned off = bar_offset(pci, n);
    uint64_t mask = ~(mr->size - 1);

    assert(n <= PCI_BAR_ROM && !pci->bars[n].mr && is_pow2(mr->size));
    assert(mr->size >= (flags & PCI_BAR_IO ? 4 : 16));
    assert(!(flags & PCI_BAR_MEM64) || n < PCI_BAR_COUNT - 1);
    pci->bars[n] = (struct pci_bar){mr, mr->size, PCI_BAR_UNMAPPED, flags};
    pci_put_long(pci, off, bar_type_bits(flags));
    st_le32(pci->wmask + off, (uint32_t)mask | (n == PCI_BAR_ROM ? PCI_ROM_ENABLE : 0));
    if (flags & PCI_BAR_MEM64)
        st_le32(pci->wmask + off + 4, (uint32_t)(mask >> 32));
}

uint64_t pci_bar_addr(const struct pci_device *pci, unsigned n)
{
    return pci->bars[n].mr ? pci->bars[n].addr : PCI_BAR_UNMAPPED;
}

/* Does [addr, addr + size) stay below the last byte of its space? */
static bool bar_fits(const struct pci_bar *bar, uint64_t addr)
{
    uint64_t end = bar->flags & PCI_BAR_IO      ? 0x10000
                   : bar->flags & PCI_BAR_MEM64 ? MEM_SPACE_END
                                                : UINT32_MAX;

    return addr != 0 && range_fits(addr, bar->size, end);
}

static uint64_t decoded_addr(const struct pci_device *pci, unsigned n)
{
    const struct pci_bar *bar = &pci->bars[n];
    unsigned off = bar_offset(pci, n);
    uint16_t need = bar->flags & PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
    uint64_t addr = pci_get_long(pci, off);

    if (pci->ejected || !(pci_get_word(pci, PCI_COMMAND) & need))
        return PCI_BAR_UNMAPPED;
    if (n == PCI_BAR_ROM && !(addr & PCI_ROM_ENABLE))
        return PCI_BAR_UNMAPPED;
    if (bar->flags & PCI_BAR_MEM64)
        addr |= (uint64_t)pci_get_long(pci, off + 4) << 32;
    addr &= ~(bar->size - 1);
    return bar_fits(bar, addr) ? addr : PCI_BAR_UNMAPPED;
}

static void map_bar(struct pci_device *pci, unsigned n, uint64_t addr)
{
    struct pci_bar *bar = &pci->bars[n];
    struct mem_region *space = bar->flags & PCI_BAR_IO ? pci->bus->io : pci->bus->memory;

    if (bar->addr == addr)
        return;
    TRACE(pci_bar, "%s %02x.%x bar %u: %#" PRIx64 " -> %#" PRIx64, pci->dev.cls->name,
          PCI_SLOT(pci->devfn), PCI_FUNC(pci->devfn), n, bar->addr, addr);
    if (bar->addr != PCI_BAR_UNMAPPED)
        mem_region_del(space, bar->mr);
    bar->addr = addr;
    if (addr != PCI_BAR_UNMAPPED)
        mem_region_add_overlap(space, addr, bar->mr, 1);
}

void pci_update_mappings(struct pci_device *pci)
{
    mem_txn_begin();
    for (unsigned n = 0; n <= PCI_BAR_ROM; n++) {
        if (pci->bars[n].mr)
            map_bar(pci, n, decoded_addr(pci, n));
    }
    mem_txn_commit();
}

void pci_unmap_bars(struct pci_device *pci)
{
    mem_txn_begin();
    for (unsigned n = 0; n <= PCI_BAR_ROM; n++) {
        if (pci->bars[n].mr)
            map_bar(pci, n, PCI_BAR_UNMAPPED);
    }
    mem_txn_commit();
}

/* --- accesses ------------------------------------------------------------- */

static uint32_t get_bytes(const uint8_t *p, unsigned size)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < size; i++)
        v |= (uint32_t)p[i] << (i * 8);
    return v;
}

uint32_t pci_config_read(struct pci_device *pci, unsigned off, unsigned size)
{
    uint32_t val;

    if (!range_fits(off, size, pci->config_size))
        return (uint32_t)mask64(size * 8);
    if (pci->info->config_read)
        pci->info->config_read(pci, off, size);
    val = get_bytes(pci->config + off, size);
    TRACE(pci_config_read, "%s %02x.%x %#x size %u = %#x", pci->dev.cls->name, PCI_SLOT(pci->devfn),
          PCI_FUNC(pci->devfn), off, size, val);
    return val;
}

static void write_byte(struct pci_device *pci, unsigned off, uint8_t val)
{
    uint8_t w = pci->wmask[off], w1c = pci->w1cmask[off];
    uint8_t now = (uint8_t)((pci->config[off] & ~w) | (val & w));

    __atomic_store_n(&pci->config[off], (uint8_t)(now & ~(val & w1c)), __ATOMIC_RELAXED);
}

static bool touches_bars(const struct pci_device *pci, unsigned off, unsigned size)
{
    bool bridge = pci->info->header_type == PCI_HEADER_BRIDGE;

    return pci_ranges_touch(off, size, PCI_COMMAND, 1) ||
           pci_ranges_touch(off, size, PCI_BASE_ADDRESS_0, bridge ? 8 : 24) ||
           pci_ranges_touch(off, size, bar_offset(pci, PCI_BAR_ROM), 4);
}

void pci_config_write(struct pci_device *pci, unsigned off, uint32_t val, unsigned size)
{
    uint32_t old;

    if (!range_fits(off, size, pci->config_size))
        return;
    TRACE(pci_config_write, "%s %02x.%x %#x size %u = %#x", pci->dev.cls->name,
          PCI_SLOT(pci->devfn), PCI_FUNC(pci->devfn), off, size, val);
    old = get_bytes(pci->config + off, size);
    for (unsigned i = 0; i < size; i++)
        write_byte(pci, off + i, (uint8_t)(val >> (i * 8)));
    if (touches_bars(pci, off, size))
        pci_update_mappings(pci);
    if (pci_ranges_touch(off, size, PCI_COMMAND, 2))
        pci_update_intx(pci);
    pci_msi_config_written(pci, off, size);
    pci_msix_config_written(pci, off, size);
    if (pci->info->config_written)
        pci->info->config_written(pci, off, size, old);
}
