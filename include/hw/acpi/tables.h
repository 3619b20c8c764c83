/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables of a machine: the compiled DSDT and the generated rest, handed to firmware by fw_cfg
 * with the instructions of its table loader, or placed in memory by us where no firmware runs.
 */
#ifndef HW_ACPI_TABLES_H
#define HW_ACPI_TABLES_H

#include "util/base.h"

#include <glib.h>

struct device;

/* What the tables say about a machine. */
struct acpi_machine {
    const uint8_t *dsdt;
    size_t dsdt_len;
    uint32_t cpus;     /* CPUs present ... */
    uint32_t max_cpus; /* ... and possible; APIC ids by cpu_apic_id() */
    uint64_t pci_first, pci_last; /* memory window of the PCI bus, below 4 GiB */
    bool hpet, keyboard, serial[2], parallel;
    uint8_t ioapic_id;
    uint16_t sci, pm_base, gpe_base, smi_cmd;
    uint8_t acpi_enable, acpi_disable;
    uint16_t level_irqs; /* ISA interrupts that are level-triggered, active high */
};

/* Tables and their relocations; offsets are into `tables` unless said otherwise. */
struct acpi_tables {
    GByteArray *tables;   /* FACS first */
    GByteArray *rsdp;
    GByteArray *loader; /* fw_cfg's table loader script */
    GArray *fixups;     /* struct acpi_fixup */
};

struct acpi_tables *acpi_tables_build(const struct acpi_machine *m);
void acpi_tables_free(struct acpi_tables *t);

/* As etc/acpi/tables, etc/acpi/rsdp and etc/table-loader. */
void acpi_tables_publish(const struct acpi_tables *t, struct device *fw_cfg);

/*
 * Set all pointers and checksums for tables at `addr`, below 4 GiB and 64-byte aligned. The byte
 * arrays are changed in place; the loader script is of no use afterwards.
 */
void acpi_tables_relocate(struct acpi_tables *t, uint32_t addr);

#endif
