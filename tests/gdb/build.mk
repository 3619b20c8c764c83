# SPDX-License-Identifier: MIT
check-scripts-y += tests/gdb/protocol
