/* SPDX-License-Identifier: MIT */
/* PIIX4 power management: PM1 registers, timer and its event, SCI, GPE, sleep, SMI port, SMBus. */
#include "hw/acpi/acpi_pm.h"
#include "hw/acpi/piix4_pm.h"

#include "system/cpu.h"
#include "system/runstate.h"
#include "tests/dev/pcibus.h"

#define SLOT PCI_DEVFN(1, 3)
#define PM   PIIX4_PM_BASE
#define GPE  PIIX4_GPE_BASE

static struct test_pci pci;
static struct wire sci;
static struct device *dev;

/* The outside, replaced for this test: see tests/dev/build.mk. */
static enum shutdown_cause off;
static unsigned suspended, smis;
static struct notifier *powerdown, *wakeup;

void __wrap_runstate_request_shutdown(enum shutdown_cause cause);
void __wrap_runstate_request_suspend(void);
void __wrap_runstate_add_powerdown_notifier(struct notifier *n);
void __wrap_runstate_add_wakeup_notifier(struct notifier *n);
struct vcpu *__wrap_vcpu_current(void);
void __wrap_vcpu_raise_event(struct vcpu *vcpu, enum vcpu_event event);

void __wrap_runstate_request_shutdown(enum shutdown_cause cause)
{
    off = cause;
}

void __wrap_runstate_request_suspend(void)
{
    suspended++;
}

/* Each is also put where it belongs, so that it can be taken off again. */
void __wrap_runstate_add_powerdown_notifier(struct notifier *n)
{
    powerdown = n;
    runstate_add_suspend_notifier(n);
}

void __wrap_runstate_add_wakeup_notifier(struct notifier *n)
{
    wakeup = n;
    runstate_add_suspend_notifier(n);
}

struct vcpu *__wrap_vcpu_current(void)
{
    return (struct vcpu *)(uintptr_t)8;
}

void __wrap_vcpu_raise_event(struct vcpu *vcpu, enum vcpu_event event)
{
    smis += event == VCPU_EV_SMI;
}

static void setup(void)
{
    struct error *err = NULL;

    memory_init();
    device_lock();
    clock_manual(true);
    test_pci_init(&pci);
    wire_init(&sci);
    dev = piix4_pm_create(&pci.bus, &sci.irq, &err);
    ck_assert_msg(dev != NULL, "%s", err ? error_msg(err) : "");
    device_reset(dev, RESET_COLD);
    config_write(SLOT, 0x40, PM, 4);
    config_write(SLOT, 0x80, 1, 1);
}

static uint16_t inw(uint16_t port)
{
    return (uint16_t)io_port_read(port, 2);
}

static void outw(uint16_t port, uint16_t val)
{
    io_port_write(port, val, 2);
}

static void press(void)
{
    powerdown->notify(powerdown, NULL);
}

START_TEST(test_mapping)
{
    setup();
    ck_assert_uint_eq(config_read(SLOT, 0x40, 4), PM | 1);
    ck_assert_uint_eq(inw(PM), 0);
    config_write(SLOT, 0x40, 0xb000, 4);
    ck_assert_uint_eq(inw(PM), 0xffff);
    ck_assert_uint_eq(inw(0xb000), 0);
    config_write(SLOT, 0x80, 0, 1);
    ck_assert_uint_eq(inw(0xb000), 0xffff);
    config_write(SLOT, 0x90, 0x700, 4);
    config_write(SLOT, 0xd2, 1, 1);
    ck_assert_uint_eq(inb(0x700), 0);
    outb(0x703, 0x5a);
    outb(0x704, 0xa1);
    ck_assert_uint_eq(inb(0x703), 0x5a);
    ck_assert_uint_eq(inb(0x704), 0xa1);
    outb(0x702, 0x48); /* start: nobody answers */
    ck_assert_uint_eq(inb(0x700), 4);
    outb(0x700, 4);
    ck_assert_uint_eq(inb(0x700), 0);
    device_free(dev);
}
END_TEST

START_TEST(test_timer)
{
    setup();
    uint32_t a = io_port_read(PM + 8, 4);
    clock_step(NS_PER_SEC);
    uint32_t b = io_port_read(PM + 8, 4);
    ck_assert_uint_eq(b - a, 3579545);
    ck_assert_uint_eq(inb(PM + 8), b & 0xff);
    ck_assert_uint_eq(inw(PM + 10), b >> 16);
    clock_step(4 * NS_PER_SEC);
    ck_assert_uint_lt(io_port_read(PM + 8, 4), 1u << 24); /* wrapped */
    outw(PM + 2, 1);
    outb(PIIX4_SMI_CMD, PIIX4_ACPI_ENABLE);
    ck_assert_int_eq(sci.level, 0);
    clock_step(2400000000); /* the top bit has changed once or more */
    ck_assert_int_eq(sci.level, 1);
    ck_assert_uint_eq(inw(PM), 1);
    outw(PM, 1);
    ck_assert_int_eq(sci.level, 0);
    clock_step(2400000000);
    ck_assert_int_eq(sci.level, 1);
    outw(PM + 2, 0);
    ck_assert_int_eq(sci.level, 0);
    device_free(dev);
}
END_TEST

START_TEST(test_events)
{
    setup();
    outw(PM + 2, 0xffff);
    ck_assert_uint_eq(inw(PM + 2), 0x0521);
    outw(PM + 2, 0x0100);
    press();
    ck_assert_uint_eq(inw(PM), 0x0100);
    ck_assert_int_eq(sci.level, 0); /* nobody has taken over yet */
    outb(PIIX4_SMI_CMD, PIIX4_ACPI_ENABLE);
    ck_assert_uint_eq(inw(PM + 4), 1);
    ck_assert_int_eq(sci.level, 1);
    outb(PM, 0xff); /* the other byte */
    ck_assert_uint_eq(inw(PM), 0x0100);
    ck_assert_int_eq(sci.level, 1);
    outb(PM + 3, 0);
    ck_assert_int_eq(sci.level, 0);
    outb(PM + 3, 1);
    ck_assert_int_eq(sci.level, 1);
    ck_assert_uint_eq(inb(PM + 1), 1);
    outb(PM + 1, 1);
    ck_assert_uint_eq(inw(PM), 0);
    ck_assert_int_eq(sci.level, 0);
    outw(PM + 4, 0); /* SCI_EN is not the OS's to write */
    ck_assert_uint_eq(inw(PM + 4), 1);
    outb(PIIX4_SMI_CMD, PIIX4_ACPI_DISABLE);
    ck_assert_uint_eq(inw(PM + 4), 0);
    ck_assert_uint_eq(inb(PIIX4_SMI_CMD), PIIX4_ACPI_DISABLE);
    outb(0xb3, 0x12);
    ck_assert_uint_eq(inb(0xb3), 0x12);
    device_free(dev);
}
END_TEST

START_TEST(test_gpe)
{
    struct acpi_pm *pm;

    setup();
    pm = piix4_pm_acpi(dev);
    outb(PIIX4_SMI_CMD, PIIX4_ACPI_ENABLE);
    acpi_pm_raise_gpe(pm, 9);
    ck_assert_uint_eq(inb(GPE + 1), 2);
    ck_assert_int_eq(sci.level, 0);
    outb(GPE + 3, 2);
    ck_assert_int_eq(sci.level, 1);
    io_port_write(GPE, 0x02ff, 2);
    ck_assert_uint_eq(io_port_read(GPE, 4), 0x02000000);
    ck_assert_int_eq(sci.level, 0);
    device_free(dev);
}
END_TEST

START_TEST(test_sleep)
{
    enum wakeup_reason reason = WAKEUP_POWER_BUTTON;

    setup();
    irq_pulse(&piix4_pm_acpi(dev)->alarm_in); /* the RTC's, awake */
    ck_assert_uint_eq(inw(PM), 0x0400);
    outw(PM, 0x0400);
    outw(PM + 4, 0x2000 | 1 << 10);
    ck_assert_uint_eq(suspended, 1);
    ck_assert_uint_eq(inw(PM + 4), 1 << 10);
    outw(PM + 2, 0x0100);
    wakeup->notify(wakeup, &reason);
    device_reset(dev, RESET_WAKE);
    config_write(SLOT, 0x40, PM, 4);
    config_write(SLOT, 0x80, 1, 1);
    ck_assert_uint_eq(inw(PM), 0x8100); /* who woke it */
    ck_assert_uint_eq(inw(PM + 2), 0x0100);
    outw(PM, 0xffff);
    ck_assert_uint_eq(inw(PM), 0);
    outw(PM + 4, 0x2000 | 5 << 10); /* not of the tables */
    ck_assert_uint_eq(off, SHUTDOWN_NONE);
    outw(PM + 4, 0x2000);
    ck_assert_uint_eq(off, SHUTDOWN_GUEST_POWEROFF);
    device_free(dev);
}
END_TEST

START_TEST(test_smi)
{
    setup();
    outb(PIIX4_SMI_CMD, 0x42);
    ck_assert_uint_eq(smis, 0);
    config_write(SLOT, 0x58, 0x02000000, 4);
    outb(PIIX4_SMI_CMD, 0x42);
    ck_assert_uint_eq(smis, 1);
    device_free(dev);
}
END_TEST

START_TEST(test_fuzz)
{
    setup();
    for (unsigned i = 0; i < 1000; i++) {
        config_write(SLOT, 0x40, PM, 4);
        config_write(SLOT, 0x80, 1, 1);
        dev_fuzz_ports(PM, 64, 10);
        dev_fuzz_ports(GPE, 4, 4);
        dev_fuzz_ports(0xb2, 2, 2);
        dev_fuzz_config(SLOT, 10);
        if (dev_random() % 4 == 0)
            press();
    }
    dev_check_vmstate(dev);
    device_free(dev);
}
END_TEST

TEST_MAIN("acpi_pm", test_mapping, test_timer, test_events, test_gpe, test_sleep, test_smi,
          test_fuzz)
