# SPDX-License-Identifier: MIT
test-obj-y += tests/lib/minipc.o
