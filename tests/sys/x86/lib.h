/* SPDX-License-Identifier: MIT */
/*
 * What the 32-bit bare-metal test guests share: console, checks, descriptor tables, catching traps,
 * ring 3. Results go to the debug console (port 402h): "ok NAME" or "FAIL NAME: why", then the
 * number of failures to the debug-exit port (F4h).
 */
#ifndef TESTS_SYS_X86_LIB_H
#define TESTS_SYS_X86_LIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Selectors. 08..28 are used by the library, the tests own the rest. */
enum { KCODE = 0x08, KDATA = 0x10, UCODE = 0x18 | 3, UDATA = 0x20 | 3, TSS = 0x28, TEST_SEL = 0x30 };
#define GDT_ENTRIES 64

enum { DE, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF, MF = 16, AC };

struct trap_frame {
    uint32_t gs, fs, es, ds, edi, esi, ebp, esp0, ebx, edx, ecx, eax;
    uint32_t vector, error, eip, cs, eflags, esp, ss;
    uint32_t vm_es, vm_ds, vm_fs, vm_gs;
};
struct context { uint32_t ebx, esi, edi, ebp, esp, eip; };

/* The last trap that was caught. */
extern struct trap_frame caught;
extern uint32_t caught_cr2;

extern uint64_t gdt[GDT_ENTRIES];
extern uint64_t idt[256];
struct tss32 {
    uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs, ldt;
    uint16_t t, iomap;
    uint8_t redirect[32], io[160];
} __attribute__((packed));
extern struct tss32 tss;

int save(struct context *) __attribute__((returns_twice));
void resume(struct context *) __attribute__((noreturn));
void enter_user(void (*fn)(void), uint32_t esp, uint32_t eflags) __attribute__((noreturn));
extern char isr_table[], stack_top[], user_stack_top[];

void print(const char *fmt, ...); /* %s %x %d */
void finish(int status) __attribute__((noreturn));
int main(void);

/* fn in ring 0 (or ring 3): the vector of the trap that ended it, or -1 if it returned (int 80h). */
int run(void (*fn)(void));
int run_user(void (*fn)(void));
int run_user_flags(void (*fn)(void), uint32_t eflags);
/* Called for traps nobody catches; true: go on after them. */
extern bool (*trap_hook)(struct trap_frame *f);

void report(bool ok, const char *name, const char *fmt, ...);
#define CHECK(cond, name) report(cond, name, "%s", #cond)
/* The trap of fn: vector and error code. */
void expect(const char *name, void (*fn)(void), int vector, uint32_t error);
void expect_user(const char *name, void (*fn)(void), int vector, uint32_t error);
void compare(const char *name, uint32_t got, uint32_t want);

/* Descriptors. type: bits 15..8 of the upper half (P, DPL, S, type); flags: G, D, L, AVL. */
uint64_t descriptor(uint32_t base, uint32_t limit, unsigned type, unsigned flags);
uint64_t gate(uint32_t off, uint16_t selector, unsigned type, unsigned params);
void set_gdt(uint16_t selector, uint64_t d);
void set_idt(unsigned vector, uint64_t d);
void restore_idt(void);

enum { F_G = 8, F_D = 4, F_L = 2 };

static inline void outb(uint16_t port, uint8_t v)
{
    asm volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
static inline uint8_t inb(uint16_t port)
{
    uint8_t v;
    asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline uint32_t get_cr0(void) { uint32_t v; asm volatile("mov %%cr0, %0" : "=r"(v)); return v; }
static inline uint32_t get_cr2(void) { uint32_t v; asm volatile("mov %%cr2, %0" : "=r"(v)); return v; }
static inline uint32_t get_cr3(void) { uint32_t v; asm volatile("mov %%cr3, %0" : "=r"(v)); return v; }
static inline uint32_t get_cr4(void) { uint32_t v; asm volatile("mov %%cr4, %0" : "=r"(v)); return v; }
static inline void set_cr0(uint32_t v) { asm volatile("mov %0, %%cr0" : : "r"(v) : "memory"); }
static inline void set_cr3(uint32_t v) { asm volatile("mov %0, %%cr3" : : "r"(v) : "memory"); }
static inline void set_cr4(uint32_t v) { asm volatile("mov %0, %%cr4" : : "r"(v) : "memory"); }
static inline void invlpg(uint32_t a) { asm volatile("invlpg (%0)" : : "r"(a) : "memory"); }
static inline uint64_t rdmsr(uint32_t n) { uint64_t v; asm volatile("rdmsr" : "=A"(v) : "c"(n)); return v; }
static inline void wrmsr(uint32_t n, uint64_t v) { asm volatile("wrmsr" : : "A"(v), "c"(n)); }

#endif
