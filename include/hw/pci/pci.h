/* SPDX-License-Identifier: MIT */
/*
 * PCI: functions, configuration space, BARs, INTx, MSI and MSI-X, DMA, buses and
 * the configuration ports of a host bridge. PCI Local Bus 3.0, PCI-to-PCI bridge
 * 1.2; the layout of registers is that of PCI 3.0 chapter 6.
 *
 *   struct foo { struct pci_device pci; struct mem_region regs; ... };
 *   static const struct pci_info foo_pci = {
 *       .vendor = 0x8086, .device = 0x100e, .class_code = PCI_CLASS_NETWORK_ETHERNET,
 *       .int_pin = 1,
 *   };
 *   static int foo_realize(struct device *dev, struct error **err)
 *   {
 *       struct foo *s = container_of(dev, struct foo, pci.dev);
 *       mem_region_init_io(&s->regs, "foo", 0x1000, &foo_ops, s);
 *       pci_register_bar(&s->pci, 0, PCI_BAR_MEM32, &s->regs);
 *       return 0;
 *   }
 *   vmstate: VM_STRUCT(struct foo, pci, &pci_device_vmstate) comes first.
 *   DEVICE_DEFINE(foo, .name = "foo", .bus = BUS_PCI, .pci = &foo_pci, ...);
 *
 * The core fills the header before realize, resets it before class->reset, and
 * takes everything away after unrealize (regions given as BARs are removed from
 * the address spaces; mem_region_fini() is the device's). Properties every PCI
 * device has: addr=SLOT[.FN], multifunction, romfile, rombar.
 *
 * Device lock held for everything but pci_dma_* and the notify functions.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/core/memory.h"

struct pci_bus;
struct pci_device;
struct vmstate;

/* --- configuration space -------------------------------------------------- */

/* clang-format off */
#define PCI_VENDOR_ID         0x00
#define PCI_DEVICE_ID         0x02
#define PCI_COMMAND           0x04
#define  PCI_COMMAND_IO         0x0001u
#define  PCI_COMMAND_MEMORY     0x0002u
#define  PCI_COMMAND_MASTER     0x0004u
#define  PCI_COMMAND_SPECIAL    0x0008u
#define  PCI_COMMAND_INVALIDATE 0x0010u
#define  PCI_COMMAND_PARITY     0x0040u
#define  PCI_COMMAND_SERR       0x0100u
#define  PCI_COMMAND_FAST_BACK  0x0200u
#define  PCI_COMMAND_INTX_OFF   0x0400u
#define PCI_STATUS            0x06
#define  PCI_STATUS_INTX        0x0008u
#define  PCI_STATUS_CAP_LIST    0x0010u
#define  PCI_STATUS_66MHZ       0x0020u
#define  PCI_STATUS_FAST_BACK   0x0080u
#define  PCI_STATUS_DEVSEL_MEDIUM 0x0200u
#define  PCI_STATUS_W1C         0xf900u
#define PCI_REVISION          0x08
#define PCI_CLASS_PROG        0x09
#define PCI_CLASS_DEVICE      0x0a
#define PCI_CACHE_LINE_SIZE   0x0c
#define PCI_LATENCY_TIMER     0x0d
#define PCI_HEADER_TYPE       0x0e
#define  PCI_HEADER_NORMAL      0x00
#define  PCI_HEADER_BRIDGE      0x01
#define  PCI_HEADER_MULTI       0x80
#define PCI_BIST              0x0f
#define PCI_BASE_ADDRESS_0    0x10
#define  PCI_BASE_IO            0x01u
#define  PCI_BASE_MEM64         0x04u
#define  PCI_BASE_PREFETCH      0x08u
#define PCI_PRIMARY_BUS       0x18 /* bridges */
#define PCI_SECONDARY_BUS     0x19
#define PCI_SUBORDINATE_BUS   0x1a
#define PCI_SEC_LATENCY       0x1b
#define PCI_IO_BASE           0x1c
#define PCI_IO_LIMIT          0x1d
#define PCI_SEC_STATUS        0x1e
#define PCI_MEMORY_BASE       0x20
#define PCI_MEMORY_LIMIT      0x22
#define PCI_PREF_BASE         0x24
#define PCI_PREF_LIMIT        0x26
#define PCI_PREF_BASE_UPPER   0x28
#define PCI_PREF_LIMIT_UPPER  0x2c
#define PCI_IO_BASE_UPPER     0x30
#define PCI_IO_LIMIT_UPPER    0x32
#define PCI_SUBSYSTEM_VENDOR  0x2c
#define PCI_SUBSYSTEM_ID      0x2e
#define PCI_ROM_ADDRESS       0x30
#define  PCI_ROM_ENABLE         0x01u
#define PCI_CAPABILITY_LIST   0x34
#define PCI_BRIDGE_ROM        0x38
#define PCI_INTERRUPT_LINE    0x3c
#define PCI_INTERRUPT_PIN     0x3d
#define PCI_MIN_GNT           0x3e
#define PCI_MAX_LAT           0x3f
#define PCI_BRIDGE_CONTROL    0x3e
#define  PCI_BRIDGE_VGA         0x08u
#define  PCI_BRIDGE_BUS_RESET   0x40u

#define PCI_CAP_ID_PM         0x01
#define PCI_CAP_ID_MSI        0x05
#define PCI_CAP_ID_VENDOR     0x09
#define PCI_CAP_ID_EXP        0x10
#define PCI_CAP_ID_MSIX       0x11
#define PCI_CAP_ID_SATA       0x12
#define PCI_CAP_ID_AF         0x13

/* Base class, sub class, programming interface. */
#define PCI_CLASS_STORAGE_IDE        0x010100u
#define PCI_CLASS_STORAGE_SATA_AHCI  0x010601u
#define PCI_CLASS_STORAGE_SCSI       0x010000u
#define PCI_CLASS_STORAGE_NVME       0x010802u
#define PCI_CLASS_NETWORK_ETHERNET   0x020000u
#define PCI_CLASS_DISPLAY_VGA        0x030000u
#define PCI_CLASS_DISPLAY_OTHER      0x038000u
#define PCI_CLASS_MULTIMEDIA_AUDIO   0x040100u
#define PCI_CLASS_MULTIMEDIA_HDA     0x040300u
#define PCI_CLASS_MEMORY_RAM         0x050000u
#define PCI_CLASS_COMMUNICATION_SERIAL 0x070002u /* 16550 */
#define PCI_CLASS_COMMUNICATION_MULTI  0x070200u
#define PCI_CLASS_COMMUNICATION_OTHER  0x078000u
#define PCI_CLASS_BRIDGE_HOST        0x060000u
#define PCI_CLASS_BRIDGE_ISA         0x060100u
#define PCI_CLASS_BRIDGE_PCI         0x060400u
#define PCI_CLASS_BRIDGE_OTHER       0x068000u
#define PCI_CLASS_SYSTEM_OTHER       0x088000u
#define PCI_CLASS_INPUT_KEYBOARD     0x090000u
#define PCI_CLASS_INPUT_MOUSE        0x090200u
#define PCI_CLASS_INPUT_OTHER        0x098000u
#define PCI_CLASS_SERIAL_SMBUS       0x0c0500u
#define PCI_CLASS_SERIAL_USB_UHCI    0x0c0300u
#define PCI_CLASS_SERIAL_USB_EHCI    0x0c0320u
#define PCI_CLASS_SERIAL_USB_XHCI    0x0c0330u
#define PCI_CLASS_OTHERS             0xff0000u
/* clang-format on */

#define PCI_VENDOR_INTEL  0x8086
#define PCI_VENDOR_REDHAT 0x1b36
#define PCI_VENDOR_QEMU   0x1234
#define PCI_VENDOR_VIRTIO 0x1af4

/* What functions have as subsystem that do not say otherwise; firmware and
 * guests know the platform by it. */
#define PCI_SUBSYSTEM_VENDOR_DEFAULT 0x1af4
#define PCI_SUBSYSTEM_ID_DEFAULT     0x1100

#define PCI_CONFIG_SIZE     256
#define PCIE_CONFIG_SIZE    4096
#define PCI_DEVFN(slot, fn) ((uint8_t)((slot) << 3 | (fn)))
#define PCI_SLOT(devfn)     ((devfn) >> 3)
#define PCI_FUNC(devfn)     ((devfn)&7)

/* Constant facts of a class. */
struct pci_info {
    uint16_t vendor, device;
    uint16_t subsystem_vendor, subsystem_id; /* 0: the default above */
    bool no_subsystem;                       /* the registers read 0 */
    uint8_t revision;
    uint32_t class_code; /* PCI_CLASS_* */
    uint8_t header_type; /* PCI_HEADER_*; the multi-function bit comes from the property */
    uint8_t int_pin;     /* 1 = INTA# ..., 0: none */
    bool express;        /* 4 KiB of configuration space */
    bool multifunction;  /* default of the property */
    bool suspend_power;  /* configuration survives S3 */
    const char *romfile; /* default option ROM */

    /*
     * Optional hooks. config_read refreshes bytes of `config` that are about to
     * be read; config_written comes after the default action of a write, with
     * `config` up to date and `old` the previous contents of the same bytes (a
     * little-endian number, as is config then).
     */
    void (*config_read)(struct pci_device *pci, unsigned off, unsigned size);
    void (*config_written)(struct pci_device *pci, unsigned off, unsigned size, uint32_t old);
};

#define PCI_BAR_IO       (1u << 0)
#define PCI_BAR_MEM32    (1u << 1)
#define PCI_BAR_MEM64    (1u << 2) /* takes BAR n and n + 1 */
#define PCI_BAR_PREFETCH (1u << 3)

#define PCI_BAR_COUNT    6
#define PCI_BAR_ROM      6
#define PCI_BAR_UNMAPPED UINT64_MAX

struct pci_bar {
    struct mem_region *mr; /* NULL: not there */
    uint64_t size;         /* a power of two */
    uint64_t addr;         /* where it is mapped, or PCI_BAR_UNMAPPED */
    unsigned flags;
};

struct pci_msix;

/* First member of every PCI device. Outside hw/pci only config and its masks are
 * written, and these at realize. */
struct pci_device {
    struct device dev;
    const struct pci_info *info;
    struct pci_bus *bus;
    uint8_t devfn;

    /* Configuration space: contents, bits the guest may write, bits a 1 clears. */
    uint8_t *config;
    uint8_t *wmask;
    uint8_t *w1cmask;
    uint8_t *reset_config; /* contents after realize, what reset restores */
    uint32_t config_size;
    uint8_t cap_free; /* where the next capability goes */

    struct pci_bar bars[PCI_BAR_COUNT + 1];
    struct mem_region rom;
    bool has_rom;

    bool ejected; /* off the air for good, soon to be freed */

    uint8_t intx_level;        /* as the device drives it; bit 0 */
    uint8_t intx_driven;       /* as the bus sees it */
    struct irq intx;           /* input form of pci_set_irq(), see pci_irq() */
    uint8_t msi_cap, msix_cap; /* offsets, 0: none */
    struct pci_msix *msix;
    struct addr_space *dma_as; /* what its DMA sees */

    /* Properties. */
    int32_t prop_addr;
    bool prop_multifunction;
    bool prop_rombar;
    char *prop_romfile;
};

extern const struct vmstate pci_device_vmstate;

static inline struct pci_device *pci_device(struct device *dev)
{
    return container_of(dev, struct pci_device, dev);
}

/* Little-endian access to `config` by the device itself. */
static inline uint16_t pci_get_word(const struct pci_device *pci, unsigned off)
{
    return ld_le16(pci->config + off);
}
static inline uint32_t pci_get_long(const struct pci_device *pci, unsigned off)
{
    return ld_le32(pci->config + off);
}
static inline void pci_put_word(struct pci_device *pci, unsigned off, uint16_t v)
{
    st_le16(pci->config + off, v);
}
static inline void pci_put_long(struct pci_device *pci, unsigned off, uint32_t v)
{
    st_le32(pci->config + off, v);
}

/* The guest's access; size 1, 2 or 4, any offset. Beyond the end: all ones. */
uint32_t pci_config_read(struct pci_device *pci, unsigned off, unsigned size);
void pci_config_write(struct pci_device *pci, unsigned off, uint32_t val, unsigned size);

/*
 * At realize. The size of `mr` must be a power of two (at least 4 for I/O, 16
 * for memory). MEM64 takes two BARs.
 */
void pci_register_bar(struct pci_device *pci, unsigned n, unsigned flags, struct mem_region *mr);

/* Where a BAR is mapped, or PCI_BAR_UNMAPPED. */
uint64_t pci_bar_addr(const struct pci_device *pci, unsigned n);

/*
 * At realize: a capability of `size` bytes (its first two are filled in) at
 * `off`, or wherever there is room if off is 0. Its offset, or -ENOSPC.
 */
int pci_add_capability(struct pci_device *pci, uint8_t id, unsigned off, unsigned size,
                       struct error **err);
/* Offset of a capability, 0 if there is none. */
unsigned pci_find_capability(const struct pci_device *pci, uint8_t id);

/* --- interrupts ----------------------------------------------------------- */

/* Drive the function's INTx# pin (asserted = 1). */
void pci_set_irq(struct pci_device *pci, int level);

/* The same as a wire, for chips that know no PCI. */
static inline struct irq *pci_irq(struct pci_device *pci)
{
    return &pci->intx;
}

/* MSI with `vectors` (1, 2, 4 ... 32) messages. At realize. 0 or -errno. */
int pci_msi_init(struct pci_device *pci, unsigned off, unsigned vectors, bool addr64, bool mask,
                 struct error **err);
bool pci_msi_enabled(const struct pci_device *pci);
void pci_msi_notify(struct pci_device *pci, unsigned vector);

/*
 * MSI-X with `vectors` (1..2048) entries: table and PBA inside `bar_mr`, which
 * the device registers as BAR `bar` (it must be a container); _bar makes and
 * registers a BAR of its own. At realize. 0 or -errno.
 */
int pci_msix_init(struct pci_device *pci, unsigned vectors, unsigned bar, struct mem_region *bar_mr,
                  uint32_t table_off, uint32_t pba_off, struct error **err);
int pci_msix_init_bar(struct pci_device *pci, unsigned vectors, unsigned bar, struct error **err);
bool pci_msix_enabled(const struct pci_device *pci);
void pci_msix_notify(struct pci_device *pci, unsigned vector);

/* --- DMA ------------------------------------------------------------------ */

/* As addr_space_*, refused (MEM_RESULT_DECODE, reads give ones; -EFAULT) while
 * the function is no bus master. Any thread. */
bool pci_bus_master(const struct pci_device *pci);
unsigned pci_dma_read(struct pci_device *pci, gpa_t gpa, void *buf, uint64_t len);
unsigned pci_dma_write(struct pci_device *pci, gpa_t gpa, const void *buf, uint64_t len);
int pci_dma_map(struct pci_device *pci, gpa_t gpa, uint64_t len, bool write, struct mem_mapping *m);
void pci_dma_unmap(struct pci_device *pci, struct mem_mapping *m, uint64_t accessed);

/* --- buses ---------------------------------------------------------------- */

#define PCI_INTX_LINES_MAX 8

/* Where INTx lines go: the host bridge's (or south bridge's) side. */
struct pci_intx_ops {
    /* Which of the bus's lines pin 0..3 of a function is wired to. */
    unsigned (*map)(void *opaque, const struct pci_device *pci, unsigned pin);
    /* A line has changed. */
    void (*set)(void *opaque, unsigned line, int level);
};

/* Hot-plug controller of a bus (ACPI, SHPC). */
struct pci_hotplug_ops {
    int (*plugged)(void *opaque, struct pci_device *pci, struct error **err);
    int (*unplug_request)(void *opaque, struct pci_device *pci, struct error **err);
};

struct pci_bus {
    struct bus bus;
    struct pci_device *devices[256]; /* by devfn */
    struct pci_device *bridge;       /* NULL: root bus */
    uint8_t number;                  /* root buses; a bridge's is in its config */
    uint8_t first_slot;              /* where automatic addresses start */
    struct mem_region *memory;       /* BARs are mapped here ... */
    struct mem_region *io;           /* ... and here */
    struct addr_space *dma_as;       /* what DMA from this bus sees */
    const struct pci_intx_ops *intx;
    void *intx_opaque;
    unsigned intx_lines;
    uint16_t intx_count[PCI_INTX_LINES_MAX]; /* how many pins assert a line */
    const struct pci_hotplug_ops *hotplug;
    void *hotplug_opaque;
};

/* A root bus "pci.0" of a host bridge; memory and io NULL: the system's. */
void pci_bus_init(struct pci_bus *bus, const char *name, struct device *parent,
                  struct mem_region *memory, struct mem_region *io);
void pci_bus_fini(struct pci_bus *bus);

/* Route `lines` INTx lines. Without it interrupts go nowhere. */
void pci_bus_set_intx(struct pci_bus *bus, const struct pci_intx_ops *ops, void *opaque,
                      unsigned lines);
/* (slot + pin) mod 4, the usual wiring, as pci_intx_ops.map. */
unsigned pci_intx_swizzle(void *opaque, const struct pci_device *pci, unsigned pin);
/* Is a line asserted now? For routers when routing has changed. */
bool pci_bus_intx_level(const struct pci_bus *bus, unsigned line);

/* The guest has let go of the function: nothing answers at its address any more and it does no
 * DMA; it is freed as soon as no vCPU can be in it. */
void pci_eject(struct pci_device *pci);

void pci_bus_set_hotplug(struct pci_bus *bus, const struct pci_hotplug_ops *ops, void *opaque);

/* The number software gave the bus. */
unsigned pci_bus_number(const struct pci_bus *bus);

/* By bus number and devfn below a root bus; NULL if nothing answers. */
struct pci_device *pci_find(struct pci_bus *root, unsigned number, uint8_t devfn);

/* Every function of a bus by devfn. */
void pci_bus_for_each(struct pci_bus *bus, void (*fn)(struct pci_device *pci, void *opaque),
                      void *opaque);

/* --- configuration mechanisms of a host bridge ---------------------------- */

/*
 * Mechanism #1: CONFIG_ADDRESS (a dword register at CF8h; narrower accesses pass
 * through to whatever lies there) and CONFIG_DATA (CFCh..CFFh).
 */
struct pci_host {
    struct pci_bus *root;
    uint32_t config_address;
    struct mem_region addr_io; /* 4 bytes, the bridge maps it at CF8h */
    struct mem_region data_io; /* 4 bytes, CFCh */
};

extern const struct vmstate pci_host_vmstate; /* VM_STRUCT in the bridge's table */

/* Set up, and map both at the usual ports of `io`. */
void pci_host_init(struct pci_host *host, struct pci_bus *root, struct mem_region *io);
void pci_host_fini(struct pci_host *host, struct mem_region *io);
void pci_host_reset(struct pci_host *host);

/* ECAM: 4 KiB per function; opaque is the root struct pci_bus. */
extern const struct mem_ops pci_ecam_ops;

/* --- bridges -------------------------------------------------------------- */

/*
 * PCI-to-PCI bridge: embedded instead of struct pci_device. The header of the
 * class is PCI_HEADER_BRIDGE; call pci_bridge_init() at realize, _fini at
 * unrealize, _reset at reset, and _config_written from info->config_written.
 */
struct pci_bridge {
    struct pci_device pci;
    struct pci_bus secondary;
    struct mem_region sec_memory, sec_io;               /* what is behind it */
    struct mem_region win_memory, win_prefetch, win_io; /* windows onto that */
    struct mem_region win_vga_memory, win_vga_io[2];    /* VGA forwarding */
};

void pci_bridge_init(struct pci_bridge *bridge, const char *bus_name);
void pci_bridge_fini(struct pci_bridge *bridge);
void pci_bridge_reset(struct pci_bridge *bridge);
void pci_bridge_config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old);
extern const struct vmstate pci_bridge_vmstate;

#endif
