/* SPDX-License-Identifier: MIT */
/*
 * Tests of util/base.h: bit fields, alignment, ranges, byte order.
 */
#include "tests/test.h"

START_TEST(test_mask)
{
    ck_assert_uint_eq(mask64(0), 0);
    ck_assert_uint_eq(mask64(1), 1);
    ck_assert_uint_eq(mask64(63), INT64_MAX);
    ck_assert_uint_eq(mask64(64), UINT64_MAX);
}
END_TEST

START_TEST(test_extract)
{
    ck_assert_uint_eq(extract32(0x12345678, 8, 12), 0x456);
    ck_assert_uint_eq(extract32(0x12345678, 0, 32), 0x12345678);
    ck_assert_uint_eq(extract64(0xfedcba9876543210, 60, 4), 0xf);
    ck_assert_uint_eq(extract64(0xfedcba9876543210, 0, 64), 0xfedcba9876543210);
    ck_assert_int_eq(sextract64(0x80, 0, 8), -128);
    ck_assert_int_eq(sextract64(0x7f00, 8, 8), 127);
    ck_assert_int_eq(sextract64(UINT64_MAX, 0, 64), -1);
}
END_TEST

START_TEST(test_deposit)
{
    ck_assert_uint_eq(deposit32(0xffffffff, 4, 8, 0), 0xfffff00f);
    ck_assert_uint_eq(deposit32(0, 4, 8, 0xabc), 0xbc0);
    ck_assert_uint_eq(deposit64(0, 32, 32, 0x1deadbeef), 0xdeadbeef00000000);
    ck_assert_uint_eq(deposit64(1, 0, 64, 7), 7);
}
END_TEST

START_TEST(test_align)
{
    ck_assert_uint_eq(ALIGN_UP(0x1001u, 0x1000), 0x2000);
    ck_assert_uint_eq(ALIGN_UP(0x1000u, 0x1000), 0x1000);
    ck_assert_uint_eq(ALIGN_DOWN(0x1fffu, 0x1000), 0x1000);
    ck_assert_uint_eq(ALIGN_DOWN(UINT64_MAX, 0x1000), UINT64_MAX - 0xfff);
    ck_assert(IS_ALIGNED(0x3000ull, 0x1000));
    ck_assert(!IS_ALIGNED(0x3001ull, 0x1000));
    ck_assert_uint_eq(DIV_ROUND_UP(9, 8), 2);
    ck_assert(is_pow2(1) && is_pow2(BIT(63)) && !is_pow2(0) && !is_pow2(6));
}
END_TEST

START_TEST(test_range_fits)
{
    static const struct {
        uint64_t addr, len, size;
        bool fits;
    } rows[] = {
        {0, 0, 0, true},
        {0, 1, 0, false},
        {0, 16, 16, true},
        {1, 16, 16, false},
        {16, 0, 16, true},
        {17, 0, 16, false},
        {UINT64_MAX, 2, 16, false},
        {8, UINT64_MAX, 16, false},
        {8, 8, UINT64_MAX, true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        ck_assert(range_fits(rows[i].addr, rows[i].len, rows[i].size) == rows[i].fits);
}
END_TEST

START_TEST(test_ranges_overlap)
{
    ck_assert(ranges_overlap(0, 10, 9, 1));
    ck_assert(!ranges_overlap(0, 10, 10, 1));
    ck_assert(ranges_overlap(9, 1, 0, 10));
    ck_assert(!ranges_overlap(10, 1, 0, 10));
    ck_assert(!ranges_overlap(5, 0, 0, 10));
    ck_assert(ranges_overlap(UINT64_MAX, 1, UINT64_MAX - 4, 5));
    ck_assert(!ranges_overlap(UINT64_MAX, 1, 0, 5));
}
END_TEST

START_TEST(test_byte_order)
{
    uint8_t b[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

    ck_assert_uint_eq(ld_le16(b + 1), 0x0201);
    ck_assert_uint_eq(ld_le32(b + 1), 0x04030201);
    ck_assert_uint_eq(ld_le64(b + 1), 0x0807060504030201);
    ck_assert_uint_eq(ld_be16(b + 1), 0x0102);
    ck_assert_uint_eq(ld_be32(b + 1), 0x01020304);
    ck_assert_uint_eq(ld_be64(b + 1), 0x0102030405060708);
    st_be32(b + 1, 0xa0b0c0d0);
    ck_assert_uint_eq(b[1], 0xa0);
    ck_assert_uint_eq(ld_le32(b + 1), 0xd0c0b0a0);
    st_le16(b + 3, 0x1234);
    ck_assert_uint_eq(ld_be16(b + 3), 0x3412);
    st_le64(b + 1, 0x1122334455667788);
    ck_assert_uint_eq(ld_be64(b + 1), 0x8877665544332211);
    ck_assert_uint_eq(b[0], 0);
}
END_TEST

START_TEST(test_min_max)
{
    int i = 3;

    ck_assert_int_eq(MIN(i++, 10), 3);
    ck_assert_int_eq(i, 4);
    ck_assert_int_eq(MAX(-1, 1), 1);
}
END_TEST

TEST_MAIN("base", test_mask, test_extract, test_deposit, test_align, test_range_fits,
          test_ranges_overlap, test_byte_order, test_min_max)
