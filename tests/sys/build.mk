# SPDX-License-Identifier: MIT
# Whole guests; each name is a link to guests.py and a row of its table.
check-scripts-y += $(addprefix tests/sys/,seabios-serial seabios-debugcon multiboot grub-cd \
                     demo-amd64 demo-i386 usb-boot)
check-long-y += $(addprefix tests/sys/,memtest64 memtest32 ipxe memdisk gnumach xen suspend suspend-firmware demo-amd64-smp demo-i386-smp \
                  torture-smp2 torture-smp4 torture-crowded \
                  netboot-amd64 netboot-i386 debian debian-smp debian-torture)
check-long-y += tests/sys/hotplug tests/sys/input
check-long-y += tests/sys/display
