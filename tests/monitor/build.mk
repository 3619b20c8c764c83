# SPDX-License-Identifier: MIT
test-y += tests/monitor/manual tests/monitor/frame
check-long-y += tests/monitor/libvirt
check-scripts-y += tests/monitor/qmp tests/monitor/events tests/monitor/schema tests/monitor/hmp tests/monitor/goqemu-client
