/* SPDX-License-Identifier: MIT */
/*
 * TLS: secrets, credentials (every way files can be wrong), and sessions over a transport that can
 * be slow, stop, or be somebody who talks something else.
 */
#include "tests/test.h"

#include "config.h"
#include "crypto/secret.h"
#include "crypto/tls.h"
#include "system/object.h"
#include "util/error.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#if CONFIG_GNUTLS
#include "tests/lib/pki.h"
#endif

static char *dir;

static void setup(void)
{
    dir = g_dir_make_tmp("doppel-tls-XXXXXX", NULL);
}

static void forget(struct object *obj, void *opaque)
{
    ck_assert_uint_eq(obj->users, 0);
    object_free(obj);
}

static void teardown(void)
{
    GDir *d = g_dir_open(dir, 0, NULL);
    const char *name;

    object_for_each(forget, NULL);
    while ((name = g_dir_read_name(d))) {
        char *path = g_build_filename(dir, name, NULL);
        g_unlink(path);
        g_free(path);
    }
    g_dir_close(d);
    ck_assert_int_eq(g_rmdir(dir), 0);
    g_free(dir);
}

static void write_file(const char *name, const char *text, gssize len)
{
    char *path = g_build_filename(dir, name, NULL);

    ck_assert(g_file_set_contents(path, text, len, NULL));
    g_free(path);
}

static void add(const char *fmt, ...) printf_fmt(1, 2);
static void add(const char *fmt, ...)
{
    struct error *err = NULL;
    va_list ap;

    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    ck_assert_msg(object_add_text(text, &err) == 0, "%s: %s", text, err ? error_msg(err) : "");
    g_free(text);
}

/* An object that is refused with a message that has `part` in it. */
static void refuse(const char *part, const char *fmt, ...) printf_fmt(2, 3);
static void refuse(const char *part, const char *fmt, ...)
{
    struct error *err = NULL;
    va_list ap;

    va_start(ap, fmt);
    char *text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    ck_assert_msg(object_add_text(text, &err) < 0, "%s", text);
    ck_assert_msg(strstr(error_msg(err), part) != NULL, "%s: %s", text, error_msg(err));
    error_free(err);
    g_free(text);
}

/* --- secrets ----------------------------------------------------------------------------------- */

START_TEST(test_secret)
{
    struct error *err = NULL;
    size_t len;

    setup();
    write_file("raw", "pass\0word", 9);
    add("secret,id=a,data=geheim");
    add("secret,id=b,data=Z2VoZWlt,format=base64");
    add("secret,id=c,file=%s/raw", dir);
    add("secret,id=e,data=");
    char *text = secret_text("a", &err);
    ck_assert_str_eq(text, "geheim");
    secret_text_free(text);
    text = secret_text("b", &err);
    ck_assert_str_eq(text, "geheim");
    secret_text_free(text);
    uint8_t *bytes = secret_bytes("c", &len, &err);
    ck_assert_uint_eq(len, 9);
    ck_assert_mem_eq(bytes, "pass\0word", 10);
    secret_free(bytes, len);
    ck_assert_ptr_null(secret_text("c", &err));
    error_free(err);
    err = NULL;
    ck_assert_ptr_null(secret_text("d", &err));
    error_free(err);
    refuse("data= or file=", "secret,id=x");
    refuse("data= or file=", "secret,id=x,data=a,file=b");
    refuse("not base64", "secret,id=x,data=Z2VoZWl,format=base64");
    refuse("not base64", "secret,id=x,data=Z2Vo=Wlt,format=base64");
    refuse("not base64", "secret,id=x,file=%s/raw,format=base64", dir);
    refuse("No such file", "secret,id=x,file=%s/none", dir);
    refuse("raw, base64", "secret,id=x,data=a,format=hex");
    teardown();
}
END_TEST

/* Encrypted by another one; the bytes are what openssl enc -aes-256-cbc gives. */
#define KEY  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define IV   "ZGVmZ2hpamtsbW5vcHFycw=="
#define DATA "9cQduqGM3r4vzSNg7aDKtw=="

#if !CONFIG_GNUTLS

START_TEST(test_none)
{
    setup();
    refuse("without TLS", "tls-creds-x509,id=x,dir=%s", dir);
    refuse("without TLS", "tls-creds-psk,id=x,dir=%s", dir);
    refuse("without TLS", "tls-creds-anon,id=x");
    add("secret,id=k,data=" KEY ",format=base64");
    refuse("not supported", "secret,id=x,data=" DATA ",format=base64,keyid=k,iv=" IV);
    teardown();
}
END_TEST

TEST_MAIN("tls", test_secret, test_none)

#else

START_TEST(test_encrypted)
{
    struct error *err = NULL;

    setup();
    add("secret,id=k,data=" KEY ",format=base64");
    add("secret,id=x,data=" DATA ",format=base64,keyid=k,iv=" IV);
    char *text = secret_text("x", &err);
    ck_assert_str_eq(text, "ganz geheim");
    secret_text_free(text);
    add("secret,id=short,data=abc");
    add("secret,id=other,data=01234567890123456789012345678901");
    refuse("no secret 'none'", "secret,id=y,data=" DATA ",format=base64,keyid=none,iv=" IV);
    refuse("32 bytes", "secret,id=y,data=" DATA ",format=base64,keyid=short,iv=" IV);
    refuse("iv= 16", "secret,id=y,data=" DATA ",format=base64,keyid=k");
    refuse("iv is not base64", "secret,id=y,data=" DATA ",format=base64,keyid=k,iv=a");
    refuse("decrypting", "secret,id=y,data=" DATA ",format=base64,keyid=other,iv=" IV);
    refuse("decrypting", "secret,id=y,data=abc,keyid=k,iv=" IV);
    refuse("decrypting", "secret,id=y,data=,keyid=k,iv=" IV);
    teardown();
}
END_TEST

static const struct pki_cert good_server = {.client = false};
static const struct pki_cert good_client = {.name = "Mallory", .client = true};

/* Two objects, "s" and "c", of a good authority. */
static struct pki *good_files(void)
{
    struct pki *p = pki_new(NULL);

    pki_write_ca(p, dir);
    pki_write(p, dir, "server", &good_server);
    pki_write(p, dir, "client", &good_client);
    return p;
}

static void add_pair(const char *options)
{
    add("tls-creds-x509,id=s,dir=%s,endpoint=server%s", dir, options);
    add("tls-creds-x509,id=c,dir=%s,endpoint=client%s", dir, options);
}

/* --- credentials ------------------------------------------------------------------------------- */

START_TEST(test_files)
{
    struct error *err = NULL;

    setup();
    refuse("needs dir=", "tls-creds-x509,id=x");
    refuse("needs dir=", "tls-creds-psk,id=x");
    refuse("ca-cert.pem", "tls-creds-x509,id=x,dir=%s", dir);
    struct pki *p = pki_new(NULL);
    pki_write_ca(p, dir);
    refuse("server-cert.pem", "tls-creds-x509,id=x,dir=%s,endpoint=server", dir);
    add("tls-creds-x509,id=c,dir=%s", dir);
    pki_write(p, dir, "server", &good_server);
    add("tls-creds-x509,id=s,dir=%s,endpoint=server", dir);
    write_file("server-key.pem", "junk", -1);
    refuse("server-key.pem", "tls-creds-x509,id=x,dir=%s,endpoint=server", dir);
    write_file("ca-cert.pem", "junk", -1);
    refuse("ca-cert.pem", "tls-creds-x509,id=x,dir=%s", dir);
    refuse("endpoint takes one of", "tls-creds-x509,id=x,dir=%s,endpoint=both", dir);
    ck_assert_ptr_null(tls_creds_get("c", TLS_SERVER, &err));
    ck_assert(strstr(error_msg(err), "endpoint=server") != NULL);
    error_free(err);
    err = NULL;
    struct tls_creds *s = tls_creds_get("s", TLS_SERVER, &err);
    ck_assert_ptr_nonnull(s);
    ck_assert_int_eq(tls_creds_kind(s), TLS_X509);
    ck_assert_int_eq(object_del("s", NULL), -EBUSY);
    tls_creds_put(s);
    ck_assert_int_eq(object_del("s", NULL), 0);
    ck_assert_ptr_null(tls_creds_get("s", TLS_SERVER, &err));
    error_free(err);
    pki_free(p);
    teardown();
}
END_TEST

START_TEST(test_bad_certificates)
{
    static const struct {
        struct pki_cert cert;
        const char *part;
    } bad[] = {
        {{.from = -7200, .to = -3600}, "has expired"},
        {{.from = 3600, .to = 7200}, "not valid yet"},
        {{.is_ca = true}, "of an authority"},
        {{.client = true}, "server-cert.pem"},
    };

    setup();
    struct pki *p = good_files();
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        pki_write(p, dir, "server", &bad[i].cert);
        refuse(bad[i].part, "tls-creds-x509,id=x,dir=%s,endpoint=server", dir);
        add("tls-creds-x509,id=x,dir=%s,endpoint=server,sanity-check=off", dir);
        object_del("x", NULL);
    }
    struct pki *other = pki_new(NULL);
    pki_write(other, dir, "server", &good_server);
    refuse("server-cert.pem", "tls-creds-x509,id=x,dir=%s,endpoint=server", dir);
    pki_free(other);
    pki_write(p, dir, "server", &(struct pki_cert){.password = "geheim"});
    refuse("server-key.pem", "tls-creds-x509,id=x,dir=%s,endpoint=server", dir);
    add("secret,id=right,data=geheim");
    add("secret,id=wrong,data=falsch");
    refuse("server-key.pem", "tls-creds-x509,id=x,dir=%s,endpoint=server,passwordid=wrong", dir);
    refuse("no secret 'none'", "tls-creds-x509,id=x,dir=%s,endpoint=server,passwordid=none", dir);
    add("tls-creds-x509,id=x,dir=%s,endpoint=server,passwordid=right", dir);
    pki_free(p);
    p = pki_new(&(struct pki_cert){.name = "none"});
    pki_write_ca(p, dir);
    refuse("not one of an authority", "tls-creds-x509,id=y,dir=%s", dir);
    pki_free(p);
    teardown();
}
END_TEST

/* --- sessions ---------------------------------------------------------------------------------- */

struct end {
    struct tls_session *tls;
    struct tls_creds *creds;
    int fd;
    int result; /* of the handshake */
    struct error *err;
};

static void open_end(struct end *e, const char *id, enum tls_endpoint endpoint,
                     const char *hostname, int fd)
{
    struct error *err = NULL;

    *e = (struct end){.fd = fd, .result = -EAGAIN};
    e->creds = tls_creds_get(id, endpoint, &err);
    ck_assert_msg(e->creds != NULL, "%s", err ? error_msg(err) : "");
    e->tls = tls_session_new_fd(e->creds, hostname, fd, &err);
    ck_assert_msg(e->tls != NULL, "%s", err ? error_msg(err) : "");
}

static void open_ends(struct end *server, struct end *client, const char *hostname)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    open_end(server, "s", TLS_SERVER, NULL, pair[0]);
    open_end(client, "c", TLS_CLIENT, hostname, pair[1]);
}

static void close_end(struct end *e)
{
    tls_session_free(e->tls);
    tls_creds_put(e->creds);
    error_free(e->err);
    close(e->fd);
}

static void step(struct end *e)
{
    if (e->result == -EAGAIN) {
        e->result = tls_session_handshake(e->tls, &e->err);
    }
}

static void handshake(struct end *server, struct end *client)
{
    for (unsigned i = 0; i < 50; i++) {
        step(client);
        step(server);
    }
}

static void must_agree(struct end *server, struct end *client)
{
    handshake(server, client);
    ck_assert_msg(server->result == 0, "%s", server->err ? error_msg(server->err) : "waits");
    ck_assert_msg(client->result == 0, "%s", client->err ? error_msg(client->err) : "waits");
}

static void talk(struct end *from, struct end *to)
{
    char buf[16];

    ck_assert_int_eq(tls_session_write(from->tls, "hello", 5, NULL), 5);
    ck_assert_int_eq(tls_session_read(to->tls, buf, 2, NULL), 2);
    ck_assert_uint_eq(tls_session_pending(to->tls), 3);
    ck_assert_int_eq(tls_session_read(to->tls, buf + 2, sizeof(buf) - 2, NULL), 3);
    ck_assert_mem_eq(buf, "hello", 5);
    ck_assert_int_eq(tls_session_read(to->tls, buf, sizeof(buf), NULL), -EAGAIN);
    ck_assert(!tls_session_wants_write(to->tls));
}

START_TEST(test_x509)
{
    struct end server, client;
    char buf[8];

    setup();
    struct pki *p = good_files();
    add_pair("");
    for (unsigned i = 0; i < 2; i++) {
        open_ends(&server, &client, i ? "127.0.0.1" : "localhost");
        must_agree(&server, &client);
        talk(&client, &server);
        talk(&server, &client);
        char *peer = tls_session_peer(server.tls), *what = tls_session_describe(client.tls);
        ck_assert_str_eq(peer, "CN=Mallory");
        ck_assert(strstr(what, "TLS1.3") != NULL);
        g_free(peer);
        g_free(what);
        tls_session_bye(client.tls);
        ck_assert_int_eq(tls_session_read(server.tls, buf, sizeof(buf), NULL), 0);
        close_end(&server);
        ck_assert_int_eq(tls_session_read(client.tls, buf, sizeof(buf), NULL), -ECONNRESET);
        close_end(&client);
    }
    pki_free(p);
    teardown();
}
END_TEST

/* Who must not be talked to, and says why; both ends end. */
static void must_refuse(const char *hostname, const char *part)
{
    struct end server, client;

    open_ends(&server, &client, hostname);
    handshake(&server, &client);
    /* TLS 1.3: a client is done before the server has looked at its certificate */
    char buf[8];
    if (client.result == 0) {
        client.result = (int)tls_session_read(client.tls, buf, sizeof(buf), &client.err);
    }
    ck_assert_int_lt(server.result, 0);
    ck_assert_int_ne(server.result, -EAGAIN);
    ck_assert_int_lt(client.result, 0);
    const char *why[] = {error_msg(server.err), error_msg(client.err)};
    ck_assert_msg(strstr(why[0], part) || strstr(why[1], part), "%s, %s", why[0], why[1]);
    close_end(&server);
    close_end(&client);
}

static void replace_pair(const char *options)
{
    object_del("s", NULL);
    object_del("c", NULL);
    add_pair(options);
}

START_TEST(test_refused)
{
    setup();
    struct pki *p = good_files();
    add_pair("");
    must_refuse("elsewhere", "does not match");
    must_refuse("127.0.0.2", "does not match");
    pki_write(p, dir, "server", &(struct pki_cert){.from = -7200, .to = -3600});
    replace_pair(",sanity-check=off");
    must_refuse("localhost", "expired");
    pki_write(p, dir, "server", &good_server);
    pki_write(p, dir, "client", &good_server); /* of the wrong use */
    replace_pair(",sanity-check=off");
    must_refuse("localhost", "NOT trusted");
    replace_pair(",sanity-check=off,priority=NORMAL:-VERS-ALL:+VERS-TLS1.2");
    must_refuse("localhost", "NOT trusted");
    struct pki *other = pki_new(NULL);
    pki_write(other, dir, "client", &good_client);
    replace_pair(",sanity-check=off");
    must_refuse("localhost", "NOT trusted");
    pki_free(other);
    pki_free(p);
    teardown();
}
END_TEST

#define KEYS "other:00\nqemu:0123456789abcdef\r\nme:ff00ff00\n"

START_TEST(test_psk)
{
    static const struct {
        const char *options, *peer;
    } cases[] = {{"", "qemu"}, {",username=me", "me"}, {",priority=NORMAL:-VERS-TLS1.3", "qemu"}};
    struct end server, client;

    setup();
    write_file("keys.psk", KEYS, -1);
    add("tls-creds-psk,id=s,dir=%s,endpoint=server", dir);
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        add("tls-creds-psk,id=c,dir=%s%s", dir, cases[i].options);
        open_ends(&server, &client, NULL);
        must_agree(&server, &client);
        talk(&client, &server);
        char *peer = tls_session_peer(server.tls);
        ck_assert_str_eq(peer, cases[i].peer);
        g_free(peer);
        ck_assert_int_eq(tls_creds_kind(client.creds), TLS_PSK);
        close_end(&server);
        close_end(&client);
        object_del("c", NULL);
    }
    teardown();
}
END_TEST

START_TEST(test_psk_refused)
{
    struct end server, client;

    setup();
    write_file("keys.psk", KEYS, -1);
    refuse("no key of user 'nobody'", "tls-creds-psk,id=x,dir=%s,username=nobody", dir);
    refuse("no key of user", "tls-creds-psk,id=x,dir=%s,username=qemu:01", dir);
    refuse("keys.psk", "tls-creds-psk,id=x,dir=%s,username=me", "/nonexistent");
    add("tls-creds-psk,id=c,dir=%s", dir);
    write_file("keys.psk", "qemu:ffffffffffffffff\n", -1);
    add("tls-creds-psk,id=s,dir=%s,endpoint=server", dir);
    open_ends(&server, &client, NULL);
    handshake(&server, &client);
    ck_assert_int_lt(server.result, 0);
    ck_assert_int_lt(client.result, 0);
    close_end(&server);
    close_end(&client);
    teardown();
}
END_TEST

START_TEST(test_anonymous)
{
    struct end server, client;

    setup();
    add("tls-creds-anon,id=s,endpoint=server");
    add("tls-creds-anon,id=c");
    open_ends(&server, &client, NULL);
    must_agree(&server, &client);
    talk(&server, &client);
    ck_assert_ptr_null(tls_session_peer(server.tls));
    close_end(&server);
    close_end(&client);
    teardown();
}
END_TEST

/* --- transports -------------------------------------------------------------------------------- */

/* What one end has sent and the other not read; takes `room` bytes more. */
struct pipe {
    GByteArray *bytes;
    size_t room;
};

struct wire {
    struct pipe *out, *in;
};

static ssize_t wire_send(void *opaque, const void *buf, size_t len)
{
    struct pipe *p = ((struct wire *)opaque)->out;
    size_t n = MIN(len, p->room);

    g_byte_array_append(p->bytes, buf, (guint)n);
    p->room -= n;
    return n ? (ssize_t)n : -EAGAIN;
}

static ssize_t wire_recv(void *opaque, void *buf, size_t len)
{
    struct pipe *p = ((struct wire *)opaque)->in;
    size_t n = MIN(len, (size_t)p->bytes->len);

    if (!n) {
        return -EAGAIN;
    }
    memcpy(buf, p->bytes->data, n);
    g_byte_array_remove_range(p->bytes, 0, (guint)n);
    return (ssize_t)n;
}

static const struct tls_transport wire_transport = {wire_send, wire_recv};

static void open_wired(struct end *e, const char *id, enum tls_endpoint endpoint, struct wire *wire)
{
    *e = (struct end){.result = -EAGAIN, .fd = -1};
    e->creds = tls_creds_get(id, endpoint, NULL);
    e->tls = tls_session_new(e->creds, NULL, &wire_transport, wire, NULL);
    ck_assert_ptr_nonnull(e->tls);
}

/* One byte at a time, in both directions. */
static void slow_handshake(struct end *server, struct end *client, struct pipe *up,
                           struct pipe *down)
{
    bool waited = false;

    for (unsigned i = 0; i < 20000 && (server->result || client->result); i++) {
        step(i % 2 ? client : server);
        waited |= client->result == -EAGAIN && tls_session_wants_write(client->tls);
        up->room++;
        down->room++;
    }
    ck_assert_int_eq(server->result, 0);
    ck_assert_int_eq(client->result, 0);
    ck_assert(waited);
}

/* Through a transport that takes a few bytes at a time, in reads of all sizes. */
static void slow_data(struct end *from, struct end *to, struct pipe *pipe)
{
    static uint8_t data[50000], got[sizeof(data)];
    size_t sent = 0, received = 0;

    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + i / 251);
    for (unsigned i = 0; i < 1000000 && received < sizeof(data); i++) {
        pipe->room = i % 400;
        /* now and then with more behind it than last time */
        size_t len = MIN(sizeof(data) - sent, (size_t)(i % 3 ? 20000 : 17000));
        ssize_t n = tls_session_write(from->tls, data + sent, len, NULL);
        ck_assert(n >= 0 || (n == -EAGAIN && tls_session_wants_write(from->tls)));
        sent += n > 0 ? (size_t)n : 0;
        n = tls_session_read(to->tls, got + received, MIN(sizeof(got) - received, i % 999 + 1),
                             NULL);
        ck_assert(n > 0 || n == -EAGAIN);
        received += n > 0 ? (size_t)n : 0;
    }
    ck_assert_uint_eq(received, sizeof(data));
    ck_assert_mem_eq(got, data, sizeof(data));
}

START_TEST(test_slow_transport)
{
    struct pipe up = {g_byte_array_new(), 0}, down = {g_byte_array_new(), 0};
    struct wire wires[2] = {{&down, &up}, {&up, &down}};
    struct end server, client;

    setup();
    struct pki *p = good_files();
    add_pair("");
    open_wired(&server, "s", TLS_SERVER, &wires[0]);
    open_wired(&client, "c", TLS_CLIENT, &wires[1]);
    slow_handshake(&server, &client, &up, &down);
    slow_data(&client, &server, &up);
    close_end(&server);
    close_end(&client);
    g_byte_array_free(up.bytes, TRUE);
    g_byte_array_free(down.bytes, TRUE);
    pki_free(p);
    teardown();
}
END_TEST

static ssize_t flood_send(void *opaque, const void *buf, size_t len)
{
    return (ssize_t)len;
}

/* Handshake messages of a kind that may come again and again. */
static ssize_t flood_recv(void *opaque, void *buf, size_t len)
{
    static const uint8_t record[] = {22, 3, 3, 0, 4, 0, 0, 0, 0}; /* HelloRequest */
    size_t *at = opaque;

    for (size_t i = 0; i < len; i++)
        ((uint8_t *)buf)[i] = record[(*at)++ % sizeof(record)];
    return (ssize_t)len;
}

static ssize_t broken_recv(void *opaque, void *buf, size_t len)
{
    return -EIO;
}

/* A peer that sends for ever, and a transport that breaks: an error soon. */
START_TEST(test_bad_transport)
{
    static const struct tls_transport flood = {flood_send, flood_recv};
    static const struct tls_transport broken = {flood_send, broken_recv};
    const struct tls_transport *transports[] = {&flood, &broken};
    struct error *err = NULL;
    size_t at = 0;

    setup();
    struct pki *p = good_files();
    add_pair("");
    for (unsigned i = 0; i < ARRAY_SIZE(transports); i++) {
        struct tls_creds *c = tls_creds_get("c", TLS_CLIENT, NULL);
        struct tls_session *s = tls_session_new(c, NULL, transports[i], &at, NULL);
        int ret = -EAGAIN;
        for (unsigned k = 0; k < 10 && ret == -EAGAIN; k++)
            ret = tls_session_handshake(s, &err);
        ck_assert_msg(ret < 0 && ret != -EAGAIN, "%d", ret);
        ck_assert_uint_lt(at, MIB(1));
        error_free(err);
        err = NULL;
        tls_session_free(s);
        tls_creds_put(c);
    }
    pki_free(p);
    teardown();
}
END_TEST

/* All sorts of first bytes from a stranger, whole and in pieces. */
START_TEST(test_junk)
{
    static const char *const junk[] = {"GET / HTTP/1.0\r\n\r\n",
                                       "SSH-2.0-x\r\n",
                                       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                                       "\x80\x2e\x01\x03\x01",
                                       "\x15\x03\x03\x00\x02\x02\x28",
                                       "\x17\x03\x03\xff\xff",
                                       ""};

    setup();
    struct pki *p = good_files();
    add_pair("");
    for (unsigned i = 0; i < ARRAY_SIZE(junk); i++) {
        size_t len = strlen(junk[i]);
        struct end server;
        int pair[2];
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        open_end(&server, "s", TLS_SERVER, NULL, pair[0]);
        for (size_t k = 0; k < len; k++) {
            ck_assert_int_eq(write(pair[1], junk[i] + k, 1), 1);
            step(&server);
            if (server.result != -EAGAIN)
                break;
        }
        close(pair[1]);
        step(&server);
        ck_assert_int_lt(server.result, 0);
        ck_assert_int_ne(server.result, -EAGAIN);
        close_end(&server);
    }
    pki_free(p);
    teardown();
}
END_TEST

TEST_MAIN("tls", test_secret, test_encrypted, test_files, test_bad_certificates, test_x509,
          test_refused, test_psk, test_psk_refused, test_anonymous, test_slow_transport,
          test_bad_transport, test_junk)
#endif
