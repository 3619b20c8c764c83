/* SPDX-License-Identifier: MIT */
/* PCI hot-plug: device_add and device_del, the ACPI registers, the guest's side of both. */
#include "hw/core/hotplug.h"

#include "hw/acpi/pci_hotplug.h"
#include "hw/acpi/piix4_pm.h"
#include "system/mainloop.h"
#include "tests/dev/pcibus.h"

#include <stdlib.h>

#define GPE   PIIX4_GPE_BASE
#define UP    ACPI_PCI_HOTPLUG_BASE
#define DOWN  (UP + 4)
#define EJECT (UP + 8)
#define RMV   (UP + 12)
#define BUSNO (UP + 16)
#define OST   (UP + 24)

static struct isa_bus isa;
static struct test_pci pci;
static struct wire sci;
static struct device *pm;
static GString *deleted;

static void note_deleted(struct notifier *n, void *data)
{
    const struct device_deleted *gone = data;

    g_string_append_printf(deleted, "%s ", gone->id ? gone->id : "-");
}

static GString *refused;

static void note_refused(struct notifier *n, void *data)
{
    const struct device_deleted *stays = data;

    g_string_append_printf(refused, "%s ", stays->id ? stays->id : "-");
}

static struct notifier refused_notifier = {.notify = note_refused};
static struct notifier deleted_notifier = {.notify = note_deleted};

static void setup(void)
{
    struct error *err = NULL;

    ck_assert_int_eq(mainloop_init(NULL), 0);
    memory_init();
    device_lock();
    clock_manual(true);
    isa_bus_init(&isa, NULL, NULL, NULL);
    test_pci_init(&pci);
    wire_init(&sci);
    pm = piix4_pm_create(&pci.bus, &sci.irq, &err);
    ck_assert_msg(pm != NULL, "%s", err ? error_msg(err) : "");
    device_reset(pm, RESET_COLD);
    deleted = g_string_new(NULL);
    device_add_deleted_notifier(&deleted_notifier);
    outb(PIIX4_SMI_CMD, PIIX4_ACPI_ENABLE);
    outb(GPE + 2, 1u << ACPI_PCI_HOTPLUG_GPE);
}

static void add(const char *text)
{
    struct error *err = NULL;
    int ret = device_add_text(text, &err);

    ck_assert_msg(ret == 0, "%s: %s", text, err ? error_msg(err) : "");
}

static void refuse(int ret, struct error *err, const char *part)
{
    ck_assert_int_lt(ret, 0);
    ck_assert_ptr_nonnull(err);
    ck_assert_msg(strstr(error_msg(err), part) != NULL, "'%s' lacks '%s'", error_msg(err), part);
    error_free(err);
}

static void refuse_add(const char *text, const char *part)
{
    struct error *err = NULL;
    int ret = device_add_text(text, &err);

    refuse(ret, err, part);
}

static void del(const char *id)
{
    ck_assert_int_eq(device_del(id, NULL), 0);
}

static void refuse_del(const char *id, const char *part)
{
    struct error *err = NULL;
    int ret = device_del(id, &err);

    refuse(ret, err, part);
}

static uint32_t inl(unsigned port)
{
    return io_port_read((uint16_t)port, 4);
}

static void outl(unsigned port, uint32_t val)
{
    io_port_write((uint16_t)port, val, 4);
}

/* What the tables' GPE method does first. */
static void ack(void)
{
    outb(GPE, 1u << ACPI_PCI_HOTPLUG_GPE);
}

START_TEST(test_add_and_remove)
{
    setup();
    add("pci-testdev,id=cold,addr=3");
    ck_assert_uint_eq(inl(UP), 0);
    ck_assert_int_eq(sci.level, 0);
    device_hotplug_begin();
    add("pci-testdev,id=t,addr=5");
    ck_assert_int_eq(sci.level, 1);
    ck_assert_uint_eq(inl(UP), 1u << 5);
    ck_assert_uint_eq(inl(UP), 0);
    ack();
    ck_assert_int_eq(sci.level, 0);
    ck_assert_uint_eq(config_read(PCI_DEVFN(5, 0), 0, 4), 0x00051b36);

    /* Its registers, then the way out. */
    config_write(PCI_DEVFN(5, 0), 0x14, 0xc000, 4);
    config_write(PCI_DEVFN(5, 0), 0x04, 7, 2);
    ck_assert_uint_ne(inb(0xc004), 0xff);
    del("t");
    ck_assert_int_eq(sci.level, 1);
    ck_assert_uint_eq(inl(DOWN), 1u << 5);
    refuse_del("t", "already");
    ck_assert_uint_ne(inb(0xc004), 0xff);
    outl(EJECT, 1u << 5);
    ck_assert_uint_eq(inl(DOWN), 0);
    ck_assert_uint_eq(config_read(PCI_DEVFN(5, 0), 0, 4), 0xffffffff);
    ck_assert_uint_eq(inb(0xc004), 0xff);
    outl(EJECT, 1u << 5);
    ck_assert_str_eq(deleted->str, "");
    refuse_add("pci-testdev,id=t,addr=6", "already");
    mainloop_iterate(false);
    ck_assert_str_eq(deleted->str, "t ");
    ck_assert_ptr_null(device_find("t"));

    /* Cold-plugged ones go the same way, without being asked too. */
    outl(EJECT, 1u << 3);
    mainloop_iterate(false);
    ck_assert_str_eq(deleted->str, "t cold ");

    /* Gone before the guest saw it come. */
    add("pci-testdev,id=u,addr=6");
    outl(EJECT, 1u << 6);
    ck_assert_uint_eq(inl(UP), 0);
    device_free(pm);
}
END_TEST

START_TEST(test_refused)
{
    setup();
    refuse_add("", "driver");
    refuse_add("pci-testdef", "did you mean");
    refuse_add("PIIX4_PM", "part of the machine");
    refuse_add("pci-testdev,bus=pci.9", "no bus");
    refuse_add("pci-testdev,addr=1.3", "taken");
    refuse_add("pci-testdev,addr=20", "wants");
    refuse_add("pci-testdev,membar=3", "power of two");
    refuse_del("t", "no device");
    add("isa-debug-exit,id=fixed");
    device_hotplug_begin();
    refuse_add("isa-debug-exit,iobase=0x400", "while the machine runs");
    refuse_del("fixed", "cannot be unplugged");
    outl(EJECT, 1u << 1); /* the PM function's slot */
    ck_assert_uint_eq(config_read(PCI_DEVFN(1, 3), 0, 4), 0x71138086);
    ck_assert_uint_eq(inl(RMV), ~2u);
    outl(BUSNO, 3);
    ck_assert_uint_eq(inl(RMV), 0);
    ck_assert_uint_eq(inl(BUSNO), 3);
    add("pci-testdev,id=t,addr=4");
    outl(EJECT, 1u << 4);
    ck_assert_uint_eq(inl(UP), 0);
    outl(BUSNO, 0);
    ck_assert_uint_eq(inl(UP), 1u << 4);
    mainloop_iterate(false);
    ck_assert_str_eq(deleted->str, "");
    device_free(pm);
}
END_TEST

START_TEST(test_functions)
{
    setup();
    device_hotplug_begin();
    add("pci-testdev,id=b,addr=7.1");
    ck_assert_uint_eq(inl(UP), 0); /* function 0 announces */
    refuse_add("pci-testdev,id=a,addr=7.0", "multifunction");
    add("pci-testdev,id=a,addr=7.0,multifunction=on");
    ck_assert_uint_eq(inl(UP), 1u << 7);
    del("b");
    outl(EJECT, inl(DOWN));
    mainloop_iterate(false);
    ck_assert_str_eq(deleted->str, "a b ");
    device_free(pm);
}
END_TEST

START_TEST(test_reset_answers)
{
    setup();
    device_hotplug_begin();
    add("pci-testdev,id=a,addr=4");
    add("pci-testdev,id=b,addr=5");
    del("b");
    device_reset_all(RESET_COLD);
    ck_assert_uint_eq(inl(UP) | inl(DOWN), 0);
    ck_assert_uint_eq(config_read(PCI_DEVFN(5, 0), 0, 4), 0xffffffff);
    mainloop_iterate(false);
    ck_assert_str_eq(deleted->str, "b ");
    device_free(pm);
}
END_TEST

/* _OST: slot, event and status. */
START_TEST(test_guest_refuses)
{
    setup();
    device_hotplug_begin();
    refused = g_string_new(NULL);
    device_add_refused_notifier(&refused_notifier);
    add("pci-testdev,id=a,addr=4");
    outl(OST, 4 | 3 << 8 | 0x82 << 16); /* to nothing */
    del("a");
    outl(OST, 4 | 3 << 8 | 0x84 << 16); /* it may still come */
    outl(OST, 4 | 3 << 8);
    outl(OST, 4 | 1 << 8 | 0x82 << 16); /* about its coming */
    outl(OST, 9 | 3 << 8 | 0x82 << 16);
    ck_assert_str_eq(refused->str, "");
    ck_assert_uint_eq(inl(DOWN), 1u << 4);
    outl(OST, 4 | 3 << 8 | 0x82 << 16);
    ck_assert_str_eq(refused->str, "a ");
    ck_assert_uint_eq(inl(DOWN), 0);
    del("a"); /* at once */
    outl(EJECT, inl(DOWN));
    mainloop_iterate(false);
    ck_assert_str_eq(deleted->str, "a ");
    device_remove_refused_notifier(&refused_notifier);
    g_string_free(refused, TRUE);
    device_free(pm);
}
END_TEST

START_TEST(test_many)
{
    setup();
    device_hotplug_begin();
    for (unsigned i = 0; i < 100; i++) {
        add("pci-testdev,id=x,membar=64K");
        uint32_t slot = inl(UP);
        config_write((uint8_t)(__builtin_ctz(slot) << 3), 4, 7, 2);
        del("x");
        outl(EJECT, inl(DOWN));
        mainloop_iterate(false);
        ck_assert_ptr_null(device_find("x"));
    }
    dev_check_vmstate(pm);
    device_free(pm);
}
END_TEST

TEST_MAIN("hotplug", test_add_and_remove, test_refused, test_functions, test_reset_answers,
          test_guest_refuses, test_many)
