/* SPDX-License-Identifier: MIT */
/*
 * Guest-physical memory and I/O ports.
 *
 * A tree of `struct mem_region` says what is where; each `struct addr_space`
 * flattens the tree under its root into a sorted array of ranges (the flat
 * view) that readers search without a lock. The I/O port space is one more
 * addr_space, 64 KiB long.
 *
 * Threads. Changing the tree (add, del, enable, move ...) needs the device lock.
 * Everything that reads (lookup, read, write, map, dirty bits) may be called
 * from any thread with or without it. Old flat views are freed after every
 * reader that might see them has finished. A region must outlive its last user:
 * a vCPU may have it in its TLB until it has acted on the listener's call, so
 * hot-unplug frees a device only with the vCPUs paused.
 *
 * Guest RAM and every ROM live in one memfd mapped once: a ram_addr_t is an
 * offset into it, ram_ptr() its host address, constant for the whole run.
 */
#ifndef HW_CORE_MEMORY_H
#define HW_CORE_MEMORY_H

#include "util/base.h"

#include <sys/queue.h>

struct error;
struct addr_space;
struct mem_region;

/* --- RAM ------------------------------------------------------------------ */

#define RAM_PAGE_BITS 12
#define RAM_PAGE_SIZE (1ull << RAM_PAGE_BITS)
#define RAM_ADDR_NONE UINT64_MAX

/*
 * Reserve `capacity` bytes of RAM address space (a sparse memfd: costs nothing
 * until touched). Once, before the first ram_alloc(); the machine asks for guest
 * RAM plus room for ROMs and video memory. Without it the first ram_alloc()
 * reserves 1 GiB, which is what unit tests want.
 * 0, or -errno with `err` set (-m 1P ends here).
 */
int ram_init(uint64_t capacity, struct error **err);

/* Drop everything (tests, end of the process). No region may refer to RAM. */
void ram_fini(void);

/*
 * Allocate zeroed RAM, rounded up to pages (2 MiB aligned if that large).
 * RAM_ADDR_NONE with `err` set if it does not fit.
 */
ram_addr_t ram_alloc(const char *name, uint64_t size, struct error **err);

/* Give the block back; the host pages are released and read as zero again. */
void ram_free(ram_addr_t addr);

/*
 * Let an allocated block, by its first address, be the start of a file (which is as long and stays the
 * caller's) instead of memory of its own; shared: writes go to the file. Before the block is used.
 */
int ram_back_by(ram_addr_t addr, int fd, bool shared, struct error **err);

/*
 * Give the pages of a range back to the host; they read as zero from then on. Page-aligned, inside
 * an allocated block. 0 or -errno (nothing is lost then).
 */
int ram_discard(ram_addr_t addr, uint64_t len);

/* How much of it is the guest's main memory; said once by the machine. */
void ram_set_guest_size(uint64_t bytes);
uint64_t ram_guest_size(void);

/* Host address of RAM address 0; constant after ram_init(). */
uint8_t *ram_base(void);

/* The memfd (accelerators map it elsewhere) and its length. */
int ram_fd(void);
uint64_t ram_capacity(void);

/* Host address; `addr` must be inside an allocated block. */
static inline uint8_t *ram_ptr(ram_addr_t addr)
{
    return ram_base() + addr;
}

/* Blocks in address order, for migration and the monitor. */
struct ram_block_info {
    const char *name;
    ram_addr_t addr;
    uint64_t size;
};
void ram_for_each_block(void (*fn)(const struct ram_block_info *info, void *opaque), void *opaque);

/* --- regions -------------------------------------------------------------- */

/* The flags of struct mem_ops. */
#define MEM_OPS_LOCKLESS  (1u << 0) /* handlers are called without the device lock */
#define MEM_OPS_REENTRANT (1u << 1) /* may be reached by DMA started in its own handler */

/* The limits of an access, in bytes: powers of two up to 8; 0 means min 1, max 8. */
struct mem_access_limits {
    unsigned min;
    unsigned max;
    bool unaligned; /* accesses that are not naturally aligned are passed on whole */
};

/*
 * Handlers of an I/O region. `off` is relative to the region, `size` 1, 2, 4 or
 * 8, `val` has no bits above the size. Values are little endian.
 *
 * `valid` is what the device accepts: wider and misaligned accesses are split
 * into aligned accesses it accepts, narrower ones are refused (reads all ones,
 * writes ignored, result MEM_RESULT_ERROR). `impl` is what the handlers
 * implement: accepted accesses wider than impl.max are split, narrower ones than
 * impl.min widened (a write then reads first: only for registers without side
 * effects of reading).
 */
struct mem_ops {
    uint64_t (*read)(void *opaque, uint64_t off, unsigned size);
    void (*write)(void *opaque, uint64_t off, uint64_t val, unsigned size);
    /* Optional: up to `count` reads of one FIFO port at once, for REP INS; how many were done. A
     * size the device accepts and implements. */
    uint64_t (*read_fifo)(void *opaque, uint64_t off, unsigned size, uint8_t *buf, uint64_t count);
    /* Optional, both or none: what read and write do, for calls from translated code with the guest's
     * FP and SIMD state in the host's registers. Compiled for general registers only (what they call
     * too: scripts/check-leaf), of any size and alignment, without the device lock; no events, no
     * change of what is mapped. False: do it by read or write, which does it all (again). */
    bool (*read_leaf)(void *opaque, uint64_t off, unsigned size, uint64_t *val);
    bool (*write_leaf)(void *opaque, uint64_t off, uint64_t val, unsigned size);
    struct mem_access_limits valid;
    struct mem_access_limits impl;
    unsigned flags;
};

enum mem_kind {
    MEM_CONTAINER, /* only holds children; holes are unassigned */
    MEM_RAM,
    MEM_ROM,  /* RAM that ignores writes */
    MEM_ROMD, /* reads from RAM while in ROM mode, else ops; writes to ops */
    MEM_IO,
    MEM_ALIAS, /* shows a part of another region */
};

/*
 * Embedded in its owner; set up by one mem_region_init_*(), ended by
 * mem_region_fini() after it has been removed from its container. Fields are
 * private to memory.c but for kind, size, name, ops, opaque and ram (read only).
 */
struct mem_region {
    char *name;
    enum mem_kind kind;
    uint64_t size;
    const struct mem_ops *ops;
    void *opaque;
    ram_addr_t ram; /* RAM, ROM, ROMD: first byte; else RAM_ADDR_NONE */

    bool owns_ram;
    bool enabled;
    bool readonly;
    bool romd_mode;
    bool busy; /* a handler is running (device lock held) */
    int priority;
    uint64_t offset; /* in the container */
    struct mem_region *parent;
    struct mem_region *target; /* alias */
    uint64_t target_offset;
    TAILQ_HEAD(mem_region_list, mem_region) children; /* by falling priority */
    TAILQ_ENTRY(mem_region) link;
};

/* Sizes are at most 2^62. */
void mem_region_init_container(struct mem_region *mr, const char *name, uint64_t size);
void mem_region_init_io(struct mem_region *mr, const char *name, uint64_t size,
                        const struct mem_ops *ops, void *opaque);
void mem_region_init_alias(struct mem_region *mr, const char *name, struct mem_region *target,
                           uint64_t target_offset, uint64_t size);

/* New RAM, given back by mem_region_fini(). 0 or -errno. */
int mem_region_init_ram(struct mem_region *mr, const char *name, uint64_t size, struct error **err);
int mem_region_init_rom(struct mem_region *mr, const char *name, uint64_t size, struct error **err);
int mem_region_init_romd(struct mem_region *mr, const char *name, uint64_t size,
                         const struct mem_ops *ops, void *opaque, struct error **err);

/* RAM that exists already and stays the caller's. */
void mem_region_init_ram_at(struct mem_region *mr, const char *name, ram_addr_t ram, uint64_t size);

/* Asserts that it is in no container; removes remaining children. */
void mem_region_fini(struct mem_region *mr);

/*
 * Put `child` at `offset` of `parent`. Where siblings overlap the higher
 * priority wins, of equals the later one. A child may stick out of its parent;
 * what sticks out is not seen. mem_region_add() is priority 0.
 */
void mem_region_add(struct mem_region *parent, uint64_t offset, struct mem_region *child);
void mem_region_add_overlap(struct mem_region *parent, uint64_t offset, struct mem_region *child,
                            int priority);
void mem_region_del(struct mem_region *parent, struct mem_region *child);

/* Change a region in place; each is a transaction of its own unless one is open. */
void mem_region_set_enabled(struct mem_region *mr, bool enabled);
void mem_region_set_readonly(struct mem_region *mr, bool readonly);
void mem_region_set_offset(struct mem_region *mr, uint64_t offset);
void mem_region_set_size(struct mem_region *mr, uint64_t size); /* container, io, alias */
void mem_region_set_priority(struct mem_region *mr, int priority);
void mem_region_set_alias_offset(struct mem_region *mr, uint64_t target_offset);
void mem_region_set_romd(struct mem_region *mr, bool rom_mode);

static inline bool mem_region_mapped(const struct mem_region *mr)
{
    return mr->parent != NULL;
}

/* Group changes: flat views are rebuilt once, at the outermost commit. */
void mem_txn_begin(void);
void mem_txn_commit(void);

/* --- address spaces ------------------------------------------------------- */

struct flat_view;

struct addr_space {
    const char *name;
    struct mem_region *root;
    struct flat_view *view; /* published; private to memory.c */
    unsigned generation;    /* of the view; no two views ever have the same */
    unsigned slot;          /* of the readers' hints */
    TAILQ_ENTRY(addr_space) link;
};

/*
 * The address spaces every machine has. Their roots are containers set up by
 * memory_init(): as_memory "system" of 2^52 bytes, as_io "io" of 64 KiB, as_smm
 * (memory as seen in SMM) which shows the system memory until the machine adds
 * SMRAM regions over it.
 */
extern struct addr_space as_memory;
extern struct addr_space as_io;
extern struct addr_space as_smm;

void memory_init(void);
void memory_fini(void);

/* Further ones (per-device DMA views). `name` must stay valid. */
void addr_space_init(struct addr_space *as, const char *name, struct mem_region *root);
void addr_space_fini(struct addr_space *as);

/* --- lookup --------------------------------------------------------------- */

#define MEM_SEC_READ_HOST  (1u << 0) /* reads (and fetches) may go to host memory */
#define MEM_SEC_WRITE_HOST (1u << 1) /* writes may, after looking at the dirty bits */
#define MEM_SEC_ROM        (1u << 2) /* host memory that ignores writes */

/*
 * What is at one address. A value: it stays meaningful until the listener
 * reports a change, and harmless afterwards as long as the region lives.
 */
struct mem_section {
    struct mem_region *mr; /* NULL: nothing there */
    uint8_t *host;         /* host address, NULL for I/O and holes */
    ram_addr_t ram;        /* RAM_ADDR_NONE for I/O and holes */
    gpa_t gpa;             /* the address looked up */
    uint64_t offset;       /* of gpa in mr */
    uint64_t len;          /* how far it extends from gpa on, at least 1 */
    unsigned flags;        /* MEM_SEC_* */
};

/*
 * Look an address up. Always fills `out`; false if nothing is there (beyond the
 * end of the space too). Lock-free, never blocks.
 *
 * For the MMU: look up the page's first byte. If len is less than a page the
 * page is made of pieces, and every access to it must take
 * addr_space_read/write.
 */
bool mem_lookup(struct addr_space *as, gpa_t gpa, struct mem_section *out);

/* The view's generation: changes whenever lookups may give other answers. */
unsigned addr_space_generation(const struct addr_space *as);
/* The generation of the latest view of any of them. Atomic; leaf code may read it. */
extern unsigned mem_generation;

/* --- access --------------------------------------------------------------- */

/* Results, or-ed together. 0 is success. */
#define MEM_RESULT_OK     0u
#define MEM_RESULT_DECODE (1u << 0) /* nothing at (a part of) the address */
#define MEM_RESULT_ERROR  (1u << 1) /* the device refused the access */

/*
 * Copy. Any address, length and alignment: RAM is copied, I/O is accessed in
 * the largest aligned pieces the device accepts; holes read as all ones.
 * Writes into RAM set dirty bits and report translated code.
 */
unsigned addr_space_read(struct addr_space *as, gpa_t gpa, void *buf, uint64_t len);
unsigned addr_space_write(struct addr_space *as, gpa_t gpa, const void *buf, uint64_t len);

/* Fill with one byte. */
unsigned addr_space_set(struct addr_space *as, gpa_t gpa, uint8_t byte, uint64_t len);

/* Write into RAM and ROM alike, skipping I/O (firmware and option ROM loaders). */
unsigned addr_space_write_rom(struct addr_space *as, gpa_t gpa, const void *buf, uint64_t len);

/* One access of a CPU or device, little endian unless named _be. */
uint8_t addr_space_ldub(struct addr_space *as, gpa_t gpa);
uint16_t addr_space_lduw_le(struct addr_space *as, gpa_t gpa);
uint32_t addr_space_ldl_le(struct addr_space *as, gpa_t gpa);
uint64_t addr_space_ldq_le(struct addr_space *as, gpa_t gpa);
uint16_t addr_space_lduw_be(struct addr_space *as, gpa_t gpa);
uint32_t addr_space_ldl_be(struct addr_space *as, gpa_t gpa);
uint64_t addr_space_ldq_be(struct addr_space *as, gpa_t gpa);
void addr_space_stb(struct addr_space *as, gpa_t gpa, uint8_t val);
void addr_space_stw_le(struct addr_space *as, gpa_t gpa, uint16_t val);
void addr_space_stl_le(struct addr_space *as, gpa_t gpa, uint32_t val);
void addr_space_stq_le(struct addr_space *as, gpa_t gpa, uint64_t val);
void addr_space_stw_be(struct addr_space *as, gpa_t gpa, uint16_t val);
void addr_space_stl_be(struct addr_space *as, gpa_t gpa, uint32_t val);
void addr_space_stq_be(struct addr_space *as, gpa_t gpa, uint64_t val);

/*
 * One access of `size` 1..8 to what a section found, `off` bytes behind its
 * gpa; for the soft MMU's I/O entries. Takes the device lock around handlers
 * that want it. Also right for RAM, ROM and holes. The caller keeps
 * off + size within section->len, or else uses addr_space_read/write.
 */
unsigned mem_section_read(const struct mem_section *section, uint64_t off, uint64_t *val,
                          unsigned size);
unsigned mem_section_write(const struct mem_section *section, uint64_t off, uint64_t val,
                           unsigned size);

/* IN and OUT of a vCPU: size 1, 2 or 4; the port wraps at 64 KiB. */
uint32_t io_port_read(uint16_t port, unsigned size);
void io_port_write(uint16_t port, uint32_t val, unsigned size);

/* REP INS: `count` reads of the port, into buf one after the other. */
void io_port_read_string(uint16_t port, unsigned size, uint8_t *buf, uint64_t count);

/* --- DMA mappings --------------------------------------------------------- */

/*
 * Host memory standing for guest memory during a transfer. I/O ranges get a
 * bounce buffer, so callers need no second path. Every successful map is
 * followed by one unmap, which says how much a device has written.
 */
struct mem_mapping {
    uint8_t *host;
    uint64_t len; /* what was mapped; may be less than asked for */
    gpa_t gpa;
    ram_addr_t ram; /* RAM_ADDR_NONE: bounce buffer */
    struct addr_space *as;
    bool write;
};

/*
 * Map up to `len` bytes (m->len of them, at least 1) for the device to read
 * (`write` false) or write. 0; -EFAULT: nothing is there; -ENOMEM; -EINVAL: len
 * is 0.
 */
int addr_space_map(struct addr_space *as, gpa_t gpa, uint64_t len, bool write,
                   struct mem_mapping *m);
void addr_space_unmap(struct mem_mapping *m, uint64_t accessed);

/* --- dirty tracking ------------------------------------------------------- */

/*
 * One bit per RAM page and client; all bits are set at first. A client that
 * wants to hear of writes clears bits; whoever writes sets them again. The
 * meaning for DIRTY_CODE: clear = the page has translated code.
 */
enum dirty_client {
    DIRTY_CODE,
    DIRTY_VGA,
    DIRTY_MIGRATION,
    DIRTY_COUNT,
};

/*
 * RAM has been written, by anybody but generated code: set the bits of VGA and
 * MIGRATION, and call the code write notifier if a page has DIRTY_CODE clear.
 * Call it after the write. addr_space_* do so themselves.
 */
void dirty_mark(ram_addr_t addr, uint64_t len);

/* The same without the notifier, for the store path of generated code, which
 * deals with its own code. */
void dirty_mark_cpu(ram_addr_t addr, uint64_t len);

/* dirty_mark() for leaf code (general registers only): false if a page has translated code, which it
 * cannot deal with. */
bool dirty_mark_leaf(ram_addr_t addr, uint64_t len);

/* Set bits of one client without anything else. */
void dirty_set(enum dirty_client client, ram_addr_t addr, uint64_t len);

/*
 * Clear bits, then call the listeners' dirty_cleared so that TLBs send the next
 * write through the slow path. The client reads the contents afterwards.
 */
void dirty_clear(enum dirty_client client, ram_addr_t addr, uint64_t len);

/* Is any page of the range dirty? */
bool dirty_test(enum dirty_client client, ram_addr_t addr, uint64_t len);

/*
 * Fetch and clear: bit i of `bits` (if not NULL, room for the range's pages)
 * says whether page i of the range was dirty. Returns whether any was.
 */
bool dirty_test_clear(enum dirty_client client, ram_addr_t addr, uint64_t len, unsigned long *bits);

/* Does some client want to hear of writes to this page? Then it must not be
 * writable without the slow path. */
bool dirty_tracked(ram_addr_t addr);

/* Called by dirty_mark() on any thread; one consumer, the translator. */
void mem_set_code_write_notifier(void (*cb)(ram_addr_t addr, uint64_t len));

/* --- listeners ------------------------------------------------------------ */

struct mem_listener {
    /* A new flat view of `as` is published. Device lock held, any thread. */
    void (*view_changed)(struct mem_listener *l, struct addr_space *as);
    /* Dirty bits were cleared: writes must take the slow path. Any thread. */
    void (*dirty_cleared)(struct mem_listener *l, ram_addr_t addr, uint64_t len);
    TAILQ_ENTRY(mem_listener) link;
};

void mem_listener_add(struct mem_listener *l);
void mem_listener_remove(struct mem_listener *l);

/* The ranges of the current view in address order (KVM slots, e820 checks,
 * `info mtree -f`). */
void addr_space_for_each(struct addr_space *as,
                         void (*fn)(const struct mem_section *section, void *opaque), void *opaque);

/* The tree below an address space's root as text, for the monitor. Device lock
 * held. The caller frees it with g_free(). */
char *mem_tree_describe(struct addr_space *as);
/* The same for the ranges as they are seen. */
char *mem_flat_describe(struct addr_space *as);

#endif
