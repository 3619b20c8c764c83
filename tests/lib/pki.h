/* SPDX-License-Identifier: MIT */
/* Certificates for tests: authorities, and what they sign, as PEM files. */
#ifndef TESTS_LIB_PKI_H
#define TESTS_LIB_PKI_H

#include "util/base.h"

#include <time.h>

struct pki;

/* How a certificate differs from a good one for "localhost" and 127.0.0.1, or a good authority. */
struct pki_cert {
    const char *name;     /* common name; NULL: "localhost" */
    const char *dns;      /* alternative name; NULL: "localhost" */
    const char *password; /* of the key file; NULL: none */
    bool client;          /* may be used by clients, else by servers */
    bool is_ca;           /* says it is an authority */
    time_t from, to;      /* seconds from now; 0: an hour ago, in an hour */
};

struct pki *pki_new(const struct pki_cert *ca); /* an authority; NULL: a good one */
void pki_free(struct pki *p);

/* dir/ca-cert.pem */
void pki_write_ca(const struct pki *p, const char *dir);

/* A key and a certificate signed by p: dir/END-cert.pem, dir/END-key.pem; END is server or client. */
void pki_write(const struct pki *p, const char *dir, const char *end, const struct pki_cert *cert);

#endif
