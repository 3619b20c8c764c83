/* SPDX-License-Identifier: MIT */
/*
 * Notifier lists.
 */
#include "hw/core/notifier.h"

#include "util/base.h"

void notifier_list_init(struct notifier_list *list)
{
    TAILQ_INIT(list);
}

void notifier_add(struct notifier_list *list, struct notifier *n)
{
    TAILQ_INSERT_TAIL(list, n, link);
}

void notifier_remove(struct notifier_list *list, struct notifier *n)
{
    TAILQ_REMOVE(list, n, link);
}

void notifier_notify(struct notifier_list *list, void *data)
{
    struct notifier *n, *next;

    for (n = TAILQ_FIRST(list); n; n = next) {
        next = TAILQ_NEXT(n, link);
        n->notify(n, data);
    }
}
