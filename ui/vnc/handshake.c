/* SPDX-License-Identifier: MIT */
/*
 * The handshake (RFC 6143, 7.1 to 7.3; 3.3 and 3.7 as its appendix tells): version, security type,
 * its own exchange, result, initialisation.
 */
#include "ui/vnc/internal.h"

#include "crypto/tls.h"
#include "util/trace.h"

static const char version[] = "RFB 003.008\n";

#define VERSION_LEN 12

static void send32(struct vnc_client *c, uint32_t v)
{
    uint8_t b[4];

    st_be32(b, v);
    vnc_client_send(c, b, sizeof(b));
}

static void send_reason(struct vnc_client *c, const char *text)
{
    send32(c, (uint32_t)strlen(text));
    vnc_client_send(c, text, strlen(text));
}

/* Instead of security types: 0 of them, and why. */
static void refuse(struct vnc_client *c, const char *why)
{
    static const uint8_t none;

    TRACE(vnc_client_refused, "%s:%s %s", c->at.host, c->at.service, why);
    if (c->minor == 3) {
        send32(c, 0);
    } else {
        vnc_client_send(c, &none, 1);
    }
    send_reason(c, why);
    vnc_client_end(c);
}

/* --- security types ------------------------------------------------------------------------------ */

static void run_security(struct vnc_client *c)
{
    if (c->security == VNC_SECURITY_VENCRYPT) {
        vnc_vencrypt_start(c);
    } else if (c->security == VNC_SECURITY_VNC) {
        vnc_auth_start(c);
    } else {
        vnc_handshake_result(c, NULL);
    }
}

void vnc_handshake_inner(struct vnc_client *c, enum vnc_security security)
{
    c->security = security;
    run_security(c);
}

/* The one type that fits how the server is set up and what carries the bytes already. */
static enum vnc_security security_of(const struct vnc_client *c)
{
    if (c->skip_auth) {
        return VNC_SECURITY_NONE;
    }
    if (c->server->creds && !c->stream.tls) {
        return VNC_SECURITY_VENCRYPT;
    }
    return vnc_server_has_password(c->server) ? VNC_SECURITY_VNC : VNC_SECURITY_NONE;
}

static ssize_t step_security(struct vnc_client *c, const uint8_t *buf, size_t len)
{
    if (buf[0] != c->security) {
        vnc_handshake_result(c, "This security type was not offered");
        return 1;
    }
    run_security(c);
    return 1;
}

static void offer_security(struct vnc_client *c)
{
    c->security = security_of(c);
    if (vnc_auth_blocked(c)) {
        refuse(c, "Too many authentication failures");
    } else if (c->minor == 3 && c->security == VNC_SECURITY_VENCRYPT) {
        refuse(c, "Security needs protocol version 3.7 or later");
    } else if (c->minor == 3) {
        send32(c, c->security);
        run_security(c);
    } else {
        uint8_t offer[2] = {1, (uint8_t)c->security};
        vnc_client_send(c, offer, sizeof(offer));
        c->step = step_security;
    }
}

/* --- versions ------------------------------------------------------------------------------------ */

/* Whatever is not a version we know is the oldest (RFC 6143, 7.1.1), what is newer is ours. */
static bool parse_version(const uint8_t *buf, unsigned *minor)
{
    static const char shape[] = "RFB ddd.ddd\n";

    for (unsigned i = 0; i < VERSION_LEN; i++) {
        if (shape[i] == 'd' ? !g_ascii_isdigit(buf[i]) : buf[i] != (uint8_t)shape[i]) {
            return false;
        }
    }
    unsigned n = (buf[8] - '0') * 100u + (buf[9] - '0') * 10u + (buf[10] - '0');
    *minor = n >= 8 ? 8 : n == 7 ? 7 : 3;
    return buf[4] == '0' && buf[5] == '0' && buf[6] == '3' && n >= 3;
}

ssize_t vnc_step_version(struct vnc_client *c, const uint8_t *buf, size_t len)
{
    if (memcmp(buf, version, MIN(len, (size_t)4))) {
        return VNC_BYE;
    }
    if (len < VERSION_LEN) {
        return 0;
    }
    if (!parse_version(buf, &c->minor)) {
        return VNC_BYE;
    }
    offer_security(c);
    return VERSION_LEN;
}

void vnc_handshake_start(struct vnc_client *c)
{
    c->step = vnc_step_version;
    vnc_client_send(c, version, VERSION_LEN);
    pthread_mutex_lock(&vnc_mutex);
    c->announced = true;
    pthread_mutex_unlock(&vnc_mutex);
    vnc_client_tell(c, "VNC_CONNECTED");
}

/* --- the result ---------------------------------------------------------------------------------- */

void vnc_handshake_result(struct vnc_client *c, const char *why_not)
{
    bool silent = c->security == VNC_SECURITY_NONE && c->minor < 8 && !why_not;

    if (!silent) {
        send32(c, why_not != NULL);
    }
    if (!why_not) {
        c->step = vnc_step_init;
        return;
    }
    TRACE(vnc_client_refused, "%s:%s %s", c->at.host, c->at.service, why_not);
    if (c->minor >= 8) {
        send_reason(c, why_not);
    }
    vnc_client_end(c);
}

/* --- initialisation ------------------------------------------------------------------------------ */

static void end_others(struct vnc_client *c)
{
    struct vnc_client *other;

    TAILQ_FOREACH(other, &c->server->clients, link_)
    {
        if (other != c && other->state == VNC_RUNNING) {
            vnc_client_end(other);
            vnc_client_go_on_soon(other);
        }
    }
}

static bool anybody_exclusive(const struct vnc_client *c)
{
    const struct vnc_client *other;

    TAILQ_FOREACH(other, &c->server->clients, link_)
    {
        if (other != c && other->state == VNC_RUNNING && other->exclusive) {
            return true;
        }
    }
    return false;
}

/* May it stay? RFC 6143, 7.3.1 leaves it to the server who goes. */
static bool share(struct vnc_client *c)
{
    switch (c->server->opts.share) {
    case VNC_SHARE_ALLOW_EXCLUSIVE:
        if (c->exclusive) {
            end_others(c);
        }
        return c->exclusive || !anybody_exclusive(c);
    case VNC_SHARE_FORCE_SHARED:
        return !c->exclusive;
    default:
        return true;
    }
}

static void send_init(struct vnc_client *c)
{
    const char *name = vnc_guest_name();
    uint8_t m[4 + VNC_PIXEL_FORMAT_SIZE];

    st_be16(m, (uint16_t)c->width);
    st_be16(m + 2, (uint16_t)c->height);
    vnc_pixel_format_write(&vnc_pixel_format_native, m + 4);
    vnc_client_send(c, m, sizeof(m));
    send_reason(c, name);
}

ssize_t vnc_step_init(struct vnc_client *c, const uint8_t *buf, size_t len)
{
    c->exclusive = !buf[0];
    if (!share(c)) {
        TRACE(vnc_client_refused, "%s:%s the server is shared or taken", c->at.host, c->at.service);
        return VNC_BYE;
    }
    vnc_screen_refresh(c->server);
    vnc_update_init(c);
    vnc_input_init(c);
    send_init(c);
    c->let_in = true;
    c->server->unauthenticated--;
    vnc_timer_stop(&c->deadline);
    c->step = vnc_step_message;
    c->state = VNC_RUNNING;
    char *dname = vnc_stream_peer_name(&c->stream);
    pthread_mutex_lock(&vnc_mutex);
    c->dname = dname;
    pthread_mutex_unlock(&vnc_mutex);
    vnc_client_tell(c, "VNC_INITIALIZED");
    return 1;
}
