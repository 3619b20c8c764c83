/* SPDX-License-Identifier: MIT */
/*
 * The objects tls-creds-x509, tls-creds-psk and tls-creds-anon: properties, and who uses them. What
 * is in their files is up to GnuTLS (tls_x509.c, tls_plain.c). Files are read once.
 */
#include "crypto/tls_internal.h"

#include <errno.h>
#include <unistd.h>

#include "util/error.h"

static const char *const endpoints[] = {"client", "server", NULL};

/* --- files ------------------------------------------------------------------------------------- */

int tls_creds_file(const struct tls_creds *c, const char *name, bool optional, char **path,
                   struct error **err)
{
    *path = NULL;
    if (!c->dir) {
        error_set(err, "%s: needs dir=", c->obj.cls->name);
        return -EINVAL;
    }
    char *full = g_build_filename(c->dir, name, NULL);
    int ret = access(full, R_OK) < 0 ? -errno : 0;
    if (ret == 0) {
        *path = full;
        return 0;
    }
    if (optional && ret == -ENOENT) {
        ret = 0;
    } else {
        error_set_errno(err, -ret, "%s: cannot read '%s'", c->obj.cls->name, full);
    }
    g_free(full);
    return ret;
}

/* --- users ------------------------------------------------------------------------------------- */

struct tls_creds *tls_creds_get(const char *id, enum tls_endpoint endpoint, struct error **err)
{
    struct object *obj = object_find(id);

    if (!obj || !object_is(obj, TLS_CREDS_KIND)) {
        error_set(err,
                  obj ? "object '%s' is no TLS credentials" : "there is no TLS credentials '%s'",
                  id);
        return NULL;
    }
    struct tls_creds *c = tls_creds_of(obj);
    if (c->endpoint != (int)endpoint) {
        error_set(err, "TLS credentials '%s' are for a %s, a %s needs endpoint=%s", id,
                  endpoints[c->endpoint], endpoints[endpoint], endpoints[endpoint]);
        return NULL;
    }
    obj->users++;
    return c;
}

void tls_creds_put(struct tls_creds *creds)
{
    if (creds) {
        creds->obj.users--;
    }
}

/* --- the objects ------------------------------------------------------------------------------- */

static void creds_init(struct object *obj)
{
    tls_creds_of(obj)->verify_peer = tls_creds_of(obj)->sanity_check = true;
}

/* What all three take. */
#define COMMON_PROPS                                                                               \
    {"dir", OPT_STR, OPT_FIELD(struct tls_creds, dir), .help = "where the files are"},             \
        {"endpoint", OPT_ENUM, OPT_FIELD(struct tls_creds, endpoint), .names = endpoints,          \
         .help = "server or client (the default)"},                                                \
        {"verify-peer", OPT_BOOL, OPT_FIELD(struct tls_creds, verify_peer),                        \
         .help = "on (the default): the other end must prove who it is"},                          \
    {                                                                                              \
        "priority", OPT_STR, OPT_FIELD(struct tls_creds, priority),                                \
            .help = "versions and ciphers, as GnuTLS writes them"                                  \
    }

static const struct opt_desc x509_descs[] = {
    COMMON_PROPS,
    {"passwordid", OPT_STR, OPT_FIELD(struct tls_creds, passwordid),
     .help = "a secret: the key file's password"},
    {"sanity-check", OPT_BOOL, OPT_FIELD(struct tls_creds, sanity_check),
     .help = "on (the default): look at our own certificates first"},
    {.type = OPT_END},
};

static const struct opt_desc psk_descs[] = {
    COMMON_PROPS,
    {"username", OPT_STR, OPT_FIELD(struct tls_creds, username),
     .help = "client: whose key to take (qemu)"},
    {.type = OPT_END},
};

static const struct opt_desc anon_descs[] = {COMMON_PROPS, {.type = OPT_END}};

OBJECT_DEFINE(tls_x509, .name = "tls-creds-x509", .kind = TLS_CREDS_KIND,
              .help = "TLS with certificates", .state_size = sizeof(struct tls_creds),
              .descs = x509_descs, .init = creds_init, .open = tls_x509_open,
              .close = tls_x509_close);
OBJECT_DEFINE(tls_psk, .name = "tls-creds-psk", .kind = TLS_CREDS_KIND,
              .help = "TLS with a key both ends have", .state_size = sizeof(struct tls_creds),
              .descs = psk_descs, .init = creds_init, .open = tls_psk_open, .close = tls_psk_close);
OBJECT_DEFINE(tls_anon, .name = "tls-creds-anon", .kind = TLS_CREDS_KIND,
              .help = "TLS that keeps listeners out, but knows nobody",
              .state_size = sizeof(struct tls_creds), .descs = anon_descs, .init = creds_init,
              .open = tls_anon_open, .close = tls_anon_close);

enum tls_kind tls_creds_kind(const struct tls_creds *creds)
{
    const struct object_class *cls = creds->obj.cls;

    return cls == &tls_x509_object ? TLS_X509 : cls == &tls_psk_object ? TLS_PSK : TLS_ANON;
}
