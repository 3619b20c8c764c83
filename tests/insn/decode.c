/* SPDX-License-Identifier: MIT */
/*
 * The decoder against Capstone over random byte strings; where they disagree about length or
 * validity the host's CPU arbitrates (natively, before a page that is not there).
 *
 *     tests/insn/decode [count [seed]]        default 200,000 strings, half 64-bit, half 32-bit
 *
 * Fails when the CPU is on Capstone's side, or operands differ. Lists where Capstone is wrong.
 */
#include "frontends/x86/decode.h"
#include "frontends/x86/mode.h"
#include "tests/insn/capstone_view.h"
#include "tests/insn/host.h"

#include <stdio.h>
#include <stdlib.h>

/* One kind of disagreement: what Capstone said against what is so, in one map. */
struct verdict {
    char what[64];
    unsigned map;
    bool ours_wrong;
    unsigned long count;
    bool opcodes[256];
    char example[512];
};

static struct {
    unsigned long strings, agree, invalid, arbitrated, unsupported, undecided, capstone_wrong,
        wrong, operands, prefixes;
} total;
static struct verdict verdicts[512];
static unsigned verdict_count;
static struct host hosts[2]; /* 64, 32 */
static bool have_host[2];

/* --- random strings ------------------------------------------------------------------------ */

static uint64_t rng_state;

static uint64_t rng(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

/* Half of the strings start with prefixes and an opcode that exists, the others are noise. */
static void random_string(uint8_t *p, unsigned bits)
{
    static const uint8_t prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x64, 0x36, 0x66, 0xf3};
    unsigned n = 0;

    for (unsigned i = 0; i < 16; i += 8)
        st_le64(p + i, rng());
    if (rng() & 1)
        return;
    for (unsigned k = rng() & 3; k && n < 3; k--)
        p[n++] = prefixes[rng() % sizeof(prefixes)];
    if (bits == 64 && rng() & 1)
        p[n++] = (uint8_t)(0x40 | (rng() & 15));
    switch (rng() & 7) {
    case 0:
    case 1:
    case 2:
        p[n++] = 0x0f;
        break;
    case 3:
        p[n++] = 0x0f;
        p[n++] = 0x38;
        break;
    case 4:
        p[n++] = 0x0f;
        p[n++] = 0x3a;
        p[n] &= 0x7f;
        break;
    default:
        break;
    }
}

/* --- operands -------------------------------------------------------------------------------- */

static void reg_name(const struct x86_operand *o, char *buf, size_t size)
{
    static const char *const byte[] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
    static const char *const high[] = {"ah", "ch", "dh", "bh"};
    static const char *const word[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    static const char *const sreg[] = {"es", "cs", "ss", "ds", "fs", "gs"};

    switch (o->kind) {
    case X86_OP_SREG:
        snprintf(buf, size, "%s", o->reg < 6 ? sreg[o->reg] : "?");
        return;
    case X86_OP_MMX:
        snprintf(buf, size, "mm%u", o->reg);
        return;
    case X86_OP_XMM:
        snprintf(buf, size, "xmm%u", o->reg);
        return;
    case X86_OP_CR:
        snprintf(buf, size, "cr%u", o->reg);
        return;
    case X86_OP_DR:
        snprintf(buf, size, "dr%u", o->reg);
        return;
    case X86_OP_ST:
        snprintf(buf, size, "st(%u)", o->reg);
        return;
    }
    if (o->hi)
        snprintf(buf, size, "%s", high[o->reg]);
    else if (o->reg >= 8)
        snprintf(buf, size, "r%u%s", o->reg,
                 o->size == 1   ? "b"
                 : o->size == 2 ? "w"
                 : o->size == 4 ? "d"
                                : "");
    else if (o->size == 1)
        snprintf(buf, size, "%s", byte[o->reg]);
    else
        snprintf(buf, size, "%s%s", o->size == 8 ? "r" : o->size == 4 ? "e" : "", word[o->reg]);
}

static void address_name(int reg, unsigned asize, char *buf, size_t size)
{
    struct x86_operand o = {.kind = X86_OP_REG, .size = (uint8_t)asize, .reg = (uint8_t)reg};

    buf[0] = 0;
    if (reg >= 0)
        reg_name(&o, buf, size);
}

static bool memory_equal(const struct x86_insn *in, const struct cv_operand *cv)
{
    char base[8], index[8];

    address_name(in->base, in->asize, base, sizeof(base));
    address_name(in->index, in->asize, index, sizeof(index));
    if (in->rip_rel)
        strcpy(base, in->asize == 4 ? "eip" : "rip");
    if (in->asize == 2 && in->index >= 0 && strcmp(base, cv->base))
        return false;
    if (strcmp(base, cv->base) ||
        strcmp(index, !strcmp(cv->index, "riz") || !strcmp(cv->index, "eiz") ? "" : cv->index))
        return false;
    if (in->index >= 0 && 1 << in->scale != cv->scale)
        return false;
    return !((in->disp ^ cv->disp) & (int64_t)mask64(MIN(in->asize * 8u, 32u)));
}

/*
 * Not errors: XCHG has its operands the other way round; MOV to a segment register and LAR, LSL show wide
 * or narrow registers; MOVSXD without REX.W shows a 64-bit destination.
 */
static bool shown_otherwise(const struct x86_insn *in, const struct cv_insn *cv, unsigned i,
                            const char *name)
{
    const char *gen = in->row->gen_name;

    if (!strcmp(gen, "xchg"))
        return !strcmp(name, cv->op[!i].reg);
    if (!strcmp(gen, "mov_to_sreg") || !strcmp(gen, "lar") || !strcmp(gen, "lsl") ||
        (!strcmp(gen, "movx") && in->opcode == 0x63))
        return in->op[i].kind == X86_OP_REG;
    return false;
}

/* Operands that name a register or memory by modrm are compared; implicit ones are shown variously. */
static bool operands_equal(const struct x86_insn *in, const struct cv_insn *cv)
{
    char name[16];
    unsigned n = 0;

    while (n < 3 && in->op[n].kind)
        n++;
    for (unsigned i = 0; i < n; i++) {
        const struct x86_operand *o = &in->op[i];

        if (o->kind == X86_OP_MEM && in->has_modrm) {
            for (unsigned k = 0; k < cv->count; k++) {
                if (cv->op[k].kind == CV_MEM && !memory_equal(in, &cv->op[k]))
                    return false;
            }
        }
        if (n != cv->count)
            continue;
        if (cv->op[i].kind == CV_REG && o->kind != X86_OP_MEM && o->kind != X86_OP_IMM &&
            o->kind != X86_OP_REL) {
            reg_name(o, name, sizeof(name));
            if (strcmp(name, cv->op[i].reg) && !shown_otherwise(in, cv, i, name))
                return false;
        }
        if (cv->op[i].kind == CV_IMM && o->kind == X86_OP_IMM) {
            uint64_t mask =
                mask64(8u * MIN(o->size, cv->op[i].size ? (uint8_t)cv->op[i].size : o->size));

            if ((cv->op[i].imm ^ in->imm) & (int64_t)mask)
                return false;
        }
        if (cv->op[i].kind == CV_IMM && o->kind == X86_OP_REL &&
            ((cv->op[i].imm ^ (in->imm + in->len)) & (int64_t)mask64(8u * in->osize)))
            return false;
    }
    return true;
}

/*
 * Capstone loses a prefix when others stand between it and the opcode. The same instruction with
 * each of its prefixes once, in the order Capstone likes, maybe without 66; returns its length.
 */
static unsigned normalise(const struct x86_insn *in, const uint8_t *p, uint8_t *to, uint8_t rex,
                          bool keep66, bool code64)
{
    static const uint8_t seg[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
    unsigned n = 0, at = 0;
    bool mandatory = in->map != X86_MAP_1BYTE && in->row->flags & (X86F_PF3 | X86F_PF2 | X86F_P66);

    while (at < in->len &&
           (p[at] == 0x66 || p[at] == 0x67 || (p[at] & 0xfe) == 0xf2 || p[at] == 0xf0 ||
            (p[at] & 0xe7) == 0x26 || (p[at] & 0xfe) == 0x64 || (code64 && (p[at] & 0xf0) == 0x40)))
        at++;
    if (in->seg_override < X86_SREG_COUNT)
        to[n++] = seg[in->seg_override];
    if (in->prefix & X86_P_LOCK)
        to[n++] = 0xf0;
    if (in->prefix & X86_P_67 && (in->is_mem || !(in->row->flags & X86F_F64) ||
                                  in->op[0].kind != X86_OP_REL || in->row->flags & X86F_REP))
        to[n++] = 0x67;
    if (in->prefix & X86_P_66 && keep66)
        to[n++] = 0x66;
    if (in->prefix & (X86_P_F2 | X86_P_F3) && mandatory)
        to[n++] = in->prefix & X86_P_F3 ? 0xf3 : 0xf2;
    if (rex & 0x4f)
        to[n++] = rex;
    memcpy(to + n, p + at, in->len - at);
    return n + in->len - at;
}

/* The same operands for the instruction without what confuses Capstone (also a REX.W nobody needs)? */
static bool normalised_equal(const struct x86_insn *in, const uint8_t *p, uint64_t mode,
                             unsigned bits)
{
    const uint8_t rex[3] = {in->rex, (uint8_t)(in->rex & ~8),
                            (uint8_t)(in->rex == 0x48 ? 0 : in->rex)};
    uint8_t q[32];
    struct x86_insn again;
    struct cv_insn cv;

    for (unsigned i = 0; i < 2 * ARRAY_SIZE(rex); i++) {
        unsigned len = normalise(in, p, q, rex[i / 2], i & 1, bits == 64);

        cv_decode(q, len, bits, &cv);
        if (x86_decode(&again, q, len, mode, UINT64_MAX) == X86_DECODE_OK && again.row == in->row &&
            !memcmp(again.op, in->op, sizeof(in->op)) && cv.len == len &&
            operands_equal(&again, &cv))
            return true;
    }
    return false;
}

/* --- verdicts ---------------------------------------------------------------------------------- */

static void hex(char *to, const uint8_t *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        to += sprintf(to, "%02x ", p[i]);
}

static struct verdict *verdict_for(unsigned map, bool ours_wrong, const char *what)
{
    struct verdict *v;

    for (unsigned i = 0; i < verdict_count; i++) {
        v = &verdicts[i];
        if (v->map == map && v->ours_wrong == ours_wrong && !strcmp(v->what, what))
            return v;
    }
    v = &verdicts[MIN(verdict_count, (unsigned)ARRAY_SIZE(verdicts) - 1)];
    verdict_count += verdict_count < ARRAY_SIZE(verdicts) - 1;
    v->map = map;
    v->ours_wrong = ours_wrong;
    snprintf(v->what, sizeof(v->what), "%s", what);
    return v;
}

/*
 * Encodings the host may have and doppel does not: AVX and AVX-512 (VEX, EVEX), and extensions on
 * legacy opcodes. map, opcode.
 */
static bool host_extension(const uint8_t *p, const struct x86_insn *in)
{
    static const uint8_t ext_0f[] = {0x01, 0x09, 0x0d, 0x1a, 0x1b, 0x1c, 0x1e, 0xae,
                                     0xc7, 0xbc, 0xbd, 0x37, 0x78, 0x79, 0x05, 0x07};
    static const uint8_t ext_38[] = {0x80, 0x81, 0xc8, 0xc9, 0xca, 0xcb, 0xcc,
                                     0xcd, 0xcf, 0xd8, 0xdc, 0xdd, 0xde, 0xdf,
                                     0xfa, 0xfb, 0xf5, 0xf6, 0xf8, 0xf9, 0xfc};
    static const uint8_t ext_3a[] = {0xcc, 0xce, 0xcf, 0xf0};

    switch (in->map) {
    case X86_MAP_1BYTE:
        return in->opcode == 0xc4 || in->opcode == 0xc5 || in->opcode == 0x62 ||
               in->opcode == 0xc6 || in->opcode == 0xc7;
    case X86_MAP_0F:
        return memchr(ext_0f, in->opcode, sizeof(ext_0f));
    case X86_MAP_0F38:
        return memchr(ext_38, in->opcode, sizeof(ext_38));
    default:
        return memchr(ext_3a, in->opcode, sizeof(ext_3a));
    }
}

/* Rows whose #UD is decided by mode, privilege or operand: the generator's, not the decoder's. */
static bool late_ud(const struct x86_insn *in)
{
    static const char *const gens[] = {"ud",          "rsm",       "clac",        "stac",
                                       "monitor",     "mwait",     "mov_to_sreg", "mov_from_sreg",
                                       "mov_from_cr", "mov_to_cr", "mov_from_dr", "mov_to_dr",
                                       "sysret",      "syscall",   "xsetbv",      "invpcid",
                                       "rdpmc",       "rdsegbase", "wrsegbase"};

    for (unsigned i = 0; i < ARRAY_SIZE(gens); i++) {
        if (!strcmp(in->row->gen_name, gens[i]))
            return true;
    }
    return false;
}

static void note(const uint8_t *p, const struct x86_insn *in, bool ours_wrong, const char *what,
                 const char *ours, const char *capstone)
{
    struct verdict *v = verdict_for(in->map, ours_wrong, what);

    v->opcodes[in->opcode] = true;
    if (!v->count++) {
        char bytes[64];

        hex(bytes, p, 15);
        snprintf(v->example, sizeof(v->example), "%s ours [%s] Capstone [%s]", bytes, ours,
                 capstone);
    }
}

/* Names the kind of disagreement about length and validity. */
static const char *kind_of(const struct x86_insn *in, enum x86_decode_status s,
                           const struct cv_insn *cv, const struct host_length *h)
{
    static const char *const prefixes[] = {"with LOCK", "after F2 or F3", "with 66", "plain"};
    static char text[64];
    const char *with = prefixes[in->prefix & X86_P_LOCK              ? 0
                                : in->prefix & (X86_P_F2 | X86_P_F3) ? 1
                                : in->prefix & X86_P_66              ? 2
                                                                     : 3];

    if (s == X86_DECODE_LONG)
        return "longer than 15 bytes, taken";
    if (!cv->len)
        snprintf(text, sizeof(text), "valid, refused, %s", with);
    else
        snprintf(text, sizeof(text), "%s, %s", s == X86_DECODE_OK ? "length" : "invalid, taken",
                 with);
    return text;
}

static bool same_as_host(const struct x86_insn *in, enum x86_decode_status s,
                         const struct host_length *h)
{
    if (s == X86_DECODE_LONG)
        return h->too_long || h->len == 15;
    if (s == X86_DECODE_UD)
        return h->undefined;
    return in->len == h->len && (!h->undefined || late_ud(in));
}

static void arbitrate(const uint8_t *p, const struct x86_insn *in, enum x86_decode_status s,
                      const struct cv_insn *cv, unsigned bits)
{
    struct host_length h;
    char what[96], ours[96];

    if (!have_host[bits == 32] || (in->map == X86_MAP_0F && in->opcode == 0x34) ||
        host_find_length(&hosts[bits == 32], p, in->len, &h)) {
        total.undecided++;
        return;
    }
    total.arbitrated++;
    ours[0] = 0;
    if (s == X86_DECODE_OK)
        x86_insn_text(in, 0, ours, sizeof(ours));
    if (same_as_host(in, s, &h)) {
        total.capstone_wrong++;
        note(p, in, false, kind_of(in, s, cv, &h), ours, cv->text);
    } else if (s == X86_DECODE_UD && host_extension(p, in)) {
        total.unsupported++;
    } else {
        total.wrong++;
        snprintf(what, sizeof(what), "%u bits: ours %s %u, Capstone %u, CPU %s %u", bits,
                 s == X86_DECODE_OK ? "ok" : "ud", in->len, cv->len,
                 h.undefined  ? "ud"
                 : h.too_long ? "long"
                              : "ok",
                 h.len);
        note(p, in, true, what, ours, cv->text);
    }
}

static void one(unsigned bits)
{
    uint8_t p[16];
    uint64_t mode = X86_MODE_PE | X86_MODE_LMA | 3 | (bits == 64 ? X86_MODE_CS64 : X86_MODE_CS32);
    struct x86_insn in;
    struct cv_insn cv;
    enum x86_decode_status s;

    random_string(p, bits);
    total.strings++;
    s = x86_decode(&in, p, 15, mode, UINT64_MAX);
    cv_decode(p, 15, bits, &cv);
    if (s == X86_DECODE_MORE)
        s = X86_DECODE_LONG;
    if (s != X86_DECODE_OK && !cv.len) {
        total.invalid++;
    } else if (s != X86_DECODE_OK || in.len != cv.len) {
        arbitrate(p, &in, s, &cv, bits);
    } else if (!operands_equal(&in, &cv)) {
        char ours[96];

        if (normalised_equal(&in, p, mode, bits)) {
            x86_insn_text(&in, 0, ours, sizeof(ours));
            total.prefixes++;
            note(p, &in, false, "operands: prefix lost", ours, cv.text);
            return;
        }
        total.operands++;
        x86_insn_text(&in, 0, ours, sizeof(ours));
        note(p, &in, true, "operands", ours, cv.text);
    } else {
        total.agree++;
    }
}

static void print_verdicts(bool ours_wrong)
{
    static const char *const maps[] = {"1-byte", "0F", "0F38", "0F3A"};

    for (unsigned i = 0; i < verdict_count; i++) {
        const struct verdict *v = &verdicts[i];

        if (v->ours_wrong != ours_wrong)
            continue;
        printf("  %s map, %s: %lu, e.g. %s\n    opcodes", maps[v->map], v->what, v->count,
               v->example);
        for (unsigned n = 0; n < 256; n++) {
            if (v->opcodes[n])
                printf(" %02x", n);
        }
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 200000;

    rng_state = argc > 2 ? strtoull(argv[2], NULL, 0) : 0x9e3779b97f4a7c15;
    if (cv_init()) {
        printf("Capstone is not configured\n");
        return 77;
    }
    have_host[0] = !host_start(&hosts[0], 64);
    have_host[1] = !host_start(&hosts[1], 32);
    for (unsigned long i = 0; i < count; i++)
        one(i & 1 ? 32 : 64);
    for (unsigned i = 0; i < 2; i++) {
        if (have_host[i])
            host_stop(&hosts[i]);
    }
    printf("%lu strings: %lu agree, %lu invalid for both; %lu arbitrated by the CPU: Capstone "
           "wrong %lu, "
           "extensions we lack %lu; undecided %lu; prefixes Capstone lost %lu\n",
           total.strings, total.agree, total.invalid, total.arbitrated, total.capstone_wrong,
           total.unsupported, total.undecided, total.prefixes);
    printf("Capstone wrong:\n");
    print_verdicts(false);
    printf("doppel wrong: %lu lengths, %lu operands\n", total.wrong, total.operands);
    print_verdicts(true);
    return total.wrong || total.operands;
}
