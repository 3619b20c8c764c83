/* SPDX-License-Identifier: MIT */
/*
 * Credentials without certificates: tls-creds-psk (RFC 4279; keys.psk has lines "user:hex key") and
 * tls-creds-anon (RFC 5246, F.1.1.1). And what all kinds have: the priority of ciphers, the
 * Diffie-Hellman parameters servers may have of their own.
 */
#include <errno.h>
#include <gnutls/gnutls.h>

#include "crypto/secret.h"
#include "crypto/tls_internal.h"
#include "util/error.h"

#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
#define PSK_USER "qemu" /* what clients are called unless they say */

static int fail(const struct tls_creds *c, const char *path, int ret, struct error **err)
{
    error_set(err, "%s: '%s': %s", c->obj.cls->name, path, gnutls_strerror(ret));
    return -EINVAL;
}

/* --- Diffie-Hellman ---------------------------------------------------------------------------- */

static int import_dh(struct tls_creds *c, const char *path, struct error **err)
{
    gnutls_datum_t text = {NULL, 0};
    gnutls_dh_params_t dh;
    int ret = gnutls_dh_params_init(&dh);

    if (ret < 0) {
        return fail(c, path, ret, err);
    }
    ret = gnutls_load_file(path, &text);
    if (ret >= 0) {
        ret = gnutls_dh_params_import_pkcs3(dh, &text, GNUTLS_X509_FMT_PEM);
        gnutls_free(text.data);
    }
    if (ret < 0) {
        gnutls_dh_params_deinit(dh);
        return fail(c, path, ret, err);
    }
    c->dh = dh;
    return 0;
}

static int find_dh(struct tls_creds *c, struct error **err)
{
    char *path = NULL;
    int ret = 0;

    if (c->endpoint == TLS_SERVER && c->dir) {
        ret = tls_creds_file(c, "dh-params.pem", true, &path, err);
    }
    if (path) {
        ret = import_dh(c, path, err);
        g_free(path);
    }
    return ret;
}

/* --- what all kinds have ----------------------------------------------------------------------- */

/* What the kind needs on top of what the user allows. */
static const char *const kind_priority[] = {
    [TLS_X509] = "", [TLS_PSK] = ":+ECDHE-PSK:+DHE-PSK:+PSK", [TLS_ANON] = ":+ANON-ECDH:+ANON-DH"};

int tls_common_open(struct tls_creds *c, struct error **err)
{
    const char *base = c->priority ? c->priority : PRIORITY;
    char *text = g_strconcat(base, kind_priority[tls_creds_kind(c)], NULL);
    gnutls_priority_t parsed;
    int ret = gnutls_priority_init(&parsed, text, NULL);

    g_free(text);
    if (ret < 0) {
        error_set(err, "%s: priority '%s': %s", c->obj.cls->name, base, gnutls_strerror(ret));
        return -EINVAL;
    }
    c->parsed_priority = parsed;
    ret = find_dh(c, err);
    if (ret < 0) {
        tls_common_close(c);
    }
    return ret;
}

void tls_common_close(struct tls_creds *c)
{
    if (c->dh) {
        gnutls_dh_params_deinit(c->dh);
    }
    if (c->parsed_priority) {
        gnutls_priority_deinit(c->parsed_priority);
    }
    c->dh = c->parsed_priority = NULL;
}

/* --- anonymous --------------------------------------------------------------------------------- */

static int anon_server(struct tls_creds *c)
{
    gnutls_anon_server_credentials_t cred;
    int ret = gnutls_anon_allocate_server_credentials(&cred);

    if (ret < 0) {
        return ret;
    }
    c->loaded = cred;
    if (c->dh) {
        gnutls_anon_set_server_dh_params(cred, c->dh);
        return 0;
    }
    return gnutls_anon_set_server_known_dh_params(cred, GNUTLS_SEC_PARAM_MEDIUM);
}

static int anon_client(struct tls_creds *c)
{
    gnutls_anon_client_credentials_t cred;
    int ret = gnutls_anon_allocate_client_credentials(&cred);

    c->loaded = ret < 0 ? NULL : cred;
    return ret;
}

int tls_anon_open(struct object *obj, struct error **err)
{
    struct tls_creds *c = tls_creds_of(obj);
    int ret = tls_common_open(c, err);

    if (ret < 0) {
        return ret;
    }
    ret = c->endpoint == TLS_SERVER ? anon_server(c) : anon_client(c);
    if (ret < 0) {
        fail(c, "credentials", ret, err);
        tls_anon_close(obj);
        return -EINVAL;
    }
    return 0;
}

void tls_anon_close(struct object *obj)
{
    struct tls_creds *c = tls_creds_of(obj);

    if (c->loaded && c->endpoint == TLS_SERVER) {
        gnutls_anon_free_server_credentials(c->loaded);
    } else if (c->loaded) {
        gnutls_anon_free_client_credentials(c->loaded);
    }
    tls_common_close(c);
}

/* --- shared keys ------------------------------------------------------------------------------- */

/* The key of a user in keys.psk, in hex; NULL: not there. To be freed by secret_text_free(). */
static char *find_key(const struct tls_creds *c, const char *user)
{
    size_t len = strlen(user);

    if (strpbrk(user, ":\r\n")) {
        return NULL;
    }
    for (const char *line = c->keys; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, user, len) && line[len] == ':') {
            return g_strndup(line + len + 1, strcspn(line + len + 1, "\r\n"));
        }
    }
    return NULL;
}

/* GnuTLS asks for the key of who connects. 1: unknown, which the peer does not learn. */
static int give_key(gnutls_session_t tls, const char *user, gnutls_datum_t *key)
{
    char *hex = find_key(gnutls_session_get_ptr(tls), user);
    gnutls_datum_t text = {(unsigned char *)hex, hex ? (unsigned)strlen(hex) : 0};
    int ret = hex ? gnutls_hex_decode2(&text, key) : 1;

    secret_text_free(hex);
    return ret;
}

static int psk_server(struct tls_creds *c, const char *path, struct error **err)
{
    gnutls_psk_server_credentials_t cred;
    int ret = gnutls_psk_allocate_server_credentials(&cred);

    if (ret < 0) {
        return fail(c, path, ret, err);
    }
    c->loaded = cred;
    gnutls_psk_set_server_credentials_function(cred, give_key);
    if (c->dh) {
        gnutls_psk_set_server_dh_params(cred, c->dh);
    } else {
        ret = gnutls_psk_set_server_known_dh_params(cred, GNUTLS_SEC_PARAM_MEDIUM);
    }
    return ret < 0 ? fail(c, path, ret, err) : 0;
}

static int psk_client(struct tls_creds *c, const char *path, struct error **err)
{
    const char *user = c->username ? c->username : PSK_USER;
    gnutls_psk_client_credentials_t cred;
    char *hex = find_key(c, user);

    if (!hex) {
        error_set(err, "tls-creds-psk: '%s' has no key of user '%s'", path, user);
        return -ENOENT;
    }
    int ret = gnutls_psk_allocate_client_credentials(&cred);
    if (ret >= 0) {
        gnutls_datum_t key = {(unsigned char *)hex, (unsigned)strlen(hex)};
        c->loaded = cred;
        ret = gnutls_psk_set_client_credentials(cred, user, &key, GNUTLS_PSK_KEY_HEX);
    }
    secret_text_free(hex);
    return ret < 0 ? fail(c, path, ret, err) : 0;
}

static int read_keys(struct tls_creds *c, const char *path, struct error **err)
{
    gnutls_datum_t text;
    int ret = gnutls_load_file(path, &text);

    if (ret < 0) {
        return fail(c, path, ret, err);
    }
    c->keys = g_strndup((const char *)text.data, text.size);
    explicit_bzero(text.data, text.size);
    gnutls_free(text.data);
    return 0;
}

int tls_psk_open(struct object *obj, struct error **err)
{
    struct tls_creds *c = tls_creds_of(obj);
    char *path;
    int ret = tls_creds_file(c, "keys.psk", false, &path, err);

    ret = ret < 0 ? ret : tls_common_open(c, err);
    ret = ret < 0 ? ret : read_keys(c, path, err);
    if (ret == 0) {
        ret = c->endpoint == TLS_SERVER ? psk_server(c, path, err) : psk_client(c, path, err);
    }
    if (ret < 0) {
        tls_psk_close(obj);
    }
    g_free(path);
    return ret;
}

void tls_psk_close(struct object *obj)
{
    struct tls_creds *c = tls_creds_of(obj);

    if (c->loaded && c->endpoint == TLS_SERVER) {
        gnutls_psk_free_server_credentials(c->loaded);
    } else if (c->loaded) {
        gnutls_psk_free_client_credentials(c->loaded);
    }
    secret_text_free(c->keys);
    tls_common_close(c);
}
