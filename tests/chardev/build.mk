# SPDX-License-Identifier: MIT
check-scripts-y += tests/chardev/tls tests/chardev/fds tests/chardev/backends tests/chardev/telnet
check-long-y += tests/chardev/console
