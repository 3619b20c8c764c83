/* SPDX-License-Identifier: MIT */
/*
 * Intel 82371SB (PIIX3) function 0: PCI-to-ISA bridge (data sheet 290550-002). PIRQ steering onto
 * ISA interrupts, the reset control register CF9h. Its IDE is hw/ide, its power management the
 * PIIX4's in hw/acpi (as emulated PCs have it).
 *
 * Not modelled: ISA timing, positive decode and chip select registers (plain storage).
 */
#include "hw/isa/piix3.h"

#include "hw/core/vmstate.h"
#include "system/runstate.h"
#include "util/error.h"

#define PIIX_PIRQ_RC       0x60 /* A..D */
#define PIIX_PIRQS         4
#define PIIX_PIRQ_DISABLED 0x80u
#define PIIX_PIRQ_IRQ      0x0fu

#define PIIX_RCR_PORT 0xcf9
#define PIIX_RCR_SRST 0x02u /* hard rather than soft reset */
#define PIIX_RCR_RCPU 0x04u /* 0 to 1 resets */

struct piix3 {
    struct pci_device pci;
    struct isa_bus isa;
    struct irq *irqs[ISA_IRQ_COUNT]; /* of the interrupt controllers */
    struct irq isa_in[ISA_IRQ_COUNT];
    uint16_t isa_levels;  /* lines as ISA devices drive them */
    uint16_t pirq_levels; /* derived: lines as steered PIRQs drive them */
    uint8_t rcr;
    struct mem_region rcr_io;
};

/* --- interrupts ------------------------------------------------------------------------------- */

static void drive(struct piix3 *s, unsigned n)
{
    irq_set(s->irqs[n], (s->isa_levels | s->pirq_levels) >> n & 1);
}

static void isa_line(void *opaque, int n, int level)
{
    struct piix3 *s = opaque;

    s->isa_levels = (uint16_t)((s->isa_levels & ~(1u << n)) | (unsigned)!!level << n);
    drive(s, (unsigned)n);
}

/* Which of the ISA lines the PIRQs assert now; IRQ 0, 1, 2, 8 and 13 cannot be chosen. */
static uint16_t steer(const struct piix3 *s)
{
    const uint16_t allowed = 0xdef8;
    uint16_t levels = 0;

    for (unsigned i = 0; i < PIIX_PIRQS; i++) {
        uint8_t rc = s->pci.config[PIIX_PIRQ_RC + i];
        if (!(rc & PIIX_PIRQ_DISABLED) && pci_bus_intx_level(s->pci.bus, i)) {
            levels |= (uint16_t)(1u << (rc & PIIX_PIRQ_IRQ));
        }
    }
    return levels & allowed;
}

static void update_pirqs(struct piix3 *s)
{
    uint16_t old = s->pirq_levels;

    s->pirq_levels = steer(s);
    for (unsigned n = 0; n < ISA_IRQ_COUNT; n++) {
        if ((old ^ s->pirq_levels) >> n & 1) {
            drive(s, n);
        }
    }
}

static void intx_set(void *opaque, unsigned line, int level)
{
    update_pirqs(opaque);
}

/* Slot 1 INTA# is PIRQA (the usual wiring of a board with this chip). */
static unsigned intx_map(void *opaque, const struct pci_device *pci, unsigned pin)
{
    return (pin + PCI_SLOT(pci->devfn) - 1) & 3;
}

static const struct pci_intx_ops intx_ops = {.map = intx_map, .set = intx_set};

static void piix3_config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old)
{
    if (off < PIIX_PIRQ_RC + PIIX_PIRQS && off + size > PIIX_PIRQ_RC) {
        update_pirqs(container_of(pci, struct piix3, pci));
    }
}

/* --- reset control ---------------------------------------------------------------------------- */

static uint64_t rcr_read(void *opaque, uint64_t off, unsigned size)
{
    struct piix3 *s = opaque;
    return s->rcr;
}

static void rcr_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct piix3 *s = opaque;

    if (val & PIIX_RCR_RCPU & ~s->rcr) {
        runstate_request_reset(val & PIIX_RCR_SRST ? RESET_REASON_GUEST : RESET_REASON_GUEST_WARM);
    }
    s->rcr = val & PIIX_RCR_SRST;
}

static const struct mem_ops rcr_ops = {
    .read = rcr_read, .write = rcr_write, .valid = {1, 1, false}};

/* --- life ------------------------------------------------------------------------------------- */

/* Registers that only hold what was written: offset, mask, value after reset (data sheet, ch. 2.1). */
static const struct {
    uint8_t off, wmask, reset;
} storage[] = {
    {0x4c, 0x7f, 0x4d}, {0x4e, 0xff, 0x03}, {0x4f, 0x01, 0x00}, {0x69, 0xfe, 0x02},
    {0x6a, 0xf3, 0x00}, {0x6b, 0x80, 0x00}, {0x70, 0xef, 0x80}, {0x76, 0x8f, 0x0c},
    {0x77, 0x8f, 0x0c}, {0x78, 0xff, 0x02}, {0x79, 0xff, 0x00}, {0x80, 0x7f, 0x00},
    {0x82, 0x0f, 0x00}, {0xa0, 0x1f, 0x08}, {0xa2, 0xff, 0x00}, {0xa3, 0x21, 0x00},
    {0xa8, 0xff, 0x0f}, {0xaa, 0xff, 0x00}, {0xab, 0x21, 0x00}, {0xac, 0xff, 0x00},
    {0xae, 0xff, 0x00},
};

static int piix3_realize(struct device *dev, struct error **err)
{
    struct piix3 *s = container_of(dev, struct piix3, pci.dev);

    isa_bus_init(&s->isa, dev, NULL, NULL);
    irq_init_array(s->isa_in, ISA_IRQ_COUNT, isa_line, s);
    for (unsigned n = 0; n < ISA_IRQ_COUNT; n++) {
        isa_bus_connect_irq(&s->isa, n, &s->isa_in[n]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(storage); i++) {
        s->pci.wmask[storage[i].off] = storage[i].wmask;
        s->pci.config[storage[i].off] = storage[i].reset;
    }
    for (unsigned i = 0; i < PIIX_PIRQS; i++) {
        s->pci.wmask[PIIX_PIRQ_RC + i] = 0x8f;
        s->pci.config[PIIX_PIRQ_RC + i] = PIIX_PIRQ_DISABLED;
    }
    /* I/O, memory, bus master are wired on; special cycles may be chosen. */
    pci_put_word(&s->pci, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    s->pci.wmask[PCI_COMMAND] = PCI_COMMAND_SPECIAL;
    pci_bus_set_intx(s->pci.bus, &intx_ops, s, PIIX_PIRQS);
    mem_region_init_io(&s->rcr_io, "piix3-reset", 1, &rcr_ops, s);
    mem_region_add_overlap(as_io.root, PIIX_RCR_PORT, &s->rcr_io, 1); /* inside CF8h..CFBh */
    return 0;
}

static void piix3_reset(struct device *dev, enum reset_kind kind)
{
    struct piix3 *s = container_of(dev, struct piix3, pci.dev);

    s->rcr = 0;
    update_pirqs(s);
}

static int piix3_post_load(void *state, unsigned version, struct error **err)
{
    struct piix3 *s = state;

    s->pirq_levels = steer(s); /* the controllers load their own view of the lines */
    return 0;
}

static const struct vmstate piix3_vmstate = {
    .name = "PIIX3",
    .version = 1,
    .post_load = piix3_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct piix3, pci, &pci_device_vmstate),
            VM_U16(struct piix3, isa_levels),
            VM_U8_ARRAY(struct piix3, isa.levels),
            VM_U8(struct piix3, rcr),
            VM_END,
        },
};

static const struct pci_info piix3_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x7000,
    .class_code = PCI_CLASS_BRIDGE_ISA,
    .multifunction = true,
    .config_written = piix3_config_written,
};

DEVICE_DEFINE(piix3, .name = "PIIX3", .bus = BUS_PCI, .help = "PIIX3 PCI-to-ISA bridge",
              .pci = &piix3_pci, .state_size = sizeof(struct piix3), .vmstate = &piix3_vmstate,
              .no_user = true, .realize = piix3_realize, .reset = piix3_reset);

struct isa_bus *piix3_create(struct pci_bus *pci, struct error **err)
{
    struct device *dev = device_new("PIIX3", NULL, err);

    if (!dev) {
        return NULL;
    }
    device_set_u64(dev, "addr", PCI_DEVFN(1, 0));
    return device_realize(dev, &pci->bus, err) < 0 ? NULL
                                                   : &container_of(dev, struct piix3, pci.dev)->isa;
}

void piix3_connect_irq(struct isa_bus *isa, unsigned n, struct irq *irq)
{
    container_of(isa, struct piix3, isa)->irqs[n] = irq;
}
