# SPDX-License-Identifier: MIT
test-obj-y += tests/lib/minipc.o tests/lib/front.o tests/lib/fuzz.o
test-obj-$(CONFIG_GNUTLS) += tests/lib/pki.o
