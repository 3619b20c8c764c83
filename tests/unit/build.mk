# SPDX-License-Identifier: MIT
test-y += tests/unit/base tests/unit/error tests/unit/log tests/unit/jitdump
test-y += tests/unit/memory tests/unit/timer tests/unit/device tests/unit/pci \
    tests/unit/runstate tests/unit/block tests/unit/chardev \
    tests/unit/chardev_socket tests/unit/tls
test-y += tests/unit/keymap tests/unit/input tests/unit/gdb_agent
ldflags-tests/unit/chardev := -Wl,--wrap=runstate_request_shutdown
