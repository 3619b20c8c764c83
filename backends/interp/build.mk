# SPDX-License-Identifier: MIT
obj-y += backends/interp/interp.o backends/interp/interp_alu.o backends/interp/interp_mem.o
obj-$(if $(filter x86_64,$(HOST_ARCH)),y) += backends/interp/interp_fp.o backends/interp/interp_fp_leaf.o
cflags-backends/interp/interp_fp_leaf.o = -mgeneral-regs-only -fno-sanitize=all
