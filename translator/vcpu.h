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
#define VCPU_JMP_BITS 12   /* jump table: 4096 entries */

/* One entry of the indirect-jump table: linear PC and context id must both match. */
struct jmp_entry {
    uint64_t pc;
    uint64_t ctx;
    const void *code; /* host entry of the block */
    struct tb *tb;
};

struct vcpu {
    /* --- hot: reached as [rsp + disp8] --- */
    uint64_t pc_page;   /* linear address of the page of the running block */
    uint64_t flags;     /* image of the arithmetic flags at EFLAGS positions; other bits are garbage */
    uint32_t poll;      /* not 0: leave translated code at the next poll (atomic) */
    uint32_t exit_slot; /* why translated code returned, see exec.h */
    uint64_t ctx;       /* context id: address space, generation and mode, see exec.h */
    uint64_t host_sp;   /* the C stack to use for full stubs and to return to */
    uint64_t spill[3];
    uint64_t greg[VCPU_GREGS]; /* at 64: meaning given by the frontend */
    /* --- warm --- */
    uint64_t pc;      /* linear PC, valid outside translated code (and set by helpers before exit_lookup) */
    uint64_t host_ra; /* return address into translated code of the running helper; 0 outside */
    struct tb *tb;    /* block being executed (interp), or last entered by the run loop */
    const struct ir_insn *cur_insn; /* interp: the running insn, for unwinding */
    uint8_t fx[512] __attribute__((aligned(64))); /* FP/SIMD state in FXSAVE64 layout when not live in host registers */
    struct softtlb_set tlb[SOFTTLB_SETS];
    struct jmp_entry jmp[1 << VCPU_JMP_BITS];
    /* --- cold --- */
    struct softtlb_l2 *tlb2;
    unsigned index;
    bool halted;               /* HLT or wait-for-SIPI: the run loop sleeps until an event */
    _Atomic uint32_t events;   /* VCPU_EV_* (system/cpu.h) */
    sigjmp_buf unwind;         /* to the run loop, for raised exceptions */
    void *backend;             /* backend private, per vCPU */
    void *accel;               /* run-loop private: thread, condition */
};

#endif
