/* SPDX-License-Identifier: MIT */
/*
 * Messages of clients: RFC 6143, 7.5, and those of rfbproto: continuous updates, fences, client
 * resize, QEMU's extended key events, xvp. Everything in them is hostile. Audio is not offered;
 * messages about it are read and forgotten.
 */
#include "ui/vnc/internal.h"

#include "hw/core/lock.h"
#include "system/runstate.h"
#include "ui/display.h"
#include "util/trace.h"

#define FENCE_DATA_MAX 64u
#define CONTROL_MAX    KIB(64) /* unread answers; then nothing more is read */

enum { MSG_END_OF_CONTINUOUS = 150, MSG_FENCE = 248 };
enum { FENCE_REQUEST = 0x80000000u, FENCE_KNOWN = 7 };

/* --- what the client can ------------------------------------------------------------------------- */

static ssize_t set_pixel_format(struct vnc_client *c, const uint8_t *m, size_t len)
{
    struct vnc_pixel_format pf;

    if (vnc_pixel_format_read(&pf, m + 4) < 0) {
        return VNC_BYE;
    }
    TRACE(vnc_client_format, "%s:%s %u bits, %s, up to %u %u %u", c->at.host, c->at.service,
          pf.bits, pf.true_colour ? "true colour" : "colour map", pf.max[0], pf.max[1], pf.max[2]);
    vnc_update_close(c);
    vnc_encoder_set_format(c->encoder, &pf);
    if (!pf.true_colour) {
        GByteArray *map = g_byte_array_new();
        vnc_colour_map_write(map);
        vnc_client_control(c, map->data, map->len);
        g_byte_array_free(map, TRUE);
    }
    return 20;
}

static uint32_t feature_of(int32_t encoding)
{
    static const struct {
        int32_t encoding;
        uint32_t can;
    } rows[] = {
        {VNC_ENCODING_DESKTOP_SIZE, VNC_CAN_RESIZE},
        {VNC_ENCODING_POINTER_CHANGE, VNC_CAN_POINTER_CHANGE},
        {VNC_ENCODING_EXT_KEY, VNC_CAN_EXT_KEY},
        {VNC_ENCODING_LED_STATE, VNC_CAN_LED_STATE},
        {VNC_ENCODING_DESKTOP_NAME, VNC_CAN_NAME},
        {VNC_ENCODING_EXT_DESKTOP_SIZE, VNC_CAN_EXT_RESIZE},
        {VNC_ENCODING_XVP, VNC_CAN_XVP},
        {VNC_ENCODING_FENCE, VNC_CAN_FENCE},
        {VNC_ENCODING_CONTINUOUS, VNC_CAN_CONTINUOUS},
        {VNC_ENCODING_VMWARE_LED, VNC_CAN_VMWARE_LED},
        {VNC_ENCODING_EXT_CLIPBOARD, VNC_CAN_CLIPBOARD},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].encoding == encoding) {
            return rows[i].can;
        }
    }
    return 0;
}

static ssize_t set_encodings(struct vnc_client *c, const uint8_t *m, size_t len)
{
    unsigned count = ld_be16(m + 2);
    uint32_t before = c->can;
    bool painted = vnc_update_paints_cursor(c);

    if (len < 4 + 4 * count) {
        return 0;
    }
    int32_t *list = g_new(int32_t, count + 1);
    c->can = 0;
    for (unsigned i = 0; i < count; i++) {
        list[i] = (int32_t)ld_be32(m + 4 + 4 * i);
        c->can |= feature_of(list[i]);
    }
    vnc_update_close(c);
    if ((before ^ c->can) & VNC_CAN_FENCE) {
        vnc_link_forget(&c->link); /* what acknowledges is another thing now */
    }
    vnc_encoder_set_encodings(c->encoder, list, count);
    g_free(list);
    TRACE(vnc_client_encodings, "%s:%s %d, extensions %#x", c->at.host, c->at.service,
          (int)vnc_encoder_encoding(c->encoder), c->can);
    vnc_news_announce(c, before);
    if (painted != vnc_update_paints_cursor(c)) {
        struct vnc_rect r;
        if (vnc_screen_cursor_area(&c->server->screen, &r)) {
            vnc_update_dirty_area(c, &r);
        }
    }
    return (ssize_t)(4 + 4 * count);
}

/* --- updates ------------------------------------------------------------------------------------- */

static ssize_t update_request(struct vnc_client *c, const uint8_t *m, size_t len)
{
    struct vnc_rect area = {ld_be16(m + 2), ld_be16(m + 4), ld_be16(m + 6), ld_be16(m + 8)};

    vnc_update_request(c, m[1] != 0, &area);
    return 10;
}

static ssize_t continuous_updates(struct vnc_client *c, const uint8_t *m, size_t len)
{
    static const uint8_t end = MSG_END_OF_CONTINUOUS;

    c->continuous = m[1] != 0;
    c->continuous_area =
        (struct vnc_rect){ld_be16(m + 2), ld_be16(m + 4), ld_be16(m + 6), ld_be16(m + 8)};
    if (!c->continuous) {
        vnc_update_close(c);
        vnc_client_control(c, &end, 1);
    }
    return 10;
}

/* Messages are dealt with one after the other and answers stay in order: every flag is obeyed. */
static ssize_t fence(struct vnc_client *c, const uint8_t *m, size_t len)
{
    uint32_t flags = ld_be32(m + 4);
    unsigned n = m[8];
    uint8_t answer[9 + FENCE_DATA_MAX] = {MSG_FENCE};

    if (n > FENCE_DATA_MAX) {
        return VNC_BYE;
    }
    if (len < 9 + n) {
        return 0;
    }
    if (flags & FENCE_REQUEST) {
        st_be32(answer + 4, flags & FENCE_KNOWN);
        answer[8] = (uint8_t)n;
        memcpy(answer + 9, m + 9, n);
        vnc_client_control(c, answer, 9 + n);
    } else if (n) { /* the one that announced them has none */
        vnc_update_acknowledged(c);
    }
    return (ssize_t)(9 + n);
}

/* The guest may take the hint, or not: it has been handed on. */
static ssize_t set_desktop_size(struct vnc_client *c, const uint8_t *m, size_t len)
{
    enum { HANDED_ON = 4, PROHIBITED = 1 };
    unsigned screens = m[6], width = ld_be16(m + 2), height = ld_be16(m + 4);
    bool told = false;

    if (len < 8 + 16 * screens) {
        return 0;
    }
    if (c->server->screen.viewer && width && height) {
        device_lock();
        told = display_suggest_size(display_of(c->server->screen.viewer), width, height);
        device_unlock();
    }
    c->resize_status = told ? HANDED_ON : PROHIBITED;
    c->news |= VNC_NEWS_SIZE_ANSWER;
    return (ssize_t)(8 + 16 * screens);
}

/* --- users --------------------------------------------------------------------------------------- */

static ssize_t key(struct vnc_client *c, const uint8_t *m, size_t len)
{
    vnc_input_keysym(c, ld_be32(m + 4), m[1] != 0);
    return 8;
}

static ssize_t pointer(struct vnc_client *c, const uint8_t *m, size_t len)
{
    vnc_input_pointer(c, m[1], ld_be16(m + 2), ld_be16(m + 4));
    return 6;
}

static ssize_t xvp(struct vnc_client *c, const uint8_t *m, size_t len)
{
    enum { FAIL, INIT, SHUTDOWN, REBOOT, RESET };
    static const uint8_t failed[4] = {250, 0, 1, FAIL};
    bool may = c->server->opts.power_control && m[2] == 1;

    if (may && m[3] == SHUTDOWN) {
        runstate_request_powerdown();
    } else if (may && (m[3] == REBOOT || m[3] == RESET)) {
        runstate_request_reset(RESET_REASON_HOST);
    } else {
        vnc_client_control(c, failed, sizeof(failed));
    }
    return 4;
}

/* --- QEMU's -------------------------------------------------------------------------------------- */

static ssize_t extended_key(struct vnc_client *c, const uint8_t *m, size_t len)
{
    if (len < 12) {
        return 0;
    }
    unsigned code = vnc_scancode_to_key(ld_be32(m + 8));
    if (code) {
        vnc_input_key(c, code, ld_be16(m + 2) != 0);
    } else {
        vnc_input_keysym(c, ld_be32(m + 4), ld_be16(m + 2) != 0);
    }
    return 12;
}

static ssize_t audio(struct vnc_client *c, const uint8_t *m, size_t len)
{
    enum { ENABLE, DISABLE, SET_FORMAT };
    unsigned op = ld_be16(m + 2);
    size_t need = op == SET_FORMAT ? 10 : 4;

    return op > SET_FORMAT ? VNC_BYE : len < need ? 0 : (ssize_t)need;
}

static ssize_t qemu_message(struct vnc_client *c, const uint8_t *m, size_t len)
{
    enum { EXT_KEY, AUDIO };

    return m[1] == EXT_KEY ? extended_key(c, m, len) : m[1] == AUDIO ? audio(c, m, len) : VNC_BYE;
}

/* --- which is which ------------------------------------------------------------------------------ */

static const struct {
    uint8_t type, min; /* bytes needed to know how many it has */
    vnc_step *run;
} rows[] = {
    {0, 20, set_pixel_format},
    {2, 4, set_encodings},
    {3, 10, update_request},
    {4, 8, key},
    {5, 6, pointer},
    {6, 8, vnc_clipboard_message},
    {MSG_END_OF_CONTINUOUS, 10, continuous_updates},
    {MSG_FENCE, 9, fence},
    {250, 4, xvp},
    {251, 8, set_desktop_size},
    {255, 4, qemu_message},
};

bool vnc_message_choked(const struct vnc_client *c)
{
    return c->control->len >= CONTROL_MAX;
}

ssize_t vnc_step_message(struct vnc_client *c, const uint8_t *buf, size_t len)
{
    if (vnc_input_full(c) || vnc_message_choked(c)) {
        return 0; /* when there is room */
    }
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].type == buf[0]) {
            return len < rows[i].min ? 0 : rows[i].run(c, buf, len);
        }
    }
    return VNC_BYE;
}
