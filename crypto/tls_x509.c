/* SPDX-License-Identifier: MIT */
/*
 * tls-creds-x509: certificates from PEM files (RFC 5280). Names as of QEMU: see the table below.
 *
 * A certificate nobody would accept is refused here, with its file and the reason, rather than by
 * some later peer with an alert (sanity-check=off: it is not).
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <time.h>

#include "crypto/secret.h"
#include "crypto/tls_internal.h"
#include "util/error.h"

static int fail(const char *path, const char *why, struct error **err)
{
    error_set(err, "tls-creds-x509: '%s': %s", path, why);
    return -EINVAL;
}

/* --- files ------------------------------------------------------------------------------------- */

enum x509_file { FILE_CA, FILE_CRL, FILE_CERT, FILE_KEY, FILES };

/* By endpoint. */
static const struct {
    const char *name[2];
    bool optional[2];
} x509_files[FILES] = {
    [FILE_CA] = {{"ca-cert.pem", "ca-cert.pem"}, {false, false}},
    [FILE_CRL] = {{"ca-crl.pem", "ca-crl.pem"}, {true, true}},
    [FILE_CERT] = {{"client-cert.pem", "server-cert.pem"}, {true, false}},
    [FILE_KEY] = {{"client-key.pem", "server-key.pem"}, {true, false}},
};

static int find_files(const struct tls_creds *c, char **paths, struct error **err)
{
    int end = c->endpoint, ret = 0;

    for (int i = 0; i < FILES && ret == 0; i++) {
        ret =
            tls_creds_file(c, x509_files[i].name[end], x509_files[i].optional[end], &paths[i], err);
    }
    if (ret == 0 && paths[FILE_CERT] && !paths[FILE_KEY]) {
        ret = fail(paths[FILE_CERT], "its key is missing", err);
    }
    return ret;
}

static int read_file(const char *path, gnutls_datum_t *out, struct error **err)
{
    int ret = gnutls_load_file(path, out);

    return ret < 0 ? fail(path, gnutls_strerror(ret), err) : 0;
}

/* --- checks of our own certificates ------------------------------------------------------------ */

struct cert_list {
    const char *path;
    gnutls_x509_crt_t *certs;
    unsigned count;
};

static int read_certs(const char *path, struct cert_list *list, struct error **err)
{
    gnutls_datum_t text;
    int ret;

    list->path = path;
    if (read_file(path, &text, err) < 0) {
        return -EINVAL;
    }
    ret = gnutls_x509_crt_list_import2(&list->certs, &list->count, &text, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(text.data);
    return ret < 0 ? fail(path, gnutls_strerror(ret), err) : 0;
}

static void free_certs(struct cert_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        gnutls_x509_crt_deinit(list->certs[i]);
    }
    gnutls_free(list->certs);
}

static const char *wrong_dates(gnutls_x509_crt_t cert, time_t now)
{
    time_t from = gnutls_x509_crt_get_activation_time(cert);
    time_t to = gnutls_x509_crt_get_expiration_time(cert);

    return from == (time_t)-1 || to == (time_t)-1 ? "the certificate has no valid dates"
           : now < from                           ? "the certificate is not valid yet"
           : now > to                             ? "the certificate has expired"
                                                  : NULL;
}

/* A certificate says what it may be used for, or says nothing. */
static bool has_usage(gnutls_x509_crt_t cert, unsigned wanted)
{
    unsigned usage, critical;

    return gnutls_x509_crt_get_key_usage(cert, &usage, &critical) < 0 || (usage & wanted);
}

static const char *wrong_ca(gnutls_x509_crt_t cert)
{
    if (gnutls_x509_crt_get_ca_status(cert, NULL) <= 0) {
        return "the certificate is not one of an authority (CA)";
    }
    return has_usage(cert, GNUTLS_KEY_KEY_CERT_SIGN) ? NULL
                                                     : "the authority may not sign certificates";
}

static const char *wrong_own(gnutls_x509_crt_t cert)
{
    if (gnutls_x509_crt_get_ca_status(cert, NULL) > 0) {
        return "this is the certificate of an authority (CA)";
    }
    return has_usage(cert, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT)
               ? NULL
               : "the certificate's key may not sign or encrypt";
}

char *tls_status_text(unsigned status)
{
    gnutls_datum_t text = {NULL, 0};

    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
    char *copy = g_strchomp(g_strdup(text.data ? (const char *)text.data : "unknown reason"));
    gnutls_free(text.data);
    return copy;
}

static int check_list(const struct cert_list *list, bool ca, struct error **err)
{
    const char *wrong = list->count ? NULL : "there is no certificate in it";

    for (unsigned i = 0; i < list->count && !wrong; i++) {
        wrong = wrong_dates(list->certs[i], time(NULL));
        wrong = !wrong && ca ? wrong_ca(list->certs[i]) : wrong;
    }
    if (!wrong && !ca) {
        wrong = wrong_own(list->certs[0]); /* those that follow are authorities between */
    }
    return wrong ? fail(list->path, wrong, err) : 0;
}

/* Do the authorities vouch for our certificate, for this end of a connection? */
static int check_chain(const struct tls_creds *c, const struct cert_list *ca,
                       const struct cert_list *own, struct error **err)
{
    const char *purpose =
        c->endpoint == TLS_SERVER ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
    gnutls_typed_vdata_st data = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                  .data = (unsigned char *)(uintptr_t)purpose};
    gnutls_x509_trust_list_t trust;
    unsigned status = 0;
    int ret = gnutls_x509_trust_list_init(&trust, 0);

    if (ret < 0) {
        return fail(own->path, gnutls_strerror(ret), err);
    }
    ret = gnutls_x509_trust_list_add_cas(trust, ca->certs, ca->count, 0);
    if (ret >= 0) {
        ret = gnutls_x509_trust_list_verify_crt2(trust, own->certs, own->count, &data, 1, 0,
                                                 &status, NULL);
    }
    gnutls_x509_trust_list_deinit(trust, 0);
    if (ret < 0) {
        return fail(own->path, gnutls_strerror(ret), err);
    }
    if (status) {
        char *why = tls_status_text(status);
        ret = fail(own->path, why, err);
        g_free(why);
    }
    return ret;
}

static int check_certs(const struct tls_creds *c, char **paths, struct error **err)
{
    struct cert_list ca = {NULL, NULL, 0}, own = {NULL, NULL, 0};
    int ret = read_certs(paths[FILE_CA], &ca, err);

    ret = ret < 0 ? ret : check_list(&ca, true, err);
    if (ret == 0 && paths[FILE_CERT]) {
        ret = read_certs(paths[FILE_CERT], &own, err);
        ret = ret < 0 ? ret : check_list(&own, false, err);
        ret = ret < 0 ? ret : check_chain(c, &ca, &own, err);
    }
    free_certs(&ca);
    free_certs(&own);
    return ret;
}

/* --- loading ----------------------------------------------------------------------------------- */

static int load_key(const struct tls_creds *c, gnutls_certificate_credentials_t cred, char **paths,
                    struct error **err)
{
    char *password = NULL;

    if (c->passwordid) {
        password = secret_text(c->passwordid, err);
        if (!password) {
            return -ENOENT;
        }
    }
    int ret = gnutls_certificate_set_x509_key_file2(cred, paths[FILE_CERT], paths[FILE_KEY],
                                                    GNUTLS_X509_FMT_PEM, password, 0);
    secret_text_free(password);
    return ret < 0 ? fail(paths[FILE_KEY], gnutls_strerror(ret), err) : 0;
}

static int load_trust(gnutls_certificate_credentials_t cred, char **paths, struct error **err)
{
    int ret = gnutls_certificate_set_x509_trust_file(cred, paths[FILE_CA], GNUTLS_X509_FMT_PEM);

    if (ret < 0) {
        return fail(paths[FILE_CA], gnutls_strerror(ret), err);
    }
    if (paths[FILE_CRL]) {
        ret = gnutls_certificate_set_x509_crl_file(cred, paths[FILE_CRL], GNUTLS_X509_FMT_PEM);
    }
    return ret < 0 ? fail(paths[FILE_CRL], gnutls_strerror(ret), err) : 0;
}

static int load_files(struct tls_creds *c, char **paths, struct error **err)
{
    gnutls_certificate_credentials_t cred;
    int ret = gnutls_certificate_allocate_credentials(&cred);

    if (ret < 0) {
        return fail(paths[FILE_CA], gnutls_strerror(ret), err);
    }
    ret = load_trust(cred, paths, err);
    if (ret == 0 && paths[FILE_CERT]) {
        ret = load_key(c, cred, paths, err);
    }
    if (ret == 0 && c->dh) {
        gnutls_certificate_set_dh_params(cred, c->dh);
    } else if (ret == 0) {
        ret = gnutls_certificate_set_known_dh_params(cred, GNUTLS_SEC_PARAM_MEDIUM);
    }
    if (ret < 0) {
        gnutls_certificate_free_credentials(cred);
        return ret;
    }
    c->loaded = cred;
    return 0;
}

int tls_x509_open(struct object *obj, struct error **err)
{
    struct tls_creds *c = tls_creds_of(obj);
    char *paths[FILES] = {NULL};
    int ret = find_files(c, paths, err);

    if (ret == 0 && c->sanity_check) {
        ret = check_certs(c, paths, err);
    }
    ret = ret < 0 ? ret : tls_common_open(c, err);
    ret = ret < 0 ? ret : load_files(c, paths, err);
    if (ret < 0) {
        tls_common_close(c);
    }
    for (int i = 0; i < FILES; i++) {
        g_free(paths[i]);
    }
    return ret;
}

void tls_x509_close(struct object *obj)
{
    gnutls_certificate_free_credentials(tls_creds_of(obj)->loaded);
    tls_common_close(tls_creds_of(obj));
}
