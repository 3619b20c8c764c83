/* SPDX-License-Identifier: MIT */
/*
 * The `pc` machine: 440FX, PIIX3, PIIX4 power management, and the devices of a PC of the late 1990s
 * with SMP and ACPI around them. Names and addresses are those guests know from QEMU's machine of the
 * same name.
 */
#include "hw/machine/pc.h"

#include <errno.h>

#include "hw/acpi/acpi_pm.h"
#include "hw/acpi/dsdt-pc.aml.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/acpi/tables.h"
#include "hw/core/device.h"
#include "hw/core/lock.h"
#include "hw/dma/i8237.h"
#include "hw/ide/piix3_ide.h"
#include "hw/input/i8042.h"
#include "hw/intc/apic.h"
#include "hw/intc/gsi.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/isa/piix3.h"
#include "hw/machine/boot.h"
#include "hw/machine/smbios.h"
#include "hw/misc/fpu_error.h"
#include "hw/misc/pcspk.h"
#include "hw/misc/port92.h"
#include "hw/nvram/fw_cfg.h"
#include "hw/pci/i440fx.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "hw/timer/mc146818rtc.h"
#include "system/cpu.h"
#include "system/hostmem.h"
#include "system/cpu_model.h"
#include "system/runstate.h"
#include "system/version.h"
#include "util/error.h"

#define LOW_RAM_MAX     0xe0000000ull /* all RAM below 4 GiB if it fits here ... */
#define LOW_RAM_SPLIT   0xc0000000ull /* ... else this much */
#define PCI_WINDOW_LAST 0xfebfffffull
#define PC_MAX_CPUS     255
#define IOAPIC_ID       0

#define CMOS_SHUTDOWN_STATUS 0x0f
#define SHUTDOWN_S3_WAKE     0xfe

struct pc {
    const struct machine_config *cfg;
    struct mem_region ram, pci_memory;
    uint64_t below_4g;
    struct pci_bus *pci;
    struct isa_bus *isa;
    struct device *pic, *ioapic, *gsi, *pit, *rtc, *hpet, *dma, *fw_cfg, *apics[PC_MAX_CPUS];
    struct irq ferr, a20_in[2];
    bool a20[2]; /* by keyboard controller, by port 92h */
    struct boot_plan plan;
    struct reset_handler direct;
    struct notifier suspend;
};

static struct pc pc;

/* --- making devices --------------------------------------------------------------------------- */

static struct device *make(const char *name, struct bus *bus, struct error **err)
{
    struct device *dev = device_new(name, NULL, err);

    if (dev && device_realize(dev, bus, err) < 0) {
        device_free(dev);
        return NULL;
    }
    return dev;
}

static struct device *make_isa(const char *name, struct error **err)
{
    return make(name, &pc.isa->bus, err);
}

/* --- interrupts ------------------------------------------------------------------------------- */

static int make_interrupts(struct error **err)
{
    for (unsigned i = 0; i < pc.cfg->smp.cpus; i++) {
        struct device *apic = device_new("apic", NULL, err);
        if (!apic) {
            return -EINVAL;
        }
        device_set_u64(apic, "cpu", i);
        device_set_u64(apic, "id", cpu_apic_id(i));
        device_set_u64(apic, "x2apic", cpu_has_x2apic());
        if (device_realize(apic, NULL, err) < 0) {
            return -EINVAL;
        }
        pc.apics[i] = apic;
    }
    pc.pic = make_isa("isa-i8259", err);
    pc.ioapic = pc.pic ? make("ioapic", NULL, err) : NULL;
    pc.gsi = pc.ioapic ? gsi_new(pc.pic, pc.ioapic, err) : NULL;
    if (!pc.gsi) {
        return -EINVAL;
    }
    i8259_set_output(pc.pic, apic_bus_lint(0));
    apic_bus_set_pic(pc.pic);
    for (unsigned n = 0; n < ISA_IRQ_COUNT; n++) {
        piix3_connect_irq(pc.isa, n, gsi_input(pc.gsi, n));
    }
    return 0;
}

static void ferr_changed(void *opaque, bool asserted)
{
    bool taken = device_lock_acquire();

    irq_set(opaque, asserted);
    device_lock_restore(taken);
}

/* --- suspend: firmware finds in CMOS why the CPU starts ---------------------------------------- */

static void suspended(struct notifier *n, void *data)
{
    rtc_set_memory(pc.rtc, CMOS_SHUTDOWN_STATUS, SHUTDOWN_S3_WAKE);
}

/* --- A20: either gate opens it ---------------------------------------------------------------- */

static void a20_changed(void *opaque, int n, int level)
{
    pc.a20[n] = level;
    cpu_set_a20(pc.a20[0] || pc.a20[1]);
}

/* --- timers and the rest of the ISA bus --------------------------------------------------------- */

static int make_timers(struct error **err)
{
    pc.pit = make_isa("isa-pit", err);
    pc.rtc = pc.pit ? device_new("mc146818rtc", NULL, err) : NULL;
    if (!pc.rtc || device_set_prop(pc.rtc, "base", pc.cfg->rtc_base, err) < 0 ||
        device_set_prop(pc.rtc, "clock", pc.cfg->rtc_clock, err) < 0 ||
        device_realize(pc.rtc, &pc.isa->bus, err) < 0) {
        error_prepend(err, "-rtc: ");
        return -EINVAL;
    }
    pc.suspend.notify = suspended;
    runstate_add_suspend_notifier(&pc.suspend);
    struct irq *irq0 = pc.isa->irqs[0], *irq8 = pc.isa->irqs[8];
    if (pc.cfg->hpet) {
        pc.hpet = make("hpet", NULL, err);
        if (!pc.hpet) {
            return -EINVAL;
        }
        for (unsigned n = 0; n < HPET_OUTPUTS; n++) {
            hpet_set_output(pc.hpet, n, gsi_input(pc.gsi, n));
        }
        irq0 = hpet_legacy_input(pc.hpet, HPET_LEGACY_PIT);
        irq8 = hpet_legacy_input(pc.hpet, HPET_LEGACY_RTC);
    }
    i8254_set_output(pc.pit, irq0);
    rtc_set_output(pc.rtc, irq8);
    struct device *speaker = device_new("isa-pcspk", NULL, err);
    if (!speaker) {
        return -EINVAL;
    }
    pcspk_set_pit(speaker, pc.pit);
    return device_realize(speaker, &pc.isa->bus, err);
}

static int make_port(const char *class, unsigned index, struct chardev *chr, struct error **err)
{
    struct device *dev = chr ? device_new(class, NULL, err) : NULL;

    if (!chr) {
        return 0;
    }
    if (!dev) {
        return -EINVAL;
    }
    device_set_u64(dev, "index", index);
    device_set_ptr(dev, "chardev", chr);
    return device_realize(dev, &pc.isa->bus, err);
}

static int make_ports(struct error **err)
{
    for (unsigned i = 0; i < MACHINE_SERIAL_MAX; i++) {
        if (make_port("isa-serial", i, pc.cfg->serial[i], err) < 0) {
            return -EINVAL;
        }
    }
    for (unsigned i = 0; i < MACHINE_PARALLEL_MAX; i++) {
        if (make_port("isa-parallel", i, pc.cfg->parallel[i], err) < 0) {
            return -EINVAL;
        }
    }
    if (pc.cfg->debugcon) {
        struct device *dev = device_new("isa-debugcon", NULL, err);
        if (!dev) {
            return -EINVAL;
        }
        device_set_ptr(dev, "chardev", pc.cfg->debugcon);
        return device_realize(dev, &pc.isa->bus, err);
    }
    return 0;
}

static int make_isa_devices(struct error **err)
{
    irq_init_array(pc.a20_in, ARRAY_SIZE(pc.a20_in), a20_changed, NULL);
    struct device *kbc = make_isa("i8042", err);
    pc.dma = kbc ? make_isa("i8237", err) : NULL;
    struct device *port92 = pc.dma ? make_isa("port92", err) : NULL;
    struct device *fpu_error = port92 ? make_isa("isa-fpu-error", err) : NULL;
    pc.fw_cfg = fpu_error ? make_isa("fw_cfg", err) : NULL;
    if (!pc.fw_cfg) {
        return -EINVAL;
    }
    i8042_set_a20(kbc, &pc.a20_in[0]);
    port92_set_a20(port92, &pc.a20_in[1]);
    fpu_error_set_output(fpu_error, pc.isa->irqs[13]);
    cpu_set_ferr_handler(ferr_changed, fpu_error_input(fpu_error));
    return make_ports(err);
}

/* --- PCI -------------------------------------------------------------------------------------- */

/* The device of the graphics card, NULL for none. */
static const char *vga_device(void)
{
    if (!pc.cfg->vga && pc.cfg->no_defaults) {
        return NULL;
    }
    return (pc.cfg->vga ? pc.cfg->vga : &machine_cards[0])->device;
}

/* Function 2 of the PIIX3. */
static int make_usb(struct error **err)
{
    struct device *uhci = pc.cfg->usb ? device_new("piix3-usb-uhci", NULL, err) : NULL;

    if (!pc.cfg->usb) {
        return 0;
    }
    if (!uhci) {
        return -EINVAL;
    }
    device_set_u64(uhci, "addr", PCI_DEVFN(1, 2));
    return device_realize(uhci, &pc.pci->bus, err);
}

static int make_pci_devices(struct error **err)
{
    bool ide = piix3_ide_create(pc.pci, pc.isa->irqs[14], pc.isa->irqs[15], err) != NULL;
    struct device *pm = ide ? piix4_pm_create(pc.pci, pc.isa->irqs[9], err) : NULL;
    if (!pm || make_usb(err) < 0) {
        return -EINVAL;
    }
    rtc_set_alarm_output(pc.rtc, &piix4_pm_acpi(pm)->alarm_in);
    const char *vga = vga_device();
    return !vga || make(vga, &pc.pci->bus, err) ? 0 : -EINVAL;
}

/* --- tables and boot -------------------------------------------------------------------------- */

static struct acpi_tables *make_acpi(void)
{
    struct acpi_machine m = {
        .dsdt = dsdt_pc_aml,
        .dsdt_len = sizeof(dsdt_pc_aml),
        .cpus = pc.cfg->smp.cpus,
        .max_cpus = pc.cfg->smp.maxcpus,
        .pci_first = MAX(pc.below_4g, 0x80000000ull),
        .pci_last = PCI_WINDOW_LAST,
        .hpet = pc.cfg->hpet,
        .keyboard = true,
        .serial = {pc.cfg->serial[0] != NULL, pc.cfg->serial[1] != NULL},
        .parallel = pc.cfg->parallel[0] != NULL,
        .ioapic_id = IOAPIC_ID,
        .sci = 9,
        .pm_base = PIIX4_PM_BASE,
        .gpe_base = PIIX4_GPE_BASE,
        .smi_cmd = PIIX4_SMI_CMD,
        .acpi_enable = PIIX4_ACPI_ENABLE,
        .acpi_disable = PIIX4_ACPI_DISABLE,
        .level_irqs = 1u << 5 | 1u << 9 | 1u << 10 | 1u << 11,
    };

    return pc.cfg->acpi ? acpi_tables_build(&m) : NULL;
}

static void reset_for_direct_boot(struct reset_handler *h, enum reset_kind kind)
{
    pc_direct_boot_chipset(pc.pci, pc.below_4g);
    apic_set_virtual_wire(pc.apics[0]);
    i8237_set_cascade(pc.dma);
}

static int prepare_kernel(struct acpi_tables *acpi, struct smbios_tables smbios, struct error **err)
{
    pc.plan = (struct boot_plan){.cfg = pc.cfg,
                                 .below_4g = pc.below_4g,
                                 .acpi = acpi,
                                 .smbios = smbios,
                                 .screen = vga_device() != NULL};
    pc.direct.reset = reset_for_direct_boot;
    reset_handler_add(&pc.direct); /* before the images, which want RAM below 1 MiB writable */
    int ret = boot_load(&pc.plan, err);
    if (ret == 0 && pc.plan.firmware) {
        reset_handler_remove(&pc.direct);
        boot_publish_rom(pc.fw_cfg);
    }
    return ret;
}

static int prepare_boot(struct error **err)
{
    const char *order = pc.cfg->boot_order ? pc.cfg->boot_order : "cad";
    struct acpi_tables *acpi = make_acpi();

    pc_cmos_init(pc.cfg, pc.below_4g, pc.cfg->boot_once ? pc.cfg->boot_once : order, pc.rtc);
    pc_fw_cfg_init(pc.cfg, pc.below_4g, pc.fw_cfg);
    struct smbios_tables smbios = smbios_build(pc.cfg, "pc", DOPPEL_VERSION);
    smbios_publish(&smbios, pc.fw_cfg);
    if (acpi) {
        acpi_tables_publish(acpi, pc.fw_cfg);
    }
    int ret = pc.cfg->kernel ? prepare_kernel(acpi, smbios, err) : 0;
    if (!pc.cfg->kernel && (pc.cfg->initrd || pc.cfg->append)) {
        error_set(err, "-initrd and -append need -kernel");
        ret = -EINVAL;
    }
    smbios_free(&smbios);
    if (acpi) {
        acpi_tables_free(acpi);
    }
    return ret;
}

static int pc_init(const struct machine_config *cfg, struct error **err)
{
    pc.cfg = cfg;
    pc.below_4g = cfg->ram_size <= LOW_RAM_MAX ? cfg->ram_size : LOW_RAM_SPLIT;
    cpu_set_address_spaces(&as_memory, &as_smm, &as_io);
    if (mem_region_init_ram(&pc.ram, "pc.ram", cfg->ram_size, err) < 0) {
        return -ENOMEM;
    }
    if (cfg->memory_backend && hostmem_apply(cfg->memory_backend, pc.ram.ram, err) < 0) {
        return -EINVAL;
    }
    mem_region_init_container(&pc.pci_memory, "pci", BIT(52));
    if (pc_firmware_init(cfg, &pc.pci_memory, err) < 0) {
        return -EINVAL;
    }
    pc.pci = i440fx_create(&pc.ram, pc.below_4g, &pc.pci_memory, err);
    pc.isa = pc.pci ? piix3_create(pc.pci, err) : NULL;
    if (!pc.isa || make_interrupts(err) < 0 || make_timers(err) < 0 || make_isa_devices(err) < 0 ||
        make_pci_devices(err) < 0) {
        return -EINVAL;
    }
    return prepare_boot(err);
}

static int pc_set_boot_order(const char *order, struct error **err)
{
    for (const char *p = order; *p; p++) {
        if (*p < 'a' || *p > 'p' || strchr(p + 1, *p)) {
            error_set(err, "'%s' is not a list of different letters from a to p", order);
            return -EINVAL;
        }
    }
    pc_put_boot_order(order, pc.rtc);
    return 0;
}

MACHINE_DEFINE(pc, .name = "pc-i440fx-1.0", .alias = "pc", .help = "PC with 440FX and PIIX3",
               .is_default = true, .max_cpus = PC_MAX_CPUS, .default_cpu = "max", .default_ram_id = "pc.ram", .min_ram = MIB(1),
               .max_ram = GIB(512), .extra_ram = MIB(512), .init = pc_init,
               .set_boot_order = pc_set_boot_order);
