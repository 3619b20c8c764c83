# SPDX-License-Identifier: MIT
test-y += tests/ir/alu tests/ir/exec tests/ir/text
test-obj-y += tests/ir/toy.o
ifeq ($(HOST_ARCH),x86_64)
test-y += tests/ir/exec_jit tests/ir/random
endif
