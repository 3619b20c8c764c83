/* SPDX-License-Identifier: MIT */
/*
 * What the user does in a window of the SDL front end. Keys are told by their place on the keyboard
 * (SDL's scancodes are USB usages), so that the guest's layout decides what they mean. Without a
 * tablet the pointer belongs to the guest while it is grabbed; with one it is where the user's is.
 */
#include "ui/sdl_int.h"

#include "hw/core/clock.h"
#include "hw/core/lock.h"
#include "system/runstate.h"
#include "ui/usages.h"

#include <linux/input-event-codes.h>

/* --- keys --------------------------------------------------------------------------------------- */

/* Beyond the usages of a keyboard. */
static const struct {
    SDL_Scancode scancode;
    uint16_t code;
} media_keys[] = {
    {SDL_SCANCODE_AUDIONEXT, KEY_NEXTSONG},
    {SDL_SCANCODE_AUDIOPREV, KEY_PREVIOUSSONG},
    {SDL_SCANCODE_AUDIOSTOP, KEY_STOPCD},
    {SDL_SCANCODE_AUDIOPLAY, KEY_PLAYPAUSE},
    {SDL_SCANCODE_AUDIOMUTE, KEY_MUTE},
    {SDL_SCANCODE_MEDIASELECT, KEY_MEDIA},
    {SDL_SCANCODE_WWW, KEY_WWW},
    {SDL_SCANCODE_MAIL, KEY_MAIL},
    {SDL_SCANCODE_CALCULATOR, KEY_CALC},
    {SDL_SCANCODE_COMPUTER, KEY_COMPUTER},
    {SDL_SCANCODE_AC_SEARCH, KEY_SEARCH},
    {SDL_SCANCODE_AC_HOME, KEY_HOMEPAGE},
    {SDL_SCANCODE_AC_BACK, KEY_BACK},
    {SDL_SCANCODE_AC_FORWARD, KEY_FORWARD},
    {SDL_SCANCODE_AC_STOP, KEY_STOP},
    {SDL_SCANCODE_AC_REFRESH, KEY_REFRESH},
    {SDL_SCANCODE_AC_BOOKMARKS, KEY_BOOKMARKS},
    {SDL_SCANCODE_EJECT, KEY_EJECTCD},
    {SDL_SCANCODE_SLEEP, KEY_SLEEP},
};

static unsigned key_of(SDL_Scancode scancode)
{
    for (unsigned i = 0; i < ARRAY_SIZE(media_keys); i++) {
        if (media_keys[i].scancode == scancode) {
            return media_keys[i].code;
        }
    }
    return scancode < 0x100 ? usage_to_key(scancode) : 0;
}

/* mod: of the event. SDL_GetModState() knows what has come since, perhaps that all was let go. */
static bool grab_keys_down(const struct sdl_ui *ui, unsigned mod)
{
    bool ctrl_alt = (mod & KMOD_LCTRL) && (mod & KMOD_LALT);

    switch (ui->options.grab_mod) {
    case SDL_GRAB_SHIFT_CTRL_ALT:
        return ctrl_alt && (mod & KMOD_LSHIFT);
    case SDL_GRAB_RIGHT_CTRL:
        return mod & KMOD_RCTRL;
    default:
        return ctrl_alt;
    }
}

/* Ctrl-Alt and a key: f full screen, g grab, u the picture's own size. */
static bool own_combination(struct sdl_ui *ui, struct sdl_window *w, const SDL_KeyboardEvent *e)
{
    if (!grab_keys_down(ui, e->keysym.mod)) {
        return false;
    }
    switch (e->keysym.scancode) {
    case SDL_SCANCODE_F:
        sdl_set_full_screen(w, !w->full_screen);
        return true;
    case SDL_SCANCODE_G:
        sdl_set_grab(ui, w, !ui->grabbed);
        return true;
    case SDL_SCANCODE_U:
        sdl_fit_window(w);
        return true;
    default:
        return false;
    }
}

static void send_key(struct sdl_ui *ui, unsigned code, bool down)
{
    if (code) {
        device_lock();
        input_source_key(&ui->source, code, down);
        device_unlock();
    }
}

static void release_all(struct sdl_ui *ui)
{
    device_lock();
    input_source_release(&ui->source);
    device_unlock();
    ui->buttons = 0;
}

static void handle_key(struct sdl_ui *ui, const SDL_KeyboardEvent *e)
{
    struct sdl_window *w = sdl_window_of(ui, e->windowID);
    bool down = e->type == SDL_KEYDOWN;

    if (down && w && !e->repeat && own_combination(ui, w, e)) {
        ui->swallowed = true;
        release_all(ui); /* the guest has seen the modifiers go down */
        return;
    }
    ui->swallowed &= down;
    if (ui->swallowed && e->repeat) {
        return;
    }
    send_key(ui, key_of(e->keysym.scancode), down);
}

/* --- pointer ------------------------------------------------------------------------------------ */

static bool is_absolute(const struct sdl_ui *ui)
{
    return __atomic_load_n(&ui->absolute, __ATOMIC_RELAXED);
}

static void handle_motion(struct sdl_ui *ui, const SDL_MouseMotionEvent *e)
{
    struct sdl_window *w = sdl_window_of(ui, e->windowID);

    if (!w) {
        return;
    }
    SDL_Rect r = sdl_picture_rect(w);
    device_lock();
    if (is_absolute(ui)) {
        input_send_move_to(input_place(e->x - r.x, (unsigned)MAX(r.w, 0)),
                           input_place(e->y - r.y, (unsigned)MAX(r.h, 0)));
    } else if (ui->grabbed) {
        input_send_move(e->xrel, e->yrel, 0);
    }
    device_unlock();
}

static unsigned button_bit(uint8_t button)
{
    static const uint8_t bits[] = {[SDL_BUTTON_LEFT] = INPUT_LEFT,
                                   [SDL_BUTTON_MIDDLE] = INPUT_MIDDLE,
                                   [SDL_BUTTON_RIGHT] = INPUT_RIGHT,
                                   [SDL_BUTTON_X1] = INPUT_SIDE,
                                   [SDL_BUTTON_X2] = INPUT_EXTRA};

    return button < ARRAY_SIZE(bits) ? bits[button] : 0;
}

/* The first click without a tablet only takes the pointer. */
static void handle_button(struct sdl_ui *ui, const SDL_MouseButtonEvent *e)
{
    struct sdl_window *w = sdl_window_of(ui, e->windowID);
    unsigned bit = button_bit(e->button);

    if (!is_absolute(ui) && !ui->grabbed) {
        if (w && e->type == SDL_MOUSEBUTTONDOWN && e->button == SDL_BUTTON_LEFT) {
            sdl_set_grab(ui, w, true);
        }
        return;
    }
    ui->buttons = e->type == SDL_MOUSEBUTTONDOWN ? ui->buttons | bit : ui->buttons & ~bit;
    device_lock();
    input_source_buttons(&ui->source, ui->buttons);
    device_unlock();
}

static void handle_wheel(struct sdl_ui *ui, const SDL_MouseWheelEvent *e)
{
    int sign = e->direction == SDL_MOUSEWHEEL_FLIPPED ? -1 : 1;

    if (is_absolute(ui) || ui->grabbed) {
        device_lock();
        input_send_wheel(-sign * e->y, sign * e->x);
        device_unlock();
    }
}

/* --- windows ------------------------------------------------------------------------------------ */

/* Once: the guest is asked to end; once more, or if it cannot hear: that is the end. */
static void handle_close(struct sdl_ui *ui)
{
    if (!ui->options.window_close) {
        return;
    }
    if (ui->closing || !runstate_is_running()) {
        runstate_request_shutdown(SHUTDOWN_HOST_QUIT);
    } else {
        runstate_request_powerdown();
    }
    ui->closing = true;
    for (unsigned i = 0; i < ui->count; i++) {
        sdl_update_title(ui, &ui->windows[i]);
    }
}

static void handle_window(struct sdl_ui *ui, const SDL_WindowEvent *e)
{
    struct sdl_window *w = sdl_window_of(ui, e->windowID);

    if (!w) {
        return;
    }
    switch (e->event) {
    case SDL_WINDOWEVENT_CLOSE:
        handle_close(ui);
        break;
    case SDL_WINDOWEVENT_SIZE_CHANGED:
        w->resized_at = clock_now(CLK_REALTIME);
        w->redraw = true;
        break;
    case SDL_WINDOWEVENT_EXPOSED:
        w->redraw = true;
        break;
    case SDL_WINDOWEVENT_SHOWN:
    case SDL_WINDOWEVENT_RESTORED:
        w->shown = w->redraw = true;
        break;
    case SDL_WINDOWEVENT_HIDDEN:
    case SDL_WINDOWEVENT_MINIMIZED:
        w->shown = false;
        break;
    case SDL_WINDOWEVENT_FOCUS_LOST:
        sdl_set_grab(ui, w, false);
        release_all(ui);
        break;
    }
}

void sdl_handle_event(struct sdl_ui *ui, const SDL_Event *e)
{
    switch (e->type) {
    case SDL_KEYDOWN:
    case SDL_KEYUP:
        handle_key(ui, &e->key);
        break;
    case SDL_MOUSEMOTION:
        handle_motion(ui, &e->motion);
        break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP:
        handle_button(ui, &e->button);
        break;
    case SDL_MOUSEWHEEL:
        handle_wheel(ui, &e->wheel);
        break;
    case SDL_WINDOWEVENT:
        handle_window(ui, &e->window);
        break;
    }
}
