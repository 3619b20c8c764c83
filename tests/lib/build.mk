# SPDX-License-Identifier: MIT
test-obj-y += tests/lib/minipc.o
test-obj-$(CONFIG_GNUTLS) += tests/lib/pki.o
