# SPDX-License-Identifier: MIT
obj-y += hw/nvram/fw_cfg.o
