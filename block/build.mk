# SPDX-License-Identifier: MIT
obj-y += block/block.o block/drive.o block/image.o block/raw.o block/overlay.o
