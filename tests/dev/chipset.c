/* SPDX-License-Identifier: MIT */
/* 440FX: PAM in all modes, SMRAM; PIIX3: PIRQ steering, reset control; both under random writes. */
#include "hw/isa/piix3.h"
#include "hw/pci/i440fx.h"

#include "system/runstate.h"
#include "tests/dev/pcibus.h"

#define BRIDGE 0
#define PIIX3  PCI_DEVFN(1, 0)

static struct mem_region ram, pci_memory, rom, vga;
static struct pci_bus *bus;
static struct isa_bus *isa;
static struct wire lines[16];
static struct device *cards[4];
static enum reset_reason reset_asked;

/* Replaced for this test: see tests/dev/build.mk. */
void __wrap_runstate_request_reset(enum reset_reason reason);
void __wrap_runstate_request_reset(enum reset_reason reason)
{
    reset_asked = reason;
}

/* A function with an interrupt pin. */
static const struct pci_info card_info = {
    .vendor = 1, .device = 1, .class_code = PCI_CLASS_OTHERS, .int_pin = 1};
DEVICE_DEFINE(card, .name = "test-intx", .bus = BUS_PCI, .state_size = sizeof(struct pci_device),
              .pci = &card_info, .vmstate = &pci_device_vmstate);

static void setup(void)
{
    struct error *err = NULL;

    memory_init();
    device_lock();
    clock_manual(true);
    ck_assert_int_eq(mem_region_init_ram(&ram, "ram", MIB(8), NULL), 0);
    mem_region_init_container(&pci_memory, "pci", BIT(40));
    ck_assert_int_eq(mem_region_init_rom(&rom, "rom", 0x40000, NULL), 0);
    ck_assert_int_eq(mem_region_init_ram(&vga, "vga", 0x20000, NULL), 0);
    mem_region_add(&pci_memory, 0xc0000, &rom);
    mem_region_add(&pci_memory, 0xa0000, &vga);
    memset(ram_ptr(rom.ram), 0xbb, 0x40000);
    memset(ram_ptr(vga.ram), 0xcc, 0x20000);
    memset(ram_ptr(ram.ram), 0xaa, MIB(8));
    bus = i440fx_create(&ram, MIB(8), &pci_memory, &err);
    ck_assert_msg(bus != NULL, "%s", err ? error_msg(err) : "");
    isa = piix3_create(bus, &err);
    ck_assert_msg(isa != NULL, "%s", err ? error_msg(err) : "");
    for (unsigned i = 0; i < 16; i++) {
        wire_init(&lines[i]);
        piix3_connect_irq(isa, i, &lines[i].irq);
    }
    for (unsigned i = 0; i < 4; i++) {
        cards[i] = dev_new("test-intx");
        device_set_u64(cards[i], "addr", PCI_DEVFN(i + 4, 0));
        ck_assert_int_eq(device_realize(cards[i], &bus->bus, &err), 0);
    }
    device_reset_all(RESET_COLD);
}

static uint8_t peek(gpa_t a)
{
    return addr_space_ldub(&as_memory, a);
}

static void poke(gpa_t a, uint8_t v)
{
    addr_space_stb(&as_memory, a, v);
}

START_TEST(test_config_ports)
{
    setup();
    ck_assert_uint_eq(config_read(BRIDGE, 0, 4), 0x12378086);
    ck_assert_uint_eq(config_read(PIIX3, 0, 4), 0x70008086);
    io_port_write(0xcf8, 0x80000800, 4); /* CF9h inside it is another register */
    ck_assert_uint_eq(io_port_read(0xcf8, 4), 0x80000800);
    ck_assert_uint_eq(io_port_read(0xcfc, 4), 0x70008086);
    ck_assert_uint_eq(reset_asked, RESET_REASON_NONE);
    io_port_write(0xcf8, 0x8000ff06, 4);
    ck_assert_uint_eq(reset_asked, RESET_REASON_NONE);
    ck_assert_uint_eq(config_read(BRIDGE, 0x2c, 4), 0x11001af4);
}
END_TEST

/* The first byte of each of the 13 segments, its register and shift. */
static void segment(unsigned i, gpa_t *base, uint64_t *size, unsigned *reg, unsigned *shift)
{
    *base = i ? 0xc0000 + (i - 1) * 0x4000 : 0xf0000;
    *size = i ? 0x4000 : 0x10000;
    *reg = 0x59 + (i + 1) / 2;
    *shift = i % 2 ? 0 : 4;
}

START_TEST(test_pam)
{
    setup();
    for (unsigned i = 0; i < 13; i++) {
        unsigned reg, shift;
        uint64_t size;
        gpa_t base;
        segment(i, &base, &size, &reg, &shift);
        gpa_t at = base + size - 1;
        uint8_t *shadow = ram_ptr(ram.ram) + at;
        ck_assert_uint_eq(peek(at), 0xbb);
        poke(at, 1);
        ck_assert_uint_eq(peek(at), 0xbb);
        ck_assert_uint_eq(*shadow, 0xaa);
        config_write(BRIDGE, reg, 2u << shift, 1); /* write only */
        ck_assert_uint_eq(peek(at), 0xbb);
        dirty_clear(DIRTY_VGA, ram.ram, MIB(1));
        poke(at, 0x11);
        ck_assert_uint_eq(peek(at), 0xbb);
        ck_assert_uint_eq(*shadow, 0x11);
        ck_assert(dirty_test(DIRTY_VGA, ram.ram + at, 1));
        addr_space_stq_le(&as_memory, base, 0x1122334455667788);
        ck_assert_uint_eq(ld_le64(ram_ptr(ram.ram) + base), 0x1122334455667788);
        ck_assert_uint_eq(addr_space_ldq_le(&as_memory, base), 0xbbbbbbbbbbbbbbbb);
        config_write(BRIDGE, reg, 1u << shift, 1); /* read only */
        ck_assert_uint_eq(peek(at), 0x11);
        poke(at, 0x22);
        ck_assert_uint_eq(peek(at), 0x11);
        config_write(BRIDGE, reg, 3u << shift, 1);
        poke(at, 0x33);
        ck_assert_uint_eq(peek(at), 0x33);
        device_reset_all(RESET_WAKE); /* shadow RAM survives suspend to RAM */
        ck_assert_uint_eq(peek(at), 0x33);
        ck_assert_uint_eq(peek(base - 1), i == 1 ? 0xcc : i && i != 0 ? peek(base - 1) : 0xbb);
    }
    config_write(BRIDGE, 0x59, 0xff, 1);
    ck_assert_uint_eq(config_read(BRIDGE, 0x59, 1), 0x33);
    device_reset_all(RESET_COLD);
    ck_assert_uint_eq(peek(0xfffff), 0xbb);
    config_write(BRIDGE, 0x58, 0x33333333, 4); /* several at once */
    config_write(BRIDGE, 0x5c, 0x33333333, 4);
    ck_assert_uint_eq(peek(0xfffff), 0x33);
    ck_assert_uint_eq(peek(0xd0000), 0x88);
}
END_TEST

static uint8_t smm_peek(gpa_t a)
{
    return addr_space_ldub(&as_smm, a);
}

START_TEST(test_smram)
{
    setup();
    ck_assert_uint_eq(config_read(BRIDGE, 0x72, 1), 0x02);
    ck_assert_uint_eq(peek(0xa0000), 0xcc);
    ck_assert_uint_eq(smm_peek(0xa0000), 0xcc);
    config_write(BRIDGE, 0x72, 0x4a, 1); /* open */
    ck_assert_uint_eq(peek(0xa0000), 0xaa);
    poke(0xbffff, 0x55);
    ck_assert_uint_eq(smm_peek(0xbffff), 0x55);
    config_write(BRIDGE, 0x72, 0x0a, 1); /* closed */
    ck_assert_uint_eq(peek(0xbffff), 0xcc);
    ck_assert_uint_eq(smm_peek(0xbffff), 0x55);
    ck_assert_uint_eq(smm_peek(0x9ffff), 0xaa);
    config_write(BRIDGE, 0x70, 0x005a0000, 4); /* locked: never open again */
    ck_assert_uint_eq(config_read(BRIDGE, 0x72, 1), 0x1a);
    ck_assert_uint_eq(peek(0xbffff), 0xcc);
    config_write(BRIDGE, 0x72, 0x40, 1);
    ck_assert_uint_eq(config_read(BRIDGE, 0x72, 1), 0x1a);
    ck_assert_uint_eq(peek(0xbffff), 0xcc);
    ck_assert_uint_eq(smm_peek(0xbffff), 0x55);
    device_reset_all(RESET_COLD);
    ck_assert_uint_eq(smm_peek(0xbffff), 0xcc);
}
END_TEST

START_TEST(test_pirq)
{
    setup();
    for (unsigned i = 0; i < 4; i++)
        ck_assert_uint_eq(config_read(PIIX3, 0x60 + i, 1), 0x80);
    pci_set_irq(pci_device(cards[1]), 1); /* slot 5 INTA: PIRQA */
    config_write(PIIX3, 0x60, 10, 1);
    ck_assert_int_eq(lines[10].level, 1);
    config_write(PIIX3, 0x60, 11, 1); /* moved while asserted */
    ck_assert_int_eq(lines[10].level, 0);
    ck_assert_int_eq(lines[11].level, 1);
    config_write(PIIX3, 0x60, 0x0b0b0b0b, 4); /* all on one */
    pci_set_irq(pci_device(cards[2]), 1);
    pci_set_irq(pci_device(cards[1]), 0);
    ck_assert_int_eq(lines[11].level, 1);
    irq_raise(&isa->lines[11].inputs[0]); /* an ISA device on the same line */
    pci_set_irq(pci_device(cards[2]), 0);
    ck_assert_int_eq(lines[11].level, 1);
    irq_raise(&isa->lines[11].inputs[1]); /* and another */
    irq_lower(&isa->lines[11].inputs[0]);
    ck_assert_int_eq(lines[11].level, 1);
    irq_lower(&isa->lines[11].inputs[1]);
    ck_assert_int_eq(lines[11].level, 0);
    pci_set_irq(pci_device(cards[1]), 1);
    for (unsigned n = 0; n < 16; n++) {
        bool allowed = n > 2 && n != 8 && n != 13;
        config_write(PIIX3, 0x60, n, 1);
        ck_assert_int_eq(lines[n].level, allowed);
    }
    config_write(PIIX3, 0x60, 0x8b, 1);
    for (unsigned n = 0; n < 16; n++)
        ck_assert_int_eq(lines[n].level, 0);
    config_write(PIIX3, 0x60, 5, 1);
    dev_check_vmstate(&bus->devices[PIIX3]->dev);
    device_reset_all(RESET_COLD);
    ck_assert_int_eq(lines[5].level, 0);
}
END_TEST

START_TEST(test_reset_control)
{
    setup();
    ck_assert_uint_eq(inb(0xcf9), 0);
    outb(0xcf9, 2);
    ck_assert_uint_eq(inb(0xcf9), 2);
    ck_assert_uint_eq(reset_asked, RESET_REASON_NONE);
    outb(0xcf9, 6);
    ck_assert_uint_eq(reset_asked, RESET_REASON_GUEST);
    reset_asked = RESET_REASON_NONE;
    outb(0xcf9, 0);
    outb(0xcf9, 4);
    ck_assert_uint_eq(reset_asked, RESET_REASON_GUEST_WARM);
}
END_TEST

START_TEST(test_fuzz)
{
    setup();
    for (unsigned i = 0; i < 2000; i++) {
        dev_fuzz_config(BRIDGE, 4);
        dev_fuzz_config(PIIX3, 4);
        dev_fuzz_ports(0xcf8, 8, 2);
        pci_set_irq(pci_device(cards[dev_random() % 4]), dev_random() & 1);
        dev_fuzz_memory(0x9fff0, 0x60020, 10);
        addr_space_ldub(&as_smm, 0xa0000 + dev_random() % 0x20000);
    }
    dev_check_vmstate(&bus->devices[BRIDGE]->dev);
    dev_check_vmstate(&bus->devices[PIIX3]->dev);
}
END_TEST

TEST_MAIN("chipset", test_config_ports, test_pam, test_smram, test_pirq, test_reset_control,
          test_fuzz)
