/* SPDX-License-Identifier: MIT */
/*
 * What an update tells besides pixels, as pseudo-encodings: sizes (DesktopSize, RFC 6143, 7.8.2;
 * ExtendedDesktopSize), the cursor, the desktop's name, LEDs, kinds of keys and pointers (rfbproto);
 * and the messages that tell a client which extensions there are.
 */
#include "ui/vnc/internal.h"

enum { MSG_END_OF_CONTINUOUS = 150, MSG_FENCE = 248, MSG_XVP = 250 };
enum { FENCE_REQUEST = 0x80000000u };
enum { XVP_INIT = 1 };

static void put16(GByteArray *out, unsigned v)
{
    uint8_t b[2];

    st_be16(b, (uint16_t)v);
    g_byte_array_append(out, b, sizeof(b));
}

static void put32(GByteArray *out, uint32_t v)
{
    uint8_t b[4];

    st_be32(b, v);
    g_byte_array_append(out, b, sizeof(b));
}

/* --- sizes --------------------------------------------------------------------------------------- */

/* x and y say why it comes and how it went. */
static unsigned put_layout(struct vnc_client *c, unsigned reason, unsigned status, GByteArray *out)
{
    static const uint8_t one_screen[4] = {1};

    vnc_rect_header(out, reason, status, c->width, c->height, VNC_ENCODING_EXT_DESKTOP_SIZE);
    g_byte_array_append(out, one_screen, sizeof(one_screen));
    put32(out, 0); /* its id */
    put16(out, 0);
    put16(out, 0);
    put16(out, c->width);
    put16(out, c->height);
    put32(out, 0);
    return 1;
}

static unsigned write_size(struct vnc_client *c, GByteArray *out)
{
    const struct vnc_screen *scr = &c->server->screen;

    c->width = scr->width;
    c->height = scr->height;
    if (c->can & VNC_CAN_EXT_RESIZE) {
        return put_layout(c, 0, 0, out);
    }
    vnc_rect_header(out, 0, 0, c->width, c->height, VNC_ENCODING_DESKTOP_SIZE);
    return 1;
}

static unsigned write_size_answer(struct vnc_client *c, GByteArray *out)
{
    return put_layout(c, 1, c->resize_status, out);
}

/* --- the rest ------------------------------------------------------------------------------------ */

static unsigned write_cursor(struct vnc_client *c, GByteArray *out)
{
    const struct vnc_screen *scr = &c->server->screen;
    const struct display_cursor *cur = &scr->cursor;

    if (!cur->visible) {
        return vnc_encode_cursor(c->encoder, cur->pixels, 0, 0, 0, 0, out);
    }
    return vnc_encode_cursor(c->encoder, cur->pixels, cur->width, cur->height, cur->hot_x,
                             cur->hot_y, out);
}

static unsigned write_name(struct vnc_client *c, GByteArray *out)
{
    const char *name = vnc_guest_name();
    size_t len = strlen(name);

    vnc_rect_header(out, 0, 0, 0, 0, VNC_ENCODING_DESKTOP_NAME);
    put32(out, (uint32_t)len);
    g_byte_array_append(out, (const uint8_t *)name, (guint)len);
    return 1;
}

static unsigned write_pointer(struct vnc_client *c, GByteArray *out)
{
    vnc_rect_header(out, c->input.absolute, 0, c->width, c->height, VNC_ENCODING_POINTER_CHANGE);
    return 1;
}

static unsigned write_keys(struct vnc_client *c, GByteArray *out)
{
    vnc_rect_header(out, 0, 0, c->width, c->height, VNC_ENCODING_EXT_KEY);
    return 1;
}

/* Both forms have a bit each; only their order differs. */
static unsigned write_leds(struct vnc_client *c, GByteArray *out)
{
    uint8_t leds = (uint8_t)vnc_input_leds();

    if (c->can & VNC_CAN_LED_STATE) {
        vnc_rect_header(out, 0, 0, 0, 0, VNC_ENCODING_LED_STATE);
        g_byte_array_append(out, &leds, 1);
    } else {
        vnc_rect_header(out, 0, 0, 0, 0, VNC_ENCODING_VMWARE_LED);
        put32(out, leds);
    }
    return 1;
}

/* Of what a client can, one is enough; 0: that is another question. */
static const struct {
    enum vnc_news news;
    uint32_t can;
    unsigned (*write)(struct vnc_client *c, GByteArray *out);
} rows[] = {
    {VNC_NEWS_CURSOR, 0, write_cursor},
    {VNC_NEWS_NAME, VNC_CAN_NAME, write_name},
    {VNC_NEWS_POINTER, VNC_CAN_POINTER_CHANGE, write_pointer},
    {VNC_NEWS_KEYS, VNC_CAN_EXT_KEY, write_keys},
    {VNC_NEWS_LEDS, VNC_CAN_LED_STATE | VNC_CAN_VMWARE_LED, write_leds},
    {VNC_NEWS_SIZE_ANSWER, VNC_CAN_EXT_RESIZE, write_size_answer},
    {VNC_NEWS_SIZE, VNC_CAN_EXT_RESIZE | VNC_CAN_RESIZE, write_size}, /* last: RFC 6143, 7.8.2 */
};

uint32_t vnc_news_due(struct vnc_client *c)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].can && !(rows[i].can & c->can)) {
            c->news &= ~(uint32_t)rows[i].news;
        }
    }
    if (vnc_update_paints_cursor(c) || !c->server->screen.cursor_known) {
        c->news &= ~(uint32_t)VNC_NEWS_CURSOR;
    }
    return c->news;
}

unsigned vnc_news_write(struct vnc_client *c, GByteArray *out)
{
    unsigned n = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (c->news & rows[i].news) {
            n += rows[i].write(c, out);
        }
    }
    c->news = 0;
    return n;
}

void vnc_news_announce(struct vnc_client *c, uint32_t before)
{
    static const uint8_t end_of_continuous = MSG_END_OF_CONTINUOUS;
    /* a request without data: noVNC hangs up on answers to what it has not asked */
    static const uint8_t fence[9] = {[0] = MSG_FENCE, [4] = FENCE_REQUEST >> 24};
    static const uint8_t xvp[4] = {MSG_XVP, 0, 1, XVP_INIT};
    uint32_t fresh = c->can & ~before;

    if (fresh & VNC_CAN_FENCE) {
        vnc_client_control(c, fence, sizeof(fence));
    }
    if (fresh & VNC_CAN_CONTINUOUS) {
        vnc_client_control(c, &end_of_continuous, 1);
    }
    if ((fresh & VNC_CAN_XVP) && c->server->opts.power_control) {
        vnc_client_control(c, xvp, sizeof(xvp));
    }
    if (fresh & VNC_CAN_CLIPBOARD) {
        vnc_clipboard_announce(c);
    }
    c->news |= VNC_NEWS_CURSOR | VNC_NEWS_NAME | VNC_NEWS_POINTER | VNC_NEWS_KEYS | VNC_NEWS_LEDS;
    bool resized = c->width != c->server->screen.width || c->height != c->server->screen.height;
    if ((fresh & VNC_CAN_EXT_RESIZE) || resized) {
        c->news |= VNC_NEWS_SIZE;
    }
}
