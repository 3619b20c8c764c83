# SPDX-License-Identifier: MIT
obj-y += ui/input.o ui/display.o ui/render.o ui/picture.o ui/text.o ui/keysym.o
obj-y += ui/input_queue.o
