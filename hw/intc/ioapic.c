/* SPDX-License-Identifier: MIT */
/*
 * IO-APIC: 24 pins, each with an entry that says which message it sends.
 *
 * Intel 82093AA data sheet (290566); the EOI register at offset 40h and version
 * 20h as in the ICH (ICH9 data sheet 13.5).
 *
 * Not modelled: polarity (a line is asserted or not, whatever its voltage), and
 * the serial bus with its arbitration (the ID is readable in its register).
 */
#include "hw/intc/ioapic.h"

#include "hw/core/clock.h"
#include "hw/core/device.h"
#include "hw/core/irq.h"
#include "hw/core/memory.h"
#include "hw/core/vmstate.h"
#include "hw/intc/apic.h"
#include "util/log.h"
#include "util/trace.h"

#include <inttypes.h>

#define IOAPIC_VERSION 0x20u
#define IOAPIC_SIZE    0x1000

/* Memory-mapped registers. */
#define IOAPIC_IOREGSEL 0x00
#define IOAPIC_IOWIN    0x10
#define IOAPIC_EOI      0x40

/* Registers behind the window. */
#define IOAPIC_ID          0x00
#define IOAPIC_VER         0x01
#define IOAPIC_ARB         0x02
#define IOAPIC_REDIRECTION 0x10

/* Redirection entries. */
#define RTE_VECTOR         0xffu
#define RTE_DELIVERY_SHIFT 8
#define RTE_LOGICAL        BIT(11)
#define RTE_REMOTE_IRR     BIT(14)
#define RTE_LEVEL          BIT(15)
#define RTE_MASKED         BIT(16)
#define RTE_DEST_SHIFT     56
#define RTE_WMASK          0xff0000000001afffULL

/*
 * A pin that is still asserted at so many EOIs in a row is held back for a while: on
 * hardware messages take time, so that code outside the handler gets on, which may
 * be what ends the storm.
 */
#define STORM_COUNT    10000
#define STORM_PAUSE_NS (10 * NS_PER_MS)

struct ioapic {
    struct device dev;
    uint64_t addr; /* property */
    uint8_t select;
    uint8_t id;
    uint32_t lines; /* pins as they are */
    uint64_t redirection[IOAPIC_PINS];
    uint32_t repeats[IOAPIC_PINS]; /* EOIs in a row that found the pin asserted */
    struct timer retry;            /* of pins held back */

    struct irq inputs[IOAPIC_PINS]; /* wiring */
    struct mem_region mmio;
};

static struct ioapic *to_ioapic(const struct device *dev)
{
    return container_of(dev, struct ioapic, dev);
}

/* --- sending -------------------------------------------------------------- */

static bool send(const struct ioapic *s, unsigned pin)
{
    uint64_t rte = s->redirection[pin];
    struct apic_message msg = {
        .dest = (uint32_t)(rte >> RTE_DEST_SHIFT),
        .vector = rte & RTE_VECTOR,
        .delivery = rte >> RTE_DELIVERY_SHIFT & 7,
        .logical = rte & RTE_LOGICAL,
        .level = rte & RTE_LEVEL,
    };

    if (msg.delivery == APIC_SIPI || msg.delivery == APIC_REMOTE_READ)
        return false;
    if (msg.dest == 0xff && !msg.logical)
        msg.dest = UINT32_MAX;
    TRACE(ioapic_send, "pin %u entry %#" PRIx64, pin, rte);
    return apic_bus_send(&msg);
}

/* Only fixed and lowest priority ones are answered by an EOI. */
static bool awaits_eoi(uint64_t rte)
{
    return (rte >> RTE_DELIVERY_SHIFT & 7) <= APIC_LOWEST;
}

/* A level-triggered pin: again and again, but not before the EOI of the last. */
static void service_level(struct ioapic *s, unsigned pin)
{
    uint64_t rte = s->redirection[pin];

    if (!(s->lines & 1u << pin) || !(rte & RTE_LEVEL) || (rte & (RTE_MASKED | RTE_REMOTE_IRR)))
        return;
    if (awaits_eoi(rte))
        s->redirection[pin] |= RTE_REMOTE_IRR;
    if (!send(s, pin))
        s->redirection[pin] &= ~RTE_REMOTE_IRR;
}

/* Edges of a masked pin are lost. */
static void input_changed(void *opaque, int n, int level)
{
    struct ioapic *s = opaque;
    uint32_t bit = 1u << n;
    bool rising = level && !(s->lines & bit);

    TRACE(ioapic_line, "pin %d level %d", n, level);
    s->lines = level ? s->lines | bit : s->lines & ~bit;
    if (s->redirection[n] & RTE_LEVEL)
        service_level(s, (unsigned)n);
    else if (rising && !(s->redirection[n] & RTE_MASKED))
        send(s, (unsigned)n);
}

static void repeat(struct ioapic *s, unsigned pin)
{
    s->repeats[pin] = s->lines & 1u << pin ? s->repeats[pin] + 1 : 0;
    if (s->repeats[pin] < STORM_COUNT) {
        service_level(s, pin);
        return;
    }
    s->repeats[pin] = 0;
    timer_arm(&s->retry, clock_now(CLK_VIRTUAL) + STORM_PAUSE_NS);
}

static void end_of_interrupt(void *opaque, uint8_t vector)
{
    struct ioapic *s = opaque;

    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        uint64_t rte = s->redirection[pin];

        if ((rte & RTE_VECTOR) != vector || !(rte & RTE_REMOTE_IRR))
            continue;
        s->redirection[pin] &= ~RTE_REMOTE_IRR;
        repeat(s, pin);
    }
}

static void retry_due(void *opaque)
{
    struct ioapic *s = opaque;

    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        service_level(s, pin);
}

/* --- registers ------------------------------------------------------------ */

static uint32_t window_read(const struct ioapic *s)
{
    unsigned n = s->select - IOAPIC_REDIRECTION;

    switch (s->select) {
    case IOAPIC_ID:
    case IOAPIC_ARB:
        return (uint32_t)s->id << 24;
    case IOAPIC_VER:
        return IOAPIC_VERSION | (IOAPIC_PINS - 1) << 16;
    default:
        if (n / 2 < IOAPIC_PINS)
            return (uint32_t)(s->redirection[n / 2] >> 32 * (n & 1));
        guest_error("IO-APIC: read of register %#x", s->select);
        return 0;
    }
}

/* Making a pin edge-triggered forgets that an EOI is awaited: kernels do that to
 * get one unstuck. */
static void write_redirection(struct ioapic *s, unsigned n, uint32_t val)
{
    unsigned pin = n / 2;
    uint64_t half = mask64(32) << 32 * (n & 1);
    uint64_t set = RTE_WMASK & half;
    uint64_t rte = (s->redirection[pin] & ~set) | ((uint64_t)val << 32 * (n & 1) & set);

    if (!(rte & RTE_LEVEL))
        rte &= ~RTE_REMOTE_IRR;
    s->redirection[pin] = rte;
    service_level(s, pin);
}

static void window_write(struct ioapic *s, uint32_t val)
{
    unsigned n = s->select - IOAPIC_REDIRECTION;

    if (s->select == IOAPIC_ID)
        s->id = val >> 24 & 0xf;
    else if (n / 2 < IOAPIC_PINS)
        write_redirection(s, n, val);
    else
        guest_error("IO-APIC: write of register %#x", s->select);
}

static uint64_t ioapic_read(void *opaque, uint64_t off, unsigned size)
{
    struct ioapic *s = opaque;

    switch (off) {
    case IOAPIC_IOREGSEL:
        return s->select;
    case IOAPIC_IOWIN:
        return size == 4 ? window_read(s) : 0;
    default:
        return 0;
    }
}

static void ioapic_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct ioapic *s = opaque;

    switch (off) {
    case IOAPIC_IOREGSEL:
        s->select = (uint8_t)val;
        break;
    case IOAPIC_IOWIN:
        if (size == 4)
            window_write(s, (uint32_t)val);
        break;
    case IOAPIC_EOI:
        end_of_interrupt(s, (uint8_t)val);
        break;
    default:
        break;
    }
}

static const struct mem_ops ioapic_ops = {
    .read = ioapic_read,
    .write = ioapic_write,
    .valid = {.min = 1, .max = 4},
    .flags = MEM_OPS_REENTRANT, /* a message may be a write to memory */
};

/* --- life ----------------------------------------------------------------- */

struct irq *ioapic_input(struct device *dev, unsigned n)
{
    return n < IOAPIC_PINS ? &to_ioapic(dev)->inputs[n] : NULL;
}

char *ioapic_describe(const struct device *dev)
{
    const struct ioapic *s = to_ioapic(dev);
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "id %u select %#x\n", s->id, s->select);
    for (unsigned i = 0; i < IOAPIC_PINS; i++)
        g_string_append_printf(out, "pin %2u line %u entry %#018" PRIx64 "\n", i, s->lines >> i & 1,
                               s->redirection[i]);
    return g_string_free(out, FALSE);
}

static void ioapic_reset(struct device *dev, enum reset_kind kind)
{
    struct ioapic *s = to_ioapic(dev);

    s->select = s->id = 0;
    for (unsigned i = 0; i < IOAPIC_PINS; i++) {
        s->redirection[i] = RTE_MASKED;
        s->repeats[i] = 0;
    }
    timer_cancel(&s->retry);
}

static int ioapic_realize(struct device *dev, struct error **err)
{
    struct ioapic *s = to_ioapic(dev);

    irq_init_array(s->inputs, IOAPIC_PINS, input_changed, s);
    timer_init(&s->retry, CLK_VIRTUAL, retry_due, s);
    mem_region_init_io(&s->mmio, "ioapic", IOAPIC_SIZE, &ioapic_ops, s);
    mem_region_add_overlap(as_memory.root, s->addr, &s->mmio, 1);
    apic_bus_set_eoi_handler(end_of_interrupt, s);
    return 0;
}

static void ioapic_unrealize(struct device *dev)
{
    struct ioapic *s = to_ioapic(dev);

    apic_bus_set_eoi_handler(NULL, NULL);
    timer_fini(&s->retry);
    mem_region_del(as_memory.root, &s->mmio);
    mem_region_fini(&s->mmio);
}

static int ioapic_post_load(void *state, unsigned version, struct error **err)
{
    struct ioapic *s = state;

    s->id &= 0xf;
    s->lines &= (uint32_t)mask64(IOAPIC_PINS);
    for (unsigned i = 0; i < IOAPIC_PINS; i++)
        s->redirection[i] &= RTE_WMASK | RTE_REMOTE_IRR;
    return 0;
}

static const struct vm_field ioapic_fields[] = {
    VM_U8(struct ioapic, select),
    VM_U8(struct ioapic, id),
    VM_U32(struct ioapic, lines),
    VM_U64_ARRAY(struct ioapic, redirection),
    VM_U32_ARRAY(struct ioapic, repeats),
    VM_TIMER(struct ioapic, retry),
    VM_END,
};
static const struct vmstate ioapic_vmstate = {
    .name = "ioapic",
    .version = 1,
    .fields = ioapic_fields,
    .post_load = ioapic_post_load,
};

static const struct prop ioapic_props[] = {
    PROP_U64("addr", struct ioapic, addr, IOAPIC_BASE_DEFAULT, 0, 0xfffff000, "address"),
    PROP_END,
};

DEVICE_DEFINE(ioapic, .name = "ioapic", .help = "IO-APIC with 24 pins", .bus = BUS_SYSTEM,
              .state_size = sizeof(struct ioapic), .props = ioapic_props,
              .vmstate = &ioapic_vmstate, .no_user = true, .is_default = true,
              .realize = ioapic_realize, .unrealize = ioapic_unrealize, .reset = ioapic_reset);
