/* SPDX-License-Identifier: MIT */
/*
 * What AMD's processors have outside IA-32e mode and Intel's not: SYSCALL and SYSRET in protected
 * mode. AMD APM vol. 3, SYSCALL, SYSRET.
 */
#include "lib.h"

enum { MSR_EFER = 0xc0000080, MSR_STAR = 0xc0000081 };

void entry(void), next(void), target(void);
asm("entry: mov %cs, %eax; mov %ss, %ebx; pushf; pop %edx; int $0x42\n"
    "target: mov %cs, %eax; mov %ss, %ebx; pushf; pop %edx; int $0x80\n");

static void do_syscall(void)
{
    asm volatile("syscall; next: nop" : : : "ecx", "memory");
}

static uint8_t stack[1024] __attribute__((aligned(16)));
static void do_sysret(void)
{
    asm volatile("movl %0, %%esp; sysret" : : "r"(stack + sizeof(stack)), "c"(target) : "memory");
}

int main(void)
{
    expect("SYSCALL needs EFER.SCE", do_syscall, UD, 0);
    wrmsr(MSR_EFER, 1);
    wrmsr(MSR_STAR, (uint64_t)UCODE << 48 | (uint64_t)KCODE << 32 | (uint32_t)entry);
    compare("SYSCALL", run_user_flags(do_syscall, 0x202), 0x42);
    compare("CS", caught.eax & 0xffff, KCODE);
    compare("SS", caught.ebx & 0xffff, KDATA);
    compare("IF", caught.edx & 0x200, 0);
    compare("ECX", caught.ecx, (uint32_t)next);
    tss.ss0 = KDATA;
    asm volatile("mov %%esp, %0" : "=r"(tss.esp0));
    tss.esp0 -= 4096;
    compare("SYSRET", run(do_sysret), 0x80);
    compare("CS in ring 3", caught.eax & 0xffff, UCODE);
    compare("SS in ring 3", caught.ebx & 0xffff, UDATA);
    compare("IF on return", caught.edx & 0x200, 0x200);
    return 0;
}
