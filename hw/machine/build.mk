# SPDX-License-Identifier: MIT
obj-y += hw/machine/machine.o hw/machine/smbios.o hw/machine/boot.o hw/machine/pc.o
obj-y += hw/machine/boot_linux.o hw/machine/boot_elf.o hw/machine/boot_multiboot.o hw/machine/pc_firmware.o hw/machine/pc_direct.o
obj-y += hw/machine/boot_rom.o hw/machine/none.o
generated-y += hw/machine/kernel_rom.rom.h
