/* SPDX-License-Identifier: MIT */
/*
 * One forward pass over a verified block, before opt_flags: memory operands at constant distances
 * from each other (stack runs, fields of a struct) become members of one window. The window is
 * checked once, at the start of the guest instruction that makes the first of the accesses; its
 * members need no check and cannot fault.
 *
 * Assumes: a guest instruction may be started again at any time before its end has been reached
 * (it commits last), so a window that cannot be had makes the rest of the block run in a block
 * without windows (TBV_UNSHARED). Preserves: all values, the order of the accesses.
 *
 * Two operands are at a constant distance if base, index and segment base hold the same values up
 * to constants. So values get numbers here: a global is its value's number plus an offset. A
 * value is `narrow` where the numbers say something of its lower 32 bits only.
 *
 * What may end a mapping (helpers) ends all windows; so do labels, as no temporary lives across.
 * A window for writing is used no longer than softtlb_l2.h (SOFTTLB_VICTIMS) can tell other vCPUs
 * of it. Locked accesses have checks of their own.
 */
#include "translator/simd_ops.h"
#include "translator/softtlb_l2.h"
#include "translator/x87_ops.h"

#include "translator/ir.h"

enum {
    WINDOW_BYTES = 256, /* the longer, the likelier it crosses a page */
    WINDOWS = 6,        /* at a time: each is a temporary */
    WINDOW_GROUPS = 64,
    WINDOW_ACCESSES = 192,
    WINDOW_GLOBALS = 64,
};

struct window_value {
    uint32_t number;
    bool narrow;
    int64_t off;
};

struct window_group {
    uint32_t base, index, seg; /* numbers of values, 0: none */
    uint8_t scale, abits;
    bool write;
    uint16_t first;     /* insn before which the window comes */
    uint16_t mem;       /* of the first access, whose registers make the window's address */
    uint16_t count;
    uint16_t born;      /* value of window_pass.writes */
    ir_ref temp;
    int64_t at;         /* the address's constant part, of the first access, without mem.disp */
    int64_t lo, hi;     /* constant parts covered */
};

struct window_access {
    uint16_t insn, group;
    int64_t at;
};

struct window_pass {
    struct ir_block *b;
    uint32_t next_number;
    unsigned insn;               /* IR_insn of the guest instruction */
    bool barred;                 /* it has had a helper or label: no window at its start reaches beyond */
    unsigned writes;             /* checks for writing so far */
    unsigned n_groups, n_accesses, n_open;
    uint16_t open[WINDOWS];
    uint16_t written[WINDOW_GLOBALS]; /* the guest instruction (insn + 1) that last wrote the global */
    struct window_value value[WINDOW_GLOBALS];
    struct window_group group[WINDOW_GROUPS];
    struct window_access access[WINDOW_ACCESSES];
};

/* --- the accesses of an insn --------------------------------------------------------------- */

unsigned ir_access_bytes(const struct ir_insn *i)
{
    int row;

    switch (i->op) {
    case IR_ld:
    case IR_st:
    case IR_rmw:
        return ir_type_bytes((enum ir_type)i->type);
    case IR_ldzx:
    case IR_ldsx:
        return ir_type_bytes((enum ir_type)i->aux);
    case IR_simd:
        return i->irf & IRF_MEM ? simd_mem_bytes(&simd_rows[i->aux], i->irf & IRF_REX) : 0;
    case IR_fpu:
        row = i->irf & IRF_MEM ? x87_find(i->aux >> 8 & 0xff, i->aux & 0x38) : -1;
        return row < 0 ? 0 : x87_rows[row].bytes;
    default:
        return 0;
    }
}

bool ir_access_writes(const struct ir_insn *i)
{
    switch (i->op) {
    case IR_simd:
        return simd_is_store(&simd_rows[i->aux]);
    case IR_fpu:
        return x87_rows[x87_find(i->aux >> 8 & 0xff, i->aux & 0x38)].flags & FX_STORE;
    default:
        return ir_op_info[i->op].attrs & IRA_STORES;
    }
}

static bool window_may_have(const struct ir_insn *i)
{
    if (i->irf & IRF_LOCK || (i->op == IR_rmw && i->aux == IR_mov))
        return false;
    return ir_access_bytes(i) != 0;
}

/* --- values ------------------------------------------------------------------------------------ */

static unsigned window_global(ir_ref r)
{
    unsigned class = ir_ref_class(r), n = ir_ref_index(r);

    return (class == IR_CLASS_GLOBAL || class == IR_CLASS_HI) && n < WINDOW_GLOBALS ? n : WINDOW_GLOBALS;
}

static void window_new_values(struct window_pass *p)
{
    for (unsigned n = 0; n < MIN(p->b->n_globals, (unsigned)WINDOW_GLOBALS); n++)
        p->value[n] = (struct window_value){.number = p->next_number++};
}

static void window_set(struct window_pass *p, ir_ref r, const struct window_value *v)
{
    unsigned n = window_global(r);

    if (n == WINDOW_GLOBALS)
        return;
    p->written[n] = (uint16_t)(p->insn + 1);
    if (v && ir_ref_class(r) == IR_CLASS_GLOBAL)
        p->value[n] = *v;
    else
        p->value[n] = (struct window_value){.number = p->next_number++};
}

/* value of src + off; false: not that of a global plus a constant */
static bool window_sum(const struct window_pass *p, ir_ref src, int64_t off, bool narrow, struct window_value *v)
{
    unsigned n = ir_ref_class(src) == IR_CLASS_GLOBAL ? window_global(src) : WINDOW_GLOBALS;

    if (n == WINDOW_GLOBALS)
        return false;
    *v = p->value[n];
    v->off += off;
    v->narrow |= narrow;
    return true;
}

static bool window_lea_value(const struct window_pass *p, const struct ir_insn *i, struct window_value *v)
{
    const struct ir_mem *m = &p->b->mems[i->mem - 1];

    return !m->index && m->abits >= 32 &&
           window_sum(p, m->base, m->disp, i->type != IR_I64 || m->abits != 64, v);
}

static bool window_result(const struct window_pass *p, const struct ir_insn *i, struct window_value *v)
{
    bool narrow = i->type != IR_I64;
    int64_t c;

    if (i->type < IR_I32)
        return false;
    switch (i->op) {
    case IR_mov:
        return window_sum(p, i->src[0], 0, narrow, v);
    case IR_add:
    case IR_sub:
        if (ir_ref_class(i->src[1]) != IR_CLASS_CONST)
            return false;
        c = ir_const_value(p->b, i->src[1]);
        return c == (int32_t)c && window_sum(p, i->src[0], i->op == IR_add ? c : -c, narrow, v);
    case IR_lea:
        return window_lea_value(p, i, v);
    default:
        return false;
    }
}

/* --- groups ---------------------------------------------------------------------------------- */

/* A register of an address: its value's number; *at takes the rest. False: not known, or wrong width. */
static bool window_part(const struct window_pass *p, ir_ref r, unsigned scale, unsigned abits, uint32_t *number,
                        int64_t *at)
{
    struct window_value v;

    *number = 0;
    if (!r)
        return true;
    if (!window_sum(p, r, 0, false, &v) || (v.narrow && abits != 32))
        return false;
    *number = v.number;
    *at += (int64_t)((uint64_t)v.off << scale);
    return true;
}

/* The access as a group of its own. */
static bool window_describe(const struct window_pass *p, const struct ir_insn *i, struct window_group *g)
{
    const struct ir_mem *m = &p->b->mems[i->mem - 1];
    int64_t seg_at = 0;

    *g = (struct window_group){.scale = m->index ? m->scale : 0, .abits = m->abits, .mem = i->mem, .count = 1};
    if (m->abits < m->lbits || m->abits < 32)
        return false; /* the offset wraps before the segment base is added */
    if (!window_part(p, m->base, 0, m->abits, &g->base, &g->at) ||
        !window_part(p, m->index, m->scale, m->abits, &g->index, &g->at) ||
        !window_part(p, m->seg, 0, 64, &g->seg, &seg_at) || seg_at)
        return false;
    g->lo = g->at + m->disp;
    g->hi = g->lo + ir_access_bytes(i);
    g->write = ir_access_writes(i);
    g->first = (uint16_t)p->insn;
    g->born = (uint16_t)p->writes;
    return true;
}

static bool window_same(const struct window_pass *p, const struct window_group *g, const struct window_group *a)
{
    return g->base == a->base && g->index == a->index && g->seg == a->seg && g->scale == a->scale &&
           g->abits == a->abits && MAX(g->hi, a->hi) - MIN(g->lo, a->lo) <= WINDOW_BYTES &&
           p->writes - g->born <= SOFTTLB_VICTIMS / 4;
}

static void window_join(struct window_group *g, const struct window_group *a)
{
    g->lo = MIN(g->lo, a->lo);
    g->hi = MAX(g->hi, a->hi);
    g->write |= a->write;
    g->count++;
}

static bool window_unwritten(const struct window_pass *p, ir_ref r)
{
    return !r || p->written[window_global(r)] != p->insn + 1;
}

/* A group can start here if its address is known at the start of the guest instruction. */
static bool window_start(struct window_pass *p, const struct window_group *a, unsigned *n)
{
    const struct ir_mem *m = &p->b->mems[a->mem - 1];

    if (p->barred || p->n_groups == WINDOW_GROUPS || !window_unwritten(p, m->base) || !window_unwritten(p, m->index) ||
        !window_unwritten(p, m->seg))
        return false;
    if (p->n_open == WINDOWS)
        memmove(p->open, p->open + 1, (--p->n_open) * sizeof(p->open[0]));
    p->group[p->n_groups] = *a;
    p->open[p->n_open++] = (uint16_t)p->n_groups;
    *n = p->n_groups++;
    return true;
}

static bool window_place(struct window_pass *p, const struct window_group *a, unsigned *n)
{
    for (unsigned k = p->n_open; k-- > 0;) {
        *n = p->open[k];
        if (window_same(p, &p->group[*n], a)) {
            window_join(&p->group[*n], a);
            return true;
        }
    }
    return window_start(p, a, n);
}

static void window_note_access(struct window_pass *p, const struct ir_insn *i, unsigned at)
{
    struct window_group a;
    unsigned n;

    p->writes += ir_op_info[i->op].attrs & IRA_STORES || (window_may_have(i) && ir_access_writes(i));
    if (!window_may_have(i) || p->n_accesses == WINDOW_ACCESSES || !window_describe(p, i, &a))
        return;
    if (window_place(p, &a, &n))
        p->access[p->n_accesses++] = (struct window_access){(uint16_t)at, (uint16_t)n, a.lo};
}

static void window_visit(struct window_pass *p, unsigned at)
{
    const struct ir_insn *i = &p->b->insns[at];
    struct window_value v;

    switch (i->op) {
    case IR_insn:
        p->insn = at;
        p->barred = false;
        return;
    case IR_call:
        window_new_values(p);
        /* fall through */
    case IR_label:
    case IR_skip_if:
    case IR_skip_ifz:
        p->n_open = 0;
        p->barred = true;
        break;
    default:
        break;
    }
    if (i->mem && i->op != IR_lea)
        window_note_access(p, i, at);
    if (i->dst)
        window_set(p, i->dst, window_result(p, i, &v) ? &v : NULL);
    if (i->dst2)
        window_set(p, i->dst2, NULL);
}

/* --- rewriting --------------------------------------------------------------------------------- */

/* How many groups are worth a window? They get their temporaries. */
static unsigned window_choose(struct window_pass *p)
{
    unsigned chosen = 0;

    for (unsigned n = 0; n < p->n_groups; n++) {
        struct window_group *g = &p->group[n];
        int64_t disp = g->lo - g->at;

        g->temp = IR_NONE;
        if (g->count < 2 || disp != (int32_t)disp)
            continue;
        g->temp = ir_temp(p->b, IR_I64);
        chosen++;
    }
    return chosen;
}

static void window_rewrite_members(struct window_pass *p)
{
    for (unsigned n = 0; n < p->n_accesses; n++) {
        const struct window_access *a = &p->access[n];
        const struct window_group *g = &p->group[a->group];
        struct ir_insn *i = &p->b->insns[a->insn];
        struct ir_mem m;

        if (!g->temp)
            continue;
        m = (struct ir_mem){.base = g->temp, .abits = 64, .lbits = 64, .disp = (int32_t)(a->at - g->lo),
                            .flags = (uint8_t)(p->b->mems[i->mem - 1].flags | IR_MEM_WINDOW)};
        i->mem = ir_mem_add(p->b, &m);
    }
}

static struct ir_insn window_insn(struct window_pass *p, const struct window_group *g)
{
    struct ir_mem m = p->b->mems[g->mem - 1];

    m.disp = (int32_t)(g->lo - g->at);
    m.flags = 0;
    return (struct ir_insn){.op = IR_window, .type = IR_I64, .dst = g->temp, .mem = ir_mem_add(p->b, &m),
                            .aux = (uint32_t)(g->hi - g->lo) | (uint32_t)g->write << 16};
}

/* Each window behind its IR_insn; groups are in the order of those. */
static void window_insert(struct window_pass *p, unsigned chosen)
{
    struct ir_block *b = p->b;
    unsigned from = b->n_insns, group = p->n_groups;

    for (unsigned n = 0; n < chosen; n++)
        ir_emit(b, IR_insn, IR_I64);
    for (unsigned to = b->n_insns; from < to;) {
        const struct window_group *g = NULL;

        while (group && !p->group[group - 1].temp)
            group--;
        if (group)
            g = &p->group[group - 1];
        if (g && g->first == from - 1) {
            b->insns[--to] = window_insn(p, g);
            group--;
        } else {
            b->insns[--to] = b->insns[--from];
        }
    }
}

static bool window_room(const struct ir_block *b)
{
    return b->n_insns + WINDOW_GROUPS <= IR_MAX_INSNS && b->n_temps + WINDOW_GROUPS <= IR_MAX_TEMPS &&
           b->n_mems + WINDOW_GROUPS + WINDOW_ACCESSES <= IR_MAX_MEMS;
}

void opt_windows(struct ir_block *b)
{
    struct window_pass p;
    unsigned chosen;

    if (b->n_mems < 2 || b->n_globals > WINDOW_GLOBALS || !window_room(b))
        return;
    p.b = b;
    p.next_number = 1;
    p.barred = false;
    p.insn = p.writes = p.n_groups = p.n_accesses = p.n_open = 0;
    memset(p.written, 0, sizeof(p.written));
    window_new_values(&p);
    for (unsigned n = 0; n < b->n_insns; n++)
        window_visit(&p, n);
    chosen = window_choose(&p);
    if (!chosen)
        return;
    window_rewrite_members(&p);
    window_insert(&p, chosen);
}
