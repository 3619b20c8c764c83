# SPDX-License-Identifier: MIT
obj-y += ui/input.o
