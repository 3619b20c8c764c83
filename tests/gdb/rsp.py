# SPDX-License-Identifier: MIT
"""The debugger's side of GDB's remote serial protocol, and a doppel to talk to."""

import os
import socket
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
DOPPEL = os.environ.get('DOPPEL', os.path.join(TOP, 'build', 'doppel'))
SLOW = float(os.environ.get('TEST_SLOWNESS', '1'))


class Machine:
    """A doppel that listens for debuggers on a Unix socket; options: what -gdb has more of them."""

    def __init__(self, *args, options=''):
        self.dir = tempfile.TemporaryDirectory(prefix='doppel-gdb-')
        self.path = os.path.join(self.dir.name, 'gdb')
        self.process = subprocess.Popen(
            [DOPPEL, '-gdb', 'unix:' + self.path + options, '-display', 'none', '-monitor', 'none',
             '-m', '64', *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def connect(self):
        deadline = time.time() + 20 * SLOW
        while True:
            try:
                return Client(self.path)
            except OSError:
                if time.time() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20 * SLOW)
        self.dir.cleanup()


def frame(data):
    """$data#checksum"""
    return b'$' + data + b'#%02x' % (sum(data) & 255)


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(20 * SLOW)
        self.pending = b''
        self.ack = True

    def close(self):
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def byte(self):
        if not self.pending:
            self.pending = self.socket.recv(65536)
            if not self.pending:
                raise EOFError('the stub has hung up')
        first, self.pending = self.pending[:1], self.pending[1:]
        return first

    def packet(self):
        """The next packet, checked and unescaped; acknowledgements before it are skipped."""
        while (b := self.byte()) != b'$':
            assert b == b'+', b
        raw = b''
        while (b := self.byte()) != b'#':
            raw += b
        assert int(self.byte() + self.byte(), 16) == sum(raw) & 255
        if self.ack:
            self.send_raw(b'+')
        parts = raw.split(b'}')
        return parts[0] + b''.join(bytes([p[0] ^ 0x20]) + p[1:] for p in parts[1:])

    def ask(self, text):
        self.send_raw(frame(text.encode() if isinstance(text, str) else text))
        return self.packet().decode('latin-1')

    def quiet(self, seconds=0.2):
        """Nothing but acknowledgements arrives for a while."""
        self.socket.settimeout(seconds)
        try:
            while True:
                got, self.pending = self.pending or self.socket.recv(1), b''
                assert got.strip(b'+') == b'', got
        except TimeoutError:
            pass
        finally:
            self.socket.settimeout(20 * SLOW)
