/* SPDX-License-Identifier: MIT */
/*
 * The x86 instruction decoder. Reference: Intel SDM vol. 2, 2.1 to 2.2 and appendix A.
 *
 * At first use the rows (insns_*.def, simd_ops.def, x87_ops.def) are sorted into one list with an
 * index by map and opcode. Decoding is: prefixes, opcode, modrm with its tail if any row of the
 * opcode has one, the first row that matches, its operands and immediates.
 *
 * An instruction that matches no row is #UD as soon as it is known to match none, so only the bytes
 * looked at have to be there. AVX, XOP and EVEX encodings are not implemented: #UD.
 */
#include "frontends/x86/decode.h"
#include "frontends/x86/gen.h"
#include "translator/simd_ops.h"
#include "translator/x87_ops.h"

#include <pthread.h>

/* --- the rows ------------------------------------------------------------------- */

#define OSZPC   (FO | FS | FZ | FP | FC)
#define OSZAP   62
#define RF      X86F_RF
#define WF      X86F_WF
#define UF      X86F_UF
#define REG     X86F_REG
#define RM      X86F_RM
#define MOD_MEM X86F_MOD_MEM
#define MOD_REG X86F_MOD_REG
#define NP      X86F_NP
#define P66     X86F_P66
#define PF3     X86F_PF3
#define PF2     X86F_PF2
#define NO64    X86F_NO64
#define ONLY64  X86F_ONLY64
#define D64     X86F_D64
#define F64     X86F_F64
#define LOCK    X86F_LOCK
#define CPL0    X86F_CPL0
#define PROT    X86F_PROT
#define END     X86F_END
#define MODRM   X86F_MODRM
#define REP     X86F_REP
#define IMM2    X86F_IMM2
#define NOMOD   X86F_NOMOD
#define NOSEG   X86F_NOSEG

#define ROW_(map, opcode, NAME, func, op1, op2, op3, arg, flags, feature)                          \
    {#NAME, gen_##func, #func, flags, {op1, op2, op3}, arg, map, opcode, X86_FEAT_##feature, 0, 0, 0},
static const struct x86_row integer_rows[] = {
#define I(...) ROW_(X86_MAP_1BYTE, __VA_ARGS__)
#include "frontends/x86/insns_1byte.def"
#undef I
#define I(...) ROW_(X86_MAP_0F, __VA_ARGS__)
#include "frontends/x86/insns_0f.def"
#undef I
#define I(...) ROW_(X86_MAP_0F38, __VA_ARGS__)
#include "frontends/x86/insns_0f38.def"
#undef I
};

#define MAX_ROWS (ARRAY_SIZE(integer_rows) + SIMD_COUNT + 8 * X87_COUNT)
static struct x86_row rows[MAX_ROWS];
static unsigned row_count;

struct slot {
    uint16_t first, count;
    bool modrm, simple; /* simple: one row without conditions */
};
static struct slot slots[X86_MAP_COUNT][256];

static bool operand_has_modrm(unsigned code)
{
    unsigned kind = code >> 5;

    return (kind >= X86_K_E && kind <= X86_K_U) || kind == X86_K_ST;
}

static bool row_has_modrm(const struct x86_row *r)
{
    if (r->flags & (X86F_MODRM | X86F_REG(0) | X86F_MOD_MEM | X86F_MOD_REG | X86F_NOMOD))
        return true;
    return operand_has_modrm(r->op[0]) || operand_has_modrm(r->op[1]) ||
           operand_has_modrm(r->op[2]);
}

/* Operand code of a SIMD row's register or memory operand. */
static unsigned simd_operand(const struct simd_row *s, unsigned role, bool is_rm)
{
    unsigned mem = s->mem;
    enum x86_operand_type t = mem == 1   ? X86_T_b
                              : mem == 2 ? X86_T_w
                              : mem == 4 ? X86_T_d
                              : mem == 8 ? X86_T_q
                                         : X86_T_x;
    enum x86_operand_kind k;

    switch (role & V_CLASS) {
    case SIMD_CLASS_X:
        k = !is_rm ? X86_K_V : !mem ? X86_K_U : s->flags & V_MEMONLY ? X86_K_M : X86_K_W;
        return X86_OPCODE(k, is_rm && mem ? t : X86_T_x);
    case SIMD_CLASS_M:
        k = !is_rm ? X86_K_P : !mem ? X86_K_N : s->flags & V_MEMONLY ? X86_K_M : X86_K_Q;
        return X86_OPCODE(k, is_rm && mem ? t : X86_T_q);
    case SIMD_CLASS_G:
        if (!is_rm)
            return X86_OPCODE(X86_K_G, s->flags & V_REG64 ? X86_T_y : X86_T_d);
        return X86_OPCODE(X86_K_E, s->flags & V_W64 ? X86_T_y
                                   : mem == 1       ? X86_T_bd
                                   : mem == 2       ? X86_T_wd
                                                    : X86_T_d);
    }
    return ___;
}

static void add_simd_rows(void)
{
    static const uint64_t prefix_flag[] = {
        [V_NP] = X86F_NP, [V_66] = X86F_P66, [V_F3] = X86F_PF3, [V_F2] = X86F_PF2};
    static const uint8_t map[] = {
        [V_0F] = X86_MAP_0F, [V_0F38] = X86_MAP_0F38, [V_0F3A] = X86_MAP_0F3A};
    static const uint8_t feature[] = {
        [SF_MMX] = X86_FEAT_MMX,     [SF_SSE] = X86_FEAT_SSE,       [SF_SSE2] = X86_FEAT_SSE2,
        [SF_SSE3] = X86_FEAT_SSE3,   [SF_SSSE3] = X86_FEAT_SSSE3,   [SF_SSE41] = X86_FEAT_SSE41,
        [SF_SSE42] = X86_FEAT_SSE42, [SF_PCLMUL] = X86_FEAT_PCLMUL, [SF_AES] = X86_FEAT_AES};

    for (unsigned i = 0; i < SIMD_COUNT; i++) {
        const struct simd_row *s = &simd_rows[i];
        struct x86_row *r = &rows[row_count++];
        unsigned n = 0, reg = simd_operand(s, s->reg, false), rm = simd_operand(s, s->rm, true);

        *r = (struct x86_row){.name = s->name,
                              .gen = gen_simd,
                              .gen_name = "simd",
                              .arg = (uint16_t)i,
                              .map = map[s->map],
                              .opcode = s->opcode,
                              .feature = feature[s->feature]};
        r->flags = X86F_SIMD | prefix_flag[s->prefix];
        if (s->ext >= 0)
            r->flags |= X86F_REG(s->ext);
        if (!(s->flags & V_NOMODRM) && !s->mem)
            r->flags |= X86F_MOD_REG;
        if (s->flags & V_MEMONLY)
            r->flags |= X86F_MOD_MEM;
        if (s->flags & V_FLAGS)
            r->flags |= X86F_WF(OSZAPC);
        if (s->rm & V_WRITE) {
            r->op[n++] = (uint16_t)rm;
            if (reg)
                r->op[n++] = (uint16_t)reg;
        } else {
            if (reg)
                r->op[n++] = (uint16_t)reg;
            if (rm)
                r->op[n++] = (uint16_t)rm;
        }
        if (s->flags & V_IMM)
            r->op[n] = I_b;
        else if (s->flags & V_READ0)
            r->op[n] = XMM0;
    }
}

static unsigned x87_operand(const struct x87_row *x)
{
    if (x->count)
        return x->count == 8 ? ST_i : x->flags & FX_AX ? rAX_w : ___;
    switch (x->bytes) {
    case 2:
        return M_w;
    case 4:
        return M_d;
    case 8:
        return M_q;
    case 10:
        return M_t;
    default:
        return M_;
    }
}

/* One row per x87 row, or per encoding where it covers some values of modrm.rm only. */
static void add_x87_rows(void)
{
    for (unsigned i = 0; i < X87_COUNT; i++) {
        const struct x87_row *x = &x87_rows[i];
        unsigned copies = x->count && x->count < 8 ? x->count : 1;
        uint64_t flags = X86F_X87 | (x->count ? X86F_MOD_REG : X86F_MOD_MEM);

        if (x->flags & FX_FDEF)
            flags |= X86F_WF(OSZAPC);
        if (x->flags & FX_FUSE)
            flags |= X86F_RF(FC | FZ | FP);
        for (unsigned n = 0; n < copies; n++) {
            unsigned modrm = x->modrm + n;
            uint64_t more =
                X86F_REG(modrm >> 3 & 7) | (x->count && x->count < 8 ? X86F_RM(modrm & 7) : 0);

            rows[row_count++] = (struct x86_row){.name = x->name,
                                                 .gen = gen_fpu,
                                                 .gen_name = "fpu",
                                                 .flags = flags | more,
                                                 .op = {(uint16_t)x87_operand(x)},
                                                 .arg = (uint16_t)i,
                                                 .map = X86_MAP_1BYTE,
                                                 .opcode = (uint8_t)(0xd8 + x->op),
                                                 .feature = X86_FEAT_FPU};
        }
    }
}

/* Put the rows of each opcode together, keeping their order (insertion by counting). */
static void index_rows(void)
{
    static struct x86_row sorted[MAX_ROWS];
    unsigned at = 0;

    for (unsigned map = 0; map < X86_MAP_COUNT; map++) {
        for (unsigned op = 0; op < 256; op++)
            slots[map][op] = (struct slot){0, 0, false, false};
    }
    for (unsigned i = 0; i < row_count; i++)
        slots[rows[i].map][rows[i].opcode].count++;
    for (unsigned map = 0; map < X86_MAP_COUNT; map++) {
        for (unsigned op = 0; op < 256; op++) {
            slots[map][op].first = (uint16_t)at;
            at += slots[map][op].count;
            slots[map][op].count = 0;
        }
    }
    for (unsigned i = 0; i < row_count; i++) {
        struct slot *s = &slots[rows[i].map][rows[i].opcode];

        sorted[s->first + s->count++] = rows[i];
        s->modrm |= row_has_modrm(&rows[i]);
    }
    memcpy(rows, sorted, sizeof(rows));
}

/* What find_row() compares, from the flags. */
static void set_match(struct x86_row *r)
{
    uint64_t f = r->flags;
    unsigned prefixes = f & X86F_NP ? 1 : f & X86F_P66 ? 2 : f & X86F_PF3 ? 4 : f & X86F_PF2 ? 8 : 15;

    r->accept = (uint8_t)((f & X86F_ONLY64 ? 0 : prefixes) | (f & X86F_NO64 ? 0 : prefixes << 4));
    if (f & X86F_REG(0)) {
        r->modrm_mask |= 0x38;
        r->modrm |= f >> 19 << 3 & 0x38;
    }
    if (f & X86F_RM(0)) {
        r->modrm_mask |= 7;
        r->modrm |= f >> 23 & 7;
    }
    if (f & (X86F_MOD_MEM | X86F_MOD_REG))
        r->modrm_mask |= 0xc0;
    if (f & X86F_MOD_REG)
        r->modrm |= 0xc0;
}

static const uint64_t condition_flags = X86F_REG(0) | X86F_RM(0) | X86F_MOD_MEM | X86F_MOD_REG |
                                        X86F_NP | X86F_P66 | X86F_PF3 | X86F_PF2 | X86F_NO64 |
                                        X86F_ONLY64 | X86F_PROT;

static void build_rows(void)
{
    memcpy(rows, integer_rows, sizeof(integer_rows));
    row_count = ARRAY_SIZE(integer_rows);
    add_simd_rows();
    add_x87_rows();
    assert(row_count <= MAX_ROWS);
    index_rows();
    for (unsigned i = 0; i < row_count; i++)
        set_match(&rows[i]);
    for (unsigned map = 0; map < X86_MAP_COUNT; map++) {
        for (unsigned op = 0; op < 256; op++) {
            struct slot *s = &slots[map][op];

            s->simple = s->count == 1 && !(rows[s->first].flags & condition_flags) &&
                        rows[s->first].feature == X86_FEAT_BASE;
        }
    }
}

static pthread_once_t rows_once = PTHREAD_ONCE_INIT;
static bool rows_ready;

static inline void need_rows(void)
{
    if (likely(__atomic_load_n(&rows_ready, __ATOMIC_ACQUIRE)))
        return;
    pthread_once(&rows_once, build_rows);
    __atomic_store_n(&rows_ready, true, __ATOMIC_RELEASE);
}

const struct x86_row *x86_row_at(unsigned i)
{
    need_rows();
    return i < row_count ? &rows[i] : NULL;
}

/* --- bytes ------------------------------------------------------------------------ */

#define MAX_LENGTH 15

struct cursor {
    const uint8_t *p;
    unsigned at;
    unsigned end; /* of what is there and may belong to one instruction */
    unsigned avail;
    enum x86_decode_status status; /* of the first byte that was not there */
};

/* The missing byte decides: a page fault only for bytes that belong to the instruction. */
static cold_fn void missing(struct cursor *c, unsigned n)
{
    if (c->status == X86_DECODE_OK)
        c->status =
            c->avail < MAX_LENGTH && c->at + n > c->avail ? X86_DECODE_MORE : X86_DECODE_LONG;
    c->at += n;
}

/* The next n bytes, or NULL. */
static inline const uint8_t *take(struct cursor *c, unsigned n)
{
    const uint8_t *p = c->p + c->at;

    if (unlikely(c->at + n > c->end)) {
        missing(c, n);
        return NULL;
    }
    c->at += n;
    return p;
}

static inline unsigned fetch_byte(struct cursor *c)
{
    const uint8_t *p = take(c, 1);

    return p ? *p : 0;
}

static uint64_t fetch(struct cursor *c, unsigned n)
{
    const uint8_t *p = take(c, n);

    if (!p)
        return 0;
    switch (n) {
    case 1:
        return *p;
    case 2:
        return ld_le16(p);
    case 4:
        return ld_le32(p);
    default:
        return ld_le64(p);
    }
}

static int64_t fetch_signed(struct cursor *c, unsigned n)
{
    const uint8_t *p = take(c, n);

    if (!p)
        return 0;
    switch (n) {
    case 1:
        return (int8_t)*p;
    case 2:
        return (int16_t)ld_le16(p);
    case 4:
        return (int32_t)ld_le32(p);
    default:
        return (int64_t)ld_le64(p);
    }
}

/* --- prefixes and modrm -------------------------------------------------------------- */

enum {
    PX_NONE,
    PX_SEG /* + enum x86_sreg in bits 7..4 */,
    PX_66,
    PX_67,
    PX_LOCK,
    PX_F2,
    PX_F3,
    PX_REX
};
static const uint8_t prefix_class[256] = {
    [0x26] = PX_SEG | X86_ES << 4,
    [0x2e] = PX_SEG | X86_CS << 4,
    [0x36] = PX_SEG | X86_SS << 4,
    [0x3e] = PX_SEG | X86_DS << 4,
    [0x64] = PX_SEG | X86_FS << 4,
    [0x65] = PX_SEG | X86_GS << 4,
    [0x66] = PX_66,
    [0x67] = PX_67,
    [0xf0] = PX_LOCK,
    [0xf2] = PX_F2,
    [0xf3] = PX_F3,
    [0x40 ... 0x4f] = PX_REX,
};

/* In 64-bit mode only FS and GS overrides mean anything; the others do not cancel an earlier one. */
static void seg_prefix(struct x86_insn *in, unsigned sreg, bool code64)
{
    in->prefix |= X86_P_SEG;
    if (!code64 || sreg >= X86_FS)
        in->seg_override = (uint8_t)sreg;
}

/* Reads prefixes; returns the first opcode byte. A REX counts only directly before the opcode. */
static unsigned decode_prefixes(struct x86_insn *in, struct cursor *c, bool code64)
{
    for (;;) {
        unsigned byte = fetch_byte(c), class = prefix_class[byte];

        if (c->status != X86_DECODE_OK)
            return 0;
        if (likely(class == PX_NONE) || (class == PX_REX && !code64))
            return byte;
        if (class == PX_REX) {
            in->rex = (uint8_t)byte;
            continue;
        }
        in->rex = 0;
        switch (class & 15) {
        case PX_SEG:
            seg_prefix(in, class >> 4, code64);
            break;
        case PX_66:
            in->prefix |= X86_P_66;
            break;
        case PX_67:
            in->prefix |= X86_P_67;
            break;
        case PX_LOCK:
            in->prefix |= X86_P_LOCK;
            break;
        case PX_F2:
            in->prefix = (uint8_t)((in->prefix & ~X86_P_F3) | X86_P_F2);
            break;
        case PX_F3:
            in->prefix = (uint8_t)((in->prefix & ~X86_P_F2) | X86_P_F3);
            break;
        }
    }
}

static void decode_ea16(struct x86_insn *in, struct cursor *c)
{
    static const int8_t bases[8] = {X86_RBX, X86_RBX, X86_RBP, X86_RBP,
                                    X86_RSI, X86_RDI, X86_RBP, X86_RBX};
    static const int8_t indexes[8] = {X86_RSI, X86_RDI, X86_RSI, X86_RDI, -1, -1, -1, -1};
    unsigned rm = in->modrm & 7;

    if (in->mod == 0 && rm == 6) {
        in->base = -1;
        in->disp = fetch_signed(c, 2);
        return;
    }
    in->base = bases[rm];
    in->index = indexes[rm];
    if (in->mod)
        in->disp = fetch_signed(c, in->mod == 1 ? 1 : 2);
}

static void decode_sib(struct x86_insn *in, struct cursor *c)
{
    unsigned sib = fetch_byte(c);
    unsigned index = (sib >> 3 & 7) | (in->rex & 2) << 2;

    in->scale = (uint8_t)(sib >> 6);
    in->index = index == X86_RSP ? -1 : (int8_t)index;
    if ((sib & 7) == 5 && in->mod == 0) {
        in->base = -1;
        in->disp = fetch_signed(c, 4);
    } else {
        in->base = (int8_t)((sib & 7) | (in->rex & 1) << 3);
    }
}

static void decode_ea(struct x86_insn *in, struct cursor *c, bool code64)
{
    unsigned rm = in->modrm & 7;

    if (rm == 4) {
        decode_sib(in, c);
    } else if (rm == 5 && in->mod == 0) {
        in->base = -1;
        in->rip_rel = code64;
        in->disp = fetch_signed(c, 4);
    } else {
        in->base = (int8_t)in->rm;
    }
    if (in->mod)
        in->disp = fetch_signed(c, in->mod == 1 ? 1 : 4);
}

static void decode_modrm(struct x86_insn *in, struct cursor *c)
{
    in->modrm = (uint8_t)fetch_byte(c);
    in->has_modrm = true;
    in->mod = in->modrm >> 6;
    in->reg = (uint8_t)((in->modrm >> 3 & 7) | (in->rex & 4) << 1);
    in->rm = (uint8_t)((in->modrm & 7) | (in->rex & 1) << 3);
}

static void decode_memory(struct x86_insn *in, struct cursor *c, bool code64)
{
    if (in->mod == 3)
        return;
    in->is_mem = true;
    if (in->asize == 2)
        decode_ea16(in, c);
    else
        decode_ea(in, c, code64);
    in->seg = in->base == X86_RSP || in->base == X86_RBP ? X86_SS : X86_DS;
    if (in->seg_override < X86_SREG_COUNT)
        in->seg = in->seg_override;
}

/* --- choosing a row ---------------------------------------------------------------------- */

/* The mandatory prefix by number: none, 66, F3, F2; 4 more in 64-bit mode. */
static unsigned prefix_number(const struct x86_insn *in, uint64_t mode)
{
    static const uint8_t number[16] = {
        [X86_P_F3] = 2,
        [X86_P_F3 | X86_P_LOCK] = 2,
        [X86_P_F3 | X86_P_66] = 2,
        [X86_P_F3 | X86_P_66 | X86_P_LOCK] = 2,
        [X86_P_F2] = 3,
        [X86_P_F2 | X86_P_LOCK] = 3,
        [X86_P_F2 | X86_P_66] = 3,
        [X86_P_F2 | X86_P_66 | X86_P_LOCK] = 3,
        [X86_P_66] = 1,
        [X86_P_66 | X86_P_LOCK] = 1,
    };

    return number[in->prefix & 15] + (mode & X86_MODE_CS64 ? 4 : 0);
}

static bool mode_matches(const struct x86_row *r, uint64_t mode, uint64_t features)
{
    if (r->flags & X86F_PROT && (mode & (X86_MODE_PE | X86_MODE_VM)) != X86_MODE_PE)
        return false;
    return features >> r->feature & 1;
}

static const struct x86_row *find_row(const struct slot *s, const struct x86_insn *in,
                                      uint64_t mode, uint64_t features)
{
    const struct x86_row *r = &rows[s->first];
    unsigned modrm, prefix;

    if (likely(s->simple))
        return r;
    modrm = in->mod == 3 ? in->modrm : in->modrm & 0x3f;
    prefix = prefix_number(in, mode);
    for (unsigned i = 0; i < s->count; i++, r++) {
        if (r->accept >> prefix & 1 && !((modrm ^ r->modrm) & r->modrm_mask) &&
            mode_matches(r, mode, features))
            return r;
    }
    return NULL;
}

/* --- operands ---------------------------------------------------------------------------- */

/* By type, then by operand size 2, 4, 8; in memory. */
static const uint8_t sizes[32][3] = {
    [X86_T_b] = {1, 1, 1},
    [X86_T_w] = {2, 2, 2},
    [X86_T_d] = {4, 4, 4},
    [X86_T_q] = {8, 8, 8},
    [X86_T_x] = {16, 16, 16},
    [X86_T_t] = {10, 10, 10},
    [X86_T_v] = {2, 4, 8},
    [X86_T_bs] = {2, 4, 8},
    [X86_T_z] = {2, 4, 4},
    [X86_T_y] = {4, 4, 8},
    [X86_T_p] = {4, 6, 10},
    [X86_T_a] = {4, 8, 16},
    [X86_T_s] = {6, 6, 6}, /* 10 in 64-bit mode */
    [X86_T_wr] = {2, 2, 2},
    [X86_T_bd] = {1, 1, 1},
    [X86_T_wd] = {2, 2, 2},
    [X86_T_2y] = {8, 8, 16},
};

static unsigned operand_size(const struct x86_insn *in, enum x86_operand_type t, bool is_mem,
                             bool code64)
{
    if (unlikely(t >= X86_T_s && t <= X86_T_wd)) {
        if (t == X86_T_s)
            return code64 ? 10 : 6;
        if (!is_mem)
            return t == X86_T_wr ? in->osize : 4;
    }
    return sizes[t][in->osize >> 2];
}

/* Operands that are a register's number somewhere in the instruction, or r/m. */
enum { FROM_OTHER, FROM_REG, FROM_RM, FROM_OPCODE, FROM_FIXED };
static const struct {
    uint8_t from, kind, mask;
    bool rm; /* memory unless mod = 3 */
    uint8_t fixed;
} places[32] = {
    [X86_K_E] = {FROM_RM, X86_OP_REG, 15, true, 0},
    [X86_K_M] = {FROM_RM, X86_OP_REG, 15, true, 0},
    [X86_K_R] = {FROM_RM, X86_OP_REG, 15, false, 0},
    [X86_K_G] = {FROM_REG, X86_OP_REG, 15, false, 0},
    [X86_K_S] = {FROM_REG, X86_OP_SREG, 7, false, 0},
    [X86_K_C] = {FROM_REG, X86_OP_CR, 15, false, 0},
    [X86_K_D] = {FROM_REG, X86_OP_DR, 15, false, 0},
    [X86_K_P] = {FROM_REG, X86_OP_MMX, 7, false, 0},
    [X86_K_Q] = {FROM_RM, X86_OP_MMX, 7, true, 0},
    [X86_K_N] = {FROM_RM, X86_OP_MMX, 7, true, 0},
    [X86_K_V] = {FROM_REG, X86_OP_XMM, 15, false, 0},
    [X86_K_W] = {FROM_RM, X86_OP_XMM, 15, true, 0},
    [X86_K_U] = {FROM_RM, X86_OP_XMM, 15, true, 0},
    [X86_K_ST] = {FROM_RM, X86_OP_ST, 7, false, 0},
    [X86_K_Z] = {FROM_OPCODE, X86_OP_REG, 15, false, 0},
    [X86_K_rAX] = {FROM_FIXED, X86_OP_REG, 15, false, X86_RAX},
    [X86_K_rCX] = {FROM_FIXED, X86_OP_REG, 15, false, X86_RCX},
    [X86_K_rDX] = {FROM_FIXED, X86_OP_REG, 15, false, X86_RDX},
    [X86_K_XMM0] = {FROM_FIXED, X86_OP_XMM, 15, false, 0},
};

static unsigned place_number(const struct x86_insn *in, unsigned kind)
{
    const uint8_t number[] = {
        [FROM_REG] = in->reg,
        [FROM_RM] = in->rm,
        [FROM_OPCODE] = (uint8_t)((in->opcode & 7) | (in->rex & 1) << 3),
        [FROM_FIXED] = places[kind].fixed,
    };

    return number[places[kind].from] & places[kind].mask;
}

static void set_place(struct x86_operand *o, const struct x86_insn *in, unsigned kind)
{
    unsigned n;

    if (places[kind].rm && in->mod != 3) {
        o->kind = X86_OP_MEM;
        o->reg = 0;
        return;
    }
    n = place_number(in, kind);
    o->kind = places[kind].kind;
    o->hi = o->kind == X86_OP_REG && o->size == 1 && !in->rex && n >= 4;
    o->reg = (uint8_t)(o->hi ? n - 4 : n);
}

static void string_memory(struct x86_insn *in, struct x86_operand *o, bool source)
{
    o->kind = X86_OP_MEM;
    in->is_mem = true;
    if (source)
        in->seg = in->seg_override < X86_SREG_COUNT ? in->seg_override : X86_DS;
}

static void fetch_moffs(struct x86_insn *in, struct cursor *c, struct x86_operand *o)
{
    in->disp = in->asize == 8 ? (int64_t)fetch(c, 8) : (int64_t)fetch(c, in->asize);
    in->base = in->index = -1;
    string_memory(in, o, true);
}

static void fetch_immediate(struct x86_insn *in, struct cursor *c, struct x86_operand *o,
                            enum x86_operand_type t)
{
    o->kind = X86_OP_IMM;
    switch (t) {
    case X86_T_b:
        in->imm = (int64_t)fetch(c, 1);
        break;
    case X86_T_w:
        in->imm = (int64_t)fetch(c, 2);
        break;
    case X86_T_bs:
        in->imm = fetch_signed(c, 1);
        break;
    case X86_T_z:
        o->size = in->osize;
        in->imm = fetch_signed(c, MIN(in->osize, 4u));
        break;
    default: /* v */
        in->imm = fetch_signed(c, in->osize);
        break;
    }
    if (in->row->flags & X86F_IMM2)
        in->imm2 = (uint16_t)fetch(c, 1);
}

static void decode_other(struct x86_insn *in, struct cursor *c, struct x86_operand *o,
                         enum x86_operand_kind kind, enum x86_operand_type t)
{
    switch (kind) {
    case X86_K_I:
        fetch_immediate(in, c, o, t);
        break;
    case X86_K_J:
        o->kind = X86_OP_REL;
        in->imm = fetch_signed(c, o->size);
        break;
    case X86_K_O:
        fetch_moffs(in, c, o);
        break;
    case X86_K_A:
        o->kind = X86_OP_FAR;
        in->imm = (int64_t)fetch(c, in->osize);
        in->imm2 = (uint16_t)fetch(c, 2);
        break;
    case X86_K_X:
    case X86_K_Y:
        string_memory(in, o, kind == X86_K_X);
        break;
    case X86_K_ONE:
        o->kind = X86_OP_IMM;
        in->imm = 1;
        break;
    case X86_K_SREG:
        o->kind = X86_OP_SREG;
        o->reg = (uint8_t)t;
        o->size = in->osize;
        break;
    default:
        break;
    }
}

static void decode_operand(struct x86_insn *in, struct cursor *c, unsigned i, unsigned code,
                           bool code64)
{
    struct x86_operand *o = &in->op[i];
    enum x86_operand_kind kind = code >> 5;
    enum x86_operand_type t = code & 31;

    o->size = (uint8_t)operand_size(in, t, in->mod != 3 && kind != X86_K_G, code64);
    if (likely(places[kind].from != FROM_OTHER))
        set_place(o, in, kind);
    else
        decode_other(in, c, o, kind, t);
}

/* --- the instruction ------------------------------------------------------------------------ */

static unsigned operand_size_of(const struct x86_insn *in, uint64_t mode, uint64_t flags)
{
    bool p66 = in->prefix & X86_P_66;

    if (mode & X86_MODE_CS64) {
        if (flags & X86F_F64 || in->rex & 8)
            return 8;
        if (flags & X86F_D64)
            return p66 ? 2 : 8;
        return p66 ? 2 : 4;
    }
    return !(mode & X86_MODE_CS32) == !p66 ? 2 : 4;
}

static unsigned address_size(unsigned prefix, uint64_t mode)
{
    bool p67 = prefix & X86_P_67;

    if (mode & X86_MODE_CS64)
        return p67 ? 4 : 8;
    return !(mode & X86_MODE_CS32) == !p67 ? 2 : 4;
}

static const struct slot *decode_opcode(struct x86_insn *in, struct cursor *c, unsigned byte)
{
    in->map = X86_MAP_1BYTE;
    if (byte == 0x0f) {
        in->map = X86_MAP_0F;
        byte = fetch_byte(c);
        if (byte == 0x38 || byte == 0x3a) {
            in->map = byte == 0x38 ? X86_MAP_0F38 : X86_MAP_0F3A;
            byte = fetch_byte(c);
        }
    }
    in->opcode = (uint8_t)byte;
    return &slots[in->map][byte];
}

/* LOCK is valid on marked rows with a memory destination only. */
static bool lock_valid(const struct x86_insn *in)
{
    return in->row->flags & X86F_LOCK && in->op[0].kind == X86_OP_MEM;
}

static enum x86_decode_status finish(struct x86_insn *in, const struct cursor *c,
                                     enum x86_decode_status s)
{
    in->len = (uint8_t)MIN(c->at, (unsigned)MAX_LENGTH);
    return c->status != X86_DECODE_OK ? c->status : s;
}

enum x86_decode_status x86_decode(struct x86_insn *in, const uint8_t *code, unsigned avail,
                                  uint64_t mode, uint64_t features)
{
    struct cursor c = {code, 0, MIN(avail, (unsigned)MAX_LENGTH), avail, X86_DECODE_OK};
    bool code64 = mode & X86_MODE_CS64;
    const struct slot *s;
    unsigned byte;

    need_rows();
    *in = (struct x86_insn){.seg_override = X86_SREG_COUNT, .seg = X86_DS, .base = -1, .index = -1};
    byte = decode_prefixes(in, &c, code64);
    s = decode_opcode(in, &c, byte);
    if (c.status != X86_DECODE_OK || !s->count)
        return finish(in, &c, X86_DECODE_UD);
    in->asize = (uint8_t)address_size(in->prefix, mode);
    if (s->modrm)
        decode_modrm(in, &c);
    if (c.status != X86_DECODE_OK)
        return finish(in, &c, X86_DECODE_UD);
    in->row = find_row(s, in, mode, features);
    if (!in->row)
        return finish(in, &c, X86_DECODE_UD);
    if (s->modrm && !(in->row->flags & X86F_NOMOD))
        decode_memory(in, &c, code64);
    in->osize = (uint8_t)operand_size_of(in, mode, in->row->flags);
    for (unsigned i = 0; i < 3 && in->row->op[i]; i++)
        decode_operand(in, &c, i, in->row->op[i], code64);
    if (in->prefix & X86_P_LOCK && !lock_valid(in))
        return finish(in, &c, X86_DECODE_UD);
    return finish(in, &c, X86_DECODE_OK);
}
