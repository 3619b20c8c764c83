/* SPDX-License-Identifier: MIT */
/*
 * What AMD's processors have in IA-32e mode and Intel's not: SYSCALL and SYSRET of compatibility
 * mode. AMD APM vol. 3, SYSCALL, SYSRET; vol. 2, 6.1.
 */
#include "lib64.h"

enum { MSR_STAR = 0xc0000081, MSR_CSTAR = 0xc0000083, MSR_SFMASK = 0xc0000084 };

void compat_entry(void), compat_user(void), compat_next(void), compat_target(void), bounce_entry(void);
asm("compat_entry: mov %cs, %eax; mov %ss, %ebx; pushfq; pop %rdx; int $0x42\n"
    ".code32\n"
    "compat_user: syscall\n"
    "compat_next: nop\n"
    "compat_target: mov %cs, %eax; int $0x80\n"
    ".code64\n"
    "bounce_entry: orl $0x100, %r11d; movl $compat_target, %ecx; sysretl\n");

static void call_compat(void)
{
    asm volatile("pushq %0; pushq $compat_user; lretq" : : "i"(UCODE32) : "memory");
}

static void set_entry(void (*entry)(void))
{
    wrmsr(MSR_STAR, (uint64_t)KCODE << 32 | (uint64_t)UCODE32 << 48);
    wrmsr(MSR_CSTAR, (uint64_t)entry);
    wrmsr(MSR_SFMASK, 0x300);
}

int main(void)
{
    set_entry(compat_entry);
    compare("SYSCALL of compatibility mode", run_user_flags(call_compat, 0x202), 0x42);
    compare("CS", caught.rax & 0xffff, KCODE);
    compare("SS", caught.rbx & 0xffff, KCODE + 8);
    compare("masked flags", caught.rdx & 0x300, 0);
    compare("R11", caught.r11 & 0x300, 0x200);
    compare("RCX", caught.rcx, (uint64_t)compat_next);
    asm volatile("mov %%rsp, %0" : "=r"(tss.rsp[0]));
    tss.rsp[0] -= 4096;
    set_entry(bounce_entry);
    compare("a SYSRET that sets TF traps", run_user_flags(call_compat, 0x202), DB);
    compare("before the first instruction", caught.rip, (uint64_t)compat_target);
    compare("in compatibility mode", caught.cs, UCODE32);
    return 0;
}
