/* SPDX-License-Identifier: MIT */
/*
 * Intel 82371SB (PIIX3) function 1: two IDE channels at the legacy ports with bus-master DMA (data
 * sheet 290550-002; Programming Interface for Bus Master IDE Controller, revision 1.0).
 *
 * Not modelled: timing registers (plain storage), the drives' PIO and DMA modes have no effect on
 * speed.
 */
#include "hw/ide/piix3_ide.h"

#include <errno.h>
#include <stdio.h>

#include "hw/core/vmstate.h"
#include "hw/ide/ide.h"
#include "util/error.h"
#include "util/log.h"

enum { BM_CMD_START = 0x01, BM_CMD_TO_MEMORY = 0x08 };
enum { BM_STS_ACTIVE = 0x01, BM_STS_ERROR = 0x02, BM_STS_INTERRUPT = 0x04, BM_STS_CAPABLE = 0x60 };

#define PRD_EOT       0x80000000u
#define PRD_MAX       8192 /* entries of a table of 64 KiB */
#define IDETIM        0x40
#define IDETIM_ENABLE 0x80 /* in the high byte */

struct bus_master {
    struct piix3_ide *ide;
    struct ide_channel channel;
    struct ide_bus bus;
    struct irq irq_in; /* INTRQ of the channel */
    struct irq *irq;   /* ISA interrupt 14 or 15 */
    uint8_t cmd, status;
    uint32_t table;
    bool table_used_up; /* by the transfer under way: the engine stops by itself */
};

struct piix3_ide {
    struct pci_device pci;
    struct bus_master bm[2];
    struct mem_region bm_io;
};

/* --- the DMA engine --------------------------------------------------------------------------- */

static void sg_add(struct ide_sg *sg, const struct mem_mapping *m)
{
    struct iovec iov = {m->host, m->len};

    g_array_append_val(sg->maps, *m);
    g_array_append_val(sg->iov, iov);
    sg->len += m->len;
}

/* One physical region, in as many pieces as the memory map has; addresses are of 32 bits. */
static bool map_region(struct pci_device *pci, struct ide_sg *sg, uint32_t addr, uint64_t len,
                       bool to_memory)
{
    while (len) {
        struct mem_mapping m;
        uint64_t n = MIN(len, GIB(4) - addr);
        if (pci_dma_map(pci, addr, n, to_memory, &m) < 0) {
            return false;
        }
        sg_add(sg, &m);
        addr += (uint32_t)m.len;
        len -= m.len;
    }
    return true;
}

static bool dma_map(void *opaque, uint64_t len, bool to_memory, struct ide_sg *sg)
{
    struct bus_master *bm = opaque;
    uint32_t at = bm->table;

    sg->iov = g_array_new(FALSE, FALSE, sizeof(struct iovec));
    sg->maps = g_array_new(FALSE, FALSE, sizeof(struct mem_mapping));
    sg->len = 0;
    bm->table_used_up = false;
    if (to_memory != !!(bm->cmd & BM_CMD_TO_MEMORY)) {
        guest_error("ide: DMA in the wrong direction");
        return false;
    }
    for (unsigned i = 0; i < PRD_MAX && sg->len < len; i++, at += 8) {
        uint8_t prd[8];
        if (pci_dma_read(&bm->ide->pci, at, prd, sizeof(prd)) != MEM_RESULT_OK) {
            return false;
        }
        uint32_t addr = ld_le32(prd) & ~1u, flags = ld_le32(prd + 4);
        uint64_t bytes = flags & 0xfffe ? flags & 0xfffe : 65536;
        uint64_t used = MIN(bytes, len - sg->len);
        if (!map_region(&bm->ide->pci, sg, addr, used, to_memory)) {
            return false;
        }
        if (flags & PRD_EOT) {
            bm->table_used_up = used == bytes;
            break;
        }
    }
    return true;
}

static void dma_unmap(void *opaque, struct ide_sg *sg, uint64_t done)
{
    struct bus_master *bm = opaque;

    for (guint i = 0; sg->maps && i < sg->maps->len; i++) {
        struct mem_mapping *m = &g_array_index(sg->maps, struct mem_mapping, i);
        uint64_t used = MIN(m->len, done);
        done -= used;
        pci_dma_unmap(&bm->ide->pci, m, used);
    }
    if (sg->iov) {
        g_array_free(sg->iov, TRUE);
        g_array_free(sg->maps, TRUE);
    }
    *sg = (struct ide_sg){0};
}

static bool dma_running(void *opaque)
{
    struct bus_master *bm = opaque;
    return bm->cmd & BM_CMD_START;
}

static void dma_finished(void *opaque, bool error)
{
    struct bus_master *bm = opaque;

    if (error || bm->table_used_up) {
        bm->status &= (uint8_t)~BM_STS_ACTIVE;
    }
    bm->status |= error ? BM_STS_ERROR : 0;
}

static const struct ide_dma_ops dma_ops = {
    .map = dma_map, .unmap = dma_unmap, .running = dma_running, .finished = dma_finished};

/* INTRQ shows in the status register, where it stays until software clears it. */
static void intrq(void *opaque, int n, int level)
{
    struct bus_master *bm = opaque;

    if (level) {
        bm->status |= BM_STS_INTERRUPT;
    }
    irq_set(bm->irq, level);
}

/* --- bus-master registers ----------------------------------------------------------------------- */

enum { BM_REG_CMD = 0, BM_REG_STATUS = 2, BM_REG_TABLE = 4 };

static uint64_t bm_read(void *opaque, uint64_t off, unsigned size)
{
    struct piix3_ide *s = opaque;
    struct bus_master *bm = &s->bm[off >> 3];

    off &= 7;
    if (off >= BM_REG_TABLE) {
        return bm->table >> (8 * (off - BM_REG_TABLE)) & 0xff;
    }
    return off == BM_REG_CMD ? bm->cmd : off == BM_REG_STATUS ? bm->status : 0;
}

static void write_bm_cmd(struct bus_master *bm, uint8_t val)
{
    bool was_on = bm->cmd & BM_CMD_START;

    bm->cmd = val & (BM_CMD_START | BM_CMD_TO_MEMORY);
    if (!was_on && (val & BM_CMD_START)) {
        bm->status |= BM_STS_ACTIVE;
        ide_dma_started(&bm->channel);
    } else if (was_on && !(val & BM_CMD_START)) {
        /* Stopped in the middle: what is under way is finished first. */
        struct ide_drive *d = &bm->channel.drives[bm->channel.selected];
        if (d->in_flight) {
            block_drain(d->blk);
        }
        bm->status &= (uint8_t)~BM_STS_ACTIVE;
    }
}

static void bm_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct piix3_ide *s = opaque;
    struct bus_master *bm = &s->bm[off >> 3];
    unsigned shift;

    switch (off & 7) {
    case BM_REG_CMD:
        write_bm_cmd(bm, (uint8_t)val);
        break;
    case BM_REG_STATUS:
        bm->status = (uint8_t)((val & BM_STS_CAPABLE) | (bm->status & BM_STS_ACTIVE) |
                               (bm->status & ~val & (BM_STS_ERROR | BM_STS_INTERRUPT)));
        break;
    case 4 ... 7:
        shift = 8 * (unsigned)(off & 3);
        bm->table = deposit32(bm->table, shift, 8, (uint8_t)val) & ~3u;
        break;
    }
}

static const struct mem_ops bm_ops = {
    .read = bm_read, .write = bm_write, .valid = {1, 4, false}, .impl = {1, 1, false}};

/* --- configuration ---------------------------------------------------------------------------- */

/* A channel's ports answer if the chip decodes it and I/O space is on. */
static void update_decode(struct piix3_ide *s)
{
    bool io = pci_get_word(&s->pci, PCI_COMMAND) & PCI_COMMAND_IO;

    mem_txn_begin();
    for (unsigned i = 0; i < 2; i++) {
        bool on = io && (s->pci.config[IDETIM + 2 * i + 1] & IDETIM_ENABLE);
        mem_region_set_enabled(&s->bm[i].channel.cmd_io, on);
        mem_region_set_enabled(&s->bm[i].channel.ctl_io, on);
    }
    mem_txn_commit();
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old)
{
    update_decode(container_of(pci, struct piix3_ide, pci));
}

static int attach_drives(struct piix3_ide *s, struct error **err)
{
    for (unsigned i = 0; i < 4; i++) {
        struct block_device *blk = block_find_drive(DRIVE_IF_IDE, (int)(i / 2), (int)(i % 2));
        if (blk && ide_add_drive(&s->bm[i / 2].bus, i % 2, blk, err) < 0) {
            return -EINVAL;
        }
    }
    return 0;
}

static void piix3_ide_unrealize(struct device *dev)
{
    struct piix3_ide *s = container_of(dev, struct piix3_ide, pci.dev);

    for (unsigned i = 0; i < 2; i++) {
        mem_region_del(as_io.root, &s->bm[i].channel.cmd_io);
        mem_region_del(as_io.root, &s->bm[i].channel.ctl_io);
        ide_bus_fini(&s->bm[i].bus);
        ide_channel_fini(&s->bm[i].channel);
    }
    mem_region_fini(&s->bm_io);
}

static int piix3_ide_realize(struct device *dev, struct error **err)
{
    static const uint16_t ports[2][2] = {{0x1f0, 0x3f6}, {0x170, 0x376}};
    struct piix3_ide *s = container_of(dev, struct piix3_ide, pci.dev);

    pci_put_word(&s->pci, PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    s->pci.wmask[PCI_COMMAND] = PCI_COMMAND_IO | PCI_COMMAND_MASTER;
    memset(s->pci.wmask + IDETIM, 0xff, 5);
    for (unsigned i = 0; i < 2; i++) {
        struct bus_master *bm = &s->bm[i];
        bm->ide = s;
        irq_init(&bm->irq_in, intrq, bm, 0);
        ide_channel_init(&bm->channel, &bm->irq_in, &dma_ops, bm);
        ide_bus_init(&bm->bus, &bm->channel, dev);
        mem_region_add(as_io.root, ports[i][0], &bm->channel.cmd_io);
        mem_region_add(as_io.root, ports[i][1], &bm->channel.ctl_io);
        /* Decoding is on from the start: firmware looks before it sets anything. */
        s->pci.config[IDETIM + 2 * i + 1] = IDETIM_ENABLE;
    }
    pci_put_word(&s->pci, PCI_COMMAND, PCI_COMMAND_IO);
    mem_region_init_io(&s->bm_io, "ide-bus-master", 16, &bm_ops, s);
    pci_register_bar(&s->pci, 4, PCI_BAR_IO, &s->bm_io);
    update_decode(s);
    return 0;
}

static void piix3_ide_reset(struct device *dev, enum reset_kind kind)
{
    struct piix3_ide *s = container_of(dev, struct piix3_ide, pci.dev);

    for (unsigned i = 0; i < 2; i++) {
        ide_channel_reset(&s->bm[i].channel);
        s->bm[i].cmd = s->bm[i].status = 0;
        s->bm[i].table = 0;
        s->bm[i].table_used_up = false;
    }
    update_decode(s);
}

static void drain_before_save(void *state)
{
    struct piix3_ide *s = state;

    for (unsigned i = 0; i < 4; i++) {
        struct block_device *blk = s->bm[i / 2].channel.drives[i % 2].blk;
        if (blk) {
            block_drain(blk);
        }
    }
}

static const struct vmstate bus_master_vmstate = {
    .name = "ide-bus-master",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U8(struct bus_master, cmd),
            VM_U8(struct bus_master, status),
            VM_U32(struct bus_master, table),
            VM_BOOL(struct bus_master, table_used_up),
            VM_STRUCT(struct bus_master, channel, &ide_channel_vmstate),
            VM_END,
        },
};

static int piix3_ide_post_load(void *state, unsigned version, struct error **err)
{
    update_decode(state);
    return 0;
}

static const struct vmstate piix3_ide_vmstate = {
    .name = "piix3-ide",
    .version = 1,
    .pre_save = drain_before_save,
    .post_load = piix3_ide_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct piix3_ide, pci, &pci_device_vmstate),
            VM_STRUCT_ARRAY(struct piix3_ide, bm, &bus_master_vmstate),
            VM_END,
        },
};

static const struct pci_info piix3_ide_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x7010,
    .class_code = PCI_CLASS_STORAGE_IDE | 0x80, /* bus master, legacy ports */
    .config_written = config_written,
};

DEVICE_DEFINE(piix3_ide, .name = "piix3-ide", .bus = BUS_PCI, .help = "PIIX3 IDE controller",
              .pci = &piix3_ide_pci, .state_size = sizeof(struct piix3_ide),
              .vmstate = &piix3_ide_vmstate, .no_user = true, .realize = piix3_ide_realize,
              .unrealize = piix3_ide_unrealize, .reset = piix3_ide_reset);

struct device *piix3_ide_create(struct pci_bus *pci, struct irq *irq14, struct irq *irq15,
                                struct error **err)
{
    struct device *dev = device_new("piix3-ide", NULL, err);

    if (!dev) {
        return NULL;
    }
    struct piix3_ide *s = container_of(dev, struct piix3_ide, pci.dev);
    s->bm[0].irq = irq14;
    s->bm[1].irq = irq15;
    device_set_u64(dev, "addr", PCI_DEVFN(1, 1));
    return device_realize(dev, &pci->bus, err) < 0 || attach_drives(s, err) < 0 ? NULL : dev;
}
