/* SPDX-License-Identifier: MIT */
/* ATA disk: the commands of ATA/ATAPI-6 (T13/1410D, chapter 8) for a hard disk. */
#include <errno.h>

#include "hw/ide/ide.h"
#include "util/log.h"
#include "util/trace.h"

static uint64_t total_sectors(const struct ide_drive *d)
{
    return block_length(d->blk) / BLOCK_SECTOR;
}

/* --- identification --------------------------------------------------------------------------- */

/* A disk's medium stays; identify data tells its new size when it is asked for. */
const struct block_device_ops ide_disk_ops = {.media_changed = NULL};

/* Text in identify data: padded with spaces, the bytes of each word swapped. */
static void put_text(uint16_t *words, const char *text, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        uint8_t c = *text ? (uint8_t)*text++ : ' ';
        words[i / 2] = (uint16_t)(i % 2 ? words[i / 2] | c : c << 8);
    }
}

/* What disks and CD-ROMs share. */
void ide_identify(struct ide_drive *d, uint16_t w[256])
{
    memset(w, 0, 512);
    put_text(w + 10, d->serial, 20);
    put_text(w + 23, "0.1.0", 8);
    put_text(w + 27, d->model, 40);
    w[49] = 1 << 11 | 1 << 9 | (d->channel->dma ? 1 << 8 : 0); /* IORDY, LBA, DMA */
    w[53] = 7; /* words 54-58, 64-70 and 88 are valid */
    w[64] = 3; /* PIO modes 3 and 4 */
    w[65] = w[66] = w[67] = w[68] = 120;
    w[80] = 0x7e; /* ATA/ATAPI-1 to 6 */
    w[81] = 0x19;
    w[83] = w[84] = w[87] = 1 << 14;
    if (d->channel->dma) {
        w[63] = 7;    /* multiword DMA 0 to 2 */
        w[88] = 0x3f; /* UDMA 0 to 5 */
        uint8_t kind = d->dma_mode >> 3, mode = d->dma_mode & 7;
        w[63] |= kind == 4 ? (uint16_t)(0x100u << mode) : 0;
        w[88] |= kind == 8 ? (uint16_t)(0x100u << mode) : 0;
        w[93] = 0x4001 | 1 << 13 | (d->unit ? 0x0b00 : 0x000b); /* 80 conductors */
    }
}

static void identify_disk(struct ide_drive *d, uint16_t w[256])
{
    uint64_t sectors = total_sectors(d);
    uint32_t lba28 = (uint32_t)MIN(sectors, (uint64_t)0x0fffffff);
    uint32_t current = (uint32_t)d->cur_cyls * d->cur_heads * d->cur_sectors;

    ide_identify(d, w);
    w[0] = 0x0040; /* fixed disk */
    w[1] = (uint16_t)MIN(sectors / (16 * 63), (uint64_t)16383);
    w[3] = 16;
    w[6] = 63;
    w[47] = 0x8000 | IDE_MULTIPLE_MAX;
    w[50] = 1 << 14;
    w[54] = d->cur_cyls;
    w[55] = d->cur_heads;
    w[56] = d->cur_sectors;
    w[57] = (uint16_t)current;
    w[58] = (uint16_t)(current >> 16);
    w[59] = d->multiple ? 0x100 | d->multiple : 0;
    w[60] = (uint16_t)lba28;
    w[61] = (uint16_t)(lba28 >> 16);
    w[82] = 1 << 14 | 1 << 5;             /* NOP, write cache */
    w[83] |= 1 << 13 | 1 << 12 | 1 << 10; /* FLUSH CACHE EXT, FLUSH CACHE, 48 bits */
    w[84] |= 1 << 6;                      /* FUA */
    w[85] = (uint16_t)(1 << 14 | d->write_cache << 5);
    w[86] = 1 << 13 | 1 << 12 | 1 << 10;
    w[87] |= 1 << 6;
    for (unsigned i = 0; i < 4; i++) {
        w[100 + i] = (uint16_t)(sectors >> (16 * i));
    }
    w[106] = 1 << 14; /* 512-byte sectors, one per physical */
}

static void put_words(struct ide_drive *d, const uint16_t w[256])
{
    for (unsigned i = 0; i < 256; i++) {
        st_le16(d->buf + 2 * i, w[i]);
    }
    d->left = 0;
    d->filled = 512;
    ide_begin_pio(d, IDE_PIO_IN, 0, 512);
    ide_raise_irq(d);
}

static void cmd_identify(struct ide_drive *d)
{
    uint16_t w[256];

    identify_disk(d, w);
    put_words(d, w);
}

/* --- transfers -------------------------------------------------------------------------------- */

/* Takes address and count from the registers. false: aborted, beyond the end. */
static bool begin_transfer(struct ide_drive *d)
{
    uint32_t count = d->lba48 ? (uint32_t)d->nsector[1] << 8 | d->nsector[0] : d->nsector[0];

    d->left = count ? count : d->lba48 ? 65536 : 256;
    d->lba = ide_get_lba(d);
    if (!range_fits(d->lba, d->left, total_sectors(d))) {
        ide_fail(d, IDE_ERR_IDNF);
        return false;
    }
    return true;
}

/* Registers show the sector an error was at, or the last one. */
static void transfer_failed(struct ide_drive *d, int ret)
{
    log_unimp("ide: %s: request failed: %s", d->serial, g_strerror(-ret));
    ide_set_lba(d, d->lba);
    ide_fail(d, ret == -EROFS ? IDE_ERR_ABRT : IDE_ERR_UNC);
}

static uint32_t chunk_sectors(const struct ide_drive *d)
{
    return MIN(d->left, IDE_BUFFER / BLOCK_SECTOR);
}

/* Bytes of the next DRQ block of the chunk in buf. */
static uint32_t next_block(const struct ide_drive *d, uint32_t pos)
{
    return MIN(d->block, d->filled - pos);
}

static void read_chunk_done(struct ide_drive *d, int ret)
{
    if (ret < 0) {
        transfer_failed(d, ret);
        return;
    }
    d->lba += d->filled / BLOCK_SECTOR;
    d->left -= d->filled / BLOCK_SECTOR;
    ide_begin_pio(d, IDE_PIO_IN, 0, next_block(d, 0));
    ide_raise_irq(d);
}

static void read_chunk(struct ide_drive *d)
{
    d->filled = chunk_sectors(d) * BLOCK_SECTOR;
    d->iov = (struct iovec){d->buf, d->filled};
    ide_submit(d, BLOCK_READ, d->lba * BLOCK_SECTOR, read_chunk_done);
}

static void cmd_read(struct ide_drive *d)
{
    if (begin_transfer(d)) {
        read_chunk(d);
    }
}

static void write_flushed(struct ide_drive *d, int ret)
{
    if (ret < 0) {
        transfer_failed(d, ret);
    } else {
        ide_done(d);
    }
}

static void begin_write_chunk(struct ide_drive *d)
{
    d->filled = chunk_sectors(d) * BLOCK_SECTOR;
    ide_begin_pio(d, IDE_PIO_OUT, 0, next_block(d, 0));
}

/* With the cache off, or forced unit access, data is on the medium before the command ends. */
static bool write_through(const struct ide_drive *d)
{
    return !d->write_cache || d->command == 0x3d || d->command == 0xce;
}

static void write_complete(struct ide_drive *d)
{
    if (write_through(d)) {
        ide_submit(d, BLOCK_FLUSH, 0, write_flushed);
    } else {
        ide_done(d);
    }
}

static void write_chunk_done(struct ide_drive *d, int ret)
{
    if (ret < 0) {
        transfer_failed(d, ret);
        return;
    }
    d->lba += d->filled / BLOCK_SECTOR;
    d->left -= d->filled / BLOCK_SECTOR;
    if (d->left == 0) {
        write_complete(d);
        return;
    }
    begin_write_chunk(d);
    ide_raise_irq(d);
}

static void cmd_write(struct ide_drive *d)
{
    if (begin_transfer(d)) {
        begin_write_chunk(d); /* no interrupt before the first block */
    }
}

void ide_disk_block_done(struct ide_drive *d)
{
    if (d->pos < d->filled) {
        ide_begin_pio(d, (enum ide_phase)d->phase, d->pos, next_block(d, d->pos));
        ide_raise_irq(d);
    } else if (d->phase == IDE_PIO_OUT) {
        d->iov = (struct iovec){d->buf, d->filled};
        ide_submit(d, BLOCK_WRITE, d->lba * BLOCK_SECTOR, write_chunk_done);
    } else if (d->left) {
        read_chunk(d);
    } else {
        /* The last block of a read ends without an interrupt. */
        d->phase = IDE_IDLE;
        d->status = IDE_STS_DRDY | IDE_STS_DSC;
    }
}

/* --- DMA -------------------------------------------------------------------------------------- */

static bool is_dma_write(const struct ide_drive *d)
{
    return d->command == 0xca || d->command == 0xcb || d->command == 0x35 || d->command == 0x3d;
}

static void dma_done(struct ide_drive *d, int ret)
{
    struct ide_channel *ch = d->channel;
    uint64_t moved = d->sg.len;

    ch->dma->unmap(ch->dma_opaque, &d->sg, moved); /* some of it, should it have failed */
    ch->dma->finished(ch->dma_opaque, false);
    if (ret < 0) {
        transfer_failed(d, ret);
        return;
    }
    d->lba += moved / BLOCK_SECTOR;
    d->left -= (uint32_t)(moved / BLOCK_SECTOR);
    if (d->left) {
        /* The descriptors ended before the command's data. */
        guest_error("ide: DMA table is %u sectors too short", d->left);
        ide_set_lba(d, d->lba);
        ide_fail(d, IDE_ERR_ABRT);
    } else if (is_dma_write(d)) {
        write_complete(d);
    } else {
        ide_done(d);
    }
}

void ide_disk_dma_start(struct ide_drive *d)
{
    struct ide_channel *ch = d->channel;
    bool write = is_dma_write(d);

    if (!ch->dma->map(ch->dma_opaque, (uint64_t)d->left * BLOCK_SECTOR, !write, &d->sg) ||
        d->sg.len % BLOCK_SECTOR || d->sg.len == 0) {
        ch->dma->unmap(ch->dma_opaque, &d->sg, 0);
        ch->dma->finished(ch->dma_opaque, true);
        guest_error("ide: bad DMA table");
        ide_fail(d, IDE_ERR_ABRT);
        return;
    }
    ide_submit(d, write ? BLOCK_WRITE : BLOCK_READ, d->lba * BLOCK_SECTOR, dma_done);
}

static void cmd_dma(struct ide_drive *d)
{
    struct ide_channel *ch = d->channel;

    if (!ch->dma) {
        ide_fail(d, IDE_ERR_ABRT);
        return;
    }
    if (!begin_transfer(d)) {
        return;
    }
    d->phase = IDE_DMA_WAIT;
    d->status = IDE_STS_DRDY | IDE_STS_DSC | IDE_STS_DRQ;
    if (ch->dma->running(ch->dma_opaque)) {
        ide_disk_dma_start(d);
    }
}

/* --- the rest --------------------------------------------------------------------------------- */

static void cmd_ok(struct ide_drive *d)
{
    ide_done(d);
}

static void cmd_abort(struct ide_drive *d)
{
    ide_fail(d, IDE_ERR_ABRT);
}

static void cmd_verify(struct ide_drive *d)
{
    if (begin_transfer(d)) {
        d->left = 0;
        ide_done(d);
    }
}

static void cmd_seek(struct ide_drive *d)
{
    if (ide_get_lba(d) < total_sectors(d)) {
        ide_done(d);
    } else {
        ide_fail(d, IDE_ERR_IDNF);
    }
}

static void cmd_init_params(struct ide_drive *d)
{
    uint16_t heads = (uint16_t)((d->device & IDE_DEV_HEAD) + 1), sectors = d->nsector[0];

    if (sectors == 0) {
        ide_fail(d, IDE_ERR_ABRT);
        return;
    }
    d->cur_heads = heads;
    d->cur_sectors = sectors;
    uint64_t cyls = total_sectors(d) / ((uint64_t)heads * sectors);
    d->cur_cyls = (uint16_t)MIN(cyls, (uint64_t)65535);
    ide_done(d);
}

static void cmd_set_multiple(struct ide_drive *d)
{
    uint8_t n = d->nsector[0];

    if (n > IDE_MULTIPLE_MAX || (n & (n - 1))) {
        ide_fail(d, IDE_ERR_ABRT);
        return;
    }
    d->multiple = n;
    ide_done(d);
}

static void cmd_flush(struct ide_drive *d)
{
    ide_submit(d, BLOCK_FLUSH, 0, write_flushed);
}

static void cmd_native_max(struct ide_drive *d)
{
    uint64_t last = total_sectors(d) - 1;

    ide_set_lba(d, d->lba48 ? last : MIN(last, (uint64_t)0x0ffffffe));
    ide_done(d);
}

static void cmd_power(struct ide_drive *d)
{
    d->nsector[0] = 0xff; /* active or idle */
    ide_done(d);
}

static void cmd_features(struct ide_drive *d)
{
    uint8_t kind = d->nsector[0] >> 3;

    switch (d->feature[0]) {
    case 0x02: /* write cache on */
    case 0x82: /* and off */
        d->write_cache = d->feature[0] == 0x02;
        break;
    case 0x03: /* transfer mode: PIO default and flow control, multiword, ultra */
        if (kind != 0 && kind != 1 && !(kind == 4 && (d->nsector[0] & 7) < 3) &&
            !(kind == 8 && (d->nsector[0] & 7) < 6)) {
            ide_fail(d, IDE_ERR_ABRT);
            return;
        }
        d->dma_mode = kind >= 4 ? d->nsector[0] : 0;
        break;
    case 0x05: /* advanced power management, look-ahead, reverting to defaults: no effect */
    case 0x55:
    case 0x66:
    case 0x85:
    case 0xaa:
    case 0xcc:
        break;
    default:
        ide_fail(d, IDE_ERR_ABRT);
        return;
    }
    ide_done(d);
}

/* A CD-ROM's commands to a disk show that it is none. */
static void cmd_packet(struct ide_drive *d)
{
    ide_set_signature(d);
    ide_fail(d, IDE_ERR_ABRT);
}

enum { LBA48 = 1, MULTIPLE = 2 };

static const struct {
    uint8_t first, last;
    uint8_t flags;
    void (*run)(struct ide_drive *d);
} commands[] = {
    {0x00, 0x00, 0, cmd_abort},
    {0x10, 0x1f, 0, cmd_ok},
    {0x20, 0x21, 0, cmd_read},
    {0x24, 0x24, LBA48, cmd_read},
    {0x25, 0x25, LBA48, cmd_dma},
    {0x27, 0x27, LBA48, cmd_native_max},
    {0x29, 0x29, LBA48 | MULTIPLE, cmd_read},
    {0x30, 0x31, 0, cmd_write},
    {0x34, 0x34, LBA48, cmd_write},
    {0x35, 0x35, LBA48, cmd_dma},
    {0x39, 0x39, LBA48 | MULTIPLE, cmd_write},
    {0x3d, 0x3d, LBA48, cmd_dma},
    {0x40, 0x41, 0, cmd_verify},
    {0x42, 0x42, LBA48, cmd_verify},
    {0x70, 0x7f, 0, cmd_seek},
    {0x91, 0x91, 0, cmd_init_params},
    {0x94, 0x97, 0, cmd_ok},
    {0x98, 0x98, 0, cmd_power},
    {0x99, 0x99, 0, cmd_ok},
    {0xa0, 0xa1, 0, cmd_packet},
    {0xc4, 0xc4, MULTIPLE, cmd_read},
    {0xc5, 0xc5, MULTIPLE, cmd_write},
    {0xc6, 0xc6, 0, cmd_set_multiple},
    {0xc8, 0xc9, 0, cmd_dma},
    {0xca, 0xcb, 0, cmd_dma},
    {0xce, 0xce, LBA48 | MULTIPLE, cmd_write},
    {0xe0, 0xe3, 0, cmd_ok},
    {0xe5, 0xe5, 0, cmd_power},
    {0xe6, 0xe6, 0, cmd_ok},
    {0xe7, 0xe7, 0, cmd_flush},
    {0xea, 0xea, LBA48, cmd_flush},
    {0xec, 0xec, 0, cmd_identify},
    {0xef, 0xef, 0, cmd_features},
    {0xf8, 0xf8, 0, cmd_native_max},
};

void ide_disk_command(struct ide_drive *d, uint8_t cmd)
{
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (cmd < commands[i].first || cmd > commands[i].last) {
            continue;
        }
        bool multiple = commands[i].flags & MULTIPLE;
        d->lba48 = commands[i].flags & LBA48;
        d->block = BLOCK_SECTOR * (multiple ? d->multiple : 1u);
        if (multiple && !d->multiple) {
            break;
        }
        commands[i].run(d);
        return;
    }
    ide_fail(d, IDE_ERR_ABRT);
}
