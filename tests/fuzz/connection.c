/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes what strangers reach at a socket before anybody knows them: the telnet and WebSocket codecs,
 * and TLS handshakes and records, with changed conversations in pieces of any size.
 *
 *     build/tests/fuzz/connection [-t SECONDS] [-s SEED]
 *
 * Meant for MODE=asan: the sanitizers say what is wrong. What is checked besides: a codec adds no more
 * than it is given, and TLS ends or waits, but never goes on without an end.
 */
#include "tests/lib/fuzz.h"

#include "chardev/codec.h"
#include "config.h"
#include "crypto/tls.h"
#include "system/object.h"
#include "util/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* --- codecs ------------------------------------------------------------------------------------ */

#define REQUEST                                                                                    \
    "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"               \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, binary\r\n"      \
    "Sec-WebSocket-Version: 13\r\n\r\n"

/* Conversations a peer may have with them. */
static const struct {
    const struct codec_class *cls;
    const char *text;
    size_t len;
} seeds[] = {
#define SEED(codec, text)                                                                          \
    {                                                                                              \
        &codec, text, sizeof(text) - 1                                                             \
    }
    SEED(codec_telnet,
         "\xff\xfd\x01\xff\xfd\x03\xff\xfb\x18\xff\xfa\x18\0x\xff\xffy\xff\xf0z\xff\xf3"),
    SEED(codec_telnet, "1\r\0002\r\n3\xff\xfb\0\r\0\xff\xf6\xff\xff"),
    SEED(codec_telnet_client, "\xff\xfb\x01\xff\xfd\x01\xff\xfe\0\xff\xfc\3data\r\n"),
    SEED(codec_websocket, REQUEST "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
    SEED(codec_websocket,
         REQUEST "\x02\x82\0\0\0\0ab\x89\x81\1\0\0\0p\x80\x81\0\0\0\0c\x88\x80\0\0\0\0"),
    SEED(codec_websocket,
         REQUEST "\x82\xfe\x01\x00\1\2\3\4xxxxxxx\x82\xff\0\0\0\0\0\1\0\0\1\2\3\4yyyy"),
    SEED(codec_websocket, "GET / HTTP/1.0\r\n\r\n"),
#undef SEED
};

static void decode_piece(const struct codec_class *cls, void *codec, const uint8_t *buf, size_t len,
                         bool *ok)
{
    struct codec_io io = {g_byte_array_new(), g_byte_array_new(), 0};
    uint8_t *copy = g_memdup2(buf, len); /* so that reading past it is seen */

    *ok = cls->decode(codec, copy, len, &io);
    MUST(io.in->len <= len && io.breaks <= len && io.reply->len <= 200 + 200 * len);
    g_free(copy);
    g_byte_array_free(io.in, TRUE);
    g_byte_array_free(io.reply, TRUE);
}

static void codec_round(void)
{
    unsigned n = (unsigned)fuzz_below(ARRAY_SIZE(seeds));
    const struct codec_class *cls = seeds[n].cls;
    GByteArray *talk = g_byte_array_new(), *out = g_byte_array_new();
    void *codec = cls->new ();
    bool ok = true;

    g_byte_array_append(talk, (const uint8_t *)seeds[n].text, (guint)seeds[n].len);
    fuzz_mutate(talk, 6);
    if (cls->hello) {
        cls->hello(codec, out);
    }
    for (guint at = 0; at < talk->len && ok;) {
        guint most = (guint)fuzz_below(100) + 1, len = MIN(talk->len - at, most);
        decode_piece(cls, codec, talk->data + at, len, &ok);
        at += len;
        g_byte_array_set_size(out, 0);
        cls->encode(codec, talk->data, at, out);
        MUST(out->len <= 2 * at + 16);
    }
    cls->free(codec);
    g_byte_array_free(talk, TRUE);
    g_byte_array_free(out, TRUE);
}

/* --- TLS --------------------------------------------------------------------------------------- */

/* What one end has sent and the other not read. */
struct wire {
    GByteArray *out, *in;
    unsigned damage; /* one message in so many is changed; 0: none */
};

static ssize_t wire_send(void *opaque, const void *buf, size_t len)
{
    struct wire *w = opaque;

    if (!fuzz_below(8)) {
        return -EAGAIN;
    }
    size_t n = fuzz_below(len) + 1;
    g_byte_array_append(w->out, buf, (guint)n);
    if (w->damage && !fuzz_below(w->damage)) {
        fuzz_mutate(w->out, 2);
    }
    return (ssize_t)n;
}

static ssize_t wire_recv(void *opaque, void *buf, size_t len)
{
    struct wire *w = opaque;
    size_t n = MIN(len, (size_t)w->in->len);

    if (!n || !fuzz_below(8)) {
        return -EAGAIN;
    }
    memcpy(buf, w->in->data, n);
    g_byte_array_remove_range(w->in, 0, (guint)n);
    return (ssize_t)n;
}

static const struct tls_transport transport = {wire_send, wire_recv};

/* One call of whatever is next. False: the session is over. */
static bool step(struct tls_session *s, bool *established)
{
    uint8_t buf[300];
    struct error *err = NULL;
    ssize_t ret;

    if (!*established) {
        ret = tls_session_handshake(s, &err);
        *established = ret == 0;
    } else if (fuzz_below(2)) {
        ret = tls_session_read(s, buf, fuzz_below(sizeof(buf)) + 1, &err);
        ret = ret == 0 ? -EPIPE : ret;
    } else {
        memset(buf, 'x', sizeof(buf));
        ret = tls_session_write(s, buf, sizeof(buf), &err);
    }
    bool over = ret < 0 && ret != -EAGAIN;
    MUST(!err || over);
    error_free(err);
    return !over;
}

static void tls_round(void)
{
    struct wire wires[2] = {{g_byte_array_new(), g_byte_array_new(), 0}};
    struct tls_session *ends[2];
    struct tls_creds *creds[2];
    bool established[2] = {false, false}, alive = true;

    wires[1] = (struct wire){wires[0].in, wires[0].out, 0};
    wires[fuzz_below(2)].damage = fuzz_below(4) ? 1 + (unsigned)fuzz_below(60) : 0;
    for (unsigned i = 0; i < 2; i++) {
        creds[i] = tls_creds_get(i ? "c" : "s", i ? TLS_CLIENT : TLS_SERVER, NULL);
        MUST(creds[i]);
        ends[i] = tls_session_new(creds[i], NULL, &transport, &wires[i], NULL);
        MUST(ends[i]);
    }
    for (unsigned k = 0; k < 200 && alive; k++) {
        alive = step(ends[k % 2], &established[k % 2]);
    }
    MUST(!alive || wires[0].damage || wires[1].damage || (established[0] && established[1]));
    for (unsigned i = 0; i < 2; i++) {
        tls_session_bye(ends[i]);
        tls_session_free(ends[i]);
        tls_creds_put(creds[i]);
    }
    g_byte_array_free(wires[0].out, TRUE);
    g_byte_array_free(wires[0].in, TRUE);
}

static void round_of_all(void)
{
    for (unsigned i = 0; i < 100; i++) {
        codec_round();
    }
    if (CONFIG_GNUTLS) {
        tls_round();
    }
}

int main(int argc, char **argv)
{
    if (CONFIG_GNUTLS) {
        MUST(object_add_text("tls-creds-anon,id=s,endpoint=server", NULL) == 0);
        MUST(object_add_text("tls-creds-anon,id=c", NULL) == 0);
    }
    return fuzz_main("fuzz/connection", argc, argv, round_of_all);
}
