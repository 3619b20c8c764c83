# SPDX-License-Identifier: MIT
obj-y += translator/ir.o translator/ir_print.o translator/ir_parse.o translator/ir_verify.o translator/opt_flags.o translator/opt_windows.o
obj-y += translator/simd_ops.o translator/x87_ops.o
obj-y += translator/softtlb.o translator/softtlb_leaf.o
obj-y += translator/tb.o translator/codebuf.o translator/exec.o translator/exec_leaf.o translator/exec_context.o
obj-y += translator/vcpu_alloc.o translator/debug.o translator/profile.o
together-y += translator/ir.o translator/opt_flags.o translator/opt_windows.o translator/tb.o translator/codebuf.o
together-y += translator/simd_ops.o translator/x87_ops.o
ifeq ($(HOST_ARCH),x86_64)
# Called from generated code with the guest's FP and SIMD state in the host's registers.
leaf-cflags := $(if $(filter tsan,$(MODE)),,-mgeneral-regs-only -fno-sanitize=all)
cflags-translator/softtlb_leaf.o = $(leaf-cflags)
cflags-translator/exec_leaf.o = $(leaf-cflags)
# no loop may become a call of memset()
no-idioms := $(if $(findstring clang,$(CC)),-fno-builtin,-fno-tree-loop-distribute-patterns)
cflags-translator/exec_context.o = $(leaf-cflags) $(no-idioms)
endif
