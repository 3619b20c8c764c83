# SPDX-License-Identifier: MIT
"""Drive a program's standard input and output by patterns.

    with Guest(['doppel', '-nographic', ...]) as guest:
        guest.expect(r'login: ', timeout=60, label='login')
        guest.send('root\\n')
        status = guest.wait(30)

Patterns are regular expressions searched in the output that follows the last
match, with terminal escape sequences and carriage returns removed. Every match
is timed from the start of the program, by the clock and in processor seconds
(guest.marks: label, seconds, processor seconds); the second figure means
something on a busy machine too. "$" also matches where the
output happens to end so far: write \\n to see a whole line. The program runs in a
process group of its own, which is killed when the block is left for whatever
reason.
"""

import ctypes
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import tty

# What a healthy guest never prints.
TROUBLE = r'Kernel panic|Oops:|BUG: (?!soft lockup)|Call Trace:|unhandled fault|segfault at|traps: '

ESCAPES = re.compile(rb'\x1b(?:\[[0-?]*[ -/]*[@-~]|[()][0-9A-B]|[78=>cDEHM])|[\x00\r\x0e\x0f]')
KEEP = 1 << 20          # output kept for matching; a pattern must not span more
PR_SET_PDEATHSIG = 1


class GuestError(Exception):
    """The guest did not do what was expected; the text says what it did."""


def die_with_parent():
    """Runs in the child: the kernel kills it should we be killed outright."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def readable_tail(data, lines=15):
    """The last lines of raw output, fit to be shown on a terminal."""
    text = ESCAPES.sub(b'', data[-8192:]).decode('utf-8', 'replace')
    text = re.sub(r'[^\n\x20-\x7e]', '', text)
    return '\n'.join('    | ' + line for line in text.split('\n')[-lines:])


class Guest:
    def __init__(self, argv, log=None, echo=False, use_pty=False, trouble=TROUBLE):
        self.argv = argv
        self.marks = []
        self.pending = b''
        self.output = bytearray()
        self.trouble = re.compile(trouble.encode()) if trouble else None
        self.log = open(log, 'wb') if log else None
        self.echo = echo
        self.cpu_seen = 0
        self.start = time.monotonic()
        self._spawn(use_pty)

    def _spawn(self, use_pty):
        options = dict(stderr=subprocess.STDOUT, start_new_session=True,
                       preexec_fn=die_with_parent)
        if use_pty:
            self.fd, child = pty.openpty()
            tty.setraw(child)
            self.process = subprocess.Popen(self.argv, stdin=child, stdout=child, **options)
            os.close(child)
            self.stdin = self.fd
        else:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, **options)
            self.fd = self.process.stdout.fileno()
            self.stdin = self.process.stdin.fileno()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        if self.log:
            self.log.close()

    def elapsed(self):
        return time.monotonic() - self.start

    def cpu(self):
        """Processor seconds the program has used so far, all threads together."""
        try:
            with open(f'/proc/{self.process.pid}/stat') as file:
                fields = file.read().rpartition(')')[2].split()
            self.cpu_seen = (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
        except (OSError, IndexError):
            pass                    # it has gone: the last figure
        return self.cpu_seen

    def mark(self, label):
        self.marks.append((label, self.elapsed(), self.cpu()))

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def terminate(self):
        self.process.terminate()

    def _read(self, timeout):
        """Take in what the program wrote; False at its end, None if nothing came."""
        if not select.select([self.fd], [], [], max(timeout, 0))[0]:
            return None
        try:
            data = os.read(self.fd, 65536)
        except OSError:             # a terminal whose last user has gone
            data = b''
        if not data:
            return False
        self.output += data
        if self.log:
            self.log.write(data)
            self.log.flush()
        if self.echo:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        self.pending = ESCAPES.sub(b'', self.pending + data)[-KEEP:]
        return True

    def _fail(self, why):
        raise GuestError(f'{why} after {self.elapsed():.1f} s; the last output was\n'
                         + readable_tail(bytes(self.output)))

    def _check_trouble(self, end):
        match = self.trouble and self.trouble.search(self.pending, 0, end)
        if match:
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline and self._read(0.5):
                pass
            self._fail(f'the guest printed "{match.group().decode()}"')

    def expect(self, pattern, timeout=60, label=None):
        """Wait for the pattern; the match object, or GuestError."""
        regex = re.compile(pattern.encode(), re.M)
        deadline = time.monotonic() + timeout
        while True:
            match = regex.search(self.pending)
            self._check_trouble(match.start() if match else len(self.pending))
            if match:
                self.pending = self.pending[match.end():]
                self.mark(label or pattern)
                return match
            left = deadline - time.monotonic()
            if left <= 0:
                self._fail(f'no "{pattern}" within {timeout:.0f} s')
            if self._read(left) is False:
                self._fail(f'no "{pattern}" before the program ended '
                           f'with status {self.process.wait()}')

    def send(self, text):
        data = text.encode()
        while data:
            try:
                data = data[os.write(self.stdin, data):]
            except OSError as error:
                self._fail(f'cannot type: {error.strerror}')

    def wait(self, timeout=60):
        """Wait for the program's end; its exit status (negative: a signal)."""
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                self._fail(f'still running {timeout:.0f} s later')
            if self._read(left) is False:
                break
        self._check_trouble(len(self.pending))
        try:
            status = self.process.wait(max(deadline - time.monotonic(), 1))
        except subprocess.TimeoutExpired:
            self._fail('closed its output but does not end')
        self.mark('end')
        return status
