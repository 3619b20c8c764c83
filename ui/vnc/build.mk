# SPDX-License-Identifier: MIT
obj-y += $(patsubst %.c,%.o,$(sort $(wildcard ui/vnc/enc*.c)))
# Loops over pixels: what the vectoriser is for.
cflags-ui/vnc/enc_pixel.o := -O3
obj-y += ui/vnc/server.o ui/vnc/options.o ui/vnc/loop.o ui/vnc/stream.o ui/vnc/client.o
obj-y += ui/vnc/handshake.o ui/vnc/auth.o ui/vnc/vencrypt.o ui/vnc/http.o
obj-y += ui/vnc/message.o ui/vnc/input.o ui/vnc/scancode.o ui/vnc/clipboard.o
obj-y += ui/vnc/screen.o ui/vnc/update.o ui/vnc/pick.o ui/vnc/scroll.o ui/vnc/news.o ui/vnc/link.o
