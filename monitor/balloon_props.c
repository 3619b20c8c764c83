/* SPDX-License-Identifier: MIT */
/* The statistics of the memory balloon as properties of its device, as QEMU has them. */
#include <stdlib.h>

#include "hw/core/device.h"
#include "hw/virtio/balloon.h"
#include "monitor/internal.h"

#define POLLING "guest-stats-polling-interval"

static bool is_balloon(const struct device *dev)
{
    return g_str_has_prefix(dev->cls->name, "virtio-balloon-");
}

static json_t *stats_value(void)
{
    struct balloon_stats stats;
    json_t *values = json_object();

    if (balloon_get_stats(&stats, NULL) < 0) {
        memset(&stats, 0xff, sizeof(stats));
        stats.last_update = 0;
    }
    for (unsigned i = 0; i < BALLOON_STAT_COUNT; i++) {
        json_object_set_new(values, balloon_stat_names[i],
                            json_integer((json_int_t)stats.values[i]));
    }
    return json_pack("{s:o, s:I}", "stats", values, "last-update", (json_int_t)stats.last_update);
}

json_t *balloon_property(const struct device *dev, const char *name)
{
    if (!is_balloon(dev)) {
        return NULL;
    }
    if (!strcmp(name, "guest-stats")) {
        return stats_value();
    }
    return !strcmp(name, POLLING) ? json_integer(balloon_polling()) : NULL;
}

bool balloon_set_property(const struct device *dev, const char *name, const json_t *value,
                          struct error **err)
{
    json_int_t seconds = json_is_string(value) ? strtoll(json_string_value(value), NULL, 0)
                                               : json_integer_value(value);

    if (!is_balloon(dev) || strcmp(name, POLLING) != 0) {
        return false;
    }
    if (seconds < 0 || seconds > UINT32_MAX) {
        error_set(err, "%s must be 0 to %u", POLLING, UINT32_MAX);
    } else {
        balloon_set_polling((uint32_t)seconds, err);
    }
    return true;
}
