/* SPDX-License-Identifier: MIT */
/*
 * Hand-made code every block shares: entering and leaving translated code, calls of C functions,
 * the slow path of memory accesses. See stubs.c for each one's contract.
 */
#ifndef BACKENDS_X86_64_STUBS_H
#define BACKENDS_X86_64_STUBS_H

#include "translator/backend.h"

struct error;

/*
 * A memory access as the slow path needs it, packed in 32 bits:
 * bytes 0..15, class 16..17, memory flags 18..19, ACC_* 20..27.
 */
enum { ACC_WRITE = 1, ACC_READ = 2, ACC_LOCK = 4, ACC_PROBE = 8, ACC_BASE = 16 /* operand as one register */,
       ACC_WINDOW = 32 /* all or nothing: see jit_window_leaf() */,
       ACC_VALUE = 64 /* a plain store: the value is in vcpu.spill, the slow path makes it */,
       ACC_SAME_MAP = 128 /* windows are open: what is mapped may not change */ };
#define ACC_INFO(bytes, cls, memflags, acc)                                                        \
    ((uint32_t)(bytes) | (uint32_t)(cls) << 16 | (uint32_t)(memflags) << 18 | (uint32_t)(acc) << 20)
static inline unsigned acc_bytes(uint32_t info) { return info & 0xffff; }
static inline unsigned acc_class(uint32_t info) { return info >> 16 & 3; }
static inline unsigned acc_memflags(uint32_t info) { return info >> 18 & 3; }
static inline unsigned acc_flags(uint32_t info) { return info >> 20; }

int stubs_init(const struct code_span *span, struct error **err);
/* `call`ed from blocks; NULL: no room left (of sizes and kinds there are more than stubs fit) */
const uint8_t *stub_slow(unsigned addr_reg, unsigned index_reg, uint32_t info);
/* What to call when the block has done a stub's work: see call_slow(). */
const uint8_t *stub_slow_common(unsigned addr_reg, unsigned index_reg, uint32_t info);
struct ir_helper;
const uint8_t *stub_helper(unsigned n, const struct ir_helper *table);
/* What enter() returns. */
enum jit_exit { JIT_LOOP, JIT_EDGE, JIT_LOOKUP, JIT_STALE, JIT_OTHER_PAGE, JIT_FAULT };
struct stubs {
    enum jit_exit (*enter)(struct vcpu *cpu, const void *code);
    const uint8_t *commit;     /* call: end of a store on the bounce buffer; keeps flags */
    const uint8_t *edge;       /* call; the return address says which edge */
    const uint8_t *edge_table; /* call: an in-page edge that goes by the jump table; 5 bytes of data follow */
    const uint8_t *page_check; /* call: is r8 the linear page of the block of RAM page r9? */
    const uint8_t *lookup;     /* jmp: target PC in r8 */
    const uint8_t *lookup_from; /* call: the same, behind it vcpu.ind_from (4 bytes) */
    const uint8_t *lookup_key; /* jmp: full lookup of vcpu.pc */
    const uint8_t *leave;      /* jmp: to the run loop, EXEC_LOOP */
    const uint8_t *stale;      /* call, in front of a block's entry: the block is invalid */
    const uint8_t *fault;      /* from the signal handler */
};
extern struct stubs stubs;

#endif
