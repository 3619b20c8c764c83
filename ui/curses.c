/* SPDX-License-Identifier: MIT */
/*
 * The curses front end: the text mode of the primary display in the terminal doppel was started
 * from. It runs on the main loop, by a timer that looks at the keys and at the screen.
 * A terminal tells characters and not keys: they become keysyms, and those keys by the layout of -k.
 */
#define _XOPEN_SOURCE_EXTENDED 1
#include "ui/frontend.h"

#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include "chardev/chardev.h"
#include "hw/core/clock.h"
#include "system/mainloop.h"
#include "system/runstate.h"
#include "ui/display.h"
#include "ui/input.h"
#include "ui/keymap.h"
#include "ui/text.h"
#include "util/error.h"

#define LOOK_NS      (33 * NS_PER_MS)
#define KEYS_AT_ONCE 8
#define MESSAGE_NS   (5 * NS_PER_SEC)
#define ESCAPE_CHAR  0x01 /* Ctrl-a */
#define COLOURS      8
#define PAIR(f, b)   ((short)((f)*COLOURS + (b) + 1))

static struct {
    struct display *display;
    struct display_viewer *viewer; /* keeps it */
    SCREEN *screen;
    struct timer timer;
    struct fd_watch *watch;
    bool escape;           /* Ctrl-a was typed */
    bool meta;             /* ESC was typed: what follows at once comes with Alt */
    bool redraw;           /* though nothing has changed */
    const char *message;   /* at the bottom ... */
    int64_t message_until; /* ... until then, CLK_REALTIME */
    struct text_screen shown;
    unsigned width, height; /* of the graphics mode shown, 0: text */
} tty;

/* --- keys --------------------------------------------------------------------------------------- */

enum { MOD_SHIFT = KEYMAP_SHIFT, MOD_ALTGR = KEYMAP_ALTGR, MOD_CTRL = 4, MOD_ALT = 8 };

#define SYM_BACKSPACE 0xff08
#define SYM_TAB       0xff09
#define SYM_RETURN    0xff0d
#define SYM_ESCAPE    0xff1b
#define SYM_DELETE    0xffff
#define SYM_F1        0xffbe

/* Lowest bit first. */
static const uint16_t modifier_syms[] = {0xffe1, 0xfe03, 0xffe3, 0xffe9};

static void send_modifiers(unsigned modifiers, bool down)
{
    struct keymap_key key;

    for (unsigned i = 0; i < ARRAY_SIZE(modifier_syms); i++) {
        if ((modifiers >> i & 1) && keymap_find(modifier_syms[i], &key)) {
            input_send_key(key.code, down);
        }
    }
}

static void send_found(const struct keymap_key *key, unsigned modifiers)
{
    send_modifiers(modifiers | key->modifiers, true);
    input_send_key(key->code, true);
    input_send_key(key->code, false);
    send_modifiers(modifiers | key->modifiers, false);
}

static void send_sym(uint32_t keysym, unsigned modifiers)
{
    struct keymap_key key;

    if (keymap_find(keysym, &key)) {
        send_found(&key, modifiers);
    }
}

static void send_char(uint32_t c, unsigned modifiers)
{
    struct keymap_key key;

    if (keymap_find_char(c, &key)) {
        send_found(&key, modifiers);
    }
}

/* Keys that are no characters. */
static const struct {
    int code;
    uint16_t keysym;
    uint8_t modifiers;
} special_keys[] = {
    {KEY_DOWN, 0xff54, 0},
    {KEY_UP, 0xff52, 0},
    {KEY_LEFT, 0xff51, 0},
    {KEY_RIGHT, 0xff53, 0},
    {KEY_HOME, 0xff50, 0},
    {KEY_END, 0xff57, 0},
    {KEY_PPAGE, 0xff55, 0},
    {KEY_NPAGE, 0xff56, 0},
    {KEY_IC, 0xff63, 0},
    {KEY_DC, SYM_DELETE, 0},
    {KEY_BACKSPACE, SYM_BACKSPACE, 0},
    {KEY_ENTER, 0xff8d, 0},
    {KEY_BTAB, SYM_TAB, MOD_SHIFT},
    {KEY_SLEFT, 0xff51, MOD_SHIFT},
    {KEY_SRIGHT, 0xff53, MOD_SHIFT},
    {KEY_SR, 0xff52, MOD_SHIFT},
    {KEY_SF, 0xff54, MOD_SHIFT},
    {KEY_SHOME, 0xff50, MOD_SHIFT},
    {KEY_SEND, 0xff57, MOD_SHIFT},
    {KEY_SDC, SYM_DELETE, MOD_SHIFT},
    {KEY_SIC, 0xff63, MOD_SHIFT},
    {KEY_B2, 0xff9d, 0},
};

/* Terminals count on with Shift from F13 and with Ctrl from F25. */
static bool send_function_key(int code, unsigned modifiers)
{
    static const uint8_t banks[] = {0, MOD_SHIFT, MOD_CTRL, MOD_SHIFT | MOD_CTRL};
    unsigned n = (unsigned)(code - KEY_F(1));

    if (code < KEY_F(1) || n >= 12 * ARRAY_SIZE(banks)) {
        return false;
    }
    send_sym(SYM_F1 + n % 12, modifiers | banks[n / 12]);
    return true;
}

static void send_special(int code, unsigned modifiers)
{
    if (send_function_key(code, modifiers)) {
        return;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(special_keys); i++) {
        if (special_keys[i].code == code) {
            send_sym(special_keys[i].keysym, modifiers | special_keys[i].modifiers);
        }
    }
}

/* Characters below the space, and DEL. */
static void send_control(uint32_t c, unsigned modifiers)
{
    switch (c) {
    case '\b':
    case 0x7f:
        send_sym(SYM_BACKSPACE, modifiers);
        break;
    case '\t':
        send_sym(SYM_TAB, modifiers);
        break;
    case '\r':
    case '\n':
        send_sym(SYM_RETURN, modifiers);
        break;
    case 0:
        send_char(' ', modifiers | MOD_CTRL);
        break;
    default:
        send_char(c <= 26 ? c - 1 + 'a' : c + 0x40, modifiers | MOD_CTRL);
    }
}

/* --- our own keys ------------------------------------------------------------------------------- */

static void say(const char *text)
{
    tty.message = text;
    tty.message_until = clock_now(CLK_REALTIME) + MESSAGE_NS;
    tty.redraw = true;
}

static void own_end(uint32_t c)
{
    runstate_request_shutdown(SHUTDOWN_HOST_QUIT);
}

static void own_powerdown(uint32_t c)
{
    runstate_request_powerdown();
    say("The guest has been asked to power down.");
}

static void own_escape(uint32_t c)
{
    send_char('a', MOD_CTRL);
}

static void own_delete(uint32_t c)
{
    send_sym(SYM_DELETE, MOD_CTRL | MOD_ALT);
}

static void own_console(uint32_t c)
{
    send_sym(SYM_F1 + (c - '1'), MOD_CTRL | MOD_ALT);
}

static void own_redraw(uint32_t c)
{
    clearok(curscr, TRUE);
    tty.redraw = true;
}

static void own_help(uint32_t c)
{
    say("Ctrl-a, then x: end  p: power down  a: Ctrl-a  d: Ctrl-Alt-Del  1-9: Ctrl-Alt-F1-F9  "
        "l: redraw");
}

static const struct {
    char first, last;
    void (*run)(uint32_t c);
} own_keys[] = {
    {'x', 'x', own_end},      {'p', 'p', own_powerdown}, {'a', 'a', own_escape},
    {0x01, 0x01, own_escape}, {'d', 'd', own_delete},    {'1', '9', own_console},
    {'l', 'l', own_redraw},   {'h', 'h', own_help},      {'?', '?', own_help},
};

static void run_own(uint32_t c)
{
    for (unsigned i = 0; i < ARRAY_SIZE(own_keys); i++) {
        if (c >= (uint8_t)own_keys[i].first && c <= (uint8_t)own_keys[i].last) {
            own_keys[i].run(c);
        }
    }
}

static void take_char(uint32_t c)
{
    unsigned modifiers = tty.meta ? MOD_ALT : 0;

    tty.meta = false;
    if (tty.escape) {
        tty.escape = false;
        run_own(c);
    } else if (c == ESCAPE_CHAR) {
        tty.escape = true;
    } else if (c == 0x1b && !modifiers) {
        tty.meta = true;
    } else if (c == 0x1b) {
        send_sym(SYM_ESCAPE, modifiers);
    } else if (c < ' ' || c == 0x7f) {
        send_control(c, modifiers);
    } else {
        send_char(c, modifiers);
    }
}

/* What is pasted comes at a pace at which a guest can read it. */
static void read_keys(void)
{
    int kind = OK;
    wint_t c;

    for (unsigned i = 0; i < KEYS_AT_ONCE && (kind = get_wch(&c)) != ERR; i++) {
        if (kind == KEY_CODE_YES && c == KEY_RESIZE) {
            own_redraw(0);
        } else if (kind == KEY_CODE_YES) {
            send_special((int)c, tty.meta ? MOD_ALT : 0);
            tty.meta = false;
        } else {
            take_char(c);
        }
    }
    if (tty.meta && kind == ERR) { /* nothing came with it */
        tty.meta = false;
        send_sym(SYM_ESCAPE, 0);
    }
}

/* --- the screen --------------------------------------------------------------------------------- */

static void init_colours(void)
{
    start_color();
    for (short f = 0; f < COLOURS; f++) {
        for (short b = 0; b < COLOURS; b++) {
            init_pair(PAIR(f, b), f, b);
        }
    }
}

/* Attributes have red and blue the other way round. */
static short colour_of(unsigned bits)
{
    return (short)((bits & 1) << 2 | (bits & 2) | (bits >> 2 & 1));
}

static void draw_cell(const struct text_screen *t, int x, int y, struct text_cell cell)
{
    wchar_t text[2] = {(wchar_t)text_unicode(cell.ch), 0};
    attr_t attr = (cell.attr & 0x08 ? A_BOLD : 0) | (t->blink && cell.attr & 0x80 ? A_BLINK : 0);
    cchar_t c;

    setcchar(&c, text, attr, PAIR(colour_of(cell.attr), colour_of(cell.attr >> 4)), NULL);
    mvadd_wch(y, x, &c);
}

/* A terminal that is too small shows the part the cursor is in. */
static int first_row(const struct text_screen *t)
{
    return MAX(MIN(t->cursor_y, (int)t->rows - 1) - LINES + 1, 0);
}

static void draw_text(const struct text_screen *t)
{
    int top = first_row(t);

    for (int y = 0; y < LINES && top + y < (int)t->rows; y++) {
        for (int x = 0; x < COLS && x < (int)t->columns; x++) {
            draw_cell(t, x, y, t->cells[(size_t)(top + y) * t->columns + (size_t)x]);
        }
    }
    curs_set(t->cursor_x >= 0);
    if (t->cursor_x >= 0) {
        move(t->cursor_y - top, MIN(t->cursor_x, COLS - 1));
    }
}

static void draw_graphics(const struct display_mode *m)
{
    if (m->kind == DISPLAY_BLANK) {
        mvprintw(LINES / 2, 0, "The screen is off.");
    } else {
        mvprintw(LINES / 2, 0, "%u x %u graphics", m->width, m->height);
    }
    curs_set(0);
}

static void draw_message(void)
{
    int y, x;

    if (tty.message && clock_now(CLK_REALTIME) >= tty.message_until) {
        tty.message = NULL;
    }
    if (tty.message) {
        getyx(stdscr, y, x);
        attron(A_REVERSE);
        mvaddnstr(LINES - 1, 0, tty.message, COLS);
        attroff(A_REVERSE);
        move(y, x);
    }
}

static bool same_text(const struct text_screen *a, const struct text_screen *b)
{
    return a->cells && b->cells && a->columns == b->columns && a->rows == b->rows &&
           a->cursor_x == b->cursor_x && a->cursor_y == b->cursor_y && a->blink == b->blink &&
           !memcmp(a->cells, b->cells, (size_t)a->columns * a->rows * sizeof(*a->cells));
}

/* Draw what there is now if it differs from what is shown. */
static void show(struct text_screen *t, const struct display_mode *m)
{
    bool same = t->cells ? same_text(t, &tty.shown)
                         : !tty.shown.cells && m->width == tty.width && m->height == tty.height;

    if (same && !tty.redraw && !tty.message) {
        text_screen_free(t);
        return;
    }
    text_screen_free(&tty.shown);
    tty.shown = *t;
    tty.width = m->width;
    tty.height = m->height;
    tty.redraw = tty.message != NULL;
    erase();
    t->cells ? draw_text(t) : draw_graphics(m);
    draw_message();
    refresh();
}

static void look(void *opaque)
{
    const struct display_source *source = display_source_of(tty.display);
    struct text_screen t = {.cells = NULL};
    struct display_mode m = {.kind = DISPLAY_BLANK};

    read_keys();
    if (display_device(tty.display) && !text_screen_take(source, &t)) {
        source->ops->mode(source->opaque, &m);
    }
    show(&t, &m);
    timer_arm(&tty.timer, clock_now(CLK_REALTIME) + LOOK_NS);
}

static void terminal_gone(void *opaque, unsigned events)
{
    fd_watch_free(tty.watch);
    tty.watch = NULL;
    runstate_request_shutdown(SHUTDOWN_HOST_SIGNAL);
}

/* --- life --------------------------------------------------------------------------------------- */

static int check(const char *options, struct error **err)
{
    if (*options) {
        error_set(err, "-display curses takes no options");
        return -EINVAL;
    }
    if (!display_find(NULL, 0)) {
        error_set(err, "-display curses: the machine has no display adapter");
        return -ENODEV;
    }
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        error_set(err, "-display curses: standard input and output are no terminal");
        return -ENOTTY;
    }
    return 0;
}

static int curses_start(const struct frontend_config *config, const char *options,
                        struct error **err)
{
    int ret = check(options, err);

    if (ret < 0) {
        return ret;
    }
    ret = chardev_take_stdio(err);
    if (ret < 0) {
        error_prepend(err, "-display curses: ");
        return ret;
    }
    setlocale(LC_CTYPE, "");
    set_escdelay(25);
    tty.screen = newterm(NULL, stdout, stdin);
    if (!tty.screen) {
        error_set(err, "-display curses: curses does not know this terminal");
        return -ENODEV;
    }
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    init_colours();
    tty.display = display_find(NULL, 0);
    tty.viewer = display_viewer_new(tty.display);
    tty.redraw = true;
    timer_init(&tty.timer, CLK_REALTIME, look, NULL);
    tty.watch = fd_watch_new(STDIN_FILENO, 0, terminal_gone, NULL);
    say("Ctrl-a h: help");
    look(NULL);
    return 0;
}

static void curses_stop(void)
{
    if (tty.watch) {
        fd_watch_free(tty.watch);
    }
    display_viewer_free(tty.viewer);
    timer_fini(&tty.timer);
    text_screen_free(&tty.shown);
    endwin();
    delscreen(tty.screen);
}

const struct frontend curses_frontend = {.name = "curses",
                                         .help = "text screens in this terminal",
                                         .terminal = true,
                                         .start = curses_start,
                                         .stop = curses_stop};
