/* SPDX-License-Identifier: MIT */
/*
 * What lies between a stream socket and the bytes of its user: telnet's commands, WebSocket's
 * frames. A codec belongs to one connection. Main thread, but for encode (chardev's mutex held).
 */
#ifndef CHARDEV_CODEC_H
#define CHARDEV_CODEC_H

#include "util/base.h"

#include <glib.h>

struct codec_io {
    GByteArray *in;    /* decode appends: bytes for the user */
    GByteArray *reply; /* decode appends: bytes for the other end */
    unsigned breaks;   /* decode counts: serial line breaks sent by the other end */
};

struct codec_class {
    const char *name;
    void *(*new)(void);
    void (*free)(void *codec);
    /* What is sent before anything else. NULL: nothing. */
    void (*hello)(void *codec, GByteArray *out);
    /* Takes all of buf. False: the other end broke the protocol or said good-bye; after what is in
     * reply has been sent, the connection ends. At most len bytes are added to io->in. */
    bool (*decode)(void *codec, const uint8_t *buf, size_t len, struct codec_io *io);
    /* At most twice as long, and 16 bytes. */
    void (*encode)(void *codec, const uint8_t *buf, size_t len, GByteArray *out);
    /* May the user's bytes flow? NULL: from the start. */
    bool (*ready)(void *codec);
};

extern const struct codec_class codec_telnet, codec_telnet_client, codec_websocket;

#endif
