/* SPDX-License-Identifier: MIT */
/*
 * The window of a link (link.h). What was under way at a mark has come through when that comes back:
 * this, over the time it took, is the link's rate, and the window is what it carries in TARGET_US
 * more than an empty link takes for a mark (as in FAST TCP: the window settles where bytes wait for
 * that long). It changes once in a time in which all that was under way comes through.
 *
 * How long the empty link takes is learnt from marks with little before them. Until there was one it
 * counts as nothing: a window that is too small for a long link soon lets such a mark pass.
 */
#include "ui/vnc/link.h"

#include "util/trace.h"

#define WINDOW_FIRST KIB(16)
#define WINDOW_SLOW  KIB(64)
#define WINDOW_MIN   KIB(4)
#define WINDOW_MAX   MIB(16)
#define LITTLE       KIB(2)
#define TARGET_US    60000 /* of queueing: enough to keep a link busy, too short to be felt */

void vnc_link_init(struct vnc_link *l)
{
    *l = (struct vnc_link){.window = WINDOW_FIRST};
}

bool vnc_link_slow(const struct vnc_link *l)
{
    return l->measured && l->window < WINDOW_SLOW;
}

bool vnc_link_careful(const struct vnc_link *l)
{
    return l->window < WINDOW_SLOW;
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
    l->marks[(l->first + l->count++) % VNC_LINK_MARKS] = (struct vnc_link_mark){
        .position = position, .under_way = position - l->acknowledged, .sent = now};
    return true;
}

/* Where less was under way than there could have been, it may be more than that, but not less. */
static void adapt(struct vnc_link *l, int64_t rtt, uint64_t under_way)
{
    uint64_t target = (uint64_t)l->base_rtt + TARGET_US;
    uint64_t right = under_way * target / (uint64_t)rtt;

    if ((uint64_t)rtt > target) {
        l->window = MIN(MAX((size_t)right, l->window / 2), l->window);
    } else {
        l->window = MIN(MAX((size_t)right, l->window), 2 * l->window);
    }
    l->window = MIN(MAX(l->window, (size_t)WINDOW_MIN), (size_t)WINDOW_MAX);
    l->adapted = l->position;
    l->measured = true;
}

void vnc_link_acknowledged(struct vnc_link *l, int64_t now)
{
    if (!l->count) {
        return; /* the client makes them up */
    }
    struct vnc_link_mark m = l->marks[l->first];
    int64_t rtt = MAX(now - m.sent, (int64_t)1);

    l->first = (l->first + 1) % VNC_LINK_MARKS;
    l->count--;
    l->acknowledged = m.position;
    if (m.under_way <= LITTLE) {
        l->base_rtt = l->base_rtt ? MIN(l->base_rtt, rtt) : rtt;
    }
    if (m.position > l->adapted) {
        adapt(l, rtt, m.under_way);
    }
    TRACE(vnc_link, "rtt %lld us (least %lld), %llu bytes, window %zu", (long long)rtt,
          (long long)l->base_rtt, (unsigned long long)m.under_way, l->window);
}

void vnc_link_forget(struct vnc_link *l)
{
    l->count = 0;
    l->acknowledged = l->position;
}

size_t vnc_link_room(const struct vnc_link *l)
{
    uint64_t under_way = l->position - l->acknowledged;

    /* little by little would be many small messages */
    if (under_way > l->window - l->window / 4 || vnc_link_marks_full(l)) {
        return 0;
    }
    return (size_t)(l->window - under_way);
}
