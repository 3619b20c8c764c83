/* SPDX-License-Identifier: MIT */
/*
 * Random cases from rows: an encoding of the row, operands that mostly work (addresses in the data
 * pages, some across their ends, some in read-only or missing pages), values that find corners.
 */
#include "tests/insn/cases.h"
#include "frontends/x86/mode.h"
#include "translator/simd_ops.h"

static uint64_t rng_state = 1;

void case_seed(uint64_t seed)
{
    rng_state = seed * 0x9e3779b97f4a7c15 | 1;
}

uint64_t case_rng(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * 0x2545f4914f6cdd1d;
}

static unsigned below(unsigned n)
{
    return (unsigned)((case_rng() >> 32) % n);
}

static bool chance(unsigned percent)
{
    return below(100) < percent;
}

/* --- which rows ---------------------------------------------------------------------------- */

/*
 * Left out, by generator: results differ between machines (CPUID, RDTSC), depend on descriptor
 * tables or operating system settings (segment loads, LAR, UMIP, FSGSBASE, XSAVE), or are system
 * calls.
 */
static const char *const not_native[] = {
    "cpuid",    "rdtsc",     "rdtscp",    "rdrand", "rdpid",  "rdpmc",    "xgetbv",  "mov_to_sreg",
    "pop_sreg", "lxs",       "callf",     "jmpf",   "retf",   "iret",     "int",     "lar",
    "lsl",      "verr",      "verw",      "sldt",   "str",      "sgdt",    "sidt",
    "smsw",     "rdsegbase", "wrsegbase", "xsave",  "xrstor", "xsaveopt", "syscall", "sysenter",
    "sysexit",  "hlt",       "monitor",   "mwait",  "rsm",    "in",       "out",     "ins",
    "outs",     "cli",       "sti",       "int3",   "int1",   "into",
};

bool case_runnable(const struct x86_row *row, unsigned bits)
{
    if (row->flags & X86F_CPL0 || row->flags & (bits == 64 ? X86F_NO64 : X86F_ONLY64))
        return false;
    for (unsigned i = 0; i < ARRAY_SIZE(not_native); i++) {
        if (!strcmp(row->gen_name, not_native[i]))
            return false;
    }
    return true;
}

/* --- encoding --------------------------------------------------------------------------------- */

struct encoder {
    const struct x86_row *row;
    unsigned bits; /* of the code segment */
    bool sequence; /* memory operands that need no register set up */
    uint8_t *p;
    unsigned n;
    bool has_modrm;
    /* memory operand: what its registers have to hold */
    bool mem, rip_rel;
    int base, index;
    unsigned scale, asize;
    int64_t disp;
    unsigned disp_at, disp_size;
};

static void put(struct encoder *e, uint64_t v, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        e->p[e->n++] = (uint8_t)(v >> 8 * i);
}

static bool kind_is(const struct x86_row *row, unsigned first, unsigned last)
{
    for (unsigned i = 0; i < 3; i++) {
        unsigned kind = row->op[i] >> 5;

        if (kind >= first && kind <= last)
            return true;
    }
    return false;
}

static bool needs_modrm(const struct x86_row *row)
{
    return kind_is(row, X86_K_E, X86_K_U) || kind_is(row, X86_K_ST, X86_K_ST) ||
           row->flags & (X86F_MODRM | X86F_REG(0) | X86F_MOD_MEM | X86F_MOD_REG | X86F_NOMOD);
}

static void encode_prefixes(struct encoder *e)
{
    uint64_t f = e->row->flags;

    if (f & X86F_LOCK ? chance(30) : chance(1))
        put(e, 0xf0, 1);
    if (f & X86F_REP && chance(60))
        put(e, chance(50) ? 0xf3 : 0xf2, 1);
    if (chance(2))
        put(e, 0x3e, 1);
    if (e->asize != e->bits / 8)
        put(e, 0x67, 1);
    if (f & X86F_P66 || (!(f & (X86F_NP | X86F_P66 | X86F_PF2 | X86F_PF3)) && chance(30)))
        put(e, 0x66, 1);
    if (f & X86F_PF3)
        put(e, 0xf3, 1);
    if (f & X86F_PF2)
        put(e, 0xf2, 1);
    if (e->bits == 64 && chance(60))
        put(e, 0x40 | below(16), 1);
}

static void encode_opcode(struct encoder *e)
{
    if (e->row->map != X86_MAP_1BYTE)
        put(e, 0x0f, 1);
    if (e->row->map >= X86_MAP_0F38)
        put(e, e->row->map == X86_MAP_0F38 ? 0x38 : 0x3a, 1);
    put(e, e->row->opcode, 1);
}

/* mod and rm of a memory operand; displacement bytes are filled in when the address is known */
/* disp32 (RIP-relative in 64-bit code), or a bit above the stack pointer */
static void encode_constant_memory(struct encoder *e, unsigned reg)
{
    if (chance(60)) {
        put(e, reg << 3 | 5, 1);
        e->disp_at = e->n;
        put(e, 0, 4);
    } else {
        put(e, 0x44 | reg << 3, 1);
        put(e, 0x24, 1);
        put(e, below(120), 1);
    }
}

static void encode_memory(struct encoder *e, unsigned reg)
{
    unsigned mod = below(3), rm = below(8);

    if (mod == 0 && e->asize != 2 && (rm == 5 || rm == 4) && chance(60))
        rm = 3;
    put(e, mod << 6 | reg << 3 | rm, 1);
    if (e->asize != 2 && rm == 4)
        put(e, case_rng(), 1);
    e->disp_at = e->n;
    put(e, chance(50) ? 0 : case_rng(), 4);
}

static void encode_modrm(struct encoder *e)
{
    uint64_t f = e->row->flags;
    unsigned reg = f & X86F_REG(0) ? f >> 19 & 7 : below(8),
             rm = f & X86F_RM(0) ? f >> 23 & 7 : below(8);
    bool mem_only = f & X86F_MOD_MEM, reg_only = f & (X86F_MOD_REG | X86F_NOMOD);

    if (mem_only || (!reg_only && chance(55)))
        (e->sequence ? encode_constant_memory : encode_memory)(e, reg);
    else
        put(e, 0xc0 | reg << 3 | rm, 1);
}

/* An encoding of the row with random bits, to be decoded for what it is. */
static void encode(struct encoder *e)
{
    unsigned full = e->bits / 8;

    e->asize = !e->sequence && chance(e->row->flags & X86F_REP ? 15 : 6) ? full / 2 : full;
    encode_prefixes(e);
    encode_opcode(e);
    if (needs_modrm(e->row))
        encode_modrm(e);
    put(e, case_rng(), 8);
    put(e, case_rng(), 8);
}

/* --- values ---------------------------------------------------------------------------------------- */

static uint64_t interesting(void)
{
    static const uint64_t values[] = {
        0,      1,      2,          UINT64_MAX, 0x7f,       0x80,      0xff,       0x7fff,
        0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, INT64_MAX, 1ull << 63, 0x99,
        0x9a,   10,     16,         31,         32,         33,        63,         64};

    switch (below(4)) {
    case 0:
        return values[below(ARRAY_SIZE(values))];
    case 1:
        return case_rng() >> below(64);
    default:
        return case_rng();
    }
}

static uint32_t interesting_float(void)
{
    static const uint32_t values[] = {0,          0x80000000, 0x3f800000, 0xbf800000,
                                      0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001,
                                      0x00000001, 0x007fffff, 0x00800000, 0x7f7fffff,
                                      0x4f000000, 0xcf000000, 0x3f000000, 0x5f000000};

    return chance(50) ? values[below(ARRAY_SIZE(values))] : (uint32_t)case_rng();
}

static uint64_t interesting_double(void)
{
    static const uint64_t values[] = {0,
                                      1ull << 63,
                                      0x3ff0000000000000,
                                      0xbff0000000000000,
                                      0x7ff0000000000000,
                                      0xfff0000000000000,
                                      0x7ff8000000000000,
                                      0x7ff0000000000001,
                                      1,
                                      0x000fffffffffffff,
                                      0x0010000000000000,
                                      0x7fefffffffffffff,
                                      0x41e0000000000000,
                                      0xc1e0000000000000,
                                      0x43e0000000000000,
                                      0x3fe0000000000000};

    return chance(50) ? values[below(ARRAY_SIZE(values))] : case_rng();
}

static void random_xmm(uint8_t *p)
{
    switch (below(3)) {
    case 0:
        for (unsigned i = 0; i < 16; i += 4)
            st_le32(p + i, interesting_float());
        break;
    case 1:
        for (unsigned i = 0; i < 16; i += 8)
            st_le64(p + i, interesting_double());
        break;
    default:
        for (unsigned i = 0; i < 16; i += 8)
            st_le64(p + i, interesting());
        break;
    }
}

/* An 80-bit value of any class: normal, denormal, infinite, NaN, unnormal. */
static void random_x87(uint8_t *p)
{
    static const uint16_t exps[] = {0,      1,      0x3fff, 0x3ffe, 0x4000,
                                    0x7ffe, 0x7fff, 0x403e, 0x401e, 0x3fc0};
    uint64_t mant = interesting_double();
    uint16_t exp =
        chance(60) ? exps[below(ARRAY_SIZE(exps))] : (uint16_t)(0x3fff - 70 + (int)below(140));

    if (exp && chance(90))
        mant |= 1ull << 63;
    if (chance(10))
        mant = chance(50) ? 0 : 1ull << 63;
    st_le64(p, mant);
    st_le16(p + 8, (uint16_t)(exp | (chance(30) ? 0x8000 : 0)));
}

static void random_fpu(uint8_t *fx)
{
    unsigned top = below(8);

    memset(fx, 0, 512);
    st_le16(fx, (uint16_t)(0x7f | below(4) << 8 | below(4) << 10));
    if (chance(60))
        st_le16(fx, 0x37f);
    st_le16(fx + 2, (uint16_t)(top << 11 | (below(16) & (chance(30) ? 15u : 0u)) << 8 |
                               (chance(20) ? below(64) : 0)));
    fx[4] = (uint8_t)(chance(60) ? 0xff : case_rng());
    st_le32(fx + 24, 0x1f80 | (chance(40) ? below(4) << 13 : 0) | (chance(15) ? 0x8000 : 0) |
                         (chance(15) ? 0x40 : 0) | (chance(20) ? below(64) : 0));
    if (chance(10))
        st_le32(fx + 24, ld_le32(fx + 24) & ~(below(64) << 7));
    st_le32(fx + 28, 0xffff);
    for (unsigned i = 0; i < 8; i++)
        random_x87(fx + 32 + 16 * i);
    for (unsigned i = 0; i < 16; i++)
        random_xmm(fx + 160 + 16 * i);
}

static void random_memory(uint8_t *p, unsigned size)
{
    for (unsigned i = 0; i < size; i += 16) {
        if (i & 64)
            random_xmm(p + i);
        else
            for (unsigned k = 0; k < 16; k += 8)
                st_le64(p + i + k, i & 128 ? case_rng() & 0x0101010101010101 : case_rng());
    }
}

/* --- where operands are ------------------------------------------------------------------------------- */

static unsigned case_bits; /* of the case being made */

static uint32_t data_base(void)
{
    return case_bits == 16 ? 0 : NATIVE_DATA;
}

static uint32_t data_address(unsigned size, bool aligned)
{
    uint32_t end = data_base() + NATIVE_RW_BYTES;
    unsigned kind = below(100);
    uint32_t a = data_base() + 256 + below(NATIVE_RW_BYTES - 1024);

    if (kind < 12) /* around the end */
        a = end - below(size + 2);
    else if (kind < 20) /* across two pages */
        a = data_base() + (case_bits == 16 && chance(50) ? 0x1800 : NATIVE_PAGE) - below(size + 2);
    else if (kind < 28)
        a = data_base() + NATIVE_RO_PAGE * NATIVE_PAGE + below(NATIVE_PAGE - 64);
    else if (kind < 30)
        a = data_base() + 4 * NATIVE_PAGE + below(64);
    else if (case_bits == 16 && kind < 36) /* where 16-bit offsets wrap */
        a = (uint32_t)(0x10000 + (int)below(16) - (int)below(size + 8));
    return aligned ? a & ~15u : a;
}

static void set_reg(struct native_case *c, unsigned reg, uint64_t value, unsigned bits)
{
    c->in.reg[reg] = bits == 64 ? value : (uint32_t)value;
}

/* Change the displacement in the encoding (at the end of modrm and SIB) by delta, if it has room. */
static unsigned disp_size(const struct x86_insn *in)
{
    if (in->mod == 1)
        return 1;
    if (in->asize == 2)
        return in->mod == 2 || (in->mod == 0 && (in->modrm & 7) == 6) ? 2 : 0;
    return in->mod == 2 || in->rip_rel || (in->mod == 0 && in->base < 0) ? 4 : 0;
}

/* Make the modrm operand address `target`: by its base register, else its displacement. */
static bool aim(struct native_case *c, const struct x86_insn *in, unsigned disp_at, uint32_t target,
                unsigned bits)
{
    uint64_t index = in->index >= 0 ? c->in.reg[in->index] << in->scale : 0;
    uint64_t mask = mask64(8 * in->asize), value;

    if (in->asize == 2 && bits != 16)
        return true; /* 16-bit addresses cannot reach the data */
    if (in->base >= 0 && in->base != in->index) {
        value = (target - (uint64_t)in->disp - index) & mask;
        if (in->asize == 4 && bits == 64 && chance(50))
            value |= case_rng() << 32;
        if (in->asize == 2 && chance(50))
            value |= (case_rng() & 0xffff) << 16;
        set_reg(c, (unsigned)in->base, value, bits);
        return true;
    }
    if (disp_size(in) != 4)
        return in->base < 0;
    value = target - index - (in->base >= 0 ? c->in.reg[in->base] : 0);
    if (in->rip_rel)
        value = target - (c->in.rip + in->len);
    st_le32(c->code + disp_at, (uint32_t)value);
    return true;
}

/* --- registers with a role ---------------------------------------------------------------------------------- */

/* With segments of their own (bits 16) code and data are addressed by offsets. */
static uint32_t code_base(unsigned bits)
{
    return bits == 16 ? 0 : NATIVE_CODE;
}

static uint32_t code_target(unsigned bits)
{
    return code_base(bits) + 64 + below(NATIVE_PAGE - 128);
}

static void small_count(struct native_case *c)
{
    c->in.reg[X86_RCX] = chance(80) ? below(40) : chance(50) ? below(3000) : 0;
}

static void string_roles(struct native_case *c, const struct x86_insn *in, unsigned bits)
{
    set_reg(c, X86_RSI, data_address(8 * in->osize, false), bits);
    set_reg(c, X86_RDI,
            chance(30) ? c->in.reg[X86_RSI] + below(32) - 16 : data_address(8 * in->osize, false),
            bits);
    small_count(c);
    if (bits == 64 && in->asize == 4 && chance(50)) {
        c->in.reg[X86_RSI] |= case_rng() << 32;
        c->in.reg[X86_RDI] |= case_rng() << 32;
        c->in.reg[X86_RCX] |= case_rng() << 32;
    }
}

/* Values the memory operand or a register should have for the instruction to get anywhere. */
static void put_value(struct native_case *c, const struct x86_insn *in, uint32_t target,
                      uint64_t value, unsigned bits)
{
    uint32_t off = target - data_base();

    if (in->op[0].kind == X86_OP_REG)
        set_reg(c, in->op[0].reg, value, bits);
    else if (off < NATIVE_RW_BYTES - 8)
        st_le64(c->data + off, value);
}

static void stack_value(struct native_case *c, uint64_t value)
{
    uint64_t off = c->in.reg[X86_RSP] - data_base();

    if (off < NATIVE_RW_BYTES - 8)
        st_le64(c->data + off, value);
}

static void roles(struct native_case *c, const struct x86_insn *in, uint32_t target, unsigned bits)
{
    const char *gen = in->row->gen_name;

    if (in->row->flags & X86F_REP)
        string_roles(c, in, bits);
    if (!strcmp(gen, "div") && chance(80)) {
        c->in.reg[X86_RDX] = chance(50) ? 0 : below(16);
        if (chance(30))
            c->in.reg[X86_RAX] = below(1000);
    }
    if (!strcmp(gen, "jmp_ind") || !strcmp(gen, "call_ind"))
        put_value(c, in, target, code_target(bits), bits);
    if (!strcmp(gen, "ret"))
        stack_value(c, code_target(bits));
    if (!strcmp(gen, "popf"))
        stack_value(c, case_rng() & ~(uint64_t)(EFL_TF | EFL_NT));
    if (!strcmp(gen, "loop") || !strcmp(gen, "jcxz"))
        small_count(c);
    if (!strcmp(gen, "xlat"))
        set_reg(c, X86_RBX, data_address(256, false), bits);
    if (!strcmp(gen, "leave") || !strcmp(gen, "enter"))
        set_reg(c, X86_RBP, data_address(64, false), bits);
    if (!strcmp(gen, "maskmov"))
        set_reg(c, X86_RDI, data_address(16, false), bits);
    if (!strcmp(gen, "bit") && in->op[1].kind == X86_OP_REG && in->op[0].kind == X86_OP_MEM &&
        in->op[1].reg != in->base && in->op[1].reg != in->index)
        set_reg(c, in->op[1].reg, (uint64_t)(int64_t)((int)below(8192) - 4096), bits);
    if (!strcmp(gen, "cmpxchg") && chance(40))
        put_value(c, in, target, c->in.reg[X86_RAX], bits);
    if (!strcmp(gen, "cmpxchg8b") && chance(40) && target - data_base() < NATIVE_RW_BYTES - 16) {
        st_le64(c->data + (target - data_base()),
                in->osize == 8 ? c->in.reg[X86_RAX]
                               : (uint32_t)c->in.reg[X86_RAX] | c->in.reg[X86_RDX] << 32);
        st_le64(c->data + (target - data_base()) + 8, c->in.reg[X86_RDX]);
    }
}

/* Relative branches stay in the code pages, mostly. */
static void fix_branch(struct native_case *c, const struct x86_insn *in)
{
    unsigned size = MIN(in->op[0].size, (uint8_t)4);
    int32_t to = (int32_t)below(200) - 100;

    if (in->op[0].kind != X86_OP_REL || !chance(95))
        return;
    if (to > -16 && to < 0)
        to = 5; /* not into itself */
    memcpy(c->code + in->len - size, &to, size);
}

/* --- the case ------------------------------------------------------------------------------------------------- */

static void random_state(struct native_case *c, unsigned bits)
{
    for (unsigned i = 0; i < 16; i++)
        set_reg(c, i, bits == 64 || i < 8 ? interesting() : 0, bits);
    set_reg(c, X86_RSP,
            chance(90) ? data_base() + NATIVE_PAGE + 1024 + 8 * below(64) : data_address(16, false),
            bits);
    c->in.flags = 0x202 | (case_rng() & EFL_ARITH) | (chance(20) ? EFL_DF : 0) |
                  (chance(4) ? EFL_AC : 0) | (chance(4) ? EFL_TF : 0);
    random_fpu(c->in.fx);
    random_memory(c->data, NATIVE_RW_BYTES);
    random_memory(c->ro, NATIVE_PAGE);
}

static uint64_t mode_of(unsigned code_bits)
{
    return X86_MODE_PE | X86_MODE_LMA | 3 |
           (code_bits == 64   ? X86_MODE_CS64
            : code_bits == 32 ? X86_MODE_CS32
                              : 0);
}

/* Segments for a NATIVE_LDT case; returns the width of the code segment. */
static unsigned choose_segments(struct native_case *c)
{
    static const uint8_t code[] = {NATIVE_SEG_CODE16, NATIVE_SEG_CODE16, NATIVE_SEG_CODE16_SHORT,
                                   NATIVE_SEG_CODE32, NATIVE_SEG_CODE32_EXEC};
    static const uint8_t stack[] = {NATIVE_SEG_STACK16, NATIVE_SEG_STACK16,
                                    NATIVE_SEG_STACK16_SHORT, NATIVE_SEG_STACK32,
                                    NATIVE_SEG_STACK16_DOWN};
    static const uint8_t data[] = {
        NATIVE_SEG_STACK16,   NATIVE_SEG_DATA,      NATIVE_SEG_DATA,
        NATIVE_SEG_DATA_READ, NATIVE_SEG_DATA_DOWN, NATIVE_SEG_DATA_DOWN32,
        NATIVE_SEG_DATA_BIG,  NATIVE_SEG_CODE32,    NATIVE_SEG_CODE32_EXEC};
    unsigned cs = code[below(ARRAY_SIZE(code))];

    for (unsigned i = 0; i < 6; i++)
        c->sel[i] = chance(4) && i != X86_SS
                        ? 0
                        : (uint16_t)NATIVE_SELECTOR(data[below(ARRAY_SIZE(data) - 1)]);
    c->sel[X86_CS] = (uint16_t)NATIVE_SELECTOR(cs);
    c->sel[X86_SS] = (uint16_t)NATIVE_SELECTOR(stack[below(ARRAY_SIZE(stack))]);
    return cs == NATIVE_SEG_CODE32 || cs == NATIVE_SEG_CODE32_EXEC ? 32 : 16;
}

static void place(struct native_case *c, unsigned len, unsigned bits)
{
    c->flags = bits == 16 ? NATIVE_LDT : 0;
    c->code_len = len;
    switch (below(8)) {
    case 0: /* ends at the end of a page, nothing behind */
        c->code_at = NATIVE_PAGE - len;
        c->flags |= NATIVE_CODE_END;
        break;
    case 1: /* across a page end, the second page there or not */
        c->code_at = NATIVE_PAGE - 1 - below(len);
        if (chance(30))
            c->flags |= NATIVE_CODE_END;
        break;
    default:
        c->code_at = 512 + below(2048);
        break;
    }
    if (c->flags & NATIVE_CODE_END && c->code_at + len > NATIVE_PAGE)
        c->code_len = NATIVE_PAGE - c->code_at;
    c->in.rip = code_base(bits) + c->code_at;
}

/* A branch into itself; a locked access whose alignment a 16-bit address leaves to chance. */
static bool endless(const struct x86_insn *in, unsigned bits)
{
    bool locked = in->prefix & X86_P_LOCK || !strcmp(in->row->gen_name, "xchg");

    if (in->op[0].kind == X86_OP_REL)
        return ((uint64_t)(in->imm + in->len) & mask64(8u * in->osize)) < in->len;
    return locked && in->asize == 2 && in->is_mem && (bits != 16 || in->base < 0);
}

bool case_build(struct native_case *c, const struct x86_row *row, unsigned bits,
                struct x86_insn *in)
{
    uint8_t bytes[64];
    struct encoder e = {.row = row, .p = bytes};
    enum x86_decode_status s;
    uint32_t target;
    uint64_t mode;

    case_bits = bits;
    e.bits = bits == 16 ? choose_segments(c) : bits;
    mode = mode_of(e.bits);
    target = data_address(16, chance(row->flags & X86F_SIMD ? 70 : 20));
    encode(&e);
    memcpy(c->code, bytes, 15);
    s = x86_decode(in, c->code, 15, mode, UINT64_MAX);
    if (!in->row || in->row->gen != row->gen || in->row->name != row->name || in->len > 15)
        return false;
    if (s != X86_DECODE_OK && s != X86_DECODE_UD)
        return false;
    random_state(c, bits);
    place(c, in->len, bits);
    if (s == X86_DECODE_UD)
        return in->prefix & X86_P_LOCK && chance(30); /* LOCK where it is not allowed */
    roles(c, in, target, bits);
    fix_branch(c, in);
    if (in->prefix & X86_P_LOCK || !strcmp(row->gen_name, "xchg"))
        target &= ~15u; /* the host may punish locked accesses across cache lines */
    if (in->is_mem && in->has_modrm && !aim(c, in, e.disp_at, target, bits))
        return false;
    if (!(row->flags & X86F_REP) && in->is_mem && !in->has_modrm) /* moffs */
        memcpy(c->code + in->len - in->asize, &(uint64_t){target}, in->asize);
    return x86_decode(in, c->code, 15, mode, UINT64_MAX) == X86_DECODE_OK && !endless(in, bits);
}

/* Shifts and rotates: what is defined depends on the count. */
static uint32_t shift_undefined(const struct native_case *c, const struct x86_insn *in)
{
    unsigned n = in->op[1].kind == X86_OP_IMM || in->op[2].kind == X86_OP_IMM
                     ? (unsigned)in->imm
                     : (unsigned)c->in.reg[X86_RCX];
    unsigned bits = 8u * in->op[0].size;

    n &= in->op[0].size == 8 ? 63 : 31;
    if (!n)
        return 0;
    if (!strcmp(in->row->gen_name, "shiftd"))
        return EFL_AF | (n > 1 ? EFL_OF : 0) | (n > bits ? EFL_ARITH : 0);
    switch (in->row->arg) {
    case IR_rol:
    case IR_ror:
    case IR_rcl:
    case IR_rcr:
        return n > 1 ? EFL_OF : 0;
    case IR_sar:
        return EFL_AF | (n > 1 ? EFL_OF : 0);
    default:
        return EFL_AF | (n > 1 ? EFL_OF : 0) | (n > bits ? EFL_CF : 0);
    }
}

uint32_t case_defined_flags(const struct native_case *c, const struct x86_insn *in)
{
    const char *gen = in->row->gen_name;
    uint32_t undefined = ir_flags_to_eflags(in->row->flags >> 12 & OSZAPC);

    if (!strcmp(gen, "shift") || !strcmp(gen, "shiftd"))
        undefined = shift_undefined(c, in);
    return ~undefined;
}

/* --- sequences ------------------------------------------------------------------- */

/* Instructions that leave, or that mostly end the sequence by a fault. */
static bool fits_sequence(const struct x86_row *row)
{
    static const char *const unfit[] = {
        "pushf",   "jmp_ind", "call_ind", "ret", "popf",  "leave", "enter", "div",
        "maskmov", "fxrstor", "ldmxcsr",  "ud",  "pusha", "popa",  "xlat",  "bound"};

    for (unsigned i = 0; i < ARRAY_SIZE(unfit); i++) {
        if (!strcmp(row->gen_name, unfit[i]))
            return i && chance(2); /* PUSHF shows flags of the host's own */
    }
    return !kind_is(row, X86_K_J, X86_K_J) && !(row->flags & X86F_X87 && chance(70));
}

/* Keep the stack pointer where it is good. */
static bool spoils_stack(const struct x86_insn *in)
{
    for (unsigned i = 0; i < 2; i++) {
        if (in->op[i].kind == X86_OP_REG && in->op[i].reg == X86_RSP && !in->op[i].hi)
            return true;
    }
    return false;
}

/* Undefined flags after the instruction; false: it reads some that are. */
static bool follow_flags(const struct x86_insn *in, uint32_t *undef)
{
    uint64_t f = in->row->flags;
    bool shift = !strcmp(in->row->gen_name, "shift") || !strcmp(in->row->gen_name, "shiftd");

    if (ir_flags_to_eflags(f & OSZAPC) & *undef)
        return false;
    if (!(f & X86F_REP) && !shift)
        *undef &= ~ir_flags_to_eflags(f >> 6 & OSZAPC);
    *undef |= shift ? EFL_ARITH & ~(uint32_t)EFL_CF : ir_flags_to_eflags(f >> 12 & OSZAPC);
    return true;
}

/* One more instruction at c->code + at; its length, 0 if this attempt did not work. */
static unsigned add_instruction(struct native_case *c, unsigned at, unsigned bits,
                                uint64_t features, struct x86_insn *in, uint32_t *undef)
{
    const struct x86_row *row = x86_row_at(below(1400));
    uint8_t bytes[64];
    struct encoder e = {.row = row, .p = bytes, .bits = bits, .sequence = true};
    uint32_t target, after = *undef;

    if (!row || !case_runnable(row, bits) || !(features >> row->feature & 1) || !fits_sequence(row))
        return 0;
    encode(&e);
    if (x86_decode(in, bytes, 15, mode_of(bits), features) != X86_DECODE_OK || in->row != row ||
        spoils_stack(in) || !follow_flags(in, &after))
        return 0;
    target = chance(92) ? NATIVE_DATA + 64 * below(100) + (chance(60) ? 0 : below(48))
                        : data_address(16, false);
    if (row->flags & X86F_SIMD || in->prefix & X86_P_LOCK || !strcmp(row->gen_name, "xchg"))
        target &= ~15u;
    if (in->is_mem && in->has_modrm && in->base < 0)
        st_le32(bytes + e.disp_at,
                in->rip_rel ? target - (NATIVE_CODE + c->code_at + at + in->len) : target);
    if (in->is_mem && !in->has_modrm && !(row->flags & X86F_REP)) /* moffs */
        memcpy(bytes + in->len - in->asize, &(uint64_t){target}, in->asize);
    if (x86_decode(in, bytes, 15, mode_of(bits), features) != X86_DECODE_OK)
        return 0;
    memcpy(c->code + at, bytes, in->len);
    *undef = after;
    return in->len;
}

void case_build_sequence(struct native_case *c, unsigned length, unsigned bits, uint64_t features,
                         struct case_sequence *seq)
{
    unsigned at = 0;
    uint32_t undef = 0;

    case_bits = bits;
    random_state(c, bits);
    c->in.flags &= ~(uint64_t)(EFL_TF | EFL_AC);
    c->flags = 0;
    c->code_at = chance(80) ? 512 + below(2048) : NATIVE_PAGE - below(100);
    string_roles(c, &(struct x86_insn){.osize = 8, .asize = (uint8_t)(bits / 8)}, bits);
    for (seq->n = 0; seq->n < length && at + 15 <= NATIVE_MAX_CODE;) {
        unsigned len;

        seq->at[seq->n] = NATIVE_CODE + c->code_at + at;
        seq->undef[seq->n] = undef;
        len = add_instruction(c, at, bits, features, &seq->insn[seq->n], &undef);
        at += len;
        seq->n += len > 0;
    }
    seq->at[seq->n] = NATIVE_CODE + c->code_at + at;
    seq->undef[seq->n] = undef;
    c->code_len = at;
    c->in.rip = NATIVE_CODE + c->code_at;
}
