/* SPDX-License-Identifier: MIT */
/* SMBIOS tables of the machine, handed to firmware by fw_cfg. */
#ifndef HW_MACHINE_SMBIOS_H
#define HW_MACHINE_SMBIOS_H

#include "hw/machine/machine.h"

struct device;

void smbios_publish(const struct machine_config *cfg, const char *product, const char *version,
                    struct device *fw_cfg);

#endif
