/* SPDX-License-Identifier: MIT */
/*
 * Texts clients have cut (RFC 6143, 7.5.6) and the extended clipboard of rfbproto. No guest here
 * takes text from outside: what comes is read past, whatever its size, and never kept; to extended
 * clients we say so: a limit of 0 bytes.
 */
#include "ui/vnc/internal.h"

enum { MSG_SERVER_CUT_TEXT = 3 };
enum {
    CLIP_TEXT = 1u << 0,
    CLIP_CAPS = 1u << 24,
    CLIP_ACTIONS = 0x1f000000u,
};

#define EXTENDED_MAX MIB(1) /* bytes of one message; clients that send more are mistaken */

void vnc_clipboard_announce(struct vnc_client *c)
{
    uint8_t m[8 + 4 + 4] = {MSG_SERVER_CUT_TEXT};

    st_be32(m + 4, (uint32_t)-8);
    st_be32(m + 8, CLIP_CAPS | CLIP_TEXT);
    st_be32(m + 12, 0); /* bytes of text we take unasked */
    vnc_client_control(c, m, sizeof(m));
}

/* The sign of the length tells an extended message; it has flags. */
ssize_t vnc_clipboard_message(struct vnc_client *c, const uint8_t *buf, size_t len)
{
    uint32_t length = ld_be32(buf + 4);

    if (!(c->can & VNC_CAN_CLIPBOARD) || (int32_t)length >= 0) {
        c->skip = length;
        return 8;
    }
    length = -length;
    if (length < 4 || length > EXTENDED_MAX) {
        return VNC_BYE;
    }
    if (len < 12) {
        return 0;
    }
    uint32_t action = ld_be32(buf + 8) & CLIP_ACTIONS;
    if (!(action & CLIP_CAPS) && !is_pow2(action)) {
        return VNC_BYE; /* exactly one */
    }
    c->skip = length - 4;
    return 12;
}
