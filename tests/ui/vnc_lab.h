/* SPDX-License-Identifier: MIT */
/*
 * Both ends of VNC connections in one process: a display and a keyboard whose guest is the test, a
 * server, links that take so many bytes a second, and clients that show what they are sent. Anything
 * a client could stumble over fails the test.
 *
 * Threads: one for each client, one for each link. What is here is called by the test's main thread.
 */
#ifndef TESTS_UI_VNC_LAB_H
#define TESTS_UI_VNC_LAB_H

#include "util/base.h"

#include <pthread.h>

#include "tests/ui/rfb_decode.h"

/* --- the guest ------------------------------------------------------------------------------------ */

/* The picture, 00RRGGBB, rows without gaps; to be written between lab_draw() and lab_drawn(). */
struct lab_screen {
    unsigned width, height;
    uint32_t *pixels;
};

extern struct lab_screen lab_screen;

/* `options`: of -vnc, after the address; key(): a key goes down, device lock held. NULL: who cares. */
void lab_start(unsigned width, unsigned height, const char *options, void (*key)(void));
void lab_stop(void);

void lab_draw(void); /* takes the device lock */
void lab_drawn(unsigned y, unsigned h);
/* For key(), which has the device lock already: these lines were written. */
void lab_written(unsigned y, unsigned h);

/* Of the VNC thread so far. */
double lab_server_seconds(void);

/* --- clients -------------------------------------------------------------------------------------- */

struct lab_setup {
    const int32_t *encodings; /* ended by LAB_END */
    unsigned rate;            /* bytes a second its link carries; 0: as many as come */
    unsigned buffer;          /* bytes that wait in the middle of the link */
    bool continuous;          /* asks for continuous updates if the server has them */
    bool shows_rectangles;    /* one by one, as many clients do; else updates */
    bool ahead;               /* asks for the next update when one begins, not when it ends */
    const int32_t *later;     /* encodings it names after the first update, or NULL */
};

#define LAB_END INT32_MIN

enum { LAB_FENCE = -312, LAB_CONTINUOUS = -313 };

struct lab_client {
    struct rfb_decoder d; /* its pixels: with the lock */
    const struct lab_setup *setup;
    int fd;
    struct lab_link *link; /* NULL: it is next to the server */
    uint8_t *buffer;
    size_t buffer_size;
    bool going;
    bool is_continuous;
    uint64_t bytes;       /* received; with the lock */
    unsigned updates;     /* with the lock */
    pthread_mutex_t lock; /* held while an update is drawn, but not while it waits for bytes */
    pthread_cond_t drawn; /* an update, or rectangle, has been drawn */
    pthread_t thread;
};

/* A client of the server; the setup must stay. It has asked for everything when this returns. */
struct lab_client *lab_client_new(const struct lab_setup *setup);
void lab_client_free(struct lab_client *c);

/* Press a key and let it go. */
void lab_client_key(struct lab_client *c);

#define LAB_NEAR 40 /* so much JPEG may change a colour */

/* Wait until something has been drawn after which the pixel is near this colour; false: `seconds` have
 * passed. */
bool lab_client_await(struct lab_client *c, unsigned x, unsigned y, uint32_t colour,
                      double seconds);
/* The same for all of the screen, which stands still. */
bool lab_client_await_all(struct lab_client *c, double seconds);

/* How much later than it should the client's link has woken up, at the worst, since this was asked
 * last: what a loaded host adds to any time that is measured. Seconds. */
double lab_client_late(struct lab_client *c);

double lab_now(void); /* seconds */

#endif
