/* SPDX-License-Identifier: MIT */
/*
 * File descriptors from outside: sent over a monitor's socket or inherited, then referred to by name
 * (getfd) or as the file "/dev/fdset/N" (add-fd). Main thread, device lock held.
 */
#ifndef SYSTEM_FDS_H
#define SYSTEM_FDS_H

#include "util/base.h"

struct error;

/* --- by name ----------------------------------------------------------------------------------- */

void fds_name(const char *name, int fd); /* takes it; an older one of that name is closed */
int fds_take(const char *name);          /* now the caller's; -ENOENT */

/*
 * `text` is the number of a descriptor doppel was started with, or a name. The descriptor, now the
 * caller's; -errno with err set.
 */
int fds_by_text(const char *text, struct error **err);
void fds_give_back(const char *text, int fd); /* as if it had not been asked for */

/* --- in sets ----------------------------------------------------------------------------------- */

#define FDSET_NEW (-1) /* a set nobody has */
#define FDSET_ALL (-1) /* its descriptors, all */

struct fdset_entry {
    int64_t set;
    int fd;
    char *opaque; /* what the user noted about it; may be NULL */
};

/* Takes fd into a set, which is returned. */
int64_t fdset_add(int64_t set, int fd, const char *opaque);

/* -ENOENT. What has been opened from it stays open. */
int fdset_remove(int64_t set, int fd);

/* Sorted by set. */
void fdset_for_each(void (*fn)(const struct fdset_entry *entry, void *opaque), void *opaque);

/*
 * open(), but "/dev/fdset/N" is a copy of the descriptor of set N that is open for what flags ask.
 * A descriptor or -errno.
 */
int fds_open(const char *path, int flags, unsigned mode);

#endif
