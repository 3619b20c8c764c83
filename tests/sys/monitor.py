# SPDX-License-Identifier: MIT
"""The text monitor on a socket, for tests."""

import os
import socket

from expect import ESCAPES, GuestError

SLOW = float(os.environ.get('TEST_SLOWNESS', '1'))


class Monitor:
    """The text monitor on a socket."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30 * SLOW)
        self.socket.connect(path)
        self.read()

    def read(self):
        text = b''
        while not ESCAPES.sub(b'', text).rstrip().endswith(b'(doppel)'):
            part = self.socket.recv(65536)
            if not part:
                raise GuestError('the monitor is gone')
            text += part
        return ESCAPES.sub(b'', text).decode(errors='replace')

    def command(self, line):
        self.socket.sendall(line.encode() + b'\n')
        text = self.read().replace('\r', '')
        return text[text.find('\n') + 1:] if '\n' in text else text
