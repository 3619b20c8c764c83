# SPDX-License-Identifier: MIT
"""A headless Chromium on a leash: the DevTools protocol (https://chromedevtools.github.io), spoken as
JSON between NUL bytes on a pair of pipes."""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

PROGRAM = shutil.which('chromium')
SLOW = float(os.environ.get('TEST_SLOWNESS', '1'))
WIDTH, HEIGHT = 1000, 700
SHIFT = 8       # of Input.dispatchKeyEvent's modifiers

OPTIONS = ('--headless', '--remote-debugging-pipe', '--ignore-certificate-errors', '--no-first-run',
           '--disable-gpu', '--disable-dev-shm-usage', '--disable-extensions', '--mute-audio',
           '--disable-background-networking', '--no-proxy-server', '--hide-scrollbars')

# Places of a US keyboard: what is on them without and with shift.
PLACES = {'Minus': '-_', 'Equal': '=+', 'BracketLeft': '[{', 'BracketRight': ']}', 'Backslash': '\\|',
          'Semicolon': ';:', 'Quote': '\'"', 'Backquote': '`~', 'Comma': ',<', 'Period': '.>', 'Slash': '/?',
          'Space': '  '}
PLACES.update(('Key' + c.upper(), c + c.upper()) for c in 'abcdefghijklmnopqrstuvwxyz')
PLACES.update(('Digit' + c, c + s) for c, s in zip('1234567890', '!@#$%^&*()'))
KEYS = {text[shift]: (place, shift) for place, text in PLACES.items() for shift in (1, 0)}


class Lost(Exception):
    """The browser has gone, or does not answer."""


class Browser:
    """The process; use it as a context."""

    def __enter__(self):
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        commands, self.pipe_in = os.pipe()
        self.pipe_out, answers = os.pipe()
        line = ['sh', '-c', 'exec "$@" 3<&%d 4>&%d' % (commands, answers), 'sh', PROGRAM, *OPTIONS,
                '--user-data-dir=' + self.home.name + '/data', '--window-size=%d,%d' % (WIDTH, HEIGHT)]
        if os.geteuid() == 0:
            line.append('--no-sandbox')
        self.process = subprocess.Popen(line + ['about:blank'], pass_fds=(commands, answers),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True,
                                        env=dict(os.environ, HOME=self.home.name))
        os.close(commands)
        os.close(answers)
        self.count, self.buf, self.pages = 0, b'', {}
        self.version = self.command('Browser.getVersion')['product']
        return self

    def __exit__(self, *unused):
        try:
            self.command('Browser.close')
            self.process.wait(10 * SLOW)
        except (OSError, Lost, subprocess.TimeoutExpired):
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)     # its children
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.pipe_in)
        os.close(self.pipe_out)
        self.home.cleanup()

    def receive(self, end):
        """The next message of any kind."""
        while b'\0' not in self.buf:
            if not select.select([self.pipe_out], [], [], max(0, end - time.monotonic()))[0]:
                raise Lost('the browser does not answer')
            data = os.read(self.pipe_out, 1 << 20)
            if not data:
                raise Lost('the browser has gone')
            self.buf += data
        text, self.buf = self.buf.split(b'\0', 1)
        return json.loads(text)

    def command(self, method, session=None, **params):
        self.count += 1
        message = {'id': self.count, 'method': method, 'params': params}
        if session:
            message['sessionId'] = session
        os.write(self.pipe_in, json.dumps(message).encode() + b'\0')
        end = time.monotonic() + 60 * SLOW
        while True:
            answer = self.receive(end)
            if answer.get('id') == self.count:
                if 'error' in answer:
                    raise AssertionError('%s: %s' % (method, answer['error']['message']))
                return answer['result']
            page = self.pages.get(answer.get('sessionId'))
            if page and 'method' in answer:
                page.event(answer['method'], answer['params'])

    def open(self, url):
        return Page(self, url)


class Page:
    """A tab. `complaints` is what its scripts have said was wrong."""

    def __init__(self, browser, url):
        self.browser, self.complaints = browser, []
        self.target = browser.command('Target.createTarget', url='about:blank')['targetId']
        self.session = browser.command('Target.attachToTarget', targetId=self.target, flatten=True)['sessionId']
        browser.pages[self.session] = self
        for domain in ('Page', 'Runtime'):
            self.command(domain + '.enable')
        self.goto(url)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        del self.browser.pages[self.session]
        self.browser.command('Target.closeTarget', targetId=self.target)

    def command(self, method, **params):
        return self.browser.command(method, self.session, **params)

    def event(self, method, params):
        if method == 'Runtime.exceptionThrown':
            details = params['exceptionDetails']
            self.complaints.append(details.get('exception', {}).get('description', details['text']))
        elif method == 'Runtime.consoleAPICalled' and params['type'] == 'error':
            self.complaints.append(' '.join(str(a.get('value')) for a in params['args']))

    def goto(self, url):
        answer = self.command('Page.navigate', url=url)
        assert 'errorText' not in answer, answer

    def evaluate(self, script):
        """The value of a JavaScript expression; promises are waited for."""
        answer = self.command('Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in answer:
            raise AssertionError('%s: %s' % (script, answer['exceptionDetails']['exception'].get('description')))
        return answer['result'].get('value')

    def title(self):
        return self.evaluate('document.title')

    # --- hands

    def centre(self, selector):
        """Where an element that is to be seen is, or None."""
        return self.evaluate('''(() => {
            const e = document.querySelector(%s);
            const r = e && e.getBoundingClientRect(), x = r && r.x + r.width / 2, y = r && r.y + r.height / 2;
            return r && r.width && e.contains(document.elementFromPoint(x, y)) ? [x, y] : null;
        })()''' % json.dumps(selector))

    def mouse(self, kind, x, y, button='none', **more):
        """mouseMoved, mousePressed, mouseReleased, mouseWheel."""
        held = {'none': 0, 'left': 1, 'right': 2, 'middle': 4}[button] if kind != 'mouseReleased' else 0
        self.command('Input.dispatchMouseEvent', type=kind, x=x, y=y, button=button, buttons=held,
                     clickCount=int(button != 'none'), **more)

    def click(self, x, y, button='left'):
        self.mouse('mouseMoved', x, y)
        self.mouse('mousePressed', x, y, button)
        self.mouse('mouseReleased', x, y, button)

    def press(self, code, key, text='', modifiers=0):
        """A key down and up: its place and its meaning."""
        what = {'code': code, 'key': key, 'modifiers': modifiers}
        if text:
            what['text'] = text
        self.command('Input.dispatchKeyEvent', type='keyDown' if text else 'rawKeyDown', **what)
        self.command('Input.dispatchKeyEvent', type='keyUp', code=code, key=key, modifiers=modifiers)

    def type(self, text):
        """On a US keyboard, with the shift key where it needs one."""
        for char in text:
            if char == '\n':
                self.press('Enter', 'Enter', '\r')
                continue
            place, shift = KEYS[char]
            if shift:
                self.command('Input.dispatchKeyEvent', type='rawKeyDown', code='ShiftLeft', key='Shift',
                             modifiers=SHIFT)
            self.press(place, char, char, SHIFT * shift)
            if shift:
                self.command('Input.dispatchKeyEvent', type='keyUp', code='ShiftLeft', key='Shift')

    # --- eyes

    def canvas(self, selector):
        """(width, height, RGB) of a canvas' own pixels, None if there is no such canvas."""
        got = self.evaluate('''(() => {
            const c = document.querySelector(%s);
            if (!c || !c.width || !c.height)
                return null;
            const from = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            const n = c.width * c.height, rgb = new Uint8Array(3 * n);
            for (let i = 0; i < n; i++)
                rgb.set(from.subarray(4 * i, 4 * i + 3), 3 * i);
            let text = '';
            for (let i = 0; i < rgb.length; i += 8190)
                text += btoa(String.fromCharCode(...rgb.subarray(i, i + 8190)));
            return [c.width, c.height, text];
        })()''' % json.dumps(selector))
        return got and (got[0], got[1], base64.b64decode(got[2]))

    def picture(self, path):
        """The window's content as a PNG."""
        with open(path, 'wb') as file:
            file.write(base64.b64decode(self.command('Page.captureScreenshot')['data']))
