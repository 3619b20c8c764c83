/* SPDX-License-Identifier: MIT */
/* Library of the 64-bit bare-metal test guests; see lib64.h. */
#include "lib64.h"
#include "mem.h"

#include <stdarg.h>

uint64_t gdt[GDT_ENTRIES] __attribute__((aligned(8)));
uint64_t idt[512] __attribute__((aligned(8)));
struct tss64 tss;
struct trap_frame caught;
uint64_t caught_cr2;
bool (*trap_hook)(struct trap_frame *f);

uint64_t user_offset;

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

static void put_number(uint64_t v, unsigned base)
{
    char buf[24];
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
            put_number(*fmt == 'x' ? va_arg(ap, uint64_t) : va_arg(ap, uint32_t), *fmt == 'x' ? 16 : 10);
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

void compare(const char *name, uint64_t got, uint64_t want)
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

void set_gate(unsigned vector, uint64_t off, uint16_t selector, unsigned type, unsigned ist)
{
    volatile uint64_t *g = &idt[2 * vector];

    g[0] = (off & 0xffff) | (uint64_t)selector << 16 | (uint64_t)ist << 32 | (uint64_t)type << 40 |
           (off >> 16 & 0xffff) << 48;
    g[1] = off >> 32;
}

void set_gdt(uint16_t selector, uint64_t d)
{
    *(volatile uint64_t *)&gdt[selector / 8] = d;
}

void restore_idt(void)
{
    for (unsigned i = 0; i < 256; i++)
        set_gate(i, (uint64_t)isr_table + 16 * i, KCODE, i == 0x80 ? 0xee : 0x8e, 0);
}

static void load_tables(void)
{
    struct { uint16_t limit; uint64_t base; } __attribute__((packed))
    g = {sizeof(gdt) - 1, (uint64_t)gdt}, i = {sizeof(idt) - 1, (uint64_t)idt};

    asm volatile("lgdt %0; lidt %1" : : "m"(g), "m"(i));
    asm volatile("mov %w0, %%ds; mov %w0, %%es; mov %w0, %%ss; mov %w1, %%fs; mov %w1, %%gs" : : "r"(KDATA), "r"(0));
    asm volatile("ltr %w0" : : "r"(TSS));
}

void lib_init(void)
{
    gdt[1] = descriptor(0, 0xfffff, 0x9b, F_G | F_D);
    gdt[2] = descriptor(0, 0xfffff, 0x93, F_G | F_D);
    gdt[3] = descriptor(0, 0xfffff, 0x9b, F_G | F_L);
    gdt[4] = descriptor(0, 0xfffff, 0xfb, F_G | F_D);
    gdt[5] = descriptor(0, 0xfffff, 0xf3, F_G | F_D);
    gdt[6] = descriptor(0, 0xfffff, 0xfb, F_G | F_L);
    gdt[7] = descriptor((uint32_t)(uint64_t)&tss, sizeof(tss) - 1, 0x89, 0);
    tss.iomap = sizeof(tss);
    restore_idt();
    load_tables();
}

/* --- traps --- */

void trap(struct trap_frame *f)
{
    uint64_t cr2 = get_cr2();

    if (trap_hook && trap_hook(f))
        return;
    if (catching) {
        catching = false;
        caught = *f;
        caught_cr2 = cr2;
        resume(&catcher);
    }
    print("unexpected trap %x error %x at %x:%x, cr2 %x\n", f->vector, f->error, f->cs, f->rip, cr2);
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

int run_user_flags(void (*fn)(void), uint64_t rflags)
{
    uint64_t *sp = (uint64_t *)(user_stack + sizeof(user_stack) - 64);

    if (save(&catcher))
        return caught.vector == 0x80 ? -1 : (int)caught.vector;
    catching = true;
    *--sp = (uint64_t)user_return + user_offset;
    asm volatile("mov %%rsp, %0" : "=m"(tss.rsp[0]));
    tss.rsp[0] -= 1024;
    enter_user((void (*)(void))((uint64_t)fn + user_offset), (uint64_t)sp + user_offset, UCODE, rflags);
}

int run_user(void (*fn)(void))
{
    return run_user_flags(fn, 2);
}

static void check_trap(const char *name, int got, int vector, uint64_t error)
{
    if (got != vector)
        report(false, name, "trap %x error %x, not %x", (uint64_t)(int64_t)got, caught.error, (uint64_t)(int64_t)vector);
    else
        report(vector < 0 || caught.error == error, name, "error code %x, not %x", caught.error, error);
}

void expect(const char *name, void (*fn)(void), int vector, uint64_t error)
{
    check_trap(name, run(fn), vector, error);
}

void expect_user(const char *name, void (*fn)(void), int vector, uint64_t error)
{
    check_trap(name, run_user(fn), vector, error);
}
