/* SPDX-License-Identifier: MIT */
/*
 * MSI and MSI-X: PCI 3.0 sections 6.8.1 and 6.8.2.
 */
#include "hw/core/lock.h"
#include "hw/core/msi.h"
#include "hw/core/vmstate.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_int.h"
#include "util/error.h"
#include "util/trace.h"

#include <errno.h>
#include <inttypes.h>

/* --- MSI ------------------------------------------------------------------ */

#define MSI_CTRL           2
#define MSI_CTRL_ENABLE    0x0001u
#define MSI_CTRL_MMC_SHIFT 1
#define MSI_CTRL_MME_SHIFT 4
#define MSI_CTRL_MME       0x0070u
#define MSI_CTRL_ADDR64    0x0080u
#define MSI_CTRL_MASK      0x0100u
#define MSI_ADDR           4

/* Offsets behind the address depend on its width. */
static unsigned msi_data_off(const struct pci_device *pci)
{
    bool addr64 = pci_get_word(pci, pci->msi_cap + MSI_CTRL) & MSI_CTRL_ADDR64;

    return pci->msi_cap + (addr64 ? 12 : 8);
}

static unsigned msi_mask_off(const struct pci_device *pci)
{
    return msi_data_off(pci) + 4;
}

static unsigned msi_pending_off(const struct pci_device *pci)
{
    return msi_data_off(pci) + 8;
}

static unsigned msi_cap_size(bool addr64, bool mask)
{
    return (addr64 ? 14u : 10u) + (mask ? 10u : 0u);
}

int pci_msi_init(struct pci_device *pci, unsigned off, unsigned vectors, bool addr64, bool mask,
                 struct error **err)
{
    unsigned log2 = (unsigned)__builtin_ctz(vectors);
    int cap;

    assert(is_pow2(vectors) && vectors <= 32);
    cap = pci_add_capability(pci, PCI_CAP_ID_MSI, off, msi_cap_size(addr64, mask), err);
    if (cap < 0)
        return cap;
    pci->msi_cap = (uint8_t)cap;
    pci_put_word(pci, (unsigned)cap + MSI_CTRL,
                 (uint16_t)(log2 << MSI_CTRL_MMC_SHIFT | (addr64 ? MSI_CTRL_ADDR64 : 0) |
                            (mask ? MSI_CTRL_MASK : 0)));
    st_le16(pci->wmask + cap + MSI_CTRL, MSI_CTRL_ENABLE | MSI_CTRL_MME);
    st_le32(pci->wmask + cap + MSI_ADDR, 0xfffffffc);
    if (addr64)
        st_le32(pci->wmask + cap + MSI_ADDR + 4, 0xffffffff);
    st_le16(pci->wmask + msi_data_off(pci), 0xffff);
    if (mask)
        st_le32(pci->wmask + msi_mask_off(pci), (uint32_t)mask64(vectors));
    return 0;
}

bool pci_msi_enabled(const struct pci_device *pci)
{
    return pci->msi_cap && (pci_get_word(pci, pci->msi_cap + MSI_CTRL) & MSI_CTRL_ENABLE);
}

/* How many vectors the guest has enabled. */
static unsigned msi_vectors(const struct pci_device *pci)
{
    uint16_t ctrl = pci_get_word(pci, pci->msi_cap + MSI_CTRL);
    unsigned able = ctrl >> MSI_CTRL_MMC_SHIFT & 7, enabled = ctrl >> MSI_CTRL_MME_SHIFT & 7;

    return 1u << MIN(MIN(able, enabled), 5u);
}

static void msi_deliver(struct pci_device *pci, unsigned vector)
{
    unsigned count = msi_vectors(pci);
    uint64_t addr = pci_get_long(pci, pci->msi_cap + MSI_ADDR);
    uint32_t data = pci_get_word(pci, msi_data_off(pci));

    if (pci_get_word(pci, pci->msi_cap + MSI_CTRL) & MSI_CTRL_ADDR64)
        addr |= (uint64_t)pci_get_long(pci, pci->msi_cap + MSI_ADDR + 4) << 32;
    data = (data & ~(count - 1)) | vector;
    TRACE(pci_msi, "%s vector %u addr %#" PRIx64 " data %#x", pci->dev.cls->name, vector, addr,
          data);
    if (pci_bus_master(pci))
        msi_send(addr, data);
}

static bool msi_masked(const struct pci_device *pci, unsigned vector)
{
    return (pci_get_word(pci, pci->msi_cap + MSI_CTRL) & MSI_CTRL_MASK) &&
           (pci_get_long(pci, msi_mask_off(pci)) >> vector & 1);
}

void pci_msi_notify(struct pci_device *pci, unsigned vector)
{
    bool taken = device_lock_acquire();

    if (pci_msi_enabled(pci)) {
        vector &= msi_vectors(pci) - 1;
        if (msi_masked(pci, vector))
            pci_put_long(pci, msi_pending_off(pci),
                         pci_get_long(pci, msi_pending_off(pci)) | 1u << vector);
        else
            msi_deliver(pci, vector);
    }
    device_lock_restore(taken);
}

/* Unmasking delivers what has become pending. */
void pci_msi_config_written(struct pci_device *pci, unsigned off, unsigned size)
{
    uint32_t due;

    if (!pci_msi_enabled(pci) || !pci_ranges_touch(off, size, pci->msi_cap, 24) ||
        !(pci_get_word(pci, pci->msi_cap + MSI_CTRL) & MSI_CTRL_MASK))
        return;
    due = pci_get_long(pci, msi_pending_off(pci)) & ~pci_get_long(pci, msi_mask_off(pci));
    due &= (uint32_t)mask64(msi_vectors(pci));
    pci_put_long(pci, msi_pending_off(pci), pci_get_long(pci, msi_pending_off(pci)) & ~due);
    for (; due; due &= due - 1)
        msi_deliver(pci, (unsigned)__builtin_ctz(due));
}

/* --- MSI-X ---------------------------------------------------------------- */

#define MSIX_CTRL        2
#define MSIX_CTRL_MASK   0x4000u
#define MSIX_CTRL_ENABLE 0x8000u
#define MSIX_TABLE       4
#define MSIX_PBA         8
#define MSIX_CAP_SIZE    12

#define MSIX_ENTRY_ADDR 0
#define MSIX_ENTRY_DATA 8
#define MSIX_ENTRY_CTRL 12
#define MSIX_ENTRY_MASK 1u

static bool msix_function_masked(const struct pci_device *pci)
{
    return pci_get_word(pci, pci->msix_cap + MSIX_CTRL) & MSIX_CTRL_MASK;
}

bool pci_msix_enabled(const struct pci_device *pci)
{
    return pci->msix_cap && (pci_get_word(pci, pci->msix_cap + MSIX_CTRL) & MSIX_CTRL_ENABLE);
}

static const uint8_t *msix_entry(const struct pci_msix *x, unsigned vector)
{
    return x->table + vector * PCI_MSIX_ENTRY_SIZE;
}

static void msix_deliver(const struct pci_msix *x, unsigned vector)
{
    const uint8_t *e = msix_entry(x, vector);
    uint64_t addr = ld_le64(e + MSIX_ENTRY_ADDR) & ~3ull;
    uint32_t data = ld_le32(e + MSIX_ENTRY_DATA);

    TRACE(pci_msix, "%s vector %u addr %#" PRIx64 " data %#x", x->pci->dev.cls->name, vector, addr,
          data);
    if (pci_bus_master(x->pci))
        msi_send(addr, data);
}

static bool msix_masked(const struct pci_msix *x, unsigned vector)
{
    return msix_function_masked(x->pci) ||
           (ld_le32(msix_entry(x, vector) + MSIX_ENTRY_CTRL) & MSIX_ENTRY_MASK);
}

void pci_msix_notify(struct pci_device *pci, unsigned vector)
{
    struct pci_msix *x = pci->msix;
    bool taken = device_lock_acquire();

    assert(x);
    if (pci_msix_enabled(pci) && vector < x->vectors) {
        if (msix_masked(x, vector))
            x->pba[vector / 8] |= (uint8_t)(1u << vector % 8);
        else
            msix_deliver(x, vector);
    }
    device_lock_restore(taken);
}

/* Deliver a pending vector that is no longer masked. */
static void msix_unmasked(struct pci_msix *x, unsigned vector)
{
    uint8_t bit = (uint8_t)(1u << vector % 8);

    if (!(x->pba[vector / 8] & bit) || !pci_msix_enabled(x->pci) || msix_masked(x, vector))
        return;
    x->pba[vector / 8] &= (uint8_t)~bit;
    msix_deliver(x, vector);
}

void pci_msix_config_written(struct pci_device *pci, unsigned off, unsigned size)
{
    if (!pci->msix || !pci_ranges_touch(off, size, pci->msix_cap + MSIX_CTRL, 2))
        return;
    for (unsigned v = 0; v < pci->msix->vectors; v++)
        msix_unmasked(pci->msix, v);
}

static uint64_t table_read(void *opaque, uint64_t off, unsigned size)
{
    const struct pci_msix *x = opaque;

    return size == 8 ? ld_le64(x->table + off) : ld_le32(x->table + off);
}

static void table_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct pci_msix *x = opaque;

    if (size == 8)
        st_le64(x->table + off, val);
    else
        st_le32(x->table + off, (uint32_t)val);
    msix_unmasked(x, (unsigned)(off / PCI_MSIX_ENTRY_SIZE));
}

static uint64_t pba_read(void *opaque, uint64_t off, unsigned size)
{
    const struct pci_msix *x = opaque;

    return size == 8 ? ld_le64(x->pba + off) : ld_le32(x->pba + off);
}

static void pba_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
}

static const struct mem_ops table_ops = {
    .read = table_read,
    .write = table_write,
    .valid = {.min = 4, .max = 8},
};

static const struct mem_ops pba_ops = {
    .read = pba_read,
    .write = pba_write,
    .valid = {.min = 4, .max = 8},
};

static struct pci_msix *msix_new(struct pci_device *pci, unsigned vectors)
{
    struct pci_msix *x = g_new0(struct pci_msix, 1);

    x->pci = pci;
    x->vectors = vectors;
    x->table_size = vectors * PCI_MSIX_ENTRY_SIZE;
    x->pba_size = DIV_ROUND_UP(vectors, 64) * 8;
    x->table = g_malloc0(PCI_MSIX_VECTORS_MAX * PCI_MSIX_ENTRY_SIZE);
    x->pba = g_malloc0(PCI_MSIX_VECTORS_MAX / 8);
    mem_region_init_io(&x->table_io, "msix-table", x->table_size, &table_ops, x);
    mem_region_init_io(&x->pba_io, "msix-pba", x->pba_size, &pba_ops, x);
    return x;
}

int pci_msix_init(struct pci_device *pci, unsigned vectors, unsigned bar, struct mem_region *bar_mr,
                  uint32_t table_off, uint32_t pba_off, struct error **err)
{
    int cap;

    assert(vectors >= 1 && vectors <= PCI_MSIX_VECTORS_MAX && bar < PCI_BAR_COUNT && !pci->msix);
    assert(IS_ALIGNED(table_off, 8u) && IS_ALIGNED(pba_off, 8u));
    cap = pci_add_capability(pci, PCI_CAP_ID_MSIX, 0, MSIX_CAP_SIZE, err);
    if (cap < 0)
        return cap;
    pci->msix_cap = (uint8_t)cap;
    pci_put_word(pci, (unsigned)cap + MSIX_CTRL, (uint16_t)(vectors - 1));
    st_le16(pci->wmask + cap + MSIX_CTRL, MSIX_CTRL_ENABLE | MSIX_CTRL_MASK);
    pci_put_long(pci, (unsigned)cap + MSIX_TABLE, table_off | bar);
    pci_put_long(pci, (unsigned)cap + MSIX_PBA, pba_off | bar);
    pci->msix = msix_new(pci, vectors);
    pci->msix->bar_mr = bar_mr;
    mem_region_add_overlap(bar_mr, table_off, &pci->msix->table_io, 1);
    mem_region_add_overlap(bar_mr, pba_off, &pci->msix->pba_io, 1);
    pci_msix_reset(pci);
    return 0;
}

int pci_msix_init_bar(struct pci_device *pci, unsigned vectors, unsigned bar, struct error **err)
{
    struct mem_region *mr = g_new0(struct mem_region, 1);
    uint32_t pba_off = MAX(vectors * PCI_MSIX_ENTRY_SIZE, 2048u);
    uint64_t size = 4096;
    int ret;

    pba_off = ALIGN_UP(pba_off, 8u);
    while (size < pba_off + DIV_ROUND_UP(vectors, 64) * 8)
        size *= 2;
    mem_region_init_container(mr, "msix-bar", size);
    ret = pci_msix_init(pci, vectors, bar, mr, 0, pba_off, err);
    if (ret < 0) {
        mem_region_fini(mr);
        g_free(mr);
        return ret;
    }
    pci->msix->has_own_bar = true;
    pci_register_bar(pci, bar, PCI_BAR_MEM32, mr);
    return 0;
}

void pci_msix_reset(struct pci_device *pci)
{
    struct pci_msix *x = pci->msix;

    if (!x)
        return;
    memset(x->table, 0, x->table_size);
    memset(x->pba, 0, x->pba_size);
    for (unsigned v = 0; v < x->vectors; v++)
        st_le32(x->table + v * PCI_MSIX_ENTRY_SIZE + MSIX_ENTRY_CTRL, MSIX_ENTRY_MASK);
}

static void detach(struct mem_region *mr)
{
    if (mem_region_mapped(mr))
        mem_region_del(mr->parent, mr);
    mem_region_fini(mr);
}

/* The BARs are unmapped by now; the device may have ended its own. */
void pci_msix_free(struct pci_device *pci)
{
    struct pci_msix *x = pci->msix;

    if (!x)
        return;
    detach(&x->table_io);
    detach(&x->pba_io);
    if (x->has_own_bar) {
        mem_region_fini(x->bar_mr);
        g_free(x->bar_mr);
    }
    g_free(x->table);
    g_free(x->pba);
    g_free(x);
    pci->msix = NULL;
    pci->msix_cap = 0;
}

static int msix_post_load(void *state, unsigned version, struct error **err)
{
    struct pci_msix *x = state;
    bool same = x->table_size == x->vectors * PCI_MSIX_ENTRY_SIZE &&
                x->pba_size == DIV_ROUND_UP(x->vectors, 64) * 8;

    x->table_size = x->vectors * PCI_MSIX_ENTRY_SIZE;
    x->pba_size = DIV_ROUND_UP(x->vectors, 64) * 8;
    if (!same) {
        error_set(err, "MSI-X table of another size");
        return -EINVAL;
    }
    return 0;
}

static const struct vm_field msix_fields[] = {
    VM_U32(struct pci_msix, table_size),
    VM_VBUFFER(struct pci_msix, table, table_size, PCI_MSIX_VECTORS_MAX *PCI_MSIX_ENTRY_SIZE),
    VM_U32(struct pci_msix, pba_size),
    VM_VBUFFER(struct pci_msix, pba, pba_size, PCI_MSIX_VECTORS_MAX / 8),
    VM_END,
};

const struct vmstate pci_msix_vmstate = {
    .name = "msix",
    .version = 1,
    .fields = msix_fields,
    .post_load = msix_post_load,
};
