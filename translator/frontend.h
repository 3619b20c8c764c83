/* SPDX-License-Identifier: MIT */
/* What the translator asks of a guest architecture: one constant table per frontend. */
#ifndef TRANSLATOR_FRONTEND_H
#define TRANSLATOR_FRONTEND_H

#include "translator/ir.h"
#include "translator/softtlb.h"

/*
 * Identity of a translation. Two blocks with equal keys are the same code. All bytes count: zero
 * the struct before filling it.
 */
struct tb_key {
    gpa_t phys;     /* first byte, as ram_addr_t (low 12 bits: offset in the page) */
    gpa_t phys2;    /* second page of a page-straddling instruction (ram_addr_t | 1), else 0 */
    uint64_t mode;  /* every mode bit that changes decoding or semantics (frontend defines) */
    uint64_t cs_base; /* non-flat code segment only (else 0): base, */
    uint64_t pc;      /* linear PC, */
    uint32_t cs_limit; /* and limit */
    uint32_t variant; /* TBV_*: single step, debug registers, instruction count, ... */
};
enum { TBV_SINGLE_STEP = 1, TBV_DEBUG = 2, TBV_COUNT = 4, TBV_NOCHAIN = 8, TBV_ONE_INSN = 16 /* stop after one instruction */,
       TBV_UNSHARED = 32 /* no windows (opt_windows) */ };

struct frontend_ops {
    const char *name;
    const struct ir_global *globals; unsigned n_globals;
    const struct ir_helper *helpers; unsigned n_helpers;
    size_t cpu_size; /* of the frontend's CPU struct, which starts with struct vcpu */

    /* Mode part of the key from the current state (mode, cs_base, cs_limit, variant; pc not 0: it is part of the
       key). Cheap, leaf code. */
    void (*get_mode)(struct vcpu *cpu, struct tb_key *key);
    /* Page-table walk. On failure: raises the guest's exception and does not return, or with
       probe_only returns -1. For TLB_FETCH mmu_idx is 0 and the class is that of the current CPL.
       Without paging `global` is true. Sets A (and D for writes) in the guest's tables as hardware does. */
    int (*walk)(struct vcpu *cpu, gva_t addr, enum tlb_access a, unsigned mmu_idx, unsigned memflags, bool probe_only, struct tlb_walk *out);
    /* An access crosses a page end: raise what comes before a fault of its first page (x86: a part
       that is not canonical); may be NULL. */
    void (*check_crossing)(struct vcpu *cpu, gva_t addr, unsigned size, unsigned memflags);
    /* An access to a page whose walk said `watched` is being done. */
    void (*watch)(struct vcpu *cpu, gva_t addr, unsigned size, bool write);
    /* Translate from key at host bytes `code` (to the end of the page, `avail` bytes) and `code2`
       (second page, NULL unless needed). Returns 0; or 1 if the first instruction continues in the
       next page and code2 is NULL (caller fetches it and asks again). Appends to b. */
    int (*translate)(struct vcpu *cpu, const struct tb_key *key, const uint8_t *code, unsigned avail, const uint8_t *code2, struct ir_block *b);
    /* In the run loop, poll set or halted: take what is deliverable. Returns true if the vCPU may run, false: halted. */
    bool (*poll)(struct vcpu *cpu);
    /* In the run loop, after an unwind: deliver the pending exception (may raise again). */
    void (*deliver)(struct vcpu *cpu);
    /* A host fault (SIGFPE, SIGSEGV) in translated code, state already exact. Sets the pending exception. */
    void (*host_fault)(struct vcpu *cpu, int signo, int code);
    /* FP state moved between vcpu.fx and the host: extra fix-ups; may be NULL. */
    void (*reset)(struct vcpu *cpu);
    /* Physical address space this vCPU sees now (SMM differs). */
    struct addr_space *(*as)(struct vcpu *cpu);
};
extern const struct frontend_ops *frontend; /* chosen at start */

#endif
