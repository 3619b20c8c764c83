/* SPDX-License-Identifier: MIT */
/* Firmware of a PC: the ROM image, what it finds in CMOS and in fw_cfg. */
#include <errno.h>

#include "hw/core/boot_order.h"
#include "hw/machine/pc.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/timer/mc146818rtc.h"
#include "util/datafile.h"
#include "util/error.h"

#define FIRMWARE_DEFAULT "bios-256k.bin"
#define FIRMWARE_MAX     MIB(8)
#define LOW_BIOS_MAX     KIB(128)
#define OPTION_ROM_BASE  0xc0000u
#define OPTION_ROM_SIZE  0x20000u

static struct mem_region bios, bios_low, option_roms;

static int map_firmware(const uint8_t *image, size_t size, struct mem_region *pci_memory,
                        struct error **err)
{
    size_t low = MIN(size, (size_t)LOW_BIOS_MAX);

    if (mem_region_init_rom(&bios, "bios", size, err) < 0) {
        return -ENOMEM;
    }
    memcpy(ram_ptr(bios.ram), image, size);
    mem_region_add(pci_memory, GIB(4) - size, &bios);
    mem_region_init_alias(&bios_low, "bios-low", &bios, size - low, low);
    mem_region_add_overlap(pci_memory, MIB(1) - low, &bios_low, 1);
    return 0;
}

int pc_firmware_init(const struct machine_config *cfg, struct mem_region *pci_memory,
                     struct error **err)
{
    const char *name = cfg->bios ? cfg->bios : FIRMWARE_DEFAULT;
    size_t size;
    uint8_t *image = datafile_load(name, FIRMWARE_MAX, &size, err);
    int ret = image ? 0 : -ENOENT;

    if (image && (size == 0 || size % 65536)) {
        error_set(err, "firmware '%s' is no image of 64 KiB to 8 MiB in steps of 64 KiB", name);
        ret = -EINVAL;
    }
    if (ret == 0) {
        ret = map_firmware(image, size, pci_memory, err);
    }
    g_free(image);
    if (ret == 0) {
        ret = mem_region_init_ram(&option_roms, "option-roms", OPTION_ROM_SIZE, err);
    }
    if (ret == 0) {
        mem_region_add(pci_memory, OPTION_ROM_BASE, &option_roms);
    }
    return ret;
}

/* --- CMOS ------------------------------------------------------------------------------------- */

/* Registers as PC firmware uses them (Bochs and SeaBIOS). */
enum {
    CMOS_EQUIPMENT = 0x14,
    CMOS_BASE_LOW = 0x15,
    CMOS_EXT_LOW = 0x17,
    CMOS_EXT2_LOW = 0x30,
    CMOS_ABOVE_16M_LOW = 0x34,
    CMOS_BOOT_FLAGS = 0x38,
    CMOS_BOOT_ORDER = 0x3d,
    CMOS_ABOVE_4G_LOW = 0x5b,
    CMOS_CPU_COUNT = 0x5f,
};

static void put_word(struct device *rtc, unsigned at, uint64_t value)
{
    rtc_set_memory(rtc, at, (uint8_t)value);
    rtc_set_memory(rtc, at + 1, (uint8_t)(value >> 8));
}

/* Firmware's number of a boot device; 0: none. */
static uint8_t boot_device(char letter)
{
    switch (letter) {
    case 'a':
    case 'b':
        return 1;
    case 'c':
        return 2;
    case 'd':
        return 3;
    case 'n':
    case 'o':
    case 'p':
        return 4;
    }
    return 0;
}

void pc_put_boot_order(const char *order, struct device *rtc)
{
    uint8_t codes[3] = {0};
    unsigned n = 0;

    for (; *order && n < 3; order++) {
        codes[n] = boot_device(*order);
        n += codes[n] != 0;
    }
    rtc_set_memory(rtc, CMOS_BOOT_ORDER, (uint8_t)(codes[1] << 4 | codes[0]));
    rtc_set_memory(rtc, CMOS_BOOT_FLAGS, (uint8_t)(codes[2] << 4 | 1)); /* no floppy check */
}

void pc_cmos_init(const struct machine_config *cfg, uint64_t below_4g, const char *boot_order,
                  struct device *rtc)
{
    uint64_t ext = (below_4g >> 10) - 1024, high = cfg->ram_size - below_4g;

    put_word(rtc, CMOS_BASE_LOW, 640);
    put_word(rtc, CMOS_EXT_LOW, MIN(ext, (uint64_t)0xffff));
    put_word(rtc, CMOS_EXT2_LOW, MIN(ext, (uint64_t)0xffff));
    put_word(rtc, CMOS_ABOVE_16M_LOW,
             below_4g > MIB(16) ? MIN((below_4g - MIB(16)) >> 16, (uint64_t)0xffff) : 0);
    put_word(rtc, CMOS_ABOVE_4G_LOW, high >> 16);
    rtc_set_memory(rtc, CMOS_ABOVE_4G_LOW + 2, (uint8_t)(high >> 32));
    rtc_set_memory(rtc, CMOS_CPU_COUNT, (uint8_t)(cfg->smp.cpus - 1));
    rtc_set_memory(rtc, CMOS_EQUIPMENT, 0x06); /* coprocessor, PS/2 mouse */
    pc_put_boot_order(boot_order, rtc);
}

static struct device *boot_fw_cfg;
static bool boot_strict;

/* --- fw_cfg ----------------------------------------------------------------------------------- */

static uint8_t *put_e820(uint8_t *p, uint64_t addr, uint64_t len)
{
    st_le64(p, addr);
    st_le64(p + 8, len);
    st_le32(p + 16, 1); /* RAM; firmware adds what it reserves */
    return p + 20;
}

/* Without a list firmware goes by the letters in CMOS. HALT: nothing but what is listed. */
static void publish_boot_order(void)
{
    GString *text = g_string_new(NULL);

    boot_order_append(text);
    if (text->len && boot_strict) {
        g_string_append(text, "HALT");
    }
    fw_cfg_add_file(boot_fw_cfg, "bootorder", text->str, text->len + 1);
    g_string_free(text, TRUE);
}

static void add_number(struct device *fw_cfg, const char *name, uint64_t value, unsigned bytes)
{
    uint8_t buf[8];

    st_le64(buf, value);
    fw_cfg_add_file(fw_cfg, name, buf, bytes);
}

void pc_fw_cfg_init(const struct machine_config *cfg, uint64_t below_4g, struct device *fw_cfg)
{
    uint8_t e820[40], *end = put_e820(e820, 0, below_4g);

    if (cfg->ram_size > below_4g) {
        end = put_e820(end, GIB(4), cfg->ram_size - below_4g);
    }
    boot_fw_cfg = fw_cfg;
    boot_strict = cfg->boot_strict;
    boot_order_listen(publish_boot_order);
    fw_cfg_add_file(fw_cfg, "etc/e820", e820, (size_t)(end - e820));
    fw_cfg_add(fw_cfg, FW_CFG_UUID, cfg->uuid, sizeof(cfg->uuid));
    fw_cfg_add_u64(fw_cfg, FW_CFG_RAM_SIZE, cfg->ram_size);
    fw_cfg_add_u16(fw_cfg, FW_CFG_NB_CPUS, (uint16_t)cfg->smp.cpus);
    fw_cfg_add_u16(fw_cfg, FW_CFG_MAX_CPUS, (uint16_t)cfg->smp.maxcpus);
    fw_cfg_add_u16(fw_cfg, FW_CFG_NOGRAPHIC, cfg->nographic);
    fw_cfg_add_u16(fw_cfg, FW_CFG_BOOT_MENU, cfg->boot_menu);
    fw_cfg_add_u32(fw_cfg, FW_CFG_IRQ0_OVERRIDE, 1);
    add_number(fw_cfg, "etc/show-boot-menu", cfg->boot_menu ? 1 : 0, 2);
    if (cfg->splash_time != UINT32_MAX) {
        add_number(fw_cfg, "etc/boot-menu-wait", cfg->splash_time, 2);
    }
    if (cfg->reboot_timeout != UINT32_MAX) {
        add_number(fw_cfg, "etc/boot-fail-wait", cfg->reboot_timeout, 4);
    }
    if (cfg->nographic && cfg->serial[0]) {
        add_number(fw_cfg, "etc/sercon-port", 0x3f8, 2); /* text output on the serial port too */
    }
}
