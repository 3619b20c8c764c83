/* SPDX-License-Identifier: MIT */
/* AES by GnuTLS (aes.h). */
#include "crypto/aes.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

static int remove_padding(const uint8_t *data, size_t *len)
{
    uint8_t pad = data[*len - 1];

    if (!pad || pad > AES_BLOCK) {
        return -EINVAL;
    }
    for (size_t i = *len - pad; i < *len; i++) {
        if (data[i] != pad) {
            return -EINVAL;
        }
    }
    *len -= pad;
    return 0;
}

int aes_decrypt(uint8_t *data, size_t *len, const uint8_t key[AES_KEY], const uint8_t iv[AES_BLOCK])
{
    gnutls_datum_t k = {(unsigned char *)(uintptr_t)key, AES_KEY};
    gnutls_datum_t v = {(unsigned char *)(uintptr_t)iv, AES_BLOCK};
    gnutls_cipher_hd_t cipher;

    if (!*len || *len % AES_BLOCK ||
        gnutls_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_CBC, &k, &v) < 0) {
        return -EINVAL;
    }
    int ret = gnutls_cipher_decrypt(cipher, data, *len);
    gnutls_cipher_deinit(cipher);
    return ret < 0 ? -EINVAL : remove_padding(data, len);
}
