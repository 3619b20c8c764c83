/* SPDX-License-Identifier: MIT */
/*
 * What happens in the machine and is worth telling management programs: any layer says it here,
 * the monitor passes it on as a QMP event. Names and members are QEMU's and are listed in
 * monitor/types.def, which the tests hold every event against.
 *
 *   mgmt_event("DEVICE_TRAY_MOVED", MGMT_STR("device", id), MGMT_BOOL("tray-open", open));
 *
 * A name with a dot is a member of a member: MGMT_STR("client.host", host).
 */
#ifndef UTIL_MGMT_EVENT_H
#define UTIL_MGMT_EVENT_H

#include "util/base.h"

enum mgmt_type { MGMT_TYPE_END, MGMT_TYPE_STR, MGMT_TYPE_INT, MGMT_TYPE_BOOL };

struct mgmt_field {
    const char *name;
    enum mgmt_type type;
    const char *str; /* NULL: the member is left out */
    int64_t num;
};

#define MGMT_STR(n, v)  ((struct mgmt_field){.name = n, .type = MGMT_TYPE_STR, .str = v})
#define MGMT_INT(n, v)  ((struct mgmt_field){.name = n, .type = MGMT_TYPE_INT, .num = v})
#define MGMT_BOOL(n, v) ((struct mgmt_field){.name = n, .type = MGMT_TYPE_BOOL, .num = (v)})
#define MGMT_END_       ((struct mgmt_field){.type = MGMT_TYPE_END})

/* Any thread. Without a listener it costs a load. */
#define mgmt_event(event, ...)                                                                     \
    mgmt_event_emit(event, (const struct mgmt_field[]){__VA_ARGS__, MGMT_END_})
#define mgmt_event_plain(event) mgmt_event_emit(event, (const struct mgmt_field[]){MGMT_END_})

void mgmt_event_emit(const char *event, const struct mgmt_field *fields);

/* Who hears them; called on the thread of the event. Once, at start-up. */
void mgmt_event_listen(void (*fn)(const char *event, const struct mgmt_field *fields));

#endif
