/* SPDX-License-Identifier: MIT */
/*
 * State of an x86 CPU: architectural registers and what is derived from them.
 * Owned by the vCPU's thread. General registers live in vcpu.greg[] (see X86_GREG); the
 * arithmetic flags in vcpu.flags; everything else here. Reference: Intel SDM vol. 3A.
 */
#ifndef FRONTENDS_X86_CPU_H
#define FRONTENDS_X86_CPU_H

#include "system/cpu.h"
#include "translator/vcpu.h"
#include "util/base.h"

enum x86_reg { X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
               X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15 };
enum x86_sreg { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_LDTR, X86_TR, X86_SREG_COUNT };

/* vcpu.greg[] beyond the 16 general registers: values translated code uses. */
enum { X86_GREG_SEG_BASE = 16, /* + enum x86_sreg: ES..GS linear base */
       X86_GREG_DF = 22,       /* +1 or -1 */
       X86_GREG_SEG_LIMIT = 24 /* + ES..GS: highest valid offset of an expand-up segment that allows the access; used only when the key says non-flat */ };

/*
 * Indices of the frontend's ir_global table: vcpu.greg[i] is global i (i < VCPU_GREGS), and these.
 * The bases of ES..GS live in greg[] only (x86_seg_base()): SWAPGS and WRGSBASE are inline.
 */
enum x86_global { X86_G_EFLAGS = VCPU_GREGS, X86_G_SHADOW /* intr_shadow, I8 */, X86_G_EVENTS /* vcpu.events, I32 */,
                  X86_G_POLL /* vcpu.poll, I32 */, X86_G_KERNEL_GS, X86_G_PC /* vcpu.pc */, X86_G_PC_PAGE,
                  X86_G_SEL /* + ES..GS: selector, I16 */, X86_G_FPU_IP = X86_G_SEL + 6, X86_G_FPU_IP_OFF,
                  X86_G_FPU_DP, X86_G_FPU_OP, X86_G_XCR0, X86_G_COUNT };

enum { EFL_CF = 1, EFL_PF = 4, EFL_AF = 0x10, EFL_ZF = 0x40, EFL_SF = 0x80, EFL_TF = 0x100, EFL_IF = 0x200,
       EFL_DF = 0x400, EFL_OF = 0x800, EFL_IOPL = 0x3000, EFL_NT = 0x4000, EFL_RF = 0x10000, EFL_VM = 0x20000,
       EFL_AC = 0x40000, EFL_VIF = 0x80000, EFL_VIP = 0x100000, EFL_ID = 0x200000, EFL_ARITH = 0x8d5 };
enum { CR0_PE = 1, CR0_MP = 2, CR0_EM = 4, CR0_TS = 8, CR0_ET = 16, CR0_NE = 32, CR0_WP = 1 << 16, CR0_AM = 1 << 18,
       CR0_NW = 1 << 29, CR0_CD = 1 << 30 };
#define CR0_PG 0x80000000u
enum { CR4_VME = 1, CR4_PVI = 2, CR4_TSD = 4, CR4_DE = 8, CR4_PSE = 0x10, CR4_PAE = 0x20, CR4_MCE = 0x40, CR4_PGE = 0x80,
       CR4_PCE = 0x100, CR4_OSFXSR = 0x200, CR4_OSXMMEXCPT = 0x400, CR4_UMIP = 0x800, CR4_FSGSBASE = 0x10000,
       CR4_PCIDE = 0x20000, CR4_OSXSAVE = 0x40000, CR4_SMEP = 0x100000, CR4_SMAP = 0x200000 };
enum { EFER_SCE = 1, EFER_LME = 0x100, EFER_LMA = 0x400, EFER_NXE = 0x800 };

enum x86_vector { X86_DE, X86_DB, X86_NMI, X86_BP, X86_OF, X86_BR, X86_UD, X86_NM, X86_DF, X86_TS = 10, X86_NP, X86_SS_FAULT,
                  X86_GP, X86_PF, X86_MF = 16, X86_AC, X86_MC, X86_XM, X86_CP = 21 };

/* Segment register: selector and the hidden part. attr: descriptor bits 55:40 (type, S, DPL, P, AVL, L, D/B, G) in bits 15..0; 0 = unusable in attr bit 16. */
struct x86_seg {
    uint16_t selector;
    uint32_t attr;
    uint32_t limit; /* byte granular */
    uint64_t base;
};
#define SEG_UNUSABLE (1u << 16)
#define SEG_ATTR_MASK 0xf0ffu /* of descriptor bits 55:40: the middle nibble belongs to the limit */
enum { SEG_TYPE = 0xf, SEG_S = 0x10, SEG_DPL = 0x60, SEG_P = 0x80, SEG_AVL = 0x1000, SEG_L = 0x2000, SEG_DB = 0x4000, SEG_G = 0x8000 };

struct x86_dtable { uint64_t base; uint32_t limit; };

/* A page of paging structures in plain RAM the walker has met (mmu.c). */
struct x86_pt_page {
    gpa_t tag; /* page address | 1 */
    const struct addr_space *as;
    unsigned generation; /* of the address space's view */
    uint8_t *host;
    ram_addr_t ram;
};

struct x86_cpu {
    struct vcpu v; /* first */

    uint32_t eflags; /* all but the arithmetic flags and DF (those in v.flags, greg[X86_GREG_DF]); bit 1 set */
    uint8_t cpl;
    bool intr_shadow; /* after STI or MOV SS/POP SS: interrupts (and for SS debug traps) wait one instruction */
    bool nmi_blocked, smm, nmi_in_smm;
    uint64_t mode;     /* the tb_key mode bits, recomputed by x86_update_mode() */
    uint64_t mode_cr;  /* of those: what depends on CR0, CR4, EFER, SMM only */
    uint64_t mode_seg; /* and on the data segment registers */
    uint64_t mode_cs_base; /* what the context id was made for, if CS is not flat */
    uint32_t mode_cs_limit, mode_variant;
    bool fpu_exact; /* an unmasked x87 exception is possible */

    uint64_t cr0, cr2, cr3, cr4, efer, xcr0;
    uint64_t dr[8];
    uint64_t pdpte[4];  /* PAE paging: loaded by MOV to CR3 */
    uint64_t pte_rsvd;  /* bits which must be 0 in every present 8-byte paging entry */
    struct x86_seg seg[X86_SREG_COUNT]; /* seg[].base of ES..GS is not used: see x86_seg_base() */
    struct x86_dtable gdtr, idtr;

    /* pending exception between raise and deliver */
    struct {
        int vector; /* -1: none */
        bool has_error;
        uint32_t error;
        uint64_t cr2, dr6;
    } exc;
    int delivering;  /* vector being delivered, for double faults; -1: none */
    uint8_t ext;     /* EXT bit of error codes raised while delivering: 1 unless by INT n, INT3, INTO */
    uint32_t db_pending; /* DR6 bits of debug traps that wait for the end of the instruction */
    bool reset_pending, shutdown; /* INIT to be done; after a triple fault */
    bool wait_sipi;
    bool no_step;    /* the instruction has cleared TF on its way into the system: no single-step trap */
    bool ss_shadow;  /* the shadow came from MOV SS/POP SS: debug traps wait too */

    /* MSRs */
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, mtrr_def, mtrr_fixed[11], mtrr_base[8], mtrr_mask[8];
    uint64_t misc_enable, tsc_offset, tsc_deadline, tsc_adjust, bios_sign, feature_control;
    uint64_t mcg_status, mcg_ctl, mce_banks[4 * 10];
    uint64_t mcg_pending; /* IA32_MCG_STATUS of the machine check that waits (VCPU_EV_MCE) */
    uint64_t debugctl, spec_ctrl, xss;
    uint32_t smbase;

    /* x87, see fpu.h and gen_x87.c */
    uint64_t fpu_ip, fpu_dp; /* last instruction (FIP is the sum of fpu_ip and fpu_ip_off), last faulting operand */
    int32_t fpu_ip_off;
    bool fpu_ferr; /* FERR# asserted */
    uint32_t fpu_ignored_cw; /* IGNNE#: FCW to be restored after the instruction, | BIT(16); or 0 */
    uint16_t fpu_op;

    const struct x86_model *model; /* CPUID */
    const struct vcpu_apic_ops *apic;
    void *apic_opaque;
    gpa_t a20_mask;
    struct x86_pt_page pt_pages[16];
};
#define X86_CPU(vcpu) ((struct x86_cpu *)(vcpu))

static inline bool x86_pe(const struct x86_cpu *c)
{
    return c->cr0 & CR0_PE;
}
static inline bool x86_lma(const struct x86_cpu *c)
{
    return c->efer & EFER_LMA;
}
static inline bool x86_vm(const struct x86_cpu *c)
{
    return c->eflags & EFL_VM;
}
/* 64-bit mode proper: not compatibility mode. */
static inline bool x86_code64(const struct x86_cpu *c)
{
    return x86_lma(c) && (c->seg[X86_CS].attr & SEG_L);
}
static inline bool x86_protected(const struct x86_cpu *c)
{
    return x86_pe(c) && !x86_vm(c);
}
static inline unsigned x86_iopl(const struct x86_cpu *c)
{
    return c->eflags >> 12 & 3;
}

static inline uint64_t x86_seg_base(const struct x86_cpu *c, unsigned s)
{
    return s < X86_LDTR ? c->v.greg[X86_GREG_SEG_BASE + s] : c->seg[s].base;
}

/* EFLAGS in one piece, out of and into its three places. */
static inline uint32_t x86_get_eflags(const struct x86_cpu *c)
{
    return c->eflags | (c->v.flags & EFL_ARITH) | (c->v.greg[X86_GREG_DF] >> 63 ? EFL_DF : 0);
}
static inline void x86_put_eflags(struct x86_cpu *c, uint32_t flags)
{
    c->eflags = (flags & ~(EFL_ARITH | EFL_DF)) | 2;
    c->v.flags = flags & EFL_ARITH;
    c->v.greg[X86_GREG_DF] = flags & EFL_DF ? -1ull : 1;
}

#endif
