# SPDX-License-Identifier: MIT
"""A machine whose display adapter does what the test says (guest.S runs in it), and its pictures.

    with Guest('build/doppel', '-vga', 'std') as g:
        g.bios(0x13)
        g.fill(0xa0000, 15, 320)
        picture = g.screen()
"""
import functools
import os
import shutil
import struct
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'monitor'))
import client  # noqa: E402

(OUT8, OUT16, OUT32, IN8, IN16, IN32, FILL8, FILL16, FILL32, GET8, GET16, GET32, RANDOM8, RANDOM16, RANDOM32,
 COPY8, COPY32, BIOS, SUM, STORES, FILLS, SPIN,
 STORES16, STORES32, FILLS8, FILLS16, MOVES8, MOVES16, MOVES32, LOADS8, SWAPS8, LOADS32, INS8, OUTS8,
 FRAMES) = range(35)

BUFFER = 0x9000     # what ES:DI of BIOS calls points to
PENDING = 200       # commands sent without waiting for answers


@functools.lru_cache(maxsize=16)
def random_bytes(seed, n):
    """What RANDOM8 stores."""
    out = bytearray()
    for _ in range(n):
        seed = (seed * 214013 + 2531011) & 0xffffffff
        out.append(seed >> 16 & 255)
    return bytes(out)


class Picture:
    """Pixels as rows of 3 bytes each."""

    def __init__(self, width, height, data):
        self.width, self.height, self.data = width, height, bytes(data)

    @classmethod
    def load(cls, path):
        with open(path, 'rb') as f:
            magic, size, depth, data = f.read().split(b'\n', 3)
        assert magic == b'P6' and depth == b'255', (magic, depth)
        width, height = map(int, size.split())
        assert len(data) == 3 * width * height
        return cls(width, height, data)

    @classmethod
    def draw(cls, width, height, colour):
        """colour(x, y) is 3 bytes."""
        return cls(width, height, b''.join(colour(x, y) for y in range(height) for x in range(width)))

    def at(self, x, y):
        i = 3 * (y * self.width + x)
        return self.data[i:i + 3]

    def rows(self):
        n = 3 * self.width
        return [self.data[i:i + n] for i in range(0, len(self.data), n)]

    def save(self, path):
        with open(path, 'wb') as f:
            f.write(b'P6\n%d %d\n255\n' % (self.width, self.height) + self.data)

    def coarse(self):
        """With 6 bits per colour, for emulators that stretch them to 8 otherwise."""
        return Picture(self.width, self.height, self.data.translate(bytes(i & 0xfc for i in range(256))))

    def difference(self, other):
        """None, or what differs first."""
        if (self.width, self.height) != (other.width, other.height):
            return 'it is %dx%d, not %dx%d' % (self.width, self.height, other.width, other.height)
        if self.data == other.data:
            return None
        i = next(i for i, (a, b) in enumerate(zip(self.data, other.data)) if a != b) // 3
        x, y = i % self.width, i // self.width
        count = sum(self.data[j:j + 3] != other.data[j:j + 3] for j in range(0, len(self.data), 3))
        return '%d pixels differ, the first at (%d, %d): %s, not %s' % (
            count, x, y, self.at(x, y).hex(), other.at(x, y).hex())


class Guest:
    def __init__(self, emulator, *args):
        self.dir = tempfile.TemporaryDirectory()
        path = os.path.join(self.dir.name, 'qmp')
        image = shutil.copy(os.path.join(TOP, os.environ.get('B', 'build'), 'vga', 'guest.img'), self.dir.name)
        line = emulator.split() + ['-m', '32', '-display', 'none', '-monitor', 'none', '-serial', 'stdio',
                                   '-qmp', 'unix:%s,server=on,wait=off' % path,
                                   '-drive', 'file=%s,format=raw' % image, *args]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.qmp = client.Qmp(path, negotiate=False)
        self.qmp.command('qmp_capabilities')
        self.waiting = 0
        self.answers = []
        banner = b''
        while not banner.endswith(b'R'):
            piece = self.process.stdout.read(1)
            if not piece:
                raise EOFError('the emulator has ended')
            banner += piece

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        self.qmp.close()
        self.dir.cleanup()

    def send(self, op, a=0, b=0, n=1, c=0):
        """Without waiting."""
        self.process.stdin.write(struct.pack('<5I', op, a, b & 0xffffffff, n, c & 0xffffffff))
        self.waiting += 1
        if self.waiting >= PENDING:
            self.finish()

    def finish(self):
        """Wait; all answers since then are kept, the last is returned."""
        data = b''
        while len(data) < 4 * self.waiting:
            piece = self.process.stdout.read(4 * self.waiting - len(data))
            if not piece:
                raise EOFError('the emulator has ended')
            data += piece
        self.waiting = 0
        self.answers += [word for word, in struct.iter_unpack('<I', data)]
        return self.answers[-1] if self.answers else None

    def ask(self, *args):
        self.send(*args)
        return self.finish()

    def ask_all(self, commands):
        """The answers to many."""
        self.finish()
        self.answers = []
        for args in commands:
            self.send(*args)
        self.finish()
        return self.answers

    # --- ports and memory ---

    def out(self, port, val, size=1):
        self.send({1: OUT8, 2: OUT16, 4: OUT32}[size], port, val)

    def inp(self, port, size=1):
        return self.ask({1: IN8, 2: IN16, 4: IN32}[size], port)

    def fill(self, addr, val, n, size=1):
        self.send({1: FILL8, 2: FILL16, 4: FILL32}[size], addr, val, n)

    def poke(self, addr, data):
        for i, byte in enumerate(data):
            self.fill(addr + i, byte, 1)

    def random(self, addr, seed, n, size=1):
        self.send({1: RANDOM8, 2: RANDOM16, 4: RANDOM32}[size], addr, seed, n)

    def copy(self, src, dst, n):
        self.send(COPY8, src, dst, n)

    def peek(self, addr, size=1):
        return self.ask({1: GET8, 2: GET16, 4: GET32}[size], addr)

    def read(self, addr, n):
        words = self.ask_all([(GET32, addr + i) for i in range(0, n, 4)])
        return struct.pack('<%dI' % len(words), *words)[:n]

    def config(self, devfn, off, val=None, size=4):
        self.out(0xcf8, 0x80000000 | devfn << 8 | off & ~3, 4)
        if val is None:
            return self.inp(0xcfc + (off & 3), size)
        self.out(0xcfc + (off & 3), val, size)
        return None

    def find_display(self):
        """devfn of the first display adapter."""
        for devfn in range(0, 256, 8):
            if self.config(devfn, 8) >> 24 == 3:
                return devfn
        raise LookupError('no display adapter')

    # --- VGA ---

    def bios(self, ax, bx=0, cx=0, dx=0):
        return self.ask(BIOS, ax, bx, cx, dx) & 0xffff

    def indexed(self, port, values):
        for index, val in values.items():
            self.out(port, index | val << 8, 2)

    def seq(self, values):
        self.indexed(0x3c4, values)

    def gc(self, values):
        self.indexed(0x3ce, values)

    def crtc(self, values):
        self.indexed(0x3d4, values)

    def attr(self, values):
        self.send(IN8, 0x3da)
        for index, val in values.items():
            self.out(0x3c0, index)
            self.out(0x3c0, val)
        self.out(0x3c0, 0x20)

    def attr_value(self, index):
        self.send(IN8, 0x3da)
        self.out(0x3c0, index)
        val = self.inp(0x3c1)
        self.send(IN8, 0x3da)
        self.out(0x3c0, 0x20)
        return val

    def dac(self, first, colours):
        """Colours of 6 bits each."""
        self.out(0x3c8, first)
        for colour in colours:
            for part in colour:
                self.out(0x3c9, part)

    def dispi(self, index, val=None):
        self.out(0x1ce, index, 2)
        if val is None:
            return self.inp(0x1cf, 2)
        self.out(0x1cf, val, 2)
        return None

    def screen(self, **arguments):
        self.finish()
        path = os.path.join(self.dir.name, 'screen.ppm')
        self.qmp.command('screendump', filename=path, **arguments)
        return Picture.load(path)

    def palette(self):
        """The DAC's colours as they look."""
        parts = self.ask_all([(OUT8, 0x3c7, 0)] + [(IN8, 0x3c9)] * 768)[1:]
        return [bytes(part << 2 | part >> 4 for part in parts[i:i + 3]) for i in range(0, 768, 3)]
