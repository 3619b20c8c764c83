/* SPDX-License-Identifier: MIT */
/* Passwords and keys a user gives by -object secret. Main thread, device lock held. */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include "util/base.h"

struct error;

#define SECRET_KIND "secret"
#define SECRET_MAX  MIB(1) /* bytes of one */

/*
 * The bytes of the secret `id`, which the caller wipes and frees by secret_free(). There is a NUL
 * after them that does not count. NULL with err set: there is no such object, or it is no secret.
 */
uint8_t *secret_bytes(const char *id, size_t *len, struct error **err);

/* The same as text: refused if it is no UTF-8 or has a NUL in it. */
char *secret_text(const char *id, struct error **err);

/* Wipes and frees; NULL is fine. */
void secret_free(void *bytes, size_t len);
void secret_text_free(char *text);

#endif
