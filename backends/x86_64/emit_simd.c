/* SPDX-License-Identifier: MIT */
/*
 * SIMD and x87: the row's own host instruction. XMM n is XMM n, MM and ST are the host's, and the
 * guest's MXCSR and control word are live (stubs.c). A fault of the instruction itself (misaligned
 * operand, unmasked SIMD exception) is the guest's: the side table knows which flags are in EFLAGS.
 */
#include "backends/x86_64/emit.h"
#include "backends/x86_64/forms.h"
#include "translator/simd_ops.h"
#include "translator/x87_ops.h"

static void put_bytes(struct emit *e, const uint8_t *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        asm_byte(&e->a, p[i]);
}

struct simd_operands {
    unsigned reg, rm;
    struct dest d; /* general register written */
    unsigned out;  /* where it is */
};

static void general_read(struct emit *e, const struct simd_row *r, struct simd_operands *o)
{
    if (r->reg == V_GR)
        o->reg = emit_src_reg(e, 0, S64);
    if (r->rm == V_GR && !(e->in->irf & IRF_MEM))
        o->rm = emit_src_reg(e, 0, S64);
}

static void general_write(struct emit *e, const struct simd_row *r, struct simd_operands *o)
{
    bool wide = e->in->irf & IRF_REX && r->flags & (V_W64 | V_REG64);
    bool rm = r->rm == V_GW && !(e->in->irf & IRF_MEM);

    o->d = (struct dest){.none = true};
    if (r->reg != V_GW && !rm)
        return;
    o->d = emit_dest(e, e->in->dst, wide ? S64 : S32);
    o->out = !o->d.none && o->d.loc.kind == OPND_REG ? o->d.loc.reg : emit_scratch(e);
    if (rm)
        o->rm = o->out;
    else
        o->reg = o->out;
}

void emit_simd(struct emit *e, unsigned arg)
{
    const struct simd_row *r = &simd_rows[e->in->aux];
    bool mem = e->in->irf & IRF_MEM, rex = e->in->irf & IRF_REX;
    struct simd_operands o = {.reg = e->in->xreg, .rm = e->in->xrm};
    struct access acc = {0};
    uint8_t code[16];
    unsigned n;

    (void)arg;
    if (mem)
        acc = mem_access(e, e->in->mem, simd_mem_bytes(r, rex), ACC_BASE | (simd_is_store(r) ? ACC_WRITE : ACC_READ));
    if (mem)
        o.rm = acc.m.reg;
    if (r->flags & V_FLAGS)
        flags_keep(e, OSZAPC);
    general_read(e, r, &o);
    general_write(e, r, &o);
    n = simd_encode_disp(code, r, o.reg, o.rm, mem, mem ? acc.m.disp : 0, rex, e->in->imm);
    emit_insn_side(e, e->host);
    put_bytes(e, code, n);
    if (!o.d.none && !opnd_is_reg(&o.d.loc, o.out))
        emit_dest_put(e, &o.d, o.out);
    if (mem && simd_is_store(r))
        mem_store_end(e, &acc);
    if (r->flags & V_FLAGS)
        flags_set(e, e->in->fdef, OSZAPC);
}

/* FCMOVcc by the condition the host has: DA/DB, C0 + 8 * (B E BE U) */
static void emit_fcmov(struct emit *e, unsigned opcode, unsigned modrm)
{
    static const uint8_t guest_cond[4] = {IR_B, IR_E, IR_BE, IR_P};
    unsigned cc = flags_cond(e, guest_cond[modrm >> 3 & 3] ^ (opcode == 0xdb));
    unsigned group = 0;

    while (guest_cond[group] != (cc & ~1u))
        group++;
    asm_byte(&e->a, 0xda | (cc & 1));
    asm_byte(&e->a, 0xc0 | group << 3 | (modrm & 7));
}

static void fpu_memory(struct emit *e, unsigned opcode, unsigned modrm)
{
    int row = x87_find((uint8_t)opcode, modrm & 0x38);
    bool store = row >= 0 && x87_rows[row].flags & FX_STORE;
    unsigned bytes = row >= 0 ? x87_rows[row].bytes : 0;
    struct access acc = mem_access(e, e->in->mem, bytes, ACC_BASE | (store ? ACC_WRITE | ACC_READ : ACC_READ));

    assert(row >= 0 && bytes);
    asm_ext(&e->a, opcode, S32, modrm >> 3 & 7, &acc.m);
    if (store)
        mem_store_end(e, &acc);
}

/* FNSTSW AX to anywhere: by its memory form, unless it is AX */
static void emit_fnstsw(struct emit *e)
{
    struct opnd m = opnd_mem(RSP, SPILL_OFF(SPILL_BYTE));
    struct dest d = emit_dest(e, e->in->dst, S16);
    unsigned r;

    if (!d.temp && opnd_is_reg(&d.loc, RAX)) {
        asm_byte(&e->a, 0xdf);
        asm_byte(&e->a, 0xe0);
        return;
    }
    asm_ext(&e->a, 0xdd, S32, 7, &m);
    r = d.temp && d.loc.kind == OPND_REG ? d.loc.reg : emit_scratch(e);
    emit_load(e, S16, r, &m);
    if (!opnd_is_reg(&d.loc, r))
        emit_dest_put(e, &d, r);
}

void emit_fpu(struct emit *e, unsigned arg)
{
    unsigned opcode = e->in->aux >> 8 & 0xff, modrm = e->in->aux & 0xff;

    (void)arg;
    if (e->in->irf & IRF_MEM) {
        fpu_memory(e, opcode, modrm);
        return;
    }
    if (opcode == 0xdf && modrm == 0xe0) {
        emit_fnstsw(e);
        return;
    }
    if ((opcode == 0xda || opcode == 0xdb) && modrm >= 0xc0 && modrm < 0xe0) {
        emit_fcmov(e, opcode, modrm);
        return;
    }
    if (e->in->fdef)
        flags_keep(e, OSZAPC);
    asm_byte(&e->a, opcode);
    asm_byte(&e->a, modrm);
    if (e->in->fdef)
        flags_set(e, e->in->fdef, OSZAPC);
}
