/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target of USB: a stream of bytes is a hostile driver of a UHCI controller. It links queue heads
 * and transfer descriptors as it likes, sends all kinds of requests, resets and suspends ports,
 * writes registers; users type and point meanwhile, and devices come and go.
 *
 *     build/tests/fuzz/usb [-t SECONDS] [-s SEED]    random streams; two seconds if not said
 *     build/tests/fuzz/usb FILE...                   these streams
 *
 * Meant for MODE=asan. A stream that fails is named by its seed.
 */
#include "tests/dev/usbdrv.h"
#include "tests/fuzz/streams.h"

#define HEADS 16u
#define TDS   32u

static const char *const devices[] = {"usb-tablet", "usb-mouse", "usb-kbd", "usb-hub"};

/* --- the schedule --------------------------------------------------------------------------------- */

static uint32_t head_at(struct stream *s)
{
    return UDRV_QH + 16 * ((uint32_t)take(s, 1) % HEADS);
}

static uint32_t td_at(struct stream *s)
{
    return UDRV_TD + 16 * ((uint32_t)take(s, 1) % TDS);
}

/* Mostly what makes sense. */
static uint32_t any_link(struct stream *s)
{
    switch (take(s, 1) % 8) {
    case 0:
        return 1;
    case 1:
        return (uint32_t)take(s, 4);
    case 2:
    case 3:
        return head_at(s) | 2;
    case 4:
        return td_at(s);
    default:
        return td_at(s) | 4;
    }
}

static void do_head(struct stream *s)
{
    uint32_t at = head_at(s);

    udrv_word(at, any_link(s));
    udrv_word(at + 4, any_link(s));
}

static void do_td(struct stream *s)
{
    static const uint8_t pids[] = {USB_PID_IN, USB_PID_OUT, USB_PID_SETUP, USB_PID_IN};
    uint32_t at = td_at(s), b = (uint32_t)take(s, 2);
    unsigned length = (unsigned)take(s, 1) % 68;

    udrv_td(at, b & 3, b >> 2 & 3, pids[b >> 4 & 3], UDRV_DATA + (uint32_t)take(s, 1) * 8, length,
            b >> 6 & 7);
    udrv_word(at, any_link(s));
    if (b >> 12 == 0)
        udrv_word(at + 4 * (1 + take(s, 1) % 3), (uint32_t)take(s, 4));
}

static void do_frames(struct stream *s)
{
    uint32_t link = any_link(s);
    unsigned first = (unsigned)take(s, 1), step = (unsigned)take(s, 1) % 16 + 1;

    for (unsigned i = first; i < 1024; i += step)
        udrv_word(UDRV_FRAMES + 4 * i, link);
}

static void do_data(struct stream *s)
{
    st_le64(guest_mem(UDRV_DATA + (uint32_t)take(s, 1) * 8), take(s, 8));
}

/* --- requests ------------------------------------------------------------------------------------- */

/* A request as it should be, or nearly. */
static void do_request(struct stream *s)
{
    static const uint8_t types[] = {0x00, 0x01, 0x02, 0x80, 0x81, 0x82, 0x21,
                                    0xa1, 0x20, 0x23, 0xa0, 0xa3, 0x40, 0xc0};
    static const uint16_t values[] = {0,     1,     2,      3,      4,     8,     22,
                                      0x100, 0x200, 0x2100, 0x2200, 0x302, 0x2900};
    uint8_t data[64] = {0}, b = (uint8_t)take(s, 1);
    uint8_t type = b < 0xf0 ? types[b % ARRAY_SIZE(types)] : (uint8_t)take(s, 1);
    uint8_t request = (uint8_t)take(s, 1) % 14;
    uint16_t value = values[take(s, 1) % ARRAY_SIZE(values)], index = (uint16_t)take(s, 1) % 9;

    if (take(s, 1) < 16)
        index = value = (uint16_t)take(s, 2);
    if (request == USB_SET_ADDRESS && type == 0)
        value &= 3;
    st_le64(data, take(s, 8));
    uint16_t length = take(s, 1) & 1 ? (uint16_t)take(s, 1) % 64 : (uint16_t)take(s, 2);
    udrv_control((unsigned)take(s, 1) & 3, type, request, value, index, length, data,
                 MIN(length, (uint16_t)sizeof(data)));
}

static void do_configure(struct stream *s)
{
    unsigned address = (unsigned)take(s, 1) % 3 + 1;

    udrv_map();
    uhci_put(UHCI_CMD, 0xc1);
    udrv_reset_port((unsigned)take(s, 1) & 1);
    udrv_out(0, 0, USB_SET_ADDRESS, (uint16_t)address, 0, NULL, 0);
    udrv_out(address, 0, USB_SET_CONFIGURATION, 1, 0, NULL, 0);
}

static void do_poll(struct stream *s)
{
    uint8_t buf[64];

    udrv_packet((unsigned)take(s, 1) & 3, (unsigned)take(s, 1) & 3, USB_PID_IN, buf,
                (unsigned)take(s, 1) % 64);
}

/* --- registers, time, users ------------------------------------------------------------------------- */

static void do_register(struct stream *s)
{
    unsigned size = 1u << take(s, 1) % 3;
    uint16_t port = (uint16_t)(UDRV_IO + take(s, 1) % 32);

    if (take(s, 1) & 1)
        io_port_write(port, (uint32_t)take(s, 4), size);
    else
        io_port_read(port, size);
}

static void do_port(struct stream *s)
{
    uhci_put(UHCI_PORT + 2 * (unsigned)(take(s, 1) & 1), (uint16_t)take(s, 2));
}

static void do_start(struct stream *s)
{
    udrv_map();
    io_port_write(UDRV_IO + UHCI_FRBASE, UDRV_FRAMES, 4);
    uhci_put(UHCI_INTR, (uint16_t)take(s, 1));
    uhci_put(UHCI_CMD, 0xc1);
}

static void do_time(struct stream *s)
{
    clock_step((int64_t)take(s, 1) * NS_PER_MS);
    uhci_put(UHCI_STS, 0x3f);
}

static void do_user(struct stream *s)
{
    unsigned what = (unsigned)take(s, 1), value = (unsigned)take(s, 2);

    switch (what % 5) {
    case 0:
        input_send_key(value % 0x310, what & 0x80);
        break;
    case 1:
        input_send_move((int)value - 0x8000, (int)what - 128, 0);
        break;
    case 2:
        input_send_wheel((int)value - 0x8000, (int)what - 128);
        break;
    case 3:
        input_send_move_to(value, what * 200);
        break;
    default:
        input_send_buttons(value);
    }
}

static void do_plug(struct stream *s)
{
    unsigned b = (unsigned)take(s, 1), n = (unsigned)take(s, 1) % 4;
    char *text = b & 0x20 ? g_strdup_printf("%s,id=d%u,port=%u.%u", devices[b & 3], n, b >> 2 & 1,
                                            (b >> 3 & 3) + 1)
                          : g_strdup_printf("%s,id=d%u", devices[b & 3], n);
    char *id = g_strdup_printf("d%u", n);

    if (b & 0x40)
        device_add_text(text, NULL);
    else
        device_del(id, NULL);
    if (b & 0x80)
        udrv_loop();
    g_free(text);
    g_free(id);
}

static void do_state(struct stream *s)
{
    char *id = g_strdup_printf("d%u", (unsigned)take(s, 1) % 4);
    struct device *dev = take(s, 1) & 1 ? device_find(id) : device_find("uhci");

    if (dev && !dev->leaving)
        dev_check_vmstate(dev);
    g_free(id);
}

static void do_reset(struct stream *s)
{
    device_reset_all(RESET_COLD);
}

static void (*const actions[])(struct stream *s) = {
    do_head, do_td,   do_td,    do_frames, do_data,  do_request,  do_request,   do_request,
    do_poll, do_poll, do_start, do_start,  do_time,  do_time,     do_user,      do_user,
    do_port, do_plug, do_plug,  do_state,  do_reset, do_register, do_configure, do_configure};

/* --- streams ---------------------------------------------------------------------------------------- */

void stream_run(const uint8_t *data, size_t size)
{
    static bool done;
    struct stream s = {data, size};

    if (!done)
        udrv_setup();
    done = true;
    udrv_map();
    uhci_put(UHCI_CMD, 2);
    memset(guest_mem(UDRV_FRAMES), 0, 0x30000);
    do_start(&s);
    while (s.len)
        actions[take(&s, 1) % ARRAY_SIZE(actions)](&s);
    udrv_loop();
    for (unsigned n = 0; n < 4; n++) {
        char *id = g_strdup_printf("d%u", n);
        if (device_find(id))
            device_del(id, NULL);
        udrv_loop();
        ck_assert_ptr_null(device_find(id));
        g_free(id);
    }
}

int main(int argc, char **argv)
{
    return streams_main("usb", argc, argv);
}
