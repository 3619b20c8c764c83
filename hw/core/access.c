/* SPDX-License-Identifier: MIT */
/*
 * Accesses to an address space: RAM is copied, I/O is cut into pieces the
 * device accepts and handed to its handlers.
 *
 * An I/O access is not cut at the end of what is visible of a region but at the
 * end of the region: a dword access to port CF8h belongs to the register that
 * decodes CF8h although another device has CF9h, as on the bus.
 */
#include "hw/core/memory_int.h"

#include "hw/core/lock.h"
#include "util/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define BOUNCE_MAX KIB(64)

/* --- one access to a handler ---------------------------------------------- */

static unsigned limit_min(const struct mem_access_limits *l)
{
    return l->min ? l->min : 1;
}

static unsigned limit_max(const struct mem_access_limits *l)
{
    return l->max ? l->max : 8;
}

/* A read of an accepted size, in pieces the handlers implement. */
static uint64_t impl_read(const struct mem_region *mr, uint64_t off, unsigned size)
{
    unsigned min = limit_min(&mr->ops->impl), max = limit_max(&mr->ops->impl);
    uint64_t val = 0;

    if (size < min) {
        uint64_t base = ALIGN_DOWN(off, min);
        unsigned shift = (unsigned)(off - base) * 8;

        val = mr->ops->read(mr->opaque, base, min) >> shift;
        if (off + size > base + min)
            val |= impl_read(mr, base + min, (unsigned)(off + size - base - min))
                   << (min * 8 - shift);
    } else if (size > max) {
        for (unsigned i = 0; i < size; i += max)
            val |= (mr->ops->read(mr->opaque, off + i, max) & mask64(max * 8)) << (i * 8);
    } else {
        val = mr->ops->read(mr->opaque, off, size);
    }
    return val & mask64(size * 8);
}

/* Change `size` bytes of the unit of impl.min bytes that holds them. */
static void widened_write(const struct mem_region *mr, uint64_t off, uint64_t val, unsigned size,
                          unsigned min)
{
    uint64_t base = ALIGN_DOWN(off, min);
    unsigned shift = (unsigned)(off - base) * 8;
    unsigned here = MIN(size, (unsigned)(base + min - off));
    uint64_t mask = mask64(here * 8) << shift;
    uint64_t old = mr->ops->read(mr->opaque, base, min);

    mr->ops->write(mr->opaque, base, (old & ~mask) | (val << shift & mask), min);
    if (here < size)
        widened_write(mr, base + min, val >> (here * 8), size - here, min);
}

static void impl_write(const struct mem_region *mr, uint64_t off, uint64_t val, unsigned size)
{
    unsigned min = limit_min(&mr->ops->impl), max = limit_max(&mr->ops->impl);

    if (size < min) {
        widened_write(mr, off, val, size, min);
    } else if (size > max) {
        for (unsigned i = 0; i < size; i += max)
            mr->ops->write(mr->opaque, off + i, val >> (i * 8) & mask64(max * 8), max);
    } else {
        mr->ops->write(mr->opaque, off, val & mask64(size * 8), size);
    }
}

struct entry {
    bool taken, busy;
};

/*
 * Enter a region's handlers: take the lock if they want it, refuse to re-enter
 * a region whose handler is running (DMA a guest has aimed at the device that
 * does it).
 */
static bool region_enter(struct mem_region *mr, struct entry *e)
{
    e->taken = false;
    if (mr->ops->flags & MEM_OPS_LOCKLESS)
        return true;
    e->taken = device_lock_acquire();
    if (mr->busy && !(mr->ops->flags & MEM_OPS_REENTRANT)) {
        guest_error("device access to its own registers '%s' refused", mr->name);
        device_lock_restore(e->taken);
        return false;
    }
    e->busy = mr->busy;
    mr->busy = true;
    return true;
}

static void region_leave(struct mem_region *mr, const struct entry *e)
{
    if (!(mr->ops->flags & MEM_OPS_LOCKLESS))
        mr->busy = e->busy;
    device_lock_restore(e->taken);
}

/* How many bytes of an access at `gpa` go into one. */
static unsigned piece_size(const struct mem_region *mr, gpa_t gpa, uint64_t off, uint64_t len)
{
    const struct mem_access_limits *valid = &mr->ops->valid;
    uint64_t size = MIN(len, (uint64_t)limit_max(valid));

    size = MIN(size, mr->size - off);
    size = 1ull << (63 - __builtin_clzll(size));
    if (!valid->unaligned)
        size = MIN(size, (gpa | size) & -(gpa | size));
    return (unsigned)size;
}

static unsigned refuse(const struct mem_region *mr, uint64_t off, unsigned size)
{
    guest_error("%u byte access to '%s' at %#" PRIx64 " refused", size, mr->name, off);
    return MEM_RESULT_ERROR;
}

static unsigned io_read_piece(struct mem_region *mr, uint64_t off, uint64_t *val, unsigned size)
{
    struct entry e;

    *val = mask64(size * 8);
    if (size < limit_min(&mr->ops->valid) || !mr->ops->read)
        return refuse(mr, off, size);
    if (!region_enter(mr, &e))
        return MEM_RESULT_ERROR;
    *val = impl_read(mr, off, size);
    region_leave(mr, &e);
    return MEM_RESULT_OK;
}

static unsigned io_write_piece(struct mem_region *mr, uint64_t off, uint64_t val, unsigned size)
{
    struct entry e;

    if (size < limit_min(&mr->ops->valid) || !mr->ops->write)
        return refuse(mr, off, size);
    if (!region_enter(mr, &e))
        return MEM_RESULT_ERROR;
    impl_write(mr, off, val, size);
    region_leave(mr, &e);
    return MEM_RESULT_OK;
}

/* --- sections ------------------------------------------------------------- */

static void store_le(uint8_t *p, uint64_t v, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        p[i] = (uint8_t)(v >> (i * 8));
}

static uint64_t load_le(const uint8_t *p, unsigned size)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < size; i++)
        v |= (uint64_t)p[i] << (i * 8);
    return v;
}

/* Host memory as the CPU does it: powers of two in one access. */
static uint64_t host_load(const uint8_t *p, unsigned size)
{
    switch (size) {
    case 1:
        return *p;
    case 2:
        return ld_le16(p);
    case 4:
        return ld_le32(p);
    case 8:
        return ld_le64(p);
    default:
        return load_le(p, size);
    }
}

static void host_store(uint8_t *p, uint64_t v, unsigned size)
{
    switch (size) {
    case 1:
        *p = (uint8_t)v;
        break;
    case 2:
        st_le16(p, (uint16_t)v);
        break;
    case 4:
        st_le32(p, (uint32_t)v);
        break;
    case 8:
        st_le64(p, v);
        break;
    default:
        store_le(p, v, size);
    }
}

static unsigned hole(const struct mem_section *s, const char *what, uint64_t len)
{
    if (log_enabled(LOG_IOPORT))
        log_line("", "nobody answers a %s of %" PRIu64 " bytes at %#" PRIx64, what, len, s->gpa);
    return MEM_RESULT_DECODE;
}

/* Reads up to `len` bytes at the section into buf; how many in *done. */
static unsigned section_read(const struct mem_section *s, uint8_t *buf, uint64_t len,
                             uint64_t *done)
{
    uint64_t val;
    unsigned result;

    *done = MIN(len, s->len);
    if (!s->mr) {
        memset(buf, 0xff, *done);
        return hole(s, "read", *done);
    }
    if (s->flags & MEM_SEC_READ_HOST) {
        memcpy(buf, s->host, *done);
        return MEM_RESULT_OK;
    }
    *done = piece_size(s->mr, s->gpa, s->offset, len);
    result = io_read_piece(s->mr, s->offset, &val, (unsigned)*done);
    store_le(buf, val, (unsigned)*done);
    return result;
}

static unsigned section_write(const struct mem_section *s, const uint8_t *buf, uint64_t len,
                              uint64_t *done)
{
    *done = MIN(len, s->len);
    if (!s->mr)
        return hole(s, "write", *done);
    if (s->flags & MEM_SEC_ROM)
        return MEM_RESULT_OK;
    if (s->flags & MEM_SEC_WRITE_HOST) {
        memcpy(s->host, buf, *done);
        dirty_mark(s->ram, *done);
        return MEM_RESULT_OK;
    }
    *done = piece_size(s->mr, s->gpa, s->offset, len);
    return io_write_piece(s->mr, s->offset, load_le(buf, (unsigned)*done), (unsigned)*done);
}

/* The section `off` bytes further on. */
static struct mem_section section_at(const struct mem_section *section, uint64_t off)
{
    struct mem_section s = *section;

    s.gpa += off;
    s.offset += off;
    s.len -= MIN(off, s.len - 1);
    if (s.host) {
        s.host += off;
        s.ram += off;
    }
    return s;
}

/* The usual access of a CPU to a register: all of it in one call of a handler. */
static bool is_one_piece(const struct mem_section *s, uint64_t off, unsigned size)
{
    const unsigned memory = MEM_SEC_READ_HOST | MEM_SEC_WRITE_HOST | MEM_SEC_ROM;

    return s->mr && !(s->flags & memory) &&
           piece_size(s->mr, s->gpa + off, s->offset + off, size) == size;
}

unsigned mem_section_read(const struct mem_section *section, uint64_t off, uint64_t *val,
                          unsigned size)
{
    struct mem_section s;
    unsigned result = MEM_RESULT_OK;
    uint8_t buf[8];
    uint64_t done;

    assert(size && size <= 8 && range_fits(off, size, section->len));
    if (likely(is_one_piece(section, off, size)))
        return io_read_piece(section->mr, section->offset + off, val, size);
    s = section_at(section, off);
    if (s.flags & MEM_SEC_READ_HOST) {
        *val = host_load(s.host, size);
        return result;
    }
    for (uint64_t i = 0; i < size; i += done) {
        result |= section_read(&s, buf + i, size - i, &done);
        s = section_at(&s, done);
    }
    *val = load_le(buf, size);
    return result;
}

unsigned mem_section_write(const struct mem_section *section, uint64_t off, uint64_t val,
                           unsigned size)
{
    struct mem_section s;
    unsigned result = MEM_RESULT_OK;
    uint8_t buf[8];
    uint64_t done;

    assert(size && size <= 8 && range_fits(off, size, section->len));
    if (likely(is_one_piece(section, off, size)))
        return io_write_piece(section->mr, section->offset + off, val, size);
    s = section_at(section, off);
    if (s.flags & MEM_SEC_WRITE_HOST) {
        host_store(s.host, val, size);
        dirty_mark(s.ram, size);
        return result;
    }
    store_le(buf, val, size);
    for (uint64_t i = 0; i < size; i += done) {
        result |= section_write(&s, buf + i, size - i, &done);
        s = section_at(&s, done);
    }
    return result;
}

/* --- address spaces ------------------------------------------------------- */

unsigned addr_space_read(struct addr_space *as, gpa_t gpa, void *buf, uint64_t len)
{
    unsigned result = MEM_RESULT_OK;
    struct mem_section s;
    uint64_t done;
    uint8_t *p = buf;

    for (; len; len -= done, p += done, gpa += done) {
        mem_lookup(as, gpa, &s);
        result |= section_read(&s, p, len, &done);
    }
    return result;
}

unsigned addr_space_write(struct addr_space *as, gpa_t gpa, const void *buf, uint64_t len)
{
    unsigned result = MEM_RESULT_OK;
    struct mem_section s;
    uint64_t done;
    const uint8_t *p = buf;

    for (; len; len -= done, p += done, gpa += done) {
        mem_lookup(as, gpa, &s);
        result |= section_write(&s, p, len, &done);
    }
    return result;
}

unsigned addr_space_set(struct addr_space *as, gpa_t gpa, uint8_t byte, uint64_t len)
{
    unsigned result = MEM_RESULT_OK;
    uint8_t buf[4096];
    uint64_t n;

    memset(buf, byte, sizeof(buf));
    for (; len; len -= n, gpa += n) {
        n = MIN(len, (uint64_t)sizeof(buf));
        result |= addr_space_write(as, gpa, buf, n);
    }
    return result;
}

unsigned addr_space_write_rom(struct addr_space *as, gpa_t gpa, const void *buf, uint64_t len)
{
    unsigned result = MEM_RESULT_OK;
    struct mem_section s;
    const uint8_t *p = buf;
    uint64_t n;

    for (; len; len -= n, p += n, gpa += n) {
        if (!mem_lookup(as, gpa, &s))
            result |= MEM_RESULT_DECODE;
        n = MIN(len, s.len);
        if (s.host) {
            memcpy(s.host, p, n);
            dirty_mark(s.ram, n);
        }
    }
    return result;
}

/* A load of 1, 2, 4 or 8 bytes; crossing a seam goes the long way. */
static uint64_t load(struct addr_space *as, gpa_t gpa, unsigned size)
{
    struct mem_section s;
    uint8_t buf[8];

    mem_lookup(as, gpa, &s);
    if (likely((s.flags & MEM_SEC_READ_HOST) && s.len >= size))
        return host_load(s.host, size);
    addr_space_read(as, gpa, buf, size);
    return load_le(buf, size);
}

static void store(struct addr_space *as, gpa_t gpa, uint64_t val, unsigned size)
{
    struct mem_section s;
    uint8_t buf[8];

    mem_lookup(as, gpa, &s);
    if (likely((s.flags & MEM_SEC_WRITE_HOST) && s.len >= size)) {
        host_store(s.host, val, size);
        dirty_mark(s.ram, size);
        return;
    }
    store_le(buf, val, size);
    addr_space_write(as, gpa, buf, size);
}

uint8_t addr_space_ldub(struct addr_space *as, gpa_t gpa)
{
    return (uint8_t)load(as, gpa, 1);
}

uint16_t addr_space_lduw_le(struct addr_space *as, gpa_t gpa)
{
    return (uint16_t)load(as, gpa, 2);
}

uint32_t addr_space_ldl_le(struct addr_space *as, gpa_t gpa)
{
    return (uint32_t)load(as, gpa, 4);
}

uint64_t addr_space_ldq_le(struct addr_space *as, gpa_t gpa)
{
    return load(as, gpa, 8);
}

uint16_t addr_space_lduw_be(struct addr_space *as, gpa_t gpa)
{
    return bswap16((uint16_t)load(as, gpa, 2));
}

uint32_t addr_space_ldl_be(struct addr_space *as, gpa_t gpa)
{
    return bswap32((uint32_t)load(as, gpa, 4));
}

uint64_t addr_space_ldq_be(struct addr_space *as, gpa_t gpa)
{
    return bswap64(load(as, gpa, 8));
}

void addr_space_stb(struct addr_space *as, gpa_t gpa, uint8_t val)
{
    store(as, gpa, val, 1);
}

void addr_space_stw_le(struct addr_space *as, gpa_t gpa, uint16_t val)
{
    store(as, gpa, val, 2);
}

void addr_space_stl_le(struct addr_space *as, gpa_t gpa, uint32_t val)
{
    store(as, gpa, val, 4);
}

void addr_space_stq_le(struct addr_space *as, gpa_t gpa, uint64_t val)
{
    store(as, gpa, val, 8);
}

void addr_space_stw_be(struct addr_space *as, gpa_t gpa, uint16_t val)
{
    store(as, gpa, bswap16(val), 2);
}

void addr_space_stl_be(struct addr_space *as, gpa_t gpa, uint32_t val)
{
    store(as, gpa, bswap32(val), 4);
}

void addr_space_stq_be(struct addr_space *as, gpa_t gpa, uint64_t val)
{
    store(as, gpa, bswap64(val), 8);
}

/* --- ports ---------------------------------------------------------------- */

/* Bytes that would pass FFFFh wrap to port 0. */
static uint32_t wrapped_read(uint16_t port, unsigned size)
{
    uint32_t val = 0;

    for (unsigned i = 0; i < size; i++)
        val |= (uint32_t)load(&as_io, (uint16_t)(port + i), 1) << (i * 8);
    return val;
}

static void wrapped_write(uint16_t port, uint32_t val, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        store(&as_io, (uint16_t)(port + i), val >> (i * 8) & 0xff, 1);
}

uint32_t io_port_read(uint16_t port, unsigned size)
{
    struct mem_section s;
    uint64_t val;

    if (port + size > 0x10000)
        return wrapped_read(port, size);
    mem_lookup(&as_io, port, &s);
    if (unlikely(!is_one_piece(&s, 0, size)))
        return (uint32_t)load(&as_io, port, size);
    io_read_piece(s.mr, s.offset, &val, size);
    return (uint32_t)val;
}

void io_port_write(uint16_t port, uint32_t val, unsigned size)
{
    struct mem_section s;

    if (port + size > 0x10000) {
        wrapped_write(port, val, size);
        return;
    }
    mem_lookup(&as_io, port, &s);
    if (likely(is_one_piece(&s, 0, size)))
        io_write_piece(s.mr, s.offset, val, size);
    else
        store(&as_io, port, val, size);
}

/* As many as the device hands over at once; 0: it does it one by one. */
static uint64_t read_fifo(uint16_t port, unsigned size, uint8_t *buf, uint64_t count)
{
    struct mem_section s;
    struct entry e;

    mem_lookup(&as_io, port, &s);
    if (!s.mr || s.mr->kind != MEM_IO || !s.mr->ops->read_fifo || s.len < size ||
        size < limit_min(&s.mr->ops->impl) || size > limit_max(&s.mr->ops->impl) ||
        piece_size(s.mr, port, s.offset, size) != size || !region_enter(s.mr, &e))
        return 0;
    count = s.mr->ops->read_fifo(s.mr->opaque, s.offset, size, buf, count);
    region_leave(s.mr, &e);
    return count;
}

void io_port_read_string(uint16_t port, unsigned size, uint8_t *buf, uint64_t count)
{
    while (count) {
        uint64_t n = read_fifo(port, size, buf, count);

        if (!n) {
            store_le(buf, io_port_read(port, size), size);
            n = 1;
        }
        buf += n * size;
        count -= n;
    }
}

/* --- DMA mappings --------------------------------------------------------- */

static int map_bounce(struct mem_mapping *m, uint64_t len)
{
    m->len = MIN(len, BOUNCE_MAX);
    m->ram = RAM_ADDR_NONE;
    m->host = malloc(m->len);
    if (!m->host)
        return -ENOMEM;
    if (m->write)
        memset(m->host, 0, m->len);
    else
        addr_space_read(m->as, m->gpa, m->host, m->len);
    return 0;
}

int addr_space_map(struct addr_space *as, gpa_t gpa, uint64_t len, bool write,
                   struct mem_mapping *m)
{
    struct mem_section s;

    if (!len)
        return -EINVAL;
    if (!mem_lookup(as, gpa, &s))
        return -EFAULT;
    m->gpa = gpa;
    m->as = as;
    m->write = write;
    if (!(s.flags & (write ? MEM_SEC_WRITE_HOST : MEM_SEC_READ_HOST)))
        return map_bounce(m, MIN(len, s.len));
    m->host = s.host;
    m->ram = s.ram;
    m->len = MIN(len, s.len);
    return 0;
}

void addr_space_unmap(struct mem_mapping *m, uint64_t accessed)
{
    assert(accessed <= m->len);
    if (m->ram == RAM_ADDR_NONE) {
        if (m->write)
            addr_space_write(m->as, m->gpa, m->host, accessed);
        free(m->host);
    } else if (m->write && accessed) {
        dirty_mark(m->ram, accessed);
    }
    m->host = NULL;
    m->len = 0;
}
