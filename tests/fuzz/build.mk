# SPDX-License-Identifier: MIT
# MODE=asan make check-long is the way it finds most.
check-long-y += tests/fuzz/random-guest
test-y += tests/fuzz/virtio
ldflags-tests/fuzz/virtio := -Wl,--wrap=mem_lookup
check-long-y += tests/fuzz/monitor tests/fuzz/gdb
test-y += tests/fuzz/rsp tests/fuzz/connection
ldflags-tests/fuzz/rsp := -Wl,--wrap=monitor_run_line
test-y += tests/fuzz/cirrus
test-y += tests/fuzz/vnc
ldflags-tests/fuzz/vnc := -Wl,--wrap=runstate_is_running
test-y += tests/fuzz/usb
