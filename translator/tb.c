/* SPDX-License-Identifier: MIT */
/*
 * The block cache: hash of keys, code pages with their line bits, edges, invalidation, eviction.
 * See tb.h for the contract; codebuf.c has the memory.
 *
 * One lock guards everything but lookups. A vCPU never waits for another vCPU while holding it,
 * since stores from translated code may come here to invalidate.
 *
 * Writers and translators meet in two words of a page: the writer stores its data, then raises
 * `gen`, then reads `lines`; the translator sets `lines`, then looks whether `gen` is still what
 * it was before it read the code. So at least one of them notices the other.
 */
#include "translator/tb.h"

#include "hw/core/memory.h"
#include "translator/backend.h"
#include "translator/codebuf.h"
#include "translator/exec.h"
#include "translator/exec_state.h"
#include "util/error.h"
#include "util/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE_MASK (~(uint64_t)(SOFTTLB_PAGE - 1))
#define LINE_BITS 6
/* A page written this often (doubled with each time) is data now: all its blocks go, so that
   stores become fast again. */
#define WRITES_TO_DROP 32u
#define MAX_DROPS      10
#define ROOM_FOR_ANY KIB(256) /* block */
#define MAX_RELINKS 8 /* slots a page-leaving edge may have in its life */

struct code_page {
    uint64_t lines; /* atomic: 64-byte lines that hold translated code */
    uint32_t gen;   /* atomic: rises with every write that is noticed */
    bool open;      /* atomic: all vCPUs' stores have been slow since it was opened */
    uint16_t writes; /* since the last time all blocks were dropped; a hint, races do not matter */
    uint8_t drops;
    tb_ref tbs; /* linked by page_link() */
};

tb_ref *tb_hash_table;
struct tb_slot tb_slot_none = {.ctx = UINT64_MAX};
const struct backend_ops *backend;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct code_page **pages; /* by RAM page number; made once, kept */
static size_t n_pages;
static struct tb_stats stats;
static unsigned evict_count;
static bool region_used[CODE_REGIONS]; /* holds blocks of an earlier round */

/* --- pages ------------------------------------------------------------------------ */

static struct code_page *page_get(ram_addr_t addr)
{
    return addr >> 12 < n_pages ? __atomic_load_n(&pages[addr >> 12], __ATOMIC_ACQUIRE) : NULL;
}

static bool is_uncached(gpa_t phys)
{
    return phys >> 12 >= n_pages;
}

static struct code_page *page_make(ram_addr_t addr)
{
    struct code_page *p = page_get(addr);

    assert(addr >> 12 < n_pages);
    if (p)
        return p;
    p = calloc(1, sizeof(*p));
    assert(p);
    __atomic_store_n(&pages[addr >> 12], p, __ATOMIC_RELEASE);
    return p;
}

static struct code_page *page_open_slow(struct vcpu *cpu, ram_addr_t page)
{
    struct code_page *p;
    bool wait;

    pthread_mutex_lock(&lock);
    p = page_make(page);
    softtlb_removed_remote();
    wait = !dirty_test(DIRTY_CODE, page, SOFTTLB_PAGE); /* another vCPU is at it: wait as well */
    if (!wait)
        dirty_clear(DIRTY_CODE, page, SOFTTLB_PAGE);
    wait |= softtlb_removed_remote();
    pthread_mutex_unlock(&lock);
    if (wait)
        exec_grace(cpu);
    __atomic_store_n(&p->open, true, __ATOMIC_RELEASE);
    return p;
}

/* Should the page be closed meanwhile, tb_make() refuses the block. */
uint32_t tb_page_open(struct vcpu *cpu, ram_addr_t page)
{
    struct code_page *p = page_get(page);

    page &= PAGE_MASK;
    if (!p || !__atomic_load_n(&p->open, __ATOMIC_ACQUIRE) ||
        dirty_test(DIRTY_CODE, page, SOFTTLB_PAGE))
        p = page_open_slow(cpu, page);
    return __atomic_load_n(&p->gen, __ATOMIC_ACQUIRE);
}

bool tb_page_has_code(ram_addr_t addr)
{
    struct code_page *p = page_get(addr);

    return p && __atomic_load_n(&p->lines, __ATOMIC_RELAXED);
}

/* Lines of [first, first + len) of a page. */
static uint64_t line_mask(unsigned first, uint64_t len)
{
    unsigned last = MIN(first + len - 1, (uint64_t)SOFTTLB_PAGE - 1) >> LINE_BITS;

    first >>= LINE_BITS;
    return mask64(last - first + 1) << first;
}

/* The bytes of a block in its first (0) or second (1) page. */
static unsigned tb_bytes_in(const struct tb *tb, unsigned n, unsigned *first)
{
    unsigned off = tb->key.phys & ~PAGE_MASK;
    unsigned here = MIN((unsigned)tb->guest_bytes, SOFTTLB_PAGE - off);

    *first = n ? 0 : off;
    return n ? tb->guest_bytes - here : here;
}

static ram_addr_t tb_page(const struct tb *tb, unsigned n)
{
    return (n ? tb_phys2(tb) : tb->key.phys) & PAGE_MASK;
}

static unsigned tb_page_count(const struct tb *tb)
{
    return is_uncached(tb->key.phys) ? 0 : tb_phys2(tb) ? 2 : 1;
}

static unsigned tb_page_index(const struct tb *tb, ram_addr_t page)
{
    return tb_page(tb, 0) != page;
}

/* Where the block says what follows it on the list of this page of its. */
static tb_ref *page_link(tb_ref r, ram_addr_t page)
{
    struct tb *tb = tb_ref_ptr(r);

    return tb_page_index(tb, page) ? &tb_more(tb)->page_next : &tb->page_next;
}

static uint64_t tb_lines(const struct tb *tb, unsigned n)
{
    unsigned first, len = tb_bytes_in(tb, n, &first);

    return len ? line_mask(first, len) : 0;
}

/* A block whose two pages are the same RAM page is listed once, with the lines of both parts. */
static bool same_page_twice(const struct tb *tb)
{
    return tb_phys2(tb) && tb_page(tb, 0) == tb_page(tb, 1);
}

static void page_add(struct tb *tb)
{
    for (unsigned n = 0; n < tb_page_count(tb); n++) {
        struct code_page *p = page_get(tb_page(tb, n));

        __atomic_fetch_or(&p->lines, tb_lines(tb, n), __ATOMIC_SEQ_CST);
        if (n && same_page_twice(tb))
            continue;
        *page_link(tb_ref_to(tb), tb_page(tb, n)) = p->tbs;
        p->tbs = tb_ref_to(tb);
    }
}

/* Lines of blocks taken off their page's list stay set until somebody writes there. */
static void page_recount(struct code_page *p, ram_addr_t page)
{
    uint64_t lines = 0;

    for (tb_ref r = p->tbs; r; r = *page_link(r, page)) {
        const struct tb *tb = tb_ref_ptr(r);

        lines |= tb_lines(tb, tb_page_index(tb, page));
        if (same_page_twice(tb))
            lines |= tb_lines(tb, 1);
    }
    __atomic_store_n(&p->lines, lines, __ATOMIC_SEQ_CST);
    if (!p->tbs) {
        __atomic_store_n(&p->open, false, __ATOMIC_RELEASE);
        dirty_set(DIRTY_CODE, page, SOFTTLB_PAGE);
    }
}

static void page_unlist(struct tb *tb, unsigned n)
{
    ram_addr_t page = tb_page(tb, n);
    struct code_page *p = page_get(page);
    tb_ref *link = &p->tbs, self = tb_ref_to(tb);

    while (*link && *link != self)
        link = page_link(*link, page);
    if (*link)
        *link = *page_link(self, page);
    if (!p->tbs)
        page_recount(p, page);
}

static void page_remove(struct tb *tb)
{
    for (unsigned n = 0; n < tb_page_count(tb); n++)
        if (!n || !same_page_twice(tb))
            page_unlist(tb, n);
}

/* Take all blocks of a region off the lists of this block's pages. */
static void page_remove_region(struct tb *tb)
{
    for (unsigned n = 0; n < tb_page_count(tb); n++) {
        ram_addr_t page = tb_page(tb, n);
        struct code_page *p = page_get(page);
        tb_ref *link = &p->tbs;

        if (!*link)
            continue;
        while (*link) {
            tb_ref *next = page_link(*link, page);

            if (((struct tb *)tb_ref_ptr(*link))->region == tb->region)
                *link = *next;
            else
                link = next;
        }
        if (!p->tbs)
            page_recount(p, page);
    }
}

bool tb_overlaps(const struct tb *tb, ram_addr_t addr, uint64_t len)
{
    for (unsigned n = 0; n < tb_page_count(tb); n++) {
        unsigned first, bytes = tb_bytes_in(tb, n, &first);

        if (ranges_overlap(tb_page(tb, n) + first, bytes, addr, len))
            return true;
    }
    return false;
}

/* --- edges --------------------------------------------------------------------------- */

static struct tb *edge_owner(struct tb_edge *e)
{
    return container_of(e - e->index, struct tb, edge[0]);
}

/* Back to the state after compile(); not yet off its target's list. */
static void edge_reset(struct tb_edge *e)
{
    if (!backend->links_pages)
        __atomic_store_n(&e->slot, &tb_slot_none, __ATOMIC_RELEASE);
    __atomic_store_n(&e->to, 0, __ATOMIC_RELEASE);
    backend->unlink(edge_owner(e), e->index);
}

static void edges_in_reset(struct tb *tb)
{
    struct tb_edge *e = tb_ref_ptr(tb->in), *next;

    for (; e; e = next) {
        next = tb_ref_ptr(e->next_in);
        e->next_in = 0;
        edge_reset(e);
    }
    tb->in = 0;
}

static void edge_unlist(struct tb_edge *e)
{
    struct tb *to = tb_ref_ptr(e->to);
    tb_ref *link, self = tb_ref_to(e);

    if (!to)
        return;
    for (link = &to->in; *link && *link != self;)
        link = &((struct tb_edge *)tb_ref_ptr(*link))->next_in;
    if (*link)
        *link = e->next_in;
    e->next_in = 0;
}

/* The edge's slot if this vCPU owns it, else a new one; NULL when it has had too many, or no space. */
static struct tb_slot *slot_for(struct vcpu *cpu, struct tb *from, struct tb_edge *e)
{
    struct tb_slot *s = e->slot;

    if (s != &tb_slot_none && s->owner == cpu->index)
        return s;
    if (e->relinks == MAX_RELINKS)
        return NULL;
    e->relinks++;
    s = codebuf_data(from->region, sizeof(*s), true);
    if (s)
        s->owner = cpu->index;
    return s;
}

static bool set_slot(struct vcpu *cpu, struct tb *from, struct tb_edge *e, struct tb *to,
                     uint64_t page)
{
    struct tb_slot *s = slot_for(cpu, from, e);

    if (!s)
        return false;
    __atomic_store_n(&s->page, page, __ATOMIC_RELAXED);
    __atomic_store_n(&s->code, to->code, __ATOMIC_RELAXED);
    __atomic_store_n(&s->to, to, __ATOMIC_RELAXED);
    __atomic_store_n(&s->ctx, cpu->ctx, __ATOMIC_RELEASE);
    __atomic_store_n(&e->slot, s, __ATOMIC_RELEASE);
    return true;
}

/*
 * May the edge be linked for good? Straddling instructions are right for a pair of pages only. An
 * edge that leaves the page goes by slots, or is checked by the backend when it is taken.
 */
static bool unconditional_edge_ok(const struct tb *from, const struct tb *to, bool in_page)
{
    if (!in_page)
        return !backend->links_pages || !tb_phys2(to);
    return !tb_phys2(to) && tb_page(to, 0) == tb_page(from, 0);
}

static void link_locked(struct vcpu *cpu, struct tb *from, struct tb_edge *e, struct tb *to,
                        uint64_t page)
{
    bool in_page = tb_edge_in_page(e);

    if (!unconditional_edge_ok(from, to, in_page)) {
        __atomic_store_n(&e->by_table, true, __ATOMIC_RELAXED);
        backend->link(from, e->index, NULL);
        return;
    }
    if (!in_page && !backend->links_pages && !set_slot(cpu, from, e, to, page))
        return;
    edge_unlist(e);
    e->next_in = to->in;
    to->in = tb_ref_to(e);
    __atomic_store_n(&e->to, tb_ref_to(to), __ATOMIC_RELEASE);
    backend->link(from, e->index, to);
    stats.edges_linked++;
    stats.pages_linked += !in_page;
}

void tb_link(struct vcpu *cpu, struct tb *from, unsigned slot, struct tb *to, uint64_t page)
{
    struct tb_edge *e = &from->edge[slot];

    assert(slot < from->n_exits);
    pthread_mutex_lock(&lock);
    if (!from->invalid && !to->invalid && !e->by_table && !(to->variant & TBV_ONE_INSN) &&
        ((!tb_edge_in_page(e) && !backend->links_pages) || e->to != tb_ref_to(to)))
        link_locked(cpu, from, e, to, page);
    pthread_mutex_unlock(&lock);
}

/* --- invalidation ---------------------------------------------------------------------- */

static void hash_insert(struct tb *tb, const struct tb_key *key)
{
    tb_ref *head = &tb_hash_table[tb_hash(key)];

    tb->hash_next = *head;
    __atomic_store_n(head, tb_ref_to(tb), __ATOMIC_RELEASE);
}

static struct tb_key key_of(const struct tb *tb)
{
    struct tb_key key = {.phys = tb->key.phys, .mode = tb->key.mode, .variant = tb->variant};
    const struct tb_more *m = tb_more(tb);

    if (m) {
        key.phys2 = m->phys2;
        key.cs_base = m->cs_base;
        key.cs_limit = m->cs_limit;
        key.pc = m->pc;
    }
    return key;
}

static void hash_remove(struct tb *tb)
{
    struct tb_key key = key_of(tb);
    tb_ref *link = &tb_hash_table[tb_hash(&key)], self = tb_ref_to(tb);

    while (*link && *link != self)
        link = &((struct tb *)tb_ref_ptr(*link))->hash_next;
    if (*link)
        __atomic_store_n(link, tb->hash_next, __ATOMIC_RELEASE);
}

/* Out of reach of lookups and edges. */
static void disconnect(struct tb *tb)
{
    __atomic_store_n(&tb->invalid, true, __ATOMIC_RELEASE);
    hash_remove(tb);
    edges_in_reset(tb);
    for (unsigned i = 0; i < tb->n_exits; i++) {
        edge_unlist(&tb->edge[i]);
        tb->edge[i].to = 0;
    }
    stats.live_blocks--;
}

/* Off all lists but its region's; whoever enters it is sent to a lookup. */
static void invalidate_locked(struct tb *tb)
{
    if (tb->invalid)
        return;
    disconnect(tb);
    page_remove(tb);
    backend->invalidate(tb);
    stats.invalidated++;
}

static void invalidate_in_page(struct code_page *p, ram_addr_t addr, uint64_t len)
{
    ram_addr_t page = addr & PAGE_MASK;
    tb_ref next;

    for (tb_ref r = p->tbs; r; r = next) {
        struct tb *tb = tb_ref_ptr(r);

        next = *page_link(r, page);
        if (!tb_overlaps(tb, addr, len))
            continue;
        if (log_enabled(LOG_PAGE))
            log_printf("code at ram 0x%llx written (0x%llx, %u bytes)\n",
                       (unsigned long long)tb->key.phys, (unsigned long long)addr, (unsigned)len);
        invalidate_locked(tb);
    }
    page_recount(p, page);
}

__attribute__((no_sanitize("thread"))) static bool is_data_now(struct code_page *p)
{
    if (!__atomic_load_n(&p->lines, __ATOMIC_RELAXED) || ++p->writes < WRITES_TO_DROP << p->drops)
        return false;
    p->writes = 0;
    p->drops = MIN(p->drops + 1, MAX_DROPS);
    return true;
}

static void written_in_page(ram_addr_t addr, uint64_t len)
{
    struct code_page *p = page_get(addr);

    if (!p)
        return;
    __atomic_fetch_add(&p->gen, 1, __ATOMIC_SEQ_CST);
    if (is_data_now(p)) {
        addr &= PAGE_MASK;
        len = SOFTTLB_PAGE;
    }
    if (!(__atomic_load_n(&p->lines, __ATOMIC_SEQ_CST) & line_mask(addr & ~PAGE_MASK, len)))
        return;
    pthread_mutex_lock(&lock);
    invalidate_in_page(p, addr, len);
    pthread_mutex_unlock(&lock);
}

void tb_invalidate_ram(ram_addr_t addr, uint64_t len)
{
    full_fence();
    while (len) {
        uint64_t n = MIN(len, SOFTTLB_PAGE - (addr & ~PAGE_MASK));

        written_in_page(addr, n);
        addr += n;
        len -= n;
    }
}

static bool has_offset(const struct tb *tb, unsigned off)
{
    unsigned start = tb->key.phys & ~PAGE_MASK;

    return off - start < tb->guest_bytes;
}

void tb_invalidate_offset(unsigned off)
{
    struct tb *next;

    pthread_mutex_lock(&lock);
    for (size_t h = 0; h < BIT(TB_HASH_BITS); h++) {
        for (struct tb *tb = tb_ref_ptr(tb_hash_table[h]); tb; tb = next) {
            next = tb_ref_ptr(tb->hash_next);
            if (has_offset(tb, off))
                invalidate_locked(tb);
        }
    }
    pthread_mutex_unlock(&lock);
}

/* --- eviction ------------------------------------------------------------------------------ */

/* In an exclusive section, with the lock. */
static void evict_locked(unsigned region)
{
    struct code_region *r = codebuf_region(region);

    for (unsigned i = 0; i < r->n_tbs; i++) {
        struct tb *tb = tb_ref_ptr(r->tbs[i]);

        if (tb->invalid)
            continue;
        page_remove_region(tb);
        disconnect(tb);
    }
    codebuf_empty(region);
    region_used[region] = false;
    __atomic_fetch_add(&evict_count, 1, __ATOMIC_RELEASE);
    stats.evicted_regions++;
    for (unsigned n = 0; n < exec_vcpu_count(); n++) {
        struct vcpu *cpu = exec_vcpu(n);

        for (unsigned i = 0; cpu && i < ARRAY_SIZE(cpu->jmp); i++)
            if (cpu->jmp[i].tb)
                cpu->jmp[i] = (struct jmp_entry){.ctx = UINT64_MAX};
    }
}

/* Make room in the next region and go there. The lock is given up meanwhile. */
static void next_region(struct vcpu *cpu)
{
    unsigned full = codebuf_current(), next = (full + 1) % CODE_REGIONS;
    bool exclusive;

    region_used[full] = true;
    if (!region_used[next]) {
        codebuf_advance();
        return;
    }
    exclusive = exec_is_exclusive(cpu); /* translating an instruction that has to be alone */
    pthread_mutex_unlock(&lock);
    if (!exclusive)
        exec_exclusive_begin(cpu);
    pthread_mutex_lock(&lock);
    if (codebuf_current() == full) {
        evict_locked(next);
        codebuf_advance();
    }
    if (!exclusive)
        exec_exclusive_end(cpu);
}

unsigned tb_evict_count(void)
{
    return __atomic_load_n(&evict_count, __ATOMIC_ACQUIRE);
}

void tb_flush_all(struct vcpu *cpu)
{
    exec_exclusive_begin(cpu);
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < CODE_REGIONS; i++)
        if (codebuf_region(i)->n_tbs)
            evict_locked(i);
    stats.flushes++;
    pthread_mutex_unlock(&lock);
    exec_exclusive_end(cpu);
}

/* --- making a block -------------------------------------------------------------------------- */

void *tb_data_alloc(struct tb *tb, size_t size)
{
    return codebuf_data(tb->region, size, false);
}

static bool needs_more(const struct tb_key *k)
{
    return k->phys2 || k->cs_base || k->pc || k->cs_limit;
}

static void set_key(struct tb *tb, const struct tb_key *k)
{
    tb->key.phys = k->phys;
    tb->key.mode = k->mode;
    tb->variant = k->variant;
    tb->more = needs_more(k);
    if (tb->more)
        *tb_more(tb) = (struct tb_more){
            .phys2 = k->phys2, .cs_base = k->cs_base, .pc = k->pc, .cs_limit = k->cs_limit};
}

static struct tb *tb_new(const struct tb_key *key, const struct ir_block *b)
{
    size_t size = sizeof(struct tb) + b->n_exits * sizeof(struct tb_edge) +
                  (needs_more(key) ? sizeof(struct tb_more) : 0);
    struct tb *tb = codebuf_data(codebuf_current(), size, false);

    if (!tb)
        return NULL;
    tb->n_exits = (uint8_t)b->n_exits;
    set_key(tb, key);
    tb->guest_bytes = b->guest_bytes;
    tb->guest_insns = (uint8_t)MIN(b->guest_insns, 255);
    tb->mmu_idx = b->mmu_idx;
    tb->pc_bits = b->pc_bits;
    tb->region = codebuf_current();
    for (unsigned i = 0; i < b->n_exits; i++) {
        tb->edge[i] = (struct tb_edge){.off = (int32_t)b->exits[i].off, .index = (uint8_t)i};
        if (!backend->links_pages)
            tb->edge[i].slot = &tb_slot_none;
    }
    return tb;
}

/* NULL: the region is full. */
static struct tb *compile(const struct tb_key *key, const struct ir_block *b)
{
    size_t mark = codebuf_region(codebuf_current())->data_used;
    struct code_span span = codebuf_span();
    struct tb *tb = tb_new(key, b);
    int used;

    if (!tb)
        goto full;
    tb->code = span.rx;
    used = backend->compile(tb, b, &span);
    if (used < 0)
        goto full;
    tb->code_size = used;
    if (!codebuf_add(tb, used))
        goto full;
    stats.blocks++;
    stats.live_blocks++;
    stats.guest_insns += b->guest_insns;
    stats.guest_bytes += b->guest_bytes;
    stats.ir_insns += b->n_insns;
    stats.host_bytes += used;
    stats.data_bytes += codebuf_region(tb->region)->data_used - mark;
    return tb;
full:
    codebuf_data_reset(mark);
    return NULL;
}

static bool page_changed(ram_addr_t page, uint32_t gen)
{
    struct code_page *p = page_get(page);

    return __atomic_load_n(&p->gen, __ATOMIC_SEQ_CST) != gen ||
           dirty_test(DIRTY_CODE, page & PAGE_MASK, SOFTTLB_PAGE);
}

static bool tb_changed(const struct tb *tb, uint32_t gen1, uint32_t gen2)
{
    unsigned n = tb_page_count(tb);

    return (n > 0 && page_changed(tb_page(tb, 0), gen1)) ||
           (n > 1 && page_changed(tb_page(tb, 1), gen2));
}

/* Else a block that was not made would fit nowhere. */
static bool region_is_full(void)
{
    const struct code_region *r = codebuf_region(codebuf_current());

    return (r->rx && r->size - r->used < MIN(ROOM_FOR_ANY, r->size / 2)) ||
           codebuf_data_room() < MIN(ROOM_FOR_ANY, r->data_size / 2) || r->n_tbs == r->max_tbs;
}

static struct tb *make_locked(struct vcpu *cpu, const struct tb_key *key, const struct ir_block *b,
                              uint32_t gen1, uint32_t gen2)
{
    struct tb *tb = exec_vcpu_count() > 1 ? tb_find(key) : NULL; /* another vCPU's */

    if (tb)
        return tb;
    tb = compile(key, b);
    if (!tb) {
        if (region_is_full())
            next_region(cpu);
        return NULL;
    }
    if (is_uncached(key->phys))
        return tb;
    page_add(tb);
    hash_insert(tb, key);
    full_fence();
    if (tb_changed(tb, gen1, gen2)) {
        invalidate_locked(tb);
        return NULL;
    }
    return tb;
}

struct tb *tb_make(struct vcpu *cpu, const struct tb_key *key, const struct ir_block *b,
                   uint32_t gen1, uint32_t gen2)
{
    struct tb *tb;

    pthread_mutex_lock(&lock);
    tb = make_locked(cpu, key, b, gen1, gen2);
    pthread_mutex_unlock(&lock);
    return tb;
}

/* --- life --------------------------------------------------------------------------------------- */

static void on_code_write(ram_addr_t addr, uint64_t len)
{
    tb_invalidate_ram(addr, len);
}

static void *map_table(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

/*
 * A boot of a whole distribution translates some 75 MB; the oldest of it, firmware and boot loader,
 * is not missed. What is not used costs no memory.
 */
static size_t default_code_size(void)
{
    return ALIGN_UP(MIN(MAX(ram_capacity() / 64, MIB(48)), MIB(512)), MIB(1));
}

int tb_cache_init(size_t code_size, struct error **err)
{
    int ret;

    if (code_size == TB_CODE_SIZE_DEFAULT)
        code_size = default_code_size();
    ret = codebuf_init(code_size, err);
    if (ret)
        return ret;
    n_pages = ram_capacity() >> 12;
    pages = map_table(MAX(n_pages, (size_t)1) * sizeof(*pages));
    tb_hash_table = map_table(sizeof(*tb_hash_table) << TB_HASH_BITS);
    if (!pages || !tb_hash_table)
        return error_set_errno(err, ENOMEM, "cannot reserve memory for translated blocks");
    memset(&stats, 0, sizeof(stats));
    memset(region_used, 0, sizeof(region_used));
    stats.code_size = code_size;
    mem_set_code_write_notifier(on_code_write);
    return 0;
}

void tb_cache_fini(void)
{
    mem_set_code_write_notifier(NULL);
    for (size_t i = 0; i < n_pages; i++)
        free(pages[i]);
    munmap(pages, MAX(n_pages, (size_t)1) * sizeof(*pages));
    munmap(tb_hash_table, sizeof(*tb_hash_table) << TB_HASH_BITS);
    codebuf_fini();
}

void tb_get_stats(struct tb_stats *s)
{
    pthread_mutex_lock(&lock);
    *s = stats;
    s->code_used = 0;
    for (unsigned i = 0; i < CODE_REGIONS; i++)
        s->code_used += codebuf_region(i)->used;
    pthread_mutex_unlock(&lock);
}

struct tb *tb_find_host(const void *rx)
{
    return codebuf_find(rx);
}

struct code_span tb_code_stubs(void)
{
    return codebuf_stubs();
}
