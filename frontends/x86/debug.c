/* SPDX-License-Identifier: MIT */
/*
 * Debug registers: instruction, data and I/O breakpoints, DR6 and DR7. Reference: Intel SDM
 * vol. 3B, 18.2. With a breakpoint enabled code runs in the TBV_DEBUG variant: one instruction per
 * block, data accesses of watched pages by the slow path, so that nothing is paid otherwise.
 * Data and I/O breakpoints are traps: recorded in cpu.db_pending and taken at the next boundary.
 */
#include "frontends/x86/sys.h"
#include "translator/debug.h"
#include "translator/exec.h"

enum { DR_EXEC = 0, DR_WRITE = 1, DR_IO = 2, DR_RW = 3 };

static bool dr_enabled(const struct x86_cpu *c, unsigned n)
{
    return c->dr[7] >> (2 * n) & 3;
}

static unsigned dr_kind(const struct x86_cpu *c, unsigned n)
{
    return c->dr[7] >> (16 + 4 * n) & 3;
}

static unsigned dr_len(const struct x86_cpu *c, unsigned n)
{
    static const uint8_t len[] = {1, 2, 8, 4};

    return len[c->dr[7] >> (18 + 4 * n) & 3];
}

/* Does [addr, addr + size) touch breakpoint n (whose address is aligned to its length)? */
static bool dr_overlaps(const struct x86_cpu *c, unsigned n, uint64_t addr, unsigned size)
{
    uint64_t start = c->dr[n] & ~(uint64_t)(dr_len(c, n) - 1);

    return ranges_overlap(start, dr_len(c, n), addr, size);
}

/* Before an instruction at linear `pc`: which breakpoints hit? */
bool x86_code_breakpoint(struct x86_cpu *c, gva_t pc, uint32_t *dr6)
{
    *dr6 = 0;
    if (c->eflags & EFL_RF)
        return false;
    for (unsigned n = 0; n < 4; n++)
        if (dr_enabled(c, n) && dr_kind(c, n) == DR_EXEC && c->dr[n] == pc)
            *dr6 |= BIT(n);
    return *dr6;
}

static void note_hit(struct x86_cpu *c, uint32_t hits)
{
    if (!hits)
        return;
    c->db_pending |= hits;
    vcpu_poll_request(&c->v);
}

/* An access to a watched page. */
void x86_watch(struct vcpu *v, gva_t addr, unsigned size, bool write)
{
    struct x86_cpu *c = X86_CPU(v);
    uint32_t hits = 0;

    if (unlikely(debug_watching))
        debug_data_access(v, addr, size, write);
    for (unsigned n = 0; n < 4; n++) {
        unsigned kind = dr_kind(c, n);
        bool match = kind == DR_RW || (kind == DR_WRITE && write);
        if (match && dr_enabled(c, n) && dr_overlaps(c, n, addr, size))
            hits |= BIT(n);
    }
    note_hit(c, hits);
}

void x86_io_breakpoint(struct x86_cpu *c, unsigned port, unsigned size)
{
    uint32_t hits = 0;

    if (!(c->cr4 & CR4_DE))
        return;
    for (unsigned n = 0; n < 4; n++)
        if (dr_enabled(c, n) && dr_kind(c, n) == DR_IO && dr_overlaps(c, n, port, size))
            hits |= BIT(n);
    note_hit(c, hits);
}

bool x86_data_watched(const struct x86_cpu *c, gva_t page)
{
    for (unsigned n = 0; n < 4; n++)
        if (dr_enabled(c, n) && (dr_kind(c, n) & 1) && dr_overlaps(c, n, page, 0x1000))
            return true;
    return false;
}

/* n is 0..3, 6 or 7; the caller has dealt with DR4, DR5 and general detect. */
void x86_write_dr(struct x86_cpu *c, unsigned n, uint64_t v)
{
    if (n >= 6 && v >> 32)
        x86_fault(c, X86_GP);
    if (n == 6)
        v = (v & 0xe00f) | 0xffff0ff0;
    if (n == 7)
        v = (v & 0xffff2bff) | 0x400;
    c->dr[n & 7] = v;
    if (n == 6)
        return;
    vcpu_flush_everything(&c->v); /* watched pages leave the fast path, others come back */
    x86_update_mode(c);
}
