/* SPDX-License-Identifier: MIT */
/* What an adapter in text mode shows, as characters. Device lock held. */
#ifndef UI_TEXT_H
#define UI_TEXT_H

#include "hw/display/source.h"

struct text_cell {
    uint8_t ch, attr; /* code page 437; the adapter's attribute */
};

struct text_screen {
    unsigned columns, rows;
    struct text_cell *cells; /* rows without gaps */
    int cursor_x, cursor_y;  /* -1: none on the screen */
    bool blink;              /* attribute bit 7 blinks, else it makes the background bright */
};

/* False unless the adapter is in text mode. Free with text_screen_free(). */
bool text_screen_take(const struct display_source *source, struct text_screen *t);
void text_screen_free(struct text_screen *t);

/* The character as Unicode; control characters are the symbols adapters draw for them. */
uint32_t text_unicode(uint8_t ch);

/*
 * The screen as UTF-8, a line each, trailing blanks removed; NULL unless in text mode. Free with
 * g_free().
 */
char *text_dump(const struct display_source *source);

#endif
