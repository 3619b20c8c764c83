/* SPDX-License-Identifier: MIT */
/*
 * Packets of GDB's remote serial protocol: $data#checksum, acknowledgements, the interrupt byte.
 * Knows nothing of what packets mean. Reference: GDB manual, appendix E.1 (overview).
 */
#ifndef GDBSTUB_RSP_H
#define GDBSTUB_RSP_H

#include "util/base.h"

#include <glib.h>

#define RSP_PACKET_MAX 0x4000 /* bytes of data in a packet, either way */

enum rsp_event {
    RSP_NOTHING,
    RSP_PACKET,    /* rsp.data, rsp.len: whole, checksum right, escapes undone, NUL behind it */
    RSP_OVERLONG,  /* whole, but longer than we take: dropped */
    RSP_BAD,       /* the checksum is wrong */
    RSP_INTERRUPT, /* Ctrl-C */
    RSP_ACK,
    RSP_NAK,
};

enum rsp_state { RSP_IDLE, RSP_DATA, RSP_ESCAPE, RSP_SUM1, RSP_SUM2 };

struct rsp {
    enum rsp_state state;
    uint8_t sum, given;
    bool overlong, bad_digit;
    size_t len;
    char data[RSP_PACKET_MAX + 1];
};

void rsp_init(struct rsp *r);
enum rsp_event rsp_feed(struct rsp *r, uint8_t byte);

/* Appends the packet for these bytes: framed, escaped, with its checksum. */
void rsp_frame(GByteArray *out, const void *data, size_t len);

#endif
