# SPDX-License-Identifier: MIT
obj-y += hw/input/ps2.o hw/input/i8042.o
