/* SPDX-License-Identifier: MIT */
/*
 * Intel 440FX PCI and memory controller (82441FX, data sheet 290549-001): the host bridge of the
 * `pc` machine. Configuration mechanism #1, PAM registers (shadowing of C0000h to FFFFFh), SMRAM.
 *
 * Not modelled: DRAM timing and row boundary registers (plain storage), the D_CLS mode of SMRAM (data
 * of SMM code going to the screen's memory), error reporting.
 */
#include "hw/pci/i440fx.h"

#include "hw/core/device.h"
#include "hw/core/vmstate.h"
#include "util/error.h"

#define I440FX_PAM_FIRST 0x59
#define I440FX_PAM_LAST  0x5f
#define I440FX_SMRAM     0x72

#define PAM_RE       1u /* reads come from RAM */
#define PAM_WE       2u /* writes go to RAM */
#define PAM_SEGMENTS 13

#define SMRAM_C_BASE 0x02u /* bits 2:0, read-only: A0000h */
#define SMRAM_G_EN   0x08u
#define SMRAM_D_LCK  0x10u
#define SMRAM_D_CLS  0x20u
#define SMRAM_D_OPEN 0x40u

#define SMRAM_BASE 0xa0000u
#define SMRAM_SIZE 0x20000u

/* A piece of C0000h to FFFFFh; of its forms at most one is enabled, none shows the RAM itself. */
struct pam_segment {
    struct mem_region pci;      /* neither bit: the bus */
    struct mem_region ram_ro;   /* RE: RAM, writes are lost (on the bus they would hit a ROM) */
    struct mem_region write_io; /* WE: reads from the bus, writes to RAM */
    struct i440fx *bridge;
    uint32_t base, size;
};

struct i440fx {
    struct pci_device pci;
    struct pam_segment pam[PAM_SEGMENTS];
    struct mem_region smram_pci; /* A0000h as the bus shows it: normal */
    struct mem_region smram_ram; /* A0000h as SMM sees it */
};

struct i440fx_host {
    struct device dev;
    struct pci_bus bus;
    struct pci_host host;
    struct mem_region ram_low, ram_high, hole;
    struct mem_region *ram, *pci_memory;
    struct addr_space pci_view; /* the bus's memory, for reads of half-shadowed segments */
};

static struct i440fx_host *host_of(const struct i440fx *s)
{
    return container_of(s->pci.bus, struct i440fx_host, bus);
}

/* --- shadowing -------------------------------------------------------------------------------- */

static uint64_t half_shadow_read(void *opaque, uint64_t off, unsigned size)
{
    struct pam_segment *seg = opaque;
    uint8_t buf[8] = {0};

    addr_space_read(&host_of(seg->bridge)->pci_view, seg->base + off, buf, size);
    return ld_le64(buf);
}

static void half_shadow_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct pam_segment *seg = opaque;
    ram_addr_t at = host_of(seg->bridge)->ram->ram + seg->base + off;
    uint8_t buf[8];

    st_le64(buf, val);
    memcpy(ram_ptr(at), buf, size);
    dirty_mark(at, size);
}

static const struct mem_ops half_shadow_ops = {
    .read = half_shadow_read,
    .write = half_shadow_write,
    .valid = {1, 8, true},
    .impl = {1, 8, true},
    .flags = MEM_OPS_REENTRANT,
};

/* Segment 0 is F0000h in the upper half of the first register, then 16 KiB pieces from C0000h. */
static unsigned pam_mode(const struct i440fx *s, unsigned segment)
{
    unsigned reg = I440FX_PAM_FIRST + (segment + 1) / 2;
    unsigned shift = segment % 2 ? 0 : 4;
    return s->pci.config[reg] >> shift & (PAM_RE | PAM_WE);
}

static void update_pam(struct i440fx *s)
{
    mem_txn_begin();
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        unsigned mode = pam_mode(s, i);
        mem_region_set_enabled(&s->pam[i].pci, mode == 0);
        mem_region_set_enabled(&s->pam[i].ram_ro, mode == PAM_RE);
        mem_region_set_enabled(&s->pam[i].write_io, mode == PAM_WE);
    }
    mem_txn_commit();
}

static void pam_init(struct i440fx *s, unsigned i)
{
    struct i440fx_host *h = host_of(s);
    struct pam_segment *seg = &s->pam[i];

    seg->bridge = s;
    seg->base = i ? 0xc0000 + (i - 1) * 0x4000 : 0xf0000;
    seg->size = i ? 0x4000 : 0x10000;
    mem_region_init_alias(&seg->pci, "pam-pci", h->pci_memory, seg->base, seg->size);
    mem_region_init_alias(&seg->ram_ro, "pam-rom", h->ram, seg->base, seg->size);
    mem_region_set_readonly(&seg->ram_ro, true);
    mem_region_init_io(&seg->write_io, "pam-write", seg->size, &half_shadow_ops, seg);
    mem_region_add_overlap(as_memory.root, seg->base, &seg->pci, 1);
    mem_region_add_overlap(as_memory.root, seg->base, &seg->ram_ro, 1);
    mem_region_add_overlap(as_memory.root, seg->base, &seg->write_io, 1);
}

/* --- SMRAM ------------------------------------------------------------------------------------ */

static void update_smram(struct i440fx *s)
{
    uint8_t reg = s->pci.config[I440FX_SMRAM];
    bool enabled = reg & SMRAM_G_EN;

    mem_txn_begin();
    mem_region_set_enabled(&s->smram_pci, !(enabled && (reg & SMRAM_D_OPEN)));
    mem_region_set_enabled(&s->smram_ram, enabled);
    mem_txn_commit();
}

/* Locked: D_OPEN is cleared for good and nothing but D_CLS may change until reset. */
static void smram_written(struct i440fx *s, uint8_t old)
{
    uint8_t val = s->pci.config[I440FX_SMRAM];

    if (old & SMRAM_D_LCK) {
        val = (uint8_t)((old & ~SMRAM_D_CLS) | (val & SMRAM_D_CLS));
    } else if (val & SMRAM_D_LCK) {
        val &= (uint8_t)~SMRAM_D_OPEN;
    }
    s->pci.config[I440FX_SMRAM] = val;
    update_smram(s);
}

static void smram_init(struct i440fx *s)
{
    struct i440fx_host *h = host_of(s);

    mem_region_init_alias(&s->smram_pci, "smram-pci", h->pci_memory, SMRAM_BASE, SMRAM_SIZE);
    mem_region_init_alias(&s->smram_ram, "smram", h->ram, SMRAM_BASE, SMRAM_SIZE);
    mem_region_add_overlap(as_memory.root, SMRAM_BASE, &s->smram_pci, 1);
    mem_region_add_overlap(as_smm.root, SMRAM_BASE, &s->smram_ram, 2);
}

/* --- the PCI function ------------------------------------------------------------------------- */

static bool touches(unsigned off, unsigned size, unsigned first, unsigned last)
{
    return off <= last && off + size > first;
}

static void i440fx_config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old)
{
    struct i440fx *s = container_of(pci, struct i440fx, pci);

    if (touches(off, size, I440FX_PAM_FIRST, I440FX_PAM_LAST)) {
        update_pam(s);
    }
    if (touches(off, size, I440FX_SMRAM, I440FX_SMRAM)) {
        smram_written(s, (uint8_t)(old >> (8 * (I440FX_SMRAM - off))));
    }
}

static int i440fx_realize(struct device *dev, struct error **err)
{
    struct i440fx *s = container_of(dev, struct i440fx, pci.dev);

    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        pam_init(s, i);
    }
    smram_init(s);
    s->pci.config[I440FX_SMRAM] = SMRAM_C_BASE;
    s->pci.wmask[I440FX_SMRAM] = SMRAM_G_EN | SMRAM_D_LCK | SMRAM_D_CLS | SMRAM_D_OPEN;
    s->pci.wmask[PCI_COMMAND] = 0; /* memory and bus master are wired on, the rest off */
    s->pci.config[PCI_COMMAND] = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
    for (unsigned i = 0x50; i <= I440FX_PAM_LAST; i++) {
        s->pci.wmask[i] = i < I440FX_PAM_FIRST ? 0xff : 0x33;
    }
    memset(s->pci.wmask + 0x60, 0xff, 8); /* DRAM row boundaries */
    update_pam(s);
    update_smram(s);
    return 0;
}

static void i440fx_reset(struct device *dev, enum reset_kind kind)
{
    struct i440fx *s = container_of(dev, struct i440fx, pci.dev);

    update_pam(s);
    update_smram(s);
}

static int i440fx_post_load(void *state, unsigned version, struct error **err)
{
    update_pam(state);
    update_smram(state);
    return 0;
}

static const struct vmstate i440fx_vmstate = {
    .name = "i440FX",
    .version = 1,
    .post_load = i440fx_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct i440fx, pci, &pci_device_vmstate),
            VM_END,
        },
};

static const struct pci_info i440fx_pci = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x1237,
    .revision = 2,
    .class_code = PCI_CLASS_BRIDGE_HOST,
    .suspend_power = true, /* it refreshes RAM */
    .config_written = i440fx_config_written,
};

DEVICE_DEFINE(i440fx, .name = "i440FX", .bus = BUS_PCI, .help = "440FX host bridge",
              .pci = &i440fx_pci, .state_size = sizeof(struct i440fx), .vmstate = &i440fx_vmstate,
              .no_user = true, .realize = i440fx_realize, .reset = i440fx_reset);

/* --- the bridge as a whole -------------------------------------------------------------------- */

static void host_reset(struct device *dev, enum reset_kind kind)
{
    pci_host_reset(&container_of(dev, struct i440fx_host, dev)->host);
}

static const struct vmstate host_vmstate = {
    .name = "i440FX-pcihost",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct i440fx_host, host, &pci_host_vmstate),
            VM_END,
        },
};

DEVICE_DEFINE(i440fx_host, .name = "i440FX-pcihost", .bus = BUS_SYSTEM,
              .help = "440FX: configuration ports and memory map",
              .state_size = sizeof(struct i440fx_host), .vmstate = &host_vmstate, .no_user = true,
              .reset = host_reset);

/* RAM at the bottom and above 4 GiB; the bus shows wherever RAM does not. */
static void map_memory(struct i440fx_host *h, uint64_t below_4g)
{
    mem_region_init_alias(&h->ram_low, "ram-below-4g", h->ram, 0, below_4g);
    mem_region_add(as_memory.root, 0, &h->ram_low);
    if (h->ram->size > below_4g) {
        mem_region_init_alias(&h->ram_high, "ram-above-4g", h->ram, below_4g,
                              h->ram->size - below_4g);
        mem_region_add(as_memory.root, GIB(4), &h->ram_high);
    }
    mem_region_init_alias(&h->hole, "pci-hole", h->pci_memory, 0, h->pci_memory->size);
    mem_region_add_overlap(as_memory.root, 0, &h->hole, -1);
    addr_space_init(&h->pci_view, "pci-view", h->pci_memory);
}

struct pci_bus *i440fx_create(struct mem_region *ram, uint64_t below_4g,
                              struct mem_region *pci_memory, struct error **err)
{
    struct device *dev = device_new("i440FX-pcihost", NULL, err);

    if (!dev || device_realize(dev, NULL, err) < 0) {
        return NULL;
    }
    struct i440fx_host *h = container_of(dev, struct i440fx_host, dev);
    h->ram = ram;
    h->pci_memory = pci_memory;
    map_memory(h, below_4g);
    pci_bus_init(&h->bus, "pci.0", dev, pci_memory, NULL);
    pci_host_init(&h->host, &h->bus, as_io.root);
    struct device *bridge = device_new("i440FX", NULL, err);
    if (!bridge) {
        return NULL;
    }
    device_set_u64(bridge, "addr", 0);
    return device_realize(bridge, &h->bus.bus, err) < 0 ? NULL : &h->bus;
}
