/* SPDX-License-Identifier: MIT */
/*
 * IDE channels and their drives: ATA disks and ATAPI CD-ROMs. A controller (piix3_ide.c) embeds
 * channels, maps their registers, gives an interrupt line each and, if it can, bus-master DMA.
 * Device lock held.
 */
#ifndef HW_IDE_IDE_H
#define HW_IDE_IDE_H

#include "block/block.h"
#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/core/memory.h"

struct ide_channel;
struct ide_drive;
struct vmstate;

#define IDE_BUFFER       (128u * 1024) /* one chunk of PIO data, bytes */
#define CD_SECTOR        2048u
#define CD_RAW_SECTOR    2352u
#define IDE_MULTIPLE_MAX 16            /* sectors a block of READ MULTIPLE may have */

/* Guest memory of a transfer, mapped. */
struct ide_sg {
    GArray *iov;  /* struct iovec */
    GArray *maps; /* struct mem_mapping */
    uint64_t len;
};

/* The controller's DMA engine for a channel. */
struct ide_dma_ops {
    /* Map up to `len` bytes of the memory the guest has described; `to_memory`: the drive writes it.
     * sg->len says how much there was. false: the description or the memory is bad. */
    bool (*map)(void *opaque, uint64_t len, bool to_memory, struct ide_sg *sg);
    /* Give it back, `done` bytes have been moved; `more`: the drive will ask again. */
    void (*unmap)(void *opaque, struct ide_sg *sg, uint64_t done);
    /* Is the engine running? If not, the controller calls ide_dma_started() once it is. */
    bool (*running)(void *opaque);
    /* The transfer is over; an interrupt follows. */
    void (*finished)(void *opaque, bool error);
};

/* What a drive does with the data of the running command. */
enum ide_phase { IDE_IDLE, IDE_PIO_IN, IDE_PIO_OUT, IDE_PACKET, IDE_DMA_WAIT, IDE_BUSY };

struct ide_drive {
    struct ide_channel *channel;
    struct block_device *blk; /* NULL: no drive here */
    bool cdrom;
    unsigned unit;
    char serial[21], model[41];

    /* task file; [1]: the previous contents (48-bit commands) */
    uint8_t feature[2], nsector[2], lba_low[2], lba_mid[2], lba_high[2];
    uint8_t device, error, status;

    bool irq_pending; /* INTRQ, before nIEN; only the selected drive's reaches the cable */
    uint8_t phase;    /* enum ide_phase */
    uint8_t command;  /* running or last */
    uint8_t multiple; /* sectors per block of READ/WRITE MULTIPLE; 0: not set */
    uint8_t dma_mode; /* SET FEATURES' transfer mode byte */
    bool write_cache, sleeping;
    uint16_t cur_cyls, cur_heads, cur_sectors; /* translation set by the host */

    /* the running transfer */
    uint64_t lba;      /* next sector */
    uint32_t left;     /* sectors not yet moved between host and image */
    uint32_t block;    /* bytes per DRQ block */
    uint32_t pos, end; /* in buf: of the current DRQ block */
    uint32_t filled;   /* bytes of buf that are data */
    uint8_t *buf;      /* IDE_BUFFER bytes */
    bool lba48;

    /* ATAPI */
    uint8_t packet[12];
    uint8_t sense_key, asc, ascq;
    bool locked, tray_open, media_changed, eject_requested, unit_attention;
    uint16_t byte_limit; /* of a DRQ block, set by the host */
    bool packet_dma;
    uint32_t sector_size; /* of the running read: 2048 or 2352 */

    struct block_request req;
    struct iovec iov;
    struct ide_sg sg;
    bool in_flight;
    bool restart; /* a reset came while a request was in flight */
};

struct ide_channel {
    struct ide_drive drives[2];
    unsigned selected;
    uint8_t control;
    struct irq *irq;
    struct mem_region cmd_io, ctl_io; /* 8 bytes, 1 byte */
    const struct ide_dma_ops *dma;    /* NULL: PIO only */
    void *dma_opaque;
};

void ide_channel_init(struct ide_channel *ch, struct irq *irq, const struct ide_dma_ops *dma,
                      void *dma_opaque);
void ide_channel_fini(struct ide_channel *ch);
void ide_channel_reset(struct ide_channel *ch); /* RESET#, power-on */

/* What a drive says it is; strings may be NULL. */
struct ide_identity {
    const char *serial, *model;
    bool cdrom;
};
int ide_attach_drive(struct ide_channel *ch, unsigned unit, struct block_device *blk,
                     struct device *owner, const struct ide_identity *who, struct error **err);
void ide_detach_drive(struct ide_channel *ch, unsigned unit);

/* The bus of a channel: its devices are ide-hd and ide-cd (drive.c). */
struct ide_bus {
    struct bus bus;
    struct ide_channel *channel;
};
void ide_bus_init(struct ide_bus *bus, struct ide_channel *channel, struct device *parent);
void ide_bus_fini(struct ide_bus *bus);
int ide_add_drive(struct ide_bus *bus, unsigned unit, struct block_device *blk, struct error **err);
extern const struct vmstate ide_channel_vmstate;

/* The guest has started the DMA engine. */
void ide_dma_started(struct ide_channel *ch);

/* For disk.c and atapi.c. */
void ide_raise_irq(struct ide_drive *d);
void ide_done(struct ide_drive *d);                /* status: ready, interrupt */
void ide_fail(struct ide_drive *d, uint8_t error); /* status: error, interrupt */
void ide_submit(struct ide_drive *d, enum block_op op, uint64_t offset,
                void (*done)(struct ide_drive *d, int ret)); /* d->iov or d->sg */
uint64_t ide_get_lba(const struct ide_drive *d);
void ide_set_lba(struct ide_drive *d, uint64_t lba);
void ide_set_signature(struct ide_drive *d);
void ide_identify(struct ide_drive *d, uint16_t words[256]);
void ide_disk_command(struct ide_drive *d, uint8_t cmd);
void ide_atapi_command(struct ide_drive *d, uint8_t cmd);
void ide_disk_block_done(struct ide_drive *d); /* the host has moved a whole DRQ block */
void ide_atapi_block_done(struct ide_drive *d);
void ide_disk_dma_start(struct ide_drive *d);
void ide_atapi_dma_start(struct ide_drive *d);
void ide_begin_pio(struct ide_drive *d, enum ide_phase phase, uint32_t pos, uint32_t len);
extern const struct block_device_ops ide_cd_ops, ide_disk_ops;

/* clang-format off */
enum { IDE_STS_ERR = 0x01, IDE_STS_DRQ = 0x08, IDE_STS_DSC = 0x10, IDE_STS_DF = 0x20, IDE_STS_DRDY = 0x40,
       IDE_STS_BSY = 0x80 };
enum { IDE_ERR_ABRT = 0x04, IDE_ERR_MCR = 0x08, IDE_ERR_IDNF = 0x10, IDE_ERR_MC = 0x20, IDE_ERR_UNC = 0x40 };
enum { IDE_DEV_HEAD = 0x0f, IDE_DEV_UNIT = 0x10, IDE_DEV_LBA = 0x40, IDE_DEV_ONES = 0xa0 };
enum { IDE_CTL_NIEN = 0x02, IDE_CTL_SRST = 0x04, IDE_CTL_HOB = 0x80 };
/* clang-format on */

#endif
