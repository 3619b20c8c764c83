/* SPDX-License-Identifier: MIT */
/*
 * Random-code guest: the firmware image it is in, the last 64 KiB below 4 GiB. A machine that is reset
 * takes the next case at once; a real firmware would take a hundred times as long as the case.
 */
#define PROGRAM_AT 0x100000

        .code16
        .text
rom:
        .incbin "fuzz.bin"
program_end:
        .org    0xff00
reset:  cli
        lgdtl   %cs:gdt_ptr - rom
        mov     $1, %eax
        mov     %eax, %cr0
        ljmpl   $0x08, $1f
        .code32
1:      mov     $0x10, %ax
        mov     %ax, %ds
        mov     %ax, %es
        mov     $rom, %esi
        mov     $PROGRAM_AT, %edi
        mov     $program_end - rom, %ecx
        cld
        rep movsb
        mov     $PROGRAM_AT, %eax
        jmp     *%eax
        .align  8
gdt:    .quad   0
        .quad   0x00cf9b000000ffff      /* 08: 32-bit code */
        .quad   0x00cf93000000ffff      /* 10: data */
gdt_ptr:
        .word   . - gdt - 1
        .long   gdt
        .org    0xfff0
        .code16
        jmp     reset
        .org    0x10000
