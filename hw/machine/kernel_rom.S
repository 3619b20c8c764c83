/* SPDX-License-Identifier: MIT */
/*
 * Option ROM that boots -kernel: an expansion header by which firmware lists it as something to boot
 * from (Plug and Play BIOS Specification 1.0a, 3.2), and the bootstrap entry vector. That has the images
 * placed by selecting an item of fw_cfg, and starts what boot_put_vector() says: the setup part of a
 * Linux image in real mode, or a multiboot kernel, for which it asks the BIOS for the memory map first.
 *
 * Position-independent 16-bit code; the machine sets the checksum, the last byte.
 */

#define FW_CFG_SELECTOR     0x510
#define FW_CFG_PLACE_KERNEL 0x8010

/* struct boot_vector in memory, behind the GDT. Our stack is above, below the EBDA: that of the BIOS
 * may be where the kernel goes. */
#define SEGMENT      0x9f00
#define VECTOR       0x100
#define STACK        0xc00
#define REAL_SEGMENT (VECTOR + 0)
#define REAL_SP      (VECTOR + 2)
#define ENTRY        (VECTOR + 4)
#define FLAT_DS      (VECTOR + 10)
#define START_EAX    (VECTOR + 12)
#define START_EBX    (VECTOR + 16)
#define INFO_SEGMENT (VECTOR + 20)
#define GDTR         (VECTOR + 22)

/* multiboot information, and where the memory map is in its segment */
#define INFO_MEM_LOWER  4
#define INFO_MEM_UPPER  8
#define INFO_MMAP_LEN   44
#define MMAP            0x100
#define MMAP_END        0x400
#define MMAP_ENTRY      24

#define SMAP 0x534d4150

        .code16
        .text
        .globl rom
rom:
        .byte   0x55, 0xaa
        .byte   (rom_end - rom) / 512
init:
        jmp     init_done
        .org    0x1a
        .word   pnp - rom
pnp:
        .ascii  "$PnP"
        .byte   1, 2                    /* version, length / 16 */
        .word   0                       /* no further header */
        .byte   0, 0                    /* reserved, checksum: not looked at */
        .long   0
        .word   0
        .word   product - rom
        .byte   0, 0, 0                 /* type */
        .byte   0                       /* device indicators */
        .word   0, 0                    /* boot connection, disconnect */
        .word   boot - rom
        .word   0, 0
product:
        .asciz  "Kernel of the command line"

init_done:
        mov     $0x20, %ax              /* an IPL device is there */
        lret

boot:
        mov     $SEGMENT, %cx
        mov     %cx, %ds
        mov     %cx, %ss
        mov     $STACK, %esp
        mov     $FW_CFG_PLACE_KERNEL, %ax
        mov     $FW_CFG_SELECTOR, %dx
        out     %ax, %dx
        mov     REAL_SEGMENT, %ax
        test    %ax, %ax
        jz      multiboot

        cli
        cld
        mov     REAL_SP, %cx
        mov     %ax, %ss
        movzwl  %cx, %esp
        mov     %ax, %ds
        mov     %ax, %es
        mov     %ax, %fs
        mov     %ax, %gs
        add     $0x20, %ax              /* the setup part's entry is 200h behind its start */
        push    %ax
        push    $0
        lret

multiboot:
        cld
        mov     INFO_SEGMENT, %es
        int     $0x12
        movzwl  %ax, %eax
        mov     %eax, %es:INFO_MEM_LOWER
        xor     %ebx, %ebx
        mov     $(MMAP + 4), %di
next_range:
        mov     $0xe820, %eax
        mov     $SMAP, %edx
        mov     $(MMAP_ENTRY - 4), %ecx
        int     $0x15
        jc      ranges_done
        movl    $(MMAP_ENTRY - 4), %es:-4(%di)
        cmpl    $0x100000, %es:(%di)
        jne     not_upper
        cmpl    $0, %es:4(%di)
        jne     not_upper
        mov     %es:8(%di), %eax
        shr     $10, %eax
        mov     %eax, %es:INFO_MEM_UPPER
not_upper:
        add     $MMAP_ENTRY, %di
        cmp     $(MMAP_END - MMAP_ENTRY + 4), %di
        ja      ranges_done
        test    %ebx, %ebx
        jnz     next_range
ranges_done:
        sub     $(MMAP + 4), %di
        movzwl  %di, %edi
        mov     %edi, %es:INFO_MMAP_LEN

        cli
        lgdtl   GDTR
        mov     START_EAX, %esi
        mov     START_EBX, %ebx
        mov     FLAT_DS, %cx
        mov     %cr0, %eax
        or      $1, %al
        mov     %eax, %cr0
        mov     %esi, %eax
        mov     %cx, %ds                /* flat */
        mov     %cx, %es
        mov     %cx, %fs
        mov     %cx, %gs
        mov     %cx, %ss
        mov     $(16 * SEGMENT + STACK), %esp
        /* addr32 ljmpl *(16 * SEGMENT + ENTRY), which not all assemblers know */
        .byte   0x67, 0x66, 0xff, 0x2d
        .long   16 * SEGMENT + ENTRY

        .balign 512, 0
rom_end:
