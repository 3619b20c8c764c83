/* SPDX-License-Identifier: MIT */
/*
 * The soft TLB's slow side: page walks, second level, MMIO, page crossings, stores that must be
 * noticed, flushes. See softtlb.h for the contract and softtlb_l2.h for the second level.
 */
#include "translator/softtlb_l2.h"

#include "hw/core/memory.h"
#include "translator/backend.h"
#include "translator/exec.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE_MASK (~(uint64_t)(SOFTTLB_PAGE - 1))

uint32_t *softtlb_tracked;
static size_t tracked_size; /* bytes */
static pthread_mutex_t track_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t next_gen = 1;

static uint64_t new_gen(void)
{
    return __atomic_fetch_add(&next_gen, 1, __ATOMIC_RELAXED);
}

static unsigned in_page(gva_t addr)
{
    return addr & (SOFTTLB_PAGE - 1);
}

static bool crosses_page(gva_t addr, unsigned size)
{
    return in_page(addr) + size > SOFTTLB_PAGE;
}

/* --- stores that must be noticed ----------------------------------------------- */

static __thread bool removed_remote;

bool softtlb_removed_remote(void)
{
    bool was = removed_remote;

    removed_remote = false;
    return was;
}

static unsigned remove_from_set(struct softtlb_set *set, uintptr_t host, uint64_t len)
{
    unsigned found = 0;

    for (unsigned i = 0; i < SOFTTLB_ENTRIES; i++) {
        struct softtlb_entry *e = &set->wr[i];

        if (__atomic_load_n(&e->host, __ATOMIC_RELAXED) - host >= len ||
            __atomic_load_n(&e->tag, __ATOMIC_ACQUIRE) == softtlb_empty_tag(i))
            continue;
        __atomic_store_n(&e->tag, softtlb_empty_tag(i), __ATOMIC_RELAXED);
        found++;
    }
    return found;
}

/* After the tables: an entry displaced meanwhile is here then. */
static unsigned find_victims(const struct softtlb_l2 *l2, uintptr_t host, uint64_t len)
{
    unsigned found = 0;

    for (unsigned i = 0; i < SOFTTLB_VICTIMS; i++) {
        uint64_t victim = __atomic_load_n(&l2->victims[i], __ATOMIC_RELAXED);

        found += victim && victim - host < len;
    }
    return found;
}

/* Was one of the pages not tracked before? */
static bool track(ram_addr_t first, uint64_t pages)
{
    static uint32_t number;
    bool new = false;

    pthread_mutex_lock(&track_lock);
    number += number == UINT32_MAX ? 2 : 1;
    for (uint64_t p = first >> 12; pages--; p++)
        new |= !__atomic_exchange_n(&softtlb_tracked[p], number, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&track_lock);
    return new;
}

void softtlb_remove_write(ram_addr_t addr, uint64_t len)
{
    ram_addr_t first = addr & PAGE_MASK;
    struct vcpu *self = exec_current();

    len = ALIGN_UP(addr + len, (uint64_t)SOFTTLB_PAGE) - first;
    if (!track(first, len >> 12)) { /* whoever did before us may not have waited */
        removed_remote |= exec_n_vcpus > (self ? 1 : 0);
        return;
    }
    full_fence();
    for (unsigned n = 0; n < exec_vcpu_count(); n++) {
        struct vcpu *cpu = exec_vcpu(n);
        unsigned found = 0;

        for (unsigned s = 0; cpu && s < SOFTTLB_SETS; s++)
            found += remove_from_set(&cpu->tlb[s], (uintptr_t)ram_ptr(first), len);
        if (cpu)
            found += find_victims(cpu->tlb2, (uintptr_t)ram_ptr(first), len);
        if (found && cpu != self)
            removed_remote = true;
    }
}

/* --- filling ------------------------------------------------------------------------ */

static unsigned large_level(unsigned span_bits)
{
    return span_bits <= 21 ? 0 : span_bits <= 22 ? 1 : 2;
}

static unsigned large_hash(gva_t addr, unsigned span_bits)
{
    return ((addr >> span_bits) * 0x9e3779b97f4a7c15u) >> 54;
}

static void note_large(struct softtlb_l2 *l2, gva_t addr, unsigned span_bits)
{
    unsigned bits = span_bits <= 21 ? 21 : span_bits <= 22 ? 22 : 30;
    unsigned h = large_hash(addr, bits);

    if (span_bits > 12)
        l2->large[large_level(bits)][h / 64] |= BIT(h % 64);
}

static unsigned span_log2(uint64_t span)
{
    return span <= SOFTTLB_PAGE ? 12 : 63 - __builtin_clzll(span);
}

/* What all of a page is. */
static void show_section(struct l2_entry *e, const struct mem_section *sec)
{
    if (sec->flags & MEM_SEC_READ_HOST) {
        e->host = sec->host;
        e->ram = sec->ram;
        e->rom = !(sec->flags & MEM_SEC_WRITE_HOST);
    } else if (sec->mr && sec->mr->kind == MEM_IO) {
        e->device = sec->mr;
        e->device_off = sec->offset;
    }
}

static void l2_fill(struct vcpu *cpu, struct l2_entry *e, gva_t addr, unsigned mmu_idx,
                    const struct tlb_walk *w)
{
    struct softtlb_l2 *l2 = cpu->tlb2;
    struct mem_section sec;
    bool global = w->global && mmu_idx != TLB_USER;
    unsigned views = __atomic_load_n(&mem_generation, __ATOMIC_SEQ_CST);

    mem_lookup(frontend->as(cpu), w->gpa & PAGE_MASK, &sec);
    *e = (struct l2_entry){
        .tag = (addr & PAGE_MASK) | mmu_idx,
        .gen = global ? l2->global_gen : l2->space_gen,
        .gpa = w->gpa & PAGE_MASK,
        .perms = (w->read ? L2_READ : 0) | (w->write ? L2_WRITE : 0),
        .span_bits = span_log2(w->span),
        .watched = w->watched,
        .views = views,
    };
    if (!w->watched && sec.len >= SOFTTLB_PAGE)
        show_section(e, &sec);
    note_large(l2, addr, e->span_bits);
}

/* The entry that allows the access. Raises, or with probe_only returns NULL. */
static struct l2_entry *l2_get(struct vcpu *cpu, gva_t addr, enum tlb_access a, unsigned mmu_idx,
                               unsigned memflags, bool probe_only)
{
    struct softtlb_l2 *l2 = cpu->tlb2;
    struct l2_entry *e = l2_slot(l2, addr, mmu_idx);
    struct tlb_walk w = {0};

    if (l2_match(l2, e, addr, mmu_idx) && e->perms & (a == TLB_WRITE ? L2_WRITE : L2_READ))
        return e;
    l2->stats.walks++;
    if (frontend->walk(cpu, addr, a, mmu_idx, memflags, probe_only, &w))
        return NULL;
    l2_fill(cpu, e, addr, mmu_idx, &w);
    return e;
}

/* Into the first level if the access may go there. */
static void *l1_fill(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, enum tlb_access a,
                     unsigned mmu_idx)
{
    if (!e->host || (a == TLB_WRITE && e->rom))
        return NULL;
    cpu->tlb2->stats.refills++;
    return softtlb_fill_l1(cpu, e, addr, a, mmu_idx);
}

static void *l1_hit(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a, unsigned mmu_idx)
{
    struct softtlb_set *set = &cpu->tlb[mmu_idx];
    unsigned i = addr >> 12 & (SOFTTLB_ENTRIES - 1);
    struct softtlb_entry *e = a == TLB_WRITE ? &set->wr[i] : &set->rd[i];
    uint64_t t = addr ^ __atomic_load_n(&e->tag, __ATOMIC_RELAXED);

    if (t > SOFTTLB_PAGE - size)
        return NULL;
    return (void *)(uintptr_t)(t + __atomic_load_n(&e->host, __ATOMIC_RELAXED));
}

static void check_align(struct vcpu *cpu, gva_t addr, unsigned size, unsigned memflags)
{
    if (unlikely(memflags & IR_MEM_ALIGN && addr & (size - 1)))
        exec_host_fault(cpu, SIGSEGV, 0);
}

void *softtlb_refill(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a,
                     unsigned mmu_idx, unsigned memflags)
{
    check_align(cpu, addr, size, memflags);
    if (crosses_page(addr, size))
        return NULL;
    return l1_fill(cpu, l2_get(cpu, addr, a, mmu_idx, memflags, false), addr, a, mmu_idx);
}

/* A page that is not dirty yet is left to the store itself. */
void *softtlb_refill_window(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a, unsigned mmu_idx)
{
    struct l2_entry *e = crosses_page(addr, size) ? NULL : l2_get(cpu, addr, TLB_READ, mmu_idx, 0, true);

    if (!e || (a == TLB_WRITE && !(e->perms & L2_WRITE)))
        return NULL;
    return l1_fill(cpu, e, addr, a, mmu_idx);
}

bool softtlb_is_io(struct vcpu *cpu, gva_t addr, unsigned size, unsigned mmu_idx, unsigned memflags)
{
    for (gva_t page = addr & PAGE_MASK; page - (addr & PAGE_MASK) < in_page(addr) + size; page += SOFTTLB_PAGE)
        if (!l2_get(cpu, page, TLB_WRITE, mmu_idx, memflags, false)->host)
            return true;
    return false;
}

void *softtlb_probe(struct vcpu *cpu, gva_t addr, unsigned size, enum tlb_access a,
                    unsigned mmu_idx, unsigned memflags)
{
    bool crosses = crosses_page(addr, size);
    void *host;

    check_align(cpu, addr, size, memflags);
    host = crosses ? NULL : l1_hit(cpu, addr, size, a, mmu_idx);
    if (host)
        return host;
    if (crosses && frontend->check_crossing)
        frontend->check_crossing(cpu, addr, size, memflags);
    host = l1_fill(cpu, l2_get(cpu, addr, a, mmu_idx, memflags, false), addr, a, mmu_idx);
    if (!crosses)
        return host;
    for (gva_t next = (addr & PAGE_MASK) + SOFTTLB_PAGE; next - addr < size; next += SOFTTLB_PAGE)
        l2_get(cpu, next, a, mmu_idx, memflags, false);
    return NULL;
}

/* --- loads ---------------------------------------------------------------------------- */

static guest_race uint64_t host_load(const void *p, unsigned size)
{
    switch (size) {
    case 1:
        return *(const uint8_t *)p;
    case 2:
        return *(const uint16_t *)p;
    case 4:
        return *(const uint32_t *)p;
    default:
        return *(const uint64_t *)p;
    }
}

static guest_race void host_store(void *p, uint64_t val, unsigned size)
{
    switch (size) {
    case 1:
        *(uint8_t *)p = val;
        break;
    case 2:
        *(uint16_t *)p = val;
        break;
    case 4:
        *(uint32_t *)p = val;
        break;
    default:
        *(uint64_t *)p = val;
    }
}

static void report(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, unsigned size, bool write)
{
    if (unlikely(e->watched))
        frontend->watch(cpu, addr, size, write);
}

/* What is at an address of a device or hole. */
static void find_section(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, struct mem_section *sec)
{
    unsigned off = in_page(addr);

    if (likely(e->device && e->views == __atomic_load_n(&mem_generation, __ATOMIC_SEQ_CST)))
        *sec = (struct mem_section){.mr = e->device,
                                    .ram = RAM_ADDR_NONE,
                                    .gpa = e->gpa | off,
                                    .offset = e->device_off + off,
                                    .len = SOFTTLB_PAGE - off};
    else
        mem_lookup(frontend->as(cpu), e->gpa | off, sec);
}

static uint64_t io_load(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, unsigned size)
{
    struct mem_section sec;
    uint64_t val = 0;
    gpa_t gpa = e->gpa | in_page(addr);

    report(cpu, e, addr, size, false);
    cpu->tlb2->stats.mmio++;
    find_section(cpu, e, addr, &sec);
    if (sec.len >= size)
        mem_section_read(&sec, 0, &val, size);
    else
        addr_space_read(frontend->as(cpu), gpa, &val, size);
    return val;
}

static uint64_t load_crossing(struct vcpu *cpu, gva_t addr, unsigned size, unsigned mmu_idx,
                              unsigned memflags)
{
    uint8_t buf[8] = {0};

    softtlb_read(cpu, addr, buf, size, mmu_idx, memflags & ~(unsigned)IR_MEM_ALIGN);
    return ld_le64(buf);
}

void *softtlb_miss_load(struct vcpu *cpu, gva_t addr, uint64_t *val, unsigned size, unsigned mmu_idx,
                        unsigned memflags)
{
    struct l2_entry *e;
    void *host;

    check_align(cpu, addr, size, memflags);
    if (crosses_page(addr, size)) {
        *val = load_crossing(cpu, addr, size, mmu_idx, memflags);
        return NULL;
    }
    e = l2_get(cpu, addr, TLB_READ, mmu_idx, memflags, false);
    host = l1_fill(cpu, e, addr, TLB_READ, mmu_idx);
    if (!host)
        *val = io_load(cpu, e, addr, size);
    return host;
}

uint64_t softtlb_load(struct vcpu *cpu, gva_t addr, unsigned size, unsigned mmu_idx,
                      unsigned memflags)
{
    uint64_t val;
    void *host;

    check_align(cpu, addr, size, memflags);
    host = l1_hit(cpu, addr, size, TLB_READ, mmu_idx);
    if (!host)
        host = softtlb_miss_load(cpu, addr, &val, size, mmu_idx, memflags);
    return host ? host_load(host, size) : val;
}

/* --- stores ----------------------------------------------------------------------------- */

/* A store into the bytes of the running block must not run on in stale code. */
static void check_own_code(struct vcpu *cpu, ram_addr_t ram, unsigned len)
{
    struct tb *tb = backend->current(cpu);

    if (tb && !(tb->variant & TBV_ONE_INSN) && tb_overlaps(tb, ram, len))
        exec_retry_insn(cpu);
}

/* A store of up to a page's rest into one page, by the slow way; checked for permission. */
static void store_slow(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, const void *buf,
                       unsigned len)
{
    ram_addr_t ram = e->ram + in_page(addr);

    if (!e->host || e->rom) {
        report(cpu, e, addr, len, true);
        cpu->tlb2->stats.mmio++;
        addr_space_write(frontend->as(cpu), e->gpa | in_page(addr), buf, len);
        return;
    }
    cpu->tlb2->stats.slow_stores++;
    if (tb_page_has_code(ram))
        check_own_code(cpu, ram, len);
    if (is_pow2(len) && len <= 8)
        host_store(e->host + in_page(addr), len == 8 ? ld_le64(buf) : len == 4 ? ld_le32(buf) : len == 2 ? ld_le16(buf) : *(const uint8_t *)buf, len);
    else
        softtlb_copy(e->host + in_page(addr), buf, len);
    dirty_mark_cpu(ram, len);
    tb_invalidate_ram(ram, len);
    softtlb_untrack(ram & PAGE_MASK);
}

static void io_store(struct vcpu *cpu, const struct l2_entry *e, gva_t addr, uint64_t val,
                     unsigned size)
{
    struct mem_section sec;
    gpa_t gpa = e->gpa | in_page(addr);

    report(cpu, e, addr, size, true);
    cpu->tlb2->stats.mmio++;
    find_section(cpu, e, addr, &sec);
    if (sec.len >= size)
        mem_section_write(&sec, 0, val & mask64(size * 8), size);
    else
        addr_space_write(frontend->as(cpu), gpa, &val, size);
}

static void store_crossing(struct vcpu *cpu, gva_t addr, uint64_t val, unsigned size, unsigned mmu_idx,
                           unsigned memflags, bool same_map)
{
    if (same_map) {
        softtlb_probe_store(cpu, addr, size, mmu_idx, memflags);
        if (softtlb_is_io(cpu, addr, size, mmu_idx, memflags))
            exec_retry_unshared(cpu);
    }
    softtlb_write(cpu, addr, &val, size, mmu_idx, memflags & ~(unsigned)IR_MEM_ALIGN);
}

void *softtlb_miss_store(struct vcpu *cpu, gva_t addr, uint64_t val, unsigned size, unsigned mmu_idx,
                         unsigned memflags, bool same_map)
{
    struct l2_entry *e;
    void *host;

    check_align(cpu, addr, size, memflags);
    if (crosses_page(addr, size)) {
        store_crossing(cpu, addr, val, size, mmu_idx, memflags, same_map);
        return NULL;
    }
    e = l2_get(cpu, addr, TLB_WRITE, mmu_idx, memflags, false);
    host = l1_fill(cpu, e, addr, TLB_WRITE, mmu_idx);
    if (host)
        return host;
    if (e->host && !e->rom) {
        store_slow(cpu, e, addr, &val, size);
    } else {
        if (same_map)
            exec_retry_unshared(cpu);
        io_store(cpu, e, addr, val, size);
    }
    return NULL;
}

void softtlb_store(struct vcpu *cpu, gva_t addr, uint64_t val, unsigned size, unsigned mmu_idx,
                   unsigned memflags)
{
    void *host;

    check_align(cpu, addr, size, memflags);
    host = l1_hit(cpu, addr, size, TLB_WRITE, mmu_idx);
    if (!host)
        host = softtlb_miss_store(cpu, addr, val, size, mmu_idx, memflags, false);
    if (host)
        host_store(host, val, size);
}

/* --- byte ranges -------------------------------------------------------------------------- */

void softtlb_read(struct vcpu *cpu, gva_t addr, void *buf, unsigned len, unsigned mmu_idx,
                  unsigned memflags)
{
    uint8_t *p = buf;

    if (!len)
        return;
    softtlb_probe(cpu, addr, len, TLB_READ, mmu_idx, memflags);
    while (len) {
        unsigned n = MIN(len, SOFTTLB_PAGE - in_page(addr));
        struct l2_entry *e = l2_get(cpu, addr, TLB_READ, mmu_idx, memflags, false);

        report(cpu, e, addr, n, false);
        if (e->host)
            softtlb_copy(p, e->host + in_page(addr), n);
        else
            addr_space_read(frontend->as(cpu), e->gpa | in_page(addr), p, n);
        p += n;
        addr += n;
        len -= n;
    }
}

static void write_piece(struct vcpu *cpu, gva_t addr, const void *buf, unsigned n,
                        unsigned mmu_idx, unsigned memflags)
{
    struct l2_entry *e = l2_get(cpu, addr, TLB_WRITE, mmu_idx, memflags, false);
    void *host = l1_fill(cpu, e, addr, TLB_WRITE, mmu_idx);

    if (host)
        softtlb_copy(host, buf, n);
    else
        store_slow(cpu, e, addr, buf, n);
}

/* The running block must be left before the first byte is written, so look at all pages first. */
static void probe_store_piece(struct vcpu *cpu, gva_t addr, unsigned len, unsigned mmu_idx,
                              unsigned memflags)
{
    const struct l2_entry *e = l2_get(cpu, addr, TLB_WRITE, mmu_idx, memflags, false);

    if (e->host && !e->rom && tb_page_has_code(e->ram))
        check_own_code(cpu, e->ram + in_page(addr), len);
}

/* Within a page its entry says all there is to say. */
void softtlb_probe_store(struct vcpu *cpu, gva_t addr, unsigned len, unsigned mmu_idx,
                         unsigned memflags)
{
    if (!crosses_page(addr, len))
        check_align(cpu, addr, len, memflags);
    else
        softtlb_probe(cpu, addr, len, TLB_WRITE, mmu_idx, memflags);
    for (gva_t a = addr; len;) {
        unsigned n = MIN(len, SOFTTLB_PAGE - in_page(a));

        probe_store_piece(cpu, a, n, mmu_idx, memflags);
        a += n;
        len -= n;
    }
}

void softtlb_write(struct vcpu *cpu, gva_t addr, const void *buf, unsigned len, unsigned mmu_idx,
                   unsigned memflags)
{
    const uint8_t *p = buf;

    if (!len)
        return;
    softtlb_probe_store(cpu, addr, len, mmu_idx, memflags);
    while (len) {
        unsigned n = MIN(len, SOFTTLB_PAGE - in_page(addr));

        write_piece(cpu, addr, p, n, mmu_idx, memflags & ~(unsigned)IR_MEM_ALIGN);
        p += n;
        addr += n;
        len -= n;
    }
}

/* --- atomic accesses ------------------------------------------------------------------------ */

void *softtlb_atomic(struct vcpu *cpu, gva_t addr, unsigned size, unsigned mmu_idx,
                     unsigned memflags)
{
    void *host = softtlb_probe(cpu, addr, size, TLB_WRITE, mmu_idx, memflags);

    if (host && ((uintptr_t)host & 63) + size <= 64)
        return host;
    if (!exec_is_exclusive(cpu) && exec_n_vcpus > 1)
        exec_retry_exclusive(cpu);
    return NULL;
}

/* --- flushes ---------------------------------------------------------------------------------- */

static void flush_l1_map(struct softtlb_entry *table, struct l1_map *map, bool nonglobal_only)
{
    for (unsigned w = 0; w < L1_WORDS; w++) {
        uint64_t bits = nonglobal_only ? map->nonglobal[w] : map->used[w];

        map->used[w] &= ~bits;
        map->nonglobal[w] = 0;
        for (; bits; bits &= bits - 1) {
            unsigned i = w * 64 + __builtin_ctzll(bits);

            __atomic_store_n(&table[i].tag, softtlb_empty_tag(i), __ATOMIC_RELAXED);
        }
    }
}

static void flush_l1(struct vcpu *cpu, bool nonglobal_only)
{
    struct softtlb_l2 *l2 = cpu->tlb2;

    l2->stats.flushes++;
    for (unsigned s = 0; s < SOFTTLB_SETS; s++) {
        flush_l1_map(cpu->tlb[s].rd, &l2->rd[s], nonglobal_only);
        flush_l1_map(cpu->tlb[s].wr, &l2->wr[s], nonglobal_only);
    }
}

void softtlb_set_space(struct vcpu *cpu, unsigned space, bool flush)
{
    struct softtlb_l2 *l2 = cpu->tlb2;

    space %= SOFTTLB_SPACES;
    if (flush || !l2->space_gens[space])
        l2->space_gens[space] = new_gen();
    if (l2->space == space && l2->space_gen == l2->space_gens[space])
        return;
    l2->space = space;
    l2->space_gen = l2->space_gens[space];
    flush_l1(cpu, true);
}

void softtlb_flush_space(struct vcpu *cpu, unsigned space)
{
    if (space == cpu->tlb2->space)
        softtlb_flush_nonglobal(cpu);
    else
        cpu->tlb2->space_gens[space % SOFTTLB_SPACES] = 0;
}

void softtlb_flush_nonglobal(struct vcpu *cpu)
{
    softtlb_set_space(cpu, cpu->tlb2->space, true);
}

void softtlb_flush_all(struct vcpu *cpu)
{
    struct softtlb_l2 *l2 = cpu->tlb2;

    memset(l2->space_gens, 0, sizeof(l2->space_gens));
    memset(l2->large, 0, sizeof(l2->large));
    l2->global_gen = new_gen();
    l2->space_gen = l2->space_gens[l2->space] = new_gen();
    flush_l1(cpu, false);
}

static void drop_l1_entry(struct softtlb_entry *table, unsigned i, gva_t addr, unsigned span_bits)
{
    if (table[i].tag != softtlb_empty_tag(i) && !((table[i].tag ^ addr) >> span_bits))
        __atomic_store_n(&table[i].tag, softtlb_empty_tag(i), __ATOMIC_RELAXED);
}

/* All pieces of the large page around addr. */
static void flush_large(struct vcpu *cpu, gva_t addr, unsigned span_bits)
{
    struct softtlb_l2 *l2 = cpu->tlb2;

    for (unsigned i = 0; i < L2_ENTRIES; i++) {
        struct l2_entry *e = &l2->entry[i];

        if (e->tag != UINT64_MAX && !((e->tag ^ addr) >> span_bits))
            e->tag = UINT64_MAX;
    }
    for (unsigned s = 0; s < SOFTTLB_SETS; s++)
        for (unsigned i = 0; i < SOFTTLB_ENTRIES; i++) {
            drop_l1_entry(cpu->tlb[s].rd, i, addr, span_bits);
            drop_l1_entry(cpu->tlb[s].wr, i, addr, span_bits);
        }
}

static void flush_small(struct vcpu *cpu, gva_t addr)
{
    unsigned i = addr >> 12 & (SOFTTLB_ENTRIES - 1);

    for (unsigned s = 0; s < SOFTTLB_SETS; s++) {
        struct l2_entry *e = l2_slot(cpu->tlb2, addr, s);

        if (l2_match(cpu->tlb2, e, addr, s))
            e->tag = UINT64_MAX;
        drop_l1_entry(cpu->tlb[s].rd, i, addr, 12);
        drop_l1_entry(cpu->tlb[s].wr, i, addr, 12);
    }
}

void softtlb_flush_page(struct vcpu *cpu, gva_t addr)
{
    static const uint8_t spans[] = {21, 22, 30};

    flush_small(cpu, addr);
    for (unsigned n = 0; n < ARRAY_SIZE(spans); n++) {
        unsigned h = large_hash(addr, spans[n]);

        if (cpu->tlb2->large[large_level(spans[n])][h / 64] >> h % 64 & 1)
            flush_large(cpu, addr, spans[n]);
    }
}

/* --- life ---------------------------------------------------------------------------------------- */

int softtlb_init(struct vcpu *cpu)
{
    struct softtlb_l2 *l2 = calloc(1, sizeof(*l2));

    if (!l2)
        return -ENOMEM;
    cpu->tlb2 = l2;
    for (unsigned i = 0; i < L2_ENTRIES; i++)
        l2->entry[i].tag = UINT64_MAX;
    for (unsigned s = 0; s < SOFTTLB_SETS; s++)
        for (unsigned i = 0; i < SOFTTLB_ENTRIES; i++)
            cpu->tlb[s].rd[i].tag = cpu->tlb[s].wr[i].tag = softtlb_empty_tag(i);
    softtlb_flush_all(cpu);
    return 0;
}

void softtlb_fini(struct vcpu *cpu)
{
    free(cpu->tlb2);
    cpu->tlb2 = NULL;
}

void softtlb_get_stats(struct vcpu *cpu, struct softtlb_stats *s)
{
    *s = cpu->tlb2->stats;
}

static void on_dirty_cleared(struct mem_listener *l, ram_addr_t addr, uint64_t len)
{
    softtlb_remove_write(addr, len);
}

static struct mem_listener dirty_listener = {.dirty_cleared = on_dirty_cleared};

int softtlb_global_init(void)
{
    void *p;

    tracked_size = MAX(ram_capacity() >> 12, (uint64_t)1) * sizeof(*softtlb_tracked);
    p = mmap(NULL, tracked_size, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return -errno;
    softtlb_tracked = p;
    mem_listener_add(&dirty_listener);
    return 0;
}

void softtlb_global_fini(void)
{
    mem_listener_remove(&dirty_listener);
    munmap(softtlb_tracked, tracked_size);
    softtlb_tracked = NULL;
}
