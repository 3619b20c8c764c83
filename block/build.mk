# SPDX-License-Identifier: MIT
obj-y += block/block.o block/media.o block/node.o block/drive.o block/image.o block/raw.o block/overlay.o
