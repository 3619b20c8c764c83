/* SPDX-License-Identifier: MIT */
/* Management events: the one listener. */
#include "util/mgmt_event.h"

static void (*listener)(const char *event, const struct mgmt_field *fields);

void mgmt_event_listen(void (*fn)(const char *event, const struct mgmt_field *fields))
{
    __atomic_store_n(&listener, fn, __ATOMIC_RELEASE);
}

void mgmt_event_emit(const char *event, const struct mgmt_field *fields)
{
    void (*fn)(const char *name, const struct mgmt_field *f) =
        __atomic_load_n(&listener, __ATOMIC_ACQUIRE);

    if (fn) {
        fn(event, fields);
    }
}
