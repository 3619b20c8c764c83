/* SPDX-License-Identifier: MIT */
/*
 * IDE channel: the register interface of two drives on one cable. ATA/ATAPI-6 (T13/1410D): chapter 7
 * registers, chapter 9 protocols.
 *
 * Not modelled: overlapped and queued commands, CFA, streaming, host protected area.
 */
#include <errno.h>

#include "hw/core/vmstate.h"
#include "hw/ide/ide.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

enum {
    REG_DATA,
    REG_ERROR_FEATURE,
    REG_NSECTOR,
    REG_LBA_LOW,
    REG_LBA_MID,
    REG_LBA_HIGH,
    REG_DEVICE,
    REG_STATUS_COMMAND
};

#define CMD_DEVICE_RESET 0x08
#define CMD_DIAGNOSTIC   0x90

static struct ide_drive *selected(struct ide_channel *ch)
{
    return &ch->drives[ch->selected];
}

/* --- interrupts and ends ---------------------------------------------------------------------- */

static void update_irq(struct ide_channel *ch)
{
    irq_set(ch->irq, selected(ch)->irq_pending && !(ch->control & IDE_CTL_NIEN));
}

static void set_irq(struct ide_drive *d, bool pending)
{
    d->irq_pending = pending;
    update_irq(d->channel);
}

void ide_raise_irq(struct ide_drive *d)
{
    set_irq(d, true);
}

void ide_done(struct ide_drive *d)
{
    d->phase = IDE_IDLE;
    d->status = IDE_STS_DRDY | IDE_STS_DSC;
    d->error = 0;
    ide_raise_irq(d);
}

void ide_fail(struct ide_drive *d, uint8_t error)
{
    TRACE(ide_fail, "unit %u command %#x error %#x", d->unit, d->command, error);
    d->phase = IDE_IDLE;
    d->status = IDE_STS_DRDY | IDE_STS_DSC | IDE_STS_ERR;
    d->error = error;
    ide_raise_irq(d);
}

/* --- addresses -------------------------------------------------------------------------------- */

uint64_t ide_get_lba(const struct ide_drive *d)
{
    if (d->lba48) {
        return (uint64_t)d->lba_high[1] << 40 | (uint64_t)d->lba_mid[1] << 32 |
               (uint64_t)d->lba_low[1] << 24 | (uint64_t)d->lba_high[0] << 16 |
               (uint64_t)d->lba_mid[0] << 8 | d->lba_low[0];
    }
    if (d->device & IDE_DEV_LBA) {
        return (uint64_t)(d->device & IDE_DEV_HEAD) << 24 | (uint64_t)d->lba_high[0] << 16 |
               (uint64_t)d->lba_mid[0] << 8 | d->lba_low[0];
    }
    uint64_t cyl = (uint64_t)d->lba_high[0] << 8 | d->lba_mid[0];
    uint64_t head = d->device & IDE_DEV_HEAD;
    /* Sectors count from 1; 0 names no sector: beyond any disk. */
    return d->lba_low[0] ? (cyl * d->cur_heads + head) * d->cur_sectors + d->lba_low[0] - 1
                         : UINT64_MAX;
}

void ide_set_lba(struct ide_drive *d, uint64_t lba)
{
    if (d->lba48) {
        d->lba_high[1] = (uint8_t)(lba >> 40);
        d->lba_mid[1] = (uint8_t)(lba >> 32);
        d->lba_low[1] = (uint8_t)(lba >> 24);
    }
    if (d->lba48 || (d->device & IDE_DEV_LBA)) {
        d->lba_high[0] = (uint8_t)(lba >> 16);
        d->lba_mid[0] = (uint8_t)(lba >> 8);
        d->lba_low[0] = (uint8_t)lba;
        if (!d->lba48) {
            d->device = (uint8_t)((d->device & ~IDE_DEV_HEAD) | (lba >> 24 & IDE_DEV_HEAD));
        }
        return;
    }
    uint32_t per_cyl = (uint32_t)d->cur_heads * d->cur_sectors;
    uint32_t cyl = (uint32_t)(lba / per_cyl), rest = (uint32_t)(lba % per_cyl);
    d->lba_high[0] = (uint8_t)(cyl >> 8);
    d->lba_mid[0] = (uint8_t)cyl;
    d->device = (uint8_t)((d->device & ~IDE_DEV_HEAD) | (rest / d->cur_sectors & IDE_DEV_HEAD));
    d->lba_low[0] = (uint8_t)(rest % d->cur_sectors + 1);
}

/* After reset, diagnostics and IDENTIFY of the wrong kind: what sort of drive this is. */
void ide_set_signature(struct ide_drive *d)
{
    d->nsector[0] = d->lba_low[0] = 1;
    d->lba_mid[0] = d->cdrom ? 0x14 : 0;
    d->lba_high[0] = d->cdrom ? 0xeb : 0;
    d->device &= (uint8_t)~IDE_DEV_HEAD;
    if (!d->blk) {
        d->lba_mid[0] = d->lba_high[0] = 0xff;
    }
}

/* --- requests --------------------------------------------------------------------------------- */

static void reset_drive(struct ide_drive *d);

static void request_done(struct block_request *req, int ret)
{
    struct ide_drive *d = container_of(req, struct ide_drive, req);
    void (*done)(struct ide_drive *, int) = req->opaque;

    d->in_flight = false;
    if (d->restart) {
        if (d->sg.iov && d->channel->dma) {
            d->channel->dma->unmap(d->channel->dma_opaque, &d->sg, d->sg.len);
        }
        reset_drive(d);
        return;
    }
    done(d, ret);
}

void ide_submit(struct ide_drive *d, enum block_op op, uint64_t offset,
                void (*done)(struct ide_drive *d, int ret))
{
    bool dma = d->sg.iov != NULL;

    d->phase = IDE_BUSY;
    d->status = IDE_STS_BSY;
    d->in_flight = true;
    d->req = (struct block_request){
        .op = op,
        .offset = offset,
        .iov = dma ? (struct iovec *)(void *)d->sg.iov->data : &d->iov,
        .iov_count = op == BLOCK_FLUSH ? 0
                     : dma             ? d->sg.iov->len
                                       : 1,
        .done = request_done,
        .opaque = (void *)(uintptr_t)done,
    };
    block_submit(d->blk, &d->req);
}

/* --- the data register ------------------------------------------------------------------------ */

void ide_begin_pio(struct ide_drive *d, enum ide_phase phase, uint32_t pos, uint32_t len)
{
    d->phase = (uint8_t)phase;
    d->pos = pos;
    d->end = pos + len;
    d->status = IDE_STS_DRDY | IDE_STS_DSC | IDE_STS_DRQ;
}

static void block_done(struct ide_drive *d)
{
    d->status &= (uint8_t)~IDE_STS_DRQ;
    if (d->cdrom) {
        ide_atapi_block_done(d);
    } else {
        ide_disk_block_done(d);
    }
}

static uint64_t read_data(struct ide_drive *d, unsigned size)
{
    uint8_t bytes[4] = {0};

    if (d->phase != IDE_PIO_IN || !d->blk) {
        return 0;
    }
    unsigned n = MIN(size, d->end - d->pos);
    memcpy(bytes, d->buf + d->pos, n);
    d->pos += n;
    if (d->pos == d->end) {
        block_done(d);
    }
    return ld_le32(bytes);
}

static uint64_t read_data_string(void *opaque, uint64_t off, unsigned size, uint8_t *buf,
                                 uint64_t count)
{
    struct ide_drive *d = selected(opaque);

    if (off != REG_DATA || d->phase != IDE_PIO_IN || !d->blk) {
        return 0;
    }
    uint64_t n = MIN(count, (d->end - d->pos) / size);
    memcpy(buf, d->buf + d->pos, n * size);
    d->pos += (uint32_t)(n * size);
    if (n && d->pos == d->end) {
        block_done(d);
    }
    return n;
}

static void write_data(struct ide_drive *d, uint64_t val, unsigned size)
{
    uint8_t bytes[4];

    if ((d->phase != IDE_PIO_OUT && d->phase != IDE_PACKET) || !d->blk) {
        return;
    }
    st_le32(bytes, (uint32_t)val);
    unsigned n = MIN(size, d->end - d->pos);
    memcpy(d->buf + d->pos, bytes, n);
    d->pos += n;
    if (d->pos == d->end) {
        block_done(d);
    }
}

/* --- resets ----------------------------------------------------------------------------------- */

static void reset_drive(struct ide_drive *d)
{
    d->phase = IDE_IDLE;
    d->irq_pending = false;
    if (d->in_flight) {
        d->restart = true; /* the request's end goes on here */
        d->status = IDE_STS_BSY;
        return;
    }
    d->restart = false;
    d->pos = d->end = d->filled = d->left = 0;
    d->lba = 0;
    d->sector_size = CD_SECTOR;
    d->status = !d->blk ? 0 : d->cdrom ? 0 : IDE_STS_DRDY | IDE_STS_DSC;
    if (d->blk && (d->channel->control & IDE_CTL_SRST)) {
        d->status = IDE_STS_BSY; /* until the host lets go */
    }
    d->error = 1; /* diagnostics: no error */
    d->sleeping = d->locked = d->packet_dma = false;
    d->multiple = d->cdrom ? 0 : IDE_MULTIPLE_MAX;
    d->device = 0;
    d->block = BLOCK_SECTOR;
    d->lba48 = false;
    ide_set_signature(d);
}

static void software_reset(struct ide_channel *ch)
{
    for (unsigned i = 0; i < 2; i++) {
        reset_drive(&ch->drives[i]);
    }
    ch->selected = 0;
    update_irq(ch);
}

static void run_command(struct ide_channel *ch, uint8_t cmd)
{
    struct ide_drive *d = selected(ch);

    TRACE(ide_command, "unit %u command %#x", d->unit, cmd);
    if (cmd == CMD_DIAGNOSTIC) {
        software_reset(ch);
        if (ch->drives[0].blk) {
            ide_raise_irq(&ch->drives[0]);
        }
        return;
    }
    if (!d->blk) {
        return;
    }
    bool device_reset = cmd == CMD_DEVICE_RESET && d->cdrom;
    if ((d->status & (IDE_STS_BSY | IDE_STS_DRQ)) && !device_reset) {
        guest_error("ide: command %#x while %#x runs", cmd, d->command);
        return;
    }
    set_irq(d, false);
    if (device_reset) {
        uint8_t device = d->device;
        reset_drive(d);
        d->device = device & IDE_DEV_UNIT;
        return;
    }
    d->command = cmd;
    d->error = 0;
    d->sleeping = false;
    if (d->cdrom) {
        ide_atapi_command(d, cmd);
    } else {
        ide_disk_command(d, cmd);
    }
}

/* --- registers -------------------------------------------------------------------------------- */

static uint8_t *task_register(struct ide_drive *d, unsigned reg)
{
    switch (reg) {
    case REG_ERROR_FEATURE:
        return d->feature;
    case REG_NSECTOR:
        return d->nsector;
    case REG_LBA_LOW:
        return d->lba_low;
    case REG_LBA_MID:
        return d->lba_mid;
    case REG_LBA_HIGH:
        return d->lba_high;
    }
    return NULL;
}

static uint8_t read_status(struct ide_channel *ch)
{
    struct ide_drive *d = selected(ch);

    /* Drive 0 answers for a missing drive 1 with zero; without both nothing drives the bus. */
    if (!ch->drives[0].blk && !ch->drives[1].blk) {
        return 0;
    }
    return d->blk ? d->status : 0;
}

static uint64_t cmd_read(void *opaque, uint64_t off, unsigned size)
{
    struct ide_channel *ch = opaque;
    struct ide_drive *d = selected(ch);

    switch (off) {
    case REG_DATA:
        return read_data(d, size);
    case REG_ERROR_FEATURE:
        return d->blk ? d->error : 0;
    case REG_DEVICE:
        return d->device | IDE_DEV_ONES | ch->selected << 4;
    case REG_STATUS_COMMAND:
        set_irq(d, false);
        return read_status(ch);
    }
    return d->blk || ch->drives[0].blk
               ? task_register(d, (unsigned)off)[!!(ch->control & IDE_CTL_HOB)]
               : 0;
}

/* Both drives hear of every write. */
static void write_task(struct ide_channel *ch, unsigned reg, uint8_t val)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ide_drive *d = &ch->drives[i];
        if (d->status & (IDE_STS_BSY | IDE_STS_DRQ)) {
            continue;
        }
        if (reg == REG_DEVICE) {
            d->device = val;
        } else {
            uint8_t *r = task_register(d, reg);
            r[1] = r[0];
            r[0] = val;
        }
    }
}

static void cmd_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct ide_channel *ch = opaque;

    ch->control &= (uint8_t)~IDE_CTL_HOB;
    switch (off) {
    case REG_DATA:
        write_data(selected(ch), val, size);
        break;
    case REG_STATUS_COMMAND:
        run_command(ch, (uint8_t)val);
        break;
    case REG_DEVICE:
        write_task(ch, REG_DEVICE, (uint8_t)val);
        ch->selected = !!(val & IDE_DEV_UNIT);
        update_irq(ch);
        break;
    default:
        write_task(ch, (unsigned)off, (uint8_t)val);
    }
}

static uint64_t ctl_read(void *opaque, uint64_t off, unsigned size)
{
    return read_status(opaque); /* alternate status: no acknowledge */
}

static void ctl_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct ide_channel *ch = opaque;

    bool was_in_reset = ch->control & IDE_CTL_SRST;

    ch->control = (uint8_t)val;
    if (was_in_reset || (val & IDE_CTL_SRST)) {
        software_reset(ch);
    }
    update_irq(ch);
}

/* The data register takes 16 and 32 bits, the others bytes; the core splits what is too wide. */
static const struct mem_ops cmd_ops = {
    .read = cmd_read,
    .write = cmd_write,
    .read_fifo = read_data_string,
    .valid = {1, 4, false},
    .impl = {1, 4, false},
};
static const struct mem_ops ctl_ops = {
    .read = ctl_read, .write = ctl_write, .valid = {1, 1, false}, .impl = {1, 1, false}};

void ide_dma_started(struct ide_channel *ch)
{
    struct ide_drive *d = selected(ch);

    if (d->phase == IDE_DMA_WAIT) {
        if (d->cdrom) {
            ide_atapi_dma_start(d);
        } else {
            ide_disk_dma_start(d);
        }
    }
}

/* --- life ------------------------------------------------------------------------------------- */

void ide_channel_init(struct ide_channel *ch, struct irq *irq, const struct ide_dma_ops *dma,
                      void *dma_opaque)
{
    ch->irq = irq;
    ch->dma = dma;
    ch->dma_opaque = dma_opaque;
    mem_region_init_io(&ch->cmd_io, "ide-cmd", 8, &cmd_ops, ch);
    mem_region_init_io(&ch->ctl_io, "ide-ctl", 1, &ctl_ops, ch);
    for (unsigned i = 0; i < 2; i++) {
        ch->drives[i].channel = ch;
        ch->drives[i].unit = i;
        ch->drives[i].buf = g_malloc0(IDE_BUFFER);
    }
}

void ide_channel_fini(struct ide_channel *ch)
{
    for (unsigned i = 0; i < 2; i++) {
        g_free(ch->drives[i].buf);
    }
    mem_region_fini(&ch->cmd_io);
    mem_region_fini(&ch->ctl_io);
}

int ide_attach_drive(struct ide_channel *ch, unsigned unit, struct block_device *blk,
                     struct device *owner, const struct ide_identity *who, struct error **err)
{
    const struct block_device_ops *ops = who->cdrom ? &ide_cd_ops : &ide_disk_ops;
    const char *serial = who->serial ? who->serial : block_serial(blk);
    struct ide_drive *d = &ch->drives[unit];

    if (!who->cdrom && !block_present(blk)) {
        error_set(err, "drive '%s': a disk needs an image", block_id(blk));
        return -EINVAL;
    }
    if (block_attach(blk, ops, d, owner, err) < 0) {
        return -EBUSY;
    }
    d->blk = blk;
    d->cdrom = who->cdrom;
    g_snprintf(d->serial, sizeof(d->serial), "%s", serial ? serial : block_name(blk));
    g_snprintf(d->model, sizeof(d->model), "%s",
               who->model   ? who->model
               : who->cdrom ? "DOPPEL DVD-ROM"
                            : "DOPPEL HARDDISK");
    return 0;
}

void ide_detach_drive(struct ide_channel *ch, unsigned unit)
{
    struct ide_drive *d = &ch->drives[unit];

    block_detach(d->blk);
    d->blk = NULL;
    d->cdrom = false;
}

void ide_channel_reset(struct ide_channel *ch)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ide_drive *d = &ch->drives[i];
        if (d->blk) {
            block_drain(d->blk);
        }
        d->write_cache = true;
        d->dma_mode = 0;
        d->locked = d->media_changed = d->eject_requested = false;
        d->unit_attention = d->cdrom;
        d->sense_key = d->asc = d->ascq = 0;
        uint64_t sectors = d->blk ? block_length(d->blk) / BLOCK_SECTOR : 0;
        d->cur_heads = 16;
        d->cur_sectors = 63;
        d->cur_cyls = (uint16_t)MIN(sectors / (16 * 63), (uint64_t)16383);
    }
    ch->control = 0;
    software_reset(ch);
}

static int drive_post_load(void *state, unsigned version, struct error **err)
{
    struct ide_drive *d = state;

    if (d->end > IDE_BUFFER || d->pos > d->end || d->filled > IDE_BUFFER || !d->cur_heads ||
        !d->cur_sectors || d->block == 0 || d->block > IDE_BUFFER || d->phase > IDE_BUSY ||
        (d->sector_size != CD_SECTOR && d->sector_size != CD_RAW_SECTOR)) {
        error_set(err, "ide: transfer state is out of range");
        return -1;
    }
    return 0;
}

/* A request in flight is drained before state is saved. */
static const struct vmstate drive_vmstate = {
    .name = "ide-drive",
    .version = 1,
    .post_load = drive_post_load,
    .fields =
        (const struct vm_field[]){
            VM_U8_ARRAY(struct ide_drive, feature),
            VM_U8_ARRAY(struct ide_drive, nsector),
            VM_U8_ARRAY(struct ide_drive, lba_low),
            VM_U8_ARRAY(struct ide_drive, lba_mid),
            VM_U8_ARRAY(struct ide_drive, lba_high),
            VM_U8(struct ide_drive, device),
            VM_U8(struct ide_drive, error),
            VM_U8(struct ide_drive, status),
            VM_BOOL(struct ide_drive, irq_pending),
            VM_U8(struct ide_drive, phase),
            VM_U8(struct ide_drive, command),
            VM_U8(struct ide_drive, multiple),
            VM_U8(struct ide_drive, dma_mode),
            VM_BOOL(struct ide_drive, write_cache),
            VM_BOOL(struct ide_drive, sleeping),
            VM_U16(struct ide_drive, cur_cyls),
            VM_U16(struct ide_drive, cur_heads),
            VM_U16(struct ide_drive, cur_sectors),
            VM_U64(struct ide_drive, lba),
            VM_U32(struct ide_drive, left),
            VM_U32(struct ide_drive, block),
            VM_U32(struct ide_drive, pos),
            VM_U32(struct ide_drive, end),
            VM_U32(struct ide_drive, filled),
            VM_VBUFFER(struct ide_drive, buf, filled, IDE_BUFFER),
            VM_BOOL(struct ide_drive, lba48),
            VM_BUFFER(struct ide_drive, packet),
            VM_U8(struct ide_drive, sense_key),
            VM_U8(struct ide_drive, asc),
            VM_U8(struct ide_drive, ascq),
            VM_BOOL(struct ide_drive, locked),
            VM_BOOL(struct ide_drive, tray_open),
            VM_BOOL(struct ide_drive, media_changed),
            VM_BOOL(struct ide_drive, eject_requested),
            VM_BOOL(struct ide_drive, unit_attention),
            VM_U16(struct ide_drive, byte_limit),
            VM_BOOL(struct ide_drive, packet_dma),
            VM_U32(struct ide_drive, sector_size),
            VM_END,
        },
};

static int channel_post_load(void *state, unsigned version, struct error **err)
{
    struct ide_channel *ch = state;

    if (ch->selected > 1) {
        error_set(err, "ide: drive %u is selected", ch->selected);
        ch->selected = 0;
        return -1;
    }
    update_irq(ch);
    return 0;
}

const struct vmstate ide_channel_vmstate = {
    .name = "ide-channel",
    .version = 1,
    .post_load = channel_post_load,
    .fields =
        (const struct vm_field[]){
            VM_ENUM(struct ide_channel, selected),
            VM_U8(struct ide_channel, control),
            VM_STRUCT_ARRAY(struct ide_channel, drives, &drive_vmstate),
            VM_END,
        },
};
