# SPDX-License-Identifier: MIT
test-y += tests/ir/alu tests/ir/exec tests/ir/text
test-obj-y += tests/ir/toy.o
