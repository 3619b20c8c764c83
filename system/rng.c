/* SPDX-License-Identifier: MIT */
/* rng-random: a file such as /dev/urandom or a hardware generator; rng-builtin: the host's own. */
#include "system/rng.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "system/mainloop.h"
#include "util/error.h"

struct rng {
    struct object obj;
    const char *filename;
    int fd; /* -1: the host's generator */
    struct fd_watch *watch;
    struct deferred later;
    TAILQ_HEAD(, rng_request) waiting;
};

static struct rng *rng_of(struct object *obj)
{
    return container_of(obj, struct rng, obj);
}

/* --- requests --------------------------------------------------------------------------------- */

/* Somebody wants bytes: hear of the file when it has some. */
static void arm(struct rng *rng)
{
    bool want = !TAILQ_EMPTY(&rng->waiting);

    if (rng->watch) {
        fd_watch_set(rng->watch, want ? FD_READ : 0);
    } else if (want) {
        deferred_schedule(&rng->later);
    }
}

static ssize_t fetch(struct rng *rng, uint8_t *buf, size_t len)
{
    return rng->fd >= 0 ? read(rng->fd, buf, len) : getrandom(buf, len, GRND_NONBLOCK);
}

/* What is asked for now, not what the answers lead to. */
static void serve(struct rng *rng)
{
    struct rng_request *req = TAILQ_FIRST(&rng->waiting);
    uint8_t buf[RNG_REQUEST_MAX];
    ssize_t len = req ? fetch(rng, buf, req->want) : 0;

    if (len > 0) {
        TAILQ_REMOVE(&rng->waiting, req, link);
        req->pending = false;
        req->got(req, buf, (size_t)len);
    }
    explicit_bzero(buf, sizeof(buf));
    arm(rng);
}

static void readable(void *opaque, unsigned events)
{
    serve(opaque);
}

static void serve_later(void *opaque)
{
    serve(opaque);
}

void rng_ask(struct object *obj, struct rng_request *req, size_t want)
{
    struct rng *rng = rng_of(obj);

    assert(!req->pending && want && want <= RNG_REQUEST_MAX);
    req->pending = true;
    req->want = want;
    TAILQ_INSERT_TAIL(&rng->waiting, req, link);
    arm(rng);
}

void rng_cancel(struct object *obj, struct rng_request *req)
{
    struct rng *rng = rng_of(obj);

    if (req->pending) {
        req->pending = false;
        TAILQ_REMOVE(&rng->waiting, req, link);
        arm(rng);
    }
}

/* --- the two kinds ---------------------------------------------------------------------------- */

static void init(struct rng *rng)
{
    rng->fd = -1;
    TAILQ_INIT(&rng->waiting);
    deferred_init(&rng->later, serve_later, rng);
}

static int builtin_open(struct object *obj, struct error **err)
{
    init(rng_of(obj));
    return 0;
}

static int random_open(struct object *obj, struct error **err)
{
    struct rng *rng = rng_of(obj);
    const char *name = rng->filename ? rng->filename : "/dev/urandom";

    init(rng);
    rng->fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (rng->fd < 0) {
        return error_set_errno(err, errno, "rng-random: %s", name);
    }
    rng->watch = fd_watch_new(rng->fd, 0, readable, rng);
    return 0;
}

static void rng_close(struct object *obj)
{
    struct rng *rng = rng_of(obj);

    assert(TAILQ_EMPTY(&rng->waiting));
    deferred_cancel(&rng->later);
    if (rng->watch) {
        fd_watch_free(rng->watch);
        close(rng->fd);
    }
}

static const struct opt_desc random_descs[] = {
    {"filename", OPT_STR, OPT_FIELD(struct rng, filename), .help = "where from (/dev/urandom)"},
    {.type = OPT_END},
};

OBJECT_DEFINE(rng_builtin, .name = RNG_BUILTIN, .kind = RNG_KIND,
              .help = "random bytes from the host's generator", .state_size = sizeof(struct rng),
              .open = builtin_open, .close = rng_close);
OBJECT_DEFINE(rng_random, .name = "rng-random", .kind = RNG_KIND,
              .help = "random bytes from a file or device", .state_size = sizeof(struct rng),
              .descs = random_descs, .open = random_open, .close = rng_close);
