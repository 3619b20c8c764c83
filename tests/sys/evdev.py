# SPDX-License-Identifier: MIT
"""The guest of scripts/guests/input, seen from its serial port: what happens at its /dev/input/event*."""
import os

from expect import GuestError

SLOW = float(os.environ.get('TEST_SLOWNESS', '1'))
PROMPT = 'doppel# '

# linux/input-event-codes.h
SYN, KEY, REL, ABS, MSC, LED = 0, 1, 2, 3, 4, 0x11
X, Y, HWHEEL, WHEEL = 0, 1, 6, 8
LEFT, RIGHT, MIDDLE, SIDE, EXTRA = range(0x110, 0x115)

# watch NAME: the events of the device of that name, a line each.
FUNCTIONS = r"""
handler() { sed -n "/^N: Name=\".*$1/,/^\$/s/^H: .*\(event[0-9]*\).*/\1/p" /proc/bus/input/devices; }
watch() { h=; n=0; until [ -c /dev/input/$h ] && [ -n "$h" ]; do h=$(handler "$1"); usleep 20000
 n=$((n+1)); [ $n = 500 ] && break; done
 hexdump -v -e '"event " 4/4 "%u " " " 2/2 "%u " " " 1/4 "%d" "\n"' /dev/input/$h & sleep 1; echo watching $h.; }
unwatch() { kill $!; wait $! 2>/dev/null; echo unwatched.; }
"""


def shell(guest, line, answer, timeout=60):
    guest.send(line + '\n')
    match = guest.expect(answer, timeout * SLOW)
    guest.expect(PROMPT, timeout * SLOW)
    return match


def wait_for_shell(guest):
    """Of this guest or another one made by scripts/guests/demo-init."""
    guest.expect('up in', 180 * SLOW)
    guest.expect(PROMPT, 30 * SLOW)


def prepare(guest):
    """Wait for its shell, load the drivers and the functions above."""
    wait_for_shell(guest)
    guest.send(f"cat >/functions <<'END'{FUNCTIONS}END\n")
    shell(guest, 'stty -echo; . /functions; dmesg -n 1; /input/load; echo loaded', 'loaded')


def watch(guest, name):
    shell(guest, f'watch "{name}"', r'watching event\d+\.')


def unwatch(guest):
    shell(guest, 'unwatch', r'unwatched\.')


def event(guest, timeout=30, label=None):
    """The next (type, code, value) that is about what somebody does."""
    while True:
        match = guest.expect(r'event (?:\d+ ){4}(\d+) (\d+) (-?\d+)\s', timeout * SLOW, label)
        got = tuple(int(n) for n in match.groups())
        if got[0] not in (SYN, MSC, LED):
            return got


def events(guest, wanted, timeout=30):
    """The guest sees just these (type, code, value), in this order."""
    seen = []
    for want in wanted:
        seen.append(event(guest, timeout, str(want)))
        if seen[-1] != want:
            raise GuestError(f'{seen} and not {wanted}')
