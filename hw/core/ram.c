/* SPDX-License-Identifier: MIT */
/*
 * RAM blocks inside one memfd: a first-fit allocator over its offsets.
 */
#include "hw/core/memory_int.h"

#include "util/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_DEFAULT_CAPACITY GIB(1)
#define RAM_LARGE_ALIGN      MIB(2)

struct ram_block {
    char *name;
    ram_addr_t addr;
    uint64_t size;
    int fd;      /* of ram_back_by(); -1: the memfd */
    bool shared; /* what is written goes to its file */
    TAILQ_ENTRY(ram_block) link;
};

static TAILQ_HEAD(, ram_block) blocks = TAILQ_HEAD_INITIALIZER(blocks); /* by address */
static uint8_t *base;
static uint64_t capacity, guest_size;
static int memfd = -1;

uint8_t *ram_base(void)
{
    return base;
}

int ram_fd(void)
{
    return memfd;
}

uint64_t ram_capacity(void)
{
    return capacity;
}

/* The mapping; the kernel backs it with pages as they are touched. */
static int map_memfd(uint64_t size)
{
    void *p;

    memfd = memfd_create("doppel-ram", MFD_CLOEXEC);
    if (memfd < 0)
        return -errno;
    if (size > INT64_MAX || ftruncate(memfd, (off_t)size) < 0)
        return size > INT64_MAX ? -EFBIG : -errno;
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, memfd, 0);
    if (p == MAP_FAILED)
        return -errno;
    base = p;
    capacity = size;
    madvise(base, size, MADV_HUGEPAGE);
    madvise(base, size, MADV_DONTDUMP);
    return dirty_init(size >> RAM_PAGE_BITS);
}

int ram_init(uint64_t size, struct error **err)
{
    int ret;

    assert(!base && TAILQ_EMPTY(&blocks));
    ret = size > UINT64_MAX - RAM_LARGE_ALIGN ? -EFBIG : map_memfd(ALIGN_UP(size, RAM_LARGE_ALIGN));
    if (ret < 0) {
        ram_fini();
        error_set_errno(err, -ret, "cannot set up %" PRIu64 " MiB of guest memory", size >> 20);
    }
    return ret;
}

static void block_remove(struct ram_block *b)
{
    TAILQ_REMOVE(&blocks, b, link);
    if (b->fd >= 0)
        close(b->fd);
    g_free(b->name);
    g_free(b);
}

void ram_fini(void)
{
    while (!TAILQ_EMPTY(&blocks))
        block_remove(TAILQ_FIRST(&blocks));
    dirty_fini();
    if (base)
        munmap(base, capacity);
    if (memfd >= 0)
        close(memfd);
    base = NULL;
    capacity = 0;
    memfd = -1;
}

/* The lowest fitting gap: its address, and the block it is put before (NULL:
 * at the end). RAM_ADDR_NONE if there is none. */
static ram_addr_t find_gap(uint64_t size, uint64_t align, struct ram_block **before)
{
    ram_addr_t addr = 0;

    TAILQ_FOREACH(*before, &blocks, link)
    {
        if (addr <= (*before)->addr && (*before)->addr - addr >= size)
            return addr;
        addr = ALIGN_UP((*before)->addr + (*before)->size, align);
    }
    return range_fits(addr, size, capacity) ? addr : RAM_ADDR_NONE;
}

ram_addr_t ram_alloc(const char *name, uint64_t size, struct error **err)
{
    struct ram_block *b, *before;
    ram_addr_t addr;

    if (!base && ram_init(RAM_DEFAULT_CAPACITY, err) < 0)
        return RAM_ADDR_NONE;
    if (!size || size > capacity) {
        error_set(err, "no room for %" PRIu64 " bytes of memory '%s'", size, name);
        return RAM_ADDR_NONE;
    }
    size = ALIGN_UP(size, RAM_PAGE_SIZE);
    addr = find_gap(size, size >= RAM_LARGE_ALIGN ? RAM_LARGE_ALIGN : RAM_PAGE_SIZE, &before);
    if (addr == RAM_ADDR_NONE) {
        error_set(err, "no room for %" PRIu64 " KiB of memory '%s'", size >> 10, name);
        return RAM_ADDR_NONE;
    }
    b = g_new0(struct ram_block, 1);
    b->name = g_strdup(name);
    b->addr = addr;
    b->size = size;
    b->fd = -1;
    if (before)
        TAILQ_INSERT_BEFORE(before, b, link);
    else
        TAILQ_INSERT_TAIL(&blocks, b, link);
    return addr;
}

/* The block an address is in; NULL: none. */
static struct ram_block *block_at(ram_addr_t addr)
{
    struct ram_block *b;

    TAILQ_FOREACH(b, &blocks, link)
    {
        if (addr - b->addr < b->size)
            return b;
    }
    return NULL;
}

static int punch(int fd, uint64_t off, uint64_t len)
{
    int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

    return fallocate(fd, mode, (off_t)off, (off_t)len) < 0 ? -errno : 0;
}

/* Map the memfd there again. */
static void unback(struct ram_block *b)
{
    void *p = mmap(base + b->addr, b->size, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_NORESERVE | MAP_FIXED, memfd, (off_t)b->addr);

    assert(p != MAP_FAILED);
}

void ram_free(ram_addr_t addr)
{
    struct ram_block *b = block_at(addr);

    assert(b && b->addr == addr);
    if (b->fd >= 0)
        unback(b);
    else if (punch(memfd, addr, b->size) < 0)
        memset(base + addr, 0, b->size);
    dirty_mark(addr, b->size);
    block_remove(b);
}

int ram_back_by(ram_addr_t addr, int fd, bool shared, struct error **err)
{
    struct ram_block *b = block_at(addr);
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    assert(b && b->addr == addr && b->fd < 0);
    if (own < 0)
        return error_set_errno(err, errno, "memory '%s'", b->name);
    void *p = mmap(base + addr, b->size, PROT_READ | PROT_WRITE,
                   (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_NORESERVE | MAP_FIXED, own, 0);
    if (p == MAP_FAILED) {
        int error = errno;

        unback(b); /* a failed mapping may have taken the old one away */
        close(own);
        return error_set_errno(err, error, "cannot map the file of memory '%s'", b->name);
    }
    b->fd = own;
    b->shared = shared;
    return 0;
}

int ram_discard(ram_addr_t addr, uint64_t len)
{
    assert(IS_ALIGNED(addr, RAM_PAGE_SIZE) && IS_ALIGNED(len, RAM_PAGE_SIZE));
    assert(range_fits(addr, len, capacity));
    const struct ram_block *b = block_at(addr);
    int ret;

    if (!b || b->fd < 0)
        ret = punch(memfd, addr, len);
    else if (b->shared)
        ret = punch(b->fd, addr - b->addr, len);
    else /* back to what the file has */
        ret = madvise(base + addr, len, MADV_DONTNEED) < 0 ? -errno : 0;
    if (ret == 0)
        dirty_mark(addr, len);
    return ret;
}

void ram_set_guest_size(uint64_t bytes)
{
    guest_size = bytes;
}

uint64_t ram_guest_size(void)
{
    return guest_size;
}

void ram_for_each_block(void (*fn)(const struct ram_block_info *info, void *opaque), void *opaque)
{
    struct ram_block *b;

    TAILQ_FOREACH(b, &blocks, link)
    {
        struct ram_block_info info = {b->name, b->addr, b->size};

        fn(&info, opaque);
    }
}
