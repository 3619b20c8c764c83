/* SPDX-License-Identifier: MIT */
/* See capstone_view.h. */
#include "tests/insn/capstone_view.h"
#include "config.h"

#include <stdio.h>

#if CONFIG_CAPSTONE
#include <capstone/capstone.h>

static csh handles[3];
static cs_insn *insns[3];

int cv_init(void)
{
    static const cs_mode modes[] = {CS_MODE_16, CS_MODE_32, CS_MODE_64};

    for (unsigned i = 0; i < 3; i++) {
        if (cs_open(CS_ARCH_X86, modes[i], &handles[i]) != CS_ERR_OK)
            return -1;
        cs_option(handles[i], CS_OPT_DETAIL, CS_OPT_ON);
        insns[i] = cs_malloc(handles[i]);
    }
    return 0;
}

static void copy_reg(csh h, unsigned reg, char *to, size_t size)
{
    snprintf(to, size, "%s", reg ? cs_reg_name(h, reg) : "");
}

static void view_operand(csh h, const cs_x86_op *from, struct cv_operand *to)
{
    memset(to, 0, sizeof(*to));
    to->size = from->size;
    switch (from->type) {
    case X86_OP_REG:
        to->kind = CV_REG;
        copy_reg(h, from->reg, to->reg, sizeof(to->reg));
        break;
    case X86_OP_IMM:
        to->kind = CV_IMM;
        to->imm = from->imm;
        break;
    case X86_OP_MEM:
        to->kind = CV_MEM;
        copy_reg(h, from->mem.segment, to->seg, sizeof(to->seg));
        copy_reg(h, from->mem.base, to->base, sizeof(to->base));
        copy_reg(h, from->mem.index, to->index, sizeof(to->index));
        to->scale = from->mem.scale;
        to->disp = from->mem.disp;
        break;
    default:
        break;
    }
}

void cv_decode(const uint8_t *code, unsigned avail, unsigned bits, struct cv_insn *out)
{
    unsigned which = bits == 64 ? 2 : bits == 32 ? 1 : 0;
    size_t size = avail;
    uint64_t address = 0;
    cs_insn *insn = insns[which];

    out->len = 0;
    out->count = 0;
    out->text[0] = 0;
    if (!cs_disasm_iter(handles[which], &code, &size, &address, insn))
        return;
    out->len = insn->size;
    snprintf(out->text, sizeof(out->text), "%s %s", insn->mnemonic, insn->op_str);
    out->count = MIN(insn->detail->x86.op_count, 8u);
    for (unsigned i = 0; i < out->count; i++)
        view_operand(handles[which], &insn->detail->x86.operands[i], &out->op[i]);
}
#else
int cv_init(void)
{
    return -1;
}

void cv_decode(const uint8_t *code, unsigned avail, unsigned bits, struct cv_insn *out)
{
    out->len = 0;
}
#endif
