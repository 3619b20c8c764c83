# SPDX-License-Identifier: MIT
obj-y += hw/timer/i8254.o
