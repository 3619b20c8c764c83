# SPDX-License-Identifier: MIT
# Bare-metal guests: 64 KiB ROM images, run by tests/sys/x86/run.
x86-guests := segments gates tasks vm86 debug real amd32 pcdev pcsmp polls vgamem
x86-guests64 := long paging64 amd64
test-y += tests/sys/x86/run
check-scripts-y += tests/sys/x86/pcdev tests/sys/x86/polls

x86-guest-dir := tests/sys/x86
x86-guest-cflags := -std=gnu11 -O1 -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
    -mgeneral-regs-only -mno-red-zone -fno-asynchronous-unwind-tables -fcf-protection=none $(WARN)
x86-guest-objects := $(x86-guests:%=$(B)/x86/%.o) $(B)/x86/boot.o $(B)/x86/lib.o
x86-guest-objects64 := $(x86-guests64:%=$(B)/x86/%.o) $(B)/x86/boot64.o $(B)/x86/lib64.o
$(x86-guest-objects): x86-guest-mode := -m32 -march=i686
$(x86-guest-objects64): x86-guest-mode := -m64

$(B)/x86/%.o: $(x86-guest-dir)/%.c $(x86-guest-dir)/lib.h $(x86-guest-dir)/lib64.h $(x86-guest-dir)/mem.h config.mk
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)$(CC) $(x86-guest-mode) $(x86-guest-cflags) -c -o $@ $<
$(B)/x86/%.o: $(x86-guest-dir)/%.S config.mk
	@mkdir -p $(@D)
	$(Q)$(CC) $(x86-guest-mode) $(x86-guest-cflags) -c -o $@ $<
$(x86-guests:%=$(B)/x86/%.elf): $(B)/x86/%.elf: $(B)/x86/%.o $(B)/x86/boot.o $(B)/x86/lib.o $(x86-guest-dir)/rom.ld
	$(Q)ld -m elf_i386 -T $(x86-guest-dir)/rom.ld -o $@ $(filter %.o,$^)
$(x86-guests64:%=$(B)/x86/%.elf): $(B)/x86/%.elf: $(B)/x86/%.o $(B)/x86/boot64.o $(B)/x86/lib64.o $(x86-guest-dir)/rom.ld
	$(Q)ld -m elf_x86_64 --no-warn-rwx-segments -T $(x86-guest-dir)/rom.ld -o $@ $(filter %.o,$^)
$(B)/x86/%.rom: $(B)/x86/%.elf
	$(Q)objcopy -O binary -j .text -j .rodata -j .data -j .reset --gap-fill 0 $< $@
.SECONDARY: $(x86-guest-objects) $(x86-guest-objects64)

$(B)/tests/sys/x86/run: $(x86-guests:%=$(B)/x86/%.rom) $(x86-guests64:%=$(B)/x86/%.rom)
