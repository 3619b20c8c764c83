/* SPDX-License-Identifier: MIT */
/*
 * Register banks: access of any width to a table of registers.
 */
#include "hw/core/regs.h"

#include "hw/core/memory.h"
#include "util/log.h"
#include "util/trace.h"
#include "util/uint.h"

#include <inttypes.h>

/* A register without a field reads as its reset value. */
static uint64_t field_get(const struct reg_desc *reg, const void *state)
{
    return reg->field_size ? uint_load((const char *)state + reg->field, reg->field_size) : reg->reset;
}

static void field_set(const struct reg_desc *reg, void *state, uint64_t val)
{
    if (reg->field_size)
        uint_store((char *)state + reg->field, reg->field_size, val);
}

/* The first register that ends behind `offset`, or NULL. */
static const struct reg_desc *reg_at_or_after(const struct reg_bank *bank, uint64_t offset)
{
    unsigned lo = 0, hi = bank->count;

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (bank->regs[mid].offset + (uint64_t)bank->regs[mid].width <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < bank->count ? &bank->regs[lo] : NULL;
}

const struct reg_desc *reg_bank_find(const struct reg_bank *bank, uint64_t offset)
{
    const struct reg_desc *reg = reg_at_or_after(bank, offset);

    return reg && reg->offset <= offset ? reg : NULL;
}

static uint64_t reg_read(const struct reg_bank *bank, const struct reg_desc *reg, void *opaque)
{
    uint64_t val = field_get(reg, opaque);

    if (reg->read)
        val = reg->read(opaque, reg, val);
    val = ((val & ~reg->rzero) | reg->rone) & mask64(reg->width * 8);
    TRACE(reg_read, "%s %s = %#" PRIx64, bank->name, reg->name, val);
    return val;
}

/* `lanes` are the bits the access covers. */
static void reg_write(const struct reg_bank *bank, const struct reg_desc *reg, void *opaque,
                      uint64_t val, uint64_t lanes)
{
    uint64_t old = field_get(reg, opaque);
    uint64_t set = reg->wmask & lanes;
    uint64_t now = ((old & ~set) | (val & set)) & ~(reg->w1c & val & lanes);

    TRACE(reg_write, "%s %s = %#" PRIx64, bank->name, reg->name, val & lanes);
    field_set(reg, opaque, now);
    if (reg->write) {
        uint64_t whole = (val & lanes) | (old & ~lanes & ~reg->w1c);

        reg->write(opaque, reg, whole & mask64(reg->width * 8), old);
    }
}

/* The part of an access that lies in one register (or one gap). */
struct part {
    const struct reg_desc *reg; /* NULL: gap */
    unsigned bytes;
    unsigned shift; /* of the first byte in the register, bits */
};

static struct part next_part(const struct reg_bank *bank, uint64_t offset, unsigned left)
{
    const struct reg_desc *reg = reg_at_or_after(bank, offset);
    struct part p = {NULL, left, 0};

    if (!reg)
        return p;
    if (reg->offset > offset) {
        p.bytes = (unsigned)MIN((uint64_t)left, reg->offset - offset);
        return p;
    }
    p.reg = reg;
    p.shift = (unsigned)(offset - reg->offset) * 8;
    p.bytes = (unsigned)MIN((uint64_t)left, reg->offset + reg->width - offset);
    return p;
}

static void gap(const struct reg_bank *bank, const char *what, uint64_t offset)
{
    guest_error("%s of '%s' offset %#" PRIx64 ", which has no register", what, bank->name, offset);
}

uint64_t reg_bank_read(const struct reg_bank *bank, void *opaque, uint64_t offset, unsigned size)
{
    uint64_t result = 0, val;
    struct part p;

    for (unsigned done = 0; done < size; done += p.bytes) {
        p = next_part(bank, offset + done, size - done);
        if (p.reg) {
            val = reg_read(bank, p.reg, opaque) >> p.shift;
        } else {
            gap(bank, "read", offset + done);
            val = bank->flags & REG_BANK_GAPS_ONES ? UINT64_MAX : 0;
        }
        result |= (val & mask64(p.bytes * 8)) << (done * 8);
    }
    return result;
}

void reg_bank_write(const struct reg_bank *bank, void *opaque, uint64_t offset, uint64_t val,
                    unsigned size)
{
    struct part p;

    for (unsigned done = 0; done < size; done += p.bytes) {
        p = next_part(bank, offset + done, size - done);
        if (p.reg)
            reg_write(bank, p.reg, opaque, val >> (done * 8) << p.shift,
                      mask64(p.bytes * 8) << p.shift);
        else
            gap(bank, "write", offset + done);
    }
}

void reg_bank_reset(const struct reg_bank *bank, void *opaque)
{
    for (unsigned i = 0; i < bank->count; i++)
        field_set(&bank->regs[i], opaque, bank->regs[i].reset);
}

static bool reg_valid(const struct reg_desc *reg)
{
    uint64_t all = mask64(reg->width * 8);

    return reg->name && is_pow2(reg->width) && reg->width <= 8 &&
           (reg->field_size == 0 || (is_pow2(reg->field_size) && reg->field_size <= 8)) &&
           ((reg->wmask | reg->w1c | reg->rzero | reg->rone | reg->reset) & ~all) == 0 &&
           (reg->wmask & reg->w1c) == 0 && (reg->rzero & reg->rone) == 0;
}

bool reg_bank_valid(const struct reg_bank *bank)
{
    uint64_t end = 0;

    for (unsigned i = 0; i < bank->count; i++) {
        const struct reg_desc *reg = &bank->regs[i];

        if (!reg_valid(reg) || reg->offset < end)
            return false;
        end = reg->offset + (uint64_t)reg->width;
    }
    return end <= bank->size;
}

static uint64_t window_read(void *opaque, uint64_t off, unsigned size)
{
    const struct reg_window *w = opaque;

    return reg_bank_read(w->bank, w->opaque, off, size);
}

static void window_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
    const struct reg_window *w = opaque;

    reg_bank_write(w->bank, w->opaque, off, val, size);
}

const struct mem_ops reg_window_ops = {
    .read = window_read,
    .write = window_write,
};
