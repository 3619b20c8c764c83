/* SPDX-License-Identifier: MIT */
/*
 * The x86 CPU as a debugger sees and changes it (system/debug.h): register tables in the order and
 * format of GDB's "i386" target features, memory. Reference: GDB manual, G.5.6; Intel SDM vol. 3A.
 *
 * The PC is the linear address, because GDB compares it with the addresses of breakpoints and reads
 * code there; the offset in CS is a register of its own. Writes obey the rules of the instructions
 * that would make them (MOV to CR0, MOV to a segment register ...); CS can be changed in real mode
 * and vm86 only, EFLAGS.VM not at all.
 */
#include "system/debug.h"

#include <errno.h>

#include "frontends/x86/cpuid.h"
#include "frontends/x86/fpu.h"
#include "frontends/x86/mode.h"
#include "frontends/x86/sys.h"
#include "hw/core/memory.h"
#include "translator/exec.h"
#include "translator/tb.h"

enum kind {
    KIND_GENERAL,
    KIND_PC,
    KIND_IP,
    KIND_EFLAGS,
    KIND_SELECTOR,
    KIND_BASE,
    KIND_KERNEL_GS,
    KIND_CR,
    KIND_EFER,
    KIND_ST,
    KIND_FPU, /* index: enum fpu_word */
    KIND_XMM,
    KIND_MXCSR,
};

enum fpu_word { FCTRL, FSTAT, FTAG, FISEG, FIOFF, FOSEG, FOOFF, FOP };

/* --- tables ----------------------------------------------------------------------------------- */

enum { FEATURE_CORE, FEATURE_SSE, FEATURE_SEGMENTS, FEATURE_SYSTEM, FEATURE_COUNT };

static const char *const features[FEATURE_COUNT] = {
    [FEATURE_CORE] = "org.gnu.gdb.i386.core",
    [FEATURE_SSE] = "org.gnu.gdb.i386.sse",
    [FEATURE_SEGMENTS] = "org.gnu.gdb.i386.segments",
    [FEATURE_SYSTEM] = "doppel.x86.system",
};

/* Only those of the CPU of 64 bits have segment bases of their own. */
static const char *const features32[] = {
    "org.gnu.gdb.i386.core",
    "org.gnu.gdb.i386.sse",
    "doppel.x86.segments",
    "doppel.x86.system",
};

#define FLAG(name, bit) "<field name=\"" name "\" start=\"" #bit "\" end=\"" #bit "\"/>"

static const char *const types[FEATURE_COUNT] = {
    [FEATURE_CORE] = "<flags id=\"i386_eflags\" size=\"4\">" FLAG("CF", 0) FLAG("", 1) FLAG("PF", 2)
        FLAG("AF", 4) FLAG("ZF", 6) FLAG("SF", 7) FLAG("TF", 8) FLAG("IF", 9) FLAG("DF", 10)
            FLAG("OF", 11) FLAG("NT", 14) FLAG("RF", 16) FLAG("VM", 17) FLAG("AC", 18)
                FLAG("VIF", 19) FLAG("VIP", 20) FLAG("ID", 21) "</flags>",
    [FEATURE_SSE] =
        "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
        "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
        "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
        "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
        "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
        "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
        "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
        "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
        "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
        "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/>"
        "</union>"
        "<flags id=\"i386_mxcsr\" size=\"4\">" FLAG("IE", 0) FLAG("DE", 1) FLAG("ZE", 2)
            FLAG("OE", 3) FLAG("UE", 4) FLAG("PE", 5) FLAG("DAZ", 6) FLAG("IM", 7) FLAG("DM", 8)
                FLAG("ZM", 9) FLAG("OM", 10) FLAG("UM", 11) FLAG("PM", 12)
                    FLAG("FZ", 15) "</flags>",
    [FEATURE_SEGMENTS] = "",
    [FEATURE_SYSTEM] =
        "<flags id=\"x86_cr0\" size=\"8\">" FLAG("PE", 0) FLAG("MP", 1) FLAG("EM", 2) FLAG("TS", 3)
            FLAG("ET", 4) FLAG("NE", 5) FLAG("WP", 16) FLAG("AM", 18) FLAG("NW", 29) FLAG("CD", 30)
                FLAG("PG", 31) "</flags>"
                               "<flags id=\"x86_cr4\" size=\"8\">" FLAG("VME", 0) FLAG("PVI", 1)
                                   FLAG("TSD", 2) FLAG("DE", 3) FLAG("PSE", 4) FLAG("PAE", 5) FLAG(
                                       "MCE", 6) FLAG("PGE", 7) FLAG("PCE", 8) FLAG("OSFXSR", 9)
                                       FLAG("OSXMMEXCPT", 10) FLAG("UMIP", 11) FLAG("FSGSBASE", 16)
                                           FLAG("PCIDE", 17) FLAG("OSXSAVE", 18) FLAG("SMEP", 20)
                                               FLAG("SMAP",
                                                    21) "</flags>"
                                                        "<flags id=\"x86_efer\" size=\"8\">" FLAG(
                                                            "SCE", 0) FLAG("LME", 8) FLAG("LMA", 10)
                                                            FLAG("NXE", 11) "</flags>",
};

/* clang-format off */
#define CORE(name, bytes, type, kind, index) {name, bytes, type, NULL, FEATURE_CORE, kind, index}
#define FPU(name, word)   {name, 4, "int", "float", FEATURE_CORE, KIND_FPU, word}
#define ST(n)             CORE("st" #n, 10, "i387_ext", KIND_ST, n)
#define XMM(n)            {"xmm" #n, 16, "vec128", NULL, FEATURE_SSE, KIND_XMM, n}
#define SEL(name, s)      CORE(name, 4, "int32", KIND_SELECTOR, s)
#define SYS(name, type, kind, index) {name, 8, type, "system", FEATURE_SYSTEM, kind, index}

#define COMMON_TAIL                                                                                \
    SEL("cs", X86_CS), SEL("ss", X86_SS), SEL("ds", X86_DS), SEL("es", X86_ES),                    \
    SEL("fs", X86_FS), SEL("gs", X86_GS),                                                          \
    ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),                                        \
    FPU("fctrl", FCTRL), FPU("fstat", FSTAT), FPU("ftag", FTAG), FPU("fiseg", FISEG),              \
    FPU("fioff", FIOFF), FPU("foseg", FOSEG), FPU("fooff", FOOFF), FPU("fop", FOP)
#define MXCSR {"mxcsr", 4, "i386_mxcsr", "vector", FEATURE_SSE, KIND_MXCSR, 0}
#define SEGMENT_BASES(bytes, type)                                                                        \
    {"fs_base", bytes, type, "system", FEATURE_SEGMENTS, KIND_BASE, X86_FS},               \
    {"gs_base", bytes, type, "system", FEATURE_SEGMENTS, KIND_BASE, X86_GS}
#define SYSTEM_REGS                                                                                \
    SYS("k_gs_base", "int64", KIND_KERNEL_GS, 0), SYS("cr0", "x86_cr0", KIND_CR, 0),               \
    SYS("cr2", "int64", KIND_CR, 2), SYS("cr3", "int64", KIND_CR, 3),                              \
    SYS("cr4", "x86_cr4", KIND_CR, 4), SYS("cr8", "int64", KIND_CR, 8),                            \
    SYS("efer", "x86_efer", KIND_EFER, 0), SYS("ip", "int64", KIND_IP, 0),                         \
    SYS("cs_base", "int64", KIND_BASE, X86_CS), SYS("ss_base", "int64", KIND_BASE, X86_SS),        \
    SYS("ds_base", "int64", KIND_BASE, X86_DS), SYS("es_base", "int64", KIND_BASE, X86_ES)

#define G64(name, reg) CORE(name, 8, "int64", KIND_GENERAL, reg)
#define G32(name, reg) CORE(name, 4, "int32", KIND_GENERAL, reg)

static const struct debug_register regs64[] = {
    G64("rax", X86_RAX), G64("rbx", X86_RBX), G64("rcx", X86_RCX), G64("rdx", X86_RDX),
    G64("rsi", X86_RSI), G64("rdi", X86_RDI),
    CORE("rbp", 8, "data_ptr", KIND_GENERAL, X86_RBP),
    CORE("rsp", 8, "data_ptr", KIND_GENERAL, X86_RSP),
    G64("r8", X86_R8), G64("r9", X86_R9), G64("r10", X86_R10), G64("r11", X86_R11),
    G64("r12", X86_R12), G64("r13", X86_R13), G64("r14", X86_R14), G64("r15", X86_R15),
    CORE("rip", 8, "code_ptr", KIND_PC, 0),
    CORE("eflags", 4, "i386_eflags", KIND_EFLAGS, 0),
    COMMON_TAIL,
    XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7),
    XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
    MXCSR, SEGMENT_BASES(8, "int64"), SYSTEM_REGS,
};

static const struct debug_register regs32[] = {
    G32("eax", X86_RAX), G32("ecx", X86_RCX), G32("edx", X86_RDX), G32("ebx", X86_RBX),
    CORE("esp", 4, "data_ptr", KIND_GENERAL, X86_RSP),
    CORE("ebp", 4, "data_ptr", KIND_GENERAL, X86_RBP),
    G32("esi", X86_RSI), G32("edi", X86_RDI),
    CORE("eip", 4, "code_ptr", KIND_PC, 0),
    CORE("eflags", 4, "i386_eflags", KIND_EFLAGS, 0),
    COMMON_TAIL,
    XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7),
    MXCSR, SEGMENT_BASES(4, "int32"), SYSTEM_REGS,
};
/* clang-format on */

static const uint8_t expedited64[] = {16, 7, 6, 0xff}, expedited32[] = {8, 4, 5, 0xff};

static const struct debug_description description64 = {
    .architecture = "i386:x86-64",
    .features = features,
    .types = types,
    .n_features = FEATURE_COUNT,
    .regs = regs64,
    .n_regs = ARRAY_SIZE(regs64),
    .expedited = expedited64,
};

#define DESCRIPTION_OF_32(name)                                                                    \
    {                                                                                              \
        .architecture = (name), .features = features32, .types = types,                            \
        .n_features = FEATURE_COUNT, .regs = regs32, .n_regs = ARRAY_SIZE(regs32),                 \
        .expedited = expedited32,                                                                  \
    }

static const struct debug_description description32 = DESCRIPTION_OF_32("i386");
/* The same registers; GDB then takes code for that of 16 bits. */
static const struct debug_description description16 = DESCRIPTION_OF_32("i8086");

/* Without paging it may become anything (firmware and boot loaders run so); paging that is not that
 * of 64 bits means an operating system of 32. */
static const struct debug_description *description_of_mode(const struct x86_cpu *c)
{
    if (x86_lma(c))
        return &description64;
    return c->cr0 & CR0_PG || !x86_cpuid_bit(c, 0x80000001, 3, 29) ? &description32 : NULL;
}

const struct debug_description *debug_description(const struct vcpu *cpu, enum debug_width width)
{
    return width == DEBUG_WIDTH_16   ? &description16
           : width == DEBUG_WIDTH_32 ? &description32
           : width == DEBUG_WIDTH_64 ? &description64
                                     : description_of_mode((const struct x86_cpu *)cpu);
}

bool debug_paging(const struct vcpu *cpu)
{
    return ((const struct x86_cpu *)cpu)->cr0 & CR0_PG;
}

const char *debug_cpu_state(const struct vcpu *cpu)
{
    const struct x86_cpu *c = (const struct x86_cpu *)cpu;

    return c->shutdown    ? "shut down"
           : c->wait_sipi ? "waiting for its start"
           : cpu->halted  ? "halted"
                          : "running";
}

/* --- reading ---------------------------------------------------------------------------------- */

static uint32_t fpu_word(const struct x86_cpu *c, unsigned word)
{
    switch (word) {
    case FCTRL:
        return ld_le16(c->v.fx + FX_FCW);
    case FSTAT:
        return ld_le16(c->v.fx + FX_FSW);
    case FTAG:
        return x86_fpu_full_tags(&c->v);
    case FIOFF:
        return (uint32_t)x86_fpu_ip(c);
    case FOOFF:
        return (uint32_t)c->fpu_dp;
    case FOP:
        return c->fpu_op;
    default: /* the selectors are always 0 (fpu.h) */
        return 0;
    }
}

static uint64_t read_integer(const struct x86_cpu *c, const struct debug_register *r)
{
    switch (r->kind) {
    case KIND_GENERAL:
        return c->v.greg[r->index];
    case KIND_PC:
        return c->v.pc;
    case KIND_IP:
        return x86_get_ip(c);
    case KIND_EFLAGS:
        return x86_get_eflags(c);
    case KIND_SELECTOR:
        return c->seg[r->index].selector;
    case KIND_BASE:
        return x86_seg_base(c, r->index);
    case KIND_KERNEL_GS:
        return c->kernel_gs_base;
    case KIND_CR:
        return x86_read_cr(c, r->index);
    case KIND_EFER:
        return c->efer;
    case KIND_FPU:
        return fpu_word(c, r->index);
    default:
        return ld_le32(c->v.fx + FX_MXCSR);
    }
}

/* Where the registers that are no integers are. */
static uint8_t *wide_register(struct x86_cpu *c, const struct debug_register *r)
{
    return r->kind == KIND_ST    ? c->v.fx + FX_ST + (size_t)16 * r->index
           : r->kind == KIND_XMM ? c->v.fx + FX_XMM + (size_t)16 * r->index
                                 : NULL;
}

void debug_read_register(struct vcpu *cpu, const struct debug_register *r, uint8_t *buf)
{
    const uint8_t *wide = wide_register(X86_CPU(cpu), r);
    uint8_t raw[8];

    if (!wide)
        st_le64(raw, read_integer(X86_CPU(cpu), r));
    memcpy(buf, wide ? wide : raw, r->bytes);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Also wakes a CPU that is halted: it shall go on there. */
static int write_ip(struct x86_cpu *c, uint64_t v)
{
    if (x86_code64(c) ? !x86_canonical(v) : v > c->seg[X86_CS].limit)
        return -EINVAL;
    x86_set_ip(c, v);
    c->v.halted = c->wait_sipi || c->shutdown;
    c->intr_shadow = c->ss_shadow = false;
    x86_update_mode(c);
    return 0;
}

static int write_pc(struct x86_cpu *c, uint64_t v)
{
    if (x86_code64(c))
        return write_ip(c, v);
    return v >> 32 ? -EINVAL : write_ip(c, (uint32_t)(v - x86_seg_base(c, X86_CS)));
}

static int write_selector(struct x86_cpu *c, unsigned s, uint16_t v)
{
    uint64_t ip = x86_get_ip(c);

    if (v == c->seg[s].selector)
        return 0;
    if (s != X86_CS) {
        x86_load_seg(c, s, v);
        return 0;
    }
    if (x86_protected(c))
        return -EINVAL;
    if (x86_vm(c))
        x86_seg_put_vm86(c, s, v);
    else
        x86_seg_put_real(c, s, v);
    return write_ip(c, ip);
}

static int write_base(struct x86_cpu *c, unsigned s, uint64_t v)
{
    if (v == x86_seg_base(c, s))
        return 0;
    if (s < X86_FS || !x86_code64(c) || !x86_canonical(v))
        return -EINVAL;
    c->v.greg[X86_GREG_SEG_BASE + s] = v;
    return 0;
}

static int write_control(struct x86_cpu *c, unsigned n, uint64_t v)
{
    if (v == x86_read_cr(c, n))
        return 0;
    switch (n) {
    case 0:
        x86_write_cr0(c, v);
        return 0;
    case 2:
        c->cr2 = v;
        return 0;
    case 3:
        x86_write_cr3(c, v);
        return 0;
    case 4:
        x86_write_cr4(c, v);
        return 0;
    default:
        if (v > 15 || !c->apic)
            return -EINVAL;
        c->apic->set_tpr(c->apic_opaque, (uint8_t)(v << 4));
        return 0;
    }
}

static int write_fpu(struct x86_cpu *c, unsigned word, uint32_t v)
{
    uint16_t cw = ld_le16(c->v.fx + FX_FCW), sw = ld_le16(c->v.fx + FX_FSW);

    switch (word) {
    case FCTRL:
    case FSTAT:
        x86_fpu_set_control(&c->v, word == FCTRL ? (uint16_t)v : cw,
                            word == FSTAT ? (uint16_t)v : sw);
        x86_fpu_changed(c);
        break;
    case FTAG:
        c->v.fx[FX_FTW] = x86_fpu_short_tags((uint16_t)v);
        break;
    case FIOFF:
        c->fpu_ip = v;
        c->fpu_ip_off = 0;
        break;
    case FOOFF:
        c->fpu_dp = v;
        break;
    case FOP:
        c->fpu_op = v & 0x7ff;
        break;
    default:
        return v ? -EINVAL : 0;
    }
    return 0;
}

static int write_integer(struct x86_cpu *c, const struct debug_register *r, uint64_t v)
{
    switch (r->kind) {
    case KIND_GENERAL:
        c->v.greg[r->index] = v;
        return 0;
    case KIND_PC:
        return write_pc(c, v);
    case KIND_IP:
        return v == x86_get_ip(c) ? 0 : write_ip(c, v);
    case KIND_EFLAGS:
        x86_set_eflags(c, (uint32_t)v, 0x3f7fd5 & ~EFL_VM);
        return 0;
    case KIND_SELECTOR:
        return v >> 16 ? -EINVAL : write_selector(c, r->index, (uint16_t)v);
    case KIND_BASE:
        return write_base(c, r->index, v);
    case KIND_KERNEL_GS:
        c->kernel_gs_base = x86_canonical(v) ? v : c->kernel_gs_base;
        return x86_canonical(v) ? 0 : -EINVAL;
    case KIND_CR:
        return write_control(c, r->index, v);
    case KIND_EFER:
        x86_write_efer(c, v);
        return 0;
    case KIND_FPU:
        return write_fpu(c, r->index, (uint32_t)v);
    default:
        if (v & ~(uint64_t)MXCSR_VALID)
            return -EINVAL;
        st_le32(c->v.fx + FX_MXCSR, (uint32_t)v);
        return 0;
    }
}

/* What refuses a value raises an exception, as it would in the guest: it lands here. */
static int write_guarded(struct x86_cpu *c, const struct debug_register *r, uint64_t v)
{
    volatile int ret = -EINVAL;

    if (sigsetjmp(c->v.unwind, 0) == 0) {
        ret = write_integer(c, r, v);
    } else {
        c->exc.vector = -1;
    }
    c->v.debug.hit = DEBUG_STOP_NONE; /* descriptors on a watched page */
    vcpu_context_changed(&c->v);
    return ret;
}

int debug_write_register(struct vcpu *cpu, const struct debug_register *r, const uint8_t *buf)
{
    uint8_t *wide = wide_register(X86_CPU(cpu), r), raw[8] = {0};

    if (wide) {
        memcpy(wide, buf, r->bytes);
        return 0;
    }
    memcpy(raw, buf, r->bytes);
    return write_guarded(X86_CPU(cpu), r, ld_le64(raw));
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Up to the end of the section; 0: nothing there. */
static uint64_t access_section(struct addr_space *as, gpa_t addr, uint8_t *buf, uint64_t len,
                               bool write)
{
    struct mem_section s;

    if (!mem_lookup(as, addr, &s))
        return 0;
    len = MIN(len, s.len);
    if (!s.host) {
        len = MIN(len, (uint64_t)8);
        return (write ? addr_space_write(as, addr, buf, len)
                      : addr_space_read(as, addr, buf, len)) == MEM_RESULT_OK
                   ? len
                   : 0;
    }
    if (!write) {
        memcpy(buf, s.host, len);
    } else {
        memcpy(s.host, buf, len);
        dirty_mark_cpu(s.ram, len);
        tb_invalidate_ram(s.ram, len);
    }
    return len;
}

uint64_t debug_access_physical(struct vcpu *cpu, gpa_t addr, void *buf, uint64_t len, bool write)
{
    uint64_t done = 0, n;

    for (; done < len; done += n) {
        n = access_section(x86_as(cpu), addr + done, (uint8_t *)buf + done, len - done, write);
        if (!n)
            break;
    }
    return done;
}

uint64_t debug_access_memory(struct vcpu *cpu, gva_t addr, void *buf, uint64_t len, bool write)
{
    uint64_t done = 0;

    while (done < len) {
        uint64_t left, n;
        gpa_t gpa;

        if (!x86_walk_quiet(X86_CPU(cpu), addr + done, &gpa, &left))
            break;
        left = MIN(left, len - done);
        n = debug_access_physical(cpu, gpa, (uint8_t *)buf + done, left, write);
        done += n;
        if (n < left)
            break;
    }
    return done;
}
