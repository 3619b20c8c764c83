# SPDX-License-Identifier: MIT
obj-y += monitor/monitor.o
