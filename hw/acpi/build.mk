# SPDX-License-Identifier: MIT
obj-y += hw/acpi/acpi_pm.o hw/acpi/piix4_pm.o
