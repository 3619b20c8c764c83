/* SPDX-License-Identifier: MIT */
/*
 * Linux images (Documentation/x86/boot.rst, zero-page.rst). By the 32-bit boot protocol the kernel's
 * real-mode part is not run, what it would have asked the BIOS is put into the zero page. Through
 * firmware the real-mode part is what starts: for kernels that shall use the screen, for old ones, and
 * for programs that only look like Linux and live on BIOS calls (iPXE, memdisk).
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
    VID_MODE = 0x1fa,
    BOOT_FLAG = 0x1fe,
    HEADER_JUMP = 0x201, /* its distance ends the header */
    HEADER_MAGIC = 0x202,
    VERSION = 0x206,
    TYPE_OF_LOADER = 0x210,
    LOADFLAGS = 0x211,
    CODE32_START = 0x214,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21c,
    HEAP_END_PTR = 0x224,
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

#define LOADED_HIGH       0x01
#define CAN_USE_HEAP      0x80
#define LOADER_UNDEFINED  0xff
#define PROTOCOL_DIRECT   0x0208 /* Linux 2.6.26; what else calls itself Linux is older */
#define PROTOCOL_CMDLINE  0x0202 /* the command line's address has a field */
#define PROTOCOL_MIN      0x0200
#define KERNEL_ADDR       0x100000u
#define SETUP_MAX         0x8000u
#define LOW_KERNEL_ADDR   0x10000u /* zImage */
#define OLD_SETUP_ADDR    0x90000u /* of setup parts that cannot be elsewhere */
#define OLD_CMDLINE_ADDR  0x99800u
#define OLD_CMDLINE_MAGIC 0xa33f

static int place_cmdline(struct boot_plan *plan, uint8_t *zp, unsigned version, uint32_t addr,
                         struct error **err)
{
    const char *text = plan->cfg->append ? plan->cfg->append : "";
    size_t max = version >= 0x0206 ? ld_le32(zp + CMDLINE_SIZE) : 255;

    if (strlen(text) > MIN(max, (size_t)BOOT_CMDLINE_MAX - 1)) {
        error_set(err, "-append: %zu characters, this kernel takes %zu", strlen(text), max);
        return -E2BIG;
    }
    if (version >= PROTOCOL_CMDLINE) {
        st_le32(zp + CMD_LINE_PTR, addr);
    }
    return boot_copy(plan, addr, text, strlen(text) + 1, "-append", err);
}

/* As high as the kernel allows, so that it is out of the way of decompression. */
static int place_initrd(struct boot_plan *plan, uint8_t *zp, uint64_t kernel_end,
                        struct error **err)
{
    struct boot_file initrd;
    uint64_t max = ld_le16(zp + VERSION) >= 0x0203 ? ld_le32(zp + INITRD_ADDR_MAX) : 0;

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

/* --- which way ------------------------------------------------------------------------------------ */

/* Consoles that are no screen. */
static bool is_line_console(const char *name)
{
    static const char *const names[] = {"ttyS", "uart", "hvc", "ttyUSB", "lp", "null"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (g_str_has_prefix(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* A kernel told to talk to serial ports only has no use for a screen; one without ACPI looks for the
 * tables older firmware has (MP, PCI IRQ routing). */
static bool wants_firmware(const struct boot_plan *plan)
{
    const char *append = plan->cfg->append ? plan->cfg->append : "";
    char **words = g_strsplit(append, " ", -1);
    bool lines = false, screens = false, acpi = plan->cfg->acpi;

    for (char **w = words; *w; w++) {
        if (g_str_has_prefix(*w, "console=")) {
            bool line = is_line_console(*w + strlen("console="));
            lines |= line;
            screens |= !line;
        }
        screens |= g_str_has_prefix(*w, "vga=") || g_str_has_prefix(*w, "earlyprintk=vga");
        acpi &= strcmp(*w, "acpi=off") != 0;
    }
    g_strfreev(words);
    return !acpi || (plan->screen && (screens || !lines));
}

bool boot_linux_needs_firmware(const struct boot_plan *plan, const struct boot_file *kernel)
{
    return is_bzimage(kernel) && (ld_le16(kernel->data + VERSION) < PROTOCOL_DIRECT ||
                                  !(kernel->data[LOADFLAGS] & LOADED_HIGH) || wants_firmware(plan));
}

/* --- directly ----------------------------------------------------------------------------------- */

static int boot_directly(struct boot_plan *plan, const struct boot_file *kernel, size_t setup,
                         struct cpu_boot_state *regs, struct error **err)
{
    uint8_t zp[ZP_SIZE] = {0};
    unsigned version = ld_le16(kernel->data + VERSION);
    size_t header_end = HEADER_JUMP + 1u + kernel->data[HEADER_JUMP];
    size_t payload = kernel->len - setup;

    memcpy(zp + SETUP_SECTS, kernel->data + SETUP_SECTS, header_end - SETUP_SECTS);
    zp[TYPE_OF_LOADER] = LOADER_UNDEFINED;
    st_le32(zp + CODE32_START, KERNEL_ADDR);
    if (version >= 0x020e) {
        st_le64(zp + ZP_ACPI_RSDP, plan->rsdp);
    }
    put_e820(plan, zp);
    if (boot_place(plan, KERNEL_ADDR, kernel->data + setup, payload, "the kernel", err) < 0 ||
        place_cmdline(plan, zp, version, BOOT_CMDLINE_ADDR, err) < 0 ||
        place_initrd(plan, zp, kernel_span(zp, version, payload), err) < 0 ||
        boot_copy(plan, BOOT_INFO_ADDR, zp, sizeof(zp), "boot parameters", err) < 0) {
        return -EINVAL;
    }
    regs->eip = KERNEL_ADDR;
    regs->esi = BOOT_INFO_ADDR;
    return 1;
}

/* --- by the setup part -------------------------------------------------------------------------- */

/* The boot loader's part of "vga=": the mode goes into the header. */
static void put_video_mode(const char *append, uint8_t *header)
{
    const char *at = append ? strstr(append, "vga=") : NULL;

    if (!at || (at != append && at[-1] != ' ')) {
        return;
    }
    at += strlen("vga=");
    uint16_t mode = g_str_has_prefix(at, "normal") ? 0xffff
                    : g_str_has_prefix(at, "ext")  ? 0xfffe
                    : g_str_has_prefix(at, "ask")  ? 0xfffd
                                                   : (uint16_t)strtoul(at, NULL, 0);
    st_le16(header + VID_MODE, mode);
}

struct setup_place {
    uint32_t setup, cmdline, kernel;
};

static void fill_header(const struct boot_plan *plan, uint8_t *setup, const struct setup_place *at)
{
    unsigned version = ld_le16(setup + VERSION);

    setup[TYPE_OF_LOADER] = LOADER_UNDEFINED;
    put_video_mode(plan->cfg->append, setup);
    if (version >= 0x0201) {
        setup[LOADFLAGS] |= CAN_USE_HEAP;
        st_le16(setup + HEAP_END_PTR, (uint16_t)(at->cmdline - at->setup - 0x200));
    }
    if (version < PROTOCOL_CMDLINE) {
        st_le16(setup + 0x20, OLD_CMDLINE_MAGIC);
        st_le16(setup + 0x22, (uint16_t)(at->cmdline - at->setup));
    }
}

static int boot_by_setup(struct boot_plan *plan, const struct boot_file *kernel, size_t setup_len,
                         struct error **err)
{
    static const struct setup_place anywhere = {BOOT_SETUP_ADDR, BOOT_SETUP_CMDLINE_ADDR, KERNEL_ADDR};
    struct setup_place at = {OLD_SETUP_ADDR, OLD_CMDLINE_ADDR, LOW_KERNEL_ADDR};
    unsigned version = ld_le16(kernel->data + VERSION);
    bool high = kernel->data[LOADFLAGS] & LOADED_HIGH;
    size_t payload = kernel->len - setup_len;

    if (high) {
        at.kernel = KERNEL_ADDR;
    }
    if (high && version >= PROTOCOL_CMDLINE) {
        at = anywhere;
    }
    const struct boot_vector v = {.real_segment = (uint16_t)(at.setup >> 4),
                                  .sp = (uint16_t)(at.cmdline - at.setup - 0x10)};
    uint8_t *setup = g_memdup2(kernel->data, setup_len);
    fill_header(plan, setup, &at);
    int ret = boot_place(plan, at.kernel, kernel->data + setup_len, payload, "the kernel", err);
    if (ret == 0) {
        ret = place_cmdline(plan, setup, version, at.cmdline, err);
    }
    if (ret == 0) {
        ret = place_initrd(plan, setup, kernel_span(setup, version, payload), err);
    }
    if (ret == 0) {
        ret = boot_copy(plan, at.setup, setup, setup_len, "the kernel's setup part", err);
    }
    g_free(setup);
    return ret < 0 || boot_put_vector(plan, &v, err) < 0 ? -EINVAL : 1;
}

int boot_linux(struct boot_plan *plan, const struct boot_file *kernel, struct cpu_boot_state *regs,
               struct error **err)
{
    if (!is_bzimage(kernel)) {
        return 0;
    }
    unsigned version = ld_le16(kernel->data + VERSION);
    unsigned sectors = kernel->data[SETUP_SECTS] ? kernel->data[SETUP_SECTS] : 4;
    size_t setup = (sectors + 1) * 512u;
    if (version < PROTOCOL_MIN || setup >= kernel->len || setup > SETUP_MAX) {
        error_set(err, "kernel '%s': boot protocol %u.%02u is too old or the image is cut short",
                  kernel->name, version >> 8, version & 0xff);
        return -EINVAL;
    }
    return plan->firmware ? boot_by_setup(plan, kernel, setup, err)
                          : boot_directly(plan, kernel, setup, regs, err);
}
