/* SPDX-License-Identifier: MIT */
/*
 * From the reset vector to main() in 64-bit mode: the first 1 GiB mapped to itself by 2 MiB pages,
 * user pages. Traps, ring 3, set and resume as boot.S has them.
 */
        .section .reset, "ax"
        .code16
reset_code:
        cli
        lgdtl   %cs:0xff00 + reset_gdtr - reset_code
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $8, $(0xffffff00 + 1f - reset_code)
        .code32
1:      movw    $16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $0xffff0000, %esi
        movl    $0x100000, %edi
        movl    $0x4000, %ecx
        cld
        rep movsl
        movl    $start, %eax
        jmp     *%eax
        .balign 8
reset_gdt:
        .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
reset_gdtr:
        .word   31
        .long   0xffffff00 + reset_gdt - reset_code
        .org    0xf0
        .code16
        ljmp    $0xf000, $0xff00
        .org    0x100

        .section .entry, "ax"
        .code32
        .globl  start
start:
        movl    $stack_top, %esp
        movl    $0x110000, %edi         /* clear bss */
        movl    $end_of_image, %ecx
        subl    %edi, %ecx
        xorl    %eax, %eax
        rep stosb
        lgdt    ram_gdtr
        movl    $(pdpt + 7), pml4
        movl    $(pd + 7), pdpt
        movl    $0x87, %eax             /* 2 MiB pages */
        movl    $pd, %edi
1:      movl    %eax, (%edi)
        addl    $0x200000, %eax
        addl    $8, %edi
        cmpl    $0x40000087, %eax
        jb      1b
        movl    %cr4, %eax
        orl     $0x20, %eax
        movl    %eax, %cr4
        movl    $pml4, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx
        rdmsr
        orl     $0x901, %eax            /* NXE LME SCE */
        wrmsr
        movl    %cr0, %eax
        orl     $0x80000000, %eax
        movl    %eax, %cr0
        ljmpl   $0x18, $1f
ram_gdtr:
        .word   31
        .long   reset_gdt               /* the copy in RAM */
        .code64
1:      movq    $stack_top, %rsp
        call    lib_init
        call    main
        movl    %eax, %edi
        call    finish

        .macro  ISR n
        .balign 16
        .if \n != 8 && (\n < 10 || \n > 14) && \n != 17
        pushq   $0
        .endif
        pushq   $\n
        jmp     isr_common
        .endm
        .text
        .balign 16
        .globl  isr_table
isr_table:
        .altmacro
        .set    i, 0
        .rept   256
        ISR     %i
        .set    i, i + 1
        .endr
        .noaltmacro
isr_common:
        pushq   %rax
        pushq   %rcx
        pushq   %rdx
        pushq   %rbx
        pushq   %rbp
        pushq   %rsi
        pushq   %rdi
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        cld
        movq    %rsp, %rdi
        movq    %rsp, %rbx
        andq    $-16, %rsp
        call    trap
        movq    %rbx, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rdi
        popq    %rsi
        popq    %rbp
        popq    %rbx
        popq    %rdx
        popq    %rcx
        popq    %rax
        addq    $16, %rsp
        iretq

/* int save(struct context *): 0, or 1 when resumed. */
        .globl  save
save:   movq    %rbx, (%rdi)
        movq    %rbp, 8(%rdi)
        movq    %r12, 16(%rdi)
        movq    %r13, 24(%rdi)
        movq    %r14, 32(%rdi)
        movq    %r15, 40(%rdi)
        leaq    8(%rsp), %rcx
        movq    %rcx, 48(%rdi)
        movq    (%rsp), %rcx
        movq    %rcx, 56(%rdi)
        xorl    %eax, %eax
        ret
        .globl  resume
resume: movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movq    (%rdi), %rbx
        movq    8(%rdi), %rbp
        movq    16(%rdi), %r12
        movq    24(%rdi), %r13
        movq    32(%rdi), %r14
        movq    40(%rdi), %r15
        movq    48(%rdi), %rsp
        pushq   $2
        popfq
        cld
        movl    $1, %eax
        pushq   $0x18
        pushq   56(%rdi)
        lretq

/* void enter_user(void (*fn)(void), uint64_t rsp, uint64_t cs, uint64_t rflags) */
        .globl  enter_user
enter_user:
        pushq   $0x2b
        pushq   %rsi
        pushq   %rcx
        pushq   %rdx
        pushq   %rdi
        iretq

        .bss
        .balign 4096
        .globl  pml4, pdpt, pd
pml4:   .skip   4096
pdpt:   .skip   4096
pd:     .skip   4096
        .skip   65536
        .globl  stack_top
stack_top:
        .section .note.GNU-stack, "", @progbits
