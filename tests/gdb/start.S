/* SPDX-License-Identifier: MIT */
/*
 * Start of the debugger's test kernel, for 32 and 64 bits: PVH entry, stack, descriptor tables; an
 * interrupt handler with unwind information; SYSCALL's target.
 */
        .section .note.pvh, "a", @note
        .long   4, 4, 18
        .asciz  "Xen"
        .long   start

        .text
        .code32
        .globl  start
start:
        mov     $stack_top, %esp
        lgdt    gdt_pointer
#ifdef __x86_64__
        /* 2 MiB pages of the first GiB, then long mode. */
        movl    $page_directory + 3, page_pointers
        movl    $page_pointers + 3, page_map
        mov     $page_directory, %edi
        mov     $0x83, %eax
        mov     $512, %ecx
1:      mov     %eax, (%edi)
        add     $0x200000, %eax
        add     $8, %edi
        loop    1b
        mov     $page_map, %eax
        mov     %eax, %cr3
        mov     $0x620, %eax            /* PAE, OSFXSR, OSXMMEXCPT */
        mov     %eax, %cr4
        mov     $0xc0000080, %ecx
        mov     $0x101, %eax            /* LME, SCE */
        xor     %edx, %edx
        wrmsr
        mov     $0x80000013, %eax
        mov     %eax, %cr0
        ljmp    $0x08, $wide
        .code64
wide:
#else
        ljmp    $0x08, $flat
flat:
#endif
        mov     $0x10, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        lidt    idt_pointer
        call    main
1:      hlt
        jmp     1b

/* INT 40h */
        .globl  handler
        .type   handler, @function
handler:
        .cfi_startproc simple
        .cfi_signal_frame
#ifdef __x86_64__
        .cfi_def_cfa rsp, 40
        .cfi_offset rip, -40
        .cfi_offset rsp, -16
        push    %rax
        .cfi_adjust_cfa_offset 8
        push    %rcx
        .cfi_adjust_cfa_offset 8
        push    %rdx
        .cfi_adjust_cfa_offset 8
        push    %rsi
        .cfi_adjust_cfa_offset 8
        push    %rdi
        .cfi_adjust_cfa_offset 8
        call    interrupted
        pop     %rdi
        .cfi_adjust_cfa_offset -8
        pop     %rsi
        .cfi_adjust_cfa_offset -8
        pop     %rdx
        .cfi_adjust_cfa_offset -8
        pop     %rcx
        .cfi_adjust_cfa_offset -8
        pop     %rax
        .cfi_adjust_cfa_offset -8
        .globl  return_here
return_here:
        iretq
#else
        .cfi_def_cfa esp, 12
        .cfi_offset eip, -12
        pusha
        .cfi_adjust_cfa_offset 32
        call    interrupted
        popa
        .cfi_adjust_cfa_offset -32
        .globl  return_here
return_here:
        iret
#endif
        .cfi_endproc
        .size   handler, . - handler

#ifdef __x86_64__
        .globl  syscall_target
        .type   syscall_target, @function
syscall_target:
        jmp     *%rcx
        .size   syscall_target, . - syscall_target
#endif

#ifndef __x86_64__
/* Code in a segment with a base. */
#define BASE 0x10000
        .globl  call_based
        .type   call_based, @function
call_based:
        lcall   $0x18, $based - BASE
        ret
        .size   call_based, . - call_based
        .globl  based
        .type   based, @function
based:
        nop
        lret
        .size   based, . - based
#endif

        .section .rodata
        .balign 8
gdt:
        .quad   0
#ifdef __x86_64__
        .quad   0x00af9a000000ffff
#else
        .quad   0x00cf9a000000ffff
#endif
        .quad   0x00cf92000000ffff
        .quad   0x00cf9a010000ffff      /* BASE */
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt, 0
idt_pointer:
        .word   0x41 * 16 - 1
        .long   idt, 0

        .bss
        .balign 4096
page_map:
        .skip   4096
page_pointers:
        .skip   4096
page_directory:
        .skip   4096
        .globl  idt
idt:
        .skip   4096
stack:
        .skip   8192
stack_top:

        .section .note.GNU-stack, "", @progbits
