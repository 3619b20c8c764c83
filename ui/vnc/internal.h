/* SPDX-License-Identifier: MIT */
/*
 * What the files of the VNC server share. A server has a screen (its copy of the display's picture)
 * and clients; each client has its stream, what it may see (dirty tiles), and what it can take.
 *
 * Everything here belongs to the VNC thread, but for what is marked "shared": that is guarded by
 * vnc_mutex, which is held for moments only, and with which nobody waits for the device lock.
 */
#ifndef UI_VNC_INTERNAL_H
#define UI_VNC_INTERNAL_H

#include "util/base.h"

#include <glib.h>
#include <pthread.h>
#include <sys/queue.h>

#include "chardev/sockaddr.h"
#include "hw/display/source.h"
#include "ui/input.h"
#include "ui/vnc/enc.h"
#include "ui/vnc/link.h"
#include "ui/vnc/loop.h"
#include "ui/vnc/options.h"
#include "ui/vnc/stream.h"

struct display_viewer;
struct tls_creds;
struct vnc_client;
struct vnc_server;

extern pthread_mutex_t vnc_mutex;

/* --- the screen (screen.c) ----------------------------------------------------------------------- */

/* When a tile has changed. */
struct vnc_tile_age {
    uint32_t last;    /* the number of the last look that found it changed, and */
    uint16_t history; /* bit n: the look n before that one as well */
};

struct vnc_screen {
    struct display_viewer *viewer; /* NULL: the machine has no display */
    unsigned width, height;        /* pixels */
    unsigned columns, rows;        /* tiles */
    uint32_t *pixels;
    struct vnc_tile_age *ages; /* of the tiles */
    uint32_t looks;            /* that found a change; goes around */
    unsigned scroll_vain,
        scroll_rest; /* how long not to look for scrolling, and for how long now */
    struct display_cursor cursor;
    bool cursor_known; /* the adapter has shown one */
    int64_t interval;  /* microseconds between looks at the display ... */
    int64_t last_look;
    struct vnc_timer timer;
};

void vnc_screen_init(struct vnc_server *s, struct display_viewer *viewer);
/* Look now, if that was not just done: for somebody who is new, or has had to wait. */
void vnc_screen_refresh(struct vnc_server *s);
/* Somebody waits for changes: look when it is time. */
void vnc_screen_wake(struct vnc_server *s);
/* Somebody has typed: what comes of it shall be seen at once. */
void vnc_screen_input(struct vnc_server *s);
/* The rectangle of the cursor, clipped to the picture; false: there is none to be seen. */
bool vnc_screen_cursor_area(const struct vnc_screen *scr, struct vnc_rect *r);
/* Draw the cursor into the picture, and take it out again. `under`: room for what lies beneath. */
void vnc_screen_paint_cursor(struct vnc_screen *scr, uint32_t *under);
void vnc_screen_unpaint_cursor(struct vnc_screen *scr, const uint32_t *under);

/* --- servers (server.c) -------------------------------------------------------------------------- */

/* Kinds of security a client is offered (RFC 6143, 7.1.2; rfbproto for the rest). */
enum vnc_security {
    VNC_SECURITY_NONE = 1,
    VNC_SECURITY_VNC = 2,
    VNC_SECURITY_VENCRYPT = 19,
};

struct vnc_endpoint { /* shared */
    char *host, *service;
    const char *family;
    bool websocket;
};

struct vnc_listener {
    struct vnc_server *server;
    int fd;
    struct vnc_endpoint at;
    char *unlink; /* socket file to be removed in the end */
    struct vnc_watch *watch;
};

#define VNC_LISTENERS (2 * SOCK_ADDRESSES)

struct vnc_server {
    char *id;
    struct vnc_options opts;
    struct tls_creds *creds; /* NULL: no TLS */
    struct vnc_listener listeners[VNC_LISTENERS];
    unsigned listener_count;
    struct vnc_screen screen;
    TAILQ_HEAD(, vnc_client) clients; /* shared; changed by the VNC thread only */
    unsigned unauthenticated;
    unsigned client_count;
    char *password;               /* shared; NULL: none set, nobody gets in */
    int64_t expires;              /* shared; seconds since 1970 */
    TAILQ_ENTRY(vnc_server) link; /* shared */
};

const char *vnc_guest_name(void);
/* Every client of every server; fn only marks things. */
void vnc_for_each_client(void (*fn)(struct vnc_client *c));
bool vnc_server_has_password(const struct vnc_server *s);
/* The password that is valid now; to be wiped and freed. NULL: there is none. */
char *vnc_server_password(struct vnc_server *s);
/* "vnc", "x509-vnc" ... for monitors; *vencrypt NULL if it is not. */
const char *vnc_server_auth(const struct vnc_server *s, const char **vencrypt);
void vnc_endpoint_of(struct vnc_endpoint *e, const struct sockaddr_storage *sa, socklen_t len);
void vnc_endpoint_clear(struct vnc_endpoint *e);

/* --- clients (client.c) -------------------------------------------------------------------------- */

/*
 * What is done with the bytes that come next. Returns how many were used, 0 if there are not enough
 * yet, VNC_BYE to hang up.
 */
typedef ssize_t vnc_step(struct vnc_client *c, const uint8_t *buf, size_t len);
#define VNC_BYE (-1)

/* What a client is to be told in its next update. */
enum vnc_news {
    VNC_NEWS_SIZE = 1 << 0,
    VNC_NEWS_CURSOR = 1 << 1,
    VNC_NEWS_NAME = 1 << 2,
    VNC_NEWS_POINTER = 1 << 3, /* absolute or relative */
    VNC_NEWS_KEYS = 1 << 4,    /* we understand key codes */
    VNC_NEWS_LEDS = 1 << 5,
    VNC_NEWS_SIZE_ANSWER = 1 << 6,
};

/* Pseudo-encodings that are the server's, not the encoder's. */
enum {
    VNC_ENCODING_DESKTOP_SIZE = -223,
    VNC_ENCODING_POINTER_CHANGE = -257,
    VNC_ENCODING_EXT_KEY = -258,
    VNC_ENCODING_LED_STATE = -261,
    VNC_ENCODING_DESKTOP_NAME = -307,
    VNC_ENCODING_EXT_DESKTOP_SIZE = -308,
    VNC_ENCODING_XVP = -309,
    VNC_ENCODING_FENCE = -312,
    VNC_ENCODING_CONTINUOUS = -313,
    VNC_ENCODING_VMWARE_LED = 0x574d5668,
    VNC_ENCODING_EXT_CLIPBOARD = (int)0xc0a1e5ce,
};

/* The same as bits, of struct vnc_client.can. */
enum vnc_feature {
    VNC_CAN_RESIZE = 1 << 0,
    VNC_CAN_POINTER_CHANGE = 1 << 1,
    VNC_CAN_EXT_KEY = 1 << 2,
    VNC_CAN_LED_STATE = 1 << 3,
    VNC_CAN_NAME = 1 << 4,
    VNC_CAN_EXT_RESIZE = 1 << 5,
    VNC_CAN_XVP = 1 << 6,
    VNC_CAN_FENCE = 1 << 7,
    VNC_CAN_CONTINUOUS = 1 << 8,
    VNC_CAN_VMWARE_LED = 1 << 9,
    VNC_CAN_CLIPBOARD = 1 << 10,
};

/* What a client has asked for and not got yet. */
struct vnc_request {
    bool pending;
    bool whole; /* all of it, changed or not, and in one update */
    struct vnc_rect area;
};

enum vnc_state { VNC_OPENING, VNC_RUNNING, VNC_ENDING };

#define VNC_EVENTS_MAX 256u

/* Something a user did, on its way to the guest. */
struct vnc_event {
    bool is_key, down;
    uint16_t code;
    unsigned buttons;
    int x, y;
};

struct vnc_input {
    struct vnc_event ring[VNC_EVENTS_MAX];
    unsigned first, count;
    struct vnc_timer timer;
    int64_t next;               /* not before: the guest has to keep up */
    struct input_source source; /* device lock */
    unsigned buttons;           /* RFB's, as last sent */
    int x, y;                   /* pointer, as last sent */
    bool placed;                /* they are known */
    bool absolute;              /* what the client was told */
    uint8_t held;               /* modifiers the user has down: bits of input.c's table */
};

#define VNC_MOVES 16u

struct vnc_client {
    struct vnc_server *server;
    struct vnc_stream stream;
    struct vnc_watch *watch;
    enum vnc_state state;
    vnc_step *step;
    struct vnc_timer deadline; /* of the handshake, of a good-bye */
    struct vnc_timer later;    /* delayed results of authentication */
    struct vnc_timer turn;     /* of encoding: everybody gets some */
    bool waiting;              /* for `later`: nothing is read */
    bool readable;             /* the socket has something, says the loop */
    uint64_t skip;             /* bytes of input to be thrown away */

    struct vnc_endpoint at; /* shared */
    char *dname;            /* shared; of its certificate, or NULL */
    bool announced;         /* shared: VNC_CONNECTED has been sent */
    bool let_in;            /* authenticated, or that was not wanted */
    bool web;               /* came in on the WebSocket port */
    bool skip_auth;
    unsigned minor; /* of the protocol: 3, 7 or 8 */
    enum vnc_security security;
    uint8_t challenge[16];
    bool exclusive;

    /* messages */
    uint32_t can; /* enum vnc_feature */
    struct vnc_encoder *encoder;
    GByteArray *control; /* messages that wait for the end of an update */

    /* updates */
    unsigned width, height;               /* of the picture, as the client knows it */
    unsigned long *dirty;                 /* tiles, as those of the screen */
    uint32_t news;                        /* enum vnc_news */
    struct vnc_request asked, asked_next; /* the latter while an update goes on */
    struct vnc_rect continuous_area;
    bool continuous;
    unsigned resize_status;
    GByteArray *frame; /* the message that is being made */
    unsigned frame_rects;
    bool frame_open;                    /* a message of unknown length goes on */
    bool frame_cut;                     /* ... and is to end now */
    struct vnc_scroll moves[VNC_MOVES]; /* to be sent before anything else */
    unsigned move_count;
    bool moving; /* the one that was found last is among them */
    size_t frame_bytes, frame_budget;
    unsigned long *done;         /* tiles sent in this round through the picture */
    unsigned long *before;       /* pick.c's copy of `dirty` */
    unsigned scan_at, scan_left; /* tiles: where the message goes on, how many are before it */
    struct vnc_link link;

    struct vnc_input input;
    TAILQ_ENTRY(vnc_client) link_;
};

/* Take over a connected socket; `at` becomes the client's. */
struct vnc_client *vnc_client_new(struct vnc_server *s, int fd, struct vnc_endpoint *at,
                                  bool skip_auth);
void vnc_client_free(struct vnc_client *c);
/* What is queued still goes out, in a second or so; then it ends. */
void vnc_client_end(struct vnc_client *c);
void vnc_client_send(struct vnc_client *c, const void *buf, size_t len);
/* Between updates. */
void vnc_client_control(struct vnc_client *c, const void *buf, size_t len);
/* After anything that may have made it possible to read, write or end. May free c. */
void vnc_client_go_on(struct vnc_client *c);
/* The same, soon: for callers that still need c. */
void vnc_client_go_on_soon(struct vnc_client *c);
/* Events for management programs, with both ends described. */
void vnc_client_tell(struct vnc_client *c, const char *event);

/* --- the stages of a connection ------------------------------------------------------------------ */

vnc_step vnc_step_web;     /* http.c: the first bytes on the WebSocket port */
vnc_step vnc_step_version; /* handshake.c */
vnc_step vnc_step_init;
vnc_step vnc_step_auth;    /* auth.c: the response to a challenge */
vnc_step vnc_step_message; /* message.c */
/* Say where browsers find the console, if there is a WebSocket port. Main thread. */
void vnc_web_announce(const struct vnc_server *s);
/* Does it not read our answers? */
bool vnc_message_choked(const struct vnc_client *c);

void vnc_handshake_start(struct vnc_client *c);
/* The end of a security type: 0, or why not. */
void vnc_handshake_result(struct vnc_client *c, const char *why_not);
/* Is there a cipher for it in this build? */
bool vnc_auth_possible(void);
void vnc_auth_start(struct vnc_client *c);
void vnc_vencrypt_start(struct vnc_client *c); /* vencrypt.c */
/* An established session: on with the security type that lies beneath. */
void vnc_handshake_inner(struct vnc_client *c, enum vnc_security security);
/* Has this source failed so often that it is not listened to for now? */
bool vnc_auth_blocked(const struct vnc_client *c);

/* --- updates (update.c, pick.c, scroll.c, news.c) ------------------------------------------------ */

void vnc_update_init(struct vnc_client *c);
void vnc_update_fini(struct vnc_client *c);
void vnc_update_request(struct vnc_client *c, bool incremental, const struct vnc_rect *area);
/* A mark has come back. */
void vnc_update_acknowledged(struct vnc_client *c);
/* End an update that goes on: what follows is to be in another one. */
void vnc_update_close(struct vnc_client *c);
/* The screen has another size: everything is dirty. */
void vnc_update_resized(struct vnc_client *c);
void vnc_update_dirty_area(struct vnc_client *c, const struct vnc_rect *r);
/* What it wants to see: of requests for changes nothing is left when updates are continuous. */
static inline const struct vnc_rect *vnc_update_area(const struct vnc_client *c)
{
    bool asked = c->asked.pending && (c->asked.whole || !c->continuous);

    return asked ? &c->asked.area : &c->continuous_area;
}
static inline void vnc_update_dirty(struct vnc_client *c, size_t tile)
{
    c->dirty[tile / (8 * sizeof(long))] |= 1ul << tile % (8 * sizeof(long));
}
/* Send what can be sent now. */
void vnc_update_try(struct vnc_client *c);
/* Would it take changes if there were some? */
bool vnc_update_hungry(struct vnc_client *c);
bool vnc_update_paints_cursor(const struct vnc_client *c);

/*
 * What has scrolled (scroll.c). Find a move from the server's picture to the new one, which has not
 * been taken yet; its target are whole tiles.
 */
struct display_frame;
bool vnc_scroll_find(struct vnc_server *s, const struct display_frame *f, struct vnc_scroll *m);
/* Let a client have it; false: it can do nothing with it, changed tiles there are dirty. */
bool vnc_scroll_apply(struct vnc_client *c, const struct vnc_scroll *m);
/* Put the moves into a message, before anything else of this moment. */
void vnc_scroll_write(struct vnc_client *c);
/* They are not to be sent: what they would have moved is dirty. */
void vnc_scroll_forget(struct vnc_client *c);

/* Is anything dirty that it wants to see? */
bool vnc_pick_any(const struct vnc_client *c);
/* A message begins. */
void vnc_pick_begin(struct vnc_client *c);
/*
 * Take the next rectangle (in pixels) off the map, one that should not cost more than `left` bytes;
 * of tiles that rarely change as long as there are some and `left_quiet` is not 0, which is the limit
 * for these. False: the message has had everything once.
 */
bool vnc_pick_next(struct vnc_client *c, const struct vnc_image *img, size_t left,
                   size_t left_quiet, struct vnc_rect *r);

/* What it is to be told and can understand; the rest is forgotten. A client that does not know of
 * sizes sees what fits into the one it knows. */
uint32_t vnc_news_due(struct vnc_client *c);
/* Append it to an update; how many rectangles. */
unsigned vnc_news_write(struct vnc_client *c, GByteArray *out);
/* After a client has said what it can: what it is told at once. */
void vnc_news_announce(struct vnc_client *c, uint32_t before);

/* --- input (input.c) ----------------------------------------------------------------------------- */

/* Hear of LEDs and kinds of pointers. Main thread, device lock held, once. */
void vnc_input_listen(void);
unsigned vnc_input_leds(void);
void vnc_input_init(struct vnc_client *c);
void vnc_input_fini(struct vnc_client *c); /* lets go of what it holds */
void vnc_input_key(struct vnc_client *c, unsigned code, bool down);
/* By what the key means; the guest's layout is that of -k. */
void vnc_input_keysym(struct vnc_client *c, uint32_t keysym, bool down);
void vnc_input_pointer(struct vnc_client *c, unsigned buttons, unsigned x, unsigned y);
bool vnc_input_full(const struct vnc_client *c);
/* A PC's scan code of set 1, with bit 7 for those behind E0h, as Linux's; 0: none. */
unsigned vnc_scancode_to_key(uint32_t scancode);

/* --- clipboards (clipboard.c) -------------------------------------------------------------------- */

ssize_t vnc_clipboard_message(struct vnc_client *c, const uint8_t *buf, size_t len);
void vnc_clipboard_announce(struct vnc_client *c);

#endif
