/* SPDX-License-Identifier: MIT */
/*
 * Entry of the multiboot test kernel (Multiboot Specification 0.6.96, section
 * 3): the header, and the machine state as the boot loader left it, saved
 * before anything can change it.
 */
#define MAGIC 0x1badb002
#define FLAGS 0x00000003 /* modules page-aligned, memory information */

    .section .multiboot, "a"
    .balign 4
    .long MAGIC, FLAGS, -(MAGIC + FLAGS)

    .text
    .globl _start
_start:
    mov %eax, entry_state + 0
    mov %ebx, entry_state + 4
    mov %cr0, %ecx
    mov %ecx, entry_state + 8
    mov $stack_top, %esp
    pushf
    popl entry_state + 12
    mov %cs, entry_state + 16
    mov %ss, entry_state + 18
    mov %ds, entry_state + 20
    mov %es, entry_state + 22
    cld
    call main
1:  hlt
    jmp 1b

/* An empty IDT makes the next exception a triple fault. */
    .globl triple_fault
triple_fault:
    lidt no_idt
    ud2
no_idt:
    .word 0
    .long 0

    .bss
    .balign 16
    .globl entry_state
entry_state:
    .skip 24
    .balign 16
    .skip 16384
stack_top:

    .section .note.GNU-stack, "", @progbits
