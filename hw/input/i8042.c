/* SPDX-License-Identifier: MIT */
/*
 * 8042 keyboard controller with a PS/2 keyboard and mouse: IBM PS/2 Hardware Interface Technical
 * Reference, "Keyboard and Auxiliary Device Controller".
 *
 * Not modelled: the time a byte takes on the wire, polling of the input port into the status register
 * (C1h, C2h), the dump of the controller's program memory (ACh).
 */
#include "hw/input/i8042.h"

#include "hw/core/vmstate.h"
#include "hw/input/ps2.h"
#include "hw/isa/isa.h"
#include "system/runstate.h"
#include "util/error.h"
#include "util/log.h"

/* clang-format off */
enum { KBC_STS_OBF = 0x01, KBC_STS_SYS = 0x04, KBC_STS_CMD = 0x08, KBC_STS_UNLOCKED = 0x10,
       KBC_STS_AUX_OBF = 0x20 };
enum { KBC_CFG_KBD_INT = 0x01, KBC_CFG_AUX_INT = 0x02, KBC_CFG_SYS = 0x04, KBC_CFG_KBD_OFF = 0x10,
       KBC_CFG_AUX_OFF = 0x20, KBC_CFG_TRANSLATE = 0x40 };
enum { KBC_OUT_NO_RESET = 0x01, KBC_OUT_A20 = 0x02, KBC_OUT_KBD_OBF = 0x10, KBC_OUT_AUX_OBF = 0x20,
       KBC_OUT_FIXED = 0xc1 };
enum { KBC_READ_RAM = 0x20, KBC_READ_RAM_LAST = 0x3f, KBC_WRITE_RAM = 0x60, KBC_WRITE_RAM_LAST = 0x7f,
       KBC_PASSWORD_TEST = 0xa4, KBC_PASSWORD_LOAD = 0xa5, KBC_PASSWORD_ON = 0xa6,
       KBC_AUX_OFF = 0xa7, KBC_AUX_ON = 0xa8, KBC_AUX_TEST = 0xa9, KBC_SELF_TEST = 0xaa, KBC_KBD_TEST = 0xab,
       KBC_KBD_OFF = 0xad, KBC_KBD_ON = 0xae, KBC_READ_INPUT = 0xc0, KBC_READ_OUTPUT = 0xd0,
       KBC_WRITE_OUTPUT = 0xd1, KBC_WRITE_OBF = 0xd2, KBC_WRITE_AUX_OBF = 0xd3, KBC_WRITE_AUX = 0xd4,
       KBC_A20_OFF = 0xdd, KBC_A20_ON = 0xdf, KBC_TEST_INPUTS = 0xe0, KBC_PULSE = 0xf0 };
/* Places of the controller's RAM that the password has: bytes for the host when it is on and when it
 * has been typed, and two make codes that do not count. */
enum { KBC_RAM_ON = 0x13, KBC_RAM_OFF = 0x14, KBC_RAM_SKIP1 = 0x16, KBC_RAM_SKIP2 = 0x17 };
enum { KBC_PASSWORD_THERE = 0xfa, KBC_PASSWORD_NONE = 0xf1 };
/* clang-format on */

#define PASSWORD_MAX 7

#define IRQ_KBD 1
#define IRQ_AUX 12

struct i8042 {
    struct isa_device isa;
    struct mem_region data_io, cmd_io; /* ports 60h and 64h */
    struct ps2_keyboard kbd;
    struct ps2_mouse mouse;
    struct irq *a20;
    uint8_t ram[32];     /* [0] is the configuration byte */
    uint8_t status, obf; /* output buffer */
    uint8_t outport;     /* as written: reset and A20 bits */
    uint8_t command;     /* waits for a byte at port 60h; 0: none */
    bool release;        /* translation: a break code F0 has been seen */

    uint8_t password[PASSWORD_MAX + 1]; /* make codes, a zero ends them */
    uint8_t typed;                      /* how many of them have been */
    bool locked;                        /* until all of them have */
};

static struct i8042 *kbc_of(struct device *dev)
{
    return container_of(dev, struct i8042, isa.dev);
}

/* --- the output buffer ------------------------------------------------------------------------ */

static void update_irqs(struct i8042 *s)
{
    bool full = s->status & KBC_STS_OBF, aux = s->status & KBC_STS_AUX_OBF;

    irq_set(isa_irq(&s->isa, IRQ_KBD), full && !aux && (s->ram[0] & KBC_CFG_KBD_INT));
    irq_set(isa_irq(&s->isa, IRQ_AUX), full && aux && (s->ram[0] & KBC_CFG_AUX_INT));
}

static void put_obf(struct i8042 *s, uint8_t byte, bool aux)
{
    s->obf = byte;
    s->status |= KBC_STS_OBF;
    s->status = (uint8_t)((s->status & ~KBC_STS_AUX_OBF) | (aux ? KBC_STS_AUX_OBF : 0));
    update_irqs(s);
}

/* Set 2 to set 1, by the table of the controller's ROM; codes above 84h pass unchanged. */
static const uint8_t translation[0x80] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

static uint8_t translate(struct i8042 *s, uint8_t byte)
{
    uint8_t code = byte < 0x80    ? translation[byte]
                   : byte == 0x83 ? 0x41
                   : byte == 0x84 ? 0x54
                                  : byte;

    if (code < 0x80 && s->release) {
        code |= 0x80;
    }
    s->release = false;
    return code;
}

/* --- the password ----------------------------------------------------------------------------- */

/* A byte of the new one. */
static void load_password(struct i8042 *s, uint8_t byte)
{
    s->password[s->typed] = s->typed < PASSWORD_MAX ? byte : 0;
    if (byte) {
        s->typed = (uint8_t)MIN(s->typed + 1, PASSWORD_MAX);
        s->command = KBC_PASSWORD_LOAD; /* more to come */
    }
}

/* If it wants to know, the host is told with a byte of its choice. */
static void tell_host(struct i8042 *s, unsigned place)
{
    if (s->ram[place]) {
        put_obf(s, s->ram[place], false);
    }
}

/* Keys come here and not to the host. */
static void try_password(struct i8042 *s, uint8_t code)
{
    if (code & 0x80 || code == s->ram[KBC_RAM_SKIP1] || code == s->ram[KBC_RAM_SKIP2]) {
        return;
    }
    s->typed = code == s->password[s->typed] ? s->typed + 1 : code == s->password[0];
    if (!s->password[s->typed]) {
        s->locked = false;
        tell_host(s, KBC_RAM_OFF);
    }
}

static bool take_keyboard(struct i8042 *s)
{
    while (s->kbd.port.count && !(s->ram[0] & KBC_CFG_KBD_OFF)) {
        uint8_t byte = ps2_take(&s->kbd.port);
        bool translated = s->ram[0] & KBC_CFG_TRANSLATE;
        if (translated && byte == 0xf0) {
            s->release = true;
            continue;
        }
        byte = translated ? translate(s, byte) : byte;
        if (!s->locked) {
            put_obf(s, byte, false);
            return true;
        }
        try_password(s, byte);
        if (s->status & KBC_STS_OBF) {
            return true;
        }
    }
    return false;
}

/* The next byte of whoever has one; the keyboard comes first. */
static void fill(void *opaque)
{
    struct i8042 *s = opaque;

    if ((s->status & KBC_STS_OBF) || take_keyboard(s)) {
        return;
    }
    if (s->mouse.port.count && !(s->ram[0] & KBC_CFG_AUX_OFF) && !s->locked) {
        put_obf(s, ps2_take(&s->mouse.port), true);
    }
}

/* --- the output port -------------------------------------------------------------------------- */

static uint8_t read_outport(const struct i8042 *s)
{
    bool full = s->status & KBC_STS_OBF, aux = s->status & KBC_STS_AUX_OBF;

    return (uint8_t)(s->outport | KBC_OUT_FIXED | (full && !aux ? KBC_OUT_KBD_OBF : 0) |
                     (full && aux ? KBC_OUT_AUX_OBF : 0));
}

static void write_outport(struct i8042 *s, uint8_t val)
{
    s->outport = val & KBC_OUT_A20;
    irq_set(s->a20, !!(val & KBC_OUT_A20));
    if (!(val & KBC_OUT_NO_RESET)) {
        runstate_request_reset(RESET_REASON_GUEST_WARM);
    }
}

/* --- commands --------------------------------------------------------------------------------- */

static void set_config_bit(struct i8042 *s, uint8_t bit, bool on)
{
    s->ram[0] = (uint8_t)((s->ram[0] & ~bit) | (on ? bit : 0));
    fill(s);
}

static void config_written(struct i8042 *s)
{
    s->status = (uint8_t)((s->status & ~KBC_STS_SYS) | (s->ram[0] & KBC_CFG_SYS));
    update_irqs(s);
    fill(s);
}

static void switch_aux(struct i8042 *s, uint8_t cmd)
{
    set_config_bit(s, KBC_CFG_AUX_OFF, cmd == KBC_AUX_OFF);
}

static void switch_kbd(struct i8042 *s, uint8_t cmd)
{
    set_config_bit(s, KBC_CFG_KBD_OFF, cmd == KBC_KBD_OFF);
}

static void self_test(struct i8042 *s, uint8_t cmd)
{
    s->ram[0] |= KBC_CFG_SYS;
    s->status |= KBC_STS_SYS;
    put_obf(s, 0x55, false);
}

static void test_line(struct i8042 *s, uint8_t cmd)
{
    put_obf(s, 0, false);
}

static void read_input(struct i8042 *s, uint8_t cmd)
{
    put_obf(s, 0x80, false);
}

static void read_output(struct i8042 *s, uint8_t cmd)
{
    put_obf(s, read_outport(s), false);
}

static void switch_a20(struct i8042 *s, uint8_t cmd)
{
    write_outport(s, (uint8_t)(KBC_OUT_NO_RESET | (cmd == KBC_A20_ON ? KBC_OUT_A20 : 0)));
}

/* The clock lines, which the controller holds to stop a device. */
static void test_inputs(struct i8042 *s, uint8_t cmd)
{
    bool kbd = !(s->ram[0] & KBC_CFG_KBD_OFF), aux = !(s->ram[0] & KBC_CFG_AUX_OFF);

    put_obf(s, (uint8_t)(kbd | aux << 1), false);
}

static void password_test(struct i8042 *s, uint8_t cmd)
{
    put_obf(s, s->password[0] ? KBC_PASSWORD_THERE : KBC_PASSWORD_NONE, false);
}

static void password_load(struct i8042 *s, uint8_t cmd)
{
    s->typed = 0;
    s->command = cmd;
}

static void password_on(struct i8042 *s, uint8_t cmd)
{
    if (s->password[0]) {
        s->locked = true;
        s->typed = 0;
        tell_host(s, KBC_RAM_ON);
    }
}

static void read_ram(struct i8042 *s, uint8_t cmd)
{
    put_obf(s, s->ram[cmd & 0x1f], false);
}

static void expect_parameter(struct i8042 *s, uint8_t cmd)
{
    s->command = cmd;
}

static void pulse(struct i8042 *s, uint8_t cmd)
{
    if (!(cmd & KBC_OUT_NO_RESET)) {
        runstate_request_reset(RESET_REASON_GUEST_WARM);
    }
}

static const struct {
    uint8_t first, last;
    void (*run)(struct i8042 *s, uint8_t cmd);
} commands[] = {
    {KBC_READ_RAM, KBC_READ_RAM_LAST, read_ram},
    {KBC_WRITE_RAM, KBC_WRITE_RAM_LAST, expect_parameter},
    {KBC_PASSWORD_TEST, KBC_PASSWORD_TEST, password_test},
    {KBC_PASSWORD_LOAD, KBC_PASSWORD_LOAD, password_load},
    {KBC_PASSWORD_ON, KBC_PASSWORD_ON, password_on},
    {KBC_AUX_OFF, KBC_AUX_ON, switch_aux},
    {KBC_AUX_TEST, KBC_AUX_TEST, test_line},
    {KBC_SELF_TEST, KBC_SELF_TEST, self_test},
    {KBC_KBD_TEST, KBC_KBD_TEST, test_line},
    {KBC_KBD_OFF, KBC_KBD_ON, switch_kbd},
    {KBC_READ_INPUT, KBC_READ_INPUT, read_input},
    {KBC_READ_OUTPUT, KBC_READ_OUTPUT, read_output},
    {KBC_WRITE_OUTPUT, KBC_WRITE_AUX, expect_parameter},
    {KBC_A20_OFF, KBC_A20_OFF, switch_a20},
    {KBC_A20_ON, KBC_A20_ON, switch_a20},
    {KBC_TEST_INPUTS, KBC_TEST_INPUTS, test_inputs},
    {KBC_PULSE, 0xff, pulse},
};

static void run_command(struct i8042 *s, uint8_t cmd)
{
    s->command = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (cmd >= commands[i].first && cmd <= commands[i].last) {
            commands[i].run(s, cmd);
            return;
        }
    }
    guest_error("i8042: unknown command %#x", cmd);
}

static void run_parameter(struct i8042 *s, uint8_t val)
{
    uint8_t cmd = s->command;

    s->command = 0;
    switch (cmd) {
    case KBC_PASSWORD_LOAD:
        load_password(s, val);
        break;
    case KBC_WRITE_OUTPUT:
        write_outport(s, val);
        break;
    case KBC_WRITE_OBF:
    case KBC_WRITE_AUX_OBF:
        put_obf(s, val, cmd == KBC_WRITE_AUX_OBF);
        break;
    case KBC_WRITE_AUX:
        s->ram[0] &= (uint8_t)~KBC_CFG_AUX_OFF; /* as for the keyboard */
        ps2_mouse_write(&s->mouse, val);
        break;
    default:
        s->ram[cmd & 0x1f] = val;
        if (cmd == KBC_WRITE_RAM) {
            config_written(s);
        }
    }
}

/* --- ports ------------------------------------------------------------------------------------ */

static uint64_t data_read(void *opaque, uint64_t off, unsigned size)
{
    struct i8042 *s = opaque;
    uint8_t byte = s->obf;
    bool aux = s->status & KBC_STS_AUX_OBF;

    s->status &= (uint8_t) ~(KBC_STS_OBF | KBC_STS_AUX_OBF);
    update_irqs(s);
    if (aux) {
        ps2_mouse_drained(&s->mouse);
    }
    fill(s);
    return byte;
}

static void data_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct i8042 *s = opaque;

    s->status &= (uint8_t)~KBC_STS_CMD;
    if (s->command) {
        run_parameter(s, (uint8_t)val);
    } else {
        s->ram[0] &= (uint8_t)~KBC_CFG_KBD_OFF; /* writing to the keyboard enables it */
        ps2_keyboard_write(&s->kbd, (uint8_t)val);
    }
}

static uint64_t cmd_read(void *opaque, uint64_t off, unsigned size)
{
    struct i8042 *s = opaque;
    return s->status;
}

static void cmd_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    struct i8042 *s = opaque;

    s->status |= KBC_STS_CMD;
    run_command(s, (uint8_t)val);
}

static const struct mem_ops data_ops = {
    .read = data_read, .write = data_write, .valid = {1, 1, false}, .impl = {1, 1, false}};
static const struct mem_ops cmd_ops = {
    .read = cmd_read, .write = cmd_write, .valid = {1, 1, false}, .impl = {1, 1, false}};

/* --- life ------------------------------------------------------------------------------------- */

void i8042_set_a20(struct device *dev, struct irq *a20)
{
    kbc_of(dev)->a20 = a20;
}

static int i8042_realize(struct device *dev, struct error **err)
{
    struct i8042 *s = kbc_of(dev);

    mem_region_init_io(&s->data_io, "i8042-data", 1, &data_ops, s);
    mem_region_init_io(&s->cmd_io, "i8042-cmd", 1, &cmd_ops, s);
    isa_register_ioport(&s->isa, &s->data_io, 0x60);
    isa_register_ioport(&s->isa, &s->cmd_io, 0x64);
    ps2_keyboard_init(&s->kbd, fill, s);
    ps2_mouse_init(&s->mouse, fill, s);
    return 0;
}

static void i8042_unrealize(struct device *dev)
{
    struct i8042 *s = kbc_of(dev);

    ps2_keyboard_fini(&s->kbd);
    ps2_mouse_fini(&s->mouse);
    isa_unregister_ioport(&s->isa, &s->data_io);
    isa_unregister_ioport(&s->isa, &s->cmd_io);
    mem_region_fini(&s->data_io);
    mem_region_fini(&s->cmd_io);
}

static void i8042_reset(struct device *dev, enum reset_kind kind)
{
    struct i8042 *s = kbc_of(dev);

    memset(s->ram, 0, sizeof(s->ram));
    s->ram[0] = KBC_CFG_KBD_INT | KBC_CFG_AUX_INT;
    s->status = KBC_STS_CMD | KBC_STS_UNLOCKED;
    s->obf = s->command = 0;
    s->release = s->locked = false;
    s->typed = s->password[0] = 0;
    s->outport = KBC_OUT_A20;
    ps2_keyboard_reset(&s->kbd);
    ps2_mouse_reset(&s->mouse);
    irq_set(s->a20, 1);
    update_irqs(s);
}

static int i8042_post_load(void *state, unsigned version, struct error **err)
{
    struct i8042 *s = state;

    irq_set(s->a20, !!(s->outport & KBC_OUT_A20));
    s->typed = MIN(s->typed, (uint8_t)PASSWORD_MAX);
    s->password[PASSWORD_MAX] = 0;
    return 0;
}

static const struct vmstate i8042_vmstate = {
    .name = "i8042",
    .version = 2,
    .min_version = 2,
    .post_load = i8042_post_load,
    .fields =
        (const struct vm_field[]){
            VM_BUFFER(struct i8042, ram),
            VM_U8(struct i8042, status),
            VM_U8(struct i8042, obf),
            VM_U8(struct i8042, outport),
            VM_U8(struct i8042, command),
            VM_BOOL(struct i8042, release),
            VM_BUFFER(struct i8042, password),
            VM_U8(struct i8042, typed),
            VM_BOOL(struct i8042, locked),
            VM_STRUCT(struct i8042, kbd, &ps2_keyboard_vmstate),
            VM_STRUCT(struct i8042, mouse, &ps2_mouse_vmstate),
            VM_END,
        },
};

DEVICE_DEFINE(i8042, .name = "i8042", .bus = BUS_ISA,
              .help = "keyboard controller with PS/2 keyboard and mouse",
              .state_size = sizeof(struct i8042), .vmstate = &i8042_vmstate, .no_user = true,
              .realize = i8042_realize, .unrealize = i8042_unrealize, .reset = i8042_reset);
