/* SPDX-License-Identifier: MIT */
/* Commands about file descriptors that clients send over a monitor's Unix socket (SCM_RIGHTS). */
#include <unistd.h>

#include "chardev/chardev.h"
#include "monitor/internal.h"
#include "system/fds.h"
#include "ui/vnc.h"

/* The descriptor that came with the command, or -1. */
static int sent_fd(struct monitor *m, struct error **err)
{
    int fd = m->chr ? chardev_take_fd(m->chr) : -1;

    if (fd < 0) {
        error_set(err, "No file descriptor supplied via SCM_RIGHTS");
    }
    return fd;
}

static int named_fd(const char *name, struct error **err)
{
    int fd = fds_take(name);

    if (fd < 0) {
        error_set(err, "File descriptor named '%s' not found", name);
    }
    return fd;
}

json_t *qmp_getfd(struct monitor *m, json_t *args, struct error **err)
{
    const char *name = arg_str(args, "fdname");
    int fd = sent_fd(m, err);

    if (fd < 0) {
        return NULL;
    }
    if (!*name || g_ascii_isdigit(*name)) {
        error_set(err, "Parameter 'fdname' expects a name not starting with a digit");
        close(fd);
        return NULL;
    }
    fds_name(name, fd);
    return qmp_empty();
}

json_t *qmp_closefd(struct monitor *m, json_t *args, struct error **err)
{
    int fd = named_fd(arg_str(args, "fdname"), err);

    if (fd < 0) {
        return NULL;
    }
    close(fd);
    return qmp_empty();
}

static bool is_true(json_t *args, const char *name)
{
    return json_is_true(json_object_get(args, name));
}

json_t *qmp_add_client(struct monitor *m, json_t *args, struct error **err)
{
    const char *protocol = arg_str(args, "protocol");
    struct chardev *chr = chardev_find(protocol);
    bool vnc = !strcmp(protocol, "vnc");

    if (!chr && !vnc) {
        error_set(err, "protocol '%s' is invalid", protocol);
        return NULL;
    }
    int fd = named_fd(arg_str(args, "fdname"), err);
    if (fd < 0) {
        return NULL;
    }
    int ret = vnc ? vnc_add_client(fd, is_true(args, "skipauth"), is_true(args, "tls"), err)
                  : chardev_add_client(chr, fd, err);
    if (ret < 0) {
        close(fd);
        return NULL;
    }
    return qmp_empty();
}

/* --- sets ------------------------------------------------------------------------------------- */

json_t *qmp_add_fd(struct monitor *m, json_t *args, struct error **err)
{
    int64_t set = arg_int(args, "fdset-id", FDSET_NEW);
    int fd = sent_fd(m, err);

    if (fd < 0) {
        return NULL;
    }
    if (set < 0 && json_object_get(args, "fdset-id")) {
        error_set(err, "Parameter 'fdset-id' expects a non-negative value");
        close(fd);
        return NULL;
    }
    set = fdset_add(set, fd, arg_str(args, "opaque"));
    return json_pack("{s:I, s:i}", "fdset-id", (json_int_t)set, "fd", fd);
}

json_t *qmp_remove_fd(struct monitor *m, json_t *args, struct error **err)
{
    int64_t set = arg_int(args, "fdset-id", 0), fd = arg_int(args, "fd", FDSET_ALL);
    bool one = json_object_get(args, "fd");

    if ((!one || (fd >= 0 && fd <= INT_MAX)) && fdset_remove(set, (int)fd) == 0) {
        return qmp_empty();
    }
    char *which = one ? g_strdup_printf(", fd:%lld", (long long)fd) : g_strdup("");
    error_set(err, "File descriptor named 'fdset-id:%lld%s' not found", (long long)set, which);
    g_free(which);
    return NULL;
}

/* Entries come set by set. */
static void describe(const struct fdset_entry *e, void *opaque)
{
    json_t *sets = opaque, *last = json_array_get(sets, json_array_size(sets) - 1), *fd;

    if (!last || json_integer_value(json_object_get(last, "fdset-id")) != e->set) {
        last = json_pack("{s:I, s:[]}", "fdset-id", (json_int_t)e->set, "fds");
        json_array_append_new(sets, last);
    }
    fd = json_pack("{s:i}", "fd", e->fd);
    if (e->opaque) {
        json_object_set_new(fd, "opaque", json_string(e->opaque));
    }
    json_array_append_new(json_object_get(last, "fds"), fd);
}

json_t *qmp_query_fdsets(struct monitor *m, json_t *args, struct error **err)
{
    json_t *sets = json_array();

    fdset_for_each(describe, sets);
    return sets;
}
