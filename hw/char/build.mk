# SPDX-License-Identifier: MIT
obj-y += hw/char/serial.o hw/char/serial_isa.o hw/char/serial_pci.o hw/char/parallel.o
