/* SPDX-License-Identifier: MIT */
/*
 * What every file needs: fixed-width types, small macros, bit fields, and
 * unaligned loads and stores of either byte order. Included first everywhere.
 */
#ifndef UTIL_BASE_H
#define UTIL_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "util/types.h"

#ifndef CONFIG_DEBUG
#define CONFIG_DEBUG 0
#endif

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define sizeof_field(type, member)      sizeof(((type *)0)->member)

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define must_check                  __attribute__((warn_unused_result))
#define printf_fmt(fmt_arg, va_arg) __attribute__((format(printf, fmt_arg, va_arg)))
#define noreturn_fn                 __attribute__((noreturn))
#define cold_fn                     __attribute__((cold, noinline))
#define always_inline               inline __attribute__((always_inline))
#define packed_struct               __attribute__((packed))
#define unused_var                  __attribute__((unused))

/* sys/param.h has its own, and some system headers include it. */
#undef MIN
#undef MAX
#define MIN(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) min_a_ = (a);                                                                \
        __typeof__(b) min_b_ = (b);                                                                \
        min_a_ < min_b_ ? min_a_ : min_b_;                                                         \
    })
#define MAX(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) max_a_ = (a);                                                                \
        __typeof__(b) max_b_ = (b);                                                                \
        max_a_ > max_b_ ? max_a_ : max_b_;                                                         \
    })

/* n is a power of two; the type of the result is that of x. */
#define align_mask_(x, n) ((__typeof__(x))(n)-1)
#define ALIGN_DOWN(x, n)  ((x) & ~align_mask_(x, n))
#define ALIGN_UP(x, n)    (((x) + align_mask_(x, n)) & ~align_mask_(x, n))
#define IS_ALIGNED(x, n)  (((x)&align_mask_(x, n)) == 0)

#define DIV_ROUND_UP(x, n) (((x) + (n)-1) / (n))

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

#define BIT(n) (1ULL << (n))

static inline bool is_pow2(uint64_t v)
{
    return v && !(v & (v - 1));
}

/* The low `len` bits set; len is 0 to 64. */
static inline uint64_t mask64(unsigned len)
{
    return len >= 64 ? UINT64_MAX : BIT(len) - 1;
}

static inline uint32_t extract32(uint32_t v, unsigned pos, unsigned len)
{
    return (v >> pos) & (uint32_t)mask64(len);
}

static inline uint64_t extract64(uint64_t v, unsigned pos, unsigned len)
{
    return (v >> pos) & mask64(len);
}

static inline int64_t sextract64(uint64_t v, unsigned pos, unsigned len)
{
    return (int64_t)(v << (64 - len - pos)) >> (64 - len);
}

static inline uint32_t deposit32(uint32_t v, unsigned pos, unsigned len, uint32_t field)
{
    uint32_t mask = (uint32_t)mask64(len) << pos;
    return (v & ~mask) | ((field << pos) & mask);
}

static inline uint64_t deposit64(uint64_t v, unsigned pos, unsigned len, uint64_t field)
{
    uint64_t mask = mask64(len) << pos;
    return (v & ~mask) | ((field << pos) & mask);
}

/* Does [addr, addr + len) lie inside [0, size)? Safe for any input. */
static inline must_check bool range_fits(uint64_t addr, uint64_t len, uint64_t size)
{
    return len <= size && addr <= size - len;
}

/* Do two ranges share a byte? A range may end at, not beyond, 2^64. */
static inline bool ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    return a_len && b_len && (a < b ? b - a < a_len : a - b < b_len);
}

static inline uint16_t bswap16(uint16_t v)
{
    return __builtin_bswap16(v);
}

static inline uint32_t bswap32(uint32_t v)
{
    return __builtin_bswap32(v);
}

static inline uint64_t bswap64(uint64_t v)
{
    return __builtin_bswap64(v);
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_LE_(bits, v) (v)
#define HOST_BE_(bits, v) bswap##bits(v)
#else
#define HOST_LE_(bits, v) bswap##bits(v)
#define HOST_BE_(bits, v) (v)
#endif

/* Orders everything before against everything after, store before load included. (ThreadSanitizer
   does not know fences.) */
static inline void full_fence(void)
{
#if defined(__SANITIZE_THREAD__)
    static unsigned word;

    __atomic_fetch_add(&word, 0, __ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/*
 * ld_le16(p) ... st_be64(p, v): unaligned, of the named byte order. Spelled out
 * names (for grep): ld_le16 ld_le32 ld_le64 ld_be16 ld_be32 ld_be64
 *                   st_le16 st_le32 st_le64 st_be16 st_be32 st_be64
 */
#define DEFINE_LOAD_STORE_(order, ORDER, bits)                                                     \
    static inline uint##bits##_t ld_##order##bits(const void *p)                                   \
    {                                                                                              \
        uint##bits##_t v;                                                                          \
        memcpy(&v, p, sizeof(v));                                                                  \
        return HOST_##ORDER##_(bits, v);                                                           \
    }                                                                                              \
    static inline void st_##order##bits(void *p, uint##bits##_t v)                                 \
    {                                                                                              \
        v = HOST_##ORDER##_(bits, v);                                                              \
        memcpy(p, &v, sizeof(v));                                                                  \
    }

DEFINE_LOAD_STORE_(le, LE, 16)
DEFINE_LOAD_STORE_(le, LE, 32)
DEFINE_LOAD_STORE_(le, LE, 64)
DEFINE_LOAD_STORE_(be, BE, 16)
DEFINE_LOAD_STORE_(be, BE, 32)
DEFINE_LOAD_STORE_(be, BE, 64)

#endif
