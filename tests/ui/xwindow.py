# SPDX-License-Identifier: MIT
"""A virtual X server with a window manager, and the windows in it, for tests."""

import ctypes
import os
import shutil
import struct
import subprocess
import tempfile
import time

TOOLS = ('Xvfb', 'xdotool', 'import', 'openbox')


def missing():
    """The first tool that is not there, or None."""
    return next((tool for tool in TOOLS if not shutil.which(tool)), None)


class XServer:
    """Xvfb on a free display, which DISPLAY names as long as it runs. All of its picture is a file."""

    def __init__(self, size='1600x1000x24'):
        self.directory = tempfile.TemporaryDirectory()
        out, number = os.pipe()
        self.process = subprocess.Popen(
            ['Xvfb', '-displayfd', str(number), '-screen', '0', size, '-fbdir', self.directory.name,
             '-nolisten', 'tcp', '-noreset'],
            pass_fds=(number,), stderr=subprocess.DEVNULL)
        os.close(number)
        with os.fdopen(out) as pipe:
            self.display = ':' + pipe.readline().strip()
        self.manager = None

    def __enter__(self):
        os.environ['DISPLAY'] = self.display
        os.environ.pop('WAYLAND_DISPLAY', None)
        self.manager = subprocess.Popen(['openbox', '--sm-disable'], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        # A window that comes while the manager starts is shown by nobody.
        for _ in range(200):
            if xdotool('get_num_desktops') not in ([], ['0']):
                break
            time.sleep(0.05)
        return self

    def __exit__(self, *unused):
        os.environ.pop('DISPLAY', None)
        for process in (self.manager, self.process):
            process.terminate()
            process.wait()
        self.directory.cleanup()

    def screen(self):
        """Width, height and pixels (XWD version 7: XWDFile.h of X11)."""
        with open(self.directory.name + '/Xvfb_screen0', 'rb') as file:
            data = file.read()
        fields = struct.unpack('>25I', data[:100])
        width, height, bits, line = fields[4], fields[5], fields[11], fields[12]
        assert (bits, line) == (32, 4 * width), fields
        pixels = data[fields[0] + fields[19] * 12:][:line * height]
        rgb = bytearray(3 * width * height)
        for i in range(3):
            rgb[i::3] = pixels[2 - i::4]
        return width, height, bytes(rgb)

    def find_picture(self, rows):
        """Where a picture is on the screen, as (x, y), or None; rows are bytes of RGB."""
        width, height, rgb = self.screen()
        stride, length = 3 * width, len(rows[0])
        key = max(range(len(rows)), key=lambda y: len(set(rows[y])))

        def here(at):
            return at % 3 == 0 and at >= 0 and at % stride + length <= stride and all(
                rgb.startswith(row, at + i * stride) for i, row in enumerate(rows))
        at = rgb.find(rows[key])
        while at >= 0:
            start = at - key * stride
            if here(start):
                return start % stride // 3, start // stride
            at = rgb.find(rows[key], at + 1)
        return None


def xdotool(*args):
    return subprocess.run(['xdotool', *map(str, args)], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.split('\n')[:-1]


def find(title):
    """The window whose title matches, or None."""
    found = xdotool('search', '--name', title)
    return found[0] if found else None


def geometry(window):
    lines = dict(line.split('=') for line in xdotool('getwindowgeometry', '--shell', window))
    return int(lines['WIDTH']), int(lines['HEIGHT'])


def picture(window, path):
    """Save what the window shows as PPM."""
    subprocess.run(['import', '-silent', '-window', window, '-depth', '8', 'ppm:' + path],
                   check=True)


class ClientMessage(ctypes.Structure):
    _fields_ = [('type', ctypes.c_int), ('serial', ctypes.c_ulong), ('send_event', ctypes.c_int),
                ('display', ctypes.c_void_p), ('window', ctypes.c_ulong),
                ('message_type', ctypes.c_ulong), ('format', ctypes.c_int),
                ('data', ctypes.c_long * 5), ('padding', ctypes.c_long * 24)]


def close(window):
    """Ask as a window manager does whose button is clicked."""
    x11 = ctypes.CDLL('libX11.so.6')
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    display = ctypes.c_void_p(x11.XOpenDisplay(None))
    event = ClientMessage(33, 0, 1, display, int(window),
                          x11.XInternAtom(display, b'WM_PROTOCOLS', 0), 32)
    event.data[0] = x11.XInternAtom(display, b'WM_DELETE_WINDOW', 0)
    x11.XSendEvent(display, ctypes.c_ulong(int(window)), 0, 0, ctypes.byref(event))
    x11.XCloseDisplay(display)
