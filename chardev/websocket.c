/* SPDX-License-Identifier: MIT */
/*
 * The server's side of WebSocket (RFC 6455): the HTTP request that opens it, then frames. What the
 * client sends in text and binary frames is one stream of bytes; we send binary frames. No
 * extensions; of the subprotocols "binary" is taken if it is offered.
 */
#include "chardev/codec.h"

#include <stdio.h>

#define REQUEST_MAX 8192
#define CONTROL_MAX 125
#define MAGIC       "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum { OP_CONTINUE, OP_TEXT, OP_BINARY, OP_CLOSE = 8, OP_PING, OP_PONG };
enum { FRAME_FIN = 0x80, FRAME_RSV = 0x70, FRAME_MASK = 0x80 };

enum ws_state { WS_REQUEST, WS_HEADER, WS_PAYLOAD, WS_ENDED };

struct websocket {
    enum ws_state state;
    GString *request;
    uint8_t header[14];
    unsigned header_len;
    uint8_t opcode, mask[4];
    uint64_t left, at; /* of the payload */
    uint8_t control[CONTROL_MAX];
    bool in_message; /* a continuation may follow */
};

static void *websocket_new(void)
{
    struct websocket *w = g_new0(struct websocket, 1);

    w->request = g_string_new(NULL);
    return w;
}

static void websocket_free(void *codec)
{
    struct websocket *w = codec;

    g_string_free(w->request, TRUE);
    g_free(w);
}

static bool websocket_ready(void *codec)
{
    return ((struct websocket *)codec)->state != WS_REQUEST;
}

/* --- opening ---------------------------------------------------------------------------------- */

/* The value of a header, or NULL; to be freed. */
static char *header_value(char **lines, const char *name)
{
    size_t len = strlen(name);

    for (char **l = lines + 1; *lines && *l; l++) {
        if (!g_ascii_strncasecmp(*l, name, len) && (*l)[len] == ':') {
            return g_strstrip(g_strdup(*l + len + 1));
        }
    }
    return NULL;
}

/* Is the word one of a list with commas? */
static bool lists(const char *value, const char *word)
{
    char **words = g_strsplit(value ? value : "", ",", -1);
    bool found = false;

    for (char **w = words; *w; w++) {
        found |= !g_ascii_strcasecmp(g_strstrip(*w), word);
    }
    g_strfreev(words);
    return found;
}

static char *accept_key(const char *key)
{
    GChecksum *sha = g_checksum_new(G_CHECKSUM_SHA1);
    uint8_t digest[20];
    gsize len = sizeof(digest);

    g_checksum_update(sha, (const guchar *)key, -1);
    g_checksum_update(sha, (const guchar *)MAGIC, -1);
    g_checksum_get_digest(sha, digest, &len);
    g_checksum_free(sha);
    return g_base64_encode(digest, len);
}

static void reply_text(struct codec_io *io, const char *text)
{
    g_byte_array_append(io->reply, (const uint8_t *)text, (guint)strlen(text));
}

static bool refuse(struct codec_io *io)
{
    reply_text(io, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
                   "Sec-WebSocket-Version: 13\r\nContent-Length: 0\r\n\r\n");
    return false;
}

static void agree(struct codec_io *io, const char *key, bool binary)
{
    char *accept = accept_key(key);
    char *text = g_strdup_printf("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
                                 accept, binary ? "Sec-WebSocket-Protocol: binary\r\n" : "");

    reply_text(io, text);
    g_free(text);
    g_free(accept);
}

static bool open_by_request(struct websocket *w, struct codec_io *io)
{
    char **lines = g_strsplit(w->request->str, "\r\n", -1);
    char *upgrade = header_value(lines, "Upgrade"), *connection = header_value(lines, "Connection");
    char *key = header_value(lines, "Sec-WebSocket-Key");
    char *version = header_value(lines, "Sec-WebSocket-Version");
    char *protocols = header_value(lines, "Sec-WebSocket-Protocol");
    bool ok = g_str_has_prefix(w->request->str, "GET ") && lists(upgrade, "websocket") &&
              lists(connection, "Upgrade") && lists(version, "13") && key && strlen(key) == 24;

    if (ok) {
        agree(io, key, lists(protocols, "binary"));
        w->state = WS_HEADER;
    }
    g_strfreev(lines);
    g_free(upgrade);
    g_free(connection);
    g_free(key);
    g_free(version);
    g_free(protocols);
    return ok || refuse(io);
}

static bool request_byte(struct websocket *w, uint8_t byte, struct codec_io *io)
{
    if (!byte || w->request->len == REQUEST_MAX) {
        return refuse(io);
    }
    g_string_append_c(w->request, (char)byte);
    return !g_str_has_suffix(w->request->str, "\r\n\r\n") || open_by_request(w, io);
}

/* --- frames ----------------------------------------------------------------------------------- */

static unsigned put_header(uint8_t *header, unsigned opcode, size_t len)
{
    header[0] = (uint8_t)(FRAME_FIN | opcode);
    if (len <= CONTROL_MAX) {
        header[1] = (uint8_t)len;
        return 2;
    }
    header[1] = 126; /* chunks are smaller than 64 KiB */
    header[2] = (uint8_t)(len >> 8);
    header[3] = (uint8_t)len;
    return 4;
}

static void put_frame(GByteArray *out, unsigned opcode, const uint8_t *data, size_t len)
{
    uint8_t header[4];

    g_byte_array_append(out, header, put_header(header, opcode, len));
    g_byte_array_append(out, data, (guint)len);
}

/* A whole control frame. False: the end. */
static bool control(struct websocket *w, struct codec_io *io)
{
    if (w->opcode == OP_PING) {
        put_frame(io->reply, OP_PONG, w->control, w->at);
    } else if (w->opcode == OP_CLOSE) {
        put_frame(io->reply, OP_CLOSE, w->control, MIN(w->at, (uint64_t)2));
        w->state = WS_ENDED;
        return false;
    }
    return true;
}

static bool frame_end(struct websocket *w, struct codec_io *io)
{
    w->state = WS_HEADER;
    w->header_len = 0;
    return w->opcode < OP_CLOSE || control(w, io);
}

static bool opcode_ok(struct websocket *w, uint8_t first)
{
    bool fin = first & FRAME_FIN;
    unsigned op = first & 15;

    if (first & FRAME_RSV) {
        return false;
    }
    if (op >= OP_CLOSE) {
        return op <= OP_PONG && fin && w->left <= CONTROL_MAX;
    }
    bool ok = op <= OP_BINARY && (op == OP_CONTINUE) == w->in_message;
    w->in_message = !fin;
    return ok;
}

static uint64_t big_endian(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;

    while (bytes--) {
        v = v << 8 | *p++;
    }
    return v;
}

static bool header_byte(struct websocket *w, uint8_t byte, struct codec_io *io)
{
    w->header[w->header_len++] = byte;
    if (w->header_len < 2) {
        return true;
    }
    unsigned code = w->header[1] & 127, ext = code == 126 ? 2 : code == 127 ? 8 : 0;
    if (!(w->header[1] & FRAME_MASK)) {
        return false; /* clients must */
    }
    if (w->header_len < 2 + ext + 4) {
        return true;
    }
    w->left = ext ? big_endian(w->header + 2, ext) : code;
    w->at = 0;
    w->opcode = w->header[0] & 15;
    memcpy(w->mask, w->header + 2 + ext, 4);
    w->state = WS_PAYLOAD;
    if (w->left >> 63 || !opcode_ok(w, w->header[0])) {
        return false;
    }
    return w->left || frame_end(w, io);
}

static bool payload_byte(struct websocket *w, uint8_t byte, struct codec_io *io)
{
    byte ^= w->mask[w->at & 3];
    if (w->opcode < OP_CLOSE) {
        g_byte_array_append(io->in, &byte, 1);
    } else {
        w->control[w->at] = byte;
    }
    w->at++;
    return --w->left || frame_end(w, io);
}

static bool websocket_decode(void *codec, const uint8_t *buf, size_t len, struct codec_io *io)
{
    struct websocket *w = codec;
    bool ok = true;

    for (size_t i = 0; i < len && ok; i++) {
        switch (w->state) {
        case WS_REQUEST:
            ok = request_byte(w, buf[i], io);
            break;
        case WS_HEADER:
            ok = header_byte(w, buf[i], io);
            break;
        case WS_PAYLOAD:
            ok = payload_byte(w, buf[i], io);
            break;
        case WS_ENDED:
            return false;
        }
    }
    return ok;
}

static void websocket_encode(void *codec, const uint8_t *buf, size_t len, GByteArray *out)
{
    put_frame(out, OP_BINARY, buf, len);
}

const struct codec_class codec_websocket = {
    .name = "websocket",
    .new = websocket_new,
    .free = websocket_free,
    .decode = websocket_decode,
    .encode = websocket_encode,
    .ready = websocket_ready,
};
