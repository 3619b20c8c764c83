# SPDX-License-Identifier: MIT
"""A QMP client for tests: every reply and event it sees is checked against query-qmp-schema."""
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time


class SchemaError(Exception):
    pass


class Schema:
    """What query-qmp-schema says, and whether a value is of it."""

    def __init__(self, entities):
        self.all = {}
        for e in entities:
            if e['name'] in self.all:
                raise SchemaError('%s is there twice' % e['name'])
            self.all[e['name']] = e

    def entity(self, name):
        if name not in self.all:
            raise SchemaError('type %s is not described' % name)
        return self.all[name]

    def closed(self):
        """Every name refers to something."""
        for e in self.all.values():
            for key in ('arg-type', 'ret-type', 'element-type'):
                if key in e:
                    self.entity(e[key])
            for m in e.get('members', []):
                if 'type' in m:
                    self.entity(m['type'])
            for v in e.get('variants', []):
                self.entity(v['type'])

    def check(self, name, value, where):
        e = self.entity(name)
        getattr(self, 'check_' + e['meta-type'])(e, value, where)

    def check_builtin(self, e, value, where):
        kind = e['json-type']
        ok = {'string': isinstance(value, str),
              'int': isinstance(value, int) and not isinstance(value, bool),
              'number': isinstance(value, (int, float)) and not isinstance(value, bool),
              'boolean': isinstance(value, bool), 'null': value is None, 'value': True}[kind]
        if not ok:
            raise SchemaError('%s: %r is no %s' % (where, value, kind))

    def check_enum(self, e, value, where):
        if value not in [m['name'] for m in e['members']]:
            raise SchemaError('%s: %r is none of %s' % (where, value, e['name']))

    def check_array(self, e, value, where):
        if not isinstance(value, list):
            raise SchemaError('%s: %r is no list' % (where, value))
        for i, v in enumerate(value):
            self.check(e['element-type'], v, '%s[%d]' % (where, i))

    def check_alternate(self, e, value, where):
        for m in e['members']:
            try:
                return self.check(m['type'], value, where)
            except SchemaError:
                pass
        raise SchemaError('%s: %r is none of %s' % (where, value, e['name']))

    def check_object(self, e, value, where):
        if not isinstance(value, dict):
            raise SchemaError('%s: %r is no object' % (where, value))
        members = list(e['members'])
        for v in e.get('variants', []):
            if v['case'] == value.get(e['tag']):
                members += self.entity(v['type'])['members']
        for m in members:
            if m['name'] in value:
                self.check(m['type'], value[m['name']], where + '.' + m['name'])
            elif 'default' not in m:
                raise SchemaError('%s: %s is missing' % (where, m['name']))
        extra = set(value) - {m['name'] for m in members}
        if extra:
            raise SchemaError('%s: %s is not described' % (where, ', '.join(extra)))

    def check_reply(self, command, value):
        self.check(self.entity(command)['ret-type'], value, command)

    def check_event(self, event):
        e = self.entity(event['event'])
        self.check(e['arg-type'], event.get('data', {}), event['event'])
        stamp = event['timestamp']
        assert isinstance(stamp['seconds'], int) and 0 <= stamp['microseconds'] < 1000000


class Error(Exception):
    def __init__(self, error):
        super().__init__('%s: %s' % (error['class'], error['desc']))
        self.cls = error['class']
        self.desc = error['desc']


class Qmp:
    """One connection."""

    def __init__(self, path, negotiate=True):
        self.sock = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            try:
                self.sock.connect(path)
                break
            except OSError:
                time.sleep(0.05)
        self.buf = b''
        self.events = []
        self.schema = None
        self.greeting = self.receive()
        assert 'QMP' in self.greeting, self.greeting
        if negotiate:
            self.command('qmp_capabilities')
            self.schema = Schema(self.command('query-qmp-schema'))
            self.schema.closed()
            self.schema.check_reply('query-qmp-schema', list(self.schema.all.values()))

    def close(self):
        self.sock.close()

    def send_raw(self, data):
        self.sock.sendall(data)

    def receive(self, timeout=60):
        """The next message of any kind; None if the other end has closed."""
        end = time.time() + timeout
        while b'\n' not in self.buf:
            ready, _, _ = select.select([self.sock], [], [], max(0, end - time.time()))
            if not ready:
                raise TimeoutError('nothing came in %g s' % timeout)
            data = self.sock.recv(1 << 20)
            if not data:
                return None
            self.buf += data
        line, self.buf = self.buf.split(b'\n', 1)
        message = json.loads(line)
        if 'event' in message and self.schema:
            self.schema.check_event(message)
        return message

    def reply(self):
        while True:
            message = self.receive()
            if message is None:
                raise EOFError
            if 'event' not in message:
                return message
            self.events.append(message)

    def command(self, execute, **arguments):
        arguments = {k.replace('_', '-') if k not in KEEP else k: v for k, v in arguments.items()}
        request = {'execute': execute, 'id': {'n': [execute, 1.5]}}
        if arguments:
            request['arguments'] = arguments
        self.send_raw(json.dumps(request).encode() + b'\r\n')
        message = self.reply()
        assert message.pop('id', None) == request['id'], message
        if 'error' in message:
            assert set(message['error']) == {'class', 'desc'}
            raise Error(message['error'])
        assert list(message) == ['return'], message
        if self.schema:
            self.schema.check_reply(execute, message['return'])
        return message['return']

    def hmp(self, line):
        return self.command('human-monitor-command', command_line=line).replace('\r\n', '\n')

    def wait_event(self, name, timeout=60):
        end = time.time() + timeout
        while True:
            for i, e in enumerate(self.events):
                if e['event'] == name:
                    return self.events.pop(i)
            message = self.receive(max(0, end - time.time()))
            if message is None:
                raise EOFError
            self.events.append(message)

    def fails(self, cls, execute, **arguments):
        """The command must fail with this class; its text."""
        try:
            got = self.command(execute, **arguments)
        except Error as e:
            assert e.cls == cls, e
            return e.desc
        raise AssertionError('%s gave %r' % (execute, got))


# Members that are really spelt with an underscore.
KEEP = set()


class Machine:
    """doppel with a QMP socket."""

    def __init__(self, *args, sockets=1, wrapper=(), pass_fds=(), stderr=None):
        self.dir = tempfile.TemporaryDirectory()
        self.paths = [os.path.join(self.dir.name, 'qmp%d' % i) for i in range(sockets)]
        doppel = os.environ.get('DOPPEL', 'build/doppel')
        line = list(wrapper) + [doppel, '-display', 'none'] + list(args)
        for path in self.paths:
            line += ['-qmp', 'unix:%s,server=on,wait=off' % path]
        self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, pass_fds=pass_fds, stderr=stderr)

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def rss_kib(self):
        with open('/proc/%d/status' % self.process.pid) as f:
            for line in f:
                if line.startswith('VmRSS'):
                    return int(line.split()[1])
        return 0

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.dir.cleanup()


def run(tests):
    """Runs the functions; exit status."""
    for t in tests:
        start = time.time()
        t()
        print('%s: %.1f s' % (t.__name__, time.time() - start))
        sys.stdout.flush()
    return 0
