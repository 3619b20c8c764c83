/* SPDX-License-Identifier: MIT */
/*
 * FramebufferUpdate messages (RFC 6143, 7.6.1). A client gets what is dirty at the moment there is
 * room for it: an update is begun only when everything before has left for the network and the link
 * has room, and encoded piece by piece as the socket takes it. Where a client's link is slow an
 * update has part of what is dirty; the next one goes on from there. What comes first: pick.c.
 *
 * Without LastRect the number of rectangles must be known first: such an update is made whole. Few
 * clients lack that; how much all of them together may hold is bounded (LEGACY_MAX).
 */
#include "ui/vnc/internal.h"

#include "ui/display.h"

#define PIECE_PIXELS     (128u << 10) /* encoded before others get a turn ... */
#define PIECE_BYTES      KIB(16) /* ... and, on a slow link, before there may be something new */
#define RECTS_MAX        32768u  /* of a message, before the last vnc_encode() */
#define LEAST_BYTES      KIB(1)  /* a rest that is not worth a rectangle */
#define SLOW_QUALITY     3       /* of JPEG, where the client allows it */
#define SLOW_COMPRESSION 8
#define LOSSLESS_MS      500 /* how long an area sent lossily has been quiet before it is sent again */
#define LEGACY_MAX       MIB(256)

enum { MSG_FRAMEBUFFER_UPDATE = 0, MSG_FENCE = 248 };
enum { FENCE_BLOCK_BEFORE = 1, FENCE_REQUEST = 0x80000000u };

static size_t words(const struct vnc_screen *scr)
{
    return bits_words((size_t)scr->columns * scr->rows);
}

static void new_maps(struct vnc_client *c)
{
    const struct vnc_screen *scr = &c->server->screen;

    g_free(c->dirty);
    g_free(c->done);
    g_free(c->before);
    c->dirty = g_new(unsigned long, words(scr));
    c->done = g_new0(unsigned long, words(scr));
    c->before = g_new(unsigned long, words(scr));
    c->scan_at = c->scan_left = c->move_count = 0;
    memset(c->dirty, 0xff, words(scr) * sizeof(*c->dirty));
}

void vnc_update_init(struct vnc_client *c)
{
    const struct vnc_screen *scr = &c->server->screen;

    c->width = scr->width;
    c->height = scr->height;
    c->encoder = vnc_encoder_new();
    vnc_encoder_allow_lossy(c->encoder, c->server->opts.lossy);
    c->frame = g_byte_array_new();
    c->control = g_byte_array_new();
    new_maps(c);
    vnc_link_init(&c->link);
}

void vnc_update_fini(struct vnc_client *c)
{
    if (c->dirty) {
        vnc_encoder_free(c->encoder);
        g_byte_array_free(c->frame, TRUE);
        g_byte_array_free(c->control, TRUE);
        g_free(c->dirty);
        g_free(c->done);
        g_free(c->before);
    }
}

void vnc_update_resized(struct vnc_client *c)
{
    new_maps(c);
    c->news |= VNC_NEWS_SIZE;
    c->frame_cut = true;
}

void vnc_update_dirty_area(struct vnc_client *c, const struct vnc_rect *r)
{
    const struct vnc_screen *scr = &c->server->screen;
    unsigned x1 = MIN(DIV_ROUND_UP(r->x + r->w, DISPLAY_TILE), scr->columns);
    unsigned y1 = MIN(DIV_ROUND_UP(r->y + r->h, DISPLAY_TILE), scr->rows);

    for (unsigned y = r->y / DISPLAY_TILE; y < y1; y++) {
        for (unsigned x = r->x / DISPLAY_TILE; x < x1; x++) {
            vnc_update_dirty(c, (size_t)y * scr->columns + x);
        }
    }
}

bool vnc_update_paints_cursor(const struct vnc_client *c)
{
    return !vnc_encoder_has(c->encoder, VNC_ENCODING_CURSOR) &&
           !vnc_encoder_has(c->encoder, VNC_ENCODING_CURSOR_ALPHA);
}

/* --- making a message ---------------------------------------------------------------------------- */

static struct vnc_image image_for(const struct vnc_client *c)
{
    const struct vnc_screen *scr = &c->server->screen;

    return (struct vnc_image){scr->pixels, scr->width, MIN(scr->width, c->width),
                              MIN(scr->height, c->height)};
}

/*
 * May a message be longer than what we know when it begins? Some that name LastRect wait for the rest
 * nevertheless (vncsnapshot, of RFB 3.3, does); those that know fences, or Tight, where it comes from,
 * and a newer version do not.
 */
static bool in_pieces(const struct vnc_client *c)
{
    bool tight = vnc_encoder_has(c->encoder, VNC_ENCODING_TIGHT) && c->minor > 3;

    return vnc_encoder_has(c->encoder, VNC_ENCODING_LAST_RECT) && (tight || c->can & VNC_CAN_FENCE);
}

/* What a rectangle may have. */
static size_t bytes_left(const struct vnc_client *c)
{
    size_t used = c->frame_bytes + c->frame->len, left = 0;

    if (c->frame_budget > used && c->frame_rects < RECTS_MAX) {
        left = c->frame_budget - used;
    }
    if (in_pieces(c) && vnc_link_careful(&c->link)) {
        left = MIN(left, (size_t)PIECE_BYTES - MIN((size_t)c->frame->len, (size_t)PIECE_BYTES));
    }
    return left < LEAST_BYTES ? 0 : left;
}

static bool frame_full(const struct vnc_client *c)
{
    return c->frame_bytes + c->frame->len + LEAST_BYTES > c->frame_budget ||
           c->frame_rects >= RECTS_MAX;
}

/* Half of what goes at once is for quiet tiles, where there may not be room for everything. */
static size_t bytes_left_quiet(const struct vnc_client *c)
{
    size_t half = MIN(c->frame_budget, (size_t)PIECE_BYTES) / 2;
    bool all = c->frame_budget == SIZE_MAX && !in_pieces(c);
    bool some = !all && vnc_link_careful(&c->link) && c->frame->len + LEAST_BYTES <= half;

    return some ? half - c->frame->len : 0;
}

/* Dirty tiles of up to so many pixels. True: there are no more, or no more may be sent. */
static bool encode_tiles(struct vnc_client *c, size_t pixels)
{
    struct vnc_image img = image_for(c);
    struct vnc_rect r;
    size_t left;

    while (pixels && (left = bytes_left(c))) {
        if (c->frame_cut || !vnc_pick_next(c, &img, left, bytes_left_quiet(c), &r)) {
            return true;
        }
        c->frame_rects += vnc_encode(c->encoder, &img, r.x, r.y, r.w, r.h, c->frame);
        pixels -= MIN(pixels, (size_t)r.w * r.h);
    }
    return frame_full(c);
}

/* What was sent lossily and has been quiet since. */
static void encode_again(struct vnc_client *c)
{
    struct vnc_image img = image_for(c);
    int64_t before = vnc_now() / 1000 - LOSSLESS_MS;
    struct vnc_rect r;

    while (bytes_left(c) && vnc_encoder_lossy_area(c->encoder, before, &r)) {
        if (vnc_link_careful(&c->link)) {
            r.w = MIN(r.w, VNC_LOSSY_SIDE);
            r.h = MIN(r.h, VNC_LOSSY_SIDE);
        }
        c->frame_rects += vnc_encode_lossless(c->encoder, &img, r.x, r.y, r.w, r.h, c->frame);
    }
}

/* With the cursor in the picture for those who cannot draw it themselves. */
static bool encode_some(struct vnc_client *c, size_t pixels)
{
    static uint32_t under[DISPLAY_CURSOR_SIDE * DISPLAY_CURSOR_SIDE];
    bool paint = vnc_update_paints_cursor(c);

    if (paint) {
        vnc_screen_paint_cursor(&c->server->screen, under);
    }
    vnc_scroll_write(c);
    bool over = encode_tiles(c, pixels);
    if (over && !c->frame_cut) {
        encode_again(c);
    }
    if (paint) {
        vnc_screen_unpaint_cursor(&c->server->screen, under);
    }
    return over;
}

static bool lossy_due(const struct vnc_client *c)
{
    return vnc_encoder_lossy_since(c->encoder) <= vnc_now() / 1000 - LOSSLESS_MS;
}

static void send_frame(struct vnc_client *c)
{
    vnc_client_send(c, c->frame->data, c->frame->len);
    c->frame_bytes += c->frame->len;
    g_byte_array_set_size(c->frame, 0);
}

/* A mark in the stream, so that we learn when the client has come so far. */
static void ask_for_acknowledgement(struct vnc_client *c)
{
    uint8_t fence[9 + 1] = {MSG_FENCE};
    bool fences = c->can & VNC_CAN_FENCE;

    if (!fences && c->continuous) {
        return; /* nothing will tell */
    }
    if (vnc_link_sent(&c->link, c->stream.total, vnc_now()) && fences) {
        st_be32(fence + 4, FENCE_REQUEST | FENCE_BLOCK_BEFORE);
        fence[8] = 1;
        vnc_client_send(c, fence, sizeof(fence));
    }
}

static void end_message(struct vnc_client *c)
{
    c->frame_open = false;
    c->asked = c->asked_next;
    c->asked_next = (struct vnc_request){.pending = false};
    ask_for_acknowledgement(c);
}

static void send_control(struct vnc_client *c)
{
    if (c->control->len) {
        vnc_client_send(c, c->control->data, c->control->len);
        g_byte_array_set_size(c->control, 0);
        if (c->can & VNC_CAN_FENCE && !c->link.position) {
            ask_for_acknowledgement(c); /* how long the link is, before anything else is on it */
        }
    }
}

/* On a link that has turned out to be slow, fewer bytes are worth some quality and work. */
static void adapt_encoder(struct vnc_client *c)
{
    bool slow = vnc_link_slow(&c->link) && !c->server->opts.non_adaptive;

    vnc_encoder_adapt(c->encoder, slow ? SLOW_QUALITY : -1, slow ? SLOW_COMPRESSION : -1);
}

/*
 * Is this to be one message, however long it takes? Clients with fences are those that take updates
 * as they come; among the others are some that take the first one for all of the picture.
 */
static bool whole_at_once(const struct vnc_client *c)
{
    return c->asked.whole && !(c->can & VNC_CAN_FENCE);
}

static void begin_message(struct vnc_client *c)
{
    const struct vnc_screen *scr = &c->server->screen;
    uint8_t header[4] = {MSG_FRAMEBUFFER_UPDATE};

    if (c->asked.whole) {
        vnc_update_dirty_area(c, &c->asked.area);
        c->scan_left = 0; /* a new round: all of it */
    }
    g_byte_array_append(c->frame, header, sizeof(header));
    c->frame_bytes = 0;
    /* asked again: the screen may have been looked at since */
    bool size = vnc_news_due(c) & VNC_NEWS_SIZE && (c->width != scr->width || c->height != scr->height);
    c->frame_rects = vnc_news_write(c, c->frame);
    size_t least = c->frame->len + LEAST_BYTES; /* news do not keep pixels from being sent */
    c->frame_budget = whole_at_once(c) ? SIZE_MAX : MAX(vnc_link_room(&c->link), least);
    /* after a change of size the client throws away what else is in the message: that comes next */
    c->frame_cut = size;
    if (size) {
        vnc_update_dirty_area(c, &(struct vnc_rect){0, 0, scr->width, scr->height});
    }
    if (size && c->asked.pending) {
        c->asked_next = (struct vnc_request){
            .pending = true, .whole = c->asked.whole, .area = {0, 0, scr->width, scr->height}};
    }
    vnc_pick_begin(c);
    adapt_encoder(c);
    struct vnc_image img = image_for(c);
    vnc_encoder_frame(c->encoder, img.width, img.height, vnc_now() / 1000);
}

static void send_piece(struct vnc_client *c)
{
    if (c->frame_budget == SIZE_MAX) {
        vnc_screen_refresh(c->server); /* it may take long */
    }
    bool over = encode_some(c, PIECE_PIXELS);

    if (over) {
        vnc_encode_last_rect(c->encoder, c->frame);
    }
    send_frame(c);
    if (over) {
        end_message(c);
    }
}

static bool wants(const struct vnc_client *c)
{
    return c->asked.pending || c->continuous;
}

/* Is there memory for an update that cannot be made in pieces? */
static bool legacy_room(const struct vnc_client *c)
{
    const struct vnc_client *other;
    size_t queued = 0;

    if (in_pieces(c)) {
        return true;
    }
    TAILQ_FOREACH(other, &c->server->clients, link_)
    {
        queued += vnc_stream_queued(&other->stream);
    }
    return queued < LEGACY_MAX;
}

/*
 * Does the link take more? Without fences nothing need come before an update that has been asked for,
 * be it because it was asked for before the last one ended, or because there are continuous ones.
 */
static bool link_has_room(struct vnc_client *c)
{
    if (!(c->can & VNC_CAN_FENCE) && !vnc_link_room(&c->link)) {
        vnc_link_forget(&c->link);
    }
    return vnc_link_room(&c->link) > 0;
}

static bool may_begin(struct vnc_client *c)
{
    return wants(c) && (whole_at_once(c) || link_has_room(c)) &&
           (vnc_news_due(c) || c->asked.whole || c->move_count || vnc_pick_any(c) ||
            lossy_due(c)) &&
           legacy_room(c);
}

void vnc_update_close(struct vnc_client *c)
{
    struct vnc_request rest = c->asked;

    if (!c->frame_open) {
        return;
    }
    rest.pending &= c->move_count || vnc_pick_any(c);
    c->frame_cut = true;
    send_piece(c);
    if (rest.pending) {
        vnc_update_request(c, !rest.whole, &rest.area);
    }
}

/* --- what the client says ------------------------------------------------------------------------ */

static struct vnc_rect both(const struct vnc_rect *a, const struct vnc_rect *b)
{
    unsigned x = MIN(a->x, b->x), y = MIN(a->y, b->y);

    return (struct vnc_rect){x, y, MAX(a->x + a->w, b->x + b->w) - x,
                             MAX(a->y + a->h, b->y + b->h) - y};
}

void vnc_update_request(struct vnc_client *c, bool incremental, const struct vnc_rect *area)
{
    struct vnc_request *r = c->frame_open ? &c->asked_next : &c->asked;

    if (incremental && c->continuous) {
        return;
    }
    r->area = r->pending ? both(&r->area, area) : *area;
    r->whole |= !incremental;
    r->pending = true;
    if (!(c->can & VNC_CAN_FENCE)) {
        vnc_update_acknowledged(c);
    }
}

void vnc_update_acknowledged(struct vnc_client *c)
{
    vnc_link_acknowledged(&c->link, vnc_now());
}

/* --- when ---------------------------------------------------------------------------------------- */

static void send_first(struct vnc_client *c)
{
    if (!may_begin(c)) {
        return;
    }
    vnc_screen_refresh(c->server); /* what it gets is what there is now */
    begin_message(c);
    c->frame_open = !encode_some(c, in_pieces(c) ? PIECE_PIXELS : SIZE_MAX);
    st_be16(c->frame->data + 2, c->frame_open ? 0xffff : (uint16_t)c->frame_rects);
    send_frame(c);
    if (!c->frame_open) {
        end_message(c);
    }
}

void vnc_update_try(struct vnc_client *c)
{
    if (c->state != VNC_RUNNING || vnc_stream_queued(&c->stream)) {
        return;
    }
    bool piece = c->frame_open;
    if (piece) {
        send_piece(c);
    } else {
        send_control(c);
        send_first(c);
    }
    /* others first; then also what has waited for the last piece */
    if (c->frame_open || (piece && (c->control->len || c->asked.pending))) {
        vnc_client_go_on_soon(c);
    }
}

bool vnc_update_hungry(struct vnc_client *c)
{
    return c->state == VNC_RUNNING && wants(c) && !c->frame_open &&
           !vnc_stream_queued(&c->stream) && vnc_link_room(&c->link) > 0;
}
