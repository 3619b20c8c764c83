/* SPDX-License-Identifier: MIT */
/* Points, steps and holds for a debugger (debug.h, system/debug.h). */
#include "translator/debug.h"

#include "system/cpu.h"
#include "translator/backend.h"
#include "translator/exec.h"

#include <errno.h>

bool debug_hooks;
uint64_t debug_hook_map[SOFTTLB_PAGE / 64];
bool debug_watching;

/* Read by running vCPUs, changed while none runs. */
static struct debug_point points[DEBUG_POINTS_MAX];
static unsigned n_points;

static void (*stop_handler)(void *opaque);
static void *stop_opaque;

void debug_set_stop_handler(void (*fn)(void *opaque), void *opaque)
{
    stop_handler = fn;
    stop_opaque = opaque;
}

/* --- the list ------------------------------------------------------------------------ */

static bool is_code(enum debug_point_kind kind)
{
    return kind == DEBUG_POINT_CODE || kind == DEBUG_POINT_CODE_HW;
}

static struct debug_point *find_point(enum debug_point_kind kind, gva_t addr, uint64_t len)
{
    for (unsigned i = 0; i < n_points; i++) {
        struct debug_point *p = &points[i];

        if (p->kind == kind && p->addr == addr && (is_code(kind) || p->len == len))
            return p;
    }
    return NULL;
}

static void add_hook(gva_t addr)
{
    unsigned off = addr % SOFTTLB_PAGE;

    if (debug_hooked(off))
        return;
    debug_hook_map[off / 64] |= BIT(off % 64);
    debug_hooks = true;
    tb_invalidate_offset(off);
}

static void clear_hooks(void)
{
    for (unsigned off = 0; debug_hooks && off < SOFTTLB_PAGE; off++)
        if (debug_hooked(off))
            tb_invalidate_offset(off);
    memset(debug_hook_map, 0, sizeof(debug_hook_map));
    debug_hooks = false;
}

/* Watched pages leave the TLBs, or come back. */
static void watches_changed(void)
{
    debug_watching = false;
    for (unsigned i = 0; i < n_points; i++)
        debug_watching |= !is_code(points[i].kind);
    for (unsigned n = 0; n < vcpu_count(); n++)
        vcpu_flush_everything(vcpu_get(n));
}

int debug_point_add(const struct debug_point *point)
{
    if (find_point(point->kind, point->addr, point->len))
        return -EEXIST;
    if (n_points == DEBUG_POINTS_MAX)
        return -ENOSPC;
    points[n_points++] = *point;
    if (is_code(point->kind))
        add_hook(point->addr);
    else
        watches_changed();
    return 0;
}

int debug_point_remove(enum debug_point_kind kind, gva_t addr, uint64_t len, void **opaque)
{
    struct debug_point *p = find_point(kind, addr, len);

    if (!p)
        return -ENOENT;
    *opaque = p->opaque;
    *p = points[--n_points];
    if (!is_code(kind))
        watches_changed();
    return 0;
}

void debug_points_clear(void (*drop)(void *opaque))
{
    bool watched = debug_watching;

    while (n_points)
        drop(points[--n_points].opaque);
    clear_hooks();
    if (watched)
        watches_changed();
}

/* --- stopping ---------------------------------------------------------------------------- */

/* The vCPU's thread. It leaves the run loop as soon as it is back there. */
static void stop(struct vcpu *cpu, enum debug_stop_reason reason, gva_t addr)
{
    struct vcpu_debug *d = &cpu->debug;

    if (d->reason != DEBUG_STOP_NONE)
        return;
    d->reason = reason;
    d->addr = addr;
    d->skip = false;
    d->attention = true;
    __atomic_store_n(&d->run, DEBUG_HOLD, __ATOMIC_RELEASE);
}

static bool wanted(const struct debug_point *p, struct vcpu *cpu)
{
    return !p->condition || p->condition(cpu, p->opaque);
}

static const struct debug_point *code_point_at(struct vcpu *cpu, gva_t pc)
{
    for (unsigned i = 0; i < n_points; i++)
        if (points[i].addr == pc && is_code(points[i].kind) && wanted(&points[i], cpu))
            return &points[i];
    return NULL;
}

void debug_code_point(struct vcpu *cpu, gva_t pc)
{
    struct vcpu_debug *d = &cpu->debug;
    const struct debug_point *p;

    if (d->skip && d->skip_pc == pc) {
        d->skip = false;
        return;
    }
    cpu->pc = pc; /* for conditions */
    p = code_point_at(cpu, pc);
    if (!p)
        return;
    stop(cpu, p->kind == DEBUG_POINT_CODE ? DEBUG_STOP_CODE : DEBUG_STOP_CODE_HW, pc);
    exec_debug_exit(cpu);
}

/* --- watching ------------------------------------------------------------------------------- */

bool debug_page_watched(gva_t page)
{
    for (unsigned i = 0; i < n_points; i++)
        if (!is_code(points[i].kind) &&
            ranges_overlap(points[i].addr, points[i].len, page, SOFTTLB_PAGE))
            return true;
    return false;
}

static bool kind_matches(enum debug_point_kind kind, bool write)
{
    return kind == DEBUG_POINT_ACCESS || kind == (write ? DEBUG_POINT_WRITE : DEBUG_POINT_READ);
}

static enum debug_stop_reason data_reason(enum debug_point_kind kind)
{
    return kind == DEBUG_POINT_WRITE  ? DEBUG_STOP_WRITE
           : kind == DEBUG_POINT_READ ? DEBUG_STOP_READ
                                      : DEBUG_STOP_ACCESS;
}

/*
 * The stop comes after the instruction, so it has to be alone in its block: if it is not, it is
 * undone and comes here again. (Accesses of the delivery of an exception are in no block.)
 */
static void data_hit(struct vcpu *cpu, const struct debug_point *p, gva_t addr)
{
    struct tb *tb = backend->current(cpu);

    if (tb && !(tb->variant & TBV_ONE_INSN))
        exec_retry_insn(cpu);
    if (cpu->debug.hit != DEBUG_STOP_NONE)
        return;
    cpu->debug.hit = data_reason(p->kind);
    cpu->debug.hit_addr = MAX(addr, p->addr);
    cpu->debug.attention = true;
}

void debug_data_access(struct vcpu *cpu, gva_t addr, unsigned size, bool write)
{
    for (unsigned i = 0; i < n_points; i++) {
        const struct debug_point *p = &points[i];

        if (!is_code(p->kind) && kind_matches(p->kind, write) &&
            ranges_overlap(p->addr, p->len, addr, size) && wanted(p, cpu))
            data_hit(cpu, p, addr);
    }
}

/* --- the run loop ----------------------------------------------------------------------------- */

static bool in_range(const struct vcpu *cpu)
{
    const struct vcpu_debug *d = &cpu->debug;

    return cpu->pc - d->range_start < d->range_end - d->range_start;
}

static void take_hit(struct vcpu *cpu)
{
    struct vcpu_debug *d = &cpu->debug;

    if (d->hit == DEBUG_STOP_NONE)
        return;
    stop(cpu, d->hit, d->hit_addr);
    d->hit = DEBUG_STOP_NONE;
}

void debug_insn_done(struct vcpu *cpu)
{
    cpu->debug.skip = false;
    take_hit(cpu);
    if (cpu->debug.run == DEBUG_STEP && !in_range(cpu))
        stop(cpu, DEBUG_STOP_STEP, 0);
}

void debug_delivered(struct vcpu *cpu)
{
    debug_insn_done(cpu);
}

bool debug_stops(struct vcpu *cpu)
{
    return cpu->debug.run == DEBUG_HOLD;
}

bool debug_held(const struct vcpu *cpu)
{
    return __atomic_load_n(&cpu->debug.run, __ATOMIC_ACQUIRE) == DEBUG_HOLD;
}

/* Out of the run loop with a reason to tell of. */
void debug_report(struct vcpu *cpu)
{
    if (cpu->debug.reason != DEBUG_STOP_NONE && stop_handler)
        stop_handler(stop_opaque);
}

/* --- the debugger's side ------------------------------------------------------------------------ */

void debug_set_run(struct vcpu *cpu, enum debug_run run, bool no_irq)
{
    struct vcpu_debug *d = &cpu->debug;

    d->no_irq = run == DEBUG_STEP && no_irq;
    d->attention = run != DEBUG_RUN;
    d->range_start = d->range_end = 0;
    if (run == DEBUG_STEP) {
        d->skip = true;
        d->skip_pc = cpu->pc;
    }
    __atomic_store_n(&d->run, run, __ATOMIC_RELEASE);
    if (run != DEBUG_HOLD)
        vcpu_kick(cpu);
}

void debug_set_range(struct vcpu *cpu, gva_t start, gva_t end)
{
    cpu->debug.range_start = start;
    cpu->debug.range_end = end;
}

struct debug_stop debug_take_stop(struct vcpu *cpu)
{
    struct vcpu_debug *d = &cpu->debug;
    struct debug_stop s = {.reason = d->reason, .addr = d->addr};

    d->reason = DEBUG_STOP_NONE;
    d->skip = s.reason == DEBUG_STOP_CODE || s.reason == DEBUG_STOP_CODE_HW;
    d->skip_pc = cpu->pc;
    return s;
}

void debug_drop_stop(struct vcpu *cpu)
{
    cpu->debug.reason = DEBUG_STOP_NONE;
}
