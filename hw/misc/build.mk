# SPDX-License-Identifier: MIT
obj-y += hw/misc/pcspk.o
