/* SPDX-License-Identifier: MIT */
/*
 * REP string instructions, INS and OUTS. Reference: Intel SDM vol. 1, 7.3.9, vol. 2 (REP, MOVS,
 * INS ...), vol. 1 chapter 18 (ports).
 *
 * Work goes by chunks: as many elements as lie within one page of each operand, one segment, one
 * turn of the address size. A chunk in plain RAM runs on host pointers, in the guest's element size
 * and order, so that overlapping operands come out as on hardware. Elements that cross a page, or
 * lie in MMIO, code or watched pages, go singly. Registers are committed after each chunk: a
 * fault leaves them as after the last completed element, and polls are taken between chunks.
 *
 * The helpers return 1 when the instruction is complete, 0 when it is to be started again.
 */
#include "frontends/x86/access.h"
#include "frontends/x86/fault.h"
#include "frontends/x86/gen.h"
#include "frontends/x86/sys.h"
#include "hw/core/lock.h"
#include "hw/core/memory.h"

/* One operand of the running instruction: rSI or rDI with its segment. */
struct operand {
    unsigned reg, seg;
    bool write;
    uint64_t off;  /* of the current element */
    gva_t linear;  /* after checks, of one element */
    uint8_t *host; /* of a chunk's lowest byte, or NULL */
};

struct string {
    struct x86_cpu *c;
    struct x86_string s;
    uint64_t mask; /* of the address size */
    uint64_t left; /* elements to go */
    bool down;     /* DF */
};

static void string_init(struct string *st, struct vcpu *v, uint64_t packed)
{
    st->c = X86_CPU(v);
    st->s = x86_string_unpack(packed);
    st->mask = mask64(8 * st->s.asize);
    st->left = st->s.rep ? v->greg[X86_RCX] & st->mask : 1;
    st->down = v->greg[X86_GREG_DF] >> 63;
}

/* A register of the address size is written: 32 bits clear the upper half, 16 keep the rest. */
static void set_register(struct string *st, unsigned reg, uint64_t value)
{
    uint64_t *r = &st->c->v.greg[reg];

    *r = st->s.asize == 2 ? deposit64(*r, 0, 16, value) : value & st->mask;
}

/* With 32-bit addresses the upper half of RCX is cleared before anything else, */
static void cut_count(struct string *st)
{
    if (st->s.rep && st->s.asize == 4)
        set_register(st, X86_RCX, st->c->v.greg[X86_RCX]);
}

/* and those of the pointers by REP MOVS and STOS. */
static void cut_registers(struct string *st, bool source)
{
    cut_count(st);
    if (st->s.asize != 4)
        return;
    set_register(st, X86_RDI, st->c->v.greg[X86_RDI]);
    if (source)
        set_register(st, X86_RSI, st->c->v.greg[X86_RSI]);
}

static void commit_operand(struct string *st, const struct operand *o, uint64_t n)
{
    uint64_t bytes = n * st->s.size;

    set_register(st, o->reg, st->down ? o->off - bytes : o->off + bytes);
}

static void commit_count(struct string *st, uint64_t n)
{
    st->left -= n;
    if (st->s.rep)
        set_register(st, X86_RCX, st->left);
}

/* After a chunk: is there more, and may we go on with it now? */
static bool go_on(const struct string *st)
{
    return st->left && !st->s.one && !__atomic_load_n(&st->c->v.poll, __ATOMIC_RELAXED);
}

/* --- chunks ------------------------------------------------------------------------- */

/* Elements from the current one on within its page, segment and address size; 0: cross a page. */
static uint64_t chunk_elements(struct string *st, struct operand *o)
{
    unsigned size = st->s.size, in_page = o->linear & (SOFTTLB_PAGE - 1);
    uint64_t room;

    if (in_page + size > SOFTTLB_PAGE)
        return 0;
    if (!x86_data_room(st->c, o->seg, o->off))
        return 0; /* the segment wants to be asked each time */
    if (st->down)
        return MIN((uint64_t)in_page, o->off) / size + 1;
    room = MIN((uint64_t)(SOFTTLB_PAGE - in_page - 1), st->mask - o->off) + 1;
    return MIN(room, x86_data_room(st->c, o->seg, o->off)) / size;
}

/* Check the current element of an operand: raises what it would. */
static void locate(struct string *st, struct operand *o)
{
    o->off = st->c->v.greg[o->reg] & st->mask;
    o->linear = x86_data_linear(st->c, o->seg, o->off, st->s.size, o->write);
    o->host = NULL;
}

/* Host address of the lowest byte of n elements, or NULL. */
static void map_chunk(struct string *st, struct operand *o, uint64_t n)
{
    unsigned bytes = (unsigned)(n * st->s.size);
    gva_t low = st->down ? o->linear - (n - 1) * st->s.size : o->linear;
    enum tlb_access a = o->write ? TLB_WRITE : TLB_READ;

    if (st->down) /* a fault is one of the current element */
        softtlb_probe(&st->c->v, o->linear, st->s.size, a, x86_data_idx(st->c),
                      x86_data_flags(o->seg));
    o->host = softtlb_probe(&st->c->v, low, bytes, a, x86_data_idx(st->c), x86_data_flags(o->seg));
}

/*
 * The chunk of one or two operands, checked and mapped in the order of the CPU's accesses. Returns
 * the number of elements; 1 without host addresses means: access the element singly.
 */
static uint64_t chunk(struct string *st, struct operand *a, struct operand *b)
{
    uint64_t n = st->s.one ? MIN(st->left, (uint64_t)1) : st->left, first;

    locate(st, a);
    first = n = MIN(n, chunk_elements(st, a));
    map_chunk(st, a, MAX(n, (uint64_t)1));
    if (b) {
        locate(st, b);
        n = MIN(n, chunk_elements(st, b));
        map_chunk(st, b, MAX(n, (uint64_t)1));
        if (st->down && a->host) /* the lowest of fewer elements */
            a->host += (first - n) * st->s.size;
    }
    if (n && a->host && (!b || b->host))
        return n;
    a->host = NULL;
    return 1;
}

static bool mapped(const struct operand *a, const struct operand *b)
{
    return a->host && (!b || b->host);
}

static uint64_t load_element(struct string *st, const struct operand *o)
{
    return softtlb_load(&st->c->v, o->linear, st->s.size, x86_data_idx(st->c),
                        x86_data_flags(o->seg));
}

static void store_element(struct string *st, const struct operand *o, uint64_t value)
{
    softtlb_store(&st->c->v, o->linear, value, st->s.size, x86_data_idx(st->c),
                  x86_data_flags(o->seg));
}

static uint64_t host_element(const uint8_t *p, unsigned size)
{
    switch (size) {
    case 1:
        return *p;
    case 2:
        return ld_le16(p);
    case 4:
        return ld_le32(p);
    default:
        return ld_le64(p);
    }
}

static void host_set_element(uint8_t *p, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        *p = (uint8_t)value;
        break;
    case 2:
        st_le16(p, (uint16_t)value);
        break;
    case 4:
        st_le32(p, (uint32_t)value);
        break;
    default:
        st_le64(p, value);
        break;
    }
}

/* Element i of a mapped chunk, in execution order. */
static uint8_t *element_at(const struct string *st, const struct operand *o, uint64_t n, uint64_t i)
{
    return o->host + (st->down ? n - 1 - i : i) * st->s.size;
}

/* --- MOVS, STOS, LODS ------------------------------------------------------------------ */

#if defined __x86_64__
static void host_movs(uint8_t *dst, const uint8_t *src, uint64_t n, unsigned size)
{
    switch (size) {
    case 1:
        __asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
        break;
    case 2:
        __asm__ volatile("rep movsw" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
        break;
    case 4:
        __asm__ volatile("rep movsl" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
        break;
    default:
        __asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
        break;
    }
}
#else
static void host_movs(uint8_t *dst, const uint8_t *src, uint64_t n, unsigned size)
{
    for (uint64_t i = 0; i < n; i++)
        host_set_element(dst + i * size, size, host_element(src + i * size, size));
}
#endif

static void move_chunk(struct string *st, struct operand *src, struct operand *dst, uint64_t n)
{
    if (!mapped(src, dst)) {
        store_element(st, dst, load_element(st, src));
        return;
    }
    if (!st->down) {
        host_movs(dst->host, src->host, n, st->s.size);
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        host_set_element(element_at(st, dst, n, i), st->s.size,
                         host_element(element_at(st, src, n, i), st->s.size));
}

uint64_t helper_rep_movs(struct vcpu *v, uint64_t a, uint64_t unused1, uint64_t unused2)
{
    struct string st;
    struct operand src = {.reg = X86_RSI}, dst = {.reg = X86_RDI, .seg = X86_ES, .write = true};

    string_init(&st, v, a);
    src.seg = st.s.seg;
    cut_registers(&st, true);
    if (!st.left)
        return 1;
    do {
        uint64_t n = chunk(&st, &src, &dst);

        move_chunk(&st, &src, &dst, n);
        commit_operand(&st, &src, n);
        commit_operand(&st, &dst, n);
        commit_count(&st, n);
    } while (go_on(&st));
    return !st.left;
}

static void fill_chunk(struct string *st, struct operand *dst, uint64_t n, uint64_t value)
{
    if (!dst->host) {
        store_element(st, dst, value);
        return;
    }
    if (st->s.size == 1) {
        memset(dst->host, (uint8_t)value, n);
        return;
    }
    for (uint64_t i = 0; i < n; i++)
        host_set_element(dst->host + i * st->s.size, st->s.size, value);
}

uint64_t helper_rep_stos(struct vcpu *v, uint64_t a, uint64_t unused1, uint64_t unused2)
{
    struct string st;
    struct operand dst = {.reg = X86_RDI, .seg = X86_ES, .write = true};

    string_init(&st, v, a);
    cut_registers(&st, false);
    if (!st.left)
        return 1;
    do {
        uint64_t n = chunk(&st, &dst, NULL);

        fill_chunk(&st, &dst, n, v->greg[X86_RAX]);
        commit_operand(&st, &dst, n);
        commit_count(&st, n);
    } while (go_on(&st));
    return !st.left;
}

static void set_accumulator(struct string *st, uint64_t value)
{
    uint64_t *rax = &st->c->v.greg[X86_RAX];

    *rax = st->s.size == 4 ? (uint32_t)value : deposit64(*rax, 0, 8 * st->s.size, value);
}

uint64_t helper_rep_lods(struct vcpu *v, uint64_t a, uint64_t unused1, uint64_t unused2)
{
    struct string st;
    struct operand src = {.reg = X86_RSI};

    string_init(&st, v, a);
    src.seg = st.s.seg;
    cut_count(&st);
    if (!st.left)
        return 1;
    do {
        uint64_t n = chunk(&st, &src, NULL);
        uint64_t value = src.host ? host_element(element_at(&st, &src, n, n - 1), st.s.size)
                                  : load_element(&st, &src);

        set_accumulator(&st, value);
        commit_operand(&st, &src, n);
        commit_count(&st, n);
    } while (go_on(&st));
    return !st.left;
}

/* --- CMPS, SCAS ----------------------------------------------------------------------------- */

/* Flags of a - b in `size` bytes. */
static uint32_t compare_flags(uint64_t a, uint64_t b, unsigned size)
{
    unsigned bits = 8 * size;
    uint64_t d;

    a &= mask64(bits);
    b &= mask64(bits);
    d = (a - b) & mask64(bits);
    return (a < b ? EFL_CF : 0) | (__builtin_parity(d & 0xff) ? 0 : EFL_PF) |
           ((a ^ b ^ d) & EFL_AF) | (d ? 0 : EFL_ZF) | (d >> (bits - 1) ? EFL_SF : 0) |
           (((a ^ b) & (a ^ d)) >> (bits - 1) & 1 ? EFL_OF : 0);
}

/*
 * Compare up to n elements, or until ZF differs from what REPE (F3) or REPNE (F2) asks for. a NULL:
 * SCAS, with the accumulator. Returns the number done; flags of the last in *flags.
 */
static uint64_t compare_chunk(struct string *st, struct operand *a, struct operand *b, uint64_t n,
                              uint32_t *flags)
{
    bool want_equal = st->s.rep == X86_P_F3, direct = mapped(b, a);
    uint64_t x = st->c->v.greg[X86_RAX] & mask64(8 * st->s.size), y = 0, i = 0;

    while (i < n) {
        y = direct ? host_element(element_at(st, b, n, i), st->s.size) : load_element(st, b);
        if (a)
            x = direct ? host_element(element_at(st, a, n, i), st->s.size) : load_element(st, a);
        i++;
        if ((x == y) != want_equal)
            break;
    }
    *flags = compare_flags(x, y, st->s.size);
    return i;
}

static uint64_t compare(struct string *st, struct operand *a, struct operand *b)
{
    uint32_t flags;
    bool ended;

    cut_count(st);
    if (!st->left)
        return 1;
    do {
        uint64_t n = chunk(st, b, a); /* as hardware: ES:rDI first */

        n = compare_chunk(st, a, b, n, &flags);
        if (a)
            commit_operand(st, a, n);
        commit_operand(st, b, n);
        commit_count(st, n);
        ended = !(flags & EFL_ZF) == (st->s.rep == X86_P_F3);
    } while (!ended && go_on(st));
    if (!ended && st->left)
        return 0;
    st->c->v.flags = flags; /* not before the end: faults and traps on the way see the old ones */
    return 1;
}

uint64_t helper_rep_cmps(struct vcpu *v, uint64_t packed, uint64_t unused1, uint64_t unused2)
{
    struct string st;
    struct operand a = {.reg = X86_RSI}, b = {.reg = X86_RDI, .seg = X86_ES};

    string_init(&st, v, packed);
    a.seg = st.s.seg;
    return compare(&st, &a, &b);
}

uint64_t helper_rep_scas(struct vcpu *v, uint64_t packed, uint64_t unused1, uint64_t unused2)
{
    struct string st;
    struct operand b = {.reg = X86_RDI, .seg = X86_ES};

    string_init(&st, v, packed);
    return compare(&st, NULL, &b);
}

/* --- INS, OUTS --------------------------------------------------------------------------------- */

/*
 * A chunk of port elements under one hold of the device lock. Memory is probed before the port is
 * touched: an element read from a device is never lost to a fault.
 */
static void ports_to_memory(struct string *st, struct operand *dst, uint16_t port, uint64_t n)
{
    unsigned size = st->s.size;
    bool taken;

    if (!dst->host) {
        softtlb_probe(&st->c->v, dst->linear, size, TLB_WRITE, x86_data_idx(st->c),
                      x86_data_flags(dst->seg));
        store_element(st, dst, io_port_read(port, size));
        return;
    }
    taken = device_lock_acquire();
    if (!st->down)
        io_port_read_string(port, size, dst->host, n);
    for (uint64_t i = 0; i < n && st->down; i++)
        host_set_element(element_at(st, dst, n, i), size, io_port_read(port, size));
    device_lock_restore(taken);
}

static void memory_to_ports(struct string *st, struct operand *src, uint16_t port, uint64_t n)
{
    unsigned size = st->s.size;
    bool taken;

    if (!src->host) {
        io_port_write(port, (uint32_t)load_element(st, src), size);
        return;
    }
    taken = device_lock_acquire();
    for (uint64_t i = 0; i < n; i++)
        io_port_write(port, (uint32_t)host_element(element_at(st, src, n, i), size), size);
    device_lock_restore(taken);
}

static uint64_t port_string(struct vcpu *v, uint64_t packed, bool in)
{
    struct string st;
    struct operand o = {.reg = in ? X86_RDI : X86_RSI, .seg = X86_ES, .write = in};
    uint16_t port = (uint16_t)v->greg[X86_RDX];

    string_init(&st, v, packed);
    if (!in)
        o.seg = st.s.seg;
    x86_check_io(st.c, port, st.s.size);
    if (!st.left)
        return 1;
    do {
        uint64_t n = chunk(&st, &o, NULL);

        if (in)
            ports_to_memory(&st, &o, port, n);
        else
            memory_to_ports(&st, &o, port, n);
        commit_operand(&st, &o, n);
        commit_count(&st, n);
    } while (go_on(&st));
    if (x86_breakpoints_on(st.c))
        x86_io_breakpoint(st.c, port, st.s.size);
    x86_request_poll(st.c);
    return !st.left;
}

uint64_t helper_rep_ins(struct vcpu *v, uint64_t packed, uint64_t unused1, uint64_t unused2)
{
    return port_string(v, packed, true);
}

uint64_t helper_rep_outs(struct vcpu *v, uint64_t packed, uint64_t unused1, uint64_t unused2)
{
    return port_string(v, packed, false);
}
