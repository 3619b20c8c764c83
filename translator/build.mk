# SPDX-License-Identifier: MIT
obj-y += translator/simd_ops.o translator/x87_ops.o
