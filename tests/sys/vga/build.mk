# SPDX-License-Identifier: MIT
# A boot disk (of a size that has a geometry) that does to the display adapter what it is told.
$(B)/vga/guest.o: tests/sys/vga/guest.S config.mk
	@mkdir -p $(@D)
	$(call say,GUEST,$<)
	$(Q)$(CC) -m32 -ffreestanding -c -o $@ $<
$(B)/vga/guest.img: $(B)/vga/guest.o
	$(Q)ld -m elf_i386 -Ttext 0x7c00 --oformat binary -e _start -o $@ $<
	$(Q)truncate -s 1M $@
.SECONDARY: $(B)/vga/guest.o
tests: $(B)/vga/guest.img
check-scripts-y += tests/sys/vga/modes tests/sys/vga/pulls tests/sys/vga/hotplug
check-long-y += tests/sys/vga/modes-all tests/sys/vga/guests
