# SPDX-License-Identifier: MIT
# Every C file here is a test.
test-y += $(patsubst %.c,%,$(wildcard tests/dev/*.c))

# Tests that play the CPUs themselves.
fake-cpus := get current index count kick raise_event lower_event set_apic is_bsp tsc_to_ns
ldflags-tests/dev/apic := $(fake-cpus:%=-Wl,--wrap=vcpu_%)
ldflags-tests/dev/ioapic := $(ldflags-tests/dev/apic)
ldflags-tests/dev/mc146818rtc := -Wl,--wrap=runstate_request_wakeup
ldflags-tests/dev/misc := -Wl,--wrap=runstate_request_debug_exit \
	-Wl,--wrap=runstate_request_reset -Wl,--wrap=cpu_set_ignne \
	-Wl,--wrap=runstate_request_panic -Wl,--wrap=watchdog_expired
ldflags-tests/dev/chipset := -Wl,--wrap=runstate_request_reset
ldflags-tests/dev/i8042 := -Wl,--wrap=runstate_request_reset
acpi-wraps := runstate_request_shutdown runstate_request_suspend runstate_add_powerdown_notifier \
              runstate_add_wakeup_notifier vcpu_current vcpu_raise_event
ldflags-tests/dev/acpi_pm := $(acpi-wraps:%=-Wl,--wrap=%)
ldflags-tests/dev/uhci := -Wl,--wrap=uhci_async_age
