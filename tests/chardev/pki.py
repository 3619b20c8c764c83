# SPDX-License-Identifier: MIT
"""Authorities and certificates by certtool, as docs/tls.md makes them."""
import os
import shutil
import subprocess


def have_tools(*tools):
    """The first of them that is not installed, or None."""
    return next((t for t in tools if not shutil.which(t)), None)


SERVER = 'cn = localhost\ndns_name = localhost\nip_address = 127.0.0.1\ntls_www_server\nsigning_key\n'
CLIENT = 'cn = client\ntls_www_client\nsigning_key\n'
AUTHORITY = 'cn = Test authority\nca\ncert_signing_key\n'
EXPIRED = 'activation_date = "2020-01-01 00:00:00"\nexpiration_date = "2020-02-01 00:00:00"\n'
VALID = 'expiration_days = 2\n'


class Authority:
    """An authority in a directory of its own."""

    def __init__(self, base, name):
        self.dir = os.path.join(base, name)
        os.mkdir(self.dir)
        self.key = self.path('ca-key.pem')
        self.new_key(self.key)
        self.certtool('--generate-self-signed', '--load-privkey', self.key, '--outfile',
                      self.path('ca-cert.pem'), template=AUTHORITY + VALID)

    def path(self, name):
        return os.path.join(self.dir, name)

    def certtool(self, *args, template=None):
        args = ['certtool', *args]
        if template is not None:
            with open(self.path('template'), 'w') as f:
                f.write(template)
            args += ['--template', self.path('template')]
        subprocess.run(args, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def new_key(self, path):
        self.certtool('--generate-privkey', '--key-type=ecdsa', '--outfile', path)

    def sign(self, end, template, where=None):
        """END-cert.pem and END-key.pem, beside ca-cert.pem or in another directory."""
        where = where or self.dir
        key = os.path.join(where, end + '-key.pem')
        self.new_key(key)
        self.certtool('--generate-certificate', '--load-privkey', key, '--load-ca-certificate',
                      self.path('ca-cert.pem'), '--load-ca-privkey', self.key, '--outfile',
                      os.path.join(where, end + '-cert.pem'), template=template)

    def pair(self):
        """Good certificates of both ends."""
        self.sign('server', SERVER + VALID)
        self.sign('client', CLIENT + VALID)
        return self
