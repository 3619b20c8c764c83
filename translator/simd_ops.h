/* SPDX-License-Identifier: MIT */
/*
 * C view of simd_ops.def: the rows, the way from opcode to row, and the host encoding of a row.
 */
#ifndef TRANSLATOR_SIMD_OPS_H
#define TRANSLATOR_SIMD_OPS_H

#include "util/base.h"

enum simd_map { V_0F, V_0F38, V_0F3A, SIMD_MAPS };
enum simd_prefix { V_NP, V_66, V_F3, V_F2, SIMD_PREFIXES };

enum simd_feature { SF_MMX, SF_SSE, SF_SSE2, SF_SSE3, SF_SSSE3, SF_SSE41, SF_SSE42, SF_PCLMUL, SF_AES };

/* Operand role: class in bits 3..2, access in bits 1..0. */
enum simd_role {
    V_READ = 1,
    V_WRITE = 2,
    V_CLASS = 12,
    V_NO = 0,
    V_XR = 4 + 1, V_XW = 4 + 2, V_XX = 4 + 3,
    V_MR = 8 + 1, V_MW = 8 + 2, V_MX = 8 + 3,
    V_GR = 12 + 1, V_GW = 12 + 2,
};
enum { SIMD_CLASS_X = 4, SIMD_CLASS_M = 8, SIMD_CLASS_G = 12 };

enum simd_flags {
    V_ALIGN = 1, V_IMM = 2, V_FPX = 4, V_FLAGS = 8, V_W64 = 0x10, V_REG64 = 0x20, V_MEMONLY = 0x40,
    V_MMX = 0x80, V_READ0 = 0x100, V_WRITE0 = 0x200, V_LENGTHS = 0x400, V_INDEX = 0x800, V_NOMODRM = 0x1000,
};

enum simd_op {
#define V(name, ...) SIMD_##name,
#define VG(name, ...) SIMD_##name,
#include "translator/simd_ops.def"
#undef V
#undef VG
    SIMD_COUNT,
    /* other names of one encoding's register or memory form */
    SIMD_MOVHLPS = SIMD_MOVLPS,
    SIMD_MOVLHPS = SIMD_MOVHPS,
    SIMD_MOVSS_LD = SIMD_MOVSS,
    SIMD_MOVSD_LD = SIMD_MOVSD,
};

struct simd_row {
    const char *name;
    uint8_t map, prefix, opcode;
    int8_t ext; /* modrm.reg as opcode extension, or -1 */
    uint8_t reg, rm; /* enum simd_role */
    uint8_t mem;
    uint8_t feature;
    uint16_t flags;
};
extern const struct simd_row simd_rows[SIMD_COUNT];

/*
 * The row an opcode selects, or -1: no such instruction (#UD), which includes a register where
 * memory is needed and the reverse. `modrm` is not looked at if the opcode takes none.
 */
int simd_find(enum simd_map map, enum simd_prefix prefix, uint8_t opcode, uint8_t modrm);
/* Is there any row with this opcode, whatever prefix and modrm: does a modrm byte follow, an immediate? */
bool simd_opcode_known(enum simd_map map, uint8_t opcode);

static inline bool simd_is_store(const struct simd_row *r)
{
    return r->rm & V_WRITE;
}

static inline unsigned simd_mem_bytes(const struct simd_row *r, bool rexw)
{
    return r->flags & V_W64 && rexw ? 8 : r->mem;
}

/* Can this host execute the feature's rows? Guests must not be told of others. */
bool simd_host_has(enum simd_feature f);

/* Does the row name an XMM register (CR4.OSFXSR needed)? Rows of MMX registers alone do not. */
bool simd_uses_xmm(const struct simd_row *r);

/*
 * Encode the row for an x86-64 host into p (at most 15 bytes); returns the length. reg and rm are
 * host register numbers 0..15 of the operands' classes (MMX 0..7); with `mem`, rm is the general
 * register holding the address. reg is ignored if the row has an extension.
 */
unsigned simd_encode(uint8_t *p, const struct simd_row *r, unsigned reg, unsigned rm, bool mem, bool rexw, uint8_t imm);
/* The same with the address register plus a displacement. */
unsigned simd_encode_disp(uint8_t *p, const struct simd_row *r, unsigned reg, unsigned rm, bool mem, int32_t disp, bool rexw, uint8_t imm);

#endif
