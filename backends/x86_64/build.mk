# SPDX-License-Identifier: MIT
ifeq ($(HOST_ARCH),x86_64)
obj-y += backends/x86_64/asm.o backends/x86_64/disas.o backends/x86_64/emit.o \
    backends/x86_64/emit_ctl.o backends/x86_64/emit_int.o backends/x86_64/emit_mem.o \
    backends/x86_64/emit_shift.o backends/x86_64/emit_simd.o backends/x86_64/flags.o \
    backends/x86_64/jit.o backends/x86_64/sidetab.o backends/x86_64/signals.o \
    backends/x86_64/slow.o backends/x86_64/slow_leaf.o backends/x86_64/stubs.o \
    backends/x86_64/values.o
together-y += $(addprefix backends/x86_64/,asm.o emit.o emit_ctl.o emit_int.o emit_mem.o emit_shift.o \
    emit_simd.o flags.o jit.o sidetab.o values.o)
cflags-backends/x86_64/slow_leaf.o = -mgeneral-regs-only -fno-sanitize=all
endif
