# SPDX-License-Identifier: MIT
obj-y += ui/input.o ui/display.o ui/render.o ui/picture.o ui/text.o ui/keysym.o
obj-y += ui/input_queue.o
obj-y += ui/usages.o ui/frontend.o ui/keymap.o
obj-$(CONFIG_SDL) += ui/sdl.o ui/sdl_input.o
obj-$(CONFIG_CURSES) += ui/curses.o
# Loops over pixels: what the vectoriser is for.
cflags-ui/render.o := -O3
cflags-ui/display.o := -O3
