# SPDX-License-Identifier: MIT
obj-y += hw/dma/i8237.o
