# SPDX-License-Identifier: MIT
check-scripts-y += tests/gdb/protocol tests/gdb/session
check-long-y += tests/gdb/lockstep

gdb-kernels := $(B)/gdb/kernel32.elf $(B)/gdb/kernel64.elf
gdb-cflags := -std=gnu11 -g -O1 -fno-omit-frame-pointer -ffreestanding -fno-pic -fno-pie -nostdlib -static \
    -fno-stack-protector -mno-red-zone -fno-inline -fcf-protection=none -Wl,-T,tests/gdb/kernel.ld \
    -Wl,--build-id=none -Wl,--no-eh-frame-hdr -Wl,--no-warn-rwx-segments $(WARN)
$(B)/gdb/kernel32.elf: gdb-mode := -m32 -march=i686 -mgeneral-regs-only
$(B)/gdb/kernel64.elf: gdb-mode := -m64 -mgeneral-regs-only
$(gdb-kernels): $(addprefix tests/gdb/,start.S kernel.c kernel.ld) config.mk
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(gdb-mode) $(gdb-cflags) -o $@ tests/gdb/start.S tests/gdb/kernel.c
tests: $(gdb-kernels)
