/* SPDX-License-Identifier: MIT */
/* What the files of the TLS layer share: credentials, and what GnuTLS has made of them. */
#ifndef CRYPTO_TLS_INTERNAL_H
#define CRYPTO_TLS_INTERNAL_H

#include "crypto/tls.h"
#include "system/object.h"

struct tls_creds {
    struct object obj;
    int endpoint; /* enum tls_endpoint */
    bool verify_peer, sanity_check;
    const char *dir, *priority, *passwordid, *username;
    void *parsed_priority;
    void *dh;     /* servers: Diffie-Hellman parameters of an old kind; NULL: the usual ones */
    char *keys;   /* PSK: the text of keys.psk */
    void *loaded; /* GnuTLS's credentials of that kind and end */
};

static inline struct tls_creds *tls_creds_of(struct object *obj)
{
    return container_of(obj, struct tls_creds, obj);
}

/* Of the three kinds of objects: `loaded` from the files in dir, and freed. */
int tls_x509_open(struct object *obj, struct error **err);
void tls_x509_close(struct object *obj);
int tls_psk_open(struct object *obj, struct error **err);
void tls_psk_close(struct object *obj);
int tls_anon_open(struct object *obj, struct error **err);
void tls_anon_close(struct object *obj);

/* Why a certificate is refused: GnuTLS's status as text, to be freed. */
char *tls_status_text(unsigned status);

/* Of all kinds: priority=, and dh-params.pem of servers, if there is one. */
int tls_common_open(struct tls_creds *c, struct error **err);
void tls_common_close(struct tls_creds *c);

/* *path: of a file in dir, to be freed; NULL if it is optional and not there. 0 or -errno. */
int tls_creds_file(const struct tls_creds *c, const char *name, bool optional, char **path,
                   struct error **err);

#endif
