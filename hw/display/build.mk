# SPDX-License-Identifier: MIT
obj-y += hw/display/vga.o hw/display/vga_mem.o hw/display/vga_planar.o hw/display/vga_dispi.o hw/display/vga_mode.o
obj-y += hw/display/vga_bus.o hw/display/vga_pci.o hw/display/edid.o
obj-y += hw/display/cirrus.o hw/display/cirrus_mem.o hw/display/cirrus_blt.o hw/display/cirrus_mode.o
obj-y += hw/display/virtio_gpu.o hw/display/virtio_gpu_command.o hw/display/virtio_gpu_resource.o
obj-y += hw/display/virtio_gpu_scanout.o hw/display/virtio_vga.o
ifeq ($(HOST_ARCH),x86_64)
cflags-hw/display/vga_planar.o = $(leaf-cflags)
endif
# What several CPUs race for there is the guest's business.
cflags-hw/display/vga_planar.o += -fno-sanitize=thread
