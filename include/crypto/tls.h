/* SPDX-License-Identifier: MIT */
/*
 * TLS for whatever carries bytes: sockets of character devices, VNC.
 *
 * Credentials are objects (tls-creds-x509, tls-creds-psk, tls-creds-anon). A session belongs to one
 * connection. It never waits: it moves bytes through the caller's transport and says -EAGAIN when
 * that has none or takes none. Built without GnuTLS, credentials cannot be made, and so no sessions.
 */
#ifndef CRYPTO_TLS_H
#define CRYPTO_TLS_H

#include "util/base.h"

#include <sys/types.h>

struct error;
struct tls_creds;
struct tls_session;

/* --- credentials: main thread, device lock held ------------------------------------------------ */

#define TLS_CREDS_KIND "tls-creds"

enum tls_endpoint { TLS_CLIENT, TLS_SERVER };

/* How the ends know each other: by certificates, a shared key, not at all. */
enum tls_kind { TLS_X509, TLS_PSK, TLS_ANON };

/*
 * The credentials object `id`, which must be one for this end. It cannot be deleted before
 * tls_creds_put(). NULL with err set.
 */
struct tls_creds *tls_creds_get(const char *id, enum tls_endpoint endpoint, struct error **err);
void tls_creds_put(struct tls_creds *creds); /* NULL is fine */

enum tls_kind tls_creds_kind(const struct tls_creds *creds);

/* --- sessions: any thread, one at a time -------------------------------------------------------- */

/* How encrypted bytes move. Both never wait; they return bytes moved, or -errno (-EAGAIN). */
struct tls_transport {
    ssize_t (*send)(void *opaque, const void *buf, size_t len);
    ssize_t (*recv)(void *opaque, void *buf, size_t len); /* 0: the other end has gone */
};

/*
 * A session of the end the credentials are for. `hostname` (clients; NULL: not checked) is whom the
 * server's certificate must name, a DNS name or an address. The credentials, the transport and what
 * opaque points to must outlive the session. NULL with err set.
 */
struct tls_session *tls_session_new(struct tls_creds *creds, const char *hostname,
                                    const struct tls_transport *transport, void *opaque,
                                    struct error **err);

/* The same over a non-blocking stream socket, which stays the caller's to close. */
struct tls_session *tls_session_new_fd(struct tls_creds *creds, const char *hostname, int fd,
                                       struct error **err);
void tls_session_free(struct tls_session *s); /* says nothing to the other end; NULL is fine */

/*
 * All of these return -EAGAIN, without err, when they wait for the transport: call again when it is
 * readable, or writable if tls_session_wants_write(). Bytes may have moved. Any other -errno (err set)
 * is the end of the session; the other end has been told by an alert if that was possible.
 */

/*
 * Goes on with the handshake, peer verification included; 0: done, once and for all. What a peer may
 * send before that is bounded, time is not: a caller ends connections that take too long.
 */
int must_check tls_session_handshake(struct tls_session *s, struct error **err);

/*
 * After the handshake. Read: 1 to len bytes; 0: the other end has said good-bye. -ECONNRESET when it
 * has just gone. While tls_session_pending() there are bytes that polling the socket does not show.
 * Write: bytes taken, up to len; after -EAGAIN the next write must begin with the same bytes.
 */
ssize_t must_check tls_session_read(struct tls_session *s, void *buf, size_t len,
                                    struct error **err);
ssize_t must_check tls_session_write(struct tls_session *s, const void *buf, size_t len,
                                     struct error **err);
size_t tls_session_pending(const struct tls_session *s);

/* After -EAGAIN of the function called last: does it wait for room rather than for bytes? */
bool tls_session_wants_write(const struct tls_session *s);

/* Says good-bye if the transport takes it at once. Nothing is written afterwards. */
void tls_session_bye(struct tls_session *s);

/* "TLS1.3 AES-256-GCM ..." of an established session; to be freed with g_free(). */
char *tls_session_describe(const struct tls_session *s);

/* The distinguished name of the peer's certificate, or PSK name; NULL: none. To be freed. */
char *tls_session_peer(const struct tls_session *s);

#endif
