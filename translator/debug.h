/* SPDX-License-Identifier: MIT */
/*
 * The debugger's hooks in the translator (system/debug.h has what they are for).
 *
 * Code points are kept by linear address, code is translated by physical page: so every block that
 * has an instruction at the page offset of a point calls debug_code_point() before it, with its
 * linear PC. The set of offsets ("hooks") only grows until all points are cleared, since debuggers
 * take their points out and put them in again at every stop.
 */
#ifndef TRANSLATOR_DEBUG_H
#define TRANSLATOR_DEBUG_H

#include "system/debug.h"
#include "translator/vcpu.h"

/* Which page offsets have hooks; changes while no vCPU runs. */
extern bool debug_hooks;
extern uint64_t debug_hook_map[SOFTTLB_PAGE / 64];

static inline bool debug_hooked(unsigned off)
{
    return debug_hook_map[off / 64] >> off % 64 & 1;
}

/* At a hook, all of the state exact but vcpu.pc. Does not return if a point is hit. */
void debug_code_point(struct vcpu *cpu, gva_t pc);

/* Does the page hold watched data? (For the frontend's walk.) */
extern bool debug_watching;
bool debug_page_watched(gva_t page);
/* An access to a page that is watched (frontend's watch); may not return. */
void debug_data_access(struct vcpu *cpu, gva_t addr, unsigned size, bool write);

/* --- for the run loop: vcpu.debug.attention is set --- */

/* A block of one instruction has been executed to its end. */
void debug_insn_done(struct vcpu *cpu);
/* Something has been delivered: the PC is that of a handler. */
void debug_delivered(struct vcpu *cpu);
/* Leave the run loop? */
bool debug_stops(struct vcpu *cpu);

/* The run loop's caller: tell whoever wants to know that this vCPU has stopped by itself. */
void debug_report(struct vcpu *cpu);

#endif
