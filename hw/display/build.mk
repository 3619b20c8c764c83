# SPDX-License-Identifier: MIT
obj-y += hw/display/vga.o hw/display/vga_mem.o hw/display/vga_dispi.o hw/display/vga_mode.o
obj-y += hw/display/vga_bus.o hw/display/vga_pci.o hw/display/edid.o
