/* SPDX-License-Identifier: MIT */
/*
 * Firmware configuration device: named and numbered blobs the firmware reads (memory map, ACPI
 * tables, boot order, kernel). Interface as published with QEMU (docs/specs/fw_cfg) and known to
 * SeaBIOS, OVMF and Linux.
 *
 * Items are added by the machine before the guest runs. Device lock held.
 */
#ifndef HW_NVRAM_FW_CFG_H
#define HW_NVRAM_FW_CFG_H

#include "util/base.h"

struct device;

/* Numbered items. */
enum fw_cfg_key {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_NUMA = 0x0d,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_ACPI_TABLES = 0x8000,
    FW_CFG_SMBIOS_ENTRIES = 0x8001,
    FW_CFG_IRQ0_OVERRIDE = 0x8002,
    FW_CFG_HPET = 0x8004,
    FW_CFG_PLACE_KERNEL = 0x8010, /* ours: selecting it places -kernel (hw/machine/boot.h) */
};

/* `dev` is the fw_cfg device. Data is copied; adding an item again replaces it. */
void fw_cfg_add(struct device *dev, uint16_t key, const void *data, size_t len);
void fw_cfg_add_u16(struct device *dev, uint16_t key, uint16_t value);
void fw_cfg_add_u32(struct device *dev, uint16_t key, uint32_t value);
void fw_cfg_add_u64(struct device *dev, uint16_t key, uint64_t value);
void fw_cfg_add_string(struct device *dev, uint16_t key, const char *text); /* with its NUL */

/* A file ("etc/e820"): at most 55 characters of name, 256 files. */
void fw_cfg_add_file(struct device *dev, const char *name, const void *data, size_t len);

/* The contents of a file, NULL if there is none. Valid until it is replaced. */
const void *fw_cfg_file_data(struct device *dev, const char *name, size_t *len);

/* `hook` is called whenever the guest selects the key; one key has one. */
void fw_cfg_set_select_hook(struct device *dev, uint16_t key, void (*hook)(void));

#endif
