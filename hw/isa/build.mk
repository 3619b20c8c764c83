# SPDX-License-Identifier: MIT
obj-y += hw/isa/isa.o hw/isa/piix3.o
