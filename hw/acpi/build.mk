# SPDX-License-Identifier: MIT
obj-y += hw/acpi/acpi_pm.o hw/acpi/piix4_pm.o hw/acpi/pci_hotplug.o hw/acpi/tables.o
generated-y += hw/acpi/dsdt-pc.aml.h
