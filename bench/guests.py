#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare an emulator with a reference and with the host, on the same programs.

    bench/guests.py [--rows integer,gcc] [--rounds 5] [--json FILE]

One guest of each emulator is booted and kept; the rows run in turn on the
host, the reference and the subject, round after round, so that whatever else
the machine does hits all alike. Times are the guest's own (CLOCK_MONOTONIC),
checked against the host's clock; checksums must agree everywhere. Printed are
medians and their ratios. Then whole boots: the kernel's start to init on the
demo guest, GRUB to login on the Debian disk. --cpu-time compares the processor
seconds of the whole emulator instead, for hosts that do other work as well.

The files come from scripts/guests/bench, demo and debian-disk. The exit status
is 1 if results differ or an emulator fails; --require X also wants the
geometric mean of the speed-ups to be at least X and no row slower.
"""

import argparse
import json
import math
import os
import re
import resource
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, 'tests', 'sys'))
from expect import Guest, GuestError  # noqa: E402
import guests as systems  # noqa: E402

BENCH = os.path.join(systems.GUESTS, 'bench')
RESULT = r'^bench (\S+) (\d+) ([0-9a-f]{16}) (\d+)\n'
PROMPT = 'doppel# '
LIMIT = 600
DISK_MEMORY = 512           # MiB
SETTLE, IDLE = 15, 20       # seconds
CLOCK_SLACK = 0.15          # seconds the program's start and end may take outside

CC1 = ('{b}/gcc/lib/ld-linux-x86-64.so.2 --library-path {b}/gcc/lib '
       '{b}/gcc/cc1 -quiet -O2 -fpreprocessed {b}/gcc/input.i -o {t}/out.s')


@dataclass
class Row:
    name: str
    what: str
    command: str        # {b} is where the programs are, {t} a place for files, {n} the count
    count: int          # for some 150 ms on a host of 2020


ROWS = [
    Row('integer', 'sort, CRC, gcd', '{b}/integer {n}', 500),
    Row('chase', 'lists and trees', '{b}/chase {n}', 40),
    Row('indirect', 'interpreter, virtual calls, recursion', '{b}/indirect {n}', 12000),
    Row('sse', 'SSE floating point', '{b}/sse {n}', 9000),
    Row('x87', 'x87 floating point', '{b}/x87 {n}', 4000),
    Row('aes', 'AES by tables', '{b}/aes {n}', 4000),
    Row('sha256', 'SHA-256', '{b}/sha256 {n}', 4000),
    Row('memory', 'memcpy, memset, REP MOVSB', '{b}/memory {n}', 150),
    Row('forkexec', 'fork and exec', '{b}/spawn {n} /dev/null {b}/nothing', 500),
    Row('syscall', 'system calls', '{b}/syscall {n}', 600000),
    Row('gcc', "a compiler's run", '{b}/spawn {n} {t}/out.s ' + CC1, 1),
]


class BenchError(Exception):
    """A result that cannot be used."""


@dataclass
class Sample:
    seconds: float      # the guest's own measurement
    cpu: float          # processor time of the program or of the whole emulator
    checksum: str


def sample_of(match, outside, cpu, row):
    """Check a result line against the clock outside."""
    seconds = int(match.group(4)) / 1e9
    if abs(outside - seconds) > CLOCK_SLACK + 0.1 * outside:
        print(f'  note: {row.name} says {seconds:.3f} s, outside it was {outside:.3f} s')
    return Sample(seconds, cpu, match.group(3))


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Host:
    """Runs the programs natively."""
    name = 'native'

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix='doppel-bench-')

    def run(self, row, count):
        command = row.command.format(b=os.path.join(BENCH, 'root/bench'), t=self.directory,
                                     n=count)
        start, cpu = time.monotonic(), children_cpu()
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True)
        outside = time.monotonic() - start
        return sample_of(re.match(RESULT, done.stdout), outside, children_cpu() - cpu, row)

    def close(self):
        shutil.rmtree(self.directory)


class Machine:
    """A booted guest at its shell prompt."""

    def __init__(self, name, emulator):
        self.name = name
        args = ['-m', '512', '-nographic', '-kernel', os.path.join(BENCH, 'vmlinuz'),
                '-initrd', os.path.join(BENCH, 'initrd.gz'), '-append', 'console=ttyS0 quiet']
        self.guest = Guest(shlex.split(emulator) + args)
        try:
            self.guest.expect(PROMPT, LIMIT)
        except GuestError:
            self.close()
            raise

    def run(self, row, count):
        command = row.command.format(b='/bench', t='/tmp', n=count)
        start, cpu = time.monotonic(), self.guest.cpu()
        self.guest.send(command + '\n')
        match = self.guest.expect(f'{RESULT}|^{PROMPT}', LIMIT)
        outside = time.monotonic() - start
        if not match.group(1):
            raise BenchError(f'{self.name}: {row.name} failed in the guest')
        self.guest.expect(PROMPT, LIMIT)
        cpu = self.guest.cpu() - cpu
        return sample_of(re.match(RESULT, match.group().decode()), outside, cpu, row)

    def close(self):
        self.guest.kill()


# --- the rows -------------------------------------------------------------------


def check_sums(row, samples):
    sums = {s.checksum for runs in samples.values() for s in runs}
    if len(sums) > 1:
        raise BenchError(f'{row.name}: the results differ: '
                         + ', '.join(f'{name} {runs[0].checksum}'
                                     for name, runs in samples.items()))


def measure_row(row, machines, options):
    samples = {machine.name: [] for machine in machines}
    count = max(1, round(row.count * options.scale))
    for _ in range(options.rounds):
        for machine in machines:
            samples[machine.name].append(machine.run(row, count))
    check_sums(row, samples)
    return {name: statistics.median(s.cpu if options.cpu_time else s.seconds for s in runs)
            for name, runs in samples.items()}


def ratio(over, under):
    return f'{over / under:8.2f}' if over and under else '       -'


def print_row(name, times, comment):
    native, reference, subject = (times.get(k) for k in ('native', 'reference', 'subject'))
    milliseconds = f'{native * 1e3:9.1f}' if native else '        -'
    print(f'| {name:9} | {milliseconds} | {ratio(reference, native)} | {ratio(subject, native)} '
          f'| {ratio(reference, subject)} | {comment} |')


HEADING = """| row       | native ms |  ref/nat |  sub/nat |  ref/sub | what |
|-----------|----------:|---------:|---------:|---------:|------|"""


def measure_programs(options, rows):
    machines = [Host()]
    results = {}
    try:
        machines += [Machine(name, emulator) for name, emulator in options.emulators]
        print(HEADING)
        for row in rows:
            results[row.name] = measure_row(row, machines, options)
            print_row(row.name, results[row.name], row.what)
    finally:
        for machine in machines:
            machine.close()
    return results


# --- whole boots -------------------------------------------------------------------


def boot_demo(emulator):
    """Seconds from the kernel's start to init (its own clock), and from outside."""
    args = [a.format(g=systems.GUESTS) for a in systems.ENTRIES['demo-amd64'].args]
    with Guest(shlex.split(emulator) + args) as guest:
        match = guest.expect(r'doppel demo: Linux \S+ up in ([\d.]+) s', LIMIT)
        return {'kernel to init': float(match.group(1)), 'start to init': guest.elapsed(),
                'start to init, cpu': guest.cpu()}


def boot_disk(emulator):
    """Seconds from GRUB's first message to the kernel's start and to the login prompt;
    then what the idle machine costs in processor time and memory."""
    directory = tempfile.mkdtemp(prefix='.run-', dir=systems.GUESTS)
    try:
        systems.copy_disk('debian-disk/disk.img', directory)
        args = ['-m', str(DISK_MEMORY), '-nographic', '-hda', os.path.join(directory, 'disk.img')]
        with Guest(shlex.split(emulator) + args) as guest:
            return watch_login(guest)
    finally:
        shutil.rmtree(directory)


def resident_beyond_ram(pid):
    """MiB resident outside guest memory, which is the fullest mapping that can hold it.
    Proportional sizes: what is mapped twice, such as a code cache, counts once."""
    mappings = []
    with open(f'/proc/{pid}/smaps') as file:
        for line in file:
            key, _, value = line.partition(':')
            if key == 'Size':
                mappings.append([int(value.split()[0]), 0])
            elif key == 'Pss':
                mappings[-1][1] = int(value.split()[0])
    total = sum(resident for _, resident in mappings)
    ram = max((resident for size, resident in mappings if size >= DISK_MEMORY << 10), default=0)
    return (total - ram) / 1024


def measure_footprint(guest):
    """What an idle guest costs: it has just logged in, so let it settle."""
    time.sleep(SETTLE)
    cpu = guest.cpu()
    time.sleep(IDLE)
    return {'idle, % of a core': 100 * (guest.cpu() - cpu) / IDLE,
            'MiB beyond RAM': resident_beyond_ram(guest.process.pid)}


def watch_login(guest):
    guest.expect('Loading Linux', LIMIT)
    start, cpu = guest.elapsed(), guest.cpu()
    guest.expect('doppel login: ', LIMIT)
    login, cpu = guest.elapsed(), guest.cpu() - cpu
    for text, answer in (('root', 'Password: '), ('doppel', 'root@doppel:~# ')):
        guest.send(text + '\n')
        guest.expect(answer)
    footprint = measure_footprint(guest)
    guest.send('cat /proc/uptime\n')
    up = float(guest.expect(r'^([\d.]+) [\d.]+\n').group(1))
    return {'GRUB to kernel': guest.elapsed() - up - start, 'GRUB to login': login - start,
            'GRUB to login, cpu': cpu, **footprint}


def measure_boots(options, boot):
    """Interleaved boots of every emulator; medians of every interval."""
    runs = {}
    for _ in range(options.boots):
        for name, emulator in options.emulators:
            for interval, seconds in boot(emulator).items():
                runs.setdefault(interval, {}).setdefault(name, []).append(seconds)
    results = {}
    for interval, of in runs.items():
        results[interval] = {name: statistics.median(times) for name, times in of.items()}
        times = results[interval]
        print(f'| {interval:18} | ' + ' | '.join(f'{n} {s:8.2f}' for n, s in times.items())
              + f' | sub/ref {ratio(times.get("subject"), times.get("reference"))} |')
    return results


# --- the whole -------------------------------------------------------------------


def geometric_mean(results):
    """Of the speed-ups of the subject over the reference."""
    speedups = [r['reference'] / r['subject'] for r in results.values()
                if 'subject' in r and 'reference' in r]
    if not speedups:
        return None, None
    return math.exp(statistics.fmean(map(math.log, speedups))), min(speedups)


def report_mean(results, required):
    mean, least = geometric_mean(results)
    if mean is None:
        return 0
    print(f'geometric mean of ref/sub: {mean:.2f}, least {least:.2f}')
    return 1 if required and (mean < required or least < 1) else 0


def present(emulator):
    return emulator and shutil.which(shlex.split(emulator)[0])


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--subject', metavar='COMMAND',
                        default=os.environ.get('DOPPEL', os.path.join(TOP, 'doppel')))
    parser.add_argument('--reference', metavar='COMMAND',
                        default='qemu-system-x86_64 -accel tcg -cpu max')
    parser.add_argument('--rows', help='names, separated by commas (default all; - for none)')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--scale', type=float, default=1, help='multiplies the iteration counts')
    parser.add_argument('--boots', type=int, default=3, help='rounds of the demo boot (0: none)')
    parser.add_argument('--disk', action='store_true', help='boot the Debian disk as well')
    parser.add_argument('--cpu-time', action='store_true',
                        help='compare processor seconds (on a busy machine)')
    parser.add_argument('--require', type=float, metavar='X')
    parser.add_argument('--json', metavar='FILE', help='write the results there')
    options = parser.parse_args()
    options.emulators = [(name, command) for name, command in
                         (('reference', options.reference), ('subject', options.subject))
                         if present(command)]
    return options


def chosen_rows(options):
    if not options.rows:
        return ROWS
    names = [name for name in options.rows.split(',') if name != '-']
    unknown = set(names) - {row.name for row in ROWS}
    if unknown:
        sys.exit(f'no row {unknown.pop()}; there are ' + ', '.join(row.name for row in ROWS))
    return [row for row in ROWS if row.name in names]


def build(options):
    needed = ['demo amd64', 'bench'] + (['debian-disk'] if options.disk else [])
    missing = systems.build_guests(needed)
    if missing:
        sys.exit(missing)


def main():
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.stdout.reconfigure(line_buffering=True)
    build(options)
    for name, command in options.emulators:
        print(f'{name}: {command}')
    results = {'programs': {}, 'boots': {}}
    try:
        rows = chosen_rows(options)
        if rows:
            results['programs'] = measure_programs(options, rows)
        status = report_mean(results['programs'], options.require)
        results['boots'].update(measure_boots(options, boot_demo))
        if options.disk:
            results['boots'].update(measure_boots(options, boot_disk))
    except (GuestError, BenchError) as error:
        sys.exit(f'bench: {error}')
    if options.json:
        with open(options.json, 'w') as file:
            json.dump(results, file, indent=1)
    return status


if __name__ == '__main__':
    sys.exit(main())
