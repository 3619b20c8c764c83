/* SPDX-License-Identifier: MIT */
/*
 * Intel 82371AB (PIIX4) function 3: power management and SMBus (data sheet 290562-001, chapters 7
 * and 11). ACPI registers at PMBA, the APM control and status ports B2h and B3h with their SMI, the
 * SMBus host controller with nothing on its bus. The GPE block sits at its own fixed ports, as the
 * tables say (firmware expects it there).
 *
 * Not modelled: device monitors, throttling, the idle timers.
 */
#include "hw/acpi/piix4_pm.h"

#include "hw/acpi/acpi_pm.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "system/cpu.h"
#include "util/error.h"

#define PM_PMBA             0x40
#define PM_DEVACTB          0x58
#define PM_DEVACTB_APMC_EN  0x02000000u
#define PM_PMREGMISC        0x80
#define PM_PMREGMISC_PMIOSE 0x01u
#define PM_SMBBA            0x90
#define PM_SMBHSTCFG        0xd2
#define PM_SMBHSTCFG_EN     0x01u

#define SMB_STS_DEV_ERR 0x04u
#define SMB_STS_W1C     0x1eu
#define SMB_CNT_START   0x40u
#define SMB_CNT_READ    0x1fu

struct piix4_pm {
    struct pci_device pci;
    struct acpi_pm pm;
    struct acpi_pci_hotplug hotplug;
    struct mem_region pm_io;  /* 64 bytes at PMBA */
    struct mem_region apm_io; /* B2h, B3h */
    struct mem_region smb_io; /* 16 bytes at SMBBA */
    uint8_t apmc, apms;
    uint8_t smb_sts, smb_cnt, smb_cmd, smb_addr, smb_data[2];
};

static struct piix4_pm *pm_of(struct device *dev)
{
    return container_of(dev, struct piix4_pm, pci.dev);
}

/* --- APM: the SMI command port ---------------------------------------------------------------- */

static uint64_t apm_read(void *opaque, uint64_t off, unsigned size)
{
    struct piix4_pm *s = opaque;
    return off ? s->apms : s->apmc;
}

static void apm_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct piix4_pm *s = opaque;

    if (off) {
        s->apms = (uint8_t)val;
        return;
    }
    s->apmc = (uint8_t)val;
    /* A board whose firmware leaves no SMI handler for it: the chip itself hands ACPI over. */
    if (val == PIIX4_ACPI_ENABLE || val == PIIX4_ACPI_DISABLE) {
        acpi_pm_set_sci_enabled(&s->pm, val == PIIX4_ACPI_ENABLE);
    }
    if ((pci_get_long(&s->pci, PM_DEVACTB) & PM_DEVACTB_APMC_EN) && vcpu_current()) {
        vcpu_raise_event(vcpu_current(), VCPU_EV_SMI);
    }
}

static const struct mem_ops apm_ops = {
    .read = apm_read, .write = apm_write, .valid = {1, 1, false}, .impl = {1, 1, false}};

/* --- SMBus ------------------------------------------------------------------------------------ */

enum { SMB_HSTSTS, SMB_SLVSTS, SMB_HSTCNT, SMB_HSTCMD, SMB_HSTADD, SMB_HSTDAT0, SMB_HSTDAT1 };

static uint64_t smb_read(void *opaque, uint64_t off, unsigned size)
{
    struct piix4_pm *s = opaque;

    switch (off) {
    case SMB_HSTSTS:
        return s->smb_sts;
    case SMB_HSTCNT:
        return s->smb_cnt & SMB_CNT_READ;
    case SMB_HSTCMD:
        return s->smb_cmd;
    case SMB_HSTADD:
        return s->smb_addr;
    case SMB_HSTDAT0:
    case SMB_HSTDAT1:
        return s->smb_data[off - SMB_HSTDAT0];
    }
    return 0;
}

static void smb_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct piix4_pm *s = opaque;

    switch (off) {
    case SMB_HSTSTS:
        s->smb_sts &= (uint8_t) ~(val & SMB_STS_W1C);
        break;
    case SMB_HSTCNT:
        s->smb_cnt = (uint8_t)val;
        /* Nobody acknowledges any address. */
        s->smb_sts |= val & SMB_CNT_START ? SMB_STS_DEV_ERR : 0;
        break;
    case SMB_HSTCMD:
        s->smb_cmd = (uint8_t)val;
        break;
    case SMB_HSTADD:
        s->smb_addr = (uint8_t)val;
        break;
    case SMB_HSTDAT0:
    case SMB_HSTDAT1:
        s->smb_data[off - SMB_HSTDAT0] = (uint8_t)val;
        break;
    }
}

static const struct mem_ops smb_ops = {
    .read = smb_read, .write = smb_write, .valid = {1, 4, false}, .impl = {1, 1, false}};

/* --- configuration ---------------------------------------------------------------------------- */

static void update_mapping(struct piix4_pm *s)
{
    const uint8_t *config = s->pci.config;

    mem_txn_begin();
    mem_region_set_offset(&s->pm_io, ld_le32(config + PM_PMBA) & 0xffc0);
    mem_region_set_enabled(&s->pm_io, config[PM_PMREGMISC] & PM_PMREGMISC_PMIOSE);
    mem_region_set_offset(&s->smb_io, ld_le32(config + PM_SMBBA) & 0xfff0);
    mem_region_set_enabled(&s->smb_io, config[PM_SMBHSTCFG] & PM_SMBHSTCFG_EN);
    mem_txn_commit();
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old)
{
    update_mapping(container_of(pci, struct piix4_pm, pci));
}

static void init_config(struct piix4_pm *s)
{
    uint8_t *config = s->pci.config, *wmask = s->pci.wmask;

    pci_put_word(&s->pci, PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    config[PCI_INTERRUPT_PIN] = 1; /* INTA#, though SCI and SMI have wires of their own */
    st_le32(config + PM_PMBA, 1);  /* I/O space */
    st_le32(wmask + PM_PMBA, 0xffc0);
    memset(wmask + 0x44, 0xff, 0x3c); /* count registers, DEVACTB, resource registers: storage */
    wmask[PM_PMREGMISC] = PM_PMREGMISC_PMIOSE;
    st_le32(config + PM_SMBBA, 1);
    st_le32(wmask + PM_SMBBA, 0xfff0);
    wmask[PM_SMBHSTCFG] = 0x0f;
    memset(wmask + PM_SMBHSTCFG + 1, 0xff, 3);
}

static int piix4_pm_realize(struct device *dev, struct error **err)
{
    struct piix4_pm *s = pm_of(dev);

    init_config(s);
    acpi_pm_init(&s->pm, s->pm.sci);
    mem_region_init_container(&s->pm_io, "piix4-pm", 64);
    mem_region_add(&s->pm_io, 0, &s->pm.evt_io);
    mem_region_add(&s->pm_io, 4, &s->pm.cnt_io);
    mem_region_add(&s->pm_io, 8, &s->pm.tmr_io);
    mem_region_init_io(&s->apm_io, "apm", 2, &apm_ops, s);
    mem_region_init_io(&s->smb_io, "piix4-smbus", 16, &smb_ops, s);
    mem_region_add(as_io.root, 0, &s->pm_io);
    mem_region_add(as_io.root, 0, &s->smb_io);
    mem_region_add(as_io.root, PIIX4_SMI_CMD, &s->apm_io);
    mem_region_add(as_io.root, PIIX4_GPE_BASE, &s->pm.gpe_io);
    acpi_pci_hotplug_init(&s->hotplug, s->pci.bus, &s->pm);
    mem_region_add(as_io.root, ACPI_PCI_HOTPLUG_BASE, &s->hotplug.io);
    update_mapping(s);
    return 0;
}

static void piix4_pm_unrealize(struct device *dev)
{
    struct piix4_pm *s = pm_of(dev);

    mem_region_del(as_io.root, &s->pm_io);
    mem_region_del(as_io.root, &s->smb_io);
    mem_region_del(as_io.root, &s->apm_io);
    mem_region_del(as_io.root, &s->pm.gpe_io);
    mem_region_del(as_io.root, &s->hotplug.io);
    acpi_pci_hotplug_fini(&s->hotplug);
    mem_region_fini(&s->pm_io);
    mem_region_fini(&s->smb_io);
    mem_region_fini(&s->apm_io);
    acpi_pm_fini(&s->pm);
}

static void piix4_pm_reset(struct device *dev, enum reset_kind kind)
{
    struct piix4_pm *s = pm_of(dev);

    acpi_pm_reset(&s->pm, kind);
    acpi_pci_hotplug_reset(&s->hotplug, kind);
    s->apmc = s->apms = 0;
    s->smb_sts = s->smb_cnt = s->smb_cmd = s->smb_addr = 0;
    memset(s->smb_data, 0, sizeof(s->smb_data));
    update_mapping(s);
}

static int piix4_pm_post_load(void *state, unsigned version, struct error **err)
{
    update_mapping(state);
    return 0;
}

static const struct vmstate piix4_pm_vmstate = {
    .name = "PIIX4_PM",
    .version = 2,
    .post_load = piix4_pm_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct piix4_pm, pci, &pci_device_vmstate),
            VM_STRUCT(struct piix4_pm, pm, &acpi_pm_vmstate),
            VM_U8(struct piix4_pm, apmc),
            VM_U8(struct piix4_pm, apms),
            VM_U8(struct piix4_pm, smb_sts),
            VM_U8(struct piix4_pm, smb_cnt),
            VM_U8(struct piix4_pm, smb_cmd),
            VM_U8(struct piix4_pm, smb_addr),
            VM_U8_ARRAY(struct piix4_pm, smb_data),
            VM_U32_SINCE(struct piix4_pm, hotplug.up, 2),
            VM_U32_SINCE(struct piix4_pm, hotplug.down, 2),
            VM_U32_SINCE(struct piix4_pm, hotplug.bus_select, 2),
            VM_END,
        },
};

static const struct pci_info piix4_pm_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x7113,
    .revision = 3,
    .class_code = PCI_CLASS_BRIDGE_OTHER,
    .config_written = config_written,
};

DEVICE_DEFINE(piix4_pm, .name = "PIIX4_PM", .bus = BUS_PCI, .help = "PIIX4 power management",
              .pci = &piix4_pm_pci, .state_size = sizeof(struct piix4_pm),
              .vmstate = &piix4_pm_vmstate, .no_user = true, .realize = piix4_pm_realize,
              .unrealize = piix4_pm_unrealize, .reset = piix4_pm_reset);

struct device *piix4_pm_create(struct pci_bus *pci, struct irq *sci, struct error **err)
{
    struct device *dev = device_new("PIIX4_PM", NULL, err);

    if (!dev) {
        return NULL;
    }
    pm_of(dev)->pm.sci = sci;
    device_set_u64(dev, "addr", PCI_DEVFN(1, 3));
    return device_realize(dev, &pci->bus, err) < 0 ? NULL : dev;
}

struct acpi_pm *piix4_pm_acpi(struct device *dev)
{
    return &pm_of(dev)->pm;
}
