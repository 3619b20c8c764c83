# SPDX-License-Identifier: MIT
# Every C file here is a test.
test-y += $(patsubst %.c,%,$(wildcard tests/dev/*.c))

# Tests that play the CPUs themselves.
fake-cpus := get current index count kick raise_event lower_event set_apic is_bsp tsc_to_ns
ldflags-tests/dev/apic := $(fake-cpus:%=-Wl,--wrap=vcpu_%)
ldflags-tests/dev/ioapic := $(ldflags-tests/dev/apic)
ldflags-tests/dev/mc146818rtc := -Wl,--wrap=runstate_request_wakeup
ldflags-tests/dev/misc := -Wl,--wrap=runstate_request_debug_exit \
	-Wl,--wrap=runstate_request_reset
