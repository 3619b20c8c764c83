/* SPDX-License-Identifier: MIT */
/*
 * Integer arithmetic of the IR with x86 flags (Intel SDM vol. 1, 3.4.3.1 and vol. 2), in portable
 * C. Flags the manual leaves undefined are set as Intel processors since Haswell set them where
 * that is simple; tests/ir/interp.c compares with the host.
 */
#include "backends/interp/interp.h"

enum { CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, OF = 0x800 };

static uint64_t sign_bit(enum ir_type t)
{
    return BIT(ir_type_bits(t) - 1);
}

static int64_t sext(enum ir_type t, uint64_t v)
{
    return sextract64(v, 0, ir_type_bits(t));
}

/* P, Z and S of a result. */
static uint32_t flags_pzs(enum ir_type t, uint64_t r)
{
    return (__builtin_parity(r & 0xff) ? 0 : PF) | (r & interp_mask(t) ? 0 : ZF) |
           (r & sign_bit(t) ? SF : 0);
}

static uint32_t flags_add(enum ir_type t, uint64_t a, uint64_t b, uint64_t r)
{
    uint64_t out = (a & b) | ((a | b) & ~r);

    return flags_pzs(t, r) | (out & sign_bit(t) ? CF : 0) | ((a ^ b ^ r) & 0x10 ? AF : 0) |
           ((a ^ r) & (b ^ r) & sign_bit(t) ? OF : 0);
}

static uint32_t flags_sub(enum ir_type t, uint64_t a, uint64_t b, uint64_t r)
{
    uint64_t borrow = (~a & b) | ((~a | b) & r);

    return flags_pzs(t, r) | (borrow & sign_bit(t) ? CF : 0) | ((a ^ b ^ r) & 0x10 ? AF : 0) |
           ((a ^ b) & (a ^ r) & sign_bit(t) ? OF : 0);
}

/* --- shifts and rotates; n is the masked count ----------------------------------------- */

static uint64_t shift(enum ir_op op, enum ir_type t, uint64_t a, unsigned n, uint32_t *fl)
{
    unsigned bits = ir_type_bits(t);
    uint64_t r, last; /* the result, and the bit shifted out last */
    bool of;

    a &= interp_mask(t);
    switch (op) {
    case IR_shl:
        r = n < bits ? a << n : 0;
        last = n <= bits ? a >> (bits - n) & 1 : 0;
        of = !!(r & sign_bit(t)) != last;
        break;
    case IR_shr:
        r = n < bits ? a >> n : 0;
        last = n <= bits ? a >> (n - 1) & 1 : 0;
        of = n == 1 && a & sign_bit(t);
        break;
    default:
        r = (uint64_t)(sext(t, a) >> MIN(n, 63u));
        last = sext(t, a) >> MIN(n - 1, 63u) & 1;
        of = false;
    }
    r &= interp_mask(t);
    *fl = flags_pzs(t, r) | (last ? CF : 0) | (of ? OF : 0);
    return r;
}

/* n is not 0 before reduction to the width; C and O are written even if it is after. */
static uint64_t rotate(enum ir_op op, enum ir_type t, uint64_t a, unsigned n, uint32_t *fl)
{
    unsigned bits = ir_type_bits(t);
    uint64_t r;
    bool c, o;

    a &= interp_mask(t);
    n &= bits - 1;
    if (op == IR_ror)
        n = -n & (bits - 1);
    r = n ? (a << n | a >> (bits - n)) & interp_mask(t) : a;
    if (op == IR_rol) {
        c = r & 1;
        o = !!(r & sign_bit(t)) != c;
    } else {
        c = r & sign_bit(t);
        o = c != !!(r & sign_bit(t) >> 1);
    }
    *fl = (*fl & ~(CF | OF)) | (c ? CF : 0) | (o ? OF : 0);
    return r;
}

static uint64_t rotate_carry(enum ir_op op, enum ir_type t, uint64_t a, unsigned n, uint32_t *fl)
{
    unsigned bits = ir_type_bits(t);
    bool c = *fl & CF, o;

    a &= interp_mask(t);
    for (n %= bits + 1; n; n--) {
        bool out;

        if (op == IR_rcl) {
            out = a & sign_bit(t);
            a = (a << 1 | c) & interp_mask(t);
        } else {
            out = a & 1;
            a = a >> 1 | (c ? sign_bit(t) : 0);
        }
        c = out;
    }
    if (op == IR_rcl)
        o = !!(a & sign_bit(t)) != c;
    else
        o = !!(a & sign_bit(t)) != !!(a & sign_bit(t) >> 1);
    *fl = (*fl & ~(CF | OF)) | (c ? CF : 0) | (o ? OF : 0);
    return a;
}

/* One bit at a time: counts above the width (16-bit forms) rotate through both operands. */
static uint64_t double_shift(enum ir_op op, enum ir_type t, uint64_t a, uint64_t b, unsigned n,
                             uint32_t *fl)
{
    uint64_t r = a & interp_mask(t), before = r;
    bool c = false;

    b &= interp_mask(t);
    for (unsigned k = 0; k < n; k++) {
        before = r;
        if (op == IR_shld) {
            c = r & sign_bit(t);
            r = (r << 1 | !!(b & sign_bit(t))) & interp_mask(t);
            b = (b << 1 | c) & interp_mask(t);
        } else {
            c = r & 1;
            r = r >> 1 | (b & 1 ? sign_bit(t) : 0);
            b = b >> 1 | (c ? sign_bit(t) : 0);
        }
    }
    *fl = flags_pzs(t, r) | (c ? CF : 0) | ((r ^ before) & sign_bit(t) ? OF : 0);
    return r;
}

static bool shift_op(enum ir_op op, enum ir_type t, uint64_t a, uint64_t b, uint64_t c,
                     uint64_t *res, uint32_t *fl)
{
    bool dbl = op == IR_shld || op == IR_shrd;
    unsigned n = (dbl ? c : b) & (t == IR_I64 ? 63 : 31);

    if (!n) {
        *res = a & interp_mask(t);
        return false;
    }
    switch (op) {
    case IR_shl:
    case IR_shr:
    case IR_sar:
        *res = shift(op, t, a, n, fl);
        break;
    case IR_rol:
    case IR_ror:
        *res = rotate(op, t, a, n, fl);
        break;
    case IR_rcl:
    case IR_rcr:
        if (!(n % (ir_type_bits(t) + 1))) {
            *res = a & interp_mask(t);
            return false;
        }
        *res = rotate_carry(op, t, a, n, fl);
        break;
    default:
        *res = double_shift(op, t, a, b, n, fl);
    }
    return true;
}

/* --- bits --------------------------------------------------------------------------------- */

static void bit_op(enum ir_op op, enum ir_type t, uint64_t a, uint64_t b, uint64_t *res,
                   uint32_t *fl)
{
    uint64_t bit = BIT(b & (ir_type_bits(t) - 1));

    *fl = (*fl & ~CF) | (a & bit ? CF : 0);
    *res = op == IR_bts ? a | bit : op == IR_btr ? a & ~bit : op == IR_btc ? a ^ bit : a;
}

static void bit_scan(enum ir_op op, enum ir_type t, uint64_t a, uint64_t b, uint64_t *res,
                     uint32_t *fl)
{
    a &= interp_mask(t);
    *fl = (*fl & ~ZF) | (a ? 0 : ZF);
    if (!a)
        *res = b;
    else
        *res = op == IR_bsf ? __builtin_ctzll(a) : 63 - __builtin_clzll(a);
}

static uint64_t swap_bytes(enum ir_type t, uint64_t a)
{
    return t == IR_I64 ? bswap64(a) : bswap32(a);
}

/* --- multiply and divide --------------------------------------------------------------------- */

void interp_mul(enum ir_type t, bool is_signed, uint64_t a, uint64_t b, uint64_t *lo, uint64_t *hi,
                uint32_t *eflags)
{
    unsigned bits = ir_type_bits(t);
    unsigned __int128 p;
    bool over;

    if (is_signed)
        p = (unsigned __int128)((__int128)sext(t, a) * sext(t, b));
    else
        p = (unsigned __int128)(a & interp_mask(t)) * (b & interp_mask(t));
    *lo = (uint64_t)p & interp_mask(t);
    *hi = (uint64_t)(p >> bits) & interp_mask(t);
    over = is_signed ? *hi != ((uint64_t)(sext(t, *lo) >> 63) & interp_mask(t)) : *hi != 0;
    *eflags = (flags_pzs(t, *lo) & ~ZF) | (over ? CF | OF : 0);
}

static bool div_unsigned(unsigned __int128 n, uint64_t d, enum ir_type t, uint64_t *q, uint64_t *r)
{
    if (!d || n / d > interp_mask(t))
        return false;
    *q = (uint64_t)(n / d);
    *r = (uint64_t)(n % d);
    return true;
}

static bool div_signed(unsigned __int128 n, int64_t d, enum ir_type t, bool negative, uint64_t *q,
                       uint64_t *r)
{
    unsigned __int128 un = negative ? -n : n;
    uint64_t ud = d < 0 ? -(uint64_t)d : (uint64_t)d, uq, ur;
    bool neg_q = negative != (d < 0);

    if (!div_unsigned(un, ud, IR_I64, &uq, &ur) || uq > sign_bit(t) - !neg_q)
        return false;
    *q = (neg_q ? -uq : uq) & interp_mask(t);
    *r = (negative ? -ur : ur) & interp_mask(t);
    return true;
}

bool interp_div(enum ir_type t, bool is_signed, uint64_t lo, uint64_t hi, uint64_t d, uint64_t *q,
                uint64_t *r)
{
    unsigned bits = ir_type_bits(t);
    unsigned __int128 n;
    unsigned pad;

    if (t == IR_I8)
        n = lo & 0xffff;
    else
        n = (unsigned __int128)(hi & interp_mask(t)) << bits | (lo & interp_mask(t));
    d &= interp_mask(t);
    if (!is_signed)
        return div_unsigned(n, d, t, q, r);
    pad = 128 - 2 * bits;
    n = (unsigned __int128)((__int128)(n << pad) >> pad);
    return div_signed(n, sext(t, d), t, (__int128)n < 0, q, r);
}

uint32_t interp_crc32c(uint32_t crc, uint64_t val, unsigned bytes)
{
    for (; bytes; bytes--, val >>= 8) {
        crc ^= val & 0xff;
        for (unsigned k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    return crc;
}

/* --- all of them --------------------------------------------------------------------------------- */

static bool carry_op(enum ir_op op)
{
    return op == IR_adc || op == IR_sbb;
}

static void add_sub(enum ir_op op, enum ir_type t, uint64_t a, uint64_t b, uint64_t *res,
                    uint32_t *fl)
{
    bool c = carry_op(op) && *fl & CF;

    if (op == IR_add || op == IR_adc) {
        *res = a + b + c;
        *fl = flags_add(t, a, b, *res);
    } else {
        *res = a - b - c;
        *fl = flags_sub(t, a, b, *res);
    }
}

bool interp_alu(enum ir_op op, enum ir_type t, uint64_t a, uint64_t b, uint64_t c, uint64_t *res,
                uint32_t *fl)
{
    uint64_t hi;
    bool changed = true;

    switch (op) {
    case IR_add:
    case IR_adc:
    case IR_sub:
    case IR_sbb:
    case IR_cmp:
        add_sub(op, t, a, b, res, fl);
        break;
    case IR_neg:
        add_sub(IR_sub, t, 0, a, res, fl);
        break;
    case IR_and:
    case IR_test:
        *res = a & b;
        *fl = flags_pzs(t, *res);
        break;
    case IR_or:
        *res = a | b;
        *fl = flags_pzs(t, *res);
        break;
    case IR_xor:
        *res = a ^ b;
        *fl = flags_pzs(t, *res);
        break;
    case IR_not:
        *res = ~a;
        changed = false;
        break;
    case IR_shl ... IR_shrd:
        changed = shift_op(op, t, a, b, c, res, fl);
        break;
    case IR_mul:
        interp_mul(t, true, a, b, res, &hi, fl);
        break;
    case IR_bswap:
        *res = swap_bytes(t, a);
        changed = false;
        break;
    case IR_bsf:
    case IR_bsr:
        bit_scan(op, t, a, b, res, fl);
        break;
    case IR_popcnt:
        *res = __builtin_popcountll(a & interp_mask(t));
        *fl = a & interp_mask(t) ? 0 : ZF;
        break;
    case IR_bt ... IR_btc:
        bit_op(op, t, a, b, res, fl);
        break;
    default: /* mov */
        *res = a;
        changed = false;
    }
    *res &= interp_mask(t);
    return changed;
}
