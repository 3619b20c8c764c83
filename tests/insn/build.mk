# SPDX-License-Identifier: MIT
# Native execution of single instructions needs an x86-64 host.
ifeq ($(HOST_ARCH),x86_64)
test-y += tests/insn/fpu_tables tests/insn/fpu_diff tests/insn/fpu_modes tests/insn/far_exits tests/insn/decode tests/insn/diff
check-long-y += tests/insn/decode-long tests/insn/diff-long tests/insn/fpu-long
test-obj-y += tests/insn/emu.o tests/insn/fpu_random.o tests/insn/inprocess.o tests/insn/host.o
test-obj-y += tests/insn/capstone_view.o tests/insn/machine.o tests/insn/cases.o

# Freestanding programs that execute instructions under test on the host's CPU.
NATIVE_FLAGS = -std=gnu11 -O2 -Wall -Wextra $(WERROR) -mgeneral-regs-only -fno-stack-protector \
               -fcf-protection=none -ffreestanding -nostdlib -I.
$(B)/tests/insn/native64: tests/insn/native.c tests/insn/native.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(NATIVE_FLAGS) -fno-pie -static -mcmodel=large -Wl,-Ttext-segment=0x600000000000 -o $@ $<
# Without 32-bit support in the compiler the 32-bit tests are skipped.
$(B)/tests/insn/native32: tests/insn/native.c tests/insn/native.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(NATIVE_FLAGS) -m32 -fno-pie -static -Wl,-Ttext-segment=0x60000000 -o $@ $< || echo 'no 32-bit native tests'
$(B)/tests/insn/decode $(B)/tests/insn/diff: | $(B)/tests/insn/native64 $(B)/tests/insn/native32
endif
