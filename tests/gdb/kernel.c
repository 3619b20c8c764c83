/* SPDX-License-Identifier: MIT */
/* The debugger's test kernel: things to step over, to break at and to watch, for ever. */
typedef unsigned long word;

volatile unsigned counter, interrupts;
unsigned char from[64], to[64];

extern word idt[];
void handler(void);
void syscall_target(void);
void interrupted(void);
void call_based(void);
int bump(int by);
void work(int round);
int main(void);

__attribute__((noinline)) int bump(int by)
{
    counter += (unsigned)by;
    return (int)counter;
}

void interrupted(void)
{
    interrupts++;
}

static void set_gate(void)
{
    word at = (word)handler;

#ifdef __x86_64__
    idt[0x40 * 2] = (at & 0xffff) | 0x08ul << 16 | 0x8e00ul << 32 | (at >> 16 & 0xffff) << 48;
    idt[0x40 * 2 + 1] = at >> 32;
    asm volatile("wrmsr" : : "c"(0xc0000081), "a"(0), "d"(0x08));
    asm volatile("wrmsr" : : "c"(0xc0000082), "a"(syscall_target), "d"(0));
    asm volatile("wrmsr" : : "c"(0xc0000084), "a"(0), "d"(0));
#else
    idt[0x40 * 2] = (at & 0xffff) | 0x08ul << 16;
    idt[0x40 * 2 + 1] = 0x8e00 | (at & 0xffff0000);
#endif
}

static void copy(void)
{
    unsigned char *d = to;
    const unsigned char *s = from;
    word n = 16;

    asm volatile(".globl rep_here\nrep_here: rep movsb\n.globl rep_done\nrep_done:"
                 : "+D"(d), "+S"(s), "+c"(n)
                 :
                 : "memory");
}

__attribute__((noinline)) void work(int round)
{
    bump(round & 3);
    copy();
    asm volatile(".globl int_here\nint_here: int $0x40\n.globl int_done\nint_done:" : : : "memory");
#ifdef __x86_64__
    asm volatile(".globl syscall_here\nsyscall_here: syscall\n.globl syscall_done\nsyscall_done:"
                 :
                 :
                 : "rcx", "r11", "memory");
    asm volatile("cvtsi2sd %0, %%xmm3" : : "r"(round));
#else
    call_based();
#endif
}

int main(void)
{
    for (unsigned i = 0; i < sizeof(from); i++) {
        from[i] = (unsigned char)(i + 1);
    }
    set_gate();
    for (int round = 0;; round++) {
        work(round);
    }
}
