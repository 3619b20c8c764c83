/* SPDX-License-Identifier: MIT */
/*
 * What the translator asks of a host: one constant table per backend. The portable side (tb.c,
 * exec.c) owns blocks, keys, edges and the code buffer; a backend turns IR into code and runs it.
 *
 * Life of a block: compile() writes its code into the span and its side table into
 * tb_data_alloc()ed memory. All its edges start unlinked (tb_edge.to NULL, slot &tb_slot_none):
 * taking one sets vcpu.pc to the target, vcpu.tb to the block and vcpu.exit_slot to the edge, leaves
 * vcpu.pc_page at the block's page and returns EXEC_EDGE from run(). link() makes an edge inside
 * the page (tb_edge_in_page) jump straight to the target's entry; edges that leave the page read
 * tb_edge.slot (unless backend_ops.links_pages), which the portable side publishes before link(): compare, on a miss look into the
 * jump table, then EXEC_EDGE. link() with `to` NULL: the edge goes by the jump table from now on
 * (and on a miss returns EXEC_LOOKUP). unlink() undoes link(). invalidate() makes the entry (however reached) lead to
 * a lookup of that same PC; it may run while other threads execute the block, so it must be one
 * aligned atomic store. compile, link, unlink and invalidate are called with the cache lock held.
 *
 * vcpu.pc_page is right whenever a block is entered; whoever leaves the page sets it.
 */
#ifndef TRANSLATOR_BACKEND_H
#define TRANSLATOR_BACKEND_H

#include "translator/tb.h"
#include "util/base.h"

/* Why run() came back. vcpu.pc is always where to go on. */
enum exec_exit {
    EXEC_LOOP,   /* exit_loop */
    EXEC_POLL,   /* vcpu.poll was found set at a poll point */
    EXEC_EDGE,   /* edge vcpu.exit_slot of vcpu.tb is not linked (or not for this context) */
    EXEC_LOOKUP, /* exit_ind or exit_lookup not found in the jump table, or an invalid block */
};

struct backend_ops {
    const char *name;
    bool wants_opt; /* run opt_flags() first */
    bool links_pages; /* edges that leave the page are link()ed too, and look at vcpu.ctlb when taken */
    /* Once, before the first vCPU: make stubs in `stubs` (the returned number of bytes of it),
       install signal handlers. Or -errno. */
    int (*init)(const struct code_span *stubs, struct error **err);
    int (*vcpu_init)(struct vcpu *cpu);
    void (*vcpu_fini)(struct vcpu *cpu);
    /* Number of bytes of `to` used (tb->code is to->rx), or -ENOSPC: span too small. */
    int (*compile)(struct tb *tb, const struct ir_block *b, const struct code_span *to);
    void (*link)(struct tb *from, unsigned slot, struct tb *to);
    void (*unlink)(struct tb *from, unsigned slot);
    void (*invalidate)(struct tb *tb);
    /* Enter tb (cpu->pc is its start, cpu->pc_page set) and run until an exit. */
    enum exec_exit (*run)(struct vcpu *cpu, struct tb *tb);
    /* Bring vcpu.pc, vcpu.flags and the globals to their exact values at the guest instruction
       that cpu->host_ra (or cpu->cur_insn) is in. */
    void (*unwind)(struct vcpu *cpu);
    /* The block run() is in, at the time of a helper called from it; NULL if outside. */
    struct tb *(*current)(struct vcpu *cpu);
    /* Between run()s and in helpers with HF_FP that are not leafs FP/SIMD state is in vcpu.fx. */
    void (*dump_counters)(void (*print)(void *arg, const char *name, uint64_t value), void *arg);
    void (*fini)(void);
};
extern const struct backend_ops *backend; /* chosen at start */
extern const struct backend_ops backend_interp, backend_x86_64;

#endif
