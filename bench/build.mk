# SPDX-License-Identifier: MIT
ifeq ($(HOST_ARCH),x86_64)
test-y += bench/translate
endif
test-y += bench/virtqueue
