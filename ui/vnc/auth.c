/* SPDX-License-Identifier: MIT */
/*
 * VNC authentication (RFC 6143, 7.2.2): a challenge the client encrypts by DES with the password.
 * Weak by design, eight characters at most: guessing is made slow. Each failure of a source (an
 * address; all of a Unix socket's users are one) delays the answer twice as long as the one before;
 * after BLOCK_AFTER it is refused altogether until it has kept quiet for BLOCK_US.
 */
#include "ui/vnc/internal.h"

#include "config.h"
#if CONFIG_GNUTLS
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#endif
#include <sys/random.h>

#define DELAY_FIRST_US 250000
#define DELAY_MAX_US   8000000
#define BLOCK_AFTER    8u
#define BLOCK_US       60000000
#define SOURCES        64u       /* remembered */
#define TYPING_US      120000000 /* somebody may be asked for the password only now */

#define PASSWORD_LEN 8u

/* --- who has failed ------------------------------------------------------------------------------ */

struct source {
    char host[64];
    unsigned failures;
    int64_t last;
};

static struct source sources[SOURCES];

static const char *name_of(const struct vnc_client *c)
{
    return strcmp(c->at.family, "unix") ? c->at.host : "unix";
}

static struct source *find(const struct vnc_client *c)
{
    for (unsigned i = 0; i < SOURCES; i++) {
        struct source *s = &sources[i];
        if (s->failures && vnc_now() - s->last >= BLOCK_US) {
            s->failures = 0;
        }
        if (s->failures && !strcmp(s->host, name_of(c))) {
            return s;
        }
    }
    return NULL;
}

/* A new one, in the place of whoever has been quiet longest. */
static struct source *forget_oldest(const struct vnc_client *c)
{
    struct source *s = &sources[0];

    for (unsigned i = 1; i < SOURCES && s->failures; i++) {
        if (!sources[i].failures || sources[i].last < s->last) {
            s = &sources[i];
        }
    }
    *s = (struct source){.failures = 0};
    g_strlcpy(s->host, name_of(c), sizeof(s->host));
    return s;
}

bool vnc_auth_blocked(const struct vnc_client *c)
{
    struct source *s = c->skip_auth ? NULL : find(c);

    return s && s->failures >= BLOCK_AFTER;
}

/* How long the answer takes. */
static int64_t note_failure(const struct vnc_client *c)
{
    struct source *s = find(c);
    int64_t delay = DELAY_FIRST_US;

    s = s ? s : forget_oldest(c);
    for (unsigned i = 0; i < s->failures && delay < DELAY_MAX_US; i++) {
        delay *= 2;
    }
    s->failures++;
    s->last = vnc_now();
    return delay;
}

static void forgive(const struct vnc_client *c)
{
    struct source *s = find(c);

    if (s) {
        s->failures = 0;
    }
}

/* --- the cipher ---------------------------------------------------------------------------------- */

bool vnc_auth_possible(void)
{
    return CONFIG_GNUTLS;
}

#if CONFIG_GNUTLS
static uint8_t reverse_bits(uint8_t v)
{
    uint8_t out = 0;

    for (unsigned i = 0; i < 8; i++) {
        out |= (uint8_t)((v >> i & 1) << (7 - i));
    }
    return out;
}

/* The password is the key, the bits of each octet in reverse (RFC 6143, 7.2.2). */
static bool encrypt(const char *password, const uint8_t challenge[16], uint8_t out[16])
{
    uint8_t key[PASSWORD_LEN] = {0}, iv[8];
    gnutls_datum_t key_datum = {key, sizeof(key)}, iv_datum = {iv, sizeof(iv)};
    bool ok = true;

    for (unsigned i = 0; i < PASSWORD_LEN && password[i]; i++) {
        key[i] = reverse_bits((uint8_t)password[i]);
    }
    memcpy(out, challenge, 16);
    /* two blocks on their own: each with an initialisation vector of its own, which is 0 */
    for (unsigned block = 0; block < 16 && ok; block += 8) {
        gnutls_cipher_hd_t cipher;
        memset(iv, 0, sizeof(iv));
        ok = gnutls_cipher_init(&cipher, GNUTLS_CIPHER_DES_CBC, &key_datum, &iv_datum) == 0;
        if (ok) {
            ok = gnutls_cipher_encrypt(cipher, out + block, 8) == 0;
            gnutls_cipher_deinit(cipher);
        }
    }
    explicit_bzero(key, sizeof(key));
    return ok;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint8_t differ = 0;

    for (size_t i = 0; i < len; i++) {
        differ |= a[i] ^ b[i];
    }
    return !differ;
}
#else
static bool encrypt(const char *password, const uint8_t challenge[16], uint8_t out[16])
{
    return false;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t len)
{
    return false;
}
#endif

/* --- the exchange -------------------------------------------------------------------------------- */

static bool response_right(struct vnc_client *c, const uint8_t response[16])
{
    char *password = vnc_server_password(c->server);
    uint8_t expected[16];
    bool right = password && encrypt(password, c->challenge, expected) &&
                 same(expected, response, sizeof(expected));

    explicit_bzero(expected, sizeof(expected));
    if (password) {
        explicit_bzero(password, strlen(password));
    }
    g_free(password);
    return right;
}

static void tell_failure(void *opaque)
{
    struct vnc_client *c = opaque;

    vnc_handshake_result(c, "Authentication failed");
    vnc_client_go_on(c);
}

ssize_t vnc_step_auth(struct vnc_client *c, const uint8_t *buf, size_t len)
{
    if (len < sizeof(c->challenge)) {
        return 0;
    }
    /* others of this source may have failed since it was let in so far */
    if (!vnc_auth_blocked(c) && response_right(c, buf)) {
        forgive(c);
        vnc_handshake_result(c, NULL);
    } else {
        c->waiting = true;
        vnc_timer_arm(&c->later, vnc_now() + note_failure(c), tell_failure, c);
    }
    return sizeof(c->challenge);
}

void vnc_auth_start(struct vnc_client *c)
{
    if (getrandom(c->challenge, sizeof(c->challenge), 0) != (ssize_t)sizeof(c->challenge)) {
        vnc_handshake_result(c, "No random numbers");
        return;
    }
    vnc_client_send(c, c->challenge, sizeof(c->challenge));
    vnc_timer_arm(&c->deadline, vnc_now() + TYPING_US, c->deadline.cb, c);
    c->step = vnc_step_auth;
}
