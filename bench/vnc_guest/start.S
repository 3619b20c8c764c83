/* SPDX-License-Identifier: MIT */
/*
 * Start of the replaying guest: multiboot entry (Multiboot Specification 0.6.96, section 3), flat
 * segments of its own, and the interrupts of keyboard (IRQ 1) and COM1 (IRQ 4), which only wake it.
 */
#define MAGIC 0x1badb002
#define FLAGS 0x00000003 /* modules page-aligned, memory information */
#define CODE  0x08
#define DATA  0x10

        .section .multiboot, "a"
        .balign 4
        .long   MAGIC, FLAGS, -(MAGIC + FLAGS)

        .text
        .globl  start
start:
        mov     $stack_top, %esp
        lgdt    gdt_pointer
        ljmp    $CODE, $1f
1:      mov     $DATA, %eax
        mov     %eax, %ds
        mov     %eax, %es
        mov     %eax, %ss
        mov     $wake, %eax
        mov     %ax, gate_1
        mov     %ax, gate_4
        shr     $16, %eax
        mov     %ax, gate_1 + 6
        mov     %ax, gate_4 + 6
        lidt    idt_pointer
        cld
        push    %ebx
        call    main
1:      hlt
        jmp     1b

/* Acknowledge; main() looks for what has come. */
wake:
        push    %eax
        mov     $0x20, %al
        out     %al, $0x20
        pop     %eax
        iret

        .data
        .balign 8
gdt:
        .quad   0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt

/* Vectors 20h to 27h are the master PIC's. */
idt:
        .fill   0x21, 8, 0
gate_1:
        .word   0, CODE, 0x8e00, 0
        .fill   2, 8, 0
gate_4:
        .word   0, CODE, 0x8e00, 0
idt_pointer:
        .word   . - idt - 1
        .long   idt

        .bss
        .balign 16
        .skip   16384
stack_top:

        .section .note.GNU-stack, "", @progbits
