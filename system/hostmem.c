/* SPDX-License-Identifier: MIT */
/*
 * Memory backends. memory-backend-ram and -memfd are the memory doppel has anyway; a file is mapped
 * over it.
 *
 * Not modelled: huge pages, NUMA policies, alignment, merging of equal pages.
 */
#include "system/hostmem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/core/memory.h"
#include "system/object.h"
#include "util/error.h"

#define HOSTMEM_KIND "memory"

struct hostmem {
    struct object obj;
    uint64_t size;
    const char *path; /* memory-backend-file only */
    bool share, prealloc, dump;
    int fd; /* -1: none */
};

static struct hostmem *hostmem_of(struct object *obj)
{
    return container_of(obj, struct hostmem, obj);
}

/* --- the kinds -------------------------------------------------------------------------------- */

static int check_size(const struct hostmem *m, struct error **err)
{
    if (m->size == 0 || m->size % RAM_PAGE_SIZE || m->size > INT64_MAX) {
        error_set(err, "%s: size must be a multiple of %u KiB, and not 0", m->obj.cls->name,
                  (unsigned)(RAM_PAGE_SIZE >> 10));
        return -EINVAL;
    }
    return 0;
}

static int memory_open(struct object *obj, struct error **err)
{
    hostmem_of(obj)->fd = -1;
    return check_size(hostmem_of(obj), err);
}

/* A file that need not be there; in a directory one without a name. */
static int open_path(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
        return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
    char *name = g_strdup_printf("%s/doppel-memory-XXXXXX", path);
    int fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0) {
        unlink(name);
    }
    g_free(name);
    return fd;
}

static int file_open(struct object *obj, struct error **err)
{
    struct hostmem *m = hostmem_of(obj);
    struct stat st;

    m->fd = -1;
    if (!m->path) {
        error_set(err, "%s: mem-path property not set", obj->cls->name);
        return -EINVAL;
    }
    if (check_size(m, err) < 0) {
        return -EINVAL;
    }
    m->fd = open_path(m->path);
    bool ok = m->fd >= 0 && fstat(m->fd, &st) == 0 &&
              ((uint64_t)st.st_size >= m->size || ftruncate(m->fd, (off_t)m->size) == 0);
    if (!ok) {
        int error = errno;
        if (m->fd >= 0) {
            close(m->fd);
        }
        return error_set_errno(err, error, "%s: '%s'", obj->cls->name, m->path);
    }
    return 0;
}

static void hostmem_close(struct object *obj)
{
    if (hostmem_of(obj)->fd >= 0) {
        close(hostmem_of(obj)->fd);
    }
}

/* --- use -------------------------------------------------------------------------------------- */

struct object *hostmem_claim(const char *id, struct error **err)
{
    struct object *obj = object_find(id);

    if (!obj || !object_is(obj, HOSTMEM_KIND)) {
        error_set(err, "Memory backend '%s' not found", id);
        return NULL;
    }
    obj->users++;
    return obj;
}

uint64_t hostmem_size(const struct object *obj)
{
    return container_of(obj, struct hostmem, obj)->size;
}

int hostmem_apply(const struct object *obj, uint64_t ram, struct error **err)
{
    const struct hostmem *m = container_of(obj, struct hostmem, obj);
    uint8_t *host = ram_ptr(ram);
    int ret = m->fd >= 0 ? ram_back_by(ram, m->fd, m->share, err) : 0;

    if (ret < 0) {
        return ret;
    }
    madvise(host, m->size, m->dump ? MADV_DODUMP : MADV_DONTDUMP);
    if (m->prealloc && madvise(host, m->size, MADV_POPULATE_WRITE) < 0) {
        return error_set_errno(err, errno, "%s: prealloc", obj->cls->name);
    }
    return 0;
}

/* --- classes ---------------------------------------------------------------------------------- */

#define COMMON_DESCS                                                                               \
    {"size", OPT_SIZE, OPT_FIELD(struct hostmem, size), .help = "bytes"},                          \
        {"share", OPT_BOOL, OPT_FIELD(struct hostmem, share), .help = "others see what is written"}, \
        {"prealloc", OPT_BOOL, OPT_FIELD(struct hostmem, prealloc), .help = "take all at the start"}, \
    {                                                                                              \
        "dump", OPT_BOOL, OPT_FIELD(struct hostmem, dump), .help = "into doppel's core dumps"      \
    }

static const struct opt_desc memory_descs[] = {COMMON_DESCS, {.type = OPT_END}};
static const struct opt_desc file_descs[] = {
    {"mem-path", OPT_STR, OPT_FIELD(struct hostmem, path), .help = "file, or directory for one"},
    COMMON_DESCS,
    {.type = OPT_END},
};

OBJECT_DEFINE(memory_ram, .name = "memory-backend-ram", .kind = HOSTMEM_KIND,
              .help = "memory of the host", .state_size = sizeof(struct hostmem),
              .descs = memory_descs, .open = memory_open, .close = hostmem_close);
OBJECT_DEFINE(memory_memfd, .name = "memory-backend-memfd", .kind = HOSTMEM_KIND,
              .help = "memory of the host, in a memfd", .state_size = sizeof(struct hostmem),
              .descs = memory_descs, .open = memory_open, .close = hostmem_close);
OBJECT_DEFINE(memory_file, .name = "memory-backend-file", .kind = HOSTMEM_KIND,
              .help = "memory in a file", .state_size = sizeof(struct hostmem), .descs = file_descs,
              .open = file_open, .close = hostmem_close);
