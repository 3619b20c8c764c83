/* SPDX-License-Identifier: MIT */
/*
 * Bare-metal guest: a VGA's planes as memory that is a device. With all planes open and nothing set in
 * the graphics controller they keep what is stored, so that every instruction has to do there what it
 * does in RAM; then faults, breakpoints and code behind the device. Run by tests/sys/x86/pcdev.
 */
#include "lib.h"

#define VGA 0xa0000u

enum { AREA = 64, PATTERN = 0x5a };

static uint8_t ram[8192] __attribute__((aligned(4096)));
static uint32_t directory[1024] __attribute__((aligned(4096))), table[1024] __attribute__((aligned(4096)));

/* --- the adapter --- */

static void outw(uint16_t port, uint16_t v)
{
    asm volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static void outl(uint16_t port, uint32_t v)
{
    asm volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static uint32_t inl(uint16_t port)
{
    uint32_t v;
    asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static void seq(unsigned index, unsigned v)
{
    outw(0x3c4, (uint16_t)(index | v << 8));
}

static void gc(unsigned index, unsigned v)
{
    outw(0x3ce, (uint16_t)(index | v << 8));
}

#define MMIO 0xfe000000u

static bool has_mmio;

/* A VGA's registers as memory, by its third BAR. */
static void map_registers(unsigned devfn)
{
    outl(0xcf8, 0x80000018 | devfn << 8);
    outl(0xcfc, MMIO);
    has_mmio = inl(0xcfc) == MMIO;
}

/* Ports and memory of the display function on. */
static bool enable(void)
{
    for (unsigned devfn = 0; devfn < 256; devfn += 8) {
        outl(0xcf8, 0x80000008 | devfn << 8);
        if (inl(0xcfc) >> 24 == 3) {
            map_registers(devfn);
            outl(0xcf8, 0x80000004 | devfn << 8);
            outl(0xcfc, 3);
            return true;
        }
    }
    return false;
}

static void planar(unsigned planes)
{
    seq(4, 6);
    seq(2, planes);
}

static void chained(void)
{
    seq(4, 0x0e);
    seq(2, 0x0f);
}

static void setup(void)
{
    for (unsigned i = 0; i < 8; i++)
        gc(i, 0);
    gc(6, 5); /* graphics, 64 KiB at A0000h */
    gc(8, 0xff);
    seq(0, 3);
    planar(0x0f);
}

/* --- the same instruction on RAM and on the device --- */

struct outcome {
    uint32_t value, flags;
    uint8_t bytes[AREA];
};

#define FORM(name, insns)                                                                          \
    static uint32_t name(volatile uint8_t *p, uint32_t *flags)                                     \
    {                                                                                              \
        uint32_t v = 0x12345678;                                                                   \
        asm volatile("cmp %%eax, %%eax\n\t" insns "\n\tpushf\n\tpop %1"                            \
                     : "+a"(v), "=m"(*flags)                                                       \
                     : "D"(p)                                                                      \
                     : "ebx", "ecx", "edx", "esi", "memory", "cc");                                \
        return v;                                                                                  \
    }

FORM(store_byte, "movb %%al, (%%edi)")
FORM(store_high, "movb %%ah, 5(%%edi)")
FORM(store_word, "movw %%ax, 1(%%edi)")
FORM(store_dword, "movl %%eax, 3(%%edi)")
FORM(store_imm8, "movb $0x81, (%%edi)")
FORM(store_imm16, "movw $0x8181, (%%edi)")
FORM(store_imm32, "movl $0x81828384, (%%edi)")
FORM(store_many, "movl $9, %%ecx; 1: movl %%eax, (%%edi,%%ecx,4); movb %%cl, 1(%%edi,%%ecx,2); loop 1b")
FORM(store_stack, "push %%eax; push $77; movl %%eax, (%%edi); popl 8(%%edi); pop %%eax")
FORM(load_byte, "movb 7(%%edi), %%al")
FORM(load_high, "movb 7(%%edi), %%ah")
FORM(load_word, "movw 1(%%edi), %%ax")
FORM(load_dword, "movl 1(%%edi), %%eax")
FORM(load_zero, "movzbl 2(%%edi), %%eax")
FORM(load_sign, "orb $0x80, 2(%%edi); movsbl 2(%%edi), %%eax")
FORM(compare_byte, "cmpb $0x5b, (%%edi); sbb %%eax, %%eax")
FORM(load_add, "addl 4(%%edi), %%eax")
FORM(add_byte, "addb $0xc0, (%%edi)")
FORM(add_dword, "addl %%eax, 2(%%edi)")
FORM(adc_dword, "stc; adcl %%eax, 2(%%edi)")
FORM(and_byte, "andb $0x18, (%%edi)")
FORM(or_word, "orw $0x8001, (%%edi)")
FORM(xor_dword, "xorl %%eax, 8(%%edi)")
FORM(not_byte, "notb (%%edi)")
FORM(neg_dword, "negl (%%edi)")
FORM(inc_byte, "incb (%%edi)")
FORM(dec_dword, "decl 1(%%edi)")
FORM(shift_byte, "shlb $3, (%%edi)")
FORM(rotate_dword, "rcrl $5, (%%edi)")
FORM(bts_dword, "btsl $0, 4(%%edi)")
FORM(btc_far, "movl $77, %%ecx; btcl %%ecx, (%%edi)")
FORM(setcc_byte, "sete (%%edi)")
FORM(xchg_byte, "xchgb %%al, (%%edi)")
FORM(xchg_dword, "xchgl %%eax, 1(%%edi)")
FORM(xadd_dword, "xaddl %%eax, (%%edi)")
FORM(lock_xadd, "lock xaddl %%eax, (%%edi)")
FORM(lock_or, "lock orb $0x24, (%%edi)")
FORM(lock_not, "lock notl 4(%%edi)")
FORM(cmpxchg_hit, "movl (%%edi), %%eax; movl $0x11223344, %%ecx; lock cmpxchgl %%ecx, (%%edi)")
FORM(cmpxchg_miss, "movl $0x11223344, %%ecx; cmpxchgl %%ecx, (%%edi)")
FORM(cmpxchg8b, "movl (%%edi), %%eax; movl 4(%%edi), %%edx; movl $1, %%ebx; movl $2, %%ecx; lock cmpxchg8b (%%edi)")
FORM(x87_store, "fninit; fld1; fstpl 8(%%edi); fldpi; fstpt 20(%%edi); fildl 4(%%edi); fistpl (%%edi)")
FORM(stosb, "movl $21, %%ecx; push %%edi; rep stosb; movl %%edi, %%eax; pop %%edi; subl %%edi, %%eax")
FORM(stosw, "movl $9, %%ecx; push %%edi; incl %%edi; rep stosw; pop %%edi")
FORM(stosd, "movl $7, %%ecx; push %%edi; rep stosl; pop %%edi")
FORM(stosd_down, "std; movl $7, %%ecx; push %%edi; addl $32, %%edi; rep stosl; pop %%edi; cld")
FORM(movsb, "movl $21, %%ecx; push %%edi; movl %%edi, %%esi; addl $3, %%edi; rep movsb; pop %%edi")
FORM(movsd, "movl $5, %%ecx; push %%edi; leal 24(%%edi), %%esi; rep movsl; pop %%edi")
FORM(movsw_down, "std; movl $5, %%ecx; push %%edi; leal 40(%%edi), %%esi; addl $12, %%edi; rep movsw; pop %%edi; cld")
FORM(lodsb, "movl $5, %%ecx; movl %%edi, %%esi; rep lodsb")
FORM(scasb, "movl $40, %%ecx; push %%edi; movb $0x61, %%al; repne scasb; pop %%edi; movl %%ecx, %%eax")
FORM(cmpsb, "movl $40, %%ecx; push %%edi; leal 1(%%edi), %%esi; repe cmpsb; pop %%edi; movl %%ecx, %%eax")
FORM(to_stack, "movl %%esp, %%esi; leal 48(%%edi), %%esp; push %%eax; pusha; movl %%esi, %%esp; movl $0, 28(%%edi);"
               "movl $0, 12(%%edi); movl $0, 16(%%edi); movl $0, 24(%%edi); movl $0, 20(%%edi); movl $0, 32(%%edi);"
               "movl $0, 36(%%edi)")

static const struct form {
    const char *name;
    uint32_t (*fn)(volatile uint8_t *p, uint32_t *flags);
} forms[] = {
#define F(name) {#name, name}
    F(store_byte), F(store_high), F(store_word), F(store_dword), F(store_imm8), F(store_imm16), F(store_imm32),
    F(store_many), F(store_stack), F(load_byte), F(load_high), F(load_word), F(load_dword), F(load_zero),
    F(load_sign), F(compare_byte), F(load_add), F(add_byte), F(add_dword), F(adc_dword), F(and_byte), F(or_word),
    F(xor_dword), F(not_byte), F(neg_dword), F(inc_byte), F(dec_dword), F(shift_byte), F(rotate_dword), F(bts_dword),
    F(btc_far), F(setcc_byte), F(xchg_byte), F(xchg_dword), F(xadd_dword), F(lock_xadd), F(lock_or), F(lock_not),
    F(cmpxchg_hit), F(cmpxchg_miss), F(cmpxchg8b), F(x87_store), F(stosb), F(stosw), F(stosd), F(stosd_down), F(movsb),
    F(movsd), F(movsw_down), F(lodsb), F(scasb), F(cmpsb), F(to_stack),
};

static void try(const struct form *f, volatile uint8_t *p, struct outcome *out)
{
    for (unsigned i = 0; i < AREA; i++)
        p[i] = PATTERN + (uint8_t)i;
    out->value = f->fn(p, &out->flags);
    out->flags &= 0xcc5; /* OF DF SF ZF PF CF: AF is undefined after shifts */
    for (unsigned i = 0; i < AREA; i++)
        out->bytes[i] = p[i];
}

static bool same(const struct outcome *a, const struct outcome *b)
{
    for (unsigned i = 0; i < AREA; i++)
        if (a->bytes[i] != b->bytes[i])
            return false;
    return a->value == b->value && a->flags == b->flags;
}

/* At the same place in a page, wherever it is. */
static void test_forms(const char *where, uint32_t addr)
{
    static struct outcome want, got;

    for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        for (unsigned round = 0; round < 2; round++) {
            try(&forms[i], ram + (addr & 4095), &want);
            try(&forms[i], (volatile uint8_t *)addr, &got);
            report(same(&want, &got), forms[i].name, "%s, round %d: %x flags %x, not %x %x", where, round, got.value,
                   got.flags, want.value, want.flags);
        }
    }
}

/* --- planes and latches --- */

static uint8_t plane(unsigned n, uint32_t off)
{
    gc(4, n);
    return *(volatile uint8_t *)(VGA + off);
}

static uint32_t planes(uint32_t off)
{
    uint32_t v = plane(0, off) | plane(1, off) << 8 | plane(2, off) << 16 | (uint32_t)plane(3, off) << 24;

    gc(4, 0);
    return v;
}

static void test_planes(void)
{
    volatile uint8_t *vga = (volatile uint8_t *)VGA;

    vga[0x200] = 0;
    planar(5);
    vga[0x200] = 0x77;
    compare("two planes", planes(0x200), 0x00770077);
    planar(15);
    gc(8, 0xf0);
    (void)vga[0x200];
    vga[0x200] = 0x88;
    compare("bits from the latches", planes(0x200), 0x80878087);
    gc(8, 0xff);
    gc(5, 1);
    (void)vga[0x200];
    asm volatile("rep movsb" : : "S"(VGA + 0x200), "D"(VGA + 0xffe), "c"(1) : "memory");
    vga[0xfff] = 0;
    vga[0x1000] = 0xff;
    compare("write mode 1, REP MOVSB", planes(0xffe), 0x80878087);
    compare("write mode 1, the last of a page", planes(0xfff), 0x80878087);
    compare("write mode 1, the first of one", planes(0x1000), 0x80878087);
    gc(5, 2);
    gc(8, 0x0f);
    (void)vga[0x200];
    *(volatile uint32_t *)(VGA + 0x300) = 0x0f0a0500;
    compare("write mode 2", planes(0x302), 0x8f808f80);
    gc(5, 0);
    gc(8, 0xff);
    gc(3, 0x18);
    (void)vga[0x302];
    asm volatile("xchgb %%al, (%0)" : : "r"(VGA + 0x303), "a"(0xff) : "memory");
    gc(3, 0);
    gc(4, 0);
}

/* --- a window of two halves --- */

/* Each has a bank of its own in a Cirrus; an access may be in both. */
static void test_halves(void)
{
    seq(6, 0x12);
    gc(0x0b, 1);
    gc(9, 1);
    gc(0x0a, 0x20);
    test_forms("across the halves", VGA + 0x7ffe);
    gc(9, 0);
    gc(0x0a, 0);
    gc(0x0b, 0);
}

/* --- a store that changes what is mapped, between others to it --- */

#define CHANGE(name, insns)                                                                        \
    static void name(void)                                                                         \
    {                                                                                              \
        static const uint16_t only_second = 0x0202;                                                \
        uint32_t v = only_second;                                                                  \
        asm volatile("movl (%%edi), %%ecx; movl 4(%%edi), %%ecx; movb $0x10, 8(%%edi)\n\t" insns     \
                     "\n\tmovb $0x11, 8(%%edi); movb $0x22, 9(%%edi); movb $0x33, 10(%%edi)"          \
                     : "+a"(v)                                                                     \
                     : "D"(VGA + 0x600), "d"(MMIO + 0x404), "S"(&only_second)                      \
                     : "ecx", "memory", "cc");                                                     \
    }

CHANGE(change_imm, "movw $0x0202, (%%edx)")
CHANGE(change_reg, "movw %%ax, (%%edx)")
CHANGE(change_pop, "pushw %%ax; popw (%%edx)")
CHANGE(change_xchg, "xchgw %%ax, (%%edx)")
CHANGE(change_and, "movb $2, (%%edx); andb $2, 1(%%edx)")
CHANGE(change_movs, "xchg %%edi, %%edx; movsw; xchg %%edi, %%edx; subl $2, %%edx")
CHANGE(change_rep, "movl $1, %%ecx; xchg %%edi, %%edx; rep stosw; xchg %%edi, %%edx; subl $2, %%edx")
CHANGE(change_x87, "fninit; pushl $0x202; fildl (%%esp); pop %%ecx; fistps (%%edx)")

static void test_changes(void)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } changes[] = {F(change_imm), F(change_reg), F(change_pop), F(change_xchg),
                   F(change_and), F(change_movs), F(change_rep), F(change_x87)};
    volatile uint32_t *there = (volatile uint32_t *)(VGA + 0x608);

    for (unsigned i = 0; has_mmio && i < 3 * sizeof(changes) / sizeof(changes[0]); i++) {
        chained();
        *there = 0;
        changes[i / 3].fn();
        chained();
        compare(changes[i / 3].name, *there, 0x2210);
    }
    planar(15);
}

/* --- faults: in the middle, with nothing done --- */

static void map_pages(void)
{
    for (unsigned i = 0; i < 1024; i++) {
        directory[i] = i << 22 | 0x83;
        table[i] = i << 12 | 3;
    }
    directory[0] = (uint32_t)table | 3;
    set_cr4(get_cr4() | 0x10);
    set_cr3((uint32_t)directory);
    set_cr0(get_cr0() | 0x80010000);
}

static void protect(uint32_t addr, unsigned bits)
{
    table[addr >> 12] = addr | bits;
    invlpg(addr);
}

static void store_there(void)
{
    asm volatile("movl $0x12345678, (%0)" : : "r"(VGA + 0x1ffe) : "memory");
}

static void fill_there(void)
{
    asm volatile("rep stosl" : : "D"(VGA + 0x1ff0), "c"(8), "a"(0x01010101) : "memory");
}

static void swap_there(void)
{
    asm volatile("xchgb %%al, (%0)" : : "r"(VGA + 0x2000), "a"(9) : "memory");
}

static void test_faults(void)
{
    volatile uint8_t *vga = (volatile uint8_t *)VGA;

    map_pages();
    vga[0x1ffe] = vga[0x1fff] = vga[0x2000] = 0x66;
    protect(VGA + 0x2000, 1);
    expect("a store into a read-only page", store_there, PF, 3);
    compare("its address", caught_cr2, VGA + 0x2000);
    compare("nothing of it is done", vga[0x1ffe], 0x66);
    expect("XCHG with one", swap_there, PF, 3);
    compare("which reads", vga[0x2000], 0x66);
    protect(VGA + 0x2000, 0);
    expect("REP STOSD into a page that is not there", fill_there, PF, 2);
    compare("four are done", caught.ecx, 4);
    compare("EDI is at the fifth", caught.edi, VGA + 0x2000);
    compare("the fourth is there", vga[0x1fff], 1);
    protect(VGA + 0x2000, 3);
    expect("once it is", fill_there, -1, 0);
    compare("all are there", vga[0x200f], 1);
    compare("D is set", table[(VGA + 0x2000) >> 12] & 0x60, 0x60);
}

/* --- breakpoints --- */

static unsigned hits;

static bool on_db(struct trap_frame *f)
{
    if (f->vector != DB)
        return false;
    hits++;
    asm volatile("mov %0, %%dr6" : : "r"(0));
    return true;
}

static void test_watch(void)
{
    volatile uint8_t *vga = (volatile uint8_t *)VGA;

    vga[0x404] = vga[0x408] = 0;
    trap_hook = on_db;
    asm volatile("mov %0, %%dr0; mov %1, %%dr7" : : "r"(VGA + 0x404), "r"(0x401 | 1 << 16 | 3 << 18));
    vga[0x403] = 1;
    compare("a store beside a breakpoint", hits, 0);
    vga[0x406] = 2;
    compare("a store to one", hits, 1);
    asm volatile("xchgb %%al, (%0); nop" : : "r"(VGA + 0x407), "a"(3) : "memory");
    compare("XCHG with one", hits, 2);
    asm volatile("rep stosb" : : "D"(VGA + 0x400), "c"(8), "a"(4) : "memory");
    CHECK(hits > 2, "REP STOSB over one");
    asm volatile("mov %0, %%dr7" : : "r"(0x400));
    trap_hook = NULL;
    compare("they are done", vga[0x407], 4);
}

/* --- code behind the planes --- */

static uint32_t call(uint32_t addr)
{
    return ((uint32_t(*)(void))addr)();
}

static void test_code(void)
{
    static const uint8_t code[] = {0xb8, 1, 0, 0, 0, 0xc3}; /* mov $1, %eax; ret */
    volatile uint8_t *vga = (volatile uint8_t *)VGA;

    for (unsigned round = 0; round < 3; round++) {
        chained();
        for (unsigned i = 0; i < sizeof(code); i++)
            vga[0x500 + i] = code[i];
        compare("code in video memory", call(VGA + 0x500), 1);
        planar(1 << 1);
        vga[0x500 / 4] = (uint8_t)(7 + round);
        chained();
        compare("changed through a plane", call(VGA + 0x500), 7 + round);
        planar(1 << 1);
        asm volatile("rep stosb" : : "D"(VGA + 0x500 / 4), "c"(1), "a"(round + 70) : "memory");
        chained();
        compare("changed by REP STOSB", call(VGA + 0x500), 70 + round);
    }
    planar(15);
}

int main(void)
{
    if (!enable()) {
        report(false, "display", "no adapter");
        return 0;
    }
    setup();
    test_forms("in a page", VGA + 0x100);
    test_forms("across two", VGA + 0xfe0);
    test_forms("an access across two", VGA + 0xffe);
    test_forms("from RAM into it", VGA - 0x20);
    test_forms("an access from RAM into it", VGA - 2);
    test_halves();
    test_planes();
    test_changes();
    test_code();
    test_faults();
    test_forms("with paging", VGA + 0x2ffe);
    test_watch();
    return 0;
}
