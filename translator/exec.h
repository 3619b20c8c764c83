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

#include "translator/frontend.h"
#include "translator/vcpu.h"

/* Run until the vCPU halts, is asked to stop (vcpu.poll with VCPU_EV_STOP) or an event needs the caller. */
void exec_run(struct vcpu *cpu);
__attribute__((noreturn)) void vcpu_unwind_exit(struct vcpu *cpu);
/* The debugger has stopped the vCPU before the running instruction: leave it and the run loop. */
__attribute__((noreturn)) void exec_debug_exit(struct vcpu *cpu);
/* Restore the exact state (pc, flags) without leaving; for helpers that need their own PC. */
void vcpu_sync_state(struct vcpu *cpu);

/* A host fault or its software equal (SIGFPE with FPE_INTDIV: division; SIGSEGV: misaligned SSE
   operand; ...): frontend->host_fault(), then as vcpu_unwind_exit(). */
__attribute__((noreturn)) void exec_host_fault(struct vcpu *cpu, int signo, int code);
/* Undo the running guest instruction and run it again in a block of its own; the second: with no
   other vCPU in translated code meanwhile. */
__attribute__((noreturn)) void exec_retry_insn(struct vcpu *cpu);
__attribute__((noreturn)) void exec_retry_exclusive(struct vcpu *cpu);
/* The same, but the instruction and what follows it in a block without windows (opt_windows). */
__attribute__((noreturn)) void exec_retry_unshared(struct vcpu *cpu);
/* Entry of the block without windows for `pc` in the current mode, or NULL. As exec_lookup_leaf. */
const void *exec_lookup_unshared(struct vcpu *cpu, uint64_t pc);
bool exec_is_exclusive(const struct vcpu *cpu);

/* What makes a pending event deliverable (STI, end of a shadow, TPR lowered, ...) calls
   vcpu_poll_request(), since the run loop does not look again at events it could not deliver. */
void vcpu_context_changed(struct vcpu *cpu); /* mode bits changed; address space the same */
/* x86 MOV CR3 and its like, soft TLB and code together: go to `space` (PCID, 0 without); `flush`
   drops its non-global translations. */
void vcpu_set_space(struct vcpu *cpu, unsigned space, bool flush);
/* INVPCID of another space; INVLPG; everything (CR0.PG, CR4.PGE ...), global pages too. */
void vcpu_flush_space(struct vcpu *cpu, unsigned space);
void vcpu_flush_page(struct vcpu *cpu, gva_t addr);
void vcpu_flush_everything(struct vcpu *cpu);
/* The code half of these. */
void vcpu_flush_code(struct vcpu *cpu, bool global_too); /* code TLB and jump table: address space changed */
void vcpu_flush_code_page(struct vcpu *cpu, gva_t addr);

/* Entry of the block for `pc` in the current context, or NULL: return EXEC_LOOKUP. Fills the jump
   table. General registers only, never raises. Call it from translated code only. */
const void *exec_lookup_leaf(struct vcpu *cpu, uint64_t pc);

/*
 * vCPUs register before their thread starts. exec_start() comes once, before any.
 */
struct error;
struct backend_ops;
int exec_start(const struct frontend_ops *fe, const struct backend_ops *be, size_t code_size, struct error **err);
void exec_stop(void);
int exec_vcpu_init(struct vcpu *cpu); /* gives it the next index */
void exec_vcpu_fini(struct vcpu *cpu);
unsigned exec_vcpu_count(void);
extern unsigned exec_n_vcpus; /* the same for leaf code, while they run */
struct vcpu *exec_vcpu(unsigned index); /* NULL if there is none */
/* Thread-local: the vCPU this thread runs. */
void exec_set_current(struct vcpu *cpu);
struct vcpu *exec_current(void);

/*
 * Nobody else in translated code between begin and end. From outside translated code only, holding
 * no lock that a vCPU in a helper may wait for.
 */
void exec_exclusive_begin(struct vcpu *cpu); /* NULL: a thread that is no vCPU */
void exec_exclusive_end(struct vcpu *cpu);
/* Wait until every other vCPU has been outside translated code. Call from outside. */
void exec_grace(struct vcpu *cpu);

/* Lines "name value" for `info jit` and -d stats. */
void exec_print_stats(void (*print)(void *arg, const char *name, uint64_t value), void *arg);

#endif
