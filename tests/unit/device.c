/* SPDX-License-Identifier: MIT */
/*
 * Devices, properties, buses, register tables, saved state.
 */
#include "tests/test.h"

#include "hw/core/clock.h"
#include "hw/core/device.h"
#include "hw/core/lock.h"
#include "hw/core/regs.h"
#include "hw/core/vmstate.h"
#include "hw/isa/isa.h"
#include "util/error.h"

#include <errno.h>

enum colour { RED, GREEN, BLUE };

static const struct prop_enum colours[] = {
    {"red", RED},
    {"green", GREEN},
    {"blue", BLUE},
    {NULL, 0},
};

struct inner {
    uint16_t a;
    bool b;
};

struct gadget {
    struct isa_device isa;
    /* properties */
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t size;
    int32_t s32;
    bool flag;
    char *text;
    int colour;
    uint8_t mac[6];
    uint8_t uuid[16];
    struct chardev *chr;
    bool fail;
    /* registers */
    uint8_t ctrl, status;
    uint32_t wide;
    uint16_t half;
    unsigned strobes;
    uint64_t strobe_val, strobe_old;
    /* state */
    uint64_t counter;
    uint16_t array[5];
    uint8_t fifo[16];
    uint32_t fifo_len;
    uint8_t *blob;
    uint32_t blob_len;
    struct inner one, many[3], some[4];
    uint32_t some_count;
    struct timer timer;
    uint32_t late; /* since version 2 */
    unsigned sum;  /* derived: of array */
    unsigned resets;
};

static struct gadget *gadget(struct device *dev)
{
    return container_of(dev, struct gadget, isa.dev);
}

static const struct prop gadget_props[] = {
    PROP_U8("u8", struct gadget, u8, 7, 1, 100, "a byte"),
    PROP_U16("iobase", struct gadget, u16, 0x300, 0, 0xfff8, "ports"),
    PROP_U32("u32", struct gadget, u32, 5, 0, UINT32_MAX, "a dword"),
    PROP_SIZE("size", struct gadget, size, MIB(1), KIB(4), GIB(1), "memory"),
    PROP_S32("delta", struct gadget, s32, -3, -10, 10, "signed"),
    PROP_BOOL("flag", struct gadget, flag, true, "a switch"),
    PROP_STR("text", struct gadget, text, "hello", "words"),
    PROP_ENUM("colour", struct gadget, colour, GREEN, colours, "paint"),
    PROP_MACADDR("mac", struct gadget, mac, "address"),
    PROP_UUID("uuid", struct gadget, uuid, "identity"),
    PROP_CHARDEV("chardev", struct gadget, chr, "backend"),
    PROP_BOOL("fail", struct gadget, fail, false, "make realize fail"),
    PROP_END,
};

static uint64_t status_read(void *opaque, const struct reg_desc *reg, uint64_t val)
{
    return val | 0x10;
}

static void strobe(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old)
{
    struct gadget *g = opaque;

    g->strobes++;
    g->strobe_val = val;
    g->strobe_old = old;
}

static const struct reg_desc gadget_regs[] = {
    {"CTRL", 0, 1, REG_FIELD(struct gadget, ctrl), .wmask = 0x0f, .reset = 0x81, .write = strobe},
    {"STATUS", 1, 1, REG_FIELD(struct gadget, status), .w1c = 0xc0, .rzero = 0x20,
     .read = status_read},
    {"HALF", 2, 2, REG_FIELD(struct gadget, half), .wmask = 0xffff, .reset = 0x1234},
    {"WIDE", 4, 4, REG_FIELD(struct gadget, wide), .wmask = 0xffff00ff, .w1c = 0xff00,
     .rone = 0x80000000, .reset = 0xff00, .write = strobe},
    {"ID", 12, 4, .reset = 0xcafe},
};
static const struct reg_bank gadget_bank = REG_BANK("gadget", gadget_regs, 16);

static const struct vm_field inner_fields[] = {
    VM_U16(struct inner, a),
    VM_BOOL(struct inner, b),
    VM_END,
};
static const struct vmstate inner_vmstate = {.name = "inner", .version = 1, .fields = inner_fields};

static int gadget_post_load(void *state, unsigned version, struct error **err)
{
    struct gadget *g = state;

    g->sum = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(g->array); i++)
        g->sum += g->array[i];
    if (g->ctrl == 0xee) {
        error_set(err, "impossible control value");
        return -EINVAL;
    }
    return 0;
}

static const struct vm_field gadget_fields[] = {
    VM_U8(struct gadget, ctrl),
    VM_U8(struct gadget, status),
    VM_U16(struct gadget, half),
    VM_U32(struct gadget, wide),
    VM_U64(struct gadget, counter),
    VM_U16_ARRAY(struct gadget, array),
    VM_U32(struct gadget, fifo_len),
    VM_BUFFER(struct gadget, fifo),
    VM_U32(struct gadget, blob_len),
    VM_VBUFFER(struct gadget, blob, blob_len, 32),
    VM_STRUCT(struct gadget, one, &inner_vmstate),
    VM_STRUCT_ARRAY(struct gadget, many, &inner_vmstate),
    VM_U32(struct gadget, some_count),
    VM_STRUCT_VARRAY(struct gadget, some, some_count, &inner_vmstate),
    VM_TIMER(struct gadget, timer),
    VM_U32_SINCE(struct gadget, late, 2),
    VM_END,
};
static const struct vmstate gadget_vmstate = {
    .name = "gadget", .version = 2, .fields = gadget_fields, .post_load = gadget_post_load};

/* The same table as an older program had it. */
static const struct vmstate gadget_vmstate_v1 = {
    .name = "gadget", .version = 1, .fields = gadget_fields};

static void ring(void *opaque)
{
}

static int gadget_realize(struct device *dev, struct error **err)
{
    struct gadget *g = gadget(dev);

    if (g->fail) {
        error_set(err, "asked to fail");
        return -EIO;
    }
    g->blob = g_malloc0(32);
    timer_init(&g->timer, CLK_VIRTUAL, ring, g);
    return 0;
}

static void gadget_unrealize(struct device *dev)
{
    timer_fini(&gadget(dev)->timer);
    g_free(gadget(dev)->blob);
}

static void gadget_reset(struct device *dev, enum reset_kind kind)
{
    struct gadget *g = gadget(dev);

    g->resets++;
    g->counter = 0;
    g->fifo_len = g->blob_len = g->some_count = 0;
    memset(g->array, 0, sizeof(g->array));
    memset(g->many, 0, sizeof(g->many));
    timer_cancel(&g->timer);
}

DEVICE_DEFINE(gadget, .name = "test-gadget", .alias = "gizmo", .help = "for tests", .bus = BUS_ISA,
              .state_size = sizeof(struct gadget), .props = gadget_props, .regs = &gadget_bank,
              .vmstate = &gadget_vmstate, .realize = gadget_realize, .unrealize = gadget_unrealize,
              .reset = gadget_reset);

static struct isa_bus isa;

static void setup(void)
{
    device_lock();
    memory_init();
    isa_bus_init(&isa, NULL, NULL, NULL);
}

static struct gadget *make(const char *id)
{
    struct error *err = NULL;
    struct device *dev = device_new("test-gadget", id, &err);

    ck_assert_ptr_nonnull(dev);
    ck_assert_int_eq(device_realize(dev, NULL, &err), 0);
    device_reset(dev, RESET_COLD);
    return gadget(dev);
}

static void expect_error(int ret, struct error **err, const char *part)
{
    ck_assert_int_lt(ret, 0);
    ck_assert_ptr_nonnull(*err);
    ck_assert_msg(strstr(error_msg(*err), part) != NULL, "'%s' lacks '%s'", error_msg(*err), part);
    error_free(*err);
    *err = NULL;
}

START_TEST(test_defaults)
{
    struct gadget *g;

    setup();
    g = make("g0");
    ck_assert_uint_eq(g->u8, 7);
    ck_assert_uint_eq(g->u16, 0x300);
    ck_assert_uint_eq(g->size, MIB(1));
    ck_assert_int_eq(g->s32, -3);
    ck_assert(g->flag);
    ck_assert_str_eq(g->text, "hello");
    ck_assert_int_eq(g->colour, GREEN);
    ck_assert_ptr_eq(device_find("g0"), &g->isa.dev);
    ck_assert_ptr_eq(isa_device_bus(&g->isa), &isa);
    device_free(&g->isa.dev);
    ck_assert_ptr_null(device_find("g0"));
}
END_TEST

START_TEST(test_values)
{
    static const struct {
        const char *prop, *value, *back;
    } good[] = {
        {"u8", "100", "100"},
        {"u8", "0x10", "16"},
        {"u32", "4294967295", "4294967295"},
        {"size", "64k", "65536"},
        {"size", "1G", "1073741824"},
        {"size", "2MiB", "2097152"},
        {"delta", "-10", "-10"},
        {"flag", "off", "off"},
        {"flag", "yes", "on"},
        {"text", "", ""},
        {"colour", "Blue", "blue"},
        {"mac", "52:54:00:12:34:56", "52:54:00:12:34:56"},
        {"uuid", "00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff"},
    };
    static const struct {
        const char *prop, *value, *part;
    } bad[] = {
        {"u8", "0", "must be 1 to 100"},
        {"u8", "101", "must be 1 to 100"},
        {"u8", "-1", "wants a number"},
        {"u8", "12x", "wants a number"},
        {"u8", "", "wants a number"},
        {"u32", "99999999999999999999", "must be 0 to"},
        {"size", "1k", "must be 4096"},
        {"size", "99999999P", "must be 4096"},
        {"size", "4Q", "wants a size"},
        {"delta", "11", "must be -10 to 10"},
        {"flag", "maybe", "on or off"},
        {"colour", "pink", "red, green, blue"},
        {"mac", "52:54:00:12:34", "MAC"},
        {"mac", "53:54:00:12:34:56", "multicast"},
        {"uuid", "0011", "UUID"},
        {"chardev", "nobody", "nobody"},
        {"colr", "red", "did you mean 'colour'"},
    };
    struct error *err = NULL;
    struct device *dev;

    setup();
    dev = device_new("gizmo", NULL, &err);
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        char *back;

        ck_assert_int_eq(device_set_prop(dev, good[i].prop, good[i].value, &err), 0);
        back = device_get_prop(dev, good[i].prop);
        ck_assert_str_eq(back, good[i].back);
        g_free(back);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        expect_error(device_set_prop(dev, bad[i].prop, bad[i].value, &err), &err, bad[i].part);
    device_free(dev);
}
END_TEST

START_TEST(test_life)
{
    struct error *err = NULL;
    struct device *dev;
    struct gadget *g;
    GString *text = g_string_new(NULL);
    char *path;

    setup();
    ck_assert_ptr_null(device_new("test-gadgat", NULL, &err));
    expect_error(-1, &err, "did you mean 'test-gadget'");
    ck_assert_ptr_null(device_new("test-gadget", "9x", &err));
    expect_error(-1, &err, "no valid id");
    g = make("one");
    ck_assert_ptr_null(device_new("test-gadget", "one", &err));
    expect_error(-1, &err, "already");
    dev = device_new("test-gadget", "two", &err);
    ck_assert_int_eq(device_set_prop(dev, "fail", "on", &err), 0);
    expect_error(device_realize(dev, NULL, &err), &err, "asked to fail");
    ck_assert_int_eq(device_set_prop(dev, "fail", "off", &err), 0);
    ck_assert_int_eq(device_realize(dev, NULL, &err), 0);
    path = device_path(dev);
    ck_assert_str_eq(path, "/isa.0/test-gadget-1");
    g_free(path);
    device_reset_all(RESET_COLD);
    ck_assert_uint_eq(g->resets, 2);
    ck_assert_uint_eq(gadget(dev)->resets, 1);
    device_tree_describe(text);
    ck_assert_ptr_nonnull(strstr(text->str, "dev: test-gadget, id \"two\""));
    expect_error(device_unplug_request(dev, &err), &err, "cannot be unplugged");
    device_unrealize(dev);
    device_free(dev);
    device_free(&g->isa.dev);
    g_string_truncate(text, 0);
    device_help_list(text);
    ck_assert_ptr_nonnull(strstr(text->str, "name \"test-gadget\", bus isa, alias \"gizmo\""));
    g_string_truncate(text, 0);
    ck_assert_int_eq(device_help_props("gizmo", text, &err), 0);
    ck_assert_ptr_nonnull(strstr(text->str, "a byte (1 to 100, default 7)"));
    g_string_free(text, TRUE);
}
END_TEST

START_TEST(test_global)
{
    struct error *err = NULL;
    struct gadget *g;

    setup();
    expect_error(device_global_add("nonsense", &err), &err, "DEVICE.PROPERTY=VALUE");
    expect_error(device_global_add("test-gadgt.u8=3", &err), &err, "did you mean");
    expect_error(device_global_add("test-gadget.v8=3", &err), &err, "no property");
    ck_assert_int_eq(device_global_add("test-gadget.u8=33", &err), 0);
    g = make(NULL);
    ck_assert_uint_eq(g->u8, 33);
    device_free(&g->isa.dev);
    ck_assert_int_eq(device_global_add("test-gadget.u8=333", &err), 0);
    ck_assert_ptr_null(device_new("test-gadget", NULL, &err));
    expect_error(-1, &err, "-global test-gadget.u8");
}
END_TEST

/* --- registers ------------------------------------------------------------ */

START_TEST(test_regs)
{
    struct gadget *g;

    setup();
    g = make(NULL);
    ck_assert(reg_bank_valid(&gadget_bank));
    ck_assert_uint_eq(g->ctrl, 0x81);
    ck_assert_uint_eq(reg_bank_read(&gadget_bank, g, 0, 1), 0x81);
    reg_bank_write(&gadget_bank, g, 0, 0xff, 1);
    ck_assert_uint_eq(g->ctrl, 0x8f);
    ck_assert_uint_eq(g->strobe_val, 0xff);
    ck_assert_uint_eq(g->strobe_old, 0x81);
    g->status = 0xff;
    ck_assert_uint_eq(reg_bank_read(&gadget_bank, g, 1, 1), 0xdf);
    reg_bank_write(&gadget_bank, g, 1, 0x40, 1);
    ck_assert_uint_eq(g->status, 0xbf);
    /* Wide: three registers; narrow: a part of one. */
    ck_assert_uint_eq(reg_bank_read(&gadget_bank, g, 0, 8), 0x8000ff0012349f8full);
    reg_bank_write(&gadget_bank, g, 3, 0x56, 1);
    ck_assert_uint_eq(g->half, 0x5634);
    ck_assert_uint_eq(reg_bank_read(&gadget_bank, g, 3, 1), 0x56);
    reg_bank_write(&gadget_bank, g, 4, 0xaa, 1);
    ck_assert_uint_eq(g->wide, 0xffaa); /* untouched bytes clear nothing */
    ck_assert_uint_eq(g->strobe_val, 0xaa);
    reg_bank_write(&gadget_bank, g, 5, 0x0f, 1);
    ck_assert_uint_eq(g->wide, 0xf0aa);
    reg_bank_write(&gadget_bank, g, 2, 0x11223344aabbull, 6);
    ck_assert_uint_eq(g->half, 0xaabb);
    ck_assert_uint_eq(g->wide, 0x1122c044);
    ck_assert_uint_eq(reg_bank_read(&gadget_bank, g, 8, 4), 0);
    ck_assert_uint_eq(reg_bank_read(&gadget_bank, g, 10, 4), 0xcafe0000);
    ck_assert_uint_eq(reg_bank_read(&gadget_bank, g, 14, 8), 0);
    reg_bank_write(&gadget_bank, g, 8, UINT64_MAX, 8);
    ck_assert_ptr_null(reg_bank_find(&gadget_bank, 9));
    ck_assert_str_eq(reg_bank_find(&gadget_bank, 7)->name, "WIDE");
    device_free(&g->isa.dev);
}
END_TEST

/* --- saved state ---------------------------------------------------------- */

static void fill(struct gadget *g)
{
    g->ctrl = 0x55;
    g->counter = 0x1122334455667788;
    for (unsigned i = 0; i < 5; i++)
        g->array[i] = (uint16_t)(1000 + i);
    g->fifo_len = 3;
    memcpy(g->fifo, "abcdefghijklmnop", 16);
    g->blob_len = 5;
    memcpy(g->blob, "BLOBS", 5);
    g->one.a = 77;
    g->one.b = true;
    g->many[2].a = 99;
    g->some_count = 2;
    g->some[1].a = 4242;
    g->late = 12;
    timer_arm(&g->timer, 123456789);
}

START_TEST(test_round_trip)
{
    struct error *err = NULL;
    struct gadget *g;

    setup();
    clock_manual(true);
    g = make(NULL);
    fill(g);
    if (vmstate_check(&g->isa.dev, &err) < 0)
        ck_abort_msg("%s", error_msg(err));
    ck_assert_uint_eq(g->counter, 0x1122334455667788);
    ck_assert_uint_eq(g->sum, 5010);
    ck_assert_uint_eq(g->some[1].a, 4242);
    ck_assert_int_eq(timer_expire_ns(&g->timer), 123456789);
    device_free(&g->isa.dev);
}
END_TEST

START_TEST(test_versions)
{
    struct error *err = NULL;
    struct vm_stream s;
    struct gadget *g;

    setup();
    clock_manual(true);
    g = make(NULL);
    fill(g);
    vm_stream_init(&s);
    vmstate_save(&s, &gadget_vmstate_v1, "x", g);
    g->late = 0;
    g->array[0] = 0;
    ck_assert_int_eq(vmstate_load(&s, &gadget_vmstate, "x", g, &err), 0);
    ck_assert_uint_eq(g->late, 0);
    ck_assert_uint_eq(g->array[0], 1000);
    vm_stream_fini(&s);
    /* From the future, of another name, refused by post_load. */
    vmstate_save(&s, &gadget_vmstate, "x", g);
    expect_error(vmstate_load(&s, &gadget_vmstate_v1, "x", g, &err), &err, "version 2");
    s.pos = 0;
    expect_error(vmstate_load(&s, &gadget_vmstate, "y", g, &err), &err, "not of");
    vm_stream_fini(&s);
    g->ctrl = 0xee;
    vmstate_save(&s, &gadget_vmstate, "x", g);
    expect_error(vmstate_load(&s, &gadget_vmstate, "x", g, &err), &err, "impossible");
    vm_stream_fini(&s);
    device_free(&g->isa.dev);
}
END_TEST

/* Any damage is refused or harmless, never out of bounds. */
START_TEST(test_damage)
{
    struct vm_stream s, copy;
    struct gadget *g;
    uint32_t x = 1;

    setup();
    clock_manual(true);
    g = make(NULL);
    fill(g);
    vm_stream_init(&s);
    device_save_all(&s);
    for (unsigned round = 0; round < 20000; round++) {
        vm_stream_init_read(&copy, s.data, s.len);
        for (unsigned n = 0; n < 1 + round % 3; n++) {
            x = x * 1664525 + 1013904223;
            copy.data[(x >> 8) % copy.len] = (uint8_t)(x >> 3);
        }
        device_load_all(&copy, NULL);
        ck_assert_ptr_nonnull(g->blob);
        vm_stream_fini(&copy);
    }
    ck_assert_int_eq(device_load_all(&s, NULL), 0);
    ck_assert_uint_eq(g->counter, 0x1122334455667788);
    vm_stream_fini(&s);
    device_free(&g->isa.dev);
}
END_TEST

/* --- interrupt lines ------------------------------------------------------ */

static int levels[16];

static void line(void *opaque, int n, int level)
{
    levels[n] = level;
}

START_TEST(test_irq)
{
    struct irq in[16];
    struct irq_split split;
    struct irq_or gate;
    struct irq_invert inv;
    struct gadget *g;

    setup();
    irq_init_array(in, 16, line, NULL);
    g = make(NULL);
    irq_raise(isa_irq(&g->isa, 4)); /* goes nowhere */
    isa_bus_connect_irq(&isa, 4, &in[4]);
    irq_raise(isa_irq(&g->isa, 4));
    ck_assert_int_eq(levels[4], 1);
    ck_assert_ptr_null(isa_irq(&g->isa, 16));
    irq_split_init(&split);
    irq_split_add(&split, &in[1]);
    irq_split_add(&split, &in[2]);
    irq_set(&split.in, 1);
    ck_assert(levels[1] && levels[2]);
    irq_or_init(&gate, &in[3]);
    irq_set(&gate.in[0], 1);
    irq_set(&gate.in[31], 1);
    irq_set(&gate.in[0], 0);
    ck_assert_int_eq(levels[3], 1);
    irq_set(&gate.in[31], 0);
    ck_assert_int_eq(levels[3], 0);
    irq_invert_init(&inv, &in[5]);
    irq_lower(&inv.in);
    ck_assert_int_eq(levels[5], 1);
    irq_set(NULL, 1);
    device_free(&g->isa.dev);
}
END_TEST

TEST_MAIN("device", test_defaults, test_values, test_life, test_global, test_regs, test_round_trip,
          test_versions, test_damage, test_irq)
