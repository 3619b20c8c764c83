/* SPDX-License-Identifier: MIT */
/*
 * A boot disk whose program does what is asked on the first serial port: accesses to ports and
 * memory, pixels from a random number generator, video BIOS calls. guest.py is the other side. A
 * command is five little-endian words (operation, a, b, n, c), its answer one. Data segments reach
 * all 4 GiB.
 */
        .code16
        .globl  _start

        .set    COM, 0x3f8
        .set    SECTORS, 4              /* behind the boot sector */
        .set    BUFFER, 0x9000          /* ES:DI of BIOS calls */

_start: ljmp    $0, $1f
1:      xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        cld
        movb    $0x42, %ah
        movw    $packet, %si
        int     $0x13
        jc      .
        jmp     main

        .balign 4
packet: .byte   16, 0
        .word   SECTORS, 0x7e00, 0
        .quad   1

        .balign 8
gdt:    .quad   0, 0x00cf92000000ffff
gdtr:   .word   . - gdt - 1
        .long   gdt

        .org    510
        .word   0xaa55

/* --- the serial port ------------------------------------------------------------------------- */

/* Halted meanwhile: the interrupt does no more than wake. */
getc:   movw    $COM + 5, %dx
1:      cli
        inb     %dx, %al
        testb   $1, %al
        jnz     2f
        sti
        hlt
        jmp     1b
2:      movw    $COM, %dx
        inb     %dx, %al
        ret

woken:  pushw   %ax
        movb    $0x20, %al
        outb    %al, $0x20
        popw    %ax
        iret

putc:   movb    %al, %ah
        movw    $COM + 5, %dx
1:      inb     %dx, %al
        testb   $0x20, %al
        jz      1b
        movb    %ah, %al
        movw    $COM, %dx
        outb    %al, %dx
        ret

/* --- commands --------------------------------------------------------------------------------- */

main:   movl    $woken, 4 * 0x0c        /* IRQ 4 */
        inb     $0x21, %al
        andb    $0xef, %al
        outb    %al, $0x21
        movw    $init, %si
1:      lodsw
        testw   %ax, %ax
        jz      2f
        movw    %ax, %dx
        lodsb
        outb    %al, %dx
        jmp     1b
2:      movb    $'R', %al
        call    putc

next:   movw    $command, %di
        movw    $20, %cx
1:      call    getc
        stosb
        loop    1b
        call    flat
        movl    a, %edi
        movl    b, %eax
        movl    n, %ecx
        movl    %edi, %edx
        movw    command, %bx
        shlw    $1, %bx
        call    *table(%bx)
        cli
        movl    %eax, answer
        movw    $answer, %si
        movw    $4, %cx
1:      lodsb
        call    putc
        loop    1b
        jmp     next

/* Limits of 4 GiB in DS and ES, which BIOS calls may have taken back. */
flat:   cli
        lgdtl   gdtr
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        movw    $8, %bx
        movw    %bx, %ds
        movw    %bx, %es
        andb    $0xfe, %al
        movl    %eax, %cr0
        xorw    %bx, %bx
        movw    %bx, %ds
        movw    %bx, %es
        ret

table:  .word   out8, out16, out32, in8, in16, in32
        .word   fill8, fill16, fill32, get8, get16, get32
        .word   random8, random16, random32, copy8, copy32
        .word   bios, sum, stores, fills, spin
        .word   stores16, stores32, fills8, fills16, moves8, moves16, moves32
        .word   loads8, swaps8, loads32, ins8, outs8, frames

out8:   outb    %al, %dx
        ret
out16:  outw    %ax, %dx
        ret
out32:  outl    %eax, %dx
        ret
in8:    xorl    %eax, %eax
        inb     %dx, %al
        ret
in16:   xorl    %eax, %eax
        inw     %dx, %ax
        ret
in32:   inl     %dx, %eax
        ret

/* n times b at a. */
fill8:  rep stosb %al, %es:(%edi)
        ret
fill16: rep stosw %ax, %es:(%edi)
        ret
fill32: rep stosl %eax, %es:(%edi)
        ret

get8:   movzbl  (%edi), %eax
        ret
get16:  movzwl  (%edi), %eax
        ret
get32:  movl    (%edi), %eax
        ret

/* n random elements at a, seed b. */
random: imull   $214013, %ebp, %ebp
        addl    $2531011, %ebp
        movl    %ebp, %eax
        shrl    $16, %eax
        ret
random8:
        movl    %eax, %ebp
1:      call    random
        stosb   %al, %es:(%edi)
        decl    %ecx
        jnz     1b
        ret
random16:
        movl    %eax, %ebp
1:      call    random
        stosw   %ax, %es:(%edi)
        decl    %ecx
        jnz     1b
        ret
random32:
        movl    %eax, %ebp
1:      call    random
        movl    %eax, %ebx
        call    random
        shll    $16, %eax
        orl     %ebx, %eax
        stosl   %eax, %es:(%edi)
        decl    %ecx
        jnz     1b
        ret

/* n elements from a to b. */
copy8:  movl    %edi, %esi
        movl    %eax, %edi
        rep movsb %ds:(%esi), %es:(%edi)
        ret
copy32: movl    %edi, %esi
        movl    %eax, %edi
        rep movsl %ds:(%esi), %es:(%edi)
        ret

/* INT 10h with EAX a, EBX b, ECX n, EDX c. */
bios:   movl    %edi, %eax
        movl    b, %ebx
        movl    c, %edx
        movw    $BUFFER, %di
        sti
        int     $0x10
        cld
        ret

/* Sum of n bytes at a. */
sum:    movl    %edi, %esi
        xorl    %ebx, %ebx
        xorl    %eax, %eax
1:      lodsb   %ds:(%esi), %al
        addl    %eax, %ebx
        decl    %ecx
        jnz     1b
        movl    %ebx, %eax
        ret

/* c times: single byte stores of b to n bytes at a; REP STOSD of n words there. */
stores: movl    a, %edi
        movl    n, %ecx
1:      movb    %al, (%edi)
        incl    %edi
        decl    %ecx
        jnz     1b
        incl    %eax
        decl    c
        jnz     stores
        ret
stores16:
        movl    a, %edi
        movl    n, %ecx
1:      movw    %ax, (%edi)
        addl    $2, %edi
        decl    %ecx
        jnz     1b
        incl    %eax
        decl    c
        jnz     stores16
        ret
stores32:
        movl    a, %edi
        movl    n, %ecx
1:      movl    %eax, (%edi)
        addl    $4, %edi
        decl    %ecx
        jnz     1b
        incl    %eax
        decl    c
        jnz     stores32
        ret
fills:  movl    a, %edi
        movl    n, %ecx
        rep stosl %eax, %es:(%edi)
        incl    %eax
        decl    c
        jnz     fills
        ret
fills8: movl    a, %edi
        movl    n, %ecx
        rep stosb %al, %es:(%edi)
        incl    %eax
        decl    c
        jnz     fills8
        ret
fills16:
        movl    a, %edi
        movl    n, %ecx
        rep stosw %ax, %es:(%edi)
        incl    %eax
        decl    c
        jnz     fills16
        ret

/* c times: n elements from a to b. */
moves8: movl    a, %esi
        movl    b, %edi
        movl    n, %ecx
        rep movsb %ds:(%esi), %es:(%edi)
        decl    c
        jnz     moves8
        ret
moves16:
        movl    a, %esi
        movl    b, %edi
        movl    n, %ecx
        rep movsw %ds:(%esi), %es:(%edi)
        decl    c
        jnz     moves16
        ret
moves32:
        movl    a, %esi
        movl    b, %edi
        movl    n, %ecx
        rep movsl %ds:(%esi), %es:(%edi)
        decl    c
        jnz     moves32
        ret

/* c times: n bytes at a loaded; exchanged for b, or what was there before. */
loads8: movl    a, %edi
        movl    n, %ecx
1:      movb    (%edi), %al
        incl    %edi
        decl    %ecx
        jnz     1b
        decl    c
        jnz     loads8
        ret
swaps8: movl    a, %edi
        movl    n, %ecx
1:      xchgb   %al, (%edi)
        incl    %edi
        decl    %ecx
        jnz     1b
        decl    c
        jnz     swaps8
        ret

/* n times: the word at a loaded; port a read; b written to it. */
loads32:
        movl    (%edi), %eax
        decl    %ecx
        jnz     loads32
        ret
ins8:   inb     %dx, %al
        decl    %ecx
        jnz     ins8
        ret
outs8:  outb    %al, %dx
        decl    %ecx
        jnz     outs8
        ret

/* c times: a frame of n dwords at a, then work for about as long as a frame lasts. */
frames: movl    a, %edi
        movl    n, %ecx
        rep stosl %eax, %es:(%edi)
        incl    %eax
        movl    $4000000, %ecx
1:      addl    %ecx, %edx
        movl    %edx, BUFFER
        addl    BUFFER, %edx
        decl    %ecx
        jnz     1b
        decl    c
        jnz     frames
        ret

/* A loop of n rounds. */
spin:   addl    %ecx, %eax
        movl    %eax, BUFFER
        addl    BUFFER, %eax
        decl    %ecx
        jnz     spin
        ret

/* 115200 baud, 8N1, FIFO, interrupts for input */
init:   .word   COM + 3
        .byte   0x83
        .word   COM
        .byte   1
        .word   COM + 1
        .byte   0
        .word   COM + 3
        .byte   3
        .word   COM + 1
        .byte   0
        .word   COM + 2
        .byte   7
        .word   COM + 4
        .byte   0x0b
        .word   COM + 1
        .byte   1
        .word   0

        .balign 4
command:
        .long   0
a:      .long   0
b:      .long   0
n:      .long   0
c:      .long   0
answer: .long   0
        .org    512 * (SECTORS + 1)
