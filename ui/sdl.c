/* SPDX-License-Identifier: MIT */
/*
 * The SDL front end: a window per head of the primary adapter. SDL is used by one thread only, ours,
 * which initialises it too; the main loop stays where it is. The thread waits for events and
 * pulls pictures, sixty times a second while something changes.
 */
#include "ui/sdl_int.h"

#include "config.h"
#include "hw/core/clock.h"
#include "hw/core/lock.h"
#include "system/runstate.h"
#include "ui/frontend.h"
#include "util/error.h"
#include "util/log.h"
#include "util/optlist.h"

#include <errno.h>
#include <glib.h>

#define FRAME_MS      16                /* between pulls while something changes ... */
#define IDLE_MS       40                /* ... and otherwise, */
#define BUSY_NS       (NS_PER_SEC)      /* which is this long after the last change */
#define SETTLED_NS    (250 * NS_PER_MS) /* after which the guest hears of a window's new size */
#define SECOND_WIDTH  1024 /* of monitors beyond the first, before the user changes it */
#define SECOND_HEIGHT 768
#define JOIN_S        3
#define HEADS_MAX     16

enum start_state { STARTING, STARTED, FAILED };

static struct {
    struct sdl_ui ui;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the next two */
    pthread_cond_t cond;
    enum start_state state;
    char *why;       /* FAILED */
    bool stop;       /* atomic */
    char *guest;     /* name, or NULL */
    int64_t changed; /* CLK_REALTIME: the last change of a picture */
    enum runstate seen;
} sdl;

/* --- windows ------------------------------------------------------------------------------------ */

struct sdl_window *sdl_window_of(struct sdl_ui *ui, uint32_t id)
{
    for (unsigned i = 0; i < ui->count; i++) {
        if (ui->windows[i].window && SDL_GetWindowID(ui->windows[i].window) == id) {
            return &ui->windows[i];
        }
    }
    return NULL;
}

/* As large as it can be without changing its shape, in the middle. */
SDL_Rect sdl_picture_rect(const struct sdl_window *w)
{
    int width, height;

    SDL_GetWindowSize(w->window, &width, &height);
    SDL_Rect r = {0, 0, width, height};
    if ((int64_t)width * w->height > (int64_t)height * w->width) {
        r.w = MAX((int)((int64_t)height * w->width / w->height), 1);
        r.x = (width - r.w) / 2;
    } else {
        r.h = MAX((int)((int64_t)width * w->height / w->width), 1);
        r.y = (height - r.h) / 2;
    }
    return r;
}

static const char *state_text(const struct sdl_ui *ui)
{
    switch (runstate_get()) {
    case RUNSTATE_RUNNING:
        return ui->closing ? " [shutting down, close again to end]" : "";
    case RUNSTATE_PAUSED:
    case RUNSTATE_DEBUG:
    case RUNSTATE_PRELAUNCH:
        return " [Paused]";
    case RUNSTATE_SUSPENDED:
        return " [Suspended]";
    case RUNSTATE_SHUTDOWN:
        return " [Off]";
    default:
        return " [Stopped]";
    }
}

void sdl_update_title(struct sdl_ui *ui, struct sdl_window *w)
{
    static const char *const keys[] = {[SDL_GRAB_CTRL_ALT] = "Ctrl-Alt-G",
                                       [SDL_GRAB_SHIFT_CTRL_ALT] = "Shift-Ctrl-Alt-G",
                                       [SDL_GRAB_RIGHT_CTRL] = "Right Ctrl-G"};
    GString *title = g_string_new("doppel");

    if (sdl.guest) {
        g_string_append_printf(title, " (%s)", sdl.guest);
    }
    if (ui->count > 1) {
        g_string_append_printf(title, " %u", w->head + 1);
    }
    g_string_append(title, state_text(ui));
    if (ui->grabbed) {
        g_string_append_printf(title, " - %s lets the mouse go", keys[ui->options.grab_mod]);
    }
    SDL_SetWindowTitle(w->window, title->str);
    g_string_free(title, TRUE);
}

void sdl_set_full_screen(struct sdl_window *w, bool on)
{
    w->full_screen =
        SDL_SetWindowFullscreen(w->window, on ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0) == 0 && on;
    w->redraw = true;
}

void sdl_fit_window(struct sdl_window *w)
{
    if (!w->full_screen && !(SDL_GetWindowFlags(w->window) & SDL_WINDOW_MAXIMIZED)) {
        SDL_SetWindowSize(w->window, (int)w->width, (int)w->height);
        w->resized_at = 0;
    }
}

void sdl_set_grab(struct sdl_ui *ui, struct sdl_window *w, bool on)
{
    if (ui->grabbed == on) {
        return;
    }
    ui->grabbed = on;
    SDL_SetWindowKeyboardGrab(w->window, on);
    sdl_update_pointer(ui, w);
    for (unsigned i = 0; i < ui->count; i++) {
        sdl_update_title(ui, &ui->windows[i]);
    }
}

/* --- the pointer -------------------------------------------------------------------------------- */

static SDL_Surface *cursor_surface(struct display_cursor *c)
{
    return SDL_CreateRGBSurfaceWithFormatFrom(c->pixels, (int)c->width, (int)c->height, 32,
                                              (int)c->width * 4, SDL_PIXELFORMAT_ARGB8888);
}

static void new_cursor(struct sdl_window *w)
{
    SDL_Surface *surface = cursor_surface(&w->cursor);

    SDL_FreeCursor(w->host_cursor);
    SDL_DestroyTexture(w->cursor_texture);
    w->host_cursor = NULL;
    w->cursor_texture = NULL;
    if (surface) {
        w->host_cursor = SDL_CreateColorCursor(surface, (int)w->cursor.hot_x, (int)w->cursor.hot_y);
        w->cursor_texture = SDL_CreateTextureFromSurface(w->renderer, surface);
        SDL_FreeSurface(surface);
    }
}

/* With a tablet it is the user's, in the guest's shape if we know that, else invisible above the one
 * the guest draws. Without, it is the user's until it is grabbed. */
void sdl_update_pointer(struct sdl_ui *ui, struct sdl_window *w)
{
    bool absolute = __atomic_load_n(&ui->absolute, __ATOMIC_RELAXED);
    bool shape = absolute && w->cursor.visible && w->host_cursor;

    SDL_SetRelativeMouseMode(!absolute && ui->grabbed);
    SDL_SetCursor(shape ? w->host_cursor : SDL_GetDefaultCursor());
    SDL_ShowCursor(shape || ui->options.show_cursor || (!absolute && !ui->grabbed));
}

static void follow_cursor(struct sdl_ui *ui, struct sdl_window *w, const struct display_cursor *c)
{
    bool shape = c->serial != w->cursor.serial, visible = c->visible != w->cursor.visible;
    bool moved = c->x != w->cursor.x || c->y != w->cursor.y;

    if (!shape && !visible && !moved) {
        return;
    }
    w->cursor = *c;
    if (shape) {
        new_cursor(w);
    }
    if (shape || visible) {
        sdl_update_pointer(ui, w);
    }
    w->redraw = true;
}

/* Where the user's pointer does not show it. */
static void draw_cursor(const struct sdl_ui *ui, const struct sdl_window *w,
                        const SDL_Rect *picture)
{
    const struct display_cursor *c = &w->cursor;
    double scale = (double)picture->w / w->width;

    if (!c->visible || !w->cursor_texture || __atomic_load_n(&ui->absolute, __ATOMIC_RELAXED)) {
        return;
    }
    SDL_Rect at = {picture->x + (int)((c->x - (int)c->hot_x) * scale),
                   picture->y + (int)((c->y - (int)c->hot_y) * scale), (int)(c->width * scale),
                   (int)(c->height * scale)};
    SDL_RenderCopy(w->renderer, w->cursor_texture, NULL, &at);
}

/* --- pictures ----------------------------------------------------------------------------------- */

/* A row of tiles: what lies between the first and the last one that changed. */
static void upload_row(struct sdl_window *w, const struct display_frame *f, unsigned y)
{
    unsigned first = f->columns, last = 0;

    for (unsigned x = 0; x < f->columns; x++) {
        if (display_tile_changed(f, x, y)) {
            first = MIN(first, x);
            last = x;
        }
    }
    if (first == f->columns) {
        return;
    }
    unsigned left = first * DISPLAY_TILE, top = y * DISPLAY_TILE;
    SDL_Rect r = {(int)left, (int)top, (int)(MIN((last + 1) * DISPLAY_TILE, f->width) - left),
                  (int)(MIN(top + DISPLAY_TILE, f->height) - top)};
    SDL_UpdateTexture(w->texture, &r, f->pixels + (size_t)top * f->width + left, (int)f->width * 4);
}

static void new_size(struct sdl_window *w, const struct display_frame *f)
{
    w->width = f->width;
    w->height = f->height;
    SDL_DestroyTexture(w->texture);
    w->texture = SDL_CreateTexture(w->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                                   (int)f->width, (int)f->height);
    sdl_fit_window(w);
}

static void present(const struct sdl_ui *ui, struct sdl_window *w)
{
    SDL_Rect r = sdl_picture_rect(w);

    SDL_SetRenderDrawColor(w->renderer, 0, 0, 0, SDL_ALPHA_OPAQUE);
    SDL_RenderClear(w->renderer);
    if (w->texture) {
        SDL_RenderCopy(w->renderer, w->texture, NULL, &r);
    }
    draw_cursor(ui, w, &r);
    SDL_RenderPresent(w->renderer);
    w->redraw = false;
}

static void refresh(struct sdl_ui *ui, struct sdl_window *w)
{
    struct display_frame f;

    display_begin(w->viewer, &f);
    if (f.resized) {
        new_size(w, &f);
    }
    for (unsigned y = 0; w->texture && f.any_changed && y < f.rows; y++) {
        upload_row(w, &f, y);
    }
    follow_cursor(ui, w, f.cursor);
    if (f.any_changed) {
        sdl.changed = clock_now(CLK_REALTIME);
        w->redraw = true;
    }
    display_end(w->viewer);
    if (w->redraw) {
        present(ui, w);
    }
}

/* The user has changed the window's size and has come to rest. */
static void suggest_size(struct sdl_window *w)
{
    int width, height;

    if (!w->resized_at || clock_now(CLK_REALTIME) - w->resized_at < SETTLED_NS) {
        return;
    }
    w->resized_at = 0;
    SDL_GetWindowSize(w->window, &width, &height);
    if ((unsigned)width != w->width || (unsigned)height != w->height) {
        device_lock();
        display_suggest_size(w->display, (unsigned)width, (unsigned)height);
        device_unlock();
    }
}

/* --- the thread --------------------------------------------------------------------------------- */

static bool open_window(struct sdl_ui *ui, struct sdl_window *w)
{
    w->width = 640;
    w->height = 480;
    w->window = SDL_CreateWindow("doppel", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED, 640,
                                 480, SDL_WINDOW_RESIZABLE);
    w->renderer = w->window ? SDL_CreateRenderer(w->window, -1, 0) : NULL;
    if (!w->renderer && w->window) {
        w->renderer = SDL_CreateRenderer(w->window, -1, SDL_RENDERER_SOFTWARE);
    }
    if (!w->renderer) {
        return false;
    }
    w->shown = w->redraw = true;
    if (ui->options.full_screen) {
        sdl_set_full_screen(w, true);
    }
    sdl_update_title(ui, w);
    sdl_update_pointer(ui, w);
    return true;
}

static void close_window(struct sdl_window *w)
{
    SDL_FreeCursor(w->host_cursor);
    SDL_DestroyTexture(w->cursor_texture);
    SDL_DestroyTexture(w->texture);
    SDL_DestroyRenderer(w->renderer);
    SDL_DestroyWindow(w->window);
}

/* SDL falls back on drivers that show nothing to anybody. */
static bool is_seen(void)
{
    const char *driver = SDL_GetCurrentVideoDriver();

    if (!SDL_getenv("SDL_VIDEODRIVER") &&
        (!strcmp(driver, "offscreen") || !strcmp(driver, "dummy"))) {
        SDL_SetError("there is no window system");
        return false;
    }
    return true;
}

static bool connect_to_user(void)
{
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    return SDL_InitSubSystem(SDL_INIT_VIDEO) == 0 && is_seen();
}

static bool open_all(struct sdl_ui *ui)
{
    SDL_StopTextInput();
    for (unsigned i = 0; i < ui->count; i++) {
        if (!open_window(ui, &ui->windows[i])) {
            return false;
        }
    }
    return true;
}

static void tell_start(enum start_state state, const char *why)
{
    pthread_mutex_lock(&sdl.lock);
    sdl.state = state;
    sdl.why = g_strdup(why);
    pthread_cond_signal(&sdl.cond);
    pthread_mutex_unlock(&sdl.lock);
}

static void follow_state(struct sdl_ui *ui)
{
    enum runstate now = runstate_get();

    if (now != sdl.seen) {
        sdl.seen = now;
        ui->closing &= now == RUNSTATE_RUNNING;
        for (unsigned i = 0; i < ui->count; i++) {
            sdl_update_title(ui, &ui->windows[i]);
        }
    }
}

static void one_round(struct sdl_ui *ui)
{
    bool busy = clock_now(CLK_REALTIME) - sdl.changed < BUSY_NS;
    SDL_Event e;

    if (SDL_WaitEventTimeout(&e, busy ? FRAME_MS : IDLE_MS)) {
        do {
            sdl_handle_event(ui, &e);
        } while (SDL_PollEvent(&e));
    }
    follow_state(ui);
    for (unsigned i = 0; i < ui->count; i++) {
        suggest_size(&ui->windows[i]);
        if (ui->windows[i].shown) {
            refresh(ui, &ui->windows[i]);
        }
    }
}

/* Once the window system has let us in the machine goes on, however long windows take. */
static void *run(void *opaque)
{
    struct sdl_ui *ui = opaque;
    bool ok = connect_to_user();

    tell_start(ok ? STARTED : FAILED, ok ? NULL : SDL_GetError());
    if (ok && !open_all(ui)) {
        warn_report("-display sdl: %s", SDL_GetError());
        runstate_request_shutdown(SHUTDOWN_HOST_ERROR);
        ok = false;
    }
    while (ok && !__atomic_load_n(&sdl.stop, __ATOMIC_ACQUIRE)) {
        one_round(ui);
    }
    for (unsigned i = 0; i < ui->count; i++) {
        close_window(&ui->windows[i]);
    }
    SDL_QuitSubSystem(SDL_INIT_VIDEO);
    return NULL;
}

/* --- start and end ------------------------------------------------------------------------------ */

static const char *const grab_names[] = {"lctrl-lalt", "lshift-lctrl-lalt", "rctrl", NULL};
static const struct opt_desc option_descs[] = {
    {.name = "grab-mod",
     .type = OPT_ENUM,
     OPT_FIELD(struct sdl_options, grab_mod),
     .names = grab_names,
     .help = "keys that make key combinations ours"},
    {.name = "window-close",
     .type = OPT_BOOL,
     OPT_FIELD(struct sdl_options, window_close),
     .help = "closing the window powers the guest down"},
    {.name = "show-cursor",
     .type = OPT_BOOL,
     OPT_FIELD(struct sdl_options, show_cursor),
     .help = "always show the pointer"},
    {.name = "full-screen",
     .type = OPT_BOOL,
     OPT_FIELD(struct sdl_options, full_screen),
     .help = "start without frame"},
    {.name = NULL},
};

static int parse(const struct frontend_config *config, const char *text, struct error **err)
{
    struct opt_list list;

    sdl.ui.options = (struct sdl_options){
        .grab_mod = SDL_GRAB_CTRL_ALT, .window_close = true, .full_screen = config->full_screen};
    opt_list_parse(&list, text, NULL);
    int ret = opt_apply(&list, option_descs, &sdl.ui.options, "-display sdl", err);
    opt_list_free(&list);
    return ret;
}

static void mode_changed(void *opaque, bool absolute)
{
    struct sdl_ui *ui = opaque;

    __atomic_store_n(&ui->absolute, absolute, __ATOMIC_RELAXED);
}

static void make_viewers(struct sdl_ui *ui)
{
    struct display *first = display_find(NULL, 0), *d = first;

    ui->windows = g_new0(struct sdl_window, HEADS_MAX);
    for (ui->count = 0; d && ui->count < HEADS_MAX; ui->count++) {
        ui->windows[ui->count] =
            (struct sdl_window){.display = d, .viewer = display_viewer_new(d), .head = ui->count};
        if (ui->count) { /* further monitors are there once somebody looks */
            display_suggest_size(d, SECOND_WIDTH, SECOND_HEIGHT);
        }
        d = display_find(display_device(first), ui->count + 1);
    }
    input_source_init(&ui->source);
    ui->listener = (struct input_listener){.mode = mode_changed, .opaque = ui};
    input_listen(&ui->listener);
    ui->absolute = input_is_absolute();
}

static void free_viewers(struct sdl_ui *ui)
{
    for (unsigned i = 0; i < ui->count; i++) {
        display_suggest_size(ui->windows[i].display, 0, 0);
        display_viewer_free(ui->windows[i].viewer);
    }
    input_unlisten(&ui->listener);
    input_source_fini(&ui->source);
    g_free(ui->windows);
}

/* The thread may be waiting for the device lock; or for a window system that has stopped, then it is
 * left behind, since the process ends. */
static void join(void)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += JOIN_S;
    device_unlock();
    int ret = pthread_timedjoin_np(sdl.thread, NULL, &until);
    device_lock();
    if (ret == 0) {
        free_viewers(&sdl.ui);
        g_free(sdl.guest);
        sdl.guest = NULL;
    }
}

static void wait_for_start(void)
{
    device_unlock();
    pthread_mutex_lock(&sdl.lock);
    while (sdl.state == STARTING) {
        pthread_cond_wait(&sdl.cond, &sdl.lock);
    }
    pthread_mutex_unlock(&sdl.lock);
    device_lock();
}

static int sdl_start(const struct frontend_config *config, const char *options, struct error **err)
{
    int ret = parse(config, options, err);

    if (ret < 0) {
        return ret;
    }
    if (!display_find(NULL, 0)) {
        error_set(err, "-display sdl: the machine has no display adapter");
        return -ENODEV;
    }
    pthread_mutex_init(&sdl.lock, NULL);
    pthread_cond_init(&sdl.cond, NULL);
    sdl.state = STARTING;
    sdl.stop = false;
    sdl.guest = g_strdup(config->name);
    make_viewers(&sdl.ui);
    ret = pthread_create(&sdl.thread, NULL, run, &sdl.ui);
    if (ret) {
        free_viewers(&sdl.ui);
        return error_set_errno(err, ret, "-display sdl");
    }
    wait_for_start();
    if (sdl.state == FAILED) {
        join();
        error_set(err, "-display sdl: %s", sdl.why);
        g_free(sdl.why);
        return -ENODEV;
    }
    return 0;
}

static void sdl_stop(void)
{
    SDL_Event wake = {.type = SDL_USEREVENT};

    __atomic_store_n(&sdl.stop, true, __ATOMIC_RELEASE);
    SDL_PushEvent(&wake); /* the one call of SDL that any thread may make */
    join();
}

const struct frontend sdl_frontend = {.name = "sdl",
                                      .help = "a window: sdl[,grab-mod=KEYS][,window-close=on|off]"
                                              "[,show-cursor=on|off][,full-screen=on|off]",
                                      .start = sdl_start,
                                      .stop = sdl_stop};
