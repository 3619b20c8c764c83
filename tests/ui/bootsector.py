# SPDX-License-Identifier: MIT
"""Disks whose boot sector is a program of a few bytes, for tests."""

DATA = 0x40     # where what goes with the program is


def boot_sector(path, code, data=b''):
    """A disk of 1 MiB that runs `code` at 7C00h in real mode."""
    sector = code.ljust(DATA, b'\0') + data
    with open(path, 'wb') as file:
        file.write(sector.ljust(510, b'\0') + b'\x55\xaa')
        file.truncate(1 << 20)


def echo(path):
    """Write every character of the keyboard on the screen, by way of the firmware (US layout)."""
    boot_sector(path, bytes([0xb8, 0x03, 0x00, 0xcd, 0x10,   # mov ax, 3; int 10h: an empty screen
                             0xb8, 0x3e, 0x0e, 0xcd, 0x10,   # mov ax, 0e3eh; int 10h: '>'
                             0xb4, 0x00, 0xcd, 0x16,         # mov ah, 0; int 16h: a key
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
