# SPDX-License-Identifier: MIT
obj-y += hw/pci/pci.o hw/pci/config.o hw/pci/msi.o hw/pci/host.o hw/pci/bridge.o
obj-y += hw/pci/i440fx.o
