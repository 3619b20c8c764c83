/* SPDX-License-Identifier: MIT */
/* The parts of the SDL front end: windows and what is drawn (sdl.c), what the user does in them
 * (sdl_input.c). All of it runs on one thread, which is the only one that calls SDL. */
#ifndef UI_SDL_INT_H
#define UI_SDL_INT_H

/* Before base.h, whose always_inline would break it. */
#include <SDL.h>

#include "ui/display.h"
#include "ui/input.h"

enum sdl_grab_keys { SDL_GRAB_CTRL_ALT, SDL_GRAB_SHIFT_CTRL_ALT, SDL_GRAB_RIGHT_CTRL };

struct sdl_options {
    int grab_mod; /* enum sdl_grab_keys */
    bool window_close, show_cursor, full_screen;
};

struct sdl_window {
    struct display *display;
    struct display_viewer *viewer;
    unsigned head;

    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture;
    unsigned width, height; /* of the picture */
    bool shown, full_screen;
    bool redraw; /* expose, resize: though nothing changed */

    int64_t resized_at; /* CLK_REALTIME; 0: the user has not changed the size since it was told */

    /* The guest's pointer, where it is not in the picture. */
    struct display_cursor cursor;
    SDL_Cursor *host_cursor;
    SDL_Texture *cursor_texture;
};

struct sdl_ui {
    struct sdl_options options;
    struct sdl_window *windows;
    unsigned count;

    struct input_source source;
    struct input_listener listener;
    bool absolute;  /* atomic: written with the device lock */
    bool grabbed;   /* the keyboard is ours, and without a tablet the pointer */
    bool closing;   /* the user has closed a window once */
    bool swallowed; /* the last key that went down belongs to a combination of ours */
    unsigned buttons;
};

/* --- sdl.c -------------------------------------------------------------------------------------- */

struct sdl_window *sdl_window_of(struct sdl_ui *ui, uint32_t id);
/* Where in the window the picture is. */
SDL_Rect sdl_picture_rect(const struct sdl_window *w);
void sdl_set_full_screen(struct sdl_window *w, bool on);
/* The window's size becomes the picture's. */
void sdl_fit_window(struct sdl_window *w);
void sdl_update_title(struct sdl_ui *ui, struct sdl_window *w);
void sdl_set_grab(struct sdl_ui *ui, struct sdl_window *w, bool on);
/* Which pointer the user sees in the window. */
void sdl_update_pointer(struct sdl_ui *ui, struct sdl_window *w);

/* --- sdl_input.c -------------------------------------------------------------------------------- */

void sdl_handle_event(struct sdl_ui *ui, const SDL_Event *e);

#endif
