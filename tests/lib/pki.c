/* SPDX-License-Identifier: MIT */
/* Certificates for tests, by GnuTLS. What fails ends the test. */
#include "tests/lib/pki.h"

#include <arpa/inet.h>
#include <check.h>
#include <glib.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define HOUR 3600

struct pki {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t cert;
};

static void ok(int ret)
{
    ck_assert_msg(ret >= 0, "%s", gnutls_strerror(ret));
}

static gnutls_x509_privkey_t new_key(void)
{
    gnutls_x509_privkey_t key;

    ok(gnutls_x509_privkey_init(&key));
    ok(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                    GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    return key;
}

/* All but the signature. */
static gnutls_x509_crt_t new_cert(gnutls_x509_privkey_t key, const struct pki_cert *c)
{
    const char *name = c->name ? c->name : "localhost", *dns = c->dns ? c->dns : "localhost";
    struct in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};
    static uint8_t serial[] = {1, 0};
    time_t now = time(NULL);
    gnutls_x509_crt_t cert;

    serial[1]++;
    ok(gnutls_x509_crt_init(&cert));
    ok(gnutls_x509_crt_set_version(cert, 3));
    ok(gnutls_x509_crt_set_serial(cert, serial, sizeof(serial)));
    ok(gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                     (unsigned)strlen(name)));
    ok(gnutls_x509_crt_set_activation_time(cert, now + (c->from ? c->from : -HOUR)));
    ok(gnutls_x509_crt_set_expiration_time(cert, now + (c->to ? c->to : HOUR)));
    ok(gnutls_x509_crt_set_key(cert, key));
    ok(gnutls_x509_crt_set_basic_constraints(cert, c->is_ca, -1));
    if (c->is_ca) {
        ok(gnutls_x509_crt_set_key_usage(cert, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN));
        return cert;
    }
    ok(gnutls_x509_crt_set_key_usage(cert, GNUTLS_KEY_DIGITAL_SIGNATURE));
    ok(gnutls_x509_crt_set_key_purpose_oid(
        cert, c->client ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER, 0));
    ok(gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_DNSNAME, dns, (unsigned)strlen(dns),
                                            GNUTLS_FSAN_SET));
    if (!c->dns) {
        ok(gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_IPADDRESS, &loopback,
                                                sizeof(loopback), GNUTLS_FSAN_APPEND));
    }
    return cert;
}

struct pki *pki_new(const struct pki_cert *ca)
{
    struct pki_cert good = {.name = "Test authority", .is_ca = true};
    struct pki *p = g_new0(struct pki, 1);

    p->key = new_key();
    p->cert = new_cert(p->key, ca ? ca : &good);
    ok(gnutls_x509_crt_sign2(p->cert, p->cert, p->key, GNUTLS_DIG_SHA256, 0));
    return p;
}

void pki_free(struct pki *p)
{
    gnutls_x509_crt_deinit(p->cert);
    gnutls_x509_privkey_deinit(p->key);
    g_free(p);
}

static void write_file(const char *dir, const char *end, const char *what, gnutls_datum_t *text)
{
    char *path = g_strdup_printf("%s/%s-%s.pem", dir, end, what);

    ck_assert(g_file_set_contents(path, (const char *)text->data, (gssize)text->size, NULL));
    gnutls_free(text->data);
    g_free(path);
}

static void write_cert(gnutls_x509_crt_t cert, const char *dir, const char *end)
{
    gnutls_datum_t text;

    ok(gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &text));
    write_file(dir, end, "cert", &text);
}

void pki_write_ca(const struct pki *p, const char *dir)
{
    write_cert(p->cert, dir, "ca");
}

void pki_write(const struct pki *p, const char *dir, const char *end, const struct pki_cert *c)
{
    unsigned flags = c->password ? GNUTLS_PKCS_PBES2_AES_256 : GNUTLS_PKCS_PLAIN;
    gnutls_x509_privkey_t key = new_key();
    gnutls_x509_crt_t cert = new_cert(key, c);
    gnutls_datum_t text;

    ok(gnutls_x509_crt_sign2(cert, p->cert, p->key, GNUTLS_DIG_SHA256, 0));
    write_cert(cert, dir, end);
    ok(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, c->password, flags, &text));
    write_file(dir, end, "key", &text);
    gnutls_x509_crt_deinit(cert);
    gnutls_x509_privkey_deinit(key);
}
