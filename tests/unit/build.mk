# SPDX-License-Identifier: MIT
test-y += tests/unit/base tests/unit/error tests/unit/log
