/* SPDX-License-Identifier: MIT */
/*
 * The region tree, transactions, and the address spaces that publish views of
 * it.
 */
#include "hw/core/memory_int.h"

#include "hw/core/epoch.h"
#include "hw/core/lock.h"
#include "util/error.h"

#include <errno.h>
#include <glib.h>
#include <inttypes.h>

#define REGION_SIZE_MAX (1ull << 62)

/*
 * Each thread remembers the last range it found in an address space: most
 * lookups (page walks, TLB refills, a polled port) need no more. A hint is good
 * as long as the view's generation is the one it was made under.
 */
#define HINT_SLOTS 4

struct hint {
    const struct addr_space *as;
    unsigned generation;
    struct flat_range range;
};

static __thread struct hint hints[HINT_SLOTS];

struct addr_space as_memory, as_io, as_smm;

static struct mem_region system_root, io_root, smm_root, smm_alias;
static TAILQ_HEAD(, addr_space) spaces = TAILQ_HEAD_INITIALIZER(spaces);
struct mem_listener_list mem_listeners = TAILQ_HEAD_INITIALIZER(mem_listeners);
unsigned mem_generation;
static unsigned last_slot;
static unsigned txn_depth;
static bool txn_changed;

/* --- views ---------------------------------------------------------------- */

static void release_view(void *data)
{
    flat_view_free(data);
}

static void tell_changed(struct addr_space *as)
{
    struct mem_listener *l;

    TAILQ_FOREACH(l, &mem_listeners, link)
    {
        if (l->view_changed)
            l->view_changed(l, as);
    }
}

/* After another view was published. */
static void new_generation(struct addr_space *as)
{
    unsigned next = mem_generation + 1;

    __atomic_store_n(&as->generation, next, __ATOMIC_SEQ_CST);
    __atomic_store_n(&mem_generation, next, __ATOMIC_SEQ_CST);
}

/* Build a view; if it differs from the current one, publish it. */
static void rebuild(struct addr_space *as)
{
    struct flat_view *old = as->view;
    struct flat_view *view = flat_view_build(as->root);

    if (old && flat_view_equal(old, view)) {
        flat_view_free(view);
        return;
    }
    __atomic_store_n(&as->view, view, __ATOMIC_SEQ_CST);
    new_generation(as);
    if (old)
        epoch_defer(release_view, old);
    tell_changed(as);
}

void mem_txn_begin(void)
{
    assert(device_locked());
    txn_depth++;
}

void mem_txn_commit(void)
{
    struct addr_space *as;

    assert(txn_depth > 0);
    if (--txn_depth || !txn_changed)
        return;
    txn_changed = false;
    TAILQ_FOREACH(as, &spaces, link)
    {
        rebuild(as);
    }
}

/* For changes of a region in place: invisible ones rebuild nothing. */
static void region_changed(const struct mem_region *mr)
{
    mem_txn_begin();
    txn_changed = true;
    mem_txn_commit();
}

unsigned addr_space_generation(const struct addr_space *as)
{
    return __atomic_load_n(&as->generation, __ATOMIC_SEQ_CST);
}

void addr_space_init(struct addr_space *as, const char *name, struct mem_region *root)
{
    assert(device_locked());
    memset(as, 0, sizeof(*as));
    as->name = name;
    as->root = root;
    as->slot = last_slot++ % HINT_SLOTS;
    TAILQ_INSERT_TAIL(&spaces, as, link);
    rebuild(as);
}

void addr_space_fini(struct addr_space *as)
{
    struct flat_view *old = as->view;

    assert(device_locked());
    TAILQ_REMOVE(&spaces, as, link);
    __atomic_store_n(&as->view, NULL, __ATOMIC_SEQ_CST);
    new_generation(as);
    as->root = NULL;
    epoch_defer(release_view, old);
}

void memory_init(void)
{
    bool taken = device_lock_acquire();

    mem_region_init_container(&system_root, "system", 1ull << 52);
    mem_region_init_container(&io_root, "io", 0x10000);
    mem_region_init_container(&smm_root, "smm", 1ull << 52);
    mem_region_init_alias(&smm_alias, "smm-system", &system_root, 0, 1ull << 52);
    mem_region_add(&smm_root, 0, &smm_alias);
    addr_space_init(&as_memory, "memory", &system_root);
    addr_space_init(&as_io, "I/O", &io_root);
    addr_space_init(&as_smm, "smm", &smm_root);
    device_lock_restore(taken);
}

void memory_fini(void)
{
    bool taken = device_lock_acquire();

    addr_space_fini(&as_smm);
    addr_space_fini(&as_io);
    addr_space_fini(&as_memory);
    mem_region_fini(&smm_root);
    mem_region_fini(&smm_alias);
    mem_region_fini(&io_root);
    mem_region_fini(&system_root);
    epoch_collect();
    device_lock_restore(taken);
}

void mem_listener_add(struct mem_listener *l)
{
    TAILQ_INSERT_TAIL(&mem_listeners, l, link);
}

void mem_listener_remove(struct mem_listener *l)
{
    TAILQ_REMOVE(&mem_listeners, l, link);
}

/* --- making regions ------------------------------------------------------- */

static void region_init(struct mem_region *mr, enum mem_kind kind, const char *name, uint64_t size)
{
    assert(size <= REGION_SIZE_MAX);
    memset(mr, 0, sizeof(*mr));
    mr->name = g_strdup(name);
    mr->kind = kind;
    mr->size = size;
    mr->ram = RAM_ADDR_NONE;
    mr->enabled = true;
    TAILQ_INIT(&mr->children);
}

void mem_region_init_container(struct mem_region *mr, const char *name, uint64_t size)
{
    region_init(mr, MEM_CONTAINER, name, size);
}

static bool limits_valid(const struct mem_access_limits *l)
{
    unsigned min = l->min ? l->min : 1, max = l->max ? l->max : 8;

    return is_pow2(min) && is_pow2(max) && min <= max && max <= 8;
}

static void region_set_ops(struct mem_region *mr, const struct mem_ops *ops, void *opaque)
{
    assert(limits_valid(&ops->valid) && limits_valid(&ops->impl));
    mr->ops = ops;
    mr->opaque = opaque;
}

void mem_region_init_io(struct mem_region *mr, const char *name, uint64_t size,
                        const struct mem_ops *ops, void *opaque)
{
    region_init(mr, MEM_IO, name, size);
    region_set_ops(mr, ops, opaque);
}

void mem_region_init_alias(struct mem_region *mr, const char *name, struct mem_region *target,
                           uint64_t target_offset, uint64_t size)
{
    region_init(mr, MEM_ALIAS, name, size);
    mr->target = target;
    mr->target_offset = target_offset;
}

static int init_with_ram(struct mem_region *mr, enum mem_kind kind, const char *name, uint64_t size,
                         struct error **err)
{
    ram_addr_t ram = ram_alloc(name, size, err);

    if (ram == RAM_ADDR_NONE)
        return -ENOMEM;
    region_init(mr, kind, name, size);
    mr->ram = ram;
    mr->owns_ram = true;
    return 0;
}

int mem_region_init_ram(struct mem_region *mr, const char *name, uint64_t size, struct error **err)
{
    return init_with_ram(mr, MEM_RAM, name, size, err);
}

int mem_region_init_rom(struct mem_region *mr, const char *name, uint64_t size, struct error **err)
{
    return init_with_ram(mr, MEM_ROM, name, size, err);
}

int mem_region_init_romd(struct mem_region *mr, const char *name, uint64_t size,
                         const struct mem_ops *ops, void *opaque, struct error **err)
{
    int ret = init_with_ram(mr, MEM_ROMD, name, size, err);

    if (ret)
        return ret;
    region_set_ops(mr, ops, opaque);
    mr->romd_mode = true;
    return 0;
}

void mem_region_init_ram_at(struct mem_region *mr, const char *name, ram_addr_t ram, uint64_t size)
{
    assert(range_fits(ram, size, ram_capacity()));
    region_init(mr, MEM_RAM, name, size);
    mr->ram = ram;
}

void mem_region_fini(struct mem_region *mr)
{
    assert(!mr->parent && !mr->busy);
    while (!TAILQ_EMPTY(&mr->children))
        mem_region_del(mr, TAILQ_FIRST(&mr->children));
    if (mr->owns_ram)
        ram_free(mr->ram);
    g_free(mr->name);
    mr->name = NULL;
    mr->owns_ram = false;
}

/* --- the tree ------------------------------------------------------------- */

/* In front of the first sibling that does not outrank it. */
static void link_child(struct mem_region *parent, struct mem_region *child)
{
    struct mem_region *other;

    TAILQ_FOREACH(other, &parent->children, link)
    {
        if (other->priority <= child->priority) {
            TAILQ_INSERT_BEFORE(other, child, link);
            return;
        }
    }
    TAILQ_INSERT_TAIL(&parent->children, child, link);
}

void mem_region_add_overlap(struct mem_region *parent, uint64_t offset, struct mem_region *child,
                            int priority)
{
    assert(!child->parent && parent->kind != MEM_ALIAS && offset <= REGION_SIZE_MAX);
    mem_txn_begin();
    child->parent = parent;
    child->offset = offset;
    child->priority = priority;
    link_child(parent, child);
    region_changed(child);
    mem_txn_commit();
}

void mem_region_add(struct mem_region *parent, uint64_t offset, struct mem_region *child)
{
    mem_region_add_overlap(parent, offset, child, 0);
}

void mem_region_del(struct mem_region *parent, struct mem_region *child)
{
    assert(child->parent == parent);
    mem_txn_begin();
    TAILQ_REMOVE(&parent->children, child, link);
    child->parent = NULL;
    region_changed(child);
    mem_txn_commit();
}

void mem_region_set_enabled(struct mem_region *mr, bool enabled)
{
    if (mr->enabled != enabled) {
        mr->enabled = enabled;
        region_changed(mr);
    }
}

void mem_region_set_readonly(struct mem_region *mr, bool readonly)
{
    if (mr->readonly != readonly) {
        mr->readonly = readonly;
        region_changed(mr);
    }
}

void mem_region_set_offset(struct mem_region *mr, uint64_t offset)
{
    assert(offset <= REGION_SIZE_MAX);
    if (mr->offset == offset)
        return;
    mem_txn_begin();
    mr->offset = offset;
    if (mr->parent) { /* moved ones count as later ones */
        TAILQ_REMOVE(&mr->parent->children, mr, link);
        link_child(mr->parent, mr);
    }
    region_changed(mr);
    mem_txn_commit();
}

void mem_region_set_size(struct mem_region *mr, uint64_t size)
{
    assert(mr->ram == RAM_ADDR_NONE && size <= REGION_SIZE_MAX);
    if (mr->size != size) {
        mr->size = size;
        region_changed(mr);
    }
}

void mem_region_set_priority(struct mem_region *mr, int priority)
{
    if (mr->priority == priority)
        return;
    mem_txn_begin();
    mr->priority = priority;
    if (mr->parent) {
        TAILQ_REMOVE(&mr->parent->children, mr, link);
        link_child(mr->parent, mr);
    }
    region_changed(mr);
    mem_txn_commit();
}

void mem_region_set_alias_offset(struct mem_region *mr, uint64_t target_offset)
{
    assert(mr->kind == MEM_ALIAS);
    if (mr->target_offset != target_offset) {
        mr->target_offset = target_offset;
        region_changed(mr);
    }
}

void mem_region_set_romd(struct mem_region *mr, bool rom_mode)
{
    assert(mr->kind == MEM_ROMD);
    if (mr->romd_mode != rom_mode) {
        mr->romd_mode = rom_mode;
        region_changed(mr);
    }
}

/* --- lookup --------------------------------------------------------------- */

static void fill_section(struct mem_section *out, const struct flat_range *r, gpa_t gpa)
{
    uint64_t delta = gpa - r->start;

    out->mr = r->mr;
    out->gpa = gpa;
    out->offset = r->offset + delta;
    out->len = r->last - gpa + 1;
    out->flags = r->flags;
    out->ram = r->ram;
    out->host = NULL;
    if (r->ram != RAM_ADDR_NONE) {
        out->ram += delta;
        out->host = ram_ptr(out->ram);
    }
}

static void fill_hole(struct mem_section *out, const struct flat_range *next, gpa_t gpa)
{
    memset(out, 0, sizeof(*out));
    out->gpa = gpa;
    out->ram = RAM_ADDR_NONE;
    out->len = next ? next->start - gpa : MAX(UINT64_MAX - gpa, (uint64_t)1);
}

static cold_fn bool lookup_in_view(struct addr_space *as, gpa_t gpa, unsigned generation,
                                   struct mem_section *out)
{
    const struct flat_range *r, *next = NULL;
    const struct flat_view *view;
    struct hint *hint = &hints[as->slot];

    epoch_read_begin();
    view = __atomic_load_n(&as->view, __ATOMIC_SEQ_CST);
    r = view ? flat_view_find(view, gpa, &next) : NULL;
    if (r) {
        fill_section(out, r, gpa);
        hint->as = as;
        hint->generation = generation;
        hint->range = *r;
    } else {
        fill_hole(out, next, gpa);
    }
    epoch_read_end();
    return r != NULL;
}

bool mem_lookup(struct addr_space *as, gpa_t gpa, struct mem_section *out)
{
    unsigned generation = __atomic_load_n(&as->generation, __ATOMIC_SEQ_CST);
    const struct hint *hint = &hints[as->slot];

    if (likely(hint->generation == generation && hint->as == as && gpa >= hint->range.start &&
               gpa <= hint->range.last)) {
        fill_section(out, &hint->range, gpa);
        return true;
    }
    return lookup_in_view(as, gpa, generation, out);
}

void addr_space_for_each(struct addr_space *as,
                         void (*fn)(const struct mem_section *section, void *opaque), void *opaque)
{
    const struct flat_view *view;

    epoch_read_begin();
    view = __atomic_load_n(&as->view, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; view && i < view->count; i++) {
        struct mem_section section;

        fill_section(&section, &view->ranges[i], view->ranges[i].start);
        fn(&section, opaque);
    }
    epoch_read_end();
}

/* --- description ---------------------------------------------------------- */

static const char *kind_name(const struct mem_region *mr)
{
    static const char *const names[] = {
        [MEM_CONTAINER] = "container", [MEM_RAM] = "ram", [MEM_ROM] = "rom",
        [MEM_ROMD] = "romd",           [MEM_IO] = "i/o",  [MEM_ALIAS] = "alias",
    };

    return names[mr->kind];
}

static void describe(GString *out, const struct mem_region *mr, uint64_t base, unsigned indent)
{
    const struct mem_region *child;

    g_string_append_printf(out, "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s", indent, "",
                           base, base + mr->size - (mr->size != 0), mr->priority, kind_name(mr),
                           mr->name);
    if (mr->kind == MEM_ALIAS)
        g_string_append_printf(out, " = %s @%016" PRIx64, mr->target->name, mr->target_offset);
    g_string_append_printf(out, "%s%s\n", mr->readonly ? " [readonly]" : "",
                           mr->enabled ? "" : " [disabled]");
    TAILQ_FOREACH(child, &mr->children, link)
    {
        describe(out, child, base + child->offset, indent + 2);
    }
}

char *mem_tree_describe(struct addr_space *as)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "address-space: %s\n", as->name);
    describe(out, as->root, 0, 2);
    return g_string_free(out, FALSE);
}

static void describe_section(const struct mem_section *s, void *opaque)
{
    g_string_append_printf(opaque, "  %016" PRIx64 "-%016" PRIx64 ": %s%s\n", s->gpa,
                           s->gpa + s->len - 1, s->mr->name,
                           s->flags & MEM_SEC_ROM ? " (ROM)" : s->host ? " (RAM)" : "");
}

char *mem_flat_describe(struct addr_space *as)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "flat view of address-space: %s\n", as->name);
    addr_space_for_each(as, describe_section, out);
    return g_string_free(out, FALSE);
}
