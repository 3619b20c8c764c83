/* SPDX-License-Identifier: MIT */
/* Disassembly of guest code. See disas.h. */
#include "frontends/x86/disas.h"
#include "frontends/x86/decode.h"
#include "frontends/x86/mode.h"
#include "util/log.h"

#include <stdio.h>

/* --- our own, from the decoder: plain, but knows what the decoder knows ------------------ */

static const char *register_name(char *buf, size_t size, const struct x86_operand *o)
{
    static const char *const byte[] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
    static const char *const high[] = {"ah", "ch", "dh", "bh"};
    static const char *const word[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};

    if (o->hi)
        return high[o->reg & 3];
    if (o->reg >= 8)
        snprintf(buf, size, "r%u%s", o->reg,
                 o->size == 1   ? "b"
                 : o->size == 2 ? "w"
                 : o->size == 4 ? "d"
                                : "");
    else if (o->size <= 1)
        return byte[o->reg];
    else
        snprintf(buf, size, "%s%s", o->size == 8 ? "r" : o->size == 4 ? "e" : "", word[o->reg]);
    return buf;
}

static void memory_text(const struct x86_insn *in, const struct x86_operand *o, char *buf,
                        size_t size)
{
    static const char *const seg[] = {"es", "cs", "ss", "ds", "fs", "gs"};
    struct x86_operand r = {.size = in->asize};
    char base[8], index[8];
    int n = snprintf(buf, size, "m%u %s:[", o->size * 8u, seg[in->seg]);

    if (in->rip_rel)
        n += snprintf(buf + n, size - (size_t)n, "rip");
    if (in->base >= 0) {
        r.reg = (uint8_t)in->base;
        n += snprintf(buf + n, size - (size_t)n, "%s", register_name(base, sizeof(base), &r));
    }
    if (in->index >= 0) {
        r.reg = (uint8_t)in->index;
        n += snprintf(buf + n, size - (size_t)n, "+%s*%u", register_name(index, sizeof(index), &r),
                      1u << in->scale);
    }
    snprintf(buf + n, size - (size_t)n, "%+lld]", (long long)in->disp);
}

static void operand_text(const struct x86_insn *in, const struct x86_operand *o, uint64_t pc,
                         char *buf, size_t size)
{
    static const char *const kinds[] = {
        [X86_OP_SREG] = "sreg", [X86_OP_CR] = "cr",   [X86_OP_DR] = "dr",
        [X86_OP_MMX] = "mm",    [X86_OP_XMM] = "xmm", [X86_OP_ST] = "st"};

    switch (o->kind) {
    case X86_OP_REG:
        snprintf(buf, size, "%s", register_name((char[8]){0}, 8, o));
        break;
    case X86_OP_MEM:
        memory_text(in, o, buf, size);
        break;
    case X86_OP_IMM:
        snprintf(buf, size, "%#llx", (long long)in->imm);
        break;
    case X86_OP_REL:
        snprintf(buf, size, "%#llx", (long long)(pc + in->len + (uint64_t)in->imm));
        break;
    case X86_OP_FAR:
        snprintf(buf, size, "%#x:%#llx", in->imm2, (long long)in->imm);
        break;
    default:
        snprintf(buf, size, "%s%u", kinds[o->kind], o->reg);
        break;
    }
}

void x86_insn_text(const struct x86_insn *in, uint64_t pc, char *buf, size_t size)
{
    char op[64];
    int n = snprintf(buf, size, "%s%s%s", in->prefix & X86_P_LOCK ? "lock " : "",
                     in->prefix & X86_P_F3   ? "rep "
                     : in->prefix & X86_P_F2 ? "repne "
                                             : "",
                     in->row->name);

    for (unsigned i = 0; i < 3 && in->op[i].kind && n > 0 && (size_t)n < size; i++) {
        operand_text(in, &in->op[i], pc, op, sizeof(op));
        n += snprintf(buf + n, size - (size_t)n, "%s%s", i ? ", " : " ", op);
    }
}

unsigned x86_disas(const uint8_t *code, unsigned avail, uint64_t pc, uint64_t mode, char *buf,
                   size_t size)
{
    unsigned bits = mode & X86_MODE_CS64 ? 64 : mode & X86_MODE_CS32 ? 32 : 16;
    unsigned len = x86_disas_capstone(code, avail, pc, bits, buf, size);
    struct x86_insn in;

    if (len)
        return len;
    if (x86_decode(&in, code, avail, mode, ~0ull) != X86_DECODE_OK) {
        snprintf(buf, size, "(bad)");
        return 0;
    }
    x86_insn_text(&in, pc, buf, size);
    return in.len;
}

/* --- log ---------------------------------------------------------------------------------- */

void x86_disas_log_block(uint64_t phys, uint64_t mode)
{
    log_printf("IN: block at %#llx, mode %#llx\n", (unsigned long long)phys,
               (unsigned long long)mode);
}

void x86_disas_log(const uint8_t *code, unsigned len, uint64_t pc, uint64_t mode)
{
    char text[128], bytes[3 * 15 + 1];
    int n = 0;

    x86_disas(code, len, pc, mode, text, sizeof(text));
    for (unsigned i = 0; i < len && i < 15; i++)
        n += snprintf(bytes + n, sizeof(bytes) - (size_t)n, "%02x ", code[i]);
    log_printf("  %8llx  %-30s %s\n", (unsigned long long)pc, bytes, text);
}
