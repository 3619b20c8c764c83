# SPDX-License-Identifier: MIT
test-y += tests/ir/alu tests/ir/exec
test-obj-y += tests/ir/toy.o
