/* SPDX-License-Identifier: MIT */
/* File descriptors from outside (fds.h). */
#include "system/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

#include "util/error.h"

#define FDSET_PREFIX "/dev/fdset/"

/* --- by name ----------------------------------------------------------------------------------- */

static GHashTable *names; /* name -> fd + 1 */

int fds_take(const char *name)
{
    int fd = names ? GPOINTER_TO_INT(g_hash_table_lookup(names, name)) - 1 : -1;

    if (fd < 0) {
        return -ENOENT;
    }
    g_hash_table_remove(names, name);
    return fd;
}

void fds_name(const char *name, int fd)
{
    int old = fds_take(name);

    if (old >= 0) {
        close(old);
    }
    if (!names) {
        names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    }
    g_hash_table_insert(names, g_strdup(name), GINT_TO_POINTER(fd + 1));
}

/* -1: it is a name. */
static int number(const char *text)
{
    gint64 n;

    return g_ascii_string_to_signed(text, 10, 0, INT_MAX, &n, NULL) ? (int)n : -1;
}

int fds_by_text(const char *text, struct error **err)
{
    int n = number(text), fd = n >= 0 ? n : fds_take(text);

    if (fd < 0 || fcntl(fd, F_GETFD) < 0) {
        error_set(err, "there is no file descriptor '%s'", text);
        return -ENOENT;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

void fds_give_back(const char *text, int fd)
{
    if (number(text) < 0) {
        fds_name(text, fd);
    }
}

/* --- in sets ----------------------------------------------------------------------------------- */

static GArray *sets; /* of struct fdset_entry, sorted by set */

static struct fdset_entry *entry_at(unsigned i)
{
    return sets && i < sets->len ? &g_array_index(sets, struct fdset_entry, i) : NULL;
}

/* The lowest number no set has. */
static int64_t unused_set(void)
{
    const struct fdset_entry *e;
    int64_t set = 0;

    for (unsigned i = 0; (e = entry_at(i)) && e->set <= set; i++) {
        set = e->set + 1;
    }
    return set;
}

int64_t fdset_add(int64_t set, int fd, const char *opaque)
{
    struct fdset_entry entry = {set == FDSET_NEW ? unused_set() : set, fd, g_strdup(opaque)};
    const struct fdset_entry *e;
    unsigned at = 0;

    if (!sets) {
        sets = g_array_new(FALSE, FALSE, sizeof(struct fdset_entry));
    }
    while ((e = entry_at(at)) && e->set <= entry.set) {
        at++;
    }
    g_array_insert_val(sets, at, entry);
    return entry.set;
}

int fdset_remove(int64_t set, int fd)
{
    struct fdset_entry *e;
    int ret = -ENOENT;

    for (unsigned i = 0; (e = entry_at(i));) {
        if (e->set != set || (fd != FDSET_ALL && e->fd != fd)) {
            i++;
            continue;
        }
        close(e->fd);
        g_free(e->opaque);
        g_array_remove_index(sets, i);
        ret = 0;
    }
    return ret;
}

void fdset_for_each(void (*fn)(const struct fdset_entry *entry, void *opaque), void *opaque)
{
    const struct fdset_entry *e;

    for (unsigned i = 0; (e = entry_at(i)); i++) {
        fn(e, opaque);
    }
}

static int open_from_set(int64_t set, int flags)
{
    const struct fdset_entry *e;
    int ret = -ENOENT;

    for (unsigned i = 0; (e = entry_at(i)); i++) {
        if (e->set != set) {
            continue;
        }
        int has = fcntl(e->fd, F_GETFL);
        if (has >= 0 && (has & O_ACCMODE) == (flags & O_ACCMODE)) {
            int fd = fcntl(e->fd, F_DUPFD_CLOEXEC, 0);
            return fd < 0 ? -errno : fd;
        }
        ret = -EACCES;
    }
    return ret;
}

int fds_open(const char *path, int flags, unsigned mode)
{
    if (g_str_has_prefix(path, FDSET_PREFIX)) {
        gint64 set;
        bool ok =
            g_ascii_string_to_signed(path + strlen(FDSET_PREFIX), 10, 0, G_MAXINT64, &set, NULL);
        return ok ? open_from_set(set, flags) : -ENOENT;
    }
    int fd = open(path, flags | O_CLOEXEC, mode);
    return fd < 0 ? -errno : fd;
}
