/* SPDX-License-Identifier: MIT */
/*
 * Devices: classes (constant descriptors collected by the linker), instances,
 * buses, properties, reset, and their life cycle.
 *
 *   struct serial_isa {
 *       struct isa_device isa;          // starts with struct device: first member
 *       uint16_t iobase;
 *       ...
 *   };
 *   static const struct prop serial_isa_props[] = {
 *       PROP_U16("iobase", struct serial_isa, iobase, 0x3f8, 0, 0xfff8, "first port"),
 *       PROP_END,
 *   };
 *   DEVICE_DEFINE(serial_isa, .name = "isa-serial", .bus = BUS_ISA, .help = "16550 UART",
 *                 .state_size = sizeof(struct serial_isa), .props = serial_isa_props,
 *                 .vmstate = &serial_isa_vmstate, .realize = serial_isa_realize,
 *                 .reset = serial_isa_reset);
 *
 * Life: device_new() allocates zeroed state, sets every property to its default
 * and applies -global; device_set_prop(); device_realize() plugs it into its bus
 * and calls class->realize; reset follows, before the guest runs or at once when
 * hot-plugged; device_unrealize() and device_free(). All calls need the device
 * lock.
 */
#ifndef HW_CORE_DEVICE_H
#define HW_CORE_DEVICE_H

#include "util/base.h"

#include <glib.h>
#include <sys/queue.h>

struct bus;
struct device;
struct error;
struct irq;
struct pci_info;
struct reg_bank;
struct vmstate;

/* --- properties ----------------------------------------------------------- */

enum prop_type {
    PROP_TYPE_END,
    PROP_TYPE_BOOL, /* on/off */
    PROP_TYPE_U8,
    PROP_TYPE_U16,
    PROP_TYPE_U32,
    PROP_TYPE_U64,
    PROP_TYPE_S32,
    PROP_TYPE_SIZE,     /* uint64_t bytes; text takes the suffixes k M G T P */
    PROP_TYPE_STR,      /* char *, owned by the device; NULL if not given */
    PROP_TYPE_ENUM,     /* int; one of a list of names */
    PROP_TYPE_MACADDR,  /* uint8_t[6]; all zero if not given */
    PROP_TYPE_UUID,     /* uint8_t[16] in the order of the text; zero if not given */
    PROP_TYPE_PCI_ADDR, /* int32_t devfn from "slot[.function]"; -1 if not given */
    PROP_TYPE_CHARDEV,  /* struct chardev *; these are resolved by name ... */
    PROP_TYPE_DRIVE,    /* struct block_device * */
    PROP_TYPE_NETDEV,   /* struct netdev *; ... by the subsystem: prop_set_resolver() */
    PROP_TYPE_OBJECT,   /* struct object * (system/object.h) */
    PROP_TYPE_LINK,     /* struct device * of that id */
    PROP_TYPE_COUNT,
};

struct prop_enum {
    const char *name; /* NULL ends the list */
    int value;
};

struct prop {
    const char *name;
    const char *help;
    enum prop_type type;
    uint32_t offset; /* in the state struct */
    uint32_t size;   /* of the field, checked against the type */
    uint64_t def, min, max;
    const char *def_str;           /* STR */
    const struct prop_enum *names; /* ENUM */
    /* The value has changed while the device works: 0, or -errno with err, upon which the old one is
     * put back and this is called again. NULL: it is fixed once the device is realized. */
    int (*changed)(struct device *dev, struct error **err);
};

#define PROP_FIELD_(S, f) .offset = offsetof(S, f), .size = sizeof_field(S, f)
#define PROP_NUM_(nm, ty, S, f, df, lo, hi, hlp)                                                   \
    {                                                                                              \
        .name = nm, .help = hlp, .type = ty, PROP_FIELD_(S, f), .def = (uint64_t)(df),             \
        .min = (uint64_t)(lo), .max = (uint64_t)(hi)                                               \
    }

/* PROP_xx("name", struct state, field, default, min, max, "help") */
#define PROP_U8(nm, S, f, df, lo, hi, hlp)   PROP_NUM_(nm, PROP_TYPE_U8, S, f, df, lo, hi, hlp)
#define PROP_U16(nm, S, f, df, lo, hi, hlp)  PROP_NUM_(nm, PROP_TYPE_U16, S, f, df, lo, hi, hlp)
#define PROP_U32(nm, S, f, df, lo, hi, hlp)  PROP_NUM_(nm, PROP_TYPE_U32, S, f, df, lo, hi, hlp)
#define PROP_U64(nm, S, f, df, lo, hi, hlp)  PROP_NUM_(nm, PROP_TYPE_U64, S, f, df, lo, hi, hlp)
#define PROP_S32_LIVE(nm, S, f, df, lo, hi, fn, hlp)                                               \
    {                                                                                              \
        .name = nm, .help = hlp, .type = PROP_TYPE_S32, PROP_FIELD_(S, f), .def = (uint64_t)(df),  \
        .min = (uint64_t)(lo), .max = (uint64_t)(hi), .changed = fn                                \
    }
#define PROP_S32(nm, S, f, df, lo, hi, hlp)  PROP_NUM_(nm, PROP_TYPE_S32, S, f, df, lo, hi, hlp)
#define PROP_SIZE(nm, S, f, df, lo, hi, hlp) PROP_NUM_(nm, PROP_TYPE_SIZE, S, f, df, lo, hi, hlp)
#define PROP_BOOL(nm, S, f, df, hlp)         PROP_NUM_(nm, PROP_TYPE_BOOL, S, f, df, 0, 1, hlp)
#define PROP_STR(nm, S, f, df, hlp)                                                                \
    {                                                                                              \
        .name = nm, .help = hlp, .type = PROP_TYPE_STR, PROP_FIELD_(S, f), .def_str = df           \
    }
#define PROP_ENUM(nm, S, f, df, list, hlp)                                                         \
    {                                                                                              \
        .name = nm, .help = hlp, .type = PROP_TYPE_ENUM, PROP_FIELD_(S, f), .def = (uint64_t)(df), \
        .names = list                                                                              \
    }
#define PROP_MACADDR(nm, S, f, hlp)  PROP_NUM_(nm, PROP_TYPE_MACADDR, S, f, 0, 0, 0, hlp)
#define PROP_UUID(nm, S, f, hlp)     PROP_NUM_(nm, PROP_TYPE_UUID, S, f, 0, 0, 0, hlp)
#define PROP_PCI_ADDR(nm, S, f, hlp) PROP_NUM_(nm, PROP_TYPE_PCI_ADDR, S, f, -1, 0, 255, hlp)
#define PROP_CHARDEV(nm, S, f, hlp)  PROP_NUM_(nm, PROP_TYPE_CHARDEV, S, f, 0, 0, 0, hlp)
#define PROP_DRIVE(nm, S, f, hlp)    PROP_NUM_(nm, PROP_TYPE_DRIVE, S, f, 0, 0, 0, hlp)
#define PROP_NETDEV(nm, S, f, hlp)   PROP_NUM_(nm, PROP_TYPE_NETDEV, S, f, 0, 0, 0, hlp)
#define PROP_OBJECT(nm, S, f, hlp)   PROP_NUM_(nm, PROP_TYPE_OBJECT, S, f, 0, 0, 0, hlp)
#define PROP_LINK(nm, S, f, hlp)     PROP_NUM_(nm, PROP_TYPE_LINK, S, f, 0, 0, 0, hlp)
#define PROP_END                                                                                   \
    {                                                                                              \
        .type = PROP_TYPE_END                                                                      \
    }

/*
 * How a CHARDEV, DRIVE or NETDEV name becomes a pointer. `resolve` claims the
 * object for the device (0, or -errno with err set); `release` gives it back
 * when the device is freed. Registered once by the subsystem at start-up.
 */
struct prop_resolver {
    int (*resolve)(struct device *dev, const char *name, void **out, struct error **err);
    void (*release)(struct device *dev, void *object);
    const char *(*name)(const void *object); /* for listings */
};
void prop_set_resolver(enum prop_type type, const struct prop_resolver *resolver);

/* --- buses ---------------------------------------------------------------- */

enum bus_type {
    BUS_SYSTEM, /* on the board: no bus protocol, wired by the machine */
    BUS_ISA,
    BUS_PCI,
    BUS_IDE,
    BUS_SMBUS,
    BUS_FLOPPY,
    BUS_SCSI,
    BUS_USB,
    BUS_VIRTIO,
    BUS_VIRTIO_SERIAL,
    BUS_TYPE_COUNT,
};

/* "isa", "pci" ... */
const char *bus_type_name(enum bus_type type);

enum reset_kind {
    RESET_COLD, /* power-on, system_reset */
    RESET_WARM, /* CPU-initiated: ports 92h/64h, CF9 soft; same for most devices */
    RESET_WAKE, /* resume from S3: keep what survives suspend to RAM */
    RESET_BUS,  /* this bus only: secondary bus reset, function level reset */
};

/* What a bus does around a device's realize and unrealize. All optional. */
struct bus_ops {
    /* Before class->realize: take an address, set up bus state. */
    int (*plug)(struct bus *bus, struct device *dev, struct error **err);
    /* After class->realize: finish, announce a hot-plug. */
    int (*plugged)(struct bus *bus, struct device *dev, struct error **err);
    /* Before class->reset. */
    void (*reset)(struct bus *bus, struct device *dev, enum reset_kind kind);
    /* Before class->unrealize: take it off the air (mappings, lines). */
    void (*unplugging)(struct bus *bus, struct device *dev);
    /* After class->unrealize, or a failed realize: undo plug. */
    void (*unplug)(struct bus *bus, struct device *dev);
    /* Address for listings and for the device's path, e.g. "1f.2"; into buf. */
    void (*address)(const struct bus *bus, const struct device *dev, char *buf, size_t size);
    /* Ask the guest to let go (device_del); without it hot-unplug is refused. */
    int (*unplug_request)(struct bus *bus, struct device *dev, struct error **err);
};

struct bus {
    enum bus_type type;
    char *name; /* "pci.0" */
    const struct bus_ops *ops;
    struct device *parent; /* the bridge or controller; NULL for the root */
    unsigned max_devices;  /* 0: no limit */
    bool hotpluggable;
    TAILQ_HEAD(bus_devices, device) devices; /* in the order of realize */
    TAILQ_ENTRY(bus) parent_link;            /* among its parent's buses */
    TAILQ_ENTRY(bus) link;                   /* among all buses */
};

/* Embedded in its controller. A NULL name makes "isa.0", "ide.1" ... */
void bus_init(struct bus *bus, enum bus_type type, const char *name, struct device *parent,
              const struct bus_ops *ops);

/* Asserts that no device is left on it. */
void bus_fini(struct bus *bus);

/*
 * Properties all devices on buses of a type have besides their class's own;
 * offsets are those of the bus's device struct (struct pci_device), which is
 * the first member of theirs. Constant; in a linker section like classes.
 */
struct bus_props {
    enum bus_type type;
    const struct prop *props;
};
#define BUS_PROPS_DEFINE(ident, bus_type, table)                                                   \
    static const struct bus_props ident##_bus_props = {bus_type, table};                           \
    static const struct bus_props *const ident##_bus_props_entry                                   \
        __attribute__((used, section("doppel_bus_props"))) = &ident##_bus_props

/* By name, or the first bus of a type (bus=... and its default). NULL if none. */
struct bus *bus_find(const char *name);
struct bus *bus_find_type(enum bus_type type);

/* --- classes -------------------------------------------------------------- */

struct device_class {
    const char *name; /* as in -device; QEMU's spelling where it has one */
    const char *help; /* one line */
    const char *alias;
    enum bus_type bus;
    size_t state_size;
    const struct prop *props;
    const struct vmstate *vmstate; /* NULL: no state at all */
    const struct reg_bank *regs;   /* reset by the core before reset() */
    const struct pci_info *pci;    /* BUS_PCI: ids and header */
    bool no_user;                  /* made by the machine only, not by -device */
    bool hotpluggable;
    bool is_default; /* in listings: part of every machine */

    /* 0 or -errno with err set; undo your own work on failure. */
    int (*realize)(struct device *dev, struct error **err);
    void (*unrealize)(struct device *dev);
    void (*reset)(struct device *dev, enum reset_kind kind);
};

/*
 * `DEVICE_DEFINE(ident, .name = "...", ...)`: defines the constant ident_class
 * and puts a pointer to it where device_class_find() sees it. At file scope.
 */
#define DEVICE_SECTION "doppel_devices"
#define DEVICE_DEFINE(ident, ...)                                                                  \
    static const struct device_class ident##_class = {__VA_ARGS__};                                \
    static const struct device_class *const ident##_entry                                          \
        __attribute__((used, section(DEVICE_SECTION))) = &ident##_class

/* By name or alias; NULL if there is none. */
const struct device_class *device_class_find(const char *name);

/* All classes ordered by bus and name. */
void device_class_for_each(void (*fn)(const struct device_class *cls, void *opaque), void *opaque);

/* -device help: every class a user may create. Appends to `out`. */
void device_help_list(GString *out);

/* -device NAME,help. -ENOENT with err (and a suggestion) if there is no NAME. */
int device_help_props(const char *name, GString *out, struct error **err);

/* --- devices -------------------------------------------------------------- */

/* First member of every device's state struct. Read only outside hw/core. */
struct device {
    const struct device_class *cls;
    char *id; /* given by the user or the machine; NULL if none */
    struct bus *bus;
    bool realized;
    bool hotplugged;
    bool unplug_pending;
    int64_t unplug_asked;             /* when, CLK_REALTIME */
    bool leaving;                     /* the guest has let go, waits to be freed ... */
    TAILQ_ENTRY(device) leaving_link; /* ... on this list of hotplug.c */
    unsigned instance;                /* counts the devices of the class from 0 */
    TAILQ_HEAD(, bus) buses;          /* the buses it provides */
    TAILQ_ENTRY(device) bus_link;     /* on its bus */
    TAILQ_ENTRY(device) link;         /* among all devices, in the order of realize */
};

/*
 * New instance of class `name`, `id` may be NULL. NULL with err set: unknown
 * class (with a suggestion), id in use or malformed, bad -global value.
 */
struct device *device_new(const char *name, const char *id, struct error **err);

/* Before realize. Unknown names give a suggestion, bad values name the range. */
int device_set_prop(struct device *dev, const char *prop, const char *value, struct error **err);

/* After realize, those with `changed` only: -ENOENT, -EPERM (fixed), or what is wrong with the value. */
int device_change_prop(struct device *dev, const char *prop, const char *value, struct error **err);

/* The machine's way, for values it computes itself: asserts on bad ones. */
void device_set_u64(struct device *dev, const char *prop, uint64_t value);
void device_set_str(struct device *dev, const char *prop, const char *value);
void device_set_ptr(struct device *dev, const char *prop, void *object);

/* The value as text, to be freed with g_free(); NULL if there is no such prop. */
char *device_get_prop(const struct device *dev, const char *prop);

/*
 * Plug into `bus` (NULL: the first bus of the class's type; BUS_SYSTEM devices
 * need none) and bring to life. On failure the device is as before and may be
 * freed.
 */
int device_realize(struct device *dev, struct bus *bus, struct error **err);

/* Children first. The machine is stopped or its vCPUs are paused. */
void device_unrealize(struct device *dev);

/* Unrealize if need be; release properties and memory. */
void device_free(struct device *dev);

/* device_del: by request to the guest, -errno with err if impossible. */
int device_unplug_request(struct device *dev, struct error **err);

/* By id. */
struct device *device_find(const char *id);

/* All realized devices in the order of realize; fn returning true ends it. */
struct device *device_for_each(bool (*fn)(struct device *dev, void *opaque), void *opaque);

/* Unique and stable name: "/pci.0/1f.2/ide.0/0"; free with g_free(). */
char *device_path(const struct device *dev);

/* The tree with addresses and properties, for `info qtree`. */
void device_tree_describe(GString *out);

/* -global CLASS.PROP=VALUE; checked against the classes at once. */
int device_global_add(const char *text, struct error **err);

/* --- reset ---------------------------------------------------------------- */

/* For what is not a device (vCPUs, loaders); called after the devices. */
struct reset_handler {
    void (*reset)(struct reset_handler *h, enum reset_kind kind);
    TAILQ_ENTRY(reset_handler) link;
};
void reset_handler_add(struct reset_handler *h);
void reset_handler_remove(struct reset_handler *h);

/* Every device in the order of realize, then the handlers. vCPUs paused. */
void device_reset_all(enum reset_kind kind);

/* One device and what hangs on its buses. */
void device_reset(struct device *dev, enum reset_kind kind);

/* Everything on a bus. */
void bus_reset(struct bus *bus, enum reset_kind kind);

#endif
