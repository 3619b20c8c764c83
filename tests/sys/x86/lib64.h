/* SPDX-License-Identifier: MIT */
/* The library of the 64-bit bare-metal test guests: as lib.h. */
#ifndef TESTS_SYS_X86_LIB64_H
#define TESTS_SYS_X86_LIB64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KCODE32 = 0x08, KDATA = 0x10, KCODE = 0x18, UCODE32 = 0x20 | 3, UDATA = 0x28 | 3, UCODE = 0x30 | 3, TSS = 0x38,
       TEST_SEL = 0x48 };
#define GDT_ENTRIES 64

enum { DE, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF, MF = 16, AC };

struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};
struct context { uint64_t regs[8]; };

extern struct trap_frame caught;
extern uint64_t caught_cr2;
extern uint64_t gdt[GDT_ENTRIES];
extern uint64_t idt[512];
struct tss64 {
    uint32_t reserved;
    uint64_t rsp[3], reserved2, ist[7], reserved3;
    uint16_t reserved4, iomap;
} __attribute__((packed));
extern struct tss64 tss;
extern uint64_t pml4[512], pdpt[512], pd[512];

int save(struct context *) __attribute__((returns_twice));
void resume(struct context *) __attribute__((noreturn));
void enter_user(void (*fn)(void), uint64_t rsp, uint64_t cs, uint64_t rflags) __attribute__((noreturn));
extern char isr_table[], stack_top[];

void print(const char *fmt, ...); /* %s %x (64 bits) %d */
void finish(int status) __attribute__((noreturn));
int main(void);

int run(void (*fn)(void));
int run_user(void (*fn)(void));
/* Added to the addresses of what ring 3 runs and of its stack: an alias of this memory. */
extern uint64_t user_offset;
int run_user_flags(void (*fn)(void), uint64_t rflags);
extern bool (*trap_hook)(struct trap_frame *f);

void report(bool ok, const char *name, const char *fmt, ...);
#define CHECK(cond, name) report(cond, name, "%s", #cond)
void expect(const char *name, void (*fn)(void), int vector, uint64_t error);
void expect_user(const char *name, void (*fn)(void), int vector, uint64_t error);
void compare(const char *name, uint64_t got, uint64_t want);

uint64_t descriptor(uint32_t base, uint32_t limit, unsigned type, unsigned flags);
void set_gdt(uint16_t selector, uint64_t d);
void set_gate(unsigned vector, uint64_t off, uint16_t selector, unsigned type, unsigned ist);
void restore_idt(void);

enum { F_G = 8, F_D = 4, F_L = 2 };

static inline void outb(uint16_t port, uint8_t v)
{
    asm volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
static inline uint64_t get_cr0(void) { uint64_t v; asm volatile("mov %%cr0, %0" : "=r"(v)); return v; }
static inline uint64_t get_cr2(void) { uint64_t v; asm volatile("mov %%cr2, %0" : "=r"(v)); return v; }
static inline uint64_t get_cr3(void) { uint64_t v; asm volatile("mov %%cr3, %0" : "=r"(v)); return v; }
static inline uint64_t get_cr4(void) { uint64_t v; asm volatile("mov %%cr4, %0" : "=r"(v)); return v; }
static inline void set_cr0(uint64_t v) { asm volatile("mov %0, %%cr0" : : "r"(v) : "memory"); }
static inline void set_cr3(uint64_t v) { asm volatile("mov %0, %%cr3" : : "r"(v) : "memory"); }
static inline void set_cr4(uint64_t v) { asm volatile("mov %0, %%cr4" : : "r"(v) : "memory"); }
static inline void invlpg(uint64_t a) { asm volatile("invlpg (%0)" : : "r"(a) : "memory"); }
static inline uint64_t rdmsr(uint32_t n)
{
    uint32_t lo, hi;
    asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(n));
    return lo | (uint64_t)hi << 32;
}
static inline void wrmsr(uint32_t n, uint64_t v)
{
    asm volatile("wrmsr" : : "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "c"(n));
}

#endif
