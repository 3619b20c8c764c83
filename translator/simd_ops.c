/* SPDX-License-Identifier: MIT */
/*
 * Tables derived from simd_ops.def: rows, opcode index, host encoding.
 */
#include "translator/simd_ops.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

const struct simd_row simd_rows[SIMD_COUNT] = {
#define V(name, map, prefix, opcode, reg, rm, mem, flags, feature)                                 \
    [SIMD_##name] = {#name, map, prefix, opcode, -1, reg, rm, mem, feature, flags},
#define VG(name, map, prefix, opcode, ext, reg, rm, mem, flags, feature)                           \
    [SIMD_##name] = {#name, map, prefix, opcode, ext, reg, rm, mem, feature, flags},
#include "translator/simd_ops.def"
#undef V
#undef VG
};

/* Row + 1 by map, prefix and opcode; two rows with one opcode do not compile (override-init). */
static const uint16_t simd_index[SIMD_MAPS][SIMD_PREFIXES][256] = {
#define V(name, map, prefix, opcode, ...) [map][prefix][opcode] = SIMD_##name + 1,
#define VG(...)
#include "translator/simd_ops.def"
#undef V
#undef VG
};

/* Groups 12 to 14 (opcodes 71 to 73) by prefix (none, 66) and extension. */
static const uint16_t simd_group_index[2][3][8] = {
#define V(...)
#define VG(name, map, prefix, opcode, ext, ...) [prefix][opcode - 0x71][ext] = SIMD_##name + 1,
#include "translator/simd_ops.def"
#undef V
#undef VG
};

static bool is_group(enum simd_map map, uint8_t opcode)
{
    return map == V_0F && opcode >= 0x71 && opcode <= 0x73;
}

int simd_find(enum simd_map map, enum simd_prefix prefix, uint8_t opcode, uint8_t modrm)
{
    const struct simd_row *r;
    bool mem = modrm < 0xc0;
    int op;

    if (!is_group(map, opcode))
        op = simd_index[map][prefix][opcode];
    else
        op = prefix <= V_66 ? simd_group_index[prefix][opcode - 0x71][modrm >> 3 & 7] : 0;
    if (!op)
        return -1;
    r = &simd_rows[op - 1];
    if (r->flags & V_NOMODRM)
        return op - 1;
    if (mem ? !r->mem : r->flags & V_MEMONLY)
        return -1;
    return op - 1;
}

bool simd_opcode_known(enum simd_map map, uint8_t opcode)
{
    if (is_group(map, opcode))
        return true;
    for (unsigned p = 0; p < SIMD_PREFIXES; p++) {
        if (simd_index[map][p][opcode])
            return true;
    }
    return false;
}

bool simd_uses_xmm(const struct simd_row *r)
{
    return (r->reg & V_CLASS) == SIMD_CLASS_X || (r->rm & V_CLASS) == SIMD_CLASS_X;
}

#if defined(__x86_64__)
bool simd_host_has(enum simd_feature f)
{
    static const uint32_t ecx_bit[] = {
        [SF_SSE3] = bit_SSE3,     [SF_SSSE3] = bit_SSSE3,   [SF_SSE41] = bit_SSE4_1,
        [SF_SSE42] = bit_SSE4_2, [SF_PCLMUL] = bit_PCLMUL, [SF_AES] = bit_AES,
    };
    unsigned eax, ebx, ecx, edx;

    __cpuid(1, eax, ebx, ecx, edx);
    return f >= ARRAY_SIZE(ecx_bit) || (ecx & ecx_bit[f]) == ecx_bit[f];
}
#else
bool simd_host_has(enum simd_feature f)
{
    return false;
}
#endif

/* ModRM (with a SIB byte where the base needs it) for [base + disp]. */
static unsigned encode_base(uint8_t *p, unsigned reg, unsigned base, int32_t disp)
{
    unsigned bytes = disp == 0 && (base & 7) != 5 ? 0 : disp == (int8_t)disp ? 1 : 4, n = 0;

    p[n++] = (bytes == 4 ? 0x80 : bytes << 6) | (reg & 7) << 3 | (base & 7);
    if ((base & 7) == 4)
        p[n++] = 0x24;
    st_le32(p + n, (uint32_t)disp);
    return n + bytes;
}

unsigned simd_encode(uint8_t *p, const struct simd_row *r, unsigned reg, unsigned rm, bool mem, bool rexw, uint8_t imm)
{
    return simd_encode_disp(p, r, reg, rm, mem, 0, rexw, imm);
}

unsigned simd_encode_disp(uint8_t *p, const struct simd_row *r, unsigned reg, unsigned rm, bool mem,
                          int32_t disp, bool rexw, uint8_t imm)
{
    static const uint8_t prefix_byte[SIMD_PREFIXES] = {0, 0x66, 0xf3, 0xf2};
    static const uint8_t map_byte[SIMD_MAPS] = {0, 0x38, 0x3a};
    unsigned n = 0;
    uint8_t rex;

    if (r->ext >= 0)
        reg = r->ext;
    rex = (rexw && r->flags & (V_W64 | V_REG64) ? 8 : 0) | (reg & 8) >> 1 | (rm & 8) >> 3;
    if (r->prefix)
        p[n++] = prefix_byte[r->prefix];
    if (rex)
        p[n++] = 0x40 | rex;
    p[n++] = 0x0f;
    if (r->map)
        p[n++] = map_byte[r->map];
    p[n++] = r->opcode;
    if (r->flags & V_NOMODRM)
        return n;
    if (mem)
        n += encode_base(p + n, reg, rm, disp);
    else
        p[n++] = 0xc0 | (reg & 7) << 3 | (rm & 7);
    if (r->flags & V_IMM)
        p[n++] = imm;
    return n;
}
