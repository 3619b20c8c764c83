/* SPDX-License-Identifier: MIT */
/*
 * A vCPU seen from outside (include/system/cpu_inspect.h). The page walk here follows the tables
 * as mmu.c does (Intel SDM vol. 3A, chapter 4) but judges no access and sets no bits, and can list
 * everything that is mapped.
 */
#include "system/cpu_inspect.h"

#include <inttypes.h>

#include "frontends/x86/disas.h"
#include "frontends/x86/fpu.h"
#include "frontends/x86/mode.h"
#include "frontends/x86/sys.h"
#include "hw/core/memory.h"

static const struct x86_cpu *x86_of(const struct vcpu *cpu)
{
    return (const struct x86_cpu *)cpu;
}

uint64_t vcpu_pc(const struct vcpu *cpu)
{
    return cpu->pc;
}

static uint64_t instruction_pointer(const struct x86_cpu *c)
{
    uint64_t ip = c->v.pc - x86_seg_base(c, X86_CS);

    return x86_code64(c) ? c->v.pc : (uint32_t)ip;
}

bool vcpu_halted(const struct vcpu *cpu)
{
    return cpu->halted;
}

unsigned vcpu_code_bits(const struct vcpu *cpu)
{
    const struct x86_cpu *c = x86_of(cpu);

    if (x86_code64(c)) {
        return 64;
    }
    return x86_protected(c) && (c->seg[X86_CS].attr & SEG_DB) ? 32 : 16;
}

bool vcpu_wide(const struct vcpu *cpu)
{
    return x86_lma(x86_of(cpu));
}

bool vcpu_paging(const struct vcpu *cpu)
{
    return x86_of(cpu)->cr0 & CR0_PG;
}

/* --- registers by name ------------------------------------------------------------------------ */

enum reg_kind { REG_GENERAL, REG_IP, REG_FLAGS, REG_SELECTOR, REG_SEG_BASE, REG_FIELD, REG_TABLE };

struct reg_row {
    const char *name;
    enum reg_kind kind;
    unsigned index;
    unsigned bits;
};

#define FIELD(name, f)                                                                             \
    {                                                                                              \
        name, REG_FIELD, offsetof(struct x86_cpu, f), 64                                           \
    }
/* clang-format off */
static const struct reg_row registers[] = {
    {"rax", REG_GENERAL, X86_RAX, 64}, {"rbx", REG_GENERAL, X86_RBX, 64},
    {"rcx", REG_GENERAL, X86_RCX, 64}, {"rdx", REG_GENERAL, X86_RDX, 64},
    {"rsi", REG_GENERAL, X86_RSI, 64}, {"rdi", REG_GENERAL, X86_RDI, 64},
    {"rbp", REG_GENERAL, X86_RBP, 64}, {"rsp", REG_GENERAL, X86_RSP, 64},
    {"r8", REG_GENERAL, X86_R8, 64}, {"r9", REG_GENERAL, X86_R9, 64},
    {"r10", REG_GENERAL, X86_R10, 64}, {"r11", REG_GENERAL, X86_R11, 64},
    {"r12", REG_GENERAL, X86_R12, 64}, {"r13", REG_GENERAL, X86_R13, 64},
    {"r14", REG_GENERAL, X86_R14, 64}, {"r15", REG_GENERAL, X86_R15, 64},
    {"eax", REG_GENERAL, X86_RAX, 32}, {"ebx", REG_GENERAL, X86_RBX, 32},
    {"ecx", REG_GENERAL, X86_RCX, 32}, {"edx", REG_GENERAL, X86_RDX, 32},
    {"esi", REG_GENERAL, X86_RSI, 32}, {"edi", REG_GENERAL, X86_RDI, 32},
    {"ebp", REG_GENERAL, X86_RBP, 32}, {"esp", REG_GENERAL, X86_RSP, 32},
    {"ax", REG_GENERAL, X86_RAX, 16}, {"bx", REG_GENERAL, X86_RBX, 16},
    {"cx", REG_GENERAL, X86_RCX, 16}, {"dx", REG_GENERAL, X86_RDX, 16},
    {"si", REG_GENERAL, X86_RSI, 16}, {"di", REG_GENERAL, X86_RDI, 16},
    {"bp", REG_GENERAL, X86_RBP, 16}, {"sp", REG_GENERAL, X86_RSP, 64},
    {"fp", REG_GENERAL, X86_RBP, 64},
    {"rip", REG_IP, 0, 64}, {"eip", REG_IP, 0, 32}, {"pc", REG_IP, 1, 64},
    {"rflags", REG_FLAGS, 0, 32}, {"eflags", REG_FLAGS, 0, 32},
    {"cs", REG_SELECTOR, X86_CS, 16}, {"ds", REG_SELECTOR, X86_DS, 16},
    {"es", REG_SELECTOR, X86_ES, 16}, {"ss", REG_SELECTOR, X86_SS, 16},
    {"fs", REG_SELECTOR, X86_FS, 16}, {"gs", REG_SELECTOR, X86_GS, 16},
    {"ldtr", REG_SELECTOR, X86_LDTR, 16}, {"tr", REG_SELECTOR, X86_TR, 16},
    {"cs.base", REG_SEG_BASE, X86_CS, 64}, {"ds.base", REG_SEG_BASE, X86_DS, 64},
    {"es.base", REG_SEG_BASE, X86_ES, 64}, {"ss.base", REG_SEG_BASE, X86_SS, 64},
    {"fs.base", REG_SEG_BASE, X86_FS, 64}, {"gs.base", REG_SEG_BASE, X86_GS, 64},
    FIELD("cr0", cr0), FIELD("cr2", cr2), FIELD("cr3", cr3), FIELD("cr4", cr4),
    FIELD("dr0", dr[0]), FIELD("dr1", dr[1]), FIELD("dr2", dr[2]), FIELD("dr3", dr[3]),
    FIELD("dr6", dr[6]), FIELD("dr7", dr[7]), FIELD("efer", efer), FIELD("star", star),
    FIELD("lstar", lstar), FIELD("kernel_gs_base", kernel_gs_base),
    FIELD("gdtr.base", gdtr.base), FIELD("idtr.base", idtr.base),
};
/* clang-format on */

const char *vcpu_register_name(unsigned i)
{
    return i < ARRAY_SIZE(registers) ? registers[i].name : NULL;
}

static uint64_t read_row(const struct x86_cpu *c, const struct reg_row *r)
{
    switch (r->kind) {
    case REG_GENERAL:
        return c->v.greg[r->index];
    case REG_IP:
        return r->index ? c->v.pc : instruction_pointer(c);
    case REG_FLAGS:
        return x86_get_eflags(c);
    case REG_SELECTOR:
        return c->seg[r->index].selector;
    case REG_SEG_BASE:
        return x86_seg_base(c, r->index);
    default:
        return *(const uint64_t *)((const char *)c + r->index);
    }
}

bool vcpu_register(const struct vcpu *cpu, const char *name, uint64_t *value)
{
    for (unsigned i = 0; i < ARRAY_SIZE(registers); i++) {
        if (!g_ascii_strcasecmp(registers[i].name, name)) {
            *value = read_row(x86_of(cpu), &registers[i]) & mask64(registers[i].bits);
            return true;
        }
    }
    return false;
}

/* --- all registers ---------------------------------------------------------------------------- */

static void describe_general(const struct x86_cpu *c, GString *out)
{
    static const uint8_t order[] = {X86_RAX, X86_RBX, X86_RCX, X86_RDX,
                                    X86_RSI, X86_RDI, X86_RBP, X86_RSP};
    static const char *const names[] = {"AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP"};
    bool wide = x86_lma(c);

    for (unsigned i = 0; i < (wide ? 16 : 8); i++) {
        char end = i % 4 == 3 ? '\n' : ' ';
        if (!wide) {
            g_string_append_printf(out, "E%s=%08x%c", names[i], (uint32_t)c->v.greg[order[i]], end);
        } else if (i < 8) {
            g_string_append_printf(out, "R%s=%016" PRIx64 "%c", names[i], c->v.greg[order[i]], end);
        } else {
            g_string_append_printf(out, "R%-2u=%016" PRIx64 "%c", i, c->v.greg[i], end);
        }
    }
}

static void describe_flags(const struct x86_cpu *c, GString *out)
{
    static const struct {
        uint32_t bit;
        char name;
    } flags[] = {{EFL_DF, 'D'}, {EFL_OF, 'O'}, {EFL_SF, 'S'}, {EFL_ZF, 'Z'},
                 {EFL_AF, 'A'}, {EFL_PF, 'P'}, {EFL_CF, 'C'}};
    uint32_t fl = x86_get_eflags(c);

    if (x86_lma(c)) {
        g_string_append_printf(out, "RIP=%016" PRIx64 " RFL=%08x [", instruction_pointer(c), fl);
    } else {
        g_string_append_printf(out, "EIP=%08x EFL=%08x [", (uint32_t)instruction_pointer(c), fl);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(flags); i++) {
        g_string_append_c(out, fl & flags[i].bit ? flags[i].name : '-');
    }
    g_string_append_printf(out, "] CPL=%u II=%d A20=%d SMM=%d HLT=%d\n", c->cpl, c->intr_shadow,
                           (c->a20_mask >> 20 & 1) != 0, c->smm, c->v.halted);
}

static void describe_table(const char *name, const struct x86_dtable *t, bool wide, GString *out)
{
    g_string_append_printf(out, "%s=     %0*" PRIx64 " %08x\n", name, wide ? 16 : 8, t->base,
                           t->limit);
}

static void describe_segments(const struct x86_cpu *c, GString *out)
{
    static const char *const names[] = {"ES ", "CS ", "SS ", "DS ", "FS ", "GS ", "LDT", "TR "};
    bool wide = x86_lma(c);

    for (unsigned s = 0; s < X86_SREG_COUNT; s++) {
        const struct x86_seg *seg = &c->seg[s];
        uint32_t attr = (seg->attr & SEG_ATTR_MASK) << 8 | (seg->limit & 0xf0000);
        g_string_append_printf(out, "%s=%04x %0*" PRIx64 " %08x %08x DPL=%u%s\n", names[s],
                               seg->selector, wide ? 16 : 8, x86_seg_base(c, s), seg->limit, attr,
                               (seg->attr & SEG_DPL) >> 5,
                               seg->attr & SEG_UNUSABLE ? " unusable" : "");
    }
    describe_table("GDT", &c->gdtr, wide, out);
    describe_table("IDT", &c->idtr, wide, out);
}

static void describe_control(const struct x86_cpu *c, GString *out)
{
    int w = x86_lma(c) ? 16 : 8;

    g_string_append_printf(
        out, "CR0=%08" PRIx64 " CR2=%0*" PRIx64 " CR3=%0*" PRIx64 " CR4=%08" PRIx64 "\n", c->cr0, w,
        c->cr2, w, c->cr3, c->cr4);
    g_string_append_printf(
        out,
        "DR0=%0*" PRIx64 " DR1=%0*" PRIx64 " DR2=%0*" PRIx64 " DR3=%0*" PRIx64 "\n"
        "DR6=%0*" PRIx64 " DR7=%0*" PRIx64 "\nEFER=%016" PRIx64 "\n",
        w, c->dr[0], w, c->dr[1], w, c->dr[2], w, c->dr[3], w, c->dr[6], w, c->dr[7], c->efer);
}

static void describe_fpu(const struct x86_cpu *c, GString *out)
{
    const uint8_t *fx = c->v.fx;

    g_string_append_printf(out, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n",
                           ld_le16(fx + FX_FCW), ld_le16(fx + FX_FSW), x86_fpu_top(&c->v),
                           fx[FX_FTW], ld_le32(fx + FX_MXCSR));
    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *st = fx + FX_ST + 16 * ((i - x86_fpu_top(&c->v)) & 7);
        g_string_append_printf(out, "FPR%u=%016" PRIx64 " %04x%c", i, ld_le64(st), ld_le16(st + 8),
                               i & 1 ? '\n' : ' ');
    }
    for (unsigned i = 0; i < (x86_lma(c) ? 16 : 8); i++) {
        const uint8_t *xmm = fx + FX_XMM + 16 * i;
        g_string_append_printf(out, "XMM%02u=%016" PRIx64 "%016" PRIx64 "%c", i, ld_le64(xmm + 8),
                               ld_le64(xmm), i & 1 ? '\n' : ' ');
    }
}

void vcpu_describe(const struct vcpu *cpu, bool fpu, GString *out)
{
    const struct x86_cpu *c = x86_of(cpu);

    describe_general(c, out);
    describe_flags(c, out);
    describe_segments(c, out);
    describe_control(c, out);
    if (fpu) {
        describe_fpu(c, out);
    }
}

/* --- page tables ------------------------------------------------------------------------------ */

enum { ENTRY_P = 1, ENTRY_W = 2, ENTRY_U = 4, ENTRY_PS = 0x80 };
#define ENTRY_NX   BIT(63)
#define ENTRY_ADDR 0x000ffffffffff000ull

/* One paging mode: how the levels index an address, from the top. */
struct paging {
    unsigned levels;
    unsigned entry_size;
    unsigned shift[4], index_bits[4];
};

static const struct paging paging_4level = {4, 8, {39, 30, 21, 12}, {9, 9, 9, 9}};
static const struct paging paging_pae = {3, 8, {30, 21, 12}, {2, 9, 9}};
static const struct paging paging_32 = {2, 4, {22, 12}, {10, 10}};

struct table_walk {
    const struct x86_cpu *c;
    const struct paging *p;
    bool (*fn)(const struct vcpu_mapping *m, void *opaque);
    void *opaque;
    unsigned budget; /* tables still to be read: they may point at each other */
};

#define TABLES_MAX 32768u

static const struct paging *paging_of(const struct x86_cpu *c)
{
    return x86_lma(c) ? &paging_4level : c->cr4 & CR4_PAE ? &paging_pae : &paging_32;
}

static gpa_t root_of(const struct x86_cpu *c)
{
    return paging_of(c) == &paging_pae ? c->cr3 & 0xffffffe0u
           : x86_lma(c)                ? c->cr3 & ENTRY_ADDR
                                       : c->cr3 & 0xfffff000u;
}

/* Tables in anything but memory read as empty: looking must not touch devices. */
static uint64_t read_entry(const struct table_walk *w, gpa_t gpa)
{
    uint8_t raw[8] = {0};

    vcpu_read_physical(&w->c->v, gpa, raw, w->p->entry_size);
    return ld_le64(raw);
}

/* The PAE top level is in registers of the CPU. */
static uint64_t entry_at(const struct table_walk *w, gpa_t table, unsigned level, unsigned index)
{
    if (w->p == &paging_pae && level == 0) {
        return w->c->pdpte[index];
    }
    return read_entry(w, table + (uint64_t)index * w->p->entry_size);
}

static bool is_leaf(const struct table_walk *w, unsigned level, uint64_t e)
{
    if (level + 1 == w->p->levels) {
        return true;
    }
    bool can_be = w->p == &paging_32 ? w->c->cr4 & CR4_PSE : w->p->shift[level] <= 30;
    return can_be && !(w->p == &paging_pae && level == 0) && (e & ENTRY_PS);
}

static gpa_t leaf_address(const struct table_walk *w, unsigned level, uint64_t e)
{
    uint64_t span = BIT(w->p->shift[level]);

    if (w->p == &paging_32 && level == 0) { /* PSE-36 */
        return (e & 0xffc00000u) | (e & 0x1fe000) << 19;
    }
    return e & ENTRY_ADDR & ~(span - 1);
}

static gva_t sign_extend(const struct table_walk *w, gva_t va)
{
    return w->p == &paging_4level ? (gva_t)((int64_t)(va << 16) >> 16) : va;
}

/* The rights of a level and of what is above it. */
static struct vcpu_mapping narrow(const struct table_walk *w, const struct vcpu_mapping *above,
                                  uint64_t e)
{
    bool top_of_pae = w->p == &paging_pae && above->size == 0;
    struct vcpu_mapping m = *above;

    m.user &= top_of_pae || (e & ENTRY_U);
    m.write &= top_of_pae || (e & ENTRY_W);
    m.no_execute |= w->p->entry_size == 8 && (e & ENTRY_NX) && (w->c->efer & EFER_NXE);
    m.bits = e;
    return m;
}

/* A table that follows itself shows the same again (Linux fills half a terabyte so): it is listed once. */
static bool list_table(struct table_walk *w, gpa_t table, unsigned level, gva_t base,
                       const struct vcpu_mapping *above)
{
    uint64_t span = BIT(w->p->shift[level]);
    gpa_t last = 0; /* table of the entry before */

    if (!w->budget--) {
        return false;
    }
    for (unsigned i = 0; i < 1u << w->p->index_bits[level]; i++) {
        uint64_t e = entry_at(w, table, level, i);
        struct vcpu_mapping m = narrow(w, above, e);
        m.va = sign_extend(w, base + i * span);
        m.size = span;
        if (!(e & ENTRY_P)) {
            continue;
        }
        if (is_leaf(w, level, e)) {
            m.pa = leaf_address(w, level, e);
            if (!w->fn(&m, w->opaque)) {
                return false;
            }
            last = 0;
        } else if ((e & ENTRY_ADDR) != last) {
            last = e & ENTRY_ADDR;
            if (!list_table(w, last, level + 1, base + i * span, &m)) {
                return false;
            }
        }
    }
    return true;
}

bool vcpu_for_each_mapping(const struct vcpu *cpu,
                           bool (*fn)(const struct vcpu_mapping *m, void *opaque), void *opaque)
{
    struct table_walk w = {x86_of(cpu), paging_of(x86_of(cpu)), fn, opaque, TABLES_MAX};
    struct vcpu_mapping all = {.user = true, .write = true};

    return !vcpu_paging(cpu) || list_table(&w, root_of(w.c), 0, 0, &all);
}

static bool translate_paged(const struct x86_cpu *c, gva_t addr, struct vcpu_mapping *out)
{
    struct table_walk w = {.c = c, .p = paging_of(c)};
    gpa_t table = root_of(c);

    *out = (struct vcpu_mapping){.user = true, .write = true};
    for (unsigned level = 0; level < w.p->levels; level++) {
        unsigned index = addr >> w.p->shift[level] & mask64(w.p->index_bits[level]);
        uint64_t e = entry_at(&w, table, level, index);
        *out = narrow(&w, out, e);
        out->size = BIT(w.p->shift[level]);
        if (!(e & ENTRY_P)) {
            return false;
        }
        if (is_leaf(&w, level, e)) {
            out->va = addr & ~(out->size - 1);
            out->pa = leaf_address(&w, level, e) & c->a20_mask;
            return true;
        }
        table = e & ENTRY_ADDR;
    }
    return false;
}

bool vcpu_translate(const struct vcpu *cpu, gva_t addr, struct vcpu_mapping *out)
{
    const struct x86_cpu *c = x86_of(cpu);

    if (!x86_lma(c)) {
        addr = (uint32_t)addr;
    } else if (!x86_canonical(addr)) {
        return false;
    }
    if (c->cr0 & CR0_PG) {
        return translate_paged(c, addr, out);
    }
    *out = (struct vcpu_mapping){.va = addr & ~0xfffull,
                                 .pa = addr & ~0xfffull & c->a20_mask,
                                 .size = 4096,
                                 .user = true,
                                 .write = true};
    return true;
}

/* --- memory ----------------------------------------------------------------------------------- */

uint64_t vcpu_read_physical(const struct vcpu *cpu, gpa_t addr, void *buf, uint64_t len)
{
    struct addr_space *as = x86_of(cpu)->smm ? x86_as_smm : x86_as_mem;
    uint64_t done = 0;

    while (done < len) {
        struct mem_section s;
        if (!mem_lookup(as, addr + done, &s) || !s.host) {
            break;
        }
        uint64_t n = MIN(len - done, s.len);
        memcpy((uint8_t *)buf + done, s.host, n);
        done += n;
    }
    return done;
}

uint64_t vcpu_read_memory(const struct vcpu *cpu, gva_t addr, void *buf, uint64_t len)
{
    uint64_t done = 0;

    while (done < len) {
        struct vcpu_mapping m;
        gva_t at = addr + done;
        if (!vcpu_translate(cpu, at, &m)) {
            break;
        }
        uint64_t off = at & (m.size - 1), n = MIN(len - done, m.size - off);
        uint64_t got = vcpu_read_physical(cpu, m.pa + off, (uint8_t *)buf + done, n);
        done += got;
        if (got < n) {
            break;
        }
    }
    return done;
}

unsigned vcpu_disassemble(const uint8_t *code, unsigned avail, uint64_t pc, unsigned bits,
                          char *buf, size_t size)
{
    uint64_t mode = bits == 64 ? X86_MODE_CS64 : bits == 32 ? X86_MODE_CS32 : 0;

    return x86_disas(code, avail, pc, mode, buf, size);
}
