/* SPDX-License-Identifier: MIT */
/*
 * From the reset vector to main() in flat 32-bit protected mode; traps, ring 3, set and resume.
 * Used by all bare-metal test guests; those of 64-bit mode go on in boot64.S.
 */
        .section .reset, "ax"
        .code16
reset_code:                             /* F000:FF00 and FFFFFF00 */
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
        movw    %ax, %fs
        movw    %ax, %gs
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
        .quad   0, 0x00cf9b000000ffff, 0x00cf93000000ffff
reset_gdtr:
        .word   23
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
        call    lib_init
        call    main
        pushl   %eax
        call    finish

/* --- traps: vector and error code are on the stack --- */
        .macro  ISR n
        .balign 16
isr_\n:
        .if \n != 8 && (\n < 10 || \n > 14) && \n != 17
        pushl   $0
        .endif
        pushl   $\n
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
        pushal
        pushl   %ds
        pushl   %es
        pushl   %fs
        pushl   %gs
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        cld
        movl    %esp, %eax
        pushl   %eax
        call    trap
        addl    $4, %esp
        popl    %gs
        popl    %fs
        popl    %es
        popl    %ds
        popal
        addl    $8, %esp
        iretl

/* int save(struct context *): 0, or 1 when resumed. */
        .globl  save
save:   movl    4(%esp), %eax
        movl    %ebx, (%eax)
        movl    %esi, 4(%eax)
        movl    %edi, 8(%eax)
        movl    %ebp, 12(%eax)
        leal    4(%esp), %ecx
        movl    %ecx, 16(%eax)
        movl    (%esp), %ecx
        movl    %ecx, 20(%eax)
        xorl    %eax, %eax
        ret
/* void resume(struct context *) */
        .globl  resume
resume: movl    4(%esp), %edx
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %fs
        movl    %eax, %gs
        movl    %eax, %ss
        movl    16(%edx), %esp
        movl    (%edx), %ebx
        movl    4(%edx), %esi
        movl    8(%edx), %edi
        movl    12(%edx), %ebp
        pushl   $2
        popfl
        cld
        movl    $1, %eax
        ljmpl   $8, $1f
1:      jmp     *20(%edx)

/* void enter_user(void (*fn)(void), uint32_t esp, uint32_t eflags): ring 3; comes back by a trap. */
        .globl  enter_user
enter_user:
        movl    4(%esp), %eax
        movl    8(%esp), %ecx
        movl    12(%esp), %edx
        pushl   $0x23                   /* user data */
        pushl   %ecx
        pushl   %edx
        pushl   $0x1b                   /* user code */
        pushl   %eax
        movl    $0x23, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %fs
        movl    %eax, %gs
        iretl

        .bss
        .balign 4096
        .skip   65536
        .globl  stack_top
stack_top:

        .section .note.GNU-stack, "", @progbits
