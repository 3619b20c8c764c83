# SPDX-License-Identifier: MIT
# Every C file here is a test.
test-y += $(patsubst %.c,%,$(wildcard tests/dev/*.c))
