# SPDX-License-Identifier: MIT
obj-y += crypto/secret.o crypto/tls_creds.o
ifeq ($(CONFIG_GNUTLS),y)
obj-y += crypto/tls_x509.o crypto/tls_plain.o crypto/tls_session.o crypto/aes.o
else
obj-y += crypto/tls_none.o
endif
