# SPDX-License-Identifier: MIT
obj-y += hw/machine/machine.o
