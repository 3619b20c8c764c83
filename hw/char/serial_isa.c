/* SPDX-License-Identifier: MIT */
/* isa-serial: a 16550A at the ports and interrupt lines of the PC's COM1 to COM4. */
#include "hw/char/serial.h"

#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "util/error.h"

struct serial_isa {
    struct isa_device isa;
    struct serial chip;
    uint32_t index; /* 0..3: COM1..COM4; ANY: the first free */
    uint16_t iobase;
    uint8_t irq;
};

#define ANY 255u

static const struct {
    uint16_t iobase;
    uint8_t irq;
} com_ports[] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

static uint8_t ports_taken; /* bit per COM port */

static int choose_port(struct serial_isa *s, struct error **err)
{
    unsigned n = s->index;

    if (n == ANY) {
        for (n = 0; n < ARRAY_SIZE(com_ports) && ports_taken >> n & 1;) {
            n++;
        }
    }
    if (n >= ARRAY_SIZE(com_ports)) {
        error_set(err, "there are %zu serial ports at most", ARRAY_SIZE(com_ports));
        return -1;
    }
    if (ports_taken >> n & 1) {
        error_set(err, "two serial ports have index %u", n);
        return -1;
    }
    s->index = n;
    s->iobase = s->iobase ? s->iobase : com_ports[n].iobase;
    s->irq = s->irq ? s->irq : com_ports[n].irq;
    return 0;
}

static int serial_isa_realize(struct device *dev, struct error **err)
{
    struct serial_isa *s = container_of(dev, struct serial_isa, isa.dev);

    if (choose_port(s, err) < 0) {
        return -1;
    }
    s->chip.irq = isa_irq(&s->isa, s->irq);
    if (serial_init(&s->chip, err) < 0) {
        return -1;
    }
    ports_taken |= (uint8_t)(1u << s->index);
    isa_register_ioport(&s->isa, &s->chip.io, s->iobase);
    return 0;
}

static void serial_isa_unrealize(struct device *dev)
{
    struct serial_isa *s = container_of(dev, struct serial_isa, isa.dev);

    isa_unregister_ioport(&s->isa, &s->chip.io);
    serial_fini(&s->chip);
    ports_taken &= (uint8_t) ~(1u << s->index);
}

static void serial_isa_reset(struct device *dev, enum reset_kind kind)
{
    serial_reset(&container_of(dev, struct serial_isa, isa.dev)->chip);
}

static const struct prop serial_isa_props[] = {
    PROP_U32("index", struct serial_isa, index, ANY, 0, ANY, "0 to 3: COM1 to COM4"),
    PROP_U16("iobase", struct serial_isa, iobase, 0, 0, 0xfff8, "first port; 0: by index"),
    PROP_U8("irq", struct serial_isa, irq, 0, 0, 15, "interrupt line; 0: by index"),
    PROP_CHARDEV("chardev", struct serial_isa, chip.chr, "what is at the other end"),
    PROP_END,
};

static const struct vmstate serial_isa_vmstate = {
    .name = "isa-serial",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct serial_isa, chip, &serial_vmstate),
            VM_END,
        },
};

DEVICE_DEFINE(serial_isa, .name = "isa-serial", .bus = BUS_ISA,
              .help = "16550A serial port (COM1 to COM4)", .state_size = sizeof(struct serial_isa),
              .props = serial_isa_props, .vmstate = &serial_isa_vmstate,
              .realize = serial_isa_realize, .unrealize = serial_isa_unrealize,
              .reset = serial_isa_reset);
