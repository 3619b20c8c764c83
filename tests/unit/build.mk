# SPDX-License-Identifier: MIT
test-y += tests/unit/base tests/unit/error tests/unit/log
test-y += tests/unit/memory tests/unit/timer tests/unit/device tests/unit/pci \
    tests/unit/runstate
