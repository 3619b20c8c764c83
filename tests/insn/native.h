/* SPDX-License-Identifier: MIT */
/*
 * Protocol between a test driver and tests/insn/native64, native32: freestanding programs that
 * execute single instructions on the host's CPU and say what came of it.
 *
 * Driver and program share a memfd (descriptor NATIVE_FD, one struct native_batch); the driver
 * fills in cases, writes a byte to descriptor 0 of the program, and reads a byte from its
 * descriptor 1 when they are done. All types have the same layout in 32 and 64 bits.
 *
 * Memory of a case, the same addresses on the host and in the emulated machine:
 *   NATIVE_CODE  2 pages, read-only, executable, filled with INT3 around the instruction. With
 *                NATIVE_CODE_END the second one is not there.
 *   NATIVE_DATA  page 0 and 1 read-write, 2 not there, 3 read-only, 4 not there
 */
#ifndef TESTS_INSN_NATIVE_H
#define TESTS_INSN_NATIVE_H

#include <stdint.h>

#define NATIVE_FD       3
#define NATIVE_PAGE     4096u
#define NATIVE_CODE     0x10000000u
#define NATIVE_DATA     0x20000000u
#define NATIVE_RW_BYTES (2 * NATIVE_PAGE)
#define NATIVE_RO_PAGE  3
#define NATIVE_SHARED   0x50000000u
#define NATIVE_BATCH    32
#define NATIVE_MAX_CODE 160 /* an instruction, or a sequence */

/*
 * Segments of NATIVE_LDT cases (native32 only), entries of the local descriptor table:
 * SEG(name, base, limit, big, kind, read-only); kind as in modify_ldt(2): 0 data, 1 expand-down, 2 code.
 */
#define NATIVE_SEGMENTS(SEG)                                                                       \
    SEG(CODE16, NATIVE_CODE, 0x1fff, 0, 2, 0)                                                      \
    SEG(CODE16_SHORT, NATIVE_CODE, 0xfff, 0, 2, 0)                                                 \
    SEG(CODE32, NATIVE_CODE, 0x1fff, 1, 2, 0)                                                      \
    SEG(CODE32_EXEC, NATIVE_CODE, 0x1fff, 1, 2, 1)                                                 \
    SEG(STACK16, NATIVE_DATA, 0xffff, 0, 0, 0)                                                     \
    SEG(STACK16_SHORT, NATIVE_DATA, 0x17ff, 0, 0, 0)                                               \
    SEG(STACK32, NATIVE_DATA, 0x17ff, 1, 0, 0)                                                     \
    SEG(STACK16_DOWN, NATIVE_DATA, 0x0fff, 0, 1, 0)                                                \
    SEG(DATA, NATIVE_DATA, 0x17ff, 0, 0, 0)                                                        \
    SEG(DATA_READ, NATIVE_DATA, 0x1fff, 0, 0, 1)                                                   \
    SEG(DATA_DOWN, NATIVE_DATA, 0x07ff, 0, 1, 0)                                                   \
    SEG(DATA_DOWN32, NATIVE_DATA, 0x07ff, 1, 1, 0)                                                 \
    SEG(DATA_BIG, NATIVE_DATA, 0xffffffff, 1, 0, 0)
enum native_segment {
#define NATIVE_SEG_(name, base, limit, big, kind, ro) NATIVE_SEG_##name,
    NATIVE_SEGMENTS(NATIVE_SEG_)
#undef NATIVE_SEG_
        NATIVE_SEG_COUNT
};
#define NATIVE_SELECTOR(n) ((n) << 3 | 7)

enum {
    NATIVE_CODE_END = 1,
    NATIVE_LDT = 4 /* rip is an offset, sel[] says the segments */,
    NATIVE_NO_DATA = 2 /* data pages are neither set nor read */
};

struct native_state {
    uint64_t reg[16]; /* in the order of instruction encodings */
    uint64_t rip;
    uint64_t flags;
    uint8_t fx[512]; /* FXSAVE64 / FXSAVE image */
};

struct native_case {
    struct native_state in, out;
    uint8_t code[NATIVE_MAX_CODE];
    uint32_t code_len;
    uint32_t code_at; /* offset of the code in its pages */
    uint32_t flags;   /* NATIVE_CODE_END */
    /* how it ended: exception vector (3: INT3, so the instruction completed), error code, CR2 */
    uint32_t vector, error;
    uint32_t signo;
    uint64_t cr2;
    uint16_t sel[6]; /* ES CS SS DS FS GS, in (NATIVE_LDT) and out */
    uint16_t pad[2]; /* every member at its own alignment without the compiler's help */
    uint8_t data[NATIVE_RW_BYTES]; /* in and out */
    uint8_t ro[NATIVE_PAGE];
};

_Static_assert(sizeof(struct native_case) % 8 == 0, "the same size in 32 and 64 bits");

struct native_batch {
    uint32_t count;
    uint32_t pad;
    struct native_case cases[NATIVE_BATCH];
};

#endif
