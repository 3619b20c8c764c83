# SPDX-License-Identifier: MIT
obj-y += hw/isa/isa.o
