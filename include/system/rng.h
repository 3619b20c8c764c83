/* SPDX-License-Identifier: MIT */
/* Sources of random bytes for guests: objects of kind "rng". Main thread, device lock held. */
#ifndef SYSTEM_RNG_H
#define SYSTEM_RNG_H

#include "system/object.h"

struct rng;

/* Somebody who waits for bytes. Embedded; fill in `got`. */
struct rng_request {
    /* 1 to `want` bytes; the request is over and may be made anew. */
    void (*got)(struct rng_request *req, const uint8_t *buf, size_t len);
    size_t want;
    bool pending;
    TAILQ_ENTRY(rng_request) link;
};

#define RNG_KIND        "rng"
#define RNG_BUILTIN     "rng-builtin"
#define RNG_REQUEST_MAX 4096u

/* `got` is called later, never from here. `want` is at most RNG_REQUEST_MAX. */
void rng_ask(struct object *rng, struct rng_request *req, size_t want);
void rng_cancel(struct object *rng, struct rng_request *req);

#endif
