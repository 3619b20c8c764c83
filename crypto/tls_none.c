/* SPDX-License-Identifier: MIT */
/* In the place of the TLS layer when doppel is built without GnuTLS: no credentials, no sessions. */
#include "crypto/aes.h"
#include "crypto/tls_internal.h"

#include <errno.h>

#include "util/error.h"

static int refuse(struct object *obj, struct error **err)
{
    error_set(err, "%s: this doppel is built without TLS (GnuTLS)", obj->cls->name);
    return -ENOTSUP;
}

int tls_x509_open(struct object *obj, struct error **err)
{
    return refuse(obj, err);
}

int tls_psk_open(struct object *obj, struct error **err)
{
    return refuse(obj, err);
}

int tls_anon_open(struct object *obj, struct error **err)
{
    return refuse(obj, err);
}

void tls_x509_close(struct object *obj)
{
}

void tls_psk_close(struct object *obj)
{
}

void tls_anon_close(struct object *obj)
{
}

int aes_decrypt(uint8_t *data, size_t *len, const uint8_t key[AES_KEY], const uint8_t iv[AES_BLOCK])
{
    return -ENOTSUP;
}

/* --- sessions: without credentials nobody gets here --------------------------------------------- */

struct tls_session *tls_session_new(struct tls_creds *creds, const char *hostname,
                                    const struct tls_transport *transport, void *opaque,
                                    struct error **err)
{
    refuse(&creds->obj, err);
    return NULL;
}

struct tls_session *tls_session_new_fd(struct tls_creds *creds, const char *hostname, int fd,
                                       struct error **err)
{
    refuse(&creds->obj, err);
    return NULL;
}

void tls_session_free(struct tls_session *s)
{
}

int tls_session_handshake(struct tls_session *s, struct error **err)
{
    return -ENOTSUP;
}

ssize_t tls_session_read(struct tls_session *s, void *buf, size_t len, struct error **err)
{
    return -ENOTSUP;
}

ssize_t tls_session_write(struct tls_session *s, const void *buf, size_t len, struct error **err)
{
    return -ENOTSUP;
}

size_t tls_session_pending(const struct tls_session *s)
{
    return 0;
}

bool tls_session_wants_write(const struct tls_session *s)
{
    return false;
}

void tls_session_bye(struct tls_session *s)
{
}

char *tls_session_describe(const struct tls_session *s)
{
    return NULL;
}

char *tls_session_peer(const struct tls_session *s)
{
    return NULL;
}
