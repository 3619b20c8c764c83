/* SPDX-License-Identifier: MIT */
/*
 * struct vcpu: the part of a virtual CPU that translated code, the run loop and the soft TLB know.
 * A frontend's CPU struct has it as its first member. Translated code runs with the host stack
 * pointer at the struct, so offsets below 128 are the cheapest to reach: hottest fields first.
 */
#ifndef TRANSLATOR_VCPU_H
#define TRANSLATOR_VCPU_H

#include <setjmp.h>
#include "translator/softtlb.h"
#include "util/base.h"
#include "util/types.h"

#define VCPU_GREGS 32      /* guest register file shared with the frontend's ir_global table */
#define VCPU_JMP_BITS 14   /* jump table: 16384 entries */

/* One entry of the indirect-jump table: linear PC and context id must both match. */
struct jmp_entry {
    uint64_t pc;
    uint64_t ctx;
    const void *code; /* host entry of the block */
    struct tb *tb;
};

/* Code TLB: what RAM page the code of a linear page is, in a context. */
#define VCPU_CTLB_BITS 12
struct ctlb_entry {
    uint64_t page; /* linear */
    uint64_t ram;  /* number of the RAM page: address >> 12 */
    uint64_t ctx;  /* 0: empty */
    uint64_t spare;
};

/* Where translated code looks for `pc` in vcpu.jmp[]. */
static inline unsigned vcpu_jmp_index(uint64_t pc)
{
    return (pc ^ pc >> VCPU_JMP_BITS) & ((1u << VCPU_JMP_BITS) - 1);
}

struct exec_state;

/* What a debugger wants of a vCPU (debug.h); its own thread's while it runs. */
struct vcpu_debug {
    bool attention; /* the run loop has to look at the rest */
    bool no_irq;    /* interrupts wait (while stepping) */
    bool skip;      /* the point at skip_pc is not to hit, once */
    uint8_t run;    /* enum debug_run; atomic */
    uint8_t reason; /* enum debug_stop_reason: why it has stopped by itself */
    uint8_t hit;    /* the same: to be taken at the end of the instruction */
    gva_t addr, hit_addr, skip_pc;
    gva_t range_start, range_end; /* a step goes on while the PC is in here */
};

struct vcpu {
    /* --- hot: reached as [rsp + disp8]; the x86-64 backend relies on flags being first --- */
    uint64_t flags;   /* image of the arithmetic flags at EFLAGS positions; other bits are garbage */
    uint64_t pc_page; /* linear address of the page of the running block */
    /* Polls of translated code: they load through poll_ptr (which faults when it is NULL) or
       compare live_ctx with a context id (never 0). See vcpu_poll_request(). */
    const uint32_t *poll_ptr;
    uint64_t live_ctx;
    uint64_t greg[VCPU_GREGS]; /* at 32: meaning given by the frontend */
    /* --- warm --- */
    uint64_t ctx;       /* context id: address space, generation and mode, see exec.h; not 0 */
    uint32_t poll;      /* not 0: leave translated code at the next poll (atomic) */
    uint32_t exit_slot; /* why translated code returned, see exec.h */
    uint64_t host_sp;   /* the C stack to use for full stubs and to return to */
    uint64_t spill[40]; /* of the backend */
    uint8_t bounce[128] __attribute__((aligned(64))); /* of the backend: accesses that have no host address */
    uint64_t pc;      /* linear PC, valid outside translated code (and set by helpers before exit_lookup) */
    uint64_t host_ra; /* return address into translated code of the running helper; 0 outside */
    struct tb *tb;    /* block being executed (interp), or last entered by the run loop */
    const struct ir_insn *cur_insn; /* interp: the running insn, for unwinding */
    uint64_t ind_pc;   /* the last exit_ind that was not found in the jump table: its target, and */
    uint32_t ind_from; /* its place: vcpu_ind_from() */
    uint8_t fx[512] __attribute__((aligned(64))); /* FP/SIMD state in FXSAVE64 layout when not live in host registers */
    struct softtlb_set tlb[SOFTTLB_SETS];
    struct jmp_entry jmp[1 << VCPU_JMP_BITS];
    struct ctlb_entry ctlb[1 << VCPU_CTLB_BITS]; /* by page number */
    /* --- cold --- */
    struct exec_state *exec; /* private to exec.c: code TLB, context ids, counters */
    struct softtlb_l2 *tlb2;
    unsigned index;
    bool halted;               /* HLT or wait-for-SIPI: the run loop sleeps until an event */
    struct vcpu_debug debug;
    _Atomic uint32_t events;   /* VCPU_EV_* (system/cpu.h) */
    sigjmp_buf unwind;         /* to the run loop, for raised exceptions */
    void *backend;             /* backend private, per vCPU */
    void *accel;               /* run-loop private: thread, condition */
};

/* Where an exit_ind was: offset of its instruction from pc_page, and its aux (18 bits, signed). */
static inline uint32_t vcpu_ind_from(int64_t off, uint32_t aux)
{
    return aux << 13 | (uint32_t)(off + 16);
}
static inline int64_t vcpu_ind_off(uint32_t from)
{
    return (int64_t)(from & 0x1fff) - 16;
}
static inline int32_t vcpu_ind_aux(uint32_t from)
{
    return (int32_t)from >> 13;
}

/* Zeroed memory for a frontend's CPU struct (frontend_ops.cpu_size): the only way to have one that
   runs, for translated code needs a stack below it. */
void *vcpu_alloc(size_t size);
void vcpu_free(void *cpu, size_t size);

/*
 * Any thread: make translated code leave at its next poll. All three words are set because each
 * kind of poll looks at another one; raise the event before, so that whoever sees a word sees it.
 */
static inline void vcpu_poll_request(struct vcpu *cpu)
{
    __atomic_store_n(&cpu->poll, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->poll_ptr, NULL, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->live_ctx, 0, __ATOMIC_SEQ_CST);
}

/* Own thread, outside translated code: look at the events after this, not before. */
static inline void vcpu_poll_clear(struct vcpu *cpu)
{
    __atomic_store_n(&cpu->poll, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->poll_ptr, &cpu->poll, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->live_ctx, cpu->ctx, __ATOMIC_SEQ_CST);
}

/* Own thread: the only way to change ctx. Never 0; jump-table entries not in use have ctx ~0. */
static inline void vcpu_set_ctx(struct vcpu *cpu, uint64_t ctx)
{
    cpu->ctx = ctx;
    __atomic_store_n(&cpu->live_ctx, ctx, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&cpu->poll, __ATOMIC_SEQ_CST))
        __atomic_store_n(&cpu->live_ctx, 0, __ATOMIC_SEQ_CST);
}

#endif
