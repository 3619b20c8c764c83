# SPDX-License-Identifier: MIT
# Bare-metal guests: 64 KiB ROM images, run by tests/sys/x86/run.
x86-guests := segments
test-y += tests/sys/x86/run

x86-guest-dir := tests/sys/x86
x86-guest-cflags := -m32 -march=i686 -std=gnu11 -O1 -ffreestanding -fno-pic -fno-pie \
    -fno-stack-protector -mgeneral-regs-only -fno-asynchronous-unwind-tables \
    -fcf-protection=none $(WARN)

$(B)/x86/%.o: $(x86-guest-dir)/%.c $(x86-guest-dir)/lib.h config.mk
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)$(CC) $(x86-guest-cflags) -c -o $@ $<
$(B)/x86/boot.o: $(x86-guest-dir)/boot.S config.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(x86-guest-cflags) -c -o $@ $<
$(B)/x86/%.elf: $(B)/x86/%.o $(B)/x86/boot.o $(B)/x86/lib.o $(x86-guest-dir)/rom.ld
	$(Q)ld -m elf_i386 -T $(x86-guest-dir)/rom.ld -o $@ $(B)/x86/boot.o $(B)/x86/lib.o $<
$(B)/x86/%.rom: $(B)/x86/%.elf
	$(Q)objcopy -O binary -j .text -j .rodata -j .data -j .reset --gap-fill 0 $< $@
.SECONDARY: $(B)/x86/lib.o $(B)/x86/boot.o $(x86-guests:%=$(B)/x86/%.elf) $(x86-guests:%=$(B)/x86/%.o)

$(B)/tests/sys/x86/run: $(x86-guests:%=$(B)/x86/%.rom)
