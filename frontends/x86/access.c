/* SPDX-License-Identifier: MIT */
/*
 * Segment checks of data accesses in C. Reference: Intel SDM vol. 3A, 5.3 (limits), 5.5 (types).
 * In real mode the type of the cached descriptor does not matter, its limit does.
 */
#include "frontends/x86/access.h"
#include "frontends/x86/fault.h"
#include "frontends/x86/gen.h"

enum { TYPE_CODE = 8, TYPE_DOWN = 4, TYPE_RW = 2 };

static bool type_allows(const struct x86_cpu *c, const struct x86_seg *seg, bool write)
{
    if (!x86_pe(c) || x86_vm(c))
        return true;
    if (seg->attr & SEG_UNUSABLE)
        return false;
    if (seg->attr & TYPE_CODE)
        return !write && seg->attr & TYPE_RW;
    return !write || seg->attr & TYPE_RW;
}

static bool limit_allows(const struct x86_seg *seg, uint64_t off, unsigned size)
{
    uint64_t last = off + size - 1;

    if ((seg->attr & (TYPE_CODE | TYPE_DOWN)) == TYPE_DOWN)
        return off > seg->limit && last <= (seg->attr & SEG_DB ? UINT32_MAX : 0xffff);
    return last <= seg->limit;
}

static void check(struct x86_cpu *c, unsigned s, uint64_t off, unsigned size, bool write)
{
    const struct x86_seg *seg = &c->seg[s];

    if (!type_allows(c, seg, write) || !limit_allows(seg, off, size))
        x86_raise(&c->v, s == X86_SS ? X86_SS_FAULT : X86_GP);
}

static gva_t linear(struct x86_cpu *c, unsigned s, uint64_t off, unsigned size, bool write)
{
    if (c->mode & X86_MODE_CS64)
        return s >= X86_FS ? off + x86_seg_base(c, s) : off;
    if (s == X86_CS || x86_mode_seg(c->mode, s) >= X86_SEG_LIMIT)
        check(c, s, off, size, write);
    return (uint32_t)(off + x86_seg_base(c, s));
}

gva_t x86_data_linear(struct x86_cpu *c, unsigned s, uint64_t off, unsigned size, bool write)
{
    gva_t addr = linear(c, s, off, size, write);

    if (unlikely(c->mode & X86_MODE_AC && addr & (x86_alignment(size) - 1)))
        x86_raise(&c->v, X86_AC);
    return addr;
}

uint64_t x86_data_room(struct x86_cpu *c, unsigned s, uint64_t off)
{
    int64_t limit;

    if (c->mode & X86_MODE_CS64)
        return UINT64_MAX;
    if (s == X86_CS || x86_mode_seg(c->mode, s) == X86_SEG_CHECK)
        return 0;
    if (x86_mode_seg(c->mode, s) != X86_SEG_LIMIT)
        return UINT64_MAX;
    limit = (int64_t)c->v.greg[X86_GREG_SEG_LIMIT + s];
    return (int64_t)off <= limit ? (uint64_t)(limit - (int64_t)off) + 1 : 0;
}

uint64_t helper_seg_check(struct vcpu *v, uint64_t off, uint64_t access, uint64_t unused)
{
    check(X86_CPU(v), access & 0xff, off, access >> 8 & 0xffff, access >> 31 & 1);
    return 0;
}
