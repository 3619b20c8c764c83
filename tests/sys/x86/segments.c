/* SPDX-License-Identifier: MIT */
/*
 * Segmentation in 32-bit protected mode: loads with every check and error code, limits, expand-down,
 * conforming code, LAR, LSL, VERR, VERW, ARPL, LDT. Intel SDM vol. 3A, chapters 3 and 5.
 */
#include "lib.h"

enum { S0 = TEST_SEL, S1 = TEST_SEL + 8, S2 = TEST_SEL + 16, LDT = TEST_SEL + 24 };
#define BEYOND 0xfff8

static uint16_t sel; /* what the functions below load */
static uint32_t off; /* what they access */
static uint8_t buffer[8192] __attribute__((aligned(4096)));

static void load_ds(void)
{
    asm volatile("mov %w0, %%ds" : : "r"(sel));
}
static void load_es(void)
{
    asm volatile("mov %w0, %%es; mov %w1, %%es" : : "r"(sel), "r"(KDATA));
}
static void load_fs(void)
{
    asm volatile("mov %w0, %%fs" : : "r"(sel));
}
static void load_ss(void)
{
    asm volatile("mov %w0, %%ss" : : "r"(sel));
}
static void pop_fs(void)
{
    asm volatile("push %0; pop %%fs" : : "r"((uint32_t)sel));
}
static void read_fs(void)
{
    asm volatile("mov %w0, %%fs; movl %%fs:(%1), %%eax" : : "r"(sel), "r"(off) : "eax");
}
static void read_fs_byte(void)
{
    asm volatile("mov %w0, %%fs; movb %%fs:(%1), %%al" : : "r"(sel), "r"(off) : "eax");
}
static void write_fs(void)
{
    asm volatile("mov %w0, %%fs; movl $1, %%fs:(%1)" : : "r"(sel), "r"(off));
}
static void lfs(void)
{
    struct { uint32_t off; uint16_t sel; } p = {0, sel};
    asm volatile("lfs %0, %%eax" : : "m"(p) : "eax");
}
static void lldt(void)
{
    asm volatile("lldt %w0" : : "r"(sel));
}
static void ltr(void)
{
    asm volatile("ltr %w0" : : "r"(sel));
}

static void test_data_loads(void)
{
    sel = 0;
    expect("load null FS", load_fs, -1, 0);
    sel = 3;
    expect("load null FS with RPL 3", load_fs, -1, 0);
    sel = 0;
    off = 0;
    expect("read through null", read_fs, GP, 0);
    sel = BEYOND;
    expect("load DS beyond GDT", load_ds, GP, BEYOND);
    sel = BEYOND | 3;
    expect("error code without RPL", load_ds, GP, BEYOND);
    sel = 4;
    expect("load DS from absent LDT", load_ds, GP, 4);
    sel = S0;
    set_gdt(S0, 0);
    expect("system type 0", load_ds, GP, S0);
    set_gdt(S0, descriptor(0, 0xfffff, 0x98, F_G | F_D));
    expect("execute-only code in FS", load_fs, GP, S0);
    set_gdt(S0, descriptor(0, 0xfffff, 0x9a, F_G | F_D));
    expect("readable code in FS", load_fs, -1, 0);
    CHECK(gdt[S0 / 8] >> 40 & 1, "accessed bit set");
    set_gdt(S0, descriptor(0, 0xfffff, 0x12, F_G | F_D));
    expect("absent data segment", load_ds, NP, S0);
    sel = S0 | 3;
    set_gdt(S0, descriptor(0, 0xfffff, 0x92, F_G | F_D));
    expect("RPL above DPL", load_ds, GP, S0);
    sel = S0 | 3;
    set_gdt(S0, descriptor(0, 0xfffff, 0x12, F_G | F_D));
    expect("privilege before presence", load_ds, GP, S0);
    set_gdt(S0, descriptor(0, 0xfffff, 0x9e, F_G | F_D));
    expect("conforming code ignores RPL", load_fs, -1, 0);
    sel = S0 | 3;
    set_gdt(S0, descriptor(0, 0xfffff, 0x92, F_G | F_D));
    expect_user("ring 3 loads DPL 0 data", load_fs, GP, S0);
    set_gdt(S0, descriptor(0, 0xfffff, 0x9e, F_G | F_D));
    expect_user("ring 3 loads conforming code", load_fs, -1, 0);
    set_gdt(S0, descriptor(0, 0xfffff, 0x9a, F_G | F_D));
    expect_user("ring 3 loads DPL 0 code", load_fs, GP, S0);
    sel = S0;
    set_gdt(S0, descriptor(0, 0xfffff, 0x12, F_G | F_D));
    expect("POP FS absent", pop_fs, NP, S0);
    expect("LFS absent", lfs, NP, S0);
    expect("MOV ES absent", load_es, NP, S0);
}

static void test_ss_loads(void)
{
    sel = 0;
    expect("null SS", load_ss, GP, 0);
    sel = BEYOND;
    expect("SS beyond GDT", load_ss, GP, BEYOND);
    sel = S0;
    set_gdt(S0, descriptor(0, 0xfffff, 0x90, F_G | F_D));
    expect("SS read-only", load_ss, GP, S0);
    set_gdt(S0, descriptor(0, 0xfffff, 0x9a, F_G | F_D));
    expect("SS code", load_ss, GP, S0);
    set_gdt(S0, descriptor(0, 0xfffff, 0xf2, F_G | F_D));
    expect("SS DPL 3 in ring 0", load_ss, GP, S0);
    sel = S0 | 3;
    set_gdt(S0, descriptor(0, 0xfffff, 0x92, F_G | F_D));
    expect("SS RPL 3 in ring 0", load_ss, GP, S0);
    sel = S0;
    set_gdt(S0, descriptor(0, 0xfffff, 0x12, F_G | F_D));
    expect("SS absent", load_ss, SS, S0);
    sel = S0 | 3;
    set_gdt(S0, descriptor(0, 0xfffff, 0x72, F_G | F_D));
    expect_user("ring 3 SS absent", load_ss, SS, S0);
}

static void test_limits(void)
{
    sel = S0;
    set_gdt(S0, descriptor((uint32_t)buffer, 0xfff, 0x92, F_D));
    off = 0xffc;
    expect("last dword in limit", read_fs, -1, 0);
    off = 0xffd;
    expect("dword across limit", read_fs, GP, 0);
    off = 0xfff;
    expect("last byte in limit", read_fs_byte, -1, 0);
    off = 0x1000;
    expect("byte beyond limit", read_fs_byte, GP, 0);
    off = 0xffffffff;
    expect("dword wraps 4 GiB", read_fs, GP, 0);
    off = 0xffc;
    expect("write in limit", write_fs, -1, 0);
    set_gdt(S0, descriptor((uint32_t)buffer, 0xfff, 0x90, F_D));
    expect("write to read-only", write_fs, GP, 0);
    expect("read of read-only", read_fs, -1, 0);
    set_gdt(S0, descriptor((uint32_t)buffer, 0xfff, 0x9a, F_D));
    expect("write to code", write_fs, GP, 0);
    set_gdt(S0, descriptor((uint32_t)buffer, 0, 0x92, F_G | F_D));
    off = 0xffc;
    expect("page granular limit 0", read_fs, -1, 0);
    off = 0x1000;
    expect("beyond page granular limit 0", read_fs_byte, GP, 0);
}

static void test_expand_down(void)
{
    sel = S0;
    set_gdt(S0, descriptor(0, 0xfff, 0x96, F_D));
    off = 0x1000;
    expect("expand-down above limit", read_fs, -1, 0);
    off = 0xfff;
    expect("expand-down at limit", read_fs_byte, GP, 0);
    off = 0xffd;
    expect("expand-down across limit", read_fs, GP, 0);
    set_gdt(S0, descriptor(0, 0xfff, 0x96, 0));
    off = 0xfffc;
    expect("16-bit expand-down below FFFF", read_fs, -1, 0);
    off = 0xfffd;
    expect("16-bit expand-down across FFFF", read_fs, GP, 0);
    off = 0x10000;
    expect("16-bit expand-down above FFFF", read_fs_byte, GP, 0);
    set_gdt(S0, descriptor(0, 0xffff, 0x96, 0));
    off = 0xffff;
    expect("empty expand-down", read_fs_byte, GP, 0);
}

static uint32_t user_off;
static void user_stack_read(void)
{
    asm volatile("mov %w0, %%ss; mov %1, %%esp; pop %%eax" : : "r"(sel), "r"(user_off) : "eax");
}
static void user_stack_write(void)
{
    asm volatile("mov %w0, %%ss; mov %1, %%esp; push %%eax" : : "r"(sel), "r"(user_off) : "eax");
}
static void user_stack_bp(void)
{
    asm volatile("mov %w0, %%ss; mov %1, %%ebp; mov (%%ebp), %%eax" : : "r"(sel), "r"(user_off) : "eax", "ebp");
}

/* The slot of a selector may reach beyond the limit, the selector may not. */
static void user_pop_sreg(void)
{
    asm volatile("mov %w0, %%ss; mov %1, %%esp; pop %%es; int $0x80" : : "r"(sel), "r"(user_off));
}
static void user_push_sreg(void)
{
    asm volatile("mov %w0, %%ss; mov %1, %%esp; push %%es; int $0x80" : : "r"(sel), "r"(user_off));
}
static void user_retf(void)
{
    asm volatile("mov %w0, %%ss; mov %1, %%esp; lret; .globl user_retf_to; user_retf_to: int $0x80"
                 : : "r"(sel), "r"(user_off));
}
static void user_lcall(void)
{
    asm volatile("mov %w0, %%ss; mov %1, %%esp; lcall %2, $1f; 1: int $0x80"
                 : : "r"(sel), "r"(user_off), "i"(UCODE));
}

static void iret_out(void)
{
    asm volatile("mov %w0, %%ss; mov %1, %%esp; iretl" : : "r"(sel), "r"(user_off));
}
static void user_end(void)
{
    asm volatile("int $0x80");
}

/* The frame of an IRET to ring 3 whose SS is at `ss_at`. */
static void put_iret_frame(uint32_t ss_at)
{
    uint32_t frame[4] = {(uint32_t)user_end, UCODE, 2, (uint32_t)buffer + 0x800};

    user_off = ss_at - 16;
    for (unsigned i = 0; i < 4; i++)
        *(uint32_t *)(buffer + user_off + 4 * i) = frame[i];
    *(uint16_t *)(buffer + ss_at) = UDATA;
}

static void test_iret_slot(void)
{
    sel = S0;
    set_gdt(S0, descriptor((uint32_t)buffer, 0xfff, 0x92, F_D));
    put_iret_frame(0xffe);
    expect("IRET, SS at the stack's end", iret_out, 0x80, 0);
}

static void test_selector_slots(void)
{
    extern char user_retf_to[];

    *(uint16_t *)(buffer + 0xffe) = UDATA;
    user_off = 0xffe;
    expect_user("POP ES, selector at the stack's end", user_pop_sreg, -1, 0);
    user_off = 0xfff;
    expect_user("POP ES, selector across the stack's end", user_pop_sreg, SS, 0);
    user_off = 0x1002;
    expect_user("PUSH ES, selector at the stack's end", user_push_sreg, -1, 0);
    user_off = 0x1003;
    expect_user("PUSH ES, selector across the stack's end", user_push_sreg, SS, 0);
    *(uint16_t *)(buffer + 0xffe) = UCODE;
    *(uint32_t *)(buffer + 0xffa) = (uint32_t)user_retf_to;
    user_off = 0xffa;
    expect_user("RETF, CS at the stack's end", user_retf, -1, 0);
    user_off = 0xffb;
    expect_user("RETF, CS across the stack's end", user_retf, SS, 0);
    user_off = 0x1000;
    expect_user("far CALL, CS in a whole slot", user_lcall, -1, 0);
    user_off = 0x1001;
    expect_user("far CALL, CS across the stack's end", user_lcall, SS, 0);
}

static void test_stack_faults(void)
{
    sel = S0 | 3;
    set_gdt(S0, descriptor((uint32_t)buffer, 0xfff, 0xf2, F_D));
    user_off = 0x1000;
    expect_user("POP beyond the stack", user_stack_read, SS, 0);
    user_off = 0xffd;
    expect_user("POP across the stack's end", user_stack_read, SS, 0);
    user_off = 0x1001;
    expect_user("PUSH across the stack's end", user_stack_write, SS, 0);
    user_off = 2;
    expect_user("PUSH wraps below 0", user_stack_write, SS, 0);
    user_off = 0x2000;
    expect_user("[EBP] beyond the stack", user_stack_bp, SS, 0);
    test_selector_slots();
    test_iret_slot();
}

static uint32_t last_zf;
static uint32_t do_lar(uint16_t s)
{
    uint32_t v = 0xdeadbeef;
    asm volatile("lar %w2, %0; setz %b1" : "+r"(v), "=q"(last_zf) : "r"(s));
    last_zf &= 1;
    return v;
}
static uint32_t do_lsl(uint16_t s)
{
    uint32_t v = 0xdeadbeef;
    asm volatile("lsl %w2, %0; setz %b1" : "+r"(v), "=q"(last_zf) : "r"(s));
    last_zf &= 1;
    return v;
}
static bool do_verr(uint16_t s)
{
    bool z;
    asm volatile("verr %w1; setz %0" : "=q"(z) : "r"(s));
    return z;
}
static bool do_verw(uint16_t s)
{
    bool z;
    asm volatile("verw %w1; setz %0" : "=q"(z) : "r"(s));
    return z;
}

static void test_rights(void)
{
    compare("LAR data", do_lar(KDATA), 0xcf9300);
    compare("LAR ZF", last_zf, 1);
    compare("LAR null", do_lar(0), 0xdeadbeef);
    compare("LAR null ZF", last_zf, 0);
    compare("LAR beyond", do_lar(BEYOND), 0xdeadbeef);
    compare("LAR TSS", do_lar(TSS), 0x8b00);
    compare("LSL flat", do_lsl(KDATA), 0xffffffff);
    compare("LSL TSS", do_lsl(TSS), sizeof(tss) - 1);
    set_gdt(S0, gate(0, KCODE, 0x8c, 0));
    compare("LAR call gate", do_lar(S0) & 0xff00, 0x8c00);
    compare("LSL call gate", do_lsl(S0), 0xdeadbeef);
    set_gdt(S0, gate(0, KCODE, 0x8e, 0));
    compare("LAR interrupt gate", do_lar(S0), 0xdeadbeef);
    set_gdt(S0, descriptor(0, 0, 0x12, 0));
    compare("LAR absent segment", do_lar(S0), 0x1200);
    compare("LAR RPL 3 of DPL 0", do_lar(S0 | 3), 0xdeadbeef);
    set_gdt(S0, descriptor(0, 0, 0x9e, 0));
    compare("LAR conforming", do_lar(S0 | 3), 0x9e00);
    CHECK(do_verr(KDATA) && do_verw(KDATA), "VERR and VERW of data");
    CHECK(do_verr(KCODE) && !do_verw(KCODE), "VERR and VERW of code");
    CHECK(!do_verr(0) && !do_verw(0), "VERR null");
    CHECK(!do_verr(TSS), "VERR TSS");
    CHECK(!do_verr(KDATA | 3), "VERR RPL 3");
    set_gdt(S0, descriptor(0, 0, 0x98, 0));
    CHECK(!do_verr(S0), "VERR execute-only");
    set_gdt(S0, descriptor(0, 0, 0x90, 0));
    CHECK(do_verr(S0) && !do_verw(S0), "VERW read-only");
}

static void arpl_fs(void)
{
    uint16_t b = 3;

    load_fs();
    asm volatile("arpl %w0, %%fs:(%1)" : : "r"(b), "r"(off) : "memory");
}

static void test_arpl(void)
{
    uint16_t a = KDATA, b = 3;
    bool z;

    asm volatile("arpl %w2, %w0; setz %1" : "+r"(a), "=q"(z) : "r"(b));
    CHECK(a == (KDATA | 3) && z, "ARPL raises");
    b = 1;
    asm volatile("arpl %w2, %w0; setz %1" : "+r"(a), "=q"(z) : "r"(b));
    CHECK(a == (KDATA | 3) && !z, "ARPL keeps");
    set_gdt(S0, descriptor((uint32_t)buffer, 0xff, 0x90, F_D));
    sel = S0;
    off = 0;
    *(uint16_t *)buffer = KDATA | 3;
    expect("ARPL without a change, read-only segment", arpl_fs, -1, 0);
    *(uint16_t *)buffer = KDATA;
    expect("ARPL with a change, read-only segment", arpl_fs, GP, 0);
    CHECK(*(uint16_t *)buffer == KDATA, "ARPL that faults writes nothing");
    set_gdt(S0, descriptor((uint32_t)buffer, 0xff, 0x92, F_D));
    expect("ARPL, writable segment", arpl_fs, -1, 0);
    CHECK(*(uint16_t *)buffer == (KDATA | 3), "ARPL writes memory");
    off = 0xff;
    expect("ARPL beyond the limit", arpl_fs, GP, 0);
}

static uint64_t ldt[4];

static void test_ldt(void)
{
    sel = LDT;
    set_gdt(LDT, descriptor((uint32_t)ldt, sizeof(ldt) - 1, 0x82, 0));
    ldt[1] = descriptor((uint32_t)buffer, 0xff, 0x92, F_D);
    expect("LLDT", lldt, -1, 0);
    sel = 8 | 4;
    off = 0xfc;
    expect("read through LDT", read_fs, -1, 0);
    off = 0x100;
    expect("limit through LDT", read_fs, GP, 0);
    sel = 32 | 4;
    expect("beyond LDT", load_fs, GP, 32 | 4);
    sel = KDATA;
    expect("LLDT of data", lldt, GP, KDATA);
    sel = 8 | 4;
    expect("LLDT from LDT", lldt, GP, 8 | 4);
    sel = LDT;
    set_gdt(LDT, descriptor((uint32_t)ldt, sizeof(ldt) - 1, 0x02, 0));
    expect("LLDT absent", lldt, NP, LDT);
    sel = 0;
    expect("LLDT null", lldt, -1, 0);
    sel = 8 | 4;
    expect("load after LLDT null", load_fs, GP, 8 | 4);
    sel = 0;
    expect("LTR null", ltr, GP, 0);
    sel = TSS;
    expect("LTR busy", ltr, GP, TSS);
    sel = KDATA;
    expect("LTR of data", ltr, GP, KDATA);
    sel = S0;
    set_gdt(S0, descriptor((uint32_t)&tss, sizeof(tss) - 1, 0x09, 0));
    expect("LTR absent", ltr, NP, S0);
    expect_user("LLDT in ring 3", lldt, GP, 0);
    expect_user("LTR in ring 3", ltr, GP, 0);
}

int main(void)
{
    test_data_loads();
    test_ss_loads();
    test_limits();
    test_expand_down();
    test_stack_faults();
    test_rights();
    test_arpl();
    test_ldt();
    return 0;
}
