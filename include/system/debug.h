/* SPDX-License-Identifier: MIT */
/*
 * What a debugger asks of the vCPUs: breakpoints and watchpoints the guest cannot see, stepping,
 * holding some vCPUs while others run, memory. Implemented by translator/debug.c and the frontend.
 *
 * Everything here needs the device lock and standing vCPUs (the machine stopped, or between
 * vcpu_gate_close() and vcpu_gate_open()) unless it says otherwise. Unused, it costs nothing but a
 * test of one byte when translated code returns to the run loop.
 */
#ifndef SYSTEM_DEBUG_H
#define SYSTEM_DEBUG_H

#include "util/base.h"
#include "util/types.h"

struct vcpu;

/* --- points ------------------------------------------------------------------------------------ */

enum debug_point_kind {
    DEBUG_POINT_CODE,    /* before the instruction at a linear address */
    DEBUG_POINT_CODE_HW, /* the same, told apart for the one who asked */
    DEBUG_POINT_WRITE,   /* after the instruction that writes to [addr, addr + len) */
    DEBUG_POINT_READ,
    DEBUG_POINT_ACCESS,
};

struct debug_point {
    enum debug_point_kind kind;
    gva_t addr;
    uint64_t len; /* of code: not used */
    /* Is it one for the debugger? On the vCPU's thread, at the instruction. NULL: always. */
    bool (*condition)(struct vcpu *cpu, void *opaque);
    void *opaque;
};

#define DEBUG_POINTS_MAX 1024

/* 0; -EEXIST; -ENOSPC. */
int debug_point_add(const struct debug_point *point);
/* Its opaque (or NULL) in *opaque; -ENOENT. */
int debug_point_remove(enum debug_point_kind kind, gva_t addr, uint64_t len, void **opaque);
/* All of them; code runs as if there had never been one. */
void debug_points_clear(void (*drop)(void *opaque));

/* --- running ------------------------------------------------------------------------------------ */

enum debug_run {
    DEBUG_RUN,
    DEBUG_STEP, /* one instruction, or until the PC has left [range_start, range_end) */
    DEBUG_HOLD, /* do nothing */
};

/* What the vCPU does when the machine runs. A step begins on an instruction whose breakpoint is
 * ignored; no_irq: interrupts wait meanwhile. */
void debug_set_run(struct vcpu *cpu, enum debug_run run, bool no_irq);
void debug_set_range(struct vcpu *cpu, gva_t start, gva_t end);

enum debug_stop_reason {
    DEBUG_STOP_NONE,
    DEBUG_STOP_STEP,
    DEBUG_STOP_CODE,
    DEBUG_STOP_CODE_HW,
    DEBUG_STOP_WRITE,
    DEBUG_STOP_READ,
    DEBUG_STOP_ACCESS,
};

struct debug_stop {
    enum debug_stop_reason reason;
    gva_t addr; /* of data */
};

/* Why the vCPU has stopped by itself, once; it holds until told otherwise. When it runs again, the
 * code point that was taken here does not hit at the same instruction again. */
struct debug_stop debug_take_stop(struct vcpu *cpu);
/* Forget that it has stopped: a code point will hit again. */
void debug_drop_stop(struct vcpu *cpu);

/* Called on the thread of a vCPU that has just stopped, without the device lock. NULL: nobody. */
void debug_set_stop_handler(void (*fn)(void *opaque), void *opaque);

/* --- state (the frontend) ----------------------------------------------------------------------- */

/*
 * Registers by number, in the order and format of GDB's target descriptions. There are several
 * descriptions, one for each width of the CPU; a number, a name and a size belong to one of them.
 */
struct debug_register {
    const char *name;
    unsigned bytes;
    const char *type;     /* of GDB, or one the description defines */
    const char *group;    /* NULL: by type */
    unsigned feature;     /* index into debug_description.features */
    unsigned kind, index; /* the frontend's */
};

struct debug_description {
    const char *architecture;                   /* GDB's name */
    const char *const *features, *const *types; /* their names; XML of the types in each */
    unsigned n_features;
    const struct debug_register *regs;
    unsigned n_regs;
    const uint8_t *expedited; /* numbers of PC, stack and frame pointer, 0xff at the end */
};

enum debug_width { DEBUG_WIDTH_MODE, DEBUG_WIDTH_16, DEBUG_WIDTH_32, DEBUG_WIDTH_64 };

/* The one of that width; DEBUG_WIDTH_MODE: what the CPU does now, NULL if it may yet become either. */
const struct debug_description *debug_description(const struct vcpu *cpu, enum debug_width width);

/* Register n as bytes of the target; -EINVAL: it does not take that value. The PC is the linear
 * address, as those of points are. */
void debug_read_register(struct vcpu *cpu, const struct debug_register *r, uint8_t *buf);
int debug_write_register(struct vcpu *cpu, const struct debug_register *r, const uint8_t *buf);

/* Do page tables stand between linear and physical addresses? */
bool debug_paging(const struct vcpu *cpu);
/* "running", "halted" ... for people. */
const char *debug_cpu_state(const struct vcpu *cpu);

/*
 * Memory as the vCPU sees it now, or guest-physical; without regard to rights, page tables stay as
 * they are, ROM can be written. How many bytes. (Reading is fine on the vCPU's own thread too.)
 */
uint64_t debug_access_memory(struct vcpu *cpu, gva_t addr, void *buf, uint64_t len, bool write);
uint64_t debug_access_physical(struct vcpu *cpu, gpa_t addr, void *buf, uint64_t len, bool write);

/* --- the translator's side --------------------------------------------------------------------- */

/* Has the debugger told this vCPU to do nothing? Its own thread. */
bool debug_held(const struct vcpu *cpu);

#endif
