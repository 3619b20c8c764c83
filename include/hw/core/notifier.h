/* SPDX-License-Identifier: MIT */
/*
 * Notifier lists: embedded entries, called in the order they were added.
 * No locking of its own: a list belongs to whoever documents it. An entry may
 * remove itself while it is being notified.
 */
#ifndef HW_CORE_NOTIFIER_H
#define HW_CORE_NOTIFIER_H

#include <sys/queue.h>

struct notifier {
    void (*notify)(struct notifier *n, void *data);
    TAILQ_ENTRY(notifier) link;
};

TAILQ_HEAD(notifier_list, notifier);

#define NOTIFIER_LIST_INIT(list) TAILQ_HEAD_INITIALIZER(list)

void notifier_list_init(struct notifier_list *list);
void notifier_add(struct notifier_list *list, struct notifier *n);
void notifier_remove(struct notifier_list *list, struct notifier *n);
void notifier_notify(struct notifier_list *list, void *data);

#endif
