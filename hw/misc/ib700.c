/* SPDX-License-Identifier: MIT */
/*
 * Watchdog of the iB700 single-board computer (a Winbond W83977AF behind two ports), as its public
 * driver in Linux documents it (drivers/watchdog/ib700wdt.c): a write to 443h starts it with a time
 * of 30 seconds less twice the low four bits, a write to 441h stops it. What follows when nobody
 * writes in time is the action for `watchdog` (system/actions.h).
 */
#include "hw/core/clock.h"
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "system/actions.h"
#include "util/trace.h"

#define IB700_BASE  0x441
#define IB700_STOP  0 /* offsets */
#define IB700_START 2
#define IB700_PORTS 3

struct ib700 {
    struct isa_device isa;
    struct timer timer;
    struct mem_region io; /* wiring */
};

static struct ib700 *to_ib700(const struct device *dev)
{
    return container_of(dev, struct ib700, isa.dev);
}

static void expired(void *opaque)
{
    TRACE(ib700_expired, "action %s", action_name(ACTION_WATCHDOG));
    watchdog_expired();
}

static uint64_t ib700_read(void *opaque, uint64_t off, unsigned size)
{
    return 0xff;
}

static void ib700_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct ib700 *s = opaque;
    int64_t seconds = 30 - 2 * (int64_t)(val & 15);

    if (off == IB700_STOP) {
        timer_cancel(&s->timer);
    } else if (off == IB700_START) {
        timer_arm(&s->timer, clock_now(CLK_VIRTUAL) + seconds * NS_PER_SEC);
    }
}

static const struct mem_ops ib700_ops = {
    .read = ib700_read,
    .write = ib700_write,
    .valid = {.min = 1, .max = 1},
};

static void ib700_reset(struct device *dev, enum reset_kind kind)
{
    timer_cancel(&to_ib700(dev)->timer);
}

static int ib700_realize(struct device *dev, struct error **err)
{
    struct ib700 *s = to_ib700(dev);

    timer_init(&s->timer, CLK_VIRTUAL, expired, s);
    mem_region_init_io(&s->io, "ib700", IB700_PORTS, &ib700_ops, s);
    isa_register_ioport(&s->isa, &s->io, IB700_BASE);
    return 0;
}

static void ib700_unrealize(struct device *dev)
{
    struct ib700 *s = to_ib700(dev);

    timer_fini(&s->timer);
    isa_unregister_ioport(&s->isa, &s->io);
    mem_region_fini(&s->io);
}

static const struct vm_field ib700_fields[] = {
    VM_TIMER(struct ib700, timer),
    VM_END,
};
static const struct vmstate ib700_vmstate = {
    .name = "ib700",
    .version = 1,
    .fields = ib700_fields,
};

DEVICE_DEFINE(ib700, .name = "ib700", .help = "watchdog of the iB700 board", .bus = BUS_ISA,
              .state_size = sizeof(struct ib700), .vmstate = &ib700_vmstate,
              .realize = ib700_realize, .unrealize = ib700_unrealize, .reset = ib700_reset);
