/* SPDX-License-Identifier: MIT */
/*
 * The window of a link (link.h): as in TCP Vegas, it grows while bytes come through without
 * queueing and shrinks when they wait somewhere for longer than TARGET_US.
 */
#include "ui/vnc/link.h"

#include "util/trace.h"

#define WINDOW_FIRST KIB(64)
#define WINDOW_MIN   KIB(8)
#define WINDOW_MAX   MIB(16)
#define TARGET_US    60000 /* of queueing: enough to keep a link busy, too short to be felt */

void vnc_link_init(struct vnc_link *l)
{
    *l = (struct vnc_link){.window = WINDOW_FIRST};
}

bool vnc_link_slow(const struct vnc_link *l)
{
    return l->window < WINDOW_FIRST;
}

bool vnc_link_marks_full(const struct vnc_link *l)
{
    return l->count == VNC_LINK_MARKS;
}

bool vnc_link_sent(struct vnc_link *l, uint64_t position, int64_t now)
{
    l->position = position;
    if (vnc_link_marks_full(l)) {
        return false;
    }
    l->marks[(l->first + l->count++) % VNC_LINK_MARKS] =
        (struct vnc_link_mark){.position = position, .sent = now};
    return true;
}

static void adapt(struct vnc_link *l, int64_t rtt, uint64_t bytes)
{
    int64_t queueing = rtt - l->base_rtt;

    if (queueing > 2 * TARGET_US) {
        /* what came through in that time would have been right */
        uint64_t right = bytes * (uint64_t)TARGET_US / (uint64_t)rtt;
        l->window = MAX((size_t)right, l->window / 2);
    } else if (queueing > TARGET_US) {
        l->window -= l->window / 8;
    } else if (l->limited) {
        l->window += queueing < TARGET_US / 2 ? l->window : l->window / 8;
    }
    l->window = MIN(MAX(l->window, (size_t)WINDOW_MIN), (size_t)WINDOW_MAX);
    l->limited = false;
}

void vnc_link_acknowledged(struct vnc_link *l, int64_t now)
{
    if (!l->count) {
        return; /* the client makes them up */
    }
    struct vnc_link_mark m = l->marks[l->first];
    uint64_t bytes = m.position - l->acknowledged;
    int64_t rtt = MAX(now - m.sent, (int64_t)1);

    l->first = (l->first + 1) % VNC_LINK_MARKS;
    l->count--;
    l->acknowledged = m.position;
    l->last_rtt = rtt;
    l->base_rtt = l->base_rtt ? MIN(l->base_rtt, rtt) : rtt;
    adapt(l, rtt, bytes);
    TRACE(vnc_link, "rtt %lld us (least %lld), %llu bytes, window %zu", (long long)rtt,
          (long long)l->base_rtt, (unsigned long long)bytes, l->window);
}

size_t vnc_link_room(struct vnc_link *l)
{
    uint64_t under_way = l->position - l->acknowledged;

    if (under_way >= l->window || vnc_link_marks_full(l)) {
        l->limited = true;
        return 0;
    }
    return (size_t)(l->window - under_way);
}
