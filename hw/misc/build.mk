# SPDX-License-Identifier: MIT
obj-y += hw/misc/debugcon.o hw/misc/debugexit.o hw/misc/pc_testdev.o hw/misc/pci_testdev.o
obj-y += hw/misc/fpu_error.o hw/misc/pcspk.o hw/misc/port92.o hw/misc/postport.o
obj-y += hw/misc/pvpanic.o hw/misc/ib700.o
