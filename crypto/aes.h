/* SPDX-License-Identifier: MIT */
/* AES-256 in CBC mode (FIPS 197, SP 800-38A) with PKCS #7 padding, for secrets. */
#ifndef CRYPTO_AES_H
#define CRYPTO_AES_H

#include "util/base.h"

#define AES_KEY   32
#define AES_BLOCK 16

/*
 * In place; *len becomes shorter by the padding. -EINVAL: not of whole blocks, or the padding is
 * wrong, as it is with a wrong key. -ENOTSUP: built without GnuTLS.
 */
int must_check aes_decrypt(uint8_t *data, size_t *len, const uint8_t key[AES_KEY],
                           const uint8_t iv[AES_BLOCK]);

#endif
