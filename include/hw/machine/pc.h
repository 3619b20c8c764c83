/* SPDX-License-Identifier: MIT */
/* Parts of PC boards: firmware, CMOS, fw_cfg, boot set-up; what `pc` shares with later machines. */
#ifndef HW_MACHINE_PC_H
#define HW_MACHINE_PC_H

#include "hw/core/memory.h"
#include "hw/machine/machine.h"
#include "hw/pci/pci.h"

struct device;

/* Firmware at the top of 4 GiB; its last 128 KiB also below 1 MiB of `pci_memory`. Room for option
 * ROMs at C0000h. */
int pc_firmware_init(const struct machine_config *cfg, struct mem_region *pci_memory,
                     struct error **err);

/* Sizes, boot order and equipment in CMOS, as firmware expects them. */
/* Into CMOS, where firmware looks at every boot. */
void pc_put_boot_order(const char *order, struct device *rtc);
void pc_cmos_init(const struct machine_config *cfg, uint64_t below_4g, const char *boot_order,
                  struct device *rtc);

/* RAM map, CPU counts, boot options. */
void pc_fw_cfg_init(const struct machine_config *cfg, uint64_t below_4g, struct device *fw_cfg);

/* What firmware would do to the chipset before a kernel is started without it: shadow RAM, BARs,
 * interrupt steering, power management ports. At every reset, after the devices'. */
void pc_direct_boot_chipset(struct pci_bus *pci, uint64_t below_4g);

#endif
