/* SPDX-License-Identifier: MIT */
/*
 * FramebufferUpdate messages (RFC 6143, 7.6.1). A client gets what is dirty at the moment there is
 * room for it: an update is begun only when everything before has left for the network and the link
 * has room, and encoded piece by piece as the socket takes it. Where a client's link is slow an
 * update has part of what is dirty; the next one goes on from there.
 *
 * Without LastRect the number of rectangles must be known first: such an update is made whole. Few
 * clients lack that; how much all of them together may hold is bounded (LEGACY_MAX).
 */
#include "ui/vnc/internal.h"

#include "ui/display.h"

#define PIECE_PIXELS (128u << 10) /* encoded before others get a turn */
#define RECT_TILES   1024u        /* 256 Ki pixels: fewer rectangles are fewer bytes */
#define RECTS_MAX    32768u       /* of a message, before the last vnc_encode() */
#define BUDGET_MIN   4096u
#define LOSSLESS_MS  500 /* how long an area sent lossily has been quiet before it is sent again */
#define LEGACY_MAX   MIB(256)

#define WORD_BITS (8 * sizeof(unsigned long))

enum { MSG_FRAMEBUFFER_UPDATE = 0, MSG_FENCE = 248 };
enum { FENCE_BLOCK_BEFORE = 1, FENCE_REQUEST = 0x80000000u };

static size_t words(const struct vnc_screen *scr)
{
    return DIV_ROUND_UP((size_t)scr->columns * scr->rows, WORD_BITS);
}

static void all_dirty(struct vnc_client *c)
{
    memset(c->dirty, 0xff, words(&c->server->screen) * sizeof(*c->dirty));
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
    c->dirty = g_new0(unsigned long, words(scr));
    all_dirty(c);
    vnc_link_init(&c->link);
}

void vnc_update_fini(struct vnc_client *c)
{
    if (c->dirty) {
        vnc_encoder_free(c->encoder);
        g_byte_array_free(c->frame, TRUE);
        g_byte_array_free(c->control, TRUE);
        g_free(c->dirty);
    }
}

void vnc_update_resized(struct vnc_client *c)
{
    g_free(c->dirty);
    c->dirty = g_new0(unsigned long, words(&c->server->screen));
    all_dirty(c);
    c->news |= VNC_NEWS_SIZE;
    c->frame_rows_left = 0; /* an open message ends here */
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

/* --- finding what is dirty ----------------------------------------------------------------------- */

/* What the client wants to see, and can: in tiles, x1 and y1 excluded. */
struct tiles {
    unsigned x0, y0, x1, y1;
};

static struct tiles wanted(const struct vnc_client *c)
{
    const struct vnc_screen *scr = &c->server->screen;
    const struct vnc_rect *r = c->asked.pending ? &c->asked.area : &c->continuous_area;
    unsigned width = MIN(scr->width, c->width), height = MIN(scr->height, c->height);

    return (struct tiles){
        .x0 = r->x / DISPLAY_TILE,
        .y0 = r->y / DISPLAY_TILE,
        .x1 = DIV_ROUND_UP(MIN(r->x + r->w, width), DISPLAY_TILE),
        .y1 = DIV_ROUND_UP(MIN(r->y + r->h, height), DISPLAY_TILE),
    };
}

static bool test_tile(const struct vnc_client *c, unsigned x, unsigned y)
{
    size_t bit = (size_t)y * c->server->screen.columns + x;

    return c->dirty[bit / WORD_BITS] >> bit % WORD_BITS & 1;
}

static bool row_has(const struct vnc_client *c, unsigned x0, unsigned x1, unsigned y)
{
    while (x0 < x1 && !test_tile(c, x0, y)) {
        x0++;
    }
    return x0 < x1;
}

static bool any_dirty(const struct vnc_client *c)
{
    struct tiles t = wanted(c);

    while (t.y0 < t.y1 && !row_has(c, t.x0, t.x1, t.y0)) {
        t.y0++;
    }
    return t.y0 < t.y1;
}

/* The first run of dirty tiles in row y, and what goes with it below; taken off the map. */
static bool take_run(struct vnc_client *c, const struct tiles *in, unsigned y, struct tiles *run)
{
    struct vnc_tile_map map = {c->dirty, c->server->screen.columns};
    struct vnc_rect all = {in->x0, in->y0, in->x1 - in->x0, in->y1 - in->y0}, r;

    if (in->x0 >= in->x1 || !vnc_take_tiles(&map, &all, y, RECT_TILES, &r)) {
        return false;
    }
    *run = (struct tiles){r.x, r.y, r.x + r.w, r.y + r.h};
    return true;
}

/* --- making a message ---------------------------------------------------------------------------- */

static void encode_run(struct vnc_client *c, const struct tiles *t)
{
    const struct vnc_screen *scr = &c->server->screen;
    struct vnc_image img = {scr->pixels, scr->width, MIN(scr->width, c->width),
                            MIN(scr->height, c->height)};

    c->frame_rects +=
        vnc_encode(c->encoder, &img, t->x0 * DISPLAY_TILE, t->y0 * DISPLAY_TILE,
                   (t->x1 - t->x0) * DISPLAY_TILE, (t->y1 - t->y0) * DISPLAY_TILE, c->frame);
}

static void next_row(struct vnc_client *c, const struct tiles *in)
{
    c->frame_row = c->frame_row + 1 < in->y1 ? c->frame_row + 1 : in->y0;
    c->frame_rows_left--;
}

static bool frame_full(const struct vnc_client *c)
{
    return c->frame_bytes + c->frame->len >= c->frame_budget || c->frame_rects >= RECTS_MAX;
}

/* Dirty tiles of up to so many pixels. */
static void encode_tiles(struct vnc_client *c, size_t pixels)
{
    struct tiles in = wanted(c), run;

    while (c->frame_rows_left && pixels && !frame_full(c)) {
        if (c->frame_row < in.y0 || c->frame_row >= in.y1 ||
            !take_run(c, &in, c->frame_row, &run)) {
            next_row(c, &in);
            continue;
        }
        encode_run(c, &run);
        size_t n = (size_t)(run.x1 - run.x0) * (run.y1 - run.y0) * DISPLAY_TILE * DISPLAY_TILE;
        pixels -= MIN(pixels, n);
    }
}

/*
 * May a message be longer than what we know when it begins? Some that name LastRect stumble over it;
 * those that know Tight, where it comes from, or fences do not.
 */
static bool in_pieces(const struct vnc_client *c)
{
    return vnc_encoder_has(c->encoder, VNC_ENCODING_LAST_RECT) &&
           (vnc_encoder_has(c->encoder, VNC_ENCODING_TIGHT) || (c->can & VNC_CAN_FENCE));
}

/* With the cursor in the picture for those who cannot draw it themselves. */
static void encode_some(struct vnc_client *c, size_t pixels)
{
    static uint32_t under[DISPLAY_CURSOR_SIDE * DISPLAY_CURSOR_SIDE];
    bool paint = vnc_update_paints_cursor(c);

    if (paint) {
        vnc_screen_paint_cursor(&c->server->screen, under);
    }
    encode_tiles(c, pixels);
    if (paint) {
        vnc_screen_unpaint_cursor(&c->server->screen, under);
    }
}

/* What was sent lossily and has been quiet since. */
static void encode_again(struct vnc_client *c, int64_t now_ms)
{
    const struct vnc_screen *scr = &c->server->screen;
    struct vnc_image img = {scr->pixels, scr->width, MIN(scr->width, c->width),
                            MIN(scr->height, c->height)};
    struct vnc_rect r;

    while (!frame_full(c) && vnc_encoder_lossy_area(c->encoder, now_ms - LOSSLESS_MS, &r)) {
        c->frame_rects += vnc_encode_lossless(c->encoder, &img, r.x, r.y, r.w, r.h, c->frame);
    }
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
    c->link.limited |= c->frame_bytes >= c->frame_budget;
    c->asked = c->asked_next;
    c->asked_next = (struct vnc_request){.pending = false};
    ask_for_acknowledgement(c);
}

static void send_control(struct vnc_client *c)
{
    if (c->control->len) {
        vnc_client_send(c, c->control->data, c->control->len);
        g_byte_array_set_size(c->control, 0);
    }
}

static void begin_message(struct vnc_client *c)
{
    const struct vnc_screen *scr = &c->server->screen;
    struct tiles in = wanted(c);
    uint8_t header[4] = {MSG_FRAMEBUFFER_UPDATE};

    if (c->asked.whole) {
        vnc_update_dirty_area(c, &c->asked.area);
    }
    g_byte_array_append(c->frame, header, sizeof(header));
    c->frame_bytes = 0;
    c->frame_budget = c->asked.whole ? SIZE_MAX : MAX(vnc_link_room(&c->link), (size_t)BUDGET_MIN);
    bool size = c->news & VNC_NEWS_SIZE;
    c->frame_rects = vnc_news_write(c, c->frame);
    /* after a change of size the client throws away what else is in the message */
    c->frame_rows_left = !size && in.y0 < in.y1 ? in.y1 - in.y0 + 1 : 0;
    if (c->frame_row < in.y0 || c->frame_row >= in.y1 || c->asked.whole) {
        c->frame_row = in.y0;
    }
    vnc_encoder_frame(c->encoder, scr->width, scr->height, vnc_now() / 1000);
}

static void send_piece(struct vnc_client *c)
{
    encode_some(c, PIECE_PIXELS);
    if (!c->frame_rows_left || frame_full(c)) {
        encode_again(c, vnc_now() / 1000);
        vnc_encode_last_rect(c->encoder, c->frame);
        send_frame(c);
        end_message(c);
        return;
    }
    send_frame(c);
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

static bool may_begin(struct vnc_client *c)
{
    return wants(c) && (c->asked.whole || vnc_link_room(&c->link)) &&
           (vnc_news_due(c) || c->asked.whole || any_dirty(c) || lossy_due(c)) && legacy_room(c);
}

void vnc_update_close(struct vnc_client *c)
{
    struct vnc_request rest = c->asked;

    if (!c->frame_open) {
        return;
    }
    rest.pending &= c->frame_rows_left > 0;
    c->frame_rows_left = 0;
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
    begin_message(c);
    encode_some(c, in_pieces(c) ? PIECE_PIXELS : SIZE_MAX);
    if (!c->frame_rows_left || frame_full(c)) {
        encode_again(c, vnc_now() / 1000);
        st_be16(c->frame->data + 2, (uint16_t)c->frame_rects);
        send_frame(c);
        end_message(c);
    } else {
        c->frame_open = true;
        st_be16(c->frame->data + 2, 0xffff);
        send_frame(c);
    }
}

void vnc_update_try(struct vnc_client *c)
{
    if (c->state != VNC_RUNNING || vnc_stream_queued(&c->stream)) {
        return;
    }
    if (c->frame_open) {
        send_piece(c);
    } else {
        send_control(c);
        send_first(c);
    }
    if (c->frame_open) {
        vnc_client_go_on_soon(c); /* others first */
    }
}

bool vnc_update_hungry(struct vnc_client *c)
{
    return c->state == VNC_RUNNING && wants(c) && !c->frame_open &&
           !vnc_stream_queued(&c->stream) && vnc_link_room(&c->link) > 0;
}
