# SPDX-License-Identifier: MIT
obj-y += accel/accel.o accel/jit.o
