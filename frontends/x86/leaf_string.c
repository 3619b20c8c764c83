/* SPDX-License-Identifier: MIT */
/*
 * The common case of REP MOVS and REP STOS: upward, through segments without limits, on pages the
 * soft TLB knows, of RAM or devices that leaf code may reach. Compiled for general registers only, so that it is called without saving the FP
 * state. What it cannot do it leaves, with the registers committed, to helper_string.c.
 * Reference: Intel SDM vol. 1, 7.3.9.
 */
#include "frontends/x86/gen.h"
#include "frontends/x86/mode.h"

struct leaf {
    struct vcpu *v;
    uint64_t mask; /* of the address size */
    unsigned size, asize, idx;
    bool code64;
};

static bool leaf_init(struct leaf *l, struct vcpu *v, uint64_t packed, bool source)
{
    struct x86_string s = x86_string_unpack(packed);
    uint64_t mode = X86_CPU(v)->mode;

    *l = (struct leaf){.v = v,
                       .mask = s.asize == 8   ? UINT64_MAX
                               : s.asize == 4 ? UINT32_MAX
                                              : 0xffff,
                       .size = s.size,
                       .asize = s.asize,
                       .idx = x86_mode_tlb_class(mode),
                       .code64 = mode & X86_MODE_CS64};
    if (s.asize == 2 || v->greg[X86_GREG_DF] >> 63 || mode & X86_MODE_AC)
        return false;
    return x86_mode_seg(mode, X86_ES) < X86_SEG_LIMIT &&
           (!source || (s.seg != X86_CS && x86_mode_seg(mode, s.seg) < X86_SEG_LIMIT));
}

/* Linear address of a register's operand in a segment that has been looked at. */
static gva_t linear(const struct leaf *l, unsigned reg, unsigned seg)
{
    uint64_t off = l->v->greg[reg] & l->mask;

    if (l->code64)
        return seg >= X86_FS ? off + l->v->greg[X86_GREG_SEG_BASE + seg] : off;
    return (uint32_t)(off + l->v->greg[X86_GREG_SEG_BASE + seg]);
}

/* Where a register points: RAM at host, or a device's page. */
struct place {
    gva_t addr;
    uint8_t *host;
    const struct l2_entry *device;
};

/* Bytes up to the end of the page, or of the address size; 0: neither RAM nor such a device. */
static uint64_t span(const struct leaf *l, unsigned reg, unsigned seg, enum tlb_access a,
                     struct place *p)
{
    gva_t addr = linear(l, reg, seg);
    const struct softtlb_set *set = &l->v->tlb[l->idx];
    const struct softtlb_entry *e = a == TLB_WRITE ? set->wr : set->rd;
    uint64_t room = SOFTTLB_PAGE - (addr & (SOFTTLB_PAGE - 1)),
             turn = l->mask - (l->v->greg[reg] & l->mask), t;

    e += addr >> 12 & (SOFTTLB_ENTRIES - 1);
    t = addr ^ __atomic_load_n(&e->tag, __ATOMIC_RELAXED);
    *p = (struct place){.addr = addr};
    if (t <= SOFTTLB_PAGE - l->size) {
        p->host = (uint8_t *)(uintptr_t)(t + __atomic_load_n(&e->host, __ATOMIC_RELAXED));
    } else {
        p->device = softtlb_find_leaf(l->v, addr, l->size, a, l->idx);
        if (p->device)
            p->host = softtlb_map_leaf(l->v, p->device, addr, a, l->idx);
    }
    if (!p->host && (!p->device || !softtlb_device_leaf(p->device)))
        return 0;
    return turn < room ? turn : room;
}

static void advance(const struct leaf *l, unsigned reg, uint64_t bytes)
{
    l->v->greg[reg] = (l->v->greg[reg] + bytes) & l->mask;
}

static void count_down(const struct leaf *l, uint64_t n)
{
    l->v->greg[X86_RCX] = (l->v->greg[X86_RCX] - n) & l->mask;
}

static bool may_go_on(const struct leaf *l)
{
    return !__atomic_load_n(&l->v->poll, __ATOMIC_RELAXED);
}

#if defined __x86_64__
static void copy_up(uint8_t *to, const uint8_t *from, uint64_t n, unsigned size)
{
    switch (size) {
    case 1:
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
        break;
    case 2:
        __asm__ volatile("rep movsw" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
        break;
    case 4:
        __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
        break;
    default:
        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
        break;
    }
}

static void fill_up(uint8_t *to, uint64_t n, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
        break;
    case 2:
        __asm__ volatile("rep stosw" : "+D"(to), "+c"(n) : "a"(value) : "memory");
        break;
    case 4:
        __asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(value) : "memory");
        break;
    default:
        __asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(value) : "memory");
        break;
    }
}
#else
/* Hosts without string instructions: all by helper_string.c. */
static void copy_up(uint8_t *to, const uint8_t *from, uint64_t n, unsigned size)
{
    for (uint64_t i = 0; i < n * size; i += size)
        for (unsigned k = 0; k < size; k++)
            to[i + k] = from[i + k];
}

static void fill_up(uint8_t *to, uint64_t n, unsigned size, uint64_t value)
{
    for (uint64_t i = 0; i < n * size; i++)
        to[i] = (uint8_t)(value >> 8 * (i % size));
}
#endif

static uint64_t elements(const struct leaf *l, uint64_t bytes)
{
    uint64_t left = l->v->greg[X86_RCX] & l->mask, n = bytes >> __builtin_ctz(l->size);

    return n < left ? n : left;
}

static bool load(const struct leaf *l, const struct place *p, uint64_t i, uint64_t *val)
{
    const uint8_t *host = p->host + i * l->size;

    if (!p->host)
        return softtlb_load_leaf(l->v, p->device, p->addr + i * l->size, val, l->size);
    switch (l->size) {
    case 1:
        *val = *host;
        break;
    case 2:
        *val = ld_le16(host);
        break;
    case 4:
        *val = ld_le32(host);
        break;
    default:
        *val = ld_le64(host);
    }
    return true;
}

static bool store(const struct leaf *l, const struct place *p, uint64_t i, uint64_t val)
{
    if (!p->host)
        return softtlb_store_leaf(l->v, p->device, p->addr + i * l->size, val, l->size);
    fill_up(p->host + i * l->size, 1, l->size, val);
    return true;
}

/* Up to n elements, one by one if a device has part in it; how many were done. */
static uint64_t move_some(const struct leaf *l, const struct place *to, const struct place *from, uint64_t n)
{
    uint64_t i = 0, val;

    if (to->host && from->host) {
        copy_up(to->host, from->host, n, l->size);
        return n;
    }
    while (i < n && may_go_on(l) && load(l, from, i, &val) && store(l, to, i, val))
        i++;
    return i;
}

static uint64_t fill_some(const struct leaf *l, const struct place *to, uint64_t n, uint64_t val)
{
    uint64_t i = 0;

    if (to->host) {
        fill_up(to->host, n, l->size, val);
        return n;
    }
    while (i < n && may_go_on(l) && store(l, to, i, val))
        i++;
    return i;
}

/* a: x86_string_pack(). Returns 1 when the instruction is complete. */
uint64_t helper_leaf_movs(struct vcpu *v, uint64_t a, uint64_t unused1, uint64_t unused2)
{
    unsigned seg = x86_string_unpack(a).seg;
    struct leaf l;

    if (!leaf_init(&l, v, a, true))
        return 0;
    while (v->greg[X86_RCX] & l.mask) {
        struct place from, to;
        uint64_t src = span(&l, X86_RSI, seg, TLB_READ, &from), n = 0;

        if (src) {
            uint64_t dst = span(&l, X86_RDI, X86_ES, TLB_WRITE, &to);

            n = elements(&l, src < dst ? src : dst);
        }
        n = n && may_go_on(&l) ? move_some(&l, &to, &from, n) : 0;
        if (!n)
            return 0;
        advance(&l, X86_RSI, n * l.size);
        advance(&l, X86_RDI, n * l.size);
        count_down(&l, n);
    }
    /* with 32-bit addresses a count of 0 clears the upper halves, too */
    advance(&l, X86_RSI, 0);
    advance(&l, X86_RDI, 0);
    count_down(&l, 0);
    return 1;
}

uint64_t helper_leaf_stos(struct vcpu *v, uint64_t a, uint64_t unused1, uint64_t unused2)
{
    struct leaf l;

    if (!leaf_init(&l, v, a, false))
        return 0;
    while (v->greg[X86_RCX] & l.mask) {
        struct place to;
        uint64_t n = elements(&l, span(&l, X86_RDI, X86_ES, TLB_WRITE, &to));

        n = n && may_go_on(&l) ? fill_some(&l, &to, n, v->greg[X86_RAX]) : 0;
        if (!n)
            return 0;
        advance(&l, X86_RDI, n * l.size);
        count_down(&l, n);
    }
    advance(&l, X86_RDI, 0);
    count_down(&l, 0);
    return 1;
}
