/* SPDX-License-Identifier: MIT */
/*
 * Memory of the block cache: one memfd mapped twice (writable, and executable) for host code, cut
 * into regions; beside each region an arena for its blocks' metadata and a list of its blocks.
 * Address space is reserved in full, memory used as it fills.
 */
#include "translator/codebuf.h"

#include "util/error.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define STUB_SIZE      KIB(64)
#define BYTES_PER_TB   32 /* at least: bounds the lists */
#define DATA_PER_CODE  3
#define DATA_MIN       MIB(1)
#define ARENA_START    4096
#define FIND_PAGE      4096u
#define SPARE_FRACTION 16
#define UNMAP_EVERY    MIB(1)

static struct {
    uint8_t *rw, *rx;
    size_t size, arena_size;
    struct code_region region[CODE_REGIONS];
    unsigned current;
    size_t since_unmap; /* code bytes */
} buf;

static unsigned emptied; /* counts that blocks have gone */

uint8_t *tb_arena;

static void *reserve(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static int map_code(size_t size, struct error **err)
{
    int fd = memfd_create("doppel-code", MFD_CLOEXEC), ret = 0;

    if (fd < 0 || ftruncate(fd, size) < 0) {
        ret = error_set_errno(err, errno, "cannot make a code buffer of %zu bytes", size);
        goto out;
    }
    buf.rw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    buf.rx = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    if (buf.rw == MAP_FAILED || buf.rx == MAP_FAILED)
        ret = error_set_errno(err, errno, "cannot map the code buffer");
    else
        buf.size = size;
out:
    if (fd >= 0)
        close(fd);
    return ret;
}

/* Nothing lies in its first page: 0 is no reference. */
static int init_arena(size_t data_size)
{
    buf.arena_size = data_size * CODE_REGIONS + ARENA_START;
    if (buf.arena_size / TB_REF_UNIT > UINT32_MAX)
        return -EINVAL;
    tb_arena = reserve(buf.arena_size);
    if (!tb_arena)
        return -ENOMEM;
    for (unsigned i = 0; i < CODE_REGIONS; i++) {
        buf.region[i].data = tb_arena + ARENA_START + i * data_size;
        buf.region[i].data_size = data_size;
    }
    return 0;
}

static int init_region(struct code_region *r, unsigned i, size_t size)
{
    r->size = size;
    r->rx = buf.size ? buf.rx + STUB_SIZE + i * size : NULL;
    r->max_tbs = MAX(size / BYTES_PER_TB, r->data_size / sizeof(struct tb));
    r->tbs = reserve(r->max_tbs * sizeof(*r->tbs));
    r->starts = reserve(r->max_tbs * sizeof(*r->starts));
    r->first = reserve((size / FIND_PAGE + 1) * sizeof(*r->first));
    return r->tbs && r->starts && r->first ? 0 : -ENOMEM;
}

int codebuf_init(size_t code_size, struct error **err)
{
    size_t size = ALIGN_DOWN(code_size / CODE_REGIONS, (size_t)4096);
    int ret;

    if (size) {
        ret = map_code(size * CODE_REGIONS + STUB_SIZE, err);
        if (ret)
            return ret;
    }
    ret = init_arena(MAX(size * DATA_PER_CODE, DATA_MIN));
    for (unsigned i = 0; !ret && i < CODE_REGIONS; i++)
        ret = init_region(&buf.region[i], i, size);
    return ret ? error_set_errno(err, -ret, "cannot reserve memory for translated blocks") : 0;
}

void codebuf_fini(void)
{
    __atomic_fetch_add(&emptied, 1, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < CODE_REGIONS; i++) {
        struct code_region *r = &buf.region[i];

        if (r->tbs)
            munmap(r->tbs, r->max_tbs * sizeof(*r->tbs));
        if (r->starts)
            munmap(r->starts, r->max_tbs * sizeof(*r->starts));
        if (r->first)
            munmap(r->first, (r->size / FIND_PAGE + 1) * sizeof(*r->first));
    }
    if (tb_arena)
        munmap(tb_arena, buf.arena_size);
    tb_arena = NULL;
    if (buf.size) {
        munmap(buf.rw, buf.size);
        munmap(buf.rx, buf.size);
    }
    memset(&buf, 0, sizeof(buf));
}

struct code_region *codebuf_region(unsigned i)
{
    return &buf.region[i];
}

unsigned codebuf_current(void)
{
    return buf.current;
}

struct code_span codebuf_stubs(void)
{
    return (struct code_span){.rw = buf.rw, .rx = buf.rx, .room = buf.size ? STUB_SIZE : 0};
}

struct code_span codebuf_span(void)
{
    struct code_region *r = &buf.region[buf.current];

    if (!r->rx)
        return (struct code_span){0};
    return (struct code_span){
        .rw = buf.rw + (r->rx - buf.rx) + r->used, .rx = r->rx + r->used, .room = r->size - r->used};
}

void *codebuf_data(unsigned region, size_t size, bool spare)
{
    struct code_region *r = &buf.region[region];
    size_t limit = spare ? r->data_size : r->data_size - r->data_size / SPARE_FRACTION;
    void *p;

    size = ALIGN_UP(size, (size_t)8);
    if (r->data_used > limit || size > limit - r->data_used)
        return NULL;
    p = r->data + r->data_used;
    r->data_used += size;
    return p;
}

size_t codebuf_data_room(void)
{
    const struct code_region *r = &buf.region[buf.current];
    size_t limit = r->data_size - r->data_size / SPARE_FRACTION;

    return r->data_used < limit ? limit - r->data_used : 0;
}

void codebuf_data_reset(size_t used)
{
    struct code_region *r = &buf.region[buf.current];

    memset(r->data + used, 0, r->data_used - used);
    r->data_used = used;
}

/* Pages of the writable view count for the process a second time; few of them are needed again. */
static void unmap_writable(size_t code)
{
    buf.since_unmap += code;
    if (buf.since_unmap < UNMAP_EVERY)
        return;
    buf.since_unmap = 0;
    madvise(buf.rw, buf.size, MADV_DONTNEED);
}

/* Finding by address starts from a page of code. */
static void index_start(struct code_region *r, uint32_t start)
{
    while (r->n_first <= start / FIND_PAGE) {
        __atomic_store_n(&r->first[r->n_first], r->n_tbs, __ATOMIC_RELAXED);
        __atomic_store_n(&r->n_first, r->n_first + 1, __ATOMIC_RELEASE);
    }
}

bool codebuf_add(struct tb *tb, size_t code)
{
    struct code_region *r = &buf.region[buf.current];

    if (r->n_tbs == r->max_tbs)
        return false;
    r->tbs[r->n_tbs] = tb_ref_to(tb);
    r->starts[r->n_tbs] = (uint32_t)((const uint8_t *)tb->code - r->rx);
    if (r->rx)
        index_start(r, r->starts[r->n_tbs]);
    __atomic_store_n(&r->n_tbs, r->n_tbs + 1, __ATOMIC_RELEASE);
    r->used += ALIGN_UP(code, (size_t)16);
    unmap_writable(code);
    if (r->used > r->size)
        r->used = r->size;
    return true;
}

void codebuf_advance(void)
{
    buf.current = (buf.current + 1) % CODE_REGIONS;
}

void codebuf_empty(unsigned region)
{
    struct code_region *r = &buf.region[region];

    __atomic_store_n(&r->n_tbs, 0, __ATOMIC_RELEASE);
    __atomic_fetch_add(&emptied, 1, __ATOMIC_RELEASE);
    r->n_first = 0;
    madvise(r->data, r->data_size, MADV_DONTNEED);
    r->data_used = 0;
    r->used = 0;
}

/* What this thread found lately: a loop that stores to a device asks for one place all the time. */
struct found {
    const void *rx;
    struct tb *tb;
    unsigned emptied;
};
static __thread struct found lately[16];

static struct tb *find_in_region(const struct code_region *r, const uint8_t *rx)
{
    uint32_t at = (uint32_t)(rx - r->rx);
    unsigned pages = __atomic_load_n(&r->n_first, __ATOMIC_ACQUIRE); /* before n_tbs */
    unsigned page = MIN(at / FIND_PAGE, MAX(pages, 1u) - 1);
    unsigned lo = __atomic_load_n(&r->first[page], __ATOMIC_RELAXED);
    unsigned hi = __atomic_load_n(&r->n_tbs, __ATOMIC_ACQUIRE);
    struct tb *tb;

    if (page + 1 < pages)
        hi = __atomic_load_n(&r->first[page + 1], __ATOMIC_RELAXED);
    if (lo)
        lo--; /* it may reach into the page */
    while (hi - lo > 1) {
        unsigned mid = lo + (hi - lo) / 2;

        if (r->starts[mid] <= at)
            lo = mid;
        else
            hi = mid;
    }
    if (hi == lo)
        return NULL;
    tb = tb_ref_ptr(r->tbs[lo]);
    return at - r->starts[lo] > tb->code_size ? NULL : tb;
}

struct tb *codebuf_find(const void *rx)
{
    size_t off = (const uint8_t *)rx - buf.rx, size = buf.region[0].size;
    struct found *f = &lately[off / 4 % ARRAY_SIZE(lately)];
    unsigned now = __atomic_load_n(&emptied, __ATOMIC_ACQUIRE);

    if (f->tb && f->rx == rx && f->emptied == now)
        return f->tb;
    if (!tb_code_contains(rx) || off < STUB_SIZE || (off - STUB_SIZE) / size >= CODE_REGIONS)
        return NULL;
    *f = (struct found){rx, find_in_region(&buf.region[(off - STUB_SIZE) / size], rx), now};
    return f->tb;
}

bool tb_code_contains(const void *rx)
{
    return (uintptr_t)rx - (uintptr_t)buf.rx < buf.size;
}

uint8_t *tb_code_rw(const void *rx)
{
    assert(tb_code_contains(rx));
    return buf.rw + ((const uint8_t *)rx - buf.rx);
}
