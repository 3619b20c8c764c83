/* SPDX-License-Identifier: MIT */
/*
 * VeNCrypt 0.2 (rfbproto, "VeNCrypt"): a TLS session, and inside it no authentication or that with
 * a password. One subtype is offered, by the credentials and whether there is a password.
 */
#include "ui/vnc/internal.h"

#include "crypto/tls.h"
#include "util/error.h"
#include "util/trace.h"

enum {
    VENCRYPT_TLS_NONE = 257,
    VENCRYPT_TLS_VNC = 258,
    VENCRYPT_X509_NONE = 260,
    VENCRYPT_X509_VNC = 261,
};

static uint32_t subtype_of(const struct vnc_client *c)
{
    bool x509 = tls_creds_kind(c->server->creds) == TLS_X509;
    bool password = vnc_server_has_password(c->server);

    return x509 ? (password ? VENCRYPT_X509_VNC : VENCRYPT_X509_NONE)
                : (password ? VENCRYPT_TLS_VNC : VENCRYPT_TLS_NONE);
}

/* Nothing may be left of what came before the session: somebody else could have put it there. */
static ssize_t step_subtype(struct vnc_client *c, const uint8_t *buf, size_t len)
{
    static const uint8_t refused, accepted = 1;
    struct error *err = NULL;

    if (len < 4) {
        return 0;
    }
    if (len > 4 || ld_be32(buf) != subtype_of(c)) {
        vnc_client_send(c, &refused, 1);
        vnc_client_end(c);
        return 4;
    }
    vnc_client_send(c, &accepted, 1);
    /* it must leave in the clear */
    if (vnc_stream_flush(&c->stream) < 0 || vnc_stream_queued(&c->stream) ||
        vnc_stream_start_tls(&c->stream, c->server->creds, &err) < 0) {
        TRACE(vnc_client_tls, "%s", err ? error_msg(err) : "no room for an octet");
        error_free(err);
        return VNC_BYE;
    }
    vnc_handshake_inner(c,
                        vnc_server_has_password(c->server) ? VNC_SECURITY_VNC : VNC_SECURITY_NONE);
    return 4;
}

static ssize_t step_version(struct vnc_client *c, const uint8_t *buf, size_t len)
{
    static const uint8_t bad_version = 255;
    uint8_t offer[6] = {0, 1}; /* the version is fine; one subtype */

    if (len < 2) {
        return 0;
    }
    if (buf[0] != 0 || buf[1] != 2) {
        vnc_client_send(c, &bad_version, 1);
        vnc_client_end(c);
        return 2;
    }
    st_be32(offer + 2, subtype_of(c));
    vnc_client_send(c, offer, sizeof(offer));
    c->step = step_subtype;
    return 2;
}

void vnc_vencrypt_start(struct vnc_client *c)
{
    static const uint8_t version[2] = {0, 2};

    vnc_client_send(c, version, sizeof(version));
    c->step = step_version;
}
