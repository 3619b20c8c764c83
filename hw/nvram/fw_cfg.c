/* SPDX-License-Identifier: MIT */
/*
 * Firmware configuration device at ports 510h to 51Bh, with DMA. The interface is the one QEMU
 * publishes in docs/specs/fw_cfg.rst; files are read-only (no item of ours asks to be written).
 */
#include "hw/nvram/fw_cfg.h"

#include <glib.h>
#include <inttypes.h>

#include "hw/core/device.h"
#include "hw/core/memory.h"
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

#define FW_CFG_PORT       0x510
#define FW_CFG_FILE_FIRST 0x20
#define FW_CFG_FILES      256
#define FW_CFG_FILE_NAME  56
#define FW_CFG_WRITE_BIT  0x4000
#define FW_CFG_ARCH_BIT   0x8000
#define FW_CFG_KEYS       (FW_CFG_FILE_FIRST + FW_CFG_FILES)

#define FW_CFG_VERSION_TRADITIONAL 1u
#define FW_CFG_VERSION_DMA         2u

/* The control word of a DMA request. */
#define FW_CFG_DMA_ERROR  0x01u
#define FW_CFG_DMA_READ   0x02u
#define FW_CFG_DMA_SKIP   0x04u
#define FW_CFG_DMA_SELECT 0x08u
#define FW_CFG_DMA_WRITE  0x10u

#define FW_CFG_DMA_SIGNATURE 0x51454d5520434647ull /* "QEMU CFG" */

struct fw_cfg_item {
    uint8_t *data;
    uint32_t len;
};

/* Also the layout of a directory entry, big endian. */
struct fw_cfg_file {
    uint8_t size[4];
    uint8_t select[2];
    uint8_t reserved[2];
    char name[FW_CFG_FILE_NAME];
};

struct fw_cfg {
    struct isa_device isa;
    struct mem_region io, dma;
    struct fw_cfg_item items[2][FW_CFG_KEYS]; /* [1]: keys with the arch bit */
    struct fw_cfg_file files[FW_CFG_FILES];   /* by name: the directory is sorted */
    uint32_t n_files;
    uint16_t hook_key;
    void (*hook)(void); /* on selection of hook_key */
    uint16_t key;
    uint32_t offset;   /* of the next byte in the selected item */
    uint64_t dma_addr; /* upper half, until the lower is written */
};

static struct fw_cfg *fw_cfg_of(struct device *dev)
{
    return container_of(dev, struct fw_cfg, isa.dev);
}

/* NULL for a key nothing can be behind. */
static struct fw_cfg_item *item_of(struct fw_cfg *s, uint16_t key)
{
    unsigned n = key & (uint16_t) ~(FW_CFG_ARCH_BIT | FW_CFG_WRITE_BIT);
    return n < FW_CFG_KEYS ? &s->items[!!(key & FW_CFG_ARCH_BIT)][n] : NULL;
}

/* --- the machine's side ------------------------------------------------------------------- */

void fw_cfg_add(struct device *dev, uint16_t key, const void *data, size_t len)
{
    struct fw_cfg_item *item = item_of(fw_cfg_of(dev), key);

    assert(item && len <= UINT32_MAX);
    g_free(item->data);
    item->data = g_memdup2(data, len);
    item->len = (uint32_t)len;
}

void fw_cfg_add_u16(struct device *dev, uint16_t key, uint16_t value)
{
    uint8_t buf[2];

    st_le16(buf, value);
    fw_cfg_add(dev, key, buf, sizeof(buf));
}

void fw_cfg_add_u32(struct device *dev, uint16_t key, uint32_t value)
{
    uint8_t buf[4];

    st_le32(buf, value);
    fw_cfg_add(dev, key, buf, sizeof(buf));
}

void fw_cfg_add_u64(struct device *dev, uint16_t key, uint64_t value)
{
    uint8_t buf[8];

    st_le64(buf, value);
    fw_cfg_add(dev, key, buf, sizeof(buf));
}

void fw_cfg_add_string(struct device *dev, uint16_t key, const char *text)
{
    fw_cfg_add(dev, key, text, strlen(text) + 1);
}

static void publish_directory(struct fw_cfg *s)
{
    size_t len = 4 + s->n_files * sizeof(s->files[0]);
    uint8_t *dir = g_malloc(len);

    st_be32(dir, s->n_files);
    memcpy(dir + 4, s->files, len - 4);
    fw_cfg_add(&s->isa.dev, FW_CFG_FILE_DIR, dir, len);
    g_free(dir);
}

static struct fw_cfg_file *find_file(struct fw_cfg *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_files; i++) {
        if (!strcmp(s->files[i].name, name)) {
            return &s->files[i];
        }
    }
    return NULL;
}

/* Keys keep to their files: a new name gets the next key, whatever its place in the order. */
static struct fw_cfg_file *new_file(struct fw_cfg *s, const char *name)
{
    uint32_t at = s->n_files;

    assert(s->n_files < FW_CFG_FILES && strlen(name) < FW_CFG_FILE_NAME);
    while (at > 0 && strcmp(s->files[at - 1].name, name) > 0) {
        s->files[at] = s->files[at - 1];
        at--;
    }
    s->files[at] = (struct fw_cfg_file){0};
    strcpy(s->files[at].name, name);
    st_be16(s->files[at].select, (uint16_t)(FW_CFG_FILE_FIRST + s->n_files++));
    return &s->files[at];
}

void fw_cfg_add_file(struct device *dev, const char *name, const void *data, size_t len)
{
    struct fw_cfg *s = fw_cfg_of(dev);
    struct fw_cfg_file *file = find_file(s, name);

    if (!file) {
        file = new_file(s, name);
    }
    st_be32(file->size, (uint32_t)len);
    fw_cfg_add(dev, ld_be16(file->select), data, len);
    publish_directory(s);
}

const void *fw_cfg_file_data(struct device *dev, const char *name, size_t *len)
{
    struct fw_cfg *s = fw_cfg_of(dev);
    struct fw_cfg_file *file = find_file(s, name);

    if (!file) {
        return NULL;
    }
    struct fw_cfg_item *item = item_of(s, ld_be16(file->select));
    *len = item->len;
    return item->data;
}

void fw_cfg_set_select_hook(struct device *dev, uint16_t key, void (*hook)(void))
{
    struct fw_cfg *s = fw_cfg_of(dev);

    assert(!s->hook || s->hook_key == key);
    s->hook_key = key;
    s->hook = hook;
}

/* --- the guest's side ----------------------------------------------------------------------- */

static void select_key(struct fw_cfg *s, uint16_t key)
{
    TRACE(fw_cfg_select, "key %#x", key);
    s->key = key;
    s->offset = 0;
    if (s->hook && key == s->hook_key) {
        s->hook();
    }
}

/* Up to len bytes of the selected item from the current offset on; what is behind its end is 0. */
static uint32_t take(struct fw_cfg *s, const uint8_t **data, uint32_t len)
{
    const struct fw_cfg_item *item = item_of(s, s->key);
    uint32_t n = item && s->offset < item->len ? MIN(len, item->len - s->offset) : 0;

    *data = n ? item->data + s->offset : NULL;
    s->offset += n;
    return n;
}

static uint64_t io_read(void *opaque, uint64_t off, unsigned size)
{
    const uint8_t *byte;

    if (off != 1) {
        return 0; /* the selector is write-only */
    }
    return take(opaque, &byte, 1) ? *byte : 0;
}

static void io_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    if (off == 0) {
        select_key(opaque, (uint16_t)val);
    }
    /* Writes to the data port have had no effect since the interface's version 2.4. */
}

static bool dma_copy_out(struct fw_cfg *s, gpa_t addr, uint32_t len)
{
    const uint8_t *data;
    uint32_t n = take(s, &data, len);
    unsigned ret = n ? addr_space_write(&as_memory, addr, data, n) : 0;

    if (n < len) {
        ret |= addr_space_set(&as_memory, addr + n, 0, len - n);
    }
    return ret == MEM_RESULT_OK;
}

static void dma_run(struct fw_cfg *s, gpa_t at)
{
    uint8_t req[16];

    if (addr_space_read(&as_memory, at, req, sizeof(req)) != MEM_RESULT_OK) {
        guest_error("fw_cfg: DMA request at %#" PRIx64 " is not in memory", at);
        addr_space_stl_be(&as_memory, at, FW_CFG_DMA_ERROR);
        return;
    }
    uint32_t control = ld_be32(req), len = ld_be32(req + 4), result = 0;
    const uint8_t *skipped;

    if (control & FW_CFG_DMA_SELECT) {
        select_key(s, (uint16_t)(control >> 16));
    }
    if (control & FW_CFG_DMA_READ) {
        result = dma_copy_out(s, ld_be64(req + 8), len) ? 0 : FW_CFG_DMA_ERROR;
    } else if (control & FW_CFG_DMA_WRITE) {
        result = FW_CFG_DMA_ERROR;
    } else if (control & FW_CFG_DMA_SKIP) {
        take(s, &skipped, len);
    }
    addr_space_stl_be(&as_memory, at, result);
}

/* Big endian registers on a little endian bus. */
static uint64_t dma_read(void *opaque, uint64_t off, unsigned size)
{
    uint64_t v = FW_CFG_DMA_SIGNATURE >> (8 * (8 - off - size)) & mask64(size * 8);
    uint8_t buf[8];

    st_be64(buf, v << (64 - size * 8));
    return ld_le64(buf) & mask64(size * 8);
}

static void dma_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct fw_cfg *s = opaque;
    uint32_t be = __builtin_bswap32((uint32_t)val);

    if (size != 4) {
        return;
    }
    if (off == 0) {
        s->dma_addr = (uint64_t)be << 32;
    } else {
        gpa_t at = s->dma_addr | be;
        s->dma_addr = 0;
        dma_run(s, at);
    }
}

static const struct mem_ops io_ops = {
    .read = io_read,
    .write = io_write,
    .valid = {1, 2, true},
    .impl = {1, 2, true},
};

static const struct mem_ops dma_ops = {
    .read = dma_read,
    .write = dma_write,
    .valid = {1, 8, false},
    .impl = {1, 4, false},
    .flags = MEM_OPS_REENTRANT,
};

/* --- life ----------------------------------------------------------------------------------- */

static int fw_cfg_realize(struct device *dev, struct error **err)
{
    struct fw_cfg *s = fw_cfg_of(dev);

    mem_region_init_io(&s->io, "fw_cfg", 2, &io_ops, s);
    mem_region_init_io(&s->dma, "fw_cfg-dma", 8, &dma_ops, s);
    isa_register_ioport(&s->isa, &s->io, FW_CFG_PORT);
    isa_register_ioport(&s->isa, &s->dma, FW_CFG_PORT + 4);
    fw_cfg_add(dev, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_add_u32(dev, FW_CFG_ID, FW_CFG_VERSION_TRADITIONAL | FW_CFG_VERSION_DMA);
    publish_directory(s);
    return 0;
}

static void fw_cfg_unrealize(struct device *dev)
{
    struct fw_cfg *s = fw_cfg_of(dev);

    isa_unregister_ioport(&s->isa, &s->io);
    isa_unregister_ioport(&s->isa, &s->dma);
    mem_region_fini(&s->io);
    mem_region_fini(&s->dma);
    for (unsigned arch = 0; arch < 2; arch++) {
        for (unsigned i = 0; i < FW_CFG_KEYS; i++) {
            g_free(s->items[arch][i].data);
        }
    }
}

static void fw_cfg_reset(struct device *dev, enum reset_kind kind)
{
    struct fw_cfg *s = fw_cfg_of(dev);

    select_key(s, FW_CFG_SIGNATURE);
    s->dma_addr = 0;
}

/* Items are made again by the machine from the same command line. */
static const struct vmstate fw_cfg_vmstate = {
    .name = "fw_cfg",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U16(struct fw_cfg, key),
            VM_U32(struct fw_cfg, offset),
            VM_U64(struct fw_cfg, dma_addr),
            VM_END,
        },
};

DEVICE_DEFINE(fw_cfg, .name = "fw_cfg", .bus = BUS_ISA, .help = "firmware configuration device",
              .state_size = sizeof(struct fw_cfg), .vmstate = &fw_cfg_vmstate, .no_user = true,
              .realize = fw_cfg_realize, .unrealize = fw_cfg_unrealize, .reset = fw_cfg_reset);
