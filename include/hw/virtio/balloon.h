/* SPDX-License-Identifier: MIT */
/*
 * The memory balloon as the monitor sees it: there is one at most. Device lock held; -ENODEV with
 * err set without a balloon. A guest without a driver has all of its memory; the target waits for
 * one.
 */
#ifndef HW_VIRTIO_BALLOON_H
#define HW_VIRTIO_BALLOON_H

#include "hw/core/notifier.h"
#include "util/base.h"

struct error;

/* What the guest shall have: `bytes` are rounded to pages, and no more than its RAM. */
int balloon_set_target(uint64_t bytes, struct error **err);
/* What it has now. */
int balloon_query(uint64_t *bytes, struct error **err);

/* data: uint64_t *, bytes the guest has now. */
void balloon_add_change_notifier(struct notifier *n);
void balloon_remove_change_notifier(struct notifier *n);

/* --- statistics ------------------------------------------------------------------------------- */

/* VIRTIO 1.2, 5.5.6.3. X(name as in "stat-...", number) */
#define BALLOON_STATS(X)                                                                           \
    X("stat-swap-in", 0)                                                                           \
    X("stat-swap-out", 1)                                                                          \
    X("stat-major-faults", 2)                                                                      \
    X("stat-minor-faults", 3)                                                                      \
    X("stat-free-memory", 4)                                                                       \
    X("stat-total-memory", 5)                                                                      \
    X("stat-available-memory", 6)                                                                  \
    X("stat-disk-caches", 7)                                                                       \
    X("stat-htlb-pgalloc", 8)                                                                      \
    X("stat-htlb-pgfail", 9)
#define BALLOON_STAT_COUNT 10

struct balloon_stats {
    int64_t last_update;                 /* seconds since 1970; 0: never */
    uint64_t values[BALLOON_STAT_COUNT]; /* UINT64_MAX: the guest does not say */
};
extern const char *const balloon_stat_names[BALLOON_STAT_COUNT];

int balloon_get_stats(struct balloon_stats *stats, struct error **err);
/* Ask the guest every so many seconds, 0: no longer. */
int balloon_set_polling(uint32_t seconds, struct error **err);
uint32_t balloon_polling(void);

#endif
