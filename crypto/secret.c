/* SPDX-License-Identifier: MIT */
/* -object secret: data= or file=, format=raw|base64, keyid= and iv=. */
#include "crypto/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "crypto/aes.h"
#include "system/object.h"
#include "util/error.h"

enum { FORMAT_RAW, FORMAT_BASE64 };

struct secret {
    struct object obj;
    const char *data, *file, *keyid, *iv;
    int format;
    uint8_t *bytes; /* a NUL after them */
    size_t len;
};

static struct secret *secret_of(struct object *obj)
{
    return container_of(obj, struct secret, obj);
}

static uint8_t *with_nul(const void *bytes, size_t len)
{
    uint8_t *copy = g_malloc(len + 1);

    memcpy(copy, bytes, len);
    copy[len] = 0;
    return copy;
}

void secret_free(void *bytes, size_t len)
{
    if (bytes) {
        explicit_bzero(bytes, len);
        g_free(bytes);
    }
}

void secret_text_free(char *text)
{
    secret_free(text, text ? strlen(text) : 0);
}

/* --- making ------------------------------------------------------------------------------------ */

static int read_all(struct secret *s, int fd)
{
    ssize_t n = 1;

    s->bytes = g_malloc(SECRET_MAX + 1);
    while (n > 0 && s->len <= SECRET_MAX) {
        n = read(fd, s->bytes + s->len, SECRET_MAX + 1 - s->len);
        s->len += n > 0 ? (size_t)n : 0;
        n = n < 0 && errno == EINTR ? 1 : n;
    }
    return n < 0 ? -errno : s->len > SECRET_MAX ? -EFBIG : 0;
}

static int load_file(struct secret *s, struct error **err)
{
    int fd = open(s->file, O_RDONLY | O_CLOEXEC);
    int ret = fd < 0 ? -errno : read_all(s, fd);

    if (fd >= 0) {
        close(fd);
    }
    if (ret < 0) {
        return error_set_errno(err, -ret, "secret: file '%s'", s->file);
    }
    uint8_t *exact = with_nul(s->bytes, s->len);
    secret_free(s->bytes, s->len);
    s->bytes = exact;
    return 0;
}

/* Letters in groups of four, the last one padded, white space between them ignored. */
static bool is_base64(const char *text)
{
    size_t letters = 0, padding = 0;

    for (; *text; text++) {
        if (*text == '=') {
            padding++;
        } else if (!padding && (g_ascii_isalnum(*text) || *text == '+' || *text == '/')) {
            letters++;
        } else if (!g_ascii_isspace(*text)) {
            return false;
        }
    }
    return padding <= 2 && (letters + padding) % 4 == 0;
}

/* What base64 text stands for, a NUL behind it; NULL with err set. */
static uint8_t *from_base64(const char *text, size_t text_len, const char *what, size_t *len,
                            struct error **err)
{
    gsize n;

    if (strlen(text) != text_len || !is_base64(text)) {
        error_set(err, "secret: %s is not base64", what);
        return NULL;
    }
    guchar *raw = g_base64_decode(text, &n);
    uint8_t *bytes = with_nul(raw, n);
    secret_free(raw, n);
    *len = n;
    return bytes;
}

static int decode(struct secret *s, struct error **err)
{
    size_t len;
    uint8_t *raw = from_base64((const char *)s->bytes, s->len, "this", &len, err);

    if (!raw) {
        return -EINVAL;
    }
    secret_free(s->bytes, s->len);
    s->bytes = raw;
    s->len = len;
    return 0;
}

/* With keyid= it is encrypted by another secret. */
static int decrypt(struct secret *s, struct error **err)
{
    size_t key_len, iv_len = 0;
    uint8_t *key = secret_bytes(s->keyid, &key_len, err);
    uint8_t *iv =
        key ? from_base64(s->iv ? s->iv : "", s->iv ? strlen(s->iv) : 0, "iv", &iv_len, err) : NULL;
    int ret = -EINVAL;

    if (iv && (key_len != AES_KEY || iv_len != AES_BLOCK)) {
        error_set(err, "secret: the key '%s' has %d bytes and iv= %d", s->keyid, AES_KEY,
                  AES_BLOCK);
    } else if (iv) {
        ret = aes_decrypt(s->bytes, &s->len, key, iv);
        if (ret < 0) {
            error_set_errno(err, -ret, "secret: decrypting with the key '%s'", s->keyid);
        } else {
            s->bytes[s->len] = 0;
        }
    }
    secret_free(key, key_len);
    secret_free(iv, iv_len);
    return ret;
}

static void secret_close(struct object *obj)
{
    secret_free(secret_of(obj)->bytes, secret_of(obj)->len);
}

static int secret_open(struct object *obj, struct error **err)
{
    struct secret *s = secret_of(obj);
    int ret = 0;

    if (!s->data == !s->file) {
        error_set(err, "secret: takes data= or file=");
        return -EINVAL;
    }
    if (s->file) {
        ret = load_file(s, err);
    } else {
        s->len = strlen(s->data);
        s->bytes = with_nul(s->data, s->len);
    }
    if (ret == 0 && s->format == FORMAT_BASE64) {
        ret = decode(s, err);
    }
    if (ret == 0 && s->keyid) {
        ret = decrypt(s, err);
    }
    if (ret < 0) {
        secret_close(obj);
    }
    return ret;
}

/* --- using ------------------------------------------------------------------------------------- */

static const struct secret *find(const char *id, struct error **err)
{
    struct object *obj = object_find(id);

    if (!obj || !object_is(obj, SECRET_KIND)) {
        error_set(err, obj ? "object '%s' is no secret" : "there is no secret '%s'", id);
        return NULL;
    }
    return secret_of(obj);
}

uint8_t *secret_bytes(const char *id, size_t *len, struct error **err)
{
    const struct secret *s = find(id, err);

    *len = s ? s->len : 0;
    return s ? with_nul(s->bytes, s->len) : NULL;
}

char *secret_text(const char *id, struct error **err)
{
    const struct secret *s = find(id, err);

    if (s && !g_utf8_validate((const char *)s->bytes, (gssize)s->len, NULL)) {
        error_set(err, "secret '%s' is not text", id);
        s = NULL;
    }
    return s ? (char *)with_nul(s->bytes, s->len) : NULL;
}

static const char *const formats[] = {"raw", "base64", NULL};

static const struct opt_desc secret_descs[] = {
    {"data", OPT_STR, OPT_FIELD(struct secret, data), .help = "the secret itself"},
    {"file", OPT_STR, OPT_FIELD(struct secret, file), .help = "a file that holds it"},
    {"format", OPT_ENUM, OPT_FIELD(struct secret, format), .names = formats,
     .help = "raw (the default) or base64"},
    {"keyid", OPT_STR, OPT_FIELD(struct secret, keyid),
     .help = "the secret it is encrypted with, by AES-256-CBC"},
    {"iv", OPT_STR, OPT_FIELD(struct secret, iv), .help = "initialization vector, in base64"},
    {.type = OPT_END},
};

OBJECT_DEFINE(secret, .name = "secret", .kind = SECRET_KIND,
              .help = "a password or key that other objects name",
              .state_size = sizeof(struct secret), .descs = secret_descs, .is_private = true,
              .open = secret_open, .close = secret_close);
