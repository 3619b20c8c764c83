# SPDX-License-Identifier: MIT
obj-y += hw/machine/machine.o hw/machine/smbios.o hw/machine/boot.o
obj-y += hw/machine/boot_linux.o hw/machine/boot_elf.o hw/machine/boot_multiboot.o
