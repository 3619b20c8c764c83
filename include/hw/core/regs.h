/* SPDX-License-Identifier: MIT */
/*
 * Register banks as tables: what a register is called, where it is, how wide,
 * which bits do what; handlers only for side effects.
 *
 *   static const struct reg_desc uart_regs[] = {
 *       {"RBR", 0, 1, .read = uart_read_rbr, .write = uart_write_thr},
 *       {"IER", 1, 1, REG_FIELD(struct uart, ier), .wmask = 0x0f, .write = uart_ier_written},
 *       {"LSR", 5, 1, REG_FIELD(struct uart, lsr), .reset = 0x60, .read = uart_lsr_read},
 *   };
 *   static const struct reg_bank uart_bank = REG_BANK("uart", uart_regs, 8);
 *
 * Accesses of any size up to 8 at any offset inside the bank: narrower ones take
 * or change a part of a register, wider ones go to several, lowest first. Gaps
 * read as zero (or as ones, see flags) and ignore writes. Every access shows in
 * the trace under the register's name (trace events reg_read, reg_write).
 */
#ifndef HW_CORE_REGS_H
#define HW_CORE_REGS_H

#include "util/base.h"

struct mem_ops;
struct mem_region;

struct reg_desc {
    const char *name;
    uint32_t offset; /* in the bank, bytes */
    uint8_t width;   /* 1, 2, 4, 8 */

    /* Where the value lives in the state (REG_FIELD); field_size 0: nowhere, then
     * the handlers do everything and reads without a handler give `reset`. */
    uint8_t field_size;
    uint32_t field;

    uint64_t wmask; /* bits a write sets as given; all others keep their value */
    uint64_t w1c;   /* bits that a 1 clears and a 0 leaves */
    uint64_t rzero; /* bits that read as 0 whatever the field holds */
    uint64_t rone;  /* bits that read as 1 */
    uint64_t reset; /* value after reset */

    /* The value of a read: gets the field's, returns what the guest sees
     * (before rzero and rone). */
    uint64_t (*read)(void *opaque, const struct reg_desc *reg, uint64_t val);

    /* After a write has changed the field: `val` is what the guest wrote,
     * `old` the field's value before. */
    void (*write)(void *opaque, const struct reg_desc *reg, uint64_t val, uint64_t old);
};

#define REG_FIELD(S, f) .field = offsetof(S, f), .field_size = sizeof_field(S, f)

#define REG_BANK_GAPS_ONES (1u << 0) /* gaps read as all ones */

struct reg_bank {
    const char *name;
    const struct reg_desc *regs; /* by rising offset, without overlap */
    unsigned count;
    uint32_t size; /* bytes the bank covers */
    unsigned flags;
};

#define REG_BANK(nm, table, sz)                                                                    \
    {                                                                                              \
        .name = nm, .regs = table, .count = ARRAY_SIZE(table), .size = (sz)                        \
    }

/* `opaque` is the state struct the fields are offsets of. */
uint64_t reg_bank_read(const struct reg_bank *bank, void *opaque, uint64_t offset, unsigned size);
void reg_bank_write(const struct reg_bank *bank, void *opaque, uint64_t offset, uint64_t val,
                    unsigned size);

/* Every register with a field to its reset value; no handlers are called. */
void reg_bank_reset(const struct reg_bank *bank, void *opaque);

/* NULL if the offset is in a gap. */
const struct reg_desc *reg_bank_find(const struct reg_bank *bank, uint64_t offset);

/* Is the table sane: order, overlap, width, masks within the width? For tests
 * (and asserted in debug builds when a device of the class is realized). */
bool reg_bank_valid(const struct reg_bank *bank);

/* A bank as an I/O region: mem_region_init_io(mr, name, size, &reg_window_ops, window). */
struct reg_window {
    const struct reg_bank *bank;
    void *opaque;
};
extern const struct mem_ops reg_window_ops;

#endif
