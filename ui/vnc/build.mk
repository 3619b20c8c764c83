# SPDX-License-Identifier: MIT
obj-y += $(patsubst %.c,%.o,$(sort $(wildcard ui/vnc/enc*.c)))
# Loops over pixels: what the vectoriser is for.
cflags-ui/vnc/enc_pixel.o := -O3
