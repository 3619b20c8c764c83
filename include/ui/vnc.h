/* SPDX-License-Identifier: MIT */
/*
 * The VNC servers: what the command line and the monitors ask of them. Main thread, device lock
 * held. The work is done on a thread of their own (ui/vnc/).
 */
#ifndef UI_VNC_H
#define UI_VNC_H

#include "util/base.h"

struct error;
struct vnc_server;

/* The name of the guest, for titles of viewers' windows; before the first server. NULL: none. */
void vnc_set_name(const char *name);

/*
 * A server from the text of -vnc: ":1", "host:1,password=on" ... Listens from now on. "none" is no
 * server and no error. 0 or -errno with err.
 */
int vnc_add(const char *text, struct error **err);

/* Are there any? */
bool vnc_active(void);

/* All go, their clients with them. Gives up the device lock meanwhile. */
void vnc_cleanup(void);

/* --- passwords: `id` of a server, NULL: the first ------------------------------------------------- */

/* -ENOENT: no such server; -EINVAL: it was made without password authentication. */
int vnc_set_password(const char *id, const char *password, struct error **err);
/* From then on (seconds since 1970) nobody gets in; INT64_MAX: never. */
int vnc_expire_password(const char *id, int64_t when, struct error **err);
/* End every connection but those that come later. */
int vnc_disconnect_all(const char *id, struct error **err);

/* A connection somebody else has accepted; the descriptor is the server's from now on, if 0. */
int vnc_add_client(int fd, bool skip_auth, bool tls, struct error **err);

/* --- inspection ---------------------------------------------------------------------------------- */

/* Valid during the call that gives it. */
struct vnc_address {
    const char *host, *service;
    const char *family; /* "ipv4", "ipv6", "unix", "unknown" */
    bool websocket;
};

struct vnc_inspector {
    void (*server)(void *opaque, const char *id, const char *auth, const char *vencrypt,
                   const char *display);
    /* ... its addresses, then its clients; the last two NULL: none. */
    void (*listener)(void *opaque, const struct vnc_address *a, const char *auth,
                     const char *vencrypt);
    void (*client)(void *opaque, const struct vnc_address *a, const char *x509_dname,
                   const char *sasl_username);
};

void vnc_inspect(const struct vnc_inspector *fns, void *opaque);

#endif
