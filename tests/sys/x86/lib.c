/* SPDX-License-Identifier: MIT */
/* Library of the 32-bit bare-metal test guests; see lib.h. */
#include "lib.h"
#include "mem.h"

#include <stdarg.h>

uint64_t gdt[GDT_ENTRIES] __attribute__((aligned(8)));
uint64_t idt[256] __attribute__((aligned(8)));
struct tss32 tss;
struct trap_frame caught;
uint32_t caught_cr2;
bool (*trap_hook)(struct trap_frame *f);

static bool catching;
static struct context catcher;
static unsigned n_ok, n_failed;
static char user_stack[16384] __attribute__((aligned(16)));

void lib_init(void);
void trap(struct trap_frame *f);

/* --- console --- */

static void put_char(char c)
{
    outb(0x402, c);
}

static void put_string(const char *s)
{
    while (*s)
        put_char(*s++);
}

static void put_number(uint32_t v, unsigned base)
{
    char buf[12];
    unsigned i = sizeof(buf);

    buf[--i] = 0;
    do
        buf[--i] = "0123456789abcdef"[v % base];
    while (v /= base);
    put_string(buf + i);
}

static void vprint(const char *fmt, va_list ap)
{
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put_char(*fmt);
            continue;
        }
        fmt++;
        if (*fmt == 's')
            put_string(va_arg(ap, const char *));
        else
            put_number(va_arg(ap, uint32_t), *fmt == 'x' ? 16 : 10);
    }
}

void print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprint(fmt, ap);
    va_end(ap);
}

void report(bool ok, const char *name, const char *fmt, ...)
{
    va_list ap;

    if (ok) {
        n_ok++;
        return;
    }
    n_failed++;
    print("FAIL %s: ", name);
    va_start(ap, fmt);
    vprint(fmt, ap);
    va_end(ap);
    put_char('\n');
}

void compare(const char *name, uint32_t got, uint32_t want)
{
    report(got == want, name, "got %x, not %x", got, want);
}

void finish(int status)
{
    print("%d checks passed, %d failed\n", n_ok, n_failed);
    outb(0xf4, n_failed || status ? 1 : 0);
    for (;;)
        asm volatile("cli; hlt");
}

/* --- descriptors --- */

uint64_t descriptor(uint32_t base, uint32_t limit, unsigned type, unsigned flags)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)type << 40 |
           (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)flags << 52 | (uint64_t)(base >> 24) << 56;
}

uint64_t gate(uint32_t off, uint16_t selector, unsigned type, unsigned params)
{
    return (off & 0xffff) | (uint64_t)selector << 16 | (uint64_t)params << 32 | (uint64_t)type << 40 |
           (uint64_t)(off >> 16) << 48;
}

void set_gdt(uint16_t selector, uint64_t d)
{
    *(volatile uint64_t *)&gdt[selector / 8] = d;
}

void set_idt(unsigned vector, uint64_t d)
{
    *(volatile uint64_t *)&idt[vector] = d;
}

void restore_idt(void)
{
    for (unsigned i = 0; i < 256; i++)
        set_idt(i, gate((uint32_t)isr_table + 16 * i, KCODE, i == 0x80 ? 0xee : 0x8e, 0));
}

static void load_tables(void)
{
    struct { uint16_t limit; uint32_t base; } __attribute__((packed))
    g = {sizeof(gdt) - 1, (uint32_t)gdt}, i = {sizeof(idt) - 1, (uint32_t)idt};

    asm volatile("lgdt %0; lidt %1" : : "m"(g), "m"(i));
    asm volatile("mov %w0, %%ds; mov %w0, %%es; mov %w0, %%ss; mov %w0, %%fs; mov %w0, %%gs; ljmp $8, $1f; 1:"
                 : : "r"(KDATA));
    asm volatile("ltr %w0" : : "r"(TSS));
}

void lib_init(void)
{
    gdt[1] = descriptor(0, 0xfffff, 0x9b, F_G | F_D);
    gdt[2] = descriptor(0, 0xfffff, 0x93, F_G | F_D);
    gdt[3] = descriptor(0, 0xfffff, 0xfb, F_G | F_D);
    gdt[4] = descriptor(0, 0xfffff, 0xf3, F_G | F_D);
    gdt[5] = descriptor((uint32_t)&tss, sizeof(tss) - 1, 0x89, 0);
    tss.ss0 = KDATA;
    tss.iomap = offsetof(struct tss32, io);
    for (unsigned i = 0; i < sizeof(tss.io); i++)
        tss.io[i] = 0xff;
    restore_idt();
    load_tables();
}

/* --- traps --- */

void trap(struct trap_frame *f)
{
    uint32_t cr2 = get_cr2();

    if (trap_hook && trap_hook(f))
        return;
    if (catching) {
        catching = false;
        caught = *f;
        caught_cr2 = cr2;
        resume(&catcher);
    }
    print("unexpected trap %x error %x at %x:%x, cr2 %x\n", f->vector, f->error, f->cs, f->eip, cr2);
    finish(1);
}

int run(void (*fn)(void))
{
    if (save(&catcher))
        return caught.vector;
    catching = true;
    fn();
    catching = false;
    return -1;
}

static void user_return(void)
{
    asm volatile("int $0x80");
}

int run_user_flags(void (*fn)(void), uint32_t eflags)
{
    uint32_t *sp = (uint32_t *)(user_stack + sizeof(user_stack) - 64);

    if (save(&catcher))
        return caught.vector == 0x80 ? -1 : (int)caught.vector;
    catching = true;
    *--sp = (uint32_t)user_return;
    asm volatile("mov %%esp, %0" : "=m"(tss.esp0));
    tss.esp0 -= 1024;
    enter_user(fn, (uint32_t)sp, eflags);
}

int run_user(void (*fn)(void))
{
    return run_user_flags(fn, 2);
}

static void check_trap(const char *name, int got, int vector, uint32_t error)
{
    if (got != vector)
        report(false, name, "trap %x error %x, not %x", got, caught.error, vector);
    else
        report(vector < 0 || caught.error == error, name, "error code %x, not %x", caught.error, error);
}

void expect(const char *name, void (*fn)(void), int vector, uint32_t error)
{
    check_trap(name, run(fn), vector, error);
}

void expect_user(const char *name, void (*fn)(void), int vector, uint32_t error)
{
    check_trap(name, run_user(fn), vector, error);
}
