/* SPDX-License-Identifier: MIT */
/*
 * Running translated code: find or make the block for the current state, enter it, follow exits.
 *
 * Raising: C code called from translated code calls vcpu_unwind_exit() after recording the
 * exception in the frontend's CPU struct. It restores the exact guest state of the faulting
 * instruction (side table by vcpu.host_ra, or vcpu.cur_insn in the interpreter), sets vcpu.pc to
 * that instruction and jumps to the run loop, which calls frontend->deliver().
 *
 * Context ids: vcpu.ctx names (address space, generation, mode). The frontend calls
 * vcpu_context_changed() whenever CR3, paging bits or the mode change; translated code compares
 * it in the jump table and in edges that leave a page.
 *
 * Epochs: memory and rights that other vCPUs may still be using are reclaimed after every vCPU
 * has passed a poll (exec_epoch_*).
 */
#ifndef TRANSLATOR_EXEC_H
#define TRANSLATOR_EXEC_H

#include "translator/vcpu.h"

/* Run until the vCPU halts, is asked to stop (vcpu.poll with VCPU_EV_STOP) or an event needs the caller. */
void exec_run(struct vcpu *cpu);
__attribute__((noreturn)) void vcpu_unwind_exit(struct vcpu *cpu);
/* Restore the exact state (pc, flags) without leaving; for helpers that need their own PC. */
void vcpu_sync_state(struct vcpu *cpu);

void vcpu_context_changed(struct vcpu *cpu); /* mode bits changed; address space the same */
void vcpu_flush_code(struct vcpu *cpu, bool global_too); /* code TLB and jump table: address space changed */
void vcpu_flush_code_page(struct vcpu *cpu, gva_t addr);

#endif
