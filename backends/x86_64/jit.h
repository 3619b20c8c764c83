/* SPDX-License-Identifier: MIT */
/* Inside of the x86-64 backend: a block's private data, the log of emitted code. */
#ifndef BACKENDS_X86_64_JIT_H
#define BACKENDS_X86_64_JIT_H

#include "backends/x86_64/emit.h"

/*
 * tb_data() is the block's side table, data_size bytes. tb_edge.host has two distances from the
 * block's entry:
 */
enum {
    EDGE_PATCH, /* rel32 field of the edge's jump; 0: it has none */
    EDGE_STUB,  /* behind the edge's call of its stub; with EDGE_SOFT */
};

/*
 * A soft edge jumps with all flags in the host's EFLAGS, to code in front of the call of its stub
 * that saves them and jumps on. Linking to a block that overwrites them (TB_FLAGS_DEAD) makes it
 * jump there directly, behind the block's first instruction: that one is for arrivals with the
 * flags saved, as invalidation overwrites it, which must not catch the others. They are caught by
 * unlinking.
 */
#define EDGE_SOFT (1u << 31)
enum { SAVER = 11 /* bytes of that code */, FLAGS_DEAD_ENTRY = 2 };

/* tb.host */
enum { TB_FLAGS_DEAD = 1 };

/* In front of a block's entry: the call of stubs.stale, then the check of its page. */
enum { ENTRY_STALE = 16, ENTRY_PAGE = 11 };

/* Bytes used, or -ENOSPC. */
int emit_block(struct emit *e, struct tb *tb, const struct ir_block *b, const struct code_span *to, uint32_t *entry);

/* signals.c */
int jit_signals_init(void);
void jit_signals_fini(void);
int jit_signals_thread_init(void);
/* After the fault stub has left translated code. */
enum exec_exit jit_after_fault(struct vcpu *cpu);
void jit_unwind(struct vcpu *cpu);
bool jit_side_entry(struct vcpu *cpu, struct side_entry *s);

/* slow.c, called by stubs */
void *jit_slow_leaf(struct vcpu *cpu);
void *jit_slow_full(struct vcpu *cpu);
/* Of a window: its host address, or where to go on without it; both NULL: jit_window_full() knows. */
struct window_way {
    void *host;
    const void *code;
};
struct window_way jit_window_leaf(struct vcpu *cpu);
void *jit_window_full(struct vcpu *cpu);
/* Behind the jump that follows the call of the slow path; to go on there. */
const uint8_t *jit_slow_behind(struct vcpu *cpu);
void jit_slow_skip(struct vcpu *cpu);
/* The store of vcpu.bounce; the first: not 0 if that could be done without saving FP state. */
uint64_t jit_commit_leaf(struct vcpu *cpu);
void jit_slow_commit(struct vcpu *cpu);

/* disas.c: -d out_asm */
void jit_note_begin(void);
void jit_note_insn(uint32_t end, unsigned insn);
void jit_log_block(const struct tb *tb, const struct ir_block *b, const uint8_t *code, uint32_t entry, unsigned size);

#endif
