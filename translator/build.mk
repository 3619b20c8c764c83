# SPDX-License-Identifier: MIT
obj-y += translator/ir.o translator/ir_print.o translator/ir_verify.o
obj-y += translator/simd_ops.o translator/x87_ops.o
