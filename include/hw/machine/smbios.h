/* SPDX-License-Identifier: MIT */
/* SMBIOS tables of the machine, handed to firmware by fw_cfg or placed in memory. */
#ifndef HW_MACHINE_SMBIOS_H
#define HW_MACHINE_SMBIOS_H

#include "hw/machine/machine.h"

struct device;

#define SMBIOS_ANCHOR_LEN 31

/* Tables, and the 32-bit entry point of version 2.8 with neither their address nor checksums. */
struct smbios_tables {
    GByteArray *tables; /* NULL: none */
    uint8_t *anchor;    /* SMBIOS_ANCHOR_LEN bytes */
};

struct smbios_tables smbios_build(const struct machine_config *cfg, const char *product,
                                  const char *version);
void smbios_free(struct smbios_tables *t);

/* For firmware, which fills in what is missing. */
void smbios_publish(const struct smbios_tables *t, struct device *fw_cfg);

/* For who does without firmware. */
void smbios_relocate(struct smbios_tables *t, uint32_t addr);

#endif
