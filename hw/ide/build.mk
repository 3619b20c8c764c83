# SPDX-License-Identifier: MIT
obj-y += hw/ide/channel.o hw/ide/disk.o hw/ide/atapi.o hw/ide/drive.o hw/ide/piix3_ide.o
