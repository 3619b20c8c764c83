/* SPDX-License-Identifier: MIT */
/*
 * How much a client's link takes: how many bytes may be on their way so that what is shown next
 * comes soon. Learnt from what the client acknowledges (fences, or requests for the next update).
 */
#ifndef UI_VNC_LINK_H
#define UI_VNC_LINK_H

#include "util/base.h"

#define VNC_LINK_MARKS 32u

/* One point of the stream the client has been, or will be, asked about. */
struct vnc_link_mark {
    uint64_t position;
    uint64_t under_way; /* bytes before it, when it was sent, of which nothing was known */
    int64_t sent;       /* microseconds */
};

struct vnc_link {
    struct vnc_link_mark marks[VNC_LINK_MARKS];
    unsigned first, count;
    uint64_t position, acknowledged; /* bytes of the stream */
    uint64_t adapted;                /* the position when the window was changed last */
    int64_t base_rtt;                /* shortest of an empty link; 0: not known */
    size_t window;                   /* bytes that may be on their way */
    bool measured;                   /* it is not only a guess */
};

void vnc_link_init(struct vnc_link *l);
/* A message has been sent; the stream is at `position` now. False: no room for another mark. */
bool vnc_link_sent(struct vnc_link *l, uint64_t position, int64_t now);
/* The oldest mark has come back. */
void vnc_link_acknowledged(struct vnc_link *l, int64_t now);
/* Nobody will tell of what is under way: count it as gone. */
void vnc_link_forget(struct vnc_link *l);
/* Bytes that may be sent now; 0: wait. */
size_t vnc_link_room(const struct vnc_link *l);
/* Has it turned out to take less than what most pictures need? */
bool vnc_link_slow(const struct vnc_link *l);
/* Has it, or is that not known yet? */
bool vnc_link_careful(const struct vnc_link *l);
bool vnc_link_marks_full(const struct vnc_link *l);

#endif
