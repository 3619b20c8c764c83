/* SPDX-License-Identifier: MIT */
/*
 * Page-table walks: 32-bit (two levels, PSE, PSE-36), PAE and four-level paging, with NX, WP,
 * SMEP, SMAP and reserved-bit checks, and accessed/dirty bits set by compare-exchange.
 * Reference: Intel SDM vol. 3A, chapter 4. Accessed bits are set when the translation succeeds,
 * in all levels at once, the dirty bit with them; a fault changes nothing in memory.
 */
#include "frontends/x86/sys.h"
#include "frontends/x86/mode.h"
#include "frontends/x86/cpuid.h"
#include "hw/core/memory.h"
#include "translator/debug.h"
#include "translator/exec.h"

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100 };
#define PTE_NX   BIT(63)
#define PTE_ADDR 0x000ffffffffff000ull
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };

struct addr_space *x86_as_mem, *x86_as_smm, *x86_as_io;

void cpu_set_address_spaces(struct addr_space *mem, struct addr_space *smm_mem, struct addr_space *io)
{
    x86_as_mem = mem;
    x86_as_smm = smm_mem;
    x86_as_io = io;
}

struct addr_space *x86_as(struct vcpu *v)
{
    return X86_CPU(v)->smm ? x86_as_smm : x86_as_mem;
}

/* One level of a walk: the entry, where it is, and its host address if it lies in plain RAM. */
struct pte_slot {
    uint64_t value;
    gpa_t gpa;
    uint8_t *host;
    ram_addr_t ram;
};

struct walker {
    struct x86_cpu *c;
    struct addr_space *as;
    gva_t addr;
    bool wide;     /* 8-byte entries */
    unsigned n;
    struct pte_slot slot[4];
    uint64_t rights; /* AND of the levels' W and U bits */
    bool nx;
    uint64_t span;
    gpa_t base;      /* of the mapping */
    uint32_t error;  /* page-fault error bits found by the walk (P, RSVD) */
};

/* The page of guest-physical memory an entry lies in, remembered per vCPU. */
static struct x86_pt_page *pt_page(struct walker *w, gpa_t gpa)
{
    struct x86_cpu *c = w->c;
    gpa_t page = gpa & ~0xfffull;
    struct x86_pt_page *p = &c->pt_pages[(gpa >> 12) % ARRAY_SIZE(c->pt_pages)];
    unsigned gen = addr_space_generation(w->as);
    struct mem_section sec;

    if (p->tag == (page | 1) && p->generation == gen && p->as == w->as)
        return p;
    if (!mem_lookup(w->as, page, &sec) || sec.len < RAM_PAGE_SIZE ||
        (sec.flags & (MEM_SEC_READ_HOST | MEM_SEC_WRITE_HOST)) != (MEM_SEC_READ_HOST | MEM_SEC_WRITE_HOST))
        return NULL;
    *p = (struct x86_pt_page){.tag = page | 1, .generation = gen, .as = w->as, .host = sec.host, .ram = sec.ram};
    return p;
}

static uint64_t read_entry(struct walker *w, gpa_t gpa)
{
    struct pte_slot *s = &w->slot[w->n++];
    struct x86_pt_page *p;

    gpa &= w->c->a20_mask;
    s->gpa = gpa;
    p = pt_page(w, gpa);
    if (likely(p)) {
        s->host = p->host + (gpa & 0xfff);
        s->ram = p->ram + (gpa & 0xfff);
        s->value = w->wide ? __atomic_load_n((uint64_t *)s->host, __ATOMIC_RELAXED)
                           : __atomic_load_n((uint32_t *)s->host, __ATOMIC_RELAXED);
    } else {
        s->host = NULL;
        s->value = w->wide ? addr_space_ldq_le(w->as, gpa) : addr_space_ldl_le(w->as, gpa);
    }
    return s->value;
}

static bool found(struct walker *w, gpa_t base, uint64_t span)
{
    w->span = span;
    w->base = base & ~(span - 1);
    return true;
}

static bool reserved(struct walker *w)
{
    w->error = PF_P | PF_RSVD;
    return false;
}

/* Bits reserved in an 8-byte entry of `level` (0: page table) beyond pte_rsvd. */
static uint64_t level_reserved(unsigned level, bool leaf)
{
    if (level == 3)
        return PTE_PS;
    if (level == 0 || !leaf)
        return 0;
    return mask64(12 + 9 * level) & ~mask64(13);
}

/* Four-level and PAE tables, from the table at `table` for `level` down. */
static bool walk_wide(struct walker *w, gpa_t table, unsigned level)
{
    for (;; level--) {
        unsigned shift = 12 + 9 * level;
        uint64_t e = read_entry(w, table + (w->addr >> shift & 511) * 8);
        bool leaf = level == 0 || (level < 3 && (e & PTE_PS));

        if (!(e & PTE_P))
            return false;
        if (e & (w->c->pte_rsvd | level_reserved(level, leaf)))
            return reserved(w);
        w->rights &= e;
        w->nx |= e >> 63;
        if (leaf)
            return found(w, e & PTE_ADDR, BIT(shift));
        table = e & PTE_ADDR;
    }
}

static bool walk_pae(struct walker *w)
{
    uint64_t pdpte = w->c->pdpte[w->addr >> 30 & 3];

    return (pdpte & PTE_P) && walk_wide(w, pdpte & PTE_ADDR, 1);
}

/* A 4 MiB page: address bits 39:32 are in bits 20:13 (PSE-36). */
static bool found_4m(struct walker *w, uint32_t e)
{
    unsigned bits = MIN(x86_phys_bits(w->c), 40u);

    if (e & (mask64(22) & ~mask64(bits - 32 + 13)))
        return reserved(w);
    return found(w, (e & 0xffc00000u) | (gpa_t)extract32(e, 13, 8) << 32, BIT(22));
}

static bool walk_32(struct walker *w)
{
    uint32_t e = read_entry(w, (w->c->cr3 & 0xfffff000u) + (w->addr >> 22 & 1023) * 4);

    if (!(e & PTE_P))
        return false;
    w->rights &= e;
    if ((e & PTE_PS) && (w->c->cr4 & CR4_PSE))
        return found_4m(w, e);
    e = read_entry(w, (e & 0xfffff000u) + (w->addr >> 12 & 1023) * 4);
    if (!(e & PTE_P))
        return false;
    w->rights &= e;
    return found(w, e & 0xfffff000u, BIT(12));
}

static bool walk_tables(struct walker *w)
{
    struct x86_cpu *c = w->c;

    w->n = 0;
    w->rights = PTE_W | PTE_U;
    w->nx = false;
    w->error = 0;
    if (!(c->cr4 & CR4_PAE))
        return walk_32(w);
    if (!x86_lma(c))
        return walk_pae(w);
    return walk_wide(w, c->cr3 & PTE_ADDR, 3);
}

/* What the rights found allow. SDM 4.6.1. */
static void permissions(const struct walker *w, unsigned mmu_idx, struct tlb_walk *out)
{
    const struct x86_cpu *c = w->c;
    bool user_page = w->rights & PTE_U, writable = w->rights & PTE_W;

    if (mmu_idx == TLB_USER) {
        out->read = user_page;
        out->write = user_page && writable;
        out->fetch = user_page && !w->nx;
        return;
    }
    out->read = !(user_page && mmu_idx == TLB_KERNEL && (c->cr4 & CR4_SMAP));
    out->write = out->read && (writable || !(c->cr0 & CR0_WP));
    out->fetch = !w->nx && !(user_page && (c->cr4 & CR4_SMEP));
}

static bool allowed(const struct tlb_walk *out, enum tlb_access a)
{
    return a == TLB_READ ? out->read : a == TLB_WRITE ? out->write : out->fetch;
}

/* Set bits in an entry unless it has changed since it was read. */
static bool update_entry(struct walker *w, struct pte_slot *s, uint64_t bits)
{
    uint64_t want = s->value | bits;
    bool ok;

    if (want == s->value)
        return true;
    if (!s->host) { /* tables in ROM or device memory: nothing is atomic there */
        if (w->wide)
            addr_space_stq_le(w->as, s->gpa, want);
        else
            addr_space_stl_le(w->as, s->gpa, want);
        return true;
    }
    if (w->wide) {
        ok = __atomic_compare_exchange_n((uint64_t *)s->host, &s->value, want, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    } else {
        uint32_t old = s->value;
        ok = __atomic_compare_exchange_n((uint32_t *)s->host, &old, (uint32_t)want, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    if (ok)
        dirty_mark(s->ram, w->wide ? 8 : 4);
    return ok;
}

static bool set_accessed(struct walker *w, bool dirty)
{
    for (unsigned i = 0; i < w->n; i++) {
        bool leaf = i + 1 == w->n;
        if (!update_entry(w, &w->slot[i], PTE_A | (leaf && dirty ? PTE_D : 0)))
            return false;
    }
    return true;
}

static int page_fault(struct walker *w, enum tlb_access a, unsigned mmu_idx, bool probe_only)
{
    struct x86_cpu *c = w->c;
    uint32_t error = w->error;

    if (probe_only)
        return -1;
    if (a == TLB_WRITE)
        error |= PF_W;
    if (mmu_idx == TLB_USER)
        error |= PF_U;
    if (a == TLB_FETCH && ((c->cr4 & CR4_SMEP) || ((c->cr4 & CR4_PAE) && (c->efer & EFER_NXE))))
        error |= PF_I;
    x86_fault_page(c, w->addr, error);
}

static int walk_paged(struct x86_cpu *c, gva_t addr, enum tlb_access a, unsigned mmu_idx, bool probe_only,
                      struct tlb_walk *out)
{
    struct walker w = {.c = c, .as = x86_as(&c->v), .addr = addr, .wide = c->cr4 & CR4_PAE};
    uint64_t leaf;

    do {
        if (!walk_tables(&w))
            return page_fault(&w, a, mmu_idx, probe_only);
        permissions(&w, mmu_idx, out);
        w.error = PF_P;
        if (!allowed(out, a))
            return page_fault(&w, a, mmu_idx, probe_only);
    } while (!set_accessed(&w, a == TLB_WRITE));

    leaf = w.slot[w.n - 1].value;
    if (a != TLB_WRITE && !(leaf & PTE_D))
        out->write = false;
    out->global = (leaf & PTE_G) && (c->cr4 & CR4_PGE);
    out->span = w.span;
    out->gpa = (w.base | (addr & (w.span - 1) & ~0xfffull)) & c->a20_mask;
    return 0;
}

/*
 * vcpu.pc is where an indirect jump, CALL or RET of 64-bit mode led, and not canonical: back to the
 * state before it. True if so: it is to raise #GP, or to be executed again.
 */
bool x86_undo_indirect(struct x86_cpu *c)
{
    struct vcpu *v = &c->v;

    if (v->ind_pc != v->pc || x86_canonical(v->pc) || !x86_code64(c))
        return false;
    v->pc = v->pc_page + (uint64_t)vcpu_ind_off(v->ind_from);
    v->greg[X86_RSP] -= (uint64_t)(int64_t)vcpu_ind_aux(v->ind_from);
    v->ind_pc = 0;
    return true;
}

static int not_canonical(struct x86_cpu *c, unsigned memflags, bool probe_only)
{
    if (probe_only)
        return -1;
    x86_fault_error(c, memflags & IR_MEM_STACK ? X86_SS_FAULT : X86_GP, 0);
}

static int walk(struct x86_cpu *c, gva_t addr, enum tlb_access a, unsigned mmu_idx, bool probe_only,
                struct tlb_walk *out)
{
    if (c->cr0 & CR0_PG)
        return walk_paged(c, addr, a, mmu_idx, probe_only, out);
    *out = (struct tlb_walk){.gpa = addr & ~0xfffull & c->a20_mask, .read = true, .write = true, .fetch = true,
                             .global = true, .span = RAM_PAGE_SIZE};
    return 0;
}

bool x86_walk_quiet(struct x86_cpu *c, gva_t addr, gpa_t *gpa, uint64_t *left)
{
    struct walker w = {.c = c, .as = x86_as(&c->v), .wide = c->cr4 & CR4_PAE};

    w.addr = x86_linear(c, addr);
    *gpa = w.addr & c->a20_mask;
    *left = RAM_PAGE_SIZE - (w.addr & (RAM_PAGE_SIZE - 1));
    if (!(c->cr0 & CR0_PG))
        return true;
    if (x86_lma(c) && !x86_canonical(addr))
        return false;
    if (!walk_tables(&w))
        return false;
    *gpa = (w.base | (w.addr & (w.span - 1))) & c->a20_mask;
    return true;
}

/* IP beyond the limit of a code segment that is not flat is #GP(0) before the fetch can fault. */
static void check_fetch_limit(struct x86_cpu *c, gva_t addr)
{
    if (c->mode & X86_MODE_CS_STATIC && addr == c->v.pc &&
        (uint32_t)(addr - x86_seg_base(c, X86_CS)) > c->seg[X86_CS].limit)
        x86_raise(&c->v, X86_GP);
}

int x86_walk(struct vcpu *v, gva_t addr, enum tlb_access a, unsigned mmu_idx, unsigned memflags,
             bool probe_only, struct tlb_walk *out)
{
    struct x86_cpu *c = X86_CPU(v);

    if (a == TLB_FETCH) {
        mmu_idx = c->cpl == 3 ? TLB_USER : TLB_KERNEL;
        if (!probe_only) {
            check_fetch_limit(c, addr);
            if (addr == v->pc)
                x86_undo_indirect(c);
        }
    }
    if (!x86_lma(c))
        addr = (uint32_t)addr;
    else if (!x86_canonical(addr))
        return not_canonical(c, memflags, probe_only);
    if (walk(c, addr, a, mmu_idx, probe_only, out))
        return -1;
    out->watched = (x86_breakpoints_on(c) && x86_data_watched(c, addr & ~0xfffull)) ||
                   (unlikely(debug_watching) && debug_page_watched(addr & ~0xfffull));
    return 0;
}

void x86_check_crossing(struct vcpu *v, gva_t addr, unsigned size, unsigned memflags)
{
    struct x86_cpu *c = X86_CPU(v);

    if (x86_lma(c) && (!x86_canonical(addr) || !x86_canonical(addr + size - 1)))
        not_canonical(c, memflags, false);
}

/* Reserved in a present PDPTE: bits 2:1, 8:5 and everything above the physical address. */
bool x86_load_pdptes(struct x86_cpu *c, uint64_t cr3)
{
    uint64_t rsvd = 0x1e6 | ~mask64(x86_phys_bits(c));
    uint64_t p[4];

    for (unsigned i = 0; i < 4; i++) {
        p[i] = addr_space_ldq_le(x86_as(&c->v), ((cr3 & 0xffffffe0u) + 8 * i) & c->a20_mask);
        if ((p[i] & PTE_P) && (p[i] & rsvd))
            return false;
    }
    memcpy(c->pdpte, p, sizeof(p));
    return true;
}

void x86_mmu_mode_changed(struct x86_cpu *c)
{
    c->pte_rsvd = PTE_ADDR & ~mask64(x86_phys_bits(c));
    if (!x86_lma(c))
        c->pte_rsvd |= mask64(63) & ~mask64(52);
    if (!(c->efer & EFER_NXE))
        c->pte_rsvd |= PTE_NX;
}

void x86_invlpg(struct x86_cpu *c, gva_t addr)
{
    if (x86_lma(c) && !x86_canonical(addr))
        return;
    vcpu_flush_page(&c->v, x86_linear(c, addr));
}

/* INVPCID. An address in another space is answered by dropping that space. */
void x86_invpcid(struct x86_cpu *c, uint64_t type, uint64_t pcid, gva_t addr)
{
    if (type > 3 || (type < 2 && pcid >> 12) || (type < 2 && pcid && !(c->cr4 & CR4_PCIDE)))
        x86_fault(c, X86_GP);
    if (type == 0 && !x86_canonical(addr))
        x86_fault(c, X86_GP);
    if (type == 0 && pcid == (c->cr3 & 0xfff)) {
        x86_invlpg(c, addr);
        return;
    }
    if (type < 2)
        vcpu_flush_space(&c->v, pcid);
    else
        vcpu_flush_everything(&c->v);
}
