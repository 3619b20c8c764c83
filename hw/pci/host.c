/* SPDX-License-Identifier: MIT */
/*
 * Configuration mechanisms: the ports CF8h/CFCh (PCI 3.0 section 3.2.2.3.2) and
 * the memory-mapped space of PCI Express.
 */
#include "hw/core/vmstate.h"
#include "hw/pci/pci.h"

#define CONFIG_ENABLE 0x80000000u
#define CONFIG_MASK   0x80fffffcu /* what CONFIG_ADDRESS keeps */

static uint64_t addr_read(void *opaque, uint64_t off, unsigned size)
{
    const struct pci_host *host = opaque;

    return host->config_address;
}

static void addr_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct pci_host *host = opaque;

    host->config_address = (uint32_t)val & CONFIG_MASK;
}

/* The function CONFIG_ADDRESS names, or NULL. */
static struct pci_device *addressed(const struct pci_host *host)
{
    uint32_t a = host->config_address;

    if (!(a & CONFIG_ENABLE))
        return NULL;
    return pci_find(host->root, extract32(a, 16, 8), (uint8_t)extract32(a, 8, 8));
}

static uint64_t data_read(void *opaque, uint64_t off, unsigned size)
{
    const struct pci_host *host = opaque;
    struct pci_device *pci = addressed(host);

    if (!pci)
        return UINT32_MAX;
    return pci_config_read(pci, (host->config_address & 0xfc) + (unsigned)off, size);
}

static void data_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    const struct pci_host *host = opaque;
    struct pci_device *pci = addressed(host);

    if (pci)
        pci_config_write(pci, (host->config_address & 0xfc) + (unsigned)off, (uint32_t)val, size);
}

/* Narrower accesses to CF8h are ordinary port accesses, not the register's. */
static const struct mem_ops addr_ops = {
    .read = addr_read,
    .write = addr_write,
    .valid = {.min = 4, .max = 4},
};

static const struct mem_ops data_ops = {
    .read = data_read,
    .write = data_write,
    .valid = {.min = 1, .max = 4},
};

void pci_host_init(struct pci_host *host, struct pci_bus *root, struct mem_region *io)
{
    memset(host, 0, sizeof(*host));
    host->root = root;
    mem_region_init_io(&host->addr_io, "pci-conf-addr", 4, &addr_ops, host);
    mem_region_init_io(&host->data_io, "pci-conf-data", 4, &data_ops, host);
    mem_region_add(io, 0xcf8, &host->addr_io);
    mem_region_add(io, 0xcfc, &host->data_io);
}

void pci_host_fini(struct pci_host *host, struct mem_region *io)
{
    mem_region_del(io, &host->addr_io);
    mem_region_del(io, &host->data_io);
    mem_region_fini(&host->addr_io);
    mem_region_fini(&host->data_io);
}

void pci_host_reset(struct pci_host *host)
{
    host->config_address = 0;
}

static const struct vm_field pci_host_fields[] = {
    VM_U32(struct pci_host, config_address),
    VM_END,
};

const struct vmstate pci_host_vmstate = {
    .name = "pci-host",
    .version = 1,
    .fields = pci_host_fields,
};

/* --- ECAM ----------------------------------------------------------------- */

static struct pci_device *ecam_device(struct pci_bus *root, uint64_t off)
{
    return pci_find(root, (unsigned)extract64(off, 20, 8), (uint8_t)extract64(off, 12, 8));
}

static uint64_t ecam_read(void *opaque, uint64_t off, unsigned size)
{
    struct pci_device *pci = ecam_device(opaque, off);

    return pci ? pci_config_read(pci, (unsigned)off & 0xfff, size) : UINT64_MAX;
}

static void ecam_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct pci_device *pci = ecam_device(opaque, off);

    if (pci)
        pci_config_write(pci, (unsigned)off & 0xfff, (uint32_t)val, size);
}

const struct mem_ops pci_ecam_ops = {
    .read = ecam_read,
    .write = ecam_write,
    .valid = {.min = 1, .max = 4},
};
