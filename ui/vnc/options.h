/* SPDX-License-Identifier: MIT */
/* The text of -vnc, taken apart. Main thread. */
#ifndef UI_VNC_OPTIONS_H
#define UI_VNC_OPTIONS_H

#include "util/base.h"
#include "util/optlist.h"

struct error;

/* What happens when a client does (not) ask to be alone (RFC 6143, 7.3.1). */
enum vnc_share { VNC_SHARE_ALLOW_EXCLUSIVE, VNC_SHARE_FORCE_SHARED, VNC_SHARE_IGNORE };

struct vnc_options {
    struct opt_list list; /* strings below point into it */
    const char *address;
    const char *id;
    bool password;
    const char *password_secret;
    const char *tls_creds;
    int share;             /* enum vnc_share */
    const char *websocket; /* NULL: none; "on", "off", a port, HOST:PORT */
    uint32_t to;
    bool reverse, ipv4, ipv6;
    bool lossy;
    bool non_adaptive;
    uint32_t connections; /* that have not authenticated yet */
    const char *display;  /* id of a device */
    uint32_t head;
    uint32_t key_delay_ms;
    bool power_control;
    const char *audiodev; /* there is none but `none`: clients get no sound */

    /* From the address: a path, or a host (empty: loopback) and a port. */
    char *path, *host;
    unsigned port;    /* TCP port */
    char *ws_host;    /* NULL: that of the server */
    unsigned ws_port; /* 0: no WebSocket */
};

int vnc_options_parse(struct vnc_options *o, const char *text, struct error **err);
void vnc_options_free(struct vnc_options *o);

#endif
