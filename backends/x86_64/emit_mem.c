/* SPDX-License-Identifier: MIT */
/*
 * Guest memory: the inlined soft TLB (translator/softtlb.h) and the operations on it. Accesses in
 * windows (opt_windows) go to their window's base, which the window's check has left in a scratch.
 *
 *     lea  A, [base + index * scale + disp]     linear address
 *     rorx I, A, 8 / and I, 3ff0h               entry
 *     xor  A, [rsp + I + tags]                  offset in the page on a hit
 *     cmp  A, 4096 - size / ja cold
 *     mov  I, [rsp + I + hosts]                 access [I + A]
 *
 * Cold: `call slow; jmp back`; slow (stubs.c) leaves the host address in A and 0 in I, and
 * everything else as it was. An access without a host address (MMIO, page crossing) is made on
 * vcpu.bounce: loads find their value there; for stores slow returns behind that jmp, where the
 * instruction is repeated and the result committed. A plain store gives slow its value: what has no
 * host address has been stored when it returns there.
 */
#include "backends/x86_64/emit.h"
#include "backends/x86_64/forms.h"
#include "backends/x86_64/host.h"

static int scratch_no(unsigned reg)
{
    for (int i = 0; i < SCRATCHES; i++)
        if (scratch_reg[i] == reg)
            return i;
    return -1;
}

/* A register of the address that is ours, or whose temporary ends here: it can hold the result. */
static unsigned take_part(struct emit *e, const struct ir_mem *m, unsigned reg)
{
    const ir_ref refs[2] = {m->base, m->index};
    int i = reg == NOREG ? -1 : scratch_no(reg);

    if (i < 0)
        return NOREG;
    if (e->owner[i] == OWNER_INSN)
        return reg;
    for (unsigned k = 0; k < 2; k++) {
        struct temp_loc *l = &e->temp[ir_ref_index(refs[k])];
        bool elsewhere = false;
        for (unsigned n = 0; n < 3; n++)
            elsewhere |= e->in->src[n] == refs[k];
        if (emit_dies(e, refs[k]) && !elsewhere && l->kind == TEMP_REG && l->n == i) {
            l->kind = TEMP_NONE;
            e->owner[i] = OWNER_INSN;
            return reg;
        }
    }
    return NOREG;
}

/* Linear address into a scratch. */
static unsigned linear_address(struct emit *e, const struct ir_mem *m)
{
    struct opnd addr = emit_address(e, m), r, seg;
    enum asm_size s = m->abits == 64 ? S64 : S32;
    unsigned a = take_part(e, m, addr.reg), b = take_part(e, m, addr.index);

    if (a == NOREG) {
        a = b;
    } else if (b != NOREG && b != a) {
        emit_scratch_free(e, b);
    }
    if (a == NOREG)
        a = emit_scratch(e);
    r = opnd_reg(a);
    if (addr.reg == NOREG && addr.index == NOREG) {
        struct opnd c = opnd_imm(s == S64 ? addr.disp : (int64_t)(uint32_t)addr.disp);
        asm_mov(&e->a, S64, &r, &c);
    } else if (addr.index == NOREG && addr.disp == 0) {
        if (addr.reg != a || s == S32)
            asm_mov_rr(&e->a, s, a, addr.reg);
    } else {
        asm_lea(&e->a, s, a, &addr);
    }
    if (m->abits == 16)
        asm_extend(&e->a, false, S32, a, S16, &r);
    if (m->seg) {
        seg = emit_ref(e, m->seg, S64);
        asm_alu(&e->a, ALU_ADD, m->lbits == 32 ? S32 : S64, &r, &seg, false);
    }
    return a;
}

static void tlb_index(struct emit *e, unsigned index, unsigned addr)
{
    struct opnd i = opnd_reg(index), a = opnd_reg(addr);

    if (host_has_bmi2) {
        asm_rorx(&e->a, S32, index, &a, 8);
    } else {
        asm_mov_rr(&e->a, S32, index, addr);
        asm_shift_i(&e->a, SH_SHR, S32, &i, 8);
    }
    asm_alu_ri(&e->a, ALU_AND, S32, index, (SOFTTLB_ENTRIES - 1) << 4);
}

int32_t mem_tlb_offset(unsigned cls, bool write)
{
    return VCPU_OFF(tlb) + (int32_t)(cls * sizeof(struct softtlb_set)) +
           (int32_t)(write ? offsetof(struct softtlb_set, wr) : offsetof(struct softtlb_set, rd));
}

/* The window's base is in a scratch, or spilled. Touches no flags. */
static struct access window_access(struct emit *e, const struct ir_mem *m)
{
    struct opnd base = emit_ref(e, m->base, S64);
    unsigned r = base.reg;

    if (base.kind != OPND_REG) {
        r = emit_scratch(e);
        emit_load(e, S64, r, &base);
    }
    return (struct access){.m = opnd_mem(r, m->disp)};
}

struct access mem_access(struct emit *e, unsigned mem, unsigned bytes, unsigned flags)
{
    const struct ir_mem *m = &e->b->mems[mem - 1];
    int32_t table = mem_tlb_offset(e->b->mmu_idx, flags & ACC_WRITE);
    struct access acc;
    unsigned a, i;
    uint32_t field;

    if (m->flags & IR_MEM_WINDOW)
        return window_access(e, m);
    flags_keep_all(e);
    a = linear_address(e, m);
    e->lock = 0; /* base and index are done with and may be spilled */
    i = emit_scratch(e);
    tlb_index(e, i, a);
    struct opnd ra = opnd_reg(a), ri = opnd_reg(i), tag = opnd_memx(RSP, i, 0, table), host = tag;
    host.disp += (int32_t)offsetof(struct softtlb_entry, host);
    asm_alu(&e->a, ALU_XOR, S64, &ra, &tag, false);
    if (bytes <= SOFTTLB_PAGE)
        asm_alu_ri(&e->a, ALU_CMP, S64, a, (int32_t)(SOFTTLB_PAGE - bytes));
    field = bytes <= SOFTTLB_PAGE ? asm_jcc_fwd(&e->a, IR_A) : asm_jmp_fwd(&e->a);
    acc.cold = emit_cold(e, flags & ACC_WINDOW ? COLD_WINDOW : COLD_MEM, field);
    if (flags & ACC_LOCK && bytes > 1) {
        struct opnd low = opnd_imm((int32_t)bytes - 1);
        asm_test(&e->a, S8, &ra, &low);
        acc.cold->field[acc.cold->n_fields++] = asm_jcc_fwd(&e->a, IR_NE);
    }
    if (flags & ACC_BASE) {
        asm_alu(&e->a, ALU_ADD, S64, &ra, &host, false);
        acc.m = opnd_mem(a, 0);
    } else {
        asm_mov(&e->a, S64, &ri, &host);
        acc.m = opnd_memx(i, a, 0, 0);
    }
    acc.cold->addr = (uint8_t)a;
    acc.cold->index = (uint8_t)i;
    if (e->windows && (flags & (ACC_WRITE | ACC_PROBE | ACC_WINDOW)) == ACC_WRITE)
        flags |= ACC_SAME_MAP;
    acc.cold->info = ACC_INFO(bytes, e->b->mmu_idx, m->flags & 3, flags & ~ACC_BASE);
    acc.cold->store = flags & ACC_WRITE && !(flags & ACC_PROBE);
    acc.cold->resume = acc.cold->after = asm_off(&e->a);
    if (flags & ACC_BASE)
        emit_scratch_free(e, i);
    e->host = 0;
    return acc;
}

void mem_store_end(struct emit *e, struct access *acc)
{
    if (acc->cold)
        acc->cold->after = asm_off(&e->a);
}

/* The temporary's register is the one the address has been computed in. */
void emit_window(struct emit *e, unsigned arg)
{
    bool write = e->in->aux >> 16 & 1;
    struct access acc = mem_access(e, e->in->mem, e->in->aux & 0xffff, (write ? ACC_WRITE : ACC_READ) | ACC_BASE | ACC_WINDOW);
    struct temp_loc *l = &e->temp[ir_ref_index(e->in->dst)];

    (void)arg;
    l->kind = TEMP_REG;
    l->n = (uint8_t)scratch_no(acc.m.reg);
    e->owner[l->n] = (int16_t)ir_ref_index(e->in->dst);
    e->windows = true;
}

static void free_address(struct emit *e, const struct access *acc)
{
    if (!acc->cold)
        return;
    emit_scratch_free(e, acc->cold->addr);
    emit_scratch_free(e, acc->cold->index);
}

/* May the next insn take the loaded value as a memory operand? */
static bool can_fold(const struct emit *e)
{
    const struct ir_insn *next = e->in + 1;
    ir_ref t = e->in->dst;

    if (ir_ref_class(t) != IR_CLASS_TEMP || e->i + 1 >= e->b->n_insns || next->op > IR_setf)
        return false;
    if (next->mem || e->temp[ir_ref_index(t)].last != e->i + 1)
        return false;
    return (next->src[0] == t) + (next->src[1] == t) + (next->src[2] == t) == 1;
}

/* A window whose base ends with the load is kept like any scratch, else it may not be spilled yet. */
static void fold_window(struct emit *e)
{
    const struct ir_mem *m = &e->b->mems[e->in->mem - 1];
    struct temp_loc *l = &e->temp[ir_ref_index(m->base)];

    if (!(m->flags & IR_MEM_WINDOW) || l->kind != TEMP_REG)
        return;
    if (emit_dies(e, m->base)) {
        e->owner[l->n] = OWNER_INSN;
        l->kind = TEMP_NONE;
    } else {
        e->fold_lock = (uint8_t)(1 << l->n);
    }
}

/* [m] to the destination by `mov`, or with zero- or sign-extension from `from`. */
static void load_value(struct emit *e, const struct access *acc, enum asm_size s, enum asm_size from, bool sign)
{
    struct dest d;
    unsigned r;

    free_address(e, acc); /* the value may replace it */
    d = emit_dest(e, e->in->dst, s);
    r = d.loc.kind == OPND_REG ? d.loc.reg : emit_scratch(e);
    if (s == from && (s >= S32 || (!d.temp && d.loc.kind == OPND_REG))) {
        struct opnd o = opnd_reg(r);
        asm_mov(&e->a, s, &o, &acc->m);
    } else {
        asm_extend(&e->a, sign, s == from && s < S32 ? S32 : s, r, from, &acc->m);
    }
    if (d.loc.kind != OPND_REG)
        emit_dest_put(e, &d, r);
}

void emit_ld(struct emit *e, unsigned arg)
{
    enum asm_size s = (enum asm_size)e->in->type;
    bool fold = can_fold(e);
    struct access acc = mem_access(e, e->in->mem, 1u << s, ACC_READ | (fold ? ACC_BASE : 0));

    (void)arg;
    if (fold) {
        e->fold = acc.m;
        e->temp[ir_ref_index(e->in->dst)].kind = TEMP_FOLD;
        fold_window(e);
        e->folding = true;
        return;
    }
    load_value(e, &acc, s, s, false);
}

void emit_ld_extend(struct emit *e, unsigned sign)
{
    enum asm_size from = (enum asm_size)e->in->aux;
    struct access acc = mem_access(e, e->in->mem, 1u << from, ACC_READ);

    load_value(e, &acc, (enum asm_size)e->in->type, from, sign);
}

/* src[n] as a register or immediate that can stand beside an operand with REX. */
static struct opnd store_operand(struct emit *e, unsigned n, enum asm_size s, bool imm_ok)
{
    struct opnd o = emit_ref(e, e->in->src[n], s), w;

    if (o.kind == OPND_REG || (o.kind == OPND_IMM && imm_ok && o.imm == (int32_t)o.imm))
        return o;
    w = opnd_reg(emit_scratch(e));
    emit_load(e, s, w.reg, &o);
    return w;
}

void emit_st(struct emit *e, unsigned arg)
{
    enum asm_size s = (enum asm_size)e->in->type;
    struct access acc = mem_access(e, e->in->mem, 1u << s, ACC_WRITE | ACC_VALUE);
    struct opnd v = store_operand(e, 0, s, true);

    (void)arg;
    if (acc.cold) {
        acc.cold->kind = COLD_STORE;
        acc.cold->value = v;
        acc.cold->ready = asm_off(&e->a);
    }
    asm_mov(&e->a, s, &acc.m, &v);
    mem_store_end(e, &acc);
}

/* xchg, xadd: register gets the old value; in the destination's own register if it is also the source. */
static void exchange(struct emit *e, unsigned opcode, const struct opnd *m, enum asm_size s, bool lock)
{
    struct opnd a = emit_ref(e, e->in->src[0], s), w;
    struct dest d;

    if (a.kind == OPND_REG && e->in->src[0] == e->in->dst) {
        asm_op(&e->a, opcode | OPW | (lock ? LOCKP : 0), s, &a, m);
        return;
    }
    w = opnd_reg(emit_scratch(e));
    emit_load(e, s, w.reg, &a);
    asm_op(&e->a, opcode | OPW | (lock ? LOCKP : 0), s, &w, m);
    d = emit_dest(e, e->in->dst, s);
    emit_dest_put(e, &d, w.reg);
}

static void rmw_bit(struct emit *e, unsigned ext, const struct opnd *m, enum asm_size s, unsigned lock)
{
    struct opnd b = emit_ref(e, e->in->src[0], s), w;

    if (b.kind == OPND_IMM) {
        asm_ext(&e->a, M0F | 0xba | lock, s, ext, m);
        asm_byte(&e->a, (unsigned)b.imm & ((8u << s) - 1));
    } else {
        w = opnd_reg(emit_scratch(e));
        emit_load(e, s, w.reg, &b);
        asm_alu_ri(&e->a, ALU_AND, S32, w.reg, (int32_t)(8u << s) - 1);
        asm_op(&e->a, M0F | 0x83 | ext << 3 | lock, s, &w, m);
    }
    flags_set(e, e->in->fdef, OSZAPC);
}

static void rmw_alu(struct emit *e, enum asm_alu op, const struct opnd *m, enum asm_size s, bool lock)
{
    struct opnd b = store_operand(e, 0, s, true);

    if (op == ALU_ADC || op == ALU_SBB)
        flags_want_carry(e);
    if ((op == ALU_ADD || op == ALU_SUB) && e->in->fdef == OSZAP && b.kind == OPND_IMM && b.imm == 1) {
        if (e->live & FC)
            flags_want_carry(e);
        asm_ext(&e->a, 0xff | OPW | (lock ? LOCKP : 0), s, op == ALU_SUB, m);
        flags_set(e, OSZAP, OSZAP);
        return;
    }
    asm_alu(&e->a, op, s, m, &b, lock);
    flags_set(e, e->in->fdef, OSZAPC);
}

static void rmw_unary(struct emit *e, unsigned ext, const struct opnd *m, enum asm_size s, unsigned lock)
{
    asm_ext(&e->a, 0xf7 | OPW | lock, s, ext, m);
    if (ext == 3)
        flags_set(e, e->in->fdef, OSZAPC);
}

static void rmw_op(struct emit *e, const struct opnd *m, enum asm_size s, bool lock)
{
    unsigned l = lock ? LOCKP : 0;

    switch (e->in->aux) {
    case IR_mov:
        exchange(e, 0x87, m, s, false);
        break;
    case IR_add:
        if (e->in->dst) {
            exchange(e, M0F | 0xc1, m, s, lock);
            flags_set(e, e->in->fdef, OSZAPC);
        } else {
            rmw_alu(e, ALU_ADD, m, s, lock);
        }
        break;
    case IR_adc:
        rmw_alu(e, ALU_ADC, m, s, lock);
        break;
    case IR_sub:
        rmw_alu(e, ALU_SUB, m, s, lock);
        break;
    case IR_sbb:
        rmw_alu(e, ALU_SBB, m, s, lock);
        break;
    case IR_and:
        rmw_alu(e, ALU_AND, m, s, lock);
        break;
    case IR_or:
        rmw_alu(e, ALU_OR, m, s, lock);
        break;
    case IR_xor:
        rmw_alu(e, ALU_XOR, m, s, lock);
        break;
    case IR_not:
        rmw_unary(e, 2, m, s, l);
        break;
    case IR_neg:
        rmw_unary(e, 3, m, s, l);
        break;
    case IR_bts:
        rmw_bit(e, 5, m, s, l);
        break;
    case IR_btr:
        rmw_bit(e, 6, m, s, l);
        break;
    case IR_btc:
        rmw_bit(e, 7, m, s, l);
        break;
    default:
        emit_shift_rmw(e, e->in->aux, m);
        break;
    }
}

void emit_rmw(struct emit *e, unsigned arg)
{
    enum asm_size s = (enum asm_size)e->in->type;
    bool lock = e->in->irf & IRF_LOCK, xchg = e->in->aux == IR_mov;
    struct access acc = mem_access(e, e->in->mem, 1u << s, ACC_READ | ACC_WRITE | ACC_BASE | (lock || xchg ? ACC_LOCK : 0));

    (void)arg;
    if (!acc.cold)
        flags_keep(e, OSZAPC);
    if (e->in->dst && !xchg && e->in->aux != IR_add) { /* not locked: nobody asks for that */
        unsigned old = emit_scratch(e);
        emit_load(e, s, old, &acc.m);
        rmw_op(e, &acc.m, s, lock);
        struct dest d = emit_dest(e, e->in->dst, s);
        emit_dest_put(e, &d, old);
    } else {
        rmw_op(e, &acc.m, s, lock);
    }
    mem_store_end(e, &acc);
}

/* The accumulator is rax; elsewhere it is brought there (only tests do). */
void emit_cmpxchg(struct emit *e, unsigned arg)
{
    enum asm_size s = (enum asm_size)e->in->type;
    bool lock = e->in->irf & IRF_LOCK;
    struct access acc = mem_access(e, e->in->mem, 1u << s, ACC_READ | ACC_WRITE | ACC_BASE | (lock ? ACC_LOCK : 0));
    struct opnd a = emit_ref(e, e->in->src[0], s), b = store_operand(e, 1, s, false), rax = opnd_reg(RAX);
    bool native = opnd_is_reg(&a, RAX) && e->in->dst == e->in->src[0];
    struct opnd save = a;

    (void)arg;
    if (!native) {
        save = opnd_mem(RSP, SPILL_OFF(SPILL_SAVE0));
        asm_mov(&e->a, S64, &save, &rax);
        if (opnd_is_reg(&b, RAX)) {
            b = opnd_reg(emit_scratch(e));
            asm_mov(&e->a, S64, &b, &rax);
        }
        emit_load(e, s, RAX, &a);
    }
    asm_op(&e->a, M0F | 0xb1 | OPW | (lock ? LOCKP : 0), s, &b, &acc.m);
    if (!native) {
        free_address(e, &acc);
        struct opnd w = opnd_reg(emit_scratch(e));
        asm_mov(&e->a, S64, &w, &rax);
        asm_mov(&e->a, S64, &rax, &save);
        struct dest d = emit_dest(e, e->in->dst, s);
        emit_dest_put(e, &d, w.reg);
    }
    mem_store_end(e, &acc);
    flags_set(e, e->in->fdef, OSZAPC);
}

/* cmpxchg8b, cmpxchg16b: rdx:rax and rcx:rbx are where the guest has them. */
void emit_cmpxchg2(struct emit *e, unsigned arg)
{
    enum asm_size s = (enum asm_size)e->in->type;
    bool lock = e->in->irf & IRF_LOCK;
    struct access acc = mem_access(e, e->in->mem, 2u << s, ACC_READ | ACC_WRITE | ACC_BASE | (lock ? ACC_LOCK : 0));
    struct opnd lo = emit_ref(e, e->in->src[0], s), hi = emit_ref(e, e->in->src[1], s);

    (void)arg;
    assert(opnd_is_reg(&lo, RBX) && opnd_is_reg(&hi, RCX));
    emit_insn_side(e, 0);
    asm_ext(&e->a, M0F | 0xc7 | (lock ? LOCKP : 0), s, 1, &acc.m);
    mem_store_end(e, &acc);
    flags_set(e, e->in->fdef, FZ);
}

void emit_probe(struct emit *e, unsigned arg)
{
    unsigned bytes = e->in->aux & 0xffff;
    bool write = e->in->aux >> 16 & 1;

    (void)arg;
    if (bytes)
        mem_access(e, e->in->mem, bytes, ACC_PROBE | (write ? ACC_WRITE : ACC_READ));
}

void emit_fence(struct emit *e, unsigned arg)
{
    static const uint8_t modrm[] = {0, 0xe8, 0xf8, 0xf0}; /* none, load, store, both */
    unsigned m = modrm[e->in->aux & 3];

    (void)arg;
    if (m) {
        asm_byte(&e->a, 0x0f);
        asm_byte(&e->a, 0xae);
        asm_byte(&e->a, m);
    }
}
