# SPDX-License-Identifier: MIT
check-scripts-y += tests/cli/bad-input tests/cli/profile tests/cli/daemon
