/* SPDX-License-Identifier: MIT */
/*
 * Memory ops of the interpreter. Locked ones are the host's own on the mapped page; those without
 * a host address run in an exclusive section (softtlb_atomic).
 */
#include "backends/interp/interp.h"

#include "translator/exec.h"
#include "translator/softtlb.h"

void interp_load(struct interp_frame *f, const struct ir_insn *i)
{
    enum ir_type mt = i->op == IR_ld ? i->type : i->aux;
    unsigned size = ir_type_bytes(mt);
    uint64_t val = softtlb_load(f->cpu, interp_address(f, i), size, f->tb->mmu_idx,
                                interp_memflags(f, i));

    if (i->op == IR_ldsx)
        val = sextract64(val, 0, size * 8);
    interp_put(f, i->dst, i->type, val & interp_mask(i->type));
}

void interp_store(struct interp_frame *f, const struct ir_insn *i)
{
    softtlb_store(f->cpu, interp_address(f, i), interp_get(f, i->src[0]) & interp_mask(i->type),
                  ir_type_bytes(i->type), f->tb->mmu_idx, interp_memflags(f, i));
}

/* --- compare and exchange on host memory ---------------------------------------------- */

#define CAS(type)                                                                                  \
    ({                                                                                             \
        type expected = (type)*old;                                                                \
        bool ok = __atomic_compare_exchange_n((type *)p, &expected, (type)new, false,              \
                                              __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                 \
        *old = expected;                                                                           \
        ok;                                                                                        \
    })

/* *old becomes what was there. */
static guest_race bool host_cas(void *p, enum ir_type t, uint64_t *old, uint64_t new)
{
    switch (t) {
    case IR_I8:
        return CAS(uint8_t);
    case IR_I16:
        return CAS(uint16_t);
    case IR_I32:
        return CAS(uint32_t);
    default:
        return CAS(uint64_t);
    }
}

/* --- read, modify, write ------------------------------------------------------------------ */

struct rmw {
    enum ir_op op;
    enum ir_type type;
    uint64_t a, b;
    uint32_t flags_before, flags;
    bool flags_changed;
};

static uint64_t rmw_compute(struct rmw *m, uint64_t old)
{
    bool dbl = m->op == IR_shld || m->op == IR_shrd;
    uint64_t new;

    if (m->op == IR_mov)
        return m->a & interp_mask(m->type);
    m->flags = m->flags_before;
    m->flags_changed = interp_alu(m->op, m->type, old, m->a, dbl ? m->b : 0, &new, &m->flags);
    return new;
}

static uint64_t rmw_atomic(struct rmw *m, void *host)
{
    uint64_t old = 0;

    while (!host_cas(host, m->type, &old, rmw_compute(m, old)))
        ;
    return old;
}

static uint64_t rmw_plain(struct interp_frame *f, const struct ir_insn *i, struct rmw *m, gva_t addr)
{
    unsigned size = ir_type_bytes(m->type), flags = interp_memflags(f, i);
    uint64_t old;

    softtlb_probe(f->cpu, addr, size, TLB_WRITE, f->tb->mmu_idx, flags);
    old = softtlb_load(f->cpu, addr, size, f->tb->mmu_idx, flags);
    softtlb_store(f->cpu, addr, rmw_compute(m, old), size, f->tb->mmu_idx, flags);
    return old;
}

void interp_rmw(struct interp_frame *f, const struct ir_insn *i)
{
    struct rmw m = {.op = i->aux, .type = i->type, .flags_before = f->cpu->flags};
    gva_t addr = interp_address(f, i);
    void *host = NULL;
    uint64_t old;

    m.a = i->src[0] ? interp_get(f, i->src[0]) : 0;
    m.b = i->src[1] ? interp_get(f, i->src[1]) : 0;
    if (i->irf & IRF_LOCK || i->aux == IR_mov)
        host = softtlb_atomic(f->cpu, addr, ir_type_bytes(i->type), f->tb->mmu_idx,
                              interp_memflags(f, i));
    old = host ? rmw_atomic(&m, host) : rmw_plain(f, i, &m, addr);
    if (i->dst)
        interp_put(f, i->dst, i->type, old);
    if (m.flags_changed)
        interp_set_flags(f, i, m.flags);
}

/* --- CMPXCHG ---------------------------------------------------------------------------------- */

void interp_cmpxchg(struct interp_frame *f, const struct ir_insn *i)
{
    unsigned size = ir_type_bytes(i->type), mf = interp_memflags(f, i);
    uint64_t a = interp_get(f, i->src[0]) & interp_mask(i->type), old = a, res;
    uint64_t new = interp_get(f, i->src[1]) & interp_mask(i->type);
    gva_t addr = interp_address(f, i);
    uint32_t flags = f->cpu->flags;
    void *host = NULL;

    if (i->irf & IRF_LOCK)
        host = softtlb_atomic(f->cpu, addr, size, f->tb->mmu_idx, mf);
    if (host) {
        host_cas(host, i->type, &old, new);
    } else {
        softtlb_probe(f->cpu, addr, size, TLB_WRITE, f->tb->mmu_idx, mf);
        old = softtlb_load(f->cpu, addr, size, f->tb->mmu_idx, mf);
        softtlb_store(f->cpu, addr, old == a ? new : old, size, f->tb->mmu_idx, mf);
    }
    interp_alu(IR_cmp, i->type, a, old, 0, &res, &flags);
    if (old != a)
        interp_put(f, i->dst, i->type, old);
    interp_set_flags(f, i, flags);
}

struct pair {
    uint64_t lo, hi;
};

#if defined(__x86_64__)
static guest_race bool host_cas16(void *p, struct pair *old, struct pair new)
{
    bool ok;

    __asm__ volatile("lock cmpxchg16b %1"
                     : "=@ccz"(ok), "+m"(*(char(*)[16])p), "+a"(old->lo), "+d"(old->hi)
                     : "b"(new.lo), "c"(new.hi)
                     : "memory");
    return ok;
}
#else
static bool host_cas16(void *p, struct pair *old, struct pair new)
{
    unsigned __int128 o = (unsigned __int128)old->hi << 64 | old->lo;
    unsigned __int128 n = (unsigned __int128)new.hi << 64 | new.lo;
    bool ok = __atomic_compare_exchange_n((unsigned __int128 *)p, &o, n, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST);

    *old = (struct pair){(uint64_t)o, (uint64_t)(o >> 64)};
    return ok;
}
#endif

static void cas2_host(enum ir_type t, void *host, struct pair *old, struct pair new)
{
    uint64_t packed;

    if (t == IR_I64) {
        host_cas16(host, old, new);
        return;
    }
    packed = old->hi << 32 | old->lo;
    host_cas(host, IR_I64, &packed, new.hi << 32 | new.lo);
    *old = (struct pair){packed & 0xffffffff, packed >> 32};
}

static void cas2_plain(struct interp_frame *f, const struct ir_insn *i, gva_t addr, struct pair *old,
                       struct pair new)
{
    unsigned n = ir_type_bytes(i->type), mf = interp_memflags(f, i);
    uint8_t buf[16] = {0};
    struct pair was;

    softtlb_probe(f->cpu, addr, 2 * n, TLB_WRITE, f->tb->mmu_idx, mf);
    softtlb_read(f->cpu, addr, buf, 2 * n, f->tb->mmu_idx, mf);
    was = n == 8 ? (struct pair){ld_le64(buf), ld_le64(buf + 8)}
                 : (struct pair){ld_le32(buf), ld_le32(buf + 4)};
    if (was.lo == old->lo && was.hi == old->hi) {
        memcpy(buf, &new.lo, n);
        memcpy(buf + n, &new.hi, n);
    }
    softtlb_write(f->cpu, addr, buf, 2 * n, f->tb->mmu_idx, mf);
    *old = was;
}

void interp_cmpxchg2(struct interp_frame *f, const struct ir_insn *i)
{
    uint64_t mask = interp_mask(i->type);
    struct pair want = {interp_get(f, i->dst) & mask, interp_get(f, i->dst2) & mask}, old = want;
    struct pair new = {interp_get(f, i->src[0]) & mask, interp_get(f, i->src[1]) & mask};
    gva_t addr = interp_address(f, i);
    void *host = NULL;
    bool equal;

    if (i->irf & IRF_LOCK)
        host = softtlb_atomic(f->cpu, addr, 2 * ir_type_bytes(i->type), f->tb->mmu_idx,
                              interp_memflags(f, i));
    if (host)
        cas2_host(i->type, host, &old, new);
    else
        cas2_plain(f, i, addr, &old, new);
    equal = old.lo == want.lo && old.hi == want.hi;
    if (!equal) {
        interp_put(f, i->dst, i->type, old.lo);
        interp_put(f, i->dst2, i->type, old.hi);
    }
    interp_set_flags(f, i, (f->cpu->flags & ~0x40u) | (equal ? 0x40 : 0));
}
