/* SPDX-License-Identifier: MIT */
/*
 * Four-level paging: every combination of the rights in a page-directory and a page-table entry
 * (P, R/W, U/S, XD, a reserved bit), 4 KiB and 2 MiB pages, kind of access, ring, CR0.WP, CR4.SMEP,
 * CR4.SMAP and EFLAGS.AC: fault or not, error code, CR2, accessed and dirty bits. Then global
 * pages, 1 GiB pages, INVLPG, PCIDs and INVPCID. Intel SDM vol. 3A, chapter 4.
 */
#include "lib64.h"

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };
#define NX   (1ull << 63)
#define RSVD (1ull << 51)
#define TEST 0x8000000000ull /* has a PML4 entry of its own */

enum access { READ, WRITE, FETCH };

static uint64_t pdpt2[512] __attribute__((aligned(4096)));
static uint64_t pd2[512] __attribute__((aligned(4096)));
static uint64_t pt2[512] __attribute__((aligned(4096)));
static uint8_t page_a[4096] __attribute__((aligned(4096)));
static uint8_t page_b[4096] __attribute__((aligned(4096)));
#define BIG 0x400000ull /* 2 MiB of RAM nobody else uses */

static struct {
    bool user, wp, smep, smap, ac, large;
    enum access access;
    uint64_t pde, pte;
} t;

static void user_read(void) { asm volatile("movb (%0), %%al" : : "r"(TEST) : "rax"); }
static void user_write(void) { asm volatile("movb $0xc3, (%0)" : : "r"(TEST)); }
static void user_fetch(void) { asm volatile("call *%0" : : "r"(TEST)); }
static void (*const doers[])(void) = {user_read, user_write, user_fetch};

static void set_bits(bool on, uint64_t bit, uint64_t (*get)(void), void (*set)(uint64_t))
{
    set(on ? get() | bit : get() & ~bit);
}

static uint64_t read_cr0(void) { return get_cr0(); }
static uint64_t read_cr4(void) { return get_cr4(); }
static void write_cr0(uint64_t v) { set_cr0(v); }
static void write_cr4(uint64_t v) { set_cr4(v); }

/* Error code of the expected fault, or -1. */
static int expected(void)
{
    uint64_t leaf = t.large ? t.pde : t.pte;
    bool w = (t.pde & W) && (leaf & W), u = (t.pde & U) && (leaf & U), nx = (t.pde | leaf) & NX;
    int error = (t.access == WRITE ? 2 : 0) | (t.user ? 4 : 0) | (t.access == FETCH ? 16 : 0);
    bool ok;

    if (!(t.pde & P))
        return error;
    if (t.pde & RSVD)
        return error | 9;
    if (!(leaf & P))
        return error;
    if (leaf & RSVD)
        return error | 9;
    if (t.user)
        ok = u && (t.access != WRITE || w) && (t.access != FETCH || !nx);
    else if (t.access == FETCH)
        ok = !nx && !(u && t.smep);
    else
        ok = !(u && t.smap && !t.ac) && (t.access != WRITE || w || !t.wp);
    return ok ? -1 : (error | 1);
}

/* With AC set as wanted; a trap restores it. */
static void supervisor_access(void)
{
    if (t.ac)
        asm volatile("pushfq; orl $0x40000, (%%rsp); popfq" : : : "memory");
    doers[t.access]();
    asm volatile("pushfq; andl $~0x40000, (%%rsp); popfq" : : : "memory");
}

static void describe(const char *what, int got, int want)
{
    report(false, what, "user %d access %d pde %x pte %x large %d wp %d smep %d smap %d ac %d: got %x, not %x",
           t.user, (int)t.access, t.pde, t.pte, t.large, t.wp, t.smep, t.smap, t.ac, (uint64_t)(uint32_t)got,
           (uint64_t)(uint32_t)want);
}

static void check_bits(int want)
{
    uint64_t leaf = t.large ? pd2[0] : pt2[0];

    if (want >= 0) {
        if (leaf & D)
            describe("dirty after a fault", (int)leaf, 0);
        return;
    }
    if (!(leaf & A) || !(pd2[0] & A))
        describe("accessed", (int)leaf, A);
    if (!(leaf & D) != (t.access != WRITE))
        describe("dirty", (int)leaf, t.access == WRITE);
}

static void one(void)
{
    int want = expected(), got;

    pd2[0] = t.pde | (t.large ? BIG | PS : (uint64_t)pt2);
    pt2[0] = t.pte | (uint64_t)page_a;
    invlpg(TEST);
    got = t.user ? run_user(doers[t.access]) : run(supervisor_access);
    if (got == PF)
        got = (int)caught.error;
    else if (got >= 0)
        got |= 0x1000;
    if (got != want)
        describe("fault", got, want);
    else if (got >= 0 && caught_cr2 != TEST)
        describe("CR2", (int)caught_cr2, (int)TEST);
    check_bits(want);
}

static uint64_t rights(unsigned bits)
{
    return (bits & 7) | (bits & 8 ? NX : 0) | (bits & 16 ? RSVD : 0);
}

static void sweep_entries(void)
{
    for (unsigned pde = 0; pde < 32; pde++) {
        t.pde = rights(pde);
        t.large = true;
        t.pte = 0;
        one();
        t.large = false;
        for (unsigned pte = 0; pte < 32; pte++) {
            t.pte = rights(pte);
            if ((pde & 17) == 1 || pte == 7)
                one();
        }
    }
}

static unsigned n_cases;

static void sweep(void)
{
    for (unsigned mode = 0; mode < 16; mode++) {
        t.wp = mode & 1;
        t.smep = mode & 2;
        t.smap = mode & 4;
        t.ac = mode & 8;
        set_bits(t.wp, 1 << 16, read_cr0, write_cr0);
        set_bits(t.smep, 1 << 20, read_cr4, write_cr4);
        set_bits(t.smap, 1 << 21, read_cr4, write_cr4);
        for (unsigned n = 0; n < 6; n++) {
            t.user = n & 1;
            t.access = (enum access)(n >> 1);
            sweep_entries();
            n_cases++;
        }
    }
}

static uint64_t pd_alias[512] __attribute__((aligned(4096)));

/* For SMEP and SMAP the guest's own pages become supervisor pages; ring 3 gets an alias at 1 GiB. */
static void split_pages(void)
{
    for (unsigned i = 0; i < 512; i++) {
        pd_alias[i] = pd[i];
        pd[i] &= ~(uint64_t)U;
    }
    pdpt[1] = (uint64_t)pd_alias | P | W | U;
    user_offset = 1ull << 30;
    set_cr3(get_cr3());
}

/* --- the rest ------------------------------------------------------------------------------ */

static uint8_t *const test = (uint8_t *)TEST;

static void map(uint8_t *to, uint64_t flags)
{
    pd2[0] = (uint64_t)pt2 | P | W | U;
    pt2[0] = (uint64_t)to | P | W | flags;
}

static void test_tlb(void)
{
    page_a[0] = 1;
    page_b[0] = 2;
    map(page_a, 0);
    invlpg(TEST);
    compare("map", *(volatile uint8_t *)test, 1);
    map(page_b, 0);
    invlpg(TEST);
    compare("INVLPG", *(volatile uint8_t *)test, 2);
    map(page_a, 0);
    set_cr3(get_cr3());
    compare("MOV CR3 flushes", *(volatile uint8_t *)test, 1);
    set_cr4(get_cr4() | 0x80);
    map(page_a, G);
    invlpg(TEST);
    compare("global page", *(volatile uint8_t *)test, 1);
    map(page_b, G);
    invlpg(TEST);
    compare("INVLPG of a global page", *(volatile uint8_t *)test, 2);
    map(page_a, G);
    set_cr4(get_cr4() & ~0x80ull);
    compare("CR4.PGE flushes global pages", *(volatile uint8_t *)test, 1);
}

static void test_large(void)
{
    uint64_t saved = pdpt2[0];

    pdpt2[0] = P | W | PS;
    invlpg(TEST);
    page_a[5] = 77;
    compare("1 GiB page", ((volatile uint8_t *)TEST)[(uint64_t)page_a + 5], 77);
    pdpt2[0] = P | W | PS | 0x2000;
    invlpg(TEST);
    expect("reserved bit of a 1 GiB page", user_read, PF, 9);
    pdpt2[0] = saved;
    pml4[1] |= PS;
    invlpg(TEST);
    expect("PS in the PML4", user_read, PF, 9);
    pml4[1] &= ~(uint64_t)PS;
    pd2[0] = BIG | PS | P | W | 0x4000;
    invlpg(TEST);
    expect("reserved bit of a 2 MiB page", user_read, PF, 9);
    pd2[0] = BIG | PS | P | W;
    invlpg(TEST);
    ((volatile uint8_t *)BIG)[0x123456] = 9;
    compare("2 MiB page", ((volatile uint8_t *)TEST)[0x123456], 9);
    pd2[0] = 0;
    invlpg(TEST + 0x1ff000); /* any address of the page */
    expect("INVLPG drops all of a large page", user_read, PF, 0);
}

static void test_nxe(void)
{
    map(page_a, NX);
    wrmsr(0xc0000080, rdmsr(0xc0000080) & ~0x800ull);
    invlpg(TEST);
    expect("XD is reserved without NXE", user_read, PF, 9);
    wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x800);
    invlpg(TEST);
    expect("XD with NXE", user_read, -1, 0);
}

static void invpcid(uint64_t type, uint64_t pcid, uint64_t addr)
{
    uint64_t d[2] = {pcid, addr};
    asm volatile("invpcid %0, %1" : : "m"(d), "r"(type) : "memory");
}
static void invpcid_bad_type(void) { invpcid(4, 0, 0); }
static void invpcid_bad_pcid(void) { invpcid(1, 0x1000, 0); }
static void invpcid_bad_addr(void) { invpcid(0, 0, 0x8000000000000000ull); }
static void pcide_with_low_cr3(void) { set_cr3(get_cr3() | 1); set_cr4(get_cr4() | 1 << 17); }
static void paging_off_noflush(void) { set_cr3(get_cr3() | 1ull << 63); }

static void test_pcid(void)
{
    uint64_t cr3 = get_cr3(), noflush = 1ull << 63;

    expect("CR3 bit 63 without PCIDE", paging_off_noflush, GP, 0);
    expect("PCIDE with CR3[11:0] not 0", pcide_with_low_cr3, GP, 0);
    set_cr3(cr3);
    set_cr4(get_cr4() | 1 << 17);
    map(page_a, 0);
    invlpg(TEST);
    compare("PCID 0", *(volatile uint8_t *)test, 1);
    set_cr3(cr3 | 5);
    map(page_b, 0);
    invlpg(TEST);
    compare("PCID 5", *(volatile uint8_t *)test, 2);
    invpcid(1, 0, 0);
    set_cr3(cr3 | noflush);
    compare("INVPCID of another PCID", *(volatile uint8_t *)test, 2);
    map(page_a, 0);
    invpcid(0, 0, TEST);
    compare("INVPCID of an address", *(volatile uint8_t *)test, 1);
    map(page_b, 0);
    invpcid(2, 0, 0);
    compare("INVPCID of all", *(volatile uint8_t *)test, 2);
    map(page_a, 0);
    invpcid(3, 0, 0);
    compare("INVPCID of all but global", *(volatile uint8_t *)test, 1);
    compare("CR3 reads without bit 63", get_cr3() >> 63, 0);
    expect("INVPCID type 4", invpcid_bad_type, GP, 0);
    expect("INVPCID PCID too large", invpcid_bad_pcid, GP, 0);
    expect("INVPCID non-canonical", invpcid_bad_addr, GP, 0);
    set_cr4(get_cr4() & ~(1ull << 17));
}

int main(void)
{
    page_a[0] = page_b[0] = *(uint8_t *)BIG = 0xc3; /* RET */
    pml4[1] = (uint64_t)pdpt2 | P | W | U;
    pdpt2[0] = (uint64_t)pd2 | P | W | U;
    split_pages();
    sweep();
    set_cr4(get_cr4() & ~0x300000ull);
    print("%d modes\n", n_cases);
    test_tlb();
    test_large();
    test_nxe();
    test_pcid();
    return 0;
}
