# SPDX-License-Identifier: MIT
obj-y += monitor/monitor.o monitor/commands.o monitor/schema.o monitor/json_frame.o monitor/keys.o
obj-y += monitor/qmp.o monitor/events.o monitor/hmp.o monitor/complete.o monitor/expr.o
obj-y += monitor/editor.o monitor/pager.o monitor/dump.o monitor/manual.o
obj-y += monitor/cmd_run.o monitor/cmd_cpu.o monitor/cmd_memory.o monitor/cmd_block.o
obj-y += monitor/cmd_chardev.o monitor/cmd_fds.o monitor/cmd_device.o monitor/cmd_object.o monitor/cmd_types.o monitor/cmd_pci.o monitor/cmd_usb.o
obj-y += monitor/cmd_input.o
obj-y += monitor/balloon_props.o monitor/cmd_log.o monitor/cmd_vnc.o
