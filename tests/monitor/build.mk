# SPDX-License-Identifier: MIT
test-y += tests/monitor/manual tests/monitor/frame
