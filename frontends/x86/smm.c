/* SPDX-License-Identifier: MIT */
/*
 * System management mode: entry, both layouts of the state save map, RSM with SMBASE relocation.
 * CPUs with long mode use the AMD64 map (revision 20064h), others the 32-bit one (20000h): the two
 * SeaBIOS knows. References: AMD APM vol. 2, chapter 10; Intel SDM vol. 3C, chapter 31.
 */
#include "frontends/x86/sys.h"
#include "frontends/x86/cpuid.h"
#include "hw/core/memory.h"
#include "system/runstate.h"
#include "translator/exec.h"
#include "util/log.h"

enum { SMM_ENTRY = 0x8000, MAP_START = 0xfe00, MAP_BYTES = 0x200, REVISION_64 = 0x20064, REVISION_32 = 0x20000 };

/* The save map in memory order; fields are named by their offset from SMBASE (FE00h..FFFFh). */
struct smm_map {
    uint8_t bytes[MAP_BYTES];
};

static uint8_t *at(struct smm_map *m, unsigned off)
{
    return m->bytes + (off - MAP_START);
}
static void put16(struct smm_map *m, unsigned off, uint16_t v)
{
    st_le16(at(m, off), v);
}
static void put32(struct smm_map *m, unsigned off, uint32_t v)
{
    st_le32(at(m, off), v);
}
static void put64(struct smm_map *m, unsigned off, uint64_t v)
{
    st_le64(at(m, off), v);
}
static uint16_t get16(struct smm_map *m, unsigned off)
{
    return ld_le16(at(m, off));
}
static uint32_t get32(struct smm_map *m, unsigned off)
{
    return ld_le32(at(m, off));
}
static uint64_t get64(struct smm_map *m, unsigned off)
{
    return ld_le64(at(m, off));
}

static bool has_long_mode(const struct x86_cpu *c)
{
    return x86_cpuid_bit(c, 0x80000001, 3, 29);
}

/* A register that was not usable has P clear, which no loaded one can have. */
static uint32_t restored_attr(uint32_t attr)
{
    return attr & SEG_P ? attr & SEG_ATTR_MASK : (attr & SEG_ATTR_MASK) | SEG_UNUSABLE;
}

/* --- the 64-bit map ----------------------------------------------------------------- */

static const uint16_t seg64[X86_SREG_COUNT] = {
    [X86_ES] = 0xfe00, [X86_CS] = 0xfe10, [X86_SS] = 0xfe20, [X86_DS] = 0xfe30,
    [X86_FS] = 0xfe40, [X86_GS] = 0xfe50, [X86_LDTR] = 0xfe70, [X86_TR] = 0xfe90,
};
enum { GDTR64 = 0xfe60, IDTR64 = 0xfe80, HALT64 = 0xfec9, EFER64 = 0xfed0, REVISION = 0xfefc, SMBASE64 = 0xff00,
       CR4_64 = 0xff48, CR3_64 = 0xff50, CR0_64 = 0xff58, DR7_64 = 0xff60, DR6_64 = 0xff68, RFLAGS64 = 0xff70,
       RIP64 = 0xff78, R15_64 = 0xff80, RDI64 = 0xffc0 };
/* RDI RSI RBP RSP RBX RDX RCX RAX from FFC0h up */
static const uint8_t gpr_order[8] = {X86_RDI, X86_RSI, X86_RBP, X86_RSP, X86_RBX, X86_RDX, X86_RCX, X86_RAX};

static void save64(struct x86_cpu *c, struct smm_map *m)
{
    for (unsigned s = 0; s < X86_SREG_COUNT; s++) {
        put16(m, seg64[s], c->seg[s].selector);
        put16(m, seg64[s] + 2, c->seg[s].attr & SEG_UNUSABLE ? c->seg[s].attr & ~SEG_P : c->seg[s].attr);
        put32(m, seg64[s] + 4, c->seg[s].limit);
        put64(m, seg64[s] + 8, x86_seg_base(c, s));
    }
    put32(m, GDTR64 + 4, c->gdtr.limit);
    put64(m, GDTR64 + 8, c->gdtr.base);
    put32(m, IDTR64 + 4, c->idtr.limit);
    put64(m, IDTR64 + 8, c->idtr.base);
    *at(m, HALT64) = c->v.halted;
    put64(m, EFER64, c->efer);
    put32(m, REVISION, REVISION_64);
    put32(m, SMBASE64, c->smbase);
    put64(m, CR4_64, c->cr4);
    put64(m, CR3_64, c->cr3);
    put64(m, CR0_64, c->cr0);
    put64(m, DR7_64, c->dr[7]);
    put64(m, DR6_64, c->dr[6]);
    put64(m, RFLAGS64, x86_get_eflags(c));
    put64(m, RIP64, x86_get_ip(c));
    for (unsigned i = 0; i < 8; i++) {
        put64(m, R15_64 + 8 * i, c->v.greg[15 - i]);
        put64(m, RDI64 + 8 * i, c->v.greg[gpr_order[i]]);
    }
}

static void load64(struct x86_cpu *c, struct smm_map *m)
{
    c->efer = get64(m, EFER64) & (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE);
    c->cr0 = get64(m, CR0_64);
    c->cr3 = get64(m, CR3_64);
    c->cr4 = get64(m, CR4_64);
    c->dr[7] = get64(m, DR7_64);
    c->dr[6] = get64(m, DR6_64);
    c->gdtr = (struct x86_dtable){get64(m, GDTR64 + 8), get32(m, GDTR64 + 4)};
    c->idtr = (struct x86_dtable){get64(m, IDTR64 + 8), get32(m, IDTR64 + 4)};
    x86_put_eflags(c, get64(m, RFLAGS64));
    for (unsigned s = 0; s < X86_SREG_COUNT; s++)
        x86_seg_put(c, s, get16(m, seg64[s]), get64(m, seg64[s] + 8), get32(m, seg64[s] + 4),
                    restored_attr(get16(m, seg64[s] + 2)));
    for (unsigned i = 0; i < 8; i++) {
        c->v.greg[15 - i] = get64(m, R15_64 + 8 * i);
        c->v.greg[gpr_order[i]] = get64(m, RDI64 + 8 * i);
    }
    if (get32(m, REVISION) & 0x20000)
        c->smbase = get32(m, SMBASE64);
    c->v.halted = *at(m, HALT64) & 1;
    x86_set_ip(c, get64(m, RIP64));
}

/* --- the 32-bit map ----------------------------------------------------------------- */

enum { CR0_32 = 0xfffc, CR3_32 = 0xfff8, EFLAGS32 = 0xfff4, EIP32 = 0xfff0, EAX32 = 0xffd0, DR6_32 = 0xffcc,
       DR7_32 = 0xffc8, CR4_32 = 0xff14, HALT32 = 0xff02, SMBASE32 = 0xfef8, GDT32 = 0xff70, IDT32 = 0xff54 };

/* Selector and hidden part (attributes, limit, base at +0, +4, +8). */
static const struct { uint16_t selector, hidden; } seg32[X86_SREG_COUNT] = {
    [X86_ES] = {0xffa8, 0xff84}, [X86_CS] = {0xffac, 0xff90}, [X86_SS] = {0xffb0, 0xff9c},
    [X86_DS] = {0xffb4, 0xff2c}, [X86_FS] = {0xffb8, 0xff38}, [X86_GS] = {0xffbc, 0xff44},
    [X86_LDTR] = {0xffc0, 0xff78}, [X86_TR] = {0xffc4, 0xff5c},
};

static void save32(struct x86_cpu *c, struct smm_map *m)
{
    put32(m, CR0_32, c->cr0);
    put32(m, CR3_32, c->cr3);
    put32(m, CR4_32, c->cr4);
    put32(m, EFLAGS32, x86_get_eflags(c));
    put32(m, EIP32, x86_get_ip(c));
    put32(m, DR6_32, c->dr[6]);
    put32(m, DR7_32, c->dr[7]);
    for (unsigned i = 0; i < 8; i++)
        put32(m, EAX32 + 4 * i, c->v.greg[i]);
    for (unsigned s = 0; s < X86_SREG_COUNT; s++) {
        put32(m, seg32[s].selector, c->seg[s].selector);
        put32(m, seg32[s].hidden, c->seg[s].attr & SEG_UNUSABLE ? c->seg[s].attr & 0xffff & ~SEG_P : c->seg[s].attr);
        put32(m, seg32[s].hidden + 4, c->seg[s].limit);
        put32(m, seg32[s].hidden + 8, x86_seg_base(c, s));
    }
    put32(m, GDT32, c->gdtr.limit);
    put32(m, GDT32 + 4, c->gdtr.base);
    put32(m, IDT32, c->idtr.limit);
    put32(m, IDT32 + 4, c->idtr.base);
    put16(m, HALT32, c->v.halted);
    put32(m, REVISION, REVISION_32);
    put32(m, SMBASE32, c->smbase);
}

static void load32(struct x86_cpu *c, struct smm_map *m)
{
    c->efer = 0;
    c->cr0 = get32(m, CR0_32);
    c->cr3 = get32(m, CR3_32);
    c->cr4 = get32(m, CR4_32);
    c->dr[6] = get32(m, DR6_32);
    c->dr[7] = get32(m, DR7_32);
    x86_put_eflags(c, get32(m, EFLAGS32));
    for (unsigned i = 0; i < 8; i++)
        c->v.greg[i] = get32(m, EAX32 + 4 * i);
    for (unsigned s = 0; s < X86_SREG_COUNT; s++)
        x86_seg_put(c, s, get32(m, seg32[s].selector), get32(m, seg32[s].hidden + 8), get32(m, seg32[s].hidden + 4),
                    restored_attr(get32(m, seg32[s].hidden)));
    c->gdtr = (struct x86_dtable){get32(m, GDT32 + 4), get32(m, GDT32)};
    c->idtr = (struct x86_dtable){get32(m, IDT32 + 4), get32(m, IDT32)};
    if (get32(m, REVISION) & 0x20000)
        c->smbase = get32(m, SMBASE32);
    c->v.halted = get16(m, HALT32) & 1;
    x86_set_ip(c, get32(m, EIP32));
}

/* --- entry and exit ------------------------------------------------------------------- */

static void all_changed(struct x86_cpu *c)
{
    vcpu_set_space(&c->v, c->cr4 & CR4_PCIDE ? c->cr3 & 0xfff : 0, true);
    vcpu_flush_everything(&c->v);
    x86_control_changed(c);
}

void x86_smm_enter(struct x86_cpu *c)
{
    struct smm_map m = {{0}};

    if (log_enabled(LOG_SMM))
        log_printf("SMM: enter, smbase %x pc %llx\n", c->smbase, (unsigned long long)c->v.pc);
    if (has_long_mode(c))
        save64(c, &m);
    else
        save32(c, &m);
    addr_space_write(x86_as_smm, (uint32_t)(c->smbase + MAP_START), m.bytes, MAP_BYTES);

    c->smm = true;
    c->nmi_in_smm = c->nmi_blocked;
    c->nmi_blocked = true;
    c->intr_shadow = c->ss_shadow = false;
    c->db_pending = 0;
    c->v.halted = false;
    c->cr0 &= ~(uint64_t)(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
    c->cr4 = 0;
    c->efer = 0;
    c->cpl = 0;
    c->dr[7] = 0x400;
    x86_put_eflags(c, 2);
    for (unsigned s = X86_ES; s <= X86_GS; s++)
        x86_seg_put(c, s, 0, 0, UINT32_MAX, SEG_P | SEG_S | SEG_G | 3);
    x86_seg_put(c, X86_CS, c->smbase >> 4, c->smbase, UINT32_MAX, SEG_P | SEG_S | SEG_G | 3);
    x86_set_ip(c, SMM_ENTRY);
    all_changed(c);
}

/* Control register values the processor refuses end in shutdown. */
static bool restored_state_valid(const struct x86_cpu *c)
{
    uint64_t cr0 = c->cr0;

    if ((c->cr4 & ~x86_cr4_allowed(c)) || (cr0 >> 32))
        return false;
    if (((cr0 & CR0_PG) && !(cr0 & CR0_PE)) || ((cr0 & CR0_NW) && !(cr0 & CR0_CD)))
        return false;
    return !(c->efer & EFER_LMA) || ((c->efer & EFER_LME) && (cr0 & CR0_PG) && (c->cr4 & CR4_PAE));
}

void x86_rsm(struct x86_cpu *c)
{
    struct smm_map m;

    x86_commit(c);
    addr_space_read(x86_as_smm, (uint32_t)(c->smbase + MAP_START), m.bytes, MAP_BYTES);
    if (has_long_mode(c))
        load64(c, &m);
    else
        load32(c, &m);
    c->smm = false;
    x86_unblock_nmi(c);
    c->nmi_blocked = c->nmi_in_smm;
    c->cpl = c->eflags & EFL_VM ? 3 : c->cr0 & CR0_PE ? c->seg[X86_SS].attr >> 5 & 3 : 0;
    if (!restored_state_valid(c)) {
        c->shutdown = true;
        c->v.halted = true;
        runstate_request_reset(RESET_REASON_TRIPLE_FAULT);
        c->cr0 &= ~(uint64_t)CR0_PG;
        c->efer = c->cr4 = 0;
    }
    for (unsigned s = X86_ES; s <= X86_GS; s++)
        x86_seg_derive(c, s);
    if ((c->cr0 & CR0_PG) && (c->cr4 & CR4_PAE) && !x86_lma(c))
        x86_load_pdptes(c, c->cr3);
    all_changed(c);
    x86_request_poll(c);
    if (log_enabled(LOG_SMM))
        log_printf("SMM: leave, smbase %x pc %llx\n", c->smbase, (unsigned long long)c->v.pc);
}
