/* SPDX-License-Identifier: MIT */
/*
 * The run loop: poll, find or make the block for the current state, enter it, follow its exit;
 * the code TLB (exec_state.h); exclusive sections and grace periods.
 *
 * "Inside" means: seq is odd, the vCPU is in translated code or holds pointers to blocks. It goes
 * outside to poll, to translate, and when it leaves the loop. An exclusive section begins when
 * all others are outside, and nobody gets inside while it lasts.
 */
#include "translator/exec.h"

#include "hw/core/memory.h"
#include "system/cpu.h"
#include "system/cpu_inspect.h"
#include "translator/backend.h"
#include "translator/debug.h"
#include "translator/exec_state.h"
#include "translator/profile.h"
#include "util/error.h"
#include "util/log.h"
#include "util/perfmap.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define PAGE_MASK (~(uint64_t)(SOFTTLB_PAGE - 1))
#define MAX_VCPUS 255

#define TRIES_TO_MAKE 4

enum { RETRIES_UNPOLLED = 4 };
enum { UNWIND_EXCEPTION = 1, UNWIND_RETRY, UNWIND_DEBUG };

const struct frontend_ops *frontend;
static struct vcpu *vcpus[MAX_VCPUS];
unsigned exec_n_vcpus;
static __thread struct vcpu *current;

static pthread_mutex_t excl_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t excl_cond = PTHREAD_COND_INITIALIZER;
static bool excl_active; /* written with the lock, read without */

unsigned exec_vcpu_count(void)
{
    return __atomic_load_n(&exec_n_vcpus, __ATOMIC_ACQUIRE);
}

struct vcpu *exec_vcpu(unsigned index)
{
    return index < MAX_VCPUS ? __atomic_load_n(&vcpus[index], __ATOMIC_ACQUIRE) : NULL;
}

void exec_set_current(struct vcpu *cpu)
{
    current = cpu;
}

struct vcpu *exec_current(void)
{
    return current;
}

/* --- inside and outside ------------------------------------------------------------ */

static bool is_inside(const struct exec_state *x)
{
    return __atomic_load_n(&x->seq, __ATOMIC_SEQ_CST) & 1;
}

static void exec_leave(struct exec_state *x)
{
    if (!(x->seq & 1))
        return;
    __atomic_store_n(&x->seq, x->seq + 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&excl_active, __ATOMIC_SEQ_CST)) {
        pthread_mutex_lock(&excl_lock);
        pthread_cond_broadcast(&excl_cond);
        pthread_mutex_unlock(&excl_lock);
    }
}

static void exec_enter(struct exec_state *x)
{
    if (x->seq & 1)
        return;
    for (;;) {
        __atomic_store_n(&x->seq, x->seq + 1, __ATOMIC_SEQ_CST);
        if (likely(!__atomic_load_n(&excl_active, __ATOMIC_SEQ_CST) || x->exclusive))
            return;
        exec_leave(x);
        pthread_mutex_lock(&excl_lock);
        while (excl_active)
            pthread_cond_wait(&excl_cond, &excl_lock);
        pthread_mutex_unlock(&excl_lock);
    }
}

static bool others_inside(struct vcpu *self)
{
    for (unsigned n = 0; n < exec_vcpu_count(); n++) {
        struct vcpu *cpu = exec_vcpu(n);

        if (cpu && cpu != self && is_inside(cpu->exec))
            return true;
    }
    return false;
}

static void poll_others(struct vcpu *self)
{
    for (unsigned n = 0; n < exec_vcpu_count(); n++) {
        struct vcpu *cpu = exec_vcpu(n);

        if (cpu && cpu != self && is_inside(cpu->exec))
            vcpu_poll_request(cpu);
    }
}

void exec_exclusive_begin(struct vcpu *cpu)
{
    assert(!cpu || !is_inside(cpu->exec));
    pthread_mutex_lock(&excl_lock);
    while (excl_active)
        pthread_cond_wait(&excl_cond, &excl_lock);
    __atomic_store_n(&excl_active, true, __ATOMIC_SEQ_CST);
    poll_others(cpu);
    while (others_inside(cpu))
        pthread_cond_wait(&excl_cond, &excl_lock);
    pthread_mutex_unlock(&excl_lock);
    if (cpu)
        cpu->exec->exclusive = true;
}

void exec_exclusive_end(struct vcpu *cpu)
{
    if (cpu)
        cpu->exec->exclusive = false;
    pthread_mutex_lock(&excl_lock);
    __atomic_store_n(&excl_active, false, __ATOMIC_SEQ_CST);
    pthread_cond_broadcast(&excl_cond);
    pthread_mutex_unlock(&excl_lock);
}

bool exec_is_exclusive(const struct vcpu *cpu)
{
    return cpu->exec->exclusive;
}

static void wait_for(struct vcpu *cpu)
{
    uint64_t seq = __atomic_load_n(&cpu->exec->seq, __ATOMIC_SEQ_CST);
    struct timespec pause = {.tv_nsec = 20000};

    if (!(seq & 1))
        return;
    vcpu_poll_request(cpu);
    while (__atomic_load_n(&cpu->exec->seq, __ATOMIC_SEQ_CST) == seq)
        nanosleep(&pause, NULL);
}

void exec_grace(struct vcpu *self)
{
    assert(!self || !is_inside(self->exec));
    for (unsigned n = 0; n < exec_vcpu_count(); n++) {
        struct vcpu *cpu = exec_vcpu(n);

        if (cpu && cpu != self)
            wait_for(cpu);
    }
}

/* --- address spaces ------------------------------------------------------------------- */

void vcpu_flush_code(struct vcpu *cpu, bool global_too)
{
    struct exec_state *x = cpu->exec;

    x->stay++;
    if (global_too)
        exec_renew_all(x);
    else
        x->space_gens[x->space] = exec_new_gen();
    exec_set_ctx(cpu);
}

void vcpu_set_space(struct vcpu *cpu, unsigned space, bool flush)
{
    struct exec_state *x = cpu->exec;

    softtlb_set_space(cpu, space, flush);
    x->space = space % SOFTTLB_SPACES;
    x->stay++;
    if (flush)
        x->space_gens[x->space] = exec_new_gen();
    exec_set_ctx(cpu);
}

void vcpu_flush_space(struct vcpu *cpu, unsigned space)
{
    struct exec_state *x = cpu->exec;

    softtlb_flush_space(cpu, space);
    x->space_gens[space % SOFTTLB_SPACES] = 0;
    exec_set_ctx(cpu);
}

void vcpu_flush_everything(struct vcpu *cpu)
{
    softtlb_flush_all(cpu);
    vcpu_flush_code(cpu, true);
}

void vcpu_flush_page(struct vcpu *cpu, gva_t addr)
{
    softtlb_flush_page(cpu, addr);
    vcpu_flush_code_page(cpu, addr);
}

/* --- code TLB --------------------------------------------------------------------------- */

static const uint8_t page_sizes[] = {12, 21, 22, 30};

static unsigned page_hash(gva_t addr, unsigned bits)
{
    return ((addr >> bits) + bits) * 0x9e3779b97f4a7c15u >> (64 - EXECUTED_BITS);
}

/* Remember that the contexts rely on this page's translation. */
static void note_executed(struct exec_state *x, gva_t addr, uint64_t span, bool global)
{
    unsigned bits = span <= KIB(4) ? 12 : span <= MIB(2) ? 21 : span <= MIB(4) ? 22 : 30;
    unsigned h = page_hash(addr, bits);

    x->executed[global][h / 64] |= BIT(h % 64);
    x->n_executed++;
}

static bool was_executed(const struct exec_state *x, gva_t addr, bool global)
{
    for (unsigned i = 0; i < ARRAY_SIZE(page_sizes); i++) {
        unsigned h = page_hash(addr, page_sizes[i]);

        if (x->executed[global][h / 64] >> h % 64 & 1)
            return true;
    }
    return false;
}

/* The sets are never too small, only too large: when they have become full, start anew. */
void vcpu_flush_code_page(struct vcpu *cpu, gva_t addr)
{
    struct exec_state *x = cpu->exec;

    if (was_executed(x, addr, true) || x->n_executed > BIT(EXECUTED_BITS) / 8)
        exec_renew_all(x);
    else if (was_executed(x, addr, false))
        x->space_gens[x->space] = exec_new_gen();
    else
        return;
    x->stats.page_renewals++;
    exec_set_ctx(cpu);
}

/* What code is at a linear page. */
struct code_place {
    const uint8_t *host; /* NULL: not in RAM or ROM */
    ram_addr_t ram;
    gpa_t gpa;
};

/* Walk for fetching at pc (CR2 of a fault); raises. Enters RAM into the code TLB. */
static struct code_place walk_code(struct vcpu *cpu, gva_t pc)
{
    struct exec_state *x = cpu->exec;
    gva_t page = pc & PAGE_MASK;
    struct code_place place = {.ram = RAM_ADDR_NONE};
    struct tlb_walk w = {0};
    struct mem_section sec;

    x->stats.code_walks++;
    frontend->walk(cpu, pc, TLB_FETCH, 0, 0, false, &w);
    place.gpa = w.gpa & PAGE_MASK;
    mem_lookup(frontend->as(cpu), place.gpa, &sec);
    if (!(sec.flags & MEM_SEC_READ_HOST) || sec.len < SOFTTLB_PAGE)
        return place;
    place.host = sec.host;
    place.ram = sec.ram;
    if (!w.global && !exec_nonglobal(x)) {
        x->modes[x->mode].nonglobal_in = x->stay;
        exec_set_ctx(cpu);
    }
    note_executed(x, page, w.span, w.global);
    *ctlb_slot(cpu, page) = (struct ctlb_entry){.page = page, .ctx = cpu->ctx, .ram = sec.ram >> 12};
    return place;
}

/* --- translating -------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void log_block(const struct ir_block *b, const char *what, uint64_t pc)
{
    char *text = ir_print(b);

    log_printf("%s 0x%llx\n%s\n", what, (unsigned long long)pc, text);
    free(text);
}

static void check_block(const struct ir_block *b)
{
    struct error *err = NULL;
    char *text;

    if (!ir_verify(b, &err))
        return;
    text = ir_print(b);
    error_report("bad IR: %s\n%s", error_msg(err), text);
    abort();
}

static struct tb *finish_block(struct vcpu *cpu, const struct tb_key *key, uint32_t gen1,
                               uint32_t gen2)
{
    struct ir_block *b = &cpu->exec->ir;
    struct tb *tb;

    if (CONFIG_DEBUG)
        check_block(b);
    if (log_enabled(LOG_OP) && log_in_filter(cpu->pc))
        log_block(b, "IR of", cpu->pc);
    if (backend->wants_opt) {
        if (!key->variant)
            opt_windows(b);
        opt_flags(b);
        if (CONFIG_DEBUG)
            check_block(b);
        if (log_enabled(LOG_OP_OPT) && log_in_filter(cpu->pc))
            log_block(b, "optimised IR of", cpu->pc);
    }
    tb = tb_make(cpu, key, b, gen1, gen2);
    if (unlikely(perfmap_enabled) && tb)
        perfmap_add(tb->code, tb->code_size, cpu->pc);
    return tb;
}

static int translate(struct vcpu *cpu, const struct tb_key *key, const uint8_t *code,
                     unsigned avail, const uint8_t *code2)
{
    struct ir_block *b = &cpu->exec->ir;

    ir_block_reset(b);
    b->globals = frontend->globals;
    b->n_globals = frontend->n_globals;
    b->helpers = frontend->helpers;
    b->n_helpers = frontend->n_helpers;
    return frontend->translate(cpu, key, code, avail, code2, b);
}

/* Code of devices, holes and pages of pieces: one instruction at a time, from a copy, each time. */
static struct tb *translate_uncached(struct vcpu *cpu, struct tb_key *key, gpa_t gpa)
{
    uint8_t code[TB_MAX_INSN + 1], code2[TB_MAX_INSN + 1];
    unsigned avail = MIN((unsigned)TB_MAX_INSN, SOFTTLB_PAGE - (unsigned)(gpa & ~PAGE_MASK));

    cpu->exec->stats.uncached++;
    addr_space_read(frontend->as(cpu), gpa, code, avail);
    key->phys = BIT(63) | gpa;
    key->variant |= TBV_ONE_INSN;
    if (translate(cpu, key, code, avail, NULL)) {
        struct tlb_walk w = {0};

        frontend->walk(cpu, (cpu->pc & PAGE_MASK) + SOFTTLB_PAGE, TLB_FETCH, 0, 0, false, &w);
        addr_space_read(frontend->as(cpu), w.gpa & PAGE_MASK, code2, TB_MAX_INSN);
        key->phys2 = 1;
        translate(cpu, key, code, avail, code2);
    }
    return finish_block(cpu, key, 0, 0);
}

/* The second page of a straddling instruction is not in RAM: copies of both ends. */
static struct tb *translate_cached(struct vcpu *cpu, struct tb_key *key, const struct code_place *p)
{
    unsigned off = cpu->pc & ~PAGE_MASK;
    uint32_t gen1, gen2 = 0;
    struct code_place p2;

    key->phys = p->ram | off;
    gen1 = tb_page_open(cpu, p->ram);
    if (!translate(cpu, key, p->host + off, SOFTTLB_PAGE - off, NULL))
        return finish_block(cpu, key, gen1, 0);
    p2 = walk_code(cpu, (cpu->pc & PAGE_MASK) + SOFTTLB_PAGE);
    if (!p2.host)
        return translate_uncached(cpu, key, p->gpa | off);
    key->phys2 = p2.ram | 1;
    gen2 = tb_page_open(cpu, p2.ram);
    translate(cpu, key, p->host + off, SOFTTLB_PAGE - off, p2.host);
    return finish_block(cpu, key, gen1, gen2);
}

/* Reading the thread's CPU time costs as much as translating an instruction. */
#define TIME_ONE_IN 64

/* What of a measured time is the clock's own. */
static uint64_t clock_cost(void)
{
    static uint64_t cost; /* all threads find much the same */
    uint64_t least = __atomic_load_n(&cost, __ATOMIC_RELAXED);

    if (least)
        return least;
    least = UINT64_MAX;
    for (unsigned i = 0; i < 16; i++) {
        uint64_t start = now_ns();

        least = MIN(least, now_ns() - start);
    }
    __atomic_store_n(&cost, MAX(least, (uint64_t)1), __ATOMIC_RELAXED);
    return least;
}

static uint64_t time_since(uint64_t start)
{
    uint64_t ns = now_ns() - start, cost = clock_cost();

    return ns > cost ? ns - cost : 0;
}

/* Outside. NULL: try again from the start. */
static struct tb *make_block(struct vcpu *cpu, const struct code_place *p)
{
    struct exec_state *x = cpu->exec;
    bool timed = x->stats.translated++ % TIME_ONE_IN == 0;
    uint64_t start = timed ? now_ns() : 0;
    struct tb_key key = x->key;
    struct tb *tb;

    key.pc = x->non_flat ? cpu->pc : 0;
    if (x->one_insn)
        key.variant |= TBV_ONE_INSN;
    if (x->unshared)
        key.variant |= TBV_UNSHARED;
    if (p->host)
        tb = translate_cached(cpu, &key, p);
    else
        tb = translate_uncached(cpu, &key, p->gpa | (cpu->pc & ~PAGE_MASK));
    if (timed)
        x->stats.translate_ns += time_since(start) * TIME_ONE_IN;
    return tb;
}

/* --- the loop ---------------------------------------------------------------------------------- */

/* What is delivered ends a step. */
static bool poll_debugged(struct vcpu *cpu)
{
    uint64_t pc = cpu->pc;
    bool runs = frontend->poll(cpu);

    if (cpu->pc != pc)
        debug_delivered(cpu);
    return runs && !debug_stops(cpu);
}

/* Outside. False: leave the run loop. */
static bool take_events(struct vcpu *cpu)
{
    uint32_t ev;

    vcpu_poll_clear(cpu);
    cpu->exec->stats.polls++;
    ev = atomic_load(&cpu->events);
    if (ev & VCPU_EV_FLUSH) {
        atomic_fetch_and(&cpu->events, ~(uint32_t)VCPU_EV_FLUSH);
        vcpu_flush_everything(cpu);
    }
    if (ev & (VCPU_EV_STOP | VCPU_EV_TIMER))
        return false;
    return unlikely(cpu->debug.attention) ? poll_debugged(cpu) : frontend->poll(cpu);
}


/* The jump table knows what vcpu.pc is: put its page back into the code TLB. */
static struct tb *know_page(struct vcpu *cpu, struct tb *tb)
{
    uint64_t page = cpu->pc & PAGE_MASK;

    *ctlb_slot(cpu, page) = (struct ctlb_entry){.page = page, .ctx = cpu->ctx, .ram = tb->key.phys >> 12};
    return tb;
}

/* Inside on return if not NULL. */
static struct tb *find_block(struct vcpu *cpu)
{
    struct exec_state *x = cpu->exec;
    struct jmp_entry *j = &cpu->jmp[vcpu_jmp_index(cpu->pc)];
    struct tb *tb;

    if (x->one_insn || x->unshared)
        tb = exec_find_variant(cpu, cpu->pc, (x->one_insn ? TBV_ONE_INSN : 0) | (x->unshared ? TBV_UNSHARED : 0));
    else if (j->pc == cpu->pc && j->ctx == cpu->ctx && !__atomic_load_n(&j->tb->invalid, __ATOMIC_ACQUIRE))
        tb = know_page(cpu, j->tb);
    else
        tb = exec_find_cached(cpu, cpu->pc);
    return tb;
}

/* Where the code at pc is: by the code TLB, or a walk (which may raise). */
static struct code_place find_code(struct vcpu *cpu)
{
    uint64_t page = cpu->pc & PAGE_MASK;
    struct ctlb_entry *e = ctlb_slot(cpu, page);

    if (e->page == page && e->ctx == cpu->ctx)
        return (struct code_place){.host = ram_ptr(e->ram << 12), .ram = e->ram << 12};
    return walk_code(cpu, cpu->pc);
}

/* A block that cannot be made (it does not fit, its page is written all the time) is run by single
   instructions. */
static void note_made(struct exec_state *x, const struct tb *tb)
{
    if (tb) {
        x->not_made = 0;
    } else if (++x->not_made == TRIES_TO_MAKE) {
        x->not_made = 0;
        x->one_insn = true;
    }
}

/* Inside. NULL: poll and try again. */
static struct tb *find_or_make(struct vcpu *cpu)
{
    struct exec_state *x = cpu->exec;
    struct code_place p;
    struct tb *tb;
    unsigned evict;

    exec_enter(x);
    tb = find_block(cpu);
    if (tb)
        return tb;
    p = find_code(cpu);
    tb = p.host ? find_block(cpu) : NULL;
    if (tb)
        return tb;
    exec_leave(x);
    evict = tb_evict_count();
    tb = make_block(cpu, &p);
    note_made(x, tb);
    exec_enter(x);
    return tb && evict == tb_evict_count() && !__atomic_load_n(&tb->invalid, __ATOMIC_ACQUIRE) ? tb : NULL;
}

static void note_unlinked(struct vcpu *cpu)
{
    struct exec_state *x = cpu->exec;

    x->unlinked = cpu->tb;
    x->unlinked_slot = cpu->exit_slot;
    x->unlinked_page = cpu->pc_page;
    x->unlinked_evict = tb_evict_count();
}

static void link_edge(struct vcpu *cpu, struct tb *tb)
{
    struct exec_state *x = cpu->exec;
    struct tb *from = (struct tb *)x->unlinked;

    x->unlinked = NULL;
    if (from && x->unlinked_evict == tb_evict_count() && !log_enabled(LOG_NOCHAIN) &&
        !((from->variant | tb->variant) & TBV_NOCHAIN) && !(tb->key.phys >> 63))
        tb_link(cpu, from, x->unlinked_slot, tb, x->unlinked_page);
}

static void log_entry(struct vcpu *cpu, const struct tb *tb)
{
    GString *text;

    if (!log_in_filter(cpu->pc))
        return;
    log_lock();
    if (log_enabled(LOG_EXEC))
        log_printf("cpu %u: 0x%llx mode 0x%llx\n", cpu->index, (unsigned long long)cpu->pc,
                   (unsigned long long)tb->key.mode);
    if (log_enabled(LOG_CPU)) {
        text = g_string_new(NULL);
        vcpu_describe(cpu, log_enabled(LOG_FPU), text);
        log_printf("cpu %u\n%s", cpu->index, text->str);
        g_string_free(text, TRUE);
    }
    log_unlock();
}

static bool leaves_loop(struct vcpu *cpu, enum exec_exit why)
{
    switch (why) {
    case EXEC_EDGE:
        note_unlinked(cpu);
        return false;
    case EXEC_POLL:
        return true;
    case EXEC_LOOP:
        return cpu->halted || atomic_load(&cpu->events);
    default:
        return false;
    }
}

/* Enter a block; true: poll before the next. */
static bool run_block(struct vcpu *cpu, struct tb *tb)
{
    struct exec_state *x = cpu->exec;
    enum exec_exit why;

    link_edge(cpu, tb);
    if (!(tb->variant & (TBV_ONE_INSN | TBV_UNSHARED)))
        exec_fill_jmp(cpu, cpu->pc, tb);
    if (log_enabled(LOG_EXEC | LOG_CPU))
        log_entry(cpu, tb);
    x->one_insn = x->unshared = false;
    x->stats.entries++;
    cpu->pc_page = cpu->pc & PAGE_MASK;
    cpu->tb = tb;
    why = backend->run(cpu, tb);
    x->stats.exits[why]++;
    x->retries = 0;
    if (unlikely(cpu->debug.attention) && why == EXEC_LOOP)
        debug_insn_done(cpu);
    return leaves_loop(cpu, why);
}

/* Start or end of the exclusive section around one instruction. */
static void begin_exclusive_insn(struct vcpu *cpu)
{
    struct exec_state *x = cpu->exec;

    if (!x->exclusive_insn)
        return;
    exec_leave(x);
    exec_exclusive_begin(cpu);
}

static void end_exclusive_insn(struct vcpu *cpu)
{
    struct exec_state *x = cpu->exec;

    x->exclusive_insn = false;
    if (!x->exclusive)
        return;
    exec_leave(x);
    exec_exclusive_end(cpu);
}

/* After a long jump out of a block or a helper. */
static void land(struct vcpu *cpu, int why)
{
    struct exec_state *x = cpu->exec;

    cpu->host_ra = 0;
    cpu->cur_insn = NULL;
    x->unlinked = NULL;
    x->stats.unwinds++;
    if (x->exclusive)
        end_exclusive_insn(cpu);
    exec_leave(x);
    if (why == UNWIND_RETRY) {
        x->retries += x->retries <= RETRIES_UNPOLLED;
        return;
    }
    x->retries = 0;
    x->one_insn = x->unshared = x->exclusive_insn = false;
    if (why == UNWIND_EXCEPTION) {
        frontend->deliver(cpu);
        if (unlikely(cpu->debug.attention))
            debug_delivered(cpu);
    }
}

/* What starts again may be in the shadow of an STI: nothing comes before it. */
static bool may_poll(const struct exec_state *x)
{
    return !x->retries || x->retries > RETRIES_UNPOLLED;
}

static void loop(struct vcpu *cpu, bool poll)
{
    struct exec_state *x = cpu->exec;
    bool now = may_poll(x);
    struct tb *tb;

    for (;; now = true) {
        if (unlikely(cpu->debug.attention)) {
            if (debug_stops(cpu))
                return;
            x->one_insn |= cpu->debug.run == DEBUG_STEP;
        }
        if (now && (poll || __atomic_load_n(&cpu->poll, __ATOMIC_RELAXED) || cpu->halted)) {
            exec_leave(x);
            x->unlinked = NULL; /* what runs next may be a handler, not the edge's target */
            if (!take_events(cpu))
                return;
        }
        begin_exclusive_insn(cpu);
        tb = find_or_make(cpu);
        poll = tb && run_block(cpu, tb);
        if (x->exclusive)
            end_exclusive_insn(cpu);
    }
}

void exec_run(struct vcpu *cpu)
{
    volatile bool first = true;
    int why = sigsetjmp(cpu->unwind, 0);

    if (why) {
        land(cpu, why);
    } else {
        cpu->exec->unlinked = NULL;
        cpu->exec->retries = 0;
    }
    if (first && !why)
        vcpu_context_changed(cpu);
    loop(cpu, first);
    first = false;
    exec_leave(cpu->exec);
}

/* --- raising -------------------------------------------------------------------------------------- */

void vcpu_sync_state(struct vcpu *cpu)
{
    backend->unwind(cpu);
}

void vcpu_unwind_exit(struct vcpu *cpu)
{
    backend->unwind(cpu);
    siglongjmp(cpu->unwind, UNWIND_EXCEPTION);
}

void exec_debug_exit(struct vcpu *cpu)
{
    backend->unwind(cpu);
    siglongjmp(cpu->unwind, UNWIND_DEBUG);
}

void exec_host_fault(struct vcpu *cpu, int signo, int code)
{
    backend->unwind(cpu);
    frontend->host_fault(cpu, signo, code);
    siglongjmp(cpu->unwind, UNWIND_EXCEPTION);
}

void exec_retry_insn(struct vcpu *cpu)
{
    backend->unwind(cpu);
    cpu->exec->one_insn = true;
    cpu->exec->stats.one_insn++;
    siglongjmp(cpu->unwind, UNWIND_RETRY);
}

void exec_retry_unshared(struct vcpu *cpu)
{
    backend->unwind(cpu);
    cpu->exec->unshared = true;
    cpu->exec->stats.unshared++;
    siglongjmp(cpu->unwind, UNWIND_RETRY);
}

void exec_retry_exclusive(struct vcpu *cpu)
{
    cpu->exec->exclusive_insn = true;
    exec_retry_insn(cpu);
}

/* --- life ------------------------------------------------------------------------------------------- */

/* The memory map has changed. The vCPU that did it must see it at once. */
static void on_view_changed(struct mem_listener *l, struct addr_space *as)
{
    for (unsigned n = 0; n < exec_vcpu_count(); n++) {
        struct vcpu *cpu = exec_vcpu(n);

        if (cpu == current && cpu)
            vcpu_flush_everything(cpu);
        else if (cpu)
            vcpu_raise_event(cpu, VCPU_EV_FLUSH);
    }
}

static struct mem_listener map_listener = {.view_changed = on_view_changed};

int exec_start(const struct frontend_ops *fe, const struct backend_ops *be, size_t code_size,
               struct error **err)
{
    struct code_span stubs;
    int ret;

    frontend = fe;
    backend = be;
    ret = tb_cache_init(code_size, err);
    if (ret)
        return ret;
    ret = softtlb_global_init();
    if (ret)
        return error_set_errno(err, -ret, "cannot set up the soft TLB");
    stubs = tb_code_stubs();
    ret = be->init ? be->init(&stubs, err) : 0;
    if (ret < 0)
        return ret;
    mem_listener_add(&map_listener);
    return 0;
}

void exec_stop(void)
{
    mem_listener_remove(&map_listener);
    if (backend->fini)
        backend->fini();
    softtlb_global_fini();
    tb_cache_fini();
}

int exec_vcpu_init(struct vcpu *cpu)
{
    struct exec_state *x = calloc(1, sizeof(*x));
    unsigned index = exec_n_vcpus;
    int ret;

    if (!x || index == MAX_VCPUS) {
        free(x);
        return -ENOMEM;
    }
    x->global_gen = x->min_gen = exec_new_gen();
    x->stay = 1;
    ir_block_init(&x->ir);
    for (unsigned i = 0; i < ARRAY_SIZE(cpu->jmp); i++)
        cpu->jmp[i] = (struct jmp_entry){.ctx = UINT64_MAX};
    cpu->exec = x;
    cpu->index = index;
    ret = softtlb_init(cpu);
    if (!ret && backend->vcpu_init)
        ret = backend->vcpu_init(cpu);
    if (ret)
        return ret;
    vcpu_set_ctx(cpu, x->global_gen);
    vcpu_poll_clear(cpu);
    __atomic_store_n(&vcpus[index], cpu, __ATOMIC_RELEASE);
    __atomic_store_n(&exec_n_vcpus, index + 1, __ATOMIC_RELEASE);
    return 0;
}

void exec_vcpu_fini(struct vcpu *cpu)
{
    struct exec_state *x = cpu->exec;

    __atomic_store_n(&vcpus[cpu->index], NULL, __ATOMIC_RELEASE);
    while (exec_n_vcpus && !vcpus[exec_n_vcpus - 1])
        __atomic_store_n(&exec_n_vcpus, exec_n_vcpus - 1, __ATOMIC_RELEASE);
    if (backend->vcpu_fini)
        backend->vcpu_fini(cpu);
    softtlb_fini(cpu);
    ir_block_fini(&x->ir);
    free(x);
    cpu->exec = NULL;
}

/* --- statistics ------------------------------------------------------------------------------------------ */

static void add_exec_stats(struct exec_stats *sum, struct softtlb_stats *tlb)
{
    for (unsigned n = 0; n < exec_vcpu_count(); n++) {
        struct vcpu *cpu = exec_vcpu(n);
        struct softtlb_stats s;

        if (!cpu)
            continue;
        for (unsigned i = 0; i < sizeof(*sum) / 8; i++)
            ((uint64_t *)sum)[i] += ((uint64_t *)&cpu->exec->stats)[i];
        softtlb_get_stats(cpu, &s);
        for (unsigned i = 0; i < sizeof(*tlb) / 8; i++)
            ((uint64_t *)tlb)[i] += ((uint64_t *)&s)[i];
    }
}

void exec_print_stats(void (*print)(void *arg, const char *name, uint64_t value), void *arg)
{
    struct exec_stats x = {0};
    struct softtlb_stats tlb = {0};
    struct tb_stats t;

    tb_get_stats(&t);
    add_exec_stats(&x, &tlb);
#define ROW(name, value) print(arg, name, value);
    ROW("blocks translated", t.blocks)
    ROW("blocks live", t.live_blocks)
    ROW("blocks invalidated", t.invalidated)
    ROW("guest instructions translated", t.guest_insns)
    ROW("guest bytes translated", t.guest_bytes)
    ROW("IR instructions", t.ir_insns)
    ROW("host bytes", t.host_bytes)
    ROW("metadata bytes", t.data_bytes)
    ROW("code buffer size", t.code_size)
    ROW("code buffer used", t.code_used)
    ROW("regions evicted", t.evicted_regions)
    ROW("full flushes", t.flushes)
    ROW("translation time (ns)", x.translate_ns)
    ROW("translation ns per guest instruction", t.guest_insns ? x.translate_ns / t.guest_insns : 0)
    ROW("edges linked", t.edges_linked)
    ROW("of these leaving the page", t.pages_linked)
    ROW("run loop entries of blocks", x.entries)
    ROW("exits to the run loop", x.exits[EXEC_LOOP])
    ROW("exits by a poll", x.exits[EXEC_POLL])
    ROW("exits by an edge not linked", x.exits[EXEC_EDGE])
    ROW("exits by a jump not found", x.exits[EXEC_LOOKUP])
    ROW("block lookups from translated code", x.lookups)
    ROW("code page walks", x.code_walks)
    ROW("contexts", x.contexts)
    ROW("context ids renewed", x.renewals)
    ROW("of these for one page", x.page_renewals)
    ROW("polls", x.polls)
    ROW("unwinds", x.unwinds)
    ROW("single-instruction retries", x.one_insn)
    ROW("retries without windows", x.unshared)
    ROW("instructions not in RAM", x.uncached)
    ROW("TLB refills", tlb.refills)
    ROW("TLB page walks", tlb.walks)
    ROW("TLB flushes", tlb.flushes)
    ROW("MMIO accesses", tlb.mmio)
    ROW("slow stores", tlb.slow_stores)
#undef ROW
    profile_print(print, arg);
    if (backend->dump_counters)
        backend->dump_counters(print, arg);
}
