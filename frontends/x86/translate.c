/* SPDX-License-Identifier: MIT */
/*
 * Guest code to IR: decodes instruction by instruction and lets each row's generator append, until
 * one ends the block, the page ends or the block is long enough.
 *
 * Order of faults (Intel SDM vol. 3A, 6.9): fetching (page fault, CS limit), length above 15 (#GP),
 * #UD, then privilege, then what the generator checks.
 */
#include "frontends/x86/disas.h"
#include "frontends/x86/gen.h"
#include "frontends/x86/mode.h"
#include "translator/debug.h"
#include "util/log.h"

#define MAX_BLOCK_INSNS 64
#define MAX_INSN_BYTES  15u

const struct ir_helper x86_helpers[HLP_COUNT] = {
#define HELPER(name, flags) {#name, helper_##name, flags},
#include "frontends/x86/helpers.def"
#undef HELPER
};

static void gen_init(struct gen *g, struct vcpu *v, const struct tb_key *key, struct ir_block *b)
{
    uint64_t mode = key->mode;

    *g = (struct gen){.b = b, .key = key, .cpu = X86_CPU(v), .mode = mode};
    g->features = x86_cpu_features(g->cpu);
    g->code64 = mode & X86_MODE_CS64;
    g->cpl = (uint8_t)x86_mode_cpl(mode);
    g->mmu_idx = (uint8_t)x86_mode_tlb_class(mode);
    g->sbits = g->code64 ? 64 : mode & X86_MODE_SS32 ? 32 : 16;
    g->reports =
        key->variant & (TBV_SINGLE_STEP | TBV_DEBUG) || mode & (X86_MODE_SHADOW | X86_MODE_RF);
    g->stepping = g->reports || key->variant & TBV_ONE_INSN;
    b->mmu_idx = g->mmu_idx;
    b->pc_bits = g->code64 ? 64 : 32;
    b->globals = x86_globals;
    b->n_globals = X86_G_COUNT;
    b->helpers = x86_helpers;
    b->n_helpers = HLP_COUNT;
}

/* Bytes of code up to the CS limit from off on; more than any instruction has where there is none. */
static unsigned limit_avail(const struct gen *g, int64_t off)
{
    uint32_t ip;

    if (!(g->mode & X86_MODE_CS_STATIC))
        return UINT32_MAX;
    ip = gen_static_ip(g, off);
    if (ip > g->key->cs_limit)
        return 0;
    return g->key->cs_limit - ip < MAX_INSN_BYTES ? g->key->cs_limit - ip + 1 : UINT32_MAX;
}

static void open_insn(struct gen *g, const struct x86_insn *in)
{
    struct ir_insn *i = ir_emit(g->b, IR_insn, IR_I64);

    g->in = in;
    g->next = g->off + in->len;
    g->type = gen_type(in->osize);
    i->aux = (uint32_t)g->off;
    i->imm = in->len;
    g->b->guest_insns++;
    g->b->guest_bytes = (uint16_t)(g->b->guest_bytes + in->len);
}

static void gen_insn(struct gen *g, const struct x86_insn *in, enum x86_decode_status status)
{
    g->in = in;
    if (status != X86_DECODE_OK || !gen_x87_keeps_pending(g))
        gen_x87_flush(g);
    open_insn(g, in);
    if (g->key->variant & TBV_DEBUG)
        gen_helper(g, HLP_code_breakpoint, gen_linear_pc(g, g->off), IR_NONE, IR_NONE);
    if (unlikely(debug_hooks) && debug_hooked((unsigned)g->off % SOFTTLB_PAGE))
        gen_helper(g, HLP_debug_point, gen_linear_pc(g, g->off), IR_NONE, IR_NONE);
    if (status == X86_DECODE_UD) {
        gen_raise(g, X86_UD);
        return;
    }
    if (status != X86_DECODE_OK) {
        gen_raise_error(g, X86_GP, 0);
        return;
    }
    if (in->row->flags & X86F_CPL0 && g->cpl) {
        gen_raise_error(g, X86_GP, 0);
        return;
    }
    in->row->gen(g);
}

static void log_insn(const struct gen *g, const struct x86_insn *in, const uint8_t *code)
{
    uint64_t page = ALIGN_DOWN(g->cpu->v.pc, SOFTTLB_PAGE); /* where it runs first */

    x86_disas_log(code, in->len, page + (uint64_t)g->off, g->mode);
}

/*
 * One instruction at `code`. Returns false if bytes beyond `avail` are needed, which the caller
 * has to find in the next page.
 */
static bool translate_one(struct gen *g, const uint8_t *code, unsigned avail)
{
    unsigned limit = limit_avail(g, g->off);
    bool in_shadow = g->shadow;
    struct x86_insn in;
    enum x86_decode_status status;

    status = x86_decode(&in, code, MIN(avail, limit), g->mode, g->features);
    if (status == X86_DECODE_MORE && limit > avail)
        return false;
    if (status != X86_DECODE_OK && !in.len)
        in.len = 1;
    if (log_enabled(LOG_IN_ASM) && log_in_filter(g->cpu->v.pc))
        log_insn(g, &in, code);
    gen_insn(g, &in, status);
    if (!g->ended && (g->stepping || in_shadow))
        gen_exit_next(g);
    if (in_shadow)
        g->shadow = false;
    g->off = g->next;
    return true;
}

/* The block ends before the next instruction. */
static void leave(struct gen *g)
{
    if (g->shadow)
        gen_leave_in_shadow(g);
    else
        gen_exit_to(g, g->off);
}

/* An instruction across the page end is a block of its own. */
static void translate_straddling(struct gen *g, const uint8_t *code, unsigned avail,
                                 const uint8_t *code2)
{
    uint8_t buf[2 * MAX_INSN_BYTES];

    memcpy(buf, code, MIN(avail, MAX_INSN_BYTES));
    memcpy(buf + MIN(avail, MAX_INSN_BYTES), code2, MAX_INSN_BYTES);
    translate_one(g, buf, MIN(avail, MAX_INSN_BYTES) + MAX_INSN_BYTES);
    if (!g->ended)
        leave(g);
}

int x86_translate(struct vcpu *v, const struct tb_key *key, const uint8_t *code, unsigned avail,
                  const uint8_t *code2, struct ir_block *b)
{
    struct gen g;
    unsigned at = 0;

    gen_init(&g, v, key, b);
    g.off = key->phys & (SOFTTLB_PAGE - 1);
    if (log_enabled(LOG_IN_ASM) && log_in_filter(v->pc))
        x86_disas_log_block(key->phys, key->mode);
    if (code2) {
        translate_straddling(&g, code, avail, code2);
        return 0;
    }
    while (!g.ended) {
        if (at >= avail || b->guest_insns >= MAX_BLOCK_INSNS || ir_block_full(b)) {
            leave(&g);
        } else if (!translate_one(&g, code + at, avail - at)) {
            if (!at)
                return 1;
            leave(&g);
        }
        at = (unsigned)(g.off - (int64_t)(key->phys & (SOFTTLB_PAGE - 1)));
    }
    return 0;
}
