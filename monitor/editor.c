/* SPDX-License-Identifier: MIT */
/*
 * The line editor. Keys: arrows, Home, End, Delete, Tab; Ctrl-A B C D E F H K L N P T U W Y and
 * Alt-B D F as in Emacs. It speaks ECMA-48 and assumes nothing about the terminal but that it wraps
 * no line (a longer one is still right when entered). Characters are bytes; UTF-8 is moved over and
 * deleted whole.
 */
#include "monitor/editor.h"

#include <stdio.h>

enum escape_state { ESC_NONE, ESC_START, ESC_CSI, ESC_SS3 };

struct editor {
    const struct editor_ops *ops;
    void *opaque;
    char *prompt;
    bool echo;
    GString *line;
    size_t pos;       /* of the cursor in line */
    size_t shown_pos; /* columns right of the prompt the cursor is on the screen */
    size_t shown_end; /* columns of the line on the screen */
    GString *killed;
    GPtrArray *history;
    unsigned recalled; /* index in history; its length: the line being typed */
    char *typed;       /* that line while an older one is shown */
    enum escape_state escape;
    unsigned param; /* of the escape sequence */
    bool last_was_tab, last_was_cr;
};

static void put(struct editor *e, const char *text, size_t len)
{
    if (e->echo && len) {
        e->ops->output(e->opaque, text, len);
    }
}

static bool continues(const struct editor *e, size_t pos)
{
    return pos < e->line->len && ((uint8_t)e->line->str[pos] & 0xc0) == 0x80;
}

static size_t columns(const struct editor *e, size_t from, size_t to)
{
    size_t n = 0;

    for (; from < to; from++) {
        n += !continues(e, from);
    }
    return n;
}

static void move_shown(struct editor *e, size_t column)
{
    char text[32];
    size_t from = e->shown_pos;
    int n = column < from ? snprintf(text, sizeof(text), "\033[%zuD", from - column)
                          : snprintf(text, sizeof(text), "\033[%zuC", column - from);

    if (column != from) {
        put(e, text, (size_t)n);
    }
    e->shown_pos = column;
}

/* The cursor is right of a prompt and nothing of the line is on the screen. */
static void nothing_shown(struct editor *e)
{
    e->shown_pos = e->shown_end = 0;
}

static void set_pos(struct editor *e, size_t pos)
{
    e->pos = pos;
    move_shown(e, columns(e, 0, pos));
}

/* Show everything from byte `from` on again and put the cursor where it belongs. */
static void redraw_from(struct editor *e, size_t from)
{
    move_shown(e, columns(e, 0, from));
    put(e, e->line->str + from, e->line->len - from);
    e->shown_pos = columns(e, 0, e->line->len);
    if (e->shown_end > e->shown_pos) {
        put(e, "\033[K", 3);
    }
    e->shown_end = e->shown_pos;
    move_shown(e, columns(e, 0, e->pos));
}

static void set_line(struct editor *e, const char *text)
{
    g_string_assign(e->line, text);
    e->pos = e->line->len;
    redraw_from(e, 0);
}

static size_t before(const struct editor *e, size_t pos)
{
    while (pos && continues(e, --pos)) {
    }
    return pos;
}

static size_t after(const struct editor *e, size_t pos)
{
    if (pos < e->line->len) {
        do {
            pos++;
        } while (continues(e, pos));
    }
    return pos;
}

static bool in_word(const struct editor *e, size_t pos)
{
    return g_ascii_isalnum(e->line->str[pos]) || (uint8_t)e->line->str[pos] >= 0x80;
}

static size_t word_left(const struct editor *e)
{
    size_t pos = e->pos;

    while (pos && !in_word(e, pos - 1)) {
        pos--;
    }
    while (pos && in_word(e, pos - 1)) {
        pos--;
    }
    return pos;
}

/* Of the word up to a blank. */
static size_t blank_left(const struct editor *e)
{
    size_t pos = e->pos;

    while (pos && e->line->str[pos - 1] == ' ') {
        pos--;
    }
    while (pos && e->line->str[pos - 1] != ' ') {
        pos--;
    }
    return pos;
}

static size_t word_right(const struct editor *e)
{
    size_t pos = e->pos;

    while (pos < e->line->len && !in_word(e, pos)) {
        pos++;
    }
    while (pos < e->line->len && in_word(e, pos)) {
        pos++;
    }
    return pos;
}

/* --- changing --------------------------------------------------------------------------------- */

static void erase(struct editor *e, size_t from, size_t to)
{
    g_string_erase(e->line, (gssize)from, (gssize)(to - from));
    e->pos = from;
    redraw_from(e, from);
}

static void kill_range(struct editor *e, size_t from, size_t to)
{
    if (to > from) {
        g_string_truncate(e->killed, 0);
        g_string_append_len(e->killed, e->line->str + from, (gssize)(to - from));
        erase(e, from, to);
    }
}

static void insert(struct editor *e, const char *text, size_t len)
{
    size_t from = e->pos;

    if (e->line->len + len > EDITOR_LINE_MAX) {
        put(e, "\a", 1);
        return;
    }
    g_string_insert_len(e->line, (gssize)from, text, (gssize)len);
    e->pos += len;
    if (e->pos == e->line->len && !continues(e, from)) {
        put(e, text, len); /* at the end: no need to draw again */
        e->shown_pos += columns(e, from, e->pos);
        e->shown_end = e->shown_pos;
    } else {
        redraw_from(e, from);
    }
}

static void transpose(struct editor *e)
{
    if (e->pos && e->line->len > 1) {
        size_t at = e->pos < e->line->len ? e->pos : e->pos - 1;
        char c = e->line->str[at - 1];
        e->line->str[at - 1] = e->line->str[at];
        e->line->str[at] = c;
        e->pos = at + 1;
        redraw_from(e, at - 1);
    }
}

static void clear_screen(struct editor *e)
{
    put(e, "\033[H\033[2J", 7);
    put(e, e->prompt, strlen(e->prompt));
    nothing_shown(e);
    redraw_from(e, 0);
}

/* --- history ---------------------------------------------------------------------------------- */

const char *editor_history(const struct editor *e, unsigned i)
{
    return i < e->history->len ? g_ptr_array_index(e->history, i) : NULL;
}

static void remember(struct editor *e, const char *line)
{
    const char *last = e->history->len ? editor_history(e, e->history->len - 1) : "";

    if (*line && strcmp(line, last)) {
        g_ptr_array_add(e->history, g_strdup(line));
    }
    if (e->history->len > EDITOR_HISTORY_MAX) {
        g_ptr_array_remove_index(e->history, 0);
    }
    e->recalled = e->history->len;
}

static void recall(struct editor *e, unsigned i)
{
    if (e->recalled == e->history->len) {
        g_free(e->typed);
        e->typed = g_strdup(e->line->str);
    }
    e->recalled = i;
    set_line(e, i == e->history->len ? e->typed : editor_history(e, i));
}

static void older(struct editor *e)
{
    if (e->recalled) {
        recall(e, e->recalled - 1);
    }
}

static void newer(struct editor *e)
{
    if (e->recalled < e->history->len) {
        recall(e, e->recalled + 1);
    }
}

/* --- completion ------------------------------------------------------------------------------- */

static size_t common_prefix(const GPtrArray *words)
{
    const char *first = g_ptr_array_index(words, 0);
    size_t len = strlen(first);

    for (unsigned i = 1; i < words->len; i++) {
        const char *word = g_ptr_array_index(words, i);
        size_t n = 0;
        while (n < len && word[n] == first[n]) {
            n++;
        }
        len = n;
    }
    return len;
}

static void list_candidates(struct editor *e, const GPtrArray *words)
{
    size_t widest = 0, column = 0;

    for (unsigned i = 0; i < words->len; i++) {
        widest = MAX(widest, strlen(g_ptr_array_index(words, i)));
    }
    widest = MIN(widest + 2, (size_t)80);
    put(e, "\r\n", 2);
    for (unsigned i = 0; i < words->len; i++) {
        char *cell = g_strdup_printf("%-*s", (int)widest, (char *)g_ptr_array_index(words, i));
        put(e, cell, strlen(cell));
        g_free(cell);
        column += widest;
        if (column + widest > 80 || i + 1 == words->len) {
            put(e, "\r\n", 2);
            column = 0;
        }
    }
    put(e, e->prompt, strlen(e->prompt));
    nothing_shown(e);
    redraw_from(e, 0);
}

static void complete(struct editor *e)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    size_t start = e->pos;

    e->ops->complete(e->opaque, e->line->str, e->pos, words, &start);
    size_t have = e->pos - start, common = words->len ? common_prefix(words) : 0;
    if (!words->len) {
        put(e, "\a", 1);
    } else if (common > have) {
        insert(e, (const char *)g_ptr_array_index(words, 0) + have, common - have);
    } else if (words->len > 1 && e->last_was_tab) {
        list_candidates(e, words);
    }
    if (words->len == 1 && common >= have) {
        const char *word = g_ptr_array_index(words, 0);
        size_t len = strlen(word);
        if (len && word[len - 1] != '/' && word[len - 1] != '=') {
            insert(e, " ", 1);
        }
    }
    g_ptr_array_free(words, TRUE);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void enter(struct editor *e)
{
    char *line = g_strdup(e->line->str);

    set_pos(e, e->line->len);
    put(e, "\r\n", 2);
    remember(e, line);
    g_string_truncate(e->line, 0);
    e->pos = 0;
    nothing_shown(e);
    e->ops->line(e->opaque, line);
    g_free(line);
}

static void abandon(struct editor *e)
{
    put(e, "^C\r\n", 4);
    g_string_truncate(e->line, 0);
    e->pos = 0;
    nothing_shown(e);
    e->recalled = e->history->len;
    put(e, e->prompt, strlen(e->prompt));
}

static void control(struct editor *e, uint8_t byte)
{
    switch (byte) {
    case 1: /* Ctrl-A */
        set_pos(e, 0);
        break;
    case 2: /* Ctrl-B */
        set_pos(e, before(e, e->pos));
        break;
    case 3: /* Ctrl-C */
        abandon(e);
        break;
    case 4: /* Ctrl-D */
        erase(e, e->pos, after(e, e->pos));
        break;
    case 5: /* Ctrl-E */
        set_pos(e, e->line->len);
        break;
    case 6: /* Ctrl-F */
        set_pos(e, after(e, e->pos));
        break;
    case 8: /* Backspace */
    case 127:
        erase(e, before(e, e->pos), e->pos);
        break;
    case 9: /* Tab */
        complete(e);
        break;
    case 10: /* Enter */
    case 13:
        enter(e);
        break;
    case 11: /* Ctrl-K */
        kill_range(e, e->pos, e->line->len);
        break;
    case 12: /* Ctrl-L */
        clear_screen(e);
        break;
    case 14: /* Ctrl-N */
        newer(e);
        break;
    case 16: /* Ctrl-P */
        older(e);
        break;
    case 20: /* Ctrl-T */
        transpose(e);
        break;
    case 21: /* Ctrl-U */
        kill_range(e, 0, e->pos);
        break;
    case 23: /* Ctrl-W */
        kill_range(e, blank_left(e), e->pos);
        break;
    case 25: /* Ctrl-Y */
        insert(e, e->killed->str, e->killed->len);
        break;
    case 27:
        e->escape = ESC_START;
        break;
    }
}

static void meta(struct editor *e, uint8_t byte)
{
    switch (byte) {
    case 'b':
        set_pos(e, word_left(e));
        break;
    case 'f':
        set_pos(e, word_right(e));
        break;
    case 'd':
        kill_range(e, e->pos, word_right(e));
        break;
    }
}

/* The last byte of ESC [ n x or ESC O x. */
static void escape_final(struct editor *e, uint8_t byte)
{
    /* "n~" to a letter of its own */
    static const struct {
        unsigned param;
        uint8_t key;
    } tilde[] = {{1, 'H'}, {3, 'x'}, {4, 'F'}, {7, 'H'}, {8, 'F'}};

    for (unsigned i = 0; byte == '~' && i < ARRAY_SIZE(tilde); i++) {
        if (tilde[i].param == e->param) {
            byte = tilde[i].key;
        }
    }
    switch (byte) {
    case 'A':
        older(e);
        break;
    case 'B':
        newer(e);
        break;
    case 'C':
        set_pos(e, e->param >= 5 ? word_right(e) : after(e, e->pos));
        break;
    case 'D':
        set_pos(e, e->param >= 5 ? word_left(e) : before(e, e->pos));
        break;
    case 'H':
        set_pos(e, 0);
        break;
    case 'F':
        set_pos(e, e->line->len);
        break;
    case 'x':
        erase(e, e->pos, after(e, e->pos));
        break;
    }
}

static void escape_byte(struct editor *e, uint8_t byte)
{
    if (e->escape == ESC_START) {
        e->param = 0;
        e->escape = byte == '[' ? ESC_CSI : byte == 'O' ? ESC_SS3 : ESC_NONE;
        if (e->escape == ESC_NONE) {
            meta(e, byte);
        }
    } else if (e->escape == ESC_CSI && g_ascii_isdigit(byte)) {
        e->param = (e->param * 10 + byte - '0') % 1000;
    } else if (e->escape == ESC_CSI && byte == ';') {
        e->param = 0; /* the last parameter counts: modifiers */
    } else {
        e->escape = ESC_NONE;
        if (byte >= 0x40) {
            escape_final(e, byte);
        }
    }
}

void editor_input(struct editor *e, uint8_t byte)
{
    bool after_cr = e->last_was_cr;

    e->last_was_cr = byte == '\r';
    if (byte == 0 || (after_cr && byte == '\n')) {
        return; /* telnet and files end lines with two bytes */
    }
    if (e->escape != ESC_NONE) {
        escape_byte(e, byte);
    } else if (byte < ' ' || byte == 127) {
        control(e, byte);
    } else {
        char c = (char)byte;
        insert(e, &c, 1);
    }
    e->last_was_tab = byte == 9;
}

/* --- life ------------------------------------------------------------------------------------- */

struct editor *editor_new(const struct editor_ops *ops, void *opaque, const char *prompt)
{
    struct editor *e = g_new0(struct editor, 1);

    e->ops = ops;
    e->opaque = opaque;
    e->prompt = g_strdup(prompt);
    e->echo = true;
    e->line = g_string_new(NULL);
    e->killed = g_string_new(NULL);
    e->history = g_ptr_array_new_with_free_func(g_free);
    return e;
}

void editor_free(struct editor *e)
{
    g_ptr_array_free(e->history, TRUE);
    g_string_free(e->killed, TRUE);
    g_string_free(e->line, TRUE);
    g_free(e->typed);
    g_free(e->prompt);
    g_free(e);
}

void editor_set_echo(struct editor *e, bool on)
{
    e->echo = on;
}

void editor_reset(struct editor *e)
{
    g_string_truncate(e->line, 0);
    e->pos = 0;
    nothing_shown(e);
    e->escape = ESC_NONE;
    e->recalled = e->history->len;
}

void editor_prompt(struct editor *e)
{
    e->ops->output(e->opaque, e->prompt, strlen(e->prompt));
    nothing_shown(e);
    redraw_from(e, 0);
}
