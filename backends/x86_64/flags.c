/* SPDX-License-Identifier: MIT */
/*
 * Where the guest's arithmetic flags are: in the host's EFLAGS, in vcpu.flags, or both.
 *
 * Saving is `lea rsp, [rsp+8]; pushfq`: 6 bytes, and measured at half a cycle where
 * `pushfq; pop [mem]` takes 6. Loading (popfq) is slow and would need a clean image: never done;
 * conditions on saved flags test the image, carry is made by BT.
 */
#include "backends/x86_64/emit.h"

enum { EFLAGS_CF = 1, EFLAGS_PF = 4, EFLAGS_ZF = 0x40, EFLAGS_SF = 0x80, EFLAGS_OF = 0x800 };

static struct opnd image(void)
{
    return opnd_mem(RSP, VCPU_OFF(flags));
}

void flags_save_host(struct emit *e)
{
    struct opnd m = opnd_mem(RSP, 8);

    asm_lea(&e->a, S64, RSP, &m);
    asm_byte(&e->a, 0x9c);
}

/* All of the host's flags to the image, except those in `old` which the image has. */
static void save_merged(struct emit *e, unsigned old)
{
    unsigned s = e->merge_scratch != NOREG ? e->merge_scratch : emit_scratch(e);
    struct opnd m = image(), r = opnd_reg(s);
    uint32_t mask = ir_flags_to_eflags(old);
    struct opnd keep = opnd_imm((int32_t)mask), drop = opnd_imm((int32_t)~mask);

    asm_mov(&e->a, S32, &r, &m);
    flags_save_host(e);
    asm_alu(&e->a, ALU_AND, S32, &r, &keep, false);
    asm_alu(&e->a, ALU_AND, S32, &m, &drop, false);
    asm_alu(&e->a, ALU_OR, S32, &m, &r, false);
    if (s != e->merge_scratch)
        emit_scratch_free(e, s);
    e->img |= e->host;
    e->host = 0;
}

void flags_to_image(struct emit *e, unsigned which)
{
    unsigned old = (e->live | e->live_before) & e->img & ~e->host;

    if (!(which & e->host & ~e->img))
        return;
    if (old) {
        save_merged(e, old);
        return;
    }
    flags_save_host(e);
    e->img = e->host;
}

void flags_keep(struct emit *e, unsigned clobbered)
{
    flags_to_image(e, clobbered & e->keep);
}

void flags_keep_all(struct emit *e)
{
    flags_to_image(e, e->live_before);
}

void flags_set(struct emit *e, unsigned defined, unsigned clobbered)
{
    e->host = (uint8_t)((e->host & ~clobbered) | defined);
    e->img &= (uint8_t)~defined;
}

void flags_want_carry(struct emit *e)
{
    struct opnd m = image();

    if (e->host & FC)
        return;
    asm_ext(&e->a, M0F | 0xba, S32, 4, &m);
    asm_byte(&e->a, 0);
    e->host |= FC;
}

static void test_image(struct emit *e, unsigned mask)
{
    struct opnd m = opnd_mem(RSP, VCPU_OFF(flags) + (mask > 0xff));
    struct opnd bits = opnd_imm((int8_t)(mask > 0xff ? mask >> 8 : mask));

    asm_test(&e->a, S8, &m, &bits);
}

/* ZF = !(S != O), or with Z: ZF = !(S != O or Z). */
static void test_image_less(struct emit *e, bool or_zero)
{
    unsigned s = emit_scratch(e), t;
    struct opnd m = image(), r = opnd_reg(s), bit = opnd_imm(EFLAGS_OF), z = opnd_imm(EFLAGS_ZF);

    asm_mov(&e->a, S32, &r, &m);
    asm_shift_i(&e->a, SH_SHL, S32, &r, 4); /* S at O's place */
    asm_alu(&e->a, ALU_XOR, S32, &r, &m, false);
    if (!or_zero) {
        asm_test(&e->a, S32, &r, &bit);
    } else {
        t = emit_scratch(e);
        struct opnd q = opnd_reg(t);
        asm_alu(&e->a, ALU_AND, S32, &r, &bit, false);
        asm_mov(&e->a, S32, &q, &m);
        asm_alu(&e->a, ALU_AND, S32, &q, &z, false);
        asm_alu(&e->a, ALU_OR, S32, &r, &q, false);
        emit_scratch_free(e, t);
    }
    emit_scratch_free(e, s);
}

unsigned flags_cond(struct emit *e, unsigned cond)
{
    static const uint16_t mask[6] = {EFLAGS_OF, EFLAGS_CF, EFLAGS_ZF, EFLAGS_CF | EFLAGS_ZF, EFLAGS_SF, EFLAGS_PF};
    unsigned need = ir_cond_flags((enum ir_cond)cond);

    if ((need & ~e->host) == 0)
        return cond;
    flags_to_image(e, OSZAPC & (e->live | e->live_before | need));
    if (cond < IR_L)
        test_image(e, mask[cond >> 1]);
    else
        test_image_less(e, cond >= IR_LE);
    e->host = 0;
    return cond & 1 ? IR_E : IR_NE;
}
