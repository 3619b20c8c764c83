/* SPDX-License-Identifier: MIT */
/*
 * The interpreter backend: runs the IR of a block directly. The oracle for the code generators
 * and the first way to bring up a guest or a host; written for clarity, not speed.
 *
 * Guest state is exact at every op: globals and flags live in struct vcpu and are written in
 * program order, so unwinding only has to find the PC (the last `insn` op).
 */
#include "backends/interp/interp.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "translator/exec.h"

#define PAGE_MASK (~(uint64_t)(SOFTTLB_PAGE - 1))

/* --- operands ------------------------------------------------------------------------- */

static uint64_t read_global(struct vcpu *cpu, const struct ir_global *g)
{
    const char *p = (const char *)cpu + g->offset;

    switch (g->type) {
    case IR_I8:
        return *(const uint8_t *)p;
    case IR_I16:
        return *(const uint16_t *)p;
    case IR_I32:
        return *(const uint32_t *)p;
    default:
        return *(const uint64_t *)p;
    }
}

static void write_global(struct vcpu *cpu, const struct ir_global *g, uint64_t val)
{
    char *p = (char *)cpu + g->offset;

    switch (g->type) {
    case IR_I8:
        *(uint8_t *)p = val;
        break;
    case IR_I16:
        *(uint16_t *)p = val;
        break;
    case IR_I32:
        *(uint32_t *)p = val;
        break;
    default:
        *(uint64_t *)p = val;
    }
}

/* The operand with whatever bits it has; users mask to their type. */
uint64_t interp_get(struct interp_frame *f, ir_ref r)
{
    unsigned n = ir_ref_index(r);

    switch (ir_ref_class(r)) {
    case IR_CLASS_GLOBAL:
        return read_global(f->cpu, &f->b->globals[n]);
    case IR_CLASS_HI:
        return read_global(f->cpu, &f->b->globals[n]) >> 8;
    case IR_CLASS_CONST:
        return f->b->consts[n];
    case IR_CLASS_TEMP:
        return f->temps[n];
    default:
        return 0;
    }
}

static void put_global(struct interp_frame *f, const struct ir_global *g, enum ir_type t,
                       unsigned shift, uint64_t val)
{
    uint64_t mask = interp_mask(t) << shift, old;

    if (t >= IR_I32) {
        write_global(f->cpu, g, val & interp_mask(t));
        return;
    }
    old = read_global(f->cpu, g);
    write_global(f->cpu, g, (old & ~mask) | (val << shift & mask));
}

void interp_put(struct interp_frame *f, ir_ref r, enum ir_type t, uint64_t val)
{
    unsigned n = ir_ref_index(r);

    switch (ir_ref_class(r)) {
    case IR_CLASS_GLOBAL:
        put_global(f, &f->b->globals[n], t, 0, val);
        break;
    case IR_CLASS_HI:
        put_global(f, &f->b->globals[n], t, 8, val);
        break;
    case IR_CLASS_TEMP:
        f->temps[n] = val & interp_mask(t);
        break;
    default:
        break;
    }
}

static uint64_t effective(struct interp_frame *f, const struct ir_mem *m)
{
    uint64_t a = (int64_t)m->disp;

    if (m->base)
        a += interp_get(f, m->base);
    if (m->index)
        a += interp_get(f, m->index) << m->scale;
    return a & mask64(m->abits);
}

gva_t interp_address(struct interp_frame *f, const struct ir_insn *i)
{
    const struct ir_mem *m = &f->b->mems[i->mem - 1];
    uint64_t a = effective(f, m);

    if (m->seg)
        a += interp_get(f, m->seg);
    return a & mask64(m->lbits);
}

unsigned interp_memflags(struct interp_frame *f, const struct ir_insn *i)
{
    return f->b->mems[i->mem - 1].flags;
}

void interp_set_flags(struct interp_frame *f, const struct ir_insn *i, uint32_t eflags)
{
    uint32_t mask = ir_flags_to_eflags(i->fdef);

    f->cpu->flags = (f->cpu->flags & ~(uint64_t)mask) | (eflags & mask);
}

bool interp_cond(uint32_t fl, enum ir_cond c)
{
    bool cf = fl & 1, pf = fl & 4, zf = fl & 0x40, sf = fl & 0x80, of = fl & 0x800, v;

    switch (c >> 1) {
    case 0:
        v = of;
        break;
    case 1:
        v = cf;
        break;
    case 2:
        v = zf;
        break;
    case 3:
        v = cf || zf;
        break;
    case 4:
        v = sf;
        break;
    case 5:
        v = pf;
        break;
    case 6:
        v = sf != of;
        break;
    default:
        v = zf || sf != of;
    }
    return v != (c & 1);
}

/* --- ops ---------------------------------------------------------------------------------- */

static void run_alu(struct interp_frame *f, const struct ir_insn *i)
{
    uint32_t flags = f->cpu->flags;
    uint64_t res;
    bool changed = interp_alu(i->op, i->type, interp_get(f, i->src[0]), interp_get(f, i->src[1]),
                              interp_get(f, i->src[2]), &res, &flags);

    if (i->dst)
        interp_put(f, i->dst, i->type, res);
    if (changed && i->fdef)
        interp_set_flags(f, i, flags);
}

static void run_mul(struct interp_frame *f, const struct ir_insn *i)
{
    uint64_t lo, hi;
    uint32_t flags;

    interp_mul(i->type, i->op == IR_muls, interp_get(f, i->src[0]), interp_get(f, i->src[1]), &lo,
               &hi, &flags);
    if (i->type == IR_I8) {
        interp_put(f, i->dst, IR_I16, hi << 8 | lo);
    } else {
        interp_put(f, i->dst, i->type, lo);
        interp_put(f, i->dst2, i->type, hi);
    }
    interp_set_flags(f, i, flags);
}

static void run_div(struct interp_frame *f, const struct ir_insn *i)
{
    uint64_t q, r;

    if (!interp_div(i->type, i->op == IR_divs, interp_get(f, i->src[0]), interp_get(f, i->src[1]),
                    interp_get(f, i->src[2]), &q, &r))
        exec_host_fault(f->cpu, SIGFPE, FPE_INTDIV);
    interp_put(f, i->dst, i->type, q);
    interp_put(f, i->dst2, i->type, r);
}

static void run_extend(struct interp_frame *f, const struct ir_insn *i)
{
    uint64_t v = interp_get(f, i->src[0]);
    unsigned bits = ir_type_bits(i->aux);

    v = i->op == IR_sext ? (uint64_t)sextract64(v, 0, bits) : v & mask64(bits);
    interp_put(f, i->dst, i->type, v & interp_mask(i->type));
}

static void run_crc32(struct interp_frame *f, const struct ir_insn *i)
{
    interp_put(f, i->dst, IR_I32,
               interp_crc32c(interp_get(f, i->src[0]), interp_get(f, i->src[1]),
                             ir_type_bytes(i->aux)));
}

static bool compare(enum ir_cond c, enum ir_type t, uint64_t a, uint64_t b)
{
    uint32_t flags = 0;
    uint64_t res;

    interp_alu(IR_cmp, t, a, b, 0, &res, &flags);
    return interp_cond(flags, c);
}

static bool zero_cond(struct interp_frame *f, const struct ir_insn *i)
{
    bool zero = !(interp_get(f, i->src[0]) & interp_mask(i->type));

    return zero == (i->cond == IR_E);
}

static void run_guard(struct interp_frame *f, const struct ir_insn *i)
{
    if (compare(i->cond, i->type, interp_get(f, i->src[0]), interp_get(f, i->src[1])))
        f->b->helpers[i->aux & 0xffff].fn(f->cpu, i->aux >> 16, 0, 0);
}

static void run_call(struct interp_frame *f, const struct ir_insn *i)
{
    const struct ir_helper *h = &f->b->helpers[i->aux];
    uint64_t a = interp_get(f, i->src[0]), b = interp_get(f, i->src[1]);
    uint64_t c = interp_get(f, i->src[2]), res;

    if ((h->flags & (HF_LEAF | HF_FP)) == (HF_LEAF | HF_FP))
        res = interp_fp_call(f->cpu, h->fn, a, b, c);
    else
        res = h->fn(f->cpu, a, b, c);
    if (i->dst)
        interp_put(f, i->dst, IR_I64, res);
}

static void run_probe(struct interp_frame *f, const struct ir_insn *i)
{
    softtlb_probe(f->cpu, interp_address(f, i), i->aux & 0xffff,
                  i->aux >> 16 & 1 ? TLB_WRITE : TLB_READ, f->tb->mmu_idx, interp_memflags(f, i));
}

static void run_value(struct interp_frame *f, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_lea:
        interp_put(f, i->dst, i->type, effective(f, &f->b->mems[i->mem - 1]) & interp_mask(i->type));
        break;
    case IR_setcc:
        interp_put(f, i->dst, IR_I8, interp_cond(f->cpu->flags, i->cond));
        break;
    case IR_select:
        interp_put(f, i->dst, i->type,
                   interp_get(f, i->src[!interp_cond(f->cpu->flags, i->cond)]) & interp_mask(i->type));
        break;
    case IR_getf:
        interp_put(f, i->dst, IR_I32, f->cpu->flags & i->aux & IR_EFLAGS_MASK);
        break;
    case IR_setf:
        interp_set_flags(f, i, interp_get(f, i->src[0]));
        break;
    case IR_fconst:
        interp_set_flags(f, i, i->aux);
        break;
    default: /* cmc */
        f->cpu->flags ^= 1;
    }
}

/* Everything but control flow. */
static void run_op(struct interp_frame *f, const struct ir_insn *i)
{
    switch (i->op) {
    case IR_zext:
    case IR_sext:
        run_extend(f, i);
        break;
    case IR_mulu:
    case IR_muls:
        run_mul(f, i);
        break;
    case IR_divu:
    case IR_divs:
        run_div(f, i);
        break;
    case IR_crc32:
        run_crc32(f, i);
        break;
    case IR_lea:
    case IR_setcc ... IR_fconst:
        run_value(f, i);
        break;
    case IR_ld ... IR_ldsx:
        interp_load(f, i);
        break;
    case IR_st:
        interp_store(f, i);
        break;
    case IR_rmw:
        interp_rmw(f, i);
        break;
    case IR_cmpxchg:
        interp_cmpxchg(f, i);
        break;
    case IR_cmpxchg2:
        interp_cmpxchg2(f, i);
        break;
    case IR_window: /* members use it as a linear address and are checked themselves */
        interp_put(f, i->dst, IR_I64, interp_address(f, i));
        break;
    case IR_probe:
        run_probe(f, i);
        break;
    case IR_guard:
        run_guard(f, i);
        break;
    case IR_fence:
        full_fence();
        break;
    case IR_simd:
    case IR_fpu:
        interp_fp_run(f, i, f->b->thunks[i - f->b->insns]);
        break;
    case IR_call:
        run_call(f, i);
        break;
    case IR_label:
        break;
    default:
        run_alu(f, i);
    }
}

/* --- exits ------------------------------------------------------------------------------------ */

static void enter_block(struct interp_frame *f, struct tb *tb, uint64_t pc)
{
    f->cpu->pc_page = pc & PAGE_MASK;
    f->cpu->tb = f->tb = tb;
    f->b = tb_data(tb);
}

static bool enter_by_table(struct interp_frame *f, uint64_t pc)
{
    struct jmp_entry *j = &f->cpu->jmp[vcpu_jmp_index(pc)];

    if (j->pc != pc || j->ctx != f->cpu->ctx || __atomic_load_n(&j->tb->invalid, __ATOMIC_ACQUIRE))
        return false;
    enter_block(f, j->tb, pc);
    return true;
}

static bool enter_by_edge(struct interp_frame *f, const struct tb_edge *e, uint64_t pc)
{
    const struct tb_slot *slot;
    struct tb *to;

    if (tb_edge_in_page(e)) {
        to = tb_edge_target(e);
        if (!to || __atomic_load_n(&to->invalid, __ATOMIC_ACQUIRE))
            return __atomic_load_n(&e->by_table, __ATOMIC_RELAXED) && enter_by_table(f, pc);
        enter_block(f, to, pc);
        return true;
    }
    slot = __atomic_load_n(&e->slot, __ATOMIC_ACQUIRE);
    if (__atomic_load_n(&slot->ctx, __ATOMIC_ACQUIRE) != f->cpu->ctx ||
        __atomic_load_n(&slot->page, __ATOMIC_RELAXED) != f->cpu->pc_page)
        return enter_by_table(f, pc);
    to = __atomic_load_n(&slot->to, __ATOMIC_RELAXED);
    if (__atomic_load_n(&to->invalid, __ATOMIC_ACQUIRE))
        return enter_by_table(f, pc);
    enter_block(f, to, pc);
    return true;
}

static bool poll_set(struct interp_frame *f)
{
    return __atomic_load_n(&f->cpu->poll, __ATOMIC_RELAXED);
}

/* True: *why is set and the run ends; false: in the next block. */
static bool take_exit(struct interp_frame *f, unsigned slot, enum exec_exit *why)
{
    const struct tb_edge *e = &f->tb->edge[slot];
    uint64_t pc = (f->cpu->pc_page + e->off) & mask64(f->tb->pc_bits);

    if (f->b->exits[slot].poll && poll_set(f)) {
        *why = EXEC_POLL;
    } else {
        if (enter_by_edge(f, e, pc))
            return false;
        *why = __atomic_load_n(&e->by_table, __ATOMIC_RELAXED) ? EXEC_LOOKUP : EXEC_EDGE;
        f->cpu->exit_slot = slot;
    }
    f->cpu->pc = pc;
    return true;
}

static bool take_jump(struct interp_frame *f, uint64_t pc, enum exec_exit *why)
{
    f->cpu->pc = pc;
    if (poll_set(f)) {
        *why = EXEC_POLL;
        return true;
    }
    *why = EXEC_LOOKUP;
    return !enter_by_table(f, pc);
}

/* --- running ------------------------------------------------------------------------------------ */

/* One control op. Returns the next insn, or NULL: the run ends. */
static const struct ir_insn *run_control(struct interp_frame *f, const struct ir_insn *i,
                                         enum exec_exit *why)
{
    bool done;

    switch (i->op) {
    case IR_insn:
        f->cpu->cur_insn = i;
        return i + 1;
    case IR_skip_if:
        return interp_cond(f->cpu->flags, i->cond) ? f->b->insns + i->aux : i + 1;
    case IR_skip_ifz:
        return zero_cond(f, i) ? f->b->insns + i->aux : i + 1;
    case IR_exit_if:
        if (!interp_cond(f->cpu->flags, i->cond))
            return i + 1;
        done = take_exit(f, i->aux, why);
        break;
    case IR_exit_ifz:
        if (!zero_cond(f, i))
            return i + 1;
        done = take_exit(f, i->aux, why);
        break;
    case IR_exit:
        done = take_exit(f, i->aux, why);
        break;
    case IR_exit_ind:
        f->cpu->ind_pc = interp_get(f, i->src[0]);
        if (f->cpu->cur_insn)
            f->cpu->ind_from = vcpu_ind_from((int32_t)f->cpu->cur_insn->aux, i->aux);
        done = take_jump(f, f->cpu->ind_pc, why);
        break;
    case IR_exit_lookup:
        done = take_jump(f, f->cpu->pc, why);
        break;
    default: /* exit_loop */
        *why = EXEC_LOOP;
        done = true;
    }
    return done ? NULL : f->b->insns;
}

static bool is_control(unsigned op)
{
    return op == IR_insn || op == IR_skip_if || op == IR_skip_ifz || op >= IR_exit_if;
}

static enum exec_exit interp_run(struct vcpu *cpu, struct tb *tb)
{
    struct interp_frame f = {.cpu = cpu, .tb = tb, .b = tb_data(tb), .temps = cpu->backend};
    const struct ir_insn *i = f.b->insns;
    enum exec_exit why = EXEC_LOOP;

    while (i) {
        if (is_control(i->op)) {
            i = run_control(&f, i, &why);
        } else {
            run_op(&f, i);
            i++;
        }
    }
    cpu->cur_insn = NULL;
    return why;
}

static void interp_unwind(struct vcpu *cpu)
{
    if (cpu->cur_insn)
        cpu->pc = (cpu->pc_page + (int32_t)cpu->cur_insn->aux) & mask64(cpu->tb->pc_bits);
}

static struct tb *interp_current(struct vcpu *cpu)
{
    return cpu->cur_insn ? cpu->tb : NULL;
}

/* --- blocks --------------------------------------------------------------------------------------- */

static void *copy(struct tb *tb, const void *from, size_t size)
{
    void *p = tb_data_alloc(tb, MAX(size, (size_t)1));

    if (p && size)
        memcpy(p, from, size);
    return p;
}

/* Label numbers become positions. */
static void resolve_labels(struct interp_block *c, const struct ir_block *b)
{
    uint16_t at[IR_MAX_LABELS];

    for (unsigned n = b->n_insns; n-- > 0;) {
        struct ir_insn *i = &c->insns[n];

        if (i->op == IR_label)
            at[i->aux] = n;
        else if (i->op == IR_skip_if || i->op == IR_skip_ifz)
            i->aux = at[i->aux];
    }
}

static int compile_thunks(struct tb *tb, struct interp_block *c, const struct ir_block *b,
                          struct code_span to)
{
    int used = 0;

    for (unsigned n = 0; n < b->n_insns; n++) {
        int len;

        if (b->insns[n].op != IR_simd && b->insns[n].op != IR_fpu)
            continue;
        if (!c->thunks)
            c->thunks = tb_data_alloc(tb, b->n_insns * sizeof(*c->thunks));
        len = c->thunks ? interp_fp_compile(&b->insns[n], &to) : -ENOSPC;
        if (len < 0)
            return len;
        c->thunks[n] = to.rx;
        to = (struct code_span){to.rw + len, to.rx + len, to.room - len};
        used += len;
    }
    return used;
}

static int interp_compile(struct tb *tb, const struct ir_block *b, const struct code_span *to)
{
    struct interp_block *c = tb_data_alloc(tb, sizeof(*c));

    if (!c)
        return -ENOSPC;
    *c = (struct interp_block){
        .insns = copy(tb, b->insns, b->n_insns * sizeof(*b->insns)),
        .mems = copy(tb, b->mems, b->n_mems * sizeof(*b->mems)),
        .consts = copy(tb, b->consts, b->n_consts * sizeof(*b->consts)),
        .exits = copy(tb, b->exits, b->n_exits * sizeof(*b->exits)),
        .globals = b->globals,
        .helpers = b->helpers,
    };
    if (!c->insns || !c->mems || !c->consts || !c->exits)
        return -ENOSPC;
    resolve_labels(c, b);
    return compile_thunks(tb, c, b, *to);
}

static void no_link(struct tb *from, unsigned slot, struct tb *to)
{
}

static void no_unlink(struct tb *from, unsigned slot)
{
}

static void no_invalidate(struct tb *tb)
{
}

/* --- life ------------------------------------------------------------------------------------------- */

static int interp_init(const struct code_span *stubs, struct error **err)
{
    interp_fp_init();
    return 0;
}

static void interp_fini(void)
{
    interp_fp_fini();
}

static int interp_vcpu_init(struct vcpu *cpu)
{
    cpu->backend = calloc(IR_MAX_TEMPS, sizeof(uint64_t));
    return cpu->backend ? 0 : -ENOMEM;
}

static void interp_vcpu_fini(struct vcpu *cpu)
{
    free(cpu->backend);
    cpu->backend = NULL;
}

const struct backend_ops backend_interp = {
    .name = "interp",
    .init = interp_init,
    .vcpu_init = interp_vcpu_init,
    .vcpu_fini = interp_vcpu_fini,
    .compile = interp_compile,
    .link = no_link,
    .unlink = no_unlink,
    .invalidate = no_invalidate,
    .run = interp_run,
    .unwind = interp_unwind,
    .current = interp_current,
    .fini = interp_fini,
};
