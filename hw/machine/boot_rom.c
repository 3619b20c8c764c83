/* SPDX-License-Identifier: MIT */
/*
 * The option ROM that boots a kernel through firmware, as firmware gets it (fw_cfg files, as SeaBIOS
 * reads them), and the record that tells the ROM what to do.
 */
#include "hw/core/boot_order.h"
#include "hw/machine/boot.h"

#include "hw/machine/kernel_rom.rom.h"
#include "hw/nvram/fw_cfg.h"

#define ROM_FILE "genroms/kernel.bin"

int boot_put_vector(struct boot_plan *plan, const struct boot_vector *v, struct error **err)
{
    uint8_t buf[32] = {0};

    st_le16(buf, v->real_segment);
    st_le16(buf + 2, v->sp);
    st_le32(buf + 4, v->eip);
    st_le16(buf + 8, v->cs);
    st_le16(buf + 10, v->ds);
    st_le32(buf + 12, v->eax);
    st_le32(buf + 16, v->ebx);
    st_le16(buf + 20, v->info_segment);
    st_le16(buf + 22, v->gdt_limit);
    st_le32(buf + 24, v->gdt_base);
    return boot_copy(plan, BOOT_VECTOR_ADDR, buf, sizeof(buf), "boot vector", err);
}

void boot_publish_rom(struct device *fw_cfg)
{
    uint8_t rom[sizeof(kernel_rom)], sum = 0;

    memcpy(rom, kernel_rom, sizeof(rom));
    for (size_t i = 0; i < sizeof(rom) - 1; i++) {
        sum = (uint8_t)(sum + rom[i]);
    }
    rom[sizeof(rom) - 1] = (uint8_t)-sum;
    fw_cfg_add_file(fw_cfg, ROM_FILE, rom, sizeof(rom));
    boot_order_add(BOOT_ORDER_FIRST, "/rom@" ROM_FILE, NULL);
    fw_cfg_set_select_hook(fw_cfg, FW_CFG_PLACE_KERNEL, boot_place_images);
}
