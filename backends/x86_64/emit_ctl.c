/* SPDX-License-Identifier: MIT */
/*
 * Control: guest instructions, helper calls, skips, guards, and the ways out of a block.
 *
 * All live flags are in vcpu.flags wherever a block is left or joined, except at soft edges (jit.h).
 * An edge inside the page is one patchable jump (or conditional jump); one that leaves the page
 * jumps to a check in front of the block it is linked to.
 * Polls keep the flags: they load through vcpu.poll_ptr, and the fault (signals.c) leaves. That
 * check and indirect jumps compare vcpu.live_ctx anyway, which polls for nothing.
 */
#include "backends/x86_64/emit.h"
#include "backends/x86_64/forms.h"
#include "backends/x86_64/jit.h"
#include "translator/tb.h"

void emit_insn(struct emit *e, unsigned arg)
{
    (void)arg;
    e->pc = (int32_t)e->in->aux;
    e->dirty = false;
    emit_insn_side(e, 0);
}

/* --- calls ------------------------------------------------------------------------ */

static void mov_imm(struct emit *e, unsigned reg, int64_t v)
{
    struct opnd r = opnd_reg(reg), c = opnd_imm(v);

    if (v == 0)
        asm_alu(&e->a, ALU_XOR, S32, &r, &r, false);
    else
        asm_mov(&e->a, S64, &r, &c);
}

/* Arguments into r8, r9, r10; one that sits in a register still to be loaded is moved out first. */
static void load_arguments(struct emit *e)
{
    struct opnd v[3];

    for (unsigned k = 0; k < 3; k++)
        v[k] = e->in->src[k] ? emit_ref(e, e->in->src[k], S64) : opnd_imm(0);
    for (unsigned k = 0; k < 3; k++) {
        for (unsigned j = k + 1; j < 3; j++) {
            if (v[j].kind == OPND_IMM || !opnd_uses(&v[j], scratch_reg[k]) || opnd_is_reg(&v[k], scratch_reg[k]))
                continue;
            struct opnd m = opnd_mem(RSP, SPILL_OFF(SPILL_SAVE0 + (int)j - 1));
            assert(v[j].kind == OPND_REG);
            asm_mov(&e->a, S64, &m, &v[j]);
            v[j] = m;
        }
        if (v[k].kind == OPND_IMM)
            mov_imm(e, scratch_reg[k], v[k].imm);
        else
            emit_load(e, S64, scratch_reg[k], &v[k]);
    }
}

static void call_stub(struct emit *e, const uint8_t *stub)
{
    if (!stub) {
        e->a.full = true;
        return;
    }
    asm_branch_to(&e->a, ASM_CALL, e->rx, stub);
}

void emit_call(struct emit *e, unsigned arg)
{
    uint32_t flags = e->b->helpers[e->in->aux].flags;

    (void)arg;
    flags_to_image(e, e->live | e->live_before);
    emit_spill_for_call(e);
    load_arguments(e);
    call_stub(e, stub_helper(e->in->aux, e->b->helpers));
    e->host = 0;
    if (flags & HF_WRITE_FLAGS)
        e->img = OSZAPC;
    if (e->in->dst) {
        emit_drop_scratches(e);
        struct dest d = emit_dest(e, e->in->dst, S64);
        emit_dest_put(e, &d, scratch_reg[0]);
    }
}

void emit_guard(struct emit *e, unsigned arg)
{
    struct cold *c;

    (void)arg;
    flags_keep_all(e);
    emit_compare_operands(e, false);
    e->host = 0;
    c = emit_cold(e, COLD_GUARD, asm_jcc_fwd(&e->a, e->in->cond));
    c->info = e->in->aux;
}

/* --- inside the block ---------------------------------------------------------------- */

static void skip_to(struct emit *e, unsigned cc)
{
    uint32_t field = asm_jcc_fwd(&e->a, cc), *chain = &e->label_fields[e->in->aux];

    if (!e->a.full)
        memcpy(e->a.start + field, chain, 4);
    *chain = field;
}

void emit_skip_if(struct emit *e, unsigned arg)
{
    (void)arg;
    flags_to_image(e, OSZAPC);
    skip_to(e, flags_cond(e, e->in->cond));
}

/* test src[0] with itself; the host's condition for cond E or NE */
static unsigned test_zero(struct emit *e)
{
    enum asm_size s = (enum asm_size)e->in->type;
    struct opnd a = emit_ref(e, e->in->src[0], s), zero = opnd_imm(0);

    flags_to_image(e, OSZAPC);
    if (a.kind == OPND_IMM) {
        struct opnd w = opnd_reg(emit_scratch(e));
        asm_mov(&e->a, S64, &w, &a);
        a = w;
    }
    if (a.kind == OPND_MEM)
        asm_alu(&e->a, ALU_CMP, s, &a, &zero, false);
    else
        asm_test(&e->a, s, &a, &a);
    e->host = 0;
    return e->in->cond;
}

void emit_skip_ifz(struct emit *e, unsigned arg)
{
    (void)arg;
    skip_to(e, test_zero(e));
}

void emit_label(struct emit *e, unsigned arg)
{
    uint32_t field = e->label_fields[e->in->aux], next;

    (void)arg;
    flags_to_image(e, OSZAPC);
    while (field) {
        memcpy(&next, e->a.start + field, 4);
        asm_bind32(&e->a, field);
        field = next;
    }
    e->label_fields[e->in->aux] = 0;
    e->host = 0;
    e->img = OSZAPC;
}

/* --- leaving ------------------------------------------------------------------------------ */

static bool in_page(const struct emit *e, unsigned slot)
{
    return tb_edge_in_page(&e->tb->edge[slot]);
}

/* A rel32 that will be patched must not cross a cache line; len: bytes of opcode before it. */
static void align_patch(struct emit *e, unsigned len)
{
    static const uint8_t nops[4][3] = {{0}, {0x90}, {0x66, 0x90}, {0x0f, 0x1f, 0x00}};
    unsigned at = (unsigned)((uintptr_t)(e->rx + asm_off(&e->a) + len) & 63);
    unsigned n = at > 60 ? 64 - at : 0;

    for (unsigned i = 0; i < n; i++)
        asm_byte(&e->a, nops[n][i]);
}

static void poll_load(struct emit *e)
{
    unsigned r = emit_scratch(e);
    struct opnd ptr = opnd_mem(RSP, VCPU_OFF(poll_ptr)), at = opnd_mem(r, 0), reg = opnd_reg(r);

    asm_mov(&e->a, S64, &reg, &ptr);
    asm_mov(&e->a, S32, &reg, &at);
    emit_scratch_free(e, r);
}

/* The block's one patchable jump for this slot. */
static void patchable(struct emit *e, unsigned slot, uint32_t field, bool soft)
{
    struct cold *c = emit_cold(e, COLD_EDGE_STUB, field);

    e->patch[slot] = field;
    e->soft |= (uint8_t)(soft << slot);
    c->slot = (uint8_t)slot;
    c->soft = soft;
}

static void edge_in_page(struct emit *e, unsigned slot, bool poll, int64_t poll_pc, bool soft)
{
    if (poll) {
        struct side_entry s = {asm_off(&e->a), poll_pc, soft ? OSZAPC : 0};
        side_add(&e->side, &s);
        poll_load(e);
    }
    align_patch(e, 1);
    patchable(e, slot, asm_jmp_fwd(&e->a), soft);
}

/* Is the edge's only jump right here, and are all flags in EFLAGS, some nowhere else? */
static bool can_be_soft(const struct emit *e, unsigned slot)
{
    return e->uses[slot] == 1 && in_page(e, slot) && e->host == OSZAPC && e->img != OSZAPC;
}

/* r8 += off, wrapped to the width of a PC */
static void add_page_offset(struct emit *e, int64_t off)
{
    enum asm_size s = e->b->pc_bits == 32 ? S32 : S64;
    struct opnd m = opnd_mem(R8, (int32_t)off), r8 = opnd_reg(R8), r10 = opnd_reg(R10), big = opnd_imm(off);

    if (off == (int32_t)off || s == S32) {
        asm_lea(&e->a, s, R8, &m);
        return;
    }
    asm_mov(&e->a, S64, &r10, &big);
    asm_alu(&e->a, ALU_ADD, S64, &r8, &r10, false);
}

/* r8 = the target's page for the check in front of its block (emit_entry) */
static void edge_to_page(struct emit *e, unsigned slot)
{
    struct opnd r8 = opnd_reg(R8), m = opnd_mem(RSP, VCPU_OFF(pc_page));

    asm_mov(&e->a, S64, &r8, &m);
    add_page_offset(e, e->tb->edge[slot].off & ~(int64_t)(SOFTTLB_PAGE - 1));
    align_patch(e, 1);
    patchable(e, slot, asm_jmp_fwd(&e->a), false);
}

void emit_exit(struct emit *e, unsigned arg)
{
    unsigned slot = e->in->aux;
    bool soft = can_be_soft(e, slot);

    (void)arg;
    if (!soft)
        flags_to_image(e, OSZAPC);
    if (e->uses[slot] > 1)
        emit_cold(e, COLD_EDGE, asm_jmp_fwd(&e->a))->slot = (uint8_t)slot;
    else if (in_page(e, slot))
        edge_in_page(e, slot, e->b->exits[slot].poll, e->b->exits[slot].off, soft);
    else
        edge_to_page(e, slot);
}

static void exit_on(struct emit *e, unsigned cc, bool soft)
{
    unsigned slot = e->in->aux;
    bool poll = e->b->exits[slot].poll;
    struct cold *c;

    if (e->uses[slot] == 1 && in_page(e, slot) && !(poll && e->dirty)) {
        align_patch(e, 2);
        patchable(e, slot, asm_jcc_fwd(&e->a, cc), soft);
        return;
    }
    c = emit_cold(e, COLD_EDGE, asm_jcc_fwd(&e->a, cc));
    c->slot = (uint8_t)slot;
}

/* A poll before the condition restarts the branch; only if it has done nothing else before. */
static void poll_before(struct emit *e)
{
    unsigned slot = e->in->aux;

    if (!e->b->exits[slot].poll || e->dirty || !in_page(e, slot) || e->uses[slot] > 1)
        return;
    emit_insn_side(e, e->host);
    poll_load(e);
}

void emit_exit_if(struct emit *e, unsigned arg)
{
    unsigned slot = e->in->aux, cc;
    bool soft = can_be_soft(e, slot) && !(e->b->exits[slot].poll && e->dirty);

    (void)arg;
    if (!soft)
        flags_to_image(e, OSZAPC);
    poll_before(e);
    cc = flags_cond(e, e->in->cond);
    exit_on(e, cc, soft);
}

void emit_exit_ifz(struct emit *e, unsigned arg)
{
    (void)arg;
    poll_before(e);
    exit_on(e, test_zero(e), false);
}

/* The jump table (vcpu.h): target in r8. */
static void jump_table(struct emit *e)
{
    struct opnd r8 = opnd_reg(R8), r9 = opnd_reg(R9), r10 = opnd_reg(R10), m;
    int32_t table = VCPU_OFF(jmp);
    struct cold *c;

    asm_mov_rr(&e->a, S64, R9, R8);
    asm_shift_i(&e->a, SH_SHR, S64, &r9, VCPU_JMP_BITS);
    asm_alu(&e->a, ALU_XOR, S32, &r9, &r8, false);
    asm_alu_ri(&e->a, ALU_AND, S32, R9, (1 << VCPU_JMP_BITS) - 1);
    _Static_assert(sizeof(struct jmp_entry) == 32, "shift");
    asm_shift_i(&e->a, SH_SHL, S32, &r9, 5);
    m = opnd_memx(RSP, R9, 0, table + (int32_t)offsetof(struct jmp_entry, pc));
    asm_alu(&e->a, ALU_CMP, S64, &r8, &m, false);
    c = emit_cold(e, COLD_LOOKUP, asm_jcc_fwd(&e->a, IR_NE));
    c->info = e->in->aux;
    m = opnd_mem(RSP, VCPU_OFF(live_ctx));
    asm_mov(&e->a, S64, &r10, &m);
    m = opnd_memx(RSP, R9, 0, table + (int32_t)offsetof(struct jmp_entry, ctx));
    asm_alu(&e->a, ALU_CMP, S64, &r10, &m, false);
    c->field[c->n_fields++] = asm_jcc_fwd(&e->a, IR_NE);
    asm_alu_ri(&e->a, ALU_AND, S64, R8, -(int32_t)SOFTTLB_PAGE);
    m = opnd_mem(RSP, VCPU_OFF(pc_page));
    asm_mov(&e->a, S64, &m, &r8);
    m = opnd_memx(RSP, R9, 0, table + (int32_t)offsetof(struct jmp_entry, code));
    asm_ext(&e->a, 0xff | DEF64, S64, 4, &m);
}

void emit_exit_ind(struct emit *e, unsigned arg)
{
    struct opnd target = emit_ref(e, e->in->src[0], S64);

    (void)arg;
    flags_to_image(e, OSZAPC);
    if (target.kind == OPND_IMM)
        mov_imm(e, R8, target.imm);
    else
        emit_load(e, S64, R8, &target);
    jump_table(e);
}

void emit_exit_lookup(struct emit *e, unsigned arg)
{
    (void)arg;
    flags_to_image(e, OSZAPC);
    asm_branch_to(&e->a, ASM_JMP, e->rx, stubs.lookup_key);
}

void emit_exit_loop(struct emit *e, unsigned arg)
{
    (void)arg;
    flags_to_image(e, OSZAPC);
    asm_branch_to(&e->a, ASM_JMP, e->rx, stubs.leave);
}

/* --- out of line ------------------------------------------------------------------------------ */

static void cold_side(struct emit *e, const struct cold *c)
{
    struct side_entry s = {asm_off(&e->a), c->pc, 0};

    side_add(&e->side, &s);
}

static void jump_back(struct emit *e, uint32_t to)
{
    asm_jmp_off(&e->a, to);
}

/* The address back from its difference to the entry's tag, and what the access is: as a stub does it. */
static void slow_in_place(struct emit *e, const struct cold *c)
{
    int32_t table = mem_tlb_offset(acc_class(c->info), acc_flags(c->info) & ACC_WRITE);
    struct opnd r = opnd_reg(c->addr), tag = opnd_memx(RSP, c->index, 0, table);
    struct opnd addr = opnd_mem(RSP, SPILL_OFF(SPILL_ADDR)), info = opnd_mem(RSP, SPILL_OFF(SPILL_INFO));
    struct opnd value = opnd_imm((int32_t)c->info);

    asm_alu(&e->a, ALU_XOR, S64, &r, &tag, false);
    asm_mov(&e->a, S64, &addr, &r);
    asm_mov(&e->a, S64, &info, &value);
}

static void call_slow(struct emit *e, const struct cold *c)
{
    const uint8_t *stub = stub_slow(c->addr, c->index, c->info);

    if (!stub) {
        slow_in_place(e, c);
        stub = stub_slow_common(c->addr, c->index, c->info);
    }
    call_stub(e, stub);
}

/* Code of the block again (it has no addresses). */
static void repeat(struct emit *e, uint32_t from, uint32_t to)
{
    if (!e->a.full && (size_t)(e->a.end - e->a.p) >= to - from) {
        memcpy(e->a.p, e->a.start + from, to - from);
        e->a.p += to - from;
    } else {
        e->a.full = true;
    }
}

static void cold_store(struct emit *e, const struct cold *c)
{
    struct opnd m = opnd_mem(RSP, SPILL_OFF(SPILL_VALUE));

    cold_side(e, c);
    repeat(e, c->resume, c->ready);
    asm_mov(&e->a, S64, &m, &c->value);
    call_slow(e, c);
    jump_back(e, c->ready);
    jump_back(e, c->after);
}

static void cold_mem(struct emit *e, const struct cold *c)
{
    cold_side(e, c);
    call_slow(e, c);
    jump_back(e, c->resume);
    if (!c->store)
        return;
    repeat(e, c->resume, c->after);
    call_stub(e, stubs.commit);
    jump_back(e, c->after);
}

/* Behind the jump back: where the guest instruction is, for jit_window_leaf(). */
static void cold_window(struct emit *e, const struct cold *c)
{
    cold_side(e, c);
    call_slow(e, c);
    jump_back(e, c->resume);
    asm_imm(&e->a, c->pc, 2);
}

static void cold_guard(struct emit *e, const struct cold *c)
{
    cold_side(e, c);
    mov_imm(e, R8, c->info >> 16);
    mov_imm(e, R9, 0);
    mov_imm(e, R10, 0);
    call_stub(e, stub_helper(c->info & 0xffff, e->b->helpers));
}

/* All ways to this slot that are no patchable jump of their own. */
static void cold_edge(struct emit *e, struct cold *c)
{
    unsigned slot = c->slot;

    if (e->shared[slot]) {
        asm_jmp_off(&e->a, e->shared[slot]);
        return;
    }
    e->shared[slot] = asm_off(&e->a);
    if (in_page(e, slot))
        edge_in_page(e, slot, e->b->exits[slot].poll, e->b->exits[slot].off, false);
    else
        edge_to_page(e, slot);
}

/* In front of a soft edge's stub: SAVER bytes, the jump of which is patchable. */
static void cold_saver(struct emit *e)
{
    flags_save_host(e);
    asm_byte(&e->a, 0xe9);
    asm_imm(&e->a, 0, 4);
}

/* What an unlinked edge does: the return address names it. */
static void cold_edge_stub(struct emit *e, const struct cold *c, const uint8_t *stub)
{
    if (c->soft)
        cold_saver(e);
    call_stub(e, stub);
    e->stub_off[c->slot] = asm_off(&e->a);
    if (e->tb->edge[c->slot].off != (int32_t)e->tb->edge[c->slot].off)
        return; /* such an edge is never taken by the table */
    asm_imm(&e->a, e->tb->edge[c->slot].off, 4); /* for stubs.edge_table */
    asm_byte(&e->a, e->b->pc_bits == 32);
}

static void cold_lookup(struct emit *e, const struct cold *c)
{
    if (e->b->pc_bits == 32) {
        asm_branch_to(&e->a, ASM_JMP, e->rx, stubs.lookup);
        return;
    }
    call_stub(e, stubs.lookup_from);
    asm_imm(&e->a, vcpu_ind_from(c->pc, c->info), 4);
}

void emit_cold_code(struct emit *e)
{
    for (unsigned i = 0; i < e->n_cold; i++) {
        struct cold c = e->cold[i];
        if (e->a.full)
            return;
        if (c.soft)
            align_patch(e, SAVER - 4);
        for (unsigned k = 0; k < c.n_fields; k++)
            asm_bind32(&e->a, c.field[k]);
        switch (c.kind) {
        case COLD_MEM:
            cold_mem(e, &c);
            break;
        case COLD_STORE:
            cold_store(e, &c);
            break;
        case COLD_WINDOW:
            cold_window(e, &c);
            break;
        case COLD_GUARD:
            cold_guard(e, &c);
            break;
        case COLD_EDGE:
            cold_edge(e, &c);
            break;
        case COLD_EDGE_STUB:
            cold_edge_stub(e, &c, stubs.edge);
            break;
        case COLD_LOOKUP:
            cold_lookup(e, &c);
            break;
        }
    }
}
