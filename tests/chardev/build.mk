# SPDX-License-Identifier: MIT
check-scripts-y += tests/chardev/tls
