/* SPDX-License-Identifier: MIT */
/*
 * Random-code guest: entry (from rom.S, after each reset), and the ways into each CPU mode and back. Whatever happens in
 * random code - a fault, the timer - ends in a handler that trusts nothing and goes to `recover`, which
 * sets up everything again and takes the next case. What cannot come back triple-faults or hangs, and
 * the machine is reset from outside.
 */
#define STACK 0x90000
#define CODE  0x200000 /* where cases are put, below them nothing of ours */

        .code32
        .section .text.start, "ax"
        .globl  _start
_start:
        mov     $0x10, %ax
        mov     %ax, %ss
        mov     $STACK, %esp
        call    set_up_devices
recover:
        cli
        lgdt    gdt_ptr
        ljmp    $0x08, $1f
1:      mov     $0x10, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %fs
        mov     %ax, %gs
        mov     %ax, %ss
        mov     $STACK, %esp
        mov     $0x00000011, %eax
        mov     %eax, %cr0
        xor     %eax, %eax
        mov     %eax, %cr4
        mov     %eax, %dr7
        mov     $0xc0000080, %ecx
        xor     %edx, %edx
        wrmsr
        lidt    idt32_ptr
        lldt    %dx
        pushl   $2
        popfl
        fninit
        call    next_case               /* eax: 0 real, 1 16-bit, 2 32-bit, 3 64-bit */
        mov     $0x600, %ecx            /* OSFXSR, OSXMMEXCPT */
        mov     %ecx, %cr4
        cmp     $1, %eax
        jb      go_real
        je      go_16
        cmp     $3, %eax
        je      go_64
        call    load_registers
        sti
        jmp     *%ss:target

/* All general registers from `registers`. */
load_registers:
        mov     registers + 0, %eax
        mov     registers + 4, %ecx
        mov     registers + 8, %edx
        mov     registers + 12, %ebx
        mov     registers + 16, %ebp
        mov     registers + 20, %esi
        mov     registers + 24, %edi
        ret

go_16:
        mov     $0x20, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $0xfff0, %esp
        sti
        ljmp    $0x18, $0

/* Real mode: all vectors point to `real_back`, copied to 0:600h. */
go_real:
        mov     $real_back, %esi
        mov     $0x600, %edi
        mov     $real_end - real_back, %ecx
        rep movsb
        xor     %edi, %edi
        mov     $0x00000600, %eax
        mov     $256, %ecx
        rep stosl
        mov     $CODE, %esi             /* the case, to 1000:0 */
        mov     $0x10000, %edi
        mov     $0x1000, %ecx
        rep movsl
        lidt    ivt_ptr
        ljmp    $0x28, $real_enter - _start
        .code16
real_enter:
        mov     $0x30, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %fs
        mov     %ax, %gs
        mov     %ax, %ss
        xor     %eax, %eax
        mov     %eax, %cr0
        ljmp    $0, $0x600 + real_go - real_back
real_back:
        cli
        xor     %ax, %ax
        mov     %ax, %ds
        lgdtl   0x600 + real_gdt - real_back
        mov     $1, %eax
        mov     %eax, %cr0
        ljmpl   $0x08, $recover
real_go:
        mov     $0x1000, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %ss
        mov     $0xfff0, %sp
        sti
        ljmp    $0x1000, $0
real_gdt:
        .word   gdt_end - gdt - 1
        .long   gdt
real_end:
        .code32

/* Long mode over an identity map of 4 GiB in 2 MiB pages at PML4. */
#define PML4 0x80000
go_64:
        mov     $PML4, %edi
        xor     %eax, %eax
        mov     $0x1800, %ecx
        rep stosl
        movl    $PML4 + 0x1000 + 7, PML4
        mov     $4, %ecx
        mov     $PML4 + 0x1000, %edi
        mov     $PML4 + 0x2000 + 7, %eax
1:      mov     %eax, (%edi)
        add     $0x1000, %eax
        add     $8, %edi
        loop    1b
        mov     $2048, %ecx
        mov     $PML4 + 0x2000, %edi
        mov     $0x87, %eax
1:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    1b
        mov     $PML4, %eax
        mov     %eax, %cr3
        mov     $0x6a0, %eax            /* PAE, PGE, OSFXSR, OSXMMEXCPT */
        mov     %eax, %cr4
        mov     $0xc0000080, %ecx
        mov     $0x901, %eax            /* SCE, LME, NXE */
        xor     %edx, %edx
        wrmsr
        lidt    idt64_ptr
        mov     $0x80000011, %eax
        mov     %eax, %cr0
        ljmp    $0x38, $1f
        .code64
1:      mov     $registers, %esi
        mov     (%rsi), %eax
        mov     4(%rsi), %rcx
        mov     12(%rsi), %rdx
        mov     16(%rsi), %r8
        mov     20(%rsi), %r9
        mov     24(%rsi), %rdi
        mov     $target, %ebx
        sti
        jmp     *(%rbx)
handler64:
        cli
        mov     $leave_ptr, %eax
        ljmp    *(%rax)
        .code32
leave_long:
        mov     $0x10, %ax
        mov     %ax, %ds
        mov     %ax, %ss
        mov     $STACK, %esp
        mov     $0x11, %eax
        mov     %eax, %cr0
        jmp     recover

/* Exceptions and interrupts of protected mode, by a trap through a 32-bit gate. */
handler32:
        mov     $0x10, %ax
        mov     %ax, %ds
        ljmp    $0x08, $recover

        .globl  make_tables
make_tables:
        mov     $idt32, %edi
        mov     $handler32, %edx
        mov     $0x00080000, %eax
        mov     %dx, %ax
        mov     $0x8e00, %dx
        mov     $256, %ecx
1:      mov     %eax, (%edi)
        mov     %edx, 4(%edi)
        add     $8, %edi
        loop    1b
        mov     $idt64, %edi
        mov     $handler64, %edx
        mov     $0x00380000, %eax
        mov     %dx, %ax
        mov     $0x8e00, %dx
        mov     $256, %ecx
1:      mov     %eax, (%edi)
        mov     %edx, 4(%edi)
        movl    $0, 8(%edi)
        movl    $0, 12(%edi)
        add     $16, %edi
        loop    1b
        ret

        .data
        .align  8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /* 08: 32-bit code */
        .quad   0x00cf93000000ffff      /* 10: data */
        .quad   0x00009b200000ffff      /* 18: 16-bit code at CODE */
        .quad   0x000093200000ffff      /* 20: 16-bit data at CODE */
        .quad   0x00009b100000ffff      /* 28: 16-bit code at the program's start (1 MiB) */
        .quad   0x000093000000ffff      /* 30: 16-bit data at 0 */
        .quad   0x00af9b000000ffff      /* 38: 64-bit code */
        .quad   0x00cffb000000ffff      /* 40: user code */
        .quad   0x00cff3000000ffff      /* 48: user data */
gdt_end:
gdt_ptr:
        .word   gdt_end - gdt - 1
        .long   gdt
idt32_ptr:
        .word   256 * 8 - 1
        .long   idt32
idt64_ptr:
        .word   256 * 16 - 1
        .long   idt64
        .long   0
ivt_ptr:
        .word   0x3ff
        .long   0
leave_ptr:
        .long   leave_long
        .word   0x08
        .globl  target, registers
target: .long   CODE, 0
registers:
        .fill   8, 4, 0
        .bss
        .align  16
idt32:  .skip   256 * 8
idt64:  .skip   256 * 16
