/* SPDX-License-Identifier: MIT */
/*
 * TLS sessions (RFC 8446, RFC 5246) by GnuTLS over the caller's transport.
 *
 * One call reads at most BUDGET bytes from the transport, so that a peer that sends without end does
 * not hold the caller, and a handshake at most HANDSHAKE_MAX in all.
 */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sys/socket.h>

#include "crypto/tls_internal.h"
#include "util/error.h"

#define BUDGET        KIB(128)
#define HANDSHAKE_MAX KIB(256)

struct tls_session {
    gnutls_session_t tls;
    const struct tls_creds *creds;
    const struct tls_transport *transport;
    void *opaque;
    int fd;                /* tls_session_new_fd() */
    size_t budget;         /* bytes this call may still read */
    size_t handshake_left; /* and the handshake */
    size_t held;           /* bytes of the user that GnuTLS has and the transport not yet */
    int transport_error;   /* the errno that broke it */
    bool established, flooded;
    char *hostname; /* whom a client wants; NULL: not checked */
    gnutls_typed_vdata_st
        wanted[2]; /* what the peer's certificate must say; GnuTLS keeps a pointer */
};

/* --- the transport ----------------------------------------------------------------------------- */

static ssize_t fd_send(void *opaque, const void *buf, size_t len)
{
    ssize_t n = send(*(int *)opaque, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    return n < 0 ? -errno : n;
}

static ssize_t fd_recv(void *opaque, void *buf, size_t len)
{
    ssize_t n = recv(*(int *)opaque, buf, len, MSG_DONTWAIT);

    return n < 0 ? -errno : n;
}

static const struct tls_transport fd_transport = {fd_send, fd_recv};

/* What GnuTLS is told: a count, or -1 and an errno. */
static ssize_t moved(struct tls_session *s, ssize_t n)
{
    if (n >= 0) {
        return n;
    }
    int e = n == -EINTR || n == -EWOULDBLOCK ? EAGAIN : (int)-n;
    if (e != EAGAIN) {
        s->transport_error = e;
    }
    gnutls_transport_set_errno(s->tls, e);
    return -1;
}

static ssize_t push(gnutls_transport_ptr_t opaque, const void *buf, size_t len)
{
    struct tls_session *s = opaque;

    return moved(s, s->transport->send(s->opaque, buf, len));
}

static ssize_t pull(gnutls_transport_ptr_t opaque, void *buf, size_t len)
{
    struct tls_session *s = opaque;

    if (!s->established && !s->handshake_left) {
        s->flooded = true;
        return moved(s, -EMSGSIZE);
    }
    len = MIN(len, s->budget);
    len = s->established ? len : MIN(len, s->handshake_left);
    ssize_t n = len ? s->transport->recv(s->opaque, buf, len) : -EAGAIN;
    if (n > 0) {
        s->budget -= (size_t)n;
        s->handshake_left -= s->established ? 0 : (size_t)n;
    }
    return moved(s, n);
}

/* --- errors ------------------------------------------------------------------------------------ */

static void set_verify_error(struct tls_session *s, struct error **err)
{
    char *why = tls_status_text(gnutls_session_get_verify_cert_status(s->tls));

    error_set(err, "TLS: the other end's certificate is refused: %s", why);
    g_free(why);
}

/* GnuTLS's code to -errno with err set, or -EAGAIN without. */
static int failed(struct tls_session *s, int ret, struct error **err)
{
    switch (ret) {
    case GNUTLS_E_AGAIN:
    case GNUTLS_E_INTERRUPTED:
        return -EAGAIN;
    case GNUTLS_E_PREMATURE_TERMINATION:
        error_set(err, "TLS: the other end has gone without a word");
        return -ECONNRESET;
    case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
        set_verify_error(s, err);
        return -EACCES;
    case GNUTLS_E_FATAL_ALERT_RECEIVED:
        error_set(err, "TLS: the other end refused: %s",
                  gnutls_alert_get_name(gnutls_alert_get(s->tls)));
        return -ECONNABORTED;
    default:
        break;
    }
    if (s->flooded) {
        error_set(err, "TLS: the other end's handshake does not end");
        return -EMSGSIZE;
    }
    if (s->transport_error) {
        return error_set_errno(err, s->transport_error, "TLS");
    }
    error_set(err, "TLS: %s", gnutls_strerror(ret));
    return -EPROTO;
}

/* --- life -------------------------------------------------------------------------------------- */

static unsigned char *unconst(const char *text)
{
    return (unsigned char *)(uintptr_t)text;
}

/* Whom the other end has to be. */
static void set_verification(struct tls_session *s)
{
    bool server = s->creds->endpoint == TLS_SERVER;
    const char *purpose = server ? GNUTLS_KP_TLS_WWW_CLIENT : GNUTLS_KP_TLS_WWW_SERVER;

    s->wanted[0] =
        (gnutls_typed_vdata_st){.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = unconst(purpose)};
    s->wanted[1] =
        (gnutls_typed_vdata_st){.type = GNUTLS_DT_DNS_HOSTNAME, .data = unconst(s->hostname)};
    gnutls_session_set_verify_cert2(s->tls, s->wanted, s->hostname ? 2 : 1, 0);
    if (server) {
        gnutls_certificate_server_set_request(s->tls, GNUTLS_CERT_REQUIRE);
    }
}

static int set_credentials(struct tls_session *s, struct error **err)
{
    static const gnutls_credentials_type_t types[] = {[TLS_X509] = GNUTLS_CRD_CERTIFICATE,
                                                      [TLS_PSK] = GNUTLS_CRD_PSK,
                                                      [TLS_ANON] = GNUTLS_CRD_ANON};
    enum tls_kind kind = tls_creds_kind(s->creds);
    int ret = gnutls_priority_set(s->tls, s->creds->parsed_priority);

    ret = ret < 0 ? ret : gnutls_credentials_set(s->tls, types[kind], s->creds->loaded);
    if (ret < 0) {
        error_set(err, "TLS: %s", gnutls_strerror(ret));
        return -EINVAL;
    }
    gnutls_session_set_ptr(s->tls, (void *)(uintptr_t)s->creds);
    if (kind == TLS_X509 && s->creds->verify_peer) {
        set_verification(s);
    }
    return 0;
}

/* A client says whom it wants, so that a server of several names can choose its certificate. */
static void set_hostname(struct tls_session *s, const char *hostname)
{
    if (hostname && s->creds->endpoint == TLS_CLIENT) {
        s->hostname = g_strdup(hostname);
        if (!g_hostname_is_ip_address(hostname)) {
            gnutls_server_name_set(s->tls, GNUTLS_NAME_DNS, hostname, strlen(hostname));
        }
    }
}

struct tls_session *tls_session_new(struct tls_creds *creds, const char *hostname,
                                    const struct tls_transport *transport, void *opaque,
                                    struct error **err)
{
    unsigned end = creds->endpoint == TLS_SERVER ? GNUTLS_SERVER : GNUTLS_CLIENT;
    struct tls_session *s = g_new0(struct tls_session, 1);
    int ret = gnutls_init(&s->tls, end | GNUTLS_NONBLOCK);

    s->creds = creds;
    s->transport = transport;
    s->opaque = opaque;
    s->handshake_left = HANDSHAKE_MAX;
    if (ret < 0) {
        error_set(err, "TLS: %s", gnutls_strerror(ret));
        g_free(s);
        return NULL;
    }
    set_hostname(s, hostname);
    if (set_credentials(s, err) < 0) {
        tls_session_free(s);
        return NULL;
    }
    gnutls_handshake_set_timeout(s->tls, 0);
    gnutls_transport_set_ptr(s->tls, s);
    gnutls_transport_set_push_function(s->tls, push);
    gnutls_transport_set_pull_function(s->tls, pull);
    return s;
}

struct tls_session *tls_session_new_fd(struct tls_creds *creds, const char *hostname, int fd,
                                       struct error **err)
{
    struct tls_session *s = tls_session_new(creds, hostname, &fd_transport, NULL, err);

    if (s) {
        s->fd = fd;
        s->opaque = &s->fd;
    }
    return s;
}

void tls_session_free(struct tls_session *s)
{
    if (s) {
        gnutls_deinit(s->tls);
        g_free(s->hostname);
        g_free(s);
    }
}

/* --- bytes ------------------------------------------------------------------------------------- */

/* Not the end: warnings and requests that are ignored. They use up the budget. */
static bool goes_on(int ret)
{
    return ret < 0 && ret != GNUTLS_E_AGAIN && ret != GNUTLS_E_INTERRUPTED &&
           !gnutls_error_is_fatal(ret);
}

int tls_session_handshake(struct tls_session *s, struct error **err)
{
    int ret;

    s->budget = BUDGET;
    do {
        ret = gnutls_handshake(s->tls);
    } while (goes_on(ret));
    if (ret >= 0) {
        s->established = true;
        return 0;
    }
    if (gnutls_error_is_fatal(ret) && ret != GNUTLS_E_FATAL_ALERT_RECEIVED) {
        gnutls_alert_send_appropriate(s->tls, ret);
    }
    return failed(s, ret, err);
}

ssize_t tls_session_read(struct tls_session *s, void *buf, size_t len, struct error **err)
{
    ssize_t n;

    s->budget = BUDGET;
    do {
        n = gnutls_record_recv(s->tls, buf, len);
    } while (goes_on((int)n));
    return n < 0 ? failed(s, (int)n, err) : n;
}

ssize_t tls_session_write(struct tls_session *s, const void *buf, size_t len, struct error **err)
{
    if (!len) {
        return 0;
    }
    /* What GnuTLS has taken already goes first; the caller offers it once more. */
    s->budget = BUDGET;
    ssize_t n =
        s->held ? gnutls_record_send(s->tls, NULL, 0) : gnutls_record_send(s->tls, buf, len);
    if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) {
        s->held = s->held ? s->held : MIN(len, gnutls_record_get_max_size(s->tls));
        return -EAGAIN;
    }
    if (n < 0) {
        return failed(s, (int)n, err);
    }
    n = s->held && !n ? (ssize_t)s->held : n;
    s->held = 0;
    return n;
}

size_t tls_session_pending(const struct tls_session *s)
{
    return gnutls_record_check_pending(s->tls);
}

bool tls_session_wants_write(const struct tls_session *s)
{
    return gnutls_record_get_direction(s->tls) == 1;
}

void tls_session_bye(struct tls_session *s)
{
    if (s->established && !s->transport_error) {
        gnutls_bye(s->tls, GNUTLS_SHUT_WR);
    }
}

/* --- who is there ------------------------------------------------------------------------------ */

char *tls_session_describe(const struct tls_session *s)
{
    char *desc = gnutls_session_get_desc(s->tls), *text = g_strdup(desc ? desc : "TLS");

    gnutls_free(desc);
    return text;
}

static char *certificate_name(const gnutls_datum_t *der)
{
    gnutls_datum_t name = {NULL, 0};
    gnutls_x509_crt_t cert;
    char *text = NULL;

    if (gnutls_x509_crt_init(&cert) < 0) {
        return NULL;
    }
    if (gnutls_x509_crt_import(cert, der, GNUTLS_X509_FMT_DER) >= 0 &&
        gnutls_x509_crt_get_dn3(cert, &name, 0) >= 0) {
        text = g_strndup((const char *)name.data, name.size);
        gnutls_free(name.data);
    }
    gnutls_x509_crt_deinit(cert);
    return text;
}

char *tls_session_peer(const struct tls_session *s)
{
    unsigned count = 0;
    const gnutls_datum_t *chain;

    switch (tls_creds_kind(s->creds)) {
    case TLS_X509:
        chain = gnutls_certificate_get_peers(s->tls, &count);
        return chain && count ? certificate_name(&chain[0]) : NULL;
    case TLS_PSK:
        return s->creds->endpoint == TLS_SERVER ? g_strdup(gnutls_psk_server_get_username(s->tls))
                                                : NULL;
    default:
        return NULL;
    }
}
