/* SPDX-License-Identifier: MIT */
/* The x86-64 backend as the translator sees it (translator/backend.h). */
#include "backends/x86_64/jit.h"

#include "backends/x86_64/host.h"
#include "translator/exec.h"
#include "util/log.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>

bool host_has_bmi2;
static struct emit *emitter; /* used with the cache lock held */
static struct {
    uint64_t blocks, side_bytes;
} counters;

void host_detect(void)
{
    unsigned eax, ebx = 0, ecx, edx;

    host_has_bmi2 = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && ebx & bit_BMI2;
}

static int jit_init(const struct code_span *span, struct error **err)
{
    int used;

    host_detect();
    emitter = calloc(1, sizeof(*emitter));
    if (!emitter)
        return -ENOMEM;
    used = stubs_init(span, err);
    if (used < 0)
        return used;
    if (jit_signals_init())
        return -errno;
    return used;
}

static void jit_fini(void)
{
    jit_signals_fini();
    free(emitter);
    emitter = NULL;
}

static int jit_vcpu_init(struct vcpu *cpu)
{
    memset(cpu->spill, 0, sizeof(cpu->spill));
    return 0;
}

static void jit_vcpu_fini(struct vcpu *cpu)
{
    (void)cpu;
}

/* --- blocks ------------------------------------------------------------------------ */

static bool keep_data(struct tb *tb, uint32_t entry)
{
    uint8_t *side = tb_data_alloc(tb, emitter->side.len);

    if (!side)
        return false;
    memcpy(side, emitter->side.buf, emitter->side.len);
    tb->host = emitter->flags_dead ? TB_FLAGS_DEAD : 0;
    tb->data_size = (uint16_t)emitter->side.len;
    for (unsigned i = 0; i < tb->n_exits; i++) {
        tb->edge[i].host[EDGE_PATCH] = emitter->patch[i] ? emitter->patch[i] - entry : 0;
        tb->edge[i].host[EDGE_STUB] = (emitter->stub_off[i] - entry) | (emitter->soft >> i & 1 ? EDGE_SOFT : 0);
    }
    counters.side_bytes += emitter->side.len;
    return true;
}

/* Is the block that is being made one to log? */
static bool logs_block(void)
{
    const struct vcpu *cpu = exec_current();

    return log_enabled(LOG_OUT_ASM) && (!cpu || log_in_filter(cpu->pc));
}

static int jit_compile(struct tb *tb, const struct ir_block *b, const struct code_span *to)
{
    uint32_t entry;
    int used;

    if (logs_block())
        jit_note_begin();
    used = emit_block(emitter, tb, b, to, &entry);
    if (used < 0)
        return used;
    if (!keep_data(tb, entry))
        return -ENOSPC;
    tb->code = to->rx + entry;
    counters.blocks++;
    if (logs_block())
        jit_log_block(tb, b, to->rw + entry, entry, (unsigned)used - entry);
    return used;
}

/* rel32 at a field to an address; the field is inside one cache line */
static void patch_branch(const struct tb *tb, uint32_t field, const uint8_t *target)
{
    const uint8_t *at = (const uint8_t *)tb->code + field;
    int32_t rel = (int32_t)(target - (at + 4));

    __atomic_store_n((int32_t *)(void *)tb_code_rw(at), rel, __ATOMIC_RELEASE);
}

static uint32_t edge_stub_off(const struct tb *tb, unsigned slot)
{
    return tb->edge[slot].host[EDGE_STUB] & ~EDGE_SOFT;
}

static void set_edge_stub(const struct tb *tb, unsigned slot, const uint8_t *stub)
{
    const uint8_t *at = (const uint8_t *)tb->code + edge_stub_off(tb, slot);
    int32_t rel = (int32_t)(stub - at);

    __atomic_store((int32_t *)(void *)tb_code_rw(at - 4), &rel, __ATOMIC_RELEASE);
}

/* Edges that leave the page go where the page is checked first. */
static const uint8_t *edge_target(const struct tb *from, unsigned slot, const struct tb *to)
{
    return (const uint8_t *)to->code - (tb_edge_in_page(&from->edge[slot]) ? 0 : ENTRY_PAGE);
}

static void link_soft(const struct tb *from, unsigned slot, const struct tb *to)
{
    const uint8_t *stub = (const uint8_t *)from->code + edge_stub_off(from, slot) - 5;

    patch_branch(from, edge_stub_off(from, slot) - 5 - 4, to->code);
    patch_branch(from, from->edge[slot].host[EDGE_PATCH],
                 to->host & TB_FLAGS_DEAD ? (const uint8_t *)to->code + FLAGS_DEAD_ENTRY : stub - SAVER);
}

static void jit_link(struct tb *from, unsigned slot, struct tb *to)
{
    uint32_t patch = from->edge[slot].host[EDGE_PATCH];

    if (!patch)
        return;
    if (!to)
        set_edge_stub(from, slot, stubs.edge_table);
    else if (from->edge[slot].host[EDGE_STUB] & EDGE_SOFT)
        link_soft(from, slot, to);
    else
        patch_branch(from, patch, edge_target(from, slot, to));
}

static void jit_unlink(struct tb *from, unsigned slot)
{
    uint32_t patch = from->edge[slot].host[EDGE_PATCH], stub = edge_stub_off(from, slot) - 5;
    bool soft = from->edge[slot].host[EDGE_STUB] & EDGE_SOFT;

    if (!patch)
        return;
    set_edge_stub(from, slot, stubs.edge);
    if (soft)
        patch_branch(from, stub - 4, (const uint8_t *)from->code + stub);
    patch_branch(from, patch, (const uint8_t *)from->code + stub - (soft ? SAVER : 0));
}

/*
 * The first instruction (never a single byte) becomes a jump to the call of stubs.stale. The block's
 * own edges are off their targets' lists already: whoever is still in it must not take them.
 */
static void jit_invalidate(struct tb *tb)
{
    static const uint8_t jump_back[2] = {0xeb, (uint8_t)-(ENTRY_STALE + 2)};
    uint16_t v;

    for (unsigned i = 0; i < tb->n_exits; i++)
        jit_unlink(tb, i);
    memcpy(&v, jump_back, 2); /* last: the first instruction may be an edge's jump */
    __atomic_store_n((uint16_t *)(void *)tb_code_rw(tb->code), v, __ATOMIC_RELEASE);
}

/* --- running ------------------------------------------------------------------------- */

static uint64_t wrap_pc(const struct tb *tb, uint64_t pc)
{
    return tb->pc_bits == 32 ? (uint32_t)pc : pc;
}

/* Where translated code was left: also says that we are outside now. */
static const uint8_t *take_return_address(struct vcpu *cpu)
{
    const uint8_t *ra = (const uint8_t *)(uintptr_t)cpu->host_ra;

    cpu->host_ra = 0;
    return ra;
}

static enum exec_exit edge_taken(struct vcpu *cpu)
{
    const uint8_t *ra = take_return_address(cpu);
    struct tb *tb = tb_find_host(ra - 1);
    uint32_t off = (uint32_t)(ra - (const uint8_t *)tb->code);
    unsigned slot = 0;

    while (slot < tb->n_exits && edge_stub_off(tb, slot) != off)
        slot++;
    assert(slot < tb->n_exits);
    cpu->tb = tb;
    cpu->exit_slot = slot;
    cpu->pc = wrap_pc(tb, cpu->pc_page + (uint64_t)tb->edge[slot].off);
    return EXEC_EDGE;
}

/* The block at `distance` behind the return address cannot be entered: it is invalid, or not what
   its linear page (vcpu.pc_page) holds now. */
static enum exec_exit not_this_block(struct vcpu *cpu, unsigned distance)
{
    struct tb *tb = tb_find_host(take_return_address(cpu) + distance);

    cpu->pc = cpu->pc_page + (tb->key.phys & (SOFTTLB_PAGE - 1));
    return EXEC_LOOKUP;
}

static enum exec_exit jit_run(struct vcpu *cpu, struct tb *tb)
{
    enum jit_exit why;

    jit_signals_thread_init();
    why = stubs.enter(cpu, tb->code);
    switch (why) {
    case JIT_LOOP:
        return EXEC_LOOP;
    case JIT_EDGE:
        return edge_taken(cpu);
    case JIT_STALE:
        return not_this_block(cpu, ENTRY_STALE - 5);
    case JIT_OTHER_PAGE:
        return not_this_block(cpu, 0);
    case JIT_FAULT:
        return jit_after_fault(cpu);
    default:
        return EXEC_LOOKUP;
    }
}

bool jit_side_entry(struct vcpu *cpu, struct side_entry *s)
{
    struct tb *tb = tb_find_host((const void *)(uintptr_t)(cpu->host_ra - 1));
    uint32_t off;

    if (!tb)
        return false;
    off = (uint32_t)((const uint8_t *)(uintptr_t)(cpu->host_ra - 1) - (const uint8_t *)tb->code);
    *s = (struct side_entry){.pc = (int64_t)(tb->key.phys & (SOFTTLB_PAGE - 1))};
    side_find(tb_data(tb), tb->data_size, off, s);
    cpu->pc = wrap_pc(tb, cpu->pc_page + (uint64_t)s->pc);
    return true;
}

/* C code called from a block raises, FP state still being in the host's registers (stubs.c). */
static void save_live_fp(struct vcpu *cpu)
{
    const uint32_t *frame = (const uint32_t *)(uintptr_t)cpu->host_sp;
    uint8_t fx[512] __attribute__((aligned(64)));
    uint64_t live = cpu->spill[SPILL_LIVE];

    if (live == JIT_NOT_LIVE)
        return;
    cpu->spill[SPILL_LIVE] = JIT_NOT_LIVE;
    __asm__ volatile("fxsave64 %0\n\tfninit\n\tfldcw %1\n\tldmxcsr %2"
                     : "=m"(fx)
                     : "m"(frame[1]), "m"(frame[0])
                     : "memory");
    if (live == JIT_FP_LIVE) {
        memcpy(cpu->fx, fx, sizeof(fx));
    } else { /* all but MXCSR and XMM */
        memcpy(cpu->fx, fx, 24);
        memcpy(cpu->fx + 32, fx + 32, 128);
    }
}

void jit_unwind(struct vcpu *cpu)
{
    struct side_entry s;

    save_live_fp(cpu);
    if (cpu->host_ra)
        jit_side_entry(cpu, &s);
}

static struct tb *jit_current(struct vcpu *cpu)
{
    return cpu->host_ra ? tb_find_host((const void *)(uintptr_t)(cpu->host_ra - 1)) : NULL;
}

static void jit_dump_counters(void (*print)(void *arg, const char *name, uint64_t value), void *arg)
{
    print(arg, "jit blocks", counters.blocks);
    print(arg, "jit side-table bytes", counters.side_bytes);
}

const struct backend_ops backend_x86_64 = {
    .name = "jit",
    .wants_opt = true,
    .links_pages = true,
    .init = jit_init,
    .vcpu_init = jit_vcpu_init,
    .vcpu_fini = jit_vcpu_fini,
    .compile = jit_compile,
    .link = jit_link,
    .unlink = jit_unlink,
    .invalidate = jit_invalidate,
    .run = jit_run,
    .unwind = jit_unwind,
    .current = jit_current,
    .dump_counters = jit_dump_counters,
    .fini = jit_fini,
};
