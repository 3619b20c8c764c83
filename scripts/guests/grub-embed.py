#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Give a raw disk image an MBR with one Linux partition and GRUB in front of it.

    grub-embed.py IMAGE BOOT_IMG CORE_IMG PARTITION_START PARTITION_SECTORS

What grub-bios-setup does, without a block device to do it on. boot.img goes to
sector 0, core.img to the sectors after it (the gap before the first partition).

Layout facts, from GRUB 2.06's i386-pc boot code (include/grub/i386/pc/boot.h):
boot.img   0x5c  8 bytes  sector of core.img
           0x64  1 byte   boot drive, 0xff: the one the BIOS passes in DL
           0x66  2 bytes  jump that is replaced by NOPs on hard disks, so that
                          a DL without bit 7 is corrected
           0x1b8 70 bytes disk signature and partition table: not boot code
core.img   0x1f4 in its first sector: the block list, {first sector, 8 bytes;
                 number of sectors, 2; load segment, 2} for all that follows
"""

import struct
import sys

SECTOR = 512
SIGNATURE = 0x6c706f64
TABLE = 0x1be
CORE_AT = 1
LOAD_SEGMENT = 0x820


def partition_entry(start, sectors):
    """One active Linux partition, addressed by LBA only (CHS at its maximum)."""
    beyond = bytes([0xfe, 0xff, 0xff])
    return b'\x80' + beyond + b'\x83' + beyond + struct.pack('<II', start, sectors)


def boot_sector(boot, start, sectors):
    boot = bytearray(boot)
    struct.pack_into('<Q', boot, 0x5c, CORE_AT)
    boot[0x64] = 0xff
    boot[0x66:0x68] = b'\x90\x90'
    boot[0x1b8:0x1fe] = bytes(0x1fe - 0x1b8)
    struct.pack_into('<I', boot, 0x1b8, SIGNATURE)
    boot[TABLE:TABLE + 16] = partition_entry(start, sectors)
    boot[0x1fe:0x200] = b'\x55\xaa'
    return bytes(boot)


def core_sectors(core):
    core = bytearray(core)
    core += bytes(-len(core) % SECTOR)
    struct.pack_into('<QHH', core, 0x1f4, CORE_AT + 1, len(core) // SECTOR - 1, LOAD_SEGMENT)
    return bytes(core)


def main():
    image, boot_path, core_path = sys.argv[1:4]
    start, sectors = map(int, sys.argv[4:6])
    with open(boot_path, 'rb') as file:
        boot = file.read()
    with open(core_path, 'rb') as file:
        core = core_sectors(file.read())
    if len(boot) != SECTOR:
        sys.exit(f'{boot_path}: not one sector')
    if CORE_AT + len(core) // SECTOR > start:
        sys.exit(f'{core_path}: does not fit before sector {start}')
    with open(image, 'r+b') as file:
        file.write(boot_sector(boot, start, sectors) + core)


if __name__ == '__main__':
    main()
