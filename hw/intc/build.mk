# SPDX-License-Identifier: MIT
obj-y += hw/intc/apic.o hw/intc/apic_bus.o hw/intc/apic_timer.o
obj-y += hw/intc/gsi.o hw/intc/i8259.o hw/intc/ioapic.o
