/* SPDX-License-Identifier: MIT */
/*
 * IN, OUT, INS, OUTS: permission (IOPL and the I/O map of the TSS, SDM vol. 1 18.5) and the access.
 * A string element is probed in memory before the port is touched.
 */
#include "frontends/x86/sys.h"
#include "frontends/x86/helpers.h"
#include "hw/core/memory.h"

static void check_io_map(struct x86_cpu *c, unsigned port, unsigned size)
{
    const struct x86_seg *tr = &c->seg[X86_TR];
    uint32_t off, bits;

    if ((tr->attr & SEG_UNUSABLE) || !(tr->attr & 8) || tr->limit < 103)
        x86_fault(c, X86_GP);
    off = (uint32_t)x86_sys_load(c, tr->base + 102, 2) + port / 8;
    if (off + 1 > tr->limit)
        x86_fault(c, X86_GP);
    bits = x86_sys_load(c, tr->base + off, 2) >> (port & 7);
    if (bits & mask64(size))
        x86_fault(c, X86_GP);
}

void x86_check_io(struct x86_cpu *c, unsigned port, unsigned size)
{
    if (x86_pe(c) && (x86_vm(c) || c->cpl > x86_iopl(c)))
        check_io_map(c, port, size);
}

static void after_io(struct x86_cpu *c, unsigned port, unsigned size)
{
    if (unlikely(x86_breakpoints_on(c)))
        x86_io_breakpoint(c, port, size);
    x86_request_poll(c);
}

/* a = port, b = size; returns the value. */
uint64_t helper_in(struct vcpu *v, uint64_t a, uint64_t b, uint64_t unused)
{
    uint32_t value;

    x86_check_io(X86_CPU(v), a & 0xffff, b);
    value = io_port_read(a, b);
    after_io(X86_CPU(v), a & 0xffff, b);
    return value;
}

/* a = port, b = value, c = size. */
uint64_t helper_out(struct vcpu *v, uint64_t a, uint64_t b, uint64_t c)
{
    x86_check_io(X86_CPU(v), a & 0xffff, c);
    io_port_write(a, b & mask64(c * 8), c);
    after_io(X86_CPU(v), a & 0xffff, c);
    return 0;
}

