/* SPDX-License-Identifier: MIT */
/* Text modes as characters. Code page 437 is what adapters' fonts contain, unless a guest has
 * loaded its own. */
#include "ui/text.h"

#include <glib.h>

#define CELLS_MAX 0x10000u /* a plane's worth */

static const char low_half[] = " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼";
static const char high_half[] = "⌂"
                                "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»"
                                "░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀"
                                "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";

uint32_t text_unicode(uint8_t ch)
{
    if (ch >= 0x20 && ch < 0x7f) {
        return ch;
    }
    const char *half = ch < 0x20 ? low_half : high_half;
    return g_utf8_get_char(g_utf8_offset_to_pointer(half, ch < 0x20 ? ch : ch - 0x7f));
}

/* --- the screen --------------------------------------------------------------------------------- */

/* The guest writes what we read. */
#define racy __attribute__((no_sanitize("thread")))

static racy struct text_cell cell_at(const struct display_mode *m, const uint8_t *memory,
                                     uint32_t size, uint32_t addr)
{
    uint64_t off = 4ull * display_plane_address(m, addr, 0);

    return range_fits(off, 2, size) ? (struct text_cell){memory[off], memory[off + 1]}
                                    : (struct text_cell){.ch = 0};
}

/* The cursor has a display address of 16 bits, like the cells. */
static void place_cursor(struct text_screen *t, const struct display_mode *m, unsigned x,
                         unsigned y)
{
    bool shown = m->cursor_first <= m->cursor_last && m->cursor_first < m->cell_height;

    if (shown && ((m->start + y * m->stride + x) & 0xffff) == m->cursor) {
        t->cursor_x = (int)x;
        t->cursor_y = (int)y;
    }
}

bool text_screen_take(const struct display_source *source, struct text_screen *t)
{
    struct display_mode m;
    uint32_t size;
    const uint8_t *memory = source->ops->memory(source->opaque, &size);

    source->ops->mode(source->opaque, &m);
    if (m.kind != DISPLAY_TEXT || (uint64_t)m.columns * m.rows > CELLS_MAX) {
        return false;
    }
    *t = (struct text_screen){m.columns, m.rows, NULL, -1, -1, m.blink};
    t->cells = g_new0(struct text_cell, (gsize)m.columns * m.rows);
    for (unsigned i = 0; i < m.columns * m.rows; i++) {
        unsigned x = i % m.columns, y = i / m.columns;

        t->cells[i] = cell_at(&m, memory, size, m.start + y * m.stride + x);
        place_cursor(t, &m, x, y);
    }
    return true;
}

void text_screen_free(struct text_screen *t)
{
    g_free(t->cells);
    t->cells = NULL;
}

/* --- as text ------------------------------------------------------------------------------------ */

static void append_row(GString *out, const struct text_cell *cells, unsigned columns)
{
    gsize line = out->len;

    for (unsigned x = 0; x < columns; x++) {
        g_string_append_unichar(out, text_unicode(cells[x].ch));
    }
    while (out->len > line && out->str[out->len - 1] == ' ') {
        g_string_truncate(out, out->len - 1);
    }
    g_string_append_c(out, '\n');
}

char *text_dump(const struct display_source *source)
{
    struct text_screen t;

    if (!text_screen_take(source, &t)) {
        return NULL;
    }
    GString *out = g_string_new(NULL);
    for (unsigned y = 0; y < t.rows; y++) {
        append_row(out, t.cells + (gsize)y * t.columns, t.columns);
    }
    text_screen_free(&t);
    return g_string_free(out, FALSE);
}
