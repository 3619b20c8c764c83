/* SPDX-License-Identifier: MIT */
/*
 * Linux bzImage by the 32-bit boot protocol (Documentation/x86/boot.rst, zero-page.rst): the kernel's
 * real-mode part is not run, what it would have asked the BIOS is put into the zero page.
 */
#include "hw/machine/boot.h"

#include <errno.h>
#include <inttypes.h>

#include "system/cpu_boot.h"
#include "util/error.h"

/* Offsets in the setup header, which starts at 1F1h in the image and in the zero page alike. */
enum {
    SETUP_SECTS = 0x1f1,
    SYSSIZE = 0x1f4,
    BOOT_FLAG = 0x1fe,
    HEADER_JUMP = 0x201, /* its distance ends the header */
    HEADER_MAGIC = 0x202,
    VERSION = 0x206,
    TYPE_OF_LOADER = 0x210,
    LOADFLAGS = 0x211,
    CODE32_START = 0x214,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21c,
    CMD_LINE_PTR = 0x228,
    INITRD_ADDR_MAX = 0x22c,
    CMDLINE_SIZE = 0x238,
    INIT_SIZE = 0x260,
    PREF_ADDRESS = 0x258,
    /* zero page only */
    ZP_ACPI_RSDP = 0x070,
    ZP_EXT_MEM_K = 0x1e0,
    ZP_E820_ENTRIES = 0x1e8,
    ZP_E820_TABLE = 0x2d0,
    ZP_SIZE = 0x1000,
};

#define LOADED_HIGH      0x01
#define LOADER_UNDEFINED 0xff
#define PROTOCOL_MIN     0x0204 /* payload size in 32 bits: Linux 2.6.14 and later */
#define KERNEL_ADDR      0x100000u

static int place_cmdline(struct boot_plan *plan, uint8_t *zp, unsigned version, struct error **err)
{
    const char *text = plan->cfg->append ? plan->cfg->append : "";
    size_t max = version >= 0x0206 ? ld_le32(zp + CMDLINE_SIZE) : 255;

    if (strlen(text) > MIN(max, (size_t)BOOT_CMDLINE_MAX - 1)) {
        error_set(err, "-append: %zu characters, this kernel takes %zu", strlen(text), max);
        return -E2BIG;
    }
    st_le32(zp + CMD_LINE_PTR, BOOT_CMDLINE_ADDR);
    return boot_copy(plan, BOOT_CMDLINE_ADDR, text, strlen(text) + 1, "-append", err);
}

/* As high as the kernel allows, so that it is out of the way of decompression. */
static int place_initrd(struct boot_plan *plan, uint8_t *zp, uint64_t kernel_end,
                        struct error **err)
{
    struct boot_file initrd;
    uint64_t max = ld_le32(zp + INITRD_ADDR_MAX);

    if (!plan->cfg->initrd) {
        return 0;
    }
    if (boot_file_open(&initrd, plan->cfg->initrd, "initrd", err) < 0) {
        return -EINVAL;
    }
    uint64_t top = MIN(max ? max + 1 : MIB(896), plan->ram_top);
    uint64_t addr = initrd.len < top ? ALIGN_DOWN(top - initrd.len, KIB(4)) : 0;
    if (addr < kernel_end) {
        error_set(err,
                  "initrd '%s' (%zu MiB) does not fit into memory (%" PRIu64
                  " MiB) beside the kernel",
                  initrd.name, initrd.len >> 20, plan->cfg->ram_size >> 20);
        return -ENOMEM;
    }
    st_le32(zp + RAMDISK_IMAGE, (uint32_t)addr);
    st_le32(zp + RAMDISK_SIZE, (uint32_t)initrd.len);
    return boot_place(plan, addr, initrd.data, initrd.len, "initrd", err);
}

static void put_e820(const struct boot_plan *plan, uint8_t *zp)
{
    uint8_t *p = zp + ZP_E820_TABLE;

    for (unsigned i = 0; i < plan->n_e820; i++, p += 20) {
        st_le64(p, plan->e820[i].addr);
        st_le64(p + 8, plan->e820[i].len);
        st_le32(p + 16, plan->e820[i].type);
    }
    zp[ZP_E820_ENTRIES] = (uint8_t)plan->n_e820;
    st_le32(zp + ZP_EXT_MEM_K, (uint32_t)MIN((plan->ram_top >> 10) - 1024, (uint64_t)UINT32_MAX));
}

static bool is_bzimage(const struct boot_file *k)
{
    return k->len > 0x1000 && ld_le16(k->data + BOOT_FLAG) == 0xaa55 &&
           !memcmp(k->data + HEADER_MAGIC, "HdrS", 4);
}

/* Memory the kernel needs from its load address on until it has moved itself. */
static uint64_t kernel_span(const uint8_t *zp, unsigned version, size_t payload)
{
    uint64_t init_size = version >= 0x020a ? ld_le32(zp + INIT_SIZE) : 0;
    uint64_t pref = version >= 0x020a ? ld_le64(zp + PREF_ADDRESS) : KERNEL_ADDR;

    pref = MIN(pref, GIB(4));
    return MAX(MAX(pref, (uint64_t)KERNEL_ADDR) + init_size, (uint64_t)KERNEL_ADDR + payload);
}

int boot_linux(struct boot_plan *plan, const struct boot_file *kernel, struct cpu_boot_state *regs,
               struct error **err)
{
    uint8_t zp[ZP_SIZE] = {0};

    if (!is_bzimage(kernel)) {
        return 0;
    }
    unsigned version = ld_le16(kernel->data + VERSION);
    unsigned sectors = kernel->data[SETUP_SECTS] ? kernel->data[SETUP_SECTS] : 4;
    size_t setup = (sectors + 1) * 512u;
    if (version < PROTOCOL_MIN || !(kernel->data[LOADFLAGS] & LOADED_HIGH) ||
        setup >= kernel->len) {
        error_set(err, "kernel '%s': boot protocol %u.%02u is too old or the image is cut short",
                  kernel->name, version >> 8, version & 0xff);
        return -EINVAL;
    }
    size_t header_end = HEADER_JUMP + 1u + kernel->data[HEADER_JUMP];
    memcpy(zp + SETUP_SECTS, kernel->data + SETUP_SECTS, header_end - SETUP_SECTS);
    zp[TYPE_OF_LOADER] = LOADER_UNDEFINED;
    st_le32(zp + CODE32_START, KERNEL_ADDR);
    if (version >= 0x020e) {
        st_le64(zp + ZP_ACPI_RSDP, plan->rsdp);
    }
    put_e820(plan, zp);
    size_t payload = kernel->len - setup;
    if (boot_place(plan, KERNEL_ADDR, kernel->data + setup, payload, "the kernel", err) < 0 ||
        place_cmdline(plan, zp, version, err) < 0 ||
        place_initrd(plan, zp, kernel_span(zp, version, payload), err) < 0 ||
        boot_copy(plan, BOOT_INFO_ADDR, zp, sizeof(zp), "boot parameters", err) < 0) {
        return -EINVAL;
    }
    regs->eip = KERNEL_ADDR;
    regs->esi = BOOT_INFO_ADDR;
    return 1;
}
