/* SPDX-License-Identifier: MIT */
/*
 * UHCI host controller: Universal Host Controller Interface Design Guide 1.1; as a PCI function that
 * of the Intel 82371SB (PIIX3, data sheet 290550-002), 82371AB and ICH9.
 *
 * Frames are run by the clock, not by a tick: FRNUM is computed from the time. As long as something
 * happens the schedule is looked at every millisecond. When all there is are endpoints that say NAK
 * it is looked at every 32, 64, in the end every 128 (the frames since then are run together), or at
 * once when a device has data. When the controller is stopped there is no timer at all.
 *
 * Not modelled: the single-step debug mode (SWDBG), legacy keyboard emulation by SMI (the registers
 * keep what is written), start-of-frame timing.
 */
#include <errno.h>

#include "hw/core/regs.h"
#include "hw/core/vmstate.h"
#include "hw/usb/uhci_int.h"
#include "util/error.h"
#include "util/trace.h"

#define FRAME_NS     NS_PER_MS
#define FRNUM_MASK   0x7ff
#define QUIET_FRAMES 16 /* without anything but NAK, then it is idle */
#define IDLE_FIRST   32
#define IDLE_MAX     128
#define BACKLOG_MAX  IDLE_MAX /* frames run late; more are left out */
#define ENTRIES_MAX  32       /* different ones that are remembered in a round */

#define PORT_CONNECTED        0x0001u
#define PORT_CONNECT_CHANGE   0x0002u
#define PORT_ENABLED          0x0004u
#define PORT_ENABLE_CHANGE    0x0008u
#define PORT_LINE_PLUS        0x0010u
#define PORT_LINE_MINUS       0x0020u
#define PORT_RESUME           0x0040u
#define PORT_ALWAYS           0x0080u
#define PORT_LOW_SPEED        0x0100u
#define PORT_RESET            0x0200u
#define PORT_SUSPENDED        0x1000u
#define PORT_WRITABLE         (PORT_ENABLED | PORT_RESUME | PORT_RESET | PORT_SUSPENDED)
#define PORT_CLEARED_BY_WRITE (PORT_CONNECT_CHANGE | PORT_ENABLE_CHANGE)

#define CONFIG_RELEASE   0x60 /* serial bus release number */
#define CONFIG_LEGACY    0xc0
#define LEGACY_IRQ       0x2000u /* interrupts are routed to PIRQD# */
#define LEGACY_WRITABLE  0x20bfu
#define LEGACY_CLEARABLE 0x8f00u

static struct uhci *uhci_of(struct device *dev)
{
    return container_of(dev, struct uhci, pci.dev);
}

/* --- interrupts ----------------------------------------------------------------------------------- */

void uhci_update_irq(struct uhci *s)
{
    bool wanted = (s->ioc && (s->intr & UHCI_INTR_IOC)) ||
                  (s->short_packet && (s->intr & UHCI_INTR_SHORT)) ||
                  ((s->status & UHCI_STS_ERROR) && (s->intr & UHCI_INTR_TIMEOUT)) ||
                  ((s->status & UHCI_STS_RESUME) && (s->intr & UHCI_INTR_RESUME)) ||
                  (s->status & (UHCI_STS_HOST_ERROR | UHCI_STS_PROCESS_ERROR));

    pci_set_irq(&s->pci, wanted && (pci_get_word(&s->pci, CONFIG_LEGACY) & LEGACY_IRQ));
}

/* --- time ----------------------------------------------------------------------------------------- */

/* Frames that have begun since `frnum` was next. */
static int64_t frames_due(const struct uhci *s, int64_t now)
{
    return now < s->next_frame ? 0 : (now - s->next_frame) / FRAME_NS + 1;
}

static void skip_frames(struct uhci *s, int64_t count)
{
    s->frnum = (uint16_t)((s->frnum + (uint64_t)count) & FRNUM_MASK);
    s->next_frame += count * FRAME_NS;
}

static uint16_t current_frame(const struct uhci *s)
{
    int64_t due = uhci_running(s) ? frames_due(s, clock_now(CLK_VIRTUAL)) - 1 : 0;

    return (uint16_t)((s->frnum + (uint64_t)due) & FRNUM_MASK);
}

/* Look at the schedule as soon as possible. */
static void wake(struct uhci *s)
{
    if (uhci_running(s)) {
        s->quiet = 0;
        timer_arm(&s->timer, clock_now(CLK_VIRTUAL));
    }
}

/* What entries of the frame list have been run in this round with nothing but NAK. */
struct round {
    uint32_t entries[ENTRIES_MAX];
    unsigned count;
    bool happened; /* something has */
};

static bool was_run(const struct round *r, uint32_t entry)
{
    for (unsigned i = 0; i < r->count; i++) {
        if (r->entries[i] == entry) {
            return true;
        }
    }
    return false;
}

static void run_one(struct uhci *s, struct round *r)
{
    gpa_t at = s->frame_base + (s->frnum % UHCI_FRAMES) * 4u;
    uint8_t buf[4];

    if (pci_dma_read(&s->pci, at, buf, sizeof(buf)) != MEM_RESULT_OK) {
        s->status |= UHCI_STS_HOST_ERROR;
        uhci_stop(s);
        return;
    }
    uint32_t entry = ld_le32(buf);
    if (!was_run(r, entry)) {
        if (uhci_run_frame(s, entry)) {
            r->happened = true;
            r->count = 0;
        } else if (r->count < ENTRIES_MAX) {
            r->entries[r->count++] = entry;
        }
    }
    s->quiet = (uint8_t)MIN(s->quiet + 1, QUIET_FRAMES);
    if (uhci_running(s)) {
        skip_frames(s, 1);
    }
}

static void arm(struct uhci *s)
{
    bool idle = s->quiet >= QUIET_FRAMES;

    s->interval = (uint8_t)(idle ? MAX(IDLE_FIRST, MIN(IDLE_MAX, s->interval * 2)) : 1);
    if (uhci_running(s)) {
        timer_arm(&s->timer, s->next_frame + (s->interval - 1) * FRAME_NS);
    }
}

static void frame_timer(void *opaque)
{
    struct uhci *s = opaque;
    struct round round = {.count = 0};
    int64_t due = frames_due(s, clock_now(CLK_VIRTUAL));

    if (due > BACKLOG_MAX) {
        skip_frames(s, due - BACKLOG_MAX);
        due = BACKLOG_MAX;
    }
    for (int64_t n = due; n > 0 && uhci_running(s); n--) {
        run_one(s, &round);
    }
    uhci_async_age(s, (unsigned)due);
    if (round.happened) {
        s->quiet = 0; /* now, not then: the guest has not seen it yet */
    }
    arm(s);
}

static void start(struct uhci *s)
{
    s->next_frame = clock_now(CLK_VIRTUAL);
    wake(s);
}

void uhci_stop(struct uhci *s)
{
    skip_frames(s, frames_due(s, clock_now(CLK_VIRTUAL)));
    s->cmd &= (uint16_t)~UHCI_CMD_RS;
    timer_cancel(&s->timer);
    uhci_update_irq(s);
}

/* --- ports ---------------------------------------------------------------------------------------- */

struct usb_device *uhci_find_device(struct uhci *s, uint8_t address)
{
    for (unsigned i = 0; i < UHCI_PORTS; i++) {
        const struct uhci_port *p = &s->ports[i];
        bool on = (p->ctrl & PORT_ENABLED) && !(p->ctrl & (PORT_SUSPENDED | PORT_RESET));
        struct usb_device *usb = on ? usb_port_find(&p->port, address) : NULL;
        if (usb) {
            return usb;
        }
    }
    return NULL;
}

static void resume_detected(struct uhci *s)
{
    if (s->cmd & UHCI_CMD_EGSM) {
        s->cmd |= UHCI_CMD_FGR;
    }
    s->status |= UHCI_STS_RESUME;
    uhci_update_irq(s);
}

static void set_connected(struct uhci_port *p)
{
    bool low = p->port.usb->desc->speed == USB_LOW_SPEED;

    p->ctrl |= (uint16_t)(PORT_CONNECTED | PORT_CONNECT_CHANGE |
                          (low ? PORT_LOW_SPEED | PORT_LINE_MINUS : PORT_LINE_PLUS));
}

static void port_attached(struct usb_port *port)
{
    struct uhci_port *p = port->opaque;

    set_connected(p);
    if (p->uhci->cmd & UHCI_CMD_EGSM) {
        resume_detected(p->uhci);
    }
}

static void port_detached(struct usb_port *port)
{
    struct uhci_port *p = port->opaque;
    uint16_t changes = PORT_CONNECT_CHANGE | (p->ctrl & PORT_ENABLED ? PORT_ENABLE_CHANGE : 0);

    p->ctrl = (uint16_t)((p->ctrl & PORT_CLEARED_BY_WRITE) | PORT_ALWAYS | changes);
    if (p->uhci->cmd & UHCI_CMD_EGSM) {
        resume_detected(p->uhci);
    }
}

/* A device has something to say. In suspend it has to be allowed to. */
static void port_ready(struct usb_port *port)
{
    struct uhci_port *p = port->opaque;
    bool suspended = p->ctrl & PORT_SUSPENDED;

    if (!suspended && !(p->uhci->cmd & UHCI_CMD_EGSM)) {
        wake(p->uhci);
    } else if (port->usb->remote_wakeup && !(p->ctrl & PORT_RESUME)) {
        p->ctrl |= suspended ? PORT_RESUME : 0;
        resume_detected(p->uhci);
    }
}

static const struct usb_port_ops port_ops = {
    .attached = port_attached, .detached = port_detached, .ready = port_ready};

static void port_written(struct uhci_port *p, uint64_t old)
{
    struct usb_device *usb = p->port.usb;

    if ((p->ctrl & PORT_RESET) && !(old & PORT_RESET) && usb) {
        usb_device_reset(usb);
    }
    if (!(p->ctrl & PORT_CONNECTED) || (p->ctrl & PORT_RESET)) {
        p->ctrl &= (uint16_t)~PORT_ENABLED;
    }
    wake(p->uhci);
}

static void reset_port(struct uhci_port *p)
{
    p->ctrl = PORT_ALWAYS;
    if (p->port.usb) {
        set_connected(p);
    }
}

/* --- registers ------------------------------------------------------------------------------------ */

static void reset_controller(struct uhci *s);

static void cmd_written(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    struct uhci *s = opaque;
    bool was_running = old & UHCI_CMD_RS;
    uint16_t cmd = s->cmd;

    s->cmd = (uint16_t)old;
    if (was_running && (!(cmd & UHCI_CMD_RS) || (cmd & (UHCI_CMD_HCRESET | UHCI_CMD_GRESET)))) {
        uhci_stop(s);
    }
    if (cmd & (UHCI_CMD_HCRESET | UHCI_CMD_GRESET)) {
        bool global = cmd & UHCI_CMD_GRESET;
        for (unsigned i = 0; i < UHCI_PORTS && global; i++) {
            if (s->ports[i].port.usb) {
                usb_device_reset(s->ports[i].port.usb);
            }
        }
        reset_controller(s);
        s->cmd = global ? UHCI_CMD_GRESET : 0; /* software ends it */
        return;
    }
    s->cmd = cmd;
    if (!was_running && uhci_running(s)) {
        start(s);
    }
}

static uint64_t status_read(void *opaque, const struct reg_desc *reg, uint64_t val)
{
    return val | (uhci_running(opaque) ? 0 : UHCI_STS_HALTED);
}

static void status_written(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    struct uhci *s = opaque;

    if (val & UHCI_STS_USBINT) {
        s->ioc = s->short_packet = false;
    }
    uhci_update_irq(s);
}

static void intr_written(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    uhci_update_irq(opaque);
}

static uint64_t frnum_read(void *opaque, const struct reg_desc *reg, uint64_t val)
{
    return current_frame(opaque);
}

static void frnum_written(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    struct uhci *s = opaque;

    if (uhci_running(s)) {
        s->frnum = (uint16_t)old;
    }
}

static void frame_base_written(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    wake(opaque);
}

static void port1_written(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    port_written(&((struct uhci *)opaque)->ports[0], old);
}

static void port2_written(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    port_written(&((struct uhci *)opaque)->ports[1], old);
}

/* clang-format off */
static const struct reg_desc regs[] = {
    {"USBCMD",    0x00, 2, REG_FIELD(struct uhci, cmd), .wmask = UHCI_CMD_MASK, .write = cmd_written},
    {"USBSTS",    0x02, 2, REG_FIELD(struct uhci, status), .w1c = 0x1f, .read = status_read,
     .write = status_written},
    {"USBINTR",   0x04, 2, REG_FIELD(struct uhci, intr), .wmask = UHCI_INTR_MASK, .write = intr_written},
    {"FRNUM",     0x06, 2, REG_FIELD(struct uhci, frnum), .wmask = FRNUM_MASK, .read = frnum_read,
     .write = frnum_written},
    {"FRBASEADD", 0x08, 4, REG_FIELD(struct uhci, frame_base), .wmask = 0xfffff000,
     .write = frame_base_written},
    {"SOFMOD",    0x0c, 1, REG_FIELD(struct uhci, sof_modify), .wmask = 0x7f, .reset = 0x40},
    {"PORTSC1",   0x10, 2, REG_FIELD(struct uhci, ports[0].ctrl), .wmask = PORT_WRITABLE,
     .w1c = PORT_CLEARED_BY_WRITE, .rone = PORT_ALWAYS, .write = port1_written},
    {"PORTSC2",   0x12, 2, REG_FIELD(struct uhci, ports[1].ctrl), .wmask = PORT_WRITABLE,
     .w1c = PORT_CLEARED_BY_WRITE, .rone = PORT_ALWAYS, .write = port2_written},
};
/* clang-format on */
static const struct reg_bank bank = REG_BANK("uhci", regs, 0x20);

static uint64_t io_read(void *opaque, uint64_t off, unsigned size)
{
    return reg_bank_read(&bank, opaque, off, size);
}

static void io_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    reg_bank_write(&bank, opaque, off, val, size);
}

static const struct mem_ops io_ops = {
    .read = io_read, .write = io_write, .valid = {1, 4, true}, .impl = {1, 4, true}};

/* --- life ----------------------------------------------------------------------------------------- */

static void reset_controller(struct uhci *s)
{
    timer_cancel(&s->timer);
    uhci_async_cancel(s, NULL);
    reg_bank_reset(&bank, s);
    s->ioc = s->short_packet = false;
    s->quiet = 0;
    for (unsigned i = 0; i < UHCI_PORTS; i++) {
        reset_port(&s->ports[i]);
    }
    uhci_update_irq(s);
}

static void flush_device(struct usb_bus *bus, const struct usb_device *usb)
{
    uhci_async_cancel(container_of(bus, struct uhci, bus), usb);
}

static void config_written(struct pci_device *pci, unsigned off, unsigned size, uint32_t old)
{
    uhci_update_irq(container_of(pci, struct uhci, pci));
}

static int uhci_realize(struct device *dev, struct error **err)
{
    struct uhci *s = uhci_of(dev);
    int ret = usb_bus_init(&s->bus, dev, err);

    if (ret < 0) {
        return ret;
    }
    s->bus.flush = flush_device;
    for (unsigned i = 0; i < UHCI_PORTS; i++) {
        s->ports[i].uhci = s;
        usb_port_add(&s->bus, &s->ports[i].port, NULL, i, &port_ops, &s->ports[i]);
    }
    TAILQ_INIT(&s->asyncs);
    timer_init(&s->timer, CLK_VIRTUAL, frame_timer, s);
    mem_region_init_io(&s->io, "uhci", 0x20, &io_ops, s);
    pci_register_bar(&s->pci, 4, PCI_BAR_IO, &s->io);
    s->pci.config[CONFIG_RELEASE] = 0x10; /* USB 1.0 */
    pci_put_word(&s->pci, CONFIG_LEGACY, LEGACY_IRQ);
    st_le16(s->pci.wmask + CONFIG_LEGACY, LEGACY_WRITABLE);
    st_le16(s->pci.w1cmask + CONFIG_LEGACY, LEGACY_CLEARABLE);
    return 0;
}

static void uhci_unrealize(struct device *dev)
{
    struct uhci *s = uhci_of(dev);

    uhci_async_cancel(s, NULL);
    timer_fini(&s->timer);
    for (unsigned i = 0; i < UHCI_PORTS; i++) {
        usb_port_remove(&s->ports[i].port);
    }
    usb_bus_fini(&s->bus);
    mem_region_fini(&s->io);
}

static void uhci_reset(struct device *dev, enum reset_kind kind)
{
    reset_controller(uhci_of(dev));
}

/* Their descriptors are still active in the schedule. */
static void take_back(void *state)
{
    uhci_async_cancel(state, NULL);
}

static int uhci_post_load(void *state, unsigned version, struct error **err)
{
    struct uhci *s = state;

    s->frnum &= FRNUM_MASK;
    if (uhci_running(s) && s->next_frame < 0) {
        error_set(err, "uhci: frame before the beginning of time");
        return -EINVAL;
    }
    return 0;
}

static const struct vmstate port_vmstate = {
    .name = "uhci-port",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U16(struct uhci_port, ctrl),
            VM_END,
        },
};

static const struct vmstate uhci_vmstate = {
    .name = "uhci",
    .version = 1,
    .pre_save = take_back,
    .post_load = uhci_post_load,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct uhci, pci, &pci_device_vmstate),
            VM_STRUCT_ARRAY(struct uhci, ports, &port_vmstate),
            VM_U16(struct uhci, cmd),
            VM_U16(struct uhci, status),
            VM_U16(struct uhci, intr),
            VM_U32(struct uhci, frame_base),
            VM_U8(struct uhci, sof_modify),
            VM_BOOL(struct uhci, ioc),
            VM_BOOL(struct uhci, short_packet),
            VM_U16(struct uhci, frnum),
            VM_S64(struct uhci, next_frame),
            VM_TIMER(struct uhci, timer),
            VM_U8(struct uhci, quiet),
            VM_END,
        },
};

#define UHCI_DEFINE(ident, nm, text, id, pin)                                                      \
    static const struct pci_info ident##_pci = {.vendor = PCI_VENDOR_INTEL,                        \
                                                .device = (id),                                    \
                                                .class_code = PCI_CLASS_SERIAL_USB_UHCI,           \
                                                .int_pin = (pin),                                  \
                                                .config_written = config_written};                 \
    DEVICE_DEFINE(ident, .name = nm, .bus = BUS_PCI, .help = text, .hotpluggable = true,           \
                  .pci = &ident##_pci, .state_size = sizeof(struct uhci),                          \
                  .vmstate = &uhci_vmstate, .regs = &bank, .realize = uhci_realize,                \
                  .unrealize = uhci_unrealize, .reset = uhci_reset)

UHCI_DEFINE(piix3_usb_uhci, "piix3-usb-uhci", "USB controller (UHCI), as in PIIX3", 0x7020, 4);
UHCI_DEFINE(piix4_usb_uhci, "piix4-usb-uhci", "USB controller (UHCI), as in PIIX4", 0x7112, 4);
UHCI_DEFINE(ich9_usb_uhci1, "ich9-usb-uhci1", "USB controller (UHCI), as in ICH9", 0x2934, 1);
