# SPDX-License-Identifier: MIT
"""VNC viewers with a window, as Debian has them, and machines for them to look at: a painter, a typewriter,
a Linux whose screen follows."""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE] + [os.path.join(HERE, '..', part) for part in ('monitor', 'sys', os.path.join('sys', 'vga'))]
import bootsector  # noqa: E402
import xwindow  # noqa: E402
from client import Machine, Qmp  # noqa: E402
from guest import Guest, Picture  # noqa: E402
from guests import GUESTS  # noqa: E402
import expect  # noqa: E402

SLOW = float(os.environ.get('TEST_SLOWNESS', '1'))


def until(condition, what, seconds=40):
    """Wait for something; its value."""
    end = time.monotonic() + seconds * SLOW
    while not (value := condition()):
        assert time.monotonic() < end, what() if callable(what) else what
        time.sleep(0.05)
    return value


def keep(condition, what, seconds=0.7):
    """It must stay so."""
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        assert condition(), what
        time.sleep(0.05)


# --- machines ---------------------------------------------------------------------------------------


class Served:
    """The VNC server of a machine with a monitor, `qmp`."""

    OPTIONS = ('127.0.0.1:150,to=500', '-trace', 'vnc_client_*')

    def find_server(self, log):
        self.trace_file = log
        self.port = int(self.qmp.command('query-vnc-servers')[0]['server'][0]['service'])

    @classmethod
    def options(cls, log, more=''):
        return ['-vnc', cls.OPTIONS[0] + more, *cls.OPTIONS[1:], '-D', log]

    def clients(self):
        return self.qmp.command('query-vnc')['clients']

    def traced(self, event):
        """What the last event of that name says behind the client's address."""
        with open(self.trace_file) as file:
            found = re.findall(r' vnc_client_%s \S+ (.*)' % event, file.read())
        return found[-1] if found else None


class Painter(Guest, Served):
    """It shows a picture of things that compress in all ways: one colour, two, few, noise, something smooth."""

    def __init__(self, more='', *args):
        self.logs = tempfile.TemporaryDirectory()
        log = os.path.join(self.logs.name, 'log')
        super().__init__(os.environ.get('DOPPEL', 'build/doppel'), *self.options(log, more), '-vga', 'std', *args)
        self.find_server(log)

    def __exit__(self, *unused):
        super().__exit__(*unused)
        self.logs.cleanup()

    def set_size(self, width, height):
        for index, value in ((4, 0), (1, width), (2, height), (3, 32), (4, 0x41)):
            self.dispi(index, value)
        self.frame, self.width = self.config(self.find_display(), 0x10) & ~15, width

    def at(self, x, y):
        return self.frame + 4 * (y * self.width + x)

    def copied(self, x, y, width, height):
        """Its first row, again and again."""
        for line in range(y + 1, y + height):
            self.copy(self.at(x, y), self.at(x, line), 4 * width)

    def noise(self, x, y, width, height, seed):
        for line in range(height):
            self.random(self.at(x, y + line), seed + line, width, 4)

    def smooth(self, x, y, width, height):
        for i in range(width):
            part = 255 * i // width
            self.fill(self.at(x + i, y), part << 16 | (255 - part) << 8 | (3 * i & 255), 1, 4)
        self.copied(x, y, width, height)

    def stripes(self, x, y, width, height, colours):
        for i in range(width):
            self.fill(self.at(x + i, y), colours[i * i % 7 % len(colours)], 1, 4)
        self.copied(x, y, width, height)

    def paint(self, width=640, height=480):
        self.set_size(width, height)
        self.fill(self.frame, 0x204060, width * height, 4)
        self.stripes(16, 10, 100, 60, (0x000000, 0xffffff))
        self.stripes(140, 10, 100, 60, (0x123456, 0xfedcba, 0xff0000, 0x00ff00, 0x0000ff))
        self.noise(250, 30, 120, 80, 1)
        self.smooth(30, 150, 300, 200)
        return self.screen()

    def change(self, seed):
        """Here and there."""
        self.noise(seed % 300, 100, 90, 50, seed)
        self.fill(self.at(seed % 200, 80), seed * 0x30201 & 0xffffff, 77, 4)
        self.stripes(400, 200 + seed % 100, 130, 33, (0xabcdef, seed * 0x1234 & 0xffffff))
        return self.screen()


class Typewriter(Machine, Served):
    """It shows what is typed: characters, or the keyboard's codes."""

    def __init__(self, more='', *args, program=bootsector.echo, prompt='>'):
        self.logs = tempfile.TemporaryDirectory()
        disk, log = (os.path.join(self.logs.name, name) for name in ('disk', 'log'))
        program(disk)
        super().__init__(*self.options(log, more), '-drive', f'file={disk},format=raw', '-m', '64', *args)
        self.prompt, self.dump = prompt, self.path('screen.ppm')
        self.qmp = Qmp(self.paths[0])
        self.find_server(log)
        self.written('')

    def __exit__(self, *unused):
        super().__exit__(*unused)
        self.logs.cleanup()

    def text(self):
        return self.qmp.hmp('info screen').split('\n', maxsplit=1)[0]

    def written(self, wanted):
        until(lambda: self.text() == self.prompt + wanted, lambda: f'{self.text()!r} instead of {wanted!r}')

    def codes(self):
        """What a keyboard's bytes were, all of them."""
        return ''.join(line.ljust(80) for line in self.qmp.hmp('info screen').split('\n')).strip()

    def come(self, before, codes):
        """Behind these, no others."""
        until(lambda: self.codes() == f'{before} {codes}',
              lambda: f'{self.codes()[len(before):]!r} instead of {codes!r}', 20)

    def screen(self):
        self.qmp.command('screendump', filename=self.dump)
        return Picture.load(self.dump)


class Linux(expect.Guest, Served):
    """The guest of scripts/guests/virtio with a virtio display, text on its console and no cursor."""

    PROMPT = 'doppel# '

    def __init__(self):
        self.dir = tempfile.TemporaryDirectory()
        log, qmp, self.dump = (os.path.join(self.dir.name, name) for name in ('log', 'qmp', 'screen.ppm'))
        path = os.path.join(GUESTS, 'virtio')
        super().__init__([os.environ.get('DOPPEL', 'build/doppel'), '-m', '256', '-vga', 'virtio', '-display', 'none',
                          '-serial', 'stdio', '-monitor', 'none', '-qmp', f'unix:{qmp},server=on,wait=off',
                          '-kernel', path + '/vmlinuz', '-initrd', path + '/initrd.gz', '-append', 'console=ttyS0 quiet',
                          *self.options(log)])
        self.qmp = Qmp(qmp)
        self.find_server(log)
        self.expect('up in', 180 * SLOW)
        self.expect(self.PROMPT, 30 * SLOW)
        self.shell('stty -echo; /virtio/load; /virtio/load-display; dmesg -n 1')
        self.shell("printf '\\033[?25l\\033[2J\\033[H' >/dev/tty1; ls -l /bin >/dev/tty1")

    def __exit__(self, *unused):
        super().__exit__(*unused)
        self.dir.cleanup()

    def shell(self, line):
        self.send(line + '; echo done\n')
        self.expect(r'done\n', 60 * SLOW)
        self.expect(self.PROMPT, 30 * SLOW)

    def screen(self):
        self.qmp.command('screendump', filename=self.dump)
        return Picture.load(self.dump)

    def size(self):
        picture = self.screen()
        return picture.width, picture.height


# --- viewers ----------------------------------------------------------------------------------------


class Viewer:
    """A program: how it is called with an address, and what its window's title has."""

    def __init__(self, program, address, options, title, password='-passwd'):
        self.program, self.address, self.options, self.title = program, address, options, title
        self.password = password

    def line(self, home, port, options):
        return [self.program, self.address(port), *self.options, *options]


class Remmina(Viewer):
    """Its options are lines of a profile; it wants a session bus, and not to be asked things."""

    PREFERENCES = '[remmina_pref]\nperiodic_usage_stats_permitted=false\nperiodic_news_permitted=false\n'

    def line(self, home, port, options):
        os.makedirs(home + '/.config/remmina', exist_ok=True)
        with open(home + '/.config/remmina/remmina.pref', 'w') as file:
            file.write(self.PREFERENCES)
        profile = home + '/guest.remmina'
        with open(profile, 'w') as file:
            file.write('\n'.join(['[remmina]', 'name=guest', 'protocol=VNC', 'server=' + self.address(port),
                                  'viewmode=1', 'window_width=1100', 'window_height=900', *options, '']))
        return ['dbus-run-session', '--', self.program, '-c', profile]


VIEWERS = {
    'tigervnc': Viewer('xtigervncviewer', '127.0.0.1::{}'.format,
                       ['-Shared=1', '-MenuKey=', '-AlertOnFatalError=0', '-ReconnectOnError=0'], 'TigerVNC'),
    'tightvnc': Viewer('xtightvncviewer', '127.0.0.1::{}'.format, ['-shared'], 'TightVNC'),
    'ssvnc': Viewer('ssvncviewer', '127.0.0.1::{}'.format, ['-notty'], 'SSVNC'),
    'gvncviewer': Viewer('gvncviewer', lambda port: f'127.0.0.1:{port - 5900}', [], 'GVncViewer'),
    'remmina': Remmina('remmina', '127.0.0.1:{}'.format, [], 'guest'),
}


def lacking(name):
    """What has to be installed for it, or None."""
    program = VIEWERS[name].program
    plugin = name != 'remmina' or glob.glob('/usr/lib/*/remmina/plugins/remmina-plugin-vnc.so')
    tools = [program, 'Xvfb', 'openbox', 'xdotool'] + (['dbus-run-session'] if name == 'remmina' else [])
    return next((tool for tool in tools if not shutil.which(tool)), None if plugin else 'remmina-plugin-vnc')


class Session:
    """A viewer that runs."""

    def __init__(self, server, vm, name, *options):
        self.server, self.vm, self.viewer = server, vm, VIEWERS[name]
        self.name = ' '.join((name, *options))
        self.home = tempfile.TemporaryDirectory()
        self.known = len(vm.clients())
        with open(self.home.name + '/log', 'w') as log:
            self.process = subprocess.Popen(
                self.viewer.line(self.home.name, vm.port, options), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, HOME=self.home.name, XDG_RUNTIME_DIR=self.home.name, NO_AT_BRIDGE='1'),
                start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        if kind:
            with open(self.home.name + '/log') as log:
                print(f'--- {self.name}\n{log.read()[-2000:]}---')
        self.end()
        self.home.cleanup()
        if not kind:
            until(lambda: len(self.vm.clients()) <= self.known, self.name + ' does not go')

    def end(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()

    def shows(self, *pictures):
        """Where one of these is on the screen; the pointer is not in the way."""
        xwindow.xdotool('mousemove', 9999, 9999)
        rows = [picture.rows() for picture in pictures]
        return until(lambda: next(filter(None, map(self.server.find_picture, rows)), None),
                     lambda: self.complain(pictures[0]))

    def agrees(self):
        """It shows what the machine shows now, which may still be drawing."""
        xwindow.xdotool('mousemove', 9999, 9999)
        until(lambda: self.server.find_picture(self.vm.screen().rows()), lambda: self.complain(self.vm.screen()))

    def complain(self, picture):
        if directory := os.environ.get('TEST_KEEP'):
            width, height, rgb = self.server.screen()
            Picture(width, height, rgb).save(directory + '/seen.ppm')
            picture.save(directory + '/wanted.ppm')
        return self.name + ' shows something else'

    def window(self):
        found = until(lambda: xwindow.xdotool('search', '--onlyvisible', '--name', self.viewer.title),
                      self.name + ' has no window')
        return found[-1]

    def focus(self):
        """When it is there; some take keys only while they have the pointer or have been clicked on."""
        self.shows(self.vm.screen())
        width, height = xwindow.geometry(self.window())
        xwindow.xdotool('mousemove', '--window', self.window(), width // 2, height // 2)
        xwindow.xdotool('windowfocus', '--sync', self.window(), 'click', 1)
