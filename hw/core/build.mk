# SPDX-License-Identifier: MIT
obj-y += hw/core/lock.o hw/core/notifier.o hw/core/irq.o hw/core/msi.o hw/core/epoch.o
obj-y += hw/core/ram.o hw/core/dirty.o hw/core/dirty_leaf.o hw/core/flatview.o hw/core/memory.o hw/core/access.o
obj-y += hw/core/class.o hw/core/device.o hw/core/hotplug.o hw/core/boot_order.o hw/core/props.o hw/core/regs.o hw/core/vmstate.o
obj-y += hw/core/clock.o hw/core/timer.o hw/core/vcpu_timer.o
ifeq ($(HOST_ARCH),x86_64)
cflags-hw/core/dirty_leaf.o = $(leaf-cflags)
endif
