/* SPDX-License-Identifier: MIT */
/*
 * The opcode tables against the processor: every opcode of the SIMD maps with every mandatory
 * prefix, register and memory form, and every x87 opcode is executed; it must raise #UD exactly
 * where simd_ops.def and x87_ops.def have no row. Opcodes of extensions that are no part of the
 * tables are left out by name.
 */
#include "tests/test.h"
#include "tests/insn/inprocess.h"
#include "translator/simd_ops.h"
#include "translator/x87_ops.h"

#include <signal.h>

/* Other extensions in the maps: SHA, GFNI, MOVBE, CRC32, ADX, KeyLocker, INVPCID, direct stores ... */
static const struct {
    uint8_t map, first, last;
} foreign[] = {
    {V_0F38, 0x80, 0x82}, {V_0F38, 0xc8, 0xcf}, {V_0F38, 0xd8, 0xda},
    {V_0F38, 0xf0, 0xff}, {V_0F3A, 0xcc, 0xcf}, {V_0F3A, 0xf0, 0xf0},
};

static bool is_foreign(unsigned map, unsigned opcode)
{
    for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
        if (map == foreign[i].map && opcode >= foreign[i].first && opcode <= foreign[i].last)
            return true;
    }
    return map == V_0F && !simd_opcode_known(V_0F, opcode);
}

/* KeyLocker (F3 0F38 DC..DF) shares opcodes with AES. */
static bool is_foreign_form(unsigned map, unsigned prefix, unsigned opcode)
{
    return map == V_0F38 && prefix == V_F3 && opcode >= 0xdc && opcode <= 0xdf;
}

static bool host_raises_ud(const uint8_t *code, unsigned len)
{
    struct native_state s;

    native_init(&s);
    s.greg[7] = (uintptr_t)native_memory();
    return native_run(&s, code, len) == SIGILL;
}

static void check_simd(unsigned map, unsigned prefix, unsigned opcode, unsigned modrm)
{
    static const uint8_t prefix_byte[] = {0, 0x66, 0xf3, 0xf2};
    static const uint8_t map_byte[] = {0, 0x38, 0x3a};
    uint8_t code[16];
    unsigned n = 0;
    int row = simd_find(map, prefix, opcode, modrm);

    if (row >= 0 && !native_has_feature(simd_rows[row].feature))
        return;
    if (prefix)
        code[n++] = prefix_byte[prefix];
    code[n++] = 0x0f;
    if (map)
        code[n++] = map_byte[map];
    code[n++] = opcode;
    code[n++] = modrm;
    code[n++] = 0; /* immediate, or part of an add that does nothing */
    memset(code + n, 0x90, 4);
    if (row >= 0 && simd_rows[row].flags & V_NOMODRM)
        code[n - 2] = code[n - 1] = 0x90;
    ck_assert_msg(host_raises_ud(code, n + 4) == (row < 0),
                  "map %u prefix %02x %02x /%02x: table %s", map, prefix_byte[prefix], opcode,
                  modrm, row < 0 ? "#UD" : simd_rows[row].name);
}

START_TEST(test_simd)
{
    for (unsigned map = 0; map < SIMD_MAPS; map++) {
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            for (unsigned prefix = 0; prefix < SIMD_PREFIXES; prefix++) {
                if (is_foreign(map, opcode) || is_foreign_form(map, prefix, opcode))
                    continue;
                for (unsigned reg = 0; reg < 8; reg++) {
                    if (reg == 4 && !(map == V_0F && opcode >= 0x71 && opcode <= 0x73))
                        continue; /* could be rsp */
                    check_simd(map, prefix, opcode, 0xc2 | reg << 3);
                    check_simd(map, prefix, opcode, 0x07 | reg << 3);
                }
            }
        }
    }
}
END_TEST

START_TEST(test_x87)
{
    for (unsigned opcode = 0xd8; opcode < 0xe0; opcode++) {
        for (unsigned modrm = 0; modrm < 256; modrm++) {
            uint8_t code[2] = {opcode, modrm};
            int row = x87_find(opcode, modrm);

            if (modrm < 0xc0 && (modrm & 0xc7) != 7)
                continue;
            ck_assert_msg(host_raises_ud(code, 2) == (row < 0), "%02x %02x: table %s", opcode,
                          modrm, row < 0 ? "#UD" : x87_rows[row].name);
        }
    }
}
END_TEST

/* Of several mandatory prefixes the last F2 or F3 counts and beats 66. */
START_TEST(test_prefix_order)
{
    static const struct {
        uint8_t code[5];
        bool ud;
    } rows[] = {
        {{0x66, 0xf3, 0x0f, 0x5b, 0xca}, false}, {{0xf3, 0x66, 0x0f, 0x5b, 0xca}, false},
        {{0xf2, 0xf3, 0x0f, 0x5b, 0xca}, false}, {{0xf3, 0xf2, 0x0f, 0x5b, 0xca}, true},
        {{0x66, 0xf2, 0x0f, 0x5b, 0xca}, true},  {{0x66, 0xf3, 0x0f, 0x60, 0xca}, true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert_msg(host_raises_ud(rows[i].code, 5) == rows[i].ud, "row %zu", i);
}
END_TEST

/* simd_encode() gives what simd_find() reads. */
START_TEST(test_encode)
{
    uint8_t code[16];

    for (unsigned i = 0; i < SIMD_COUNT; i++) {
        const struct simd_row *r = &simd_rows[i];
        unsigned n = simd_encode(code, r, 1, 2, !!(r->flags & V_MEMONLY), false, 0);
        unsigned at = (r->prefix ? 1 : 0) + 1 + (r->map ? 1 : 0);

        ck_assert_uint_le(n, 15);
        ck_assert_int_eq(simd_find(r->map, r->prefix, code[at], code[at + 1]), i);
    }
}
END_TEST

TEST_MAIN("fpu_tables", test_simd, test_x87, test_prefix_order, test_encode)
