/* SPDX-License-Identifier: MIT */
/*
 * Character devices: the host side of serial ports, consoles, monitors and the gdb stub.
 *
 * A chardev has a backend (stdio, file, pty ...) and at most one frontend, the device that uses
 * it. Input arrives on the main thread with the device lock held; the frontend says how much it
 * can take. Output may be written from any thread; it is queued when the host is slow, up to
 * CHARDEV_QUEUE_MAX bytes, and then refused, which the frontend sees as a short write.
 *
 * Backends register by CHARDEV_DEFINE, a row in a linker section.
 */
#ifndef CHARDEV_CHARDEV_H
#define CHARDEV_CHARDEV_H

#include "util/base.h"

#include <glib.h>
#include <pthread.h>
#include <sys/queue.h>

struct chardev;
struct error;

#define CHARDEV_QUEUE_MAX (256u << 10)

enum chardev_event {
    CHARDEV_OPENED, /* somebody is at the other end */
    CHARDEV_CLOSED,
    CHARDEV_BREAK,    /* a serial line break */
    CHARDEV_FOCUS_IN, /* of a mux: input goes to this frontend from now on */
    CHARDEV_FOCUS_OUT,
    CHARDEV_EVENTS,
};

/* What a frontend does. All optional. Main thread, device lock held. */
struct chardev_handlers {
    size_t (*can_read)(void *opaque); /* bytes read() would take now */
    void (*read)(void *opaque, const uint8_t *buf, size_t len);
    void (*event)(void *opaque, enum chardev_event event);
    void (*writable)(void *opaque); /* after a short write: there is room again */
    /* Output matters more than going on: writes are refused when the other end does not read, also
     * by backends that throw away what they cannot send (sockets, ptys, pipes). */
    bool lossless;
    /* The chardev is replaced (chardev_replace()): use `chr` from now on. NULL: it cannot be. */
    void (*replaced)(void *opaque, struct chardev *chr);
};

/* Options of one chardev: "backend,name=value,..." split up. Values are strings. */
struct chardev_opts {
    const char *id; /* NULL: none */
    const char *backend;
    const char *path;
    const char *input_path; /* file: where input comes from */
    const char *logfile;    /* of all kinds: what the frontend writes goes there too */
    bool log_append;
    bool mux;
    bool monitor; /* "mon:...": the mux is to carry a monitor too */
    bool append;
    bool signal;                        /* stdio: Ctrl-C interrupts doppel instead of the guest */
    uint64_t size;                      /* ringbuf: bytes, a power of two */
    struct chardev *base;               /* mux: what it shares ... */
    const char *base_id;                /* ... or its id */
    uint32_t width, height, cols, rows; /* vc: pixels or characters; for whoever shows it */
    /* socket */
    const char *host, *port;
    const char *fd; /* number of an inherited descriptor, listening or connected */
    uint32_t to;    /* listening: the last port to try */
    bool ipv4, ipv6;
    bool abstract, tight; /* path is a name in the abstract namespace, not padded with zeroes */
    bool server, wait, nodelay, telnet, websocket;
    const char *tls_creds;             /* id of TLS credentials; NULL: plain */
    const char *localaddr, *localport; /* udp */
    uint32_t reconnect, reconnect_ms;  /* client: try again after so many s, ms; 0: never */
    bool hot;                          /* made while the machine runs: nothing may be waited for */
};

/* A backend: main thread, device lock held, but for write (any thread, chardev's mutex held). */
struct chardev_class {
    const char *name;
    const char *help;
    size_t state_size; /* of a struct that starts with struct chardev */
    int (*open)(struct chardev *chr, const struct chardev_opts *opts, struct error **err);
    void (*close)(struct chardev *chr);
    /* Takes what it can now; 0: nothing, chardev_flush() will be called when it can. -errno:
     * the bytes are lost. NULL: output is thrown away. */
    ssize_t (*write)(struct chardev *chr, const uint8_t *buf, size_t len);
    void (*accept_input)(struct chardev *chr); /* the frontend can take more */
    /* A backend of several frontends (mux) does its own attaching; 0 or -errno. */
    int (*attach)(struct chardev *chr, const struct chardev_handlers *handlers, void *opaque,
                  struct error **err);
    void (*detach)(struct chardev *chr, void *opaque);
    size_t (*can_read)(struct chardev *chr); /* mux: of the frontend in focus */
    /* Of sockets; see chardev_take_fd(), chardev_add_client(). */
    int (*take_fd)(struct chardev *chr);
    int (*add_client)(struct chardev *chr, int fd, struct error **err);
};

#define CHARDEV_SECTION "doppel_chardevs"
#define CHARDEV_DEFINE(ident, ...)                                                                 \
    static const struct chardev_class ident##_class = {__VA_ARGS__};                               \
    static const struct chardev_class *const ident##_entry                                         \
        __attribute__((used, section(CHARDEV_SECTION))) = &ident##_class

struct chardev {
    const struct chardev_class *cls;
    char *id;
    char *label; /* for listings: "stdio", "file:/tmp/x" */
    const struct chardev_handlers *handlers;
    void *opaque;
    bool in_use;          /* a frontend owns it */
    bool wants_monitor;   /* made by "mon:": main adds a monitor as the last frontend */
    bool is_open;         /* the other end is there */
    bool lossy;           /* what does not fit in the queue is thrown away; see chardev_handlers */
    pthread_mutex_t lock; /* queue */
    GByteArray *queue;
    bool refused; /* a short write happened: call writable() when drained */
    int log_fd;   /* -1: no log */
    TAILQ_ENTRY(chardev) link;
};

/*
 * From the text of -chardev ("file,id=x,path=y") or the short forms of -serial, -monitor
 * ("stdio", "mon:stdio", "file:PATH", "chardev:ID", "null", "pty", "unix:PATH,OPTIONS",
 * "tcp:HOST:PORT,OPTIONS", "telnet:HOST:PORT,OPTIONS",
 * "websocket:HOST:PORT,OPTIONS", "udp:HOST:PORT@LOCALHOST:LOCALPORT"). NULL with err set. chardev_new_short()
 * gives NULL without an error for "none". The _service form is that of what others connect to (gdb
 * stub, QMP): sockets of the short forms are servers that wait for nobody unless told otherwise.
 */
struct chardev *chardev_new(const char *text, struct error **err);
/* The same while the machine runs (chardev-add); nameless: without an id, for chardev_replace(). */
struct chardev *chardev_new_hot(const char *text, struct error **err);
struct chardev *chardev_new_nameless(const char *text, struct error **err);
struct chardev *chardev_new_short(const char *text, const char *id, struct error **err);
struct chardev *chardev_new_service(const char *text, const char *id, struct error **err);
struct chardev *chardev_create(const char *backend, const struct chardev_opts *opts,
                               struct error **err);
struct chardev *chardev_find(const char *id);
void chardev_free(struct chardev *chr);

/*
 * Puts `next`, which nobody uses, in the place of chr: id and frontend. chr is freed. Refused if the
 * frontend cannot do without it; then nothing has changed. 0 or -errno.
 */
int chardev_replace(struct chardev *chr, struct chardev *next, struct error **err);
void chardev_cleanup(void); /* all: flush what is queued, restore terminals */
void chardev_help(GString *out);
void chardev_class_for_each(void (*fn)(const struct chardev_class *cls, void *opaque),
                            void *opaque);
void chardev_for_each(void (*fn)(struct chardev *chr, void *opaque), void *opaque);

/* The frontend's side. Attaching to a chardev in use fails with -EBUSY. */
int chardev_attach(struct chardev *chr, const struct chardev_handlers *handlers, void *opaque,
                   struct error **err);
void chardev_detach(struct chardev *chr, void *opaque);

/* Bytes taken (sent or queued), less than len when the queue is full. chr may be NULL: all. */
size_t chardev_write(struct chardev *chr, const void *buf, size_t len);
void chardev_accept_input(struct chardev *chr);

/*
 * The oldest descriptor that the other end of a Unix socket has sent with what the frontend has read
 * or is reading, now the caller's; -1: there is none. Main thread, device lock held.
 */
int chardev_take_fd(struct chardev *chr);

/* A connected socket, taken as if it had been accepted. Without success it stays the caller's. */
int chardev_add_client(struct chardev *chr, int fd, struct error **err);

/* Nobody will read what is queued any more: forget it. */
void chardev_drop_output(struct chardev *chr);

/* The backend's side: input, state changes, room. Main thread, device lock held. */
size_t chardev_can_read(struct chardev *chr);
void chardev_input(struct chardev *chr, const uint8_t *buf, size_t len);
void chardev_send_event(struct chardev *chr, enum chardev_event event);
bool chardev_flush(struct chardev *chr); /* true: all is out */

/* Registers the resolver of PROP_CHARDEV. */
void chardev_init(void);

/* The terminal, for a user other than a chardev; for good. -EBUSY with err: it has one. */
int chardev_take_stdio(struct error **err);

#endif
