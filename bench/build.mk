# SPDX-License-Identifier: MIT
ifeq ($(HOST_ARCH),x86_64)
test-y += bench/translate
endif
test-y += bench/virtqueue
test-y += bench/render
test-y += bench/vnc_enc bench/vnc_replay bench/vnc_psnr
test-obj-y += bench/vnc_pictures.o

# A guest that replays a recorded session, for bench/vnc.
$(B)/bench/vnc_guest.elf: $(addprefix bench/vnc_guest/,start.S main.c guest.ld) config.mk
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) -m32 -march=i686 -std=gnu11 -O2 $(WARN) -ffreestanding -fno-pic -fno-pie -nostdlib -static \
	    -fno-stack-protector -mgeneral-regs-only -fcf-protection=none -fno-asynchronous-unwind-tables \
	    -Wl,-T,bench/vnc_guest/guest.ld -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
	    -o $@ bench/vnc_guest/start.S bench/vnc_guest/main.c
