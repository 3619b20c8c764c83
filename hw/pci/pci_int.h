/* SPDX-License-Identifier: MIT */
/*
 * What the files of hw/pci share.
 */
#ifndef HW_PCI_INT_H
#define HW_PCI_INT_H

#include "hw/pci/pci.h"

struct vmstate;

/* MSI-X state. Room for the largest table, so that a saved state of any size
 * that passes the bounds of its fields fits. */
#define PCI_MSIX_VECTORS_MAX 2048
#define PCI_MSIX_ENTRY_SIZE  16

struct pci_msix {
    uint32_t table_size, pba_size; /* bytes */
    uint8_t *table, *pba;
    struct pci_device *pci; /* derived from here on */
    unsigned vectors;
    struct mem_region table_io, pba_io;
    bool has_own_bar;
    struct mem_region *bar_mr;
};

/* Config writes [off, off + size) have changed what belongs to them. */
void pci_msi_config_written(struct pci_device *pci, unsigned off, unsigned size);
void pci_msix_config_written(struct pci_device *pci, unsigned off, unsigned size);
void pci_msix_reset(struct pci_device *pci);
void pci_msix_free(struct pci_device *pci);
extern const struct vmstate pci_msix_vmstate;

/* Map and unmap BARs as the registers say. */
void pci_update_mappings(struct pci_device *pci);
void pci_unmap_bars(struct pci_device *pci);

/* Drive the bus's line as level and command register say. */
void pci_update_intx(struct pci_device *pci);

static inline bool pci_ranges_touch(unsigned a, unsigned a_len, unsigned b, unsigned b_len)
{
    return a < b + b_len && b < a + a_len;
}

#endif
