/* SPDX-License-Identifier: MIT */
/*
 * Virtio input devices (VIRTIO 1.2, 5.8): keyboard, mouse and tablet. What they can do is a table
 * per kind, read through the configuration space; events go out in packets that end with SYN_REPORT,
 * each in a buffer of its own, as fast as the driver supplies those. Users are not made to wait for
 * that: the queues of ui/input_queue.h are bounded.
 *
 * A device is in use while its driver is (DRIVER_OK), the latest one first.
 */
#include "hw/virtio/virtio_pci.h"

#include "hw/core/vmstate.h"
#include "system/mainloop.h"
#include "ui/input_queue.h"
#include "util/error.h"
#include "util/log.h"

#include <errno.h>
#include <linux/input-event-codes.h>

#define QUEUE_SIZE 64
#define EVENT_SIZE 8 /* u16 type, u16 code, u32 value */
#define PACKET_MAX 12

/* Configuration space (5.8.4) */
#define CONFIG_SELECT 0
#define CONFIG_SUBSEL 1
#define CONFIG_BYTES  2
#define CONFIG_DATA   8
#define DATA_SIZE     128
#define CONFIG_SIZE   (CONFIG_DATA + DATA_SIZE)

enum config_select {
    SELECT_NAME = 0x01,
    SELECT_SERIAL = 0x02,
    SELECT_IDS = 0x03,
    SELECT_PROPERTIES = 0x10,
    SELECT_EVENTS = 0x11,
    SELECT_ABS = 0x12,
};

#define IDS_BUS_VIRTUAL 0x06
#define IDS_VENDOR      0x0627
#define IDS_VERSION     1

#define KEYBOARD_LAST KEY_MICMUTE /* of those a keyboard claims to have */

/* Codes of a type of events a device has, none if first > last. */
struct range {
    uint16_t type, first, last;
};

struct kind {
    const char *name;
    uint16_t product;
    const struct range *ranges; /* type 0 ends them */
    struct input_handler input;
};

struct event {
    uint16_t type, code;
    uint32_t value;
};

struct packet {
    uint8_t count, sent;
    struct event events[PACKET_MAX];
};

struct virtio_input {
    struct virtio_device dev;
    struct virtqueue *event_queue, *status_queue;
    const struct kind *kind; /* by the class */
    struct input_handler input;
    struct deferred resume; /* after a saved state has been loaded */
    char *serial;

    uint8_t select, subsel, leds;
    struct packet packet;
    struct input_key_queue keys;
    struct input_pointer_queue motion;
    uint8_t buttons; /* as the driver knows them ... */
    uint16_t x, y;   /* ... and the place */
};

struct virtio_input_pci {
    struct virtio_pci proxy;
    struct virtio_input in;
};

static struct virtio_input *input_of(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_input, dev);
}

/* --- packets ------------------------------------------------------------------------------------ */

static void add(struct virtio_input *s, uint16_t type, uint16_t code, int32_t value)
{
    struct packet *p = &s->packet;

    assert(p->count < PACKET_MAX);
    p->events[p->count++] = (struct event){type, code, (uint32_t)value};
}

static void add_if(struct virtio_input *s, uint16_t type, uint16_t code, int32_t value)
{
    if (value) {
        add(s, type, code, value);
    }
}

/* The driver repeats keys itself. */
static bool next_key(struct virtio_input *s)
{
    struct input_key_event e;

    while (input_key_pop(&s->keys, &e)) {
        if (!e.repeat) {
            add(s, EV_KEY, (uint16_t)e.code, e.down);
            return true;
        }
    }
    return false;
}

static void add_buttons(struct virtio_input *s, uint8_t buttons)
{
    static const uint16_t codes[] = {BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA};

    for (unsigned i = 0; i < ARRAY_SIZE(codes); i++) {
        if ((buttons ^ s->buttons) >> i & 1) {
            add(s, EV_KEY, codes[i], buttons >> i & 1);
        }
    }
    s->buttons = buttons;
}

static void add_place(struct virtio_input *s, uint16_t x, uint16_t y)
{
    if (x != s->x) {
        add(s, EV_ABS, ABS_X, x);
    }
    if (y != s->y) {
        add(s, EV_ABS, ABS_Y, y);
    }
    s->x = x;
    s->y = y;
}

static bool next_motion(struct virtio_input *s)
{
    static const struct input_pointer_limits limits = {INPUT_MOVE_MAX, INPUT_MOVE_MAX};
    struct input_pointer_event e;

    while (!s->packet.count && input_pointer_pop(&s->motion, &limits, &e)) {
        add_if(s, EV_REL, REL_X, e.dx);
        add_if(s, EV_REL, REL_Y, e.dy);
        if (s->input.move_to) {
            add_place(s, e.x, e.y);
        }
        add_if(s, EV_REL, REL_WHEEL, -e.dz); /* the kernel's wheels turn up */
        add_if(s, EV_REL, REL_HWHEEL, e.dw);
        add_buttons(s, e.buttons);
    }
    return s->packet.count;
}

static bool next_packet(struct virtio_input *s)
{
    s->packet.count = s->packet.sent = 0;
    if (!(s->input.key ? next_key(s) : next_motion(s))) {
        return false;
    }
    add(s, EV_SYN, SYN_REPORT, 0);
    return true;
}

static void send_event(struct virtio_input *s, struct virtq_elem *elem)
{
    const struct event *e = &s->packet.events[s->packet.sent++];
    uint8_t raw[EVENT_SIZE];

    st_le16(raw, e->type);
    st_le16(raw + 2, e->code);
    st_le32(raw + 4, e->value);
    virtqueue_push(s->event_queue, elem, virtq_elem_write(elem, 0, raw, sizeof(raw)));
}

/* As far as there are buffers. */
static void deliver(struct virtio_input *s)
{
    struct virtq_elem *elem;

    while (virtqueue_ready(s->event_queue) &&
           (s->packet.sent < s->packet.count || next_packet(s)) &&
           (elem = virtqueue_pop(s->event_queue))) {
        send_event(s, elem);
    }
    virtqueue_notify(s->event_queue);
}

/* --- from users --------------------------------------------------------------------------------- */

static void user_key(void *opaque, unsigned code, bool down)
{
    struct virtio_input *s = opaque;

    if (code <= KEYBOARD_LAST && input_key_push(&s->keys, code, down)) {
        deliver(s);
    }
}

static void user_move(void *opaque, int dx, int dy)
{
    struct virtio_input *s = opaque;

    if (input_pointer_move(&s->motion, dx, dy)) {
        deliver(s);
    }
}

static void user_wheel(void *opaque, int dz, int dw)
{
    struct virtio_input *s = opaque;

    if (input_pointer_wheel(&s->motion, dz, dw)) {
        deliver(s);
    }
}

static void user_move_to(void *opaque, unsigned x, unsigned y)
{
    struct virtio_input *s = opaque;

    if (input_pointer_move_to(&s->motion, x, y)) {
        deliver(s);
    }
}

static void user_buttons(void *opaque, unsigned buttons)
{
    struct virtio_input *s = opaque;

    if (input_pointer_buttons(&s->motion, buttons)) {
        deliver(s);
    }
}

/* --- kinds -------------------------------------------------------------------------------------- */

static const struct range keyboard_ranges[] = {
    {EV_KEY, KEY_ESC, KEYBOARD_LAST}, {EV_LED, LED_NUML, LED_SCROLLL}, {EV_REP, 1, 0}, {0, 0, 0}};
static const struct range mouse_ranges[] = {{EV_KEY, BTN_LEFT, BTN_EXTRA},
                                            {EV_REL, REL_X, REL_Y},
                                            {EV_REL, REL_HWHEEL, REL_HWHEEL},
                                            {EV_REL, REL_WHEEL, REL_WHEEL},
                                            {0, 0, 0}};
static const struct range tablet_ranges[] = {{EV_KEY, BTN_LEFT, BTN_EXTRA},
                                             {EV_ABS, ABS_X, ABS_Y},
                                             {EV_REL, REL_HWHEEL, REL_HWHEEL},
                                             {EV_REL, REL_WHEEL, REL_WHEEL},
                                             {0, 0, 0}};

static const struct kind keyboard = {"Virtio Keyboard", 1, keyboard_ranges, {.key = user_key}};
static const struct kind mouse = {
    "Virtio Mouse",
    2,
    mouse_ranges,
    {.move = user_move, .wheel = user_wheel, .buttons = user_buttons}};
static const struct kind tablet = {
    "Virtio Tablet",
    3,
    tablet_ranges,
    {.move_to = user_move_to, .wheel = user_wheel, .buttons = user_buttons}};

/* --- configuration space ------------------------------------------------------------------------ */

static unsigned put_text(uint8_t *data, const char *text)
{
    size_t len = text ? MIN(strlen(text), (size_t)DATA_SIZE) : 0;

    memcpy(data, text ? text : "", len);
    return (unsigned)len;
}

static unsigned put_ids(const struct virtio_input *s, uint8_t *data)
{
    st_le16(data, IDS_BUS_VIRTUAL);
    st_le16(data + 2, IDS_VENDOR);
    st_le16(data + 4, s->kind->product);
    st_le16(data + 6, IDS_VERSION);
    return 8;
}

/* Bytes up to the last one that matters; a type without codes has one. */
static unsigned put_bits(const struct virtio_input *s, uint8_t *data)
{
    unsigned size = 0;

    for (const struct range *r = s->kind->ranges; r->type; r++) {
        if (r->type != s->subsel) {
            continue;
        }
        for (unsigned code = r->first; code <= r->last; code++) {
            data[code / 8] |= (uint8_t)(1u << code % 8);
        }
        size = MAX(size, r->last / 8u + 1);
    }
    return size;
}

/* Minimum 0, maximum; fuzz, flat and resolution unknown. */
static unsigned put_abs(const struct virtio_input *s, uint8_t *data)
{
    if (!s->input.move_to || s->subsel > ABS_Y) {
        return 0;
    }
    st_le32(data + 4, INPUT_ABS_MAX);
    return 20;
}

static unsigned put_data(const struct virtio_input *s, uint8_t *data)
{
    switch (s->select) {
    case SELECT_NAME:
        return put_text(data, s->kind->name);
    case SELECT_SERIAL:
        return put_text(data, s->serial);
    case SELECT_IDS:
        return put_ids(s, data);
    case SELECT_EVENTS:
        return put_bits(s, data);
    case SELECT_ABS:
        return put_abs(s, data);
    default:
        return 0;
    }
}

static void get_config(struct virtio_device *dev, uint8_t *buf)
{
    const struct virtio_input *s = input_of(dev);

    buf[CONFIG_SELECT] = s->select;
    buf[CONFIG_SUBSEL] = s->subsel;
    buf[CONFIG_BYTES] = (uint8_t)put_data(s, buf + CONFIG_DATA);
}

static void set_config(struct virtio_device *dev, const uint8_t *buf)
{
    struct virtio_input *s = input_of(dev);

    s->select = buf[CONFIG_SELECT];
    s->subsel = buf[CONFIG_SUBSEL];
}

/* --- the driver --------------------------------------------------------------------------------- */

static void events_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    deliver(input_of(dev));
}

static void take_status(struct virtio_input *s, const uint8_t raw[EVENT_SIZE])
{
    static const uint8_t leds[] = {
        [LED_NUML] = INPUT_LED_NUM, [LED_CAPSL] = INPUT_LED_CAPS, [LED_SCROLLL] = INPUT_LED_SCROLL};
    uint16_t code = ld_le16(raw + 2);

    if (s->input.key && ld_le16(raw) == EV_LED && code < ARRAY_SIZE(leds)) {
        s->leds = (uint8_t)(ld_le32(raw + 4) ? s->leds | leds[code] : s->leds & ~leds[code]);
        input_set_leds(&s->input, s->leds);
    }
}

static void status_kicked(struct virtio_device *dev, struct virtqueue *vq)
{
    uint8_t raw[EVENT_SIZE];
    struct virtq_elem *elem;

    for (unsigned i = 0; i < vq->num && (elem = virtqueue_pop(vq)); i++) {
        if (virtq_elem_read(elem, 0, raw, sizeof(raw)) == sizeof(raw)) {
            take_status(input_of(dev), raw);
        }
        virtqueue_push(vq, elem, 0);
    }
    virtqueue_notify(vq);
}

static void start(struct virtio_device *dev)
{
    input_activate(&input_of(dev)->input);
}

static void stop(struct virtio_device *dev)
{
    struct virtio_input *s = input_of(dev);

    input_deactivate(&s->input);
    input_key_queue_reset(&s->keys);
    input_pointer_queue_clear(&s->motion);
    s->packet.count = s->packet.sent = 0;
    s->select = s->subsel = s->leds = s->buttons = 0;
    s->x = s->y = 0;
    input_set_leds(&s->input, 0);
}

static void resume(void *opaque)
{
    deliver(opaque);
}

static int loaded(struct virtio_device *dev, struct error **err)
{
    struct virtio_input *s = input_of(dev);

    if (s->packet.count > PACKET_MAX || s->packet.sent > s->packet.count) {
        s->packet.count = s->packet.sent = 0;
        error_set(err, "%s: impossible packet", s->kind->name);
        return -EINVAL;
    }
    s->leds &= INPUT_LEDS;
    input_set_leds(&s->input, s->leds);
    if (virtio_running(dev)) {
        input_activate(&s->input);
    }
    deferred_schedule(&s->resume);
    return 0;
}

/* --- life --------------------------------------------------------------------------------------- */

static const struct virtio_ops input_ops = {.name = "virtio-input",
                                            .id = VIRTIO_ID_INPUT,
                                            .config_size = CONFIG_SIZE,
                                            .get_config = get_config,
                                            .set_config = set_config,
                                            .start = start,
                                            .stop = stop,
                                            .loaded = loaded};

static int input_realize(struct device *device, const struct kind *kind, struct error **err)
{
    struct virtio_input_pci *p = container_of(device, struct virtio_input_pci, proxy.pci.dev);
    struct virtio_input *s = &p->in;

    s->kind = kind;
    s->input = kind->input;
    s->input.name = kind->name;
    s->input.opaque = s;
    virtio_init(&s->dev, &input_ops, 0);
    s->event_queue = virtio_add_queue(&s->dev, QUEUE_SIZE, events_kicked);
    s->status_queue = virtio_add_queue(&s->dev, QUEUE_SIZE, status_kicked);
    deferred_init(&s->resume, resume, s);
    int ret = virtio_pci_realize(&p->proxy, &s->dev, err);
    if (ret == 0) {
        input_register_idle(&s->input);
    }
    return ret;
}

static int keyboard_realize(struct device *device, struct error **err)
{
    return input_realize(device, &keyboard, err);
}

static int mouse_realize(struct device *device, struct error **err)
{
    return input_realize(device, &mouse, err);
}

static int tablet_realize(struct device *device, struct error **err)
{
    return input_realize(device, &tablet, err);
}

static void input_unrealize(struct device *device)
{
    struct virtio_input_pci *p = container_of(device, struct virtio_input_pci, proxy.pci.dev);

    virtio_fini(&p->in.dev);
    input_unregister(&p->in.input);
    deferred_cancel(&p->in.resume);
    virtio_pci_unrealize(&p->proxy);
}

static void input_reset(struct device *device, enum reset_kind kind)
{
    struct virtio_input_pci *p = container_of(device, struct virtio_input_pci, proxy.pci.dev);

    virtio_reset(&p->in.dev);
    virtio_pci_reset(&p->proxy);
}

static const struct prop input_props[] = {
    PROP_STR("serial", struct virtio_input_pci, in.serial, NULL, "what the guest is told"),
    VIRTIO_PCI_PROPS(struct virtio_input_pci),
    PROP_END,
};

static const struct vmstate event_vmstate = {
    .name = "virtio-input-event",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U16(struct event, type),
            VM_U16(struct event, code),
            VM_U32(struct event, value),
            VM_END,
        },
};

static const struct vmstate packet_vmstate = {
    .name = "virtio-input-packet",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_U8(struct packet, count),
            VM_U8(struct packet, sent),
            VM_STRUCT_ARRAY(struct packet, events, &event_vmstate),
            VM_END,
        },
};

static const struct vmstate input_vmstate = {
    .name = "virtio-input",
    .version = 1,
    .fields =
        (const struct vm_field[]){
            VM_STRUCT(struct virtio_input_pci, proxy, &virtio_pci_vmstate),
            VM_U8(struct virtio_input_pci, in.select),
            VM_U8(struct virtio_input_pci, in.subsel),
            VM_U8(struct virtio_input_pci, in.leds),
            VM_STRUCT(struct virtio_input_pci, in.packet, &packet_vmstate),
            VM_STRUCT(struct virtio_input_pci, in.keys, &input_key_queue_vmstate),
            VM_STRUCT(struct virtio_input_pci, in.motion, &input_pointer_queue_vmstate),
            VM_U8(struct virtio_input_pci, in.buttons),
            VM_U16(struct virtio_input_pci, in.x),
            VM_U16(struct virtio_input_pci, in.y),
            VM_STRUCT(struct virtio_input_pci, in.dev, &virtio_vmstate),
            VM_END,
        },
};

static const struct pci_info keyboard_pci = VIRTIO_PCI_INFO(PCI_CLASS_INPUT_KEYBOARD);
static const struct pci_info mouse_pci = VIRTIO_PCI_INFO(PCI_CLASS_INPUT_MOUSE);
static const struct pci_info tablet_pci = VIRTIO_PCI_INFO(PCI_CLASS_INPUT_OTHER);

#define INPUT_DEFINE(ident, help_text)                                                             \
    DEVICE_DEFINE(virtio_##ident, .name = "virtio-" #ident "-pci", .alias = "virtio-" #ident,      \
                  .bus = BUS_PCI, .help = help_text, .hotpluggable = true, .pci = &ident##_pci,    \
                  .state_size = sizeof(struct virtio_input_pci), .props = input_props,             \
                  .vmstate = &input_vmstate, .realize = ident##_realize,                           \
                  .unrealize = input_unrealize, .reset = input_reset)

INPUT_DEFINE(keyboard, "keyboard");
INPUT_DEFINE(mouse, "mouse with wheels and five buttons");
INPUT_DEFINE(tablet, "pointer that is where the user's is");
