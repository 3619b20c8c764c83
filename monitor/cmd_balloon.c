/* SPDX-License-Identifier: MIT */
/* Commands about the memory balloon, and its statistics as properties of the device. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "hw/core/device.h"
#include "hw/virtio/balloon.h"
#include "monitor/internal.h"

#define POLLING "guest-stats-polling-interval"

static json_t *not_active(struct monitor *m, int ret)
{
    if (ret == -ENODEV) {
        m->error_class = QERR_DEVICE_NOT_ACTIVE;
    }
    return NULL;
}

json_t *qmp_balloon(struct monitor *m, json_t *args, struct error **err)
{
    json_int_t value = json_integer_value(json_object_get(args, "value"));
    int ret = balloon_set_target(value > 0 ? (uint64_t)value : 0, err);

    return ret < 0 ? not_active(m, ret) : qmp_empty();
}

json_t *qmp_query_balloon(struct monitor *m, json_t *args, struct error **err)
{
    uint64_t bytes;
    int ret = balloon_query(&bytes, err);

    return ret < 0 ? not_active(m, ret) : json_pack("{s:I}", "actual", (json_int_t)bytes);
}

/* In MiB, as people count. */
void hmp_balloon(struct monitor *m, json_t *args)
{
    json_int_t value = json_integer_value(json_object_get(args, "value"));
    struct error *err = NULL;

    if (balloon_set_target(value > 0 ? (uint64_t)value << 20 : 0, &err) < 0) {
        mon_error(m, err);
    }
}

void hmp_info_balloon(struct monitor *m, json_t *args)
{
    struct error *err = NULL;
    struct balloon_stats stats;
    uint64_t bytes;

    if (balloon_query(&bytes, &err) < 0 || balloon_get_stats(&stats, &err) < 0) {
        mon_error(m, err);
        return;
    }
    mon_print(m, "balloon: actual=%" PRIu64 "\n", bytes >> 20);
    for (unsigned i = 0; i < BALLOON_STAT_COUNT && stats.last_update; i++) {
        if (stats.values[i] != UINT64_MAX) {
            mon_print(m, "%s: %" PRIu64 "\n", balloon_stat_names[i], stats.values[i]);
        }
    }
}

/* --- properties --------------------------------------------------------------------------------- */

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
