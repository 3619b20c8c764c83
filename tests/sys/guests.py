#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot whole operating systems and use them: one row of ENTRIES per test.

    tests/sys/guests.py                    every entry
    tests/sys/guests.py demo-amd64 ...     these
    tests/sys/guests.py --list
    tests/sys/guests.py --emulator 'qemu-system-x86_64 -accel tcg -cpu max' ...

The guests are made by scripts/guests/* on first use (network needed once) and
kept in build/guests or $DOPPEL_GUESTS. Through a link in tests/sys named like
an entry, only that entry runs: that is how make check and check-long do it.
Exit status: 0 passed, 1 failed, 77 the emulator or a guest is not to be had.
"""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass, field

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from expect import TROUBLE, Guest, GuestError  # noqa: E402

SOURCES = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(SOURCES))
GUESTS = os.path.abspath(os.environ.get('DOPPEL_GUESTS', os.path.join(TOP, 'build', 'guests')))
SLOW = float(os.environ.get('TEST_SLOWNESS', '1'))      # multiplies every time limit
SKIP = 77

# --- steps ------------------------------------------------------------------


@dataclass
class Expect:
    pattern: str
    timeout: float = 60
    label: str = None

    def run(self, guest):
        guest.expect(self.pattern, self.timeout * SLOW, self.label)


@dataclass
class Send:
    text: str

    def run(self, guest):
        guest.send(self.text)


@dataclass
class Terminate:
    """End an emulator that has nothing more to show."""

    def run(self, guest):
        guest.terminate()


def command(line, answer, timeout=60, label=None):
    """Type a line at the shell prompt; wait for what it prints, not its echo."""
    return [Send(line + '\n'), Expect(answer, timeout, label), Expect('# ')]


QUIT = [Send('\x01x')]          # Ctrl-a x

# --- the table ---------------------------------------------------------------


@dataclass
class Entry:
    args: list                  # {g} is the guests' directory, {t} a temporary one
    steps: list
    guests: list = field(default_factory=list)      # scripts/guests/* with arguments
    disks: list = field(default_factory=list)       # copied to {t}, since they are written
    sources: list = field(default_factory=list)     # of tests/sys, in the tar disk {t}/sources
    status: int = 0             # None: not looked at
    trouble: str = TROUBLE


def demo(arch, cpus=1):
    prompt = Expect('doppel# ')
    return Entry(
        guests=['demo ' + arch],
        args=['-m', '256', '-nographic', '-kernel', '{g}/demo/%s/vmlinuz' % arch, '-initrd',
              '{g}/demo/%s/initrd.gz' % arch, '-append', 'console=ttyS0 quiet', '-smp', str(cpus)],
        steps=[Expect(r'doppel demo: Linux \S+ up in [\d.]+ s', 180, 'init'), prompt,
               Send('echo $((6 * 7)) $(nproc) cpu\n'), Expect(f'^42 {cpus} cpu'), prompt,
               Send('poweroff\n')])


def torture(cpus, threads):
    return Entry(
        guests=['torture'],
        args=['-m', '256', '-nographic', '-kernel', '{g}/torture/vmlinuz', '-initrd',
              '{g}/torture/initrd.gz', '-append', 'console=ttyS0 quiet', '-smp', str(cpus)],
        steps=[Expect('up in', 180, 'init'), Expect('doppel# '),
               Send(f'/torture 50 {threads}\n'),
               Expect('^torture: passed', 900, 'torture passed'), Expect('doppel# '),
               Send('poweroff\n')],
        trouble=TROUBLE + '|torture: FAIL')


def netboot(arch):
    path = '{g}/netboot/%s/' % arch
    return Entry(
        guests=['netboot'],
        args=['-m', '1024', '-nographic', '-kernel', path + 'vmlinuz', '-initrd',
              path + 'initrd.gz', '-append', 'console=ttyS0 quiet'],
        steps=[Expect('Select a language', 300, 'first menu'), Expect('English'), *QUIT])


LOGIN = [
    Expect('Loading Linux', 120, 'GRUB: kernel'),
    Expect('Loading initial ramdisk', 120, 'GRUB: initrd'),
    Expect('doppel login: ', 600, 'login'),
    Send('root\n'), Expect('Password: '), Send('doppel\n'), Expect(r'root@doppel:~# '),
]

HELLO = """cat >hello.c <<'END'
#include <stdio.h>
int main(void) { printf("sum %d\\n", 6 * 7); return 0; }
END
"""

COMPILE = [
    Send(HELLO), Expect('# '),
    *command('gcc -O2 -o hello hello.c && ./hello', '^sum 42', 180, 'compiled and run'),
]


def debian(steps, *more, **others):
    return Entry(
        guests=['debian-disk'], disks=['debian-disk/disk.img'],
        args=['-m', '512', '-nographic', '-hda', '{t}/disk.img', *more],
        steps=[*LOGIN, *command('cat /proc/uptime', r'^[\d.]+ [\d.]+'), *steps,
               Send('poweroff\n'), Expect('reboot: Power down', 120, 'powered down')],
        **others)


def memtest(bits):
    return Entry(
        guests=['memtest'],
        args=['-m', '40', '-nographic', '-kernel', '{g}/memtest/memtest%d.bin' % bits,
              '-append', 'console=ttyS0,115200'],
        # The screen is renewed every two seconds: a quick test may never be on it.
        steps=[Expect('Memtest86', 60), Expect('#0 ', 60), Expect(r'#([5-9]|10) ', 300, 'test 5'),
               Expect('Errors: 0'), *QUIT],
        trouble=r'Errors: *[1-9]')


def suspend(more=''):
    """Suspend to idle and to RAM; the alarm wakes."""
    return Entry(
        guests=['demo amd64'],
        args=['-m', '256', '-nographic', '-smp', '2', '-kernel', '{g}/demo/amd64/vmlinuz', '-initrd',
              '{g}/demo/amd64/initrd.gz', '-append', 'console=ttyS0 quiet ' + more],
        steps=[Expect('up in', 180, 'init'), Expect('doppel# '),
               *[step for how in ('freeze', 'mem') for step in (
                   Send('echo +3 >/sys/class/rtc/rtc0/wakealarm\n'), Expect('doppel# '),
                   Send(f'echo {how} >/sys/power/state && echo woken, $(nproc) CPUs\n'),
                   Expect('^woken, 2 CPUs', 120, how), Expect('doppel# '))],
               Send('poweroff\n')])


def loader(args, steps, memory='64', **others):
    return Entry(guests=['loaders', *others.pop('guests', [])],
                 args=['-m', memory, '-nographic', '-kernel', *args], steps=steps, **others)


# Paravirtual Linux on a hypervisor: rings 1 and 3, and page tables nobody but Xen writes.
XEN = loader(
    ['{g}/loaders/xen', '-append', 'console=com1 com1=115200 dom0_mem=512M', '-initrd',
     '{g}/demo/amd64/vmlinuz console=hvc0 quiet,{g}/demo/amd64/initrd.gz', '-no-reboot'],
    [Expect(r'Xen version \S+', 60, 'banner'), Expect('up in', 180, 'init'), Expect('doppel# '),
     *command('cat /sys/hypervisor/type', '^xen'),
     Send('poweroff\n'), Expect('Power down', 60, 'powered down')],
    memory='1024', guests=['demo amd64'], trouble='crashed|Panic on CPU')

# One disk is a tar file of tests/sys/torture: sdb, or sda if it was probed first.
TORTURE = [
    *command('nproc', '^2'),
    Send('(tar xf /dev/sdb || tar xf /dev/sda) && cd torture\n'), Expect('torture# '),
    *command('gcc -O2 -pthread -o torture *.c; echo compiled $?', '^compiled 0', 300),
    *command('./torture 50', '^torture: passed', 900, 'torture passed'),
]

# What --report shows of an entry, besides whether it passed.
REPORTED = {'banner', 'init', 'first menu', 'GRUB: kernel', 'login', 'compiled and run',
            'torture passed', 'powered down', 'test 5', 'checks passed', 'end'}

DEBUG_EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-no-reboot']
MBKERNEL = [Expect('mbkernel: started', 120),
            Expect('mbkernel: all checks passed', 10, 'checks passed')]
MBKERNEL_TROUBLE = 'mbkernel: (FAIL|checks FAILED|no debug-exit)'
MBKERNEL_STATUS = 0x10 << 1 | 1

ENTRIES = {
    'seabios-serial': Entry(
        args=['-m', '64', '-nographic'],
        steps=[Expect(r'SeaBIOS \(version \S+\)', 60, 'banner'), Expect('No bootable device', 120), *QUIT]),
    'seabios-debugcon': Entry(
        args=['-m', '64', '-display', 'none', '-serial', 'none', '-monitor', 'none',
              '-debugcon', 'stdio', '-global', 'isa-debugcon.iobase=0x402'],
        steps=[Expect(r'^SeaBIOS \(version \S+\)', 60, 'banner'), Expect('No bootable device', 120),
               Terminate()],
        status=None),
    'demo-amd64': demo('amd64'),
    'demo-i386': demo('i386'),
    'demo-amd64-smp': demo('amd64', 2),
    'demo-i386-smp': demo('i386', 2),
    'suspend': suspend(),
    'suspend-firmware': suspend('vga=normal'),
    'torture-smp2': torture(2, 2),
    'torture-smp4': torture(4, 4),
    'torture-crowded': torture(2, 5),
    'netboot-amd64': netboot('amd64'),
    'netboot-i386': netboot('i386'),
    'debian': debian(COMPILE),
    'debian-smp': debian([*command('nproc', '^2'), *COMPILE], '-smp', '2'),
    'debian-torture': debian(TORTURE, '-smp', '2', '-hdb', '{t}/sources', sources=['torture'],
                             trouble=TROUBLE + '|torture: FAIL'),
    'grub-cd': Entry(
        guests=['grub-cd'],
        args=['-m', '64', '-nographic', '-cdrom', '{g}/grub-cd/rescue.iso', *DEBUG_EXIT],
        steps=[Expect('Loading the multiboot kernel', 120), *MBKERNEL],
        status=MBKERNEL_STATUS, trouble=MBKERNEL_TROUBLE),
    'multiboot': Entry(
        guests=['grub-cd'],
        args=['-m', '64', '-nographic', '-kernel', '{g}/grub-cd/mbkernel', '-append', 'check=1',
              '-initrd', '{g}/grub-cd/module.txt module=1', *DEBUG_EXIT],
        steps=MBKERNEL,
        status=MBKERNEL_STATUS, trouble=MBKERNEL_TROUBLE),
    'ipxe': loader(['{g}/loaders/ipxe.lkrn'],
                   [Expect('Press Ctrl-B', 60, 'banner'), Send('\x02'), Expect('iPXE>'),
                    Send('help\n'), Expect('Available commands'), *QUIT]),
    'memdisk': loader(['{g}/loaders/memdisk', '-initrd', '{g}/loaders/floppy.img'],
                      [Expect('GNU GRUB', 60, 'banner'), *QUIT]),
    'gnumach': loader(['{g}/loaders/gnumach', '-append', 'console=com0'],
                      [Expect('No bootstrap code loaded', 60, 'end'), *QUIT], memory='256'),
    'xen': XEN,
    'memtest64': memtest(64),
    'memtest32': memtest(32),
}

# --- running one --------------------------------------------------------------


def lacks_emulator(options):
    program = shlex.split(options.emulator)[0]
    return None if shutil.which(program) else f'{program} is not there'


def build_guests(names):
    """Run the scripts; None, or why a guest cannot be had."""
    for name in names:
        script, *arguments = name.split()
        script = os.path.join(TOP, 'scripts', 'guests', script)
        done = subprocess.run([script, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)
        if done.returncode:
            return (done.stdout.strip() or script).splitlines()[-1]
    return None


def pack_sources(names, path):
    """A tar file is a disk of whole sectors; the guest runs tar on the disk."""
    with tarfile.open(path, 'w') as tar:
        for name in names:
            tar.add(os.path.join(SOURCES, name), arcname=name)


def copy_disk(name, directory):
    subprocess.run(['cp', '--reflink=auto', '--sparse=always', os.path.join(GUESTS, name),
                    os.path.join(directory, os.path.basename(name))], check=True)


def finish(entry, guest):
    status = guest.wait(120 * SLOW)
    if entry.status is not None and status != entry.status:
        raise GuestError(f'exit status {status}, not {entry.status}')


def drive(entry, argv, options, name):
    log = os.path.join(options.logs, name + '.out') if options.logs else None
    with Guest(argv, log, options.verbose, options.pty, entry.trouble) as guest:
        try:
            for step in entry.steps:
                step.run(guest)
            finish(entry, guest)
        finally:
            for label, seconds, cpu in guest.marks:
                print(f'  {seconds:8.2f} s {cpu:8.2f} s  {label}')
            options.marks = [mark for mark in guest.marks if mark[0] in REPORTED]


def run_entry(name, options):
    entry = ENTRIES[name]
    missing = lacks_emulator(options) or build_guests(entry.guests)
    if missing:
        print(f'{name}: skipped: {missing}')
        return SKIP
    os.makedirs(GUESTS, exist_ok=True)
    directory = tempfile.mkdtemp(prefix='.run-', dir=GUESTS)
    try:
        for disk in entry.disks:
            copy_disk(disk, directory)
        if entry.sources:
            pack_sources(entry.sources, os.path.join(directory, 'sources'))
        args = [arg.format(g=GUESTS, t=directory) for arg in entry.args]
        drive(entry, shlex.split(options.emulator) + args, options, name)
    except (GuestError, OSError) as error:
        print(f'{name}: FAILED: {error}')
        return 1
    finally:
        shutil.rmtree(directory)
    print(f'{name}: passed')
    return 0


# --- the report ----------------------------------------------------------------------


def host_name():
    with open('/proc/cpuinfo') as file:
        models = [line.partition(':')[2].strip() for line in file
                  if line.startswith('model name')]
    return f'{len(models)} x {models[0]}' if models else 'unknown host'


def emulator_version(options):
    done = subprocess.run([*shlex.split(options.emulator), '-version'], capture_output=True,
                          text=True, check=False)
    return (done.stdout.splitlines() or ['?'])[0]


def commit():
    done = subprocess.run(['git', '-C', TOP, 'describe', '--always', '--dirty'],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() or 'unknown'


def write_report(options, rows):
    """A table of what passed; times by the clock and in processor seconds."""
    sources = commit()  # before the report is one that changed
    with open(options.report, 'w') as file:
        file.write(f'# Whole guests: the last result\n\nMade by `tests/sys/guests.py --report`, '
                   f'{time.strftime("%Y-%m-%d")}, sources at {sources}, '
                   f'{emulator_version(options)}, on '
                   f'{host_name()}. Times since the start: seconds (processor seconds).\n\n'
                   '| guest | result | times |\n|---|---|---|\n')
        for name, result, marks in rows:
            verdict = {0: 'passed', SKIP: 'skipped'}.get(result, '**failed**')
            times = ', '.join(f'{label} {seconds:.1f} ({cpu:.1f})'
                              for label, seconds, cpu in marks)
            file.write(f'| {name} | {verdict} | {times} |\n')


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('entries', nargs='*', metavar='ENTRY')
    parser.add_argument('--emulator', metavar='COMMAND',
                        default=os.environ.get('DOPPEL', os.path.join(TOP, 'doppel')))
    parser.add_argument('--list', action='store_true', help='name the entries')
    parser.add_argument('--pty', action='store_true', help='run on a terminal, not on pipes')
    parser.add_argument('--logs', metavar='DIR', help='keep what the guests print')
    parser.add_argument('--report', metavar='FILE', help='write a table of the results')
    parser.add_argument('-v', '--verbose', action='store_true', help='show what they print')
    return parser.parse_args()


def chosen_entries(options):
    if options.entries:
        unknown = [name for name in options.entries if name not in ENTRIES]
        if unknown:
            sys.exit(f'no entry {unknown[0]}; --list names them')
        return options.entries
    called = os.path.basename(sys.argv[0])
    return [called] if called in ENTRIES else list(ENTRIES)


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.list:
        print('\n'.join(ENTRIES))
        return 0
    rows = []
    for name in chosen_entries(options):
        options.marks = []
        rows.append((name, run_entry(name, options), options.marks))
    if options.report:
        write_report(options, rows)
    results = [row[1] for row in rows]
    return 1 if 1 in results else max(results)


if __name__ == '__main__':
    sys.stdout.reconfigure(line_buffering=True)
    sys.exit(main())
