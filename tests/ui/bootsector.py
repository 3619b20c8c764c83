# SPDX-License-Identifier: MIT
"""Disks whose boot sector is a program of a few bytes, for tests."""

DATA = 0x40     # where what goes with the program is


def boot_sector(path, code, data=b''):
    """A disk of 1 MiB that runs `code` at 7C00h in real mode."""
    sector = code.ljust(DATA, b'\0') + data
    with open(path, 'wb') as file:
        file.write(sector.ljust(510, b'\0') + b'\x55\xaa')
        file.truncate(1 << 20)


# An empty screen without a cursor, and '>' on it.
PROMPT = bytes([0xb8, 0x03, 0x00, 0xcd, 0x10,               # mov ax, 3; int 10h
                0xb4, 0x01, 0xb9, 0x00, 0x20, 0xcd, 0x10,   # mov ah, 1; mov cx, 2000h; int 10h
                0xb8, 0x3e, 0x0e, 0xcd, 0x10])              # mov ax, 0e3eh; int 10h


def echo(path):
    """Write every character of the keyboard on the screen, by way of the firmware (US layout)."""
    boot_sector(path, PROMPT + bytes([0xb4, 0x00, 0xcd, 0x16,         # mov ah, 0; int 16h: a key
                                      0xb4, 0x0e, 0xcd, 0x10,         # mov ah, 0eh; int 10h
                                      0xeb, 0xf6]))                   # jmp back for the next one


def show(path, cells):
    """Put these (character, attribute) at the top of the text screen."""
    text = bytes(byte for cell in cells for byte in cell)
    boot_sector(path, bytes([0x31, 0xc0, 0x8e, 0xd8,                # xor ax, ax; mov ds, ax
                             0xb8, 0x00, 0xb8, 0x8e, 0xc0,          # mov es, 0b800h
                             0xbe, DATA, 0x7c, 0x31, 0xff,          # mov si, data; xor di, di
                             0xb9, len(cells), 0, 0xfc, 0xf3, 0xa5,  # mov cx, n; cld; rep movsw
                             0xf4, 0xeb, 0xfd]), text)              # hlt; jmp back


def scancodes(path):
    """Write every byte of the keyboard on the screen, in hexadecimal digits."""
    boot_sector(path, PROMPT + bytes([0xfa,                           # cli
                                      0xe4, 0x64, 0x24, 0x21,         # in al, 64h; and al, 21h
                                      0x3c, 0x01, 0x75, 0xf8,         # cmp al, 1: a byte, not the mouse's; jne back
                                      0xe4, 0x60, 0x88, 0xc2,         # in al, 60h; mov dl, al
                                      0xb0, 0x20, 0xe8, 0x19, 0x00,   # mov al, ' '; call put
                                      0x88, 0xd0, 0xc0, 0xe8, 0x04,   # mov al, dl; shr al, 4
                                      0xe8, 0x09, 0x00,               # call hex
                                      0x88, 0xd0, 0x24, 0x0f,         # mov al, dl; and al, 15
                                      0xe8, 0x02, 0x00, 0xeb, 0xde,   # call hex; jmp back for the next one
                                      0x04, 0x30, 0x3c, 0x3a,         # hex: add al, '0'; cmp al, '9' + 1
                                      0x72, 0x02, 0x04, 0x07,         # jb put; add al, 'A' - '9' - 1
                                      0xb4, 0x0e, 0xcd, 0x10, 0xc3]))  # put: mov ah, 0eh; int 10h; ret
