# SPDX-License-Identifier: MIT
# Whole guests; each name is a link to guests.py and a row of its table.
sys-guests := seabios-serial seabios-debugcon multiboot grub-cd memtest64 memtest32 \
              demo-amd64 demo-i386 demo-amd64-smp demo-i386-smp netboot-amd64 netboot-i386 \
              debian debian-smp debian-torture
check-long-y += $(addprefix tests/sys/,$(sys-guests)) tests/sys/fpu-guest
