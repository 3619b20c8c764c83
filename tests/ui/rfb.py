# SPDX-License-Identifier: MIT
"""An RFB client for tests: any version, raw pixels, everything else by hand (RFC 6143, rfbproto)."""
import socket
import struct
import time

RAW, COPYRECT, LAST_RECT = 0, 1, -224
DESKTOP_SIZE, CURSOR, POINTER_CHANGE, EXT_KEY, LED_STATE = -223, -239, -257, -258, -261
NAME, EXT_SIZE, XVP, FENCE, CONTINUOUS = -307, -308, -309, -312, -313
CURSOR_ALPHA, EXT_CLIPBOARD = -314, -0x3f5e1a32
VMWARE_LED = 0x574d5668


class Refused(Exception):
    """The server has said why it does not want us."""


class Closed(Exception):
    """The server has hung up."""


def connect(port, host='127.0.0.1', timeout=20):
    if isinstance(port, str):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(timeout)
        s.connect(port)
        return s
    return socket.create_connection((host, port), timeout)


def des_response(password, challenge):
    """With the help of the openssl program."""
    import subprocess
    key = bytes(int('{:08b}'.format(b)[::-1], 2) for b in password.encode()[:8].ljust(8, b'\0'))
    return subprocess.run(['openssl', 'enc', '-des-ecb', '-K', key.hex(), '-nopad',
                           '-provider', 'legacy', '-provider', 'default'],
                          input=challenge, capture_output=True, check=True).stdout


class Client:
    def __init__(self, port, version=b'RFB 003.008\n', shared=True, password=None, sock=None,
                 handshake=True):
        self.sock = sock or connect(port)
        self.buf = b''
        self.pixels = None
        self.name_updates, self.leds, self.absolute, self.ext_keys = [], None, None, False
        self.resizes, self.cursors, self.fences, self.end_of_continuous = [], [], [], 0
        self.cut_texts, self.xvp, self.rects, self.bytes, self.fences_asked = [], [], 0, 0, 0
        self.password = password
        if handshake:
            self.handshake(version)
            self.init(shared)

    def close(self):
        self.sock.close()

    # --- bytes

    def send(self, data):
        self.sock.sendall(data)

    def recv(self, n):
        while len(self.buf) < n:
            try:
                data = self.sock.recv(1 << 20)
            except ConnectionResetError:
                data = b''
            if not data:
                raise Closed()
            self.buf += data
            self.bytes += len(data)
        data, self.buf = self.buf[:n], self.buf[n:]
        return data

    def unpack(self, fmt):
        return struct.unpack('>' + fmt, self.recv(struct.calcsize('>' + fmt)))

    def text(self):
        return self.recv(self.unpack('I')[0]).decode()

    def closed(self, timeout=10):
        """Does the server hang up, saying no more than what is being sent?"""
        self.sock.settimeout(timeout)
        try:
            while self.sock.recv(1 << 20):
                pass
        except ConnectionResetError:
            pass
        except (socket.timeout, TimeoutError):
            return False
        return True

    # --- handshake

    def handshake(self, version):
        self.server_version = self.recv(12)
        assert self.server_version == b'RFB 003.008\n', self.server_version
        self.send(version)
        minor = int(version[8:11])
        if minor < 7:
            kind, = self.unpack('I')
            if kind == 0:
                raise Refused(self.text())
        else:
            count, = self.unpack('B')
            if count == 0:
                raise Refused(self.text())
            kinds = list(self.recv(count))
            kind = kinds[0]
            self.send(bytes([kind]))
        self.security = kind
        self.authenticate(kind)
        if kind != 1 or minor >= 8:
            result, = self.unpack('I')
            if result:
                raise Refused(self.text() if minor >= 8 else '')

    def authenticate(self, kind):
        if kind == 2:
            self.send(des_response(self.password, self.recv(16)))
        elif kind == 19:
            self.vencrypt()

    def vencrypt(self):
        import ssl
        assert self.unpack('BB') == (0, 2)
        self.send(b'\0\2')
        assert self.unpack('BB') == (0, 1)
        self.subtype, = self.unpack('I')
        self.send(struct.pack('>I', self.subtype))
        assert self.unpack('B') == (1,) and not self.buf
        ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ctx.check_hostname = False
        ctx.verify_mode = ssl.CERT_NONE
        if self.subtype in (257, 258):
            ctx.maximum_version = ssl.TLSVersion.TLSv1_2
            ctx.set_ciphers('ADH:@SECLEVEL=0')
        self.sock = ctx.wrap_socket(self.sock)
        if self.subtype in (258, 261):
            self.authenticate(2)

    def init(self, shared):
        self.send(bytes([shared]))
        self.width, self.height = self.unpack('HH')
        self.format = self.recv(16)
        self.name = self.text()
        self.pixels = bytearray(self.width * self.height * 4)

    # --- what we say

    def set_encodings(self, *encodings):
        self.send(struct.pack('>BxH', 2, len(encodings)) +
                  b''.join(struct.pack('>i', e) for e in encodings))

    def set_format(self, bits=32, depth=24, big=0, true=1, maxes=(255, 255, 255), shifts=(16, 8, 0)):
        self.send(struct.pack('>BxxxBBBBHHHBBBxxx', 0, bits, depth, big, true, *maxes, *shifts))

    def request(self, incremental=True, x=0, y=0, w=None, h=None):
        self.send(struct.pack('>BBHHHH', 3, incremental, x, y, self.width if w is None else w,
                              self.height if h is None else h))

    def key(self, keysym, down):
        self.send(struct.pack('>BBxxI', 4, down, keysym))

    def ext_key(self, keysym, code, down):
        self.send(struct.pack('>BBHII', 255, 0, down, keysym, code))

    def pointer(self, x, y, buttons=0):
        self.send(struct.pack('>BBHH', 5, buttons, x, y))

    def fence(self, flags, data=b''):
        self.send(struct.pack('>BxxxIB', 248, flags, len(data)) + data)

    def continuous(self, on, x=0, y=0, w=None, h=None):
        self.send(struct.pack('>BBHHHH', 150, on, x, y, self.width if w is None else w,
                              self.height if h is None else h))

    # --- what the server says

    def message(self):
        """Take the next message; its type."""
        kind, = self.unpack('B')
        if kind == 0:
            self.update()
        elif kind == 1:
            n = self.unpack('xHH')[1]
            self.recv(6 * n)
        elif kind == 3:
            n, = self.unpack('xxxi')
            self.cut_texts.append(self.recv(abs(n)))
        elif kind == 150:
            self.end_of_continuous += 1
        elif kind == 248:
            flags, n = self.unpack('xxxIB')
            data = self.recv(n)
            if flags & 0x80000000:
                self.fences_asked += 1
                self.fence(flags & 7, data)
            else:
                self.fences.append((flags, data))
        elif kind == 250:
            self.xvp.append(self.recv(3))
        elif kind != 2:
            raise AssertionError('message %d' % kind)
        return kind

    def update(self):
        count, = self.unpack('xH')
        for _ in range(count):
            if self.rect() == LAST_RECT:
                break
            self.rects += 1

    def rect(self):
        x, y, w, h, encoding = self.unpack('HHHHi')
        if encoding == RAW:
            self.put(x, y, w, h, self.recv(w * h * 4))
        elif encoding in (DESKTOP_SIZE, EXT_SIZE):
            self.resize(x, y, w, h, encoding)
        elif encoding == CURSOR:
            self.cursors.append((x, y, w, h, self.recv(w * h * 4 + (w + 7) // 8 * h)))
        elif encoding == NAME:
            self.name_updates.append(self.text())
        elif encoding == LED_STATE:
            self.leds, = self.unpack('B')
        elif encoding == VMWARE_LED:
            self.leds, = self.unpack('I')
        elif encoding == POINTER_CHANGE:
            self.absolute = bool(x)
        elif encoding == EXT_KEY:
            self.ext_keys = True
        elif encoding != LAST_RECT:
            raise AssertionError('encoding %d' % encoding)
        return encoding

    def resize(self, x, y, w, h, encoding):
        screens = []
        if encoding == EXT_SIZE:
            n, = self.unpack('Bxxx')
            screens = [self.unpack('IHHHHI') for _ in range(n)]
        self.resizes.append((x, y, w, h, screens))
        if (w, h) != (self.width, self.height):
            self.width, self.height = w, h
            self.pixels = bytearray(w * h * 4)

    def put(self, x, y, w, h, data):
        assert x + w <= self.width and y + h <= self.height, (x, y, w, h)
        for row in range(h):
            at = ((y + row) * self.width + x) * 4
            self.pixels[at:at + w * 4] = data[row * w * 4:(row + 1) * w * 4]

    def next_update(self, incremental=True):
        """Ask, and wait for an update."""
        self.request(incremental)
        while self.message() != 0:
            pass

    def settle(self, quiet=1.0, limit=20, incremental=False):
        """Take updates until none comes for a while; when the last came (time.monotonic())."""
        end, last = time.time() + limit, time.monotonic()
        self.request(incremental)
        try:
            while time.time() < end:
                if not self.buf:
                    self.sock.settimeout(quiet)
                    first = self.sock.recv(1 << 20)
                    if not first:
                        raise Closed()
                    self.buf += first
                    self.bytes += len(first)
                    self.sock.settimeout(20)
                if self.message() == 0:
                    last = time.monotonic()
                    self.request(True)
        except (socket.timeout, TimeoutError):
            pass
        self.sock.settimeout(20)
        return last

    def rgb(self):
        """The picture as P6 has it; the native format only."""
        out = bytearray(self.width * self.height * 3)
        out[0::3], out[1::3], out[2::3] = self.pixels[2::4], self.pixels[1::4], self.pixels[0::4]
        return bytes(out)


def read_ppm(path):
    with open(path, 'rb') as f:
        data = f.read()
    fields = data.split(None, 4)
    w, h = int(fields[1]), int(fields[2])
    return w, h, data[-w * h * 3:]
