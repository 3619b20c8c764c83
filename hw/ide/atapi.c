/* SPDX-License-Identifier: MIT */
/*
 * ATAPI CD-ROM: packet protocol of ATA/ATAPI-6 chapter 9.8, commands of SPC-3 and MMC-5.
 *
 * Not modelled: audio, subchannel data, writing, multisession (one data track), DVD structures other
 * than the physical format.
 */
#include <errno.h>

#include "hw/ide/ide.h"
#include "util/log.h"
#include "util/trace.h"

#define CD_MAX (80u * 60 * 75) /* sectors; more is a DVD */

/* nsector of a packet command: the interrupt reason. */
enum { REASON_COMMAND = 1, REASON_TO_HOST = 2 };

enum {
    SENSE_NOT_READY = 2,
    SENSE_MEDIUM_ERROR = 3,
    SENSE_ILLEGAL_REQUEST = 5,
    SENSE_UNIT_ATTENTION = 6
};
enum {
    ASC_READ_ERROR = 0x11,
    ASC_INVALID_OPCODE = 0x20,
    ASC_LBA_OUT_OF_RANGE = 0x21,
    ASC_INVALID_FIELD = 0x24,
    ASC_MEDIUM_CHANGED = 0x28,
    ASC_RESET = 0x29,
    ASC_SAVING_UNSUPPORTED = 0x39,
    ASC_NO_MEDIUM = 0x3a,
    ASC_REMOVAL_PREVENTED = 0x53,
    ASC_ILLEGAL_MODE = 0x64
};

static uint32_t total_blocks(const struct ide_drive *d)
{
    return (uint32_t)MIN(block_length(d->blk) / CD_SECTOR, (uint64_t)UINT32_MAX);
}

static bool ready(const struct ide_drive *d)
{
    return block_present(d->blk) && !d->tray_open;
}

static void set_sense(struct ide_drive *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
    d->sense_key = key;
    d->asc = asc;
    d->ascq = ascq;
}

/* --- ends of a packet command ----------------------------------------------------------------- */

static void packet_done(struct ide_drive *d)
{
    d->nsector[0] = REASON_COMMAND | REASON_TO_HOST;
    ide_done(d);
}

static void packet_failed(struct ide_drive *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
    TRACE(atapi_sense, "command %#x sense %x/%02x/%02x", d->packet[0], key, asc, ascq);
    set_sense(d, key, asc, ascq);
    d->nsector[0] = REASON_COMMAND | REASON_TO_HOST;
    ide_fail(d, (uint8_t)(key << 4 | IDE_ERR_ABRT));
}

static void illegal_field(struct ide_drive *d)
{
    packet_failed(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
}

/* --- data to the host ------------------------------------------------------------------------- */

/* DRQ blocks are at most the byte count limit long, and even but for the last. */
static void offer_block(struct ide_drive *d, uint32_t pos)
{
    uint32_t limit = d->byte_limit ? d->byte_limit : 0xfffe;
    uint32_t len = MIN(d->filled - pos, limit & ~1u ? limit & ~1u : 2);

    d->lba_mid[0] = (uint8_t)len;
    d->lba_high[0] = (uint8_t)(len >> 8);
    d->nsector[0] = REASON_TO_HOST;
    ide_begin_pio(d, IDE_PIO_IN, pos, len);
    ide_raise_irq(d);
}

static void read_more(struct ide_drive *d);

void ide_atapi_dma_start(struct ide_drive *d)
{
    struct ide_channel *ch = d->channel;
    struct ide_sg sg = {0};
    uint64_t left = d->filled;
    const uint8_t *from = d->buf;

    if (d->left) {
        read_more(d);
        return;
    }
    bool ok = ch->dma->map(ch->dma_opaque, d->filled, true, &sg);
    for (guint i = 0; ok && i < sg.iov->len && left; i++) {
        struct iovec *iov = &g_array_index(sg.iov, struct iovec, i);
        size_t n = MIN(iov->iov_len, left);
        memcpy(iov->iov_base, from, n);
        from += n;
        left -= n;
    }
    ch->dma->unmap(ch->dma_opaque, &sg, d->filled - left);
    ch->dma->finished(ch->dma_opaque, !ok);
    if (left) {
        illegal_field(d); /* the guest's table is bad or too short */
    } else {
        packet_done(d);
    }
}

static void wait_for_dma(struct ide_drive *d)
{
    struct ide_channel *ch = d->channel;

    d->phase = IDE_DMA_WAIT;
    d->status = IDE_STS_DRDY | IDE_STS_DSC | IDE_STS_DRQ;
    d->nsector[0] = REASON_TO_HOST;
    if (ch->dma->running(ch->dma_opaque)) {
        ide_atapi_dma_start(d);
    }
}

/* A reply of `len` bytes in buf, of which the host asked for at most `max`. */
static void reply(struct ide_drive *d, uint32_t len, uint32_t max)
{
    d->left = 0;
    d->filled = MIN(len, max);
    if (d->filled == 0) {
        packet_done(d);
    } else if (d->packet_dma) {
        wait_for_dma(d);
    } else {
        offer_block(d, 0);
    }
}

void ide_atapi_block_done(struct ide_drive *d)
{
    if (d->phase == IDE_PACKET) {
        memcpy(d->packet, d->buf, sizeof(d->packet));
        d->command = 0xa0;
        d->phase = IDE_BUSY;
        d->status = IDE_STS_BSY;
        ide_atapi_command(d, 0);
    } else if (d->pos < d->filled) {
        offer_block(d, d->pos);
    } else if (d->left) {
        read_more(d);
    } else {
        packet_done(d);
    }
}

/* --- reading sectors -------------------------------------------------------------------------- */

static void put_msf(uint8_t *p, uint32_t lba)
{
    lba += 150;
    p[0] = (uint8_t)(lba / 75 / 60);
    p[1] = (uint8_t)(lba / 75 % 60);
    p[2] = (uint8_t)(lba % 75);
}

static uint8_t bcd(uint8_t v)
{
    return (uint8_t)(v / 10 << 4 | v % 10);
}

/* Mode 1 sectors made from their data, last first, in place. The check bytes are left zero. */
static void expand_raw(struct ide_drive *d, uint32_t count, uint32_t lba)
{
    for (uint32_t i = count; i-- > 0;) {
        uint8_t *raw = d->buf + i * CD_RAW_SECTOR;
        memmove(raw + 16, d->buf + i * CD_SECTOR, CD_SECTOR);
        memset(raw, 0xff, 12);
        raw[0] = raw[11] = 0;
        put_msf(raw + 12, lba + i);
        for (unsigned j = 12; j < 15; j++) {
            raw[j] = bcd(raw[j]);
        }
        raw[15] = 1;
        memset(raw + 16 + CD_SECTOR, 0, CD_RAW_SECTOR - 16 - CD_SECTOR);
    }
}

static void chunk_read(struct ide_drive *d, int ret)
{
    uint32_t count = d->filled / CD_SECTOR;

    if (ret < 0) {
        packet_failed(d, ret == -ENOMEDIUM ? SENSE_NOT_READY : SENSE_MEDIUM_ERROR,
                      ret == -ENOMEDIUM ? ASC_NO_MEDIUM : ASC_READ_ERROR, 0);
        return;
    }
    if (d->sector_size == CD_RAW_SECTOR) {
        expand_raw(d, count, (uint32_t)d->lba);
        d->filled = count * CD_RAW_SECTOR;
    }
    d->lba += count;
    d->left -= count;
    offer_block(d, 0);
}

/* Straight into the guest's memory; raw sectors never come here. */
static void dma_read(struct ide_drive *d, int ret)
{
    struct ide_channel *ch = d->channel;
    bool all = ret == 0 && d->sg.len == (uint64_t)d->left * CD_SECTOR;

    ch->dma->unmap(ch->dma_opaque, &d->sg, d->sg.len);
    ch->dma->finished(ch->dma_opaque, false);
    d->left = 0;
    if (all) {
        packet_done(d);
    } else {
        packet_failed(d, SENSE_MEDIUM_ERROR, ASC_READ_ERROR, 0);
    }
}

static void read_more(struct ide_drive *d)
{
    struct ide_channel *ch = d->channel;

    if (d->packet_dma) {
        if (!ch->dma->map(ch->dma_opaque, (uint64_t)d->left * CD_SECTOR, true, &d->sg) ||
            d->sg.len == 0 || d->sg.len % BLOCK_SECTOR) {
            ch->dma->unmap(ch->dma_opaque, &d->sg, 0);
            ch->dma->finished(ch->dma_opaque, true);
            packet_failed(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_FIELD, 0);
            return;
        }
        ide_submit(d, BLOCK_READ, d->lba * CD_SECTOR, dma_read);
        return;
    }
    d->filled = MIN(d->left, IDE_BUFFER / d->sector_size) * CD_SECTOR;
    d->iov = (struct iovec){d->buf, d->filled};
    ide_submit(d, BLOCK_READ, d->lba * CD_SECTOR, chunk_read);
}

static void begin_read(struct ide_drive *d, uint32_t lba, uint32_t count, uint32_t sector_size)
{
    if (!range_fits(lba, count, total_blocks(d))) {
        packet_failed(d, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0);
        return;
    }
    if (count == 0) {
        packet_done(d);
        return;
    }
    if (d->packet_dma && sector_size != CD_SECTOR) {
        illegal_field(d); /* raw sectors by PIO only */
        return;
    }
    d->lba = lba;
    d->left = count;
    d->sector_size = sector_size;
    if (d->packet_dma) {
        wait_for_dma(d);
    } else {
        read_more(d);
    }
}

static void cmd_read10(struct ide_drive *d)
{
    begin_read(d, ld_be32(d->packet + 2), ld_be16(d->packet + 7), CD_SECTOR);
}

static void cmd_read12(struct ide_drive *d)
{
    begin_read(d, ld_be32(d->packet + 2), ld_be32(d->packet + 6), CD_SECTOR);
}

/* READ CD: which parts of a sector are wanted is in byte 9. */
static void cmd_read_cd(struct ide_drive *d)
{
    uint32_t count = (uint32_t)d->packet[6] << 16 | ld_be16(d->packet + 7);

    switch (d->packet[9] & 0xf8) {
    case 0x00:
        packet_done(d);
        break;
    case 0x10:
        begin_read(d, ld_be32(d->packet + 2), count, CD_SECTOR);
        break;
    case 0xf8:
        begin_read(d, ld_be32(d->packet + 2), count, CD_RAW_SECTOR);
        break;
    default:
        illegal_field(d);
    }
}

static void cmd_seek(struct ide_drive *d)
{
    if (ld_be32(d->packet + 2) < total_blocks(d)) {
        packet_done(d);
    } else {
        packet_failed(d, SENSE_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE, 0);
    }
}

/* --- what the drive and its medium are ---------------------------------------------------------- */

static void cmd_test_unit_ready(struct ide_drive *d)
{
    packet_done(d);
}

static void cmd_request_sense(struct ide_drive *d)
{
    if (!d->sense_key && d->unit_attention) {
        set_sense(d, SENSE_UNIT_ATTENTION, d->media_changed ? ASC_MEDIUM_CHANGED : ASC_RESET, 0);
    }
    d->unit_attention &= d->sense_key != SENSE_UNIT_ATTENTION; /* told now */
    memset(d->buf, 0, 18);
    d->buf[0] = 0x70;
    d->buf[2] = d->sense_key;
    d->buf[7] = 10;
    d->buf[12] = d->asc;
    d->buf[13] = d->ascq;
    set_sense(d, 0, 0, 0);
    reply(d, 18, d->packet[4]);
}

static void put_text(uint8_t *p, const char *text, unsigned len)
{
    memset(p, ' ', len);
    memcpy(p, text, MIN(strlen(text), (size_t)len));
}

static void cmd_inquiry(struct ide_drive *d)
{
    if (d->packet[1] & 1) {
        illegal_field(d); /* no vital product data */
        return;
    }
    memset(d->buf, 0, 36);
    d->buf[0] = 5;    /* CD-ROM */
    d->buf[1] = 0x80; /* removable */
    d->buf[3] = 0x21;
    d->buf[4] = 31;
    put_text(d->buf + 8, "DOPPEL", 8);
    put_text(d->buf + 16, "DVD-ROM", 16);
    put_text(d->buf + 32, "0.1", 4);
    reply(d, 36, ld_be16(d->packet + 3));
}

static void cmd_read_capacity(struct ide_drive *d)
{
    st_be32(d->buf, total_blocks(d) - 1);
    st_be32(d->buf + 4, CD_SECTOR);
    reply(d, 8, 8);
}

static uint8_t *toc_track(uint8_t *p, uint8_t track, uint32_t lba, bool msf)
{
    memset(p, 0, 8);
    p[1] = 0x14; /* data track */
    p[2] = track;
    if (msf) {
        put_msf(p + 5, lba);
    } else {
        st_be32(p + 4, lba);
    }
    return p + 8;
}

static void cmd_read_toc(struct ide_drive *d)
{
    bool msf = d->packet[1] & 2;
    unsigned format = d->packet[2] & 0xf ? d->packet[2] & 0xf : d->packet[9] >> 6;
    uint8_t start = d->packet[6], *p = d->buf + 4;

    if (format > 1 || (format == 0 && start > 1 && start != 0xaa)) {
        illegal_field(d);
        return;
    }
    d->buf[2] = d->buf[3] = 1; /* first and last track, or session */
    if (format == 1 || start <= 1) {
        p = toc_track(p, 1, 0, msf);
    }
    if (format == 0) {
        p = toc_track(p, 0xaa, total_blocks(d), msf);
    }
    st_be16(d->buf, (uint16_t)(p - d->buf - 2));
    reply(d, (uint32_t)(p - d->buf), ld_be16(d->packet + 7));
}

static void cmd_get_configuration(struct ide_drive *d)
{
    bool dvd = block_present(d->blk) && total_blocks(d) > CD_MAX;
    uint8_t *p = d->buf;
    uint16_t profile = !ready(d) ? 0 : dvd ? 0x10 : 0x08;

    memset(p, 0, 64);
    st_be16(p + 6, profile);
    st_be16(p + 8, 0x0000); /* feature: profile list */
    p[10] = 3;
    p[11] = 8;
    st_be16(p + 12, 0x0010);
    p[14] = profile == 0x10;
    st_be16(p + 16, 0x0008);
    p[18] = profile == 0x08;
    st_be16(p + 20, 0x0001); /* feature: core */
    p[22] = 0x0b;
    p[23] = 8;
    st_be32(p + 24, 2); /* ATAPI */
    p[28] = 1;
    st_be16(p + 32, 0x0003); /* feature: removable medium */
    p[34] = 0x0b;
    p[35] = 4;
    p[36] = 0x29; /* tray, can eject, can lock */
    st_be32(p, 40 - 4);
    reply(d, 40, ld_be16(d->packet + 7));
}

/* GET EVENT STATUS NOTIFICATION, polled only: media events. */
static void cmd_event_status(struct ide_drive *d)
{
    bool media = d->packet[4] & 0x10;

    if (!(d->packet[1] & 1)) {
        illegal_field(d);
        return;
    }
    memset(d->buf, 0, 8);
    d->buf[3] = 0x10; /* events supported: media */
    d->buf[2] = media ? 4 : 0x80;
    st_be16(d->buf, media ? 6 : 2);
    if (media) {
        d->buf[4] = d->media_changed ? (ready(d) ? 2 : 3) : d->eject_requested;
        d->buf[5] = (uint8_t)(d->tray_open | block_present(d->blk) << 1);
        d->eject_requested &= d->media_changed;
        d->media_changed = false;
    }
    reply(d, media ? 8 : 4, ld_be16(d->packet + 7));
}

static uint32_t put_mode_page(struct ide_drive *d, uint8_t page, uint8_t *p)
{
    if (page == 0x01) { /* error recovery */
        static const uint8_t data[8] = {0x01, 6, 0, 5};
        memcpy(p, data, 8);
        return 8;
    }
    if (page == 0x0e) { /* audio control */
        memset(p, 0, 16);
        p[0] = 0x0e;
        p[1] = 14;
        return 16;
    }
    memset(p, 0, 22); /* capabilities */
    p[0] = 0x2a;
    p[1] = 20;
    p[2] = 0x3b; /* reads CD-R, CD-RW, DVD-ROM */
    p[4] = 0x70; /* multi session, mode 2 */
    p[5] = 0x03;
    p[6] = (uint8_t)(0x29 | d->locked << 1);
    st_be16(p + 8, 706);
    st_be16(p + 10, 2);
    st_be16(p + 12, 512);
    st_be16(p + 14, 706);
    return 22;
}

static void cmd_mode_sense10(struct ide_drive *d)
{
    uint8_t page = d->packet[2] & 0x3f, control = d->packet[2] >> 6;
    static const uint8_t pages[] = {0x01, 0x0e, 0x2a};
    uint32_t len = 8;

    if (control == 3) {
        packet_failed(d, SENSE_ILLEGAL_REQUEST, ASC_SAVING_UNSUPPORTED, 0);
        return;
    }
    memset(d->buf, 0, 8);
    d->buf[2] = ready(d) ? 0x01 : 0x70;
    for (unsigned i = 0; i < ARRAY_SIZE(pages); i++) {
        if (page == 0x3f || page == pages[i]) {
            uint32_t n = put_mode_page(d, pages[i], d->buf + len);
            if (control == 1) {
                memset(d->buf + len + 2, 0, n - 2); /* nothing can be changed */
            }
            len += n;
        }
    }
    if (len == 8) {
        illegal_field(d);
        return;
    }
    st_be16(d->buf, (uint16_t)(len - 2));
    reply(d, len, ld_be16(d->packet + 7));
}

static void cmd_mechanism_status(struct ide_drive *d)
{
    memset(d->buf, 0, 8);
    d->buf[5] = 1; /* one slot */
    d->buf[1] = d->tray_open ? 0x10 : 0;
    reply(d, 8, ld_be16(d->packet + 8));
}

static void cmd_disc_information(struct ide_drive *d)
{
    memset(d->buf, 0, 34);
    st_be16(d->buf, 32);
    d->buf[2] = 0x0e; /* complete, last session complete */
    d->buf[3] = d->buf[4] = d->buf[5] = d->buf[6] = 1;
    d->buf[7] = 0x20;
    reply(d, 34, ld_be16(d->packet + 7));
}

static void cmd_read_dvd_structure(struct ide_drive *d)
{
    if (total_blocks(d) <= CD_MAX || d->packet[7] != 0 || d->packet[6] != 0) {
        illegal_field(d);
        return;
    }
    memset(d->buf, 0, 2052);
    st_be16(d->buf, 2050);
    d->buf[4] = 1;    /* DVD-ROM, version 1 */
    d->buf[5] = 0x0f; /* 120 mm, no maximum rate */
    d->buf[6] = 1;    /* one layer, embossed */
    st_be32(d->buf + 8, 0x30000);
    st_be32(d->buf + 12, 0x30000 + total_blocks(d) - 1);
    reply(d, 2052, ld_be16(d->packet + 8));
}

/* --- tray and lock ---------------------------------------------------------------------------- */

static void cmd_prevent_removal(struct ide_drive *d)
{
    d->locked = d->packet[4] & 1;
    packet_done(d);
}

static void cmd_start_stop(struct ide_drive *d)
{
    bool eject = d->packet[4] & 2, start = d->packet[4] & 1;

    if (eject && !start && d->locked) {
        packet_failed(d, block_present(d->blk) ? SENSE_ILLEGAL_REQUEST : SENSE_NOT_READY,
                      ASC_REMOVAL_PREVENTED, 2);
        return;
    }
    if (eject) {
        if (d->tray_open == start) {
            block_tray_moved(d->blk, !start);
        }
        d->tray_open = !start;
        d->media_changed = true;
        d->unit_attention |= start && block_present(d->blk);
    }
    packet_done(d);
}

static void cmd_set_speed(struct ide_drive *d)
{
    packet_done(d); /* as fast as the host is */
}

static void medium_changed(void *opaque)
{
    struct ide_drive *d = opaque;

    d->media_changed = d->unit_attention = true;
    if (d->cdrom) {
        set_sense(d, SENSE_UNIT_ATTENTION, ASC_MEDIUM_CHANGED, 0);
    }
}

static bool tray_locked(void *opaque)
{
    struct ide_drive *d = opaque;
    return d->locked;
}

static bool tray_open(void *opaque)
{
    struct ide_drive *d = opaque;
    return d->tray_open;
}

/* The user has moved it: by the button, or with force. */
static void set_tray(void *opaque, bool open)
{
    struct ide_drive *d = opaque;

    d->tray_open = open;
    d->eject_requested = false;
    medium_changed(d);
}

static void eject_request(void *opaque, bool force)
{
    struct ide_drive *d = opaque;

    d->eject_requested = true;
    if (force) {
        d->locked = false;
    }
}

const struct block_device_ops ide_cd_ops = {.media_changed = medium_changed,
                                            .tray_locked = tray_locked,
                                            .tray_open = tray_open,
                                            .set_tray = set_tray,
                                            .eject_request = eject_request};

/* --- dispatch --------------------------------------------------------------------------------- */

enum { NEEDS_MEDIUM = 1, IGNORES_ATTENTION = 2 };

static const struct packet_command {
    uint8_t code, flags;
    void (*run)(struct ide_drive *d);
} packet_commands[] = {
    {0x00, NEEDS_MEDIUM, cmd_test_unit_ready},
    {0x03, IGNORES_ATTENTION, cmd_request_sense},
    {0x12, IGNORES_ATTENTION, cmd_inquiry},
    {0x1b, 0, cmd_start_stop},
    {0x1e, 0, cmd_prevent_removal},
    {0x25, NEEDS_MEDIUM, cmd_read_capacity},
    {0x28, NEEDS_MEDIUM, cmd_read10},
    {0x2b, NEEDS_MEDIUM, cmd_seek},
    {0x43, NEEDS_MEDIUM, cmd_read_toc},
    {0x46, IGNORES_ATTENTION, cmd_get_configuration},
    {0x4a, IGNORES_ATTENTION, cmd_event_status},
    {0x51, NEEDS_MEDIUM, cmd_disc_information},
    {0x5a, 0, cmd_mode_sense10},
    {0xa8, NEEDS_MEDIUM, cmd_read12},
    {0xad, NEEDS_MEDIUM, cmd_read_dvd_structure},
    {0xbb, 0, cmd_set_speed},
    {0xbd, 0, cmd_mechanism_status},
    {0xbe, NEEDS_MEDIUM, cmd_read_cd},
};

static const struct packet_command *find_packet_command(uint8_t code)
{
    for (unsigned i = 0; i < ARRAY_SIZE(packet_commands); i++) {
        if (packet_commands[i].code == code) {
            return &packet_commands[i];
        }
    }
    return NULL;
}

static void run_packet(struct ide_drive *d)
{
    const struct packet_command *c = find_packet_command(d->packet[0]);

    TRACE(atapi_packet, "command %#x", d->packet[0]);
    if (c && !(c->flags & IGNORES_ATTENTION) && d->unit_attention) {
        d->unit_attention = false;
        packet_failed(d, SENSE_UNIT_ATTENTION, d->media_changed ? ASC_MEDIUM_CHANGED : ASC_RESET,
                      0);
    } else if (!c) {
        packet_failed(d, SENSE_ILLEGAL_REQUEST, ASC_INVALID_OPCODE, 0);
    } else if ((c->flags & NEEDS_MEDIUM) && !ready(d)) {
        packet_failed(d, SENSE_NOT_READY, ASC_NO_MEDIUM, d->tray_open ? 2 : 1);
    } else {
        if (d->packet[0] != 0x03) {
            set_sense(d, 0, 0, 0);
        }
        c->run(d);
    }
}

static void cmd_packet(struct ide_drive *d)
{
    if (d->feature[0] & 2) {
        ide_fail(d, IDE_ERR_ABRT); /* overlap */
        return;
    }
    d->packet_dma = (d->feature[0] & 1) && d->channel->dma;
    d->byte_limit = (uint16_t)(d->lba_mid[0] | d->lba_high[0] << 8);
    d->nsector[0] = REASON_COMMAND;
    ide_begin_pio(d, IDE_PACKET, 0, sizeof(d->packet));
}

static void cmd_identify_packet(struct ide_drive *d)
{
    uint16_t w[256];

    ide_identify(d, w);
    w[0] = 0x85c0; /* ATAPI CD-ROM, removable, 12-byte packets, DRQ within 50 us */
    w[82] = 1 << 14 | 1 << 9 | 1 << 4; /* NOP, DEVICE RESET, PACKET */
    w[85] = w[82];
    for (unsigned i = 0; i < 256; i++) {
        st_le16(d->buf + 2 * i, w[i]);
    }
    d->packet_dma = false;
    d->left = 0;
    d->filled = 512;
    ide_begin_pio(d, IDE_PIO_IN, 0, 512);
    ide_raise_irq(d);
}

static void cmd_features(struct ide_drive *d)
{
    uint8_t kind = d->nsector[0] >> 3;

    if (d->feature[0] == 0x03 && (kind < 2 || kind == 4 || kind == 8)) {
        d->dma_mode = kind >= 4 ? d->nsector[0] : 0;
        ide_done(d);
    } else if (d->feature[0] == 0x66 || d->feature[0] == 0xcc) {
        ide_done(d);
    } else {
        ide_fail(d, IDE_ERR_ABRT);
    }
}

/* `cmd` 0 and a packet received: run it. */
void ide_atapi_command(struct ide_drive *d, uint8_t cmd)
{
    d->lba48 = false;
    d->block = BLOCK_SECTOR;
    switch (cmd) {
    case 0x00:
        if (d->phase == IDE_BUSY) {
            run_packet(d);
        } else {
            ide_fail(d, IDE_ERR_ABRT);
        }
        break;
    case 0xa0:
        cmd_packet(d);
        break;
    case 0xa1:
        cmd_identify_packet(d);
        break;
    case 0xe0: /* power */
    case 0xe1:
    case 0xe6:
        ide_done(d);
        break;
    case 0xe5:
        d->nsector[0] = 0xff;
        ide_done(d);
        break;
    case 0xef:
        cmd_features(d);
        break;
    default:
        /* A disk's IDENTIFY and READ show that it is none. */
        ide_set_signature(d);
        ide_fail(d, IDE_ERR_ABRT);
    }
}
