/* SPDX-License-Identifier: MIT */
/*
 * Displays: what a guest's screens show, as pictures in the host's memory.
 *
 * An adapter registers a display per head with its source (hw/display/source.h). Viewers (VNC, a
 * window, screendump) pull: display_begin() brings the picture up to date from video memory, for
 * all viewers at once, and says what changed since this viewer looked last. A display nobody pulls
 * costs nothing; one that does not change costs a look at the dirty bits per pull.
 *
 * Threads and locks: adapters call with the device lock held. Viewers may live on any thread, with
 * or without the device lock; display_begin() takes it for some microseconds (to read registers and
 * dirty bits, never while it draws). Between display_begin() and display_end() the display is
 * locked for other viewers, and its caller must not take the device lock: copy what changed and
 * leave. A viewer itself belongs to one thread at a time.
 */
#ifndef UI_DISPLAY_H
#define UI_DISPLAY_H

#include "hw/display/source.h"
#include "util/base.h"
#include "util/bits.h"

struct device;
struct display;
struct display_viewer;

#define DISPLAY_TILE     16u    /* pixels: changes are told in squares of this size */
#define DISPLAY_SIDE_MAX 16384u /* pixels */

/* --- for adapters -------------------------------------------------------------------------------- */

/*
 * A new display that shows `source` (copied; its opaque lives until display_unregister()); the first
 * one registered is the primary one. `dev` and `head` name it for -display, -vnc and screendump.
 */
struct display *display_register(const struct display_source *source, struct device *dev,
                                 unsigned head);

/* The adapter goes: viewers keep a blank display. Returns when nobody reads video memory. */
void display_unregister(struct display *d);

/*
 * To be called before memory that the source has named is freed or reused while the display stays,
 * when mode() already names another: waits until nobody draws from it.
 */
void display_memory_going(struct display *d);

/* --- for viewers --------------------------------------------------------------------------------- */

/* Device lock held. NULL: there is none. dev NULL: the primary display. */
struct display *display_find(struct device *dev, unsigned head);

/* Look at a display, which exists until the last viewer is freed. Device lock held for both. */
struct display_viewer *display_viewer_new(struct display *d);
void display_viewer_free(struct display_viewer *v);

struct display_frame {
    /* The picture: rows of `width` pixels, 00RRGGBB, without gaps; never empty. */
    unsigned width, height;
    const uint32_t *pixels;
    /* What has changed for this viewer: bit y * columns + x is tile (x, y). */
    unsigned columns, rows;
    const unsigned long *changed;
    bool any_changed;
    bool resized; /* width or height differ from the last frame, or this is the first */
    /* The pointer the adapter draws, not part of the picture; serial changes with its shape. */
    const struct display_cursor *cursor;
    bool text; /* the adapter is in text mode */
};

/* Fill f; valid until display_end(), which forgets the changes told. */
void display_begin(struct display_viewer *v, struct display_frame *f);
void display_end(struct display_viewer *v);

/* Is tile (x, y) changed? */
static inline bool display_tile_changed(const struct display_frame *f, unsigned x, unsigned y)
{
    return bits_test(f->changed, (size_t)y * f->columns + x);
}

/*
 * The viewer's window has this size now, 0 by 0: the window is gone. Device lock held. Returns
 * false if the adapter cannot tell its guest.
 */
bool display_suggest_size(struct display *d, unsigned width, unsigned height);

/* The adapter, NULL once it is gone; and which of its heads. Device lock held. */
struct device *display_device(const struct display *d);
unsigned display_head(const struct display *d);

/* Of a viewer's display, or of a display. */
struct display *display_of(const struct display_viewer *v);
const struct display_source *display_source_of(const struct display *d);

#endif
