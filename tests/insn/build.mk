# SPDX-License-Identifier: MIT
# Native execution of single instructions needs an x86-64 host.
ifeq ($(HOST_ARCH),x86_64)
test-obj-y += tests/insn/native.o
test-y += tests/insn/fpu_tables
endif
